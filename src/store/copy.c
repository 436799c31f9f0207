/* copy: a file of the store as of one moment, as a new file, made by any process on a connection of
 * its own that only reads: whoever writes meanwhile goes on. And whether such a file is whole, and
 * one that we know. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/os.h"
#include "store/inside.h"

#define STEPS 20000
#define TRIES 20
#define AGAIN_MS 250u

enum { COPY_INTO, COPY_VERSION, COPY_QUERIES };
static const char *const copy_setup[] = {"PRAGMA cell_size_check = ON", NULL};
static const char *const copy_queries[COPY_QUERIES] = {
    [COPY_INTO] = "VACUUM INTO ?1",
    [COPY_VERSION] = "PRAGMA user_version",
};
static const struct db_kind *const kinds[STORE_FILES] = {&state_kind, &audit_read_kind};

const char *store_file(unsigned i)
{
    assert(i < STORE_FILES);
    return kinds[i]->name;
}

static int look(void *context)
{
    const struct store_copy *c = context;
    return !c->go_on(c->owner);
}

static enum err fault_of(const struct db *d, struct why *why)
{
    enum err e = d->fault == FAULT_NEWER     ? ERR_CONFIG
                 : d->fault == FAULT_CORRUPT ? ERR_BAD_VALUE
                                             : ERR_DISK;
    return why_set(why, e, "%s", d->words);
}

/* *ret_full: there is no space for it, which waiting mends for nobody. */
static enum err copy_once(const struct store_copy *c, const struct db_kind *kind, const char *to,
                          bool *ret_full, struct why *why)
{
    struct db d;
    if (db_open(&d, kind, c->folder, DB_READ))
        return fault_of(&d, why);
    if (c->go_on)
        sqlite3_progress_handler(d.sql, STEPS, look, (void *)(uintptr_t)c);
    sqlite3_stmt *s = db_get(&d, COPY_INTO);
    if (s)
        db_bind(s, 1, slice_of(to));
    enum err e = db_do(&d, s) ? OK : fault_of(&d, why);
    *ret_full = e && d.full;
    db_close(&d);
    if (e)
        (void)unlink(to);
    return e;
}

enum err store_copy(const struct store_copy *c, struct why *why)
{
    struct db_kind kind = *kinds[c->file];
    char folder[PATH_MAX], from[FOLDER_ROOM], to[FOLDER_ROOM];
    kind.setup = copy_setup;
    kind.queries = copy_queries;
    kind.n_queries = COPY_QUERIES;
    kind.check_whole = false; /* it is read whole */
    int n = snprintf(from, sizeof from, "%s/%s", c->folder, kind.name);
    if (n < 0 || (size_t)n >= sizeof from)
        return why_set(why, ERR_BAD_VALUE, "the path of the data folder is too long");
    if (access(from, F_OK) != 0)
        return why_sys(why, os_err_of(errno), errno, "%.200s", from);
    if (!realpath(c->to, folder)) /* SQLite is told to follow no link */
        return why_sys(why, os_err_of(errno), errno, "%.200s", c->to);
    n = snprintf(to, sizeof to, "%s/%s", folder, kind.name);
    if (n < 0 || (size_t)n >= sizeof to)
        return why_set(why, ERR_BAD_VALUE, "the path of the data folder is too long");
    enum err e = ERR_DISK;
    bool full = false;
    for (int i = 0; i < TRIES && e == ERR_DISK && !full; i++) {
        if (i)
            os_sleep_ms(AGAIN_MS);
        if (c->go_on && !c->go_on(c->owner))
            return why_set(why, ERR_CANCELLED, "it was broken off");
        e = copy_once(c, &kind, to, &full, why);
    }
    if (e == ERR_DISK && c->go_on && !c->go_on(c->owner))
        e = why_set(why, ERR_CANCELLED, "it was broken off");
    return e;
}

/* First as any version, then, if it is ours, with all that will be asked of it. */
enum err store_check(unsigned file, const char *folder, int64_t *ret_version, struct why *why)
{
    struct db_kind kind = *kinds[file];
    struct db d;
    kind.setup = copy_setup;
    kind.queries = copy_queries;
    kind.n_queries = COPY_QUERIES;
    kind.check_whole = true;
    if (db_open(&d, &kind, folder, DB_READ))
        return fault_of(&d, why);
    int64_t version = db_number(&d, COPY_VERSION);
    db_close(&d);
    if (version == kind.version) {
        kind.queries = kinds[file]->queries;
        kind.n_queries = kinds[file]->n_queries;
        kind.check_whole = false;
        if (db_open(&d, &kind, folder, DB_READ))
            return fault_of(&d, why);
        db_close(&d);
    }
    *ret_version = version;
    return OK;
}
