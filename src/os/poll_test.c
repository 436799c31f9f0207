/* poll_test: TCP sockets and the poller for programs without the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "os/os.h"

#define PATIENCE_US 5000000u

/* Waits until this owner's turn comes, and says for what. */
static struct os_ready wait_for(int poll, const void *owner)
{
    struct os_ready ready[8], none = {0};
    uint64_t until_us = os_mono_us() + PATIENCE_US;
    while (os_mono_us() < until_us) {
        size_t n = os_poll_wait(poll, ready, COUNT(ready), 100000);
        for (size_t i = 0; i < n; i++) {
            if (ready[i].owner == owner)
                return ready[i];
        }
    }
    return none;
}

static void assert_set_up(int fd)
{
    int on = 0;
    socklen_t len = sizeof on;
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_true(on);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static struct sockaddr_in on_loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
}

static void a_connection_from_both_ends(void **state)
{
    (void)state;
    int poll, listener, client, server, here = 0, there = 0;
    uint16_t port = 0;
    char got[8];
    assert_int_equal(os_poll_open(&poll), OK);
    assert_int_equal(os_tcp_listen(0, &listener, &port, NULL), OK);
    assert_true(port > 0);
    assert_int_equal(os_accept(listener), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(os_poll_add(poll, listener, &listener), OK);

    struct sockaddr_in to = on_loopback(port);
    assert_int_equal(os_tcp_connect((const struct sockaddr *)&to, sizeof to, &client), OK);
    assert_int_equal(os_poll_add(poll, client, &here), OK);
    assert_true(wait_for(poll, &listener).readable);
    server = os_accept(listener);
    assert_true(server >= 0);
    assert_set_up(client);
    assert_set_up(server);

    struct os_ready nothing_more[4];
    assert_int_equal(os_poll_add(poll, server, &there), OK);
    assert_true(wait_for(poll, &there).writable);
    while (os_poll_wait(poll, nothing_more, COUNT(nothing_more), 0))
        ; /* that both are writable was told; it is told once */
    assert_int_equal(write(client, "ask", 3), 3);
    assert_true(wait_for(poll, &there).readable);
    assert_int_equal(read(server, got, sizeof got), 3);
    close(server);
    assert_true(wait_for(poll, &here).readable);
    assert_int_equal(read(client, got, sizeof got), 0);
    close(client);
    close(listener);
    close(poll);
}

static void nobody_listens(void **state)
{
    (void)state;
    int poll, listener, client = -1, again, owner = 0, sys = 0;
    uint16_t port = 0, same = 0;
    struct why why = {0};
    assert_int_equal(os_poll_open(&poll), OK);
    assert_int_equal(os_tcp_listen(0, &listener, &port, NULL), OK);
    assert_int_equal(os_tcp_listen(port, &again, &same, &why), ERR_BUSY);
    assert_int_equal(why.sys, EADDRINUSE);
    close(listener);
    struct sockaddr_in to = on_loopback(port);
    enum err e = os_tcp_connect((const struct sockaddr *)&to, sizeof to, &client);
    if (!e) { /* it is told at once or later */
        socklen_t len = sizeof sys;
        assert_int_equal(os_poll_add(poll, client, &owner), OK);
        assert_true(wait_for(poll, &owner).writable);
        assert_int_equal(getsockopt(client, SOL_SOCKET, SO_ERROR, &sys, &len), 0);
        assert_int_equal(sys, ECONNREFUSED);
        close(client);
    } else {
        assert_int_equal(e, ERR_CONNECT_REFUSED);
    }
    close(poll);
}

static void waits_are_as_long_as_asked(void **state)
{
    (void)state;
    struct os_ready ready[1];
    int poll;
    assert_int_equal(os_poll_open(&poll), OK);
    static const uint64_t waits_us[] = {0, 200, 5000, 30000};
    for (size_t i = 0; i < COUNT(waits_us); i++) {
        uint64_t began_us = os_mono_us();
        assert_int_equal(os_poll_wait(poll, ready, 1, waits_us[i]), 0);
        uint64_t took_us = os_mono_us() - began_us;
        assert_true(took_us >= waits_us[i]);
        assert_true(took_us < waits_us[i] + 1000000);
    }
    close(poll);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_from_both_ends),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(waits_are_as_long_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
