/* Reading one streamed answer: head, chunks, events, and the judgement of each event. */
#include <stdlib.h>

#include "load.h"

static void wrong(struct reader *r, const char *what, struct slice seen)
{
    if (!r->wrong)
        snprintf(r->why, sizeof(r->why), "%s: %.*s", what, (int)min_size(seen.len, 80), seen.ptr);
    r->wrong = true;
}

/* One event with content must say `NONCE.NUMBER `, in order. */
static void judge(struct reader *r, struct slice event)
{
    static const char key[] = "\"content\":\"";
    if (slice_begins(event, SLICE("data: [DONE]"))) {
        r->done = true;
        return;
    }
    const char *at = memmem(event.ptr, event.len, key, sizeof(key) - 1);
    struct slice said = at ? slice_from(event, (size_t)(at - event.ptr) + sizeof(key) - 1) : event;
    if (!slice_begins(event, SLICE("data: ")) || memmem(event.ptr, event.len, "\"error\"", 7))
        wrong(r, "event", event);
    if (!at || said.ptr[0] == '"')
        return; /* role, finish, usage */
    char expected[64];
    snprintf(expected, sizeof(expected), "%s.%u ", r->nonce, r->events);
    if (!slice_begins(said, slice_of(expected))) {
        r->mixed |= !slice_begins(said, slice_of(r->nonce));
        wrong(r, "not in order", said);
    }
    r->events++;
}

static void take_body(struct reader *r, struct slice bytes)
{
    text_add(&r->event, bytes);
    size_t from = 0;
    const char *end;
    while ((end = memmem(r->event.ptr + from, r->event.len - from, "\n\n", 2))) {
        size_t stop = (size_t)(end - r->event.ptr);
        judge(r, slice_from(slice_to(text_slice(&r->event), stop), from));
        from = stop + 2;
    }
    if (from)
        text_drop(&r->event, from);
}

static bool header_has(struct slice head, struct slice words, struct slice *ret_value)
{
    struct slice line;
    while (slice_split(&head, '\n', &line)) {
        if (line.len > words.len && slice_is_nocase(slice_to(line, words.len), words)) {
            *ret_value = slice_trim(slice_from(line, words.len));
            return true;
        }
    }
    return false;
}

static bool take_head(struct reader *r)
{
    const char *end = memmem(r->in.ptr, r->in.len, "\r\n\r\n", 4);
    struct slice value;
    if (!end || !text_cstr(&r->in)) /* numbers are read up to a NUL */
        return false;
    size_t len = (size_t)(end - r->in.ptr) + 4;
    struct slice head = slice_to(text_slice(&r->in), len);
    if (head.len < 12 || !slice_begins(head, SLICE("HTTP/1.1 ")))
        wrong(r, "head", head);
    else
        r->status = (int)strtol(head.ptr + 9, NULL, 10);
    if (r->status != 200)
        wrong(r, "status", slice_from(head, min_size(9, head.len)));
    r->state = READ_PLAIN;
    if (header_has(head, SLICE("transfer-encoding:"), &value)) {
        r->state = READ_SIZE;
    } else if (header_has(head, SLICE("content-length:"), &value)) {
        r->sized = true;
        r->left = strtoull(value.ptr, NULL, 10);
    }
    text_drop(&r->in, len);
    return true;
}

static bool take_line(struct reader *r)
{
    size_t end = slice_find(text_slice(&r->in), '\n');
    if (end == r->in.len || !text_cstr(&r->in))
        return false;
    switch (r->state) {
    case READ_SIZE:
        r->left = strtoull(r->in.ptr, NULL, 16);
        r->state = r->left ? READ_CHUNK : READ_TRAILERS;
        break;
    case READ_AFTER_CHUNK:
        r->state = READ_SIZE;
        break;
    case READ_TRAILERS:
        if (end <= 1)
            r->state = READ_END;
        break;
    case READ_HEAD:
    case READ_CHUNK:
    case READ_PLAIN:
    case READ_END:
        break;
    }
    text_drop(&r->in, end + 1);
    return true;
}

static bool take_bytes(struct reader *r)
{
    bool endless = r->state == READ_PLAIN && !r->sized;
    size_t n = endless ? r->in.len : (size_t)min_u64(r->left, r->in.len);
    take_body(r, slice_to(text_slice(&r->in), n));
    text_drop(&r->in, n);
    r->left -= endless ? 0 : n;
    if (!endless && !r->left) {
        r->state = r->state == READ_CHUNK ? READ_AFTER_CHUNK : READ_END;
        return true;
    }
    return false;
}

void reader_take(struct reader *r)
{
    bool more = true;
    while (more && r->in.len && r->state != READ_END) {
        if (r->state == READ_HEAD)
            more = take_head(r);
        else if (r->state == READ_CHUNK || r->state == READ_PLAIN)
            more = take_bytes(r);
        else
            more = take_line(r);
    }
}

void reader_eof(struct reader *r)
{
    if (r->state == READ_PLAIN && !r->sized)
        r->state = READ_END;
    if (r->state != READ_END)
        wrong(r, "closed too early", text_slice(&r->event));
}
