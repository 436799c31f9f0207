/* fake_upstream [--unix PATH | --port N] [--name NAME] [--script WORDS]
 *
 * Prints `ready PORT|PATH`, then serves until its standard input closes. A line on the standard
 * input is a command (see stats_command) that is answered by one line: so a test can change the
 * script of a server whose listener misbehaves. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "fake.h"

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void must(bool so, const char *what)
{
    if (so)
        return;
    fprintf(stderr, "fake_upstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- timers: a binary heap of connections ----------------------------------------------------- */

static void heap_put(struct server *s, size_t at, struct conn *c)
{
    s->heap[at] = c;
    c->heap_at = at + 1;
}

static void heap_up(struct server *s, size_t at)
{
    struct conn *c = s->heap[at];
    while (at > 0 && s->heap[(at - 1) / 2]->due_us > c->due_us) {
        heap_put(s, at, s->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(s, at, c);
}

static void heap_down(struct server *s, size_t at)
{
    struct conn *c = s->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= s->heap_len)
            break;
        if (child + 1 < s->heap_len && s->heap[child + 1]->due_us < s->heap[child]->due_us)
            child++;
        if (s->heap[child]->due_us >= c->due_us)
            break;
        heap_put(s, at, s->heap[child]);
        at = child;
    }
    heap_put(s, at, c);
}

static void heap_take(struct server *s, struct conn *c)
{
    size_t at = c->heap_at - 1;
    struct conn *last = s->heap[--s->heap_len];
    c->heap_at = 0;
    if (last == c)
        return;
    heap_put(s, at, last);
    heap_up(s, at);
    heap_down(s, last->heap_at - 1);
}

void timer_set(struct conn *c, uint64_t due_us)
{
    struct server *s = c->server;
    if (c->heap_at)
        heap_take(s, c);
    c->due_us = due_us;
    if (!due_us)
        return;
    if (s->heap_len == s->heap_room) {
        s->heap_room = s->heap_room ? 2 * s->heap_room : 256;
        s->heap = mem_grow(s->heap, s->heap_room * sizeof(struct conn *));
        must(s->heap, "timers");
    }
    s->heap[s->heap_len++] = c;
    heap_up(s, s->heap_len - 1);
}

static void run_timers(struct server *s)
{
    while (s->heap_len && s->heap[0]->due_us <= now_us()) {
        struct conn *c = s->heap[0];
        timer_set(c, 0);
        conn_pump(c);
    }
}

/* --- listening -------------------------------------------------------------------------------- */

static int listen_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    errno = ENAMETOOLONG;
    must(strlen(path) < sizeof(a.sun_path), path);
    memcpy(a.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 4096) == 0, path);
    printf("ready %s\n", path);
    return fd;
}

static int listen_tcp(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof(a);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    must(bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 4096) == 0, "listen");
    must(getsockname(fd, (struct sockaddr *)&a, &len) == 0, "getsockname");
    printf("ready %u\n", ntohs(a.sin_port));
    return fd;
}

static void accept_all(struct server *s)
{
    int fd, on = 1;
    while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* fails on Unix sockets */
        conn_open(s, fd);
    }
}

/* --- the loop --------------------------------------------------------------------------------- */

/* Commands that came on the standard input; false when it was closed. */
static bool read_commands(struct server *s, struct text *lines)
{
    char *room = text_room(lines, 65536);
    must(room, "memory");
    ssize_t n = read(STDIN_FILENO, room, 65536);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    lines->len += (size_t)n;
    size_t end;
    while ((end = slice_find(text_slice(lines), '\n')) < lines->len) {
        struct text answer = {0};
        stats_command(s, slice_to(text_slice(lines), end), &answer);
        text_byte(&answer, '\n');
        fwrite(answer.ptr, 1, answer.len, stdout);
        fflush(stdout);
        text_fini(&answer);
        text_drop(lines, end + 1);
    }
    return true;
}

static void bury(struct server *s)
{
    while (s->dead) {
        struct conn *c = s->dead;
        s->dead = c->next;
        conn_free(c);
    }
}

static void serve(struct server *s)
{
    struct text lines = {0};
    struct epoll_event got[256];
    bool stop = false;
    while (!stop) {
        int wait_ms = -1;
        if (s->heap_len) {
            uint64_t now = now_us(), due = s->heap[0]->due_us;
            wait_ms = due <= now ? 0 : (int)min_u64((due - now + 999) / 1000, 60000);
        }
        int n = epoll_wait(s->epoll, got, COUNT(got), wait_ms);
        for (int i = 0; i < n; i++) {
            if (got[i].data.ptr == s)
                accept_all(s);
            else if (!got[i].data.ptr)
                stop = !read_commands(s, &lines);
            else
                conn_event(got[i].data.ptr, got[i].events);
        }
        run_timers(s);
        bury(s);
    }
    text_fini(&lines);
}

static void watch(struct server *s, int fd, void *who)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = who};
    must(epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) == 0, "epoll_ctl");
}

static void open_listener(struct server *s, const char *path, uint64_t port)
{
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->listener = path ? listen_unix(path) : listen_tcp((uint16_t)port);
    fflush(stdout);
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    watch(s, s->listener, s);
    watch(s, STDIN_FILENO, NULL);
}

int main(int argc, char **argv)
{
    struct server *s = mem_new(struct server);
    const char *path = NULL;
    uint64_t port = 0;
    bool right = s && argc % 2 == 1;
    for (int i = 1; right && i + 1 < argc; i += 2) {
        struct slice key = slice_of(argv[i]), value = slice_of(argv[i + 1]);
        if (slice_is(key, SLICE("--unix")))
            path = argv[i + 1];
        else if (slice_is(key, SLICE("--port")))
            right = slice_u64(value, &port) && port <= 65535;
        else if (slice_is(key, SLICE("--name")))
            s->name = value;
        else if (slice_is(key, SLICE("--script")))
            text_add(&s->usual, value);
        else
            right = false;
    }
    if (!right) {
        fputs("usage: fake_upstream [--unix PATH | --port N] [--name NAME] [--script WORDS]\n",
              stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    open_listener(s, path, port);
    serve(s);
    _exit(0); /* open connections and their memory go with the process */
}
