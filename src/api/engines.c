/* engines: what administration sees of the children that serve models, and asks of them. */
#include "api/inside.h"

#include "base/mem.h"

void list_engines(struct visit *v)
{
    struct text body = {0};
    v->api->admin->write_engines(v->api->context, &body);
    answer_json(v, 200, &body);
    text_fini(&body);
}

static enum err read_model(const struct visit *v, struct text *model, struct why *why)
{
    struct slice value = query_value(v->x->head->query, "model");
    if (!value.len)
        return why_param(why, ERR_MISSING_FIELD, "model", "which model?");
    if (!http_query_decode(value, model))
        return why_param(why, ERR_BAD_VALUE, "model", "it is not well encoded");
    return OK;
}

void restart_engine(struct visit *v)
{
    struct why why;
    struct text model = {0}, body = {0};
    enum err e = read_model(v, &model, &why);
    if (!e)
        e = v->api->admin->restart_engine(v->api->context, text_slice(&model), &why);
    text_fini(&model);
    if (e) {
        answer_error(v, &why);
        return;
    }
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_key(&w, "restarted");
    json_put_bool(&w, true);
    json_close_object(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
}

/* ---- as llama-server's router is asked, by who may chat -------------------------------------- */

static enum err read_router(const struct visit *v, struct text *model, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(text_slice(&v->x->body.bytes), &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    text_add(model, json_text(json_get(doc.root, "model")));
    json_done(&doc);
    if (model->failed)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    if (!model->len)
        return why_param(why, ERR_MISSING_FIELD, "model", "which model?");
    if (!visit_may_ask(v, text_slice(model)))
        return why_set(why, ERR_OUT_OF_SCOPE, "%s", "");
    return OK;
}

/* Somebody is answered, or waits to be. */
static bool is_busy(const struct visit *v, struct slice model)
{
    struct route_plan plan = {0};
    if (route_plan(v->api->desk->routes, &(struct route_wish){.name = model}, &plan))
        return false;
    for (unsigned i = 0; i < plan.n; i++) {
        const struct queue *q = &plan.list[i].target->backend->queue;
        if (q->busy || q->waiting || q->aside)
            return true;
    }
    return false;
}

static void on_left(struct pending *p)
{
    p->api->admin->let_go(p->api->context, p);
    mem_free(p);
}

/* It may take minutes: the answer comes through api_told. read: an error where it is not OK. */
static void load(struct visit *v, enum err read, struct text *model, bool by_router,
                 struct why *why)
{
    if (!read) {
        v->pending = mem_new(struct pending);
        read = v->pending ? OK : why_set(why, ERR_NO_MEMORY, "no memory");
    }
    if (read) {
        answer_error(v, why);
    } else {
        *v->pending =
            (struct pending){.visit = v, .api = v->api, .left = on_left, .by_router = by_router};
        v->api->admin->load_model(v->api->context, text_slice(model), v->pending);
    }
    text_fini(model);
}

void load_model(struct visit *v)
{
    struct why why;
    struct text model = {0};
    load(v, read_model(v, &model, &why), &model, false, &why);
}

void router_load(struct visit *v)
{
    struct why why;
    struct text model = {0};
    load(v, read_router(v, &model, &why), &model, true, &why);
}

void router_unload(struct visit *v)
{
    struct why why;
    struct text model = {0}, body = {0};
    enum err e = read_router(v, &model, &why);
    if (!e && is_busy(v, text_slice(&model)))
        e = why_set(&why, ERR_MODEL_BUSY, "%s", "");
    if (!e)
        e = v->api->admin->unload_model(v->api->context, text_slice(&model), false, &body, &why);
    if (e)
        answer_error(v, &why);
    else
        answer_success(v);
    text_fini(&model);
    text_fini(&body);
}

void unload_model(struct visit *v)
{
    struct why why;
    struct text model = {0}, body = {0};
    bool now = slice_is(query_value(v->x->head->query, "now"), SLICE("1"));
    enum err e = read_model(v, &model, &why);
    if (!e)
        e = v->api->admin->unload_model(v->api->context, text_slice(&model), now, &body, &why);
    if (e)
        answer_error(v, &why);
    else
        answer_json(v, 200, &body);
    text_fini(&model);
    text_fini(&body);
}
