/* merge: our parts in a text of somebody else's, by the byte. What a format means is not known
 * here. */
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "connect/inside.h"

struct slice merge_eol(struct slice text)
{
    size_t end = slice_find(text, '\n');
    return end < text.len && end && text.ptr[end - 1] == '\r' ? SLICE("\r\n") : SLICE("\n");
}

bool merge_is_blank(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!text.ptr[i] || !strchr(" \t\r\n", text.ptr[i]))
            return false;
    }
    return true;
}

void put_quoted(struct text *out, const char *s)
{
    struct json_writer w = json_writer(out);
    json_put_text(&w, slice_of(s));
}

enum err merge_put(struct connect_plan *p, struct slice text, const struct put *puts, size_t n,
                   struct why *why)
{
    struct text out = {0};
    size_t at = 0;
    assert(n <= CONNECT_PARTS);
    for (size_t i = 0; i < n; i++) {
        text_add(&out, slice_to(slice_from(text, at), puts[i].at - at));
        text_add(&out, puts[i].part);
        at = puts[i].at;
        p->parts[i] = arena_dup(&p->arena, puts[i].part);
        out.failed |= !p->parts[i].ptr;
    }
    p->n = n;
    text_add(&out, slice_from(text, at));
    p->after = arena_dup(&p->arena, text_slice(&out));
    bool failed = out.failed || !p->after.ptr;
    text_fini(&out);
    return failed ? why_set(why, ERR_NO_MEMORY, "no memory for the file") : OK;
}

/* Where `part` begins; text.len: nowhere, or not once only. */
static size_t find_once(struct slice text, struct slice part)
{
    size_t found = text.len;
    for (size_t at = 0; part.len && at + part.len <= text.len; at++) {
        if (memcmp(text.ptr + at, part.ptr, part.len) != 0)
            continue;
        if (found < text.len)
            return text.len;
        found = at;
    }
    return found;
}

bool merge_cut(struct slice text, const struct slice *parts, size_t n, struct text *out)
{
    text_add(out, text);
    for (size_t i = 0; i < n; i++) {
        struct slice now = text_slice(out);
        size_t at = find_once(now, parts[i]);
        if (at == now.len || out->failed)
            return false;
        memmove(out->ptr + at, out->ptr + at + parts[i].len, now.len - at - parts[i].len);
        out->len -= parts[i].len;
    }
    return n && !out->failed;
}

enum err merge_refuse(struct connect_plan *p, struct slice by_hand, struct why *why,
                      const char *format, ...)
{
    char words[sizeof why->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    text_clear(&p->steps);
    text_format(&p->steps, "What is to be put into %s by hand:\n\n%.*s", p->path,
                SLICE_ARG(by_hand));
    p->after = (struct slice){0};
    p->n = 0;
    return why_set(why, ERR_CONFIG, "%s", words);
}

bool any_reads(struct slice text)
{
    return text.ptr != NULL;
}
