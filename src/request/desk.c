/* desk: where requests are, and whose turn it is. A request that got its slot because another gave
 * it up is stepped on the next turn of the loop, a few at a time: a target that fails at once would
 * otherwise carry the whole queue down one chain of calls. */
#include "request/inside.h"

#define STEPS_A_TURN 64u

static void unlink_woken(struct desk *d, struct ticket *t)
{
    if (t->previous)
        t->previous->next = t->next;
    else
        d->woken = t->next;
    if (t->next)
        t->next->previous = t->previous;
    else
        d->last_woken = t->previous;
    t->next = t->previous = NULL;
}

static void link_woken(struct desk *d, struct ticket *t)
{
    t->previous = d->last_woken;
    if (d->last_woken)
        d->last_woken->next = t;
    else
        d->woken = t;
    d->last_woken = t;
    timer_set(&d->wake, 0);
}

static void on_wake(struct timer *timer)
{
    struct desk *d = owner_of(timer, struct desk, wake);
    for (unsigned n = 0; d->woken && n < STEPS_A_TURN; n++) {
        struct request *r = owner_of(d->woken, struct request, ticket);
        unlink_woken(d, &r->ticket);
        r->woken = false;
        request_step(r);
    }
    if (d->woken)
        timer_set(&d->wake, 0);
}

static void wake(struct desk *d, struct ticket *t)
{
    owner_of(t, struct request, ticket)->woken = true;
    link_woken(d, t);
}

void request_give_up_slot(struct request *r)
{
    struct desk *d = r->desk;
    if (r->woken)
        unlink_woken(d, &r->ticket);
    r->woken = false;
    struct ticket *next = queue_leave(&r->ticket);
    if (next)
        wake(d, next);
}

void desk_admit(struct desk *d, struct backend *b)
{
    for (struct ticket *t; (t = queue_grant(&b->queue));)
        wake(d, t);
}

void desk_refuse(struct desk *d, struct backend *b, const struct why *why)
{
    for (struct request *r = d->requests, *next; r; r = next) {
        next = r->next;
        if (r->ticket.queue != &b->queue || r->ticket.granted)
            continue;
        r->tries.failed = *why;
        r->tries.turned_away = true;
        request_give_up_slot(r);
        request_step(r);
    }
}

void desk_each(const struct desk *d, void (*each)(void *context, const struct request_now *),
               void *context)
{
    uint64_t now = loop_now_us(d->loop);
    for (const struct request *r = d->requests; r; r = r->next) {
        bool planned = r->tries.candidate < r->plan.n;
        if (r->sm.state == REQUEST_DONE)
            continue;
        each(context, &(struct request_now){
                          .id = r->row.id,
                          .age_ms = (now - r->began_us) / 1000,
                          .who = r->terms.who,
                          .model = r->row.model,
                          .place = planned ? r->plan.list[r->tries.candidate].target->backend->name
                                           : SLICE(""),
                          .state = sm_name(&r->sm),
                      });
    }
}

void desk_open(struct desk *d, struct hold *hold)
{
    timer_open(&d->wake, d->loop, hold, on_wake);
}

void desk_close(struct desk *d)
{
    timer_close(&d->wake);
    d->closed = true;
    for (struct request *r = d->requests; r; r = r->next) {
        if (r->sm.state == REQUEST_DONE)
            (void)record_close(r);
    }
    while (d->n_digests)
        digest_free(d->digests[--d->n_digests]);
}

void desk_drain(struct desk *d, bool now)
{
    struct why why;
    why_set(&why, ERR_SHUTTING_DOWN, "the daemon was told to stop");
    d->draining = true;
    for (struct request *r = d->requests, *next; r; r = next) {
        next = r->next;
        if (r->sm.state == REQUEST_DONE)
            request_after_done(r);
        else if (now)
            request_stop(r, &why);
    }
}

void desk_revoke(struct desk *d, uint64_t grant)
{
    struct why why;
    why_set(&why, ERR_REVOKED, "%s", "");
    for (struct request *r = d->requests, *next; r; r = next) {
        next = r->next;
        if (r->terms.grant == grant)
            request_break(r, &why);
    }
}
