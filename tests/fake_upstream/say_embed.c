/* Vectors, as OpenAI and as Ollama tell them. They follow from the bytes of what is embedded alone,
 * and each number is one that a float holds exactly: so all ways to tell it give the same. */
#include "fake_common/frame.h"
#include "say.h"

/* Number i of the vector of an input: a multiple of 1/1024 between -1 and 1. */
static float number_at(uint64_t hash, int64_t i)
{
    uint64_t h = frame_hash((struct slice){(const char *)&hash, sizeof(hash)}) + (uint64_t)i;
    h = frame_hash((struct slice){(const char *)&h, sizeof(h)});
    return (float)((int64_t)(h >> 20 & 2047) - 1024) / 1024.0f;
}

static void put_floats(struct json_writer *w, const struct play *p, int64_t input)
{
    json_open_array(w);
    for (int64_t i = 0; i < p->asked.dimensions; i++)
        json_put_number(w, (double)number_at(p->asked.input_hashes[input], i));
    json_close_array(w);
}

static void put_base64(struct json_writer *w, const struct play *p, int64_t input)
{
    struct text bytes = {0}, t = {0};
    for (int64_t i = 0; i < p->asked.dimensions; i++) {
        float f = number_at(p->asked.input_hashes[input], i);
        uint32_t bits;
        memcpy(&bits, &f, sizeof(bits));
        for (int shift = 0; shift < 32; shift += 8)
            text_byte(&bytes, (char)(bits >> shift & 255));
    }
    frame_base64(text_slice(&bytes), &t);
    json_put_text(w, text_slice(&t));
    text_fini(&bytes);
    text_fini(&t);
}

static void put_list(const struct play *p, struct json_writer *w)
{
    json_open_object(w);
    json_put_pair(w, "object", SLICE("list"));
    json_key(w, "data");
    json_open_array(w);
    for (int64_t i = 0; i < p->asked.inputs; i++) {
        json_open_object(w);
        json_put_pair(w, "object", SLICE("embedding"));
        say_int(w, "index", i);
        json_key(w, "embedding");
        if (p->asked.base64)
            put_base64(w, p, i);
        else
            put_floats(w, p, i);
        json_close_object(w);
    }
    json_close_array(w);
    say_model_pair(w, p);
    json_key(w, "usage");
    json_open_object(w);
    say_int(w, "prompt_tokens", p->script.shape.prompt_tokens);
    say_int(w, "total_tokens", p->script.shape.prompt_tokens);
    json_close_object(w);
    json_close_object(w);
}

static void put_ollama(const struct play *p, struct json_writer *w)
{
    json_open_object(w);
    say_model_pair(w, p);
    json_key(w, "embeddings");
    json_open_array(w);
    for (int64_t i = 0; i < p->asked.inputs; i++)
        put_floats(w, p, i);
    json_close_array(w);
    say_int(w, "total_duration", 3000000);
    say_int(w, "load_duration", 1000000);
    say_int(w, "prompt_eval_count", p->script.shape.prompt_tokens);
    json_close_object(w);
}

static void put_old_ollama(const struct play *p, struct json_writer *w)
{
    json_open_object(w);
    json_key(w, "embedding");
    put_floats(w, p, 0);
    json_close_object(w);
}

static void put_error(const struct play *p, struct json_writer *w)
{
    say_chat.error(p, w);
}

static void put_ollama_error(const struct play *p, struct json_writer *w)
{
    say_ollama_chat.error(p, w);
}

const struct voice say_embeddings = {
    .path = "/v1/embeddings", .object = put_list, .error = put_error};
const struct voice say_ollama_embed = {
    .path = "/api/embed", .object = put_ollama, .error = put_ollama_error};
const struct voice say_ollama_embeddings = {
    .path = "/api/embeddings", .object = put_old_ollama, .error = put_ollama_error};
