/* One connection: bytes in, requests out of them, bytes out in the sizes and at the times that the
 * script asks for, and the faults that need the socket itself. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "fake.h"
#include "fake_common/frame.h"

enum { READ_PIECE = 65536 };

/* --- birth and death -------------------------------------------------------------------------- */

static void watch(struct conn *c, int how)
{
    struct epoll_event e = {.data.ptr = c};
    e.events = (c->deaf ? 0 : EPOLLIN | EPOLLRDHUP) | (c->wants_write ? EPOLLOUT : 0);
    must(epoll_ctl(c->server->epoll, how, c->fd, &e) == 0, "epoll_ctl");
}

void conn_open(struct server *s, int fd)
{
    struct conn *c = mem_new(struct conn);
    must(c, "memory");
    struct script usual = {0};
    struct arena arena = {0};
    script_init(&usual);
    script_read(&usual, text_slice(&s->usual), s->name, &arena);
    *c = (struct conn){.server = s, .fd = fd, .id = s->next_conn++};
    s->stats.opened++;
    s->stats.open++;
    for (int f = 0; f < FAULT_COUNT; f++) {
        const struct point *at = &usual.faults[f];
        c->deaf |= f == FAULT_STALL && at->set && at->step == STEP_ACCEPT;
    }
    watch(c, EPOLL_CTL_ADD);
    for (int f = 0; f < FAULT_COUNT && !c->dead; f++) {
        if (usual.faults[f].set && usual.faults[f].step == STEP_ACCEPT)
            conn_fault(c, (enum fault)f);
    }
    text_fini(&usual.wire.headers);
    arena_fini(&arena);
}

void conn_close(struct conn *c)
{
    if (c->dead)
        return;
    timer_set(c, 0);
    close(c->fd);
    c->dead = true;
    c->next = c->server->dead;
    c->server->dead = c;
    c->server->stats.open--;
    if (c->play.running)
        c->server->stats.answering--;
}

void conn_free(struct conn *c)
{
    play_done(&c->play);
    text_fini(&c->in);
    text_fini(&c->out);
    mem_free(c);
}

void conn_fault(struct conn *c, enum fault f)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    switch (f) {
    case FAULT_RESET:
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        conn_close(c);
        break;
    case FAULT_CLOSE:
        conn_close(c);
        break;
    case FAULT_HALF:
        shutdown(c->fd, SHUT_WR);
        c->play.stalled = true;
        break;
    case FAULT_STALL:
        c->play.stalled = true;
        break;
    case FAULT_COUNT:
        break;
    }
}

/* --- requests --------------------------------------------------------------------------------- */

static bool answers_early(struct conn *c)
{
    struct script usual = {0};
    struct arena arena = {0};
    script_init(&usual);
    script_read(&usual, text_slice(&c->server->usual), c->server->name, &arena);
    bool early = usual.wire.early;
    text_fini(&usual.wire.headers);
    arena_fini(&arena);
    return early;
}

static void say_json(struct conn *c, int status, struct slice json)
{
    text_format(&c->out,
                "HTTP/1.1 %d Fake\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                status, json.len);
    text_add(&c->out, json);
}

/* The list of models, as OpenAI or as Anthropic tells it. */
static void say_models(struct conn *c, bool anthropic)
{
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    if (!anthropic)
        json_put_pair(&w, "object", SLICE("list"));
    json_key(&w, "data");
    json_open_array(&w);
    json_open_object(&w);
    json_put_pair(&w, "id", SLICE("fake-model"));
    json_put_pair(&w, anthropic ? "type" : "object", SLICE("model"));
    if (anthropic) {
        json_put_pair(&w, "display_name", SLICE("Fake model"));
        json_put_pair(&w, "lifecycle", SLICE("active"));
        json_put_pair(&w, "created_at", SLICE("2023-11-14T22:13:20Z"));
    }
    json_close_object(&w);
    json_close_array(&w);
    if (anthropic) {
        json_key(&w, "has_more");
        json_put_bool(&w, false);
        json_put_pair(&w, "first_id", SLICE("fake-model"));
        json_put_pair(&w, "last_id", SLICE("fake-model"));
    }
    json_close_object(&w);
    say_json(c, 200, text_slice(&json));
    text_fini(&json);
}

static void say_tags(struct conn *c)
{
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    json_key(&w, "models");
    json_open_array(&w);
    json_open_object(&w);
    json_put_pair(&w, "name", SLICE("fake-model:latest"));
    json_put_pair(&w, "model", SLICE("fake-model:latest"));
    json_put_pair(&w, "modified_at", SLICE("2023-11-14T22:13:20Z"));
    json_key(&w, "size");
    json_put_int(&w, 1000);
    json_put_pair(&w, "digest", SLICE("fa4e"));
    json_close_object(&w);
    json_close_array(&w);
    json_close_object(&w);
    say_json(c, 200, text_slice(&json));
    text_fini(&json);
}

static void say_command(struct conn *c, struct slice command)
{
    struct text json = {0};
    stats_command(c->server, command, &json);
    say_json(c, 200, text_slice(&json));
    text_fini(&json);
}

static void answer(struct conn *c, struct slice head, struct slice body)
{
    struct slice rest = head, method, path;
    struct stats *t = &c->server->stats;
    slice_split(&rest, ' ', &method);
    slice_split(&rest, ' ', &path);
    c->requests++;
    if (slice_begins(path, SLICE("/_fake/"))) {
        say_command(c, slice_from(path, 7));
        return;
    }
    if (c->id < CONNS_TOLD)
        t->per_conn[c->id]++;
    path = slice_to(path, slice_find(path, '?'));
    const struct voice *voice = slice_is(method, SLICE("POST")) ? voice_find(path) : NULL;
    if (voice)
        play_start(c, voice, head, body);
    else if (slice_ends(path, SLICE("/models")))
        say_models(c, frame_header(head, SLICE("anthropic-version")).len > 0);
    else if (slice_is(path, SLICE("/api/tags")))
        say_tags(c);
    else if (slice_is(path, SLICE("/api/version")))
        say_json(c, 200, SLICE("{\"version\":\"0.0.0\"}"));
    else
        say_json(c, 404, SLICE("{\"error\":{\"message\":\"no such path at the fake\"}}"));
}

/* Begins the next request, if one is there. */
static bool next_request(struct conn *c)
{
    struct frame f = {0};
    bool begun = false;
    if (text_cstr(&c->in) && frame_find(text_slice(&c->in), &f)) {
        bool early = !f.whole && c->server->usual.len && answers_early(c);
        if (f.whole || early) {
            size_t end = min_size(f.end, c->in.len);
            struct slice body = slice_from(slice_to(text_slice(&c->in), end), f.body_at);
            answer(c, f.head, f.chunked ? text_slice(&f.body) : body);
            text_drop(&c->in, early ? c->in.len : end);
            c->deaf |= early;
            watch(c, EPOLL_CTL_MOD);
            begun = true;
        }
    }
    text_fini(&f.body);
    return begun;
}

/* --- the socket ------------------------------------------------------------------------------- */

static void hung_up(struct conn *c)
{
    if (c->play.running)
        stats_hangup(&c->server->stats, &c->play);
    conn_close(c);
}

static void want_write(struct conn *c, bool wants)
{
    if (c->wants_write == wants)
        return;
    c->wants_write = wants;
    watch(c, EPOLL_CTL_MOD);
}

/* False when nothing more can be sent now. */
static bool flush(struct conn *c)
{
    const struct pace *pace = &c->play.script.pace;
    while (!c->dead && c->sent < c->out.len) {
        size_t n = c->out.len - c->sent;
        if (c->play.running && pace->slice > 0)
            n = min_size(n, (size_t)pace->slice);
        ssize_t put = send(c->fd, c->out.ptr + c->sent, n, MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            want_write(c, true);
            return false;
        }
        if (put < 0) {
            hung_up(c);
            return false;
        }
        c->sent += (size_t)put;
        c->server->stats.bytes_out += (size_t)put;
        if (c->play.running && pace->slice > 0 && pace->slice_ms > 0 && c->sent < c->out.len) {
            want_write(c, false);
            timer_set(c, now_us() + (uint64_t)pace->slice_ms * 1000);
            return false;
        }
    }
    c->sent = 0;
    text_clear(&c->out);
    want_write(c, false);
    return !c->dead;
}

void conn_pump(struct conn *c)
{
    while (!c->dead && !c->due_us && flush(c)) {
        if (c->play.stalled)
            return;
        if (c->play.running)
            play_step(c);
        else if (!next_request(c))
            return;
        must(!c->out.failed && !c->in.failed, "memory");
    }
}

static void read_some(struct conn *c)
{
    char *room = text_room(&c->in, READ_PIECE);
    must(room, "memory");
    ssize_t n = recv(c->fd, room, READ_PIECE, 0);
    if (n > 0) {
        c->in.len += (size_t)n;
        c->server->stats.bytes_in += (size_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        hung_up(c);
    }
}

void conn_event(struct conn *c, uint32_t events)
{
    if (c->dead)
        return;
    if (events & EPOLLIN)
        read_some(c);
    else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        hung_up(c);
    if (!c->dead)
        conn_pump(c);
}
