/* fan: a call that wants several answers (`n`) is made as several calls of one answer each, since
 * an engine has a slot for each and no place knows better than the queue when one is free. Each is
 * a request with a row of its own, whose reader this is; what it says goes on under the number of
 * its choice. The rows of the parts have the tokens; the whole's names none.
 *
 * A part's reader may not leave while it is being told something: then a timer does that. The whole
 * lives as long as any of its parts is read. */
#include <string.h>

#include "base/mem.h"
#include "request/inside.h"

#define MOST_PARTS 8u

struct part {
    struct reader reader;
    struct request *whole;
    unsigned index;
    bool open; /* it is still read */
};

struct fan {
    struct part parts[MOST_PARTS];
    unsigned n, ended;
    struct slice id, created, model; /* of the first that said something, as JSON */
    struct usage usage;
    struct text edited;
    struct timer later; /* for what may not be done while a part speaks */
    bool over;          /* nobody listens any more */
};

/* ---- the parts' bodies ---------------------------------------------------------------------- */

struct rewrite {
    struct slice json;
    struct edits edits;
    bool failed;
};

static void put(struct rewrite *w, size_t at, size_t end, struct slice text)
{
    w->failed |= edits_add(&w->edits, w->json, (struct edit){at, end - at, text}) != OK;
}

/* Where it is there. */
static void change(struct rewrite *w, const char *name, struct slice value)
{
    struct json_span span;
    if (value.len && json_find_span(w->json, slice_of(name), &span))
        put(w, span.value, span.end, value);
}

static enum err finish(struct rewrite *w, struct text *out)
{
    if (!w->failed)
        edits_write(&w->edits, w->json, out);
    return w->failed || out->failed ? ERR_NO_MEMORY : OK;
}

static void ask_for_events(struct rewrite *w, size_t front, struct text *room)
{
    struct json_span span;
    struct json_writer j = json_writer(room);
    if (json_find_span(w->json, SLICE("stream"), &span)) {
        put(w, span.value, span.end, SLICE("true"));
        return;
    }
    json_open_object(&j);
    json_key(&j, "stream");
    json_put_bool(&j, true);
    text_byte(room, ',');
    w->failed |= room->failed;
    if (!w->failed)
        put(w, front, front, slice_from(text_slice(room), 1)); /* without the brace */
}

static struct slice value_of(struct slice json, const struct json_span *span)
{
    return (struct slice){json.ptr + span->value, span->end - span->value};
}

/* One answer, in events; whoever named a seed gets another one with each. */
static enum err write_part(const struct call *c, unsigned index, struct text *out)
{
    struct rewrite w = {.json = c->body};
    struct json_span span;
    struct text stream = {0};
    char digits[MOST_DIGITS];
    uint64_t seed;
    change(&w, "n", SLICE("1"));
    change(&w, "n_cmpl", SLICE("1"));
    change(&w, "best_of", SLICE("1"));
    ask_for_events(&w, c->front, &stream);
    if (json_find_span(c->body, SLICE("seed"), &span) && slice_u64(value_of(c->body, &span), &seed))
        put(&w, span.value, span.end, slice_of_u64(digits, seed + index));
    enum err e = finish(&w, out);
    text_fini(&stream);
    return e;
}

/* ---- what a part says ----------------------------------------------------------------------- */

static void stop_whole(struct request *r, const struct why *why)
{
    if (!r->fan->over)
        request_stop(r, why);
}

/* Of the first that tells it. */
static enum err keep_first(struct request *r, struct slice json, const char *name, struct slice *to)
{
    struct json_span span;
    if (to->len || !json_find_span(json, slice_of(name), &span))
        return OK;
    *to = arena_dup(&r->arena, value_of(json, &span));
    return to->ptr ? OK : ERR_NO_MEMORY;
}

static enum err keep_names(struct request *r, struct slice json)
{
    struct fan *f = r->fan;
    enum err e = keep_first(r, json, "id", &f->id);
    if (!e)
        e = keep_first(r, json, "created", &f->created);
    return e ? e : keep_first(r, json, "model", &f->model);
}

static size_t past_blanks(struct slice s, size_t at)
{
    while (at < s.len && strchr(" \t\r\n", s.ptr[at]))
        at++;
    return at;
}

/* at: behind the last member of the first choice. */
static bool is_only_choice(struct slice json, size_t at)
{
    at = past_blanks(json, at);
    if (at >= json.len || json.ptr[at] != '}')
        return false;
    at = past_blanks(json, at + 1);
    return at < json.len && json.ptr[at] == ']';
}

/* The number of the only choice, and the id of the whole. */
static enum err number_chunk(struct part *p, struct slice json, struct text *out)
{
    struct fan *f = p->whole->fan;
    struct rewrite w = {.json = json};
    struct json_span choices, span;
    char digits[MOST_DIGITS];
    struct slice key;
    change(&w, "id", f->id);
    change(&w, "created", f->created);
    if (json_find_span(json, SLICE("choices"), &choices)) {
        size_t at = choices.value + slice_find(slice_from(json, choices.value), '{');
        while (at < choices.end && json_next_span(json, &at, &key, &span)) {
            if (slice_is(key, SLICE("index")))
                put(&w, span.value, span.end, slice_of_u64(digits, p->index));
        }
        if (at < choices.end && !is_only_choice(json, at))
            return ERR_BAD_RESPONSE; /* one was asked for */
    }
    return finish(&w, out);
}

static void note_content(struct request *r, const struct request *part)
{
    if (r->content_sent)
        return;
    r->content_sent = true;
    r->row.target = arena_dup(&r->arena, part->row.target);
    r->row.served = arena_dup(&r->arena, part->row.served);
    r->row.first_us = loop_now_us(r->desk->loop) - r->began_us;
    request_move(r, REQUEST_STREAMING);
}

static enum err pass_on(struct part *p, const struct event *e)
{
    struct request *r = p->whole;
    struct text *out = &r->fan->edited;
    enum err err = keep_names(r, e->json);
    text_clear(out);
    text_add(out, SLICE("data: "));
    if (!err)
        err = number_chunk(p, e->json, out);
    if (err)
        return err;
    size_t len = out->len - strlen("data: ");
    for (size_t i = strlen("data: "); i < out->len; i++) {
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
            out->ptr[i] = ' '; /* between tokens: it came in several lines */
    }
    text_add(out, SLICE("\n\n"));
    struct event numbered = {
        .kind = e->kind,
        .ready = e->ready,
        .raw = text_slice(out),
        .json = {out->ptr + strlen("data: "), len},
        .usage = NO_USAGE,
    };
    if (out->failed)
        return ERR_NO_MEMORY;
    request_emit(r, &numbered);
    return OK;
}

static void add_usage(struct usage *sum, const struct usage *one)
{
    sum->prompt = one->prompt > sum->prompt ? one->prompt : sum->prompt; /* read once, as billed */
    sum->cached = one->cached > sum->cached ? one->cached : sum->cached;
    sum->completion = one->completion > 0
                          ? (sum->completion > 0 ? sum->completion : 0) + one->completion
                          : sum->completion;
    sum->reasoning += one->reasoning;
}

static void put_count(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_put_int(w, n > 0 ? n : 0);
}

static void put_known(struct json_writer *w, const char *key, struct slice json,
                      struct slice otherwise)
{
    json_key(w, key);
    if (json.len)
        json_put_raw(w, json);
    else
        json_put_text(w, otherwise);
}

static void emit_usage(struct request *r)
{
    const struct usage *u = &r->fan->usage;
    struct text *out = &r->fan->edited;
    text_clear(out);
    text_add(out, SLICE("data: "));
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    put_known(&w, "id", r->fan->id, SLICE("chatcmpl-0"));
    json_put_pair(&w, "object",
                  r->call.kind == CALL_CHAT ? SLICE("chat.completion.chunk")
                                            : SLICE("text_completion"));
    json_key(&w, "created");
    json_put_raw(&w, r->fan->created.len ? r->fan->created : SLICE("0"));
    put_known(&w, "model", r->fan->model, r->row.served);
    json_key(&w, "choices");
    json_open_array(&w);
    json_close_array(&w);
    json_key(&w, "usage");
    json_open_object(&w);
    put_count(&w, "prompt_tokens", u->prompt);
    put_count(&w, "completion_tokens", u->completion);
    put_count(&w, "total_tokens", u->prompt + (u->completion > 0 ? u->completion : 0));
    json_close_object(&w);
    json_close_object(&w);
    size_t len = out->len - strlen("data: ");
    text_add(out, SLICE("\n\n"));
    struct event e = {
        .kind = EVENT_USAGE,
        .ready = r->call.kind == CALL_CHAT,
        .raw = text_slice(out),
        .json = {out->ptr ? out->ptr + strlen("data: ") : NULL, len},
        .usage = *u,
    };
    if (!out->failed)
        request_emit(r, &e);
}

static void end_part(struct part *p)
{
    struct request *r = p->whole;
    struct fan *f = r->fan;
    struct event end = {.kind = EVENT_END,
                        .ready = r->call.kind == CALL_CHAT,
                        .raw = SLICE("data: [DONE]\n\n"),
                        .usage = NO_USAGE};
    p->open = false;
    if (++f->ended == f->n && !f->over) {
        if (f->usage.prompt >= 0)
            emit_usage(r);
        f->over = true;
        r->complete = true;
        request_emit(r, &end);
        request_step(r);
    }
}

static enum err take(struct reader *reader, const struct event *e)
{
    struct part *p = owner_of(reader, struct part, reader);
    struct request *r = p->whole;
    enum err err = OK;
    hold_add(&r->hold);
    if (e->kind == EVENT_ERROR) {
        p->open = false;
        stop_whole(r, e->why);
    } else if (e->kind == EVENT_END) {
        end_part(p);
    } else if (r->fan->over || !e->json.len) {
        err = OK; /* a comment, or nobody listens */
    } else if (r->paused) {
        err = ERR_BUSY;
    } else {
        if (event_is_content(e))
            note_content(r, p->reader.request);
        add_usage(&r->fan->usage, &e->usage);
        err = e->kind == EVENT_USAGE ? OK : pass_on(p, e);
    }
    if (!p->open) /* its hold; this one keeps the whole for the rest of the call */
        hold_drop(&r->hold);
    hold_drop(&r->hold);
    return err;
}

/* ---- from the beginning to the end ---------------------------------------------------------- */

static void leave_all(struct request *r)
{
    struct fan *f = r->fan;
    bool busy = false;
    for (unsigned i = 0; i < f->n; i++) {
        struct part *p = &f->parts[i];
        busy |= p->open && p->reader.pumping;
        if (!p->open || p->reader.pumping)
            continue;
        p->open = false;
        reader_leave(&p->reader, ERR_CLIENT_GONE);
        hold_drop(&r->hold);
    }
    if (busy)
        timer_set(&f->later, 0);
    else
        timer_close(&f->later);
}

static void on_later(struct timer *t)
{
    struct fan *f = owner_of(t, struct fan, later);
    if (f->over) {
        leave_all(f->parts[0].whole);
        return;
    }
    for (unsigned i = 0; i < f->n; i++) {
        if (f->parts[i].open)
            reader_wake(&f->parts[i].reader);
    }
}

static enum err start_part(struct request *r, unsigned index)
{
    static const struct reader_ops ops = {take};
    struct part *p = &r->fan->parts[index];
    struct request_terms terms = r->terms;
    struct body body = {0};
    terms.ends_by_itself = terms.told = false;
    terms.role = slice_from(terms.role, terms.role.len ? strlen("role/") : 0);
    terms.parent = r->row.id;
    if (write_part(&r->call, index, &body.bytes))
        return ERR_NO_MEMORY;
    struct request *part = request_new(r->desk, &terms);
    if (!part) {
        body_fini(&body);
        return ERR_NO_MEMORY;
    }
    *p = (struct part){.reader = {.ops = &ops}, .whole = r, .index = index, .open = true};
    hold_add(&r->hold);
    if (reader_follow(&p->reader, part, 0)) {
        p->open = false;
        hold_drop(&r->hold);
        body_fini(&body);
        return ERR_NO_MEMORY;
    }
    request_admit(part);
    request_give(part, &body);
    return OK;
}

void fan_start(struct request *r)
{
    struct why why;
    unsigned parts = r->call.n < MOST_PARTS ? (unsigned)r->call.n : MOST_PARTS;
    r->fan = arena_new(&r->arena, struct fan);
    if (r->fan) {
        r->fan->usage = NO_USAGE;
        r->fan->n = parts;
        r->fan->parts[0].whole = r;
        timer_open(&r->fan->later, r->desk->loop, &r->hold, on_later);
    }
    enum err e = r->fan ? OK : ERR_NO_MEMORY;
    for (unsigned i = 0; !e && i < parts && !r->stop.code; i++)
        e = start_part(r, i);
    if (e) {
        why_set(&why, e, "no memory for several answers");
        request_stop(r, &why);
    }
}

void fan_wake(struct request *r)
{
    if (r->fan && !r->fan->over)
        timer_set(&r->fan->later, 0);
}

void fan_stop(struct request *r)
{
    if (!r->fan)
        return;
    r->fan->over = true;
    leave_all(r);
}

void fan_fini(struct request *r)
{
    if (r->fan)
        text_fini(&r->fan->edited);
}
