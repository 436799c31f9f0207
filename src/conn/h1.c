/* h1: HTTP/1.1 on a connection. One request at a time: what comes behind it is held back, up to
 * 64 KiB, until the answer is complete. States, and the function that makes each move:
 *   IDLE   -> HEAD    parse       the first byte of a request
 *   HEAD   -> BODY    take_head   the head is complete; the app says how to take the body
 *   BODY   -> BUSY    hand_body   the app works; to_busy: it answers before it saw the body
 *   any    -> LINGER  say_bye     the last answer was written: read on, so that it arrives
 *   BUSY   -> IDLE    next        the answer is complete and the connection stays
 * Every state has its deadline in `ring`; closing is conn_close from any of them. */
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conn/inside.h"

#define MOST_HELD 65536u
#define MOST_DISCARDED 65536u /* of a body that nobody wants */
#define LINGER_MS 2000u
#define CUT_MS 500u
#define ROOM_RETRY_MS 50u
#define ROOM_WAIT_MS 10000u
#define UNPACK_PIECE 32768u
#define UNPACK_AT_ONCE (1024u * 1024) /* bytes made in one turn of the loop */
#define UNPACK_NEXT_MS 1u

enum { IDLE, HEAD, BODY, BUSY, LINGER };
#define TO(s) (1u << (s))
static const struct sm_state states[] = {
    [IDLE] = {"IDLE", TO(HEAD) | TO(LINGER), 0}, /* deadlines are the server's settings */
    [HEAD] = {"HEAD", TO(BODY) | TO(LINGER), 0}, [BODY] = {"BODY", TO(BUSY) | TO(LINGER), 0},
    [BUSY] = {"BUSY", TO(IDLE) | TO(LINGER), 0}, [LINGER] = {"LINGER", 0, LINGER_MS},
};
static const struct sm_table table = {"conn", states, COUNT(states)};

static void feed(struct conn *c, struct slice in);
static void go_on(struct conn *c);

static struct conn *conn_of(const struct exchange *x)
{
    return owner_of((uintptr_t)x, struct conn, h1.x);
}

static void move(struct conn *c, unsigned to)
{
    sm_move(&c->h1.sm, to, c->server->loop->step_began_us, c->id);
}

void http1_init(struct conn *c)
{
    struct http1 *h = &c->h1;
    sm_init(&h->sm, &table, IDLE, c->server->loop->step_began_us);
    http_parser_init(&h->parser, HTTP_REQUEST, NULL);
    h->spool.fd = -1;
    h->x = (struct exchange){.spool_fd = -1, .peer = &c->peer};
    conn_deadline(c, c->server->limits.headers_ms); /* a newcomer should say something */
}

static void drop_exchange(struct http1 *h)
{
    body_fini(&h->x.body);
    text_fini(&h->owed);
    text_fini(&h->packed);
    unpack_free(h->unpack);
    h->unpack = NULL;
    h->packed_at = 0;
    h->unpacks = false;
    spool_fini(&h->spool);
    h->x = (struct exchange){.spool_fd = -1, .peer = h->x.peer};
    h->answering = h->chunked = h->message_over = h->head_only = false;
}

static void fini(struct conn *c)
{
    struct http1 *h = &c->h1;
    if (h->sm.state == BUSY || h->sm.state == BODY)
        c->server->app->gone(&h->x, ERR_CLIENT_GONE);
    drop_exchange(h);
    http_parser_fini(&h->parser);
    text_fini(&h->held);
}

/* ---- the end of an answer ------------------------------------------------------------------- */

/* The client may still be taking the answer: as long as it does, nothing else counts. */
static void rest(struct conn *c, uint64_t ms)
{
    c->h1.taken_before = c->stream.taken;
    conn_deadline(c, conn_waiting(c) ? c->server->limits.write_stall_ms : ms);
}

static void say_bye(struct conn *c)
{
    move(c, LINGER);
    text_fini(&c->h1.held);
    conn_finish(c);
    stream_read(&c->stream, !c->h1.peer_ended);
    rest(c, LINGER_MS);
    if (c->h1.peer_ended && !conn_waiting(c))
        conn_close(c);
}

static void next(struct conn *c)
{
    struct http1 *h = &c->h1;
    bool stays = h->message_over && !h->closes && !c->server->draining;
    c->server->served++;
    drop_exchange(h);
    if (!stays) {
        say_bye(c);
        return;
    }
    move(c, IDLE);
    rest(c, c->server->limits.keep_alive_ms);
    if (!h->feeding)
        feed(c, (struct slice){0}); /* what was held back, if anything */
}

/* ---- answers -------------------------------------------------------------------------------- */

static void write_head(struct exchange *x, int status, const struct http_field *fields, size_t n,
                       int64_t length)
{
    struct conn *c = conn_of(x);
    struct http1 *h = &c->h1;
    struct http_field all[24];
    char digits[MOST_DIGITS];
    size_t count = 0;
    for (size_t i = 0; i < n && count < COUNT(all) - 4; i++)
        all[count++] = fields[i];
    h->served++;
    h->closes |= !h->message_over || c->server->draining || !x->head || !x->head->keep_alive ||
                 h->served >= c->server->limits.requests_per_connection;
    if (length >= 0) {
        struct slice number = slice_of_u64(digits, (uint64_t)length);
        all[count++] = (struct http_field){SLICE("content-length"), number};
    } else if (h->chunked) {
        all[count++] = (struct http_field){SLICE("transfer-encoding"), SLICE("chunked")};
    }
    if (h->closes)
        all[count++] = (struct http_field){SLICE("connection"), SLICE("close")};
    else if (x->head->minor == 0)
        all[count++] = (struct http_field){SLICE("connection"), SLICE("keep-alive")};
    struct text head = {0};
    if (!http_write_response(&head, status, all, count))
        log_warn("conn", "an answer's header had a value that may not be sent");
    conn_write(c, text_slice(&head));
    if (head.failed)
        stream_fail(&c->stream); /* closes the connection at the end of this turn */
    text_fini(&head);
    h->answering = true;
    h->taken_before = c->stream.taken;
    conn_deadline(c, c->server->limits.write_stall_ms);
}

/* The app may answer before the body was read, or even with the head: that ends in LINGER. */
static void to_busy(struct conn *c)
{
    if (c->h1.sm.state == HEAD)
        move(c, BODY);
    if (c->h1.sm.state == BODY)
        move(c, BUSY);
}

void exchange_answer(struct exchange *x, int status, const struct http_field *fields, size_t n,
                     struct slice body)
{
    struct conn *c = conn_of(x);
    bool none = c->h1.head_only || status == 204 || status == 304;
    write_head(x, status, fields, n, status == 204 || status == 304 ? -1 : (int64_t)body.len);
    if (!none)
        conn_write(c, body);
    x->sent += none ? 0 : body.len;
    to_busy(c);
    next(c);
}

void exchange_begin(struct exchange *x, int status, const struct http_field *fields, size_t n)
{
    struct conn *c = conn_of(x);
    c->h1.chunked = x->head->minor == 1;
    c->h1.closes |= !c->h1.chunked; /* HTTP/1.0: the end of the connection is the end */
    write_head(x, status, fields, n, -1);
    to_busy(c);
}

void exchange_send(struct exchange *x, struct slice bytes)
{
    struct conn *c = conn_of(x);
    if (!bytes.len || c->h1.head_only)
        return;
    x->sent += bytes.len;
    if (!conn_waiting(c)) {
        c->h1.taken_before = c->stream.taken;
        conn_deadline(c, c->server->limits.write_stall_ms);
    }
    if (c->h1.chunked) {
        char room[HTTP_CHUNK_OPEN];
        conn_write(c, http_chunk_open(room, bytes.len));
        conn_write(c, bytes);
        conn_write(c, HTTP_CHUNK_CLOSE);
    } else {
        conn_write(c, bytes);
    }
}

void exchange_end(struct exchange *x, bool close)
{
    struct conn *c = conn_of(x);
    c->h1.closes |= close;
    if (c->h1.chunked && !c->h1.head_only)
        conn_write(c, HTTP_CHUNK_LAST);
    next(c);
}

void exchange_break(struct exchange *x)
{
    stream_fail(&conn_of(x)->stream);
}

void exchange_cut(struct exchange *x)
{
    conn_cut(conn_of(x), CUT_MS);
}

size_t exchange_waiting(const struct exchange *x)
{
    return conn_waiting(conn_of(x));
}

struct server *exchange_server(const struct exchange *x)
{
    return conn_of(x)->server;
}

/* ---- the request ---------------------------------------------------------------------------- */

void http1_refuse(struct conn *c, enum err e, const char *words)
{
    struct why why;
    why_set(&why, e, "%s", words);
    c->h1.closes = true;
    c->h1.head_only = http_is_head(&c->h1.parser);
    if (c->h1.sm.state == IDLE)
        move(c, HEAD);
    c->server->app->refuse(&c->h1.x, &why);
}

static void take_head(struct conn *c)
{
    struct http1 *h = &c->h1;
    h->x.head = http_head(&h->parser);
    h->x.began_us = c->server->loop->step_began_us;
    h->x.body.budget = &c->server->bodies;
    h->waited_ms = 0;
    h->head_only = http_is_head(&h->parser);
    h->how = TAKE_NONE;
    h->most = MOST_DISCARDED;
    move(c, BODY);
    c->server->app->head(c->server, &h->x);
}

void exchange_take(struct exchange *x, enum take how, uint64_t most)
{
    struct conn *c = conn_of(x);
    struct http1 *h = &c->h1;
    assert(h->sm.state == BODY);
    h->how = how;
    h->most = how == TAKE_NONE ? MOST_DISCARDED : most;
    if (x->head->has_length && x->head->content_length > h->most) {
        http1_refuse(c, ERR_BODY_TOO_LARGE, "");
        return;
    }
    if (how == TAKE_SPOOL && spool_open(c)) {
        http1_refuse(c, ERR_DISK, "a file for the body cannot be made");
        return;
    }
    enum coding coding =
        how == TAKE_NONE ? CODING_NONE : unpack_coding(http_field(x->head, "content-encoding"));
    if (coding && !(h->unpack = unpack_new(coding, &c->server->bodies))) {
        http1_refuse(c, ERR_NO_MEMORY, "");
        return;
    }
    if (how == TAKE_MEMORY && x->head->has_length && !coding)
        body_expect(&x->body, (size_t)x->head->content_length);
    if (x->head->expect_continue && x->head->has_body)
        conn_write(c, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    h->rate_bytes = 0;
    conn_deadline(c, c->server->limits.body_rate_ms);
}

static enum err add_body(struct conn *c, struct slice part)
{
    struct http1 *h = &c->h1;
    enum err e = OK;
    if (h->x.body_bytes + part.len > h->most)
        return ERR_BODY_TOO_LARGE;
    if (h->how == TAKE_MEMORY)
        e = body_add(&h->x.body, part);
    else if (h->how == TAKE_SPOOL)
        e = spool_add(c, part);
    if (!e)
        h->x.body_bytes += part.len;
    return e;
}

static void hand_body(struct conn *c)
{
    struct http1 *h = &c->h1;
    h->x.spool_fd = h->how == TAKE_SPOOL ? h->spool.fd : -1;
    move(c, BUSY);
    conn_deadline(c, 0);
    c->server->app->ready(&h->x);
}

static void body_over(struct conn *c)
{
    struct http1 *h = &c->h1;
    h->message_over = true;
    enum err e = OK;
    if (h->unpack && !unpack_is_whole(h->unpack)) {
        http1_refuse(c, ERR_BAD_REQUEST, "the compressed body ends in the middle");
        return;
    }
    if (h->how == TAKE_SPOOL)
        e = spool_end(c);
    if (e)
        http1_refuse(c, e, "the body could not be kept");
    else if (!h->spool.busy)
        hand_body(c);
}

void http1_spool_done(struct conn *c, enum err e)
{
    struct http1 *h = &c->h1;
    if (c->closed || h->sm.state != BODY) {
        spool_fini(&h->spool); /* could not be done while the job ran */
        return;
    }
    if (!e && h->spool.gathered.len && h->spool.ending)
        e = spool_end(c);
    if (e)
        http1_refuse(c, e, "the body could not be written to disk");
    else if (h->spool.ending && !h->spool.busy)
        hand_body(c);
    else
        go_on(c);
}

/* ---- bytes in ------------------------------------------------------------------------------- */

/* May the parser go on now? In BUSY the answer comes first; a spool's write and the bodies' budget
 * make the sender wait, and so does an answer that the client does not take. */
static bool may_feed(struct conn *c)
{
    struct http1 *h = &c->h1;
    if (c->closed || h->sm.state == BUSY || h->sm.state == LINGER)
        return false;
    if (h->sm.state == BODY)
        return !h->message_over && !h->spool.busy && !h->owed.len && !h->unpacks;
    return conn_waiting(c) <= c->server->limits.stream_buffer;
}

static void take_plain(struct conn *c, struct slice part)
{
    struct http1 *h = &c->h1;
    enum err e = add_body(c, part);
    if (e == ERR_BODIES_FULL && h->waited_ms < ROOM_WAIT_MS) {
        text_add(&h->owed, part); /* tried again until there is room */
        conn_deadline(c, ROOM_RETRY_MS);
        e = h->owed.failed ? ERR_NO_MEMORY : OK;
    }
    if (e)
        http1_refuse(c, e, "");
}

/* The window needs room, too, before it is filled. */
static bool may_unpack(struct conn *c)
{
    struct http1 *h = &c->h1;
    if (unpack_may(h->unpack))
        return true;
    h->waited_ms += ROOM_RETRY_MS;
    if (h->waited_ms > ROOM_WAIT_MS)
        http1_refuse(c, ERR_BODIES_FULL, "");
    else
        conn_deadline(c, ROOM_RETRY_MS);
    return false;
}

/* As much as is done in one turn: a small body may become a large one. */
static void unpack_some(struct conn *c)
{
    struct http1 *h = &c->h1;
    char room[UNPACK_PIECE];
    struct piece piece = {room, sizeof room, 0};
    struct slice in = slice_from(text_slice(&h->packed), h->packed_at);
    size_t made = 0;
    enum err e = OK;
    h->unpacks = true;
    if (!may_unpack(c))
        return;
    while (!e && made < UNPACK_AT_ONCE && !h->owed.len && !h->spool.busy) {
        size_t before = in.len;
        e = unpack_step(h->unpack, &in, &piece);
        h->packed_at += before - in.len;
        made += piece.len;
        h->unpacks = piece.len || in.len != before;
        if (!h->unpacks)
            break;
        if (!e && piece.len)
            take_plain(c, (struct slice){room, piece.len});
        if (h->sm.state != BODY)
            return; /* refused */
    }
    if (e) {
        http1_refuse(c, e, "the body is not what its Content-Encoding says");
    } else if (!h->unpacks) {
        text_clear(&h->packed);
        h->packed_at = 0;
        conn_deadline(c, c->server->limits.body_rate_ms);
    } else if (!h->owed.len && !h->spool.busy) {
        conn_deadline(c, UNPACK_NEXT_MS);
    }
}

/* After a wait for room, for a file, or for the next turn. */
static void go_on(struct conn *c)
{
    struct http1 *h = &c->h1;
    if (h->unpacks && h->sm.state == BODY)
        unpack_some(c);
    if (!h->unpacks && !h->owed.len && h->sm.state == BODY)
        feed(c, (struct slice){0});
}

static void take_body(struct conn *c, struct slice part)
{
    struct http1 *h = &c->h1;
    h->rate_bytes += part.len;
    if (!h->unpack) {
        take_plain(c, part);
        return;
    }
    text_add(&h->packed, part);
    if (h->packed.failed)
        http1_refuse(c, ERR_NO_MEMORY, "");
    else
        unpack_some(c);
}

static void parse(struct conn *c, struct slice *in)
{
    struct http1 *h = &c->h1;
    struct slice part;
    if (h->sm.state == IDLE && h->served && slice_begins(*in, SLICE("\r\n")))
        *in = slice_from(*in, 2); /* some clients send a line end behind a body */
    if (h->sm.state == IDLE && in->len) {
        move(c, HEAD);
        conn_deadline(c, c->server->limits.headers_ms);
    }
    switch (http_parse(&h->parser, in, &part)) {
    case HTTP_HEAD:
        take_head(c);
        break;
    case HTTP_BODY:
        take_body(c, part);
        break;
    case HTTP_END:
        body_over(c);
        break;
    case HTTP_BAD:
        http1_refuse(c, h->parser.err, h->parser.why);
        break;
    case HTTP_MORE:
    case HTTP_CUT:
        break;
    }
}

/* Feeds what was held back, then `in`; holds what cannot be used yet. */
static void feed(struct conn *c, struct slice in)
{
    struct http1 *h = &c->h1;
    if (h->feeding)
        return;
    h->feeding = true;
    struct text held = h->held;
    h->held = (struct text){0};
    if (held.len) {
        text_add(&held, in);
        in = text_slice(&held);
    }
    bool failed = held.failed;
    while (may_feed(c) && (in.len || (h->sm.state == BODY && h->x.head))) {
        size_t before = in.len;
        unsigned state = h->sm.state;
        parse(c, &in);
        if (in.len == before && state == h->sm.state)
            break; /* it wants more */
    }
    h->feeding = false;
    if (!c->closed && h->sm.state != LINGER) {
        text_add(&h->held, in);
        failed |= h->held.failed;
        bool more = h->held.len < MOST_HELD && !h->spool.busy && !h->owed.len && !h->unpacks;
        stream_read(&c->stream, more && !h->peer_ended);
    }
    text_fini(&held);
    if (failed)
        conn_close(c);
    else if (h->peer_ended && !c->closed && h->sm.state == IDLE && !h->held.len)
        say_bye(c);
}

static void bytes(struct conn *c, struct slice in)
{
    if (c->h1.sm.state != LINGER)
        feed(c, in);
}

/* Is there at least the whole head of another request? */
static bool holds_request(const struct http1 *h)
{
    return h->held.len && memmem(h->held.ptr, h->held.len, "\r\n\r\n", 4);
}

static void ended(struct conn *c, enum err e)
{
    struct http1 *h = &c->h1;
    h->peer_ended = true;
    if (e == OK && h->sm.state == IDLE)
        say_bye(c); /* the last answer may be on its way still */
    else if (e == OK && h->sm.state == BUSY && holds_request(h))
        return; /* several requests and then the end: all are answered */
    else if (e || h->sm.state != LINGER || !conn_waiting(c))
        conn_close(c);
}

static void drained(struct conn *c)
{
    struct http1 *h = &c->h1;
    if (h->sm.state == LINGER) {
        conn_deadline(c, LINGER_MS);
        if (h->peer_ended)
            conn_close(c);
    } else if (h->sm.state == BUSY) {
        conn_deadline(c, 0);
        c->server->app->writable(&h->x);
    } else if (h->sm.state == IDLE) {
        conn_deadline(c, c->server->limits.keep_alive_ms);
        if (h->held.len)
            feed(c, (struct slice){0});
    }
}

/* ---- deadlines ------------------------------------------------------------------------------ */

static void ring_body(struct conn *c)
{
    struct http1 *h = &c->h1;
    const struct conn_limits *l = &c->server->limits;
    if (h->owed.len) {
        struct text part = h->owed;
        h->owed = (struct text){0};
        h->waited_ms += ROOM_RETRY_MS;
        conn_deadline(c, l->body_rate_ms);
        take_plain(c, text_slice(&part));
        text_fini(&part);
        if (!h->owed.len)
            go_on(c);
    } else if (h->unpacks) {
        go_on(c);
    } else if (h->rate_bytes < l->body_rate_bytes && !h->spool.busy) {
        http1_refuse(c, ERR_REQUEST_TIMEOUT, "the body came too slowly");
    } else {
        h->rate_bytes = 0;
        conn_deadline(c, l->body_rate_ms);
    }
}

static void ring(struct conn *c)
{
    struct http1 *h = &c->h1;
    switch (h->sm.state) {
    case HEAD:
        http1_refuse(c, ERR_REQUEST_TIMEOUT, "the headers came too slowly");
        break;
    case BODY:
        ring_body(c);
        break;
    case BUSY:
        if (c->stream.taken == h->taken_before && conn_waiting(c)) {
            c->server->app->gone(&h->x, ERR_TOO_SLOW);
            sm_move(&h->sm, LINGER, c->server->loop->step_began_us, c->id);
            stream_reset(&c->stream);
            conn_close(c);
        } else {
            h->taken_before = c->stream.taken;
            conn_deadline(c, c->server->limits.write_stall_ms);
        }
        break;
    default:
        if (conn_waiting(c) && c->stream.taken != h->taken_before)
            rest(c, 0); /* slow, but it takes what it is sent */
        else
            conn_part(c);
    }
}

static void drain(struct conn *c)
{
    if (c->h1.sm.state != IDLE)
        return; /* it ends after the answer that it is at */
    if (conn_waiting(c))
        say_bye(c); /* the last answer is on its way still */
    else
        conn_part(c);
}

const struct conn_proto http1_proto = {
    .name = "HTTP/1.1",
    .bytes = bytes,
    .ended = ended,
    .drained = drained,
    .ring = ring,
    .drain = drain,
    .fini = fini,
};
