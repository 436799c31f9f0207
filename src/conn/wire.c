/* wire: how a connection's bytes look on their way. On most they are what they are. On a listener
 * that speaks TLS the first byte decides: a handshake begins with 22 and no HTTP request does. From
 * then on bytes pass through a session, both ways; what is written in one turn leaves in as few
 * records as it fits into. A program on this machine may speak plain HTTP there too: nobody else
 * can listen to that, and it needs to trust no certificate. */
#include <arpa/inet.h>

#include "base/log.h"
#include "base/mem.h"
#include "conn/inside.h"

#define HANDSHAKE 22    /* the type of a TLS record */
#define KEEP_ROOM 4096u /* between two turns */

static struct conn *conn_of(struct stream *s)
{
    return owner_of(s, struct conn, stream);
}

/* ---- out ------------------------------------------------------------------------------------ */

void conn_write(struct conn *c, struct slice bytes)
{
    if (!c->wire) {
        stream_write(&c->stream, bytes);
    } else {
        text_add(&c->wire->plain, bytes);
        c->wire->told = true;
        stream_leave(&c->stream);
    }
}

void conn_finish(struct conn *c)
{
    if (c->wire)
        c->wire->ends = c->wire->told = true;
    stream_finish(&c->stream);
}

static void send_out(struct conn *c)
{
    struct text *out = tls_out(c->wire->tls);
    if (out->len || out->failed)
        stream_give(&c->stream, out);
}

static void on_leaving(struct stream *s)
{
    struct conn *c = conn_of(s);
    struct wire *w = c->wire;
    if (w->plain.failed || (w->plain.len && tls_write(w->tls, text_slice(&w->plain))))
        stream_fail(s);
    if (w->plain.room > KEEP_ROOM)
        text_fini(&w->plain);
    else
        text_clear(&w->plain);
    if (w->ends)
        tls_finish(w->tls);
    send_out(c);
}

void conn_part(struct conn *c)
{
    if (c->wire && !conn_waiting(c)) {
        tls_finish(c->wire->tls);
        stream_try(&c->stream, text_slice(tls_out(c->wire->tls)));
    }
    conn_close(c);
}

/* What a handshake sends is none of the protocol's, and no reason to give it more time. */
static void on_drained(struct stream *s)
{
    struct wire *w = conn_of(s)->wire;
    bool told = w->told || s->failed;
    w->told = false;
    if (told)
        conn_drained(s);
}

/* ---- in ------------------------------------------------------------------------------------- */

static void take(struct conn *c, struct slice in)
{
    struct wire *w = c->wire;
    struct slice plain;
    enum tls_step step;
    while ((step = tls_read(w->tls, &in, &plain)) == TLS_BYTES) {
        c->proto->bytes(c, plain);
        if (c->closed || w->ends)
            return;
    }
    if (step == TLS_BAD) {
        log_debug("conn", "%llu: TLS: %s", (unsigned long long)c->id, tls_problem(w->tls));
        stream_try(&c->stream, text_slice(tls_out(w->tls))); /* the alert that says so */
        c->proto->ended(c, ERR_TLS);
        return;
    }
    if (tls_out(w->tls)->len)
        stream_leave(&c->stream);
    if (step == TLS_END) {
        w->ended = true;
        stream_read(&c->stream, false);
        c->proto->ended(c, OK);
    }
}

static void on_bytes(struct stream *s, struct slice in)
{
    struct conn *c = conn_of(s);
    if (!c->wire->ends && !c->wire->ended)
        take(c, in);
}

static void on_ended(struct stream *s, enum err e)
{
    if (e || !conn_of(s)->wire->ended) /* else it has been told */
        conn_ended(s, e);
}

/* ---- the first byte ------------------------------------------------------------------------- */

static struct wire *wire_new(struct tls_context *context)
{
    struct wire *w = context ? mem_new(struct wire) : NULL;
    if (w)
        w->tls = tls_new(context);
    if (w && w->tls)
        return w;
    mem_free(w);
    return NULL;
}

void wire_free(struct wire *w)
{
    if (!w)
        return;
    tls_free(w->tls);
    text_fini(&w->plain);
    mem_free(w);
}

static void begin(struct conn *c, struct slice in)
{
    static const struct stream_ops ops = {
        .bytes = on_bytes, .ended = on_ended, .drained = on_drained, .leaving = on_leaving};
    c->wire = wire_new(c->server->tls);
    if (!c->wire) {
        log_warn("conn", "no memory for a TLS connection");
        conn_close(c);
        return;
    }
    c->peer.tls = true;
    c->stream.ops = &ops;
    take(c, in);
}

static void refuse(struct conn *c)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&c->peer.local;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&c->peer.local;
    bool is_v6 = c->peer.local.ss_family == AF_INET6;
    char host[INET6_ADDRSTRLEN] = "";
    struct text words = {0};
    inet_ntop(c->peer.local.ss_family,
              is_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr, host,
              sizeof host);
    text_format(&words, "This port speaks TLS: use https://%s%s%s:%u", is_v6 ? "[" : "", host,
                is_v6 ? "]" : "", ntohs(is_v6 ? v6->sin6_port : v4->sin_port));
    http1_refuse(c, ERR_TLS_NEEDED, text_cstr(&words));
    text_fini(&words);
}

static void on_first(struct stream *s, struct slice in)
{
    struct conn *c = conn_of(s);
    s->ops = &conn_ops;
    if ((unsigned char)in.ptr[0] == HANDSHAKE)
        begin(c, in);
    else if (c->peer.loopback)
        conn_bytes(s, in);
    else
        refuse(c);
}

const struct stream_ops conn_tls_door_ops = {
    .bytes = on_first, .ended = conn_ended, .drained = conn_drained};
