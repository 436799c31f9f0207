/* elf: reads the head of a shared library (ELF, 64 bits, little-endian): for which machine
 * it is, and which others it names. Nothing in the file is believed: each offset is checked by the
 * read itself, each count has a limit. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/inside.h"

#define MOST_PARTS 64u     /* of the program header */
#define MOST_DYNAMIC 4096u /* entries */
#define MOST_NEEDS 128u    /* libraries that one names */
#define MOST_NAME 128u
#define HEAD 64u /* bytes; of a part 56, of an entry 16 */
#define PART 56u
#define PART_LOAD 1u
#define PART_DYNAMIC 2u
#define TAG_NEEDED 1u
#define TAG_STRINGS 5u

struct elf {
    int fd;
    unsigned machine;
    unsigned char parts[MOST_PARTS * PART];
    size_t n_parts;
    uint64_t dynamic, dynamic_len;
};

static uint64_t number(const unsigned char *at, unsigned bytes)
{
    uint64_t n = 0;
    for (unsigned i = bytes; i > 0; i--)
        n = n << 8 | at[i - 1];
    return n;
}

static bool read_at(int fd, void *into, size_t bytes, uint64_t at)
{
    return at < INT64_MAX && pread(fd, into, bytes, (off_t)at) == (ssize_t)bytes;
}

static bool read_head(struct elf *e)
{
    static const unsigned char magic[] = {0x7f, 'E', 'L', 'F', 2, 1};
    unsigned char head[HEAD];
    if (!read_at(e->fd, head, sizeof head, 0) || memcmp(head, magic, sizeof magic) != 0)
        return false;
    e->machine = (unsigned)number(head + 18, 2);
    uint64_t at = number(head + 32, 8), each = number(head + 54, 2), n = number(head + 56, 2);
    if (each != PART || n > MOST_PARTS || !read_at(e->fd, e->parts, n * PART, at))
        return true; /* a library, but we cannot tell what it needs */
    e->n_parts = n;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *part = e->parts + i * PART;
        if (number(part, 4) == PART_DYNAMIC) {
            e->dynamic = number(part + 8, 8);
            e->dynamic_len = number(part + 32, 8);
        }
    }
    return true;
}

/* Where in the file that stands which is to stand there in memory. */
static bool place_of(const struct elf *e, uint64_t address, uint64_t *ret_at)
{
    for (size_t i = 0; i < e->n_parts; i++) {
        const unsigned char *part = e->parts + i * PART;
        uint64_t at = number(part + 8, 8), from = number(part + 16, 8), len = number(part + 32, 8);
        if (number(part, 4) != PART_LOAD || address < from || address - from >= len)
            continue;
        return !__builtin_add_overflow(at, address - from, ret_at);
    }
    return false;
}

static const char *name_at(struct tree *t, const struct elf *e, uint64_t strings, uint64_t offset)
{
    char name[MOST_NAME];
    uint64_t at;
    if (__builtin_add_overflow(strings, offset, &at) || at >= INT64_MAX)
        return "";
    ssize_t n = pread(e->fd, name, sizeof name, (off_t)at);
    size_t len = n > 0 ? slice_find((struct slice){name, (size_t)n}, '\0') : 0;
    bool whole = n > 0 && len < (size_t)n && !memchr(name, '/', len);
    return whole ? look_path(t, "%s", name) : "";
}

static void read_needs(struct tree *t, const struct elf *e, struct names *ret)
{
    uint64_t offsets[MOST_NEEDS], strings = 0;
    size_t n = 0;
    for (uint64_t i = 0; i < min_u64(e->dynamic_len / 16, MOST_DYNAMIC); i++) {
        unsigned char entry[16];
        if (!read_at(e->fd, entry, sizeof entry, e->dynamic + i * 16) || !number(entry, 8))
            break;
        if (number(entry, 8) == TAG_STRINGS)
            strings = number(entry + 8, 8);
        else if (number(entry, 8) == TAG_NEEDED && n < MOST_NEEDS)
            offsets[n++] = number(entry + 8, 8);
    }
    const char **names = n ? arena_array(t->arena, const char *, n) : NULL;
    t->failed |= n && !names;
    if (!names || !place_of(e, strings, &strings))
        return;
    for (size_t i = 0; i < n; i++)
        names[i] = name_at(t, e, strings, offsets[i]);
    *ret = (struct names){names, n};
}

void elf_read(struct tree *t, const char *path, struct elf_facts *ret)
{
    char full[PATH_MAX];
    struct stat is;
    *ret = (struct elf_facts){0};
    int len = snprintf(full, sizeof full, "%s%s", t->root, path);
    if (len < 0 || (size_t)len >= sizeof full)
        return;
    struct elf e = {.fd = open(full, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (e.fd < 0)
        return;
    if (fstat(e.fd, &is) == 0 && S_ISREG(is.st_mode) && read_head(&e)) {
        ret->machine = e.machine;
        read_needs(t, &e, &ret->needs);
    }
    close(e.fd);
}
