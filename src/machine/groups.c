/* groups: control groups, both versions. A limit of any group from ours up to the top counts. In a
 * container the folder that the kernel names is often not there, and the top is the container's
 * own: then only that is found, which is right. */
#include "machine/inside.h"

#define MOST_DEPTH 64u

struct version {
    const char *controller; /* in /proc/self/cgroup; "": the unified one */
    const char *top;
    const char *most, *used, *reclaims; /* files of memory; a key of memory.stat */
    const char *quota, *period; /* files of processor time; period NULL: both stand in one */
};
static const struct version versions[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ", "cpu.max", NULL},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file ", NULL, NULL},
    {"cpu", "/sys/fs/cgroup/cpu", NULL, NULL, NULL, "cpu.cfs_quota_us", "cpu.cfs_period_us"},
};

static uint64_t stat_of(struct tree *t, const char *folder, struct slice key)
{
    struct text stat = {0};
    uint64_t n = 0;
    bool found = false;
    look_file(t, look_path(t, "%s/memory.stat", folder), 65536, &stat);
    struct slice rest = text_slice(&stat);
    for (struct slice line; !found && slice_split(&rest, '\n', &line);)
        found = slice_begins(line, key) && slice_u64(slice_from(line, key.len), &n);
    text_fini(&stat);
    return found ? n : 0;
}

static void bound_memory(struct tree *t, const struct version *v, const char *folder,
                         struct machine *m)
{
    uint64_t most, used = 0;
    if (!v->most || !look_u64(t, look_path(t, "%s/%s", folder, v->most), &most))
        return; /* "max": none */
    m->memory_total = min_u64(m->memory_total, most);
    if (!look_u64(t, look_path(t, "%s/%s", folder, v->used), &used))
        used = 0;
    /* pages of files that nobody uses count as used, and are given back when memory is wanted */
    used -= min_u64(used, stat_of(t, folder, slice_of(v->reclaims)));
    m->memory_free = min_u64(m->memory_free, most - min_u64(most, used));
}

static void bound_processors(struct tree *t, const struct version *v, const char *folder,
                             struct machine *m)
{
    uint64_t quota, period;
    if (!v->quota)
        return;
    struct slice words = slice_of(look_line(t, look_path(t, "%s/%s", folder, v->quota)));
    size_t blank = slice_find(words, ' ');
    struct slice second = v->period
                              ? slice_of(look_line(t, look_path(t, "%s/%s", folder, v->period)))
                              : slice_trim(slice_from(words, blank));
    if (!slice_u64(slice_to(words, blank), &quota) || !slice_u64(second, &period) || !period)
        return; /* "max", "-1": none */
    uint64_t whole = max_u64(quota / period + (quota % period != 0), 1);
    m->threads = (unsigned)min_u64(m->threads, whole);
    m->cores = (unsigned)min_u64(m->cores, m->threads);
}

static bool names(struct slice controllers, struct slice controller)
{
    if (!controller.len || !controllers.len)
        return controllers.len == controller.len;
    for (struct slice one; slice_split(&controllers, ',', &one);) {
        if (slice_is(one, controller))
            return true;
    }
    return false;
}

/* "4:memory:/user.slice" */
static bool path_in(struct slice groups, struct slice controller, struct slice *ret_path)
{
    for (struct slice line, number, controllers; slice_split(&groups, '\n', &line);) {
        if (!slice_split(&line, ':', &number) || !slice_split(&line, ':', &controllers) ||
            !names(controllers, controller) || !slice_begins(line, SLICE("/")))
            continue;
        *ret_path = line;
        return true;
    }
    return false;
}

/* Nothing that leads out of the folder, as a group outside of a container's own does. */
static bool leads_out(struct slice path)
{
    for (struct slice part; slice_split(&path, '/', &part);) {
        if (slice_is(part, SLICE("..")))
            return true;
    }
    return false;
}

static void walk(struct tree *t, const struct version *v, struct slice path, struct machine *m)
{
    if (leads_out(path))
        path = SLICE("/");
    for (unsigned depth = 0; depth < MOST_DEPTH; depth++) {
        while (path.len && path.ptr[path.len - 1] == '/')
            path.len--;
        const char *folder = look_path(t, "%s%.*s", v->top, SLICE_ARG(path));
        bound_memory(t, v, folder, m);
        bound_processors(t, v, folder, m);
        if (!path.len)
            return;
        while (path.len && path.ptr[path.len - 1] != '/')
            path.len--;
    }
}

void groups_bound(struct tree *t, struct machine *m)
{
    struct text groups = {0};
    look_file(t, "/proc/self/cgroup", 65536, &groups);
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct slice path;
        if (path_in(text_slice(&groups), slice_of(versions[i].controller), &path))
            walk(t, &versions[i], path, m);
    }
    text_fini(&groups);
}
