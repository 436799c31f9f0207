/* requests_search: `hearth requests search`: the newest rows that fit. */
#include "cli/inner.h"

#define ASK_MS 15000u

int requests_search_run(struct cli *c)
{
    struct text target = {0};
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    requests_target(c, 0, &target);
    const struct question q = {METHOD_GET, text_cstr(&target), SLICE(""), ASK_MS};
    if (requests_ask(c, &q, &a, &doc, &code)) {
        const struct json_value *rows = json_get(doc.root, "requests");
        size_t n = json_count(rows);
        if (c->options.json) {
            cli_json(&c->out, text_slice(&a.body));
        } else if (!n) {
            text_add(&c->err, SLICE("No request fits.\n"));
        } else {
            requests_head(&c->out);
            for (size_t i = n; i > 0; i--)
                requests_row(json_at(rows, i - 1), c->out_colours, &c->out);
        }
        json_done(&doc);
    }
    answer_fini(&a);
    text_fini(&target);
    return code;
}
