/* confd: changes to files, and files that are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confd/inside.h"
#include "os/os.h"

struct bench {
    char dir[200];
    struct config_paths paths;
    struct config_sources sources;
    struct arena arena;
};

static int set_up(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    const char *tmp = getenv("TMPDIR");
    assert_non_null(b);
    snprintf(b->dir, sizeof b->dir, "%s/hearth-confd-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(b->dir));
    b->paths = (struct config_paths){.home = "/home/me", .library = "/lib"};
    b->paths.config = arena_format(&b->arena, "%s/config", b->dir).ptr;
    b->sources = (struct config_sources){.paths = &b->paths};
    *state = b;
    return 0;
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)s, (void)kind, (void)at;
    return remove(path);
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    nftw(b->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_fini(&b->arena);
    free(b);
    return 0;
}

static struct confd_terms terms(const struct bench *b, const char *section, const char *name)
{
    return (struct confd_terms){&b->sources, section, name, "hearth test", false};
}

static struct confd *open_change(const struct bench *b, const char *section, const char *name)
{
    const struct confd_terms t = terms(b, section, name);
    struct confd *f = NULL;
    struct why why = {0};
    if (confd_open(&t, &f, &why))
        fail_msg("%s", why.text);
    return f;
}

static void put(struct bench *b, const char *name, const char *text)
{
    const char *path = arena_format(&b->arena, "%s/%s", b->paths.config, name).ptr;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && os_write_all(fd, slice_of(text)));
    close(fd);
}

static const char *get(struct bench *b, const char *name)
{
    struct text t = {0};
    const char *path = arena_format(&b->arena, "%s/%s", b->paths.config, name).ptr;
    if (os_read_file(AT_FDCWD, path, 1 << 20, &t, NULL))
        return NULL;
    const char *kept = arena_cstr(&b->arena, text_slice(&t));
    text_fini(&t);
    return kept;
}

static void try_it(struct confd *f, enum err expected)
{
    struct config *c = NULL;
    struct config_report report;
    struct text said = {0};
    enum err e = confd_try(f, &c, &report);
    config_report_print(&report, &said);
    if (e != expected)
        fail_msg("%s", text_cstr(&said));
    text_fini(&said);
    config_report_fini(&report);
    config_free(c);
}

static void set(struct confd *f, const char *field, const char *value)
{
    const struct slice s = slice_of(value);
    assert_int_equal(confd_set(f, field, &s, 1, false), OK);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void a_model_is_written_and_changed(void **state)
{
    struct bench *b = *state;
    struct confd *f = open_change(b, "models", "org/a:q4");
    assert_true(strstr(confd_path(f), "/conf.d/model-org%2Fa%3Aq4.yaml") != NULL);
    assert_false(confd_is_there(f));
    assert_false(confd_differs(f));
    set(f, "file", "/m/a b$HOME.gguf");
    set(f, "ctx", "4096");
    set(f, "sampling.top_p", "0.5");
    set(f, "system", "say \"no\"\nor null: #1");
    const struct slice aliases[] = {SLICE("a"), SLICE("b:c")};
    assert_int_equal(confd_set(f, "aliases", aliases, 2, true), OK);
    assert_true(confd_differs(f));
    try_it(f, OK);
    assert_null(get(b, "conf.d/model-org%2Fa%3Aq4.yaml")); /* trying writes nothing */
    assert_int_equal(confd_put(f, NULL), OK);
    confd_close(f);
    const char *text = get(b, "conf.d/model-org%2Fa%3Aq4.yaml");
    struct slice rest = slice_of(text), line;
    assert_true(slice_split(&rest, '\n', &line));
    assert_true(slice_begins(line, SLICE("# by `hearth test`, 2")));
    assert_string_equal(rest.ptr, "models:\n"
                                  "  org/a:q4:\n"
                                  "    file: \"/m/a b$$HOME.gguf\"\n"
                                  "    ctx: 4096\n"
                                  "    sampling.top_p: 0.5\n"
                                  "    system: \"say \\\"no\\\"\\nor null: #1\"\n"
                                  "    aliases: [a, b:c]\n");
    f = open_change(b, "models", "org/a:q4");
    assert_true(confd_is_there(f) && confd_has(f, "ctx") && !confd_has(f, "threads"));
    assert_false(confd_differs(f));
    assert_true(confd_unset(f, "file"));
    assert_false(confd_unset(f, "file"));
    set(f, "ctx", "8192");
    assert_true(confd_differs(f));
    assert_int_equal(confd_put(f, NULL), OK);
    confd_close(f);
    text = get(b, "conf.d/model-org%2Fa%3Aq4.yaml");
    assert_non_null(strstr(text, "models:\n  org/a:q4:\n    ctx: 8192\n    sampling.top_p: 0.5\n"));
    f = open_change(b, "models", "org/a:q4");
    confd_unset_all(f);
    assert_true(confd_differs(f));
    try_it(f, OK);
    assert_int_equal(confd_text(f).len, 0);
    assert_int_equal(confd_put(f, NULL), OK);
    confd_close(f);
    assert_null(get(b, "conf.d/model-org%2Fa%3Aq4.yaml"));
}

static void what_is_written_means_what_was_said(void **state)
{
    struct bench *b = *state;
    static const char *const values[] = {"x",    "",    "null", "~",    "true", "#a",
                                         "a: b", "- a", "$$x",  "${X}", "a'b",  "é\ttab",
                                         "-",    ":",   "a:",   "[a]"};
    for (size_t i = 0; i < COUNT(values); i++) {
        struct confd *f = open_change(b, "models", "m");
        struct config *c = NULL;
        struct config_report report;
        set(f, "file", "/m");
        set(f, "system", values[i]);
        assert_int_equal(confd_put(f, NULL), OK);
        confd_close(f);
        assert_int_equal(config_load(&b->sources, &c, &report), OK);
        assert_string_equal(c->models[0].system_text, values[i]);
        config_report_fini(&report);
        config_free(c);
        f = open_change(b, "models", "m"); /* and is read back as it stands */
        assert_false(confd_differs(f));
        confd_close(f);
    }
}

static void roles_and_settings_are_one_value(void **state)
{
    struct bench *b = *state;
    const struct slice models[] = {SLICE("a"), SLICE("model/b")};
    struct confd *f = open_change(b, "roles", "code");
    assert_int_equal(confd_set(f, "", models, 2, true), OK);
    try_it(f, OK);
    assert_int_equal(confd_put(f, NULL), OK);
    confd_close(f);
    assert_non_null(strstr(get(b, "conf.d/role-code.yaml"), "\nroles:\n  code: [a, model/b]\n"));
    f = open_change(b, "", "listen");
    const struct slice at[] = {SLICE("127.0.0.1:1"), SLICE("[::1]:2")};
    assert_int_equal(confd_set(f, "", at, 2, true), OK);
    try_it(f, OK);
    assert_int_equal(confd_put(f, NULL), OK);
    confd_close(f);
    assert_non_null(strstr(get(b, "conf.d/listen.yaml"), "\nlisten: [127.0.0.1:1, \"[::1]:2\"]\n"));
    f = open_change(b, "", "listen");
    assert_false(confd_differs(f));
    confd_close(f);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static void a_bad_change_is_told_with_its_place(void **state)
{
    struct bench *b = *state;
    struct confd *f = open_change(b, "models", "a");
    put(b, "hearth.yaml", "models:\n  a: {file: /a, ctx: 5}\n");
    set(f, "ctx", "7");
    try_it(f, ERR_CONFIG); /* set in two places */
    assert_true(confd_unset(f, "ctx"));
    set(f, "parallel", "x");
    try_it(f, ERR_CONFIG);
    assert_null(get(b, "conf.d/model-a.yaml"));
    confd_close(f);
}

static void a_file_of_another_shape_is_left_alone(void **state)
{
    struct bench *b = *state;
    static const char *const texts[] = {"models: [a]\n",        "models:\n  b: {ctx: 1}\n",
                                        "models:\n  a: 5\n",    "log.level: info\n",
                                        "models.a: {ctx: 5}\n", "models:\n  a: {ctx: {x: [[1]]}}\n",
                                        "models:\n  a: [\n",    "models:\n  a: {}\nroles: {}\n"};
    confd_close(open_change(b, "models", "a"));
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct confd_terms t = terms(b, "models", "a");
        struct confd *f;
        struct why why = {0};
        put(b, "conf.d/model-a.yaml", texts[i]);
        assert_int_not_equal(confd_open(&t, &f, &why), OK);
        assert_non_null(strstr(why.text, "model-a.yaml: "));
        assert_non_null(strstr(why.text, "; change it by hand"));
    }
    put(b, "conf.d/model-a.yaml",
        "# mine\nmodels:\n  a:\n    sampling: {seed: 5}\n    extra: [-x]\n");
    struct confd *f = open_change(b, "models", "a");
    assert_true(confd_has(f, "sampling.seed") && confd_has(f, "extra"));
    confd_close(f);
}

static void one_at_a_time(void **state)
{
    struct bench *b = *state;
    struct confd *f = open_change(b, "models", "a"), *other;
    const struct confd_terms t = terms(b, "roles", "code");
    struct why why;
    assert_int_equal(confd_open(&t, &other, &why), ERR_BUSY);
    confd_close(f);
    assert_int_equal(confd_open(&t, &other, &why), OK);
    confd_close(other);
}

static void a_dry_run_leaves_nothing(void **state)
{
    struct bench *b = *state;
    struct confd_terms t = terms(b, "models", "a");
    struct confd *f;
    struct stat st;
    t.dry = true;
    assert_int_equal(confd_open(&t, &f, NULL), OK);
    set(f, "file", "/a");
    try_it(f, OK);
    assert_true(confd_text(f).len > 0);
    confd_close(f);
    assert_int_equal(stat(b->paths.config, &st), -1);
}

static void a_name_that_fits_no_file(void **state)
{
    struct bench *b = *state;
    char name[129];
    memset(name, ':', 128);
    name[128] = '\0';
    const struct confd_terms t = terms(b, "models", name);
    struct confd *f;
    struct why why;
    assert_int_equal(confd_open(&t, &f, &why), ERR_BAD_VALUE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_model_is_written_and_changed),
        TEST(what_is_written_means_what_was_said),
        TEST(roles_and_settings_are_one_value),
        TEST(a_bad_change_is_told_with_its_place),
        TEST(a_file_of_another_shape_is_left_alone),
        TEST(one_at_a_time),
        TEST(a_dry_run_leaves_nothing),
        TEST(a_name_that_fits_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
