/* limit_test: the limits of a held process, read back from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "sandbox/inside.h"

static pid_t start_sleeper(void)
{
    pid_t child = fork();
    if (child == 0) {
        for (;;)
            pause();
    }
    assert_true(child > 0);
    return child;
}

static void end_sleeper(pid_t child)
{
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static rlim_t hard_limit(pid_t pid, int what)
{
    struct rlimit is;
    assert_int_equal(prlimit(pid, (enum __rlimit_resource)what, NULL, &is), 0);
    assert_true(is.rlim_cur == is.rlim_max);
    return is.rlim_max;
}

static void limits_hold(void **state)
{
    (void)state;
    char path[48];
    struct text score = {0};
    pid_t child = start_sleeper();
    const struct sandbox_limits limits = {
        .data_bytes = 1u << 30, .file_bytes = 1u << 20, .oom_score_adj = 700};
    assert_int_equal(sandbox_limit(child, &limits, NULL), OK);
    assert_int_equal(hard_limit(child, RLIMIT_DATA), 1u << 30);
    assert_int_equal(hard_limit(child, RLIMIT_FSIZE), 1u << 20);
    assert_int_equal(hard_limit(child, RLIMIT_CORE), 0);
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", child);
    assert_int_equal(os_read_file(AT_FDCWD, path, 64, &score, NULL), OK);
    assert_string_equal(text_cstr(&score), "700\n");
    text_fini(&score);
    end_sleeper(child);
}

static void none_where_none_was_asked_for(void **state)
{
    (void)state;
    struct rlimit before, after;
    pid_t child = start_sleeper();
    const struct sandbox_limits limits = {0};
    prlimit(child, RLIMIT_DATA, NULL, &before);
    assert_int_equal(sandbox_limit(child, &limits, NULL), OK);
    prlimit(child, RLIMIT_DATA, NULL, &after);
    assert_true(before.rlim_max == after.rlim_max);
    assert_int_equal(hard_limit(child, RLIMIT_CORE), 0);
    end_sleeper(child);
}

static void of_nobody(void **state)
{
    (void)state;
    struct why why = {0};
    const struct sandbox_limits limits = {.data_bytes = 1u << 30};
    pid_t child = start_sleeper();
    end_sleeper(child);
    assert_int_equal(sandbox_limit(child, &limits, &why), ERR_SYSTEM);
    assert_int_equal(why.sys, ESRCH);
    assert_int_equal(sandbox_limit(0, &limits, &why), ERR_BAD_VALUE); /* would be ourselves */
    assert_int_equal(sandbox_limit(-1, &limits, &why), ERR_BAD_VALUE);
}

/* ---- groups, in a tree of files that stands for the system's -------------------------------- */

static void make(const char *root, const char *path, bool folder)
{
    char whole[160];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    if (folder) {
        assert_int_equal(mkdir(whole, 0700), 0);
    } else {
        int fd = open(whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        close(fd);
    }
}

static void expect(const char *root, const char *path, const char *words)
{
    char whole[160];
    struct text is = {0};
    snprintf(whole, sizeof whole, "%s%s", root, path);
    assert_int_equal(os_read_file(AT_FDCWD, whole, 64, &is, NULL), OK);
    assert_string_equal(text_cstr(&is), words);
    text_fini(&is);
}

/* Removes what the tests make, deepest first. */
static void clear(const char *root)
{
    static const char *const paths[] = {
        "/sys/fs/cgroup/pids/hearth/77/pids.max",
        "/sys/fs/cgroup/pids/hearth/77/cgroup.procs",
        "/sys/fs/cgroup/pids/hearth/77",
        "/sys/fs/cgroup/pids/hearth",
        "/sys/fs/cgroup/pids",
        "/sys/fs/cgroup/memory/hearth/77/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/hearth/77/cgroup.procs",
        "/sys/fs/cgroup/memory/hearth/77",
        "/sys/fs/cgroup/memory/hearth",
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup/hearth/cgroup.subtree_control",
        "/sys/fs/cgroup/hearth/77/memory.max",
        "/sys/fs/cgroup/hearth/77/pids.max",
        "/sys/fs/cgroup/hearth/77/cgroup.procs",
        "/sys/fs/cgroup/hearth/77",
        "/sys/fs/cgroup/hearth",
        "/sys/fs/cgroup/cgroup.subtree_control",
        "/sys/fs/cgroup",
        "/sys/fs",
        "/sys",
        "",
    };
    for (size_t i = 0; i < COUNT(paths); i++) {
        char whole[160];
        snprintf(whole, sizeof whole, "%s%s", root, paths[i]);
        remove(whole);
    }
    assert_int_not_equal(access(root, F_OK), 0);
}

static const struct {
    const char *made[12]; /* folders end in a slash */
    enum group_kind kind;
    const char *limit_in; /* NULL: no group is made */
    const char *file, *removed, *switched, *on;
} groups[] = {
    {{"/sys/", "/sys/fs/"}, GROUP_PROCESSES, NULL, NULL, NULL, NULL, NULL},
    {{"/sys/", "/sys/fs/"}, GROUP_MEMORY, NULL, NULL, NULL, NULL, NULL},
    /* trees of other kinds only */
    {{"/sys/", "/sys/fs/", "/sys/fs/cgroup/"}, GROUP_PROCESSES, NULL, NULL, NULL, NULL, NULL},
    {{"/sys/", "/sys/fs/", "/sys/fs/cgroup/", "/sys/fs/cgroup/pids/"},
     GROUP_MEMORY,
     NULL,
     NULL,
     NULL,
     NULL,
     NULL},
    {{"/sys/", "/sys/fs/", "/sys/fs/cgroup/", "/sys/fs/cgroup/pids/", "/sys/fs/cgroup/pids/hearth/",
      "/sys/fs/cgroup/pids/hearth/66/", "/sys/fs/cgroup/pids/hearth/77/",
      "/sys/fs/cgroup/pids/hearth/77/pids.max", "/sys/fs/cgroup/pids/hearth/77/cgroup.procs"},
     GROUP_PROCESSES,
     "/sys/fs/cgroup/pids/hearth/77",
     "pids.max",
     "/sys/fs/cgroup/pids/hearth/66",
     NULL,
     NULL},
    {{"/sys/", "/sys/fs/", "/sys/fs/cgroup/", "/sys/fs/cgroup/memory/",
      "/sys/fs/cgroup/memory/hearth/", "/sys/fs/cgroup/memory/hearth/66/",
      "/sys/fs/cgroup/memory/hearth/77/", "/sys/fs/cgroup/memory/hearth/77/memory.limit_in_bytes",
      "/sys/fs/cgroup/memory/hearth/77/cgroup.procs"},
     GROUP_MEMORY,
     "/sys/fs/cgroup/memory/hearth/77",
     "memory.limit_in_bytes",
     "/sys/fs/cgroup/memory/hearth/66",
     NULL,
     NULL},
    {{"/sys/", "/sys/fs/", "/sys/fs/cgroup/", "/sys/fs/cgroup/cgroup.subtree_control",
      "/sys/fs/cgroup/hearth/", "/sys/fs/cgroup/hearth/cgroup.subtree_control",
      "/sys/fs/cgroup/hearth/66/", "/sys/fs/cgroup/hearth/77/",
      "/sys/fs/cgroup/hearth/77/memory.max", "/sys/fs/cgroup/hearth/77/cgroup.procs"},
     GROUP_MEMORY,
     "/sys/fs/cgroup/hearth/77",
     "memory.max",
     "/sys/fs/cgroup/hearth/66",
     "/sys/fs/cgroup/hearth/",
     "+memory"},
    {{"/sys/", "/sys/fs/", "/sys/fs/cgroup/", "/sys/fs/cgroup/cgroup.subtree_control",
      "/sys/fs/cgroup/hearth/", "/sys/fs/cgroup/hearth/cgroup.subtree_control",
      "/sys/fs/cgroup/hearth/66/", "/sys/fs/cgroup/hearth/77/", "/sys/fs/cgroup/hearth/77/pids.max",
      "/sys/fs/cgroup/hearth/77/cgroup.procs"},
     GROUP_PROCESSES,
     "/sys/fs/cgroup/hearth/77",
     "pids.max",
     "/sys/fs/cgroup/hearth/66",
     "/sys/fs/cgroup/hearth/",
     "+pids"},
};

static void a_group_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(groups); i++) {
        char root[] = "/tmp/hearth-group-XXXXXX", path[160];
        assert_non_null(mkdtemp(root));
        for (size_t j = 0; groups[i].made[j]; j++)
            make(root, groups[i].made[j], slice_ends(slice_of(groups[i].made[j]), SLICE("/")));
        assert_int_equal(group_limit(root, 77, groups[i].kind, 512, NULL), OK);
        if (groups[i].limit_in) {
            snprintf(path, sizeof path, "%s/%s", groups[i].limit_in, groups[i].file);
            expect(root, path, "512");
            snprintf(path, sizeof path, "%s/cgroup.procs", groups[i].limit_in);
            expect(root, path, "77");
            snprintf(path, sizeof path, "%s%s", root, groups[i].removed);
            assert_int_not_equal(access(path, F_OK), 0);
        }
        if (groups[i].switched) {
            snprintf(path, sizeof path, "%scgroup.subtree_control", groups[i].switched);
            expect(root, path, groups[i].on);
        }
        clear(root);
    }
}

static void the_bridge_lies_beside_us(void **state)
{
    (void)state;
    struct arena a = {0};
    struct why why = {0};
    const char *path = NULL;
    enum err e = sandbox_bridge(&a, &path, &why); /* a test lies elsewhere than the product */
    if (e) {
        assert_int_equal(e, ERR_NOT_FOUND);
        assert_non_null(strstr(why.text, "/hearth-bridge is missing"));
    } else {
        assert_true(slice_ends(slice_of(path), SLICE("/hearth-bridge")));
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(none_where_none_was_asked_for),
        cmocka_unit_test(of_nobody),
        cmocka_unit_test(a_group_counts),
        cmocka_unit_test(the_bridge_lies_beside_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
