/* store: what must outlive the daemon, in two SQLite files of the data folder. state.db holds
 * principals and keys, FULL: `done` means that it is on the disk. audit.db holds a row for each
 * request and one for each try, chained, and hourly roll-ups, NORMAL: one commit for all rows of
 * up to 25 ms. Each file has one writer thread; nothing here blocks the loop but what says so. It
 * never stops the daemon: a corrupt file is put aside and made anew, one that is full, locked,
 * read-only or missing is tried again until it works, and store_health says so; only a file that
 * a newer hearth wrote is refused. Neither file's trouble touches the other. SQL stands in this
 * room alone. */
#pragma once

#include "base/cancel.h"
#include "crypt/crypt.h"
#include "loop/loop.h"

struct store;

struct store_terms {
    struct loop *loop;
    struct hold *hold;  /* counts the store until it is gone */
    const char *folder; /* the data folder's path: SQLite opens by path */
    const unsigned char *chain_key;
    uint64_t audit_most;       /* bytes of audit.db; the oldest segments go */
    uint64_t (*wall_ms)(void); /* os_wall_ms, or a test's */
    const char *const *states; /* names of ledger_row.spent_us, states_n of them */
    unsigned states_n;
};
/* Blocks for some ms: state.db is opened, checked and migrated here, audit.db by its writer.
 * ERR_CONFIG: a file of a newer hearth. */
enum err store_open(const struct store_terms *t, struct store **ret_store,
                    struct why *why) MUST_USE;
/* What was given is written, for at most 2 s; then the hold is dropped and the store is gone. */
void store_close(struct store *s);
void store_set_audit_most(struct store *s, uint64_t bytes);

struct store_side {
    bool up;         /* it can be written */
    bool put_aside;  /* a corrupt file was, since the start */
    char words[200]; /* what is wrong and what mends it; "" when all is well */
};
struct store_health {
    struct store_side state, audit;
    uint64_t rows_written, rows_lost, rows_waiting;
    uint64_t lag_ms;      /* age of the oldest row that waits */
    uint64_t audit_bytes; /* of the file */
};
void store_health(struct store *s, struct store_health *ret_health); /* any thread */

/* ---- state.db: principals and keys ---- */
#define OWNER 1      /* the principal that every installation has; it owns what nobody else does */
#define KEY_ID 8u    /* letters of a key's public half */
#define KEY_NAME 64u /* bytes of a name, at most */
struct key_row {
    char id[KEY_ID + 1];
    int64_t principal, owner; /* who it is; whose it is */
    struct slice name;
    struct slice models, surfaces; /* words with blanks between them; "" when not limited */
    unsigned char hash[HASH_BYTES];
    uint64_t created_ms, expires_ms, revoked_ms; /* wall clock; 0: never, not */
};
/* All there ever were, the revoked too: ids are never used again. Blocks: at the start. */
enum err store_keys(struct store *s, void (*each)(void *context, const struct key_row *row),
                    void *context, struct why *why) MUST_USE;
/* The principal of this kind ("user", "room") and name, made if it is new. Blocks: at the start
 * and in jobs. */
enum err store_principal(struct store *s, const char *kind, struct slice name, int64_t owner,
                         int64_t *ret_id, struct why *why) MUST_USE;

struct store_write { /* embedded in who asks; stays until `done`, which always comes, on the loop */
    void (*done)(struct store_write *w);
    struct why why;           /* code OK: it is on the disk */
    int64_t id;               /* of the new principal */
    struct store_write *next; /* the store's */
};
/* Makes the key's principal too. ERR_BUSY: there is an unrevoked key of this name, or this id. */
void store_key_add(struct store *s, struct store_write *w, const struct key_row *row);
void store_key_revoke(struct store *s, struct store_write *w, const char *id, int64_t owner);

/* ---- audit.db: the ledger ---- */
#define LEDGER_STATES 12u
struct ledger_try { /* one attempt, or why a target was passed over */
    struct slice target, outcome, reason;
    uint64_t took_us;
};
struct ledger_row {        /* copied; slices "" where there is nothing */
    struct slice instance; /* with the number: the id that the caller saw */
    uint64_t number;
    int64_t principal;
    struct slice who, call, dialect;
    struct slice parent, run;    /* ids of what made it */
    struct slice model;          /* as asked */
    struct slice served, target; /* the name that answered, and where */
    struct slice outcome;        /* a name of the error table, "OK" */
    int status;
    bool streamed;
    uint64_t began_ms;                        /* wall clock */
    uint64_t total_us, first_us, upstream_us; /* first_us: until the first content; 0: none */
    uint32_t spent_us[LEDGER_STATES];
    int64_t prompt_tokens, completion_tokens; /* -1: not told */
    uint64_t bytes_in, bytes_out;
    const unsigned char *prompt, *answer; /* SHA-256 of the bodies; NULL: there was none */
    const struct ledger_try *tries;
    unsigned n_tries;
};
/* false: it cannot be kept (10,000 wait already); it counts as lost, and the ledger will say so. */
bool store_append(struct store *s, const struct ledger_row *row);
/* One more refused before it was admitted; kept as counts by minute, source and reason. */
void store_refused(struct store *s, struct slice source, struct slice reason);

enum ledger_view { LEDGER_ROWS, LEDGER_ROW, LEDGER_DAYS, LEDGER_REFUSED };
struct ledger_ask {
    enum ledger_view view;
    int64_t principal;      /* only what it owns; 0: all, for administration */
    uint64_t after, before; /* sequence numbers, exclusive; 0: no bound */
    uint64_t since_ms, until_ms, most;
    struct slice id; /* LEDGER_ROW: hearth-1a2b3c4d-17, or a sequence number */
    struct slice who, model, target, outcome; /* "": any; outcome "failed": all but OK */
};
/* JSON: an array, newest first; of LEDGER_ROW the row with its tries. ERR_NOT_FOUND. Blocks: in
 * jobs. */
enum err store_ask(struct store *s, const struct ledger_ask *ask, struct text *json,
                   struct why *why) MUST_USE;
/* Recomputes the chain from the oldest row kept. JSON: {ok, rows, segments, dropped, missing,
 * problems: [...]}; OK whatever it found. Blocks for seconds: in jobs. */
enum err store_verify(struct store *s, struct cancel *cancel, struct text *json,
                      struct why *why) MUST_USE;

/* ---- copies: for a process of its own, whether a daemon runs or not; no store is opened ---- */
#define STORE_FILES 2u
const char *store_file(unsigned i); /* its name. Copied in this order they fit together */
struct store_copy {
    unsigned file;
    const char *folder, *to;    /* the data folder, and another one */
    bool (*go_on)(void *owner); /* asked now and then; NULL: always */
    void *owner;
};
/* A whole one as of one moment, without what is free in it. ERR_NOT_FOUND: there is none. */
enum err store_copy(const struct store_copy *c, struct why *why) MUST_USE;
/* Is the file of that name in this folder whole, and not a newer hearth's (ERR_CONFIG)? */
enum err store_check(unsigned file, const char *folder, int64_t *ret_version,
                     struct why *why) MUST_USE;
