/* cancel: a wish to stop that threads may look at. The owner of the work sets it, the worker
 * polls it between steps; a zero-filled token is valid. Work on the loop is cancelled by a direct
 * call instead, which comes back as an event. */
#pragma once

#include <stdatomic.h>

#include "base/err.h"

struct cancel {
    _Atomic int reason; /* an enum err; OK while nobody asked */
};

static inline void cancel_ask(struct cancel *c, enum err reason)
{
    int none = OK;
    atomic_compare_exchange_strong(&c->reason, &none, (int)reason); /* the first reason stays */
}

static inline enum err cancel_asked(struct cancel *c)
{
    return (enum err)atomic_load_explicit(&c->reason, memory_order_relaxed);
}
