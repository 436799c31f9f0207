/* inside: what the files of room library share. A store is one file and one function, which adds
 * the models it finds; what models have to do with one another is library.c's. */
#pragma once

#include "library/library.h"

struct looking {
    const struct library_where *where;
    struct arena *arena, *scratch; /* what stays; what is needed until the end of the look */
    struct library_model *models;
    struct library_place *places;
    size_t n, n_places;
    unsigned left; /* entries of folders that may still be read in this store */
    bool more;     /* there were more than that */
    bool failed;   /* no memory */
};

typedef void library_fn(struct looking *l); /* one a store */
library_fn library_own, library_ollama, library_lmstudio, library_huggingface, library_guide;

/* The same file, under whatever names. */
bool library_is_one_file(const struct library_model *a, const struct library_model *b);

/* ---- folders: walk.c ---- */
/* In l->scratch. NULL: no memory. */
const char *library_join(struct looking *l, const char *folder, const char *name);
/* The folder as a place to look at, once; NULL when it is not there, was looked at already, or
 * cannot be read, which its place then tells. */
struct library_place *library_enter(struct looking *l, enum library_store store, const char *path);
struct listing {
    const char **names; /* sorted by bytes, none that begins with a dot */
    size_t n;
};
/* Of a folder; none when it cannot be read. */
struct listing library_list(struct looking *l, const char *path);
bool library_is_folder(const char *path);
/* A text file of at most so many bytes, without white space at its end; empty: there is none. */
struct slice library_read(struct looking *l, const char *path, size_t most);
const char *library_variable(const struct looking *l, const char *name); /* NULL: not set */

/* ---- models: names.c ---- */
struct find { /* a file that may be a model */
    enum library_store store;
    const char *file;                   /* in scratch is enough, as all of these */
    const char *mmproj, *lora, *digest; /* NULL: none */
};
/* Its sizes are looked at: all parts must be there. NULL: it is none, or there are too many. The
 * caller names it, or takes it back by library_drop. */
struct library_model *library_add(struct looking *l, struct library_place *place,
                                  const struct find *f);
/* The first that comes is its name; what a name may not hold becomes a dash. False: what remains is
 * no name. */
bool library_name(struct looking *l, struct library_model *m, struct slice name);
void library_drop(struct looking *l, struct library_place *place);
bool library_is_gguf(const char *name); /* of a model: no mmproj, no later part of several */
bool library_is_mmproj(const char *name);
struct slice library_stem(struct slice name); /* without .gguf and the number of its part */
/* Q4_K_M of NAME-Q4_K_M or NAME.Q4_K_M; empty: it does not say. */
struct slice library_quant(struct slice stem);
