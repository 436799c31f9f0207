/* hist_test: the histogram beside a sorted array of the same times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "bench/inside.h"

#define TIMES 20000u

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static int order(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Of every size: each doubling up to 100 s is as likely as any other. */
static void fill(uint64_t *times, struct hist *h, uint64_t seed)
{
    for (size_t i = 0; i < TIMES; i++) {
        uint64_t wide = (uint64_t)1 << (next_random(&seed) % 27);
        times[i] = min_u64(wide + next_random(&seed) % wide, HIST_MOST_US);
        hist_record(h, times[i]);
    }
}

static void assert_same(const struct hist *h, uint64_t *times, size_t n)
{
    static const double percents[] = {0.01, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100};
    qsort(times, n, sizeof *times, order);
    assert_int_equal(h->n, n);
    assert_int_equal(h->most, times[n - 1]);
    for (size_t i = 0; i < COUNT(percents); i++) {
        size_t rank = (size_t)(percents[i] / 100 * (double)n);
        uint64_t exact = times[rank ? rank - 1 : 0], told = hist_percentile(h, percents[i]);
        assert_true(told >= exact);
        assert_true(told - exact <= exact / 1000);
    }
}

static void test_percentiles(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {1, 2, 3, 4711};
    uint64_t *times = test_calloc(TIMES, sizeof *times);
    for (size_t i = 0; i < COUNT(seeds); i++) {
        struct hist *h = test_calloc(1, sizeof *h);
        fill(times, h, seeds[i]);
        assert_same(h, times, TIMES);
        test_free(h);
    }
    test_free(times);
}

static void test_merge(void **state)
{
    (void)state;
    uint64_t *times = test_calloc(2 * (size_t)TIMES, sizeof *times);
    struct hist *a = test_calloc(1, sizeof *a), *b = test_calloc(1, sizeof *b);
    fill(times, a, 5);
    fill(times + TIMES, b, 6);
    hist_merge(a, b);
    assert_same(a, times, 2 * (size_t)TIMES);
    test_free(a);
    test_free(b);
    test_free(times);
}

static void test_edges(void **state)
{
    (void)state;
    struct hist *h = test_calloc(1, sizeof *h);
    assert_int_equal(hist_percentile(h, 50), 0);
    hist_record(h, 0);
    assert_int_equal(hist_percentile(h, 100), 0);
    hist_record(h, UINT64_MAX); /* longer than it tells apart */
    assert_int_equal(hist_percentile(h, 50), 0);
    assert_int_equal(hist_percentile(h, 100), HIST_MOST_US);
    for (uint64_t us = 1; us < HIST_EXACT; us++) {
        struct hist *one = test_calloc(1, sizeof *one);
        hist_record(one, us);
        hist_record(one, HIST_MOST_US);
        assert_int_equal(hist_percentile(one, 50), us);
        test_free(one);
    }
    test_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
