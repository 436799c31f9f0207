/* drivers: what of the system's own files a program must see to use its devices, besides the
 * nodes. The tables say what; only what exists is told. A driver's library is told together with
 * those it needs, found as the loader would; but never the C and C++ libraries, which the program
 * has of its own, and which must be as new as it is. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "machine/inside.h"

#define MOST_PATHS 512u
#define MOST_ICD 65536u

#define NVIDIA (1u << DEVICE_NVIDIA)
#define AMD (1u << DEVICE_AMD)
#define INTEL (1u << DEVICE_INTEL)

static const char *const elf_folders[] = {
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
    "/usr/local/nvidia/lib64",
    "/usr/lib/wsl/lib",
    "/run/opengl-driver/lib",
};
static const struct {
    unsigned kinds;
    const char *begins;
} libraries[] = {
    {NVIDIA, "libcuda.so"},
    {NVIDIA, "libnvidia-"},
    {NVIDIA, "libGLX_nvidia.so"},
};
static const struct {
    unsigned kinds;
    const char *path;
} paths[] = {
    {NVIDIA | AMD | INTEL, "/sys/dev/char"},
    {NVIDIA | AMD | INTEL, "/sys/bus/pci/devices"},
    {AMD, "/sys/class/kfd"},
    {AMD, "/sys/devices/virtual/kfd"},
    {AMD | INTEL, "/usr/share/drirc.d"},
    {AMD, "/usr/share/libdrm/amdgpu.ids"},
};
static const char *const icd_folders[] = {"/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d",
                                          "/usr/local/share/vulkan/icd.d"};
/* Whose Vulkan driver, by a word in its file's name; one that computes on the processor (lvp) is
 * for nobody. */
static const struct {
    unsigned kinds;
    const char *word;
} icds[] = {
    {NVIDIA, "nvidia"}, {NVIDIA, "nouveau"}, {AMD, "radeon"}, {AMD, "amd_"}, {INTEL, "intel"},
};
/* The pack's own, by how their names begin. */
static const char *const never[] = {"libc.so",      "libm.so",   "libdl.so",    "libpthread.so",
                                    "librt.so",     "ld-linux",  "libgcc_s.so", "libstdc++.so",
                                    "libresolv.so", "libutil.so"};

struct gather {
    struct tree tree;
    unsigned kinds; /* of the devices that can be used */
    unsigned elf;   /* the machine we run on; 0: any */
    const char *paths[MOST_PATHS];
    size_t n;
};

static bool has(const struct gather *g, const char *path)
{
    for (size_t i = 0; i < g->n; i++) {
        if (!strcmp(g->paths[i], path))
            return true;
    }
    return false;
}

static void add(struct gather *g, const char *path)
{
    if (g->n < MOST_PATHS && look_is(&g->tree, path) && !has(g, path))
        g->paths[g->n++] = path;
}

/* Another name of a folder that is in the list too, as /usr/lib64 is on some systems. */
static bool is_other_name(struct gather *g, const char *folder)
{
    return *look_link(&g->tree, folder) != '\0';
}

/* ---- libraries ------------------------------------------------------------------------------ */

static bool is_never(const char *name)
{
    for (size_t i = 0; i < COUNT(never); i++) {
        if (slice_begins(slice_of(name), slice_of(never[i])))
            return true;
    }
    return !*name;
}

static bool fits(const struct gather *g, const struct elf_facts *l)
{
    return !l->machine || !g->elf || l->machine == g->elf;
}

static bool try_library(struct gather *g, const char *folder, const char *name)
{
    struct elf_facts l;
    const char *path = look_path(&g->tree, "%s/%s", folder, name);
    if (!look_is(&g->tree, path))
        return false;
    elf_read(&g->tree, path, &l);
    if (!fits(g, &l))
        return false;
    add(g, path);
    return true;
}

static bool find_library(struct gather *g, const char *near, const char *name)
{
    const char *slash = strrchr(near, '/');
    const char *folder = look_path(&g->tree, "%.*s", slash ? (int)(slash - near) : 0, near);
    if (try_library(g, folder, name))
        return true;
    for (size_t i = 0; i < COUNT(elf_folders); i++) {
        if (try_library(g, elf_folders[i], name))
            return true;
    }
    return false;
}

/* What the libraries need, and what those need, until there is nothing new. */
static void add_needs(struct gather *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct elf_facts l;
        if (!strstr(g->paths[i], ".so"))
            continue;
        elf_read(&g->tree, g->paths[i], &l);
        for (size_t k = 0; k < l.needs.n; k++) {
            if (!is_never(l.needs.items[k]))
                find_library(g, g->paths[i], l.needs.items[k]);
        }
    }
}

static void add_libraries(struct gather *g)
{
    for (size_t f = 0; f < COUNT(elf_folders); f++) {
        const char *folder = elf_folders[f];
        if (!(g->kinds & NVIDIA) || is_other_name(g, folder))
            continue;
        struct names all = look_folder(&g->tree, folder);
        for (size_t i = 0; i < all.n * COUNT(libraries); i++) {
            const char *name = all.items[i / COUNT(libraries)];
            size_t row = i % COUNT(libraries);
            if (g->kinds & libraries[row].kinds && strstr(name, ".so") &&
                slice_begins(slice_of(name), slice_of(libraries[row].begins)))
                try_library(g, folder, name);
        }
    }
}

/* ---- Vulkan --------------------------------------------------------------------------------- */

/* "libvulkan_radeon.so", "/usr/lib/.../libvulkan_radeon.so" or a path from the file's folder. */
static bool add_icd_library(struct gather *g, const char *folder, struct slice library)
{
    const char *path = look_word(&g->tree, library);
    if (!library.len || !slice_is(slice_of(path), library))
        return false; /* no name that a file of a system has */
    const char *slash = strrchr(path, '/');
    if (!slash)
        return find_library(g, "", path);
    if (path[0] == '/')
        folder = look_path(&g->tree, "%.*s", (int)(slash - path), path);
    return try_library(g, folder, path[0] == '/' ? slash + 1 : path);
}

static void add_icd(struct gather *g, const char *folder, const char *name)
{
    struct text bytes = {0};
    struct json_doc doc;
    const char *path = look_path(&g->tree, "%s/%s", folder, name);
    if (look_file(&g->tree, path, MOST_ICD, &bytes) &&
        !json_read(text_slice(&bytes), &json_usual_limits, NULL, &doc, NULL)) {
        struct slice library = json_text(json_get(json_get(doc.root, "ICD"), "library_path"));
        if (add_icd_library(g, folder, library))
            add(g, path);
        json_done(&doc);
    }
    text_fini(&bytes);
}

static void add_icds(struct gather *g)
{
    for (size_t f = 0; f < COUNT(icd_folders); f++) {
        struct names all = look_folder(&g->tree, icd_folders[f]);
        for (size_t i = 0; i < all.n * COUNT(icds); i++) {
            const char *name = all.items[i / COUNT(icds)];
            size_t row = i % COUNT(icds);
            if (g->kinds & icds[row].kinds && strstr(name, icds[row].word) &&
                slice_ends(slice_of(name), SLICE(".json")))
                add_icd(g, icd_folders[f], name);
        }
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* The device's own folder: the one on the bus is a link to it. */
static void add_device(struct gather *g, const struct device *d)
{
    const char *at = look_path(&g->tree, PCI "%s", d->id);
    const char *to = look_link(&g->tree, at);
    const struct slice up = SLICE("../../../");
    bool leads = slice_begins(slice_of(to), up) && !strstr(to + up.len, "..");
    add(g, leads ? look_path(&g->tree, "/sys/%s", to + up.len) : at);
}

static int order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum err machine_drivers(const char *root, const struct machine *m, struct arena *a,
                         const char *const **ret_paths, size_t *ret_n, struct why *why)
{
    struct tree real = {.root = "", .arena = a};
    struct elf_facts us;
    struct gather g = {.tree = {.root = root, .arena = a}};
    elf_read(&real, "/proc/self/exe", &us);
    g.elf = us.machine;
    for (size_t i = 0; i < m->n_devices; i++) {
        const struct device *d = &m->devices[i];
        if (*d->trouble || d->kind == DEVICE_APPLE)
            continue;
        g.kinds |= 1u << d->kind;
        add_device(&g, d);
    }
    for (size_t i = 0; i < COUNT(paths); i++) {
        if (g.kinds & paths[i].kinds)
            add(&g, paths[i].path);
    }
    add_icds(&g);
    add_libraries(&g);
    add_needs(&g);
    const char **all = arena_array(a, const char *, max_size(g.n, 1));
    if (!all || g.tree.failed || real.failed)
        return why_set(why, ERR_NO_MEMORY, "no memory for the files of drivers");
    memcpy(all, g.paths, g.n * sizeof *all);
    qsort(all, g.n, sizeof *all, order);
    *ret_paths = all;
    *ret_n = g.n;
    return OK;
}
