/* archive: a tar file of somebody else's. Its bytes are those that the user named by their
 * SHA-256, which says who made it but not that it is harmless: all of its names are judged
 * before anything is unpacked, and once more by tar, which follows no link on its way out. What
 * is judged is a copy in our own folder, so that nobody changes it meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "crypt/crypt.h"
#include "os/os.h"
#include "pack/inside.h"

#define ARCHIVE_BYTES (4ull << 30)
#define MOST_ENTRIES 100000u
#define LISTING_BYTES (64u << 20)
#define TAR_MS (10u * 60000u)
#define COPY_NAME "archive"

/* ---- judging ---- */

struct entry {
    char kind;                   /* '-', 'd', 'l', 'h' */
    struct slice mode, name, to; /* to: of a link */
    uint64_t bytes;
};

static struct slice next_column(struct slice *line)
{
    size_t from = 0, end;
    while (from < line->len && line->ptr[from] == ' ')
        from++;
    for (end = from; end < line->len && line->ptr[end] != ' '; end++)
        ;
    struct slice column = {line->ptr + from, end - from};
    *line = slice_from(*line, end);
    return column;
}

/* The one place where it stands; NULL when there is none or more than one: then nobody can say
 * where a name ends. */
static const char *only_one(struct slice line, struct slice arrow)
{
    const char *first = memmem(line.ptr, line.len, arrow.ptr, arrow.len);
    if (!first)
        return NULL;
    struct slice rest = slice_from(line, (size_t)(first - line.ptr) + 1);
    return memmem(rest.ptr, rest.len, arrow.ptr, arrow.len) ? NULL : first;
}

/* Without "./" at the front and "/" at the end. */
static struct slice plain_name(struct slice name)
{
    while (slice_begins(name, SLICE("./")))
        name = slice_from(name, 2);
    while (name.len > 1 && name.ptr[name.len - 1] == '/')
        name.len--;
    return name.len ? name : SLICE("."); /* the folder itself */
}

/* -rwxr-xr-x 1000/1000   123 2024-05-01 08:30 name with blanks -> where a link leads */
static bool read_entry(struct slice line, struct entry *ret)
{
    if (!line.len || line.ptr[0] == ' ')
        return false;
    struct entry e = {.mode = next_column(&line)};
    next_column(&line); /* who owned it there */
    struct slice size = next_column(&line);
    next_column(&line);
    next_column(&line);
    if (e.mode.len < 10 || line.len < 2)
        return false;
    e.kind = e.mode.ptr[0];
    e.name = slice_from(line, 1);
    if (e.kind == '-' && !slice_u64(size, &e.bytes))
        return false;
    struct slice arrow = e.kind == 'l' ? SLICE(" -> ") : SLICE(" link to ");
    if (e.kind == 'l' || e.kind == 'h') {
        const char *at = only_one(e.name, arrow);
        if (!at)
            return false;
        size_t len = (size_t)(at - e.name.ptr);
        e.to = slice_from(e.name, len + arrow.len);
        e.name = slice_to(e.name, len);
    }
    e.name = plain_name(e.name);
    *ret = e;
    return true;
}

/* How many folders a path of a name leads down; false for "..", an empty part or one from the
 * root. */
static bool leads_down(struct slice path, size_t *ret_depth)
{
    struct slice part;
    size_t depth = 0;
    if (!path.len || path.ptr[0] == '/')
        return false;
    while (slice_split(&path, '/', &part)) {
        if (!part.len || slice_is(part, SLICE("..")))
            return false;
        depth += !slice_is(part, SLICE("."));
    }
    *ret_depth = depth;
    return true;
}

/* Where a link leads: first up, at most so far, then down. A step up behind one down could go by
 * way of another link, and then nobody knows from here where it ends. */
static bool leads_inside(struct slice to, size_t depth)
{
    size_t down;
    while (slice_is(to, SLICE("..")) || slice_begins(to, SLICE("../"))) {
        if (depth-- == 0)
            return false;
        to = slice_from(to, min_size(3, to.len));
    }
    return !to.len || leads_down(to, &down);
}

static bool has_others_rights(struct slice mode)
{
    char user = mode.ptr[3], group = mode.ptr[6];
    return user == 's' || user == 'S' || group == 's' || group == 'S';
}

/* Why it may not be unpacked; NULL: it may. */
static const char *wrong(const struct entry *e)
{
    size_t depth, to;
    if (e->kind != '-' && e->kind != 'd' && e->kind != 'l' && e->kind != 'h')
        return "is a device, a pipe or something else that no engine needs";
    if (!leads_down(e->name, &depth))
        return "would be put outside the folder";
    if (has_others_rights(e->mode))
        return "runs with somebody else's rights (setuid)";
    if (e->kind == 'h' && !leads_down(e->to, &to))
        return "links to a file outside the folder";
    if (e->kind == 'l' && !leads_inside(e->to, depth ? depth - 1 : 0))
        return "links to a file outside the folder";
    return NULL;
}

/* ---- names that lie behind a link ---- */

struct links { /* the names of all symbolic links, sorted */
    struct slice *names;
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    return slice_order(*(const struct slice *)a, *(const struct slice *)b);
}

static enum err gather_links(struct slice listing, struct links *links)
{
    struct slice line;
    struct entry e;
    while (slice_split(&listing, '\n', &line)) {
        if (!line.len || line.ptr[0] != 'l' || !read_entry(line, &e))
            continue;
        if (links->n % 1024 == 0) {
            struct slice *more = mem_grow(links->names, (links->n + 1024) * sizeof *links->names);
            if (!more)
                return ERR_NO_MEMORY;
            links->names = more;
        }
        links->names[links->n++] = e.name;
    }
    if (links->n)
        qsort(links->names, links->n, sizeof *links->names, by_name);
    return OK;
}

static bool lies_behind(const struct links *links, struct slice name)
{
    for (size_t i = 1; links->n && i < name.len; i++) {
        struct slice above = slice_to(name, i);
        if (name.ptr[i] == '/' && bsearch(&above, links->names, links->n, sizeof above, by_name))
            return true;
    }
    return false;
}

/* ---- all of it ---- */

static enum err judge_lines(struct slice listing, const struct links *links, struct why *why)
{
    struct slice line;
    uint64_t bytes = 0, n = 0;
    while (slice_split(&listing, '\n', &line)) {
        struct entry e;
        if (!line.len)
            continue;
        if (!read_entry(line, &e))
            return why_set(why, ERR_BAD_VALUE, "the archive holds a name that cannot be read");
        const char *words = wrong(&e);
        if (!words && lies_behind(links, e.name))
            words = "lies behind a link";
        if (words)
            return why_set(why, ERR_BAD_VALUE, "the archive is not safe to unpack: %.*s %s",
                           SLICE_ARG(slice_to(e.name, min_size(e.name.len, 100))), words);
        bytes += min_u64(e.bytes, ARCHIVE_BYTES + 1);
        if (++n > MOST_ENTRIES)
            return why_set(why, ERR_BAD_VALUE, "the archive holds more than %u files",
                           MOST_ENTRIES);
        if (bytes > ARCHIVE_BYTES)
            return why_set(why, ERR_BAD_VALUE, "the archive holds more than %llu GiB",
                           (unsigned long long)(ARCHIVE_BYTES >> 30));
    }
    return n ? OK : why_set(why, ERR_BAD_VALUE, "the archive holds nothing");
}

enum err archive_judge(struct slice listing, struct why *why)
{
    struct links links = {0};
    enum err e = gather_links(listing, &links);
    e = e ? why_set(why, e, "no memory for the archive's names")
          : judge_lines(listing, &links, why);
    mem_free(links.names);
    return e;
}

/* ---- copying, and its hash on the way ---- */

static enum err copy(int from, int to, struct digest *d, struct pack_work *w, struct why *why)
{
    char bytes[65536];
    uint64_t total = 0, told = os_mono_ms();
    struct stat is;
    uint64_t most = fstat(from, &is) == 0 ? (uint64_t)is.st_size : 0;
    for (;;) {
        ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return why_sys(why, os_err_of(errno), errno, "cannot read the archive");
        if (n == 0)
            return OK;
        struct slice part = {bytes, (size_t)n};
        digest_add(d, part);
        total += part.len;
        if (total > ARCHIVE_BYTES)
            return why_set(why, ERR_BODY_TOO_LARGE, "the archive is larger than 4 GiB");
        if (!os_write_all(to, part))
            return why_sys(why, os_err_of(errno), errno, "cannot copy the archive");
        if (w->progress && os_mono_ms() - told > 100) {
            told = os_mono_ms();
            w->progress(w, "checking the archive", total, most);
        }
    }
}

static enum err check_hash(struct digest *d, const char *sha256, struct why *why)
{
    unsigned char hash[HASH_BYTES];
    struct text hex = {0};
    digest_end(d, hash);
    crypt_hex((struct slice){(const char *)hash, sizeof hash}, &hex);
    bool same = slice_is_nocase(text_slice(&hex), slice_of(sha256));
    enum err e = same ? OK
                      : why_set(why, ERR_BAD_VALUE,
                                "the archive's SHA-256 is %s, not the one named", text_cstr(&hex));
    text_fini(&hex);
    return e;
}

static enum err take_copy(struct change *c, const char *path, const char *sha256, struct why *why)
{
    struct stat is;
    int from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), to = -1;
    enum err e = OK;
    if (from < 0)
        return why_sys(why, os_err_of(errno), errno, "cannot open %.200s", path);
    if (fstat(from, &is) != 0 || !S_ISREG(is.st_mode))
        e = why_set(why, ERR_BAD_VALUE, "%.200s is no file", path);
    struct digest *d = e || !crypt_start() ? NULL : digest_new();
    if (!e && !d)
        e = why_set(why, ERR_NO_MEMORY, "no memory for a hash");
    if (!e) {
        to = openat(c->folder, COPY_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        e = to < 0 ? why_sys(why, os_err_of(errno), errno, "cannot copy the archive")
                   : copy(from, to, d, c->work, why);
    }
    if (!e)
        e = check_hash(d, sha256, why);
    digest_free(d);
    if (to >= 0)
        close(to);
    close(from);
    return e;
}

/* ---- unpacking ---- */

static enum err tar(struct change *c, const char *const *argv, struct process *ret, struct why *why)
{
    const struct process_run r = {
        .plan = {.argv = argv, .environment = c->work->environment, .most = LISTING_BYTES},
        .deadline_ms = TAR_MS};
    enum err e = process_run(&r, ret, why);
    if (!e && (e = process_check(ret, "reading the archive with tar", why)))
        process_fini(ret);
    return e;
}

static enum err judge(struct change *c, const char *archive, struct why *why)
{
    const char *const argv[] = {"tar", "-t",    "-v", "--numeric-owner", "--quoting-style=escape",
                                "-f",  archive, NULL};
    struct process p;
    enum err e = tar(c, argv, &p, why);
    if (e)
        return e;
    if (p.out.text.len >= LISTING_BYTES || p.out.text.failed)
        e = why_set(why, ERR_BAD_VALUE, "the archive holds too many names");
    else
        e = archive_judge(text_slice(&p.out.text), why);
    process_fini(&p);
    return e;
}

enum err archive_unpack(struct change *c, const char *path, const char *sha256, const char *into,
                        struct why *why)
{
    struct arena *a = c->work->arena;
    const char *archive = path_join(a, c->path, COPY_NAME), *folder = path_join(a, c->path, into);
    const char *const argv[] = {
        "tar", "-x", "--no-same-owner", "--no-same-permissions", "-f", archive, "-C", folder, NULL};
    struct process p;
    uint64_t began = os_mono_ms();
    enum err e = archive && folder ? take_copy(c, path, sha256, why)
                                   : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (!e)
        e = judge(c, archive, why);
    if (!e)
        e = tree_make(c->folder, into, why);
    if (!e)
        e = tar(c, argv, &p, why);
    if (e)
        return e;
    process_fini(&p);
    if (unlinkat(c->folder, COPY_NAME, 0) != 0)
        return why_sys(why, os_err_of(errno), errno, "cannot remove the copy of the archive");
    say(c->work, "checked and unpacked the archive in %s", words_seconds(a, began));
    return OK;
}
