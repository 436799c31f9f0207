/* ask: one chat as the app sends it, over TCP to where hearth listens, so that the answer tells
 * what the app would see. How it asks is said in its row of the table:
 *   bearer     the Authorization it sends when it has no key
 *   key_twice  the key in x-api-key too
 *   lists      GET /v1/models first
 *   tools      a list of tools, as agents send with every request
 *   messages   POST /v1/messages?beta=true, and all in Anthropic's words
 *   once       a new connection each, and says so */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "connect/inside.h"
#include "http/http.h"
#include "os/os.h"

#define TICK_MS 200u
#define MOST_ERROR (64u << 10)
#define FEW_TOKENS 16

struct call {
    const struct connect_question *q;
    struct connect_answer *answer;
    uint64_t began_ms, began_us, until_ms;
    int fd;
    struct http_parser parser;
    struct sse_parser sse;
    struct text body; /* of an answer that is no stream */
    bool streams, ended, done, spoke;
    struct why *why;
};

/* ---- where ---------------------------------------------------------------------------------- */

static enum err address_of(const char *url, struct sockaddr_storage *at, socklen_t *ret_len,
                           char authority[80], struct why *why)
{
    struct slice rest = slice_of(url), host;
    uint16_t port = 0;
    struct sockaddr_in *v4 = (struct sockaddr_in *)at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)at;
    char words[INET6_ADDRSTRLEN];
    if (slice_begins(rest, SLICE("http://")))
        rest = slice_from(rest, 7);
    rest = slice_to(rest, slice_find(rest, '/'));
    if (rest.len >= 80 || !http_host_split(rest, &host, &port) || host.len >= sizeof words)
        return why_set(why, ERR_BAD_VALUE, "%.100s is no address that can be asked", url);
    snprintf(authority, 80, "%.*s", SLICE_ARG(rest));
    snprintf(words, sizeof words, "%.*s", SLICE_ARG(host));
    *at = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, words, &v4->sin_addr) == 1) {
        at->ss_family = AF_INET;
        v4->sin_port = htons(port);
        *ret_len = sizeof *v4;
    } else if (inet_pton(AF_INET6, words, &v6->sin6_addr) == 1) {
        at->ss_family = AF_INET6;
        v6->sin6_port = htons(port);
        *ret_len = sizeof *v6;
    } else {
        return why_set(why, ERR_BAD_VALUE, "%.100s is no address that can be asked", url);
    }
    return OK;
}

static enum err wait_for(const struct call *c, short what)
{
    for (;;) {
        uint64_t now = os_mono_ms();
        struct pollfd p = {.fd = c->fd, .events = what};
        uint64_t until = min_u64(now + TICK_MS, c->until_ms);
        int n = poll(&p, 1, now < until ? (int)(until - now) : 0);
        if (n > 0)
            return OK;
        if (n < 0 && errno != EINTR)
            return why_sys(c->why, ERR_SYSTEM, errno, "cannot wait for the answer");
        now = os_mono_ms();
        if (now >= c->until_ms)
            return why_set(c->why, ERR_TTFT_TIMEOUT, "no whole answer came within %u s",
                           c->q->timeout_ms / 1000);
        if (c->q->waits)
            c->q->waits(c->q->data, now - c->began_ms);
    }
}

static enum err open_call(struct call *c, char authority[80])
{
    struct sockaddr_storage at;
    socklen_t len = 0;
    int failed = 0;
    socklen_t room = sizeof failed;
    enum err e = address_of(c->q->url, &at, &len, authority, c->why);
    if (!e)
        e = os_tcp_connect((const struct sockaddr *)&at, len, &c->fd);
    if (e)
        return c->why && c->why->text[0]
                   ? e
                   : why_set(c->why, e, "nobody answers at %.100s", c->q->url);
    e = wait_for(c, POLLOUT);
    if (!e && (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &failed, &room) != 0 || failed))
        e = why_sys(c->why, ERR_CONNECT_REFUSED, failed, "nobody answers at %.100s", c->q->url);
    return e;
}

/* ---- what is asked -------------------------------------------------------------------------- */

static void put_function(struct json_writer *w, const char *schema)
{
    json_put_pair(w, "name", SLICE("read_file"));
    json_put_pair(w, "description", SLICE("Read a file of the project."));
    json_key(w, schema);
    json_open_object(w);
    json_put_pair(w, "type", SLICE("object"));
    json_key(w, "properties");
    json_open_object(w);
    json_key(w, "path");
    json_open_object(w);
    json_put_pair(w, "type", SLICE("string"));
    json_close_object(w);
    json_close_object(w);
    json_close_object(w);
}

static void put_tool(const struct connect_question *q, struct json_writer *w)
{
    json_key(w, "tools");
    json_open_array(w);
    json_open_object(w);
    if (q->app->messages) {
        put_function(w, "input_schema");
    } else {
        json_put_pair(w, "type", SLICE("function"));
        json_key(w, "function");
        json_open_object(w);
        put_function(w, "parameters");
        json_close_object(w);
    }
    json_close_object(w);
    json_close_array(w);
}

static void write_chat(const struct connect_question *q, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "model", slice_of(q->model));
    json_key(&w, "messages");
    json_open_array(&w);
    json_open_object(&w);
    json_put_pair(&w, "role", SLICE("user"));
    json_put_pair(&w, "content", SLICE("Say hello."));
    json_close_object(&w);
    json_close_array(&w);
    json_key(&w, "stream");
    json_put_bool(&w, true);
    if (!q->app->messages) {
        json_key(&w, "stream_options");
        json_open_object(&w);
        json_key(&w, "include_usage");
        json_put_bool(&w, true);
        json_close_object(&w);
    }
    json_key(&w, "max_tokens");
    json_put_int(&w, FEW_TOKENS);
    if (q->app->tools)
        put_tool(q, &w);
    json_close_object(&w);
}

static struct slice path_of(const struct connect_question *q, enum http_method method)
{
    if (method != METHOD_POST)
        return SLICE("/v1/models");
    return q->app->messages ? SLICE("/v1/messages?beta=true") : SLICE("/v1/chat/completions");
}

static void write_question(const struct connect_question *q, const char *authority,
                           enum http_method method, struct text *out)
{
    struct text body = {0}, bearer = {0};
    char length[24];
    struct http_field fields[10];
    size_t n = 0;
    if (method == METHOD_POST)
        write_chat(q, &body);
    snprintf(length, sizeof length, "%zu", body.len);
    text_format(&bearer, q->key ? "Bearer %s" : "%s", q->key ? q->key : q->app->bearer);
    fields[n++] = (struct http_field){SLICE("Host"), slice_of(authority)};
    fields[n++] = (struct http_field){SLICE("User-Agent"), SLICE("hearth-connect/" HEARTH_VERSION)};
    fields[n++] = (struct http_field){SLICE("Accept"), SLICE("*/*")};
    fields[n++] = (struct http_field){SLICE("Authorization"), text_slice(&bearer)};
    if (q->app->key_twice)
        fields[n++] = (struct http_field){SLICE("x-api-key"), slice_of(q->key ? q->key : "none")};
    fields[n++] = (struct http_field){SLICE("Connection"),
                                      q->app->once ? SLICE("close") : SLICE("keep-alive")};
    if (body.len) {
        fields[n++] = (struct http_field){SLICE("Content-Length"), slice_of(length)};
        fields[n++] = (struct http_field){SLICE("Content-Type"), SLICE("application/json")};
    }
    if (q->app->messages)
        fields[n++] = (struct http_field){SLICE("anthropic-version"), SLICE("2023-06-01")};
    if (!http_write_request(out, method, path_of(q, method), fields, n) || body.failed ||
        bearer.failed)
        out->failed = true;
    text_add(out, text_slice(&body));
    text_fini(&body);
    text_fini(&bearer);
}

static enum err send_question(struct call *c, const char *authority, enum http_method method)
{
    struct text question = {0};
    write_question(c->q, authority, method, &question);
    enum err e =
        question.failed ? why_set(c->why, ERR_NO_MEMORY, "no memory for the question") : OK;
    for (struct slice left = text_slice(&question); !e && left.len;) {
        ssize_t n = write(c->fd, left.ptr, left.len);
        if (n > 0)
            left = slice_from(left, (size_t)n);
        else if (errno == EAGAIN)
            e = wait_for(c, POLLOUT);
        else if (errno == EPIPE || errno == ECONNRESET)
            break; /* it may have answered all the same */
        else if (errno != EINTR)
            e = why_sys(c->why, ERR_SYSTEM, errno, "cannot write to %.100s", c->q->url);
    }
    text_fini(&question);
    return e;
}

/* ---- what is answered ----------------------------------------------------------------------- */

/* The daemon's own words say what to do. */
static enum err refused(struct call *c, const struct json_value *root, enum err usual)
{
    const struct json_value *error = json_get(root, "error");
    struct slice words = json_text(json_get(error, "message"));
    struct slice code = json_text(json_get(error, "code"));
    for (enum err e = OK + 1; e < ERR_COUNT; e++) {
        if (slice_is(code, slice_of(err_row(e)->code))) {
            usual = e;
            break;
        }
    }
    if (!words.len)
        return why_set(c->why, usual, "the answer has status %d and says no more",
                       c->answer->status);
    return why_set(c->why, usual, "%.*s", SLICE_ARG(words));
}

static bool is_word(const struct json_value *delta, const char *key)
{
    const struct json_value *v = json_get(delta, key);
    return json_text(v).len || json_count(v);
}

/* A piece of a choice, or of a block. */
static bool is_said(const struct json_value *root)
{
    static const char *const keys[] = {"content", "reasoning_content", "tool_calls",  "refusal",
                                       "text",    "thinking",          "partial_json"};
    const struct json_value *choice = json_at(json_get(root, "choices"), 0);
    const struct json_value *delta = json_get(choice ? choice : root, "delta");
    bool said =
        slice_is(json_text(json_get(json_get(root, "content_block"), "type")), SLICE("tool_use"));
    for (size_t i = 0; !said && i < COUNT(keys); i++)
        said = is_word(delta, keys[i]);
    return said;
}

static enum err take_event(struct call *c, struct slice data)
{
    struct json_doc doc;
    if (slice_is(data, SLICE("[DONE]"))) {
        c->done = true;
        return OK;
    }
    if (json_read(data, &json_usual_limits, NULL, &doc, NULL))
        return why_set(c->why, ERR_BAD_RESPONSE, "an event of the answer is no JSON");
    enum err e = OK;
    const struct json_value *message = json_get(doc.root, "message"); /* Anthropic's first event */
    struct slice model = json_text(json_get(message ? message : doc.root, "model"));
    c->done |= slice_is(json_text(json_get(doc.root, "type")), SLICE("message_stop"));
    if (json_get(doc.root, "error"))
        e = refused(c, doc.root, ERR_EOF_MID_STREAM);
    if (!e && !c->spoke && is_said(doc.root)) {
        c->spoke = true;
        c->answer->first_us = os_mono_us() - c->began_us;
    }
    if (model.len)
        snprintf(c->answer->model, sizeof c->answer->model, "%.*s", SLICE_ARG(model));
    json_done(&doc);
    return e;
}

static enum err take_body(struct call *c, struct slice bytes)
{
    struct sse_event event;
    enum sse_step step;
    if (!c->streams) {
        text_add(&c->body, bytes);
        return c->body.failed ? why_set(c->why, ERR_BAD_RESPONSE, "the answer is too large") : OK;
    }
    while ((step = sse_parse(&c->sse, &bytes, &event)) == SSE_EVENT) {
        enum err e = event.has_data ? take_event(c, event.data) : OK;
        if (e)
            return e;
    }
    return step == SSE_MORE ? OK
                            : why_set(c->why, ERR_BAD_RESPONSE, "the answer is no event stream");
}

static enum err take_bytes(struct call *c, struct slice in)
{
    struct slice run;
    for (enum err e = OK;;) {
        switch (http_parse(&c->parser, &in, &run)) {
        case HTTP_MORE:
            return OK;
        case HTTP_HEAD:
            c->answer->status = http_head(&c->parser)->status;
            c->streams = slice_begins(http_field(http_head(&c->parser), "content-type"),
                                      SLICE("text/event-stream"));
            break;
        case HTTP_BODY:
            e = take_body(c, run);
            if (e)
                return e;
            break;
        case HTTP_END:
            c->ended = true;
            return OK;
        case HTTP_BAD:
        case HTTP_CUT:
            return why_set(c->why, ERR_BAD_RESPONSE, "the answer is no HTTP: %.100s",
                           c->parser.why);
        }
    }
}

static enum err receive(struct call *c)
{
    char bytes[16384];
    while (!c->ended) {
        enum err e = wait_for(c, POLLIN);
        if (e)
            return e;
        ssize_t n = read(c->fd, bytes, sizeof bytes);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n > 0)
            e = take_bytes(c, (struct slice){bytes, (size_t)n});
        else if (http_parse_eof(&c->parser) == HTTP_END)
            c->ended = true;
        else
            e = why_set(c->why, ERR_EOF_MID_STREAM, "the connection was closed before the end");
        if (e)
            return e;
    }
    return OK;
}

static enum err judge(struct call *c, enum http_method method)
{
    struct json_doc doc = {0};
    bool good = c->answer->status == 200;
    if (!c->streams && json_read(text_slice(&c->body), &json_usual_limits, NULL, &doc, NULL))
        return why_set(c->why, ERR_BAD_RESPONSE, "the answer has status %d and is no JSON",
                       c->answer->status);
    enum err e = good ? OK : refused(c, doc.root, ERR_BAD_RESPONSE);
    if (!c->streams)
        json_done(&doc);
    if (e || method == METHOD_GET)
        return e;
    if (!c->streams || !c->done)
        return why_set(c->why, ERR_EOF_MID_STREAM, "the answer is no whole stream");
    return c->spoke ? OK
                    : why_set(c->why, ERR_EOF_BEFORE_CONTENT,
                              "the model %.100s ended without a word", c->q->model);
}

static enum err ask_one(const struct connect_question *q, enum http_method method,
                        struct connect_answer *ret, struct why *why)
{
    struct call c = {.q = q, .answer = ret, .fd = -1, .why = why, .body = {.limit = MOST_ERROR}};
    char authority[80] = "";
    if (method == METHOD_GET)
        c.body.limit = 16u << 20;
    c.began_ms = os_mono_ms();
    c.began_us = os_mono_us();
    c.until_ms = c.began_ms + q->timeout_ms;
    http_parser_init(&c.parser, HTTP_RESPONSE, NULL);
    enum err e = open_call(&c, authority);
    if (!e)
        e = send_question(&c, authority, method);
    if (!e)
        e = receive(&c);
    if (!e)
        e = judge(&c, method);
    ret->whole_us = os_mono_us() - c.began_us;
    if (c.fd >= 0)
        close(c.fd);
    http_parser_fini(&c.parser);
    sse_parser_fini(&c.sse);
    text_fini(&c.body);
    return e;
}

enum err connect_ask(const struct connect_question *q, struct connect_answer *ret, struct why *why)
{
    struct why reason = {0};
    struct connect_answer answer = {0};
    if (q->app->mcp)
        return ask_mcp(q, ret, why);
    enum err e = q->app->lists ? ask_one(q, METHOD_GET, &answer, &reason) : OK;
    if (!e)
        e = ask_one(q, METHOD_POST, &answer, &reason);
    *ret = answer;
    return e ? why_set(why, e, "%s", reason.text) : OK;
}
