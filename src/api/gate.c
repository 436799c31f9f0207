/* gate: who may ask at all, judged by the headers before anything of the body is read. A name that
 * is not ours, or a web page that was not admitted, gets no further: otherwise any page that the
 * user opens could speak for him. Then it is asked who asks, by auth. */
#include <arpa/inet.h>

#include "api/inside.h"

#define MOST_NAME 253u

struct ip {     /* an address as a Host header has it */
    int family; /* AF_UNSPEC: it is a name */
    struct in_addr v4;
    struct in6_addr v6;
};

static struct ip ip_of(struct slice host)
{
    char text[64];
    struct ip ip = {.family = AF_UNSPEC};
    if (host.len >= sizeof text)
        return ip;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &ip.v4) == 1)
        ip.family = AF_INET;
    else if (inet_pton(AF_INET6, text, &ip.v6) == 1)
        ip.family = AF_INET6;
    return ip;
}

/* The very address at which the connection came in: whoever reached us there may say so. */
static bool is_local(const struct ip *ip, const struct peer *peer)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer->local;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer->local;
    if (ip->family == AF_UNSPEC || ip->family != peer->local.ss_family)
        return false;
    return ip->family == AF_INET ? ip->v4.s_addr == v4->sin_addr.s_addr
                                 : memcmp(&ip->v6, &v6->sin6_addr, sizeof ip->v6) == 0;
}

static bool is_ours(const struct visit *v, struct slice host)
{
    struct ip ip = ip_of(host);
    if (slice_is_nocase(host, SLICE("localhost")) || is_local(&ip, v->x->peer) ||
        (ip.family == AF_INET && (ntohl(ip.v4.s_addr) >> 24) == 127) ||
        (ip.family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ip.v6)))
        return true;
    for (size_t i = 0; i < v->api->n_hosts; i++) {
        if (slice_is_nocase(host, v->api->hosts[i]))
            return true;
    }
    return false;
}

/* `hosts: ["name"]`, what would admit it; no words when the name is none. */
static enum err refuse(struct why *why, enum err e, const char *setting, struct slice name)
{
    struct text visible = {0};
    text_visible(&visible, slice_to(name, min_size(name.len, MOST_NAME + 1)));
    if (name.len && name.len <= MOST_NAME)
        why_set(why, e, "%s: [\"%s\"]", setting, text_cstr(&visible));
    else
        why_set(why, e, "%s", "");
    text_fini(&visible);
    return e;
}

static enum err check_host(const struct visit *v, struct why *why)
{
    struct slice host;
    uint16_t port;
    if (!http_host_split(v->x->head->host, &host, &port))
        return why_set(why, ERR_BAD_HTTP, "the Host header is malformed");
    return is_ours(v, host) ? OK : refuse(why, ERR_HOST_NOT_ALLOWED, "hosts", host);
}

static bool is_admitted(const struct api *a, struct slice origin)
{
    for (size_t i = 0; i < a->n_origins; i++) {
        if (slice_is_nocase(origin, a->origins[i]))
            return true;
    }
    return false;
}

/* Our own page: its origin is the very address that was asked. */
static bool is_own(const struct visit *v, struct slice origin)
{
    struct slice scheme = v->x->peer->tls ? SLICE("https://") : SLICE("http://");
    return slice_begins(origin, scheme) &&
           slice_is_nocase(slice_from(origin, scheme.len), v->x->head->host);
}

static enum err check_origin(struct visit *v, struct why *why)
{
    struct slice origin = http_field(v->x->head, "origin");
    struct slice site = http_field(v->x->head, "sec-fetch-site");
    bool foreign =
        slice_is_nocase(site, SLICE("cross-site")) || slice_is_nocase(site, SLICE("same-site"));
    bool own = origin.len && is_own(v, origin);
    bool admitted = own || (origin.len && is_admitted(v->api, origin));
    v->own_page = own || (!origin.len && (slice_is_nocase(site, SLICE("same-origin")) ||
                                          slice_is_nocase(site, SLICE("none"))));
    if (admitted) {
        v->origin = origin;
        return OK;
    }
    if (!origin.ptr && !foreign)
        return OK;
    return refuse(why, ERR_ORIGIN_NOT_ALLOWED, "origins", origin);
}

static enum err check_loop(const struct visit *v, struct why *why)
{
    const struct http_head *head = v->x->head;
    for (unsigned i = 0; i < head->count; i++) {
        struct slice value = head->fields[i].value, part;
        if (!slice_is(head->fields[i].name, SLICE("via")))
            continue;
        while (slice_split(&value, ',', &part)) {
            if (slice_ends(slice_trim(part), v->api->instance))
                return why_set(why, ERR_LOOP, "a Via header names this daemon");
        }
    }
    return OK;
}

/* What programs send that do not say what it is; a page of somebody else can send it too. */
static bool is_lax(struct slice media)
{
    return !media.len || slice_is_nocase(media, SLICE("text/plain")) ||
           slice_is_nocase(media, SLICE("application/octet-stream")) ||
           slice_is_nocase(media, SLICE("application/x-www-form-urlencoded"));
}

static enum err check_type(const struct visit *v, struct why *why)
{
    struct slice type = http_field(v->x->head, "content-type");
    struct slice media = slice_trim(slice_to(type, slice_find(type, ';')));
    if (!v->endpoint->json || slice_is_nocase(media, SLICE("application/json")))
        return OK;
    if (v->endpoint->lax && is_lax(media))
        return OK; /* pages of others are turned away by their origin, before this */
    return why_set(why, ERR_MEDIA_TYPE, "%s",
                   type.len ? "the body is said to be something else"
                            : "there is no Content-Type header");
}

static enum err check_coding(const struct visit *v, struct why *why)
{
    struct slice coding = http_field(v->x->head, "content-encoding");
    if (!coding.len || slice_is_nocase(coding, SLICE("identity")))
        return OK;
    if (v->endpoint->take != TAKE_NONE && unpack_coding(coding))
        return OK;
    return why_set(why, ERR_CODING, "the body is packed in a way that is not taken here");
}

static uint16_t port_of(const struct sockaddr_storage *at)
{
    if (at->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)at)->sin_port);
    return at->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)at)->sin6_port) : 0;
}

struct ask gate_ask(const struct visit *v)
{
    const struct peer *p = v->x->peer;
    return (struct ask){.head = v->x->head,
                        .admin_socket = p->admin,
                        .tls = p->tls,
                        .here = p->loopback,
                        .user_known = p->user_known,
                        .uid = p->uid,
                        .port = port_of(&p->local),
                        .own_page = v->own_page};
}

/* Who asks, and whether he may ask this. What it is that is wrong with a credential is told to
 * nobody: the words are always the same. */
enum err gate_check_asker(struct visit *v, struct why *why)
{
    enum surface surface = v->endpoint->surface;
    struct ask ask = gate_ask(v);
    if (surface == SURFACE_anybody)
        return OK;
    enum err e = auth_judge(v->api->auth, &ask, &v->asker, &v->refused);
    if (!e && !(v->asker.surfaces >> surface & 1))
        e = surface == SURFACE_admin ? ERR_FORBIDDEN : ERR_OUT_OF_SCOPE;
    return e ? why_set(why, e, "%s", "") : OK;
}

bool gate_is_preflight(const struct visit *v)
{
    return v->x->head->method == METHOD_OPTIONS && v->origin.len &&
           http_field(v->x->head, "access-control-request-method").len;
}

enum err gate_check(struct visit *v, struct why *why)
{
    enum err e = OK;
    if (!v->x->peer->admin) {
        e = check_host(v, why);
        if (!e)
            e = check_origin(v, why);
    }
    if (!e)
        e = check_loop(v, why);
    if (!e && !http_path_ok(v->x->head->path, &v->path))
        e = why_set(why, ERR_BAD_HTTP, "the path is not in its plain form");
    if (!e && !gate_is_preflight(v)) {
        e = endpoint_find(text_slice(&v->path), v->x->head->method, &v->endpoint, &v->id,
                          &v->allowed);
        if (e)
            why_set(why, e, "%s", "");
        else
            e = gate_check_asker(v, why);
        if (!e)
            e = check_type(v, why);
        if (!e)
            e = check_coding(v, why);
    }
    return e;
}
