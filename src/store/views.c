/* views: what may be asked of the ledger, as JSON. Each view is one statement on a connection that
 * only reads, so the thread that writes is never waited for, and it has a time limit: a search that
 * would take longer says so. */
#include <stdio.h>
#include <time.h>

#include "os/os.h"
#include "store/inside.h"

#define USUAL_ROWS 50u
#define MOST_VIEW_ROWS 10000u
#define LONGEST_MS 5000u
#define STEPS 10000 /* of SQLite's machine between two looks at the clock */
#define DAY_MS 86400000u

struct view {
    struct store *store;
    struct db *db;
    uint64_t by_ms; /* monotonic */
    struct json_writer w;
};

static int look(void *context)
{
    struct view *v = context;
    return os_mono_ms() >= v->by_ms || readers_must_leave(v->store);
}

/* ---- values --------------------------------------------------------------------------------- */

static void put_time(struct json_writer *w, const char *key, int64_t ms)
{
    char words[48] = "";
    struct tm at;
    time_t seconds = (time_t)(ms / 1000);
    if (gmtime_r(&seconds, &at)) {
        size_t n = strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%S", &at);
        snprintf(words + n, sizeof words - n, ".%03dZ", (int)(ms % 1000));
    }
    json_put_pair(w, key, slice_of(words));
}

static void put_int(struct json_writer *w, const char *key, sqlite3_stmt *q, int column)
{
    json_key(w, key);
    if (sqlite3_column_type(q, column) == SQLITE_NULL)
        json_put_null(w);
    else
        json_put_int(w, sqlite3_column_int64(q, column));
}

/* The text of a cell that may be the number of a word. */
static void word_text(struct view *v, const struct cell *c, struct text *into)
{
    text_clear(into);
    if (c->kind == CELL_TEXT)
        text_add(into, c->s);
    if (c->kind != CELL_INT)
        return;
    sqlite3_stmt *q = db_get(v->db, READ_WORD);
    if (q)
        sqlite3_bind_int64(q, 1, c->n);
    if (db_row(v->db, q)) {
        text_add(into, db_text(q, 0));
        sqlite3_reset(q);
    }
}

static void put_word(struct view *v, const char *key, sqlite3_stmt *row, int column)
{
    struct text words = {0};
    struct cell c = cell_read(row, column);
    word_text(v, &c, &words);
    json_put_pair(&v->w, key, text_slice(&words));
    text_fini(&words);
}

static void put_hash(struct json_writer *w, const char *key, sqlite3_stmt *q, int column)
{
    struct text hex = {0};
    struct cell c = cell_read(q, column);
    json_key(w, key);
    crypt_hex(c.s, &hex);
    if (c.kind == CELL_BLOB)
        json_put_text(w, text_slice(&hex));
    else
        json_put_null(w);
    text_fini(&hex);
}

/* ---- a row ---------------------------------------------------------------------------------- */

static bool take_varint(struct slice *s, uint64_t *ret_n)
{
    uint64_t n = 0;
    for (unsigned shift = 0; s->len && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)s->ptr[0];
        *s = slice_from(*s, 1);
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_n = n;
            return true;
        }
    }
    return false;
}

static void put_states(struct view *v, sqlite3_stmt *row)
{
    struct text names = {0};
    struct cell which = cell_read(row, ROW_STATES + 1), spent = cell_read(row, ROW_SPENT + 1);
    struct slice rest, name;
    uint64_t us;
    word_text(v, &which, &names);
    rest = text_slice(&names);
    json_key(&v->w, "states");
    json_open_object(&v->w);
    while (slice_split(&rest, ' ', &name) && take_varint(&spent.s, &us)) {
        if (!us)
            continue;
        json_key_slice(&v->w, name);
        json_put_u64(&v->w, us);
    }
    json_close_object(&v->w);
    text_fini(&names);
}

static void put_tries(struct view *v, int64_t seq)
{
    json_key(&v->w, "tries");
    json_open_array(&v->w);
    sqlite3_stmt *q = db_get(v->db, READ_TRIES);
    if (q)
        sqlite3_bind_int64(q, 1, seq);
    while (db_row(v->db, q)) {
        json_open_object(&v->w);
        put_word(v, "target", q, 0);
        put_word(v, "outcome", q, 1);
        put_int(&v->w, "took_us", q, 2);
        put_word(v, "reason", q, 3);
        json_close_object(&v->w);
    }
    json_close_array(&v->w);
}

static void put_id(struct view *v, sqlite3_stmt *row)
{
    struct text id = {0};
    struct cell instance = cell_read(row, ROW_INSTANCE + 1);
    word_text(v, &instance, &id);
    json_key(&v->w, "id");
    if (id.len) {
        text_byte(&id, '-');
        text_u64(&id, (uint64_t)sqlite3_column_int64(row, ROW_NUMBER + 1));
        json_put_text(&v->w, text_slice(&id));
    } else {
        json_put_null(&v->w); /* a gap; `lost` says how many rows */
        put_int(&v->w, "lost", row, ROW_NUMBER + 1);
    }
    text_fini(&id);
}

/* The columns of enum row_cell, one behind since seq is the first. */
static void put_row(struct view *v, sqlite3_stmt *row)
{
    struct json_writer *w = &v->w;
    int64_t seq = sqlite3_column_int64(row, 0);
    json_open_object(w);
    put_int(w, "seq", row, 0);
    put_id(v, row);
    put_time(w, "at", sqlite3_column_int64(row, ROW_BEGAN + 1));
    put_int(w, "principal", row, ROW_PRINCIPAL + 1);
    put_word(v, "who", row, ROW_WHO + 1);
    put_word(v, "call", row, ROW_CALL + 1);
    put_word(v, "dialect", row, ROW_DIALECT + 1);
    put_word(v, "model", row, ROW_MODEL + 1);
    put_word(v, "served", row, ROW_SERVED + 1);
    put_word(v, "target", row, ROW_TARGET + 1);
    put_word(v, "outcome", row, ROW_OUTCOME + 1);
    put_int(w, "status", row, ROW_STATUS + 1);
    json_key(w, "streamed");
    json_put_bool(w, sqlite3_column_int(row, ROW_STREAMED + 1) != 0);
    put_int(w, "total_us", row, ROW_TOTAL + 1);
    put_int(w, "first_us", row, ROW_FIRST + 1);
    put_int(w, "upstream_us", row, ROW_UPSTREAM + 1);
    put_states(v, row);
    put_int(w, "prompt_tokens", row, ROW_PROMPT_TOKENS + 1);
    put_int(w, "completion_tokens", row, ROW_COMPLETION_TOKENS + 1);
    put_int(w, "bytes_in", row, ROW_BYTES_IN + 1);
    put_int(w, "bytes_out", row, ROW_BYTES_OUT + 1);
    put_hash(w, "prompt_sha256", row, ROW_PROMPT + 1);
    put_hash(w, "answer_sha256", row, ROW_ANSWER + 1);
    put_tries(v, seq);
    put_word(v, "parent", row, ROW_PARENT + 1);
    put_word(v, "run", row, ROW_RUN + 1);
    put_int(w, "chain_version", row, ROW_CHAIN + 1);
    json_close_object(w);
}

/* ---- the views ------------------------------------------------------------------------------ */

/* The number of this word; -1: there is none, and 0 for "". */
static int64_t find_word(struct view *v, struct slice text)
{
    if (!text.len)
        return 0;
    sqlite3_stmt *q = db_get(v->db, READ_WORD_FIND);
    if (!q)
        return -1;
    db_bind(q, 1, text);
    int64_t id = db_row(v->db, q) ? sqlite3_column_int64(q, 0) : -1;
    sqlite3_reset(q);
    return id;
}

/* In two places: the word's number and the text; nothing in both when it is "". */
static void bind_word(struct view *v, sqlite3_stmt *q, int place, struct slice text)
{
    if (!text.len) {
        sqlite3_bind_null(q, place);
        sqlite3_bind_null(q, place + 1);
        return;
    }
    sqlite3_bind_int64(q, place, find_word(v, text));
    db_bind(q, place + 1, text);
}

/* The same where only numbers stand. */
static void bind_number(struct view *v, sqlite3_stmt *q, int place, struct slice text)
{
    if (text.len)
        sqlite3_bind_int64(q, place, find_word(v, text));
    else
        sqlite3_bind_null(q, place);
}

static int64_t or_most(uint64_t n)
{
    return n && n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

static int64_t how_many(const struct ledger_ask *ask)
{
    return (int64_t)(ask->most ? min_u64(ask->most, MOST_VIEW_ROWS) : USUAL_ROWS);
}

static void show_rows(struct view *v, const struct ledger_ask *ask)
{
    bool failed = slice_is(ask->outcome, SLICE("failed"));
    sqlite3_stmt *q = db_get(v->db, READ_ROWS);
    if (!q)
        return;
    sqlite3_bind_int64(q, 1, (int64_t)min_u64(ask->after, INT64_MAX));
    sqlite3_bind_int64(q, 2, or_most(ask->before));
    sqlite3_bind_int64(q, 3, (int64_t)min_u64(ask->since_ms, INT64_MAX));
    sqlite3_bind_int64(q, 4, or_most(ask->until_ms));
    sqlite3_bind_int64(q, 5, ask->principal);
    bind_word(v, q, 6, ask->who);
    bind_word(v, q, 8, ask->model);
    bind_word(v, q, 10, ask->target);
    bind_word(v, q, 12, failed ? SLICE("") : ask->outcome);
    bind_number(v, q, 14, failed ? SLICE("OK") : SLICE(""));
    sqlite3_bind_int64(q, 15, how_many(ask));
    json_open_array(&v->w);
    while (db_row(v->db, q))
        put_row(v, q);
    json_close_array(&v->w);
}

/* hearth-1a2b3c4d-17: the instance and the number after the last dash. */
static sqlite3_stmt *find_row(struct view *v, const struct ledger_ask *ask)
{
    uint64_t number;
    size_t at = ask->id.len;
    bool is_seq = slice_u64(ask->id, &number);
    sqlite3_stmt *q = db_get(v->db, is_seq ? READ_ROW_BY_SEQ : READ_ROW_BY_ID);
    if (!q)
        return NULL;
    sqlite3_bind_int64(q, 2, ask->principal);
    if (is_seq) {
        sqlite3_bind_int64(q, 1, (int64_t)min_u64(number, INT64_MAX));
        return q;
    }
    while (at && ask->id.ptr[at - 1] != '-')
        at--;
    if (!at || !slice_u64(slice_from(ask->id, at), &number))
        return NULL;
    struct slice instance = slice_to(ask->id, at - 1);
    sqlite3_bind_int64(q, 1, find_word(v, instance));
    db_bind(q, 4, instance);
    sqlite3_bind_int64(q, 3, (int64_t)min_u64(number, INT64_MAX));
    return q;
}

static enum err show_row(struct view *v, const struct ledger_ask *ask, struct why *why)
{
    sqlite3_stmt *q = find_row(v, ask);
    if (!db_row(v->db, q))
        return why_set(why, ERR_NOT_FOUND, "the ledger has no row of this id");
    put_row(v, q);
    sqlite3_reset(q);
    return OK;
}

static void show_days(struct view *v, const struct ledger_ask *ask)
{
    static const char *const sums[] = {"requests",          "failed",   "prompt_tokens",
                                       "completion_tokens", "bytes_in", "bytes_out",
                                       "total_us",          "first_us"};
    sqlite3_stmt *q = db_get(v->db, READ_DAYS);
    if (!q)
        return;
    sqlite3_bind_int64(q, 1, (int64_t)(ask->since_ms / 3600000));
    sqlite3_bind_int64(q, 2,
                       ask->until_ms ? (int64_t)((ask->until_ms + 3599999) / 3600000) : INT64_MAX);
    sqlite3_bind_int64(q, 3, ask->principal);
    bind_number(v, q, 4, ask->who);
    bind_number(v, q, 5, ask->model);
    bind_number(v, q, 6, ask->target);
    sqlite3_bind_int64(q, 7, ask->most ? how_many(ask) : (int64_t)MOST_VIEW_ROWS);
    json_open_array(&v->w);
    while (db_row(v->db, q)) {
        char day[24] = "";
        struct tm at;
        time_t seconds = (time_t)(sqlite3_column_int64(q, 0) * 86400);
        if (gmtime_r(&seconds, &at))
            strftime(day, sizeof day, "%Y-%m-%d", &at);
        json_open_object(&v->w);
        json_put_pair(&v->w, "day", slice_of(day));
        put_int(&v->w, "principal", q, 1);
        put_word(v, "who", q, 5);
        put_word(v, "call", q, 2);
        put_word(v, "model", q, 3);
        put_word(v, "target", q, 4);
        for (unsigned i = 0; i < COUNT(sums); i++)
            put_int(&v->w, sums[i], q, 6 + (int)i);
        json_close_object(&v->w);
    }
    json_close_array(&v->w);
}

static void show_refused(struct view *v, const struct ledger_ask *ask)
{
    sqlite3_stmt *q = db_get(v->db, READ_REFUSED);
    if (!q)
        return;
    sqlite3_bind_int64(q, 1, (int64_t)(ask->since_ms / 60000));
    sqlite3_bind_int64(q, 2,
                       ask->until_ms ? (int64_t)((ask->until_ms + 59999) / 60000) : INT64_MAX);
    sqlite3_bind_int64(q, 3, how_many(ask));
    json_open_array(&v->w);
    while (db_row(v->db, q)) {
        json_open_object(&v->w);
        put_time(&v->w, "minute", sqlite3_column_int64(q, 0) * 60000);
        json_put_pair(&v->w, "source", db_text(q, 1));
        json_put_pair(&v->w, "reason", db_text(q, 2));
        put_int(&v->w, "requests", q, 3);
        json_close_object(&v->w);
    }
    json_close_array(&v->w);
}

enum err store_ask(struct store *s, const struct ledger_ask *ask, struct text *json,
                   struct why *why)
{
    enum err e = OK;
    struct why unheard;
    why = why ? why : &unheard;
    struct view v = {.store = s, .by_ms = os_mono_ms() + LONGEST_MS, .w = json_writer(json)};
    v.db = reader_take(s, why);
    if (!v.db)
        return why->code;
    sqlite3_progress_handler(v.db->sql, STEPS, look, &v);
    switch (ask->view) {
    case LEDGER_ROWS:
        show_rows(&v, ask);
        break;
    case LEDGER_ROW:
        e = show_row(&v, ask, why);
        break;
    case LEDGER_DAYS:
        show_days(&v, ask);
        break;
    case LEDGER_REFUSED:
        show_refused(&v, ask);
        break;
    }
    if (v.db->fault && os_mono_ms() >= v.by_ms)
        e = why_set(why, ERR_DEADLINE, "this takes more than %u s: narrow it with since or until",
                    LONGEST_MS / 1000);
    else if (v.db->fault)
        e = reader_fault(s, v.db, why);
    else if (!e && json->failed)
        e = why_set(why, ERR_NO_MEMORY, "no memory for the answer");
    if (v.db->sql)
        sqlite3_progress_handler(v.db->sql, 0, NULL, NULL);
    reader_give(s, v.db);
    return e;
}
