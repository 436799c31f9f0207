/* What a target that speaks Anthropic's Messages is sent for a call in the common form: what each
 * field becomes, what is refused or left out, and that a call which goes there and is read again
 * means the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/testing.h"

#define USER(content) "{\"role\":\"user\",\"content\":" content "}"
#define TALK(messages) "{\"messages\":[" messages "]}"
#define WITH(members) "{\"messages\":[" USER("\"hi\"") "]," members "}"
#define TEXT(words) "{\"type\":\"text\",\"text\":\"" words "\"}"
/* A picture of one pixel. */
#define PIXEL                                                                                      \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"   \
    "Jggg=="
#define IMAGE(url) "{\"type\":\"image_url\",\"image_url\":{\"url\":\"" url "\"}}"
#define FUNCTION(more) "{\"type\":\"function\",\"function\":{\"name\":\"n\"" more "}}"
#define CALL(id, arguments)                                                                        \
    "{\"id\":\"" id                                                                                \
    "\",\"type\":\"function\",\"function\":{\"name\":\"n\",\"arguments\":" arguments "}}"
#define CALLS(calls) "{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" calls "]}"
#define SCHEMA "{\"type\":\"object\"}"
#define TOOLS "\"tools\":[" FUNCTION("") "]"

static unsigned wrong; /* all cases are tried before a test fails */

struct tried {
    struct arena arena;
    struct decoder decoder;
    struct text body;
    struct why why;
    enum err err;
};

static struct tried try(enum call_kind kind, const char *common)
{
    struct tried t = {0};
    struct call call;
    const struct target target = {.model = SLICE("theirs"), .slot = -1};
    t.err = dialect_decode_call(DIALECT_OPENAI, kind, slice_of(common), &t.arena, &call, &t.why);
    if (!t.err)
        t.err = decoder_begin(&t.decoder, &call, DIALECT_ANTHROPIC, &target, &t.body, &t.why);
    return t;
}

static void done(struct tried *t)
{
    decoder_fini(&t->decoder);
    text_fini(&t->body);
    arena_fini(&t->arena);
}

static void expect(const char *common, const struct tried *t, const char *name, const char *wanted)
{
    struct json_span span;
    struct slice body = text_slice(&t->body), got = {0};
    if (!t->err && json_find_span(body, slice_of(name), &span))
        got = (struct slice){body.ptr + span.value, span.end - span.value};
    if (t->err || !slice_is(got, slice_of(wanted))) {
        print_message("%s\n gives   %s: %.*s\n and not %s\n", common, name,
                      SLICE_ARG(t->err ? slice_of(t->why.text) : got), wanted);
        wrong++;
    }
}

static void test_messages(void **state)
{
    static const char *const cases[][2] = {
        {TALK(USER("\"hi\"")), USER("[" TEXT("hi") "]")},
        {TALK(USER("\"a\"") "," USER("[" TEXT("b") "]")), USER("[" TEXT("a") "," TEXT("b") "]")},
        {TALK(USER("\"\"") "," USER("\"b\"")), USER("[" TEXT("b") "]")},
        {TALK(USER("[" IMAGE("data:image/png;base64," PIXEL) "]")),
         USER("[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
              "\"data\":\"" PIXEL "\"}}]")},
        {TALK(USER("[" IMAGE("https://example.org/a") "]")),
         USER("[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
              "\"https://example.org/a\"}}]")},
        {TALK(USER("[{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,"
                   "AA==\"}}]")),
         USER("[{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":"
              "\"application/pdf\",\"data\":\"AA==\"}}]")},
        {TALK(USER("\"a\"") "," CALLS(CALL("t 1", "\"{\\\"a\\\": [1]}\"") "," CALL("t2", "\"\""))),
         USER("[" TEXT("a") "]") ",{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
                                 "\"id\":\"t_1\",\"name\":\"n\",\"input\":{\"a\":[1]}},{\"type\":"
                                 "\"tool_use\",\"id\":\"t2\",\"name\":\"n\",\"input\":{}}]}"},
        {TALK("{\"role\":\"tool\",\"tool_call_id\":\"t\",\"content\":\"r\"}," USER("\"a\"")),
         USER(
             "[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"r\"}," TEXT("a") "]")},
        {TALK("{\"role\":\"system\",\"content\":\"s\"}"), USER("[" TEXT("s") "]")},
        {TALK("{\"role\":\"system\",\"content\":\"s\"}," USER(
             "\"a\"") ",{\"role\":\"assistant\","
                      "\"content\":\"b\",\"refusal\":\"c\"}"),
         USER("[" TEXT("a") "]") ",{\"role\":\"assistant\",\"content\":[" TEXT("b") "," TEXT(
             "c") "]}"},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tried t = try(CALL_CHAT, cases[i][0]);
        struct text wanted = {0};
        text_format(&wanted, "[%s]", cases[i][1]);
        expect(cases[i][0], &t, "messages", text_cstr(&wanted));
        text_fini(&wanted);
        done(&t);
    }
    assert_int_equal(wrong, 0);
}

static void test_members(void **state)
{
    static const struct {
        const char *common, *name, *wanted, *dropped;
    } cases[] = {
        {WITH("\"model\":\"ours\""), "model", "\"theirs\"", ""},
        {WITH("\"stream\":false"), "stream", "true", ""},
        {WITH("\"seed\":1"), "max_tokens", "8192", "seed"},
        {WITH("\"max_tokens\":5"), "max_tokens", "5", ""},
        {WITH("\"max_tokens\":5,\"max_completion_tokens\":6"), "max_tokens", "6", ""},
        {WITH("\"temperature\":1.5"), "temperature", "1", "temperature"},
        {WITH("\"temperature\":0.5"), "temperature", "0.5", ""},
        {WITH("\"top_k\":-1,\"top_p\":0.5"), "top_k", "", ""},
        {WITH("\"top_k\":4"), "top_k", "4", ""},
        {WITH("\"stop\":\"a\""), "stop_sequences", "[\"a\"]", ""},
        {WITH("\"stop\":[\"a\",\"\\n\"]"), "stop_sequences", "[\"a\"]", "stop"},
        {WITH("\"user\":\"u\""), "metadata", "{\"user_id\":\"u\"}", ""},
        {WITH("\"grammar\":\"\",\"n\":1,\"logprobs\":false,\"min_p\":0.1,\"penalty\":null"),
         "top_p", "", "min_p"},
        {WITH("\"tools\":[" FUNCTION(",\"description\":\"d\",\"parameters\":{\"a\":1}") "]"),
         "tools", "[{\"name\":\"n\",\"description\":\"d\",\"input_schema\":{\"a\":1}}]", ""},
        {WITH(TOOLS), "tools", "[{\"name\":\"n\",\"input_schema\":" SCHEMA "}]", ""},
        {WITH(TOOLS), "tool_choice", "", ""},
        {WITH(TOOLS ",\"tool_choice\":\"required\""), "tool_choice", "{\"type\":\"any\"}", ""},
        {WITH(TOOLS ",\"tool_choice\":\"none\",\"parallel_tool_calls\":false"), "tool_choice",
         "{\"type\":\"none\"}", ""},
        {WITH(TOOLS ",\"parallel_tool_calls\":false"), "tool_choice",
         "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}", ""},
        {WITH(TOOLS ",\"tool_choice\":" FUNCTION("")), "tool_choice",
         "{\"type\":\"tool\",\"name\":\"n\"}", ""},
        {WITH("\"tool_choice\":\"auto\""), "tool_choice", "", ""},
        {WITH("\"reasoning_effort\":\"medium\""), "output_config", "{\"effort\":\"medium\"}", ""},
        {WITH("\"reasoning_effort\":\"none\""), "thinking", "{\"type\":\"disabled\"}", ""},
        {WITH("\"reasoning_effort\":\"odd\""), "output_config", "", "reasoning_effort"},
        {WITH("\"thinking_budget_tokens\":2000"), "thinking",
         "{\"type\":\"enabled\",\"budget_tokens\":2000}", ""},
        {WITH("\"thinking_budget_tokens\":2000"), "max_tokens", "10192", ""},
        {WITH("\"thinking_budget_tokens\":2000,\"max_tokens\":1500"), "thinking",
         "{\"type\":\"enabled\",\"budget_tokens\":1499}", ""},
        {WITH("\"thinking_budget_tokens\":2000,\"max_tokens\":500"), "thinking", "",
         "thinking_budget_tokens"},
        {WITH("\"chat_template_kwargs\":{\"enable_thinking\":false}"), "thinking",
         "{\"type\":\"disabled\"}", ""},
        {WITH("\"chat_template_kwargs\":{\"enable_thinking\":true,\"x\":1}"), "thinking",
         "{\"type\":\"adaptive\"}", "chat_template_kwargs"},
        {WITH("\"response_format\":{\"type\":\"text\"}"), "output_config", "", ""},
        {WITH("\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":" SCHEMA
              "}}"),
         "output_config", "{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}}", ""},
        {WITH("\"json_schema\":" SCHEMA), "output_config",
         "{\"format\":{\"type\":\"json_schema\",\"schema\":" SCHEMA "}}", ""},
        {TALK("{\"role\":\"system\",\"content\":\"s\"}," USER("\"a\"") ",{\"role\":\"developer\","
                                                                       "\"content\":[" TEXT(
                                                                           "d") "]}"),
         "system", "[" TEXT("s") "," TEXT("d") "]", ""},
        {TALK(USER("\"a\"") ",{\"role\":\"assistant\",\"content\":\"b\",\"reasoning_content\":"
                            "\"c\"}"),
         "system", "", "reasoning_content"},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tried t = try(CALL_CHAT, cases[i].common);
        expect(cases[i].common, &t, cases[i].name, cases[i].wanted);
        if (!slice_is(text_slice(&t.decoder.dropped), slice_of(cases[i].dropped))) {
            print_message("%s\n leaves out %s\n", cases[i].common, text_cstr(&t.decoder.dropped));
            wrong++;
        }
        done(&t);
    }
    assert_int_equal(wrong, 0);
}

static void test_beyond(void **state)
{
    static const char *const cases[][2] = {
        {WITH("\"grammar\":\"root ::= [a]\""), "grammar"},
        {WITH("\"logprobs\":true"), "logprobs"},
        {WITH("\"top_logprobs\":2"), "top_logprobs"},
        {WITH("\"n\":2"), "n"},
        {WITH("\"modalities\":[\"text\",\"audio\"]"), "modalities"},
        {WITH("\"functions\":[{}]"), "functions"},
        {WITH("\"response_format\":{\"type\":\"json_object\"}"), "response_format"},
        {WITH("\"response_format\":{\"type\":\"odd\"}"), "response_format"},
        {WITH("\"json_schema\":true"), "response_format"},
        {WITH("\"tools\":[{\"type\":\"custom\"}]"), "tools"},
        {WITH(TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\"}"), "tool_choice"},
        {TALK(USER("[{\"type\":\"input_audio\"}]")), "messages"},
        {TALK(CALLS(CALL("t", "\"[]\""))), "messages"},
        {TALK(CALLS(CALL("t", "\"{\""))), "messages"},
        {TALK("{\"role\":\"odd\"}"), "messages"},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tried t = try(CALL_CHAT, cases[i][0]);
        if (t.err != ERR_CANNOT || strcmp(t.why.param, cases[i][1]) != 0 || !t.why.text[0]) {
            print_message("%s\n is %s: %s\n", cases[i][0], err_row(t.err)->name, t.why.text);
            wrong++;
        }
        done(&t);
    }
    assert_int_equal(wrong, 0);
}

static void test_text(void **state)
{
    (void)state;
    wrong = 0;
    struct tried t = try(CALL_COMPLETE, "{\"prompt\":\"hi\"}");
    expect("a prompt", &t, "messages", "[" USER("[" TEXT("hi") "]") "]");
    done(&t);
    t = try(CALL_COMPLETE, "{\"prompt\":[\"a\",\"b\"]}");
    assert_int_equal(t.err, ERR_CANNOT);
    done(&t);
    t = try(CALL_EMBED, "{\"input\":\"hi\"}");
    assert_int_equal(t.err, ERR_CANNOT);
    done(&t);
    assert_int_equal(wrong, 0);
}

/* ---- there and back ------------------------------------------------------------------------- */

static bool equal(const struct json_value *a, const struct json_value *b)
{
    if (json_count(a) != json_count(b))
        return false;
    if (json_is_object(a)) {
        for (struct json_iter i = json_begin(a); json_next(&i);) {
            struct text key = {0};
            text_add(&key, i.key);
            bool same = equal(i.value, json_get(b, text_cstr(&key)));
            text_fini(&key);
            if (!same)
                return false;
        }
        return json_is_object(b);
    }
    if (json_is_array(a)) {
        for (size_t i = 0; i < json_count(a); i++) {
            if (!equal(json_at(a, i), json_at(b, i)))
                return false;
        }
        return json_is_array(b);
    }
    struct text x = {0}, y = {0};
    if (a)
        json_copy(a, &x);
    if (b)
        json_copy(b, &y);
    bool same = slice_is(text_slice(&x), text_slice(&y));
    text_fini(&x);
    text_fini(&y);
    return same;
}

static void expect_same(const char *common)
{
    struct arena arena = {0};
    struct call call;
    struct why why;
    struct json_doc one, two;
    struct tried t = try(CALL_CHAT, common);
    assert_int_equal(t.err, OK);
    assert_int_equal(
        dialect_decode_call(DIALECT_ANTHROPIC, CALL_CHAT, text_slice(&t.body), &arena, &call, &why),
        OK);
    assert_int_equal(call.dropped.len, 0);
    assert_int_equal(json_read(slice_of(common), &json_usual_limits, NULL, &one, NULL), OK);
    assert_int_equal(json_read(call.common->body, &json_usual_limits, NULL, &two, NULL), OK);
    if (!equal(one.root, two.root)) {
        print_message("%s\n came back as\n%.*s\n", common, SLICE_ARG(call.common->body));
        wrong++;
    }
    json_done(&one);
    json_done(&two);
    done(&t);
    arena_fini(&arena);
}

#define TOOLS_BACK "\"tools\":[" FUNCTION(",\"description\":\"d\",\"parameters\":" SCHEMA) "]"
#define RESULT(id, words)                                                                          \
    "{\"role\":\"tool\",\"tool_call_id\":\"" id "\",\"content\":\"" words "\"}"
#define FIRST CALL("t1", "\"{\\\"a\\\":\\\"\\u00fc\\\"}\"")
#define SECOND CALL("t2", "\"{}\"")
#define THIRD CALL("t3", "\"{\\\"b\\\":[1,{}]}\"")
#define BOTH "{\"role\":\"assistant\",\"content\":\"so\",\"tool_calls\":[" FIRST "," SECOND "]}"
#define RESULTS RESULT("t1", "r") "," RESULT("t2", "")
#define USED USER("\"hi\"") "," BOTH "," RESULTS "," USER("\"a\"") "," CALLS(THIRD)
#define REST "\"model\":\"theirs\",\"max_tokens\":9,\"stream\":true"

static void test_there_and_back(void **state)
{
    static const char *const cases[] = {
        "{" REST ",\"messages\":[" USER("\"hi\"") "]}",
        "{" REST
        ",\"temperature\":0.5,\"top_p\":0.5,\"top_k\":3,\"stop\":[\"a\",\"b\"],\"user\":\"u\","
        "\"reasoning_effort\":\"high\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," USER(
            "[" TEXT("a") "," IMAGE("data:image/png;base64," PIXEL) "," IMAGE(
                "https://e/a") "]") "]}",
        "{" REST "," TOOLS_BACK
        ",\"tool_choice\":\"required\",\"parallel_tool_calls\":false,\"messages\":[" USED "]}",
        "{" REST
        ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"output\","
        "\"strict\":true,\"schema\":" SCHEMA "}},\"messages\":[" USER("\"hi\"") "]}",
        "{" REST
        ",\"chat_template_kwargs\":{\"enable_thinking\":false},\"messages\":[" USER("\"hi\"") "]}",
        "{\"model\":\"theirs\",\"stream\":true,\"max_tokens\":5000,\"thinking_budget_tokens\":2000,"
        "\"chat_template_kwargs\":{\"enable_thinking\":true},\"messages\":[" USER("\"hi\"") "]}",
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect_same(cases[i]);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages),       cmocka_unit_test(test_members),
        cmocka_unit_test(test_beyond),         cmocka_unit_test(test_text),
        cmocka_unit_test(test_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
