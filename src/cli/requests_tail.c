/* requests_tail: `hearth requests tail` and `hearth requests`: the last rows, and those to come. */
#include "cli/inner.h"

#include "os/os.h"

#define LOOK_AGAIN_MS 500u

static void print_row(struct cli *c, const struct json_value *row)
{
    if (!c->options.json) {
        requests_row(row, c->out_colours, &c->out);
        return;
    }
    struct text line = {0};
    json_copy(row, &line);
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

/* The title stands above rows, and above those to come. */
static void print_first(struct cli *c, const struct pages *rows)
{
    if (c->options.json && !c->options.follow) {
        pages_json(rows, &c->out);
        return;
    }
    if (!pages_newest(rows) && !c->options.follow)
        text_add(&c->err, SLICE("No request was recorded yet.\n"));
    else if (!c->options.json)
        requests_head(&c->out);
    pages_each(rows, c, print_row);
}

/* The exit code. *newest: the row behind which it goes on. */
static int show(struct cli *c, bool first, uint64_t *newest)
{
    struct pages rows;
    int code = CLI_OK;
    if (requests_find(c, *newest, &rows, &code)) {
        if (first)
            print_first(c, &rows);
        else
            pages_each(&rows, c, print_row);
        *newest = max_u64(*newest, pages_newest(&rows));
    }
    pages_fini(&rows);
    return code;
}

int requests_tail_run(struct cli *c)
{
    uint64_t newest = 0;
    int code = show(c, true, &newest);
    c->options.most = ROWS_MOST;
    while (c->options.follow && code == CLI_OK && !c->broken) {
        cli_flush(c);
        os_sleep_ms(LOOK_AGAIN_MS);
        code = show(c, false, &newest);
    }
    return code;
}

int requests_run(struct cli *c)
{
    return requests_tail_run(c);
}
