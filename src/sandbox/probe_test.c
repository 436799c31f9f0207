/* probe_test: what the probe makes of each kind of bubblewrap and of system: bubblewraps that are
 * scripts, systems that are folders. And the real one, where there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "sandbox/inside.h"

/* What a good one does: tells a pid, waits to be let go, ends well. */
#define GOOD "echo '{ \"child-pid\": 1 }' >&3; read -r x <&4; exit 0"
#define OLD(flag)                                                                                  \
    "for w in \"$@\"; do [ \"$w\" != " flag " ] || { echo \"bwrap: Unknown option " flag           \
    "\" >&2; exit 1; }; done; "
#define SAYS(words) "echo 'bwrap: " words "' >&2; exit 1"
#define NO_UID "setting up uid map: Permission denied"
#define KERNEL "/proc/sys/kernel/"
#define MOUNTED "/proc/self/mountinfo", "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"

static const struct {
    const char *script; /* NULL: none on PATH */
    struct {
        const char *path, *says;
    } files[3];   /* of the system; "": none, the last */
    bool as_user; /* root is not kept from anything by these */
    enum sandbox_kind kind;
    unsigned without;
    const char *why, *mend; /* parts of it */
} cases[] = {
    {GOOD, {{MOUNTED}}, false, SANDBOX_BUBBLEWRAP, 0, "", ""},
    {OLD("--disable-userns") GOOD,
     {{MOUNTED}},
     false,
     SANDBOX_BUBBLEWRAP,
     1,
     "--disable-userns",
     ""},
    {OLD("--disable-userns") OLD("--size") GOOD,
     {{MOUNTED}},
     false,
     SANDBOX_BUBBLEWRAP,
     3,
     "--size",
     ""},
    {"case \"$*\" in *--disable-userns*) " SAYS(
         "cannot open /proc/sys/user/max_user_namespaces") ";; esac; " GOOD,
     {{MOUNTED}},
     false,
     SANDBOX_BUBBLEWRAP,
     1,
     "filter of calls",
     ""},
    {OLD("--as-pid-1") GOOD,
     {{MOUNTED}},
     false,
     SANDBOX_NONE,
     0,
     "Unknown option --as-pid-1",
     "docs/sandbox.md"},
    {NULL, {{MOUNTED}}, false, SANDBOX_NONE, 0, "not installed", "apt-get install bubblewrap"},
    {SAYS(NO_UID),
     {{MOUNTED}, {KERNEL "apparmor_restrict_unprivileged_userns", "1\n"}},
     true,
     SANDBOX_NONE,
     0,
     "AppArmor",
     "apparmor_restrict_unprivileged_userns=0"},
    {SAYS(NO_UID),
     {{MOUNTED}, {KERNEL "apparmor_restrict_unprivileged_userns", "0\n"}},
     true,
     SANDBOX_NONE,
     0,
     "uid map: Permission denied",
     "docs/sandbox.md"},
    {SAYS("x"),
     {{MOUNTED}, {KERNEL "unprivileged_userns_clone", "0\n"}},
     true,
     SANDBOX_NONE,
     0,
     "no user namespaces for users",
     "unprivileged_userns_clone=1"},
    {SAYS("x"),
     {{MOUNTED}, {"/proc/sys/user/max_user_namespaces", "0\n"}},
     false,
     SANDBOX_NONE,
     0,
     "no user namespaces",
     "max_user_namespaces=15000"},
    {SAYS("Can''t mount proc"),
     {{MOUNTED}, {"/.dockerenv", "x"}},
     false,
     SANDBOX_NONE,
     0,
     "container",
     "on the host"},
    {SAYS("x"),
     {{"/proc/self/mountinfo", "22 1 8:1 / /proc rw - proc proc rw\n"}},
     false,
     SANDBOX_NONE,
     0,
     "chroot",
     "outside the chroot"},
    {"exit 0", {{MOUNTED}}, false, SANDBOX_NONE, 0, "cannot make a sandbox", "docs/sandbox.md"},
    {"echo '{ \"child-pid\": 1 }' >&3; read -r x <&4; exit 3",
     {{MOUNTED}},
     false,
     SANDBOX_NONE,
     0,
     "cannot make a sandbox",
     "docs/sandbox.md"},
    {"printf 'bwrap: a\\033[31mb\\n\\n' >&2; exit 1",
     {{MOUNTED}},
     false,
     SANDBOX_NONE,
     0,
     "a\\x1b[31mb",
     ""},
};

static int remove_one(const char *path, const struct stat *is, int kind, struct FTW *where)
{
    (void)is;
    (void)kind;
    (void)where;
    return remove(path);
}

static void write_file(const char *root, const char *path, const char *words, mode_t mode)
{
    char whole[256], folder[256];
    int folder_fd;
    snprintf(whole, sizeof whole, "%s%s", root, path);
    snprintf(folder, sizeof folder, "%s", whole);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(os_make_private_folder(folder, &folder_fd, NULL), OK);
    assert_int_equal(
        os_write_file_whole(folder_fd, strrchr(whole, '/') + 1, slice_of(words), mode, NULL), OK);
    close(folder_fd);
}

static void try_case(size_t i, const char *root)
{
    char path[300], script[1200];
    struct sandbox_verdict v;
    for (size_t f = 0; f < COUNT(cases[i].files) && cases[i].files[f].path; f++)
        write_file(root, cases[i].files[f].path, cases[i].files[f].says, 0600);
    if (cases[i].script) {
        snprintf(script, sizeof script, "#!/bin/sh\n%s\n", cases[i].script);
        write_file(root, "/bin/bwrap", script, 0700);
    }
    snprintf(path, sizeof path, "PATH=relative::/nowhere:%s/bin:/also/nowhere", root);
    const char *const environment[] = {"HOME=/", path, NULL};
    sandbox_probe(environment, root, &v);
    if (v.kind != cases[i].kind || v.without != cases[i].without || !strstr(v.why, cases[i].why) ||
        !strstr(v.mend, cases[i].mend))
        fail_msg("case %zu: kind %d, without %u, why '%s', mend '%s'", i, (int)v.kind, v.without,
                 v.why, v.mend);
    if (cases[i].kind == SANDBOX_NONE)
        assert_true(v.why[0] && v.mend[0]);
    else
        assert_non_null(strstr(v.program, "/bin/bwrap"));
}

static void what_is_said_of_each(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char root[] = "/tmp/hearth-probe-XXXXXX";
        if (cases[i].as_user && geteuid() == 0)
            continue;
        assert_non_null(mkdtemp(root));
        try_case(i, root);
        assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    }
}

static void one_that_hangs_is_ended(void **state)
{
    char root[] = "/tmp/hearth-probe-XXXXXX", path[64];
    struct sandbox_verdict v;
    (void)state;
    assert_non_null(mkdtemp(root));
    write_file(root, "/bin/bwrap", "#!/bin/sh\nexec sleep 60\n", 0700);
    write_file(root, "/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 x rw\n", 0600);
    snprintf(path, sizeof path, "PATH=%s/bin", root);
    const char *const environment[] = {path, NULL};
    uint64_t began_ms = os_mono_ms();
    sandbox_probe(environment, root, &v);
    assert_true(os_mono_ms() - began_ms < 9000);
    assert_int_equal(v.kind, SANDBOX_NONE);
    assert_non_null(strstr(v.why, "did nothing for 5 s"));
    assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

/* Where it is installed, either it works or the probe has words for why not. */
static void the_real_one(void **state)
{
    const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};
    struct sandbox_verdict v;
    (void)state;
    sandbox_probe(environment, "", &v);
    if (v.kind == SANDBOX_NONE)
        assert_true(v.why[0] && v.mend[0]);
    print_message("# %s%s%s\n", v.kind == SANDBOX_NONE ? "none" : v.program, v.why[0] ? ": " : "",
                  v.why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_of_each),
        cmocka_unit_test(one_that_hangs_is_ended),
        cmocka_unit_test(the_real_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
