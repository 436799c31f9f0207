/* codec: what a wire format has to bring to be spoken with targets; one row each, in wire.c's
 * table. A function that is NULL is never needed: who speaks the common form translates nothing. */
#pragma once

#include "wire/wire.h"

struct common_call { /* what an encoder is given */
    const struct json_value *root;
    const struct wire *wire;
    const struct target *target;
    bool stream; /* the caller's wish; a chat is always asked for in events */
};

struct codec {
    struct manner manner;
    const char *(*path)(enum call_kind kind); /* NULL: it has no such call */
    /* The caller's own words, for a target that speaks as he does. */
    enum err (*encode_own)(const struct call *c, const struct target *t, struct text *out);
    /* A call in the common form; w tells which kind, and whether in events. Adds the names of
     * fields that it has no word for to *dropped, commas between. */
    enum err (*encode)(const struct common_call *c, struct text *out, struct text *dropped,
                       struct why *why);
    /* One event; sets kind, ready, json and parsed, and raw as it leaves. */
    enum err (*decode_own)(struct decoder *d, struct slice raw, struct slice data,
                           struct event *event, struct why *why);
    enum err (*decode)(struct decoder *d, struct slice data, struct event *event, struct why *why);
    /* A whole answer in the caller's own words, as it leaves. NULL: only its model changes. */
    enum err (*own_object)(struct decoder *d, const struct json_value *root, struct event *event);
    /* A whole answer, into the common form. */
    enum err (*translate)(struct decoder *d, struct slice body, struct text *out, struct why *why);
    enum err (*read_refusal)(int status, struct slice body, struct why *why);
};

extern const struct codec openai_wire, anthropic_wire, ollama_wire, llama_wire;

/* openai_encode.c */
enum err openai_encode_call(const struct call *c, const struct target *t, struct text *out);
/* openai_event.c */
enum err openai_decode_event(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why);
enum err openai_read_refusal(int status, struct slice body, struct why *why);
/* What a status and an error object mean, whoever's they are. */
enum err codec_refusal(int status, const struct json_value *error, struct why *why);
/* Puts the caller's name for the model where this stands in the object; *edited is used for it. */
enum err codec_edit_model(struct decoder *d, struct event *event);
/* anthropic_event.c */
enum err anthropic_decode_own(struct decoder *d, struct slice raw, struct slice data,
                              struct event *event, struct why *why);
enum err anthropic_decode(struct decoder *d, struct slice data, struct event *event,
                          struct why *why);
enum err anthropic_read_refusal(int status, struct slice body, struct why *why);
int64_t anthropic_prompt(const struct json_value *usage); /* tokens; -1: not told */
/* vectors.c: are the vectors of an answer in the common form as they were asked for? Else: turn. */
bool vectors_are_sound(const struct json_value *root); /* there are some, all of one kind */
bool vectors_fit(const struct decoder *d, const struct json_value *root);
enum err vectors_turn(struct decoder *d, const struct json_value *root, struct event *event,
                      struct why *why);
/* openai_alike.c */
bool openai_alike(struct decoder *d, struct slice raw, struct slice data, struct event *event);
void openai_learn(struct decoder *d, struct slice raw, struct slice data,
                  const struct event *event);

/* ---- common.c: events in the common form, for who translates into it. Each fills *event; what it
 * points to lives until the next call. ---- */
enum err common_head(struct decoder *d, struct event *event);
enum err common_text(struct decoder *d, enum event_kind kind, struct slice text,
                     struct event *event);
struct common_tool {
    unsigned index;
    struct slice id, name; /* ptr NULL: said before */
    struct slice arguments;
};
enum err common_tool(struct decoder *d, const struct common_tool *tool, struct event *event);
enum err common_finish(struct decoder *d, struct slice reason, struct event *event);
enum err common_usage(struct decoder *d, const struct usage *usage, struct event *event);
void common_end(struct event *event);
void common_put_usage(struct json_writer *w, const struct usage *usage); /* the object */
