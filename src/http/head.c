/* head: what one head means: request line, status line, where the body ends, whether the connection
 * lives on, which host was meant. Lines and bytes were checked by parse.c, so there is no control
 * byte but the tab here, and each line ends in CR LF. Where two readers of HTTP could disagree
 * about the end of a message, it is refused. */
#include "http/state.h"
#include "http/wire.h"

static const struct {
    enum http_method method;
    struct slice name;
} methods[] = {
    {METHOD_GET, {"GET", 3}},         {METHOD_POST, {"POST", 4}}, {METHOD_HEAD, {"HEAD", 4}},
    {METHOD_OPTIONS, {"OPTIONS", 7}}, {METHOD_PUT, {"PUT", 3}},   {METHOD_DELETE, {"DELETE", 6}},
    {METHOD_PATCH, {"PATCH", 5}},
};

struct slice http_method_name(enum http_method m)
{
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (methods[i].method == m)
            return methods[i].name;
    }
    return (struct slice){"", 0};
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && (!c || !strchr("!#$%&'*+-.^_`|~", c)))
            return false;
    }
    return s.len > 0;
}

static bool read_version(struct http_parser *p, struct slice version)
{
    static const char odd[] = "the first line does not name an HTTP version";
    if (version.len != 8 || !slice_begins(version, SLICE("HTTP/")) || version.ptr[6] != '.')
        return http_refuse(p, ERR_BAD_HTTP, odd);
    char major = version.ptr[5], minor = version.ptr[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9')
        return http_refuse(p, ERR_BAD_HTTP, odd);
    if (major != '1' || minor > '1')
        return http_refuse(p, ERR_HTTP_VERSION, "an HTTP version other than 1.0 and 1.1");
    p->state->head.minor = minor - '0';
    return true;
}

static bool read_method(struct http_parser *p, struct slice name)
{
    if (!is_token(name))
        return http_refuse(p, ERR_BAD_HTTP, "the method is not a word");
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (slice_is(methods[i].name, name)) {
            p->state->head.method = methods[i].method;
            return true;
        }
    }
    if (slice_is(name, SLICE("CONNECT")) || slice_is(name, SLICE("TRACE")))
        return http_refuse(p, ERR_METHOD_NOT_ALLOWED, "CONNECT and TRACE are not answered");
    return http_refuse(p, ERR_NOT_IMPLEMENTED, "an unknown method");
}

static bool request_line(struct http_parser *p, struct slice line)
{
    struct slice rest = line, method, target, version = {0};
    bool three = slice_split(&rest, ' ', &method) && slice_split(&rest, ' ', &target) &&
                 slice_split(&rest, ' ', &version) && !rest.ptr;
    if (!three || !target.len)
        return http_refuse(p, ERR_BAD_HTTP, "the first line is not METHOD TARGET VERSION");
    if (!read_version(p, version) || !read_method(p, method))
        return false;
    if (target.len > p->limits.target)
        return http_refuse(p, ERR_URI_TOO_LONG, "the target is too long");
    for (size_t i = 0; i < target.len; i++) {
        if (target.ptr[i] <= ' ' || target.ptr[i] > '~' || target.ptr[i] == '#')
            return http_refuse(p, ERR_BAD_HTTP, "a byte that may not stand in a target");
    }
    p->state->target_at = (size_t)(target.ptr - p->state->block.ptr);
    p->state->target_len = target.len;
    return true;
}

static bool status_line(struct http_parser *p, struct slice line)
{
    struct slice rest = line, version, status;
    if (!slice_split(&rest, ' ', &version) || !read_version(p, version))
        return http_refuse(p, ERR_BAD_RESPONSE, "no status line of HTTP/1.0 or 1.1");
    uint64_t n;
    bool three = slice_split(&rest, ' ', &status) && status.len == 3 && slice_u64(status, &n);
    if (!three || n < 100 || n > 599)
        return http_refuse(p, ERR_BAD_RESPONSE, "the status is not a number from 100 to 599");
    p->state->head.status = (int)n;
    return true;
}

bool head_first_line(struct http_parser *p, struct slice line)
{
    return p->kind == HTTP_REQUEST ? request_line(p, line) : status_line(p, line);
}

struct slice http_field(const struct http_head *head, const char *lower_name)
{
    struct slice name = slice_of(lower_name);
    for (unsigned i = 0; i < head->count; i++) {
        if (slice_is(head->fields[i].name, name))
            return head->fields[i].value;
    }
    return (struct slice){0};
}

unsigned http_field_count(const struct http_head *head, const char *lower_name)
{
    struct slice name = slice_of(lower_name);
    unsigned n = 0;
    for (unsigned i = 0; i < head->count; i++)
        n += slice_is(head->fields[i].name, name);
    return n;
}

/* Bytes of our own buffer, which llhttp only lends. */
static void lower_in_place(struct text *block, struct slice s)
{
    char *at = block->ptr + (s.ptr - block->ptr);
    for (size_t i = 0; i < s.len; i++) {
        if (at[i] >= 'A' && at[i] <= 'Z')
            at[i] = (char)(at[i] - 'A' + 'a');
    }
}

static void keep_field(void *owner, struct slice name, struct slice value)
{
    struct http_parser *p = owner;
    struct http_state *s = p->state;
    /* Many servers take '_' for '-': content_length must never reach one. Seen by nobody. */
    if (p->kind == HTTP_REQUEST && slice_find(name, '_') < name.len)
        return;
    if (s->head.count >= HTTP_MOST_FIELDS)
        return; /* end_line counted and refused before */
    lower_in_place(&s->block, name);
    if (!value.ptr) /* empty, but there */
        value = slice_from(name, name.len);
    s->fields[s->head.count++] = (struct http_field){name, value};
}

static bool read_coding(struct http_parser *p)
{
    struct http_head *h = &p->state->head;
    struct slice rest = http_field(h, "transfer-encoding"), word;
    if (!rest.ptr)
        return true;
    if (http_field_count(h, "transfer-encoding") > 1)
        return http_refuse(p, ERR_BAD_HTTP, "Transfer-Encoding stands twice");
    if (h->has_length)
        return http_refuse(p, ERR_BAD_HTTP, "Content-Length and Transfer-Encoding stand together");
    if (h->minor == 0)
        return http_refuse(p, ERR_BAD_HTTP, "Transfer-Encoding in HTTP/1.0");
    if (!slice_is_nocase(rest, SLICE("chunked"))) {
        bool chunked = false;
        while (slice_split(&rest, ',', &word)) {
            if (chunked || !is_token(slice_trim(word)))
                return http_refuse(p, ERR_BAD_HTTP, "Transfer-Encoding is malformed");
            chunked = slice_is_nocase(slice_trim(word), SLICE("chunked"));
        }
        return http_refuse(p, ERR_NOT_IMPLEMENTED, "a Transfer-Encoding other than chunked");
    }
    h->chunked = true;
    return true;
}

static bool read_length(struct http_parser *p)
{
    struct http_head *h = &p->state->head;
    unsigned n = http_field_count(h, "content-length");
    if (n == 0)
        return true;
    if (n > 1)
        return http_refuse(p, ERR_BAD_HTTP, "Content-Length stands twice");
    if (!slice_u64(http_field(h, "content-length"), &h->content_length) ||
        h->content_length > INT64_MAX)
        return http_refuse(p, ERR_BAD_HTTP, "Content-Length is not a decimal number");
    h->has_length = true;
    return true;
}

static bool is_in_list(const struct http_head *h, const char *field, struct slice word)
{
    struct slice name = slice_of(field);
    for (unsigned i = 0; i < h->count; i++) {
        struct slice rest = h->fields[i].value, part;
        if (!slice_is(h->fields[i].name, name))
            continue;
        while (slice_split(&rest, ',', &part)) {
            if (slice_is_nocase(slice_trim(part), word))
                return true;
        }
    }
    return false;
}

static bool read_expect(struct http_parser *p)
{
    struct http_head *h = &p->state->head;
    unsigned n = http_field_count(h, "expect");
    if (n == 0)
        return true;
    if (n > 1 || !slice_is_nocase(http_field(h, "expect"), SLICE("100-continue")))
        return http_refuse(p, ERR_EXPECTATION, "an Expect other than 100-continue");
    h->expect_continue = h->minor == 1 && h->has_body;
    return true;
}

/* scheme://authority/path: the authority must be what Host says. */
static bool read_absolute(struct http_parser *p, struct slice target, struct slice *ret_rest)
{
    struct http_head *h = &p->state->head;
    struct slice scheme, theirs, ours;
    uint16_t their_port, our_port, usual;
    size_t n = slice_find(target, ':');
    scheme = slice_to(target, n);
    target = slice_from(target, n);
    if (slice_is_nocase(scheme, SLICE("http")))
        usual = 80;
    else if (slice_is_nocase(scheme, SLICE("https")))
        usual = 443;
    else
        return http_refuse(p, ERR_BAD_HTTP, "the target does not begin with a slash");
    if (!slice_begins(target, SLICE("://")))
        return http_refuse(p, ERR_BAD_HTTP, "the target is no address");
    target = slice_from(target, 3);
    n = min_size(slice_find(target, '/'), slice_find(target, '?'));
    if (!http_host_split(slice_to(target, n), &theirs, &their_port) ||
        !http_host_split(h->host, &ours, &our_port) || !slice_is_nocase(theirs, ours) ||
        (their_port ? their_port : usual) != (our_port ? our_port : usual))
        return http_refuse(p, ERR_BAD_HTTP, "the target names another host than Host does");
    *ret_rest = slice_from(target, n);
    return true;
}

static bool read_target(struct http_parser *p)
{
    struct http_head *h = &p->state->head;
    struct slice rest = h->target;
    if (rest.ptr[0] != '/' && !(h->method == METHOD_OPTIONS && slice_is(rest, SLICE("*")))) {
        if (!read_absolute(p, h->target, &rest))
            return false;
    }
    size_t n = slice_find(rest, '?');
    h->path = n ? slice_to(rest, n) : SLICE("/");
    h->query = n < rest.len ? slice_from(rest, n + 1) : (struct slice){0};
    return true;
}

static bool read_host(struct http_parser *p)
{
    struct http_head *h = &p->state->head;
    struct slice host;
    uint16_t port;
    if (http_field_count(h, "host") != 1)
        return http_refuse(p, ERR_BAD_HTTP, "there must be one Host field");
    h->host = http_field(h, "host");
    if (!http_host_split(h->host, &host, &port))
        return http_refuse(p, ERR_BAD_HTTP, "Host is malformed");
    return true;
}

static bool finish_request(struct http_parser *p)
{
    struct http_head *h = &p->state->head;
    h->target = slice_to(slice_from(text_slice(&p->state->block), p->state->target_at),
                         p->state->target_len);
    h->has_body = h->chunked || h->content_length > 0;
    bool bodiless =
        h->method == METHOD_GET || h->method == METHOD_HEAD || h->method == METHOD_DELETE;
    if (h->has_body && h->minor == 0 && bodiless)
        return http_refuse(p, ERR_BAD_HTTP, "a body on GET, HEAD or DELETE in HTTP/1.0");
    return read_host(p) && read_target(p) && read_expect(p);
}

static void finish_response(struct http_parser *p)
{
    struct http_head *h = &p->state->head;
    bool bodiless = p->no_body || h->status < 200 || h->status == 204 || h->status == 304;
    h->until_eof = !bodiless && !h->chunked && !h->has_length;
    h->has_body = !bodiless && (h->chunked || h->until_eof || h->content_length > 0);
    h->keep_alive = h->keep_alive && !h->until_eof;
}

bool head_finish(struct http_parser *p)
{
    struct http_state *s = p->state;
    struct wire_reading reading;
    s->head.fields = s->fields;
    if (!wire_read(p->kind == HTTP_RESPONSE, text_slice(&s->block), keep_field, p, &reading))
        return http_refuse(p, ERR_BAD_HTTP, reading.why);
    if (!read_length(p) || !read_coding(p))
        return false;
    bool same = reading.chunked == s->head.chunked && reading.has_length == s->head.has_length &&
                (!s->head.has_length || reading.content_length == s->head.content_length);
    if (!same)
        return http_refuse(p, ERR_BAD_HTTP, "the body's length can be read in two ways");
    s->head.keep_alive =
        !is_in_list(&s->head, "connection", SLICE("close")) &&
        (s->head.minor == 1 || is_in_list(&s->head, "connection", SLICE("keep-alive")));
    if (p->kind == HTTP_REQUEST)
        return finish_request(p);
    finish_response(p);
    return true;
}

static void check_trailer(void *owner, struct slice name, struct slice value)
{
    struct http_parser *p = owner;
    (void)value;
    if (slice_is_nocase(name, SLICE("content-length")) || slice_is_nocase(name, SLICE("host")) ||
        slice_is_nocase(name, SLICE("transfer-encoding")))
        http_refuse(p, ERR_BAD_HTTP, "a trailer that may only stand in a head");
}

bool head_check_trailers(struct http_parser *p)
{
    struct wire_reading reading;
    if (!wire_read(false, text_slice(&p->state->trailers), check_trailer, p, &reading))
        return http_refuse(p, ERR_BAD_HTTP, reading.why);
    return !p->err;
}
