/* mock: a provider that answers at once and always the same, so that what is measured is what
 * stands in front of it. It reads of a request only what it needs: the members stream, max_tokens
 * and include_usage and the start of the first content, and looks for them in the first and the
 * last KiB of the body. Inside a string such a name would have escaped quotes, so that finding it
 * is enough. One write sends a whole answer, unless there are gaps between its pieces. */
#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "bench/inside.h"
#include "http/http.h"
#include "os/os.h"

#define READ_AT_ONCE (256u << 10)
#define LOOKED_AT 1024u /* bytes at each end of a body */
#define ANSWERS 64u     /* that are kept ready */
#define READY_AT_ONCE 256u
#define IDLE_US 60000000u

struct ready_answer {
    struct script_answer answer;
    unsigned users; /* those who are in the middle of it */
    bool made;
};

struct served { /* one connection */
    struct served *next;
    int fd;
    bool dead, hangs_up, chat, models;
    struct http_parser parser;
    struct text first; /* of the request's body */
    char last[LOOKED_AT];
    size_t last_len;
    struct text out;
    char nonce[NONCE_LEN];
    struct ready_answer *playing; /* with gaps: the answer, its next part, and when that is due */
    unsigned part;
    uint64_t due_us;
};

struct server {
    const struct bench_mock *how;
    int poll, listener;
    struct served *dead;                   /* closed in this turn */
    struct served *waiting, **waiting_end; /* for their next part, the first due first */
    unsigned next_answer;
    struct ready_answer answers[ANSWERS];
    char buffer[READ_AT_ONCE];
};

/* ---- what is asked ---- */

/* What stands after `"name":`; empty when it is not there. */
static struct slice find_value(struct slice in, const char *quoted_name)
{
    size_t len = strlen(quoted_name);
    const char *at = in.len ? memmem(in.ptr, in.len, quoted_name, len) : NULL;
    if (!at)
        return (struct slice){0};
    struct slice rest = slice_from(in, (size_t)(at - in.ptr) + len);
    while (rest.len && (rest.ptr[0] == ' ' || rest.ptr[0] == ':'))
        rest = slice_from(rest, 1);
    return rest;
}

static struct slice find_at_ends(const struct served *c, const char *quoted_name)
{
    struct slice value = find_value(text_slice(&c->first), quoted_name);
    if (!value.len)
        value = find_value((struct slice){c->last, c->last_len}, quoted_name);
    return value;
}

static unsigned find_chunks(const struct served *c, unsigned otherwise)
{
    struct slice value = find_at_ends(c, "\"max_tokens\"");
    size_t digits = 0;
    uint64_t n;
    while (digits < value.len && value.ptr[digits] >= '0' && value.ptr[digits] <= '9')
        digits++;
    if (!digits || !slice_u64(slice_to(value, digits), &n) || n == 0 || n > BENCH_CHUNKS_MOST)
        return otherwise;
    return (unsigned)n;
}

static void find_nonce(struct served *c)
{
    struct slice value = find_value(text_slice(&c->first), "\"content\"");
    memcpy(c->nonce, NONCE_NONE, NONCE_LEN);
    if (value.len > NONCE_LEN && value.ptr[0] == '"' &&
        nonce_is(slice_to(slice_from(value, 1), NONCE_LEN)))
        memcpy(c->nonce, value.ptr + 1, NONCE_LEN);
}

static void keep_ends(struct served *c, struct slice run)
{
    if (c->first.len < LOOKED_AT)
        text_add(&c->first, slice_to(run, min_size(run.len, LOOKED_AT - c->first.len)));
    if (run.len >= LOOKED_AT) {
        memcpy(c->last, run.ptr + run.len - LOOKED_AT, LOOKED_AT);
        c->last_len = LOOKED_AT;
        return;
    }
    size_t keep = min_size(c->last_len, LOOKED_AT - run.len);
    memmove(c->last, c->last + c->last_len - keep, keep);
    memcpy(c->last + keep, run.ptr, run.len);
    c->last_len = keep + run.len;
}

/* ---- sending ---- */

static void hang_up(struct server *s, struct served *c)
{
    if (c->dead)
        return;
    c->dead = true;
    close(c->fd);
    for (struct served **at = &s->waiting; c->playing && *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            if (!*at)
                s->waiting_end = at;
            break;
        }
    }
    if (c->playing)
        c->playing->users--;
    c->next = s->dead;
    s->dead = c;
}

static void flush(struct server *s, struct served *c)
{
    while (c->out.len && !c->dead) {
        ssize_t n = write(c->fd, c->out.ptr, c->out.len);
        if (n > 0)
            text_drop(&c->out, (size_t)n);
        else if (errno == EAGAIN)
            return;
        else if (errno != EINTR)
            hang_up(s, c);
    }
    if (c->hangs_up && !c->playing)
        hang_up(s, c);
}

static size_t add_vector(struct iovec *v, size_t n, struct slice part)
{
    if (!part.len)
        return n;
    v[n] = (struct iovec){(void *)(uintptr_t)part.ptr, part.len};
    return n + 1;
}

/* What the socket does not take is copied and goes later. */
static void send_part(struct served *c, const struct script_answer *a, size_t from, size_t to)
{
    struct slice all = text_slice(&a->bytes), nonce = {c->nonce, NONCE_LEN};
    size_t n = 0, sent = 0;
    struct iovec v[3];
    if (from <= a->nonce_at && a->nonce_at + NONCE_LEN <= to) {
        size_t after = a->nonce_at + NONCE_LEN;
        n = add_vector(v, n, slice_from(slice_to(all, a->nonce_at), from));
        n = add_vector(v, n, nonce);
        n = add_vector(v, n, slice_from(slice_to(all, to), after));
    } else {
        n = add_vector(v, n, slice_from(slice_to(all, to), from));
    }
    if (!c->out.len) {
        ssize_t wrote = writev(c->fd, v, (int)n);
        sent = wrote > 0 ? (size_t)wrote : 0;
    }
    for (size_t i = 0; i < n; i++) {
        size_t skip = min_size(sent, v[i].iov_len);
        sent -= skip;
        text_add(&c->out, (struct slice){(char *)v[i].iov_base + skip, v[i].iov_len - skip});
    }
}

static struct ready_answer *find_answer(struct server *s, const struct script_key *key)
{
    struct ready_answer *unused = NULL;
    for (unsigned i = 0; i < ANSWERS; i++) {
        struct ready_answer *r = &s->answers[(s->next_answer + i) % ANSWERS];
        const struct script_key *is = &r->answer.key;
        if (r->made && is->chunks == key->chunks && is->stream == key->stream &&
            is->usage == key->usage)
            return r;
        if (!r->users && (!unused || (unused->made && !r->made)))
            unused = r;
    }
    if (!unused)
        return NULL;
    if (unused->made)
        script_answer_fini(&unused->answer);
    unused->made = script_answer_make(key, &unused->answer) == OK;
    if (!unused->made)
        return NULL;
    s->next_answer = (unsigned)(unused - s->answers) + 1;
    return unused;
}

static void say_json(struct served *c, int status, const char *object)
{
    struct text body = {0};
    char length[24];
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    if (status == 200) {
        json_put_pair(&w, "object", slice_of(object));
        json_key(&w, "data");
        json_open_array(&w);
        json_open_object(&w);
        json_put_pair(&w, "id", SLICE(BENCH_MODEL));
        json_put_pair(&w, "object", SLICE("model"));
        json_close_object(&w);
        json_close_array(&w);
    } else {
        json_key(&w, "error");
        json_open_object(&w);
        json_put_pair(&w, "message", slice_of(object));
        json_close_object(&w);
    }
    json_close_object(&w);
    snprintf(length, sizeof length, "%zu", body.len);
    const struct http_field fields[] = {{SLICE("Content-Type"), SLICE("application/json")},
                                        {SLICE("Content-Length"), slice_of(length)}};
    if (!http_write_response(&c->out, status, fields, COUNT(fields)))
        c->hangs_up = true;
    text_add(&c->out, text_slice(&body));
    text_fini(&body);
}

/* ---- playing with gaps ---- */

static void wait_for_part(struct server *s, struct served *c, uint64_t now_us)
{
    c->due_us = now_us + (uint64_t)s->how->gap_ms * 1000;
    c->next = NULL;
    *s->waiting_end = c;
    s->waiting_end = &c->next;
}

static void play(struct server *s, struct served *c, uint64_t now_us)
{
    const struct script_answer *a = &c->playing->answer;
    send_part(c, a, c->part ? a->ends[c->part - 1] : 0, a->ends[c->part]);
    if (++c->part < a->parts) {
        wait_for_part(s, c, now_us);
        return;
    }
    c->playing->users--;
    c->playing = NULL;
    flush(s, c);
}

static void play_all_due(struct server *s)
{
    uint64_t now_us = os_mono_us();
    while (s->waiting && s->waiting->due_us <= now_us) {
        struct served *c = s->waiting;
        s->waiting = c->next;
        if (!s->waiting)
            s->waiting_end = &s->waiting;
        play(s, c, now_us);
    }
}

/* ---- requests ---- */

static void answer_chat(struct server *s, struct served *c)
{
    struct script_key key = {
        .chunks = find_chunks(c, s->how->chunks),
        .stream = slice_begins(find_at_ends(c, "\"stream\""), SLICE("true")),
    };
    key.usage = key.stream && slice_begins(find_at_ends(c, "\"include_usage\""), SLICE("true"));
    find_nonce(c);
    struct ready_answer *r = find_answer(s, &key);
    if (!r) {
        say_json(c, 503, "too many different answers at a time");
    } else if (key.stream && s->how->gap_ms) {
        r->users++;
        c->playing = r;
        c->part = 0;
        play(s, c, os_mono_us());
    } else {
        send_part(c, &r->answer, 0, r->answer.bytes.len);
    }
}

static void answer_request(struct server *s, struct served *c)
{
    c->hangs_up = !http_head(&c->parser)->keep_alive;
    if (c->chat)
        answer_chat(s, c);
    else if (c->models)
        say_json(c, 200, "list");
    else
        say_json(c, 404, "only /v1/chat/completions and /v1/models are here");
    flush(s, c);
}

static void begin_request(struct served *c)
{
    const struct http_head *head = http_head(&c->parser);
    c->chat = head->method == METHOD_POST && slice_ends(head->path, SLICE("/chat/completions"));
    c->models = head->method == METHOD_GET && slice_ends(head->path, SLICE("/models"));
    text_clear(&c->first);
    c->last_len = 0;
}

/* A request that comes while an answer is being played is an error of the other side's. */
static void take(struct server *s, struct served *c, struct slice in)
{
    while (!c->dead) {
        struct slice run;
        if (c->playing && in.len) {
            hang_up(s, c);
            return;
        }
        switch (http_parse(&c->parser, &in, &run)) {
        case HTTP_MORE:
            return;
        case HTTP_HEAD:
            begin_request(c);
            break;
        case HTTP_BODY:
            keep_ends(c, run);
            break;
        case HTTP_END:
            answer_request(s, c);
            if (!in.len)
                return;
            break;
        case HTTP_BAD:
        case HTTP_CUT:
            hang_up(s, c);
            return;
        }
    }
}

static void receive(struct server *s, struct served *c)
{
    while (!c->dead) {
        ssize_t n = read(c->fd, s->buffer, sizeof s->buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            hang_up(s, c);
            return;
        }
        take(s, c, (struct slice){s->buffer, (size_t)n});
        if ((size_t)n < sizeof s->buffer)
            return;
    }
}

/* ---- the server ---- */

static void accept_all(struct server *s)
{
    int fd;
    while ((fd = os_accept(s->listener)) >= 0) {
        struct served *c = mem_new(struct served);
        if (!c || os_poll_add(s->poll, fd, c)) {
            close(fd);
            mem_free(c);
            continue;
        }
        c->fd = fd;
        http_parser_init(&c->parser, HTTP_REQUEST, NULL);
    }
}

static void bury(struct server *s)
{
    while (s->dead) {
        struct served *c = s->dead;
        s->dead = c->next;
        http_parser_fini(&c->parser);
        text_fini(&c->first);
        text_fini(&c->out);
        mem_free(c);
    }
}

static void serve_for_ever(struct server *s)
{
    struct os_ready ready[READY_AT_ONCE];
    for (;;) {
        uint64_t now_us = os_mono_us(), wait_us = IDLE_US;
        if (s->waiting)
            wait_us = s->waiting->due_us > now_us ? s->waiting->due_us - now_us : 0;
        size_t n = os_poll_wait(s->poll, ready, COUNT(ready), wait_us);
        for (size_t i = 0; i < n; i++) {
            struct served *c = ready[i].owner;
            if (!c)
                accept_all(s);
            if (c && ready[i].writable)
                flush(s, c);
            if (c && ready[i].readable)
                receive(s, c);
        }
        play_all_due(s);
        bury(s);
    }
}

enum err bench_serve(const struct bench_mock *mock, struct why *why)
{
    uint16_t port = 0;
    struct server *s = mem_new(struct server);
    if (!s)
        return why_set(why, ERR_NO_MEMORY, "no memory for the server");
    s->how = mock;
    s->waiting_end = &s->waiting;
    enum err e = os_tcp_listen(mock->port, &s->listener, &port, why);
    if (!e) {
        e = os_poll_open(&s->poll);
        if (!e)
            e = os_poll_add(s->poll, s->listener, NULL);
        if (!e) {
            mock->ready(mock->data, port);
            serve_for_ever(s);
        }
        why_set(why, e, "cannot watch the connections");
        close(s->listener);
    }
    mem_free(s);
    return e;
}
