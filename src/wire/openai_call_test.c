/* Chat calls in OpenAI's form: what is taken, what is refused and for which field, and that what
 * goes on to a target is the caller's own bytes but for the few that must change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/testing.h"

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define KIB HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
#define CALL(more) "{" MESSAGES "," more "}"

/* All cases are tried before the test fails. */
static unsigned wrong;

static enum err decode(struct slice body, struct arena *arena, struct call *call, struct why *why)
{
    *why = (struct why){0};
    return dialect_decode_call(DIALECT_OPENAI, CALL_CHAT, body, arena, call, why);
}

static void expect(struct slice body, enum err err, const char *param)
{
    struct arena arena = {0};
    struct call call;
    struct why why;
    enum err e = decode(body, &arena, &call, &why);
    if (e != err || (e && (why.code != e || strcmp(why.param, param) != 0 || !why.text[0]))) {
        print_message("%.*s: %s (param \"%s\": %s), not %s (\"%s\")\n",
                      SLICE_ARG(slice_to(body, min_size(body.len, 120))), err_row(e)->name,
                      why.param, why.text, err_row(err)->name, param);
        wrong++;
    }
    arena_fini(&arena);
}

/* ---- what is taken -------------------------------------------------------------------------- */

static void test_bodies(void **state)
{
    static const struct {
        struct slice body;
        enum err err;
        const char *param;
    } cases[] = {
        {SLICE("{" MESSAGES "}"), OK, ""},
        {SLICE(" \r\n\t{" MESSAGES "}\n "), OK, ""},
        {SLICE(""), ERR_BAD_JSON, ""},
        {SLICE("{"), ERR_BAD_JSON, ""},
        {SLICE("{" MESSAGES "},"), ERR_BAD_JSON, ""},
        {SLICE("{" MESSAGES ",}"), ERR_BAD_JSON, ""},
        {SLICE("{" MESSAGES "} {}"), ERR_BAD_JSON, ""},
        {SLICE("\xef\xbb\xbf{" MESSAGES "}"), ERR_BAD_JSON, ""},
        {SLICE("{" MESSAGES ",\"user\":\"\xff\"}"), ERR_BAD_JSON, ""},
        {SLICE("{" MESSAGES ",\"user\":\"\\ud800\"}"), ERR_BAD_JSON, ""},
        {SLICE("{" MESSAGES ",\"user\":NaN}"), ERR_BAD_JSON, ""},
        {SLICE("[]"), ERR_BAD_VALUE, ""},
        {SLICE("null"), ERR_BAD_VALUE, ""},
        {SLICE("\"messages\""), ERR_BAD_VALUE, ""},
        {SLICE("{}"), ERR_MISSING_FIELD, "messages"},
        {SLICE("{\"messages\":null}"), ERR_MISSING_FIELD, "messages"},
        {SLICE("{\"messages\":{}}"), ERR_BAD_VALUE, "messages"},
        {SLICE("{\"messages\":[]}"), ERR_TOO_MANY, "messages"},
        {SLICE("{\"messages\":[1]}"), ERR_BAD_VALUE, "messages"},
        {SLICE("{\"messages\":[{}]}"), ERR_BAD_VALUE, "messages"},
        {SLICE("{\"messages\":[{\"role\":1,\"content\":\"x\"}]}"), ERR_BAD_VALUE, "messages"},
        {SLICE("{\"messages\":[{\"role\":\"user\"}]}"), OK, ""},
        {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":null}]}"), OK, ""},
        {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}"), OK, ""},
        {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":1}]}"), ERR_BAD_VALUE, "messages"},
        {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":{}}]}"), ERR_BAD_VALUE, "messages"},
        {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":[]}]}"), OK, ""},
        {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":[\"x\"]}]}"), ERR_BAD_VALUE,
         "messages"},
        {SLICE("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},"
               "{\"type\":\"image_url\","
               "\"image_url\":{\"url\":\"data:;base64,R0lGODlhAQABAA==\"}}]}]}"),
         OK, ""},
        {SLICE("{\"messages\":[{\"role\":\"new\",\"content\":\"x\",\"more\":{}}]}"), OK, ""},
        {SLICE("{" MESSAGES "," MESSAGES "}"), ERR_DUPLICATE_KEY, "messages"},
        {SLICE(CALL("\"model\":\"a\",\"model\":\"b\"")), ERR_DUPLICATE_KEY, "model"},
        {SLICE(CALL("\"x\":{\"y\":1,\"y\":2}")), ERR_DUPLICATE_KEY, "y"},
        {SLICE(CALL("\"unknown\":[1,{\"x\":null}]")), OK, ""},
        /* an escaped name could mean something else to somebody who compares bytes */
        {SLICE(CALL("\"mod\\u0065l\":\"x\"")), ERR_BAD_REQUEST, ""},
        {SLICE(CALL("\"\\u0068earth\":1")), ERR_BAD_REQUEST, ""},
        {SLICE(CALL("\"a\\/b\":1")), ERR_BAD_REQUEST, ""},
        {SLICE("{\"\\u006dessages\":[{\"role\":\"user\"}]}"), ERR_BAD_REQUEST, ""},
        {SLICE(CALL("\"model\":\"a\",\"mod\\u0065l\":\"b\"")), ERR_DUPLICATE_KEY, "model"},
        {SLICE(CALL("\"x\":{\"mod\\u0065l\":1}")), OK, ""},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++)
        expect(cases[i].body, cases[i].err, cases[i].param);
    assert_int_equal(wrong, 0);
}

/* Every field with a plain value: both ends of its bounds, and one step past them. */
static void test_fields(void **state)
{
    static const struct {
        const char *field, *good[6], *bad[6];
    } cases[] = {
        {"model", {"\"\"", "\"m\"", "\"\xc3\xa9\"", "null"}, {"1", "[]", "\"a\\u0000b\"", "true"}},
        {"stream", {"true", "false", "null"}, {"1", "\"true\"", "{}"}},
        {"stream_options",
         {"{}", "null", "{\"include_usage\":false}", "{\"include_usage\":1}"},
         {"true", "[]", "\"\""}},
        {"max_tokens",
         {"1", "2147483647", "1.0", "1e3", "null", "-1"},
         {"0", "-2", "2147483648", "1.5", "\"1\"", "1e300"}},
        {"max_completion_tokens",
         {"1", "2147483647", "null", "-1.0"},
         {"0", "-2", "2147483648", "-1.5", "\"-1\"", "18446744073709551615"}},
        {"n", {"1", "8", "null"}, {"0", "9", "-1", "1.5", "\"1\"", "true"}},
        {"temperature", {"0", "100", "0.0", "99.99", "-0", "null"}, {"-0.001", "100.001", "\"1\""}},
        {"top_p", {"0", "1", "0.5", "1.0"}, {"-0.0001", "1.0001", "\"1\"", "[]"}},
        {"frequency_penalty", {"-2", "2", "0", "-2.0"}, {"-2.001", "2.001", "\"0\""}},
        {"presence_penalty", {"-2", "2", "0", "2.0"}, {"-2.001", "2.001", "{}"}},
        {"seed",
         {"0", "-9223372036854775808", "9223372036854775807", "-1"},
         {"9223372036854775808", "0.5", "\"0\"", "1e300"}},
        {"logprobs", {"true", "false", "null"}, {"1", "\"\""}},
        {"top_logprobs", {"0", "20"}, {"-1", "21", "1.5", "true"}},
        {"tools", {"[]", "[{}]", "null"}, {"{}", "\"x\"", "[1]", "[{},null]"}},
        {"stop", {"\"x\"", "[]", "[\"a\",\"b\"]", "null", "\"\""}, {"1", "{}", "[1]", "[null]"}},
        {"logit_bias",
         {"{}", "{\"1\":-100,\"a\":false}", "null", "[[1,-100],[\"a\",false]]", "[{\"id\":1}]",
          "[]"},
         {"1", "{\"1\":\"2\"}", "[1]", "[[1,2,3]]", "[[1,true]]", "{\"1\":1.1e9}"}},
        {"response_format", {"{}", "{\"type\":\"json_object\"}", "null"}, {"\"json\"", "[]"}},
        {"user", {"\"\"", "\"u\"", "\"\\u0000\"", "null"}, {"1", "{}"}},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text body = {0};
        for (size_t k = 0; k < COUNT(cases[i].good); k++) {
            for (int bad = 0; bad < 2; bad++) {
                const char *value = bad ? cases[i].bad[k] : cases[i].good[k];
                if (!value)
                    continue;
                text_clear(&body);
                text_format(&body, "{\"%s\":%s," MESSAGES "}", cases[i].field, value);
                expect(text_slice(&body), bad ? ERR_BAD_VALUE : OK, bad ? cases[i].field : "");
            }
        }
        text_fini(&body);
    }
    assert_int_equal(wrong, 0);
}

/* ---- sizes: `each` n times with commas between, or n bytes ----------------------------------- */

static void test_sizes(void **state)
{
    static const struct {
        const char *before, *each, *after; /* %zu in each: its number */
        size_t most;                       /* so many are taken, one more is refused */
        bool comma;
        enum err err;
        const char *param;
    } cases[] = {
        {"{\"messages\":[", "{\"role\":\"user\"}", "]}", 4096, true, ERR_TOO_MANY, "messages"},
        {"{" MESSAGES ",\"tools\":[", "{}", "]}", 256, true, ERR_TOO_MANY, "tools"},
        {"{" MESSAGES ",\"stop\":[", "\"x\"", "]}", 16, true, ERR_TOO_MANY, "stop"},
        {"{" MESSAGES ",\"stop\":\"", "x", "\"}", 256, false, ERR_BAD_VALUE, "stop"},
        {"{" MESSAGES ",\"stop\":[\"", "x", "\"]}", 256, false, ERR_BAD_VALUE, "stop"},
        {"{" MESSAGES ",\"model\":\"", "x", "\"}", 512, false, ERR_BAD_VALUE, "model"},
        {"{" MESSAGES ",\"user\":\"", "x", "\"}", 1024, false, ERR_BAD_VALUE, "user"},
        {"{" MESSAGES ",\"logit_bias\":{", "\"%zu\":1", "}}", 1024, true, ERR_TOO_MANY,
         "logit_bias"},
        {"{" MESSAGES ",\"logit_bias\":[", "[%zu,1]", "]}", 1024, true, ERR_TOO_MANY, "logit_bias"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[", "{\"image_url\":\"http://x\"}", "]}]}",
         16, true, ERR_TOO_MANY, "messages"},
        {"{\"messages\":[", "{\"role\":\"user\",\"content\":[{\"image_url\":\"http://x\"}]}", "]}",
         16, true, ERR_TOO_MANY, "messages"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":\"", "x", "\"}]}", 8u << 20, false,
         ERR_BAD_VALUE, "messages"},
        {"{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"", "x", "\"}]}]}", 8u << 20,
         false, ERR_BAD_VALUE, "messages"},
        {"{" MESSAGES ",\"response_format\":{\"x\":\"", "x", "\"}}", (256u << 10) - 8, false,
         ERR_BAD_VALUE, "response_format"},
        {"{" MESSAGES ",\"tools\":[{\"x\":\"", "x", "\"}]}", (256u << 10) - 8, false, ERR_BAD_VALUE,
         "tools"},
        /* together larger than one may be */
        {"{" MESSAGES ",\"tools\":[", "{\"x\":\"" KIB KIB "\"}", "]}", 256, true, ERR_TOO_MANY,
         "tools"},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t n = cases[i].most; n <= cases[i].most + 1; n++) {
            struct text body = {0};
            text_add(&body, slice_of(cases[i].before));
            for (size_t k = 0; k < n; k++) {
                struct slice each = slice_of(cases[i].each), number = SLICE("%zu");
                size_t at = slice_find(each, '%');
                if (cases[i].comma && k)
                    text_byte(&body, ',');
                text_add(&body, slice_to(each, at));
                if (at < each.len) {
                    text_u64(&body, k);
                    text_add(&body, slice_from(each, at + number.len));
                }
            }
            text_add(&body, slice_of(cases[i].after));
            bool refused = n > cases[i].most;
            expect(text_slice(&body), refused ? cases[i].err : OK, refused ? cases[i].param : "");
            text_fini(&body);
        }
    }
    assert_int_equal(wrong, 0);
}

static void test_what_is_kept(void **state)
{
    static const struct {
        const char *body, *model;
        bool stream, wants_usage;
        unsigned messages, tools;
    } cases[] = {
        {"{" MESSAGES "}", "", false, false, 1, 0},
        {CALL("\"model\":\"a\\u0062\\/c\",\"stream\":true"), "ab/c", true, false, 1, 0},
        {CALL("\"model\":null,\"stream\":false,\"stream_options\":null"), "", false, false, 1, 0},
        {CALL("\"stream\":true,\"stream_options\":{\"include_usage\":true}"), "", true, true, 1, 0},
        {CALL("\"stream_options\":{\"include_usage\":false}"), "", false, false, 1, 0},
        {CALL("\"stream_options\":{\"include_usage\":1}"), "", false, false, 1, 0},
        {"{\"tools\":[{},{},{}],\"messages\":[{\"role\":\"a\"},{\"role\":\"b\"}]}", "", false,
         false, 2, 3},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena arena = {0};
        struct call call;
        struct why why;
        assert_int_equal(decode(slice_of(cases[i].body), &arena, &call, &why), OK);
        assert_int_equal(call.kind, CALL_CHAT);
        assert_int_equal(call.dialect, DIALECT_OPENAI);
        assert_true(slice_is(call.model, slice_of(cases[i].model)));
        assert_int_equal(call.stream, cases[i].stream);
        assert_int_equal(call.wants_usage, cases[i].wants_usage);
        assert_int_equal(call.messages, cases[i].messages);
        assert_int_equal(call.tools, cases[i].tools);
        assert_ptr_equal(call.body.ptr, cases[i].body);
        arena_fini(&arena);
    }
}

/* ---- what goes on --------------------------------------------------------------------------- */

static bool encode(struct slice body, struct slice model, struct text *out)
{
    struct arena arena = {0};
    struct call call;
    struct why why;
    enum err e = decode(body, &arena, &call, &why);
    if (e)
        print_message("%.*s: %s\n", SLICE_ARG(body), why.text);
    else
        e = encode_call(&call, &(struct target){.model = model, .slot = -1}, out);
    arena_fini(&arena);
    return !e;
}

#define S "\"stream\":true"
#define WITH(model, options)                                                                       \
    "{\"model\":\"" model "\",\"stream\":true,\"stream_options\":" options "," MESSAGES "}"
#define O "\"stream_options\":{\"include_usage\":true}"

static void test_edits(void **state)
{
    static const struct {
        const char *body, *result;
    } cases[] = {
        {"{" MESSAGES "}", "{\"model\":\"T\"," S "," O "," MESSAGES "}"},
        {" \n{ " MESSAGES "\t}\r\n", " \n{\"model\":\"T\"," S "," O ", " MESSAGES "\t}\r\n"},
        /* each of the three alone, in front and behind */
        {"{\"model\":\"a\"," MESSAGES "}", "{" S "," O ",\"model\":\"T\"," MESSAGES "}"},
        {CALL("\"model\":\"a\""), "{" S "," O "," MESSAGES ",\"model\":\"T\"}"},
        {"{\"stream\":false," MESSAGES "}", "{\"model\":\"T\"," O "," S "," MESSAGES "}"},
        {CALL("\"stream\":true"), "{\"model\":\"T\"," O "," MESSAGES "," S "}"},
        {"{\"stream_options\":{}," MESSAGES "}", "{\"model\":\"T\"," S "," O "," MESSAGES "}"},
        /* what else the options hold stays as it is */
        {WITH("m", "{\"include_usage\":false,\"x\":1}"),
         WITH("T", "{\"include_usage\":true,\"x\":1}")},
        {WITH("m", "{ \"x\" : {\"include_usage\":0}}"),
         WITH("T", "{ \"include_usage\":true,\"x\" : {\"include_usage\":0}}")},
        {WITH("m", "null"), WITH("T", "{\"include_usage\":true}")},
        /* two, and all three, in every order */
        {"{\"model\":\"a\",\"stream\":true," MESSAGES "}",
         "{" O ",\"model\":\"T\"," S "," MESSAGES "}"},
        {"{\"model\":\"a\"," MESSAGES ",\"stream\":null,\"stream_options\":null}",
         "{\"model\":\"T\"," MESSAGES "," S "," O "}"},
        {"{\"stream_options\":{}," MESSAGES ",\"stream\":false,\"model\":null}",
         "{" O "," MESSAGES "," S ",\"model\":\"T\"}"},
        {"{\"stream\":true,\"model\":\"\",\"stream_options\":{}," MESSAGES "}",
         "{" S ",\"model\":\"T\"," O "," MESSAGES "}"},
        /* odd formatting stays */
        {"{\n\t\"model\" :\r\n \"a\" ,\"x\" : [ 1 , 2.50e+1 ] , " MESSAGES " , \"stream\" : false "
         "\n}",
         "{" O ",\n\t\"model\" :\r\n \"T\" ,\"x\" : [ 1 , 2.50e+1 ] , " MESSAGES
         " , \"stream\" : true \n}"},
        {CALL("\"seed\":1.0,\"user\":\"\\u0041\\/\\ud83d\\ude00\xf0\x9f\x98\x80\",\"e\":1E3,"
              "\"big\":123456789012345678901234567890"),
         "{\"model\":\"T\"," S "," O "," MESSAGES
         ",\"seed\":1.0,\"user\":\"\\u0041\\/\\ud83d\\ude00\xf0\x9f\x98\x80\",\"e\":1E3,"
         "\"big\":123456789012345678901234567890}"},
        /* of the same name, but further in */
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{},\"x\":{\"model\":\"b\",\"stream\":"
         "false,\"stream_options\":1,\"hearth\":2,\"api_key\":[{\"id_slot\":3}]}," MESSAGES "}",
         "{\"model\":\"T\"," S "," O ",\"x\":{\"model\":\"b\",\"stream\":"
         "false,\"stream_options\":1,\"hearth\":2,\"api_key\":[{\"id_slot\":3}]}," MESSAGES "}"},
        /* braces, quotes and commas within texts */
        {"{\"a\":\"}{,\\\",\\\\\",\"model\":\"a\\\"\\\\\",\"hearth\":\"}]\\\",\",\"b\":\"{\","
         "" MESSAGES "}",
         "{" S "," O ",\"a\":\"}{,\\\",\\\\\",\"model\":\"T\",\"b\":\"{\"," MESSAGES "}"},
        /* names that only begin or end alike */
        {"{\"models\":1,\"Model\":2,\"\":3,\"hearth_\":4,\"api_keys\":5,\" model\":6," MESSAGES "}",
         "{\"model\":\"T\"," S "," O ",\"models\":1,\"Model\":2,\"\":3,\"hearth_\":4,"
         "\"api_keys\":5,\" model\":6," MESSAGES "}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text out = {0};
        assert_true(encode(slice_of(cases[i].body), SLICE("T"), &out));
        assert_string_equal(text_cstr(&out), cases[i].result);
        text_fini(&out);
    }
}

/* The target's name is written as JSON, whatever is in it. */
static void test_names(void **state)
{
    static const struct {
        struct slice name;
        const char *json;
    } cases[] = {
        {SLICE(""), "\"\""},
        {SLICE("a\"b\\c"), "\"a\\\"b\\\\c\""},
        {SLICE("a\nb"), "\"a\\nb\""},
        {SLICE("\",\"x\":\""), "\"\\\",\\\"x\\\":\\\"\""},
        {SLICE("\xc3\xa9"), "\"\xc3\xa9\""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text out = {0}, expected = {0};
        assert_true(encode(SLICE("{\"model\":\"a\"," MESSAGES "}"), cases[i].name, &out));
        text_format(&expected, "{" S "," O ",\"model\":%s," MESSAGES "}", cases[i].json);
        assert_string_equal(text_cstr(&out), text_cstr(&expected));
        text_clear(&out);
        text_clear(&expected);
        assert_true(encode(SLICE("{" MESSAGES "}"), cases[i].name, &out));
        text_format(&expected, "{\"model\":%s," S "," O "," MESSAGES "}", cases[i].json);
        assert_string_equal(text_cstr(&out), text_cstr(&expected));
        text_fini(&out);
        text_fini(&expected);
    }
}

/* One call encoded for one target after another. */
static void test_many_targets(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct call call;
    struct why why;
    struct text a = {0}, b = {0};
    struct target one = {.model = SLICE("one"), .slot = -1};
    struct target another = {.model = SLICE("another"), .slot = -1};
    assert_int_equal(decode(SLICE(CALL("\"model\":\"m\"")), &arena, &call, &why), OK);
    for (int i = 0; i < 40; i++) {
        text_clear(&a);
        assert_int_equal(encode_call(&call, &one, &a), OK);
        text_clear(&b);
        assert_int_equal(encode_call(&call, &another, &b), OK);
    }
    assert_string_equal(text_cstr(&a), "{" S "," O "," MESSAGES ",\"model\":\"one\"}");
    assert_string_equal(text_cstr(&b), "{" S "," O "," MESSAGES ",\"model\":\"another\"}");
    text_fini(&a);
    text_fini(&b);
    arena_fini(&arena);
}

/* ---- the strip table ------------------------------------------------------------------------ */

static const char *const stripped[] = {
    "hearth", "api_base", "base_url", "api_key", "n_discard", "id_slot", "sse_ping_interval",
};
static const char *const formats[] = {"{%s}", "{ %s }", "{\n  %s\n}"};
static const char *const commas[] = {",", " , ", ",\n  "};

/* Members of a body: 'm' messages, 'x' and 'y' unknown ones, digits those that are stripped. */
static void write_members(const char *pattern, const char *comma, bool kept_only, struct text *out)
{
    bool first = true;
    for (const char *c = pattern; *c; c++) {
        bool gone = *c >= '0' && *c <= '9';
        if (gone && kept_only)
            continue;
        if (!first)
            text_add(out, slice_of(comma));
        first = false;
        if (*c == 'm')
            text_add(out, SLICE(MESSAGES));
        else if (gone)
            text_format(out, "\"%s\" : {\"a\":[1,\"}\"]}", stripped[*c - '0']);
        else
            text_format(out, "\"%c\": \"%c, {\"", *c, *c);
    }
}

static void strip_one(const char *pattern)
{
    for (size_t i = 0; i < COUNT(formats) * COUNT(commas); i++) {
        const char *comma = commas[i / COUNT(formats)];
        struct text body = {0}, out = {0}, a = {0}, b = {0};
        struct slice format = slice_of(formats[i % COUNT(formats)]);
        size_t at = slice_find(format, '%');
        text_add(&body, slice_to(format, at));
        write_members(pattern, comma, false, &body);
        text_add(&body, slice_from(format, at + 2));
        assert_true(encode(text_slice(&body), SLICE("T"), &out));
        /* a member takes one comma with it, the blanks around which one is told by its place */
        struct json_doc doc;
        struct slice key;
        struct json_span span;
        struct why why;
        if (json_read(text_slice(&out), &json_usual_limits, NULL, &doc, &why))
            fail_msg("%s: %s", text_cstr(&out), why.text);
        json_done(&doc);
        write_members(pattern, "|", true, &a);
        for (size_t from = 0, n = 0; json_next_span(text_slice(&out), &from, &key, &span); n++) {
            if (n < 3)
                continue; /* model, stream, stream_options */
            if (n > 3)
                text_byte(&b, '|');
            text_add(&b, (struct slice){out.ptr + span.key, span.end - span.key});
        }
        assert_string_equal(text_cstr(&a), text_cstr(&b));
        struct text *const all[] = {&body, &out, &a, &b};
        for (size_t k = 0; k < COUNT(all); k++)
            text_fini(all[k]);
    }
}

static void test_strip(void **state)
{
    static const char *const patterns[] = {
        "m",         "0m",       "m0",         "0m1",      "01m",       "m01",
        "xm0y",      "x0my",     "0xmy",       "xmy0",     "x01my",     "x0m1y",
        "0x1m2y3",   "0123456m", "m0123456",   "012m3456", "x0123456m", "0123456xm",
        "0x123456m", "m0x1y",    "0m1x2y3456", "01x23m45", "6x5y4m321",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(patterns); i++)
        strip_one(patterns[i]);
    for (char c = '0'; c <= '6'; c++) { /* each of them, at each place */
        strip_one((char[]){c, 'm', 'x', 0});
        strip_one((char[]){'m', c, 'x', 0});
        strip_one((char[]){'m', 'x', c, 0});
    }
}

static void test_strip_bytes(void **state)
{
    static const struct {
        const char *body, *result;
    } cases[] = {
        {"{\"hearth\":{}," MESSAGES "}", "{\"model\":\"T\"," S "," O "," MESSAGES "}"},
        {"{ \"hearth\":{} , " MESSAGES " }", "{\"model\":\"T\"," S "," O ", " MESSAGES " }"},
        {"{" MESSAGES " , \"hearth\":{} }", "{\"model\":\"T\"," S "," O "," MESSAGES " }"},
        {"{" MESSAGES " , \"hearth\":1 , \"x\" : 2}",
         "{\"model\":\"T\"," S "," O "," MESSAGES " , \"x\" : 2}"},
        {"{\"model\":\"a\",\"api_key\":\"k\",\"stream\":false,\"base_url\":\"u\","
         "\"stream_options\":{},\"id_slot\":1," MESSAGES ",\"n_discard\":2}",
         "{\"model\":\"T\"," S "," O "," MESSAGES "}"},
        {"{\"api_key\":\"k\",\"hearth\":0,\"model\":\"a\",\"base_url\":\"u\",\"stream\":false,"
         "\"id_slot\":1,\"stream_options\":{},\"n_discard\":2,\"api_base\":3,"
         "" MESSAGES ",\"sse_ping_interval\":4}",
         "{\"model\":\"T\"," S "," O "," MESSAGES "}"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text out = {0};
        assert_true(encode(slice_of(cases[i].body), SLICE("T"), &out));
        assert_string_equal(text_cstr(&out), cases[i].result);
        text_fini(&out);
    }
}

static void test_path(void **state)
{
    (void)state;
    assert_string_equal(wire_path(&(struct wire)WIRE_CHAT), "/chat/completions");
    assert_null(wire_path(&(struct wire){.dialect = DIALECT_OPENAI, .kind = CALL_SPEAK}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),       cmocka_unit_test(test_fields),
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_edits),        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_targets), cmocka_unit_test(test_strip),
        cmocka_unit_test(test_strip_bytes),  cmocka_unit_test(test_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
