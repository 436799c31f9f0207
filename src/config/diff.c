/* diff: what a reload has to apply. Values are compared as they print, secrets unmasked. */
#include "config/inner.h"

struct diff {
    struct arena *arena;
    struct config_change *changes;
    size_t n;
    struct text before, after;
    bool failed;
};

static const struct whole *whole_of(const struct config *c)
{
    return owner_of((uintptr_t)c, const struct whole, config);
}

static const char *keep(struct diff *d, struct slice s)
{
    const char *kept = arena_cstr(d->arena, s);
    d->failed |= !kept;
    return kept ? kept : "";
}

static struct config_change *add(struct diff *d, enum config_change_kind kind, const char *what)
{
    struct config_change *change = &d->changes[d->n++];
    *change = (struct config_change){kind, keep(d, slice_of(what)), true, "", ""};
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

static const struct entry *find(const struct whole *w, const char *name)
{
    for (size_t i = 0; i < w->entries_n; i++) {
        if (strcmp(w->entries[i]->p.name, name) == 0)
            return w->entries[i];
    }
    return NULL;
}

static bool provider_differs(struct diff *d, const struct entry *before, const struct entry *after)
{
    bool changed = before->p.on != after->p.on || strcmp(before->p.off, after->p.off) != 0;
    for (size_t i = 0; i < FIELD_COUNT && !changed; i++)
        changed = differs(d, &config_fields[i], before, after);
    return changed;
}

/* The names of those that are in both, in the order of the first. */
static void common_order(const struct whole *of, const struct whole *other, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < of->entries_n; i++) {
        const char *name = of->entries[i]->p.name;
        if (find(other, name))
            text_format(out, "%s%s", out->len ? ", " : "", name);
    }
}

static void compare(struct diff *d, const struct whole *before, const struct whole *after)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct row *row = &config_options[i];
        if (!differs(d, row, &before->config, &after->config))
            continue;
        struct config_change *change = add(d, CONFIG_SETTING, row->path);
        change->live = row->live;
        add_texts(d, change);
    }
    common_order(before, after, &d->before);
    common_order(after, before, &d->after);
    if (!slice_is(text_slice(&d->before), text_slice(&d->after)))
        add_texts(d, add(d, CONFIG_SETTING, "providers"));
    for (size_t i = 0; i < after->entries_n; i++) {
        const struct entry *e = after->entries[i], *old = find(before, e->p.name);
        if (!old)
            add(d, CONFIG_ADDED, e->p.name);
        else if (provider_differs(d, old, e))
            add(d, CONFIG_CHANGED, e->p.name);
    }
    for (size_t i = 0; i < before->entries_n; i++) {
        if (!find(after, before->entries[i]->p.name))
            add(d, CONFIG_REMOVED, before->entries[i]->p.name);
    }
}

enum err config_diff(const struct config *before, const struct config *after, struct arena *a,
                     struct config_change **ret_changes, size_t *ret_n)
{
    const struct whole *x = whole_of(before), *y = whole_of(after);
    struct diff d = {.arena = a};
    d.changes =
        arena_array(a, struct config_change, OPTION_COUNT + 1 + x->entries_n + y->entries_n);
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
