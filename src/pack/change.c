/* change: what all changes share: the lock, the hidden folder in which a pack is made, the moment
 * at which it takes its place, and what is in use.
 *
 * On disk: data/engines/lock, .new-XXXX (being made), .gone-XXXX (being removed), ID/, use.json.
 * A pack is there when its folder has its name; everything before that is hidden and removed by
 * the next change. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

#define LOCK "lock"
#define NAMES_MOST 100u

void say(struct pack_work *w, const char *format, ...)
{
    char words[512];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    if (w->say)
        w->say(w, words);
}

const char *words_bytes(struct arena *a, uint64_t bytes)
{
    static const char *const units[] = {"kB", "MB", "GB"};
    double n = (double)bytes / 1000;
    size_t unit = 0;
    while (n >= 1000 && unit + 1 < COUNT(units)) {
        n /= 1000;
        unit++;
    }
    const char *words = arena_format(a, "%.1f %s", n, units[unit]).ptr;
    return words ? words : "";
}

const char *words_seconds(struct arena *a, uint64_t since_ms)
{
    const char *words = arena_format(a, "%.1f s", (double)(os_mono_ms() - since_ms) / 1000).ptr;
    return words ? words : "";
}

/* ---- the lock and the leftovers ---- */

static bool is_leftover(const char *name)
{
    struct slice s = slice_of(name);
    return slice_begins(s, SLICE(".new-")) || slice_begins(s, SLICE(".gone-"));
}

/* What cannot be removed stays, hidden: the next change tries again. */
static void remove_leftovers(struct change *c)
{
    int own = fcntl(c->engines, F_DUPFD_CLOEXEC, 0);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    struct dirent *entry;
    if (!dir && own >= 0)
        close(own);
    if (dir)
        rewinddir(dir); /* the descriptor shares its place with ours */
    while (dir && (entry = readdir(dir))) {
        struct why why = {0};
        struct tree tree = {0};
        if (!is_leftover(entry->d_name))
            continue;
        if (tree_walk(c->engines, entry->d_name, TREE_REMOVE, &tree, &why) &&
            unlinkat(c->engines, entry->d_name, 0) != 0)
            say(c->work, "left there: %s (%s)", entry->d_name, why.text);
        else if (tree.bytes)
            say(c->work, "removed what an install that was broken off had left, %s",
                words_bytes(c->work->arena, tree.bytes));
    }
    if (dir)
        closedir(dir);
}

enum err change_begin(struct pack_work *w, struct change *ret, struct why *why)
{
    struct change c = {.work = w, .engines = -1, .lock = -1, .folder = -1};
    enum err e = os_make_private_folder(w->engines, &c.engines, why);
    if (e)
        return e;
    e = os_lock_file(c.engines, LOCK, &c.lock, why);
    if (e) {
        close(c.engines);
        return e == ERR_BUSY ? why_set(why, e, "another command is changing the engines") : e;
    }
    remove_leftovers(&c);
    *ret = c;
    return OK;
}

static void new_name(char *name, size_t room, const char *what)
{
    uint64_t n;
    os_random(&n, sizeof n);
    snprintf(name, room, ".%s-%016llx", what, (unsigned long long)n);
}

enum err change_make_folder(struct change *c, struct why *why)
{
    new_name(c->name, sizeof c->name, "new");
    c->path = path_join(c->work->arena, c->work->engines, c->name);
    if (!c->path)
        return why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (mkdirat(c->engines, c->name, 0700) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot make a folder in %.200s",
                       c->work->engines);
    c->folder = openat(c->engines, c->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return c->folder >= 0 ? OK
                          : why_sys(why, os_err_of(errno), errno, "cannot open %.200s", c->path);
}

void change_end(struct change *c)
{
    if (c->folder >= 0)
        close(c->folder);
    if (c->name[0] && tree_walk(c->engines, c->name, TREE_REMOVE, NULL, NULL))
        say(c->work, "left there: %s", c->path);
    close(c->lock);
    close(c->engines);
}

/* ---- a new pack ---- */

const struct pack *change_twin(struct change *c, const char *engine, const char *flavour,
                               const char *origin)
{
    const struct pack *packs;
    size_t n;
    if (packs_read(c->work->engines, NULL, c->work->arena, &packs, &n, NULL))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(packs[i].engine, engine) && !strcmp(packs[i].flavour, flavour) &&
            !strcmp(packs[i].origin, origin) && !*packs[i].trouble)
            return &packs[i];
    }
    return NULL;
}

/* The old one in use becomes the previous one. */
static enum err put_in_use(const struct change *c, const char *engine, const char *id,
                           struct why *why)
{
    struct uses uses;
    uses_read(c->work->engines, c->work->arena, &uses);
    struct use *use = uses_of(&uses, engine);
    if (!use)
        return why_set(why, ERR_TOO_MANY, "use.json names more engines than there are");
    if (!strcmp(use->used, id))
        return OK;
    *use = (struct use){engine, id, use->used};
    return uses_write(c->engines, &uses, why);
}

/* The id that is free: another pack of the same version and kind may be there. */
static enum err take_id(const struct change *c, struct pack *p, const char *kind, struct why *why)
{
    struct arena *a = c->work->arena;
    const char *id = id_make(a, p, kind);
    p->id = id;
    for (unsigned i = 2; p->id && i < NAMES_MOST; i++) {
        struct stat is;
        if (fstatat(c->engines, p->id, &is, AT_SYMLINK_NOFOLLOW) != 0)
            return OK;
        p->id = arena_format(a, "%s-%u", id, i).ptr;
    }
    return why_set(why, ERR_TOO_MANY, "there are too many packs called %.100s", id ? id : "");
}

static enum err move_into_place(struct change *c, struct manifest *m, struct why *why)
{
    struct arena *a = c->work->arena;
    const struct pack old = m->pack;
    const char *inside =
        m->kind == PLACE_ROOT ? old.program + 1 : old.program + strlen(old.folder) + 1;
    uint64_t began = os_mono_ms();
    enum err e = manifest_write(c->folder, m, why);
    if (!e)
        e = tree_walk(c->engines, c->name, TREE_SYNC, NULL, why);
    if (!e && os_mono_ms() - began > 500)
        say(c->work, "wrote it to the disk in %s", words_seconds(a, began));
    if (!e && renameat(c->engines, c->name, c->engines, m->pack.id) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot put the pack in its place");
    if (e)
        return e;
    c->name[0] = '\0';
    if (fsync(c->engines) != 0)
        errno = 0; /* after a loss of power it may be hidden again, and is removed */
    return manifest_place(c->work->engines, inside, a, m, why);
}

enum err change_commit(struct change *c, struct manifest *m, const char *kind,
                       struct pack_made *ret, struct why *why)
{
    struct pack *p = &m->pack;
    struct tree tree = {0};
    uint64_t began = os_mono_ms();
    probe(c->work, p);
    if (p->probed)
        say(c->work, "tried it in %s", words_seconds(c->work->arena, began));
    enum err e = tree_walk(c->engines, c->name, TREE_COUNT, &tree, why);
    p->bytes = tree.bytes;
    if (!e)
        e = take_id(c, p, kind, why);
    if (!e)
        e = move_into_place(c, m, why);
    if (!e && !*p->trouble)
        e = put_in_use(c, p->engine, p->id, why);
    if (e)
        return e;
    struct pack *copy = arena_new(c->work->arena, struct pack);
    if (!copy)
        return why_set(why, ERR_NO_MEMORY, "no memory for the pack");
    *copy = *p;
    copy->used = !*p->trouble;
    ret->pack = copy;
    return OK;
}

/* ---- those that are there ---- */

static enum err find(const struct pack_work *w, const char *id, const struct pack **ret,
                     struct why *why)
{
    const struct pack *packs;
    size_t n;
    enum err e =
        packs_read(w->engines, process_variable(w->environment, "PATH"), w->arena, &packs, &n, why);
    if (e)
        return e;
    *ret = pack_pick(packs, n, id);
    return *ret ? OK : why_set(why, ERR_NOT_FOUND, "there is no engine %.100s", id);
}

enum err pack_use(struct pack_work *w, const char *id, struct why *why)
{
    struct change c;
    const struct pack *p;
    enum err e = change_begin(w, &c, why);
    if (e)
        return e;
    e = find(w, id, &p, why);
    if (!e && *p->trouble)
        e = why_set(why, ERR_BAD_VALUE, "%.100s cannot be used: %.180s", p->id, p->trouble);
    if (!e)
        e = put_in_use(&c, p->engine, p->id, why);
    change_end(&c);
    return e;
}

static enum err choose_previous(const struct uses *uses, const char *engine, const struct use **ret,
                                struct why *why)
{
    const struct use *found = NULL;
    for (size_t i = 0; i < uses->n; i++) {
        const struct use *use = &uses->rows[i];
        if (!*use->previous || (engine && strcmp(engine, use->engine) != 0))
            continue;
        if (found)
            return why_set(why, ERR_BAD_REQUEST, "of which engine: %.60s or %.60s?", found->engine,
                           use->engine);
        found = use;
    }
    if (!found)
        return why_set(why, ERR_NOT_FOUND, "no other engine was in use before");
    *ret = found;
    return OK;
}

enum err pack_use_previous(struct pack_work *w, const char *engine, const char **ret_id,
                           struct why *why)
{
    struct change c;
    struct uses uses;
    const struct use *use = NULL;
    const struct pack *p;
    enum err e = change_begin(w, &c, why);
    if (e)
        return e;
    uses_read(w->engines, w->arena, &uses);
    e = choose_previous(&uses, engine, &use, why);
    if (!e)
        e = find(w, use->previous, &p, why);
    if (!e && *p->trouble)
        e = why_set(why, ERR_BAD_VALUE, "%.100s cannot be used: %.180s", p->id, p->trouble);
    if (!e)
        e = put_in_use(&c, use->engine, p->id, why);
    if (!e)
        *ret_id = p->id;
    change_end(&c);
    return e;
}

/* No longer in use, and not what one could go back to. */
static enum err forget(const struct change *c, const struct pack *p, struct why *why)
{
    struct uses uses;
    bool changed = false;
    uses_read(c->work->engines, c->work->arena, &uses);
    for (size_t i = 0; i < uses.n; i++) {
        struct use *use = &uses.rows[i];
        if (!strcmp(use->previous, p->id)) {
            use->previous = "";
            changed = true;
        }
        if (!strcmp(use->used, p->id)) {
            *use = (struct use){use->engine, use->previous, ""};
            changed = true;
        }
    }
    return changed ? uses_write(c->engines, &uses, why) : OK;
}

static enum err remove_pack(struct change *c, const struct pack *p, bool force, uint64_t *ret_bytes,
                            struct why *why)
{
    char name[32];
    struct tree tree = {0};
    if (!strcmp(p->source, "PATH"))
        return why_set(why, ERR_BAD_VALUE, "%.100s is on PATH, not ours to remove", p->program);
    if (p->used && !force)
        return why_set(why, ERR_BAD_VALUE, "%.100s is in use", p->id);
    enum err e = forget(c, p, why);
    if (e)
        return e;
    new_name(name, sizeof name, "gone");
    if (renameat(c->engines, p->id, c->engines, name) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot remove %.100s", p->id);
    e = tree_walk(c->engines, name, TREE_REMOVE, &tree, why);
    if (!e)
        *ret_bytes = tree.bytes;
    return e;
}

enum err pack_remove(struct pack_work *w, const char *id, bool force, uint64_t *ret_bytes,
                     struct why *why)
{
    struct change c;
    const struct pack *p;
    enum err e = change_begin(w, &c, why);
    if (e)
        return e;
    e = find(w, id, &p, why);
    if (!e && strcmp(p->id, id) != 0)
        e = why_set(why, ERR_BAD_VALUE, "%.60s is an engine; say which pack of it", id);
    if (!e)
        e = remove_pack(&c, p, force, ret_bytes, why);
    change_end(&c);
    return e;
}

enum err pack_probe(struct pack_work *w, const char *id, const struct pack **ret, struct why *why)
{
    struct change c;
    const struct pack *found;
    struct manifest m = {0};
    int folder = -1;
    enum err e = change_begin(w, &c, why);
    if (e)
        return e;
    struct pack *p = arena_new(w->arena, struct pack);
    e = p ? find(w, id, &found, why) : why_set(why, ERR_NO_MEMORY, "no memory for the pack");
    bool ours = !e && strcmp(found->source, "PATH") != 0;
    if (ours)
        e = manifest_read(w->engines, slice_of(found->id), w->arena, &m);
    if (!e) {
        *p = *found;
        if (*p->program) /* else nothing is known of it */
            probe(w, p);
        *ret = p;
    }
    if (!e && ours && *p->program) {
        m.pack = *p;
        folder = openat(c.engines, p->id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        e = folder < 0 ? why_sys(why, os_err_of(errno), errno, "cannot open %.100s", p->id)
                       : manifest_write(folder, &m, why);
    }
    if (folder >= 0)
        close(folder);
    change_end(&c);
    return e;
}
