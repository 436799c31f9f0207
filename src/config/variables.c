/* variables: what ${NAME} means. The environment comes before the file .env; that file is read as
 * shells and most programs read it: KEY=value, `export` before it, quotes, comments. */
#include "config/inner.h"

static bool begins_name(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static size_t name_len(struct slice s)
{
    size_t n = 0;
    while (n < s.len && (begins_name(s.ptr[n]) || (n && s.ptr[n] >= '0' && s.ptr[n] <= '9')))
        n++;
    return n;
}

bool config_variable(const struct variables *v, struct slice name, struct slice *ret_value)
{
    for (const char *const *e = v->environment; e && *e; e++) {
        struct slice s = slice_of(*e);
        if (s.len > name.len && s.ptr[name.len] == '=' && slice_begins(s, name)) {
            *ret_value = slice_from(s, name.len + 1);
            return true;
        }
    }
    for (size_t i = v->n; i-- > 0;) { /* the last one of a name holds, as in a shell */
        if (slice_is(v->dotenv[i].name, name)) {
            *ret_value = v->dotenv[i].value;
            return true;
        }
    }
    return false;
}

/* ---- ${NAME} -------------------------------------------------------------------------------- */

static enum expanded expand_one(const struct variables *v, struct slice inner, struct text *out,
                                struct slice *ret_name)
{
    size_t n = name_len(inner);
    struct slice name = slice_to(inner, n), rest = slice_from(inner, n), value;
    bool otherwise = slice_begins(rest, SLICE(":-"));
    if (!n || (rest.len && !otherwise))
        return EXPANDED_NOT;
    bool set = config_variable(v, name, &value);
    *ret_name = name;
    if (otherwise && (!set || !value.len)) {
        text_add(out, slice_from(rest, 2));
        return EXPANDED;
    }
    if (!set)
        return EXPANDED_UNSET;
    text_add(out, value);
    return EXPANDED;
}

enum expanded config_expand(const struct variables *v, struct slice s, struct text *out,
                            struct slice *ret_name)
{
    while (s.len) {
        size_t plain = slice_find(s, '$');
        text_add(out, slice_to(s, plain));
        s = slice_from(s, plain);
        if (slice_begins(s, SLICE("$$"))) {
            text_byte(out, '$');
            s = slice_from(s, 2);
        } else if (slice_begins(s, SLICE("${"))) {
            size_t end = slice_find(s, '}');
            if (end == s.len)
                return EXPANDED_NOT;
            enum expanded e = expand_one(v, (struct slice){s.ptr + 2, end - 2}, out, ret_name);
            if (e != EXPANDED)
                return e;
            s = slice_from(s, end + 1);
        } else if (s.len) {
            text_byte(out, '$');
            s = slice_from(s, 1);
        }
    }
    return EXPANDED;
}

/* ---- .env ----------------------------------------------------------------------------------- */

static const char *quoted(struct slice s, struct text *out)
{
    char quote = s.ptr[0];
    size_t i = 1;
    for (; i < s.len && s.ptr[i] != quote; i++) {
        char c = s.ptr[i];
        if (quote == '"' && c == '\\' && i + 1 < s.len) {
            c = s.ptr[++i];
            if (c == 'n' || c == 't' || c == 'r')
                c = c == 'n' ? '\n' : c == 't' ? '\t' : '\r';
            else if (c != '"' && c != '\\' && c != '$')
                text_byte(out, '\\');
        }
        text_byte(out, c);
    }
    if (i >= s.len)
        return "a quote that is not closed in its line";
    struct slice rest = slice_trim(slice_from(s, i + 1));
    return rest.len && rest.ptr[0] != '#' ? "more after the closing quote" : NULL;
}

static void unquoted(struct slice s, struct text *out)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '#' && (i == 0 || s.ptr[i - 1] == ' ' || s.ptr[i - 1] == '\t'))
            s = slice_to(s, i);
    }
    text_add(out, slice_trim(s));
}

/* What is wrong with the line, or NULL. A line without a variable leaves *ret_name empty. */
static const char *read_line(struct slice line, struct slice *ret_name, struct text *value)
{
    line = slice_trim(line);
    *ret_name = (struct slice){0};
    if (!line.len || line.ptr[0] == '#')
        return NULL;
    if (slice_begins(line, SLICE("export ")) || slice_begins(line, SLICE("export\t")))
        line = slice_trim(slice_from(line, 7));
    size_t n = name_len(line);
    struct slice rest = slice_trim(slice_from(line, n));
    if (!n || !rest.len || rest.ptr[0] != '=')
        return "not of the form NAME=value";
    *ret_name = slice_to(line, n);
    rest = slice_from(rest, 1);
    struct slice trimmed = slice_trim(rest);
    if (trimmed.len && (trimmed.ptr[0] == '"' || trimmed.ptr[0] == '\''))
        return quoted(trimmed, value);
    unquoted(rest, value);
    return NULL;
}

static void warn_twice(struct loader *l, const struct source *source, struct slice name,
                       unsigned line)
{
    const struct variables *v = &l->variables;
    for (size_t i = 0; i < v->n; i++) {
        if (!slice_is(v->dotenv[i].name, name))
            continue;
        struct text words = {0};
        text_format(&words, "%.*s stands in line %u too; this one holds", SLICE_ARG(name),
                    v->dotenv[i].line);
        config_say_words(l, CONFIG_WARNING, source, &(struct config_problem){.line = line}, &words);
        return;
    }
}

static void add(struct loader *l, struct slice name, const struct text *value, unsigned line)
{
    struct variable *d = &l->variables.dotenv[l->variables.n];
    d->name = arena_dup(l->arena, name);
    d->value = arena_dup(l->arena, text_slice(value));
    d->line = line;
    if (value->failed || !d->name.ptr || !d->value.ptr)
        l->failed = true;
    else
        l->variables.n++;
}

void config_read_dotenv(struct loader *l, const struct source *source, struct slice text)
{
    unsigned number = 0;
    struct slice line, name;
    struct text value = {0};
    if (slice_begins(text, SLICE("\xef\xbb\xbf")))
        text = slice_from(text, 3);
    l->variables.dotenv = arena_array(l->arena, struct variable, MOST_VARIABLES);
    if (!l->variables.dotenv)
        l->failed = true;
    while (!l->failed && slice_split(&text, '\n', &line)) {
        number++;
        if (slice_ends(line, SLICE("\r")))
            line.len--;
        text_clear(&value);
        const char *wrong = read_line(line, &name, &value);
        if (!wrong && slice_find(line, '\0') < line.len)
            wrong = "a byte 0";
        if (!wrong && name.len && l->variables.n == MOST_VARIABLES)
            wrong = "more than 1,000 variables";
        if (wrong) {
            config_say(l, CONFIG_ERROR, source,
                       &(struct config_problem){.line = number, .text = wrong});
        } else if (name.len) {
            warn_twice(l, source, name, number);
            add(l, name, &value, number);
        }
        if (l->report->errors >= CONFIG_MOST_PROBLEMS)
            break;
    }
    text_fini(&value);
}
