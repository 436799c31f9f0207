/* dialect: the table of codecs, by which the rest is found. */
#include "dialect/codec.h"

static const struct codec *const codecs[DIALECT_COUNT] = {
    [DIALECT_NONE] = &openai_codec, /* whoever has no dialect is answered in the common one */
    [DIALECT_OPENAI] = &openai_codec,
};

/* ---- calls --------------------------------------------------------------------------------- */

const char *dialect_kind_name(enum call_kind kind)
{
    static const char *const names[] = {
        [CALL_NONE] = "none",   [CALL_CHAT] = "chat",       [CALL_COMPLETE] = "complete",
        [CALL_EMBED] = "embed", [CALL_RERANK] = "rerank",   [CALL_TRANSCRIBE] = "transcribe",
        [CALL_SPEAK] = "speak", [CALL_PICTURE] = "picture",
    };
    return names[kind];
}

const char *dialect_name(enum dialect d)
{
    return codecs[d]->name;
}

const char *dialect_path(enum dialect d, enum call_kind kind)
{
    return codecs[d]->path(kind);
}

enum err dialect_decode_call(enum dialect d, enum call_kind kind, struct slice body,
                             struct arena *arena, struct call *ret_call, struct why *why)
{
    struct call call = {.kind = kind, .dialect = d, .body = body};
    enum err e = codecs[d]->decode_call(body, arena, &call, why);
    if (!e)
        *ret_call = call;
    return e;
}

/* ---- the rest goes straight to the codec ---------------------------------------------------- */

enum err dialect_encode_call(const struct call *c, const struct target *t, struct text *out)
{
    return codecs[c->dialect]->encode_call(c, t, out);
}

enum err dialect_decode_event(struct decoder *d, struct slice raw, struct slice data,
                              struct event *ret_event, struct why *why)
{
    return codecs[d->dialect]->decode_event(d, raw, data, ret_event, why);
}

void decoder_fini(struct decoder *d)
{
    text_fini(&d->scratch);
    text_fini(&d->edited);
    text_fini(&d->front.bytes);
    text_fini(&d->alike.bytes);
}

enum err dialect_read_refusal(enum dialect d, int status, struct slice body, struct why *why)
{
    return codecs[d]->read_refusal(status, body, why);
}
