/* stages: one short function a state, in order. None calls another: each moves or waits. */
#include <stdio.h>

#include "base/mem.h"
#include "request/inside.h"

struct decoding {
    struct job job;
    struct request *request;
    struct arena arena;
    struct call call;
    struct why why;
    enum err err;
    unsigned char prompt[HASH_BYTES];
    bool has_prompt;
};

static bool stop(struct request *r, const struct why *why)
{
    r->stop = *why;
    return true; /* request_step sees it */
}

/* ---- READING, DECODING, ADMITTING ------------------------------------------------------------ */

static bool gate(struct request *r)
{
    (void)r;
    return false;
}

static bool take_body(struct request *r)
{
    if (!r->has_body)
        return false;
    request_move(r, REQUEST_DECODING);
    return true;
}

static void decode_on_thread(struct job *j)
{
    struct decoding *d = owner_of(j, struct decoding, job);
    struct request *r = d->request; /* its body and terms do not change while this runs */
    d->err = dialect_decode_call(r->terms.dialect, r->terms.kind, text_slice(&r->body.bytes),
                                 &d->arena, &d->call, &d->why);
    d->has_prompt = crypt_sha256(text_slice(&r->body.bytes), d->prompt) == OK;
}

static void decoded(struct job *j)
{
    struct decoding *d = owner_of(j, struct decoding, job);
    struct request *r = d->request;
    r->decoding = NULL;
    arena_adopt(&r->arena, &d->arena);
    if (d->err)
        request_stop(r, &d->why);
    r->call = d->call;
    r->record.has_prompt = d->has_prompt;
    memcpy(r->record.prompt, d->prompt, sizeof d->prompt);
    mem_free(d);
    if (!r->stop.code && r->sm.state == REQUEST_DECODING)
        request_move(r, REQUEST_ADMITTING);
    request_step(r);
}

static bool decode_large(struct request *r)
{
    struct why why;
    struct decoding *d = mem_new(struct decoding);
    if (d) {
        d->request = r;
        d->job.work = decode_on_thread;
        d->job.done = decoded;
        d->err = ERR_CANCELLED;
        why_set(&d->why, ERR_CANCELLED, "decoding was cancelled");
    }
    if (!d || job_start(&d->job, r->desk->loop, &r->hold)) {
        mem_free(d);
        why_set(&why, ERR_NO_MEMORY, "no memory to decode the body");
        return stop(r, &why);
    }
    r->decoding = d;
    return false;
}

static bool decode(struct request *r)
{
    struct why why;
    struct slice body = text_slice(&r->body.bytes);
    if (r->decoding)
        return false;
    if (body.len > LARGE)
        return decode_large(r);
    record_prompt(r);
    if (dialect_decode_call(r->terms.dialect, r->terms.kind, body, &r->arena, &r->call, &why))
        return stop(r, &why);
    request_move(r, REQUEST_ADMITTING);
    return true;
}

static bool admit(struct request *r)
{
    r->row.model = r->terms.role.len ? slice_from(r->terms.role, strlen("role/")) : r->call.model;
    r->row.streamed = r->call.stream;
    r->decoder = (struct decoder){
        .model = r->call.model, .now_s = r->row.began_ms / 1000, .arena = &r->arena};
    request_move(r, REQUEST_ROUTING);
    return true;
}

/* ---- who answers ----------------------------------------------------------------------------- */

static struct backend *target_of(struct request *r)
{
    return r->plan.list[r->tries.candidate].target->backend;
}

static void note_served(struct request *r)
{
    r->row.target = target_of(r)->name;
    r->row.served = r->plan.list[r->tries.candidate].target->model;
}

/* Who did not name this very model is told which one answers. */
static void tell_model(struct request *r)
{
    struct slice model = r->plan.list[r->tries.candidate].target->model;
    if (r->plan.by_name || slice_is(model, r->decoder.model))
        return;
    r->decoder.model = model;
    r->decoder.model_json = (struct slice){0};
}

/* ---- wishes ---------------------------------------------------------------------------------- */

static bool stop_without_memory(struct request *r)
{
    struct why why;
    why_set(&why, ERR_NO_MEMORY, "no memory");
    return stop(r, &why);
}

/* Nothing is asked: the caller hears that it is so, as at the end of an answer. */
static bool grant(struct request *r, struct slice reason)
{
    struct event event, end = {.kind = EVENT_END, .usage = NO_USAGE};
    tell_model(r);
    if (decoder_grant(&r->decoder, reason, &event))
        return stop_without_memory(r);
    note_served(r);
    request_emit(r, &event);
    request_emit(r, &end);
    r->complete = true;
    return true;
}

/* All that have it, and they go only out of rest. */
static bool spare(struct request *r)
{
    for (unsigned i = 0; i < r->plan.n; i++)
        backend_spared(r->plan.list[i].target->backend);
    return grant(r, SLICE("unload"));
}

/* ---- ROUTING --------------------------------------------------------------------------------- */

/* A port's role stands for whatever the request says. In terms.role, role/ is before its name. */
static struct slice asked(const struct request *r)
{
    return r->terms.role.len ? r->terms.role : r->call.model;
}

/* A role that cannot answer now, and the command that mends it. */
static bool no_role(struct request *r, enum err e)
{
    struct why why;
    int len = (int)r->plan.role.len;
    const char *name = r->plan.role.ptr;
    if (e == ERR_ROLE_UNBOUND)
        why_param(&why, e, "model",
                  "no model is bound to the role %.*s; `hearth roles set %.*s MODEL` binds one",
                  len, name, len, name);
    else
        why_param(&why, e, "model",
                  "none of the models of the role %.*s is there; `hearth roles set %.*s MODEL` "
                  "binds another",
                  len, name, len, name);
    return stop(r, &why);
}

static bool no_model(struct request *r)
{
    struct why why;
    struct text name = {0}, near = {0};
    bool role = slice_begins(asked(r), SLICE("role/"));
    struct slice bare = slice_from(asked(r), role ? strlen("role/") : 0);
    text_visible(&name, slice_to(bare, min_size(bare.len, 80)));
    for (unsigned i = 0; i < r->plan.n_nearest; i++) {
        text_add(&near, i ? SLICE(", ") : SLICE("; the nearest are "));
        text_add(&near, r->plan.nearest[i]);
    }
    if (!asked(r).len)
        why_param(&why, ERR_NO_MODEL, "model", "no model is named, and none is there for this");
    else
        why_param(&why, ERR_NO_MODEL, "model", "no %s is named \"%s\"%s", role ? "role" : "model",
                  text_cstr(&name),
                  r->desk->routes->n ? text_cstr(&near) : "; no provider is switched on");
    text_fini(&name);
    text_fini(&near);
    return stop(r, &why);
}

/* The last failure, and the names of all attempts when there were several. */
static bool exhausted(struct request *r)
{
    struct why why = r->tries.failed;
    struct text words = {0};
    for (unsigned i = 0; i < r->row.n_tries; i++) {
        const struct audit_try *t = &r->row.tries[i];
        text_add(&words, i ? SLICE("; ") : SLICE(""));
        text_add(&words, t->target);
        text_format(&words, ": %s", err_row(t->err)->code);
    }
    text_format(&words, " (%s)", r->tries.failed.text);
    if (why.code == ERR_CANNOT) {
        struct slice other = request_another(r);
        text_format(&words, other.len ? "; %.*s can" : "%.*s", SLICE_ARG(other));
    }
    snprintf(why.text, sizeof why.text, "%s", text_cstr(&words));
    text_fini(&words);
    return stop(r, &why);
}

static void note_try(struct request *r, enum err e)
{
    if (r->row.n_tries == MOST_TRIES)
        return;
    r->row.tries[r->row.n_tries++] = (struct audit_try){
        .target = target_of(r)->name,
        .reason = r->plan.list[r->tries.candidate].reason,
        .err = e,
        .took_us = r->tries.began_us ? loop_now_us(r->desk->loop) - r->tries.began_us : 0,
    };
    r->tries.began_us = 0;
}

/* Each candidate's reason is its own. */
static bool tried_twice(const struct request *r)
{
    unsigned n = r->row.n_tries;
    return n >= 2 && r->row.tries[n - 1].reason == r->row.tries[n - 2].reason;
}

/* After a failed try: back to ROUTING with another candidate, or the end. */
static bool try_again(struct request *r)
{
    enum again again = err_row(r->tries.failed.code)->again;
    note_try(r, r->tries.failed.code);
    if (again == NEVER || !r->desk->settings.failover)
        return exhausted(r);
    if (again == OTHER_TARGET || tried_twice(r))
        r->tries.candidate++;
    request_move(r, REQUEST_ROUTING);
    return true;
}

/* The rows of the table may be replaced by a reload, so the plan keeps copies; their backends
 * stay as long as somebody uses them. */
static enum err keep_plan(struct request *r)
{
    struct route_target *copies = arena_array(&r->arena, struct route_target, r->plan.n);
    if (!copies)
        return ERR_NO_MEMORY;
    for (unsigned i = 0; i < r->plan.n; i++) {
        copies[i] = *r->plan.list[i].target;
        copies[i].model = arena_dup(&r->arena, copies[i].model);
        if (!copies[i].model.ptr)
            return ERR_NO_MEMORY;
    }
    for (unsigned i = 0; i < r->plan.n; i++) {
        r->plan.list[i].target = &copies[i];
        backend_use(copies[i].backend);
    }
    return OK;
}

static enum route_does does(const struct request *r)
{
    bool embeds = r->call.kind == CALL_EMBED || r->call.kind == CALL_VECTOR;
    return embeds ? ROUTE_EMBED : r->call.kind == CALL_RERANK ? ROUTE_RERANK : ROUTE_TEXT;
}

static bool make_plan(struct request *r)
{
    struct why why;
    const struct route_wish wish = {asked(r), r->terms.models, does(r)};
    enum err e = route_plan(r->desk->routes, &wish, &r->plan);
    if (e == ERR_OUT_OF_SCOPE) {
        why_set(&why, e, "%s", "");
        return stop(r, &why);
    }
    if (e == ERR_ROLE_UNBOUND || e == ERR_NO_TARGET)
        return no_role(r, e);
    if (e)
        return no_model(r);
    if (keep_plan(r)) {
        r->plan.n = 0;
        return stop_without_memory(r);
    }
    request_move(r, REQUEST_WAITING);
    return true;
}

/* Several answers: each is asked for by itself. */
static bool is_fan(const struct request *r)
{
    return r->call.n > 1 && r->call.dialect == DIALECT_OPENAI &&
           (r->call.kind == CALL_CHAT || r->call.kind == CALL_COMPLETE);
}

static bool route(struct request *r)
{
    if (is_fan(r)) {
        request_move(r, REQUEST_WAITING);
        return true;
    }
    if (!r->plan.n)
        return make_plan(r);
    if (r->tries.candidate >= r->plan.n || r->tries.made >= r->desk->settings.attempts ||
        r->row.n_tries == MOST_TRIES)
        return exhausted(r);
    request_move(r, REQUEST_WAITING);
    return true;
}

/* ---- WAITING, TRYING ------------------------------------------------------------------------- */

/* What says no word needs no slot: it must not wait behind those that talk. For vectors an engine
 * has a line of its own, in which those who ask alike find together. */
static bool is_light(const struct request *r, const struct backend *b)
{
    return b->answers_aside && (r->terms.kind >= CALL_TOKENS || r->terms.kind == CALL_EMBED);
}

/* It stands in the queue, or learns at once that this is in vain. */
static bool ask_for_slot(struct request *r)
{
    struct backend *b = target_of(r);
    enum err e = OK;
    uint64_t now = loop_now_ms(r->desk->loop);
    if (is_light(r, b) && queue_pass(&b->queue, &r->ticket, now) == OK)
        return true;
    if (queue_ask(&b->queue, &r->ticket, now))
        e = why_set(&r->tries.failed, ERR_NO_ROOM, "%u requests wait for it already",
                    b->queue.waiting);
    else if (!r->ticket.granted)
        e = backend_wanted(b, &r->tries.failed);
    r->ticket.light = is_light(r, b);
    if (!e)
        return true;
    request_give_up_slot(r);
    return try_again(r);
}

static bool wait_for_slot(struct request *r)
{
    if (r->call.wish == WISH_UNLOAD)
        return spare(r);
    if (r->ticket.granted || is_fan(r)) {
        request_move(r, REQUEST_TRYING);
        return true;
    }
    if (r->ticket.queue)
        return false;
    if (r->tries.turned_away) {
        r->tries.turned_away = false;
        return try_again(r);
    }
    return ask_for_slot(r);
}

static void on_event(struct attempt *a, const struct event *e)
{
    struct request *r = owner_of(a, struct request, attempt);
    struct event out = *e;
    if (r->stop.code)
        return;
    record_heard(r);
    if (event_is_content(e) && !r->content_sent) {
        r->content_sent = true;
        note_served(r);
        r->row.first_us = loop_now_us(r->desk->loop) - r->began_us;
        request_move(r, REQUEST_STREAMING);
    }
    if (e->usage.prompt >= 0)
        r->row.prompt_tokens = e->usage.prompt;
    if (e->usage.completion >= 0)
        r->row.completion_tokens = e->usage.completion;
    r->decoder.head_sent |= e->kind == EVENT_HEAD || event_is_content(e);
    if (e->kind == EVENT_END) {
        note_served(r);
        r->complete = true;
    }
    if (e->raw.len || e->kind == EVENT_END)
        request_emit(r, &out);
    r->tries.waits_us = loop_now_us(r->desk->loop);
}

static void on_done(struct attempt *a, enum err e, const struct why *why)
{
    struct request *r = owner_of(a, struct request, attempt);
    r->desk->attempts--;
    record_heard(r);
    if (e) {
        r->tries.failed = *why;
        r->tries.over = true;
    }
    request_step(r);
}

static bool start(struct request *r)
{
    static const struct attempt_ops ops = {on_event, on_done};
    struct order order = {
        .call = &r->call,
        .target = {.model = r->plan.list[r->tries.candidate].target->model, .slot = -1},
        .decoder = &r->decoder,
        .id = r->row.id,
    };
    tell_model(r);
    r->tries.began_us = loop_now_us(r->desk->loop);
    r->tries.made++;
    enum err e = attempt_start(target_of(r), &r->attempt, &ops, &order, &r->tries.failed);
    if (e) {
        r->tries.failed.code = e;
        r->tries.over = true;
        return true;
    }
    r->desk->attempts++;
    r->tries.waits_us = loop_now_us(r->desk->loop);
    if (r->paused)
        attempt_pause(&r->attempt, true);
    return false;
}

static bool try(struct request *r)
{
    if (is_fan(r)) {
        if (!r->fan)
            fan_start(r);
        return false;
    }
    if (!r->tries.over)
        return r->attempt.backend          ? false
               : r->call.wish == WISH_LOAD ? grant(r, SLICE("load"))
                                           : start(r);
    r->tries.over = false;
    request_give_up_slot(r);
    return try_again(r);
}

/* ---- STREAMING, RESUMING, SETTLING ----------------------------------------------------------- */

static bool stream(struct request *r)
{
    if (!r->tries.over)
        return false;
    r->tries.over = false;
    note_try(r, r->tries.failed.code);
    request_move(r, REQUEST_RESUMING);
    return true;
}

/* Content has left: only a backend that can be given the beginning may go on. */
static bool resume(struct request *r)
{
    if (!target_of(r)->resumes)
        return stop(r, &r->tries.failed);
    return false;
}

static void tell_readers(struct request *r)
{
    if (r->complete)
        return; /* the target's own end went to them */
    struct event e = {.kind = EVENT_ERROR, .why = &r->stop, .usage = NO_USAGE};
    request_emit(r, &e);
}

static void complete_row(struct request *r)
{
    if (r->tries.began_us)
        note_try(r, r->complete ? OK : r->stop.code);
    record_settle(r);
}

static bool settle(struct request *r)
{
    if (r->decoding) { /* a thread looks at the body: it says when it is done */
        cancel_ask(&r->decoding->job.cancel, r->stop.code);
        return false;
    }
    if (r->attempt.backend) {
        attempt_cancel(&r->attempt);
        r->desk->attempts--;
        record_heard(r);
    }
    fan_stop(r);
    tell_readers(r);
    complete_row(r);
    request_give_up_slot(r);
    request_move(r, REQUEST_DONE);
    return false;
}

stage_fn *const request_stages[REQUEST_STATE_COUNT] = {
    [REQUEST_GATING] = gate,     [REQUEST_READING] = take_body, [REQUEST_DECODING] = decode,
    [REQUEST_ADMITTING] = admit, [REQUEST_ROUTING] = route,     [REQUEST_WAITING] = wait_for_slot,
    [REQUEST_TRYING] = try,      [REQUEST_STREAMING] = stream,  [REQUEST_RESUMING] = resume,
    [REQUEST_SETTLING] = settle,
};
