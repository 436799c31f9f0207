/* explain: why bubblewrap does not work here, in words for people, with what mends it. What it says
 * itself is the same for many causes, so the system's own files are asked which one it is. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "os/os.h"
#include "sandbox/inside.h"

#define MOST_FILE 65536u

struct slice environment_get(const char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; environment && environment[i]; i++) {
        if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=')
            return slice_of(environment[i] + len + 1);
    }
    return (struct slice){0};
}

/* ---- signs ---------------------------------------------------------------------------------- */

struct signs {
    const char *root;
    const char *const *environment;
};

static bool read_below(const char *root, const char *path, struct text *into)
{
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    return os_read_file(AT_FDCWD, whole, MOST_FILE, into, NULL) == OK;
}

static bool file_says(const char *root, const char *path, const char *value)
{
    struct text words = {0};
    bool same = read_below(root, path, &words) && words.len &&
                slice_is(slice_to(text_slice(&words), slice_find(text_slice(&words), '\n')),
                         slice_of(value));
    text_fini(&words);
    return same;
}

static bool is_there(const char *root, const char *path)
{
    char whole[PATH_MAX];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    return access(whole, F_OK) == 0;
}

static bool is_apparmor(const struct signs *s)
{
    return geteuid() != 0 &&
           file_says(s->root, "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1");
}

static bool is_switched_off(const struct signs *s)
{
    return geteuid() != 0 && file_says(s->root, "/proc/sys/kernel/unprivileged_userns_clone", "0");
}

static bool is_none_allowed(const struct signs *s)
{
    return file_says(s->root, "/proc/sys/user/max_user_namespaces", "0");
}

static bool is_container(const struct signs *s)
{
    return is_there(s->root, "/.dockerenv") || is_there(s->root, "/run/.containerenv") ||
           environment_get(s->environment, "container").len ||
           is_there(s->root, "/run/systemd/container");
}

/* In a chroot nothing is mounted at "/": the root is a folder like others. The fifth word of a
 * line is where something is mounted. */
static bool is_chroot(const struct signs *s)
{
    struct text mounts = {0};
    bool found = false;
    if (!read_below(s->root, "/proc/self/mountinfo", &mounts)) {
        text_fini(&mounts);
        return false;
    }
    struct slice rest = text_slice(&mounts), line, word = {0};
    while (!found && slice_split(&rest, '\n', &line)) {
        for (unsigned i = 0; i < 5; i++) {
            if (!slice_split(&line, ' ', &word))
                word = (struct slice){0};
        }
        found = slice_is(word, SLICE("/"));
    }
    text_fini(&mounts);
    return !found;
}

static bool is_anything(const struct signs *s)
{
    (void)s;
    return true;
}

/* ---- causes --------------------------------------------------------------------------------- */

static const struct cause {
    bool (*is_it)(const struct signs *s);
    const char *why, *mend;
} causes[] = {
    /* the first that is it */
    {is_chroot, "this is a chroot, in which the kernel makes no user namespaces",
     "start hearth outside the chroot, or in a container"},
    {is_apparmor, "AppArmor keeps programs of users from making user namespaces",
     "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (for good: a line in "
     "/etc/sysctl.d/; docs/sandbox.md has a way for bubblewrap alone)"},
    {is_switched_off, "this kernel is set to make no user namespaces for users",
     "sudo sysctl -w kernel.unprivileged_userns_clone=1 (for good: a line in /etc/sysctl.d/)"},
    {is_none_allowed, "this system is set to have no user namespaces",
     "sudo sysctl -w user.max_user_namespaces=15000 (for good: a line in /etc/sysctl.d/)"},
    {is_container, "this is a container that may make no namespaces in it",
     "none is needed if only hearth is in the container; else run hearth on the host"},
    {is_anything, "bubblewrap cannot make a sandbox here", "docs/sandbox.md says what it needs"},
};

/* The last line that says something, without bubblewrap's own name in front. */
static struct slice last_line(struct slice said)
{
    struct slice line, last = {0};
    while (slice_split(&said, '\n', &line)) {
        if (slice_trim(line).len)
            last = slice_trim(line);
    }
    return slice_begins(last, SLICE("bwrap: ")) ? slice_from(last, 7) : last;
}

void explain_refusal(struct slice said, const char *const *environment, const char *root,
                     struct sandbox_verdict *verdict)
{
    const struct signs signs = {.root = root, .environment = environment};
    const struct cause *c = causes;
    while (!c->is_it(&signs))
        c++;
    struct text visible = {0};
    text_visible(&visible, last_line(said));
    snprintf(verdict->why, sizeof verdict->why, "%s%s%.140s%s", c->why, visible.len ? " (" : "",
             text_cstr(&visible), visible.len ? ")" : "");
    snprintf(verdict->mend, sizeof verdict->mend, "%s", c->mend);
    text_fini(&visible);
}

void explain_missing(struct sandbox_verdict *verdict)
{
    snprintf(verdict->why, sizeof verdict->why, "bubblewrap is not installed");
    snprintf(verdict->mend, sizeof verdict->mend, "sudo apt-get install bubblewrap");
}
