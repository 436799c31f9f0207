/* The loop with real sockets: timers, the bus, jobs, and streams in pairs over TCP and Unix
 * sockets: no byte is lost, each end is told once, and a hold is gone once. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "loop/loop.h"
#include "os/os.h"

#define LARGE (10u * 1024 * 1024)

static struct loop loop;

static int set_up(void **state)
{
    struct why why;
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    log_open(2, LOG_ERROR);
    assert_int_equal(loop_open(&loop, &why), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    loop_close(&loop);
    return 0;
}

/* ---- timers ---------------------------------------------------------------------------------- */

struct clock {
    struct hold hold;
    struct timer a, b, c;
    char order[16];
    unsigned gone;
};

static void clock_gone(struct hold *h)
{
    owner_of(h, struct clock, hold)->gone++;
}

static void ring(struct clock *k, char name)
{
    k->order[strlen(k->order)] = name;
}

static void ring_a(struct timer *t)
{
    struct clock *k = owner_of(t, struct clock, a);
    ring(k, 'a');
    if (strlen(k->order) < 4)
        timer_set(t, 1);
    else
        timer_close(t); /* its own, while it rings */
}

static void ring_b(struct timer *t)
{
    struct clock *k = owner_of(t, struct clock, b);
    ring(k, 'b');
    timer_close(t);
    timer_close(t);
    timer_set(t, 0); /* closed: nothing happens */
}

static void ring_c(struct timer *t)
{
    ring(owner_of(t, struct clock, c), 'c');
}

static void test_timers(void **state)
{
    struct clock k = {.hold.gone = clock_gone};
    (void)state;
    timer_close(&k.a); /* never opened */
    timer_open(&k.a, &loop, &k.hold, ring_a);
    timer_open(&k.b, &loop, &k.hold, ring_b);
    timer_open(&k.c, &loop, &k.hold, ring_c);
    assert_int_equal(k.hold.count, 3);
    timer_set(&k.c, 1);
    timer_set(&k.b, 60000);
    timer_set(&k.b, 40); /* the last time holds */
    timer_set(&k.a, 5);
    timer_stop(&k.c);
    loop_run(&loop);
    assert_string_equal(k.order, "aaaab");
    assert_int_equal(k.gone, 0);
    timer_set(&k.c, 0);
    loop_run(&loop);
    assert_string_equal(k.order, "aaaabc");
    timer_close(&k.c);
    assert_int_equal(k.gone, 0); /* not before the loop has let go */
    loop_run(&loop);
    assert_int_equal(k.gone, 1);
    timer_close(&k.c);
    loop_run(&loop);
    assert_int_equal(k.gone, 1);
}

static void test_clocks(void **state)
{
    (void)state;
    uint64_t ms = loop_now_ms(&loop), us = loop_now_us(&loop);
    struct clock k = {.hold.gone = clock_gone};
    timer_open(&k.c, &loop, &k.hold, ring_c);
    timer_set(&k.c, 20);
    loop_run(&loop);
    timer_close(&k.c);
    assert_in_range(loop_now_ms(&loop) - ms, 19, 10000);
    assert_in_range(loop_now_us(&loop) - us, 15000, 10000000);
    loop_run(&loop);
}

/* ---- the bus --------------------------------------------------------------------------------- */

static void test_bus(void **state)
{
    (void)state;
    assert_null(bus_get(&loop, 0));
    assert_null(bus_get(&loop, 1));
    for (unsigned i = 1; i <= 3 * BUS_ROOM + 5; i++) {
        uint64_t oldest = i > BUS_ROOM ? i - BUS_ROOM + 1 : 1;
        bus_say(&loop, "test", "number %u", i);
        const uint64_t asked[] = {0, 1, oldest - 1, oldest, oldest + 1, i};
        for (size_t k = 0; k < COUNT(asked); k++) {
            uint64_t expected = max_u64(asked[k], oldest);
            const struct bus_item *item = bus_get(&loop, asked[k]);
            char words[32];
            if (expected > i) {
                assert_null(item);
                continue;
            }
            snprintf(words, sizeof words, "number %llu", (unsigned long long)expected);
            assert_int_equal(item->number, expected);
            assert_string_equal(item->words, words);
            assert_string_equal(item->topic, "test");
        }
        assert_null(bus_get(&loop, i + 1));
    }
    bus_say(&loop, "test", "%0200d", 1);
    assert_int_equal(strlen(bus_get(&loop, loop.bus_last)->words), 95);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

struct task {
    struct job job;
    struct hold hold;
    unsigned worked, done, gone;
};

static void task_gone(struct hold *h)
{
    struct task *t = owner_of(h, struct task, hold);
    assert_int_equal(t->done, 1); /* never before */
    t->gone++;
}

static void work(struct job *j)
{
    owner_of(j, struct task, job)->worked++;
}

static void done(struct job *j)
{
    owner_of(j, struct task, job)->done++;
}

static void test_jobs(void **state)
{
    struct task tasks[64] = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(tasks); i++) {
        struct task *t = &tasks[i];
        t->hold.gone = task_gone;
        t->job.work = work;
        t->job.done = done;
        if (i % 3 == 0)
            cancel_ask(&t->job.cancel, ERR_CANCELLED);
        assert_int_equal(job_start(&t->job, &loop, &t->hold), OK);
        if (i % 3 == 1)
            cancel_ask(&t->job.cancel, ERR_CANCELLED); /* it may run or not */
        assert_int_equal(t->done, 0);
    }
    loop_run(&loop);
    for (size_t i = 0; i < COUNT(tasks); i++) {
        assert_int_equal(tasks[i].done, 1);
        assert_int_equal(tasks[i].gone, 1);
        if (i % 3 != 1)
            assert_int_equal(tasks[i].worked, i % 3 == 2);
    }
}

/* ---- a pair of streams ----------------------------------------------------------------------- */

struct end;
typedef void end_fn(struct end *e);

struct end {
    struct stream stream;
    struct hold hold;
    struct timer pause;
    struct pair *pair;
    end_fn *on_connected, *on_bytes, *on_ended, *on_drained;
    uint64_t got;
    unsigned connected, ended, drained, gone, pauses;
    enum err connect_err, end_err;
    bool wrong, slow;
};

struct pair {
    struct listener listener;
    struct hold hold;
    struct end client, server;
    char folder[64], path[96];
    int dirfd;
};

static unsigned char pattern(uint64_t at)
{
    return (unsigned char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

static void go_on(struct timer *t)
{
    stream_read(&owner_of(t, struct end, pause)->stream, true);
}

static void connected(struct stream *s, enum err err)
{
    struct end *e = owner_of(s, struct end, stream);
    e->connected++;
    e->connect_err = err;
    if (e->on_connected)
        e->on_connected(e);
}

static void bytes(struct stream *s, struct slice in)
{
    struct end *e = owner_of(s, struct end, stream);
    assert_true(s->open && s->reading && !e->ended);
    for (size_t i = 0; i < in.len; i++)
        e->wrong |= (unsigned char)in.ptr[i] != pattern(e->got + i);
    e->got += in.len;
    if (e->slow && e->got / 500000 > e->pauses) {
        e->pauses++;
        stream_read(s, false);
        timer_set(&e->pause, 2);
    }
    if (e->on_bytes)
        e->on_bytes(e);
}

static void ended(struct stream *s, enum err err)
{
    struct end *e = owner_of(s, struct end, stream);
    assert_true(s->open);
    e->ended++;
    e->end_err = err;
    if (e->on_ended)
        e->on_ended(e);
}

static void drained(struct stream *s)
{
    struct end *e = owner_of(s, struct end, stream);
    assert_true(s->open && s->waiting == 0);
    e->drained++;
    if (e->on_drained)
        e->on_drained(e);
}

static void end_gone(struct hold *h)
{
    owner_of(h, struct end, hold)->gone++;
}

static void nothing_gone(struct hold *h)
{
    (void)h;
}

static void close_end(struct end *e)
{
    stream_close(&e->stream);
    stream_close(&e->stream);
    timer_close(&e->pause);
}

static void incoming(struct listener *n)
{
    struct pair *p = owner_of(n, struct pair, listener);
    assert_int_equal(stream_accept(&p->server.stream, n, &p->server.hold), OK);
    stream_read(&p->server.stream, true);
    listener_close(n);
    listener_close(n);
    if (p->server.on_connected)
        p->server.on_connected(&p->server);
}

static void init_end(struct end *e, struct pair *p)
{
    static const struct stream_ops ops = {
        .connected = connected, .bytes = bytes, .ended = ended, .drained = drained};
    *e = (struct end){.hold.gone = end_gone, .pair = p, .stream.ops = &ops};
    timer_open(&e->pause, &loop, &e->hold, go_on);
}

static void pair_init(struct pair *p)
{
    *p = (struct pair){.hold.gone = nothing_gone, .listener.incoming = incoming, .dirfd = -1};
    init_end(&p->client, p);
    init_end(&p->server, p);
}

static struct address listen_at(struct pair *p, bool tcp)
{
    struct address at = {.kind = tcp ? ADDRESS_TCP : ADDRESS_UNIX};
    struct why why = {0};
    if (tcp) {
        struct sockaddr_in *in = (struct sockaddr_in *)&at.tcp;
        uv_ip4_addr("127.0.0.1", 0, in);
        assert_int_equal(listener_open_tcp(&p->listener, &loop, &p->hold, &at.tcp, &why), OK);
        in->sin_port = htons((uint16_t)listener_port(&p->listener));
        return at;
    }
    const char *root = getenv("TMPDIR");
    int fd;
    snprintf(p->folder, sizeof p->folder, "%s/hearth-XXXXXX",
             root && strlen(root) < 40 ? root : "/tmp");
    assert_non_null(mkdtemp(p->folder));
    assert_int_equal(os_open_private_folder(p->folder, &p->dirfd, &why), OK);
    assert_int_equal(os_unix_listen(p->dirfd, "s", &fd, &why), OK);
    assert_int_equal(listener_open_fd(&p->listener, &loop, &p->hold, fd, &why), OK);
    assert_int_equal(listener_port(&p->listener), 0);
    snprintf(p->path, sizeof p->path, "%s/s", p->folder);
    at.path = p->path;
    return at;
}

static void join(struct pair *p, bool tcp)
{
    struct address at = listen_at(p, tcp);
    struct why why = {0};
    assert_int_equal(stream_connect(&p->client.stream, &loop, &p->client.hold, &at, &why), OK);
    assert_int_equal(p->client.connected, 0); /* not before it returned */
}

static void clean(struct pair *p)
{
    listener_close(&p->listener);
    loop_run(&loop);
    if (p->dirfd >= 0) {
        unlinkat(p->dirfd, "s", 0);
        close(p->dirfd);
        rmdir(p->folder);
    }
    assert_int_equal(p->client.gone, 1);
    assert_int_equal(p->server.gone, 1);
    assert_false(p->client.wrong || p->server.wrong);
}

static void write_pattern(struct end *e, uint64_t from, size_t n, size_t piece)
{
    char out[4096];
    assert_in_range(piece, 1, sizeof out);
    for (size_t done_bytes = 0; done_bytes < n;) {
        size_t now = min_size(piece, n - done_bytes);
        for (size_t i = 0; i < now; i++)
            out[i] = (char)pattern(from + done_bytes + i);
        stream_write(&e->stream, (struct slice){out, now});
        done_bytes += now;
    }
}

static void write_all(struct end *e)
{
    write_pattern(e, 0, 1000, 7);
    assert_int_equal(e->stream.waiting, 1000);
    stream_finish(&e->stream);
}

static void read_and_write(struct end *e)
{
    stream_read(&e->stream, true);
    write_all(e);
}

static void send_large(struct end *e)
{
    stream_read(&e->stream, true);
    write_pattern(e, 0, LARGE, 4096);
    stream_finish(&e->stream);
}

static void close_both(struct end *e)
{
    close_end(&e->pair->client);
    close_end(&e->pair->server);
}

/* Each sends its bytes and its end; whoever heard the other's end still says its own part. */
static void test_both_ways(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct pair p;
        pair_init(&p);
        p.client.on_connected = read_and_write;
        p.server.on_ended = write_all; /* half-closed: this way is open still */
        p.client.on_ended = close_both;
        join(&p, tcp);
        loop_run(&loop);
        assert_int_equal(p.client.connected, 1);
        assert_int_equal(p.client.connect_err, OK);
        assert_int_equal(p.server.got, 1000);
        assert_int_equal(p.client.got, 1000);
        assert_int_equal(p.server.ended, 1);
        assert_int_equal(p.client.ended, 1);
        assert_int_equal(p.server.end_err, OK);
        assert_int_equal(p.client.end_err, OK);
        assert_int_equal(p.client.stream.taken, 1000);
        assert_int_equal(p.client.drained, 1);
        clean(&p);
    }
}

static void test_slow_reader(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct pair p;
        pair_init(&p);
        p.client.on_connected = send_large;
        p.server.slow = true;
        p.server.on_ended = close_both;
        join(&p, tcp);
        loop_run(&loop);
        assert_int_equal(p.server.got, LARGE);
        assert_int_equal(p.server.end_err, OK);
        assert_int_equal(p.client.stream.taken, LARGE);
        assert_int_equal(p.client.stream.waiting, 0);
        assert_int_equal(p.client.drained, 1);
        assert_in_range(p.server.pauses, 10, 30);
        clean(&p);
    }
}

static void reset_own(struct end *e)
{
    stream_reset(&e->stream);
    stream_reset(&e->stream);
    timer_close(&e->pause);
}

static void start_reading(struct end *e)
{
    stream_read(&e->stream, true);
    write_pattern(e, 0, 10, 10);
}

static void test_reset(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct pair p;
        pair_init(&p);
        p.client.on_connected = start_reading;
        p.server.on_bytes = reset_own;
        p.client.on_ended = close_end;
        join(&p, tcp);
        loop_run(&loop);
        assert_int_equal(p.client.ended, 1);
        if (tcp)
            assert_int_not_equal(p.client.end_err, OK); /* no end that could pass for a whole one */
        assert_int_equal(p.server.ended, 0);
        clean(&p);
    }
}

static void send_blindly(struct end *e)
{
    write_pattern(e, 0, LARGE, 4096);
}

/* The peer is gone while much is still to be written: told by reading, or by writing. */
static void test_gone_while_writing(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct pair p;
        pair_init(&p);
        p.client.on_connected = i / 2 ? send_blindly : send_large;
        p.server.on_bytes = reset_own;
        p.client.on_ended = close_end;
        join(&p, i % 2);
        loop_run(&loop);
        assert_int_equal(p.client.ended, 1);
        assert_int_equal(p.client.drained, 0);
        if (i / 2) {
            assert_int_not_equal(p.client.end_err, OK);
            assert_true(p.client.stream.failed);
        }
        clean(&p);
    }
}

/* Closing from within any callback: nothing comes after it, the hold goes once. */
static void test_close_within(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        struct pair p;
        pair_init(&p);
        p.client.on_connected = i / 2 == 0 ? close_end : read_and_write;
        p.server.on_connected = i / 2 == 1 ? close_end : NULL;
        p.server.on_bytes = i / 2 == 2 ? close_end : NULL;
        p.client.on_drained = i / 2 == 3 ? close_end : NULL;
        p.client.on_ended = close_end;
        p.server.on_ended = close_end;
        if (i / 2 == 4)
            p.server.on_bytes = close_both;
        join(&p, i % 2);
        loop_run(&loop);
        assert_int_equal(p.client.connected, 1);
        clean(&p);
    }
}

static void test_close_at_once(void **state)
{
    (void)state;
    for (int tcp = 0; tcp < 2; tcp++) {
        struct pair p;
        pair_init(&p);
        p.server.on_ended = close_end;
        join(&p, tcp);
        close_end(&p.client);
        stream_write(&p.client.stream, SLICE("nobody's"));
        stream_finish(&p.client.stream);
        stream_read(&p.client.stream, true);
        listener_close(&p.listener);
        loop_run(&loop);
        assert_int_equal(p.client.connected, 0); /* the owner wants no news */
        timer_close(&p.server.pause);
        clean(&p);
    }
}

static void test_refused(void **state)
{
    (void)state;
    struct pair p;
    struct why why = {0};
    pair_init(&p);
    struct address at = listen_at(&p, true);
    listener_close(&p.listener);
    timer_close(&p.server.pause);
    uv_run(&loop.uv, UV_RUN_NOWAIT);
    p.client.on_connected = close_end;
    assert_int_equal(stream_connect(&p.client.stream, &loop, &p.client.hold, &at, &why), OK);
    loop_run(&loop);
    assert_int_equal(p.client.connected, 1);
    assert_int_equal(p.client.connect_err, ERR_CONNECT_REFUSED);
    clean(&p);
    pair_init(&p);
    timer_close(&p.server.pause);
    at = (struct address){.kind = ADDRESS_UNIX, .path = "/nowhere/at/all"};
    assert_int_equal(stream_connect(&p.client.stream, &loop, &p.client.hold, &at, &why),
                     ERR_CONNECT_REFUSED);
    assert_int_equal(p.client.hold.count, 2); /* the stream's handle is being closed */
    close_end(&p.client);
    loop_run(&loop);
    assert_int_equal(p.client.connected, 0);
    clean(&p);
}

static void test_port_in_use(void **state)
{
    (void)state;
    struct pair p;
    struct listener second = {0};
    struct why why = {0};
    pair_init(&p);
    struct address at = listen_at(&p, true);
    assert_int_equal(listener_open_tcp(&second, &loop, &p.hold, &at.tcp, &why), ERR_BUSY);
    listener_close(&second);
    close_both(&p.client);
    clean(&p);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(test_timers),       WITH_LOOP(test_clocks),
        WITH_LOOP(test_bus),          WITH_LOOP(test_jobs),
        WITH_LOOP(test_both_ways),    WITH_LOOP(test_slow_reader),
        WITH_LOOP(test_reset),        WITH_LOOP(test_gone_while_writing),
        WITH_LOOP(test_close_within), WITH_LOOP(test_close_at_once),
        WITH_LOOP(test_refused),      WITH_LOOP(test_port_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
