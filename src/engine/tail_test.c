/* tail_test: what an engine's last words are taken for. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/inside.h"

static void test_verdicts(void **state)
{
    static const struct {
        const char *line;
        struct child_end end;
        enum err err;
        enum policy policy;
        const char *words;
    } cases[] = {
        {"llama_model_load: error loading model: unknown model architecture: 'nova'",
         {1, 0},
         ERR_ENGINE_FAILED,
         GIVE_UP,
         "hearth engines install llama.cpp"},
        {"gguf_init_from_file: invalid magic characters: 'nope'",
         {1, 0},
         ERR_ENGINE_FAILED,
         GIVE_UP,
         "no GGUF"},
        {"error: invalid argument: --frobnicate", {1, 0}, ERR_ENGINE_FAILED, GIVE_UP, "extra"},
        {"ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory",
         {1, 0},
         ERR_ENGINE_OOM,
         ONCE,
         "gpu_layers"},
        {"llama_init: failed to allocate buffer for kv cache", {1, 0}, ERR_ENGINE_OOM, ONCE, "ctx"},
        {"terminate called: std::bad_alloc", {134, 0}, ERR_ENGINE_OOM, ONCE, "memory"},
        {"srv start: couldn't bind HTTP server socket, hostname: x",
         {1, 0},
         ERR_ENGINE_CRASH,
         AGAIN,
         "socket"},
        {"srv init: exiting due to model loading error", {1, 0}, ERR_ENGINE_CRASH, AGAIN, "load"},
        {"all is well", {0, SIGSEGV}, ERR_ENGINE_CRASH, AGAIN, "all is well"},
        {"all is well", {128 + SIGSEGV, 0}, ERR_ENGINE_CRASH, AGAIN, "crashed"},
        {"all is well", {128 + SIGILL, 0}, ERR_ENGINE_CRASH, GIVE_UP, "processor"},
        {"all is well", {0, SIGKILL}, ERR_ENGINE_CRASH, AGAIN, "killed"},
        {"all is well", {3, 0}, ERR_ENGINE_CRASH, AGAIN, "code 3"},
        {"all is well", {0, 0}, ERR_ENGINE_CRASH, AGAIN, "code 0"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tail t = {0};
        struct why why;
        tail_add(&t, SLICE("loading"), false);
        tail_add(&t, slice_of(cases[i].line), false);
        assert_int_equal(tail_judge(&t, &cases[i].end, &why), cases[i].policy);
        assert_int_equal(why.code, cases[i].err);
        assert_non_null(strstr(why.text, cases[i].words));
        tail_fini(&t);
    }
}

/* The most telling line wins, not the last one. */
static void test_the_cause_wins(void **state)
{
    const struct child_end end = {1, 0};
    struct tail t = {0};
    struct why why;
    (void)state;
    tail_add(&t, SLICE("error loading model: unknown model architecture: 'nova'"), false);
    tail_add(&t, SLICE("srv init: exiting due to model loading error"), false);
    assert_int_equal(tail_judge(&t, &end, &why), GIVE_UP);
    assert_non_null(strstr(why.text, "'nova'"));
    tail_clear(&t);
    assert_int_equal(tail_judge(&t, &end, &why), AGAIN);
    tail_fini(&t);
}

/* Where the line that matches says only that it failed, an error told before it is the reason. */
static void test_what_went_before(void **state)
{
    const struct child_end end = {1, 0};
    struct tail t = {0};
    struct why why;
    (void)state;
    tail_add(&t, SLICE("tensor 'x' has wrong shape"), true);
    tail_add(&t, SLICE("srv init: exiting due to model loading error"), true);
    assert_int_equal(tail_judge(&t, &end, &why), AGAIN);
    assert_non_null(strstr(why.text, "wrong shape"));
    tail_fini(&t);
}

static void test_it_is_bounded_and_visible(void **state)
{
    char line[4000];
    struct tail t = {0};
    (void)state;
    memset(line, '\x1b', sizeof line);
    for (unsigned i = 0; i < 1000; i++) {
        tail_add(&t, (struct slice){line, 1 + (i * 37) % sizeof line}, false);
        assert_true(t.lines.len <= TAIL_ROOM);
        assert_int_equal(slice_find(text_slice(&t.lines), '\x1b'), t.lines.len);
    }
    tail_add(&t, SLICE("the end"), false);
    assert_true(slice_ends(text_slice(&t.lines), SLICE("the end\n")));
    tail_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_the_cause_wins),
        cmocka_unit_test(test_what_went_before),
        cmocka_unit_test(test_it_is_bounded_and_visible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
