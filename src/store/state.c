/* state: state.db: principals, keys, and what is known of the ledger's segments. Its thread takes
 * what is to be written one by one, answers after the commit, and opens the file anew when it
 * could not be used. Whoever may block (the start, jobs) uses the same connection under its lock.
 * Each key has a proof: one that was changed in the file by anybody else is not used. */
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inside.h"

#define TRY_AGAIN_MS 2000
#define PATIENCE_MS 2000 /* with a lock of another program */

/* ---- the file ------------------------------------------------------------------------------- */

/* Under the state's lock. The file that is found corrupt while we run is not replaced: its keys
 * would be gone from the disk and live on here. */
static enum fault open_file(struct store *s, bool at_start)
{
    struct state *st = &s->state;
    enum fault fault = db_open(&st->db, &state_kind, s->folder, DB_WRITE);
    if (fault == FAULT_CORRUPT && at_start && db_put_aside(s->folder, "state.db", s->wall_ms())) {
        s->health.state.put_aside = true;
        fault = db_open(&st->db, &state_kind, s->folder, DB_WRITE);
    }
    char words[256];
    snprintf(words, sizeof words, "%s%s", st->db.words,
             fault == FAULT_CORRUPT ? "; a restart puts it aside and begins a new one" : "");
    if (!fault && st->db.read_only)
        store_tell(s, &s->health.state, "state.db is read-only: make it and its folder writable");
    else if (fault || !st->doubtful)
        store_tell(s, &s->health.state, fault ? words : NULL);
    return fault;
}

static enum err down(struct store *s, struct why *why)
{
    struct store_health h;
    store_health(s, &h);
    return why_set(why, ERR_STATE_DOWN, "%s",
                   h.state.words[0] ? h.state.words : "state.db cannot be used now");
}

/* After a statement failed: the file is opened anew by whoever asks next. */
static enum err gave_up(struct store *s, struct why *why)
{
    struct state *st = &s->state;
    if (!st->db.fault)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    db_rollback(&st->db);
    store_tell(s, &s->health.state, st->db.words);
    db_close(&st->db);
    st->doubtful = true;
    return why_set(why, ERR_STATE_DOWN, "%s", st->db.words);
}

/* After a failed write: that the file can be opened does not say that it can be written. */
static bool probe(struct store *s)
{
    struct state *st = &s->state;
    if (!db_begin(&st->db) || !db_do(&st->db, db_get(&st->db, STATE_PROBE)) || !db_commit(&st->db))
        return false;
    st->doubtful = false;
    store_tell(s, &s->health.state, NULL);
    return true;
}

/* Under the state's lock: is it open for writing? One that is not is opened anew. */
static bool usable(struct store *s)
{
    struct state *st = &s->state;
    if (st->db.sql && !st->db.fault && !st->db.read_only && db_is_there(&st->db))
        return true;
    db_close(&st->db);
    (void)open_file(s, false);
    if (!st->db.sql || st->db.read_only)
        return false;
    if (st->doubtful && !probe(s))
        (void)gave_up(s, NULL);
    return st->db.sql && !st->db.fault;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void bind_key(sqlite3_stmt *q, const struct key_row *row, const unsigned char *mac)
{
    db_bind(q, 1, slice_of(row->id));
    sqlite3_bind_int64(q, 2, row->principal);
    sqlite3_bind_int64(q, 3, row->owner);
    db_bind(q, 4, row->name);
    db_bind(q, 5, row->models);
    db_bind(q, 6, row->surfaces);
    db_bind_blob(q, 7, row->hash, HASH_BYTES);
    sqlite3_bind_int64(q, 8, (int64_t)row->created_ms);
    sqlite3_bind_int64(q, 9, (int64_t)row->expires_ms);
    sqlite3_bind_int64(q, 10, (int64_t)row->revoked_ms);
    db_bind_blob(q, 11, mac, HASH_BYTES);
}

static bool read_key(struct store *s, sqlite3_stmt *q, struct key_row *ret)
{
    struct slice id = db_text(q, 0);
    unsigned char mac[HASH_BYTES], right[HASH_BYTES];
    *ret = (struct key_row){.principal = sqlite3_column_int64(q, 1),
                            .owner = sqlite3_column_int64(q, 2),
                            .name = db_text(q, 3),
                            .models = db_text(q, 4),
                            .surfaces = db_text(q, 5),
                            .created_ms = (uint64_t)sqlite3_column_int64(q, 7),
                            .expires_ms = (uint64_t)sqlite3_column_int64(q, 8),
                            .revoked_ms = (uint64_t)sqlite3_column_int64(q, 9)};
    if (id.len >= sizeof ret->id || !db_hash(q, 6, ret->hash, HASH_BYTES) ||
        !db_hash(q, 10, mac, HASH_BYTES))
        return false;
    memcpy(ret->id, id.ptr, id.len);
    chain_key_row(s->chain_key, ret, right);
    return crypt_equal(mac, right, HASH_BYTES);
}

enum err store_keys(struct store *s, void (*each)(void *context, const struct key_row *row),
                    void *context, struct why *why)
{
    struct state *st = &s->state;
    enum err e = OK;
    pthread_mutex_lock(&st->lock);
    if (!usable(s) && !(st->db.sql && st->db.read_only)) {
        e = down(s, why);
    } else {
        sqlite3_stmt *q = db_get(&st->db, STATE_KEYS);
        unsigned bad = 0;
        while (db_row(&st->db, q)) {
            struct key_row row;
            if (read_key(s, q, &row))
                each(context, &row);
            else
                bad++;
        }
        if (bad)
            log_error("store", "state.db: %u keys were changed by somebody else: not used", bad);
        if (st->db.fault)
            e = gave_up(s, why);
    }
    pthread_mutex_unlock(&st->lock);
    return e;
}

static bool find_principal(struct store *s, struct slice kind, struct slice name, int64_t owner,
                           int64_t *ret_id)
{
    sqlite3_stmt *q = db_get(&s->state.db, STATE_PRINCIPAL_FIND);
    if (!q)
        return false;
    db_bind(q, 1, kind);
    db_bind(q, 2, name);
    sqlite3_bind_int64(q, 3, owner);
    if (!db_row(&s->state.db, q))
        return false;
    *ret_id = sqlite3_column_int64(q, 0);
    sqlite3_reset(q);
    return true;
}

static bool add_principal(struct store *s, struct slice kind, struct slice name, int64_t owner,
                          int64_t *ret_id)
{
    sqlite3_stmt *q = db_get(&s->state.db, STATE_PRINCIPAL_ADD);
    if (!q)
        return false;
    db_bind(q, 1, kind);
    db_bind(q, 2, name);
    sqlite3_bind_int64(q, 3, owner);
    sqlite3_bind_int64(q, 4, (int64_t)s->wall_ms());
    int64_t id = db_row(&s->state.db, q) ? sqlite3_column_int64(q, 0) : 0;
    if (!id || !db_do(&s->state.db, q))
        return false;
    *ret_id = id;
    return true;
}

enum err store_principal(struct store *s, const char *kind, struct slice name, int64_t owner,
                         int64_t *ret_id, struct why *why)
{
    struct state *st = &s->state;
    enum err e = OK;
    pthread_mutex_lock(&st->lock);
    if (!usable(s))
        e = down(s, why);
    else if (!find_principal(s, slice_of(kind), name, owner, ret_id) &&
             (!db_begin(&st->db) || !add_principal(s, slice_of(kind), name, owner, ret_id) ||
              !db_commit(&st->db)))
        e = gave_up(s, why);
    pthread_mutex_unlock(&st->lock);
    return e;
}

static enum err add_key(struct store *s, struct work *work, struct why *why)
{
    struct db *db = &s->state.db;
    struct key_row *row = &work->key;
    unsigned char mac[HASH_BYTES];
    if (!db_begin(db))
        return gave_up(s, why);
    sqlite3_stmt *q = db_get(db, STATE_KEY_CLASH);
    if (q) {
        db_bind(q, 1, slice_of(row->id));
        db_bind(q, 2, row->name);
    }
    if (db_row(db, q)) {
        bool same_id = sqlite3_column_int(q, 0);
        sqlite3_reset(q);
        db_rollback(db);
        return same_id ? why_set(why, ERR_BUSY, "there was a key of this id before")
                       : why_set(why, ERR_BUSY, "there is a key of this name already");
    }
    if (!add_principal(s, SLICE("key"), row->name, row->owner, &row->principal))
        return gave_up(s, why);
    chain_key_row(s->chain_key, row, mac);
    q = db_get(db, STATE_KEY_ADD);
    if (q)
        bind_key(q, row, mac);
    if (!q || !db_do(db, q) || !db_commit(db))
        return gave_up(s, why);
    work->asked->id = row->principal;
    return OK;
}

static enum err revoke_key(struct store *s, struct work *work, struct why *why)
{
    struct db *db = &s->state.db;
    struct key_row row;
    unsigned char mac[HASH_BYTES];
    sqlite3_stmt *q = db_get(db, STATE_KEY_ONE);
    if (q) {
        db_bind(q, 1, slice_of(work->key.id));
        sqlite3_bind_int64(q, 2, work->key.owner);
    }
    if (!db_row(db, q))
        return db->fault ? gave_up(s, why) : why_set(why, ERR_NOT_FOUND, "there is no such key");
    bool good = read_key(s, q, &row);
    row.revoked_ms = row.revoked_ms ? row.revoked_ms : max_u64(s->wall_ms(), 1);
    if (good)
        chain_key_row(s->chain_key, &row, mac);
    else
        memset(mac, 0, sizeof mac); /* revoking does not make it valid again */
    sqlite3_reset(q);
    q = db_begin(db) ? db_get(db, STATE_KEY_REVOKE) : NULL;
    if (q) {
        db_bind(q, 1, slice_of(work->key.id));
        sqlite3_bind_int64(q, 2, work->key.owner);
        sqlite3_bind_int64(q, 3, (int64_t)row.revoked_ms);
        db_bind_blob(q, 4, mac, HASH_BYTES);
    }
    return q && db_do(db, q) && db_commit(db) ? OK : gave_up(s, why);
}

/* ---- segments ------------------------------------------------------------------------------- */

static bool put_segment(struct store *s, const struct segment *g)
{
    unsigned char mac[HASH_BYTES];
    sqlite3_stmt *q = db_get(&s->state.db, STATE_SEGMENT_PUT);
    if (q)
        segment_bind(q, s->chain_key, g, mac);
    return q && db_do(&s->state.db, q);
}

/* What is closed stays as it is but for being dropped or put aside: a later word that differs would
 * be somebody else's. */
static enum err note_segment(struct store *s, const struct segment *g, struct why *why)
{
    struct db *db = &s->state.db;
    struct segment had;
    bool news = true;
    if (!db_begin(db))
        return gave_up(s, why);
    sqlite3_stmt *q = db_get(db, STATE_SEGMENT_ONE);
    if (q) {
        db_bind_blob(q, 1, g->file, FILE_ID);
        sqlite3_bind_int64(q, 2, g->number);
    }
    if (db_row(db, q)) {
        bool good = segment_read(q, 0, s->chain_key, &had);
        sqlite3_reset(q);
        news = good && had.status < g->status;
        if (good && had.status == SEGMENT_OPEN && g->status == SEGMENT_OPEN)
            news = had.last_seq < g->last_seq;
    }
    if (db->fault || (news && !put_segment(s, g)) || !db_commit(db))
        return gave_up(s, why);
    return OK;
}

#define MOST_ASIDE 64u
/* Segments of other files, some at a time. */
static enum err note_aside(struct store *s, const unsigned char *kept, struct why *why)
{
    struct db *db = &s->state.db;
    for (unsigned n = MOST_ASIDE; n == MOST_ASIDE;) {
        struct segment some[MOST_ASIDE];
        n = 0;
        if (!db_begin(db))
            return gave_up(s, why);
        sqlite3_stmt *q = db_get(db, STATE_SEGMENTS);
        while (n < MOST_ASIDE && db_row(db, q)) {
            bool good = segment_read(q, 0, s->chain_key, &some[n]);
            if (good && memcmp(some[n].file, kept, FILE_ID) != 0 &&
                some[n].status < SEGMENT_DROPPED)
                n++;
        }
        if (q)
            sqlite3_reset(q);
        for (unsigned i = 0; i < n; i++) {
            some[i].status = SEGMENT_ASIDE;
            (void)put_segment(s, &some[i]);
        }
        if (db->fault || !db_commit(db))
            return gave_up(s, why);
    }
    return OK;
}

bool state_segments(struct store *s, void (*each)(void *context, const struct segment *g, bool ok),
                    void *context)
{
    struct state *st = &s->state;
    pthread_mutex_lock(&st->lock);
    bool good = usable(s) || (st->db.sql && st->db.read_only);
    sqlite3_stmt *q = good ? db_get(&st->db, STATE_SEGMENTS) : NULL;
    while (db_row(&st->db, q)) {
        struct segment g;
        bool ok = segment_read(q, 0, s->chain_key, &g);
        each(context, &g, ok);
    }
    good = good && !st->db.fault;
    pthread_mutex_unlock(&st->lock);
    return good;
}

/* ---- work ----------------------------------------------------------------------------------- */

static void free_work(struct work *work)
{
    if (!work)
        return;
    text_fini(&work->texts);
    mem_free(work);
}

static void queue_work(struct store *s, struct work *work)
{
    struct state *st = &s->state;
    pthread_mutex_lock(&s->lock);
    *st->last = work;
    st->last = &work->next;
    pthread_cond_signal(&st->wake);
    pthread_mutex_unlock(&s->lock);
}

static void finish(struct store *s, struct store_write *asked)
{
    struct state *st = &s->state;
    pthread_mutex_lock(&s->lock);
    asked->next = NULL;
    *st->last_done = asked;
    st->last_done = &asked->next;
    pthread_mutex_unlock(&s->lock);
    mail_send(&s->mail);
}

void state_deliver(struct store *s)
{
    struct state *st = &s->state;
    pthread_mutex_lock(&s->lock);
    struct store_write *first = st->done;
    st->done = NULL;
    st->last_done = &st->done;
    pthread_mutex_unlock(&s->lock);
    while (first) {
        struct store_write *asked = first;
        first = asked->next;
        asked->done(asked);
    }
}

static enum err do_work(struct store *s, struct work *work, struct why *why)
{
    enum err e = ERR_STATE_DOWN;
    pthread_mutex_lock(&s->state.lock);
    if (!usable(s))
        e = down(s, why);
    else if (work->what == WORK_KEY_ADD)
        e = add_key(s, work, why);
    else if (work->what == WORK_KEY_REVOKE)
        e = revoke_key(s, work, why);
    else if (work->what == WORK_SEGMENT)
        e = note_segment(s, &work->segment, why);
    else
        e = note_aside(s, work->segment.file, why);
    pthread_mutex_unlock(&s->state.lock);
    return e;
}

static struct work *take_work(struct store *s)
{
    struct state *st = &s->state;
    struct work *work = st->first;
    if (work) {
        st->first = work->next;
        if (!st->first)
            st->last = &st->first;
        work->next = NULL;
    }
    return work;
}

/* What somebody waits for is tried for a while, what nobody waits for until it works or the store
 * closes. */
static void persist(struct store *s, struct work *work)
{
    struct why why = {0};
    enum err e;
    uint64_t since = os_mono_ms();
    bool closing = false;
    for (unsigned pause = 50; (e = do_work(s, work, &why)) == ERR_STATE_DOWN; pause = 250) {
        uint64_t now = os_mono_ms();
        pthread_mutex_lock(&s->lock);
        closing = s->closing && now >= s->close_by_ms;
        bool others = s->state.first != NULL;
        pthread_mutex_unlock(&s->lock);
        if (closing || (work->asked && now - since >= PATIENCE_MS))
            break;
        if (!work->asked && others) { /* behind those that somebody waits for */
            queue_work(s, work);
            os_sleep_ms(pause);
            return;
        }
        os_sleep_ms(pause);
    }
    struct store_write *asked = work->asked;
    free_work(work);
    if (asked) {
        asked->why = e ? why : (struct why){.code = OK};
        finish(s, asked);
    }
}

static void wait_for_work(struct store *s, uint64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(ms / 1000);
    pthread_cond_timedwait(&s->state.wake, &s->lock, &until);
}

static void *work_on(void *context)
{
    struct store *s = context;
    struct state *st = &s->state;
    pthread_mutex_lock(&s->lock);
    while (!s->closing || st->first || !s->writer.ended) {
        struct work *work = take_work(s);
        if (!work) {
            wait_for_work(s, TRY_AGAIN_MS);
            work = take_work(s);
        }
        bool down_now = !s->health.state.up;
        st->at_work = work != NULL;
        pthread_mutex_unlock(&s->lock);
        if (work) {
            persist(s, work);
        } else if (down_now) {
            pthread_mutex_lock(&st->lock);
            (void)usable(s);
            pthread_mutex_unlock(&st->lock);
        }
        pthread_mutex_lock(&s->lock);
        st->at_work = false;
    }
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&st->lock);
    db_close(&st->db);
    pthread_mutex_unlock(&st->lock);
    pthread_mutex_lock(&s->lock);
    st->ended = true;
    mail_send(&s->mail);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* ---- the door ------------------------------------------------------------------------------- */

static struct work *new_work(struct store_write *asked, enum work_kind what)
{
    struct work *work = mem_new(struct work);
    if (work) {
        work->asked = asked;
        work->what = what;
    }
    return work;
}

/* The copy's slices are offsets until all texts are there. */
static void keep_text(struct text *texts, struct slice *s)
{
    size_t at = texts->len;
    text_add(texts, *s);
    *s = (struct slice){(const char *)at, s->len};
}

static void point(const struct text *texts, struct slice *s)
{
    s->ptr = s->len ? texts->ptr + (size_t)s->ptr : "";
}

static void no_memory(struct store *s, struct store_write *w, struct work *work)
{
    free_work(work);
    (void)why_set(&w->why, ERR_NO_MEMORY, "no memory to write this");
    finish(s, w);
}

void store_key_add(struct store *s, struct store_write *w, const struct key_row *row)
{
    struct work *work = new_work(w, WORK_KEY_ADD);
    w->id = 0;
    if (!work) {
        no_memory(s, w, NULL);
        return;
    }
    struct key_row *key = &work->key;
    *key = *row;
    struct slice *const slices[] = {&key->name, &key->models, &key->surfaces};
    for (unsigned i = 0; i < COUNT(slices); i++)
        keep_text(&work->texts, slices[i]);
    for (unsigned i = 0; i < COUNT(slices) && !work->texts.failed; i++)
        point(&work->texts, slices[i]);
    if (work->texts.failed)
        no_memory(s, w, work);
    else
        queue_work(s, work);
}

void store_key_revoke(struct store *s, struct store_write *w, const char *id, int64_t owner)
{
    struct work *work = new_work(w, WORK_KEY_REVOKE);
    w->id = 0;
    if (!work) {
        no_memory(s, w, NULL);
        return;
    }
    snprintf(work->key.id, sizeof work->key.id, "%s", strlen(id) <= KEY_ID ? id : "");
    work->key.owner = owner;
    queue_work(s, work);
}

bool state_note_segment(struct store *s, const struct segment *g)
{
    struct work *work = new_work(NULL, WORK_SEGMENT);
    if (!work)
        return false;
    work->segment = *g;
    queue_work(s, work);
    return true;
}

bool state_note_aside(struct store *s, const unsigned char *kept)
{
    struct work *work = new_work(NULL, WORK_ASIDE);
    if (!work)
        return false;
    memcpy(work->segment.file, kept, FILE_ID);
    queue_work(s, work);
    return true;
}

bool state_is_idle(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    bool idle = !s->state.first && !s->state.at_work;
    pthread_mutex_unlock(&s->lock);
    return idle;
}

enum err state_open(struct store *s, struct why *why)
{
    struct state *st = &s->state;
    st->last = &st->first;
    st->last_done = &st->done;
    enum fault fault = open_file(s, true);
    return fault == FAULT_NEWER ? why_set(why, ERR_CONFIG, "%s", st->db.words) : OK;
}

enum err state_start(struct store *s, struct why *why)
{
    struct state *st = &s->state;
    st->ended = false;
    if (pthread_create(&st->thread, NULL, work_on, s) != 0) {
        st->ended = true;
        return why_set(why, ERR_SYSTEM, "no thread for state.db");
    }
    st->started = true;
    return OK;
}

void state_fini(struct store *s)
{
    struct state *st = &s->state;
    if (st->started)
        pthread_join(st->thread, NULL);
    db_close(&st->db);
    pthread_mutex_destroy(&st->lock);
    pthread_cond_destroy(&st->wake);
}
