/* build: an engine from a folder of source of the user's, with cmake. The source is only read; what
 * is built lies in the new pack's hidden folder, and of it the program alone is kept: it is linked
 * with all parts of its own, so that it needs nothing but the system's libraries. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"

#define CONFIGURE_MS (10u * 60000u)
#define BUILD_MS (4u * 3600000u)
#define LOG_BYTES (4u << 20)

struct building {
    struct change c;
    struct pack_work *w;
    struct arena *a;
    const struct build_row *row;
    const struct pack_engine *engine;
    const char *source, *folder; /* real paths */
    uint64_t began_ms;
    const char *doing;
};

static bool is_on_path(const struct pack_work *w, struct arena *a, const char *program)
{
    struct slice rest = slice_of(process_variable(w->environment, "PATH")), part;
    while (rest.ptr && slice_split(&rest, ':', &part)) {
        const char *path = arena_format(a, "%.*s/%s", SLICE_ARG(part), program).ptr;
        if (path && part.len && is_program(path))
            return true;
    }
    return false;
}

/* What is missing, and the line that brings it where that is Debian's apt. */
static enum err check_tools(const struct building *b, struct why *why)
{
    static const struct {
        const char *program, *package;
    } tools[] = {
        {"cmake", "cmake"},
        {"c++", "g++"},
        {"make", "make"},
        {"glslc", "glslc libvulkan-dev spirv-headers"},
        {"nvcc", "nvidia-cuda-toolkit"},
        {"hipcc", "hipcc libhipblas-dev librocblas-dev"},
    };
    for (size_t i = 0; i < COUNT(tools); i++) {
        bool needed = i < 3 || (b->row->compiler && !strcmp(b->row->compiler, tools[i].program));
        if (needed && !is_on_path(b->w, b->a, tools[i].program))
            return why_param(why, ERR_NOT_FOUND, tools[i].package,
                             "building needs %s, which is not on PATH; on Debian: apt install %s",
                             tools[i].program, tools[i].package);
    }
    return OK;
}

static void show_time(void *owner)
{
    struct building *b = owner;
    if (b->w->progress)
        b->w->progress(b->w, b->doing, (os_mono_ms() - b->began_ms) / 1000, 0);
}

static enum err run(struct building *b, const char *const *argv, uint64_t deadline_ms,
                    struct why *why)
{
    struct process p;
    b->began_ms = os_mono_ms();
    const struct process_run r = {.plan = {.argv = argv,
                                           .environment = b->w->environment,
                                           .one_output = true,
                                           .most = LOG_BYTES},
                                  .deadline_ms = deadline_ms,
                                  .waits = show_time,
                                  .owner = b};
    enum err e = process_run(&r, &p, why);
    if (e)
        return e;
    if (p.code) {
        /* the folder of the build goes; what it said is wanted */
        int fd;
        if (!os_open_append(b->c.engines, "build.log", &fd, NULL)) {
            if (ftruncate(fd, 0) != 0 || !os_write_all(fd, text_slice(&p.out.text)))
                errno = 0;
            close(fd);
        }
        struct slice line = process_last_line(text_slice(&p.out.text), NULL);
        e = why_set(why, ERR_SYSTEM, "%s failed: %.*s; all it said is in %.120s/build.log",
                    b->doing, SLICE_ARG(slice_to(line, min_size(line.len, 120))), b->w->engines);
    }
    process_fini(&p);
    return e;
}

static enum err configure(struct building *b, struct why *why)
{
    const char *prefix = !strcmp(b->engine->name, "llama.cpp") ? "LLAMA" : "WHISPER";
    const char *const argv[] = {"cmake",
                                "-S",
                                b->source,
                                "-B",
                                b->folder,
                                "-DCMAKE_BUILD_TYPE=Release",
                                "-DBUILD_SHARED_LIBS=OFF",
                                arena_format(b->a, "-D%s_CURL=OFF", prefix).ptr,
                                arena_format(b->a, "-D%s_BUILD_TESTS=OFF", prefix).ptr,
                                b->row->option,
                                NULL};
    b->doing = "configuring";
    return run(b, argv, CONFIGURE_MS, why);
}

static enum err compile(struct building *b, struct why *why)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const char *jobs = arena_format(b->a, "%ld", cores > 0 ? cores : 1).ptr;
    const char *const argv[] = {"cmake", "--build",  b->folder,          "-j",
                                jobs,    "--target", b->engine->program, NULL};
    b->doing = "building";
    enum err e = run(b, argv, BUILD_MS, why);
    if (!e)
        say(b->w, "built it in %s", words_seconds(b->a, b->began_ms));
    return e;
}

/* The program into files/bin, and the folder of the build away. */
static enum err keep_program(struct building *b, struct why *why)
{
    const struct pack_engine *engine = NULL;
    const char *from = find_program(b->a, b->folder, &engine);
    const char *to = arena_format(b->a, NAME_FILES "/bin/%s", b->engine->program).ptr;
    const char *path = path_join(b->a, b->folder, from);
    if (!from || engine != b->engine || !to || !path)
        return why_set(why, ERR_NOT_FOUND, "the build has made no %s", b->engine->program);
    enum err e = tree_make(b->c.folder, NAME_FILES "/bin", why);
    if (!e && renameat(AT_FDCWD, path, b->c.folder, to) != 0)
        e = why_sys(why, os_err_of(errno), errno, "cannot keep %s", b->engine->program);
    return e ? e : tree_walk(b->c.folder, "build", TREE_REMOVE, NULL, why);
}

static enum err make(struct building *b, struct pack_made *ret, struct why *why)
{
    const char *source = arena_format(b->a, "build of %s", b->source).ptr;
    const char *program = path_join(b->a, "bin", b->engine->program);
    struct manifest m = {.kind = PLACE_FILES,
                         .pack = {.id = b->c.name,
                                  .engine = b->engine->name,
                                  .version = "",
                                  .source = source,
                                  .flavour = b->row->flavour,
                                  .backend = "",
                                  .trouble = "",
                                  .origin = ""}};
    b->folder = path_join(b->a, b->c.path, "build");
    if (!source || !program || !b->folder)
        return why_set(why, ERR_NO_MEMORY, "no memory for the build");
    enum err e = configure(b, why);
    if (!e)
        e = compile(b, why);
    if (!e)
        e = keep_program(b, why);
    if (!e)
        e = manifest_place(b->w->engines, program, b->a, &m, why);
    return e ? e : change_commit(&b->c, &m, "build", ret, why);
}

static enum err check_source(struct building *b, const char *source, struct why *why)
{
    struct stat is;
    b->source = real_path(b->a, source);
    if (!b->source)
        return why_sys(why, os_err_of(errno), errno, "cannot find %.200s", source);
    const char *lists = path_join(b->a, b->source, "CMakeLists.txt");
    return lists && stat(lists, &is) == 0
               ? OK
               : why_set(why, ERR_NOT_FOUND, "%.200s holds no source: it has no CMakeLists.txt",
                         source);
}

enum err pack_build(struct pack_work *w, const char *engine, const char *source,
                    const char *flavour, struct pack_made *ret, struct why *why)
{
    struct building b = {.w = w, .a = w->arena, .engine = pack_engine_named(engine)};
    struct pack_made made = {0};
    b.row = build_row(engine, flavour);
    if (!b.engine || !b.row)
        return why_set(why, ERR_BAD_REQUEST, "there is no way to build %.60s%s%.60s", engine,
                       flavour ? " for " : "", flavour ? flavour : "");
    enum err e = check_source(&b, source, why);
    if (!e)
        e = check_tools(&b, why);
    if (!e)
        e = change_begin(w, &b.c, why);
    if (e)
        return e;
    e = change_make_folder(&b.c, why);
    if (!e)
        e = make(&b, &made, why);
    change_end(&b.c);
    if (!e)
        *ret = made;
    return e;
}
