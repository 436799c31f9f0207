/* testing: a store in a folder of its own, for the tests of this room: opened and closed as the
 * daemon does it, with a loop and a clock that a test may set. All of it is inline: tests link the
 * room and nothing else. */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/inside.h"

/* Each test's own file has these: only tests may name libuv or keep a clock. */
static void turn(struct loop *l);
static uint64_t wall_ms(void);

struct bench {
    char folder[64];
    struct loop loop;
    struct hold hold;
    struct store *store;
    struct store_write write;
    struct text text, scratch;
    uint64_t most, step_ms; /* between two rows; 0: 1 */
    size_t spoilt;          /* which file was damaged */
    bool done;
};

static inline int bench_begin_in(void **state, const char *tmp)
{
    struct bench *b = mem_new(struct bench);
    assert_non_null(b);
    log_open(2, getenv("STORE_LOG") ? LOG_DEBUG : LOG_ERROR + 1);
    snprintf(b->folder, sizeof b->folder, "%.40s/store-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(b->folder));
    assert_true(crypt_start());
    umask(077);
    b->most = 1ull << 30;
    *state = b;
    return 0;
}

static inline int bench_begin(void **state)
{
    return bench_begin_in(state, getenv("TMPDIR"));
}

/* In memory, where there is such a folder: for what opens files hundreds of times. */
static inline int bench_begin_fast(void **state)
{
    return bench_begin_in(state, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR"));
}

static inline void bench_empty(struct bench *b)
{
    DIR *folder = opendir(b->folder);
    for (struct dirent *one; folder && (one = readdir(folder));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", b->folder, one->d_name);
        (void)unlink(path);
    }
    if (folder)
        closedir(folder);
}

static inline int bench_end(void **state)
{
    struct bench *b = *state;
    bench_empty(b);
    rmdir(b->folder);
    text_fini(&b->text);
    text_fini(&b->scratch);
    mem_free(b);
    return 0;
}

static inline enum err bench_try_open(struct bench *b, struct why *why)
{
    static const char *const states[] = {"GATING", "READING", "DONE"};
    static const unsigned char key[HASH_BYTES] = "a key for tests";
    assert_int_equal(loop_open(&b->loop, why), OK);
    const struct store_terms terms = {.loop = &b->loop,
                                      .hold = &b->hold,
                                      .folder = b->folder,
                                      .chain_key = key,
                                      .audit_most = b->most,
                                      .wall_ms = wall_ms,
                                      .states = states,
                                      .states_n = COUNT(states)};
    return store_open(&terms, &b->store, why);
}

static inline void bench_gone(struct hold *h)
{
    owner_of(h, struct bench, hold)->store = NULL;
}

static inline void bench_open(struct bench *b)
{
    struct why why;
    b->hold = (struct hold){.gone = bench_gone};
    assert_int_equal(bench_try_open(b, &why), OK);
}

static inline void bench_close(struct bench *b)
{
    store_close(b->store);
    loop_run(&b->loop);
    assert_null(b->store);
    loop_close(&b->loop);
}

static inline void bench_done(struct store_write *w)
{
    owner_of(w, struct bench, write)->done = true;
}

/* Lets the loop turn until the write is done. */
static inline enum err bench_wait(struct bench *b)
{
    while (!b->done)
        turn(&b->loop);
    return b->write.why.code;
}

static inline enum err bench_add(struct bench *b, const struct key_row *key)
{
    b->write = (struct store_write){.done = bench_done};
    b->done = false;
    store_key_add(b->store, &b->write, key);
    return bench_wait(b);
}

static inline enum err bench_revoke(struct bench *b, const char *id, int64_t owner)
{
    b->write = (struct store_write){.done = bench_done};
    b->done = false;
    store_key_revoke(b->store, &b->write, id, owner);
    return bench_wait(b);
}

static inline struct key_row bench_key(const char *id, const char *name)
{
    struct key_row key = {.owner = OWNER,
                          .name = slice_of(name),
                          .models = SLICE("m"),
                          .surfaces = SLICE("s"),
                          .created_ms = 1 + (uint64_t)id[1]};
    snprintf(key.id, sizeof key.id, "%s", id);
    return key;
}

static inline void bench_key_line(void *context, const struct key_row *row)
{
    struct bench *b = context;
    text_format(&b->text, "%s %.*s%s %.*s %.*s\n", row->id, SLICE_ARG(row->name),
                row->revoked_ms ? " revoked" : "", SLICE_ARG(row->models),
                SLICE_ARG(row->surfaces));
}

static inline const char *bench_keys(struct bench *b)
{
    struct why why;
    text_clear(&b->text);
    assert_int_equal(store_keys(b->store, bench_key_line, b, &why), OK);
    return text_cstr(&b->text);
}

static inline bool bench_append(struct bench *b, unsigned i)
{
    unsigned char hash[HASH_BYTES] = {1, 2, 3, (unsigned char)i};
    const struct ledger_try one = {
        .target = SLICE("far/qwen3"), .outcome = SLICE("OK"), .took_us = i};
    const struct ledger_row row = {.instance = SLICE("hearth-1a2b3c4d"),
                                   .number = i,
                                   .principal = OWNER,
                                   .who = SLICE("owner"),
                                   .call = SLICE("chat"),
                                   .dialect = SLICE("openai"),
                                   .model = SLICE("code"),
                                   .served = SLICE("qwen3"),
                                   .target = SLICE("far/qwen3"),
                                   .outcome = SLICE("OK"),
                                   .status = 200,
                                   .began_ms = 1700000000000ull + i * (b->step_ms ? b->step_ms : 1),
                                   .total_us = 2000 + i,
                                   .spent_us = {0, i, 5},
                                   .prompt_tokens = 10,
                                   .completion_tokens = -1,
                                   .bytes_in = 1000,
                                   .bytes_out = 2000,
                                   .prompt = hash,
                                   .answer = hash,
                                   .tries = &one,
                                   .n_tries = 1};
    return store_append(b->store, &row);
}

static inline struct store_health bench_health(struct bench *b)
{
    struct store_health h;
    store_health(b->store, &h);
    return h;
}

static inline void bench_path(const struct bench *b, const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", b->folder, name);
}

/* As another program: on a connection of its own. */
static inline void bench_sql(const struct bench *b, const char *name, const char *sql)
{
    char path[256];
    sqlite3 *db = NULL;
    bench_path(b, name, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK)
        print_message("# %s: %s\n", sql, sqlite3_errmsg(db));
    assert_int_equal(code, SQLITE_OK);
    sqlite3_close(db);
}

static inline bool bench_is_up(struct bench *b)
{
    struct store_health h;
    store_health(b->store, &h);
    return h.state.up && h.audit.up && h.audit_bytes; /* it has been opened */
}

/* Of what verify says: is all well? Its text is in b->text. */
static inline bool bench_verify(struct bench *b)
{
    struct why why = {0};
    struct json_doc doc;
    for (unsigned i = 0; i < 1000 && !bench_is_up(b); i++)
        os_sleep_ms(2);
    text_clear(&b->text);
    enum err e = store_verify(b->store, NULL, &b->text, &why);
    if (e)
        print_message("# %s\n", why.text);
    assert_int_equal(e, OK);
    assert_int_equal(json_read(text_slice(&b->text), &json_usual_limits, NULL, &doc, &why), OK);
    bool ok = json_is_true(json_get(doc.root, "ok"));
    json_done(&doc);
    return ok;
}

static inline bool bench_says(struct bench *b, const char *words)
{
    return strstr(text_cstr(&b->text), words) != NULL;
}

static inline void bench_read(const struct bench *b, const char *name, struct text *into)
{
    char path[256];
    bench_path(b, name, path);
    FILE *f = fopen(path, "rb");
    text_clear(into);
    for (size_t n = 1; f && n;) {
        char *to = text_room(into, 65536);
        assert_non_null(to);
        n = fread(to, 1, 65536, f);
        into->len += n;
    }
    if (f)
        fclose(f);
}

static inline void bench_write(const struct bench *b, const char *name, struct slice bytes)
{
    char path[256];
    bench_path(b, name, path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    fclose(f);
}

static inline bool bench_has_bad(const struct bench *b, const char *name)
{
    DIR *folder = opendir(b->folder);
    bool found = false;
    for (struct dirent *one; folder && (one = readdir(folder));)
        found |= strncmp(one->d_name, name, strlen(name)) == 0 && strstr(one->d_name, ".bad-");
    closedir(folder);
    return found;
}

/* Waits until so many rows have been written since the opening. */
static inline void bench_written(struct bench *b, uint64_t rows)
{
    for (unsigned i = 0; i < 10000 && bench_health(b).rows_written < rows; i++)
        os_sleep_ms(2);
    assert_int_equal(bench_health(b).rows_written, rows);
}

/* The answer as JSON; its text is in b->text. */
static inline struct json_doc bench_ask(struct bench *b, const struct ledger_ask *ask)
{
    struct why why = {0};
    struct json_doc doc;
    text_clear(&b->text);
    enum err e = store_ask(b->store, ask, &b->text, &why);
    for (unsigned i = 0; i < 500 && e == ERR_NO_AUDIT; i++) { /* it is being opened */
        os_sleep_ms(2);
        text_clear(&b->text);
        e = store_ask(b->store, ask, &b->text, &why);
    }
    if (e)
        print_message("# %s\n", why.text);
    assert_int_equal(e, OK);
    assert_int_equal(json_read(text_slice(&b->text), &json_usual_limits, NULL, &doc, &why), OK);
    return doc;
}
