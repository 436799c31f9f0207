/* writer: the queue before audit.db and the thread behind it. The loop lays rows one after the
 * other into a batch; the thread takes the whole batch and writes it in one transaction. It waits
 * a moment after the first row, so that a commit is shared, and not so long that a row could be
 * lost which was complete 100 ms before the process died. A batch that cannot be written is kept,
 * and the file is opened anew until it works; what comes meanwhile waits up to a bound and is
 * counted as lost beyond it. */
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inside.h"

#define GATHER_MS 15
#define MOST_ROWS 10000u
#define MOST_BYTES (32u * 1024 * 1024)
#define ENOUGH_ROWS 2000u /* they are written at once */
#define MOST_TEXT 256u    /* bytes of one text in a row */
#define MOST_ROW_TRIES 16u
#define KEEP_BYTES (1024u * 1024)
#define FIRST_PAUSE_MS 250u
#define LONGEST_PAUSE_MS 2000u
#define ASIDE_AGAIN_MS 10000u

/* ---- a row in a batch ----------------------------------------------------------------------- */

struct packed { /* then its tries, the two hashes, the texts in the order of the tables below */
    struct ledger_row row;
    size_t bytes; /* of all of it, a multiple of 8 */
};
static const size_t row_texts[] = {
    offsetof(struct ledger_row, instance), offsetof(struct ledger_row, who),
    offsetof(struct ledger_row, call),     offsetof(struct ledger_row, dialect),
    offsetof(struct ledger_row, parent),   offsetof(struct ledger_row, run),
    offsetof(struct ledger_row, model),    offsetof(struct ledger_row, served),
    offsetof(struct ledger_row, target),   offsetof(struct ledger_row, outcome),
};
static const size_t try_texts[] = {
    offsetof(struct ledger_try, target),
    offsetof(struct ledger_try, outcome),
    offsetof(struct ledger_try, reason),
};

static struct slice *text_at(void *owner, size_t at)
{
    return (struct slice *)(void *)((char *)owner + at);
}

/* Not in the middle of a character. */
static size_t cut(struct slice s)
{
    size_t n = min_size(s.len, MOST_TEXT);
    while (n && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static char *copy_texts(void *owner, const size_t *texts, size_t n, char *to)
{
    for (size_t i = 0; i < n; i++) {
        struct slice *s = text_at(owner, texts[i]);
        s->len = cut(*s);
        if (s->len)
            memcpy(to, s->ptr, s->len);
        to += s->len;
    }
    return to;
}

static size_t size_of(const struct ledger_row *row, unsigned n_tries)
{
    size_t n = sizeof(struct packed) + n_tries * sizeof(struct ledger_try) + 2 * (size_t)HASH_BYTES;
    for (size_t i = 0; i < COUNT(row_texts); i++)
        n += min_size(text_at((void *)row, row_texts[i])->len, MOST_TEXT);
    for (unsigned k = 0; k < n_tries; k++) {
        for (size_t i = 0; i < COUNT(try_texts); i++)
            n += min_size(text_at((void *)&row->tries[k], try_texts[i])->len, MOST_TEXT);
    }
    return (n + 7) & ~(size_t)7;
}

static bool pack(struct text *bytes, const struct ledger_row *row)
{
    unsigned n_tries = (unsigned)min_size(row->n_tries, MOST_ROW_TRIES);
    size_t size = size_of(row, n_tries);
    char *at = text_room(bytes, size);
    if (!at)
        return false;
    struct packed *p = (struct packed *)(void *)at;
    struct ledger_try *tries = (struct ledger_try *)(void *)(p + 1);
    *p = (struct packed){.row = *row, .bytes = size};
    p->row.n_tries = n_tries;
    if (n_tries)
        memcpy(tries, row->tries, n_tries * sizeof *tries);
    char *to = (char *)(tries + n_tries);
    if (row->prompt)
        memcpy(to, row->prompt, HASH_BYTES);
    if (row->answer)
        memcpy(to + HASH_BYTES, row->answer, HASH_BYTES);
    to = copy_texts(&p->row, row_texts, COUNT(row_texts), to + 2 * (size_t)HASH_BYTES);
    for (unsigned k = 0; k < n_tries; k++)
        to = copy_texts(&tries[k], try_texts, COUNT(try_texts), to);
    assert((size_t)(to - at) <= size);
    bytes->len += size;
    return true;
}

static const char *point_texts(void *owner, const size_t *texts, size_t n, const char *at)
{
    for (size_t i = 0; i < n; i++) {
        struct slice *s = text_at(owner, texts[i]);
        s->ptr = at;
        at += s->len;
    }
    return at;
}

/* The row at p, its pointers made to point into the batch; the batch may have moved since pack().
 */
static const struct ledger_row *unpack(struct packed *p)
{
    struct ledger_row *row = &p->row;
    struct ledger_try *tries = (struct ledger_try *)(void *)(p + 1);
    const unsigned char *hashes = (const unsigned char *)(tries + row->n_tries);
    row->tries = tries;
    row->prompt = row->prompt ? hashes : NULL;
    row->answer = row->answer ? hashes + HASH_BYTES : NULL;
    const char *at = (const char *)hashes + 2 * (size_t)HASH_BYTES;
    at = point_texts(row, row_texts, COUNT(row_texts), at);
    for (unsigned k = 0; k < row->n_tries; k++)
        at = point_texts(&tries[k], try_texts, COUNT(try_texts), at);
    return row;
}

/* ---- the loop's side ------------------------------------------------------------------------ */

static void begin_batch(struct store *s, struct batch *b)
{
    if (!b->rows && !b->n_refused)
        b->since_ms = os_mono_ms();
    if (s->writer.asleep || b->rows == ENOUGH_ROWS)
        pthread_cond_signal(&s->writer.wake);
    s->writer.asleep = false;
}

bool store_append(struct store *s, const struct ledger_row *row)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&s->lock);
    struct batch *b = w->filling;
    bool room = w->started && !w->ended && b->rows + w->busy_rows < MOST_ROWS &&
                b->bytes.len + w->busy_bytes < MOST_BYTES;
    bool kept = room && pack(&b->bytes, row);
    if (kept) {
        begin_batch(s, b);
        b->rows++;
    } else {
        uint64_t now = s->wall_ms();
        b->bytes.failed = false;
        if (!w->lost.rows++)
            w->lost.first_ms = now;
        w->lost.last_ms = now;
        s->health.rows_lost++;
    }
    pthread_mutex_unlock(&s->lock);
    return kept;
}

static bool same_refusal(const struct refusal *r, const struct refusal *other)
{
    return r->minute == other->minute && strcmp(r->source, other->source) == 0 &&
           strcmp(r->reason, other->reason) == 0;
}

static bool find_refusal(const struct refusal *all, unsigned n, const struct refusal *one,
                         unsigned *ret_at)
{
    for (unsigned i = 0; i < n; i++) {
        if (same_refusal(&all[i], one)) {
            *ret_at = i;
            return true;
        }
    }
    return false;
}

/* Under the lock: is it one of the few of its minute that are told by name? */
static bool has_name(struct writer *w, const struct refusal *one)
{
    unsigned at;
    if (w->n_known && w->known[0].minute != one->minute)
        w->n_known = 0;
    if (find_refusal(w->known, w->n_known, one, &at))
        return true;
    if (w->n_known == COUNT(w->known))
        return false;
    w->known[w->n_known++] = *one;
    return true;
}

static void all_others(struct refusal *one)
{
    snprintf(one->source, sizeof one->source, "%s", "others");
    snprintf(one->reason, sizeof one->reason, "%s", "any");
}

/* Who makes up sources makes neither our memory grow nor the file, in which rows would go for it:
 * the last place, of a minute and of a batch, is for all others. */
void store_refused(struct store *s, struct slice source, struct slice reason)
{
    struct writer *w = &s->writer;
    struct refusal one = {.minute = (int64_t)(s->wall_ms() / 60000), .n = 1};
    unsigned at = MOST_REFUSALS - 1;
    snprintf(one.source, sizeof one.source, "%.*s", SLICE_ARG(source));
    snprintf(one.reason, sizeof one.reason, "%.*s", SLICE_ARG(reason));
    pthread_mutex_lock(&s->lock);
    struct batch *b = w->filling;
    if (!has_name(w, &one))
        all_others(&one);
    if (find_refusal(b->refused, b->n_refused, &one, &at) || b->n_refused == MOST_REFUSALS) {
        b->refused[at].n++;
    } else {
        if (b->n_refused == at)
            all_others(&one);
        begin_batch(s, b);
        b->refused[b->n_refused++] = one;
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- the thread's side ---------------------------------------------------------------------- */

static void until(struct store *s, uint64_t mono_ms)
{
    struct timespec at = {.tv_sec = (time_t)(mono_ms / 1000),
                          .tv_nsec = (long)(mono_ms % 1000) * 1000000};
    pthread_cond_timedwait(&s->writer.wake, &s->lock, &at);
}

static bool is_empty(const struct batch *b)
{
    return !b->rows && !b->n_refused;
}

/* Under the lock: waits until there is something to write and others had time to join it, for at
 * most this long. */
static void gather(struct store *s, uint64_t most_ms)
{
    struct writer *w = &s->writer;
    uint64_t by = os_mono_ms() + most_ms;
    while (is_empty(w->filling) && !s->closing && !w->suspect && os_mono_ms() < by) {
        w->asleep = true;
        until(s, by);
    }
    w->asleep = false;
    while (!is_empty(w->filling) && !s->closing && w->filling->rows < ENOUGH_ROWS &&
           os_mono_ms() < w->filling->since_ms + GATHER_MS)
        until(s, w->filling->since_ms + GATHER_MS);
}

/* Under the lock: what was filled is the thread's, and the other batch is filled now. */
static void swap(struct writer *w)
{
    struct batch *b = w->filling;
    w->filling = w->busy;
    w->busy = b;
    w->busy_rows = b->rows;
    w->busy_bytes = b->bytes.len;
    w->busy_since_ms = b->since_ms;
}

static void empty(struct batch *b)
{
    if (b->bytes.room > KEEP_BYTES)
        text_fini(&b->bytes);
    text_clear(&b->bytes);
    b->rows = b->n_refused = 0;
}

static bool write_batch(struct store *s, const struct batch *b, const struct lost *lost)
{
    struct db *db = &s->writer.ledger.db;
    bool good = db_begin(db) && ledger_segments(s);
    for (size_t at = 0; good && at < b->bytes.len;) {
        struct packed *p = (struct packed *)(void *)(b->bytes.ptr + at);
        at += p->bytes;
        good = ledger_row(s, unpack(p));
    }
    for (unsigned i = 0; good && i < b->n_refused; i++)
        good = ledger_refused(s, &b->refused[i]);
    if (good && lost->rows)
        good = ledger_gap(s, lost);
    return good && ledger_flush(s) && db_commit(db);
}

static void tell_size(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    s->health.audit_bytes = s->writer.ledger.file_bytes;
    pthread_mutex_unlock(&s->lock);
}

static bool open_anew(struct store *s)
{
    struct writer *w = &s->writer;
    struct db *db = &w->ledger.db;
    bool replaced = db->fault == FAULT_CORRUPT;
    ledger_close(s);
    readers_leave(s);
    bool good = !replaced && ledger_open(s);
    uint64_t now = os_mono_ms();
    if (db->fault == FAULT_CORRUPT && (!w->aside_ms || now - w->aside_ms > ASIDE_AGAIN_MS)) {
        w->aside_ms = now;
        ledger_close(s);
        replaced = db_put_aside(s->folder, "audit.db", s->wall_ms());
        pthread_mutex_lock(&s->lock);
        s->health.audit.put_aside |= replaced;
        pthread_mutex_unlock(&s->lock);
        good = replaced && ledger_open(s);
        if (good)
            (void)state_note_aside(s, w->ledger.open.file);
    }
    readers_come(s);
    if (good)
        tell_size(s);
    if (!good || is_empty(w->busy)) /* else the batch will tell */
        store_tell(s, &s->health.audit, good ? NULL : db->words);
    return good;
}

/* Whether the file can be written; it is opened if it was not. */
static bool ready(struct store *s)
{
    struct db *db = &s->writer.ledger.db;
    pthread_mutex_lock(&s->lock);
    bool suspect = s->writer.suspect, failed = s->checkpoint.failed;
    s->writer.suspect = s->checkpoint.failed = false;
    pthread_mutex_unlock(&s->lock);
    if (suspect && db->sql && !db->fault) {
        db->fault = FAULT_CORRUPT;
        snprintf(db->words, sizeof db->words, "audit.db: it is damaged");
    }
    if (failed && db->sql && !db->fault) {
        db->fault = FAULT_WAIT; /* it is opened anew, and only what is there then is believed */
        snprintf(db->words, sizeof db->words, "audit.db: the disk reported an error");
    }
    return (db->sql && !db->fault && db_is_there(db)) || open_anew(s);
}

static void written(struct store *s, const struct lost *lost)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&s->lock);
    s->health.rows_written += w->busy->rows;
    s->health.audit_bytes = w->ledger.file_bytes;
    w->lost.rows -= lost->rows;
    w->lost.first_ms = lost->last_ms; /* of those that are still to be told */
    w->busy_rows = w->busy_bytes = 0;
    w->pause_ms = 0;
    pthread_mutex_unlock(&s->lock);
    empty(w->busy);
    store_tell(s, &s->health.audit, NULL);
}

/* One batch, or another try of the one that could not be written. False: not now. */
static bool step(struct store *s)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&s->lock);
    if (is_empty(w->busy)) {
        gather(s, 1000);
        swap(w);
    }
    struct lost lost = w->lost;
    pthread_mutex_unlock(&s->lock);
    if (!ready(s))
        return false;
    if ((!is_empty(w->busy) || lost.rows) && !write_batch(s, w->busy, &lost)) {
        if (!w->ledger.db.fault) { /* no memory */
            w->ledger.db.fault = FAULT_WAIT;
            snprintf(w->ledger.db.words, sizeof w->ledger.db.words, "audit.db: no memory for it");
        }
        store_tell(s, &s->health.audit, w->ledger.db.words);
        return false;
    }
    unsigned chunks = 1 + w->busy->rows / 1000; /* no more may come than goes */
    written(s, &lost);
    bool good = ledger_tick(s);
    while (good && chunks--)
        good = ledger_retire(s);
    return good;
}

static bool is_over(struct store *s)
{
    struct writer *w = &s->writer;
    pthread_mutex_lock(&s->lock);
    bool nothing = is_empty(w->filling) && is_empty(w->busy);
    bool over = s->closing && (nothing || os_mono_ms() >= s->close_by_ms);
    pthread_mutex_unlock(&s->lock);
    return over;
}

static void rest(struct store *s)
{
    struct writer *w = &s->writer;
    w->pause_ms = w->pause_ms ? (unsigned)min_size(2 * (size_t)w->pause_ms, LONGEST_PAUSE_MS)
                              : FIRST_PAUSE_MS;
    uint64_t by = os_mono_ms() + w->pause_ms;
    pthread_mutex_lock(&s->lock);
    if (s->closing)
        by = os_mono_ms() + 50;
    while (os_mono_ms() < by && !(s->closing && os_mono_ms() >= s->close_by_ms))
        until(s, by);
    pthread_mutex_unlock(&s->lock);
}

static void *write_on(void *context)
{
    struct store *s = context;
    struct writer *w = &s->writer;
    (void)ready(s); /* before the first row comes */
    while (!is_over(s)) {
        if (!step(s) && !is_over(s))
            rest(s);
    }
    if (w->ledger.db.sql && !w->ledger.db.fault)
        (void)ledger_end(s);
    readers_leave(s);
    ledger_close(s);
    pthread_mutex_lock(&s->lock);
    if (w->busy->rows || w->filling->rows)
        log_error("store", "audit.db: %u rows could not be written before the end",
                  w->busy->rows + w->filling->rows);
    w->ended = true;
    pthread_cond_signal(&s->state.wake);
    pthread_cond_signal(&s->checkpoint.wake);
    mail_send(&s->mail); /* under the lock: nobody closes the mail before it is sent */
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

enum err writer_start(struct store *s, struct why *why)
{
    struct writer *w = &s->writer;
    w->filling = &w->batches[0];
    w->busy = &w->batches[1];
    w->ledger.db.kind = &audit_kind;
    s->health.audit.up = true; /* while it is being opened nothing is wrong */
    w->ended = false;
    if (pthread_create(&w->thread, NULL, write_on, s) != 0) {
        w->ended = true;
        return why_set(why, ERR_SYSTEM, "no thread for audit.db");
    }
    w->started = true;
    return OK;
}

void writer_fini(struct store *s)
{
    struct writer *w = &s->writer;
    if (w->started)
        pthread_join(w->thread, NULL);
    for (unsigned i = 0; i < COUNT(w->batches); i++)
        text_fini(&w->batches[i].bytes);
    pthread_cond_destroy(&w->wake);
}
