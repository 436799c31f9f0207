/* engines: what this machine has to serve models with, looked at by a job at the start and at each
 * reload, and the engines of a configuration's models. */
#include "daemon/inside.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "os/os.h"

#define FOLDER "engines" /* below data: packs; below run: sockets */

struct look { /* and what came of it, which the engines use until the next one */
    struct job job;
    struct daemon *daemon;
    struct arena arena;
    struct engine_facts facts;
    struct machine machine;
    bool again;
};

/* ---- looking -------------------------------------------------------------------------------- */

static const char *path_of(const struct daemon *d)
{
    const char *const *env = d->up->sources->environment;
    for (; env && *env; env++) {
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    }
    return NULL;
}

static void look_on_thread(struct job *j)
{
    struct look *l = owner_of(j, struct look, job);
    struct daemon *d = l->daemon;
    struct why why;
    char packs[4096];
    snprintf(packs, sizeof packs, "%s/" FOLDER, d->up->sources->paths->data);
    if (machine_read("", &l->arena, &l->machine, &why))
        log_warn("engine", "this machine could not be looked at: %s", why.text);
    else
        l->facts.machine = &l->machine;
    if (packs_read(packs, path_of(d), &l->arena, &l->facts.packs, &l->facts.n_packs, &why))
        log_warn("engine", "packs could not be looked at: %s", why.text);
    sandbox_probe(d->up->sources->environment, "", &l->facts.sandbox);
    if (sandbox_bridge(&l->arena, &l->facts.bridge, &why))
        log_warn("engine", "hearth-bridge is not there: %s", why.text);
}

static void free_look(struct look *l)
{
    if (!l)
        return;
    arena_fini(&l->arena);
    mem_free(l);
}

static void looked(struct job *j)
{
    struct look *l = owner_of(j, struct look, job), *old;
    struct daemon *d = l->daemon;
    bool again = l->again;
    d->workshop.looking = NULL;
    old = d->workshop.look;
    d->workshop.look = l;
    if (d->closed) {
        d->workshop.look = NULL;
        free_look(l);
    } else {
        if (l->facts.sandbox.kind == SANDBOX_NONE && (!old || old->facts.sandbox.kind))
            log_warn("engine", "engines run without a sandbox: %s", l->facts.sandbox.why);
        engines_know(&d->workshop.engines, &l->facts);
    }
    free_look(old);
    if (again)
        engines_look(d);
}

void engines_look(struct daemon *d)
{
    if (d->workshop.looking) {
        d->workshop.looking->again = true;
        return;
    }
    struct look *l = mem_new(struct look);
    if (!l)
        return;
    l->daemon = d;
    l->job.work = look_on_thread;
    l->job.done = looked;
    if (job_start(&l->job, &d->loop, &d->hold)) {
        mem_free(l);
        return;
    }
    d->workshop.looking = l;
}

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

enum err engines_begin(struct daemon *d, struct why *why)
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
    engines_look(d);
    return OK;
}

void engines_end(struct daemon *d)
{
    engines_close(&d->workshop.engines, d->at_once);
}

void engines_forget(struct daemon *d)
{
    free_look(d->workshop.look);
    d->workshop.look = NULL;
}

void engines_tell(void *daemon, struct text *out)
{
    const struct daemon *d = daemon;
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "engines");
    engines_write(&d->workshop.engines, true, &w);
    json_close_object(&w);
}

enum err engines_again(void *daemon, struct slice model, struct why *why)
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

enum err engines_make(struct daemon *d, const struct config *c, struct registry *r)
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

bool engines_has(const struct registry *r, const struct backend *b)
{
    for (size_t i = 0; i < r->n_engines; i++) {
        if (r->engines[i] == b)
            return true;
    }
    return false;
}

void engines_install(const struct config *c, const struct registry *old, const struct registry *now)
{
    for (size_t i = 0; i < old->n_engines; i++) {
        if (!engines_has(now, old->engines[i]))
            engine_drop(old->engines[i]);
    }
    for (size_t i = 0; i < now->n_engines; i++)
        engine_set(now->engines[i], &c->models[i]);
}
