/* group: control groups for one engine, made where hearth runs as root. The kernel does not count
 * root's processes (RLIMIT_NPROC), so a fork bomb would take the machine down; a group counts
 * anybody's. And it counts the memory of all of them together, also what is shared.
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

/* Where groups that count may be made, by the two ways in which the system mounts them: a tree of
 * their own for each kind (version 1), or one tree for all kinds (version 2). */
#define TREES "/sys/fs/cgroup"
#define SWITCH "cgroup.subtree_control" /* version 2: lists the kinds for folders below */
static const struct kind_row {
    const char *tree, *limit; /* version 1: the tree, and the file in a group */
    const char *name, *limit_2;
    const char *what; /* for people */
} kinds[] = {
    [GROUP_PROCESSES] = {TREES "/pids", "pids.max", "+pids", "pids.max", "processes"},
    [GROUP_MEMORY] = {TREES "/memory", "memory.limit_in_bytes", "+memory", "memory.max", "memory"},
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

static int open_below(const char *root, const char *path)
{
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    return open(whole, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The folder of all our groups, and the file for the limit; -1 where there can be none. */
static int open_ours(const char *root, const struct kind_row *kind, const char **ret_limit)
{
    int top = open_below(root, kind->tree), ours = -1;
    bool one_tree = top < 0;
    if (one_tree)
        top = open_below(root, TREES);
    if (top < 0)
        return -1;
    /* Version 2 without the file for switching is version 1's folder of trees. */
    if (!one_tree || write_at(top, SWITCH, kind->name))
        ours = make_folder(top, OURS);
    close(top);
    if (ours >= 0 && one_tree && !write_at(ours, SWITCH, kind->name)) {
        close(ours);
        return -1;
    }
    *ret_limit = one_tree ? kind->limit_2 : kind->limit;
    return ours;
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

enum err group_limit(const char *root, int pid, enum group_kind kind, uint64_t most,
                     struct why *why)
{
    const char *limit;
    int ours = most ? open_ours(root, &kinds[kind], &limit) : -1;
    if (ours < 0)
        return OK; /* as in most containers: then nothing counts them */
    remove_empty(ours);
    char name[16], words[24];
    snprintf(name, sizeof name, "%d", pid);
    snprintf(words, sizeof words, "%llu", (unsigned long long)most);
    int group = make_folder(ours, name);
    enum err e = OK;
    if (group < 0 || !write_at(group, limit, words) || !write_at(group, "cgroup.procs", name))
        e = why_sys(why, os_err_of(errno), errno, "cannot limit the %s of %d", kinds[kind].what,
                    pid);
    if (group >= 0)
        close(group);
    close(ours);
    return e;
}
