/* inside: what the files of room daemon share with each other. */
#pragma once

#include "api/api.h"
#include "config/config.h"
#include "daemon/daemon.h"
#include "engine/engine.h"
#include "provider/provider.h"
#include "tls/tls.h"

#define MOST_LISTENERS 64u /* both loopbacks of each address that a configuration may have */

struct registry { /* what a configuration's providers come to; replaced as a whole */
    struct arena arena;
    struct backend **backends;    /* by the provider's place in the configuration; NULL: off */
    struct provider_terms *terms; /* likewise */
    struct backend **engines;     /* of its models, in their order */
    size_t n_backends, n_engines;
    struct route_table routes;
    struct model_entry *models;
    size_t n_models;
};

struct rights { /* who may ask, and what is remembered */
    struct crypt_keys keys;
    struct store *store;
    struct auth *auth;
    struct hold asking; /* jobs that ask the store, and one until the end: then it closes */
};

struct secure { /* where TLS is spoken */
    struct sockaddr_storage at[MOST_LISTENERS];
    unsigned n;
    bool any; /* a listener speaks it */
};

struct workshop { /* where models are served */
    struct engines engines;
    struct look *seen, *looking; /* at this machine: the last one, the one that is under way */
    int folder;                  /* of sockets */
};

struct folders { /* open ones */
    int run, data, lock;
};

struct listening {
    struct slice url;  /* http://127.0.0.1:8420; in the daemon's arena */
    struct slice role; /* that is asked there; "": any model. Likewise */
};

struct daemon {
    struct loop loop;
    struct hold hold; /* everything that must be closed before the end */
    const struct cli_up *up;
    struct config *config;       /* in force */
    struct config *started;      /* with which it was started; often the same */
    struct config_report report; /* of the configuration in force: its warnings */
    struct registry registry;
    struct rights rights;
    struct workshop workshop;
    struct audit audit;
    struct desk desk;
    struct server server;
    struct api api;
    struct watch term, interrupt, hangup;
    struct timer patience; /* while it goes down */
    struct reload *reload; /* the one that runs */
    struct listening listening[MOST_LISTENERS];
    unsigned n_listening;
    struct secure secure;
    struct arena arena; /* lives as long as the daemon */
    char instance[32];
    uint64_t began_ms;
    struct folders folders;
    bool going_down, at_once, shut, closed;
};

/* registry.c */
enum err registry_make(struct daemon *d, const struct config *c, struct registry *ret_registry,
                       struct why *why) MUST_USE;
void registry_install(struct daemon *d, const struct config *c, struct registry *r);

/* workshop.c */
enum err workshop_open(struct daemon *d, struct why *why) MUST_USE;
void workshop_close(struct daemon *d);
enum err workshop_make(struct daemon *d, const struct config *c, struct registry *r) MUST_USE;
void workshop_tell(void *daemon, struct text *out);
enum err workshop_restart(void *daemon, struct slice model, struct why *why);
void workshop_load(void *daemon, struct slice model, struct pending *ticket);
void workshop_let_go(void *daemon, struct pending *ticket);
enum err workshop_unload(void *daemon, struct slice model, bool now, struct text *out,
                         struct why *why);
bool workshop_look(void *daemon, struct slice model, struct model_state *ret_state);
bool workshop_has(const struct registry *r, const struct backend *b);
void workshop_install(const struct config *c, const struct registry *old,
                      const struct registry *now);

/* rights.c */
enum err rights_open(struct daemon *d, struct why *why) MUST_USE;
void rights_close(struct daemon *d);
/* As many as the configuration names; freed by the caller. Blocks. NULL: no memory. */
struct auth_user *rights_users(struct store *s, const struct config *c) MUST_USE;

/* listen.c */
enum err listen_all(struct daemon *d, struct why *why) MUST_USE;
/* The certificate that this configuration asks for; none where no listener needs it. Blocks; any
 * thread once listen_all is done. */
enum err listen_certificate(const struct daemon *d, const struct config *c,
                            struct tls_context **ret_context, struct why *why) MUST_USE;
void listen_install(struct daemon *d, struct tls_context *context);

/* apply.c: a configuration's live settings, and reloading */
void log_report(const struct config_report *report);
void apply_settings(struct daemon *d, const struct config *c);
void reload_start(struct daemon *d, struct pending *ticket);

/* machine.c */
/* Looks at the machine, in a job. ticket: who is told, or NULL. */
void machine_look(struct daemon *d, struct pending *ticket);
void machine_write(const struct daemon *d, struct json_writer *w); /* null before the first look */
void machine_forget(struct daemon *d);                             /* the loop is over */

/* status.c, metrics.c */
void status_write(void *daemon, struct text *out);
void metrics_write(void *daemon, struct text *out);
