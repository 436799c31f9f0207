/* Targets that speak Ollama's words: what a call in the common form becomes for them and what they
 * cannot be asked; their lines, event by event, cut anywhere; and their whole answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/wire.h"

static unsigned wrong; /* all cases are tried before a test fails */

/* ---- calls ---------------------------------------------------------------------------------- */

struct call_case {
    enum call_kind kind;
    const char *body;
    enum err err;
    const char *out, *dropped; /* of an error: its param */
};

#define USER "{\"role\":\"user\",\"content\":\"hi\"}"
#define CHAT(more) "{\"model\":\"m\",\"messages\":[" USER "]" more "}"
#define OURS(more) "{\"model\":\"theirs\",\"messages\":[" USER "]" more ",\"stream\":true}"
#define ONE(message) "{\"model\":\"m\",\"messages\":[" message "]}"
#define THEIRS(message) "{\"model\":\"theirs\",\"messages\":[" message "],\"stream\":true}"

static const struct call_case calls[] = {
    {CALL_CHAT, CHAT(""), OK, OURS(""), ""},
    {CALL_CHAT, CHAT(",\"user\":\"u\",\"store\":null,\"top_n_sigma\":1"), OK, OURS(""),
     "user,top_n_sigma"},
    {CALL_CHAT,
     CHAT(",\"max_tokens\":5,\"max_completion_tokens\":6,\"temperature\":0.5,\"stop\":\"a\","
          "\"top_k\":3,\"n_keep\":2,\"seed\":null"),
     OK,
     OURS(",\"options\":{\"num_predict\":5,\"temperature\":0.5,\"stop\":[\"a\"],\"top_k\":3,"
          "\"num_keep\":2}"),
     ""},
    {CALL_CHAT, CHAT(",\"max_tokens\":-1,\"stop\":[]"), OK, OURS(""), ""},
    {CALL_CHAT, CHAT(",\"response_format\":{\"type\":\"text\"}"), OK, OURS(""), ""},
    {CALL_CHAT, CHAT(",\"response_format\":{\"type\":\"json_object\"}"), OK,
     OURS(",\"format\":\"json\""), ""},
    {CALL_CHAT,
     CHAT(",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\","
          "\"schema\":{\"type\":\"object\"}}}"),
     OK, OURS(",\"format\":{\"type\":\"object\"}"), ""},
    {CALL_CHAT, CHAT(",\"json_schema\":{\"type\":\"array\"}"), OK,
     OURS(",\"format\":{\"type\":\"array\"}"), ""},
    {CALL_CHAT, CHAT(",\"response_format\":{\"type\":\"grammar\"}"), ERR_CANNOT, NULL,
     "response_format"},
    {CALL_CHAT, CHAT(",\"tools\":[{\"a\":1}],\"tool_choice\":\"auto\""), OK,
     OURS(",\"tools\":[{\"a\":1}]"), ""},
    {CALL_CHAT, CHAT(",\"tools\":[{\"a\":1}],\"tool_choice\":\"none\""), OK, OURS(""), ""},
    {CALL_CHAT, CHAT(",\"tools\":[{\"a\":1}],\"tool_choice\":\"required\""), ERR_CANNOT, NULL,
     "tool_choice"},
    {CALL_CHAT, CHAT(",\"tools\":[{\"a\":1}],\"tool_choice\":{\"type\":\"function\"}"), ERR_CANNOT,
     NULL, "tool_choice"},
    {CALL_CHAT, CHAT(",\"reasoning_effort\":\"none\""), OK, OURS(",\"think\":false"), ""},
    {CALL_CHAT, CHAT(",\"reasoning_effort\":\"xhigh\""), OK, OURS(",\"think\":\"high\""), ""},
    {CALL_CHAT, CHAT(",\"chat_template_kwargs\":{\"enable_thinking\":true}"), OK,
     OURS(",\"think\":true"), ""},
    {CALL_CHAT, CHAT(",\"logprobs\":true"), ERR_CANNOT, NULL, "logprobs"},
    {CALL_CHAT, CHAT(",\"logprobs\":false,\"n\":1,\"logit_bias\":{},\"grammar\":\"\""), OK,
     OURS(""), ""},
    {CALL_CHAT, CHAT(",\"n\":2"), ERR_CANNOT, NULL, "n"},
    {CALL_CHAT, CHAT(",\"grammar\":\"root ::= [a]\""), ERR_CANNOT, NULL, "grammar"},
    {CALL_CHAT, CHAT(",\"logit_bias\":{\"1\":1}"), ERR_CANNOT, NULL, "logit_bias"},
    /* messages */
    {CALL_CHAT, ONE("{\"role\":\"developer\",\"content\":\"x\"}"), OK,
     THEIRS("{\"role\":\"system\",\"content\":\"x\"}"), ""},
    {CALL_CHAT,
     ONE("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
         "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}},{\"type\":\"text\","
         "\"text\":\"b\"}]}"),
     OK, THEIRS("{\"role\":\"user\",\"content\":\"a\\nb\",\"images\":[\"QUJD\"]}"), ""},
    {CALL_CHAT,
     ONE("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
         "\"http://x/y.png\"}}]}"),
     ERR_CANNOT, NULL, "messages"},
    {CALL_CHAT,
     ONE("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{}}]}"),
     ERR_CANNOT, NULL, "messages"},
    {CALL_CHAT,
     ONE(USER ",{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"hm\","
              "\"tool_calls\":[{\"id\":\"c1\",\"type\":\"function\",\"function\":{\"name\":\"f\","
              "\"arguments\":\"{\\\"a\\\":1}\"}},{\"id\":\"c2\",\"type\":\"function\",\"function\":"
              "{\"name\":\"g\",\"arguments\":\"\"}}]},{\"role\":\"tool\",\"tool_call_id\":\"c2\","
              "\"content\":\"r\"}"),
     OK,
     THEIRS(USER ",{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"hm\",\"tool_calls\":"
                 "[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1}}},{\"id\":"
                 "\"c2\",\"function\":{\"name\":\"g\",\"arguments\":{}}}]},{\"role\":\"tool\","
                 "\"tool_name\":\"g\",\"tool_call_id\":\"c2\",\"content\":\"r\"}"),
     ""},
    {CALL_CHAT,
     ONE("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
         "\"arguments\":\"{\"}}]}"),
     ERR_CANNOT, NULL, "messages"},
    {CALL_CHAT,
     ONE("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":\"f\","
         "\"arguments\":\"[1]\"}}]}"),
     ERR_CANNOT, NULL, "messages"},
    {CALL_CHAT, ONE("{\"role\":\"function\",\"name\":\"f\",\"content\":\"x\"}"), ERR_CANNOT, NULL,
     "messages"},
    /* texts, vectors */
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"a\",\"max_tokens\":3}", OK,
     "{\"model\":\"theirs\",\"prompt\":\"a\",\"raw\":true,\"options\":{\"num_predict\":3},"
     "\"stream\":false}",
     ""},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":[\"a\"],\"stream\":true}", OK,
     "{\"model\":\"theirs\",\"prompt\":\"a\",\"raw\":true,\"stream\":true}", ""},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}", ERR_CANNOT, NULL, "prompt"},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":[1,2]}", ERR_CANNOT, NULL, "prompt"},
    {CALL_COMPLETE, "{\"model\":\"m\",\"prompt\":\"a\",\"suffix\":\"b\"}", ERR_CANNOT, NULL,
     "suffix"},
    {CALL_EMBED,
     "{\"model\":\"m\",\"input\":[\"a\"],\"dimensions\":4,\"encoding_format\":\"float\"}", OK,
     "{\"model\":\"theirs\",\"input\":[\"a\"],\"dimensions\":4}", ""},
    {CALL_EMBED, "{\"model\":\"m\",\"input\":[1,2]}", ERR_CANNOT, NULL, "input"},
    {CALL_RERANK, "{\"model\":\"m\",\"query\":\"a\",\"documents\":[\"b\"]}", ERR_CANNOT, NULL, ""},
};

static void judge_call(const struct call_case *c)
{
    struct arena arena = {0};
    struct decoder d = {.model = SLICE("m"), .arena = &arena};
    struct target target = {.model = SLICE("theirs"), .slot = -1};
    struct call call;
    struct why why = {0};
    struct text out = {0};
    enum err e =
        dialect_decode_call(DIALECT_OPENAI, c->kind, slice_of(c->body), &arena, &call, &why);
    assert_int_equal(e, OK);
    e = decoder_begin(&d, &call, DIALECT_OLLAMA, &target, &out, &why);
    bool good = e == c->err;
    if (e)
        good = good && strcmp(why.param, c->dropped) == 0 && why.text[0];
    else
        good = good && slice_is(text_slice(&out), slice_of(c->out)) &&
               slice_is(text_slice(&d.dropped), slice_of(c->dropped));
    if (!good) {
        print_message("%s:\n  %s \"%s\" %s\n  %s (%s)\n  not %s (%s)\n", c->body, err_row(e)->name,
                      why.param, why.text, text_cstr(&out), text_cstr(&d.dropped),
                      c->out ? c->out : err_row(c->err)->name, c->dropped);
        wrong++;
    }
    text_fini(&out);
    decoder_fini(&d);
    arena_fini(&arena);
}

static void test_calls(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(calls); i++)
        judge_call(&calls[i]);
    assert_int_equal(wrong, 0);
}

/* ---- there and back ------------------------------------------------------------------------- */

/* What a caller of Ollama says, in the common form, for a target that speaks as he does, is what he
 * said: read again it has the same common form. */
static void test_there_and_back(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be\"}," USER
        ",{\"role\":\"assistant\",\"content\":\"ho\",\"thinking\":\"hm\"},{\"role\":\"user\",\"content\":"
        "\"a \\u20ac \\\" \\n\",\"images\":[\"iVBORw0KGgoAAAA=\",\"/9j/AA==\"]}]}",
        "{\"model\":\"m\",\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":\"\","
        "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":[1,{\"b\":null}]}}},"
        "{\"id\":\"x\",\"function\":{\"name\":\"g\",\"arguments\":{}}}]},{\"role\":\"tool\","
        "\"tool_name\":\"g\",\"content\":\"1\"},{\"role\":\"tool\",\"tool_name\":\"f\",\"content\":"
        "\"2\"}],\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}",
        CHAT(
            ",\"options\":{\"num_predict\":5,\"seed\":1,\"temperature\":0.25,\"top_k\":4,\"top_p\":0.5,"
            "\"min_p\":0.125,\"typical_p\":1,\"repeat_last_n\":-1,\"repeat_penalty\":1.5,"
            "\"presence_penalty\":1,\"frequency_penalty\":-1,\"mirostat\":1,\"mirostat_tau\":5,"
            "\"mirostat_eta\":0.5,\"stop\":[\"a\",\"b\"]}"),
        CHAT(",\"format\":\"json\",\"think\":false"),
        CHAT(",\"format\":{\"type\":\"object\",\"properties\":{}},\"think\":\"medium\""),
    };
    static const struct target target = {.model = SLICE("m"), .slot = -1};
    (void)state;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        struct arena arena = {0};
        struct decoder d = {.model = SLICE("m"), .arena = &arena};
        struct call call, again;
        struct why why = {0};
        struct text out = {0};
        assert_int_equal(dialect_decode_call(DIALECT_OLLAMA, CALL_CHAT, slice_of(bodies[i]), &arena,
                                             &call, &why),
                         OK);
        assert_int_equal(decoder_begin(&d, call.common, DIALECT_OLLAMA, &target, &out, &why), OK);
        assert_false(d.wire.own);
        assert_int_equal(d.dropped.len, 0);
        assert_int_equal(
            dialect_decode_call(DIALECT_OLLAMA, CALL_CHAT, text_slice(&out), &arena, &again, &why),
            OK);
        assert_int_equal(again.dropped.len, 0);
        if (!slice_is(call.common->body, again.common->body))
            fail_msg("%.*s\nnot %.*s", SLICE_ARG(again.common->body), SLICE_ARG(call.common->body));
        text_fini(&out);
        decoder_fini(&d);
        arena_fini(&arena);
    }
}

/* ---- lines ---------------------------------------------------------------------------------- */

static const char *const kind_names[] = {
    [EVENT_HEAD] = "head",   [EVENT_TEXT] = "text",   [EVENT_REASONING] = "thought",
    [EVENT_TOOL] = "tool",   [EVENT_BYTES] = "bytes", [EVENT_USAGE] = "usage",
    [EVENT_WHOLE] = "whole", [EVENT_END] = "end",     [EVENT_ERROR] = "error",
};

/* What a chunk in the common form tells, in few words. */
static void describe(const struct event *e, struct text *out)
{
    struct json_doc doc;
    text_format(out, "%s", kind_names[e->kind]);
    if (e->json.len && !json_read(e->json, &json_usual_limits, NULL, &doc, NULL)) {
        const struct json_value *choice = json_at(json_get(doc.root, "choices"), 0);
        const struct json_value *delta = json_get(choice, "delta");
        const struct json_value *tool = json_at(json_get(delta, "tool_calls"), 0);
        struct slice words[] = {
            json_text(json_get(delta, "content")),
            json_text(json_get(delta, "reasoning_content")),
            json_text(json_get(tool, "id")),
            json_text(json_get(json_get(tool, "function"), "name")),
            json_text(json_get(json_get(tool, "function"), "arguments")),
            json_text(json_get(choice, "finish_reason")),
        };
        assert_true(slice_is(json_text(json_get(doc.root, "model")), SLICE("m")));
        for (size_t i = 0; i < COUNT(words); i++)
            text_format(out, words[i].len ? " %.*s" : "", SLICE_ARG(words[i]));
        json_done(&doc);
    }
    if (e->usage.prompt >= 0 || e->usage.completion >= 0)
        text_format(out, " %d+%d", (int)e->usage.prompt, (int)e->usage.completion);
    text_byte(out, '\n');
}

static void begin(struct decoder *d, struct arena *arena, enum dialect from)
{
    static const struct target target = {.model = SLICE("theirs"), .slot = -1};
    struct slice body = SLICE(CHAT(",\"stream\":true"));
    struct call call;
    struct why why = {0};
    struct text out = {0};
    *d = (struct decoder){.model = SLICE("m"), .now_s = 7, .arena = arena};
    assert_int_equal(dialect_decode_call(from, CALL_CHAT, body, arena, &call, &why), OK);
    assert_int_equal(decoder_begin(d, &call, DIALECT_OLLAMA, &target, &out, &why), OK);
    text_fini(&out);
}

#define LINE(message, more) "{\"model\":\"theirs\",\"message\":{" message "},\"done\":" more "}"

struct line_case {
    const char *lines[4];
    enum err err;
    const char *told;
};
static const struct line_case line_cases[] = {
    {{LINE("\"role\":\"assistant\",\"content\":\"a\"", "false"),
      LINE("\"role\":\"assistant\",\"content\":\"\"", "false"),
      LINE("\"role\":\"assistant\",\"content\":\"b\"", "false"),
      LINE("\"content\":\"\"", "true,\"done_reason\":\"stop\",\"prompt_eval_count\":3,"
                               "\"eval_count\":2")},
     OK,
     "head\ntext a\nbytes\ntext b\nbytes stop\nusage 3+2\nend\n"},
    {{LINE("\"content\":\"a\",\"thinking\":\"t\",\"tool_calls\":[{\"function\":{\"name\":\"f\","
           "\"arguments\":{\"x\":1}}},{\"id\":\"c\",\"function\":{\"name\":\"g\"}}]",
           "true,\"done_reason\":\"stop\",\"eval_count\":2")},
     OK,
     "head\nthought t\ntext a\ntool call_7_0 f {\"x\":1}\ntool c g {}\nbytes tool_calls\n"
     "usage -1+2\nend\n"},
    {{LINE("\"content\":\"a\"", "true,\"done_reason\":\"length\"")},
     OK,
     "head\ntext a\nbytes length\nend\n"},
    {{LINE("\"content\":\"\"", "true")}, OK, "head\nbytes stop\nend\n"},
    {{LINE("\"content\":\"a\"", "false"), "{\"error\":\"it broke\"}"},
     ERR_HTTP_5XX,
     "head\ntext a\n"},
    {{"{"}, ERR_BAD_RESPONSE, ""},
    {{"[]"}, ERR_BAD_RESPONSE, ""},
};

static void judge_lines(const struct line_case *c)
{
    struct arena arena = {0};
    struct decoder d;
    struct text told = {0};
    struct why why = {0};
    enum err e = OK;
    begin(&d, &arena, DIALECT_OPENAI);
    for (size_t i = 0; !e && i < COUNT(c->lines) && c->lines[i]; i++) {
        unsigned times = 0;
        do {
            struct event event;
            e = decoder_event(&d, slice_of(c->lines[i]), slice_of(c->lines[i]), &event, &why);
            if (!e)
                describe(&event, &told);
            assert_true(++times < 20);
        } while (!e && d.progress.more);
    }
    if (e != c->err || strcmp(text_cstr(&told), c->told) != 0) {
        print_message("%s: %s %s\n%snot\n%s", c->lines[0], err_row(e)->name, why.text,
                      text_cstr(&told), c->told);
        wrong++;
    }
    text_fini(&told);
    decoder_fini(&d);
    arena_fini(&arena);
}

static void test_lines(void **state)
{
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(line_cases); i++)
        judge_lines(&line_cases[i]);
    assert_int_equal(wrong, 0);
}

/* The caller speaks the same words: the lines stay the target's but for the model. */
static void test_own_lines(void **state)
{
    static const struct {
        const char *raw, *out;
        enum event_kind kind;
    } cases[] = {
        {LINE("\"content\":\"a\"", "false") "\n",
         "{\"model\":\"m\",\"message\":{\"content\":\"a\"},\"done\":false}\n", EVENT_TEXT},
        {"{\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":false}\r\n",
         "{\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":false}\r\n", EVENT_HEAD},
        {LINE("\"thinking\":\"a\"", "false"),
         "{\"model\":\"m\",\"message\":{\"thinking\":\"a\"},\"done\":false}\n", EVENT_REASONING},
        {LINE("\"tool_calls\":[{}]", "false"),
         "{\"model\":\"m\",\"message\":{\"tool_calls\":[{}]},\"done\":false}\n", EVENT_TOOL},
        {LINE("\"content\":\"\"", "true,\"eval_count\":4"),
         "{\"model\":\"m\",\"message\":{\"content\":\"\"},\"done\":true,\"eval_count\":4}\n",
         EVENT_END},
    };
    struct arena arena = {0};
    struct decoder d;
    struct why why = {0};
    (void)state;
    begin(&d, &arena, DIALECT_OLLAMA);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice raw = slice_of(cases[i].raw),
                     data = slice_to(raw, min_size(slice_find(raw, '\r'), slice_find(raw, '\n')));
        struct event event;
        assert_int_equal(decoder_event(&d, raw, data, &event, &why), OK);
        assert_true(slice_is(event.raw, slice_of(cases[i].out)));
        assert_int_equal(event.kind, cases[i].kind);
        assert_true(event.ready && !d.progress.more);
    }
    decoder_fini(&d);
    arena_fini(&arena);
}

/* ---- whole answers -------------------------------------------------------------------------- */

static void test_whole(void **state)
{
    static const struct {
        enum call_kind kind;
        const char *body, *answer;
        enum err err;
        const char *out;
    } cases[] = {
        {CALL_COMPLETE, "{\"prompt\":\"a\"}",
         "{\"model\":\"theirs\",\"response\":\"b\",\"done\":true,\"done_reason\":\"length\","
         "\"prompt_eval_count\":3,\"eval_count\":2}",
         OK,
         "{\"id\":\"cmpl-0\",\"object\":\"text_completion\",\"created\":7,\"model\":\"m\","
         "\"choices\":[{\"index\":0,\"text\":\"b\",\"logprobs\":null,\"finish_reason\":"
         "\"length\"}],"
         "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5,"
         "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":"
         "{\"reasoning_tokens\":0}}}"},
        {CALL_EMBED, "{\"input\":\"a\"}", "{\"embeddings\":[[0.5,1]],\"prompt_eval_count\":3}", OK,
         "{\"object\":\"list\",\"model\":\"m\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
         "\"embedding\":[0.5,1]}],\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3}}"},
        {CALL_EMBED, "{\"input\":\"a\",\"encoding_format\":\"base64\"}",
         "{\"embeddings\":[[0.5],[1,-2]]}", OK,
         "{\"object\":\"list\",\"model\":\"m\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
         "\"embedding\":\"AAAAPw==\"},{\"object\":\"embedding\",\"index\":1,\"embedding\":"
         "\"AACAPwAAAMA=\"}],\"usage\":{\"prompt_tokens\":0,\"total_tokens\":0}}"},
        {CALL_EMBED, "{\"input\":\"a\"}", "{\"error\":\"no\"}", ERR_HTTP_5XX, ""},
        {CALL_EMBED, "{\"input\":\"a\"}", "{}", ERR_BAD_RESPONSE, ""},
        {CALL_COMPLETE, "{\"prompt\":\"a\"}", "{\"message\":{}}", ERR_BAD_RESPONSE, ""},
        {CALL_COMPLETE, "{\"prompt\":\"a\"}", "{", ERR_BAD_RESPONSE, ""},
    };
    static const struct target target = {.model = SLICE("theirs"), .slot = -1};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct decoder d = {.model = SLICE("m"), .now_s = 7, .arena = &arena};
        struct call call;
        struct why why = {0};
        struct text out = {0};
        struct event event = {0};
        assert_int_equal(dialect_decode_call(DIALECT_OPENAI, cases[i].kind, slice_of(cases[i].body),
                                             &arena, &call, &why),
                         OK);
        assert_int_equal(decoder_begin(&d, &call, DIALECT_OLLAMA, &target, &out, &why), OK);
        assert_true(d.wire.whole);
        enum err e = decoder_whole(&d, slice_of(cases[i].answer), &event, &why);
        assert_int_equal(e, cases[i].err);
        if (!e && !slice_is(event.json, slice_of(cases[i].out)))
            fail_msg("%.*s\nnot %s", SLICE_ARG(event.json), cases[i].out);
        text_fini(&out);
        decoder_fini(&d);
        arena_fini(&arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls), cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_lines), cmocka_unit_test(test_own_lines),
        cmocka_unit_test(test_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
