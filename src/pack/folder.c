/* folder: whole folders: counted, made safe, removed, searched. No link is followed on the way, so
 * that nothing outside can be touched through one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

#define DEPTH_MOST 64u

const char *const mount_points[] = {"proc",  "dev", "tmp",     "sys",     "run/hearth",
                                    "model", "etc", "var/tmp", "drivers", NULL};

struct walk {
    enum tree_verb verb;
    struct tree *tree;
    struct why *why;
};

static enum err walk_folder(struct walk *w, int dirfd, const char *name, unsigned depth);

static enum err failed(const struct walk *w, const char *name)
{
    static const char *const doing[] = {"look at", "sync", "remove"};
    int sys = errno;
    return why_sys(w->why, os_err_of(sys), sys, "cannot %s %.200s", doing[w->verb], name);
}

static enum err count(struct walk *w, const struct stat *is)
{
    struct tree *t = w->tree;
    t->entries++;
    t->bytes += S_ISREG(is->st_mode) ? (uint64_t)is->st_size : 0;
    if (w->verb != TREE_REMOVE && (t->entries > TREE_ENTRIES || t->bytes > TREE_BYTES))
        return why_set(w->why, ERR_BODY_TOO_LARGE,
                       "the folder holds more than %u files or %llu GiB", TREE_ENTRIES,
                       (unsigned long long)(TREE_BYTES >> 30));
    return OK;
}

static bool sync_file(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool done = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL);
    int sys = errno;
    if (fd >= 0)
        close(fd);
    errno = sys;
    return done;
}

static enum err walk_entry(struct walk *w, int dirfd, const char *name, unsigned depth)
{
    struct stat is;
    if (fstatat(dirfd, name, &is, AT_SYMLINK_NOFOLLOW) != 0)
        return failed(w, name);
    enum err e = count(w, &is);
    if (e)
        return e;
    if (S_ISDIR(is.st_mode)) {
        e = walk_folder(w, dirfd, name, depth + 1);
        if (!e && w->verb == TREE_REMOVE && unlinkat(dirfd, name, AT_REMOVEDIR) != 0)
            return failed(w, name);
        return e;
    }
    if (w->verb == TREE_REMOVE && unlinkat(dirfd, name, 0) != 0)
        return failed(w, name);
    if (w->verb == TREE_SYNC && S_ISREG(is.st_mode) && !sync_file(dirfd, name))
        return failed(w, name);
    return OK;
}

static enum err walk_entries(struct walk *w, DIR *dir, int fd, unsigned depth)
{
    struct dirent *entry;
    errno = 0;
    while ((entry = readdir(dir))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        enum err e = walk_entry(w, fd, entry->d_name, depth);
        if (e)
            return e;
        errno = 0;
    }
    return OK;
}

static int open_folder(struct walk *w, int dirfd, const char *name)
{
    const int how = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dirfd, name, how);
    /* A package or an archive may hold folders that even their owner may not enter. */
    if (fd < 0 && errno == EACCES && w->verb == TREE_REMOVE && fchmodat(dirfd, name, 0700, 0) == 0)
        fd = openat(dirfd, name, how);
    return fd;
}

static enum err walk_folder(struct walk *w, int dirfd, const char *name, unsigned depth)
{
    if (depth > DEPTH_MOST)
        return why_set(w->why, ERR_BODY_TOO_LARGE, "folders in more than %u others", DEPTH_MOST);
    int fd = open_folder(w, dirfd, name);
    if (fd < 0)
        return failed(w, name);
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    enum err e;
    if (!dir) {
        e = failed(w, name);
        if (own >= 0)
            close(own);
    } else {
        struct stat is;
        if (w->verb == TREE_REMOVE && fstat(fd, &is) == 0 && (is.st_mode & 0700) != 0700 &&
            fchmod(fd, 0700) != 0)
            errno = 0; /* then its files cannot be removed, which will be told */
        e = walk_entries(w, dir, fd, depth);
        closedir(dir);
        if (!e && w->verb == TREE_SYNC && fsync(fd) != 0 && errno != EINVAL)
            e = failed(w, name);
    }
    close(fd);
    return e;
}

enum err tree_walk(int dirfd, const char *name, enum tree_verb verb, struct tree *ret,
                   struct why *why)
{
    struct tree tree = {0};
    struct walk w = {verb, &tree, why};
    enum err e = walk_folder(&w, dirfd, name, 0);
    if (!e && verb == TREE_REMOVE && unlinkat(dirfd, name, AT_REMOVEDIR) != 0)
        e = failed(&w, name);
    if (!e && ret)
        *ret = tree;
    return e;
}

enum err tree_make(int dirfd, const char *path, struct why *why)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return why_set(why, ERR_BAD_VALUE, "the path %.200s is too long", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdirat(dirfd, part, 0755) != 0 && errno != EEXIST)
            return why_sys(why, os_err_of(errno), errno, "cannot make the folder %.200s", part);
        part[i] = path[i];
    }
    return OK;
}

bool is_program(const char *path)
{
    struct stat is;
    return stat(path, &is) == 0 && S_ISREG(is.st_mode) && access(path, X_OK) == 0;
}

const char *path_join(struct arena *a, const char *folder, const char *name)
{
    return folder && name ? arena_format(a, "%s/%s", folder, name).ptr : NULL;
}

const char *real_path(struct arena *a, const char *path)
{
    char room[PATH_MAX];
    return realpath(path, room) ? arena_cstr(a, slice_of(room)) : NULL;
}

/* ---- finding ---- */

static const char *find_in(struct arena *a, const char *folder, const char *place,
                           const struct pack_engine **ret)
{
    const struct pack_engine *engine;
    for (size_t i = 0; (engine = pack_engine(i)); i++) {
        const char *inside = *place ? path_join(a, place, engine->program) : engine->program;
        const char *path = path_join(a, folder, inside);
        if (path && is_program(path)) {
            *ret = engine;
            return inside;
        }
    }
    return NULL;
}

/* Archives hold all they have in one folder more: the only one there is. */
static const char *only_folder(struct arena *a, const char *folder)
{
    DIR *dir = opendir(folder);
    const char *only = NULL;
    struct dirent *entry;
    size_t n = 0;
    while (dir && (entry = readdir(dir))) {
        struct stat is;
        if (entry->d_name[0] == '.')
            continue;
        n++;
        if (fstatat(dirfd(dir), entry->d_name, &is, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(is.st_mode))
            only = arena_cstr(a, slice_of(entry->d_name));
    }
    if (dir)
        closedir(dir);
    return n == 1 ? only : NULL;
}

const char *find_program(struct arena *a, const char *folder, const struct pack_engine **ret)
{
    static const char *const places[] = {"", "build/bin", "usr/bin", "usr/local/bin", "bin"};
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *found = find_in(a, folder, places[i], ret);
        if (found)
            return found;
    }
    const char *only = only_folder(a, folder);
    const char *below = path_join(a, folder, only);
    for (size_t i = 0; below && i < COUNT(places); i++) {
        const char *found = find_in(a, below, places[i], ret);
        if (found)
            return path_join(a, only, found);
    }
    return NULL;
}
