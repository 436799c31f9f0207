/* mend: what is to be typed so that a device can be used. */
#include "machine/inside.h"

#include <sys/stat.h>
#include <unistd.h>

#define MOST_ACCOUNTS (1u << 20)

bool tree_is_ubuntu(struct tree *t)
{
    struct text release = {0};
    bool is = false;
    look_file(t, "/etc/os-release", 16384, &release);
    struct slice rest = text_slice(&release);
    for (struct slice line; !is && slice_split(&rest, '\n', &line);)
        is = slice_is(line, SLICE("ID=ubuntu")) || slice_begins(line, SLICE("ID_LIKE=\"ubuntu"));
    text_fini(&release);
    return is;
}

const char *mend_package(struct tree *t, const char *package)
{
    if (!strcmp(package, "nvidia-driver") && tree_is_ubuntu(t))
        return "sudo ubuntu-drivers install";
    if (look_is(t, "/usr/bin/apt-get"))
        return look_path(t, "sudo apt-get install %s", package);
    return look_path(t, "install the system's package that Debian calls %s", package);
}

void mend_install(struct tree *t, struct device *d)
{
    static const char *const packages[DEVICE_KINDS] = {
        [DEVICE_NVIDIA] = "nvidia-driver",
        [DEVICE_AMD] = "firmware-amd-graphics",
        [DEVICE_INTEL] = "firmware-misc-nonfree",
        [DEVICE_APPLE] = NULL,
    };
    const char *package = packages[d->kind];
    if (!package)
        return;
    if (tree_is_ubuntu(t) && d->kind != DEVICE_NVIDIA)
        package = "linux-firmware";
    d->mend = look_path(t, "%s, then restart the machine", mend_package(t, package));
}

/* ---- who may -------------------------------------------------------------------------------- */

/* The name in a line "name:x:NUMBER:..." of /etc/passwd or /etc/group; its last field too. */
static const char *account(struct tree *t, const char *file, uint64_t number,
                           struct slice *ret_last, struct text *lines)
{
    look_file(t, file, MOST_ACCOUNTS, lines);
    struct slice rest = text_slice(lines);
    for (struct slice line, name, word; slice_split(&rest, '\n', &line);) {
        uint64_t its;
        if (!slice_split(&line, ':', &name) || !slice_split(&line, ':', &word) ||
            !slice_split(&line, ':', &word) || !slice_u64(word, &its) || its != number)
            continue;
        *ret_last = line;
        return look_word(t, name);
    }
    return "";
}

static bool is_member(struct slice members, const char *name)
{
    for (struct slice one; slice_split(&members, ',', &one);) {
        if (slice_is(one, slice_of(name)))
            return true;
    }
    return false;
}

static void mend_right(struct tree *t, struct device *d, const char *node)
{
    struct text users = {0}, groups = {0};
    struct slice last = {0}, members = {0};
    struct stat is;
    const char *user = account(t, "/etc/passwd", geteuid(), &last, &users);
    const char *group = "";
    if (stat(look_path(t, "%s%s", t->root, node), &is) == 0 && is.st_gid && is.st_mode & S_IWGRP)
        group = account(t, "/etc/group", is.st_gid, &members, &groups);
    if (!*user)
        user = "$USER";
    d->trouble =
        look_path(t, "user %s may not open %s", *user == '$' ? "of this process" : user, node);
    if (!*group)
        d->mend = look_path(t, "sudo setfacl -m u:%s:rw %s", user, node);
    else if (is_member(members, user))
        d->mend =
            look_path(t, "log out and in again: %s is in the group %s since then", user, group);
    else
        d->mend = look_path(t, "sudo usermod -aG %s %s, then log in again", group, user);
    text_fini(&users);
    text_fini(&groups);
}

void mend_node(struct tree *t, struct device *d, const char *node)
{
    if (look_is(t, node)) {
        mend_right(t, d, node);
        return;
    }
    d->trouble = look_path(t, "%s is not there", node);
    d->mend = d->kind == DEVICE_NVIDIA
                  ? "sudo nvidia-modprobe -u -c=0 (in a container: start it with the GPU)"
                  : "sudo udevadm trigger (in a container: start it with --device /dev/dri)";
}
