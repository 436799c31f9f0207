/* address: where a provider is, and where to listen. Only what can be reached without resolving a
 * name and without TLS is good; the rest is told apart into wrong and not yet. */
#include <arpa/inet.h>

#include "config/inner.h"

#define LONGEST_INTERFACE 15u
#define LONGEST_SOCKET 107u /* struct sockaddr_un has 108 bytes with the NUL */

struct url {
    struct slice host, port, path;
    bool brackets;
};

static bool is_digit_or_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_all(struct slice s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit_or_letter(s.ptr[i]) && (!s.ptr[i] || !strchr(more, s.ptr[i])))
            return false;
    }
    return true;
}

static bool port_of(struct slice s, uint16_t *ret_port)
{
    uint64_t n;
    if (s.len > 5 || !slice_u64(s, &n) || n > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)n;
    return true;
}

static bool is_local_4(const unsigned char ip[4])
{
    return ip[0] == 127 || (ip[0] | ip[1] | ip[2] | ip[3]) == 0;
}

static bool is_local_6(const unsigned char ip[16])
{
    static const unsigned char zeros[15], mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(ip, mapped, sizeof mapped) == 0)
        return is_local_4(ip + 12);
    return memcmp(ip, zeros, sizeof zeros) == 0 && ip[15] <= 1; /* :: and ::1 */
}

/* An IP address without its brackets, or localhost. */
static bool host_of(struct arena *a, struct slice host, bool brackets,
                    struct config_address *address)
{
    unsigned char ip[16];
    char text[INET6_ADDRSTRLEN];
    if (host.len >= sizeof text)
        return false;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    if (!brackets && slice_is_nocase(host, SLICE("localhost"))) {
        address->place = CONFIG_LOCALHOST;
        address->local = true;
        address->host = "localhost";
        return true;
    }
    if (brackets ? inet_pton(AF_INET6, text, ip) != 1 : inet_pton(AF_INET, text, ip) != 1)
        return false;
    address->place = CONFIG_IP;
    address->local = brackets ? is_local_6(ip) : is_local_4(ip);
    address->host = arena_cstr(a, host);
    return address->host != NULL;
}

/* Takes HOST[:PORT] apart; false when it is no such thing. */
static bool split_host(struct slice s, struct url *u)
{
    u->brackets = slice_begins(s, SLICE("["));
    size_t end = slice_find(s, u->brackets ? ']' : ':');
    if (u->brackets && end == s.len)
        return false;
    u->host = u->brackets ? (struct slice){s.ptr + 1, end - 1} : slice_to(s, end);
    struct slice rest = slice_from(s, end + u->brackets);
    if (rest.len && rest.ptr[0] != ':')
        return false;
    u->port = rest.len ? slice_from(rest, 1) : (struct slice){0};
    return u->host.len && (!rest.len || u->port.len);
}

static bool is_path(struct slice path)
{
    struct slice part;
    if (!is_all(path, "/-._~!$&'()*+,;=:@"))
        return false;
    for (struct slice rest = path; slice_split(&rest, '/', &part);) {
        if (slice_is(part, SLICE(".")) || slice_is(part, SLICE("..")))
            return false;
        if (!part.len && part.ptr != path.ptr)
            return false;
    }
    return true;
}

static enum where socket_address(struct arena *a, struct slice path, struct config_address *address,
                                 const char **ret_words)
{
    if (slice_begins(path, SLICE("///")))
        path = slice_from(path, 2);
    if (!path.len || path.ptr[0] != '/' || slice_begins(path, SLICE("//")) ||
        path.len > LONGEST_SOCKET) {
        *ret_words = "a socket's path begins with / and has at most 107 bytes";
        return WHERE_BAD;
    }
    address->place = CONFIG_UNIX;
    address->local = true;
    address->host = arena_cstr(a, path);
    return WHERE_GOOD;
}

static enum where check_scheme(struct slice *s, const char **ret_words)
{
    size_t colon = slice_find(*s, ':');
    struct slice rest = slice_from(*s, colon), scheme = slice_to(*s, colon);
    if (!slice_begins(rest, SLICE("://")))
        return WHERE_GOOD; /* HOST:PORT, as Ollama has it */
    *s = slice_from(rest, 3);
    if (slice_is_nocase(scheme, SLICE("http")))
        return WHERE_GOOD;
    if (slice_is_nocase(scheme, SLICE("https"))) {
        *ret_words = "https waits for a later version of hearth";
        return WHERE_LATER;
    }
    if (scheme.len && is_all(scheme, "+-.")) {
        *ret_words = "only http:// and unix: are spoken; others wait for a later version of hearth";
        return WHERE_LATER;
    }
    *ret_words = "an address begins with http:// or unix:";
    return WHERE_BAD;
}

static enum where check_url(struct slice s, struct url *u, const char **ret_words)
{
    size_t slash = slice_find(s, '/');
    struct slice authority = slice_to(s, slash);
    u->path = slice_from(s, slash);
    while (u->path.len && u->path.ptr[u->path.len - 1] == '/')
        u->path.len--;
    if (slice_find(s, '?') < s.len || slice_find(s, '#') < s.len)
        *ret_words = "it may not hold ? or #";
    else if (!split_host(authority, u))
        *ret_words = "after http:// come an address and a port";
    else if (!is_path(u->path))
        *ret_words = "its path is not a plain one";
    else
        return WHERE_GOOD;
    return WHERE_BAD;
}

enum where config_address(struct arena *a, struct slice s, struct config_address *ret_address,
                          const char **ret_path, const char **ret_words)
{
    struct config_address address = {.port = 80};
    struct url u = {0};
    *ret_path = "";
    if (slice_begins(s, SLICE("unix:"))) {
        address.port = 0;
        enum where w = socket_address(a, slice_from(s, 5), &address, ret_words);
        *ret_address = address;
        return w;
    }
    enum where scheme = check_scheme(&s, ret_words);
    if (scheme != WHERE_GOOD)
        return scheme;
    if (check_url(s, &u, ret_words) == WHERE_BAD)
        return WHERE_BAD;
    if (u.port.ptr && (!port_of(u.port, &address.port) || !address.port)) {
        *ret_words = "a port is a number from 1 to 65535";
        return WHERE_BAD;
    }
    *ret_path = arena_cstr(a, u.path);
    if (host_of(a, u.host, u.brackets, &address)) {
        *ret_address = address;
        return WHERE_GOOD;
    }
    if (u.brackets || !is_all(u.host, "-._")) {
        *ret_words = "that is no host";
        return WHERE_BAD;
    }
    *ret_words = "names wait for a later version of hearth; write the IP address";
    return WHERE_LATER;
}

bool config_listen_address(struct arena *a, struct slice s, struct config_address *ret_address)
{
    struct config_address address = {0};
    struct url u = {0};
    if (!split_host(s, &u) || !port_of(u.port, &address.port) ||
        !host_of(a, u.host, u.brackets, &address))
        return false;
    *ret_address = address;
    return true;
}

/* An IP address of either kind, without brackets. */
static bool is_ip(struct slice s, bool *ret_unspecified)
{
    static const unsigned char zeros[16];
    unsigned char ip[16] = {0};
    char text[INET6_ADDRSTRLEN];
    if (s.len >= sizeof text)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    if (inet_pton(AF_INET, text, ip) != 1 && inet_pton(AF_INET6, text, ip) != 1)
        return false;
    *ret_unspecified = memcmp(ip, zeros, sizeof zeros) == 0;
    return true;
}

bool config_is_plain(struct slice s)
{
    bool unspecified;
    if (is_ip(s, &unspecified))
        return !unspecified; /* that would be every network */
    return s.len && s.len <= LONGEST_INTERFACE && is_all(s, "-._@");
}

bool config_is_host(struct slice s)
{
    bool unspecified;
    return is_ip(s, &unspecified) || (s.len && s.len <= 253 && is_all(s, "-._"));
}

/* 127.0.0.1, ::1 and localhost listen at both loopbacks. */
static bool is_pair(const struct config_address *a)
{
    return a->place == CONFIG_LOCALHOST || strcmp(a->host, "127.0.0.1") == 0 ||
           strcmp(a->host, "::1") == 0;
}

bool config_same_listener(const struct config_address *a, const struct config_address *b)
{
    bool all = false, every = false;
    if (!a->port || a->port != b->port)
        return false;
    is_ip(slice_of(a->host), &all);
    is_ip(slice_of(b->host), &every);
    return all || every || (is_pair(a) && is_pair(b)) || strcmp(a->host, b->host) == 0;
}
