/* One connection of a client: whole requests out of its bytes, answers with llama-server's heads,
 * and its habit to close after a hundred requests or five idle seconds. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "fake.h"

void conn_open(struct engine *e, int fd)
{
    struct conn *c = mem_new(struct conn);
    must(c, "memory");
    if (e->n_conns == CONNS_MOST) {
        close(fd);
        mem_free(c);
        return;
    }
    *c = (struct conn){.fd = fd, .idle_us = now_us() + IDLE_MS * 1000};
    e->conns[e->n_conns++] = c;
}

/* The loop frees it; until then its task may still look at it. */
void conn_close(struct engine *e, struct conn *c)
{
    if (c->dead)
        return;
    c->dead = true;
    close(c->fd);
    if (c->task)
        task_left(e, c->task);
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {404, "Not Found"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
    };
    for (size_t i = 0; i < COUNT(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Fake";
}

void conn_say(struct conn *c, int status, const char *type, struct slice body)
{
    text_format(&c->out,
                "HTTP/1.1 %d %s\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: \r\n"
                "Content-Type: %s\r\nContent-Length: %zu\r\n%s\r\n\r\n",
                status, reason_of(status), type, body.len,
                c->closes ? "Connection: close" : "Keep-Alive: timeout=5, max=100");
    text_add(&c->out, body);
}

void conn_json(struct conn *c, int status, struct text *json)
{
    conn_say(c, status, "application/json; charset=utf-8", text_slice(json));
    text_fini(json);
}

void conn_error(struct conn *c, int status, const char *type, const char *words)
{
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    json_key(&w, "error");
    json_open_object(&w);
    json_put_pair(&w, "message", slice_of(words));
    json_put_pair(&w, "type", slice_of(type));
    event_number(&w, "code", status);
    json_close_object(&w);
    json_close_object(&w);
    conn_json(c, status, &json);
}

/* --- requests --------------------------------------------------------------------------------- */

/* Begins the next request, if one is there whole. */
static bool next_request(struct engine *e, struct conn *c)
{
    struct frame f = {0};
    bool begun = false;
    if (text_cstr(&c->in) && frame_find(text_slice(&c->in), &f) && f.whole) {
        struct slice inside = slice_from(slice_to(text_slice(&c->in), f.end), f.body_at);
        struct slice wish = frame_header(f.head, SLICE("connection"));
        c->closes = ++c->requests >= REQUESTS_A_CONN || slice_is_nocase(wish, SLICE("close"));
        serve(e, c, &f, f.chunked ? text_slice(&f.body) : inside);
        text_drop(&c->in, f.end);
        begun = true;
    }
    text_fini(&f.body);
    return begun;
}

static bool flush(struct engine *e, struct conn *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.ptr + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            conn_close(e, c);
        if (n < 0)
            return false;
        c->sent += (size_t)n;
    }
    c->sent = 0;
    text_clear(&c->out);
    return true;
}

void conn_pump(struct engine *e, struct conn *c)
{
    while (!c->dead && flush(e, c) && !c->task && !c->stuck) {
        if (c->closes && c->requests)
            conn_close(e, c);
        else if (!next_request(e, c))
            return;
        c->idle_us = now_us() + IDLE_MS * 1000;
        must(!c->out.failed && !c->in.failed, "memory");
    }
}

void conn_read(struct engine *e, struct conn *c)
{
    enum { PIECE = 65536 };
    char *room = text_room(&c->in, PIECE);
    must(room, "memory");
    ssize_t n = recv(c->fd, room, PIECE, MSG_DONTWAIT);
    if (n > 0)
        c->in.len += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        conn_close(e, c);
    conn_pump(e, c);
}
