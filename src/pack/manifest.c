/* manifest: a pack's pack.json, and use.json, which says what is in use. Both may be written by
 * anybody who can write to the folder, by an older hearth or a newer one: what does not fit is told
 * as the pack's trouble, and no path in them leads out of where it may lead. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

#define MANIFEST_BYTES 16384u
#define USE_FILE "use.json"
#define WORD_MOST 200
#define PATH_BYTES 1024
#define FORMAT 1

static const struct json_limits limits = {.depth = 4, .values = 200};
static const char *const places[PLACE_KINDS] = {"root", "files", "outside"};

struct told { /* as it stands in the file */
    int64_t format, bytes;
    struct slice engine, version, source, flavour, place, folder, program, backend, trouble, origin;
    bool probed;
    const struct json_value *features;
};

#define WORD(key, member, needed, bytes_most)                                                      \
    {                                                                                              \
        .name = key, .kind = JSON_TEXT, .required = needed, .no_nul = true,                        \
        .least = (needed) ? 1 : 0, .most = bytes_most, .at = offsetof(struct told, member)         \
    }

static const struct json_field fields[] = {
    {.name = "format",
     .kind = JSON_INT,
     .required = true,
     .least = 1,
     .most = 1e9,
     .at = offsetof(struct told, format)},
    WORD("engine", engine, true, 64),
    WORD("version", version, false, WORD_MOST),
    WORD("source", source, false, PATH_BYTES),
    WORD("flavour", flavour, false, 64),
    WORD("place", place, true, 16),
    WORD("folder", folder, false, PATH_BYTES),
    WORD("program", program, true, PATH_BYTES),
    WORD("backend", backend, false, PATH_BYTES),
    WORD("trouble", trouble, false, WORD_MOST),
    WORD("origin", origin, false, WORD_MOST),
    {.name = "bytes",
     .kind = JSON_INT,
     .least = 0,
     .most = 1e15,
     .at = offsetof(struct told, bytes)},
    {.name = "probed", .kind = JSON_BOOL, .at = offsetof(struct told, probed)},
    {.name = "features",
     .kind = JSON_ARRAY,
     .least = 0,
     .most = 64,
     .at = offsetof(struct told, features)},
};

/* ---- paths ---- */

/* Relative, and every part of it a name: it cannot lead out. */
static bool leads_inside(struct slice path)
{
    struct slice part;
    if (!path.len || path.ptr[path.len - 1] == '/')
        return false;
    while (slice_split(&path, '/', &part)) {
        if (!part.len || slice_is(part, SLICE(".")) || slice_is(part, SLICE("..")))
            return false;
    }
    return true;
}

static bool is_absolute(struct slice path)
{
    return path.len > 1 && path.ptr[0] == '/' && leads_inside(slice_from(path, 1));
}

enum err manifest_place(const char *engines, const char *program, struct arena *a,
                        struct manifest *m, struct why *why)
{
    struct pack *p = &m->pack;
    const char *own =
        path_join(a, path_join(a, engines, p->id), m->kind == PLACE_ROOT ? NAME_ROOT : NAME_FILES);
    const char *folder = m->kind == PLACE_OUTSIDE ? p->folder : own;
    p->root = m->kind == PLACE_ROOT ? own : NULL;
    p->folder = m->kind == PLACE_ROOT ? NULL : folder;
    p->program = path_join(a, m->kind == PLACE_ROOT ? "" : folder, program);
    return p->program ? OK : why_set(why, ERR_NO_MEMORY, "no memory for a pack");
}

/* ---- reading ---- */

static enum err take_features(const struct told *t, struct pack *p, struct why *why)
{
    for (struct json_iter i = json_begin(t->features); json_next(&i);) {
        if (!json_is_text(i.value))
            return why_set(why, ERR_BAD_VALUE, "its features are no names");
        for (enum pack_feature f = 0; f < PACK_FEATURES; f++) {
            if (slice_is(json_text(i.value), slice_of(pack_feature_name(f))))
                p->features[f] = true; /* names of a newer hearth say nothing to us */
        }
    }
    return OK;
}

static enum err take_place(const char *engines, const struct told *t, struct arena *a,
                           struct manifest *m, struct why *why)
{
    size_t kind = 0;
    while (kind < PLACE_KINDS && !slice_is(t->place, slice_of(places[kind])))
        kind++;
    if (kind == PLACE_KINDS)
        return why_set(why, ERR_BAD_VALUE, "its place is none that there is");
    m->kind = (enum place_kind)kind;
    if (!leads_inside(t->program))
        return why_set(why, ERR_BAD_VALUE, "its program is no path inside it");
    if (m->kind == PLACE_OUTSIDE && !is_absolute(t->folder))
        return why_set(why, ERR_BAD_VALUE, "its folder is no absolute path");
    if (t->backend.len && !is_absolute(t->backend))
        return why_set(why, ERR_BAD_VALUE, "its backend is no absolute path");
    m->pack.folder = m->kind == PLACE_OUTSIDE ? arena_cstr(a, t->folder) : NULL;
    const char *program = arena_cstr(a, t->program);
    if (!program || (m->kind == PLACE_OUTSIDE && !m->pack.folder))
        return why_set(why, ERR_NO_MEMORY, "no memory for a pack");
    return manifest_place(engines, program, a, m, why);
}

/* Words that people will see: what could fool a terminal is shown as what it is. */
static const char *visible(struct arena *a, struct slice words)
{
    struct text shown = {0};
    text_visible(&shown, words);
    const char *copy = arena_cstr(a, text_slice(&shown));
    text_fini(&shown);
    return copy ? copy : "";
}

static enum err take(const char *engines, const struct json_value *root, struct arena *a,
                     struct manifest *m, struct why *why)
{
    struct told t = {0};
    struct pack *p = &m->pack;
    enum err e = json_fields(root, fields, COUNT(fields), &t, why);
    if (e)
        return e;
    if (t.format != FORMAT)
        return why_set(why, ERR_BAD_VALUE, "another hearth wrote it (format %lld)",
                       (long long)t.format);
    p->engine = visible(a, t.engine);
    p->version = visible(a, t.version);
    p->source = visible(a, t.source);
    p->flavour = visible(a, t.flavour);
    p->backend = visible(a, t.backend);
    p->trouble = visible(a, t.trouble);
    p->origin = visible(a, t.origin);
    p->probed = t.probed;
    p->bytes = (uint64_t)t.bytes;
    if (!pack_engine_named(p->engine))
        return why_set(why, ERR_BAD_VALUE, "this hearth knows no engine %.40s", p->engine);
    e = take_place(engines, &t, a, m, why);
    return e ? e : take_features(&t, p, why);
}

/* Is what it names there? A link in a root is followed as the machine's, which only errs by saying
 * that something is missing; the sandbox looks again. */
static const char *missing(const struct pack *p, struct arena *a)
{
    const char *program = p->root ? path_join(a, p->root, p->program + 1) : p->program;
    if (!program || !is_program(program))
        return arena_format(a, "its program %.120s is not there", program ? program : "").ptr;
    return "";
}

static void empty(struct pack *p, const char *id)
{
    *p = (struct pack){.id = id,
                       .engine = "",
                       .version = "",
                       .source = "",
                       .flavour = "",
                       .program = "",
                       .backend = "",
                       .trouble = "",
                       .origin = ""};
}

enum err manifest_take(const char *engines, const char *id, struct slice bytes, struct arena *a,
                       struct manifest *ret)
{
    struct manifest m = {0};
    struct json_doc doc = {0};
    struct why why = {0};
    empty(&m.pack, id);
    enum err e = json_read(bytes, &limits, NULL, &doc, &why);
    if (!e) {
        e = take(engines, doc.root, a, &m, &why);
        json_done(&doc);
    }
    if (e == ERR_NO_MEMORY)
        return e;
    if (e) {
        const char *engine = m.pack.engine;
        empty(&m.pack, id); /* nothing of a broken file is believed but whose it is */
        m.pack.engine = engine;
        m.pack.trouble = arena_format(a, "%s cannot be read: %s", MANIFEST, why.text).ptr;
    }
    if (!m.pack.trouble)
        return ERR_NO_MEMORY;
    *ret = m;
    return OK;
}

enum err manifest_read(const char *engines, struct slice id, struct arena *a, struct manifest *ret)
{
    struct text bytes = {0};
    struct why why = {0};
    const char *name = arena_cstr(a, id), *path = path_join(a, engines, name ? name : "");
    path = path ? path_join(a, path, MANIFEST) : NULL;
    if (!name || !path)
        return ERR_NO_MEMORY;
    enum err e = os_read_file(AT_FDCWD, path, MANIFEST_BYTES, &bytes, &why);
    if (!e) {
        e = manifest_take(engines, name, text_slice(&bytes), a, ret);
        if (!e && !*ret->pack.trouble)
            ret->pack.trouble = missing(&ret->pack, a);
    } else if (e != ERR_NO_MEMORY) {
        *ret = (struct manifest){0};
        empty(&ret->pack, name);
        ret->pack.trouble = arena_format(a, "%s cannot be read: %s", MANIFEST, why.text).ptr;
        e = OK;
    }
    text_fini(&bytes);
    return e || ret->pack.trouble ? e : ERR_NO_MEMORY;
}

/* ---- writing ---- */

static void put_features(struct json_writer *w, const struct pack *p)
{
    json_key(w, "features");
    json_open_array(w);
    for (enum pack_feature f = 0; f < PACK_FEATURES; f++) {
        if (p->features[f])
            json_put_text(w, slice_of(pack_feature_name(f)));
    }
    json_close_array(w);
}

static void put(struct text *out, const struct manifest *m)
{
    const struct pack *p = &m->pack;
    const char *inside = p->program + (m->kind == PLACE_ROOT ? 0 : strlen(p->folder));
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "format");
    json_put_int(&w, FORMAT);
    json_put_pair(&w, "engine", slice_of(p->engine));
    json_put_pair(&w, "version", slice_of(p->version));
    json_put_pair(&w, "source", slice_of(p->source));
    json_put_pair(&w, "flavour", slice_of(p->flavour));
    json_put_pair(&w, "place", slice_of(places[m->kind]));
    if (m->kind == PLACE_OUTSIDE)
        json_put_pair(&w, "folder", slice_of(p->folder));
    json_put_pair(&w, "program", slice_of(inside + 1));
    json_put_pair(&w, "backend", slice_of(p->backend));
    json_put_pair(&w, "trouble", slice_of(p->trouble));
    json_put_pair(&w, "origin", slice_of(p->origin));
    json_key(&w, "bytes");
    json_put_u64(&w, p->bytes);
    json_key(&w, "probed");
    json_put_bool(&w, p->probed);
    put_features(&w, p);
    json_close_object(&w);
    text_byte(out, '\n');
}

enum err manifest_write(int folder, const struct manifest *m, struct why *why)
{
    struct text out = {0};
    put(&out, m);
    enum err e = out.failed ? why_set(why, ERR_NO_MEMORY, "no memory for %s", MANIFEST)
                            : os_write_file_whole(folder, MANIFEST, text_slice(&out), 0600, why);
    text_fini(&out);
    return e;
}

/* ---- what is in use ---- */

static const char *id_of(struct arena *a, const struct json_value *v)
{
    struct slice id = json_text(v);
    const char *copy = id_is_good(id) ? arena_cstr(a, id) : NULL;
    return copy ? copy : "";
}

void uses_read(const char *engines, struct arena *a, struct uses *ret)
{
    struct text bytes = {0};
    struct json_doc doc;
    *ret = (struct uses){0};
    const char *path = path_join(a, engines, USE_FILE);
    if (path && !os_read_file(AT_FDCWD, path, MANIFEST_BYTES, &bytes, NULL) &&
        !json_read(text_slice(&bytes), &limits, NULL, &doc, NULL)) {
        bool object = json_is_object(doc.root);
        for (struct json_iter i = json_begin(doc.root);
             object && json_next(&i) && ret->n < MOST_USES;) {
            const char *engine = arena_cstr(a, i.key);
            if (engine && json_is_object(i.value))
                ret->rows[ret->n++] = (struct use){engine, id_of(a, json_get(i.value, "used")),
                                                   id_of(a, json_get(i.value, "previous"))};
        }
        json_done(&doc);
    }
    text_fini(&bytes);
}

enum err uses_write(int engines, const struct uses *u, struct why *why)
{
    struct text out = {0};
    struct json_writer w = json_writer(&out);
    json_open_object(&w);
    for (size_t i = 0; i < u->n; i++) {
        json_key(&w, u->rows[i].engine);
        json_open_object(&w);
        json_put_pair(&w, "used", slice_of(u->rows[i].used));
        json_put_pair(&w, "previous", slice_of(u->rows[i].previous));
        json_close_object(&w);
    }
    json_close_object(&w);
    text_byte(&out, '\n');
    enum err e = out.failed ? why_set(why, ERR_NO_MEMORY, "no memory for %s", USE_FILE)
                            : os_write_file_whole(engines, USE_FILE, text_slice(&out), 0600, why);
    text_fini(&out);
    return e;
}

struct use *uses_of(struct uses *u, const char *engine)
{
    for (size_t i = 0; i < u->n; i++) {
        if (!strcmp(u->rows[i].engine, engine))
            return &u->rows[i];
    }
    if (u->n == MOST_USES)
        return NULL;
    u->rows[u->n] = (struct use){engine, "", ""};
    return &u->rows[u->n++];
}
