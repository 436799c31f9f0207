/* Anthropic's dialect, from both sides. An input that begins with a brace is a call: what is
 * accepted has a common form that is valid JSON, and is valid JSON again for each kind of target.
 * Any other is a target's stream: what it is in the common form is valid JSON, can be put together,
 * and can be told to a caller of this dialect. */
#include "http/http.h"
#include "reply/reply.h"
#include "wire/wire.h"

#include "fuzz.h"

static void check_json(struct slice json)
{
    struct json_doc doc;
    MUST(json_read(json, &(struct json_limits){128, 8000000}, NULL, &doc, NULL) == OK);
    json_done(&doc);
}

/* ---- a call --------------------------------------------------------------------------------- */

static void try_target(const struct call *call, enum dialect dialect)
{
    const struct target target = {.model = SLICE("theirs"), .slot = -1};
    struct decoder d = {0};
    struct text body = {0};
    struct why why = {0};
    enum err e = decoder_begin(&d, call, dialect, &target, &body, &why);
    if (e)
        MUST(why.code == e && why.text[0]);
    else
        check_json(text_slice(&body));
    decoder_fini(&d);
    text_fini(&body);
}

static void try_call(struct slice in)
{
    struct arena arena = {0};
    struct call call;
    struct why why = {0};
    enum err e = dialect_decode_call(DIALECT_ANTHROPIC, CALL_CHAT, in, &arena, &call, &why);
    if (e) {
        MUST(why.code == e && why.text[0]);
    } else {
        MUST(!call.common == !!call.lacks);
        if (call.common) {
            check_json(call.common->body);
            try_target(call.common, DIALECT_ANTHROPIC); /* translated there and back */
        }
        try_target(&call, DIALECT_OPENAI);
        try_target(&call, DIALECT_ANTHROPIC);
    }
    arena_fini(&arena);
}

/* ---- a stream ------------------------------------------------------------------------------- */

struct run {
    struct decoder decoder;
    struct teller *teller;
    struct assembler *assembler;
    bool failed;
};

static void hear(struct run *r, const struct event *event)
{
    struct text told = {0};
    if (event->kind != EVENT_END && event->raw.len && event->json.len && !r->decoder.wire.own)
        check_json(event->json);
    if (event->raw.len || event->kind == EVENT_END)
        r->failed |= teller_tell(r->teller, event, &told) != OK;
    if (!r->decoder.wire.own && event->json.len && event->kind != EVENT_END)
        r->failed |= assembler_add(r->assembler, event) != OK;
    text_fini(&told);
}

static void take(struct run *r, const struct sse_event *in)
{
    unsigned rounds = 0;
    do {
        struct event event;
        struct why why = {0};
        enum err e = decoder_event(&r->decoder, in->raw, in->data, &event, &why);
        if (e) {
            MUST(why.code == e && why.text[0]);
            r->decoder.progress.more = false;
            return;
        }
        r->decoder.head_sent |= event.kind == EVENT_HEAD || event_is_content(&event);
        hear(r, &event);
        MUST(++rounds < 4);
    } while (r->decoder.progress.more);
}

static void try_stream(struct slice in, bool own)
{
    struct arena arena = {0};
    struct sse_parser p = {0};
    struct sse_event e;
    struct text out = {0};
    struct run r = {.teller = teller_new(&(struct hearer){DIALECT_ANTHROPIC, CALL_CHAT, true}),
                    .assembler =
                        assembler_new(&(struct hearer){DIALECT_ANTHROPIC, CALL_CHAT, true})};
    r.decoder = (struct decoder){
        .wire = {.dialect = DIALECT_ANTHROPIC, .kind = CALL_CHAT, .own = own, .ready = own},
        .model = SLICE("m"),
        .arena = &arena,
        .progress.usage = NO_USAGE};
    MUST(r.teller && r.assembler);
    while (sse_parse(&p, &in, &e) == SSE_EVENT)
        take(&r, &e);
    if (sse_end(&p, &e) == SSE_EVENT)
        take(&r, &e);
    if (!r.failed && !own) {
        MUST(assembler_finish(r.assembler, &out) == OK);
        check_json(text_slice(&out));
    }
    assembler_free(r.assembler);
    teller_free(r.teller);
    sse_parser_fini(&p);
    text_fini(&out);
    decoder_fini(&r.decoder);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    if (size && data[0] == '{') {
        try_call(in);
    } else {
        try_stream(in, false);
        try_stream(in, true);
    }
    return 0;
}
