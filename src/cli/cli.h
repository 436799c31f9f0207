/* cli: `hearth VERB`, one file a command. It reads options, talks to the daemon over admin.sock,
 * prints for people (or JSON as it came), and returns the exit code. It knows the daemon only by
 * the functions that main gives it. It logs nothing; it prints. */
#pragma once

#include "base/err.h"

struct config_sources;

enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_RUNNING = 3,
    CLI_NOT_FOUND = 4,
    CLI_BUSY = 75,       /* EX_TEMPFAIL: another daemon runs in this home */
    CLI_PERMISSION = 77, /* EX_NOPERM */
    CLI_CONFIG = 78,     /* EX_CONFIG */
};

/* Where the two meet. The socket stands in the run folder of config_paths, the others in data. */
#define CLI_SOCKET "admin.sock"
#define CLI_LOCK "hearth.lock" /* held by the daemon as long as it lives */
#define CLI_LOG "hearth.log"   /* what a detached daemon prints */

/* What the command line asked of `hearth up`. The configuration was loaded once and is valid; the
 * daemon loads it again from the same sources, as it does at each reload. Lives as long as the
 * run. */
struct cli_up {
    const struct config_sources *sources;
    /* -1, or the end of a pipe to somebody who waits. One line "ready ADDRESS\n" once the daemon
     * answers (ADDRESS as people should open it, http://127.0.0.1:8420), or lines for a person
     * that say why it could not start; then close it. */
    int ready_fd;
    bool detached; /* stdout and stderr are the log file DATA/hearth.log already */
};

struct cli_daemon {
    /* Serves until told to stop; returns the exit code: 0, or one of the above. */
    int (*run)(const struct cli_up *up);
    /* The reference of all endpoints, as Markdown; NULL when there is none. */
    void (*write_endpoints)(struct text *out);
    void (*write_metrics)(struct text *out); /* of all metrics, likewise */
};

int cli_main(int argc, char **argv, const struct cli_daemon *daemon);

/* The exit code for an error, for the daemon's own return. */
int cli_exit_of(enum err e);
