/* wire: which words a try is made in, and who writes and reads them. */
#include "wire/codec.h"

static const struct codec *const codecs[DIALECT_COUNT] = {
    [DIALECT_NONE] = &openai_wire,         [DIALECT_OPENAI] = &openai_wire,
    [DIALECT_ANTHROPIC] = &anthropic_wire, [DIALECT_OLLAMA] = &ollama_wire,
    [DIALECT_LLAMA] = &llama_wire,
};

/* ---- which words ----------------------------------------------------------------------------- */

static bool speaks(enum dialect d, enum call_kind kind)
{
    return codecs[d] && codecs[d]->path(kind) != NULL;
}

/* An engine of ours is a llama-server: it also knows its own words, and counts a chat's tokens as
 * Anthropic's clients ask for it. */
static bool is_own(const struct call *c, enum dialect theirs, const struct target *t)
{
    bool native = t->engine && (c->dialect == DIALECT_LLAMA || c->kind == CALL_TOKENS);
    return (native || c->dialect == theirs) && speaks(c->dialect, c->kind);
}

static bool is_whole(const struct wire *w, const struct call *c)
{
    if (w->kind == CALL_CHAT) /* one object of the common form is put together from events */
        return w->own && w->dialect != DIALECT_OPENAI && !c->stream;
    return !c->stream || (w->kind != CALL_COMPLETE && w->kind != CALL_INFILL);
}

static const char *why_not(const struct call *c)
{
    if (c->lacks)
        return c->lacks;
    return c->kind == CALL_INFILL   ? "only an engine of this machine fills in what is missing"
           : c->kind == CALL_TOKENS ? "it counts no tokens"
                                    : "it has no word for this";
}

static enum err choose(const struct call *c, enum dialect theirs, const struct target *t,
                       struct wire *ret, struct why *why)
{
    const struct call *common = c->dialect == DIALECT_OPENAI ? c : c->common;
    if (c->fetches && t->engine)
        return why_set(why, ERR_CANNOT, "it fetches nothing; send pictures as data: URIs");
    struct wire w = {.dialect = c->dialect, .kind = c->kind, .own = true, .ready = true};
    if (!is_own(c, theirs, t)) {
        w.own = false;
        w.dialect = theirs;
        w.kind = common ? common->kind : CALL_NONE;
        if (w.kind == CALL_COMPLETE && !speaks(theirs, CALL_COMPLETE))
            w.kind = CALL_CHAT; /* its prompt becomes a message */
        if (w.kind == CALL_INFILL && t->engine)
            w.dialect = DIALECT_LLAMA; /* the common form's way to say it, in its own words */
        if (w.kind == CALL_NONE || !speaks(w.dialect, w.kind))
            return why_set(why, ERR_CANNOT, "%s", why_not(c));
        w.ready = c->dialect == DIALECT_OPENAI && w.kind == c->kind && w.kind != CALL_INFILL;
    }
    w.whole = is_whole(&w, c);
    w.base64 = common && common->base64;
    if (w.dialect == DIALECT_OPENAI && w.kind == CALL_COMPLETE && !w.whole)
        w.ready = false; /* llama-server tells its usage in the last chunk of the text */
    *ret = w;
    return OK;
}

/* ---- the body -------------------------------------------------------------------------------- */

static enum err translate(struct decoder *d, const struct call *c, const struct target *t,
                          struct text *out, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(c->body, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    struct common_call common = {doc.root, &d->wire, t, c->stream};
    e = codecs[d->wire.dialect]->encode(&common, out, &d->dropped, why);
    json_done(&doc);
    return e ? e : out->failed ? ERR_NO_MEMORY : OK;
}

enum err decoder_begin(struct decoder *d, const struct call *c, enum dialect theirs,
                       const struct target *t, struct text *ret_body, struct why *why)
{
    const struct call *common = c->dialect == DIALECT_OPENAI ? c : c->common;
    struct wire w;
    enum err e = choose(c, theirs, t, &w, why);
    if (e)
        return e;
    d->progress = (struct progress){.usage = NO_USAGE};
    d->wire = w;
    text_clear(&d->front.bytes);
    d->alike.head = 0;
    text_clear(&d->dropped);
    if (!w.own)
        text_add(&d->dropped, c->dropped);
    if (wire_gets(&w))
        return OK;
    if (w.own)
        return codecs[w.dialect]->encode_own(c, t, ret_body);
    if (w.dialect == DIALECT_OPENAI)
        return openai_encode_call(common, t, ret_body);
    return translate(d, common, t, ret_body, why);
}

const struct manner *wire_manner(const struct wire *w)
{
    return &codecs[w->dialect]->manner;
}

const char *wire_path(const struct wire *w)
{
    return codecs[w->dialect]->path(w->kind);
}

bool wire_gets(const struct wire *w)
{
    return w->kind >= CALL_PROPS;
}

/* ---- the answer ------------------------------------------------------------------------------ */

enum err decoder_event(struct decoder *d, struct slice raw, struct slice data, struct event *ret,
                       struct why *why)
{
    const struct codec *codec = codecs[d->wire.dialect];
    *ret =
        (struct event){.kind = EVENT_BYTES, .ready = d->wire.ready, .raw = raw, .usage = NO_USAGE};
    if (d->wire.dialect == DIALECT_OPENAI)
        return openai_decode_event(d, raw, data, ret, why);
    if (!data.len) { /* a comment: keeps the line warm */
        ret->ready = true;
        return OK;
    }
    return d->wire.own ? codec->decode_own(d, raw, data, ret, why)
                       : codec->decode(d, data, ret, why);
}

static const struct json_limits whole_limits = {.depth = 64, .values = 8000000};

/* Its numbers, where it tells some. */
static struct usage usage_in(const struct json_value *root)
{
    struct usage u = NO_USAGE;
    const struct json_value *usage = json_get(root, "usage");
    int64_t n;
    if (tokens_told(json_get(usage, "prompt_tokens"), &n) ||
        tokens_told(json_get(root, "prompt_eval_count"), &n) ||
        tokens_told(json_get(root, "tokens_evaluated"), &n))
        u.prompt = n;
    else
        u.prompt = anthropic_prompt(json_is_object(usage) ? usage : root);
    if (tokens_told(json_get(usage, "completion_tokens"), &n) ||
        tokens_told(json_get(usage, "output_tokens"), &n) ||
        tokens_told(json_get(root, "eval_count"), &n) ||
        tokens_told(json_get(root, "tokens_predicted"), &n))
        u.completion = n;
    return u;
}

/* Vectors, where the answer is in the common form by now. Read again only if they must change. */
static enum err in_numbers(struct decoder *d, const struct json_value *root, struct event *event,
                           struct why *why)
{
    struct json_doc doc;
    bool other = d->wire.own && d->wire.dialect != DIALECT_OPENAI;
    if (other)
        return OK;
    if (d->wire.dialect == DIALECT_OPENAI && vectors_are_sound(root) && vectors_fit(d, root))
        return OK;
    enum err e = json_read(event->json, &whole_limits, NULL, &doc, NULL);
    if (e)
        return e;
    if (!vectors_are_sound(doc.root))
        e = why_set(why, ERR_BAD_RESPONSE, "its answer has no vectors, or not of one kind");
    else if (!vectors_fit(d, doc.root))
        e = vectors_turn(d, doc.root, event, why);
    json_done(&doc);
    return e;
}

enum err decoder_whole(struct decoder *d, struct slice body, struct event *ret, struct why *why)
{
    const struct codec *codec = codecs[d->wire.dialect];
    struct json_doc doc;
    enum err e = json_read(body, &whole_limits, NULL, &doc, why);
    if (e)
        return e == ERR_NO_MEMORY ? e : why_set(why, ERR_BAD_RESPONSE, "its answer is no JSON");
    *ret = (struct event){.kind = EVENT_WHOLE,
                          .ready = d->wire.ready,
                          .raw = body,
                          .json = body,
                          .usage = usage_in(doc.root)};
    const struct json_value *error = json_get(doc.root, "error");
    if (json_is_object(error))
        e = codec_refusal(500, error, why);
    if (!e && !d->wire.own && d->wire.dialect != DIALECT_OPENAI) {
        text_clear(&d->edited);
        e = codec->translate(d, body, &d->edited, why);
        ret->raw = ret->json = text_slice(&d->edited);
    } else if (!e && d->wire.own && codec->own_object) {
        e = codec->own_object(d, doc.root, ret);
    } else if (!e) {
        e = codec_edit_model(d, ret);
    }
    if (!e && d->wire.kind == CALL_EMBED)
        e = in_numbers(d, doc.root, ret, why);
    json_done(&doc);
    return e;
}

enum err decoder_grant(struct decoder *d, struct slice reason, struct event *ret)
{
    d->wire = (struct wire){.dialect = DIALECT_OPENAI, .kind = CALL_CHAT};
    return common_finish(d, reason, ret);
}

enum err wire_read_refusal(enum dialect d, int status, struct slice body, struct why *why)
{
    return codecs[d]->read_refusal(status, body, why);
}

void decoder_fini(struct decoder *d)
{
    text_fini(&d->scratch);
    text_fini(&d->edited);
    text_fini(&d->dropped);
    text_fini(&d->front.bytes);
    text_fini(&d->alike.bytes);
}
