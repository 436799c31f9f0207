/* link: one connection to the provider. States, and the function that makes each move:
 *   CONNECTING -> SENT       send_request  the request is on its way
 *   SENT       -> ANSWERING  take_head     a stream began (answer.c)
 *   ANSWERING  -> FINISHING  answer_end    the answer is complete, its HTTP message not yet
 *   FINISHING  -> POOLED     link_to_pool  both are; from SENT too, behind a refusal
 *   POOLED     -> SENT       send_request  the next attempt
 *   any        -> CLOSED     link_close    errors, cancelled attempts, age
 * A pooled connection that turns out to be closed is replaced by a new one, once and silently:
 * a request is sent again only when not one byte of an answer came. */
#include "base/log.h"
#include "base/mem.h"
#include "provider/inside.h"

#define TO(s) (1u << (s))
#define END TO(CLOSED)
static const struct sm_state states[] = {
    [CONNECTING] = {"CONNECTING", TO(SENT) | END, 0}, /* deadlines are the provider's terms */
    [SENT] = {"SENT", TO(ANSWERING) | TO(POOLED) | END, 0},
    [ANSWERING] = {"ANSWERING", TO(FINISHING) | TO(POOLED) | END, 0},
    [FINISHING] = {"FINISHING", TO(POOLED) | END, 1000},
    [POOLED] = {"POOLED", TO(SENT) | END, 0},
    [CLOSED] = {"CLOSED", 0, 0},
};
static const struct sm_table table = {"provider", states, COUNT(states)};

static void take_off(struct link *k)
{
    *k->at = k->next;
    if (k->next)
        k->next->at = k->at;
}

static void put_on(struct link *k, struct link **list)
{
    k->next = *list;
    k->at = list;
    if (k->next)
        k->next->at = &k->next;
    *list = k;
}

void link_move(struct link *k, unsigned to)
{
    struct provider *p = k->provider;
    p->pooled -= k->sm.state == POOLED;
    p->live -= k->sm.state != POOLED && k->sm.state != CLOSED;
    sm_move(&k->sm, to, p->loop->step_began_us, k->id);
    p->pooled += to == POOLED;
    p->live += to != POOLED && to != CLOSED;
    take_off(k);
    put_on(k, to == POOLED ? &p->idle : &p->links);
}

void link_deadline(struct link *k, uint64_t ms)
{
    if (ms)
        timer_set(&k->timer, ms);
    else
        timer_stop(&k->timer);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void gone(struct hold *h)
{
    struct link *k = owner_of(h, struct link, hold);
    struct provider *p = k->provider;
    take_off(k);
    http_parser_fini(&k->parser);
    sse_parser_fini(&k->events);
    text_fini(&k->head);
    text_fini(&k->body);
    text_fini(&k->object);
    mem_free(k);
    hold_drop(&p->hold);
}

void link_close(struct link *k)
{
    if (k->closed)
        return;
    k->closed = true;
    link_move(k, CLOSED);
    stream_close(&k->stream);
    timer_close(&k->timer);
}

void link_fail(struct link *k, enum err e, const char *words)
{
    struct attempt *a = k->attempt;
    struct why why;
    k->attempt = NULL;
    link_close(k);
    why_set(&why, e, "%s", words);
    if (a)
        attempt_done(a, e, &why);
}

void link_to_pool(struct link *k)
{
    const struct provider_terms *t = &k->provider->terms;
    if (++k->served >= t->pool_requests || k->provider->backend.retired || !t->pool_idle_ms) {
        link_close(k);
        return;
    }
    link_move(k, POOLED);
    k->idle_since_ms = loop_now_ms(k->provider->loop);
    stream_read(&k->stream, true); /* to hear when they close it */
    link_deadline(k, t->pool_idle_ms);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static enum err connect_to(struct provider *p, struct link *from, unsigned address,
                           struct link **ret_link, struct why *why);

static void send_request(struct link *k)
{
    link_move(k, SENT);
    k->got_byte = k->is_stream = k->is_object = k->chunk_seen = k->content_seen = k->end_seen =
        false;
    k->paused = false;
    stream_write(&k->stream, text_slice(&k->head));
    if (k->served) /* it may turn out to be closed: then a new one gets the same */
        stream_write(&k->stream, text_slice(&k->body));
    else
        stream_give(&k->stream, &k->body);
    stream_read(&k->stream, true);
    link_deadline(k, k->provider->terms.first_byte_ms);
}

static void take_over(struct link *k, struct link *from)
{
    k->attempt = from->attempt;
    k->decoder = from->decoder;
    k->head = from->head;
    k->body = from->body;
    k->id = from->id;
    k->attempt->work = k;
    from->attempt = NULL;
    from->head = from->body = (struct text){0};
}

/* What was sent on a connection that was dead already, or asked at one of several addresses, goes
 * to a new connection. */
static bool replace(struct link *k, unsigned address)
{
    struct link *fresh;
    struct why why;
    if (connect_to(k->provider, k, address, &fresh, &why))
        return false;
    link_close(k);
    return true;
}

static void on_connected(struct stream *s, enum err e)
{
    struct link *k = owner_of(s, struct link, stream);
    unsigned other = k->address + 1;
    if (!e)
        send_request(k);
    else if (other >= k->provider->terms.n_addresses || !replace(k, other))
        link_fail(k, e == ERR_SYSTEM ? ERR_CONNECT_REFUSED : e, "no connection");
}

static void on_bytes(struct stream *s, struct slice bytes)
{
    struct link *k = owner_of(s, struct link, stream);
    if (k->sm.state == POOLED) {
        log_debug("provider", "bytes on an idle connection: it is closed");
        link_close(k);
        return;
    }
    k->got_byte = true;
    answer_bytes(k, bytes);
}

static void on_ended(struct stream *s, enum err e)
{
    struct link *k = owner_of(s, struct link, stream);
    bool stale = k->sm.state == SENT && k->served && !k->got_byte;
    (void)e;
    if (!k->attempt)
        link_close(k);
    else if (!stale || !replace(k, k->address))
        answer_ended(k);
}

static void on_drained(struct stream *s)
{
    struct link *k = owner_of(s, struct link, stream);
    if (s->failed)
        link_fail(k, ERR_NO_MEMORY, "no memory to send the request");
    else if (k->sm.state == SENT && !k->got_byte)
        link_deadline(k, k->provider->terms.first_byte_ms); /* from the last byte sent on */
}

static void on_ring(struct timer *t)
{
    struct link *k = owner_of(t, struct link, timer);
    switch (k->sm.state) {
    case CONNECTING:
        link_fail(k, ERR_CONNECT_TIMEOUT, "no connection in time");
        break;
    case SENT:
        link_fail(k, ERR_HDR_TIMEOUT, "no answer in time");
        break;
    case ANSWERING:
        link_fail(k, k->content_seen ? ERR_IDLE_TIMEOUT : ERR_TTFT_TIMEOUT,
                  k->content_seen ? "its answer stalled" : "no text in time");
        break;
    default:
        link_close(k);
    }
}

static struct link *link_new(struct provider *p)
{
    static const struct stream_ops ops = {
        .connected = on_connected, .bytes = on_bytes, .ended = on_ended, .drained = on_drained};
    struct link *k = mem_new(struct link);
    if (!k)
        return NULL;
    k->provider = p;
    k->hold.gone = gone;
    k->stream.ops = &ops;
    put_on(k, &p->links);
    p->live++;
    hold_add(&p->hold);
    http_parser_init(&k->parser, HTTP_RESPONSE, NULL);
    sm_init(&k->sm, &table, CONNECTING, p->loop->step_began_us);
    timer_open(&k->timer, p->loop, &k->hold, on_ring);
    return k;
}

/* A new connection that takes over what `from` was to do; `from` may be a mere carrier. */
static enum err connect_to(struct provider *p, struct link *from, unsigned address,
                           struct link **ret_link, struct why *why)
{
    struct link *k = link_new(p);
    if (!k)
        return why_set(why, ERR_NO_MEMORY, "no memory for a connection");
    k->address = address;
    enum err e = stream_connect(&k->stream, p->loop, &k->hold, &p->terms.addresses[address], why);
    if (e) {
        link_close(k);
        return e;
    }
    take_over(k, from);
    link_deadline(k, p->terms.connect_ms);
    *ret_link = k;
    return OK;
}

/* The one that rested shortest, unless its time is over and its timer just did not ring yet. */
static struct link *pooled(struct provider *p)
{
    struct link *k = p->idle;
    bool fresh = k && loop_now_ms(p->loop) - k->idle_since_ms < p->terms.pool_idle_ms;
    return fresh ? k : NULL;
}

/* ---- the request ---------------------------------------------------------------------------- */

/* The path of a call that stands at the root is not below what the others share. */
static void write_path(const struct provider_terms *t, const struct wire *w, struct text *out)
{
    struct slice base = t->path;
    if (wire_manner(w)->rooted && slice_ends(base, SLICE("/v1")))
        base.len -= strlen("/v1");
    text_add(out, base);
    text_add(out, slice_of(wire_path(w)));
}

static enum err write_head(const struct provider_terms *t, const struct wire *w, struct link *k)
{
    const struct manner *manner = wire_manner(w);
    struct text path = {0}, key = {0};
    char digits[MOST_DIGITS];
    write_path(t, w, &path);
    text_add(&key, manner->word);
    text_add(&key, t->api_key);
    const struct http_field all[] = {
        {SLICE("host"), t->host},
        {SLICE("content-type"), SLICE("application/json")},
        {SLICE("content-length"), slice_of_u64(digits, k->body.len)},
        {SLICE("accept"), w->whole        ? SLICE("application/json")
                          : manner->lines ? SLICE("application/x-ndjson")
                                          : SLICE("text/event-stream")},
        {SLICE("user-agent"), SLICE("hearth/" HEARTH_VERSION)},
        {SLICE("via"), t->via},
        {manner->more[0], manner->more[1]},
        {t->api_key.len ? manner->key : (struct slice){0}, text_slice(&key)},
    };
    struct http_field fields[COUNT(all)];
    enum http_method method = wire_gets(w) ? METHOD_GET : METHOD_POST;
    size_t n = 0;
    enum err e = OK;
    for (size_t i = 0; i < COUNT(all); i++) {
        bool of_body = i == 1 || i == 2;
        if (all[i].name.len && (!of_body || method == METHOD_POST))
            fields[n++] = all[i];
    }
    if (!http_write_request(&k->head, method, text_slice(&path), fields, n))
        e = ERR_CONFIG; /* a key or a path with a byte that may not be sent */
    if (!e && (k->head.failed || path.failed || key.failed))
        e = ERR_NO_MEMORY;
    text_fini(&path);
    text_fini(&key);
    return e;
}

static enum err write_request(struct provider *p, const struct order *o, struct link *k,
                              struct why *why)
{
    enum dialect d = p->terms.dialect;
    enum err e = decoder_begin(o->decoder, o->call, d, &o->target, &k->body, why);
    if (e)
        return e == ERR_CANNOT ? e
                               : why_set(why, e, "the request for %.*s cannot be written",
                                         SLICE_ARG(p->terms.name));
    e = write_head(&p->terms, &o->decoder->wire, k);
    return e ? why_set(why, e, "the request for %.*s cannot be written", SLICE_ARG(p->terms.name))
             : OK;
}

static void drop_request(struct link *k)
{
    text_fini(&k->head);
    text_fini(&k->body);
}

enum err link_start(struct provider *p, struct attempt *a, const struct order *o, struct why *why)
{
    struct link carrier = {.attempt = a, .decoder = o->decoder, .id = o->id};
    struct link *k = pooled(p);
    enum err e = write_request(p, o, &carrier, why);
    if (e) {
        drop_request(&carrier);
        return e;
    }
    if (k) {
        take_over(k, &carrier);
        send_request(k);
        return OK;
    }
    for (unsigned i = 0; i < p->terms.n_addresses; i++) {
        e = connect_to(p, &carrier, i, &k, why);
        if (!e)
            return OK;
    }
    drop_request(&carrier);
    return e;
}
