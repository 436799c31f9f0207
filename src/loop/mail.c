/* mail: see loop.h. What there is to look at lies in the owner's own struct, under its own lock. */
#include "loop/inside.h"

static void on_mail(uv_async_t *uv)
{
    struct mail *m = owner_of(uv, struct mail, uv);
    struct loop *l = owner_of(uv->loop, struct loop, uv);
    step_begin(l);
    m->came(m);
    step_end(l, "mail");
}

static void on_closed(uv_handle_t *handle)
{
    struct mail *m = owner_of(handle, struct mail, uv);
    hold_drop(m->hold);
}

enum err mail_open(struct mail *m, struct loop *l, struct hold *hold)
{
    if (uv_async_init(&l->uv, &m->uv, on_mail) != 0)
        return ERR_SYSTEM;
    m->hold = hold; /* from here on mail_close has something to close */
    hold_add(hold);
    return OK;
}

void mail_send(struct mail *m)
{
    uv_async_send(&m->uv);
}

void mail_close(struct mail *m)
{
    if (m->hold && !uv_is_closing((uv_handle_t *)&m->uv))
        uv_close((uv_handle_t *)&m->uv, on_closed);
}
