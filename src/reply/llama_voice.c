/* llama_voice: what who speaks llama-server's words gets of a text that somebody else wrote: its
 * content in pieces, and a last event with the numbers. Of an engine of ours he gets its own. */
#include "reply/voice.h"

static void put_u64(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_put_int(w, n > 0 ? n : 0);
}

static void put_tokens(struct json_writer *w)
{
    json_key(w, "tokens");
    json_open_array(w);
    json_close_array(w);
}

struct ending {
    struct slice model, content, reason;
    struct usage usage;
};

/* An event that says `stop`, or the whole object: they are the same there. */
static void put_last(struct json_writer *w, const struct ending *e)
{
    bool limit = slice_is(e->reason, SLICE("length"));
    json_open_object(w);
    put_u64(w, "index", 0);
    json_put_pair(w, "content", e->content);
    put_tokens(w);
    json_key(w, "id_slot");
    json_put_int(w, -1);
    json_key(w, "stop");
    json_put_bool(w, true);
    json_put_pair(w, "model", e->model);
    put_u64(w, "tokens_predicted", e->usage.completion);
    put_u64(w, "tokens_evaluated", e->usage.prompt);
    json_key(w, "generation_settings");
    json_open_object(w);
    json_close_object(w);
    json_put_pair(w, "prompt", SLICE(""));
    json_key(w, "truncated");
    json_put_bool(w, false);
    json_put_pair(w, "stop_type", limit ? SLICE("limit") : SLICE("eos"));
    json_put_pair(w, "stopping_word", SLICE(""));
    put_u64(w, "tokens_cached", e->usage.cached);
    json_close_object(w);
}

static void said(struct teller *t, const struct said *s, struct text *out)
{
    (void)t;
    if (!s->text.len)
        return; /* a chat's head, or its reason: told at the end */
    text_add(out, SLICE("data: "));
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "index");
    json_put_u64(&w, s->index);
    json_put_pair(&w, "content", s->text);
    put_tokens(&w);
    json_key(&w, "stop");
    json_put_bool(&w, false);
    json_key(&w, "id_slot");
    json_put_int(&w, -1);
    json_close_object(&w);
    text_add(out, SLICE("\n\n"));
}

static void end(struct teller *t, struct text *out)
{
    struct ending e = {
        .model = text_slice(&t->model), .reason = text_slice(&t->finish), .usage = t->usage};
    text_add(out, SLICE("data: "));
    struct json_writer w = json_writer(out);
    put_last(&w, &e);
    text_add(out, SLICE("\n\n"));
}

static void write_object(const struct hearer *l, const struct json_value *object, struct text *out)
{
    struct said s = said_read(json_at(json_get(object, "choices"), 0));
    struct ending e = {.model = json_text(json_get(object, "model")),
                       .content = s.text,
                       .reason = s.finish,
                       .usage = usage_read(json_get(object, "usage"))};
    struct json_writer w = json_writer(out);
    (void)l;
    put_last(&w, &e);
}

const struct voice llama_voice = {
    .piece = voice_text_as_said,
    .said = said,
    .end = end,
    .write_object = write_object,
};
