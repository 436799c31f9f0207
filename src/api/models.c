/* models: which there are for who asks, as OpenAI's clients and Anthropic's list them. No engine is
 * woken for it, and no provider asked. */
#include "api/inside.h"

#include "base/mem.h"

/* May it be asked here: with this right, and at this listener? */
bool visit_may_ask(const struct visit *v, struct slice model)
{
    struct slice role = v->x->peer->role, scope = v->asker.models;
    if (!role.len)
        return route_may(scope, model);
    return route_holds(v->api->desk->routes, role, model) &&
           (route_may(scope, role) || route_may(scope, model));
}

static enum err no_model(struct slice name, struct why *why)
{
    struct text shown = {0};
    text_visible(&shown, slice_to(name, min_size(name.len, 80)));
    enum err e = why_param(why, ERR_NO_MODEL, "model", "model '%s' not found", text_cstr(&shown));
    text_fini(&shown);
    return e;
}

/* By any name that a call may use: an alias or a role stands for the model that it leads to. */
enum err visit_find_model(const struct visit *v, struct slice name,
                          const struct model_entry **ret_model, struct why *why)
{
    struct route_plan plan = {0};
    const struct route_wish wish = {.name = name,
                                    .scope = v->x->peer->role.len ? SLICE("") : v->asker.models};
    if (!name.len)
        return why_param(why, ERR_MISSING_FIELD, "model", "model is missing");
    if (route_plan(v->api->desk->routes, &wish, &plan))
        return no_model(name, why);
    for (size_t i = 0; i < v->api->n_models; i++) {
        const struct model_entry *m = &v->api->models[i];
        if (slice_is(m->name, plan.list[0].target->model) &&
            (!v->x->peer->role.len || visit_may_ask(v, m->name))) {
            *ret_model = m;
            return OK;
        }
    }
    return no_model(name, why);
}

/* Anthropic's clients ask at the same address, and say what they speak. */
static enum dialect dialect_of(const struct visit *v)
{
    bool anthropic = http_field(v->x->head, "anthropic-version").len > 0;
    return anthropic ? DIALECT_ANTHROPIC : v->endpoint->dialect;
}

void models(struct visit *v)
{
    struct text body = {0};
    size_t n = 0;
    struct model_entry *may = mem_alloc(max_size(v->api->n_models, 1) * sizeof *may);
    body.failed = !may;
    for (size_t i = 0; may && i < v->api->n_models; i++) {
        if (visit_may_ask(v, v->api->models[i].name))
            may[n++] = v->api->models[i];
    }
    if (may)
        reply_write_models(dialect_of(v), may, n, &body);
    answer_json(v, 200, &body);
    text_fini(&body);
    mem_free(may);
}

void one_model(struct visit *v)
{
    const struct model_entry *model;
    struct text body = {0};
    struct why why;
    if (visit_find_model(v, v->id, &model, &why)) {
        answer_error(v, &why);
        return;
    }
    reply_write_model(dialect_of(v), model, &body);
    answer_json(v, 200, &body);
    text_fini(&body);
}
