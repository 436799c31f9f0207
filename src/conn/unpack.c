/* unpack: a compressed body, taken apart as it comes: gzip (several members are one body) and zstd
 * (several frames are one). It holds no more than the window of what was packed, at most 8 MiB, and
 * that counts against the budget of all bodies. How much comes out is for its caller to bound. */
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "conn/inside.h"

#define GZIP_ONLY 16           /* added to the window's size: neither zlib's frame nor a guess */
#define MOST_WINDOW_LOG 23     /* 8 MiB, what every reader of zstd should take */
#define MOST_ZSTD (9u << 20)   /* with what it needs besides */
#define USUAL_GZIP (64u << 10) /* a window of 32 KiB, and tables */

struct unpack {
    enum coding coding;
    z_stream gzip;
    ZSTD_DStream *zstd;
    struct budget *budget;
    size_t charged;
    bool whole; /* nothing is missing, as far as it has read */
};

enum coding unpack_coding(struct slice name)
{
    if (slice_is_nocase(name, SLICE("gzip")) || slice_is_nocase(name, SLICE("x-gzip")))
        return CODING_GZIP;
    return slice_is_nocase(name, SLICE("zstd")) ? CODING_ZSTD : CODING_NONE;
}

static void *take(void *nothing, unsigned n, unsigned size)
{
    size_t bytes;
    (void)nothing;
    return __builtin_mul_overflow((size_t)n, (size_t)size, &bytes) ? NULL : mem_alloc(bytes);
}

static void give(void *nothing, void *p)
{
    (void)nothing;
    mem_free(p);
}

static void charge(struct unpack *u, size_t bytes)
{
    u->budget->used = u->budget->used - u->charged + bytes;
    u->charged = bytes;
}

struct unpack *unpack_new(enum coding coding, struct budget *budget)
{
    struct unpack *u = mem_new(struct unpack);
    bool made = false;
    if (!u)
        return NULL;
    u->coding = coding;
    u->budget = budget;
    if (coding == CODING_GZIP) {
        u->gzip.zalloc = take;
        u->gzip.zfree = give;
        made = inflateInit2(&u->gzip, MAX_WBITS + GZIP_ONLY) == Z_OK;
    } else {
        u->zstd = ZSTD_createDStream();
        made = u->zstd &&
               !ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, MOST_WINDOW_LOG));
    }
    if (made)
        return u;
    unpack_free(u);
    return NULL;
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    if (u->coding == CODING_GZIP)
        inflateEnd(&u->gzip);
    ZSTD_freeDStream(u->zstd);
    charge(u, 0);
    mem_free(u);
}

bool unpack_may(const struct unpack *u)
{
    size_t needs = u->coding == CODING_GZIP ? USUAL_GZIP : MOST_ZSTD;
    size_t most = u->budget->most;
    return u->charged || min_size(needs, most) <= most - min_size(u->budget->used, most);
}

/* ---- one piece ------------------------------------------------------------------------------ */

static enum err step_gzip(struct unpack *u, struct slice *in, struct piece *out)
{
    z_stream *z = &u->gzip;
    if (u->whole && in->len && inflateReset(z) != Z_OK)
        return ERR_BAD_REQUEST;
    if (u->whole && !in->len)
        return OK;
    u->whole = false;
    z->next_in = (unsigned char *)(uintptr_t)in->ptr;
    z->avail_in = (unsigned)min_size(in->len, 1u << 20);
    z->next_out = (unsigned char *)out->room;
    z->avail_out = (unsigned)out->size;
    size_t given = z->avail_in;
    int result = inflate(z, Z_NO_FLUSH);
    *in = slice_from(*in, given - z->avail_in);
    out->len = out->size - z->avail_out;
    u->whole = result == Z_STREAM_END;
    charge(u, USUAL_GZIP);
    if (result == Z_MEM_ERROR)
        return ERR_NO_MEMORY;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? OK : ERR_BAD_REQUEST;
}

static enum err step_zstd(struct unpack *u, struct slice *in, struct piece *out)
{
    ZSTD_inBuffer from = {in->ptr, in->len, 0};
    ZSTD_outBuffer to = {out->room, out->size, 0};
    if (u->whole && !in->len)
        return OK;
    size_t result = ZSTD_decompressStream(u->zstd, &to, &from);
    *in = slice_from(*in, from.pos);
    out->len = to.pos;
    charge(u, ZSTD_sizeof_DStream(u->zstd));
    if (ZSTD_isError(result)) /* also where it wants a larger window */
        return ERR_BAD_REQUEST;
    u->whole = result == 0;
    return OK;
}

enum err unpack_step(struct unpack *u, struct slice *in, struct piece *out)
{
    out->len = 0;
    return u->coding == CODING_GZIP ? step_gzip(u, in, out) : step_zstd(u, in, out);
}

bool unpack_is_whole(const struct unpack *u)
{
    return u->whole;
}
