/* mem: a thin cover over the C library's allocator, so that one name can be wrapped by tests.
 * It keeps no statistics and no pools: the system's allocator does both well. */
#include "base/mem.h"

#include <stdlib.h>

void *mem_alloc(size_t bytes)
{
    return calloc(1, bytes ? bytes : 1);
}

void *mem_grow(void *block, size_t bytes)
{
    return realloc(block, bytes ? bytes : 1);
}

void mem_free(void *block)
{
    free(block);
}
