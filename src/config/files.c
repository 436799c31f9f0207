/* files: the one place of this room that reads the disk. Links are followed, since people keep
 * such files elsewhere and link them here; but only a regular file is read, never waited for. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/inner.h"

#define MOST_NAMES 1000u

static enum err of_errno(int sys)
{
    return sys == EACCES || sys == EPERM ? ERR_PERMISSION : ERR_SYSTEM;
}

static enum err read_open(struct arena *a, int fd, struct slice *ret_text, bool *ret_loose,
                          struct why *why)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return why_sys(why, ERR_SYSTEM, errno, "cannot be read");
    if (!S_ISREG(st.st_mode))
        return why_set(why, ERR_CONFIG, "is no regular file");
    if (st.st_size < 0 || (uint64_t)st.st_size > MOST_YAML_BYTES)
        return why_set(why, ERR_CONFIG, "is larger than 1 MiB");
    size_t room = (size_t)st.st_size;
    char *text = arena_alloc(a, room + 1); /* zero-filled: ends in a NUL */
    if (!text)
        return why_set(why, ERR_NO_MEMORY, "no memory to read it");
    size_t len = 0;
    while (len < room) {
        ssize_t n = read(fd, text + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return why_sys(why, ERR_SYSTEM, errno, "cannot be read");
        if (n == 0)
            break; /* it became shorter meanwhile */
        len += (size_t)n;
    }
    *ret_text = (struct slice){text, len};
    *ret_loose = st.st_mode & S_IWOTH;
    return OK;
}

enum err config_read_file(struct arena *a, const char *path, struct slice *ret_text,
                          bool *ret_loose, struct why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        *ret_text = (struct slice){0};
        return OK;
    }
    if (fd < 0)
        return why_sys(why, of_errno(errno), errno, "cannot be opened");
    enum err e = read_open(a, fd, ret_text, ret_loose, why);
    close(fd);
    return e;
}

static int by_bytes(const void *a, const void *b)
{
    const struct slice *p = a, *q = b;
    return slice_order(*p, *q);
}

static enum err add_names(struct arena *a, DIR *folder, struct slice *names, size_t *n,
                          struct why *why)
{
    for (;;) {
        errno = 0;
        const struct dirent *d = readdir(folder);
        if (!d)
            return errno ? why_sys(why, ERR_SYSTEM, errno, "cannot be read") : OK;
        struct slice name = slice_of(d->d_name);
        if (name.ptr[0] == '.' || !slice_ends(name, SLICE(".yaml")))
            continue;
        if (*n == MOST_NAMES)
            return why_set(why, ERR_CONFIG, "holds more than %u files", MOST_NAMES);
        names[*n] = arena_dup(a, name);
        if (!names[*n].ptr)
            return why_set(why, ERR_NO_MEMORY, "no memory to read it");
        ++*n;
    }
}

enum err config_list_folder(struct arena *a, const char *path, struct config_list *ret_names,
                            struct why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_DIRECTORY);
    if (fd < 0 && errno == ENOENT) {
        *ret_names = (struct config_list){0};
        return OK;
    }
    if (fd < 0)
        return why_sys(why, of_errno(errno), errno, "cannot be opened");
    DIR *folder = fdopendir(fd);
    struct slice *names = arena_array(a, struct slice, MOST_NAMES);
    if (!folder || !names) {
        if (folder)
            closedir(folder);
        else
            close(fd);
        return why_set(why, ERR_NO_MEMORY, "no memory to read it");
    }
    size_t n = 0;
    enum err e = add_names(a, folder, names, &n, why);
    closedir(folder);
    if (e)
        return e;
    qsort(names, n, sizeof *names, by_bytes);
    *ret_names = (struct config_list){names, n};
    return OK;
}
