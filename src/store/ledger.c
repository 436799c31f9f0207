/* ledger: what the thread writes into audit.db: rows with their tries and hashes, words, hourly
 * sums, segments; and which rows go when there are too many. Rows are chained in the order of
 * their seq, whatever the clock says. A segment is a day, or an eighth of what may be kept if that
 * is reached first; it is dropped as a whole. What this file remembers of a batch that failed is
 * forgotten: ledger_open reads it anew. */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inside.h"

#define DAY_MS 86400000u
#define HOUR_MS 3600000u
#define MOST_WORDS 4096u /* beyond that a text stands in each row */
#define MOST_INLINE 80u  /* bytes of it then */
#define MOST_REASON 160u
#define SEGMENTS 8u /* at least, of what may be kept */
#define DROP_ROWS 2000
#define TRIM_MS 60000u
#define MOST_REFUSED 100000u /* counts of what was refused that are kept, */
#define REFUSED_SHARE 1024u  /* and fewer of a small file: each has some 100 bytes */
#define ROW_BYTES 300u       /* a guess, until there are rows to tell */
#define KNOWN_ROWS 1000
#define MANY_PAGES 1000 /* in the journal: it is time to empty it */
#define MOST_PAGES 8192 /* it is emptied at once */

/* ---- the sums of a batch -------------------------------------------------------------------- */

struct hour {
    int64_t hour, principal, call, model, target; /* the key */
    int64_t who;
    int64_t sums[8]; /* as the columns stand */
};
enum { KEY_FIELDS = 5, HOURS = 64 };
struct hours {
    struct hour all[HOURS];
    unsigned n;
};

static bool flush_hours(struct ledger *l)
{
    for (unsigned i = 0; i < l->hours->n; i++) {
        const struct hour *h = &l->hours->all[i];
        sqlite3_stmt *q = db_get(&l->db, AUDIT_HOURLY_ADD);
        if (!q)
            return false;
        const int64_t key[] = {h->hour, h->principal, h->call, h->model, h->target, h->who};
        for (unsigned k = 0; k < COUNT(key); k++)
            sqlite3_bind_int64(q, (int)k + 1, key[k]);
        for (unsigned k = 0; k < COUNT(h->sums); k++)
            sqlite3_bind_int64(q, (int)(k + COUNT(key)) + 1, h->sums[k]);
        if (!db_do(&l->db, q))
            return false;
    }
    l->hours->n = 0;
    return true;
}

static bool add_hour(struct ledger *l, const struct hour *one)
{
    struct hours *all = l->hours;
    unsigned i = 0;
    while (i < all->n && memcmp(&all->all[i], one, KEY_FIELDS * sizeof(int64_t)) != 0)
        i++;
    if (i == HOURS) {
        if (!flush_hours(l))
            return false;
        i = 0;
    }
    if (i == all->n) {
        all->all[i] = *one;
        all->n++;
        return true;
    }
    all->all[i].who = one->who;
    for (unsigned k = 0; k < COUNT(one->sums); k++)
        all->all[i].sums[k] += one->sums[k];
    return true;
}

/* ---- words ---------------------------------------------------------------------------------- */

static bool no_memory(struct ledger *l)
{
    if (!l->db.fault) {
        l->db.fault = FAULT_WAIT;
        snprintf(l->db.words, sizeof l->db.words, "audit.db: there is no memory for it");
    }
    return false;
}

/* 0: a fault. */
static int64_t make_word(struct store *s, struct slice text)
{
    struct ledger *l = &s->writer.ledger;
    unsigned char mac[HASH_BYTES];
    int64_t id = l->words.n ? l->words.all[l->words.n - 1].id + 1 : 1;
    chain_word(s->chain_key, l->open.file, id, text, mac);
    sqlite3_stmt *q = db_get(&l->db, AUDIT_WORD_ADD);
    if (!q)
        return 0;
    sqlite3_bind_int64(q, 1, id);
    db_bind(q, 2, text);
    db_bind_blob(q, 3, mac, sizeof mac);
    if (!db_do(&l->db, q))
        return 0;
    if (!words_add(&l->words, id, text))
        return no_memory(l);
    return id;
}

static size_t cut(struct slice s, size_t most)
{
    size_t n = min_size(s.len, most);
    while (n && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
}

/* MAKE: it is one of few (a provider's name); FIND: it may be anybody's text, and is a word only
 * if it is one already. */
enum how { FIND, MAKE };
static struct cell word_cell(struct store *s, struct slice text, enum how how)
{
    struct ledger *l = &s->writer.ledger;
    if (!text.len)
        return (struct cell){.kind = CELL_NULL};
    int64_t id = words_find(&l->words, text);
    if (!id && how == MAKE && l->words.n < MOST_WORDS)
        id = make_word(s, text);
    return id ? cell_int(id) : cell_text(slice_to(text, cut(text, MOST_INLINE)));
}

/* The same cell for sums, which have numbers only. */
static int64_t sum_word(struct store *s, const struct cell *c)
{
    static const struct slice others = {"(others)", 8};
    if (c->kind != CELL_TEXT)
        return c->n;
    int64_t id = words_find(&s->writer.ledger.words, others);
    return id ? id : make_word(s, others);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static struct cell text_cell(struct slice text, size_t most)
{
    return text.len ? cell_text(slice_to(text, cut(text, most))) : (struct cell){.kind = CELL_NULL};
}

static struct cell tokens_cell(int64_t n)
{
    return n < 0 ? (struct cell){.kind = CELL_NULL} : cell_int(n);
}

/* Seven bits a byte, the lowest first, the top bit says that more follow. */
static size_t put_varint(unsigned char *to, uint64_t n)
{
    size_t i = 0;
    for (; n >= 0x80; n >>= 7)
        to[i++] = (unsigned char)(n | 0x80);
    to[i++] = (unsigned char)n;
    return i;
}

static struct cell spent_cell(const struct store *s, const struct ledger_row *row,
                              unsigned char into[LEDGER_STATES * 5])
{
    size_t n = 0;
    for (unsigned i = 0; i < s->states_n; i++)
        n += put_varint(into + n, row->spent_us[i]);
    while (n && !into[n - 1]) /* those at the end in which it never was */
        n--;
    return cell_blob(n ? into : NULL, n);
}

static void fill_cells(struct store *s, const struct ledger_row *row, struct cell *c)
{
    bool good = slice_is(row->outcome, SLICE("OK"));
    c[ROW_CHAIN] = cell_int(CHAIN_VERSION);
    c[ROW_INSTANCE] = word_cell(s, row->instance, MAKE);
    c[ROW_NUMBER] = cell_int((int64_t)row->number);
    c[ROW_PRINCIPAL] = cell_int(row->principal);
    c[ROW_WHO] = word_cell(s, row->who, MAKE);
    c[ROW_CALL] = word_cell(s, row->call, MAKE);
    c[ROW_DIALECT] = word_cell(s, row->dialect, MAKE);
    c[ROW_PARENT] = text_cell(row->parent, MOST_INLINE);
    c[ROW_RUN] = text_cell(row->run, MOST_INLINE);
    c[ROW_MODEL] = word_cell(s, row->model, good ? MAKE : FIND);
    c[ROW_SERVED] = word_cell(s, row->served, MAKE);
    c[ROW_TARGET] = word_cell(s, row->target, MAKE);
    c[ROW_OUTCOME] = word_cell(s, row->outcome, MAKE);
    c[ROW_STATUS] = cell_int(row->status);
    c[ROW_STREAMED] = cell_int(row->streamed);
    c[ROW_BEGAN] = cell_int((int64_t)row->began_ms);
    c[ROW_TOTAL] = cell_int((int64_t)row->total_us);
    c[ROW_FIRST] = cell_int((int64_t)row->first_us);
    c[ROW_UPSTREAM] = cell_int((int64_t)row->upstream_us);
    c[ROW_STATES] = cell_int(s->writer.ledger.states);
    c[ROW_PROMPT_TOKENS] = tokens_cell(row->prompt_tokens);
    c[ROW_COMPLETION_TOKENS] = tokens_cell(row->completion_tokens);
    c[ROW_BYTES_IN] = cell_int((int64_t)row->bytes_in);
    c[ROW_BYTES_OUT] = cell_int((int64_t)row->bytes_out);
    c[ROW_PROMPT] = cell_blob(row->prompt, row->prompt ? HASH_BYTES : 0);
    c[ROW_ANSWER] = cell_blob(row->answer, row->answer ? HASH_BYTES : 0);
}

static bool add_tries(struct store *s, const struct ledger_row *row, int64_t seq)
{
    struct ledger *l = &s->writer.ledger;
    const struct cell count = cell_int(row->n_tries);
    chain_add(&l->form, &count, 1);
    for (unsigned i = 0; i < row->n_tries; i++) {
        const struct ledger_try *t = &row->tries[i];
        struct cell c[TRY_CELLS] = {
            [TRY_N] = cell_int(i),
            [TRY_TARGET] = word_cell(s, t->target, MAKE),
            [TRY_OUTCOME] = word_cell(s, t->outcome, MAKE),
            [TRY_TOOK] = cell_int((int64_t)t->took_us),
            [TRY_REASON] = text_cell(t->reason, MOST_REASON),
        };
        chain_add(&l->form, c, TRY_CELLS);
        sqlite3_stmt *q = db_get(&l->db, AUDIT_TRY_ADD);
        if (!q)
            return false;
        sqlite3_bind_int64(q, 1, seq * 16 + i);
        for (unsigned k = TRY_TARGET; k < TRY_CELLS; k++) /* which try it is: in the id */
            cell_bind(q, (int)k + 1, &c[k]);
        if (!db_do(&l->db, q))
            return false;
    }
    return true;
}

static bool add_row(struct store *s, const struct ledger_row *row, struct cell c[ROW_CELLS])
{
    struct ledger *l = &s->writer.ledger;
    unsigned char spent[LEDGER_STATES * 5], mac[HASH_BYTES];
    int64_t seq = l->last_seq + 1;
    fill_cells(s, row, c);
    c[ROW_SPENT] = spent_cell(s, row, spent);
    text_clear(&l->form);
    chain_add(&l->form, c, ROW_CELLS);
    if (!add_tries(s, row, seq))
        return false;
    if (l->form.failed)
        return no_memory(l);
    chain_row(s->chain_key, &l->open, seq, l->open.head, text_slice(&l->form), mac);
    sqlite3_stmt *q = db_get(&l->db, AUDIT_ADD);
    if (!q)
        return false;
    sqlite3_bind_int64(q, 1, seq);
    for (unsigned i = 0; i < ROW_CELLS; i++)
        cell_bind(q, (int)i + 2, &c[i]);
    db_bind_blob(q, ROW_CELLS + 2, mac, sizeof mac);
    if (!db_do(&l->db, q))
        return false;
    l->last_seq = l->open.last_seq = seq;
    l->open.rows++;
    l->rows++;
    memcpy(l->open.head, mac, sizeof mac);
    return true;
}

bool ledger_row(struct store *s, const struct ledger_row *row)
{
    struct cell c[ROW_CELLS];
    if (!add_row(s, row, c))
        return false;
    bool answered = slice_is(row->outcome, SLICE("OK"));
    const struct hour one = {
        .hour = (int64_t)(row->began_ms / HOUR_MS),
        .principal = row->principal,
        .call = sum_word(s, &c[ROW_CALL]),
        .model = sum_word(s, &c[ROW_SERVED]),
        .target = sum_word(s, &c[ROW_TARGET]),
        .who = sum_word(s, &c[ROW_WHO]),
        .sums = {1, !answered, row->prompt_tokens < 0 ? 0 : row->prompt_tokens,
                 row->completion_tokens < 0 ? 0 : row->completion_tokens, (int64_t)row->bytes_in,
                 (int64_t)row->bytes_out, (int64_t)row->total_us, (int64_t)row->first_us},
    };
    return !s->writer.ledger.db.fault && add_hour(&s->writer.ledger, &one);
}

bool ledger_gap(struct store *s, const struct lost *lost)
{
    const struct ledger_row row = {
        .call = SLICE("gap"),
        .outcome = SLICE("NO_AUDIT"),
        .number = lost->rows,
        .began_ms = lost->first_ms,
        .total_us = (lost->last_ms > lost->first_ms ? lost->last_ms - lost->first_ms : 0) * 1000,
        .prompt_tokens = -1,
        .completion_tokens = -1,
    };
    struct cell c[ROW_CELLS];
    return add_row(s, &row, c);
}

bool ledger_refused(struct store *s, const struct refusal *r)
{
    struct db *db = &s->writer.ledger.db;
    sqlite3_stmt *q = db_get(db, AUDIT_REFUSED_ADD);
    if (!q)
        return false;
    sqlite3_bind_int64(q, 1, r->minute);
    db_bind(q, 2, slice_of(r->source));
    db_bind(q, 3, slice_of(r->reason));
    sqlite3_bind_int64(q, 4, (int64_t)r->n);
    return db_do(db, q);
}

bool ledger_flush(struct store *s)
{
    return flush_hours(&s->writer.ledger);
}

/* ---- segments ------------------------------------------------------------------------------- */

static bool put_segment(struct store *s, const struct segment *g)
{
    struct db *db = &s->writer.ledger.db;
    unsigned char mac[HASH_BYTES];
    sqlite3_stmt *q = db_get(db, AUDIT_SEGMENT_PUT);
    if (!q)
        return false;
    segment_bind(q, s->chain_key, g, mac);
    return db_do(db, q);
}

static uint64_t audit_most(struct store *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t most = s->audit_most;
    pthread_mutex_unlock(&s->lock);
    return most;
}

static bool is_full(struct store *s, const struct ledger *l)
{
    uint64_t each = l->rows > KNOWN_ROWS ? l->used_bytes / (uint64_t)l->rows : ROW_BYTES;
    return (uint64_t)l->open.rows * each > audit_most(s) / SEGMENTS;
}

bool ledger_segments(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    struct segment *g = &l->open;
    int64_t day = (int64_t)(s->wall_ms() / DAY_MS);
    if (g->status == SEGMENT_OPEN && g->rows && (day > g->day || is_full(s, l))) {
        g->status = SEGMENT_CLOSED;
        if (!put_segment(s, g))
            return false;
        l->note_closed = true;
    }
    if (g->status == SEGMENT_OPEN)
        return true;
    g->number++;
    g->day = day > g->day ? day : g->day;
    g->first_seq = l->last_seq + 1;
    g->last_seq = l->last_seq;
    g->rows = 0;
    g->status = SEGMENT_OPEN;
    memcpy(g->before, g->head, HASH_BYTES);
    return put_segment(s, g);
}

/* Before state.db hears of rows they must be as safe as state.db is, or a loss of power would look
 * like somebody's doing. */
static bool make_safe(struct ledger *l)
{
    sqlite3_stmt *q = db_get(&l->db, AUDIT_CHECKPOINT);
    bool all = db_row(&l->db, q) && sqlite3_column_int(q, 1) == sqlite3_column_int(q, 2);
    if (q)
        sqlite3_reset(q);
    return all && !l->db.fault;
}

/* state.db knows those that it has; the rest is news. What the open one was when its rows were made
 * safe stands in `noting`. */
static bool tell_state(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    sqlite3_stmt *q = l->note_closed ? db_get(&l->db, AUDIT_SEGMENTS) : NULL;
    bool told = true;
    while (db_row(&l->db, q)) {
        struct segment g;
        if (segment_read(q, 0, s->chain_key, &g) && g.status != SEGMENT_OPEN &&
            g.number < l->noting.number)
            told &= state_note_segment(s, &g);
    }
    l->note_closed = !told;
    if (l->noting.rows && state_note_segment(s, &l->noting))
        l->noted_ms = os_mono_ms();
    l->note_ticket = 0;
    return !l->db.fault;
}

bool ledger_end(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    l->noting = l->open;
    return make_safe(l) && tell_state(s);
}

static bool measure(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    uint64_t pages = (uint64_t)db_number(&l->db, AUDIT_PAGES);
    uint64_t spare = (uint64_t)db_number(&l->db, AUDIT_FREE_PAGES);
    l->used_bytes = (pages - min_u64(spare, pages)) * l->page_bytes;
    l->file_bytes = pages * l->page_bytes;
    return !l->db.fault;
}

/* The journal is emptied by another thread, unless it grows faster than that. */
static void watch_journal(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    if (l->wal_pages >= MOST_PAGES)
        (void)make_safe(l);
    else if (l->wal_pages >= MANY_PAGES)
        (void)checkpoint_ask(s);
}

/* Some of the oldest counts of what was refused: more than can come in that time. */
static bool trim_refused(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    sqlite3_stmt *q = db_get(&l->db, AUDIT_REFUSED_TRIM);
    if (!q)
        return false;
    sqlite3_bind_int64(q, 1, (int64_t)min_u64(MOST_REFUSED, audit_most(s) / REFUSED_SHARE));
    sqlite3_bind_int64(q, 2, DROP_ROWS);
    return db_do(&l->db, q);
}

bool ledger_tick(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    uint64_t now = os_mono_ms();
    bool hour = now - l->noted_ms >= HOUR_MS;
    watch_journal(s);
    if (!measure(s))
        return false;
    if (hour)
        l->noted_ms = now; /* with nothing to note, it is as good as done */
    if (!l->trimmed_ms || now - l->trimmed_ms >= TRIM_MS) {
        l->trimmed_ms = max_u64(now, 1);
        if (!trim_refused(s))
            return false;
    }
    if (l->note_ticket && checkpoint_done(s, l->note_ticket))
        return tell_state(s);
    if (l->note_ticket) {
        (void)checkpoint_ask(s);
    } else if ((hour || l->note_closed) && l->open.status == SEGMENT_OPEN && state_is_idle(s)) {
        l->noting = l->open;
        l->note_ticket = checkpoint_ask(s);
    }
    return !l->db.fault;
}

/* ---- retention ------------------------------------------------------------------------------ */

static bool choose(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    bool found = false;
    sqlite3_stmt *q = db_get(&l->db, AUDIT_SEGMENTS);
    while (!found && db_row(&l->db, q)) {
        (void)segment_read(q, 0, s->chain_key, &l->going);
        found = l->going.status == SEGMENT_CLOSED;
    }
    if (q)
        sqlite3_reset(q);
    if (!found)
        return !l->db.fault;
    l->going.status = SEGMENT_DROPPED;
    l->drop_next = l->going.first_seq;
    (void)state_note_segment(s, &l->going);
    return true;
}

/* Its mark stands in state.db before a row goes, and here together with the first that goes. */
bool ledger_retire(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    if (!l->drop_next)
        return l->used_bytes <= audit_most(s) || choose(s);
    struct store_health h;
    store_health(s, &h);
    if (h.state.up && !state_is_idle(s))
        return true;
    int64_t last = l->drop_next + DROP_ROWS - 1;
    if (last > l->going.last_seq)
        last = l->going.last_seq;
    if (!db_begin(&l->db) || !put_segment(s, &l->going))
        return false;
    static const enum audit_query drops[] = {AUDIT_DROP_ROWS, AUDIT_DROP_TRIES};
    for (unsigned i = 0; i < COUNT(drops); i++) {
        sqlite3_stmt *q = db_get(&l->db, drops[i]);
        if (!q)
            return false;
        sqlite3_bind_int64(q, 1, l->drop_next);
        sqlite3_bind_int64(q, 2, last);
        if (!db_do(&l->db, q))
            return false;
    }
    if (!db_commit(&l->db))
        return false;
    l->rows -= last - l->drop_next + 1;
    l->drop_next = last < l->going.last_seq ? last + 1 : 0;
    return l->drop_next || measure(s);
}

/* ---- opening -------------------------------------------------------------------------------- */

static bool load_file(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    sqlite3_stmt *q = db_get(&l->db, AUDIT_FILE);
    bool had = db_row(&l->db, q) && db_hash(q, 0, l->open.file, FILE_ID);
    if (q)
        sqlite3_reset(q);
    if (had || l->db.fault)
        return !l->db.fault;
    os_random(l->open.file, FILE_ID);
    q = db_get(&l->db, AUDIT_FILE_ADD);
    if (q)
        db_bind_blob(q, 1, l->open.file, FILE_ID);
    return q && db_do(&l->db, q);
}

static bool load_words(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    sqlite3_stmt *q = db_get(&l->db, AUDIT_WORDS);
    while (db_row(&l->db, q)) {
        if (!words_add(&l->words, sqlite3_column_int64(q, 0), db_text(q, 1)))
            return no_memory(l);
    }
    struct slice names = slice_of(s->state_names);
    l->states = names.len ? words_find(&l->words, names) : 0;
    if (names.len && !l->states && !l->db.fault)
        l->states = make_word(s, names);
    return !l->db.fault;
}

static bool load_segments(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    struct segment last = l->open, g;
    int64_t first_seq = db_number(&l->db, AUDIT_FIRST_ROW);
    last.status = SEGMENT_CLOSED;
    chain_first(s->chain_key, last.file, last.head);
    sqlite3_stmt *q = db_get(&l->db, AUDIT_SEGMENTS);
    while (db_row(&l->db, q)) {
        (void)segment_read(q, 0, s->chain_key, &g); /* verify is who judges */
        memcpy(g.file, last.file, FILE_ID);
        last = g;
        l->last_seq = g.last_seq;
        if (g.status == SEGMENT_CLOSED) {
            l->rows += g.rows;
            l->note_closed = true;
        } else if (g.status == SEGMENT_DROPPED && first_seq && first_seq <= g.last_seq) {
            l->going = g;
            l->drop_next = first_seq;
            l->rows += g.last_seq - first_seq + 1;
        }
    }
    l->open = last;
    return !l->db.fault;
}

/* The open segment's own numbers are in its rows. */
static bool load_last_row(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    sqlite3_stmt *q = db_get(&l->db, AUDIT_LAST_ROW);
    if (db_row(&l->db, q)) {
        int64_t seq = sqlite3_column_int64(q, 0);
        unsigned char mac[HASH_BYTES];
        bool good = db_hash(q, 1, mac, sizeof mac);
        if (seq > l->last_seq)
            l->last_seq = seq;
        if (good && l->open.status == SEGMENT_OPEN && seq >= l->open.first_seq) {
            l->open.last_seq = seq;
            l->open.rows = seq - l->open.first_seq + 1;
            l->rows += l->open.rows;
            memcpy(l->open.head, mac, sizeof mac);
        }
        sqlite3_reset(q);
    }
    return !l->db.fault;
}

/* After each commit. SQLite would make a checkpoint here if it were not for this. */
static int on_commit(void *context, sqlite3 *sql, const char *name, int pages)
{
    (void)sql;
    (void)name;
    ((struct ledger *)context)->wal_pages = pages;
    return SQLITE_OK;
}

bool ledger_open(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    l->hours = mem_new(struct hours);
    if (!l->hours) {
        l->db.fault = FAULT_NONE;
        return no_memory(l);
    }
    if (db_open(&l->db, &audit_kind, s->folder, DB_WRITE))
        return false;
    if (l->db.read_only) {
        l->db.fault = FAULT_WAIT;
        snprintf(l->db.words, sizeof l->db.words,
                 "audit.db is read-only; make the file and its folder writable");
        return false;
    }
    sqlite3_wal_hook(l->db.sql, on_commit, l);
    l->page_bytes = (uint64_t)db_number(&l->db, AUDIT_PAGE_BYTES);
    l->noted_ms = os_mono_ms();
    return db_begin(&l->db) && load_file(s) && load_words(s) && db_commit(&l->db) &&
           load_segments(s) && load_last_row(s) && measure(s);
}

/* The words of the fault stay: they are what is told. */
void ledger_close(struct store *s)
{
    struct ledger *l = &s->writer.ledger;
    db_close(&l->db);
    words_clear(&l->words);
    text_fini(&l->form);
    mem_free(l->hours);
    *l = (struct ledger){.db = l->db};
}
