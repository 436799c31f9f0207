/* body: see body.h. What counts is the bytes held, not the room of the buffer around them. */
#include "base/body.h"

enum err body_add(struct body *b, struct slice bytes)
{
    assert(b->budget->used <= b->budget->most);
    if (bytes.len > b->budget->most - b->budget->used)
        return ERR_BODIES_FULL;
    text_add(&b->bytes, bytes);
    if (b->bytes.failed)
        return ERR_NO_MEMORY;
    b->budget->used += bytes.len;
    return OK;
}

void body_fini(struct body *b)
{
    if (b->budget)
        b->budget->used -= b->bytes.len;
    text_fini(&b->bytes);
}
