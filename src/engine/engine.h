/* engine: models that are served by children of ours, each a backend. A child is started when
 * somebody waits for its model, stopped when nobody asked for long or another model needs the
 * place, and started again when it died. One model is in memory at a time, and hearth's own guide
 * beside it. States: see life.c.
 *
 * A child is asked like a provider, over a socket of its own with a key of its own; both are new
 * with each start. Nobody is let in before it says that it is ready, and never more at a time than
 * it has slots: all waiting is in the backend's queue. */
#pragma once

#include "base/json.h"
#include "launch/launch.h"
#include "provider/provider.h"

struct engine_facts { /* about this machine; whoever gives them keeps them */
    const struct pack *packs;
    size_t n_packs;
    const struct machine *machine;
    struct sandbox_verdict sandbox;
    const char *bridge;
};

struct engine_settings {
    uint64_t load_stall_ms; /* so long a load may show no progress */
    uint64_t health_ms;     /* between two looks at one that does nothing */
    uint64_t rest_ms;       /* after it failed for good, until it is tried again */
    uint64_t turn_ms;       /* it serves at least so long before another one gets the place */
    uint64_t connect_ms, first_byte_ms, idle_ms;
    unsigned queue_length;
};

struct engines_ops {                                 /* of who made them */
    void (*admit)(void *context, struct backend *b); /* those who wait for it may go on */
    void (*refuse)(void *context, struct backend *b, const struct why *why); /* may not */
    /* What engines_load was asked for, once: it is in memory (why's code is OK), or why not. */
    void (*loaded)(void *context, void *owner, struct slice model, const struct why *why);
};

struct engine;

struct place { /* in memory: for one model at a time */
    struct engines *all;
    struct engine *loaded; /* the one whose child is there */
    struct timer turn;     /* it may have to make room */
};

struct engines { /* filled by its owner up to `settings`; one, in the daemon */
    struct loop *loop;
    struct hold *hold;
    const struct engines_ops *ops;
    void *context;
    const char *folder; /* private; each child gets a folder in it */
    struct slice via;
    struct engine_settings settings;
    const struct engine_facts *facts; /* NULL: not known yet */
    struct engine *first;
    struct place models,
        guide; /* the guide is small: it makes nobody leave, and leaves for nobody */
    bool closed;
};
void engines_open(struct engines *all);
/* New ones: packs came or went. Those that run go on. */
void engines_know(struct engines *all, const struct engine_facts *facts);
/* Nothing is started any more; what runs is stopped, or with `now` killed. The hold counts it. */
void engines_close(struct engines *all, bool now);
/* What an engine counts of itself, and what llama-server calls it behind "llamacpp:". */
/* clang-format off */
#define ENGINE_FIGURES_OF(X)                                                                       \
    X(PROMPT_TOKENS,  "prompt_tokens_total")                                                       \
    X(PROMPT_SECONDS, "prompt_seconds_total")                                                      \
    X(TOKENS,         "tokens_predicted_total")                                                    \
    X(TOKEN_SECONDS,  "tokens_predicted_seconds_total")                                            \
    X(DECODES,        "n_decode_total")                                                            \
    X(PROMPT_RATE,    "prompt_tokens_seconds")                                                     \
    X(TOKEN_RATE,     "predicted_tokens_seconds")                                                  \
    X(PROCESSING,     "requests_processing")                                                       \
    X(DEFERRED,       "requests_deferred")
/* clang-format on */
enum engine_figure {
#define X(id, name) ENGINE_##id,
    ENGINE_FIGURES_OF(X)
#undef X
        ENGINE_FIGURES
};
struct engine_figures {
    double values[ENGINE_FIGURES];
    bool known[ENGINE_FIGURES];
};
struct engine_now { /* for metrics */
    struct slice model;
    bool up;
    unsigned busy, waiting;
    uint64_t starts, deaths, load_ms;     /* load_ms: the last one took; 0: there was none */
    const struct engine_figures *figures; /* NULL: no child is there */
};
void engines_each(const struct engines *all, void (*each)(void *context, const struct engine_now *),
                  void *context);
/* Starts anew, also after it failed for good. ERR_NOT_FOUND: no such model; of all three. */
enum err engines_restart(struct engines *all, struct slice model, struct why *why) MUST_USE;
/* Into memory, though nobody asks it anything: `loaded` is called when it is there or cannot come,
 * perhaps before this returns. An error is what a request would get, and then it is not called; nor
 * once who waits was let go. */
enum err engines_load(struct engines *all, struct slice model, void *owner,
                      struct why *why) MUST_USE;
void engines_let_go(struct engines *all, const void *owner);
/* Out of memory once it has answered all that asked it; with `now` at once, and they are told. */
enum err engines_unload(struct engines *all, struct slice model, bool now, bool *ret_was_there,
                        struct why *why) MUST_USE;
struct engine_stay {       /* of one that is in memory */
    uint64_t context;      /* tokens a slot has, as it says itself; 0: it does not */
    uint64_t leaves_in_ms; /* if nobody asks it; UINT64_MAX: never */
};
/* False: it is not there. */
bool engines_stay(const struct engines *all, struct slice model, struct engine_stay *ret_stay);
void engines_write(const struct engines *all, bool logs, struct json_writer *w); /* an array */

/* NULL: no memory. The model's settings must stay until engine_set replaced them or it is retired;
 * it takes them up when it is started. */
struct backend *engine_new(struct engines *all, const struct config_model *model);
/* If it would be started otherwise now, it finishes what it does and starts anew. */
void engine_set(struct backend *b, const struct config_model *model);
/* Its model is no longer configured: who is inside may finish. Instead of backend_retire. */
void engine_drop(struct backend *b);
