/* paths: where things are. Gives names only; whoever needs a folder makes it. */
#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/inner.h"

static const char *variable(const char *const *environment, const char *name)
{
    struct slice value;
    struct variables v = {.environment = environment};
    if (!config_variable(&v, slice_of(name), &value) || !value.len)
        return NULL;
    return value.ptr; /* to the end of its NUL-ended entry */
}

/* The XDG specification has relative paths ignored. */
static const char *absolute_variable(const char *const *environment, const char *name)
{
    const char *value = variable(environment, name);
    return value && value[0] == '/' ? value : NULL;
}

/* The user's home when the environment does not say. */
static const char *home_of_user(struct arena *a)
{
    size_t room = 16384;
    char *buffer = mem_alloc(room);
    struct passwd entry, *found = NULL;
    const char *home = NULL;
    if (buffer && getpwuid_r(geteuid(), &entry, buffer, room, &found) == 0 && found &&
        found->pw_dir && found->pw_dir[0] == '/')
        home = arena_cstr(a, slice_of(found->pw_dir));
    mem_free(buffer);
    return home;
}

static const char *join(struct arena *a, const char *folder, const char *rest)
{
    struct slice f = slice_of(folder);
    while (f.len > 1 && f.ptr[f.len - 1] == '/')
        f.len--;
    return arena_format(a, "%.*s%s", SLICE_ARG(f), rest).ptr;
}

static enum err find_under(struct arena *a, const char *dir, struct config_paths *p,
                           struct why *why)
{
    char here[4096];
    if (dir[0] != '/') {
        if (!getcwd(here, sizeof here))
            return why_sys(why, ERR_SYSTEM, errno, "HEARTH_HOME=%s is relative, and to what", dir);
        dir = arena_format(a, "%s/%s", here[1] ? here : "", dir).ptr;
        if (!dir)
            return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    }
    p->config = join(a, dir, "/config");
    p->data = join(a, dir, "/data");
    p->run = join(a, dir, "/run");
    p->library = join(a, dir, "/ai_local");
    p->apart = true;
    return OK;
}

static void find_usual(struct arena *a, const char *const *environment, struct config_paths *p)
{
    const char *config = absolute_variable(environment, "XDG_CONFIG_HOME");
    const char *data = absolute_variable(environment, "XDG_DATA_HOME");
    const char *run = absolute_variable(environment, "XDG_RUNTIME_DIR");
    p->config = config ? join(a, config, "/hearth") : join(a, p->home, "/.config/hearth");
    p->data = data ? join(a, data, "/hearth") : join(a, p->home, "/.local/share/hearth");
    p->run = run ? join(a, run, "/hearth") : join(a, p->home, "/.cache/hearth/run");
    p->library = join(a, p->home, "/ai_local");
}

enum err config_paths_find(struct arena *a, const char *const *environment,
                           struct config_paths *ret_paths, struct why *why)
{
    struct config_paths p = {0};
    const char *dir = variable(environment, "HEARTH_HOME");
    const char *home = absolute_variable(environment, "HOME");
    p.home = home ? join(a, home, "") : home_of_user(a);
    if (home && !p.home)
        return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    if (!p.home && dir)
        p.home = join(a, "/", "");
    if (!p.home)
        return why_set(why, ERR_CONFIG,
                       "HOME is not set and the system knows no home of user %ld; "
                       "set HEARTH_HOME to a folder for all that is hearth's",
                       (long)geteuid());
    if (dir) {
        enum err e = find_under(a, dir, &p, why);
        if (e)
            return e;
    } else {
        find_usual(a, environment, &p);
    }
    if (!p.config || !p.data || !p.run || !p.library)
        return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    *ret_paths = p;
    return OK;
}
