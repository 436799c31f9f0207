/* probe: does bubblewrap work here, with all that the recipe asks of it? It is tried with a program
 * that does nothing; what it has not is left out and it is tried again, if that can be left out at
 * all. The tried one is a child of the calling thread, ended when the time is over. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os.h"
#include "sandbox/inside.h"

#define PROGRAM "bwrap"
#define PATIENCE_MS 5000u
#define MOST_SAID 4096u
#define LOOK_MS 10u /* while it is made to end */
#define MOST_LOOKS 100u
/* Above all descriptors that the child gets, so that none is overwritten before it is given. */
#define LEAST_FD 16

static const char *const nothing_programs[] = {"/usr/bin/true", "/bin/true"};

enum pipe_use { SAID, STATUS, BLOCK, PIPES };

struct trial {
    int ours[PIPES], theirs[PIPES];
    int filter;
    pid_t pid;
    uint64_t until_ms;
    struct text said, status;
    bool let_go;
};

/* ---- descriptors ---------------------------------------------------------------------------- */

static int raise_fd(int fd)
{
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, LEAST_FD);
    close(fd);
    return higher;
}

static bool make_pipe(struct trial *t, enum pipe_use use)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    bool we_read = use != BLOCK;
    t->ours[use] = raise_fd(ends[we_read ? 0 : 1]);
    t->theirs[use] = raise_fd(ends[we_read ? 1 : 0]);
    return t->ours[use] >= 0 && t->theirs[use] >= 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_theirs(struct trial *t)
{
    for (unsigned i = 0; i < PIPES; i++)
        close_one(&t->theirs[i]);
    close_one(&t->filter);
}

static bool open_trial(struct trial *t)
{
    *t = (struct trial){.ours = {-1, -1, -1}, .theirs = {-1, -1, -1}, .filter = -1};
    t->said.limit = t->status.limit = MOST_SAID;
    for (unsigned i = 0; i < PIPES; i++) {
        if (!make_pipe(t, (enum pipe_use)i))
            return false;
    }
    if (sandbox_seccomp(false, &t->filter, NULL))
        return false;
    t->filter = raise_fd(t->filter);
    return t->filter >= 0;
}

static void close_trial(struct trial *t)
{
    close_theirs(t);
    for (unsigned i = 0; i < PIPES; i++)
        close_one(&t->ours[i]);
    text_fini(&t->said);
    text_fini(&t->status);
}

/* ---- starting ------------------------------------------------------------------------------- */

static int hand_over(posix_spawn_file_actions_t *actions, const struct trial *t)
{
    const struct {
        int from, to;
    } moves[] = {{t->theirs[SAID], STDOUT_FILENO},
                 {t->theirs[SAID], STDERR_FILENO},
                 {t->theirs[STATUS], SANDBOX_STATUS_FD},
                 {t->theirs[BLOCK], SANDBOX_BLOCK_FD},
                 {t->filter, SANDBOX_SECCOMP_FD}};
    int sys = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    for (size_t i = 0; !sys && i < COUNT(moves); i++)
        sys = posix_spawn_file_actions_adddup2(actions, moves[i].from, moves[i].to);
    return sys;
}

/* What this process blocks or ignores is no business of the child's. */
static int clean_signals(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int sys = posix_spawnattr_setsigmask(attributes, &none);
    if (!sys)
        sys = posix_spawnattr_setsigdefault(attributes, &all);
    if (!sys)
        sys = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return sys;
}

static bool start(struct trial *t, const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *const no_environment[] = {NULL};
    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    int sys = posix_spawnattr_init(&attributes);
    if (!sys) {
        sys = hand_over(&actions, t);
        if (!sys)
            sys = clean_signals(&attributes);
        if (!sys)
            sys = posix_spawn(&t->pid, argv[0], &actions, &attributes, (char *const *)(void *)argv,
                              no_environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    errno = sys;
    return sys == 0;
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* False at its end. */
static bool take(int fd, struct text *into)
{
    char bytes[512];
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0)
        text_add(into, (struct slice){bytes, (size_t)n});
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Its first line has the program's pid: it is held, so it is let go. */
static void let_go(struct trial *t)
{
    if (t->let_go || slice_find(text_slice(&t->status), '\n') == t->status.len)
        return;
    t->let_go = true;
    if (!os_write_all(t->ours[BLOCK], SLICE("\n")))
        errno = 0; /* it ended meanwhile: its exit code says how */
}

/* Until nobody has the ends of its pipes any more; false when the time is over. */
static bool listen_to(struct trial *t)
{
    struct pollfd ends[] = {{.fd = t->ours[SAID], .events = POLLIN},
                            {.fd = t->ours[STATUS], .events = POLLIN}};
    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        uint64_t now_ms = os_mono_ms();
        if (now_ms >= t->until_ms)
            return false;
        if (poll(ends, COUNT(ends), (int)(t->until_ms - now_ms)) < 0)
            continue;
        if (ends[0].revents && !take(ends[0].fd, &t->said))
            ends[0].fd = -1;
        if (ends[1].revents && !take(ends[1].fd, &t->status))
            ends[1].fd = -1;
        let_go(t);
    }
    return true;
}

/* hearth-bridge ends what is below it when it is asked to, which it could not when it is killed. It
 * was not waited for, so the pid is still its own. */
static void make_end(const struct trial *t)
{
    siginfo_t ended = {0};
    kill(t->pid, SIGTERM);
    for (unsigned i = 0; i < MOST_LOOKS && !ended.si_pid; i++) {
        os_sleep_ms(LOOK_MS);
        if (waitid(P_PID, (id_t)t->pid, &ended, WEXITED | WNOHANG | WNOWAIT) != 0)
            break;
    }
    kill(t->pid, SIGKILL);
}

/* Its exit code; -1 when it was ended. */
static int outcome(struct trial *t)
{
    if (!listen_to(t)) {
        make_end(t);
        text_clear(&t->said);
        text_format(&t->said, "it did nothing for %u s", PATIENCE_MS / 1000u);
    }
    int status = 0;
    while (waitpid(t->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* ---- the probe ------------------------------------------------------------------------------ */

static bool find_program(const char *const *environment, char *path, size_t room)
{
    struct slice rest = environment_get(environment, "PATH"), folder;
    while (slice_split(&rest, ':', &folder)) {
        int n = snprintf(path, room, "%.*s/" PROGRAM, SLICE_ARG(folder));
        struct stat is;
        if (folder.len && folder.ptr[0] == '/' && n > 0 && (size_t)n < room &&
            stat(path, &is) == 0 && S_ISREG(is.st_mode) && access(path, X_OK) == 0)
            return true;
    }
    *path = '\0';
    return false;
}

static const char *nothing_program(void)
{
    size_t i = 0;
    while (i + 1 < COUNT(nothing_programs) && access(nothing_programs[i], X_OK) != 0)
        i++;
    return nothing_programs[i];
}

/* Notes what it says it has not, or may not do; false when that was not it. */
static bool leave_out(struct slice said, struct sandbox_verdict *v)
{
    char words[MOST_SAID + 1];
    size_t len = min_size(said.len, MOST_SAID);
    if (len)
        memcpy(words, said.ptr, len);
    words[len] = '\0';
    for (unsigned i = 0; i < OPTIONALS; i++) {
        const struct optional_row *row = &sandbox_optionals[i];
        char unknown[64];
        snprintf(unknown, sizeof unknown, "Unknown option %s", row->flag);
        bool is_it = strstr(words, unknown) || (row->cannot && strstr(words, row->cannot));
        if (is_it && !(v->without & 1u << i)) {
            v->without |= 1u << i;
            return true;
        }
    }
    return false;
}

/* OK: it works. ERR_BUSY: try again without something. Else it does not work. */
static enum err try_once(struct sandbox_verdict *v, uint64_t until_ms, struct text *said)
{
    struct arena a = {0};
    struct trial t;
    const char *const program[] = {nothing_program(), NULL};
    struct sandbox_plan plan = {.argv = program};
    const char *const *argv;
    /* Were we killed meanwhile, bubblewrap alone could leave a process that waits for ever. */
    if (sandbox_bridge(&a, &plan.bridge, NULL))
        plan.bridge = NULL;
    enum err e = recipe_make(&plan, v, "", &a, &argv, NULL);
    if (!e && !open_trial(&t)) {
        close_trial(&t);
        e = ERR_SYSTEM;
    }
    text_clear(said);
    if (e) {
        text_format(said, "there are no memory or no descriptors to try it with");
    } else {
        t.until_ms = until_ms;
        bool started = start(&t, argv);
        close_theirs(&t);
        if (!started)
            text_format(&t.said, "it cannot be started: %s", strerror(errno));
        e = started && outcome(&t) == 0 && t.let_go ? OK : ERR_PERMISSION;
        text_add(said, text_slice(&t.said));
        if (e && leave_out(text_slice(&t.said), v))
            e = ERR_BUSY;
        close_trial(&t);
    }
    arena_fini(&a);
    return e;
}

static void tell_what_is_left_out(struct sandbox_verdict *v)
{
    size_t len = 0;
    for (unsigned i = 0; i < OPTIONALS; i++) {
        if (!(v->without & 1u << i) || len >= sizeof v->why)
            continue;
        int n = snprintf(v->why + len, sizeof v->why - len, "%sit has no %s: %s", len ? "; " : "",
                         sandbox_optionals[i].flag, sandbox_optionals[i].words);
        len += n > 0 ? (size_t)n : 0;
    }
}

void sandbox_probe(const char *const *environment, const char *root,
                   struct sandbox_verdict *ret_verdict)
{
    struct sandbox_verdict v = {.kind = SANDBOX_BUBBLEWRAP};
    struct text said = {.limit = MOST_SAID};
    uint64_t until_ms = os_mono_ms() + PATIENCE_MS;
    if (!find_program(environment, v.program, sizeof v.program)) {
        v.kind = SANDBOX_NONE;
        explain_missing(&v);
    } else {
        enum err e;
        do {
            e = try_once(&v, until_ms, &said);
        } while (e == ERR_BUSY); /* each time one thing less: it ends */
        if (e) {
            v.kind = SANDBOX_NONE;
            v.without = 0;
            explain_refusal(text_slice(&said), environment, root, &v);
        } else {
            tell_what_is_left_out(&v);
        }
    }
    text_fini(&said);
    *ret_verdict = v;
}
