/* copy_test: copies made while others write, and what is no copy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>

#include "os/os.h"
#include "store/testing.h"

#define ROWS 3000u

static void turn(struct loop *l)
{
    uv_run(&l->uv, UV_RUN_ONCE);
}

static uint64_t wall_ms(void)
{
    return os_wall_ms();
}

struct copies {
    struct bench *b;
    char to[80];
    atomic_bool over;
    enum err failed;
    unsigned made;
};

static void empty_target(const struct copies *c)
{
    char path[128];
    for (unsigned i = 0; i < STORE_FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", c->to, store_file(i));
        (void)unlink(path);
    }
}

static enum err copy_both(struct copies *c, struct why *why)
{
    enum err e = OK;
    empty_target(c);
    for (unsigned i = 0; i < STORE_FILES && !e; i++) {
        const struct store_copy one = {.file = i, .folder = c->b->folder, .to = c->to};
        e = store_copy(&one, why);
    }
    return e;
}

static void *keep_copying(void *context)
{
    struct copies *c = context;
    while (!atomic_load(&c->over) && !c->failed) {
        c->failed = copy_both(c, NULL);
        c->made++;
    }
    return NULL;
}

static void begin(struct copies *c, struct bench *b)
{
    *c = (struct copies){.b = b};
    snprintf(c->to, sizeof c->to, "%s-copy", b->folder);
    assert_int_equal(mkdir(c->to, 0700), 0);
}

static void end(struct copies *c)
{
    empty_target(c);
    assert_int_equal(rmdir(c->to), 0); /* nothing else was left there */
}

/* The copies take the place of the files, as after a restore. */
static void put_in_place(const struct copies *c)
{
    char from[128], to[128];
    bench_empty(c->b);
    for (unsigned i = 0; i < STORE_FILES; i++) {
        snprintf(from, sizeof from, "%s/%s", c->to, store_file(i));
        snprintf(to, sizeof to, "%s/%s", c->b->folder, store_file(i));
        assert_int_equal(rename(from, to), 0);
    }
}

static void copies_fit_together_whenever_they_are_made(void **state)
{
    struct bench *b = *state;
    struct copies c;
    struct why why = {0};
    pthread_t thread;
    int64_t version = 0;
    begin(&c, b);
    b->most = 256 * 1024; /* so that segments end, and old ones go */
    bench_open(b);
    struct key_row key = bench_key("k1aaaaaa", "one");
    assert_int_equal(bench_add(b, &key), OK);
    for (unsigned i = 0; i < 1000 && !bench_is_up(b); i++)
        os_sleep_ms(2);
    assert_int_equal(pthread_create(&thread, NULL, keep_copying, &c), 0);
    for (unsigned i = 0; i < ROWS; i++) {
        assert_true(bench_append(b, i));
        if (i % 50 == 0)
            os_sleep_ms(1);
    }
    bench_written(b, ROWS);
    atomic_store(&c.over, true);
    pthread_join(thread, NULL);
    assert_int_equal(c.failed, OK);
    assert_true(c.made > 1);
    bench_close(b);
    for (unsigned i = 0; i < STORE_FILES; i++) {
        assert_int_equal(store_check(i, c.to, &version, &why), OK);
        assert_int_equal(version, 1);
    }
    put_in_place(&c); /* the last one that was made while rows were written */
    bench_open(b);
    assert_true(bench_verify(b));
    assert_true(bench_says(b, "\"anchored\":true") || bench_says(b, "\"anchored\":false"));
    assert_string_equal(bench_keys(b), "k1aaaaaa one m s\n");
    assert_true(bench_append(b, ROWS)); /* and the chain goes on */
    bench_written(b, 1);
    assert_true(bench_verify(b));
    bench_close(b);
    end(&c);
}

static bool never(void *owner)
{
    *(unsigned *)owner += 1;
    return false;
}

static void what_is_no_copy_is_told(void **state)
{
    struct bench *b = *state;
    struct copies c;
    struct why why = {0};
    int64_t version = 0;
    unsigned asked = 0;
    begin(&c, b);
    struct store_copy one = {.file = 0, .folder = b->folder, .to = c.to};
    assert_int_equal(store_copy(&one, &why), ERR_NOT_FOUND);
    bench_open(b);
    bench_close(b);
    one.go_on = never;
    one.owner = &asked;
    assert_int_equal(store_copy(&one, &why), ERR_CANCELLED);
    assert_true(asked > 0);
    assert_int_equal(copy_both(&c, &why), OK);
    assert_int_equal(store_check(0, c.to, &version, &why), OK);

    struct bench to = {0}; /* the same helpers, for the copies */
    snprintf(to.folder, sizeof to.folder, "%.63s", c.to);
    bench_sql(&to, "state.db", "PRAGMA user_version = 2; UPDATE about SET schema = 2");
    assert_int_equal(store_check(0, c.to, &version, &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "newer hearth"));
    bench_sql(&to, "state.db",
              "PRAGMA user_version = 1; UPDATE about SET schema = 1;"
              " DROP TABLE key");
    assert_int_equal(store_check(0, c.to, &version, &why), ERR_BAD_VALUE);
    bench_write(&to, "state.db", SLICE("this is no database, however long it may be"));
    assert_int_equal(store_check(0, c.to, &version, &why), ERR_BAD_VALUE);
    end(&c);
}

static bool always(void *owner)
{
    *(unsigned *)owner += 1;
    return true;
}

static void a_full_disk_is_told_at_once(void **state)
{
    struct bench *b = *state;
    struct copies c;
    struct why why = {0};
    unsigned asked = 0;
    begin(&c, b);
    bench_open(b);
    bench_close(b);
    if (mount("tmpfs", c.to, "tmpfs", 0, "size=4k,mode=700") != 0) { /* only root can */
        end(&c);
        skip();
    }
    const struct store_copy one = {
        .file = 0, .folder = b->folder, .to = c.to, .go_on = always, .owner = &asked};
    uint64_t began_ms = os_mono_ms();
    enum err e = store_copy(&one, &why);
    uint64_t took_ms = os_mono_ms() - began_ms;
    assert_int_equal(umount(c.to), 0);
    end(&c);
    assert_int_equal(e, ERR_DISK);
    assert_non_null(strstr(why.text, "full"));
    assert_true(took_ms < 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies_fit_together_whenever_they_are_made,
                                        bench_begin_fast, bench_end),
        cmocka_unit_test_setup_teardown(what_is_no_copy_is_told, bench_begin_fast, bench_end),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told_at_once, bench_begin_fast, bench_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
