/* nearest: which setting was meant by a name that is none. */
#include "config/inner.h"

#define LONGEST 64u

/* Insertions, deletions, changes and swaps of neighbours that lead from a to b; more than `most`
 * counts as most + 1. */
size_t config_distance(struct slice a, struct slice b, size_t most)
{
    size_t rows[3][LONGEST + 1];
    if (a.len > LONGEST || b.len > LONGEST)
        return most + 1;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        const size_t *above = rows[(i - 1) % 3], *second = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            bool same = a.ptr[i - 1] == b.ptr[j - 1];
            row[j] = min_size(above[j - 1] + !same, min_size(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[j] = min_size(row[j], second[j - 2] + 1);
        }
    }
    return min_size(rows[a.len % 3][b.len], most + 1);
}

static size_t parts_of(struct slice path)
{
    size_t n = 1;
    for (size_t i = 0; i < path.len; i++)
        n += path.ptr[i] == '.';
    return n;
}

static struct slice first_parts(struct slice path, size_t n)
{
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '.' && --n == 0)
            return slice_to(path, i);
    }
    return path;
}

static struct slice last_part(struct slice path)
{
    size_t i = path.len;
    while (i && path.ptr[i - 1] != '.')
        i--;
    return slice_from(path, i);
}

struct slice config_nearest(struct slice path, const struct row *rows, size_t n)
{
    struct slice best = {0};
    size_t parts = parts_of(path), least = max_size(path.len / 3, 1) + 1;
    if (path.len > LONGEST)
        return best;
    for (size_t i = 0; i < n; i++) {
        struct slice whole = slice_of(rows[i].path), part = first_parts(whole, parts);
        size_t d = config_distance(path, part, least);
        if (d < least) {
            least = d;
            best = part;
        }
        /* the right name in the wrong group */
        if (least > 1 && slice_is(last_part(path), last_part(whole))) {
            least = 1;
            best = whole;
        }
    }
    return best;
}
