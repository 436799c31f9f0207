/* inside: what the files of this room share. A manager is a row: where its file is, what stands in
 * it, and the commands that it takes. */
#pragma once

#include "service/service.h"

enum service_verb {
    VERB_LOAD, /* the file is there now */
    VERB_START,
    VERB_STOP,
    VERB_FORGET, /* the file will be taken away */
    VERB_GONE,   /* it was */
    VERB_PROBE,  /* the probe's file is there */
    VERB_PROBED, /* and gone again */
    VERB_ASK,
    VERB_LINGER,
    VERB_NO_LINGER,
};

/* A command. Words in capitals stand for: FILE, DOMAIN (gui/501), TARGET (gui/501/NAME), USER. */
#define STEP_WORDS 8u
struct service_step {
    enum service_verb verb;
    bool may_fail;
    const char *words[STEP_WORDS]; /* NULL-ended */
};

struct service_manager {
    const char *kind, *name;
    const char *sign;           /* what is there when the system runs it */
    const char *folder_setting; /* the variable that names the folder above; NULL: none */
    const char *usual_folder;   /* in the user's home */
    const char *file;
    const char *before, *after; /* what makes a line a comment */
    const char *linger_folder;  /* has a file of the user's name while he lingers; NULL */
    const char *linger_line;
    const struct service_step *steps;
    size_t n_steps;
    enum err (*write)(const struct service *s, const struct service_plan *plan, struct text *out,
                      struct why *why);
    const char *probe; /* its file, in $XDG_RUNTIME_DIR/systemd/user; NULL: there are no walls */
    void (*write_probe)(const char *const *argv, struct text *out);
    const struct service_key { /* what its answer about the service says, and where */
        const char *begins;
        enum { KEY_ACTIVE, KEY_PID, KEY_CODE, KEY_ENABLED } is;
    } * keys;
    size_t n_keys;
};
extern const struct service_manager systemd_manager, launchd_manager;

/* Variables that name folders in which models may lie: the service is told what the user's shell
 * says. */
#define SERVICE_STORES 6u
extern const char *const service_stores[SERVICE_STORES];
/* NULL: not set, or no absolute path, which counts for nobody. */
const char *service_folder(const struct service *s, const char *variable);

/* The first line of a file of ours: who wrote it, and the sum of all below. */
enum err mark_put(const struct service_manager *m, struct slice below, struct text *out) MUST_USE;
enum service_file mark_read(const struct service_manager *m, struct slice text);
/* The rest of the line that begins so; false: there is none. */
bool line_of(struct slice text, const char *begins, struct slice *ret_rest);
void state_read(const struct service_manager *m, struct slice said, struct service_state *ret);
/* A word of a unit in quotes: `%` and, in a command, `$` mean nothing special. */
void systemd_quote(struct text *out, const char *before, const char *word, bool command);
