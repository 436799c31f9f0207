/* up: `hearth up`. The daemon itself is a function of struct cli_daemon; here is what comes before
 * it: whether one runs already, whether the configuration is valid, and the way into the
 * background, where the one who waits reads a pipe until the daemon says that it is ready. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"

#define QUICK_MS 60u /* the second of two daemons leaves within 100 ms */
#define ASK_MS 5000u
#define START_MS 120000u
#define PROGRESS_MS 1000u
#define LINES_OF_LOG 20u

/* A member of the status document as it is. */
static void put_copy(struct json_writer *w, const struct json_value *status, const char *name)
{
    struct text copy = {0};
    const struct json_value *value = json_get(status, name);
    if (!value)
        return;
    json_copy(value, &copy);
    json_key(w, name);
    json_put_raw(w, text_slice(&copy));
    w->out->failed |= copy.failed;
    text_fini(&copy);
}

/* What other machines need to know, if they can reach it. */
static void print_reached(const struct json_value *status, struct text *out)
{
    bool any = false;
    for (struct json_iter i = json_begin(json_get(status, "listen")); json_next(&i);) {
        if (!slice_begins(json_text(i.value), SLICE("https:")))
            continue;
        text_add(out, any ? SLICE(", ") : SLICE("Other machines reach it at "));
        text_visible(out, json_text(i.value));
        any = true;
    }
    if (any)
        text_byte(out, '\n');
    status_tls(status, out);
}

/* Is it the model for trying that answers? */
static bool has_example(struct cli *c, const struct json_value *status)
{
    for (struct json_iter i = json_begin(json_get(status, "engines")); json_next(&i);) {
        if (slice_is(json_text(json_get(i.value, "model")), SLICE("example")))
            return c->options.example;
    }
    return false;
}

/* status: NULL when it was not to be had. */
static void print_up(struct cli *c, struct slice address, int64_t pid, bool started,
                     const struct json_value *status)
{
    if (c->options.json) {
        struct text log = {0};
        text_format(&log, "%s/" CLI_LOG, c->paths.data);
        struct json_writer w = json_writer(&c->out);
        json_open_object(&w);
        json_put_pair(&w, "address", address);
        json_key(&w, "pid");
        json_put_int(&w, pid);
        json_put_pair(&w, "log", text_slice(&log));
        json_key(&w, "started");
        json_put_bool(&w, started);
        put_copy(&w, status, "listen");
        put_copy(&w, status, "tls");
        json_key(&w, "example");
        json_put_bool(&w, has_example(c, status));
        json_close_object(&w);
        text_byte(&c->out, '\n');
        text_fini(&log);
        return;
    }
    text_add(&c->out, SLICE("hearth is up at "));
    text_visible(&c->out, address);
    text_format(&c->out, " (pid %lld)\n", (long long)pid);
    if (started) {
        text_add(&c->out, SLICE("Its log: "));
        text_visible(&c->out, slice_of(c->paths.data));
        text_add(&c->out, SLICE("/" CLI_LOG "\n"));
    }
    print_reached(status, &c->out);
    if (has_example(c, status))
        text_add(&c->out, SLICE("The model `example` says random letters; bring one of yours with "
                                "`hearth models add FILE.gguf`.\n"));
}

/* One runs, or at least answers. Wanted in the background that is fine; in the foreground not. */
static int already_up(struct cli *c, const struct answer *a)
{
    struct json_doc doc = {0};
    struct why why = {0};
    struct text address = {0};
    int64_t pid = 0;
    bool read = !json_read(text_slice(&a->body), &json_usual_limits, NULL, &doc, NULL);
    bool good = read && cli_who(doc.root, &address, &pid);
    int code = CLI_OK;
    if (good && c->options.detach) {
        print_up(c, text_slice(&address), pid, false, doc.root);
    } else {
        if (good)
            why_set(&why, ERR_BUSY, "hearth is already up at %.200s (pid %lld)",
                    text_cstr(&address), (long long)pid);
        else
            why_set(&why, ERR_BUSY, "a daemon already runs in this home");
        code = cli_fail(c, ERR_BUSY, &why,
                        "`hearth status` shows it; HEARTH_HOME=DIR keeps a second one apart.");
    }
    if (read)
        json_done(&doc);
    text_fini(&address);
    return code;
}

/* True, and the exit code, when there is a daemon or something that keeps us from one. */
static bool is_up(struct cli *c, unsigned timeout_ms, int *ret_code)
{
    struct answer a = {0};
    struct why why = {0};
    enum err e = cli_ask_status(c, timeout_ms, &a, &why);
    if (e == ERR_NOT_RUNNING)
        return false;
    if (e == ERR_PERMISSION) {
        *ret_code = cli_fail(c, e, &why, NULL);
    } else if (e && c->options.detach) { /* who wants it up would be wrong to think it is */
        why_set(&why, ERR_BUSY, "a daemon runs in this home but does not answer");
        *ret_code = cli_fail(c, ERR_BUSY, &why, "Its log may say why: `hearth logs`.");
    } else {
        *ret_code = already_up(c, &a);
    }
    answer_fini(&a);
    return true;
}

/* ---- the parent of a daemon that goes into the background ---- */

struct launch {
    struct cli *c;
    int data;
    off_t log_was; /* how long the log was before */
    pid_t child;
    int ready_fd;
    struct text words; /* what the daemon said over the pipe */
    uint64_t began_ms; /* of a service's start */
    bool told;
};

static bool is_ready(const struct launch *l, struct slice *ret_address)
{
    struct slice rest = text_slice(&l->words), line;
    while (slice_split(&rest, '\n', &line)) {
        if (rest.ptr && slice_begins(line, SLICE("ready "))) {
            *ret_address = slice_from(line, 6);
            return true;
        }
    }
    return false;
}

/* Reads until the daemon is ready, has closed its end, or the time is over (false). */
static bool wait_ready(struct launch *l, struct slice *ret_address)
{
    uint64_t began_ms = os_mono_ms();
    bool told = false;
    while (!is_ready(l, ret_address)) {
        struct pollfd p = {.fd = l->ready_fd, .events = POLLIN};
        int n = poll(&p, 1, PROGRESS_MS);
        uint64_t waited_ms = os_mono_ms() - began_ms;
        if (waited_ms > START_MS)
            return false;
        if (n == 0 && !told) {
            text_add(&l->c->err, SLICE("starting ...\n"));
            cli_flush(l->c);
            told = true;
        }
        if (n <= 0)
            continue;
        char *room = text_room(&l->words, 4096);
        ssize_t got = room ? read(l->ready_fd, room, 4096) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return true;
        l->words.len += (size_t)got;
    }
    return true;
}

/* Busy can be another program on the port, or a daemon that was quicker than ours: that one holds
 * the lock and will answer in a moment. True, and the exit code, when it did. */
static bool wait_for_other(const struct launch *l, int *ret_code)
{
    pid_t pid;
    uint64_t until_ms = os_mono_ms() + ASK_MS;
    while (os_lock_holder(l->data, CLI_LOCK, &pid) == OK && os_mono_ms() < until_ms) {
        if (is_up(l->c, ASK_MS, ret_code))
            return true;
        os_sleep_ms(25);
    }
    return false;
}

/* What the daemon said, else what it logged; then how it ended. */
static int start_failed(struct launch *l)
{
    struct cli *c = l->c;
    struct why why = {0};
    int status = 0;
    pid_t ended;
    do {
        ended = waitpid(l->child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    int code = ended == l->child && WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
    int other;
    if (code == CLI_BUSY && wait_for_other(l, &other))
        return other;
    struct slice rest = text_slice(&l->words), line;
    bool said = rest.len > 0;
    while (said && slice_split(&rest, '\n', &line)) {
        text_visible(&c->err, line);
        if (line.len)
            text_byte(&c->err, '\n');
    }
    if (!said)
        logs_print_since(l->data, l->log_was, LINES_OF_LOG, &c->err);
    if (ended == l->child && WIFSIGNALED(status))
        why_set(&why, ERR_INTERNAL, "the daemon died of signal %d at its start", WTERMSIG(status));
    else
        why_set(&why, ERR_INTERNAL, "the daemon could not start");
    text_format(&c->err, "hearth: %s; its log: ", why.text);
    text_visible(&c->err, slice_of(c->paths.data));
    text_add(&c->err, SLICE("/" CLI_LOG "\n"));
    return code == CLI_OK ? CLI_FAILED : code;
}

/* address: NULL: as its status says. */
static bool tell_up(struct cli *c, struct slice address, int64_t pid)
{
    struct text shown = {0};
    struct answer a = {0};
    struct json_doc doc = {0};
    bool told = !cli_ask_status(c, ASK_MS, &a, NULL) && a.status == 200 &&
                !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL);
    bool known = address.ptr || (told && cli_who(doc.root, &shown, &pid));
    if (address.ptr)
        cli_address(&shown, address);
    if (known)
        print_up(c, text_slice(&shown), pid, true, doc.root);
    if (told)
        json_done(&doc);
    answer_fini(&a);
    text_fini(&shown);
    return known;
}

static int wait_for_child(struct launch *l)
{
    struct cli *c = l->c;
    struct slice address = {0};
    if (!wait_ready(l, &address)) {
        struct why why = {0};
        why_set(&why, ERR_INTERNAL, "the daemon (pid %ld) started but is not ready after %u s",
                (long)l->child, START_MS / 1000);
        return cli_fail(c, ERR_INTERNAL, &why, "Its log may say why: `hearth logs`.");
    }
    if (!address.ptr)
        return start_failed(l);
    tell_up(c, address, l->child);
    return CLI_OK;
}

static void forget(const char *word)
{
    if (word)
        memset((char *)(uintptr_t)word, 0, strlen(word));
}

/* `hearth run MODEL "..."` becomes the daemon too, and every user of the machine can read its
 * command line as long as it lives. */
static void forget_words(struct options *o)
{
    for (size_t i = 0; i < o->arguments.n; i++)
        forget(o->arguments.items[i]);
    o->arguments.n = 0;
    forget(o->talk.system);
    o->talk.system = NULL;
}

static int run_detached(struct cli *c, struct cli_up *up, int data, int log)
{
    struct launch l = {.c = c, .data = data, .words.limit = 65536};
    struct os_detached d;
    struct stat is;
    struct why why = {0};
    l.log_was = fstat(log, &is) == 0 ? is.st_size : 0;
    cli_flush(c); /* else the child would print it again, into the log */
    enum err e = os_detach(log, &d, &why);
    if (e)
        return cli_fail(c, e, &why, NULL);
    if (d.child == 0) {
        up->ready_fd = d.ready_fd;
        up->detached = true;
        c->out_terminal = c->err_terminal = c->out_colours = c->err_colours = false;
        forget_words(&c->options);
        return c->daemon->run(up);
    }
    l.child = d.child;
    l.ready_fd = d.ready_fd;
    int code = wait_for_child(&l);
    close(l.ready_fd);
    text_fini(&l.words);
    return code;
}

static int detach(struct cli *c, struct cli_up *up)
{
    struct why why = {0};
    int data = -1, log = -1;
    enum err e = os_make_private_folder(c->paths.data, &data, &why);
    if (!e)
        e = os_open_append(data, CLI_LOG, &log, &why);
    int code = e ? cli_fail(c, e, &why, NULL) : run_detached(c, up, data, log);
    if (log >= 0)
        close(log);
    if (data >= 0)
        close(data);
    return code;
}

/* ---- before it ---- */

/* listen=A,B: several --listen are one list. */
static enum err add_listen(struct cli *c, struct words *set, struct why *why)
{
    const struct words *listen = &c->options.listen;
    struct text value = {0};
    if (!listen->n)
        return OK;
    for (size_t i = 0; i < listen->n; i++)
        text_format(&value, "%s%s", i ? "," : "listen=", listen->items[i]);
    const char *kept = value.failed ? NULL : arena_cstr(&c->arena, text_slice(&value));
    text_fini(&value);
    if (!kept)
        return why_set(why, ERR_NO_MEMORY, "no memory for the addresses");
    if (set->n == MOST_WORDS)
        return why_set(why, ERR_BAD_REQUEST, "too many settings on the command line");
    set->items[set->n++] = kept;
    return OK;
}

/* Is anything there that could be asked? */
static bool has_models(const struct config *config)
{
    for (size_t i = 0; i < config->providers_n; i++) {
        if (config->providers[i].on && config->providers[i].models.n)
            return true;
    }
    for (size_t i = 0; i < config->models_n; i++) {
        if (!config->models[i].guide)
            return true;
    }
    return false;
}

/* A model for trying is a setting of this run: it lies with our data, and no file of the
 * configuration names it. */
static enum err add_example(struct cli *c, struct words *set, struct why *why)
{
    int fd;
    const char *word =
        arena_format(&c->arena, "models.example.file=%s/" PACK_EXAMPLE, c->paths.data).ptr;
    if (!word || set->n == MOST_WORDS)
        return why_set(why, word ? ERR_BAD_REQUEST : ERR_NO_MEMORY, "no room for the example");
    enum err e = os_make_private_folder(c->paths.data, &fd, why);
    if (e)
        return e;
    close(fd);
    e = pack_example(c->paths.data, why);
    if (!e)
        set->items[set->n++] = word;
    return e;
}

/* Loads the configuration once to tell people at once what is wrong with it. The daemon's own
 * loading comes later and warns again, in the log: so warnings are printed here only if that is
 * somewhere else. */
static enum err check(struct cli *c, const struct config_sources *sources, bool *ret_models)
{
    struct config *config = NULL;
    struct config_report report = {0};
    enum err e = config_load(sources, &config, &report);
    if (e || c->options.detach)
        config_report_print(&report, &c->err);
    *ret_models = !e && has_models(config);
    config_report_fini(&report);
    config_free(config);
    return e;
}

/* Everything that the command line adds to the configuration, which is valid with it. The words are
 * NULL-ended. */
static enum err settle(struct cli *c, struct words *set, const char **words, struct why *why)
{
    const struct config_sources sources = {&c->paths, c->environment, words, NULL};
    bool models;
    enum err e = add_listen(c, set, why);
    memcpy(words, set->items, set->n * sizeof words[0]);
    if (!e)
        e = check(c, &sources, &models);
    if (e == ERR_CONFIG)
        why_set(why, e, "the configuration is not valid; nothing was started");
    if (e || models || !c->options.example)
        return e;
    e = add_example(c, set, why);
    memcpy(words, set->items, set->n * sizeof words[0]);
    return e;
}

/* ---- by the service of this home ---- */

static void on_start(void *owner)
{
    struct launch *l = owner;
    if (l->told || os_mono_ms() - l->began_ms < PROGRESS_MS)
        return;
    l->told = true;
    text_add(&l->c->err, SLICE("starting ...\n"));
    cli_flush(l->c);
}

/* Where the daemon's log ends now; 0: it has none. */
static off_t log_end(const struct launch *l)
{
    struct stat is;
    return l->data >= 0 && fstatat(l->data, CLI_LOG, &is, 0) == 0 ? is.st_size : 0;
}

static int service_failed(struct launch *l, const struct service *s, const struct why *why)
{
    static const int known[] = {CLI_BUSY, CLI_PERMISSION, CLI_CONFIG};
    struct cli *c = l->c;
    struct service_state state = {0};
    int code = CLI_FAILED;
    if (l->data >= 0)
        logs_print_since(l->data, l->log_was, LINES_OF_LOG, &c->err);
    cli_fail(c, why->code, why, "Its log: `hearth logs`. Its state: `hearth service status`.");
    if (service_ask(s, &state, NULL))
        return code;
    for (size_t i = 0; i < COUNT(known); i++)
        code = state.code == known[i] ? known[i] : code;
    return code;
}

int owner_start(struct cli *c, const struct owner *o)
{
    struct launch l = {.c = c, .data = -1, .began_ms = os_mono_ms()};
    const struct service_wait wait = {on_start, &l};
    struct why why = {0};
    int code = CLI_OK;
    if (os_open_private_folder(c->paths.data, &l.data, &why))
        l.data = -1;
    l.log_was = log_end(&l);
    enum err e = service_start(&o->service, &wait, &why);
    if (!e && !tell_up(c, (struct slice){0}, 0))
        e = why_set(&why, ERR_INTERNAL, "%s was started, but no daemon answers in this home",
                    o->service.name);
    if (e)
        code = service_failed(&l, &o->service, &why);
    if (l.data >= 0)
        close(l.data);
    return code;
}

/* Settings of one run are not a service's: it reads the configuration. */
static int up_by_service(struct cli *c, const struct owner *o)
{
    const struct config_sources sources = {&c->paths, c->environment, NULL, NULL};
    struct why why = {0};
    bool models;
    if (c->options.set.n || c->options.listen.n) {
        why_set(&why, ERR_BAD_REQUEST, "%s starts hearth here, with its configuration alone",
                o->service.name);
        return cli_fail(c, ERR_BAD_REQUEST, &why,
                        "Write it into hearth.yaml; or `hearth service rm` first.");
    }
    c->options.detach = true; /* the warnings come here too */
    enum err e = check(c, &sources, &models);
    if (e)
        return cli_fail(c, e, &why, "Nothing was started. `hearth config check` says it again.");
    if (c->options.example && !models)
        text_add(&c->err, SLICE("the service has no example model; bring one of yours with `hearth "
                                "models add FILE.gguf`\n"));
    return owner_start(c, o);
}

/* *ret_daemon: we are the daemon, and it has ended. */
static int start(struct cli *c, bool *ret_daemon)
{
    struct why why = {0};
    struct words set = c->options.set;
    struct owner owner;
    int code;
    os_private_umask();
    *ret_daemon = false;
    if (is_up(c, c->options.detach ? ASK_MS : QUICK_MS, &code))
        return code;
    if (owner_find(c, &owner))
        return up_by_service(c, &owner);
    const char *words[MOST_WORDS + 1] = {0};
    const struct config_sources sources = {&c->paths, c->environment, words, NULL};
    enum err e = settle(c, &set, words, &why);
    if (e)
        return cli_fail(c, e, &why,
                        e == ERR_CONFIG ? "`hearth config check` says it again." : NULL);
    struct cli_up up = {.sources = &sources, .ready_fd = -1};
    if (c->options.detach) {
        code = detach(c, &up);
        *ret_daemon = up.detached;
        return code;
    }
    cli_flush(c);
    return c->daemon->run(&up);
}

int up_run(struct cli *c)
{
    bool daemon;
    return start(c, &daemon);
}

bool up_for(struct cli *c, int *ret_code)
{
    struct answer a = {0};
    bool daemon = false, runs = !cli_ask_status(c, ASK_MS, &a, NULL);
    struct options kept = c->options;
    answer_fini(&a);
    if (runs)
        return true;
    c->options.detach = true;
    c->options.json = false;
    *ret_code = start(c, &daemon);
    c->options = kept;
    text_add(&c->err, text_slice(&c->out)); /* what is printed is what was asked for */
    text_clear(&c->out);
    cli_flush(c);
    return !daemon && *ret_code == CLI_OK;
}
