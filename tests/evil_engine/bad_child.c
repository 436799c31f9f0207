/* bad_child: a program that leaves as much as it can behind: a child, one in a session of its own,
 * and one whose parent has ended, all with stdin and outputs closed. Prints "ready" and the number
 * of them, then sleeps, or ends with the code in its first word. */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void stay(const int *ready)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, 0);
    if (write(ready[1], "x", 1) != 1)
        _exit(1);
    for (int fd = 0; fd < 64; fd++)
        close(fd);
    for (;;)
        pause();
}

static void leave(const int *ready, bool session, bool orphan)
{
    pid_t child = fork();
    if (child != 0) {
        if (orphan)
            waitpid(child, NULL, 0);
        return;
    }
    if (session)
        setsid();
    if (!orphan || fork() == 0)
        stay(ready);
    _exit(0);
}

int main(int argc, char **argv)
{
    int ready[2];
    char all[3];
    if (pipe(ready) != 0)
        return 1;
    leave(ready, false, false);
    leave(ready, true, false);
    leave(ready, true, true);
    for (int i = 0; i < 3; i++) {
        if (read(ready[0], all + i, 1) != 1)
            return 1;
    }
    printf("ready 3\n");
    fflush(stdout);
    if (argc > 1)
        return (int)strtol(argv[1], NULL, 10);
    for (;;)
        pause();
}
