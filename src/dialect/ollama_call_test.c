/* Calls in Ollama's words: what each becomes in the common form, what is refused and in which
 * words, what is named as dropped, and which are no calls but wishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/dialect.h"

static unsigned wrong; /* all cases are tried before a test fails */

struct good {
    enum call_kind kind;
    const char *body, *common, *dropped;
};

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"
#define CHAT(more) "{\"model\":\"m\",\"messages\":[" USER "]" more "}"
#define COMMON(more) "{\"model\":\"m\",\"stream\":true,\"messages\":[" USER "]" more "}"
#define PNG "iVBORw0KGgoAAAA="

static const struct good goods[] = {
    {CALL_CHAT, CHAT(""), COMMON(""), ""},
    {CALL_CHAT, "{\"name\":\"m\",\"messages\":[" USER "]}", COMMON(""), ""},
    {CALL_CHAT, CHAT(",\"stream\":false"),
     "{\"model\":\"m\",\"stream\":false,\"messages\":[" USER "]}", ""},
    {CALL_CHAT, CHAT(",\"keep_alive\":\"1h30m\",\"truncate\":true,\"x\":null,\"y\":1"), COMMON(""),
     "keep_alive,truncate,y"},
    /* options */
    {CALL_CHAT,
     CHAT(",\"options\":{\"num_predict\":5,\"seed\":1,\"temperature\":0.5,\"top_k\":40.0,"
          "\"top_p\":0.9,\"min_p\":0.1,\"typical_p\":1,\"repeat_last_n\":-1,\"repeat_penalty\":1.1,"
          "\"presence_penalty\":1,\"frequency_penalty\":-1,\"mirostat\":1,\"mirostat_tau\":5,"
          "\"mirostat_eta\":0.1,\"stop\":[\"a\",\"b\"]}"),
     COMMON(",\"max_tokens\":5,\"seed\":1,\"temperature\":0.5,\"top_k\":40,\"top_p\":0.9,"
            "\"min_p\":0.1,\"typical_p\":1,\"repeat_last_n\":-1,\"repeat_penalty\":1.1,"
            "\"presence_penalty\":1,\"frequency_penalty\":-1,\"mirostat\":1,\"mirostat_tau\":5,"
            "\"mirostat_eta\":0.1,\"stop\":[\"a\",\"b\"]"),
     ""},
    {CALL_CHAT,
     CHAT(",\"options\":{\"num_predict\":-1,\"num_ctx\":4096,\"num_gpu\":1,\"num_thread\":2,"
          "\"numa\":false,\"stop\":[],\"nothing\":{},\"seed\":null}"),
     COMMON(""), "num_ctx,num_gpu,num_thread,numa,nothing"},
    {CALL_CHAT, CHAT(",\"options\":{\"num_predict\":-2,\"stop\":\"x\"}"), COMMON(",\"stop\":\"x\""),
     ""},
    {CALL_CHAT, CHAT(",\"options\":null"), COMMON(""), ""},
    /* format, think */
    {CALL_CHAT, CHAT(",\"format\":\"json\""),
     COMMON(",\"response_format\":{\"type\":\"json_object\"}"), ""},
    {CALL_CHAT, CHAT(",\"format\":\"\",\"think\":null"), COMMON(""), ""},
    {CALL_CHAT, CHAT(",\"format\":{\"type\":\"object\"}"),
     COMMON(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"format\","
            "\"schema\":{\"type\":\"object\"}}}"),
     ""},
    {CALL_CHAT, CHAT(",\"think\":false"),
     COMMON(",\"chat_template_kwargs\":{\"enable_thinking\":false}"), ""},
    {CALL_CHAT, CHAT(",\"think\":\"medium\""),
     COMMON(",\"reasoning_effort\":\"medium\",\"chat_template_kwargs\":{\"enable_thinking\":true}"),
     ""},
    {CALL_CHAT, CHAT(",\"logprobs\":true,\"top_logprobs\":3"),
     COMMON(",\"logprobs\":true,\"top_logprobs\":3"), ""},
    {CALL_CHAT, CHAT(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"),
     COMMON(",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]"), ""},
    {CALL_CHAT, CHAT(",\"tools\":[]"), COMMON(""), ""},
    /* messages */
    {CALL_CHAT,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"see\",\"images\":[\"" PNG
     "\",\"/9j/AA==\"]}]}",
     "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
     "\"text\",\"text\":\"see\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
     "\"data:image/png;base64," PNG "\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":"
     "\"data:image/jpeg;base64,/9j/AA==\"}}]}]}",
     ""},
    {CALL_CHAT,
     "{\"model\":\"m\",\"messages\":[" USER
     ",{\"role\":\"assistant\",\"content\":\"\",\"thinking\":"
     "\"hm\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}},{\"function\":"
     "{\"name\":\"g\",\"arguments\":{}}},{\"id\":\"c9\",\"function\":{\"name\":\"g\",\"arguments\":"
     "{\"b\":2}}}]},{\"role\":\"tool\",\"tool_name\":\"g\",\"content\":\"1\"},{\"role\":\"tool\","
     "\"tool_name\":\"f\",\"content\":\"2\"},{\"role\":\"tool\",\"content\":\"3\"}]}",
     "{\"model\":\"m\",\"stream\":true,\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":"
     "\"\",\"reasoning_content\":\"hm\",\"tool_calls\":[{\"id\":\"call_0\",\"type\":\"function\","
     "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"call_1\",\"type\":"
     "\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}},{\"id\":\"c9\",\"type\":"
     "\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{\\\"b\\\":2}\"}}]},{\"role\":"
     "\"tool\",\"tool_call_id\":\"call_1\",\"name\":\"g\",\"content\":\"1\"},{\"role\":\"tool\","
     "\"tool_call_id\":\"call_0\",\"name\":\"f\",\"content\":\"2\"},{\"role\":\"tool\","
     "\"tool_call_id\":\"c9\",\"content\":\"3\"}]}",
     ""},
    /* generate */
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"hi\"}", COMMON(""), ""},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"hi\",\"system\":\"be\",\"context\":[1]}",
     "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"system\",\"content\":\"be\"}," USER
     "]}",
     "context"},
    {CALL_COMPLETE,
     "{\"model\":\"m\",\"prompt\":\"hi\",\"raw\":true,\"stream\":false,\"keep_alive\":-1,"
     "\"options\":{\"num_predict\":3},\"format\":\"json\"}",
     "{\"model\":\"m\",\"stream\":false,\"prompt\":\"hi\",\"max_tokens\":3,\"json_schema\":"
     "{\"type\":\"object\"}}",
     "keep_alive"},
    /* vectors */
    {CALL_EMBED, "{\"model\":\"m\",\"input\":\"a\"}", "{\"model\":\"m\",\"input\":\"a\"}", ""},
    {CALL_EMBED, "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":8,\"truncate\":true}",
     "{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"dimensions\":8}", "truncate"},
    {CALL_VECTOR, "{\"model\":\"m\",\"prompt\":\"a\"}", "{\"model\":\"m\",\"input\":\"a\"}", ""},
};

static void judge_good(const struct good *c)
{
    struct arena arena = {0};
    struct call call = {0};
    struct why why = {0};
    enum err e =
        dialect_decode_call(DIALECT_OLLAMA, c->kind, slice_of(c->body), &arena, &call, &why);
    struct slice got = !e && call.common ? call.common->body : SLICE("");
    if (e || !slice_is(got, slice_of(c->common)) || !slice_is(call.dropped, slice_of(c->dropped)) ||
        !slice_is(call.model, SLICE("m"))) {
        print_message("%s:\n  %s %s\n  %.*s (%.*s)\n  not %s (%s)\n", c->body, err_row(e)->name,
                      why.text, SLICE_ARG(got), SLICE_ARG(call.dropped), c->common, c->dropped);
        wrong++;
    }
    arena_fini(&arena);
}

static void test_good(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(goods); i++)
        judge_good(&goods[i]);
    assert_int_equal(wrong, 0);
}

struct bad {
    enum call_kind kind;
    const char *body;
    enum err err;
    const char *words; /* its beginning; NULL: any */
};

static const struct bad bads[] = {
    {CALL_CHAT, "", ERR_BAD_JSON, NULL},
    {CALL_CHAT, "[]", ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"stream\":1"), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, "{\"model\":1,\"messages\":[" USER "]}", ERR_BAD_VALUE, NULL},
    {CALL_CHAT, "{\"model\":\"m\",\"messages\":{\"a\":1}}", ERR_BAD_VALUE, NULL},
    {CALL_CHAT, "{\"model\":\"m\",\"messages\":[1]}", ERR_BAD_VALUE, NULL},
    {CALL_CHAT, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[]}]}",
     ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"options\":[]"), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"options\":{\"num_predict\":\"x\"}"), ERR_BAD_VALUE,
     "option \"num_predict\" must be of type integer"},
    {CALL_CHAT, CHAT(",\"options\":{\"temperature\":\"hot\"}"), ERR_BAD_VALUE,
     "option \"temperature\" must be of type float32"},
    {CALL_CHAT, CHAT(",\"options\":{\"use_mmap\":1}"), ERR_BAD_VALUE,
     "option \"use_mmap\" must be of type boolean"},
    {CALL_CHAT, CHAT(",\"options\":{\"stop\":[1]}"), ERR_BAD_VALUE,
     "option \"stop\" must be of type array"},
    {CALL_CHAT, CHAT(",\"options\":{\"num_ctx\":[]}"), ERR_BAD_VALUE,
     "option \"num_ctx\" must be of type integer"},
    {CALL_CHAT, CHAT(",\"options\":{\"top_p\":7}"), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"format\":1"), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"format\":\"yaml\""), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"think\":\"deep\""), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"keep_alive\":\"soon\""), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"keep_alive\":\"5\""), ERR_BAD_VALUE, NULL},
    {CALL_CHAT, CHAT(",\"keep_alive\":{}"), ERR_BAD_VALUE, NULL},
    {CALL_CHAT,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\",\"images\":[\"AAAA\"]}]}",
     ERR_BAD_VALUE, NULL},
    {CALL_CHAT,
     "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\",\"images\":[\"" PNG
     "\\\"\"]}]}",
     ERR_BAD_VALUE, NULL},
    {CALL_CHAT, "{\"m\\u006fdel\":\"m\",\"messages\":[" USER "]}", ERR_BAD_REQUEST, NULL},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":[1]}", ERR_BAD_VALUE, NULL},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":\"b\"}", ERR_BAD_VALUE, NULL},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"a\",\"template\":\"b\"}", ERR_BAD_VALUE, NULL},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"a\",\"raw\":true,\"system\":\"b\"}",
     ERR_BAD_VALUE, "raw mode does not support template, system, or context"},
    {CALL_EMBED, "{\"model\":\"m\",\"input\":{}}", ERR_BAD_VALUE, NULL},
    {CALL_EMBED, "{\"model\":\"m\",\"input\":[1]}", ERR_BAD_VALUE, NULL},
    {CALL_VECTOR, "{\"model\":\"m\",\"prompt\":[\"a\"]}", ERR_BAD_VALUE, NULL},
};

static void test_bad(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(bads); i++) {
        const struct bad *c = &bads[i];
        struct arena arena = {0};
        struct call call;
        struct why why = {0};
        enum err e =
            dialect_decode_call(DIALECT_OLLAMA, c->kind, slice_of(c->body), &arena, &call, &why);
        if (e != c->err || why.code != e || (c->words && strcmp(why.text, c->words) != 0)) {
            print_message("%s: %s (%s), not %s\n", c->body, err_row(e)->name, why.text,
                          err_row(c->err)->name);
            wrong++;
        }
        arena_fini(&arena);
    }
    assert_int_equal(wrong, 0);
}

static void test_wishes(void **state)
{
    static const struct {
        enum call_kind kind;
        const char *body;
        enum call_wish wish;
    } cases[] = {
        {CALL_CHAT, "{\"model\":\"m\"}", WISH_LOAD},
        {CALL_CHAT, "{\"model\":\"m\",\"messages\":[]}", WISH_LOAD},
        {CALL_CHAT, "{\"model\":\"m\",\"messages\":[],\"keep_alive\":0}", WISH_UNLOAD},
        {CALL_CHAT, "{\"model\":\"m\",\"messages\":[],\"keep_alive\":\"0s\"}", WISH_UNLOAD},
        {CALL_CHAT, "{\"model\":\"m\",\"messages\":[],\"keep_alive\":\"0\"}", WISH_UNLOAD},
        {CALL_CHAT, "{\"model\":\"m\",\"messages\":[],\"keep_alive\":-1}", WISH_LOAD},
        {CALL_CHAT, "{\"model\":\"m\",\"messages\":[],\"keep_alive\":\"-1m\"}", WISH_LOAD},
        {CALL_CHAT, CHAT(",\"keep_alive\":0"), WISH_NONE},
        {CALL_COMPLETE, "{\"model\":\"m\"}", WISH_LOAD},
        {CALL_COMPLETE, "{\"model\":\"m\",\"keep_alive\":0,\"prompt\":\"\"}", WISH_UNLOAD},
        {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"\",\"images\":[\"" PNG "\"]}", WISH_NONE},
        {CALL_EMBED, "{\"model\":\"m\",\"input\":\"\"}", WISH_LOAD},
        {CALL_EMBED, "{\"model\":\"m\",\"input\":[],\"keep_alive\":0}", WISH_UNLOAD},
        {CALL_EMBED, "{\"model\":\"m\",\"input\":[\"\"]}", WISH_NONE},
        {CALL_VECTOR, "{\"model\":\"m\"}", WISH_LOAD},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct call call;
        struct why why = {0};
        enum err e = dialect_decode_call(DIALECT_OLLAMA, cases[i].kind, slice_of(cases[i].body),
                                         &arena, &call, &why);
        assert_int_equal(e, OK);
        assert_int_equal(call.wish, cases[i].wish);
        assert_true(slice_is(call.model, SLICE("m")));
        assert_int_equal(call.common == NULL, call.wish != WISH_NONE);
        arena_fini(&arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_wishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
