/* fake_load: makes many streams at once against a server and counts what came back. Not a
 * benchmark: it judges every event, so that a lost, doubled or mixed one is found. */
#pragma once

#include <stdio.h>

#include "base/json.h"

enum reading {
    READ_HEAD,
    READ_SIZE,
    READ_CHUNK,
    READ_AFTER_CHUNK,
    READ_TRAILERS,
    READ_PLAIN,
    READ_END
};

struct reader { /* one response being read; zero-filled is a fresh one */
    enum reading state;
    struct text in;    /* not yet taken apart */
    struct text event; /* the body since the last whole event */
    uint64_t left;     /* of the chunk or the body */
    bool sized;        /* READ_PLAIN has a length */
    int status;
    char nonce[32];   /* what each content event must carry */
    unsigned events;  /* content events in the right order */
    bool done, wrong; /* [DONE] was there; something was not as expected */
    bool mixed;       /* an event of somebody else */
    char why[128];
};

/* Takes what is in r->in. Afterwards state READ_END means that the response is complete. */
void reader_take(struct reader *r);
void reader_eof(struct reader *r);
