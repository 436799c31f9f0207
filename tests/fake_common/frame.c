/* Requests as bytes: heads, lengths and chunks; nothing of sockets. */
#include "fake_common/frame.h"

#include <stdlib.h>

struct slice frame_header(struct slice head, struct slice name)
{
    struct slice line;
    while (slice_split(&head, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        if (colon == name.len && slice_is_nocase(slice_to(line, colon), name)) {
            line = slice_trim(slice_from(line, colon + 1));
            return slice_ends(line, SLICE("\r")) ? slice_to(line, line.len - 1) : line;
        }
    }
    return (struct slice){0};
}

/* Takes the chunks apart; whole is set when the last one is there. */
static void read_chunks(struct slice in, struct frame *f)
{
    size_t at = f->body_at;
    for (;;) {
        size_t end = at + slice_find(slice_from(in, at), '\n');
        if (end >= in.len)
            return;
        size_t n = strtoul(in.ptr + at, NULL, 16);
        if (n > FRAME_LARGEST || end + 1 + n + 2 > in.len)
            return;
        text_add(&f->body, slice_to(slice_from(in, end + 1), n));
        at = end + 1 + n + 2;
        if (n == 0)
            break;
    }
    f->end = at;
    f->whole = true;
}

bool frame_find(struct slice in, struct frame *f)
{
    const char *end = in.len ? memmem(in.ptr, in.len, "\r\n\r\n", 4) : NULL;
    if (!end)
        return false;
    f->body_at = (size_t)(end - in.ptr) + 4;
    f->head = slice_to(in, f->body_at);
    struct slice length = frame_header(f->head, SLICE("content-length"));
    f->chunked = frame_header(f->head, SLICE("transfer-encoding")).len > 0;
    uint64_t n = 0;
    if (f->chunked) {
        read_chunks(in, f);
    } else {
        if (length.len && !slice_u64(length, &n))
            n = 0;
        f->end = f->body_at + n;
        f->whole = in.len >= f->end;
    }
    return true;
}

uint64_t frame_hash(struct slice s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
    return h ? h : 1;
}

void frame_base64(struct slice s, struct text *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.len; i += 3) {
        size_t left = s.len - i;
        uint32_t v = (uint32_t)(unsigned char)s.ptr[i] << 16;
        if (left > 1)
            v |= (uint32_t)(unsigned char)s.ptr[i + 1] << 8;
        if (left > 2)
            v |= (unsigned char)s.ptr[i + 2];
        text_byte(out, digits[v >> 18 & 63]);
        text_byte(out, digits[v >> 12 & 63]);
        text_byte(out, left > 1 ? digits[v >> 6 & 63] : '=');
        text_byte(out, left > 2 ? digits[v & 63] : '=');
    }
}
