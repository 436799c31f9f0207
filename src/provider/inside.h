/* inside: what the files of room provider share with each other. */
#pragma once

#include "base/sm.h"
#include "http/http.h"
#include "provider/provider.h"

struct provider {
    struct backend backend;
    struct loop *loop;
    struct hold *outer; /* the daemon's */
    struct hold hold;   /* links, and one until retired */
    struct arena arena; /* of the terms */
    struct provider_terms terms;
    struct link *links; /* at work */
    struct link *idle;  /* pooled, the newest first */
    size_t live, pooled;
};

struct link { /* one connection, and the attempt that uses it */
    struct stream stream;
    struct timer timer;
    struct hold hold;
    struct provider *provider;
    struct link *next, **at;
    struct sm sm;
    struct attempt *attempt; /* NULL: idle, or its answer is complete */
    struct decoder *decoder;
    struct text head, body; /* of the request; kept on a used connection until the first byte of the
                               answer, to be sent again */
    struct http_parser parser;
    struct sse_parser events;
    struct text object; /* the body of an answer that is no stream */
    unsigned address, served;
    uint64_t idle_since_ms, id;
    bool got_byte, is_stream, is_object, chunk_seen, content_seen, end_seen, paused, closed;
};

enum { CONNECTING, SENT, ANSWERING, FINISHING, POOLED, CLOSED };

/* link.c: the connection */
enum err link_start(struct provider *p, struct attempt *a, const struct order *o, struct why *why);
void link_close(struct link *k);
void link_deadline(struct link *k, uint64_t ms);
void link_move(struct link *k, unsigned to);
/* The attempt ends with this error; the link closes. */
void link_fail(struct link *k, enum err e, const char *words);
void link_to_pool(struct link *k);

/* answer.c: what comes back on it */
void answer_bytes(struct link *k, struct slice in);
void answer_ended(struct link *k);
