/* inside: what the files of room pack share. */
#pragma once

#include "base/json.h"
#include "pack/pack.h"
#include "process/process.h"

#define MOST_PACKS 256u          /* folders that are looked at */
#define ID_MOST 96u              /* bytes of an id */
#define MANIFEST "pack.json"     /* in a pack's folder */
#define NAME_ROOT "root"         /* the folder that is a whole system */
#define NAME_FILES "files"       /* the folder of a pack that runs on this system */
#define TREE_BYTES (16ull << 30) /* of a folder that is made by us */
#define TREE_ENTRIES 200000u

/* ---- engines.c: the tables ---- */
#define LIST_MOST 4u
struct debian_row {
    const char *engine, *flavour;
    const char *packages[LIST_MOST + 1], *without[LIST_MOST + 1]; /* NULL-ended */
};
struct build_row {
    const char *engine, *flavour, *option, *compiler;
};
const struct debian_row *debian_row(const char *engine, const char *flavour); /* NULL: none */
const struct build_row *build_row(const char *engine, const char *flavour);
const char *suite_row(size_t i); /* NULL past the last */
/* The engine whose program has this name. */
const struct pack_engine *engine_of_program(const char *file_name);
bool id_is_good(struct slice id); /* a name that a folder may have */
/* "llama.cpp-0.7.0-b11669-debian-vulkan"; what no id may hold becomes a dash. */
const char *id_make(struct arena *a, const struct pack *p, const char *kind);

/* ---- manifest.c: pack.json and use.json ---- */
/* Where the program lies: in a root of its own, in a folder of ours, in a folder of the user's. */
enum place_kind { PLACE_ROOT, PLACE_FILES, PLACE_OUTSIDE, PLACE_KINDS };
struct manifest {
    struct pack pack; /* root, folder, program as paths of this machine */
    enum place_kind kind;
};
/* Of the pack with this id; what is wrong with it stands in ->pack.trouble. */
enum err manifest_read(const char *engines, struct slice id, struct arena *a,
                       struct manifest *ret) MUST_USE;
/* The same from the bytes of a pack.json; what it names is not looked for. */
enum err manifest_take(const char *engines, const char *id, struct slice bytes, struct arena *a,
                       struct manifest *ret) MUST_USE;
/* Into the pack's folder. Its program must lie in the place. */
enum err manifest_write(int folder, const struct manifest *m, struct why *why) MUST_USE;
/* Sets root, folder and program for a program at a path relative to the place. */
enum err manifest_place(const char *engines, const char *program, struct arena *a,
                        struct manifest *m, struct why *why) MUST_USE;

struct use { /* of one engine; "" none */
    const char *engine, *used, *previous;
};
#define MOST_USES 16u
struct uses {
    struct use rows[MOST_USES];
    size_t n;
};
/* A file that is missing or broken says that nothing is in use. */
void uses_read(const char *engines, struct arena *a, struct uses *ret);
enum err uses_write(int engines, const struct uses *u, struct why *why) MUST_USE;
struct use *uses_of(struct uses *u, const char *engine); /* NULL: no room for one more */

/* ---- folder.c: whole folders ---- */
struct tree {
    uint64_t bytes, entries;
};
enum tree_verb { TREE_COUNT, TREE_SYNC, TREE_REMOVE };
/* All below a folder, no link followed. ERR_NOT_FOUND, ERR_BODY_TOO_LARGE past the limits. */
enum err tree_walk(int dirfd, const char *name, enum tree_verb verb, struct tree *ret,
                   struct why *why) MUST_USE;
/* Makes the folder and those above it, below dirfd; those that are there are fine. */
enum err tree_make(int dirfd, const char *path, struct why *why) MUST_USE;
/* Folders of a root that the sandbox mounts on; NULL-ended. */
extern const char *const mount_points[];
/* True for a file or a link to one, executable for us. */
bool is_program(const char *path);
/* What a symbolic link or a folder of the user's really is: absolute, no link in it. */
const char *real_path(struct arena *a, const char *path);
const char *path_join(struct arena *a, const char *folder, const char *name);
/* The path of a program of this name in the tree's bin, build/bin, usr/bin ..., relative to it, and
 * of which engine; NULL: none. */
const char *find_program(struct arena *a, const char *folder, const struct pack_engine **ret);

/* ---- change.c: what all changes share ---- */
struct change {
    struct pack_work *work;
    int engines, lock; /* descriptors */
    char name[32];     /* of the new pack's folder, hidden; "" none */
    const char *path;  /* of it */
    int folder;
};
/* Takes the lock and removes what broken changes left. To be ended by change_end. */
enum err change_begin(struct pack_work *w, struct change *ret, struct why *why) MUST_USE;
enum err change_make_folder(struct change *c, struct why *why) MUST_USE;
/* Counts, probes, names and syncs the new pack, puts it in its place and in use. m->pack is without
 * id and bytes; kind is how its id ends. */
enum err change_commit(struct change *c, struct manifest *m, const char *kind,
                       struct pack_made *ret, struct why *why) MUST_USE;
void change_end(struct change *c);
/* The pack that was made of the same thing, if there is one. */
const struct pack *change_twin(struct change *c, const char *engine, const char *flavour,
                               const char *origin);
void say(struct pack_work *w, const char *format, ...) PRINTF(2, 3);
/* "14.0 MB", "3.1 s" as steps tell them. */
const char *words_bytes(struct arena *a, uint64_t bytes);
const char *words_seconds(struct arena *a, uint64_t since_ms);

/* ---- sources.c: from the machine's sources for apt to ours ---- */
struct os_release {
    char id[32], codename[32];
};
void os_release_read(const char *top, struct os_release *ret);
/* apt's stanzas for every source in `text` (of a .sources or, with lines, a .list file) that serves
 * the main part of Debian's suite `codename` or of a rolling one, pointing at `suite`. */
void sources_rewrite(struct slice text, bool lines, const char *codename, const char *suite,
                     struct text *out);
/* All of the machine's. ERR_NOT_FOUND when none serves Debian. */
enum err sources_gather(const char *top, const char *codename, const char *suite, struct text *out,
                        struct why *why) MUST_USE;

/* ---- archive.c ---- */
/* The lines of `tar -tv --numeric-owner`: is all of it safe to unpack? */
enum err archive_judge(struct slice listing, struct why *why) MUST_USE;
enum err archive_unpack(struct change *c, const char *path, const char *sha256, const char *into,
                        struct why *why) MUST_USE;

/* ---- probe.c ---- */
/* Fills version, backend, features, probed and trouble. m's paths are those of now. */
void probe(struct pack_work *w, struct pack *p);

const char *version_read(struct slice said, struct arena *a); /* NULL: it does not say */

/* ---- start.c ---- */
/* For a pack with a root on a system where nothing can be mounted; "" none. */
const char *backend_choose(const struct pack *p, const char *top, struct arena *a);

/* ---- client.c: one blocking question over a Unix socket ---- */
struct reply {
    int status; /* 0: none came */
    struct text body;
};
/* stream: returns with the first bytes of the body, and the open connection in *ret_fd. */
enum err client_ask(const char *socket, const char *method, const char *target, struct slice body,
                    uint64_t deadline_ms, struct reply *ret) MUST_USE;
enum err client_begin(const char *socket, const char *target, struct slice body,
                      uint64_t deadline_ms, int *ret_fd) MUST_USE;

/* ---- tiny_gguf.c ---- */
/* A model that any llama.cpp loads and that knows nothing: 300 KB of pseudo-random weights. With
 * ignore_eos it goes on as long as it may. */
void tiny_gguf(struct text *out);
