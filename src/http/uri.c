/* uri: hosts and paths. Both answer "is it well-formed, and what does it name"; whether it may be
 * asked for is decided elsewhere. */
#include <arpa/inet.h>

#include "http/http.h"

#define MOST_HOST 255
#define MOST_PORT_DIGITS 5

static bool is_name(struct slice s)
{
    bool label = false; /* has the label one byte at least? */
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';
        if (!word && (c != '.' || !label))
            return false;
        label = word;
    }
    return s.len > 0 && s.len <= MOST_HOST;
}

static bool is_v6(struct slice s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (!s.len || s.len >= sizeof text || slice_find(s, '\0') < s.len)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

bool http_host_split(struct slice host, struct slice *ret_host, uint16_t *ret_port)
{
    bool v6 = slice_begins(host, SLICE("["));
    struct slice name, rest;
    uint64_t port = 0;
    if (v6)
        host = slice_from(host, 1);
    size_t n = slice_find(host, v6 ? ']' : ':');
    name = slice_to(host, n);
    rest = slice_from(host, n);
    if (v6 && !rest.len)
        return false;
    if (v6)
        rest = slice_from(rest, 1);
    if (!(v6 ? is_v6(name) : is_name(name)))
        return false;
    if (rest.len) {
        if (rest.ptr[0] != ':' || rest.len > 1 + MOST_PORT_DIGITS ||
            !slice_u64(slice_from(rest, 1), &port) || port == 0 || port > UINT16_MAX)
            return false;
    }
    *ret_host = name;
    *ret_port = (uint16_t)port;
    return true;
}

static bool is_utf8(struct slice s)
{
    while (s.len) {
        size_t n = slice_utf8(s);
        if (!n)
            return false;
        s = slice_from(s, n);
    }
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_segment(struct slice segment, struct text *out)
{
    size_t begin = out->len;
    for (size_t i = 0; i < segment.len; i++) {
        char c = segment.ptr[i];
        if (c == '%') {
            if (segment.len - i < 3 || hex_value(segment.ptr[i + 1]) < 0 ||
                hex_value(segment.ptr[i + 2]) < 0)
                return false;
            c = (char)(hex_value(segment.ptr[i + 1]) << 4 | hex_value(segment.ptr[i + 2]));
            i += 2;
        }
        if ((unsigned char)c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == ';')
            return false;
        text_byte(out, c);
    }
    if (out->failed)
        return false;
    struct slice plain = slice_from(text_slice(out), begin);
    return !slice_is(plain, SLICE(".")) && !slice_is(plain, SLICE("..")) && is_utf8(plain);
}

bool http_query_decode(struct slice value, struct text *out)
{
    size_t begin = out->len;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i] == '+' ? ' ' : value.ptr[i];
        if (c == '%') {
            if (value.len - i < 3 || hex_value(value.ptr[i + 1]) < 0 ||
                hex_value(value.ptr[i + 2]) < 0)
                return false;
            c = (char)(hex_value(value.ptr[i + 1]) << 4 | hex_value(value.ptr[i + 2]));
            i += 2;
        }
        if (c == '\0')
            return false;
        text_byte(out, c);
    }
    return !out->failed && is_utf8(slice_from(text_slice(out), begin));
}

void http_query_encode(struct slice value, struct text *out)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("-._~", c));
        if (plain)
            text_byte(out, c);
        else
            text_format(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/* Nothing in it that could mean something else: what is usually asked for. */
static bool is_simple(struct slice path)
{
    static const bool letters[256] = {
        ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['-'] = 1, ['_'] = 1};
    bool after_slash = false;
    for (size_t i = 0; i < path.len; i++) {
        bool slash = path.ptr[i] == '/';
        if (slash ? after_slash : !letters[(unsigned char)path.ptr[i]])
            return false;
        after_slash = slash;
    }
    return true;
}

bool http_path_ok(struct slice path, struct text *ret_path)
{
    struct slice rest = path, segment;
    text_clear(ret_path);
    if (!slice_begins(path, SLICE("/")))
        return false;
    if (is_simple(path)) {
        text_add(ret_path, path);
        return !ret_path->failed;
    }
    rest = slice_from(rest, 1);
    while (slice_split(&rest, '/', &segment)) {
        if (!segment.len && rest.ptr)
            return false; /* "//" */
        text_byte(ret_path, '/');
        if (!decode_segment(segment, ret_path))
            return false;
    }
    return true;
}
