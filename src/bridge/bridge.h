/* bridge: the program hearth-bridge, which stands between hearth and an engine where something has
 * to be done in the engine's own process, or inside its sandbox: a small, static program without
 * libraries, since it also runs inside packs. It knows nothing of engines.
 *
 *   hearth-bridge start -- BUBBLEWRAP...     starts bubblewrap, and ends all of it with whoever
 *                                            started this
 *   hearth-bridge hold [--folder F] -- PROGRAM...
 *                                            the same without bubblewrap: holds the program as
 *                                            bubblewrap would, and sets what a process can set on
 *                                            itself
 *   hearth-bridge tcp --socket S --port N -- PROGRAM...
 *                                            passes connections at S on to the program's port
 *
 * Its exit code is the program's, 128 + N after signal N, and one of those below when it came to
 * none. What it says, it says on standard error, in a line that begins with "hearth-bridge: ". */
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "base/base.h"

enum { BRIDGE_USAGE = 2, BRIDGE_FAILED = 125, BRIDGE_NO_PROGRAM = 127 };

/* The descriptors it is started with, as bubblewrap is: sandbox/sandbox.h has the protocol. */
enum { STATUS_FD = 3, BLOCK_FD = 4, SECCOMP_FD = 5 };

struct bridge_words { /* of the command line */
    const char *folder, *socket;
    unsigned port;
    char **program; /* NULL-ended */
};

/* The modes; each returns the exit code. */
int bridge_start(const struct bridge_words *words);
int bridge_hold(const struct bridge_words *words);
int bridge_tcp(const struct bridge_words *words);

/* guard.c: starts a child that becomes the program (be), stays as its parent, and ends all of it.
 * tell: what is to be done with its pid; NULL: nothing. */
typedef void bridge_be_fn(const struct bridge_words *words, const sigset_t *signals);
typedef bool bridge_tell_fn(pid_t program);
int bridge_guard(const struct bridge_words *words, bridge_be_fn *be, bridge_tell_fn *tell);

/* words.c: false and a line on standard error when they cannot be understood. */
bool bridge_read_words(char **argv, struct bridge_words *ret_words);

/* process.c */
/* Says "hearth-bridge: WHAT: the system's words for errno" and returns BRIDGE_FAILED. */
int bridge_complain(const char *what);
void bridge_close_from(int first);
/* Standard input and output: the program's alone, so that whoever reads or writes sees its end. */
void bridge_let_go_of_standard(void);
/* A descriptor that tells of ended children and of requests to end; *old: what was blocked before,
 * for programs that are started. -1 and errno. */
int bridge_signals(sigset_t *old);
int bridge_next_signal(int fd); /* 0: none now */
/* In a child: becomes the program. Ends the process when it cannot. */
_Noreturn void bridge_become(char **program, const sigset_t *signals);
/* Asks to be ended with the parent, which must be `parent`; false when it is gone already. */
bool bridge_die_with(pid_t parent);
int bridge_exit_code(int status);
/* Reaps; true when the program was among the ended, with its exit code. */
bool bridge_reap(pid_t program, int *ret_code);
