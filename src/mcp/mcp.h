/* mcp: the Model Context Protocol as lines: what a line of a client asks for, what the daemon is to
 * be asked for it, and the lines that answer. Pure: no descriptor, no clock. It offers two tools,
 * and speaks both eras of the protocol in one process: revision 2026-07-28, in which every request
 * says what it needs in its _meta, and the older ones that begin with `initialize`.
 *
 * A line is one JSON-RPC message. What is wrong with one is said in an answer, with its id where
 * that could be read; nothing that a client sends ends the conversation. */
#pragma once

#include "base/json.h"

#define MCP_LINE_MOST (8u << 20)  /* bytes of a line that is taken */
#define MCP_TEXT_MOST (16u << 20) /* bytes of a completion */

enum mcp_tool { MCP_COMPLETE, MCP_EMBED, MCP_TOOLS };

struct mcp {           /* one client; zero-filled is valid */
    const char *model; /* for a completion that names none; NULL: as the daemon likes */
    bool begun;        /* it said `initialize` */
    bool plain;        /* in a version that knows no structured content */
};

enum mcp_step {
    MCP_NOTHING, /* there is nothing to say to it */
    MCP_ANSWER,  /* *out got the answer */
    MCP_CALL,    /* *ret_call is to be worked on, and answered once */
    MCP_CANCEL,  /* the call with the id of *ret_call is to end, without an answer */
};

struct mcp_call {          /* zero-filled is valid; ended by mcp_call_fini */
    struct text id, token; /* as JSON; no token: it wants to hear of no progress */
    struct text body;      /* for the daemon, at mcp_target() */
    struct text model;     /* that is asked; empty: none is named */
    enum mcp_tool tool;
    size_t inputs; /* texts to embed */
    bool modern, plain;
};
void mcp_call_fini(struct mcp_call *call);
const char *mcp_target(enum mcp_tool tool); /* the path that is to be asked, by POST */

/* One line, with its end or without. */
enum mcp_step mcp_take(struct mcp *m, struct slice line, struct mcp_call *ret_call,
                       struct text *out);
void mcp_too_long(struct text *out); /* the answer to a line of more than MCP_LINE_MOST */
void mcp_same_id(struct text *out);  /* to a call whose id another one has that is worked on */

/* ---- what the daemon says ---- */

struct mcp_reply {                            /* zero-filled is valid; ended by mcp_reply_fini */
    struct text text, model, finish;          /* of a completion */
    struct text vectors;                      /* as JSON, an array of arrays */
    struct text error;                        /* what failed, for a person; empty: nothing did */
    int64_t prompt_tokens, completion_tokens; /* 0: not told */
    size_t pieces;                            /* of text that came so far */
    size_t dimensions;
    bool done; /* it is whole */
};
void mcp_reply_fini(struct mcp_reply *r);
/* An event of a completion's stream. False: that is enough, of an error too. */
bool mcp_reply_event(struct mcp_reply *r, struct slice data);
/* An answer that is no stream. */
void mcp_reply_body(struct mcp_reply *r, const struct mcp_call *call, int status,
                    struct slice body);

/* ---- the lines that answer ---- */

/* What came of the call; a reply that is neither done nor has an error broke off. */
void mcp_write_result(const struct mcp_call *call, const struct mcp_reply *r, struct text *out);
void mcp_write_failure(const struct mcp_call *call, struct slice words, struct text *out);
/* progress must grow from one to the next. Nothing without a token. */
void mcp_write_progress(const struct mcp_call *call, double progress, struct slice words,
                        struct text *out);
