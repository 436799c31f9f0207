/* testing: a folder for a test of this room, and a pack_work that notes what it was told. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/os.h"
#include "pack/inside.h"

extern char **environ;

struct place {
    char path[64], engines[96];
    struct arena arena;
    struct text said;
    struct pack_work work;
};

static inline void note(struct pack_work *w, const char *words)
{
    struct place *p = w->owner;
    text_format(&p->said, "%s\n", words);
}

static inline int place_open(void **state)
{
    struct place *p = mem_new(struct place);
    if (!p)
        return -1;
    snprintf(p->path, sizeof p->path, "/tmp/hearth-pack-XXXXXX");
    if (!mkdtemp(p->path))
        return -1;
    snprintf(p->engines, sizeof p->engines, "%s/engines", p->path);
    p->work = (struct pack_work){.engines = p->engines,
                                 .environment = (const char *const *)environ,
                                 .top = p->path,
                                 .arena = &p->arena,
                                 .say = note,
                                 .owner = p};
    *state = p;
    return 0;
}

static inline int place_close(void **state)
{
    struct place *p = *state;
    int code = tree_walk(AT_FDCWD, p->path, TREE_REMOVE, NULL, NULL) ? -1 : 0;
    arena_fini(&p->arena);
    text_fini(&p->said);
    mem_free(p);
    return code;
}

/* A file below the place, with the folders above it. */
static inline void put_file(struct place *p, const char *name, const char *words, mode_t mode)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", p->path, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(tree_make(AT_FDCWD, path, NULL), OK);
    *slash = '/';
    assert_int_equal(os_write_file_whole(AT_FDCWD, path, slice_of(words), mode, NULL), OK);
}

static inline bool is_there(struct place *p, const char *name)
{
    char path[512];
    struct stat is;
    snprintf(path, sizeof path, "%s/%s", p->path, name);
    return lstat(path, &is) == 0;
}

/* How many entries of data/engines begin so. */
static inline size_t entries_in(struct place *p, const char *begins)
{
    size_t n = 0;
    struct dirent *entry;
    DIR *dir = opendir(p->engines);
    while (dir && (entry = readdir(dir)))
        n += slice_begins(slice_of(entry->d_name), slice_of(begins)) &&
             strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return n;
}

static inline const struct pack *read_one(struct place *p, const char *id)
{
    const struct pack *packs;
    size_t n;
    assert_int_equal(packs_read(p->engines, NULL, &p->arena, &packs, &n, NULL), OK);
    return pack_pick(packs, n, id);
}
