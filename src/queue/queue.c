/* queue: see queue.h. First come, first served; fairness between principals comes with them. */
#include "queue/queue.h"

static bool has_slot(const struct queue *q)
{
    return !q->closed && (q->slots == 0 || q->busy + q->held < q->slots);
}

enum err queue_ask(struct queue *q, struct ticket *t, uint64_t now_ms)
{
    assert(!t->queue);
    *t = (struct ticket){.queue = q, .asked_ms = now_ms};
    if (has_slot(q) && !q->first) {
        q->busy++;
        t->granted = true;
        return OK;
    }
    if (q->waiting >= q->length) {
        t->queue = NULL;
        return ERR_NO_ROOM;
    }
    t->previous = q->last;
    if (q->last)
        q->last->next = t;
    else
        q->first = t;
    q->last = t;
    q->waiting++;
    return OK;
}

enum err queue_pass(struct queue *q, struct ticket *t, uint64_t now_ms)
{
    assert(!t->queue);
    if (q->closed)
        return ERR_BUSY;
    if (q->aside >= q->length)
        return ERR_NO_ROOM;
    *t = (struct ticket){.queue = q, .asked_ms = now_ms, .granted = true, .aside = true};
    q->aside++;
    return OK;
}

static void take_out(struct queue *q, struct ticket *t)
{
    if (t->previous)
        t->previous->next = t->next;
    else
        q->first = t->next;
    if (t->next)
        t->next->previous = t->previous;
    else
        q->last = t->previous;
    t->next = t->previous = NULL;
    q->waiting--;
}

struct ticket *queue_grant(struct queue *q)
{
    struct ticket *t = q->first;
    bool passes = t && t->light && !q->closed && q->aside < q->length;
    if (!t || (!passes && !has_slot(q)))
        return NULL;
    take_out(q, t);
    t->granted = true;
    t->aside = passes;
    if (passes)
        q->aside++;
    else
        q->busy++;
    return t;
}

struct ticket *queue_leave(struct ticket *t)
{
    struct queue *q = t->queue;
    if (!q)
        return NULL;
    if (t->aside)
        q->aside--;
    else if (t->granted)
        q->busy--;
    else
        take_out(q, t);
    *t = (struct ticket){0};
    return queue_grant(q);
}

unsigned queue_place(const struct ticket *t)
{
    unsigned place = 0;
    if (!t->queue || t->granted)
        return 0;
    for (; t; t = t->previous)
        place++;
    return place;
}
