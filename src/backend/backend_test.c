/* Backends: an attempt's life, and that a backend is freed once, by whoever lets go of it last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backend/backend.h"

struct fake {
    struct backend backend;
    enum err refuses;
    struct attempt *attempt;
    unsigned starts, pauses, cancels, frees;
    bool paused;
};

struct asker {
    struct attempt attempt;
    struct fake *again; /* asked once more from within done */
    enum err err;
    unsigned events, dones;
};

static const struct attempt_ops attempt_ops;

static enum err start(struct backend *b, struct attempt *a, const struct order *o, struct why *why)
{
    struct fake *f = owner_of(b, struct fake, backend);
    f->starts++;
    assert_ptr_equal(a->backend, b); /* it may be looked at already */
    assert_int_equal(o->id, 7);
    if (f->refuses)
        return why_set(why, f->refuses, "no");
    a->work = f;
    f->attempt = a;
    return OK;
}

static void pause_it(struct attempt *a, bool on)
{
    struct fake *f = a->work;
    f->pauses++;
    f->paused = on;
}

static void cancel(struct attempt *a)
{
    struct fake *f = a->work;
    f->cancels++;
    f->attempt = NULL;
}

static void free_it(struct backend *b)
{
    owner_of(b, struct fake, backend)->frees++;
}

static struct fake fake(void)
{
    static const struct backend_ops ops = {
        .start = start, .pause = pause_it, .cancel = cancel, .free = free_it};
    return (struct fake){.backend = {.ops = &ops, .name = SLICE("fake")}};
}

static enum err ask(struct asker *k, struct fake *f, struct why *why)
{
    struct order order = {.id = 7};
    return attempt_start(&f->backend, &k->attempt, &attempt_ops, &order, why);
}

static void on_event(struct attempt *a, const struct event *e)
{
    assert_int_equal(e->kind, EVENT_TEXT);
    owner_of(a, struct asker, attempt)->events++;
}

static void on_done(struct attempt *a, enum err e, const struct why *why)
{
    struct asker *k = owner_of(a, struct asker, attempt);
    assert_null(a->backend); /* idle: it can be used again right here */
    assert_int_equal(why ? why->code : OK, e);
    k->dones++;
    k->err = e;
    if (k->again)
        assert_int_equal(ask(k, k->again, NULL), OK);
}

static const struct attempt_ops attempt_ops = {on_event, on_done};

static void test_attempt(void **state)
{
    (void)state;
    struct fake f = fake(), other = fake();
    struct asker k = {0};
    struct event e = {.kind = EVENT_TEXT};
    struct why why;
    assert_int_equal(ask(&k, &f, &why), OK);
    attempt_pause(&k.attempt, true);
    assert_true(f.paused);
    attempt_pause(&k.attempt, false);
    assert_false(f.paused);
    k.attempt.ops->event(f.attempt, &e);
    attempt_done(f.attempt, OK, NULL);
    assert_int_equal(k.events, 1);
    assert_int_equal(k.dones, 1);
    /* it failed, and is asked elsewhere from within */
    assert_int_equal(ask(&k, &f, &why), OK);
    k.again = &other;
    why_set(&why, ERR_HTTP_5XX, "broken");
    attempt_done(f.attempt, ERR_HTTP_5XX, &why);
    assert_int_equal(k.err, ERR_HTTP_5XX);
    assert_ptr_equal(k.attempt.backend, &other.backend);
    /* cancelled: no last word */
    attempt_cancel(&k.attempt);
    assert_int_equal(other.cancels, 1);
    assert_int_equal(k.dones, 2);
    assert_null(k.attempt.backend);
}

static void test_idle(void **state)
{
    (void)state;
    struct fake f = fake();
    struct asker k = {0};
    struct why why = {0};
    attempt_pause(&k.attempt, true);
    attempt_cancel(&k.attempt);
    f.refuses = ERR_CONNECT_REFUSED;
    assert_int_equal(ask(&k, &f, &why), ERR_CONNECT_REFUSED);
    assert_int_equal(why.code, ERR_CONNECT_REFUSED);
    assert_null(k.attempt.backend);
    attempt_pause(&k.attempt, true);
    attempt_cancel(&k.attempt);
    assert_int_equal(f.starts, 1);
    assert_int_equal(f.pauses + f.cancels + k.dones, 0);
}

/* u: used, n: no longer used, R: retired; when it is freed. */
static void test_use(void **state)
{
    static const struct {
        const char *history;
        int freed_at; /* after which of them; -1: never */
    } cases[] = {
        {"", -1},     {"u", -1},    {"un", -1},     {"R", 0},     {"unR", 2},   {"uRn", 2},
        {"uuRnn", 4}, {"uuRn", -1}, {"unuuRnn", 6}, {"uRunn", 4}, {"uunnR", 4},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fake f = fake();
        for (int k = 0; cases[i].history[k]; k++) {
            if (cases[i].history[k] == 'u')
                backend_use(&f.backend);
            else if (cases[i].history[k] == 'n')
                backend_unuse(&f.backend);
            else
                backend_retire(&f.backend);
            assert_int_equal(f.frees, cases[i].freed_at >= 0 && k >= cases[i].freed_at);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempt),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
