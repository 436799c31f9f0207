/* The events of a target that speaks Anthropic's Messages: what each becomes in the common form,
 * what its errors mean, and that who speaks as it does gets its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/testing.h"

#define START                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"theirs\",\"content\":"  \
    "[],\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":2,"                              \
    "\"cache_creation_input_tokens\":1,\"output_tokens\":1}}}"
#define BLOCK(block) "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{" block "}}"
#define DELTA(delta) "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{" delta "}}"
#define BLOCK_END "{\"type\":\"content_block_stop\",\"index\":0}"
#define FINISH(reason)                                                                             \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":" reason                               \
    "},\"usage\":{\"output_tokens\":9}}"
#define STOP "{\"type\":\"message_stop\"}"
#define TOOL BLOCK("\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}")
#define JSON(piece) DELTA("\"type\":\"input_json_delta\",\"partial_json\":\"" piece "\"")

static unsigned wrong; /* all cases are tried before a test fails */

static struct decoder decoder_for(struct arena *arena, bool own)
{
    return (struct decoder){
        .wire = {.dialect = DIALECT_ANTHROPIC, .kind = CALL_CHAT, .own = own, .ready = true},
        .model = SLICE("ours"),
        .now_s = 7,
        .arena = arena,
        .progress.usage = NO_USAGE};
}

/* The one thing that matters of a chunk: its delta, its reason or its usage. */
static void add_gist(const struct event *event, struct text *out)
{
    struct json_doc doc;
    if (!event->raw.len)
        return;
    text_add(out, out->len ? SLICE(" ") : SLICE(""));
    if (event->kind == EVENT_END) {
        text_add(out, SLICE("end"));
        return;
    }
    assert_int_equal(json_read(event->json, &json_usual_limits, NULL, &doc, NULL), OK);
    const struct json_value *choice = json_at(json_get(doc.root, "choices"), 0);
    const struct json_value *finish = json_get(choice, "finish_reason");
    assert_true(slice_is(json_text(json_get(doc.root, "model")), SLICE("ours")));
    assert_true(slice_is(json_text(json_get(doc.root, "id")), SLICE("msg_1")));
    if (!choice)
        json_copy(json_get(doc.root, "usage"), out);
    else if (json_is_text(finish))
        text_add(out, json_text(finish));
    else
        json_copy(json_get(choice, "delta"), out);
    json_done(&doc);
}

static enum err play(struct decoder *d, const char *const *events, struct text *out,
                     struct why *why)
{
    for (size_t i = 0; events[i]; i++) {
        do {
            struct slice data = slice_of(events[i]);
            struct event event;
            enum err e = decoder_event(d, data, data, &event, why);
            if (e)
                return e;
            add_gist(&event, out);
        } while (d->progress.more);
    }
    return OK;
}

#define HEAD "{\"role\":\"assistant\",\"content\":null}"
#define USAGE                                                                                      \
    "{\"prompt_tokens\":8,\"completion_tokens\":9,\"total_tokens\":17,\"prompt_tokens_details\":{" \
    "\"cached_tokens\":2},\"completion_tokens_details\":{\"reasoning_tokens\":0}}"
#define CALL_OF(index, more) "{\"tool_calls\":[{\"index\":" index "," more "}]}"
#define BEGUN(index)                                                                               \
    CALL_OF(index,                                                                                 \
            "\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"n\",\"arguments\":"       \
            "\"\"}")
#define PIECE(index, piece) CALL_OF(index, "\"function\":{\"arguments\":\"" piece "\"}")

static void test_streams(void **state)
{
    static const struct {
        const char *events[14], *gist;
    } cases[] = {
        {{START, "{\"type\":\"ping\"}", BLOCK("\"type\":\"text\",\"text\":\"\""),
          DELTA("\"type\":\"text_delta\",\"text\":\"a\\n\""),
          DELTA("\"type\":\"citations_delta\",\"citation\":{}"), BLOCK_END, FINISH("\"end_turn\""),
          STOP},
         HEAD " {\"content\":\"a\\n\"} stop " USAGE " end"},
        {{START, BLOCK("\"type\":\"thinking\",\"thinking\":\"\""),
          DELTA("\"type\":\"thinking_delta\",\"thinking\":\"h\""),
          DELTA("\"type\":\"signature_delta\",\"signature\":\"s\""), BLOCK_END,
          BLOCK("\"type\":\"redacted_thinking\",\"data\":\"x\""), BLOCK_END,
          FINISH("\"max_tokens\""), STOP},
         HEAD " {\"reasoning_content\":\"h\"} length " USAGE " end"},
        {{START, TOOL, JSON(""), JSON("{\\\"a\\\":"), JSON("1}"), BLOCK_END, TOOL, JSON(""),
          BLOCK_END, FINISH("\"tool_use\""), STOP},
         HEAD " " BEGUN("0") " " PIECE("0", "{\\\"a\\\":") " " PIECE("0", "1}") " " BEGUN(
             "1") " " PIECE("1", "{}") " tool_calls " USAGE " end"},
        {{START, BLOCK("\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"a\":1}"),
          BLOCK_END, FINISH("\"tool_use\""), STOP},
         HEAD " " CALL_OF("0", "\"id\":\"t\",\"type\":\"function\",\"function\":{\"name\":\"n\","
                               "\"arguments\":\"{\\\"a\\\":1}\"}") " tool_calls " USAGE " end"},
        {{START, BLOCK("\"type\":\"server_tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}"),
          JSON("{}"), BLOCK_END, FINISH("\"pause_turn\""), FINISH("null"), STOP},
         HEAD " stop " USAGE " end"},
        {{START, FINISH("\"refusal\""), STOP}, HEAD " content_filter " USAGE " end"},
        {{START, FINISH("\"stop_sequence\""), STOP}, HEAD " stop " USAGE " end"},
        {{START, FINISH("\"model_context_window_exceeded\""), STOP}, HEAD " length " USAGE " end"},
        {{START, FINISH("\"what_comes_next\""), "{\"type\":\"what_comes_next\"}", "{}", STOP},
         HEAD " stop " USAGE " end"},
        {{START, STOP},
         HEAD " {\"prompt_tokens\":8,\"completion_tokens\":1,\"total_tokens\":9,\"prompt_tokens_"
              "details\":{\"cached_tokens\":2},\"completion_tokens_details\":{\"reasoning_tokens\":"
              "0}} end"},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct decoder d = decoder_for(&arena, false);
        struct text out = {0};
        struct why why = {0};
        if (play(&d, cases[i].events, &out, &why) ||
            !slice_is(text_slice(&out), slice_of(cases[i].gist))) {
            print_message("%zu: %s\n and not %s\n%s\n", i, text_cstr(&out), cases[i].gist,
                          why.text);
            wrong++;
        }
        text_fini(&out);
        decoder_fini(&d);
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

#define ERROR(type) "{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"words\"}}"

static void test_errors(void **state)
{
    static const struct {
        const char *data;
        enum err err;
    } cases[] = {
        {ERROR("overloaded_error"), ERR_OVERLOADED_529},
        {ERROR("rate_limit_error"), ERR_HTTP_429},
        {ERROR("api_error"), ERR_HTTP_5XX},
        {ERROR("timeout_error"), ERR_HTTP_5XX},
        {ERROR("authentication_error"), ERR_AUTH_401_403},
        {ERROR("permission_error"), ERR_AUTH_401_403},
        {ERROR("billing_error"), ERR_QUOTA_402},
        {ERROR("invalid_request_error"), ERR_TARGET_REFUSED},
        {ERROR("request_too_large"), ERR_TARGET_REFUSED},
        {ERROR("what_comes_next"), ERR_HTTP_5XX},
        {"{\"type\":\"error\"}", ERR_HTTP_5XX},
        {"{\"error\":{}}", ERR_HTTP_5XX},
        {"[]", ERR_BAD_RESPONSE},
        {"{", ERR_BAD_RESPONSE},
        {"\xff", ERR_BAD_RESPONSE},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases) * 2; i++) {
        struct arena arena = {0};
        struct decoder d = decoder_for(&arena, i % 2);
        struct slice data = slice_of(cases[i / 2].data);
        struct event event;
        struct why why = {0};
        enum err e = decoder_event(&d, data, data, &event, &why);
        if (e != cases[i / 2].err || why.code != e || !why.text[0]) {
            print_message("%s: %s (%s)\n", cases[i / 2].data, err_row(e)->name, why.text);
            wrong++;
        }
        decoder_fini(&d);
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void test_refusals(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum err err;
    } cases[] = {
        {400, ERROR("invalid_request_error"), ERR_TARGET_REFUSED},
        {400,
         "{\"error\":{\"type\":\"invalid_request_error\","
         "\"message\":\"prompt is too long: 9 > 8\"}}",
         ERR_CTX_TOO_LONG},
        {401, ERROR("authentication_error"), ERR_AUTH_401_403},
        {404, ERROR("not_found_error"), ERR_BAD_RESPONSE},
        {413, ERROR("request_too_large"), ERR_TARGET_REFUSED},
        {429, ERROR("rate_limit_error"), ERR_HTTP_429},
        {500, ERROR("api_error"), ERR_HTTP_5XX},
        {529, ERROR("overloaded_error"), ERR_OVERLOADED_529},
        {502, "<html>", ERR_HTTP_5XX},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct why why = {0};
        enum err e =
            wire_read_refusal(DIALECT_ANTHROPIC, cases[i].status, slice_of(cases[i].body), &why);
        assert_string_equal(err_row(e)->name, err_row(cases[i].err)->name);
        assert_int_equal(why.code, e);
    }
}

/* Its bytes, whatever they are, but for the name of the model. */
static void test_own(void **state)
{
    static const struct {
        const char *data;
        enum event_kind kind;
        int64_t prompt, completion;
    } cases[] = {
        {START, EVENT_HEAD, 8, 1},
        {"{\"type\":\"ping\"}", EVENT_BYTES, -1, -1},
        {BLOCK("\"type\":\"text\",\"text\":\"\""), EVENT_TEXT, -1, -1},
        {DELTA("\"type\":\"text_delta\",\"text\":\"a\""), EVENT_TEXT, -1, -1},
        {BLOCK("\"type\":\"thinking\""), EVENT_REASONING, -1, -1},
        {DELTA("\"type\":\"thinking_delta\",\"thinking\":\"a\""), EVENT_REASONING, -1, -1},
        {DELTA("\"type\":\"signature_delta\",\"signature\":\"a\""), EVENT_BYTES, -1, -1},
        {TOOL, EVENT_TOOL, -1, -1},
        {JSON("{"), EVENT_TOOL, -1, -1},
        {BLOCK("\"type\":\"server_tool_use\""), EVENT_TOOL, -1, -1},
        {BLOCK_END, EVENT_BYTES, -1, -1},
        {FINISH("\"end_turn\""), EVENT_BYTES, -1, 9},
        {STOP, EVENT_END, -1, -1},
    };
    struct arena arena = {0};
    struct decoder d = decoder_for(&arena, true);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text raw = {0};
        struct event event;
        struct why why;
        text_format(&raw, "event: x\ndata: %s\n\n", cases[i].data);
        assert_int_equal(decoder_event(&d, text_slice(&raw), slice_of(cases[i].data), &event, &why),
                         OK);
        assert_int_equal(event.kind, cases[i].kind);
        assert_int_equal(event.usage.prompt, cases[i].prompt);
        assert_int_equal(event.usage.completion, cases[i].completion);
        if (event.kind == EVENT_HEAD) {
            struct slice head = SLICE("event: message_start\ndata: {\"type\":\"message_start\","
                                      "\"message\":{\"id\":\"msg_1\",\"model\":\"ours\",");
            assert_true(slice_begins(event.raw, head));
            assert_true(slice_ends(event.raw, SLICE("}}}\n\n")));
        } else {
            assert_true(slice_is(event.raw, text_slice(&raw)));
        }
        text_fini(&raw);
    }
    d.head_sent = true; /* by an attempt before this one */
    struct event event;
    struct why why;
    assert_int_equal(decoder_event(&d, slice_of(START), slice_of(START), &event, &why), OK);
    assert_int_equal(event.raw.len, 0);
    decoder_fini(&d);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
