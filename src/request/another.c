/* another: where a place cannot do what was asked, one that can is named. */
#include "request/inside.h"

#define MOST_LOOKS 32u

/* Whether it has words for this call: they are written, and thrown away. */
static bool can(struct request *r, const struct route_target *t)
{
    struct decoder d = {.model = t->model, .arena = &r->arena};
    const struct target to = {.model = t->model, .slot = -1};
    struct text body = {0};
    struct why why;
    enum err e = decoder_begin(&d, &r->call, t->backend->dialect, &to, &body, &why);
    text_fini(&body);
    decoder_fini(&d);
    return e == OK;
}

static bool was_tried(const struct request *r, const struct route_target *t)
{
    for (unsigned i = 0; i < r->plan.n; i++) {
        if (r->plan.list[i].target->backend == t->backend)
            return true;
    }
    return false;
}

struct slice request_another(struct request *r)
{
    const struct route_table *all = r->desk->routes;
    unsigned looks = 0;
    if (r->body.bytes.len > LARGE)
        return (struct slice){0};
    for (size_t i = 0; i < all->n && looks < MOST_LOOKS; i++) {
        const struct route_target *t = &all->targets[i];
        bool may = t->does == ROUTE_TEXT && route_may(r->terms.models, t->model);
        if (!may || was_tried(r, t))
            continue;
        looks++;
        if (can(r, t))
            return t->model;
    }
    return (struct slice){0};
}
