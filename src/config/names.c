/* names: what callers may write where a model is asked for: models of files and of providers, their
 * aliases, roles. No name may mean two things; one model at several places is one thing. `x` and
 * `x:latest` are one name. */
#include <stdlib.h>

#include "config/inner.h"

enum means { OF_FILE, OF_PROVIDER, OF_ALIAS, OF_ROLE };

struct named {
    struct slice name; /* without :latest */
    enum means means;
    const struct entry *entry;
    const struct setting *setting; /* where it stands */
};

struct names { /* sorted by name, then by what they mean, then as they were said */
    struct named *list;
    size_t n;
};

struct slice config_plain_name(struct slice name)
{
    struct slice tag = SLICE(":latest");
    return slice_ends(name, tag) && name.len > tag.len ? slice_to(name, name.len - tag.len) : name;
}

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = slice_order(x->name, y->name);
    if (order)
        return order;
    if (x->means != y->means)
        return x->means < y->means ? -1 : 1;
    if (x->entry->order != y->entry->order)
        return x->entry->order < y->entry->order ? -1 : 1;
    return strcmp(x->entry->name, y->entry->name);
}

/* ---- gathering them ------------------------------------------------------------------------- */

static size_t count(const struct whole *w)
{
    size_t n = w->entries[ROLES].n + w->entries[MODELS].n + w->config.aliases_n;
    for (size_t i = 0; i < w->config.providers_n; i++)
        n += w->config.providers[i].models.n;
    return n;
}

static void add(struct names *all, struct slice name, enum means means, const struct entry *e,
                size_t field)
{
    const struct setting *s = e->set[field];
    all->list[all->n++] = (struct named){config_plain_name(name), means, e, s};
}

static void gather(const struct whole *w, struct names *all)
{
    const struct entries *entries = w->entries;
    for (size_t i = 0; i < entries[MODELS].n; i++) {
        const struct entry *e = entries[MODELS].list[i];
        const struct config_model *m = e->values;
        if (config_is_pattern(e->name))
            continue;
        if (m->file[0])
            add(all, slice_of(e->name), OF_FILE, e, MODEL_FILE);
        for (size_t k = 0; k < m->aliases.n; k++)
            add(all, m->aliases.items[k], OF_ALIAS, e, MODEL_ALIASES);
    }
    for (size_t i = 0; i < entries[PROVIDERS].n; i++) {
        const struct entry *e = entries[PROVIDERS].list[i];
        const struct config_provider *p = &((const struct provider *)e->values)->p;
        for (size_t k = 0; p->on && k < p->models.n; k++)
            add(all, p->models.items[k], OF_PROVIDER, e,
                e->set[FIELD_MODELS] ? FIELD_MODELS : FIELD_MODEL);
    }
    for (size_t i = 0; i < entries[ROLES].n; i++)
        add(all, slice_of(entries[ROLES].list[i]->name), OF_ROLE, entries[ROLES].list[i], 0);
    if (all->n)
        qsort(all->list, all->n, sizeof all->list[0], by_name);
}

static const struct named *find(const struct names *all, struct slice name)
{
    const struct named *low = all->list, *end = all->list + all->n;
    size_t n = all->n;
    name = config_plain_name(name);
    while (n) { /* the first that is not before it */
        const struct named *middle = low + n / 2;
        if (slice_order(middle->name, name) < 0) {
            low = middle + 1;
            n -= n / 2 + 1;
        } else {
            n /= 2;
        }
    }
    return low < end && slice_is(low->name, name) ? low : NULL;
}

/* ---- two meanings --------------------------------------------------------------------------- */

static const char *field_of(const struct named *n)
{
    return n->means == OF_ALIAS ? "aliases" : n->means == OF_FILE ? "file" : NULL;
}

static void clash(struct loader *l, const struct named *n, const struct named *other)
{
    static const char *const what[] = {
        [OF_FILE] = "a model",
        [OF_PROVIDER] = "a provider's model",
        [OF_ALIAS] = "an alias",
        [OF_ROLE] = "a role",
    };
    struct text words = {0};
    text_add(&words, SLICE("the name "));
    text_visible(&words, n->name);
    text_format(&words, " is %s too, of %s.%s in ", what[other->means], other->entry->section->name,
                other->entry->name);
    text_visible(&words, slice_of(other->setting->source->name));
    if (other->setting->line)
        text_format(&words, ":%u", other->setting->line);
    text_add(&words, SLICE("; give one of them another name"));
    config_say_words(l, CONFIG_ERROR, n->setting->source,
                     &(struct config_problem){.line = n->setting->line,
                                              .key = config_entry_key(l, n->entry, field_of(n))},
                     &words);
}

/* Do these two, of one name, mean one thing? first is the one that comes before. */
static bool agree(const struct named *first, const struct named *n)
{
    struct slice one = slice_of(first->entry->name), two = slice_of(n->entry->name);
    if (n->means == OF_ROLE)
        return false;
    if (n->means == OF_PROVIDER)
        return true; /* the same model at another place */
    if (n->means == OF_FILE || first->means == OF_ALIAS)
        return slice_is(one, two);
    return slice_is(config_plain_name(two),
                    n->name); /* an alias of the model that has the name anyway */
}

static void check_clashes(struct loader *l, const struct names *all)
{
    for (size_t i = 1, first = 0; i < all->n && !l->failed; i++) {
        const struct named *n = &all->list[i];
        if (!slice_is(n->name, all->list[first].name))
            first = i;
        else if (!agree(&all->list[first], n))
            clash(l, n, &all->list[first]);
    }
}

/* ---- what roles name ------------------------------------------------------------------------ */

static bool is_the_guide(const struct named *n)
{
    return strcmp(n->entry->name, LIBRARY_GUIDE_NAME) == 0;
}

static void check_item(struct loader *l, const struct names *all, const struct entry *role,
                       struct slice item)
{
    bool forced = slice_begins(item, SLICE("model/"));
    const struct named *n = find(all, forced ? slice_from(item, 6) : item);
    bool is_role = slice_begins(item, SLICE("role/")) || (n && n->means == OF_ROLE);
    bool is_guide = n && !is_role && is_the_guide(n);
    struct text words = {0};
    if (n && !is_role && !is_guide)
        return;
    text_visible(&words, slice_to(item, min_size(item.len, 100)));
    text_add(&words, is_role    ? SLICE(" is a role; a role holds models")
                     : is_guide ? SLICE(" answers questions about hearth alone; no role holds it")
                                : SLICE(" is no model's name: neither a file's nor a provider's"));
    config_say_words(l, is_role || is_guide ? CONFIG_ERROR : CONFIG_WARNING, role->set[0]->source,
                     &(struct config_problem){.line = role->set[0]->line,
                                              .key = config_entry_key(l, role, NULL)},
                     &words);
}

static void check_roles(struct loader *l, const struct names *all)
{
    const struct entries *roles = &l->whole->entries[ROLES];
    for (size_t i = 0; i < roles->n; i++) {
        const struct config_role *role = roles->list[i]->values;
        for (size_t k = 0; k < role->models.n && !l->failed; k++)
            check_item(l, all, roles->list[i], role->models.items[k]);
    }
}

/* ---- aliases of nothing --------------------------------------------------------------------- */

static void check_aliases(struct loader *l, const struct names *all)
{
    const struct entries *models = &l->whole->entries[MODELS];
    for (size_t i = 0; i < models->n && !l->failed; i++) {
        const struct entry *e = models->list[i];
        const struct config_model *m = e->values;
        const struct named *n = m->aliases.n ? find(all, slice_of(e->name)) : NULL;
        if (n && is_the_guide(n))
            config_say(l, CONFIG_ERROR, e->set[MODEL_ALIASES]->source,
                       &(struct config_problem){
                           .line = e->set[MODEL_ALIASES]->line,
                           .key = config_entry_key(l, e, "aliases"),
                           .text = "answers questions about hearth alone; it has no other name"});
        if (!m->aliases.n || config_is_pattern(e->name) || (n && n->means <= OF_PROVIDER))
            continue;
        config_say(
            l, CONFIG_WARNING, e->source,
            &(struct config_problem){
                .line = e->line,
                .key = config_entry_key(l, e, NULL),
                .text = "has no file and no provider names it, so its aliases lead nowhere"});
    }
}

void config_check_names(struct loader *l)
{
    struct names all = {arena_array(l->arena, struct named, max_size(count(l->whole), 1)), 0};
    if (!all.list) {
        l->failed = true;
        return;
    }
    gather(l->whole, &all);
    check_clashes(l, &all);
    check_roles(l, &all);
    check_aliases(l, &all);
}
