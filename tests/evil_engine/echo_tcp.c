/* echo_tcp: an engine that speaks only TCP, for tests of hearth-bridge: listens on 127.0.0.1:PORT
 * (its first word) after DELAY ms (its second), and on each connection, by the first byte it gets:
 *   e: sends back all that comes, until its end, then "bye"
 *   d: sends as many zeros as it is told in the eight digits that follow, then ends the connection
 *   r: resets the connection     x: ends the process with code 7    s: ends itself with SIGSEGV
 *   c: says "k", waits until the client is gone, then creates the file named in its third word
 * What it reads from standard input it prints. Each connection has a process of its own. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int write_all(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done <= 0)
            return -1;
        bytes += done;
        n -= (size_t)done;
    }
    return 0;
}

static void echo(int fd)
{
    char bytes[4096];
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;) {
        if (write_all(fd, bytes, (size_t)n) != 0)
            return;
    }
    write_all(fd, "bye", 3);
}

static void drip(int fd)
{
    static const char zeros[65536];
    char digits[9] = "";
    for (size_t got = 0; got < 8;) {
        ssize_t n = read(fd, digits + got, 8 - got);
        if (n <= 0)
            return;
        got += (size_t)n;
    }
    for (long left = strtol(digits, NULL, 10); left > 0; left -= (long)sizeof zeros) {
        if (write_all(fd, zeros, left < (long)sizeof zeros ? (size_t)left : sizeof zeros) != 0)
            return;
    }
}

static void wait_until_gone(int fd, const char *file)
{
    char byte = 'k';
    write_all(fd, &byte, 1);
    while (read(fd, &byte, 1) > 0)
        ;
    close(open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void serve(int fd, const char *file, pid_t engine)
{
    char what = 0;
    const struct linger at_once = {.l_onoff = 1};
    if (read(fd, &what, 1) != 1)
        return;
    if (what == 'e')
        echo(fd);
    else if (what == 'd')
        drip(fd);
    else if (what == 'r')
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    else if (what == 'c')
        wait_until_gone(fd, file);
    else if (what == 'x')
        kill(engine, SIGUSR1);
    else if (what == 's')
        kill(engine, SIGSEGV);
}

static void end_well(int number)
{
    (void)number;
    _exit(7);
}

static void copy_input(void)
{
    char bytes[512];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    if (n <= 0)
        _exit(0); /* as engines of ours do when their input ends */
    if (write_all(STDOUT_FILENO, bytes, (size_t)n) != 0)
        _exit(1);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (argc < 4)
        return 2;
    at.sin_port = htons((unsigned short)strtol(argv[1], NULL, 10));
    signal(SIGUSR1, end_well);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    poll(NULL, 0, (int)strtol(argv[2], NULL, 10));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (const struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 512) != 0)
        return 1;
    printf("listening\n");
    fflush(stdout);
    pid_t engine = getpid();
    for (;;) {
        struct pollfd fds[] = {{.fd = listener, .events = POLLIN},
                               {.fd = STDIN_FILENO, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            copy_input();
        int fd = fds[0].revents ? accept(listener, NULL, NULL) : -1;
        if (fd >= 0 && fork() == 0) {
            close(listener);
            serve(fd, argv[3], engine);
            close(fd);
            _exit(0);
        }
        if (fd >= 0)
            close(fd);
    }
}
