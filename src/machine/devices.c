/* devices: what sits on the PCI bus and can compute. A display that only shows pictures (a virtual
 * machine's, a server's) is none of them. */
#include "machine/inside.h"

#define MOST_DEVICES 64u
#define CLASS(n) (1u << (n)) /* of `classes` below */

static const uint64_t classes[] = {
    0x0300, /* VGA */
    0x0302, /* 3D without a display */
    0x0380, /* another display */
    0x1200, /* accelerator */
};
static const struct vendor {
    uint64_t id;
    enum device_kind kind;
    unsigned classes;
    void (*read)(struct tree *t, struct found *f);
} vendors[] = {
    {0x10de, DEVICE_NVIDIA, CLASS(0) | CLASS(1) | CLASS(2) | CLASS(3), nvidia_read},
    {0x1002, DEVICE_AMD, CLASS(0) | CLASS(1) | CLASS(2) | CLASS(3), amd_read},
    /* Intel's accelerators are for other work than engines' */
    {0x8086, DEVICE_INTEL, CLASS(0) | CLASS(1) | CLASS(2), intel_read},
};

/* "0000:01:00.0" */
static bool is_address(struct slice s)
{
    static const char form[] = "xxxx:xx:xx.x";
    if (s.len < sizeof form - 1 || s.len > sizeof form + 3)
        return false;
    s = slice_from(s, s.len - (sizeof form - 1)); /* some have a longer domain */
    for (size_t i = 0; i < s.len; i++) {
        uint64_t digit;
        if (form[i] == 'x' ? !hex_of((struct slice){s.ptr + i, 1}, &digit) : s.ptr[i] != form[i])
            return false;
    }
    return true;
}

static const struct vendor *vendor_of(struct tree *t, const char *id, uint64_t *ret_vendor)
{
    uint64_t class, vendor;
    if (!look_hex(t, look_path(t, PCI "%s/class", id), &class) ||
        !look_hex(t, look_path(t, PCI "%s/vendor", id), &vendor))
        return NULL;
    for (unsigned c = 0; c < COUNT(classes); c++) {
        for (size_t i = 0; class >> 8 == classes[c] && i < COUNT(vendors); i++) {
            if (vendors[i].id == vendor && vendors[i].classes & CLASS(c)) {
                *ret_vendor = vendor;
                return &vendors[i];
            }
        }
    }
    return NULL;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void read_one(struct tree *t, const struct vendor *v, struct found *f)
{
    struct device *d = f->device;
    d->kind = v->kind;
    d->name = d->trouble = d->mend = d->note = "";
    look_hex(t, look_path(t, PCI "%s/device", d->id), &f->product);
    d->driver =
        look_word(t, slice_of(last_part(look_link(t, look_path(t, PCI "%s/driver", d->id)))));
    v->read(t, f);
    if (*d->trouble)
        d->vulkan = d->cuda = d->hip = false;
    const char **nodes = arena_array(t->arena, const char *, max_size(f->n_nodes, 1));
    t->failed |= !nodes;
    d->nodes = nodes;
    for (size_t i = 0; nodes && i < f->n_nodes; i++)
        nodes[i] = f->nodes[i];
    d->n_nodes = nodes ? f->n_nodes : 0;
}

void devices_read(struct tree *t, struct machine *m)
{
    struct names ids = look_folder(t, PCI);
    struct device *devices = arena_array(t->arena, struct device, MOST_DEVICES + 1);
    unsigned n = 0, n_nvidia = 0;
    t->failed |= !devices;
    for (size_t i = 0; devices && i < ids.n && n < MOST_DEVICES; i++) {
        struct found f = {.device = &devices[n], .n_nvidia = n_nvidia};
        const struct vendor *v =
            is_address(slice_of(ids.items[i])) ? vendor_of(t, ids.items[i], &f.vendor) : NULL;
        if (!v)
            continue;
        devices[n].id = ids.items[i];
        read_one(t, v, &f);
        n_nvidia += v->kind == DEVICE_NVIDIA;
        n++;
    }
    m->devices = devices;
    m->n_devices = n;
}
