/* backend: the one interface that everything which can answer implements: engines, providers and,
 * later, virtual models. A request makes attempts on a backend; an attempt brings events and ends
 * with exactly one `done`. It retries nothing and decides nothing. */
#pragma once

#include "queue/queue.h"
#include "wire/wire.h"

struct backend;
struct attempt;

struct attempt_ops { /* who made the attempt; called on the loop, never from attempt_start */
    void (*event)(struct attempt *a, const struct event *e); /* borrowed for the call */
    /* The last call. OK only after an EVENT_END. */
    void (*done)(struct attempt *a, enum err e, const struct why *why);
};

struct attempt { /* embedded in the request; zero-filled is valid and idle */
    const struct attempt_ops *ops;
    struct backend *backend; /* NULL: idle */
    void *work;              /* the backend's */
};

struct order {               /* what is asked; read during attempt_start only */
    const struct call *call; /* stays until the attempt is over, as does the decoder */
    struct target target;    /* whom for: the backend's own name for the model, which stays, too,
                                and what it needs */
    struct decoder *decoder; /* begun by whoever starts the attempt */
    uint64_t id;             /* the request's, for the log */
};

struct backend_ops {
    enum err (*start)(struct backend *b, struct attempt *a, const struct order *o, struct why *why);
    void (*pause)(struct attempt *a, bool on);
    void (*cancel)(struct attempt *a);
    /* Somebody waits in its queue: it may have to be started first. An error: there is no use in
     * waiting. NULL: it is always there. */
    enum err (*wanted)(struct backend *b, struct why *why);
    /* Nobody needs it any more, says who asked it last: it may go, out of rest. NULL: it stays. */
    void (*spared)(struct backend *b);
    void (*free)(struct backend *b); /* retired, and nobody uses it any more */
};

struct backend { /* embedded in an engine or a provider */
    const struct backend_ops *ops;
    struct slice name;
    enum dialect dialect;
    struct queue queue;
    bool answers_aside;   /* takes calls that make no text besides those in its slots */
    bool resumes;         /* can go on with an answer whose beginning it is given */
    bool retired;         /* no longer in the configuration */
    uint64_t progress_ms; /* when it last came nearer to taking who waits: a load goes on */
    bool loading;         /* it is on its way into memory, */
    double loaded;        /* and so far: 0 to 1 */
    unsigned users;       /* requests whose plan names it */
};

/* Fails at once, or `done` comes later. */
enum err attempt_start(struct backend *b, struct attempt *a, const struct attempt_ops *ops,
                       const struct order *o, struct why *why) MUST_USE;
void attempt_pause(struct attempt *a, bool on); /* idle ones too: nothing happens */
void attempt_cancel(struct attempt *a);         /* at once, without `done` */
enum err backend_wanted(struct backend *b, struct why *why) MUST_USE;
void backend_spared(struct backend *b);
/* For implementations: says the last word. The attempt is idle before `done` is called. */
void attempt_done(struct attempt *a, enum err e, const struct why *why);

void backend_use(struct backend *b);
void backend_unuse(struct backend *b);
void backend_retire(struct backend *b);
