/* llama_call: a call in llama-server's own words. An engine of ours gets it as it came; for others
 * a text that goes on from a prompt is also written down in the common form. What only an engine
 * knows (tokens, templates, slots) has no such form. */
#include "dialect/openai_chat.h"

#define MOST_DROPPED 1024u /* bytes of names */

enum how { COPY, LIMIT, SEED, BIAS, PROMPT, SILENT };
struct field {
    const char *name, *common; /* common NULL: the same */
    enum how how;
};
/* What the common form has a word for. The rest says by which tokens to go on, and others choose
 * those in ways of their own. */
static const struct field fields[] = {
    {"model", NULL, COPY},
    {"prompt", NULL, PROMPT},
    {"n_predict", "max_tokens", LIMIT},
    {"temperature", NULL, COPY},
    {"top_p", NULL, COPY},
    {"seed", NULL, SEED},
    {"stop", NULL, COPY},
    {"stream", NULL, COPY},
    {"frequency_penalty", NULL, COPY},
    {"presence_penalty", NULL, COPY},
    {"logit_bias", NULL, BIAS},
    {"max_tokens", NULL, SILENT}, /* LIMIT takes it where n_predict is missing */
    {"cache_prompt", NULL, SILENT},
    {"n", NULL, SILENT},
};

static const struct field *field_of(struct slice name)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (slice_is(name, slice_of(fields[i].name)))
            return &fields[i];
    }
    return NULL;
}

/* The only text of a prompt; NULL: it is tokens, or several texts. */
static const struct json_value *text_of(const struct json_value *prompt)
{
    if (json_is_array(prompt) && json_count(prompt) == 1)
        prompt = json_at(prompt, 0);
    return json_is_text(prompt) ? prompt : NULL;
}

/* Pairs become an object where their tokens are numbers. */
static bool put_bias(struct json_writer *w, const struct json_value *bias)
{
    int64_t token;
    if (!json_is_array(bias)) {
        json_key(w, "logit_bias");
        json_put_value(w, bias);
        return true;
    }
    for (struct json_iter i = json_begin(bias); json_next(&i);) {
        if (!json_int(json_at(i.value, 0), &token) || !json_is_number(json_at(i.value, 1)))
            return false;
    }
    if (!json_count(bias))
        return true;
    json_key(w, "logit_bias");
    json_open_object(w);
    for (struct json_iter i = json_begin(bias); json_next(&i);) {
        char digits[MOST_DIGITS];
        if (!json_int(json_at(i.value, 0), &token) || token < 0)
            continue;
        json_key_slice(w, slice_of_u64(digits, (uint64_t)token));
        json_put_value(w, json_at(i.value, 1));
    }
    json_close_object(w);
    return true;
}

/* False: the common form has no word for this value. */
static bool put_field(struct json_writer *w, const struct field *f, const struct json_value *v)
{
    const char *name = f->common ? f->common : f->name;
    int64_t n = 0;
    switch (f->how) {
    case COPY:
        break;
    case PROMPT:
        v = text_of(v);
        break;
    case SEED: /* below zero: any */
        if (!json_int(v, &n) || n < 0)
            return true;
        break;
    case LIMIT:
        if (!json_int(v, &n) || n < 1)
            return true;
        break;
    case BIAS:
        return put_bias(w, v);
    case SILENT:
        return true;
    }
    json_key(w, name);
    json_put_value(w, v);
    return true;
}

static bool says_something(const struct json_value *v)
{
    return v && !json_is_null(v) && !json_is_false(v) && !(json_is_text(v) && !json_text(v).len) &&
           !(json_is_array(v) && !json_count(v));
}

static void note_dropped(struct text *names, struct slice name)
{
    if (names->len + name.len + 1 > MOST_DROPPED || chat_drops(name, chat_row(name)))
        return;
    text_add(names, names->len ? SLICE(",") : SLICE(""));
    text_add(names, name);
}

static void write_common(const struct json_value *root, struct text *out, struct text *dropped)
{
    struct json_writer w = json_writer(out);
    const struct field limit = {"max_tokens", NULL, LIMIT};
    json_open_object(&w);
    for (struct json_iter i = json_begin(root); json_next(&i);) {
        const struct field *f = field_of(i.key);
        bool said = says_something(i.value);
        if (f && !json_is_null(i.value) && !put_field(&w, f, i.value))
            f = NULL;
        if (!f && said)
            note_dropped(dropped, i.key);
    }
    if (!json_get(root, "n_predict") && json_get(root, "max_tokens"))
        put_field(&w, &limit, json_get(root, "max_tokens"));
    json_close_object(&w);
}

/* Why only an engine can do it; NULL: others can. */
static const char *cannot(const struct json_value *root)
{
    int64_t n = 1;
    if (!text_of(json_get(root, "prompt")))
        return "a prompt of tokens, or of several texts, is for an engine of this machine; "
               "send it one text";
    if (says_something(json_get(root, "grammar")) || says_something(json_get(root, "json_schema")))
        return "a grammar or a JSON schema in llama-server's words is for an engine of this "
               "machine";
    if (json_int(json_get(root, "n_predict"), &n) && n == 0)
        return "reading a prompt without an answer is for an engine of this machine";
    return NULL;
}

static enum err add_common(struct arena *arena, struct call *call, struct why *why)
{
    struct json_doc doc;
    struct text common = {0}, dropped = {0};
    enum err e = json_read(call->body, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    call->lacks = cannot(doc.root);
    bool can = !call->lacks;
    if (can)
        write_common(doc.root, &common, &dropped);
    json_done(&doc);
    if (can) {
        call->dropped = arena_dup(arena, text_slice(&dropped));
        e = codec_common(arena, call, CALL_COMPLETE, &common, why);
    }
    text_fini(&dropped);
    return e;
}

static enum err decode_call(struct arena *arena, struct call *call, struct why *why)
{
    enum err e = openai_decode_call(arena, call, why);
    if (e)
        return e;
    call->lacks = "only an engine of this machine can tell";
    return call->kind == CALL_COMPLETE ? add_common(arena, call, why) : OK;
}

const struct codec llama_codec = {.name = "llama", .decode_call = decode_call};
