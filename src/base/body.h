/* body: the bytes of a request held in memory, counted against a budget that all bodies share.
 * Whoever holds the body last gives its bytes back. A zero-filled body is valid and empty. */
#pragma once

#include "base/err.h"

struct budget {
    size_t used, most;
};

struct body {
    struct text bytes;
    struct budget *budget; /* set before the first body_add */
};

/* So many bytes are said to come: one block of memory for them, up to 1 MiB. It is not counted, and
 * costs nothing until it is written to. */
void body_expect(struct body *b, size_t bytes);
/* ERR_BODIES_FULL when the budget has no room for it: the caller waits and tries again. */
enum err body_add(struct body *b, struct slice bytes) MUST_USE;
void body_fini(struct body *b);

/* Moves the bytes and what they cost to another holder. */
static inline struct body body_take(struct body *b)
{
    struct body taken = *b;
    b->bytes = (struct text){0};
    return taken;
}
