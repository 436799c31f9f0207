/* mcp: `hearth mcp`: the Model Context Protocol over stdin and stdout, for a program that starts
 * us. What its lines mean is room mcp's; here they are read and written, and the daemon is asked.
 *
 * One thread and no wait but poll: while some calls are worked on, further lines are read. Nothing
 * but answers goes to stdout. When stdin ends nobody waits any more: what still runs is ended. When
 * the client does not read, neither its lines nor the daemon's answers are read either.
 *
 * A call is FREE, WAITING for its turn, or ASKING. */
#include "mcp/mcp.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/asking.h"
#include "cli/talk.h"
#include "os/os.h"

#define AT_ONCE 4u /* calls that the daemon is asked for */
#define CALLS_MOST 64u
#define UNREAD_MOST (1u << 20) /* bytes that the client has not read */
#define READ_BYTES 65536u
#define WRITE_BYTES 4096u /* what poll promises that a pipe takes without waiting */
#define TICK_MS 200u
#define TELL_MS 1000u /* of progress, so often */
#define RETRY_MS 20u  /* for a connection that the daemon has no room for */
#define FAREWELL_MS 2000u

enum state { FREE, WAITING, ASKING };
struct job {
    enum state state;
    uint64_t number; /* the order in which they came */
    struct mcp_call call;
    struct mcp_reply reply;
    struct asking asking;
    uint64_t began_ms, told_ms;
};

struct server {
    struct cli *cli;
    struct mcp mcp;
    const char *usual, *login, *socket; /* folders of a daemon's socket, and that of the second */
    struct job jobs[CALLS_MOST];
    uint64_t number;
    struct asking status; /* how far the daemon is; its cli is NULL: it is not being asked */
    struct text how_far;  /* the daemon's last status, as JSON */
    uint64_t status_ms;
    struct text in;
    size_t looked; /* so much of `in` holds no line end */
    bool skipping; /* the rest of a line that is too long */
    struct text out;
    size_t written;
    uint64_t wrote_ms;      /* when somebody last read */
    bool hung, ended, gone; /* nobody writes to stdin; it is at its end; nobody reads stdout */
};

static size_t unread(const struct server *s)
{
    return s->out.len - s->written;
}

static bool is_full(const struct server *s)
{
    return unread(s) > UNREAD_MOST;
}

/* ---- calls ---------------------------------------------------------------------------------- */

static size_t count(const struct server *s, enum state state)
{
    size_t n = 0;
    for (size_t i = 0; i < CALLS_MOST; i++)
        n += s->jobs[i].state == state;
    return n;
}

static void end_job(struct job *j)
{
    asking_end(&j->asking);
    mcp_reply_fini(&j->reply);
    mcp_call_fini(&j->call);
    *j = (struct job){.state = FREE};
}

static struct job *find_job(struct server *s, const struct mcp_call *call)
{
    for (size_t i = 0; i < CALLS_MOST; i++) {
        struct job *j = &s->jobs[i];
        if (j->state != FREE && slice_is(text_slice(&j->call.id), text_slice(&call->id)))
            return j;
    }
    return NULL;
}

static void take_call(struct server *s, struct mcp_call *call)
{
    struct job *found = NULL;
    for (size_t i = 0; i < CALLS_MOST && !found; i++)
        found = s->jobs[i].state == FREE ? &s->jobs[i] : NULL;
    if (!found) {
        mcp_write_failure(call, SLICE("Too many calls wait already; try again in a moment."),
                          &s->out);
        mcp_call_fini(call);
        return;
    }
    *found = (struct job){.state = WAITING,
                          .number = ++s->number,
                          .call = *call,
                          .began_ms = os_mono_ms(),
                          .told_ms = os_mono_ms()};
}

static void take_line(struct server *s, struct slice line)
{
    struct mcp_call call = {0};
    struct job *j;
    switch (mcp_take(&s->mcp, line, &call, &s->out)) {
    case MCP_NOTHING:
    case MCP_ANSWER:
        break;
    case MCP_CANCEL:
        j = find_job(s, &call);
        if (j)
            end_job(j);
        mcp_call_fini(&call);
        break;
    case MCP_CALL:
        if (find_job(s, &call)) { /* an answer with this id would be taken for the first one's */
            mcp_same_id(&s->out);
            mcp_call_fini(&call);
            break;
        }
        take_call(s, &call);
        break;
    }
}

static bool on_event(struct asking *a, struct slice data)
{
    return mcp_reply_event(&owner_of(a, struct job, asking)->reply, data);
}

static void fail_job(struct server *s, struct job *j, enum err e, const struct why *why)
{
    struct text words = {0};
    if (e == ERR_NOT_RUNNING)
        text_add(&words, SLICE("hearth is not running. Start it with `hearth up --detach`, and "
                               "call again."));
    else
        text_format(&words, "%s. `hearth logs` may say more.", why->text);
    mcp_write_failure(&j->call, text_slice(&words), &s->out);
    text_fini(&words);
    end_job(j);
}

static void step_job(struct server *s, struct job *j)
{
    struct why why = {0};
    enum err e = asking_step(&j->asking, &why);
    if (e && !j->reply.error.len) {
        fail_job(s, j, e, &why);
    } else if (e || j->asking.done) {
        if (!j->asking.events)
            mcp_reply_body(&j->reply, &j->call, j->asking.status, text_slice(&j->asking.body));
        mcp_write_result(&j->call, &j->reply, &s->out);
        end_job(j);
    }
}

/* Many clients hand on so little of their environment that the folder of sockets is not told; a
 * daemon that was started from a login is there all the same. */
static void know_login(struct server *s)
{
    struct cli *c = s->cli;
    s->usual = c->paths.run;
    if (cli_variable(c, "HEARTH_HOME") || cli_variable(c, "XDG_RUNTIME_DIR"))
        return;
    s->login = arena_format(&c->arena, "/run/user/%lu/hearth", (unsigned long)geteuid()).ptr;
    s->socket = arena_format(&c->arena, "%s/" CLI_SOCKET, s->login ? s->login : "").ptr;
}

static void find_daemon(struct server *s)
{
    struct stat is;
    bool there = s->login && s->socket && stat(s->socket, &is) == 0 && S_ISSOCK(is.st_mode);
    s->cli->paths.run = there ? s->login : s->usual;
}

static void start_jobs(struct server *s)
{
    while (count(s, ASKING) < AT_ONCE && !is_full(s)) {
        struct job *first = NULL;
        for (size_t i = 0; i < CALLS_MOST; i++) {
            struct job *j = &s->jobs[i];
            if (j->state == WAITING && (!first || j->number < first->number))
                first = j;
        }
        if (!first)
            return;
        const struct question q = {.method = METHOD_POST,
                                   .target = mcp_target(first->call.tool),
                                   .body = text_slice(&first->call.body)};
        find_daemon(s);
        first->state = ASKING;
        first->asking = (struct asking){.event = on_event};
        asking_begin(&first->asking, s->cli, &q);
        step_job(s, first);
    }
}

/* ---- progress ------------------------------------------------------------------------------- */

static void end_status(struct server *s)
{
    asking_end(&s->status);
    s->status_ms = os_mono_ms();
}

static void step_status(struct server *s)
{
    enum err e = asking_step(&s->status, NULL);
    if (!e && !s->status.done)
        return;
    text_clear(&s->how_far);
    if (!e && s->status.status == 200)
        text_add(&s->how_far, text_slice(&s->status.body));
    end_status(s);
}

static void ask_status(struct server *s)
{
    const struct question q = {.method = METHOD_GET, .target = "/hearth/v1/status"};
    if (s->status.cli)
        return;
    s->status = (struct asking){0};
    asking_begin(&s->status, s->cli, &q);
    step_status(s);
}

static void say_loading(struct server *s, struct job *j, struct text *words)
{
    struct json_doc doc;
    if (json_read(text_slice(&s->how_far), &json_usual_limits, NULL, &doc, NULL))
        return;
    show_loading(doc.root, text_cstr(&j->call.model), words);
    json_done(&doc);
}

static void tell(struct server *s, struct job *j, uint64_t now)
{
    struct text words = {0};
    if (j->state == WAITING)
        text_add(&words, SLICE("waiting for its turn"));
    else if (j->reply.pieces)
        text_format(&words, "%zu pieces of text so far", j->reply.pieces);
    else
        say_loading(s, j, &words);
    if (!words.len)
        text_add(&words, SLICE("waiting for the answer"));
    mcp_write_progress(&j->call, (double)(now - j->began_ms) / 1000, text_slice(&words), &s->out);
    text_fini(&words);
    j->told_ms = now;
}

/* Who wants to hear of progress hears it once a second. */
static void tell_all(struct server *s)
{
    uint64_t now = os_mono_ms();
    bool asks = false;
    for (size_t i = 0; i < CALLS_MOST && !is_full(s); i++) {
        struct job *j = &s->jobs[i];
        if (j->state == FREE || !j->call.token.len)
            continue;
        asks |= j->state == ASKING && !j->reply.pieces && now - j->began_ms >= TELL_MS / 2;
        if (now - j->told_ms >= TELL_MS)
            tell(s, j, now);
    }
    if (asks && now - s->status_ms >= TELL_MS / 2)
        ask_status(s);
}

/* ---- lines ---------------------------------------------------------------------------------- */

/* All whole lines, as long as their answers find room; at the end of stdin in any case: there are
 * no more than one read gave. */
static void take_lines(struct server *s)
{
    size_t from = 0;
    while (s->ended || !is_full(s)) {
        struct slice rest = slice_from(text_slice(&s->in), max_size(s->looked, from));
        size_t end = slice_find(rest, '\n');
        if (end == rest.len) {
            s->looked = s->in.len;
            break;
        }
        end += s->in.len - rest.len;
        if (!s->skipping)
            take_line(s, (struct slice){s->in.ptr + from, end - from});
        s->skipping = false;
        from = s->looked = end + 1;
    }
    text_drop(&s->in, from);
    s->looked -= from;
    if (s->looked == s->in.len && s->in.len > MCP_LINE_MOST) {
        if (!s->skipping)
            mcp_too_long(&s->out);
        s->skipping = true;
    }
    if (s->skipping && s->looked == s->in.len) {
        text_clear(&s->in);
        s->looked = 0;
    }
}

static bool read_input(struct server *s)
{
    char *room = text_room(&s->in, READ_BYTES);
    if (!room)
        return false;
    ssize_t n = read(STDIN_FILENO, room, READ_BYTES);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN;
    s->in.len += (size_t)n;
    s->ended = n == 0;
    take_lines(s);
    if (s->ended && s->in.len && !s->skipping) /* a last line without its end */
        take_line(s, text_slice(&s->in));
    return true;
}

static void write_output(struct server *s)
{
    size_t most = min_size(unread(s), WRITE_BYTES);
    ssize_t n = write(STDOUT_FILENO, s->out.ptr + s->written, most);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
        s->gone = true;
    s->written += n > 0 ? (size_t)n : 0;
    s->wrote_ms = os_mono_ms();
    if (s->written == s->out.len) {
        text_clear(&s->out);
        s->written = 0;
    } else if (s->written > UNREAD_MOST) {
        text_drop(&s->out, s->written);
        s->written = 0;
    }
}

/* ---- the loop ------------------------------------------------------------------------------- */

enum { STDIN, STDOUT, STATUS, JOBS, PLACES = JOBS + CALLS_MOST };

static int wait_ms(const struct server *s)
{
    bool ticks = s->status.cli, retries = s->status.cli && !asking_wants(&s->status);
    for (size_t i = 0; i < CALLS_MOST; i++) {
        const struct job *j = &s->jobs[i];
        ticks |= j->state != FREE && j->call.token.len;
        retries |= j->state == ASKING && !asking_wants(&j->asking);
    }
    if (is_full(s))
        return s->hung ? (int)FAREWELL_MS : -1;
    return retries ? (int)RETRY_MS : ticks ? (int)TICK_MS : -1;
}

static void watch(struct server *s, struct pollfd places[PLACES])
{
    bool full = is_full(s);
    for (size_t i = 0; i < PLACES; i++)
        places[i] = (struct pollfd){.fd = -1};
    if (!full || !s->hung)
        places[STDIN] = (struct pollfd){.fd = STDIN_FILENO, .events = full ? (short)0 : POLLIN};
    places[STDOUT] = (struct pollfd){.fd = STDOUT_FILENO, .events = unread(s) ? POLLOUT : (short)0};
    if (s->status.cli && s->status.fd >= 0 && !full)
        places[STATUS] = (struct pollfd){.fd = s->status.fd, .events = asking_wants(&s->status)};
    for (size_t i = 0; i < CALLS_MOST && !full; i++) {
        const struct asking *a = &s->jobs[i].asking;
        if (s->jobs[i].state == ASKING && a->fd >= 0)
            places[JOBS + i] = (struct pollfd){.fd = a->fd, .events = asking_wants(a)};
    }
}

/* One that has no connection yet tries again each time. */
static bool is_due(const struct asking *a, const struct pollfd *place)
{
    return a->fd < 0 || (place->fd == a->fd && place->revents);
}

static bool turn(struct server *s)
{
    struct pollfd places[PLACES];
    watch(s, places);
    int n = poll(places, PLACES, wait_ms(s));
    if (n < 0)
        return errno == EINTR;
    if (places[STDOUT].revents & (POLLERR | POLLNVAL))
        s->gone = true;
    else if (places[STDOUT].revents)
        write_output(s);
    for (size_t i = 0; i < CALLS_MOST; i++) {
        struct job *j = &s->jobs[i];
        if (j->state == ASKING && is_due(&j->asking, &places[JOBS + i]))
            step_job(s, j);
    }
    if (s->status.cli && is_due(&s->status, &places[STATUS]))
        step_status(s);
    /* what it wrote is kept for a client that still reads; one that does neither is gone */
    if (places[STDIN].fd >= 0 && !places[STDIN].events) {
        s->hung = places[STDIN].revents != 0;
        if (s->hung)
            s->wrote_ms = os_mono_ms();
    } else if (places[STDIN].revents && !read_input(s)) {
        return false;
    }
    if (s->hung && is_full(s) && os_mono_ms() - s->wrote_ms >= FAREWELL_MS)
        s->ended = true;
    if (!s->ended)
        take_lines(s); /* those that waited for room */
    start_jobs(s);
    tell_all(s);
    return !s->out.failed && !s->in.failed;
}

/* What was answered until the end of stdin is still to be read. */
static void say_rest(struct server *s)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (unread(s) && !s->gone && poll(&p, 1, (int)FAREWELL_MS) > 0)
        write_output(s);
}

static int serve(struct server *s)
{
    struct why why = {0};
    bool good = true;
    while (good && !s->ended && !s->gone)
        good = turn(s);
    if (good)
        say_rest(s);
    if (good && !s->gone)
        return CLI_OK;
    if (s->gone)
        why_set(&why, ERR_SYSTEM, "nobody reads what is answered");
    else
        why_set(&why, ERR_NO_MEMORY, "no memory for what is asked");
    return cli_fail(s->cli, why.code, &why, "");
}

int mcp_run(struct cli *c)
{
    struct server *s = mem_new(struct server);
    if (!s)
        return cli_fail(c, ERR_NO_MEMORY, NULL, NULL);
    s->cli = c;
    s->mcp.model = c->options.model;
    know_login(s);
    if (isatty(STDIN_FILENO)) {
        text_add(&c->err, SLICE("This is for programs that speak MCP: they start it themselves, "
                                "see `hearth help connect`. Ctrl-D ends it.\n"));
        cli_flush(c);
    }
    int code = serve(s);
    for (size_t i = 0; i < CALLS_MOST; i++)
        end_job(&s->jobs[i]);
    asking_end(&s->status);
    text_fini(&s->how_far);
    text_fini(&s->in);
    text_fini(&s->out);
    mem_free(s);
    return code;
}
