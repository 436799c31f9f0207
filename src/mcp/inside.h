/* inside: what the files of this room share. */
#pragma once

#include "mcp/mcp.h"

/* JSON-RPC's codes, and those of the protocol. */
enum code {
    NOT_JSON = -32700,
    NOT_A_REQUEST = -32600,
    NO_METHOD = -32601,
    BAD_PARAMS = -32602,
    NO_VERSION = -32022,
};

/* answer.c: a line. id empty: it could not be read. */
void line_open(struct json_writer *w, struct slice id, bool modern); /* into its result */
void line_close(struct json_writer *w);
struct json_writer line_open_error(struct text *out, struct slice id, int code,
                                   const char *words); /* into its error */
void line_error(struct text *out, struct slice id, int code, const char *format, ...) PRINTF(4, 5);
void line_server(struct json_writer *w, const char *key); /* who we are */

/* tools.c */
struct arguments { /* of a call, as they came */
    struct slice prompt, heed, model;
    const struct json_value *messages, *stop, *input;
    int64_t max_tokens; /* 0: not said */
    double temperature; /* below 0: not said */
};
bool tool_find(struct slice name, enum mcp_tool *ret_tool);
void tools_write(struct json_writer *w); /* the array of all */
/* Checks what is given (NULL: nothing), and makes the daemon's body, model and inputs of it. usual:
 * see struct mcp. */
enum err tool_take(const struct json_value *given, const char *usual, struct mcp_call *call,
                   struct why *why) MUST_USE;
