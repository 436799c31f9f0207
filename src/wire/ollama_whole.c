/* ollama_whole: an answer that came as one object from a target that speaks Ollama's words, in the
 * common form: a text, or vectors. */
#include "wire/ollama.h"

static void put_text_object(const struct decoder *d, const struct json_value *root,
                            struct json_writer *w)
{
    struct usage usage = ollama_usage(root);
    struct slice reason = json_text(json_get(root, "done_reason"));
    json_open_object(w);
    json_put_pair(w, "id", SLICE("cmpl-0"));
    json_put_pair(w, "object", SLICE("text_completion"));
    json_key(w, "created");
    json_put_u64(w, d->now_s);
    json_put_pair(w, "model", d->model);
    json_key(w, "choices");
    json_open_array(w);
    json_open_object(w);
    json_key(w, "index");
    json_put_u64(w, 0);
    json_put_pair(w, "text", json_text(json_get(root, "response")));
    json_key(w, "logprobs");
    json_put_null(w);
    json_put_pair(w, "finish_reason", slice_is(reason, SLICE("length")) ? reason : SLICE("stop"));
    json_close_object(w);
    json_close_array(w);
    json_key(w, "usage");
    common_put_usage(w, &usage);
    json_close_object(w);
}

static void put_vectors(const struct decoder *d, const struct json_value *root,
                        struct json_writer *w)
{
    int64_t n = 0;
    unsigned index = 0;
    if (!tokens_told(json_get(root, "prompt_eval_count"), &n))
        n = 0;
    json_open_object(w);
    json_put_pair(w, "object", SLICE("list"));
    json_put_pair(w, "model", d->model);
    json_key(w, "data");
    json_open_array(w);
    for (struct json_iter i = json_begin(json_get(root, "embeddings")); json_next(&i);) {
        json_open_object(w);
        json_put_pair(w, "object", SLICE("embedding"));
        json_key(w, "index");
        json_put_u64(w, index++);
        json_key(w, "embedding");
        json_put_value(w, i.value);
        json_close_object(w);
    }
    json_close_array(w);
    json_key(w, "usage");
    json_open_object(w);
    json_key(w, "prompt_tokens");
    json_put_int(w, n);
    json_key(w, "total_tokens");
    json_put_int(w, n);
    json_close_object(w);
    json_close_object(w);
}

enum err ollama_translate(struct decoder *d, struct slice body, struct text *out, struct why *why)
{
    static const struct json_limits limits = {.depth = 64, .values = 8000000};
    struct json_doc doc;
    struct json_writer w = json_writer(out);
    enum err e = json_read(body, &limits, NULL, &doc, why);
    if (e)
        return e;
    bool vectors = d->wire.kind == CALL_EMBED;
    const struct json_value *error = json_get(doc.root, "error");
    if (json_is_text(error))
        e = codec_refusal(500, error, why);
    else if (vectors ? !json_is_array(json_get(doc.root, "embeddings"))
                     : !json_is_text(json_get(doc.root, "response")))
        e = why_set(why, ERR_BAD_RESPONSE, "its answer holds nothing of what was asked for");
    else if (vectors)
        put_vectors(d, doc.root, &w);
    else
        put_text_object(d, doc.root, &w);
    json_done(&doc);
    return e ? e : out->failed ? ERR_NO_MEMORY : OK;
}
