/* config: what the user wanted, read from all its sources, checked as a whole and then never
 * changed: a reload makes a second one and asks for the difference. The tables options.def and
 * providers.def are the only list of settings; the documentation is written from them.
 * Reading files blocks: call this at start, in the command line, and in jobs. Nothing here is
 * shared between threads, no folder is made and no file is written. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"

/* ---- where things are ---- */
struct config_paths {
    const char *home;    /* what ~ means */
    const char *config;  /* hearth.yaml, conf.d/, .env, llm_providers.yaml */
    const char *data;    /* databases, engines */
    const char *run;     /* sockets */
    const char *library; /* the model folder unless `library` says otherwise */
};
/* environment: as environ. Absolute paths, allocated in *a. HEARTH_HOME=DIR puts all under DIR. */
enum err config_paths_find(struct arena *a, const char *const *environment,
                           struct config_paths *ret_paths, struct why *why) MUST_USE;

/* ---- problems ---- */
enum config_severity { CONFIG_ERROR, CONFIG_WARNING };
struct config_problem {
    enum config_severity severity;
    const char *file; /* a path, "command line", "environment NAME"; "" when none is to blame */
    unsigned line;    /* 0 when unknown */
    const char *key;  /* dotted path, "" when none */
    const char *text; /* what was found and what is allowed; visible characters only */
};
#define CONFIG_MOST_PROBLEMS 50u     /* of each severity; the counts go on */
struct config_report {               /* zero-filled is valid; config_report_fini frees */
    struct config_problem *problems; /* in the order of the sources, then by line */
    size_t n, errors, warnings;
    struct arena arena;
};
void config_report_fini(struct config_report *r);
/* A line each, as compilers do: `file:line: error: key: text`. */
void config_report_print(const struct config_report *r, struct text *out);
void config_report_json(const struct config_report *r, struct text *out);

/* ---- the values ---- */
struct config_list {
    const struct slice *items; /* each ends in a NUL that its len does not count */
    size_t n;
};
enum config_place { CONFIG_IP, CONFIG_LOCALHOST, CONFIG_UNIX };
struct config_address {
    enum config_place place;
    const char *host; /* IP: literal without brackets; UNIX: the socket's absolute path */
    uint16_t port;
    bool local; /* cannot leave this machine: loopback, localhost, unspecified, Unix socket */
};
struct config_limits {
    uint64_t connections, headers_ms;
    uint64_t body_rate_bytes, body_rate_ms; /* at least so many bytes in each such time */
    uint64_t keep_alive_ms, requests_per_connection;
    uint64_t body_bytes, bodies_total_bytes;
    uint64_t write_stall_ms, stream_buffer_bytes;
};
struct config_request {
    uint64_t total_ms, attempts, drain_ms;
};
struct config_upstream {
    uint64_t connect_ms, first_byte_ms, idle_ms, pool_idle_ms, pool_requests;
};
struct config_queue {
    uint64_t length, wait_ms;
};
struct config_failover {
    bool enabled, retry_on_error;
    uint64_t max_retries, breaker_failures, breaker_recovery_ms;
};

enum config_kind {
#define KIND(name, ...) CONFIG_##name,
#define FIELD(...)
#include "config/providers.def"
#undef KIND
#undef FIELD
    CONFIG_KIND_COUNT
};
const char *config_kind_name(enum config_kind kind);

struct config_provider {
    const char *name;
    enum config_kind kind;
    bool on;                       /* may be used; if not, `off` says why */
    const char *off;               /* "" when it is on */
    struct config_address address; /* set when it is on */
    const char *path;    /* what base_url had after the port, no slash at its end; "" when none */
    const char *api_key; /* NULL when none. A secret: never log it */
    struct config_list models; /* none: it gets no requests */
    uint64_t timeout_ms;       /* 0: the times of `upstream` hold */
    uint64_t priority, parallel;
};

struct config {                                      /* read-only, owned by itself */
    struct config_list listen;                       /* as written, such as 127.0.0.1:8420 */
    const struct config_address *listen_addresses;   /* the same parsed, listen.n of them */
    struct config_list plain;                        /* addresses and interfaces that need no TLS */
    const char *library, *tls_certificate, *tls_key; /* paths; both of tls NULL: one of our own */
    struct config_list hosts, origins;
    struct config_list trusted_uids; /* as written: names, numbers, self */
    const uint32_t *trusted;         /* the same as numbers, trusted_uids.n of them */
    uint64_t audit_size_bytes;
    enum log_level log_level;
    struct config_limits limits;
    struct config_request request;
    struct config_upstream upstream;
    struct config_queue queue;
    struct config_failover failover;
    bool audit_strict;
    const struct config_provider *providers; /* in the order in which they are tried */
    size_t providers_n;
};

/* ---- loading ---- */
struct config_sources {
    const struct config_paths *paths;
    const char *const *environment; /* as environ; NULL: none */
    const char *const *set;         /* "path=value" from the command line, NULL-ended; NULL: none */
};
/* ERR_CONFIG when the report holds an error; it may hold warnings with OK too. The report is
 * started anew. Nothing of the sources is kept. */
enum err config_load(const struct config_sources *sources, struct config **ret_config,
                     struct config_report *report) MUST_USE;
void config_free(struct config *c); /* NULL is fine */

/* ---- telling ---- */
/* All effective values, `path: value` a line; with origin also where each is from and what that
 * hid. Secrets are masked. */
void config_show(const struct config *c, bool origin, struct text *out);
void config_show_json(const struct config *c, struct text *out); /* always with the origins */

enum config_change_kind { CONFIG_SETTING, CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED };
struct config_change { /* a setting, or a provider that was added, removed or changed */
    enum config_change_kind kind;
    const char *what;           /* the setting's path, the provider's name */
    bool live;                  /* a reload applies it; else it waits for a restart */
    const char *before, *after; /* of a setting: as config_show prints them; else "" */
};
/* What changed from one to the other; allocated in *a. */
enum err config_diff(const struct config *before, const struct config *after, struct arena *a,
                     struct config_change **ret_changes, size_t *ret_n) MUST_USE;

/* The reference of all settings as Markdown. */
void config_write_reference(struct text *out);
