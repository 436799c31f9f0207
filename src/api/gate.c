/* gate: who may ask at all, judged by the headers before anything of the body is read. A name that
 * is not ours, or a web page that was not admitted, gets no further: otherwise any page that the
 * user opens could speak for him. */
#include <arpa/inet.h>

#include "api/inside.h"

static bool is_loopback(struct slice host)
{
    char text[64];
    struct in_addr v4;
    struct in6_addr v6;
    if (slice_is_nocase(host, SLICE("localhost")))
        return true;
    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1)
        return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static enum err check_host(const struct visit *v, struct why *why)
{
    struct slice host;
    uint16_t port;
    if (!http_host_split(v->x->head->host, &host, &port))
        return why_set(why, ERR_BAD_HTTP, "the Host header is malformed");
    if (!is_loopback(host))
        return why_set(why, ERR_HOST_NOT_ALLOWED, "%.*s", 60, ""); /* an echo would help nobody */
    return OK;
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
    struct slice http = SLICE("http://");
    return slice_begins(origin, http) &&
           slice_is_nocase(slice_from(origin, http.len), v->x->head->host);
}

static enum err check_origin(struct visit *v, struct why *why)
{
    struct slice origin = http_field(v->x->head, "origin");
    struct slice site = http_field(v->x->head, "sec-fetch-site");
    bool foreign =
        slice_is_nocase(site, SLICE("cross-site")) || slice_is_nocase(site, SLICE("same-site"));
    bool admitted = origin.len && (is_own(v, origin) || is_admitted(v->api, origin));
    char words[100];
    struct text visible = {.limit = sizeof words - 1};
    if (admitted) {
        v->origin = origin;
        return OK;
    }
    if (!origin.ptr && !foreign)
        return OK;
    text_visible(&visible, slice_to(origin, min_size(origin.len, 60)));
    enum err e = ERR_ORIGIN_NOT_ALLOWED;
    if (origin.len)
        why_set(why, e, "to allow it: origins: [\"%s\"]", text_cstr(&visible));
    else
        why_set(why, e, "the browser says that a page of another site asks");
    text_fini(&visible);
    return e;
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

static enum err check_type(const struct visit *v, struct why *why)
{
    struct slice type = http_field(v->x->head, "content-type");
    struct slice media = slice_trim(slice_to(type, slice_find(type, ';')));
    if (!v->endpoint->json || slice_is_nocase(media, SLICE("application/json")))
        return OK;
    return why_set(why, ERR_MEDIA_TYPE, "%s",
                   type.len ? "the body is said to be something else"
                            : "there is no Content-Type header");
}

static enum err check_coding(const struct visit *v, struct why *why)
{
    struct slice coding = http_field(v->x->head, "content-encoding");
    if (!coding.len || slice_is_nocase(coding, SLICE("identity")))
        return OK;
    return why_set(why, ERR_MEDIA_TYPE, "compressed bodies are not taken; send it plain");
}

bool gate_is_preflight(const struct visit *v)
{
    return v->x->head->method == METHOD_OPTIONS && v->origin.len &&
           http_field(v->x->head, "access-control-request-method").len;
}

enum err gate_check(struct visit *v, struct why *why)
{
    enum err e = OK;
    struct text path = {0};
    if (!v->x->admin) {
        e = check_host(v, why);
        if (!e)
            e = check_origin(v, why);
    }
    if (!e)
        e = check_loop(v, why);
    if (!e && !http_path_ok(v->x->head->path, &path))
        e = why_set(why, ERR_BAD_HTTP, "the path is not in its plain form");
    if (!e && !gate_is_preflight(v)) {
        e = endpoint_find(text_slice(&path), v->x->head->method, &v->endpoint, &v->allowed);
        if (e)
            why_set(why, e, "%s", "");
        else if (v->endpoint->who == ADMIN && !v->x->admin)
            e = why_set(why, ERR_FORBIDDEN, "%s", "");
        if (!e)
            e = check_type(v, why);
        if (!e)
            e = check_coding(v, why);
    }
    text_fini(&path);
    return e;
}
