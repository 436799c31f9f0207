/* audit: see audit.h. */
#include "audit/audit.h"

#include "base/log.h"

#define MOST_NAME 80u /* bytes of the model's name in a line of the log */

/* ---- totals --------------------------------------------------------------------------------- */

#define MS 1000u
#define SECOND 1000000u
static const uint64_t long_us[] = {10 * MS,      25 * MS,      50 * MS,     100 * MS,
                                   250 * MS,     500 * MS,     SECOND,      5 * SECOND / 2,
                                   5 * SECOND,   10 * SECOND,  30 * SECOND, 60 * SECOND,
                                   120 * SECOND, 300 * SECOND, 600 * SECOND};
static const uint64_t short_us[] = {25,      50,         100,      250,      500,
                                    1 * MS,  5 * MS / 2, 5 * MS,   10 * MS,  25 * MS,
                                    50 * MS, 100 * MS,   250 * MS, 500 * MS, SECOND};
static_assert(COUNT(long_us) <= MOST_BUCKETS && COUNT(short_us) <= MOST_BUCKETS, "more buckets");

const uint64_t *measure_bounds(enum measure m, unsigned *ret_n)
{
    *ret_n = m == MEASURE_OVERHEAD ? COUNT(short_us) : COUNT(long_us);
    return m == MEASURE_OVERHEAD ? short_us : long_us;
}

static void measure(struct audit *a, enum measure m, uint64_t us)
{
    struct histogram *h = &a->measures[m];
    unsigned n, i = 0;
    const uint64_t *bounds = measure_bounds(m, &n);
    while (i < n && us > bounds[i])
        i++;
    h->counts[i]++;
    h->n++;
    h->sum_us += us;
}

static uint64_t told(int64_t tokens)
{
    return tokens > 0 ? (uint64_t)tokens : 0;
}

static void count(struct audit *a, const struct audit_row *row)
{
    if (row->outcome == OK)
        a->done++;
    else if (err_row(row->outcome)->http == 499)
        a->left++;
    else
        a->failed++;
    a->by_outcome[row->kind][row->outcome]++;
    for (unsigned i = 0; i < row->n_tries; i++)
        a->tries[row->tries[i].err]++;
    for (unsigned i = 0; i < a->states_n && row->spent_us; i++)
        a->spent_us[i] += row->spent_us[i];
    measure(a, MEASURE_TOTAL, row->total_us);
    measure(a, MEASURE_OVERHEAD, row->overhead_us);
    if (row->first_us)
        measure(a, MEASURE_FIRST, row->first_us);
    a->prompt_tokens += told(row->prompt_tokens);
    a->completion_tokens += told(row->completion_tokens);
    a->bytes_in += row->bytes_in;
    a->bytes_out += row->bytes_out;
}

/* ---- a line in the log, for who looks closely ----------------------------------------------- */

/* The caller's own words stand last and in quotes: they cannot look like another column. */
static void add_quoted(struct text *line, struct slice words)
{
    struct slice part;
    text_add(line, SLICE(" model=\""));
    for (bool first = true; slice_split(&words, '"', &part); first = false) {
        text_add(line, first ? SLICE("") : SLICE("\\x22"));
        text_visible(line, part);
    }
    text_byte(line, '"');
}

static void tell(const struct audit_row *row)
{
    struct text line = {0};
    text_format(
        &line, "id=%llu call=%s outcome=%s status=%d stream=%d tries=", (unsigned long long)row->id,
        row->call, err_row(row->outcome)->name, row->status, row->streamed);
    for (unsigned i = 0; i < row->n_tries; i++) {
        const struct audit_try *t = &row->tries[i];
        text_add(&line, i ? SLICE(",") : SLICE(""));
        text_visible(&line, t->target);
        text_format(&line, ":%s:%lluus", err_row(t->err)->name, (unsigned long long)t->took_us);
    }
    text_format(&line, " total_us=%llu first_us=%llu upstream_us=%llu overhead_us=%llu",
                (unsigned long long)row->total_us, (unsigned long long)row->first_us,
                (unsigned long long)row->upstream_us, (unsigned long long)row->overhead_us);
    text_format(&line, " prompt_tokens=%lld completion_tokens=%lld", (long long)row->prompt_tokens,
                (long long)row->completion_tokens);
    add_quoted(&line, slice_to(row->model, min_size(row->model.len, MOST_NAME)));
    log_debug("audit", "%s",
              line.failed ? "no memory for the words of this row" : text_cstr(&line));
    text_fini(&line);
}

/* ---- the ledger ----------------------------------------------------------------------------- */

static void keep(struct audit *a, const struct audit_row *row)
{
    struct ledger_try tries[MOST_TRIES];
    for (unsigned i = 0; i < row->n_tries; i++)
        tries[i] = (struct ledger_try){.target = row->tries[i].target,
                                       .outcome = slice_of(err_row(row->tries[i].err)->name),
                                       .reason = slice_of(row->tries[i].reason),
                                       .took_us = row->tries[i].took_us};
    struct ledger_row kept = {.instance = a->instance,
                              .number = row->id,
                              .principal = row->principal,
                              .who = row->who,
                              .parent = row->parent,
                              .call = slice_of(row->call),
                              .dialect = slice_of(row->dialect),
                              .model = row->model,
                              .served = row->served,
                              .target = row->target,
                              .outcome = slice_of(err_row(row->outcome)->name),
                              .status = row->status,
                              .streamed = row->streamed,
                              .began_ms = row->began_ms,
                              .total_us = row->total_us,
                              .first_us = row->first_us,
                              .upstream_us = row->upstream_us,
                              .prompt_tokens = row->prompt_tokens,
                              .completion_tokens = row->completion_tokens,
                              .bytes_in = row->bytes_in,
                              .bytes_out = row->bytes_out,
                              .prompt = row->prompt,
                              .answer = row->answer,
                              .tries = tries,
                              .n_tries = row->n_tries};
    if (row->spent_us)
        memcpy(kept.spent_us, row->spent_us, a->states_n * sizeof kept.spent_us[0]);
    a->full = !store_append(a->store, &kept);
}

void audit_refused(struct audit *a, enum err e, struct slice source, struct slice reason)
{
    a->refused[e]++;
    if (a->store)
        store_refused(a->store, source, reason);
}

bool audit_keeps(struct audit *a)
{
    struct store_health health;
    if (!a->store)
        return false;
    store_health(a->store, &health);
    a->full = a->full && health.rows_waiting;
    return health.audit.up && !a->full;
}

void audit_write(struct audit *a, const struct audit_row *row)
{
    count(a, row);
    if (a->store)
        keep(a, row);
    if (log_has(LOG_DEBUG))
        tell(row);
}
