/* Chunks of a chat stream in OpenAI's form: what each one is, and that it leaves as it came but for
 * the model's name and, once another attempt goes on, id and created. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/testing.h"

#define D(json) "data: " json "\n\n"
#define CHOICE(inner) "{\"choices\":[{\"index\":0," inner "}]}"
#define DELTA(inner) CHOICE("\"delta\":{" inner "},\"finish_reason\":null")

/* All cases are tried before the test fails. */
static unsigned wrong;

/* The data of one event, as its definition says: each data line's, joined by line feeds. */
static void join_data(struct slice raw, struct text *out)
{
    bool any = false;
    if (slice_begins(raw, SLICE("\xef\xbb\xbf")))
        raw = slice_from(raw, 3);
    while (raw.len) {
        size_t end = min_size(slice_find(raw, '\n'), slice_find(raw, '\r'));
        struct slice line = slice_to(raw, end);
        bool crlf = end + 1 < raw.len && raw.ptr[end] == '\r' && raw.ptr[end + 1] == '\n';
        raw = slice_from(raw, min_size(raw.len, end + 1 + crlf));
        bool bare = slice_is(line, SLICE("data"));
        if (!bare && !slice_begins(line, SLICE("data:")))
            continue;
        line = slice_from(line, bare ? 4 : 5);
        if (slice_begins(line, SLICE(" ")))
            line = slice_from(line, 1);
        if (any)
            text_byte(out, '\n');
        any = true;
        text_add(out, line);
    }
}

static struct text joined; /* the data of the event that was decoded last */

/* As an event parser does: data of one line is borrowed from raw. */
static enum err decode(struct decoder *d, struct slice raw, struct event *event, struct why *why)
{
    *why = (struct why){0};
    text_clear(&joined);
    join_data(raw, &joined);
    struct slice data = text_slice(&joined);
    const char *same = data.len ? memmem(raw.ptr, raw.len, data.ptr, data.len) : NULL;
    if (same)
        data.ptr = same;
    enum err e = decoder_event(d, raw, data, event, why);
    if (!e && event->json.len && event->raw.len) { /* both were edited alike */
        struct text left = {0};
        join_data(event->raw, &left);
        if (!slice_is(text_slice(&left), event->json)) {
            print_message("raw %.*s\njson %.*s\n", SLICE_ARG(event->raw), SLICE_ARG(event->json));
            wrong++;
        }
        text_fini(&left);
    }
    return e;
}

static int forget(void **state)
{
    (void)state;
    text_fini(&joined);
    return 0;
}

static void expect_raw(const struct event *event, struct slice raw)
{
    if (!slice_is(event->raw, raw)) {
        print_message("%.*s\n  is not\n%.*s\n", SLICE_ARG(event->raw), SLICE_ARG(raw));
        wrong++;
    }
}

/* ---- kinds ---------------------------------------------------------------------------------- */

static const struct {
    const char *raw;
    enum event_kind kind;
} kinds[] = {
    {": keep-alive\n\n", EVENT_BYTES},
    {"\n", EVENT_BYTES},
    {"event: ping\n\n", EVENT_BYTES},
    {"data:\n\n", EVENT_BYTES},
    {D("[DONE]"), EVENT_END},
    {"data:[DONE]\r\n\r\n", EVENT_END},
    {"data:  [DONE] \n\n", EVENT_END},
    {D("{}"), EVENT_BYTES},
    {D("{\"choices\":[]}"), EVENT_BYTES},
    {D("{\"choices\":[],\"usage\":null}"), EVENT_BYTES},
    {D("{\"choices\":{},\"usage\":{}}"), EVENT_BYTES},
    {D("{\"usage\":{}}"), EVENT_BYTES},
    {D("{\"choices\":[],\"usage\":{}}"), EVENT_USAGE},
    {D("{\"choices\":[1,null,[]]}"), EVENT_BYTES},
    {D(CHOICE("\"delta\":null")), EVENT_BYTES},
    {D(DELTA("")), EVENT_BYTES},
    {D(DELTA("\"role\":\"assistant\"")), EVENT_HEAD},
    {D(DELTA("\"role\":\"assistant\",\"content\":\"\"")), EVENT_HEAD},
    {D(DELTA("\"role\":\"assistant\",\"content\":null,\"refusal\":null")), EVENT_HEAD},
    {D(DELTA("\"role\":\"assistant\",\"content\":\"a\"")), EVENT_TEXT},
    {D(DELTA("\"content\":\"a\"")), EVENT_TEXT},
    {D(DELTA("\"content\":\" \"")), EVENT_TEXT},
    {D(DELTA("\"content\":\"\"")), EVENT_BYTES},
    {D(DELTA("\"content\":null")), EVENT_BYTES},
    {D(DELTA("\"content\":1")), EVENT_BYTES},
    {D(DELTA("\"refusal\":\"no\"")), EVENT_TEXT},
    {D(DELTA("\"reasoning_content\":\"hm\"")), EVENT_REASONING},
    {D(DELTA("\"reasoning\":\"hm\"")), EVENT_REASONING},
    {D(DELTA("\"reasoning_content\":null,\"reasoning\":\"hm\"")), EVENT_REASONING},
    {D(DELTA("\"role\":\"assistant\",\"reasoning_content\":\"hm\"")), EVENT_REASONING},
    {D(DELTA("\"reasoning_content\":\"hm\",\"content\":\"a\"")), EVENT_TEXT},
    {D(DELTA("\"tool_calls\":[{\"index\":0}]")), EVENT_TOOL},
    {D(DELTA("\"role\":\"assistant\",\"tool_calls\":[{}]")), EVENT_TOOL},
    {D(DELTA("\"tool_calls\":[]")), EVENT_BYTES},
    {D(DELTA("\"tool_calls\":null")), EVENT_BYTES},
    {D(DELTA("\"function_call\":{\"name\":\"f\"}")), EVENT_TOOL},
    {D(DELTA("\"function_call\":null")), EVENT_BYTES},
    {D(CHOICE("\"delta\":{},\"finish_reason\":\"stop\"")), EVENT_BYTES},
    {D(CHOICE("\"delta\":{\"role\":\"assistant\"},\"finish_reason\":\"stop\"")), EVENT_BYTES},
    {D(CHOICE("\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"")), EVENT_TEXT},
    /* several choices in one chunk: what a person would read decides, wherever it stands */
    {D("{\"choices\":[{\"delta\":{\"role\":\"a\"}},{\"delta\":{\"content\":\"x\"}}]}"), EVENT_TEXT},
    {D("{\"choices\":[{\"delta\":{\"content\":\"x\"}},{\"delta\":{\"role\":\"a\"}}]}"), EVENT_TEXT},
    {D("{\"choices\":[{\"delta\":{\"tool_calls\":[{}]}},{\"delta\":{\"role\":\"a\"}}]}"),
     EVENT_TOOL},
    {D("{\"choices\":[{\"delta\":{\"reasoning\":\"x\"}},{\"delta\":{\"role\":\"a\"}}]}"),
     EVENT_REASONING},
    {D("{\"choices\":[{\"delta\":{}},{\"delta\":{\"content\":\"x\"}},{\"delta\":{}}]}"),
     EVENT_TEXT},
    {D("{\"choices\":[{\"delta\":{}},{\"delta\":{\"role\":\"a\"}}]}"), EVENT_HEAD},
    /* extensions */
    {D("{\"timings\":{\"predicted_ms\":1}}"), EVENT_BYTES},
    {D("{\"error\":null,\"choices\":[]}"), EVENT_BYTES},
};

static void test_kinds(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct arena arena = {0};
        struct decoder d = {.wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena};
        struct event event = {.kind = EVENT_ERROR};
        struct why why;
        enum err e = decode(&d, slice_of(kinds[i].raw), &event, &why);
        if (e || event.kind != kinds[i].kind) {
            print_message("%s is %d, %s\n", kinds[i].raw, (int)event.kind, why.text);
            wrong++;
        }
        expect_raw(&event, slice_of(kinds[i].raw)); /* nothing in them is edited */
        decoder_fini(&d);
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

/* Behind an attempt whose head has been sent, heads are dropped and nothing else is. */
static void test_head_sent(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct arena arena = {0};
        struct decoder d = {
            .wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena, .head_sent = true};
        struct event event;
        struct why why;
        assert_int_equal(decode(&d, slice_of(kinds[i].raw), &event, &why), OK);
        expect_raw(&event, event.kind == EVENT_HEAD ? SLICE("") : slice_of(kinds[i].raw));
        decoder_fini(&d);
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void test_usage(void **state)
{
    static const struct {
        const char *raw;
        int64_t prompt, completion;
    } cases[] = {
        {D("{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}"), 3, 5},
        {D("{\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":0}}"), 0, -1},
        {D("{\"choices\":[],\"usage\":{\"prompt_tokens\":\"3\",\"completion_tokens\":1.5}}"), -1,
         -1},
        {D("{\"choices\":[],\"usage\":{\"prompt_tokens\":2.0}}"), 2, -1},
        {D("{\"choices\":[],\"usage\":null}"), -1, -1},
        {D("{\"choices\":[]}"), -1, -1},
        {D("[DONE]"), -1, -1},
        {": x\n\n", -1, -1},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct decoder d = {.wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena};
        struct event event;
        struct why why;
        assert_int_equal(decode(&d, slice_of(cases[i].raw), &event, &why), OK);
        assert_int_equal(event.usage.prompt, cases[i].prompt);
        assert_int_equal(event.usage.completion, cases[i].completion);
        decoder_fini(&d);
        arena_fini(&arena);
    }
}

/* ---- the model's name ------------------------------------------------------------------------ */

static void test_model(void **state)
{
    static const struct {
        const char *model; /* the name that the caller used */
        const char *raw, *out;
    } cases[] = {
        {"M", D("{\"model\":\"x\"}"), D("{\"model\":\"M\"}")},
        {"M", D("{\"model\":\"M\"}"), D("{\"model\":\"M\"}")},
        {"M", D("{\"model\":\"\\u004d\"}"), D("{\"model\":\"M\"}")},
        {"M", D("{\"model\":null}"), D("{\"model\":\"M\"}")},
        {"M", D("{\"model\":{\"a\":[1,2]},\"b\":1}"), D("{\"model\":\"M\",\"b\":1}")},
        {"M", D(" { \"a\" : 1 ,\t\"model\" :  \"x\" } "),
         D(" { \"a\" : 1 ,\t\"model\" :  \"M\" } ")},
        {"M", D("{\"choices\":[]}"), D("{\"choices\":[]}")},
        {"", D("{\"model\":\"x\"}"), D("{\"model\":\"\"}")},
        {"a\"b\\c\n", D("{\"model\":\"x\"}"), D("{\"model\":\"a\\\"b\\\\c\\n\"}")},
        {"\xc3\xa9\xf0\x9f\x98\x80", D("{\"model\":\"x\"}"),
         D("{\"model\":\"\xc3\xa9\xf0\x9f\x98\x80\"}")},
        {"a much longer name than the one that stood there before", D("{\"model\":\"x\",\"y\":1}"),
         D("{\"model\":\"a much longer name than the one that stood there before\",\"y\":1}")},
        /* of the same name, but further in, or in a text */
        {"M", D("{\"x\":{\"model\":\"x\"},\"y\":[{\"model\":\"y\"}]}"),
         D("{\"x\":{\"model\":\"x\"},\"y\":[{\"model\":\"y\"}]}")},
        {"M", D("{\"x\":{\"model\":\"x\"},\"model\":\"y\",\"z\":{\"model\":\"z\"}}"),
         D("{\"x\":{\"model\":\"x\"},\"model\":\"M\",\"z\":{\"model\":\"z\"}}")},
        {"M", D("{\"x\":\"\\\"model\\\":\\\"y\\\"\",\"model\":\"x\"}"),
         D("{\"x\":\"\\\"model\\\":\\\"y\\\"\",\"model\":\"M\"}")},
        /* all ways to frame an event; what else it has stays */
        {"M", "data:{\"model\":\"x\"}\n\n", "data:{\"model\":\"M\"}\n\n"},
        {"M", "data: {\"model\":\"x\"}\r\n\r\n", "data: {\"model\":\"M\"}\r\n\r\n"},
        {"M", "data: {\"model\":\"x\"}\r\r", "data: {\"model\":\"M\"}\r\r"},
        {"M", ": c\nevent: e\nid: 7\ndata: {\"model\":\"x\"}\nretry: 1\n\n",
         ": c\nevent: e\nid: 7\ndata: {\"model\":\"M\"}\nretry: 1\n\n"},
        {"M", "\xef\xbb\xbf" D("{\"model\":\"x\"}"), "\xef\xbb\xbf" D("{\"model\":\"M\"}")},
        /* data over several lines */
        {"M", "data: {\ndata: \"model\":\"x\"\ndata: }\n\n",
         "data: {\ndata: \"model\":\"M\"\ndata: }\n\n"},
        {"M", "data:{\r\ndata: \"model\":\r\ndata:  \"x\"}\r\n\r\n",
         "data:{\r\ndata: \"model\":\r\ndata:  \"M\"}\r\n\r\n"},
        {"M", "data: {\"a\":1,\rdata:\"model\":\"x\"}\r\r",
         "data: {\"a\":1,\rdata:\"model\":\"M\"}\r\r"},
        {"M", "data: {\n: between\nevent: e\ndata: \"model\":\"x\"}\n\n",
         "data: {\n: between\nevent: e\ndata: \"model\":\"M\"}\n\n"},
        {"M", "data:\ndata: {\"model\":\"x\"}\ndata:\n\n",
         "data:\ndata: {\"model\":\"M\"}\ndata:\n\n"},
        {"M", "data\ndata: {\"model\":\"x\"}\ndata\n\n", "data\ndata: {\"model\":\"M\"}\ndata\n\n"},
        {"M", "data: {\"a\":1,\ndata\ndata:\ndata: \n data: x\ndatas: y\ndata:\"model\":\"x\"}\n\n",
         "data: {\"a\":1,\ndata\ndata:\ndata: \n data: x\ndatas: y\ndata:\"model\":\"M\"}\n\n"},
        {"M",
         "\xef\xbb\xbf"
         "data: {\"a\":1,\ndata: \"model\":\"x\"}\n\n",
         "\xef\xbb\xbf"
         "data: {\"a\":1,\ndata: \"model\":\"M\"}\n\n"},
        /* a value over several lines is one all the same */
        {"M", "data: {\"model\":{\ndata: \"a\":1\r\ndata\ndata: },\"b\":2}\n\n",
         "data: {\"model\":\"M\",\"b\":2}\n\n"},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct decoder d = {.wire = WIRE_CHAT, .model = slice_of(cases[i].model), .arena = &arena};
        struct event event = {0};
        struct why why;
        if (decode(&d, slice_of(cases[i].raw), &event, &why)) {
            print_message("%s: %s\n", cases[i].raw, why.text);
            wrong++;
        }
        expect_raw(&event, slice_of(cases[i].out));
        decoder_fini(&d);
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

/* ---- one answer by several attempts ---------------------------------------------------------- */

static void test_id_and_created(void **state)
{
    static const struct {
        const char *raw, *out;
    } cases[] = {
        {D("{\"choices\":[]}"), NULL},
        {D("{\"created\":1}"), NULL}, /* without an id it is not the beginning */
        {D("{\"id\":\"first\",\"created\":17,\"model\":\"x\"}"),
         D("{\"id\":\"first\",\"created\":17,\"model\":\"M\"}")},
        {D("{\"id\":\"first\",\"created\":17}"), NULL},
        {D("{\"created\":18,\"x\":{\"id\":\"second\"},\"id\":\"second\"}"),
         D("{\"created\":17,\"x\":{\"id\":\"second\"},\"id\":\"first\"}")},
        {D("{\"model\":\"a model\",\"id\":null,\"created\":null}"),
         D("{\"model\":\"M\",\"id\":\"first\",\"created\":17}")},
        {"data: {\"created\":\ndata: 123456789,\ndata: \"id\":\"\",\"model\":\"x\"}\n\n",
         "data: {\"created\":\ndata: 17,\ndata: \"id\":\"first\",\"model\":\"M\"}\n\n"},
        {"data: {\"id\":[\ndata: 1],\"created\":{\"a\":\ndata: 2},\"model\":\ndata: \"x\"}\n\n",
         "data: {\"id\":\"first\",\"created\":17,\"model\":\ndata: \"M\"}\n\n"},
        {D("{\"choices\":[]}"), NULL},
    };
    (void)state;
    struct arena arena = {0};
    struct decoder d = {.wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena};
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct event event = {0};
        struct why why;
        assert_int_equal(decode(&d, slice_of(cases[i].raw), &event, &why), OK);
        expect_raw(&event, slice_of(cases[i].out ? cases[i].out : cases[i].raw));
    }
    assert_int_equal(wrong, 0);
    decoder_fini(&d);
    arena_fini(&arena);
}

/* An id over several lines would break events of one line: it is no id. */
static void test_id_of_several_lines(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct decoder d = {.wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena};
    struct slice odd = SLICE("data: {\"id\":[\ndata: 1]}\n\n");
    struct event event;
    struct why why;
    wrong = 0;
    assert_int_equal(decode(&d, odd, &event, &why), OK);
    expect_raw(&event, odd);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(decode(&d, SLICE(D("{\"id\":\"a\"}")), &event, &why), OK);
        expect_raw(&event, SLICE(D("{\"id\":\"a\"}")));
    }
    assert_int_equal(decode(&d, odd, &event, &why), OK);
    expect_raw(&event, SLICE(D("{\"id\":\"a\"}")));
    assert_int_equal(wrong, 0);
    decoder_fini(&d);
    arena_fini(&arena);
}

/* A beginning that has no `created` leaves that of the others alone. */
static void test_id_without_created(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct decoder d = {.wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena};
    struct event event;
    struct why why;
    wrong = 0;
    assert_int_equal(decode(&d, SLICE(D("{\"id\":\"a\"}")), &event, &why), OK);
    assert_int_equal(decode(&d, SLICE(D("{\"id\":\"b\",\"created\":5}")), &event, &why), OK);
    expect_raw(&event, SLICE(D("{\"id\":\"a\",\"created\":5}")));
    assert_int_equal(wrong, 0);
    decoder_fini(&d);
    arena_fini(&arena);
}

/* ---- what is no answer ----------------------------------------------------------------------- */

static void test_errors(void **state)
{
    static const struct {
        const char *raw;
        enum err err;
        const char *text;
    } cases[] = {
        {D("{"), ERR_BAD_RESPONSE, "a chunk is not valid JSON"},
        {D("{\"a\":1,\"a\":2}"), ERR_BAD_RESPONSE, "a chunk is not valid JSON"},
        {D("[DONE"), ERR_BAD_RESPONSE, "a chunk is not valid JSON"},
        {D("[done]"), ERR_BAD_RESPONSE, "a chunk is not valid JSON"},
        {D("{\"a\":\"\xff\"}"), ERR_BAD_RESPONSE, "a chunk is not valid JSON"},
        {D("[]"), ERR_BAD_RESPONSE, "a chunk is not an object"},
        {D("1"), ERR_BAD_RESPONSE, "a chunk is not an object"},
        {D("null"), ERR_BAD_RESPONSE, "a chunk is not an object"},
        {D("{\"error\":{\"message\":\"broken\"}}"), ERR_HTTP_5XX, "it answered 500: broken"},
        {D("{\"error\":\"broken\"}"), ERR_HTTP_5XX, "it answered 500: broken"},
        {D("{\"error\":{}}"), ERR_HTTP_5XX, "it answered 500"},
        {D("{\"error\":{\"code\":429,\"message\":\"slow\"}}"), ERR_HTTP_429,
         "it answered 429: slow"},
        {D("{\"error\":{\"code\":529}}"), ERR_OVERLOADED_529, "it answered 529"},
        {D("{\"error\":{\"code\":200,\"message\":\"m\"}}"), ERR_HTTP_5XX, "it answered 500: m"},
        {D("{\"error\":{\"code\":\"context_length_exceeded\"}}"), ERR_CTX_TOO_LONG,
         "it answered 500"},
        {D("{\"error\":{\"code\":400,\"type\":\"exceed_context_size_error\"}}"), ERR_CTX_TOO_LONG,
         "it answered 400"},
        {D("{\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"error\":{\"message\":\"m\"}}"),
         ERR_HTTP_5XX, "it answered 500: m"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct decoder d = {.wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena};
        struct event event;
        struct why why;
        assert_int_equal(decode(&d, slice_of(cases[i].raw), &event, &why), cases[i].err);
        assert_int_equal(why.code, cases[i].err);
        assert_string_equal(why.text, cases[i].text);
        decoder_fini(&d);
        arena_fini(&arena);
    }
}

/* Small and large chunks in turn with one decoder, which keeps its memory. */
static void test_large(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct decoder d = {.wire = WIRE_CHAT, .model = SLICE("M"), .arena = &arena};
    wrong = 0;
    for (size_t n = 1; n < 1000000; n = n * 7 + n % 3) {
        struct text raw = {0}, out = {0};
        struct event event;
        struct why why;
        text_add(&raw, SLICE("data: {\"model\":\"x\",\"choices\":[{\"delta\":{\"content\":\""));
        text_add(&out, SLICE("data: {\"model\":\"M\",\"choices\":[{\"delta\":{\"content\":\""));
        for (size_t i = 0; i < n; i++)
            text_byte(&raw, 'y'), text_byte(&out, 'y');
        text_add(&raw, SLICE("\"}}]}\n\n"));
        text_add(&out, SLICE("\"}}]}\n\n"));
        assert_int_equal(decode(&d, text_slice(&raw), &event, &why), OK);
        assert_int_equal(event.kind, EVENT_TEXT);
        expect_raw(&event, text_slice(&out));
        text_fini(&raw);
        text_fini(&out);
    }
    assert_int_equal(wrong, 0);
    decoder_fini(&d);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_head_sent),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_id_and_created),
        cmocka_unit_test(test_id_without_created),
        cmocka_unit_test(test_id_of_several_lines),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
