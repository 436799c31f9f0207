/* diff: what a reload has to apply. Values are compared as they print, secrets unmasked. */
#include "config/inner.h"

struct diff {
    struct arena *arena;
    struct config_change *changes;
    size_t n;
    struct text before, after;
    bool failed;
};

static const char *keep(struct diff *d, struct slice s)
{
    const char *kept = arena_cstr(d->arena, s);
    d->failed |= !kept;
    return kept ? kept : "";
}

static struct config_change *add(struct diff *d, enum config_change_kind kind, const char *what,
                                 const char *section)
{
    struct config_change *change = &d->changes[d->n++];
    *change = (struct config_change){kind, keep(d, slice_of(what)), section, true, "", ""};
    return change;
}

static bool differs(struct diff *d, const struct row *row, const void *before, const void *after)
{
    text_clear(&d->before);
    text_clear(&d->after);
    config_print(row, before, true, &d->before);
    config_print(row, after, true, &d->after);
    d->failed |= d->before.failed || d->after.failed;
    return !slice_is(text_slice(&d->before), text_slice(&d->after));
}

static void add_texts(struct diff *d, struct config_change *change)
{
    change->before = keep(d, text_slice(&d->before));
    change->after = keep(d, text_slice(&d->after));
}

static void compare_options(struct diff *d, const struct whole *before, const struct whole *after)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct row *row = &config_options[i];
        if (!differs(d, row, &before->config, &after->config))
            continue;
        struct config_change *change = add(d, CONFIG_SETTING, row->path, "");
        change->live = row->live;
        add_texts(d, change);
    }
}

/* ---- sections ------------------------------------------------------------------------------- */

static const struct entry *find(const struct whole *w, enum section_id id, const char *name)
{
    return config_find_entry(w, id, slice_of(name));
}

static bool entry_differs(struct diff *d, const struct entry *before, const struct entry *after)
{
    const struct section *section = before->section;
    bool changed = false;
    if (section == &config_sections[PROVIDERS]) {
        const struct provider *x = before->values, *y = after->values;
        changed = x->p.on != y->p.on || strcmp(x->p.off, y->p.off) != 0;
    }
    for (size_t i = 0; i < section->fields_n && !changed; i++)
        changed = differs(d, &section->fields[i], before->values, after->values);
    return changed;
}

/* The names of those that are in both, in the order of the first. */
static void common_order(const struct whole *of, const struct whole *other, enum section_id id,
                         struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < of->entries[id].n; i++) {
        const char *name = of->entries[id].list[i]->name;
        if (find(other, id, name))
            text_format(out, "%s%s", out->len ? ", " : "", name);
    }
}

static void compare_order(struct diff *d, const struct whole *before, const struct whole *after,
                          enum section_id id)
{
    common_order(before, after, id, &d->before);
    common_order(after, before, id, &d->after);
    if (!slice_is(text_slice(&d->before), text_slice(&d->after)))
        add_texts(d, add(d, CONFIG_SETTING, config_sections[id].name, ""));
}

static void compare_entries(struct diff *d, const struct whole *before, const struct whole *after,
                            enum section_id id)
{
    const struct entries *old = &before->entries[id], *new = &after->entries[id];
    const char *section = config_sections[id].name;
    for (size_t i = 0; i < new->n; i++) {
        const struct entry *e = new->list[i], *was = find(before, id, e->name);
        if (!was)
            add(d, CONFIG_ADDED, e->name, section);
        else if (entry_differs(d, was, e))
            add(d, CONFIG_CHANGED, e->name, section);
    }
    for (size_t i = 0; i < old->n; i++) {
        if (!find(after, id, old->list[i]->name))
            add(d, CONFIG_REMOVED, old->list[i]->name, section);
    }
}

/* Of a section whose entries are one value each, each is a setting; those that are not there are
 * empty lists. */
static void compare_single(struct diff *d, const struct entry *before, const struct entry *after)
{
    const struct config_list none = {0};
    const struct entry *e = before ? before : after;
    const struct row *row = e->section->fields;
    struct text path = {0};
    assert(config_is_list(row) && row->at + sizeof none <= e->section->size);
    text_clear(&d->before);
    text_clear(&d->after);
    struct row alone = *row;
    alone.at = 0;
    config_print(&alone, before ? (const char *)before->values + row->at : (const void *)&none,
                 true, &d->before);
    config_print(&alone, after ? (const char *)after->values + row->at : (const void *)&none, true,
                 &d->after);
    d->failed |= d->before.failed || d->after.failed;
    if (slice_is(text_slice(&d->before), text_slice(&d->after)))
        return;
    text_format(&path, "%s.%s", e->section->name, e->name);
    struct config_change *change = add(d, CONFIG_SETTING, text_cstr(&path), "");
    change->live = row->live;
    add_texts(d, change);
    d->failed |= path.failed;
    text_fini(&path);
}

static void compare_singles(struct diff *d, const struct whole *before, const struct whole *after,
                            enum section_id id)
{
    const struct entries *old = &before->entries[id], *new = &after->entries[id];
    for (size_t i = 0; i < new->n; i++)
        compare_single(d, find(before, id, new->list[i]->name), new->list[i]);
    for (size_t i = 0; i < old->n; i++) {
        if (!find(after, id, old->list[i]->name))
            compare_single(d, old->list[i], NULL);
    }
}

static void compare(struct diff *d, const struct whole *before, const struct whole *after)
{
    compare_options(d, before, after);
    compare_order(d, before, after, PROVIDERS); /* in which they are tried */
    for (enum section_id id = 0; id < SECTION_COUNT; id++) {
        if (config_sections[id].single)
            compare_singles(d, before, after, id);
        else
            compare_entries(d, before, after, id);
    }
}

enum err config_diff(const struct config *before, const struct config *after, struct arena *a,
                     struct config_change **ret_changes, size_t *ret_n)
{
    const struct whole *x = config_whole(before), *y = config_whole(after);
    struct diff d = {.arena = a};
    size_t most = OPTION_COUNT + 1;
    for (size_t i = 0; i < SECTION_COUNT; i++)
        most += x->entries[i].n + y->entries[i].n;
    d.changes = arena_array(a, struct config_change, most);
    if (d.changes)
        compare(&d, x, y);
    text_fini(&d.before);
    text_fini(&d.after);
    if (!d.changes || d.failed)
        return ERR_NO_MEMORY;
    *ret_changes = d.changes;
    *ret_n = d.n;
    return OK;
}
