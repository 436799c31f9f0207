/* question: one question to the daemon over admin.sock and its whole answer. Blocking, with one
 * deadline over all of it. An answer that is told as it comes is read by stream.c. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/talk.h"
#include "os/os.h"

#define ANSWER_MOST (16u << 20)
#define QUEUE_WAIT_MS 20u
#define TICK_MS 200u
#define LOOK_MS 50u /* for Ctrl-C */

void answer_fini(struct answer *a)
{
    text_fini(&a->body);
    *a = (struct answer){0};
}

/* Only a SIGINT that is blocked is still there to be seen; another has ended us. */
static enum err broken_off(struct why *why)
{
    return why_set(why, ERR_CLIENT_GONE, "it was broken off");
}

static enum err too_late(struct why *why)
{
    return why_set(why, ERR_HDR_TIMEOUT, "the daemon takes connections but does not answer");
}

/* The socket's folder is private, so this fails only where something is badly set up; a program
 * of somebody else must not be believed all the same. Root may ask anybody's daemon. */
static enum err check_peer(int fd, const char *path, struct why *why)
{
    uid_t uid;
    enum err e = os_peer_uid(fd, &uid);
    if (e)
        return why_set(why, e, "cannot tell whose daemon answers on %.200s", path);
    if (uid != geteuid() && geteuid() != 0)
        return why_set(why, ERR_PERMISSION, "the daemon behind %.200s is run by user %ld", path,
                       (long)uid);
    return OK;
}

static enum err connect_to(const char *path, uint64_t until_ms, int *ret_fd, struct why *why)
{
    struct why reason = {0};
    enum err e;
    while ((e = os_unix_connect(path, true, ret_fd, &reason)) == ERR_CONNECT_REFUSED &&
           reason.sys == EAGAIN) {
        if (interrupt_came())
            return broken_off(why);
        if (os_mono_ms() >= until_ms)
            return too_late(why);
        os_sleep_ms(QUEUE_WAIT_MS); /* its queue is full: it is there and has much to do */
    }
    if (!e) {
        e = check_peer(*ret_fd, path, why);
        if (e)
            close(*ret_fd);
        return e;
    }
    if (reason.sys == ENOENT || reason.sys == ENOTDIR || reason.sys == ECONNREFUSED)
        return why_set(why, ERR_NOT_RUNNING, "no daemon runs");
    if (reason.sys == EACCES || reason.sys == EPERM)
        e = ERR_PERMISSION;
    return why_sys(why, e, reason.sys, "cannot connect to %.200s", path);
}

/* A daemon that has much to do may take its time before it reads all of a long question. */
static enum err wait_to_send(int fd, uint64_t until_ms, struct why *why)
{
    for (;;) {
        if (os_wait(fd, POLLOUT, min_u64(os_mono_ms() + LOOK_MS, until_ms)))
            return OK;
        if (interrupt_came())
            return broken_off(why);
        if (os_mono_ms() >= until_ms)
            return too_late(why);
    }
}

static enum err send_all(int fd, struct slice bytes, uint64_t until_ms, struct why *why)
{
    enum err e = OK;
    while (bytes.len && !e) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n > 0)
            bytes = slice_from(bytes, (size_t)n);
        else if (errno == EAGAIN)
            e = wait_to_send(fd, until_ms, why);
        else if (errno == EPIPE || errno == ECONNRESET)
            return OK; /* it may have answered all the same: see what there is to read */
        else if (errno != EINTR)
            e = why_sys(why, ERR_SYSTEM, errno, "cannot write to the daemon");
    }
    return e;
}

/* One read's bytes through the parser. *ret_done: the answer is complete. */
static enum err take(struct http_parser *p, struct slice in, struct answer *a, bool *ret_done,
                     struct why *why)
{
    for (;;) {
        struct slice run;
        switch (http_parse(p, &in, &run)) {
        case HTTP_MORE:
            return OK;
        case HTTP_HEAD:
            a->status = http_head(p)->status;
            break;
        case HTTP_BODY:
            text_add(&a->body, run);
            if (a->body.failed)
                return why_set(why, ERR_NO_MEMORY, "the daemon's answer is too large");
            break;
        case HTTP_END:
            *ret_done = true;
            return OK;
        case HTTP_BAD:
        case HTTP_CUT:
            return why_set(why, ERR_BAD_RESPONSE, "the daemon's answer is no HTTP: %.100s", p->why);
        }
    }
}

struct call { /* one question, and what it needs until its answer is there */
    struct cli *cli;
    uint64_t began_ms, until_ms;
};

/* Whoever wants to hear that it takes long, hears it meanwhile. */
static bool wait_for_bytes(const struct call *call, int fd)
{
    struct cli *c = call->cli;
    for (;;) {
        uint64_t now = os_mono_ms();
        uint64_t until = c->waits ? min_u64(now + TICK_MS, call->until_ms) : call->until_ms;
        if (os_wait(fd, POLLIN, until))
            return true;
        now = os_mono_ms();
        if (now >= call->until_ms)
            return false;
        c->waits(c, now - call->began_ms);
    }
}

static enum err receive(const struct call *call, int fd, struct http_parser *p, struct answer *a,
                        struct why *why)
{
    char bytes[16384];
    for (bool done = false; !done;) {
        if (!wait_for_bytes(call, fd))
            return too_late(why);
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0 && http_parse_eof(p) == HTTP_END)
            return OK;
        if (n <= 0)
            return why_set(why, ERR_EOF_BEFORE_HEADERS,
                           "the daemon closed the connection before it had answered");
        enum err e = take(p, (struct slice){bytes, (size_t)n}, a, &done, why);
        if (e)
            return e;
    }
    return OK;
}

void question_write(const struct question *q, struct text *out)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", q->body.len);
    const struct http_field fields[] = {
        {SLICE("Host"), SLICE("localhost")},
        {SLICE("User-Agent"), SLICE("hearth/" HEARTH_VERSION)},
        {SLICE("Accept"), SLICE("application/json")},
        {SLICE("Connection"), SLICE("close")},
        {SLICE("Content-Length"), slice_of(length)},
        {SLICE("Content-Type"), SLICE("application/json")},
    };
    size_t n = q->method == METHOD_GET ? COUNT(fields) - 2 : COUNT(fields) - (q->body.len == 0);
    if (!http_write_request(out, q->method, slice_of(q->target), fields, n))
        out->failed = true;
    text_add(out, q->body);
}

enum err question_connect(struct cli *c, uint64_t until_ms, int *ret_fd, struct why *why)
{
    struct text path = {0};
    text_format(&path, "%s/" CLI_SOCKET, c->paths.run);
    enum err e = path.failed ? why_set(why, ERR_NO_MEMORY, "no memory for a path")
                             : connect_to(text_cstr(&path), until_ms, ret_fd, why);
    text_fini(&path);
    return e;
}

enum err question_send(struct cli *c, const struct question *q, uint64_t until_ms, int *ret_fd,
                       struct why *why)
{
    struct text question = {0};
    int fd = -1;
    question_write(q, &question);
    enum err e = question.failed ? why_set(why, ERR_NO_MEMORY, "no memory for the question")
                                 : question_connect(c, until_ms, &fd, why);
    if (!e) {
        e = send_all(fd, text_slice(&question), until_ms, why);
        if (e)
            close(fd);
        else
            *ret_fd = fd;
    }
    text_fini(&question);
    return e;
}

enum err cli_ask(struct cli *c, const struct question *q, struct answer *ret_answer,
                 struct why *why)
{
    uint64_t began_ms = os_mono_ms();
    const struct call call = {c, began_ms, began_ms + q->timeout_ms};
    struct answer answer = {.body.limit = ANSWER_MOST};
    struct http_parser parser;
    http_parser_init(&parser, HTTP_RESPONSE, NULL);
    int fd;
    enum err e = question_send(c, q, call.until_ms, &fd, why);
    if (!e) {
        e = receive(&call, fd, &parser, &answer, why);
        close(fd);
    }
    http_parser_fini(&parser);
    if (e)
        answer_fini(&answer);
    else
        *ret_answer = answer;
    return e;
}

enum err cli_ask_status(struct cli *c, unsigned timeout_ms, struct answer *ret_answer,
                        struct why *why)
{
    const struct question q = {
        .method = METHOD_GET, .target = "/hearth/v1/status", .timeout_ms = timeout_ms};
    return cli_ask(c, &q, ret_answer, why);
}

/* ---- what an answer with an error says ---- */

static void print_problem(struct text *out, const struct json_value *problem)
{
    if (!json_is_object(problem)) {
        text_visible(out, json_text(problem));
        text_byte(out, '\n');
        return;
    }
    struct slice file = json_text(json_get(problem, "file"));
    struct slice severity = json_text(json_get(problem, "severity"));
    struct slice key = json_text(json_get(problem, "key"));
    int64_t line;
    text_visible(out, file);
    if (json_int(json_get(problem, "line"), &line))
        text_format(out, ":%lld", (long long)line);
    text_add(out, file.len ? SLICE(": ") : SLICE(""));
    text_visible(out, severity.len ? severity : SLICE("error"));
    text_add(out, SLICE(": "));
    if (key.len) {
        text_visible(out, key);
        text_add(out, SLICE(": "));
    }
    text_visible(out, json_text(json_get(problem, "text")));
    text_byte(out, '\n');
}

static enum err error_of_code(struct slice code)
{
    for (enum err e = OK + 1; e < ERR_COUNT; e++) {
        if (slice_is(code, slice_of(err_row(e)->code)))
            return e;
    }
    return ERR_INTERNAL;
}

int cli_refused(struct cli *c, const struct answer *a)
{
    struct json_doc doc;
    struct why why = {0};
    if (a->status == 401) { /* over its own socket that is about who we are, not about a key */
        why_set(&why, ERR_UNAUTHORIZED, "this daemon does not trust user %ld", (long)geteuid());
        return cli_fail(c, ERR_UNAUTHORIZED, &why,
                        "Ask as the user that it runs as, or add this one to its `trusted_uids`.");
    }
    if (json_read(text_slice(&a->body), &json_usual_limits, NULL, &doc, NULL)) {
        why_set(&why, ERR_BAD_RESPONSE, "the daemon answered with status %d", a->status);
        return cli_fail(c, ERR_INTERNAL, &why, NULL);
    }
    const struct json_value *error = json_get(doc.root, "error");
    const struct json_value *problems = json_get(error, "problems");
    if (!problems)
        problems = json_get(doc.root, "problems");
    for (struct json_iter i = json_begin(problems); json_next(&i);)
        print_problem(&c->err, i.value);
    struct slice message = json_text(json_get(error, "message"));
    enum err e = error_of_code(json_text(json_get(error, "code")));
    /* After words of its own, what is said of a field of JSON would help nobody here. */
    struct slice usual = slice_of(err_row(e)->words);
    if (a->status == 400 && message.len > usual.len && slice_ends(message, usual)) {
        message = slice_trim(slice_to(message, message.len - usual.len));
        message.len -= slice_ends(message, SLICE("."));
    }
    if (!error && problems)
        why_set(&why, e = ERR_CONFIG, "the configuration is not valid; the old one stays in force");
    else if (message.len)
        why_set(&why, e, "%.*s", SLICE_ARG(message));
    else
        why_set(&why, e, "the daemon answered with status %d", a->status);
    /* the message of the daemon says what to do itself */
    int code = cli_fail(c, e, &why, message.len || problems ? "" : NULL);
    json_done(&doc);
    if (a->status == 400)
        return CLI_USAGE;
    return code == CLI_USAGE ? CLI_FAILED : code;
}

bool cli_ask_json(struct cli *c, const struct question *q, struct answer *ret_answer,
                  struct json_doc *ret_doc, int *ret_code)
{
    struct why why = {0};
    enum err e = cli_ask(c, q, ret_answer, &why);
    if (c->waits && c->err_terminal) { /* takes away what was told meanwhile */
        text_add(&c->err, SLICE("\r\033[K"));
        cli_flush(c);
    }
    if (e == ERR_NOT_RUNNING)
        *ret_code = cli_not_running(c);
    else if (e)
        *ret_code = cli_fail(c, e, &why, "Its log may say more: `hearth logs`.");
    else if (ret_answer->status >= 300)
        *ret_code = cli_refused(c, ret_answer);
    else if (json_read(text_slice(&ret_answer->body), &json_usual_limits, NULL, ret_doc, &why))
        *ret_code = cli_fail(c, ERR_INTERNAL, &why, NULL);
    else
        return true;
    return false;
}

bool cli_who(const struct json_value *status, struct text *address, int64_t *ret_pid)
{
    const struct json_value *listen = json_get(status, "listen");
    if (!json_int(json_get(status, "pid"), ret_pid) || !json_is_array(listen))
        return false;
    if (json_count(listen))
        cli_address(address, json_text(json_at(listen, 0)));
    else
        text_add(address, SLICE("its own socket only"));
    return true;
}
