/* foreground: an engine that a command starts and waits for. Signals that would end us end it
 * first; when we are killed, what stands between us and it ends it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/inner.h"
#include "launch/launch.h"
#include "os/os.h"

#define LEAST_FD 10 /* above those that the engine expects */
#define MOST_STATUS 4096u

static void signals_that_end(sigset_t *set)
{
    static const int told[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};
    sigemptyset(set);
    for (size_t i = 0; i < COUNT(told); i++)
        sigaddset(set, told[i]);
}

static int raise_fd(int fd)
{
    int higher = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, LEAST_FD);
    if (fd >= 0)
        close(fd);
    return higher;
}

static bool make_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        return false;
    for (unsigned i = 0; i < 2; i++)
        ends[i] = raise_fd(ends[i]);
    return ends[0] >= 0 && ends[1] >= 0;
}

static int spawn(struct foreground *f, const int theirs[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    int sys = posix_spawnattr_init(&attributes);
    if (!sys) {
        sys = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        for (int i = 0; i < 3 && !sys; i++) {
            if (theirs[i] >= 0)
                sys = posix_spawn_file_actions_adddup2(&actions, theirs[i], SANDBOX_STATUS_FD + i);
        }
        (void)posix_spawnattr_setsigmask(&attributes, &f->before);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (!sys)
            sys = posix_spawn(&f->pid, f->launch->argv[0], &actions, &attributes,
                              (char **)(uintptr_t)f->launch->argv,
                              (char **)(uintptr_t)f->launch->env);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return sys;
}

static enum err start(struct foreground *f, struct why *why)
{
    static_assert(SANDBOX_BLOCK_FD == SANDBOX_STATUS_FD + 1 &&
                      SANDBOX_SECCOMP_FD == SANDBOX_STATUS_FD + 2,
                  "in this order");
    int status[2] = {-1, -1}, gate[2] = {-1, -1}, filter = -1;
    enum err e = sandbox_seccomp(f->launch->devices, &filter, why);
    filter = raise_fd(filter);
    if (!e && (!make_pipe(status) || !make_pipe(gate)))
        e = why_sys(why, ERR_SYSTEM, errno, "no pipes for an engine");
    if (!e) {
        int sys = spawn(f, (const int[]){status[1], gate[0], filter});
        if (sys)
            e = why_sys(why, ERR_SYSTEM, sys, "%s cannot be started", f->launch->argv[0]);
    }
    const int theirs[] = {status[1], gate[0], filter};
    for (size_t i = 0; i < COUNT(theirs); i++) {
        if (theirs[i] >= 0)
            close(theirs[i]);
    }
    f->status = status[0];
    f->gate = gate[1];
    return e;
}

/* The program's pid, as the sandbox tells it; 0: it ended before. */
static int program_of(const struct foreground *f)
{
    struct text said = {.limit = MOST_STATUS};
    struct json_doc doc;
    int64_t pid = 0;
    char byte;
    while (read(f->status, &byte, 1) == 1 && byte != '\n' && !said.failed)
        text_byte(&said, byte);
    if (!said.failed && !json_read(text_slice(&said), &json_usual_limits, NULL, &doc, NULL)) {
        if (!json_int(json_get(doc.root, "child-pid"), &pid) || pid > INT_MAX)
            pid = 0;
        json_done(&doc);
    }
    text_fini(&said);
    return (int)pid;
}

/* It is held until its limits are set. */
static enum err let_go(struct foreground *f, struct why *why)
{
    int program = program_of(f);
    if (program > 0)
        f->told(f, program);
    enum err e = program > 0 ? sandbox_limit(program, &f->launch->limits, why) : OK;
    if (e)
        kill(f->pid, SIGTERM);
    else if (program > 0 && !os_write_all(f->gate, SLICE("\n")))
        errno = 0; /* it ended meanwhile: its code says how */
    return e;
}

/* Until it has ended, with all that it left behind. */
static enum err attend(struct foreground *f, struct why *why)
{
    sigset_t set;
    int number, status = 0;
    signals_that_end(&set);
    while (waitpid(f->pid, &status, WNOHANG) != f->pid) {
        if (sigwait(&set, &number) == 0 && number != SIGCHLD) {
            f->ended_by = number;
            kill(f->pid, SIGTERM); /* not waited for yet: the number is its own */
        }
    }
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (code == 0 || f->ended_by)
        return OK;
    return why_set(why, ERR_ENGINE_CRASH, "the engine ended with code %d", code);
}

enum err foreground_run(struct foreground *f, struct why *why)
{
    sigset_t set;
    struct why ended;
    f->gate = f->status = -1;
    signals_that_end(&set);
    sigprocmask(SIG_BLOCK, &set, &f->before);
    enum err e = start(f, why);
    if (!e) {
        e = let_go(f, why);
        enum err end = attend(f, &ended);
        if (!e && end) {
            *why = ended;
            e = end;
        }
    }
    if (f->gate >= 0)
        close(f->gate);
    if (f->status >= 0)
        close(f->status);
    if (!f->ended_by)
        sigprocmask(SIG_SETMASK, &f->before, NULL);
    return e;
}

void foreground_end(const struct foreground *f)
{
    if (!f->ended_by)
        return;
    signal(f->ended_by, SIG_DFL);
    sigprocmask(SIG_SETMASK, &f->before, NULL);
    raise(f->ended_by);
}
