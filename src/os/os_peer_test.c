/* os_peer_test: whose a TCP connection is, while it is there and when it is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"

#define OTHER 61000 /* 65534 would be no answer */

struct meeting {                   /* a connection whose other end is a child of another user */
    int listener, server, control; /* each byte on control makes the child do something */
    pid_t child;
    struct sockaddr_storage at;
    socklen_t at_len;
};

static void listen_tcp(struct meeting *m, int family)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&m->at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&m->at;
    *m = (struct meeting){.at.ss_family = (sa_family_t)family, .at_len = sizeof m->at};
    if (family == AF_INET)
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        v6->sin6_addr = in6addr_loopback;
    m->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(m->listener, (struct sockaddr *)&m->at, m->at_len), 0);
    assert_int_equal(listen(m->listener, 16), 0);
    assert_int_equal(getsockname(m->listener, (struct sockaddr *)&m->at, &m->at_len), 0);
}

static void be_child(const struct meeting *m, int control)
{
    char what;
    const struct linger at_once = {.l_onoff = 1};
    int fd = socket(m->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    close(m->listener);
    if (setuid(OTHER) != 0)
        _exit(1);
    close(fd); /* whose it is, is who made it */
    fd = socket(m->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&m->at, m->at_len) != 0)
        _exit(2);
    while (read(control, &what, 1) == 1) {
        if (what == 'h')
            shutdown(fd, SHUT_WR);
        if (what == 'r')
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        if (what == 'r' || what == 'c')
            close(fd);
        if (write(control, "d", 1) != 1)
            break;
    }
    _exit(0);
}

static void meet(struct meeting *m)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    m->child = fork();
    if (m->child == 0) {
        close(ends[0]);
        be_child(m, ends[1]);
    }
    close(ends[1]);
    m->control = ends[0];
    m->server = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(m->server >= 0);
}

static void tell(const struct meeting *m, char what)
{
    char done;
    assert_int_equal(write(m->control, &what, 1), 1);
    assert_int_equal(read(m->control, &done, 1), 1);
}

static void part(const struct meeting *m)
{
    int status;
    close(m->control);
    close(m->server);
    assert_int_equal(waitpid(m->child, &status, 0), m->child);
    assert_int_equal(status, 0);
}

static void peer_over_tcp_is_told_while_it_is_there(void **state)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct meeting m;
    int asker;
    uid_t uid = 0;
    (void)state;
    if (geteuid() != 0 || os_peer_asker(&asker))
        skip();
    for (size_t i = 0; i < COUNT(families); i++) {
        listen_tcp(&m, families[i]);
        meet(&m);
        assert_int_equal(os_peer_uid_tcp(asker, m.server, &uid), OK);
        assert_int_equal(uid, OTHER);
        tell(&m, 'h'); /* its end was sent, but somebody is there */
        assert_int_equal(os_peer_uid_tcp(asker, m.server, &uid), OK);
        assert_int_equal(uid, OTHER);
        tell(&m, 'c'); /* a closed socket is nobody's: it must not read as root's */
        uid = 7;
        assert_int_equal(os_peer_uid_tcp(asker, m.server, &uid), ERR_NOT_FOUND);
        part(&m);
        meet(&m);
        tell(&m, 'c');
        assert_int_equal(os_peer_uid_tcp(asker, m.server, &uid), ERR_NOT_FOUND);
        part(&m);
        meet(&m);
        tell(&m, 'r');
        assert_int_equal(os_peer_uid_tcp(asker, m.server, &uid), ERR_NOT_FOUND);
        assert_int_equal(uid, 7);
        part(&m);
        close(m.listener);
    }
    close(asker);
}

/* A socket bound to the port that the stranger had until now; -1: somebody else was quicker. */
static int take_port(const struct meeting *m)
{
    struct sockaddr_storage theirs;
    socklen_t len = sizeof theirs;
    int on = 1;
    assert_int_equal(getpeername(m->server, (struct sockaddr *)&theirs, &len), 0);
    tell(m, 'r');
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    for (unsigned i = 0; i < 20; i++) {
        if (bind(fd, (struct sockaddr *)&theirs, len) == 0)
            return fd;
        os_sleep_ms(1); /* the system lets go of it in a moment */
    }
    close(fd);
    return -1;
}

/* The stranger is gone, and the same four numbers are another user's connection, ours: what lies
 * unread in the old connection is not ours. */
static void peer_of_old_connection_is_not_the_new_one(void **state)
{
    struct meeting m;
    int asker, fd;
    uid_t uid = 7;
    (void)state;
    if (geteuid() != 0 || os_peer_asker(&asker))
        skip();
    listen_tcp(&m, AF_INET);
    meet(&m);
    for (unsigned i = 0; (fd = take_port(&m)) < 0; i++) {
        assert_true(i < 50);
        part(&m);
        meet(&m);
    }
    assert_int_equal(connect(fd, (struct sockaddr *)&m.at, m.at_len), 0);
    assert_int_equal(os_peer_uid_tcp(asker, m.server, &uid), ERR_NOT_FOUND);
    int second = accept4(m.listener, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(os_peer_uid_tcp(asker, second, &uid), OK);
    assert_int_equal(uid, 0);
    close(second);
    close(fd);
    part(&m);
    close(m.listener);
    close(asker);
}

static void peer_over_tcp_is_told_quickly(void **state)
{
    const unsigned times = 20000;
    struct meeting m;
    int asker;
    uid_t uid;
    (void)state;
    if (os_peer_asker(&asker))
        skip();
    listen_tcp(&m, AF_INET);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&m.at, m.at_len), 0);
    int server = accept4(m.listener, NULL, NULL, SOCK_CLOEXEC);
    uint64_t began_us = os_mono_us();
    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(os_peer_uid_tcp(asker, server, &uid), OK);
        assert_int_equal(uid, geteuid());
    }
    uint64_t took_us = os_mono_us() - began_us;
    print_message("# a peer is told in %llu ns\n", (unsigned long long)(took_us * 1000 / times));
    assert_true(took_us < 100 * times);
    assert_int_equal(os_peer_uid_tcp(asker, m.listener, &uid), ERR_NOT_FOUND);
    assert_int_equal(os_peer_uid_tcp(asker, asker, &uid), ERR_NOT_FOUND);
    close(server);
    close(fd);
    close(m.listener);
    close(asker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peer_over_tcp_is_told_while_it_is_there),
        cmocka_unit_test(peer_of_old_connection_is_not_the_new_one),
        cmocka_unit_test(peer_over_tcp_is_told_quickly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
