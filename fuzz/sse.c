/* Event streams. It makes no difference how the bytes are cut; the raw slices are the input; and an
 * event that is written again is read as the same event. */
#include "http/http.h"

#include "fuzz.h"

struct seen {
    struct text raw, events;
    enum sse_step end;
};

static void see(struct seen *s, const struct sse_event *e)
{
    text_add(&s->raw, e->raw);
    text_format(&s->events, "%zu:%d%d:", e->raw.len, e->has_data, e->is_comment);
    text_add(&s->events, e->name);
    text_byte(&s->events, '\n');
    text_add(&s->events, e->data);
    text_byte(&s->events, '\0');
    MUST(slice_find(e->name, '\n') == e->name.len && slice_find(e->data, '\r') == e->data.len);
    if (!e->has_data)
        return;
    struct text again = {0};
    struct sse_parser p = {0};
    struct sse_event e2;
    sse_write_event(&again, e->name, e->data);
    struct slice in = text_slice(&again);
    MUST(sse_parse(&p, &in, &e2) == SSE_EVENT && in.len == 0);
    MUST(slice_is(e2.name, e->name) && slice_is(e2.data, e->data) && e2.has_data);
    sse_parser_fini(&p);
    text_fini(&again);
}

static struct seen read_all(struct slice in, size_t step)
{
    struct seen s = {0};
    struct sse_parser p = {0};
    struct sse_event e;
    while (in.len) {
        struct slice piece = slice_to(in, min_size(step, in.len));
        in = slice_from(in, piece.len);
        while (sse_parse(&p, &piece, &e) == SSE_EVENT)
            see(&s, &e);
        MUST(!p.err && !piece.len);
    }
    s.end = sse_end(&p, &e);
    if (s.end != SSE_MORE)
        see(&s, &e);
    MUST(sse_end(&p, &e) == SSE_MORE);
    sse_parser_fini(&p);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    size_t steps[] = {max_size(size, 1), max_size(fuzz_cut(in), 1), 1};
    struct seen seen[COUNT(steps)];
    for (size_t i = 0; i < COUNT(steps); i++) {
        seen[i] = read_all(in, steps[i]);
        MUST(slice_is(text_slice(&seen[i].raw), in));
        MUST(slice_is(text_slice(&seen[i].events), text_slice(&seen[0].events)));
        MUST(seen[i].end == seen[0].end);
    }
    for (size_t i = 0; i < COUNT(steps); i++) {
        text_fini(&seen[i].raw);
        text_fini(&seen[i].events);
    }
    return 0;
}
