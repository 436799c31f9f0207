/* vendors: what is special about each maker's devices: drivers, files, names, memory. */
#include "machine/inside.h"

/* ---- drivers -------------------------------------------------------------------------------- */

static const struct driver {
    const char *name;
    bool vulkan, cuda, hip;
    const char *trouble, *mend; /* NULL: engines can use a device with it */
} drivers[] = {
    {"nvidia", true, true, false, NULL, NULL},
    {"nouveau", true, false, false, NULL, NULL},
    {"amdgpu", true, false, true, NULL, NULL},
    {"i915", true, false, false, NULL, NULL},
    {"xe", true, false, false, NULL, NULL},
    {"radeon", false, false, false, "its driver radeon is for old chips and knows no Vulkan",
     "for a chip from 2012 on, boot with radeon.si_support=0 radeon.cik_support=0 "
     "amdgpu.si_support=1 amdgpu.cik_support=1"},
    {"vfio-pci", false, false, false, "it is set aside for a virtual machine (driver vfio-pci)",
     "take it out of the list of vfio-pci, then restart"},
    {"pci-stub", false, false, false, "it is set aside for a virtual machine (driver pci-stub)",
     "take it out of the list of pci-stub, then restart"},
};

static bool is_driver(const struct device *d, const char *name)
{
    return strcmp(d->driver, name) == 0;
}

static void say(struct device *d, const char *trouble, const char *mend)
{
    if (*d->trouble)
        return; /* the first is what is to be mended first */
    d->trouble = trouble;
    d->mend = mend;
}

static void judge_driver(struct tree *t, struct device *d)
{
    if (!*d->driver) {
        say(d, "no driver is loaded for it", "");
        mend_install(t, d);
        return;
    }
    for (size_t i = 0; i < COUNT(drivers); i++) {
        const struct driver *r = &drivers[i];
        if (!is_driver(d, r->name))
            continue;
        d->vulkan = r->vulkan;
        d->cuda = r->cuda;
        d->hip = r->hip;
        if (r->trouble)
            say(d, r->trouble, r->mend);
        return;
    }
    say(d, look_path(t, "no engine is known to work with its driver %s", d->driver), "");
    mend_install(t, d);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void add_node(struct found *f, const char *node)
{
    if (f->n_nodes < COUNT(f->nodes))
        f->nodes[f->n_nodes++] = node;
}

/* One that it cannot do without. */
static void need_node(struct tree *t, struct found *f, const char *node)
{
    if (look_may(t, node))
        add_node(f, node);
    else if (!*f->device->trouble)
        mend_node(t, f->device, node);
}

static void want_node(struct tree *t, struct found *f, const char *node)
{
    if (look_may(t, node))
        add_node(f, node);
}

/* "renderD128"; "" when the driver made none. */
static const char *render_of(struct tree *t, const struct device *d)
{
    struct names all = look_folder(t, look_path(t, PCI "%s/drm", d->id));
    for (size_t i = 0; i < all.n; i++) {
        uint64_t minor;
        struct slice name = slice_of(all.items[i]);
        if (slice_begins(name, SLICE("renderD")) && slice_u64(slice_from(name, 7), &minor))
            return all.items[i];
    }
    return "";
}

static void need_render(struct tree *t, struct found *f)
{
    struct device *d = f->device;
    const char *render = render_of(t, d);
    if (*d->trouble)
        return;
    if (*render) {
        need_node(t, f, look_path(t, "/dev/dri/%s", render));
        return;
    }
    say(d, look_path(t, "its driver %s did not start it: often its firmware is missing", d->driver),
        "");
    mend_install(t, d);
}

/* On the first bus sits what is part of the processor. */
static bool is_on_first_bus(const struct device *d)
{
    const char *colon = strchr(d->id, ':');
    return colon && slice_begins(slice_of(colon), SLICE(":00:"));
}

/* ---- NVIDIA --------------------------------------------------------------------------------- */

/* "550.54.14" of "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb ..." */
static const char *nvidia_version(struct tree *t)
{
    struct slice words = slice_of(look_line(t, "/proc/driver/nvidia/version"));
    for (struct slice word; slice_split(&words, ' ', &word);) {
        size_t dot = slice_find(word, '.');
        uint64_t n;
        if (dot < word.len && slice_u64(slice_to(word, dot), &n))
            return look_word(t, word);
    }
    return "";
}

static unsigned nvidia_minor(const struct found *f, struct slice info)
{
    struct slice value;
    uint64_t minor;
    bool told =
        field_of(info, SLICE("Device Minor"), &value) && slice_u64(value, &minor) && minor < 65536;
    return told ? (unsigned)minor : f->n_nvidia;
}

static void nvidia_own_driver(struct tree *t, struct found *f, struct slice info)
{
    struct device *d = f->device;
    need_node(t, f, "/dev/nvidiactl");
    need_node(t, f, look_path(t, "/dev/nvidia%u", nvidia_minor(f, info)));
    need_node(t, f, "/dev/nvidia-uvm");
    want_node(t, f, "/dev/nvidia-uvm-tools");
    want_node(t, f, "/dev/nvidia-modeset"); /* Vulkan asks for these two */
    const char *render = render_of(t, d);
    if (*render)
        want_node(t, f, look_path(t, "/dev/dri/%s", render));
    d->driver = look_path(t, "nvidia %s", nvidia_version(t));
    if (d->driver[0] && d->driver[strlen(d->driver) - 1] == ' ')
        d->driver = "nvidia";
}

void nvidia_read(struct tree *t, struct found *f)
{
    struct device *d = f->device;
    struct text info = {0};
    struct slice model = {0};
    judge_driver(t, d);
    look_file(t, look_path(t, "/proc/driver/nvidia/gpus/%s/information", d->id), 16384, &info);
    if (field_of(text_slice(&info), SLICE("Model"), &model))
        d->name = look_word(t, model);
    if (!*d->name || strstr(d->name, "Unknown"))
        d->name = pci_name(t, f, "NVIDIA");
    else if (!slice_begins(slice_of(d->name), SLICE("NVIDIA")))
        d->name = look_path(t, "NVIDIA %s", d->name);
    if (is_driver(d, "nvidia"))
        nvidia_own_driver(t, f, text_slice(&info));
    else if (is_driver(d, "nouveau"))
        need_render(t, f);
    if (is_driver(d, "nouveau") && !*d->trouble)
        d->note = look_path(t, "with the driver nouveau only Vulkan; for CUDA too: %s",
                            mend_package(t, "nvidia-driver"));
    text_fini(&info);
}

/* ---- AMD ------------------------------------------------------------------------------------ */

static uint64_t property(struct slice properties, struct slice key)
{
    for (struct slice line; slice_split(&properties, '\n', &line);) {
        uint64_t n;
        size_t blank = slice_find(line, ' ');
        if (blank < line.len && slice_is(slice_to(line, blank), key) &&
            slice_u64(slice_trim(slice_from(line, blank)), &n))
            return n;
    }
    return 0;
}

struct compute { /* what the compute driver (kfd) says */
    bool there, with_cpu;
};
static struct compute compute_of(struct tree *t, const char *render)
{
    struct compute is = {0};
    struct text words = {0};
    uint64_t minor;
    if (strlen(render) < 8 || !slice_u64(slice_of(render + 7), &minor))
        return is;
    struct names nodes = look_folder(t, "/sys/class/kfd/kfd/topology/nodes");
    for (size_t i = 0; i < nodes.n && !is.there; i++) {
        const char *path =
            look_path(t, "/sys/class/kfd/kfd/topology/nodes/%s/properties", nodes.items[i]);
        if (!look_file(t, path, 16384, &words))
            continue;
        struct slice s = text_slice(&words);
        is.there =
            property(s, SLICE("simd_count")) && property(s, SLICE("drm_render_minor")) == minor;
        is.with_cpu = is.there && property(s, SLICE("cpu_cores_count"));
    }
    text_fini(&words);
    return is;
}

/* A chip that has its processor's security device for a neighbour is part of that processor. */
static bool amd_is_in_cpu(struct tree *t, const struct device *d)
{
    size_t dot = strlen(d->id) - 1;
    for (unsigned i = 1; i < 8; i++) {
        uint64_t class;
        const char *path = look_path(t, PCI "%.*s%u/class", (int)dot, d->id, i);
        if (look_hex(t, path, &class) && class >> 8 == 0x1080)
            return true;
    }
    return is_on_first_bus(d);
}

/* "73BF,\tC0,\tAMD Radeon RX 6900 XT" of the list that comes with libdrm */
static const char *amd_name(struct tree *t, const struct found *f)
{
    struct text list = {0};
    uint64_t revision, id, its;
    const char *name = "";
    if (!look_hex(t, look_path(t, PCI "%s/revision", f->device->id), &revision) ||
        !look_file(t, "/usr/share/libdrm/amdgpu.ids", 1u << 20, &list)) {
        text_fini(&list);
        return "";
    }
    struct slice rest = text_slice(&list);
    for (struct slice line, word; !*name && slice_split(&rest, '\n', &line);) {
        if (slice_split(&line, ',', &word) && hex_of(slice_trim(word), &id) && id == f->product &&
            slice_split(&line, ',', &word) && hex_of(slice_trim(word), &its) && its == revision)
            name = look_word(t, slice_trim(line));
    }
    text_fini(&list);
    return name;
}

void amd_read(struct tree *t, struct found *f)
{
    struct device *d = f->device;
    uint64_t used;
    judge_driver(t, d);
    d->name = amd_name(t, f);
    if (!*d->name)
        d->name = pci_name(t, f, "AMD");
    if (!is_driver(d, "amdgpu"))
        return;
    need_render(t, f);
    if (look_u64(t, look_path(t, PCI "%s/mem_info_vram_total", d->id), &d->memory_total) &&
        look_u64(t, look_path(t, PCI "%s/mem_info_vram_used", d->id), &used))
        d->memory_free = d->memory_total - min_u64(used, d->memory_total);
    struct compute compute = compute_of(t, render_of(t, d));
    d->unified = compute.with_cpu || amd_is_in_cpu(t, d);
    d->hip = compute.there && look_may(t, "/dev/kfd");
    if (d->hip)
        add_node(f, "/dev/kfd");
    else if (compute.there && !*d->trouble)
        d->note = "this user may not open /dev/kfd: Vulkan works, HIP does not";
}

/* ---- Intel ---------------------------------------------------------------------------------- */

void intel_read(struct tree *t, struct found *f)
{
    judge_driver(t, f->device);
    f->device->name = pci_name(t, f, "Intel");
    f->device->unified = is_on_first_bus(f->device);
    if (f->device->vulkan)
        need_render(t, f);
}
