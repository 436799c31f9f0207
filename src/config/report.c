/* report: problems are collected while loading, at most CONFIG_MOST_PROBLEMS of each severity, and
 * put in the order of the sources and lines at the end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/inner.h"

struct found {
    struct config_problem problem;
    unsigned order, seq; /* of its source; as found */
};

static const char *keep(struct loader *l, const char *s)
{
    const char *kept = arena_cstr(&l->report->arena, slice_of(s ? s : ""));
    if (!kept)
        l->failed = true;
    return kept ? kept : "";
}

void config_say(struct loader *l, enum config_severity severity, const struct source *source,
                const struct config_problem *about)
{
    size_t *count = severity == CONFIG_ERROR ? &l->report->errors : &l->report->warnings;
    if (++*count > CONFIG_MOST_PROBLEMS)
        return;
    if (!l->found)
        l->found = arena_array(&l->report->arena, struct found, 2 * CONFIG_MOST_PROBLEMS);
    if (!l->found) {
        l->failed = true;
        return;
    }
    struct found *f = &l->found[l->found_n];
    f->problem = (struct config_problem){severity, keep(l, source ? source->name : ""), about->line,
                                         keep(l, about->key), keep(l, about->text)};
    f->order = source ? source->order : UINT_MAX;
    f->seq = (unsigned)l->found_n++;
}

void config_say_format(struct loader *l, enum config_severity severity, const struct source *source,
                       const struct config_problem *place, const char *format, ...)
{
    struct config_problem about = *place;
    char words[600];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    about.text = words;
    config_say(l, severity, source, &about);
}

void config_say_words(struct loader *l, enum config_severity severity, const struct source *source,
                      const struct config_problem *about, struct text *words)
{
    struct config_problem whole = *about;
    whole.text = text_cstr(words);
    l->failed |= words->failed;
    config_say(l, severity, source, &whole);
    text_fini(words);
}

static int by_place(const void *a, const void *b)
{
    const struct found *p = a, *q = b;
    if (p->order != q->order)
        return p->order < q->order ? -1 : 1;
    if (p->problem.line != q->problem.line)
        return p->problem.line < q->problem.line ? -1 : 1;
    return p->seq < q->seq ? -1 : p->seq > q->seq;
}

bool config_report_finish(struct loader *l)
{
    struct config_report *r = l->report;
    if (!l->found_n)
        return !l->failed;
    qsort(l->found, l->found_n, sizeof *l->found, by_place);
    r->problems = arena_array(&r->arena, struct config_problem, l->found_n);
    if (!r->problems)
        return false;
    for (size_t i = 0; i < l->found_n; i++)
        r->problems[i] = l->found[i].problem;
    r->n = l->found_n;
    return !l->failed;
}

void config_report_fini(struct config_report *r)
{
    arena_fini(&r->arena);
    *r = (struct config_report){0};
}

static const char *severity_name(const struct config_problem *p)
{
    return p->severity == CONFIG_ERROR ? "error" : "warning";
}

static void print_rest(size_t n, const char *what, struct text *out)
{
    if (n > CONFIG_MOST_PROBLEMS)
        text_format(out, "and %zu more %s\n", n - CONFIG_MOST_PROBLEMS, what);
}

void config_report_print(const struct config_report *r, struct text *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct config_problem *p = &r->problems[i];
        text_visible(out, slice_of(p->file));
        if (p->line)
            text_format(out, ":%u", p->line);
        text_format(out, "%s%s: ", p->file[0] ? ": " : "", severity_name(p));
        if (p->key[0])
            text_format(out, "%s: ", p->key);
        text_format(out, "%s\n", p->text);
    }
    print_rest(r->errors, "errors", out);
    print_rest(r->warnings, "warnings", out);
}

void config_report_json(const struct config_report *r, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "errors");
    json_put_u64(&w, r->errors);
    json_key(&w, "warnings");
    json_put_u64(&w, r->warnings);
    json_key(&w, "problems");
    json_open_array(&w);
    for (size_t i = 0; i < r->n; i++) {
        const struct config_problem *p = &r->problems[i];
        json_open_object(&w);
        json_put_pair(&w, "severity", slice_of(severity_name(p)));
        json_put_pair(&w, "file", slice_of(p->file));
        json_key(&w, "line");
        if (p->line)
            json_put_u64(&w, p->line);
        else
            json_put_null(&w);
        json_put_pair(&w, "key", slice_of(p->key));
        json_put_pair(&w, "text", slice_of(p->text));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
}
