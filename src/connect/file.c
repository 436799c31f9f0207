/* file: a settings file of the user's. Found with all links followed, then touched only by its
 * folder's descriptor and its last name, so that nothing can be put in the way meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connect/inside.h"
#include "crypt/crypt.h"
#include "os/os.h"

/* "/a/b" is "/a" and "b". Every path here is absolute. */
static const char *last_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

static enum err parent_of(const char *path, char folder[PATH_MAX], struct why *why)
{
    size_t len = (size_t)(last_of(path) - path - 1);
    if (len >= PATH_MAX)
        return why_sys(why, ERR_BAD_VALUE, ENAMETOOLONG, "%.200s", path);
    memcpy(folder, path, len);
    memcpy(folder + len, len ? "" : "/", len ? 1 : 2);
    return OK;
}

static enum err no_memory(struct why *why)
{
    return why_set(why, ERR_NO_MEMORY, "no memory for a path");
}

/* Ours, and no place where another user may put something in the file's stead. */
static enum err open_folder(const char *folder, int *ret_fd, struct why *why)
{
    struct stat is;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot open the folder %.200s", folder);
    enum err e = OK;
    if (fstat(fd, &is) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot look at the folder %.200s", folder);
    else if (is.st_uid != geteuid())
        e = why_set(why, ERR_PERMISSION, "the folder %.200s is user %ld's, not ours", folder,
                    (long)is.st_uid);
    else if (is.st_mode & S_IWOTH)
        e = why_set(why, ERR_PERMISSION,
                    "everybody may write to the folder %.200s; take that away: chmod o-w", folder);
    if (e)
        close(fd);
    else
        *ret_fd = fd;
    return e;
}

/* ---- finding -------------------------------------------------------------------------------- */

/* The real path of the folder, those of its end that are not there yet as they are named. */
static enum err find_folder(struct arena *a, const char *folder, const char **ret_folder,
                            const char **ret_made, struct why *why)
{
    char part[PATH_MAX], real[PATH_MAX];
    size_t len = strlen(folder), there = len;
    if (len >= sizeof part)
        return why_sys(why, ERR_BAD_VALUE, ENAMETOOLONG, "%.200s", folder);
    for (;;) {
        memcpy(part, folder, there);
        memcpy(part + there, there ? "" : "/", there ? 1 : 2);
        if (realpath(part, real))
            break;
        struct stat is;
        if (errno != ENOENT ||
            lstat(part, &is) == 0) /* a link to nothing is not a missing folder */
            return why_sys(why, os_err_of(errno), errno, "cannot find the folder %.200s", part);
        while (there && folder[there - 1] != '/')
            there--;
        while (there && folder[there - 1] == '/')
            there--;
    }
    const char *rest = folder + there;
    size_t first = 1;
    while (rest[0] && rest[first] && rest[first] != '/')
        first++;
    const char *base = real[1] ? real : "";
    *ret_folder = arena_format(a, "%s%s", rest[0] ? base : real, rest).ptr;
    *ret_made = rest[0] ? arena_format(a, "%s%.*s", base, (int)first, rest).ptr : NULL;
    return *ret_folder && (!rest[0] || *ret_made) ? OK : no_memory(why);
}

static enum err find_new(struct arena *a, const char *path, const char **ret_path,
                         const char **ret_made, struct why *why)
{
    char folder[PATH_MAX];
    const char *real = NULL, *made = NULL;
    enum err e = parent_of(path, folder, why);
    if (!e)
        e = find_folder(a, folder, &real, &made, why);
    if (e)
        return e;
    const char *whole = arena_format(a, "%s/%s", real[1] ? real : "", last_of(path)).ptr;
    if (!whole)
        return no_memory(why);
    *ret_path = whole;
    *ret_made = made;
    return OK;
}

enum err file_find(struct arena *a, const char *path, const char **ret_path, const char **ret_made,
                   struct why *why)
{
    struct stat is;
    char real[PATH_MAX];
    if (path[0] != '/')
        return why_set(why, ERR_BAD_VALUE, "%.200s is no absolute path", path);
    if (lstat(path, &is) != 0 && errno == ENOENT)
        return find_new(a, path, ret_path, ret_made, why);
    if (!realpath(path, real))
        return why_sys(why, os_err_of(errno), errno, "%.200s leads nowhere", path);
    const char *kept = arena_cstr(a, slice_of(real));
    if (!kept)
        return no_memory(why);
    *ret_path = kept;
    *ret_made = NULL;
    return OK;
}

/* ---- reading -------------------------------------------------------------------------------- */

static enum err read_in(int folder, const char *path, struct text *into, mode_t *ret_mode,
                        struct why *why)
{
    struct stat is;
    const char *name = last_of(path);
    if (fstatat(folder, name, &is, AT_SYMLINK_NOFOLLOW) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot look at %.200s", path);
    if (!S_ISREG(is.st_mode))
        return why_set(why, ERR_BAD_VALUE, "%.200s is no plain file", path);
    if (is.st_uid != geteuid())
        return why_set(why, ERR_PERMISSION, "%.200s is user %ld's, not ours", path,
                       (long)is.st_uid);
    if (is.st_nlink > 1)
        return why_set(
            why, ERR_BAD_VALUE,
            "%.200s has %lu names (hard links), which a new file in its place would part", path,
            (unsigned long)is.st_nlink);
    enum err e = os_read_file(folder, name, MOST_FILE, into, why);
    if (!e)
        *ret_mode = is.st_mode & 07777;
    return e;
}

enum err file_read(struct arena *a, const char *path, struct slice *ret_bytes, mode_t *ret_mode,
                   struct why *why)
{
    char folder[PATH_MAX];
    struct text bytes = {0};
    int fd = -1;
    enum err e = parent_of(path, folder, why);
    if (!e)
        e = open_folder(folder, &fd, why);
    if (e)
        return e;
    e = read_in(fd, path, &bytes, ret_mode, why);
    if (!e) {
        *ret_bytes = arena_dup(a, bytes.len ? text_slice(&bytes) : SLICE(""));
        e = ret_bytes->ptr ? OK : no_memory(why);
    }
    text_fini(&bytes);
    close(fd);
    return e;
}

/* ---- writing -------------------------------------------------------------------------------- */

static enum err check_same(int folder, const struct file_change *f, struct why *why)
{
    struct text now = {0};
    mode_t mode = 0;
    enum err e = read_in(folder, f->path, &now, &mode, why);
    bool same = e == ERR_NOT_FOUND ? !f->before.ptr
                                   : !e && f->before.ptr && slice_is(text_slice(&now), f->before);
    text_fini(&now);
    if (e && e != ERR_NOT_FOUND)
        return e;
    return same ? OK
                : why_set(why, ERR_BUSY, "%.200s was changed meanwhile; nothing was written",
                          f->path);
}

/* Each that is missing, private. */
static enum err make_folders(const char *folder, struct why *why)
{
    char part[PATH_MAX];
    size_t len = strlen(folder);
    memcpy(part, folder, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return why_sys(why, os_err_of(errno), errno, "cannot make the folder %.200s", part);
        part[i] = folder[i];
    }
    return OK;
}

/* From the file's own folder up to `made`; the first that is not empty ends it. */
static void remove_folders(char folder[PATH_MAX], const char *made)
{
    size_t least = strlen(made);
    for (size_t len = strlen(folder); len >= least && !strncmp(folder, made, least);) {
        if (rmdir(folder) != 0)
            return;
        while (len && folder[len - 1] != '/')
            len--;
        len -= len > 0;
        folder[len] = '\0';
    }
}

enum err file_write(const struct file_change *f, struct why *why)
{
    char folder[PATH_MAX];
    int fd = -1;
    enum err e = parent_of(f->path, folder, why);
    if (!e && f->made && f->after.ptr)
        e = make_folders(folder, why);
    if (!e)
        e = open_folder(folder, &fd, why);
    if (e)
        return e;
    e = check_same(fd, f, why);
    if (!e && f->after.ptr)
        e = os_write_file_whole(fd, last_of(f->path), f->after, f->mode, why);
    else if (!e && unlinkat(fd, last_of(f->path), 0) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot remove %.200s", f->path);
    close(fd);
    if (!e && !f->after.ptr && f->made)
        remove_folders(folder, f->made);
    return e;
}

const char *file_sha256(struct arena *a, struct slice bytes)
{
    unsigned char hash[HASH_BYTES];
    struct text hex = {0};
    if (crypt_sha256(bytes, hash))
        return NULL;
    crypt_hex((struct slice){(const char *)hash, sizeof hash}, &hex);
    const char *kept = hex.failed ? NULL : arena_cstr(a, text_slice(&hex));
    text_fini(&hex);
    return kept;
}
