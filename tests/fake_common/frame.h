/* frame: takes a request off the front of what a connection has sent. For the fakes only: it trusts
 * its clients to write requests that are right, and buffers each one whole. */
#pragma once

#include "base/text.h"

enum { FRAME_LARGEST = 64 << 20 };

struct frame { /* where the parts of the first request in `in` are */
    struct slice head;
    size_t body_at, end;
    bool chunked, whole;
    struct text body; /* when it was chunked: without the framing */
};

/* False while the head is not complete. The caller frees ret_frame->body either way. */
bool frame_find(struct slice in, struct frame *f);
struct slice frame_header(struct slice head, struct slice name); /* its value; empty: not there */
void frame_base64(struct slice s, struct text *out);
uint64_t frame_hash(struct slice s); /* never 0 */
