/* registry: from the providers of a configuration to backends, routes and the list of models. On a
 * reload, a provider that did not change keeps its backend, with its connections and its queue. */
#include "daemon/inside.h"

#include <arpa/inet.h>
#include <sys/stat.h>

#include "base/log.h"
#include "crypt/crypt.h"

static void set_ip(struct address *a, const char *host, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->tcp;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->tcp;
    a->kind = ADDRESS_TCP;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
    }
}

static void set_addresses(struct provider_terms *t, const struct config_address *from)
{
    t->n_addresses = 1;
    switch (from->place) {
    case CONFIG_UNIX:
        t->addresses[0] = (struct address){.kind = ADDRESS_UNIX, .path = from->host};
        break;
    case CONFIG_IP:
        set_ip(&t->addresses[0], from->host, from->port);
        break;
    case CONFIG_LOCALHOST:
        set_ip(&t->addresses[0], "127.0.0.1", from->port);
        set_ip(&t->addresses[1], "::1", from->port);
        t->n_addresses = 2;
        break;
    }
}

static struct slice host_header(struct arena *a, const struct config_address *from)
{
    bool v6 = from->place == CONFIG_IP && strchr(from->host, ':');
    if (from->place == CONFIG_UNIX)
        return SLICE("localhost");
    return arena_format(a, v6 ? "[%s]:%u" : "%s:%u",
                        from->place == CONFIG_LOCALHOST ? "localhost" : from->host, from->port);
}

static enum dialect dialect_of(enum config_kind kind)
{
    return kind == CONFIG_ANTHROPIC ? DIALECT_ANTHROPIC
           : kind == CONFIG_OLLAMA  ? DIALECT_OLLAMA
                                    : DIALECT_OPENAI;
}

static struct provider_terms terms_of(struct daemon *d, struct arena *a, const struct config *c,
                                      const struct config_provider *p)
{
    struct provider_terms t = {
        .name = slice_of(p->name),
        .dialect = dialect_of(p->kind),
        .host = host_header(a, &p->address),
        .path = slice_of(p->path),
        .api_key = slice_of(p->api_key),
        .via = arena_format(a, "1.1 %s", d->instance),
        .connect_ms = c->upstream.connect_ms,
        .first_byte_ms = p->timeout_ms ? p->timeout_ms : c->upstream.first_byte_ms,
        .idle_ms = c->upstream.idle_ms,
        .pool_idle_ms = c->upstream.pool_idle_ms,
        .pool_requests = c->upstream.pool_requests,
        .slots = (unsigned)p->parallel,
        .queue_length = (unsigned)c->queue.length,
    };
    set_addresses(&t, &p->address);
    return t;
}

/* ---- what stays over a reload ---------------------------------------------------------------- */

/* Models, priority and times may change under a living backend; where it is and as whom may not. */
static bool is_same_place(const struct config_provider *a, const struct config_provider *b)
{
    return slice_is(slice_of(a->name), slice_of(b->name)) && a->kind == b->kind && a->on && b->on &&
           a->address.place == b->address.place && a->address.port == b->address.port &&
           slice_is(slice_of(a->address.host), slice_of(b->address.host)) &&
           slice_is(slice_of(a->path), slice_of(b->path)) &&
           slice_is(slice_of(a->api_key), slice_of(b->api_key)) && a->parallel == b->parallel;
}

static struct backend *backend_of_old(struct daemon *d, const struct config_provider *p)
{
    for (size_t i = 0; i < d->registry.n_backends; i++) { /* none at the start */
        if (is_same_place(&d->config->providers[i], p))
            return d->registry.backends[i];
    }
    return NULL;
}

static bool is_in(const struct registry *r, const struct backend *b)
{
    for (size_t i = 0; i < r->n_backends; i++) {
        if (r->backends[i] == b)
            return true;
    }
    return false;
}

/* ---- making ---------------------------------------------------------------------------------- */

static enum err make_backend(struct daemon *d, const struct config *c, struct registry *r, size_t i)
{
    const struct config_provider *p = &c->providers[i];
    if (!p->on)
        return OK;
    if (!p->models.n) /* until providers are asked what they have */
        log_warn("config",
                 "providers.%s: names no models, so it gets no requests; add models:", p->name);
    struct provider_terms t = terms_of(d, &r->arena, c, p);
    r->backends[i] = backend_of_old(d, p);
    r->terms[i] = t;
    if (!r->backends[i])
        r->backends[i] = provider_new(&d->loop, &d->hold, &t);
    return r->backends[i] ? OK : ERR_NO_MEMORY;
}

/* ---- what is told of a model ----------------------------------------------------------------- */

static bool is_digest(struct slice s)
{
    bool good = s.len == 2 * HASH_BYTES;
    for (size_t i = 0; good && i < s.len; i++)
        good = (s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] >= 'a' && s.ptr[i] <= 'f');
    return good;
}

/* A file that is named by its digest says so; of others one is made, which is the same as long as
 * name, size and time are. No file is read for it. */
static struct slice digest_of(struct arena *a, const struct model_entry *m, const char *file)
{
    static const struct slice before = SLICE("sha256-");
    const char *slash = strrchr(file, '/');
    struct slice base = slice_of(slash ? slash + 1 : file);
    unsigned char hash[HASH_BYTES] = {0};
    struct text words = {0}, hex = {0};
    if (slice_begins(base, before) && is_digest(slice_from(base, before.len)))
        return arena_dup(a, slice_from(base, before.len));
    text_add(&words, m->name);
    text_format(&words, " %llu %llu", (unsigned long long)m->bytes,
                (unsigned long long)m->changed_ms);
    if (!words.failed && !crypt_sha256(text_slice(&words), hash))
        crypt_hex((struct slice){(const char *)hash, sizeof hash}, &hex);
    struct slice digest = arena_dup(a, text_slice(&hex));
    text_fini(&words);
    text_fini(&hex);
    return digest;
}

static bool is_set(const char *s)
{
    return s && s[0];
}

static enum err describe(struct arena *a, const struct config_model *model, struct model_entry *m)
{
    struct stat st;
    const char *file = model && is_set(model->file) ? model->file : "";
    if (file[0] && !stat(file, &st)) {
        m->bytes = (uint64_t)st.st_size;
        m->changed_ms = (uint64_t)st.st_mtime * 1000;
    }
    if (model) {
        m->local = true;
        m->context = model->ctx;
        m->embeds = model->embedding;
        m->ranks = model->rerank;
        m->sees = is_set(model->mmproj);
        m->thinks = is_set(model->reasoning) && strcmp(model->reasoning, "on") == 0;
    }
    m->digest = digest_of(a, m, file);
    return m->digest.ptr ? OK : ERR_NO_MEMORY;
}

static bool is_listed(const struct registry *r, struct slice model)
{
    for (size_t i = 0; i < r->n_models; i++) {
        if (slice_is(r->models[i].name, model))
            return true;
    }
    return false;
}

static enum err add_models(struct registry *r, struct route_target *targets,
                           const struct config_provider *p, struct backend *b)
{
    for (size_t i = 0; i < p->models.n; i++) {
        struct slice model = arena_dup(&r->arena, p->models.items[i]);
        struct slice owner = arena_dup(&r->arena, slice_of(p->name));
        if (!model.ptr || !owner.ptr)
            return ERR_NO_MEMORY;
        targets[r->routes.n++] =
            (struct route_target){model, b, p->priority, ROUTE_MAY, ROUTE_TEXT};
        if (is_listed(r, model))
            continue;
        struct model_entry entry = {.name = model, .owner = owner};
        if (describe(&r->arena, NULL, &entry))
            return ERR_NO_MEMORY;
        r->models[r->n_models++] = entry;
    }
    return OK;
}

static enum err add_engines(struct registry *r, const struct config *c,
                            struct route_target *targets)
{
    for (size_t i = 0; i < r->n_engines; i++) {
        struct slice model = arena_dup(&r->arena, r->engines[i]->name);
        const struct config_model *m = &c->models[i];
        enum route_does does = m->embedding ? ROUTE_EMBED : m->rerank ? ROUTE_RERANK : ROUTE_TEXT;
        enum route_unnamed unnamed = m->guide ? ROUTE_LAST : ROUTE_MAY;
        if (!model.ptr)
            return ERR_NO_MEMORY;
        targets[r->routes.n++] = (struct route_target){model, r->engines[i], 0, unnamed, does};
        struct model_entry entry = {.name = model, .owner = SLICE("hearth")};
        if (describe(&r->arena, m, &entry))
            return ERR_NO_MEMORY;
        r->models[r->n_models++] = entry;
    }
    return OK;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* Aliases and roles, copied: the routes outlive the configuration by a moment at a reload. */
static enum err add_aliases(struct registry *r, const struct config *c)
{
    struct route_alias *all = arena_array(&r->arena, struct route_alias, max_size(c->aliases_n, 1));
    for (size_t i = 0; all && i < c->aliases_n; i++) {
        all[i].alias = arena_dup(&r->arena, c->aliases[i].alias);
        all[i].model = arena_dup(&r->arena, c->aliases[i].model);
        if (!all[i].alias.ptr || !all[i].model.ptr)
            return ERR_NO_MEMORY;
    }
    r->routes.aliases = all;
    r->routes.n_aliases = c->aliases_n;
    return all ? OK : ERR_NO_MEMORY;
}

static enum err add_role(struct arena *a, const struct config_role *from, struct route_role *to)
{
    struct slice *models = arena_array(a, struct slice, max_size(from->models.n, 1));
    struct slice name = arena_dup(a, slice_of(from->name));
    for (size_t i = 0; models && i < from->models.n; i++) {
        models[i] = arena_dup(a, from->models.items[i]);
        if (!models[i].ptr)
            return ERR_NO_MEMORY;
    }
    *to = (struct route_role){name, models, from->models.n};
    return models && name.ptr ? OK : ERR_NO_MEMORY;
}

static enum err add_roles(struct registry *r, const struct config *c)
{
    struct route_role *all = arena_array(&r->arena, struct route_role, c->roles_n);
    enum err e = all ? OK : ERR_NO_MEMORY;
    for (size_t i = 0; !e && i < c->roles_n; i++)
        e = add_role(&r->arena, &c->roles[i], &all[i]);
    r->routes.roles = all;
    r->routes.n_roles = c->roles_n;
    return e;
}

static void drop_new(struct daemon *d, struct registry *r)
{
    for (size_t i = 0; i < r->n_engines; i++) {
        if (!workshop_has(&d->registry, r->engines[i]))
            engine_drop(r->engines[i]);
    }
    for (size_t i = 0; r->backends && i < r->n_backends; i++) {
        if (r->backends[i] && !is_in(&d->registry, r->backends[i]))
            backend_retire(r->backends[i]);
    }
    arena_fini(&r->arena);
}

enum err registry_make(struct daemon *d, const struct config *c, struct registry *ret_registry,
                       struct why *why)
{
    struct registry r = {.n_backends = c->providers_n};
    size_t models = 0;
    for (size_t i = 0; i < c->providers_n; i++)
        models += c->providers[i].models.n;
    models += c->models_n;
    r.backends = arena_array(&r.arena, struct backend *, c->providers_n);
    r.models = arena_array(&r.arena, struct model_entry, models);
    r.terms = arena_array(&r.arena, struct provider_terms, c->providers_n);
    struct route_target *targets = arena_array(&r.arena, struct route_target, models);
    enum err e = r.backends && r.models && r.terms && targets ? OK : ERR_NO_MEMORY;
    if (!e)
        e = workshop_make(d, c, &r);
    if (!e)
        e = add_engines(&r, c, targets);
    for (size_t i = 0; !e && i < c->providers_n; i++) {
        e = make_backend(d, c, &r, i);
        if (!e && r.backends[i])
            e = add_models(&r, targets, &c->providers[i], r.backends[i]);
    }
    if (!e)
        e = add_aliases(&r, c);
    if (!e)
        e = add_roles(&r, c);
    if (e) {
        drop_new(d, &r);
        return why_set(why, e, "no memory for the providers");
    }
    r.routes.targets = targets;
    r.routes.known_names = c->request.known_names;
    *ret_registry = r;
    return OK;
}

void registry_install(struct daemon *d, const struct config *c, struct registry *r)
{
    struct registry old = d->registry;
    d->registry = *r;
    d->desk.routes = &d->registry.routes;
    d->api.models = r->models;
    d->api.n_models = r->n_models;
    for (size_t i = 0; i < old.n_backends; i++) {
        if (old.backends[i] && !is_in(r, old.backends[i]))
            backend_retire(old.backends[i]);
    }
    workshop_install(c, &old, r);
    for (size_t i = 0; i < r->n_backends; i++) { /* those that stayed: nothing can fail any more */
        if (r->backends[i])
            provider_set_times(r->backends[i], &r->terms[i]);
    }
    arena_fini(&old.arena);
}
