/* server: listeners and the list of connections. */
#include <netinet/in.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "conn/inside.h"
#include "os/os.h"

#define RETRY_MS 100u

struct door { /* one listener */
    struct listener listener;
    struct server *server;
    struct door *next;
    struct slice role;
    bool admin, tls;
    bool waits; /* somebody stands before it while the server is full */
};

/* ---- connections ---------------------------------------------------------------------------- */

static void let_in(struct door *d);

void conn_bytes(struct stream *s, struct slice bytes)
{
    struct conn *c = owner_of(s, struct conn, stream);
    c->proto->bytes(c, bytes);
}

void conn_ended(struct stream *s, enum err e)
{
    struct conn *c = owner_of(s, struct conn, stream);
    c->proto->ended(c, e);
}

void conn_drained(struct stream *s)
{
    struct conn *c = owner_of(s, struct conn, stream);
    if (s->failed)
        conn_close(c);
    else
        c->proto->drained(c);
}

const struct stream_ops conn_ops = {
    .bytes = conn_bytes, .ended = conn_ended, .drained = conn_drained};

static void on_ring(struct timer *t)
{
    struct conn *c = owner_of(t, struct conn, timer);
    if (!c->cut) {
        c->proto->ring(c);
        return;
    }
    stream_reset(&c->stream);
    conn_close(c);
}

static void unlink_conn(struct conn *c)
{
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    c->server->open--;
}

static void let_all_in(struct server *s)
{
    for (struct door *d = s->doors; d; d = d->next) {
        if (d->waits)
            let_in(d);
    }
}

static void on_retry(struct timer *t)
{
    let_all_in(owner_of(t, struct server, retry));
}

static void on_gone(struct hold *h)
{
    struct conn *c = owner_of(h, struct conn, hold);
    struct server *s = c->server;
    unlink_conn(c);
    wire_free(c->wire);
    mem_free(c);
    let_all_in(s);
    if (s->shut && !s->open)
        s->quiet(s);
    hold_drop(&s->hold);
}

void conn_close(struct conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    c->proto->fini(c);
    stream_close(&c->stream);
    timer_close(&c->timer);
}

void conn_deadline(struct conn *c, uint64_t after_ms)
{
    if (c->cut)
        return;
    if (after_ms)
        timer_set(&c->timer, after_ms);
    else
        timer_stop(&c->timer);
}

void conn_cut(struct conn *c, uint64_t after_ms)
{
    conn_deadline(c, after_ms);
    c->cut = true;
}

void conn_hand_over(struct conn *c, const struct conn_proto *proto, void *state)
{
    c->proto->fini(c);
    conn_deadline(c, 0);
    c->proto = proto;
    c->state = state;
}

/* ---- listeners ------------------------------------------------------------------------------ */

static bool is_loopback(const struct sockaddr_storage *at)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
    if (at->ss_family == AF_INET)
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    return at->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void know_peer(struct conn *c)
{
    struct peer *p = &c->peer;
    socklen_t n = sizeof p->local, m = sizeof p->remote;
    uv_os_fd_t fd;
    if (uv_fileno(&c->stream.handle, &fd) != 0)
        return;
    if (getsockname(fd, (struct sockaddr *)&p->local, &n) != 0)
        p->local.ss_family = AF_UNSPEC;
    if (getpeername(fd, (struct sockaddr *)&p->remote, &m) != 0)
        p->remote.ss_family = AF_UNSPEC;
    p->loopback = is_loopback(&p->local);
    if (p->admin)
        p->user_known = !os_peer_uid(fd, &p->uid);
    else if (c->server->asker >= 0)
        p->user_known = !os_peer_uid_tcp(c->server->asker, fd, &p->uid);
}

static void start(struct conn *c)
{
    know_peer(c);
    stream_read(&c->stream, true);
}

static void let_in(struct door *d)
{
    struct server *s = d->server;
    struct conn *c = NULL;
    d->waits = s->open >= s->limits.connections && !d->admin;
    if (!d->waits)
        c = mem_new(struct conn);
    if (!c) {
        if (!d->waits) /* no memory; a full server tries again when a connection ends */
            timer_set(&s->retry, RETRY_MS);
        d->waits = true;
        return;
    }
    c->server = s;
    c->hold.gone = on_gone;
    c->stream.ops = d->tls ? &conn_tls_door_ops : &conn_ops;
    c->peer.admin = d->admin;
    c->peer.role = d->role;
    c->id = ++s->accepted;
    c->proto = &http1_proto;
    c->next = s->conns;
    c->link = &s->conns;
    if (c->next)
        c->next->link = &c->next;
    s->conns = c;
    s->open++;
    hold_add(&s->hold);
    timer_open(&c->timer, s->loop, &c->hold, on_ring);
    http1_init(c);
    if (stream_accept(&c->stream, &d->listener, &c->hold))
        conn_close(c);
    else
        start(c);
}

static void on_incoming(struct listener *n)
{
    struct door *d = owner_of(n, struct door, listener);
    let_in(d);
}

static struct door *door_new(struct server *s, bool admin)
{
    struct door *d = mem_new(struct door);
    if (d) {
        d->listener.incoming = on_incoming;
        d->server = s;
        d->admin = admin;
        d->next = s->doors;
        s->doors = d; /* freed with the server, opened or not */
    }
    return d;
}

static void on_server_gone(struct hold *h)
{
    struct server *s = owner_of(h, struct server, hold);
    if (s->asker >= 0)
        close(s->asker);
    while (s->doors) {
        struct door *d = s->doors;
        s->doors = d->next;
        mem_free(d);
    }
}

void server_init(struct server *s)
{
    s->hold = (struct hold){.count = 1, .gone = on_server_gone}; /* dropped by server_close */
    timer_open(&s->retry, s->loop, &s->hold, on_retry);
    s->asker = -1;
    if (os_peer_asker(&s->asker))
        log_warn("conn", "this system does not tell whose a TCP connection is: it needs a key");
}

enum err server_listen(struct server *s, const struct server_place *place, int *ret_port,
                       struct why *why)
{
    struct door *d = door_new(s, false);
    if (!d)
        return why_set(why, ERR_NO_MEMORY, "no memory for a listener");
    d->tls = place->tls;
    d->role = place->role;
    enum err e = listener_open_tcp(&d->listener, s->loop, &s->hold, &place->at, why);
    if (!e)
        *ret_port = listener_port(&d->listener);
    return e;
}

enum err server_listen_admin(struct server *s, int bound_fd, struct why *why)
{
    struct door *d = door_new(s, true);
    if (!d)
        return why_set(why, ERR_NO_MEMORY, "no memory for a listener");
    return listener_open_fd(&d->listener, s->loop, &s->hold, bound_fd, why);
}

static void close_doors(struct server *s)
{
    for (struct door *d = s->doors; d; d = d->next) {
        d->waits = false;
        listener_close(&d->listener);
    }
}

void server_drain(struct server *s)
{
    s->draining = true;
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (!c->closed)
            c->proto->drain(c);
    }
}

void server_shut(struct server *s)
{
    close_doors(s);
    s->shut = true;
    if (!s->open)
        s->quiet(s);
}

void server_close(struct server *s)
{
    close_doors(s);
    for (struct conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        conn_close(c);
    }
    timer_close(&s->retry);
    hold_drop(&s->hold);
}
