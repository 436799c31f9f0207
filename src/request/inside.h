/* inside: what the files of room request share with each other. */
#pragma once

#include "crypt/crypt.h"
#include "request/request.h"

#define LARGE (256u * 1024) /* what is hashed or decoded on the loop, at most; above it a job */

/* state, longest stay in ms (0: not bounded here), may go to */
#define REQUEST_STATES(X)                                                                          \
    X(GATING, 10000, TO(READING) | TO(SETTLING))                                                   \
    X(READING, 0, TO(DECODING) | TO(SETTLING)) /* bounded by the connection: it has a floor */     \
    X(DECODING, 30000, TO(ADMITTING) | TO(SETTLING))                                               \
    X(ADMITTING, 30000, TO(ROUTING) | TO(SETTLING))                                                \
    X(ROUTING, 0, TO(WAITING) | TO(SETTLING))                                                      \
    X(WAITING, 0, TO(TRYING) | TO(ROUTING) | TO(SETTLING))   /* queue.wait */                      \
    X(TRYING, 0, TO(STREAMING) | TO(ROUTING) | TO(SETTLING)) /* the attempt's own deadlines */     \
    X(STREAMING, 0, TO(RESUMING) | TO(SETTLING)) /* never back to ROUTING: content has left */     \
    X(RESUMING, 60000, TO(STREAMING) | TO(SETTLING))                                               \
    X(SETTLING, 5000, TO(DONE))                                                                    \
    X(DONE, 0, 0)

enum request_state {
#define X(name, ...) REQUEST_##name,
    REQUEST_STATES(X)
#undef X
        REQUEST_STATE_COUNT
};

struct event_log { /* events that are kept; the last is number next - 1 */
    struct kept *first, *last;
    size_t bytes;
    uint64_t next;
};

struct tries {          /* of the plan's candidates */
    unsigned candidate; /* the one that it is at */
    unsigned made;      /* attempts, bounded by the settings */
    uint64_t began_us;  /* the one under way; 0: none */
    uint64_t waits_us;  /* since then for what its target says; 0: not */
    struct why failed;  /* what the last one said */
    bool over;          /* it ended, and the stage has yet to see that */
    bool turned_away;   /* it waited for a slot and gets none; `failed` says why */
};

struct fan;
struct decoding; /* a job that decodes a large body */
struct sealing;  /* a job that hashes much of an answer */

struct record {            /* what the row needs besides; record.c */
    struct digest *digest; /* of the answer; the job's while one runs. NULL: nothing left yet */
    struct sealing *sealing;
    unsigned char prompt[HASH_BYTES], answer[HASH_BYTES];
    enum err fell; /* complete here, and yet the caller did not get it */
    bool has_prompt, broken /* no memory for the answer's hash */, written;
};

struct request {
    struct desk *desk;
    struct request *next, **link;
    struct sm sm;
    struct hold hold; /* timers, jobs, and those who are using it right now */
    struct timer timer;
    struct arena arena;
    struct request_terms terms;
    struct body body;
    struct call call;
    struct decoding *decoding;
    struct route_plan plan;
    struct tries tries;
    struct ticket ticket;
    struct attempt attempt;
    struct decoder decoder;
    struct fan *fan; /* it is made of several; NULL: it is not */
    struct audit_row row;
    struct record record;
    struct reader *readers;
    struct event_log log;
    uint64_t began_us;
    struct why stop; /* code set: on its way to SETTLING, for this reason */
    bool stepping, again, woken, has_body, content_sent, complete, paused;
};

void request_step(struct request *r);
void request_after_done(struct request *r); /* lets it go unless somebody reads it still */
void request_move(struct request *r, enum request_state to);

/* stages.c: one function a state; true: go on, false: wait. */
typedef bool stage_fn(struct request *r);
extern stage_fn *const request_stages[REQUEST_STATE_COUNT];

/* desk.c: also while it only waits, or is nowhere; who gets the slot is stepped next turn */
void request_give_up_slot(struct request *r);

/* record.c */
void record_begin(struct request *r);
void record_prompt(struct request *r); /* the whole body, on the loop */
void record_heard(struct request *r);  /* the target said something, or is not waited for now */
void record_settle(struct request *r); /* how it went; the row is complete but for the answer */
/* Once it is done and no reader has anything to take: writes the row, if that is still to be done.
 * False: a job hashes the answer; it comes back here. */
bool record_close(struct request *r);

/* events.c */
void request_emit(struct request *r, struct event *e);
/* Each reader hears of this error instead of what is still kept for it; and it ends. */
void request_break(struct request *r, const struct why *why);
void request_forget(struct request *r); /* all kept events */

/* fan.c */
void fan_start(struct request *r); /* in TRYING */
void fan_wake(struct request *r);  /* its readers take more; also of one that has none */
void fan_stop(struct request *r);
void fan_fini(struct request *r);

/* another.c: a model that has words for all of this call, if its own place has not; "": none is
 * known. The table's. */
struct slice request_another(struct request *r);
