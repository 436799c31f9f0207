/* requests_search: `hearth requests search`: the newest rows that fit. */
#include "cli/inner.h"

static void print_row(struct cli *c, const struct json_value *row)
{
    requests_row(row, c->out_colours, &c->out);
}

int requests_search_run(struct cli *c)
{
    struct pages found;
    int code = CLI_OK;
    if (requests_find(c, 0, &found, &code)) {
        if (c->options.json) {
            pages_json(&found, &c->out);
        } else if (!pages_newest(&found)) {
            text_add(&c->err, SLICE("No request fits.\n"));
        } else {
            requests_head(&c->out);
            pages_each(&found, c, print_row);
        }
    }
    pages_fini(&found);
    return code;
}
