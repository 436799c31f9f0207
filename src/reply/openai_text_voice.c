/* openai_text_voice: what who asked for a text gets, of a text or of a chat: its words, and nothing
 * else of it; usage in a chunk of its own, and only if he asked. */
#include "reply/voice.h"

/* Up to the list of choices, which is open then. */
static struct json_writer open_object(const struct teller *t, struct text *out)
{
    struct json_writer w = json_writer(out);
    struct text name = {0};
    struct slice id = text_slice(&t->id);
    text_add(&name, SLICE("cmpl-"));
    text_add(&name,
             slice_begins(id, SLICE("chatcmpl-")) ? slice_from(id, strlen("chatcmpl-")) : id);
    json_open_object(&w);
    json_put_pair(&w, "id", text_slice(&name));
    json_put_pair(&w, "object", SLICE("text_completion"));
    json_key(&w, "created");
    json_put_u64(&w, t->created_s);
    json_put_pair(&w, "model", text_slice(&t->model));
    json_key(&w, "choices");
    json_open_array(&w);
    text_fini(&name);
    return w;
}

static struct json_writer open_chunk(const struct teller *t, struct text *out)
{
    text_add(out, SLICE("data: "));
    return open_object(t, out);
}

static void put_choice(const struct said *s, struct json_writer *w)
{
    json_open_object(w);
    json_key(w, "index");
    json_put_u64(w, s->index);
    json_put_pair(w, "text", s->text);
    json_key(w, "logprobs");
    json_put_value(w, s->logprobs);
    json_key(w, "finish_reason");
    if (s->finish.len)
        json_put_text(w, slice_is(s->finish, SLICE("length")) ? s->finish : SLICE("stop"));
    else
        json_put_null(w);
    json_close_object(w);
}

static void said(struct teller *t, const struct said *s, struct text *out)
{
    if (!s->text.len && !s->finish.len)
        return; /* a chat's head */
    struct json_writer w = open_chunk(t, out);
    put_choice(s, &w);
    json_close_array(&w);
    json_close_object(&w);
    text_add(out, SLICE("\n\n"));
}

static void end(struct teller *t, struct text *out)
{
    if (t->hearer.wants_usage && t->usage.prompt >= 0) {
        struct json_writer w = open_chunk(t, out);
        json_close_array(&w);
        usage_put(&w, &t->usage);
        json_close_object(&w);
        text_add(out, SLICE("\n\n"));
    }
    text_add(out, SLICE("data: [DONE]\n\n"));
}

static void write_object(const struct hearer *l, const struct json_value *object, struct text *out)
{
    struct teller t = {0};
    (void)l;
    if (slice_is(json_text(json_get(object, "object")), SLICE("text_completion"))) {
        json_copy(object, out);
        return;
    }
    teller_name(&t, object);
    struct json_writer w = open_object(&t, out);
    for (struct json_iter i = json_begin(json_get(object, "choices")); json_next(&i);) {
        struct said s = said_read(i.value);
        put_choice(&s, &w);
    }
    json_close_array(&w);
    struct usage usage = usage_read(json_get(object, "usage"));
    usage_put(&w, &usage);
    json_close_object(&w);
    text_fini(&t.id);
    text_fini(&t.model);
}

const struct voice openai_text_voice = {
    .piece = voice_text_as_said,
    .said = said,
    .end = end,
    .write_object = write_object,
};
