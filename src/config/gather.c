/* gather: from the sources to settings. Each source is read in the order of its weight, so a
 * setting goes to the end of its row's chain. What a value means is not looked at here; that its
 * key is one of the tables is. */
#include <stdarg.h>
#include <stdio.h>

#include "config/inner.h"

/* ---- telling -------------------------------------------------------------------------------- */

static void say(struct loader *l, enum config_severity severity, const struct source *source,
                const struct config_problem *place, const char *format, ...) PRINTF(5, 6);

static void say(struct loader *l, enum config_severity severity, const struct source *source,
                const struct config_problem *place, const char *format, ...)
{
    struct config_problem about = *place;
    char words[600];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    about.text = words;
    config_say(l, severity, source, &about);
}

struct source *config_source(struct loader *l, enum rank rank, const char *name)
{
    struct source *s = arena_new(l->arena, struct source);
    if (!s) {
        l->failed = true;
        return NULL;
    }
    *s = (struct source){rank, l->sources_n++, name ? arena_cstr(l->arena, slice_of(name)) : NULL};
    l->failed |= !s->name;
    return s->name ? s : NULL;
}

/* A path out of a source: cut, and without anything that fools a terminal. */
static const char *visible(struct loader *l, struct slice path)
{
    struct text t = {0};
    text_visible(&t, path.len ? slice_to(path, min_size(path.len, 120)) : SLICE("\"\""));
    text_add(&t, path.len > 120 ? SLICE("…") : SLICE(""));
    const char *s = arena_cstr(l->arena, text_slice(&t));
    l->failed |= !s || t.failed;
    text_fini(&t);
    return s ? s : "";
}

/* ---- settings ------------------------------------------------------------------------------- */

struct at { /* where in a source we are */
    const struct source *source;
    struct slice path;
};

static void add(struct loader *l, const struct at *at, struct setting **chain,
                const struct yaml_node *node)
{
    const struct source *source = at->source;
    for (; *chain; chain = &(*chain)->hides) {
        if ((*chain)->source->rank != source->rank || source->rank < FILES)
            continue;
        say(l, CONFIG_ERROR, source,
            &(struct config_problem){.line = node->line, .key = visible(l, at->path)},
            "is set in %s:%u too; keep one of the two", (*chain)->source->name, (*chain)->line);
        return;
    }
    struct setting *s = arena_new(l->arena, struct setting);
    if (!s) {
        l->failed = true;
        return;
    }
    *s = (struct setting){source, node->line, node, NULL};
    *chain = s;
}

static bool is_group(struct slice path)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        struct slice option = slice_of(config_options[i].path);
        if (option.len > path.len && option.ptr[path.len] == '.' && slice_begins(option, path))
            return true;
    }
    return slice_is(path, SLICE("providers"));
}

static const struct row *option_of(struct slice path)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (slice_is(slice_of(config_options[i].path), path))
            return &config_options[i];
    }
    return NULL;
}

static void say_unknown(struct loader *l, const struct at *at, const struct yaml_node *key)
{
    struct config_problem place = {.line = key->line};
    struct slice near;
    if (l->report->errors >= CONFIG_MOST_PROBLEMS) { /* it is only counted */
        say(l, CONFIG_ERROR, at->source, &place, "%s", "");
        return;
    }
    place.key = visible(l, at->path);
    near = config_nearest(at->path, config_options, OPTION_COUNT);
    if (!near.len && config_distance(at->path, SLICE("providers"), 3) <= 3)
        near = SLICE("providers");
    if (near.len)
        say(l, CONFIG_ERROR, at->source, &place, "is no setting; is %.*s meant?", SLICE_ARG(near));
    else
        say(l, CONFIG_ERROR, at->source, &place,
            "is no setting; `hearth help options` lists all of them");
}

/* ---- providers ------------------------------------------------------------------------------ */

static bool is_provider_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '_' && c != '-' && c != '.')))
            return false;
    }
    return s.len >= 1 && s.len <= 64;
}

static struct entry *make_entry(struct loader *l, struct slice name, const struct source *source,
                                unsigned line)
{
    struct whole *w = l->whole;
    struct entry *e = arena_new(l->arena, struct entry);
    if (!w->entries)
        w->entries = arena_array(l->arena, struct entry *, MOST_PROVIDERS);
    const char *kept = arena_cstr(l->arena, name);
    if (!e || !w->entries || !kept) {
        l->failed = true;
        return NULL;
    }
    *e = (struct entry){.p.name = kept, .order = UINT_MAX, .source = source, .line = line};
    w->entries[w->entries_n++] = e;
    return e;
}

static struct entry *get_entry(struct loader *l, const struct at *at, struct slice name,
                               unsigned line)
{
    struct entry *e = NULL;
    for (size_t i = 0; i < l->whole->entries_n && !e; i++) {
        if (slice_is(slice_of(l->whole->entries[i]->p.name), name))
            e = l->whole->entries[i];
    }
    struct config_problem place = {.line = line};
    if (!e && !is_provider_name(name)) {
        place.key = visible(l, at->path);
        say(l, CONFIG_ERROR, at->source, &place,
            "is no name for a provider; allowed: at most 64 letters, digits, - _ and .");
        return NULL;
    }
    if (!e && l->whole->entries_n == MOST_PROVIDERS) {
        place.key = visible(l, at->path);
        say(l, CONFIG_ERROR, at->source, &place, "more than %u providers", MOST_PROVIDERS);
        return NULL;
    }
    if (!e)
        e = make_entry(l, name, at->source, line);
    if (e && e->order == UINT_MAX && at->source->rank >= FILES) {
        e->order = l->entries_order++;
        e->source = at->source;
        e->line = line;
    }
    return e;
}

static void take_field(struct loader *l, const struct at *at, struct entry *e, struct slice name,
                       const struct yaml_node *node)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!slice_is(slice_of(config_fields[i].path), name))
            continue;
        if (node->kind == IS_MAP)
            say(l, CONFIG_ERROR, at->source,
                &(struct config_problem){.line = node->line, .key = visible(l, at->path)},
                "found a map; allowed: one value%s",
                config_is_list(&config_fields[i]) ? " or a list" : "");
        else if (!yaml_is_null(node))
            add(l, at, &e->set[i], node);
        return;
    }
    struct config_problem place = {.line = node->line, .key = visible(l, at->path)};
    struct slice near = config_nearest(name, config_fields, FIELD_COUNT);
    if (near.len)
        say(l, CONFIG_ERROR, at->source, &place, "is no field of a provider; is %.*s meant?",
            SLICE_ARG(near));
    else
        say(l, CONFIG_ERROR, at->source, &place,
            "is no field of a provider; `hearth help options` lists all of them");
}

/* path: what follows "providers.". A map belongs to a name, anything else to NAME.FIELD. */
static void take_provider(struct loader *l, const struct at *at, struct slice path,
                          const struct yaml_node *node)
{
    unsigned line = node->key ? node->key->line : node->line;
    if (node->kind == IS_MAP || yaml_is_null(node)) {
        struct entry *e = get_entry(l, at, path, line);
        for (const struct yaml_node *m = e ? node->first : NULL; m; m = m->next) {
            struct slice key = m->key->text;
            struct at inner = {at->source, arena_format(l->arena, "%.*s.%.*s", SLICE_ARG(at->path),
                                                        SLICE_ARG(key))};
            if (inner.path.ptr)
                take_field(l, &inner, e, key, m);
            else
                l->failed = true;
        }
        return;
    }
    size_t dot = path.len;
    while (dot && path.ptr[dot - 1] != '.')
        dot--;
    if (!dot) {
        say(l, CONFIG_ERROR, at->source,
            &(struct config_problem){.line = line, .key = visible(l, at->path)},
            "found one value; allowed: a provider's fields, such as base_url");
        return;
    }
    struct entry *e = get_entry(l, at, slice_to(path, dot - 1), line);
    if (e)
        take_field(l, at, e, slice_from(path, dot), node);
}

/* ---- one value, or a group of them ---------------------------------------------------------- */

static void take(struct loader *l, const struct at *at, const struct yaml_node *node);

/* Depth is bounded by the YAML reader's. */
static void take_group(struct loader *l, const struct at *at, const struct yaml_node *node)
{
    if (yaml_is_null(node))
        return;
    if (node->kind != IS_MAP) {
        say(l, CONFIG_ERROR, at->source,
            &(struct config_problem){.line = node->line, .key = visible(l, at->path)},
            "found %s; allowed: settings below it, as `%.*s:` and indented lines",
            node->kind == IS_LIST ? "a list" : "one value", SLICE_ARG(at->path));
        return;
    }
    for (const struct yaml_node *m = node->first; m && !l->failed; m = m->next) {
        struct at inner = {at->source, arena_format(l->arena, "%.*s.%.*s", SLICE_ARG(at->path),
                                                    SLICE_ARG(m->key->text))};
        if (inner.path.ptr)
            take(l, &inner, m);
        else
            l->failed = true;
    }
}

static void take(struct loader *l, const struct at *at, const struct yaml_node *node)
{
    const struct row *row = option_of(at->path);
    if (row) {
        if (node->kind == IS_MAP)
            say(l, CONFIG_ERROR, at->source,
                &(struct config_problem){.line = node->line, .key = row->path},
                "found a map; allowed: one value%s", config_is_list(row) ? " or a list" : "");
        else if (!yaml_is_null(node))
            add(l, at, &l->whole->set[row - config_options], node);
    } else if (slice_begins(at->path, SLICE("providers."))) {
        take_provider(l, at, slice_from(at->path, strlen("providers.")), node);
    } else if (is_group(at->path)) {
        take_group(l, at, node);
    } else {
        say_unknown(l, at, node->key ? node->key : node);
    }
}

void config_gather_yaml(struct loader *l, const struct source *source, struct slice text)
{
    const struct yaml_node *root = NULL;
    struct why why;
    enum err e = yaml_read(l->arena, text, NULL, &root, &why);
    if (e) {
        uint64_t line = 0;
        if (!slice_u64(slice_of(why.param), &line))
            line = 0;
        l->failed |= e == ERR_NO_MEMORY;
        say(l, CONFIG_ERROR, source, &(struct config_problem){.line = (unsigned)line}, "%s",
            why.text);
        return;
    }
    if (root->kind != IS_MAP && !yaml_is_null(root)) {
        say(l, CONFIG_ERROR, source, &(struct config_problem){.line = root->line},
            "found %s; allowed: settings, as `name: value`",
            root->kind == IS_LIST ? "a list" : "a text");
        return;
    }
    for (const struct yaml_node *m = root->first; m && !l->failed; m = m->next)
        take(l, &(struct at){source, m->key->text}, m);
}

void config_gather_word(struct loader *l, const struct source *source, struct slice path,
                        struct slice value, unsigned line)
{
    struct yaml_node *node = arena_new(l->arena, struct yaml_node);
    struct slice kept = arena_dup(l->arena, value);
    path = arena_dup(l->arena, path);
    if (!node || !kept.ptr || !path.ptr) {
        l->failed = true;
        return;
    }
    *node = (struct yaml_node){.kind = IS_SCALAR, .line = line, .text = kept};
    take(l, &(struct at){source, path}, node);
}
