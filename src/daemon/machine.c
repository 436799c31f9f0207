/* machine: what this machine has, for status and GET /hearth/v1/devices. Looking reads files, so it
 * is a job: one at the start, and one for whoever asks; who asks while one runs gets its result. */
#include "daemon/inside.h"

#include "base/log.h"
#include "base/mem.h"

#define MOST_ASKING 64u

struct look {
    struct job job;
    struct daemon *daemon;
    struct pending *asking[MOST_ASKING];
    unsigned n_asking;
    struct arena arena;
    struct machine machine;
    struct why why;
};

static void look_on_thread(struct job *j)
{
    struct look *l = owner_of(j, struct look, job);
    l->why.code = machine_read("", &l->arena, &l->machine, &l->why);
}

void machine_write(const struct daemon *d, struct json_writer *w)
{
    const struct facts *f = &d->facts;
    json_key(w, "machine");
    if (f->read_ms)
        machine_json(&f->machine, w);
    else
        json_put_null(w);
    json_key(w, "machine_age_ms");
    if (f->read_ms)
        json_put_u64(w, loop_now_ms(&d->loop) - f->read_ms);
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

static void take_over(struct look *l)
{
    struct facts *f = &l->daemon->facts;
    if (!f->read_ms)
        log_machine(&l->machine);
    arena_fini(&f->arena);
    f->arena = l->arena;
    f->machine = l->machine;
    f->read_ms = max_u64(loop_now_ms(&l->daemon->loop), 1);
}

static void looked(struct job *j)
{
    struct look *l = owner_of(j, struct look, job);
    struct daemon *d = l->daemon;
    struct text body = {0};
    d->facts.look = NULL;
    if (l->why.code) {
        log_warn("machine", "%s", l->why.text);
        arena_fini(&l->arena);
    } else {
        struct json_writer w = json_writer(&body);
        take_over(l);
        json_open_object(&w);
        machine_write(d, &w);
        json_close_object(&w);
    }
    for (unsigned i = 0; i < l->n_asking; i++)
        api_told(l->asking[i], &l->why, &body);
    text_fini(&body);
    mem_free(l);
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
    struct look *l = d->facts.look;
    if (l && l->n_asking == MOST_ASKING) {
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
        d->facts.look = l;
    }
    if (ticket)
        l->asking[l->n_asking++] = ticket;
}
