/* cpu: the processor's name, what it can, and how much of it is ours. */
#include "machine/inside.h"

#define MOST_CPUINFO 65536u /* the first processor's part is in it; the others are alike */
#define MOST_PROCESSORS 4096u

/* ---- what it can ---- */

/* What engines have code for, the best first; all words must be among the processor's own. */
static const struct instructions {
    const char *name, *words;
} instructions[] = {
    {"AMX", "avx512f avx512bw avx512vl avx512_vnni amx_tile amx_int8"},
    {"AVX-512", "avx512f avx512cd avx512bw avx512dq avx512vl"},
    {"AVX2", "avx2 fma f16c bmi2"},
    {"AVX", "avx"},
    {"SSE4.2", "sse4_2"},
    {"SSE2", "sse2"},
    {"SVE2", "asimd sve2"},
    {"SVE", "asimd sve"},
    {"NEON with I8MM", "asimd i8mm"},
    {"NEON with dot product", "asimd asimddp"},
    {"NEON", "asimd"},
    {"NEON", "neon"},
};

static bool has_word(struct slice words, struct slice word)
{
    for (struct slice one; slice_split(&words, ' ', &one);) {
        if (slice_is(one, word))
            return true;
    }
    return false;
}

static bool has_all(struct slice words, struct slice wanted)
{
    for (struct slice one; slice_split(&wanted, ' ', &one);) {
        if (!has_word(words, one))
            return false;
    }
    return true;
}

static const char *best_of(struct slice words)
{
    for (size_t i = 0; i < COUNT(instructions); i++) {
        if (has_all(words, slice_of(instructions[i].words)))
            return instructions[i].name;
    }
    return "unknown";
}

/* ---- its name ---- */

/* "Intel(R) Core(TM) i7" without what its makers' lawyers put in. */
static const char *plain_name(struct tree *t, struct slice name)
{
    static const struct slice marks[] = {{"(R)", 3}, {"(r)", 3}, {"(TM)", 4}, {"(tm)", 4}};
    struct text plain = {0};
    while (name.len) {
        size_t skip = 0;
        for (size_t i = 0; i < COUNT(marks); i++)
            skip = slice_begins(name, marks[i]) ? marks[i].len : skip;
        if (!skip)
            text_byte(&plain, name.ptr[0]);
        name = slice_from(name, max_size(skip, 1));
    }
    const char *kept = look_word(t, text_slice(&plain));
    t->failed |= plain.failed;
    text_fini(&plain);
    return kept;
}

static const char *board_name(struct tree *t)
{
    struct text model = {0}; /* ends in a NUL */
    const char *name = "";
    if (look_file(t, "/proc/device-tree/model", 256, &model))
        name = look_word(t, slice_to(text_slice(&model), slice_find(text_slice(&model), '\0')));
    text_fini(&model);
    return name;
}

/* ---- how much of it ---- */

struct set {
    unsigned char bits[MOST_PROCESSORS / 8];
};

static bool set_has(const struct set *s, uint64_t i)
{
    return i < MOST_PROCESSORS && s->bits[i / 8] & (1u << (i % 8));
}

/* "0-3,8,10-11"; false when it is none such, or empty. */
static bool set_read(struct slice words, struct set *ret_set)
{
    struct set s = {0};
    bool any = false;
    for (struct slice part; slice_split(&words, ',', &part);) {
        uint64_t first, last;
        size_t dash = slice_find(part, '-');
        if (!slice_u64(slice_trim(slice_to(part, dash)), &first))
            return false;
        last = first;
        if (dash < part.len && !slice_u64(slice_trim(slice_from(part, dash + 1)), &last))
            return false;
        for (uint64_t i = first; i <= last && i < MOST_PROCESSORS; i++, any = true)
            s.bits[i / 8] |= (unsigned char)(1u << (i % 8));
    }
    *ret_set = s;
    return any;
}

/* The processors that this process may use; else those that there are. */
static bool find_ours(struct tree *t, struct set *ret_set)
{
    struct text status = {0};
    struct slice list;
    bool found = look_file(t, "/proc/self/status", 65536, &status) &&
                 field_of(text_slice(&status), SLICE("Cpus_allowed_list"), &list) &&
                 set_read(list, ret_set);
    text_fini(&status);
    struct set online;
    bool known = set_read(slice_of(look_line(t, "/sys/devices/system/cpu/online")), &online);
    for (size_t i = 0; found && known && i < sizeof online.bits; i++)
        ret_set->bits[i] &= online.bits[i];
    if (!found && known)
        *ret_set = online;
    return found || known;
}

/* Is no smaller one of ours on the same core? */
static bool begins_core(struct tree *t, const struct set *ours, unsigned i)
{
    struct set same;
    const char *path =
        look_path(t, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", i);
    if (!set_read(slice_of(look_line(t, path)), &same))
        return true;
    for (unsigned k = 0; k < i; k++) {
        if (set_has(&same, k) && set_has(ours, k))
            return false;
    }
    return true;
}

void cpu_read(struct tree *t, struct machine *m)
{
    struct text info = {0};
    struct slice value = {0};
    m->cpu = "";
    m->instructions = "unknown";
    look_file(t, "/proc/cpuinfo", MOST_CPUINFO, &info);
    if (field_of(text_slice(&info), SLICE("model name"), &value))
        m->cpu = plain_name(t, value);
    if (!*m->cpu)
        m->cpu = board_name(t);
    if (!*m->cpu)
        m->cpu = "a processor without a name";
    if (field_of(text_slice(&info), SLICE("flags"), &value) ||
        field_of(text_slice(&info), SLICE("Features"), &value))
        m->instructions = best_of(value);
    text_fini(&info);
    struct set ours;
    bool known = find_ours(t, &ours);
    m->cores = m->threads = 0;
    for (unsigned i = 0; known && i < MOST_PROCESSORS; i++) {
        m->threads += set_has(&ours, i);
        m->cores += set_has(&ours, i) && begins_core(t, &ours, i);
    }
    m->threads = m->threads ? m->threads : 1;
    m->cores = m->cores ? m->cores : m->threads;
}
