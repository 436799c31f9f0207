/* openai_encode: a call on its way to one target that speaks the common form, or to an engine in
 * llama-server's own words: the edits that all targets get, and those for this one. Its name for
 * the model; for an engine of ours also a slot, a sign of life, and what the model's settings say
 * where the caller said nothing. Nothing is parsed again. */
#include "wire/codec.h"

static void put_sampling(const struct call *c, struct slice sampling, struct json_writer *w)
{
    struct slice name;
    struct json_span span;
    for (size_t at = 0; json_next_span(sampling, &at, &name, &span);) {
        if (!call_may_be_set(name) || call_names(c, name))
            continue;
        json_key_slice(w, name);
        json_put_raw(w, (struct slice){sampling.ptr + span.value, span.end - span.value});
    }
}

static bool makes_text(enum call_kind kind)
{
    return kind == CALL_CHAT || kind == CALL_COMPLETE || kind == CALL_INFILL;
}

static void put_for_engine(const struct call *c, const struct target *t, struct json_writer *w)
{
    if (c->unscaled) {
        json_key(w, "embd_normalize");
        json_put_int(w, -1);
    }
    if (!makes_text(c->kind))
        return;
    if (t->slot >= 0) {
        json_key(w, "id_slot");
        json_put_int(w, t->slot);
    }
    if (t->ping_s) {
        json_key(w, "sse_ping_interval");
        json_put_u64(w, t->ping_s);
    }
    put_sampling(c, t->sampling, w);
}

static enum err add(struct edits *edits, const struct call *c, size_t at, struct slice text)
{
    return edits_add(edits, c->body, (struct edit){at, 0, text});
}

/* Members in front of the caller's first: without their braces, a comma behind them. */
static enum err add_members(struct edits *edits, const struct call *c, const struct target *t,
                            struct text *room)
{
    struct json_writer w = json_writer(room);
    json_open_object(&w);
    if (c->model_span.key == c->model_span.end)
        json_put_pair(&w, "model", t->model);
    if (t->engine)
        put_for_engine(c, t, &w);
    json_close_object(&w);
    if (room->failed)
        return ERR_NO_MEMORY;
    if (room->len <= 2)
        return OK;
    room->ptr[room->len - 1] = ',';
    return add(edits, c, c->front, slice_from(text_slice(room), 1));
}

static enum err add_model(struct edits *edits, const struct call *c, const struct target *t,
                          struct text *room)
{
    const struct json_span *span = &c->model_span;
    struct json_writer w = json_writer(room);
    json_put_text(&w, t->model);
    struct edit edit = {span->value, span->end - span->value, text_slice(room)};
    return room->failed ? ERR_NO_MEMORY : edits_add(edits, c->body, edit);
}

static enum err add_system(struct edits *edits, const struct call *c, const struct target *t,
                           struct text *room)
{
    struct json_writer w = json_writer(room);
    json_open_object(&w);
    json_put_pair(&w, "role", SLICE("system"));
    json_put_pair(&w, "content", t->system);
    json_close_object(&w);
    text_byte(room, ','); /* there is at least one message */
    return room->failed ? ERR_NO_MEMORY : add(edits, c, c->first_message, text_slice(room));
}

static enum err add_choice(struct edits *edits, const struct call *c)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < COUNT(c->choice); i++) {
        if (c->choice[i].len)
            e = edits_add(edits, c->body, c->choice[i]);
    }
    return e;
}

enum err openai_encode_call(const struct call *c, const struct target *t, struct text *out)
{
    struct edits edits = c->edits;
    struct text model = {0}, members = {0}, message = {0};
    bool missing = c->model_span.key == c->model_span.end;
    enum err e = missing ? OK : add_model(&edits, c, t, &model);
    if (!e && (missing || t->engine))
        e = add_members(&edits, c, t, &members);
    if (!e && c->kind == CALL_CHAT && t->engine && t->system.len && !c->has_system)
        e = add_system(&edits, c, t, &message);
    if (!e && t->engine)
        e = add_choice(&edits, c);
    if (!e) {
        if (text_room(out, edits_len(&edits, c->body)))
            edits_write(&edits, c->body, out);
        e = out->failed ? ERR_NO_MEMORY : OK;
    }
    text_fini(&model);
    text_fini(&members);
    text_fini(&message);
    return e;
}

static const char *path(enum call_kind kind)
{
    static const char *const paths[CALL_COUNT] = {
        [CALL_CHAT] = "/chat/completions",
        [CALL_COMPLETE] = "/completions",
        [CALL_EMBED] = "/embeddings",
        [CALL_RERANK] = "/rerank",
    };
    return paths[kind];
}

const struct codec openai_wire = {
    .manner = {.key = {"authorization", 13}, .word = {"Bearer ", 7}},
    .path = path,
    .encode_own = openai_encode_call,
    .read_refusal = openai_read_refusal,
};
