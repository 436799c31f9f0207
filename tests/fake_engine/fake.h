/* fake_engine: llama-server's command line, states and answers without a model, for tests of what
 * starts, watches and ends engines. It misbehaves by words: from `fake.words` beside the program
 * (what a build does), from the model file (what a model does) and from the last message of a
 * request, each over the one before (see script.c). One thread, one poll loop; it trusts its
 * command line and ends when memory runs out. Linked statically, without sanitizers, so that it is
 * all that a sandbox's root needs to hold.
 *
 * States: LOADING (the socket is bound, all paths answer 503), READY, STOPPING (told to end, waits
 * as llama-server does for the next ping of its streams). What happened goes to events.jsonl in
 * the socket's folder, one JSON object a line. */
#pragma once

#include <stdio.h>

#include "base/json.h"
#include "fake_common/frame.h"
#include "fake_common/word.h"

enum { SLOTS_MOST = 64, CONNS_MOST = 512, REQUESTS_A_CONN = 100, IDLE_MS = 5000 };

struct flags { /* of the command line and the environment */
    struct slice host, model, alias, key, slot_save_path;
    int64_t ctx, parallel, ping_s, port;
    bool log_jsonl, metrics, no_slots, embedding, reranking;
    bool unified, split; /* -kvu, -no-kvu */
    bool version, help;
    bool child; /* LLAMA_SERVER_ROUTER_PORT: speaks the child protocol */
};

enum die { DIE_NEVER, DIE_START, DIE_LOAD, DIE_READY };
enum how { HOW_EXIT, HOW_ABORT, HOW_SEGV, HOW_ILL, HOW_KILL, HOW_STOP };

struct loading {
    int64_t load_ms, steps, balloon, forks, log_flood, stdout_flood, long_line;
    int64_t never_ready, lie_ready, silent_load, silent_ready, no_protocol, tcp_only;
};
struct answer {
    int64_t tokens, token_ms, size, prompt_tokens, prompt_ms, status, orphan_slots, hang;
    int64_t health, health_hang, any_key, garbage, bodies;
    struct slice nonce, impostor, finish;
};
struct ending {
    int64_t exit, die_after, stop_self, hang_stop, slow_stop_ms, no_exit, no_eof;
    int die, die_how;
    struct slice exit_log;
};
struct script {
    struct loading loading;
    struct answer answer;
    struct ending ending;
    char wrong[64]; /* the first word that is not understood, "" when none */
};

struct task {          /* one request for tokens, from its arrival until its slot is free again */
    struct task *next; /* in the order of arrival */
    struct conn *conn; /* NULL: its client left */
    int slot;          /* -1: deferred */
    int64_t id, asked_slot, prompt, tokens, done, ping_ms;
    bool stream, usage, head_sent;
    struct script script;
    struct text words; /* what the script's slices point into */
    uint64_t began_us, due_us, ping_us, prompt_us;
    uint64_t gone_us; /* when its client left, for one whose slot is free later than that */
    struct slice finish;
};

struct slot {
    const struct task *task; /* NULL: idle */
    int64_t last_task, prompt, done;
};

struct conn {
    int fd;
    struct text in, out;
    size_t sent; /* of out */
    unsigned requests;
    uint64_t idle_us; /* closed then */
    struct task *task;
    bool stuck; /* its request is never answered */
    bool closes, dead;
};

enum phase { LOADING, READY, STOPPING };

struct totals {
    uint64_t prompt, predicted, tasks;
};

struct engine {
    struct flags flags;
    struct script script; /* the build's and the model's words */
    struct text build_words, model_words;
    enum phase phase;
    int listener, signals, events;
    bool input_over;
    int64_t step; /* of the load: how many were told */
    uint64_t began_us, load_us, asked_us;
    uint64_t stop_us, cut_us; /* when it ends: idle, and with streams in flight */
    struct conn *conns[CONNS_MOST];
    size_t n_conns;
    struct task *tasks;
    struct slot slots[SLOTS_MOST];
    struct totals totals;
    uint64_t rss_bytes; /* of the model file, told as its buffer size */
};

/* main.c */
uint64_t now_us(void);
void must(bool so, const char *what);
int64_t slot_context(const struct engine *e);

/* flags.c: reads the command line; ends the process as llama-server does when it is wrong. */
void flags_read(struct flags *f, int argc, char **argv);

/* script.c */
void script_init(struct script *s);
/* words: changed, and pointed into from then on. */
void script_read(struct script *s, struct text *words);
bool words_find(struct slice in, struct text *ret_words); /* what follows the last "fake:" */

/* say.c: what it says of itself. */
void say_log(const struct engine *e, const char *level, const char *format, ...) PRINTF(3, 4);
void say_progress(const struct engine *e, double value);
void say_ready(const struct engine *e);
void say_floods(const struct engine *e);
void say_model(const struct engine *e, struct json_writer *w); /* as in /v1/models */

/* event.c: one line of events.jsonl. */
void event_open(struct engine *e, int argc, char **argv);
struct json_writer event_begin(const struct engine *e, const char *what, struct text *out);
void event_end(const struct engine *e, struct json_writer *w);
void event_number(struct json_writer *w, const char *key, int64_t n);
void event_plain(const struct engine *e, const char *what);

/* end.c */
_Noreturn void end_now(const struct engine *e, int code, const char *why);
void end_if(const struct engine *e, enum die at); /* dies there if the script says so */
void end_by(const struct engine *e, const struct ending *how);
void end_forks(const struct engine *e);
void end_balloon(const struct engine *e, int64_t mib);

/* conn.c */
void conn_open(struct engine *e, int fd);
void conn_read(struct engine *e, struct conn *c);
void conn_pump(struct engine *e, struct conn *c);
void conn_close(struct engine *e, struct conn *c);
void conn_say(struct conn *c, int status, const char *type, struct slice body);
void conn_json(struct conn *c, int status, struct text *json); /* frees json */
void conn_error(struct conn *c, int status, const char *type, const char *words);

/* serve.c: all answers that need no slot. */
void serve(struct engine *e, struct conn *c, const struct frame *f, struct slice body);

/* body.c: a look into a request's body, which is a JSON object. */
struct slice body_member(struct slice body, struct slice key); /* as written; empty: none */
int64_t body_number(struct slice body, struct slice key, int64_t otherwise);
bool body_true(struct slice body, struct slice key);
bool body_is_object(struct slice body);
void body_keys(struct slice body, struct json_writer *w);

/* task.c */
void task_start(struct engine *e, struct conn *c, struct slice body);
void tasks_run(struct engine *e, uint64_t now);
uint64_t tasks_due(const struct engine *e); /* UINT64_MAX: none */
void task_left(struct engine *e, struct task *t);
unsigned tasks_deferred(const struct engine *e);
unsigned tasks_running(const struct engine *e);

/* chat.c: the bytes of an answer. */
void chat_head(struct task *t);
void chat_ping(struct task *t);
void chat_token(const struct engine *e, struct task *t);
void chat_finish(const struct engine *e, struct task *t);
