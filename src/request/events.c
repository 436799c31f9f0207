/* events: numbered events and those who read them. An event goes straight to readers that are
 * ready; what a reader is not ready for is kept until it is. A request that ends by itself keeps
 * all of its events, up to a limit, so that a reader can come back at a number. When more is kept
 * for a single reader than the stream buffer holds, the target is paused. */
#include "base/mem.h"
#include "request/inside.h"

#define MOST_KEPT (64u * 1024 * 1024) /* of one request's log; then the oldest go */

struct kept {
    struct kept *next;
    struct event event; /* its slices point behind this struct */
    struct why why;
    char bytes[];
};

static size_t cost(const struct kept *k)
{
    return sizeof *k + k->event.raw.len + k->event.json.len;
}

static void drop_first(struct request *r)
{
    struct kept *k = r->log.first;
    r->log.first = k->next;
    if (!r->log.first)
        r->log.last = NULL;
    r->log.bytes -= cost(k);
    mem_free(k);
}

void request_forget(struct request *r)
{
    while (r->log.first)
        drop_first(r);
}

static struct slice put(char *to, struct slice s)
{
    if (s.len)
        memcpy(to, s.ptr, s.len);
    return (struct slice){to, s.len};
}

static struct kept *keep(struct request *r, const struct event *e)
{
    size_t bytes = sizeof(struct kept) + e->raw.len + e->json.len;
    struct kept *k = mem_grow(NULL, bytes);
    if (!k)
        return NULL;
    *k = (struct kept){.event = *e};
    k->event.parsed = NULL; /* both are borrowed for the call only */
    k->event.piece = (struct slice){0};
    k->event.raw = put(k->bytes, e->raw);
    k->event.json = put(k->bytes + e->raw.len, e->json);
    if (e->why) {
        k->why = *e->why;
        k->event.why = &k->why;
    }
    if (r->log.last)
        r->log.last->next = k;
    else
        r->log.first = k;
    r->log.last = k;
    r->log.bytes += bytes;
    return k;
}

/* ---- pausing the target --------------------------------------------------------------------- */

static void balance(struct request *r)
{
    size_t most = r->desk->settings.stream_buffer;
    bool pause = !r->terms.ends_by_itself && r->log.bytes > (r->paused ? most / 2 : most);
    if (pause != r->paused) {
        r->paused = pause;
        attempt_pause(&r->attempt, pause);
        if (!pause)
            fan_wake(r);
    }
}

/* What every reader has taken goes, unless somebody may come back for it. */
static void trim(struct request *r)
{
    if (!r->terms.ends_by_itself) {
        uint64_t needed = r->log.next;
        for (struct reader *d = r->readers; d; d = d->next)
            needed = min_u64(needed, d->number);
        while (r->log.first && r->log.first->event.number < needed)
            drop_first(r);
    }
    while (r->log.bytes > MOST_KEPT && r->log.first != r->log.last)
        drop_first(r);
    for (struct reader *d = r->readers; d; d = d->next) {
        if (d->at && r->log.first && d->number < r->log.first->event.number) {
            d->at = r->log.first; /* it lags by 64 MiB: it misses what was dropped */
            d->number = r->log.first->event.number;
        }
    }
    balance(r);
}

/* ---- readers -------------------------------------------------------------------------------- */

static void loosen(struct reader *d)
{
    struct request *r = d->request;
    struct reader **link = &r->readers;
    while (*link != d)
        link = &(*link)->next;
    *link = d->next;
    d->request = NULL;
    d->next = NULL;
    d->at = NULL;
    r->desk->readers--;
}

static bool is_last_event(const struct event *e)
{
    return e->kind == EVENT_END || e->kind == EVENT_ERROR;
}

/* What was complete here did not reach who asked: the row says why. Others may come back. */
static void fall(struct request *r, enum err why)
{
    if (!r->terms.ends_by_itself && !r->record.fell)
        r->record.fell = why;
}

/* The last event frees the reader's owner, so the reader is loose before it hears it. */
static void give_last(struct reader *d, const struct event *e)
{
    struct request *r = d->request;
    loosen(d);
    d->pumping = false;
    enum err err = d->ops->take(d, e);
    if (err)
        fall(r, err);
}

/* What a reader cannot go on with ends the request for all; it hears that at once, whatever else is
 * kept for it. */
static void stop_for(struct reader *d, enum err e)
{
    struct request *r = d->request;
    struct why why;
    fall(r, e);
    why_set(&why, e, "the answer could not be put together");
    struct event last = {.kind = EVENT_ERROR, .number = r->log.next, .why = &why};
    give_last(d, &last);
    request_stop(r, &why);
}

/* Gives the reader all it will take of what is kept. */
static void pump(struct reader *d)
{
    struct request *r = d->request;
    enum err e = OK;
    bool last = false;
    if (d->pumping)
        return;
    hold_add(&r->hold);
    d->pumping = true;
    while (d->at && !last && !e) {
        const struct event *event = &d->at->event;
        last = is_last_event(event);
        if (last) {
            give_last(d, event);
            break;
        }
        e = d->ops->take(d, event);
        if (!e) {
            d->number = event->number + 1;
            d->at = d->at->next;
        }
    }
    if (!last)
        d->pumping = false;
    if (e && e != ERR_BUSY)
        stop_for(d, e);
    trim(r);
    if (r->sm.state == REQUEST_DONE && !r->readers)
        request_step(r);
    hold_drop(&r->hold);
}

enum err reader_follow(struct reader *d, struct request *r, uint64_t from)
{
    struct kept *k = r->log.first;
    bool still_to_come = from >= r->log.next && r->sm.state != REQUEST_DONE;
    if (!still_to_come && (!k || k->event.number > from || from >= r->log.next))
        return ERR_NOT_FOUND;
    while (k && k->event.number < from)
        k = k->next;
    d->request = r;
    d->number = from;
    d->at = k;
    d->next = r->readers;
    r->readers = d;
    r->desk->readers++;
    if (k)
        pump(d);
    return OK;
}

void reader_wake(struct reader *d)
{
    if (d->request)
        pump(d);
}

void reader_leave(struct reader *d, enum err reason)
{
    struct request *r = d->request;
    struct why why;
    if (!r)
        return;
    hold_add(&r->hold);
    loosen(d);
    why_set(&why, reason, "its last reader left");
    if (!r->readers && !r->terms.ends_by_itself)
        request_stop(r, &why);
    if (r->sm.state == REQUEST_DONE) {
        fall(r, reason);
        request_step(r);
    } else {
        trim(r);
    }
    hold_drop(&r->hold);
}

/* ---- emitting ------------------------------------------------------------------------------- */

/* The one reader of a request without a log that has nothing waiting: no copy is made. */
static bool give_directly(struct request *r, const struct event *e)
{
    struct reader *d = r->readers;
    bool plain = d && !d->next && !d->at && !d->pumping && d->number <= e->number;
    if (r->terms.ends_by_itself || !plain)
        return false;
    if (is_last_event(e)) {
        give_last(d, e);
        return true;
    }
    d->pumping = true;
    enum err err = d->ops->take(d, e);
    d->pumping = false;
    d->number = e->number + (err == OK);
    if (err && err != ERR_BUSY)
        stop_for(d, err);
    return err != ERR_BUSY;
}

void request_break(struct request *r, const struct why *why)
{
    struct event e = {.kind = EVENT_ERROR, .number = r->log.next, .why = why, .usage = NO_USAGE};
    hold_add(&r->hold);
    fall(r, why->code);
    while (r->readers)
        give_last(r->readers, &e);
    if (r->sm.state == REQUEST_DONE)
        request_step(r); /* it was there for its readers only */
    else
        request_stop(r, why);
    hold_drop(&r->hold);
}

static void break_for_memory(struct request *r)
{
    struct why why;
    why_set(&why, ERR_NO_MEMORY, "no memory to keep an event");
    request_break(r, &why);
}

/* One that waits for this event. Those with `at` set are full; those that wait for a later number
 * hear the end all the same. */
static struct reader *idle_reader(struct request *r, const struct kept *k)
{
    struct reader *d = r->readers;
    bool last = is_last_event(&k->event);
    while (d && (d->at || (d->number > k->event.number && !last)))
        d = d->next;
    return d;
}

static void give_to_all(struct request *r, struct kept *k)
{
    for (struct reader *d; (d = idle_reader(r, k));) {
        d->at = k;
        d->number = k->event.number;
        pump(d); /* it may end the request, and with that every reader */
    }
    trim(r);
}

void request_emit(struct request *r, struct event *e)
{
    e->number = r->log.next++;
    if (!r->readers && !r->terms.ends_by_itself)
        return;
    hold_add(&r->hold);
    if (!give_directly(r, e)) {
        struct kept *k = keep(r, e);
        if (k)
            give_to_all(r, k);
        else
            break_for_memory(r);
    }
    hold_drop(&r->hold);
}
