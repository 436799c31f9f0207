/* wire: what is spoken with a target: the body of a call for it, and what its answer says. Where it
 * speaks the caller's dialect the bytes stay the caller's and the target's but for a few fields;
 * else both go through the common form, which is OpenAI's JSON. Pure. */
#pragma once

#include "dialect/dialect.h"

struct target { /* whom a call is written for; the rest holds for an engine of ours alone */
    struct slice model;
    bool engine;
    int slot;              /* pinned; -1: none */
    unsigned ping_s;       /* it shows this often that it lives; 0: as it likes */
    struct slice sampling; /* JSON object, holds for what the caller left open; "": nothing */
    struct slice system;   /* first message where the caller has none of its kind; "": nothing */
};

struct wire {
    enum dialect dialect;
    enum call_kind kind; /* there; a text that somebody asked for may be a chat */
    bool own;            /* the caller's own words, there and back; else they are translated */
    bool ready;          /* its events leave as this caller reads them */
    bool whole;          /* one object is asked for, and no stream */
    bool base64;         /* vectors leave so */
};
/* How what is not the call itself is said: headers, paths, and what ends an event. */
struct manner {
    bool rooted;            /* its paths stand at the root, not below /v1 */
    bool lines;             /* each line of a stream is an event */
    struct slice key, word; /* the header for a key, and what stands before the key in it */
    struct slice more[2];   /* a further header: name, value; "": none */
};
const struct manner *wire_manner(const struct wire *w);
const char *wire_path(const struct wire *w); /* below the target's base path */
bool wire_gets(const struct wire *w);        /* it has no body: GET */

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
struct progress {     /* of a translated answer: what was said already */
    struct text head; /* of each chunk in the common form */
    unsigned tools, step, block;
    struct usage usage;
    bool base64; /* vectors are asked for in it */
    bool more;   /* the same event is to be decoded once more: it says several things */
};

/* Reads a target's events; what leaves is already edited for the caller, or in the common form.
 * Embedded; zero-filled but for model, arena and now_s. */
struct decoder {
    struct wire wire;         /* of the try under way */
    struct slice model;       /* the name that the caller used */
    uint64_t now_s;           /* when the request came */
    struct slice id, created; /* raw JSON of the first attempt's; empty: this is the first */
    struct slice model_json;  /* model as JSON, made with the first chunk */
    bool head_sent;           /* an earlier attempt's head reached the caller: drop this one's */
    struct text scratch, edited;
    struct text dropped; /* fields that the target has no word for, commas between */
    struct front front;
    struct alike alike;
    struct progress progress;
    struct arena *arena; /* keeps id and created */
};
/* A try begins: what is spoken with a target whose dialect is this, and the body for it.
 * ERR_CANNOT: the target cannot do that. */
enum err decoder_begin(struct decoder *d, const struct call *c, enum dialect dialect,
                       const struct target *t, struct text *ret_body, struct why *why) MUST_USE;
/* raw: a whole event as it came, data: its data. *ret_event borrows from both until the next
 * call. An error that the target reports inside its stream is returned as such. While
 * d->progress.more: call again with the same. */
enum err decoder_event(struct decoder *d, struct slice raw, struct slice data,
                       struct event *ret_event, struct why *why) MUST_USE;
/* The whole answer of a target; after this comes the event of its end. */
enum err decoder_whole(struct decoder *d, struct slice body, struct event *ret_event,
                       struct why *why) MUST_USE;
/* Nothing is asked, a wish was granted: that is told like the end of an answer, for this reason. */
enum err decoder_grant(struct decoder *d, struct slice reason, struct event *ret_event) MUST_USE;
void decoder_fini(struct decoder *d);
/* A target's answer with another status than 200: what it means for the next try. */
enum err wire_read_refusal(enum dialect d, int status, struct slice body, struct why *why);
