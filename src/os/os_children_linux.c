/* os_children_linux: handles on processes, and orphans that became our children. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os_inner.h"

int os_pid_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

int os_sys_pid_kill(int handle)
{
    return handle < 0 ? -1 : (int)syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0);
}

void os_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

static bool is_known(pid_t pid, const pid_t *known, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (known[i] == pid)
            return true;
    }
    return false;
}

size_t os_kill_orphans(const pid_t *known, size_t n)
{
    char list[64], words[4096];
    size_t found = 0;
    snprintf(list, sizeof list, "/proc/self/task/%d/children", (int)getpid());
    int fd = open(list, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, words, sizeof words);
    if (fd >= 0)
        close(fd);
    struct slice rest = {words, got > 0 ? (size_t)got : 0}, word;
    while (slice_split(&rest, ' ', &word)) {
        uint64_t pid;
        if (!slice_u64(word, &pid) || is_known((pid_t)pid, known, n))
            continue;
        kill((pid_t)pid, SIGKILL); /* ours, and not reaped: nobody else can have its number */
        waitpid((pid_t)pid, NULL, WNOHANG);
        found++;
    }
    return found;
}
