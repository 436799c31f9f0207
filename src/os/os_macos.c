/* os_macos: what macOS has in its own way. See os_inner.h and os.h. Its parts that no other
 * system shares were written from the system's manuals and not yet run on one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <mach-o/dyld.h>
#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/random.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "os/os_inner.h"

static int set_flags(int fd, bool nonblocking)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    return nonblocking ? fcntl(fd, F_SETFL, O_NONBLOCK) : 0;
}

/* There is no call that does both at once: a child started by another thread in between inherits
 * the descriptor until its exec. */
int os_sys_socket(int family, bool nonblocking)
{
    int fd = socket(family, SOCK_STREAM, 0), on = 1;
    if (fd < 0)
        return -1;
    if (set_flags(fd, nonblocking) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* There is no sandbox here, so nobody changes what it looked at but our own user. */
int os_sys_pin(int dirfd, const char *name, struct stat *ret_is, char *path, size_t room)
{
    (void)room;
    *path = '\0';
    return fstatat(dirfd, name, ret_is, AT_SYMLINK_NOFOLLOW) == 0 ? fcntl(dirfd, F_DUPFD_CLOEXEC, 0)
                                                                  : -1;
}

int os_sys_accept(int listener)
{
    int on = 1, fd = accept(listener, NULL, NULL);
    if (fd < 0)
        return -1;
    if (set_flags(fd, true) != 0 || setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int os_sys_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return -1;
    if (set_flags(ends[0], false) != 0 || set_flags(ends[1], false) != 0) {
        close(ends[0]);
        close(ends[1]);
        return -1;
    }
    return 0;
}

int os_sys_unnamed_file(int dirfd)
{
    (void)dirfd;
    errno = ENOTSUP;
    return -1;
}

/* fsync leaves the data in the drive's own cache here. Some file systems know no full sync. */
int os_sys_sync(int fd)
{
    return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
}

void os_sys_no_dump(void)
{
}

bool os_sys_folder_path(int dirfd, char *path, size_t room)
{
    (void)dirfd, (void)path, (void)room;
    return false;
}

enum err os_peer_uid(int fd, uid_t *ret_uid)
{
    gid_t group;
    return getpeereid(fd, ret_uid, &group) == 0 ? OK : os_err_of(errno);
}

void os_random(void *bytes, size_t n)
{
    char *at = bytes;
    for (size_t part; n; at += part, n -= part) {
        part = min_size(n, 256); /* what getentropy gives at once */
        if (getentropy(at, part) != 0)
            abort();
    }
}

/* root is of no use here: the figures come from the kernel, not from files. */
enum err os_memory_of(const char *root, pid_t pid, struct os_memory *ret_memory)
{
    (void)root;
    struct rusage_info_v2 is;
    if (proc_pid_rusage(pid ? pid : getpid(), RUSAGE_INFO_V2, (rusage_info_t *)&is) != 0)
        return os_err_of(errno);
    *ret_memory = (struct os_memory){.rss = is.ri_resident_size, .anonymous = is.ri_phys_footprint};
    return OK;
}

enum err os_open_files_self(const char *root, size_t *ret_n)
{
    (void)root;
    DIR *fds = opendir("/dev/fd");
    if (!fds)
        return os_err_of(errno);
    size_t n = 0;
    for (const struct dirent *entry; (entry = readdir(fds));)
        n += entry->d_name[0] != '.';
    closedir(fds);
    *ret_n = n - (n > 0);
    return OK;
}

/* What can be had without swapping. */
static uint64_t free_memory(void)
{
    vm_statistics64_data_t pages;
    mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
    if (host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&pages, &count) !=
        KERN_SUCCESS)
        return 0;
    return ((uint64_t)pages.free_count + pages.inactive_count + pages.purgeable_count) *
           (uint64_t)sysconf(_SC_PAGESIZE);
}

bool os_fact(const char *name, char *into, size_t room)
{
    static const struct {
        const char *name, *theirs;
    } rows[] = {{"cores", "hw.physicalcpu"},
                {"threads", "hw.logicalcpu"},
                {"memory", "hw.memsize"},
                {"apple", "hw.optional.arm64"}};
    uint32_t size = (uint32_t)min_size(room, UINT32_MAX);
    if (!strcmp(name, "program"))
        return _NSGetExecutablePath(into, &size) == 0;
    if (!strcmp(name, "cpu"))
        return sysctlbyname("machdep.cpu.brand_string", into, &room, NULL, 0) == 0;
    uint64_t n = free_memory();
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = sizeof n; /* some have four bytes: little-endian, so the others stay zero */
        if (strcmp(name, rows[i].name))
            continue;
        n = 0;
        if (sysctlbyname(rows[i].theirs, &n, &len, NULL, 0) != 0)
            return false;
    }
    snprintf(into, room, "%llu", (unsigned long long)n);
    return true;
}

/* Nobody is known by his TCP connection here: a key is needed. */
enum err os_peer_asker(int *ret_asker)
{
    (void)ret_asker;
    return ERR_SYSTEM;
}

enum err os_peer_uid_tcp(int asker, int fd, uid_t *ret_uid)
{
    (void)asker;
    (void)fd;
    (void)ret_uid;
    return ERR_SYSTEM;
}

enum err os_poll_open(int *ret_poll)
{
    int fd = kqueue();
    if (fd < 0)
        return os_err_of(errno);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        close(fd);
        return ERR_SYSTEM;
    }
    *ret_poll = fd;
    return OK;
}

enum err os_poll_add(int poll, int fd, void *owner)
{
    struct kevent wanted[2];
    EV_SET(&wanted[0], (uintptr_t)fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, owner);
    EV_SET(&wanted[1], (uintptr_t)fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, owner);
    return kevent(poll, wanted, 2, NULL, 0, NULL) == 0 ? OK : os_err_of(errno);
}

/* A socket that is both readable and writable comes as two. */
size_t os_poll_wait(int poll, struct os_ready *ready, size_t most, uint64_t wait_us)
{
    struct kevent events[OS_READY_MOST];
    struct timespec wait = {(time_t)(wait_us / 1000000), (long)(wait_us % 1000000) * 1000};
    int n = kevent(poll, NULL, 0, events, (int)min_size(most, OS_READY_MOST), &wait);
    for (int i = 0; i < n; i++) {
        bool broken = events[i].flags & (EV_EOF | EV_ERROR);
        ready[i] = (struct os_ready){.owner = events[i].udata,
                                     .readable = broken || events[i].filter == EVFILT_READ,
                                     .writable = broken || events[i].filter == EVFILT_WRITE};
    }
    return n > 0 ? (size_t)n : 0;
}

int os_pid_open(pid_t pid)
{
    (void)pid;
    return -1;
}

void os_pid_kill(int handle)
{
    (void)handle;
}
