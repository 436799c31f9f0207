/* process: starting a program with posix_spawn, listening to it, ending it. See process.h. The
 * end of a child is looked for with waitpid every few milliseconds: the one way that every
 * system has and that needs no signal handler. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "process/process.h"

#define USUAL_MOST 65536u
#define LOOK_MS 10u
#define FDS_MOST 8u
#define SAFE_FD 16 /* descriptors are moved here, so that none stands where another goes */
#define GRACE_MS 2000u

/* ---- starting ---- */

struct starting {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int opened[FDS_MOST + 6]; /* closed when the program has its own */
    size_t n;
    int in, out, err;             /* our ends */
    int its_in, its_out, its_err; /* its ends */
};

static int keep(struct starting *s, int fd)
{
    if (fd >= 0)
        s->opened[s->n++] = fd;
    return fd;
}

/* A descriptor far above those that the program is to find. */
static int moved(struct starting *s, int fd)
{
    return keep(s, fcntl(fd, F_DUPFD_CLOEXEC, SAFE_FD));
}

/* *ret_ours is the end that stays, *ret_its the other one. */
static bool make_pipe(struct starting *s, bool to_it, int *ret_ours, int *ret_its)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *ret_ours = fcntl(ends[to_it ? 1 : 0], F_DUPFD_CLOEXEC, SAFE_FD);
    *ret_its = moved(s, ends[to_it ? 0 : 1]);
    close(ends[0]);
    close(ends[1]);
    return *ret_ours >= 0 && *ret_its >= 0 &&
           fcntl(*ret_ours, F_SETFL, to_it ? 0 : O_NONBLOCK) == 0;
}

static bool open_ends(struct starting *s, const struct process_plan *plan)
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0)
        return false;
    s->its_in = moved(s, nothing);
    close(nothing);
    if (s->its_in < 0 || (plan->talks && !make_pipe(s, true, &s->in, &s->its_in)))
        return false;
    if (!make_pipe(s, false, &s->out, &s->its_out))
        return false;
    s->its_err = s->its_out;
    return plan->one_output || make_pipe(s, false, &s->err, &s->its_err);
}

static bool place(struct starting *s, int from, int to)
{
    return from >= 0 && posix_spawn_file_actions_adddup2(&s->actions, from, to) == 0;
}

static bool place_all(struct starting *s, const struct process_plan *plan)
{
    if (!place(s, s->its_in, STDIN_FILENO) || !place(s, s->its_out, STDOUT_FILENO) ||
        !place(s, s->its_err, STDERR_FILENO))
        return false;
    for (size_t i = 0; i < plan->n_fds; i++) {
        if (!place(s, moved(s, plan->fds[i].from), plan->fds[i].to))
            return false;
    }
    return true;
}

/* What we ignore or block, it does not. */
static bool usual_signals(struct starting *s)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigemptyset(&all);
    sigaddset(&all, SIGPIPE);
    sigaddset(&all, SIGINT);
    sigaddset(&all, SIGTERM);
    return posix_spawnattr_setsigmask(&s->attributes, &none) == 0 &&
           posix_spawnattr_setsigdefault(&s->attributes, &all) == 0 &&
           posix_spawnattr_setflags(&s->attributes,
                                    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) == 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int spawn(struct starting *s, const struct process_plan *plan, pid_t *ret_pid)
{
    static const char *const nothing[] = {NULL};
    const char *const *env = plan->environment ? plan->environment : nothing;
    if (!open_ends(s, plan) || !place_all(s, plan) || !usual_signals(s))
        return errno ? errno : EMFILE;
    return posix_spawnp(ret_pid, plan->argv[0], &s->actions, &s->attributes,
                        (char *const *)(const void *)plan->argv, (char *const *)(const void *)env);
}

enum err process_start(const struct process_plan *plan, struct process *ret, struct why *why)
{
    struct starting s = {.in = -1, .out = -1, .err = -1};
    pid_t pid = 0;
    assert(plan->n_fds <= FDS_MOST);
    errno = 0;
    if (posix_spawn_file_actions_init(&s.actions) != 0)
        return why_set(why, ERR_NO_MEMORY, "no memory to start %.200s", plan->argv[0]);
    int sys = ENOMEM;
    if (posix_spawnattr_init(&s.attributes) == 0) {
        sys = spawn(&s, plan, &pid);
        posix_spawnattr_destroy(&s.attributes);
    }
    posix_spawn_file_actions_destroy(&s.actions);
    for (size_t i = 0; i < s.n; i++)
        close(s.opened[i]);
    if (sys) {
        close_one(&s.in);
        close_one(&s.out);
        close_one(&s.err);
        return why_sys(why, os_err_of(sys), sys, "cannot start %.200s", plan->argv[0]);
    }
    size_t most = plan->most ? plan->most : USUAL_MOST;
    *ret = (struct process){.pid = pid,
                            .in = s.in,
                            .out = {.fd = s.out, .most = most},
                            .err = {.fd = s.err, .most = most}};
    return OK;
}

/* ---- listening ---- */

/* True when there was something new. */
static bool listen_to(struct process_output *o)
{
    bool new_words = false;
    for (;;) {
        char *room = text_room(&o->text, 4096);
        char waste[4096];
        ssize_t n = read(o->fd, room ? room : waste, 4096);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return new_words;
        if (n <= 0) {
            close_one(&o->fd);
            return new_words;
        }
        if (room)
            o->text.len += (size_t)n;
        if (o->text.len > o->most)
            text_drop(&o->text, o->text.len - o->most);
        new_words = true;
    }
}

static bool has_ended(struct process *p)
{
    int status = 0;
    if (!p->pid)
        return true;
    pid_t who = waitpid(p->pid, &status, WNOHANG);
    if (who == 0 || (who < 0 && errno == EINTR))
        return false;
    p->pid = 0;
    p->ended = true;
    p->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    p->code = p->signal ? 128 + p->signal : WEXITSTATUS(status);
    return true;
}

bool process_step(struct process *p, uint64_t ms)
{
    uint64_t until = os_mono_ms() + ms;
    for (;;) {
        struct pollfd fds[2] = {{.fd = p->out.fd, .events = POLLIN},
                                {.fd = p->err.fd, .events = POLLIN}};
        bool over = has_ended(p);
        uint64_t now = os_mono_ms();
        /* An ended one's last words lie in the pipes; a grandchild may hold them open for ever. */
        int wait = over || now >= until ? 0 : (int)min_u64(until - now, LOOK_MS);
        poll(fds, 2, wait);
        bool new_words = p->out.fd >= 0 && listen_to(&p->out);
        new_words = (p->err.fd >= 0 && listen_to(&p->err)) || new_words;
        if (over || new_words || now >= until)
            return over;
    }
}

bool process_wait(struct process *p, uint64_t ms)
{
    uint64_t until = os_mono_ms() + ms, now;
    while ((now = os_mono_ms()) < until) {
        if (process_step(p, until - now))
            return true;
    }
    return process_step(p, 0);
}

bool process_tell(struct process *p, struct slice bytes)
{
    return p->in >= 0 && os_write_all(p->in, bytes);
}

void process_close_in(struct process *p)
{
    close_one(&p->in);
}

/* ---- ending ---- */

void process_stop(struct process *p, uint64_t grace_ms)
{
    if (!p->pid)
        return;
    if (grace_ms) {
        kill(p->pid, SIGTERM);
        process_wait(p, grace_ms);
    }
    if (p->pid)
        kill(p->pid, SIGKILL);
    while (p->pid && !has_ended(p)) /* what is killed ends: unless the kernel holds it */
        os_sleep_ms(1);
    process_step(p, 0);
}

void process_fini(struct process *p)
{
    process_stop(p, 0);
    close_one(&p->in);
    close_one(&p->out.fd);
    close_one(&p->err.fd);
    text_fini(&p->out.text);
    text_fini(&p->err.text);
    *p = (struct process){.in = -1, .out = {.fd = -1}, .err = {.fd = -1}, .ended = true};
}

enum err process_run(const struct process_run *run, struct process *ret, struct why *why)
{
    struct process p;
    enum err e = process_start(&run->plan, &p, why);
    if (e)
        return e;
    uint64_t now = os_mono_ms(), until = now + run->deadline_ms, told = now;
    while (!process_step(&p, min_u64(until - now, 100))) {
        now = os_mono_ms();
        if (run->waits && now - told >= 100) {
            told = now;
            run->waits(run->owner);
        }
        if (now < until)
            continue;
        process_stop(&p, GRACE_MS);
        process_fini(&p);
        return why_set(why, ERR_DEADLINE, "%.200s did not end within %llu s", run->plan.argv[0],
                       (unsigned long long)(run->deadline_ms / 1000));
    }
    *ret = p;
    return OK;
}

enum err process_check(const struct process *p, const char *what, struct why *why)
{
    if (p->code == 0)
        return OK;
    struct slice line = process_last_line(text_slice(&p->err.text), NULL);
    if (!line.len)
        line = process_last_line(text_slice(&p->out.text), NULL);
    line = slice_to(line, min_size(line.len, 200));
    return why_set(why, ERR_SYSTEM, "%s failed (%s %d)%s%.*s", what,
                   p->signal ? "signal" : "exit code", p->signal ? p->signal : p->code,
                   line.len ? ": " : "", SLICE_ARG(line));
}

struct slice process_last_line(struct slice said, const char *begins)
{
    struct slice line, last = {0};
    while (slice_split(&said, '\n', &line)) {
        struct slice words = slice_trim(line);
        if (words.len && (!begins || slice_begins(words, slice_of(begins))))
            last = words;
    }
    return last;
}

const char *process_variable(const char *const *environment, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; environment && environment[i]; i++) {
        if (!strncmp(environment[i], name, len) && environment[i][len] == '=')
            return environment[i] + len + 1;
    }
    return NULL;
}
