/* ledger: what is asked of the ledger: rows, one row, days, who was refused, does the chain hold.
 * Each question is a job, since it reads files; a few run at a time and the others wait in line, so
 * that large bodies, which need the same threads, are never behind them all. An answer is what the
 * store wrote, and `took_us`; the job writes all of it, since it can be large. Who hangs up ends a
 * check of the chain; other questions end by themselves, within seconds. */
#include "api/inside.h"

#include "base/mem.h"
#include "base/when.h"
#include "os/os.h"

#define MOST_ERRANDS 2u  /* at the same time */
#define MOST_WAITING 64u /* behind them */
#define MOST_VALUE 256u  /* bytes of one in a query */
#define MOST_ROWS 1000u  /* of one answer; more is had with `before` */
#define MOST_SUMS 10000u /* they are shorter, and a part of them would be a wrong sum */

struct errand {
    struct job job;
    struct pending pending; /* the visit that waits */
    struct api *api;
    struct errand *next; /* in line */
    bool verifies;
    const char *name; /* of what the store wrote, in the answer */
    struct ledger_ask ask;
    struct text words; /* of `ask` */
    struct text json;  /* the answer */
    struct why why;
    enum err err;
};

/* ---- questions ------------------------------------------------------------------------------ */

enum parameter_kind {
    PARAMETER_COUNT,
    PARAMETER_ROWS,
    PARAMETER_SUMS,
    PARAMETER_WHEN,
    PARAMETER_TEXT,
    PARAMETER_OUTCOME
};
struct parameter {
    const char *name;
    enum parameter_kind kind;
    size_t at; /* in struct ledger_ask */
    unsigned views;
};
#define IN(view) (1u << (view))
#define ALL_ROWS IN(LEDGER_ROWS)
#define SPANS (IN(LEDGER_ROWS) | IN(LEDGER_DAYS) | IN(LEDGER_REFUSED))
static const struct parameter parameters[] = {
    {"most", PARAMETER_ROWS, offsetof(struct ledger_ask, most), ALL_ROWS | IN(LEDGER_REFUSED)},
    {"most", PARAMETER_SUMS, offsetof(struct ledger_ask, most), IN(LEDGER_DAYS)},
    {"before", PARAMETER_COUNT, offsetof(struct ledger_ask, before), ALL_ROWS},
    {"after", PARAMETER_COUNT, offsetof(struct ledger_ask, after), ALL_ROWS},
    {"who", PARAMETER_TEXT, offsetof(struct ledger_ask, who), ALL_ROWS | IN(LEDGER_DAYS)},
    {"model", PARAMETER_TEXT, offsetof(struct ledger_ask, model), ALL_ROWS | IN(LEDGER_DAYS)},
    {"target", PARAMETER_TEXT, offsetof(struct ledger_ask, target), ALL_ROWS | IN(LEDGER_DAYS)},
    {"outcome", PARAMETER_OUTCOME, offsetof(struct ledger_ask, outcome), ALL_ROWS},
    {"since", PARAMETER_WHEN, offsetof(struct ledger_ask, since_ms), SPANS},
    {"until", PARAMETER_WHEN, offsetof(struct ledger_ask, until_ms), SPANS},
};

static bool is_outcome(struct slice name)
{
    for (enum err e = OK; e < ERR_COUNT; e++) {
        if (slice_is(name, slice_of(err_row(e)->name)))
            return true;
    }
    return slice_is(name, SLICE("failed"));
}

static enum err bad(struct why *why, const struct parameter *p, const char *words)
{
    return why_param(why, ERR_BAD_VALUE, p->name, "%s is %s", p->name, words);
}

/* The decoded value stands at the end of e->words. */
static enum err take_value(struct errand *e, const struct parameter *p, struct slice value)
{
    void *at = (char *)&e->ask + p->at;
    uint64_t n = 0;
    switch (p->kind) {
    case PARAMETER_COUNT:
        if (!slice_u64(value, &n))
            return bad(&e->why, p, "a number");
        break;
    case PARAMETER_ROWS:
        if (!slice_u64(value, &n) || !n || n > MOST_ROWS)
            return bad(&e->why, p, "a number from 1 to 1000");
        break;
    case PARAMETER_SUMS:
        if (!slice_u64(value, &n) || !n || n > MOST_SUMS)
            return bad(&e->why, p, "a number from 1 to 10000");
        break;
    case PARAMETER_WHEN:
        if (!when_read(value, os_wall_ms(), &n))
            return bad(&e->why, p, WHEN_FORMS);
        break;
    case PARAMETER_OUTCOME:
        if (!is_outcome(value))
            return bad(&e->why, p, "OK, failed, or a name of docs/reference/errors.md");
        *(struct slice *)at = value;
        return OK;
    case PARAMETER_TEXT:
        *(struct slice *)at = value;
        return OK;
    }
    *(uint64_t *)at = n;
    return OK;
}

static const struct parameter *find_parameter(enum ledger_view view, struct slice name)
{
    for (size_t i = 0; i < COUNT(parameters); i++) {
        if ((parameters[i].views & IN(view)) && slice_is(name, slice_of(parameters[i].name)))
            return &parameters[i];
    }
    return NULL;
}

static enum err unknown(struct errand *e, struct slice name)
{
    struct text shown = {0}, there = {0};
    text_visible(&shown, slice_to(name, min_size(name.len, 15)));
    for (size_t i = 0; i < COUNT(parameters); i++) {
        if (parameters[i].views & IN(e->ask.view))
            text_format(&there, "%s%s", there.len ? ", " : "", parameters[i].name);
    }
    enum err err = why_param(
        &e->why, ERR_BAD_VALUE, text_cstr(&shown), "%s is not asked here; %s%s", text_cstr(&shown),
        there.len ? "there are " : "there is nothing to ask", text_cstr(&there));
    text_fini(&shown);
    text_fini(&there);
    return err;
}

static enum err take_pair(struct errand *e, struct slice pair, unsigned *seen)
{
    size_t equals = slice_find(pair, '=');
    struct slice name = slice_to(pair, equals);
    const struct parameter *p = find_parameter(e->ask.view, name);
    if (!p)
        return unknown(e, name);
    unsigned bit = 1u << (unsigned)(p - parameters);
    if (*seen & bit)
        return bad(&e->why, p, "given twice");
    *seen |= bit;
    size_t begin = e->words.len;
    struct slice value = slice_from(pair, min_size(equals + 1, pair.len));
    if (!value.len || value.len > MOST_VALUE || !http_query_decode(value, &e->words))
        return e->words.failed ? why_set(&e->why, ERR_NO_MEMORY, "no memory")
                               : bad(&e->why, p, "empty, too long or not well-formed");
    return take_value(e, p, slice_from(text_slice(&e->words), begin));
}

static enum err read_query(struct errand *e, struct slice query)
{
    struct slice pair;
    unsigned seen = 0;
    enum err err = OK;
    if (!text_room(&e->words,
                   max_size(query.len, 1))) /* so that slices of it stay where they are */
        return why_set(&e->why, ERR_NO_MEMORY, "no memory");
    while (!err && query.len && slice_split(&query, '&', &pair))
        err = take_pair(e, pair, &seen);
    return err;
}

/* ---- errands -------------------------------------------------------------------------------- */

static void free_errand(struct errand *e)
{
    text_fini(&e->words);
    text_fini(&e->json);
    mem_free(e);
}

static void write_answer(struct errand *e, const struct text *found, uint64_t took_us)
{
    struct json_writer w = json_writer(&e->json);
    json_open_object(&w);
    json_key(&w, e->name);
    json_put_raw(&w, text_slice(found));
    json_key(&w, "took_us");
    json_put_u64(&w, took_us);
    json_close_object(&w);
    e->json.failed |= found->failed;
}

static void work(struct job *j)
{
    struct errand *e = owner_of(j, struct errand, job);
    uint64_t began = os_mono_us();
    struct text found = {0};
    if (e->verifies)
        e->err = store_verify(e->api->store, &j->cancel, &found, &e->why);
    else
        e->err = store_ask(e->api->store, &e->ask, &found, &e->why);
    if (!e->err)
        write_answer(e, &found, os_mono_us() - began);
    text_fini(&found);
}

static void answer(struct errand *e)
{
    struct visit *v = e->pending.visit;
    v->pending = NULL;
    e->why.code = e->err;
    if (!e->err) /* the right may have ended while the job ran */
        e->err = gate_check_asker(v, &e->why);
    if (e->err)
        answer_error(v, &e->why);
    else
        answer_json(v, 200, &e->json);
}

static void start_next(struct api *a);

static void done(struct job *j)
{
    struct errand *e = owner_of(j, struct errand, job);
    struct api *a = e->api;
    a->errands--;
    a->verifying &= !e->verifies;
    if (e->pending.visit)
        answer(e);
    free_errand(e);
    start_next(a);
}

/* The first in line that may run now: one that takes long leaves room for the others. */
static struct errand *take_next(struct api *a)
{
    struct errand **link = &a->waiting;
    while (*link && (*link)->verifies && a->verifying)
        link = &(*link)->next;
    struct errand *e = a->errands < MOST_ERRANDS ? *link : NULL;
    if (e) {
        *link = e->next;
        a->n_waiting--;
    }
    return e;
}

static void start_next(struct api *a)
{
    for (struct errand *e; (e = take_next(a));) {
        e->job.work = work;
        e->job.done = done;
        e->err = ERR_CANCELLED;
        why_set(&e->why, ERR_CANCELLED, "it was cancelled");
        bool left = !e->pending.visit;
        if (!left && !job_start(&e->job, a->loop, a->asking)) {
            a->errands++;
            a->verifying |= e->verifies;
            continue;
        }
        e->err = why_set(&e->why, ERR_NO_MEMORY, "no memory for a job");
        if (!left)
            answer(e);
        free_errand(e);
    }
}

static void on_left(struct pending *p)
{
    struct errand *e = owner_of(p, struct errand, pending);
    cancel_ask(&e->job.cancel, ERR_CLIENT_GONE);
}

static void line_up(struct errand *e)
{
    struct api *a = e->api;
    struct errand **last = &a->waiting;
    while (*last)
        last = &(*last)->next;
    *last = e;
    a->n_waiting++;
    start_next(a);
}

static void ask(struct visit *v, enum ledger_view view, const char *name, bool verifies)
{
    struct why why;
    struct errand *e = v->api->n_waiting < MOST_WAITING ? mem_new(struct errand) : NULL;
    if (!e) {
        why_set(&why, ERR_OVER_LIMIT, "too many questions wait for an answer already");
        answer_error(v, &why);
        return;
    }
    e->api = v->api;
    e->name = name;
    e->verifies = verifies;
    e->ask.view = view;
    e->pending = (struct pending){.visit = v, .left = on_left};
    enum err err = read_query(e, v->x->head->query);
    if (!err && v->id.len) { /* then there is no query */
        text_add(&e->words, v->id);
        e->ask.id = text_slice(&e->words);
    }
    if (err || e->words.failed) {
        answer_error(v, &e->why);
        free_errand(e);
        return;
    }
    v->pending = &e->pending;
    line_up(e);
}

void requests_list(struct visit *v)
{
    ask(v, LEDGER_ROWS, "requests", false);
}

void requests_show(struct visit *v)
{
    ask(v, LEDGER_ROW, "request", false);
}

void usage(struct visit *v)
{
    ask(v, LEDGER_DAYS, "usage", false);
}

void refused(struct visit *v)
{
    ask(v, LEDGER_REFUSED, "refused", false);
}

void verify(struct visit *v)
{
    ask(v, LEDGER_ROW, "verify", true);
}
