/* The ways in which the engine ends, or leaves something behind: exits, signals, grandchildren,
 * memory. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake.h"

void end_now(const struct engine *e, int code, const char *why)
{
    struct text line = {0};
    struct json_writer w = event_begin(e, "end", &line);
    event_number(&w, "code", code);
    json_put_pair(&w, "why", slice_of(why));
    event_end(e, &w);
    _exit(code); /* the socket's file stays, as the real one's does */
}

/* Process 1 of a sandbox ignores what it sends to itself, so there faults must be real ones. */
static void raise_plain(int number)
{
    signal(number, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (getpid() != 1)
        raise(number);
}

static void stop_here(void)
{
    raise_plain(SIGSTOP);
    while (getpid() == 1) /* as good as stopped */
        pause();
}

void end_by(const struct engine *e, const struct ending *how)
{
    static char *volatile nowhere;
    switch ((enum how)how->die_how) {
    case HOW_EXIT:
        end_now(e, how->exit >= 0 ? (int)how->exit : 1, "script");
    case HOW_ABORT:
        say_log(e, "error", "GGML_ASSERT(fake) failed");
        abort();
    case HOW_SEGV:
        raise_plain(SIGSEGV);
        *nowhere = 1;
        break;
    case HOW_ILL:
        raise_plain(SIGILL);
        __builtin_trap();
    case HOW_KILL:
        raise_plain(SIGKILL);
        _exit(128 + SIGKILL);
    case HOW_STOP:
        stop_here();
        break;
    }
}

void end_if(const struct engine *e, enum die at)
{
    const struct ending *how = &e->script.ending;
    if (how->die != (int)at)
        return;
    if (how->exit_log.len && at == DIE_START)
        fprintf(stderr, "%.*s\n", SLICE_ARG(how->exit_log));
    else if (how->exit_log.len)
        say_log(e, "error", "%.*s", SLICE_ARG(how->exit_log));
    if (at == DIE_LOAD && how->die_how == HOW_EXIT) {
        say_log(e, "info", "srv    operator(): operator(): cleaning up before exit...");
        say_log(e, "error", "srv  llama_server: exiting due to model loading error");
    }
    end_by(e, how);
}

/* Grandchildren in sessions of their own, whose parents are gone: what a process group does not
 * reach. They end by themselves after a minute. */
void end_forks(const struct engine *e)
{
    for (int64_t i = 0; i < e->script.loading.forks; i++) {
        pid_t child = fork();
        if (child == 0) {
            setsid();
            pid_t grandchild = fork();
            if (grandchild == 0) {
                alarm(60);
                for (;;)
                    pause();
            }
            struct text line = {0};
            struct json_writer w = event_begin(e, "forked", &line);
            event_number(&w, "grandchild", grandchild);
            event_end(e, &w);
            _exit(0);
        }
    }
}

void end_balloon(const struct engine *e, int64_t mib)
{
    enum { PIECE = 1 << 20, PAGE = 4096 };
    for (int64_t i = 0; i < mib; i++) {
        char *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (piece == MAP_FAILED) {
            say_log(
                e, "error",
                "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size %d",
                PIECE);
            say_log(e, "error", "srv  llama_server: exiting due to model loading error");
            end_now(e, 1, "balloon");
        }
        for (size_t at = 0; at < PIECE; at += PAGE)
            piece[at] = 1;
    }
}
