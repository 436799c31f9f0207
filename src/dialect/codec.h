/* codec: what a wire format has to bring; one row of functions each, in dialect.c's table. */
#pragma once

#include "dialect/dialect.h"

struct codec {
    const char *name;
    const char *(*path)(enum call_kind kind);
    enum err (*decode_call)(struct slice body, struct arena *arena, struct call *call,
                            struct why *why);
    enum err (*encode_call)(const struct call *c, const struct target *t, struct text *out);
    enum err (*decode_event)(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why);
    enum err (*read_refusal)(int status, struct slice body, struct why *why);
    void (*write_error)(const struct why *why, struct text *out);
    void (*write_error_event)(const struct why *why, struct text *out);
    void (*write_models)(const struct model_entry *models, size_t n, struct text *out);
};

extern const struct codec openai_codec;

/* openai_event.c */
enum err openai_decode_event(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why);
enum err openai_read_refusal(int status, struct slice body, struct why *why);
enum delta_field { /* what stands in the `delta` of a choice */
                   DELTA_ROLE,
                   DELTA_CONTENT,
                   DELTA_REFUSAL,
                   DELTA_TOOLS,
                   DELTA_FUNCTION,
                   DELTA_REASONING_CONTENT,
                   DELTA_REASONING,
                   DELTA_FIELDS
};
void openai_pick_delta(const struct json_value *delta, const struct json_value *ret[DELTA_FIELDS]);
/* openai_alike.c */
bool openai_alike(struct decoder *d, struct slice raw, struct slice data, struct event *event);
void openai_learn(struct decoder *d, struct slice raw, struct slice data,
                  const struct event *event);
/* openai_call.c */
enum err openai_decode_call(struct slice body, struct arena *arena, struct call *call,
                            struct why *why);
/* openai_encode.c */
enum err openai_encode_call(const struct call *c, const struct target *t, struct text *out);
