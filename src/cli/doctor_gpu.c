/* doctor_gpu: `hearth doctor gpu`, the devices of this machine and what an engine would be given
 * for them, and the check of it in `hearth doctor`. */
#include "cli/doctor.h"

#define MOST_SHOWN 12u /* files of drivers; all are in the JSON */
#define WIDEST_NAME 30u
#define WIDEST_DRIVER 18u

/* ---- the check ------------------------------------------------------------------------------ */

static bool can_use(const struct device *d, const char *flavour)
{
    const struct {
        const char *name;
        bool can;
    } all[] = {{"vulkan", d->vulkan}, {"cuda", d->cuda}, {"hip", d->hip}, {"metal", d->metal}};
    for (size_t i = 0; i < COUNT(all); i++) {
        if (!strcmp(all[i].name, flavour))
            return all[i].can;
    }
    return false;
}

static const struct pack *pack_for(const struct doctor *d, const struct device *device)
{
    for (size_t i = 0; i < d->n_packs; i++) {
        if (!*d->packs[i].trouble && can_use(device, d->packs[i].flavour))
            return &d->packs[i];
    }
    return NULL;
}

static const char *best_flavour(const struct device *device)
{
    return device->vulkan ? "vulkan" : device->cuda ? "cuda" : device->hip ? "hip" : "metal";
}

static void check_device(struct doctor *d, const struct device *device)
{
    const struct pack *pack = pack_for(d, device);
    if (*device->trouble)
        doctor_say(d, FINDING_WARNING, device->mend, "%s cannot be used: %s", device->name,
                   device->trouble);
    else if (pack)
        doctor_say(d, FINDING_OK, "", "%s (%s), used by %s", device->name, device->driver,
                   pack->id);
    else
        doctor_say(
            d, FINDING_WARNING,
            doctor_format(d, "hearth engines install llama.cpp --flavour %s", best_flavour(device)),
            "%s (%s) is there and no engine uses it", device->name, device->driver);
    if (*device->note)
        doctor_say(d, FINDING_NOTE, "", "%s: %s", device->name, device->note);
}

/* Vulkan needs a driver of its own beside the kernel's: a file that names it. */
static void check_vulkan(struct doctor *d)
{
    const char *const *paths;
    size_t n, found = 0;
    bool wanted = false;
    for (size_t i = 0; i < d->machine.n_devices; i++)
        wanted |= d->machine.devices[i].vulkan && !d->machine.devices[i].cuda;
    if (!wanted || machine_drivers(d->root, &d->machine, &d->c->arena, &paths, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++)
        found += strstr(paths[i], "/vulkan/icd.d/") != NULL;
    if (!found)
        doctor_say(d, FINDING_WARNING, "sudo apt-get install mesa-vulkan-drivers",
                   "no Vulkan driver is installed for it");
}

void doctor_gpu(struct doctor *d)
{
    if (!d->machine_known)
        doctor_say(d, FINDING_WARNING, "", "the machine could not be looked at");
    else if (!d->machine.n_devices)
        doctor_say(d, FINDING_OK, "", "there is none: models run on the processor");
    for (size_t i = 0; i < d->machine.n_devices; i++)
        check_device(d, &d->machine.devices[i]);
    check_vulkan(d);
}

/* ---- the command ---------------------------------------------------------------------------- */

static void put_column(struct text *out, const char *words, size_t width)
{
    size_t from = out->len;
    struct slice s = slice_of(words);
    if (cli_width(s) > width && s.len > width) { /* the JSON has all of it */
        size_t len = width - 2;
        while (len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
            len--; /* no letter in halves */
        text_add(out, slice_to(s, len));
        text_add(out, SLICE(".."));
    } else {
        text_add(out, s);
    }
    cli_pad(out, from, width + 2);
}

static void put_memory(struct text *out, const struct device *d, uint64_t bytes)
{
    struct text words = {0};
    if (d->memory_total)
        cli_bytes(&words, bytes);
    else
        text_add(&words, d->unified ? SLICE("shared") : SLICE("-"));
    put_column(out, text_cstr(&words), 8);
    text_fini(&words);
}

static void put_more(struct text *out, const char *label, const char *words)
{
    if (!*words)
        return;
    text_format(out, "  %-9s", label);
    cli_wrap(out, 11, words);
}

static void print_device(const struct device *d, bool colours, struct text *out)
{
    bool good = !*d->trouble;
    put_column(out, d->name, WIDEST_NAME);
    put_column(out, *d->driver ? d->driver : "none", WIDEST_DRIVER);
    put_memory(out, d, d->memory_total);
    put_memory(out, d, d->memory_free);
    cli_paint(out, colours, good ? COLOUR_GREEN : COLOUR_RED, good ? "usable" : "trouble");
    text_byte(out, '\n');
    put_more(out, "trouble", d->trouble);
    put_more(out, "mend", d->mend);
    put_more(out, "note", d->note);
}

static void print_given(const struct machine *m, const char *const *drivers, size_t n,
                        struct text *out)
{
    size_t nodes = 0;
    for (size_t i = 0; i < m->n_devices; i++)
        nodes += *m->devices[i].trouble ? 0 : m->devices[i].n_nodes;
    if (!nodes && !n)
        return;
    text_add(out, SLICE("\nAn engine that uses them is given:\n"));
    for (size_t i = 0; i < m->n_devices; i++) {
        for (size_t k = 0; !*m->devices[i].trouble && k < m->devices[i].n_nodes; k++)
            text_format(out, "  %s\n", m->devices[i].nodes[k]);
    }
    for (size_t i = 0; i < min_size(n, MOST_SHOWN); i++) {
        text_add(out, SLICE("  "));
        text_visible(out, slice_of(drivers[i]));
        text_byte(out, '\n');
    }
    if (n > MOST_SHOWN)
        text_format(out, "  and %zu more files of drivers (--json names all)\n", n - MOST_SHOWN);
}

void gpu_print(const struct machine *m, const char *const *drivers, size_t n, bool colours,
               struct text *out)
{
    text_format(out, "processor  %s (%s), %u core%s, %u thread%s\nmemory     ", m->cpu,
                m->instructions, m->cores, m->cores == 1 ? "" : "s", m->threads,
                m->threads == 1 ? "" : "s");
    cli_bytes(out, m->memory_total);
    text_add(out, SLICE(", of which "));
    cli_bytes(out, m->memory_free);
    text_add(out, SLICE(" can be had now\n\n"));
    if (!m->n_devices) {
        text_add(out, SLICE("There is no GPU here: models run on the processor.\n"));
        return;
    }
    put_column(out, "device", WIDEST_NAME);
    put_column(out, "driver", WIDEST_DRIVER);
    put_column(out, "memory", 8);
    put_column(out, "free", 8);
    text_add(out, SLICE("state\n"));
    for (size_t i = 0; i < m->n_devices; i++)
        print_device(&m->devices[i], colours, out);
    print_given(m, drivers, n, out);
}

void gpu_json(const struct machine *m, const char *const *drivers, size_t n, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "machine");
    machine_json(m, &w);
    json_key(&w, "drivers");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++)
        json_put_text(&w, slice_of(drivers[i]));
    json_close_array(&w);
    json_close_object(&w);
    text_byte(out, '\n');
}

int doctor_gpu_run(struct cli *c)
{
    struct machine m;
    struct why why = {0};
    const char *const *drivers;
    size_t n;
    enum err e = machine_read("", &c->arena, &m, &why);
    if (!e)
        e = machine_drivers("", &m, &c->arena, &drivers, &n, &why);
    if (e)
        return cli_fail(c, e, &why, NULL);
    if (c->options.json)
        gpu_json(&m, drivers, n, &c->out);
    else
        gpu_print(&m, drivers, n, c->out_colours, &c->out);
    for (size_t i = 0; i < m.n_devices; i++) {
        if (*m.devices[i].trouble)
            return CLI_FAILED;
    }
    return CLI_OK;
}
