/* requests_verify: `hearth requests verify`: does the chain of all records hold? */
#include "cli/inner.h"

#define ASK_MS (30u * 60 * 1000) /* millions of rows on a slow disk */

static void on_wait(struct cli *c, uint64_t waited_ms)
{
    if (!c->err_terminal || waited_ms < 1000)
        return;
    text_format(&c->err, "\rchecking, %llu s ... ", (unsigned long long)(waited_ms / 1000));
    cli_flush(c);
}

static void print_problem(const struct json_value *p, bool colours, struct text *out)
{
    uint64_t seq = requests_number(p, "seq");
    cli_paint(out, colours, COLOUR_RED, "problem:");
    text_byte(out, ' ');
    if (seq)
        text_format(out, "record %llu: ", (unsigned long long)seq);
    text_visible(out, json_is_text(p) ? json_text(p) : json_text(json_get(p, "what")));
    text_byte(out, '\n');
}

static void print_found(const struct json_value *found, bool colours, struct text *out)
{
    uint64_t dropped = requests_number(found, "dropped");
    const struct json_value *problems = json_get(found, "problems");
    bool good = json_is_true(json_get(found, "ok"));
    for (struct json_iter i = json_begin(problems); json_next(&i);)
        print_problem(i.value, colours, out);
    if (good)
        cli_paint(out, colours, COLOUR_GREEN, "The chain holds");
    else
        cli_paint(out, colours, COLOUR_RED, "The chain does not hold");
    text_format(out, ": %llu records in %llu segments were checked.\n",
                (unsigned long long)requests_number(found, "rows"),
                (unsigned long long)requests_number(found, "segments"));
    if (dropped)
        text_format(out,
                    "%llu older segments were let go, to keep the file within `audit.size`; "
                    "that is no fault.\n",
                    (unsigned long long)dropped);
}

int requests_verify_run(struct cli *c)
{
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    const struct question q = {METHOD_POST, "/hearth/v1/verify", SLICE(""), ASK_MS};
    c->waits = on_wait;
    bool asked = requests_ask(c, &q, &a, &doc, &code);
    if (c->err_terminal)
        text_add(&c->err, SLICE("\r\033[K"));
    if (asked) {
        const struct json_value *found = json_get(doc.root, "verify");
        if (c->options.json)
            cli_json(&c->out, text_slice(&a.body));
        else
            print_found(found, c->out_colours, &c->out);
        code = json_is_true(json_get(found, "ok")) ? CLI_OK : CLI_FAILED;
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}
