/* llama: llama-server's own words, which only engines of ours are spoken to in. They go there and
 * back as they are, but for the model's name. */
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
    return json_int(json_get(chunk, name), &n) ? n : -1;
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

const struct codec llama_wire = {
    .manner = {.rooted = true, .key = {"authorization", 13}, .word = {"Bearer ", 7}},
    .path = path,
    .encode_own = openai_encode_call,
    .decode_own = decode_own,
    .read_refusal = openai_read_refusal,
};
