/* hold: starts a program where there is no bubblewrap, with what a process can set on itself and on
 * its children: a session of its own, no new privileges, no core dumps, the filter of calls, no
 * descriptors but its standard ones. It sees the files and the network of its user.
 *
 * It stays as the program's parent, and every process that the program leaves behind becomes its
 * child (PR_SET_CHILD_SUBREAPER), so that it can end them all: when the program has ended, when it
 * is asked to end, and when the process that started it is gone. That process is watched by a
 * descriptor, since PR_SET_PDEATHSIG would count the thread that started us. If it was gone before
 * we could look, nobody writes to the block, which then closes, and the program never runs. Against
 * our own end there is PR_SET_PDEATHSIG: the program dies with us, but not what it left behind. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "bridge/bridge.h"

#define MOST_STEPS 4096u /* what the kernel takes */
#define LOOK_MS 200      /* how often, where the kernel has no descriptors of processes */
#define SWEEP_MS 5       /* between two looks for processes that are left */
#define MOST_SWEEPS 2000u

/* ---- the program, before it is one ---------------------------------------------------------- */

static bool load_filter(void)
{
    struct sock_filter steps[MOST_STEPS];
    size_t got = 0;
    ssize_t n;
    while ((n = read(SECCOMP_FD, (char *)steps + got, sizeof steps - got)) > 0)
        got += (size_t)n;
    close(SECCOMP_FD);
    if (n < 0 || got == 0 || got % sizeof *steps != 0) {
        errno = n < 0 ? errno : EINVAL;
        return false;
    }
    struct sock_fprog program = {.len = (unsigned short)(got / sizeof *steps), .filter = steps};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    fprintf(stderr, "hearth-bridge: this kernel has no filter of calls; going on without\n");
    return true;
}

/* One byte lets it run; the end of the pipe means that nobody will ever send one. */
static bool wait_for_leave(void)
{
    char byte;
    ssize_t n;
    struct pollfd block = {.fd = BLOCK_FD, .events = POLLIN};
    do { /* the other end may have made it non-blocking */
        n = poll(&block, 1, -1) > 0 ? read(BLOCK_FD, &byte, 1) : -1;
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    close(BLOCK_FD);
    return n == 1;
}

static _Noreturn void be_program(const struct bridge_words *words, pid_t parent,
                                 const sigset_t *signals)
{
    close(STATUS_FD);
    if (!bridge_die_with(parent) || !wait_for_leave())
        _exit(BRIDGE_FAILED);
    if (words->folder && chdir(words->folder) != 0)
        _exit(bridge_complain(words->folder));
    if (!load_filter())
        _exit(bridge_complain("cannot set the filter of calls"));
    bridge_become(words->program, signals);
}

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
        int status;
        kill_children();
        pid_t pid;
        do {
            pid = waitpid(-1, &status, WNOHANG);
        } while (pid > 0);
        if (pid < 0 && errno == ECHILD)
            return;
        poll(NULL, 0, SWEEP_MS);
    }
}

/* ---- its parent ----------------------------------------------------------------------------- */

static bool tell_status(pid_t program)
{
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_key(&w, "child-pid");
    json_put_int(&w, program);
    json_close_object(&w);
    text_byte(&line, '\n');
    bool told = !line.failed && write(STATUS_FD, line.ptr, line.len) == (ssize_t)line.len;
    text_fini(&line);
    close(STATUS_FD);
    return told;
}

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

int bridge_hold(const struct bridge_words *words)
{
    bridge_close_from(SECCOMP_FD + 1);
    pid_t us = getpid(), parent = getppid();
    int parent_fd = (int)syscall(SYS_pidfd_open, parent, 0);
    const struct rlimit none = {0};
    sigset_t signals;
    signal(SIGPIPE, SIG_DFL);
    setsid(); /* refused when we lead a session already, which is as good */
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        setrlimit(RLIMIT_CORE, &none) != 0)
        return bridge_complain("cannot limit what it may do");
    int signal_fd = bridge_signals(&signals);
    if (signal_fd < 0)
        return bridge_complain("cannot listen to signals");
    pid_t program = fork();
    if (program < 0)
        return bridge_complain("cannot make a process");
    if (program == 0)
        be_program(words, us, &signals);
    close(BLOCK_FD);
    close(SECCOMP_FD);
    bridge_let_go_of_standard();
    int code = tell_status(program) ? watch(program, parent, parent_fd, signal_fd) : BRIDGE_FAILED;
    kill_all();
    return code;
}
