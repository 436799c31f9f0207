/* readers: connections that only read audit.db, for views and verify, each used by one thread at a
 * time. One is kept open for the next. Before the file is put aside all must be closed, because the
 * last connection to a file removes the journal of that name, whosever that is by then. */
#include <time.h>

#include "base/mem.h"
#include "os/os.h"
#include "store/inside.h"

#define PATIENCE_MS 1000

static void free_db(struct db *d)
{
    if (d)
        db_close(d);
    mem_free(d);
}

/* Under the lock: the place of this connection, or a free one. */
static struct db **place_of(struct readers *r, const struct db *d)
{
    for (size_t i = 0; i < COUNT(r->busy); i++) {
        if (r->busy[i] == d)
            return &r->busy[i];
    }
    return NULL;
}

/* Under the lock: not for long, while the file is opened or put aside. */
static bool may_come(struct store *s)
{
    struct readers *r = &s->readers;
    uint64_t by = os_mono_ms() + PATIENCE_MS;
    struct timespec at = {.tv_sec = (time_t)(by / 1000), .tv_nsec = (long)(by % 1000) * 1000000};
    while (r->leave && !s->closing && os_mono_ms() < by)
        pthread_cond_timedwait(&r->left, &s->lock, &at);
    return !r->leave && !s->closing;
}

/* `idle`: the one that is kept, if there is one. */
static struct db *take(struct store *s, bool idle, struct why *why)
{
    struct readers *r = &s->readers;
    pthread_mutex_lock(&s->lock);
    struct db **place = may_come(s) ? place_of(r, NULL) : NULL;
    struct db *d = place && idle ? r->idle : NULL;
    if (d)
        r->idle = NULL;
    else if (place)
        d = mem_new(struct db);
    if (d)
        *place = d;
    pthread_mutex_unlock(&s->lock);
    if (!d)
        (void)why_set(why, place ? ERR_NO_MEMORY : ERR_NO_AUDIT, "%s",
                      place ? "no memory to read audit.db"
                            : "audit.db is in use; try again in a moment");
    return d;
}

struct db *connection_take(struct store *s, const struct db_kind *kind, struct why *why)
{
    struct db *d = take(s, false, why);
    if (d && db_open(d, kind, s->folder, DB_OLD)) {
        (void)reader_fault(s, d, why);
        connection_give(s, d);
        d = NULL;
    }
    return d;
}

void connection_give(struct store *s, struct db *d)
{
    struct readers *r = &s->readers;
    db_close(d); /* while it counts as busy */
    pthread_mutex_lock(&s->lock);
    *place_of(r, d) = NULL;
    pthread_cond_broadcast(&r->left);
    pthread_mutex_unlock(&s->lock);
    mem_free(d);
}

struct db *reader_take(struct store *s, struct why *why)
{
    struct db *d = take(s, true, why);
    if (d && !d->sql && db_open(d, &audit_read_kind, s->folder, DB_READ)) {
        (void)reader_fault(s, d, why);
        connection_give(s, d);
        d = NULL;
    }
    return d;
}

void reader_give(struct store *s, struct db *d)
{
    struct readers *r = &s->readers;
    pthread_mutex_lock(&s->lock);
    bool keep = d->sql && !d->fault && !r->idle && !r->leave && !s->closing;
    if (keep) {
        *place_of(r, d) = NULL;
        r->idle = d;
    }
    pthread_mutex_unlock(&s->lock);
    if (!keep)
        connection_give(s, d);
}

enum err reader_fault(struct store *s, struct db *d, struct why *why)
{
    if (d->fault == FAULT_CORRUPT) {
        pthread_mutex_lock(&s->lock);
        s->writer.suspect = true;
        pthread_cond_signal(&s->writer.wake);
        pthread_mutex_unlock(&s->lock);
    }
    return why_set(why, ERR_NO_AUDIT, "%s", d->words);
}

static bool all_left(const struct readers *r)
{
    for (size_t i = 0; i < COUNT(r->busy); i++) {
        if (r->busy[i])
            return false;
    }
    return true;
}

void readers_leave(struct store *s)
{
    struct readers *r = &s->readers;
    pthread_mutex_lock(&s->lock);
    r->leave = true;
    struct db *idle = r->idle;
    r->idle = NULL;
    while (!all_left(r)) /* they look at `leave` all the time */
        pthread_cond_wait(&r->left, &s->lock);
    pthread_mutex_unlock(&s->lock);
    free_db(idle);
}

void readers_come(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->readers.leave = false;
    pthread_cond_broadcast(&s->readers.left);
    pthread_mutex_unlock(&s->lock);
}

bool readers_must_leave(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    bool leave = s->readers.leave || s->closing;
    pthread_mutex_unlock(&s->lock);
    return leave;
}

void readers_fini(struct store *s)
{
    free_db(s->readers.idle);
    pthread_cond_destroy(&s->readers.left);
}
