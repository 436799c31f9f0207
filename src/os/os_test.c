/* os_test: what os.h promises, tried in a folder of its own under the system's temporary one. */
#include "os/testing.h"

#define STRANGER 65534 /* nobody */

/* ---- folders ---- */

static void private_folder_is_made_with_its_parents(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX];
    struct why why = {0};
    int fd, again;
    umask(0);
    assert_int_equal(os_open_private_folder(under(p, "a/b/c", path), &fd, &why), ERR_NOT_FOUND);
    assert_int_equal(os_make_private_folder(path, &fd, &why), OK);
    assert_int_equal(mode_of(p->dirfd, "a"), 0700);
    assert_int_equal(mode_of(p->dirfd, "a/b/c"), 0700);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(os_make_private_folder(under(p, "a//b/./c/", path), &again, &why), OK);
    close(fd);
    close(again);
}

static void private_folder_refuses_what_others_may_change(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX];
    struct why why = {0};
    int fd = -7;
    under(p, "shared", path);
    assert_int_equal(mkdir(path, 0700), 0);
    const mode_t bad[] = {0770, 0702, 0777, 01777}, good[] = {0755, 0500, 0700};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(chmod(path, bad[i]), 0);
        assert_int_equal(os_make_private_folder(path, &fd, &why), ERR_PERMISSION);
        assert_non_null(strstr(why.text, "chmod"));
    }
    assert_int_equal(fd, -7);
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_int_equal(chmod(path, good[i]), 0);
        assert_int_equal(os_make_private_folder(path, &fd, &why), OK);
        close(fd);
    }
    if (geteuid() == 0) {
        assert_int_equal(chown(path, STRANGER, (gid_t)-1), 0);
        assert_int_equal(os_make_private_folder(path, &fd, &why), ERR_PERMISSION);
        assert_non_null(strstr(why.text, "65534"));
    }
}

static void private_folder_tells_why_not(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX], longest[PATH_MAX + 10];
    struct why why = {0};
    int fd;
    assert_int_equal(os_write_file_whole(p->dirfd, "file", SLICE("x"), 0600, &why), OK);
    assert_int_not_equal(os_make_private_folder(under(p, "file", path), &fd, &why), OK);
    assert_int_not_equal(os_make_private_folder(under(p, "file/x", path), &fd, &why), OK);
    assert_int_equal(why.sys, ENOTDIR);
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    assert_int_not_equal(os_make_private_folder(longest, &fd, &why), OK);
    assert_int_not_equal(os_make_private_folder("", &fd, &why), OK);
}

/* ---- files ---- */

static void file_is_written_whole_and_read_back(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    struct text got = {0};
    umask(077);
    assert_int_equal(os_write_file_whole(p->dirfd, "f", SLICE("first"), 0644, &why), OK);
    assert_int_equal(os_write_file_whole(p->dirfd, "f", SLICE("se\0cond"), 0640, &why), OK);
    assert_int_equal(mode_of(p->dirfd, "f"), 0640);
    assert_int_equal(os_read_file(p->dirfd, "f", 7, &got, &why), OK);
    assert_true(slice_is(text_slice(&got), SLICE("se\0cond")));
    text_fini(&got);
    char path[PATH_MAX];
    assert_int_equal(os_write_file_whole(AT_FDCWD, under(p, "g", path), SLICE(""), 0600, &why), OK);
    assert_int_equal(os_read_file(AT_FDCWD, path, 0, &got, &why), OK);
    assert_int_equal(got.len, 0);
    text_fini(&got);
    /* nothing is left beside them */
    assert_int_equal(unlinkat(p->dirfd, "f", 0), 0);
    assert_int_equal(unlinkat(p->dirfd, "g", 0), 0);
    assert_int_equal(rmdir(p->path), 0);
    assert_int_equal(mkdir(p->path, 0700), 0);
}

static void failed_write_leaves_nothing(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    assert_int_equal(mkdirat(p->dirfd, "in-the-way", 0700), 0);
    assert_int_not_equal(os_write_file_whole(p->dirfd, "in-the-way", SLICE("x"), 0600, &why), OK);
    assert_int_equal(os_write_file_whole(p->dirfd, "no/such", SLICE("x"), 0600, &why),
                     ERR_NOT_FOUND);
    assert_int_equal(unlinkat(p->dirfd, "in-the-way", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(p->path), 0); /* empty */
    assert_int_equal(mkdir(p->path, 0700), 0);
}

static void reading_is_bounded_and_never_waits(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    struct text got = {0};
    assert_int_equal(os_read_file(p->dirfd, "none", 10, &got, &why), ERR_NOT_FOUND);
    assert_int_equal(os_write_file_whole(p->dirfd, "f", SLICE("12345678"), 0600, &why), OK);
    assert_int_equal(os_read_file(p->dirfd, "f", 7, &got, &why), ERR_BODY_TOO_LARGE);
    text_clear(&got);
    assert_int_equal(mkfifoat(p->dirfd, "pipe", 0600), 0);
    assert_int_equal(os_read_file(p->dirfd, "pipe", 7, &got, &why), ERR_BAD_VALUE);
    assert_int_equal(os_read_file(p->dirfd, ".", 7, &got, &why), ERR_BAD_VALUE);
    /* files of the kernel say that they are empty */
    assert_int_equal(os_read_file(AT_FDCWD, "/proc/self/stat", 65536, &got, &why), OK);
    assert_true(got.len > 10);
    text_fini(&got);
}

static void big_files_are_read_in_pieces(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    struct text big = {0}, got = {0};
    for (int i = 0; i < 300000; i++)
        text_byte(&big, (char)('a' + i % 26));
    assert_int_equal(os_write_file_whole(p->dirfd, "big", text_slice(&big), 0600, &why), OK);
    text_add(&got, SLICE("before "));
    assert_int_equal(os_read_file(p->dirfd, "big", 300000, &got, &why), OK);
    assert_true(slice_is(slice_from(text_slice(&got), 7), text_slice(&big)));
    text_fini(&big);
    text_fini(&got);
}

static void appending_keeps_what_is_there(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    struct text got = {0};
    umask(0);
    for (int i = 0; i < 2; i++) {
        int fd;
        assert_int_equal(os_open_append(p->dirfd, "log", &fd, &why), OK);
        write_bytes(fd, "line\n");
        close(fd);
    }
    assert_int_equal(mode_of(p->dirfd, "log"), 0600);
    assert_int_equal(os_read_file(p->dirfd, "log", 100, &got, &why), OK);
    assert_true(slice_is(text_slice(&got), SLICE("line\nline\n")));
    text_fini(&got);
}

static void temporary_file_has_no_name(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int fd;
    char got[6] = "";
    assert_int_equal(os_temp_file(p->dirfd, &fd, &why), OK);
    write_bytes(fd, "spool");
    assert_int_equal(pread(fd, got, 5, 0), 5);
    assert_string_equal(got, "spool");
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    struct stat is;
    assert_int_equal(fstat(fd, &is), 0);
    assert_int_equal(is.st_nlink, 0);
    assert_int_equal(is.st_mode & 07777, 0600);
    close(fd);
}

/* ---- Unix sockets ---- */

/* A folder whose path no socket address could hold. */
static int deep_folder(const struct place *p, char path[PATH_MAX])
{
    under(p, "", path);
    for (int i = 0; i < 40; i++) {
        size_t len = strlen(path);
        snprintf(path + len, PATH_MAX - len, "/level-%02d-of-a-long-path", i);
    }
    int fd = -1;
    assert_int_equal(os_make_private_folder(path, &fd, NULL), OK);
    return fd;
}

static void echo_over(int listener, const char *path, bool nonblocking)
{
    struct why why = {0};
    int client;
    assert_int_equal(os_unix_connect(path, nonblocking, &client, &why), OK);
    assert_int_equal(fcntl(client, F_GETFD), FD_CLOEXEC);
    assert_int_equal((fcntl(client, F_GETFL) & O_NONBLOCK) != 0, nonblocking);
    int server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    write_bytes(client, "hello");
    char got[6] = "";
    assert_int_equal(read(server, got, 5), 5);
    assert_string_equal(got, "hello");
    uid_t uid = (uid_t)-1;
    assert_int_equal(os_peer_uid(server, &uid), OK);
    assert_int_equal(uid, geteuid());
    close(client);
    close(server);
}

static void socket_with_a_path_of_any_length(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX], before[PATH_MAX], after[PATH_MAX];
    struct why why = {0};
    int listener, folder = deep_folder(p, path);
    assert_true(strlen(path) > 900);
    assert_non_null(getcwd(before, sizeof before));
    umask(0);
    assert_int_equal(os_unix_listen(folder, "admin.sock", &listener, &why), OK);
    assert_int_equal(mode_of(folder, "admin.sock"), 0600);
    assert_int_equal(fcntl(listener, F_GETFD), FD_CLOEXEC);
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "/admin.sock");
    echo_over(listener, path, true);
    echo_over(listener, path, false);
    assert_non_null(getcwd(after, sizeof after));
    assert_string_equal(before, after);
    close(listener);
    close(folder);
}

static void socket_with_a_short_path(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX];
    struct why why = {0};
    int listener;
    assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), OK);
    echo_over(listener, under(p, "s", path), true);
    close(listener);
}

static void socket_names_have_a_limit(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    char name[66];
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    int listener;
    assert_int_not_equal(os_unix_listen(p->dirfd, name, &listener, &why), OK);
    assert_int_equal(why.sys, ENAMETOOLONG);
    name[64] = '\0';
    assert_int_equal(os_unix_listen(p->dirfd, name, &listener, &why), OK);
    close(listener);
}

static void stale_socket_is_replaced(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int listener, second = -7;
    assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), OK);
    assert_int_equal(os_unix_listen(p->dirfd, "s", &second, &why), ERR_BUSY);
    assert_int_equal(second, -7);
    close(listener);
    assert_int_equal(faccessat(p->dirfd, "s", F_OK, 0), 0);
    assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), OK);
    char path[PATH_MAX];
    echo_over(listener, under(p, "s", path), true);
    close(listener);
}

static void what_is_in_the_way_stays(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int listener;
    assert_int_equal(os_write_file_whole(p->dirfd, "file", SLICE("mine"), 0600, &why), OK);
    assert_int_equal(os_unix_listen(p->dirfd, "file", &listener, &why), ERR_PERMISSION);
    assert_int_equal(symlinkat("nowhere", p->dirfd, "link"), 0);
    assert_int_equal(os_unix_listen(p->dirfd, "link", &listener, &why), ERR_PERMISSION);
    struct text got = {0};
    assert_int_equal(os_read_file(p->dirfd, "file", 10, &got, &why), OK);
    assert_true(slice_is(text_slice(&got), SLICE("mine")));
    text_fini(&got);
    if (geteuid() == 0) {
        assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), OK);
        close(listener);
        assert_int_equal(fchownat(p->dirfd, "s", STRANGER, (gid_t)-1, 0), 0);
        assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), ERR_PERMISSION);
        assert_int_equal(faccessat(p->dirfd, "s", F_OK, 0), 0);
    }
}

static void connecting_tells_why_not(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX];
    struct why why = {0};
    int fd = -7, folder = deep_folder(p, path);
    size_t len = strlen(path);
    snprintf(path + len, sizeof path - len, "/admin.sock");
    assert_int_equal(os_unix_connect(path, true, &fd, &why), ERR_CONNECT_REFUSED);
    assert_int_equal(why.sys, ENOENT);
    int listener;
    assert_int_equal(os_unix_listen(folder, "admin.sock", &listener, &why), OK);
    close(listener);
    assert_int_equal(os_unix_connect(path, true, &fd, &why), ERR_CONNECT_REFUSED);
    assert_int_equal(why.sys, ECONNREFUSED);
    assert_int_equal(os_unix_connect("", true, &fd, &why), ERR_CONNECT_REFUSED);
    assert_int_equal(os_unix_connect("/nowhere/at/all", false, &fd, &why), ERR_CONNECT_REFUSED);
    assert_int_equal(fd, -7);
    close(folder);
}

/* In an untrusted folder: links, files, and other users' sockets are refused. */
static void connecting_to_a_socket_of_our_own(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX];
    struct why why = {0};
    int fd = -7, listener;
    assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), OK);
    under(p, "s", path);
    assert_int_equal(os_unix_connect_own(path, true, &fd, &why), OK);
    close(fd);
    if (geteuid() == 0) {
        assert_int_equal(fchownat(p->dirfd, "s", STRANGER, (gid_t)-1, 0), 0);
        assert_int_equal(os_unix_connect(path, true, &fd, &why), OK);
        close(fd);
        assert_int_equal(os_unix_connect_own(path, true, &fd, &why), ERR_PERMISSION);
        assert_int_equal(fchownat(p->dirfd, "s", 0, (gid_t)-1, 0), 0);
    }
    assert_int_equal(symlinkat(path, p->dirfd, "link"), 0);
    under(p, "link", path);
    assert_int_equal(os_unix_connect(path, true, &fd, &why), OK);
    close(fd);
    fd = -7;
    assert_int_equal(os_unix_connect_own(path, true, &fd, &why), ERR_PERMISSION);
    under(p, "none", path);
    assert_int_equal(os_unix_connect_own(path, true, &fd, &why), ERR_CONNECT_REFUSED);
    assert_int_equal(why.sys, ENOENT);
    assert_int_equal(os_unix_connect_own("/nowhere/at/all", true, &fd, &why), ERR_CONNECT_REFUSED);
    assert_int_equal(fd, -7);
    close(listener);
}

static void connecting_never_waits_for_a_full_queue(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX];
    struct why why = {0};
    int listener, fds[600], n = 0;
    assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), OK);
    under(p, "s", path);
    enum err e = OK;
    while (!e && n < 600) {
        e = os_unix_connect(path, false, &fds[n], &why);
        n += e == OK;
    }
    assert_int_equal(e, ERR_CONNECT_REFUSED);
    assert_int_equal(why.sys, EAGAIN);
    int second;
    assert_int_equal(os_unix_listen(p->dirfd, "s", &second, &why), ERR_BUSY);
    while (n)
        close(fds[--n]);
    close(listener);
}

static int peer_of_stranger(const struct place *p)
{
    char path[PATH_MAX];
    int fd;
    if (setuid(STRANGER) != 0)
        return 1;
    enum err e = os_unix_connect(under(p, "s", path), false, &fd, NULL);
    return e ? 2 : 0;
}

static void peer_is_who_it_is(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int listener;
    if (geteuid() != 0)
        skip();
    assert_int_equal(os_unix_listen(p->dirfd, "s", &listener, &why), OK);
    assert_int_equal(fchmodat(p->dirfd, "s", 0666, 0), 0);
    assert_int_equal(chmod(p->path, 0755), 0);
    assert_int_equal(run(peer_of_stranger, p), 0);
    int server = accept(listener, NULL, NULL);
    uid_t uid = 0;
    assert_int_equal(os_peer_uid(server, &uid), OK);
    assert_int_equal(uid, STRANGER); /* though it is gone by now */
    close(server);
    close(listener);
    assert_int_not_equal(os_peer_uid(p->dirfd, &uid), OK);
}

/* ---- the process ---- */

static int raise_files_in_child(const struct place *p)
{
    (void)p;
    struct rlimit low = {.rlim_cur = 64, .rlim_max = 200}, now;
    if (setrlimit(RLIMIT_NOFILE, &low) != 0)
        return 1;
    uint64_t got = os_raise_files(100);
    if (getrlimit(RLIMIT_NOFILE, &now) != 0 || got != now.rlim_cur || got != 200)
        return 2;
    got = os_raise_files(5000); /* only who has the capability may pass the hard limit */
    if (got != 5000 && got != 200)
        return 3;
    os_no_core_dumps();
    return getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_cur == 0 && now.rlim_max == 0 ? 0 : 4;
}

static int close_standard_in_child(const struct place *p)
{
    (void)p;
    close(0);
    close(2);
    os_open_standard();
    int next = dup(1);
    char byte;
    return next > 2 && read(0, &byte, 1) == 0 && write(2, "x", 1) == 1 ? 0 : 1;
}

static void limits_and_standard_files(void **state)
{
    assert_int_equal(run(raise_files_in_child, *state), 0);
    assert_int_equal(run(close_standard_in_child, *state), 0);
}

static void footprint_is_read_from_the_root_given(void **state)
{
    struct place *p = *state;
    char path[PATH_MAX];
    struct os_memory is = {0};
    size_t n = 0;
    int fd;
    assert_int_equal(os_memory_of("", 0, &is), OK);
    assert_true(is.rss > 100000 && is.anonymous > 10000);
    assert_int_equal(os_memory_of("", getppid(), &is), OK);
    assert_true(is.rss > 100000);
    assert_int_equal(os_memory_of("", INT_MAX, &is), ERR_NOT_FOUND); /* nobody's */
    assert_int_equal(os_open_files_self("", &n), OK);
    int more = dup(0);
    size_t with_more;
    assert_int_equal(os_open_files_self("", &with_more), OK);
    assert_int_equal(with_more, n + 1);
    close(more);

    assert_int_equal(os_memory_of(p->path, 0, &is), ERR_NOT_FOUND);
    assert_int_equal(os_make_private_folder(under(p, "proc/self/fd", path), &fd, NULL), OK);
    close(fd);
    under(p, "proc/self/status", path);
    const struct {
        struct slice status;
        enum err e;
        struct os_memory is;
    } cases[] = {
        {SLICE("Name:\tx\nVmRSS:\t   100 kB\nRssAnon:\t 40 kB\n"), OK, {102400, 40960}},
        {SLICE("VmRSS:\t100 kB"), OK, {102400, 102400}},
        {SLICE("VmRSS:\t100 MB"), ERR_SYSTEM, {0}},
        {SLICE("VmRSS:\t-1 kB"), ERR_SYSTEM, {0}},
        {SLICE("VmRSS:"), ERR_SYSTEM, {0}},
        {SLICE(""), ERR_SYSTEM, {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        is = (struct os_memory){0};
        assert_int_equal(os_write_file_whole(AT_FDCWD, path, cases[i].status, 0600, NULL), OK);
        assert_int_equal(os_memory_of(p->path, 0, &is), cases[i].e);
        assert_int_equal(is.rss, cases[i].is.rss);
        assert_int_equal(is.anonymous, cases[i].is.anonymous);
    }
    assert_int_equal(
        os_write_file_whole(AT_FDCWD, under(p, "proc/self/fd/0", path), SLICE(""), 0600, NULL), OK);
    assert_int_equal(os_open_files_self(p->path, &n), OK);
    assert_int_equal(n, 1);
}

static void detached_child_talks_over_the_pipe_and_the_log(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    struct os_detached d;
    int log;
    assert_int_equal(os_open_append(p->dirfd, "log", &log, &why), OK);
    printf("#"); /* waits in the buffer: it must not come out twice */
    assert_int_equal(os_detach(log, &d, &why), OK);
    if (d.child == 0) {
        char byte;
        bool good = getsid(0) == getpid() && read(0, &byte, 1) == 0 &&
                    fcntl(d.ready_fd, F_GETFD) == FD_CLOEXEC;
        printf("out\n");
        fflush(stdout);
        fprintf(stderr, "err\n");
        dprintf(d.ready_fd, "ready %d\n", good);
        _exit(78);
    }
    printf(" one line\n");
    char got[16] = "";
    assert_int_equal(read(d.ready_fd, got, sizeof got - 1), 8);
    assert_string_equal(got, "ready 1\n");
    assert_int_equal(read(d.ready_fd, got, 1), 0); /* its end shows */
    int status;
    assert_int_equal(waitpid(d.child, &status, 0), d.child);
    assert_int_equal(WEXITSTATUS(status), 78);
    struct text words = {0};
    assert_int_equal(os_read_file(p->dirfd, "log", 100, &words, &why), OK);
    assert_true(slice_is(text_slice(&words), SLICE("out\nerr\n")));
    text_fini(&words);
    close(d.ready_fd);
    close(log);
}

static void clocks_and_randomness(void **state)
{
    (void)state;
    unsigned char a[1000] = {0}, b[1000] = {0};
    os_random(a, sizeof a);
    os_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    size_t zeros = 0;
    for (size_t i = 0; i < sizeof a; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 50);
    os_random(a, 0);
    uint64_t ms = os_mono_ms(), us = os_mono_us();
    os_sleep_ms(20);
    assert_true(os_mono_us() - us >= 20000);
    assert_true(os_mono_ms() - ms >= 19);
    assert_true(os_wall_ms() > 1700000000000u);
    (void)os_has_loopback6(); /* both answers are right somewhere */
}

static void waiting_ends_with_bytes_or_its_time(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    uint64_t began = os_mono_ms();
    assert_false(os_wait(ends[0], POLLIN, began + 30));
    assert_true(os_mono_ms() - began >= 30);
    assert_true(os_wait(ends[1], POLLOUT, 0)); /* what is there already needs no time */
    assert_true(os_write_all(ends[1], SLICE("x")));
    assert_true(os_wait(ends[0], POLLIN, os_mono_ms() + 10000));
    close(ends[0]);
    close(ends[1]);
}

static void errors_of_the_system_have_their_kind(void **state)
{
    (void)state;
    assert_int_equal(os_err_of(0), OK);
    assert_int_equal(os_err_of(EACCES), ERR_PERMISSION);
    assert_int_equal(os_err_of(ENOSPC), ERR_DISK);
    assert_int_equal(os_err_of(ENOMEM), ERR_NO_MEMORY);
    assert_int_equal(os_err_of(ENOENT), ERR_NOT_FOUND);
    assert_int_equal(os_err_of(EXDEV), ERR_SYSTEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRY(private_folder_is_made_with_its_parents),
        TRY(private_folder_refuses_what_others_may_change),
        TRY(private_folder_tells_why_not),
        TRY(file_is_written_whole_and_read_back),
        TRY(failed_write_leaves_nothing),
        TRY(reading_is_bounded_and_never_waits),
        TRY(big_files_are_read_in_pieces),
        TRY(appending_keeps_what_is_there),
        TRY(temporary_file_has_no_name),
        TRY(socket_with_a_path_of_any_length),
        TRY(socket_with_a_short_path),
        TRY(socket_names_have_a_limit),
        TRY(stale_socket_is_replaced),
        TRY(what_is_in_the_way_stays),
        TRY(connecting_tells_why_not),
        TRY(connecting_to_a_socket_of_our_own),
        TRY(connecting_never_waits_for_a_full_queue),
        TRY(peer_is_who_it_is),
        TRY(limits_and_standard_files),
        TRY(footprint_is_read_from_the_root_given),
        TRY(detached_child_talks_over_the_pipe_and_the_log),
        TRY(clocks_and_randomness),
        TRY(waiting_ends_with_bytes_or_its_time),
        TRY(errors_of_the_system_have_their_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
