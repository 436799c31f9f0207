/* store: see store.h. Opening, closing and health; each file's own story is in state.c and
 * writer.c. Threads say through the mail that something is done; all that is told to others happens
 * on the loop. The store is gone when its threads have ended and the mail is closed. */
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inside.h"

#define CLOSE_MS 2000

static void on_gone(struct hold *h)
{
    struct store *s = owner_of(h, struct store, hold);
    struct hold *terms_hold = s->terms_hold;
    state_fini(s);
    writer_fini(s);
    checkpoint_fini(s);
    readers_fini(s);
    pthread_mutex_destroy(&s->lock);
    crypt_forget(s->chain_key, sizeof s->chain_key);
    mem_free(s);
    hold_drop(terms_hold);
}

static void on_mail(struct mail *m)
{
    struct store *s = owner_of(m, struct store, mail);
    state_deliver(s);
    pthread_mutex_lock(&s->lock);
    bool over = s->closing && s->state.ended && s->writer.ended && s->checkpoint.ended;
    pthread_mutex_unlock(&s->lock);
    if (over) {
        state_deliver(s); /* what was done between */
        mail_close(m);
    }
}

static struct store *make(const struct store_terms *t)
{
    struct store *s = mem_new(struct store);
    if (!s)
        return NULL;
    s->loop = t->loop;
    s->terms_hold = t->hold;
    s->wall_ms = t->wall_ms;
    s->audit_most = t->audit_most;
    s->hold.gone = on_gone;
    s->mail.came = on_mail;
    s->readers.leave = true; /* until the file was opened for the first time */
    s->state.ended = s->writer.ended = s->checkpoint.ended = true; /* until the threads run */
    memcpy(s->chain_key, t->chain_key, sizeof s->chain_key);
    snprintf(s->folder, sizeof s->folder, "%s", t->folder);
    size_t at = 0;
    for (unsigned i = 0; i < t->states_n && i < LEDGER_STATES && at < sizeof s->state_names; i++)
        at += (size_t)snprintf(s->state_names + at, sizeof s->state_names - at, "%s%s",
                               i ? " " : "", t->states[i]);
    s->states_n = (unsigned)min_size(t->states_n, LEDGER_STATES);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->state.lock, NULL);
    pthread_cond_init(&s->state.wake, &monotonic);
    pthread_cond_init(&s->writer.wake, &monotonic);
    pthread_cond_init(&s->readers.left, &monotonic);
    pthread_cond_init(&s->checkpoint.wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return s;
}

/* Their threads get no signal: one that ends the process by default would, if it came to them after
 * the loop's watches are closed. */
static enum err start_threads(struct store *s, struct why *why)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    enum err e = writer_start(s, why);
    if (!e)
        e = state_start(s, why);
    if (!e)
        e = checkpoint_start(s, why);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e;
}

enum err store_open(const struct store_terms *t, struct store **ret_store, struct why *why)
{
    struct store *s = NULL;
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* counts behind a lock that nobody reads */
    if (strlen(t->folder) >= sizeof s->folder - 64)
        return why_set(why, ERR_CONFIG, "the path of the data folder is too long");
    s = make(t);
    if (!s)
        return why_set(why, ERR_NO_MEMORY, "no memory for the store");
    hold_add(t->hold);
    if (mail_open(&s->mail, t->loop, &s->hold) != OK) {
        on_gone(&s->hold); /* nothing else of it is open */
        return why_set(why, ERR_SYSTEM, "no way for the store's threads to send mail");
    }
    enum err e = state_open(s, why);
    if (!e)
        e = start_threads(s, why);
    if (e)
        store_close(s);
    else
        *ret_store = s;
    return e;
}

void store_close(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    s->close_by_ms = os_mono_ms() + CLOSE_MS;
    pthread_cond_signal(&s->writer.wake);
    pthread_cond_signal(&s->state.wake);
    pthread_mutex_unlock(&s->lock);
    mail_send(&s->mail);
}

void store_set_audit_most(struct store *s, uint64_t bytes)
{
    pthread_mutex_lock(&s->lock);
    s->audit_most = bytes;
    pthread_mutex_unlock(&s->lock);
}

void store_tell(struct store *s, struct store_side *side, const char *words)
{
    pthread_mutex_lock(&s->lock);
    bool was_up = side->up, same = words && strcmp(side->words, words) == 0;
    side->up = !words;
    snprintf(side->words, sizeof side->words, "%s", words ? words : "");
    pthread_mutex_unlock(&s->lock);
    const char *name = side == &s->health.state ? "state.db" : "audit.db";
    if (words && !same)
        log_error("store", "%s", words);
    else if (!words && !was_up)
        log_info("store", "%s is open", name);
}

void store_health(struct store *s, struct store_health *ret_health)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&s->lock);
    *ret_health = s->health;
    uint64_t since = w->busy_rows ? w->busy_since_ms : w->filling ? w->filling->since_ms : 0;
    ret_health->rows_waiting = w->busy_rows + (w->filling ? w->filling->rows : 0);
    uint64_t now = os_mono_ms();
    ret_health->lag_ms = ret_health->rows_waiting && since && now > since ? now - since : 0;
    pthread_mutex_unlock(&s->lock);
}
