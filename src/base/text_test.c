/* Slices and texts. */
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define EXPECT(text, literal) assert_string_equal(text_cstr(text), literal)

static void check_slices(void **state)
{
    (void)state;
    struct slice none = {0};
    assert_true(slice_is(none, SLICE("")));
    assert_true(slice_is(slice_of(NULL), none));
    assert_true(slice_is(SLICE("a\0b"), (struct slice){"a\0b", 3}));
    assert_false(slice_is(SLICE("a"), SLICE("A")));
    assert_false(slice_is(SLICE("a"), SLICE("ab")));
    assert_true(slice_is_nocase(SLICE("aZ-9["), SLICE("Az-9[")));
    assert_false(slice_is_nocase(SLICE("["), SLICE("{"))); /* they differ by the same bit */
    assert_false(slice_is_nocase(SLICE("\xc3\xa4"), SLICE("\xc3\x84"))); /* ASCII only */
    assert_true(slice_begins(SLICE("abc"), SLICE("")));
    assert_true(slice_begins(SLICE("abc"), SLICE("abc")));
    assert_false(slice_begins(SLICE("abc"), SLICE("abcd")));
    assert_true(slice_ends(SLICE("abc"), SLICE("bc")));
    assert_true(slice_ends(none, none));
    assert_false(slice_ends(SLICE("bc"), SLICE("abc")));
    assert_int_equal(slice_find(SLICE("abca"), 'a'), 0);
    assert_int_equal(slice_find(SLICE("abc"), 'x'), 3);
    assert_int_equal(slice_find(none, 'x'), 0);
    assert_true(slice_is(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
    assert_int_equal(slice_trim(SLICE(" \t ")).len, 0);
    assert_true(slice_is(slice_trim(SLICE("\na\r")), SLICE("\na\r"))); /* blanks and tabs only */
    assert_int_equal(slice_from(none, 0).len, 0);
    assert_true(slice_is(slice_from(SLICE("abc"), 3), none));
}

static void check_order(void **state)
{
    (void)state;
    static const char *const sorted[] = {"", "A", "AA", "B", "a", "\xc3\xa4"};
    for (size_t i = 0; i < COUNT(sorted); i++) {
        for (size_t j = 0; j < COUNT(sorted); j++) {
            int order = slice_order(slice_of(sorted[i]), slice_of(sorted[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
    assert_true(slice_order((struct slice){0}, SLICE("")) == 0);
}

static void check_split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *parts; /* each part in brackets */
    } all[] = {
        {"a,b", "[a][b]"}, {"a", "[a]"},    {"", "[]"},           {",", "[][]"},
        {"a,", "[a][]"},   {",a", "[][a]"}, {"a,,b", "[a][][b]"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct text out = {0};
        struct slice part;
        for (struct slice rest = slice_of(all[i].text); slice_split(&rest, ',', &part);)
            text_format(&out, "[%.*s]", SLICE_ARG(part));
        EXPECT(&out, all[i].parts);
        text_fini(&out);
    }
    struct slice nothing = {0}, part;
    assert_false(slice_split(&nothing, ',', &part));
}

static void check_u64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        uint64_t n;
    } all[] = {
        {"0", true, 0},
        {"1", true, 1},
        {"00012", true, 12},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"a", false, 0},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        uint64_t n = 77;
        assert_int_equal(slice_u64(slice_of(all[i].text), &n), all[i].good);
        assert_int_equal(n, all[i].good ? all[i].n : 77);
    }
}

static void check_growth(void **state)
{
    (void)state;
    struct text t = {0};
    EXPECT(&t, "");
    text_add(&t, (struct slice){0});
    assert_null(t.ptr);
    for (int i = 0; i < 10000; i++)
        text_byte(&t, (char)('a' + i % 26));
    assert_int_equal(t.len, 10000);
    assert_int_equal(t.ptr[9999], 'a' + 9999 % 26);
    assert_int_equal(strlen(text_cstr(&t)), 10000);
    text_drop(&t, 9998);
    assert_int_equal(t.len, 2);
    assert_int_equal(t.ptr[1], 'a' + 9999 % 26);
    text_drop(&t, 0);
    text_drop(&t, 2);
    EXPECT(&t, "");
    text_drop(&t, 0);
    char *room = text_room(&t, 100000);
    assert_non_null(room);
    memset(room, 'x', 100000);
    t.len += 100000;
    assert_int_equal(strlen(text_cstr(&t)), 100000);
    text_clear(&t);
    EXPECT(&t, "");
    text_fini(&t);
    assert_null(t.ptr);
}

static void check_format(void **state)
{
    (void)state;
    struct text t = {0};
    text_format(&t, "%s", "");
    EXPECT(&t, "");
    text_format(&t, "%d-%s;", -5, "x");
    text_format(&t, "%.*s", SLICE_ARG(((struct slice){0})));
    text_u64(&t, 0);
    text_byte(&t, ' ');
    text_u64(&t, UINT64_MAX);
    EXPECT(&t, "-5-x;0 18446744073709551615");
    text_clear(&t);
    for (int i = 0; i < 300; i++)
        text_format(&t, "%03d", i);
    assert_int_equal(t.len, 900);
    assert_string_equal(text_cstr(&t) + 897, "299");
    text_fini(&t);
}

/* A text with a limit takes just so much, by whatever way, and fails once and for all. */
static void check_limit(void **state)
{
    (void)state;
    struct text t = {.limit = 10};
    text_add(&t, SLICE("0123456789"));
    assert_false(t.failed);
    EXPECT(&t, "0123456789");
    text_byte(&t, 'x');
    assert_true(t.failed);
    EXPECT(&t, ""); /* what is left of it is not to be used */
    text_clear(&t);
    text_format(&t, "%s", "0123456789");
    assert_false(t.failed);
    text_format(&t, "%s", "");
    assert_false(t.failed);
    text_format(&t, "%s", "x");
    assert_true(t.failed);
    assert_int_equal(t.len, 10);
    text_clear(&t);
    text_add(&t, SLICE("01234567890"));
    assert_true(t.failed);
    assert_int_equal(t.len, 0);
    text_add(&t, SLICE("0"));
    assert_int_equal(t.len, 0);
    assert_null(text_room(&t, 1));
    text_fini(&t);
    assert_int_equal(t.limit, 10);
    assert_null(text_room(&t, SIZE_MAX));
    text_clear(&t);
    t.limit = 0;
    text_byte(&t, 'x');
    assert_null(text_room(&t, SIZE_MAX)); /* the sum overflows */
    text_fini(&t);
}

static void check_visible(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *shown;
    } all[] = {
        {{"plain text", 10}, "plain text"},
        {{"a\nb\r\t", 5}, "a\\x0ab\\x0d\\x09"},
        {{"\x1b[31m", 5}, "\\x1b[31m"},
        {{"\0", 1}, "\\x00"},
        {{"\x7f", 1}, "\\x7f"},
        {SLICE("a\xe2\x80\xae"
               "b"),
         "a\\xe2\\x80\\xae"
         "b"},
        {SLICE("\xe2\x81\xa6"), "\\xe2\\x81\\xa6"},
        {SLICE("\xe2\x80\x94\xe2\x81"), "\xe2\x80\x94\xe2\x81"},
        {{"\xc2\x9b"
          "1m",
          4},
         "\\xc2\\x9b1m"}, /* CSI as one character */
        {{"\xc2\xa0", 2}, "\xc2\xa0"},
        {{"\xc2", 1}, "\xc2"},
        {{"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9}, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct text t = {0};
        text_visible(&t, all[i].text);
        EXPECT(&t, all[i].shown);
        text_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_slices), cmocka_unit_test(check_order),
        cmocka_unit_test(check_split),  cmocka_unit_test(check_u64),
        cmocka_unit_test(check_growth), cmocka_unit_test(check_format),
        cmocka_unit_test(check_limit),  cmocka_unit_test(check_visible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
