/* Moments: each form, and what is none. */
#include "base/when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW 1700000000000u /* 2023-11-14T22:13:20Z */

static void test_moments(void **state)
{
    static const struct {
        const char *words;
        uint64_t ms;
    } rows[] = {
        {"0", 0},
        {"1700000000000", NOW},
        {"253402300799999", 253402300799999u},
        {"0s", NOW},
        {"90s", NOW - 90000},
        {"2min", NOW - 120000},
        {"2m", NOW - 120000},
        {"2h", NOW - 7200000},
        {"7d", NOW - 7 * 86400000u},
        {"2w", NOW - 14 * 86400000u},
        {"1970-01-01", 0},
        {"1970-01-02", 86400000},
        {"2000-02-29", 951782400000},
        {"2023-11-14T22:13:20Z", NOW},
        {"2023-11-14T22:13:20", NOW},
        {"2023-11-14T22:13:20.250Z", NOW + 250},
        {"2023-11-14T22:13", NOW - 20000},
        {"2024-12-31T23:59:59.999Z", 1735689599999},
        {"9999-12-31T23:59:59.999Z", 253402300799999u},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t ms = 1;
        if (!when_read(slice_of(rows[i].words), NOW, &ms))
            fail_msg("%s", rows[i].words);
        assert_int_equal(ms, rows[i].ms);
    }
}

static void test_none(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "h",
        "-1h",
        "1.5h",
        "2hh",
        "2 h",
        "1y",
        "now",
        "yesterday",
        "253402300800000",
        "18446744073709551616",
        "99999999999999999999h",
        "472223h",
        "1969-12-31",
        "2023-13-01",
        "2023-00-01",
        "2023-01-00",
        "2023-02-29",
        "2023-04-31",
        "2023-1-1",
        "2023-11-14T",
        "2023-11-14T24:00",
        "2023-11-14T22:60",
        "2023-11-14T22:13:60",
        "2023-11-14T22:13:20.25Z",
        "2023-11-14T22:13:20+01:00",
        "2023-11-14 22:13",
        "2023-11-14Z",
        "x2023-11-14",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t ms = 77;
        if (when_read(slice_of(rows[i]), NOW, &ms))
            fail_msg("%s", rows[i]);
        assert_int_equal(ms, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_moments), cmocka_unit_test(test_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
