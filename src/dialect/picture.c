/* picture: what may be sent along as a picture, judged by the first bytes of its file, without
 * unpacking it: an engine's reader of pictures is no place for surprises. It says how large a
 * picture is, and refuses what would not fit in memory, or what no engine should have to read.
 * Whatever is wrong, the words are the same. */
#include "dialect/openai_chat.h"

#define MOST_PIXELS 50000000u
#define MOST_SEGMENTS 512u /* of a JPEG before its size is told */

struct file { /* in base64, read here and there */
    struct slice coded;
};

struct size {
    uint32_t width, height;
};

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* False: it ends before, or is not base64 there. */
static bool read_byte(const struct file *f, size_t at, unsigned char *ret)
{
    size_t place = at / 3 * 4 + at % 3, shift = at % 3 * 2;
    if (place + 1 >= f->coded.len)
        return false;
    int a = value_of(f->coded.ptr[place]), b = value_of(f->coded.ptr[place + 1]);
    if (a < 0 || b < 0)
        return false;
    *ret = (unsigned char)((unsigned)a << (2 + shift) | (unsigned)b >> (4 - shift));
    return true;
}

static bool read_bytes(const struct file *f, size_t at, unsigned char *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!read_byte(f, at + i, to + i))
            return false;
    }
    return true;
}

static bool has(const struct file *f, size_t at, const char *bytes, size_t n)
{
    unsigned char found[16];
    return n <= sizeof found && read_bytes(f, at, found, n) && memcmp(found, bytes, n) == 0;
}

static uint32_t big(const unsigned char *b, unsigned n)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v = v << 8 | b[i];
    return v;
}

static uint32_t little(const unsigned char *b, unsigned n)
{
    uint32_t v = 0;
    for (unsigned i = n; i > 0; i--)
        v = v << 8 | b[i - 1];
    return v;
}

/* ---- formats -------------------------------------------------------------------------------- */

static bool read_png(const struct file *f, struct size *s)
{
    unsigned char b[8];
    if (!has(f, 0, "\x89PNG\r\n\x1a\n", 8) || !has(f, 8, "\0\0\0\rIHDR", 8) ||
        !read_bytes(f, 16, b, 8))
        return false;
    *s = (struct size){big(b, 4), big(b + 4, 4)};
    return true;
}

static bool read_gif(const struct file *f, struct size *s)
{
    unsigned char b[4];
    if ((!has(f, 0, "GIF87a", 6) && !has(f, 0, "GIF89a", 6)) || !read_bytes(f, 6, b, 4))
        return false;
    *s = (struct size){little(b, 2), little(b + 2, 2)};
    return true;
}

static bool read_webp(const struct file *f, struct size *s)
{
    unsigned char b[10];
    if (!has(f, 0, "RIFF", 4) || !has(f, 8, "WEBP", 4) || !read_bytes(f, 20, b, 10))
        return false;
    if (has(f, 12, "VP8X", 4)) {
        *s = (struct size){little(b + 4, 3) + 1, little(b + 7, 3) + 1};
    } else if (has(f, 12, "VP8L", 4) && b[0] == 0x2f) {
        uint32_t bits = little(b + 1, 4);
        *s = (struct size){(bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1};
    } else if (has(f, 12, "VP8 ", 4) && memcmp(b + 3, "\x9d\x01\x2a", 3) == 0) {
        *s = (struct size){little(b + 6, 2) & 0x3fff, little(b + 8, 2) & 0x3fff};
    } else {
        return false;
    }
    return true;
}

static bool is_frame(unsigned char marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* Grey or three colours, of eight bits: what cameras and programs write. */
static bool read_jpeg(const struct file *f, struct size *s)
{
    unsigned char b[8];
    size_t at = 2;
    if (!has(f, 0, "\xff\xd8\xff", 3))
        return false;
    for (unsigned i = 0; i < MOST_SEGMENTS; i++) {
        if (!read_bytes(f, at, b, 4) || b[0] != 0xff)
            return false;
        if (b[1] == 0xff) { /* filling */
            at++;
            continue;
        }
        if (is_frame(b[1])) {
            if (!read_bytes(f, at + 4, b, 6) || b[0] != 8 || (b[5] != 1 && b[5] != 3))
                return false;
            *s = (struct size){big(b + 3, 2), big(b + 1, 2)};
            return true;
        }
        size_t len = big(b + 2, 2);
        bool table = b[1] >= 0xe0 || b[1] == 0xc4 || b[1] == 0xcc || b[1] == 0xdb || b[1] == 0xdd;
        if (!table || len < 2)
            return false; /* its data, or its end, and no size yet */
        at += 2 + len;
    }
    return false;
}

static bool is_picture(struct slice coded)
{
    struct file f = {coded};
    struct size s = {0};
    if (!read_png(&f, &s) && !read_jpeg(&f, &s) && !read_webp(&f, &s) && !read_gif(&f, &s))
        return false;
    return s.width && s.height && (uint64_t)s.width * s.height <= MOST_PIXELS;
}

static bool is_sound(struct slice coded)
{
    struct file f = {coded};
    return (has(&f, 0, "RIFF", 4) && has(&f, 8, "WAVE", 4)) || has(&f, 0, "ID3", 3) ||
           has(&f, 0, "\xff\xfb", 2) || has(&f, 0, "\xff\xf3", 2) || has(&f, 0, "\xff\xf2", 2) ||
           has(&f, 0, "fLaC", 4);
}

/* ---- where they stand ------------------------------------------------------------------------ */

static enum err refuse(struct why *why, const char *param)
{
    return why_param(why, ERR_BAD_VALUE, param,
                     "a picture must be a whole PNG, JPEG, WebP or GIF of %u megapixels at most",
                     MOST_PIXELS / 1000000);
}

static bool begins_nocase(struct slice s, struct slice with)
{
    return slice_is_nocase(slice_to(s, min_size(s.len, with.len)), with);
}

enum err picture_judge(struct slice url, const char *param, bool *ret_remote, struct why *why)
{
    size_t comma = slice_find(url, ',');
    *ret_remote = begins_nocase(url, SLICE("https://")) || begins_nocase(url, SLICE("http://"));
    if (*ret_remote)
        return OK;
    if (!begins_nocase(url, SLICE("data:")))
        return why_param(why, ERR_BAD_VALUE, param,
                         "a picture is a data: URI, or lies at a http or https address");
    if (comma == url.len || !slice_ends(slice_to(url, comma), SLICE(";base64")) ||
        !is_picture(slice_from(url, comma + 1)))
        return refuse(why, param);
    return OK;
}

enum err picture_judge_bare(struct slice coded, const char *param, struct why *why)
{
    return is_picture(coded) || is_sound(coded) ? OK : refuse(why, param);
}
