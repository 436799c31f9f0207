/* os_files: folders, files and the lock, as POSIX has them everywhere. See os.h. Each call that a
 * signal may break off is made again. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os_inner.h"

#define NAME_TRIES 8

enum err os_err_of(int sys)
{
    switch (sys) {
    case 0:
        return OK;
    case EACCES:
    case EPERM:
        return ERR_PERMISSION;
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EROFS:
    case EFBIG:
        return ERR_DISK;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_SYSTEM;
    }
}

static int open_at(int dirfd, const char *name, int flags)
{
    int fd;
    do {
        fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOCTTY, 0600);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

/* Every part of the path but the last. Folders that exist are no failure, whatever the system
 * says about making them: some say EROFS or EACCES before EEXIST. */
static enum err make_folders(const char *path, struct why *why)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return why_sys(why, ERR_BAD_VALUE, ENAMETOOLONG, "cannot make the folder %.200s", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        struct stat is;
        int sys = mkdir(part, 0700) == 0 ? 0 : errno;
        if (sys && stat(part, &is) == 0)
            sys = S_ISDIR(is.st_mode) ? 0 : ENOTDIR;
        if (sys)
            return why_sys(why, os_err_of(sys), sys, "cannot make the folder %.200s", part);
        part[i] = path[i];
    }
    return OK;
}

static enum err check_private(int fd, const char *path, struct why *why)
{
    struct stat is;
    if (fstat(fd, &is) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot look at the folder %.200s", path);
    if (is.st_uid != geteuid())
        return why_set(why, ERR_PERMISSION,
                       "the folder %.200s belongs to user %ld, not to us (user %ld)", path,
                       (long)is.st_uid, (long)geteuid());
    if (is.st_mode & (S_IWGRP | S_IWOTH))
        return why_set(why, ERR_PERMISSION,
                       "others may write to the folder %.200s; take that away: chmod go-w", path);
    return OK;
}

enum err os_open_private_folder(const char *path, int *ret_dirfd, struct why *why)
{
    int fd = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot open the folder %.200s", path);
    enum err e = check_private(fd, path, why);
    if (e) {
        close(fd);
        return e;
    }
    *ret_dirfd = fd;
    return OK;
}

enum err os_make_private_folder(const char *path, int *ret_dirfd, struct why *why)
{
    enum err e = os_open_private_folder(path, ret_dirfd, why);
    if (e != ERR_NOT_FOUND)
        return e;
    e = make_folders(path, why);
    return e ? e : os_open_private_folder(path, ret_dirfd, why);
}

int os_open_parent(int dirfd, const char *name, const char **ret_last)
{
    const char *slash = strrchr(name, '/');
    if (!slash) {
        *ret_last = name;
        return open_at(dirfd, ".", O_RDONLY | O_DIRECTORY);
    }
    char folder[PATH_MAX];
    size_t len = max_size((size_t)(slash - name), 1); /* "/x" stands in "/" */
    if (len >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, name, len);
    folder[len] = '\0';
    *ret_last = slash + 1;
    return open_at(dirfd, folder, O_RDONLY | O_DIRECTORY);
}

/* One byte more than the limit is asked for, so that a file which grew is found out. */
static enum err read_all(int fd, const char *name, size_t limit, struct text *into, struct why *why)
{
    size_t got = 0;
    for (;;) {
        size_t want = min_size(65536, limit - got + 1);
        char *room = text_room(into, want);
        if (!room)
            return why_set(why, ERR_NO_MEMORY, "no memory for %.200s", name);
        ssize_t n = read(fd, room, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return why_sys(why, os_err_of(errno), errno, "cannot read %.200s", name);
        if (n == 0)
            return OK;
        got += (size_t)n;
        into->len += (size_t)n;
        if (got > limit)
            return why_set(why, ERR_BODY_TOO_LARGE, "%.200s is larger than %zu bytes", name, limit);
    }
}

enum err os_read_file(int dirfd, const char *name, size_t limit, struct text *into, struct why *why)
{
    assert(limit < SIZE_MAX);
    /* O_NONBLOCK: opening a pipe must not wait for a writer before we see what it is. */
    int fd = open_at(dirfd, name, O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot open %.200s", name);
    struct stat is;
    enum err e;
    if (fstat(fd, &is) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot look at %.200s", name);
    else if (!S_ISREG(is.st_mode))
        e = why_set(why, ERR_BAD_VALUE, "%.200s is no regular file", name);
    else
        e = read_all(fd, name, limit, into, why);
    close(fd);
    return e;
}

enum err os_open_append(int dirfd, const char *name, int *ret_fd, struct why *why)
{
    int fd = open_at(dirfd, name, O_WRONLY | O_APPEND | O_CREAT);
    if (fd < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot open %.200s for writing", name);
    *ret_fd = fd;
    return OK;
}

/* A new file with a name that nobody has, readable and writable for us alone. */
static int open_new(int dirfd, char *name, size_t room)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        uint64_t n;
        os_random(&n, sizeof n);
        snprintf(name, room, ".new-%016llx", (unsigned long long)n);
        int fd = open_at(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

bool os_write_all(int fd, struct slice bytes)
{
    while (bytes.len) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            bytes = slice_from(bytes, (size_t)n);
    }
    return true;
}

/* Some file systems know no syncing of folders and say EINVAL. */
static bool sync_folder(int folder)
{
    return fsync(folder) == 0 || errno == EINVAL;
}

enum err os_write_file_whole(int dirfd, const char *name, struct slice bytes, mode_t mode,
                             struct why *why)
{
    char temporary[32] = "";
    const char *last;
    int fd = -1, folder = os_open_parent(dirfd, name, &last);
    bool done = false;
    if (folder >= 0)
        fd = open_new(folder, temporary, sizeof temporary);
    if (fd >= 0)
        done = fchmod(fd, mode) == 0 && os_write_all(fd, bytes) && os_sys_sync(fd) == 0 &&
               renameat(folder, temporary, folder, last) == 0 && sync_folder(folder);
    enum err e = OK;
    if (!done)
        e = why_sys(why, os_err_of(errno), errno, "cannot write %.200s", name);
    if (fd >= 0) {
        if (!done)
            unlinkat(folder, temporary, 0); /* not there any more if only the last sync failed */
        close(fd);
    }
    if (folder >= 0)
        close(folder);
    return e;
}

enum err os_temp_file(int dirfd, int *ret_fd, struct why *why)
{
    int fd = os_sys_unnamed_file(dirfd);
    if (fd < 0 && errno == ENOTSUP) {
        char name[32];
        fd = open_new(dirfd, name, sizeof name);
        if (fd >= 0)
            unlinkat(dirfd, name, 0);
    }
    if (fd < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot make a temporary file");
    *ret_fd = fd;
    return OK;
}

/* ---- the lock ---- */

#define LOCK_TRIES 20 /* 40 ms in all */
#define LEFT_TRIES                                                                                 \
    1000 /* 2 s: a child that outlives who had the lock ends soon, or runs something */

/* What its holder wrote, 0: nothing yet. */
static pid_t written_pid(int fd)
{
    char words[24];
    ssize_t n = pread(fd, words, sizeof words, 0);
    struct slice pid = {words, n > 0 ? (size_t)n : 0};
    uint64_t number = 0;
    if (!slice_u64(slice_to(pid, slice_find(pid, '\n')), &number) || number > INT_MAX)
        return 0;
    return (pid_t)number;
}

static bool is_dead(pid_t pid)
{
    return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

/* flock and not fcntl: a lock of fcntl's is lost when any descriptor of the file is closed. Who
 * only looks (os_lock_holder) holds the lock for a few µs, or for a time slice when it is unlucky,
 * so a first refusal is not believed. And who was killed while it started a program leaves the lock
 * to a child that is about to end. */
static bool take_lock(int fd)
{
    for (int i = 0; i < LOCK_TRIES || (i < LEFT_TRIES && is_dead(written_pid(fd))); i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return true;
        if (errno != EINTR && errno != EWOULDBLOCK)
            return false;
        os_sleep_ms(2);
    }
    errno = EWOULDBLOCK;
    return false;
}

/* False when somebody removed the file between our opening and our locking of it: then another
 * process may hold the lock of a newer one. */
static bool is_still_named(int dirfd, const char *name, int fd)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && fstatat(dirfd, name, &named, 0) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

enum err os_lock_file(int dirfd, const char *name, int *ret_fd, struct why *why)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        int fd = open_at(dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW);
        if (fd < 0)
            return why_sys(why, os_err_of(errno), errno, "cannot open the lock %.200s", name);
        if (!take_lock(fd)) {
            int sys = errno;
            close(fd);
            if (sys == EWOULDBLOCK)
                return why_set(why, ERR_BUSY, "another process holds the lock %.200s", name);
            return why_sys(why, os_err_of(sys), sys, "cannot lock %.200s", name);
        }
        if (!is_still_named(dirfd, name, fd)) {
            close(fd);
            continue;
        }
        char pid[24];
        int len = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
        /* The lock is what counts: on a full disk it is held without a readable pid. */
        if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
            errno = 0;
        *ret_fd = fd;
        return OK;
    }
    return why_set(why, ERR_SYSTEM, "the lock %.200s is removed again and again", name);
}

enum err os_lock_holder(int dirfd, const char *name, pid_t *ret_pid)
{
    int fd = open_at(dirfd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_RUNNING : os_err_of(errno);
    bool free_now = flock(fd, LOCK_SH | LOCK_NB) == 0;
    pid_t pid = free_now ? 0 : written_pid(fd);
    close(fd); /* and with it our lock */
    if (free_now)
        return ERR_NOT_RUNNING;
    *ret_pid = pid;
    return OK;
}
