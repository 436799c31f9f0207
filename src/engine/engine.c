/* engine: the object, and what the daemon does with all of them. */
#include "engine/engine.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/inside.h"
#include "os/os.h"

struct engine *engine_of(const struct backend *b)
{
    return owner_of((uintptr_t)b, struct engine, backend);
}

/* ---- as a backend ---------------------------------------------------------------------------- */

static enum err wanted(struct backend *b, struct why *why)
{
    struct engine *e = engine_of(b);
    if (!engine_may(e, why))
        return why->code;
    if (!e->spawn && b->queue.waiting == 1)
        b->progress_ms = engine_now(e); /* it begins now to come nearer; who comes later changes
                                           nothing in that */
    place_look(e->all);
    return OK;
}

/* Only out of rest: whoever else asks it, or pinned it, is not robbed of it. */
static void spared(struct backend *b)
{
    struct engine *e = engine_of(b);
    bool idle = e->sm.state == READY && !b->queue.busy && !b->queue.waiting && !e->wishes;
    if (!idle || !e->spawn || !e->model || e->model->pin)
        return;
    e->leaves = true;
    e->comes_back = false;
    place_look(e->all);
}

static void retired(struct backend *b)
{
    struct engine *e = engine_of(b);
    e->gone = true;
    engine_stop(e);
    engine_free(e);
}

static const struct backend_ops ops = {.start = tries_start,
                                       .pause = tries_pause,
                                       .cancel = tries_cancel,
                                       .wanted = wanted,
                                       .spared = spared,
                                       .free = retired};

static const struct sampling_row {
    const char *name;
    size_t at;
} samplings[] = {
#define AT(member) offsetof(struct config_sampling, member)
    {"temperature", AT(temperature)},
    {"top_p", AT(top_p)},
    {"top_k", AT(top_k)},
    {"min_p", AT(min_p)},
    {"repeat_penalty", AT(repeat_penalty)},
    {"presence_penalty", AT(presence_penalty)},
    {"frequency_penalty", AT(frequency_penalty)},
    {"seed", AT(seed)},
#undef AT
};

/* False: no memory, and what was said before holds on. */
static bool write_sampling(struct engine *e, const struct config_model *model)
{
    const char *base = (const char *)&model->sampling;
    struct text said = {0};
    struct json_writer w = json_writer(&said);
    json_open_object(&w);
    for (size_t i = 0; i < COUNT(samplings); i++) {
        const char *value = *(const char *const *)(const void *)(base + samplings[i].at);
        if (!value[0])
            continue;
        json_key(&w, samplings[i].name);
        json_put_raw(&w, slice_of(value)); /* checked to be a number when it was read */
    }
    json_close_object(&w);
    if (said.failed) {
        text_fini(&said);
        return false;
    }
    if (said.len == 2)
        text_clear(&said); /* nothing is set */
    text_fini(&e->sampling);
    e->sampling = said;
    return true;
}

static void hold_is_empty(struct hold *h)
{
    struct engine *e = owner_of(h, struct engine, hold);
    struct hold *outer = e->all->hold;
    tail_fini(&e->tail);
    text_fini(&e->sampling);
    arena_fini(&e->arena);
    mem_free(e);
    hold_drop(outer);
}

/* Once nobody uses it and its child is gone. */
void engine_free(struct engine *e)
{
    if (!e->gone || e->spawn || !e->at)
        return;
    *e->at = e->next;
    if (e->next)
        e->next->at = e->at;
    e->at = NULL;
    timer_close(&e->timer);
    timer_close(&e->pulse);
    hold_drop(&e->hold);
}

struct backend *engine_new(struct engines *all, const struct config_model *model)
{
    struct engine *e = mem_new(struct engine);
    if (!e)
        return NULL;
    struct slice name = arena_dup(&e->arena, slice_of(model->name));
    if (!name.ptr || !write_sampling(e, model)) {
        arena_fini(&e->arena);
        mem_free(e);
        return NULL;
    }
    e->all = all;
    e->place = model->guide ? &all->guide : &all->models;
    e->model = model;
    e->hold = (struct hold){.count = 1, .gone = hold_is_empty};
    hold_add(all->hold);
    e->backend = (struct backend){.ops = &ops,
                                  .name = name,
                                  .dialect = DIALECT_OPENAI,
                                  .answers_aside = true,
                                  .queue = {.slots = (unsigned)max_u64(model->parallel, 1),
                                            .length = all->settings.queue_length,
                                            .closed = true}};
    e->health.answered = pulse_health;
    e->slots.answered = pulse_slots;
    e->counts.answered = figures_answer;
    timer_open(&e->timer, all->loop, &e->hold, life_ring);
    timer_open(&e->pulse, all->loop, &e->hold, pulse_ring);
    life_init(e);
    struct engine **at = &all->first; /* in the order of the configuration */
    while (*at)
        at = &(*at)->next;
    e->at = at;
    *at = e;
    return &e->backend;
}

/* ---- changes --------------------------------------------------------------------------------- */

/* One that could be started with neither settings, for its file or its pack is gone, goes on: there
 * is nothing better to be had. */
static bool would_start_the_same(struct engine *e, const struct config_model *model)
{
    const struct engine_facts *f = e->all->facts;
    struct arena arena = {0};
    struct launch now, then;
    const char *engine = model->engine[0] ? model->engine : "llama.cpp";
    struct launch_terms t = {.model = model,
                             .pack = pack_pick(f->packs, f->n_packs, engine),
                             .machine = f->machine,
                             .sandbox = &f->sandbox,
                             .bridge = f->bridge,
                             .folder = "/",
                             .key = ""};
    if (!t.pack)
        return true;
    bool can_then = !launch_make(&t, &arena, &then, NULL);
    t.model = e->model;
    bool can_now = !launch_make(&t, &arena, &now, NULL);
    bool same = can_now && can_then ? launch_same(&now, &then) : can_now == can_then;
    arena_fini(&arena);
    return same && slice_is(slice_of(t.pack->id), slice_of(e->spawn->pack_id));
}

void engine_set(struct backend *b, const struct config_model *model)
{
    struct engine *e = engine_of(b);
    bool stays = e->spawn && e->all->facts && e->sm.state != STOPPING;
    if (stays && !would_start_the_same(e, model)) {
        e->stale = true;
        e->comes_back = true;
    }
    e->model = model;
    if (!write_sampling(e, model))
        log_warn("engine", "no memory for what %.*s is to be sampled by", SLICE_ARG(b->name));
    b->queue.length = e->all->settings.queue_length;
    engine_rested(e);
    place_look(e->all);
}

void engine_drop(struct backend *b)
{
    struct engine *e = engine_of(b);
    struct why why;
    e->model = NULL; /* it goes with the configuration that it is of */
    b->queue.closed = true;
    why_set(&why, ERR_NO_TARGET, "%.*s is no longer configured", SLICE_ARG(b->name));
    engine_refuse(e, &why);
    engine_drain(e);
    backend_retire(b);
}

enum err engine_named(const struct engines *all, struct slice model, struct engine **ret,
                      struct why *why)
{
    struct engine *e = all->first;
    while (e && (!e->model || !slice_is(e->backend.name, model)))
        e = e->next; /* of one that is not configured any more another may have the name */
    if (!e)
        return why_set(why, ERR_NOT_FOUND, "no model of an engine is named \"%.*s\"",
                       SLICE_ARG(model));
    *ret = e;
    return OK;
}

enum err engines_restart(struct engines *all, struct slice model, struct why *why)
{
    struct engine *e;
    enum err err = engine_named(all, model, &e, why);
    if (err)
        return err;
    engine_rested(e);
    e->deaths = (struct deaths){.all = e->deaths.all};
    e->stale = e->spawn != NULL;
    e->comes_back = true;
    place_look(all);
    return OK;
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* What children of a daemon that was killed left: sockets on which nobody answers. */
static void sweep(const struct engines *all)
{
    DIR *dir = opendir(all->folder);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        char path[4096];
        if (d->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", all->folder, d->d_name);
        spawn_remove_folder(all, path);
    }
    if (dir)
        closedir(dir);
}

void engines_open(struct engines *all)
{
    place_open(&all->models, all);
    place_open(&all->guide, all);
    sweep(all);
}

static bool same_packs(const struct engine_facts *a, const struct engine_facts *b)
{
    bool same = a && a->n_packs == b->n_packs;
    for (size_t i = 0; same && i < b->n_packs; i++)
        same = strcmp(a->packs[i].id, b->packs[i].id) == 0 && a->packs[i].used == b->packs[i].used;
    return same;
}

void engines_know(struct engines *all, const struct engine_facts *facts)
{
    bool same = same_packs(all->facts, facts);
    all->facts = facts;
    for (struct engine *e = all->first, *next; e; e = next) {
        struct why why;
        next = e->next;
        if (e->sm.state == FAILED && !same) /* perhaps what it lacked is there now */
            engine_rested(e);
        if ((e->backend.queue.waiting || e->wishes) && !engine_may(e, &why))
            engine_refuse(e, &why);
    }
    place_look(all);
}

void engines_close(struct engines *all, bool now)
{
    struct why down;
    why_set(&down, ERR_SHUTTING_DOWN, "the daemon goes down");
    all->closed = true;
    timer_close(&all->models.turn);
    timer_close(&all->guide.turn);
    for (struct engine *e = all->first; e; e = e->next) {
        timer_stop(&e->pulse);
        wishes_end(e, &down);
        if (e->spawn && now)
            engine_kill(e, ERR_SHUTTING_DOWN, "the daemon goes down");
        else
            engine_stop(e);
    }
}

static void put_u64(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, key);
    json_put_u64(w, n);
}

/* What the system counts of it: what it reads of its model's file is a part of rss. */
static void write_memory(struct json_writer *w, pid_t pid)
{
    struct os_memory m;
    if (!pid || os_memory_of("", pid, &m))
        return;
    json_key(w, "memory");
    json_open_object(w);
    put_u64(w, "rss", m.rss);
    put_u64(w, "anonymous", m.anonymous);
    json_close_object(w);
}

/* How long it stays. */
static void write_stay(struct json_writer *w, const struct engine *e)
{
    bool inside = e->tries || e->sm.state != READY;
    json_key(w, "leaving");
    json_put_bool(w, e->leaves);
    put_u64(w, "idle_ms", inside ? 0 : engine_now(e) - e->used_ms);
    put_u64(w, "pieces", e->so_far.pieces);
    put_u64(w, "calls", e->so_far.calls);
    write_memory(w, e->spawn->child.program);
}

/* null: for ever. */
static void write_keep_alive(struct json_writer *w, const struct config_model *model)
{
    json_key(w, "pin");
    json_put_bool(w, model->pin);
    json_key(w, "keep_alive_ms");
    if (model->keep_alive_ms == CONFIG_FOREVER)
        json_put_null(w);
    else
        json_put_u64(w, model->keep_alive_ms);
}

static void write_child(struct json_writer *w, const struct engine *e)
{
    const struct spawn *s = e->spawn;
    json_put_pair(w, "build", slice_of(s->pack_id));
    json_key(w, "pid");
    json_put_int(w, s->child.program ? s->child.program : s->child.pid);
    json_key(w, "progress");
    json_put_number(w, s->progress);
    put_u64(w, "context", s->context);
    put_u64(w, "load_ms", (s->ready_ms ? s->ready_ms : engine_now(e)) - s->began_ms);
    json_put_pair(w, "sandbox",
                  e->all->facts->sandbox.kind == SANDBOX_NONE ? SLICE("none")
                                                              : SLICE("bubblewrap"));
}

/* What it died of last, or why it cannot be started; "" neither. */
static const char *trouble_of(const struct engine *e, struct why *why)
{
    const struct pack *pack;
    bool known = e->sm.state == ABSENT && e->model && e->all->facts;
    if (!e->failed.text[0] && known && spawn_choose(e, &pack, why))
        return why->text;
    return e->failed.text;
}

static void write_engine(struct json_writer *w, const struct engine *e, bool log)
{
    struct why why = {0};
    json_open_object(w);
    json_put_pair(w, "model", e->backend.name);
    json_put_pair(w, "state", slice_of(sm_name(&e->sm)));
    put_u64(w, "since_ms", engine_now(e) - e->since_ms);
    put_u64(w, "slots", e->backend.queue.slots);
    put_u64(w, "busy", engine_busy(e));
    put_u64(w, "held", e->backend.queue.held);
    put_u64(w, "waiting", engine_waiting(e));
    json_put_pair(w, "why", slice_of(trouble_of(e, &why)));
    if (e->model)
        write_keep_alive(w, e->model);
    if (e->spawn) {
        write_child(w, e);
        write_stay(w, e);
    }
    if (log)
        json_put_pair(w, "log", text_slice(&e->tail.lines));
    json_close_object(w);
}

void engines_write(const struct engines *all, bool logs, struct json_writer *w)
{
    json_open_array(w);
    for (const struct engine *e = all->first; e; e = e->next)
        write_engine(w, e, logs);
    json_close_array(w);
}
