/* Audit: the totals, and the one line a row, in which nothing can hide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/audit.h"
#include "base/log.h"

static struct audit_row row_of(enum err outcome, int64_t prompt, int64_t completion)
{
    return (struct audit_row){.call = "chat",
                              .outcome = outcome,
                              .prompt_tokens = prompt,
                              .completion_tokens = completion};
}

static void test_totals(void **state)
{
    static const struct {
        enum err outcome;
        int64_t prompt, completion;
        uint64_t done, failed, left, prompt_sum, completion_sum; /* after it */
    } rows[] = {
        {OK, 3, 5, 1, 0, 0, 3, 5},
        {OK, -1, -1, 2, 0, 0, 3, 5},
        {OK, 0, 0, 3, 0, 0, 3, 5},
        {ERR_HTTP_5XX, -1, -1, 3, 1, 0, 3, 5},
        {ERR_CLIENT_GONE, 10, -1, 3, 1, 1, 13, 5},
        {ERR_CANCELLED, -1, 2, 3, 1, 2, 13, 7},
        {ERR_TOO_SLOW, -1, -1, 3, 1, 3, 13, 7},
        {ERR_BAD_VALUE, -1, -1, 3, 2, 3, 13, 7},
        {ERR_SHUTTING_DOWN, -1, -1, 3, 3, 3, 13, 7},
        {OK, INT64_MAX, 1, 4, 3, 3, 13 + (uint64_t)INT64_MAX, 8},
    };
    struct audit a = {0};
    uint64_t by_err[ERR_COUNT] = {0};
    (void)state;
    log_open(2, LOG_ERROR);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct audit_row row = row_of(rows[i].outcome, rows[i].prompt, rows[i].completion);
        audit_write(&a, &row);
        by_err[rows[i].outcome]++;
        assert_int_equal(a.done, rows[i].done);
        assert_int_equal(a.failed, rows[i].failed);
        assert_int_equal(a.left, rows[i].left);
        assert_int_equal(a.prompt_tokens, rows[i].prompt_sum);
        assert_int_equal(a.completion_tokens, rows[i].completion_sum);
    }
    assert_memory_equal(a.by_outcome[0], by_err, sizeof by_err);
}

/* What the log says of one row. */
static void line_of(const struct audit_row *row, char *line, size_t room)
{
    struct audit a = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    log_open(fileno(file), LOG_DEBUG);
    audit_write(&a, row);
    log_flush();
    log_open(2, LOG_ERROR);
    rewind(file);
    size_t n = fread(line, 1, room - 1, file);
    line[n] = '\0';
    fclose(file);
}

static void test_line(void **state)
{
    (void)state;
    char line[4096];
    struct audit_row row = row_of(ERR_HTTP_5XX, 3, -1);
    row.id = 42;
    row.status = 502;
    row.model = SLICE("a\nid=1 \x1b[31m");
    row.tries[0] = (struct audit_try){SLICE("one"), "first", ERR_CONNECT_REFUSED, 12};
    row.tries[1] = (struct audit_try){SLICE("t\nwo"), "next", ERR_HTTP_5XX, 34};
    row.n_tries = 2;
    row.total_us = 99;
    line_of(&row, line, sizeof line);
    static const char *const parts[] = {
        "id=42 call=chat ",
        "a\\x0aid=1 \\x1b[31m",
        " outcome=HTTP_5XX status=502 stream=0 ",
        " tries=one:CONNECT_REFUSED:12us,t\\x0awo:HTTP_5XX:34us ",
        " total_us=99 ",
        " prompt_tokens=3 completion_tokens=-1",
    };
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_non_null(strstr(line, parts[i]));
    assert_int_equal(slice_find(slice_of(line), '\n'), strlen(line) - 1); /* one line */
}

static void test_line_without_anything(void **state)
{
    (void)state;
    char line[4096];
    struct audit_row row = row_of(OK, -1, -1);
    line_of(&row, line, sizeof line);
    assert_non_null(strstr(line, "id=0 call=chat "));
    assert_non_null(strstr(line, " outcome=OK status="));
    assert_non_null(strstr(line, " tries= total_us=0 "));
}

/* Each time falls into the first place whose bound it does not pass. */
static void test_times(void **state)
{
    static const uint32_t spent[MOST_STATES] = {7, 0, 5};
    (void)state;
    for (enum measure m = 0; m < MEASURE_COUNT; m++) {
        unsigned n;
        const uint64_t *bounds = measure_bounds(m, &n);
        assert_in_range(n, 2, MOST_BUCKETS);
        for (unsigned i = 0; i + 1 < n; i++)
            assert_true(bounds[i] < bounds[i + 1]);
        for (unsigned i = 0; i <= n; i++) {
            struct audit a = {0};
            struct audit_row row = row_of(OK, -1, -1);
            uint64_t us = i < n ? bounds[i] : bounds[n - 1] + 1;
            row.total_us = row.first_us = row.overhead_us = us;
            audit_write(&a, &row);
            audit_write(&a, &row);
            assert_int_equal(a.measures[m].counts[i], 2);
            assert_int_equal(a.measures[m].n, 2);
            assert_int_equal(a.measures[m].sum_us, 2 * us);
        }
    }
    struct audit a = {.states_n = 3};
    struct audit_row row = row_of(OK, -1, -1);
    row.spent_us = spent;
    audit_write(&a, &row);
    audit_write(&a, &row);
    assert_int_equal(a.spent_us[0], 14);
    assert_int_equal(a.spent_us[2], 10);
    assert_int_equal(a.measures[MEASURE_FIRST].n, 0); /* nothing came */
}

static void test_kinds(void **state)
{
    (void)state;
    struct audit a = {0};
    struct audit_row row = row_of(ERR_HTTP_5XX, -1, -1);
    row.kind = 2;
    row.bytes_in = 10;
    row.bytes_out = 20;
    row.tries[0].err = ERR_DNS;
    row.tries[1].err = ERR_HTTP_5XX;
    row.n_tries = 2;
    audit_write(&a, &row);
    assert_int_equal(a.by_outcome[2][ERR_HTTP_5XX], 1);
    assert_int_equal(a.tries[ERR_DNS], 1);
    assert_int_equal(a.tries[ERR_HTTP_5XX], 1);
    assert_int_equal(a.bytes_in, 10);
    assert_int_equal(a.bytes_out, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_totals),
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_line_without_anything),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
