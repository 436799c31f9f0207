/* pulse: looks at a child from time to time: is it ready (where it does not say so itself), does it
 * still answer, and are the slots of callers who left free again. Three looks at its health without
 * an answer end it. A child that answers somebody is looked at only when it is silent: it is asked
 * to say something every second. */
#include "engine/inside.h"

#define START_MS 100u    /* between two looks at a child that loads and does not tell */
#define UNHEARD_MS 1000u /* of one that loads and tells how far it is */
#define SOON_MS 50u      /* something is about to change */
#define SILENCE_MS 3500u /* of a child that answers: it pings every second */
#define ANSWER_MS 2000u  /* for the answer to a look */
#define MOST_MISSED 3u
#define LINGER_MS 2000u /* a slot is given out again at the latest */

void pulse_set(struct engine *e)
{
    bool waits = e->backend.queue.held || e->sm.state == DRAINING;
    for (struct trying *t = e->tries; t && !waits; t = t->next)
        waits = t->over_ms != 0;
    if (e->sm.state == STARTING)
        timer_set(&e->pulse, START_MS);
    else if (waits || e->missed)
        timer_set(&e->pulse, SOON_MS);
    else
        timer_set(&e->pulse, e->tries ? 1000 : e->all->settings.health_ms);
}

void pulse_soon(struct engine *e)
{
    timer_set(&e->pulse, SOON_MS);
}

void pulse_watch_slots(struct engine *e)
{
    struct queue *q = &e->backend.queue;
    if (!e->spawn || q->held >= q->slots)
        return;
    q->held++;
    e->looks.wait_ms = SOON_MS;
    e->looks.since_ms = engine_now(e);
    pulse_soon(e);
}

/* ---- its slots ------------------------------------------------------------------------------ */

static unsigned at_work(struct slice body)
{
    struct json_doc doc;
    unsigned n = 0;
    if (json_read(body, &json_usual_limits, NULL, &doc, NULL))
        return 0;
    for (struct json_iter i = json_begin(doc.root); json_next(&i);)
        n += json_is_true(json_get(i.value, "is_processing"));
    json_done(&doc);
    return n;
}

static unsigned tries_inside(const struct engine *e)
{
    unsigned n = 0;
    for (const struct trying *t = e->tries; t; t = t->next)
        n += t->over_ms == 0;
    return n;
}

void pulse_slots(struct ask *a, int status, struct slice body)
{
    struct engine *e = owner_of(a, struct engine, slots);
    struct queue *q = &e->backend.queue;
    unsigned busy = status == 200 ? at_work(body) : 0, inside = tries_inside(e);
    unsigned linger = busy > inside ? busy - inside : 0;
    bool late = engine_now(e) - e->looks.since_ms >= LINGER_MS;
    if (status == 0 && !late)
        linger = q->held; /* it did not say */
    q->held = late ? 0 : linger < q->held ? linger : q->held;
    if (!q->closed)
        e->all->ops->admit(e->all->context, &e->backend);
    if (e->spawn)
        pulse_set(e);
}

static void ask_slots(struct engine *e)
{
    const struct question q = {
        .socket = e->spawn->socket, .key = e->spawn->key, .path = "/slots", .ms = ANSWER_MS};
    if (!e->backend.queue.held || e->slots.busy)
        return;
    uint64_t waited = engine_now(e) - e->looks.since_ms;
    if (waited < e->looks.wait_ms)
        return;
    e->looks.wait_ms *= 2; /* a child that is asked often notices later that a caller left */
    ask_start(&e->slots, e->all->loop, &e->hold, &q);
}

/* ---- its health ----------------------------------------------------------------------------- */

void pulse_health(struct ask *a, int status, struct slice body)
{
    struct engine *e = owner_of(a, struct engine, health);
    (void)body;
    if (!e->spawn)
        return;
    if (status == 200 || e->sm.state == STARTING)
        e->spawn->heard_ms = engine_now(e);
    if (status == 200) {
        e->missed = 0;
        if (e->sm.state == STARTING && !e->spawn->killed.code)
            engine_ready(e);
    } else if (e->sm.state != STARTING && ++e->missed >= MOST_MISSED) {
        engine_kill(e, ERR_IDLE_TIMEOUT, "it no longer answered, and was ended");
        return;
    }
    pulse_set(e);
}

static void ask_health(struct engine *e)
{
    const struct question q = {
        .socket = e->spawn->socket, .key = e->spawn->key, .path = "/health", .ms = ANSWER_MS};
    uint64_t silent = engine_now(e) - e->spawn->heard_ms;
    uint64_t most = e->tries ? SILENCE_MS : e->all->settings.health_ms;
    /* One that tells how far it is tells when it is ready too; should we miss that, it is asked. */
    uint64_t most_loading = e->spawn->spoke ? UNHEARD_MS : 0;
    bool due =
        e->sm.state == STARTING ? silent >= most_loading : e->missed || silent + SOON_MS >= most;
    if (due && !e->health.busy)
        ask_start(&e->health, e->all->loop, &e->hold, &q);
}

void pulse_ring(struct timer *t)
{
    struct engine *e = owner_of(t, struct engine, pulse);
    if (!e->spawn || e->sm.state == STOPPING)
        return;
    tries_settle(e);
    if (e->sm.state == STOPPING)
        return; /* its last caller let go of it: questions that were stopped are not asked again */
    if (e->sm.state == DRAINING && !e->tries && !e->backend.queue.busy) {
        engine_stop(e);
        return;
    }
    ask_slots(e);
    ask_health(e);
    figures_ask(e);
    pulse_set(e);
}
