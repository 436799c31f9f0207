/* names: from files to models and what they are called. Names that may be asked for hold letters,
 * digits and - _ . : / @ + and begin with a letter or a digit: the rule of room config. */
#include <stdio.h>
#include <sys/stat.h>

#include "library/inside.h"

#define MOST_NAME 128u
#define PARTS_TAIL 15u /* of NAME-00001-of-00003, what follows NAME */
#define MOST_PARTS 999u
#define MOST_ALIASES 8u

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c);
}

static bool holds(struct slice s, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.len; i++) {
        if (slice_is_nocase((struct slice){s.ptr + i, n}, slice_of(word)))
            return true;
    }
    return false;
}

/* ---- what a file's name says ---------------------------------------------------------------- */

static bool ends_gguf(struct slice name)
{
    return name.len > 5 && slice_is_nocase(slice_from(name, name.len - 5), SLICE(".gguf"));
}

/* NAME-00001-of-00003: which one, of how many; false: it is whole. */
static bool part_of(struct slice stem, uint64_t *ret_part, uint64_t *ret_parts)
{
    if (stem.len <= PARTS_TAIL)
        return false;
    struct slice tail = slice_from(stem, stem.len - PARTS_TAIL);
    bool is = tail.ptr[0] == '-' && memcmp(tail.ptr + 6, "-of-", 4) == 0 &&
              slice_u64((struct slice){tail.ptr + 1, 5}, ret_part) &&
              slice_u64(slice_from(tail, 10), ret_parts);
    return is && *ret_part >= 1 && *ret_part <= *ret_parts && *ret_parts <= MOST_PARTS;
}

struct slice library_stem(struct slice name)
{
    uint64_t part, parts;
    struct slice stem = ends_gguf(name) ? slice_to(name, name.len - 5) : name;
    return part_of(stem, &part, &parts) ? slice_to(stem, stem.len - PARTS_TAIL) : stem;
}

bool library_is_mmproj(const char *name)
{
    return ends_gguf(slice_of(name)) && holds(slice_of(name), "mmproj");
}

bool library_is_gguf(const char *name)
{
    struct slice s = slice_of(name);
    uint64_t part = 1, parts;
    if (!ends_gguf(s) || library_is_mmproj(name))
        return false;
    (void)part_of(slice_to(s, s.len - 5), &part, &parts);
    return part == 1;
}

/* Q4_K_M IQ3_XXS TQ1_0 UD-Q4_K_XL F16 BF16 FP16 F32 MXFP4 */
static bool is_quant(struct slice s)
{
    static const char *const whole[] = {"F16", "BF16", "FP16", "F32", "MXFP4"};
    for (size_t i = 0; i < COUNT(whole); i++) {
        if (slice_is_nocase(s, slice_of(whole[i])))
            return true;
    }
    size_t q = s.len && lower(s.ptr[0]) != 'q';
    return s.len > q + 1 && s.len <= 12 &&
           (!q || lower(s.ptr[0]) == 'i' || lower(s.ptr[0]) == 't') && lower(s.ptr[q]) == 'q' &&
           is_digit(s.ptr[q + 1]);
}

struct slice library_quant(struct slice stem)
{
    for (size_t i = stem.len; i-- > 1;) {
        char before = stem.ptr[i - 1];
        if (before != '-' && before != '.')
            continue;
        struct slice s = slice_from(stem, i);
        if (!is_quant(s))
            return (struct slice){0};
        bool dynamic = i >= 4 && slice_is_nocase((struct slice){stem.ptr + i - 3, 3}, SLICE("UD-"));
        return dynamic ? slice_from(stem, i - 3) : s;
    }
    return (struct slice){0};
}

/* ---- models --------------------------------------------------------------------------------- */

/* As room config takes paths: another one would make the configuration invalid. */
static bool is_usable(struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        if ((unsigned char)path.ptr[i] < ' ' || path.ptr[i] == 0x7f)
            return false;
    }
    return path.len <= 4000;
}

/* A file that goes with a model; "" where it is not there: the model answers without it. */
static const char *beside(const char *file)
{
    struct stat st;
    bool there = file && is_usable(slice_of(file)) && stat(file, &st) == 0 && S_ISREG(st.st_mode);
    return there ? file : "";
}

/* All parts of it; false: it is no regular file, or one is missing. */
static bool measure(const char *file, struct library_model *m)
{
    struct slice name = slice_of(file);
    uint64_t part = 0, parts = 1;
    struct stat st;
    char path[4200];
    bool whole = !ends_gguf(name) || !part_of(slice_to(name, name.len - 5), &part, &parts);
    if (!is_usable(name) || stat(file, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 4)
        return false;
    m->bytes = (uint64_t)st.st_size;
    m->device = (uint64_t)st.st_dev;
    m->inode = (uint64_t)st.st_ino;
    for (uint64_t i = 2; !whole && i <= parts; i++) {
        size_t stem = name.len - 5 - PARTS_TAIL;
        int n = snprintf(path, sizeof path, "%.*s-%05u-of-%05u.gguf", (int)stem, file, (unsigned)i,
                         (unsigned)parts);
        if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
            return false;
        m->bytes += (uint64_t)st.st_size;
    }
    return true;
}

static const char *kept(struct looking *l, const char *s)
{
    const char *copy = arena_cstr(l->arena, s ? slice_of(s) : SLICE(""));
    l->failed |= !copy;
    return copy;
}

/* Several names of one file take its room once. */
static uint64_t new_bytes(const struct looking *l, const struct library_model *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (library_is_one_file(&l->models[i], m))
            return 0;
    }
    return m->bytes;
}

struct library_model *library_add(struct looking *l, struct library_place *place,
                                  const struct find *f)
{
    struct library_model m = {.store = f->store};
    if (l->failed || !measure(f->file, &m))
        return NULL;
    if (l->n == LIBRARY_MOST) {
        l->more = true;
        return NULL;
    }
    if (!l->models)
        l->models = arena_array(l->arena, struct library_model, LIBRARY_MOST);
    struct slice *aliases = arena_array(l->arena, struct slice, MOST_ALIASES);
    l->failed |= !l->models || !aliases;
    m.aliases = aliases;
    m.file = kept(l, f->file);
    m.mmproj = kept(l, beside(f->mmproj));
    m.lora = kept(l, f->lora);
    m.digest = kept(l, f->digest);
    m.same_as = m.looks_as = l->n;
    if (l->failed)
        return NULL;
    place->models++;
    place->bytes += new_bytes(l, &m, l->n);
    l->models[l->n] = m;
    return &l->models[l->n++];
}

void library_drop(struct looking *l, struct library_place *place)
{
    place->models--;
    l->n--;
    place->bytes -= new_bytes(l, &l->models[l->n], l->n);
}

/* What a name says of what the model is for; nothing: it chats. */
static void judge(struct library_model *m, struct slice name)
{
    static const char *const words[] = {"-embed", "embedding", "embed-", "bge-", "minilm"};
    m->ranks |= holds(name, "rerank");
    for (size_t i = 0; i < COUNT(words); i++)
        m->embeds |= holds(name, words[i]);
    m->embeds &= !m->ranks;
}

bool library_name(struct looking *l, struct library_model *m, struct slice name)
{
    while (name.len && !is_plain(name.ptr[0]))
        name = slice_from(name, 1);
    if (!name.len || name.len > MOST_NAME || slice_begins(name, SLICE("model/")) ||
        slice_begins(name, SLICE("role/")) || m->n_aliases == MOST_ALIASES)
        return false;
    char *made = arena_cstr(l->arena, name);
    l->failed |= !made;
    for (char *c = made; c && *c; c++) {
        if (!is_plain(*c) && !strchr("-_.:/@+", *c))
            *c = '-';
    }
    if (!made)
        return false;
    judge(m, name);
    if (!m->name) {
        m->name = made;
        return true;
    }
    /* it is ours, and const for the others */
    struct slice *aliases = (struct slice *)(uintptr_t)m->aliases;
    aliases[m->n_aliases++] = (struct slice){made, name.len};
    return true;
}
