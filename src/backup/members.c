/* members: what a backup may hold, and the one member that says what it holds. */
#include <stdio.h>

#include "backup/inside.h"
#include "base/json.h"
#include "store/store.h"

#define FORMAT 1

static const char *const folders[PLACES] = {
    [PLACE_CONFIG] = "config",
    [PLACE_CONF_D] = "config/conf.d",
    [PLACE_DATA] = "data",
    [PLACE_TLS] = "data/tls",
};

/* The databases first: what they need is there longer than they are. */
const struct kind kinds[] = {
    {.name = "state.db", PLACE_DATA, .own = true, .proven = true, .database = true, .file = 0},
    {.name = "audit.db", PLACE_DATA, .own = true, .proven = true, .database = true, .file = 1},
    {.name = "secrets.key", PLACE_DATA, .own = true, .proven = true},
    {.name = "hearth.yaml", PLACE_CONFIG},
    {.name = "llm_providers.yaml", PLACE_CONFIG},
    {.name = "*", PLACE_CONF_D},
    {.name = ".env", PLACE_CONFIG, .secret = true, .own = true},
    {.name = "cert.pem", PLACE_TLS, .secret = true},
    {.name = "key.pem", PLACE_TLS, .secret = true, .own = true},
};
const size_t kinds_n = COUNT(kinds);
static_assert(STORE_FILES == 2, "a database more: has it a row?");

const char *place_folder(enum place p)
{
    return folders[p];
}

bool is_conf_d_name(struct slice name)
{
    if (!name.len || name.ptr[0] == '.' || !slice_ends(name, SLICE(".yaml")))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '/' || (unsigned char)name.ptr[i] < 0x20 || name.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

const struct kind *kind_of(struct slice name)
{
    for (size_t i = 0; i < kinds_n; i++) {
        struct slice folder = slice_of(folders[kinds[i].place]);
        if (!slice_begins(name, folder) || name.len <= folder.len + 1 ||
            name.ptr[folder.len] != '/')
            continue;
        struct slice last = slice_from(name, folder.len + 1);
        bool is = kinds[i].name[0] == '*' ? is_conf_d_name(last)
                                          : slice_is(last, slice_of(kinds[i].name));
        if (is)
            return &kinds[i];
    }
    return NULL;
}

/* ---- as JSON ---- */

static void put_member(struct json_writer *w, const struct member *f)
{
    struct text sum = {0};
    crypt_hex((struct slice){(const char *)f->sum, sizeof f->sum}, &sum);
    json_open_object(w);
    json_put_pair(w, "name", slice_of(f->name));
    json_key(w, "bytes");
    json_put_u64(w, f->size);
    json_put_pair(w, "sha256", text_slice(&sum));
    json_close_object(w);
    w->out->failed |= sum.failed;
    text_fini(&sum);
}

enum err members_write(const struct manifest *m, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "hearth_backup");
    json_put_int(&w, FORMAT);
    json_put_pair(&w, "version", slice_of(m->version));
    json_put_pair(&w, "made", slice_of(m->made));
    json_key(&w, "secrets");
    json_put_bool(&w, m->secrets);
    json_key(&w, "files");
    json_open_array(&w);
    for (size_t i = 0; i < m->n; i++)
        put_member(&w, &m->members[i]);
    json_close_array(&w);
    json_close_object(&w);
    text_byte(out, '\n');
    return out->failed ? ERR_NO_MEMORY : OK;
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_sum(struct slice hex, unsigned char sum[HASH_BYTES])
{
    bool good = hex.len == 2 * (size_t)HASH_BYTES;
    for (size_t i = 0; good && i < HASH_BYTES; i++) {
        int high = digit(hex.ptr[2 * i]), low = digit(hex.ptr[2 * i + 1]);
        good = high >= 0 && low >= 0;
        sum[i] = (unsigned char)(good ? high << 4 | low : 0);
    }
    return good;
}

struct row {
    struct slice name, sum;
    int64_t bytes;
};

static enum err read_member(struct arena *a, const struct json_value *v, struct member *ret,
                            struct why *why)
{
    static const struct json_field fields[] = {
        {"name", JSON_TEXT, .required = true, .no_nul = true, .most = TAR_NAME - 1,
         .at = offsetof(struct row, name)},
        {"bytes", JSON_INT, .required = true, .most = 1e15, .at = offsetof(struct row, bytes)},
        {"sha256", JSON_TEXT, .required = true, .at = offsetof(struct row, sum)},
    };
    struct row row = {0};
    enum err e = json_fields(v, fields, COUNT(fields), &row, why);
    if (e)
        return e;
    struct member f = {.kind = kind_of(row.name), .size = (uint64_t)row.bytes};
    if (!f.kind || !read_sum(row.sum, f.sum) || (!f.kind->database && f.size > MOST_SMALL))
        return why_set(why, ERR_BAD_VALUE, "it names something that no backup of hearth has");
    f.name = arena_cstr(a, row.name);
    if (!f.name)
        return why_set(why, ERR_NO_MEMORY, "no memory for the names in it");
    f.last = strrchr(f.name, '/') + 1;
    *ret = f;
    return OK;
}

static bool is_twice(const struct manifest *m)
{
    const char *name = m->members[m->n - 1].name;
    for (size_t i = 0; i + 1 < m->n; i++) {
        if (!strcmp(m->members[i].name, name))
            return true;
    }
    return false;
}

static enum err read_members(struct arena *a, const struct json_value *files, struct manifest *m,
                             struct why *why)
{
    size_t n = json_count(files);
    enum err e = OK;
    if (!n || n > MOST_MEMBERS)
        return why_set(why, ERR_BAD_VALUE, "it names no files, or too many");
    m->members = arena_array(a, struct member, n);
    if (!m->members)
        return why_set(why, ERR_NO_MEMORY, "no memory for the names in it");
    for (struct json_iter i = json_begin(files); !e && json_next(&i);) {
        e = read_member(a, i.value, &m->members[m->n], why);
        m->n += !e;
        if (!e && is_twice(m))
            e = why_set(why, ERR_BAD_VALUE, "it names a file twice");
    }
    return e;
}

static enum err read_root(struct arena *a, const struct json_value *root, struct manifest *ret,
                          struct why *why)
{
    struct manifest m = {0};
    int64_t format = 0;
    if (!json_int(json_get(root, "hearth_backup"), &format))
        return why_set(why, ERR_BAD_VALUE, "it is no backup of hearth");
    m.version = arena_cstr(a, json_text(json_get(root, "version")));
    m.made = arena_cstr(a, json_text(json_get(root, "made")));
    m.secrets = json_is_true(json_get(root, "secrets"));
    if (!m.version || !m.made)
        return why_set(why, ERR_NO_MEMORY, "no memory for what it says");
    if (format != FORMAT)
        return why_set(why, ERR_CONFIG,
                       "it was made by a newer hearth (%.40s): restore it with that one",
                       m.version);
    enum err e = read_members(a, json_get(root, "files"), &m, why);
    if (!e)
        *ret = m;
    return e;
}

enum err members_read(struct arena *a, struct slice text, struct manifest *ret, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(text, &json_usual_limits, NULL, &doc, why);
    if (e)
        return why_set(why, ERR_BAD_VALUE, "its manifest cannot be read");
    e = read_root(a, doc.root, ret, why);
    json_done(&doc);
    return e;
}
