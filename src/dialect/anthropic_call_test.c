/* What Anthropic's clients write, and what becomes of it in the common form: blocks, results of
 * tools, thoughts, tools and formats; what is refused, and by which name; what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

#define CALL(members) "{\"model\":\"m\",\"max_tokens\":9," members "}"
#define TALK(messages) CALL("\"messages\":[" messages "]")
#define USER(content) "{\"role\":\"user\",\"content\":" content "}"
#define HI "\"messages\":[" USER("\"hi\"") "]"
#define WITH(members) CALL(HI "," members)
#define TEXT(words) "{\"type\":\"text\",\"text\":\"" words "\"}"
/* A picture of one pixel. */
#define PIXEL                                                                                      \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"   \
    "Jggg=="
#define PNG "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"" PIXEL "\"}"
#define IMAGE "{\"type\":\"image\",\"source\":" PNG "}"
#define OUR_IMAGE                                                                                  \
    "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," PIXEL "\"}}"
#define RESULT(more) "{\"type\":\"tool_result\",\"tool_use_id\":\"t\"" more "}"
#define OUR_RESULT(text) "{\"role\":\"tool\",\"tool_call_id\":\"t\",\"content\":\"" text "\"}"
#define SAID(blocks) "{\"role\":\"assistant\",\"content\":[" blocks "]}"
#define RULES "{\"role\":\"system\",\"content\":[" TEXT("s") "]}"
#define REMINDER TEXT("<system-reminder>\\ns\\n</system-reminder>")
#define SCHEMA "{\"type\":\"object\"}"
#define THEIR_TOOL(name)                                                                           \
    "{\"type\":\"custom\",\"name\":\"" name "\",\"description\":\"d\","                            \
    "\"input_schema\":" SCHEMA ",\"cache_control\":{}}"
#define OUR_TOOL(name)                                                                             \
    "{\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"description\":\"d\","            \
    "\"parameters\":" SCHEMA "}}"

static unsigned wrong; /* all cases are tried before a test fails */

static void expect(const char *what, struct slice got, const char *wanted)
{
    if (slice_is(got, slice_of(wanted)))
        return;
    print_message("%s\n gives   %.*s\n and not %s\n", what, SLICE_ARG(got), wanted);
    wrong++;
}

static enum err decode(struct arena *arena, enum call_kind kind, const char *body, struct call *ret,
                       struct why *why)
{
    *why = (struct why){0};
    return dialect_decode_call(DIALECT_ANTHROPIC, kind, slice_of(body), arena, ret, why);
}

/* A member of the common form, as it stands there. */
static void expect_member(const char *body, const char *name, const char *wanted)
{
    struct arena arena = {0};
    struct call call;
    struct why why;
    struct json_span span;
    enum err e = decode(&arena, CALL_CHAT, body, &call, &why);
    if (e || !call.common) {
        print_message("%s\n is not taken: %s\n", body, e ? why.text : call.lacks);
        wrong++;
    } else {
        struct slice common = call.common->body, got = {0};
        if (json_find_span(common, slice_of(name), &span))
            got = (struct slice){common.ptr + span.value, span.end - span.value};
        expect(body, got, wanted);
    }
    arena_fini(&arena);
}

static void test_messages(void **state)
{
    static const char *const cases[][2] = {
        {TALK(USER("\"hi\"")), USER("\"hi\"")},
        {TALK(USER("[" TEXT("hi") "]")), USER("\"hi\"")},
        {TALK(USER("[" TEXT("a") "," TEXT("b") "]")), USER("[" TEXT("a") "," TEXT("b") "]")},
        {TALK(USER("[" IMAGE "]")), USER("[" OUR_IMAGE "]")},
        {CALL("\"system\":\"s\"," HI), "{\"role\":\"system\",\"content\":\"s\"}," USER("\"hi\"")},
        {CALL(HI ",\"system\":[" TEXT("a") "," TEXT("b") "]"),
         "{\"role\":\"system\",\"content\":\"a\\n\\nb\"}," USER("\"hi\"")},
        {CALL(HI ",\"system\":[" TEXT("x-anthropic-billing-header: a") "," TEXT("b") "]"),
         "{\"role\":\"system\",\"content\":\"b\"}," USER("\"hi\"")},
        {CALL(HI ",\"system\":\"\""), USER("\"hi\"")},
        /* results of tools come first */
        {TALK(USER("[" TEXT("so") "," RESULT(",\"content\":\"r\"") "]")),
         OUR_RESULT("r") "," USER("\"so\"")},
        {TALK(USER("[" RESULT("") "]")), OUR_RESULT("")},
        {TALK(USER("[" RESULT(",\"is_error\":true,\"content\":[" TEXT("a") "," TEXT("b") "]") "]")),
         OUR_RESULT("Error: a\\n\\nb")},
        {TALK(USER("[" RESULT(",\"content\":[" IMAGE "]") "]")),
         OUR_RESULT("(see the picture below)") "," USER("[" OUR_IMAGE "]")},
        {TALK(USER("[{\"type\":\"document\",\"title\":\"T\",\"source\":{\"type\":\"text\",\"data\":"
                   "\"D\"}}]")),
         USER("[" TEXT("T\\n\\nD") "]")},
        /* what the model said */
        {TALK("{\"role\":\"assistant\",\"content\":\"a\"}"),
         "{\"role\":\"assistant\",\"content\":\"a\"}"},
        {TALK(SAID(TEXT("a") "," TEXT("b"))), "{\"role\":\"assistant\",\"content\":\"ab\"}"},
        {TALK(SAID("{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"s\"}," TEXT("a"))),
         "{\"role\":\"assistant\",\"reasoning_content\":\"h\",\"content\":\"a\"}"},
        {TALK(SAID("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{\"a\":[1]}}")),
         "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"t\",\"type\":"
         "\"function\",\"function\":{\"name\":\"n\",\"arguments\":\"{\\\"a\\\":[1]}\"}}]}"},
        {TALK(SAID("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\"}")),
         "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"t\",\"type\":"
         "\"function\",\"function\":{\"name\":\"n\",\"arguments\":\"{}\"}}]}"},
        {TALK(SAID("")), "{\"role\":\"assistant\",\"content\":\"\"}"},
        /* one turn, whoever adds to it */
        {TALK(USER("\"a\"") "," USER("[" TEXT("b") "]")), USER("[" TEXT("a") "," TEXT("b") "]")},
        {TALK(USER("\"a\"") "," RULES "," SAID("")),
         USER("[" TEXT("a") "," REMINDER "]") ",{\"role\":\"assistant\",\"content\":\"\"}"},
        {TALK(SAID("") "," USER("[" RESULT("") "]") "," USER("\"a\"")),
         "{\"role\":\"assistant\",\"content\":\"\"}," OUR_RESULT("") "," USER("\"a\"")},
        {TALK(USER("\"\"")), USER("\"\"")},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text wanted = {0};
        text_format(&wanted, "[%s]", cases[i][1]);
        expect_member(cases[i][0], "messages", text_cstr(&wanted));
        text_fini(&wanted);
    }
    assert_int_equal(wrong, 0);
}

static void test_members(void **state)
{
    static const struct {
        const char *members, *name, *wanted;
    } cases[] = {
        {"\"temperature\":0.5", "temperature", "0.5"},
        {"\"top_p\":1", "top_p", "1"},
        {"\"top_k\":40", "top_k", "40"},
        {"\"top_k\":null", "top_k", ""},
        {"\"stop_sequences\":[\"a\"]", "stop", "[\"a\"]"},
        {"\"stream\":true", "stream", "true"},
        {"\"metadata\":{\"user_id\":\"u\"}", "user", "\"u\""},
        {"\"tool_choice\":{\"type\":\"auto\"}", "tool_choice", "\"auto\""},
        {"\"tool_choice\":{\"type\":\"any\"}", "tool_choice", "\"required\""},
        {"\"tool_choice\":{\"type\":\"none\"}", "tool_choice", "\"none\""},
        {"\"tools\":[" THEIR_TOOL("n") "],\"tool_choice\":{\"type\":\"tool\",\"name\":\"n\"}",
         "tool_choice", "\"required\""},
        {"\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\":true}",
         "parallel_tool_calls", "false"},
        {"\"tools\":[" THEIR_TOOL("n") "]", "tools", "[" OUR_TOOL("n") "]"},
        {"\"tools\":[" THEIR_TOOL("n") "," THEIR_TOOL("o") "],\"tool_choice\":{\"type\":\"tool\","
                                                           "\"name\":\"o\"}",
         "tools", "[" OUR_TOOL("o") "]"},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}", "thinking_budget_tokens",
         "2000"},
        {"\"thinking\":{\"type\":\"adaptive\"}", "chat_template_kwargs",
         "{\"enable_thinking\":true}"},
        {"\"thinking\":{\"type\":\"disabled\"}", "chat_template_kwargs",
         "{\"enable_thinking\":false}"},
        {"\"output_config\":{\"effort\":\"low\"}", "reasoning_effort", "\"low\""},
        {"\"output_config\":{\"effort\":\"max\"}", "reasoning_effort", "\"xhigh\""},
        {"\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}}",
         "response_format",
         "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"output\",\"strict\":true,"
         "\"schema\":" SCHEMA "}}"},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text body = {0};
        text_format(&body, CALL(HI ",%s"), cases[i].members);
        expect_member(text_cstr(&body), cases[i].name, cases[i].wanted);
        text_fini(&body);
    }
    assert_int_equal(wrong, 0);
}

/* What goes to Anthropic's own alone, and what is left out. */
static void test_without_a_word(void **state)
{
    static const struct {
        const char *body;
        bool common;
        const char *dropped;
    } cases[] = {
        {WITH("\"speed\":\"fast\",\"diagnostics\":{},\"hearth\":1"), true,
         "speed,diagnostics,hearth"},
        {WITH("\"output_config\":{\"task_budget\":{}}"), true, "task_budget"},
        {WITH("\"output_config\":{\"a\\r\\nX: y\":{}}"), true, "a\\x0d\\x0aX: y"},
        {TALK(SAID("{\"type\":\"redacted_thinking\"},{\"type\":\"redacted_thinking\"}")), true,
         "redacted_thinking"},
        {WITH("\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"w\"}]"), false, ""},
        {WITH("\"mcp_servers\":[{}]"), false, ""},
        {WITH("\"mcp_servers\":[]"), true, ""},
        {TALK(USER("[{\"type\":\"document\",\"source\":{\"type\":\"base64\"}}]")), false, ""},
        {TALK(USER("[{\"type\":\"image\",\"source\":{\"type\":\"file\"}}]")), false, ""},
        {TALK(USER("[{\"type\":\"container_upload\"}]")), false, ""},
        {TALK(USER("[" RESULT(",\"content\":[{\"type\":\"tool_reference\"}]") "]")), false, ""},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct call call;
        struct why why;
        enum err e = decode(&arena, CALL_CHAT, cases[i].body, &call, &why);
        if (e || !call.common != !cases[i].common || !call.lacks != cases[i].common) {
            print_message("%s: %s\n", cases[i].body, e ? why.text : "in the common form or not");
            wrong++;
        } else {
            expect(cases[i].body, call.dropped, cases[i].dropped);
            expect(cases[i].body, call.model, "m");
        }
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void test_refused(void **state)
{
    static const struct {
        const char *body;
        enum err err;
        const char *param;
    } cases[] = {
        {"[]", ERR_BAD_VALUE, ""},
        {"{", ERR_BAD_JSON, ""},
        {"{\"model\":\"m\"," HI "}", ERR_MISSING_FIELD, "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":null," HI "}", ERR_MISSING_FIELD, "max_tokens"},
        {"{\"model\":\"m\",\"max_tokens\":0," HI "}", ERR_BAD_VALUE, "max_tokens"},
        {"{\"max_tokens\":1}", ERR_MISSING_FIELD, "messages"},
        {TALK(""), ERR_BAD_VALUE, "messages"},
        {TALK("1"), ERR_BAD_VALUE, "messages"},
        {TALK("{\"role\":\"tool\",\"content\":\"\"}"), ERR_BAD_VALUE, "messages"},
        {TALK("{\"role\":\"user\"}"), ERR_BAD_VALUE, "messages"},
        {TALK(USER("[1,2]")), ERR_BAD_VALUE, "messages"},
        {TALK(SAID("1")), ERR_BAD_VALUE, "messages"},
        {TALK(USER("[{\"type\":\"image\"}]")), ERR_BAD_VALUE, "messages"},
        {WITH("\"system\":1"), ERR_BAD_VALUE, "system"},
        {WITH("\"tools\":{}"), ERR_BAD_VALUE, "tools"},
        {WITH("\"tools\":[{\"name\":\"n\"}]"), ERR_BAD_VALUE, "tools"},
        {WITH("\"tools\":[{\"input_schema\":{}}]"), ERR_BAD_VALUE, "tools"},
        {WITH("\"tool_choice\":\"auto\""), ERR_BAD_VALUE, "tool_choice"},
        {WITH("\"tool_choice\":{\"type\":\"tool\",\"name\":\"n\"}"), ERR_BAD_VALUE, "tool_choice"},
        {WITH("\"thinking\":{\"type\":\"enabled\"}"), ERR_BAD_VALUE, "thinking"},
        {WITH("\"thinking\":true"), ERR_BAD_VALUE, "thinking"},
        {WITH("\"output_config\":{\"format\":{\"type\":\"x\"}}"), ERR_BAD_VALUE, "output_config"},
        {WITH("\"temperature\":\"hot\""), ERR_BAD_VALUE, "temperature"},
        {WITH("\"stop_sequences\":1"), ERR_BAD_VALUE, "stop"},
        {WITH("\"st\\u0072eam\":true"), ERR_BAD_REQUEST, ""},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct call call;
        struct why why;
        enum err e = decode(&arena, CALL_CHAT, cases[i].body, &call, &why);
        if (e != cases[i].err || strcmp(why.param, cases[i].param) != 0 || !why.text[0]) {
            print_message("%s: %s \"%s\" (%s)\n", cases[i].body, err_row(e)->name, why.param,
                          why.text);
            wrong++;
        }
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

/* Counting needs no max_tokens, and has no common form. */
static void test_counting(void **state)
{
    struct arena arena = {0};
    struct call call;
    struct why why;
    (void)state;
    assert_int_equal(
        decode(&arena, CALL_TOKENS, "{\"model\":\"m\"," HI ",\"stream\":true}", &call, &why), OK);
    assert_null(call.common);
    assert_false(call.stream);
    assert_int_equal(call.messages, 1);
    assert_int_equal(decode(&arena, CALL_TOKENS, "{\"model\":\"m\"}", &call, &why),
                     ERR_MISSING_FIELD);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),       cmocka_unit_test(test_members),
        cmocka_unit_test(test_without_a_word), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
