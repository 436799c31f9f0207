/* apply: what a configuration changes in a running daemon. Files are read by a job; a configuration
 * with an error changes nothing. */
#include "daemon/inside.h"

#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

struct reload {
    struct job job;
    struct daemon *daemon;
    struct pending *ticket; /* NULL: a signal asked */
    struct config *config;
    struct config_report report;
    struct auth_user *users; /* whom it trusts */
    struct tls_context *tls;
    struct why why; /* of the certificate, when the configuration itself is good */
    enum err err;
    bool again; /* asked for once more while it ran */
};

static unsigned attempts_of(const struct config *c)
{
    uint64_t tries = min_u64(c->request.attempts, c->failover.max_retries + 1);
    return (unsigned)min_u64(max_u64(tries, 1), MOST_TRIES);
}

void apply_settings(struct daemon *d, const struct config *c)
{
    d->server.limits = (struct conn_limits){
        .connections = c->limits.connections,
        .headers_ms = c->limits.headers_ms,
        .body_rate_bytes = c->limits.body_rate_bytes,
        .body_rate_ms = c->limits.body_rate_ms,
        .keep_alive_ms = c->limits.keep_alive_ms,
        .requests_per_connection = c->limits.requests_per_connection,
        .write_stall_ms = c->limits.write_stall_ms,
        .stream_buffer = c->limits.stream_buffer_bytes,
    };
    d->server.bodies.most = c->limits.bodies_total_bytes;
    d->desk.settings = (struct desk_settings){
        .total_ms = c->request.total_ms,
        .queue_wait_ms = c->queue.wait_ms,
        .attempts = attempts_of(c),
        .failover = c->failover.enabled && c->failover.retry_on_error,
        .stream_buffer = c->limits.stream_buffer_bytes,
    };
    d->workshop.engines.settings = (struct engine_settings){
        .load_stall_ms = c->engines.load_stall_ms,
        .health_ms = c->engines.health_ms,
        .rest_ms = c->engines.rest_ms,
        .turn_ms = c->engines.turn_ms,
        .connect_ms = c->upstream.connect_ms,
        .first_byte_ms = c->upstream.first_byte_ms,
        .idle_ms = c->upstream.idle_ms,
        .queue_length = (unsigned)c->queue.length,
    };
    d->api.origins = c->origins.items;
    d->api.n_origins = c->origins.n;
    d->api.hosts = c->hosts.items;
    d->api.n_hosts = c->hosts.n;
    d->api.json_most = c->limits.body_bytes;
    if (d->rights.store) /* opened with it, at the start */
        store_set_audit_most(d->rights.store, c->audit_size_bytes);
    d->api.strict = c->audit_strict;
}

/* ---- telling -------------------------------------------------------------------------------- */

struct changes {
    struct config_change *list;
    size_t n;
};

static void write_settings(struct json_writer *w, const char *key, const struct changes *all,
                           bool live)
{
    json_key(w, key);
    json_open_array(w);
    for (size_t i = 0; i < all->n; i++) {
        if (all->list[i].kind == CONFIG_SETTING && all->list[i].live == live)
            json_put_text(w, slice_of(all->list[i].what));
    }
    json_close_array(w);
}

static void write_section(struct json_writer *w, const char *section, const struct changes *all)
{
    static const char *const keys[] = {
        [CONFIG_ADDED] = "added", [CONFIG_REMOVED] = "removed", [CONFIG_CHANGED] = "changed"};
    json_key(w, section);
    json_open_object(w);
    for (size_t kind = CONFIG_ADDED; kind < COUNT(keys); kind++) {
        json_key(w, keys[kind]);
        json_open_array(w);
        for (size_t i = 0; i < all->n; i++) {
            if (all->list[i].kind == kind && strcmp(all->list[i].section, section) == 0)
                json_put_text(w, slice_of(all->list[i].what));
        }
        json_close_array(w);
    }
    json_close_object(w);
}

/* now: from the configuration in force; since: from the one it was started with, which is what
 * settings that wait for a restart still are. */
static void write_changes(const struct changes *now, const struct changes *since, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    write_settings(&w, "changed", now, true);
    write_settings(&w, "restart_needed", since, false);
    write_section(&w, "providers", now);
    write_section(&w, "models", now);
    json_close_object(&w);
}

static void answer(struct reload *l, int http, struct text *body)
{
    if (l->ticket)
        api_reloaded(l->ticket, http, body);
    text_fini(body);
}

void log_report(const struct config_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        const struct config_problem *p = &report->problems[i];
        bool error = p->severity == CONFIG_ERROR;
        (error ? log_error : log_warn)("config", "%s:%u: %s: %s", p->file, p->line, p->key,
                                       p->text);
    }
}

static void refuse(struct reload *l)
{
    struct text body = {0};
    struct daemon *d = l->daemon;
    log_report(&l->report);
    log_error("config", "the configuration is not valid: the old one stays in force");
    bus_say(&d->loop, "config", "reload refused: %zu errors", l->report.errors);
    config_report_json(&l->report, &body);
    answer(l, 422, &body);
    config_report_fini(&l->report);
}

static void fail(struct reload *l, const struct why *why)
{
    struct text body = {0};
    log_error("config", "the new configuration was not applied: %s", why->text);
    reply_write_error(DIALECT_NONE, why, &body);
    answer(l, err_row(why->code)->http, &body);
    config_report_fini(&l->report);
    config_free(l->config);
    tls_context_free(l->tls);
}

static void take_over(struct reload *l, struct registry *registry, const struct changes *now)
{
    struct daemon *d = l->daemon;
    apply_settings(d, l->config);
    registry_install(d, l->config, registry);
    machine_look(d, NULL);
    listen_install(d, l->tls);
    auth_trust(d->rights.auth, l->users, l->config->trusted_uids.n);
    log_open(STDERR_FILENO, l->config->log_level);
    log_report(&l->report);
    for (size_t i = 0; i < now->n; i++)
        log_info("config", "reload: %s%s", now->list[i].what,
                 now->list[i].live ? "" : " waits for a restart");
    log_info("config", "reloaded: %zu changes", now->n);
    bus_say(&d->loop, "config", "reloaded: %zu changes", now->n);
    if (d->config != d->started)
        config_free(d->config);
    config_report_fini(&d->report);
    d->config = l->config;
    d->report = l->report;
}

static void apply(struct reload *l)
{
    struct daemon *d = l->daemon;
    struct arena arena = {0};
    struct registry registry;
    struct changes now = {0}, since = {0};
    struct text body = {0};
    struct why why;
    enum err e = config_diff(d->config, l->config, &arena, &now.list, &now.n);
    if (!e)
        e = config_diff(d->started, l->config, &arena, &since.list, &since.n);
    if (!e && !l->users)
        e = ERR_NO_MEMORY;
    if (e)
        why_set(&why, e, "no memory to compare the configurations");
    else
        e = registry_make(d, l->config, &registry, &why);
    if (e) {
        fail(l, &why);
    } else {
        take_over(l, &registry, &now);
        write_changes(&now, &since, &body);
        answer(l, 200, &body);
    }
    arena_fini(&arena);
}

/* ---- the job -------------------------------------------------------------------------------- */

static void load_on_thread(struct job *j)
{
    struct reload *l = owner_of(j, struct reload, job);
    l->err = config_load(l->daemon->up->sources, &l->config, &l->report);
    if (!l->err)
        l->users = rights_users(l->daemon->rights.store, l->config);
    if (!l->err)
        l->why.code = listen_certificate(l->daemon, l->config, &l->tls, &l->why);
}

static void loaded(struct job *j)
{
    struct reload *l = owner_of(j, struct reload, job);
    struct daemon *d = l->daemon;
    bool again = l->again && !d->going_down;
    struct why why;
    if (l->err) {
        refuse(l);
    } else if (d->going_down) {
        why_set(&why, ERR_SHUTTING_DOWN, "the daemon is going down");
        fail(l, &why);
    } else if (l->why.code) {
        fail(l, &l->why);
    } else {
        apply(l);
    }
    mem_free(l->users);
    mem_free(l);
    d->reload = NULL;
    if (d->closed)
        rights_close(d);
    if (again)
        reload_start(d, NULL);
}

void reload_start(struct daemon *d, struct pending *ticket)
{
    struct why why;
    struct text body = {0};
    struct reload *l = d->reload ? NULL : mem_new(struct reload);
    if (l) {
        *l = (struct reload){.daemon = d, .ticket = ticket};
        l->job.work = load_on_thread;
        l->job.done = loaded;
        if (!job_start(&l->job, &d->loop, &d->hold)) {
            d->reload = l;
            return;
        }
        mem_free(l);
    }
    if (d->reload)
        why_set(&why, ERR_OVER_LIMIT, "a reload is under way; it will read the files again");
    else
        why_set(&why, ERR_NO_MEMORY, "no memory to reload");
    if (d->reload)
        d->reload->again = true; /* files may have changed since it read them */
    if (ticket) {
        reply_write_error(DIALECT_NONE, &why, &body);
        api_reloaded(ticket, err_row(why.code)->http, &body);
        text_fini(&body);
    }
}
