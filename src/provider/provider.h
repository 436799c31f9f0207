/* provider: somebody else's server as a backend. One kind so far: OpenAI-compatible, over a Unix
 * socket or plain TCP to a literal address of this machine's network. Each provider has a pool of
 * its own, so connections are never shared between addresses, credentials or kinds. A connection
 * that saw an error, a cancelled answer or bytes nobody asked for is never used again. */
#pragma once

#include "backend/backend.h"
#include "loop/loop.h"

#define PROVIDER_ADDRESSES 2u /* localhost is two of them */

struct provider_terms { /* copied */
    struct slice name;
    enum dialect dialect;
    struct address addresses[PROVIDER_ADDRESSES];
    unsigned n_addresses;
    struct slice host;    /* for the Host header */
    struct slice path;    /* before the dialect's own paths: /v1 */
    struct slice api_key; /* empty: none. Never logged */
    struct slice via;     /* who we are, for whoever would send a request back to us */
    uint64_t connect_ms, first_byte_ms, idle_ms;
    uint64_t pool_idle_ms, pool_requests; /* when its kind retires a connection */
    unsigned slots, queue_length;
};

/* Freed by backend_retire, once nobody uses it; hold counts it until then. NULL: no memory. */
struct backend *provider_new(struct loop *l, struct hold *hold, const struct provider_terms *t);

struct provider_counts {
    size_t live, pooled; /* connections at work and waiting for some */
};
struct provider_counts provider_counts(const struct backend *b);
/* What a reload may change without a new provider. */
void provider_set_times(struct backend *b, const struct provider_terms *t);
