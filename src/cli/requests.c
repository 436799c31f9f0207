/* requests: what the verbs of `hearth requests` share: asking, a row as a line of a table, times.
 * People read model, try and place; the JSON says target. */
#include <stdio.h>
#include <time.h>

#include "base/when.h"
#include "cli/inner.h"
#include "os/os.h"

#define ASK_MS 15000u

static int not_found(struct cli *c)
{
    struct why why;
    why_set(&why, ERR_NOT_FOUND, "no record has this id");
    return cli_fail(c, ERR_NOT_FOUND, &why,
                    "Old ones are let go when the record outgrows `audit.size`; `hearth requests` "
                    "shows the last.");
}

bool requests_ask(struct cli *c, const struct question *q, struct answer *a,
                  struct json_doc *ret_doc, int *ret_code)
{
    struct why why = {0};
    enum err e = cli_ask(c, q, a, &why);
    if (e == ERR_NOT_RUNNING)
        *ret_code = cli_not_running(c);
    else if (e)
        *ret_code = cli_fail(c, e, &why, "Its log may say more: `hearth logs`.");
    else if (a->status == 404)
        *ret_code = not_found(c);
    else if (a->status != 200)
        *ret_code = cli_refused(c, a);
    else if (json_read(text_slice(&a->body), &json_usual_limits, NULL, ret_doc, &why))
        *ret_code = cli_fail(c, ERR_INTERNAL, &why, NULL);
    else
        return true;
    return false;
}

static void add_word(struct text *out, const char *name, const char *value)
{
    if (!value)
        return;
    text_format(out, "&%s=", name);
    http_query_encode(slice_of(value), out);
}

static void add_number(struct text *out, const char *name, uint64_t n)
{
    if (n)
        text_format(out, "&%s=%llu", name, (unsigned long long)n);
}

static void write_target(const struct cli *c, uint64_t after, uint64_t before, uint64_t most,
                         struct text *out)
{
    const struct options *o = &c->options;
    text_format(out, "/hearth/v1/requests?most=%llu", (unsigned long long)most);
    add_number(out, "after", after);
    add_number(out, "before", before);
    add_word(out, "who", o->rows.who);
    add_word(out, "model", o->model);
    add_word(out, "target", o->rows.place);
    add_word(out, "outcome", o->rows.outcome);
    add_word(out, "since", o->rows.since);
    add_word(out, "until", o->rows.until);
}

static enum err check_time(const char *option, const char *words, struct why *why)
{
    uint64_t ms;
    if (!words || when_read(slice_of(words), os_wall_ms(), &ms))
        return OK;
    return why_set(why, ERR_BAD_REQUEST, "--%s takes " WHEN_FORMS ", not %.60s", option, words);
}

static enum err check_options(const struct cli *c, struct why *why)
{
    const struct options *o = &c->options;
    if (!o->most || o->most > ROWS_MOST)
        return why_set(why, ERR_BAD_REQUEST, "--lines takes a number from 1 to %u", ROWS_MOST);
    enum err e = check_time("since", o->rows.since, why);
    return e ? e : check_time("until", o->rows.until, why);
}

uint64_t requests_number(const struct json_value *row, const char *key)
{
    int64_t n = 0;
    return json_int(json_get(row, key), &n) && n > 0 ? (uint64_t)n : 0;
}

/* ---- pages ---------------------------------------------------------------------------------- */

static const struct json_value *rows_of(const struct pages *p, size_t page)
{
    return json_get(p->docs[page].root, "requests");
}

bool requests_find(struct cli *c, uint64_t after, struct pages *ret_pages, int *ret_code)
{
    struct pages *p = ret_pages;
    struct why why = {0};
    uint64_t left = c->options.most, before = 0;
    *p = (struct pages){0};
    enum err e = check_options(c, &why);
    if (e) {
        *ret_code = cli_fail(c, e, &why, NULL);
        return false;
    }
    for (uint64_t asked = PAGE_ROWS, got = asked; left && got == asked; left -= got) {
        struct text target = {0};
        asked = min_u64(left, PAGE_ROWS);
        write_target(c, after, before, asked, &target);
        const struct question q = {METHOD_GET, text_cstr(&target), SLICE(""), ASK_MS};
        bool good = requests_ask(c, &q, &p->answers[p->n], &p->docs[p->n], ret_code);
        text_fini(&target);
        if (!good) {
            answer_fini(&p->answers[p->n]);
            return false;
        }
        const struct json_value *rows = rows_of(p, p->n++);
        got = min_u64(json_count(rows), asked);
        before = got ? requests_number(json_at(rows, (size_t)got - 1), "seq") : 0;
    }
    return true;
}

void pages_fini(struct pages *p)
{
    for (size_t i = 0; i < p->n; i++) {
        json_done(&p->docs[i]);
        answer_fini(&p->answers[i]);
    }
    p->n = 0;
}

uint64_t pages_newest(const struct pages *p)
{
    return p->n ? requests_number(json_at(rows_of(p, 0), 0), "seq") : 0;
}

void pages_json(const struct pages *p, struct text *out)
{
    struct text all = {0}, row = {0};
    struct json_writer w = json_writer(&all);
    uint64_t took_us = 0;
    json_open_object(&w);
    json_key(&w, "requests");
    json_open_array(&w);
    for (size_t i = 0; i < p->n; i++) {
        took_us += requests_number(p->docs[i].root, "took_us");
        for (struct json_iter r = json_begin(rows_of(p, i)); json_next(&r);) {
            text_clear(&row);
            json_copy(r.value, &row);
            json_put_raw(&w, text_slice(&row));
        }
    }
    json_close_array(&w);
    json_key(&w, "took_us");
    json_put_u64(&w, took_us);
    json_close_object(&w);
    cli_json(out, text_slice(&all));
    out->failed |= all.failed || row.failed;
    text_fini(&all);
    text_fini(&row);
}

void pages_each(const struct pages *p, struct cli *c,
                void (*each)(struct cli *c, const struct json_value *row))
{
    for (size_t i = p->n; i > 0; i--) {
        const struct json_value *rows = rows_of(p, i - 1);
        for (size_t r = json_count(rows); r > 0; r--)
            each(c, json_at(rows, r - 1));
    }
}

/* ---- times ---------------------------------------------------------------------------------- */

void requests_us(struct text *out, uint64_t us)
{
    if (us < 1000)
        text_format(out, "%llu us", (unsigned long long)us);
    else if (us < 1000000)
        text_format(out, "%llu.%llu ms", (unsigned long long)(us / 1000),
                    (unsigned long long)(us % 1000 / 100));
    else if (us < 60000000)
        text_format(out, "%llu.%02llu s", (unsigned long long)(us / 1000000),
                    (unsigned long long)(us % 1000000 / 10000));
    else
        cli_duration(out, us / 1000);
}

void requests_at(struct text *out, struct slice at)
{
    uint64_t ms;
    struct tm local;
    char words[40];
    if (!when_read(at, 0, &ms)) {
        text_visible(out, at);
        return;
    }
    time_t seconds = (time_t)(ms / 1000);
    if (localtime_r(&seconds, &local) && strftime(words, sizeof words, "%Y-%m-%d %H:%M:%S", &local))
        text_add(out, slice_of(words));
}

/* ---- a row ---------------------------------------------------------------------------------- */

enum column { AT, WHO, MODEL, PLACE, OUTCOME, STATUS, FIRST, TOTAL, TOKENS, COLUMNS };
static const struct {
    const char *title;
    size_t width; /* fixed: rows that are followed must stand below each other */
} columns[COLUMNS] = {
    [AT] = {"time", 19},     [WHO] = {"who", 12},         [MODEL] = {"model", 24},
    [PLACE] = {"place", 14}, [OUTCOME] = {"outcome", 18}, [STATUS] = {"status", 6},
    [FIRST] = {"first", 9},  [TOTAL] = {"total", 9},      [TOKENS] = {"tokens", 0},
};

enum colour requests_colour(struct slice outcome, uint64_t status)
{
    if (slice_is(outcome, SLICE("OK")))
        return COLOUR_GREEN;
    return status == 499 ? COLOUR_YELLOW : COLOUR_RED;
}

static void add_count(struct text *out, const struct json_value *row, const char *key)
{
    int64_t n;
    if (json_int(json_get(row, key), &n) && n >= 0)
        text_format(out, "%lld", (long long)n);
    else
        text_byte(out, '-');
}

void requests_tokens(struct text *out, const struct json_value *row)
{
    int64_t prompt = -1, completion = -1;
    (void)json_int(json_get(row, "prompt_tokens"), &prompt);
    (void)json_int(json_get(row, "completion_tokens"), &completion);
    if (prompt < 0 && completion < 0) {
        text_byte(out, '-');
        return;
    }
    add_count(out, row, "prompt_tokens");
    text_byte(out, '+');
    add_count(out, row, "completion_tokens");
}

static void add_us(struct text *out, const struct json_value *row, const char *key)
{
    uint64_t us = requests_number(row, key);
    if (us)
        requests_us(out, us);
    else
        text_byte(out, '-');
}

static void add_column(struct text *out, const struct json_value *row, enum column column,
                       bool colours)
{
    struct slice outcome = json_text(json_get(row, "outcome"));
    struct text word = {0};
    switch (column) {
    case AT:
        requests_at(out, json_text(json_get(row, "at")));
        break;
    case WHO:
        cli_fit(out, json_text(json_get(row, "who")), columns[column].width);
        break;
    case MODEL:
        cli_fit(out, json_text(json_get(row, "model")), columns[column].width);
        break;
    case PLACE:
        cli_fit(out, json_text(json_get(row, "target")), columns[column].width);
        break;
    case OUTCOME:
        cli_fit(&word, outcome, columns[column].width);
        cli_paint_visible(out, colours, requests_colour(outcome, requests_number(row, "status")),
                          text_slice(&word));
        text_fini(&word);
        break;
    case STATUS:
        text_u64(out, requests_number(row, "status"));
        break;
    case FIRST:
        add_us(out, row, "first_us");
        break;
    case TOTAL:
        add_us(out, row, "total_us");
        break;
    case TOKENS:
        requests_tokens(out, row);
        break;
    case COLUMNS:
        break;
    }
}

void requests_head(struct text *out)
{
    for (enum column column = 0; column < COLUMNS; column++) {
        size_t from = out->len;
        text_add(out, slice_of(columns[column].title));
        if (column != TOKENS)
            cli_pad(out, from, columns[column].width + 2);
    }
    text_byte(out, '\n');
}

void requests_row(const struct json_value *row, bool colours, struct text *out)
{
    if (json_is_null(json_get(row, "id"))) {
        requests_at(out, json_text(json_get(row, "at")));
        text_format(out, "  %llu requests could not be recorded\n",
                    (unsigned long long)requests_number(row, "lost"));
        return;
    }
    for (enum column column = 0; column < COLUMNS; column++) {
        size_t from = out->len;
        add_column(out, row, column, colours);
        if (column != TOKENS)
            cli_pad(out, from, columns[column].width + 2);
    }
    text_byte(out, '\n');
}
