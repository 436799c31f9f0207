/* voice: what a dialect has to bring for those who speak it; one row of functions each, in
 * reply.c's table. */
#pragma once

#include "reply/reply.h"

struct voice {
    void (*write_error)(const struct why *why, struct text *out);
    void (*write_error_event)(const struct why *why, struct text *out);
    void (*write_models)(const struct model_entry *models, size_t n, struct text *out);
};

extern const struct voice openai_voice;
