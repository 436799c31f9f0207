/* arena: a chain of blocks, each filled from its start. A request too large for what is left of
 * the newest block gets a block of its own size, so the waste is bounded by one block. In a
 * build with sanitizers every allocation has a block of its own, so that they see its ends. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

/* A request of 1 KB needs some 200 bytes. With its head the block is of the last size that the C
 * library hands out without a search (1,032 bytes). */
#define FIRST_BLOCK (1032u - offsetof(struct arena_block, data))
#define LARGEST_STEP 65536u
#define ALIGN 16u

struct arena_block {
    struct arena_block *older;
    size_t size, used; /* of data */
    _Alignas(ALIGN) unsigned char data[];
};

static bool add_block(struct arena *a, size_t at_least)
{
    size_t size = a->newest ? min_size(a->newest->size * 2, LARGEST_STEP) : FIRST_BLOCK;
    size = HEARTH_CHECKED ? at_least : max_size(size, at_least);
    size_t whole;
    if (!add_size(size, sizeof(struct arena_block), &whole))
        return false;
    struct arena_block *b = mem_alloc(whole);
    if (!b)
        return false;
    b->older = a->newest;
    b->size = size;
    a->newest = b;
    return true;
}

void arena_fini(struct arena *a)
{
    while (a->newest) {
        struct arena_block *b = a->newest;
        a->newest = b->older;
        mem_free(b);
    }
    a->bytes = 0;
}

void arena_adopt(struct arena *a, struct arena *from)
{
    struct arena_block **oldest = &a->newest; /* behind them: a goes on filling its own newest */
    while (*oldest)
        oldest = &(*oldest)->older;
    *oldest = from->newest;
    a->bytes += from->bytes;
    *from = (struct arena){0};
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t padded;
    if (!add_size(bytes ? bytes : 1, ALIGN - 1, &padded))
        return NULL;
    padded = HEARTH_CHECKED ? max_size(bytes, 1) : padded & ~(size_t)(ALIGN - 1);
    if (!a->newest || a->newest->size - a->newest->used < padded) {
        if (!add_block(a, padded))
            return NULL;
    }
    struct arena_block *b = a->newest;
    void *p = b->data + b->used;
    b->used += padded;
    a->bytes += padded;
    return p;
}

void *arena_array_alloc(struct arena *a, size_t each, size_t n)
{
    size_t bytes;
    if (__builtin_mul_overflow(each, n, &bytes))
        return NULL;
    return arena_alloc(a, bytes);
}

struct slice arena_dup(struct arena *a, struct slice s)
{
    char *p = arena_cstr(a, s);
    return p ? (struct slice){p, s.len} : (struct slice){0};
}

char *arena_cstr(struct arena *a, struct slice s)
{
    if (s.len == SIZE_MAX)
        return NULL;
    char *p = arena_alloc(a, s.len + 1);
    if (p && s.len)
        memcpy(p, s.ptr, s.len);
    return p; /* blocks come zeroed: the NUL is there */
}

struct slice arena_format(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p ? (struct slice){p, (size_t)n} : (struct slice){0};
}
