/* process: what the modes of hearth-bridge share about processes, signals and descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/bridge.h"

#define FEW_FDS 4096 /* where the kernel cannot close them all at once */

int bridge_complain(const char *what)
{
    fprintf(stderr, "hearth-bridge: %s: %s\n", what, strerror(errno));
    return BRIDGE_FAILED;
}

void bridge_close_from(int first)
{
    if (close_range((unsigned)first, ~0u, 0) == 0)
        return;
    for (int fd = first; fd < FEW_FDS; fd++)
        close(fd);
}

void bridge_let_go_of_standard(void)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0)
        return;
    dup2(nothing, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    if (nothing > STDERR_FILENO)
        close(nothing);
}

int bridge_signals(sigset_t *old)
{
    static const int told[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT(told); i++)
        sigaddset(&set, told[i]);
    if (sigprocmask(SIG_BLOCK, &set, old) != 0)
        return -1;
    /* One that is ignored is not told, and children inherit that. */
    struct sigaction usual = {.sa_handler = SIG_DFL};
    for (size_t i = 0; i < COUNT(told); i++)
        sigaction(told[i], &usual, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int bridge_next_signal(int fd)
{
    struct signalfd_siginfo told;
    return read(fd, &told, sizeof told) == (ssize_t)sizeof told ? (int)told.ssi_signo : 0;
}

void bridge_become(char **program, const sigset_t *signals)
{
    sigprocmask(SIG_SETMASK, signals, NULL);
    execv(program[0], program);
    fprintf(stderr, "hearth-bridge: cannot start %.200s: %s\n", program[0], strerror(errno));
    _exit(BRIDGE_NO_PROGRAM);
}

bool bridge_die_with(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

int bridge_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool bridge_reap(pid_t program, int *ret_code)
{
    bool ended = false;
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return ended;
        if (pid == program) {
            *ret_code = bridge_exit_code(status);
            ended = true;
        }
    }
}
