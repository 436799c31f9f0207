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

static void loaded(void *context, void *owner, struct slice model, const struct why *why)
{
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    (void)context;
    json_open_object(&w);
    json_key(&w, "loaded");
    json_put_bool(&w, true);
    json_put_pair(&w, "model", model);
    json_close_object(&w);
    api_told(owner, why, &body);
    text_fini(&body);
}

enum err workshop_open(struct daemon *d, struct why *why)
{
    static const struct engines_ops ops = {admit, refuse, loaded};
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

bool workshop_look(void *daemon, struct slice model, struct model_state *ret_state)
{
    const struct daemon *d = daemon;
    struct engine_stay stay;
    if (!engines_stay(&d->workshop.engines, model, &stay))
        return false;
    *ret_state = (struct model_state){stay.context, stay.leaves_in_ms};
    return true;
}

/* ---- models by hand -------------------------------------------------------------------------- */

static enum err no_model(const struct route_plan *plan, struct slice name, struct why *why)
{
    struct text shown = {0}, near = {0};
    text_visible(&shown, slice_to(name, min_size(name.len, 80)));
    for (unsigned i = 0; i < plan->n_nearest; i++) {
        text_add(&near, i ? SLICE(", ") : SLICE("; the nearest are "));
        text_add(&near, plan->nearest[i]);
    }
    enum err e = why_param(why, ERR_NO_MODEL, "model", "no model is named \"%s\"%s",
                           text_cstr(&shown), text_cstr(&near));
    text_fini(&shown);
    text_fini(&near);
    return e;
}

/* By any name that a request may use; a role means the first of its models that is ours. */
static enum err find_model(const struct daemon *d, struct slice name, struct slice *ret_model,
                           struct why *why)
{
    struct route_plan plan = {0};
    enum err e = route_plan(&d->registry.routes, &(struct route_wish){.name = name}, &plan);
    if (e == ERR_NO_MODEL)
        return no_model(&plan, name, why);
    if (e)
        return why_param(why, e, "model",
                         e == ERR_ROLE_UNBOUND ? "no model is bound to the role %.*s"
                                               : "none of the models of the role %.*s is there",
                         SLICE_ARG(plan.role));
    for (unsigned i = 0; i < plan.n; i++) {
        if (workshop_has(&d->registry, plan.list[i].target->backend)) {
            *ret_model = plan.list[i].target->backend->name;
            return OK;
        }
    }
    return why_param(why, ERR_NOT_FOUND, "model",
                     "no engine of this machine serves \"%.*s\"; it is a provider's",
                     SLICE_ARG(slice_to(name, min_size(name.len, 80))));
}

void workshop_load(void *daemon, struct slice model, struct pending *ticket)
{
    struct daemon *d = daemon;
    struct slice name = {0};
    struct why why;
    enum err e = find_model(d, model, &name, &why);
    if (!e)
        e = engines_load(&d->workshop.engines, name, ticket, &why);
    if (e)
        api_told(ticket, &why, NULL);
}

void workshop_let_go(void *daemon, struct pending *ticket)
{
    struct daemon *d = daemon;
    engines_let_go(&d->workshop.engines, ticket);
}

enum err workshop_unload(void *daemon, struct slice model, bool now, struct text *out,
                         struct why *why)
{
    struct daemon *d = daemon;
    struct slice name = {0};
    bool was_there = false;
    enum err e = find_model(d, model, &name, why);
    if (!e)
        e = engines_unload(&d->workshop.engines, name, now, &was_there, why);
    if (e)
        return e;
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "unloading"); /* false: it was not in memory */
    json_put_bool(&w, was_there);
    json_put_pair(&w, "model", name);
    json_close_object(&w);
    return OK;
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
