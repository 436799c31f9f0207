/* stream: a question to the daemon whose answer comes as events, each told when it is whole.
 * Blocking; between events it looks at whether Ctrl-C was pressed, for which SIGINT is blocked by
 * whoever calls: so there is no handler, and nothing that a signal could break off. Closing the
 * connection ends the request. */
#include "cli/talk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "os/os.h"

#define LOOK_MS 50u /* for Ctrl-C */
#define REFUSAL_MOST (1u << 20)

bool interrupt_came(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, SIGINT) == 1;
}

void interrupt_take(void)
{
    sigset_t only;
    int number;
    sigemptyset(&only);
    sigaddset(&only, SIGINT);
    if (interrupt_came())
        (void)sigwait(&only, &number);
}

struct reading {
    struct stream *stream;
    struct http_parser http;
    struct sse_parser sse;
    struct answer refused;
    bool events, done; /* the answer is one of events; it is over */
};

static enum err take_events(struct reading *r, struct slice bytes, struct why *why)
{
    struct sse_event event;
    for (;;) {
        switch (sse_parse(&r->sse, &bytes, &event)) {
        case SSE_MORE:
        case SSE_CUT:
            return OK;
        case SSE_BAD:
            return why_set(why, r->sse.err, "the daemon's answer is no stream of events: %.100s",
                           r->sse.why);
        case SSE_EVENT:
            break;
        }
        if (!event.has_data)
            continue;
        r->stream->begun = true;
        if (!r->stream->event(r->stream, event.data)) {
            r->done = true;
            return OK;
        }
    }
}

static enum err take_body(struct reading *r, struct slice run, struct why *why)
{
    if (r->events)
        return take_events(r, run, why);
    text_add(&r->refused.body, run);
    return r->refused.body.failed
               ? why_set(why, ERR_BAD_RESPONSE, "the daemon's answer is too large")
               : OK;
}

static enum err take(struct reading *r, struct slice in, struct why *why)
{
    while (!r->done) {
        struct slice run;
        enum err e = OK;
        switch (http_parse(&r->http, &in, &run)) {
        case HTTP_MORE:
            return OK;
        case HTTP_HEAD: {
            struct slice type = http_field(http_head(&r->http), "content-type");
            r->refused.status = http_head(&r->http)->status;
            text_add(&r->stream->id, http_field(http_head(&r->http), "x-request-id"));
            r->events = r->refused.status == 200 && slice_begins(type, SLICE("text/event-stream"));
            break;
        }
        case HTTP_BODY:
            e = take_body(r, run, why);
            break;
        case HTTP_END:
            r->done = true;
            break;
        case HTTP_BAD:
        case HTTP_CUT:
            return why_set(why, ERR_BAD_RESPONSE, "the daemon's answer is no HTTP: %.100s",
                           r->http.why);
        }
        if (e)
            return e;
    }
    return OK;
}

/* Until there is something to read; false when that is not to be waited for any longer. */
static bool wait_for_bytes(struct stream *s, int fd, uint64_t since_ms)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int n = poll(&p, 1, (int)LOOK_MS);
        uint64_t now = os_mono_ms();
        s->interrupted = interrupt_came();
        if (s->interrupted || (n == 0 && now - since_ms > STREAM_SILENCE_MS))
            return false;
        if (n > 0)
            return true;
        if (s->waits && !s->begun)
            s->waits(s, now - s->began_ms);
    }
}

static enum err receive(struct reading *r, int fd, struct why *why)
{
    char bytes[16384];
    while (!r->done) {
        if (!wait_for_bytes(r->stream, fd, os_mono_ms()))
            return r->stream->interrupted
                       ? OK
                       : why_set(why, ERR_IDLE_TIMEOUT, "the daemon says nothing any more");
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0 && http_parse_eof(&r->http) == HTTP_END)
            return OK;
        if (n <= 0)
            return why_set(why, ERR_EOF_MID_STREAM,
                           "the daemon closed the connection before it had answered");
        enum err e = take(r, (struct slice){bytes, (size_t)n}, why);
        if (e)
            return e;
    }
    return OK;
}

enum err cli_stream(struct cli *c, const struct question *q, struct stream *s,
                    struct answer *ret_answer, struct why *why)
{
    struct reading r = {.stream = s, .refused.body.limit = REFUSAL_MOST};
    int fd;
    s->began_ms = os_mono_ms();
    s->begun = s->interrupted = false;
    http_parser_init(&r.http, HTTP_RESPONSE, NULL);
    enum err e = question_send(c, q, s->began_ms + q->timeout_ms, &fd, why);
    if (!e) {
        e = receive(&r, fd, why);
        close(fd);
    }
    if (e && interrupt_came()) {
        s->interrupted = true;
        e = OK;
    }
    http_parser_fini(&r.http);
    sse_parser_fini(&r.sse);
    if (e)
        answer_fini(&r.refused);
    else
        *ret_answer = r.refused;
    return e;
}
