/* route: tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/route.h"

static struct backend one, two, three;
static const struct route_target targets[] = {
    {SLICE("llama3.2"), &one, 2},
    {SLICE("qwen2.5:14b"), &two, 1},
    {SLICE("llama3.2"), &three, 1},
    {SLICE("llama3.2"), &two, 2},
};
static const struct route_table table = {targets, COUNT(targets)};

static void by_priority_then_order(void **state)
{
    (void)state;
    struct route_plan p;
    assert_int_equal(route_plan(&table, SLICE("llama3.2"), &p), OK);
    assert_int_equal(p.n, 3);
    assert_ptr_equal(p.list[0].target->backend, &three);
    assert_ptr_equal(p.list[1].target->backend, &one);
    assert_ptr_equal(p.list[2].target->backend, &two);
}

static void no_name_means_the_first(void **state)
{
    (void)state;
    struct route_plan p;
    const char *const none[] = {"", "undefined", "default"};
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_int_equal(route_plan(&table, slice_of(none[i]), &p), OK);
        assert_true(slice_is(p.list[0].target->model, SLICE("qwen2.5:14b")));
    }
    assert_int_equal(route_plan(&(struct route_table){NULL, 0}, SLICE(""), &p), ERR_NO_MODEL);
}

static void the_nearest_are_named(void **state)
{
    (void)state;
    struct route_plan p;
    assert_int_equal(route_plan(&table, SLICE("llama3"), &p), ERR_NO_MODEL);
    assert_int_equal(p.n_nearest, 2); /* each name once */
    assert_true(slice_is(p.nearest[0], SLICE("llama3.2")));
}

static void more_than_fit(void **state)
{
    (void)state;
    struct route_target many[20];
    struct route_plan p;
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct route_target){SLICE("m"), &one, 20 - i};
    assert_int_equal(route_plan(&(struct route_table){many, COUNT(many)}, SLICE("m"), &p), OK);
    assert_int_equal(p.n, MOST_CANDIDATES);
    for (unsigned i = 0; i < p.n; i++)
        assert_int_equal(p.list[i].target->priority, i + 1);
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(route_distance(SLICE("kitten"), SLICE("sitting"), 9), 3);
    assert_int_equal(route_distance(SLICE(""), SLICE("abc"), 9), 3);
    assert_int_equal(route_distance(SLICE("abc"), SLICE("abc"), 9), 0);
    assert_int_equal(route_distance(SLICE("abcdef"), SLICE("uvwxyz"), 3), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_priority_then_order),
        cmocka_unit_test(no_name_means_the_first),
        cmocka_unit_test(the_nearest_are_named),
        cmocka_unit_test(more_than_fit),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
