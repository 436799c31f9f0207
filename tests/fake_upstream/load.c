/* fake_load KEY VALUE...: see `options`. Prints one JSON object with what happened. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "load.h"

struct load {
    uint64_t port, streams, at_once, events, leave, seconds, gulp, gulp_ms, rcvbuf, seed;
    struct slice words, model;
    /* what happened */
    uint64_t begun, open, ok, left, failed, mixed, lost_events, extra_events, slowest_ms;
    char why[160];
    int epoll;
    uint64_t began_ms, random;
    struct client *all; /* at_once of them */
};

struct client {
    struct load *load;
    int fd; /* -1: free */
    struct text out;
    size_t sent;
    struct reader reader;
    uint64_t leaves_after; /* events; UINT64_MAX: stays */
    uint64_t began_ms;
};

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t next_random(struct load *l)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random;
}

/* --- one stream ------------------------------------------------------------------------------- */

static void write_request(struct client *c, uint64_t number)
{
    struct load *l = c->load;
    struct text body = {0}, words = {0};
    snprintf(c->reader.nonce, sizeof(c->reader.nonce), "n%llux", (unsigned long long)number);
    text_format(&words, "fake: events=%llu nonce=%s %.*s", (unsigned long long)l->events,
                c->reader.nonce, SLICE_ARG(l->words));
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_put_pair(&w, "model", l->model);
    json_key(&w, "stream");
    json_put_bool(&w, true);
    json_key(&w, "messages");
    json_open_array(&w);
    json_open_object(&w);
    json_put_pair(&w, "role", SLICE("user"));
    json_put_pair(&w, "content", text_slice(&words));
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    text_format(
        &c->out,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%llu\r\n"
        "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
        (unsigned long long)l->port, body.len);
    text_add(&c->out, text_slice(&body));
    text_fini(&body);
    text_fini(&words);
}

static void watch(struct client *c, int how, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(c->load->epoll, how, c->fd, &e) != 0)
        abort();
}

static void end_client(struct client *c)
{
    struct load *l = c->load;
    close(c->fd);
    c->fd = -1;
    l->open--;
    l->slowest_ms = max_u64(l->slowest_ms, now_ms() - c->began_ms);
    text_fini(&c->out);
    text_fini(&c->reader.in);
    text_fini(&c->reader.event);
}

static void judge_end(struct client *c)
{
    struct load *l = c->load;
    const struct reader *r = &c->reader;
    l->lost_events += l->events > r->events ? l->events - r->events : 0;
    l->extra_events += r->events > l->events ? r->events - l->events : 0;
    l->mixed += r->mixed;
    if (!r->wrong && r->done && r->events == l->events) {
        l->ok++;
    } else {
        l->failed++;
        if (!l->why[0])
            snprintf(l->why, sizeof(l->why), "%s (%u events%s)", r->why, r->events,
                     r->done ? ", done" : "");
    }
    end_client(c);
}

static void begin_client(struct load *l, struct client *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)l->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (struct client){.load = l, .began_ms = now_ms(), .leaves_after = UINT64_MAX};
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        abort();
    int rcvbuf = (int)l->rcvbuf;
    if (rcvbuf)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
    if (l->leave)
        c->leaves_after = next_random(l) % (l->events + 1);
    l->open++;
    write_request(c, l->begun++);
    if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0 && errno != EINPROGRESS) {
        snprintf(c->reader.why, sizeof(c->reader.why), "connect: %s", strerror(errno));
        c->reader.wrong = true;
        judge_end(c);
        return;
    }
    watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void leave(struct client *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (next_random(c->load) & 1)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* some go with a RST */
    c->load->left++;
    end_client(c);
}

static void broke(struct client *c)
{
    snprintf(c->reader.why, sizeof(c->reader.why), "broke: %s", strerror(errno));
    c->reader.wrong = true;
    judge_end(c);
}

static void send_some(struct client *c)
{
    ssize_t n = send(c->fd, c->out.ptr + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        broke(c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent == c->out.len) {
        watch(c, EPOLL_CTL_MOD, c->load->gulp ? 0 : EPOLLIN);
        if (c->leaves_after == 0)
            leave(c);
    }
}

static void read_some(struct client *c)
{
    size_t most = c->load->gulp ? (size_t)c->load->gulp : 65536;
    char *room = text_room(&c->reader.in, most);
    if (!room)
        abort();
    ssize_t n = recv(c->fd, room, most, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0) {
        broke(c);
        return;
    }
    c->reader.in.len += (size_t)n;
    reader_take(&c->reader);
    if (n == 0)
        reader_eof(&c->reader);
    if (c->reader.state == READ_END || n == 0)
        judge_end(c);
    else if (c->reader.events >= c->leaves_after)
        leave(c);
}

/* --- all of them ------------------------------------------------------------------------------ */

static void fill_up(struct load *l)
{
    for (uint64_t i = 0; i < l->at_once && l->begun < l->streams; i++) {
        if (l->all[i].fd < 0)
            begin_client(l, &l->all[i]);
    }
}

/* Slow readers are not woken by what comes: they take a gulp now and then. */
static void gulp_all(struct load *l)
{
    for (uint64_t i = 0; i < l->at_once; i++) {
        if (l->all[i].fd >= 0 && l->all[i].sent == l->all[i].out.len)
            read_some(&l->all[i]);
    }
}

static void run(struct load *l)
{
    struct epoll_event got[512];
    uint64_t next_gulp = 0;
    fill_up(l);
    while (l->open && now_ms() - l->began_ms < l->seconds * 1000) {
        int n = epoll_wait(l->epoll, got, COUNT(got), l->gulp ? (int)l->gulp_ms : 200);
        for (int i = 0; i < n; i++) {
            struct client *c = got[i].data.ptr;
            if (c->fd < 0)
                continue;
            if (c->sent < c->out.len)
                send_some(c);
            else
                read_some(c);
        }
        if (l->gulp && now_ms() >= next_gulp) {
            gulp_all(l);
            next_gulp = now_ms() + l->gulp_ms;
        }
        fill_up(l);
    }
}

static const struct {
    const char *name;
    size_t at;
    bool words;
} options[] = {
    {"port", offsetof(struct load, port), false},
    {"streams", offsetof(struct load, streams), false}, /* in all */
    {"at_once", offsetof(struct load, at_once), false},
    {"events", offsetof(struct load, events), false},   /* of content, in each */
    {"leave", offsetof(struct load, leave), false},     /* 1: each leaves at a random event */
    {"seconds", offsetof(struct load, seconds), false}, /* then it ends whatever is open */
    {"gulp", offsetof(struct load, gulp), false},       /* read so many bytes ... */
    {"gulp_ms", offsetof(struct load, gulp_ms), false}, /* ... so often */
    {"rcvbuf", offsetof(struct load, rcvbuf), false},
    {"seed", offsetof(struct load, seed), false},
    {"words", offsetof(struct load, words), true}, /* more words for the fake's script */
    {"model", offsetof(struct load, model), true},
};

static bool read_option(struct load *l, struct slice name, struct slice value)
{
    for (size_t i = 0; i < COUNT(options); i++) {
        void *at = (char *)l + options[i].at;
        if (!slice_is(name, slice_of(options[i].name)))
            continue;
        if (!options[i].words)
            return slice_u64(value, at);
        *(struct slice *)at = value;
        return true;
    }
    return false;
}

static void tell(const struct load *l)
{
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {
        {"begun", l->begun},
        {"ok", l->ok},
        {"left", l->left},
        {"failed", l->failed},
        {"unfinished", l->open},
        {"mixed", l->mixed},
        {"lost_events", l->lost_events},
        {"extra_events", l->extra_events},
        {"slowest_ms", l->slowest_ms},
        {"ms", now_ms() - l->began_ms},
    };
    struct text out = {0};
    struct json_writer w = json_writer(&out);
    json_open_object(&w);
    for (size_t i = 0; i < COUNT(counts); i++) {
        json_key(&w, counts[i].name);
        json_put_u64(&w, counts[i].n);
    }
    json_put_pair(&w, "why", slice_of(l->why));
    json_close_object(&w);
    puts(text_cstr(&out));
    text_fini(&out);
}

int main(int argc, char **argv)
{
    struct load l = {.streams = 1,
                     .at_once = 1,
                     .events = 3,
                     .seconds = 60,
                     .seed = 1,
                     .gulp_ms = 100,
                     .model = SLICE("fake-model")};
    bool right = argc % 2 == 1;
    for (int i = 1; right && i + 1 < argc; i += 2)
        right = read_option(&l, slice_of(argv[i]), slice_of(argv[i + 1]));
    if (!right || !l.port || !l.at_once || l.at_once > 20000) {
        fputs("usage: fake_load port N [KEY VALUE]...\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    l.random = l.seed * 0x9E3779B97F4A7C15u + 1;
    l.began_ms = now_ms();
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    l.all = mem_alloc(l.at_once * sizeof(struct client));
    if (!l.all || l.epoll < 0)
        return 1;
    for (uint64_t i = 0; i < l.at_once; i++)
        l.all[i].fd = -1;
    run(&l);
    tell(&l);
    for (uint64_t i = 0; i < l.at_once; i++) {
        if (l.all[i].fd >= 0)
            end_client(&l.all[i]);
    }
    mem_free(l.all);
    return 0;
}
