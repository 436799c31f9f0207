/* start: the words with which a pack's program is started. In a sandbox that mounts, the
 * program's own path. Where nothing can be mounted a pack with a root brings its own loader and
 * libraries, and is told by name which CPU back-end to take, since it would look for them in the
 * system. */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

static const char *const loaders[] = {
    "usr/lib64/ld-linux-x86-64.so.2",
    "lib64/ld-linux-x86-64.so.2",
    "usr/lib/ld-linux-aarch64.so.1",
    "lib/ld-linux-aarch64.so.1",
};

/* The first entry of a folder that begins and ends so, in the order of names. */
static const char *first_entry(struct arena *a, const char *folder, const char *begins,
                               const char *ends)
{
    DIR *dir = folder ? opendir(folder) : NULL;
    const char *first = NULL;
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        struct slice name = slice_of(entry->d_name);
        if (slice_begins(name, slice_of(begins)) && slice_ends(name, slice_of(ends)) &&
            (!first || strcmp(entry->d_name, first) < 0))
            first = arena_cstr(a, name);
    }
    if (dir)
        closedir(dir);
    return first;
}

static const char *libraries_of(struct arena *a, const char *root)
{
    const char *lib = path_join(a, root, "usr/lib");
    DIR *dir = lib ? opendir(lib) : NULL;
    const char *found = NULL;
    struct dirent *entry;
    while (dir && !found && (entry = readdir(dir))) {
        if (strstr(entry->d_name, "-linux-gnu"))
            found = path_join(a, lib, entry->d_name);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* With the folders of libraries in it that programs find by an absolute path: llama, whisper. */
static const char *library_path(struct arena *a, const char *root)
{
    const char *libraries = libraries_of(a, root), *path = libraries;
    DIR *dir = libraries ? opendir(libraries) : NULL;
    struct dirent *entry;
    while (dir && path && (entry = readdir(dir))) {
        const char *folder =
            entry->d_name[0] == '.' ? NULL : path_join(a, libraries, entry->d_name);
        if (first_entry(a, folder, "lib", ".so"))
            path = arena_format(a, "%s:%s", path, folder).ptr;
    }
    if (dir)
        closedir(dir);
    return path;
}

static const char *loader_of(struct arena *a, const char *root)
{
    for (size_t i = 0; i < COUNT(loaders); i++) {
        const char *path = path_join(a, root, loaders[i]);
        if (path && is_program(path))
            return path;
    }
    return NULL;
}

enum err pack_words(const struct pack *p, bool mounted, struct arena *a,
                    const char *ret[PACK_WORDS + 1], struct why *why)
{
    size_t n = 0;
    if (mounted || !p->root) {
        ret[n++] = p->program;
        ret[n] = NULL;
        return OK;
    }
    const char *loader = loader_of(a, p->root), *libraries = library_path(a, p->root);
    const char *program = path_join(a, p->root, p->program + 1);
    if (!loader || !libraries || !program)
        return why_set(why, ERR_NOT_FOUND,
                       "%.100s cannot be started without a sandbox: it has no loader of its own",
                       p->id);
    ret[n++] = loader;
    ret[n++] = "--library-path";
    ret[n++] = libraries;
    ret[n++] = program;
    ret[n] = NULL;
    return OK;
}

/* ---- which back-end, where the program cannot find them itself ---- */

/* The best first; a processor must say that it has all of these. */
static const struct {
    const char *file;
    const char *flags[9];
} backends[] = {
    {"libggml-cpu-zen4.so",
     {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16",
      "avx512vbmi"}},
    {"libggml-cpu-skylakex.so", {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}},
    {"libggml-cpu-haswell.so", {"avx2", "fma", "f16c", "bmi2"}},
    {"libggml-cpu-sse42.so", {"sse4_2"}},
    {"libggml-cpu-x64.so", {NULL}},
};

static bool has_flag(struct slice flags, const char *flag)
{
    struct slice word;
    while (slice_split(&flags, ' ', &word)) {
        if (slice_is(word, slice_of(flag)))
            return true;
    }
    return false;
}

static bool has_flags(struct slice flags, const char *const *wanted)
{
    for (; *wanted; wanted++) {
        if (!has_flag(flags, *wanted))
            return false;
    }
    return true;
}

/* The line of /proc/cpuinfo; empty where processors have none. */
static struct slice processor_flags(const char *top, struct arena *a)
{
    struct text all = {0};
    struct slice rest, line, flags = {0};
    const char *path = path_join(a, top, "proc/cpuinfo");
    if (path && !os_read_file(AT_FDCWD, path, 4u << 20, &all, NULL)) {
        rest = text_slice(&all);
        while (!flags.len && slice_split(&rest, '\n', &line)) {
            if (slice_begins(line, SLICE("flags")))
                flags = arena_dup(a, line);
        }
    }
    text_fini(&all);
    return flags;
}

const char *backend_choose(const struct pack *p, const char *top, struct arena *a)
{
    const char *libraries = libraries_of(a, p->root);
    const char *folder = path_join(a, libraries, "ggml/backends0");
    struct slice flags = processor_flags(top, a);
    const char *found = NULL;
    for (size_t i = 0; folder && !found && i < COUNT(backends); i++) {
        const char *path = path_join(a, folder, backends[i].file);
        if (path && access(path, R_OK) == 0 && has_flags(flags, backends[i].flags))
            found = path;
    }
    if (!found && folder)
        found = path_join(a, folder, first_entry(a, folder, "libggml-cpu-", ".so"));
    return found ? found + strlen(p->root) : "";
}
