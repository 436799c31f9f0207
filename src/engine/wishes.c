/* wishes: who wants a model in memory, or out of it, by hand. A wish waits for the model as a
 * request does and has the same place in line, but asks nothing: it is over when the model is
 * there, or when there is no use in waiting. */
#include "base/mem.h"
#include "engine/inside.h"

static void end_first(struct wish **at, const struct why *why)
{
    struct wish *w = *at;
    struct engine *e = w->engine;
    *at = w->next;
    e->all->ops->loaded(e->all->context, w->owner, e->backend.name, why);
    mem_free(w);
}

void wishes_end(struct engine *e, const struct why *why)
{
    while (e->wishes)
        end_first(&e->wishes, why);
}

void engine_refuse(struct engine *e, const struct why *why)
{
    e->all->ops->refuse(e->all->context, &e->backend, why);
    wishes_end(e, why);
}

static bool is_there(const struct engine *e)
{
    return (e->sm.state == READY || e->sm.state == BUSY) && !e->stale;
}

enum err engines_load(struct engines *all, struct slice model, void *owner, struct why *why)
{
    struct engine *e;
    enum err err = engine_named(all, model, &e, why);
    if (err)
        return err;
    if (!engine_may(e, why))
        return why->code;
    struct wish *w = mem_new(struct wish);
    if (!w)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    *w = (struct wish){.engine = e, .owner = owner, .since_ms = engine_now(e), .next = e->wishes};
    e->wishes = w;
    e->leaves = false;
    if (is_there(e)) {
        e->used_ms = engine_now(e); /* it stays as long as if it had been asked now */
        wishes_end(e, &(struct why){0});
    }
    place_look(all);
    return OK;
}

void engines_let_go(struct engines *all, const void *owner)
{
    for (struct engine *e = all->first; e; e = e->next) {
        struct wish **at = &e->wishes;
        while (*at && (*at)->owner != owner)
            at = &(*at)->next;
        struct wish *w = *at;
        if (!w)
            continue;
        *at = w->next;
        mem_free(w);
        place_look(all);
    }
}

/* Whoever is inside or waits is told why, and no child is told to go twice. */
static void break_off(struct engine *e)
{
    struct why why;
    why_set(&why, ERR_UNLOADED, "%.*s was taken out of memory", SLICE_ARG(e->backend.name));
    e->backend.queue.closed = true;
    engine_refuse(e, &why);
    tries_fail_all(e, &why);
    engine_stop(e);
}

enum err engines_unload(struct engines *all, struct slice model, bool now, bool *ret_was_there,
                        struct why *why)
{
    struct engine *e;
    enum err err = engine_named(all, model, &e, why);
    if (err)
        return err;
    *ret_was_there = e->spawn != NULL;
    e->leaves = e->spawn != NULL;
    e->comes_back = false;
    if (now)
        break_off(e);
    place_look(all);
    return OK;
}

bool engines_stay(const struct engines *all, struct slice model, struct engine_stay *ret_stay)
{
    struct engine *e;
    if (engine_named(all, model, &e, NULL) || !e->spawn || !e->spawn->ready_ms)
        return false;
    bool idle = !e->tries && e->sm.state == READY;
    uint64_t most = e->model->keep_alive_ms, spent = idle ? engine_now(e) - e->used_ms : 0;
    bool stays = e->model->pin || most == CONFIG_FOREVER;
    *ret_stay = (struct engine_stay){e->spawn->context, stays          ? UINT64_MAX
                                                        : most > spent ? most - spent
                                                                       : 0};
    return true;
}
