/* word: the values in the KEY=VALUE words with which a test tells a fake what to do. */
#pragma once

#include "base/text.h"

/* %XX becomes a byte. to: as much room as s has; returns how much of it was filled. */
size_t word_decode(struct slice s, char *to);
bool word_number(struct slice value, int64_t *ret_n);                  /* decimal, may be below 0 */
bool word_choice(struct slice value, const char *choices, int *ret_n); /* one of "this that" */
