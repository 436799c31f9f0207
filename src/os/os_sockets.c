/* os_sockets: TCP sockets for programs without the loop, and Unix sockets with paths of any length.
 * An address has room for about 100 bytes of path and longer ones are cut or refused, so longer
 * ones go through a descriptor of the folder: /proc/self/fd/N/name where there is such a thing,
 * else the working folder, for a moment. */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os_inner.h"

#define BACKLOG 128
#define TCP_BACKLOG 1024

struct place { /* an address that is valid until place_close */
    struct sockaddr_un address;
    int back; /* -1, or where to go back to */
};

static void place_close(struct place *p)
{
    if (p->back < 0)
        return;
    if (fchdir(p->back) != 0)
        abort(); /* every path that is not absolute would mean another file */
    close(p->back);
    p->back = -1;
}

static bool place_open(struct place *p, int dirfd, const char *name)
{
    *p = (struct place){.address.sun_family = AF_UNIX, .back = -1};
    if (strlen(name) > OS_SOCKET_NAME_MOST) {
        errno = ENAMETOOLONG;
        return false;
    }
    char folder[32];
    if (dirfd == AT_FDCWD) {
        snprintf(p->address.sun_path, sizeof p->address.sun_path, "./%s", name);
    } else if (os_sys_folder_path(dirfd, folder, sizeof folder)) {
        snprintf(p->address.sun_path, sizeof p->address.sun_path, "%s/%s", folder, name);
    } else {
        p->back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (p->back < 0)
            return false;
        snprintf(p->address.sun_path, sizeof p->address.sun_path, "./%s", name);
        if (fchdir(dirfd) != 0) {
            int sys = errno;
            close(p->back);
            p->back = -1;
            errno = sys;
            return false;
        }
    }
    return true;
}

/* A connected socket that does not block, or -1 and errno. */
static int connect_at(const struct sockaddr_un *address)
{
    int fd = os_sys_socket(AF_UNIX, true);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    int sys = errno;
    close(fd);
    errno = sys;
    return -1;
}

/* What is in the way of the socket: gone afterwards when it was ours and nobody answered. */
static enum err remove_stale(int dirfd, const char *name, const struct place *at, struct why *why)
{
    struct stat is;
    if (fstatat(dirfd, name, &is, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? OK
                               : why_sys(why, os_err_of(errno), errno, "cannot look at %s", name);
    if (!S_ISSOCK(is.st_mode))
        return why_set(why, ERR_PERMISSION, "%s is in the way and is no socket; remove it", name);
    if (is.st_uid != geteuid())
        return why_set(why, ERR_PERMISSION, "the socket %s belongs to user %ld", name,
                       (long)is.st_uid);
    int fd = connect_at(&at->address);
    if (fd >= 0) {
        close(fd);
        return why_set(why, ERR_BUSY, "another process answers on the socket %.64s", name);
    }
    if (errno != ECONNREFUSED) /* EAGAIN: its queue is full, so somebody is there */
        return why_sys(why, ERR_BUSY, errno, "another process holds the socket %s", name);
    if (unlinkat(dirfd, name, 0) != 0 && errno != ENOENT)
        return why_sys(why, os_err_of(errno), errno, "cannot remove the old socket %s", name);
    return OK;
}

static enum err bind_there(int fd, int dirfd, const char *name, const struct place *at,
                           struct why *why)
{
    const struct sockaddr *address = (const struct sockaddr *)&at->address;
    /* The mode that the socket has is the one that its file gets (Linux); elsewhere the folder,
     * which is ours alone, covers the moment until the second change. */
    if (fchmod(fd, 0600) != 0)
        errno = 0;
    int done = bind(fd, address, sizeof at->address);
    if (done != 0 && errno == EADDRINUSE) {
        enum err e = remove_stale(dirfd, name, at, why);
        if (e)
            return e;
        done = bind(fd, address, sizeof at->address);
    }
    if (done != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot make the socket %.64s", name);
    if (fchmodat(dirfd, name, 0600, 0) != 0 || listen(fd, BACKLOG) != 0) {
        enum err e = why_sys(why, os_err_of(errno), errno, "cannot listen on the new socket");
        unlinkat(dirfd, name, 0);
        return e;
    }
    return OK;
}

enum err os_unix_listen(int dirfd, const char *name, int *ret_fd, struct why *why)
{
    struct place at;
    assert(!strchr(name, '/'));
    if (!place_open(&at, dirfd, name))
        return why_sys(why, os_err_of(errno), errno, "cannot make the socket %.80s", name);
    int fd = os_sys_socket(AF_UNIX, true);
    enum err e = fd < 0 ? why_sys(why, os_err_of(errno), errno, "cannot make a socket")
                        : bind_there(fd, dirfd, name, &at, why);
    place_close(&at);
    if (e) {
        if (fd >= 0)
            close(fd);
        return e;
    }
    *ret_fd = fd;
    return OK;
}

/* A short path is an address as it is; a longer one needs its folder. */
static int connect_path(const char *path)
{
    struct place at = {.address.sun_family = AF_UNIX, .back = -1};
    size_t len = strlen(path);
    if (len < sizeof at.address.sun_path) {
        memcpy(at.address.sun_path, path, len + 1);
        return connect_at(&at.address);
    }
    const char *name;
    int fd = -1, folder = os_open_parent(AT_FDCWD, path, &name);
    if (folder < 0)
        return -1;
    if (place_open(&at, folder, name)) {
        fd = connect_at(&at.address);
        int sys = errno;
        place_close(&at);
        errno = sys;
    }
    int sys = errno;
    close(folder);
    errno = sys;
    return fd;
}

enum err os_unix_connect_own(const char *path, bool nonblocking, int *ret_fd, struct why *why)
{
    const char *name;
    struct stat is;
    char pinned[32];
    int folder = os_open_parent(AT_FDCWD, path, &name);
    int fd = folder < 0 ? -1 : os_sys_pin(folder, name, &is, pinned, sizeof pinned);
    int sys = errno;
    if (folder >= 0)
        close(folder);
    if (fd < 0)
        return why_sys(why, ERR_CONNECT_REFUSED, sys, "cannot connect to %.200s", path);
    enum err e = S_ISSOCK(is.st_mode) && is.st_uid == geteuid()
                     ? os_unix_connect(pinned[0] ? pinned : path, nonblocking, ret_fd, why)
                     : why_set(why, ERR_PERMISSION, "%.200s is no socket of ours", path);
    close(fd);
    return e;
}

enum err os_unix_connect(const char *path, bool nonblocking, int *ret_fd, struct why *why)
{
    int fd = *path ? connect_path(path) : -1;
    if (fd < 0) {
        int sys = *path ? errno : ENOENT;
        bool ours = sys == ENOMEM || sys == ENOBUFS || sys == EMFILE || sys == ENFILE;
        return why_sys(why, ours ? os_err_of(sys) : ERR_CONNECT_REFUSED, sys,
                       "cannot connect to %.200s", path);
    }
    int flags = nonblocking ? 0 : fcntl(fd, F_GETFL);
    if (!nonblocking && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0)) {
        enum err e = why_sys(why, ERR_SYSTEM, errno, "cannot set up the connection");
        close(fd);
        return e;
    }
    *ret_fd = fd;
    return OK;
}

static bool send_at_once(int fd)
{
    int on = 1;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

enum err os_tcp_connect(const struct sockaddr *to, size_t len, int *ret_fd)
{
    int fd = os_sys_socket(to->sa_family, true);
    if (fd < 0)
        return os_err_of(errno);
    if (!send_at_once(fd) || (connect(fd, to, (socklen_t)len) != 0 && errno != EINPROGRESS)) {
        enum err e = errno == ECONNREFUSED ? ERR_CONNECT_REFUSED : os_err_of(errno);
        close(fd);
        return e;
    }
    *ret_fd = fd;
    return OK;
}

enum err os_tcp_listen(uint16_t port, int *ret_fd, uint16_t *ret_port, struct why *why)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    socklen_t len = sizeof at;
    int on = 1, fd = os_sys_socket(AF_INET, true);
    if (fd < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot make a socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) != 0 || listen(fd, TCP_BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        enum err e = errno == EADDRINUSE ? ERR_BUSY : os_err_of(errno);
        why_sys(why, e, errno, "cannot listen on 127.0.0.1:%u", (unsigned)port);
        close(fd);
        return e;
    }
    *ret_fd = fd;
    *ret_port = ntohs(at.sin_port);
    return OK;
}

int os_accept(int listener)
{
    int fd = os_sys_accept(listener);
    if (fd < 0 || send_at_once(fd))
        return fd;
    close(fd);
    return -1;
}

bool os_has_loopback6(void)
{
    int fd = os_sys_socket(AF_INET6, true);
    if (fd < 0)
        return false;
    struct sockaddr_in6 any_port = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool may = bind(fd, (const struct sockaddr *)&any_port, sizeof any_port) == 0;
    close(fd);
    return may;
}

size_t os_addresses(struct os_address *into, size_t room)
{
    struct ifaddrs *all = NULL;
    size_t n = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *i = all; i && n < room; i = i->ifa_next) {
        int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
        if (family != AF_INET && family != AF_INET6)
            continue;
        into[n] = (struct os_address){0};
        snprintf(into[n].interface, sizeof into[n].interface, "%s", i->ifa_name);
        memcpy(&into[n].at, i->ifa_addr,
               family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
        n++;
    }
    freeifaddrs(all);
    return n;
}
