/* answer: how things leave. Every answer carries the same few headers; events of a request become
 * an event stream or one object, whichever the caller asked for. */
#include "api/inside.h"

#include "base/mem.h"

#define MOST_FIELDS 14u
#define MOST_REFUSAL 100u /* bytes */

struct fields {
    struct http_field list[MOST_FIELDS];
    size_t n;
};

static void add(struct fields *f, struct slice name, struct slice value)
{
    assert(f->n < MOST_FIELDS);
    f->list[f->n++] = (struct http_field){name, value};
}

static void add_dropped(struct fields *f, const struct visit *v)
{
    struct slice names = v->request ? request_dropped(v->request) : (struct slice){0};
    if (names.len)
        add(f, SLICE("x-hearth-dropped"), names);
}

static void add_origin(struct fields *f, const struct visit *v)
{
    if (!v->origin.len)
        return;
    add(f, SLICE("access-control-allow-origin"), v->origin);
    add(f, SLICE("vary"), SLICE("Origin"));
    add(f, SLICE("access-control-expose-headers"),
        SLICE("X-Request-Id, Retry-After, X-Hearth-Dropped"));
}

/* Anthropic's clients look for it under another name. */
static void add_name(struct fields *f, const struct visit *v, const struct text *name)
{
    if (!name->len)
        return;
    add(f, SLICE("x-request-id"), text_slice(name));
    if (v->endpoint && v->endpoint->dialect == DIALECT_ANTHROPIC)
        add(f, SLICE("request-id"), text_slice(name));
}

static struct text request_name(const struct visit *v)
{
    struct text name = {0};
    if (v->request) {
        text_add(&name, v->api->instance);
        text_byte(&name, '-');
        text_u64(&name, request_id(v->request));
    }
    return name;
}

/* The row of a request tells what its own caller got; a later reader's copy is not that. */
static void note(const struct visit *v, int status, struct slice bytes)
{
    if (v->request && !v->numbered)
        request_gave(v->request, status, bytes);
}

static void answer_whole(struct visit *v, int status, struct fields *f, struct slice body)
{
    struct exchange *x = v->x;
    struct text name = request_name(v);
    add(f, SLICE("cache-control"), SLICE("no-store"));
    add(f, SLICE("x-content-type-options"), SLICE("nosniff"));
    add_name(f, v, &name);
    add_dropped(f, v);
    add_origin(f, v);
    x->owner = NULL;
    note(v, status, body);
    exchange_answer(x, status, f->list, f->n, body);
    text_fini(&name);
    visit_free(v);
}

/* What could not be written whole is not sent in part. */
static void answer_text(struct visit *v, int status, struct fields *f, struct slice type,
                        const struct text *words)
{
    add(f, SLICE("content-type"), words->failed ? SLICE("text/plain") : type);
    if (words->failed)
        answer_whole(v, 503, f, SLICE("The daemon is out of memory.\n"));
    else
        answer_whole(v, status, f, text_slice(words));
}

void answer_json(struct visit *v, int status, const struct text *json)
{
    struct fields f = {0};
    answer_text(v, status, &f, SLICE("application/json"), json);
}

void answer_success(struct visit *v)
{
    struct text body = {0};
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_key(&w, "success");
    json_put_bool(&w, true);
    json_close_object(&w);
    answer_json(v, 200, &body);
    text_fini(&body);
}

void answer_plain(struct visit *v, struct slice type, const struct text *words)
{
    struct fields f = {0};
    answer_text(v, 200, &f, type, words);
}

/* Who is turned away by a name learns no more than what admits it, in 100 bytes at most. */
static void write_refusal(const struct why *why, struct text *out)
{
    const char *const words[] = {why->text, "not admitted; see `hosts:` and `origins:`"};
    bool fits = false;
    for (size_t i = why->text[0] ? 0 : 1; !fits && i < COUNT(words); i++) {
        text_clear(out);
        struct json_writer w = json_writer(out);
        json_open_object(&w);
        json_key(&w, "error");
        json_open_object(&w);
        json_put_pair(&w, "code", slice_of(err_row(why->code)->code));
        json_put_pair(&w, "message", slice_of(words[i]));
        json_close_object(&w);
        json_close_object(&w);
        fits = out->len <= MOST_REFUSAL;
    }
}

void answer_error(struct visit *v, const struct why *why)
{
    const struct err_row *row = err_row(why->code);
    struct fields f = {0};
    struct text body = {0};
    if (why->code == ERR_HOST_NOT_ALLOWED || why->code == ERR_ORIGIN_NOT_ALLOWED)
        write_refusal(why, &body);
    else
        reply_write_error(v->endpoint ? v->endpoint->dialect : DIALECT_NONE, why, &body);
    if (why->code == ERR_METHOD_NOT_ALLOWED && v->allowed.len)
        add(&f, SLICE("allow"), text_slice(&v->allowed));
    if (row->http == 503 || row->http == 429)
        add(&f, SLICE("retry-after"), SLICE("1"));
    if (why->code == ERR_CODING)
        add(&f, SLICE("accept-encoding"), SLICE("gzip, zstd"));
    if (row->http == 401)
        add(&f, SLICE("www-authenticate"), SLICE("Bearer"));
    if (v->request) /* our own tries are over: clients that try again would only multiply them */
        add(&f, SLICE("x-should-retry"), SLICE("false"));
    answer_text(v, row->http, &f, SLICE("application/json"), &body);
    text_fini(&body);
}

void answer_preflight(struct visit *v)
{
    struct fields f = {0};
    add(&f, SLICE("access-control-allow-methods"), SLICE("GET, POST, DELETE, OPTIONS"));
    add(&f, SLICE("access-control-allow-headers"),
        SLICE("Authorization, X-Api-Key, Api-Key, Content-Type, X-Request-Id"));
    add(&f, SLICE("access-control-max-age"), SLICE("600"));
    answer_whole(v, 204, &f, (struct slice){0});
}

void answer_page(struct visit *v, struct slice policy, struct slice html)
{
    struct fields f = {0};
    add(&f, SLICE("content-type"), SLICE("text/html; charset=utf-8"));
    add(&f, SLICE("content-security-policy"), policy);
    add(&f, SLICE("referrer-policy"), SLICE("no-referrer"));
    answer_whole(v, 200, &f, html);
}

void answer_cookie(struct visit *v, struct slice cookie, struct slice to, struct slice words)
{
    struct fields f = {0};
    add(&f, SLICE("content-type"), SLICE("text/plain; charset=utf-8"));
    add(&f, SLICE("set-cookie"), cookie);
    add(&f, SLICE("referrer-policy"), SLICE("no-referrer")); /* a link's token is in its address */
    if (to.len)
        add(&f, SLICE("location"), to);
    answer_whole(v, to.len ? 303 : 200, &f, words);
}

/* ---- events --------------------------------------------------------------------------------- */

static void begin_stream(struct visit *v)
{
    struct fields f = {0};
    struct text name = request_name(v);
    add(&f, SLICE("content-type"),
        v->endpoint->leaves == LEAVES_NDJSON ? SLICE("application/x-ndjson")
                                             : SLICE("text/event-stream"));
    add(&f, SLICE("cache-control"), SLICE("no-store"));
    add(&f, SLICE("x-accel-buffering"), SLICE("no")); /* a proxy before us must not gather */
    add_name(&f, v, &name);
    add_dropped(&f, v);
    add_origin(&f, v);
    exchange_begin(v->x, 200, f.list, f.n);
    note(v, 200, (struct slice){0});
    v->begun = true;
    text_fini(&name);
}

static void end_stream(struct visit *v, bool close)
{
    struct exchange *x = v->x;
    x->owner = NULL;
    visit_free(v);
    exchange_end(x, close);
}

/* A stream with a hole must not look like a whole one. */
static void send_whole(struct visit *v, struct text *words)
{
    if (words->failed) {
        exchange_break(v->x);
    } else {
        note(v, 200, text_slice(words));
        exchange_send(v->x, text_slice(words));
    }
    text_fini(words);
}

static void send_numbered(struct visit *v, const struct event *e)
{
    struct text whole = {0};
    text_format(&whole, "id: %llu\n", (unsigned long long)e->number);
    text_add(&whole, e->raw);
    send_whole(v, &whole);
}

static struct hearer hearer_of(const struct visit *v)
{
    return (struct hearer){v->endpoint->dialect, v->endpoint->kind,
                           request_wants_usage(v->request)};
}

/* A chat in the common form has events that are ready as they are; others are told in words of the
 * caller's dialect. */
static void send_told(struct visit *v, const struct event *e)
{
    struct text words = {0};
    struct hearer l = hearer_of(v);
    if (e->kind == EVENT_USAGE && e->ready && !l.wants_usage)
        return;
    if (l.dialect == DIALECT_OPENAI && l.kind == CALL_CHAT) {
        note(v, 200, e->raw);
        exchange_send(v->x, e->raw);
        return;
    }
    if (!v->teller)
        v->teller = teller_new(&l);
    if (!v->teller || teller_tell(v->teller, e, &words))
        words.failed = true;
    send_whole(v, &words);
}

static void send_error(struct visit *v, const struct why *why)
{
    struct text words = {0};
    reply_write_error_event(v->endpoint->dialect, why, &words);
    send_whole(v, &words);
    if (why->code == ERR_REVOKED) /* a slow client gets no more of what waits for it */
        exchange_cut(v->x);
}

static enum err take_for_stream(struct visit *v, const struct event *e)
{
    bool last = e->kind == EVENT_END || e->kind == EVENT_ERROR;
    if (!last && exchange_waiting(v->x) > v->api->server->limits.stream_buffer)
        return ERR_BUSY;
    if (e->kind == EVENT_ERROR && !v->begun) {
        answer_error(v, e->why);
        return OK;
    }
    if (!v->begun)
        begin_stream(v);
    if (e->kind == EVENT_ERROR)
        send_error(v, e->why);
    else if (v->numbered)
        send_numbered(v, e);
    else
        send_told(v, e);
    if (last)
        end_stream(v, e->kind == EVENT_ERROR);
    return OK;
}

static enum err answer_object(struct visit *v)
{
    struct text body = {0};
    struct why why;
    enum err e = v->assembler ? assembler_finish(v->assembler, &body) : ERR_BAD_RESPONSE;
    if (e) {
        why_set(&why, e, "the answer could not be put together");
        answer_error(v, &why);
    } else {
        answer_json(v, 200, &body);
    }
    text_fini(&body);
    return e;
}

static enum err take_for_object(struct visit *v, const struct event *e)
{
    if (e->kind == EVENT_ERROR) {
        answer_error(v, e->why);
    } else if (e->kind == EVENT_END) {
        return answer_object(v);
    } else if (e->json.len) {
        struct hearer l = hearer_of(v);
        if (!v->assembler)
            v->assembler = assembler_new(&l);
        return v->assembler ? assembler_add(v->assembler, e) : ERR_NO_MEMORY;
    }
    return OK;
}

static enum err take(struct reader *r, const struct event *e)
{
    struct visit *v = owner_of(r, struct visit, reader);
    bool stream = v->numbered || request_streams(v->request);
    return stream ? take_for_stream(v, e) : take_for_object(v, e);
}

const struct reader_ops answer_reader = {.take = take};
