/* files: attempts on what lies on the disk, in /proc, /sys and /dev. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evil.h"

static struct outcome below(const char *folder, const char *name, int flags)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return try_open(path, flags);
}

static struct outcome of_daemon(const struct target *t, const char *name, int flags)
{
    char folder[32];
    snprintf(folder, sizeof folder, "/proc/%ld", t->daemon);
    return below(folder, name, flags);
}

static struct outcome home_folder(const struct target *t)
{
    return try_open(t->home, O_RDONLY | O_DIRECTORY);
}

static struct outcome ssh_key(const struct target *t)
{
    return below(t->home, ".ssh/id_ed25519", O_RDONLY);
}

static struct outcome shadow(const struct target *t)
{
    (void)t;
    return try_open("/etc/shadow", O_RDONLY);
}

static struct outcome accounts(const struct target *t)
{
    (void)t;
    return try_open("/etc/passwd", O_RDONLY);
}

static struct outcome data_folder(const struct target *t)
{
    return below(t->data, "state.db", O_RDWR);
}

static struct outcome root_of_daemon(const struct target *t)
{
    return of_daemon(t, "root/etc", O_RDONLY);
}

static struct outcome memory_of_daemon(const struct target *t)
{
    return of_daemon(t, "mem", O_RDWR);
}

static struct outcome environment_of_daemon(const struct target *t)
{
    return of_daemon(t, "environ", O_RDONLY);
}

static struct outcome descriptors_of_daemon(const struct target *t)
{
    return of_daemon(t, "fd", O_RDONLY | O_DIRECTORY);
}

static struct outcome root_of_first_process(const struct target *t)
{
    (void)t;
    return try_open("/proc/1/root/etc/passwd", O_RDONLY);
}

static struct outcome other_processes(const struct target *t)
{
    (void)t;
    DIR *all = opendir("/proc");
    if (!all)
        return refused();
    struct outcome o = nothing_there();
    for (const struct dirent *entry; (entry = readdir(all));) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && pid != getpid() && pid != getppid())
            o = succeeded("sees processes of others");
    }
    closedir(all);
    return o;
}

static struct outcome kernel_settings(const struct target *t)
{
    (void)t;
    return try_open("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static struct outcome magic_keys(const struct target *t)
{
    (void)t;
    return try_open("/proc/sysrq-trigger", O_WRONLY);
}

static struct outcome kernel_memory(const struct target *t)
{
    (void)t;
    return try_open("/proc/kcore", O_RDONLY);
}

static struct outcome system_tree(const struct target *t)
{
    (void)t;
    return try_open("/sys/kernel", O_RDONLY | O_DIRECTORY);
}

static struct outcome control_groups(const struct target *t)
{
    (void)t;
    static const char *const files[] = {"/sys/fs/cgroup/pids/cgroup.procs",
                                        "/sys/fs/cgroup/cgroup.procs"};
    struct outcome o = nothing_there();
    for (size_t i = 0; i < COUNT(files) && o.kind == REFUSED; i++)
        o = try_open(files[i], O_WRONLY);
    return o;
}

static struct outcome disks(const struct target *t)
{
    (void)t;
    static const char *const nodes[] = {"/dev/mem",     "/dev/kmsg", "/dev/vda", "/dev/sda",
                                        "/dev/nvme0n1", "/dev/fuse", "/dev/kvm", "/dev/net/tun"};
    struct outcome o = nothing_there();
    for (size_t i = 0; i < COUNT(nodes) && o.kind == REFUSED; i++)
        o = try_open(nodes[i], O_RDONLY);
    return o;
}

static struct outcome terminal(const struct target *t)
{
    (void)t;
    return try_open("/dev/tty", O_RDWR);
}

/* ---- writing -------------------------------------------------------------------------------- */

static struct outcome write_model(const struct target *t)
{
    return try_open(t->model, O_WRONLY);
}

static struct outcome change_model(const struct target *t)
{
    if (chmod(t->model, 0644) == 0)
        return succeeded("chmod");
    char other[512];
    snprintf(other, sizeof other, "%s.new", t->model);
    return judge(link(t->model, other) == 0 ? unlink(other) : -1, "link");
}

static struct outcome create_in(const char *folder)
{
    char path[512];
    snprintf(path, sizeof path, "%s/evil-%d", folder, getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return refused();
    close(fd);
    unlink(path);
    return succeeded(folder);
}

static struct outcome beside_model(const struct target *t)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", t->model);
    *strrchr(folder, '/') = '\0';
    return create_in(folder);
}

static struct outcome write_pack(const struct target *t)
{
    return create_in(t->pack);
}

static struct outcome write_own_program(const struct target *t)
{
    char path[512];
    (void)t;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return refused();
    path[n] = '\0';
    return judge(chmod(path, 0755), path);
}

static struct outcome write_root(const struct target *t)
{
    (void)t;
    return create_in("/");
}

static struct outcome write_devices(const struct target *t)
{
    (void)t;
    return create_in("/dev");
}

static struct outcome make_device(const struct target *t)
{
    char path[512];
    snprintf(path, sizeof path, "%s/evil-node-%d", t->tmp, getpid());
    if (mknod(path, S_IFCHR | 0600, makedev(1, 1)) != 0)
        return refused();
    struct outcome o = try_open(path, O_RDONLY);
    unlink(path);
    return o;
}

static struct outcome by_handle(const struct target *t)
{
    (void)t;
    struct {
        struct file_handle head;
        unsigned char bytes[MAX_HANDLE_SZ];
    } handle = {.head.handle_bytes = 8, .head.handle_type = 1};
    handle.bytes[0] = 2; /* the inode of a file system's root */
    int root = open("/", O_RDONLY | O_CLOEXEC);
    int fd = open_by_handle_at(root, &handle.head, O_RDONLY | O_CLOEXEC);
    /* Whether the handle is any good is asked after whether we may at all. */
    if (fd < 0 && errno != ESTALE && errno != EINVAL)
        return refused();
    return succeeded("open_by_handle_at");
}

/* ---- programs ------------------------------------------------------------------------------- */

/* The exit code of path with one word; -1 and errno when it could not be started. */
static int run(const char *path, const char *word)
{
    int status, failed[2], sys = 0;
    if (pipe2(failed, O_CLOEXEC) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        execl(path, path, word, (char *)NULL);
        sys = errno;
        if (write(failed[1], &sys, sizeof sys) < 0)
            _exit(1);
        _exit(0);
    }
    close(failed[1]);
    if (read(failed[0], &sys, sizeof sys) < 0)
        sys = errno;
    close(failed[0]);
    waitpid(child, &status, 0);
    errno = sys;
    return sys ? -1 : WEXITSTATUS(status);
}

static struct outcome setuid_program(const struct target *t)
{
    if (!t->setuid_program)
        return nothing_there();
    int code = run(t->setuid_program, "--am-i-privileged");
    if (code < 0)
        return refused();
    return code ? succeeded("it has the rights of its owner") : nothing_there();
}

static struct outcome shell(const struct target *t)
{
    (void)t;
    return judge(run("/bin/sh", "-c") < 0 ? -1 : 0, "a shell");
}

static struct outcome host_library(const struct target *t)
{
    (void)t;
    static const char *const paths[] = {"/lib/x86_64-linux-gnu/libc.so.6",
                                        "/lib/aarch64-linux-gnu/libc.so.6", "/lib64/libc.so.6"};
    for (size_t i = 0; i < COUNT(paths); i++) {
        int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) != MAP_FAILED)
            return succeeded(paths[i]);
    }
    return refused();
}

static struct outcome program_from_memory(const struct target *t)
{
    (void)t;
    char bytes[65536], path[32];
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = memfd_create("evil", 0);
    if (from < 0 || to < 0)
        return refused();
    for (ssize_t n; (n = read(from, bytes, sizeof bytes)) > 0;) {
        if (write(to, bytes, (size_t)n) != n)
            return refused();
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", to);
    int code = run(path, "--am-i-privileged");
    return code < 0 ? refused() : allowed("it can do what it could before");
}

static struct outcome inherited_descriptors(const struct target *t)
{
    (void)t;
    for (int fd = 3; fd < 1024; fd++) {
        char path[32], what[48] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t n = readlink(path, what, sizeof what - 1);
        /* Our own end of the pipe to who counts. */
        if (n > 0 && fd != 1000)
            return succeeded(what);
    }
    return nothing_there();
}

extern char **environ;

static struct outcome secrets_in_environment(const struct target *t)
{
    (void)t;
    for (size_t i = 0; environ && environ[i]; i++) {
        if (strncmp(environ[i], "HEARTH_", 7) == 0)
            return succeeded("a secret of the daemon");
    }
    return nothing_there();
}

const struct attempt evil_files[] = {
    {"home_folder", home_folder},
    {"ssh_key", ssh_key},
    {"shadow", shadow},
    {"accounts", accounts},
    {"data_folder", data_folder},
    {"root_of_daemon", root_of_daemon},
    {"memory_of_daemon", memory_of_daemon},
    {"environment_of_daemon", environment_of_daemon},
    {"descriptors_of_daemon", descriptors_of_daemon},
    {"root_of_first_process", root_of_first_process},
    {"other_processes", other_processes},
    {"kernel_settings", kernel_settings},
    {"magic_keys", magic_keys},
    {"kernel_memory", kernel_memory},
    {"system_tree", system_tree},
    {"control_groups", control_groups},
    {"disks", disks},
    {"terminal", terminal},
    {"write_model", write_model},
    {"change_model", change_model},
    {"beside_model", beside_model},
    {"write_pack", write_pack},
    {"write_own_program", write_own_program},
    {"write_root", write_root},
    {"write_devices", write_devices},
    {"make_device", make_device},
    {"by_handle", by_handle},
    {"setuid_program", setuid_program},
    {"shell", shell},
    {"host_library", host_library},
    {"program_from_memory", program_from_memory},
    {"inherited_descriptors", inherited_descriptors},
    {"secrets_in_environment", secrets_in_environment},
    {NULL, NULL},
};
