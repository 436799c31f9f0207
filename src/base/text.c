/* text: see text.h. Growth is by a factor (two, from 1 MiB on five quarters): adding n bytes one by
 * one costs O(n), and large texts waste little. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

#define MODEST (1024u * 1024)

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool slice_is_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool slice_begins(struct slice s, struct slice with)
{
    return s.len >= with.len && slice_is(slice_to(s, with.len), with);
}

bool slice_ends(struct slice s, struct slice with)
{
    return s.len >= with.len && slice_is(slice_from(s, s.len - with.len), with);
}

size_t slice_find(struct slice s, char c)
{
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : s.len;
}

struct slice slice_trim(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_from(s, 1);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

int slice_order(struct slice a, struct slice b)
{
    size_t n = min_size(a.len, b.len);
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool slice_split(struct slice *rest, char at, struct slice *ret_part)
{
    if (!rest->ptr)
        return false;
    size_t i = slice_find(*rest, at);
    *ret_part = slice_to(*rest, i);
    *rest = i < rest->len ? slice_from(*rest, i + 1) : (struct slice){0};
    return true;
}

bool slice_u64(struct slice s, uint64_t *ret_n)
{
    uint64_t n = 0;
    if (!s.len)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c < '0' || c > '9')
            return false;
        uint64_t digit = (uint64_t)(c - '0');
        if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, digit, &n))
            return false;
    }
    *ret_n = n;
    return true;
}

size_t slice_utf8(struct slice s)
{
    if (!s.len)
        return 0;
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
               : (p[0] & 0xf0) == 0xe0       ? 3
               : p[0] >= 0xf0 && p[0] < 0xf5 ? 4
                                             : 0;
    if (!n || n > s.len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
    bool beyond = p[0] == 0xf4 && p[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : n;
}

void text_fini(struct text *t)
{
    if (t->ptr) /* most were never written to */
        mem_free(t->ptr);
    *t = (struct text){.limit = t->limit};
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = false;
}

char *text_room(struct text *t, size_t n)
{
    size_t need;
    if (t->failed || !add_size(t->len, n, &need) || (t->limit && need > t->limit)) {
        t->failed = true;
        return NULL;
    }
    if (need >= t->room) { /* one byte more than asked, for text_cstr's NUL */
        size_t room = t->room ? t->room : 64;
        while (room <= need && room <= SIZE_MAX / 2)
            room += room < MODEST ? room : room / 4;
        char *p = room > need ? mem_grow(t->ptr, room) : NULL;
        if (!p) {
            t->failed = true;
            return NULL;
        }
        t->ptr = p;
        t->room = room;
    }
    return t->ptr + t->len;
}

void text_add_slowly(struct text *t, struct slice s)
{
    char *to = s.len ? text_room(t, s.len) : NULL;
    if (!to)
        return;
    memcpy(to, s.ptr, s.len);
    t->len += s.len;
}

void text_format(struct text *t, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t free_room = t->room - t->len; /* usually enough: then it is formatted once */
    int n = vsnprintf(free_room ? t->ptr + t->len : NULL, free_room, format, args);
    va_end(args);
    char *to = n < 0 ? NULL : text_room(t, (size_t)n); /* and the byte for the NUL */
    if (to) {
        if ((size_t)n >= free_room)
            vsnprintf(to, (size_t)n + 1, format, again);
        t->len += (size_t)n;
    } else {
        t->failed = true;
    }
    va_end(again);
}

struct slice slice_of_u64(char room[MOST_DIGITS], uint64_t n)
{
    size_t at = MOST_DIGITS;
    do {
        room[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    return (struct slice){room + at, MOST_DIGITS - at};
}

void text_u64(struct text *t, uint64_t n)
{
    char digits[MOST_DIGITS];
    text_add(t, slice_of_u64(digits, n));
}

/* Marks that turn the direction of text: U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. */
static bool turns_text(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (s.len < 3 || p[0] != 0xe2)
        return false;
    return (p[1] == 0x80 && (p[2] == 0x8e || p[2] == 0x8f || (p[2] >= 0xaa && p[2] <= 0xae))) ||
           (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
}

void text_visible(struct text *t, struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (turns_text(slice_from(s, i))) {
            for (size_t end = i + 3; i < end; i++)
                text_format(t, "\\x%02x", (unsigned)(unsigned char)s.ptr[i]);
            i--; /* the loop's own step */
            continue;
        }
        unsigned char c = (unsigned char)s.ptr[i];
        /* U+0080 to U+009F are two bytes in UTF-8, C2 80 to C2 9F */
        bool c1 = c == 0xc2 && i + 1 < s.len && ((unsigned char)s.ptr[i + 1] & 0xe0) == 0x80;
        if (c < 0x20 || c == 0x7f || c1)
            text_format(t, "\\x%02x", c);
        else
            text_byte(t, (char)c);
        if (c1)
            text_format(t, "\\x%02x", (unsigned)(unsigned char)s.ptr[++i]);
    }
}

void text_drop(struct text *t, size_t n)
{
    assert(n <= t->len);
    if (n && t->len > n)
        memmove(t->ptr, t->ptr + n, t->len - n);
    t->len -= n;
}

const char *text_cstr(struct text *t)
{
    if (t->failed || !t->ptr)
        return "";
    t->ptr[t->len] = '\0'; /* text_room keeps one byte for it */
    return t->ptr;
}
