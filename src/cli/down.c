/* down: `hearth down`. Asks the daemon to stop and waits until its lock is free: only then another
 * one may start. No process is ever signalled: a pid from a file may be somebody else's by now. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"

#define ASK_MS 10000u
#define SILENT_MS 5000u /* for a daemon that holds the lock and has no socket: it starts or ends */
#define LOOK_AGAIN_MS 25u
#define PROGRESS_MS 1000u

struct stop {
    struct cli *c;
    int data;               /* the folder of the lock */
    pid_t pid;              /* of the daemon */
    bool asked, seen, told; /* seen: the lock was held when we looked */
    bool first;             /* something comes after it, which will be told instead */
};

static bool is_gone(struct stop *s)
{
    pid_t pid = 0;
    if (os_lock_holder(s->data, CLI_LOCK, &pid) == ERR_NOT_RUNNING)
        return true;
    if (pid > 0)
        s->pid = pid;
    s->seen = true;
    return false;
}

static enum err ask(struct stop *s, struct answer *a, struct why *why)
{
    const struct question q = {
        .method = METHOD_POST,
        .target = s->c->options.now ? "/hearth/v1/shutdown?now=1" : "/hearth/v1/shutdown",
        .timeout_ms = ASK_MS,
    };
    enum err e = cli_ask(s->c, &q, a, why);
    if (e == ERR_EOF_BEFORE_HEADERS)
        return OK; /* it went down before its answer was out */
    return e;
}

static void print_progress(struct stop *s, uint64_t waited_ms)
{
    struct text *err = &s->c->err;
    if (s->c->err_terminal) {
        text_add(err, SLICE("\r\033[K"));
        text_add(err, s->asked ? SLICE("running requests end first") : SLICE("no answer yet"));
        text_add(err, SLICE(" ... "));
        cli_duration(err, waited_ms);
    } else if (!s->told) {
        text_add(err, s->asked ? SLICE("waiting for running requests to end; `hearth down --now` "
                                       "breaks them off\n")
                               : SLICE("waiting for the daemon to answer\n"));
    }
    s->told = true;
    cli_flush(s->c);
}

/* Before the last words: takes the line of progress away. */
static struct cli *end_progress(struct stop *s)
{
    if (s->told && s->c->err_terminal) {
        text_add(&s->c->err, SLICE("\r\033[K"));
        cli_flush(s->c);
    }
    return s->c;
}

static int stopped(struct stop *s)
{
    struct cli *c = end_progress(s);
    if (s->first)
        return CLI_OK;
    if (!c->options.json) {
        text_add(&c->out, SLICE("hearth is down.\n"));
        return CLI_OK;
    }
    struct json_writer w = json_writer(&c->out);
    json_open_object(&w);
    json_key(&w, "stopped");
    json_put_bool(&w, true);
    json_key(&w, "pid");
    json_put_int(&w, s->pid);
    json_close_object(&w);
    text_byte(&c->out, '\n');
    return CLI_OK;
}

static int not_running(const struct stop *s)
{
    return s->first ? CLI_NOT_RUNNING : cli_not_running(s->c);
}

/* A service that runs, or would be started again in a moment, is stopped by its manager. With --now
 * the daemon hears that from us, and the manager that it was meant so. */
static void ask_manager(struct stop *s)
{
    struct owner o;
    struct service_state state;
    struct answer a = {0};
    if (!owner_find(s->c, &o) || service_ask(&o.service, &state, NULL) ||
        (!state.runs && strcmp(state.active, "activating") != 0))
        return;
    if (s->c->options.now)
        s->asked = ask(s, &a, NULL) == OK && a.status < 300;
    answer_fini(&a);
    s->asked |= service_stop(&o.service, NULL) == OK;
}

/* One look: 0 and more: the exit code; -1: look again. */
static int step(struct stop *s, uint64_t waited_ms)
{
    struct answer a = {0};
    struct why why = {0};
    int code = -1;
    if (!s->asked) {
        enum err e = ask(s, &a, &why);
        if (!e && a.status >= 300)
            code = cli_refused(end_progress(s), &a);
        else if (e && e != ERR_NOT_RUNNING)
            code = cli_fail(end_progress(s), e, &why, "Its log may say more: `hearth logs`.");
        s->asked = e == OK;
        answer_fini(&a);
    }
    if (code < 0 && is_gone(s))
        code = s->asked || s->seen ? stopped(s) : not_running(s);
    if (code < 0 && !s->asked && waited_ms > SILENT_MS) {
        why_set(&why, ERR_INTERNAL,
                "a process (pid %ld) holds " CLI_LOCK " but does not answer on " CLI_SOCKET,
                (long)s->pid);
        code = cli_fail(end_progress(s), ERR_INTERNAL, &why,
                        "Look at that process; if it is hearth, end it yourself.");
    }
    return code;
}

static int stop(struct cli *c, bool first)
{
    struct stop s = {.c = c, .first = first};
    struct why why = {0};
    enum err e = os_open_private_folder(c->paths.data, &s.data, &why);
    if (e == ERR_NOT_FOUND)
        return not_running(&s);
    if (e)
        return cli_fail(c, e, &why, NULL);
    ask_manager(&s);
    uint64_t began_ms = os_mono_ms(), shown_ms = 0;
    int code;
    for (;;) {
        uint64_t waited_ms = os_mono_ms() - began_ms;
        code = step(&s, waited_ms);
        if (code >= 0)
            break;
        if (waited_ms - shown_ms >= PROGRESS_MS) {
            print_progress(&s, waited_ms);
            shown_ms = waited_ms;
        }
        os_sleep_ms(LOOK_AGAIN_MS);
    }
    close(s.data);
    return code;
}

int down_run(struct cli *c)
{
    return stop(c, false);
}

int down_first(struct cli *c)
{
    return stop(c, true);
}
