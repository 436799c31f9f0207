/* listen: the addresses of the configuration, those of roles too, each loopback with its twin, and
 * the certificate of those that other machines reach. Beyond loopback TLS is spoken, except where
 * `plain:` says that the network is one's own: a bridge of containers, a tunnel. */
#include "daemon/inside.h"

#include <arpa/inet.h>

#include "base/log.h"
#include "os/os.h"

#define ENDS_SOON_MS 1209600000u /* 14 days: time to renew a certificate */

/* ---- addresses ------------------------------------------------------------------------------ */

static struct sockaddr_storage socket_address(const char *host, uint16_t port)
{
    struct sockaddr_storage at = {0};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&at;
    bool v6 = strchr(host, ':') != NULL;
    at.ss_family = v6 ? AF_INET6 : AF_INET;
    inet_pton(at.ss_family, host, v6 ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr);
    if (v6)
        in6->sin6_port = htons(port);
    else
        in4->sin_port = htons(port);
    return at;
}

static struct slice ip_of(const struct sockaddr_storage *at)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)at;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
    return at->ss_family == AF_INET6
               ? (struct slice){(const char *)&v6->sin6_addr, sizeof v6->sin6_addr}
               : (struct slice){(const char *)&v4->sin_addr, sizeof v4->sin_addr};
}

static bool is_any(const struct sockaddr_storage *at)
{
    static const char zeros[16];
    struct slice ip = ip_of(at);
    return memcmp(ip.ptr, zeros, ip.len) == 0;
}

static bool is_loopback(const struct sockaddr_storage *at)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
    return at->ss_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)
                                     : ip_of(at).ptr[0] == 127;
}

static bool is_link_local(const struct sockaddr_storage *at)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
    return at->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

struct addresses { /* of this machine, at the start */
    struct os_address all[MOST_LISTENERS];
    size_t n;
};

struct opening { /* of one address */
    struct daemon *daemon;
    const struct addresses *machine;
    struct slice role; /* as in struct listening */
};

/* Does an item of `plain:` mean it: its address, or an interface that has it? */
static bool is_plain(const struct config *c, const struct addresses *m,
                     const struct sockaddr_storage *at)
{
    for (size_t i = 0; i < c->plain.n; i++) {
        struct sockaddr_storage plain = socket_address(c->plain.items[i].ptr, 0);
        if (!is_any(&plain) && slice_is(ip_of(&plain), ip_of(at)))
            return true;
        for (size_t k = 0; k < m->n; k++) {
            if (slice_is(c->plain.items[i], slice_of(m->all[k].interface)) &&
                slice_is(ip_of(&m->all[k].at), ip_of(at)))
                return true;
        }
    }
    return false;
}

/* Another item of `listen` is the whole machine, this address included. */
static bool is_covered(const struct config *c, const struct sockaddr_storage *at, uint16_t port)
{
    for (size_t i = 0; port && !is_any(at) && i < c->listen.n; i++) {
        const struct config_address *a = &c->listen_addresses[i];
        if (a->place != CONFIG_IP || a->port != port)
            continue;
        struct sockaddr_storage other = socket_address(a->host, port);
        if (is_any(&other) && other.ss_family == at->ss_family)
            return true;
    }
    return false;
}

/* ---- listeners ------------------------------------------------------------------------------ */

static void tell(const struct opening *o, const struct sockaddr_storage *at, bool tls, int port)
{
    struct daemon *d = o->daemon;
    char host[INET6_ADDRSTRLEN] = "";
    inet_ntop(at->ss_family, ip_of(at).ptr, host, sizeof host);
    if (d->n_listening < MOST_LISTENERS)
        d->listening[d->n_listening++] = (struct listening){
            arena_format(&d->arena, at->ss_family == AF_INET6 ? "%s://[%s]:%d" : "%s://%s:%d",
                         tls ? "https" : "http", host, port),
            o->role};
    if (o->role.len && d->n_listening)
        log_info("daemon", "the role %.*s is asked at %.*s", SLICE_ARG(o->role),
                 SLICE_ARG(d->listening[d->n_listening - 1].url));
    if (tls && d->secure.n < MOST_LISTENERS)
        d->secure.at[d->secure.n++] = *at;
}

/* All of the machine's addresses of this kind, as they are now: http with itself, else https. */
static void tell_all(const struct opening *o, bool v6, int port)
{
    const struct addresses *m = o->machine;
    struct sockaddr_storage loopback = socket_address(v6 ? "::1" : "127.0.0.1", 0);
    tell(o, &loopback, false, port);
    for (size_t i = 0; i < m->n; i++) {
        const struct sockaddr_storage *at = &m->all[i].at;
        if (at->ss_family == loopback.ss_family && !is_loopback(at) && !is_link_local(at))
            tell(o, at, true, port);
    }
}

static enum err open_one(const struct opening *o, const char *host, uint16_t port, int *ret_port,
                         struct why *why)
{
    struct daemon *d = o->daemon;
    struct sockaddr_storage at = socket_address(host, port);
    bool tls = !is_loopback(&at) && !is_plain(d->config, o->machine, &at);
    const struct server_place place = {at, tls, o->role};
    if (!o->role.len && is_covered(d->config, &at, port)) {
        if (!tls && !is_loopback(&at))
            log_warn("daemon",
                     "port %u of %s speaks https, since the whole machine is in `listen` with it "
                     "too; plain http needs another port",
                     port, host);
        *ret_port = port;
        return OK;
    }
    enum err e = server_listen(&d->server, &place, ret_port, why);
    if (e)
        return e;
    d->secure.any |= tls;
    if (is_any(&at))
        tell_all(o, at.ss_family == AF_INET6, *ret_port);
    else
        tell(o, &at, tls, *ret_port);
    return OK;
}

static bool is_already(const struct daemon *d, const char *url)
{
    for (unsigned i = 0; i < d->n_listening; i++) {
        if (slice_is(d->listening[i].url, slice_of(url)))
            return true;
    }
    return false;
}

/* 127.0.0.1, ::1 and localhost mean both. */
static enum err open_both(const struct opening *o, uint16_t port, struct why *why)
{
    int chosen;
    char url[64];
    struct text words = {0};
    text_format(&words, "http://127.0.0.1:%u", port);
    memcpy(url, text_cstr(&words), min_size(words.len + 1, sizeof url));
    text_fini(&words);
    if (port && is_already(o->daemon, url))
        return OK; /* the twin was named too */
    enum err e = open_one(o, "127.0.0.1", port, &chosen, why);
    if (e)
        return e;
    if (!os_has_loopback6()) {
        log_warn("daemon", "this machine has no ::1: only 127.0.0.1 listens");
        return OK;
    }
    int twin;
    e = open_one(o, "::1", (uint16_t)chosen, &twin, why);
    if (e && !port) { /* the system chose a port that is taken on ::1: do without */
        log_warn("daemon", "port %d is taken on ::1: only 127.0.0.1 listens", chosen);
        return OK;
    }
    return e;
}

static enum err open_address(const struct opening *o, const struct config_address *a,
                             struct why *why)
{
    int port;
    bool pair = a->place == CONFIG_LOCALHOST || strcmp(a->host, "127.0.0.1") == 0 ||
                strcmp(a->host, "::1") == 0;
    enum err e = pair ? open_both(o, a->port, why) : open_one(o, a->host, a->port, &port, why);
    if (e != ERR_BUSY)
        return e;
    char words[sizeof why->text];
    memcpy(words, why->text, sizeof words);
    if (o->role.len)
        return why_set(why, e,
                       "port %u of the role %.*s is taken by another program (%.200s); stop it, or "
                       "use another one: hearth listen rm role:%.*s %u",
                       a->port, SLICE_ARG(o->role), words, SLICE_ARG(o->role), a->port);
    return why_set(why, e,
                   "port %u is taken by another program (%.200s); stop it, or use another one: "
                   "hearth up --listen 127.0.0.1:0",
                   a->port, words);
}

static enum err open_all(struct daemon *d, struct why *why)
{
    struct addresses m;
    enum err e = OK;
    m.n = os_addresses(m.all, COUNT(m.all));
    struct opening o = {d, &m, {0}};
    for (size_t i = 0; !e && i < d->config->listen.n; i++)
        e = open_address(&o, &d->config->listen_addresses[i], why);
    for (size_t i = 0; !e && i < d->config->ports_n; i++) {
        o.role = arena_dup(&d->arena, slice_of(d->config->ports[i].role));
        e = o.role.ptr ? open_address(&o, &d->config->ports[i].address, why)
                       : why_set(why, ERR_NO_MEMORY, "no memory for a listener");
    }
    return e;
}

/* ---- the certificate ------------------------------------------------------------------------ */

enum err listen_certificate(const struct daemon *d, const struct config *c,
                            struct tls_context **ret_context, struct why *why)
{
    const struct tls_source from = {.certificate = c->tls_certificate,
                                    .key = c->tls_key,
                                    .folder = d->folders.data,
                                    .names = c->hosts.items,
                                    .n_names = c->hosts.n,
                                    .addresses = d->secure.at,
                                    .n_addresses = d->secure.n};
    *ret_context = NULL;
    return d->secure.any ? tls_context_open(&from, ret_context, why) : OK;
}

void listen_install(struct daemon *d, struct tls_context *context)
{
    const struct tls_facts *facts = context ? tls_context_facts(context) : NULL;
    tls_context_free(d->server.tls);
    d->server.tls = context;
    if (!facts)
        return;
    log_info("tls", "the certificate%s has the SHA-256 fingerprint %s",
             facts->own ? " (our own: clients trust it by its file, tls/cert.pem)" : "",
             facts->fingerprint);
    if (facts->ends_ms < os_wall_ms() + ENDS_SOON_MS)
        log_warn("tls",
                 "the certificate ends in less than 14 days; renew it, then `hearth reload`");
}

/* ---- all of it ------------------------------------------------------------------------------ */

enum err listen_all(struct daemon *d, struct why *why)
{
    struct tls_context *context;
    enum err e = open_all(d, why);
    if (!e)
        e = listen_certificate(d, d->config, &context, why);
    if (!e)
        listen_install(d, context);
    int fd;
    if (!e)
        e = os_unix_listen(d->folders.run, CLI_SOCKET, &fd, why);
    if (!e)
        e = server_listen_admin(&d->server, fd, why);
    return e;
}
