/* api: THE endpoint table, and what stands between a connection and what it asks for: routing, the
 * gate that judges headers, and the handlers. An endpoint with a call kind becomes a request whose
 * first reader is the connection; the others are answered by their handler. */
#pragma once

#include "auth/auth.h"
#include "conn/conn.h"
#include "reply/reply.h"
#include "request/request.h"

struct errand;
struct pending; /* somebody who waits for the end of a reload */

struct model_state {       /* of one that is in memory */
    uint64_t context;      /* tokens of a conversation, as it says itself; 0: it does not */
    uint64_t leaves_in_ms; /* if nobody asks it; UINT64_MAX: never */
};

struct api_admin { /* what only the daemon can do; context is api.context */
    void (*write_status)(void *context, struct text *out);
    void (*write_metrics)(void *context, struct text *out);
    void (*write_engines)(void *context, struct text *out);
    /* False: it is not in memory. */
    bool (*look_at_model)(void *context, struct slice model, struct model_state *ret_state);
    enum err (*restart_engine)(void *context, struct slice model, struct why *why);
    /* Answers later, through api_told with the same ticket, unless it is let go before. */
    void (*load_model)(void *context, struct slice model, struct pending *ticket);
    void (*let_go)(void *context, struct pending *ticket);
    enum err (*unload_model)(void *context, struct slice model, bool now, struct text *out,
                             struct why *why);
    /* Answers later, through api_reloaded with the same ticket. */
    void (*reload)(void *context, struct pending *ticket);
    void (*shut_down)(void *context, bool now);
    /* Answers later, through api_told with the same ticket. */
    void (*read_machine)(void *context, struct pending *ticket);
};

struct api { /* made in the daemon, which fills all of it */
    struct auth *auth;
    struct store *store;
    struct desk *desk;
    struct server *server;
    struct loop *loop;
    const struct api_admin *admin;
    void *context;
    struct slice base;           /* our address for people: http://127.0.0.1:8420 */
    struct slice instance;       /* our id: in Via, and before the number of a request */
    const struct slice *origins; /* web pages that may ask */
    size_t n_origins;
    const struct slice *hosts; /* further names of this machine */
    size_t n_hosts;
    const struct model_entry *models; /* what /v1/models lists; replaced at a reload */
    size_t n_models;
    uint64_t json_most;  /* bytes of a JSON body */
    bool strict;         /* nothing is admitted while its row could not be kept */
    struct hold *asking; /* counts the jobs that ask the store: it must outlive them */
    struct errand *waiting;
    unsigned errands, n_waiting; /* jobs that run, and those in line behind them; ledger.c */
    bool verifying;              /* one of them takes long */
};

extern const struct conn_app api_app; /* for a server whose context is a struct api */

void api_reloaded(struct pending *ticket, int status, const struct text *json);
/* why: its code is OK, or what went wrong; then json is not looked at. */
void api_told(struct pending *ticket, const struct why *why, const struct text *json);
void api_write_reference(struct text *out); /* all endpoints as Markdown */
