/* shims: the names llm, llm-client, llm-manager and llm-serve, under which this program is called
 * by scripts that were written before it. What they were called with becomes a command of ours. */
#pragma once

#include "base/err.h"

#define SHIM_WORDS 128u
struct shim_line {
    const char *shim;                  /* its name; NULL: we were called as ourselves */
    const char *words[SHIM_WORDS + 1]; /* hearth's command line, from the command on; NULL-ended */
    size_t n;
    const char *role; /* llm-serve: no command, but this */
    bool help;
};
/* Pure. ERR_BAD_REQUEST: words that no shim has. */
enum err shim_read(int argc, char **argv, struct shim_line *ret, struct why *why) MUST_USE;
