/* found: the models that lie on this machine, as a source that weighs less than all others. What a
 * person says of one of them, by its name or a pattern, holds; and no name that stands anywhere in
 * the configuration is taken away from what it means there. So nothing that is found can make a
 * configuration invalid. */
#include <limits.h>

#include "config/inner.h"
#include "os/os.h"

#define MOST_ALIASES 64u /* as the table of fields has it */
#define GUIDE_CTX "512"  /* what it was trained with */

struct known { /* names, without :latest */
    struct slice *list;
    size_t n, room;
};

static bool is_known(const struct known *t, struct slice name)
{
    name = config_plain_name(name);
    for (size_t i = 0; i < t->n; i++) {
        if (slice_is(t->list[i], name))
            return true;
    }
    return false;
}

static void know(struct loader *l, struct known *t, struct slice name)
{
    if (t->n == t->room) {
        size_t room = t->room ? t->room * 2 : 256;
        struct slice *list = arena_array(l->arena, struct slice, room);
        if (!list) {
            l->failed = true;
            return;
        }
        if (t->n)
            memcpy(list, t->list, t->n * sizeof *list);
        t->list = list;
        t->room = room;
    }
    t->list[t->n++] = config_plain_name(name);
}

/* The guide's name is the guide's, whatever lies in other stores. */
static bool is_free(const struct known *t, const struct library_model *m, struct slice name)
{
    bool guide = slice_is(config_plain_name(name), SLICE(LIBRARY_GUIDE_NAME));
    return !is_known(t, name) && (!guide || m->store == LIBRARY_GUIDE);
}

/* ---- what has a meaning already ------------------------------------------------------------- */

static void know_nodes(struct loader *l, struct known *t, const struct setting *s)
{
    for (; s; s = s->hides) {
        if (s->node->kind == IS_SCALAR)
            know(l, t, s->node->text);
        for (const struct yaml_node *n = s->node->first; n; n = n->next)
            know(l, t, n->text);
    }
}

static void know_all(struct loader *l, struct known *t)
{
    static const char *const roles[] = {"code", "chat", "raw", "embed"}; /* always there */
    const struct entries *entries = l->whole->entries;
    const struct config *c = &l->whole->config;
    for (size_t i = 0; i < COUNT(roles); i++)
        know(l, t, slice_of(roles[i]));
    for (size_t i = 0; i < entries[ROLES].n; i++)
        know(l, t, slice_of(entries[ROLES].list[i]->name));
    for (size_t i = 0; i < entries[MODELS].n; i++) {
        const struct entry *e = entries[MODELS].list[i];
        if (e->set[MODEL_FILE])
            know(l, t, slice_of(e->name));
        know_nodes(l, t, e->set[MODEL_ALIASES]);
    }
    for (size_t i = 0; i < c->providers_n; i++) {
        for (size_t k = 0; c->providers[i].on && k < c->providers[i].models.n; k++)
            know(l, t, c->providers[i].models.items[k]);
    }
}

/* ---- as settings ---------------------------------------------------------------------------- */

static struct yaml_node *scalar(struct loader *l, struct slice text)
{
    struct yaml_node *n = arena_new(l->arena, struct yaml_node);
    struct text t = {0};
    for (size_t i = 0; i < text.len; i++) { /* a $ in a path begins no variable */
        text_byte(&t, text.ptr[i]);
        if (text.ptr[i] == '$')
            text_byte(&t, '$');
    }
    struct slice kept = t.len ? arena_dup(l->arena, text_slice(&t)) : (struct slice){0};
    l->failed |= !n || t.failed || !kept.ptr;
    text_fini(&t);
    if (n)
        *n = (struct yaml_node){.kind = IS_SCALAR, .text = kept};
    return n;
}

static void set(struct loader *l, const struct source *source, struct entry *e,
                enum model_field field, const struct yaml_node *node)
{
    const struct at at = {source, slice_of(config_entry_key(l, e, NULL))};
    if (!l->failed)
        config_add(l, &at, &e->set[field], node);
}

static void set_text(struct loader *l, const struct source *source, struct entry *e,
                     enum model_field field, const char *text)
{
    if (text[0] && !l->failed)
        set(l, source, e, field, scalar(l, slice_of(text)));
}

static void set_list(struct loader *l, const struct source *source, struct entry *e,
                     enum model_field field, const struct config_list *items)
{
    struct yaml_node *list = arena_new(l->arena, struct yaml_node);
    const struct yaml_node **end = list ? &list->first : NULL;
    l->failed |= !list;
    for (size_t i = 0; i < items->n && !l->failed; i++) {
        struct yaml_node *n = scalar(l, items->items[i]);
        if (!l->failed) {
            *end = n;
            end = &n->next;
        }
    }
    if (l->failed || !items->n)
        return;
    list->kind = IS_LIST;
    list->count = items->n;
    set(l, source, e, field, list);
}

/* ---- models --------------------------------------------------------------------------------- */

static const char *free_name(const struct known *t, const struct library_model *m)
{
    if (is_free(t, m, slice_of(m->name)))
        return m->name;
    for (size_t i = 0; i < m->n_aliases; i++) {
        if (is_free(t, m, m->aliases[i]))
            return m->aliases[i].ptr;
    }
    return NULL;
}

/* The first name that is free, of its own or of a double; NULL: none is. */
static const char *name_of(const struct library *lib, const struct known *t, size_t at)
{
    const char *name = NULL;
    for (size_t i = at; i < lib->n && !name; i++) {
        if (lib->models[i].same_as == at)
            name = free_name(t, &lib->models[i]);
    }
    return name;
}

static void add_name(struct loader *l, struct known *t, const struct library_model *m,
                     struct slice name, struct config_list *names)
{
    struct slice *room = (struct slice *)(uintptr_t)names->items; /* ours */
    if (!is_free(t, m, name) || names->n == MOST_ALIASES || l->failed)
        return;
    know(l, t, name);
    room[names->n++] = name;
}

/* Its other names, and those of its doubles. */
static void set_aliases(struct loader *l, struct known *t, const struct source *source,
                        struct entry *e, size_t at)
{
    const struct library *lib = &l->whole->library;
    if (lib->models[at].store == LIBRARY_GUIDE)
        return;
    struct slice *room = arena_array(l->arena, struct slice, MOST_ALIASES);
    struct config_list names = {room, 0};
    l->failed |= !room;
    for (size_t i = at; i < lib->n && !l->failed; i++) {
        const struct library_model *m = &lib->models[i];
        if (m->same_as != at)
            continue;
        add_name(l, t, m, slice_of(m->name), &names);
        for (size_t k = 0; k < m->n_aliases; k++)
            add_name(l, t, m, m->aliases[k], &names);
    }
    if (!e->set[MODEL_ALIASES])
        set_list(l, source, e, MODEL_ALIASES, &names);
}

static struct entry *add_model(struct loader *l, const struct source *source, const char *name,
                               const struct library_model *m)
{
    struct entry *e = config_add_entry(l, MODELS, source, slice_of(name));
    struct slice lora = slice_of(m->lora);
    if (!e || l->failed)
        return e;
    set_text(l, source, e, MODEL_FILE, m->file);
    if (!e->set[MODEL_MMPROJ])
        set_text(l, source, e, MODEL_MMPROJ, m->mmproj);
    if (!e->set[MODEL_EMBEDDING] && !e->set[MODEL_RERANK] && (m->embeds || m->ranks))
        set_text(l, source, e, m->ranks ? MODEL_RERANK : MODEL_EMBEDDING, "true");
    if (!e->set[MODEL_CTX] && m->store == LIBRARY_GUIDE)
        set_text(l, source, e, MODEL_CTX, GUIDE_CTX);
    if (!e->set[MODEL_LORA])
        set_list(l, source, e, MODEL_LORA, &(struct config_list){&lora, lora.len > 0});
    return e;
}

static void add_models(struct loader *l, const struct source *const *sources)
{
    const struct library *lib = &l->whole->library;
    struct entry **entries = arena_array(l->arena, struct entry *, max_size(lib->n, 1));
    struct known t = {0};
    l->failed |= !entries;
    know_all(l, &t);
    for (size_t i = 0; i < lib->n && !l->failed; i++) {
        const struct library_model *m = &lib->models[i];
        const char *name = m->same_as == i ? name_of(lib, &t, i) : NULL;
        if (!name)
            continue;
        know(l, &t, slice_of(name));
        entries[i] = add_model(l, sources[m->store], name, m);
    }
    for (size_t i = 0; i < lib->n && !l->failed; i++) { /* names come before aliases */
        if (entries[i])
            set_aliases(l, &t, sources[lib->models[i].store], entries[i], i);
    }
}

void config_gather_found(struct loader *l)
{
    const struct config_paths *paths = l->sources->paths;
    const struct config *c = &l->whole->config;
    const struct source *sources[LIBRARY_STORES] = {0};
    char program[PATH_MAX];
    struct library_where where = {
        .home = paths->home,
        .folder = c->library,
        .program = os_fact("program", program, sizeof program) ? program : NULL,
        .environment = l->sources->environment,
        .apart = paths->apart,
    };
    for (size_t i = 0; i < c->stores.n; i++) {
        enum library_store s = library_store_of(c->stores.items[i]);
        if (s < LIBRARY_STORES)
            where.stores[s] = true;
    }
    l->failed |= library_look(l->arena, &where, &l->whole->library) != OK;
    for (enum library_store s = 0; s < LIBRARY_STORES && !l->failed; s++) {
        struct slice words = arena_format(l->arena, "found: %s", library_title(s));
        sources[s] = words.ptr ? config_source(l, FOUND, words.ptr) : NULL;
        l->failed |= !sources[s];
    }
    if (!l->failed && l->whole->library.n)
        add_models(l, sources);
}

struct library *config_library(struct config *c)
{
    return &owner_of(c, struct whole, config)->library;
}
