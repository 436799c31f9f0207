/* backup_test: what a backup may hold, what a manifest may say, and a configuration there and back.
 * Databases, damage and a running daemon: tests/scenarios/test_backup.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup/inside.h"
#include "os/os.h"

static bool has(const char *name)
{
    return kind_of(slice_of(name)) != NULL;
}

static void only_what_is_ours_has_a_kind(void **state)
{
    (void)state;
    assert_true(has("config/hearth.yaml"));
    assert_true(has("config/conf.d/model-a.yaml"));
    assert_true(has("config/.env"));
    assert_true(has("data/secrets.key"));
    assert_true(has("data/tls/key.pem"));
    static const char *const none[] = {"",
                                       "config",
                                       "config/",
                                       "hearth.yaml",
                                       "/config/hearth.yaml",
                                       "config//hearth.yaml",
                                       "config/../hearth.yaml",
                                       "config/conf.d/../x.yaml",
                                       "config/conf.d/a/b.yaml",
                                       "config/conf.d/.hidden.yaml",
                                       "config/conf.d/.yaml",
                                       "config/conf.d/x.yml",
                                       "config/conf.d/x\n.yaml",
                                       "config/conf.d/",
                                       "data/hearth.lock",
                                       "data/engines/x",
                                       "data/../state.db",
                                       "data/state.db-wal",
                                       "data/*",
                                       "config/conf.d/*"};
    for (size_t i = 0; i < COUNT(none); i++)
        assert_false(has(none[i]));
}

static enum err read_manifest(struct arena *a, const char *text, struct manifest *m)
{
    struct why why = {0};
    return members_read(a, slice_of(text), m, &why);
}

#define SUM "0000000000000000000000000000000000000000000000000000000000000000"
#define FILE_OF(name, bytes, sum)                                                                  \
    "{\"name\":\"" name "\",\"bytes\":" bytes ",\"sha256\":\"" sum "\"}"
#define MANIFEST_OF(format, files)                                                                 \
    "{\"hearth_backup\":" format ",\"version\":\"1\",\"made\":\"x\",\"files\":[" files "]}"

static void a_manifest_is_judged(void **state)
{
    static const struct {
        const char *text;
        enum err e;
    } rows[] = {
        {MANIFEST_OF("1", FILE_OF("config/hearth.yaml", "5", SUM)), OK},
        {MANIFEST_OF("2", FILE_OF("config/hearth.yaml", "5", SUM)), ERR_CONFIG},
        {MANIFEST_OF("1", ""), ERR_BAD_VALUE},
        {MANIFEST_OF("1", FILE_OF("config/hearth.yaml", "5", "00")), ERR_BAD_VALUE},
        {MANIFEST_OF("1", FILE_OF("config/hearth.yaml", "1048577", SUM)), ERR_BAD_VALUE},
        {MANIFEST_OF("1", FILE_OF("data/audit.db", "1048577", SUM)), OK},
        {MANIFEST_OF("1", FILE_OF("config/../../x", "5", SUM)), ERR_BAD_VALUE},
        {MANIFEST_OF("1", FILE_OF("config/hearth.yaml", "5", SUM) "," FILE_OF("config/hearth.yaml",
                                                                              "5", SUM)),
         ERR_BAD_VALUE},
        {"{\"files\":[]}", ERR_BAD_VALUE},
        {"[]", ERR_BAD_VALUE},
        {"", ERR_BAD_VALUE},
        {"{\"hearth_backup\":1,\"files\":{}}", ERR_BAD_VALUE},
    };
    struct manifest m;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a = {0};
        enum err e = read_manifest(&a, rows[i].text, &m);
        if (e != rows[i].e)
            print_message("# %s\n", rows[i].text);
        assert_int_equal(e, rows[i].e);
        arena_fini(&a);
    }
    struct arena a = {0};
    assert_true(
        read_manifest(
            &a,
            MANIFEST_OF("1", "{\"name\":\"data/state.db\",\"bytes\":-1,\"sha256\":\"" SUM "\"}"),
            &m) != OK);
    assert_true(read_manifest(&a, MANIFEST_OF("1", "{\"name\":\"data/state.db\"}"), &m) != OK);
    arena_fini(&a);
}

/* ---- there and back ---- */

struct home {
    char path[64], config[80], data[80], file[80];
    struct arena arena;
};

static void put(const char *folder, const char *name, const char *words, unsigned mode)
{
    int fd;
    struct why why = {0};
    assert_int_equal(os_make_private_folder(folder, &fd, &why), OK);
    assert_int_equal(os_write_file_whole(fd, name, slice_of(words), mode, &why), OK);
    close(fd);
}

static void expect(const char *folder, const char *name, const char *words)
{
    char path[256];
    struct text text = {0};
    struct why why = {0};
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(os_read_file(AT_FDCWD, path, 65536, &text, &why), OK);
    assert_string_equal(text_cstr(&text), words);
    text_fini(&text);
}

static bool is_there(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return access(path, F_OK) == 0;
}

static struct backup_terms terms_of(struct home *h)
{
    return (struct backup_terms){.arena = &h->arena,
                                 .config = h->config,
                                 .data = h->data,
                                 .version = "test",
                                 .lock = "hearth.lock",
                                 .temporary = h->path};
}

static int begin(void **state)
{
    struct home *h = calloc(1, sizeof *h);
    assert_non_null(h);
    snprintf(h->path, sizeof h->path, "/tmp/backup-XXXXXX");
    assert_non_null(mkdtemp(h->path));
    snprintf(h->config, sizeof h->config, "%s/config", h->path);
    snprintf(h->data, sizeof h->data, "%s/data", h->path);
    snprintf(h->file, sizeof h->file, "%s/b.tar", h->path);
    assert_true(crypt_start());
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct home *h = *state;
    arena_fini(&h->arena);
    int removed = os_remove_folder(h->path, 4 * MOST_MEMBERS) != OK;
    free(h);
    return removed;
}

static void a_configuration_comes_back(void **state)
{
    struct home *h = *state;
    struct backup_terms t = terms_of(h);
    struct backup_list list;
    struct why why = {0};
    char conf_d[96];
    struct stat is;
    snprintf(conf_d, sizeof conf_d, "%s/conf.d", h->config);
    assert_int_equal(backup_make(&t, h->file, &list, &why), ERR_NOT_FOUND); /* nothing is there */
    put(h->config, "hearth.yaml", "listen: 1\n", 0644);
    put(h->config, ".env", "KEY=secret\n", 0600);
    put(conf_d, "a.yaml", "a: 1\n", 0600);
    put(conf_d, "notes.txt", "mine", 0600);
    assert_int_equal(backup_make(&t, h->file, &list, &why), OK);
    assert_int_equal(list.n, 2);
    assert_int_equal(stat(h->file, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0600);
    assert_int_equal(is.st_size, list.bytes);
    assert_int_equal(backup_make(&t, h->file, &list, &why), ERR_SYSTEM); /* never over another */

    put(h->config, "hearth.yaml", "listen: 2\n", 0600);
    put(h->config, ".env", "KEY=newer\n", 0600);
    put(conf_d, "b.yaml", "b: 1\n", 0600);
    assert_int_equal(backup_restore(&t, h->file, true, &list, &why), OK);
    expect(h->config, "hearth.yaml", "listen: 2\n");
    expect(conf_d, "b.yaml", "b: 1\n");
    assert_int_equal(list.n, 3); /* what would go is told, too */
    assert_true(list.files[0].gone && !list.files[1].gone && !list.files[2].gone);
    assert_string_equal(list.files[0].name, "config/conf.d/b.yaml");
    assert_int_equal(backup_restore(&t, h->file, false, &list, &why), OK);
    expect(h->config, "hearth.yaml", "listen: 1\n");
    expect(h->config, ".env", "KEY=newer\n"); /* it was not in there, so it is not touched */
    expect(conf_d, "a.yaml", "a: 1\n");
    expect(conf_d, "notes.txt", "mine");
    assert_false(is_there(conf_d, "b.yaml"));
    assert_int_equal(list.n, 3);
    bool gone = false;
    for (size_t i = 0; i < list.n; i++) {
        const struct backup_file *f = &list.files[i];
        assert_non_null(strstr(f->kept, ".before-restore-"));
        if (!strcmp(f->name, "config/conf.d/b.yaml")) {
            expect(conf_d, f->kept, "b: 1\n");
            gone = f->gone;
        }
        if (!strcmp(f->name, "config/hearth.yaml"))
            expect(h->config, f->kept, "listen: 2\n");
    }
    assert_true(gone);
    assert_false(is_there(h->data, "backup.tmp"));
    assert_false(is_there(h->data, "backup.lock"));
}

/* The last file is larger than this process may write: those before it are in place by then. */
static enum err restore_in_small_files(const struct backup_terms *t, const char *file,
                                       struct backup_list *list, struct why *why)
{
    struct rlimit was, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = was.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err e = backup_restore(t, file, false, list, why);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    return e;
}

static void what_cannot_be_put_in_place_changes_nothing(void **state)
{
    struct home *h = *state;
    struct backup_terms t = terms_of(h);
    struct backup_list list;
    struct why why = {0};
    char conf_d[96], large[6001];
    memset(large, '#', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    snprintf(conf_d, sizeof conf_d, "%s/conf.d", h->config);
    put(h->config, "hearth.yaml", "listen: 1\n", 0600);
    put(conf_d, "a.yaml", "a: 1\n", 0600);
    put(conf_d, "new.yaml", "n: 1\n", 0600);
    put(conf_d, "z.yaml", large, 0600);
    assert_int_equal(backup_make(&t, h->file, &list, &why), OK);
    put(h->config, "hearth.yaml", "listen: 2\n", 0600);
    put(conf_d, "a.yaml", "a: 2\n", 0600);
    put(conf_d, "b.yaml", "b: 2\n", 0600);
    put(conf_d, "z.yaml", "z: 2\n", 0600);
    char path[128];
    snprintf(path, sizeof path, "%s/new.yaml", conf_d);
    assert_int_equal(unlink(path), 0);

    int lock, data;
    assert_int_equal(os_make_private_folder(h->data, &data, &why), OK);
    assert_int_equal(os_lock_file(data, "hearth.lock", &lock, &why), OK);
    assert_int_equal(backup_restore(&t, h->file, false, &list, &why), ERR_BUSY);
    close(lock);
    close(data);
    assert_int_equal(restore_in_small_files(&t, h->file, &list, &why), ERR_DISK);

    expect(h->config, "hearth.yaml", "listen: 2\n");
    expect(conf_d, "a.yaml", "a: 2\n");
    expect(conf_d, "b.yaml", "b: 2\n");
    expect(conf_d, "z.yaml", "z: 2\n");
    assert_false(is_there(conf_d, "new.yaml"));
    DIR *dir = opendir(conf_d);
    size_t n = 0;
    for (const struct dirent *d; dir && (d = readdir(dir));)
        n += d->d_name[0] != '.';
    closedir(dir);
    assert_int_equal(n, 3); /* nothing is left beside them */
    assert_int_equal(backup_restore(&t, h->file, false, &list, &why), OK);
    expect(h->config, "hearth.yaml", "listen: 1\n");
    expect(conf_d, "new.yaml", "n: 1\n");
    expect(conf_d, "z.yaml", large);
}

/* A dry run makes no folders, and finds nothing to take away where there are none. */
static void a_dry_run_into_nothing(void **state)
{
    struct home *h = *state;
    struct backup_terms t = terms_of(h);
    struct backup_list list;
    struct why why = {0};
    char other[80];
    put(h->config, "hearth.yaml", "listen: 1\n", 0600);
    assert_int_equal(backup_make(&t, h->file, &list, &why), OK);
    snprintf(other, sizeof other, "%s/other", h->path);
    t.config = t.data = other;
    assert_int_equal(backup_restore(&t, h->file, true, &list, &why), OK);
    assert_int_equal(list.n, 1);
    assert_false(is_there(h->path, "other"));
}

static void a_conf_d_with_too_much_in_it_is_left(void **state)
{
    struct home *h = *state;
    struct backup_terms t = terms_of(h);
    struct backup_list list;
    struct why why = {0};
    char conf_d[96], name[32], path[128];
    snprintf(conf_d, sizeof conf_d, "%s/conf.d", h->config);
    put(conf_d, "a.yaml", "a: 1\n", 0600);
    assert_int_equal(backup_make(&t, h->file, &list, &why), OK);
    for (unsigned i = 0; i <= MOST_MEMBERS; i++) {
        snprintf(path, sizeof path, "%s/other-%u.yaml", conf_d, i);
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
    put(conf_d, "a.yaml", "a: 2\n", 0600);
    assert_int_equal(backup_restore(&t, h->file, true, &list, &why), ERR_TOO_MANY);
    assert_int_equal(backup_restore(&t, h->file, false, &list, &why), ERR_TOO_MANY);
    for (unsigned i = 0; i <= MOST_MEMBERS; i++) {
        snprintf(name, sizeof name, "other-%u.yaml", i);
        assert_true(is_there(conf_d, name));
    }
    expect(conf_d, "a.yaml", "a: 2\n");
    snprintf(path, sizeof path, "%s/other-0.yaml", conf_d);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(backup_restore(&t, h->file, false, &list, &why), OK); /* as many as may be */
    assert_int_equal(list.n, MOST_MEMBERS + 1);
    expect(conf_d, "a.yaml", "a: 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_ours_has_a_kind),
        cmocka_unit_test(a_manifest_is_judged),
        cmocka_unit_test_setup_teardown(a_configuration_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(what_cannot_be_put_in_place_changes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_dry_run_into_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_conf_d_with_too_much_in_it_is_left, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
