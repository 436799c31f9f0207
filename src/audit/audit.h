/* audit: one row a request, always, whatever became of it: who, what, where tried, how long, how
 * much. For now a row is a line in the log and a part of the totals. Never a prompt, never an
 * answer, never a key. */
#pragma once

#include "base/err.h"

#define MOST_TRIES 8u

struct audit_try { /* one attempt, or why a target was passed over */
    struct slice target;
    enum err err; /* OK: it answered */
    uint64_t took_us;
};

struct audit_row {
    uint64_t id;
    const char *kind;
    struct slice model; /* as asked; made visible here */
    struct audit_try tries[MOST_TRIES];
    unsigned n_tries;
    enum err outcome;
    bool streamed;
    uint64_t total_us, first_us; /* first_us: until the first content; 0: there was none */
    uint64_t waited_us;          /* for a slot */
    int64_t prompt_tokens, completion_tokens; /* -1: not told */
    uint64_t events;
};

struct audit {                   /* totals since the start; read freely */
    uint64_t done, failed, left; /* left: the caller hung up */
    uint64_t by_err[ERR_COUNT];
    uint64_t prompt_tokens, completion_tokens;
};

void audit_write(struct audit *a, const struct audit_row *row);
