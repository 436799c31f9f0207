/* voice: what a dialect has to bring for those who speak it; one row of functions each, in
 * reply.c's table. */
#pragma once

#include "reply/reply.h"

struct timings { /* as llama-server tells them; 0: not told */
    double prompt_ms, answer_ms;
};

struct teller {
    struct hearer hearer;
    const struct voice *voice;
    bool begun;            /* something of the answer was told */
    struct text id, model; /* of the answer in the common form, as text */
    uint64_t created_s;
    struct text finish; /* its reason; empty: not told yet */
    struct usage usage;
    struct timings timings;
    unsigned block, tools; /* for voices that count parts: the one that is open, calls so far */
    int open;              /* what it is; 0: none is */
    struct text kept;      /* what cannot be told yet */
    struct text scratch;
};

struct said { /* one choice of a chunk, or of an object, in the common form */
    uint64_t index;
    struct slice text, reasoning, refusal;
    struct slice finish;            /* empty: not over */
    const struct json_value *tools; /* a list; NULL: none */
    const struct json_value *logprobs;
};

struct voice {
    bool lines; /* a stream has no room for comments */
    /* All that is told of a stream in the common form; each adds to *out. begin may be NULL. */
    void (*begin)(struct teller *t, struct text *out);
    /* Text or reasoning alone, as it stands between a JSON string's quotes. */
    void (*piece)(struct teller *t, enum event_kind kind, struct slice piece, struct text *out);
    void (*said)(struct teller *t, const struct said *s, struct text *out);
    void (*end)(struct teller *t, struct text *out);
    /* An object in the common form. */
    void (*write_object)(const struct hearer *l, const struct json_value *object, struct text *out);
    void (*write_error)(const struct why *why, struct text *out);
    void (*write_error_event)(const struct why *why, struct text *out);
    /* Of those who list them as OpenAI or Anthropic do. */
    void (*put_model)(const struct model_entry *model, struct json_writer *w);
    void (*write_models)(const struct model_entry *models, size_t n, struct text *out);
};

extern const struct voice openai_voice, openai_text_voice, fim_voice, llama_voice, anthropic_voice,
    ollama_voice;

const struct voice *voice_of(const struct hearer *l);
/* A choice's message, delta or text. */
struct said said_read(const struct json_value *choice);
struct usage usage_read(const struct json_value *usage);
void usage_put(struct json_writer *w, const struct usage *u); /* the member, as a text has it */
void teller_name(struct teller *t, const struct json_value *object); /* its id, model and time */
/* A `piece` for those who tell text alone. */
void voice_text_as_said(struct teller *t, enum event_kind kind, struct slice piece,
                        struct text *out);
struct timings timings_read(const struct json_value *timings);
/* What is told of an error, in one text. */
void voice_error_words(const struct why *why, struct text *out);
