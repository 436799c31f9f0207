/* dialect: one call and one event, whichever dialect somebody speaks; a codec for each wire format.
 * Same dialect on both sides: the caller's own bytes go on with a short list of edits, the answer's
 * events come back but for a few fields. Else a call goes through the common form, which is
 * OpenAI's JSON, the one that engines speak; so do the events on their way back. Pure. */
#pragma once

#include "base/arena.h"
#include "base/edits.h"
#include "base/json.h"

enum dialect {
    DIALECT_NONE,
    DIALECT_OPENAI,
    DIALECT_ANTHROPIC,
    DIALECT_OLLAMA,
    DIALECT_LLAMA, /* llama-server's own words: engines of ours understand them */
    DIALECT_COUNT
};

enum call_kind {
    CALL_NONE,
    CALL_CHAT,
    CALL_COMPLETE,
    CALL_EMBED,
    CALL_RERANK,
    CALL_TRANSCRIBE,
    CALL_SPEAK,
    CALL_PICTURE,
    CALL_INFILL,   /* what belongs into a gap */
    CALL_TOKENS,   /* how many a chat would be */
    CALL_VECTOR,   /* one text's vector, as Ollama's older clients ask for it */
    CALL_TOKENIZE, /* from here on: what only an engine knows */
    CALL_DETOKENIZE,
    CALL_TEMPLATE,
    CALL_PROPS,
    CALL_SLOTS,
    CALL_ADAPTERS,
    CALL_COUNT
};

/* ---- call ---- */
enum call_wish {
    WISH_NONE,
    WISH_LOAD,
    WISH_UNLOAD
}; /* no call: the model into memory, out of it */
struct call {
    enum call_kind kind;
    enum dialect dialect;
    enum call_wish wish; /* then there is no common form */
    struct slice model;  /* as the caller wrote it; "" when not at all. In the arena */
    bool stream, wants_usage, has_system;
    bool base64;                 /* vectors are wanted so */
    bool fetches;                /* it names something that whoever answers has to fetch */
    uint64_t least_tokens;       /* so many, or more, stand in what is to be read */
    bool unscaled;               /* vectors are wanted as long as the model makes them */
    struct slice body;           /* the caller's own bytes, owned by the request */
    struct edits edits;          /* from the caller's bytes to every target's */
    struct edit choice[2];       /* to an engine's besides: the tool that is named, alone */
    struct json_span model_span; /* key == value == end: not there */
    size_t front, first_message; /* places in the body before its first member, first message */
    uint64_t named[2];           /* which of the codec's fields the caller wrote, a bit each */
    uint64_t messages, tools;    /* counted for routing and the audit row */
    int64_t n;                   /* answers that are wanted; 0: not told */
    const struct call *common;   /* in the common form; NULL: it is, or has no word for it */
    const char *lacks;           /* why it has none; NULL: nothing to say */
    struct slice dropped;        /* names of fields for which that has no word, commas between */
};
/* Checks what a call must look like; the arena gets what is kept. The body may be 32 MiB: above
 * 256 KiB this runs on a thread. */
enum err dialect_decode_call(enum dialect d, enum call_kind kind, struct slice body,
                             struct arena *arena, struct call *ret_call, struct why *why) MUST_USE;
/* For who adds a model's own settings: did the caller write this field, or one that says the same?
 * And may it be added at all: does it only pass through? */
bool call_names(const struct call *c, struct slice field);
bool call_may_be_set(struct slice field);
const char *dialect_kind_name(enum call_kind kind); /* as in logs */
const char *dialect_name(enum dialect d);

/* ---- events ---------------------------------------------------------------------------------- */
struct usage {
    int64_t prompt, completion; /* tokens; -1: not told */
    int64_t cached, reasoning;  /* of these; 0 also when it is not told */
};
#define NO_USAGE ((struct usage){-1, -1, 0, 0})
/* A count that somebody told; false: none, or one that no answer can have. */
bool tokens_told(const struct json_value *v, int64_t *ret_n);
enum event_kind {
    EVENT_HEAD, /* role and the like: nothing yet that a person would read */
    EVENT_TEXT, /* content from here ... */
    EVENT_REASONING,
    EVENT_TOOL,  /* ... to here, and */
    EVENT_BYTES, /* passed on unread: comments, finish reasons, extensions */
    EVENT_USAGE, /* usage alone: only for readers that asked for it */
    EVENT_WHOLE, /* the answer, which is one object: content */
    EVENT_END,   /* the target says that the answer is complete */
    EVENT_ERROR  /* made by the request itself, last */
};
struct event {
    enum event_kind kind;
    bool ready;        /* raw is as the caller reads it; else in the common form */
    uint64_t number;   /* given by the request */
    struct slice raw;  /* wire bytes, whole */
    struct slice json; /* the object that raw carries; empty when there is none */
    /* The same parsed, but as the target sent it: model, id and created are its own. NULL: parse
     * json. Borrowed like raw. */
    const struct json_value *parsed;
    struct slice piece; /* text alone, as between a JSON string's quotes: all that is new */
    struct usage usage;
    const struct why *why; /* EVENT_ERROR */
};
static inline bool event_is_content(const struct event *e)
{
    return e->kind == EVENT_TEXT || e->kind == EVENT_REASONING || e->kind == EVENT_TOOL ||
           e->kind == EVENT_WHOLE;
}

/* ---- the common form ------------------------------------------------------------------------- */
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
void delta_pick(const struct json_value *delta, const struct json_value *ret[DELTA_FIELDS]);
