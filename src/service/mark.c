/* mark: how a file of ours is known: its first line says who wrote it, and has the sum of all that
 * stands below. Whoever changes the file breaks the sum, and from then on it is his. */
#include "crypt/crypt.h"
#include "service/inside.h"

#define WORDS "Written by `hearth service install`; `hearth service rm` takes it away. Sum: "

enum err mark_put(const struct service_manager *m, struct slice below, struct text *out)
{
    unsigned char sum[HASH_BYTES];
    enum err e = crypt_sha256(below, sum);
    if (e)
        return e;
    text_format(out, "%s" WORDS, m->before);
    crypt_hex((struct slice){(const char *)sum, sizeof sum}, out);
    text_format(out, "%s\n", m->after);
    return OK;
}

enum service_file mark_read(const struct service_manager *m, struct slice text)
{
    struct text line = {0};
    size_t end = slice_find(text, '\n');
    struct slice first = slice_to(text, min_size(end + 1, text.len));
    text_format(&line, "%s" WORDS, m->before);
    enum service_file is = SERVICE_FOREIGN;
    if (slice_begins(first, text_slice(&line))) {
        text_clear(&line);
        bool same =
            !mark_put(m, slice_from(text, first.len), &line) && slice_is(text_slice(&line), first);
        is = same ? SERVICE_OURS : SERVICE_CHANGED;
    }
    text_fini(&line);
    return is;
}
