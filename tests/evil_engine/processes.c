/* processes: attempts on the daemon's process, and on rights. Signal 0 only asks for leave. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evil.h"

static struct outcome trace_daemon(const struct target *t)
{
    /* The daemon is stopped by nothing here: PTRACE_SEIZE does not stop. */
    return judge(ptrace(PTRACE_SEIZE, (pid_t)t->daemon, NULL, NULL), "traces the daemon");
}

static struct outcome read_daemon(const struct target *t)
{
    char bytes[16];
    struct iovec here = {bytes, sizeof bytes}, there = {(void *)&here, sizeof bytes};
    ssize_t n = process_vm_readv((pid_t)t->daemon, &here, 1, &there, 1, 0);
    if (n < 0 && errno == EFAULT) /* may, but nothing lies there */
        return succeeded("may read the daemon's memory");
    return judge(n, "reads the daemon's memory");
}

static struct outcome signal_daemon(const struct target *t)
{
    return judge(kill((pid_t)t->daemon, 0), "may end the daemon");
}

static struct outcome signal_parent(const struct target *t)
{
    (void)t;
    pid_t parent = getppid(); /* our own first process */
    return parent > 1 && kill(parent, 0) == 0 && getpgid(parent) != getpgid(0)
               ? succeeded("may end another session")
               : nothing_there();
}

static struct outcome descriptor_of_daemon(const struct target *t)
{
    int daemon = (int)syscall(SYS_pidfd_open, t->daemon, 0);
    if (daemon < 0)
        return refused();
    return judge(syscall(SYS_pidfd_getfd, daemon, 0, 0), "a descriptor of the daemon's");
}

static struct outcome limits_of_daemon(const struct target *t)
{
    struct rlimit is;
    return judge(prlimit((pid_t)t->daemon, RLIMIT_NOFILE, NULL, &is), "may limit the daemon");
}

static struct outcome priority_of_daemon(const struct target *t)
{
    errno = 0;
    int now = getpriority(PRIO_PROCESS, (id_t)t->daemon);
    if (errno)
        return refused();
    return judge(setpriority(PRIO_PROCESS, (id_t)t->daemon, now), "may slow the daemon down");
}

static struct outcome compare_with_daemon(const struct target *t)
{
    return judge(syscall(SYS_kcmp, getpid(), t->daemon, 0, 0, 0), "kcmp");
}

static struct outcome become_root(const struct target *t)
{
    (void)t;
    if (geteuid() == 0) { /* in name only? */
        errno = EPERM;
        return setgid(12345) == 0 ? succeeded("root with its rights") : refused();
    }
    return judge(setuid(0), "root");
}

static struct outcome capabilities(const struct target *t)
{
    (void)t;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct all[2] = {{~0u, ~0u, 0}, {0x1ffu, 0x1ffu, 0}};
    return judge(syscall(SYS_capset, &head, all), "all capabilities");
}

static struct outcome raise_limits(const struct target *t)
{
    (void)t;
    struct rlimit now, more = {RLIM_INFINITY, RLIM_INFINITY};
    getrlimit(RLIMIT_DATA, &now);
    if (now.rlim_max == RLIM_INFINITY)
        return succeeded("there is no limit");
    return judge(setrlimit(RLIMIT_DATA, &more), "more memory");
}

static struct outcome raise_core(const struct target *t)
{
    (void)t;
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    return judge(setrlimit(RLIMIT_CORE, &more), "core dumps");
}

static struct outcome spare_me(const struct target *t)
{
    (void)t;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return refused();
    return judge(write(fd, "-1000", 5), "others go first when memory is short");
}

static struct outcome real_time(const struct target *t)
{
    (void)t;
    struct sched_param most = {.sched_priority = 50};
    return judge(sched_setscheduler(0, SCHED_FIFO, &most), "a processor for itself");
}

const struct attempt evil_processes[] = {
    {"trace_daemon", trace_daemon},
    {"read_daemon", read_daemon},
    {"signal_daemon", signal_daemon},
    {"signal_parent", signal_parent},
    {"descriptor_of_daemon", descriptor_of_daemon},
    {"limits_of_daemon", limits_of_daemon},
    {"priority_of_daemon", priority_of_daemon},
    {"compare_with_daemon", compare_with_daemon},
    {"become_root", become_root},
    {"capabilities", capabilities},
    {"raise_limits", raise_limits},
    {"raise_core", raise_core},
    {"spare_me", spare_me},
    {"real_time", real_time},
    {NULL, NULL},
};
