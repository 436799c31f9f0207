/* probe: what an engine can, found out by starting it in the sandbox with a model that is made
 * here, asking it, and ending it in two ways. About a second; each step has its own deadline, so
 * that a program that hangs costs some seconds more. A program that is none of llama.cpp's is only
 * asked for its version.
 *
 * Its socket and the model lie in its working folder and are named without a path, so that they are
 * found whether or not the sandbox can mount. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"
#include "pack/inside.h"
#include "sandbox/sandbox.h"

#define SOCKET "e.sock"
#define MODEL "tiny.gguf"
#define LOG_BYTES (1u << 20)
#define VERSION_MS 5000u
#define LET_GO_MS 2000u
#define READY_MS 10000u
#define ANSWER_MS 2000u
#define BUSY_MS 500u
#define CANCEL_MS 1000u /* the promise that is tried */
#define EXIT_MS 1000u
#define LOOK_MS 20u

struct trial {
    struct pack_work *w;
    struct pack *p;
    struct sandbox_verdict verdict;
    char name[32];
    const char *folder, *socket, *model; /* outside; in a sandbox the socket is known late */
    struct process process;
    int status;    /* open as long as it runs: how it ended is written there, too */
    bool by_tcp;   /* it cannot listen on a Unix socket: hearth-bridge does */
    unsigned port; /* then: the one it listens on */
    struct reply reply;
};

/* ---- the folder ---- */

static bool write_model(int folder)
{
    struct text model = {0};
    tiny_gguf(&model);
    bool done =
        !model.failed && !os_write_file_whole(folder, MODEL, text_slice(&model), 0600, NULL);
    text_fini(&model);
    return done;
}

static bool make_folder(struct trial *t)
{
    struct arena *a = t->w->arena;
    uint64_t n;
    os_random(&n, sizeof n);
    snprintf(t->name, sizeof t->name, ".new-%016llx", (unsigned long long)n);
    t->folder = path_join(a, t->w->engines, t->name);
    t->socket = path_join(a, t->folder, SOCKET);
    t->model = path_join(a, t->folder, MODEL);
    if (!t->socket || !t->model || mkdir(t->folder, 0700) != 0)
        return false;
    int fd = open(t->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && write_model(fd);
    if (fd >= 0)
        close(fd);
    return done;
}

static void remove_folder(const struct trial *t)
{
    if (t->folder && tree_walk(AT_FDCWD, t->folder, TREE_REMOVE, NULL, NULL))
        errno = 0; /* hidden; the next change removes it */
}

/* ---- starting ---- */

/* Reads from the status pipe who was started, sets limits, and lets it go. */
static void let_go(struct trial *t, int status, int block)
{
    static const struct sandbox_limits limits = {.data_bytes = 16ull << 30, .oom_score_adj = 500};
    char bytes[1024];
    size_t len = 0;
    struct json_doc doc;
    int64_t pid = 0;
    uint64_t until = os_mono_ms() + LET_GO_MS;
    while (len < sizeof bytes && !memchr(bytes, '\n', len)) {
        uint64_t now = os_mono_ms();
        struct pollfd p = {.fd = status, .events = POLLIN};
        if (now >= until || poll(&p, 1, (int)(until - now)) <= 0)
            break;
        ssize_t n = read(status, bytes + len, sizeof bytes - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    struct slice line = {bytes, slice_find((struct slice){bytes, len}, '\n')};
    if (!json_read(line, &json_usual_limits, NULL, &doc, NULL)) {
        bool told = json_int(json_get(doc.root, "child-pid"), &pid) && pid > 0 && pid < INT_MAX;
        if (told && t->verdict.kind != SANDBOX_NONE &&
            sandbox_seen((int)pid, SOCKET, t->w->arena, &t->socket))
            errno = 0; /* no memory: it will not be found */
        if (told && sandbox_limit((int)pid, &limits, NULL))
            errno = 0; /* a probe without limits is short all the same */
        json_done(&doc);
    }
    if (write(block, "x", 1) != 1)
        errno = 0; /* it has ended: that will be seen */
}

/* Its drivers may look for devices, though none is there: they are let. */
static bool is_plain(const struct pack *p)
{
    return strcmp(p->flavour, "cpu") == 0;
}

static enum err start_command(struct trial *t, const char *const *argv, struct why *why)
{
    int status[2] = {-1, -1}, block[2] = {-1, -1}, filter = -1;
    const char *backend = arena_format(t->w->arena, "GGML_BACKEND_PATH=%s%s",
                                       t->p->root ? t->p->root : "", t->p->backend)
                              .ptr;
    bool named = t->verdict.kind == SANDBOX_NONE && t->p->root && *t->p->backend && backend;
    const char *const environment[] = {
        "LLAMA_SERVER_ROUTER_PORT=1", "HOME=/tmp", "LC_ALL=C", "PATH=/usr/bin:/bin",
        named ? backend : NULL,       NULL};
    enum err e = sandbox_seccomp(!is_plain(t->p), &filter, why);
    if (!e && (pipe2(status, O_CLOEXEC) != 0 || pipe2(block, O_CLOEXEC) != 0))
        e = why_sys(why, os_err_of(errno), errno, "cannot start the engine");
    if (!e) {
        const struct process_fd fds[] = {{status[1], SANDBOX_STATUS_FD},
                                         {block[0], SANDBOX_BLOCK_FD},
                                         {filter, SANDBOX_SECCOMP_FD}};
        const struct process_plan plan = {.argv = argv,
                                          .environment = environment,
                                          .talks = true,
                                          .most = LOG_BYTES,
                                          .fds = fds,
                                          .n_fds = COUNT(fds)};
        e = process_start(&plan, &t->process, why);
    }
    const int its[] = {status[1], block[0], filter};
    for (size_t i = 0; i < COUNT(its); i++) {
        if (its[i] >= 0)
            close(its[i]);
    }
    if (!e)
        let_go(t, status[0], block[1]);
    if (block[1] >= 0)
        close(block[1]);
    if (e && status[0] >= 0)
        close(status[0]);
    t->status = e ? -1 : status[0];
    return e;
}

static void end(struct trial *t)
{
    process_fini(&t->process);
    if (t->status >= 0)
        close(t->status);
    t->status = -1;
}

/* words: what follows the program's own. */
static enum err start(struct trial *t, const char *const *words, size_t n, struct why *why)
{
    bool mounts = t->verdict.kind != SANDBOX_NONE;
    const char *argv[PACK_WORDS + 32];
    const struct sandbox_mount mounted[] = {{MOUNT_READ, t->model, SANDBOX_PRIVATE "/" MODEL},
                                            {MOUNT_READ, t->p->folder, t->p->folder}};
    const char *const *command;
    enum err e = pack_words(t->p, mounts, t->w->arena, argv, why);
    if (e)
        return e;
    size_t at = 0;
    while (argv[at])
        at++;
    assert(at + n < COUNT(argv));
    for (size_t i = 0; i < n; i++)
        argv[at++] = words[i];
    argv[at] = NULL;
    const struct sandbox_plan plan = {.root = t->p->root,
                                      .mounts = mounted,
                                      .n_mounts = t->p->folder ? 2 : 1,
                                      .folder = mounts ? SANDBOX_PRIVATE : t->folder,
                                      .argv = argv,
                                      .bridge = t->w->bridge,
                                      .tcp_socket = !t->by_tcp ? NULL
                                                    : mounts   ? SANDBOX_PRIVATE "/" SOCKET
                                                               : t->socket,
                                      .tcp_port = t->by_tcp ? t->port : 0,
                                      .devices = !is_plain(t->p)};
    e = sandbox_command(&plan, &t->verdict, t->w->arena, &command, why);
    return e ? e : start_command(t, command, why);
}

/* ---- its version ---- */

static struct slice after(struct slice text, const char *words)
{
    struct slice w = slice_of(words);
    for (size_t i = 0; i + w.len <= text.len; i++) {
        if (!memcmp(text.ptr + i, w.ptr, w.len))
            return slice_from(text, i + w.len);
    }
    return (struct slice){0};
}

static struct slice digits(struct slice s)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
        n++;
    return slice_to(s, n);
}

/* "version: 0.7.0 (build 11669, commit ...)", or in older ones "version: 5234 (abc123)". */
const char *version_read(struct slice said, struct arena *a)
{
    struct slice line = after(said, "version: ");
    if (!line.len)
        return NULL;
    line = slice_to(line, slice_find(line, '\n'));
    struct slice number = slice_to(line, min_size(slice_find(line, ' '), 40));
    struct slice build = digits(after(line, "(build "));
    struct text visible = {0};
    if (build.len)
        text_format(&visible, "%.*s (b%.*s)", SLICE_ARG(number), SLICE_ARG(build));
    else if (number.len && digits(number).len == number.len)
        text_format(&visible, "b%.*s", SLICE_ARG(number));
    else
        text_visible(&visible, number);
    const char *version = visible.len ? arena_cstr(a, text_slice(&visible)) : NULL;
    text_fini(&visible);
    return version;
}

static const char *last_words(const struct trial *t)
{
    struct slice line = process_last_line(text_slice(&t->process.err.text), NULL);
    if (!line.len)
        line = process_last_line(text_slice(&t->process.out.text), NULL);
    struct text visible = {0};
    text_visible(&visible, slice_to(line, min_size(line.len, 120)));
    const char *words = arena_cstr(t->w->arena, text_slice(&visible));
    text_fini(&visible);
    return words && *words ? words : "it said nothing";
}

static void set_trouble(struct trial *t, const char *what)
{
    const struct process *p = &t->process;
    const char *words =
        arena_format(t->w->arena, "%s (%s %d): %.120s", what, p->signal ? "signal" : "exit code",
                     p->signal ? p->signal : p->code, last_words(t))
            .ptr;
    t->p->trouble = words ? words : what;
}

static void find_backend(struct trial *t)
{
    const struct slice logs[] = {text_slice(&t->process.err.text),
                                 text_slice(&t->process.out.text)};
    for (size_t i = 0; i < COUNT(logs); i++) {
        struct slice path = after(logs[i], "loaded CPU backend from ");
        path = slice_to(path, slice_find(path, '\n'));
        size_t root = t->p->root && t->verdict.kind == SANDBOX_NONE ? strlen(t->p->root) : 0;
        if (path.len <= root + 1 || path.ptr[root] != '/' || path.len > 1000)
            continue;
        const char *backend = arena_cstr(t->w->arena, slice_from(path, root));
        if (backend)
            t->p->backend = backend;
        return;
    }
}

static enum err ask_version(struct trial *t, struct why *why)
{
    static const char *const words[] = {"--version"};
    enum err e = start(t, words, 1, why);
    if (e)
        return e;
    bool ended = process_wait(&t->process, VERSION_MS);
    const char *version = version_read(text_slice(&t->process.out.text), t->w->arena);
    if (!version)
        version = version_read(text_slice(&t->process.err.text), t->w->arena);
    if (version)
        t->p->version = version;
    find_backend(t); /* whisper-server says it whatever it is asked */
    /* Those that know no such option say so, and are well; 126 and up: it could not be run. */
    if (ended && t->process.code >= 126)
        set_trouble(t, "it cannot be run");
    end(t);
    return OK;
}

/* ---- llama-server ---- */

static bool ask(struct trial *t, const char *target, struct slice body)
{
    const char *method = body.len ? "POST" : "GET";
    return !client_ask(t->socket, method, target, body, ANSWER_MS, &t->reply);
}

/* Until it answers that it is well. */
static bool is_ready(struct trial *t)
{
    uint64_t until = os_mono_ms() + READY_MS;
    while (os_mono_ms() < until) {
        if (ask(t, "/health", (struct slice){0}) && t->reply.status == 200)
            return true;
        uint64_t look = os_mono_ms() + LOOK_MS, now;
        while ((now = os_mono_ms()) < look) {
            if (process_step(&t->process, look - now))
                return false;
        }
    }
    return false;
}

enum say { STREAMS, WRONG_PING };

static void write_question(enum say what, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "prompt", SLICE("a b c"));
    json_key(&w, "n_predict");
    json_put_int(&w, what == STREAMS ? 100000 : 1);
    json_key(&w, "stream");
    json_put_bool(&w, true);
    json_key(&w, "ignore_eos");
    json_put_bool(&w, true);
    if (what == WRONG_PING)
        json_put_pair(&w, "sse_ping_interval", SLICE("x"));
    json_close_object(&w);
}

/* Is a slot at work? -1: it cannot be told. */
static int is_busy(struct trial *t)
{
    struct json_doc doc;
    int busy = -1;
    if (!ask(t, "/slots", (struct slice){0}) || t->reply.status != 200 ||
        json_read(text_slice(&t->reply.body), &json_usual_limits, NULL, &doc, NULL))
        return -1;
    for (struct json_iter i = json_begin(doc.root); json_is_array(doc.root) && json_next(&i);) {
        const struct json_value *v = json_get(i.value, "is_processing");
        if (v && busy < 1)
            busy = json_is_true(v);
    }
    json_done(&doc);
    return busy;
}

static bool wait_busy(struct trial *t, bool busy, uint64_t within_ms)
{
    uint64_t until = os_mono_ms() + within_ms;
    do {
        if (is_busy(t) == busy)
            return true;
        process_step(&t->process, LOOK_MS);
    } while (os_mono_ms() < until);
    return false;
}

static bool try_cancel(struct trial *t)
{
    struct text question = {0};
    int fd;
    write_question(STREAMS, &question);
    bool good = !question.failed &&
                !client_begin(t->socket, "/completion", text_slice(&question), ANSWER_MS, &fd);
    text_fini(&question);
    if (!good)
        return false;
    good = wait_busy(t, true, BUSY_MS);
    close(fd);
    return wait_busy(t, false, CANCEL_MS) && good;
}

/* What it has read for the stream that was broken off is in its slot still. */
static bool try_slot_save(struct trial *t)
{
    struct text question = {0};
    struct json_writer w = json_writer(&question);
    struct json_doc doc;
    int64_t saved = 0;
    json_open_object(&w);
    json_put_pair(&w, "filename", SLICE("slot.bin"));
    json_close_object(&w);
    bool good = !question.failed && ask(t, "/slots/0?action=save", text_slice(&question)) &&
                t->reply.status == 200;
    text_fini(&question);
    if (!good || json_read(text_slice(&t->reply.body), &json_usual_limits, NULL, &doc, NULL))
        return false;
    good = json_int(json_get(doc.root, "n_saved"), &saved) && saved > 0;
    json_done(&doc);
    return good;
}

/* Pings come only in pauses, which this model does not make. An engine that knows the field refuses
 * a wrong value by its name; one that does not answers. */
static bool try_ping(struct trial *t)
{
    struct text question = {0};
    write_question(WRONG_PING, &question);
    bool good = !question.failed && ask(t, "/completion", text_slice(&question)) &&
                t->reply.status == 400 &&
                after(text_slice(&t->reply.body), "sse_ping_interval").ptr != NULL;
    text_fini(&question);
    return good;
}

static enum err start_server(struct trial *t, struct why *why)
{
    static const char *const usual[] = {"-m",
                                        MODEL,
                                        "-c",
                                        "16384",
                                        "-np",
                                        "1",
                                        "-t",
                                        "2",
                                        "--slots",
                                        "--no-warmup",
                                        "-lv",
                                        "4",
                                        "--slot-save-path",
                                        "."};
    const char *words[COUNT(usual) + 4];
    const char *port = arena_format(t->w->arena, "%u", t->port).ptr;
    size_t n = 0;
    words[n++] = "--host";
    words[n++] = t->by_tcp ? "127.0.0.1" : SOCKET;
    if (t->by_tcp) {
        words[n++] = "--port";
        words[n++] = port ? port : "";
    }
    for (size_t i = 0; i < COUNT(usual); i++)
        words[n++] = usual[i];
    if (t->verdict.kind == SANDBOX_NONE && unlinkat(AT_FDCWD, t->socket, 0) != 0)
        errno = 0; /* none was left by the one before */
    return start(t, words, n, why);
}

/* One that ends at once may not know such sockets. */
static bool start_ready(struct trial *t, struct why *why)
{
    if (start_server(t, why)) {
        t->p->trouble = "it cannot be started";
        return false;
    }
    bool ready = is_ready(t);
    if (ready || !t->process.ended || t->by_tcp || !t->w->bridge)
        return ready;
    struct process first = t->process; /* its words are the ones to tell if this fails, too */
    t->process = (struct process){.in = -1, .out = {.fd = -1}, .err = {.fd = -1}};
    close(t->status);
    t->by_tcp = true;
    if (start_server(t, why) || !is_ready(t)) {
        end(t);
        t->process = first;
        t->by_tcp = false;
        return false;
    }
    process_fini(&first);
    return true;
}

static bool said_state(const struct trial *t)
{
    return after(text_slice(&t->process.out.text), "cmd_child_to_router:state:").ptr != NULL;
}

static void ask_server(struct trial *t)
{
    bool *can = t->p->features;
    can[PACK_UNIX_SOCKET] = !t->by_tcp;
    can[PACK_CHILD_PROTOCOL] = said_state(t);
    can[PACK_PING_INTERVAL] = try_ping(t);
    can[PACK_CANCEL] = try_cancel(t);
    can[PACK_SLOT_SAVE] = try_slot_save(t);
    can[PACK_EXIT_COMMAND] = process_tell(&t->process, SLICE("cmd_router_to_child:exit\n")) &&
                             process_wait(&t->process, EXIT_MS);
}

static void try_server(struct trial *t, struct why *why)
{
    if (start_ready(t, why))
        ask_server(t);
    else if (!*t->p->trouble && t->process.ended)
        set_trouble(t, "it does not start");
    else if (!*t->p->trouble)
        t->p->trouble = "it is not ready within 10 s";
    find_backend(t);
    end(t);
}

static void try_stdin(struct trial *t)
{
    if (start_server(t, NULL))
        return;
    if (is_ready(t)) {
        process_close_in(&t->process);
        t->p->features[PACK_STDIN_ENDS] = process_wait(&t->process, EXIT_MS);
    }
    end(t);
}

/* ---- all of it ---- */

static void try_all(struct trial *t)
{
    const struct pack_engine *engine = pack_engine_named(t->p->engine);
    struct why why = {0};
    enum err e = ask_version(t, &why);
    if (e) { /* it was not started at all: nothing is known */
        t->p->probed = false;
        say(t->w, "not tried: %s", why.text);
        return;
    }
    t->p->probed = true;
    if (*t->p->trouble || !engine || !engine->speaks_llama)
        return;
    try_server(t, &why);
    if (!*t->p->trouble)
        try_stdin(t);
}

/* In a sandbox it has a loopback of its own and any port will do; without one, one that is free. */
static unsigned choose_port(void)
{
    uint16_t port;
    int fd;
    if (os_tcp_listen(0, &fd, &port, NULL))
        return 18080;
    close(fd);
    return port;
}

void probe(struct pack_work *w, struct pack *p)
{
    struct trial t = {
        .w = w, .p = p, .status = -1, .process = {.in = -1, .out = {.fd = -1}, .err = {.fd = -1}}};
    memset(p->features, 0, sizeof p->features);
    p->trouble = "";
    p->probed = false;
    sandbox_probe(w->environment, "", &t.verdict);
    if (t.verdict.kind == SANDBOX_NONE)
        say(w, "trying it without a sandbox: %s", t.verdict.why);
    t.port = choose_port();
    if (t.verdict.kind == SANDBOX_NONE && p->root)
        p->backend = backend_choose(p, w->top, w->arena);
    if (make_folder(&t))
        try_all(&t);
    else
        say(w, "not tried: no folder can be made in %s", w->engines);
    remove_folder(&t);
    text_fini(&t.reply.body);
}
