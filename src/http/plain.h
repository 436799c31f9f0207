/* plain: how far printable ASCII goes, a word at a time. Most of a head is nothing else. */
#pragma once

#include "base/text.h"

/* The length of the part that holds no byte below `least` (at most 0x80) and none above '~'. */
static inline size_t plain_length(struct slice s, unsigned char least)
{
    const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
    const uint64_t below = ones * least, above = ones * (0x80 - 0x7f);
    size_t n = 0;
    while (s.len - n >= sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.ptr + n, sizeof word);
        uint64_t too_small = ~((word | high) - below), too_large = word | (word + above);
        if ((too_small | too_large) & high)
            break; /* a carry into another byte has a cause that is seen too */
        n += sizeof word;
    }
    for (; n < s.len; n++) {
        unsigned char c = (unsigned char)s.ptr[n];
        if (c < least || c > '~')
            break;
    }
    return n;
}
