/* One call written for different targets: what an engine of ours gets besides, what of a model's
 * settings holds, and that a limit of -1 and what is stripped leave no trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/testing.h"

#define MESSAGE "{\"role\":\"user\",\"content\":\"hi\"}"
#define MESSAGES "\"messages\":[" MESSAGE "]"
#define S "\"stream\":true"
#define O "\"stream_options\":{\"include_usage\":true}"
#define SO S "," O
#define SYSTEM(text) "{\"role\":\"system\",\"content\":\"" text "\"}"

#define ENGINE(slot, ping_s)                                                                       \
    {                                                                                              \
        SLICE("T"), true, slot, ping_s, {0},                                                       \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define SETTINGS(text)                                                                             \
    {                                                                                              \
        SLICE("T"), true, -1, 0, SLICE(text),                                                      \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define ANYBODY                                                                                    \
    {                                                                                              \
        SLICE("T"), false, -1, 0, {0},                                                             \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }

static void check(const char *body, const struct target *t, const char *result)
{
    struct arena arena = {0};
    struct call call;
    struct why why = {0};
    struct text out = {0};
    struct json_doc doc;
    if (dialect_decode_call(DIALECT_OPENAI, CALL_CHAT, slice_of(body), &arena, &call, &why))
        fail_msg("%s: %s", body, why.text);
    assert_int_equal(encode_call(&call, t, &out), OK);
    assert_string_equal(text_cstr(&out), result);
    if (json_read(text_slice(&out), &json_usual_limits, NULL, &doc, &why))
        fail_msg("%s: %s", text_cstr(&out), why.text);
    json_done(&doc);
    text_fini(&out);
    arena_fini(&arena);
}

struct c {
    const char *body;
    struct target target;
    const char *result;
};

static void check_all(const struct c *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(cases[i].body, &cases[i].target, cases[i].result);
}

static void test_engine(void **state)
{
    static const struct c cases[] = {
        /* all of it, and nothing of it when the target is no engine of ours */
        {"{" MESSAGES "}",
         {SLICE("T"), true, 3, 1, SLICE("{\"top_k\":5}"), SLICE("be kind")},
         "{\"model\":\"T\",\"id_slot\":3,\"sse_ping_interval\":1,\"top_k\":5," SO
         ",\"messages\":[" SYSTEM("be kind") "," MESSAGE "]}"},
        {"{" MESSAGES "}",
         {SLICE("T"), false, 3, 1, SLICE("{\"top_k\":5}"), SLICE("be kind")},
         "{\"model\":\"T\"," SO "," MESSAGES "}"},
        {"{" MESSAGES "}", ENGINE(-1, 0), "{\"model\":\"T\"," SO "," MESSAGES "}"},
        /* the model stays where it was */
        {"{ \"model\":\"m\", " MESSAGES " }", ENGINE(0, 0),
         "{\"id_slot\":0," SO ", \"model\":\"T\", " MESSAGES " }"},
        {"{" SO "," MESSAGES ",\"model\":\"m\"}", ENGINE(-1, 2),
         "{\"sse_ping_interval\":2," SO "," MESSAGES ",\"model\":\"T\"}"},
        /* the caller's own are gone, wherever they stood */
        {"{\"id_slot\":9,\"sse_ping_interval\":-1,\"model\":\"m\",\"slot_id\":1," SO
         ",\"slots\":[],\"slot\":0,\"n_discard\":-1,\"chat_parser\":\"x\"," MESSAGES "}",
         ENGINE(1, 1),
         "{\"id_slot\":1,\"sse_ping_interval\":1,\"model\":\"T\"," SO "," MESSAGES "}"},
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

#define TOOL(name) "{\"type\":\"function\",\"function\":{\"name\":\"" name "\"}}"
#define TWO "\"tools\":[" TOOL("a") ", " TOOL("b") "]"
#define NAMED(name) "\"tool_choice\":" TOOL(name)
#define ONE "\"tools\":[" TOOL("b") "]"
#define MUST "\"tool_choice\":\"required\""

static void test_named_tool(void **state)
{
    static const struct c cases[] = {
        {"{" SO "," MESSAGES "," TWO "," NAMED("b") "}", ENGINE(-1, 0),
         "{\"model\":\"T\"," SO "," MESSAGES "," ONE "," MUST "}"},
        {"{" NAMED("b") ",\"model\":\"m\"," SO "," TWO "," MESSAGES "}", ENGINE(-1, 0),
         "{" MUST ",\"model\":\"T\"," SO "," ONE "," MESSAGES "}"},
        /* what is stripped beside it */
        {"{\"slot\":0," NAMED("b") ",\"slots\":1," SO "," TWO ",\"id_slot\":2," MESSAGES "}",
         ENGINE(-1, 0), "{\"model\":\"T\"," MUST "," SO "," ONE "," MESSAGES "}"},
        /* others know what it means; a name that no tool has, and words, stay as they are */
        {"{" SO "," MESSAGES "," TWO "," NAMED("b") "}", ANYBODY,
         "{\"model\":\"T\"," SO "," MESSAGES "," TWO "," NAMED("b") "}"},
        {"{" SO "," MESSAGES "," TWO "," NAMED("c") "}", ENGINE(-1, 0),
         "{\"model\":\"T\"," SO "," MESSAGES "," TWO "," NAMED("c") "}"},
        {"{" SO "," MESSAGES "," TWO ",\"tool_choice\":\"auto\"}", ENGINE(-1, 0),
         "{\"model\":\"T\"," SO "," MESSAGES "," TWO ",\"tool_choice\":\"auto\"}"},
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

static void test_sampling(void **state)
{
    static const struct c cases[] = {
        {"{" MESSAGES "}", SETTINGS("{}"), "{\"model\":\"T\"," SO "," MESSAGES "}"},
        {"{" MESSAGES "}", SETTINGS("{ \"temperature\" : 0.70, \"stop\":[\"\\n\", 1] ,\"x\":{}}"),
         "{\"model\":\"T\",\"temperature\":0.70,\"stop\":[\"\\n\", 1],\"x\":{}," SO "," MESSAGES
         "}"},
        /* what the caller wrote stays alone, null too; an unknown name is looked up as well */
        {"{\"temperature\":1,\"top_k\":null,\"tfs\":2," SO "," MESSAGES "}",
         SETTINGS("{\"temperature\":0.7,\"top_k\":5,\"min_p\":0.1,\"tfs\":1,\"top_a\":0}"),
         "{\"model\":\"T\",\"min_p\":0.1,\"top_a\":0,\"temperature\":1,\"top_k\":null,\"tfs\":2," SO
         "," MESSAGES "}"},
        /* of the same name, but not at the top */
        {"{\"x\":{\"top_k\":1,\"tfs\":1}," SO "," MESSAGES "}", SETTINGS("{\"top_k\":5,\"tfs\":6}"),
         "{\"model\":\"T\",\"top_k\":5,\"tfs\":6,\"x\":{\"top_k\":1,\"tfs\":1}," SO "," MESSAGES
         "}"},
        /* by another name that says the same */
        {"{\"max_completion_tokens\":9," SO "," MESSAGES "}",
         SETTINGS("{\"n_predict\":5,\"max_tokens\":6}"),
         "{\"model\":\"T\",\"max_completion_tokens\":9," SO "," MESSAGES "}"},
        /* no limit, said aloud: the target's own holds */
        {"{\"max_tokens\":-1," SO "," MESSAGES ",\"n_predict\":-1.0}",
         SETTINGS("{\"n_predict\":5}"), "{\"model\":\"T\",\"n_predict\":5," SO "," MESSAGES "}"},
        /* settings steer no more than a caller may */
        {"{" SO "," MESSAGES "}",
         SETTINGS(
             "{\"model\":1,\"stream\":0,\"stream_options\":0,\"messages\":0,\"tools\":0,"
             "\"id_slot\":1,"
             "\"slot_id\":2,\"hearth\":3,\"response_format\":0,\"t\\u006fp_k\":1,\"top_k\":7}"),
         "{\"model\":\"T\",\"top_k\":7," SO "," MESSAGES "}"},
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

static void test_system(void **state)
{
#define SYSTEM_IS(text)                                                                            \
    {                                                                                              \
        SLICE("T"), true, -1, 0, {0}, SLICE(text)                                                  \
    }
#define WITH(messages) "{\"model\":\"m\"," SO ",\"messages\":" messages "}"
#define OUT(messages) "{\"model\":\"T\"," SO ",\"messages\":" messages "}"
    static const struct c cases[] = {
        {WITH("[" MESSAGE "]"), SYSTEM_IS("x"), OUT("[" SYSTEM("x") "," MESSAGE "]")},
        {WITH("[\n " MESSAGE " ]"), SYSTEM_IS("x"), OUT("[" SYSTEM("x") ",\n " MESSAGE " ]")},
        {WITH("[" MESSAGE "]"), SYSTEM_IS("a\"b\\\n"),
         OUT("[" SYSTEM("a\\\"b\\\\\\n") "," MESSAGE "]")},
        /* there is one, of either name, anywhere */
        {WITH("[" SYSTEM("own") "," MESSAGE "]"), SYSTEM_IS("x"),
         OUT("[" SYSTEM("own") "," MESSAGE "]")},
        {WITH("[" MESSAGE "," SYSTEM("own") "]"), SYSTEM_IS("x"),
         OUT("[" MESSAGE "," SYSTEM("own") "]")},
        {WITH("[{\"role\":\"developer\",\"content\":\"\"}]"), SYSTEM_IS("x"),
         OUT("[{\"role\":\"developer\",\"content\":\"\"}]")},
        {WITH("[{\"role\":\"s\\u0079stem\"}]"), SYSTEM_IS("x"),
         OUT("[{\"role\":\"s\\u0079stem\"}]")},
        /* others that only look so */
        {WITH("[{\"role\":\"user\",\"content\":\"system\",\"x\":{\"role\":\"system\"}}]"),
         SYSTEM_IS("x"),
         OUT("[" SYSTEM(
             "x") ",{\"role\":\"user\",\"content\":\"system\",\"x\":{\"role\":\"system\"}}]")},
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

/* -1 as a limit is said by saying nothing, to everybody. */
static void test_no_limit(void **state)
{
    static const struct c cases[] = {
        {"{\"max_tokens\":-1," SO "," MESSAGES "}", ANYBODY,
         "{\"model\":\"T\"," SO "," MESSAGES "}"},
        {"{" SO "," MESSAGES ",\"max_completion_tokens\" : -1.0 }", ANYBODY,
         "{\"model\":\"T\"," SO "," MESSAGES " }"},
        {"{" SO ",\"n_predict\":-1e0,\"max_tokens\":5," MESSAGES "}", ANYBODY,
         "{\"model\":\"T\"," SO ",\"max_tokens\":5," MESSAGES "}"},
        {"{" SO ",\"n_predict\":0," MESSAGES "}", ANYBODY,
         "{\"model\":\"T\"," SO ",\"n_predict\":0," MESSAGES "}"},
    };
    (void)state;
    check_all(cases, COUNT(cases));
}

/* The most edits that a call may need, and one more: refused while it is read, so that there is
 * room for what any target needs. */
static void test_most_edits(void **state)
{
    (void)state;
    for (size_t n = MOST_EDITS - 6; n <= MOST_EDITS - 5; n++) {
        struct arena arena = {0};
        struct call call;
        struct why why = {0};
        struct text body = {0}, out = {0};
        struct target t = {SLICE("T"), true, 1, 1, SLICE("{\"top_k\":1}"), SLICE("x")};
        text_add(&body, SLICE("{\"model\":\"m\"," MESSAGES));
        for (size_t i = 0; i < n; i++) /* one edit each, since something stays between them */
            text_format(&body, ",\"slot%zu\":1,\"k%zu\":1", i, i);
        text_byte(&body, '}'); /* and one more for the stream */
        enum err e =
            dialect_decode_call(DIALECT_OPENAI, CALL_CHAT, text_slice(&body), &arena, &call, &why);
        if (n <= MOST_EDITS - 6) {
            assert_int_equal(e, OK);
            assert_int_equal(encode_call(&call, &t, &out), OK);
        } else {
            assert_int_equal(e, ERR_BAD_REQUEST);
        }
        text_fini(&body);
        text_fini(&out);
        arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine),     cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_named_tool), cmocka_unit_test(test_system),
        cmocka_unit_test(test_no_limit),   cmocka_unit_test(test_most_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
