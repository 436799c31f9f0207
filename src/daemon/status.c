/* status: what `hearth status` shows, as JSON. */
#include "daemon/inside.h"

#include <unistd.h>

#include "os/os.h"
#include "service/service.h"

static void put_u64(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, key);
    json_put_u64(w, n);
}

static void write_memory(struct json_writer *w)
{
    struct os_memory m = {0};
    if (os_memory_of("", 0, &m))
        m = (struct os_memory){0};
    json_key(w, "memory");
    json_open_object(w);
    put_u64(w, "rss", m.rss);
    put_u64(w, "anonymous", m.anonymous);
    json_close_object(w);
}

#define MOST_UNDER_WAY 32u /* that are told one by one */

struct under_way {
    struct json_writer *w;
    unsigned n;
};

static void write_request(void *context, const struct request_now *r)
{
    struct under_way *u = context;
    if (u->n++ >= MOST_UNDER_WAY)
        return;
    json_open_object(u->w);
    put_u64(u->w, "id", r->id);
    json_put_pair(u->w, "who", r->who);
    json_put_pair(u->w, "model", r->model);
    json_put_pair(u->w, "target", r->place);
    json_put_pair(u->w, "state", slice_of(r->state));
    put_u64(u->w, "age_ms", r->age_ms);
    json_close_object(u->w);
}

static void write_requests(struct json_writer *w, const struct daemon *d)
{
    struct under_way u = {.w = w};
    json_key(w, "requests");
    json_open_object(w);
    put_u64(w, "live", d->desk.live);
    put_u64(w, "done", d->audit.done);
    put_u64(w, "failed", d->audit.failed);
    put_u64(w, "left", d->audit.left);
    put_u64(w, "prompt_tokens", d->audit.prompt_tokens);
    put_u64(w, "completion_tokens", d->audit.completion_tokens);
    json_key(w, "under_way"); /* the newest */
    json_open_array(w);
    desk_each(&d->desk, write_request, &u);
    json_close_array(w);
    json_close_object(w);
}

static void write_side(struct json_writer *w, const char *key, const struct store_side *side)
{
    json_key(w, key);
    json_open_object(w);
    json_key(w, "up");
    json_put_bool(w, side->up);
    json_key(w, "put_aside");
    json_put_bool(w, side->put_aside);
    json_put_pair(w, "why", slice_of(side->words));
    json_close_object(w);
}

static void write_store(struct json_writer *w, const struct daemon *d)
{
    struct store_health h;
    store_health(d->rights.store, &h);
    json_key(w, "store");
    json_open_object(w);
    write_side(w, "state", &h.state);
    write_side(w, "audit", &h.audit);
    put_u64(w, "rows_written", h.rows_written);
    put_u64(w, "rows_lost", h.rows_lost);
    put_u64(w, "rows_waiting", h.rows_waiting);
    put_u64(w, "lag_ms", h.lag_ms);
    put_u64(w, "audit_bytes", h.audit_bytes);
    json_close_object(w);
}

static void write_address(struct json_writer *w, const struct config_provider *p)
{
    struct text words = {0};
    bool v6 = p->address.place == CONFIG_IP && p->on && strchr(p->address.host, ':');
    if (!p->on)
        text_add(&words, SLICE(""));
    else if (p->address.place == CONFIG_UNIX)
        text_format(&words, "unix:%s", p->address.host);
    else
        text_format(&words, v6 ? "http://[%s]:%u%s" : "http://%s:%u%s",
                    p->address.place == CONFIG_LOCALHOST ? "localhost" : p->address.host,
                    p->address.port, p->path ? p->path : "");
    json_put_pair(w, "address", text_slice(&words));
    w->out->failed |= words.failed;
    text_fini(&words);
}

static void write_provider(struct json_writer *w, const struct config_provider *p,
                           const struct backend *b)
{
    struct provider_counts n = {0};
    if (b)
        n = provider_counts(b);
    json_open_object(w);
    json_put_pair(w, "name", slice_of(p->name));
    json_put_pair(w, "kind", slice_of(config_kind_name(p->kind)));
    write_address(w, p);
    json_put_pair(w, "state", b ? SLICE("on") : SLICE("off"));
    json_put_pair(w, "why", p->models.n || !b ? slice_of(p->off) : SLICE("names no models"));
    json_key(w, "models");
    json_open_array(w);
    for (size_t i = 0; i < p->models.n; i++)
        json_put_text(w, p->models.items[i]);
    json_close_array(w);
    put_u64(w, "live", n.live);
    put_u64(w, "pooled", n.pooled);
    put_u64(w, "waiting", b ? b->queue.waiting : 0);
    json_close_object(w);
}

static void write_warnings(struct json_writer *w, const struct daemon *d)
{
    json_key(w, "warnings");
    json_open_array(w);
    for (size_t i = 0; i < d->report.n; i++) {
        const struct config_problem *p = &d->report.problems[i];
        struct text words = {0};
        if (p->file[0])
            text_format(&words, "%s:%u: ", p->file, p->line);
        if (p->key[0])
            text_format(&words, "%s: ", p->key);
        text_format(&words, "%s", p->text);
        json_put_text(w, text_slice(&words));
        text_fini(&words);
    }
    json_close_array(w);
}

/* null where no listener speaks it. */
static void write_tls(struct json_writer *w, const struct daemon *d)
{
    const struct tls_facts *facts = d->server.tls ? tls_context_facts(d->server.tls) : NULL;
    struct text path = {0};
    json_key(w, "tls");
    if (!facts) {
        json_put_null(w);
        return;
    }
    if (facts->own)
        text_format(&path, "%s/tls/cert.pem", d->up->sources->paths->data);
    else
        text_add(&path, slice_of(d->config->tls_certificate));
    json_open_object(w);
    json_put_pair(w, "certificate", text_slice(&path));
    json_key(w, "self_signed");
    json_put_bool(w, facts->own);
    json_put_pair(w, "sha256", slice_of(facts->fingerprint));
    put_u64(w, "ends_ms", facts->ends_ms);
    json_close_object(w);
    w->out->failed |= path.failed;
    text_fini(&path);
}

/* Where a role is asked. */
static void write_ports(struct json_writer *w, const struct daemon *d)
{
    json_key(w, "ports");
    json_open_array(w);
    for (unsigned i = 0; i < d->n_listening; i++) {
        if (!d->listening[i].role.len)
            continue;
        json_open_object(w);
        json_put_pair(w, "role", d->listening[i].role);
        json_put_pair(w, "address", d->listening[i].url);
        json_close_object(w);
    }
    json_close_array(w);
}

/* null: it was started by hand. */
static void write_service(struct json_writer *w)
{
    const char *name = service_own();
    json_key(w, "service");
    if (name)
        json_put_text(w, slice_of(name));
    else
        json_put_null(w);
}

void status_write(void *daemon, struct text *out)
{
    const struct daemon *d = daemon;
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "version", SLICE(HEARTH_VERSION));
    put_u64(&w, "pid", (uint64_t)getpid());
    json_put_pair(&w, "instance", slice_of(d->instance));
    json_put_pair(&w, "state", d->going_down ? SLICE("draining") : SLICE("up"));
    write_service(&w);
    json_key(&w, "listen");
    json_open_array(&w);
    for (unsigned i = 0; i < d->n_listening; i++) {
        if (!d->listening[i].role.len)
            json_put_text(&w, d->listening[i].url);
    }
    json_close_array(&w);
    write_ports(&w, d);
    write_tls(&w, d);
    put_u64(&w, "uptime_ms", loop_now_ms(&d->loop) - d->began_ms);
    write_memory(&w);
    machine_write(d, &w);
    put_u64(&w, "connections", d->server.open);
    put_u64(&w, "slow_steps", d->loop.slow_steps);
    write_requests(&w, d);
    write_store(&w, d);
    json_key(&w, "providers");
    json_open_array(&w);
    for (size_t i = 0; i < d->config->providers_n; i++)
        write_provider(&w, &d->config->providers[i], d->registry.backends[i]);
    json_close_array(&w);
    json_key(&w, "engines");
    engines_write(&d->workshop.engines, false, &w);
    write_warnings(&w, d);
    json_close_object(&w);
}
