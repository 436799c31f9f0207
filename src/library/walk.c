/* walk: folders of other programs. Links are followed, as those programs do: what bounds a walk is
 * its depth and the number of entries in all. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "library/inside.h"
#include "os/os.h"

#define MOST_PLACES 16u
#define MOST_PATH 4000u

const char *library_join(struct looking *l, const char *folder, const char *name)
{
    const char *path = arena_format(l->scratch, "%s/%s", folder, name).ptr;
    l->failed |= !path;
    return path;
}

const char *library_variable(const struct looking *l, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *e = l->where->environment; e && *e; e++) {
        if (strncmp(*e, name, len) == 0 && (*e)[len] == '=' && (*e)[len + 1])
            return *e + len + 1;
    }
    return NULL;
}

bool library_is_folder(const char *path)
{
    struct stat st;
    return path && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- places --------------------------------------------------------------------------------- */

static bool is_known(const struct looking *l, const struct stat *st)
{
    for (size_t i = 0; i < l->n_places; i++) {
        struct stat other;
        if (stat(l->places[i].path, &other) == 0 && other.st_dev == st->st_dev &&
            other.st_ino == st->st_ino)
            return true;
    }
    return false;
}

struct library_place *library_enter(struct looking *l, enum library_store store, const char *path)
{
    struct stat st;
    if (!path || l->failed || strlen(path) > MOST_PATH || l->n_places == MOST_PLACES)
        return NULL;
    int sys = stat(path, &st) == 0 ? 0 : errno;
    bool is_there = !sys && S_ISDIR(st.st_mode);
    if ((!is_there && sys != EACCES) || (is_there && is_known(l, &st)))
        return NULL;
    DIR *folder = is_there ? opendir(path) : NULL;
    if (is_there && !folder)
        sys = errno;
    if (folder)
        closedir(folder);
    if (!l->places)
        l->places = arena_array(l->arena, struct library_place, MOST_PLACES);
    const char *kept = arena_cstr(l->arena, slice_of(path));
    if (!l->places || !kept) {
        l->failed = true;
        return NULL;
    }
    struct library_place *p = &l->places[l->n_places++];
    *p = (struct library_place){.store = store, .path = kept, .err = os_err_of(sys)};
    return p->err ? NULL : p;
}

/* ---- names in a folder ---------------------------------------------------------------------- */

static int by_bytes(const void *a, const void *b)
{
    const char *const *p = a, *const *q = b;
    return strcmp(*p, *q);
}

static bool keep(struct looking *l, struct listing *all, size_t *room, const char *name)
{
    if (all->n == *room) {
        size_t more = *room ? *room * 2 : 64;
        const char **names = arena_array(l->scratch, const char *, more);
        if (!names)
            return false;
        if (all->n)
            memcpy(names, all->names, all->n * sizeof *names);
        all->names = names;
        *room = more;
    }
    all->names[all->n] = arena_cstr(l->scratch, slice_of(name));
    return all->names[all->n++] != NULL;
}

struct listing library_list(struct looking *l, const char *path)
{
    struct listing all = {0};
    size_t room = 0;
    DIR *folder = path && !l->failed ? opendir(path) : NULL;
    const struct dirent *d;
    while (folder && !l->failed && (d = readdir(folder))) {
        if (d->d_name[0] == '.')
            continue;
        if (!l->left) {
            l->more = true;
            break;
        }
        l->left--;
        l->failed |= !keep(l, &all, &room, d->d_name);
    }
    if (folder)
        closedir(folder);
    if (all.n)
        qsort(all.names, all.n, sizeof *all.names, by_bytes);
    return all;
}

struct slice library_read(struct looking *l, const char *path, size_t most)
{
    struct text text = {0};
    struct slice kept = {0};
    if (path && !os_read_file(AT_FDCWD, path, most, &text, NULL)) {
        struct slice s = text_slice(&text);
        while (s.len &&
               (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r' || s.ptr[s.len - 1] == ' '))
            s.len--;
        kept = s.len ? arena_dup(l->scratch, s) : s;
        l->failed |= s.len && !kept.ptr;
    }
    text_fini(&text);
    return kept;
}
