/* dialect: the table of codecs, and what all of them share: edits. */
#include "dialect/codec.h"

static const struct codec *const codecs[DIALECT_COUNT] = {
    [DIALECT_NONE] = &openai_codec, /* whoever has no dialect is answered in the common one */
    [DIALECT_OPENAI] = &openai_codec,
};

/* ---- edits --------------------------------------------------------------------------------- */

enum err edits_add(struct edits *e, struct slice source, struct edit edit)
{
    size_t end, i = e->n;
    if (e->n == MOST_EDITS || !add_size(edit.at, edit.len, &end) || end > source.len)
        return ERR_BAD_REQUEST;
    while (i > 0 && e->list[i - 1].at + (edit.len == 0) > edit.at)
        i--; /* what is only put in stands before what is replaced at the same place */
    if (i > 0 && e->list[i - 1].at + e->list[i - 1].len > edit.at)
        return ERR_BAD_REQUEST;
    if (i < e->n && end > e->list[i].at)
        return ERR_BAD_REQUEST;
    memmove(&e->list[i + 1], &e->list[i], (e->n - i) * sizeof edit);
    e->list[i] = edit;
    e->n++;
    return OK;
}

size_t edits_len(const struct edits *e, struct slice source)
{
    size_t len = source.len;
    for (unsigned i = 0; i < e->n; i++)
        len = len - e->list[i].len + e->list[i].text.len;
    return len;
}

void edits_write(const struct edits *e, struct slice source, struct text *out)
{
    size_t at = 0;
    for (unsigned i = 0; i < e->n; i++) {
        const struct edit *edit = &e->list[i];
        text_add(out, (struct slice){source.ptr + at, edit->at - at});
        text_add(out, edit->text);
        at = edit->at + edit->len;
    }
    text_add(out, slice_from(source, at));
}

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

void dialect_write_error(enum dialect d, const struct why *why, struct text *out)
{
    codecs[d]->write_error(why, out);
}

void dialect_write_error_event(enum dialect d, const struct why *why, struct text *out)
{
    codecs[d]->write_error_event(why, out);
}

void dialect_write_models(enum dialect d, const struct model_entry *models, size_t n,
                          struct text *out)
{
    codecs[d]->write_models(models, n, out);
}
