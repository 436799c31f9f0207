/* timer: one embedded timer of an owner. Deadlines are moved far more often than they pass, several
 * times for each request, so libuv's timer is left where it is when the time moves to later or is
 * stopped: it wakes once too early and is set to what is left. */
#include "loop/inside.h"

static void on_wake(uv_timer_t *uv);

static void wake_at(struct timer *t, uint64_t now_ms)
{
    t->wakes_ms = t->due_ms;
    uv_timer_start(&t->uv, on_wake, t->due_ms - now_ms, 0);
}

static void wake(struct timer *t, struct loop *l)
{
    uint64_t now = loop_now_ms(l);
    if (!t->due_ms)
        return;
    if (t->due_ms > now) {
        wake_at(t, now);
    } else {
        t->due_ms = 0;
        t->ring(t);
    }
}

static void on_wake(uv_timer_t *uv)
{
    struct loop *l = owner_of(uv->loop, struct loop, uv);
    step_begin(l);
    wake(owner_of(uv, struct timer, uv), l);
    step_end(l, "timer");
}

static void on_closed(uv_handle_t *handle)
{
    struct timer *t = owner_of(handle, struct timer, uv);
    hold_drop(t->hold);
}

void timer_open(struct timer *t, struct loop *l, struct hold *hold, void (*ring)(struct timer *))
{
    *t = (struct timer){.hold = hold, .ring = ring};
    uv_timer_init(&l->uv, &t->uv);
    hold_add(hold);
}

void timer_set(struct timer *t, uint64_t after_ms)
{
    uint64_t now = uv_now(t->uv.loop);
    if (uv_is_closing((uv_handle_t *)&t->uv))
        return;
    t->due_ms = now + after_ms;
    if (!uv_is_active((uv_handle_t *)&t->uv) || t->wakes_ms > t->due_ms)
        wake_at(t, now);
}

void timer_stop(struct timer *t)
{
    t->due_ms = 0;
}

void timer_close(struct timer *t)
{
    if (t->hold && !uv_is_closing((uv_handle_t *)&t->uv))
        uv_close((uv_handle_t *)&t->uv, on_closed);
}
