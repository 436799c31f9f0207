/* read: a file of conf.d as fields, if it has the shape that commands give it. */
#include "confd/inside.h"

struct reading {
    struct arena *arena;
    struct fields *fields;
    enum err err;
};

static const char *join(struct arena *a, const char *group, struct slice key)
{
    return arena_format(a, "%s%s%.*s", group, group[0] ? "." : "", SLICE_ARG(key)).ptr;
}

static void take(struct reading *r, const char *path, const struct yaml_node *node);

/* Depth is bounded by the YAML reader's. */
static void take_map(struct reading *r, const char *path, const struct yaml_node *map)
{
    for (const struct yaml_node *m = map->first; m && !r->err; m = m->next) {
        const char *inner = join(r->arena, path, m->key->text);
        if (inner)
            take(r, inner, m);
        else
            r->err = ERR_NO_MEMORY;
    }
}

static void take(struct reading *r, const char *path, const struct yaml_node *node)
{
    if (node->kind == IS_MAP) {
        take_map(r, path, node);
        return;
    }
    if (yaml_is_null(node))
        return;
    bool list = node->kind == IS_LIST;
    struct slice *values = arena_array(r->arena, struct slice, list ? max_size(node->count, 1) : 1);
    if (!values || r->fields->n == MOST_FIELDS) {
        r->err = values ? ERR_CONFIG : ERR_NO_MEMORY;
        return;
    }
    size_t n = 0;
    for (const struct yaml_node *i = list ? node->first : node; i; i = list ? i->next : NULL) {
        if (i->kind != IS_SCALAR) {
            r->err = ERR_CONFIG;
            return;
        }
        values[n++] = i->text;
    }
    r->fields->list[r->fields->n++] = (struct field){path, list, values, n};
}

/* The one member of a map, if it has this key; NULL: it is something else. */
static const struct yaml_node *only(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *m = yaml_get(map, slice_of(key));
    return m && map->count == 1 ? m : NULL;
}

enum err confd_read(struct arena *a, const struct confd_terms *t, struct slice text,
                    struct fields *ret_fields, struct why *why)
{
    const struct yaml_node *root = NULL;
    struct reading r = {a, ret_fields, OK};
    enum err e = yaml_read(a, text, NULL, &root, why);
    *ret_fields = (struct fields){0};
    if (e)
        return e;
    if (yaml_is_null(root)) /* nothing but a comment */
        return OK;
    const struct yaml_node *thing = t->section[0] ? only(root, t->section) : root;
    thing = thing ? only(thing, t->name) : NULL;
    bool single = strcmp(t->section, "models") != 0;
    if (!thing || (thing->kind == IS_MAP) == single)
        r.err = ERR_CONFIG;
    else
        take(&r, "", thing);
    if (r.err == ERR_NO_MEMORY)
        return why_set(why, r.err, "no memory to read it");
    return r.err ? why_set(why, r.err, "it is not as commands write it") : OK;
}
