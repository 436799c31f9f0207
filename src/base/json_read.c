/* json_read: the reading half of json.h, over yyjson's immutable documents. The parser checks
 * grammar and UTF-8, and a walk after it refuses duplicate keys and what is too deep. The parser
 * has no limits of its own, so before a large text a scan bounds depth and number of values. */
#include <stdlib.h>
#include <yyjson.h>

#include "base/json.h"
#include "base/mem.h"

#define SMALL_TEXT 32768u /* can hold no more than half as many values: 16 bytes of memory each */
#define SOON 32u          /* bytes within which keys and many values end */
#define FEW_KEYS 24u      /* up to here comparing all pairs is cheaper than sorting */

const struct json_limits json_usual_limits = {.depth = 64, .values = 1000000};

static yyjson_val *inner(const struct json_value *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

static const struct json_value *outer(yyjson_val *v)
{
    return (const struct json_value *)v;
}

/* ---- before the parser -------------------------------------------------------------------- */

/* A bit for each byte of the word that is c; of those above the lowest some may be wrong. */
static uint64_t bytes_that_are(uint64_t word, char c)
{
    const uint64_t ones = UINT64_MAX / 255, x = word ^ ones * (unsigned char)c;
    return (x - ones) & ~x & ones << 7;
}

/* The first quote or backslash from *at on, in *at; false: none before `soon`, and *at is there. */
static bool find_soon(struct slice text, size_t soon, size_t *at)
{
    const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    while (*at < soon) {
        uint64_t word, found;
        if (!little || soon - *at < sizeof word) {
            if (text.ptr[*at] == '"' || text.ptr[*at] == '\\')
                return true;
            ++*at;
            continue;
        }
        memcpy(&word, text.ptr + *at, sizeof word);
        found = bytes_that_are(word, '"') | bytes_that_are(word, '\\');
        *at += found ? (size_t)__builtin_ctzll(found) / 8 : sizeof word;
        if (found)
            return true;
    }
    return false;
}

/* at: after the opening quote. Keys end within a few bytes; values go on, and there
 * the library's search is ten times as fast as a loop. Each byte is looked at twice at most. */
static size_t skip_string(struct slice text, size_t at)
{
    size_t soon = min_size(text.len, at + SOON), quote = 0;
    while (at < soon && find_soon(text, soon, &at)) {
        if (text.ptr[at] == '"')
            return at + 1;
        at += 2;
    }
    while (at < text.len) {
        if (quote <= at)
            quote = at + slice_find(slice_from(text, at), '"');
        size_t escape = slice_find((struct slice){text.ptr + at, quote - at}, '\\');
        if (escape == quote - at)
            return min_size(quote + 1, text.len);
        at += escape + 2;
    }
    return text.len;
}

static enum err check_size(struct slice text, const struct json_limits *limits, struct why *why)
{
    unsigned depth = 0, values = 1;
    for (size_t at = 0; at < text.len;) {
        char c = text.ptr[at];
        if (c == '"') {
            at = skip_string(text, at + 1);
            continue;
        }
        if (c == '[' || c == '{') {
            if (++depth > limits->depth)
                return why_set(why, ERR_JSON_TOO_DEEP, "nested deeper than %u levels at byte %zu",
                               limits->depth, at);
            values++;
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        } else if (c == ',' || c == ':') {
            values++;
        }
        if (values > limits->values)
            return why_set(why, ERR_TOO_MANY, "more than %u values", limits->values);
        at++;
    }
    return OK;
}

/* ---- after the parser --------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    yyjson_val *const *x = a, *const *y = b;
    struct slice p = {unsafe_yyjson_get_str(*x), unsafe_yyjson_get_len(*x)};
    struct slice q = {unsafe_yyjson_get_str(*y), unsafe_yyjson_get_len(*y)};
    return slice_order(p, q);
}

/* As much of the key as a struct why's param takes, cut between characters. */
static enum err duplicate(yyjson_val *key, struct why *why)
{
    struct slice whole = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
    struct text name = {0};
    size_t n = min_size(whole.len, 48);
    for (;; n--) {
        while (n < whole.len && n && ((unsigned char)whole.ptr[n] & 0xc0) == 0x80)
            n--;
        text_clear(&name);
        text_visible(&name, slice_to(whole, n));
        if (name.len < sizeof why->param)
            break;
    }
    enum err e = why_param(why, ERR_DUPLICATE_KEY, text_cstr(&name),
                           "the key \"%s\" stands twice in one object", text_cstr(&name));
    text_fini(&name);
    return e;
}

static enum err check_many_keys(yyjson_val *object, struct why *why)
{
    size_t n = unsafe_yyjson_get_len(object), i = 0;
    yyjson_val **keys = mem_alloc(n * sizeof *keys);
    if (!keys)
        return why_set(why, ERR_NO_MEMORY, "no memory to check %zu keys", n);
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        keys[i++] = key;
    qsort(keys, n, sizeof *keys, by_key);
    enum err e = OK;
    for (i = 1; i < n && !e; i++) {
        if (by_key(&keys[i - 1], &keys[i]) == 0)
            e = duplicate(keys[i], why);
    }
    mem_free(keys);
    return e;
}

static enum err check_keys(yyjson_val *object, struct why *why)
{
    yyjson_val *seen[FEW_KEYS];
    size_t n = 0;
    if (unsafe_yyjson_get_len(object) > FEW_KEYS)
        return check_many_keys(object, why);
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)); n++) {
        for (size_t i = 0; i < n; i++) {
            if (unsafe_yyjson_get_len(seen[i]) == unsafe_yyjson_get_len(key) &&
                by_key(&seen[i], &key) == 0)
                return duplicate(key, why);
        }
        seen[n] = key;
    }
    return OK;
}

/* depth: how many levels more there may be; with it recursion is bounded too. */
static enum err check_tree(yyjson_val *v, unsigned depth, struct why *why)
{
    enum err e = depth ? OK : ERR_JSON_TOO_DEEP;
    if (!e && unsafe_yyjson_is_obj(v)) {
        e = check_keys(v, why);
        yyjson_obj_iter iter = yyjson_obj_iter_with(v);
        for (yyjson_val *key; !e && (key = yyjson_obj_iter_next(&iter));) {
            yyjson_val *value = yyjson_obj_iter_get_val(key);
            if (unsafe_yyjson_is_ctn(value))
                e = check_tree(value, depth - 1, why);
        }
    } else if (!e && unsafe_yyjson_is_arr(v)) {
        yyjson_arr_iter iter = yyjson_arr_iter_with(v);
        for (yyjson_val *item; !e && (item = yyjson_arr_iter_next(&iter));) {
            if (unsafe_yyjson_is_ctn(item))
                e = check_tree(item, depth - 1, why);
        }
    }
    return e;
}

/* ---- the parser --------------------------------------------------------------------------- */

static void *alc_malloc(void *context, size_t size)
{
    (void)context;
    return mem_grow(NULL, size);
}

static void *alc_realloc(void *context, void *block, size_t old, size_t size)
{
    (void)context, (void)old;
    return mem_grow(block, size);
}

static void alc_free(void *context, void *block)
{
    (void)context;
    mem_free(block);
}

enum err json_read(struct slice text, const struct json_limits *limits, struct text *scratch,
                   struct json_doc *ret_doc, struct why *why)
{
    bool small = text.len <= min_size(SMALL_TEXT, limits->values);
    enum err e = small ? OK : check_size(text, limits, why);
    if (e)
        return e;
    yyjson_alc heap = {alc_malloc, alc_realloc, alc_free, NULL}, pool;
    const yyjson_alc *alc = &heap;
    if (scratch) {
        size_t need = yyjson_read_max_memory_usage(text.len, 0);
        text_clear(scratch);
        char *room = text_room(scratch, need);
        if (!room || !yyjson_alc_pool_init(&pool, room, need))
            return why_set(why, ERR_NO_MEMORY, "no memory to read %zu bytes of JSON", text.len);
        alc = &pool;
    }
    yyjson_read_err failed;
    /* without YYJSON_READ_INSITU the input is not written to */
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.ptr, text.len, 0, alc, &failed);
    if (!doc && failed.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return why_set(why, ERR_NO_MEMORY, "no memory to read %zu bytes of JSON", text.len);
    if (!doc)
        return why_set(why, ERR_BAD_JSON, "%s at byte %zu", text.len ? failed.msg : "nothing there",
                       failed.pos);
    if (yyjson_is_ctn(doc->root))
        e = check_tree(doc->root, limits->depth, why);
    if (e == ERR_JSON_TOO_DEEP)
        e = check_size(text, limits, why); /* it knows the place */
    if (e) {
        yyjson_doc_free(doc);
        return e;
    }
    *ret_doc = (struct json_doc){doc, outer(doc->root)};
    return OK;
}

void json_done(struct json_doc *doc)
{
    yyjson_doc_free(doc->doc);
    *doc = (struct json_doc){0};
}

/* ---- spans -------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t skip_blanks(struct slice text, size_t at)
{
    while (at < text.len && is_blank(text.ptr[at]))
        at++;
    return at;
}

static bool ends_scalar(char c)
{
    return c == ',' || c == '}' || c == ']' || is_blank(c);
}

/* What changes the depth, or may hide something that would. */
static bool has_weight(char c)
{
    static const bool heavy[256] = {
        ['"'] = true, ['{'] = true, ['['] = true, ['}'] = true, [']'] = true};
    return heavy[(unsigned char)c];
}

static size_t skip_value(struct slice text, size_t at)
{
    int depth = 0;
    if (!has_weight(text.ptr[at])) {
        while (at < text.len && !ends_scalar(text.ptr[at]))
            at++;
        return at;
    }
    do {
        char c = text.ptr[at++];
        if (c == '"')
            at = skip_string(text, at);
        else
            depth += c == '{' || c == '[' ? 1 : -1;
        while (depth > 0 && at < text.len && !has_weight(text.ptr[at]))
            at++;
    } while (depth > 0 && at < text.len);
    return min_size(at, text.len);
}

bool json_next_span(struct slice text, size_t *at, struct slice *ret_key,
                    struct json_span *ret_span)
{
    size_t i = skip_blanks(text, *at);
    if (i >= text.len || (text.ptr[i] != '{' && text.ptr[i] != ','))
        return false; /* the first member follows the brace, the others a comma */
    i = skip_blanks(text, i + 1);
    if (i >= text.len || text.ptr[i] != '"')
        return false;
    struct json_span span = {.key = i};
    size_t end = skip_string(text, i + 1);
    struct slice key = {text.ptr + i + 1, end - i - 2};
    i = skip_blanks(text, end); /* the colon */
    span.value = skip_blanks(text, i + 1);
    if (span.value >= text.len)
        return false;
    span.end = skip_value(text, span.value);
    *at = span.end;
    *ret_key = key;
    *ret_span = span;
    return true;
}

bool json_find_span(struct slice text, struct slice key, struct json_span *ret_span)
{
    struct slice found;
    struct json_span span;
    for (size_t at = 0; json_next_span(text, &at, &found, &span);) {
        if (slice_is(found, key)) {
            *ret_span = span;
            return true;
        }
    }
    return false;
}

/* ---- insides of strings -------------------------------------------------------------------- */

static char unescaped(char c)
{
    static const char pairs[] = "\"\"\\\\//b\bf\fn\nr\rt\t"; /* letter, byte */
    for (size_t i = 0; i + 1 < sizeof pairs; i += 2) {
        if (pairs[i] == c)
            return pairs[i + 1];
    }
    return '\0';
}

bool json_is_plain(struct slice inside)
{
    for (size_t i = 0; i < inside.len;) {
        unsigned char c = (unsigned char)inside.ptr[i];
        size_t n = c < 0x80 ? 1 : slice_utf8(slice_from(inside, i));
        if (c == '\\')
            n = i + 1 < inside.len && unescaped(inside.ptr[i + 1]) ? 2 : 0;
        if (!n || c < 0x20 || c == '"')
            return false;
        i += n;
    }
    return true;
}

void json_add_plain(struct slice inside, struct text *out)
{
    while (inside.len) {
        size_t n = slice_find(inside, '\\');
        text_add(out, slice_to(inside, n));
        if (n == inside.len)
            break;
        text_byte(out, unescaped(inside.ptr[n + 1]));
        inside = slice_from(inside, n + 2);
    }
}

/* ---- looking at values --------------------------------------------------------------------- */

bool json_is_object(const struct json_value *v)
{
    return yyjson_is_obj(inner(v));
}

bool json_is_array(const struct json_value *v)
{
    return yyjson_is_arr(inner(v));
}

bool json_is_text(const struct json_value *v)
{
    return yyjson_is_str(inner(v));
}

bool json_is_null(const struct json_value *v)
{
    return yyjson_is_null(inner(v));
}

bool json_is_true(const struct json_value *v)
{
    return yyjson_is_true(inner(v));
}

bool json_is_false(const struct json_value *v)
{
    return yyjson_is_false(inner(v));
}

bool json_is_number(const struct json_value *v)
{
    return yyjson_is_num(inner(v));
}

struct slice json_text(const struct json_value *v)
{
    const char *s = yyjson_get_str(inner(v));
    return s ? (struct slice){s, yyjson_get_len(inner(v))} : (struct slice){0};
}

bool json_int(const struct json_value *v, int64_t *ret_n)
{
    if (yyjson_is_uint(inner(v))) {
        uint64_t n = yyjson_get_uint(inner(v));
        if (n > INT64_MAX)
            return false;
        *ret_n = (int64_t)n;
        return true;
    }
    if (yyjson_is_sint(inner(v))) {
        *ret_n = yyjson_get_sint(inner(v));
        return true;
    }
    double d = yyjson_is_real(inner(v)) ? yyjson_get_real(inner(v)) : 0.5;
    if (d != (double)(int64_t)(d > -9e15 && d < 9e15 ? d : 0)) /* 1.0 and 1e3 are whole */
        return false;
    *ret_n = (int64_t)d;
    return true;
}

double json_number(const struct json_value *v)
{
    return yyjson_get_num(inner(v));
}

size_t json_count(const struct json_value *v)
{
    return yyjson_is_ctn(inner(v)) ? yyjson_get_len(inner(v)) : 0;
}

const struct json_value *json_get(const struct json_value *object, const char *key)
{
    return outer(yyjson_obj_get(inner(object), key));
}

void json_pick(const struct json_value *object, const struct slice *names, size_t n,
               const struct json_value **ret_values)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(inner(object));
    for (size_t i = 0; i < n; i++)
        ret_values[i] = NULL;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct slice name = {unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key)};
        for (size_t i = 0; i < n; i++) {
            if (slice_is(name, names[i])) {
                ret_values[i] = outer(yyjson_obj_iter_get_val(key));
                break;
            }
        }
    }
}

const struct json_value *json_at(const struct json_value *array, size_t i)
{
    return outer(yyjson_arr_get(inner(array), i));
}

struct json_iter json_begin(const struct json_value *v)
{
    struct json_iter i = {.owner = v, .left = json_count(v)};
    if (i.left)
        i.next = outer(unsafe_yyjson_get_first(inner(v)));
    return i;
}

bool json_next(struct json_iter *i)
{
    if (!i->left)
        return false;
    yyjson_val *at = inner(i->next);
    i->key = (struct slice){0};
    if (json_is_object(i->owner)) {
        i->key = json_text(outer(at));
        at++; /* in a document of yyjson's a member's value follows its key */
    }
    i->value = outer(at);
    i->next = outer(unsafe_yyjson_get_next(at));
    i->left--;
    return true;
}

/* ---- field tables -------------------------------------------------------------------------- */

static bool out_of_bounds(const struct json_field *f, double n)
{
    return (f->least != 0 || f->most != 0) && !(n >= f->least && n <= f->most);
}

static enum err refuse(const struct json_field *f, const char *what, struct why *why)
{
    return why_param(why, ERR_BAD_VALUE, f->name, "%s must be %s", f->name, what);
}

static enum err refuse_bounds(const struct json_field *f, const char *unit, struct why *why)
{
    enum err e = f->kind == JSON_ARRAY ? ERR_TOO_MANY : ERR_BAD_VALUE;
    return why_param(why, e, f->name, "%s must have %s from %.15g to %.15g", f->name, unit,
                     f->least, f->most);
}

static enum err judge_text(const struct json_field *f, const struct json_value *v, struct why *why)
{
    struct slice s = json_text(v);
    if (!json_is_text(v))
        return refuse(f, "a string", why);
    if (f->no_nul && slice_find(s, '\0') < s.len)
        return refuse(f, "free of U+0000", why);
    return out_of_bounds(f, (double)s.len) ? refuse_bounds(f, "a length", why) : OK;
}

static enum err judge(const struct json_field *f, const struct json_value *v, struct why *why)
{
    int64_t whole = 0;
    switch (f->kind) {
    case JSON_TEXT:
        return judge_text(f, v, why);
    case JSON_BOOL:
        return yyjson_is_bool(inner(v)) ? OK : refuse(f, "true or false", why);
    case JSON_INT:
        if (!json_is_number(v) || !json_int(v, &whole))
            return refuse(f, "a whole number", why);
        return out_of_bounds(f, (double)whole) ? refuse_bounds(f, "a value", why) : OK;
    case JSON_NUMBER:
        if (!json_is_number(v))
            return refuse(f, "a number", why);
        return out_of_bounds(f, json_number(v)) ? refuse_bounds(f, "a value", why) : OK;
    case JSON_ARRAY:
        if (!json_is_array(v))
            return refuse(f, "a list", why);
        if (out_of_bounds(f, (double)json_count(v)))
            return refuse_bounds(f, "a number of items", why);
        return OK;
    case JSON_OBJECT:
        return json_is_object(v) ? OK : refuse(f, "an object", why);
    case JSON_ANY:
        break;
    }
    return OK;
}

enum err json_take(const struct json_field *f, const struct json_value *v, void *into,
                   struct why *why)
{
    enum err e = judge(f, v, why);
    if (e || !into)
        return e;
    void *place = (char *)into + f->at;
    if (f->kind == JSON_TEXT)
        *(struct slice *)place = json_text(v);
    else if (f->kind == JSON_BOOL)
        *(bool *)place = json_is_true(v);
    else if (f->kind == JSON_NUMBER)
        *(double *)place = json_number(v);
    else if (f->kind == JSON_INT)
        return json_int(v, place) ? OK : ERR_BAD_VALUE;
    else
        *(const struct json_value **)place = v;
    return OK;
}

enum err json_fields(const struct json_value *object, const struct json_field *fields, size_t n,
                     void *into, struct why *why)
{
    if (!json_is_object(object))
        return why_set(why, ERR_BAD_VALUE, "an object is expected");
    for (size_t i = 0; i < n; i++) {
        const struct json_field *f = &fields[i];
        const struct json_value *v = json_get(object, f->name);
        if (!v || json_is_null(v)) {
            if (f->required)
                return why_param(why, ERR_MISSING_FIELD, f->name, "%s is missing", f->name);
            continue;
        }
        enum err e = json_take(f, v, into, why);
        if (e)
            return e;
    }
    return OK;
}

void json_copy(const struct json_value *v, struct text *out)
{
    yyjson_alc heap = {alc_malloc, alc_realloc, alc_free, NULL};
    size_t len = 0;
    char *s = yyjson_val_write_opts(inner(v), 0, &heap, &len, NULL);
    if (!s)
        out->failed = true;
    else
        text_add(out, (struct slice){s, len});
    mem_free(s);
}

void json_put_value(struct json_writer *w, const struct json_value *v)
{
    if (v) {
        json_put_raw(w, (struct slice){0}); /* a comma where one is needed */
        json_copy(v, w->out);
    } else {
        json_put_null(w);
    }
}
