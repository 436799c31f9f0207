/* The error table is sane, and a struct why is filled as it says. */
#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool is_word(const char *s, const char *letters)
{
    return s[0] && strspn(s, letters) == strlen(s);
}

static void check_table(void **state)
{
    (void)state;
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz_";
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    static const char *const types[] = {
        "invalid_request_error", "permission_error", "rate_limit_error",
        "insufficient_quota",    "api_error",        "overloaded_error",
        "authentication_error"};
    assert_int_equal(OK, 0);
    assert_string_equal(err_row(OK)->name, "OK");
    for (size_t i = 1; i < ERR_COUNT; i++) {
        const struct err_row *row = err_row((enum err)i);
        bool known = false;
        assert_true(is_word(row->name, upper));
        assert_true(is_word(row->code, lower));
        for (size_t t = 0; t < COUNT(types); t++)
            known |= strcmp(row->type, types[t]) == 0;
        assert_true(known);
        assert_true(row->http >= 400 && row->http <= 599);
        /* words for a person: sentences, one line, visible characters */
        size_t len = strlen(row->words);
        assert_true(len >= 15 && len <= 150);
        assert_true(row->words[0] >= 'A' && row->words[0] <= 'Z');
        assert_true(row->words[len - 1] == '.' || row->words[len - 1] == '?');
        for (size_t c = 0; c < len; c++)
            assert_true(row->words[c] >= ' ' && row->words[c] <= '~');
        /* a caller's mistake is nobody else's, and no better at the next provider */
        if (row->blame == TARGET)
            assert_int_not_equal(row->again, NEVER);
        if (row->http < 500 && row->again != NEVER) /* nor is what one place cannot do a mistake */
            assert_true(row->http == 429 || i == ERR_CANNOT);
        for (size_t j = 1; j < i; j++)
            assert_string_not_equal(row->name, err_row((enum err)j)->name);
    }
}

static void check_why(void **state)
{
    (void)state;
    struct why why = {.sys = 7};
    assert_int_equal(why_set(&why, ERR_CONFIG, "a %d", 5), ERR_CONFIG);
    assert_int_equal(why.code, ERR_CONFIG);
    assert_int_equal(why.sys, 0);
    assert_string_equal(why.param, "");
    assert_string_equal(why.text, "a 5");
    assert_int_equal(why_param(&why, ERR_BAD_VALUE, "temperature", "too %s", "hot"), ERR_BAD_VALUE);
    assert_string_equal(why.param, "temperature");
    assert_string_equal(why.text, "too hot");
    assert_int_equal(why_sys(&why, ERR_SYSTEM, ENOENT, "open %s", "/x"), ERR_SYSTEM);
    assert_int_equal(why.sys, ENOENT);
    assert_string_equal(why.param, "");
    assert_string_equal(why.text, "open /x: No such file or directory");
    assert_int_equal(why_set(NULL, ERR_CONFIG, "nobody reads it"), ERR_CONFIG);
    assert_int_equal(why_param(NULL, ERR_CONFIG, "x", "nobody"), ERR_CONFIG);
    assert_int_equal(why_sys(NULL, ERR_CONFIG, EIO, "nobody"), ERR_CONFIG);
}

/* What is too long is cut, and still ends. */
static void check_long(void **state)
{
    (void)state;
    char big[2000];
    struct why why;
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    why_param(&why, ERR_CONFIG, big, "%s", big);
    assert_int_equal(strlen(why.param), sizeof why.param - 1);
    assert_int_equal(strlen(why.text), sizeof why.text - 1);
    why_sys(&why, ERR_CONFIG, EIO, "%s", big);
    assert_int_equal(strlen(why.text), sizeof why.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_table),
        cmocka_unit_test(check_why),
        cmocka_unit_test(check_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
