/* backup: making one. Copies of the databases are made in a folder of the data folder's, which the
 * next one empties if this one was killed; the archive is written under another name and gets its
 * own when it is on the disk. */
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
#define MOST_STAGED 100u

bool goes_on(const struct backup_terms *t, uint64_t bytes)
{
    return !t->go_on || t->go_on(t->owner, bytes);
}

enum err broken_off(struct why *why)
{
    return why_set(why, ERR_CANCELLED, "it was broken off; nothing is left of it");
}

/* ---- the folder for copies ---- */

enum err stage_open(const struct backup_terms *t, struct stage *ret, struct why *why)
{
    struct stage s = {.data = -1, .lock = -1};
    s.path = arena_format(t->arena, "%s/" STAGE, t->data).ptr;
    if (!s.path)
        return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    enum err e = os_open_private_folder(t->data, &s.data, why);
    if (!e)
        e = os_lock_file(s.data, STAGE_LOCK, &s.lock, why);
    if (e == ERR_BUSY)
        e = why_set(why, ERR_BUSY, "another backup or restore is at work in this home");
    if (!e)
        (void)!os_remove_folder(s.path, MOST_STAGED); /* of one that was killed */
    if (!e && mkdirat(s.data, STAGE, 0700) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot make the folder %.200s", s.path);
    if (!e) {
        *ret = s;
        return OK;
    }
    if (s.lock >= 0)
        close(s.lock);
    if (s.data >= 0)
        close(s.data);
    return e;
}

void stage_close(struct stage *s)
{
    (void)!os_remove_folder(s->path, MOST_STAGED);
    (void)unlinkat(s->data, STAGE_LOCK, 0);
    close(s->lock);
    close(s->data);
}

/* ---- what there is ---- */

struct making {
    const struct backup_terms *t;
    struct stage stage; /* path NULL: there is no data folder */
    struct manifest manifest;
    int out;
    uint64_t bytes;
};

static const char *folder_of(const struct backup_terms *t, enum place p)
{
    switch (p) {
    case PLACE_CONFIG:
        return t->config;
    case PLACE_CONF_D:
        return arena_format(t->arena, "%s/conf.d", t->config).ptr;
    case PLACE_DATA:
        return t->data;
    case PLACE_TLS:
        return arena_format(t->arena, "%s/tls", t->data).ptr;
    case PLACES:
        break;
    }
    return NULL;
}

static enum err no_memory(struct why *why)
{
    return why_set(why, ERR_NO_MEMORY, "no memory for the backup");
}

static enum err add(struct making *m, const struct kind *kind, const char *last,
                    const struct member *is, struct why *why)
{
    struct manifest *all = &m->manifest;
    const char *name = arena_format(m->t->arena, "%s/%s", place_folder(kind->place), last).ptr;
    if (!name)
        return no_memory(why);
    if (all->n == MOST_MEMBERS || strlen(last) > 100)
        return why_set(why, ERR_TOO_MANY, "%.200s: %s", name,
                       all->n == MOST_MEMBERS ? "there are too many files"
                                              : "its name has more than 100 bytes");
    struct member *f = &all->members[all->n++];
    *f = *is;
    f->kind = kind;
    f->name = name;
    f->last = strrchr(name, '/') + 1;
    return OK;
}

/* A small file as it is now. One that is not there is left out. */
static enum err add_small(struct making *m, const struct kind *kind, const char *last,
                          struct why *why)
{
    const char *folder = folder_of(m->t, kind->place);
    const char *path = folder ? arena_format(m->t->arena, "%s/%s", folder, last).ptr : NULL;
    struct member f = {0};
    struct text text = {0};
    struct stat is;
    if (!path)
        return no_memory(why);
    enum err e = os_read_file(AT_FDCWD, path, MOST_SMALL, &text, why);
    if (e == ERR_NOT_FOUND) {
        text_fini(&text);
        return OK;
    }
    f.mode = !e && stat(path, &is) == 0 ? (unsigned)is.st_mode & 0777 : 0600;
    f.size = text.len;
    f.content = arena_dup(m->t->arena, text_slice(&text));
    if (!e && (text.failed || (text.len && !f.content.ptr)))
        e = no_memory(why);
    text_fini(&text);
    if (!e)
        e = crypt_sha256(f.content, f.sum);
    return e ? e : add(m, kind, last, &f, why);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err add_conf_d(struct making *m, const struct kind *kind, struct why *why)
{
    const char *folder = folder_of(m->t, kind->place);
    const char **names = arena_array(m->t->arena, const char *, MOST_MEMBERS);
    DIR *dir = folder ? opendir(folder) : NULL;
    const struct dirent *d;
    size_t n = 0;
    enum err e = folder && names ? OK : no_memory(why);
    if (!dir && !e && errno != ENOENT)
        e = why_sys(why, os_err_of(errno), errno, "cannot read %.200s", folder);
    while (dir && !e && (d = readdir(dir))) {
        if (!is_conf_d_name(slice_of(d->d_name)))
            continue;
        if (n == MOST_MEMBERS)
            e = why_set(why, ERR_TOO_MANY, "%.200s holds too many files", folder);
        else if (!(names[n++] = arena_cstr(m->t->arena, slice_of(d->d_name))))
            e = no_memory(why);
    }
    if (dir)
        closedir(dir);
    if (!e)
        qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n && !e; i++)
        e = add_small(m, kind, names[i], why);
    return e;
}

static bool on_copy(void *owner)
{
    return goes_on(owner, 0);
}

/* ---- bytes ---- */

static enum err each_chunk(struct making *m, const struct member *f,
                           bool (*take)(void *context, struct slice bytes), void *context,
                           struct why *why)
{
    const char *path = arena_format(m->t->arena, "%s/%s", m->stage.path, f->last).ptr;
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    char *chunk = mem_alloc(CHUNK);
    uint64_t left = f->size;
    enum err e = OK;
    if (fd < 0 || !chunk)
        e = why_sys(why, ERR_SYSTEM, errno, "cannot read the copy of %.100s", f->last);
    while (!e && left) {
        ssize_t n = read(fd, chunk, (size_t)min_u64(left, CHUNK));
        if (n <= 0)
            e = why_sys(why, ERR_DISK, n < 0 ? errno : 0, "cannot read the copy of %.100s",
                        f->last);
        else if (!take(context, (struct slice){chunk, (size_t)n}))
            e = why_sys(why, os_err_of(errno), errno, "cannot write the backup");
        else if (!goes_on(m->t, m->bytes))
            e = broken_off(why);
        left -= e ? 0 : (uint64_t)n;
    }
    mem_free(chunk);
    if (fd >= 0)
        close(fd);
    return e;
}

static bool into_digest(void *context, struct slice bytes)
{
    digest_add(context, bytes);
    return true;
}

static bool into_file(void *context, struct slice bytes)
{
    struct making *m = context;
    m->bytes += bytes.len;
    return os_write_all(m->out, bytes);
}

/* The copy, as of one moment. One that is not there is left out. */
static enum err add_database(struct making *m, const struct kind *kind, struct why *why)
{
    const struct store_copy copy = {.file = kind->file,
                                    .folder = m->t->data,
                                    .to = m->stage.path,
                                    .go_on = on_copy,
                                    .owner = (void *)(uintptr_t)m->t};
    struct member f = {.kind = kind, .last = kind->name, .mode = 0600};
    struct stat is;
    enum err e = store_copy(&copy, why);
    if (e == ERR_NOT_FOUND)
        return OK;
    const char *path = arena_format(m->t->arena, "%s/%s", m->stage.path, kind->name).ptr;
    struct digest *digest = digest_new();
    if (!e && (!path || !digest))
        e = no_memory(why);
    if (!e && stat(path, &is) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot look at the copy of %s", kind->name);
    if (!e) {
        f.size = (uint64_t)is.st_size;
        e = each_chunk(m, &f, into_digest, digest, why);
    }
    if (!e) {
        digest_end(digest, f.sum);
        e = add(m, kind, kind->name, &f, why);
    }
    digest_free(digest);
    return e;
}

static enum err collect(struct making *m, struct why *why)
{
    enum err e = OK;
    m->manifest.members = arena_array(m->t->arena, struct member, MOST_MEMBERS);
    if (!m->manifest.members)
        return no_memory(why);
    for (size_t i = 0; i < kinds_n && !e; i++) {
        const struct kind *k = &kinds[i];
        if (k->secret && !m->t->secrets)
            continue;
        if (k->database)
            e = m->stage.path ? add_database(m, k, why) : OK;
        else if (k->name[0] == '*')
            e = add_conf_d(m, k, why);
        else
            e = add_small(m, k, k->name, why);
    }
    if (!e && !m->manifest.n)
        e = why_set(why, ERR_NOT_FOUND, "there is nothing to keep yet in %.120s and %.120s",
                    m->t->config, m->t->data);
    return e;
}

/* ---- the archive ---- */

static enum err cannot_write(struct why *why)
{
    return why_sys(why, os_err_of(errno), errno, "cannot write the backup");
}

static enum err write_head(struct making *m, const struct tar_entry *entry, struct why *why)
{
    unsigned char block[TAR_BLOCK];
    if (!tar_put(entry, block))
        return why_set(why, ERR_BAD_VALUE, "%.200s: its name is too long", entry->name);
    return into_file(m, (struct slice){(const char *)block, sizeof block}) ? OK : cannot_write(why);
}

static enum err write_rest(struct making *m, uint64_t size, struct why *why)
{
    static const char nothing[TAR_BLOCK];
    size_t rest = (size_t)(size % TAR_BLOCK);
    return !rest || into_file(m, (struct slice){nothing, TAR_BLOCK - rest}) ? OK
                                                                            : cannot_write(why);
}

static enum err write_member(struct making *m, const struct member *f, int64_t now, struct why *why)
{
    struct tar_entry entry = {.size = f->size, .mode = f->mode, .seconds = now};
    snprintf(entry.name, sizeof entry.name, "%s", f->name);
    enum err e = write_head(m, &entry, why);
    if (!e && f->kind && f->kind->database)
        e = each_chunk(m, f, into_file, m, why);
    else if (!e && !into_file(m, f->content))
        e = cannot_write(why);
    return e ? e : write_rest(m, f->size, why);
}

static enum err write_archive(struct making *m, struct why *why)
{
    static const char end[2 * TAR_BLOCK];
    struct text text = {0};
    int64_t now = (int64_t)(os_wall_ms() / 1000);
    enum err e = members_write(&m->manifest, &text);
    const struct member first = {
        .name = MANIFEST, .size = text.len, .mode = 0600, .content = text_slice(&text)};
    if (!e)
        e = write_member(m, &first, now, why);
    for (size_t i = 0; i < m->manifest.n && !e; i++)
        e = write_member(m, &m->manifest.members[i], now, why);
    text_fini(&text);
    if (!e && !into_file(m, (struct slice){end, sizeof end}))
        e = cannot_write(why);
    if (!e && fsync(m->out) != 0)
        e = cannot_write(why);
    return e;
}

static enum err write_file(struct making *m, const char *path, struct why *why)
{
    const char *part = arena_format(m->t->arena, "%s.part", path).ptr;
    if (!part)
        return no_memory(why);
    m->out = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (m->out < 0 && errno == EEXIST)
        return why_set(why, ERR_BUSY,
                       "%.200s is there: a backup is being made, or was killed while it was", part);
    if (m->out < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot write %.200s", part);
    enum err e = write_archive(m, why);
    if (close(m->out) != 0 && !e)
        e = cannot_write(why);
    if (!e && rename(part, path) != 0)
        e = cannot_write(why);
    if (e)
        (void)unlink(part);
    return e;
}

static enum err list_made(const struct making *m, struct backup_list *ret, struct why *why)
{
    struct backup_list list = {.n = m->manifest.n,
                               .bytes = m->bytes,
                               .secrets = m->manifest.secrets,
                               .made = m->manifest.made,
                               .version = m->manifest.version};
    list.files = arena_array(m->t->arena, struct backup_file, list.n);
    if (!list.files)
        return no_memory(why);
    for (size_t i = 0; i < list.n; i++) {
        const struct member *f = &m->manifest.members[i];
        list.files[i] = (struct backup_file){.name = f->name, .bytes = f->size, .kept = ""};
    }
    *ret = list;
    return OK;
}

static const char *made_now(struct arena *a)
{
    time_t seconds = (time_t)(os_wall_ms() / 1000);
    struct tm at;
    char words[64];
    if (!gmtime_r(&seconds, &at) || !strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", &at))
        return "";
    return arena_cstr(a, slice_of(words));
}

enum err backup_make(const struct backup_terms *t, const char *path, struct backup_list *ret,
                     struct why *why)
{
    struct making m = {.t = t};
    struct stat is;
    if (lstat(path, &is) == 0)
        return why_set(why, ERR_SYSTEM, "%.200s is there already; name another file", path);
    m.manifest =
        (struct manifest){.secrets = t->secrets, .made = made_now(t->arena), .version = t->version};
    if (!m.manifest.made)
        return no_memory(why);
    enum err e = stage_open(t, &m.stage, why);
    bool staged = e == OK;
    if (e == ERR_NOT_FOUND) { /* it never ran: the configuration may be there */
        m.stage.path = NULL;
        e = OK;
    }
    if (!e)
        e = collect(&m, why);
    if (!e)
        e = write_file(&m, path, why);
    if (!e)
        e = list_made(&m, ret, why);
    if (staged)
        stage_close(&m.stage);
    return e;
}
