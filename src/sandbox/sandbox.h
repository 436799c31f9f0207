/* sandbox: how a program that is not trusted is started: with bubblewrap where that works, else
 * behind hearth-bridge, which sets what a process can set on itself. It makes a command line; it
 * starts nothing but its own probe. The program sees the pack as its root, what is mounted for it,
 * a private /tmp and /proc, and no network.
 *
 * Both start the program held: it runs on only when whoever started it writes one byte to
 * SANDBOX_BLOCK_FD, after it has read the program's pid from SANDBOX_STATUS_FD (one line of JSON
 * with `child-pid`) and set its limits (sandbox_limit). Both end it, with all that it left behind,
 * when it ends, when the process that started it is gone, and when the command gets SIGTERM: send
 * that, or SIGKILL to `child-pid`, rather than SIGKILL to the command, which it cannot answer. Who
 * gives a held one up does so too: closing the block would let bubblewrap run it. Its exit code is
 * the program's, 128 + N after signal N. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* Descriptors that the started command expects; the others are closed. */
#define SANDBOX_STATUS_FD 3
#define SANDBOX_BLOCK_FD 4
#define SANDBOX_SECCOMP_FD 5 /* the filter, from sandbox_seccomp: for both kinds */

enum sandbox_kind { SANDBOX_NONE, SANDBOX_BUBBLEWRAP };

struct sandbox_verdict { /* of a probe */
    enum sandbox_kind kind;
    unsigned without;  /* options that this bubblewrap has not: bits, for sandbox_command */
    char program[256]; /* bubblewrap's path */
    char why[256];     /* NONE: why not, for people; else what is left out, "" when nothing */
    char mend[256];    /* what to do about it; "" when nothing need be done */
};
/* Looks for bubblewrap on PATH (of environment, as environ) and tries the whole recipe with a
 * program that does nothing. Blocks up to 5 s. root: "" or a test's tree for the system's files. */
void sandbox_probe(const char *const *environment, const char *root,
                   struct sandbox_verdict *ret_verdict);

/* Nothing of the outside can be written to: what it writes is in SANDBOX_PRIVATE. */
enum mount_kind { MOUNT_READ, MOUNT_DEVICE, MOUNT_EMPTY /* a folder in memory, read-only */ };
struct sandbox_mount {
    enum mount_kind kind;
    const char *from, *to; /* MOUNT_EMPTY: from is NULL */
};

/* A mount needs a place that is there: in the root, in /tmp or /dev, or in an earlier MOUNT_EMPTY;
 * with root NULL it is made. SANDBOX_NONE has no mounts and no root: argv, folder and tcp_socket
 * are then paths of the system. */
struct sandbox_plan {
    const char *root;                   /* what it sees as /, read-only; NULL: the system's own
                                           programs and libraries (/usr and what links into it) */
    const struct sandbox_mount *mounts; /* in order; later ones may lie in earlier ones */
    size_t n_mounts;
    const char *folder;      /* its working folder, inside; NULL: / */
    const char *const *argv; /* NULL-ended; argv[0] is a path inside */
    const char *bridge;      /* hearth-bridge outside: sandbox_bridge */
    const char *tcp_socket;  /* not NULL: it speaks only TCP. The Unix socket, inside,
                                           that hearth-bridge opens for it */
    unsigned tcp_port;       /* the port on the sandbox's own loopback it listens on */
    bool devices;            /* it uses some of the machine's: its memory is bounded less */
};
#define SANDBOX_PRIVATE "/tmp" /* inside: a folder in memory, with a size */
/* Where a file of SANDBOX_PRIVATE is seen from outside, as long as the program runs; by whoever
 * started it. Only for os_unix_connect_own: what lies there is the program's to choose. */
enum err sandbox_seen(int pid, const char *name, struct arena *a, const char **ret_path) MUST_USE;

/* Where hearth-bridge is: beside the program that runs. */
enum err sandbox_bridge(struct arena *a, const char **ret_path, struct why *why) MUST_USE;

/* argv of what is to be started, NULL-ended. Its environment is the program's own, all of it: make
 * a clean one. Nothing of it goes on the command line, which everybody on this machine may read. */
enum err sandbox_command(const struct sandbox_plan *plan, const struct sandbox_verdict *verdict,
                         struct arena *a, const char *const **ret_argv, struct why *why) MUST_USE;

/* A descriptor to be passed as SANDBOX_SECCOMP_FD; the caller's. devices: as in the plan. */
enum err sandbox_seccomp(bool devices, int *ret_fd, struct why *why) MUST_USE;

struct sandbox_limits {
    uint64_t data_bytes; /* RLIMIT_DATA: what a process may allocate; for root also all of them
                            together, where there are control groups. 0: no limit */
    uint64_t file_bytes; /* RLIMIT_FSIZE: the largest file it may write; 0: no limit */
    uint64_t processes;  /* processes and threads; 0: no limit. Holds in a sandbox, where they are
                            counted by themselves, and for root where there are control groups */
    int oom_score_adj;   /* it goes before others when memory is short */
};
/* Of a process that is still held. No core dumps, whatever the limits say. why->sys is ESRCH or
 * ENOENT when it has ended already, as when a mount cannot be made: its stderr says why. */
enum err sandbox_limit(int pid, const struct sandbox_limits *limits, struct why *why) MUST_USE;
