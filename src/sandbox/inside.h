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

/* What it may keep in memory as files; the limit on its data does not count those. */
#define TMP_BYTES 268435456ull
#define SHM_BYTES 67108864ull
/* With what the kernel itself needs for it: programs that run, tables. */
#define FILES_MOST (TMP_BYTES + SHM_BYTES + 134217728ull)

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
size_t filter_make(bool devices, struct filter_step into[static FILTER_MOST]);

/* group.c: a control group for pid, with at most so many processes and threads, or so much memory.
 * Only root can: and nobody counts root's processes. OK also where there are no groups, and with
 * 0, which is no limit. root: "" or a test's tree. */
enum group_kind { GROUP_PROCESSES, GROUP_MEMORY };
enum err group_limit(const char *root, int pid, enum group_kind kind, uint64_t most,
                     struct why *why) MUST_USE;
