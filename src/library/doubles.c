/* doubles: bytes that lie on the disk twice. A store that states digests is believed; where one
 * states none, two files of the same size are looked at, at both ends. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/mem.h"
#include "library/inside.h"

#define END (1u << 20)

static bool read_at(int fd, char *into, size_t n, uint64_t at)
{
    while (n) {
        ssize_t got = pread(fd, into, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        into += got;
        n -= (size_t)got;
        at += (size_t)got;
    }
    return true;
}

static int open_file(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* room: for one end of each. */
static bool is_alike(int a, int b, uint64_t bytes, char *room)
{
    size_t n = (size_t)min_u64(bytes, END);
    for (unsigned end = 0; end < 2; end++) {
        uint64_t at = end ? bytes - n : 0;
        if (!read_at(a, room, n, at) || !read_at(b, room + END, n, at) ||
            memcmp(room, room + END, n) != 0)
            return false;
    }
    return true;
}

/* room: for one end of each. Of a model in parts the first ones are compared. */
static bool looks_same(const struct library_model *a, const struct library_model *b, char *room)
{
    int one = open_file(a->file), two = open_file(b->file);
    off_t size = one >= 0 ? lseek(one, 0, SEEK_END) : -1;
    bool same = size > 0 && two >= 0 && lseek(two, 0, SEEK_END) == size &&
                is_alike(one, two, (uint64_t)size, room);
    if (one >= 0)
        close(one);
    if (two >= 0)
        close(two);
    return same;
}

static bool may_be_same(const struct library_model *a, const struct library_model *b)
{
    bool both_stated = a->digest[0] && b->digest[0];
    return a->bytes == b->bytes && !both_stated && !library_is_one_file(a, b);
}

void library_compare(struct library *l)
{
    char *room = mem_alloc(2 * END);
    for (size_t i = 1; room && i < l->n; i++) {
        for (size_t k = 0; k < i && l->models[i].looks_as == i; k++) {
            if (l->models[k].looks_as == k && may_be_same(&l->models[i], &l->models[k]) &&
                looks_same(&l->models[i], &l->models[k], room))
                l->models[i].looks_as = k;
        }
    }
    mem_free(room);
}

/* Does an earlier one have these bytes, in a file of its own? */
static bool is_double(const struct library *l, size_t i)
{
    const struct library_model *m = &l->models[i];
    bool twice = m->looks_as != i;
    for (size_t k = 0; k < i; k++) {
        if (library_is_one_file(m, &l->models[k]))
            return false;
        twice |= m->digest[0] && strcmp(m->digest, l->models[k].digest) == 0;
    }
    return twice;
}

uint64_t library_twice(const struct library *l)
{
    uint64_t bytes = 0;
    for (size_t i = 1; i < l->n; i++)
        bytes += is_double(l, i) ? l->models[i].bytes : 0;
    return bytes;
}
