/* testing: a folder of its own for each test of this room, and a child to do something there. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

struct place {
    char path[PATH_MAX];
    int dirfd;
};

static inline int remove_one(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is, (void)kind, (void)at;
    return remove(path);
}

static inline int setup(void **state)
{
    struct place *p = test_calloc(1, sizeof *p);
    const char *temporary = getenv("TMPDIR");
    snprintf(p->path, sizeof p->path, "%s/os-test-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(p->path))
        return -1;
    p->dirfd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = p;
    return p->dirfd < 0 ? -1 : 0;
}

static inline int teardown(void **state)
{
    struct place *p = *state;
    close(p->dirfd);
    nftw(p->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    test_free(p);
    return 0;
}

static inline const char *under(const struct place *p, const char *name, char path[PATH_MAX])
{
    size_t len = strlen(p->path);
    memcpy(path, p->path, len);
    snprintf(path + len, PATH_MAX - len, "/%s", name);
    return path;
}

static inline mode_t mode_of(int dirfd, const char *name)
{
    struct stat is;
    assert_int_equal(fstatat(dirfd, name, &is, AT_SYMLINK_NOFOLLOW), 0);
    return is.st_mode & 07777;
}

static inline void write_bytes(int fd, const char *bytes)
{
    assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
}

static inline int run(int (*child)(const struct place *), const struct place *p)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(p));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

#define TRY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
