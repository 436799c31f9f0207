/* tar_test: headers, there and back, and those that are none. That tar itself reads them is shown
 * in the scenarios. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "backup/inside.h"

static void what_is_put_is_taken(void **state)
{
    static const struct tar_entry rows[] = {
        {"manifest.json", 0, 0600, 0},
        {"config/conf.d/model-qwen.yaml", 511, 0644, 1700000000},
        {"data/audit.db", 1ull << 33, 0600, 1700000000}, /* one more than octal has room for */
        {"data/audit.db", 1ull << 50, 0600, 1700000000},
        {"data/audit.db", (1ull << 33) - 1, 0600, 1700000000},
    };
    unsigned char block[TAR_BLOCK];
    struct tar_entry got;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(tar_put(&rows[i], block));
        assert_true(tar_take(block, &got));
        assert_string_equal(got.name, rows[i].name);
        assert_int_equal(got.size, rows[i].size);
        assert_int_equal(got.mode, rows[i].mode);
        assert_int_equal(got.seconds, rows[i].seconds);
        assert_false(tar_is_end(block));
    }
}

static void long_names_are_refused(void **state)
{
    struct tar_entry entry = {.name = "config/"};
    unsigned char block[TAR_BLOCK];
    (void)state;
    assert_false(tar_put(&entry, block)); /* no last part */
    memset(entry.name + 7, 'a', 100);
    assert_true(tar_put(&entry, block));
    entry.name[107] = 'a';
    assert_false(tar_put(&entry, block));
}

static void one_changed_byte_is_seen(void **state)
{
    const struct tar_entry entry = {"data/state.db", 4096, 0600, 1700000000};
    unsigned char block[TAR_BLOCK];
    struct tar_entry got;
    (void)state;
    assert_true(tar_put(&entry, block));
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool of_sum_end = i == 154 || i == 155; /* what stands behind the sum's digits */
        block[i] ^= 1;
        if (!of_sum_end)
            assert_false(tar_take(block, &got));
        block[i] ^= 1;
    }
}

/* The sum is right; what it says is not ours. */
static void set_sum(unsigned char block[TAR_BLOCK])
{
    unsigned sum = 0;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
}

static void only_regular_files_are_taken(void **state)
{
    const struct tar_entry entry = {"data/state.db", 4096, 0600, 1700000000};
    unsigned char block[TAR_BLOCK];
    struct tar_entry got;
    (void)state;
    for (const char *type = "1234567gxLK"; *type; type++) {
        assert_true(tar_put(&entry, block));
        block[156] = (unsigned char)*type;
        set_sum(block);
        assert_false(tar_take(block, &got));
    }
    assert_true(tar_put(&entry, block));
    memset(block + 124, 0xff, 12); /* a size that no number holds */
    set_sum(block);
    assert_false(tar_take(block, &got));
    memset(block + 124, 'x', 12);
    set_sum(block);
    assert_false(tar_take(block, &got));
    memset(block, 0, TAR_BLOCK);
    assert_true(tar_is_end(block));
    assert_false(tar_take(block, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_taken),
        cmocka_unit_test(long_names_are_refused),
        cmocka_unit_test(one_changed_byte_is_seen),
        cmocka_unit_test(only_regular_files_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
