/* text: slices that borrow and texts that own. A slice points at bytes of somebody else and need
 * not end in a NUL. A text grows; when memory runs out or its limit is reached it fails once and
 * for all, so that writers test `failed` at the end and not at each step. */
#pragma once

#include "base/base.h"

struct slice {
    const char *ptr;
    size_t len;
};

struct text { /* read ptr and len freely; zero-filled is valid, empty and unlimited */
    char *ptr;
    size_t len, room;
    size_t limit; /* 0: none */
    bool failed;
};

/* For string literals only; slice_of is for C strings. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* Arguments for the %.*s of a printf. */
#define SLICE_ARG(s) ((int)min_size((s).len, INT_MAX)), ((s).ptr ? (s).ptr : "")

static inline struct slice slice_of(const char *c_string)
{
    return (struct slice){c_string, c_string ? strlen(c_string) : 0};
}

static inline bool slice_is(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline struct slice slice_from(struct slice s, size_t at)
{
    assert(at <= s.len);
    return (struct slice){s.ptr ? s.ptr + at : NULL, s.len - at};
}

static inline struct slice slice_to(struct slice s, size_t len)
{
    assert(len <= s.len);
    return (struct slice){s.ptr, len};
}

bool slice_is_nocase(struct slice a, struct slice b); /* ASCII only */
bool slice_begins(struct slice s, struct slice with);
bool slice_ends(struct slice s, struct slice with);
size_t slice_find(struct slice s, char c); /* s.len when it is not there */
struct slice slice_trim(struct slice s);   /* blanks and tabs at both ends */
int slice_order(struct slice a, struct slice b);
/* Takes the part before the first `at` off *rest; with none left, takes all. False at the end. */
bool slice_split(struct slice *rest, char at, struct slice *ret_part);
/* Decimal digits only, no sign, no blank; false when anything else is there or it overflows. */
MUST_USE bool slice_u64(struct slice s, uint64_t *ret_n);

/* Length of the valid UTF-8 sequence at the start of s; 0: there is none. */
size_t slice_utf8(struct slice s);

void text_fini(struct text *t);
void text_clear(struct text *t);                      /* keeps its room, forgets its failure */
void text_add_slowly(struct text *t, struct slice s); /* text_add where room must be made */
void text_format(struct text *t, const char *format, ...) PRINTF(2, 3);
void text_u64(struct text *t, uint64_t n);
#define MOST_DIGITS 20u                                        /* of a number of 64 bits */
struct slice slice_of_u64(char room[MOST_DIGITS], uint64_t n); /* lies in room */
/* As `s`, but bytes that could fool a terminal or a log (controls, DEL, C1, marks that turn the
 * direction of text) become \xNN. */
void text_visible(struct text *t, struct slice s);
void text_drop(struct text *t, size_t n); /* the first n bytes */
/* At least n free bytes at ptr + len, to be filled by the caller who then adds to len; NULL when
 * there is no memory. */
MUST_USE char *text_room(struct text *t, size_t n);
/* A NUL-ended view, valid until the next change; "" when it failed. */
const char *text_cstr(struct text *t);

/* Inline: JSON is written by the byte. The room holds one byte more than the text, for a NUL. */
static inline void text_add(struct text *t, struct slice s)
{
    if (!s.len)
        return;
    if (s.len >= t->room - t->len || t->limit || t->failed) {
        text_add_slowly(t, s);
    } else {
        memcpy(t->ptr + t->len, s.ptr, s.len);
        t->len += s.len;
    }
}

static inline void text_byte(struct text *t, char c)
{
    if (t->room - t->len < 2 || t->limit || t->failed)
        text_add_slowly(t, (struct slice){&c, 1});
    else
        t->ptr[t->len++] = c;
}

static inline struct slice text_slice(const struct text *t)
{
    return (struct slice){t->ptr, t->len};
}
