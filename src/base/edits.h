/* edits: a text is its source's bytes but for these. */
#pragma once

#include "base/err.h"

#define MOST_EDITS 18u

struct edit {
    size_t at, len;    /* in the source */
    struct slice text; /* instead of it */
};
struct edits {
    struct edit list[MOST_EDITS]; /* by place, not overlapping */
    unsigned n;
};

/* ERR_BAD_REQUEST when it overlaps another, lies outside, or is one too many. */
enum err edits_add(struct edits *e, struct slice source, struct edit edit) MUST_USE;
size_t edits_len(const struct edits *e, struct slice source); /* of the result */
void edits_write(const struct edits *e, struct slice source, struct text *out);
