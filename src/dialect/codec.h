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
};

extern const struct codec openai_codec;

/* openai_event.c */
enum err openai_decode_event(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why);
enum err openai_read_refusal(int status, struct slice body, struct why *why);
/* openai_alike.c */
bool openai_alike(struct decoder *d, struct slice raw, struct slice data, struct event *event);
void openai_learn(struct decoder *d, struct slice raw, struct slice data,
                  const struct event *event);
/* openai_call.c */
enum err openai_decode_call(struct slice body, struct arena *arena, struct call *call,
                            struct why *why);
/* openai_encode.c */
enum err openai_encode_call(const struct call *c, const struct target *t, struct text *out);
