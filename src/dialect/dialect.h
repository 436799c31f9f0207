/* dialect: one neutral call and one neutral event; a codec for each wire format. After decoding,
 * no room asks which dialect somebody speaks. Same dialect on both sides: the caller's own bytes go
 * on with a short list of edits, the answer's events come back but for a few fields. Pure. */
#pragma once

#include "base/arena.h"
#include "base/edits.h"
#include "base/json.h"

enum dialect { DIALECT_NONE, DIALECT_OPENAI, DIALECT_COUNT };

enum call_kind {
    CALL_NONE,
    CALL_CHAT,
    CALL_COMPLETE,
    CALL_EMBED,
    CALL_RERANK,
    CALL_TRANSCRIBE,
    CALL_SPEAK,
    CALL_PICTURE,
    CALL_COUNT
};

/* ---- call ---- */
struct call {
    enum call_kind kind;
    enum dialect dialect;
    struct slice model; /* as the caller wrote it; "" when not at all. In the arena */
    bool stream, wants_usage, has_system;
    struct slice body;           /* the caller's own bytes, owned by the request */
    struct edits edits;          /* from the caller's bytes to every target's */
    struct json_span model_span; /* key == value == end: not there */
    size_t front, first_message; /* places in the body before its first member, first message */
    uint64_t named[2];           /* which of the codec's fields the caller wrote, a bit each */
    uint64_t messages, tools;    /* counted for routing and the audit row */
};
struct target { /* whom a call is written for; the rest holds for an engine of ours alone */
    struct slice model;
    bool engine;
    int slot;              /* pinned; -1: none */
    unsigned ping_s;       /* it shows this often that it lives; 0: as it likes */
    struct slice sampling; /* JSON object, holds for what the caller left open; "": nothing */
    struct slice system;   /* first message where the caller has none of its kind; "": nothing */
};
/* Checks what a call must look like; the arena gets what is kept. The body may be 32 MiB: above
 * 256 KiB this runs on a thread. */
enum err dialect_decode_call(enum dialect d, enum call_kind kind, struct slice body,
                             struct arena *arena, struct call *ret_call, struct why *why) MUST_USE;
/* The body for a target of the same dialect. */
enum err dialect_encode_call(const struct call *c, const struct target *t,
                             struct text *ret) MUST_USE;
const char *dialect_kind_name(enum call_kind kind); /* as in logs */
const char *dialect_name(enum dialect d);
const char *dialect_path(enum dialect d, enum call_kind kind); /* below the target's base path */

/* ---- events ---- */
struct usage {
    int64_t prompt, completion; /* tokens; -1: not told */
};
enum event_kind {
    EVENT_HEAD, /* role and the like: nothing yet that a person would read */
    EVENT_TEXT, /* content from here ... */
    EVENT_REASONING,
    EVENT_TOOL,  /* ... to here */
    EVENT_BYTES, /* passed on unread: comments, finish reasons, extensions */
    EVENT_USAGE, /* usage alone: only for readers that asked for it */
    EVENT_END,   /* the target says that the answer is complete */
    EVENT_ERROR  /* made by the request itself, last */
};
struct event {
    enum event_kind kind;
    uint64_t number;   /* given by the request */
    struct slice raw;  /* wire bytes, whole, for readers of the same dialect */
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
    return e->kind == EVENT_TEXT || e->kind == EVENT_REASONING || e->kind == EVENT_TOOL;
}

struct alike {         /* the last chunk of text alone, in two halves around it: openai_alike.c */
    struct text bytes; /* head, tail, and both as they leave */
    size_t head, tail; /* bytes of the event as it came */
    size_t out_head, out_tail; /* as it leaves */
    size_t before, after;      /* bytes of the event around its data */
    enum event_kind kind;
    struct usage usage;
    unsigned misses; /* in a row */
};

struct front { /* of the last chunk: up to the last of the members that are kept the same */
    struct text bytes;
    struct json_span places[3];
};

/* Reads a target's events; what leaves is already edited for the caller. Embedded; zero-filled
 * but for dialect and model. */
struct decoder {
    enum dialect dialect;
    struct slice model;       /* the name that the caller used */
    struct slice id, created; /* raw JSON of the first attempt's; empty: this is the first */
    struct slice model_json;  /* model as JSON, made with the first chunk */
    bool head_sent;           /* an earlier attempt's head reached the caller: drop this one's */
    struct text scratch, edited;
    struct front front;
    struct alike alike;
    struct arena *arena; /* keeps id and created */
};
/* raw: a whole event as it came, data: its data. *ret_event borrows from both until the next
 * call. An error that the target reports inside its stream is returned as such. */
enum err dialect_decode_event(struct decoder *d, struct slice raw, struct slice data,
                              struct event *ret_event, struct why *why) MUST_USE;
void decoder_fini(struct decoder *d);
/* A target's answer with another status than 200: what it means for the next try. */
enum err dialect_read_refusal(enum dialect d, int status, struct slice body, struct why *why);
