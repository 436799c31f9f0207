/* Compressed bodies. What is whole is the same however its bytes are cut; what it holds is given
 * back; and it always comes to an end. The first byte says which of the two it is. */
#include "conn/inside.h"

#include "fuzz.h"

#define MOST_MADE (4u << 20) /* a caller has a limit, too */

struct made {
    struct text bytes;
    enum err end;
    bool whole;
};

static struct made unpack_all(enum coding coding, struct slice in, size_t cut)
{
    struct made m = {0};
    struct budget budget = {.most = 64u << 20};
    struct unpack *u = unpack_new(coding, &budget);
    MUST(u && unpack_may(u));
    struct slice parts[] = {slice_to(in, cut), slice_from(in, cut)};
    for (size_t i = 0; i < COUNT(parts) && !m.end && m.bytes.len < MOST_MADE; i++) {
        struct slice part = parts[i];
        size_t before;
        struct piece piece;
        do {
            char room[4096];
            before = part.len;
            piece = (struct piece){room, sizeof room, 0};
            m.end = unpack_step(u, &part, &piece);
            text_add(&m.bytes, (struct slice){room, piece.len});
            MUST(part.len <= before && piece.len <= sizeof room);
            MUST(budget.used <= (9u << 20));
        } while (!m.end && m.bytes.len < MOST_MADE && (piece.len || part.len < before));
        MUST(m.end || m.bytes.len >= MOST_MADE || !part.len);
    }
    m.whole = !m.end && unpack_is_whole(u);
    unpack_free(u);
    MUST(budget.used == 0);
    return m;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    enum coding coding = data[0] & 1 ? CODING_ZSTD : CODING_GZIP;
    struct slice in = {(const char *)data + 1, size - 1};
    struct made one = unpack_all(coding, in, in.len), two = unpack_all(coding, in, fuzz_cut(in));
    /* a frame that lies about its size is bad to zstd only when it has all of it at once */
    if (one.whole && two.whole)
        MUST(slice_is(text_slice(&one.bytes), text_slice(&two.bytes)));
    text_fini(&one.bytes);
    text_fini(&two.bytes);
    return 0;
}
