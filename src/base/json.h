/* json: read with limits, look up by field table, write as a stream. The only user of the JSON
 * library, which has no limit of depth and keeps duplicate keys: json_read checks depth, number of
 * values and duplicates itself. Values live as long as their document; text that has escapes is
 * unescaped in the document, so slices from it are not slices of the input. */
#pragma once

#include "base/err.h"

struct json_limits {
    unsigned depth;  /* 64 everywhere unless a reason is given */
    unsigned values; /* 1,000,000 */
};
extern const struct json_limits json_usual_limits;

struct json_value;

struct json_doc {
    void *doc; /* private */
    const struct json_value *root;
};

/* scratch: memory kept by the caller for many small documents, NULL for a block of its own. The
 * document is valid until json_done, and with a scratch also only until its next use. */
enum err json_read(struct slice text, const struct json_limits *limits, struct text *scratch,
                   struct json_doc *ret_doc, struct why *why) MUST_USE;
void json_done(struct json_doc *doc);

/* Where a member of the outermost object stands in the input: for edits in place. */
struct json_span {
    size_t key, value, end; /* offsets of the key's quote, the value's first byte, its end */
};
/* The next member of the object that begins at *at (0, or the offset of an inner object's brace
 * for the first call); false at the end, or when no object is there. Keys come as they are
 * written, escapes included. Only for text that json_read accepted. */
bool json_next_span(struct slice text, size_t *at, struct slice *ret_key,
                    struct json_span *ret_span);
bool json_find_span(struct slice text, struct slice key, struct json_span *ret_span);

bool json_is_object(const struct json_value *v); /* all of these: NULL is none of them */
bool json_is_array(const struct json_value *v);
bool json_is_text(const struct json_value *v);
bool json_is_null(const struct json_value *v);
bool json_is_true(const struct json_value *v);
bool json_is_false(const struct json_value *v);
bool json_is_number(const struct json_value *v);
struct slice json_text(const struct json_value *v);        /* empty when it is no text */
bool json_int(const struct json_value *v, int64_t *ret_n); /* whole numbers only */
double json_number(const struct json_value *v);            /* 0 when it is no number */
size_t json_count(const struct json_value *v);             /* items or members; else 0 */
const struct json_value *json_get(const struct json_value *object, const char *key);
/* The members of these names in one walk; NULL where there is none. */
void json_pick(const struct json_value *object, const struct slice *names, size_t n,
               const struct json_value **ret_values);
const struct json_value *json_at(const struct json_value *array, size_t i); /* O(1) to next */

/* for (struct json_iter i = json_begin(v); json_next(&i);) { i.key (objects), i.value } */
struct json_iter {
    const struct json_value *owner, *next;
    size_t left;
    struct slice key;
    const struct json_value *value;
};
struct json_iter json_begin(const struct json_value *v);
bool json_next(struct json_iter *i);

/* The value as JSON text again (the shortest form), added to *out. */
void json_copy(const struct json_value *v, struct text *out);

enum json_kind { JSON_TEXT, JSON_BOOL, JSON_INT, JSON_NUMBER, JSON_ARRAY, JSON_OBJECT, JSON_ANY };

/* One row a known field. A field that is absent or null leaves its place untouched. Places:
 * struct slice, bool, int64_t, double, and const struct json_value * for the other kinds. */
struct json_field {
    const char *name;
    enum json_kind kind;
    bool required;
    bool no_nul;        /* JSON_TEXT: refuse U+0000, for names */
    double least, most; /* JSON_INT, JSON_NUMBER: value; JSON_ARRAY: items; JSON_TEXT: bytes.
                           Both 0: no bounds */
    size_t at;          /* offsetof in the struct that is filled */
};
enum err json_fields(const struct json_value *object, const struct json_field *fields, size_t n,
                     void *into, struct why *why) MUST_USE;
/* One field alone, for who walks the members himself. into NULL: it is judged, not taken. */
enum err json_take(const struct json_field *field, const struct json_value *v, void *into,
                   struct why *why) MUST_USE;

/* The bytes between a string's quotes: are they valid, and without the escapes that need more than
 * a look (u and four digits)? Then json_add_plain adds what they spell. */
bool json_is_plain(struct slice inside);
void json_add_plain(struct slice inside, struct text *out);

/* Writing. Commas, escapes and nesting are the writer's: what it writes is valid JSON whatever it
 * is given (bytes that are not UTF-8 become U+FFFD). Failure of memory shows in out->failed. */
struct json_writer {
    struct text *out;
    uint64_t comma; /* one bit a level: the next value needs one before it */
    unsigned depth;
    bool after_key;
};
struct json_writer json_writer(struct text *out);
void json_open_object(struct json_writer *w);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w);
void json_close_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_slice(struct json_writer *w, struct slice key);
void json_put_text(struct json_writer *w, struct slice s);
void json_put_int(struct json_writer *w, int64_t n);
void json_put_u64(struct json_writer *w, uint64_t n);
void json_put_number(struct json_writer *w, double n); /* null when it is not finite */
/* Seven digits, or the nine with which a float is read again as it was; null when not finite. */
void json_put_float(struct json_writer *w, float n);
void json_put_bool(struct json_writer *w, bool b);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct slice json); /* valid JSON of somebody else */
void json_put_value(struct json_writer *w, const struct json_value *v); /* NULL: null */
/* Key and value in one, the most common pair. */
void json_put_pair(struct json_writer *w, const char *key, struct slice text);
