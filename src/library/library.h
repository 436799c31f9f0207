/* library: the models that lie on this machine already, in the model folder, in the stores of
 * Ollama, LM Studio and Hugging Face, and the one that comes with hearth. They are named where they
 * are: nothing is copied, hashed or written, and no model's file is opened. What a store states
 * (names, digests, sizes) is taken as it says; what is in a file is not looked at. Names and
 * manifests are somebody else's words: sizes, depths and numbers are bounded, and what is not
 * understood is passed over.
 * Blocks on the disk: at the start, in jobs and in the command line only. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* Id, word in the configuration, name for people. A model that lies in two is the first one's. */
/* clang-format off */
#define LIBRARY_STORES_OF(X)                                                                       \
    X(OWN,         "own",         "Library")                                                       \
    X(OLLAMA,      "ollama",      "Ollama")                                                        \
    X(LMSTUDIO,    "lmstudio",    "LM Studio")                                                     \
    X(HUGGINGFACE, "huggingface", "Hugging Face")                                                  \
    X(GUIDE,       "guide",       "hearth")
/* clang-format on */
enum library_store {
#define X(id, word, title) LIBRARY_##id,
    LIBRARY_STORES_OF(X)
#undef X
        LIBRARY_STORES
};
const char *library_word(enum library_store s);  /* ollama */
const char *library_title(enum library_store s); /* Ollama */
/* The model that comes with hearth and answers questions about it; GUIDE is its store. */
#define LIBRARY_GUIDE_NAME "hearth-guide"
/* LIBRARY_STORES: no store is called so. */
enum library_store library_store_of(struct slice word);

struct library_where {
    const char *home, *folder;      /* folder: of all models, the library itself */
    const char *program;            /* hearth's own file; NULL: not known */
    const char *const *environment; /* as environ; NULL: none. Programs are told there where */
    bool apart; /* from the rest of the machine: only what is in home, no system-wide store */
    bool stores[LIBRARY_STORES]; /* which are looked at */
};

struct library_model {
    const char *name;
    const struct slice *aliases; /* further names, each ends in a NUL; any of them may be taken */
    size_t n_aliases;
    const char *file;          /* the only or the first part */
    const char *mmproj, *lora; /* "": none */
    const char *digest;        /* what the store says that its SHA-256 is; "": it does not say */
    enum library_store store;
    bool embeds, ranks;     /* by its name */
    uint64_t bytes;         /* of all parts */
    uint64_t device, inode; /* of the file */
    size_t same_as;         /* the first model of the same bytes; its own place if it is that */
    size_t looks_as;        /* likewise, by library_compare */
};

struct library_place { /* a folder that is there */
    enum library_store store;
    const char *path;
    enum err err; /* not OK: it could not be read */
    size_t models;
    uint64_t bytes;
};

struct library { /* all in the arena */
    struct library_model *models;
    size_t n;
    const struct library_place *places;
    size_t n_places;
    bool more; /* than are listed: it stopped at its limits */
};
#define LIBRARY_MOST 512u /* models */

/* ERR_NO_MEMORY, else OK: what cannot be read is told in its place. */
enum err library_look(struct arena *a, const struct library_where *where,
                      struct library *ret_library) MUST_USE;

/* Which models look the same, though no store says so? Those of the same size with the same first
 * and last MiB, which are read. */
void library_compare(struct library *l);
/* Bytes that lie on the disk more than once, as far as that is known. What is one file under two
 * names is not counted. */
uint64_t library_twice(const struct library *l);
