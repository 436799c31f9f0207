/* elsewhere: systems without Linux's calls: no filter and no limits of other processes. Engines
 * are started without a sandbox there, and the probe says so. */
#include <stdio.h>

#include "sandbox/inside.h"

void sandbox_probe(const char *const *environment, const char *root,
                   struct sandbox_verdict *ret_verdict)
{
    (void)environment;
    (void)root;
    *ret_verdict = (struct sandbox_verdict){.kind = SANDBOX_NONE};
    snprintf(ret_verdict->why, sizeof ret_verdict->why, "there is no bubblewrap for this system");
}

enum err sandbox_seccomp(bool devices, int *ret_fd, struct why *why)
{
    (void)devices;
    (void)ret_fd;
    return why_set(why, ERR_NOT_IMPLEMENTED, "this system has no filter of calls");
}

enum err sandbox_bridge(struct arena *a, const char **ret_path, struct why *why)
{
    (void)a;
    (void)ret_path;
    return why_set(why, ERR_NOT_IMPLEMENTED, "there is no hearth-bridge for this system");
}

enum err sandbox_seen(int pid, const char *name, struct arena *a, const char **ret_path)
{
    (void)pid;
    (void)name;
    (void)a;
    (void)ret_path;
    return ERR_NOT_IMPLEMENTED;
}

enum err sandbox_limit(int pid, const struct sandbox_limits *limits, struct why *why)
{
    (void)pid;
    (void)limits;
    return why_set(why, ERR_NOT_IMPLEMENTED, "this system cannot limit another process");
}
