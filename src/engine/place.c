/* place: which model is in memory. One is, at most, in each of two places: hearth's own guide has
 * one of its own. Who waits longest gets the place next; a model
 * that serves somebody is left its turn, and then takes nobody new until it is empty. A pinned one
 * stays, and who wants another one is told so.
 *
 * One timer serves all of it: each look sets it for the earliest moment at which the answer may be
 * another one without anybody saying so; whoever changes something asks for a look at once. */
#include "engine/inside.h"

#define LEAVING_MS 500u /* who waits may leave without a word: so often that is looked at */

void place_open(struct place *p, struct engines *all)
{
    p->all = all;
    timer_open(&p->turn, all->loop, all->hold, place_ring);
}

void place_look(struct engines *all)
{
    timer_set(&all->models.turn, 0);
    timer_set(&all->guide.turn, 0);
}

static void look_in(struct place *p, uint64_t ms)
{
    if (!p->turn.due_ms || loop_now_ms(p->all->loop) + ms < p->turn.due_ms)
        timer_set(&p->turn, ms);
}

static bool is_wanted(const struct engine *e)
{
    return e->backend.queue.waiting > 0 || e->wishes;
}

static uint64_t wanted_since(const struct engine *e)
{
    uint64_t since = e->backend.queue.waiting ? e->backend.queue.first->asked_ms : UINT64_MAX;
    for (const struct wish *w = e->wishes; w; w = w->next)
        since = min_u64(since, w->since_ms);
    return since;
}

/* It died, and has to wait before it is started again. Others need not. */
static bool rests(const struct engine *e)
{
    uint64_t now = engine_now(e), until = e->deaths.not_before_ms;
    if (until > now)
        look_in(e->place, until - now);
    return until > now;
}

/* The one for which somebody waits longest; else one that died in use. */
static struct engine *next_in(const struct place *p)
{
    struct engine *best = NULL;
    for (struct engine *e = p->all->first; e; e = e->next) {
        bool may =
            e->place == p && e->sm.state == ABSENT && e->model && (is_wanted(e) || e->comes_back);
        if (may && !rests(e) && (!best || wanted_since(e) < wanted_since(best)))
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
    uint64_t served = loaded->spawn->ready_ms ? now - loaded->spawn->ready_ms : 0;
    if (is_idle(loaded))
        return 0;
    return served >= turn ? 0 : turn - served;
}

bool place_is_taken(const struct engine *e, struct why *why)
{
    const struct engine *loaded = e->place->loaded;
    if (!loaded || loaded == e || loaded->stale || !loaded->model || !loaded->model->pin)
        return false;
    if (loaded->leaves || loaded->sm.state == DRAINING || loaded->sm.state == STOPPING)
        return false;
    why_set(why, ERR_PLACE_TAKEN, "%.*s is pinned, and one model is in memory at a time",
            SLICE_ARG(loaded->backend.name));
    return true;
}

static void make_room(struct place *p, struct engine *next)
{
    struct engine *loaded = p->loaded;
    struct why why;
    if (loaded->sm.state == DRAINING || loaded->sm.state == STOPPING) {
        look_in(p, LEAVING_MS);
        return;
    }
    if (place_is_taken(next, &why)) {
        engine_refuse(next, &why);
        look_in(p, 0);
        return;
    }
    if (loaded->sm.state == STARTING && !is_idle(loaded)) {
        look_in(p, LEAVING_MS);
        return;
    }
    if (wanted_since(loaded) <= wanted_since(next))
        return; /* it would go, and come back for those */
    uint64_t left = turn_left(loaded);
    if (left)
        look_in(p, left);
    else if (is_idle(loaded))
        engine_stop(loaded);
    else
        engine_drain(loaded);
}

/* Nobody asked for long: its memory is for others. */
static void keep_alive(struct place *p)
{
    struct engine *e = p->loaded;
    if (!e || e->sm.state != READY || !e->model || e->model->pin ||
        e->model->keep_alive_ms == CONFIG_FOREVER)
        return;
    uint64_t idle = engine_now(e) - e->used_ms, most = e->model->keep_alive_ms;
    if (idle < most)
        look_in(p, most - idle);
    else if (is_idle(e))
        engine_stop(e);
    else
        look_in(p, LEAVING_MS);
}

void place_ring(struct timer *t)
{
    struct place *p = owner_of(t, struct place, turn);
    if (p->all->closed || !p->all->facts)
        return;
    struct engine *next = next_in(p), *loaded = p->loaded;
    if (loaded && loaded->leaves && !is_idle(loaded))
        look_in(p, LEAVING_MS);
    if (loaded && loaded->stale)
        engine_drain(loaded);
    else if (loaded && loaded->leaves && is_idle(loaded))
        engine_stop(loaded);
    else if (loaded && next && is_wanted(next))
        make_room(p, next);
    else if (loaded && loaded->sm.state == DRAINING)
        engine_stay(loaded);
    else if (next && !loaded)
        engine_start(next);
    else
        keep_alive(p);
}
