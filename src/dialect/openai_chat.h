/* openai_chat: what the files that read a call share: the table of its fields, and
 * what is kept of them while it is read. */
#pragma once

#include "dialect/codec.h"

#define MOST_INT 2147483647
#define MOST_SCHEMA (256 * 1024)    /* bytes of a schema, a grammar, a tool */
#define MOST_LOOK_BACK (256 * 1024) /* tokens: an engine takes memory for each of them */

struct chat_fields { /* lives as long as the document */
    struct slice model, grammar;
    bool stream, has_system, remote_pictures;
    int64_t n;           /* answers */
    size_t tools_len;    /* as the caller wrote them */
    size_t text, tokens; /* bytes of all that a model has to read, numbers of a prompt of such */
    enum call_kind kind;
    const struct json_value *messages, *prompt, *input, *tools, *stop, *stream_options, *logit_bias,
        *samplers, *breakers, *json_schema, *response_format;
};

enum chat_role {
    CHAT_PASS,
    CHAT_DROP,
    CHAT_TRUTH, /* a chat says yes or no here, the other kinds a number */
    CHAT_LIMIT, /* -1: none, which is said by leaving it out */
    CHAT_MODEL,
    CHAT_STREAM,
    CHAT_OPTIONS,
    CHAT_MESSAGES,
    CHAT_TOOLS,
    CHAT_SCHEMA /* no larger than MOST_SCHEMA as the caller wrote it */
};

struct chat_row {
    struct json_field field;
    size_t len; /* of its name */
    enum chat_role role;
    unsigned char bit; /* in struct call's named */
    bool kept;         /* in struct chat_fields */
};

/* openai_fields.c */
const struct chat_row *chat_row(struct slice name); /* NULL: not known */
const struct chat_row *chat_row_at(size_t i);       /* in the table's order; NULL behind the last */
bool chat_drops(struct slice name, const struct chat_row *row);

/* picture.c: may this be a picture's address? *ret_remote: it lies elsewhere. */
enum err picture_judge(struct slice url, const char *param, bool *ret_remote, struct why *why);
/* A file in base64 without an address: a picture, or sound. */
enum err picture_judge_bare(struct slice coded, const char *param, struct why *why);

/* openai_judge.c: what a row of a table cannot say. */
enum err chat_judge(struct chat_fields *f, struct why *why);
