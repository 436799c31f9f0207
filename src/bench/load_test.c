/* load_test: the generator against the mock, which runs in a child; and the judge against answers
 * that are wrong in one thing each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/inside.h"

#define LIFE_S 60u /* of the child, should the test die */

struct running {
    pid_t child;
    struct bench_place place;
};

static void tell_parent(void *data, uint16_t port)
{
    int fd = *(int *)data;
    if (write(fd, &port, sizeof port) != sizeof port)
        _exit(1);
}

static void start(struct running *r, unsigned gap_ms)
{
    int ends[2];
    uint16_t port = 0;
    char url[64];
    assert_int_equal(pipe(ends), 0);
    r->child = fork();
    assert_true(r->child >= 0);
    if (r->child == 0) {
        alarm(LIFE_S);
        const struct bench_mock mock = {
            .chunks = BENCH_CHUNKS, .gap_ms = gap_ms, .ready = tell_parent, .data = &ends[1]};
        _exit(bench_serve(&mock, NULL) ? 1 : 0);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &port, sizeof port), sizeof port);
    close(ends[0]);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)port);
    assert_int_equal(bench_find(url, &r->place, NULL), OK);
}

static void stop(const struct running *r)
{
    kill(r->child, SIGKILL);
    waitpid(r->child, NULL, 0);
}

static void test_against_the_mock(void **state)
{
    (void)state;
    static const struct {
        size_t body;
        unsigned connections, chunks, rate;
        bool stream;
    } rows[] = {
        {1024, 1, 4, 0, false},   {1024, 64, 4, 0, true},    {10, 8, 1, 0, false},
        {262144, 8, 4, 0, false}, {32768, 16, 100, 0, true}, {1024, 4, 4, 400, false},
        {1024, 4, 2000, 0, true},
    };
    struct running r;
    start(&r, 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct bench_load load = {.place = &r.place,
                                        .model = BENCH_MODEL,
                                        .body = rows[i].body,
                                        .connections = rows[i].connections,
                                        .chunks = rows[i].chunks,
                                        .rate = rows[i].rate,
                                        .stream = rows[i].stream,
                                        .warm_us = 20000,
                                        .run_us = 200000};
        struct bench_figures f;
        assert_int_equal(bench_measure(&load, &f, NULL), OK);
        assert_true(f.exact);
        assert_int_equal(f.wrong, 0);
        assert_true(f.requests > 0);
        assert_true(f.p50_us <= f.p99_us && f.p99_us <= f.most_us && f.most_us > 0);
        if (rows[i].rate) /* 400 a second for 0.2 s, the slow ones too */
            assert_int_equal(f.requests, 80);
    }
    stop(&r);
}

/* Ten pieces that come 5 ms after each other: no answer can be there before 60 ms have passed. */
static void test_gaps(void **state)
{
    (void)state;
    struct running r;
    struct bench_figures f;
    start(&r, 5);
    const struct bench_load load = {.place = &r.place,
                                    .model = BENCH_MODEL,
                                    .connections = 20,
                                    .chunks = 10,
                                    .stream = true,
                                    .run_us = 300000};
    assert_int_equal(bench_measure(&load, &f, NULL), OK);
    assert_true(f.exact);
    assert_int_equal(f.wrong, 0);
    assert_true(f.requests > 0 && f.p50_us >= 60000);
    stop(&r);
}

/* One connection whose answers take 60 ms can give 16 a second. Asked for 100, each must wait for
 * those before it, and that wait is told. */
static void test_no_omission(void **state)
{
    (void)state;
    struct running r;
    struct bench_figures f;
    start(&r, 5);
    const struct bench_load load = {.place = &r.place,
                                    .model = BENCH_MODEL,
                                    .connections = 1,
                                    .chunks = 10,
                                    .stream = true,
                                    .rate = 100,
                                    .run_us = 300000};
    assert_int_equal(bench_measure(&load, &f, NULL), OK);
    assert_int_equal(f.wrong, 0);
    assert_int_equal(f.requests, 30);
    assert_true(f.most_us >= 30 * 60000 - 300000);
    stop(&r);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct running r;
    struct bench_figures f;
    struct why why = {0};
    start(&r, 0);
    stop(&r);
    const struct bench_load load = {
        .place = &r.place, .model = BENCH_MODEL, .connections = 3, .chunks = 4, .run_us = 100000};
    assert_int_equal(bench_measure(&load, &f, &why), ERR_CONNECT_REFUSED);
    assert_non_null(strstr(why.text, "nothing listens at 127.0.0.1:"));
}

/* ---- the judge ---- */

static struct text body_of(const struct script_key *key)
{
    struct script_answer a;
    struct text body = {0};
    assert_int_equal(script_answer_make(key, &a), OK);
    if (!key->stream) {
        text_add(&body, slice_from(text_slice(&a.bytes), a.body_at));
    } else { /* without the chunks' framing: the lines that are data, and the blank ones */
        struct slice rest = slice_from(text_slice(&a.bytes), a.body_at), line;
        while (slice_split(&rest, '\n', &line)) {
            if (slice_begins(line, SLICE("data:"))) {
                text_add(&body, line);
                text_add(&body, SLICE("\n\n"));
            }
        }
    }
    script_answer_fini(&a);
    return body;
}

static void replace(struct text *in, const char *what, const char *with)
{
    char *at = memmem(in->ptr, in->len, what, strlen(what));
    assert_non_null(at);
    assert_int_equal(strlen(what), strlen(with));
    memcpy(at, with, strlen(with));
}

static void test_judge(void **state)
{
    (void)state;
    static const struct {
        bool stream;
        const char *what, *with; /* the same length */
        const char *says;        /* NULL: it is right all the same */
    } rows[] = {
        {false, "chatcmpl", "another-", NULL},
        {true, "chatcmpl", "another-", NULL},
        {false, " w2", " w3", "not what the mock said"},
        {true, " w2", " w3", "not what the mock said"},
        {true, "content\":\" w1", "contend\":\" w1", "not what the mock said"},
        {false, NONCE_NONE, "0000000009", "another question"},
        {true, NONCE_NONE, "0000000009", "another question"},
        {false, "\"choices\"", "\"choicez\"", "no choices"},
        {true, "\"choices\"", "\"choicez\"", "no choices"},
        {false, "}", "]", "no valid JSON"},
        {true, "}", "]", "no valid JSON"},
        {true, "data: [DONE]\n\n", "data: {}\n\n   \n", "no choices"},
        {true, "data: [DONE]", "dat_: [DONE]", "without [DONE]"},
        {true, "[DONE]\n\n", "[DONE]\n ", "whole events"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct script_key key = {.chunks = 4, .stream = rows[i].stream};
        struct judge j = {.stream = rows[i].stream, .exact = true, .chunks = 4};
        struct why why = {0};
        struct text good = body_of(&key), bad = body_of(&key);
        replace(&bad, rows[i].what, rows[i].with);
        for (int round = 0; round < 2;
             round++) { /* with nothing known yet, and with the right one */
            bool is_right = judge_body(&j, text_slice(&bad), NONCE_NONE, &why);
            assert_int_equal(is_right, !rows[i].says);
            if (rows[i].says)
                assert_non_null(strstr(why.text, rows[i].says));
            assert_true(judge_body(&j, text_slice(&good), NONCE_NONE, NULL));
        }
        judge_fini(&j);
        text_fini(&good);
        text_fini(&bad);
    }
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *path; /* host NULL: refused */
    } rows[] = {
        {"http://127.0.0.1:8420", "127.0.0.1:8420", "/v1"},
        {"http://127.0.0.1:8420/", "127.0.0.1:8420", "/v1"},
        {"127.0.0.1:8420/v1/", "127.0.0.1:8420", "/v1"},
        {"http://localhost/api/openai", "localhost", "/api/openai"},
        {"http://[::1]:80/v1", "[::1]:80", "/v1"},
        {"https://127.0.0.1:8420", NULL, NULL},
        {"http://", NULL, NULL},
        {"http://a b:1", NULL, NULL},
        {"http://127.0.0.1:99999", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct bench_place place;
        struct why why = {0};
        enum err e = bench_find(rows[i].url, &place, &why);
        assert_int_equal(e, rows[i].host ? OK : ERR_BAD_REQUEST);
        if (!e) {
            assert_string_equal(place.host, rows[i].host);
            assert_string_equal(place.path, rows[i].path);
        }
    }
}

static void test_question_size(void **state)
{
    (void)state;
    const struct bench_place place = {.host = "h", .path = "/v1"};
    static const size_t sizes[] = {0, 200, 201, 1024, 32768, 262144};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct bench_load load = {
            .place = &place, .model = "m", .body = sizes[i], .chunks = 4, .stream = true};
        struct question q;
        question_make(&load, &q);
        const char *head_end = memmem(q.before.ptr, q.before.len, "\r\n\r\n", 4);
        assert_non_null(head_end);
        size_t body =
            q.before.len - (size_t)(head_end + 4 - q.before.ptr) + NONCE_LEN + q.after.len;
        assert_int_equal(body, sizes[i] < 200 ? body : sizes[i]);
        assert_true(body < 200 || sizes[i] >= 200);
        question_fini(&q);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the commands do */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge),         cmocka_unit_test(test_places),
        cmocka_unit_test(test_question_size), cmocka_unit_test(test_against_the_mock),
        cmocka_unit_test(test_gaps),          cmocka_unit_test(test_no_omission),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
