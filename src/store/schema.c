/* schema: every table and every statement of both files, all of them constants. A migration is a
 * list of statements that make one version from the one before; it is never changed once a release
 * had it. The tables of audit.db, for who reads it with other programs: `who`, `call` and others
 * hold the number of a text in `word`, or the text itself when it is too rare to have one. */
#include "store/inside.h"

/* ---- state.db ------------------------------------------------------------------------------- */

static const char *const state_setup[] = {
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA cache_size = -256",
    "PRAGMA journal_size_limit = 1048576",
    NULL,
};
#define SEGMENT_COLUMNS                                                                            \
    "file, number, day, first_seq, last_seq, rows, before, head, status, mac, owner"
static const char *const state_1[] = {
    "PRAGMA application_id = 0x68727468",
    "CREATE TABLE about(schema INTEGER NOT NULL) STRICT",
    "INSERT INTO about VALUES(1)",
    "CREATE TABLE principal(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
    " name TEXT NOT NULL, owner INTEGER NOT NULL REFERENCES principal(id),"
    " team INTEGER REFERENCES principal(id), created_ms INTEGER NOT NULL,"
    " removed_ms INTEGER NOT NULL DEFAULT 0) STRICT",
    "CREATE INDEX principal_name ON principal(kind, name)",
    "INSERT INTO principal(id, kind, name, owner, created_ms) VALUES(1, 'owner', 'owner', 1,"
    " CAST(unixepoch() * 1000 AS INTEGER))",
    "CREATE TABLE key(id TEXT PRIMARY KEY, principal INTEGER NOT NULL REFERENCES principal(id),"
    " owner INTEGER NOT NULL REFERENCES principal(id), name TEXT NOT NULL, models TEXT NOT NULL,"
    " surfaces TEXT NOT NULL, hash BLOB NOT NULL, created_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, revoked_ms INTEGER NOT NULL, mac BLOB NOT NULL) STRICT",
    "CREATE UNIQUE INDEX key_name ON key(name) WHERE revoked_ms = 0",
    "CREATE TABLE segment(file BLOB NOT NULL, number INTEGER NOT NULL, day INTEGER NOT NULL,"
    " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, rows INTEGER NOT NULL,"
    " before BLOB NOT NULL, head BLOB NOT NULL, status INTEGER NOT NULL, mac BLOB NOT NULL,"
    " owner INTEGER NOT NULL REFERENCES principal(id), PRIMARY KEY(file, number))"
    " STRICT, WITHOUT ROWID",
    "PRAGMA user_version = 1",
    NULL,
};
static const char *const *const state_migrations[] = {state_1};
#define KEY_COLUMNS                                                                                \
    "id, principal, owner, name, models, surfaces, hash, created_ms, expires_ms, revoked_ms, mac"
static const char *const state_queries[STATE_QUERIES] = {
    [STATE_PRINCIPAL_FIND] = "SELECT id FROM principal WHERE kind = ?1 AND name = ?2"
                             " AND owner = ?3 AND removed_ms = 0",
    [STATE_PRINCIPAL_ADD] = "INSERT INTO principal(kind, name, owner, created_ms)"
                            " VALUES(?1, ?2, ?3, ?4) RETURNING id",
    [STATE_KEY_CLASH] = "SELECT id = ?1 FROM key WHERE id = ?1 OR (name = ?2 AND revoked_ms = 0)",
    [STATE_KEY_ADD] = "INSERT INTO key(" KEY_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                      " ?10, ?11)",
    [STATE_KEYS] = "SELECT " KEY_COLUMNS " FROM key ORDER BY created_ms, id",
    [STATE_KEY_ONE] = "SELECT " KEY_COLUMNS " FROM key WHERE owner = ?2 AND id = ?1",
    [STATE_KEY_REVOKE] = "UPDATE key SET revoked_ms = ?3, mac = ?4 WHERE owner = ?2 AND id = ?1",
    [STATE_SEGMENT_ONE] = "SELECT " SEGMENT_COLUMNS " FROM segment WHERE file = ?1 AND number = ?2",
    [STATE_SEGMENT_PUT] = "INSERT OR REPLACE INTO segment(" SEGMENT_COLUMNS ") VALUES(?1, ?2, ?3,"
                          " ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)",
    [STATE_PROBE] = "UPDATE about SET schema = schema",
    [STATE_SEGMENTS] = "SELECT " SEGMENT_COLUMNS " FROM segment ORDER BY file, number",
};
const struct db_kind state_kind = {
    .name = "state.db",
    .setup = state_setup,
    .migrations = state_migrations,
    .version = COUNT(state_migrations),
    .queries = state_queries,
    .n_queries = STATE_QUERIES,
    .check_whole = true,
};

/* ---- audit.db ------------------------------------------------------------------------------- */

/* No checkpoint in the middle of writing: see checkpoint.c. */
static const char *const audit_setup[] = {
    "PRAGMA page_size = 8192",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA cell_size_check = ON",
    "PRAGMA cache_size = -1024",
    "PRAGMA journal_size_limit = 16777216",
    NULL,
};
/* `number` is the place in the numbers of an instance, and of a gap how many rows were lost. No
 * second index: one for the few who ask for an id would cost every row a quarter more. The tries of
 * row N have the ids 16 N to 16 N + 15. */
static const char *const audit_1[] = {
    "PRAGMA application_id = 0x68727468",
    "CREATE TABLE about(schema INTEGER NOT NULL, file BLOB) STRICT",
    "INSERT INTO about VALUES(1, NULL)",
    "CREATE TABLE word(id INTEGER PRIMARY KEY, text TEXT NOT NULL, mac BLOB NOT NULL) STRICT",
    "CREATE TABLE request(seq INTEGER PRIMARY KEY, chain_version INTEGER NOT NULL, instance ANY,"
    " number INTEGER NOT NULL, principal INTEGER NOT NULL, who ANY, call ANY, dialect ANY,"
    " parent ANY, run ANY, model ANY, served ANY, target ANY, outcome ANY,"
    " status INTEGER NOT NULL, streamed INTEGER NOT NULL, began_ms INTEGER NOT NULL,"
    " total_us INTEGER NOT NULL, first_us INTEGER NOT NULL, upstream_us INTEGER NOT NULL,"
    " states ANY, spent_us BLOB, prompt_tokens INTEGER, completion_tokens INTEGER,"
    " bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, prompt_sha256 BLOB,"
    " answer_sha256 BLOB, mac BLOB NOT NULL) STRICT",
    "CREATE TABLE try(id INTEGER PRIMARY KEY, target ANY, outcome ANY,"
    " took_us INTEGER NOT NULL, reason ANY) STRICT",
    "CREATE TABLE segment(file BLOB NOT NULL, number INTEGER PRIMARY KEY, day INTEGER NOT NULL,"
    " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, rows INTEGER NOT NULL,"
    " before BLOB NOT NULL, head BLOB NOT NULL, status INTEGER NOT NULL, mac BLOB NOT NULL,"
    " owner INTEGER NOT NULL) STRICT",
    "CREATE TABLE hourly(hour INTEGER NOT NULL, principal INTEGER NOT NULL, call INTEGER NOT NULL,"
    " model INTEGER NOT NULL, target INTEGER NOT NULL, who INTEGER NOT NULL,"
    " requests INTEGER NOT NULL, failed INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL,"
    " completion_tokens INTEGER NOT NULL, bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL,"
    " total_us INTEGER NOT NULL, first_us INTEGER NOT NULL,"
    " PRIMARY KEY(hour, principal, call, model, target)) STRICT, WITHOUT ROWID",
    "CREATE TABLE refused(minute INTEGER NOT NULL, source TEXT NOT NULL, reason TEXT NOT NULL,"
    " n INTEGER NOT NULL, PRIMARY KEY(minute, source, reason)) STRICT, WITHOUT ROWID",
    "PRAGMA user_version = 1",
    NULL,
};
static const char *const *const audit_migrations[] = {audit_1};
static const char *const audit_queries[AUDIT_QUERIES] = {
    [AUDIT_FILE] = "SELECT file FROM about",
    [AUDIT_FILE_ADD] = "UPDATE about SET file = ?1",
    [AUDIT_WORDS] = "SELECT id, text FROM word",
    [AUDIT_WORD_ADD] = "INSERT INTO word VALUES(?1, ?2, ?3)",
    [AUDIT_FIRST_ROW] = "SELECT seq FROM request ORDER BY seq LIMIT 1",
    [AUDIT_LAST_ROW] = "SELECT seq, mac FROM request ORDER BY seq DESC LIMIT 1",
    [AUDIT_ADD] = "INSERT INTO request VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                  " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27,"
                  " ?28, ?29)",
    [AUDIT_TRY_ADD] = "INSERT INTO try VALUES(?1, ?2, ?3, ?4, ?5)",
    [AUDIT_SEGMENTS] = "SELECT " SEGMENT_COLUMNS " FROM segment ORDER BY number",
    [AUDIT_SEGMENT_PUT] = "INSERT OR REPLACE INTO segment(" SEGMENT_COLUMNS ") VALUES(?1, ?2, ?3,"
                          " ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1)",
    [AUDIT_HOURLY_ADD] =
        "INSERT INTO hourly VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
        " ON CONFLICT DO UPDATE SET who = excluded.who, requests = requests + excluded.requests,"
        " failed = failed + excluded.failed,"
        " prompt_tokens = prompt_tokens + excluded.prompt_tokens,"
        " completion_tokens = completion_tokens + excluded.completion_tokens,"
        " bytes_in = bytes_in + excluded.bytes_in, bytes_out = bytes_out + excluded.bytes_out,"
        " total_us = total_us + excluded.total_us, first_us = first_us + excluded.first_us",
    [AUDIT_REFUSED_ADD] = "INSERT INTO refused VALUES(?1, ?2, ?3, ?4)"
                          " ON CONFLICT DO UPDATE SET n = n + excluded.n",
    [AUDIT_REFUSED_TRIM] = "DELETE FROM refused WHERE (minute, source, reason) IN (SELECT minute,"
                           " source, reason FROM refused WHERE minute < (SELECT minute FROM refused"
                           " ORDER BY minute DESC LIMIT 1 OFFSET ?1)"
                           " ORDER BY minute, source, reason LIMIT ?2)",
    [AUDIT_PAGES] = "PRAGMA page_count",
    [AUDIT_FREE_PAGES] = "PRAGMA freelist_count",
    [AUDIT_PAGE_BYTES] = "PRAGMA page_size",
    [AUDIT_DROP_ROWS] = "DELETE FROM request WHERE seq BETWEEN ?1 AND ?2",
    [AUDIT_DROP_TRIES] = "DELETE FROM try WHERE id BETWEEN ?1 * 16 AND ?2 * 16 + 15",
    [AUDIT_CHECKPOINT] = "PRAGMA wal_checkpoint(PASSIVE)",
};
const struct db_kind audit_kind = {
    .name = "audit.db",
    .setup = audit_setup,
    .migrations = audit_migrations,
    .version = COUNT(audit_migrations),
    .queries = audit_queries,
    .n_queries = AUDIT_QUERIES,
};

static const char *const checkpoint_queries[CHECKPOINT_QUERIES] = {
    [CHECKPOINT_PASS] = "PRAGMA wal_checkpoint(PASSIVE)",
};
const struct db_kind checkpoint_kind = {
    .name = "audit.db",
    .setup = audit_setup,
    .migrations = audit_migrations,
    .version = COUNT(audit_migrations),
    .queries = checkpoint_queries,
    .n_queries = CHECKPOINT_QUERIES,
};

/* ---- reading audit.db ----------------------------------------------------------------------- */

static const char *const read_setup[] = {
    "PRAGMA query_only = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA cache_size = -512",
    NULL,
};
#define REQUEST_COLUMNS                                                                            \
    "seq, chain_version, instance, number, principal, who, call, dialect, parent, run, model,"     \
    " served, target, outcome, status, streamed, began_ms, total_us, first_us, upstream_us,"       \
    " states, spent_us, prompt_tokens, completion_tokens, bytes_in, bytes_out, prompt_sha256,"     \
    " answer_sha256, mac"
static const char *const read_queries[READ_QUERIES] = {
    [READ_FILE] = "SELECT file FROM about",
    [READ_SEGMENTS] = "SELECT " SEGMENT_COLUMNS " FROM segment ORDER BY number",
    [READ_WORDS] = "SELECT id, text, mac FROM word",
    [READ_WORD] = "SELECT text FROM word WHERE id = ?1",
    [READ_WORD_FIND] = "SELECT id FROM word WHERE text = ?1 LIMIT 1",
    /* In pairs: the number of the word that is looked for (-1: there is none) and its text; NULL
     * in both: any. */
    [READ_ROWS] = "SELECT " REQUEST_COLUMNS " FROM request"
                  " WHERE seq > ?1 AND seq < ?2 AND began_ms >= ?3 AND began_ms < ?4"
                  " AND (?5 = 0 OR principal = ?5)"
                  " AND (?6 IS NULL OR who = ?6 OR who = ?7)"
                  " AND (?8 IS NULL OR model = ?8 OR model = ?9 OR served = ?8 OR served = ?9)"
                  " AND (?10 IS NULL OR target = ?10 OR target = ?11)"
                  " AND (?12 IS NULL OR outcome = ?12 OR outcome = ?13)"
                  " AND (?14 IS NULL OR outcome <> ?14) ORDER BY seq DESC LIMIT ?15",
    [READ_ROW_BY_SEQ] = "SELECT " REQUEST_COLUMNS " FROM request WHERE seq = ?1"
                        " AND (?2 = 0 OR principal = ?2)",
    [READ_ROW_BY_ID] = "SELECT " REQUEST_COLUMNS " FROM request WHERE number = ?3"
                       " AND (instance = ?1 OR instance = ?4) AND (?2 = 0 OR principal = ?2)"
                       " ORDER BY seq DESC LIMIT 1",
    [READ_TRIES] = "SELECT target, outcome, took_us, reason FROM try"
                   " WHERE id BETWEEN ?1 * 16 AND ?1 * 16 + 15",
    [READ_DAYS] =
        "SELECT hour / 24, principal, call, model, target, max(who), sum(requests), sum(failed),"
        " sum(prompt_tokens), sum(completion_tokens), sum(bytes_in), sum(bytes_out),"
        " sum(total_us), sum(first_us) FROM hourly WHERE hour >= ?1 AND hour < ?2"
        " AND (?3 = 0 OR principal = ?3) AND (?4 IS NULL OR who = ?4)"
        " AND (?5 IS NULL OR model = ?5) AND (?6 IS NULL OR target = ?6)"
        " GROUP BY 1, 2, 3, 4, 5 ORDER BY 1 DESC, 7 DESC LIMIT ?7",
    [READ_REFUSED] = "SELECT minute, source, reason, n FROM refused WHERE minute >= ?1"
                     " AND minute < ?2 ORDER BY minute DESC, n DESC LIMIT ?3",
    [READ_CHAIN] = "SELECT " REQUEST_COLUMNS " FROM request ORDER BY seq",
    [READ_FIRST_ROW] = "SELECT seq FROM request ORDER BY seq LIMIT 1",
    [READ_CHAIN_TRIES] = "SELECT id, target, outcome, took_us, reason FROM try ORDER BY id",
};
const struct db_kind audit_read_kind = {
    .name = "audit.db",
    .setup = read_setup,
    .migrations = audit_migrations,
    .version = COUNT(audit_migrations),
    .queries = read_queries,
    .n_queries = READ_QUERIES,
};
