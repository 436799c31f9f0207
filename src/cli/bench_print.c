/* bench_print: the figures of `hearth bench gateway`: a row an address, medians of its rounds; and
 * all of it as JSON. */
#include "cli/inner.h"

#define URL_WIDTH 34u
#define COLUMN_WIDTH 11u

static uint64_t per_second(const struct bench_figures *f)
{
    return (uint64_t)(f->per_second + 0.5);
}

#define FIGURE(name)                                                                               \
    static uint64_t name(const struct bench_figures *f)                                            \
    {                                                                                              \
        return f->name##_us;                                                                       \
    }
FIGURE(p50)
FIGURE(p90)
FIGURE(p99)
FIGURE(p999)
FIGURE(most)
#undef FIGURE

/* The columns in their order; the first is no time, and more of it is better. */
static const struct {
    const char *title, *key;
    uint64_t (*of)(const struct bench_figures *f);
} columns[] = {
    {"requests/s", "per_second", per_second},
    {"p50", "p50_us", p50},
    {"p90", "p90_us", p90},
    {"p99", "p99_us", p99},
    {"p99.9", "p999_us", p999},
    {"max", "most_us", most},
};

struct spread {
    uint64_t least, median, most;
};

static struct spread spread_of(const struct measured *m, size_t column)
{
    uint64_t sorted[BENCH_ROUNDS];
    assert(m->n);
    for (size_t i = 0; i < m->n; i++) {
        uint64_t figure = columns[column].of(&m->rounds[i]);
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > figure; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = figure;
    }
    return (struct spread){sorted[0], sorted[m->n / 2], sorted[m->n - 1]};
}

/* The median of what the first had of the second in each round. */
static double ratio_of(const struct measured *all, size_t column)
{
    double sorted[BENCH_ROUNDS];
    size_t n = min_size(all[0].n, all[1].n);
    for (size_t i = 0; i < n; i++) {
        double under = (double)columns[column].of(&all[1].rounds[i]);
        double ratio = under > 0 ? (double)columns[column].of(&all[0].rounds[i]) / under : 0;
        size_t at = i;
        for (; at > 0 && sorted[at - 1] > ratio; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = ratio;
    }
    return n ? sorted[n / 2] : 0;
}

static uint64_t wrong_of(const struct measured *m, const struct why **ret_first)
{
    uint64_t wrong = 0;
    *ret_first = NULL;
    for (size_t i = 0; i < m->n; i++) {
        if (m->rounds[i].wrong && !*ret_first)
            *ret_first = &m->rounds[i].why;
        wrong += m->rounds[i].wrong;
    }
    return wrong;
}

/* ---- JSON ---- */

static void write_round(struct json_writer *w, const struct bench_figures *f)
{
    json_open_object(w);
    json_key(w, "requests");
    json_put_u64(w, f->requests);
    json_key(w, "answered");
    json_put_u64(w, f->answered);
    json_key(w, "wrong");
    json_put_u64(w, f->wrong);
    if (f->wrong)
        json_put_pair(w, "why", slice_of(f->why.text));
    json_key(w, "exact");
    json_put_bool(w, f->exact);
    for (size_t i = 0; i < COUNT(columns); i++) {
        json_key(w, columns[i].key);
        json_put_u64(w, columns[i].of(f));
    }
    json_key(w, "cpu_us");
    json_put_u64(w, f->cpu_us);
    json_close_object(w);
}

void bench_json(const struct bench_load *load, const struct measured *all, size_t n,
                struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "body");
    json_put_u64(&w, load->body);
    json_key(&w, "connections");
    json_put_u64(&w, load->connections);
    json_key(&w, "stream");
    json_put_bool(&w, load->stream);
    json_key(&w, "rate");
    json_put_u64(&w, load->rate);
    json_key(&w, "measured");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_open_object(&w);
        json_put_pair(&w, "url", slice_of(all[i].url));
        json_key(&w, "rounds");
        json_open_array(&w);
        for (size_t k = 0; k < all[i].n; k++)
            write_round(&w, &all[i].rounds[k]);
        json_close_array(&w);
        json_close_object(&w);
    }
    json_close_array(&w);
    if (n == 2) {
        json_key(&w, "ratio");
        json_open_object(&w);
        for (size_t i = 0; i < COUNT(columns); i++) {
            json_key(&w, columns[i].key);
            json_put_number(&w, ratio_of(all, i));
        }
        json_close_object(&w);
    }
    json_close_object(&w);
    text_byte(out, '\n');
}

/* ---- for people ---- */

static void print_time(struct text *out, uint64_t us)
{
    if (us < 1000)
        text_format(out, "%llu us", (unsigned long long)us);
    else if (us < 1000000)
        text_format(out, "%.2f ms", (double)us / 1e3);
    else
        text_format(out, "%.2f s", (double)us / 1e6);
}

static void print_titles(struct text *out)
{
    size_t from = out->len;
    cli_pad(out, from, URL_WIDTH);
    for (size_t i = 0; i < COUNT(columns); i++) {
        from = out->len;
        text_add(out, slice_of(columns[i].title));
        cli_pad(out, from, COLUMN_WIDTH);
    }
    text_add(out, SLICE("wrong\n"));
}

static void print_row(const struct measured *m, struct text *out)
{
    const struct why *first;
    size_t from = out->len;
    text_visible(out, slice_of(m->url));
    cli_pad(out, from, URL_WIDTH - 1);
    text_byte(out, ' ');
    for (size_t i = 0; i < COUNT(columns); i++) {
        uint64_t median = spread_of(m, i).median;
        from = out->len;
        if (i)
            print_time(out, median);
        else
            text_u64(out, median);
        cli_pad(out, from, COLUMN_WIDTH);
    }
    text_u64(out, wrong_of(m, &first));
    text_byte(out, '\n');
}

static void print_ratio(const struct measured *all, struct text *out)
{
    size_t from = out->len;
    text_add(out, SLICE("ratio"));
    cli_pad(out, from, URL_WIDTH);
    for (size_t i = 0; i < COUNT(columns); i++) {
        from = out->len;
        text_format(out, "%.2f", ratio_of(all, i));
        cli_pad(out, from, COLUMN_WIDTH);
    }
    text_byte(out, '\n');
}

static void print_spread(const struct measured *m, struct text *out)
{
    struct spread s = spread_of(m, 0);
    text_add(out, SLICE("  "));
    text_visible(out, slice_of(m->url));
    text_format(out, ": %llu to %llu requests/s, p99 ", (unsigned long long)s.least,
                (unsigned long long)s.most);
    s = spread_of(m, 3);
    print_time(out, s.least);
    text_add(out, SLICE(" to "));
    print_time(out, s.most);
    text_byte(out, '\n');
}

static void print_notes(const struct measured *all, size_t n, struct text *out)
{
    const struct why *first;
    bool exact = true;
    if (n == 2) {
        text_format(out,
                    "\nMedians of %zu rounds, taken in turns; from the lowest to the highest:\n",
                    all[0].n);
        for (size_t i = 0; i < n; i++)
            print_spread(&all[i], out);
    }
    for (size_t i = 0; i < n; i++) {
        exact = exact && all[i].rounds[0].exact;
        if (!wrong_of(&all[i], &first))
            continue;
        text_add(out, SLICE("\nWrong answers of "));
        text_visible(out, slice_of(all[i].url));
        text_add(out, SLICE(", the first of them: "));
        text_visible(out, slice_of(first->text));
        text_byte(out, '\n');
    }
    if (exact)
        text_add(out, SLICE("\nThe mock answered; each answer's text was checked.\n"));
    else
        text_add(out,
                 SLICE("\nStatus, framing and JSON of each answer were checked. To check the "
                       "text too, and to measure\na gateway without a model, put `hearth bench "
                       "upstream` behind it.\n"));
}

void bench_print(const struct bench_load *load, const struct measured *all, size_t n,
                 struct text *out)
{
    text_format(out, "%s, requests of %zu bytes, %u connection%s, ",
                load->stream ? "streams" : "whole answers", load->body, load->connections,
                load->connections == 1 ? "" : "s");
    if (load->rate)
        text_format(out, "%u a second, each at its time\n\n", load->rate);
    else
        text_add(out, SLICE("as fast as they are answered\n\n"));
    print_titles(out);
    for (size_t i = 0; i < n; i++)
        print_row(&all[i], out);
    if (n == 2)
        print_ratio(all, out);
    print_notes(all, n, out);
}
