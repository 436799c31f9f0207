/* The page is small, whole and alone, and its policy names the very bytes that it runs. */
#include "web/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "crypt/crypt.h"

static size_t count(struct slice in, const char *what)
{
    size_t n = 0;
    for (; in.len; in = slice_from(in, 1))
        n += slice_begins(in, slice_of(what));
    return n;
}

static void test_it_is_one_small_file(void **state)
{
    (void)state;
    struct slice page = web_page();
    assert_true(slice_begins(page, SLICE("<!doctype html>")));
    assert_true(slice_ends(page, SLICE("</html>\n")));
    assert_in_range(page.len, 1000, WEB_MOST_BYTES);
    static const char *const once[] = {"<script type=\"module\">", "<script", "</script>", "<style",
                                       "</style>"};
    for (size_t i = 0; i < COUNT(once); i++)
        assert_int_equal(count(page, once[i]), 1);
}

/* What a policy by hash would not run, and what would fetch something. */
static void test_it_needs_nothing_else(void **state)
{
    (void)state;
    static const char *const never[] = {" src=",     "<link rel=\"stylesheet",
                                        "@import",   " onclick=",
                                        " onload=",  " style=\"",
                                        "eval(",     "innerHTML",
                                        "outerHTML", "document.write",
                                        "\r",        "import("};
    for (size_t i = 0; i < COUNT(never); i++)
        assert_int_equal(count(web_page(), never[i]), 0);
}

static void test_its_policy(void **state)
{
    (void)state;
    struct text policy = {0};
    assert_true(crypt_start());
    assert_int_equal(web_write_policy(&policy), OK);
    struct slice p = text_slice(&policy);
    assert_true(slice_begins(p, SLICE("default-src 'none'; ")));
    static const char *const never[] = {"unsafe", "*", "http", "blob:", "'nonce", "\n"};
    for (size_t i = 0; i < COUNT(never); i++)
        assert_int_equal(count(p, never[i]), 0);
    static const char *const once[] = {"connect-src 'self';", "script-src 'sha256-",
                                       "style-src 'sha256-", "frame-ancestors 'none'",
                                       "require-trusted-types-for 'script'"};
    for (size_t i = 0; i < COUNT(once); i++)
        assert_int_equal(count(p, once[i]), 1);
    assert_int_equal(count(p, "'sha256-"), 2); /* and browsers take them: test_page.py */
    text_fini(&policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_one_small_file),
        cmocka_unit_test(test_it_needs_nothing_else),
        cmocka_unit_test(test_its_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
