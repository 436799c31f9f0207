/* handlers: endpoints that need no model. */
#include "api/inside.h"

#include "base/mem.h"
#include "web/web.h"

void page(struct visit *v)
{
    struct text policy = {0};
    struct why why;
    if (web_write_policy(&policy)) {
        why_set(&why, ERR_NO_MEMORY, "no memory for the page");
        answer_error(v, &why);
    } else {
        answer_page(v, text_slice(&policy), web_page());
    }
    text_fini(&policy);
}

static struct slice health_of(const struct api *a)
{
    struct store_health h;
    store_health(a->store, &h);
    bool well = h.state.up && h.audit.up && !h.state.put_aside && !h.audit.put_aside;
    return a->desk->draining ? SLICE("draining") : well ? SLICE("ok") : SLICE("degraded");
}

void health(struct visit *v)
{
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_put_pair(&w, "status", health_of(v->api));
    json_put_pair(&w, "version", SLICE(HEARTH_VERSION));
    json_close_object(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
}

void models(struct visit *v)
{
    struct text body = {0};
    size_t n = 0;
    bool anthropic = http_field(v->x->head, "anthropic-version").len > 0; /* its clients say so */
    struct model_entry *may = mem_alloc(max_size(v->api->n_models, 1) * sizeof *may);
    body.failed = !may;
    for (size_t i = 0; may && i < v->api->n_models; i++) {
        if (visit_may_ask(v, v->api->models[i].name))
            may[n++] = v->api->models[i];
    }
    if (may)
        reply_write_models(anthropic ? DIALECT_ANTHROPIC : v->endpoint->dialect, may, n, &body);
    answer_json(v, 200, &body);
    text_fini(&body);
    mem_free(may);
}

void status(struct visit *v)
{
    struct text body = {0};
    v->api->admin->write_status(v->api->context, &body);
    answer_json(v, 200, &body);
    text_fini(&body);
}

void metrics(struct visit *v)
{
    struct text page = {0};
    v->api->admin->write_metrics(v->api->context, &page);
    answer_plain(v, SLICE("text/plain; version=0.0.4; charset=utf-8"), &page);
    text_fini(&page);
}

void bus(struct visit *v)
{
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    uint64_t from = 0;
    if (!slice_u64(query_value(v->x->head->query, "from"), &from))
        from = 0;
    json_open_array(&w);
    for (const struct bus_item *i; (i = bus_get(v->api->loop, from)); from = i->number + 1) {
        json_open_object(&w);
        json_key(&w, "number");
        json_put_u64(&w, i->number);
        json_key(&w, "at_ms");
        json_put_u64(&w, i->at_ms);
        json_put_pair(&w, "topic", slice_of(i->topic));
        json_put_pair(&w, "words", slice_of(i->words));
        json_close_object(&w);
    }
    json_close_array(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
}

/* Reading files is a job: the answer comes through api_reloaded, whether or not the caller is
 * still there. */
void reload(struct visit *v)
{
    struct why why;
    v->pending = mem_new(struct pending);
    if (!v->pending) {
        why_set(&why, ERR_NO_MEMORY, "no memory to reload");
        answer_error(v, &why);
        return;
    }
    v->pending->visit = v;
    v->api->admin->reload(v->api->context, v->pending);
}

void api_reloaded(struct pending *ticket, int http, const struct text *json)
{
    struct visit *v = ticket->visit;
    mem_free(ticket);
    if (!v)
        return;
    v->pending = NULL;
    answer_json(v, http, json);
}

/* Likewise; and the right may have ended while the job ran. */
void devices(struct visit *v)
{
    struct why why;
    v->pending = mem_new(struct pending);
    if (!v->pending) {
        why_set(&why, ERR_NO_MEMORY, "no memory to look at the machine");
        answer_error(v, &why);
        return;
    }
    v->pending->visit = v;
    v->api->admin->read_machine(v->api->context, v->pending);
}

void api_told(struct pending *ticket, const struct why *why, const struct text *json)
{
    struct visit *v = ticket->visit;
    struct why is = *why;
    bool by_router = ticket->by_router;
    mem_free(ticket);
    if (!v)
        return;
    v->pending = NULL;
    if (!is.code)
        is.code = gate_check_asker(v, &is);
    if (is.code)
        answer_error(v, &is);
    else if (by_router)
        answer_success(v);
    else
        answer_json(v, 200, json);
}

void shut_down(struct visit *v)
{
    struct api *a = v->api;
    bool now = slice_is(query_value(v->x->head->query, "now"), SLICE("1"));
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_key(&w, "draining");
    json_put_u64(&w, a->desk->live);
    json_close_object(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
    a->admin->shut_down(a->context, now);
}
