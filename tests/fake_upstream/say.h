/* say: what the dialects of the fake upstream share. A dialect is a voice: its path, and the steps
 * of its answer as a row of sections. The same script gives the same steps in each, so that a fault
 * at step 5 strikes at the same place of the answer. */
#pragma once

#include "fake.h"

struct section {
    int64_t (*count)(const struct play *p); /* of its steps */
    /* One of the two. json: one object, which the voice then clothes; bytes: clothed already. */
    void (*json)(const struct play *p, int i, struct json_writer *w);
    void (*bytes)(const struct play *p, int i, struct text *out);
};

enum streams { STREAMS_NEVER, STREAMS_IF_TRUE, STREAMS_UNLESS_FALSE };

struct voice {
    const char *path; /* how it ends */
    enum streams streams;
    bool lines, request_id; /* lines of JSON, no SSE; the header that only Anthropic has */
    const struct section *sections;
    size_t count;
    void (*object)(const struct play *p, struct json_writer *w);
    void (*error)(const struct play *p, struct json_writer *w);
    const char *error_event; /* the name of the event that tells an error; NULL: it has none */
};

/* Adds one event. name: of the SSE event, NULL for none. */
void say_event(const struct play *p, const char *name, struct slice json, struct text *out);

const char *say_eol(const struct play *p); /* how its lines end */
void say_int(struct json_writer *w, const char *key, int64_t n);
void say_null(struct json_writer *w, const char *key);
struct slice say_model(const struct play *p);
void say_model_pair(struct json_writer *w, const struct play *p); /* the decoy too, if asked for */
void say_words(struct json_writer *w, const struct play *p, int i); /* the text of event i */
void say_all_words(struct json_writer *w, const struct play *p);    /* of all of them */
void say_thought(struct json_writer *w, int i);
void say_all_thoughts(struct json_writer *w, const struct play *p);
struct slice say_refusal(void);
int64_t say_tokens(const struct play *p);                             /* of the answer */
struct slice say_message(const struct play *p, char *room, size_t n); /* of an error */

/* A tool's call: its name, its id, and its arguments in three parts, the first of them empty. */
enum { TOOL_PARTS = 3, TOOL_NAME = 64 };
void say_tool_name(struct json_writer *w, const struct play *p, int call);
void say_tool_id(struct json_writer *w, const struct play *p, const char *prefix, int call);
struct slice say_tool_args(const struct play *p, int part); /* part -1: all */

int64_t count_one(const struct play *p);
int64_t count_choices(const struct play *p);
int64_t count_reasoning(const struct play *p);
int64_t count_content(const struct play *p);
int64_t count_refusals(const struct play *p);
int64_t count_tools(const struct play *p);
int64_t count_junk(const struct play *p);
int64_t count_finishes(const struct play *p);
int64_t count_done(const struct play *p);
void write_nothing(const struct play *p, int i, struct text *out);
void write_junk(const struct play *p, int i, struct text *out);

extern const struct voice say_chat, say_completion, say_infill;
extern const struct voice say_messages, say_count;
extern const struct voice say_ollama_chat, say_ollama_generate;
extern const struct voice say_embeddings, say_ollama_embed, say_ollama_embeddings;
