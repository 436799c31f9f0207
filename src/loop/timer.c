/* timer: one embedded timer of an owner. */
#include "loop/inside.h"

static void on_ring(uv_timer_t *uv)
{
    struct timer *t = owner_of(uv, struct timer, uv);
    struct loop *l = owner_of(uv->loop, struct loop, uv);
    step_begin(l);
    t->ring(t);
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
    if (!uv_is_closing((uv_handle_t *)&t->uv))
        uv_timer_start(&t->uv, on_ring, after_ms, 0);
}

void timer_stop(struct timer *t)
{
    uv_timer_stop(&t->uv);
}

void timer_close(struct timer *t)
{
    if (t->hold && !uv_is_closing((uv_handle_t *)&t->uv))
        uv_close((uv_handle_t *)&t->uv, on_closed);
}
