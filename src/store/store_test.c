/* store_test: the whole room over real files: what is written is found again, by whoever may see
 * it, after a restart too; and nothing is done twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "os/os.h"
#include "store/testing.h"

static void turn(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_ONCE);
}

static uint64_t wall_ms(void)
{
    return os_wall_ms();
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void a_key_is_there_after_a_restart(void **state)
{
    struct bench *b = *state;
    bench_open(b);
    struct key_row key = bench_key("k1aaaaaa", "one");
    assert_int_equal(bench_add(b, &key), OK);
    assert_true(b->write.id > OWNER);
    assert_int_equal(bench_add(b, &key), ERR_BUSY); /* the same id, the same name */
    key = bench_key("k2aaaaaa", "one");
    assert_int_equal(bench_add(b, &key), ERR_BUSY);
    key = bench_key("k2aaaaaa", "two");
    assert_int_equal(bench_add(b, &key), OK);
    assert_int_equal(bench_revoke(b, "k1aaaaaa", 99), ERR_NOT_FOUND); /* somebody else's */
    assert_int_equal(bench_revoke(b, "k1aaaaaa", OWNER), OK);
    assert_int_equal(bench_revoke(b, "nothere", OWNER), ERR_NOT_FOUND);
    key = bench_key("k1aaaaaa", "three");
    assert_int_equal(bench_add(b, &key), ERR_BUSY); /* ids are never used again */
    key = bench_key("k3aaaaaa", "one");
    assert_int_equal(bench_add(b, &key), OK); /* the name is free again */
    bench_close(b);
    bench_open(b);
    assert_string_equal(bench_keys(b), "k1aaaaaa one revoked m s\n"
                                       "k2aaaaaa two m s\n"
                                       "k3aaaaaa one m s\n");
    bench_close(b);
}

static void a_principal_is_made_once(void **state)
{
    struct bench *b = *state;
    int64_t one = 0, other = 0, again = 0;
    struct why why;
    bench_open(b);
    assert_int_equal(store_principal(b->store, "user", SLICE("ann"), OWNER, &one, &why), OK);
    assert_int_equal(store_principal(b->store, "room", SLICE("ann"), OWNER, &other, &why), OK);
    assert_int_equal(store_principal(b->store, "user", SLICE("ann"), OWNER, &again, &why), OK);
    assert_true(one > OWNER && other > one);
    assert_int_equal(one, again);
    bench_close(b);
    bench_open(b);
    assert_int_equal(store_principal(b->store, "user", SLICE("ann"), OWNER, &again, &why), OK);
    assert_int_equal(one, again);
    bench_close(b);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void rows_are_found_again(void **state)
{
    struct bench *b = *state;
    bench_open(b);
    for (unsigned i = 1; i <= 100; i++)
        assert_true(bench_append(b, i));
    bench_written(b, 100);
    bench_close(b);
    bench_open(b);
    const struct ledger_ask last = {.view = LEDGER_ROWS, .most = 2};
    struct json_doc doc = bench_ask(b, &last);
    assert_int_equal(json_count(doc.root), 2);
    const struct json_value *row = json_at(doc.root, 0);
    int64_t n = 0;
    assert_true(json_int(json_get(row, "seq"), &n));
    assert_int_equal(n, 100);
    assert_true(slice_is(json_text(json_get(row, "id")), SLICE("hearth-1a2b3c4d-100")));
    assert_true(slice_is(json_text(json_get(row, "served")), SLICE("qwen3")));
    assert_true(slice_is(json_text(json_get(row, "at")), SLICE("2023-11-14T22:13:20.100Z")));
    assert_true(json_int(json_get(json_get(row, "states"), "READING"), &n));
    assert_int_equal(n, 100);
    const struct json_value *one = json_at(json_get(row, "tries"), 0);
    assert_true(slice_is(json_text(json_get(one, "target")), SLICE("far/qwen3")));
    json_done(&doc);
    const struct ledger_ask by_id = {.view = LEDGER_ROW, .id = SLICE("hearth-1a2b3c4d-17")};
    doc = bench_ask(b, &by_id);
    assert_true(json_int(json_get(doc.root, "seq"), &n));
    assert_int_equal(n, 17);
    json_done(&doc);
    const struct ledger_ask days = {.view = LEDGER_DAYS};
    doc = bench_ask(b, &days);
    assert_int_equal(json_count(doc.root), 1);
    assert_true(json_int(json_get(json_at(doc.root, 0), "requests"), &n));
    assert_int_equal(n, 100);
    assert_true(slice_is(json_text(json_get(json_at(doc.root, 0), "day")), SLICE("2023-11-14")));
    json_done(&doc);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_there_after_a_restart, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_principal_is_made_once, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(rows_are_found_again, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
