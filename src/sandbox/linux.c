/* linux: the parts of the sandbox that are system calls of Linux: the filter as a file, limits of
 * another process, where this program lies. elsewhere.c stands in on other systems. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "os/os.h"
#include "sandbox/inside.h"

#define BRIDGE_NAME "hearth-bridge"

enum err sandbox_seccomp(bool devices, int *ret_fd, struct why *why)
{
    struct filter_step steps[FILTER_MOST];
    _Static_assert(sizeof *steps == 8, "as struct sock_filter");
    struct slice bytes = {(const char *)steps, filter_make(devices, steps) * sizeof *steps};
    int fd = memfd_create("hearth-seccomp", MFD_CLOEXEC);
    if (fd < 0 || !os_write_all(fd, bytes) || lseek(fd, 0, SEEK_SET) != 0) {
        enum err e = why_sys(why, os_err_of(errno), errno, "cannot make the filter of calls");
        if (fd >= 0)
            close(fd);
        return e;
    }
    *ret_fd = fd;
    return OK;
}

/* After an update the program's name is not right any more; the folder is. */
enum err sandbox_bridge(struct arena *a, const char **ret_path, struct why *why)
{
    char own[PATH_MAX];
    if (!os_fact("program", own, sizeof own))
        return why_sys(why, ERR_SYSTEM, errno, "cannot tell where this program lies");
    size_t folder = strlen(own);
    while (folder && own[folder - 1] != '/')
        folder--;
    struct slice path = arena_format(a, "%.*s" BRIDGE_NAME, (int)folder, own);
    if (!path.ptr)
        return why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (access(path.ptr, X_OK) != 0)
        return why_sys(why, os_err_of(errno), errno,
                       "%.200s is missing or cannot be run: install hearth again", path.ptr);
    *ret_path = path.ptr;
    return OK;
}

enum err sandbox_seen(int pid, const char *name, struct arena *a, const char **ret_path)
{
    struct slice path = arena_format(a, "/proc/%d/root" SANDBOX_PRIVATE "/%s", pid, name);
    if (!path.ptr)
        return ERR_NO_MEMORY;
    *ret_path = path.ptr;
    return OK;
}

/* ---- limits --------------------------------------------------------------------------------- */

static enum err limit(int pid, int what, uint64_t most, struct why *why)
{
    const struct rlimit both = {.rlim_cur = (rlim_t)most, .rlim_max = (rlim_t)most};
    if (prlimit(pid, (enum __rlimit_resource)what, &both, NULL) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot limit process %d", pid);
    return OK;
}

/* Since Linux 5.14 the kernel counts in each user namespace by itself. Before, the limit would be
 * one on all that the user has: on a desktop it is reached already. */
static bool kernel_counts_apart(void)
{
    struct utsname is;
    struct slice rest, major, minor;
    uint64_t a = 0, b = 0;
    if (uname(&is) != 0)
        return false;
    rest = slice_of(is.release);
    bool read = slice_split(&rest, '.', &major) && slice_split(&rest, '.', &minor) &&
                slice_u64(major, &a) && slice_u64(minor, &b);
    return read && (a > 5 || (a == 5 && b >= 14));
}

/* Are its processes counted by themselves, and not together with all of the user's? */
static bool has_own_users(int pid)
{
    char path[48];
    struct stat its, ours;
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    return stat(path, &its) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
           (its.st_ino != ours.st_ino || its.st_dev != ours.st_dev);
}

static enum err limit_processes(int pid, uint64_t processes, struct why *why)
{
    if (geteuid() == 0)
        return group_limit("", pid, GROUP_PROCESSES, processes, why); /* nobody counts root's */
    return kernel_counts_apart() && has_own_users(pid) ? limit(pid, RLIMIT_NPROC, processes, why)
                                                       : OK;
}

/* All that it has together: what it allocates, and what it keeps in memory as files. */
static enum err limit_memory(int pid, uint64_t data_bytes, struct why *why)
{
    return geteuid() == 0 ? group_limit("", pid, GROUP_MEMORY, data_bytes + FILES_MOST, why) : OK;
}

static enum err set_oom_score(int pid, int score, struct why *why)
{
    char path[48], words[16];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", pid);
    int len = snprintf(words, sizeof words, "%d\n", score);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && os_write_all(fd, (struct slice){words, (size_t)len});
    int sys = errno;
    if (fd >= 0)
        close(fd);
    return done ? OK : why_sys(why, os_err_of(sys), sys, "cannot write %.60s", path);
}

enum err sandbox_limit(int pid, const struct sandbox_limits *limits, struct why *why)
{
    if (pid <= 0)
        return why_set(why, ERR_BAD_VALUE, "%d is no process", pid);
    enum err e = limit(pid, RLIMIT_CORE, 0, why);
    if (!e && limits->data_bytes)
        e = limit(pid, RLIMIT_DATA, limits->data_bytes, why);
    if (!e && limits->data_bytes)
        e = limit_memory(pid, limits->data_bytes, why);
    if (!e && limits->file_bytes)
        e = limit(pid, RLIMIT_FSIZE, limits->file_bytes, why);
    if (!e && limits->processes)
        e = limit_processes(pid, limits->processes, why);
    return e ? e : set_oom_score(pid, limits->oom_score_adj, why);
}
