/* os_linux: what only Linux has, or has in its own way. See os_inner.h and os.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/os_inner.h"

int os_sys_socket(int family, bool nonblocking)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | (nonblocking ? SOCK_NONBLOCK : 0), 0);
}

int os_sys_pin(int dirfd, const char *name, struct stat *ret_is, char *path, size_t room)
{
    int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    *ret_is = (struct stat){0};
    if (fd >= 0)
        (void)fstat(fd, ret_is); /* zeros are no socket */
    snprintf(path, room, "/proc/self/fd/%d", fd);
    return fd;
}

int os_sys_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

int os_sys_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC);
}

int os_sys_unnamed_file(int dirfd)
{
    int fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    /* Old kernels say EISDIR, file systems that cannot say EOPNOTSUPP, some layers EINVAL. */
    if (fd < 0 && (errno == EISDIR || errno == EOPNOTSUPP || errno == EINVAL || errno == ENOENT))
        errno = ENOTSUP;
    return fd;
}

int os_sys_sync(int fd)
{
    return fdatasync(fd);
}

/* A collector that core_pattern pipes to gets dumps whatever the limit is; with this filter what
 * it gets holds no memory. Children inherit it, which is as wanted. */
void os_sys_no_dump(void)
{
    int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "0\n", 2) != 2)
        errno = 0; /* a kernel without core dumps */
    close(fd);
}

bool os_sys_folder_path(int dirfd, char *path, size_t room)
{
    snprintf(path, room, "/proc/self/fd/%d", dirfd);
    return access(path, F_OK) == 0; /* no /proc, no path */
}

enum err os_peer_uid(int fd, uid_t *ret_uid)
{
    struct ucred who;
    socklen_t len = sizeof who;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
        return os_err_of(errno);
    *ret_uid = who.uid;
    return OK;
}

void os_random(void *bytes, size_t n)
{
    char *at = bytes;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno != EINTR)
            abort();
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

/* "RssAnon:      1234 kB" */
static bool find_kb(struct slice status, struct slice name, uint64_t *ret_bytes)
{
    for (struct slice line; slice_split(&status, '\n', &line);) {
        if (!slice_begins(line, name))
            continue;
        struct slice words = slice_trim(slice_from(line, name.len));
        uint64_t kb;
        if (!slice_ends(words, SLICE(" kB")) ||
            !slice_u64(slice_trim(slice_to(words, words.len - 3)), &kb))
            return false;
        *ret_bytes = kb * 1024;
        return true;
    }
    return false;
}

enum err os_memory_of(const char *root, pid_t pid, struct os_memory *ret_memory)
{
    char path[PATH_MAX], who[24] = "self";
    struct text status = {0};
    struct os_memory is = {0};
    if (pid)
        snprintf(who, sizeof who, "%ld", (long)pid);
    snprintf(path, sizeof path, "%s/proc/%s/status", root, who);
    enum err e = os_read_file(AT_FDCWD, path, 65536, &status, NULL);
    if (!e && !find_kb(text_slice(&status), SLICE("VmRSS:"), &is.rss))
        e = ERR_SYSTEM;
    if (!e && !find_kb(text_slice(&status), SLICE("RssAnon:"), &is.anonymous))
        is.anonymous = is.rss; /* some containers' kernels do not tell: at most that */
    text_fini(&status);
    if (!e)
        *ret_memory = is;
    return e;
}

enum err os_open_files_self(const char *root, size_t *ret_n)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc/self/fd", root);
    DIR *fds = opendir(path);
    if (!fds)
        return os_err_of(errno);
    size_t n = 0;
    for (const struct dirent *entry; (entry = readdir(fds));)
        n += entry->d_name[0] != '.';
    closedir(fds);
    /* The folder's own descriptor was open while we counted, if it is ours. */
    *ret_n = n - (*root == '\0' && n > 0);
    return OK;
}

bool os_fact(const char *name, char *into, size_t room)
{
    ssize_t n = strcmp(name, "program") ? 0 : readlink("/proc/self/exe", into, room);
    if (n <= 0 || (size_t)n >= room)
        return false;
    into[n] = '\0';
    return true;
}

/* The kernel lets a thread's timers fire up to 50 us late, to save power; who measures waits with
 * this poller, and wants them on time. */
enum err os_poll_open(int *ret_poll)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0)
        return os_err_of(errno);
    if (prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) != 0)
        errno = 0;
    *ret_poll = fd;
    return OK;
}

enum err os_poll_add(int poll, int fd, void *owner)
{
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                 .data.ptr = owner};
    return epoll_ctl(poll, EPOLL_CTL_ADD, fd, &wanted) == 0 ? OK : os_err_of(errno);
}

size_t os_poll_wait(int poll, struct os_ready *ready, size_t most, uint64_t wait_us)
{
    struct epoll_event events[OS_READY_MOST];
    int room = (int)min_size(most, OS_READY_MOST);
    struct timespec wait = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};
    int n = epoll_pwait2(poll, events, room, &wait, NULL);
    if (n < 0 && errno == ENOSYS) /* before Linux 5.11 */
        n = epoll_wait(poll, events, room, (int)min_u64((wait_us + 999) / 1000, INT_MAX));
    for (int i = 0; i < n; i++) {
        uint32_t is = events[i].events;
        bool broken = is & (EPOLLERR | EPOLLHUP);
        ready[i] = (struct os_ready){.owner = events[i].data.ptr,
                                     .readable = broken || is & (EPOLLIN | EPOLLRDHUP),
                                     .writable = broken || is & EPOLLOUT};
    }
    return n > 0 ? (size_t)n : 0;
}
