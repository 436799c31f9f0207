/* ask: a question to a child on a connection of its own: is it well, what do its slots do. The
 * answer is short and waited for not long. */
#include "engine/inside.h"

#define MOST_ANSWER (256u * 1024)

static void finish(struct ask *a, int status)
{
    struct text body = a->body;
    a->body = (struct text){0};
    ask_stop(a);
    a->answered(a, status, text_slice(&body));
    text_fini(&body);
}

static void send_question(struct stream *s, enum err e)
{
    struct ask *a = owner_of(s, struct ask, stream);
    if (e) {
        finish(a, 0);
        return;
    }
    stream_give(&a->stream, &a->head);
    stream_read(&a->stream, true);
}

static void take_answer(struct stream *s, struct slice in)
{
    struct ask *a = owner_of(s, struct ask, stream);
    struct slice part;
    for (;;) {
        switch (http_parse(&a->parser, &in, &part)) {
        case HTTP_BODY:
            text_add(&a->body, part);
            break;
        case HTTP_HEAD:
            break;
        case HTTP_END:
            finish(a, a->body.failed ? 0 : http_head(&a->parser)->status);
            return;
        case HTTP_BAD:
        case HTTP_CUT:
            finish(a, 0);
            return;
        case HTTP_MORE:
            return;
        }
    }
}

static void end_early(struct stream *s, enum err e)
{
    (void)e;
    finish(owner_of(s, struct ask, stream), 0);
}

static void drained(struct stream *s)
{
    if (s->failed)
        finish(owner_of(s, struct ask, stream), 0);
}

static void too_late(struct timer *t)
{
    finish(owner_of(t, struct ask, timer), 0);
}

static void write_head(struct ask *a, const struct question *q)
{
    struct text key = {0}, length = {0};
    text_format(&key, "Bearer %s", q->key);
    text_u64(&length, q->json.len);
    struct http_field fields[] = {
        {SLICE("host"), SLICE("localhost")},
        {SLICE("authorization"), text_slice(&key)},
        {SLICE("connection"), SLICE("close")},
        {SLICE("content-type"), SLICE("application/json")},
        {SLICE("content-length"), text_slice(&length)},
    };
    size_t n = q->json.len ? COUNT(fields) : COUNT(fields) - 2;
    (void)http_write_request(&a->head, q->json.len ? METHOD_POST : METHOD_GET, slice_of(q->path),
                             fields, n);
    text_add(&a->head, q->json);
    text_fini(&key);
    text_fini(&length);
}

void ask_start(struct ask *a, struct loop *l, struct hold *hold, const struct question *q)
{
    static const struct stream_ops ops = {
        .connected = send_question, .bytes = take_answer, .ended = end_early, .drained = drained};
    const struct address to = {.kind = ADDRESS_UNIX, .path = q->socket, .own = true};
    assert(!a->busy);
    a->busy = true;
    a->body.limit = MOST_ANSWER;
    http_parser_init(&a->parser, HTTP_RESPONSE, NULL);
    write_head(a, q);
    timer_open(&a->timer, l, hold, too_late);
    a->stream.ops = &ops;
    /* The answer never comes before this returns: a refusal rings at once. */
    timer_set(&a->timer, stream_connect(&a->stream, l, hold, &to, NULL) ? 0 : q->ms);
}

void ask_stop(struct ask *a)
{
    if (!a->busy)
        return;
    a->busy = false;
    stream_close(&a->stream);
    timer_close(&a->timer);
    http_parser_fini(&a->parser);
    text_fini(&a->body);
    text_fini(&a->head);
}
