/* What Ollama's clients read, line by line and whole: text, thoughts, calls of tools that came in
 * pieces, numbers, vectors, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply/reply.h"

#define FRONT "{\"model\":\"m\",\"created_at\":\"1970-01-01T00:00:07Z\","
#define MESSAGE(more) FRONT "\"message\":{\"role\":\"assistant\"," more "},\"done\":false}\n"
#define CHUNK(delta, finish, more)                                                                 \
    "{\"id\":\"x\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{" delta      \
    "},\"finish_reason\":" finish "}]" more "}"
#define TOOL(part) CHUNK("\"tool_calls\":[" part "]", "null", "")
#define LAST(front, reason, numbers)                                                               \
    front "\"done\":true,\"done_reason\":\"" reason "\"" numbers "}\n"
#define SILENT FRONT "\"message\":{\"role\":\"assistant\",\"content\":\"\"},"
#define NUMBERS(total, prompt_n, prompt, n, answer)                                                \
    ",\"total_duration\":" total ",\"load_duration\":0,\"prompt_eval_count\":" prompt_n            \
    ",\"prompt_eval_duration\":" prompt ",\"eval_count\":" n ",\"eval_duration\":" answer
#define NOTHING NUMBERS("0", "0", "0", "0", "0")

static void tell(struct teller *t, const struct event *e, struct text *out)
{
    assert_int_equal(teller_tell(t, e, out), OK);
}

static void test_stream(void **state)
{
    static const struct {
        enum call_kind kind;
        const char *chunks[5], *told;
    } cases[] = {
        {CALL_CHAT,
         {CHUNK("\"role\":\"assistant\",\"content\":null", "null", ""),
          CHUNK("\"content\":\"a\\n\"", "null", ""),
          CHUNK("\"reasoning_content\":\"t\"", "null", ""),
          CHUNK("", "\"stop\"", ",\"timings\":{\"prompt_ms\":1.5,\"predicted_ms\":2}"),
          "{\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}"},
         MESSAGE("\"content\":\"a\\n\"") MESSAGE("\"content\":\"\",\"thinking\":\"t\"")
             LAST(SILENT, "stop", NUMBERS("3500000", "3", "1500000", "2", "2000000"))},
        {CALL_CHAT,
         {TOOL("{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\"}}"),
          TOOL("{\"index\":1,\"id\":\"d\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}"),
          TOOL("{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}"),
          CHUNK("", "\"tool_calls\"", "")},
         MESSAGE(
             "\"content\":\"\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"index\":0,\"name\":"
             "\"f\",\"arguments\":{\"a\":1}}},{\"id\":\"d\",\"function\":{\"index\":1,\"name\":"
             "\"g\",\"arguments\":{}}}]") LAST(SILENT, "stop", NOTHING)},
        {CALL_CHAT,
         {TOOL("{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{bad\"}}")},
         MESSAGE(
             "\"content\":\"\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"index\":0,\"name\":"
             "\"f\",\"arguments\":{\"arguments\":\"{bad\"}}}]") LAST(SILENT, "stop", NOTHING)},
        {CALL_CHAT,
         {CHUNK("\"refusal\":\"no\"", "null", ""), CHUNK("", "\"length\"", "")},
         MESSAGE("\"content\":\"no\"") LAST(SILENT, "length", NOTHING)},
        {CALL_CHAT, {CHUNK("", "\"load\"", "")}, LAST(SILENT, "load", "")},
        {CALL_COMPLETE,
         {CHUNK("\"content\":\"a\"", "null", ""), CHUNK("", "\"unload\"", "")},
         FRONT
         "\"response\":\"a\",\"done\":false}\n" LAST(FRONT "\"response\":\"\",", "unload", "")},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hearer l = {DIALECT_OLLAMA, cases[i].kind, false};
        struct teller *t = teller_new(&l);
        struct text out = {0};
        assert_non_null(t);
        for (size_t k = 0; k < COUNT(cases[i].chunks) && cases[i].chunks[k]; k++)
            tell(t, &(struct event){.kind = EVENT_BYTES, .json = slice_of(cases[i].chunks[k])},
                 &out);
        tell(t, &(struct event){.kind = EVENT_END}, &out);
        assert_string_equal(text_cstr(&out), cases[i].told);
        text_fini(&out);
        teller_free(t);
    }
}

/* Of a stream of text each chunk after the first is only its text. */
static void test_pieces(void **state)
{
    struct hearer l = {DIALECT_OLLAMA, CALL_CHAT, false};
    struct teller *t = teller_new(&l);
    struct text out = {0};
    (void)state;
    assert_non_null(t);
    tell(t, &(struct event){.kind = EVENT_HEAD, .json = SLICE(CHUNK("", "null", ""))}, &out);
    tell(t, &(struct event){.kind = EVENT_TEXT, .json = SLICE("{}"), .piece = SLICE("\\\"b")},
         &out);
    tell(t, &(struct event){.kind = EVENT_REASONING, .json = SLICE("{}"), .piece = SLICE("c")},
         &out);
    tell(t, &(struct event){.kind = EVENT_BYTES, .ready = true, .raw = SLICE(": x\n\n")}, &out);
    assert_string_equal(text_cstr(&out), MESSAGE("\"content\":\"\\\"b\"")
                                             MESSAGE("\"content\":\"\",\"thinking\":\"c\""));
    text_fini(&out);
    teller_free(t);
}

static void test_objects(void **state)
{
    static const struct {
        enum call_kind kind;
        const char *object, *out;
    } cases[] = {
        {CALL_CHAT,
         "{\"created\":7,\"model\":\"m\",\"choices\":[{\"message\":{\"content\":\"a\","
         "\"reasoning_content\":\"t\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
         "\"arguments\":\"{}\"}}]},\"logprobs\":{\"content\":[{\"token\":\"a\"}]},"
         "\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":3,"
         "\"completion_tokens\":2}}",
         FRONT "\"message\":{\"role\":\"assistant\",\"content\":\"a\",\"thinking\":\"t\","
               "\"tool_calls\":[{\"id\":\"c\",\"function\":{\"index\":0,\"name\":\"f\","
               "\"arguments\":{}}}]},\"logprobs\":[{\"token\":\"a\"}],\"done\":true,"
               "\"done_reason\":\"stop\"" NUMBERS("0", "3", "0", "2", "0") "}"},
        {CALL_COMPLETE,
         "{\"created\":7,\"model\":\"m\",\"choices\":[{\"text\":\"a\",\"finish_reason\":"
         "\"length\"}]}",
         FRONT "\"response\":\"a\",\"done\":true,\"done_reason\":\"length\"" NOTHING "}"},
        {CALL_EMBED,
         "{\"model\":\"m\",\"data\":[{\"index\":1,\"embedding\":[3,4]},{\"index\":0,\"embedding\":"
         "[0,0]},{\"index\":2,\"embedding\":[1,0]}],\"usage\":{\"prompt_tokens\":5}}",
         "{\"model\":\"m\",\"embeddings\":[[0,0],[0.6,0.8],[1,0]],\"total_duration\":0,"
         "\"load_duration\":0,\"prompt_eval_count\":5}"},
        {CALL_VECTOR, "{\"model\":\"m\",\"data\":[{\"index\":0,\"embedding\":[3,4]}]}",
         "{\"embedding\":[3,4]}"},
        {CALL_VECTOR, "{\"model\":\"m\",\"choices\":[]}", "{\"embedding\":[]}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hearer l = {DIALECT_OLLAMA, cases[i].kind, false};
        struct assembler *a = assembler_new(&l);
        struct text out = {0};
        struct event e = {.kind = EVENT_WHOLE, .json = slice_of(cases[i].object)};
        assert_non_null(a);
        assert_int_equal(assembler_add(a, &e), OK);
        assert_int_equal(assembler_finish(a, &out), OK);
        assert_string_equal(text_cstr(&out), cases[i].out);
        text_fini(&out);
        assembler_free(a);
    }
}

static void test_errors(void **state)
{
    struct why why = {0};
    struct text out = {0};
    (void)state;
    why_param(&why, ERR_BAD_VALUE, "options", "option \"x\" must be of type integer");
    reply_write_error(DIALECT_OLLAMA, &why, &out);
    assert_string_equal(text_cstr(&out), "{\"error\":\"option \\\"x\\\" must be of type integer. A "
                                         "field has a value that is not allowed; see param.\"}");
    text_clear(&out);
    reply_write_error_event(DIALECT_OLLAMA, &why, &out);
    assert_true(slice_ends(text_slice(&out), SLICE("\"}\n")));
    text_fini(&out);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
