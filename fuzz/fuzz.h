/* fuzz: what the targets share. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Holds in every build, and says what broke. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A place to cut the input that depends on nothing but the input. */
static inline size_t fuzz_cut(struct slice in)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < in.len; i++)
        hash = (hash ^ (unsigned char)in.ptr[i]) * 16777619u;
    return in.len ? hash % in.len : 0;
}
