/* vectors: floats there and back, whichever way they are wanted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/codec.h"

#define NUMBERS                                                                                    \
    "{\"model\":\"m\",\"data\":[{\"index\":0,\"embedding\":[0,1,-2.5]},"                           \
    "{\"embedding\":[0.5],\"index\":1}],\"usage\":{\"prompt_tokens\":1}}"
#define CODED                                                                                      \
    "{\"model\":\"m\",\"data\":[{\"index\":0,\"embedding\":\"AAAAAAAAgD8AACDA\"},"                 \
    "{\"embedding\":\"AAAAPw==\",\"index\":1}],\"usage\":{\"prompt_tokens\":1}}"

static enum err turn(const char *from, bool base64, struct text *out)
{
    struct decoder d = {.wire = {.kind = CALL_EMBED, .base64 = base64}};
    struct event event = {.json = slice_of(from)};
    struct json_doc doc;
    struct why why;
    enum err e = json_read(slice_of(from), &json_usual_limits, NULL, &doc, &why);
    assert_int_equal(e, OK);
    if (!vectors_fit(&d, doc.root))
        e = vectors_turn(&d, doc.root, &event, &why);
    json_done(&doc);
    text_add(out, event.json);
    decoder_fini(&d);
    return e;
}

static void as_asked(void **state)
{
    (void)state;
    const struct {
        const char *from, *to;
        bool base64;
    } rows[] = {
        {NUMBERS, NUMBERS, false},
        {NUMBERS, CODED, true},
        {CODED, CODED, true},
        {"{\"data\":[{\"embedding\":\"AAAAPw==\"}]}", "{\"data\":[{\"embedding\":[0.5]}]}", false},
        {"{\"data\":[]}", "{\"data\":[]}", true},
        {"{}", "{}", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text out = {0};
        assert_int_equal(turn(rows[i].from, rows[i].base64, &out), OK);
        assert_string_equal(text_cstr(&out), rows[i].to);
        text_fini(&out);
    }
}

static void what_is_no_vector(void **state)
{
    (void)state;
    const char *const rows[] = {"AAA", "AAAA?A==", "hello world"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text from = {0}, out = {0};
        text_format(&from, "{\"data\":[{\"embedding\":\"%s\"}]}", rows[i]);
        assert_int_equal(turn(text_cstr(&from), false, &out), ERR_BAD_RESPONSE);
        text_fini(&from);
        text_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_asked),
                                       cmocka_unit_test(what_is_no_vector)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
