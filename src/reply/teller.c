/* teller: events in the common form, told one after the other in a hearer's dialect. What is
 * ready for him already goes on as it is. */
#include "base/mem.h"
#include "reply/voice.h"

#define KEEP_ROOM 65536u /* between events */

struct teller *teller_new(const struct hearer *l)
{
    struct teller *t = mem_new(struct teller);
    if (t) {
        t->hearer = *l;
        t->voice = voice_of(l);
        t->usage = NO_USAGE;
    }
    return t;
}

void teller_free(struct teller *t)
{
    if (!t)
        return;
    text_fini(&t->id);
    text_fini(&t->model);
    text_fini(&t->finish);
    text_fini(&t->kept);
    text_fini(&t->scratch);
    mem_free(t);
}

struct said said_read(const struct json_value *choice)
{
    struct said s = {0};
    int64_t index = 0;
    const struct json_value *delta = json_get(choice, "delta");
    if (!delta)
        delta = json_get(choice, "message");
    const struct json_value *v[DELTA_FIELDS];
    delta_pick(delta, v);
    bool named = json_is_text(v[DELTA_REASONING_CONTENT]);
    if (json_int(json_get(choice, "index"), &index) && index > 0)
        s.index = (uint64_t)index;
    s.text = json_text(delta ? v[DELTA_CONTENT] : json_get(choice, "text"));
    s.reasoning = json_text(v[named ? DELTA_REASONING_CONTENT : DELTA_REASONING]);
    s.refusal = json_text(v[DELTA_REFUSAL]);
    s.finish = json_text(json_get(choice, "finish_reason"));
    s.tools = v[DELTA_TOOLS];
    s.logprobs = json_get(choice, "logprobs");
    return s;
}

struct usage usage_read(const struct json_value *usage)
{
    struct usage u = NO_USAGE;
    int64_t n;
    if (tokens_told(json_get(usage, "prompt_tokens"), &n))
        u.prompt = n;
    if (tokens_told(json_get(usage, "completion_tokens"), &n))
        u.completion = n;
    if (tokens_told(json_get(json_get(usage, "prompt_tokens_details"), "cached_tokens"), &n))
        u.cached = n;
    if (tokens_told(json_get(json_get(usage, "completion_tokens_details"), "reasoning_tokens"), &n))
        u.reasoning = n;
    return u;
}

struct timings timings_read(const struct json_value *timings)
{
    double prompt = json_number(json_get(timings, "prompt_ms")),
           answer = json_number(json_get(timings, "predicted_ms"));
    return (struct timings){prompt > 0 ? prompt : 0, answer > 0 ? answer : 0};
}

void usage_put(struct json_writer *w, const struct usage *u)
{
    int64_t prompt = u->prompt > 0 ? u->prompt : 0;
    int64_t completion = u->completion > 0 ? u->completion : 0;
    json_key(w, "usage");
    json_open_object(w);
    json_key(w, "prompt_tokens");
    json_put_int(w, prompt);
    json_key(w, "completion_tokens");
    json_put_int(w, completion);
    json_key(w, "total_tokens");
    json_put_int(w, prompt + completion);
    json_close_object(w);
}

void teller_name(struct teller *t, const struct json_value *object)
{
    int64_t created = 0;
    text_add(&t->id, json_text(json_get(object, "id")));
    text_add(&t->model, json_text(json_get(object, "model")));
    if (json_int(json_get(object, "created"), &created) && created > 0)
        t->created_s = (uint64_t)created;
}

void voice_text_as_said(struct teller *t, enum event_kind kind, struct slice piece,
                        struct text *out)
{
    struct text plain = {0};
    if (kind != EVENT_TEXT)
        return;
    json_add_plain(piece, &plain);
    t->voice->said(t, &(struct said){.text = text_slice(&plain)}, out);
    out->failed |= plain.failed;
    text_fini(&plain);
}

static void begin(struct teller *t, const struct json_value *chunk, struct text *out)
{
    if (t->begun)
        return;
    t->begun = true;
    teller_name(t, chunk);
    if (t->voice->begin)
        t->voice->begin(t, out);
}

/* The names are read from the event's own bytes: in what was parsed they may be the target's. */
static enum err tell_chunk(struct teller *t, const struct event *e, struct text *out)
{
    struct json_doc doc;
    enum err err = json_read(e->json, &json_usual_limits, &t->scratch, &doc, NULL);
    if (err)
        return err == ERR_NO_MEMORY ? err : ERR_BAD_RESPONSE;
    begin(t, doc.root, out);
    for (struct json_iter i = json_begin(json_get(doc.root, "choices")); json_next(&i);) {
        struct said s = said_read(i.value);
        t->voice->said(t, &s, out);
        if (s.finish.len && !t->finish.len)
            text_add(&t->finish, s.finish);
    }
    if (json_is_object(json_get(doc.root, "usage")))
        t->usage = usage_read(json_get(doc.root, "usage"));
    if (json_is_object(json_get(doc.root, "timings")))
        t->timings = timings_read(json_get(doc.root, "timings"));
    json_done(&doc);
    if (t->scratch.room > KEEP_ROOM)
        text_fini(&t->scratch);
    return OK;
}

enum err teller_tell(struct teller *t, const struct event *e, struct text *out)
{
    enum err err = OK;
    bool comment = !e->json.len && e->kind == EVENT_BYTES;
    if (e->ready || comment) {
        t->begun |= e->json.len > 0;
        if (!comment || !t->voice->lines)
            text_add(out, e->raw);
    } else if (e->kind == EVENT_END) {
        t->voice->end(t, out);
    } else if (e->piece.len && t->begun) {
        t->voice->piece(t, e->kind, e->piece, out);
    } else if (e->json.len) {
        err = tell_chunk(t, e, out);
    }
    return err ? err : out->failed ? ERR_NO_MEMORY : OK;
}
