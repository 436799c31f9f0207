/* job: a piece of work on libuv's thread pool. The hold counts it, so its owner cannot go away
 * before `done` came back on the loop; cancelling is a wish in the token. */
#include "loop/inside.h"

static void on_thread(uv_work_t *uv)
{
    struct job *j = owner_of(uv, struct job, uv);
    if (!cancel_asked(&j->cancel))
        j->work(j);
}

static void end(struct job *j, struct loop *l)
{
    struct hold *hold = j->hold; /* `done` may free the job */
    step_begin(l);
    j->done(j);
    step_end(l, "job's end");
    hold_drop(hold);
}

static void on_loop(uv_work_t *uv, int status)
{
    struct job *j = owner_of(uv, struct job, uv);
    (void)status;
    end(j, owner_of(uv->loop, struct loop, uv));
}

enum err job_start(struct job *j, struct loop *l, struct hold *hold)
{
    j->hold = hold;
    if (uv_queue_work(&l->uv, &j->uv, on_thread, on_loop) != 0)
        return ERR_NO_MEMORY;
    hold_add(hold);
    return OK;
}

static void on_signal(uv_signal_t *uv, int number)
{
    struct watch *w = owner_of(uv, struct watch, uv);
    (void)number;
    w->came(w);
}

static void on_closed(uv_handle_t *handle)
{
    struct watch *w = owner_of(handle, struct watch, uv);
    hold_drop(w->hold);
}

enum err watch_open(struct watch *w, struct loop *l, struct hold *hold, int signal)
{
    if (uv_signal_init(&l->uv, &w->uv) != 0)
        return ERR_SYSTEM;
    w->hold = hold; /* from here on watch_close has something to close */
    hold_add(hold);
    if (uv_signal_start(&w->uv, on_signal, signal) == 0)
        return OK;
    watch_close(w);
    return ERR_SYSTEM;
}

void watch_close(struct watch *w)
{
    if (w->hold && !uv_is_closing((uv_handle_t *)&w->uv))
        uv_close((uv_handle_t *)&w->uv, on_closed);
}
