/* write: heads and chunks. Whatever values it is given, what it writes is one head: a line end in a
 * value can begin neither a field nor a message. */
#include "http/http.h"
#include "http/plain.h"

#define USUAL_HEAD 400u /* bytes: one block of memory for most heads */

static const struct {
    int status;
    const char *words;
} statuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {529, "Overloaded"},
};

const char *http_status_words(int status)
{
    static const char *const classes[] = {"Unknown",   "Continue",    "OK",
                                          "See Other", "Bad Request", "Internal Server Error"};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        if (statuses[i].status == status)
            return statuses[i].words;
    }
    return classes[status >= 100 && status <= 599 ? status / 100 : 0];
}

static bool is_value(struct slice s)
{
    for (size_t i = plain_length(s, ' '); i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* What a field's name may be made of. */
static bool is_token(struct slice s)
{
    static const bool token[256] = {
        ['!'] = 1,         ['#' ... '\''] = 1, ['*'] = 1,         ['+'] = 1, ['-'] = 1, ['.'] = 1,
        ['0' ... '9'] = 1, ['A' ... 'Z'] = 1,  ['^' ... 'z'] = 1, ['|'] = 1, ['~'] = 1};
    for (size_t i = 0; i < s.len; i++) {
        if (!token[(unsigned char)s.ptr[i]])
            return false;
    }
    return s.len > 0;
}

static bool is_target(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '#')
            return false;
    }
    return s.len > 0;
}

static bool write_fields(struct text *out, const struct http_field *fields, size_t n)
{
    bool as_given = true;
    for (size_t i = 0; i < n; i++) {
        struct slice value = fields[i].value;
        if (!is_token(fields[i].name)) {
            as_given = false;
            continue;
        }
        if (!is_value(value)) {
            as_given = false;
            value.len = 0;
        }
        text_add(out, fields[i].name);
        text_add(out, SLICE(": "));
        text_add(out, value);
        text_add(out, SLICE("\r\n"));
    }
    text_add(out, SLICE("\r\n"));
    return as_given;
}

bool http_write_request(struct text *out, enum http_method method, struct slice target,
                        const struct http_field *fields, size_t n)
{
    bool good = is_target(target);
    assert(method != METHOD_NONE);
    if (!text_room(out, USUAL_HEAD))
        return false;
    text_add(out, http_method_name(method));
    text_byte(out, ' ');
    text_add(out, good ? target : SLICE("/"));
    text_add(out, SLICE(" HTTP/1.1\r\n"));
    return write_fields(out, fields, n) && good;
}

bool http_write_response(struct text *out, int status, const struct http_field *fields, size_t n)
{
    assert(status >= 100 && status <= 599);
    if (!text_room(out, USUAL_HEAD))
        return false;
    text_add(out, SLICE("HTTP/1.1 "));
    text_u64(out, (uint64_t)status);
    text_byte(out, ' ');
    text_add(out, slice_of(http_status_words(status)));
    text_add(out, SLICE("\r\n"));
    return write_fields(out, fields, n);
}

struct slice http_chunk_open(char room[HTTP_CHUNK_OPEN], size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = HTTP_CHUNK_OPEN - 2;
    assert(bytes > 0); /* 0 would end the body */
    room[at] = '\r';
    room[at + 1] = '\n';
    for (; bytes; bytes >>= 4)
        room[--at] = digits[bytes & 15];
    return (struct slice){room + at, HTTP_CHUNK_OPEN - at};
}
