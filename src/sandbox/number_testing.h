/* number_testing: for the tests of calls.def: compares its numbers with those of a header, which is
 * included before. Include cmocka first. */
#pragma once

#include "base/text.h"

#define NONE (-1)
/* The number of a call as digits; its own name when the header has none. */
#define AS_TEXT(number) AS_TEXT_OF(number)
#define AS_TEXT_OF(number) #number

struct number_row {
    const char *name;
    int ours;
    const char *theirs;
};

/* How many could be compared. */
static inline unsigned numbers_check(const struct number_row *rows, size_t n)
{
    unsigned compared = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t theirs;
        if (!slice_u64(slice_of(rows[i].theirs), &theirs))
            continue;
        if (rows[i].ours != (int)theirs)
            fail_msg("%s: %d, not %s", rows[i].name, rows[i].ours, rows[i].theirs);
        compared++;
    }
    return compared;
}
