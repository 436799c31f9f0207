/* value: from what stands in a source to what stands in memory. */
#include "config/inner.h"

struct take { /* one value on its way */
    struct loader *l;
    struct arena *arena;
    const struct row *row;
    const char *key;
    const struct setting *setting;
    void *to;
    const char *variable;
};

/* ---- words ---------------------------------------------------------------------------------- */

static void say(const struct take *t, const struct yaml_node *node, struct text *words)
{
    config_say_words(t->l, CONFIG_ERROR, t->setting->source,
                     &(struct config_problem){.line = node->line, .key = t->key}, words);
}

/* `found "x"; allowed: …`: the value of a secret is not told. */
static enum taken refuse(const struct take *t, const struct yaml_node *node, struct slice found)
{
    struct text words = {0};
    if (node->kind == IS_LIST) {
        text_add(&words, SLICE("found a list"));
    } else if (node->kind == IS_MAP) {
        text_add(&words, SLICE("found a map"));
    } else if (t->row->type == SECRET) {
        text_add(&words, SLICE("found a text with other characters, or a too long one"));
    } else if (t->row->type == ENV) {
        text_add(&words, SLICE("found something else"));
    } else {
        text_add(&words, SLICE("found \""));
        text_visible(&words, slice_to(found, min_size(found.len, 100)));
        text_add(&words, found.len > 100 ? SLICE("…\"") : SLICE("\""));
    }
    text_add(&words, SLICE("; allowed: "));
    config_allowed(t->row, &words);
    say(t, node, &words);
    return TAKEN_BAD;
}

/* ---- numbers -------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    uint64_t size;
};
static const struct unit times[] = {{"ms", 1},    {"", 1000},     {"s", 1000},
                                    {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {{"", 1},
                                    {"B", 1},
                                    {"KiB", (uint64_t)1 << 10},
                                    {"MiB", (uint64_t)1 << 20},
                                    {"GiB", (uint64_t)1 << 30},
                                    {"TiB", (uint64_t)1 << 40}};

/* A number, at most three digits of fraction, a unit. */
static bool measure(struct slice s, const struct unit *units, size_t n, uint64_t *ret_n)
{
    size_t digits = 0, fraction_len = 0;
    uint64_t whole, fraction = 0, sum;
    while (digits < s.len && s.ptr[digits] >= '0' && s.ptr[digits] <= '9')
        digits++;
    if (!slice_u64(slice_to(s, digits), &whole))
        return false;
    s = slice_from(s, digits);
    if (slice_begins(s, SLICE("."))) {
        s = slice_from(s, 1);
        for (; fraction_len < s.len && s.ptr[fraction_len] >= '0' && s.ptr[fraction_len] <= '9';
             fraction_len++)
            fraction = fraction * 10 + (uint64_t)(s.ptr[fraction_len] - '0');
        if (!fraction_len || fraction_len > 3)
            return false;
        for (size_t i = fraction_len; i < 3; i++)
            fraction *= 10;
        s = slice_from(s, fraction_len);
    }
    for (size_t i = 0; i < n; i++) {
        if (!slice_is(s, slice_of(units[i].name)))
            continue;
        uint64_t part = fraction * units[i].size;
        if (part % 1000 || __builtin_mul_overflow(whole, units[i].size, &whole) ||
            __builtin_add_overflow(whole, part / 1000, &sum))
            return false;
        *ret_n = sum;
        return true;
    }
    return false;
}

static bool take_number(const struct row *row, struct slice s, uint64_t *to)
{
    uint64_t n = 0;
    if (row->type == KEEP && (slice_is(s, SLICE("forever")) || slice_is(s, SLICE("-1")))) {
        *to = CONFIG_FOREVER;
        return true;
    }
    bool good = row->type == INT     ? slice_u64(s, &n)
                : row->type == BYTES ? measure(s, sizes, COUNT(sizes), &n)
                                     : measure(s, times, COUNT(times), &n);
    if (!good || n < row->least || n > row->most)
        return false;
    *to = n;
    return true;
}

/* [-]DIGITS[.DIGITS], as everybody reads it; compared in millionths. */
static bool is_number(const struct row *row, struct slice s)
{
    uint64_t whole, fraction = 0;
    bool minus = slice_begins(s, SLICE("-"));
    s = slice_from(s, minus);
    size_t dot = slice_find(s, '.');
    struct slice after = slice_from(s, dot);
    if (dot > 12 || !slice_u64(slice_to(s, dot), &whole))
        return false;
    if (after.len) {
        after = slice_from(after, 1);
        if (row->choices[0] || after.len > 6 || !slice_u64(after, &fraction))
            return false;
        for (size_t i = after.len; i < 6; i++)
            fraction *= 10;
    }
    int64_t millionths = (int64_t)(whole * 1000000 + fraction);
    millionths = minus ? -millionths : millionths;
    return millionths >= (int64_t)row->least * 1000 && millionths <= (int64_t)row->most * 1000;
}

static bool is_layers(const struct row *row, struct slice s)
{
    uint64_t n;
    return slice_is(s, SLICE("auto")) || slice_is(s, SLICE("all")) ||
           (slice_u64(s, &n) && n <= row->most);
}

/* ---- words ---------------------------------------------------------------------------------- */

static bool take_bool(struct slice s, bool *to)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"true", true},   {"yes", true}, {"on", true},   {"1", true},
                 {"false", false}, {"no", false}, {"off", false}, {"0", false}};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (slice_is_nocase(s, slice_of(words[i].word))) {
            *to = words[i].value;
            return true;
        }
    }
    return false;
}

static bool take_choice(const char *choices, struct slice s, unsigned *to)
{
    struct slice word;
    unsigned n = 0;
    for (struct slice rest = slice_of(choices); slice_split(&rest, ' ', &word); n++) {
        if (word.len && slice_is(s, word)) {
            *to = n;
            return true;
        }
    }
    return false;
}

/* but: control characters that may stand in it. */
static bool is_clean_but(struct slice s, const char *but)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 || c == 0x7f) && (!c || !strchr(but, c)))
            return false;
    }
    return true;
}

static bool is_clean(struct slice s)
{
    return is_clean_but(s, "");
}

/* It goes into a header: visible ASCII without blanks. */
static bool is_secret(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
            return false;
    }
    return true;
}

static bool is_origin(struct slice s)
{
    size_t colon = slice_find(s, ':');
    struct slice rest = slice_from(s, colon);
    if (!colon || !slice_begins(rest, SLICE("://")) || rest.len == 3 || !is_secret(s))
        return false;
    rest = slice_from(rest, 3);
    return slice_find(rest, '/') == rest.len && slice_find(rest, '*') == rest.len &&
           slice_find(rest, '@') == rest.len;
}

static bool is_word(const struct row *row, struct slice s)
{
    switch (row->type) {
    case SECRET:
        return s.len <= row->most && is_secret(s);
    case LISTEN:
    case PLAIN:
    case HOSTS:
    case ORIGINS:
    case USERS:
        return s.len <= 256 && is_clean(s);
    case NAMES:
    case ALIASES:
        return row->choices[0] ? take_choice(row->choices, s, &(unsigned){0})
                               : s.len >= 1 && s.len <= 256 && is_clean(s);
    case PATHS:
    case ENV:
    case FLAGS:
        return s.len >= 1 && s.len <= 4000 && is_clean(s);
    case TEXT:
    case NAME:
    case PATH:
        return s.len >= row->least && s.len <= row->most && is_clean(s);
    case PROSE:
        return s.len >= row->least && s.len <= row->most && is_clean_but(s, "\n\t");
    case WORD:
        return take_choice(row->choices, s, &(unsigned){0});
    case NUMBER:
        return is_number(row, s);
    case LAYERS:
        return is_layers(row, s);
    case BOOL:
    case INT:
    case TIME:
    case KEEP:
    case BYTES:
    case CHOICE:
        break;
    }
    return false;
}

static bool is_path(struct slice s)
{
    return slice_begins(s, SLICE("/")) || slice_begins(s, SLICE("~/")) || slice_is(s, SLICE("~"));
}

static const char *take_path(struct arena *a, struct slice s, const char *home)
{
    if (slice_is(s, SLICE("~")))
        return arena_cstr(a, slice_of(home));
    if (slice_begins(s, SLICE("~/")))
        return arena_format(a, "%s%.*s", strcmp(home, "/") ? home : "", (int)s.len - 1, s.ptr + 1)
            .ptr;
    return arena_cstr(a, s);
}

/* False when it may not stand there, and when there is no memory, which *failed then says. */
static bool take_scalar(struct arena *a, const struct row *row, struct slice s, const char *home,
                        void *to, bool *failed)
{
    const char *text = NULL;
    bool good = false;
    switch (row->type) {
    case BOOL:
        return take_bool(s, to);
    case INT:
    case TIME:
    case KEEP:
    case BYTES:
        return take_number(row, s, to);
    case CHOICE:
        return take_choice(row->choices, s, to);
    case PATH:
        good = is_word(row, s) && is_path(s);
        text = good ? take_path(a, s, home) : NULL;
        break;
    case TEXT:
    case PROSE:
    case WORD:
    case NUMBER:
    case LAYERS:
    case NAME:
        good = is_word(row, s);
        text = good ? arena_cstr(a, s) : NULL;
        break;
    case SECRET:
        if (!s.len) {
            *(const char **)to = NULL; /* an empty key is none */
            return true;
        }
        good = is_word(row, s);
        text = good ? arena_cstr(a, s) : NULL;
        break;
    case NAMES:
    case ALIASES:
    case PATHS:
    case ENV:
    case FLAGS:
    case LISTEN:
    case PLAIN:
    case HOSTS:
    case ORIGINS:
    case USERS:
        assert(!config_is_list(row));
        break;
    }
    *failed |= good && !text;
    if (text)
        *(const char **)to = text;
    return text != NULL;
}

/* ---- lists ---------------------------------------------------------------------------------- */

static bool is_item(struct arena *a, const struct row *row, struct slice s)
{
    struct config_address address;
    uint32_t uid;
    if (!is_word(row, s))
        return false;
    if (row->type == LISTEN)
        return config_listen_address(a, s, &address);
    if (row->type == PLAIN)
        return config_is_plain(s);
    if (row->type == HOSTS)
        return config_is_host(s);
    if (row->type == USERS)
        return config_user(s, &uid);
    if (row->type == ALIASES)
        return config_is_model_name(s);
    if (row->type == PATHS)
        return is_path(s);
    if (row->type == ENV)
        return config_is_variable(s);
    return row->type != ORIGINS || is_origin(s);
}

/* What an item is kept as; NULL ptr: refused, or no memory. */
static struct slice keep_item(struct take *t, const struct yaml_node *node, struct slice s)
{
    struct slice kept = {0};
    struct text words = {0};
    if (!is_item(t->arena, t->row, s)) {
        refuse(t, node, s);
    } else if (config_is_barred(t->row->type, s, &words)) {
        say(t, node, &words);
    } else {
        kept = t->row->type == PATHS ? slice_of(take_path(t->arena, s, t->l->sources->paths->home))
                                     : arena_dup(t->arena, s);
        t->l->failed |= !kept.ptr;
    }
    text_fini(&words);
    return kept;
}

/* Settings of the environment and the command line are words: nothing is expanded in them, and a
 * list is written with commas. */
static bool is_words(const struct setting *s)
{
    return s->source->rank < FILES;
}

static enum taken expand(struct take *t, const struct yaml_node *node, struct text *out)
{
    struct slice name = {0};
    if (is_words(t->setting)) {
        text_add(out, node->text);
        t->l->failed |= out->failed;
        return TAKEN;
    }
    enum expanded e = config_expand(&t->l->variables, node->text, out, &name);
    t->l->failed |= out->failed;
    if (e == EXPANDED && (out->len || !name.len || t->row->type == SECRET))
        return TAKEN;
    if (e == EXPANDED_NOT) {
        struct text words = {0};
        text_add(&words, SLICE("found ${ without a name and a } after it; allowed: ${NAME}, "
                               "${NAME:-otherwise}, and $$ for a $"));
        say(t, node, &words);
        return TAKEN_BAD;
    }
    t->variable = arena_cstr(t->arena, name); /* not set, or empty where something is needed */
    t->l->failed |= !t->variable;
    return TAKEN_UNSET;
}

static enum taken take_item(struct take *t, const struct yaml_node *item, struct slice *ret_item)
{
    struct text text = {0};
    enum taken result = TAKEN_BAD;
    if (item->kind != IS_SCALAR) {
        result = refuse(t, item, (struct slice){0});
    } else if ((result = expand(t, item, &text)) == TAKEN) {
        *ret_item = keep_item(t, item, text_slice(&text));
        result = ret_item->ptr ? TAKEN : TAKEN_BAD;
    }
    text_fini(&text);
    return result;
}

static enum taken take_words(struct take *t, struct slice *items, size_t *n)
{
    const struct yaml_node *node = t->setting->node;
    struct slice part;
    for (struct slice rest = node->text; slice_split(&rest, ',', &part);) {
        part = slice_trim(part);
        if (!part.len)
            continue;
        items[*n] = keep_item(t, node, part);
        if (!items[*n].ptr)
            return TAKEN_BAD;
        ++*n;
    }
    return TAKEN;
}

static size_t count_items(const struct setting *s)
{
    size_t n = 1;
    if (s->node->kind == IS_LIST)
        return s->node->count;
    for (size_t i = 0; is_words(s) && i < s->node->text.len; i++)
        n += s->node->text.ptr[i] == ',';
    return n;
}

static enum taken take_list(struct take *t)
{
    const struct yaml_node *node = t->setting->node;
    size_t n = 0, count = count_items(t->setting);
    if (count > t->row->most)
        return refuse(t, node, node->text);
    struct slice *items = arena_array(t->arena, struct slice, count);
    if (!items) {
        t->l->failed = true;
        return TAKEN_BAD;
    }
    enum taken result = TAKEN;
    if (node->kind == IS_SCALAR) {
        result = is_words(t->setting) ? take_words(t, items, &n) : take_item(t, node, &items[n++]);
    } else {
        for (const struct yaml_node *i = node->first; i && result == TAKEN; i = i->next)
            result = take_item(t, i, &items[n++]);
    }
    if (result == TAKEN)
        *(struct config_list *)t->to = (struct config_list){items, n};
    return result;
}

/* ---- the two ways in ------------------------------------------------------------------------ */

enum taken config_take(struct loader *l, const struct row *row, const char *key,
                       const struct setting *s, void *base, const char **ret_variable)
{
    struct take t = {.l = l, .arena = l->arena, .row = row, .key = key, .setting = s};
    t.to = (char *)base + row->at;
    enum taken result = TAKEN_BAD;
    if (config_is_list(row)) {
        result = take_list(&t);
    } else if (s->node->kind != IS_SCALAR) {
        result = refuse(&t, s->node, (struct slice){0});
    } else {
        struct text text = {0};
        result = expand(&t, s->node, &text);
        if (result == TAKEN && !take_scalar(l->arena, row, text_slice(&text),
                                            l->sources->paths->home, t.to, &l->failed))
            result = refuse(&t, s->node, text_slice(&text));
        text_fini(&text);
    }
    if (result == TAKEN_UNSET)
        *ret_variable = t.variable;
    return result;
}

void config_say_unset(struct loader *l, enum config_severity severity, const struct setting *s,
                      const char *key, const char *variable)
{
    struct slice value;
    struct text words = {0};
    bool empty = config_variable(&l->variables, slice_of(variable), &value);
    text_format(&words, "the variable %s is %s", variable, empty ? "empty" : "not set");
    text_add(&words, severity == CONFIG_WARNING
                         ? SLICE(", so this provider is switched off")
                         : SLICE("; set it in the environment or in .env, or write ${"));
    if (severity == CONFIG_ERROR)
        text_format(&words, "%s:-otherwise}", variable);
    config_say_words(l, severity, s->source,
                     &(struct config_problem){.line = s->node->line, .key = key}, &words);
}

bool config_take_standard(struct arena *a, const struct row *row, const char *home, void *base)
{
    void *to = (char *)base + row->at;
    struct slice s = slice_of(row->standard), item;
    bool failed = false;
    if (!config_is_list(row))
        return !s.len || take_scalar(a, row, s, home, to, &failed);
    size_t n = 0, room = 1;
    for (size_t i = 0; i < s.len; i++)
        room += s.ptr[i] == ',';
    struct slice *items = arena_array(a, struct slice, room);
    if (!items)
        return false;
    while (s.len && slice_split(&s, ',', &item)) {
        items[n] = arena_dup(a, item);
        if (!items[n].ptr || !is_item(a, row, items[n]))
            return false;
        n++;
    }
    *(struct config_list *)to = (struct config_list){items, n};
    return true;
}
