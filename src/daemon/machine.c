/* machine: what this machine has to serve models with: processors, memory, devices, packs, a
 * sandbox. Looking reads files and starts a program, so it is a job: at the start, at each reload,
 * and for whoever asks GET /hearth/v1/devices; who asks while one runs gets its result. */
#include "daemon/inside.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"

#define MOST_ASKING 64u

struct look { /* and what came of it: the engines use it until the next one */
    struct job job;
    struct daemon *daemon;
    struct pending *asking[MOST_ASKING];
    unsigned n_asking;
    struct arena arena;
    struct machine machine;
    struct engine_facts facts;
    uint64_t at_ms;
    struct why why;
    bool again, partly; /* partly: something could not be looked at */
};

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
    struct engine_facts *f = &l->facts;
    struct why why;
    char packs[4096];
    snprintf(packs, sizeof packs, "%s/engines", d->up->sources->paths->data);
    l->why.code = machine_read("", &l->arena, &l->machine, &l->why);
    f->machine = l->why.code ? NULL : &l->machine;
    l->partly = l->why.code != OK;
    if (packs_read(packs, path_of(d), &l->arena, &f->packs, &f->n_packs, &why)) {
        log_warn("engine", "packs could not be looked at: %s", why.text);
        l->partly = true;
    }
    sandbox_probe(d->up->sources->environment, "", &f->sandbox);
    if (sandbox_bridge(&l->arena, &f->bridge, &why)) {
        log_warn("engine", "engines cannot start without hearth-bridge: %s", why.text);
        l->partly = true;
    }
}

void machine_write(const struct daemon *d, struct json_writer *w)
{
    const struct look *l = d->workshop.seen;
    json_key(w, "machine");
    if (l && !l->why.code)
        machine_json(&l->machine, w);
    else
        json_put_null(w);
    json_key(w, "machine_age_ms");
    if (l && !l->why.code)
        json_put_u64(w, loop_now_ms(&d->loop) - l->at_ms);
    else
        json_put_null(w);
}

static void log_machine(const struct machine *m)
{
    log_info("machine", "%s (%s), %u cores, %u threads, %llu MiB of memory", m->cpu,
             m->instructions, m->cores, m->threads, (unsigned long long)(m->memory_total >> 20));
    for (size_t i = 0; i < m->n_devices; i++) {
        const struct device *d = &m->devices[i];
        if (*d->trouble)
            log_warn("machine", "%s cannot be used: %s; to mend it: %s", d->name, d->trouble,
                     d->mend);
        else
            log_info("machine", "%s (%s)%s%s", d->name, d->driver, *d->note ? ": " : "", d->note);
    }
}

static void free_look(struct look *l)
{
    if (l)
        arena_fini(&l->arena);
    mem_free(l);
}

/* What it tried may have failed for a moment: for lack of memory, processes or time. Whoever was
 * promised a sandbox is not left without one for that; where bubblewrap is gone for good, engines
 * do not start until the daemon does. */
static void keep_sandbox(struct look *l, const struct look *before)
{
    bool boxed = l->facts.sandbox.kind != SANDBOX_NONE;
    if (!boxed && !before)
        log_warn("engine", "engines run without a sandbox: %s", l->facts.sandbox.why);
    if (boxed || !before || before->facts.sandbox.kind == SANDBOX_NONE)
        return;
    log_warn("engine",
             "the sandbox did not work when it was tried again (%s); engines start in it "
             "all the same, or not at all",
             l->facts.sandbox.why);
    l->facts.sandbox = before->facts.sandbox;
}

static void take_over(struct look *l)
{
    struct daemon *d = l->daemon;
    struct look *before = d->workshop.seen;
    if (!before && !l->why.code)
        log_machine(&l->machine);
    keep_sandbox(l, before);
    l->at_ms = loop_now_ms(&d->loop);
    d->workshop.seen = l;
    engines_know(&d->workshop.engines, &l->facts);
    free_look(before);
}

static void answer_all(struct look *l)
{
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    if (l->why.code)
        log_warn("machine", "%s", l->why.text);
    json_open_object(&w);
    machine_write(l->daemon, &w);
    json_close_object(&w);
    for (unsigned i = 0; i < l->n_asking; i++)
        api_told(l->asking[i], &l->why, &body);
    text_fini(&body);
}

static void looked(struct job *j)
{
    struct look *l = owner_of(j, struct look, job);
    struct daemon *d = l->daemon;
    bool again = l->again && !d->closed;
    bool useful = !l->partly || !d->workshop.seen; /* else what was seen before is better */
    d->workshop.looking = NULL;
    if (useful)
        take_over(l);
    answer_all(l);
    l->n_asking = 0;
    if (!useful)
        free_look(l);
    if (again)
        machine_look(d, NULL);
}

void machine_forget(struct daemon *d)
{
    free_look(d->workshop.seen);
    d->workshop.seen = NULL;
}

static void refuse(struct pending *ticket, enum err e, const char *words)
{
    struct why why;
    why_set(&why, e, "%s", words);
    if (ticket)
        api_told(ticket, &why, NULL);
}

void machine_look(struct daemon *d, struct pending *ticket)
{
    struct look *l = d->workshop.looking;
    if (l && ticket && l->n_asking == MOST_ASKING) {
        refuse(ticket, ERR_OVER_LIMIT, "too many wait for a look at the machine already");
        return;
    }
    if (!l) {
        l = mem_new(struct look);
        if (l)
            *l = (struct look){.daemon = d, .job.work = look_on_thread, .job.done = looked};
        if (!l || job_start(&l->job, &d->loop, &d->hold)) {
            mem_free(l);
            refuse(ticket, ERR_NO_MEMORY, "no memory to look at the machine");
            return;
        }
        d->workshop.looking = l;
    } else if (!ticket) {
        l->again = true; /* what it looks at may have changed since it began */
    }
    if (ticket)
        l->asking[l->n_asking++] = ticket;
}
