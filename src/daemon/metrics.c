/* metrics: GET /metrics in Prometheus' text format 0.0.4, and its reference. One row of metrics.def
 * each; what a row says is all that is exported. Series are bounded: by the tables of errors, calls
 * and states, and by the configured providers. */
#include "daemon/inside.h"

#include "os/os.h"

struct page { /* what one answer is made from */
    const struct daemon *daemon;
    const struct metric *metric; /* whose samples are written */
    struct os_memory memory;
    struct store_health store;
    struct text *out;
};

enum type { COUNTER, GAUGE, HISTOGRAM };
static const char *const type_names[] = {
    [COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};

struct metric {
    const char *name;
    enum type type;
    const char *labels;
    void (*write)(struct page *p);
    const char *help;
};

/* ---- one sample ----------------------------------------------------------------------------- */

static void add_label(struct text *out, const char *name, struct slice value, bool first)
{
    text_format(out, "%s%s=\"", first ? "" : ",", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\\' || c == '"')
            text_byte(out, '\\');
        if (c == '\n')
            text_add(out, SLICE("\\n"));
        else
            text_byte(out, c);
    }
    text_byte(out, '"');
}

/* The value follows, and a line end. Values of labels in the order of the row's labels. */
static void open_sample(struct page *p, const struct slice *values)
{
    struct slice rest = slice_of(p->metric->labels), word;
    text_add(p->out, slice_of(p->metric->name));
    for (unsigned i = 0; rest.len && slice_split(&rest, ' ', &word); i++) {
        char name[32] = "";
        memcpy(name, word.ptr, min_size(word.len, sizeof name - 1));
        text_add(p->out, i ? SLICE("") : SLICE("{"));
        add_label(p->out, name, values[i], i == 0);
    }
    text_add(p->out, p->metric->labels[0] ? SLICE("} ") : SLICE(" "));
}

static void add_seconds(struct text *out, uint64_t us)
{
    text_format(out, "%llu.%06llu", (unsigned long long)(us / 1000000),
                (unsigned long long)(us % 1000000));
}

static void put(struct page *p, const struct slice *values, uint64_t n)
{
    open_sample(p, values);
    text_u64(p->out, n);
    text_byte(p->out, '\n');
}

static void put_seconds(struct page *p, const struct slice *values, uint64_t us)
{
    open_sample(p, values);
    add_seconds(p->out, us);
    text_byte(p->out, '\n');
}

static void put_number(struct page *p, const struct slice *values, double n)
{
    open_sample(p, values);
    text_format(p->out, "%.9g\n", n);
}

static void put_histogram(struct page *p, enum measure m)
{
    const struct histogram *h = &p->daemon->audit.measures[m];
    const char *name = p->metric->name;
    unsigned n;
    const uint64_t *bounds = measure_bounds(m, &n);
    uint64_t sum = 0;
    for (unsigned i = 0; i < n; i++) {
        sum += h->counts[i];
        text_format(p->out, "%s_bucket{le=\"", name);
        add_seconds(p->out, bounds[i]);
        text_format(p->out, "\"} %llu\n", (unsigned long long)sum);
    }
    text_format(p->out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum ", name, (unsigned long long)h->n,
                name);
    add_seconds(p->out, h->sum_us);
    text_format(p->out, "\n%s_count %llu\n", name, (unsigned long long)h->n);
}

/* ---- requests ------------------------------------------------------------------------------- */

static void build_info(struct page *p)
{
    put(p, &SLICE(HEARTH_VERSION), 1);
}

static void uptime(struct page *p)
{
    const struct daemon *d = p->daemon;
    put_seconds(p, NULL, (loop_now_ms(&d->loop) - d->began_ms) * 1000);
}

static void requests(struct page *p)
{
    const struct audit *a = &p->daemon->audit;
    for (unsigned call = 0; call < CALL_COUNT; call++) {
        for (enum err e = OK; e < ERR_COUNT; e++) {
            const struct slice values[] = {slice_of(dialect_kind_name(call)),
                                           slice_of(err_row(e)->name)};
            if (a->by_outcome[call][e])
                put(p, values, a->by_outcome[call][e]);
        }
    }
}

static void put_errors(struct page *p, enum err from, const uint64_t *counts)
{
    for (enum err e = from; e < ERR_COUNT; e++) {
        struct slice name = slice_of(err_row(e)->name);
        if (counts[e])
            put(p, &name, counts[e]);
    }
}

static void errors(struct page *p)
{
    uint64_t sums[ERR_COUNT] = {0};
    for (unsigned call = 0; call < CALL_COUNT; call++) {
        for (enum err e = OK + 1; e < ERR_COUNT; e++)
            sums[e] += p->daemon->audit.by_outcome[call][e];
    }
    put_errors(p, OK + 1, sums);
}

static void tries(struct page *p)
{
    put_errors(p, OK, p->daemon->audit.tries);
}

static void refused(struct page *p)
{
    put_errors(p, OK + 1, p->daemon->audit.refused);
}

static void live(struct page *p)
{
    put(p, NULL, p->daemon->desk.live);
}

static void states(struct page *p)
{
    unsigned n;
    const char *const *names = request_state_names(&n);
    for (unsigned i = 0; i < n; i++) {
        struct slice name = slice_of(names[i]);
        put_seconds(p, &name, p->daemon->audit.spent_us[i]);
    }
}

static void total(struct page *p)
{
    put_histogram(p, MEASURE_TOTAL);
}

static void first(struct page *p)
{
    put_histogram(p, MEASURE_FIRST);
}

static void overhead(struct page *p)
{
    put_histogram(p, MEASURE_OVERHEAD);
}

static void tokens(struct page *p)
{
    put(p, &SLICE("prompt"), p->daemon->audit.prompt_tokens);
    put(p, &SLICE("completion"), p->daemon->audit.completion_tokens);
}

static void bytes(struct page *p)
{
    put(p, &SLICE("in"), p->daemon->audit.bytes_in);
    put(p, &SLICE("out"), p->daemon->audit.bytes_out);
}

/* ---- providers ------------------------------------------------------------------------------ */

/* The next provider that is on, from place *at on; NULL past the last. */
static const struct backend *next_backend(const struct daemon *d, size_t *at)
{
    const struct backend *b = NULL;
    while (!b && *at < d->registry.n_backends)
        b = d->registry.backends[(*at)++];
    return b;
}

static void running(struct page *p)
{
    size_t at = 0;
    for (const struct backend *b; (b = next_backend(p->daemon, &at));)
        put(p, &b->name, b->queue.busy);
}

static void waiting(struct page *p)
{
    size_t at = 0;
    for (const struct backend *b; (b = next_backend(p->daemon, &at));)
        put(p, &b->name, b->queue.waiting);
}

static void links(struct page *p)
{
    size_t at = 0;
    for (const struct backend *b; (b = next_backend(p->daemon, &at));) {
        struct provider_counts n = provider_counts(b);
        put(p, (const struct slice[]){b->name, SLICE("live")}, n.live);
        put(p, (const struct slice[]){b->name, SLICE("pooled")}, n.pooled);
    }
}

/* ---- engines -------------------------------------------------------------------------------- */

struct engine_page { /* what is told of each engine */
    struct page *page;
    void (*one)(struct page *p, const struct engine_now *e);
    enum engine_figure figure;
};

static void put_engine(void *context, const struct engine_now *e)
{
    const struct engine_page *ep = context;
    if (ep->one)
        ep->one(ep->page, e);
    else if (e->figures && e->figures->known[ep->figure])
        put_number(ep->page, &e->model, e->figures->values[ep->figure]);
}

static void of_engines(struct page *p, void (*one)(struct page *p, const struct engine_now *e))
{
    struct engine_page ep = {.page = p, .one = one};
    engines_each(&p->daemon->workshop.engines, put_engine, &ep);
}

#define OF_ENGINE(name, value)                                                                     \
    static void name##_one(struct page *p, const struct engine_now *e)                             \
    {                                                                                              \
        put(p, &e->model, value);                                                                  \
    }                                                                                              \
    static void name(struct page *p)                                                               \
    {                                                                                              \
        of_engines(p, name##_one);                                                                 \
    }
OF_ENGINE(engine_up, e->up)
OF_ENGINE(engine_busy, e->busy)
OF_ENGINE(engine_waiting, e->waiting)
OF_ENGINE(engine_starts, e->starts)
OF_ENGINE(engine_deaths, e->deaths)
#undef OF_ENGINE

static void engine_load_one(struct page *p, const struct engine_now *e)
{
    if (e->load_ms)
        put_seconds(p, &e->model, e->load_ms * 1000);
}

static void engine_load(struct page *p)
{
    of_engines(p, engine_load_one);
}

#define X(id, name)                                                                                \
    static void engine_##id(struct page *p)                                                        \
    {                                                                                              \
        struct engine_page ep = {.page = p, .figure = ENGINE_##id};                                \
        engines_each(&p->daemon->workshop.engines, put_engine, &ep);                               \
    }
ENGINE_FIGURES_OF(X)
#undef X

/* ---- the ledger ----------------------------------------------------------------------------- */

static void ledger_rows(struct page *p)
{
    put(p, &SLICE("written"), p->store.rows_written);
    put(p, &SLICE("lost"), p->store.rows_lost);
}

static void ledger_waiting(struct page *p)
{
    put(p, NULL, p->store.rows_waiting);
}

static void ledger_lag(struct page *p)
{
    put_seconds(p, NULL, p->store.lag_ms * 1000);
}

static void ledger_bytes(struct page *p)
{
    put(p, NULL, p->store.audit_bytes);
}

static void store_up(struct page *p)
{
    put(p, &SLICE("state"), p->store.state.up);
    put(p, &SLICE("audit"), p->store.audit.up);
}

/* ---- the daemon itself ---------------------------------------------------------------------- */

static void connections(struct page *p)
{
    put(p, NULL, p->daemon->server.open);
}

static void accepted(struct page *p)
{
    put(p, NULL, p->daemon->server.accepted);
}

static void bodies(struct page *p)
{
    put(p, NULL, p->daemon->server.bodies.used);
}

static void bodies_limit(struct page *p)
{
    put(p, NULL, p->daemon->server.bodies.most);
}

static void turns(struct page *p)
{
    put(p, NULL, p->daemon->loop.turns);
}

static void busy(struct page *p)
{
    put_seconds(p, NULL, p->daemon->loop.busy_us);
}

static void longest_turn(struct page *p)
{
    put_seconds(p, NULL, p->daemon->loop.longest_turn_us);
}

static void longest_step(struct page *p)
{
    put_seconds(p, NULL, p->daemon->loop.longest_step_us);
}

static void slow_steps(struct page *p)
{
    put(p, NULL, p->daemon->loop.slow_steps);
}

static void memory(struct page *p)
{
    put(p, &SLICE("rss"), p->memory.rss);
    put(p, &SLICE("anonymous"), p->memory.anonymous);
}

/* ---- the whole ------------------------------------------------------------------------------ */

static const struct metric metrics[] = {
#define METRIC(name, type, labels, write, help) {name, type, labels, write, help},
#include "daemon/metrics.def"
#undef METRIC
};

void metrics_write(void *daemon, struct text *out)
{
    struct page page = {.daemon = daemon, .out = out};
    if (os_memory_of("", 0, &page.memory))
        page.memory = (struct os_memory){0};
    store_health(page.daemon->rights.store, &page.store);
    for (size_t i = 0; i < COUNT(metrics); i++) {
        page.metric = &metrics[i];
        text_format(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[i].name, metrics[i].help,
                    metrics[i].name, type_names[metrics[i].type]);
        metrics[i].write(&page);
    }
}

void metrics_write_reference(struct text *out)
{
    text_add(out, SLICE("# Metrics\n\nWritten by `hearth help --markdown metrics`. What `GET "
                        "/metrics` tells, in Prometheus' text format.\nLabels take their values "
                        "from the tables of hearth and from the configured providers, never from "
                        "what\na caller wrote, so the number of series is bounded. A counter that "
                        "is still 0 may be missing\nwhere it has an outcome, kind or reason.\n\n"
                        "| name | type | labels | what it tells |\n| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < COUNT(metrics); i++)
        text_format(out, "| `%s` | %s | %s | %s |\n", metrics[i].name, type_names[metrics[i].type],
                    metrics[i].labels, metrics[i].help);
}
