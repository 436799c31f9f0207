/* figures: what a child counts of itself, asked seldom: the question waits in its queue like any
 * other, and a child that is asked often notices later that a caller left. */
#include <math.h>
#include <stdlib.h>

#include "engine/inside.h"

#define APART_MS 10000u
#define ANSWER_MS 2000u
#define LONGEST_NUMBER 40u

static const char *const names[ENGINE_FIGURES] = {
#define X(id, name) [ENGINE_##id] = name,
    ENGINE_FIGURES_OF(X)
#undef X
};

static bool read_number(struct slice s, double *ret_n)
{
    char word[LONGEST_NUMBER + 1] = "", *end;
    s = slice_trim(s);
    if (!s.len || s.len > LONGEST_NUMBER)
        return false;
    memcpy(word, s.ptr, s.len);
    double n = strtod(word, &end);
    if (*end || !isfinite(n) || n < 0)
        return false;
    *ret_n = n;
    return true;
}

static void take_line(struct engine_figures *f, struct slice line)
{
    static const struct slice before = SLICE("llamacpp:");
    if (!slice_begins(line, before))
        return;
    line = slice_from(line, before.len);
    size_t blank = slice_find(line, ' ');
    double n;
    if (blank == line.len || !read_number(slice_from(line, blank), &n))
        return;
    for (unsigned i = 0; i < ENGINE_FIGURES; i++) {
        if (slice_is(slice_to(line, blank), slice_of(names[i]))) {
            f->values[i] = n;
            f->known[i] = true;
        }
    }
}

void figures_read(struct slice page, struct engine_figures *f)
{
    struct slice line;
    while (slice_split(&page, '\n', &line))
        take_line(f, line);
}

void figures_answer(struct ask *a, int status, struct slice body)
{
    struct engine *e = owner_of(a, struct engine, counts);
    if (e->spawn && status == 200)
        figures_read(body, &e->spawn->figures);
}

void figures_ask(struct engine *e)
{
    uint64_t now = engine_now(e);
    const struct question q = {
        .socket = e->spawn->socket, .key = e->spawn->key, .path = "/metrics", .ms = ANSWER_MS};
    if (e->counts.busy || e->sm.state == STARTING || now - e->spawn->counted_ms < APART_MS)
        return;
    e->spawn->counted_ms = now;
    ask_start(&e->counts, e->all->loop, &e->hold, &q);
}

void engines_each(const struct engines *all, void (*each)(void *context, const struct engine_now *),
                  void *context)
{
    for (const struct engine *e = all->first; e; e = e->next) {
        const struct spawn *s = e->spawn;
        if (!e->model)
            continue; /* it goes, and another one may have its name */
        each(context, &(struct engine_now){
                          .model = e->backend.name,
                          .up = s && s->ready_ms,
                          .busy = engine_busy(e),
                          .waiting = engine_waiting(e),
                          .starts = e->so_far.starts,
                          .deaths = e->deaths.all,
                          .load_ms = e->so_far.load_ms,
                          .figures = s ? &s->figures : NULL,
                      });
    }
}
