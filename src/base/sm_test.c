/* State machines: moves, times, names. */
#include "base/sm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { ASLEEP, AWAKE, GONE, STATES };

static const struct sm_state states[STATES] = {
    [ASLEEP] = {"ASLEEP", 1u << AWAKE | 1u << GONE, 1000},
    [AWAKE] = {"AWAKE", 1u << ASLEEP, 0},
    [GONE] = {"GONE", 0, 0},
};
static const struct sm_table table = {"test", states, STATES};

static void check_moves(void **state)
{
    (void)state;
    struct sm m;
    sm_init(&m, &table, ASLEEP, 100);
    assert_int_equal(m.state, ASLEEP);
    assert_string_equal(sm_name(&m), "ASLEEP");
    assert_true(sm_may(&m, AWAKE) && sm_may(&m, GONE));
    assert_false(sm_may(&m, ASLEEP)); /* staying is no move */
    assert_false(sm_may(&m, STATES));
    assert_false(sm_may(&m, 40));
    sm_move(&m, AWAKE, 350, 1);
    assert_int_equal(m.entered_us, 350);
    assert_int_equal(m.spent_us[ASLEEP], 250);
    assert_false(sm_may(&m, GONE));
    sm_move(&m, ASLEEP, 360, 1);
    sm_move(&m, GONE, 400, 1);
    assert_int_equal(m.spent_us[ASLEEP], 290); /* visits add up */
    assert_int_equal(m.spent_us[AWAKE], 10);
    for (unsigned to = 0; to < STATES; to++)
        assert_false(sm_may(&m, to));
}

/* Days in one state do not overflow what is kept of them. */
static void check_long_stay(void **state)
{
    (void)state;
    struct sm m;
    sm_init(&m, &table, ASLEEP, 0);
    sm_move(&m, AWAKE, UINT64_MAX / 2, 1);
    assert_int_equal(m.spent_us[ASLEEP], UINT32_MAX);
    sm_move(&m, ASLEEP, UINT64_MAX / 2 + 5, 1);
    sm_move(&m, AWAKE, UINT64_MAX / 2 + 9, 1);
    assert_int_equal(m.spent_us[ASLEEP], UINT32_MAX);
    assert_int_equal(m.spent_us[AWAKE], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_moves),
        cmocka_unit_test(check_long_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
