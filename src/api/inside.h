/* inside: what the files of room api share with each other. */
#pragma once

#include "api/api.h"

enum ends { ENDS_READER, ENDS_ITSELF };
enum leaves { LEAVES_JSON, LEAVES_SSE, LEAVES_NDJSON, LEAVES_TEXT, LEAVES_BYTES };

struct visit;
typedef void handler_fn(struct visit *v);

struct endpoint {
    enum http_method method;
    const char *path; /* its last part may be {id}: any one; or {name}: all that is left */
    enum surface surface;
    enum call_kind kind;
    enum ends ends;
    enum dialect dialect;
    enum take take;
    enum leaves leaves;
    uint64_t most; /* bytes of the body; 0: api.json_most */
    bool json;     /* the body must say that it is JSON */
    bool lax;      /* or say nothing, or what a form or plain text says */
    handler_fn *handler;
    const char *help;
};

/* The row for this path and method. ERR_NOT_FOUND, ERR_METHOD_NOT_ALLOWED (then *ret_allowed
 * lists the methods, comma separated, in *allowed). *ret_id: what stands for {id}. */
enum err endpoint_find(struct slice path, enum http_method method,
                       const struct endpoint **ret_endpoint, struct slice *ret_id,
                       struct text *allowed);

struct pending {                     /* an answer that comes later, from the daemon or a job */
    struct visit *visit;             /* NULL: its caller hung up meanwhile */
    void (*left)(struct pending *p); /* it just did; NULL: who works on it need not know */
    struct api *api;                 /* for `left`, which may have to tell the daemon */
    bool by_router;                  /* success is told in the words of llama-server's router */
    struct key_change change;
};

struct visit { /* one exchange as api sees it; x->owner */
    struct api *api;
    struct exchange *x;
    const struct endpoint *endpoint; /* NULL: none was found */
    struct why why;                  /* set: what to answer once the body is out of the way */
    struct reader reader;            /* endpoints with a call, and test_follow */
    struct request *request;         /* while the reader follows it */
    struct assembler *assembler;     /* of one object */
    struct teller *teller;           /* of a stream whose events are not ready as they are */
    struct pending *pending;
    struct asker asker;  /* who asks, unless the endpoint is for anybody */
    const char *refused; /* why nobody asks, for our own counts */
    struct text path;    /* decoded */
    struct slice id;     /* of the path's {id} */
    struct text allowed; /* for 405 */
    struct slice origin; /* of a web page that may ask */
    bool own_page;       /* a browser says that a page of ours asks, or the user himself */
    bool begun, numbered;
};

void visit_free(struct visit *v);
void visit_refused(const struct visit *v, enum err e); /* counts it */

/* gate.c: who may ask at all, by the headers alone. Sets v->origin. */
enum err gate_check(struct visit *v, struct why *why) MUST_USE;
/* The last part of it again: a right may have ended since. */
enum err gate_check_asker(struct visit *v, struct why *why) MUST_USE;
bool gate_is_preflight(const struct visit *v);
struct ask gate_ask(const struct visit *v); /* what auth has to know */

/* answer.c: each ends the exchange and frees the visit. */
void answer_json(struct visit *v, int status, const struct text *json);
void answer_plain(struct visit *v, struct slice type, const struct text *words);
void answer_success(struct visit *v); /* {"success": true} */
void answer_error(struct visit *v, const struct why *why);
void answer_preflight(struct visit *v);
void answer_page(struct visit *v, struct slice policy, struct slice html);
/* Plain words; `to`: where the browser goes on, empty: nowhere. */
void answer_cookie(struct visit *v, struct slice cookie, struct slice to, struct slice words);
extern const struct reader_ops answer_reader; /* turns events into an answer */

/* handlers.c */
bool visit_may_ask(const struct visit *v, struct slice model); /* by his right, at this listener */
handler_fn page, health, status, metrics, bus, devices, reload, shut_down;
/* keys.c */
handler_fn keys_list, keys_create, keys_remove, links_create, open_link, session_end;
/* engines.c */
handler_fn list_engines, restart_engine, load_model, unload_model, router_load, router_unload;
/* models.c */
bool visit_may_ask(const struct visit *v, struct slice model); /* here, with this right */
/* By any name that a call may use: an alias or a role stands for the model that it leads to. */
enum err visit_find_model(const struct visit *v, struct slice name,
                          const struct model_entry **ret_model, struct why *why) MUST_USE;
handler_fn models, one_model;
/* ollama.c */
handler_fn ollama_root, ollama_version, ollama_tags, ollama_ps, ollama_show, ollama_pull,
    ollama_not_here;
/* ledger.c */
handler_fn requests_list, requests_show, usage, refused, verify;
/* test_endpoints.c, in test builds */
handler_fn test_follow, test_requests, test_upload;

struct slice query_value(struct slice query, const char *name); /* not decoded; empty: none */
