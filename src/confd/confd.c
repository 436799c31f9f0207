/* confd: a change from its file to its file. See confd.h. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "confd/inside.h"
#include "os/os.h"

#define LOCK ".lock" /* beside the files; no name that the configuration reads */
#define LONGEST_FILE_NAME                                                                          \
    200u /* a system takes 255, and a new file has a longer one for a moment */

struct confd {
    struct arena arena;
    struct confd_terms terms;
    const char *file, *path;
    int folder, lock; /* -1: not open */
    bool there;
    struct fields fields;
    struct text before, body, whole; /* body: without the first line */
};

/* ---- opening -------------------------------------------------------------------------------- */

static enum err open_folder(struct confd *f, struct why *why)
{
    const char *path = arena_format(&f->arena, "%s/conf.d", f->terms.sources->paths->config).ptr;
    f->path = path ? arena_format(&f->arena, "%s/%s", path, f->file).ptr : NULL;
    if (!f->path)
        return why_set(why, ERR_NO_MEMORY, "no memory for a change");
    if (f->terms.dry) {
        enum err e = os_open_private_folder(path, &f->folder, why);
        return e == ERR_NOT_FOUND ? OK : e;
    }
    enum err e = os_make_private_folder(path, &f->folder, why);
    if (!e)
        e = os_lock_file(f->folder, LOCK, &f->lock, why);
    return e == ERR_BUSY ? why_set(why, e, "another command changes the configuration now") : e;
}

static enum err read_file(struct confd *f, struct why *why)
{
    struct text raw = {0};
    struct why inner = {0};
    enum err e = f->folder < 0 ? ERR_NOT_FOUND
                               : os_read_file(f->folder, f->file, MOST_YAML_BYTES, &raw, why);
    f->there = !e;
    struct slice text = arena_dup(&f->arena, text_slice(&raw));
    if (!e && !text.ptr)
        e = why_set(why, ERR_NO_MEMORY, "no memory for a change");
    if (!e && confd_read(&f->arena, &f->terms, text, &f->fields, &inner))
        e = why_set(why, inner.code, "%s: %s; change it by hand", f->path, inner.text);
    text_fini(&raw);
    return e == ERR_NOT_FOUND ? OK : e;
}

static void write_body(struct confd *f)
{
    text_clear(&f->body);
    confd_write(f->terms.section, f->terms.name, &f->fields, &f->body);
}

enum err confd_open(const struct confd_terms *t, struct confd **ret_change, struct why *why)
{
    struct confd *f = mem_new(struct confd);
    struct text name = {0};
    if (!f)
        return why_set(why, ERR_NO_MEMORY, "no memory for a change");
    *f = (struct confd){.terms = *t, .folder = -1, .lock = -1};
    confd_file_name(t, &name);
    f->file = arena_cstr(&f->arena, text_slice(&name));
    enum err e = OK;
    if (name.failed || !f->file)
        e = why_set(why, ERR_NO_MEMORY, "no memory for a change");
    else if (name.len > LONGEST_FILE_NAME)
        e = why_set(why, ERR_BAD_VALUE, "the name is too long for a file's");
    text_fini(&name);
    if (!e)
        e = open_folder(f, why);
    if (!e)
        e = read_file(f, why);
    write_body(f);
    text_add(&f->before, text_slice(&f->body));
    if (e) {
        confd_close(f);
        return e;
    }
    *ret_change = f;
    return OK;
}

void confd_close(struct confd *f)
{
    if (!f)
        return;
    if (f->lock >= 0)
        close(f->lock);
    if (f->folder >= 0)
        close(f->folder);
    text_fini(&f->before);
    text_fini(&f->body);
    text_fini(&f->whole);
    arena_fini(&f->arena);
    mem_free(f);
}

const char *confd_path(const struct confd *f)
{
    return f->path;
}

bool confd_is_there(const struct confd *f)
{
    return f->there;
}

/* ---- changing ------------------------------------------------------------------------------- */

static struct field *find(struct fields *all, const char *path)
{
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->list[i].path, path) == 0)
            return &all->list[i];
    }
    return NULL;
}

bool confd_has(const struct confd *f, const char *field)
{
    for (size_t i = 0; i < f->fields.n; i++) {
        if (strcmp(f->fields.list[i].path, field) == 0)
            return true;
    }
    return false;
}

/* In a file a $ may begin a variable. */
static struct slice escape(struct arena *a, struct slice s)
{
    struct text t = {0};
    for (size_t i = 0; i < s.len; i++) {
        text_byte(&t, s.ptr[i]);
        if (s.ptr[i] == '$')
            text_byte(&t, '$');
    }
    struct slice kept = t.failed ? (struct slice){0} : arena_dup(a, text_slice(&t));
    text_fini(&t);
    return kept;
}

enum err confd_set(struct confd *f, const char *field, const struct slice *values, size_t n,
                   bool list)
{
    struct slice *kept = arena_array(&f->arena, struct slice, max_size(n, 1));
    const char *path = arena_cstr(&f->arena, slice_of(field));
    struct field *at = find(&f->fields, field);
    if (!kept || !path)
        return ERR_NO_MEMORY;
    if (!at && f->fields.n == MOST_FIELDS)
        return ERR_TOO_MANY;
    for (size_t i = 0; i < n; i++) {
        kept[i] = escape(&f->arena, values[i]);
        if (!kept[i].ptr)
            return ERR_NO_MEMORY;
    }
    if (!at)
        at = &f->fields.list[f->fields.n++];
    *at = (struct field){path, list, kept, n};
    return OK;
}

bool confd_unset(struct confd *f, const char *field)
{
    struct field *at = find(&f->fields, field);
    if (!at)
        return false;
    size_t behind = (size_t)(&f->fields.list[--f->fields.n] - at);
    memmove(at, at + 1, behind * sizeof *at);
    return true;
}

void confd_unset_all(struct confd *f)
{
    f->fields.n = 0;
}

/* ---- trying and putting --------------------------------------------------------------------- */

/* `# by hearth roles set, 2026-11-30 03:04:05 UTC, ana` */
static void write_head(const struct confd *f, struct text *out)
{
    char when[40] = "", entry[16384];
    struct passwd user, *found = NULL;
    time_t now = (time_t)(os_wall_ms() / 1000);
    struct tm utc;
    if (gmtime_r(&now, &utc))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &utc);
    text_format(out, "# by `%s`, %s, ", f->terms.by, when);
    if (getpwuid_r(geteuid(), &user, entry, sizeof entry, &found) == 0 && found)
        text_visible(out, slice_of(found->pw_name));
    else
        text_format(out, "user %lu", (unsigned long)geteuid());
    text_byte(out, '\n');
}

/* The text as it is now; its memory is the change's. */
static bool write_whole(struct confd *f)
{
    write_body(f);
    text_clear(&f->whole);
    if (f->body.len) {
        write_head(f, &f->whole);
        text_add(&f->whole, text_slice(&f->body));
    }
    return !f->body.failed && !f->whole.failed;
}

bool confd_differs(const struct confd *f)
{
    struct text now = {0};
    confd_write(f->terms.section, f->terms.name, &f->fields, &now);
    bool differs =
        now.failed || !slice_is(text_slice(&now), text_slice(&f->before)) || (f->there && !now.len);
    text_fini(&now);
    return differs;
}

struct slice confd_text(const struct confd *f)
{
    return text_slice(&f->whole);
}

enum err confd_try(struct confd *f, struct config **ret_config, struct config_report *report)
{
    *report = (struct config_report){0};
    if (!write_whole(f))
        return ERR_NO_MEMORY;
    struct config_sources sources = *f->terms.sources;
    struct slice text = text_slice(&f->whole);
    const struct config_draft draft = {f->file, text.len ? text : (struct slice){0}};
    sources.draft = &draft;
    return config_load(&sources, ret_config, report);
}

enum err confd_put(struct confd *f, struct why *why)
{
    assert(!f->terms.dry);
    if (!write_whole(f))
        return why_set(why, ERR_NO_MEMORY, "no memory for the file");
    if (f->whole.len)
        return os_write_file_whole(f->folder, f->file, text_slice(&f->whole), 0600, why);
    if (f->there && (unlinkat(f->folder, f->file, 0) < 0 || fsync(f->folder) < 0))
        return why_sys(why, os_err_of(errno), errno, "%s cannot be taken away", f->path);
    return OK;
}
