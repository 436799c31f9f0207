/* evil: an engine that tries to get out, or to take the machine down, and tells what became of each
 * attempt. It must do no harm where it succeeds: it looks, asks for leave, or does what changes
 * nothing, and takes back what it took. Built static and without sanitizers: it runs in a sandbox
 * that has no libraries, under limits on memory. */
#pragma once

#include "base/base.h"

struct target { /* what is to be reached; paths and numbers are those outside */
    const char *home, *data, *admin_socket, *abstract_socket;
    const char *model, *folder, *pack, *setuid_program, *tmp; /* as seen from inside */
    long daemon;                                              /* pid */
    long tcp_port, udp_port;                                  /* on the host's loopback */
};

enum outcome_kind {
    REFUSED,  /* with an errno, or sys 0: there was nothing to be had */
    BOUNDED,  /* so much and no more: n */
    ALLOWED,  /* and no harm in it */
    SUCCEEDED /* got out */
};
struct outcome {
    enum outcome_kind kind;
    int sys;
    long n;
    char note[64];
};

struct attempt {
    const char *name;
    struct outcome (*run)(const struct target *t);
};
extern const struct attempt evil_files[], evil_network[], evil_processes[], evil_kernel[],
    evil_limits[]; /* each ends with a row without a name */

/* outcome.c */
struct outcome refused(void); /* by errno */
struct outcome nothing_there(void);
struct outcome bounded(long n);
struct outcome allowed(const char *note);
struct outcome succeeded(const char *note);
/* -1 is a refusal; a descriptor that was got is closed. */
struct outcome judge(long result, const char *note);
/* Opens it; having it is success. */
struct outcome try_open(const char *path, int flags);
