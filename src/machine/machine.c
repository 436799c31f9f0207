/* machine: see machine.h. On systems that tell these things by calls and not by files (macOS), os
 * is asked. */
#include "machine/machine.h"

#include "base/json.h"
#include "machine/inside.h"
#include "os/os.h"

static const char *const kinds[DEVICE_KINDS] = {
    [DEVICE_NVIDIA] = "nvidia",
    [DEVICE_AMD] = "amd",
    [DEVICE_INTEL] = "intel",
    [DEVICE_APPLE] = "apple",
};

const char *device_kind_name(enum device_kind kind)
{
    assert(kind < DEVICE_KINDS);
    return kinds[kind];
}

/* ---- a system that tells by calls ---- */

static uint64_t fact(const char *name)
{
    char words[32];
    uint64_t n;
    return os_fact(name, words, sizeof words) && slice_u64(slice_of(words), &n) ? n : 0;
}

/* Where processor and GPU are one chip, engines use it with Metal and need no files for it. */
static void take_chip(struct tree *t, struct machine *m)
{
    struct device *d = arena_new(t->arena, struct device);
    t->failed |= !d;
    if (!d)
        return;
    *d = (struct device){.kind = DEVICE_APPLE,
                         .id = "0",
                         .name = m->cpu,
                         .driver = "metal",
                         .unified = true,
                         .trouble = "",
                         .mend = "",
                         .note = "",
                         .metal = true};
    m->devices = d;
    m->n_devices = 1;
}

static bool ask_system(struct tree *t, struct machine *m)
{
    char cpu[128];
    if (*t->root || !os_fact("cpu", cpu, sizeof cpu))
        return false;
    bool apple = fact("apple");
    m->cpu = look_word(t, slice_of(cpu));
    m->instructions = apple ? "NEON" : "unknown";
    m->cores = (unsigned)max_u64(fact("cores"), 1);
    m->threads = (unsigned)max_u64(fact("threads"), 1);
    m->memory_total = fact("memory");
    m->memory_free = min_u64(fact("memory_free"), m->memory_total);
    if (apple)
        take_chip(t, m);
    return true;
}

enum err machine_read(const char *root, struct arena *a, struct machine *ret_machine,
                      struct why *why)
{
    struct tree t = {.root = root, .arena = a};
    struct machine m = {0};
    if (!ask_system(&t, &m)) {
        cpu_read(&t, &m);
        memory_read(&t, &m);
        groups_bound(&t, &m);
        devices_read(&t, &m);
    }
    tree_fini(&t);
    if (t.failed)
        return why_set(why, ERR_NO_MEMORY, "no memory to look at the machine");
    *ret_machine = m;
    return OK;
}

void machine_memory(const char *root, uint64_t *ret_total, uint64_t *ret_free)
{
    struct arena arena = {0};
    struct tree t = {.root = root, .arena = &arena};
    struct machine m = {0};
    if (!ask_system(&t, &m)) {
        memory_read(&t, &m);
        groups_bound(&t, &m);
    }
    tree_fini(&t);
    arena_fini(&arena);
    *ret_total = m.memory_total;
    *ret_free = m.memory_free;
}

/* ---- telling -------------------------------------------------------------------------------- */

static void put_u64(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, key);
    json_put_u64(w, n);
}

static void put_known(struct json_writer *w, const char *key, uint64_t n, bool known)
{
    json_key(w, key);
    if (known)
        json_put_u64(w, n);
    else
        json_put_null(w);
}

static void put_flavours(struct json_writer *w, const struct device *d)
{
    const struct {
        const char *name;
        bool can;
    } all[] = {{"cuda", d->cuda}, {"hip", d->hip}, {"metal", d->metal}, {"vulkan", d->vulkan}};
    json_key(w, "flavours");
    json_open_array(w);
    for (size_t i = 0; i < COUNT(all); i++) {
        if (all[i].can)
            json_put_text(w, slice_of(all[i].name));
    }
    json_close_array(w);
}

void machine_device_json(const struct device *d, struct json_writer *w)
{
    json_open_object(w);
    json_put_pair(w, "kind", slice_of(device_kind_name(d->kind)));
    json_put_pair(w, "id", slice_of(d->id));
    json_put_pair(w, "name", slice_of(d->name));
    json_put_pair(w, "driver", slice_of(d->driver));
    put_known(w, "memory_total", d->memory_total, d->memory_total);
    put_known(w, "memory_free", d->memory_free, d->memory_total);
    json_key(w, "unified");
    json_put_bool(w, d->unified);
    json_key(w, "usable");
    json_put_bool(w, !*d->trouble);
    put_flavours(w, d);
    json_put_pair(w, "trouble", slice_of(d->trouble));
    json_put_pair(w, "mend", slice_of(d->mend));
    json_put_pair(w, "note", slice_of(d->note));
    json_key(w, "nodes");
    json_open_array(w);
    for (size_t i = 0; i < d->n_nodes; i++)
        json_put_text(w, slice_of(d->nodes[i]));
    json_close_array(w);
    json_close_object(w);
}

void machine_json(const struct machine *m, struct json_writer *w)
{
    json_open_object(w);
    json_put_pair(w, "cpu", slice_of(m->cpu));
    json_put_pair(w, "instructions", slice_of(m->instructions));
    put_u64(w, "cores", m->cores);
    put_u64(w, "threads", m->threads);
    put_u64(w, "memory_total", m->memory_total);
    put_u64(w, "memory_free", m->memory_free);
    json_key(w, "devices");
    json_open_array(w);
    for (size_t i = 0; i < m->n_devices; i++)
        machine_device_json(&m->devices[i], w);
    json_close_array(w);
    json_close_object(w);
}
