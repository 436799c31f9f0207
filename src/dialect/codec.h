/* codec: what a wire format has to bring to read its calls; one row each, in dialect.c's table. */
#pragma once

#include "dialect/dialect.h"

struct codec {
    const char *name;
    /* call: kind, dialect and body are set. What has a common form gets it: codec_common. */
    enum err (*decode_call)(struct arena *arena, struct call *call, struct why *why);
};

extern const struct codec openai_codec, anthropic_codec, ollama_codec, llama_codec;

#define CODEC_MORE 1024u /* bytes that a call may grow by in the common form, usually */

/* openai_call.c: reads and judges a call in the common form, or in llama-server's own words. */
enum err openai_decode_call(struct arena *arena, struct call *call, struct why *why);
/* The caller's own bytes for a target that speaks as he does: where the model stands, and what is
 * never passed on. The body is known to be valid. */
enum err codec_note_own(struct arena *arena, struct call *call, struct why *why);
/* The common form of a call, judged like one that came so; *json moves into the arena. What it
 * says of model, stream and the like holds for the call too. */
enum err codec_common(struct arena *arena, struct call *call, enum call_kind kind,
                      struct text *json, struct why *why);
