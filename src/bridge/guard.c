/* guard: what stays between hearth and a program: ends it, and every process that it left behind,
 * when the program has ended, when it is asked to end, and when the process that started it is
 * gone.
 *
 * Whatever loses its parent below it becomes its child (PR_SET_CHILD_SUBREAPER), so it can end them
 * all. bubblewrap needs that too: its own processes ask to be ended with their parents only late,
 * and none looks whether the parent still lives; in those milliseconds they would be left behind,
 * and let the held program run.
 *
 * Who started us is watched by a descriptor of its process, since PR_SET_PDEATHSIG would count the
 * thread. Whether it was still there when we looked is told by the block: nobody but it has the
 * other end. Against our own end there is PR_SET_PDEATHSIG, for the program at least. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/bridge.h"

#define LOOK_MS 200 /* how often, where the kernel has no descriptors of processes */
#define SWEEP_MS 5  /* between two looks for processes that are left */
#define MOST_SWEEPS 2000u

/* ---- what is left of it --------------------------------------------------------------------- */

/* The parent of a process: the second word after its name, which stands in brackets and may hold
 * anything. -1: it is gone. */
static pid_t parent_of(const char *pid)
{
    char path[64], words[512];
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, words, sizeof words - 1);
    close(fd);
    words[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(words, ')');
    return name_end && strlen(name_end) > 4 ? (pid_t)strtol(name_end + 4, NULL, 10) : -1;
}

static void kill_children(void)
{
    DIR *processes = opendir("/proc");
    pid_t us = getpid();
    if (!processes)
        return;
    for (const struct dirent *entry; (entry = readdir(processes));) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && parent_of(entry->d_name) == us)
            kill((pid_t)strtol(entry->d_name, NULL, 10), SIGKILL); /* ours: not reaped yet */
    }
    closedir(processes);
}

/* Until there is none: those of one that was killed become ours. */
static void kill_all(void)
{
    for (unsigned i = 0; i < MOST_SWEEPS; i++) {
        pid_t pid;
        do {
            pid = waitpid(-1, NULL, WNOHANG);
        } while (pid > 0);
        if (pid < 0 && errno == ECHILD)
            return;
        kill_children();
        poll(NULL, 0, SWEEP_MS);
    }
}

/* ---- watching ------------------------------------------------------------------------------- */

/* The exit code, when there is something to exit for. */
static int watch(pid_t program, pid_t parent, int parent_fd, int signal_fd)
{
    struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN},
                           {.fd = parent_fd, .events = POLLIN}};
    for (;;) {
        int code, number;
        poll(fds, COUNT(fds), parent_fd < 0 ? LOOK_MS : -1);
        while ((number = bridge_next_signal(signal_fd))) {
            if (number != SIGCHLD)
                return 128 + number;
        }
        if (bridge_reap(program, &code))
            return code;
        if (fds[1].revents || getppid() != parent)
            return BRIDGE_FAILED;
    }
}

int bridge_guard(const struct bridge_words *words, bridge_be_fn *be, bridge_tell_fn *tell)
{
    bridge_close_from(SECCOMP_FD + 1);
    pid_t us = getpid(), parent = getppid();
    int parent_fd = (int)syscall(SYS_pidfd_open, parent, 0);
    struct pollfd block = {.fd = BLOCK_FD};
    if (poll(&block, 1, 0) != 0) {
        fprintf(stderr, "hearth-bridge: nobody waits for this any more\n");
        return BRIDGE_FAILED;
    }
    sigset_t signals;
    int signal_fd = bridge_signals(&signals);
    if (signal_fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return bridge_complain("cannot watch over a program");
    setsid(); /* refused when we lead a session already, which is as good */
    pid_t program = fork();
    if (program < 0)
        return bridge_complain("cannot make a process");
    if (program == 0) {
        if (!bridge_die_with(us))
            _exit(BRIDGE_FAILED);
        be(words, &signals);
    }
    bool told = !tell || tell(program);
    for (int fd = STATUS_FD; fd <= SECCOMP_FD; fd++)
        close(fd);
    bridge_let_go_of_standard();
    int code = told ? watch(program, parent, parent_fd, signal_fd) : BRIDGE_FAILED;
    kill_all();
    return code;
}
