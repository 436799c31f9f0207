/* fim_voice: what fills a gap, as Mistral tells it and its clients read it: `message.content` of an
 * object, `delta.content` of a stream, and `text` beside both. Some clients look at the first
 * choice of each chunk unasked, so the usage comes with the last one and never alone. */
#include "reply/voice.h"

static struct json_writer open_object(const struct teller *t, const char *object, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "id", text_slice(&t->id));
    json_put_pair(&w, "object", slice_of(object));
    json_key(&w, "created");
    json_put_u64(&w, t->created_s);
    json_put_pair(&w, "model", text_slice(&t->model));
    json_key(&w, "choices");
    json_open_array(&w);
    return w;
}

static void put_choice(struct json_writer *w, const char *holder, const struct said *s)
{
    json_open_object(w);
    json_key(w, "index");
    json_put_u64(w, s->index);
    json_key(w, holder);
    json_open_object(w);
    json_put_pair(w, "role", SLICE("assistant"));
    json_put_pair(w, "content", s->text);
    json_close_object(w);
    json_put_pair(w, "text", s->text);
    json_key(w, "finish_reason");
    if (s->finish.len)
        json_put_text(w, s->finish);
    else
        json_put_null(w);
    json_close_object(w);
}

static void put_chunk(struct teller *t, const struct said *s, bool last, struct text *out)
{
    text_add(out, SLICE("data: "));
    struct json_writer w = open_object(t, "chat.completion.chunk", out);
    put_choice(&w, "delta", s);
    json_close_array(&w);
    if (last)
        usage_put(&w, &t->usage);
    json_close_object(&w);
    text_add(out, SLICE("\n\n"));
}

/* The reason waits for the usage. */
static void said(struct teller *t, const struct said *s, struct text *out)
{
    struct said text = {.index = s->index, .text = s->text};
    if (s->text.len)
        put_chunk(t, &text, false, out);
}

static void end(struct teller *t, struct text *out)
{
    struct said last = {.finish = t->finish.len ? text_slice(&t->finish) : SLICE("stop")};
    put_chunk(t, &last, true, out);
    text_add(out, SLICE("data: [DONE]\n\n"));
}

static void write_object(const struct hearer *l, const struct json_value *object, struct text *out)
{
    struct teller t = {0};
    struct usage usage = usage_read(json_get(object, "usage"));
    (void)l;
    teller_name(&t, object);
    struct json_writer w = open_object(&t, "chat.completion", out);
    for (struct json_iter i = json_begin(json_get(object, "choices")); json_next(&i);) {
        struct said s = said_read(i.value);
        put_choice(&w, "message", &s);
    }
    json_close_array(&w);
    usage_put(&w, &usage);
    json_close_object(&w);
    text_fini(&t.id);
    text_fini(&t.model);
}

const struct voice fim_voice = {
    .piece = voice_text_as_said,
    .said = said,
    .end = end,
    .write_object = write_object,
};
