/* provider: what was said about each provider, made into one that can be used or that says why
 * not. Wrong values are errors; what this version cannot do yet, and variables that nobody set,
 * switch the one provider off with a warning. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/inner.h"

struct place {
    const struct source *source;
    unsigned line;
};

static struct provider *values_of(const struct entry *e)
{
    return e->values;
}

static struct place place_of(const struct entry *e, enum field field)
{
    const struct setting *s = e->set[field];
    return s ? (struct place){s->source, s->line} : (struct place){e->source, e->line};
}

static void say(struct loader *l, enum config_severity severity, struct place place,
                const char *key, const char *words)
{
    config_say(l, severity, place.source,
               &(struct config_problem){.line = place.line, .key = key, .text = words});
}

/* The first reason stays. */
static void switch_off(struct loader *l, struct entry *e, const char *format, ...) PRINTF(3, 4);
static void switch_off(struct loader *l, struct entry *e, const char *format, ...)
{
    struct provider *v = values_of(e);
    char words[600];
    va_list args;
    if (v->p.off[0])
        return;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    const char *kept = arena_cstr(l->arena, slice_of(words));
    l->failed |= !kept;
    v->p.off = kept ? kept : "no memory";
}

/* ---- the fields ----------------------------------------------------------------------------- */

static enum config_kind kind_by_name(const char *name)
{
    for (size_t i = 0; i < CONFIG_KIND_COUNT; i++) {
        struct slice word;
        for (struct slice rest = slice_of(config_kinds[i].entries);
             slice_split(&rest, ' ', &word);) {
            if (word.len && slice_is_nocase(word, slice_of(name)))
                return (enum config_kind)i;
        }
    }
    return CONFIG_OPENAI_COMPATIBLE;
}

/* model first, then those of models that are not it. */
static void join_models(struct loader *l, struct entry *e)
{
    struct provider *v = values_of(e);
    size_t n = 0;
    v->p.models = v->models;
    if (!v->model)
        return;
    struct slice *items = arena_array(l->arena, struct slice, v->models.n + 1);
    if (!items) {
        l->failed = true;
        return;
    }
    items[n++] = slice_of(v->model);
    for (size_t i = 0; i < v->models.n; i++) {
        if (!slice_is(v->models.items[i], items[0]))
            items[n++] = v->models.items[i];
    }
    v->p.models = (struct config_list){items, n};
}

/* ---- the address ---------------------------------------------------------------------------- */

static enum rank rank_of(const struct entry *e, enum field field)
{
    return e->set[field]->source->rank;
}

static const char *usual_of(const struct entry *e)
{
    const struct provider *v = e->values;
    return config_kinds[v->p.kind].usual;
}

/* base_url, host and socket are three words for one thing: the source of most weight decides. */
static bool choose_address(struct loader *l, struct entry *e, enum field *ret_field)
{
    static const enum field words[] = {FIELD_BASE_URL, FIELD_HOST, FIELD_SOCKET};
    enum field best = FIELD_COUNT;
    for (size_t i = 0; i < COUNT(words); i++) {
        enum field f = words[i];
        if (!e->set[f])
            continue;
        if (best == FIELD_COUNT || rank_of(e, f) < rank_of(e, best)) {
            best = f;
        } else if (rank_of(e, f) == rank_of(e, best)) {
            struct slice said =
                arena_format(l->arena, "%s is set too; allowed: one of base_url, host and socket",
                             config_fields[best].path);
            l->failed |= !said.ptr;
            say(l, CONFIG_ERROR, place_of(e, f), config_entry_key(l, e, config_fields[f].path),
                said.ptr ? said.ptr : "");
            return false;
        }
    }
    *ret_field = best;
    if (best == FIELD_COUNT && !usual_of(e)[0]) {
        say(l, CONFIG_ERROR, (struct place){e->source, e->line}, config_entry_key(l, e, NULL),
            "has no address; give it a base_url such as http://127.0.0.1:8080/v1");
        return false;
    }
    return true;
}

/* A name and password in an address would be shown with it, so they are refused of every kind. */
static bool has_user(const char *url)
{
    struct slice s = slice_of(url);
    const char *scheme = s.len ? strstr(url, "://") : NULL;
    if (scheme)
        s = slice_from(s, (size_t)(scheme + 3 - url));
    s = slice_to(s, slice_find(s, '/'));
    return slice_find(s, '@') < s.len;
}

static void check_users(struct loader *l, struct entry *e)
{
    struct provider *v = values_of(e);
    static const char words[] = "a user or password may not stand in it; a key goes into api_key";
    if (has_user(v->base_url))
        say(l, CONFIG_ERROR, place_of(e, FIELD_BASE_URL), config_entry_key(l, e, "base_url"),
            words);
    if (has_user(v->host))
        say(l, CONFIG_ERROR, place_of(e, FIELD_HOST), config_entry_key(l, e, "host"), words);
}

static void take_address(struct loader *l, struct entry *e)
{
    struct provider *v = values_of(e);
    enum field f;
    if (!choose_address(l, e, &f))
        return;
    const char *written = f == FIELD_SOCKET     ? v->socket
                          : f == FIELD_HOST     ? v->host
                          : f == FIELD_BASE_URL ? v->base_url
                                                : usual_of(e);
    f = f == FIELD_COUNT ? FIELD_BASE_URL : f;
    const char *words = "", *key = config_entry_key(l, e, config_fields[f].path);
    char said[600];
    if (!written || has_user(written))
        return; /* it was wrong, which the report has, or needs a variable */
    struct slice s = slice_of(written);
    if (f == FIELD_SOCKET)
        s = arena_format(l->arena, "unix:%s", written);
    enum where w = config_address(l->arena, s, &v->p.address, &v->p.path, &words);
    l->failed |= !s.ptr || !v->p.path;
    if (w == WHERE_BAD) {
        snprintf(said, sizeof said,
                 "found \"%.200s\"; %s; allowed: http://ADDRESS:PORT[/path] or unix:/path", written,
                 words);
        say(l, CONFIG_ERROR, place_of(e, f), key, said);
    } else if (w == WHERE_LATER) {
        snprintf(said, sizeof said, "found \"%.200s\"; %s; this provider is switched off", written,
                 words);
        say(l, CONFIG_WARNING, place_of(e, f), key, said);
        switch_off(l, e, "%s", words);
    } else {
        l->failed |= !v->p.address.host;
    }
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void check_kind(struct loader *l, struct entry *e)
{
    struct provider *v = values_of(e);
    const struct kind_row *kind = &config_kinds[v->p.kind];
    char said[200];
    if (kind->built)
        return;
    snprintf(said, sizeof said, "the kind %s waits for a later version of hearth", kind->name);
    switch_off(l, e, "%s", said);
    struct slice words = arena_format(l->arena, "%s; this provider is switched off", said);
    l->failed |= !words.ptr;
    say(l, CONFIG_WARNING, place_of(e, FIELD_KIND),
        config_entry_key(l, e, e->set[FIELD_KIND] ? "kind" : NULL), words.ptr ? words.ptr : "");
}

static void check_variables(struct loader *l, struct entry *e)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!e->unset[i])
            continue;
        config_say_unset(l, CONFIG_WARNING, e->set[i],
                         config_entry_key(l, e, config_fields[i].path), e->unset[i]);
        switch_off(l, e, "the variable %s is not set", e->unset[i]);
    }
}

static void resolve(struct loader *l, struct entry *e)
{
    struct provider *v = values_of(e);
    v->p.off = "";
    v->p.path = "";
    config_take_fields(l, e);
    v->p.name = e->name;
    if (!e->set[FIELD_KIND])
        v->p.kind = kind_by_name(e->name);
    join_models(l, e);
    check_users(l, e);
    if (e->set[FIELD_ENABLED] && !e->unset[FIELD_ENABLED] && !v->enabled) {
        switch_off(l, e, "enabled is false");
        return; /* whoever switches it off wants to hear no more of it */
    }
    check_kind(l, e);
    check_variables(l, e);
    if (!v->p.off[0])
        take_address(l, e);
    v->p.on = !v->p.off[0];
}

static int by_priority(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    uint64_t first = values_of(*x)->p.priority, second = values_of(*y)->p.priority;
    if (first != second)
        return first < second ? -1 : 1;
    if ((*x)->order != (*y)->order)
        return (*x)->order < (*y)->order ? -1 : 1;
    return strcmp((*x)->name, (*y)->name);
}

void config_resolve_providers(struct loader *l)
{
    struct config *c = &l->whole->config;
    struct entries *entries = &l->whole->entries[PROVIDERS];
    for (size_t i = 0; i < entries->n && !l->failed; i++)
        resolve(l, entries->list[i]);
    if (!entries->n || l->failed)
        return;
    qsort(entries->list, entries->n, sizeof(struct entry *), by_priority);
    struct config_provider *all = arena_array(l->arena, struct config_provider, entries->n);
    if (!all) {
        l->failed = true;
        return;
    }
    for (size_t i = 0; i < entries->n; i++)
        all[i] = values_of(entries->list[i])->p;
    c->providers = all;
    c->providers_n = entries->n;
}
