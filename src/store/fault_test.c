/* fault_test: disks that are full, that fail, files that are locked, damaged or half made, and a
 * process that dies. What must not outlive its process runs in a child: nothing here trusts what a
 * store says of itself, all is read again from the files. HEARTH_SOAK=1 runs the long doses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "store/testing.h"

static void turn(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_ONCE);
}

static uint64_t wall_ms(void)
{
    return os_wall_ms();
}

static bool soak(void)
{
    const char *asked = getenv("HEARTH_SOAK");
    return asked && strcmp(asked, "1") == 0;
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* The exit code of what a child does; it leaves with _exit, so that nothing of ours runs twice. */
static int in_child(struct bench *b, void (*work)(struct bench *b))
{
    fflush(stdout);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGXFSZ, SIG_IGN);
        work(b);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        print_message("# a child died of signal %d\n", WTERMSIG(status));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void append(struct bench *b, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++)
        assert_true(bench_append(b, i));
}

static void up_again(struct bench *b)
{
    for (unsigned i = 0; i < 4000 && !bench_is_up(b); i++)
        os_sleep_ms(2);
    assert_true(bench_is_up(b));
}

/* Rows from 1 to n are there, each once, in one chain. */
static void assert_rows(struct bench *b, unsigned n)
{
    const struct ledger_ask all = {.view = LEDGER_ROWS, .most = 10000};
    assert_true(bench_verify(b));
    struct json_doc doc = bench_ask(b, &all);
    if (json_count(doc.root) != n)
        fail_msg("%zu rows, not %u", json_count(doc.root), n);
    for (unsigned i = 0; i < n; i++) {
        char id[40];
        snprintf(id, sizeof id, "hearth-1a2b3c4d-%u", n - i);
        struct slice said = json_text(json_get(json_at(doc.root, i), "id"));
        assert_true(slice_is(said, slice_of(id)));
    }
    json_done(&doc);
}

/* ---- locked --------------------------------------------------------------------------------- */

static sqlite3 *lock(const struct bench *b, const char *name)
{
    char path[256];
    sqlite3 *db = NULL;
    bench_path(b, name, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void a_lock_of_another_program_is_waited_out(void **state)
{
    struct bench *b = *state;
    uint64_t longest_us = 0, held_ms = soak() ? 60000 : 3000;
    bench_open(b);
    append(b, 1, 10);
    bench_written(b, 10);
    sqlite3 *audit = lock(b, "audit.db"), *keys = lock(b, "state.db");
    for (unsigned i = 11; i <= 2000; i++) {
        uint64_t before_us = os_mono_us();
        assert_true(bench_append(b, i));
        longest_us = max_u64(longest_us, os_mono_us() - before_us);
    }
    os_sleep_ms((unsigned)held_ms);
    struct store_health h = bench_health(b);
    assert_false(h.audit.up);
    assert_non_null(strstr(h.audit.words, "locked"));
    assert_int_equal(h.rows_waiting, 1990);
    assert_true(h.lag_ms >= held_ms / 2);
    struct key_row key = bench_key("k1aaaaaa", "one");
    assert_int_equal(bench_add(b, &key), ERR_STATE_DOWN);
    assert_non_null(strstr(b->write.why.text, "locked"));
    sqlite3_close(audit);
    sqlite3_close(keys);
    up_again(b);
    bench_written(b, 2000);
    assert_int_equal(bench_add(b, &key), OK);
    assert_rows(b, 2000);
    print_message("# the longest store_append: %llu us\n", (unsigned long long)longest_us);
    bench_close(b);
}

/* What gaps say, which may be one or some, between rows or behind them. */
static int64_t told_lost(struct bench *b)
{
    int64_t sum = 0;
    for (unsigned i = 0; i < 1000 && !sum; i++, os_sleep_ms(2)) {
        const struct ledger_ask gaps = {.view = LEDGER_ROWS, .outcome = SLICE("NO_AUDIT")};
        struct json_doc doc = bench_ask(b, &gaps);
        for (size_t k = 0; k < json_count(doc.root); k++) {
            int64_t lost = 0;
            const struct json_value *gap = json_at(doc.root, k);
            assert_true(slice_is(json_text(json_get(gap, "call")), SLICE("gap")));
            assert_true(json_int(json_get(gap, "lost"), &lost));
            sum += lost;
        }
        json_done(&doc);
    }
    return sum;
}

static void what_does_not_fit_is_told(void **state)
{
    struct bench *b = *state;
    bench_open(b);
    append(b, 1, 1);
    bench_written(b, 1);
    sqlite3 *audit = lock(b, "audit.db");
    unsigned kept = 0;
    for (unsigned i = 2; i <= 12001; i++)
        kept += bench_append(b, i);
    assert_int_equal(kept, 10000);
    assert_int_equal(bench_health(b).rows_lost, 2000);
    sqlite3_close(audit);
    bench_written(b, 10001);
    up_again(b);
    assert_int_equal(told_lost(b), 2000);
    assert_true(bench_verify(b));
    bench_close(b);
}

static void closing_does_not_wait_for_a_lock(void **state)
{
    struct bench *b = *state;
    bench_open(b);
    append(b, 1, 10);
    bench_written(b, 10);
    sqlite3 *audit = lock(b, "audit.db"), *keys = lock(b, "state.db");
    struct key_row key = bench_key("k1aaaaaa", "one");
    append(b, 11, 20);
    b->write = (struct store_write){.done = bench_done};
    b->done = false;
    store_key_add(b->store, &b->write, &key);
    uint64_t before_ms = os_mono_ms();
    bench_close(b);
    assert_true(b->done);
    assert_int_equal(b->write.why.code, ERR_STATE_DOWN);
    assert_true(os_mono_ms() - before_ms < 4000);
    sqlite3_close(audit);
    sqlite3_close(keys);
}

/* ---- full ----------------------------------------------------------------------------------- */

/* The files may not grow: write() fails with EFBIG, which SQLite tells as it tells a full disk. */
static void full_by_limit(struct bench *b)
{
    struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY}, was;
    bench_open(b);
    append(b, 1, 10);
    bench_written(b, 10);
    getrlimit(RLIMIT_FSIZE, &was);
    setrlimit(RLIMIT_FSIZE, &none);
    append(b, 11, 500);
    struct key_row key = bench_key("k1aaaaaa", "one");
    if (bench_add(b, &key) != ERR_STATE_DOWN)
        _exit(3);
    for (unsigned i = 0; i < 3000; i++) { /* it does not say now this, now that */
        struct store_health h = bench_health(b);
        if (h.state.up || h.audit.up || !h.state.words[0] || !h.audit.words[0])
            _exit(6);
        os_sleep_ms(1);
    }
    setrlimit(RLIMIT_FSIZE, &was);
    up_again(b);
    bench_written(b, 500);
    if (bench_add(b, &key) != OK)
        _exit(4);
    assert_rows(b, 500);
    bench_close(b);
}

static void a_file_that_may_not_grow(void **state)
{
    assert_int_equal(in_child(*state, full_by_limit), 0);
}

static void fill(struct bench *b, size_t keep)
{
    char path[256], zeros[4096] = "";
    bench_path(b, "ballast", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    off_t size = 0;
    for (ssize_t n; (n = write(fd, zeros, sizeof zeros)) > 0;)
        size += n;
    assert_int_equal(ftruncate(fd, size > (off_t)keep ? size - (off_t)keep : 0), 0);
    close(fd);
}

static void a_full_disk_is_waited_out(void **state)
{
    struct bench *b = *state;
    if (mount("tmpfs", b->folder, "tmpfs", 0, "size=3m,mode=700") != 0)
        skip(); /* needs root */
    bench_open(b);
    append(b, 1, 10);
    bench_written(b, 10);
    fill(b, 0);
    for (unsigned i = 11; i <= 3000; i++)
        assert_true(bench_append(b, i));
    for (unsigned i = 0; i < 2000 && bench_health(b).audit.up; i++)
        os_sleep_ms(2);
    struct store_health h = bench_health(b);
    bool said = !h.audit.up && strstr(h.audit.words, "full");
    char path[256];
    bench_path(b, "ballast", path);
    unlink(path);
    up_again(b);
    bench_written(b, 3000);
    assert_rows(b, 3000);
    bench_close(b);
    bench_empty(b);
    assert_int_equal(umount(b->folder), 0);
    assert_true(said);
}

static void a_folder_that_may_not_be_written(void **state)
{
    struct bench *b = *state;
    if (mount("tmpfs", b->folder, "tmpfs", 0, "size=9m,mode=700") != 0)
        skip(); /* needs root */
    bench_open(b);
    struct key_row key = bench_key("k1aaaaaa", "one");
    enum err added = bench_add(b, &key);
    append(b, 1, 10);
    bench_written(b, 10);
    bench_close(b);
    assert_int_equal(mount(NULL, b->folder, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    bench_open(b);
    const char *keys = bench_keys(b); /* what can be read is */
    bool listed = strcmp(keys, "k1aaaaaa one m s\n") == 0;
    const struct ledger_ask all = {.view = LEDGER_ROWS};
    struct json_doc doc = bench_ask(b, &all);
    bool shown = json_count(doc.root) == 10;
    json_done(&doc);
    struct store_health h = bench_health(b);
    key = bench_key("k2aaaaaa", "two");
    enum err refused = bench_add(b, &key);
    append(b, 11, 20);
    assert_int_equal(mount(NULL, b->folder, NULL, MS_REMOUNT, NULL), 0);
    up_again(b);
    bench_written(b, 10);
    enum err taken = bench_add(b, &key);
    assert_rows(b, 20);
    bench_close(b);
    bench_empty(b);
    assert_int_equal(umount(b->folder), 0);
    assert_true(listed && shown && !h.state.up && !h.audit.up);
    assert_int_equal(added, OK);
    assert_int_equal(refused, ERR_STATE_DOWN);
    assert_int_equal(taken, OK);
}

/* ---- damaged -------------------------------------------------------------------------------- */

static void use(struct bench *b)
{
    struct why why = {0};
    uint64_t before_ms = os_mono_ms();
    b->hold = (struct hold){.gone = bench_gone};
    if (bench_try_open(b, &why)) {
        print_message("# not opened: %s\n", why.text);
        _exit(why.code == ERR_CONFIG ? 9 : 8);
    }
    for (unsigned i = 0; i < 2000 && !bench_is_up(b); i++)
        os_sleep_ms(1);
    if (!bench_is_up(b) || os_mono_ms() - before_ms > 2000) {
        struct store_health h = bench_health(b);
        print_message("# after %llu ms: %s %s\n", (unsigned long long)(os_mono_ms() - before_ms),
                      h.state.words, h.audit.words);
        _exit(7);
    }
    struct text json = {0};
    const struct ledger_ask asks[] = {{.view = LEDGER_ROWS, .most = 1000},
                                      {.view = LEDGER_DAYS},
                                      {.view = LEDGER_ROW, .id = SLICE("hearth-1a2b3c4d-7")}};
    bool audit = b->spoilt < 2; /* the other file is as it was */
    assert_false(bench_has_bad(b, audit ? "state.db" : "audit.db"));
    if (audit)
        assert_string_equal(bench_keys(b), "k1aaaaaa one m s\n");
    for (unsigned i = 0; i < COUNT(asks); i++)
        (void)!store_ask(b->store, &asks[i], &json, &why);
    text_clear(&json);
    (void)!store_verify(b->store, NULL, &json, &why);
    for (unsigned i = 0; i < 2000 && !bench_is_up(b); i++)
        os_sleep_ms(1);
    append(b, 1001, 1020);
    bench_written(b, 20); /* or its assertion ends the child */
    bench_close(b);
}

static void die_open(struct bench *b)
{
    bench_open(b);
    struct key_row key = bench_key("k1aaaaaa", "one");
    assert_int_equal(bench_add(b, &key), OK);
    append(b, 1, 300);
    bench_written(b, 300);
    _exit(0);
}

static const char *const files[] = {"audit.db", "audit.db-wal", "state.db", "state.db-wal"};

static void spoil(struct text *t, uint32_t *seed)
{
    uint32_t how = next_random(seed) % 16;
    if (how == 0) {
        t->len = t->len ? next_random(seed) % t->len : 0;
    } else if (how == 1) {
        for (size_t i = 0; i < t->len; i++)
            t->ptr[i] = (char)next_random(seed);
    } else if (t->len) {
        for (uint32_t n = 1 + next_random(seed) % 64; n; n--)
            t->ptr[next_random(seed) % t->len] ^= (char)(1u << next_random(seed) % 8);
    }
}

/* With and without journals: `clean` templates were closed, others died. */
static void spoil_many(struct bench *b, bool clean, uint32_t rounds)
{
    struct text kept[COUNT(files)] = {0}, now = {0};
    uint32_t seed = clean ? 11 : 12;
    assert_int_equal(in_child(b, die_open), 0);
    if (clean) {
        bench_open(b);
        up_again(b);
        bench_close(b);
    }
    for (size_t i = 0; i < COUNT(files); i++)
        bench_read(b, files[i], &kept[i]);
    for (uint32_t round = 0; round < rounds; round++) {
        size_t which = next_random(&seed) % COUNT(files);
        if (!kept[which].len)
            which &= 2;
        bench_empty(b);
        for (size_t i = 0; i < COUNT(files); i++) {
            text_clear(&now);
            text_add(&now, text_slice(&kept[i]));
            if (i == which)
                spoil(&now, &seed);
            if (kept[i].len)
                bench_write(b, files[i], text_slice(&now));
        }
        b->spoilt = which;
        int code = in_child(b, use);
        if (code)
            fail_msg("round %u, %s: exit code %d", round, files[which], code);
    }
    for (size_t i = 0; i < COUNT(files); i++)
        text_fini(&kept[i]);
    text_fini(&now);
}

static void damaged_files_are_used_or_put_aside(void **state)
{
    spoil_many(*state, true, soak() ? 2500 : 150);
}

static void damaged_journals_too(void **state)
{
    spoil_many(*state, false, soak() ? 2500 : 150);
}

static void other_things_in_the_way(void **state)
{
    struct bench *b = *state;
    char path[256];
    bench_path(b, "audit.db", path);
    assert_int_equal(mkdir(path, 0700), 0);
    bench_open(b);
    os_sleep_ms(100);
    struct store_health h = bench_health(b);
    assert_true(h.state.up && !h.audit.up && h.audit.words[0]);
    append(b, 1, 5);
    assert_int_equal(rmdir(path), 0);
    up_again(b);
    bench_written(b, 5);
    bench_close(b);
    /* A link is not followed. */
    bench_empty(b);
    assert_int_equal(symlink("elsewhere", path), 0);
    bench_open(b);
    os_sleep_ms(100);
    assert_false(bench_health(b).audit.up);
    bench_close(b);
}

static void a_newer_file_is_refused_and_left_alone(void **state)
{
    struct bench *b = *state;
    struct why why = {0};
    struct text before = {0}, after = {0};
    bench_open(b);
    up_again(b);
    bench_close(b);
    bench_sql(b, "state.db", "UPDATE about SET schema = 7; PRAGMA user_version = 7");
    bench_read(b, "state.db", &before);
    b->hold = (struct hold){.gone = bench_gone};
    assert_int_equal(bench_try_open(b, &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "version 7"));
    assert_non_null(strstr(why.text, "up to 1"));
    loop_run(&b->loop);
    loop_close(&b->loop);
    bench_read(b, "state.db", &after);
    assert_true(slice_is(text_slice(&before), text_slice(&after)));
    bench_sql(b, "state.db", "UPDATE about SET schema = 1; PRAGMA user_version = 1");
    bench_sql(b, "audit.db", "UPDATE about SET schema = 7; PRAGMA user_version = 7");
    bench_open(b);
    append(b, 1, 5);
    for (unsigned i = 0; i < 1000 && bench_health(b).audit.up; i++)
        os_sleep_ms(2);
    assert_non_null(strstr(bench_health(b).audit.words, "version 7"));
    assert_int_equal(bench_health(b).rows_waiting, 5);
    bench_sql(b, "audit.db", "UPDATE about SET schema = 1; PRAGMA user_version = 1");
    up_again(b);
    bench_written(b, 5); /* as if the newer one had never been */
    assert_false(bench_has_bad(b, "audit.db"));
    bench_close(b);
    text_fini(&before);
    text_fini(&after);
}

static void files_are_for_their_owner_only(void **state)
{
    struct bench *b = *state;
    struct stat seen;
    bench_open(b);
    append(b, 1, 5);
    bench_written(b, 5);
    for (size_t i = 0; i < COUNT(files); i++) {
        char path[256];
        bench_path(b, files[i], path);
        assert_int_equal(stat(path, &seen), 0);
        assert_int_equal(seen.st_mode & 0777, 0600);
    }
    bench_close(b);
}

/* ---- a migration that is killed ------------------------------------------------------------- */

static _Atomic unsigned statements, die_at;

static int count(unsigned what, void *context, void *p, void *x)
{
    (void)what;
    (void)context;
    (void)p;
    (void)x;
    if (atomic_fetch_add(&statements, 1) + 1 == atomic_load(&die_at))
        _exit(66);
    return 0;
}

static int on_open(sqlite3 *db, char **words, const struct sqlite3_api_routines *api)
{
    (void)words;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, count, NULL);
}

static void open_counted(struct bench *b)
{
    sqlite3_auto_extension((void (*)(void))on_open);
    bench_open(b);
    up_again(b);
    _exit(0);
}

static void assert_old_or_new(struct bench *b, const char *name)
{
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    bench_path(b, name, path);
    if (access(path, F_OK) != 0)
        return;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT user_version, (SELECT count(*) FROM sqlite_schema)"
                                        " FROM pragma_user_version",
                                        -1, &q, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int version = sqlite3_column_int(q, 0), tables = sqlite3_column_int(q, 1);
    assert_true((version == 0 && tables == 0) || (version == 1 && tables > 5));
    sqlite3_finalize(q);
    sqlite3_close(db);
}

static void a_migration_is_whole_or_not_at_all(void **state)
{
    struct bench *b = *state;
    unsigned n = 1;
    for (int code = 66; code == 66; n++) {
        bench_empty(b);
        atomic_store(&die_at, n);
        code = in_child(b, open_counted);
        assert_true(code == 66 || code == 0);
        assert_old_or_new(b, "state.db");
        assert_old_or_new(b, "audit.db");
        bench_open(b);
        up_again(b);
        assert_false(bench_has_bad(b, "state.db") || bench_has_bad(b, "audit.db"));
        bench_close(b);
    }
    assert_true(n > 30);
}

/* ---- a process that dies -------------------------------------------------------------------- */

struct shared {
    _Atomic unsigned given; /* rows that store_append took */
};

static void write_for_ever(struct bench *b, struct shared *m, unsigned from)
{
    bench_open(b);
    for (unsigned i = from;; i++) {
        while (bench_health(b).rows_waiting > 300) /* a caller that is slower than the thread */
            os_sleep_ms(1);
        if (!bench_append(b, i))
            _exit(5);
        atomic_store(&m->given, i);
        if (i % 50 == 0)
            os_sleep_ms(1);
    }
}

static unsigned rows_of(struct bench *b)
{
    const struct ledger_ask last = {.view = LEDGER_ROWS, .most = 1};
    struct json_doc doc = bench_ask(b, &last);
    int64_t seq = 0;
    (void)json_int(json_get(json_at(doc.root, 0), "seq"), &seq);
    json_done(&doc);
    return (unsigned)seq;
}

static void no_row_is_lost_to_a_kill(void **state)
{
    struct bench *b = *state;
    struct shared *m =
        mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint32_t seed = 5, rounds = soak() ? 1000 : 30;
    uint64_t slowest_ms = 0;
    unsigned had = 0;
    assert_true(m != MAP_FAILED);
    for (uint32_t round = 0; round < rounds; round++) {
        pid_t pid = fork();
        if (pid == 0)
            write_for_ever(b, m, had + 1);
        os_sleep_ms(30 + next_random(&seed) % 200);
        unsigned safe = atomic_load(&m->given);
        os_sleep_ms(100);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        uint64_t before_ms = os_mono_ms();
        bench_open(b);
        up_again(b);
        slowest_ms = max_u64(slowest_ms, os_mono_ms() - before_ms);
        had = rows_of(b);
        if (had < safe)
            fail_msg("round %u: %u rows of %u", round, had, safe);
        assert_true(bench_verify(b));
        bench_close(b);
        bench_sql(b, "audit.db", "PRAGMA integrity_check");
    }
    print_message("# %u kills, %u rows, the slowest opening %llu ms\n", rounds, had,
                  (unsigned long long)slowest_ms);
    munmap(m, sizeof *m);
}

/* ---- a disk that fails ---------------------------------------------------------------------- */

/* Under strace, which makes syncs fail: every key that is said to be kept must be there. */
static int keep_keys(const char *folder)
{
    struct bench *b = mem_new(struct bench);
    unsigned kept = 0;
    if (!b || !crypt_start())
        return 2;
    snprintf(b->folder, sizeof b->folder, "%s", folder);
    b->most = 1u << 30;
    log_open(2, LOG_ERROR + 1);
    bench_open(b);
    for (unsigned i = 0; i < 6; i++) {
        char id[KEY_ID + 1];
        snprintf(id, sizeof id, "k%uaaaaaa", i);
        struct key_row key = bench_key(id, id);
        if (bench_add(b, &key) == OK)
            kept |= 1u << i;
        append(b, i * 100 + 1, i * 100 + 100);
    }
    bench_close(b);
    dprintf(1, "%u\n", kept);
    return 0;
}

/* Which keys were said to be kept; all bits: it did not run to its end. */
static unsigned kept_under(struct bench *b, const char *rule)
{
    int ends[2], status = 0;
    char said[16] = "", self[256] = "", how[128];
    snprintf(how, sizeof how, "inject=fdatasync,fsync:error=EIO:when=%s", rule);
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    assert_int_equal(pipe(ends), 0);
    char *const command[] = {
        "strace", "-f", "-qq", "-o",        "/dev/null", "-e", "trace=fdatasync,fsync",
        "-e",     how,  self,  "keep-keys", b->folder,   NULL};
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* which needs to trace, too */
        execvp(command[0], command);
        _exit(77);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    waitpid(pid, &status, 0);
    uint64_t kept = 0;
    struct slice digits = {said, n > 0 ? (size_t)n - 1 : 0};
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && slice_u64(digits, &kept)
               ? (unsigned)kept
               : UINT_MAX;
}

static void a_sync_that_fails_is_never_believed(void **state)
{
    static const char *const rules[] = {"1", "2", "3",  "4",    "5",   "6",
                                        "7", "9", "12", "1..9", "3+2", "1+"};
    struct bench *b = *state;
    if (kept_under(b, "60000") == UINT_MAX) {
        print_message("# strace is not there, or may not trace\n");
        skip();
    }
    for (size_t i = 0; i < COUNT(rules); i++) {
        bench_empty(b);
        unsigned kept = kept_under(b, rules[i]);
        assert_int_not_equal(kept, UINT_MAX);
        bench_open(b);
        up_again(b);
        (void)bench_keys(b);
        for (unsigned k = 0; k < 6; k++) {
            char id[KEY_ID + 1];
            snprintf(id, sizeof id, "k%uaaaaaa", k);
            if ((kept >> k & 1) && !bench_says(b, id))
                fail_msg("fsync %s: key %u was said to be kept", rules[i], k);
        }
        assert_true(bench_verify(b));
        bench_close(b);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "keep-keys") == 0)
        return keep_keys(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_lock_of_another_program_is_waited_out, bench_begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_told, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(closing_does_not_wait_for_a_lock, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_file_that_may_not_grow, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_waited_out, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_folder_that_may_not_be_written, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_sync_that_fails_is_never_believed, bench_begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(damaged_files_are_used_or_put_aside, bench_begin_fast,
                                        bench_end),
        cmocka_unit_test_setup_teardown(damaged_journals_too, bench_begin_fast, bench_end),
        cmocka_unit_test_setup_teardown(other_things_in_the_way, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_newer_file_is_refused_and_left_alone, bench_begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(files_are_for_their_owner_only, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_migration_is_whole_or_not_at_all, bench_begin_fast,
                                        bench_end),
        cmocka_unit_test_setup_teardown(no_row_is_lost_to_a_kill, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
