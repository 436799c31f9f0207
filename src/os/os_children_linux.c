/* os_children_linux: handles on processes. */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/os_inner.h"

int os_pid_open(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

void os_pid_kill(int handle)
{
    syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0);
}
