/* doctor: what the files of `hearth doctor` share. A check says what it found, in any number of
 * findings, each with the command that mends it. Checks read and try; they change nothing. All of
 * it works without a daemon. */
#pragma once

#include "cli/inner.h"
#include "machine/machine.h"
#include "pack/pack.h"

enum finding_state { FINDING_OK, FINDING_NOTE, FINDING_WARNING, FINDING_TROUBLE, FINDING_STATES };
struct finding {
    enum finding_state state;
    const char *check;
    const char *words, *mend; /* mend: "" when there is nothing to be done */
};
#define MOST_FINDINGS 64u

struct doctor {
    struct cli *c;
    const char *root;      /* before the system's files */
    const char *check;     /* that runs now */
    struct config *config; /* NULL: it is not valid */
    struct machine machine;
    const struct pack *packs;
    size_t n_packs;
    bool running; /* a daemon answers */
    bool machine_known;
    struct finding findings[MOST_FINDINGS];
    size_t n;
};

void doctor_say(struct doctor *d, enum finding_state state, const char *mend, const char *format,
                ...) PRINTF(4, 5);
const char *doctor_variable(const struct doctor *d, const char *name); /* NULL: it is not set */
const char *doctor_format(struct doctor *d, const char *format, ...) PRINTF(2, 3);

typedef void check_fn(struct doctor *d);
/* doctor_checks.c */
check_fn doctor_configuration, doctor_daemon, doctor_data, doctor_disk, doctor_sandbox,
    doctor_engines, doctor_memory;
/* doctor_port.c */
check_fn doctor_port;
struct port_owner {
    bool found;
    unsigned long uid;
    long pid; /* 0: not to be seen by this user */
    char name[64];
};
struct sockaddr_storage;
/* Which process listens at this address, or at all of its kind. */
void port_owner(const char *root, const struct sockaddr_storage *at, struct port_owner *ret);
/* doctor_gpu.c */
check_fn doctor_gpu;
void gpu_print(const struct machine *m, const char *const *drivers, size_t n, bool colours,
               struct text *out);
void gpu_json(const struct machine *m, const char *const *drivers, size_t n, struct text *out);

/* doctor.c */
void doctor_print(const struct doctor *d, bool colours, struct text *out);
void doctor_json(const struct doctor *d, struct text *out);
