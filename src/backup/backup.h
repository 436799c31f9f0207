/* backup: what is hearth's own of a user, as one file, and back again: the configuration, keys and
 * the record of requests with the key that proves them. A tar archive (ustar, not compressed) whose
 * first member is a manifest with the sum of every other; any tar can look into it. It may be made
 * while a daemon runs. Putting back is all or nothing: everything is checked before anything is
 * touched, what was there stays beside, and a step that fails takes back those before it. An
 * archive is hostile: only names that a backup can have are taken, and nothing decides where a file
 * goes but our own table. Not in it: models, engines, the log, what another run makes anew.
 * Everything here blocks. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct backup_terms {
    struct arena *arena;                        /* the results are in it */
    const char *config, *data;                  /* folders */
    const char *version;                        /* hearth's */
    const char *lock;                           /* in data, held by a daemon while it runs */
    const char *temporary;                      /* a folder for looking into an archive */
    bool secrets;                               /* also .env and the own certificate with its key */
    bool (*go_on)(void *owner, uint64_t bytes); /* asked now and then; false: break it off */
    void *owner;
};

struct backup_file {
    const char *name; /* in the archive, as config/hearth.yaml */
    uint64_t bytes;
    bool gone;        /* not in the archive: what was there is only put beside */
    const char *kept; /* the name of what was there, beside; "": nothing was */
};
struct backup_list {
    struct backup_file *files;
    size_t n;
    uint64_t bytes; /* of the archive */
    bool secrets;
    const char *made, *version; /* when and by which hearth */
};
/* ERR_BUSY: another one is at it; ERR_NOT_FOUND: there is nothing to keep. */
enum err backup_make(const struct backup_terms *t, const char *path, struct backup_list *ret,
                     struct why *why) MUST_USE;
/* dry_run: all checks, and nothing is changed. ERR_BUSY: a daemon runs; ERR_BAD_VALUE: the archive
 * is damaged or none of ours; ERR_CONFIG: a newer hearth made it. */
enum err backup_restore(const struct backup_terms *t, const char *path, bool dry_run,
                        struct backup_list *ret, struct why *why) MUST_USE;
