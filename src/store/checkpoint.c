/* checkpoint: moves what is in audit.db's journal into the file, on a thread and a connection of
 * its own. It waits for the disk twice, which can take longer than a row may wait: so the thread
 * that writes rows only asks for it. Who asks gets a ticket, and what was committed before that is
 * as safe as the disk once the ticket is done. */
#include "base/log.h"
#include "os/os.h"
#include "store/inside.h"

#define PASSES 3 /* what came during a long one is little, and then there is nothing left */
#define PAUSE_MS 50

/* All that was there at the beginning; *frames is what the journal held. */
static bool pass(struct db *d, int *frames)
{
    sqlite3_stmt *q = db_get(d, CHECKPOINT_PASS);
    bool all = db_row(d, q) && sqlite3_column_int(q, 1) == sqlite3_column_int(q, 2);
    *frames = all ? sqlite3_column_int(q, 1) : 0;
    if (q)
        sqlite3_reset(q);
    return all && !d->fault;
}

static bool run(struct store *s)
{
    struct db *d = connection_take(s, &checkpoint_kind, NULL);
    bool done = false;
    int had = -1, frames = 0;
    if (!d)
        return false;
    (void)sqlite3_db_config(d->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    for (unsigned i = 0; i < PASSES && pass(d, &frames); i++) {
        done = true;
        if (frames == had)
            break;
        had = frames;
    }
    if (d->fault) {
        log_warn("store", "checkpoint: %s", d->words);
        pthread_mutex_lock(&s->lock);
        s->checkpoint.failed = d->disk_failed;
        pthread_mutex_unlock(&s->lock);
        done = false;
    }
    connection_give(s, d);
    return done;
}

static void *work_on(void *context)
{
    struct store *s = context;
    struct checkpoint *c = &s->checkpoint;
    pthread_mutex_lock(&s->lock);
    while (!s->writer.ended) {
        if (!c->asked) {
            pthread_cond_wait(&c->wake, &s->lock);
            continue;
        }
        uint64_t ticket = c->ticket++; /* who asks from here on waits for the next */
        c->asked = false;
        pthread_mutex_unlock(&s->lock);
        bool done = run(s);
        if (!done)
            os_sleep_ms(PAUSE_MS);
        pthread_mutex_lock(&s->lock);
        if (done)
            c->done = ticket;
    }
    c->ended = true;
    mail_send(&s->mail);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

uint64_t checkpoint_ask(struct store *s)
{
    struct checkpoint *c = &s->checkpoint;
    pthread_mutex_lock(&s->lock);
    uint64_t ticket = c->ticket;
    c->asked = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&s->lock);
    return ticket;
}

bool checkpoint_done(struct store *s, uint64_t ticket)
{
    pthread_mutex_lock(&s->lock);
    bool done = s->checkpoint.done >= ticket;
    pthread_mutex_unlock(&s->lock);
    return done;
}

enum err checkpoint_start(struct store *s, struct why *why)
{
    struct checkpoint *c = &s->checkpoint;
    c->ticket = 1;
    c->ended = false;
    if (pthread_create(&c->thread, NULL, work_on, s) != 0) {
        c->ended = true;
        return why_set(why, ERR_SYSTEM, "no thread for the journal of audit.db");
    }
    c->started = true;
    return OK;
}

void checkpoint_fini(struct store *s)
{
    if (s->checkpoint.started)
        pthread_join(s->checkpoint.thread, NULL);
    pthread_cond_destroy(&s->checkpoint.wake);
}
