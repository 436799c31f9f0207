/* api: a visit from its headers to its answer. */
#include "api/inside.h"

#include <arpa/inet.h>

#include "base/mem.h"

struct slice query_value(struct slice query, const char *name)
{
    struct slice pair;
    while (slice_split(&query, '&', &pair)) {
        size_t equals = slice_find(pair, '=');
        if (slice_is(slice_to(pair, equals), slice_of(name)) && equals < pair.len)
            return slice_from(pair, equals + 1);
    }
    return (struct slice){0};
}

void visit_free(struct visit *v)
{
    assembler_free(v->assembler);
    teller_free(v->teller);
    if (v->pending) {
        v->pending->visit = NULL;
        if (v->pending->left)
            v->pending->left(v->pending);
    }
    text_fini(&v->allowed);
    text_fini(&v->path);
    mem_free(v);
}

static void no_memory(struct exchange *x)
{
    exchange_answer(x, 503, NULL, 0, SLICE("The daemon is out of memory.\n"));
}

static struct visit *visit_new(struct server *s, struct exchange *x)
{
    struct visit *v = mem_new(struct visit);
    if (v) {
        v->api = s->context;
        v->x = x;
        v->reader.ops = &answer_reader;
        x->owner = v;
    }
    return v;
}

/* An endpoint with a call: the request begins with its headers. */
static enum err begin_request(struct visit *v, struct why *why)
{
    struct request_terms terms = {
        .kind = v->endpoint->kind,
        .dialect = v->endpoint->dialect,
        .ends_by_itself = v->endpoint->ends == ENDS_ITSELF,
        .told = v->endpoint->leaves == LEAVES_SSE &&
                slice_is(http_field(v->x->head, "x-hearth-progress"), SLICE("1")),
        .principal = v->asker.principal,
        .grant = v->asker.grant,
        .who = v->asker.who,
        .models = v->asker.models,
        .role = v->x->peer->role,
    };
    if (v->api->desk->draining)
        return why_set(why, ERR_SHUTTING_DOWN, "%s", "");
    if (v->api->strict && !audit_keeps(v->api->desk->audit))
        return why_set(why, ERR_NO_AUDIT, "%s", "");
    v->request = request_new(v->api->desk, &terms);
    if (!v->request || reader_follow(&v->reader, v->request, 0))
        return why_set(why, ERR_NO_MEMORY, "no memory for a request");
    request_admit(v->request);
    return OK;
}

/* ---- what is refused before it is admitted is counted, all of it here ---- */

static void write_source(const struct peer *p, struct text *out)
{
    char words[INET6_ADDRSTRLEN] = "";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&p->remote;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&p->remote;
    if (p->admin)
        text_add(out, SLICE("admin.sock "));
    if (p->user_known)
        text_format(out, "uid %lu", (unsigned long)p->uid);
    else if (p->remote.ss_family == AF_INET)
        text_add(out, slice_of(inet_ntop(AF_INET, &v4->sin_addr, words, sizeof words)));
    else if (p->remote.ss_family == AF_INET6)
        text_add(out, slice_of(inet_ntop(AF_INET6, &v6->sin6_addr, words, sizeof words)));
    else
        text_add(out, SLICE("unknown"));
}

void visit_refused(const struct visit *v, enum err e)
{
    struct text source = {0}, reason = {0};
    write_source(v->x->peer, &source);
    text_format(&reason, "%s%s%s", err_row(e)->name, v->refused ? ": " : "",
                v->refused ? v->refused : "");
    audit_refused(v->api->desk->audit, e, text_slice(&source), text_slice(&reason));
    text_fini(&source);
    text_fini(&reason);
}

static void on_head(struct server *s, struct exchange *x)
{
    struct visit *v = visit_new(s, x);
    if (!v) {
        no_memory(x);
        return;
    }
    enum err e = gate_check(v, &v->why);
    if (!e && v->endpoint && v->endpoint->kind != CALL_NONE)
        e = begin_request(v, &v->why);
    v->why.code = e;
    if (e)
        visit_refused(v, e);
    if (e && x->head->has_body) {
        answer_error(v, &v->why); /* unread: the connection closes behind it */
    } else if (e || !v->endpoint) {
        exchange_take(x, TAKE_NONE, 0);
    } else {
        exchange_take(x, v->endpoint->take,
                      v->endpoint->most ? v->endpoint->most : v->api->json_most);
    }
}

/* A body may take its time to come. A request would have ended with the right it was made by; here
 * the right is looked at again. */
static void handle(struct visit *v)
{
    enum err e = gate_check_asker(v, &v->why);
    if (e) {
        visit_refused(v, e);
        answer_error(v, &v->why);
    } else {
        v->endpoint->handler(v);
    }
}

/* What is asked without a body names its model in the address: that becomes the body. */
static enum err write_body(struct visit *v, struct why *why)
{
    struct text model = {0}, body = {0};
    struct json_writer w = json_writer(&body);
    enum err e = OK;
    if (!http_query_decode(query_value(v->x->head->query, "model"), &model))
        e = why_param(why, ERR_BAD_VALUE, "model", "it is not well encoded");
    json_open_object(&w);
    json_put_pair(&w, "model", text_slice(&model));
    json_close_object(&w);
    if (!e && (body.failed || model.failed))
        e = why_set(why, ERR_NO_MEMORY, "no memory for a request");
    if (!e && body_add(&v->x->body, text_slice(&body)))
        e = why_set(why, ERR_BODIES_FULL, "%s", "");
    text_fini(&model);
    text_fini(&body);
    return e;
}

static void give(struct visit *v, struct exchange *x)
{
    struct why why;
    if (v->endpoint->take == TAKE_NONE && write_body(v, &why))
        request_stop(v->request, &why); /* its reader answers */
    else
        request_give(v->request, &x->body);
}

static void on_ready(struct exchange *x)
{
    struct visit *v = x->owner;
    if (v->why.code)
        answer_error(v, &v->why);
    else if (!v->endpoint)
        answer_preflight(v);
    else if (v->request)
        give(v, x);
    else
        handle(v);
}

static void on_writable(struct exchange *x)
{
    struct visit *v = x->owner;
    if (v)
        reader_wake(&v->reader);
}

static void on_gone(struct exchange *x, enum err e)
{
    struct visit *v = x->owner;
    if (!v)
        return;
    x->owner = NULL;
    v->x = NULL;
    if (v->request && v->reader.request) /* else it may be gone */
        request_got(v->request, x->body_bytes);
    reader_leave(&v->reader, e);
    visit_free(v);
}

static void refuse_request(struct visit *v, uint64_t came, const struct why *why)
{
    request_got(v->request, came);
    request_stop(v->request, why); /* its reader answers */
}

static void on_refuse(struct exchange *x, const struct why *why)
{
    struct server *s = exchange_server(x);
    struct visit *v = x->owner ? x->owner : visit_new(s, x);
    if (!v) {
        no_memory(x);
    } else if (v->request) {
        refuse_request(v, x->body_bytes, why);
    } else {
        visit_refused(v, why->code);
        answer_error(v, why);
    }
}

const struct conn_app api_app = {
    .head = on_head,
    .ready = on_ready,
    .writable = on_writable,
    .gone = on_gone,
    .refuse = on_refuse,
};
