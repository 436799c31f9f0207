/* print_test: sizes, times, columns, and what hostile bytes become on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/inner.h"

#define MINUTE 60000u

static void check(struct text *t, const char *is)
{
    assert_string_equal(text_cstr(t), is);
    text_clear(t);
}

static void sizes_are_short(void **state)
{
    (void)state;
    const struct {
        uint64_t bytes;
        const char *is;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {12900000, "12.3 MiB"},
        {150u << 20, "150 MiB"},
        {1023u << 10, "1023 KiB"},
        {5ull << 30, "5.0 GiB"},
        {UINT64_MAX, "16777215 TiB"},
    };
    struct text t = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cli_bytes(&t, cases[i].bytes);
        check(&t, cases[i].is);
    }
    text_fini(&t);
}

static void times_have_two_parts_at_most(void **state)
{
    (void)state;
    const struct {
        uint64_t ms;
        const char *is;
    } cases[] = {
        {0, "0 ms"},
        {999, "999 ms"},
        {1000, "1 s"},
        {59999, "59 s"},
        {MINUTE, "1 min"},
        {MINUTE + 5000, "1 min 5 s"},
        {125 * MINUTE, "2 h 5 min"},
        {60 * MINUTE, "1 h"},
        {24 * 60 * MINUTE, "1 d"},
        {(3 * 24 + 4) * 60 * MINUTE + 7, "3 d 4 h"},
    };
    struct text t = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        cli_duration(&t, cases[i].ms);
        check(&t, cases[i].is);
    }
    text_fini(&t);
}

static void columns_count_what_is_seen(void **state)
{
    (void)state;
    struct text t = {0};
    text_add(&t, SLICE("> "));
    cli_paint(&t, true, COLOUR_GREEN, "h\xc3\xb6h");
    assert_int_equal(cli_width(text_slice(&t)), 5);
    cli_pad(&t, 2, 5);
    assert_int_equal(cli_width(text_slice(&t)), 7);
    check(&t, "> \033[32mh\xc3\xb6h\033[0m  ");
    cli_pad(&t, 0, 3);
    check(&t, "   ");
    cli_paint(&t, false, COLOUR_RED, "plain");
    check(&t, "plain");
    cli_paint_visible(&t, true, COLOUR_RED, SLICE("a\033[2Jb"));
    check(&t, "\033[31ma\\x1b[2Jb\033[0m");
    text_fini(&t);
}

static void json_stays_json_and_harmless(void **state)
{
    (void)state;
    struct text t = {0}, again = {0};
    struct json_doc doc;
    cli_json(&t, SLICE("[\"a\x7f\xc2\x9b\xc3\xa9\xc2\xa0\"]"));
    check(&t, "[\"a\\u007f\\u009b\xc3\xa9\xc2\xa0\"]\n");
    cli_json(&t, SLICE("[\"\xc2\x9b\x7f\"]\n"));
    assert_int_equal(json_read(text_slice(&t), &json_usual_limits, NULL, &doc, NULL), OK);
    text_add(&again, json_text(json_at(doc.root, 0)));
    check(&again, "\xc2\x9b\x7f"); /* means the same */
    json_done(&doc);
    text_fini(&t);
    text_fini(&again);
}

static void addresses_are_as_people_open_them(void **state)
{
    (void)state;
    struct text t = {0};
    cli_address(&t, SLICE("127.0.0.1:8420"));
    check(&t, "http://127.0.0.1:8420");
    cli_address(&t, SLICE("[::1]:8420"));
    check(&t, "http://[::1]:8420");
    cli_address(&t, SLICE("http://x:1"));
    check(&t, "http://x:1");
    cli_address(&t, SLICE("/run/\033x"));
    check(&t, "/run/\\x1bx");
    text_fini(&t);
}

static void failures_say_what_to_do(void **state)
{
    (void)state;
    struct cli c = {0};
    struct why why = {0};
    why_set(&why, ERR_PERMISSION, "the folder \033x is not ours");
    assert_int_equal(cli_fail(&c, ERR_PERMISSION, &why, NULL), CLI_PERMISSION);
    assert_non_null(strstr(text_cstr(&c.err), "hearth: the folder \\x1bx is not ours\n"));
    assert_non_null(strstr(text_cstr(&c.err), err_row(ERR_PERMISSION)->words));
    text_clear(&c.err);
    assert_int_equal(cli_fail(&c, ERR_SYSTEM, &why, NULL), CLI_FAILED);
    assert_null(strstr(text_cstr(&c.err), err_row(ERR_SYSTEM)->words));
    text_clear(&c.err);
    assert_int_equal(cli_fail(&c, ERR_CONFIG, NULL, "Do this."), CLI_CONFIG);
    check(&c.err, "hearth: it failed\nDo this.\n");
    assert_int_equal(cli_not_running(&c), CLI_NOT_RUNNING);
    assert_int_equal(cli_exit_of(ERR_BUSY), 75);
    assert_int_equal(cli_exit_of(ERR_NO_MODEL), 4);
    assert_int_equal(cli_exit_of(OK), 0);
    assert_int_equal(c.out.len, 0);
    text_fini(&c.err);
}

/* ---- the readable forms of the daemon's documents ---- */

static const char full[] =
    "{\"version\":\"0.1.0\",\"pid\":4711,\"instance\":\"i\","
    "\"listen\":[\"127.0.0.1:8420\",\"[::1]:8420\"],\"uptime_ms\":7500000,"
    "\"memory\":{\"rss\":12900000,\"anonymous\":5000000},\"connections\":3,"
    "\"requests\":{\"live\":1,\"done\":120,\"failed\":2},\"providers\":["
    "{\"name\":\"ollama\",\"kind\":\"ollama\",\"address\":\"http://127.0.0.1:11434\","
    "\"state\":\"on\",\"why\":\"\",\"models\":[\"a:7b\",\"b\",\"\\u001b[31mc\",\"d\"],"
    "\"live\":1,\"pooled\":2},"
    "{\"name\":\"openai\",\"kind\":\"openai\",\"address\":\"https://api.openai.com\","
    "\"state\":\"off\",\"why\":\"needs \\u001b OPENAI_API_KEY\",\"models\":[],"
    "\"live\":0,\"pooled\":0}],\"warnings\":[\"hearth.yaml:3: \\u001bsomething\"]}";

static void print_status(const char *json, bool colours, struct text *out)
{
    struct json_doc doc;
    assert_int_equal(json_read(slice_of(json), &json_usual_limits, NULL, &doc, NULL), OK);
    status_print(doc.root, "/home/me/.config/hearth", colours, out);
    json_done(&doc);
}

static void status_is_readable(void **state)
{
    (void)state;
    struct text t = {0};
    print_status(full, false, &t);
    check(&t, "hearth 0.1.0 is up (pid 4711, 2 h 5 min)\n"
              "  address      http://127.0.0.1:8420, http://[::1]:8420\n"
              "  memory       12.3 MiB (its own: 4.7 MiB)\n"
              "  connections  3\n"
              "  requests     1 running, 120 done, 2 failed\n"
              "\n"
              "provider  kind    state  running  address                 models\n"
              "ollama    ollama  on     1        http://127.0.0.1:11434  "
              "a:7b, b, \\x1b[31mc and 1 more\n"
              "openai    openai  off    0        https://api.openai.com  "
              "needs \\x1b OPENAI_API_KEY\n"
              "\n"
              "warning: hearth.yaml:3: \\x1bsomething\n"
              "\n"
              "Next: give an app the address http://127.0.0.1:8420/v1\n");
    print_status(full, true, &t);
    assert_non_null(strstr(text_cstr(&t), "\033[32mon\033[0m     1 "));
    text_fini(&t);
}

#define NOTHING                                                                                    \
    "nothing can answer: mend what `hearth status` and `hearth doctor` name, then `hearth "        \
    "reload`.\n"

static void status_tells_what_is_next(void **state)
{
    (void)state;
    static const struct {
        const char *json, *next;
    } rows[] = {
        {"{}", "bring a model with `hearth models add FILE.gguf`, or name a provider in\n"
               "      /home/me/.config/hearth/hearth.yaml, then `hearth reload`.\n"},
        {"{\"providers\":[{\"state\":\"off\"}]}", NOTHING},
        {"{\"providers\":[],\"engines\":[{\"model\":\"q\",\"state\":\"ABSENT\"}],"
         "\"listen\":[\"127.0.0.1:8420\"]}",
         "give an app the address http://127.0.0.1:8420/v1\n"},
        {"{\"engines\":[{\"model\":\"q\",\"state\":\"FAILED\",\"why\":\"x\"}]}", NOTHING},
        {"{\"engines\":[{\"model\":\"example\",\"state\":\"READY\"}]}",
         "bring a model of yours: `hearth models add FILE.gguf`.\n"},
        {"{\"engines\":[{\"model\":\"example\",\"state\":\"READY\"},"
         "{\"model\":\"q\",\"state\":\"ABSENT\"}],\"listen\":[\"127.0.0.1:8420\"]}",
         "give an app the address http://127.0.0.1:8420/v1\n"},
    };
    struct text t = {0};
    for (size_t i = 0; i < COUNT(rows); i++) {
        text_clear(&t);
        print_status(rows[i].json, false, &t);
        const char *next = strstr(text_cstr(&t), "Next: ");
        assert_non_null(next);
        assert_string_equal(next + 6, rows[i].next);
    }
    text_fini(&t);
}

static void status_tells_of_damaged_files(void **state)
{
    (void)state;
    static const struct {
        const char *side, *says;
    } cases[] = {
        {"\"audit\":{\"up\":true,\"put_aside\":true,\"why\":\"\"}",
         "  record       a damaged file was put aside (audit.db.bad-...); a new one is in use\n"},
        {"\"state\":{\"up\":true,\"put_aside\":true,\"why\":\"\"}",
         "  keys         a damaged file was put aside (state.db.bad-...) and a new one is in use: "
         "all keys are gone, make new ones\n"},
        {"\"audit\":{\"up\":false,\"put_aside\":true,\"why\":\"no \\u001b\"}",
         "  record       no \\x1b\n"},
        {"\"state\":{\"up\":true,\"put_aside\":false,\"why\":\"\"}", NULL},
    };
    struct text json = {0}, t = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        text_clear(&json);
        text_clear(&t);
        text_format(&json, "{\"store\":{%s}}", cases[i].side);
        print_status(text_cstr(&json), false, &t);
        if (cases[i].says)
            assert_non_null(strstr(text_cstr(&t), cases[i].says));
        else
            assert_null(strstr(text_cstr(&t), "  keys"));
    }
    text_fini(&json);
    text_fini(&t);
}

static void status_tells_of_the_machine(void **state)
{
    (void)state;
    struct text t = {0};
    print_status("{\"machine\":{\"cpu\":\"A \\u001bCPU\",\"instructions\":\"AVX2\",\"cores\":4,"
                 "\"threads\":8,\"memory_total\":17179869184,\"memory_free\":1073741824,"
                 "\"devices\":[{\"name\":\"GPU\",\"driver\":\"amdgpu\",\"usable\":true},"
                 "{\"name\":\"Other\",\"usable\":false,\"trouble\":\"no driver\"}]},"
                 "\"machine_age_ms\":61000}",
                 false, &t);
    assert_non_null(strstr(text_cstr(&t), "  processor    A \\x1bCPU (AVX2), 4 cores, 8 threads\n"
                                          "  machine      16.0 GiB of memory, 1.0 GiB free 1 min "
                                          "1 s ago\n"
                                          "  device       GPU (amdgpu)\n"
                                          "  device       Other: no driver; see "
                                          "`hearth doctor gpu`\n"));
    text_fini(&t);
}

static void status_survives_documents_of_any_shape(void **state)
{
    (void)state;
    const char *const documents[] = {
        "{}",
        "[]",
        "null",
        "{\"providers\":{\"a\":1},\"listen\":5,\"memory\":[],\"warnings\":\"x\"}",
        "{\"providers\":[1,null,{\"models\":{}},{\"state\":\"on\",\"models\":[1,{}]}]}",
        "{\"pid\":-5,\"uptime_ms\":1e300,\"warnings\":[[]]}",
        "{\"machine\":null,\"machine_age_ms\":null}",
        "{\"machine\":{\"devices\":[1,{}],\"cores\":-1}}",
    };
    struct text t = {0};
    for (size_t i = 0; i < COUNT(documents); i++) {
        print_status(documents[i], true, &t);
        assert_false(t.failed);
        text_clear(&t);
    }
    print_status("{\"providers\":[]}", false, &t);
    assert_non_null(strstr(text_cstr(&t), "/home/me/.config/hearth/hearth.yaml"));
    text_clear(&t);
    print_status("{\"providers\":[{\"state\":\"off\",\"why\":\"w\"}]}", false, &t);
    assert_non_null(strstr(text_cstr(&t), "hearth reload"));
    text_fini(&t);
}

static void reload_says_what_changed(void **state)
{
    (void)state;
    const struct {
        const char *json, *is;
    } cases[] = {
        {"{\"changed\":[],\"restart_needed\":[],\"providers\":{}}",
         "The configuration was read again; nothing differs.\n"},
        {"{}", "The configuration was read again; nothing differs.\n"},
        {"{\"changed\":[\"log.level\"],\"providers\":{\"added\":[\"\\u001bx\"],\"removed\":[\"y\"],"
         "\"changed\":[\"z\"]}}",
         "The configuration was read again:\n  changed log.level\n  added provider \\x1bx\n"
         "  removed provider y\n  changed provider z\n"},
        {"{\"restart_needed\":[\"listen\"]}",
         "The configuration was read again.\nOnly a restart applies:\n  waits listen\n"
         "Restart with `hearth restart`.\n"},
    };
    struct text t = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct json_doc doc;
        assert_int_equal(json_read(slice_of(cases[i].json), &json_usual_limits, NULL, &doc, NULL),
                         OK);
        reload_print(doc.root, false, &t);
        json_done(&doc);
        check(&t, cases[i].is);
    }
    text_fini(&t);
}

static void refusals_show_the_problems(void **state)
{
    (void)state;
    const struct {
        const char *body;
        int code;
        const char *says;
    } cases[] = {
        {"{\"error\":{\"message\":\"not valid\",\"code\":\"config\"},\"problems\":[{\"severity\":"
         "\"error\",\"file\":\"/h/hearth.yaml\",\"line\":3,\"key\":\"listen\",\"text\":\"no\"}]}",
         78, "/h/hearth.yaml:3: error: listen: no\nhearth: not valid\n"},
        {"{\"error\":{\"message\":\"not valid\",\"code\":\"config\","
         "\"problems\":[\"one\",\"two\"]}}",
         78, "one\ntwo\nhearth: not valid\n"},
        {"{\"errors\":1,\"problems\":[{\"severity\":\"error\",\"file\":\"\",\"line\":null,"
         "\"key\":\"listen\",\"text\":\"no\"}]}",
         78, "error: listen: no\nhearth: the configuration is not valid; the old one"},
        {"{\"error\":{\"message\":\"\\u001b no\",\"code\":\"forbidden\"}}", 77,
         "hearth: \\x1b no\n"},
        {"{\"error\":{\"message\":\"what\",\"code\":\"bad_request\"}}", 1, "hearth: what\n"},
        {"{\"error\":{\"message\":\"what\",\"code\":\"bad_request\"}}", 2, "hearth: what\n"},
        {"{\"error\":{\"message\":\"x is none. A field has a value that is not allowed; see "
         "param.\",\"code\":\"invalid_value\"}}",
         2, "hearth: x is none\n"},
        {"{\"error\":{\"message\":\"A field has a value that is not allowed; see param.\","
         "\"code\":\"invalid_value\"}}",
         2, "hearth: A field has"},
        {"{\"error\":{\"message\":\"what\",\"code\":\"no such\"}}", 1, "hearth: what\n"},
        {"{}", 1, "status 500"},
        {"not json", 1, "status 500"},
        {"", 1, "status 500"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cli c = {0};
        struct answer a = {.status = cases[i].code == CLI_USAGE ? 400 : 500};
        text_add(&a.body, slice_of(cases[i].body));
        assert_int_equal(cli_refused(&c, &a), cases[i].code);
        if (!strstr(text_cstr(&c.err), cases[i].says))
            fail_msg("%s: %s", cases[i].body, text_cstr(&c.err));
        answer_fini(&a);
        text_fini(&c.err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_short),
        cmocka_unit_test(times_have_two_parts_at_most),
        cmocka_unit_test(columns_count_what_is_seen),
        cmocka_unit_test(json_stays_json_and_harmless),
        cmocka_unit_test(addresses_are_as_people_open_them),
        cmocka_unit_test(failures_say_what_to_do),
        cmocka_unit_test(status_is_readable),
        cmocka_unit_test(status_tells_what_is_next),
        cmocka_unit_test(status_tells_of_damaged_files),
        cmocka_unit_test(status_tells_of_the_machine),
        cmocka_unit_test(status_survives_documents_of_any_shape),
        cmocka_unit_test(reload_says_what_changed),
        cmocka_unit_test(refusals_show_the_problems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
