/* provider: the object, its pool, and the backend's operations. */
#include "provider/inside.h"

#include "base/mem.h"

static struct provider *provider_of(const struct backend *b)
{
    return owner_of((uintptr_t)b, struct provider, backend);
}

static enum err start(struct backend *b, struct attempt *a, const struct order *o, struct why *why)
{
    return link_start(provider_of(b), a, o, why);
}

static void pause_attempt(struct attempt *a, bool on)
{
    struct link *k = a->work;
    k->paused = on;
    if (k->sm.state != ANSWERING)
        return; /* take_head sees it */
    stream_read(&k->stream, !on);
    link_deadline(k, on ? 0 : k->provider->terms.idle_ms); /* we are slow now, not they */
}

static void cancel(struct attempt *a)
{
    struct link *k = a->work;
    k->attempt = NULL;
    link_close(k);
}

static void free_provider(struct backend *b)
{
    struct provider *p = provider_of(b);
    while (p->idle)
        link_close(p->idle);
    for (struct link *k = p->links, *next; k; k = next) {
        next = k->next;
        link_close(k);
    }
    hold_drop(&p->hold);
}

static void gone(struct hold *h)
{
    struct provider *p = owner_of(h, struct provider, hold);
    struct hold *outer = p->outer;
    arena_fini(&p->arena);
    mem_free(p);
    hold_drop(outer);
}

static const struct backend_ops ops = {
    .start = start, .pause = pause_attempt, .cancel = cancel, .free = free_provider};

static bool copy(struct arena *a, struct slice *s)
{
    *s = arena_dup(a, *s);
    return s->ptr != NULL;
}

static bool copy_terms(struct provider *p, const struct provider_terms *t)
{
    struct arena *a = &p->arena;
    p->terms = *t;
    bool all = copy(a, &p->terms.name) && copy(a, &p->terms.host) && copy(a, &p->terms.path) &&
               copy(a, &p->terms.api_key) && copy(a, &p->terms.via);
    for (unsigned i = 0; all && i < t->n_addresses; i++) {
        if (t->addresses[i].kind == ADDRESS_UNIX)
            p->terms.addresses[i].path = arena_cstr(a, slice_of(t->addresses[i].path));
        all = t->addresses[i].kind != ADDRESS_UNIX || p->terms.addresses[i].path;
    }
    return all;
}

struct backend *provider_new(struct loop *l, struct hold *hold, const struct provider_terms *t)
{
    struct provider *p = mem_new(struct provider);
    if (!p)
        return NULL;
    if (!copy_terms(p, t)) {
        arena_fini(&p->arena);
        mem_free(p);
        return NULL;
    }
    p->loop = l;
    p->outer = hold;
    p->hold = (struct hold){.count = 1, .gone = gone};
    hold_add(hold);
    p->backend = (struct backend){
        .ops = &ops,
        .name = p->terms.name,
        .dialect = t->dialect,
        .queue = {.slots = t->slots, .length = t->queue_length},
    };
    return &p->backend;
}

struct provider_counts provider_counts(const struct backend *b)
{
    struct provider *p = provider_of(b);
    return (struct provider_counts){p->live, p->pooled};
}

void provider_set_times(struct backend *b, const struct provider_terms *t)
{
    struct provider *p = provider_of(b);
    p->terms.connect_ms = t->connect_ms;
    p->terms.first_byte_ms = t->first_byte_ms;
    p->terms.idle_ms = t->idle_ms;
    p->terms.pool_idle_ms = t->pool_idle_ms;
    p->terms.pool_requests = t->pool_requests;
    p->backend.queue.length = t->queue_length;
}
