/* launch: from a model's settings and a pack to what is started: the engine's command line and
 * environment inside its sandbox. A table says which setting becomes which flag; flags that could
 * lead an engine past us are never made. Starts nothing, and reads nothing but file names. */
#pragma once

#include "machine/machine.h"
#include "pack/pack.h"
#include "sandbox/sandbox.h"
#include "settings/settings.h"

struct launch_terms {
    const struct config_model *model;
    const struct pack *pack;
    const struct machine *machine;
    const struct sandbox_verdict *sandbox;
    const char *bridge; /* hearth-bridge; NULL: none is needed */
    const char *folder; /* outside; without a sandbox the engine's own, for its socket */
    const char *key;    /* the engine asks it of us; never on a command line */
};

#define LAUNCH_SOCKET "engine.sock" /* in that folder, or in SANDBOX_PRIVATE */

struct launch {
    const char *const *argv, *const *env; /* of what is started, NULL-ended */
    const char *const *engine_argv;       /* of the engine itself, as it sees it: for people */
    bool boxed;                           /* in a sandbox, and its socket with it */
    bool devices;                         /* for sandbox_seccomp: it uses some */
    struct sandbox_limits limits;         /* to be set while it is held */
    unsigned slots;                       /* it takes so many requests at the same time */
};
/* Allocated in *a. ERR_NOT_FOUND: a file of the model is not there; ERR_CONFIG: a setting that this
 * pack cannot do. */
enum err launch_make(const struct launch_terms *t, struct arena *a, struct launch *ret_launch,
                     struct why *why) MUST_USE;
/* Do both start the same? They must be made with the same folder and key. */
bool launch_same(const struct launch *a, const struct launch *b);
