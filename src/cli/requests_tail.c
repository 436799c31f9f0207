/* requests_tail: `hearth requests tail` and `hearth requests`: the last rows, and those to come. */
#include "cli/inner.h"

#include "os/os.h"

#define ASK_MS 10000u
#define LOOK_AGAIN_MS 500u
#define MOST_NEW 10000u /* in one look */

/* Newest first as they came; printed oldest first. Returns the newest one's number. */
static uint64_t print_rows(struct cli *c, const struct json_value *rows, uint64_t newest)
{
    for (size_t i = json_count(rows); i > 0; i--) {
        const struct json_value *row = json_at(rows, i - 1);
        newest = max_u64(newest, requests_number(row, "seq"));
        if (!c->options.json) {
            requests_row(row, c->out_colours, &c->out);
            continue;
        }
        struct text line = {0};
        json_copy(row, &line);
        cli_json(&c->out, text_slice(&line));
        text_fini(&line);
    }
    return newest;
}

/* The exit code. *newest: the row behind which it goes on. */
static int show(struct cli *c, uint64_t *newest)
{
    struct text target = {0};
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    requests_target(c, *newest, &target);
    const struct question q = {METHOD_GET, text_cstr(&target), SLICE(""), ASK_MS};
    if (requests_ask(c, &q, &a, &doc, &code)) {
        const struct json_value *rows = json_get(doc.root, "requests");
        if (c->options.json && !c->options.follow)
            cli_json(&c->out, text_slice(&a.body));
        else
            *newest = print_rows(c, rows, *newest);
        json_done(&doc);
    }
    answer_fini(&a);
    text_fini(&target);
    return code;
}

int requests_tail_run(struct cli *c)
{
    uint64_t newest = 0;
    if (!c->options.json)
        requests_head(&c->out);
    int code = show(c, &newest);
    if (code != CLI_OK)
        text_clear(&c->out); /* no title of nothing */
    c->options.most = MOST_NEW;
    while (c->options.follow && code == CLI_OK && !c->broken) {
        cli_flush(c);
        os_sleep_ms(LOOK_AGAIN_MS);
        code = show(c, &newest);
    }
    return code;
}

int requests_run(struct cli *c)
{
    return requests_tail_run(c);
}
