/* verify: walks the ledger from the oldest row kept and computes every hash again, on a connection
 * that only reads, in one view of the file, so that rows can be written and dropped meanwhile. What
 * the rows are held against: their own hashes, the segments here, and what state.db was told of
 * segments. After what is wrong it goes on with the next row that is right: one change is told
 * once. The sums by the hour and what was refused have no proofs. */
#include <stdio.h>

#include "base/mem.h"
#include "store/inside.h"

#define MOST_PROBLEMS 20u
#define STEPS 10000

/* What is known of one segment: from audit.db, from state.db. */
struct pair {
    struct segment here, told;
    bool is_here, is_told;
};
struct walk {
    struct store *store;
    struct db *db;
    struct cancel *cancel;
    struct pair *pairs; /* by number */
    size_t n, room;
    unsigned char *words; /* by id: 1 when its proof is right */
    size_t n_words;
    struct text list, form;
    struct json_writer problems;
    uint64_t n_problems, rows, segments, dropped, missing, aside;
    sqlite3_stmt *tries;
    int64_t orphan; /* the row of the last try that had none */
    int64_t oldest; /* the first row's seq */
    bool has_try, no_memory;
    size_t at;      /* the segment that the walk is in; n: none yet, or past the last */
    int64_t expect; /* the seq of its next row */
    unsigned heads; /* how many hashes may stand before the next row; 0: any, there was a hole */
    unsigned char head[2][HASH_BYTES]; /* as it stands in the row before; as it should */
};

static void problem(struct walk *k, int64_t segment, int64_t seq, const char *what)
{
    if (k->n_problems++ >= MOST_PROBLEMS)
        return;
    json_open_object(&k->problems);
    json_key(&k->problems, "segment");
    json_put_int(&k->problems, segment);
    json_key(&k->problems, "seq");
    json_put_int(&k->problems, seq);
    json_put_pair(&k->problems, "what", slice_of(what));
    json_close_object(&k->problems);
}

/* ---- segments ------------------------------------------------------------------------------- */

static struct pair *pair_of(struct walk *k, int64_t number)
{
    size_t i = k->n;
    while (i && k->pairs[i - 1].here.number > number)
        i--;
    if (i && k->pairs[i - 1].here.number == number)
        return &k->pairs[i - 1];
    if (k->n == k->room) {
        size_t room = k->room ? 2 * k->room : 64;
        struct pair *pairs = mem_grow(k->pairs, room * sizeof *pairs);
        if (!pairs) {
            k->no_memory = true;
            return NULL;
        }
        k->pairs = pairs;
        k->room = room;
    }
    memmove(&k->pairs[i + 1], &k->pairs[i], (k->n - i) * sizeof *k->pairs);
    k->pairs[i] = (struct pair){.here.number = number};
    k->n++;
    return &k->pairs[i];
}

struct told {
    struct walk *walk;
    unsigned char file[FILE_ID];
    bool other; /* files of which nobody knows where they are */
    bool ours;  /* something of this file */
};

static void on_told(void *context, const struct segment *g, bool ok)
{
    struct told *t = context;
    struct walk *k = t->walk;
    if (!ok) {
        problem(k, g->number, 0, "what state.db says of this segment was changed");
    } else if (memcmp(g->file, t->file, FILE_ID) != 0) {
        k->aside += g->status == SEGMENT_ASIDE;
        t->other |= g->status < SEGMENT_DROPPED;
    } else {
        struct pair *p = g->status == SEGMENT_ASIDE ? NULL : pair_of(k, g->number);
        if (p) { /* else the file was put aside and brought back */
            p->told = *g;
            p->is_told = t->ours = true;
        }
    }
}

static void read_segments(struct walk *k)
{
    sqlite3_stmt *q = db_get(k->db, READ_SEGMENTS);
    while (db_row(k->db, q)) {
        struct segment g;
        bool ok = segment_read(q, 0, k->store->chain_key, &g);
        struct pair *p = pair_of(k, g.number);
        if (!ok)
            problem(k, g.number, 0, "what audit.db says of this segment was changed");
        if (p && ok) {
            p->here = g;
            p->is_here = true;
        }
    }
}

static bool same_segment(const struct segment *a, const struct segment *b)
{
    return a->first_seq == b->first_seq && a->last_seq == b->last_seq && a->rows == b->rows &&
           memcmp(a->before, b->before, HASH_BYTES) == 0 &&
           memcmp(a->head, b->head, HASH_BYTES) == 0;
}

/* Segments that were dropped keep their mark, so the first is always known. */
static void check_first(struct walk *k, const unsigned char *file)
{
    const struct pair *p = k->n ? &k->pairs[0] : NULL;
    unsigned char first[HASH_BYTES];
    chain_first(k->store->chain_key, file, first);
    if (!p && db_number(k->db, READ_FIRST_ROW))
        problem(k, 0, 0, "there are rows, and no segments");
    else if (p && p->here.number != 1)
        problem(k, p->here.number - 1, 0, "the segments up to this one are not there");
    else if (p && (p->is_here || p->is_told) && memcmp(p->here.before, first, HASH_BYTES) != 0)
        problem(k, 1, 0, "the first segment does not begin where the file began");
}

/* What both say must fit; from here on `here` is what holds. */
static void join(struct walk *k)
{
    for (size_t i = 0; i < k->n; i++) {
        struct pair *p = &k->pairs[i];
        bool both = p->is_here && p->is_told;
        if (i && p->here.number != p[-1].here.number + 1)
            problem(k, p->here.number - 1, 0, "this segment is not there, and was not dropped");
        if (p->is_told && !p->is_here && p->told.status != SEGMENT_DROPPED)
            problem(k, p->here.number, 0, "state.db knows this segment, audit.db does not");
        if (both && p->here.status >= SEGMENT_CLOSED && p->told.status >= SEGMENT_CLOSED &&
            !same_segment(&p->here, &p->told))
            problem(k, p->here.number, 0, "audit.db and state.db differ about this segment");
        if (both && p->told.status == SEGMENT_DROPPED)
            p->here.status = SEGMENT_DROPPED;
        else if (p->is_told && p->told.status != SEGMENT_OPEN && p->here.status != SEGMENT_DROPPED)
            p->here = p->told;
        else if (!p->is_here && p->is_told)
            p->here = p->told;
        k->dropped += p->here.status == SEGMENT_DROPPED;
    }
}

/* ---- words ---------------------------------------------------------------------------------- */

static void read_words(struct walk *k, const unsigned char *file)
{
    sqlite3_stmt *q = db_get(k->db, READ_WORDS);
    while (db_row(k->db, q)) {
        int64_t id = sqlite3_column_int64(q, 0);
        unsigned char mac[HASH_BYTES], right[HASH_BYTES];
        bool good = db_hash(q, 2, mac, sizeof mac) && id > 0 && id < INT32_MAX;
        if (good) {
            chain_word(k->store->chain_key, file, id, db_text(q, 1), right);
            good = crypt_equal(mac, right, sizeof mac);
        }
        if (!good) {
            problem(k, 0, 0, "a word that rows name was changed");
            continue;
        }
        if ((size_t)id >= k->n_words) {
            size_t n = (size_t)id + 256;
            unsigned char *words = mem_grow(k->words, n);
            if (!words) {
                k->no_memory = true;
                return;
            }
            memset(words + k->n_words, 0, n - k->n_words);
            k->words = words;
            k->n_words = n;
        }
        k->words[id] = 1;
    }
}

static bool names_word(const struct walk *k, const struct cell *c)
{
    return c->kind != CELL_INT || (c->n > 0 && (size_t)c->n < k->n_words && k->words[c->n]);
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* The walk leaves its segment: all of its rows must have come. */
static void end_segment(struct walk *k)
{
    const struct pair *p = &k->pairs[k->at];
    const struct segment *g = &p->here;
    bool closed = g->status != SEGMENT_OPEN;
    int64_t last = closed ? g->last_seq : p->is_told ? p->told.last_seq : k->expect - 1;
    if (k->expect == g->first_seq && last >= g->first_seq) {
        problem(k, g->number, g->first_seq, "all rows of this segment are missing");
        k->missing++;
    } else if (k->expect <= last) {
        problem(k, g->number, k->expect, "rows from this one to the segment's end are missing");
    } else if (closed && k->heads && memcmp(k->head[0], g->head, HASH_BYTES) != 0) {
        problem(k, g->number, last, "the segment's last row is not the one it ended with");
    }
    k->segments++;
}

/* To the next segment that should have rows. One that is being dropped has those from the oldest
 * on, and nobody knows what stood before. */
static void next_segment(struct walk *k, bool first)
{
    size_t i = first ? 0 : k->at + 1;
    while (i < k->n && k->pairs[i].here.status == SEGMENT_DROPPED &&
           (!k->oldest || k->pairs[i].here.last_seq < k->oldest))
        i++;
    k->at = i;
    if (i == k->n)
        return;
    const struct segment *g = &k->pairs[i].here;
    k->expect = g->first_seq;
    if (g->status == SEGMENT_DROPPED && g->first_seq < k->oldest) {
        k->expect = k->oldest;
        k->heads = 0;
        return;
    }
    if (!first && k->heads && memcmp(g->before, k->head[0], HASH_BYTES) != 0)
        problem(k, g->number, g->first_seq,
                "the segment does not begin where the one before ended");
    memcpy(k->head[0], g->before, HASH_BYTES);
    k->heads = 1;
}

/* To the segment that this row is in; false: it is in none. */
static bool go_to(struct walk *k, int64_t seq)
{
    while (k->at < k->n && k->pairs[k->at].here.status != SEGMENT_OPEN &&
           seq > k->pairs[k->at].here.last_seq) {
        end_segment(k);
        next_segment(k, false);
    }
    return k->at < k->n && seq >= k->expect;
}

/* A try without its row; of those in a row the first is told. */
static void orphan(struct walk *k)
{
    int64_t seq = sqlite3_column_int64(k->tries, 0) >> 4;
    if (!k->orphan || seq > k->orphan + 1)
        problem(k, 0, seq, "a try whose row is not there");
    k->orphan = seq;
}

/* Adds this row's tries to the form. */
static void add_tries(struct walk *k, int64_t seq)
{
    struct cell c[TRY_CELLS];
    struct text forms = {0};
    int64_t n = 0;
    while (k->has_try && sqlite3_column_int64(k->tries, 0) >> 4 <= seq) {
        bool ours = sqlite3_column_int64(k->tries, 0) >> 4 == seq;
        c[TRY_N] = cell_int(sqlite3_column_int64(k->tries, 0) & 15);
        for (int i = TRY_TARGET; i < TRY_CELLS; i++)
            c[i] = cell_read(k->tries, i);
        if (!ours)
            orphan(k);
        else if (!names_word(k, &c[TRY_TARGET]) || !names_word(k, &c[TRY_OUTCOME]))
            problem(k, 0, seq, "a try of this row names a word that is not there");
        if (ours) {
            chain_add(&forms, c, TRY_CELLS);
            n++;
        }
        k->has_try = db_row(k->db, k->tries);
    }
    const struct cell count = cell_int(n);
    chain_add(&k->form, &count, 1);
    text_add(&k->form, text_slice(&forms));
    k->no_memory |= forms.failed || k->form.failed;
    text_fini(&forms);
}

static void form_of(struct walk *k, sqlite3_stmt *row, int64_t seq)
{
    static const enum row_cell named[] = {ROW_INSTANCE, ROW_WHO,     ROW_CALL,
                                          ROW_DIALECT,  ROW_MODEL,   ROW_SERVED,
                                          ROW_TARGET,   ROW_OUTCOME, ROW_STATES};
    struct cell c[ROW_CELLS];
    for (int i = 0; i < ROW_CELLS; i++)
        c[i] = cell_read(row, i + 1);
    for (unsigned i = 0; i < COUNT(named); i++) {
        if (!names_word(k, &c[named[i]]))
            problem(k, 0, seq, "this row names a word that is not there");
    }
    text_clear(&k->form);
    chain_add(&k->form, c, ROW_CELLS);
    add_tries(k, seq);
}

static void check_row(struct walk *k, sqlite3_stmt *row)
{
    int64_t seq = sqlite3_column_int64(row, 0);
    unsigned char mac[HASH_BYTES], right[HASH_BYTES];
    bool good = db_hash(row, ROW_CELLS + 1, mac, sizeof mac);
    form_of(k, row, seq);
    if (!go_to(k, seq)) {
        problem(k, 0, seq, "this row is in no segment");
        return;
    }
    const struct pair *p = &k->pairs[k->at];
    if (seq > k->expect) {
        problem(k, p->here.number, k->expect, "rows from this one on are missing");
        k->heads = 0;
    }
    bool found = !k->heads && good;
    for (unsigned i = 0; i < k->heads && good && !found; i++) {
        chain_row(k->store->chain_key, &p->here, seq, k->head[i], text_slice(&k->form), right);
        found = crypt_equal(mac, right, sizeof mac);
    }
    if (!found)
        problem(k, p->here.number, seq, "this row was changed");
    else if (p->is_told && p->told.last_seq == seq && memcmp(p->told.head, mac, HASH_BYTES) != 0)
        problem(k, p->here.number, seq, "this row is not the one that state.db was told of");
    memcpy(k->head[0], mac, sizeof mac);
    memcpy(k->head[1], right, sizeof right);
    k->heads = !good ? 0 : found ? 1 : 2;
    k->expect = seq + 1;
    k->rows++;
}

static void walk_rows(struct walk *k)
{
    k->oldest = db_number(k->db, READ_FIRST_ROW);
    next_segment(k, true);
    k->tries = db_get(k->db, READ_CHAIN_TRIES);
    k->has_try = db_row(k->db, k->tries);
    sqlite3_stmt *q = db_get(k->db, READ_CHAIN);
    while (!k->no_memory && !cancel_asked(k->cancel) && db_row(k->db, q))
        check_row(k, q);
    if (k->has_try && !k->no_memory && !k->db->fault && !cancel_asked(k->cancel))
        orphan(k);
    while (k->at < k->n) {
        end_segment(k);
        next_segment(k, false);
    }
    if (q)
        sqlite3_reset(q);
    if (k->tries)
        sqlite3_reset(k->tries);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void tell(struct walk *k, bool anchored, struct text *json)
{
    struct json_writer w = json_writer(json);
    struct store_health h;
    store_health(k->store, &h);
    const struct {
        const char *name;
        uint64_t n;
    } counts[] = {{"rows", k->rows},       {"segments", k->segments}, {"dropped", k->dropped},
                  {"missing", k->missing}, {"put_aside", k->aside},   {"found", k->n_problems}};
    json_open_object(&w);
    json_key(&w, "ok");
    json_put_bool(&w, k->n_problems == 0);
    json_key(&w, "anchored"); /* held against what state.db was told of this file */
    json_put_bool(&w, anchored);
    json_key(&w, "file_put_aside"); /* there was another file before this one */
    json_put_bool(&w, k->aside || h.audit.put_aside);
    for (unsigned i = 0; i < COUNT(counts); i++) {
        json_key(&w, counts[i].name);
        json_put_u64(&w, counts[i].n);
    }
    json_key(&w, "problems");
    json_put_raw(&w, text_slice(&k->list));
    json_close_object(&w);
}

static int look(void *context)
{
    struct walk *k = context;
    return cancel_asked(k->cancel) || readers_must_leave(k->store);
}

/* state.db is asked before the view of audit.db is fixed: all that it was told of is in there. */
static bool walk(struct walk *k)
{
    struct told told = {.walk = k};
    sqlite3_stmt *q = db_get(k->db, READ_FILE);
    bool known = db_row(k->db, q) && db_hash(q, 0, told.file, FILE_ID);
    if (q)
        sqlite3_reset(q);
    bool anchored = known && state_segments(k->store, on_told, &told);
    if (told.other)
        problem(k, 0, 0, "state.db knows segments of another audit.db, which was never put aside");
    if (known && db_begin(k->db)) {
        read_segments(k);
        read_words(k, told.file);
        join(k);
        check_first(k, told.file);
        walk_rows(k);
    }
    db_rollback(k->db);
    return anchored && told.ours;
}

enum err store_verify(struct store *s, struct cancel *cancel, struct text *json, struct why *why)
{
    struct cancel never = {0};
    struct walk k = {.store = s, .cancel = cancel ? cancel : &never};
    enum err e = OK;
    k.db = reader_take(s, why);
    if (!k.db)
        return ERR_NO_AUDIT;
    sqlite3_progress_handler(k.db->sql, STEPS, look, &k);
    k.problems = json_writer(&k.list);
    json_open_array(&k.problems);
    bool anchored = walk(&k);
    json_close_array(&k.problems);
    if (cancel_asked(k.cancel))
        e = why_set(why, cancel_asked(k.cancel), "the check was stopped");
    else if (k.no_memory || k.list.failed)
        e = why_set(why, ERR_NO_MEMORY, "no memory to check the ledger");
    else if (k.db->fault)
        e = reader_fault(s, k.db, why);
    else
        tell(&k, anchored, json);
    if (!e && json->failed)
        e = why_set(why, ERR_NO_MEMORY, "no memory for the answer");
    sqlite3_progress_handler(k.db->sql, 0, NULL, NULL);
    reader_give(s, k.db);
    mem_free(k.pairs);
    mem_free(k.words);
    text_fini(&k.list);
    text_fini(&k.form);
    return e;
}
