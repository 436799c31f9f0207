/* os_remove: a folder with all that is in it, however deep somebody nested it. Folders in folders
 * are moved up to the top one, so nothing is ever more than two steps away from it. No link is
 * followed: every name is looked at from the open folder that it is in. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os_inner.h"

struct removal {
    int top;
    size_t left;      /* entries that may be removed still */
    unsigned long up; /* folders that were moved up, for their new names */
};

static bool may_go_on(struct removal *r)
{
    return r->left && r->left--;
}

static DIR *open_folder(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        close(fd);
    return dir;
}

/* Of a folder: it may have been made one that nobody may look into. */
static bool open_up(int dirfd, const char *name)
{
    struct stat is;
    return fstatat(dirfd, name, &is, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(is.st_mode) &&
           (is.st_mode & S_IRWXU) != S_IRWXU && fchmodat(dirfd, name, S_IRWXU, 0) == 0;
}

static const char *next_name(DIR *dir)
{
    const struct dirent *d;
    do {
        d = readdir(dir);
    } while (d && (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0));
    return d ? d->d_name : NULL;
}

static bool move_up(struct removal *r, int dirfd, const char *name)
{
    char higher[40];
    do {
        snprintf(higher, sizeof higher, "moved-up-%lu", r->up++);
    } while (faccessat(r->top, higher, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    return renameat(dirfd, name, r->top, higher) == 0;
}

/* What is in one folder of the top one; true: it is empty then. */
static bool empty_inner(struct removal *r, const char *name)
{
    DIR *dir = open_folder(r->top, name);
    bool all = dir != NULL;
    for (const char *inner; all && (inner = next_name(dir));) {
        open_up(dirfd(dir), inner);
        all =
            may_go_on(r) && (unlinkat(dirfd(dir), inner, 0) == 0 || move_up(r, dirfd(dir), inner));
    }
    if (dir)
        closedir(dir);
    return all;
}

static bool remove_entry(struct removal *r, const char *name)
{
    if (!may_go_on(r))
        return false;
    if (unlinkat(r->top, name, 0) == 0)
        return true;
    open_up(r->top, name);
    return empty_inner(r, name) && unlinkat(r->top, name, AT_REMOVEDIR) == 0;
}

/* One walk over the top folder; false: something stays. Folders that were moved up meanwhile may
 * or may not be met. */
static bool walk(struct removal *r, size_t *ret_n)
{
    DIR *dir = open_folder(r->top, ".");
    bool all = dir != NULL;
    *ret_n = 0;
    for (const char *name; all && (name = next_name(dir)); ++*ret_n)
        all = remove_entry(r, name);
    if (dir)
        closedir(dir);
    return all;
}

enum err os_remove_folder(const char *path, size_t most)
{
    struct removal r = {.left = most};
    size_t n = 1;
    bool all = true;
    open_up(AT_FDCWD, path);
    r.top = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (r.top < 0)
        return os_err_of(errno);
    while (all && n)
        all = walk(&r, &n);
    close(r.top);
    if (!all)
        return ERR_TOO_MANY;
    return rmdir(path) == 0 ? OK : os_err_of(errno);
}
