/* inner: what the files of this room share. One command is one row of commands.def, one file and
 * one function; struct cli is what each of them gets. Everything printed is gathered in two texts
 * and leaves by cli_flush, so that tests read it there. Bytes that come from the daemon or a file
 * go through text_visible. */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/json.h"
#include "bench/bench.h"
#include "cli/cli.h"
#include "confd/confd.h"
#include "config/config.h"
#include "http/http.h"
#include "pack/pack.h"
#include "service/service.h"

struct cli;
struct launch;

/* ---- the tables ---- */
enum command {
#define COMMAND(id, ...) COMMAND_##id,
#define OPTION(...)
#define ALIAS(...)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
#undef ALIAS
    COMMAND_COUNT
};

struct command_row {
    const char *name;      /* one word or two */
    const char *arguments; /* as usage shows them: "[VERB]" */
    unsigned most_arguments;
    const char *exits; /* the codes it may return, blanks between them */
    int (*run)(struct cli *c);
    const char *help; /* one line */
    const char *more, *example;
};

enum option_kind { OPTION_FLAG, OPTION_NUMBER, OPTION_TEXT, OPTION_LIST };

struct option_row {
    enum command command;
    const char *name;
    char letter;       /* 0: none */
    const char *value; /* what the help calls it; "" for flags */
    enum option_kind kind;
    size_t at; /* in struct options: bool, uint64_t, const char *, struct words */
    const char *help;
};

struct exit_row {
    int code;
    const char *help;
};

struct alias_row { /* a short form: another name of a command */
    enum command command;
    const char *name;
};

const struct command_row *cli_command(enum command id);
const struct alias_row *cli_alias(size_t i);   /* NULL past the last */
const struct option_row *cli_option(size_t i); /* NULL past the last */
const struct exit_row *cli_exit_row(size_t i); /* NULL past the last */

#define MOST_WORDS 64u /* of one option that may be repeated */

struct words {
    const char *items[MOST_WORDS];
    size_t n;
};

struct bench_options {
    uint64_t connections, chunks, rate, port, gap_ms;
    bool stream;
    const char *against, *model, *seconds, *body;
};

struct engine_options {
    bool force, previous, vulkan, cuda, hip, metal;
    const char *flavour, *suite, *sha256;
};

struct connect_options {
    bool docker, remote, force;
};

struct hand_options {
    bool watch, print, man;
    const char *shell, *role, *timeout;
};

struct talk_options {
    const char *role, *system;
};

struct care_options { /* of service, backup, restore and shims */
    bool linger, secrets;
    const char *folder;
};

struct row_options { /* which requests */
    const char *who, *place, *outcome, *since, *until;
};

struct options { /* what the command line said */
    bool help, json, detach, example, now, follow, origin, admin, dry_run;
    uint64_t lines, most;
    const char *markdown, *expires, *name, *model;
    struct words listen, set, models, surfaces, arguments;
    struct row_options rows;
    struct bench_options bench;
    struct engine_options engine;
    struct connect_options connect;
    struct hand_options hands;
    struct talk_options talk;
    struct care_options care;
};

/* ---- what a command gets ---- */
enum colour { COLOUR_NONE, COLOUR_BOLD, COLOUR_DIM, COLOUR_RED, COLOUR_GREEN, COLOUR_YELLOW };

struct cli {
    const struct cli_daemon *daemon;
    const char *const *environment;
    struct arena arena;
    struct config_paths paths;
    enum command command;
    struct options options;
    struct text out, err;
    bool out_terminal, err_terminal, out_colours, err_colours;
    bool broken; /* what reads our output is gone */
    /* While cli_ask waits for an answer, every 200 ms; NULL: nothing is to be told. */
    void (*waits)(struct cli *c, uint64_t waited_ms);
};

/* options.c: ERR_BAD_REQUEST and words with the nearest that there is; why->param is the command,
 * if one was named. COMMAND_COUNT: none was. The options of a command may stand before and after
 * its arguments; `--` ends them. */
enum err cli_parse(int argc, char **argv, struct options *ret, enum command *ret_command,
                   struct why *why) MUST_USE;
size_t cli_distance(struct slice a, struct slice b); /* edits from one to the other */

/* print.c */
void cli_flush(struct cli *c);
/* The message, what to do next (NULL: what the table of errors says), and the exit code. */
int cli_fail(struct cli *c, enum err e, const struct why *why, const char *next);
int cli_not_running(struct cli *c);
void cli_paint(struct text *t, bool colours, enum colour colour, const char *words);
void cli_paint_visible(struct text *t, bool colours, enum colour colour, struct slice words);
/* As much of it as a column holds, "-" for nothing; not padded. */
void cli_fit(struct text *out, struct slice words, size_t width);
void cli_pad(struct text *t, size_t from, size_t width); /* what stands after `from` is so wide */
void cli_end_row(struct text *t);                        /* a line end, and no blanks before it */
/* Words as lines of at most 80 columns, the first one begun at column `at`, and a line end. */
void cli_wrap(struct text *out, size_t at, const char *words);
void cli_bytes(struct text *t, uint64_t bytes);           /* 12.3 MiB */
void cli_duration(struct text *t, uint64_t ms);           /* 2 h 5 min */
bool cli_take_duration(struct slice s, uint64_t *ret_ms); /* 90s, 5m, 12h, 30d, 52w */
size_t cli_width(struct slice s);                         /* columns of visible UTF-8, about */
/* JSON that json_read accepted, with what could fool a terminal as \u escapes, and a line end. */
void cli_json(struct text *t, struct slice json);
void cli_address(struct text *t, struct slice listen); /* "127.0.0.1:8420" as people open it */

/* foreground.c: an engine that this command starts and waits for */
struct foreground {
    const struct launch *launch;
    void (*told)(struct foreground *f, int program); /* its pid; it does not run yet */
    int ended_by;    /* the signal that told us to end it; 0: none. To read afterwards */
    pid_t pid;       /* of what was started */
    int gate;        /* a byte lets it run; it ends when nobody has this any more */
    int status;      /* tells the program's pid */
    sigset_t before; /* what was blocked */
};
/* Until it has ended, with all that it left behind. ERR_ENGINE_CRASH: with a code that is not 0. */
enum err foreground_run(struct foreground *f, struct why *why) MUST_USE;
/* Ends us as the signal would have, had we not waited: the last call. Returns if there was none. */
void foreground_end(const struct foreground *f);

/* question.c: the daemon behind admin.sock */
struct answer { /* zero-filled is valid */
    int status;
    struct text body;
};
void answer_fini(struct answer *a);
struct question {
    enum http_method method; /* GET, POST or DELETE */
    const char *target;
    struct slice body; /* JSON or empty */
    unsigned timeout_ms;
};
/* ERR_NOT_RUNNING when nobody listens; ERR_PERMISSION when it is somebody else's daemon;
 * ERR_HDR_TIMEOUT when no whole answer came in time; ERR_BAD_RESPONSE. */
enum err cli_ask(struct cli *c, const struct question *q, struct answer *ret_answer,
                 struct why *why) MUST_USE;
enum err cli_ask_status(struct cli *c, unsigned timeout_ms, struct answer *ret_answer,
                        struct why *why) MUST_USE;
/* Connects and sends; the answer is to be read from *ret_fd, which never waits. */
enum err question_send(struct cli *c, const struct question *q, uint64_t until_ms, int *ret_fd,
                       struct why *why) MUST_USE;
/* The two halves of that: the connection never waits when until_ms is 0, and is ERR_HDR_TIMEOUT
 * while the daemon's queue is full. */
void question_write(const struct question *q, struct text *out);
enum err question_connect(struct cli *c, uint64_t until_ms, int *ret_fd, struct why *why) MUST_USE;
/* Prints what an answer with an error status says; returns the exit code. What the daemon does not
 * take (400) is what the user typed. */
int cli_refused(struct cli *c, const struct answer *a);
/* Asks, and reads the answer's JSON, to be ended by json_done; else what is wrong was told, and
 * this is the exit code. The answer is to be freed whatever came of it. */
bool cli_ask_json(struct cli *c, const struct question *q, struct answer *ret_answer,
                  struct json_doc *ret_doc, int *ret_code);
/* Where the daemon listens and its pid, of a status document; false when it is none. */
bool cli_who(const struct json_value *status, struct text *address, int64_t *ret_pid);

/* Of the environment; NULL when it is not there, or empty. */
const char *cli_variable(const struct cli *c, const char *name);
/* service.c: who starts and stops the daemon of this home. */
struct owner {
    struct service_terms terms;
    struct service service;
};
/* ERR_NOT_FOUND: nothing here could be one. */
enum err owner_look(struct cli *c, struct owner *ret, struct why *why) MUST_USE;
bool owner_find(struct cli *c, struct owner *ret); /* is there a service for this home? */
/* This program's own file: absolute, no link. */
enum err cli_program(struct cli *c, const char **ret_path, struct why *why) MUST_USE;
/* up.c: has it started, tells what came of it; the exit code. */
int owner_start(struct cli *c, const struct owner *o);
/* down.c: as `hearth down`, but silent when all is well. */
int down_first(struct cli *c);

/* status.c: the readable form of a status document, and parts of it. */
void status_print(const struct json_value *status, const char *config_folder, bool colours,
                  struct text *out);
void status_headline(const struct json_value *status, bool colours, struct text *out);
void status_tls(const struct json_value *status, struct text *out);
void status_next(const struct json_value *status, const char *config_folder, struct text *out);
/* status_engines.c */
void status_state(const struct json_value *engine, bool colours, struct text *out);
void status_engines(const struct json_value *engines, bool colours, struct text *out);
/* watch_draw.c: what goes on, as lines for a terminal. */
struct watch_view {
    const struct json_value *status, *before; /* NULL: nobody answers; there was none */
    const struct json_value *rows;            /* of the ledger, newest first; NULL: none */
    uint64_t apart_ms;                        /* between `before` and `status` */
    uint64_t memory_total, memory_free;       /* of the machine; 0: not known */
    uint64_t away_ms;                         /* nobody has answered for so long, */
    const char *why;                          /* for it "is not running" */
    const char *clock;                        /* 12:03:14 */
    size_t columns, lines;                    /* lines 0: as many as it takes, and no more */
    bool colours, ascii;
};
void watch_draw(const struct watch_view *v, struct text *out);
void status_stays(const struct json_value *engine, struct text *out); /* how long, in words */
int watch_run(struct cli *c);                                         /* watch.c */
/* up.c: a daemon in the background, for who needs one. False: this command is over, with *ret_code;
 * also in the daemon itself, when it has ended. */
bool up_for(struct cli *c, int *ret_code);
/* models_change.c: a GGUF file as a model, named like it unless `name` says how; tells it, and
 * returns the exit code. *ret_name, when that is 0, is in the arena of the command. */
int models_add(struct cli *c, const char *file, const char *name, const char **ret_name);
enum err models_check_file(const char *path, struct why *why) MUST_USE; /* is it a GGUF file? */
/* logs.c: what was added to the log after `from`, at most so many lines of it. */
void logs_print_since(int dirfd, off_t from, uint64_t lines, struct text *out);

/* bench_print.c: what was measured of one address, and of two, as JSON and for people. */
#define BENCH_ROUNDS 5u
struct measured {
    const char *url, *key; /* key: NULL: none */
    struct bench_figures rounds[BENCH_ROUNDS];
    size_t n;
};
void bench_json(const struct bench_load *load, const struct measured *all, size_t n,
                struct text *out);
void bench_print(const struct bench_load *load, const struct measured *all, size_t n,
                 struct text *out);

/* requests.c: rows of the ledger. */
#define ROWS_USUAL 20u
#define ROWS_MOST 10000u
#define PAGE_ROWS 1000u /* the daemon gives no more in one answer */
/* Asks, and reads the answer's JSON, to be ended by json_done; else the exit code. */
bool requests_ask(struct cli *c, const struct question *q, struct answer *a,
                  struct json_doc *ret_doc, int *ret_code);
struct pages { /* of rows, newest first; zero-filled is valid */
    struct answer answers[ROWS_MOST / PAGE_ROWS];
    struct json_doc docs[ROWS_MOST / PAGE_ROWS];
    size_t n;
};
/* Rows as the options say, behind row `after`, in as many questions as it takes; else the exit
 * code. To be ended by pages_fini whatever came of it. */
bool requests_find(struct cli *c, uint64_t after, struct pages *ret_pages, int *ret_code);
void pages_fini(struct pages *p);
uint64_t pages_newest(const struct pages *p);             /* its number; 0: there is no row */
void pages_json(const struct pages *p, struct text *out); /* as one answer of the daemon */
/* From the oldest row to the newest. */
void pages_each(const struct pages *p, struct cli *c,
                void (*each)(struct cli *c, const struct json_value *row));
void requests_head(struct text *out);
void requests_row(const struct json_value *row, bool colours, struct text *out);
enum colour requests_colour(struct slice outcome, uint64_t status);
void requests_tokens(struct text *out, const struct json_value *row); /* 31+120 */
void requests_us(struct text *out, uint64_t us);                      /* 12.3 ms */
void requests_at(struct text *out, struct slice at);                  /* local time */
uint64_t requests_number(const struct json_value *row, const char *key);

/* engines.c: what the commands about engines share. */
struct engines { /* zero-filled but for c; ended by engines_end */
    struct cli *c;
    struct pack_work work;
    const char *doing; /* what the bar shows, since when */
    uint64_t since_ms;
    bool shown;
};
/* Steps are told as they end, in lines; what lasts is shown as a bar, on a terminal. */
void engines_begin(struct engines *e, struct cli *c);
void engines_end(struct engines *e);
void engines_changed(struct engines *e); /* a daemon, if one runs, looks at them anew */
int engines_fail(struct engines *e, enum err code, const struct why *why, const char *next);
void engines_put_pack(struct json_writer *w, const struct pack *p);
/* All there are, with those on PATH; else the exit code. */
bool engines_read(struct engines *e, const struct pack **ret_packs, size_t *ret_n, int *ret_code);

/* change.c: a command that changes the configuration, in a file of conf.d. */
struct change {
    struct cli *cli;
    struct config_sources sources;
    struct config *config;       /* as it is; NULL: it is not valid now */
    struct config_report report; /* of that */
    struct confd *file;
};
/* The configuration as it is, and nothing is told; NULL: it is not valid now. A daemon may run with
 * an older one. */
struct config *cli_config(struct cli *c);
/* The same; else the exit code, and that was told. */
bool change_load(struct cli *c, struct config **ret_config, int *ret_code);
bool change_open(struct cli *c, const char *section, const char *name, struct change *ret,
                 int *ret_code);
/* Is this path set in another file? Then that was told, and *ret_code is the exit code. */
bool change_is_elsewhere(struct change *ch, const char *path, int *ret_code);
/* Tries it, writes it unless --dry-run says otherwise, and has a running daemon read it. done: what
 * is said then. */
int change_finish(struct change *ch, const char *done);
void change_close(struct change *ch);
/* first.c: `hearth` alone. */
int first_run(struct cli *c);

/* stores.c: what was found on this machine. */
void stores_size(struct text *out, uint64_t bytes); /* 4.7 GB */
/* A row a store; false: nothing was found. */
bool stores_print(const struct library *l, struct text *out);
void stores_put(const struct library *l, struct json_writer *w); /* members of an object */
void stores_put_doubles(const struct library *l, const char *file, struct json_writer *w);
/* Of all its parts; false: it is not there. */
bool stores_bytes(const struct library *l, const struct config_model *m, uint64_t *ret_bytes);
/* The largest model that answers chats and fits this much memory; NULL: there is none. */
const struct config_model *stores_best(struct config *config, uint64_t memory, uint64_t *ret_bytes);
/* table.c */
/* conf.d/model-x.yaml:4 of a place in the folder of the configuration; others as they are. */
const char *cli_short(const struct cli *c, const char *place);
/* Rows of cells; those of the first are titles. */
void cli_table(struct text *out, const char *const *cells, size_t columns, size_t rows);

/* reload.c: asks for it; and the readable form of its answer. */
enum err reload_ask(struct cli *c, struct answer *ret_answer, struct why *why) MUST_USE;
void reload_print(const struct json_value *answer, bool colours, struct text *out);

/* shims.c: false, and the exit code: all was said already. */
struct shim_line;
bool shim_take(struct cli *c, int argc, char **argv, struct shim_line *ret, int *ret_code);
int shim_serve(struct cli *c, const char *role); /* in the foreground */

/* reference.c: documents as Markdown, and the help of a command for a terminal. */
void help_all(struct text *out, bool colours);
void help_command(struct text *out, enum command id, bool colours);
/* completion.c: what may stand in the place of the last word. */
void completion_write(struct cli *c, const char *const *words, size_t n, struct text *out);
/* env.c */
struct env_shell;
const struct env_shell *env_shell(struct slice name); /* NULL: none that is known */
/* The line that sets a variable there; false: it cannot be written. */
bool env_line(const struct env_shell *shell, const char *name, struct slice value,
              struct text *out);
void man_write(struct text *out); /* man.c: a manual page, as roff */
bool reference_write(const char *which, const struct cli_daemon *daemon, struct text *out);

/* one command each */
#define COMMAND(id, ...) int id##_run(struct cli *c);
#define OPTION(...)
#define ALIAS(...)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
#undef ALIAS
