/* wire: llhttp behind a narrow door. It reads one complete head that has passed our own rules about
 * bytes and lines, and says where the fields are and how it would find the body's end: a second
 * opinion, since what only one of two readers accepts is refused. Its header stays in wire.c
 * because its names collide with ours. */
#pragma once

#include "base/text.h"

typedef void wire_field_fn(void *owner, struct slice name, struct slice value);

struct wire_reading {
    bool has_length, chunked; /* chunked: the last coding is */
    uint64_t content_length;
    const char *why; /* written only when it refuses */
};

/* The head with its blank line. False when llhttp refuses it or would end it elsewhere. */
bool wire_read(bool response, struct slice head, wire_field_fn *on_field, void *owner,
               struct wire_reading *ret_reading) MUST_USE;
