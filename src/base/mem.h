/* mem: the one place that asks the system for memory. NULL means "no memory": callers turn it
 * into ERR_NO_MEMORY. Tests of failing allocation wrap mem_alloc and mem_grow at link time. */
#pragma once

#include "base/base.h"

/* Zero-filled. */
MUST_USE void *mem_alloc(size_t bytes);

/* As realloc: the old block lives on when NULL comes back. New bytes are not zeroed. */
MUST_USE void *mem_grow(void *block, size_t bytes);

void mem_free(void *block);

#define mem_new(type) ((type *)mem_alloc(sizeof(type)))
