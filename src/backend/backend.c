/* backend: see backend.h. */
#include "backend/backend.h"

enum err attempt_start(struct backend *b, struct attempt *a, const struct attempt_ops *ops,
                       const struct order *o, struct why *why)
{
    assert(!a->backend);
    *a = (struct attempt){.ops = ops, .backend = b};
    enum err e = b->ops->start(b, a, o, why);
    if (e)
        *a = (struct attempt){0};
    return e;
}

void attempt_pause(struct attempt *a, bool on)
{
    if (a->backend)
        a->backend->ops->pause(a, on);
}

void attempt_cancel(struct attempt *a)
{
    if (a->backend)
        a->backend->ops->cancel(a);
    *a = (struct attempt){0};
}

void attempt_done(struct attempt *a, enum err e, const struct why *why)
{
    const struct attempt_ops *ops = a->ops;
    assert(a->backend);
    *a = (struct attempt){0};
    ops->done(a, e, why);
}

enum err backend_wanted(struct backend *b, struct why *why)
{
    return b->ops->wanted ? b->ops->wanted(b, why) : OK;
}

void backend_spared(struct backend *b)
{
    if (b->ops->spared)
        b->ops->spared(b);
}

void backend_use(struct backend *b)
{
    b->users++;
}

void backend_unuse(struct backend *b)
{
    assert(b->users > 0);
    if (--b->users == 0 && b->retired)
        b->ops->free(b);
}

void backend_retire(struct backend *b)
{
    assert(!b->retired);
    b->retired = true;
    if (!b->users)
        b->ops->free(b);
}
