/* Event streams: where events end, what they hold, and that no byte is lost whatever the cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/http.h"

/* longer than one look for a line's end */
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG HUNDRED HUNDRED HUNDRED

struct told {
    struct text events; /* "raw|name|data" each, made visible */
    struct text raw;    /* all raw slices, one after the other */
    enum sse_step end;
    enum err err;
};

static void told_event(struct told *t, const struct sse_event *e)
{
    text_visible(&t->events, e->raw);
    text_byte(&t->events, '|');
    text_visible(&t->events, e->name);
    text_byte(&t->events, '|');
    text_visible(&t->events, e->data);
    text_add(&t->events, e->has_data ? SLICE("\n") : e->is_comment ? SLICE("#\n") : SLICE("-\n"));
    text_add(&t->raw, e->raw);
}

static void feed(struct told *t, struct sse_parser *s, struct slice in)
{
    struct sse_event event;
    enum sse_step step;
    while ((step = sse_parse(s, &in, &event)) == SSE_EVENT)
        told_event(t, &event);
    assert_true(step == SSE_BAD || in.len == 0);
}

static struct told tell(struct slice raw, size_t first, bool bytewise)
{
    struct told t = {0};
    struct sse_parser s = {0};
    struct sse_event event = {0};
    if (bytewise) {
        for (size_t i = 0; i < raw.len; i++)
            feed(&t, &s, (struct slice){raw.ptr + i, 1});
    } else {
        feed(&t, &s, slice_to(raw, first));
        feed(&t, &s, slice_from(raw, first));
    }
    t.end = sse_end(&s, &event);
    t.err = s.err;
    if (t.end == SSE_EVENT || t.end == SSE_CUT)
        told_event(&t, &event);
    if (t.end == SSE_EVENT)
        t.end = sse_end(&s, &event);
    sse_parser_fini(&s);
    return t;
}

static void told_fini(struct told *t)
{
    text_fini(&t->events);
    text_fini(&t->raw);
}

static void test_cases(void **state)
{
    static const struct {
        struct slice raw;
        const char *events;
        enum sse_step end;
    } cases[] = {
        {SLICE(""), "", SSE_MORE},
        {SLICE("data: a\n\n"), "data: a\\x0a\\x0a||a\n", SSE_MORE},
        {SLICE("data:a\n\n"), "data:a\\x0a\\x0a||a\n", SSE_MORE},
        {SLICE("data:  a\n\n"), "data:  a\\x0a\\x0a|| a\n", SSE_MORE},
        {SLICE("data\n\n"), "data\\x0a\\x0a||\n", SSE_MORE},
        {SLICE("data: a\r\n\r\n"), "data: a\\x0d\\x0a\\x0d\\x0a||a\n", SSE_MORE},
        {SLICE("data: a\r\r"), "data: a\\x0d\\x0d||a\n", SSE_MORE},
        {SLICE("data: a\r\rdata: b\r\r"), "data: a\\x0d\\x0d||a\ndata: b\\x0d\\x0d||b\n", SSE_MORE},
        {SLICE("data: a\r\r\ndata: b\n\n"),
         "data: a\\x0d\\x0d||a\n\\x0a||#\ndata: b\\x0a\\x0a||b\n", SSE_MORE},
        {SLICE("data: a\n\r"), "data: a\\x0a\\x0d||a\n", SSE_MORE},
        {SLICE("data: a\n\r\n"), "data: a\\x0a\\x0d\\x0a||a\n", SSE_MORE},
        {SLICE("data: a\r\n\n"), "data: a\\x0d\\x0a\\x0a||a\n", SSE_MORE},
        {SLICE("data: a\n\rdata: b\n\n"), "data: a\\x0a\\x0d||a\ndata: b\\x0a\\x0a||b\n", SSE_MORE},
        {SLICE("data: a\ndata: b\n\n"), "data: a\\x0adata: b\\x0a\\x0a||a\\x0ab\n", SSE_MORE},
        {SLICE("data: a\rdata: b\r\ndata:\n\n"),
         "data: a\\x0ddata: b\\x0d\\x0adata:\\x0a\\x0a||a\\x0ab\\x0a\n", SSE_MORE},
        {SLICE("data\ndata\n\n"), "data\\x0adata\\x0a\\x0a||\\x0a\n", SSE_MORE},
        {SLICE("data\ndata\ndata: x\n\n"), "data\\x0adata\\x0adata: x\\x0a\\x0a||\\x0a\\x0ax\n",
         SSE_MORE},
        {SLICE("event: ping\ndata: {}\n\n"), "event: ping\\x0adata: {}\\x0a\\x0a|ping|{}\n",
         SSE_MORE},
        {SLICE("event: a\nevent: b\n\n"), "event: a\\x0aevent: b\\x0a\\x0a|b|-\n", SSE_MORE},
        {SLICE("id: 1\nretry: 5\n\n"), "id: 1\\x0aretry: 5\\x0a\\x0a||-\n", SSE_MORE},
        {SLICE("nonsense\n\n"), "nonsense\\x0a\\x0a||-\n", SSE_MORE},
        {SLICE(": keep-alive\n\n"), ": keep-alive\\x0a\\x0a||#\n", SSE_MORE},
        {SLICE(":\n\n: x\ndata: a\n\n"), ":\\x0a\\x0a||#\n: x\\x0adata: a\\x0a\\x0a||a\n",
         SSE_MORE},
        {SLICE("\n\n\r\n"), "\\x0a||#\n\\x0a||#\n\\x0d\\x0a||#\n", SSE_MORE},
        {SLICE("\r\r"), "\\x0d||#\n\\x0d||#\n", SSE_MORE},
        {SLICE("\xef\xbb\xbf"
               "data: a\n\ndata: b\n\n"),
         "\xef\xbb\xbf"
         "data: a\\x0a\\x0a||a\ndata: b\\x0a\\x0a||b\n",
         SSE_MORE},
        {SLICE("data: a\n\n\xef\xbb\xbf"
               "data: b\n\n"),
         "data: a\\x0a\\x0a||a\n\xef\xbb\xbf"
         "data: b\\x0a\\x0a||-\n",
         SSE_MORE},
        {SLICE("data: \0\xff\n\n"), "data: \\x00\xff\\x0a\\x0a||\\x00\xff\n", SSE_MORE},
        {SLICE("Data: a\n data: b\n\n"), "Data: a\\x0a data: b\\x0a\\x0a||-\n", SSE_MORE},
        {SLICE("data: [DONE]\n"), "data: [DONE]\\x0a||[DONE]\n", SSE_CUT},
        {SLICE("data: a\n\ndata: b"), "data: a\\x0a\\x0a||a\ndata: b||b\n", SSE_CUT},
        {SLICE("data: a\n\nd"), "data: a\\x0a\\x0a||a\nd||-\n", SSE_CUT},
        {SLICE(LONG), LONG "||-\n", SSE_CUT},
        {SLICE("data: a\r"), "data: a\\x0d||a\n", SSE_CUT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice raw = cases[i].raw;
        for (size_t at = 0; at <= raw.len + 1; at++) {
            struct told t = tell(raw, min_size(at, raw.len), at > raw.len);
            if (strcmp(text_cstr(&t.events), cases[i].events) != 0 || t.end != cases[i].end)
                fail_msg("case %zu cut at %zu, end %d:\n%s", i, at, (int)t.end,
                         text_cstr(&t.events));
            assert_true(slice_is(text_slice(&t.raw), raw));
            told_fini(&t);
        }
    }
}

/* Each line is an event, wherever the bytes are cut; the last may lack its end. */
static void test_lines(void **state)
{
    static const struct {
        struct slice raw;
        const char *events;
        enum sse_step end;
    } cases[] = {
        {SLICE("{\"a\":1}\n{\"b\":2}\n"), "{\"a\":1}|{\"b\":2}|", SSE_MORE},
        {SLICE("{}\r\n\n{\"b\":2}"), "{}||{\"b\":2}|", SSE_MORE},
        {SLICE("{}\n{\"b\":"), "{}|{\"b\":|", SSE_CUT},
        {SLICE("data: x\n"), "data: x|", SSE_MORE},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].raw.len; cut++) {
            struct sse_parser s = {.lines = true};
            struct sse_event event = {0};
            struct text said = {0};
            struct slice parts[] = {slice_to(cases[i].raw, cut), slice_from(cases[i].raw, cut)};
            for (size_t k = 0; k < COUNT(parts); k++) {
                while (sse_parse(&s, &parts[k], &event) == SSE_EVENT)
                    text_format(&said, "%.*s|", SLICE_ARG(event.data));
                assert_int_equal(parts[k].len, 0);
            }
            enum sse_step end = sse_end(&s, &event);
            if (end != SSE_MORE)
                text_format(&said, "%.*s|", SLICE_ARG(event.data));
            assert_int_equal(end == SSE_EVENT ? SSE_MORE : end, cases[i].end);
            assert_string_equal(text_cstr(&said), cases[i].events);
            text_fini(&said);
            sse_parser_fini(&s);
        }
    }
}

static void test_nothing_is_copied(void **state)
{
    (void)state;
    struct sse_parser s = {0};
    struct slice whole = SLICE("event: x\ndata: a\n\ndata: b\n\nda"), in = whole;
    struct sse_event event;
    assert_int_equal(sse_parse(&s, &in, &event), SSE_EVENT);
    assert_ptr_equal(event.raw.ptr, whole.ptr);
    assert_ptr_equal(event.data.ptr, whole.ptr + 15);
    assert_int_equal(sse_parse(&s, &in, &event), SSE_EVENT);
    assert_ptr_equal(event.raw.ptr, whole.ptr + 18);
    assert_null(s.tail.ptr);
    assert_int_equal(sse_parse(&s, &in, &event), SSE_MORE);
    in = SLICE("ta: c\n\n");
    assert_int_equal(sse_parse(&s, &in, &event), SSE_EVENT);
    assert_true(slice_is(event.raw, SLICE("data: c\n\n")));
    sse_parser_fini(&s);
}

/* 1 MiB is the most for one event, in one piece or in many; and however its lines end, time is
 * proportional to its length (this test would take minutes otherwise). */
static void test_large(void **state)
{
    static const char *const lines[] = {"x", "x\n", "x\r", "x\r\n", ":\r", "data\r", "data: y\n"};
    (void)state;
    struct text raw = {0};
    for (size_t i = 0; i < COUNT(lines) * 2; i++) {
        struct slice line = slice_of(lines[i / 2]);
        size_t most = 1 << 20;
        text_clear(&raw);
        while (raw.len + line.len + 2 <= most)
            text_add(&raw, line);
        while (raw.len + 2 < most)
            text_byte(&raw, 'z');
        if (i % 2)
            text_byte(&raw, 'z'); /* one too many */
        text_add(&raw, SLICE("\n\n"));
        struct told whole = tell(text_slice(&raw), raw.len, false);
        struct told cut = tell(text_slice(&raw), 70001, false);
        assert_int_equal(whole.end, i % 2 ? SSE_BAD : SSE_MORE);
        assert_int_equal(whole.err, i % 2 ? ERR_BAD_RESPONSE : OK);
        assert_int_equal(cut.end, whole.end);
        assert_true(slice_is(text_slice(&whole.events), text_slice(&cut.events)));
        told_fini(&whole);
        told_fini(&cut);
    }
    text_fini(&raw);
}

static void test_write(void **state)
{
    static const struct {
        struct slice name, data;
        const char *out;
    } cases[] = {
        {SLICE(""), SLICE("{}"), "data: {}\n\n"},
        {SLICE("ping"), SLICE("{}"), "event: ping\ndata: {}\n\n"},
        {SLICE(""), SLICE(""), "data: \n\n"},
        {SLICE(""), SLICE("a\nb\r\nc\rd"), "data: a\ndata: b\ndata: c\ndata: d\n\n"},
        {SLICE(""), SLICE("a\n\ndata: [DONE]\n\n"),
         "data: a\ndata: \ndata: data: [DONE]\ndata: \ndata: \n\n"},
        {SLICE("x\ndata: y"), SLICE("a"), "data: a\n\n"},
        {SLICE("x\r"), SLICE("a"), "data: a\n\n"},
        {SLICE(""), SLICE("\xe2\x80\xa8"), "data: \xe2\x80\xa8\n\n"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text out = {0};
        sse_write_event(&out, cases[i].name, cases[i].data);
        assert_string_equal(text_cstr(&out), cases[i].out);
        text_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_nothing_is_copied),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_write),
    };
    return cmocka_run_group_tests_name("http/sse", tests, NULL, NULL);
}
