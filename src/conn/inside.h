/* inside: what the files of room conn share with each other. */
#pragma once

#include "base/sm.h"
#include "conn/conn.h"
#include "tls/tls.h"

/* A body on its way to a file: bytes gather, a job writes them, the connection pauses meanwhile. */
struct spool {
    struct job job;
    struct text gathered, writing;
    int fd;
    uint64_t written;
    int failed; /* errno of a write */
    bool busy, ending;
};

/* unpack.c: a compressed body, piece by piece. */
struct unpack;
struct piece { /* what one step made; room and size are given */
    char *room;
    size_t size, len;
};
struct unpack *unpack_new(enum coding coding, struct budget *budget); /* NULL: no memory */
void unpack_free(struct unpack *u);
bool unpack_may(const struct unpack *u); /* has the budget room for what it will hold? */
/* Takes from *in. Nothing taken, nothing made: it wants more. ERR_BAD_REQUEST: it is not that. */
enum err unpack_step(struct unpack *u, struct slice *in, struct piece *out) MUST_USE;
bool unpack_is_whole(const struct unpack *u);

struct http1 { /* the state of HTTP/1.1 on a connection; h1.c */
    struct sm sm;
    struct http_parser parser;
    struct exchange x;
    struct text held;      /* bytes that came while they could not be parsed */
    struct text owed;      /* bytes of the body, parsed, for which the budget has no room yet */
    struct unpack *unpack; /* NULL: the body comes as it is */
    struct text packed;    /* bytes of it that came ... */
    size_t packed_at;      /* ... and were unpacked up to here */
    bool unpacks;          /* there is more in them, which it gets to later */
    struct spool spool;
    enum take how;
    uint64_t most;         /* bytes of body */
    uint64_t rate_bytes;   /* body bytes since the deadline was set */
    uint64_t taken_before; /* stream.taken when the stall clock was set */
    uint64_t served;
    uint64_t waited_ms; /* for room in the bodies' budget */
    bool message_over;  /* the request was read to its end */
    bool answering, chunked, closes, peer_ended, feeding, head_only;
};

struct wire { /* TLS between a connection and its stream; wire.c */
    struct tls *tls;
    struct text plain; /* written in this turn */
    bool told;         /* the protocol wrote: it wants to hear when that has left */
    bool ends;         /* our end follows the last byte: nothing is read any more */
    bool ended;        /* the client's came */
};

struct conn {
    struct stream stream;
    struct wire *wire; /* NULL: it is spoken plainly */
    struct timer timer;
    struct hold hold;
    struct server *server;
    struct conn *next, **link;
    const struct conn_proto *proto;
    void *state;
    struct peer peer;
    uint64_t id;
    bool closed, cut;
    struct http1 h1;
};

extern const struct conn_proto http1_proto;
void http1_init(struct conn *c);
/* The app answers, and the connection closes behind it. */
void http1_refuse(struct conn *c, enum err e, const char *words);

/* What leaves goes through these; only wire.c knows how it looks on its way. */
void conn_write(struct conn *c, struct slice bytes);
void conn_finish(struct conn *c); /* no more writes: our end follows the last byte */
void conn_part(struct conn *c);   /* closes a connection at rest */
static inline size_t conn_waiting(const struct conn *c) /* bytes that have yet to leave */
{
    return c->stream.waiting + (c->wire ? c->wire->plain.len : 0);
}
extern const struct stream_ops conn_ops, conn_tls_door_ops;
void conn_bytes(struct stream *s, struct slice bytes); /* in conn_ops; also the two below */
void conn_ended(struct stream *s, enum err e);
void conn_drained(struct stream *s);
void wire_free(struct wire *w); /* NULL is fine */

void conn_close(struct conn *c); /* at once, any number of times */
void conn_deadline(struct conn *c, uint64_t after_ms);
/* From here on no other deadline holds; then it is reset: what lies in the kernel goes too. */
void conn_cut(struct conn *c, uint64_t after_ms);

/* While spool.busy a write runs, and http1_spool_done follows. */
enum err spool_open(struct conn *c) MUST_USE;
enum err spool_add(struct conn *c, struct slice bytes) MUST_USE;
enum err spool_end(struct conn *c) MUST_USE;
void spool_fini(struct spool *p);
void http1_spool_done(struct conn *c, enum err e); /* a write is over */
