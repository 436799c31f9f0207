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

bool library_looks_same(const struct library_model *a, const struct library_model *b)
{
    if (a->bytes != b->bytes || (a->digest[0] && b->digest[0]))
        return false;
    int one = open_file(a->file), two = open_file(b->file);
    char *room = mem_alloc(2 * END);
    off_t size = one >= 0 ? lseek(one, 0, SEEK_END) : -1;
    /* of a model in parts that is the first one */
    bool same = room && size > 0 && two >= 0 && lseek(two, 0, SEEK_END) == size &&
                is_alike(one, two, (uint64_t)size, room);
    mem_free(room);
    if (one >= 0)
        close(one);
    if (two >= 0)
        close(two);
    return same;
}

/* Does an earlier one have these bytes, in a file of its own? */
static bool is_double(const struct library *l, size_t i, bool look)
{
    const struct library_model *m = &l->models[i];
    bool twice = false;
    for (size_t k = 0; k < i; k++) {
        const struct library_model *other = &l->models[k];
        if (library_is_one_file(m, other))
            return false;
        bool stated = m->digest[0] && strcmp(m->digest, other->digest) == 0;
        twice |= stated || (look && !twice && library_looks_same(m, other));
    }
    return twice;
}

uint64_t library_twice(const struct library *l, bool look, size_t *ret_models)
{
    uint64_t bytes = 0;
    *ret_models = 0;
    for (size_t i = 1; i < l->n; i++) {
        if (!is_double(l, i, look))
            continue;
        bytes += l->models[i].bytes;
        ++*ret_models;
    }
    return bytes;
}
