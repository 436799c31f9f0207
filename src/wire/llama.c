/* llama: llama-server's own words, which only engines of ours are spoken to in. They go there and
 * back as they are, but for the model's name, and for what others or this machine would be known
 * by: paths, and what stands in slots. What belongs into a gap is also asked for in the common
 * form, and then translated. */
#include "wire/codec.h"

static const char *path(enum call_kind kind)
{
    static const char *const paths[CALL_COUNT] = {
        [CALL_COMPLETE] = "/completion",
        [CALL_INFILL] = "/infill",
        [CALL_TOKENIZE] = "/tokenize",
        [CALL_DETOKENIZE] = "/detokenize",
        [CALL_TEMPLATE] = "/apply-template",
        [CALL_PROPS] = "/props",
        [CALL_SLOTS] = "/slots",
        [CALL_ADAPTERS] = "/lora-adapters",
    };
    return paths[kind];
}

static int64_t number_of(const struct json_value *chunk, const char *name)
{
    int64_t n;
    return tokens_told(json_get(chunk, name), &n) ? n : -1;
}

/* The last one says `stop` and has the numbers; nothing follows it. */
static enum err decode_own(struct decoder *d, struct slice raw, struct slice data,
                           struct event *event, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(data, &json_usual_limits, &d->scratch, &doc, why);
    if (e)
        return e == ERR_NO_MEMORY ? e
                                  : why_set(why, ERR_BAD_RESPONSE, "an event is not valid JSON");
    const struct json_value *error = json_get(doc.root, "error");
    if (error && !json_is_null(error))
        return codec_refusal(500, error, why);
    event->raw = raw;
    event->json = data;
    event->parsed = doc.root;
    if (json_text(json_get(doc.root, "content")).len)
        event->kind = EVENT_TEXT;
    if (json_is_true(json_get(doc.root, "stop"))) {
        event->kind = EVENT_END;
        event->usage.prompt = number_of(doc.root, "tokens_evaluated");
        event->usage.completion = number_of(doc.root, "tokens_predicted");
    }
    return OK;
}

/* ---- what is kept to ourselves --------------------------------------------------------------- */

static bool is_shown(struct slice key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_is(key, slice_of(names[i])))
            return true;
    }
    return false;
}

/* Of a slot, how far it is; never whose words are in it, nor what they are to be sampled by. */
static void put_slot(struct json_writer *w, const struct json_value *slot)
{
    static const char *const shown[] = {"id",        "n_ctx",    "speculative",   "is_processing",
                                        "n_decoded", "n_remain", "has_next_token"};
    json_open_object(w);
    for (struct json_iter i = json_begin(slot); json_next(&i);) {
        if (slice_is(i.key, SLICE("next_token"))) {
            json_key(w, "next_token");
            json_open_array(w);
            for (struct json_iter next = json_begin(i.value);
                 json_is_array(i.value) && json_next(&next);)
                put_slot(w, next.value);
            json_close_array(w);
        } else if (is_shown(i.key, shown, COUNT(shown))) {
            json_key_slice(w, i.key);
            json_put_value(w, i.value);
        }
    }
    json_close_object(w);
}

static struct slice last_part(struct slice path)
{
    for (size_t i = path.len; i > 0; i--) {
        if (path.ptr[i - 1] == '/')
            return slice_from(path, i);
    }
    return path;
}

/* An adapter's file, without where it lies. */
static void put_adapter(struct json_writer *w, const struct json_value *adapter)
{
    json_open_object(w);
    for (struct json_iter i = json_begin(adapter); json_next(&i);) {
        json_key_slice(w, i.key);
        if (slice_is(i.key, SLICE("path")))
            json_put_text(w, last_part(json_text(i.value)));
        else
            json_put_value(w, i.value);
    }
    json_close_object(w);
}

static void put_list(struct json_writer *w, const struct json_value *root,
                     void (*put)(struct json_writer *w, const struct json_value *v))
{
    json_open_array(w);
    for (struct json_iter i = json_begin(root); json_is_array(root) && json_next(&i);)
        put(w, i.value);
    json_close_array(w);
}

/* Clients hash the template whether or not there is one. */
static void put_props(struct json_writer *w, const struct json_value *root, struct slice model)
{
    json_open_object(w);
    for (struct json_iter i = json_begin(root); json_next(&i);) {
        bool name = slice_is(i.key, SLICE("model_path")) || slice_is(i.key, SLICE("model_alias"));
        if (slice_is(i.key, SLICE("chat_template")) && !json_is_text(i.value))
            continue;
        json_key_slice(w, i.key);
        if (name)
            json_put_text(w, model);
        else
            json_put_value(w, i.value);
    }
    if (!json_is_text(json_get(root, "chat_template")))
        json_put_pair(w, "chat_template", SLICE(""));
    json_close_object(w);
}

static enum err own_object(struct decoder *d, const struct json_value *root, struct event *event)
{
    struct json_writer w = json_writer(&d->edited);
    text_clear(&d->edited);
    if (d->wire.kind == CALL_PROPS)
        put_props(&w, root, d->model);
    else if (d->wire.kind == CALL_SLOTS)
        put_list(&w, root, put_slot);
    else if (d->wire.kind == CALL_ADAPTERS)
        put_list(&w, root, put_adapter);
    else
        return codec_edit_model(d, event);
    event->raw = event->json = text_slice(&d->edited);
    return d->edited.failed ? ERR_NO_MEMORY : OK;
}

/* ---- what belongs into a gap, asked for and told in the common form -------------------------- */

struct word {
    const char *common, *own;
};
static const struct word words[] = {
    {"prompt", "input_prefix"},
    {"suffix", "input_suffix"},
    {"max_tokens", "n_predict"},
    {"max_completion_tokens", "n_predict"},
    {"stop", "stop"},
    {"temperature", "temperature"},
    {"top_p", "top_p"},
    {"top_k", "top_k"},
    {"min_p", "min_p"},
    {"seed", "seed"},
    {"random_seed", "seed"},
    {"frequency_penalty", "frequency_penalty"},
    {"presence_penalty", "presence_penalty"},
    {"repeat_penalty", "repeat_penalty"},
};
/* Said otherwise, or never passed on. */
static const char *const silent[] = {"model",    "stream",   "stream_options", "hearth",
                                     "api_base", "base_url", "api_key"};

static const char *own_word(struct slice key)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        if (slice_is(key, slice_of(words[i].common)))
            return words[i].own;
    }
    return NULL;
}

static bool has_own(const struct json_value *root, struct slice own)
{
    for (size_t i = 0; i < COUNT(words); i++) {
        if (slice_is(own, slice_of(words[i].own)) && json_get(root, words[i].common))
            return true;
    }
    return false;
}

/* Two names of one thing: the one that stands first in the table. */
static bool is_second(const struct json_value *root, struct slice key, const char *own)
{
    for (size_t i = 0; i < COUNT(words) && !slice_is(key, slice_of(words[i].common)); i++) {
        if (strcmp(words[i].own, own) == 0 && json_get(root, words[i].common))
            return true;
    }
    return false;
}

static void put_sampling(struct json_writer *w, const struct json_value *root,
                         struct slice sampling)
{
    struct slice name;
    struct json_span span;
    for (size_t at = 0; json_next_span(sampling, &at, &name, &span);) {
        if (has_own(root, name))
            continue;
        json_key_slice(w, name);
        json_put_raw(w, (struct slice){sampling.ptr + span.value, span.end - span.value});
    }
}

static enum err encode(const struct common_call *c, struct text *out, struct text *dropped,
                       struct why *why)
{
    struct json_writer w = json_writer(out);
    int64_t n;
    if (!json_is_text(json_get(c->root, "prompt")))
        return why_param(why, ERR_CANNOT, "prompt", "it must be one text");
    json_open_object(&w);
    json_put_pair(&w, "model", c->target->model);
    json_key(&w, "stream");
    json_put_bool(&w, c->stream);
    if (!json_is_text(json_get(c->root, "suffix")))
        json_put_pair(&w, "input_suffix", SLICE(""));
    for (struct json_iter i = json_begin(c->root); json_next(&i);) {
        const char *own = own_word(i.key);
        bool no_limit = own && strcmp(own, "n_predict") == 0 && json_int(i.value, &n) && n < 1;
        if (json_is_null(i.value) || no_limit || is_shown(i.key, silent, COUNT(silent)) ||
            (own && is_second(c->root, i.key, own)))
            continue;
        if (own) {
            json_key(&w, own);
            json_put_value(&w, i.value);
        } else {
            text_add(dropped, dropped->len ? SLICE(",") : SLICE(""));
            text_add(dropped, slice_to(i.key, 64));
        }
    }
    put_sampling(&w, c->root, c->target->sampling);
    if (c->target->ping_s) {
        json_key(&w, "sse_ping_interval");
        json_put_u64(&w, c->target->ping_s);
    }
    json_close_object(&w);
    return OK;
}

static struct slice reason_of(const struct json_value *root)
{
    return slice_is(json_text(json_get(root, "stop_type")), SLICE("limit")) ? SLICE("length")
                                                                            : SLICE("stop");
}

static struct usage usage_of(const struct json_value *root)
{
    struct usage u = NO_USAGE;
    u.prompt = number_of(root, "tokens_evaluated");
    u.completion = number_of(root, "tokens_predicted");
    int64_t cached = number_of(json_get(root, "timings"), "cache_n");
    u.cached = cached > 0 ? cached : 0;
    return u;
}

enum { TEXT, FINISH, USAGE, OVER };

/* The last of their events says four things. */
static enum err decode_last(struct decoder *d, const struct json_value *root, struct event *event)
{
    struct progress *p = &d->progress;
    struct slice text = json_text(json_get(root, "content"));
    if (p->step == TEXT && !text.len)
        p->step = FINISH;
    p->more = p->step != OVER;
    switch (p->step++) {
    case TEXT:
        return common_text(d, EVENT_TEXT, text, event);
    case FINISH:
        return common_finish(d, reason_of(root), event);
    case USAGE: {
        struct usage usage = usage_of(root);
        return common_usage(d, &usage, event);
    }
    default:
        common_end(event);
        return OK;
    }
}

static enum err decode(struct decoder *d, struct slice data, struct event *event, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(data, &json_usual_limits, &d->scratch, &doc, why);
    if (e)
        return e == ERR_NO_MEMORY ? e
                                  : why_set(why, ERR_BAD_RESPONSE, "an event is not valid JSON");
    const struct json_value *error = json_get(doc.root, "error");
    if (error && !json_is_null(error))
        return codec_refusal(500, error, why);
    if (json_is_true(json_get(doc.root, "stop")))
        return decode_last(d, doc.root, event);
    return common_text(d, EVENT_TEXT, json_text(json_get(doc.root, "content")), event);
}

static enum err translate(struct decoder *d, struct slice body, struct text *out, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(body, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e == ERR_NO_MEMORY ? e : why_set(why, ERR_BAD_RESPONSE, "its answer is no JSON");
    struct json_writer w = json_writer(out);
    struct usage usage = usage_of(doc.root);
    json_open_object(&w);
    json_put_pair(&w, "id", SLICE("cmpl-0"));
    json_put_pair(&w, "object", SLICE("text_completion"));
    json_key(&w, "created");
    json_put_u64(&w, d->now_s);
    json_put_pair(&w, "model", d->model);
    json_key(&w, "choices");
    json_open_array(&w);
    json_open_object(&w);
    json_key(&w, "index");
    json_put_u64(&w, 0);
    json_put_pair(&w, "text", json_text(json_get(doc.root, "content")));
    json_key(&w, "logprobs");
    json_put_null(&w);
    json_put_pair(&w, "finish_reason", reason_of(doc.root));
    json_close_object(&w);
    json_close_array(&w);
    json_key(&w, "usage");
    common_put_usage(&w, &usage);
    json_close_object(&w);
    json_done(&doc);
    return out->failed ? ERR_NO_MEMORY : OK;
}

const struct codec llama_wire = {
    .manner = {.rooted = true, .key = {"authorization", 13}, .word = {"Bearer ", 7}},
    .path = path,
    .encode_own = openai_encode_call,
    .encode = encode,
    .decode_own = decode_own,
    .decode = decode,
    .own_object = own_object,
    .translate = translate,
    .read_refusal = openai_read_refusal,
};
