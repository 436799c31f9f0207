/* memory: what the machine has, and what of it can be had now. */
#include "machine/inside.h"

#define MOST_MEMINFO 65536u

static uint64_t kb_at(struct slice info, struct slice name)
{
    struct slice value;
    uint64_t bytes = 0;
    return field_of(info, name, &value) && kb_of(value, &bytes) ? bytes : 0;
}

void memory_read(struct tree *t, struct machine *m)
{
    struct text info = {0};
    if (look_file(t, "/proc/meminfo", MOST_MEMINFO, &info)) {
        struct slice s = text_slice(&info);
        m->memory_total = kb_at(s, SLICE("MemTotal"));
        m->memory_free = kb_at(s, SLICE("MemAvailable"));
        if (!m->memory_free) { /* a container's own file may leave it out */
            uint64_t free = kb_at(s, SLICE("MemFree")), cached = kb_at(s, SLICE("Cached"));
            m->memory_free = free > UINT64_MAX - cached ? UINT64_MAX : free + cached;
        }
        m->memory_free = min_u64(m->memory_free, m->memory_total);
    }
    text_fini(&info);
}
