/* os_lock_test: one daemon a home, whoever dies and whoever looks. */
#include "os/testing.h"

static int lock_in_child(const struct place *p)
{
    int fd;
    struct why why = {0};
    return os_lock_file(p->dirfd, "lock", &fd, &why) == ERR_BUSY && why.code == ERR_BUSY ? 7 : 8;
}

/* Deeper than any path may be long, links out of it, and folders that nobody may look into. */
static void folder_is_removed_whatever_is_in_it(void **state)
{
    const struct place *p = *state;
    char path[PATH_MAX], file[PATH_MAX];
    assert_int_equal(mkdirat(p->dirfd, "f", 0700), 0);
    int fd = openat(p->dirfd, "f", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(openat(p->dirfd, "outside", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(symlinkat(p->path, fd, "out"), 0);
        close(openat(fd, "moved-up-3", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        assert_int_equal(mkdirat(fd, "deeper", 0700), 0);
        int inner = openat(fd, "deeper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(fchmod(fd, i % 2 ? 0 : 0700), 0);
        close(fd);
        fd = inner;
    }
    close(fd);
    assert_int_equal(os_remove_folder(under(p, "f", path), 100), ERR_TOO_MANY);
    assert_int_equal(os_remove_folder(under(p, "f", path), 100000), OK);
    assert_int_equal(os_remove_folder(under(p, "f", path), 100000), ERR_NOT_FOUND);
    assert_int_equal(access(under(p, "outside", file), F_OK), 0);
    assert_int_equal(os_remove_folder(under(p, "outside", file), 10), ERR_NOT_FOUND);
    assert_int_equal(access(file, F_OK), 0);
}

static void lock_is_held_by_one(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int fd;
    pid_t pid = -1;
    assert_int_equal(os_lock_holder(p->dirfd, "lock", &pid), ERR_NOT_RUNNING);
    assert_int_equal(os_lock_file(p->dirfd, "lock", &fd, &why), OK);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(os_lock_holder(p->dirfd, "lock", &pid), OK);
    assert_int_equal(pid, getpid());
    uint64_t began = os_mono_ms();
    assert_int_equal(run(lock_in_child, p), 7);
    assert_true(os_mono_ms() - began < 2000);
    assert_int_equal(os_lock_holder(p->dirfd, "lock", &pid), OK); /* looking took nothing away */
    close(fd);
    assert_int_equal(os_lock_holder(p->dirfd, "lock", &pid), ERR_NOT_RUNNING);
    assert_int_equal(os_lock_file(p->dirfd, "lock", &fd, &why), OK);
    close(fd);
}

static void lock_dies_with_its_process(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int ready[2], fd;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char yes = os_lock_file(p->dirfd, "lock", &fd, NULL) == OK;
        if (write(ready[1], &yes, 1) == 1)
            pause();
        _exit(1);
    }
    char yes = 0;
    assert_int_equal(read(ready[0], &yes, 1), 1);
    assert_int_equal(yes, 1);
    pid_t pid = -1;
    assert_int_equal(os_lock_holder(p->dirfd, "lock", &pid), OK);
    assert_int_equal(pid, child);
    assert_int_equal(os_lock_file(p->dirfd, "lock", &fd, &why), ERR_BUSY);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(os_lock_file(p->dirfd, "lock", &fd, &why), OK);
    close(fd);
    close(ready[0]);
    close(ready[1]);
}

/* Killed between fork and exec: a child of it has the lock for a moment more. */
static void a_lock_that_was_left_is_waited_for(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int ready[2], fd;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        char yes = os_lock_file(p->dirfd, "lock", &fd, NULL) == OK;
        if (fork() == 0) {
            os_sleep_ms(300);
            _exit(0);
        }
        _exit(write(ready[1], &yes, 1) == 1 ? 0 : 1);
    }
    char yes = 0;
    assert_int_equal(read(ready[0], &yes, 1), 1);
    assert_int_equal(yes, 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(os_lock_file(p->dirfd, "lock", &fd, &why), OK);
    close(fd);
    close(ready[0]);
    close(ready[1]);
}

static void looking_at_the_lock_makes_nobody_busy(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    pid_t child = fork();
    if (child == 0) {
        for (;;) {
            pid_t pid;
            if (os_lock_holder(p->dirfd, "lock", &pid) == ERR_SYSTEM)
                _exit(1);
            usleep(200);
        }
    }
    int refused = 0;
    for (int i = 0; i < 300; i++) {
        int fd;
        enum err e = os_lock_file(p->dirfd, "lock", &fd, &why);
        refused += e != OK;
        if (!e)
            close(fd);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(refused, 0);
}

static void lock_with_rubbish_in_it(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    int fd;
    assert_int_equal(os_write_file_whole(p->dirfd, "lock", SLICE("99999999999999\nx"), 0600, &why),
                     OK);
    pid_t pid = -1;
    assert_int_equal(os_lock_holder(p->dirfd, "lock", &pid), ERR_NOT_RUNNING);
    assert_int_equal(os_lock_file(p->dirfd, "lock", &fd, &why), OK);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(os_lock_holder(p->dirfd, "lock", &pid), OK);
    assert_int_equal(pid, 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRY(folder_is_removed_whatever_is_in_it),
        TRY(lock_is_held_by_one),
        TRY(lock_dies_with_its_process),
        TRY(a_lock_that_was_left_is_waited_for),
        TRY(looking_at_the_lock_makes_nobody_busy),
        TRY(lock_with_rubbish_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
