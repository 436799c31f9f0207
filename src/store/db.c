/* db: one SQLite file: opened with care, brought to our version, told when something is wrong.
 * The first fault stands until the file is closed and opened anew: after a failed write or sync
 * nothing that this connection believes is trusted. It knows no table but `about`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/inside.h"

#define OUR_MARK 0x68727468 /* application_id: "hrth" */
#define BUSY_MS 100
#define URI_ROOM (3 * FOLDER_ROOM + 32)

/* ---- faults --------------------------------------------------------------------------------- */

struct meaning {
    int code; /* primary result code */
    enum fault fault;
    const char *words;
};
static const struct meaning meanings[] = {
    {SQLITE_BUSY, FAULT_WAIT, "another program has it locked; it goes on when that lets go"},
    {SQLITE_LOCKED, FAULT_WAIT, "it is locked; it goes on when that is over"},
    {SQLITE_FULL, FAULT_WAIT, "the disk is full; free some space and it goes on"},
    {SQLITE_IOERR, FAULT_WAIT, "the disk reports an error; see the system's log"},
    {SQLITE_READONLY, FAULT_WAIT, "it is read-only; make the file and its folder writable"},
    {SQLITE_CANTOPEN, FAULT_WAIT, "it cannot be opened; are its folder and mode right?"},
    {SQLITE_PERM, FAULT_WAIT, "the system does not permit it; are its owner and mode right?"},
    {SQLITE_AUTH, FAULT_WAIT, "the system does not permit it; are its owner and mode right?"},
    {SQLITE_NOMEM, FAULT_WAIT, "there is no memory for it"},
    {SQLITE_PROTOCOL, FAULT_WAIT, "another program has it locked; it goes on when that lets go"},
    {SQLITE_NOLFS, FAULT_WAIT, "it is larger than this system can read"},
    {SQLITE_INTERRUPT, FAULT_WAIT, "the work on it was stopped"},
    {SQLITE_TOOBIG, FAULT_WAIT, "a value is larger than SQLite takes"},
};

static void set_fault(struct db *d, enum fault fault, const char *words)
{
    if (d->fault)
        return;
    d->fault = fault;
    snprintf(d->words, sizeof d->words, "%s: %s", d->kind->name, words);
}

/* What is not in the table above is a file that is not as we left it. */
static void failed(struct db *d, int code)
{
    for (size_t i = 0; i < COUNT(meanings); i++) {
        if (meanings[i].code == (code & 0xff)) {
            d->disk_failed = meanings[i].code == SQLITE_IOERR;
            d->unwritable =
                meanings[i].code == SQLITE_CANTOPEN || meanings[i].code == SQLITE_READONLY;
            d->full = meanings[i].code == SQLITE_FULL;
            set_fault(d, meanings[i].fault, meanings[i].words);
            return;
        }
    }
    log_debug("store", "%s: %s", d->kind->name, d->sql ? sqlite3_errmsg(d->sql) : "");
    set_fault(d, FAULT_CORRUPT, "it is damaged");
}

/* ---- statements ----------------------------------------------------------------------------- */

static bool run(struct db *d, const char *sql)
{
    int code = d->fault ? SQLITE_ERROR : sqlite3_exec(d->sql, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        failed(d, code);
    return code == SQLITE_OK;
}

sqlite3_stmt *db_get(struct db *d, unsigned query)
{
    assert(query < d->kind->n_queries);
    if (d->fault || !d->sql)
        return NULL;
    sqlite3_stmt **s = &d->prepared[query];
    if (*s) {
        sqlite3_reset(*s);
        return *s;
    }
    int code =
        sqlite3_prepare_v3(d->sql, d->kind->queries[query], -1, SQLITE_PREPARE_PERSISTENT, s, NULL);
    if (code != SQLITE_OK)
        failed(d, code);
    return code == SQLITE_OK ? *s : NULL;
}

bool db_row(struct db *d, sqlite3_stmt *s)
{
    if (!s || d->fault)
        return false;
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        failed(d, code);
    sqlite3_reset(s);
    return false;
}

bool db_do(struct db *d, sqlite3_stmt *s)
{
    while (db_row(d, s)) {
    }
    return s && !d->fault;
}

bool db_begin(struct db *d)
{
    d->in_transaction = run(d, d->read_only ? "BEGIN" : "BEGIN IMMEDIATE");
    return d->in_transaction;
}

bool db_commit(struct db *d)
{
    if (!run(d, "COMMIT"))
        return false;
    d->in_transaction = false;
    return true;
}

void db_rollback(struct db *d)
{
    if (d->in_transaction)
        sqlite3_exec(d->sql, "ROLLBACK", NULL, NULL, NULL);
    d->in_transaction = false;
}

int64_t db_number(struct db *d, unsigned query)
{
    sqlite3_stmt *s = db_get(d, query);
    int64_t n = db_row(d, s) ? sqlite3_column_int64(s, 0) : 0;
    if (s)
        sqlite3_reset(s);
    return n;
}

struct slice db_text(sqlite3_stmt *s, int column)
{
    const void *text = sqlite3_column_text(s, column);
    return (struct slice){text, text ? (size_t)sqlite3_column_bytes(s, column) : 0};
}

bool db_hash(sqlite3_stmt *s, int column, unsigned char *into, size_t n)
{
    const void *bytes = sqlite3_column_blob(s, column);
    if (!bytes || (size_t)sqlite3_column_bytes(s, column) != n)
        return false;
    memcpy(into, bytes, n);
    return true;
}

void db_bind(sqlite3_stmt *s, int place, struct slice text)
{
    sqlite3_bind_text(s, place, text.ptr ? text.ptr : "", (int)text.len, SQLITE_STATIC);
}

void db_bind_blob(sqlite3_stmt *s, int place, const void *bytes, size_t n)
{
    sqlite3_bind_blob(s, place, bytes, (int)n, SQLITE_STATIC);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int64_t ask(struct db *d, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int64_t n = 0;
    int code = d->fault ? SQLITE_ERROR : sqlite3_prepare_v2(d->sql, sql, -1, &s, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        n = sqlite3_column_int64(s, 0);
    else if (code != SQLITE_DONE)
        failed(d, code);
    sqlite3_finalize(s);
    return n;
}

/* The name is ours and no link; what leads to the folder is the user's business. */
static bool path_of(const char *folder, const char *name, char path[FOLDER_ROOM])
{
    char real[PATH_MAX];
    if (!realpath(folder, real))
        return false;
    return snprintf(path, FOLDER_ROOM, "%s/%s", real, name) < (int)FOLDER_ROOM;
}

/* SQLite makes the journal and its index with the mode of the file. Those made while the file could
 * not be written would keep it read-only when it can be again. */
static void mend_modes(const char *path)
{
    static const char *const endings[] = {"-wal", "-shm"};
    char beside[FOLDER_ROOM + 8];
    for (size_t i = 0; access(path, W_OK) == 0 && i < COUNT(endings); i++) {
        snprintf(beside, sizeof beside, "%s%s", path, endings[i]);
        if (access(beside, F_OK) == 0 && access(beside, W_OK) != 0 && chmod(beside, 0600) != 0)
            log_warn("store", "%s cannot be made writable", beside);
    }
}

/* For a file that nobody can write to, nor beside it, not even the locks of readers: it is taken as
 * it stands, which is right only without a journal. */
static bool uri_of(const char *path, char uri[URI_ROOM])
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    char journal[FOLDER_ROOM + 8];
    struct stat seen;
    snprintf(journal, sizeof journal, "%s-wal", path);
    if (stat(path, &seen) != 0 || !seen.st_size || (stat(journal, &seen) == 0 && seen.st_size))
        return false;
    size_t at = (size_t)snprintf(uri, URI_ROOM, "file:");
    for (const char *c = path; *c; c++)
        at += (size_t)snprintf(uri + at, URI_ROOM - at, strchr(plain, *c) ? "%c" : "%%%02x",
                               (unsigned)(unsigned char)*c);
    snprintf(uri + at, URI_ROOM - at, "?immutable=1");
    return true;
}

static void connect_to(struct db *d, const char *folder, enum db_mode mode)
{
    struct stat seen;
    char uri[URI_ROOM];
    static const int ways[] = {
        [DB_WRITE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        [DB_OLD] = SQLITE_OPEN_READWRITE,
        [DB_READ] = SQLITE_OPEN_READONLY,
        [DB_STILL] = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
    };
    if (!path_of(folder, d->kind->name, d->path)) {
        set_fault(d, FAULT_WAIT, "its folder is not there, or may not be read");
        return;
    }
    if (mode == DB_STILL && !uri_of(d->path, uri)) {
        set_fault(d, FAULT_WAIT, "it cannot be opened; are its folder and mode right?");
        return;
    }
    if (mode != DB_READ && mode != DB_STILL)
        mend_modes(d->path);
    int code = sqlite3_open_v2(
        mode == DB_STILL ? uri : d->path, &d->sql,
        ways[mode] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_PRIVATECACHE, NULL);
    if (code != SQLITE_OK) {
        failed(d, code);
        return;
    }
    if (stat(d->path, &seen) == 0) {
        d->device = (uint64_t)seen.st_dev;
        d->inode = (uint64_t)seen.st_ino;
    }
    static const struct {
        int what, on;
    } settings[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    for (size_t i = 0; i < COUNT(settings); i++)
        (void)sqlite3_db_config(d->sql, settings[i].what, settings[i].on, NULL);
    sqlite3_busy_timeout(d->sql, BUSY_MS);
    for (const char *const *sql = d->kind->setup; *sql && !d->fault && mode != DB_STILL; sql++)
        run(d, *sql);
    d->read_only = sqlite3_db_readonly(d->sql, "main") == 1;
}

bool db_is_there(const struct db *d)
{
    struct stat seen;
    return stat(d->path, &seen) == 0 && (uint64_t)seen.st_ino == d->inode &&
           (uint64_t)seen.st_dev == d->device;
}

static void migrate(struct db *d, int64_t from)
{
    for (int64_t at = from; at < d->kind->version && !d->fault; at++) {
        if (!db_begin(d))
            return;
        for (const char *const *sql = d->kind->migrations[at]; *sql; sql++) {
            if (!run(d, *sql))
                break;
        }
        if (d->fault || !db_commit(d))
            db_rollback(d);
        else
            log_debug("store", "%s: brought to version %d", d->kind->name, (int)at + 1);
    }
}

/* The version stands in two places: a flipped bit must not look like a newer hearth. */
static void check_version(struct db *d)
{
    int64_t version = ask(d, "PRAGMA user_version"), mark = ask(d, "PRAGMA application_id");
    if (!d->fault && !version && !mark && !ask(d, "SELECT count(*) FROM sqlite_schema")) {
        if (d->read_only)
            set_fault(d, FAULT_WAIT, "it is read-only; make the file and its folder writable");
        migrate(d, 0);
        return;
    }
    if (!d->fault && (mark != OUR_MARK || ask(d, "SELECT schema FROM about") != version))
        set_fault(d, FAULT_CORRUPT, "it is damaged, or another program's");
    if (!d->fault && version > (int64_t)d->kind->version) {
        set_fault(d, FAULT_NEWER, "");
        snprintf(d->words, sizeof d->words,
                 "%s was written by a newer hearth (version %d; this one knows up to %u): start "
                 "that one, or move the file away",
                 d->kind->name, (int)version, d->kind->version);
    }
    if (!d->fault && !d->read_only)
        migrate(d, version);
}

static void check_whole(struct db *d)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(d->sql, "PRAGMA quick_check(1)", -1, &s, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(s);
    if (code != SQLITE_ROW)
        failed(d, code);
    else if (!slice_is(db_text(s, 0), SLICE("ok")))
        set_fault(d, FAULT_CORRUPT, "it is damaged");
    sqlite3_finalize(s);
}

static enum fault open_as(struct db *d, const struct db_kind *kind, const char *folder,
                          enum db_mode mode)
{
    *d = (struct db){.kind = kind};
    connect_to(d, folder, mode);
    if (!d->fault)
        check_version(d);
    if (!d->fault && kind->check_whole)
        check_whole(d);
    for (unsigned i = 0; i < kind->n_queries && !d->fault; i++)
        (void)db_get(d, i);
    if (d->fault)
        db_close(d);
    return d->fault;
}

enum fault db_open(struct db *d, const struct db_kind *kind, const char *folder, enum db_mode mode)
{
    assert(kind->n_queries <= MOST_QUERIES);
    enum fault fault = open_as(d, kind, folder, mode);
    if (d->unwritable && mode != DB_OLD) {
        char words[sizeof d->words];
        memcpy(words, d->words, sizeof words);
        fault = open_as(d, kind, folder, DB_STILL);
        if (fault == FAULT_WAIT)
            memcpy(d->words, words, sizeof words);
    }
    return fault;
}

/* After a fault nothing is written any more, so that a sync that failed is not tried again by the
 * closing and believed. */
void db_close(struct db *d)
{
    if (!d->sql)
        return;
    db_rollback(d);
    for (unsigned i = 0; i < MOST_QUERIES; i++) {
        sqlite3_finalize(d->prepared[i]);
        d->prepared[i] = NULL;
    }
    if (d->fault)
        (void)sqlite3_db_config(d->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(d->sql);
    d->sql = NULL;
}

/* ---- putting aside -------------------------------------------------------------------------- */

static bool move_beside(const char *path, const char *suffix, const char *to)
{
    char old[FOLDER_ROOM + 8], new[FOLDER_ROOM + 48];
    snprintf(old, sizeof old, "%s%s", path, suffix);
    snprintf(new, sizeof new, "%s%s", to, suffix);
    return rename(old, new) == 0 || errno == ENOENT;
}

/* The journals first: without them what is left is at worst an older file, while a new file must
 * never meet an old journal. */
bool db_put_aside(const char *folder, const char *name, uint64_t wall_ms)
{
    char path[FOLDER_ROOM], to[FOLDER_ROOM + 40];
    struct tm at;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (!path_of(folder, name, path) || !gmtime_r(&seconds, &at))
        return false;
    for (unsigned i = 0; i < 100; i++) {
        int n = snprintf(to, sizeof to, "%s.bad-%04d%02d%02d-%02d%02d%02d", path, at.tm_year + 1900,
                         at.tm_mon + 1, at.tm_mday, at.tm_hour, at.tm_min, at.tm_sec);
        if (i)
            snprintf(to + n, sizeof to - (size_t)n, "-%u", i);
        if (access(to, F_OK) == 0)
            continue;
        bool moved = move_beside(path, "-wal", to) && move_beside(path, "-shm", to) &&
                     move_beside(path, "", to);
        if (moved)
            log_error("store", "%s was damaged and put aside as %s; a new one was begun", name, to);
        return moved;
    }
    return false;
}
