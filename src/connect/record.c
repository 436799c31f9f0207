/* record: what was done for an app, in a folder of its own below the data folder: record.json, and
 * `original`, the bytes of its file before. Both are for its owner only: a part may hold a key. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "connect/inside.h"
#include "os/os.h"

#define RECORD "record.json"
#define ORIGINAL "original"
#define MOST_RECORD (4u << 20)

void connect_record_fini(struct connect_record *r)
{
    arena_fini(&r->arena);
    *r = (struct connect_record){0};
}

static enum err open_folder(const struct connect_user *u, const struct connect_app *app, bool make,
                            int *ret_fd, struct why *why)
{
    struct text path = {0};
    text_format(&path, "%s/connect/%s", u->data, app->name);
    enum err e = path.failed ? why_set(why, ERR_NO_MEMORY, "no memory for a path")
                 : make      ? os_make_private_folder(text_cstr(&path), ret_fd, why)
                             : os_open_private_folder(text_cstr(&path), ret_fd, why);
    text_fini(&path);
    return e;
}

enum err connect_lock(const struct connect_user *u, int *ret_fd, struct why *why)
{
    struct text path = {0};
    int folder = -1;
    text_format(&path, "%s/connect", u->data);
    enum err e = os_make_private_folder(text_cstr(&path), &folder, why);
    text_fini(&path);
    if (e)
        return e;
    e = os_lock_file(folder, "connect.lock", ret_fd, why);
    close(folder);
    return e == ERR_BUSY ? why_set(why, e, "another `hearth connect` is at work") : e;
}

/* ---- reading -------------------------------------------------------------------------------- */

static const char *take(struct connect_record *r, const struct json_value *from, const char *key)
{
    const struct json_value *v = json_get(from, key);
    return json_is_text(v) ? arena_cstr(&r->arena, json_text(v)) : NULL;
}

static mode_t take_mode(const struct json_value *from, const char *key)
{
    int64_t n;
    return json_int(json_get(from, key), &n) && n > 0 && n <= 07777 ? (mode_t)n : 0;
}

static enum err take_record(struct slice text, struct connect_record *r, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(text, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    r->base_url = take(r, doc.root, "base_url");
    r->model = take(r, doc.root, "model");
    r->key_id = take(r, doc.root, "key_id");
    r->new_key_id = take(r, doc.root, "new_key_id");
    r->path = take(r, doc.root, "path");
    r->made = take(r, doc.root, "made");
    r->sha256 = take(r, doc.root, "sha256");
    r->was_sha256 = take(r, doc.root, "was_sha256");
    r->mode = take_mode(doc.root, "mode");
    r->mode_was = take_mode(doc.root, "mode_was");
    r->had = json_is_true(json_get(doc.root, "had"));
    for (struct json_iter i = json_begin(json_get(doc.root, "parts"));
         r->n < CONNECT_PARTS && json_next(&i); r->n++) {
        r->parts[r->n] = arena_dup(&r->arena, json_text(i.value));
        if (!r->parts[r->n].ptr)
            e = why_set(why, ERR_NO_MEMORY, "no memory for the record");
    }
    json_done(&doc);
    return e;
}

enum err connect_record_read(const struct connect_user *u, const struct connect_app *app,
                             struct connect_record *ret, struct why *why)
{
    struct connect_record r = {0};
    struct text bytes = {0};
    int folder = -1;
    enum err e = open_folder(u, app, false, &folder, why);
    if (e)
        return e;
    e = os_read_file(folder, RECORD, MOST_RECORD, &bytes, why);
    close(folder);
    if (!e) {
        e = take_record(text_slice(&bytes), &r, NULL);
        if (e)
            e = why_set(why, ERR_BAD_VALUE, "%.200s/connect/%s/" RECORD " is damaged", u->data,
                        app->name);
    }
    text_fini(&bytes);
    if (e)
        connect_record_fini(&r);
    else
        *ret = r;
    return e;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put(struct json_writer *w, const char *key, const char *value)
{
    if (value)
        json_put_pair(w, key, slice_of(value));
}

static void put_mode(struct json_writer *w, const char *key, mode_t mode)
{
    if (!mode)
        return;
    json_key(w, key);
    json_put_u64(w, mode);
}

static void write_record(const struct connect_record *r, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    put(&w, "base_url", r->base_url);
    put(&w, "model", r->model);
    put(&w, "key_id", r->key_id);
    put(&w, "new_key_id", r->new_key_id);
    put(&w, "path", r->path);
    put(&w, "made", r->made);
    put(&w, "sha256", r->sha256);
    put(&w, "was_sha256", r->was_sha256);
    put_mode(&w, "mode", r->mode);
    put_mode(&w, "mode_was", r->mode_was);
    json_key(&w, "had");
    json_put_bool(&w, r->had);
    json_key(&w, "parts");
    json_open_array(&w);
    for (size_t i = 0; i < r->n; i++)
        json_put_text(&w, r->parts[i]);
    json_close_array(&w);
    json_close_object(&w);
    text_byte(out, '\n');
}

static enum err keep_record(int folder, const struct connect_record *r, struct why *why)
{
    struct text bytes = {0};
    write_record(r, &bytes);
    enum err e = bytes.failed ? why_set(why, ERR_NO_MEMORY, "no memory for the record")
                              : os_write_file_whole(folder, RECORD, text_slice(&bytes), 0600, why);
    text_fini(&bytes);
    return e;
}

enum err connect_note_key(const struct connect_user *u, const struct connect_app *app,
                          const char *key_id, struct why *why)
{
    struct connect_record r = {0};
    int folder = -1;
    enum err e = connect_record_read(u, app, &r, why);
    if (e && e != ERR_NOT_FOUND)
        return e;
    bool empty = !key_id && !r.base_url && !r.key_id;
    r.new_key_id = key_id;
    e = empty ? connect_forget(u, app, why) : open_folder(u, app, true, &folder, why);
    if (!e && !empty)
        e = keep_record(folder, &r, why);
    if (folder >= 0)
        close(folder);
    connect_record_fini(&r);
    return e;
}

/* ---- connecting ----------------------------------------------------------------------------- */

/* What the record says must be what was meant: a path that is no UTF-8 would be another one. */
static enum err check_record(const struct connect_terms *t, const struct connect_plan *p,
                             struct why *why)
{
    struct connect_record r = {0};
    enum err e = connect_record_read(t->user, t->app, &r, why);
    if (!e && p->path && (!r.path || strcmp(r.path, p->path) != 0))
        e = why_set(why, ERR_BAD_VALUE, "the path %.200s is no UTF-8, and cannot be kept", p->path);
    connect_record_fini(&r);
    return e;
}

/* What it is written over, and the key in that: until the file is there, both are still in use. */
static enum err keep(const struct connect_terms *t, const struct connect_plan *p,
                     const char *key_id, int folder, struct why *why)
{
    struct connect_record old = {0};
    bool had = !connect_record_read(t->user, t->app, &old, NULL);
    struct connect_record r = {.base_url = t->base_url,
                               .model = t->model,
                               .key_id = key_id,
                               .new_key_id = had ? old.key_id : NULL,
                               .mode = p->path ? p->mode : 0,
                               .mode_was = p->path ? p->mode_was : 0,
                               .path = p->path,
                               .made = p->path ? p->made : NULL,
                               .had = p->base.ptr != NULL,
                               .n = p->path ? p->n : 0};
    memcpy(r.parts, p->parts, sizeof r.parts);
    enum err e = OK;
    if (p->path) {
        r.sha256 = file_sha256(&r.arena, p->after);
        if (p->before.ptr)
            r.was_sha256 = file_sha256(&r.arena, p->before);
        if (!r.sha256 || (p->before.ptr && !r.was_sha256))
            e = why_set(why, ERR_NO_MEMORY, "no memory for a hash");
    }
    if (!e && p->base.ptr)
        e = os_write_file_whole(folder, ORIGINAL, p->base, 0600, why);
    if (!e)
        e = keep_record(folder, &r, why);
    connect_record_fini(&r);
    connect_record_fini(&old);
    return e ? e : check_record(t, p, why);
}

/* As it was before a failure; if that fails too, the first failure is the one to tell. */
static void put_back(int folder, const char *name, bool had, struct slice bytes)
{
    enum err e = OK;
    if (had)
        e = os_write_file_whole(folder, name, bytes, 0600, NULL);
    else
        unlinkat(folder, name, 0);
    (void)e;
}

/* The file comes last: who is ended before it finds a record of a file that is as it was, which the
 * record knows too. */
enum err connect_write(const struct connect_terms *t, const struct connect_plan *p,
                       const char *key_id, struct why *why)
{
    const struct file_change change = {p->path, p->made, p->before, p->after, p->mode};
    struct text old_record = {0}, old_original = {0};
    int folder = -1;
    enum err e = open_folder(t->user, t->app, true, &folder, why);
    if (e)
        return e;
    bool had_record = !os_read_file(folder, RECORD, MOST_RECORD, &old_record, NULL);
    bool had_original = !os_read_file(folder, ORIGINAL, MOST_FILE, &old_original, NULL);
    e = keep(t, p, key_id, folder, why);
    if (!e && p->path)
        e = file_write(&change, why);
    if (e) {
        put_back(folder, RECORD, had_record, text_slice(&old_record));
        put_back(folder, ORIGINAL, had_original, text_slice(&old_original));
    }
    text_fini(&old_record);
    text_fini(&old_original);
    close(folder);
    return e;
}

/* ---- taking out ----------------------------------------------------------------------------- */

static enum err read_original(const struct connect_user *u, const struct connect_app *app,
                              struct arena *a, struct slice *ret)
{
    struct text bytes = {0};
    int folder = -1;
    enum err e = open_folder(u, app, false, &folder, NULL);
    if (e)
        return e;
    e = os_read_file(folder, ORIGINAL, MOST_FILE, &bytes, NULL);
    close(folder);
    if (!e) {
        *ret = arena_dup(a, bytes.len ? text_slice(&bytes) : SLICE(""));
        e = ret->ptr ? OK : ERR_NO_MEMORY;
    }
    text_fini(&bytes);
    return e;
}

static enum err cut(const struct connect_app *app, const struct connect_record *r,
                    struct connect_plan *p)
{
    struct text rest = {0};
    bool good = merge_cut(p->before, r->parts, r->n, &rest) &&
                app->reads(rest.len ? text_slice(&rest) : SLICE(""));
    if (good)
        p->base = arena_dup(&p->arena, rest.len ? text_slice(&rest) : SLICE(""));
    text_fini(&rest);
    return good && p->base.ptr ? OK : ERR_CONFIG;
}

enum err record_base(const struct connect_user *u, const struct connect_app *app,
                     const struct connect_record *r, struct connect_plan *p)
{
    struct slice original = {0};
    if (r->had && read_original(u, app, &p->arena, &original))
        original = (struct slice){0}; /* gone: our parts can be taken out all the same */
    const char *sha = file_sha256(&p->arena, p->before);
    /* Who was ended before the file was written left what it was to be written over. */
    bool untouched = sha && ((r->sha256 && !strcmp(sha, r->sha256)) ||
                             (r->was_sha256 && !strcmp(sha, r->was_sha256)));
    bool never_written = original.ptr && slice_is(p->before, original);
    if (!never_written && (!untouched || (r->had && !original.ptr)))
        return cut(app, r, p);
    p->base = original;
    p->whole = true;
    return OK;
}

static void show_parts(const struct connect_record *r, struct connect_plan *p)
{
    text_format(&p->steps, "What is to be taken out of %s by hand:\n\n", r->path);
    for (size_t i = 0; i < r->n; i++) {
        text_add(&p->steps, r->parts[i]);
        text_byte(&p->steps, '\n');
    }
}

enum err connect_unplan(const struct connect_user *u, const struct connect_app *app,
                        const struct connect_record *r, struct connect_plan *ret, struct why *why)
{
    struct connect_plan p = {0};
    enum err e = OK;
    if (r->path) {
        p.path = arena_cstr(&p.arena, slice_of(r->path));
        p.made = r->made ? arena_cstr(&p.arena, slice_of(r->made)) : NULL;
        e = p.path ? file_read(&p.arena, p.path, &p.before, &p.mode, why)
                   : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    }
    if (e == ERR_NOT_FOUND) { /* somebody took it away, and our part with it */
        p.path = NULL;
        e = OK;
    }
    if (!e && p.path)
        e = record_base(u, app, r, &p);
    p.after = p.base;
    if (r->mode_was && p.mode == r->mode) /* else somebody changed it since */
        p.mode = r->mode_was;
    if (e == ERR_CONFIG) {
        show_parts(r, &p);
        e = why_set(why, e, "%.160s was changed where hearth's part stands", r->path);
    } else if (e) {
        connect_plan_fini(&p);
    }
    *ret = p;
    return e;
}

enum err connect_unwrite(const struct connect_plan *p, struct why *why)
{
    const struct file_change change = {p->path, p->made, p->before, p->after, p->mode};
    bool same = p->after.ptr && slice_is(p->before, p->after);
    return p->path && !same ? file_write(&change, why) : OK;
}

enum err connect_forget(const struct connect_user *u, const struct connect_app *app,
                        struct why *why)
{
    struct text path = {0};
    text_format(&path, "%s/connect/%s", u->data, app->name);
    enum err e = path.failed ? ERR_NO_MEMORY : os_remove_folder(text_cstr(&path), 16);
    text_fini(&path);
    return e && e != ERR_NOT_FOUND
               ? why_set(why, e, "cannot forget what was kept for %s", app->name)
               : OK;
}
