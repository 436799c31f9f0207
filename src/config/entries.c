/* entries: sections, that is maps of entries with the same fields each: from what a source says to
 * their settings, and from settings to their values. What the values have to do with one another is
 * each section's own business. */
#include <stdlib.h>

#include "config/inner.h"

const struct section *config_section_of(struct slice path)
{
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        struct slice name = slice_of(config_sections[i].name);
        if (slice_begins(path, name) && path.len > name.len && path.ptr[name.len] == '.')
            return &config_sections[i];
    }
    return NULL;
}

struct entry *config_find_entry(const struct whole *w, enum section_id id, struct slice name)
{
    for (size_t i = 0; i < w->entries[id].n; i++) {
        if (slice_is(slice_of(w->entries[id].list[i]->name), name))
            return w->entries[id].list[i];
    }
    return NULL;
}

/* ---- from a source -------------------------------------------------------------------------- */

static struct entry *make_entry(struct loader *l, const struct section *section, struct slice name,
                                const struct at *at, unsigned line)
{
    struct entries *all = &l->whole->entries[section - config_sections];
    struct entry *e = arena_new(l->arena, struct entry);
    const char *kept = arena_cstr(l->arena, name);
    if (!all->list)
        all->list = arena_array(l->arena, struct entry *, section->most);
    if (e) {
        *e = (struct entry){section, kept, .order = UINT_MAX, .source = at->source, .line = line};
        e->values = arena_alloc(l->arena, section->size);
        e->set = arena_array(l->arena, struct setting *, section->fields_n);
        e->from = arena_array(l->arena, const struct entry *, section->fields_n);
        e->unset = arena_array(l->arena, const char *, section->fields_n);
    }
    if (!e || !all->list || !kept || !e->values || !e->set || !e->from || !e->unset) {
        l->failed = true;
        return NULL;
    }
    all->list[all->n++] = e;
    return e;
}

static struct entry *get_entry(struct loader *l, const struct section *section, const struct at *at,
                               struct slice name, unsigned line)
{
    enum section_id id = (enum section_id)(section - config_sections);
    struct entry *e = config_find_entry(l->whole, id, name);
    struct config_problem place = {.line = line};
    if (!e && !section->is_name(name)) {
        place.key = config_visible(l, at->path);
        config_say_format(l, CONFIG_ERROR, at->source, &place, "is no name for a %s; allowed: %s",
                          section->one, section->names);
        return NULL;
    }
    if (!e && l->whole->entries[id].n == section->most) {
        place.key = config_visible(l, at->path);
        config_say_format(l, CONFIG_ERROR, at->source, &place, "more than %u %s", section->most,
                          section->name);
        return NULL;
    }
    if (!e)
        e = make_entry(l, section, name, at, line);
    if (e && e->order == UINT_MAX && at->source->rank >= FILES) {
        e->order = l->entries_order++;
        e->source = at->source;
        e->line = line;
    }
    return e;
}

struct entry *config_add_entry(struct loader *l, enum section_id id, const struct source *source,
                               struct slice name)
{
    const struct section *section = &config_sections[id];
    bool full = l->whole->entries[id].n == section->most;
    if (full && !config_find_entry(l->whole, id, name))
        return NULL;
    return get_entry(l, section, &(struct at){source, name}, name, 0);
}

static void say_map(struct loader *l, const struct at *at, const struct yaml_node *node,
                    const struct row *row)
{
    config_say_format(
        l, CONFIG_ERROR, at->source,
        &(struct config_problem){.line = node->line, .key = config_visible(l, at->path)},
        "found a map; allowed: one value%s", config_is_list(row) ? " or a list" : "");
}

/* What a person wrote himself, and nobody on his way to us. */
static bool is_by_hand(const struct row *row)
{
    return row->type == ENV || row->type == FLAGS;
}

static void take_row(struct loader *l, const struct at *at, struct entry *e, size_t i,
                     const struct yaml_node *node)
{
    const struct row *row = &e->section->fields[i];
    if (node->kind == IS_MAP)
        say_map(l, at, node, row);
    else if (is_by_hand(row) && at->source->rank != FILES)
        config_say_format(
            l, CONFIG_ERROR, at->source,
            &(struct config_problem){.line = node->line, .key = config_visible(l, at->path)},
            "is taken from a file only: hearth.yaml or one in conf.d, written by hand");
    else if (!yaml_is_null(node))
        config_add(l, at, &e->set[i], node);
}

static void say_no_field(struct loader *l, const struct at *at, const struct section *section,
                         struct slice name, const struct yaml_node *node)
{
    struct config_problem place = {.line = node->line, .key = config_visible(l, at->path)};
    struct slice near = config_nearest(name, section->fields, section->fields_n);
    if (near.len)
        config_say_format(l, CONFIG_ERROR, at->source, &place,
                          "is no field of a %s; is %.*s meant?", section->one, SLICE_ARG(near));
    else
        config_say_format(l, CONFIG_ERROR, at->source, &place,
                          "is no field of a %s; `hearth help options` lists all of them",
                          section->one);
}

static bool is_field_group(const struct section *section, struct slice name)
{
    for (size_t i = 0; i < section->fields_n; i++) {
        struct slice field = slice_of(section->fields[i].path);
        if (field.len > name.len && field.ptr[name.len] == '.' && slice_begins(field, name))
            return true;
    }
    return false;
}

static struct at inside(struct loader *l, const struct at *at, struct slice key)
{
    struct at inner = {at->source,
                       arena_format(l->arena, "%.*s.%.*s", SLICE_ARG(at->path), SLICE_ARG(key))};
    l->failed |= !inner.path.ptr;
    return inner;
}

/* name: of the field, with the group that it stands in. */
static void take_field(struct loader *l, const struct at *at, struct entry *e, struct slice name,
                       const struct yaml_node *node)
{
    const struct section *section = e->section;
    for (size_t i = 0; i < section->fields_n; i++) {
        if (slice_is(slice_of(section->fields[i].path), name)) {
            take_row(l, at, e, i, node);
            return;
        }
    }
    if (!is_field_group(section, name)) {
        say_no_field(l, at, section, name, node);
    } else if (node->kind != IS_MAP && !yaml_is_null(node)) {
        config_say_format(
            l, CONFIG_ERROR, at->source,
            &(struct config_problem){.line = node->line, .key = config_visible(l, at->path)},
            "found %s; allowed: settings below it, as `%.*s:` and indented lines",
            node->kind == IS_LIST ? "a list" : "one value", SLICE_ARG(name));
    }
    for (const struct yaml_node *m = is_field_group(section, name) ? node->first : NULL;
         m && m->key && !l->failed; m = m->next) {
        struct at inner = inside(l, at, m->key->text);
        struct slice whole =
            arena_format(l->arena, "%.*s.%.*s", SLICE_ARG(name), SLICE_ARG(m->key->text));
        l->failed |= !whole.ptr;
        if (!l->failed)
            take_field(l, &inner, e, whole, m);
    }
}

/* A name may hold dots, and so may a field: the longest field at the end counts. */
static size_t name_len(const struct section *section, struct slice path)
{
    size_t longest = 0, dot = path.len;
    for (size_t i = 0; i < section->fields_n; i++) {
        struct slice field = slice_of(section->fields[i].path);
        if (field.len > longest && path.len > field.len + 1 && slice_ends(path, field) &&
            path.ptr[path.len - field.len - 1] == '.')
            longest = field.len;
    }
    if (longest)
        return path.len - longest - 1;
    while (dot && path.ptr[dot - 1] != '.')
        dot--;
    return dot ? dot - 1 : 0;
}

static void take_single(struct loader *l, const struct section *section, const struct at *at,
                        struct slice name, const struct yaml_node *node)
{
    if (node->kind == IS_MAP) {
        say_map(l, at, node, section->fields);
    } else if (!yaml_is_null(node)) {
        struct entry *e = get_entry(l, section, at, name, node->key ? node->key->line : node->line);
        if (e)
            take_row(l, at, e, 0, node);
    }
}

/* A map belongs to a name, anything else to NAME.FIELD. */
void config_take_entry(struct loader *l, const struct section *section, const struct at *at,
                       const struct yaml_node *node)
{
    struct slice path = slice_from(at->path, strlen(section->name) + 1);
    unsigned line = node->key ? node->key->line : node->line;
    if (section->single) {
        take_single(l, section, at, path, node);
        return;
    }
    if (node->kind == IS_MAP || yaml_is_null(node)) {
        struct entry *e = get_entry(l, section, at, path, line);
        for (const struct yaml_node *m = e ? node->first : NULL; m && !l->failed; m = m->next) {
            struct at inner = inside(l, at, m->key->text);
            if (!l->failed)
                take_field(l, &inner, e, m->key->text, m);
        }
        return;
    }
    size_t name = name_len(section, path);
    if (!name) {
        config_say_format(
            l, CONFIG_ERROR, at->source,
            &(struct config_problem){.line = line, .key = config_visible(l, at->path)},
            "found one value; allowed: a %s's fields, such as %s", section->one, section->such_as);
        return;
    }
    struct entry *e = get_entry(l, section, at, slice_to(path, name), line);
    if (e)
        take_field(l, at, e, slice_from(path, name + 1), node);
}

/* ---- to values ------------------------------------------------------------------------------ */

const char *config_entry_key(struct loader *l, const struct entry *e, const char *field)
{
    bool with = field && field[0];
    const char *key = arena_format(l->arena, "%s.%s%s%s", e->section->name, e->name,
                                   with ? "." : "", with ? field : "")
                          .ptr;
    l->failed |= !key;
    return key ? key : "";
}

static size_t size_of(enum type type)
{
    switch (type) {
    case BOOL:
        return sizeof(bool);
    case INT:
    case TIME:
    case KEEP:
    case BYTES:
        return sizeof(uint64_t);
    case CHOICE:
        return sizeof(unsigned);
    case TEXT:
    case PROSE:
    case WORD:
    case NUMBER:
    case LAYERS:
    case PATH:
    case SECRET:
    case NAME:
        return sizeof(const char *);
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
        break;
    }
    return sizeof(struct config_list);
}

/* unused: room for values that something hides; they are checked all the same. */
static void take_value(struct loader *l, struct entry *e, size_t i, void *unused)
{
    const struct row *row = &e->section->fields[i];
    const struct setting *s = e->set[i];
    const struct entry *from = e->from[i];
    const char *variable = NULL, *key = config_entry_key(l, e, row->path);
    if (from) {
        memcpy((char *)e->values + row->at, (const char *)from->values + row->at,
               size_of(row->type));
        e->unset[i] = from->unset[i];
        return;
    }
    if (!config_take_standard(l->arena, row, l->sources->paths->home, e->values))
        l->failed = true;
    if (!s || l->failed)
        return;
    if (config_take(l, row, key, s, e->values, &variable) == TAKEN_UNSET)
        e->unset[i] = variable;
    for (s = s->hides; s; s = s->hides)
        config_take(l, row, key, s, unused, &variable);
}

void config_take_fields(struct loader *l, struct entry *e)
{
    void *unused = arena_alloc(l->arena, e->section->size);
    l->failed |= !unused;
    for (size_t i = 0; i < e->section->fields_n && !l->failed; i++)
        take_value(l, e, i, unused);
}

void config_check_unset(struct loader *l, const struct entry *e)
{
    for (size_t i = 0; i < e->section->fields_n; i++) {
        if (e->unset[i] && !e->from[i])
            config_say_unset(l, CONFIG_ERROR, e->set[i],
                             config_entry_key(l, e, e->section->fields[i].path), e->unset[i]);
    }
}

static int by_order(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    if ((*x)->order != (*y)->order)
        return (*x)->order < (*y)->order ? -1 : 1;
    return strcmp((*x)->name, (*y)->name);
}

void config_sort_entries(struct entries *all)
{
    if (all->n)
        qsort(all->list, all->n, sizeof(struct entry *), by_order);
}
