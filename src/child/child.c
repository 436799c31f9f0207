/* child: see child.h. Its pipes are pairs of sockets, of which we keep one end as a stream. Its end
 * is told when the process is gone and its outputs were read to their end, or 200 ms later when
 * somebody else still holds them open. */
#include "child/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

#define MOST_LINE 16384u
#define LAST_WORDS_MS 200u
#define DEAF_MS 1000u /* who did not end so long after it was asked to is not asked again */
/* What is read of one child before the others get their turn again. */
#define MOST_READ (1024u * 1024)
#define LINE_COST 64u /* a line is as much work as so many bytes, though it be empty */
#define READ_REST_MS 50u

/* ---- what it says --------------------------------------------------------------------------- */

static void take_status(struct child *c, struct slice line)
{
    struct json_doc doc;
    int64_t pid = 0;
    if (json_read(line, &json_usual_limits, NULL, &doc, NULL))
        return;
    bool told = json_int(json_get(doc.root, "child-pid"), &pid) && pid > 0;
    json_done(&doc);
    if (!told || c->program)
        return;
    c->program = (pid_t)pid;
    c->handle = os_pid_open(c->program); /* it is held, so the number is still its own */
    c->ops->held(c, c->program);
}

static void take_line(struct child_pipe *p, struct slice line)
{
    struct child *c = p->child;
    enum child_output from = (enum child_output)(p - c->outputs);
    if (slice_ends(line, SLICE("\r")))
        line.len--;
    if (from == CHILD_STATUS)
        take_status(c, line);
    else if (line.len)
        c->ops->line(c, from, line);
}

static void add_part(struct child_pipe *p, struct slice part)
{
    size_t room = MOST_LINE - p->line.len;
    text_add(&p->line, slice_to(part, min_size(part.len, room)));
}

static void rest_if_flooded(struct child *c, size_t n)
{
    uint64_t now = loop_now_ms(c->loop);
    if (now - c->read_since_ms >= READ_REST_MS) {
        c->read_since_ms = now;
        c->read_bytes = 0;
    }
    c->read_bytes += n;
    if (c->read_bytes < MOST_READ || !c->alive)
        return;
    for (unsigned i = 0; i < CHILD_OUTPUTS; i++)
        stream_read(&c->outputs[i].stream, false);
    timer_set(&c->timer, READ_REST_MS);
}

static void on_bytes(struct stream *s, struct slice bytes)
{
    struct child_pipe *p = owner_of(s, struct child_pipe, stream);
    struct child *c = p->child;
    size_t cost = bytes.len;
    while (bytes.len && s->open) {
        size_t end = slice_find(bytes, '\n');
        add_part(p, slice_to(bytes, end));
        if (end == bytes.len)
            break;
        bytes = slice_from(bytes, end + 1);
        cost += LINE_COST;
        if (!p->line.failed)
            take_line(p, text_slice(&p->line));
        text_clear(&p->line);
    }
    rest_if_flooded(c, cost);
}

/* ---- its end -------------------------------------------------------------------------------- */

static void tell_end(struct child *c)
{
    if (c->over)
        return;
    c->over = true;
    child_close(c);
    c->ops->ended(c, &c->end);
}

static bool all_read(const struct child *c)
{
    return c->outputs[CHILD_OUT].over && c->outputs[CHILD_ERR].over;
}

static void on_output_ended(struct stream *s, enum err e)
{
    struct child_pipe *p = owner_of(s, struct child_pipe, stream);
    struct child *c = p->child;
    (void)e;
    if (p->line.len && !p->line.failed)
        take_line(p, text_slice(&p->line));
    text_clear(&p->line);
    p->over = true;
    if (!c->alive && all_read(c))
        timer_set(&c->timer, 0);
}

static void on_nothing(struct stream *s)
{
    (void)s;
}

static void on_gate_drained(struct stream *s)
{
    if (s->failed) /* no memory: it would be held for ever */
        child_kill(owner_of(s, struct child, gate));
}

static void on_input_ended(struct stream *s, enum err e)
{
    (void)e;
    stream_close(s); /* nobody reads what we say: it is about to end, or does not care */
}

static void on_ring(struct timer *t)
{
    struct child *c = owner_of(t, struct child, timer);
    if (!c->alive) {
        tell_end(c);
        return;
    }
    for (unsigned i = 0; i < CHILD_OUTPUTS; i++)
        stream_read(&c->outputs[i].stream, true);
}

static void note_exit(struct child *c, int64_t code, int signal)
{
    c->alive = false;
    /* Killed, hearth-bridge ended nothing. It led a group, and whoever began after it and is not
     * held yet is in it: bubblewrap's own process, which would wait for ever. As long as there is
     * one, the group's number is no other's. */
    if (signal)
        uv_kill(-c->pid, SIGKILL);
    if (c->over)
        return;
    c->end = (struct child_end){(int)code, signal};
    for (unsigned i = 0; i < CHILD_OUTPUTS; i++)
        stream_read(&c->outputs[i].stream, true);
    timer_set(&c->timer, all_read(c) ? 0 : LAST_WORDS_MS);
}

static void on_closed(uv_handle_t *handle)
{
    hold_drop(owner_of(handle, struct child, process.handle)->hold);
}

static void on_exit(uv_process_t *uv, int64_t code, int signal)
{
    struct child *c = owner_of(uv, struct child, process.uv);
    note_exit(c, code, signal);
    uv_close((uv_handle_t *)uv, on_closed);
}

/* ---- its beginning -------------------------------------------------------------------------- */

enum { OURS, THEIRS };
enum { PAIR_INPUT, PAIR_OUT, PAIR_ERR, PAIR_STATUS, PAIR_GATE, PAIRS };

static void close_ends(int pairs[PAIRS][2], int which)
{
    for (unsigned i = 0; i < PAIRS; i++) {
        if (pairs[i][which] >= 0)
            close(pairs[i][which]);
        pairs[i][which] = -1;
    }
}

static enum err open_pairs(int pairs[PAIRS][2], struct why *why)
{
    memset(pairs, -1, sizeof(int[PAIRS][2]));
    for (unsigned i = 0; i < PAIRS; i++) {
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]) != 0)
            return why_sys(why, ERR_SYSTEM, errno, "no pipes for a child");
    }
    return OK;
}

static enum err spawn(struct child *c, const struct child_terms *t, int pairs[PAIRS][2],
                      struct why *why)
{
    uv_stdio_container_t fds[SANDBOX_SECCOMP_FD + 1] = {0};
    const int theirs[] = {pairs[PAIR_INPUT][THEIRS], pairs[PAIR_OUT][THEIRS],
                          pairs[PAIR_ERR][THEIRS],   pairs[PAIR_STATUS][THEIRS],
                          pairs[PAIR_GATE][THEIRS],  t->seccomp};
    static_assert(COUNT(theirs) == COUNT(fds), "one for each descriptor");
    static_assert(SANDBOX_STATUS_FD == 3 && SANDBOX_BLOCK_FD == 4, "in this order");
    for (unsigned i = 0; i < COUNT(fds); i++) {
        fds[i].flags = theirs[i] >= 0 ? UV_INHERIT_FD : UV_IGNORE;
        fds[i].data.fd = theirs[i];
    }
    uv_process_options_t options = {
        .exit_cb = on_exit,
        .file = t->argv[0],
        .args = (char **)(uintptr_t)t->argv, /* libuv only reads them */
        .env = (char **)(uintptr_t)t->env,
        .cwd = t->folder,
        .stdio_count = (int)COUNT(fds),
        .stdio = fds,
        .flags = UV_PROCESS_DETACHED, /* a ^C on our terminal is for us */
    };
    hold_add(c->hold);
    int status = uv_spawn(&c->loop->uv, &c->process.uv, &options);
    if (status == 0)
        return OK;
    uv_close(&c->process.handle, on_closed);
    return why_set(why, status == UV_ENOMEM ? ERR_NO_MEMORY : ERR_SYSTEM,
                   "%s cannot be started: %s", t->argv[0], uv_strerror(status));
}

static enum err open_streams(struct child *c, int pairs[PAIRS][2])
{
    static const struct stream_ops says = {
        .bytes = on_bytes, .ended = on_output_ended, .drained = on_nothing};
    static const struct stream_ops hears = {.ended = on_input_ended, .drained = on_nothing};
    static const struct stream_ops waits = {.ended = on_input_ended, .drained = on_gate_drained};
    struct stream *streams[PAIRS] = {&c->input, NULL, NULL, NULL, &c->gate};
    enum err e = OK;
    for (unsigned i = 0; i < CHILD_OUTPUTS; i++) {
        streams[PAIR_OUT + i] = &c->outputs[i].stream;
        c->outputs[i].child = c;
        c->outputs[i].line.limit = MOST_LINE + 1;
    }
    for (unsigned i = 0; i < PAIRS && !e; i++) {
        streams[i]->ops = i == PAIR_INPUT ? &hears : i == PAIR_GATE ? &waits : &says;
        e = stream_open_fd(streams[i], c->loop, c->hold, pairs[i][OURS]);
        pairs[i][OURS] = -1;
    }
    for (unsigned i = 0; i < CHILD_OUTPUTS && !e; i++)
        stream_read(&c->outputs[i].stream, true);
    return e;
}

enum err child_start(struct child *c, struct loop *l, struct hold *hold,
                     const struct child_terms *terms, struct why *why)
{
    int pairs[PAIRS][2];
    const struct child_ops *ops = c->ops;
    *c = (struct child){.ops = ops, .loop = l, .hold = hold, .handle = -1};
    enum err e = open_pairs(pairs, why);
    if (!e)
        e = spawn(c, terms, pairs, why);
    close_ends(pairs, THEIRS);
    if (!e) {
        c->alive = true;
        c->pid = c->process.uv.pid;
        timer_open(&c->timer, l, hold, on_ring);
        if (open_streams(c, pairs)) {
            child_close(c);
            e = why_set(why, ERR_NO_MEMORY, "no memory for a child's pipes");
        }
    }
    close_ends(pairs, OURS);
    return e;
}

/* ---- while it runs -------------------------------------------------------------------------- */

void child_go(struct child *c)
{
    stream_write(&c->gate, SLICE("\n"));
    stream_finish(&c->gate);
}

void child_say(struct child *c, struct slice bytes)
{
    stream_write(&c->input, bytes);
}

void child_kill(struct child *c)
{
    if (c->handle >= 0)
        os_pid_kill(c->handle);
    if (!c->alive)
        return;
    /* hearth-bridge, which then ends all that is below it: killed it could not, so that comes only
     * when it does not answer. It is not reaped yet, so the number is its own. */
    uint64_t now = loop_now_ms(c->loop);
    bool deaf = c->asked_ms && now - c->asked_ms >= DEAF_MS;
    c->asked_ms = c->asked_ms ? c->asked_ms : now;
    uv_process_kill(&c->process.uv, deaf ? SIGKILL : SIGTERM);
}

void child_close(struct child *c)
{
    c->over = true;
    child_kill(c);
    stream_close(&c->input);
    stream_close(&c->gate);
    for (unsigned i = 0; i < CHILD_OUTPUTS; i++) {
        stream_close(&c->outputs[i].stream);
        text_fini(&c->outputs[i].line);
    }
    timer_close(&c->timer);
    if (c->handle >= 0)
        close(c->handle);
    c->handle = -1;
}
