/* answer: what a provider sends back, turned into events. Only a 200 of the kind that was asked
 * for, a stream or an object, is an answer; everything else is read as a refusal and classified. */
#include "provider/inside.h"

#define MOST_REFUSAL 65536u
#define MOST_OBJECT (64u * 1024 * 1024)
#define LEAST_SECRET 4u /* so few bytes of a key tell nothing */

static void fail_cut(struct link *k)
{
    enum err e = k->content_seen ? ERR_EOF_MID_STREAM
                 : k->is_stream  ? ERR_EOF_BEFORE_CONTENT
                                 : ERR_EOF_BEFORE_HEADERS;
    link_fail(k, e, "it closed the connection");
}

static bool has_type(const struct http_head *head, struct slice name)
{
    struct slice type = http_field(head, "content-type");
    size_t end = slice_find(type, ';');
    return slice_is_nocase(slice_trim(slice_to(type, end)), name);
}

/* We never ask for that, and what came could be a bomb. */
static bool is_packed(const struct http_head *head)
{
    struct slice coding = http_field(head, "content-encoding");
    return coding.len && !slice_is_nocase(coding, SLICE("identity"));
}

static bool is_stream(const struct link *k, const struct http_head *head)
{
    const struct wire *w = &k->decoder->wire;
    bool lines = wire_manner(w)->lines;
    return head->status == 200 && !w->whole && !is_packed(head) &&
           has_type(head, lines ? SLICE("application/x-ndjson") : SLICE("text/event-stream"));
}

static void take_head(struct link *k)
{
    const struct http_head *head = http_head(&k->parser);
    text_fini(&k->head); /* an answer began: it is not sent again */
    text_fini(&k->body);
    k->is_stream = is_stream(k, head);
    k->is_object = head->status == 200 && k->decoder->wire.whole && !is_packed(head) &&
                   has_type(head, SLICE("application/json"));
    text_fini(&k->object);
    k->object.limit = k->is_object ? MOST_OBJECT : MOST_REFUSAL;
    if (k->is_stream) {
        link_move(k, ANSWERING);
        stream_read(&k->stream, !k->paused);
        sse_parser_fini(&k->events);
        k->events.lines = wire_manner(&k->decoder->wire)->lines;
        link_deadline(k, k->paused ? 0 : k->provider->terms.first_byte_ms);
    } else {
        if (k->is_object)
            link_move(k, ANSWERING);
        link_deadline(k, k->provider->terms.idle_ms);
    }
}

/* The target said that its answer is complete. The HTTP message may still lack its last bytes; if
 * they come as they should the connection can be used again. */
static void answer_end(struct link *k)
{
    struct attempt *a = k->attempt;
    k->attempt = NULL;
    k->end_seen = true;
    link_move(k, FINISHING);
    stream_read(&k->stream, true); /* perhaps it was paused */
    link_deadline(k, 1000);
    attempt_done(a, OK, NULL);
}

/* Some servers repeat the key that they refuse. Their words may have been cut in the middle of it,
 * so its beginning counts too at the end of them. */
static void hide_key(const struct provider *p, struct why *why)
{
    struct slice key = p->terms.api_key;
    size_t len = strlen(why->text);
    for (size_t at = 0; key.len && at < len; at++) {
        size_t n = min_size(key.len, len - at);
        bool tells = n == key.len || n >= LEAST_SECRET;
        if (tells && memcmp(why->text + at, key.ptr, n) == 0)
            memset(why->text + at, '*', n);
    }
}

static void fail_decoding(struct link *k, enum err e, struct why *why)
{
    hide_key(k->provider, why);
    link_fail(k, e, why->text);
}

static void take_one(struct link *k, const struct sse_event *in)
{
    struct event event;
    struct why why = {0};
    enum err e = decoder_event(k->decoder, in->raw, in->data, &event, &why);
    if (e) {
        fail_decoding(k, e, &why);
        return;
    }
    k->content_seen |= event_is_content(&event);
    k->chunk_seen |= event.json.len > 0;
    if (event.kind == EVENT_END && !k->chunk_seen) {
        link_fail(k, ERR_BAD_RESPONSE, "its answer ended before it began");
        return;
    }
    k->attempt->ops->event(k->attempt, &event);
    if (!k->attempt)
        return; /* that was the caller's end */
    if (event.kind == EVENT_END)
        answer_end(k);
    else if (!k->paused)
        link_deadline(k, k->content_seen ? k->provider->terms.idle_ms
                                         : k->provider->terms.first_byte_ms);
}

/* One of theirs may be several of ours. */
static void take_event(struct link *k, const struct sse_event *in)
{
    if (k->end_seen || !k->attempt)
        return; /* behind the end: nobody's */
    do
        take_one(k, in);
    while (k->attempt && k->decoder->progress.more);
}

static void take_object(struct link *k)
{
    struct event event;
    struct why why = {0};
    struct event end = {.kind = EVENT_END, .ready = true, .usage = NO_USAGE};
    enum err e = k->object.failed
                     ? why_set(&why, ERR_BAD_RESPONSE, "its answer is larger than 64 MiB")
                     : decoder_whole(k->decoder, text_slice(&k->object), &event, &why);
    if (e) {
        fail_decoding(k, e, &why);
        return;
    }
    k->attempt->ops->event(k->attempt, &event);
    if (k->attempt)
        k->attempt->ops->event(k->attempt, &end);
    if (k->attempt)
        answer_end(k);
}

static void take_body(struct link *k, struct slice part)
{
    struct sse_event event;
    enum sse_step step = SSE_MORE;
    if (!k->is_stream) {
        bool object = k->is_object;
        text_add(&k->object,
                 object ? part : slice_to(part, min_size(part.len, MOST_REFUSAL - k->object.len)));
        if (object)
            link_deadline(k, k->provider->terms.idle_ms);
        return;
    }
    while (!k->closed && (step = sse_parse(&k->events, &part, &event)) == SSE_EVENT)
        take_event(k, &event);
    if (step == SSE_BAD && !k->closed)
        link_fail(k, k->events.err, k->events.why);
}

static void refuse(struct link *k)
{
    const struct http_head *head = http_head(&k->parser);
    struct why why;
    int status = head->status;
    struct attempt *a = k->attempt;
    bool keep = head->keep_alive;
    enum err e;
    if (status == 200 && is_packed(head))
        e = why_set(&why, ERR_BAD_RESPONSE, "its answer is compressed, which nobody asked for");
    else if (status == 200)
        e = why_set(&why, ERR_BAD_RESPONSE, "it answered 200 without %s",
                    k->decoder->wire.whole ? "a JSON object" : "an event stream");
    else
        e = wire_read_refusal(k->decoder->wire.dialect, status, text_slice(&k->object), &why);
    hide_key(k->provider, &why);
    k->attempt = NULL;
    if (keep)
        link_to_pool(k);
    else
        link_close(k);
    attempt_done(a, e, &why);
}

static void message_over(struct link *k, bool more_follows)
{
    if (k->is_object && k->attempt && !more_follows)
        take_object(k);
    if (k->closed)
        return;
    if (!k->is_stream && k->attempt) {
        if (more_follows) /* bytes nobody asked for: never used again */
            link_fail(k, ERR_BAD_RESPONSE, "it sent more than its answer");
        else
            refuse(k);
    } else if (k->end_seen && !more_follows && http_head(&k->parser)->keep_alive) {
        link_to_pool(k);
    } else if (k->end_seen) {
        link_close(k);
    } else {
        struct sse_event event;
        if (sse_end(&k->events, &event) == SSE_EVENT)
            take_event(k, &event);
        if (!k->closed && !k->end_seen)
            fail_cut(k);
        else
            link_close(k);
    }
}

void answer_bytes(struct link *k, struct slice in)
{
    struct slice part;
    while (!k->closed && k->sm.state != POOLED) {
        switch (http_parse(&k->parser, &in, &part)) {
        case HTTP_HEAD:
            take_head(k);
            break;
        case HTTP_BODY:
            take_body(k, part);
            break;
        case HTTP_END:
            message_over(k, in.len > 0);
            break;
        case HTTP_BAD:
        case HTTP_CUT:
            link_fail(k, k->parser.err, k->parser.why);
            break;
        case HTTP_MORE:
            return;
        }
    }
}

void answer_ended(struct link *k)
{
    if (http_parse_eof(&k->parser) == HTTP_END)
        message_over(k, false); /* a body until the end: keep_alive is false, so no pool */
    else
        fail_cut(k);
}
