/* child: one process that we started, on the loop: its input, what it says line by line, its end.
 * It knows nothing of engines and starts nothing again. The command is one of sandbox_command, so
 * the process is held until child_go and ends with us. States: started, held (its pid is known),
 * running, dead (outputs may still be read), over (`ended` was called). */
#pragma once

#include <sys/types.h>

#include "loop/loop.h"

struct child;

enum child_output { CHILD_OUT, CHILD_ERR, CHILD_STATUS, CHILD_OUTPUTS };

struct child_end {
    int code, signal; /* signal: 0 unless one ended it; code: 128 and more may be one too */
};

struct child_ops {
    /* The program is there and waits: set its limits, then child_go or child_kill. */
    void (*held)(struct child *c, pid_t program);
    /* Without its line end; what is longer than 16 KiB comes cut. Never from CHILD_STATUS. */
    void (*line)(struct child *c, enum child_output from, struct slice line);
    void (*ended)(struct child *c, const struct child_end *end); /* the last call, once */
};

struct child_pipe {
    struct stream stream;
    struct text
        line; /* what came of the line that is not over; the rest of a long one is dropped */
    struct child *child;
    bool over; /* no more comes */
};

struct child_terms {
    const char *const *argv, *const *env; /* NULL-ended */
    const char *folder;                   /* its working folder */
    int seccomp;                          /* for SANDBOX_SECCOMP_FD; stays the caller's. -1: none */
};

struct child { /* embedded; zero-filled but for ops */
    const struct child_ops *ops;
    struct loop *loop;
    struct hold *hold;
    union child_process {
        uv_process_t uv;
        uv_handle_t handle;
    } process;
    struct stream input, gate;
    struct child_pipe outputs[CHILD_OUTPUTS];
    struct timer timer;
    struct child_end end;
    pid_t pid, program; /* what we started; the program itself, as seen from here. 0: not known */
    int handle;         /* on the program; -1: none */
    uint64_t read_bytes, read_since_ms;
    uint64_t asked_ms; /* to end */
    bool alive, over;
};

/* ERR_SYSTEM, ERR_NO_MEMORY: nothing runs, and `ended` is not called. The hold counts it until all
 * is closed, which child_close does at the latest. */
enum err child_start(struct child *c, struct loop *l, struct hold *hold,
                     const struct child_terms *terms, struct why *why) MUST_USE;
void child_go(struct child *c);
void child_say(struct child *c, struct slice bytes); /* to its input */
/* All of it, at once; `ended` follows. Again when that does not come: by harder means. */
void child_kill(struct child *c);
void child_close(struct child *c); /* kills it; `ended` is not called any more */
