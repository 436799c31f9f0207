/* settings: what a configuration says, as values that can be used. Only how they look: room config
 * makes them, out of files and words, and is the only one that changes them. */
#pragma once

#include "base/log.h"
#include "base/text.h"

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
    uint64_t body_bytes, bodies_total_bytes, write_stall_ms, stream_buffer_bytes;
};
struct config_request {
    uint64_t total_ms, attempts, drain_ms;
    bool known_names;
};
struct config_upstream {
    uint64_t connect_ms, first_byte_ms, idle_ms, pool_idle_ms, pool_requests;
};
struct config_queue {
    uint64_t length, wait_ms;
};
struct config_engines {
    uint64_t load_stall_ms, health_ms, rest_ms, turn_ms;
};
struct config_failover {
    bool enabled, retry_on_error;
    uint64_t max_retries, breaker_failures, breaker_recovery_ms;
};

/* Name, how it is written, does this version speak it, the names of entries under `providers:` that
 * mean it when they have no `kind`, and where it is when they do not say. */
/* clang-format off */
#define CONFIG_KINDS(X)                                                                            \
    X(OPENAI_COMPATIBLE, "openai_compatible", true,  "",             "")                           \
    X(OLLAMA,            "ollama",            true,  "ollama",       "http://localhost:11434")     \
    X(LMSTUDIO,          "lmstudio",          false, "lmstudio",     "")                           \
    X(LOCALAI,           "localai",           false, "localai",      "")                           \
    X(MLX,               "mlx",               false, "mlx",          "")                           \
    X(CANDLE,            "candle",            false, "candle",       "")                           \
    X(VLLM,              "vllm",              false, "vllm",         "")                           \
    X(LLAMA_SERVER,      "llama_server",      false, "llama_server", "")                           \
    X(HEARTH,            "hearth",            false, "hearth",       "")                           \
    X(OPENAI,            "openai",            false, "openai",       "https://api.openai.com/v1")  \
    X(ANTHROPIC,         "anthropic",         true,  "anthropic claude","https://api.anthropic.com")
/* clang-format on */
enum config_kind {
#define X(name, ...) CONFIG_##name,
    CONFIG_KINDS(X)
#undef X
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

#define CONFIG_FOREVER UINT64_MAX
struct config_sampling { /* numbers as they were written; "" where nothing is set */
    const char *temperature, *top_p, *top_k, *min_p, *repeat_penalty, *presence_penalty,
        *frequency_penalty, *seed;
};
/* A file that an engine of ours serves: what its own entry says, then what the patterns say that
 * match its name, then what holds without a word. Texts are "" where nothing is set. */
struct config_model {
    const char *name, *file;
    struct config_list aliases;
    uint64_t ctx; /* tokens; 0: 16,384 or what it was made for, whichever is less */
    uint64_t parallel, cpu_experts;
    uint64_t batch, threads;          /* 0: as the engine likes */
    const char *gpu_layers;           /* auto, all or a number */
    const char *split;                /* none layer row */
    const char *cache_type;           /* f32 f16 bf16 q8_0 q5_1 q5_0 q4_1 q4_0 iq4_nl */
    const char *flash;                /* auto on off */
    const char *draft, *mmproj;       /* paths */
    const char *template;             /* path of a file in Jinja */
    const char *reasoning;            /* auto on off */
    const char *pooling;              /* auto none mean cls last rank */
    const char *system_text, *engine; /* engine: a pack's id, or an engine's name */
    struct config_list lora;          /* paths */
    struct config_list env, extra;    /* NAME=VALUE; words of its command line. From files only */
    uint64_t keep_alive_ms;           /* when idle; CONFIG_FOREVER */
    bool embedding, rerank, pin;
    bool guide; /* it comes with hearth, and answers only where there is no other */
    struct config_sampling sampling;
};
struct config_alias {
    struct slice alias, model; /* model: a name, be it of a file or a provider's */
};
struct config_role { /* code, chat, raw and embed are always there */
    const char *name;
    struct config_list
        models; /* names, aliases or model/NAME, best first; none: bound to nothing */
};
struct config_port { /* a listener that asks one role, whatever a request names */
    const char *role;
    struct config_address address;
};

struct config {                                      /* read-only, owned by itself */
    struct config_list listen;                       /* as written, such as 127.0.0.1:8420 */
    const struct config_address *listen_addresses;   /* the same parsed, listen.n of them */
    struct config_list plain;                        /* addresses and interfaces that need no TLS */
    const char *library, *tls_certificate, *tls_key; /* paths; both of tls NULL: one of our own */
    struct config_list stores;                       /* of models, that are looked at */
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
    struct config_engines engines;
    bool audit_strict;
    const struct config_provider *providers; /* in the order in which they are tried */
    size_t providers_n;
    const struct config_model *models; /* in the order of the files, as the rest */
    size_t models_n;
    const struct config_alias *aliases;
    size_t aliases_n;
    const struct config_role *roles;
    size_t roles_n;
    const struct config_port *ports;
    size_t ports_n;
};
