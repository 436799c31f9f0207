/* place: which model is in memory. One is, at most. Who waits longest gets the place next; a model
 * that serves somebody is left its turn, and then takes nobody new until it is empty. */
#include "engine/inside.h"

void place_look(struct engines *all)
{
    timer_set(&all->turn, 0);
}

static bool is_wanted(const struct engine *e)
{
    return e->backend.queue.waiting > 0;
}

/* The one for which somebody waits longest; else one that died in use. */
static struct engine *next_in(struct engines *all)
{
    struct engine *best = NULL;
    for (struct engine *e = all->first; e; e = e->next) {
        if (e->sm.state != ABSENT || !e->model || (!is_wanted(e) && !e->comes_back))
            continue;
        uint64_t since = is_wanted(e) ? e->backend.queue.first->asked_ms : UINT64_MAX;
        uint64_t best_since =
            best && is_wanted(best) ? best->backend.queue.first->asked_ms : UINT64_MAX;
        if (!best || since < best_since)
            best = e;
    }
    return best;
}

static bool is_idle(const struct engine *e)
{
    return !e->tries && !e->backend.queue.busy && !is_wanted(e);
}

/* When the loaded one has to go for another one: now (0), or so much later. */
static uint64_t turn_left(const struct engine *loaded)
{
    uint64_t now = engine_now(loaded), turn = loaded->all->settings.turn_ms;
    uint64_t served = loaded->spawn && loaded->spawn->ready_ms ? now - loaded->spawn->ready_ms : 0;
    if (is_idle(loaded))
        return 0;
    return served >= turn ? 0 : turn - served;
}

static void make_room(struct engines *all, const struct engine *next)
{
    struct engine *loaded = all->loaded;
    if (!is_wanted(next) || loaded->sm.state == DRAINING || loaded->sm.state == STOPPING)
        return;
    uint64_t left = turn_left(loaded);
    if (loaded->sm.state == STARTING && !is_idle(loaded))
        return; /* others wait for it, and longer */
    if (left)
        timer_set(&all->turn, left);
    else if (is_idle(loaded))
        engine_stop(loaded);
    else
        engine_drain(loaded);
}

static void start_next(struct engines *all, struct engine *next)
{
    uint64_t now = loop_now_ms(all->loop);
    if (next->deaths.not_before_ms > now)
        timer_set(&all->turn, next->deaths.not_before_ms - now);
    else
        engine_start(next);
}

/* Nobody asked for long: its memory is for others. */
static void keep_alive(struct engines *all)
{
    struct engine *e = all->loaded;
    if (!e || e->sm.state != READY || !e->model || e->model->pin ||
        e->model->keep_alive_ms == CONFIG_FOREVER)
        return;
    uint64_t idle = engine_now(e) - e->used_ms;
    if (idle >= e->model->keep_alive_ms && is_idle(e))
        engine_stop(e);
    else
        timer_set(&all->turn, e->model->keep_alive_ms - min_u64(idle, e->model->keep_alive_ms) + 1);
}

void place_ring(struct timer *t)
{
    struct engines *all = owner_of(t, struct engines, turn);
    if (all->closed || !all->facts)
        return;
    struct engine *next = next_in(all);
    if (all->loaded && all->loaded->stale)
        engine_drain(all->loaded);
    else if (!next)
        keep_alive(all);
    else if (all->loaded)
        make_room(all, next);
    else
        start_next(all, next);
}
