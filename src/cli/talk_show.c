/* talk_show: an answer as it comes, and what is done until it does. On a terminal nothing of a
 * model's words is an order to it; into a pipe or a file they go as they are. */
#include "cli/talk.h"

#include "os/os.h"

#define TELL_AFTER_MS 1000u
#define ASK_EVERY_MS 500u
#define STATUS_MS 1000u
#define MOST_NAME 30u

/* ---- the filter ----------------------------------------------------------------------------- */

#define REPLACEMENT SLICE("\xef\xbf\xbd")

/* How long the character is that begins so; 1: there is none. */
static unsigned length_of(unsigned char first)
{
    return first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 1;
}

/* One character, or a byte that belongs to none. */
static void put(struct text *out, struct slice s)
{
    if (slice_utf8(s) != s.len)
        text_add(out, REPLACEMENT);
    else if (s.len == 1 && (s.ptr[0] == '\n' || s.ptr[0] == '\t'))
        text_byte(out, s.ptr[0]);
    else
        text_visible(out, s);
}

static void flush_held(struct filter *f, struct text *out)
{
    struct slice held = {f->held, f->n};
    if (slice_is(held, SLICE("\r")))
        text_visible(out, held); /* alone it would let a line be written over */
    else if (f->n)
        text_add(out, REPLACEMENT);
    f->n = 0;
}

void filter_add(struct filter *f, struct slice in, struct text *out)
{
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        bool follows = ((unsigned char)c & 0xc0) == 0x80;
        if (f->n && f->held[0] == '\r' && c == '\n')
            f->n = 0; /* a line end as others write it */
        else if (f->n && (f->held[0] == '\r' || !follows))
            flush_held(f, out);
        f->held[f->n++] = c;
        if (c == '\r')
            continue;
        if (f->n == length_of((unsigned char)f->held[0])) {
            put(out, (struct slice){f->held, f->n});
            f->n = 0;
        }
    }
}

void filter_end(struct filter *f, struct text *out)
{
    flush_held(f, out);
}

/* ---- waiting -------------------------------------------------------------------------------- */

static void hide_line(struct show *s)
{
    if (s->line)
        text_add(&s->c->err, SLICE("\r\033[K"));
    s->line = false;
}

static bool is_asked(const char *model, const struct json_value *engine)
{
    struct slice name = slice_of(model);
    if (slice_begins(name, SLICE("model/")))
        name = slice_from(name, strlen("model/"));
    return slice_is(json_text(json_get(engine, "model")), name);
}

/* The engine that loads: that of the model which was named, else any. */
static const struct json_value *find_loading(const char *model, const struct json_value *engines)
{
    const struct json_value *found = NULL;
    for (struct json_iter i = json_begin(engines); json_next(&i);) {
        bool loads = slice_is(json_text(json_get(i.value, "state")), SLICE("STARTING"));
        if (loads && (!found || is_asked(model, i.value)))
            found = i.value;
    }
    return found;
}

void show_loading(const struct json_value *status, const char *model, struct text *out)
{
    const struct json_value *e = find_loading(model, json_get(status, "engines"));
    if (!e)
        return;
    struct slice name = json_text(json_get(e, "model"));
    text_add(out, SLICE("loading "));
    name = slice_to(name, min_size(name.len, MOST_NAME));
    text_visible(out, slice_to(name, take_whole(name)));
    text_format(out, "  %.0f %%", json_number(json_get(e, "progress")) * 100);
}

static void ask_state(struct show *s)
{
    struct answer a = {0};
    struct json_doc doc;
    text_clear(&s->state);
    if (cli_ask_status(s->c, STATUS_MS, &a, NULL))
        return;
    if (a.status == 200 && !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL)) {
        show_loading(doc.root, s->model, &s->state);
        json_done(&doc);
    }
    answer_fini(&a);
}

void show_waiting(struct show *s, uint64_t waited_ms)
{
    struct text *err = &s->c->err;
    if (!s->c->err_terminal || waited_ms < TELL_AFTER_MS)
        return;
    uint64_t now = os_mono_ms();
    if (s->line && now - s->asked_ms < ASK_EVERY_MS)
        return;
    s->asked_ms = now;
    ask_state(s);
    text_add(err, SLICE("\r\033[K"));
    if (s->state.len)
        text_add(err, text_slice(&s->state));
    else
        text_add(err, SLICE("waiting for the first word"));
    text_add(err, SLICE("  "));
    cli_duration(err, waited_ms);
    s->line = true;
    cli_flush(s->c);
}

/* ---- the answer ----------------------------------------------------------------------------- */

static void write_words(struct show *s, struct slice words)
{
    struct text *out = &s->c->out;
    hide_line(s);
    cli_flush(s->c); /* the two may be one terminal */
    if (s->c->out_terminal)
        filter_add(&s->filter, words, out);
    else
        text_add(out, words);
    s->open = words.ptr[words.len - 1] != '\n';
    cli_flush(s->c);
}

static void begin_thoughts(struct show *s)
{
    s->thinks = true;
    text_add(&s->c->out, s->c->out_colours ? SLICE("\033[2m") : SLICE("It thinks:\n"));
}

static void end_thoughts(struct show *s)
{
    struct text *out = &s->c->out;
    if (!s->thinks)
        return;
    s->thinks = false;
    filter_end(&s->filter, out);
    text_add(out, s->c->out_colours ? SLICE("\033[0m") : SLICE(""));
    text_add(out, s->open ? SLICE("\n\n") : SLICE("\n"));
    s->open = false;
}

void show_thoughts(struct show *s, struct slice words)
{
    if (!words.len || !s->c->out_terminal)
        return;
    hide_line(s);
    if (!s->thinks)
        begin_thoughts(s);
    write_words(s, words);
}

void show_answer(struct show *s, struct slice words)
{
    if (!words.len)
        return;
    end_thoughts(s);
    write_words(s, words);
}

void show_end(struct show *s)
{
    hide_line(s);
    end_thoughts(s);
    filter_end(&s->filter, &s->c->out);
    if (s->open)
        text_byte(&s->c->out, '\n');
    s->open = false;
    cli_flush(s->c);
    text_fini(&s->state);
}
