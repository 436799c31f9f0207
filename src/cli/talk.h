/* talk: what `hearth ask`, `hearth chat` and `hearth run` share: a conversation, a question of it
 * over admin.sock, the answer on a terminal as it comes. What a model says is hostile: to a
 * terminal it goes through struct filter only. */
#pragma once

#include "cli/inner.h"

/* ---- stream.c: an answer that comes as events ---- */
#define STREAM_SILENCE_MS (8u * 24 * 3600000) /* above all that request.total may say */

struct stream {
    bool (*event)(struct stream *s, struct slice data);  /* false: that is enough */
    void (*waits)(struct stream *s, uint64_t waited_ms); /* until the first event; or NULL */
    uint64_t began_ms;
    struct text id;          /* the request's, as the ledger has it; the caller's to free */
    bool begun, interrupted; /* by Ctrl-C; SIGINT must be blocked */
};
/* OK also when it was interrupted. *ret_answer: the status, and the body of an answer that is none
 * of events. timeout_ms is for sending it; then it takes as long as the daemon lets it. */
enum err cli_stream(struct cli *c, const struct question *q, struct stream *s,
                    struct answer *ret_answer, struct why *why) MUST_USE;
bool interrupt_came(void); /* is a SIGINT there that is blocked? */
void interrupt_take(void); /* it is not, any more */

/* ---- talk.c: conversations ---- */
enum speaker { SYSTEM, USER, ASSISTANT };
struct message {
    enum speaker speaker;
    struct text words;
};
struct talk { /* zero-filled but for c and model is empty and valid */
    struct cli *c;
    const char *model; /* as it is asked for; "": as the daemon likes */
    struct message *messages;
    size_t n, room;
    uint64_t most_tokens; /* of an answer; 0: as the model likes */
    bool quiet;           /* nothing is shown: who asked wants the reply */
};
struct reply { /* zero-filled is valid */
    struct text answer, thoughts, model, finish, id;
    int64_t prompt_tokens, completion_tokens; /* -1: not told */
    uint64_t first_ms, total_ms;
    bool interrupted;
};
void talk_fini(struct talk *t);
bool talk_add(struct talk *t, enum speaker speaker, struct slice words); /* false: no memory */
void talk_drop(struct talk *t);                                          /* the last message */
bool talk_set_system(struct talk *t, struct slice words); /* empty: there is none any more */
struct slice talk_system(const struct talk *t);
void talk_put_messages(const struct talk *t, struct json_writer *w); /* in OpenAI's form */
/* Asks, shows the answer, and tells what failed; returns the exit code. What had come until then is
 * in *ret_reply, which is for reply_fini. */
int talk_ask(struct talk *t, struct reply *ret_reply);
void reply_fini(struct reply *r);
/* Ends us as Ctrl-C would have. */
void talk_end_interrupted(struct cli *c);

/* ---- talk_show.c: on a terminal ---- */
struct filter {   /* zero-filled is ready */
    char held[4]; /* the beginning of a character, or a CR */
    unsigned n;
};
/* Adds what may go to a terminal: lines, tabs and whole characters as they are; what could do
 * anything else there as \xNN. The end of `in` may be in the middle of a character. */
void filter_add(struct filter *f, struct slice in, struct text *out);
void filter_end(struct filter *f, struct text *out);

struct show {
    struct cli *c;
    const char *model;
    struct filter filter;
    uint64_t asked_ms; /* when the daemon was last asked how far it is */
    struct text state; /* what it said */
    bool line;         /* a line about waiting stands there */
    bool thinks, open; /* thoughts are being shown; the last line has no end yet */
};
void show_waiting(struct show *s, uint64_t waited_ms);
void show_thoughts(struct show *s, struct slice words); /* on a terminal only */
void show_answer(struct show *s, struct slice words);
void show_end(struct show *s);
/* The engine that loads, as a status document tells it: that of the model, else any; or nothing. */
void show_loading(const struct json_value *status, const char *model, struct text *out);

/* ---- talk_choose.c: which model ---- */
/* What --model and --role say, else role `chat`, the only model, the one that answered last. Else
 * the exit code, and that was told. "": there are no models. */
bool talk_choose(struct cli *c, const char **ret_model, int *ret_code);
/* Does a model, alias or role have this name? When in doubt the daemon is asked, and what it says
 * is told. */
bool talk_knows(struct cli *c, const char *name, int *ret_code);
/* Has the daemon look at the stores again when it does not know a name that would mean something by
 * now: another program fetched that model. False, and told: there is no daemon to ask. */
bool talk_look(struct cli *c, const char *name, int *ret_code);
/* The names of the daemon's models, in the arena of the command. */
bool talk_models(struct cli *c, struct words *ret_names, size_t *ret_n, int *ret_code);

/* ---- talk_take.c: what is asked ---- */
/* The words, with @path in them as the bare path; the paths are those slices of `in`. "@@" is an @
 * and no path. False: there are more than so many. */
bool take_paths(struct slice in, struct text *words, struct slice *paths, size_t most,
                size_t *ret_n);
bool take_is_text(struct slice s); /* UTF-8 without NUL */
size_t take_whole(struct slice s); /* how much of it ends behind a whole character */
bool take_has_input(void);         /* is stdin a pipe, a file, a socket? */
/* Words of the command line from `from` on, the files that they name, and stdin if it is piped;
 * else the exit code. Empty: there was nothing. */
bool take_question(struct cli *c, size_t from, struct text *ret_question, int *ret_code);

/* ---- talk_file.c: conversations on disk ---- */
#define TALK_FILE_MOST (16u << 20)
void talk_write(const struct talk *t, struct text *out);
/* Replaces the messages, or nothing. */
enum err talk_read(struct talk *t, struct slice json, struct why *why) MUST_USE;

/* ---- ask.c, chat.c ---- */
/* One question from the words from `from` on; shows the answer, or with --json all of it. */
int ask_once(struct cli *c, const char *model, size_t from);
int chat_with(struct cli *c, const char *model);

/* ---- chat_line.c: what is typed ---- */
enum line { LINE_READ, LINE_END, LINE_INTERRUPTED };
struct lines; /* of a terminal, or of stdin */
struct lines *lines_open(struct cli *c);
void lines_close(struct lines *l);
bool lines_edits(const struct lines *l);
enum line lines_next(struct lines *l, const char *prompt, struct text *ret_line);

struct gather { /* lines that become one message; zero-filled is ready */
    struct text words;
    bool quoted, more;
};
/* True when the message is complete, in words. A backslash at the end of a line, or """ at the
 * beginning and """ at the end, make one of several. */
bool gather_add(struct gather *g, struct slice line);
void gather_clear(struct gather *g);

/* ---- chat_edit.c: editing, by libedit ---- */
struct edit;
struct edit *edit_open(struct cli *c); /* NULL: not here */
void edit_close(struct edit *e);
enum line edit_next(struct edit *e, const char *prompt, struct text *ret_line);

/* ---- chat.c, chat_words.c ---- */
struct chat {
    struct talk talk;
    struct lines *lines;
    struct text unanswered; /* the question that got no answer: for /retry */
    struct text file;       /* where the conversation was saved to or loaded from */
    bool over;
};
/* old: the answer that there is already; it is not given for one that was not whole. "": none. */
int chat_say(struct chat *chat, struct slice words, struct slice old);
/* Is it a command? Then it is done, and *ret_code its exit code. */
bool chat_word(struct chat *chat, struct slice line, int *ret_code);
