/* record: what becomes of a request's row. It is gathered on the way, complete when the request is
 * settled, and written when the last byte of the answer has been handed to the caller's connection:
 * a slow caller's row comes later than its end. Hashes are of the bytes as they came and as they
 * went: a body, or a part of an answer, above 256 KiB is hashed by a job. */
#include "request/inside.h"

#include "base/mem.h"
#include "os/os.h"

static_assert(CALL_COUNT <= MOST_CALLS, "a row has a place for each kind");

#define MOST_WAITING (64u * 1024 * 1024) /* bytes for a job that does not get its turn */

struct sealing {
    struct job job;
    struct request *request;
    struct digest *digest;
    struct text working, waiting;
};

/* ---- digests, used again and again ---------------------------------------------------------- */

static struct digest *take_digest(struct desk *d)
{
    return d->n_digests ? d->digests[--d->n_digests] : digest_new();
}

static void give_digest(struct desk *d, struct digest *digest)
{
    if (d->n_digests < SPARE_DIGESTS && !d->closed)
        d->digests[d->n_digests++] = digest;
    else
        digest_free(digest);
}

/* ---- what came ------------------------------------------------------------------------------ */

void record_begin(struct request *r)
{
    r->row.began_ms = os_wall_ms();
    r->row.principal = r->terms.principal;
    r->row.who = r->terms.who;
    if (r->terms.parent)
        r->row.parent = arena_format(&r->arena, "%.*s-%llu", SLICE_ARG(r->desk->audit->instance),
                                     (unsigned long long)r->terms.parent);
    r->row.kind = r->terms.kind;
    r->row.call = dialect_kind_name(r->terms.kind);
    r->row.dialect = dialect_name(r->terms.dialect);
    r->row.prompt_tokens = r->row.completion_tokens = -1;
}

void request_got(struct request *r, uint64_t bytes)
{
    r->row.bytes_in = bytes;
}

void record_prompt(struct request *r)
{
    struct digest *digest = take_digest(r->desk);
    if (!digest)
        return; /* the row goes without it */
    digest_add(digest, text_slice(&r->body.bytes));
    digest_end(digest, r->record.prompt);
    r->record.has_prompt = true;
    give_digest(r->desk, digest);
}

void record_heard(struct request *r)
{
    uint64_t step = r->desk->loop->step_began_us;
    if (r->tries.waits_us && step > r->tries.waits_us)
        r->row.upstream_us += step - r->tries.waits_us;
    r->tries.waits_us = 0;
}

/* ---- what went ------------------------------------------------------------------------------ */

static void start_sealing(struct request *r);

static void seal_on_thread(struct job *j)
{
    struct sealing *s = owner_of(j, struct sealing, job);
    digest_add(s->digest, text_slice(&s->working));
}

static void end_sealing(struct request *r)
{
    struct sealing *s = r->record.sealing;
    text_fini(&s->working);
    text_fini(&s->waiting);
    mem_free(s);
    r->record.sealing = NULL;
}

static void sealed(struct job *j)
{
    struct sealing *s = owner_of(j, struct sealing, job);
    struct request *r = s->request;
    text_clear(&s->working);
    r->record.broken |= s->waiting.failed;
    if (s->waiting.len && !r->record.broken) {
        start_sealing(r);
        return;
    }
    end_sealing(r);
    if (r->sm.state == REQUEST_DONE)
        request_step(r);
}

/* What waits becomes what is worked on. */
static void start_sealing(struct request *r)
{
    struct sealing *s = r->record.sealing;
    struct text room = s->working;
    s->working = s->waiting;
    s->waiting = room;
    s->waiting.limit = MOST_WAITING;
    s->job = (struct job){.work = seal_on_thread, .done = sealed};
    if (job_start(&s->job, r->desk->loop, &r->hold)) {
        r->record.broken = true;
        end_sealing(r);
    }
}

static void seal_later(struct request *r, struct slice bytes)
{
    struct sealing *s = r->record.sealing;
    if (s) {
        text_add(&s->waiting, bytes);
        return;
    }
    s = r->record.sealing = mem_new(struct sealing);
    if (!s) {
        r->record.broken = true;
        return;
    }
    s->request = r;
    s->digest = r->record.digest;
    text_add(&s->waiting, bytes);
    r->record.broken = s->waiting.failed;
    if (r->record.broken)
        end_sealing(r);
    else
        start_sealing(r);
}

/* May so many bytes more be hashed in this step of the loop? */
static bool is_little(struct desk *d, size_t bytes)
{
    if (d->hashed_us != d->loop->step_began_us)
        d->hashed = 0;
    d->hashed_us = d->loop->step_began_us;
    d->hashed += bytes;
    return d->hashed <= LARGE;
}

void request_gave(struct request *r, int status, struct slice bytes)
{
    struct record *d = &r->record;
    r->row.status = status;
    r->row.bytes_out += bytes.len;
    if (!bytes.len || d->broken)
        return;
    if (!d->digest)
        d->digest = take_digest(r->desk);
    if (!d->digest)
        d->broken = true;
    else if (d->sealing || !is_little(r->desk, bytes.len))
        seal_later(r, bytes);
    else
        digest_add(d->digest, bytes);
}

/* ---- the row -------------------------------------------------------------------------------- */

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

void record_settle(struct request *r)
{
    struct audit_row *row = &r->row;
    const uint32_t *spent = r->sm.spent_us;
    uint64_t others = (uint64_t)spent[REQUEST_READING] + spent[REQUEST_WAITING] + row->upstream_us;
    row->outcome = r->complete ? OK : r->stop.code;
    row->total_us = loop_now_us(r->desk->loop) - r->began_us;
    row->overhead_us = less(row->total_us, others);
    row->spent_us = spent;
}

static void end_digest(struct request *r)
{
    struct record *d = &r->record;
    if (!d->digest || d->sealing)
        return;
    digest_end(d->digest, d->answer);
    if (!d->broken)
        r->row.answer = d->answer;
    give_digest(r->desk, d->digest);
    d->digest = NULL;
}

bool record_close(struct request *r)
{
    struct record *d = &r->record;
    bool late = d->sealing && r->desk->closed;
    if (d->sealing && !late)
        return false;
    end_digest(r);
    if (d->written)
        return !d->sealing;
    d->written = true;
    r->row.prompt = d->has_prompt ? d->prompt : NULL;
    if (r->row.outcome == OK && d->fell)
        r->row.outcome = d->fell;
    if (!r->row.status)
        r->row.status = err_row(r->row.outcome)->http;
    audit_write(r->desk->audit, &r->row);
    for (unsigned i = 0; i < r->plan.n; i++)
        backend_unuse(r->plan.list[i].target->backend);
    r->plan.n = 0;
    return !d->sealing;
}
