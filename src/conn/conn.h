/* conn: the way in. Listeners, connections, and the HTTP/1.1 that is spoken on them: reads one
 * request at a time, collects its body as the app above asks, sends the answer, keeps the
 * connection for the next. It knows deadlines and back-pressure; paths, rights and bodies' meaning
 * are the app's. A connection speaks through struct conn_proto and can be handed over to another
 * protocol. It owns nothing of a request beyond its exchange. */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include "base/body.h"
#include "http/http.h"
#include "loop/loop.h"

struct server;
struct tls_context;
struct conn;

/* Who is at the other end, known at accept. For as long as the connection. */
struct peer {
    bool admin;    /* came over the admin socket */
    bool tls;      /* speaks TLS */
    bool loopback; /* asked at an address that only this machine reaches; false for a socket file */
    bool user_known; /* the kernel says whose process it is: uid */
    uid_t uid;
    struct sockaddr_storage local, remote; /* AF_UNSPEC where the system does not say */
    struct slice role; /* what the listener is for, in the words of who opened it; "": anything */
};

enum coding { CODING_NONE, CODING_GZIP, CODING_ZSTD };
enum coding unpack_coding(struct slice name); /* of a Content-Encoding; NONE: none that is known */

enum take { TAKE_NONE, TAKE_MEMORY, TAKE_SPOOL }; /* how a body is collected */

/* One request and its answer. The app may read all of it and sets owner. */
struct exchange {
    const struct http_head *head; /* until the answer is complete */
    struct body body;             /* TAKE_MEMORY: complete at `ready`; the app may take it */
    int spool_fd;                 /* TAKE_SPOOL: complete at `ready`, closed by conn; else -1 */
    uint64_t body_bytes;          /* so far */
    const struct peer *peer;      /* as long as the connection */
    uint64_t began_us, sent;      /* sent: bytes of the answer's body */
    void *owner;
};

/* What sits above. Called on the loop; each may answer the exchange at once. */
struct conn_app {
    void (*head)(struct server *s, struct exchange *x); /* must call exchange_take or answer */
    void (*ready)(struct exchange *x);                  /* the body is complete */
    void (*writable)(struct exchange *x);               /* all that was written has left */
    void (*gone)(struct exchange *x, enum err e);       /* it ends without a whole answer */
    /* The request is malformed, too slow or too large: write the answer's body. */
    void (*refuse)(struct exchange *x, const struct why *why);
};

/* Collect the body, at most so many bytes, counted as they are when it is no longer compressed;
 * `ready` follows, or `refuse`. */
void exchange_take(struct exchange *x, enum take how, uint64_t most);
/* A whole answer. Content-Length, Connection and the like are conn's. */
void exchange_answer(struct exchange *x, int status, const struct http_field *fields, size_t n,
                     struct slice body);
/* An answer in pieces, each one sent on whole. */
void exchange_begin(struct exchange *x, int status, const struct http_field *fields, size_t n);
void exchange_send(struct exchange *x, struct slice bytes);
void exchange_end(struct exchange *x, bool close); /* close: no further request on it */
void exchange_break(struct exchange *x); /* it cannot be completed: the connection closes */
/* Whatever is done: half a second from now the connection is gone, with what was not taken. */
void exchange_cut(struct exchange *x);
size_t exchange_waiting(const struct exchange *x); /* bytes that the client has yet to take */
struct server *exchange_server(const struct exchange *x);

struct conn_limits {
    uint64_t connections, headers_ms, body_rate_bytes, body_rate_ms, keep_alive_ms;
    uint64_t requests_per_connection, write_stall_ms, stream_buffer;
};

struct server { /* made in the daemon; read freely */
    struct loop *loop;
    struct hold hold;
    const struct conn_app *app;
    void *context;             /* the app's */
    struct conn_limits limits; /* may be changed at any time */
    struct tls_context *tls;   /* of those listeners that speak it; may be changed at any time */
    struct budget bodies;
    int spool_folder;
    struct conn *conns;
    uint64_t open, accepted, served;
    struct door *doors;
    int asker;          /* of the kernel, whose a TCP connection is; -1: it cannot say */
    struct timer retry; /* there was no memory for a newcomer: try again */
    bool draining, shut;
    void (*quiet)(struct server *s); /* after server_shut: the last connection is gone */
};
/* loop, app, context, limits, bodies.most, spool_folder and quiet are set by the caller. */
void server_init(struct server *s);
struct server_place {
    struct sockaddr_storage at;
    bool tls;          /* s->tls is spoken there, and plain HTTP only with this machine */
    struct slice role; /* as in struct peer; must live as long as the server */
};
/* *ret_port: the one chosen where `at` has port 0. */
enum err server_listen(struct server *s, const struct server_place *place, int *ret_port,
                       struct why *why) MUST_USE;
enum err server_listen_admin(struct server *s, int bound_fd, struct why *why) MUST_USE;
/* Idle connections close, and each other one behind the answer it is at. */
void server_drain(struct server *s);
/* No new connections; `quiet` follows, perhaps before this returns. */
void server_shut(struct server *s);
void server_close(struct server *s); /* at once; s->hold tells when all is gone */

/* ---- protocols on a connection; HTTP/1.1 is the first ---- */
struct conn_proto {
    const char *name;
    void (*bytes)(struct conn *c, struct slice bytes);
    void (*ended)(struct conn *c, enum err e);
    void (*drained)(struct conn *c);
    void (*ring)(struct conn *c); /* conn_deadline is over */
    void (*drain)(struct conn *c);
    void (*fini)(struct conn *c); /* the connection is being closed: let go of all */
};
/* From here on the connection speaks another protocol; its state is the new one's. */
void conn_hand_over(struct conn *c, const struct conn_proto *proto, void *state);
