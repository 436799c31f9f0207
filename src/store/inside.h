/* inside: what the files of this room share. Who may touch what: `lock` guards the queues and what
 * store_health tells and is never held while SQLite works; each struct db belongs to whoever holds
 * the lock beside it, or to its thread. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "base/json.h"
#include "store/store.h"

#define FOLDER_ROOM 4096u

/* ---- db.c: one SQLite file ---- */
enum fault {
    FAULT_NONE,
    FAULT_WAIT,    /* locked, full, unreadable: it may work later */
    FAULT_CORRUPT, /* it is no file of ours, or no longer */
    FAULT_NEWER    /* a newer hearth wrote it */
};
#define MOST_QUERIES 24u
struct db_kind {
    const char *name;
    const char *const *setup;             /* statements for each connection; NULL ends them */
    const char *const *const *migrations; /* lists of statements, the first makes version 1 */
    unsigned version;                     /* how many migrations there are */
    const char *const *queries;           /* prepared at the opening */
    unsigned n_queries;
    bool check_whole; /* read all of it at the opening: for small files */
};
struct db {
    const struct db_kind *kind;
    sqlite3 *sql; /* NULL: closed */
    sqlite3_stmt *prepared[MOST_QUERIES];
    bool read_only, in_transaction;
    bool disk_failed; /* the fault is the disk's own */
    bool unwritable;  /* the fault is that nothing may be written */
    bool full;        /* the fault is that there is no space */
    char path[FOLDER_ROOM];
    uint64_t device, inode;
    enum fault fault; /* the first since the opening; everything fails from then on */
    char words[200];  /* of that fault */
};
enum db_mode {
    DB_WRITE,
    DB_OLD,
    DB_READ,
    DB_STILL
}; /* DB_OLD: to write, but only one that is there */
/* The fault, also in d; then it is closed. */
enum fault db_open(struct db *d, const struct db_kind *kind, const char *folder, enum db_mode mode);
void db_close(struct db *d);
/* A prepared statement, ready for values; NULL when there is a fault. */
sqlite3_stmt *db_get(struct db *d, unsigned query);
bool db_row(struct db *d, sqlite3_stmt *s); /* the next one; false: none is left, or a fault */
bool db_do(struct db *d, sqlite3_stmt *s);  /* runs it to its end; false: a fault */
bool db_begin(struct db *d);
bool db_commit(struct db *d);
void db_rollback(struct db *d);
int64_t db_number(struct db *d, unsigned query);   /* the first value of the first row, else 0 */
struct slice db_text(sqlite3_stmt *s, int column); /* valid until the next step */
bool db_hash(sqlite3_stmt *s, int column, unsigned char *into, size_t n); /* false: another size */
void db_bind(sqlite3_stmt *s, int place, struct slice text);              /* borrowed */
void db_bind_blob(sqlite3_stmt *s, int place, const void *bytes, size_t n);
/* Renames the file and those beside it to NAME.bad-YYYYMMDD-HHMMSS. */
bool db_is_there(const struct db *d); /* the name still leads to the file that is open */
bool db_put_aside(const char *folder, const char *name, uint64_t wall_ms);

/* ---- schema.c: every statement there is ---- */
enum state_query {
    STATE_PRINCIPAL_FIND,
    STATE_PRINCIPAL_ADD,
    STATE_KEY_CLASH,
    STATE_KEY_ADD,
    STATE_KEYS,
    STATE_KEY_ONE,
    STATE_KEY_REVOKE,
    STATE_SEGMENT_ONE,
    STATE_SEGMENT_PUT,
    STATE_SEGMENTS,
    STATE_PROBE,
    STATE_QUERIES
};
enum audit_query {
    AUDIT_FILE,
    AUDIT_WORDS,
    AUDIT_WORD_ADD,
    AUDIT_FIRST_ROW,
    AUDIT_LAST_ROW,
    AUDIT_ADD,
    AUDIT_TRY_ADD,
    AUDIT_SEGMENTS,
    AUDIT_SEGMENT_PUT,
    AUDIT_HOURLY_ADD,
    AUDIT_REFUSED_ADD,
    AUDIT_REFUSED_TRIM,
    AUDIT_PAGES,
    AUDIT_FREE_PAGES,
    AUDIT_PAGE_BYTES,
    AUDIT_DROP_ROWS,
    AUDIT_DROP_TRIES,
    AUDIT_CHECKPOINT,
    AUDIT_FILE_ADD,
    AUDIT_QUERIES
};
enum read_query {
    READ_FILE,
    READ_SEGMENTS,
    READ_WORDS,
    READ_WORD,
    READ_WORD_FIND,
    READ_ROWS,
    READ_ROW_BY_SEQ,
    READ_ROW_BY_ID,
    READ_TRIES,
    READ_DAYS,
    READ_REFUSED,
    READ_FIRST_ROW,
    READ_CHAIN,
    READ_CHAIN_TRIES,
    READ_QUERIES
};
enum checkpoint_query { CHECKPOINT_PASS, CHECKPOINT_QUERIES };
extern const struct db_kind state_kind, audit_kind, audit_read_kind, checkpoint_kind;

/* ---- chain.c: the proof that rows are what was written (pure) ---- */
#define CHAIN_VERSION 1
#define FILE_ID 16u
enum segment_status { SEGMENT_OPEN, SEGMENT_CLOSED, SEGMENT_DROPPED, SEGMENT_ASIDE };
struct segment { /* rows that are kept and dropped together */
    unsigned char file[FILE_ID];
    int64_t number, day, first_seq, last_seq, rows;
    unsigned char before[HASH_BYTES], head[HASH_BYTES]; /* the chain before and after it */
    enum segment_status status;
};
struct cell { /* a value as SQLite keeps it */
    enum { CELL_NULL, CELL_INT, CELL_TEXT, CELL_BLOB } kind;
    int64_t n;
    struct slice s;
};
/* Where each cell of a row stands in the table `request`, after seq. */
enum row_cell {
    ROW_CHAIN,
    ROW_INSTANCE,
    ROW_NUMBER,
    ROW_PRINCIPAL,
    ROW_WHO,
    ROW_CALL,
    ROW_DIALECT,
    ROW_PARENT,
    ROW_RUN,
    ROW_MODEL,
    ROW_SERVED,
    ROW_TARGET,
    ROW_OUTCOME,
    ROW_STATUS,
    ROW_STREAMED,
    ROW_BEGAN,
    ROW_TOTAL,
    ROW_FIRST,
    ROW_UPSTREAM,
    ROW_STATES,
    ROW_SPENT,
    ROW_PROMPT_TOKENS,
    ROW_COMPLETION_TOKENS,
    ROW_BYTES_IN,
    ROW_BYTES_OUT,
    ROW_PROMPT,
    ROW_ANSWER,
    ROW_CELLS
};
enum try_cell { TRY_N, TRY_TARGET, TRY_OUTCOME, TRY_TOOK, TRY_REASON, TRY_CELLS };
/* Adds the canonical form of these cells. */
void chain_add(struct text *form, const struct cell *cells, unsigned n);
/* The row's hash: of its place, the hash before and the form of its cells and its tries'. */
void chain_row(const unsigned char *key, const struct segment *at, int64_t seq,
               const unsigned char before[HASH_BYTES], struct slice form,
               unsigned char ret[HASH_BYTES]);
void chain_first(const unsigned char *key, const unsigned char *file,
                 unsigned char ret[HASH_BYTES]); /* what stands before the first row of a file */
void chain_word(const unsigned char *key, const unsigned char *file, int64_t id, struct slice text,
                unsigned char ret[HASH_BYTES]);
void chain_segment(const unsigned char *key, const struct segment *g,
                   unsigned char ret[HASH_BYTES]);
void chain_key_row(const unsigned char *key, const struct key_row *row,
                   unsigned char ret[HASH_BYTES]);
void cell_bind(sqlite3_stmt *s, int place, const struct cell *c);
struct cell cell_read(sqlite3_stmt *s, int column);
struct cell cell_int(int64_t n);
struct cell cell_text(struct slice s);
struct cell cell_blob(const void *bytes, size_t n); /* NULL bytes: CELL_NULL */
/* A row of either table of segments: columns from `column` on; false when its proof is wrong. */
bool segment_read(sqlite3_stmt *s, int column, const unsigned char *key, struct segment *ret);
void segment_bind(sqlite3_stmt *s, const unsigned char *key, const struct segment *g,
                  unsigned char mac[HASH_BYTES]);

/* ---- words.c: texts that many rows share, by number ---- */
struct word {
    int64_t id;
    size_t at, len; /* in `texts` */
};
struct words { /* of one file; forgotten when it is closed */
    struct text texts;
    struct word *all;
    size_t n, room;
    uint32_t *slots; /* a hash table of places in `all`, plus one */
    size_t n_slots;
};
void words_clear(struct words *w);
bool words_add(struct words *w, int64_t id, struct slice text); /* false: no memory */
int64_t words_find(const struct words *w, struct slice text);   /* 0: not there */
uint32_t words_hash(struct slice text);

/* ---- state.c ---- */
struct work { /* something for state.db; the thread's until it is done */
    struct work *next;
    struct store_write *asked; /* NULL: nobody waits for it */
    enum work_kind { WORK_KEY_ADD, WORK_KEY_REVOKE, WORK_SEGMENT, WORK_ASIDE } what;
    struct key_row key;
    struct text texts; /* what the key's slices point to */
    struct segment segment;
};
struct state {
    pthread_mutex_t lock; /* of db */
    struct db db;
    pthread_t thread;
    bool started, doubtful; /* doubtful: a write failed, and none has worked since */
    /* under the store's lock: */
    pthread_cond_t wake;
    struct work *first, **last; /* to do */
    struct store_write *done, **last_done;
    bool ended, at_work;
};
enum err state_open(struct store *s, struct why *why) MUST_USE;
enum err state_start(struct store *s, struct why *why) MUST_USE;
void state_fini(struct store *s);
void state_deliver(struct store *s); /* on the loop: `done` of what is done */
/* Any thread. False: no memory; try again later. */
bool state_note_segment(struct store *s, const struct segment *g);
bool state_note_aside(struct store *s, const unsigned char *kept); /* all files but this one */
bool state_is_idle(struct store *s);                               /* nothing waits */
/* What state.db knows of segments, for verify; false: it cannot be read. */
bool state_segments(struct store *s, void (*each)(void *context, const struct segment *g, bool ok),
                    void *context);

/* ---- writer.c: the queue before audit.db, and its thread ---- */
struct refusal {
    int64_t minute;
    uint64_t n;
    char source[48], reason[48];
};
#define MOST_REFUSALS 64u /* in a batch, and of one minute; the last is all others */
struct batch {            /* rows one after the other, as pack() laid them */
    struct text bytes;
    unsigned rows;
    uint64_t since_ms; /* monotonic, of the first */
    struct refusal refused[MOST_REFUSALS];
    unsigned n_refused;
};
struct lost {
    uint64_t rows, first_ms, last_ms; /* wall clock */
};

/* ---- ledger.c: what the thread writes ---- */
struct ledger {
    struct db db;
    struct words words;
    struct segment open;    /* .status CLOSED: there is none open */
    int64_t states;         /* the word with the names of states */
    int64_t last_seq, rows; /* of all segments that are kept */
    int64_t drop_next;      /* the next row to delete of the segment that goes; 0: none goes */
    struct segment going;
    struct text form; /* for the canonical form of a row */
    struct hours *hours;
    uint64_t trimmed_ms;  /* when old counts of what was refused went last; 0: not since opening */
    uint64_t noted_ms;    /* when the open segment's head was told to state.db */
    uint64_t note_ticket; /* when it is safe, `noting` may be told; 0: nothing is to be told */
    struct segment noting;
    int wal_pages; /* in the journal, after the last commit */
    uint64_t page_bytes, used_bytes, file_bytes;
    bool note_closed; /* a closed segment may be news to state.db */
};
bool ledger_open(struct store *s);
void ledger_close(struct store *s);
bool ledger_row(struct store *s, const struct ledger_row *row); /* in a transaction */
bool ledger_gap(struct store *s, const struct lost *lost);      /* in a transaction */
bool ledger_refused(struct store *s, const struct refusal *r);  /* in a transaction */
bool ledger_flush(struct store *s);    /* what was gathered of a batch, before its commit */
bool ledger_segments(struct store *s); /* a new one when it is time; before a batch */
bool ledger_retire(struct store *s);   /* some of the oldest rows, when there are too many */
bool ledger_tick(struct store *s);     /* after each batch, and once a second */
bool ledger_end(struct store *s);      /* the last note before the end */

struct writer {
    pthread_t thread;
    bool started;
    struct ledger ledger;
    struct batch *busy; /* the thread's: being written, or what could not be yet */
    unsigned pause_ms;  /* before the file is tried again */
    uint64_t aside_ms;  /* when a file was put aside last; 0: never */
    /* under the store's lock: */
    pthread_cond_t wake;
    struct batch *filling;
    struct batch batches[2];
    struct lost lost;
    struct refusal known[MOST_REFUSALS - 1]; /* of the last minute; .n is not kept */
    unsigned n_known;
    bool asleep, ended, suspect; /* suspect: a reader found the file corrupt */
    uint64_t busy_rows, busy_bytes, busy_since_ms;
};
enum err writer_start(struct store *s, struct why *why) MUST_USE;
void writer_fini(struct store *s);

/* ---- readers.c: connections that only read audit.db ---- */
struct readers { /* under the store's lock */
    struct db *idle;
    struct db *busy[8];
    unsigned n;
    bool leave; /* the file is being opened or put aside */
    pthread_cond_t left;
};
struct db *connection_take(struct store *s, const struct db_kind *kind, struct why *why);
void connection_give(struct store *s, struct db *d); /* closes it */
struct db *reader_take(struct store *s, struct why *why);
void reader_give(struct store *s, struct db *d);
void readers_leave(struct store *s);      /* waits until none is open */
void readers_come(struct store *s);       /* they may again */
bool readers_must_leave(struct store *s); /* asked now and then by those that take long */
void readers_fini(struct store *s);
enum err reader_fault(struct store *s, struct db *d, struct why *why); /* of a read that failed */

/* ---- checkpoint.c ---- */
struct checkpoint { /* under the store's lock */
    pthread_t thread;
    pthread_cond_t wake;
    uint64_t ticket, done; /* of the next pass; of the last that was whole */
    bool started, ended, asked;
    bool failed; /* the disk did: what was written since may be gone */
};
enum err checkpoint_start(struct store *s, struct why *why) MUST_USE;
uint64_t checkpoint_ask(struct store *s);
bool checkpoint_done(struct store *s, uint64_t ticket);
void checkpoint_fini(struct store *s);

/* ---- store.c ---- */
struct store {
    struct loop *loop;
    struct hold hold, *terms_hold;
    struct mail mail;
    char folder[FOLDER_ROOM];
    unsigned char chain_key[HASH_BYTES];
    uint64_t (*wall_ms)(void);
    char state_names[256]; /* with blanks between them */
    unsigned states_n;
    pthread_mutex_t lock;
    bool closing;
    uint64_t close_by_ms, audit_most; /* monotonic; bytes */
    struct store_health health;
    struct state state;
    struct writer writer;
    struct readers readers;
    struct checkpoint checkpoint;
};
/* Under the lock or not: it takes it. words NULL: up and well. */
void store_tell(struct store *s, struct store_side *side, const char *words);
