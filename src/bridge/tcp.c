/* tcp: for engines that speak only TCP. Inside the sandbox, whose loopback is its own, it starts
 * the engine and passes every connection at a Unix socket on to the engine's port. It is the
 * sandbox's first process then: it reaps what others leave behind, and all ends with it, which is
 * when the engine has ended.
 *
 * The engine's standard input and outputs are its own; nothing of ours comes between. A connection
 * has two directions with a fixed room each: who does not read makes the other side wait. The end
 * of one direction is passed on as such; when the client is gone altogether, so is its connection
 * to the engine, at once, since that is how an engine learns that nobody wants its answer. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "bridge/bridge.h"

#define MOST_LINKS 256u
#define ROOM 16384u
#define BACKLOG 512 /* hearth connects without waiting */

enum side { CLIENT, ENGINE, SIDES };

struct flow { /* from one side to the other */
    char bytes[ROOM];
    size_t at, end; /* what is to be written yet */
    bool ended;     /* its source says nothing more */
    bool passed_on; /* and the other side was told so */
};
struct link {
    int fds[SIDES];
    bool connecting;         /* to the engine */
    struct flow from[SIDES]; /* by its source */
};

struct bridge {
    int listener, signal_fd;
    unsigned port;
    pid_t program;
    size_t n;
    struct link *links[MOST_LINKS];
};

/* ---- one connection ------------------------------------------------------------------------- */

static enum side other(enum side s)
{
    return s == CLIENT ? ENGINE : CLIENT;
}

static bool is_passing(int sys)
{
    return sys == EAGAIN || sys == EINTR;
}

/* False when the connection is broken. */
static bool take(struct link *l, enum side s)
{
    struct flow *f = &l->from[s];
    if (f->ended || f->at < f->end)
        return true;
    ssize_t n = recv(l->fds[s], f->bytes, sizeof f->bytes, 0);
    if (n < 0)
        return is_passing(errno);
    f->at = 0;
    f->end = (size_t)n;
    f->ended = n == 0;
    return true;
}

static bool give(struct link *l, enum side s)
{
    struct flow *f = &l->from[s];
    int to = l->fds[other(s)];
    if (f->at < f->end) {
        ssize_t n = send(to, f->bytes + f->at, f->end - f->at, MSG_NOSIGNAL);
        if (n < 0)
            return is_passing(errno);
        f->at += (size_t)n;
    }
    if (f->at == f->end && f->ended && !f->passed_on) {
        f->passed_on = true;
        shutdown(to, SHUT_WR);
    }
    return true;
}

static bool is_connected(struct link *l)
{
    int sys = 0;
    socklen_t len = sizeof sys;
    l->connecting = false;
    return getsockopt(l->fds[ENGINE], SOL_SOCKET, SO_ERROR, &sys, &len) == 0 && sys == 0;
}

/* False when it is over, well or not. */
static bool step(struct link *l, const struct pollfd told[SIDES])
{
    /* A Unix socket says that it hung up only when the client closed both directions. */
    if (told[CLIENT].revents & (POLLHUP | POLLERR | POLLNVAL))
        return false;
    if (l->connecting && (told[ENGINE].revents == 0 || !is_connected(l)))
        return told[ENGINE].revents == 0;
    for (unsigned s = 0; s < SIDES; s++) {
        bool may_read = told[s].revents & (POLLIN | POLLHUP | POLLERR);
        if (may_read && !take(l, (enum side)s))
            return false;
        if (!give(l, (enum side)s)) /* at once: most often there is room */
            return false;
    }
    return !(l->from[CLIENT].passed_on && l->from[ENGINE].passed_on);
}

/* What to wait for. The client's side is always looked at, to see it go; the engine's only when
 * there is something to do, or its closed end would be told again and again. */
static void wish(const struct link *l, struct pollfd wanted[SIDES])
{
    for (unsigned s = 0; s < SIDES; s++) {
        const struct flow *in = &l->from[s], *out = &l->from[other((enum side)s)];
        short events = 0;
        if (!in->ended && in->at == in->end && !l->connecting)
            events |= POLLIN;
        if (out->at < out->end || (s == ENGINE && l->connecting))
            events |= POLLOUT;
        bool look = events || s == CLIENT;
        wanted[s] = (struct pollfd){.fd = look ? l->fds[s] : -1, .events = events};
    }
}

static void drop(struct link *l)
{
    for (unsigned s = 0; s < SIDES; s++) {
        if (l->fds[s] >= 0)
            close(l->fds[s]);
    }
    mem_free(l);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static int connect_engine(unsigned port, bool *ret_connecting)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    *ret_connecting = true;
    return fd;
}

static void take_in(struct bridge *b)
{
    while (b->n < MOST_LINKS) {
        int client = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (client < 0)
            return;
        struct link *l = mem_new(struct link);
        if (!l) {
            close(client);
            return;
        }
        l->fds[CLIENT] = client;
        l->fds[ENGINE] = connect_engine(b->port, &l->connecting);
        if (l->fds[ENGINE] < 0)
            drop(l); /* the engine does not listen (yet): the client sees its end */
        else
            b->links[b->n++] = l;
    }
}

/* The exit code when the program has ended, else -1. */
static int heed_signals(struct bridge *b)
{
    int number, code;
    while ((number = bridge_next_signal(b->signal_fd))) {
        if (number != SIGCHLD)
            kill(b->program, number); /* not reaped yet, so the pid is its own */
        else if (bridge_reap(b->program, &code))
            return code;
    }
    return -1;
}

static int relay(struct bridge *b)
{
    for (;;) {
        struct pollfd fds[2 + SIDES * MOST_LINKS];
        size_t n = b->n;
        fds[0] = (struct pollfd){.fd = b->signal_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = n < MOST_LINKS ? b->listener : -1, .events = POLLIN};
        for (size_t i = 0; i < n; i++)
            wish(b->links[i], fds + 2 + SIDES * i);
        if (poll(fds, (nfds_t)(2 + SIDES * n), -1) < 0)
            continue;
        int code = heed_signals(b);
        if (code >= 0)
            return code;
        for (size_t i = n; i-- > 0;) { /* backwards: the last takes the place of one that goes */
            if (step(b->links[i], fds + 2 + SIDES * i))
                continue;
            drop(b->links[i]);
            b->links[i] = b->links[--b->n];
        }
        if (fds[1].revents)
            take_in(b);
    }
}

/* ---- opening -------------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len >= sizeof at.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(at.sun_path, path, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    unlink(path); /* of one before us: the folder is this engine's own */
    mode_t before = umask(0177);
    bool done = bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, BACKLOG) == 0;
    int sys = errno;
    umask(before);
    if (done)
        return fd;
    close(fd);
    errno = sys;
    return -1;
}

int bridge_tcp(const struct bridge_words *words)
{
    sigset_t signals;
    struct bridge b = {.port = words->port};
    if (!words->socket || !words->port) {
        fprintf(stderr, "hearth-bridge: tcp needs --socket and --port\n");
        return BRIDGE_USAGE;
    }
    b.listener = listen_at(words->socket);
    if (b.listener < 0)
        return bridge_complain(words->socket);
    b.signal_fd = bridge_signals(&signals);
    if (b.signal_fd < 0)
        return bridge_complain("cannot listen to signals");
    pid_t us = getpid();
    b.program = fork();
    if (b.program < 0)
        return bridge_complain("cannot make a process");
    if (b.program == 0) {
        /* As the sandbox's first process we have no parent that a child could see otherwise. */
        if (!bridge_die_with(us))
            _exit(BRIDGE_FAILED);
        bridge_become(words->program, &signals);
    }
    bridge_let_go_of_standard();
    int code = relay(&b);
    unlink(words->socket);
    return code;
}
