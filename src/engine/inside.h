/* inside: what the files of room engine share with each other. */
#pragma once

#include "base/sm.h"
#include "child/child.h"
#include "engine/engine.h"
#include "http/http.h"

enum { ABSENT, STARTING, READY, BUSY, DRAINING, STOPPING, FAILED };

/* ---- tail.c: the last lines of its log, and what they mean ---- */
#define TAIL_ROOM 16384u
enum policy { AGAIN, ONCE, GIVE_UP };
struct tail {
    struct text lines;
    char trouble[200]; /* the last line that was told as an error */
    unsigned failure;  /* the row of failures.def + 1; 0: none matched */
};
void tail_fini(struct tail *t);
void tail_clear(struct tail *t);
void tail_add(struct tail *t, struct slice line, bool error);
/* Why it ended, in words, from its log and from how it did. */
enum policy tail_judge(const struct tail *t, const struct child_end *end, struct why *ret_why);

/* ---- ask.c: one short question to a child, besides the requests of callers ---- */
struct ask { /* embedded; zero-filled but for answered */
    /* status 0: no answer in time. The last call. */
    void (*answered)(struct ask *a, int status, struct slice body);
    struct stream stream;
    struct timer timer;
    struct http_parser parser;
    struct text body;
    struct text head;
    bool busy;
};
struct question {
    const char *socket, *key, *path;
    struct slice json; /* POSTed; empty: GET */
    uint64_t ms;
};
void ask_start(struct ask *a, struct loop *l, struct hold *hold, const struct question *q);
void ask_stop(struct ask *a);

/* ---- batch.c: many calls for vectors are asked together ---- */
struct batch;
struct trying;
struct gather {                  /* of one child */
    struct trying *first, *last; /* who stands in line */
    struct batch *batches;
    unsigned waiting, flying; /* in line; calls of the engine under way */
    size_t answer_bytes;      /* for each input, the last time */
    bool looking;             /* at the line, right now; or nobody is to go any more */
};

/* ---- one start of a child ---- */
struct spawn {
    struct engine *engine;
    struct hold hold; /* the child's handles, the backend, and one until it is over */
    struct child child;
    struct arena arena;
    struct launch launch;
    struct backend *http; /* asks it; NULL until it is ready */
    const char *folder, *socket;
    char key[33];
    const char *pack_id;
    uint64_t began_ms, ready_ms, heard_ms;
    uint64_t context; /* tokens a slot has, as it says itself */
    double progress;
    bool exits;        /* it knows the command to end */
    bool pings;        /* and how often it is to show that it lives */
    bool proved;       /* it has answered something */
    bool spoke;        /* in the protocol of children */
    struct why killed; /* code set: it was made to end, for this reason */
    struct gather gather;
    struct engine_figures figures;
    uint64_t counted_ms; /* when it was asked for them */
};

struct trying { /* an attempt inside a child */
    struct attempt inner;
    struct attempt *outer; /* NULL: its request left */
    struct engine *engine;
    struct trying *next, **at;
    struct why why;   /* it ended with this; */
    uint64_t over_ms; /* its child's end is awaited since then. 0: it goes on */
    /* The rest is batch.c's, of a call for vectors. */
    enum { STANDS_NOWHERE, STANDS_ALONE, STANDS_IN_LINE, STANDS_IN_BATCH } stands;
    struct trying *mate; /* behind it, in line or in its batch */
    struct batch *batch, *telling;
    const struct call *call; /* as ordered; all of it outlives the attempt */
    struct decoder *decoder;
    struct slice model;
    uint64_t id;
    struct text body;       /* as it would be sent alone, */
    struct json_span input; /* and where its input stands */
    bool single;            /* one input, and small: it may go with others */
    unsigned place;         /* among the inputs of its batch, */
    size_t before;          /* and what those before it weigh */
};
#define LAST_BREATH_MS 300u /* so soon after its connections a dying child is gone */

#define MOST_DEATHS 5u
struct deaths {
    uint64_t at_ms[MOST_DEATHS]; /* a ring */
    unsigned next, row;          /* row: without a success in between */
    uint64_t not_before_ms;
    bool out_of_memory; /* the last one was of that */
    uint64_t all;       /* since the daemon started */
};

struct engine_sums {         /* since the daemon started */
    uint64_t starts, pieces; /* pieces: of text that it said */
    uint64_t calls;          /* that it was asked; several callers may have shared one */
    uint64_t load_ms;        /* the last load took */
};

struct wish { /* somebody wants it in memory, without a request */
    struct wish *next;
    struct engine *engine;
    void *owner;
    uint64_t since_ms;
};

struct looks { /* at its slots: how long until the next, and since when. 0: none */
    uint64_t wait_ms, since_ms;
};

struct engine {
    struct backend backend;
    struct engines *all;
    struct place *place;
    struct engine *next, **at;
    const struct config_model *model;
    struct arena arena;   /* of its name */
    struct text sampling; /* what its model's settings say of it, as a JSON object */
    struct sm sm;
    struct hold hold;    /* timers, the child, questions, and one until it is freed */
    struct timer timer;  /* how long it may stay in its state */
    struct timer pulse;  /* looks at it from time to time */
    struct spawn *spawn; /* NULL: no child */
    struct trying *tries;
    struct wish *wishes;
    struct tail tail;
    struct deaths deaths;
    struct why failed; /* why it is FAILED, or what it died of last */
    struct ask health, slots, counts;
    struct engine_sums so_far;
    unsigned missed; /* looks at its health without an answer, in a row */
    struct looks looks;
    uint64_t since_ms, used_ms;
    bool stale, comes_back, gone; /* to be started otherwise; to be started again; freed */
    bool leaves;                  /* as soon as nobody asks it any more: somebody said so */
};

/* With those whom batch.c asks for. */
static inline unsigned engine_busy(const struct engine *e)
{
    return e->backend.queue.busy + (e->spawn ? e->spawn->gather.flying : 0);
}
static inline unsigned engine_waiting(const struct engine *e)
{
    return e->backend.queue.waiting + (e->spawn ? e->spawn->gather.waiting : 0);
}

struct engine *engine_of(const struct backend *b);
enum err engine_named(const struct engines *all, struct slice model, struct engine **ret,
                      struct why *why);
void engine_move(struct engine *e, unsigned to);
uint64_t engine_now(const struct engine *e);

/* life.c */
void life_init(struct engine *e);
void life_ring(struct timer *t);
void engine_start(struct engine *e);
void engine_drain(struct engine *e); /* takes nobody new, and stops when it is idle */
void engine_stay(struct engine *e);  /* not any more: whom it would have gone for has left */
void engine_stop(struct engine *e);
void engine_kill(struct engine *e, enum err because, const char *words);
void engine_ready(struct engine *e);
/* No start before what was wrong is mended; those who wait are turned away. */
void engine_give_up(struct engine *e, const struct why *why);
void engine_rested(struct engine *e);               /* FAILED no longer */
bool engine_may(struct engine *e, struct why *why); /* is there any use in waiting for it? */
void engine_free(struct engine *e);

/* spawn.c */
enum err spawn_choose(const struct engine *e, const struct pack **ret_pack, struct why *why);
enum err spawn_make(struct engine *e, struct why *why);
enum err spawn_connect(struct engine *e, struct why *why); /* the backend that asks the child */
void spawn_free(struct engine *e);
void spawn_remove_folder(const struct engines *all, const char *path);
extern const struct child_ops spawn_child_ops;
void engine_died(struct engine *e, const struct child_end *end); /* life.c */

/* hear.c */
void engine_hear(struct engine *e, enum child_output from, struct slice line);

/* tries.c */
enum err tries_start(struct backend *b, struct attempt *a, const struct order *o, struct why *why);
void tries_pause(struct attempt *a, bool on);
void tries_cancel(struct attempt *a);
void tries_fail_all(struct engine *e, const struct why *why);
void tries_settle(struct engine *e); /* those whose child's end was awaited get their own words */

enum err tries_start_inside(struct trying *t, const struct order *o, struct why *why);
void tries_heard(struct engine *e, const struct event *event);
void tries_ended(struct trying *t, enum err err, const struct why *why); /* by its child's words */
void tries_finish(struct trying *t, enum err err, const struct why *why);

/* batch.c */
bool batch_takes(const struct order *o);
enum err batch_join(struct trying *t, const struct order *o, struct why *why);
void batch_leave(struct trying *t); /* before it is freed, wherever it stands */
void batch_look(struct engine *e);  /* who in line may go now? */

/* pulse.c */
void pulse_ring(struct timer *t);
void pulse_set(struct engine *e); /* for what it does now */
void pulse_soon(struct engine *e);
/* A caller left: its slot is free when the engine says so. */
void pulse_watch_slots(struct engine *e);
void pulse_health(struct ask *a, int status, struct slice body);
void pulse_slots(struct ask *a, int status, struct slice body);

/* figures.c */
void figures_ask(struct engine *e);
void figures_answer(struct ask *a, int status, struct slice body);
void figures_read(struct slice page, struct engine_figures *f);

/* wishes.c */
void wishes_end(struct engine *e, const struct why *why);
void engine_refuse(struct engine *e, const struct why *why); /* all who wait for it */

/* place.c: which model is in memory */
void place_open(struct place *p, struct engines *all);
void place_look(struct engines *all); /* on the next turn of the loop */
/* A pinned model has it: there is no use in waiting. */
bool place_is_taken(const struct engine *e, struct why *why);
void place_ring(struct timer *t);
