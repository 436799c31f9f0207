/* route: see route.h. */
#include "route/route.h"

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

static void insert(struct route_plan *p, const struct route_target *t)
{
    unsigned i = p->n;
    while (i > 0 && p->list[i - 1].target->priority > t->priority)
        i--;
    if (i == MOST_CANDIDATES)
        return;
    p->n += p->n < MOST_CANDIDATES;
    memmove(&p->list[i + 1], &p->list[i], (p->n - 1 - i) * sizeof p->list[0]);
    p->list[i] = (struct route_candidate){t, "has the model"};
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

bool route_may(struct slice scope, struct slice name)
{
    struct slice word;
    if (!scope.len)
        return true;
    while (slice_split(&scope, ' ', &word)) {
        bool open = slice_ends(word, SLICE("*"));
        if (open ? slice_begins(name, slice_to(word, word.len - 1)) : slice_is(name, word))
            return true;
    }
    return false;
}

static const struct route_target *first_of(const struct route_table *t, struct slice scope)
{
    const struct route_target *best = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const struct route_target *target = &t->targets[i];
        if ((!best || target->priority < best->priority) && route_may(scope, target->model))
            best = target;
    }
    return best;
}

enum err route_plan(const struct route_table *t, struct slice name, struct slice scope,
                    struct route_plan *ret_plan)
{
    struct route_plan p = {0};
    unsigned distances[MOST_NEAREST];
    const struct route_target *first = is_no_name(name) ? first_of(t, scope) : NULL;
    *ret_plan = p;
    if (first)
        name = first->model;
    if (!route_may(scope, name))
        return ERR_OUT_OF_SCOPE;
    for (size_t i = 0; i < t->n; i++) {
        if (slice_is(t->targets[i].model, name))
            insert(&p, &t->targets[i]);
    }
    for (size_t i = 0; i < t->n && !p.n; i++) {
        unsigned far = route_distance(t->targets[i].model, name, FAR);
        if (far <= FAR && route_may(scope, t->targets[i].model))
            note_near(&p, distances, t->targets[i].model, far);
    }
    *ret_plan = p;
    return p.n ? OK : ERR_NO_MODEL;
}
