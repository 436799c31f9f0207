/* listener: a bound socket. When nobody accepts, libuv stops looking at it and the kernel's
 * backlog waits: that is how a full daemon makes newcomers wait instead of turning them away. */
#include "loop/inside.h"

#define BACKLOG 4096

static void on_incoming(uv_stream_t *uv, int status)
{
    struct listener *n = owner_of(uv, struct listener, uv);
    step_begin(n->loop);
    if (status == 0)
        n->incoming(n);
    step_end(n->loop, "accept");
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *n = owner_of(handle, struct listener, handle);
    hold_drop(n->hold);
}

static enum err listen_on(struct listener *n, int status, const char *what, struct why *why)
{
    if (status == 0)
        status = uv_listen(&n->uv, BACKLOG, on_incoming);
    if (status == 0)
        return OK;
    listener_close(n);
    enum err e = status == UV_EADDRINUSE ? ERR_BUSY
                 : status == UV_EACCES   ? ERR_PERMISSION
                                         : ERR_SYSTEM;
    return why_sys(why, e, -status, "cannot listen on %s", what);
}

enum err listener_open_tcp(struct listener *n, struct loop *l, struct hold *hold,
                           const struct sockaddr_storage *at, struct why *why)
{
    n->loop = l;
    n->hold = hold;
    n->open = true;
    n->is_pipe = false;
    uv_tcp_init(&l->uv, &n->tcp);
    hold_add(hold);
    char name[64] = "";
    uv_ip_name((const struct sockaddr *)at, name, sizeof name);
    unsigned flags = at->ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
    return listen_on(n, uv_tcp_bind(&n->tcp, (const struct sockaddr *)at, flags), name, why);
}

enum err listener_open_fd(struct listener *n, struct loop *l, struct hold *hold, int fd,
                          struct why *why)
{
    n->loop = l;
    n->hold = hold;
    n->open = true;
    n->is_pipe = true;
    uv_pipe_init(&l->uv, &n->pipe, 0);
    hold_add(hold);
    return listen_on(n, uv_pipe_open(&n->pipe, fd), "a Unix socket", why);
}

int listener_port(const struct listener *n)
{
    struct sockaddr_storage at = {0};
    int len = sizeof at;
    if (n->is_pipe || uv_tcp_getsockname(&n->tcp, (struct sockaddr *)&at, &len) != 0)
        return 0;
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

void listener_close(struct listener *n)
{
    if (!n->open)
        return;
    n->open = false;
    uv_close(&n->handle, on_closed);
}
