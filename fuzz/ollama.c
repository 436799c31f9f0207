/* Ollama's words, read from both sides. What comes as a call of its clients: whatever is accepted
 * has a common form that is valid JSON, and each kind of target gets valid JSON of it. What comes
 * as the lines of a target: each event is valid JSON, the answer ends once, and what a client
 * of each dialect is told of it are whole lines and objects. */
#include "http/http.h"
#include "reply/reply.h"
#include "wire/wire.h"

#include "fuzz.h"

static void must_be_json(struct slice s)
{
    struct json_doc doc;
    MUST(json_read(s, &(struct json_limits){128, 8000000}, NULL, &doc, NULL) == OK);
    json_done(&doc);
}

/* ---- calls ---------------------------------------------------------------------------------- */

static void ask(const struct call *call, enum dialect dialect, struct arena *arena)
{
    const struct target target = {.model = SLICE("theirs"), .slot = -1};
    struct decoder d = {.model = call->model, .arena = arena};
    struct text body = {0};
    struct why why = {0};
    enum err e = decoder_begin(&d, call, dialect, &target, &body, &why);
    if (e)
        MUST(why.code == e && why.text[0]);
    else
        must_be_json(text_slice(&body));
    text_fini(&body);
    decoder_fini(&d);
}

static void read_call(enum dialect from, enum call_kind kind, struct slice body)
{
    static const enum dialect targets[] = {DIALECT_OPENAI, DIALECT_OLLAMA, DIALECT_ANTHROPIC};
    struct arena arena = {0};
    struct call call;
    struct why why = {0};
    enum err e = dialect_decode_call(from, kind, body, &arena, &call, &why);
    if (e) {
        MUST(why.code == e && why.text[0] && err_row(e)->http == 400);
    } else if (!call.wish) {
        if (call.common)
            must_be_json(call.common->body);
        for (size_t i = 0; i < COUNT(targets); i++)
            ask(&call, targets[i], &arena);
    }
    arena_fini(&arena);
}

/* ---- lines ---------------------------------------------------------------------------------- */

struct run {
    struct decoder decoder;
    struct arena arena;
    struct teller *teller;
    struct assembler *assembler;
    bool assembling, over;
};

static void take(struct run *r, const struct sse_event *in)
{
    unsigned times = 0;
    do {
        struct event event;
        struct why why = {0};
        enum err e = decoder_event(&r->decoder, in->raw, in->data, &event, &why);
        MUST(++times <= 100000);
        if (e) {
            MUST(why.code == e && why.text[0]);
            r->over = true;
            return;
        }
        if (event.json.len && event.kind != EVENT_END)
            must_be_json(event.json);
        struct text told = {0};
        if (r->teller && teller_tell(r->teller, &event, &told) == OK && told.len)
            MUST(slice_ends(text_slice(&told), SLICE("\n")) || event.ready);
        text_fini(&told);
        r->assembling = r->assembling && assembler_add(r->assembler, &event) == OK;
        r->over |= event.kind == EVENT_END;
    } while (r->decoder.progress.more && !r->over);
}

static void begin(struct run *r, enum dialect caller, bool stream)
{
    static const struct slice body = SLICE(
        "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    const struct target target = {.model = SLICE("theirs"), .slot = -1};
    const struct hearer l = {caller, CALL_CHAT, true};
    struct text out = {0};
    struct call call;
    *r = (struct run){.assembling = true};
    r->decoder = (struct decoder){.model = SLICE("m"), .arena = &r->arena};
    MUST(dialect_decode_call(caller, CALL_CHAT, body, &r->arena, &call, NULL) == OK);
    call.stream = stream;
    MUST(decoder_begin(&r->decoder, &call, DIALECT_OLLAMA, &target, &out, NULL) == OK);
    r->teller = caller == DIALECT_OPENAI ? NULL : teller_new(&l); /* his events are ready */
    r->assembler = assembler_new(&l);
    MUST((r->teller || caller == DIALECT_OPENAI) && r->assembler);
    text_fini(&out);
}

static void finish(struct run *r)
{
    struct text out = {0};
    if (r->over && r->assembling && assembler_finish(r->assembler, &out) == OK)
        must_be_json(text_slice(&out));
    text_fini(&out);
    teller_free(r->teller);
    assembler_free(r->assembler);
    decoder_fini(&r->decoder);
    arena_fini(&r->arena);
}

/* In two pieces, cut anywhere. */
static void read_lines(enum dialect caller, struct slice in)
{
    struct run r;
    struct sse_parser p = {.lines = true};
    struct sse_event e;
    size_t cut = fuzz_cut(in);
    struct slice parts[] = {slice_to(in, cut), slice_from(in, cut)};
    begin(&r, caller, true);
    for (size_t i = 0; i < COUNT(parts); i++) {
        while (!r.over && sse_parse(&p, &parts[i], &e) == SSE_EVENT)
            take(&r, &e);
    }
    if (!r.over && sse_end(&p, &e) == SSE_EVENT)
        take(&r, &e);
    finish(&r);
    sse_parser_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum call_kind kinds[] = {CALL_CHAT, CALL_COMPLETE, CALL_EMBED, CALL_VECTOR};
    struct slice in = {(const char *)data, size};
    for (size_t i = 0; i < COUNT(kinds); i++)
        read_call(DIALECT_OLLAMA, kinds[i], in);
    for (size_t i = 0; i < COUNT(kinds) - 1; i++)
        read_call(DIALECT_OPENAI, kinds[i], in);
    read_lines(DIALECT_OPENAI, in);
    read_lines(DIALECT_OLLAMA, in);
    read_lines(DIALECT_ANTHROPIC, in);
    return 0;
}
