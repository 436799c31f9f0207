/* arena: memory that is freed as a whole. One belongs to each request, one to each parsed
 * configuration. Arena memory holds plain data only: nothing in it owns a descriptor, a handle
 * or a block of somebody else's. A zero-filled arena is valid and empty. Not thread-safe. */
#pragma once

#include "base/text.h"

struct arena_block;

struct arena { /* private to arena.c */
    struct arena_block *newest;
    size_t bytes; /* handed out in all: what the arena costs its owner */
};

void arena_fini(struct arena *a);

/* All of from's memory is a's from here on; from is empty. For work done on another thread. */
void arena_adopt(struct arena *a, struct arena *from);

/* Zero-filled, aligned for any type; NULL when there is no memory. */
MUST_USE void *arena_alloc(struct arena *a, size_t bytes);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, n) ((type *)arena_array_alloc((arena), sizeof(type), (n)))
MUST_USE void *arena_array_alloc(struct arena *a, size_t each, size_t n);

/* A copy that also ends in a NUL that its len does not count. An empty slice with NULL ptr means
 * no memory. */
MUST_USE struct slice arena_dup(struct arena *a, struct slice s);
MUST_USE char *arena_cstr(struct arena *a, struct slice s);
MUST_USE struct slice arena_format(struct arena *a, const char *format, ...) PRINTF(2, 3);
