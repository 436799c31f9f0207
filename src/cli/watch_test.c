/* watch_test: the picture of `hearth status --watch` at all sizes that a terminal may have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/inner.h"

#define GIB (1024ull * 1024 * 1024)

static const char busy[] =
    "{\"version\":\"0.1.0\",\"pid\":7,\"state\":\"up\",\"listen\":[\"http://127.0.0.1:8420\"],"
    "\"uptime_ms\":7500000,\"memory\":{\"rss\":2202010,\"anonymous\":1000},"
    "\"requests\":{\"live\":2,\"done\":1204,\"failed\":3,\"under_way\":["
    "{\"id\":9,\"who\":\"laptop\",\"model\":\"qwen2.5-coder-7b\",\"target\":\"qwen2.5-coder-7b\","
    "\"state\":\"STREAMING\",\"age_ms\":1234},"
    "{\"id\":8,\"who\":\"alice\",\"model\":\"llama3.2\",\"target\":\"\",\"state\":\"WAITING\","
    "\"age_ms\":75000}]},"
    "\"providers\":[{\"name\":\"lmstudio\",\"state\":\"on\",\"address\":\"http://[::1]:1234\","
    "\"why\":\"\",\"live\":2},"
    "{\"name\":\"old\",\"state\":\"off\",\"why\":\"no address\",\"live\":0}],"
    "\"engines\":["
    "{\"model\":\"phi-4\",\"state\":\"ABSENT\",\"slots\":1,\"busy\":0,\"waiting\":0,\"why\":\"\"},"
    "{\"model\":\"broken\",\"state\":\"FAILED\",\"slots\":1,\"busy\":0,\"waiting\":0,"
    "\"why\":\"the model's file is no GGUF, or is damaged. It said: invalid magic characters\"},"
    "{\"model\":\"qwen2.5-coder-7b\",\"state\":\"BUSY\",\"slots\":4,\"busy\":4,\"waiting\":3,"
    "\"why\":\"\",\"build\":\"llama.cpp-0.7.0-b11669-debian\",\"progress\":1,\"pieces\":162,"
    "\"memory\":{\"rss\":5261334937,\"anonymous\":1288490188},\"pin\":false,"
    "\"keep_alive_ms\":1800000,\"idle_ms\":0,\"leaving\":false},"
    "{\"model\":\"llama3.2\",\"state\":\"STARTING\",\"slots\":1,\"busy\":0,\"waiting\":1,"
    "\"why\":\"\",\"build\":\"llama.cpp-0.7.0-b11669-debian\",\"progress\":0.62,\"pieces\":0,"
    "\"memory\":{\"rss\":1288490188,\"anonymous\":1},\"pin\":true,\"keep_alive_ms\":null,"
    "\"idle_ms\":0,\"leaving\":false}]}";
static const char before[] = "{\"engines\":[{\"model\":\"qwen2.5-coder-7b\",\"pieces\":100}]}";
static const char rows[] =
    "[{\"id\":\"x-7\",\"at\":\"2026-01-02T12:03:09.000Z\",\"who\":\"alice\","
    "\"model\":\"qwen2.5-coder-7b\",\"target\":\"qwen2.5-coder-7b\",\"outcome\":\"OK\","
    "\"status\":200,\"total_us\":1204000,\"prompt_tokens\":31,\"completion_tokens\":120},"
    "{\"id\":null,\"lost\":4},"
    "{\"id\":\"x-6\",\"at\":\"2026-01-02T12:03:01.000Z\",\"who\":\"laptop\",\"model\":\"llama3.2\","
    "\"target\":\"\",\"outcome\":\"ENGINE_LOADING_TOO_LONG\",\"status\":503,\"total_us\":310000}]";

struct drawing {
    struct json_doc status, before, rows;
    struct watch_view view;
    struct text out;
};

static void read_json(const char *json, struct json_doc *ret)
{
    assert_int_equal(json_read(slice_of(json), &json_usual_limits, NULL, ret, NULL), OK);
}

static int set_up(void **state)
{
    struct drawing *d = test_calloc(1, sizeof *d);
    read_json(busy, &d->status);
    read_json(before, &d->before);
    read_json(rows, &d->rows);
    d->view = (struct watch_view){.status = d->status.root,
                                  .before = d->before.root,
                                  .rows = d->rows.root,
                                  .apart_ms = 2000,
                                  .memory_total = 32 * GIB,
                                  .memory_free = 20 * GIB,
                                  .clock = "12:03:14",
                                  .why = "is not running",
                                  .columns = 80};
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct drawing *d = *state;
    json_done(&d->status);
    json_done(&d->before);
    json_done(&d->rows);
    text_fini(&d->out);
    test_free(d);
    return 0;
}

static const char *draw(struct drawing *d)
{
    text_clear(&d->out);
    watch_draw(&d->view, &d->out);
    return text_cstr(&d->out);
}

static void assert_says(struct drawing *d, const char *words)
{
    if (!strstr(draw(d), words))
        fail_msg("%s is not in:\n%s", words, text_cstr(&d->out));
}

static void assert_not_said(struct drawing *d, const char *words)
{
    if (strstr(draw(d), words))
        fail_msg("%s is in:\n%s", words, text_cstr(&d->out));
}

static size_t count_lines(struct drawing *d, size_t most)
{
    size_t n = 0;
    struct slice rest = (draw(d), text_slice(&d->out)), line;
    assert_int_equal(rest.ptr[rest.len - 1], '\n');
    rest.len--;
    for (; slice_split(&rest, '\n', &line); n++) {
        if (cli_width(line) > most)
            fail_msg("%zu columns, and %zu are there: %.*s", cli_width(line), most,
                     SLICE_ARG(line));
    }
    return n;
}

static void what_goes_on_is_there(void **state)
{
    struct drawing *d = *state;
    assert_says(d, "hearth 0.1.0  up 2 h 5 min  http://127.0.0.1:8420");
    assert_says(d, "12:03:14\n");
    assert_says(d, " of 32.0 GiB\n");
    assert_says(d, "engines 6.0 GiB  others 10.7 GiB  free 15.1 GiB  hearth itself 2.1 MiB\n");
    assert_says(d, "qwen2.5-coder-7b  answering   4 of 4 +3    31.0    4.8 GiB  30 min\n");
    assert_says(d, " 62 %    1.1 GiB  pinned\n");
    assert_says(d, "broken            failed\n  the model's file is no GGUF");
    assert_says(d, "phi-4             not loaded\n");
    assert_says(d, "requests  2 under way, 1204 done, 3 failed\n");
    assert_says(d, "now       laptop      qwen2.5-coder-7b    answers             1.23 s\n");
    assert_says(d, "now       alice       llama3.2            waits           1 min 15 s\n");
    assert_says(d, "  OK                  1.20 s      31+120\n");
    assert_says(d, "  ENGINE_LOADIN\xe2\x80\xa6    310.0 ms           -\n");
    assert_says(d, "lmstudio  on           2  http://[::1]:1234\n");
    assert_says(d, "old       off          0  no address\n");
    /* those about which there is something to say stand first */
    assert_true(strstr(draw(d), "qwen2.5-coder-7b  a") < strstr(text_cstr(&d->out), "phi-4"));
    assert_not_said(d, "\033");
    d->view.colours = true;
    assert_says(d, "\033[32manswering\033[0m");
}

static void it_fits_at_every_size(void **state)
{
    struct drawing *d = *state;
    for (unsigned colours = 0; colours < 2; colours++) {
        d->view.colours = colours;
        for (size_t columns = 1; columns <= 200; columns++) {
            d->view.columns = columns;
            d->view.lines = 0;
            size_t whole = count_lines(d, max_size(columns, 20));
            for (size_t lines = 1; lines <= whole + 4; lines++) {
                d->view.lines = lines;
                assert_int_equal(count_lines(d, max_size(columns, 20)), lines);
            }
        }
    }
}

static void little_room_keeps_what_matters(void **state)
{
    struct drawing *d = *state;
    d->view.columns = 60;
    assert_says(d, "qwen2.5-coder-7b  answering   4 of 4 +3    31.0    4.8 GiB\n");
    assert_says(d, "now       qwen2.5-coder-7b        answers             1.23 s\n");
    assert_not_said(d, "stays");
    d->view.columns = 120;
    assert_says(d, "4.8 GiB  30 min      llama.cpp-0.7.0-b11669-debian\n");
    d->view.columns = 80;
    d->view.lines = 10;
    assert_says(d, "qwen2.5-coder-7b  answering");
    assert_says(d, "and 2 more\n");
    assert_says(d, "q ends it\n");
}

static void a_load_is_a_bar_until_it_is_ready(void **state)
{
    struct drawing *d = *state;
    json_done(&d->status);
    read_json("{\"engines\":[{\"model\":\"m\",\"state\":\"STARTING\",\"build\":\"b\",\"slots\":2,"
              "\"progress\":1}]}",
              &d->status);
    d->view.status = d->status.root;
    assert_says(d, " 100 %");
    assert_not_said(d, "0 of 2");
}

static void nobody_answers(void **state)
{
    struct drawing *d = *state;
    d->view.status = d->view.rows = NULL;
    d->view.away_ms = 4321;
    assert_says(d, "hearth is not running");
    assert_says(d, "for 4 s; this goes on when it is back\n");
    d->view.lines = 24;
    assert_int_equal(count_lines(d, 80), 24);
}

static void what_others_say_cannot_move_the_cursor(void **state)
{
    struct drawing *d = *state;
    json_done(&d->status);
    read_json(
        "{\"version\":\"\\u001b[2J\",\"listen\":[\"\\u001b[1m\"],\"engines\":[{\"model\":"
        "\"a\\u001b]0;x\\u0007\\nb\",\"state\":\"?\",\"build\":\"\\u009b1m\",\"progress\":1e300,"
        "\"why\":\"\\r\"}],\"providers\":[{\"name\":\"\\u001b\",\"state\":\"\\u001b\"}],"
        "\"requests\":{\"under_way\":[{\"who\":\"\\u001b\",\"model\":\"\\u202e\"}]}}",
        &d->status);
    d->view.status = d->status.root;
    for (size_t columns = 1; columns < 130; columns++) {
        d->view.columns = columns;
        assert_not_said(d, "\033");
        assert_not_said(d, "\r");
        assert_not_said(d, "\xc2\x9b");
    }
    json_done(&d->status);
    read_json("[]", &d->status); /* nor must it be of any form */
    d->view.status = d->status.root;
    assert_says(d, "requests  0 under way");
}

static void plain_terminals_get_plain_letters(void **state)
{
    struct drawing *d = *state;
    assert_says(d, "\xe2\x96\x88");
    d->view.ascii = true;
    assert_not_said(d, "\xe2\x96\x88");
    assert_says(d, "######");
}

#define WITH_DRAWING(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DRAWING(what_goes_on_is_there),
        WITH_DRAWING(it_fits_at_every_size),
        WITH_DRAWING(little_room_keeps_what_matters),
        WITH_DRAWING(a_load_is_a_bar_until_it_is_ready),
        WITH_DRAWING(nobody_answers),
        WITH_DRAWING(what_others_say_cannot_move_the_cursor),
        WITH_DRAWING(plain_terminals_get_plain_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
