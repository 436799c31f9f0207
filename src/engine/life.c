/* life: the states of a child, and who makes each move.
 *   ABSENT   -> STARTING  engine_start   somebody waits for it, and the place is free
 *   STARTING -> READY     engine_ready   it says so: who waits is let in
 *   READY   <-> BUSY      tries.c        it answers somebody
 *   any      -> DRAINING  engine_drain   another model needs the place, or its settings changed
 *   DRAINING -> READY     engine_stay    whoever waited for another model left
 *   any      -> STOPPING  engine_stop    nobody is inside: told to end, after 2 s made to
 *   any      -> ABSENT    engine_died    its process is gone, whatever the reason
 *   ABSENT   -> FAILED    engine_give_up  five deaths in a minute, or a reason that stays
 *   FAILED   -> ABSENT    engine_rested  a person asked, its settings changed, or time went by
 * SIGTERM is never sent: llama-server can hang in its handler for ever. */
#include "base/log.h"
#include "engine/inside.h"

#define STOP_MS 2000u
#define FIRST_REST_MS 250u
#define LONGEST_REST_MS 30000u
#define DEATHS_MS 60000u /* five in this time are too many */

#define TO(s) (1u << (s))
#define END TO(STOPPING) | TO(ABSENT)
static const struct sm_state states[] = {
    [ABSENT] = {"ABSENT", TO(STARTING) | TO(FAILED), 0},
    [STARTING] = {"STARTING", TO(READY) | TO(DRAINING) | END, 0}, /* bounded by its progress */
    [READY] = {"READY", TO(BUSY) | TO(DRAINING) | END, 0},
    [BUSY] = {"BUSY", TO(READY) | TO(DRAINING) | END, 0},
    [DRAINING] = {"DRAINING", TO(READY) | TO(BUSY) | END, 0}, /* by the deadlines of those inside */
    [STOPPING] = {"STOPPING", TO(ABSENT), STOP_MS},
    [FAILED] = {"FAILED", TO(ABSENT), 0},
};
static const struct sm_table table = {"engine", states, COUNT(states)};

uint64_t engine_now(const struct engine *e)
{
    return loop_now_ms(e->all->loop);
}

void engine_move(struct engine *e, unsigned to)
{
    bool quiet = to == BUSY || (to == READY && e->sm.state == BUSY);
    sm_move(&e->sm, to, e->all->loop->step_began_us, 0);
    e->since_ms = engine_now(e);
    e->backend.loading = to == STARTING;
    if (!quiet)
        bus_say(e->all->loop, "engine", "%.*s is %s", (int)min_size(e->backend.name.len, 64),
                e->backend.name.ptr, states[to].name);
}

void life_init(struct engine *e)
{
    sm_init(&e->sm, &table, ABSENT, e->all->loop->step_began_us);
    e->since_ms = engine_now(e);
}

/* ---- failing -------------------------------------------------------------------------------- */

void engine_give_up(struct engine *e, const struct why *why)
{
    e->failed = *why;
    e->comes_back = false;
    engine_move(e, FAILED);
    log_error("engine", "%.*s is given up: %s", SLICE_ARG(e->backend.name), why->text);
    timer_set(&e->timer, e->all->settings.rest_ms);
    engine_refuse(e, why);
}

void engine_rested(struct engine *e)
{
    if (e->sm.state != FAILED)
        return;
    engine_move(e, ABSENT);
    e->deaths = (struct deaths){.all = e->deaths.all};
    timer_stop(&e->timer);
    place_look(e->all);
}

bool engine_may(struct engine *e, struct why *why)
{
    const struct pack *pack;
    if (e->sm.state == FAILED)
        *why = e->failed;
    else if (e->all->closed)
        why_set(why, ERR_SHUTTING_DOWN, "the daemon goes down");
    else if (!e->model)
        why_set(why, ERR_NO_TARGET, "%.*s is no longer configured", SLICE_ARG(e->backend.name));
    else
        return !e->all->facts || e->sm.state != ABSENT ||
               (!place_is_taken(e, why) && !spawn_choose(e, &pack, why));
    return false;
}

static bool too_many(const struct deaths *d, uint64_t now)
{
    uint64_t oldest = d->at_ms[d->next]; /* the ring is full: the next place holds the oldest */
    return oldest && now - oldest <= DEATHS_MS;
}

static uint64_t rest_after(unsigned deaths)
{
    uint64_t ms = FIRST_REST_MS;
    for (unsigned i = 1; i < deaths && ms < LONGEST_REST_MS; i++)
        ms *= 2;
    return min_u64(ms, LONGEST_REST_MS);
}

static void note_death(struct engine *e, enum policy policy, bool was_ready, bool was_used)
{
    struct deaths *d = &e->deaths;
    uint64_t now = engine_now(e);
    bool memory = e->failed.code == ERR_ENGINE_OOM;
    d->at_ms[d->next] = max_u64(now, 1);
    d->next = (d->next + 1) % MOST_DEATHS;
    d->all++;
    d->row = was_ready ? 1 : d->row + 1;
    d->not_before_ms = was_ready ? now : now + rest_after(d->row);
    bool again = policy == AGAIN || was_ready || (policy == ONCE && !(memory && d->out_of_memory));
    d->out_of_memory = memory;
    e->comes_back = was_used && !e->leaves; /* who asks next finds it there */
    if (!again || too_many(d, now)) {
        if (e->failed.code != ERR_ENGINE_OOM && e->failed.code != ERR_ENGINE_MISSING)
            e->failed.code = ERR_ENGINE_FAILED;
        struct why why = e->failed;
        engine_give_up(e, &why);
    }
}

/* ---- from start to end ---------------------------------------------------------------------- */

void engine_start(struct engine *e)
{
    struct why why = {0};
    engine_move(e, STARTING);
    e->so_far.starts++;
    e->stale = e->comes_back = e->leaves = false;
    e->missed = 0;
    e->backend.progress_ms = engine_now(e);
    e->backend.loaded = 0;
    tail_clear(&e->tail);
    e->place->loaded = e;
    if (!spawn_make(e, &why)) {
        log_info("engine", "%.*s: starting with %s", SLICE_ARG(e->backend.name), e->spawn->pack_id);
        timer_set(&e->timer, e->all->settings.load_stall_ms);
        pulse_soon(e);
        return;
    }
    spawn_free(e);
    e->place->loaded = NULL;
    /* What a file, a setting or a missing pack is about stays so until somebody mends it. */
    bool passes = why.code == ERR_SYSTEM || why.code == ERR_NO_MEMORY || why.code == ERR_DISK;
    if (why.code != ERR_ENGINE_MISSING)
        why.code = ERR_ENGINE_FAILED; /* a caller's other place is not without memory, or files */
    e->failed = why;
    engine_move(e, ABSENT);
    note_death(e, passes ? AGAIN : GIVE_UP, false, false);
    place_look(e->all);
}

static void let_in(struct engine *e)
{
    e->backend.queue.closed = false;
    pulse_soon(e);
    e->all->ops->admit(e->all->context, &e->backend);
    wishes_end(e, &(struct why){0});
    place_look(e->all);
}

void engine_ready(struct engine *e)
{
    struct why why;
    e->so_far.load_ms = engine_now(e) - e->spawn->began_ms;
    if (spawn_connect(e, &why)) {
        engine_kill(e, ERR_ENGINE_CRASH, why.text);
        return;
    }
    e->spawn->ready_ms = e->spawn->heard_ms = e->used_ms = engine_now(e);
    e->spawn->progress = 1;
    e->backend.queue.slots = e->spawn->launch.slots;
    e->backend.queue.held = 0;
    e->backend.progress_ms = engine_now(e);
    timer_stop(&e->timer);
    engine_move(e, READY);
    log_info("engine", "%.*s: ready after %llu ms", SLICE_ARG(e->backend.name),
             (unsigned long long)e->so_far.load_ms);
    let_in(e);
}

/* Its process is gone already, or is told to go: what is called while the last attempts hear of
 * that has nothing more to do. */
static bool is_leaving(const struct engine *e)
{
    return !e->spawn || e->sm.state == ABSENT || e->sm.state == STOPPING;
}

void engine_drain(struct engine *e)
{
    if (is_leaving(e) || e->sm.state == DRAINING)
        return;
    e->backend.queue.closed = true;
    engine_move(e, DRAINING);
    pulse_soon(e);
}

void engine_stay(struct engine *e)
{
    if (e->sm.state != DRAINING || !e->model || !e->spawn->http)
        return; /* it was never ready */
    engine_move(e, e->tries ? BUSY : READY);
    let_in(e);
}

void engine_stop(struct engine *e)
{
    if (is_leaving(e))
        return;
    e->backend.queue.closed = true;
    engine_move(e, STOPPING);
    ask_stop(&e->health);
    ask_stop(&e->slots);
    ask_stop(&e->counts);
    if (e->spawn->http) { /* first its connections: a stream would hold it up */
        backend_retire(e->spawn->http);
        e->spawn->http = NULL;
    }
    timer_set(&e->timer, STOP_MS);
    if (e->spawn->exits)
        child_say(&e->spawn->child, SLICE("cmd_router_to_child:exit\n"));
    else
        child_kill(&e->spawn->child);
}

/* Until it is gone: what stands between it and us may hang too. */
static void make_end(struct engine *e)
{
    child_kill(&e->spawn->child);
    timer_set(&e->timer, STOP_MS);
}

void engine_kill(struct engine *e, enum err because, const char *words)
{
    if (!e->spawn)
        return;
    if (!e->spawn->killed.code)
        why_set(&e->spawn->killed, because, "%s", words);
    make_end(e);
}

void engine_died(struct engine *e, const struct child_end *end)
{
    bool wanted = e->sm.state == STOPPING || (e->sm.state == DRAINING && !e->tries);
    bool was_used = e->spawn->proved, was_ready = was_used || e->sm.state == READY;
    enum policy policy = AGAIN;
    if (e->spawn->killed.code)
        e->failed = e->spawn->killed;
    else
        policy = tail_judge(&e->tail, end, &e->failed);
    e->backend.queue.closed = true;
    e->backend.queue.held = 0;
    e->missed = 0;
    ask_stop(&e->health);
    ask_stop(&e->slots);
    ask_stop(&e->counts);
    timer_stop(&e->timer);
    timer_stop(&e->pulse);
    engine_move(e, ABSENT);
    if (!wanted)
        log_warn("engine", "%.*s: %s", SLICE_ARG(e->backend.name), e->failed.text);
    struct why why = e->failed;
    if (wanted)
        e->failed = (struct why){0};
    tries_fail_all(e, &why);
    spawn_free(e);
    e->place->loaded = NULL;
    if (!wanted && !e->all->closed)
        note_death(e, policy, was_ready, was_used);
    place_look(e->all);
    engine_free(e);
}

static void end_load(struct engine *e)
{
    struct text words = {0};
    text_format(&words, "its load made no progress for %llu s",
                (unsigned long long)(e->all->settings.load_stall_ms / 1000));
    engine_kill(e, ERR_ENGINE_FAILED, text_cstr(&words));
    text_fini(&words);
}

static void state_is_over(struct engine *e)
{
    if (e->sm.state == STOPPING)
        log_warn("engine", "%.*s did not end in time and is killed", SLICE_ARG(e->backend.name));
    if (e->sm.state == FAILED)
        engine_rested(e);
    else if (e->spawn && (e->sm.state == STOPPING || e->spawn->killed.code))
        make_end(e);
    else if (e->sm.state == STARTING)
        end_load(e);
}

void life_ring(struct timer *t)
{
    state_is_over(owner_of(t, struct engine, timer));
}
