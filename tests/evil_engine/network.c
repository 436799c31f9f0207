/* network: attempts to reach anybody. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "evil.h"

#define ELSEWHERE "192.0.2.1" /* an address that nobody has */
#define WAIT_MS 500

static struct outcome reach(int type, const char *address, long port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refused();
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS)
        return refused();
    if (type == SOCK_STREAM) {
        int sys = 0;
        socklen_t len = sizeof sys;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        poll(&wait, 1, WAIT_MS);
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len);
        errno = sys;
        return sys ? refused() : succeeded("it is sent, or taken");
    }
    return judge(send(fd, "ping", 4, 0) == 4 ? 0 : -1, "it is sent");
}

static struct outcome tcp_to_host(const struct target *t)
{
    return reach(SOCK_STREAM, "127.0.0.1", t->tcp_port);
}

static struct outcome tcp_elsewhere(const struct target *t)
{
    (void)t;
    return reach(SOCK_STREAM, ELSEWHERE, 80);
}

static struct outcome udp_elsewhere(const struct target *t)
{
    (void)t;
    return reach(SOCK_DGRAM, ELSEWHERE, 53);
}

/* Sending always works on a loopback; only an answer shows whose it is. */
static struct outcome udp_to_host(const struct target *t)
{
    char answer[8];
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)t->udp_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0 ||
        send(fd, "ping", 4, 0) != 4)
        return refused();
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, WAIT_MS) == 0)
        return nothing_there();
    return judge(recv(fd, answer, sizeof answer, 0), "the host answers");
}

static struct outcome unix_socket(const char *name, bool abstract)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path + abstract, sizeof to.sun_path - abstract, "%s", name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refused();
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + abstract + strlen(name));
    return judge(connect(fd, (const struct sockaddr *)&to, len), "connected");
}

static struct outcome admin_socket(const struct target *t)
{
    return unix_socket(t->admin_socket, false);
}

static struct outcome abstract_socket(const struct target *t)
{
    return unix_socket(t->abstract_socket, true);
}

static struct outcome netlink(const struct target *t)
{
    (void)t;
    return judge(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0), "a netlink socket");
}

static struct outcome packets(const struct target *t)
{
    (void)t;
    return judge(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "a packet socket");
}

static struct outcome raw(const struct target *t)
{
    (void)t;
    return judge(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP), "a raw socket");
}

static struct outcome virtual_machines(const struct target *t)
{
    (void)t;
    return judge(socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), "a vsock socket");
}

static struct outcome kernel_crypto(const struct target *t)
{
    (void)t;
    return judge(socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), "a socket into the kernel");
}

const struct attempt evil_network[] = {
    {"tcp_to_host", tcp_to_host},
    {"tcp_elsewhere", tcp_elsewhere},
    {"udp_to_host", udp_to_host},
    {"udp_elsewhere", udp_elsewhere},
    {"admin_socket", admin_socket},
    {"abstract_socket", abstract_socket},
    {"netlink", netlink},
    {"packets", packets},
    {"raw", raw},
    {"virtual_machines", virtual_machines},
    {"kernel_crypto", kernel_crypto},
    {NULL, NULL},
};
