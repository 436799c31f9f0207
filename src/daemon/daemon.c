/* daemon: start, run, stop. Down goes in three steps: draining (requests under way finish, new ones
 * are told to come back later), shut (no listener any more, the last bytes leave), closed. */
#include "daemon/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "daemon/inside.h"
#include "os/os.h"
#include "service/service.h"

#define LEAST_FILES 20000u
#define LAST_BYTES_MS 2000u /* for answers to leave once the last request is done */
#define AT_ONCE_MS 250u     /* the same for who will not wait */

/* ---- down ----------------------------------------------------------------------------------- */

static void close_all(struct daemon *d)
{
    struct registry none = {0};
    sigset_t last_words; /* without their watches they would end us before the last lines */
    sigemptyset(&last_words);
    sigaddset(&last_words, SIGTERM);
    sigaddset(&last_words, SIGINT);
    sigaddset(&last_words, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &last_words, NULL);
    server_close(&d->server);
    desk_close(&d->desk);
    workshop_close(d);
    registry_install(d, d->config, &none);
    d->closed = true;
    if (!d->reload) /* it asks the store */
        rights_close(d);
    watch_close(&d->term);
    watch_close(&d->interrupt);
    watch_close(&d->hangup);
    timer_close(&d->patience);
    hold_drop(&d->hold);
}

static void shut(struct daemon *d)
{
    if (d->shut)
        return;
    d->shut = true;
    uint64_t patient = max_u64(LAST_BYTES_MS, d->config->request.drain_ms);
    timer_set(&d->patience, d->at_once ? AT_ONCE_MS : patient);
    server_shut(&d->server);
    workshop_close(d); /* nobody asks an engine any more: it ends while the last bytes leave */
}

static void on_server_quiet(struct server *s)
{
    struct daemon *d = owner_of(s, struct daemon, server);
    timer_set(&d->patience, 0); /* on the next turn: the last connection is still in our stack */
}

static void on_desk_quiet(struct desk *desk)
{
    struct daemon *d = owner_of(desk, struct daemon, desk);
    if (d->going_down)
        shut(d);
}

static void on_patience(struct timer *t)
{
    struct daemon *d = owner_of(t, struct daemon, patience);
    if (d->shut) {
        close_all(d);
    } else {
        log_warn("daemon", "%llu requests did not finish in time",
                 (unsigned long long)d->desk.live);
        timer_set(&d->patience, LAST_BYTES_MS);
        desk_drain(&d->desk, true);
        if (!d->desk.live)
            shut(d);
    }
}

static void go_down(struct daemon *d, bool now)
{
    if (d->shut || (d->going_down && !now))
        return;
    if (!d->going_down) {
        log_info("daemon", "going down; %llu requests are under way",
                 (unsigned long long)d->desk.live);
        bus_say(&d->loop, "daemon", "going down");
        service_tell("STOPPING=1");
    }
    d->going_down = true;
    d->at_once |= now;
    timer_set(&d->patience, now ? LAST_BYTES_MS : d->config->request.drain_ms);
    server_drain(&d->server);
    desk_drain(&d->desk, now);
    if (!d->desk.live)
        shut(d);
}

static void on_term(struct watch *w)
{
    struct daemon *d = owner_of(w, struct daemon, term);
    go_down(d, d->going_down); /* a second one means now */
}

static void on_interrupt(struct watch *w)
{
    struct daemon *d = owner_of(w, struct daemon, interrupt);
    go_down(d, d->going_down);
}

static void on_hangup(struct watch *w)
{
    struct daemon *d = owner_of(w, struct daemon, hangup);
    if (!d->going_down)
        reload_start(d, NULL);
}

static void shut_down(void *context, bool now)
{
    go_down(context, now);
}

static void reload(void *context, struct pending *ticket)
{
    reload_start(context, ticket);
}

static void read_machine(void *context, struct pending *ticket)
{
    machine_look(context, ticket);
}

/* ---- up ------------------------------------------------------------------------------------- */

static void say_ready(const struct daemon *d, const char *words)
{
    size_t n = strlen(words);
    if (d->up->ready_fd < 0)
        return;
    if (write(d->up->ready_fd, words, n) != (ssize_t)n)
        log_warn("daemon", "nobody waits to hear that it is ready");
    close(d->up->ready_fd);
}

static int fail(const struct daemon *d, enum err e, const char *words)
{
    struct text text = {0};
    text_add(&text, slice_of(words));
    if (text.len && words[text.len - 1] != '\n')
        text_byte(&text, '\n');
    fprintf(stderr, "%s", text_cstr(&text));
    say_ready(d, text_cstr(&text));
    text_fini(&text);
    return cli_exit_of(e);
}

static int fail_config(struct daemon *d)
{
    struct text text = {0};
    config_report_print(&d->report, &text);
    int code = fail(d, ERR_CONFIG, text_cstr(&text));
    text_fini(&text);
    return code;
}

static enum err open_folders(struct daemon *d, struct why *why)
{
    const struct config_paths *p = d->up->sources->paths;
    enum err e = os_make_private_folder(p->data, &d->folders.data, why);
    if (!e) /* in data, not in run: that may be another folder in another login */
        e = os_lock_file(d->folders.data, CLI_LOCK, &d->folders.lock, why);
    if (!e)
        e = os_make_private_folder(p->run, &d->folders.run, why);
    return e;
}

static void all_gone(struct hold *h)
{
    (void)h; /* the loop ends by itself: nothing is left in it */
}

static void wire(struct daemon *d)
{
    static const struct api_admin admin = {.write_status = status_write,
                                           .write_metrics = metrics_write,
                                           .write_engines = workshop_tell,
                                           .look_at_model = workshop_look,
                                           .restart_engine = workshop_restart,
                                           .load_model = workshop_load,
                                           .let_go = workshop_let_go,
                                           .unload_model = workshop_unload,
                                           .reload = reload,
                                           .shut_down = shut_down,
                                           .read_machine = read_machine};
    unsigned char id[4];
    os_random(id, sizeof id);
    snprintf(d->instance, sizeof d->instance, "hearth-%02x%02x%02x%02x", id[0], id[1], id[2],
             id[3]);
    d->hold = (struct hold){.count = 1, .gone = all_gone};
    d->audit.instance = slice_of(d->instance);
    d->desk = (struct desk){.loop = &d->loop,
                            .audit = &d->audit,
                            .routes = &d->registry.routes,
                            .quiet = on_desk_quiet};
    d->server = (struct server){.loop = &d->loop,
                                .app = &api_app,
                                .context = &d->api,
                                .spool_folder = d->folders.data,
                                .quiet = on_server_quiet};
    server_init(&d->server);
    desk_open(&d->desk, &d->hold);
    d->api = (struct api){.desk = &d->desk,
                          .server = &d->server,
                          .loop = &d->loop,
                          .admin = &admin,
                          .context = d,
                          .asking = &d->rights.asking,
                          .instance = slice_of(d->instance)};
    apply_settings(d, d->config);
    timer_open(&d->patience, &d->loop, &d->hold, on_patience);
}

static enum err open_watches(struct daemon *d, struct why *why)
{
    signal(SIGPIPE, SIG_IGN);
    d->term.came = on_term;
    d->interrupt.came = on_interrupt;
    d->hangup.came = on_hangup;
    enum err e = watch_open(&d->term, &d->loop, &d->hold, SIGTERM);
    if (!e)
        e = watch_open(&d->interrupt, &d->loop, &d->hold, SIGINT);
    if (!e)
        e = watch_open(&d->hangup, &d->loop, &d->hold, SIGHUP);
    return e ? why_set(why, e, "signals cannot be watched") : OK;
}

static enum err open_rooms(struct daemon *d, struct why *why)
{
    struct registry registry;
    wire(d);
    enum err e = open_watches(d, why);
    if (!e)
        e = rights_open(d, why);
    if (!e)
        e = workshop_open(d, why);
    if (!e)
        e = registry_make(d, d->config, &registry, why);
    if (!e) {
        registry_install(d, d->config, &registry);
        e = listen_all(d, why);
    }
    if (!e)
        d->api.base = d->listening[0].url;
    return e;
}

static void tell_up(struct daemon *d)
{
    struct text line = {0};
    log_report(&d->report);
    log_info("daemon", "hearth " HEARTH_VERSION " is up at %.*s, pid %d",
             SLICE_ARG(d->listening[0].url), (int)getpid());
    bus_say(&d->loop, "daemon", "up at %.*s", SLICE_ARG(d->listening[0].url));
    log_flush();
    text_format(&line, "ready %.*s\n", SLICE_ARG(d->listening[0].url));
    say_ready(d, text_cstr(&line));
    service_tell("READY=1");
    text_fini(&line);
}

static int serve(struct daemon *d)
{
    struct why why;
    if (loop_open(&d->loop, &why))
        return fail(d, why.code, why.text);
    enum err e = open_rooms(d, &why);
    d->began_ms = loop_now_ms(&d->loop);
    if (e) {
        close_all(d);
        loop_run(&d->loop);
        loop_close(&d->loop);
        return fail(d, e, why.text);
    }
    tell_up(d);
    loop_run(&d->loop);
    log_info("daemon", "down: %llu requests were answered, %llu failed",
             (unsigned long long)d->audit.done, (unsigned long long)d->audit.failed);
    loop_close(&d->loop);
    unlinkat(d->folders.run, CLI_SOCKET, 0);
    return CLI_OK;
}

int daemon_run(const struct cli_up *up)
{
    struct daemon *d = mem_new(struct daemon);
    struct why why;
    int code;
    if (!d)
        return CLI_FAILED;
    d->up = up;
    os_raise_files(LEAST_FILES);
    os_no_core_dumps();
    os_private_umask();
    if (config_load(up->sources, &d->config, &d->report)) {
        code = fail_config(d);
    } else if (open_folders(d, &why)) {
        code = fail(d, why.code, why.text);
    } else {
        d->started = d->config;
        log_open(STDERR_FILENO, d->config->log_level);
        code = serve(d);
    }
    if (d->started != d->config)
        config_free(d->started);
    config_free(d->config);
    config_report_fini(&d->report);
    machine_forget(d);
    tls_context_free(d->server.tls);
    arena_fini(&d->arena);
    log_flush();
    mem_free(d);
    return code;
}
