/* A look into a request's body. No whole reader of JSON: the fakes are told valid bodies by the
 * daemon, and a reader's library would have to be linked statically. What is no object with
 * members is called invalid. */
#include "fake.h"

/* Past the value at s[at]: a string, an object, an array or a word. */
static size_t skip_value(struct slice s, size_t at)
{
    size_t depth = 0;
    for (bool quoted = false; at < s.len; at++) {
        char c = s.ptr[at];
        if (quoted) {
            at += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']' || c == ',') {
            if (depth == 0)
                return at;
            depth -= c != ',';
        }
    }
    return s.len;
}

static size_t skip_blanks(struct slice s, size_t at)
{
    while (at < s.len && strchr(" \t\r\n", s.ptr[at]))
        at++;
    return at;
}

struct member {
    struct slice key, value; /* the key without its quotes */
};

/* The member that begins at *at or after it; false at the end or when it is not one. */
static bool next_member(struct slice s, size_t *at, struct member *ret_member)
{
    size_t i = skip_blanks(s, *at);
    if (i < s.len && (s.ptr[i] == '{' || s.ptr[i] == ','))
        i = skip_blanks(s, i + 1);
    if (i >= s.len || s.ptr[i] != '"')
        return false;
    size_t key = ++i;
    while (i < s.len && s.ptr[i] != '"')
        i += s.ptr[i] == '\\' ? 2 : 1;
    if (i >= s.len)
        return false;
    ret_member->key = slice_from(slice_to(s, i), key);
    i = skip_blanks(s, i + 1);
    if (i >= s.len || s.ptr[i] != ':')
        return false;
    size_t value = skip_blanks(s, i + 1);
    *at = skip_value(s, value);
    ret_member->value = slice_trim(slice_from(slice_to(s, *at), value));
    return true;
}

struct slice body_member(struct slice body, struct slice key)
{
    struct member m;
    for (size_t at = 0; next_member(body, &at, &m);) {
        if (slice_is(m.key, key))
            return m.value;
    }
    return (struct slice){0};
}

int64_t body_number(struct slice body, struct slice key, int64_t otherwise)
{
    int64_t n;
    return word_number(body_member(body, key), &n) ? n : otherwise;
}

bool body_true(struct slice body, struct slice key)
{
    return slice_is(body_member(body, key), SLICE("true"));
}

bool body_is_object(struct slice body)
{
    struct member m;
    size_t at = skip_blanks(body, 0);
    if (at >= body.len || body.ptr[at] != '{')
        return false;
    if (next_member(body, &at, &m)) {
        while (next_member(body, &at, &m))
            continue;
    } else {
        at++;
    }
    at = skip_blanks(body, at);
    return at < body.len && body.ptr[at] == '}';
}

void body_keys(struct slice body, struct json_writer *w)
{
    struct member m;
    json_key(w, "keys");
    json_open_array(w);
    for (size_t at = 0; next_member(body, &at, &m);)
        json_put_text(w, m.key);
    json_close_array(w);
}
