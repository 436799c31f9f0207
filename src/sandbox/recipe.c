/* recipe: the command line of a sandbox. See sandbox.h. Looks at the system's folders only where a
 * program is to see the system itself.
 *
 * There is no --setenv and no --clearenv: bubblewrap hands its own environment on, and whoever
 * starts it gives it a clean one that is the program's. A command line can be read by everybody on
 * the machine, an environment by its owner only, and keys are in it. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/inside.h"

#define MOST_WORDS 1024u
/* Where hearth-bridge is inside: in a folder that is made anew, and read-only in the end. */
#define BRIDGE_INSIDE "/dev/hearth-bridge"

const struct optional_row sandbox_optionals[OPTIONALS] = {
    [OPTIONAL_DISABLE_USERNS] = {"--disable-userns", "max_user_namespaces",
                                 "that it makes no namespaces is up to the filter of calls alone"},
    [OPTIONAL_SIZE] = {"--size", NULL, "its /tmp may fill half of the memory"},
};

struct words { /* an argv that grows; failed: no memory, or too many */
    struct arena *a;
    const char **at;
    size_t n;
    unsigned without;
    bool failed;
};

static void add(struct words *w, const char *word)
{
    if (w->n + 1 >= MOST_WORDS)
        w->failed = true;
    else
        w->at[w->n++] = word;
}

static void add_all(struct words *w, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(w, words[i]);
}
#define ADD(w, ...)                                                                                \
    add_all((w), (const char *const[]){__VA_ARGS__},                                               \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool has(const struct words *w, enum optional o)
{
    return !(w->without & 1u << o);
}

static const char *format(struct words *w, const char *before, unsigned long long n)
{
    struct slice s = arena_format(w->a, "%s%llu", before, n);
    w->failed |= !s.ptr;
    return s.ptr;
}

/* ---- bubblewrap ----------------------------------------------------------------------------- */

/* What links into /usr, or is beside it on older systems. */
static const char *const beside_usr[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
/* What programs need to find their libraries; nothing else of /etc. */
static const char *const of_etc[] = {"/etc/ld.so.cache", "/etc/alternatives"};

static void add_beside(struct words *w, const char *tree, const char *folder)
{
    char path[PATH_MAX], to[PATH_MAX];
    struct stat is;
    snprintf(path, sizeof path, "%s%s", tree, folder);
    if (lstat(path, &is) != 0)
        return;
    if (!S_ISLNK(is.st_mode)) {
        ADD(w, "--ro-bind", folder, folder);
        return;
    }
    ssize_t n = readlink(path, to, sizeof to);
    const char *target = n > 0 ? arena_cstr(w->a, (struct slice){to, (size_t)n}) : NULL;
    w->failed |= !target;
    ADD(w, "--symlink", target, folder);
}

static void add_system_root(struct words *w, const char *tree)
{
    ADD(w, "--ro-bind", "/usr", "/usr");
    for (size_t i = 0; i < COUNT(beside_usr); i++)
        add_beside(w, tree, beside_usr[i]);
    for (size_t i = 0; i < COUNT(of_etc); i++)
        ADD(w, "--ro-bind-try", of_etc[i], of_etc[i]);
}

static void add_memory(struct words *w, uint64_t bytes, const char *folder)
{
    if (has(w, OPTIONAL_SIZE))
        ADD(w, sandbox_optionals[OPTIONAL_SIZE].flag, format(w, "", bytes));
    ADD(w, "--tmpfs", folder);
}

static const char *mount_flag(enum mount_kind kind)
{
    switch (kind) {
    case MOUNT_READ:
        return "--ro-bind";
    case MOUNT_DEVICE:
        return "--dev-bind";
    case MOUNT_EMPTY:
        break;
    }
    return "--tmpfs";
}

static void add_mounts(struct words *w, const struct sandbox_plan *plan)
{
    for (size_t i = 0; i < plan->n_mounts; i++) {
        const struct sandbox_mount *m = &plan->mounts[i];
        add(w, mount_flag(m->kind));
        if (m->kind != MOUNT_EMPTY)
            add(w, m->from);
        add(w, m->to);
    }
}

/* Folders in memory become read-only when all that lies in them is mounted: else they would be
 * places to fill, with no limit. */
static void close_mounts(struct words *w, const struct sandbox_plan *plan)
{
    for (size_t i = 0; i < plan->n_mounts; i++) {
        if (plan->mounts[i].kind == MOUNT_EMPTY)
            ADD(w, "--remount-ro", plan->mounts[i].to);
    }
    ADD(w, "--remount-ro", "/dev");
    /* For root: the kernel's settings belong to him, and need no capability to be changed. */
    ADD(w, "--remount-ro", "/proc");
    if (!plan->root)
        ADD(w, "--remount-ro", "/"); /* bubblewrap's own, in memory */
}

static void add_walls(struct words *w)
{
    ADD(w, "--unshare-all", "--unshare-user");
    if (has(w, OPTIONAL_DISABLE_USERNS))
        add(w, sandbox_optionals[OPTIONAL_DISABLE_USERNS].flag);
    ADD(w, "--cap-drop", "ALL", "--as-pid-1", "--die-with-parent", "--new-session");
    ADD(w, "--json-status-fd", format(w, "", SANDBOX_STATUS_FD));
    ADD(w, "--block-fd", format(w, "", SANDBOX_BLOCK_FD));
    ADD(w, "--seccomp", format(w, "", SANDBOX_SECCOMP_FD));
}

static void add_bubblewrap(struct words *w, const struct sandbox_plan *plan,
                           const struct sandbox_verdict *verdict, const char *tree)
{
    /* bubblewrap's processes ask late to die with their parents, and let the program run when
     * nobody is left to hold it: the engine of a dead daemon would start. `start` ends them all. */
    if (plan->bridge)
        ADD(w, plan->bridge, "start", "--");
    add(w, verdict->program);
    add_walls(w);
    if (plan->root)
        ADD(w, "--ro-bind", plan->root, "/");
    else
        add_system_root(w, tree);
    ADD(w, "--proc", "/proc", "--dev", "/dev");
    /* Mapped as shared, it is memory that nobody counts. What is bound so is no device there. */
    if (!plan->devices)
        ADD(w, "--ro-bind", "/dev/null", "/dev/zero");
    add_memory(w, SHM_BYTES, "/dev/shm");
    add_memory(w, TMP_BYTES, SANDBOX_PRIVATE);
    if (plan->tcp_socket)
        ADD(w, "--ro-bind", plan->bridge, BRIDGE_INSIDE);
    add_mounts(w, plan);
    close_mounts(w, plan);
    ADD(w, "--chdir", plan->folder ? plan->folder : "/", "--");
}

/* ---- both kinds ----------------------------------------------------------------------------- */

static void add_program(struct words *w, const struct sandbox_plan *plan, const char *bridge)
{
    if (plan->tcp_socket)
        ADD(w, bridge, "tcp", "--socket", plan->tcp_socket, "--port", format(w, "", plan->tcp_port),
            "--");
    for (size_t i = 0; plan->argv[i]; i++)
        add(w, plan->argv[i]);
}

static enum err check(const struct sandbox_plan *plan, const struct sandbox_verdict *verdict,
                      struct why *why)
{
    if (!plan->argv || !plan->argv[0])
        return why_set(why, ERR_BAD_VALUE, "there is no program to start");
    if (plan->tcp_socket && (plan->tcp_port == 0 || plan->tcp_port > 65535))
        return why_set(why, ERR_BAD_VALUE, "%u is no port", plan->tcp_port);
    if (!plan->bridge && (plan->tcp_socket || verdict->kind == SANDBOX_NONE))
        return why_set(why, ERR_BAD_VALUE, "this cannot be started without hearth-bridge");
    return OK;
}

enum err recipe_make(const struct sandbox_plan *plan, const struct sandbox_verdict *verdict,
                     const char *tree, struct arena *a, const char *const **ret_argv,
                     struct why *why)
{
    enum err e = check(plan, verdict, why);
    if (e)
        return e;
    struct words w = {.a = a, .without = verdict->without};
    w.at = arena_array(a, const char *, MOST_WORDS);
    if (!w.at)
        return why_set(why, ERR_NO_MEMORY, "no memory for a command line");
    if (verdict->kind == SANDBOX_BUBBLEWRAP) {
        add_bubblewrap(&w, plan, verdict, tree);
        add_program(&w, plan, BRIDGE_INSIDE);
    } else {
        ADD(&w, plan->bridge, "hold", "--folder", plan->folder ? plan->folder : "/", "--");
        add_program(&w, plan, plan->bridge);
    }
    if (w.failed)
        return why_set(why, ERR_NO_MEMORY, "the command line of the sandbox is too long");
    *ret_argv = w.at;
    return OK;
}

enum err sandbox_command(const struct sandbox_plan *plan, const struct sandbox_verdict *verdict,
                         struct arena *a, const char *const **ret_argv, struct why *why)
{
    if (!plan->bridge)
        return why_set(why, ERR_BAD_VALUE, "nothing can be started without hearth-bridge");
    return recipe_make(plan, verdict, "", a, ret_argv, why);
}
