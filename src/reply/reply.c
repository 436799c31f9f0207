/* reply: the table of voices. */
#include "reply/voice.h"

static const struct voice *const voices[DIALECT_COUNT] = {
    [DIALECT_NONE] = &openai_voice, /* whoever has no dialect is answered in the common one */
    [DIALECT_OPENAI] = &openai_voice,
};

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
