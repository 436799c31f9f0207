/* restore: putting back. First the archive is read to its end: the small files into memory, the
 * databases into a folder beside the old ones, every sum and version checked. Then come renames
 * alone, one after the other, each noted so that it can be taken back. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/inside.h"
#include "base/mem.h"
#include "os/os.h"
#include "store/store.h"

#define CHUNK 65536u
#define KEPT ".before-restore-"
#define KEPT_ROOM 320u

struct step { /* of what is done, to be undone */
    int folder;
    const char *name;
    char kept[KEPT_ROOM];
    bool had, wal, shm; /* put beside: it, and what belongs to a database */
};

struct restoring {
    const struct backup_terms *t;
    const char *path;
    int in;
    uint64_t bytes;
    struct manifest manifest;
    struct stage stage;
    int folders[PLACES]; /* -1: not open */
    char stamp[32];
    bool dry; /* what would be done is told, and not done */
    struct step *steps;
    struct backup_file *files;
    size_t n;
};
/* Of steps and files: what is taken away from conf.d, then what comes, and the other kinds. */
#define MOST_STEPS (2 * MOST_MEMBERS + kinds_n)

static enum err no_memory(struct why *why)
{
    return why_set(why, ERR_NO_MEMORY, "no memory for the archive");
}

static enum err bad(const struct restoring *r, struct why *why, const char *what)
{
    return why_set(why, ERR_BAD_VALUE, "%.180s: %s", r->path, what);
}

/* ---- reading ---- */

static enum err read_bytes(struct restoring *r, void *into, size_t n, struct why *why)
{
    char *at = into;
    while (n) {
        ssize_t got = read(r->in, at, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return why_sys(why, os_err_of(errno), errno, "cannot read %.200s", r->path);
        if (got == 0)
            return bad(r, why, "it ends too early: it is damaged, or not all of it is here");
        at += got;
        n -= (size_t)got;
        r->bytes += (uint64_t)got;
    }
    return OK;
}

static enum err read_head(struct restoring *r, const char *name, struct tar_entry *ret,
                          struct why *why)
{
    unsigned char block[TAR_BLOCK];
    enum err e = read_bytes(r, block, sizeof block, why);
    if (!e && (!tar_take(block, ret) || strcmp(ret->name, name) != 0))
        e = bad(r, why, r->bytes == TAR_BLOCK ? "it is no backup of hearth" : "it is damaged");
    return e;
}

static enum err read_rest(struct restoring *r, uint64_t size, struct why *why)
{
    unsigned char block[TAR_BLOCK];
    size_t rest = (size_t)(size % TAR_BLOCK);
    return rest ? read_bytes(r, block, TAR_BLOCK - rest, why) : OK;
}

static enum err read_small(struct restoring *r, uint64_t size, struct slice *ret, struct why *why)
{
    char *content = arena_alloc(r->t->arena, (size_t)size + 1);
    if (!content)
        return no_memory(why);
    enum err e = read_bytes(r, content, (size_t)size, why);
    if (!e)
        e = read_rest(r, size, why);
    if (!e)
        *ret = (struct slice){content, (size_t)size};
    return e;
}

static enum err read_manifest(struct restoring *r, struct why *why)
{
    struct tar_entry entry;
    struct slice text;
    struct why inner = {0};
    enum err e = read_head(r, MANIFEST, &entry, why);
    if (!e && entry.size > MOST_MANIFEST)
        e = bad(r, why, "it is damaged");
    if (!e)
        e = read_small(r, entry.size, &text, why);
    if (e)
        return e;
    e = members_read(r->t->arena, text, &r->manifest, &inner);
    return e ? why_set(why, e, "%.180s: %.120s", r->path, inner.text) : OK;
}

static enum err stage_database(struct restoring *r, struct member *f, struct digest *digest,
                               struct why *why)
{
    const char *path = arena_format(r->t->arena, "%s/%s", r->stage.path, f->last).ptr;
    char *chunk = mem_alloc(CHUNK);
    int out = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600) : -1;
    uint64_t left = f->size;
    enum err e = OK;
    if (out < 0 || !chunk)
        e = why_sys(why, ERR_SYSTEM, errno, "cannot write a copy of %.100s", f->last);
    while (!e && left) {
        size_t n = (size_t)min_u64(left, CHUNK);
        e = read_bytes(r, chunk, n, why);
        digest_add(digest, (struct slice){chunk, n});
        if (!e && !os_write_all(out, (struct slice){chunk, n}))
            e = why_sys(why, os_err_of(errno), errno, "cannot write a copy of %.100s", f->last);
        if (!e && !goes_on(r->t, r->bytes))
            e = broken_off(why);
        left -= n;
    }
    if (!e && fsync(out) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot write a copy of %.100s", f->last);
    if (out >= 0)
        close(out);
    mem_free(chunk);
    return e ? e : read_rest(r, f->size, why);
}

static enum err read_member(struct restoring *r, struct member *f, struct why *why)
{
    struct tar_entry entry;
    unsigned char sum[HASH_BYTES];
    struct digest *digest = digest_new();
    enum err e = digest ? read_head(r, f->name, &entry, why) : no_memory(why);
    if (!e && entry.size != f->size)
        e = bad(r, why, "it is damaged");
    if (!e && f->kind->database) {
        e = stage_database(r, f, digest, why);
    } else if (!e) {
        e = read_small(r, f->size, &f->content, why);
        if (!e)
            digest_add(digest, f->content);
    }
    if (!e) {
        digest_end(digest, sum);
        f->mode = entry.mode;
        if (memcmp(sum, f->sum, sizeof sum) != 0)
            e = why_set(why, ERR_BAD_VALUE, "%.150s: it is damaged: %.100s is not what it was",
                        r->path, f->name);
    }
    digest_free(digest);
    return e;
}

static enum err read_end(struct restoring *r, struct why *why)
{
    unsigned char block[TAR_BLOCK];
    enum err e = OK;
    for (int i = 0; i < 2 && !e; i++) {
        e = read_bytes(r, block, sizeof block, why);
        if (!e && !tar_is_end(block))
            e = bad(r, why, "it holds more than it says");
    }
    if (!e && read(r->in, block, 1) != 0)
        e = bad(r, why, "there is something behind its end");
    return e;
}

static enum err check_databases(struct restoring *r, struct why *why)
{
    enum err e = OK;
    for (size_t i = 0; i < r->manifest.n && !e; i++) {
        const struct kind *k = r->manifest.members[i].kind;
        int64_t version;
        struct why inner = {0};
        if (!k->database)
            continue;
        e = store_check(k->file, r->stage.path, &version, &inner);
        if (e == ERR_CONFIG)
            e = why_set(why, e,
                        "%.150s: its %s was written by a newer hearth: restore it with "
                        "that one",
                        r->path, k->name);
        else if (e)
            e = why_set(why, e, "%.150s: %.150s", r->path, inner.text);
    }
    return e;
}

static bool holds(const struct restoring *r, const struct kind *kind, const char *last)
{
    for (size_t i = 0; i < r->manifest.n; i++) {
        if (r->manifest.members[i].kind == kind && !strcmp(r->manifest.members[i].last, last))
            return true;
    }
    return false;
}

static bool holds_proven(const struct restoring *r)
{
    for (size_t i = 0; i < r->manifest.n; i++) {
        if (r->manifest.members[i].kind->proven)
            return true;
    }
    return false;
}

/* All of it, before anything is touched. */
static enum err read_all(struct restoring *r, struct why *why)
{
    enum err e = read_manifest(r, why);
    for (size_t i = 0; i < r->manifest.n && !e; i++)
        e = read_member(r, &r->manifest.members[i], why);
    if (!e)
        e = read_end(r, why);
    for (size_t i = 0; i < kinds_n && !e; i++) {
        if (kinds[i].proven && !kinds[i].database && holds_proven(r) &&
            !holds(r, &kinds[i], kinds[i].name))
            e = bad(r, why, "it has no secrets.key, and without it nothing in it can be proven");
    }
    return e ? e : check_databases(r, why);
}

/* ---- putting in place ---- */

static enum err open_place(struct restoring *r, enum place p, struct why *why)
{
    static const char *const inner[PLACES] = {"", "/conf.d", "", "/tls"};
    const char *top = p == PLACE_CONFIG || p == PLACE_CONF_D ? r->t->config : r->t->data;
    const char *path = arena_format(r->t->arena, "%s%s", top, inner[p]).ptr;
    if (r->folders[p] >= 0)
        return OK;
    if (!path)
        return no_memory(why);
    if (!r->dry)
        return os_make_private_folder(path, &r->folders[p], why);
    enum err e = os_open_private_folder(path, &r->folders[p], why);
    return e == ERR_NOT_FOUND ? OK : e;
}

static bool is_there(int folder, const char *name)
{
    struct stat is;
    return fstatat(folder, name, &is, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool move_companion(const struct step *s, const char *ending, bool back)
{
    char name[KEPT_ROOM], kept[KEPT_ROOM + 8];
    snprintf(name, sizeof name, "%s%s", s->name, ending);
    snprintf(kept, sizeof kept, "%s%s", s->kept, ending);
    return renameat(s->folder, back ? kept : name, s->folder, back ? name : kept) == 0;
}

/* What is there gets a second name, so that the first is never without a file; where the file
 * system knows no second names, or nothing comes in its place, it is renamed. A database takes its
 * journal with it: a new file must never meet an old one's. */
static enum err put_beside(struct restoring *r, const struct kind *kind, const char *last,
                           bool comes, struct why *why)
{
    assert(r->n < MOST_STEPS);
    struct step *s = &r->steps[r->n];
    *s = (struct step){.folder = r->folders[kind->place], .name = last};
    r->files[r->n] = (struct backup_file){.gone = !comes, .kept = ""};
    r->files[r->n].name = arena_format(r->t->arena, "%s/%s", place_folder(kind->place), last).ptr;
    if (!r->files[r->n].name)
        return no_memory(why);
    if (r->dry) {
        r->n++;
        return OK;
    }
    snprintf(s->kept, sizeof s->kept, "%.200s%s%s", last, KEPT, r->stamp);
    if (is_there(s->folder, s->kept))
        return why_set(why, ERR_BUSY, "%.200s is there already", s->kept);
    if (is_there(s->folder, last)) {
        s->had = (comes && linkat(s->folder, last, s->folder, s->kept, 0) == 0) ||
                 renameat(s->folder, last, s->folder, s->kept) == 0;
        if (!s->had)
            return why_sys(why, os_err_of(errno), errno, "cannot put %.200s beside", last);
        r->files[r->n].kept = arena_cstr(r->t->arena, slice_of(s->kept));
    }
    r->n++;
    if (kind->database) {
        s->wal = move_companion(s, "-wal", false);
        s->shm = move_companion(s, "-shm", false);
    }
    return r->files[r->n - 1].kept ? OK : no_memory(why);
}

static enum err place_member(struct restoring *r, const struct member *f, struct why *why)
{
    int folder = r->folders[f->kind->place];
    mode_t mode = f->kind->own ? 0600 : (f->mode & 0644) | 0600;
    enum err e = put_beside(r, f->kind, f->last, true, why);
    if (e)
        return e;
    r->files[r->n - 1].bytes = f->size;
    if (!f->kind->database)
        return os_write_file_whole(folder, f->last, f->content, mode, why);
    const char *from = arena_format(r->t->arena, "%s/%s", r->stage.path, f->last).ptr;
    if (!from)
        return no_memory(why);
    if (renameat(AT_FDCWD, from, folder, f->last) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot put %.100s in place", f->last);
    return OK;
}

static void undo(struct restoring *r)
{
    while (r->n) {
        const struct step *s = &r->steps[--r->n];
        if (s->had) {
            (void)!renameat(s->folder, s->kept, s->folder, s->name);
            (void)unlinkat(s->folder, s->kept, 0); /* both may be names of the same file still */
        } else {
            (void)unlinkat(s->folder, s->name, 0);
        }
        if (s->wal)
            (void)move_companion(s, "-wal", true);
        if (s->shm)
            (void)move_companion(s, "-shm", true);
    }
}

/* Files that the configuration would read besides those of the archive. */
static enum err clear_conf_d(struct restoring *r, const struct kind *kind, struct why *why)
{
    int fd = dup(r->folders[kind->place]);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *d;
    enum err e = OK;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return why_sys(why, ERR_SYSTEM, errno, "cannot read conf.d");
    }
    rewinddir(dir);
    while (!e && (d = readdir(dir))) {
        if (!is_conf_d_name(slice_of(d->d_name)) || holds(r, kind, d->d_name))
            continue;
        const char *name = arena_cstr(r->t->arena, slice_of(d->d_name));
        if (r->n >= MOST_MEMBERS)
            e = why_set(why, ERR_TOO_MANY,
                        "conf.d holds more than %u files that the backup does not have",
                        MOST_MEMBERS);
        else
            e = name ? put_beside(r, kind, name, false, why) : no_memory(why);
    }
    closedir(dir);
    return e;
}

/* Would the archive hold this kind, had it been there? Then it replaces it by nothing. */
static bool speaks_of(const struct restoring *r, const struct kind *k)
{
    return k->proven ? holds_proven(r) : !k->secret || r->manifest.secrets;
}

static enum err clear_one(struct restoring *r, const struct kind *k, struct why *why)
{
    if (!speaks_of(r, k) || r->folders[k->place] < 0) /* dry, and the folder is not there */
        return OK;
    if (k->name[0] == '*')
        return clear_conf_d(r, k, why);
    if (holds(r, k, k->name) || !is_there(r->folders[k->place], k->name))
        return OK;
    return put_beside(r, k, k->name, false, why);
}

static enum err clear_all(struct restoring *r, struct why *why)
{
    enum err e = OK;
    for (enum place p = 0; p < PLACES && !e; p++) {
        if (p != PLACE_TLS || r->manifest.secrets)
            e = open_place(r, p, why);
    }
    for (size_t i = 0; i < kinds_n && !e; i++)
        e = clear_one(r, &kinds[i], why);
    return e;
}

static enum err place_all(struct restoring *r, struct why *why)
{
    enum err e = clear_all(r, why);
    for (size_t i = 0; i < r->manifest.n && !e; i++)
        e = place_member(r, &r->manifest.members[i], why);
    for (enum place p = 0; p < PLACES && !e; p++) {
        if (r->folders[p] >= 0 && fsync(r->folders[p]) != 0 && errno != EINVAL)
            e = why_sys(why, os_err_of(errno), errno, "cannot sync a folder");
    }
    if (e)
        undo(r);
    return e;
}

/* What would be done: nothing is looked at but names. */
static enum err tell_all(struct restoring *r, struct why *why)
{
    enum err e = clear_all(r, why);
    for (size_t i = 0; i < r->manifest.n && !e; i++) {
        const struct member *f = &r->manifest.members[i];
        r->files[r->n++] = (struct backup_file){.name = f->name, .bytes = f->size, .kept = ""};
    }
    return e;
}

/* ---- the whole ---- */

static void make_stamp(struct restoring *r)
{
    uint64_t now = os_wall_ms();
    time_t seconds = (time_t)(now / 1000);
    struct tm at;
    char words[24] = "";
    if (gmtime_r(&seconds, &at))
        strftime(words, sizeof words, "%Y%m%d-%H%M%S", &at);
    snprintf(r->stamp, sizeof r->stamp, "%s-%03u", words, (unsigned)(now % 1000));
}

static enum err open_archive(struct restoring *r, struct why *why)
{
    struct stat is;
    r->in = open(r->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (r->in < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot open %.200s", r->path);
    if (fstat(r->in, &is) != 0 || !S_ISREG(is.st_mode))
        return bad(r, why, "it is no regular file");
    return OK;
}

/* For looking only: a folder somewhere else, since the data folder may not be there. */
static enum err open_aside(struct restoring *r, struct why *why)
{
    struct slice words = arena_format(r->t->arena, "%s/hearth-restore-XXXXXX", r->t->temporary);
    char *path = words.ptr ? arena_cstr(r->t->arena, words) : NULL;
    r->stage = (struct stage){.data = -1, .lock = -1};
    if (!path)
        return no_memory(why);
    r->stage.path = mkdtemp(path);
    return r->stage.path ? OK
                         : why_sys(why, os_err_of(errno), errno, "cannot make a folder in %.200s",
                                   r->t->temporary);
}

/* No daemon may run, nor start, until all is in place. */
static enum err open_for_good(struct restoring *r, int *ret_lock, struct why *why)
{
    int data;
    enum err e = os_make_private_folder(r->t->data, &data, why);
    if (e)
        return e;
    e = os_lock_file(data, r->t->lock, ret_lock, why);
    close(data);
    if (e == ERR_BUSY)
        return why_set(why, ERR_BUSY, "hearth is running, and would write into what is put back");
    return e ? e : stage_open(r->t, &r->stage, why);
}

static enum err restore(struct restoring *r, struct why *why)
{
    enum err e = read_all(r, why);
    r->steps = arena_array(r->t->arena, struct step, MOST_STEPS);
    r->files = arena_array(r->t->arena, struct backup_file, MOST_STEPS);
    if (!e && (!r->steps || !r->files))
        e = no_memory(why);
    if (!e)
        e = r->dry ? tell_all(r, why) : place_all(r, why);
    return e;
}

static void close_all(struct restoring *r, int lock)
{
    if (r->stage.lock >= 0)
        stage_close(&r->stage);
    else if (r->stage.path)
        (void)!os_remove_folder(r->stage.path, MOST_MEMBERS);
    for (enum place p = 0; p < PLACES; p++) {
        if (r->folders[p] >= 0)
            close(r->folders[p]);
    }
    if (r->in >= 0)
        close(r->in);
    if (lock >= 0)
        close(lock);
}

enum err backup_restore(const struct backup_terms *t, const char *path, bool dry_run,
                        struct backup_list *ret, struct why *why)
{
    struct restoring r = {.t = t,
                          .path = path,
                          .in = -1,
                          .stage.lock = -1,
                          .folders = {-1, -1, -1, -1},
                          .dry = dry_run};
    int lock = -1;
    make_stamp(&r);
    enum err e = open_archive(&r, why);
    if (!e)
        e = dry_run ? open_aside(&r, why) : open_for_good(&r, &lock, why);
    if (!e)
        e = restore(&r, why);
    if (!e)
        *ret = (struct backup_list){.files = r.files,
                                    .n = r.n,
                                    .bytes = r.bytes,
                                    .secrets = r.manifest.secrets,
                                    .made = r.manifest.made,
                                    .version = r.manifest.version};
    close_all(&r, lock);
    return e;
}
