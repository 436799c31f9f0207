/* workshop: the room of engines, opened and closed, and the engines of a configuration's models. */
#include "daemon/inside.h"

#include "os/os.h"

#define FOLDER "engines" /* of sockets, below run */

/* ---- the room ------------------------------------------------------------------------------- */

static void admit(void *context, struct backend *b)
{
    struct daemon *d = context;
    desk_admit(&d->desk, b);
}

static void refuse(void *context, struct backend *b, const struct why *why)
{
    struct daemon *d = context;
    desk_refuse(&d->desk, b, why);
}

enum err workshop_open(struct daemon *d, struct why *why)
{
    static const struct engines_ops ops = {admit, refuse};
    struct slice folder = arena_format(&d->arena, "%s/" FOLDER, d->up->sources->paths->run);
    struct slice via = arena_format(&d->arena, "1.1 %s", d->instance);
    if (!folder.ptr || !via.ptr)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    enum err e = os_make_private_folder(folder.ptr, &d->workshop.folder, why);
    if (e)
        return e;
    d->workshop.engines.loop = &d->loop;
    d->workshop.engines.hold = &d->hold;
    d->workshop.engines.ops = &ops;
    d->workshop.engines.context = d;
    d->workshop.engines.folder = folder.ptr;
    d->workshop.engines.via = via;
    engines_open(&d->workshop.engines);
    machine_look(d, NULL);
    return OK;
}

void workshop_close(struct daemon *d)
{
    engines_close(&d->workshop.engines, d->at_once);
}

void workshop_tell(void *daemon, struct text *out)
{
    const struct daemon *d = daemon;
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "engines");
    engines_write(&d->workshop.engines, true, &w);
    json_close_object(&w);
}

enum err workshop_restart(void *daemon, struct slice model, struct why *why)
{
    struct daemon *d = daemon;
    return engines_restart(&d->workshop.engines, model, why);
}

/* ---- the engines of a configuration ---------------------------------------------------------- */

static struct backend *engine_of_old(const struct daemon *d, const char *name)
{
    for (size_t i = 0; i < d->registry.n_engines; i++) {
        if (slice_is(d->registry.engines[i]->name, slice_of(name)))
            return d->registry.engines[i];
    }
    return NULL;
}

enum err workshop_make(struct daemon *d, const struct config *c, struct registry *r)
{
    r->engines = arena_array(&r->arena, struct backend *, c->models_n);
    if (!r->engines)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < c->models_n; i++) {
        struct backend *b = engine_of_old(d, c->models[i].name);
        if (!b)
            b = engine_new(&d->workshop.engines, &c->models[i]);
        if (!b)
            return ERR_NO_MEMORY;
        r->engines[r->n_engines++] = b;
    }
    return OK;
}

bool workshop_has(const struct registry *r, const struct backend *b)
{
    for (size_t i = 0; i < r->n_engines; i++) {
        if (r->engines[i] == b)
            return true;
    }
    return false;
}

void workshop_install(const struct config *c, const struct registry *old,
                      const struct registry *now)
{
    for (size_t i = 0; i < old->n_engines; i++) {
        if (!workshop_has(now, old->engines[i]))
            engine_drop(old->engines[i]);
    }
    for (size_t i = 0; i < now->n_engines; i++)
        engine_set(now->engines[i], &c->models[i]);
}
