/* place: from a URL to an address, once, before anything is measured. */
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

#include "bench/inside.h"
#include "http/http.h"

static enum err resolve(const char *host, uint16_t port, struct bench_place *place, struct why *why)
{
    char service[8];
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found;
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int failed = getaddrinfo(host, service, &wanted, &found);
    if (failed)
        return why_set(why, ERR_DNS, "cannot resolve %.100s: %s", host, gai_strerror(failed));
    memcpy(&place->address, found->ai_addr, found->ai_addrlen);
    place->address_len = found->ai_addrlen;
    freeaddrinfo(found);
    return OK;
}

enum err bench_find(const char *url, struct bench_place *ret_place, struct why *why)
{
    struct slice rest = slice_of(url), host;
    struct bench_place place = {0};
    uint16_t port = 0;
    if (slice_begins(rest, SLICE("https:")))
        return why_set(why, ERR_BAD_REQUEST,
                       "%.100s: the generator speaks plain http only, so that it measures no "
                       "encryption of its own; give the gateway an http port for it",
                       url);
    if (slice_begins(rest, SLICE("http://")))
        rest = slice_from(rest, 7);
    size_t host_len = slice_find(rest, '/');
    struct slice authority = slice_to(rest, host_len), path = slice_from(rest, host_len);
    while (slice_ends(path, SLICE("/")))
        path.len--;
    if (!path.len)
        path = SLICE("/v1");
    if (authority.len >= sizeof place.host || path.len >= sizeof place.path ||
        !http_host_split(authority, &host, &port))
        return why_set(why, ERR_BAD_REQUEST,
                       "%.100s is no address; write it as http://127.0.0.1:8420", url);
    char name[sizeof place.host];
    snprintf(name, sizeof name, "%.*s", SLICE_ARG(host));
    snprintf(place.host, sizeof place.host, "%.*s", SLICE_ARG(authority));
    snprintf(place.path, sizeof place.path, "%.*s", SLICE_ARG(path));
    enum err e = resolve(name, port ? port : 80, &place, why);
    if (!e)
        *ret_place = place;
    return e;
}
