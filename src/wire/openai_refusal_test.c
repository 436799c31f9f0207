/* Answers with another status than 200: what they mean for the next try, and what a person is told
 * of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/testing.h"

#define CODE(text) "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"" text "\"}}"

struct c {
    int status;
    const char *body;
    enum err err;
    const char *text; /* NULL: not looked at */
};

static void check(const struct c *cases, size_t n)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < n; i++) {
        struct why why = {0};
        enum err e =
            wire_read_refusal(DIALECT_OPENAI, cases[i].status, slice_of(cases[i].body), &why);
        bool same_text = !cases[i].text || strcmp(why.text, cases[i].text) == 0;
        if (e == cases[i].err && why.code == e && same_text)
            continue;
        print_message("%d %s: %s \"%s\", not %s \"%s\"\n", cases[i].status, cases[i].body,
                      err_row(e)->name, why.text, err_row(cases[i].err)->name,
                      cases[i].text ? cases[i].text : "");
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

static void test_status(void **state)
{
    static const struct c cases[] = {
        {400, "", ERR_TARGET_REFUSED, "it answered 400"},
        {401, "", ERR_AUTH_401_403, "it answered 401"},
        {402, "", ERR_QUOTA_402, "it answered 402"},
        {403, "", ERR_AUTH_401_403, "it answered 403"},
        {404, "", ERR_BAD_RESPONSE, "it answered 404"},
        {408, "", ERR_HTTP_408, "it answered 408"},
        {409, "", ERR_HTTP_409_LOADING, "it answered 409"},
        {413, "", ERR_TARGET_REFUSED, "it answered 413"},
        {422, "", ERR_TARGET_REFUSED, "it answered 422"},
        {429, "", ERR_HTTP_429, "it answered 429"},
        {500, "", ERR_HTTP_5XX, "it answered 500"},
        {502, "", ERR_HTTP_5XX, "it answered 502"},
        {503, "", ERR_HTTP_5XX, "it answered 503"},
        {504, "", ERR_HTTP_5XX, "it answered 504"},
        {529, "", ERR_OVERLOADED_529, "it answered 529"},
        {599, "", ERR_HTTP_5XX, "it answered 599"},
        {201, "", ERR_BAD_RESPONSE, "it answered 201"},
        {204, "", ERR_BAD_RESPONSE, "it answered 204"},
        {301, "", ERR_BAD_RESPONSE, "it answered 301"},
        {307, "", ERR_BAD_RESPONSE, "it answered 307"},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void test_codes(void **state)
{
    static const struct c cases[] = {
        {400, CODE("context_length_exceeded"), ERR_CTX_TOO_LONG, "it answered 400: m"},
        {413, CODE("context_length_exceeded"), ERR_CTX_TOO_LONG, NULL},
        {500, CODE("context_length_exceeded"), ERR_CTX_TOO_LONG, NULL},
        {400, CODE("content_policy_violation"), ERR_CONTENT_POLICY, NULL},
        {400, CODE("content_filter"), ERR_CONTENT_POLICY, NULL},
        {403, CODE("content_filter"), ERR_CONTENT_POLICY, NULL},
        {429, CODE("insufficient_quota"), ERR_QUOTA_402, NULL},
        {429, CODE("rate_limit_exceeded"), ERR_HTTP_429, NULL},
        {400, CODE("Context_length_exceeded"), ERR_TARGET_REFUSED, NULL},
        {400, CODE(""), ERR_TARGET_REFUSED, NULL},
        /* in `type`, where there is no text in `code` */
        {400, "{\"error\":{\"code\":400,\"message\":\"m\",\"type\":\"exceed_context_size_error\"}}",
         ERR_CTX_TOO_LONG, "it answered 400: m"},
        {429, "{\"error\":{\"type\":\"insufficient_quota\",\"code\":null}}", ERR_QUOTA_402, NULL},
        /* a status in `code` is the true one */
        {500, "{\"error\":{\"code\":429}}", ERR_HTTP_429, "it answered 429"},
        {503, "{\"error\":{\"code\":400}}", ERR_TARGET_REFUSED, "it answered 400"},
        {400, "{\"error\":{\"code\":599}}", ERR_HTTP_5XX, "it answered 599"},
        {503, "{\"error\":{\"code\":200}}", ERR_HTTP_5XX, "it answered 503"},
        {503, "{\"error\":{\"code\":600}}", ERR_HTTP_5XX, "it answered 503"},
        {503, "{\"error\":{\"code\":-1}}", ERR_HTTP_5XX, "it answered 503"},
        {503, "{\"error\":{\"code\":\"429\"}}", ERR_HTTP_5XX, "it answered 503"},
        /* without an error object, as some have it */
        {400, "{\"message\":\"m\",\"code\":\"context_length_exceeded\"}", ERR_CTX_TOO_LONG,
         "it answered 400: m"},
        {400, "{\"object\":\"error\",\"message\":\"m\",\"code\":400}", ERR_TARGET_REFUSED,
         "it answered 400: m"},
    };
    (void)state;
    check(cases, COUNT(cases));
}

static void test_words(void **state)
{
    static const struct c cases[] = {
        {400, "{\"error\":\"just words\"}", ERR_TARGET_REFUSED, "it answered 400: just words"},
        {400, "\"just words\"", ERR_TARGET_REFUSED, "it answered 400: just words"},
        {400, "{\"error\":{\"message\":\"\"}}", ERR_TARGET_REFUSED, "it answered 400"},
        {400, "{\"error\":{\"message\":1}}", ERR_TARGET_REFUSED, "it answered 400"},
        {400, "{\"error\":null}", ERR_TARGET_REFUSED, "it answered 400"},
        {400, "{\"error\":[]}", ERR_TARGET_REFUSED, "it answered 400"},
        {400, "[1,2]", ERR_TARGET_REFUSED, "it answered 400"},
        {400, "null", ERR_TARGET_REFUSED, "it answered 400"},
        /* no JSON: nothing of it is shown */
        {502, "<html><h1>Bad Gateway</h1></html>", ERR_HTTP_5XX, "it answered 502"},
        {400, "{\"error\":{\"message\":\"m\"", ERR_TARGET_REFUSED, "it answered 400"},
        {400, "{\"error\":{\"message\":\"m\"}} tail", ERR_TARGET_REFUSED, "it answered 400"},
        {429, "\xff\xfe", ERR_HTTP_429, "it answered 429"},
        /* what could fool a terminal is made visible */
        {400, "{\"error\":{\"message\":\"a\\n\\u001b[31mb\\r\\u0000c\\u007f\\u0085\"}}",
         ERR_TARGET_REFUSED, "it answered 400: a\\x0a\\x1b[31mb\\x0d\\x00c\\x7f\\xc2\\x85"},
        {400, "{\"error\":{\"message\":\"%s%n %d\"}}", ERR_TARGET_REFUSED,
         "it answered 400: %s%n %d"},
        {400, "{\"error\":{\"message\":\"caf\xc3\xa9 \xf0\x9f\x98\x80\"}}", ERR_TARGET_REFUSED,
         "it answered 400: caf\xc3\xa9 \xf0\x9f\x98\x80"},
    };
    (void)state;
    check(cases, COUNT(cases));
}

/* Long ones are cut, between characters: the words go into JSON and onto terminals. */
static void test_long(void **state)
{
    static const char *const each[] = {"x", "\\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    (void)state;
    for (size_t i = 0; i < COUNT(each); i++) {
        for (size_t shift = 0; shift < 5; shift++) {
            struct text body = {0}, again = {0};
            struct json_writer w = json_writer(&again);
            struct json_doc doc;
            struct why why = {0};
            text_add(&body, SLICE("{\"error\":{\"message\":\""));
            text_add(&body, slice_to(SLICE("12345"), shift));
            for (size_t k = 0; k < 5000; k++)
                text_add(&body, slice_of(each[i]));
            text_add(&body, SLICE("\"}}"));
            assert_int_equal(wire_read_refusal(DIALECT_OPENAI, 400, text_slice(&body), &why),
                             ERR_TARGET_REFUSED);
            assert_in_range(strlen(why.text), 150, sizeof why.text - 1);
            json_put_text(&w, slice_of(why.text));
            assert_int_equal(json_read(text_slice(&again), &json_usual_limits, NULL, &doc, NULL),
                             OK);
            assert_true(slice_is(json_text(doc.root), slice_of(why.text))); /* no U+FFFD in it */
            json_done(&doc);
            text_fini(&body);
            text_fini(&again);
        }
    }
}

static void test_too_deep(void **state)
{
    (void)state;
    struct text body = {0};
    struct why why;
    for (int i = 0; i < 100000; i++)
        text_byte(&body, '[');
    assert_int_equal(wire_read_refusal(DIALECT_OPENAI, 503, text_slice(&body), &why), ERR_HTTP_5XX);
    assert_int_equal(wire_read_refusal(DIALECT_OPENAI, 503, SLICE(""), NULL), ERR_HTTP_5XX);
    text_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),   cmocka_unit_test(test_codes),
        cmocka_unit_test(test_words),    cmocka_unit_test(test_long),
        cmocka_unit_test(test_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
