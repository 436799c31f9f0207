/* audit: see audit.h. */
#include "audit/audit.h"

#include "base/log.h"

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

void audit_write(struct audit *a, const struct audit_row *row)
{
    struct text line = {0};
    count(a, row);
    text_format(&line, "id=%llu kind=%s model=", (unsigned long long)row->id, row->kind);
    text_visible(&line, row->model);
    text_format(&line, " outcome=%s status=%d stream=%d tries=", err_row(row->outcome)->name,
                err_row(row->outcome)->http, row->streamed);
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
    log_info("audit", "%s", line.failed ? "no memory for the words of this row" : text_cstr(&line));
    text_fini(&line);
}
