/* asking: a question to the daemon that is asked step by step and never waits, for who has others
 * to listen to meanwhile. Closing it ends the request. */
#pragma once

#include "cli/inner.h"

struct asking { /* ended by asking_end */
    struct cli *cli;
    int fd; /* -1: the daemon has not taken the connection yet */
    struct text question;
    size_t sent;
    struct http_parser http;
    struct sse_parser sse;
    int status;       /* 0: not known yet */
    struct text body; /* of an answer that is no stream of events */
    bool events, done;
    uint64_t began_ms;
    bool (*event)(struct asking *a,
                  struct slice data); /* false: that is enough; NULL: none wanted */
};
void asking_begin(struct asking *a, struct cli *c, const struct question *q);
void asking_end(struct asking *a);
/* What its descriptor is to be watched for; 0: come again a little later. */
short asking_wants(const struct asking *a);
/* As far as it goes now; a->done: the answer is whole. The errors are those of cli_ask. */
enum err asking_step(struct asking *a, struct why *why) MUST_USE;
