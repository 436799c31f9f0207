/* request: one call on its way, from its headers to its audit row. The only room that knows the
 * whole order. A request owns its work, not its client: it emits numbered events, and readers
 * follow them, may leave, and may come back at a number. Everything it allocates is in its arena
 * and goes with it. States and who makes each move: see request.c. */
#pragma once

#include "audit/audit.h"
#include "base/body.h"
#include "base/sm.h"
#include "loop/loop.h"
#include "route/route.h"

struct request;
struct reader;
struct kept;

struct desk_settings {
    uint64_t total_ms, queue_wait_ms;
    unsigned attempts;
    bool failover;        /* may another target be tried at all? */
    size_t stream_buffer; /* events held for a slow reader before the target is paused */
};

#define SPARE_DIGESTS 64u

struct desk { /* where requests are; one, in the daemon. Read freely */
    struct loop *loop;
    struct audit *audit;
    const struct route_table *routes; /* replaced at a reload */
    struct desk_settings settings;
    struct request *requests;
    struct timer wake; /* for those who just got a slot: */
    struct ticket *woken, *last_woken;
    uint64_t live, kept; /* not DONE yet; DONE, but somebody may read its events still */
    uint64_t readers, attempts, last_id;
    struct digest *digests[SPARE_DIGESTS]; /* for the hashes of rows, used again and again */
    unsigned n_digests;
    uint64_t hashed, hashed_us; /* bytes on the loop in the step that began then */
    bool draining, closed;
    void (*quiet)(struct desk *d); /* while draining: the last request is done */
};
/* After the fields above are set; the desk is open until its hold is let go. */
void desk_open(struct desk *d, struct hold *hold);
/* Rows that wait for a slow reader or a hash are written now. */
void desk_close(struct desk *d);
/* Those under way go on, or with `now` end with ERR_SHUTTING_DOWN. Whoever makes requests looks at
 * `draining` before. */
void desk_drain(struct desk *d, bool now);
/* A place can take who waits for it: as many as it has room for go on, next turn. */
void desk_admit(struct desk *d, struct backend *b);
/* It cannot: who waits for it looks for another one, and is told why if there is none. */
void desk_refuse(struct desk *d, struct backend *b, const struct why *why);
struct request_now { /* one that is under way; slices hold for the call */
    uint64_t id, age_ms;
    struct slice who, model, place; /* as it was asked; where it is tried, "": nowhere yet */
    const char *state;
};
/* The newest first. */
void desk_each(const struct desk *d, void (*each)(void *context, const struct request_now *),
               void *context);
/* What is asked by this right ends with ERR_REVOKED, at once. */
void desk_revoke(struct desk *d, uint64_t grant);

/* ---- readers ---- */
struct reader_ops {
    /* ERR_BUSY: it is full; the same event comes again after reader_wake. Any other error: it
     * cannot go on, and the request ends with that. END and ERROR must be taken: the reader is
     * loose by then, hears no more, and its owner may free it right there; an error says that
     * nothing whole came of it. It must not call this room back, but for request_gave. */
    enum err (*take)(struct reader *r, const struct event *e);
};
struct reader { /* embedded in whoever follows; zero-filled but for ops */
    const struct reader_ops *ops;
    struct request *request; /* NULL: loose */
    struct reader *next;
    struct kept *at; /* the event it waits to take; NULL: the next one to come */
    uint64_t number; /* of that event */
    bool pumping;
};
/* From event `from` on: those that are still kept, then those to come. ERR_NOT_FOUND when it is
 * no longer kept. Events may come before this returns. */
enum err reader_follow(struct reader *r, struct request *q, uint64_t from) MUST_USE;
void reader_wake(struct reader *r);
/* Goes, for this reason. Of a request that ends with its last reader, the last one's ends it. */
void reader_leave(struct reader *r, enum err why);

/* ---- requests ---- */
struct request_terms {
    enum call_kind kind;
    enum dialect dialect;
    bool ends_by_itself; /* goes on without readers, and stays for 60 s for those who come back */
    bool told;           /* while it waits, its stream says for what, in comments */
    uint64_t parent;     /* the request that makes it; 0: none */
    int64_t principal;   /* who asks, and owns it; 0: nobody that is recorded */
    uint64_t grant;      /* by what right; see desk_revoke */
    struct slice who;    /* its name; copied */
    struct slice models; /* names and NAME* that it may ask; "": all. Copied */
    struct slice role;   /* that it asks whatever model it names; "": as it says. Copied */
};
/* In GATING. NULL when there is no memory. It frees itself when it is done and the last reader is
 * loose. */
struct request *request_new(struct desk *d, const struct request_terms *terms);
void request_admit(struct request *r);                   /* the headers are fine: GATING is over */
void request_give(struct request *r, struct body *body); /* the whole body; taken over */
/* Ends it, from any state: its body never came, its caller hung up, it was cancelled. */
void request_stop(struct request *r, const struct why *why);

/* For the row: so many bytes of a body came that may never be given; these bytes of an answer went
 * to whoever made the request. */
void request_got(struct request *r, uint64_t bytes);
void request_gave(struct request *r, int status, struct slice bytes);

/* Names of the states, for those who read rows. */
const char *const *request_state_names(unsigned *ret_n);

uint64_t request_id(const struct request *r);
/* One that ends by itself and belongs to this principal; to others it is not there. */
struct request *request_find(struct desk *d, uint64_t id, int64_t principal);
bool request_streams(const struct request *r); /* the caller asked for a stream */
bool request_wants_usage(const struct request *r);
/* Fields of the call for which the place that answers has no word; commas between. */
struct slice request_dropped(const struct request *r);
