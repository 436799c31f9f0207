/* fake_upstream: a server for tests that speaks as OpenAI, Anthropic and Ollama do, by the path it
 * is asked at, and misbehaves byte by byte on command. What it does with a request is written in
 * the request itself (see script.c), so that each test says what it meets. One thread, one epoll
 * loop, thousands of connections; nothing here is fit for anything but tests: it trusts its command
 * line and dies when memory runs out.
 *
 * An answer is played in steps: step -1 is the head, 0 to n-1 are the events, n is the end of the
 * body, n+1 lies after the whole answer. Faults strike before a step, or in its middle. The steps
 * of an answer are the same in each dialect; where one has nothing to say at a step (Ollama has no
 * event for the role), that step has no bytes. */
#pragma once

#include <stdio.h>

#include "base/arena.h"
#include "base/json.h"

enum { STEP_ACCEPT = -2, STEP_HEAD = -1, STEP_END = INT_MAX - 1, STEP_AFTER = INT_MAX };

enum fault { FAULT_RESET, FAULT_CLOSE, FAULT_HALF, FAULT_STALL, FAULT_COUNT };
struct point {
    bool set, middle;
    int step;
};

enum framing { FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_CLOSE };
enum body_kind { BODY_BY_STATUS = -1, BODY_SSE, BODY_JSON, BODY_HTML, BODY_ERROR, BODY_EMPTY };
enum usage_kind { USAGE_AUTO, USAGE_ALWAYS, USAGE_NEVER, USAGE_IN_FINISH };
enum dress { DRESS_PLAIN, DRESS_TIGHT, DRESS_COMMENTS, DRESS_LINES, DRESS_FIELDS, DRESS_SPACE };
enum eol { EOL_LF, EOL_CRLF, EOL_CR };
enum flood { FLOOD_NONE, FLOOD_HEADER, FLOOD_HEADERS, FLOOD_INFO, FLOOD_LINE, FLOOD_CHUNK_EXT };

struct shape { /* what is said */
    int64_t events, size, reasoning, tools, logprobs, refusal, done, decoy, usage_null, join;
    int64_t prompt_tokens, cached, rounds, error_at;
    int usage, dress, eol;
    struct slice text, escaped, nonce, finish, model, message, code, junk, loop, args;
};

struct wire { /* how it is framed */
    int64_t status, length, chunk, chunk_ext, trailers, flood_bytes, keep, close_after, early;
    int framing, body, flood; /* body: an error object from status 400 on unless said otherwise */
    struct slice type, raw, extra;
    struct text headers; /* whole lines */
};

struct pace { /* when it is sent */
    int64_t delay_ms, first_ms, gap_ms, slice, slice_ms, fault_ms, extra_ms;
};

struct script {
    struct shape shape;
    struct wire wire;
    struct pace pace;
    struct point faults[FAULT_COUNT];
    int64_t times;  /* misbehaves only so often for one nonce; 0: always */
    char wrong[64]; /* the first word that is not understood, "" when none */
};

enum { MOST_INPUTS = 64, MOST_DIMENSIONS = 4096 };

struct asked {                         /* what the request wanted */
    const struct voice *voice;         /* in which dialect */
    struct slice model, stop, results; /* results: of the tools that were called, as text */
    int64_t n, dimensions, calls_done, inputs;
    bool stream, include_usage, base64, tool_there;
    uint64_t input_hashes[MOST_INPUTS];
};

struct play { /* one request being answered */
    struct arena arena;
    struct script script;
    struct asked asked;
    uint64_t number; /* of the request, counted over the server's life */
    bool running, stalled;
    int step, steps; /* the step to do next; how many events there are */
    bool delayed;    /* the wait before this step is over */
    int64_t flood_left;
};

struct conn {
    struct server *server;
    struct conn *next; /* in the list of the dead */
    int fd;
    uint64_t id;
    struct text in, out;
    size_t sent;       /* of out */
    uint64_t due_us;   /* nothing is done before; 0: no wait */
    size_t heap_at;    /* its place among the timers, from 1; 0: none */
    unsigned requests; /* read completely */
    bool dead, deaf, wants_write;
    struct play play;
};

enum { RECORDS = 16, HANGUPS = 64, NONCES = 1 << 16, CONNS_TOLD = 4096, LARGEST = 64 << 20 };

struct record { /* one of the last requests */
    uint64_t number, conn;
    struct text head, body, sent; /* sent: the answer's body before it was framed */
};

struct hangup {
    uint64_t request, at_ms;
    int step; /* how far the answer was */
};

struct stats {
    uint64_t opened, open, requests, bytes_in, bytes_out, hangups, wrong_scripts;
    uint64_t answering, answered;
    uint16_t per_conn[CONNS_TOLD]; /* requests on the connection of that number */
    struct record records[RECORDS];
    struct hangup last_hangups[HANGUPS];
    struct {
        uint64_t hash;
        unsigned n;
    } nonces[NONCES];
};

struct server {
    int epoll, listener;
    struct slice name;
    struct text usual; /* the script that each request starts from */
    struct conn **heap;
    size_t heap_len, heap_room;
    struct conn *dead;
    uint64_t next_conn;
    struct stats stats;
};

/* main.c */
uint64_t now_us(void);
void must(bool so, const char *what);
void timer_set(struct conn *c, uint64_t due_us); /* 0: none */

/* conn.c */
void conn_open(struct server *s, int fd);
void conn_event(struct conn *c, uint32_t events);
void conn_pump(struct conn *c); /* does all that can be done now */
void conn_fault(struct conn *c, enum fault f);
void conn_close(struct conn *c);
void conn_free(struct conn *c);

/* script.c */
void script_init(struct script *s);
void script_read(struct script *s, struct slice words, struct slice server_name, struct arena *a);

/* ask.c */
void ask_read(struct play *p, struct server *s, struct slice body);

/* play.c: answers a request if voice_find knows its path */
void play_start(struct conn *c, const struct voice *voice, struct slice head, struct slice body);
void play_step(struct conn *c); /* called when all that was said before has been sent */
void play_done(struct play *p);

/* events.c */
const struct voice *voice_find(struct slice path); /* NULL: nothing answers there */
int events_count(const struct play *p);
void events_write(const struct play *p, int i, struct text *out);
void events_object(const struct play *p, struct text *out); /* the whole answer as one object */
void events_error(const struct play *p, struct text *out);
const char *events_type(const struct play *p); /* the stream's content type */
bool events_streams(const struct voice *v, const struct json_value *request);

/* stats.c */
struct record *stats_record(struct stats *t, uint64_t number); /* NULL: overwritten by now */
unsigned stats_nonce(struct stats *t,
                     struct slice nonce); /* how often it was seen, this included */
void stats_hangup(struct stats *t, const struct play *p);
void stats_clear(struct stats *t);
/* Answers a command ("stats", "last", "clear", "script WORDS") with one line of JSON. */
void stats_command(struct server *s, struct slice command, struct text *out);
