/* body: see body.h. What counts is the bytes held, not the room of the buffer around them. */
#include "base/body.h"

#define MOST_EXPECTED (1024u * 1024)

void body_expect(struct body *b, size_t bytes)
{
    if (!text_room(&b->bytes, min_size(bytes, MOST_EXPECTED)))
        text_clear(&b->bytes); /* body_add will say so, if it is true of what really comes */
}

enum err body_add(struct body *b, struct slice bytes)
{
    size_t most = b->budget->most, used = min_size(b->budget->used, most); /* it may have shrunk */
    if (bytes.len > most - used)
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
