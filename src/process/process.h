/* process: a program of the system, run without a shell: for commands and for jobs, which may wait.
 * The loop's own children are room child's. A program gets its words, its environment, the
 * descriptors it is given and no others. What it says is kept up to a limit; every wait ends.
 *
 * It stays in our group, so that Ctrl-C at a terminal ends both of us. A process that was started
 * is owned by its struct until process_fini, which ends it if it still runs. */
#pragma once

#include <sys/types.h>

#include "base/err.h"

struct process_fd {
    int from, to; /* ours, and the number under which the program finds it (3 and up) */
};

struct process_plan {
    const char *const *argv;        /* NULL-ended; without a slash, argv[0] is looked for on PATH */
    const char *const *environment; /* NULL-ended; NULL: none */
    bool talks;                     /* its stdin is a pipe of ours; else /dev/null */
    bool one_output;                /* stderr goes where stdout goes */
    size_t most;                    /* bytes kept of each output: its end; 0: 64 KiB */
    const struct process_fd *fds;
    size_t n_fds;
};

struct process { /* read freely */
    pid_t pid;   /* 0: none runs */
    int in;      /* to its stdin; -1: closed */
    struct process_output {
        int fd; /* -1: it ended */
        size_t most;
        struct text text;
    } out, err;
    bool ended;
    int code;   /* its exit code, or 128 and the signal's number */
    int signal; /* that ended it; 0: none */
};

/* ERR_NOT_FOUND when there is no such program. */
enum err process_start(const struct process_plan *plan, struct process *ret,
                       struct why *why) MUST_USE;
/* Reads what it says until it has ended (true), or something new was said or the time is over
 * (false). */
bool process_step(struct process *p, uint64_t ms);
/* The same until it has ended or the time is over. */
bool process_wait(struct process *p, uint64_t ms);
bool process_tell(struct process *p, struct slice bytes); /* false: it does not listen */
void process_close_in(struct process *p);
/* Asked to end, and after so long made to. Returns when it is gone. */
void process_stop(struct process *p, uint64_t grace_ms);
void process_fini(struct process *p);

/* One run from start to end. */
struct process_run {
    struct process_plan plan;
    uint64_t deadline_ms;       /* from now; then it is stopped: ERR_DEADLINE */
    void (*waits)(void *owner); /* about ten times a second; NULL: not */
    void *owner;
};
/* OK when it ran to an end, whatever its code; *ret is to be freed with process_fini. */
enum err process_run(const struct process_run *run, struct process *ret, struct why *why) MUST_USE;
/* ERR_SYSTEM, with the last line that it said, when the code is not 0. */
enum err process_check(const struct process *p, const char *what, struct why *why) MUST_USE;

/* The last line of a text that holds more than blanks; begins: only one that begins so. */
struct slice process_last_line(struct slice said, const char *begins);
/* The value of a variable; NULL when it is not set. */
const char *process_variable(const char *const *environment, const char *name);
