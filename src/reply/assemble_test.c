/* One whole object out of a stream's chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply/reply.h"

#define CHOICE(i, delta) "{\"choices\":[{\"index\":" #i ",\"delta\":{" delta "}}]}"
#define FINISH(i, reason)                                                                          \
    "{\"choices\":[{\"index\":" #i ",\"delta\":{},\"finish_reason\":\"" reason "\"}]}"
#define HEAD "{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion\",\"created\":0,\"model\":\"\","
#define ONE(message, finish)                                                                       \
    HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\"," message                  \
         "},\"logprobs\":null,\"finish_reason\":\"" finish "\"}]}"
#define CALL(id, name, arguments)                                                                  \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name                      \
    "\",\"arguments\":\"" arguments "\"}}"

static enum err add(struct assembler *a, const char *json)
{
    struct event event = {.kind = EVENT_TEXT, .raw = SLICE("raw"), .json = slice_of(json)};
    return assembler_add(a, &event);
}

static const struct {
    const char *chunks[6];
    const char *result;
} cases[] = {
    /* nothing at all, and nothing but an end */
    {{NULL}, HEAD "\"choices\":[]}"},
    {{FINISH(0, "stop")}, ONE("\"content\":\"\",\"refusal\":null", "stop")},
    {{CHOICE(0, "\"role\":\"assistant\",\"content\":\"\"")},
     ONE("\"content\":\"\",\"refusal\":null", "stop")},
    /* texts */
    {{CHOICE(0, "\"role\":\"assistant\""), CHOICE(0, "\"content\":\"Hel\""),
      CHOICE(0, "\"content\":\"lo\\n\\u00e9\\ud83d\\ude00\""), CHOICE(0, "\"content\":null"),
      FINISH(0, "length")},
     ONE("\"content\":\"Hello\\n\xc3\xa9\xf0\x9f\x98\x80\",\"refusal\":null", "length")},
    {{"{\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":\"content_filter\"}]}"},
     ONE("\"content\":\"x\",\"refusal\":null", "content_filter")},
    {{FINISH(0, "length"), "{\"choices\":[{\"delta\":{},\"finish_reason\":null}]}"},
     ONE("\"content\":\"\",\"refusal\":null", "length")},
    {{CHOICE(0, "\"refusal\":\"I \""), CHOICE(0, "\"refusal\":\"won't\",\"content\":null")},
     ONE("\"content\":\"\",\"refusal\":\"I won't\"", "stop")},
    {{CHOICE(0, "\"reasoning_content\":\"h\""), CHOICE(0, "\"reasoning_content\":\"m\""),
      CHOICE(0, "\"content\":\"x\"")},
     ONE("\"content\":\"x\",\"refusal\":null,\"reasoning_content\":\"hm\"", "stop")},
    {{CHOICE(0, "\"reasoning\":\"h\""),
      CHOICE(0, "\"reasoning_content\":null,\"reasoning\":\"m\"")},
     ONE("\"content\":\"\",\"refusal\":null,\"reasoning_content\":\"hm\"", "stop")},
    /* some send both, with the same words */
    {{CHOICE(0, "\"reasoning\":\"hm\",\"reasoning_content\":\"hm\"")},
     ONE("\"content\":\"\",\"refusal\":null,\"reasoning_content\":\"hm\"", "stop")},
    {{CHOICE(0, "\"role\":\"tool\",\"content\":\"x\""), CHOICE(0, "\"role\":\"assistant\"")},
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"tool\",\"content\":\"x\","
          "\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}]}"},
    /* what stands around the choices: the first id, created and model, the last usage */
    {{"{\"id\":\"a\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":\"m\"}",
      "{\"id\":\"b\",\"created\":18,\"model\":\"n\",\"usage\":{\"prompt_tokens\":1}}",
      "{\"usage\":null}", "{\"usage\":{\"prompt_tokens\":2,\"x\":{\"y\":1.5}}}"},
     "{\"id\":\"a\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"m\",\"choices\":[],"
     "\"usage\":{\"prompt_tokens\":2,\"x\":{\"y\":1.5}}}"},
    /* extensions: the last one that says something */
    {{"{\"system_fingerprint\":\"a\",\"timings\":{\"n\":1}}",
      "{\"timings\":{\"n\":2},\"system_fingerprint\":null}", "{\"z\\\"\\u0001\":[1]}"},
     HEAD
     "\"choices\":[],\"system_fingerprint\":\"a\",\"timings\":{\"n\":2},\"z\\\"\\u0001\":[1]}"},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct assembler *a = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
        struct text out = {0};
        for (size_t k = 0; k < COUNT(cases[i].chunks) && cases[i].chunks[k]; k++)
            assert_int_equal(add(a, cases[i].chunks[k]), OK);
        assert_int_equal(assembler_finish(a, &out), OK);
        assert_string_equal(text_cstr(&out), cases[i].result);
        text_fini(&out);
        assembler_free(a);
    }
}

/* ---- tool calls ------------------------------------------------------------------------------ */

#define TOOL(i, inner) CHOICE(0, "\"tool_calls\":[{\"index\":" #i "," inner "}]")
#define BARE(inner) CHOICE(0, "\"tool_calls\":[{" inner "}]")
#define NAMED(id, name, arguments)                                                                 \
    "\"id\":\"" id "\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" arguments "\"}"
#define MORE(arguments) "\"function\":{\"arguments\":\"" arguments "\"}"
#define TOOLS(calls)                                                                               \
    ONE("\"content\":null,\"refusal\":null,\"tool_calls\":[" calls "]", "tool_calls")
#define END FINISH(0, "tool_calls")

static void test_tool_calls(void **state)
{
    static const struct {
        const char *chunks[6];
        const char *result;
    } tools[] = {
        {{TOOL(0, NAMED("a", "f", "")), TOOL(0, MORE("{\\\"x\\\":")), TOOL(0, MORE("1}")), END},
         TOOLS(CALL("a", "f", "{\\\"x\\\":1}"))},
        {{TOOL(0, NAMED("a", "f", "1")), TOOL(1, NAMED("b", "g", "2")), TOOL(0, MORE("3")),
          TOOL(1, MORE("4")), END},
         TOOLS(CALL("a", "f", "13") "," CALL("b", "g", "24"))},
        {{TOOL(1, NAMED("b", "g", "2")), TOOL(0, NAMED("a", "f", "1")), END},
         TOOLS(CALL("a", "f", "1") "," CALL("b", "g", "2"))},
        /* both in one chunk */
        {{CHOICE(0, "\"tool_calls\":[{\"index\":0," NAMED("a", "f", "1") "},{\"index\":1," NAMED(
                        "b", "g", "2") "}]"),
          END},
         TOOLS(CALL("a", "f", "1") "," CALL("b", "g", "2"))},
        /* without an index: a new id is a new call, no id goes on with the last */
        {{BARE(NAMED("a", "f", "1")), BARE(MORE("2")), BARE(NAMED("b", "g", "3")), BARE(MORE("4")),
          END},
         TOOLS(CALL("a", "f", "12") "," CALL("b", "g", "34"))},
        {{BARE("\"id\":\"a\",\"type\":\"custom\""), END},
         TOOLS(
             "{\"id\":\"a\",\"type\":\"custom\",\"function\":{\"name\":\"\",\"arguments\":\"\"}}")},
        /* id and name are said once, whoever repeats them */
        {{TOOL(0, NAMED("a", "f", "1")), TOOL(0, NAMED("a", "f", "2")), END},
         TOOLS(CALL("a", "f", "12"))},
        /* beside text */
        {{CHOICE(0, "\"content\":\"x\""), TOOL(0, NAMED("a", "f", "1")), END},
         ONE("\"content\":\"x\",\"refusal\":null,\"tool_calls\":[" CALL("a", "f", "1") "]",
             "tool_calls")},
        /* as they were before there were tools */
        {{CHOICE(0, "\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}"),
          CHOICE(0, "\"function_call\":{\"arguments\":\"{\"}"),
          CHOICE(0, "\"function_call\":{\"arguments\":\"}\"}"), FINISH(0, "function_call")},
         ONE("\"content\":null,\"refusal\":null,\"function_call\":{\"name\":\"f\","
             "\"arguments\":\"{}\"}",
             "function_call")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(tools); i++) {
        struct assembler *a = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
        struct text out = {0};
        for (size_t k = 0; k < COUNT(tools[i].chunks) && tools[i].chunks[k]; k++)
            assert_int_equal(add(a, tools[i].chunks[k]), OK);
        assert_int_equal(assembler_finish(a, &out), OK);
        assert_string_equal(text_cstr(&out), tools[i].result);
        text_fini(&out);
        assembler_free(a);
    }
}

/* ---- several choices, probabilities ---------------------------------------------------------- */

static void test_choices(void **state)
{
    (void)state;
    struct assembler *a = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
    struct text out = {0};
    assert_int_equal(add(a, CHOICE(7, "\"content\":\"c\"")), OK);
    assert_int_equal(add(a, "{\"choices\":[{\"index\":2,\"delta\":{\"content\":\"b\"}},"
                            "{\"index\":0,\"delta\":{\"content\":\"a\"}}]}"),
                     OK);
    assert_int_equal(add(a, CHOICE(2, "\"content\":\"B\"")), OK);
    assert_int_equal(add(a, FINISH(0, "length")), OK);
    assert_int_equal(assembler_finish(a, &out), OK);
#define M(i, text, finish)                                                                         \
    "{\"index\":" #i ",\"message\":{\"role\":\"assistant\",\"content\":\"" text                    \
    "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"" finish "\"}"
    assert_string_equal(text_cstr(&out), HEAD "\"choices\":[" M(0, "a", "length") "," M(
                                             2, "bB", "stop") "," M(7, "c", "stop") "]}");
    text_fini(&out);
    assembler_free(a);
}

static void test_logprobs(void **state)
{
    (void)state;
    struct assembler *a = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
    struct text out = {0};
    assert_int_equal(add(a,
                         "{\"choices\":[{\"delta\":{\"content\":\"ab\"},\"logprobs\":{"
                         "\"content\":[{\"token\":\"a\",\"logprob\":-0.5},{\"token\":\"b\"}]}}]}"),
                     OK);
    assert_int_equal(add(a, "{\"choices\":[{\"delta\":{},\"logprobs\":null}]}"), OK);
    assert_int_equal(add(a, "{\"choices\":[{\"delta\":{},\"logprobs\":{\"content\":[]}}]}"), OK);
    assert_int_equal(add(a, "{\"choices\":[{\"delta\":{\"content\":\"c\"},\"logprobs\":{"
                            "\"content\":[{\"token\":\"c\",\"top_logprobs\":[1]}]}}]}"),
                     OK);
    assert_int_equal(assembler_finish(a, &out), OK);
    assert_string_equal(
        text_cstr(&out),
        HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"abc\","
             "\"refusal\":null},\"logprobs\":{\"content\":[{\"token\":\"a\",\"logprob\":-0.5},"
             "{\"token\":\"b\"},{\"token\":\"c\",\"top_logprobs\":[1]}],\"refusal\":null},"
             "\"finish_reason\":\"stop\"}]}");
    text_fini(&out);
    assembler_free(a);
}

/* ---- what is refused ------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "{",
        "{\"a\":1,\"a\":1}",
        "",
        CHOICE(8, ""),
        CHOICE(-1, ""),
        CHOICE(1.5, ""),
        CHOICE("0", ""),
        "{\"choices\":[{\"index\":null,\"delta\":{}}]}",
        TOOL(128, ""
                  "\"id\":\"a\""),
        TOOL(-1, "\"id\":\"a\""),
        TOOL(1e10, "\"id\":\"a\""),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct assembler *a = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
        assert_int_equal(add(a, bad[i]), bad[i][0] ? ERR_BAD_RESPONSE : OK);
        assembler_free(a);
    }
    /* odd, and still no reason to refuse the whole answer */
    static const char *const odd[] = {"1",
                                      "[]",
                                      "null",
                                      "{\"choices\":1}",
                                      "{\"choices\":[1]}",
                                      CHOICE(0, "\"tool_calls\":{},\"content\":[]")};
    for (size_t i = 0; i < COUNT(odd); i++) {
        struct assembler *a = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
        struct text out = {0};
        assert_int_equal(add(a, odd[i]), OK);
        assert_int_equal(assembler_finish(a, &out), OK);
        assert_true(out.len > 0);
        text_fini(&out);
        assembler_free(a);
    }
    assembler_free(NULL);
}

static void test_bounds(void **state)
{
    (void)state;
    struct assembler *a = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
    struct text chunk = {0}, out = {0};
    struct json_doc doc;
    enum err e = OK;
    size_t sum = 0;
    for (int i = 0; i < 40; i++) { /* more extensions than are kept */
        text_clear(&chunk);
        text_format(&chunk, "{\"x%d\":%d}", i, i);
        assert_int_equal(add(a, text_cstr(&chunk)), OK);
    }
    assert_int_equal(assembler_finish(a, &out), OK);
    assert_int_equal(json_read(text_slice(&out), &json_usual_limits, NULL, &doc, NULL), OK);
    assert_int_equal(json_count(doc.root), 5 + 16);
    json_done(&doc);
    text_clear(&chunk);
    text_add(&chunk, SLICE("{\"choices\":[{\"delta\":{\"content\":\""));
    for (size_t i = 0; i < 1u << 20; i++)
        text_byte(&chunk, 'x');
    text_add(&chunk, SLICE("\"}}]}"));
    for (int i = 0; !e && i < 100; i++) {
        e = add(a, text_cstr(&chunk));
        sum += chunk.len;
    }
    assert_int_equal(e, ERR_BAD_RESPONSE); /* 64 MiB is the most */
    assert_in_range(sum, (64u << 20) - (1u << 20), (66u << 20));
    text_fini(&chunk);
    text_fini(&out);
    assembler_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),   cmocka_unit_test(test_tool_calls),
        cmocka_unit_test(test_choices), cmocka_unit_test(test_logprobs),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
