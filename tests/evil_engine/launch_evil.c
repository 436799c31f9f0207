/* launch_evil: starts a program the way the daemon starts an engine, for tests of the sandbox:
 * makes the command line, holds the program, limits it, lets it go, waits for it.
 *
 *   launch_evil NAME=VALUE... -- PROGRAM...
 *
 * kind=sandbox|none|probe: what the probe says, none whatever it says, or only print the probe.
 * bridge=, root=, folder=: as in struct sandbox_plan. read=FROM:TO, empty=TO: mounts.
 * tcp=SOCKET:PORT. data=, file=, processes=, oom=: limits. env=NAME=VALUE: of the program.
 * devices=1: as one that uses some of the machine's. hold=1: never lets it go. thread=1: all that
 * is done by a thread that ends then. late=N: ends itself with SIGKILL N microseconds after it has
 * started it.
 *
 * Prints "started COMMAND PROGRAM" (pids), then the program prints; ends with its exit code. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "sandbox/sandbox.h"

#define MOST 16
#define LEAST_FD 16

extern char **environ;

struct launch {
    const char *kind;
    uint64_t hold, thread, late_us, devices;
    struct sandbox_plan plan;
    struct sandbox_limits limits;
    struct sandbox_mount mounts[MOST];
    const char *env[MOST + 1];
    size_t n_env;
    /* made */
    const char *const *argv;
    int status[2], block[2], filter;
    pid_t command;
};

static _Noreturn void die(const char *what, const struct why *why)
{
    fprintf(stderr, "launch_evil: %s: %s\n", what, why ? why->text : strerror(errno));
    exit(99);
}

static void cut(char *value, char **ret_second)
{
    char *colon = strrchr(value, ':');
    if (!colon)
        die(value, NULL);
    *colon = '\0';
    *ret_second = colon + 1;
}

static void add_mount(struct launch *l, enum mount_kind kind, char *value)
{
    char *to = value;
    if (kind != MOUNT_EMPTY)
        cut(value, &to);
    if (l->plan.n_mounts == MOST)
        die("too many mounts", NULL);
    l->mounts[l->plan.n_mounts++] =
        (struct sandbox_mount){kind, kind == MOUNT_EMPTY ? NULL : value, to};
}

static uint64_t number(const char *value)
{
    return strtoull(value, NULL, 10);
}

static bool read_text(struct launch *l, const char *name, char *value)
{
    const struct {
        const char *name;
        const char **place;
    } texts[] = {{"kind", &l->kind},
                 {"bridge", &l->plan.bridge},
                 {"root", &l->plan.root},
                 {"folder", &l->plan.folder}};
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].place = value;
            return true;
        }
    }
    return false;
}

static bool read_number(struct launch *l, const char *name, const char *value)
{
    const struct {
        const char *name;
        uint64_t *place;
    } numbers[] = {{"data", &l->limits.data_bytes},
                   {"file", &l->limits.file_bytes},
                   {"processes", &l->limits.processes},
                   {"late", &l->late_us},
                   {"hold", &l->hold},
                   {"devices", &l->devices},
                   {"thread", &l->thread}};
    for (size_t i = 0; i < COUNT(numbers); i++) {
        if (strcmp(name, numbers[i].name) == 0) {
            *numbers[i].place = number(value);
            return true;
        }
    }
    return false;
}

static void read_word(struct launch *l, char *word)
{
    char *value = strchr(word, '=');
    if (!value)
        die(word, NULL);
    *value++ = '\0';
    if (read_text(l, word, value) || read_number(l, word, value))
        return;
    if (strcmp(word, "read") == 0)
        add_mount(l, MOUNT_READ, value);
    else if (strcmp(word, "empty") == 0)
        add_mount(l, MOUNT_EMPTY, value);
    else if (strcmp(word, "env") == 0 && l->n_env < MOST)
        l->env[l->n_env++] = value;
    else if (strcmp(word, "oom") == 0)
        l->limits.oom_score_adj = (int)number(value);
    else if (strcmp(word, "tcp") == 0) {
        char *port;
        cut(value, &port);
        l->plan.tcp_socket = value;
        l->plan.tcp_port = (unsigned)number(port);
    } else
        die(word, NULL);
}

/* ---- starting ------------------------------------------------------------------------------- */

static int high(int fd)
{
    int higher = fcntl(fd, F_DUPFD_CLOEXEC, LEAST_FD);
    close(fd);
    return higher;
}

static void make_pipe(int ends[2])
{
    if (pipe(ends) != 0)
        die("pipe", NULL);
    ends[0] = high(ends[0]);
    ends[1] = high(ends[1]);
}

static void start(struct launch *l)
{
    l->command = fork();
    if (l->command == 0) {
        dup2(l->status[1], SANDBOX_STATUS_FD);
        dup2(l->block[0], SANDBOX_BLOCK_FD);
        dup2(l->filter, SANDBOX_SECCOMP_FD);
        execve(l->argv[0], (char *const *)(void *)l->argv, (char *const *)(void *)l->env);
        _exit(98);
    }
    close(l->status[1]);
    close(l->block[0]);
}

static int read_pid(int fd)
{
    char line[512];
    size_t n = 0;
    int64_t pid = 0;
    struct json_doc doc;
    while (n < sizeof line && read(fd, line + n, 1) == 1 && line[n] != '\n')
        n++;
    if (json_read((struct slice){line, n}, &json_usual_limits, NULL, &doc, NULL) == OK) {
        if (!json_int(json_get(doc.root, "child-pid"), &pid))
            pid = 0;
        json_done(&doc);
    }
    return (int)pid;
}

/* Starts it, and lets it go. */
static void *launch(void *of)
{
    struct launch *l = of;
    struct why why;
    start(l);
    if (l->late_us) {
        usleep((useconds_t)l->late_us);
        kill(getpid(), SIGKILL);
    }
    int program = read_pid(l->status[0]);
    if (program > 0 && sandbox_limit(program, &l->limits, &why))
        die("limits", &why);
    printf("started %d %d\n", l->command, program);
    fflush(stdout);
    if (!l->hold && program > 0 && write(l->block[1], "\n", 1) != 1)
        die("block", NULL);
    return NULL;
}

static int follow(struct launch *l)
{
    pthread_t thread;
    int status;
    if (!l->thread)
        launch(l);
    else if (pthread_create(&thread, NULL, launch, l) != 0 || pthread_join(thread, NULL) != 0)
        die("thread", NULL);
    if (waitpid(l->command, &status, 0) < 0)
        die("wait", NULL);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
    struct launch l = {.kind = "sandbox"};
    struct sandbox_verdict v;
    struct arena a = {0};
    struct why why;
    int i = 1;
    signal(SIGPIPE, SIG_IGN);
    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        read_word(&l, argv[i]);
    l.plan.argv = (const char *const *)(void *)(argv + i + (i < argc));
    l.plan.mounts = l.mounts;
    l.plan.devices = l.devices;
    sandbox_probe((const char *const *)(void *)environ, "", &v);
    if (strcmp(l.kind, "probe") == 0) {
        printf("%s\n%s\n%s\n", v.kind == SANDBOX_NONE ? "none" : "bubblewrap", v.why, v.mend);
        return 0;
    }
    if (strcmp(l.kind, "none") == 0)
        v = (struct sandbox_verdict){.kind = SANDBOX_NONE};
    if (sandbox_command(&l.plan, &v, &a, &l.argv, &why))
        die("command", &why);
    if (sandbox_seccomp(l.devices, &l.filter, &why))
        die("filter", &why);
    l.filter = high(l.filter);
    make_pipe(l.status);
    make_pipe(l.block);
    int code = follow(&l);
    arena_fini(&a);
    return code;
}
