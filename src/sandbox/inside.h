/* inside: what the files of room sandbox share with each other. */
#pragma once

#include "sandbox/sandbox.h"

/* Options of bubblewrap that older ones do not have, and without which it is a sandbox all the
 * same. The probe finds out which are missing. */
enum optional { OPTIONAL_DISABLE_USERNS, OPTIONAL_SIZE, OPTIONALS };

struct optional_row {
    const char *flag;
    const char *cannot; /* what it says when it has the option and may not do it here; or NULL */
    const char *words;  /* what is left out */
};
extern const struct optional_row sandbox_optionals[OPTIONALS];

/* recipe.c: sandbox_command, where `tree` stands before the system's own folders. */
enum err recipe_make(const struct sandbox_plan *plan, const struct sandbox_verdict *verdict,
                     const char *tree, struct arena *a, const char *const **ret_argv,
                     struct why *why) MUST_USE;

/* explain.c: fills why and mend from what a failed probe printed. environment: as sandbox_probe. */
void explain_refusal(struct slice said, const char *const *environment, const char *root,
                     struct sandbox_verdict *verdict);
void explain_missing(struct sandbox_verdict *verdict);
struct slice environment_get(const char *const *environment, const char *name);

/* filter.c: the filter as the kernel reads it. Pure. */
struct filter_step { /* struct sock_filter, which only Linux has */
    uint16_t code;
    uint8_t yes, no;
    uint32_t k;
};
#define FILTER_MOST 512u
/* How many steps it has. */
size_t filter_make(struct filter_step into[static FILTER_MOST]);

/* group.c: a control group with at most so many processes and threads, for pid. Only root can and
 * need: nobody counts root's. OK also where there are no groups. root: "" or a test's tree. */
enum err group_limit(const char *root, int pid, uint64_t processes, struct why *why) MUST_USE;
