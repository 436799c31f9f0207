/* kernel: attempts to make namespaces and mounts, and at the large doors of the kernel. Where a
 * call would do something, its arguments are such that it fails after the question of rights. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evil.h"

/* Refused only by these: anything else means that it was let in and had nothing to do. */
static struct outcome refused_by_right(long result, const char *note)
{
    if (result == -1 && (errno == EPERM || errno == EACCES || errno == ENOSYS))
        return refused();
    return succeeded(note);
}

static struct outcome mount_memory(const struct target *t)
{
    return refused_by_right(mount("none", t->tmp, "nonesuch", 0, NULL), "mount");
}

static struct outcome mount_bind(const struct target *t)
{
    return refused_by_right(mount("/nonesuch", t->tmp, NULL, MS_BIND, NULL), "mount");
}

static struct outcome remount(const struct target *t)
{
    return refused_by_right(mount(NULL, t->pack, NULL, MS_REMOUNT | MS_BIND, NULL), "remount");
}

static struct outcome unmount(const struct target *t)
{
    (void)t;
    return refused_by_right(umount2("/nonesuch", MNT_DETACH), "umount");
}

static struct outcome new_mounts(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_fsopen, "nonesuch", 0), "fsopen");
}

static struct outcome tree_of_mounts(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_open_tree, AT_FDCWD, "/", 1 /* OPEN_TREE_CLONE */),
                            "open_tree");
}

static struct outcome pivot(const struct target *t)
{
    return refused_by_right(syscall(SYS_pivot_root, t->tmp, t->tmp), "pivot_root");
}

static struct outcome change_root(const struct target *t)
{
    (void)t;
    return refused_by_right(chroot("/nonesuch"), "chroot");
}

static struct outcome unshare_users(const struct target *t)
{
    (void)t;
    return judge(unshare(CLONE_NEWUSER), "a user namespace");
}

static struct outcome unshare_network(const struct target *t)
{
    (void)t;
    return judge(unshare(CLONE_NEWNET), "a network namespace");
}

static struct outcome unshare_mounts(const struct target *t)
{
    (void)t;
    return judge(unshare(CLONE_NEWNS), "a mount namespace");
}

static struct outcome join_daemon(const struct target *t)
{
    char path[48];
    snprintf(path, sizeof path, "/proc/%ld/ns/net", t->daemon);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    return refused_by_right(setns(fd, CLONE_NEWNET), "setns");
}

static struct outcome clone_users(const struct target *t)
{
    (void)t;
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return judge(child, "a child in a user namespace");
}

static struct outcome clone3_users(const struct target *t)
{
    (void)t;
    uint64_t arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    long child = syscall(SYS_clone3, arguments, sizeof arguments);
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return judge(child, "a child in a user namespace");
}

/* ---- doors ---------------------------------------------------------------------------------- */

static struct outcome program_in_kernel(const struct target *t)
{
    (void)t;
    union bpf_attr a = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return judge(syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof a), "bpf");
}

static struct outcome counters(const struct target *t)
{
    (void)t;
    struct perf_event_attr a = {.type = PERF_TYPE_SOFTWARE,
                                .size = sizeof a,
                                .config = PERF_COUNT_SW_DUMMY,
                                .exclude_kernel = 1};
    return judge(syscall(SYS_perf_event_open, &a, 0, -1, -1, 0), "perf");
}

static struct outcome keyring(const struct target *t)
{
    (void)t;
    return judge(syscall(SYS_keyctl, 0 /* KEYCTL_GET_KEYRING_ID */, -4 /* the user's */, 0),
                 "the user's keyring");
}

static struct outcome new_key(const struct target *t)
{
    (void)t;
    return judge(syscall(SYS_add_key, "user", "evil", "x", 1, -2 /* the process's */), "a key");
}

static struct outcome rings(const struct target *t)
{
    (void)t;
    char parameters[256] = {0};
    return judge(syscall(SYS_io_uring_setup, 1, parameters), "io_uring");
}

static struct outcome faults(const struct target *t)
{
    (void)t;
    return judge(syscall(SYS_userfaultfd, 1 /* user mode only */), "userfaultfd");
}

static struct outcome no_randomness(const struct target *t)
{
    (void)t;
    return judge(personality(ADDR_NO_RANDOMIZE), "personality");
}

static struct outcome type_into_terminal(const struct target *t)
{
    (void)t;
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    return refused_by_right(ioctl(fd < 0 ? 0 : fd, TIOCSTI, "x"), "TIOCSTI");
}

static struct outcome load_module(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_init_module, "", 0, ""), "init_module");
}

static struct outcome new_kernel(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_kexec_load, 0, 1000, NULL, 0xffffffffu), "kexec");
}

static struct outcome restart_machine(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_reboot, 1, 2, 3, NULL), "reboot"); /* wrong magic */
}

static struct outcome swap(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_swapon, "/nonesuch", 0), "swapon");
}

static struct outcome kernel_log(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_syslog, 10 /* its size */, NULL, 0), "syslog");
}

static struct outcome set_clock(const struct target *t)
{
    (void)t;
    const struct timespec never = {.tv_nsec = -1};
    return refused_by_right(syscall(SYS_clock_settime, 0, &never), "the clock");
}

static struct outcome set_hostname(const struct target *t)
{
    (void)t;
    return refused_by_right(syscall(SYS_sethostname, "", -1), "the name of the machine");
}

static struct outcome watch_files(const struct target *t)
{
    (void)t;
    return judge(syscall(SYS_fanotify_init, 0, 0), "fanotify");
}

/* 32-bit programs' calls have other numbers, which a filter that forgets them lets through. */
static struct outcome other_calls(const struct target *t)
{
    (void)t;
#if defined(__x86_64__)
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L /* getpid */) : "memory");
    if (result > 0)
        return succeeded("int 0x80");
    errno = (int)-result;
    return refused();
#else
    return nothing_there();
#endif
}

static struct outcome x32_calls(const struct target *t)
{
    (void)t;
    return judge(syscall(0x40000000 + 39), "x32");
}

const struct attempt evil_kernel[] = {
    {"mount_memory", mount_memory},
    {"mount_bind", mount_bind},
    {"remount", remount},
    {"unmount", unmount},
    {"new_mounts", new_mounts},
    {"tree_of_mounts", tree_of_mounts},
    {"pivot", pivot},
    {"change_root", change_root},
    {"unshare_users", unshare_users},
    {"unshare_network", unshare_network},
    {"unshare_mounts", unshare_mounts},
    {"join_daemon", join_daemon},
    {"clone_users", clone_users},
    {"clone3_users", clone3_users},
    {"program_in_kernel", program_in_kernel},
    {"counters", counters},
    {"keyring", keyring},
    {"new_key", new_key},
    {"rings", rings},
    {"faults", faults},
    {"no_randomness", no_randomness},
    {"type_into_terminal", type_into_terminal},
    {"load_module", load_module},
    {"new_kernel", new_kernel},
    {"restart_machine", restart_machine},
    {"swap", swap},
    {"kernel_log", kernel_log},
    {"set_clock", set_clock},
    {"set_hostname", set_hostname},
    {"watch_files", watch_files},
    {"other_calls", other_calls},
    {"x32_calls", x32_calls},
    {NULL, NULL},
};
