/* A target's stream on its way to a caller. Each event that passes is read by an event parser as
 * the JSON that the decoder says it carries; that JSON has the caller's name for the model, the
 * first id and the first `created`, and every other member is the target's own bytes. What is
 * assembled from all of them is valid JSON. */
#include "http/http.h"
#include "reply/reply.h"
#include "wire/testing.h"

#include "fuzz.h"

struct run {
    struct decoder decoder;
    struct assembler *assembler;
    struct text model; /* as JSON */
    bool first, assembling;
};

static struct slice member(struct slice json, const char *key)
{
    struct json_span span;
    if (!json_find_span(json, slice_of(key), &span))
        return (struct slice){0};
    return (struct slice){json.ptr + span.value, span.end - span.value};
}

static void check_json(struct run *r, struct slice before, struct slice after)
{
    struct slice key, key2;
    struct json_span a, b;
    size_t at = 0, at2 = 0;
    struct json_doc doc;
    MUST(json_read(after, &json_usual_limits, NULL, &doc, NULL) == OK);
    json_done(&doc);
    while (json_next_span(before, &at, &key, &a)) {
        MUST(json_next_span(after, &at2, &key2, &b) && slice_is(key, key2));
        struct slice value = {before.ptr + a.value, a.end - a.value};
        struct slice value2 = {after.ptr + b.value, b.end - b.value};
        struct slice expected = value;
        if (slice_is(key, SLICE("model")))
            expected = text_slice(&r->model);
        else if (slice_is(key, SLICE("id")) && r->decoder.id.len)
            expected = r->decoder.id;
        else if (slice_is(key, SLICE("created")) && r->decoder.created.len)
            expected = r->decoder.created;
        MUST(slice_is(value2, expected));
    }
    MUST(!json_next_span(after, &at2, &key2, &b));
}

/* As whoever gets the event reads it. */
static void check_raw(struct run *r, struct slice raw, struct slice json)
{
    struct sse_parser p = {0};
    struct sse_event e;
    struct slice in = SLICE("\n");
    if (!r->first) /* a byte order mark counts at the beginning of a stream only */
        MUST(sse_parse(&p, &in, &e) == SSE_EVENT);
    in = raw;
    enum sse_step step = sse_parse(&p, &in, &e);
    if (step == SSE_MORE)
        step = sse_end(&p, &e);
    MUST(step == SSE_EVENT && in.len == 0);
    MUST(slice_is(e.raw, raw) && slice_is(e.data, json));
    sse_parser_fini(&p);
}

static void take(struct run *r, const struct sse_event *in)
{
    struct event event;
    struct why why = {0};
    enum err e = decoder_event(&r->decoder, in->raw, in->data, &event, &why);
    if (e) {
        struct text out = {0};
        MUST(why.code == e && why.text[0]);
        reply_write_error_event(DIALECT_OPENAI, &why, &out);
        check_raw(r, text_slice(&out), slice_to(slice_from(text_slice(&out), 6), out.len - 8));
        text_fini(&out);
        return;
    }
    if (!event.raw.len)
        MUST(event.kind == EVENT_HEAD && r->decoder.head_sent);
    else if (event.json.len)
        check_raw(r, event.raw, event.json);
    else
        MUST(slice_is(event.raw, in->raw));
    if (event.json.len)
        check_json(r, in->data, event.json);
    if (event.json.len && !member(in->data, "model").len && !member(in->data, "id").len &&
        !member(in->data, "created").len && event.raw.len)
        MUST(slice_is(event.raw, in->raw));
    r->decoder.head_sent |= event.kind == EVENT_HEAD || event_is_content(&event);
    r->assembling = r->assembling && assembler_add(r->assembler, &event) == OK;
}

static void finish(struct run *r)
{
    struct text out = {0};
    struct json_doc doc;
    if (r->assembling) {
        MUST(assembler_finish(r->assembler, &out) == OK);
        MUST(json_read(text_slice(&out), &json_usual_limits, NULL, &doc, NULL) == OK);
        json_done(&doc);
    }
    text_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    size_t cut = fuzz_cut(in);
    struct arena arena = {0};
    struct sse_parser p = {0};
    struct sse_event e;
    struct run r = {.first = true,
                    .assembling = true,
                    .assembler = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true})};
    struct json_writer w = json_writer(&r.model);
    r.decoder = (struct decoder){.wire = WIRE_CHAT, .arena = &arena};
    r.decoder.model = slice_to(slice_from(in, cut), min_size(size - cut, 12));
    r.decoder.head_sent = cut % 2;
    json_put_text(&w, r.decoder.model);
    MUST(r.assembler && !r.model.failed);
    for (; sse_parse(&p, &in, &e) == SSE_EVENT; r.first = false)
        take(&r, &e);
    if (sse_end(&p, &e) == SSE_EVENT)
        take(&r, &e);
    finish(&r);
    assembler_free(r.assembler);
    sse_parser_fini(&p);
    text_fini(&r.model);
    decoder_fini(&r.decoder);
    arena_fini(&arena);
    return 0;
}
