/* asking: see asking.h. */
#include "cli/asking.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "os/os.h"

#define ANSWER_MOST (64u << 20)
#define CONNECT_MS 10000u
#define READS 8u /* in one step: others want their turn too */

void asking_begin(struct asking *a, struct cli *c, const struct question *q)
{
    a->cli = c;
    a->fd = -1;
    a->began_ms = os_mono_ms();
    a->body.limit = ANSWER_MOST;
    http_parser_init(&a->http, HTTP_RESPONSE, NULL);
    question_write(q, &a->question);
}

void asking_end(struct asking *a)
{
    if (!a->cli)
        return;
    if (a->fd >= 0)
        close(a->fd);
    text_fini(&a->question);
    text_fini(&a->body);
    http_parser_fini(&a->http);
    sse_parser_fini(&a->sse);
    *a = (struct asking){.fd = -1};
}

short asking_wants(const struct asking *a)
{
    if (a->fd < 0)
        return 0;
    return a->sent < a->question.len ? POLLIN | POLLOUT : POLLIN;
}

static enum err open_it(struct asking *a, struct why *why)
{
    enum err e = question_connect(a->cli, 0, &a->fd, why);
    if (e == ERR_HDR_TIMEOUT && os_mono_ms() - a->began_ms < CONNECT_MS)
        return OK;
    return e;
}

static enum err send_it(struct asking *a, struct why *why)
{
    while (a->sent < a->question.len) {
        struct slice left = slice_from(text_slice(&a->question), a->sent);
        ssize_t n = write(a->fd, left.ptr, left.len);
        if (n > 0)
            a->sent += (size_t)n;
        else if (errno == EAGAIN)
            return OK;
        else if (errno == EPIPE || errno == ECONNRESET)
            a->sent = a->question.len; /* it may have answered all the same */
        else if (errno != EINTR)
            return why_sys(why, ERR_SYSTEM, errno, "cannot write to the daemon");
    }
    return OK;
}

static enum err take_events(struct asking *a, struct slice bytes, struct why *why)
{
    struct sse_event event;
    enum sse_step step;
    while ((step = sse_parse(&a->sse, &bytes, &event)) == SSE_EVENT) {
        if (event.has_data && !a->event(a, event.data)) {
            a->done = true;
            return OK;
        }
    }
    return step == SSE_BAD
               ? why_set(why, ERR_BAD_RESPONSE, "the daemon's answer is no stream of events")
               : OK;
}

static enum err take_body(struct asking *a, struct slice run, struct why *why)
{
    if (a->events)
        return take_events(a, run, why);
    text_add(&a->body, run);
    return a->body.failed ? why_set(why, ERR_BAD_RESPONSE,
                                    "the daemon's answer is too large; ask for less at once")
                          : OK;
}

static void take_head(struct asking *a)
{
    const struct http_head *head = http_head(&a->http);
    struct slice type = http_field(head, "content-type");
    a->status = head->status;
    a->events = a->event && a->status == 200 && slice_begins(type, SLICE("text/event-stream"));
}

static enum err take_bytes(struct asking *a, struct slice in, struct why *why)
{
    while (!a->done) {
        struct slice run;
        enum err e = OK;
        switch (http_parse(&a->http, &in, &run)) {
        case HTTP_MORE:
            return OK;
        case HTTP_HEAD:
            take_head(a);
            break;
        case HTTP_BODY:
            e = take_body(a, run, why);
            break;
        case HTTP_END:
            a->done = true;
            break;
        case HTTP_BAD:
        case HTTP_CUT:
            return why_set(why, ERR_BAD_RESPONSE, "the daemon's answer is no HTTP: %.100s",
                           a->http.why);
        }
        if (e)
            return e;
    }
    return OK;
}

enum err asking_step(struct asking *a, struct why *why)
{
    char bytes[16384];
    enum err e = OK;
    if (a->question.failed)
        return why_set(why, ERR_NO_MEMORY, "no memory for the question");
    if (a->fd < 0)
        e = open_it(a, why);
    if (e || a->fd < 0)
        return e;
    e = send_it(a, why);
    for (unsigned i = 0; !e && !a->done && i < READS; i++) {
        ssize_t n = read(a->fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n > 0)
            e = take_bytes(a, (struct slice){bytes, (size_t)n}, why);
        else if (http_parse_eof(&a->http) == HTTP_END)
            a->done = true;
        else
            e = why_set(why, ERR_EOF_MID_STREAM,
                        "the daemon closed the connection before it had answered");
    }
    return e;
}
