/* pack: what packs there are. See pack.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

struct feature_row {
    const char *name, *words, *without;
};

/* clang-format off */
static const struct feature_row features[PACK_FEATURES] = {
    [PACK_CHILD_PROTOCOL] = {"child_protocol", "tells how far loading is",
        "loading shows no progress; its end is found by asking"},
    [PACK_UNIX_SOCKET] = {"unix_socket", "listens on a Unix socket",
        "hearth-bridge leads to its TCP port inside the sandbox"},
    [PACK_EXIT_COMMAND] = {"exit_command", "ends when told to on its input",
        "it is killed"},
    [PACK_STDIN_ENDS] = {"stdin_ends", "ends with its input",
        "only the sandbox ends it when hearth dies"},
    [PACK_SLOT_SAVE] = {"slot_save", "saves what it has read",
        "a conversation is read again after its model was away"},
    [PACK_PING_INTERVAL] = {"ping_interval", "takes the time between pings",
        "a client that left is noticed by the engine up to 30 s later"},
    [PACK_CANCEL] = {"cancel", "stops when its client leaves",
        "a slot is taken for free only when the engine says so"},
};
/* clang-format on */

const char *pack_feature_name(enum pack_feature f)
{
    assert(f < PACK_FEATURES);
    return features[f].name;
}

const char *pack_feature_words(enum pack_feature f)
{
    assert(f < PACK_FEATURES);
    return features[f].words;
}

const char *pack_feature_without(enum pack_feature f)
{
    assert(f < PACK_FEATURES);
    return features[f].without;
}

/* ---- reading all ---- */

struct list {
    struct pack *items;
    size_t n;
};

static int by_engine_and_id(const void *a, const void *b)
{
    const struct pack *x = a, *y = b;
    int order = strcmp(x->engine, y->engine);
    return order ? order : strcmp(x->id, y->id);
}

static enum err add_folders(const char *engines, struct arena *a, struct list *list,
                            struct why *why)
{
    DIR *dir = opendir(engines);
    struct dirent *entry;
    enum err e = OK;
    if (!dir)
        return errno == ENOENT ? OK
                               : why_sys(why, os_err_of(errno), errno,
                                         "cannot read the folder %.200s", engines);
    while (!e && list->n < MOST_PACKS && (entry = readdir(dir))) {
        struct manifest m;
        struct slice id = slice_of(entry->d_name);
        struct stat is;
        if (!id_is_good(id) || fstatat(dirfd(dir), entry->d_name, &is, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISDIR(is.st_mode))
            continue; /* use.json, the lock, what is being made */
        e = manifest_read(engines, id, a, &m);
        if (!e)
            list->items[list->n++] = m.pack;
    }
    closedir(dir);
    return e ? why_set(why, e, "no memory for the packs") : OK;
}

/* The folder it needs to see, for a program that is none of the system's. */
static const char *folder_of(struct arena *a, const char *program)
{
    const char *end = strrchr(program, '/');
    struct slice folder = {program, (size_t)(end - program)};
    bool of_system = slice_begins(folder, SLICE("/usr/")) || slice_begins(folder, SLICE("/bin"));
    return of_system ? NULL : arena_cstr(a, folder);
}

static bool stands_in(const struct list *list, const char *program)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!strcmp(list->items[i].program, program))
            return true;
    }
    return false;
}

static void add_from_path(const char *path, const struct pack_engine *engine, struct arena *a,
                          struct list *list)
{
    struct slice rest = slice_of(path), part;
    while (slice_split(&rest, ':', &part)) {
        if (!part.len || part.ptr[0] != '/')
            continue;
        const char *named = arena_format(a, "%.*s/%s", SLICE_ARG(part), engine->program).ptr;
        const char *program = named && is_program(named) ? real_path(a, named) : NULL;
        const char *id = program ? arena_format(a, "%s-path", engine->name).ptr : NULL;
        if (!id)
            continue;
        if (!stands_in(list, program)) /* a folder that was added is told as that */
            list->items[list->n++] = (struct pack){.id = id,
                                                   .engine = engine->name,
                                                   .version = "",
                                                   .source = "PATH",
                                                   .flavour = "",
                                                   .folder = folder_of(a, program),
                                                   .program = program,
                                                   .backend = "",
                                                   .trouble = "",
                                                   .origin = ""};
        return;
    }
}

static void mark_used(const char *engines, struct arena *a, struct list *list)
{
    struct uses uses;
    uses_read(engines, a, &uses);
    for (size_t i = 0; i < list->n; i++) {
        struct pack *p = &list->items[i];
        for (size_t u = 0; u < uses.n; u++) {
            if (strcmp(uses.rows[u].engine, p->engine) != 0)
                continue;
            p->used = !strcmp(uses.rows[u].used, p->id);
            p->previous = !p->used && !strcmp(uses.rows[u].previous, p->id);
        }
    }
}

enum err packs_read(const char *engines, const char *path, struct arena *a,
                    const struct pack **ret_packs, size_t *ret_n, struct why *why)
{
    const struct pack_engine *engine;
    struct list list = {arena_array(a, struct pack, MOST_PACKS + 16), 0};
    if (!list.items)
        return why_set(why, ERR_NO_MEMORY, "no memory for the packs");
    enum err e = add_folders(engines, a, &list, why);
    if (e)
        return e;
    for (size_t i = 0; path && i < 16 && (engine = pack_engine(i)); i++)
        add_from_path(path, engine, a, &list);
    mark_used(engines, a, &list);
    qsort(list.items, list.n, sizeof *list.items, by_engine_and_id);
    *ret_packs = list.items;
    *ret_n = list.n;
    return OK;
}

const struct pack *pack_pick(const struct pack *packs, size_t n, const char *id)
{
    const struct pack *of_engine = NULL;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(packs[i].id, id))
            return &packs[i];
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(packs[i].engine, id) != 0)
            continue;
        if (packs[i].used)
            return &packs[i];
        of_engine = &packs[i];
        count++;
    }
    return count == 1 ? of_engine : NULL;
}
