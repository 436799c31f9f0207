/* status_engines: the engines of a status document, a line each. */
#include "cli/inner.h"

#define WIDEST_NAME 40u

static int64_t number(const struct json_value *e, const char *key)
{
    int64_t n = 0;
    return json_int(json_get(e, key), &n) ? n : 0;
}

static const struct state_row {
    const char *state, *words;
    enum colour colour;
} states[] = {
    {"ABSENT", "not loaded", COLOUR_DIM},   {"STARTING", "loading", COLOUR_YELLOW},
    {"READY", "ready", COLOUR_GREEN},       {"BUSY", "answering", COLOUR_GREEN},
    {"DRAINING", "leaving", COLOUR_YELLOW}, {"STOPPING", "leaving", COLOUR_YELLOW},
    {"FAILED", "failed", COLOUR_RED},
};

void status_state(const struct json_value *e, bool colours, struct text *out)
{
    struct slice state = json_text(json_get(e, "state"));
    for (size_t i = 0; i < COUNT(states); i++) {
        if (slice_is(state, slice_of(states[i].state)))
            cli_paint(out, colours, states[i].colour, states[i].words);
    }
}

static void print_what(const struct json_value *e, struct text *out)
{
    struct slice build = json_text(json_get(e, "build"));
    double progress = json_number(json_get(e, "progress"));
    if (build.len && progress < 1)
        text_format(out, "%.0f %%, ", progress * 100);
    if (number(e, "waiting"))
        text_format(out, "%lld waiting%s", (long long)number(e, "waiting"), build.len ? ", " : "");
    if (number(e, "context"))
        text_format(out, "ctx %lld, ", (long long)number(e, "context"));
    text_visible(out, build);
    if (slice_is(json_text(json_get(e, "sandbox")), SLICE("none")))
        text_add(out, SLICE(", sandbox: none"));
}

/* What is in the way of one that does not run: too long for a column. */
static void print_why(const struct json_value *e, struct text *out)
{
    struct slice why = json_text(json_get(e, "why"));
    struct text words = {0};
    if (!why.len || json_get(e, "build"))
        return;
    text_visible(&words, why);
    text_add(out, SLICE("  "));
    cli_wrap(out, 2, text_cstr(&words));
    out->failed |= words.failed;
    text_fini(&words);
}

static void print_row(const struct json_value *e, size_t width, bool colours, struct text *out)
{
    size_t from = out->len;
    text_visible(out, json_text(json_get(e, "model")));
    cli_pad(out, from, width + 2);
    from = out->len;
    status_state(e, colours, out);
    cli_pad(out, from, 12);
    from = out->len;
    text_format(out, "%lld of %lld", (long long)number(e, "busy"), (long long)number(e, "slots"));
    cli_pad(out, from, 8);
    print_what(e, out);
    cli_end_row(out);
    print_why(e, out);
}

void status_engines(const struct json_value *engines, bool colours, struct text *out)
{
    size_t width = strlen("model");
    if (!json_count(engines))
        return;
    for (struct json_iter i = json_begin(engines); json_next(&i);)
        width = max_size(width, cli_width(json_text(json_get(i.value, "model"))));
    width = min_size(width, WIDEST_NAME);
    text_byte(out, '\n');
    size_t from = out->len;
    text_add(out, SLICE("model"));
    cli_pad(out, from, width + 2);
    text_add(out, SLICE("engine      busy    what\n"));
    for (struct json_iter i = json_begin(engines); json_next(&i);)
        print_row(i.value, width, colours, out);
}
