/* listen: the addresses of the configuration, each loopback with its twin. Beyond loopback nothing
 * is opened yet: that needs keys and TLS. */
#include "daemon/inside.h"

#include <arpa/inet.h>

#include "base/log.h"
#include "os/os.h"

static struct sockaddr_storage socket_address(bool v6, const char *host, uint16_t port)
{
    struct sockaddr_storage at = {0};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&at;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&at;
    at.ss_family = v6 ? AF_INET6 : AF_INET;
    inet_pton(at.ss_family, host, v6 ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr);
    if (v6)
        in6->sin6_port = htons(port);
    else
        in4->sin_port = htons(port);
    return at;
}

static enum err open_one(struct daemon *d, const char *host, uint16_t port, int *ret_port,
                         struct why *why)
{
    bool v6 = strchr(host, ':') != NULL;
    struct sockaddr_storage at = socket_address(v6, host, port);
    enum err e = server_listen(&d->server, &at, ret_port, why);
    if (e)
        return e;
    struct slice name =
        arena_format(&d->arena, v6 ? "http://[%s]:%d" : "http://%s:%d", host, *ret_port);
    if (d->n_listening < MOST_LISTENERS)
        d->listening[d->n_listening++] = name;
    return OK;
}

static bool is_already(const struct daemon *d, const char *url)
{
    for (unsigned i = 0; i < d->n_listening; i++) {
        if (slice_is(d->listening[i], slice_of(url)))
            return true;
    }
    return false;
}

/* 127.0.0.1, ::1 and localhost mean both. */
static enum err open_both(struct daemon *d, uint16_t port, struct why *why)
{
    int chosen;
    char url[64];
    struct text words = {0};
    text_format(&words, "http://127.0.0.1:%u", port);
    memcpy(url, text_cstr(&words), min_size(words.len + 1, sizeof url));
    text_fini(&words);
    if (port && is_already(d, url))
        return OK; /* the twin was named too */
    enum err e = open_one(d, "127.0.0.1", port, &chosen, why);
    if (e)
        return e;
    if (!os_has_loopback6()) {
        log_warn("daemon", "this machine has no ::1: only 127.0.0.1 listens");
        return OK;
    }
    int twin;
    e = open_one(d, "::1", (uint16_t)chosen, &twin, why);
    if (e && !port) { /* the system chose a port that is taken on ::1: do without */
        log_warn("daemon", "port %d is taken on ::1: only 127.0.0.1 listens", chosen);
        return OK;
    }
    return e;
}

static enum err open_address(struct daemon *d, const struct config_address *a, struct why *why)
{
    int port;
    bool pair = a->place == CONFIG_LOCALHOST ||
                (a->place == CONFIG_IP &&
                 (strcmp(a->host, "127.0.0.1") == 0 || strcmp(a->host, "::1") == 0));
    if (!a->local || a->place == CONFIG_UNIX || strcmp(a->host, "0.0.0.0") == 0 ||
        strcmp(a->host, "::") == 0)
        return why_set(why, ERR_CONFIG,
                       "listen: %s is reached from other machines; this version listens on this "
                       "machine only: use 127.0.0.1:%u",
                       a->host, a->port);
    return pair ? open_both(d, a->port, why) : open_one(d, a->host, a->port, &port, why);
}

enum err listen_all(struct daemon *d, struct why *why)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < d->config->listen.n; i++) {
        e = open_address(d, &d->config->listen_addresses[i], why);
        if (e == ERR_BUSY) {
            char words[sizeof why->text];
            memcpy(words, why->text, sizeof words);
            why_set(why, e,
                    "port %u is taken by another program (%.200s); stop it, or use "
                    "another one: hearth up --listen 127.0.0.1:0",
                    d->config->listen_addresses[i].port, words);
        }
    }
    int fd;
    if (!e)
        e = os_unix_listen(d->run_folder, CLI_SOCKET, &fd, why);
    if (!e)
        e = server_listen_admin(&d->server, fd, why);
    return e;
}
