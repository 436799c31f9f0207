/* doctor_port: are the addresses of `listen` free, and if not, who has them? To know it, each is
 * bound for a moment. Who listens stands in /proc/net by the number of a socket, and that number
 * among the files of a process, which only its owner and root may see. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "os/os.h"

#define MOST_SOCKETS (8u << 20) /* bytes of the list */

/* ---- who ------------------------------------------------------------------------------------ */

/* As /proc/net writes an address: each four bytes as a number of this machine. */
static size_t address_words(const struct sockaddr_storage *at, char words[40])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
    uint32_t parts[4];
    if (at->ss_family == AF_INET)
        return (size_t)snprintf(words, 40, "%08X", v4->sin_addr.s_addr);
    memcpy(parts, &v6->sin6_addr, sizeof parts);
    return (size_t)snprintf(words, 40, "%08X%08X%08X%08X", parts[0], parts[1], parts[2], parts[3]);
}

static bool is_zeros(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '0')
            return false;
    }
    return true;
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
    return ntohs(at->ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
}

/* "   0: 0100007F:20E4 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000  0 5123 " */
static bool is_it(struct slice line, const struct sockaddr_storage *at, unsigned long *ret_uid,
                  uint64_t *ret_inode)
{
    struct slice words[10], word;
    char address[40], port[8];
    size_t n = 0, len = address_words(at, address);
    while (n < COUNT(words) && slice_split(&line, ' ', &word)) {
        if (word.len)
            words[n++] = word;
    }
    size_t colon = n ? slice_find(words[1], ':') : 0;
    uint64_t uid;
    snprintf(port, sizeof port, "%04X", port_of(at));
    if (n < COUNT(words) || !slice_is(words[3], SLICE("0A")) || colon == words[1].len ||
        !slice_is(slice_from(words[1], colon + 1), slice_of(port)) || !slice_u64(words[7], &uid) ||
        !slice_u64(words[9], ret_inode))
        return false;
    struct slice theirs = slice_to(words[1], colon);
    if (!is_zeros(theirs) && !slice_ends(theirs, (struct slice){address, len}))
        return false;
    *ret_uid = (unsigned long)uid;
    return true;
}

static bool find_socket(const char *root, const char *list, const struct sockaddr_storage *at,
                        unsigned long *ret_uid, uint64_t *ret_inode)
{
    char path[PATH_MAX];
    struct text lines = {0};
    bool found = false;
    snprintf(path, sizeof path, "%s/proc/net/%s", root, list);
    enum err e = os_read_file(AT_FDCWD, path, MOST_SOCKETS, &lines, NULL);
    struct slice rest = text_slice(&lines);
    for (struct slice line; !e && !found && slice_split(&rest, '\n', &line);)
        found = is_it(line, at, ret_uid, ret_inode);
    text_fini(&lines);
    return found;
}

static bool has_socket(const char *fds, uint64_t inode)
{
    char want[48], path[PATH_MAX + 300], to[64];
    DIR *folder = opendir(fds);
    bool found = false;
    snprintf(want, sizeof want, "socket:[%llu]", (unsigned long long)inode);
    for (const struct dirent *entry; folder && !found && (entry = readdir(folder));) {
        snprintf(path, sizeof path, "%s/%s", fds, entry->d_name);
        ssize_t len = readlink(path, to, sizeof to);
        found = len > 0 && slice_is((struct slice){to, (size_t)len}, slice_of(want));
    }
    if (folder)
        closedir(folder);
    return found;
}

static void read_name(const char *root, long pid, char name[64])
{
    char path[PATH_MAX];
    struct text comm = {0}, visible = {0};
    snprintf(path, sizeof path, "%s/proc/%ld/comm", root, pid);
    if (!os_read_file(AT_FDCWD, path, 64, &comm, NULL))
        text_visible(&visible, slice_to(text_slice(&comm), slice_find(text_slice(&comm), '\n')));
    snprintf(name, 64, "%s", visible.len ? text_cstr(&visible) : "a program");
    text_fini(&comm);
    text_fini(&visible);
}

static void find_process(const char *root, uint64_t inode, struct port_owner *ret)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/proc", root);
    DIR *all = opendir(path);
    for (const struct dirent *entry; all && !ret->pid && (entry = readdir(all));) {
        uint64_t pid;
        if (!slice_u64(slice_of(entry->d_name), &pid) || pid > INT_MAX)
            continue;
        snprintf(path, sizeof path, "%s/proc/%llu/fd", root, (unsigned long long)pid);
        if (has_socket(path, inode))
            ret->pid = (long)pid;
    }
    if (all)
        closedir(all);
    if (ret->pid)
        read_name(root, ret->pid, ret->name);
}

void port_owner(const char *root, const struct sockaddr_storage *at, struct port_owner *ret)
{
    uint64_t inode;
    *ret = (struct port_owner){0};
    ret->found = (at->ss_family == AF_INET && find_socket(root, "tcp", at, &ret->uid, &inode)) ||
                 find_socket(root, "tcp6", at, &ret->uid, &inode);
    if (ret->found)
        find_process(root, inode, ret);
}

/* ---- the check ------------------------------------------------------------------------------ */

static struct sockaddr_storage socket_address(const char *host, uint16_t port, socklen_t *ret_len)
{
    struct sockaddr_storage at = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at;
    bool is6 = strchr(host, ':') != NULL;
    at.ss_family = is6 ? AF_INET6 : AF_INET;
    inet_pton(at.ss_family, host, is6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr);
    *(is6 ? &v6->sin6_port : &v4->sin_port) = htons(port);
    *ret_len = is6 ? sizeof *v6 : sizeof *v4;
    return at;
}

/* 0, or why a listener cannot be there. */
static int try_address(const struct sockaddr_storage *at, socklen_t len)
{
    int on = 1, fd = socket(at->ss_family, SOCK_STREAM, 0), sys = 0;
    if (fd < 0)
        return errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (at->ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)at, len) != 0)
        sys = errno;
    close(fd);
    return sys;
}

static void tell_taken(struct doctor *d, const struct sockaddr_storage *at, const char *where)
{
    struct port_owner who;
    uint16_t port = port_of(at);
    const char *other = doctor_format(d, "or set another port under `listen:` in %s/hearth.yaml",
                                      d->c->paths.config);
    port_owner(d->root, at, &who);
    if (who.pid)
        doctor_say(d, FINDING_TROUBLE,
                   doctor_format(d, "stop that program (kill %ld), %s", who.pid, other),
                   "%s is taken by %s (pid %ld)", where, who.name, who.pid);
    else if (who.found)
        doctor_say(
            d, FINDING_TROUBLE,
            doctor_format(d, "sudo ss -ltnp 'sport = :%u' names it; stop it, %s", port, other),
            "%s is taken by a program of user %lu", where, who.uid);
    else
        doctor_say(d, FINDING_TROUBLE, doctor_format(d, "stop that program, %s", other),
                   "%s is taken by another program", where);
}

/* twin: the other loopback, which a machine need not have. */
static void check_address(struct doctor *d, const char *host, uint16_t port, bool twin)
{
    socklen_t len;
    struct sockaddr_storage at = socket_address(host, port, &len);
    const char *where = doctor_format(d, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
    int sys = try_address(&at, len);
    if (sys == EADDRINUSE)
        tell_taken(d, &at, where);
    else if (sys == EACCES)
        doctor_say(d, FINDING_TROUBLE,
                   doctor_format(d, "set a port from 1024 on under `listen:` in %s/hearth.yaml",
                                 d->c->paths.config),
                   "%s is a port for root only", where);
    else if (sys && !twin)
        doctor_say(d, FINDING_TROUBLE,
                   doctor_format(d,
                                 "set an address of this machine under `listen:` in "
                                 "%s/hearth.yaml",
                                 d->c->paths.config),
                   "nobody can listen at %s here: %s", where, strerror(sys));
    else if (!sys && !twin)
        doctor_say(d, FINDING_OK, "", port ? "%s is free" : "%s: any free port will do", where);
}

void doctor_port(struct doctor *d)
{
    if (d->running || !d->config) {
        doctor_say(d, FINDING_NOTE, "",
                   d->running ? "the daemon has it"
                              : "not looked at: the configuration is not valid");
        return;
    }
    for (size_t i = 0; i < d->config->listen.n; i++) {
        const struct config_address *a = &d->config->listen_addresses[i];
        bool both =
            a->place == CONFIG_LOCALHOST ||
            (a->place == CONFIG_IP && (!strcmp(a->host, "127.0.0.1") || !strcmp(a->host, "::1")));
        if (both) { /* as the daemon does */
            check_address(d, "127.0.0.1", a->port, false);
            check_address(d, "::1", a->port, true);
        } else if (a->place == CONFIG_IP) {
            check_address(d, a->host, a->port, false);
        }
    }
}
