/* openai_voice: errors and the list of models as OpenAI writes them. */
#include "reply/voice.h"

static void write_error(const struct why *why, struct text *out)
{
    const struct err_row *row = err_row(why->code);
    struct json_writer w = json_writer(out);
    struct text message = {0};
    voice_error_words(why, &message);
    json_open_object(&w);
    json_key(&w, "error");
    json_open_object(&w);
    json_put_pair(&w, "message", text_slice(&message));
    json_put_pair(&w, "type", slice_of(row->type));
    json_key(&w, "param");
    if (why->param[0])
        json_put_text(&w, slice_of(why->param));
    else
        json_put_null(&w);
    json_put_pair(&w, "code", slice_of(row->code));
    json_close_object(&w);
    json_close_object(&w);
    text_fini(&message);
}

static void write_error_event(const struct why *why, struct text *out)
{
    text_add(out, SLICE("data: "));
    write_error(why, out);
    text_add(out, SLICE("\n\n"));
}

static void write_models(const struct model_entry *models, size_t n, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "object", SLICE("list"));
    json_key(&w, "data");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(&w);
        json_put_pair(&w, "id", models[i].name);
        json_put_pair(&w, "object", SLICE("model"));
        json_key(&w, "created");
        json_put_u64(&w, models[i].changed_ms / 1000); /* 0 as others who do not know */
        json_put_pair(&w, "owned_by", models[i].owner);
        if (models[i].context) {
            json_key(&w, "context_length");
            json_put_u64(&w, models[i].context);
            json_key(&w, "max_model_len"); /* the same, as others look for it */
            json_put_u64(&w, models[i].context);
        }
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
}

const struct voice openai_voice = {
    .write_error = write_error,
    .write_error_event = write_error_event,
    .write_models = write_models,
};
