/* pack: engines on this machine, as folders. A pack is one build of one engine: unpacked beside the
 * system under data/engines/ID/ (its root, and pack.json with what it is and what it can), or found
 * on PATH. Several stand side by side; one of each engine is in use, and the one before it is
 * remembered. Everything here blocks: commands and jobs use it, the loop never does. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum pack_feature { /* what hearth relies on; each has a fall-back where it is missing */
                    PACK_CHILD_PROTOCOL, /* tells its loading and takes commands on stdin */
                    PACK_UNIX_SOCKET,    /* listens on a path ending in .sock */
                    PACK_EXIT_COMMAND,   /* ends when told so on stdin */
                    PACK_STDIN_ENDS,     /* ends when its stdin is closed */
                    PACK_SLOT_SAVE,
                    PACK_PING_INTERVAL, /* takes sse_ping_interval in a request */
                    PACK_CANCEL,        /* a slot is free within a second after its client left */
                    PACK_FEATURES
};

struct pack {
    const char *id;      /* "llama.cpp-0.7.0-b11669-debian"; also its folder's name */
    const char *engine;  /* "llama.cpp", "whisper.cpp" */
    const char *version; /* as it says itself: "0.7.0 (b11669)" */
    const char *source;  /* "debian testing", "folder /x", "archive", "build", "PATH" */
    const char *flavour; /* "cpu", "vulkan", "cuda", ... */
    const char *root;    /* outside: what the sandbox mounts as /; NULL: the system itself (PATH) */
    const char *program; /* inside root: "/usr/bin/llama-server" */
    const char *backend; /* inside root: the best CPU back-end, for GGML_BACKEND_PATH; "" none */
    const char *trouble; /* "" unless it cannot be used; then in words */
    uint64_t bytes;      /* on disk */
    bool features[PACK_FEATURES], probed, used, previous; /* used: the one in use of its engine */
};
const char *pack_feature_name(enum pack_feature f); /* as in pack.json and tables */

/* All that there are; engines: the folder data/engines (it may be missing). path: the PATH to look
 * on for engines of the user's own; NULL: not. Sorted by engine and id. */
enum err packs_read(const char *engines, const char *path, struct arena *a,
                    const struct pack **ret_packs, size_t *ret_n, struct why *why) MUST_USE;
/* The one of this id; else, with id an engine's name, the one in use of it, or the only one.
 * NULL: there is none. */
const struct pack *pack_pick(const struct pack *packs, size_t n, const char *id);
