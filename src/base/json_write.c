/* json_write: the writing half of json.h. One pass, no tree. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

struct json_writer json_writer(struct text *out)
{
    return (struct json_writer){.out = out};
}

/* Before each value: the comma, unless it is the first of its level or follows its key. */
static void begin(struct json_writer *w)
{
    uint64_t bit = 1ull << w->depth;
    if (!w->after_key && (w->comma & bit))
        text_byte(w->out, ',');
    w->comma |= bit;
    w->after_key = false;
}

static void open(struct json_writer *w, char c)
{
    begin(w);
    text_byte(w->out, c);
    w->depth++;
    assert(w->depth < 64);
    w->comma &= ~(1ull << w->depth);
}

static void close(struct json_writer *w, char c)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    text_byte(w->out, c);
}

void json_open_object(struct json_writer *w)
{
    open(w, '{');
}

void json_close_object(struct json_writer *w)
{
    close(w, '}');
}

void json_open_array(struct json_writer *w)
{
    open(w, '[');
}

void json_close_array(struct json_writer *w)
{
    close(w, ']');
}

static void escape(struct text *out, unsigned char c)
{
    static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: byte, letter */
    for (size_t i = 0; i + 1 < sizeof names; i += 2) {
        if ((unsigned char)names[i] == c) {
            text_byte(out, '\\');
            text_byte(out, names[i + 1]);
            return;
        }
    }
    text_format(out, "\\u%04x", c);
}

#define ONES 0x0101010101010101u
#define HIGH_BITS (ONES * 0x80u)

static uint64_t zero_bytes(uint64_t eight)
{
    return (eight - ONES) & ~eight & HIGH_BITS;
}

/* Whether any of eight bytes is none of those that stand for themselves. */
static bool is_special(uint64_t eight)
{
    uint64_t control = (eight - ONES * ' ') & ~eight & HIGH_BITS;
    return (control | (eight & HIGH_BITS) | zero_bytes(eight ^ ONES * '"') |
            zero_bytes(eight ^ ONES * '\\') | zero_bytes(eight ^ ONES * 0x7fu)) != 0;
}

/* How many of the bytes from here on stand for themselves: most do, so they are looked at eight at
 * a time. */
static size_t plain_bytes(struct slice s)
{
    static const bool plain[256] = {
        [' '] = true, ['!'] = true, ['#' ... '['] = true, [']' ... '~'] = true};
    size_t n = 0;
    for (uint64_t eight; n + sizeof eight <= s.len; n += sizeof eight) {
        memcpy(&eight, s.ptr + n, sizeof eight);
        if (is_special(eight))
            break;
    }
    while (n < s.len && plain[(unsigned char)s.ptr[n]])
        n++;
    return n;
}

static void quoted(struct text *out, struct slice s)
{
    text_byte(out, '"');
    size_t plain = 0; /* start of the run that needs no change */
    for (size_t i = plain_bytes(s); i < s.len; i += plain_bytes(slice_from(s, i))) {
        unsigned char c = (unsigned char)s.ptr[i];
        size_t n = slice_utf8(slice_from(s, i));
        if (n > 1) {
            i += n;
            continue;
        }
        text_add(out, (struct slice){s.ptr + plain, i - plain});
        if (n)
            escape(out, c);
        else
            text_add(out, SLICE("\xef\xbf\xbd"));
        plain = ++i;
    }
    if (s.len)
        text_add(out, (struct slice){s.ptr + plain, s.len - plain});
    text_byte(out, '"');
}

void json_key_slice(struct json_writer *w, struct slice key)
{
    assert(w->depth > 0 && !w->after_key);
    begin(w);
    quoted(w->out, key);
    text_byte(w->out, ':');
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_slice(w, slice_of(key));
}

void json_put_text(struct json_writer *w, struct slice s)
{
    begin(w);
    quoted(w->out, s);
}

void json_put_int(struct json_writer *w, int64_t n)
{
    begin(w);
    text_format(w->out, "%lld", (long long)n);
}

void json_put_u64(struct json_writer *w, uint64_t n)
{
    begin(w);
    text_u64(w->out, n);
}

void json_put_number(struct json_writer *w, double n)
{
    begin(w);
    if (!isfinite(n)) {
        text_add(w->out, SLICE("null"));
        return;
    }
    char digits[32]; /* as many as it takes to read the same number again: 0.7, not 0.69999… */
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, n);
        if (strtod(digits, NULL) == n)
            break;
    }
    text_add(w->out, slice_of(digits));
}

void json_put_float(struct json_writer *w, float n)
{
    char digits[32];
    begin(w);
    if (isfinite(n))
        snprintf(digits, sizeof digits, "%.7g", (double)n);
    if (isfinite(n) && strtof(digits, NULL) != n)
        snprintf(digits, sizeof digits, "%.9g", (double)n);
    text_add(w->out, isfinite(n) ? slice_of(digits) : SLICE("null"));
}

void json_put_bool(struct json_writer *w, bool b)
{
    begin(w);
    text_add(w->out, b ? SLICE("true") : SLICE("false"));
}

void json_put_null(struct json_writer *w)
{
    begin(w);
    text_add(w->out, SLICE("null"));
}

void json_put_raw(struct json_writer *w, struct slice json)
{
    begin(w);
    text_add(w->out, json);
}

void json_put_pair(struct json_writer *w, const char *key, struct slice text)
{
    json_key(w, key);
    json_put_text(w, text);
}
