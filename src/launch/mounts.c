/* mounts: which files an engine sees, and where. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "launch/inside.h"

#define MOST_PARTS 512u
#define PART_DIGITS 5u

void list_add(struct list *l, struct arena *a, const char *item)
{
    if (l->n + 1 >= l->room) {
        size_t room = l->room ? l->room * 2 : 64;
        const char **items = arena_array(a, const char *, room);
        if (!items) {
            l->failed = true;
            return;
        }
        if (l->n)
            memcpy(items, l->items, l->n * sizeof *items);
        l->items = items;
        l->room = room;
    }
    l->failed |= !item;
    l->items[l->n++] = item;
    l->items[l->n] = NULL;
}

bool launch_sandboxed(const struct making *m)
{
    return m->terms->sandbox->kind != SANDBOX_NONE;
}

void launch_mount(struct making *m, enum mount_kind kind, const char *from, const char *to)
{
    if (m->n_mounts == m->room) {
        size_t room = m->room ? m->room * 2 : 32;
        struct sandbox_mount *more = arena_array(m->arena, struct sandbox_mount, room);
        if (!more) {
            m->err = ERR_NO_MEMORY;
            return;
        }
        if (m->n_mounts)
            memcpy(more, m->mounts, m->n_mounts * sizeof *more);
        m->mounts = more;
        m->room = room;
    }
    m->mounts[m->n_mounts++] = (struct sandbox_mount){kind, from, to};
}

static bool is_there(struct making *m, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
        return true;
    if (!m->err)
        m->err = why_sys(m->why, ERR_NOT_FOUND, errno, "there is no file %s", path);
    return false;
}

static bool is_number(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
    }
    return true;
}

/* NAME-00001-of-00003.gguf: 3, and where its own number stands; 0: no such name. */
static unsigned parts_of(struct slice name, size_t *ret_at)
{
    static const struct slice tail = SLICE("-of-00000.gguf");
    uint64_t n = 0;
    if (name.len < tail.len + PART_DIGITS + 1)
        return 0;
    size_t of = name.len - tail.len, at = of - PART_DIGITS;
    struct slice count = {name.ptr + of + 4, PART_DIGITS};
    bool is = name.ptr[at - 1] == '-' && is_number(name.ptr + at, PART_DIGITS) &&
              memcmp(name.ptr + of, "-of-", 4) == 0 && slice_u64(count, &n) &&
              memcmp(name.ptr + name.len - 5, ".gguf", 5) == 0;
    *ret_at = at;
    return is && n <= MOST_PARTS ? (unsigned)n : 0;
}

static struct slice last_part(const char *path)
{
    struct slice rest = slice_of(path), part = rest;
    while (slice_split(&rest, '/', &part))
        ;
    return part;
}

static const char *mount_file(struct making *m, const char *role, const char *path)
{
    struct slice to = arena_format(m->arena, "/model/%s/%.*s", role, SLICE_ARG(last_part(path)));
    if (!to.ptr) {
        m->err = ERR_NO_MEMORY;
        return NULL;
    }
    if (!is_there(m, path))
        return NULL;
    launch_mount(m, MOUNT_READ, path, to.ptr);
    return to.ptr;
}

static void mount_other_parts(struct making *m, const char *role, struct slice path)
{
    size_t at = 0;
    unsigned n = parts_of(path, &at);
    for (unsigned i = 1; i <= n && !m->err; i++) {
        char *other = arena_cstr(m->arena, path);
        char digits[PART_DIGITS + 1];
        if (!other) {
            m->err = ERR_NO_MEMORY;
            return;
        }
        snprintf(digits, sizeof digits, "%05u", i % 100000);
        memcpy(other + at, digits, PART_DIGITS);
        if (memcmp(other, path.ptr, path.len) != 0)
            (void)mount_file(m, role, other);
    }
}

const char *launch_file(struct making *m, const char *role, const char *path)
{
    if (m->err)
        return NULL;
    if (!launch_sandboxed(m))
        return is_there(m, path) ? path : NULL;
    mount_other_parts(m, role, slice_of(path));
    return m->err ? NULL : mount_file(m, role, path);
}

/* ---- the program ---------------------------------------------------------------------------- */

void launch_program(struct making *m)
{
    const struct pack *p = m->terms->pack;
    const char *words[PACK_WORDS + 1];
    enum err e = pack_words(p, launch_sandboxed(m), m->arena, words, m->why);
    m->err = m->err ? m->err : e;
    for (size_t i = 0; !e && words[i]; i++)
        list_add(&m->argv, m->arena, words[i]);
    if (!p->root && p->folder && launch_sandboxed(m))
        launch_mount(m, MOUNT_READ, p->folder, p->folder);
}

/* ---- devices -------------------------------------------------------------------------------- */

/* Where drivers' files are inside of a pack that brings a root of its own: a name of each, in one
 * folder, which comes first where libraries are looked for. */
#define DRIVERS "/model/drivers"

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void mount_driver(struct making *m, const char *path, struct text *manifests)
{
    struct slice to = arena_format(m->arena, DRIVERS "/%.*s", SLICE_ARG(last_part(path)));
    if (strncmp(path, "/sys", 4) == 0) {
        launch_mount(m, MOUNT_READ, path, path); /* packs have the place for it */
        return;
    }
    if (is_folder(path) || strcmp(m->terms->pack->flavour, "vulkan-mesa") == 0)
        return; /* settings for single programs, none of them an engine; it has its own drivers */
    m->err = m->err ? m->err : to.ptr ? OK : ERR_NO_MEMORY;
    launch_mount(m, MOUNT_READ, path, to.ptr);
    if (slice_ends(to, SLICE(".json"))) {
        text_add(manifests, manifests->len ? SLICE(":") : SLICE(""));
        text_add(manifests, to);
    }
}

static void mount_drivers(struct making *m)
{
    const char *const *paths = NULL;
    struct text manifests = {0};
    size_t n = 0;
    enum err e = machine_drivers("", m->terms->machine, m->arena, &paths, &n, m->why);
    m->err = m->err ? m->err : e;
    for (size_t i = 0; i < n && !m->err; i++) {
        if (m->terms->pack->root)
            mount_driver(m, paths[i], &manifests);
        else if (strncmp(paths[i], "/usr/", 5) != 0) /* that is there already */
            launch_mount(m, MOUNT_READ, paths[i], paths[i]);
    }
    if (manifests.len) {
        launch_set(m, "LD_LIBRARY_PATH", DRIVERS);
        launch_set(m, "VK_DRIVER_FILES", text_cstr(&manifests));
    }
    m->err = manifests.failed ? ERR_NO_MEMORY : m->err;
    text_fini(&manifests);
}

void launch_devices(struct making *m)
{
    const struct machine *machine = m->terms->machine;
    if (!launch_sandboxed(m))
        return;
    for (size_t i = 0; i < machine->n_devices; i++) {
        const struct device *d = &machine->devices[i];
        for (size_t k = 0; launch_uses(m->terms, d) && k < d->n_nodes; k++)
            launch_mount(m, MOUNT_DEVICE, d->nodes[k], d->nodes[k]);
    }
    mount_drivers(m);
}
