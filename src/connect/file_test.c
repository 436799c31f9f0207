/* file: links, owners, modes, folders, and what changed meanwhile. */
#include "connect/testing.h"

#define FILE_NAME ".aider.conf.yml"

static mode_t mode_of(const struct ground *g, const char *name)
{
    char path[400];
    struct stat is;
    ground_path(g, name, path);
    assert_int_equal(lstat(path, &is), 0);
    return is.st_mode;
}

static void link_to(const struct ground *g, const char *to, const char *name)
{
    char path[400];
    ground_path(g, name, path);
    assert_int_equal(symlink(to, path), 0);
}

static void refused(const struct ground *g, enum err is, const char *words)
{
    struct why why = {0};
    assert_int_equal(ground_connect(g, "aider", &why), is);
    if (!strstr(why.text, words))
        fail_msg("%s", why.text);
}

static void a_link_stays_a_link(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    ground_put(g, "dotfiles/aider.yml", "vim: true\n");
    link_to(g, "dotfiles/aider.yml", FILE_NAME);
    assert_int_equal(ground_connect(g, "aider", &why), OK);
    assert_true(S_ISLNK(mode_of(g, FILE_NAME)));
    assert_true(S_ISREG(mode_of(g, "dotfiles/aider.yml")));
    assert_int_equal(ground_disconnect(g, "aider", &why), OK);
    assert_true(S_ISLNK(mode_of(g, FILE_NAME)));
    ground_check(g, "dotfiles/aider.yml", "vim: true\n");
    ground_fini(g);
}

static void a_folder_may_be_a_link(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    ground_put(g, "dotfiles/continue/config.yaml", "models: []\n");
    link_to(g, "dotfiles/continue", ".continue");
    assert_int_equal(ground_connect(g, "continue", &why), OK);
    assert_true(S_ISLNK(mode_of(g, ".continue")));
    assert_int_equal(ground_disconnect(g, "continue", &why), OK);
    ground_check(g, ".continue/config.yaml", "models: []\n");
    ground_fini(g);
}

static void a_link_to_nothing_is_no_file(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    link_to(g, "nowhere", FILE_NAME);
    refused(g, ERR_NOT_FOUND, "leads nowhere");
    assert_false(ground_has(g, "nowhere"));
    ground_fini(g);
}

static void other_things_are_no_file(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    char path[400], twin[400];
    ground_path(g, FILE_NAME, path);
    ground_path(g, "twin", twin);
    assert_int_equal(mkdir(path, 0755), 0);
    refused(g, ERR_BAD_VALUE, "is no plain file");
    rmdir(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refused(g, ERR_BAD_VALUE, "is no plain file");
    unlink(path);
    ground_put(g, "twin", "vim: true\n");
    assert_int_equal(link(twin, path), 0);
    refused(g, ERR_BAD_VALUE, "hard links");
    ground_fini(g);
}

static void what_is_somebody_elses_is_left(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    char path[400];
    ground_path(g, FILE_NAME, path);
    link_to(g, "/etc/passwd", FILE_NAME); /* root's own when root tests */
    if (geteuid() != 0)
        refused(g, ERR_PERMISSION, "not ours");
    unlink(path);
    if (geteuid() == 0) { /* only root can make something another user's */
        ground_put(g, FILE_NAME, "vim: true\n");
        assert_int_equal(chown(path, 61111, (gid_t)-1), 0);
        refused(g, ERR_PERMISSION, "is user 61111's, not ours");
        unlink(path);
        ground_put(g, "theirs/aider.yml", "vim: true\n");
        ground_path(g, "theirs", path);
        assert_int_equal(chown(path, 61111, (gid_t)-1), 0);
        link_to(g, "theirs/aider.yml", FILE_NAME); /* our file, in a folder of theirs */
        refused(g, ERR_PERMISSION, "theirs is user 61111's, not ours");
        ground_path(g, FILE_NAME, path);
        unlink(path);
    }
    assert_int_equal(chmod(g->home, 0777), 0);
    refused(g, ERR_PERMISSION, "everybody may write");
    assert_int_equal(chmod(g->home, 0775), 0); /* a group of one's own is usual */
    struct why why = {0};
    assert_int_equal(ground_connect(g, "aider", &why), OK);
    ground_fini(g);
}

static void modes_are_kept(void **state)
{
    (void)state;
    static const mode_t modes[] = {0644, 0600, 0640, 0400};
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct ground *g = ground_make();
        struct why why = {0};
        char path[400];
        ground_path(g, FILE_NAME, path);
        ground_put(g, FILE_NAME, "vim: true\n");
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_int_equal(ground_connect(g, "aider", &why), OK);
        assert_int_equal(mode_of(g, FILE_NAME) & 07777, modes[i]);
        assert_int_equal(ground_disconnect(g, "aider", &why), OK);
        assert_int_equal(mode_of(g, FILE_NAME) & 07777, modes[i]);
        ground_fini(g);
    }
}

/* With a key in it a file is nobody else's to read. */
static void a_key_closes_its_file(void **state)
{
    (void)state;
    static const mode_t modes[][2] = {{0644, 0600}, {0660, 0600}, {0440, 0400}};
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct ground *g = ground_make();
        struct connect_terms t = ground_terms(g, "aider");
        struct connect_plan p = {0};
        struct why why = {0};
        char path[400];
        ground_path(g, FILE_NAME, path);
        ground_put(g, FILE_NAME, "vim: true\n");
        assert_int_equal(chmod(path, modes[i][0]), 0);
        t.key = "hk_secret";
        assert_int_equal(connect_plan(&t, &p, &why), OK);
        assert_non_null(strstr(text_cstr(&p.steps), "only its owner may read it"));
        assert_int_equal(connect_write(&t, &p, NULL, &why), OK);
        assert_int_equal(mode_of(g, FILE_NAME) & 07777, modes[i][1]);
        connect_plan_fini(&p);
        assert_int_equal(connect_plan(&t, &p, &why), OK); /* it is said once */
        assert_null(strstr(text_cstr(&p.steps), "only its owner"));
        connect_plan_fini(&p);
        assert_int_equal(ground_disconnect(g, "aider", &why), OK);
        ground_check(g, FILE_NAME, "vim: true\n");
        assert_int_equal(mode_of(g, FILE_NAME) & 07777, modes[i][0]);
        ground_fini(g);
    }
}

static void check_env(const struct ground *g, const char *words)
{
    char path[400];
    struct text now = {0};
    snprintf(path, sizeof path, "%s/connect/open-webui.env", g->data);
    assert_int_equal(os_read_file(AT_FDCWD, path, MOST_FILE, &now, NULL), OK);
    assert_string_equal(text_cstr(&now), words);
    text_fini(&now);
}

static void add_to_env(const struct ground *g, const char *words)
{
    char path[400];
    snprintf(path, sizeof path, "%s/connect/open-webui.env", g->data);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_true(os_write_all(fd, slice_of(words)));
    close(fd);
}

static void lines_beside_ours_in_a_file_of_ours_stay(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    struct stat is;
    char path[400];
    snprintf(path, sizeof path, "%s/connect/open-webui.env", g->data);
    assert_int_equal(ground_connect(g, "open-webui", &why), OK);
    assert_int_equal(lstat(path, &is), 0);
    assert_int_equal(is.st_mode, S_IFREG | 0600);
    add_to_env(g, "WEBUI_NAME=mine");
    assert_int_equal(ground_connect(g, "open-webui", &why), OK);
    assert_int_equal(ground_disconnect(g, "open-webui", &why), OK);
    check_env(g, "WEBUI_NAME=mine");
    assert_int_equal(ground_connect(g, "open-webui", &why), OK);
    assert_int_equal(ground_disconnect(g, "open-webui", &why), OK);
    check_env(g, "WEBUI_NAME=mine");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ground_connect(g, "open-webui", &why), OK);
    assert_int_equal(ground_disconnect(g, "open-webui", &why), OK);
    assert_true(lstat(path, &is) != 0); /* nobody's but ours: gone */
    ground_fini(g);
}

static void folders_come_and_go(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    assert_int_equal(ground_connect(g, "opencode", &why), OK);
    assert_int_equal(mode_of(g, ".config/opencode") & 07777, 0700);
    assert_int_equal(mode_of(g, ".config/opencode/opencode.json") & 07777, 0600);
    assert_int_equal(ground_connect(g, "opencode", &why), OK);
    assert_int_equal(ground_disconnect(g, "opencode", &why), OK);
    assert_false(ground_has(g, ".config"));
    assert_int_equal(ground_connect(g, "opencode", &why), OK);
    ground_put(g, ".config/other", "x");
    assert_int_equal(ground_disconnect(g, "opencode", &why), OK);
    assert_false(ground_has(g, ".config/opencode"));
    ground_check(g, ".config/other", "x");
    ground_fini(g);
}

static void a_change_meanwhile_wins(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    const struct connect_terms t = ground_terms(g, "aider");
    struct connect_plan p = {0};
    struct connect_record r = {0};
    struct why why = {0};
    ground_put(g, FILE_NAME, "vim: true\n");
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    ground_put(g, FILE_NAME, "vim: false\n");
    assert_int_equal(connect_write(&t, &p, NULL, &why), ERR_BUSY);
    assert_non_null(strstr(why.text, "changed meanwhile"));
    ground_check(g, FILE_NAME, "vim: false\n");
    assert_int_equal(connect_record_read(&g->user, t.app, &r, NULL), ERR_NOT_FOUND);
    connect_plan_fini(&p);
    /* the same for one that was connected: its record is as it was */
    assert_int_equal(ground_connect(g, "aider", &why), OK);
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    char path[400];
    ground_path(g, FILE_NAME, path);
    unlink(path);
    assert_int_equal(connect_write(&t, &p, NULL, &why), ERR_BUSY);
    connect_plan_fini(&p);
    assert_int_equal(ground_disconnect(g, "aider", &why), OK); /* the file is gone: no harm */
    assert_false(ground_has(g, FILE_NAME));
    ground_fini(g);
}

/* The record is there, the file as it was: its writing was broken off. */
static void a_record_alone_takes_nothing_out(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    ground_put(g, FILE_NAME, "vim: true\n");
    assert_int_equal(ground_connect(g, "aider", &why), OK);
    ground_put(g, FILE_NAME, "vim: true\n");
    assert_int_equal(ground_disconnect(g, "aider", &why), OK);
    ground_check(g, FILE_NAME, "vim: true\n");
    ground_fini(g);
}

/* The same for another connection over the first: the file still has the first one's part. */
static void a_second_record_alone_takes_the_first_part_out(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct connect_terms t = ground_terms(g, "aider");
    struct connect_plan p = {0}, again = {0};
    struct why why = {0};
    const char *first;
    ground_put(g, FILE_NAME, "vim: true\n");
    assert_int_equal(ground_connect(g, "aider", &why), OK);
    t.model = "another";
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    assert_int_equal(connect_write(&t, &p, NULL, &why), OK);
    first = arena_cstr(&p.arena, p.before);
    ground_put(g, FILE_NAME, first);
    connect_plan_fini(&again);
    assert_int_equal(connect_plan(&t, &again, &why), OK);
    assert_true(slice_is(again.base, SLICE("vim: true\n")));
    assert_int_equal(ground_disconnect(g, "aider", &why), OK);
    ground_check(g, FILE_NAME, "vim: true\n");
    connect_plan_fini(&again);
    connect_plan_fini(&p);
    ground_fini(g);
}

static void the_original_may_be_lost(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    char path[400];
    ground_put(g, FILE_NAME, "vim: true\n");
    assert_int_equal(ground_connect(g, "aider", &why), OK);
    snprintf(path, sizeof path, "%s/connect/aider/original", g->data);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ground_disconnect(g, "aider", &why), OK); /* by its part */
    ground_check(g, FILE_NAME, "vim: true\n");
    ground_fini(g);
}

static void what_is_kept_is_private(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    static const char *const names[] = {"record.json", "original"};
    ground_put(g, FILE_NAME, "vim: true\n");
    assert_int_equal(ground_connect(g, "aider", &why), OK);
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[400];
        struct stat is;
        snprintf(path, sizeof path, "%s/connect/aider/%s", g->data, names[i]);
        assert_int_equal(lstat(path, &is), 0);
        assert_int_equal(is.st_mode, S_IFREG | 0600);
    }
    ground_fini(g);
}

static void a_key_is_remembered_before_all_else(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    const struct connect_app *app = connect_app_find("continue");
    struct connect_record r = {0};
    struct why why = {0};
    assert_int_equal(connect_note_key(&g->user, app, "abcdefgh", &why), OK);
    assert_int_equal(connect_record_read(&g->user, app, &r, &why), OK);
    assert_string_equal(r.new_key_id, "abcdefgh");
    connect_record_fini(&r);
    assert_int_equal(connect_note_key(&g->user, app, NULL, &why), OK);
    assert_int_equal(connect_record_read(&g->user, app, &r, &why), ERR_NOT_FOUND);
    assert_int_equal(ground_connect(g, "continue", &why), OK);
    assert_int_equal(connect_note_key(&g->user, app, "abcdefgh", &why), OK);
    assert_int_equal(connect_note_key(&g->user, app, NULL, &why), OK);
    assert_int_equal(ground_disconnect(g, "continue", &why), OK); /* all the rest was kept */
    assert_false(ground_has(g, ".continue"));
    ground_fini(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_stays_a_link),
        cmocka_unit_test(a_folder_may_be_a_link),
        cmocka_unit_test(a_link_to_nothing_is_no_file),
        cmocka_unit_test(other_things_are_no_file),
        cmocka_unit_test(what_is_somebody_elses_is_left),
        cmocka_unit_test(modes_are_kept),
        cmocka_unit_test(a_key_closes_its_file),
        cmocka_unit_test(lines_beside_ours_in_a_file_of_ours_stay),
        cmocka_unit_test(folders_come_and_go),
        cmocka_unit_test(a_change_meanwhile_wins),
        cmocka_unit_test(a_record_alone_takes_nothing_out),
        cmocka_unit_test(a_second_record_alone_takes_the_first_part_out),
        cmocka_unit_test(the_original_may_be_lost),
        cmocka_unit_test(what_is_kept_is_private),
        cmocka_unit_test(a_key_is_remembered_before_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
