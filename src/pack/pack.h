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
    const char *version; /* as it says itself: "0.7.0 (b11669)"; "" not known */
    const char *source;  /* "debian testing", "folder /x", "archive x.tar.gz", "build", "PATH" */
    const char *flavour; /* "cpu", "vulkan", "cuda", ...; "" not known */
    const char *root;    /* outside: what the sandbox mounts as /; NULL: the system itself */
    const char *folder;  /* outside: what it needs to see besides the top, mounted where it is;
                            NULL: nothing, as with every pack that has a root */
    const char *program; /* inside: "/usr/bin/llama-server" */
    const char *backend; /* inside: the best CPU back-end, for GGML_BACKEND_PATH; "" none */
    const char *trouble; /* "" unless it cannot be used; then in words */
    const char *origin;  /* the same for the same thing installed again; "" not known */
    uint64_t bytes;      /* on disk, of what is ours */
    bool features[PACK_FEATURES], probed, used, previous; /* used: the one in use of its engine */
};
const char *pack_feature_name(enum pack_feature f);    /* as in pack.json and tables */
const char *pack_feature_words(enum pack_feature f);   /* what it is, for people */
const char *pack_feature_without(enum pack_feature f); /* what hearth does where it is missing */

/* All that there are; engines: the folder data/engines (it may be missing). path: the PATH to look
 * on for engines of the user's own; NULL: not. Sorted by engine and id. */
enum err packs_read(const char *engines, const char *path, struct arena *a,
                    const struct pack **ret_packs, size_t *ret_n, struct why *why) MUST_USE;
/* The one of this id; else, with id an engine's name, the one in use of it, or the only one.
 * NULL: there is none. */
const struct pack *pack_pick(const struct pack *packs, size_t n, const char *id);

/* ---- changing them ----
 * One change at a time: ERR_BUSY while another command makes one. A change is made beside and moved
 * into its place when it is whole, so that one that is broken off leaves nothing but a hidden
 * folder, which the next change removes. */
struct pack_work {                  /* what a change needs; kept by the caller until it is over */
    const char *engines;            /* data/engines; made when it is missing */
    const char *const *environment; /* as environ */
    const char *top;                /* "": the machine; else a test's tree for /etc and /usr */
    const char *bridge;             /* hearth-bridge; NULL: there is none */
    struct arena *arena;            /* what comes back lives there */
    /* A step is over, in words. NULL: nobody listens. */
    void (*say)(struct pack_work *w, const char *words);
    /* About ten times a second in what takes long; most is 0 when the end is not known. */
    void (*progress)(struct pack_work *w, const char *what, uint64_t done, uint64_t most);
    void *owner;
};

struct pack_made {
    const struct pack *pack;
    bool was_there;          /* the same build is installed already: nothing was done */
    uint64_t fetched, files; /* bytes, with apt's lists, and packages that came over the network */
};

struct pack_wish {
    const char *engine;  /* "llama.cpp" */
    const char *flavour; /* NULL: the first of the table */
    const char *suite;   /* NULL: as the table of suites says */
};
/* The distribution's packages, unpacked into a folder; nothing of the system is changed. */
enum err pack_install(struct pack_work *w, const struct pack_wish *wish, struct pack_made *ret,
                      struct why *why) MUST_USE;
/* A folder of the user's, which stays where it is. */
enum err pack_add_folder(struct pack_work *w, const char *path, struct pack_made *ret,
                         struct why *why) MUST_USE;
/* An archive, unpacked when its SHA-256 (hex) is this one. */
enum err pack_add_archive(struct pack_work *w, const char *path, const char *sha256,
                          struct pack_made *ret, struct why *why) MUST_USE;
/* From source with cmake. flavour: NULL (cpu), "vulkan", "cuda", "hip", "metal". */
enum err pack_build(struct pack_work *w, const char *engine, const char *source,
                    const char *flavour, struct pack_made *ret, struct why *why) MUST_USE;

enum err pack_use(struct pack_work *w, const char *id, struct why *why) MUST_USE;
/* Back to the one before; engine: NULL when only one has such. */
enum err pack_use_previous(struct pack_work *w, const char *engine, const char **ret_id,
                           struct why *why) MUST_USE;
/* ERR_BAD_VALUE for the one in use, unless forced. *ret_bytes: what is free now. */
enum err pack_remove(struct pack_work *w, const char *id, bool force, uint64_t *ret_bytes,
                     struct why *why) MUST_USE;
/* Starts it in the sandbox and finds out what it can; the result is kept in its pack.json, if it
 * has one. *ret is it as it is now. Up to a few seconds. */
enum err pack_probe(struct pack_work *w, const char *id, const struct pack **ret,
                    struct why *why) MUST_USE;

/* The words that start it, before those that are said to it. mounted: in a sandbox that mounts its
 * root or folder; else (SANDBOX_NONE) a pack with a root is started by its own loader. */
#define PACK_WORDS 4u
enum err pack_words(const struct pack *p, bool mounted, struct arena *a,
                    const char *ret[PACK_WORDS + 1], struct why *why) MUST_USE;

/* Writes a small model into this folder, for seeing an engine answer. It says random letters. */
#define PACK_EXAMPLE "example.gguf"
enum err pack_example(const char *folder, struct why *why) MUST_USE;

/* ---- the table of engines (engines.def) ---- */
struct pack_engine {
    const char *name, *program; /* the program's file name: "llama-server" */
    bool speaks_llama;          /* its server is llama.cpp's: all features are probed */
};
const struct pack_engine *pack_engine(size_t i); /* NULL past the last */
const struct pack_engine *pack_engine_named(const char *name);
