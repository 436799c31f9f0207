/* ollama_call: what the files that read a call in Ollama's words share. */
#pragma once

#include "dialect/codec.h"

struct ollama_reading { /* of one call */
    struct call *call;
    const struct json_value *root;
    struct json_writer *w; /* the common form */
    struct text *dropped;
    struct why *why;
};

void ollama_drop(struct text *dropped, struct slice name);

/* ollama_options.c: the members of `options`. */
enum err ollama_put_options(const struct ollama_reading *r);

/* ollama_messages.c: `messages` of a chat; those that `system`, `prompt`, `images` come to. */
enum err ollama_put_messages(const struct ollama_reading *r);
enum err ollama_put_prompt(const struct ollama_reading *r);
