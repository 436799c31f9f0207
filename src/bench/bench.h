/* bench: how fast is an OpenAI-compatible address, and does it answer right under load? A generator
 * of chat requests, and a mock of a provider for it to stand behind a gateway. Each is one thread
 * that owns its sockets and ends with its function. Plain HTTP/1.1 only. It knows nothing of the
 * daemon, and the daemon nothing of it. */
#pragma once

#include <sys/socket.h>

#include "base/err.h"

#define BENCH_MODEL "bench" /* what the mock is called */
#define BENCH_CHUNKS 4u     /* the pieces of its answer, unless max_tokens says another number */
#define BENCH_CHUNKS_MOST 10000u
#define BENCH_CONNECTIONS_MOST 10000u

/* An address that was resolved once. */
struct bench_place {
    struct sockaddr_storage address;
    socklen_t address_len;
    char host[300]; /* as the Host field says it */
    char path[512]; /* in front of "/chat/completions"; "/v1" where the URL names none */
};
MUST_USE enum err bench_find(const char *url, struct bench_place *ret_place, struct why *why);

struct bench_load {
    const struct bench_place *place;
    const char *key;   /* NULL: none is sent */
    const char *model; /* which one is asked */
    size_t body;       /* bytes of each request's JSON; less than it needs is as much as it needs */
    unsigned connections;
    unsigned chunks; /* sent as max_tokens */
    bool stream;
    /* 0: each connection sends its next request at once (closed loop). Else so many a second,
     * each at its time whatever became of those before it (open loop), and the wait for its answer
     * counts from that time: what a stall holds up is slow too. */
    unsigned rate;
    uint64_t warm_us, run_us; /* not counted, counted */
    /* About ten times a second; NULL is allowed. */
    void (*tell)(void *data, uint64_t done_us, uint64_t of_us);
    void *data;
};

struct bench_figures {
    uint64_t requests; /* answered, and right */
    uint64_t answered; /* the same, those before and after the count too */
    uint64_t wrong;    /* anything else, those before the count began too */
    struct why why;    /* the first of the wrong ones */
    bool exact;        /* the mock answered, so that each byte of text was known */
    double per_second;
    uint64_t p50_us, p90_us, p99_us, p999_us, most_us; /* of the right ones */
    uint64_t cpu_us;                                   /* of this process, for all of it */
};

/* Asks once before it begins, to see that somebody answers and whether that is the mock. An error
 * when that fails, or when the connections cannot be made; what goes wrong later is counted. */
MUST_USE enum err bench_measure(const struct bench_load *load, struct bench_figures *ret_figures,
                                struct why *why);

struct bench_mock {
    uint16_t port;   /* 0: a free one */
    unsigned chunks; /* for requests without max_tokens */
    unsigned gap_ms; /* between the pieces of a stream; 0: all of it at once */
    void (*ready)(void *data, uint16_t port);
    void *data;
};

/* Listens on 127.0.0.1 and serves until the process is ended; returns only when it cannot. */
MUST_USE enum err bench_serve(const struct bench_mock *mock, struct why *why);
