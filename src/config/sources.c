/* sources: what is read, in the order of its weight. */
#include "config/inner.h"

static void say(struct loader *l, enum config_severity severity, const struct source *source,
                const char *words)
{
    config_say(l, severity, source, &(struct config_problem){.text = words});
}

/* ---- the command line ----------------------------------------------------------------------- */

static void say_word(struct loader *l, const struct source *source, struct slice s)
{
    struct text words = {0};
    text_add(&words, SLICE("found \""));
    text_visible(&words, slice_to(s, min_size(s.len, 100)));
    text_add(&words, SLICE("\"; allowed: path=value, such as log.level=debug"));
    config_say_words(l, CONFIG_ERROR, source, &(struct config_problem){0}, &words);
}

static void gather_command_line(struct loader *l)
{
    const char *const *set = l->sources->set;
    const struct source *source = config_source(l, COMMAND_LINE, "command line");
    size_t n = 0;
    while (set && set[n])
        n++;
    while (source && n-- > 0) { /* the last one of a path holds */
        struct slice s = slice_of(set[n]);
        size_t equals = slice_find(s, '=');
        if (equals == s.len || !equals)
            say_word(l, source, s);
        else
            config_gather_word(l, source, slice_to(s, equals), slice_from(s, equals + 1), 0);
    }
}

/* ---- the environment and .env --------------------------------------------------------------- */

void config_env_name(const struct row *row, struct text *out)
{
    text_add(out, SLICE("HEARTH_"));
    for (const char *p = row->path; *p; p++)
        text_byte(out, *p == '.' ? '_' : *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p);
}

/* A name that is one slip away from a setting's is told, others may be anybody's. */
static void check_name(struct loader *l, const struct source *source, struct slice name,
                       unsigned line)
{
    struct text known = {0}, words = {0};
    size_t best = 3;
    if (!slice_begins(name, SLICE("HEARTH_")) || slice_is(name, SLICE("HEARTH_HOME")))
        return;
    for (size_t i = 0; i < OPTION_COUNT && best; i++) {
        text_clear(&known);
        config_env_name(&config_options[i], &known);
        l->failed |= known.failed;
        size_t d = config_distance(name, text_slice(&known), 2);
        if (d < best) {
            best = d;
            text_clear(&words);
            text_visible(&words, name);
            text_format(&words, " is no setting; is %s meant?", text_cstr(&known));
        }
    }
    if (best && best < 3)
        config_say_words(l, CONFIG_WARNING, source, &(struct config_problem){.line = line}, &words);
    l->failed |= words.failed;
    text_fini(&known);
    text_fini(&words);
}

static const struct variable *find(const struct variables *v, struct slice name)
{
    for (size_t i = v->n; i-- > 0;) {
        if (slice_is(v->dotenv[i].name, name))
            return &v->dotenv[i];
    }
    return NULL;
}

static void gather_environment(struct loader *l)
{
    const struct variables v = {.environment = l->sources->environment};
    const struct source *whole = config_source(l, ENVIRONMENT, "environment");
    struct text name = {0};
    struct slice value;
    for (const char *const *e = v.environment; whole && e && *e; e++) {
        struct slice s = slice_of(*e);
        check_name(l, whole, slice_to(s, slice_find(s, '=')), 0);
    }
    for (size_t i = 0; i < OPTION_COUNT && !l->failed; i++) {
        text_clear(&name);
        config_env_name(&config_options[i], &name);
        l->failed |= name.failed;
        if (!config_variable(&v, text_slice(&name), &value) || !value.len)
            continue;
        struct slice words = arena_format(l->arena, "environment %s", text_cstr(&name));
        const struct source *source = config_source(l, ENVIRONMENT, words.ptr);
        if (source)
            config_gather_word(l, source, slice_of(config_options[i].path), value, 0);
    }
    text_fini(&name);
}

static void gather_dotenv(struct loader *l, const struct source *source)
{
    const struct variables *v = &l->variables;
    struct text name = {0};
    for (size_t i = 0; i < v->n; i++)
        check_name(l, source, v->dotenv[i].name, v->dotenv[i].line);
    for (size_t i = 0; i < OPTION_COUNT && !l->failed; i++) {
        text_clear(&name);
        config_env_name(&config_options[i], &name);
        l->failed |= name.failed;
        const struct variable *d = find(v, text_slice(&name));
        if (d && d->value.len)
            config_gather_word(l, source, slice_of(config_options[i].path), d->value, d->line);
    }
    text_fini(&name);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* False when there is no such file, or it could not be read, which the report then tells. */
static bool open_file(struct loader *l, enum rank rank, const char *name,
                      const struct source **ret_source, struct slice *ret_text)
{
    struct slice path = arena_format(l->arena, "%s/%s", l->sources->paths->config, name);
    const struct source *source = path.ptr ? config_source(l, rank, path.ptr) : NULL;
    struct why why;
    bool loose = false;
    if (!source) {
        l->failed = true;
        return false;
    }
    enum err e = config_read_file(l->arena, path.ptr, ret_text, &loose, &why);
    if (e) {
        say(l, CONFIG_ERROR, source, why.text);
        l->failed |= e == ERR_NO_MEMORY;
        return false;
    }
    if (loose)
        say(l, CONFIG_WARNING, source, "anybody may write to it; `chmod o-w` ends that");
    *ret_source = source;
    return ret_text->ptr != NULL;
}

static void gather_file(struct loader *l, enum rank rank, const char *name)
{
    const struct source *source;
    struct slice text;
    if (open_file(l, rank, name, &source, &text))
        config_gather_yaml(l, source, text);
}

/* A draft takes the place of its file. */
static bool is_draft(const struct loader *l, struct slice name)
{
    const struct config_draft *draft = l->sources->draft;
    return draft && slice_is(name, slice_of(draft->file));
}

static void gather_draft(struct loader *l)
{
    const struct config_draft *draft = l->sources->draft;
    struct slice path =
        arena_format(l->arena, "%s/conf.d/%s", l->sources->paths->config, draft->file);
    const struct source *source = path.ptr ? config_source(l, FILES, path.ptr) : NULL;
    l->failed |= !source;
    if (source && draft->text.ptr)
        config_gather_yaml(l, source, draft->text);
}

static void gather_folder(struct loader *l)
{
    bool drafted = !l->sources->draft;
    struct slice path = arena_format(l->arena, "%s/conf.d", l->sources->paths->config);
    struct config_list names = {0};
    struct why why;
    enum err e = path.ptr ? config_list_folder(l->arena, path.ptr, &names, &why) : ERR_NO_MEMORY;
    if (e == ERR_NO_MEMORY) {
        l->failed = true;
    } else if (e) {
        const struct source *source = config_source(l, FILES, path.ptr);
        say(l, CONFIG_ERROR, source, why.text);
    }
    for (size_t i = 0; i < names.n && !l->failed; i++) {
        if (!drafted && slice_order(slice_of(l->sources->draft->file), names.items[i]) <= 0) {
            drafted = true;
            gather_draft(l);
        }
        if (is_draft(l, names.items[i]))
            continue;
        struct slice name = arena_format(l->arena, "conf.d/%s", names.items[i].ptr);
        if (name.ptr)
            gather_file(l, FILES, name.ptr);
        else
            l->failed = true;
    }
    if (!drafted && !l->failed)
        gather_draft(l);
}

void config_gather(struct loader *l)
{
    const struct source *dotenv = NULL;
    struct slice text;
    gather_command_line(l);
    gather_environment(l);
    if (open_file(l, DOTENV, ".env", &dotenv, &text)) {
        config_read_dotenv(l, dotenv, text);
        gather_dotenv(l, dotenv);
    }
    gather_file(l, FILES, "hearth.yaml");
    gather_folder(l);
    gather_file(l, SEED_FILE, "llm_providers.yaml");
}
