/* group: a control group for the processes of one engine, made where hearth runs as root. The
 * kernel does not count root's processes (RLIMIT_NPROC), so a fork bomb would take the machine
 * down; a group counts anybody's.
 *
 * Each engine has a folder `hearth/PID` below the system's tree of groups. Nobody tells us when a
 * group is empty for good, so empty ones are removed whenever a new one is made: at most the last
 * engines' stay. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "sandbox/inside.h"

#define OURS "hearth"

/* Where groups that count processes may be made, by the two ways in which the system mounts them:
 * a tree of their own (version 1), or one tree for all kinds (version 2). */
static const struct place {
    const char *path;
    const char *switch_on; /* version 2: a file that lists the kinds for folders below */
} places[] = {
    {"/sys/fs/cgroup/pids", NULL},
    {"/sys/fs/cgroup", "cgroup.subtree_control"},
};

static bool write_at(int folder, const char *name, const char *words)
{
    int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = os_write_all(fd, slice_of(words));
    int sys = errno;
    close(fd);
    errno = sys;
    return done;
}

static int open_folder(int above, const char *name)
{
    return openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int make_folder(int above, const char *name)
{
    if (mkdirat(above, name, 0700) != 0 && errno != EEXIST)
        return -1;
    return open_folder(above, name);
}

/* The folder of all our groups; -1 where there can be none. */
static int open_ours(const char *root)
{
    for (size_t i = 0; i < COUNT(places); i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s", root, places[i].path);
        int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (top < 0)
            continue;
        /* Version 2 without the file for switching is version 1's folder of trees. */
        const char *on = places[i].switch_on;
        bool good = !on || write_at(top, on, "+pids");
        int ours = good ? make_folder(top, OURS) : -1;
        close(top);
        if (ours >= 0 && on && !write_at(ours, on, "+pids")) {
            close(ours);
            ours = -1;
        }
        if (ours >= 0)
            return ours;
    }
    return -1;
}

/* A group with processes in it cannot be removed: the kernel says so. */
static void remove_empty(int ours)
{
    int again = dup(ours); /* closedir closes what it reads */
    DIR *groups = again < 0 ? NULL : fdopendir(again);
    if (!groups) {
        if (again >= 0)
            close(again);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(groups));) {
        uint64_t pid;
        if (slice_u64(slice_of(entry->d_name), &pid))
            unlinkat(ours, entry->d_name, AT_REMOVEDIR);
    }
    closedir(groups);
}

enum err group_limit(const char *root, int pid, uint64_t processes, struct why *why)
{
    int ours = open_ours(root);
    if (ours < 0)
        return OK; /* as in most containers: then nothing counts them */
    remove_empty(ours);
    char name[16], most[24];
    snprintf(name, sizeof name, "%d", pid);
    snprintf(most, sizeof most, "%llu", (unsigned long long)processes);
    int group = make_folder(ours, name);
    enum err e = OK;
    if (group < 0 || !write_at(group, "pids.max", most) || !write_at(group, "cgroup.procs", name))
        e = why_sys(why, os_err_of(errno), errno, "cannot limit the processes of %d", pid);
    if (group >= 0)
        close(group);
    close(ours);
    return e;
}
