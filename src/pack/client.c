/* client: one question to an engine over its Unix socket, blocking, with one deadline over all
 * of it. For the probe only: what answers here may be anything. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "http/http.h"
#include "os/os.h"
#include "pack/inside.h"

#define ANSWER_MOST (1u << 20)

static enum err send_question(int fd, enum http_method method, const char *target,
                              struct slice body)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", body.len);
    const struct http_field fields[] = {{SLICE("Host"), SLICE("localhost")},
                                        {SLICE("Connection"), SLICE("close")},
                                        {SLICE("Content-Type"), SLICE("application/json")},
                                        {SLICE("Content-Length"), slice_of(length)}};
    struct text head = {0};
    bool good = http_write_request(&head, method, slice_of(target), fields, COUNT(fields));
    text_add(&head, body);
    good = good && !head.failed && os_write_all(fd, text_slice(&head)); /* far below its buffer */
    text_fini(&head);
    return good ? OK : ERR_CONNECT_REFUSED;
}

static enum err ask(const char *socket, enum http_method method, const char *target,
                    struct slice body, int *ret_fd)
{
    int fd;
    enum err e = os_unix_connect_own(socket, false, &fd, NULL);
    if (e)
        return e;
    e = send_question(fd, method, target, body);
    if (e)
        close(fd);
    else
        *ret_fd = fd;
    return e;
}

/* All that *in holds; true when the answer is whole, or is none. */
static bool take(struct http_parser *p, struct slice in, struct reply *r)
{
    for (;;) {
        struct slice part;
        switch (http_parse(p, &in, &part)) {
        case HTTP_MORE:
            return false;
        case HTTP_HEAD:
            r->status = http_head(p)->status;
            break;
        case HTTP_BODY:
            text_add(&r->body, part);
            break;
        case HTTP_END:
        case HTTP_BAD:
        case HTTP_CUT:
            return true;
        }
    }
}

/* first: the first bytes of the body are enough. */
static enum err read_answer(int fd, bool first, uint64_t until_ms, struct reply *r)
{
    struct http_parser p;
    enum err e = ERR_HDR_TIMEOUT;
    http_parser_init(&p, HTTP_RESPONSE, NULL);
    while (os_wait(fd, POLLIN, until_ms)) {
        char bytes[16384];
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        bool over = n <= 0 || take(&p, (struct slice){bytes, (size_t)n}, r);
        if (over || (first && r->body.len)) {
            e = r->status ? OK : ERR_EOF_BEFORE_HEADERS;
            break;
        }
        if (r->body.len > ANSWER_MOST) {
            e = ERR_BODY_TOO_LARGE;
            break;
        }
    }
    http_parser_fini(&p);
    return e;
}

enum err client_ask(const char *socket, const char *method, const char *target, struct slice body,
                    uint64_t deadline_ms, struct reply *ret)
{
    enum http_method m = strcmp(method, "POST") ? METHOD_GET : METHOD_POST;
    int fd;
    ret->status = 0;
    text_clear(&ret->body);
    enum err e = ask(socket, m, target, body, &fd);
    if (e)
        return e;
    e = read_answer(fd, false, os_mono_ms() + deadline_ms, ret);
    close(fd);
    return e;
}

enum err client_begin(const char *socket, const char *target, struct slice body,
                      uint64_t deadline_ms, int *ret_fd)
{
    struct reply r = {0};
    int fd;
    enum err e = ask(socket, METHOD_POST, target, body, &fd);
    if (e)
        return e;
    e = read_answer(fd, true, os_mono_ms() + deadline_ms, &r);
    if (!e && (r.status != 200 || !r.body.len))
        e = ERR_BAD_RESPONSE;
    text_fini(&r.body);
    if (e)
        close(fd);
    else
        *ret_fd = fd;
    return e;
}
