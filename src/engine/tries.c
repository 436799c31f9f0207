/* tries: attempts inside a child. Each is one of the backend that asks the child; what this file
 * adds is the engine's own words when its child is why an attempt broke off. */
#include "base/mem.h"
#include "engine/inside.h"

static void take_off(struct trying *t)
{
    *t->at = t->next;
    if (t->next)
        t->next->at = t->at;
    batch_leave(t);
    mem_free(t);
}

static void after_try(struct engine *e)
{
    e->used_ms = engine_now(e);
    if (!e->tries && e->sm.state == BUSY)
        engine_move(e, READY);
    place_look(e->all);
}

void tries_finish(struct trying *t, enum err err, const struct why *why)
{
    struct engine *e = t->engine;
    struct attempt *outer = t->outer;
    take_off(t);
    after_try(e);
    attempt_done(outer, err, why);
    batch_look(e);
}

void tries_heard(struct engine *e, const struct event *event)
{
    e->spawn->heard_ms = e->backend.progress_ms = engine_now(e);
    e->spawn->proved |= event_is_content(event) || event->kind == EVENT_END;
    e->so_far.pieces += event_is_content(event);
    e->missed = 0;
}

static void on_event(struct attempt *a, const struct event *event)
{
    struct trying *t = owner_of(a, struct trying, inner);
    tries_heard(t->engine, event);
    t->outer->ops->event(t->outer, event);
}

/* The connection broke: is the child gone too? That is told a moment later, and is the reason. */
static bool is_cut(enum err e)
{
    return e == ERR_EOF_BEFORE_HEADERS || e == ERR_EOF_BEFORE_CONTENT || e == ERR_EOF_MID_STREAM ||
           e == ERR_CONNECT_REFUSED || e == ERR_SYSTEM;
}

static bool is_silence(enum err e)
{
    return e == ERR_HDR_TIMEOUT || e == ERR_TTFT_TIMEOUT || e == ERR_IDLE_TIMEOUT;
}

/* We left, and not the child: its slot is the engine's until the engine has noticed. */
static bool is_given_up(enum err e)
{
    return is_silence(e) || e == ERR_BAD_RESPONSE || e == ERR_NO_MEMORY;
}

/* It may be gone already, and we have yet to hear of it. */
static void await_end(struct trying *t, const struct why *why)
{
    t->over_ms = engine_now(t->engine);
    t->why = *why;
    pulse_soon(t->engine);
}

void tries_ended(struct trying *t, enum err err, const struct why *why)
{
    struct engine *e = t->engine;
    if (is_given_up(err))
        pulse_watch_slots(e);
    if (is_cut(err) && e->spawn) {
        await_end(t, why);
        return;
    }
    if (is_silence(err) && e->spawn && !e->spawn->proved) {
        struct why kept = *why;
        tries_finish(t, err, &kept);
        engine_kill(e, err, "it said that it is ready, and never answered anything");
        return;
    }
    tries_finish(t, err, why);
}

static void on_done(struct attempt *a, enum err err, const struct why *why)
{
    tries_ended(owner_of(a, struct trying, inner), err, why);
}

enum err tries_start_inside(struct trying *t, const struct order *o, struct why *why)
{
    static const struct attempt_ops ops = {on_event, on_done};
    struct engine *e = t->engine;
    struct order order = *o;
    order.target.engine = true;
    order.target.slot = -1; /* it knows best which of its slots has most of this conversation */
    order.target.ping_s = e->spawn->pings ? 1 : 0;
    order.target.sampling = text_slice(&e->sampling);
    order.target.system = e->model ? slice_of(e->model->system_text) : SLICE("");
    e->so_far.calls++;
    enum err err = attempt_start(e->spawn->http, &t->inner, &ops, &order, why);
    if (!is_cut(err))
        return err;
    await_end(t, why);
    return OK;
}

/* Certain before it is asked: its tokens are counted low. */
static bool is_too_long(const struct engine *e, const struct call *c)
{
    bool reads_all = c->kind == CALL_CHAT || c->kind == CALL_COMPLETE;
    return reads_all && e->spawn->context && c->least_tokens > e->spawn->context;
}

enum err tries_start(struct backend *b, struct attempt *a, const struct order *o, struct why *why)
{
    struct engine *e = engine_of(b);
    /* DRAINING too: whoever was let in before may find it so. */
    if (e->sm.state == ABSENT || !e->spawn || !e->spawn->http)
        return why_set(why, ERR_ENGINE_CRASH, "the engine of %.*s is not running",
                       SLICE_ARG(b->name));
    if (is_too_long(e, o->call))
        return why_set(why, ERR_CTX_TOO_LONG, "it is over %llu tokens, and %llu fit",
                       (unsigned long long)o->call->least_tokens - 1,
                       (unsigned long long)e->spawn->context);
    struct trying *t = mem_new(struct trying);
    if (!t)
        return why_set(why, ERR_NO_MEMORY, "no memory for an attempt");
    t->outer = a;
    t->engine = e;
    enum err err = batch_takes(o) ? batch_join(t, o, why) : tries_start_inside(t, o, why);
    if (err) {
        batch_leave(t);
        mem_free(t);
        return err;
    }
    t->next = e->tries;
    t->at = &e->tries;
    if (t->next)
        t->next->at = &t->next;
    e->tries = t;
    a->work = t;
    if (e->sm.state == READY) {
        engine_move(e, BUSY);
        pulse_set(e);
    }
    return OK;
}

void tries_pause(struct attempt *a, bool on)
{
    struct trying *t = a->work;
    attempt_pause(&t->inner, on);
}

void tries_cancel(struct attempt *a)
{
    struct trying *t = a->work;
    struct engine *e = t->engine;
    attempt_cancel(&t->inner);
    take_off(t);
    pulse_watch_slots(e);
    after_try(e);
    batch_look(e);
}

void tries_fail_all(struct engine *e, const struct why *why)
{
    if (e->spawn)
        e->spawn->gather.looking = true; /* nobody in line is to begin now */
    while (e->tries) {
        struct trying *t = e->tries;
        attempt_cancel(&t->inner);
        tries_finish(t, why->code, why);
    }
    if (e->spawn)
        e->spawn->gather.looking = false;
}

void tries_settle(struct engine *e)
{
    uint64_t now = engine_now(e);
    struct trying *t = e->tries;
    while (t) {
        struct trying *next = t->next;
        if (t->over_ms && now - t->over_ms >= LAST_BREATH_MS) {
            struct why why = t->why;
            tries_finish(t, why.code, &why);
            next = e->tries; /* whoever heard of it may have ended others */
        }
        t = next;
    }
}
