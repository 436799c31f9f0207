/* model: what was said about each model, with what the patterns say that match its name. Entries
 * with a file are served by engines of ours; of the others only the aliases count. */
#include "config/inner.h"

bool config_is_pattern(const char *name)
{
    return strchr(name, '*') != NULL;
}

/* `*` is any text, none too. Each star is tried where it stands last: n times m steps at most. */
static bool matches(const char *pattern, const char *name)
{
    const char *star = NULL, *from = name;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            from = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* What belongs to one model alone. */
static bool is_own(enum model_field field)
{
    return field == MODEL_FILE || field == MODEL_ALIASES;
}

static void inherit(const struct entries *all, struct entry *e)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct entry *pattern = all->list[i];
        if (!config_is_pattern(pattern->name) || !matches(pattern->name, e->name))
            continue;
        for (enum model_field f = 0; f < MODEL_FIELD_COUNT; f++) {
            if (e->set[f] || !pattern->set[f] || is_own(f))
                continue;
            e->set[f] = pattern->set[f];
            e->from[f] = pattern;
        }
    }
}

/* Texts that nobody set are "". */
static void fill(struct entry *e)
{
    for (size_t i = 0; i < MODEL_FIELD_COUNT; i++) {
        const struct row *row = &config_model_fields[i];
        const char **text = (const char **)(void *)((char *)e->values + row->at);
        if (row->type >= TEXT && row->type < NAMES && row->type != CHOICE && !*text)
            *text = "";
    }
}

static void check_pattern(struct loader *l, const struct entry *e)
{
    for (enum model_field f = 0; f < MODEL_FIELD_COUNT; f++) {
        if (!is_own(f) || !e->set[f])
            continue;
        config_say(l, CONFIG_ERROR, e->set[f]->source,
                   &(struct config_problem){
                       .line = e->set[f]->line,
                       .key = config_entry_key(l, e, config_model_fields[f].path),
                       .text = "belongs to one model, and a name with * in it means many"});
    }
}

/* A setting that nobody heeds is told. */
static void check_place(struct loader *l, const struct entry *e)
{
    const struct config_model *m = e->values;
    for (enum model_field f = 0; f < MODEL_FIELD_COUNT && !m->file[0]; f++) {
        if (is_own(f) || !e->set[f] || e->from[f])
            continue;
        config_say(l, CONFIG_WARNING, e->source,
                   &(struct config_problem){
                       .line = e->line,
                       .key = config_entry_key(l, e, NULL),
                       .text = "has no file, so of its settings only the aliases count"});
        return;
    }
}

static void resolve(struct loader *l, struct entry *e)
{
    struct config_model *m = e->values;
    if (!config_is_pattern(e->name))
        inherit(&l->whole->entries[MODELS], e);
    config_take_fields(l, e);
    fill(e);
    m->name = e->name;
    m->guide = strcmp(e->name, LIBRARY_GUIDE_NAME) == 0;
    config_check_unset(l, e);
    if (config_is_pattern(e->name))
        check_pattern(l, e);
    else
        check_place(l, e);
}

/* ---- what the rest of hearth sees ----------------------------------------------------------- */

static void give_models(struct loader *l, size_t models, size_t aliases)
{
    struct config *c = &l->whole->config;
    const struct entries *entries = &l->whole->entries[MODELS];
    struct config_model *all = arena_array(l->arena, struct config_model, max_size(models, 1));
    struct config_alias *names = arena_array(l->arena, struct config_alias, max_size(aliases, 1));
    if (!all || !names) {
        l->failed = true;
        return;
    }
    for (size_t i = 0; i < entries->n; i++) {
        const struct config_model *m = entries->list[i]->values;
        if (config_is_pattern(m->name))
            continue;
        if (m->file[0])
            all[c->models_n++] = *m;
        for (size_t k = 0; k < m->aliases.n; k++)
            names[c->aliases_n++] = (struct config_alias){m->aliases.items[k], slice_of(m->name)};
    }
    c->models = all;
    c->aliases = names;
}

void config_resolve_models(struct loader *l)
{
    struct entries *entries = &l->whole->entries[MODELS];
    size_t aliases = 0;
    config_sort_entries(entries);
    for (int exact = 0; exact < 2; exact++) { /* entries take what the patterns have */
        for (size_t i = 0; i < entries->n && !l->failed; i++) {
            if (config_is_pattern(entries->list[i]->name) == !exact)
                resolve(l, entries->list[i]);
        }
    }
    for (size_t i = 0; i < entries->n && !l->failed; i++)
        aliases += ((const struct config_model *)entries->list[i]->values)->aliases.n;
    if (entries->n && !l->failed)
        give_models(l, entries->n, aliases);
}
