/* queue: who goes next. One queue stands before each place that answers; it knows the place's
 * slots, lets tickets through in the order they came, and is bounded. Pure: no clock, no
 * callback, no allocation; tickets are embedded in what waits. */
#pragma once

#include "base/err.h"

struct queue;

struct ticket { /* read granted freely; zero-filled is valid and nowhere */
    struct ticket *next, *previous;
    struct queue *queue; /* NULL: nowhere */
    bool granted;        /* holds a slot; else it waits */
    bool light;          /* set while it waits: it needs no slot */
    bool aside;          /* granted, and yet it holds none */
    uint64_t asked_ms;
};

struct queue { /* set slots, length, held and closed; zero slots: no limit */
    unsigned slots, length;
    unsigned held; /* slots that are not given out for now */
    bool closed;   /* none is: who comes waits */
    unsigned busy, waiting;
    unsigned aside; /* went past the slots */
    struct ticket *first, *last;
};

/* OK: t->granted tells whether it has its slot already. ERR_NO_ROOM when too many wait. */
enum err queue_ask(struct queue *q, struct ticket *t, uint64_t now_ms) MUST_USE;
/* For what needs no slot: it goes at once, where the place is open. ERR_BUSY: it is not, ask for a
 * slot. ERR_NO_ROOM when too many did. */
enum err queue_pass(struct queue *q, struct ticket *t, uint64_t now_ms) MUST_USE;
/* Gives back the slot or the place, from anywhere, also from nowhere. Returns the ticket that got
 * the slot by this: whoever owns it must be told. */
MUST_USE struct ticket *queue_leave(struct ticket *t);
/* 1 is next; 0 when it does not wait. */
unsigned queue_place(const struct ticket *t);
/* After slots grew or it was opened: the next ticket that may go now; call until NULL. */
MUST_USE struct ticket *queue_grant(struct queue *q);
