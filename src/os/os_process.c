/* os_process: limits, clocks and the going into the background, as POSIX has them everywhere. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/os_inner.h"

/* Where "unlimited" is granted, programs that walk over all descriptors would never end. */
#define FILES_MOST 1048576u
/* What every system takes when it refuses its own hard limit (macOS: OPEN_MAX). */
#define FILES_ANYWHERE 10240u

void os_open_standard(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR); /* inherited on purpose: children need theirs too */
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

uint64_t os_raise_files(uint64_t least)
{
    struct rlimit now;
    if (getrlimit(RLIMIT_NOFILE, &now) != 0)
        return 0;
    if (now.rlim_max != RLIM_INFINITY && now.rlim_max < least) {
        struct rlimit more = {.rlim_cur = (rlim_t)least, .rlim_max = (rlim_t)least};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) /* root only */
            return least;
    }
    rlim_t most = (rlim_t)max_u64(least, FILES_MOST);
    rlim_t want = now.rlim_max == RLIM_INFINITY || now.rlim_max > most ? most : now.rlim_max;
    const rlim_t tries[] = {want, FILES_ANYWHERE};
    for (size_t i = 0; i < COUNT(tries) && now.rlim_cur < tries[i]; i++) {
        struct rlimit more = {.rlim_cur = tries[i], .rlim_max = now.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0)
            return tries[i];
    }
    return now.rlim_cur;
}

void os_no_core_dumps(void)
{
    const struct rlimit none = {0};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        errno = 0; /* lowering a limit is always granted */
    os_sys_no_dump();
}

void os_private_umask(void)
{
    umask(077);
}

/* At most three descriptors are missing, so three moves free the numbers below. */
static int above_standard(int fd)
{
    if (fd > STDERR_FILENO)
        return fd;
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int sys = errno;
    close(fd);
    errno = sys;
    return higher;
}

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

enum err os_detach(int log_fd, struct os_detached *ret, struct why *why)
{
    enum { NOTHING, FROM, TO, ALL };
    int fds[ALL] = {-1, -1, -1};
    fflush(NULL); /* else both of us would write what is waiting */
    fds[NOTHING] = above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (fds[NOTHING] < 0 || os_sys_pipe(&fds[FROM]) != 0) {
        enum err e = why_sys(why, os_err_of(errno), errno, "cannot go into the background");
        close_all(fds, ALL);
        return e;
    }
    fds[FROM] = above_standard(fds[FROM]);
    fds[TO] = above_standard(fds[TO]);
    pid_t child = fds[FROM] < 0 || fds[TO] < 0 ? -1 : fork();
    if (child < 0) {
        enum err e = why_sys(why, os_err_of(errno), errno, "cannot go into the background");
        close_all(fds, ALL);
        return e;
    }
    if (child == 0) {
        setsid();
        if (dup2(fds[NOTHING], STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
            dup2(log_fd, STDERR_FILENO) < 0)
            _exit(1);
    }
    close(fds[NOTHING]);
    close(child == 0 ? fds[FROM] : fds[TO]);
    *ret = (struct os_detached){.child = child, .ready_fd = child == 0 ? fds[TO] : fds[FROM]};
    return OK;
}

static uint64_t clock_us(clockid_t which)
{
    struct timespec now = {0};
    clock_gettime(which, &now); /* cannot fail for these two */
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

uint64_t os_wall_ms(void)
{
    return clock_us(CLOCK_REALTIME) / 1000u;
}

uint64_t os_mono_ms(void)
{
    return clock_us(CLOCK_MONOTONIC) / 1000u;
}

uint64_t os_mono_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

void os_sleep_ms(unsigned ms)
{
    const struct timespec wait = {.tv_sec = ms / 1000u, .tv_nsec = (long)(ms % 1000u) * 1000000};
    nanosleep(&wait, NULL);
}

bool os_wait(int fd, short events, uint64_t until_ms)
{
    for (;;) {
        uint64_t now = os_mono_ms();
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, now < until_ms ? (int)min_u64(until_ms - now, INT_MAX) : 0);
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}
