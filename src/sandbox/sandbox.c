/* sandbox: a stand-in until the room is there: a plain bubblewrap line, no filter. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "os/os.h"
#include "sandbox/sandbox.h"

void sandbox_probe(const char *const *environment, const char *root,
                   struct sandbox_verdict *ret_verdict)
{
    (void)environment;
    (void)root;
    *ret_verdict = (struct sandbox_verdict){.kind = SANDBOX_BUBBLEWRAP};
    snprintf(ret_verdict->program, sizeof ret_verdict->program, "/usr/bin/bwrap");
}

enum err sandbox_command(const struct sandbox_plan *plan, const struct sandbox_verdict *verdict,
                         struct arena *a, const char *const **ret_argv, struct why *why)
{
    static const char *const flags[] = {[MOUNT_READ] = "--ro-bind",
                                        [MOUNT_WRITE] = "--bind",
                                        [MOUNT_DEVICE] = "--dev-bind",
                                        [MOUNT_EMPTY] = "--tmpfs"};
    static const char *const walls[] = {"--unshare-all",
                                        "--unshare-user",
                                        "--disable-userns",
                                        "--cap-drop",
                                        "ALL",
                                        "--as-pid-1",
                                        "--die-with-parent",
                                        "--new-session",
                                        "--json-status-fd",
                                        "3",
                                        "--block-fd",
                                        "4"};
    static const char *const system[] = {"--ro-bind", "/usr",      "/usr",      "--symlink",
                                         "usr/lib",   "/lib",      "--symlink", "usr/lib64",
                                         "/lib64",    "--symlink", "usr/bin",   "/bin"};
    static const char *const more[] = {"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"};
    const char **argv = arena_array(a, const char *, 256);
    size_t n = 0;
    if (!argv)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    argv[n++] = verdict->program;
    for (size_t i = 0; i < COUNT(walls); i++)
        argv[n++] = walls[i];
    if (plan->root) {
        argv[n++] = "--ro-bind";
        argv[n++] = plan->root;
        argv[n++] = "/";
    }
    for (size_t i = 0; !plan->root && i < COUNT(system); i++)
        argv[n++] = system[i];
    for (size_t i = 0; i < COUNT(more); i++)
        argv[n++] = more[i];
    for (size_t i = 0; i < plan->n_mounts; i++) {
        argv[n++] = flags[plan->mounts[i].kind];
        if (plan->mounts[i].from)
            argv[n++] = plan->mounts[i].from;
        argv[n++] = plan->mounts[i].to;
    }
    argv[n++] = "--chdir";
    argv[n++] = plan->folder ? plan->folder : "/";
    argv[n++] = "--";
    for (size_t i = 0; plan->argv[i]; i++)
        argv[n++] = plan->argv[i];
    *ret_argv = argv;
    return OK;
}

enum err sandbox_seccomp(int *ret_fd, struct why *why)
{
    *ret_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return *ret_fd >= 0 ? OK : why_set(why, ERR_SYSTEM, "no filter");
}

enum err sandbox_limit(int pid, const struct sandbox_limits *limits, struct why *why)
{
    (void)pid;
    (void)limits;
    (void)why;
    return OK;
}
