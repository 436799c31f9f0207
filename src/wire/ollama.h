/* ollama: what the files that speak Ollama's words with a target share. */
#pragma once

#include "wire/codec.h"

/* ollama_messages.c: `messages` of a chat. */
enum err ollama_write_messages(const struct json_value *messages, struct json_writer *w,
                               struct why *why);
/* ollama_encode.c */
enum err ollama_encode(const struct common_call *c, struct text *out, struct text *dropped,
                       struct why *why);
/* ollama_event.c */
struct usage ollama_usage(const struct json_value *root);
/* ollama_whole.c */
enum err ollama_translate(struct decoder *d, struct slice body, struct text *out, struct why *why);
