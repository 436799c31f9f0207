/* inside: what the files of this room share. */
#pragma once

#include "backup/backup.h"
#include "crypt/crypt.h"

/* ---- tar.c: one header of an archive; pure ---- */
#define TAR_BLOCK 512u
#define TAR_NAME 256u
struct tar_entry {
    char name[TAR_NAME]; /* at most one / of it may be where 100 bytes before the end are over */
    uint64_t size;
    unsigned mode;
    int64_t seconds; /* since 1970 */
};
bool tar_put(const struct tar_entry *entry, unsigned char block[TAR_BLOCK]); /* false: the name */
/* A regular file's, with a right sum; false: it is anything else. */
bool tar_take(const unsigned char block[TAR_BLOCK], struct tar_entry *ret);
bool tar_is_end(const unsigned char block[TAR_BLOCK]);

/* ---- members.c: what may be in one, and what this one says ---- */
#define MANIFEST "manifest.json"
#define MOST_MANIFEST (1u << 20)
#define MOST_MEMBERS 1100u
#define MOST_SMALL (1u << 20) /* bytes of what is no database; the configuration takes no more */
enum place { PLACE_CONFIG, PLACE_CONF_D, PLACE_DATA, PLACE_TLS, PLACES };
struct kind {         /* of members */
    const char *name; /* a * at its end stands for any NAME.yaml */
    enum place place;
    bool secret;   /* only with --secrets */
    bool own;      /* nobody else may read it */
    bool proven;   /* of no use without the others of these: they are put back together */
    bool database; /* which one: kind_file */
    unsigned file;
};
extern const struct kind kinds[];
extern const size_t kinds_n;
const char *place_folder(enum place p);        /* "config", "config/conf.d" */
const struct kind *kind_of(struct slice name); /* NULL: no backup has such a thing */
/* Is it one that a configuration reads? */
bool is_conf_d_name(struct slice name);

struct member {
    const struct kind *kind;
    const char *name; /* whole, and its last part */
    const char *last;
    uint64_t size;
    unsigned mode;
    unsigned char sum[HASH_BYTES];
    struct slice content; /* of what is no database */
};
struct manifest {
    struct member *members;
    size_t n;
    bool secrets;
    const char *made, *version;
};
enum err members_write(const struct manifest *m, struct text *out) MUST_USE;
enum err members_read(struct arena *a, struct slice text, struct manifest *ret,
                      struct why *why) MUST_USE;

/* ---- backup.c ---- */
#define STAGE "backup.tmp" /* in the data folder: copies that are not in place yet */
#define STAGE_LOCK "backup.lock"
/* The data folder, locked against others at this, with an empty STAGE in it. */
struct stage {
    int data, lock;
    const char *path;
};
enum err stage_open(const struct backup_terms *t, struct stage *ret, struct why *why) MUST_USE;
void stage_close(struct stage *s);
bool goes_on(const struct backup_terms *t, uint64_t bytes);
enum err broken_off(struct why *why);
