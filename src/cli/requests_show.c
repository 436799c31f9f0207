/* requests_show: `hearth requests show ID`: all that is recorded of one request. */
#include "cli/inner.h"

#define ASK_MS 10000u
#define BAR 40u /* columns of the longest */

static void label(struct text *out, const char *words)
{
    text_format(out, "  %-10s", words);
}

static void add_text(struct text *out, const struct json_value *row, const char *key,
                     const char *before)
{
    struct slice words = json_text(json_get(row, key));
    if (!words.len)
        return;
    text_add(out, slice_of(before));
    text_visible(out, words);
}

static void print_facts(const struct json_value *row, struct text *out)
{
    bool streamed = json_is_true(json_get(row, "streamed"));
    label(out, "when");
    requests_at(out, json_text(json_get(row, "at")));
    text_byte(out, '\n');
    label(out, "who");
    add_text(out, row, "who", "");
    text_byte(out, '\n');
    label(out, "call");
    add_text(out, row, "call", "");
    add_text(out, row, "dialect", ", as ");
    text_add(out, streamed ? SLICE(", as a stream\n") : SLICE("\n"));
    label(out, "model");
    add_text(out, row, "model", "");
    add_text(out, row, "served", ", answered by ");
    add_text(out, row, "target", " at ");
    text_byte(out, '\n');
}

static void print_outcome(const struct json_value *row, bool colours, struct text *out)
{
    struct slice outcome = json_text(json_get(row, "outcome"));
    bool good = slice_is(outcome, SLICE("OK"));
    label(out, "outcome");
    cli_paint_visible(out, colours, good ? COLOUR_GREEN : COLOUR_RED, outcome);
    text_format(out, ", status %llu\n", (unsigned long long)requests_number(row, "status"));
    label(out, "time");
    requests_us(out, requests_number(row, "total_us"));
    if (requests_number(row, "first_us")) {
        text_add(out, SLICE(", the first word after "));
        requests_us(out, requests_number(row, "first_us"));
    }
    text_add(out, SLICE(", waiting for the place "));
    requests_us(out, requests_number(row, "upstream_us"));
    text_byte(out, '\n');
}

static void print_size(const struct json_value *row, struct text *out)
{
    int64_t prompt, completion;
    if (!json_int(json_get(row, "prompt_tokens"), &prompt))
        prompt = -1;
    if (!json_int(json_get(row, "completion_tokens"), &completion))
        completion = -1;
    label(out, "tokens");
    if (prompt < 0 && completion < 0)
        text_add(out, SLICE("not told\n"));
    else
        text_format(out, "%lld in the prompt, %lld in the answer\n", (long long)prompt,
                    (long long)completion);
    label(out, "bytes");
    cli_bytes(out, requests_number(row, "bytes_in"));
    text_add(out, SLICE(" came, "));
    cli_bytes(out, requests_number(row, "bytes_out"));
    text_add(out, SLICE(" went\n"));
    label(out, "SHA-256");
    struct slice answer = json_text(json_get(row, "answer_sha256"));
    struct slice body = json_text(json_get(row, "prompt_sha256"));
    text_visible(out, body.len ? body : SLICE("-"));
    text_add(out, SLICE(" of the body that came\n"));
    label(out, "");
    text_visible(out, answer.len ? answer : SLICE("-"));
    text_add(out, SLICE(" of the answer\n"));
}

static void print_tries(const struct json_value *tries, bool colours, struct text *out)
{
    unsigned n = 0;
    if (json_count(tries))
        text_add(out, SLICE("\ntries\n"));
    for (struct json_iter i = json_begin(tries); json_next(&i);) {
        struct slice outcome = json_text(json_get(i.value, "outcome"));
        bool good = slice_is(outcome, SLICE("OK"));
        size_t from = out->len;
        text_format(out, "  %u. ", ++n);
        add_text(out, i.value, "target", "");
        cli_pad(out, from, 24);
        from = out->len;
        cli_paint_visible(out, colours, good ? COLOUR_GREEN : COLOUR_RED, outcome);
        cli_pad(out, from, 20);
        from = out->len;
        requests_us(out, requests_number(i.value, "took_us"));
        cli_pad(out, from, 12);
        add_text(out, i.value, "reason", "");
        text_byte(out, '\n');
    }
}

static uint64_t us_of(const struct json_value *v)
{
    int64_t n = 0;
    return json_int(v, &n) && n > 0 ? (uint64_t)n : 0;
}

static void print_states(const struct json_value *states, struct text *out)
{
    uint64_t longest = 1;
    for (struct json_iter i = json_begin(states); json_next(&i);)
        longest = max_u64(longest, us_of(i.value));
    if (json_count(states))
        text_add(out, SLICE("\ntime by state\n"));
    for (struct json_iter i = json_begin(states); json_next(&i);) {
        uint64_t us = us_of(i.value);
        size_t from = out->len;
        text_add(out, SLICE("  "));
        text_visible(out, i.key);
        cli_pad(out, from, 14);
        from = out->len;
        requests_us(out, us);
        cli_pad(out, from, 11);
        for (uint64_t n = (us * BAR + longest - 1) / longest; n > 0; n--)
            text_byte(out, '#');
        text_byte(out, '\n');
    }
}

static void print_row(const struct json_value *row, bool colours, struct text *out)
{
    cli_paint_visible(out, colours, COLOUR_BOLD, json_text(json_get(row, "id")));
    text_format(out, " (record %llu)\n", (unsigned long long)requests_number(row, "seq"));
    print_facts(row, out);
    print_outcome(row, colours, out);
    print_size(row, out);
    print_tries(json_get(row, "tries"), colours, out);
    print_states(json_get(row, "states"), out);
}

int requests_show_run(struct cli *c)
{
    struct text target = {0};
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    int code = CLI_OK;
    if (!c->options.arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "which one? `hearth requests` shows the last ones");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "The id is what a caller gets as X-Request-Id.");
    }
    text_add(&target, SLICE("/hearth/v1/requests/"));
    http_query_encode(slice_of(c->options.arguments.items[0]), &target);
    const struct question q = {METHOD_GET, text_cstr(&target), SLICE(""), ASK_MS};
    if (requests_ask(c, &q, &a, &doc, &code)) {
        if (c->options.json)
            cli_json(&c->out, text_slice(&a.body));
        else
            print_row(json_get(doc.root, "request"), c->out_colours, &c->out);
        json_done(&doc);
    }
    answer_fini(&a);
    text_fini(&target);
    return code;
}
