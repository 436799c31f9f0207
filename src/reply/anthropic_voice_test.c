/* What Anthropic's clients are told of a stream in the common form, event by event; that the
 * decoder of their dialect makes the same of it again; the object; and the types of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply/reply.h"
#include "wire/wire.h"

#define CHUNK(inner) "{\"id\":\"chatcmpl-1\",\"created\":1,\"model\":\"m\",\"choices\":[" inner "]}"
#define DELTA(delta) CHUNK("{\"index\":0,\"delta\":{" delta "},\"finish_reason\":null}")
#define FINISH(reason) CHUNK("{\"index\":0,\"delta\":{},\"finish_reason\":\"" reason "\"}")
#define TOOL(index, id, name, arguments)                                                           \
    DELTA("\"tool_calls\":[{\"index\":" index ",\"id\":\"" id "\",\"function\":{\"name\":\"" name  \
          "\",\"arguments\":\"" arguments "\"}}]")
#define MORE(index, arguments)                                                                     \
    DELTA("\"tool_calls\":[{\"index\":" index ",\"function\":{\"arguments\":\"" arguments "\"}}]")
#define USAGE                                                                                      \
    "{\"id\":\"chatcmpl-1\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_"     \
    "tokens\":8,\"completion_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":2}}}"
#define HEAD DELTA("\"role\":\"assistant\",\"content\":null")

static const struct hearer hearer = {DIALECT_ANTHROPIC, CALL_CHAT, false};

static enum err tell(const char *const *chunks, struct text *out)
{
    struct teller *t = teller_new(&hearer);
    enum err e = OK;
    for (size_t i = 0; !e && chunks[i]; i++) {
        struct slice json = slice_of(chunks[i]);
        struct event event = {.kind = EVENT_TEXT, .raw = json, .json = json, .usage = NO_USAGE};
        if (json.ptr[0] == '=') /* text alone, as a decoder that has learned tells it */
            event.json = event.piece = slice_from(json, 1);
        e = teller_tell(t, &event, out);
    }
    struct event end = {.kind = EVENT_END, .usage = NO_USAGE};
    if (!e)
        e = teller_tell(t, &end, out);
    teller_free(t);
    return e;
}

/* "start text[a] stop ..." of what was told: each event's type and what matters of it. */
static void gist(struct slice told, struct text *out)
{
    struct slice line;
    struct json_doc doc;
    while (slice_split(&told, '\n', &line)) {
        if (!slice_begins(line, SLICE("data: ")))
            continue;
        assert_int_equal(json_read(slice_from(line, 6), &json_usual_limits, NULL, &doc, NULL), OK);
        struct slice type = json_text(json_get(doc.root, "type"));
        const struct json_value *delta = json_get(doc.root, "delta"),
                                *block = json_get(doc.root, "content_block");
        text_add(out, out->len ? SLICE(" ") : SLICE(""));
        if (slice_is(type, SLICE("content_block_stop")))
            text_add(out, SLICE("close"));
        else if (block)
            text_add(out, json_text(json_get(block, "type")));
        else if (slice_is(type, SLICE("content_block_delta")))
            json_copy(json_at(delta, 0) ? json_at(delta, 0) : delta, out);
        else if (delta)
            text_add(out, json_text(json_get(delta, "stop_reason")));
        else
            text_add(out, type);
        json_done(&doc);
    }
}

#define T(words) "{\"type\":\"text_delta\",\"text\":\"" words "\"}"
#define H(words) "{\"type\":\"thinking_delta\",\"thinking\":\"" words "\"}"
#define SIGNED "{\"type\":\"signature_delta\",\"signature\":\"\"}"
#define J(words) "{\"type\":\"input_json_delta\",\"partial_json\":\"" words "\"}"

static const struct {
    const char *chunks[10], *gist;
} cases[] = {
    {{HEAD, DELTA("\"content\":\"a\""), "=b\\n\\u00fc", FINISH("stop"), USAGE},
     "message_start text " T("a") " " T("b\\n\xc3\xbc") " close end_turn message_stop"},
    {{HEAD, DELTA("\"reasoning_content\":\"h\""), DELTA("\"content\":\"a\""), FINISH("length")},
     "message_start thinking " H("h") " " SIGNED
                                      " close text " T("a") " close max_tokens message_stop"},
    {{HEAD, TOOL("0", "t", "n", ""), MORE("0", "{}"), TOOL("1", "u", "o", "{}"),
      FINISH("tool_calls")},
     "message_start tool_use " J("{}") " close tool_use " J("{}") " close tool_use message_stop"},
    {{HEAD, DELTA("\"content\":\"a\""), TOOL("0", "t", "n", "{}"), FINISH("stop")},
     "message_start text " T("a") " close tool_use " J("{}") " close tool_use message_stop"},
    {{HEAD, DELTA("\"refusal\":\"no\""), FINISH("content_filter")},
     "message_start text " T("no") " close refusal message_stop"},
    {{HEAD, FINISH("stop"), USAGE}, "message_start end_turn message_stop"},
    {{HEAD, DELTA("\"content\":\"\""), CHUNK("{\"index\":1,\"delta\":{\"content\":\"x\"}}"),
      FINISH("odd")},
     "message_start end_turn message_stop"},
};

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text told = {0}, is = {0};
        assert_int_equal(tell(cases[i].chunks, &told), OK);
        gist(text_slice(&told), &is);
        assert_string_equal(text_cstr(&is), cases[i].gist);
        text_fini(&told);
        text_fini(&is);
    }
}

/* A piece of a call whose block has ended could only be lost: then the stream is none. */
static void test_calls_in_turns(void **state)
{
    static const char *const chunks[] = {HEAD, TOOL("0", "t", "n", ""), TOOL("1", "u", "o", ""),
                                         MORE("0", "{}"), NULL};
    struct text told = {0};
    (void)state;
    assert_int_equal(tell(chunks, &told), ERR_NO_MEMORY);
    text_fini(&told);
}

static void assemble(struct assembler *a, const struct event *event)
{
    if (event->json.len)
        assert_int_equal(assembler_add(a, event), OK);
}

/* What was told, read by the decoder of this dialect, is the object that the chunks were. */
static void test_there_and_back(void **state)
{
    const struct hearer common = {DIALECT_OPENAI, CALL_CHAT, true};
    (void)state;
    for (size_t i = 0; i < COUNT(cases) - 1; i++) {
        struct arena arena = {0};
        struct text told = {0}, before = {0}, after = {0};
        struct assembler *a = assembler_new(&common), *b = assembler_new(&common);
        struct decoder d = {
            .wire = {.dialect = DIALECT_ANTHROPIC, .kind = CALL_CHAT, .own = false, .ready = true},
            .model = SLICE("m"),
            .now_s = 1,
            .id = SLICE("\"chatcmpl-1\""),
            .arena = &arena,
            .progress.usage = NO_USAGE};
        bool bare = !strstr(cases[i].gist, "refusal");
        assert_int_equal(tell(cases[i].chunks, &told), OK);
        for (size_t k = 0; cases[i].chunks[k]; k++) {
            struct slice json = slice_of(cases[i].chunks[k]);
            if (json.ptr[0] == '=')
                json = slice_of(DELTA("\"content\":\"b\\n\\u00fc\""));
            assemble(a, &(struct event){.kind = EVENT_TEXT, .json = json, .usage = NO_USAGE});
        }
        struct slice rest = text_slice(&told), line;
        while (slice_split(&rest, '\n', &line)) {
            struct event event;
            struct why why;
            if (!slice_begins(line, SLICE("data: ")))
                continue;
            do {
                assert_int_equal(decoder_event(&d, line, slice_from(line, 6), &event, &why), OK);
                assemble(b, &event);
            } while (d.progress.more);
        }
        assert_int_equal(assembler_finish(a, &before), OK);
        assert_int_equal(assembler_finish(b, &after), OK);
        struct json_doc one, two;
        assert_int_equal(json_read(text_slice(&before), &json_usual_limits, NULL, &one, NULL), OK);
        assert_int_equal(json_read(text_slice(&after), &json_usual_limits, NULL, &two, NULL), OK);
        static const char *const names[] = {"content", "reasoning_content", "tool_calls"};
        const struct json_value *x = json_at(json_get(one.root, "choices"), 0),
                                *y = json_at(json_get(two.root, "choices"), 0);
        for (size_t n = 0; bare && n < COUNT(names); n++) {
            const struct json_value *p = json_get(json_get(x, "message"), names[n]),
                                    *q = json_get(json_get(y, "message"), names[n]);
            struct text s = {0}, t = {0};
            if (p && !json_is_null(p) && (!json_is_text(p) || json_text(p).len))
                json_copy(p, &s);
            if (q && !json_is_null(q) && (!json_is_text(q) || json_text(q).len))
                json_copy(q, &t);
            assert_string_equal(text_cstr(&s), text_cstr(&t));
            text_fini(&s);
            text_fini(&t);
        }
        json_done(&one);
        json_done(&two);
        assembler_free(a);
        assembler_free(b);
        text_fini(&told);
        text_fini(&before);
        text_fini(&after);
        decoder_fini(&d);
        arena_fini(&arena);
    }
}

static void test_object(void **state)
{
    static const char *const chunks[] = {HEAD,
                                         DELTA("\"reasoning_content\":\"h\""),
                                         DELTA("\"content\":\"a\""),
                                         TOOL("0", "t", "n", "{\\\"a\\\":1}"),
                                         TOOL("1", "u", "o", ""),
                                         TOOL("2", "v", "p", "[]"),
                                         FINISH("tool_calls"),
                                         USAGE};
    struct assembler *a = assembler_new(&hearer);
    struct text out = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(chunks); i++)
        assemble(a, &(struct event){.json = slice_of(chunks[i]), .usage = NO_USAGE});
    assert_int_equal(assembler_finish(a, &out), OK);
    assert_string_equal(
        text_cstr(&out),
        "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
        "\"content\":["
        "{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"\"},"
        "{\"type\":\"text\",\"text\":\"a\"},"
        "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"a\":1}},"
        "{\"type\":\"tool_use\",\"id\":\"u\",\"name\":\"o\",\"input\":{}},"
        "{\"type\":\"tool_use\",\"id\":\"v\",\"name\":\"p\",\"input\":{\"arguments\":\"[]\"}}],"
        "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":6,"
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":2,\"output_tokens\":9}}");
    text_fini(&out);
    assembler_free(a);
}

static void test_errors(void **state)
{
    static const struct {
        enum err code;
        const char *type;
    } errors[] = {
        {ERR_BAD_VALUE, "invalid_request_error"},
        {ERR_UNAUTHORIZED, "authentication_error"},
        {ERR_OUT_OF_SCOPE, "permission_error"},
        {ERR_NO_MODEL, "not_found_error"},
        {ERR_BODY_TOO_LARGE, "request_too_large"},
        {ERR_OVER_LIMIT, "rate_limit_error"},
        {ERR_INTERNAL, "api_error"},
        {ERR_HTTP_5XX, "api_error"},
        {ERR_NO_ROOM, "overloaded_error"},
        {ERR_OVERLOADED_529, "overloaded_error"},
        {ERR_DEADLINE, "timeout_error"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        struct text out = {0}, event = {0};
        struct why why;
        struct json_doc doc;
        why_param(&why, errors[i].code, "p", "words");
        reply_write_error(DIALECT_ANTHROPIC, &why, &out);
        reply_write_error_event(DIALECT_ANTHROPIC, &why, &event);
        assert_int_equal(json_read(text_slice(&out), &json_usual_limits, NULL, &doc, NULL), OK);
        const struct json_value *error = json_get(doc.root, "error");
        assert_true(slice_is(json_text(json_get(doc.root, "type")), SLICE("error")));
        assert_true(slice_is(json_text(json_get(error, "type")), slice_of(errors[i].type)));
        assert_true(slice_begins(json_text(json_get(error, "message")), SLICE("p: words. ")));
        assert_true(slice_begins(text_slice(&event), SLICE("event: error\ndata: {")));
        json_done(&doc);
        text_fini(&out);
        text_fini(&event);
    }
}

static void test_too_long(void **state)
{
    struct text out = {0};
    struct why why;
    (void)state;
    why_set(&why, ERR_CTX_TOO_LONG, "9 > 8");
    reply_write_error(DIALECT_ANTHROPIC, &why, &out);
    assert_non_null(strstr(text_cstr(&out), "\"message\":\"prompt is too long: 9 > 8. "));
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),        cmocka_unit_test(test_calls_in_turns),
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_object),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
