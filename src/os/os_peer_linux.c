/* os_peer: who is at the other end of a TCP connection on the same machine. Linux knows of each
 * socket whose it is and tells it by address: the peer's socket is the one whose source is our
 * remote end and whose destination is our own. One question, no list of all sockets.
 *
 * What the kernel knows can be about another socket than ours, so an answer counts only if
 *   - a process holds that socket (its inode is not 0): a closed one reads as root's;
 *   - it is, or was until it sent its end, connected: a socket that only tries to connect can have
 *     the same four numbers while ours is an older connection's;
 *   - ours is still connected afterwards: else its four numbers may be a newer connection's.
 * A user of another name space reads as 65534, and so may anybody else: that is no answer. */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include "os/os_inner.h"

#define UNKNOWN_UID 65534u
#define CONNECTED (1u << TCP_ESTABLISHED | 1u << TCP_FIN_WAIT1 | 1u << TCP_FIN_WAIT2)

struct end { /* of a connection, as sock_diag has it; an IPv4 address fills one word */
    uint32_t address[4];
    uint16_t port; /* as on the wire */
};

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 is;
};

static_assert(sizeof(struct question) == NLMSG_LENGTH(sizeof(struct inet_diag_req_v2)),
              "the question has a hole");

enum err os_peer_asker(int *ret_asker)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return ERR_SYSTEM;
    if (connect(fd, (const struct sockaddr *)&kernel, sizeof kernel) != 0) {
        close(fd);
        return ERR_SYSTEM;
    }
    *ret_asker = fd;
    return OK;
}

/* An IPv4 address in IPv6's clothes is one. */
static bool set_end(const struct sockaddr_storage *from, struct end *e, uint8_t *family)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;
    *e = (struct end){0};
    *family = AF_INET;
    if (from->ss_family == AF_INET) {
        e->port = v4->sin_port;
        e->address[0] = v4->sin_addr.s_addr;
        return true;
    }
    if (from->ss_family != AF_INET6)
        return false;
    e->port = v6->sin6_port;
    if (memcmp(&v6->sin6_addr, mapped, sizeof mapped) == 0) {
        memcpy(e->address, (const char *)&v6->sin6_addr + sizeof mapped, sizeof e->address[0]);
    } else {
        memcpy(e->address, &v6->sin6_addr, sizeof e->address);
        *family = AF_INET6;
    }
    return true;
}

/* Only such a connection has both its ends here. */
static bool is_here(const struct end *remote, const struct end *local, uint8_t family)
{
    const struct in6_addr *v6 = (const struct in6_addr *)remote->address;
    bool loopback =
        family == AF_INET ? ntohl(remote->address[0]) >> 24 == 127 : IN6_IS_ADDR_LOOPBACK(v6) != 0;
    return loopback || memcmp(remote->address, local->address, sizeof remote->address) == 0;
}

/* The kernel may tell an IPv4 connection of an IPv6 socket as either. */
static bool is_end(const struct end *e, uint8_t family, const struct inet_diag_sockid *id,
                   bool source, uint8_t id_family)
{
    struct sockaddr_storage told = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&told;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&told;
    struct end is;
    uint8_t is_family;
    const void *address = source ? id->idiag_src : id->idiag_dst;
    uint16_t port = source ? id->idiag_sport : id->idiag_dport;
    told.ss_family = id_family;
    if (id_family == AF_INET) {
        memcpy(&v4->sin_addr, address, sizeof v4->sin_addr);
        v4->sin_port = port;
    } else {
        memcpy(&v6->sin6_addr, address, sizeof v6->sin6_addr);
        v6->sin6_port = port;
    }
    return set_end(&told, &is, &is_family) && is_family == family && is.port == e->port &&
           memcmp(is.address, e->address, sizeof is.address) == 0;
}

/* The answer to this question; what else may lie in the socket is passed over. */
static bool hear(int asker, uint32_t number, struct inet_diag_msg *ret)
{
    union {
        struct nlmsghdr head;
        char bytes[8192];
    } in;
    for (;;) {
        ssize_t n = recv(asker, &in, sizeof in, MSG_DONTWAIT);
        if (n < (ssize_t)sizeof in.head)
            return false;
        if (in.head.nlmsg_seq != number)
            continue;
        if (in.head.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            in.head.nlmsg_len < NLMSG_LENGTH(sizeof *ret) || n < (ssize_t)in.head.nlmsg_len)
            return false;
        memcpy(ret, NLMSG_DATA(&in.head), sizeof *ret);
        return true;
    }
}

static bool ask(int asker, uint8_t family, const struct end *peer, const struct end *own,
                struct inet_diag_msg *ret)
{
    struct timespec now; /* no two questions have the same number within seconds */
    clock_gettime(CLOCK_MONOTONIC, &now);
    struct question q = {
        .head = {.nlmsg_len = sizeof q,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST,
                 .nlmsg_seq = (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 30},
        .is = {.sdiag_family = family,
               .sdiag_protocol = IPPROTO_TCP,
               .idiag_states = UINT32_MAX,
               .id = {.idiag_sport = peer->port,
                      .idiag_dport = own->port,
                      .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
    };
    memcpy(q.is.id.idiag_src, peer->address, sizeof peer->address);
    memcpy(q.is.id.idiag_dst, own->address, sizeof own->address);
    return send(asker, &q, sizeof q, MSG_DONTWAIT) == (ssize_t)sizeof q &&
           hear(asker, q.head.nlmsg_seq, ret);
}

enum err os_peer_uid_tcp(int asker, int fd, uid_t *ret_uid)
{
    struct sockaddr_storage remote = {0}, local = {0};
    socklen_t remote_len = sizeof remote, local_len = sizeof local;
    struct end peer, own;
    uint8_t family, own_family;
    struct inet_diag_msg told;
    if (getpeername(fd, (struct sockaddr *)&remote, &remote_len) != 0 ||
        getsockname(fd, (struct sockaddr *)&local, &local_len) != 0 ||
        !set_end(&remote, &peer, &family) || !set_end(&local, &own, &own_family) ||
        family != own_family || !is_here(&peer, &own, family))
        return ERR_NOT_FOUND;
    if (!ask(asker, family, &peer, &own, &told))
        return ERR_NOT_FOUND;
    bool good = told.idiag_inode != 0 && told.idiag_state < 32 &&
                (CONNECTED >> told.idiag_state & 1) != 0 && told.idiag_uid != UNKNOWN_UID &&
                is_end(&peer, family, &told.id, true, told.idiag_family) &&
                is_end(&own, family, &told.id, false, told.idiag_family);
    remote_len = sizeof remote;
    if (!good || getpeername(fd, (struct sockaddr *)&remote, &remote_len) != 0)
        return ERR_NOT_FOUND;
    *ret_uid = told.idiag_uid;
    return OK;
}
