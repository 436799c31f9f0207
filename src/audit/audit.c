/* audit: see audit.h. */
#include "audit/audit.h"

#include "base/log.h"

#define MOST_NAME 80u /* bytes of the model's name in a row */

static void count(struct audit *a, const struct audit_row *row)
{
    a->by_err[row->outcome]++;
    if (row->outcome == OK)
        a->done++;
    else if (err_row(row->outcome)->http == 499)
        a->left++;
    else
        a->failed++;
    a->prompt_tokens += row->prompt_tokens > 0 ? (uint64_t)row->prompt_tokens : 0;
    a->completion_tokens += row->completion_tokens > 0 ? (uint64_t)row->completion_tokens : 0;
}

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

void audit_write(struct audit *a, const struct audit_row *row)
{
    struct text line = {0};
    count(a, row);
    text_format(
        &line, "id=%llu kind=%s outcome=%s status=%d stream=%d tries=", (unsigned long long)row->id,
        row->kind, err_row(row->outcome)->name, err_row(row->outcome)->http, row->streamed);
    for (unsigned i = 0; i < row->n_tries; i++) {
        const struct audit_try *t = &row->tries[i];
        text_add(&line, i ? SLICE(",") : SLICE(""));
        text_visible(&line, t->target);
        text_format(&line, ":%s:%lluus", err_row(t->err)->name, (unsigned long long)t->took_us);
    }
    text_format(&line, " events=%llu total_us=%llu first_us=%llu waited_us=%llu",
                (unsigned long long)row->events, (unsigned long long)row->total_us,
                (unsigned long long)row->first_us, (unsigned long long)row->waited_us);
    text_format(&line, " prompt_tokens=%lld completion_tokens=%lld", (long long)row->prompt_tokens,
                (long long)row->completion_tokens);
    add_quoted(&line, slice_to(row->model, min_size(row->model.len, MOST_NAME)));
    log_info("audit", "%s", line.failed ? "no memory for the words of this row" : text_cstr(&line));
    text_fini(&line);
}
