/* add: engines that the user has already: a folder, which stays where it is, or an archive. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

#define HEX_BYTES 64u

static enum err no_program(const char *where, struct why *why)
{
    return why_set(why, ERR_NOT_FOUND,
                   "there is no llama-server or whisper-server in %.150s, its bin or its build/bin",
                   where);
}

/* ---- a folder ---- */

/* Folders that hold far more than an engine; the sandbox would show all of it. */
static bool is_too_wide(const struct pack_work *w, const char *folder)
{
    static const char *const wide[] = {"/", "/usr", "/home", "/root", "/etc", "/var", "/tmp"};
    for (size_t i = 0; i < COUNT(wide); i++) {
        if (!strcmp(folder, wide[i]))
            return true;
    }
    const char *home = process_variable(w->environment, "HOME");
    const char *real = home ? real_path(w->arena, home) : NULL;
    /* the home itself, what is above it, and what holds our own data */
    const char *inner[] = {real, w->engines};
    for (size_t i = 0; i < COUNT(inner); i++) {
        size_t len = strlen(folder);
        if (inner[i] && !strncmp(inner[i], folder, len) &&
            (inner[i][len] == '/' || inner[i][len] == '\0'))
            return true;
    }
    return false;
}

static enum err place_folder(struct change *c, const char *folder, struct manifest *m,
                             struct why *why)
{
    struct arena *a = c->work->arena;
    const struct pack_engine *engine = NULL;
    const char *program = find_program(a, folder, &engine);
    if (!program)
        return no_program(folder, why);
    const char *source = arena_format(a, "folder %s", folder).ptr;
    if (!source)
        return why_set(why, ERR_NO_MEMORY, "no memory for the pack");
    m->kind = PLACE_OUTSIDE;
    m->pack = (struct pack){.id = c->name,
                            .engine = engine->name,
                            .version = "",
                            .source = source,
                            .flavour = "",
                            .folder = folder,
                            .backend = "",
                            .trouble = "",
                            .origin = folder};
    return manifest_place(c->work->engines, program, a, m, why);
}

enum err pack_add_folder(struct pack_work *w, const char *path, struct pack_made *ret,
                         struct why *why)
{
    struct change c;
    struct manifest m = {0};
    struct pack_made made = {0};
    const char *folder = real_path(w->arena, path);
    if (!folder)
        return why_sys(why, os_err_of(errno), errno, "cannot find %.200s", path);
    if (is_too_wide(w, folder))
        return why_set(why, ERR_BAD_VALUE,
                       "an engine would see all of %.150s: name the folder it is alone in", folder);
    enum err e = change_begin(w, &c, why);
    if (e)
        return e;
    e = change_make_folder(&c, why);
    if (!e)
        e = place_folder(&c, folder, &m, why);
    if (!e)
        made.pack = change_twin(&c, m.pack.engine, "", folder);
    made.was_there = made.pack != NULL;
    if (!e && !made.was_there)
        e = change_commit(&c, &m, "folder", &made, why);
    change_end(&c);
    if (!e)
        *ret = made;
    return e;
}

/* ---- an archive ---- */

/* Written the one way in which it is kept; NULL: it is none. */
static const char *plain_hash(struct arena *a, const char *sha256)
{
    size_t n = sha256 ? strspn(sha256, "0123456789abcdefABCDEF") : 0;
    char *plain = n == HEX_BYTES && !sha256[n] ? arena_cstr(a, slice_of(sha256)) : NULL;
    for (size_t i = 0; plain && i < n; i++)
        plain[i] |= 0x20; /* of letters the small ones; digits have that bit */
    return plain;
}

/* A whole top, as one that apt made: then it is the root, and the program sees only that. */
static bool is_root(const struct pack_work *w, const char *folder)
{
    static const char *const loaders[] = {"lib64/ld-linux-x86-64.so.2",
                                          "lib/ld-linux-aarch64.so.1"};
    for (size_t i = 0; i < COUNT(loaders); i++) {
        const char *path = path_join(w->arena, folder, loaders[i]);
        struct stat is;
        if (path && stat(path, &is) == 0)
            return true;
    }
    return false;
}

static enum err place_archive(struct change *c, const char *source, const char *sha256,
                              struct manifest *m, struct why *why)
{
    struct arena *a = c->work->arena;
    const struct pack_engine *engine = NULL;
    const char *folder = path_join(a, c->path, NAME_FILES);
    const char *program = folder ? find_program(a, folder, &engine) : NULL;
    if (!program)
        return no_program("the archive", why);
    m->kind = is_root(c->work, folder) ? PLACE_ROOT : PLACE_FILES;
    if (m->kind == PLACE_ROOT && renameat(c->folder, NAME_FILES, c->folder, NAME_ROOT) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot make the root");
    for (size_t i = 0; m->kind == PLACE_ROOT && mount_points[i]; i++) {
        enum err e =
            tree_make(c->folder, arena_format(a, NAME_ROOT "/%s", mount_points[i]).ptr, why);
        if (e)
            return e;
    }
    m->pack = (struct pack){.id = c->name,
                            .engine = engine->name,
                            .version = "",
                            .source = source,
                            .flavour = "",
                            .backend = "",
                            .trouble = "",
                            .origin = sha256};
    return manifest_place(c->work->engines, program, a, m, why);
}

static enum err add_archive(struct change *c, const char *path, const char *sha256,
                            struct pack_made *ret, struct why *why)
{
    const struct pack_engine *engine;
    const char *slash = strrchr(path, '/');
    const char *source = arena_format(c->work->arena, "archive %s", slash ? slash + 1 : path).ptr;
    struct manifest m = {0};
    for (size_t i = 0; !ret->pack && (engine = pack_engine(i)); i++)
        ret->pack = change_twin(c, engine->name, "", sha256);
    ret->was_there = ret->pack != NULL;
    if (ret->was_there)
        return OK;
    enum err e = source ? archive_unpack(c, path, sha256, NAME_FILES, why)
                        : why_set(why, ERR_NO_MEMORY, "no memory for the pack");
    if (!e)
        e = place_archive(c, source, sha256, &m, why);
    return e ? e : change_commit(c, &m, "archive", ret, why);
}

enum err pack_add_archive(struct pack_work *w, const char *path, const char *sha256,
                          struct pack_made *ret, struct why *why)
{
    struct change c;
    struct pack_made made = {0};
    sha256 = plain_hash(w->arena, sha256);
    if (!sha256)
        return why_set(why, ERR_BAD_REQUEST,
                       "an archive is taken only with its SHA-256: --sha256 and 64 hex digits");
    enum err e = change_begin(w, &c, why);
    if (e)
        return e;
    e = change_make_folder(&c, why);
    if (!e)
        e = add_archive(&c, path, sha256, &made, why);
    change_end(&c);
    if (!e)
        *ret = made;
    return e;
}
