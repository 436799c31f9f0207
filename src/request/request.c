/* request: the object and its machine. Moves, and the function that makes each:
 *   GATING    -> READING    request_admit   headers judged: host, origin, who, size
 *   READING   -> DECODING   take_body       the body is complete
 *   DECODING  -> ADMITTING  decode          it is a call
 *   ADMITTING -> ROUTING    admit           it may be made
 *   ROUTING   -> WAITING    route           a target is chosen
 *   WAITING   -> TRYING     wait_for_slot   the target has a slot for it
 *   WAITING   -> ROUTING    wait_for_slot   its queue is full, or it took too long
 *   TRYING    -> ROUTING    try             the attempt failed and nothing was read yet
 *   TRYING    -> STREAMING  on_event        the first content is on its way to the readers
 *   STREAMING -> RESUMING   stream          the attempt broke off
 *   RESUMING  -> STREAMING  resume          another instance goes on with it
 *   any       -> SETTLING   run_stage       the answer is complete, or `stop` says why not
 *   SETTLING  -> DONE       settle          told to the readers; the row follows the last byte
 * Cancel, deadline, the last reader's leaving and shutdown all set `stop`; the first one stays. */
#include "base/log.h"
#include "base/mem.h"
#include "request/inside.h"

#define KEEP_DONE_MS 60000u /* a request that ended by itself can be read again so long */
#define MOST_DROPPED 1000u  /* bytes of names that are told */
#define TELL_MS 500u        /* so often one that waits is told for what */

#define TO(s) (1u << REQUEST_##s)
static const struct sm_state states[] = {
#define X(name, ms, to) [REQUEST_##name] = {#name, to, ms},
    REQUEST_STATES(X)
#undef X
};
#undef TO
static const struct sm_table table = {"request", states, COUNT(states)};
static_assert(COUNT(states) <= SM_MOST_STATES, "raise SM_MOST_STATES");
static_assert(COUNT(states) <= MOST_STATES, "a row has room for fewer states");

/* ---- lifetime ------------------------------------------------------------------------------- */

static void free_request(struct hold *h)
{
    struct request *r = owner_of(h, struct request, hold);
    struct desk *d = r->desk;
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    body_fini(&r->body);
    decoder_fini(&r->decoder);
    fan_fini(r);
    digest_free(r->record.digest);
    arena_fini(&r->arena);
    mem_free(r);
    d->kept--;
}

/* Once it is done and nobody reads any more, the timer goes, and with it the last hold. */
static void let_go(struct request *r)
{
    if (r->sm.state == REQUEST_DONE && !r->readers) {
        request_forget(r);
        timer_close(&r->timer);
    }
}

void request_after_done(struct request *r)
{
    body_fini(&r->body);
    if (r->readers || !record_close(r))
        return; /* slow ones, or a job: the last of them comes by again */
    if (r->terms.ends_by_itself && r->log.first && !r->desk->draining)
        timer_set(&r->timer, KEEP_DONE_MS);
    else
        let_go(r);
}

static bool is_told(const struct request *r)
{
    return r->terms.told && r->call.stream;
}

/* A comment: no client takes it for content, and another target may be tried after it. */
static void tell_wait(struct request *r)
{
    const struct backend *b = r->plan.list[r->tries.candidate].target->backend;
    unsigned place = queue_place(&r->ticket);
    struct text words = {0};
    text_add(&words, SLICE(": hearth "));
    struct json_writer w = json_writer(&words);
    json_open_object(&w);
    json_put_pair(&w, "waits_for", b->name);
    if (b->loading) {
        json_key(&w, "loaded");
        json_put_number(&w, b->loaded);
    }
    json_key(&w, "ahead");
    json_put_u64(&w, place ? place - 1 : 0);
    json_close_object(&w);
    text_add(&words, SLICE("\n\n"));
    struct event e = {
        .kind = EVENT_BYTES, .ready = true, .raw = text_slice(&words), .usage = NO_USAGE};
    if (!words.failed)
        request_emit(r, &e);
    text_fini(&words);
}

/* Its time in the queue is not over, or what it waits for came nearer meanwhile. */
static bool wait_on(struct request *r, uint64_t spent_ms)
{
    const struct backend *b = r->plan.list[r->tries.candidate].target->backend;
    uint64_t most = r->desk->settings.queue_wait_ms;
    uint64_t in_queue_ms = (loop_now_us(r->desk->loop) - r->sm.entered_us) / 1000;
    uint64_t since_ms = min_u64(in_queue_ms, loop_now_ms(r->desk->loop) - b->progress_ms);
    if (since_ms >= most)
        return false;
    uint64_t left = min_u64(most - since_ms, r->desk->settings.total_ms - spent_ms);
    timer_set(&r->timer, is_told(r) ? min_u64(left, TELL_MS) : left);
    if (is_told(r))
        tell_wait(r); /* last: it may be over with this */
    return true;
}

static void on_time(struct timer *t)
{
    struct request *r = owner_of(t, struct request, timer);
    uint64_t spent_ms = (loop_now_us(r->desk->loop) - r->began_us) / 1000;
    /* the loop's own clock is up to a turn behind: a timer may ring a little early */
    bool total = spent_ms + 2 >= r->desk->settings.total_ms;
    bool waits = r->sm.state == REQUEST_WAITING;
    struct why why;
    if (r->sm.state == REQUEST_DONE) {
        let_go(r);
        return;
    }
    if (!total && waits && wait_on(r, spent_ms))
        return;
    why_set(&why, total || !waits ? ERR_DEADLINE : ERR_WAITED_TOO_LONG, "it was %s for too long",
            sm_name(&r->sm));
    if (why.code == ERR_WAITED_TOO_LONG) {
        r->tries.failed = why; /* another target may have a slot */
        r->tries.turned_away = true;
        request_give_up_slot(r);
        request_step(r);
    } else {
        request_stop(r, &why);
    }
}

/* Only what is there is copied: most who ask have no limits, and a block costs. */
static bool keep_terms(struct request *r, const struct request_terms *terms)
{
    r->terms = *terms;
    if (terms->who.len)
        r->terms.who = arena_dup(&r->arena, terms->who);
    if (terms->models.len)
        r->terms.models = arena_dup(&r->arena, terms->models);
    if (terms->role.len)
        r->terms.role = arena_format(&r->arena, "role/%.*s", SLICE_ARG(terms->role));
    bool kept = (!terms->who.len || r->terms.who.ptr) &&
                (!terms->models.len || r->terms.models.ptr) &&
                (!terms->role.len || r->terms.role.ptr);
    if (!kept)
        arena_fini(&r->arena);
    return kept;
}

struct request *request_new(struct desk *d, const struct request_terms *terms)
{
    struct request *r = mem_new(struct request);
    if (!r || !keep_terms(r, terms)) {
        mem_free(r);
        return NULL;
    }
    r->desk = d;
    r->began_us = loop_now_us(d->loop);
    r->row.id = ++d->last_id;
    record_begin(r);
    r->hold.gone = free_request;
    sm_init(&r->sm, &table, REQUEST_GATING, r->began_us);
    r->next = d->requests;
    r->link = &d->requests;
    if (r->next)
        r->next->link = &r->next;
    d->requests = r;
    d->live++;
    timer_open(&r->timer, d->loop, &r->hold, on_time);
    timer_set(&r->timer, states[REQUEST_GATING].longest_ms);
    return r;
}

/* ---- the machine ---------------------------------------------------------------------------- */

void request_move(struct request *r, enum request_state to)
{
    uint64_t now = loop_now_us(r->desk->loop);
    sm_move(&r->sm, to, now, r->row.id);
    uint64_t spent_ms = (now - r->began_us) / 1000, total = r->desk->settings.total_ms;
    uint64_t left = total > spent_ms ? total - spent_ms : 1;
    uint64_t own = to == REQUEST_WAITING ? r->desk->settings.queue_wait_ms : states[to].longest_ms;
    if (to == REQUEST_WAITING && is_told(r))
        left = min_u64(left, TELL_MS);
    if (to != REQUEST_DONE) {
        timer_set(&r->timer, own ? min_u64(own, left) : left);
        return;
    }
    timer_stop(&r->timer);
    r->desk->kept++;
    if (--r->desk->live == 0 && r->desk->draining)
        r->desk->quiet(r->desk);
}

static bool run_stage(struct request *r)
{
    bool settled = r->sm.state >= REQUEST_SETTLING;
    if (!settled && (r->stop.code || r->complete)) {
        request_move(r, REQUEST_SETTLING);
        return true;
    }
    return r->sm.state != REQUEST_DONE && request_stages[r->sm.state](r);
}

void request_step(struct request *r)
{
    if (r->stepping) {
        r->again = true; /* woken from inside a stage: run once more, do not recurse */
        return;
    }
    hold_add(&r->hold);
    r->stepping = true;
    do {
        r->again = false;
        while (run_stage(r))
            ;
    } while (r->again);
    r->stepping = false;
    if (r->sm.state == REQUEST_DONE)
        request_after_done(r);
    hold_drop(&r->hold);
}

void request_admit(struct request *r)
{
    if (r->sm.state != REQUEST_GATING)
        return;
    request_move(r, REQUEST_READING);
    request_step(r);
}

void request_give(struct request *r, struct body *body)
{
    r->body = body_take(body);
    r->row.bytes_in = r->body.bytes.len;
    r->has_body = true;
    request_step(r);
}

void request_stop(struct request *r, const struct why *why)
{
    if (r->stop.code || r->complete)
        return; /* the first reason stays */
    r->stop = *why;
    request_step(r);
}

const char *const *request_state_names(unsigned *ret_n)
{
    static const char *const names[] = {
#define X(name, ...) [REQUEST_##name] = #name,
        REQUEST_STATES(X)
#undef X
    };
    *ret_n = COUNT(names);
    return names;
}

uint64_t request_id(const struct request *r)
{
    return r->row.id;
}

struct request *request_find(struct desk *d, uint64_t id, int64_t principal)
{
    struct request *r = d->requests;
    while (r && !(r->row.id == id && r->terms.ends_by_itself && r->terms.principal == principal))
        r = r->next;
    return r;
}

bool request_streams(const struct request *r)
{
    return r->call.stream;
}

bool request_wants_usage(const struct request *r)
{
    return r->call.wants_usage;
}

struct slice request_dropped(const struct request *r)
{
    struct slice names = text_slice(&r->decoder.dropped);
    return slice_to(names, min_size(names.len, MOST_DROPPED));
}
