/* loop: how hearth uses libuv. One loop thread owns every connection, request, engine and timer; it
 * never blocks. Handles are embedded in their owner and counted in its hold: memory is free only
 * after the last close. Callbacks never come before the call that caused them returned. */
#pragma once

#include <uv.h>

#include "base/cancel.h"

/* ---- hold: how many handles an owner has open; `gone` is called once, when all are closed ---- */
struct hold {
    unsigned count;
    void (*gone)(struct hold *h);
};
void hold_add(struct hold *h);
void hold_drop(struct hold *h);

/* ---- loop ---- */
struct loop {
    uv_loop_t uv;
    uv_prepare_t before_wait;
    uint64_t step_began_us, step_ended_us, slow_steps, longest_step_us; /* one callback's work */
    uint64_t turn_began_us, turns, busy_us, longest_turn_us; /* a turn: all that was ready */
    struct stream *unsent; /* streams with bytes to write at the end of this turn */
    struct bus_item *bus;
    uint64_t bus_last;
    char *read_buffer; /* shared: bytes are handed on before the next read */
};
enum err loop_open(struct loop *l, struct why *why) MUST_USE;
void loop_run(struct loop *l);              /* until nothing is left in it */
void loop_close(struct loop *l);            /* everything else must be closed before */
uint64_t loop_now_ms(const struct loop *l); /* monotonic, as of this turn */
uint64_t loop_now_us(const struct loop *l); /* monotonic, read now */

/* ---- bus: numbered state changes, the newest kept ---- */
#define BUS_ROOM 1024u
struct bus_item {
    uint64_t number, at_ms; /* numbers start at 1; wall clock for people */
    const char *topic;      /* a literal */
    char words[96];
};
void bus_say(struct loop *l, const char *topic, const char *format, ...) PRINTF(3, 4);
/* The item with this number or the oldest kept after it; NULL when there is none yet. */
const struct bus_item *bus_get(const struct loop *l, uint64_t number);
/* ---- timer ---- */
struct timer {
    uv_timer_t uv;
    struct hold *hold;
    void (*ring)(struct timer *t);
    uint64_t due_ms, wakes_ms; /* when it rings, 0: not set; when libuv looks */
};
void timer_open(struct timer *t, struct loop *l, struct hold *hold, void (*ring)(struct timer *));
void timer_set(struct timer *t, uint64_t after_ms); /* again: replaces the time */
void timer_stop(struct timer *t);
void timer_close(struct timer *t); /* any number of times */
/* ---- stream: bytes both ways over TCP or a Unix socket, accepted or connected ---- */
struct stream_ops {
    void (*connected)(struct stream *s, enum err e);
    void (*bytes)(struct stream *s, struct slice bytes); /* borrowed for the call */
    void (*ended)(struct stream *s, enum err e); /* OK: the peer sent its end. No bytes follow */
    void (*drained)(struct stream *s);           /* the kernel took all that was written */
    void (*leaving)(struct stream *s); /* NULL, or: what a turn wrote is about to go; add to it */
};
struct stream { /* read waiting, taken and failed (no memory for a write) freely */
    union {
        uv_handle_t handle;
        uv_stream_t uv;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    uv_connect_t connecting;
    uv_write_t writing;
    struct loop *loop;
    struct hold *hold;
    const struct stream_ops *ops;
    struct stream *next_unsent, **link_unsent;
    struct text unsent, flying; /* to be written this turn; with the kernel */
    size_t waiting;             /* bytes in both */
    uint64_t taken;             /* bytes the kernel took since the start */
    bool open, reading, fresh, finishing, failed;
};
struct address { /* where to connect; text is for people */
    enum { ADDRESS_TCP, ADDRESS_UNIX } kind;
    struct sockaddr_storage tcp;
    const char *path;
    bool own; /* ADDRESS_UNIX: as os_unix_connect_own */
};
/* `connected` comes later, unless this fails; then close as usual: the hold may still count. */
enum err stream_connect(struct stream *s, struct loop *l, struct hold *hold,
                        const struct address *to, struct why *why) MUST_USE;
/* One end of a pair of sockets: open at once. Takes fd over, in case of failure too. */
enum err stream_open_fd(struct stream *s, struct loop *l, struct hold *hold, int fd) MUST_USE;
void stream_read(struct stream *s, bool on);
/* Not before `connected`. A turn's bytes leave at its end, in one call. Closed: a no-op. */
void stream_write(struct stream *s, struct slice bytes);
void stream_give(struct stream *s, struct text *bytes); /* the same, taking the memory over */
void stream_leave(struct stream *s); /* `leaving` is called at the end of this turn */
void stream_try(struct stream *s, struct slice bytes); /* before a close: now or never */
void stream_fail(struct stream *s);   /* sets `failed`; `drained` follows: the owner closes */
void stream_finish(struct stream *s); /* no more writes: sends our end once all has left */
void stream_close(struct stream *s);  /* at once; any number of times */
void stream_reset(struct stream *s);  /* as close, but the peer gets a reset (TCP) */

/* ---- listener: TCP, or a bound Unix socket (takes fd over) ---- */
struct listener {
    union {
        uv_handle_t handle;
        uv_stream_t uv;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    };
    struct loop *loop;
    struct hold *hold;
    void (*incoming)(struct listener *l); /* call stream_accept, now or later */
    bool open, is_pipe;
};
enum err listener_open_tcp(struct listener *n, struct loop *l, struct hold *hold,
                           const struct sockaddr_storage *at, struct why *why) MUST_USE;
enum err listener_open_fd(struct listener *n, struct loop *l, struct hold *hold, int fd,
                          struct why *why) MUST_USE;
int listener_port(const struct listener *n); /* 0 for a Unix socket */
void listener_close(struct listener *n);
enum err stream_accept(struct stream *s, struct listener *n, struct hold *hold) MUST_USE;

/* ---- job: work on another thread with its own copies; `done` comes back on the loop always --- */
struct job {
    uv_work_t uv;
    struct hold *hold;
    struct cancel cancel;
    void (*work)(struct job *j); /* on a thread: sees only what is in the struct around j */
    void (*done)(struct job *j);
};
enum err job_start(struct job *j, struct loop *l, struct hold *hold) MUST_USE;
/* ---- mail: another thread says that there is something to look at ---- */
struct mail {
    uv_async_t uv;
    struct hold *hold;
    void (*came)(struct mail *m); /* set by the owner; on the loop, once for several sent */
};
enum err mail_open(struct mail *m, struct loop *l, struct hold *hold) MUST_USE;
void mail_send(struct mail *m);  /* any thread, until mail_close */
void mail_close(struct mail *m); /* any number of times */
/* ---- signals ---- */
struct watch {
    uv_signal_t uv;
    struct hold *hold;
    void (*came)(struct watch *w); /* set by the owner */
};
enum err watch_open(struct watch *w, struct loop *l, struct hold *hold, int signal) MUST_USE;
void watch_close(struct watch *w);
