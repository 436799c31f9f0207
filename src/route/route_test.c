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

#define NONE ((struct slice){0}) /* no limit */

static void by_priority_then_order(void **state)
{
    (void)state;
    struct route_plan p;
    assert_int_equal(route_plan(&table, SLICE("llama3.2"), NONE, &p), OK);
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
        assert_int_equal(route_plan(&table, slice_of(none[i]), NONE, &p), OK);
        assert_true(slice_is(p.list[0].target->model, SLICE("qwen2.5:14b")));
    }
    assert_int_equal(route_plan(&(struct route_table){NULL, 0}, SLICE(""), NONE, &p), ERR_NO_MODEL);
}

static void the_nearest_are_named(void **state)
{
    (void)state;
    struct route_plan p;
    assert_int_equal(route_plan(&table, SLICE("llama3"), NONE, &p), ERR_NO_MODEL);
    assert_int_equal(p.n_nearest, 2); /* each name once */
    assert_true(slice_is(p.nearest[0], SLICE("llama3.2")));
}

static void a_scope_holds_names_and_beginnings(void **state)
{
    (void)state;
    static const struct {
        const char *scope, *name;
        bool may;
    } cases[] = {
        {"", "anything", true},
        {"a", "a", true},
        {"a", "ab", false},
        {"a b", "b", true},
        {"a b", "a b", false},
        {"a*", "a", true},
        {"a*", "abc", true},
        {"a*", "b", false},
        {"*", "anything", true},
        {"b a*", "ab", true},
        {"a*b", "a*b", true},
        {"a*b", "axb", false},
        {"llama3.2", "LLAMA3.2", false},
        {"a", "", false},
        {"a*", "", false},
        {"*", "", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(route_may(slice_of(cases[i].scope), slice_of(cases[i].name)),
                         cases[i].may);
}

/* What may not be asked is not there: nobody learns from an answer what else there is. */
static void only_what_is_in_scope_is_there(void **state)
{
    (void)state;
    struct route_plan p;
    struct slice scope = SLICE("llama*");
    assert_int_equal(route_plan(&table, SLICE("llama3.2"), scope, &p), OK);
    assert_int_equal(p.n, 3);
    assert_int_equal(route_plan(&table, SLICE("qwen2.5:14b"), scope, &p), ERR_OUT_OF_SCOPE);
    assert_int_equal(p.n, 0);
    assert_int_equal(route_plan(&table, SLICE("no such"), scope, &p), ERR_OUT_OF_SCOPE);
    assert_int_equal(route_plan(&table, SLICE(""), scope, &p), OK);
    assert_true(slice_is(p.list[0].target->model, SLICE("llama3.2")));
    assert_int_equal(route_plan(&table, SLICE(""), SLICE("other"), &p), ERR_OUT_OF_SCOPE);
    assert_int_equal(route_plan(&table, SLICE("qwen2.5:13b"), SLICE("qwen2.5:13b llama3.2"), &p),
                     ERR_NO_MODEL);
    for (unsigned i = 0; i < p.n_nearest; i++)
        assert_true(slice_is(p.nearest[i], SLICE("llama3.2")));
}

static void more_than_fit(void **state)
{
    (void)state;
    struct route_target many[20];
    struct route_plan p;
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct route_target){SLICE("m"), &one, 20 - i};
    assert_int_equal(route_plan(&(struct route_table){many, COUNT(many)}, SLICE("m"), NONE, &p),
                     OK);
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
        cmocka_unit_test(a_scope_holds_names_and_beginnings),
        cmocka_unit_test(only_what_is_in_scope_is_there),
        cmocka_unit_test(more_than_fit),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
