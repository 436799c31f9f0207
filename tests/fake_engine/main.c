/* fake_engine FLAGS, as llama-server: see fake.h for what it is, script.c for its words. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "fake.h"

enum { STOP_MS = 20, HEAD_OF_MODEL = 1 << 16 };

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void must(bool so, const char *what)
{
    if (so)
        return;
    fprintf(stderr, "fake_engine: %s: %s\n", what, strerror(errno));
    exit(1);
}

int64_t slot_context(const struct engine *e)
{
    const struct flags *f = &e->flags;
    return f->unified ? f->ctx : f->ctx / f->parallel;
}

/* --- the start -------------------------------------------------------------------------------- */

static bool bind_path(int fd, struct slice path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (path.len >= sizeof(a.sun_path))
        return false;
    memcpy(a.sun_path, path.ptr, path.len);
    return bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static bool bind_port(int fd, struct slice host, int64_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char address[64];
    int on = 1;
    snprintf(address, sizeof(address), "%.*s", SLICE_ARG(host));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    return inet_pton(AF_INET, address, &a.sin_addr) == 1 &&
           bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
}

static void listen_at(struct engine *e)
{
    struct slice host = e->flags.host;
    bool local = slice_ends(host, SLICE(".sock")) && !e->script.loading.tcp_only;
    if (local)
        say_log(e, "info", "srv         start: setting address family to AF_UNIX");
    e->listener = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (e->listener >= 0 &&
        (local ? bind_path(e->listener, host) : bind_port(e->listener, host, e->flags.port)) &&
        listen(e->listener, 512) == 0)
        return;
    say_log(e, "error",
            "srv         start: couldn't bind HTTP server socket, hostname: %.*s, port: %lld",
            SLICE_ARG(host), (long long)e->flags.port);
    say_log(e, "info", "srv    operator(): operator(): cleaning up before exit...");
    say_log(e, "error", "srv  llama_server: exiting due to HTTP server error");
    end_now(e, 1, "bind");
}

/* The first bytes of a file; empty when it cannot be read. */
static void read_head(const char *path, struct text *ret_head)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *room = text_room(ret_head, HEAD_OF_MODEL);
    ssize_t n = fd >= 0 && room ? read(fd, room, HEAD_OF_MODEL) : 0;
    if (n > 0)
        ret_head->len += (size_t)n;
    if (fd >= 0)
        close(fd);
}

static void read_words(struct engine *e, const char *path, struct text *ret_words)
{
    struct text head = {0};
    read_head(path, &head);
    if (words_find(text_slice(&head), ret_words)) {
        script_read(&e->script, ret_words);
        if (e->script.wrong[0])
            fprintf(stderr, "fake_engine: %s: no such word: %s\n", path, e->script.wrong);
        must(!e->script.wrong[0], "words");
    }
    text_fini(&head);
}

static void read_build_words(struct engine *e, const char *program)
{
    struct text path = {0};
    struct slice self = slice_of(program);
    size_t folder = self.len;
    while (folder > 0 && self.ptr[folder - 1] != '/')
        folder--;
    text_add(&path, slice_to(self, folder));
    text_add(&path, SLICE("fake.words"));
    read_words(e, text_cstr(&path), &e->build_words);
    text_fini(&path);
}

static void fail_load(const struct engine *e, const char *words)
{
    say_log(e, "error", "%s", words);
    say_log(e, "error", "llama_model_load_from_file_impl: failed to load model");
    say_log(e, "error", "cmn  common_init_: failed to load model '%.*s'",
            SLICE_ARG(e->flags.model));
    say_log(e, "error", "srv  llama_server: exiting due to model loading error");
    end_now(e, 1, "model");
}

/* A file that is neither GGUF nor a script fails as the real one says it. */
static void look_at_model(struct engine *e)
{
    struct text head = {0}, path = {0};
    struct stat st = {0};
    text_add(&path, e->flags.model);
    say_log(e, "info", "srv    load_model: loading model '%.*s'", SLICE_ARG(e->flags.model));
    if (stat(text_cstr(&path), &st) != 0)
        fail_load(e, "gguf_init_from_file: failed to open GGUF file (No such file or directory)");
    read_head(text_cstr(&path), &head);
    e->rss_bytes = (uint64_t)st.st_size;
    if (!slice_begins(text_slice(&head), SLICE("GGUF")) && !e->model_words.len)
        fail_load(e, "gguf_init_from_reader: invalid magic characters, expected 'GGUF'");
    text_fini(&head);
    text_fini(&path);
}

static void start(struct engine *e, int argc, char **argv)
{
    struct text model = {0};
    e->began_us = now_us();
    flags_read(&e->flags, argc, argv);
    if (e->flags.version || e->flags.help) {
        puts(e->flags.version ? "version: 0.0.1 (build 1, commit fake)\nbuilt with fakes"
                              : "usage: fake_engine, with the flags of llama-server\n"
                                "--host HOST   --log-jsonl   --slot-save-path PATH   "
                                "--sse-ping-interval N   --slots   --metrics");
        exit(0);
    }
    script_init(&e->script);
    read_build_words(e, argv[0]);
    text_add(&model, e->flags.model);
    read_words(e, text_cstr(&model), &e->model_words);
    text_fini(&model);
    for (int i = 0; i < SLOTS_MOST; i++)
        e->slots[i].last_task = -1;
    event_open(e, argc, argv);
    end_if(e, DIE_START);
    say_log(e, "info", "srv  llama_server: initializing ...");
    listen_at(e);
    look_at_model(e);
    say_floods(e);
    say_progress(e, 0);
    end_forks(e);
    end_balloon(e, e->script.loading.balloon);
    e->load_us = now_us();
}

/* --- loading and ending ----------------------------------------------------------------------- */

/* Until it is ready a TERM ends it at once; afterwards it is read as a word. */
static void watch_signals(struct engine *e)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    e->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static uint64_t load_due(const struct engine *e)
{
    const struct loading *l = &e->script.loading;
    int64_t steps = l->steps > 0 ? l->steps : 1;
    return e->load_us + (uint64_t)(l->load_ms * 1000 * (e->step + 1) / steps);
}

static void be_ready(struct engine *e)
{
    end_if(e, DIE_LOAD);
    if (e->script.loading.never_ready) {
        e->step = INT32_MAX;
        return;
    }
    watch_signals(e);
    say_log(e, "info", "load_tensors:          CPU model buffer size = %8.2f MiB",
            (double)e->rss_bytes / 1048576);
    say_log(e, "info",
            "srv    load_model: initializing, n_slots = %lld, n_ctx_slot = %lld, kv_unified = '%s'",
            (long long)e->flags.parallel, (long long)slot_context(e),
            e->flags.unified ? "true" : "false");
    say_log(e, "info", "srv  llama_server: model loaded");
    say_log(e, "info", "srv  llama_server: listening on %s%.*s",
            slice_ends(e->flags.host, SLICE(".sock")) ? "unix://" : "http://",
            SLICE_ARG(e->flags.host));
    e->phase = READY;
    say_ready(e);
    event_plain(e, "ready");
    end_if(e, DIE_READY);
}

static void load(struct engine *e, uint64_t now)
{
    const struct loading *l = &e->script.loading;
    int64_t steps = l->steps > 0 ? l->steps : 1;
    while (e->phase == LOADING && e->step < steps && load_due(e) <= now) {
        e->step++;
        say_progress(e, (double)e->step / (double)steps);
        if (e->step == steps)
            be_ready(e);
    }
}

/* With streams in flight it ends at their next ping, as llama-server does. */
static void stop(struct engine *e, const char *how)
{
    const struct ending *s = &e->script.ending;
    event_plain(e, how);
    if (s->hang_stop || e->phase == STOPPING)
        return;
    say_log(e, "info", "srv    operator(): operator(): cleaning up before exit...");
    e->phase = STOPPING;
    e->stop_us = now_us() + (STOP_MS + (uint64_t)s->slow_stop_ms) * 1000;
    e->cut_us = e->stop_us + 1000000 * (uint64_t)(e->flags.ping_s > 0 ? e->flags.ping_s : 30);
}

static uint64_t stop_due(const struct engine *e)
{
    return tasks_running(e) ? e->cut_us : e->stop_us;
}

static void read_signals(struct engine *e)
{
    struct signalfd_siginfo info;
    while (read(e->signals, &info, sizeof(info)) == sizeof(info)) {
        if (e->flags.child && !e->script.ending.no_exit)
            event_plain(e, "term"); /* the main thread waits for its standard input */
        else
            stop(e, "term");
    }
}

static void read_input(struct engine *e, struct text *lines)
{
    char *room = text_room(lines, 4096);
    must(room, "memory");
    ssize_t n = read(STDIN_FILENO, room, 4096);
    if (n < 0)
        return;
    if (n == 0 && (e->script.ending.hang_stop || e->script.ending.no_eof)) {
        e->input_over = true;
        event_plain(e, "input ended");
        return;
    }
    if (n == 0) {
        say_log(e, "info", "srv    operator(): EOF on stdin detected, forcing shutdown...");
        end_now(e, 1, "input ended");
    }
    lines->len += (size_t)n;
    size_t end;
    while ((end = slice_find(text_slice(lines), '\n')) < lines->len) {
        if (slice_begins(text_slice(lines), SLICE("cmd_router_to_child:exit")) &&
            !e->script.ending.no_exit)
            stop(e, "exit command");
        text_drop(lines, end + 1);
    }
}

/* --- the loop --------------------------------------------------------------------------------- */

static int wait_ms(const struct engine *e, uint64_t now)
{
    uint64_t due = tasks_due(e);
    if (e->phase == LOADING && e->step < e->script.loading.steps)
        due = min_u64(due, load_due(e));
    if (e->phase == STOPPING)
        due = min_u64(due, stop_due(e));
    for (size_t i = 0; i < e->n_conns; i++) {
        if (!e->conns[i]->task && !e->conns[i]->stuck)
            due = min_u64(due, e->conns[i]->idle_us);
    }
    return due <= now ? 0 : (int)min_u64((due - now + 999) / 1000, 60000);
}

static void bury(struct engine *e, uint64_t now)
{
    for (size_t i = e->n_conns; i-- > 0;) {
        struct conn *c = e->conns[i];
        if (!c->task && !c->stuck && c->idle_us <= now)
            conn_close(e, c);
        if (!c->dead)
            continue;
        text_fini(&c->in);
        text_fini(&c->out);
        mem_free(c);
        e->conns[i] = e->conns[--e->n_conns];
    }
}

static void accept_all(struct engine *e)
{
    int fd;
    while ((fd = accept4(e->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        conn_open(e, fd);
}

static void run_once(struct engine *e, struct text *lines)
{
    struct pollfd fds[CONNS_MOST + 3] = {
        {.fd = e->listener, .events = POLLIN},
        {.fd = e->signals, .events = POLLIN},
        {.fd = e->flags.child && !e->input_over ? STDIN_FILENO : -1, .events = POLLIN},
    };
    size_t n = e->n_conns;
    for (size_t i = 0; i < n; i++) {
        bool unsent = e->conns[i]->sent < e->conns[i]->out.len;
        fds[i + 3] = (struct pollfd){.fd = e->conns[i]->fd,
                                     .events = (short)(POLLIN | (unsent ? POLLOUT : 0))};
    }
    poll(fds, n + 3, wait_ms(e, now_us()));
    for (size_t i = 0; i < n; i++) {
        if (fds[i + 3].revents & ~POLLOUT)
            conn_read(e, e->conns[i]);
        else if (fds[i + 3].revents)
            conn_pump(e, e->conns[i]);
    }
    if (fds[0].revents)
        accept_all(e);
    if (fds[1].revents)
        read_signals(e);
    if (fds[2].revents)
        read_input(e, lines);
}

int main(int argc, char **argv)
{
    struct engine *e = mem_new(struct engine);
    struct text lines = {0};
    must(e, "memory");
    e->signals = e->listener = e->events = -1;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* grandchildren's parents are not waited for */
    start(e, argc, argv);
    for (;;) {
        run_once(e, &lines);
        uint64_t now = now_us();
        if (e->phase == LOADING)
            load(e, now);
        tasks_run(e, now);
        bury(e, now);
        if (e->phase == STOPPING && stop_due(e) <= now)
            end_now(e, 0, "told to");
    }
}
