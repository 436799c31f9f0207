/* reply: the table of voices. */
#include "reply/voice.h"

static const struct voice *const voices[DIALECT_COUNT] = {
    [DIALECT_NONE] = &openai_voice, /* whoever has no dialect is answered in the common one */
    [DIALECT_OPENAI] = &openai_voice,
    [DIALECT_ANTHROPIC] = &anthropic_voice,
    [DIALECT_OLLAMA] = &ollama_voice,
    [DIALECT_LLAMA] = &openai_voice, /* its errors; of a text it has words of its own */
};

const struct voice *voice_of(const struct hearer *l)
{
    bool common = voices[l->dialect] == &openai_voice;
    if (common && l->kind == CALL_INFILL)
        return &fim_voice;
    if (common && l->kind == CALL_COMPLETE)
        return l->dialect == DIALECT_LLAMA ? &llama_voice : &openai_text_voice;
    return voices[l->dialect];
}

void voice_error_words(const struct why *why, struct text *out)
{
    text_add(out, slice_of(why->text));
    text_format(out, "%s%s", out->len ? ". " : "", err_row(why->code)->words);
}

void reply_write_error(enum dialect d, const struct why *why, struct text *out)
{
    voices[d]->write_error(why, out);
}

void reply_write_error_event(enum dialect d, const struct why *why, struct text *out)
{
    voices[d]->write_error_event(why, out);
}

void reply_write_models(enum dialect d, const struct model_entry *models, size_t n,
                        struct text *out)
{
    voices[d]->write_models(models, n, out);
}

void reply_write_model(enum dialect d, const struct model_entry *model, struct text *out)
{
    struct json_writer w = json_writer(out);
    voices[d]->put_model(model, &w);
}
