/* queue: order, bounds, leaving from every place, and that no slot is ever lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "queue/queue.h"

static void first_come_first_served(void **state)
{
    (void)state;
    struct queue q = {.slots = 1, .length = 2};
    struct ticket a = {0}, b = {0}, c = {0}, d = {0};
    assert_int_equal(queue_ask(&q, &a, 1), OK);
    assert_true(a.granted);
    assert_int_equal(queue_ask(&q, &b, 2), OK);
    assert_int_equal(queue_ask(&q, &c, 3), OK);
    assert_int_equal(queue_ask(&q, &d, 4), ERR_NO_ROOM);
    assert_null(d.queue);
    assert_int_equal(queue_place(&a), 0);
    assert_int_equal(queue_place(&b), 1);
    assert_int_equal(queue_place(&c), 2);
    assert_ptr_equal(queue_leave(&a), &b);
    assert_true(b.granted);
    assert_int_equal(queue_place(&c), 1);
    assert_null(queue_leave(&c)); /* leaves while it waits */
    assert_null(queue_leave(&b));
    assert_null(queue_leave(&b)); /* from nowhere */
    assert_int_equal(q.busy, 0);
    assert_int_equal(q.waiting, 0);
}

static void newcomers_do_not_overtake(void **state)
{
    (void)state;
    struct queue q = {.slots = 1, .length = 8};
    struct ticket a = {0}, b = {0}, c = {0};
    assert_int_equal(queue_ask(&q, &a, 0), OK);
    assert_int_equal(queue_ask(&q, &b, 0), OK);
    q.slots = 2; /* the place grew; b was here first */
    assert_int_equal(queue_ask(&q, &c, 0), OK);
    assert_false(c.granted);
    assert_ptr_equal(queue_grant(&q), &b);
    assert_null(queue_grant(&q));
    assert_ptr_equal(queue_leave(&a), &c);
    assert_null(queue_leave(&b));
    assert_null(queue_leave(&c));
}

static void no_limit(void **state)
{
    (void)state;
    struct queue q = {.slots = 0, .length = 0};
    struct ticket t[100] = {0};
    for (size_t i = 0; i < COUNT(t); i++) {
        assert_int_equal(queue_ask(&q, &t[i], 0), OK);
        assert_true(t[i].granted);
    }
    for (size_t i = 0; i < COUNT(t); i++)
        assert_null(queue_leave(&t[i]));
    assert_int_equal(q.busy, 0);
}

/* A place that is not there yet, or no longer: all wait, and nobody who leaves makes room. */
static void closed_lets_nobody_in(void **state)
{
    (void)state;
    struct queue q = {.slots = 2, .length = 8};
    struct ticket inside = {0}, a = {0}, b = {0}, c = {0};
    assert_int_equal(queue_ask(&q, &inside, 0), OK);
    q.closed = true;
    assert_int_equal(queue_ask(&q, &a, 1), OK);
    assert_int_equal(queue_ask(&q, &b, 2), OK);
    assert_int_equal(queue_ask(&q, &c, 3), OK);
    assert_false(a.granted || b.granted || c.granted);
    assert_null(queue_grant(&q));
    assert_null(queue_leave(&inside)); /* who is inside may leave */
    assert_null(queue_leave(&b));      /* and who waits */
    assert_int_equal(q.busy, 0);
    assert_int_equal(q.waiting, 2);
    q.closed = false;
    assert_ptr_equal(queue_grant(&q), &a);
    assert_ptr_equal(queue_grant(&q), &c);
    assert_null(queue_grant(&q));
    q.slots = 0; /* without a limit too */
    q.closed = true;
    assert_int_equal(queue_ask(&q, &b, 4), OK);
    assert_false(b.granted);
    assert_null(queue_leave(&a));
    assert_null(queue_leave(&b));
    assert_null(queue_leave(&c));
}

static void held_slots_are_not_given_out(void **state)
{
    (void)state;
    struct queue q = {.slots = 2, .length = 8, .held = 1};
    struct ticket a = {0}, b = {0}, c = {0};
    assert_int_equal(queue_ask(&q, &a, 0), OK);
    assert_true(a.granted);
    assert_int_equal(queue_ask(&q, &b, 0), OK);
    assert_int_equal(queue_ask(&q, &c, 0), OK);
    assert_false(b.granted || c.granted);
    q.held = 2; /* more than are free: the one who is inside stays */
    assert_null(queue_leave(&a));
    assert_null(queue_grant(&q));
    q.held = 1;
    assert_ptr_equal(queue_grant(&q), &b);
    assert_null(queue_grant(&q));
    q.held = 0;
    assert_ptr_equal(queue_grant(&q), &c);
    q.slots = 1; /* it shrank under them */
    assert_int_equal(queue_ask(&q, &a, 0), OK);
    assert_null(queue_leave(&b));
    assert_ptr_equal(queue_leave(&c), &a);
    assert_null(queue_leave(&a));
    assert_int_equal(q.busy, 0);
    assert_int_equal(q.waiting, 0);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Random histories: slots in use never pass the limit, and nobody waits beside a free slot. */
static void random_histories(void **state)
{
    (void)state;
    uint32_t seed = 7;
    for (unsigned history = 0; history < 500; history++) {
        struct queue q = {.slots = 1 + next_random(&seed) % 4, .length = next_random(&seed) % 8};
        struct ticket t[16] = {0};
        for (unsigned step = 0; step < 200; step++) {
            struct ticket *one = &t[next_random(&seed) % COUNT(t)];
            bool changes = history % 2 && next_random(&seed) % 4 == 0;
            if (changes) { /* as engines do */
                q.closed = next_random(&seed) % 3 == 0;
                q.held = next_random(&seed) % (q.slots + 1);
            }
            while (changes && queue_grant(&q))
                ;
            if (one->queue) {
                struct ticket *went = queue_leave(one);
                assert_true(!went || went->granted);
            } else {
                enum err e = queue_ask(&q, one, step);
                assert_true(e == OK || q.waiting == q.length);
            }
            assert_true(q.busy <= q.slots && q.waiting <= q.length);
            assert_true(q.closed || q.busy + q.held >= q.slots || q.waiting == 0);
        }
    }
}

static void what_needs_no_slot_goes_past(void **state)
{
    (void)state;
    struct queue q = {.slots = 1, .length = 1};
    struct ticket a = {0}, b = {0}, c = {0}, d = {0};
    assert_int_equal(queue_ask(&q, &a, 0), OK);
    assert_int_equal(queue_ask(&q, &b, 0), OK);
    assert_int_equal(queue_pass(&q, &c, 0), OK);
    assert_true(c.granted);
    assert_int_equal(queue_pass(&q, &d, 0), ERR_NO_ROOM);
    assert_null(d.queue);
    assert_int_equal(q.busy, 1);
    assert_null(queue_leave(&c)); /* it held no slot: nobody gets one */
    assert_int_equal(q.aside, 0);
    q.closed = true;
    assert_int_equal(queue_pass(&q, &c, 0), ERR_BUSY);
    q.closed = false;
    assert_ptr_equal(queue_leave(&a), &b);
    assert_null(queue_leave(&b));
}

static void who_waited_and_needs_no_slot_goes_past(void **state)
{
    (void)state;
    struct queue q = {.slots = 1, .length = 4, .closed = true};
    struct ticket t[4] = {0};
    for (size_t i = 0; i < COUNT(t); i++) {
        assert_int_equal(queue_ask(&q, &t[i], 0), OK);
        t[i].light = i != 1;
    }
    assert_null(queue_grant(&q));
    q.closed = false;
    assert_ptr_equal(queue_grant(&q), &t[0]);
    assert_ptr_equal(queue_grant(&q), &t[1]); /* in the order in which they came */
    assert_ptr_equal(queue_grant(&q), &t[2]);
    assert_ptr_equal(queue_grant(&q), &t[3]);
    assert_int_equal(q.busy, 1);
    assert_int_equal(q.aside, 3);
    for (size_t i = 0; i < COUNT(t); i++)
        assert_null(queue_leave(&t[i]));
    assert_int_equal(q.busy + q.aside, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(what_needs_no_slot_goes_past),
        cmocka_unit_test(who_waited_and_needs_no_slot_goes_past),
        cmocka_unit_test(newcomers_do_not_overtake),
        cmocka_unit_test(no_limit),
        cmocka_unit_test(closed_lets_nobody_in),
        cmocka_unit_test(held_slots_are_not_given_out),
        cmocka_unit_test(random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
