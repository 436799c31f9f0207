/* stream: see loop.h. States: fresh (a Unix socket that is connected but not yet announced),
 * open, finishing (our end follows the last byte), closed. What is written in a turn gathers in
 * `unsent`; at the turn's end it goes to the kernel at once, and what the kernel does not take
 * moves to `flying` until it does. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/inside.h"
#include "os/os.h"

#define KEEP_ROOM 4096u /* an idle stream gives larger buffers back */

enum err err_from_uv(int status)
{
    switch (status) {
    case 0:
        return OK;
    case UV_ENOMEM:
        return ERR_NO_MEMORY;
    case UV_ETIMEDOUT:
        return ERR_CONNECT_TIMEOUT;
    case UV_ECONNREFUSED:
    case UV_ENOENT:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_EADDRNOTAVAIL:
        return ERR_CONNECT_REFUSED;
    default:
        return ERR_SYSTEM;
    }
}

/* ---- sending ------------------------------------------------------------------------------- */

static void unlink_unsent(struct stream *s)
{
    if (!s->link_unsent)
        return;
    *s->link_unsent = s->next_unsent;
    if (s->next_unsent)
        s->next_unsent->link_unsent = s->link_unsent;
    s->link_unsent = NULL;
    s->next_unsent = NULL;
}

static void link_unsent(struct stream *s)
{
    if (s->link_unsent)
        return;
    s->next_unsent = s->loop->unsent;
    s->link_unsent = &s->loop->unsent;
    if (s->next_unsent)
        s->next_unsent->link_unsent = &s->next_unsent;
    s->loop->unsent = s;
}

static void drop_room(struct text *t)
{
    if (t->room > KEEP_ROOM)
        text_fini(t);
    else
        text_clear(t);
}

static void count_taken(struct stream *s, size_t n)
{
    s->waiting -= n;
    s->taken += n;
}

static void all_left(struct stream *s)
{
    uv_os_fd_t fd;
    if (s->finishing && uv_fileno(&s->handle, &fd) == 0)
        shutdown(fd, SHUT_WR);
    s->ops->drained(s);
}

static void on_written(uv_write_t *req, int status);

static void fly(struct stream *s)
{
    struct text was_flying = s->flying;
    s->flying = s->unsent;
    s->unsent = was_flying;
    uv_buf_t buf = uv_buf_init(s->flying.ptr, (unsigned)s->flying.len);
    if (uv_write(&s->writing, &s->uv, &buf, 1, on_written) != 0) {
        stream_fail(s);
        count_taken(s, s->flying.len);
        s->flying.len = 0;
    }
}

static void send_some(struct stream *s)
{
    if (s->open && s->ops->leaving) {
        s->ops->leaving(s);
        unlink_unsent(s);
    }
    if (!s->open || s->flying.len)
        return;
    if (s->failed) { /* part of what should be sent is missing: nothing after it may go */
        s->ops->drained(s);
        return;
    }
    if (s->unsent.len) {
        uv_buf_t buf = uv_buf_init(s->unsent.ptr, (unsigned)s->unsent.len);
        int n = uv_try_write(&s->uv, &buf, 1);
        if (n > 0) {
            text_drop(&s->unsent, (size_t)n);
            count_taken(s, (size_t)n);
        }
        if (s->unsent.len) { /* an error too: uv_write reports it in on_written */
            fly(s);
            return;
        }
        drop_room(&s->unsent);
    }
    all_left(s);
}

static void written(struct stream *s, int status)
{
    count_taken(s, s->flying.len);
    drop_room(&s->flying);
    if (!s->open)
        return;
    if (status < 0) {
        s->failed = true;
        s->ops->ended(s, err_from_uv(status));
    } else {
        send_some(s);
    }
}

static void on_written(uv_write_t *req, int status)
{
    struct stream *s = owner_of(req, struct stream, writing);
    step_begin(s->loop);
    written(s, status);
    step_end(s->loop, "write");
}

void streams_send_all(struct loop *l)
{
    while (l->unsent) {
        struct stream *s = l->unsent;
        unlink_unsent(s);
        step_begin(l);
        if (s->fresh) {
            s->fresh = false;
            s->ops->connected(s, OK);
        } else {
            send_some(s);
        }
        step_end(l, "send");
    }
}

void stream_write(struct stream *s, struct slice bytes)
{
    if (!s->open || !bytes.len)
        return;
    size_t before = s->unsent.len;
    text_add(&s->unsent, bytes);
    s->failed |= s->unsent.failed;
    s->waiting += s->unsent.len - before;
    link_unsent(s);
}

void stream_give(struct stream *s, struct text *bytes)
{
    if (!s->open || s->unsent.ptr || bytes->failed) { /* it holds room already: copy */
        stream_write(s, text_slice(bytes));
        s->failed |= bytes->failed;
    } else {
        s->unsent = *bytes;
        *bytes = (struct text){0};
        s->waiting += s->unsent.len;
        link_unsent(s);
    }
    text_fini(bytes);
}

void stream_leave(struct stream *s)
{
    if (s->open)
        link_unsent(s);
}

void stream_try(struct stream *s, struct slice bytes)
{
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes.ptr, (unsigned)bytes.len);
    if (s->open && bytes.len && !s->waiting)
        uv_try_write(&s->uv, &buf, 1);
}

void stream_fail(struct stream *s)
{
    s->failed = true;
    if (s->open)
        link_unsent(s);
}

void stream_finish(struct stream *s)
{
    if (!s->open)
        return;
    s->finishing = true;
    link_unsent(s);
}

/* ---- reading ------------------------------------------------------------------------------- */

static void on_room_wanted(uv_handle_t *handle, size_t hint, uv_buf_t *ret_buf)
{
    (void)hint;
    *ret_buf = uv_buf_init(owner_of(handle->loop, struct loop, uv)->read_buffer, READ_BUFFER);
}

static void take_read(struct stream *s, ssize_t n, const char *bytes)
{
    if (n > 0) {
        s->ops->bytes(s, (struct slice){bytes, (size_t)n});
    } else if (n < 0) {
        uv_read_stop(&s->uv);
        s->reading = false;
        s->ops->ended(s, n == UV_EOF ? OK : err_from_uv((int)n));
    }
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
    struct stream *s = owner_of(uv, struct stream, uv);
    step_begin(s->loop);
    take_read(s, n, buf->base);
    step_end(s->loop, "read");
}

void stream_read(struct stream *s, bool on)
{
    if (!s->open || s->reading == on)
        return;
    s->reading = on;
    if (on)
        uv_read_start(&s->uv, on_room_wanted, on_read);
    else
        uv_read_stop(&s->uv);
}

/* ---- beginning and end --------------------------------------------------------------------- */

static void on_connected(uv_connect_t *req, int status)
{
    struct stream *s = owner_of(req, struct stream, connecting);
    step_begin(s->loop);
    if (s->open) /* else closed meanwhile: the owner wants no news */
        s->ops->connected(s, err_from_uv(status));
    step_end(s->loop, "connect");
}

static void on_closed(uv_handle_t *handle)
{
    struct stream *s = owner_of(handle, struct stream, handle);
    text_fini(&s->unsent);
    text_fini(&s->flying);
    hold_drop(s->hold);
}

static void begin(struct stream *s, struct loop *l, struct hold *hold)
{
    const struct stream_ops *ops = s->ops;
    *s = (struct stream){.loop = l, .hold = hold, .ops = ops, .open = true};
    hold_add(hold);
}

static enum err connect_unix(struct stream *s, const struct address *to, struct why *why)
{
    int fd;
    enum err e = to->own ? os_unix_connect_own(to->path, true, &fd, why)
                         : os_unix_connect(to->path, true, &fd, why);
    uv_pipe_init(&s->loop->uv, &s->pipe, 0);
    if (e)
        return e;
    if (uv_pipe_open(&s->pipe, fd) != 0) {
        close(fd);
        return why_set(why, ERR_SYSTEM, "the socket %s cannot be used", to->path);
    }
    s->fresh = true;
    link_unsent(s);
    return OK;
}

static enum err connect_tcp(struct stream *s, const struct address *to, struct why *why)
{
    uv_tcp_init(&s->loop->uv, &s->tcp);
    int status =
        uv_tcp_connect(&s->connecting, &s->tcp, (const struct sockaddr *)&to->tcp, on_connected);
    if (status != 0)
        return why_set(why, err_from_uv(status), "connect: %s", uv_strerror(status));
    uv_tcp_nodelay(&s->tcp, 1);
    return OK;
}

enum err stream_connect(struct stream *s, struct loop *l, struct hold *hold,
                        const struct address *to, struct why *why)
{
    begin(s, l, hold);
    enum err e = to->kind == ADDRESS_UNIX ? connect_unix(s, to, why) : connect_tcp(s, to, why);
    if (e)
        stream_close(s);
    return e;
}

enum err stream_open_fd(struct stream *s, struct loop *l, struct hold *hold, int fd)
{
    begin(s, l, hold);
    uv_pipe_init(&l->uv, &s->pipe, 0);
    if (uv_pipe_open(&s->pipe, fd) == 0)
        return OK;
    close(fd);
    stream_close(s);
    return ERR_SYSTEM;
}

enum err stream_accept(struct stream *s, struct listener *n, struct hold *hold)
{
    begin(s, n->loop, hold);
    if (n->is_pipe)
        uv_pipe_init(&n->loop->uv, &s->pipe, 0);
    else
        uv_tcp_init(&n->loop->uv, &s->tcp);
    int status = uv_accept(&n->uv, &s->uv);
    if (status != 0) {
        stream_close(s);
        return err_from_uv(status);
    }
    if (!n->is_pipe)
        uv_tcp_nodelay(&s->tcp, 1);
    return OK;
}

static void let_go(struct stream *s)
{
    s->open = false;
    s->reading = false;
    s->fresh = false;
    unlink_unsent(s);
}

void stream_close(struct stream *s)
{
    if (!s->open)
        return;
    let_go(s);
    uv_close(&s->handle, on_closed);
}

void stream_reset(struct stream *s)
{
    if (!s->open)
        return;
    let_go(s);
    if (s->handle.type != UV_TCP || uv_tcp_close_reset(&s->tcp, on_closed) != 0)
        uv_close(&s->handle, on_closed);
}
