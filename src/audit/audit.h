/* audit: one row a request, always, whatever became of it: who, what, where tried, how long, how
 * much. A row becomes a part of the totals, which /metrics shows, and goes to the ledger in the
 * store. Never a prompt, never an answer, never a key: of those it holds hashes. */
#pragma once

#include "store/store.h"

#define MOST_TRIES 18u /* ten attempts, and eight places that were passed over */
#define MOST_CALLS 24u /* kinds of call */
#define MOST_STATES LEDGER_STATES
#define MOST_BUCKETS 16u

struct audit_try { /* one attempt, or why a place was passed over */
    struct slice target;
    const char *reason; /* why it stood where it did in the plan */
    enum err err;       /* OK: it answered */
    uint64_t took_us;
};

struct audit_row { /* filled by whoever has the request; lives as long as that */
    uint64_t id;
    int64_t principal;
    struct slice who, parent; /* parent: the id of the request that made it; "": none did */
    unsigned kind;            /* of call; below MOST_CALLS */
    const char *call, *dialect;
    struct slice model;          /* as asked */
    struct slice served, target; /* the name that answered, and where; "": nothing did */
    struct audit_try tries[MOST_TRIES];
    unsigned n_tries;
    enum err outcome;
    int status; /* of the answer; 0: none went out */
    bool streamed;
    uint64_t began_ms; /* wall clock */
    uint64_t total_us;
    uint64_t first_us;        /* until the first content; 0: there was none */
    uint64_t upstream_us;     /* waiting for what a target says */
    uint64_t overhead_us;     /* our own: neither for a target, nor for a slot, nor for the body */
    const uint32_t *spent_us; /* by state; states_n of the audit */
    int64_t prompt_tokens, completion_tokens; /* -1: not told */
    uint64_t bytes_in, bytes_out;
    const unsigned char *prompt, *answer; /* SHA-256; NULL: there was none */
};

/* How often a time was at most so long; the last place counts what is longer than all bounds. */
struct histogram {
    uint64_t counts[MOST_BUCKETS + 1];
    uint64_t n, sum_us;
};
enum measure { MEASURE_TOTAL, MEASURE_FIRST, MEASURE_OVERHEAD, MEASURE_COUNT };
/* The bounds in us, upwards. */
const uint64_t *measure_bounds(enum measure m, unsigned *ret_n);

struct audit {             /* totals since the start; read freely */
    struct store *store;   /* set by the owner; NULL: rows are counted only */
    struct slice instance; /* likewise: with a row's number the id that its caller saw */
    unsigned states_n;
    bool full;                   /* the last row could not be kept */
    uint64_t done, failed, left; /* left: the caller hung up */
    uint64_t by_outcome[MOST_CALLS][ERR_COUNT];
    uint64_t tries[ERR_COUNT];
    uint64_t refused[ERR_COUNT]; /* before it was a request */
    uint64_t spent_us[MOST_STATES];
    struct histogram measures[MEASURE_COUNT];
    uint64_t prompt_tokens, completion_tokens, bytes_in, bytes_out;
};

void audit_write(struct audit *a, const struct audit_row *row);
/* Can a row be kept now? While it cannot, rows are counted as lost, or with audit.strict nothing
 * is admitted. */
bool audit_keeps(struct audit *a);
/* Somebody was turned away before there was a request. source: who, as far as that is known;
 * reason: the error's name, and perhaps more. */
void audit_refused(struct audit *a, enum err e, struct slice source, struct slice reason);
