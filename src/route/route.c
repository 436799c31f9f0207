/* route: see route.h. */
#include "route/route.h"

#include <stdio.h>

#define LONGEST_NAME 128u
#define FAR 12u

unsigned route_distance(struct slice a, struct slice b, unsigned most)
{
    unsigned row[LONGEST_NAME + 1];
    size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (a.len > LONGEST_NAME || b.len > LONGEST_NAME || apart > most)
        return most + 1;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned corner = row[0], least = i;
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned change = corner + (a.ptr[i - 1] != b.ptr[j - 1]);
            corner = row[j];
            unsigned add = row[j - 1] + 1, drop = row[j] + 1;
            row[j] = change < add ? (change < drop ? change : drop) : (add < drop ? add : drop);
            least = row[j] < least ? row[j] : least;
        }
        if (least > most)
            return most + 1;
    }
    return row[b.len] <= most ? row[b.len] : most + 1;
}

static bool is_no_name(struct slice name)
{
    return !name.len || slice_is(name, SLICE("undefined")) || slice_is(name, SLICE("default"));
}

static void note_near(struct route_plan *p, unsigned distances[], struct slice name, unsigned far)
{
    unsigned i = p->n_nearest;
    for (unsigned k = 0; k < p->n_nearest; k++) {
        if (slice_is(p->nearest[k], name))
            return;
    }
    while (i > 0 && distances[i - 1] > far)
        i--;
    if (i == MOST_NEAREST)
        return;
    p->n_nearest += p->n_nearest < MOST_NEAREST;
    for (unsigned k = p->n_nearest - 1; k > i; k--) {
        p->nearest[k] = p->nearest[k - 1];
        distances[k] = distances[k - 1];
    }
    p->nearest[i] = name;
    distances[i] = far;
}

/* ---- names ---------------------------------------------------------------------------------- */

static struct slice plain(struct slice name)
{
    struct slice tag = SLICE(":latest");
    return slice_ends(name, tag) && name.len > tag.len ? slice_to(name, name.len - tag.len) : name;
}

static bool is_name(struct slice a, struct slice b)
{
    return slice_is(plain(a), plain(b));
}

bool route_may(struct slice scope, struct slice name)
{
    struct slice word;
    if (!scope.len)
        return true;
    while (slice_split(&scope, ' ', &word)) {
        bool open = slice_ends(word, SLICE("*"));
        if (open ? slice_begins(name, slice_to(word, word.len - 1)) : is_name(name, word))
            return true;
    }
    return false;
}

enum means { ANYTHING, A_MODEL, A_ROLE };

static struct slice take_force(struct slice name, enum means *ret_means)
{
    static const struct {
        struct slice prefix;
        enum means means;
    } words[] = {{{"model/", 6}, A_MODEL}, {{"role/", 5}, A_ROLE}};
    *ret_means = ANYTHING;
    for (size_t i = 0; i < COUNT(words); i++) {
        if (!slice_begins(name, words[i].prefix))
            continue;
        *ret_means = words[i].means;
        return slice_from(name, words[i].prefix.len);
    }
    return name;
}

static bool is_model(const struct route_table *t, struct slice name)
{
    for (size_t i = 0; i < t->n; i++) {
        if (is_name(t->targets[i].model, name))
            return true;
    }
    return false;
}

/* The model that this is a name of; the name itself when it is no alias. */
static struct slice model_of(const struct route_table *t, struct slice name)
{
    if (is_model(t, name))
        return name;
    for (size_t i = 0; i < t->n_aliases; i++) {
        if (is_name(t->aliases[i].alias, name))
            return t->aliases[i].model;
    }
    return name;
}

static const struct route_role *role_of(const struct route_table *t, struct slice name)
{
    for (size_t i = 0; i < t->n_roles; i++) {
        if (is_name(t->roles[i].name, name))
            return &t->roles[i];
    }
    return NULL;
}

/* What one of a role's models is called. */
static struct slice item_of(const struct route_table *t, const struct route_role *role, size_t i)
{
    enum means means;
    return model_of(t, take_force(role->models[i], &means));
}

bool route_holds(const struct route_table *t, struct slice role, struct slice model)
{
    const struct route_role *r = role_of(t, role);
    for (size_t i = 0; r && i < r->n; i++) {
        if (is_name(item_of(t, r, i), model))
            return true;
    }
    return false;
}

/* ---- candidates ----------------------------------------------------------------------------- */

static bool is_in(const struct route_plan *p, const struct route_target *t)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (p->list[i].target == t)
            return true;
    }
    return false;
}

/* By priority, behind the first `from`. */
static void insert(struct route_plan *p, unsigned from, const struct route_target *t)
{
    unsigned i = p->n;
    while (i > from && p->list[i - 1].target->priority > t->priority)
        i--;
    if (i == MOST_CANDIDATES)
        return;
    p->n += p->n < MOST_CANDIDATES;
    memmove(&p->list[i + 1], &p->list[i], (p->n - 1 - i) * sizeof p->list[0]);
    p->list[i].target = t;
}

/* All places of a model, behind those that are there. reason: of MOST_REASON bytes. */
static void add_model(const struct route_table *t, struct slice model, const char *reason,
                      struct route_plan *p)
{
    unsigned from = p->n;
    size_t len = strlen(reason) + 1;
    for (size_t i = 0; i < t->n; i++) {
        if (is_name(t->targets[i].model, model) && !is_in(p, &t->targets[i]))
            insert(p, from, &t->targets[i]);
    }
    for (unsigned i = from; i < p->n; i++)
        memcpy(p->list[i].reason, reason, len);
}

static void add_by_name(const struct route_table *t, struct slice name, struct slice model,
                        struct route_plan *p)
{
    char reason[MOST_REASON] = "has the model";
    if (!is_name(name, model))
        snprintf(reason, sizeof reason, "has the model, called %.*s",
                 SLICE_ARG(slice_to(name, min_size(name.len, 64))));
    add_model(t, model, reason, p);
}

static void add_role(const struct route_table *t, const struct route_role *role, struct slice scope,
                     struct route_plan *p)
{
    static const char *const places[] = {"first", "second", "third"};
    bool all = route_may(scope, role->name);
    for (size_t i = 0; i < role->n; i++) {
        struct slice model = item_of(t, role, i);
        char reason[MOST_REASON];
        if (!all && !route_may(scope, model))
            continue;
        if (i < COUNT(places))
            snprintf(reason, sizeof reason, "role %.*s, %s choice", SLICE_ARG(role->name),
                     places[i]);
        else
            snprintf(reason, sizeof reason, "role %.*s, choice %zu", SLICE_ARG(role->name), i + 1);
        add_model(t, model, reason, p);
    }
}

static bool may_role(const struct route_table *t, const struct route_role *role, struct slice scope)
{
    bool may = route_may(scope, role->name);
    for (size_t i = 0; i < role->n && !may; i++)
        may = route_may(scope, item_of(t, role, i));
    return may;
}

static enum err plan_role(const struct route_table *t, const struct route_role *role,
                          struct slice scope, struct route_plan *p)
{
    if (!may_role(t, role, scope))
        return ERR_OUT_OF_SCOPE;
    p->role = role->name;
    if (!role->n)
        return ERR_ROLE_UNBOUND;
    add_role(t, role, scope, p);
    return p->n ? OK : ERR_NO_TARGET;
}

/* A name that programs have built in: the role that it means. */
static struct slice known_role(const struct route_table *t, struct slice name)
{
    static const struct {
        struct slice name, role;
    } known[] = {
#define KNOWN(name, role) {SLICE(name), SLICE(role)},
#include "route/known.def"
#undef KNOWN
    };
    for (size_t i = 0; t->known_names && i < COUNT(known); i++) {
        if (route_may(known[i].name, name))
            return known[i].role;
    }
    return (struct slice){0};
}

static enum err plan_known(const struct route_table *t, struct slice known, struct slice scope,
                           struct route_plan *p)
{
    const struct route_role *role = role_of(t, known);
    p->by_name = false;
    if (role)
        return plan_role(t, role, scope, p);
    p->role = known;
    return ERR_ROLE_UNBOUND;
}

/* ---- the nearest ---------------------------------------------------------------------------- */

struct near {
    struct route_plan *plan;
    struct slice name, scope;
    unsigned distances[MOST_NEAREST];
};

static void consider(struct near *n, struct slice name)
{
    unsigned far = route_distance(name, n->name, FAR);
    if (far <= FAR && route_may(n->scope, name))
        note_near(n->plan, n->distances, name, far);
}

static void find_nearest(const struct route_table *t, struct slice name, struct slice scope,
                         struct route_plan *p)
{
    struct near n = {p, name, scope, {0}};
    for (size_t i = 0; i < t->n; i++)
        consider(&n, t->targets[i].model);
    for (size_t i = 0; i < t->n_aliases; i++)
        consider(&n, t->aliases[i].alias);
    for (size_t i = 0; i < t->n_roles; i++) {
        if (t->roles[i].n)
            consider(&n, t->roles[i].name);
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool is_before(const struct route_target *a, const struct route_target *b)
{
    return a->unnamed != b->unnamed ? a->unnamed < b->unnamed : a->priority < b->priority;
}

static bool may_unnamed(const struct route_target *t, const struct route_wish *w)
{
    return t->does == w->does && route_may(w->scope, t->model);
}

static const struct route_target *first_of(const struct route_table *t, const struct route_wish *w)
{
    const struct route_target *best = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const struct route_target *target = &t->targets[i];
        if (may_unnamed(target, w) && (!best || is_before(target, best)))
            best = target;
    }
    return best;
}

static enum err plan_model(const struct route_table *t, struct slice name, struct slice scope,
                           struct route_plan *p)
{
    struct slice model = model_of(t, name), known = known_role(t, name);
    add_by_name(t, name, model, p);
    if (!p->n && known.len)
        return plan_known(t, known, route_may(scope, name) ? (struct slice){0} : scope, p);
    if (!route_may(scope, name) && !route_may(scope, model)) {
        p->n = 0;
        return ERR_OUT_OF_SCOPE;
    }
    if (!p->n)
        find_nearest(t, name, scope, p);
    return p->n ? OK : ERR_NO_MODEL;
}

enum err route_plan(const struct route_table *t, const struct route_wish *wish,
                    struct route_plan *ret_plan)
{
    enum means means;
    struct slice name = wish->name, scope = wish->scope;
    const struct route_role *vectors = role_of(t, SLICE("embed"));
    if (is_no_name(name) && wish->does == ROUTE_EMBED && vectors && vectors->n)
        name = SLICE("role/embed"); /* somebody said which */
    const struct route_target *first = is_no_name(name) ? first_of(t, wish) : NULL;
    *ret_plan = (struct route_plan){.by_name = !first};
    name = first ? first->model : take_force(name, &means);
    if (first)
        means = A_MODEL;
    const struct route_role *role = means == A_MODEL ? NULL : role_of(t, name);
    if (role && (means == A_ROLE || !is_model(t, model_of(t, name)))) {
        ret_plan->by_name = false;
        return plan_role(t, role, scope, ret_plan);
    }
    if (means != A_ROLE)
        return plan_model(t, name, scope, ret_plan);
    if (!route_may(scope, name))
        return ERR_OUT_OF_SCOPE;
    find_nearest(t, name, scope, ret_plan);
    return ERR_NO_MODEL;
}
