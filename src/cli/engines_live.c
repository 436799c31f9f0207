/* engines_live: commands about engines that run: what they said, and starting them anew. */
#include "cli/inner.h"

#define ASK_MS 10000u

static int which(struct cli *c)
{
    struct why why;
    why_set(&why, ERR_BAD_REQUEST, "which model's engine?");
    return cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth models list` shows those there are.");
}

int engines_log_run(struct cli *c)
{
    const struct question q = {METHOD_GET, "/hearth/v1/engines", SLICE(""), ASK_MS};
    const char *model = c->options.arguments.items[0];
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    bool found = false;
    if (!model)
        return which(c);
    if (cli_ask_json(c, &q, &a, &doc, &code)) {
        for (struct json_iter i = json_begin(json_get(doc.root, "engines")); json_next(&i);) {
            struct slice log = json_text(json_get(i.value, "log")), line;
            if (!slice_is(json_text(json_get(i.value, "model")), slice_of(model)))
                continue;
            found = true;
            if (c->options.json) {
                json_copy(i.value, &c->out);
                text_byte(&c->out, '\n');
            }
            while (!c->options.json && slice_split(&log, '\n', &line)) {
                text_visible(&c->out, line);
                text_byte(&c->out, '\n');
            }
        }
        json_done(&doc);
        if (!found) {
            struct why why;
            why_set(&why, ERR_NOT_FOUND, "no model of an engine is named \"%s\"", model);
            code = cli_fail(c, ERR_NOT_FOUND, &why, "`hearth models list` shows those there are.");
        }
    }
    answer_fini(&a);
    return code;
}

int engines_restart_run(struct cli *c)
{
    struct text target = {0};
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    if (!c->options.arguments.n)
        return which(c);
    text_add(&target, SLICE("/hearth/v1/engines/restart?model="));
    http_query_encode(slice_of(c->options.arguments.items[0]), &target);
    const struct question q = {METHOD_POST, text_cstr(&target), SLICE(""), ASK_MS};
    if (cli_ask_json(c, &q, &a, &doc, &code)) {
        if (c->options.json)
            cli_json(&c->out, text_slice(&a.body));
        else
            text_add(&c->out, SLICE("It starts anew as soon as it is idle; `hearth status` shows "
                                    "how far it is.\n"));
        json_done(&doc);
    }
    text_fini(&target);
    answer_fini(&a);
    return code;
}
