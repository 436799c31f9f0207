/* ledger_test: the chain. What it is made of is written down here byte for byte; whatever is
 * changed in the file by hand is found; what the store itself drops or puts aside is no alarm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/testing.h"

#define DAY_MS 86400000ull

static uint64_t now_ms;
static bool no_memory;
void *__real_mem_alloc(size_t bytes);
void *__real_mem_grow(void *block, size_t bytes);
void *__wrap_mem_alloc(size_t bytes);
void *__wrap_mem_grow(void *block, size_t bytes);

void *__wrap_mem_alloc(size_t bytes)
{
    return no_memory ? NULL : __real_mem_alloc(bytes);
}

void *__wrap_mem_grow(void *block, size_t bytes)
{
    return no_memory ? NULL : __real_mem_grow(block, bytes);
}

static void turn(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_ONCE);
}

static uint64_t wall_ms(void)
{
    return now_ms ? now_ms : os_wall_ms();
}

static void append(struct bench *b, unsigned from, unsigned to)
{
    uint64_t had = bench_health(b).rows_written;
    for (unsigned i = from; i <= to; i++) {
        while (bench_health(b).rows_waiting > 5000)
            os_sleep_ms(1);
        assert_true(bench_append(b, i));
    }
    bench_written(b, had + to - from + 1);
}

/* A folder with 20 rows and nobody in it. */
static void make_rows(struct bench *b)
{
    now_ms = 0;
    bench_open(b);
    append(b, 1, 20);
    assert_true(bench_verify(b));
    bench_close(b);
}

/* ---- what it is made of --------------------------------------------------------------------- */

static void assert_hex(struct slice bytes, const char *expected)
{
    struct text hex = {0};
    crypt_hex(bytes, &hex);
    assert_string_equal(text_cstr(&hex), expected);
    text_fini(&hex);
}

static void the_canonical_form_is_version_1(void **state)
{
    struct text form = {0};
    const struct cell cells[] = {
        {.kind = CELL_NULL}, cell_int(0),           cell_int(1),          cell_int(-1),
        cell_int(127),       cell_int(128),         cell_int(-129),       cell_int(INT64_MAX),
        cell_int(INT64_MIN), cell_text(SLICE("a")), cell_text(SLICE("")), cell_blob("\0\1", 2),
    };
    (void)state;
    chain_add(&form, cells, COUNT(cells));
    assert_hex(text_slice(&form), "2d"
                                  "30"
                                  "3101"
                                  "31ff"
                                  "317f"
                                  "328000"
                                  "327fff"
                                  "38ffffffffffffff7f"
                                  "380000000000000080"
                                  "740100000061"
                                  "7400000000"
                                  "62020000000001");
    const struct segment at = {.file = "0123456789abcde", .number = 3};
    unsigned char key[HASH_BYTES] = "key", before[HASH_BYTES] = "before", mac[HASH_BYTES];
    chain_row(key, &at, 258, before, text_slice(&form), mac);
    assert_hex((struct slice){(char *)mac, HASH_BYTES},
               "e397b0c36806cee55377f992cc7270f443d526e6a14ae9a4c328d83aaec2963b");
    chain_first(key, at.file, mac);
    assert_hex((struct slice){(char *)mac, HASH_BYTES},
               "585be536563a709138ef4c52e941eb9460091b81313241dfc9e6ddcad3e9b66c");
    chain_word(key, at.file, 7, SLICE("qwen3"), mac);
    assert_hex((struct slice){(char *)mac, HASH_BYTES},
               "b7b62aa713bed2bd527ede3d98251da95fa3e2f8e403b73a95798c1e5ec37397");
    chain_segment(key, &at, mac);
    assert_hex((struct slice){(char *)mac, HASH_BYTES},
               "14241f744c01e420c44ca67c36e075da20f2532c75e8d83445ea7306963c4961");
    text_fini(&form);
}

/* A key row whose proof somebody wrote as zeros fits at no time, also when there is no memory. */
static void proofs_need_no_memory(void **state)
{
    struct key_row row = bench_key("k1aaaaaa", "one");
    const struct segment at = {.file = "0123456789abcde", .number = 3};
    unsigned char key[HASH_BYTES] = "key", mac[2][HASH_BYTES], again[2][HASH_BYTES];
    (void)state;
    chain_key_row(key, &row, mac[0]);
    chain_segment(key, &at, mac[1]);
    no_memory = true;
    chain_key_row(key, &row, again[0]);
    chain_segment(key, &at, again[1]);
    no_memory = false;
    assert_memory_equal(mac, again, sizeof mac);
}

/* ---- what is changed by hand ---------------------------------------------------------------- */

struct kept {
    struct text audit, state;
};

static void keep(struct bench *b, struct kept *k)
{
    bench_read(b, "audit.db", &k->audit);
    bench_read(b, "state.db", &k->state);
}

static void bring_back(struct bench *b, struct kept *k)
{
    bench_empty(b);
    bench_write(b, "audit.db", text_slice(&k->audit));
    bench_write(b, "state.db", text_slice(&k->state));
}

/* With this change verify says these words; without it again, nothing. */
static void finds(struct bench *b, struct kept *k, const char *name, const char *sql,
                  const char *words)
{
    bench_sql(b, name, sql);
    bench_open(b);
    if (bench_verify(b) || !bench_says(b, words))
        fail_msg("%s: %s", sql, text_cstr(&b->text));
    bench_close(b);
    bring_back(b, k);
}

static void each_changed_cell_is_found(void **state)
{
    static const char *const columns[] = {"chain_version",
                                          "instance",
                                          "number",
                                          "principal",
                                          "who",
                                          "call",
                                          "dialect",
                                          "parent",
                                          "run",
                                          "model",
                                          "served",
                                          "target",
                                          "outcome",
                                          "status",
                                          "streamed",
                                          "began_ms",
                                          "total_us",
                                          "first_us",
                                          "upstream_us",
                                          "states",
                                          "spent_us",
                                          "prompt_tokens",
                                          "completion_tokens",
                                          "bytes_in",
                                          "bytes_out",
                                          "prompt_sha256",
                                          "answer_sha256",
                                          "mac"};
    static const char *const try_columns[] = {"target", "outcome", "took_us", "reason"};
    static const char *const change =
        "CASE typeof(%s) WHEN 'integer' THEN %s + 1 WHEN 'text' THEN %s || 'x'"
        " WHEN 'blob' THEN zeroblob(length(%s)) ELSE %s END";
    struct bench *b = *state;
    struct kept k = {0};
    make_rows(b);
    keep(b, &k);
    for (size_t i = 0; i < COUNT(columns) + COUNT(try_columns); i++) {
        bool is_try = i >= COUNT(columns);
        const char *c = is_try ? try_columns[i - COUNT(columns)] : columns[i];
        bool any = strcmp(c, "parent") == 0 || strcmp(c, "run") == 0 || strcmp(c, "reason") == 0;
        char value[256], sql[512];
        snprintf(value, sizeof value, change, c, c, c, c, any ? "'x'" : "5");
        snprintf(sql, sizeof sql, "UPDATE %s SET %s = %s WHERE %s = %d", is_try ? "try" : "request",
                 c, value, is_try ? "id" : "seq", is_try ? 7 * 16 : 7);
        finds(b, &k, "audit.db", sql, "\"seq\":7,");
    }
    text_fini(&k.audit);
    text_fini(&k.state);
}

static void whatever_is_done_to_rows_is_found(void **state)
{
    struct bench *b = *state;
    struct kept k = {0};
    make_rows(b);
    keep(b, &k);
    static const struct {
        const char *name, *sql, *words;
    } cases[] = {
        {"audit.db", "DELETE FROM request WHERE seq = 9", "rows from this one on are missing"},
        {"audit.db", "DELETE FROM request WHERE seq = 1", "rows from this one on are missing"},
        {"audit.db", "DELETE FROM request WHERE seq > 18", "to the segment's end are missing"},
        {"audit.db", "DELETE FROM request", "all rows of this segment are missing"},
        {"audit.db",
         "UPDATE request SET seq = -1 WHERE seq = 5;"
         "UPDATE request SET seq = 5 WHERE seq = 6;"
         "UPDATE request SET seq = 6 WHERE seq = -1",
         "this row was changed"},
        {"audit.db", "UPDATE request SET seq = seq + 1 WHERE seq = 20", "are missing"},
        {"audit.db", "DELETE FROM try WHERE id = 32", "\"seq\":2,"},
        {"audit.db",
         "INSERT INTO try SELECT 33, target, outcome, took_us, reason FROM try"
         " WHERE id = 32",
         "\"seq\":2,"},
        {"audit.db",
         "INSERT INTO try SELECT 1600, target, outcome, took_us, reason FROM try"
         " WHERE id = 32",
         "a try whose row is not there"},
        {"audit.db", "UPDATE try SET id = 34 WHERE id = 32", "\"seq\":2,"},
        {"audit.db", "UPDATE word SET text = text || 'x' WHERE id = 3", "a word that rows name"},
        {"audit.db", "DELETE FROM word WHERE id = 3", "names a word that is not there"},
        {"audit.db", "UPDATE segment SET rows = 3", "audit.db says of this segment was changed"},
        {"audit.db", "UPDATE segment SET status = 2", "says of this segment was changed"},
        {"state.db", "UPDATE segment SET last_seq = 3", "state.db says of this segment was"},
        {"state.db", "UPDATE segment SET status = 2", "state.db says of this segment was"},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        finds(b, &k, cases[i].name, cases[i].sql, cases[i].words);
    /* An audit.db that is gone is found too: state.db remembers it. */
    char path[256];
    bench_path(b, "audit.db", path);
    assert_int_equal(unlink(path), 0);
    bench_open(b);
    assert_false(bench_verify(b));
    assert_true(bench_says(b, "another audit.db"));
    bench_close(b);
    text_fini(&k.audit);
    text_fini(&k.state);
}

static void an_older_copy_is_found(void **state)
{
    struct bench *b = *state;
    struct kept k = {0};
    make_rows(b);
    keep(b, &k);
    bench_open(b);
    append(b, 21, 40);
    bench_close(b);
    bench_write(b, "audit.db", text_slice(&k.audit));
    bench_open(b);
    assert_false(bench_verify(b));
    assert_true(bench_says(b, "to the segment's end are missing"));
    append(b, 41, 70); /* others in their place */
    assert_false(bench_verify(b));
    assert_true(bench_says(b, "not the one that state.db was told of"));
    bench_close(b);
    text_fini(&k.audit);
    text_fini(&k.state);
}

/* ---- what the store does itself ------------------------------------------------------------- */

static void days_are_segments_and_clocks_may_jump(void **state)
{
    struct bench *b = *state;
    now_ms = 1700000000000ull;
    bench_open(b);
    append(b, 1, 10);
    now_ms += DAY_MS;
    append(b, 11, 20);
    now_ms -= 2 * DAY_MS; /* back: the segment goes on */
    append(b, 21, 30);
    now_ms += 30 * 365 * DAY_MS;
    append(b, 31, 40);
    assert_true(bench_verify(b));
    assert_true(bench_says(b, "\"rows\":40,\"segments\":3,\"dropped\":0"));
    bench_close(b);
    now_ms -= 30 * 365 * DAY_MS;
    bench_open(b);
    append(b, 41, 50);
    assert_true(bench_verify(b));
    const struct ledger_ask all = {.view = LEDGER_ROWS, .most = 100};
    struct json_doc doc = bench_ask(b, &all);
    assert_int_equal(json_count(doc.root), 50);
    for (unsigned i = 0; i < 50; i++) {
        int64_t seq = 0;
        assert_true(json_int(json_get(json_at(doc.root, i), "seq"), &seq));
        assert_int_equal(seq, 50 - i);
    }
    json_done(&doc);
    bench_close(b);
    now_ms = 0;
}

static void the_oldest_go_and_that_is_no_alarm(void **state)
{
    struct bench *b = *state;
    struct kept k = {0};
    now_ms = 0;
    b->most = 2u << 20;
    bench_open(b);
    for (unsigned i = 1; i < 30000; i += 1000) /* three times what may stay */
        append(b, i, i + 999);
    for (unsigned i = 0; i < 3000 && bench_health(b).audit_bytes > b->most * 3 / 2; i++)
        os_sleep_ms(10);
    os_sleep_ms(100);
    if (!bench_verify(b) || bench_says(b, "\"dropped\":0"))
        fail_msg("%s", text_cstr(&b->text));
    assert_true(bench_health(b).audit_bytes < b->most * 3 / 2);
    const struct ledger_ask days = {.view = LEDGER_DAYS};
    struct json_doc doc = bench_ask(b, &days); /* the sums stay */
    int64_t n = 0;
    assert_true(json_int(json_get(json_at(doc.root, 0), "requests"), &n));
    assert_int_equal(n, 30000);
    json_done(&doc);
    bench_close(b);
    b->most = 1u << 30; /* nothing more goes by itself */
    keep(b, &k);
    finds(b, &k, "audit.db",
          "DELETE FROM request WHERE seq BETWEEN (SELECT first_seq FROM segment WHERE status = 1"
          " LIMIT 1 OFFSET 1) AND (SELECT last_seq FROM segment WHERE status = 1 LIMIT 1 OFFSET 1)",
          "all rows of this segment are missing");
    finds(b, &k, "audit.db", "DELETE FROM segment WHERE status = 1", "\"ok\":false");
    bench_open(b);
    assert_true(bench_verify(b));
    bench_close(b);
    text_fini(&k.audit);
    text_fini(&k.state);
}

static void a_file_put_aside_is_no_alarm(void **state)
{
    struct bench *b = *state;
    struct text before = {0};
    make_rows(b);
    bench_open(b);
    struct key_row key = bench_key("k1aaaaaa", "one");
    assert_int_equal(bench_add(b, &key), OK);
    bench_close(b);
    bench_write(b, "audit.db", SLICE("this is no database, whatever its name says"));
    bench_open(b);
    append(b, 1, 5);
    assert_true(bench_health(b).audit.put_aside);
    assert_false(bench_health(b).state.put_aside);
    assert_true(bench_has_bad(b, "audit.db") && !bench_has_bad(b, "state.db"));
    assert_string_equal(bench_keys(b), "k1aaaaaa one m s\n");
    for (unsigned i = 0; i < 100 && (!bench_verify(b) || bench_says(b, "\"put_aside\":0")); i++)
        os_sleep_ms(10); /* until state.db was told */
    assert_true(bench_verify(b));
    assert_true(bench_says(b, "\"put_aside\":1"));
    assert_true(bench_says(b, "\"file_put_aside\":true"));
    bench_close(b);
    text_fini(&before);
}

static void the_oldest_segments_are_missed(void **state)
{
    static const char cut[] = "DELETE FROM segment WHERE number <= 2";
    struct bench *b = *state;
    struct kept k = {0};
    now_ms = 1700000000000ull;
    bench_open(b);
    for (unsigned i = 0; i < 4; i++, now_ms += DAY_MS)
        append(b, 10 * i + 1, 10 * i + 10);
    assert_true(bench_verify(b));
    bench_close(b);
    keep(b, &k);
    bench_sql(b, "state.db", cut);
    bench_sql(b, "audit.db", "DELETE FROM request WHERE seq <= 20");
    bench_sql(b, "audit.db", "DELETE FROM try WHERE id < 21 * 16");
    finds(b, &k, "audit.db", cut, "the segments up to this one are not there");
    bench_sql(b, "state.db", "DELETE FROM segment");
    finds(b, &k, "audit.db", "DELETE FROM segment", "no segments");
    text_fini(&k.audit);
    text_fini(&k.state);
    now_ms = 0;
}

static void who_did_not_see_the_rows_says_so(void **state)
{
    struct bench *b = *state;
    now_ms = 0;
    bench_open(b);
    append(b, 1, 5);
    assert_true(bench_verify(b));
    assert_true(bench_says(b, "\"anchored\":false,\"file_put_aside\":false"));
    bench_close(b);
    bench_open(b);
    assert_true(bench_verify(b));
    assert_true(bench_says(b, "\"anchored\":true,\"file_put_aside\":false"));
    bench_close(b);
}

/* ---- what was refused ----------------------------------------------------------------------- */

/* How many counts there are, when so many refusals are in them. */
static size_t counts_of(struct bench *b, int64_t refused)
{
    const struct ledger_ask all = {.view = LEDGER_REFUSED, .most = 10000};
    for (unsigned i = 0; i < 1000; i++) {
        struct json_doc doc = bench_ask(b, &all);
        size_t n = json_count(doc.root);
        int64_t sum = 0, one = 0;
        for (size_t at = 0; at < n; at++)
            sum += json_int(json_get(json_at(doc.root, at), "requests"), &one) ? one : 0;
        json_done(&doc);
        if (sum == refused)
            return n;
        os_sleep_ms(5);
    }
    fail_msg("%s", text_cstr(&b->text));
    return 0;
}

static void made_up_sources_fill_no_file(void **state)
{
    struct bench *b = *state;
    now_ms = 1700000000000ull;
    bench_open(b);
    for (unsigned minute = 1; minute <= 2; minute++, now_ms += 60000) {
        for (unsigned i = 0; i < 400; i++) { /* in many batches */
            char source[32];
            snprintf(source, sizeof source, "10.0.%u.%u", i / 250, i % 250);
            store_refused(b->store, slice_of(source), SLICE("key"));
            store_refused(b->store, slice_of(source), SLICE("key"));
            if (i % 40 == 39)
                (void)counts_of(b, 800 * (minute - 1) + 2 * (i + 1));
        }
        assert_int_equal(counts_of(b, 800 * minute), 64 * minute);
    }
    bench_close(b);
    now_ms = 0;
}

static int64_t number_in(const struct bench *b, const char *sql)
{
    char path[256];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    bench_path(b, "audit.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return n;
}

/* In a file of 4 MiB 4096 counts and their oldest minute stay; the rest goes bit by bit. */
static void old_counts_go_a_part_at_a_time(void **state)
{
    struct bench *b = *state;
    make_rows(b);
    bench_sql(b, "audit.db",
              "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
              " i < 7000) INSERT INTO refused SELECT i, 's', 'r', 1 FROM n");
    b->most = 4u << 20;
    for (int64_t left = 5000; left; left = left > 4097 ? 4097 : 0) {
        int64_t n = 7000;
        bench_open(b);
        for (unsigned i = 0; i < 1000 && n > left; i++) {
            os_sleep_ms(5);
            n = number_in(b, "SELECT count(*) FROM refused");
        }
        assert_int_equal(n, left);
        bench_close(b);
    }
    assert_int_equal(number_in(b, "SELECT min(minute) FROM refused"), 7000 - 4097 + 1);
    assert_int_equal(number_in(b, "SELECT count(*) FROM request"), 20);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static void a_key_changed_by_hand_is_not_used(void **state)
{
    static const char *const changes[] = {
        "UPDATE key SET models = '*'", "UPDATE key SET revoked_ms = 0",
        "UPDATE key SET principal = 1", "UPDATE key SET hash = zeroblob(32)",
        "UPDATE key SET id = 'k9aaaaaa'"};
    struct bench *b = *state;
    struct kept k = {0};
    make_rows(b);
    bench_open(b);
    struct key_row key = bench_key("k1aaaaaa", "one");
    key.hash[0] = 1;
    assert_int_equal(bench_add(b, &key), OK);
    assert_int_equal(bench_revoke(b, "k1aaaaaa", OWNER), OK);
    bench_close(b);
    keep(b, &k);
    for (size_t i = 0; i < COUNT(changes); i++) {
        bench_sql(b, "state.db", changes[i]);
        bench_open(b);
        assert_string_equal(bench_keys(b), "");
        bench_close(b);
        bring_back(b, &k);
    }
    bench_open(b);
    assert_string_equal(bench_keys(b), "k1aaaaaa one revoked m s\n");
    bench_close(b);
    text_fini(&k.audit);
    text_fini(&k.state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_canonical_form_is_version_1, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(each_changed_cell_is_found, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(whatever_is_done_to_rows_is_found, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(an_older_copy_is_found, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(days_are_segments_and_clocks_may_jump, bench_begin,
                                        bench_end),
        cmocka_unit_test_setup_teardown(the_oldest_go_and_that_is_no_alarm, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_file_put_aside_is_no_alarm, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(a_key_changed_by_hand_is_not_used, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(the_oldest_segments_are_missed, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(who_did_not_see_the_rows_says_so, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(made_up_sources_fill_no_file, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(old_counts_go_a_part_at_a_time, bench_begin, bench_end),
        cmocka_unit_test_setup_teardown(proofs_need_no_memory, bench_begin, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
