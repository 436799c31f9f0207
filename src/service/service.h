/* service: hearth as a service of this user, so that it is there after a restart of the machine: a
 * unit of systemd's user manager, or an agent of launchd. One file is written and removed, and the
 * manager is spoken to through its own program, without a shell. A file that we did not write, or
 * that somebody changed since, is never touched. What the manager did is not believed: who starts
 * or stops a daemon looks at the daemon itself. Everything here blocks and is for commands; only
 * service_tell may be called on the loop. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

#define SERVICE_VARIABLE "HEARTH_SERVICE" /* in the environment of the service: its name */

struct service_terms { /* lives as long as the service */
    const char *const *environment;
    const char *home;     /* the user's */
    const char *own_home; /* HEARTH_HOME, absolute; NULL: the usual folders */
    const char *config, *data, *library;
    bool any; /* also where no manager runs: to show what would be written */
};

enum service_file {
    SERVICE_ABSENT,
    SERVICE_OURS,
    SERVICE_CHANGED, /* ours, but somebody changed it */
    SERVICE_FOREIGN
};
struct service_manager;
struct service {
    const struct service_terms *terms;
    const struct service_manager *manager;
    struct arena *arena;
    const char *name, *kind; /* "hearth.service", "systemd" */
    const char *file;
    enum service_file is;
    const char *data; /* the data folder that it is for; "" when it is none of ours */
    bool here;        /* that is this one */
    bool walls;       /* it has all that needs a user namespace */
    bool linger;      /* lingering was turned on with it */
};
/* Looks at the file alone. ERR_NOT_FOUND: this system has neither manager. */
enum err service_find(struct arena *a, const struct service_terms *terms, struct service *ret,
                      struct why *why) MUST_USE;

struct service_plan {
    const char *program; /* hearth, absolute */
    uint64_t stop_ms;    /* how long its end may take */
    bool walls, linger;
};
/* What the file would hold. */
enum err service_text(const struct service *s, const struct service_plan *plan, struct text *out,
                      struct why *why) MUST_USE;
/* Does this program (words, NULL-ended) end with 0 behind walls? Only systemd has any. */
bool service_may_wall(const struct service *s, const char *const *argv);
/* May this user have a user namespace at all? Touches nothing; true where that cannot be tried. */
bool service_has_namespaces(const struct service *s);
/* May the file be written or removed? ERR_PERMISSION: it is not ours, or not any more; ERR_BUSY:
 * it is another home's. The next two ask this first. */
enum err service_may_touch(const struct service *s, struct why *why) MUST_USE;
/* Writes the file if it differs, and has it started at each login (or boot, with lingering). It is
 * not started now. */
enum err service_put(struct service *s, const struct service_plan *plan, bool *ret_changed,
                     struct why *why) MUST_USE;
/* Ends it, and takes away what service_put made. With lingering that cannot be turned off it fails,
 * and is gone (SERVICE_ABSENT). */
enum err service_remove(struct service *s, struct why *why) MUST_USE;

struct service_wait { /* zero-filled: nobody is told */
    void (*tell)(void *owner);
    void *owner;
};
/* Returns when it says that it is ready; ERR_SYSTEM when it ended instead or the time is over. */
enum err service_start(const struct service *s, const struct service_wait *wait,
                       struct why *why) MUST_USE;
/* Returns at once; it ends in its time, and is not started again. */
enum err service_stop(const struct service *s, struct why *why) MUST_USE;

struct service_state {
    char active[24]; /* "active", "inactive", "failed", "activating"; of launchd "running" */
    bool enabled, lingers, runs;
    int64_t pid;  /* 0: none */
    int64_t code; /* with which it ended last */
};
/* ERR_NOT_RUNNING when the manager does not answer. */
enum err service_ask(const struct service *s, struct service_state *ret, struct why *why) MUST_USE;

/* Lingering: the user's services run without a login. */
const char *service_linger_line(
    const struct service *s); /* to type; NULL: there is no such thing */
enum err service_linger(const struct service *s, bool on, struct why *why) MUST_USE;

/* For the daemon: the service that we are, by its name; NULL: none. */
const char *service_own(void);
/* Says how we are to systemd, if that started us: "READY=1". Never waits. */
void service_tell(const char *words);
