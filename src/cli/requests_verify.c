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

static void add_count(struct text *out, uint64_t n, const char *what)
{
    text_format(out, "%llu %s%s", (unsigned long long)n, what, n == 1 ? "" : "s");
}

/* What is no fault, and yet good to know. */
static void print_notes(const struct json_value *found, struct text *out)
{
    uint64_t dropped = requests_number(found, "dropped");
    uint64_t aside = requests_number(found, "put_aside");
    if (dropped) {
        add_count(out, dropped, "older segment");
        text_add(out, SLICE(" let go, to keep the file within `audit.size`; that is no fault.\n"));
    }
    if (json_is_true(json_get(found, "file_put_aside"))) {
        text_add(out, SLICE("A damaged audit.db was put aside; its records are not checked here"));
        if (aside) {
            text_add(out, SLICE(": "));
            add_count(out, aside, "segment");
            text_add(out, SLICE(" that state.db knew"));
        }
        text_add(out, SLICE(".\n"));
    }
    if (!json_is_true(json_get(found, "anchored")))
        text_add(out, SLICE("state.db knows nothing of these records, or could not be asked: "
                            "whether newer ones are missing cannot be told.\n"));
}

static void print_found(const struct json_value *found, bool colours, struct text *out)
{
    const struct json_value *problems = json_get(found, "problems");
    uint64_t more = requests_number(found, "found");
    bool good = json_is_true(json_get(found, "ok"));
    for (struct json_iter i = json_begin(problems); json_next(&i);)
        print_problem(i.value, colours, out);
    if (more > json_count(problems))
        text_format(out, "and %llu more\n", (unsigned long long)(more - json_count(problems)));
    if (good)
        cli_paint(out, colours, COLOUR_GREEN, "The chain holds");
    else
        cli_paint(out, colours, COLOUR_RED, "The chain does not hold");
    text_add(out, SLICE(": "));
    add_count(out, requests_number(found, "rows"), "record");
    text_add(out, SLICE(" in "));
    add_count(out, requests_number(found, "segments"), "segment");
    text_add(out, SLICE(" checked.\n"));
    print_notes(found, out);
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
