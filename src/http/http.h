/* http: HTTP/1.1 messages and event streams as bytes: reading with limits, writing heads, chunks
 * and events. Pure: no descriptor, no clock. It refuses everything whose end two programs could see
 * differently; who may ask, which host is ours and how long to wait is decided elsewhere. */
#pragma once

#include "base/err.h"

enum http_kind { HTTP_REQUEST, HTTP_RESPONSE };

/* Those that somebody here may answer. Others never get past the parser: CONNECT and TRACE are
 * ERR_METHOD_NOT_ALLOWED, the rest ERR_NOT_IMPLEMENTED. */
enum http_method {
    METHOD_NONE, /* in the head of a response */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
};
struct slice http_method_name(enum http_method m);

struct http_field {
    struct slice name, value; /* a name that was read is in lower case */
};

/* All slices live until the next message begins. */
struct http_head {
    enum http_method method;
    int status;               /* of a response: 200 to 599 */
    int minor;                /* HTTP/1.minor: 0 or 1 */
    struct slice target;      /* as sent */
    struct slice path, query; /* not decoded; path begins with '/', or is "*" (OPTIONS only) */
    struct slice host;        /* the Host field: well-formed, see http_host_split */
    const struct http_field *fields;
    unsigned count;
    uint64_t content_length; /* 0 when there is none */
    bool has_length;
    bool chunked;
    bool until_eof;       /* response: the body ends with the connection */
    bool has_body;        /* a body of one byte or more, as far as the head can tell */
    bool keep_alive;      /* the other side will take another message on this connection */
    bool expect_continue; /* it waits for "100 Continue" before it sends the body */
};

struct http_limits {
    size_t target;   /* bytes of a request's target; of a response's first line */
    size_t block;    /* bytes of all header fields */
    unsigned fields; /* at most 100 */
};
extern const struct http_limits http_request_limits, http_response_limits;

enum http_step {
    HTTP_MORE, /* all of *in was taken: give more */
    HTTP_HEAD, /* http_head() is there. A response 1xx is passed over without a word */
    HTTP_BODY, /* *ret_body is a run of the body: bytes of *in, never copied, never empty */
    HTTP_END,  /* the message is complete; what is left of *in belongs to the next */
    HTTP_BAD,  /* p->err and p->why; nothing more can be read from this connection */
    HTTP_CUT,  /* only from http_parse_eof: the message broke off; p->err and p->why */
};

struct http_state;

struct http_parser { /* read err and why freely */
    enum http_kind kind;
    enum err err;
    const char *why; /* plain words, never NULL after HTTP_BAD and HTTP_CUT */
    struct http_limits limits;
    bool no_body;
    struct http_state *state; /* NULL until the first byte; then kept from message to message */
};

/* limits: NULL for the usual ones of this kind. Allocates nothing. */
void http_parser_init(struct http_parser *p, enum http_kind kind, const struct http_limits *limits);
/* Frees. The parser may be used again as after init: also a way to rest between messages. */
void http_parser_fini(struct http_parser *p);
/* The response that comes next answers a HEAD: it has no body whatever its head says. */
void http_parser_no_body(struct http_parser *p);

/* Takes bytes off the front of *in. Call it again until it says HTTP_MORE or HTTP_BAD, also when
 * *in is empty by then: HTTP_END may need no byte. For a request, err is one of BAD_HTTP,
 * HTTP_VERSION, NOT_IMPLEMENTED, METHOD_NOT_ALLOWED, URI_TOO_LONG, HEADERS_TOO_LARGE, EXPECTATION,
 * NO_MEMORY; for a response BAD_RESPONSE or NO_MEMORY. */
MUST_USE enum http_step http_parse(struct http_parser *p, struct slice *in, struct slice *ret_body);
/* The other side sends no more. HTTP_END: that completed the body. HTTP_MORE: no message had begun
 * (who waits for a response makes ERR_EOF_BEFORE_HEADERS of it). HTTP_CUT: a message had begun; err
 * is EOF_BEFORE_HEADERS or EOF_MID_STREAM, for a request CLIENT_GONE. */
MUST_USE enum http_step http_parse_eof(struct http_parser *p);
/* True until the first byte of a message and again after its end. */
bool http_is_between(const struct http_parser *p);

/* From HTTP_HEAD until the next message begins. */
const struct http_head *http_head(const struct http_parser *p);
/* The request's method is HEAD, also when the rest of its head was refused: no body answers it. */
bool http_is_head(const struct http_parser *p);
/* The first field of that name, without blanks around it; ptr is NULL when there is none. */
struct slice http_field(const struct http_head *head, const char *lower_name);
unsigned http_field_count(const struct http_head *head, const char *lower_name);

/* "name", "name:port", "1.2.3.4:port", "[::1]:port". False when malformed. *ret_host is without
 * brackets, *ret_port 0 when there is none. */
bool http_host_split(struct slice host, struct slice *ret_host, uint16_t *ret_port);
/* The percent-decoded path, compared by whole segments. False for what could mean another path to
 * somebody else: dot segments, "//", '\\', ';', an encoded '/', controls, no UTF-8. One pass. */
bool http_path_ok(struct slice path, struct text *ret_path);
bool http_query_decode(struct slice value, struct text *out); /* adds; false: malformed, a NUL */
void http_query_encode(struct slice value, struct text *out);

/* Heads, added to *out. A value with a control byte other than a tab is written as an empty value,
 * a field whose name is no token is left out, a target with a blank, a control or an 8-bit byte is
 * written as "/": then they return false, and what was written is still one well-formed head. */
bool http_write_request(struct text *out, enum http_method method, struct slice target,
                        const struct http_field *fields, size_t n);
bool http_write_response(struct text *out, int status, const struct http_field *fields, size_t n);
const char *http_status_words(int status); /* "OK"; for an unknown one the words of its class */
/* open, then `bytes` (at least 1) of data, then close; last ends the body. */
#define HTTP_CHUNK_OPEN 18u /* 16 digits and a line end */
struct slice http_chunk_open(char room[HTTP_CHUNK_OPEN], size_t bytes);
#define HTTP_CHUNK_CLOSE SLICE("\r\n")
#define HTTP_CHUNK_LAST SLICE("0\r\n\r\n")

enum sse_step { SSE_MORE, SSE_EVENT, SSE_BAD, SSE_CUT };

/* Slices live until the next call with the same parser, and no longer than the bytes given in. */
struct sse_event {
    struct slice raw;  /* its exact bytes with the blank line that ends it */
    struct slice data; /* several data lines joined by \n */
    struct slice name; /* of its `event` line, else empty */
    bool has_data;     /* false for comments, stray blank lines, and events without a data line */
    bool is_comment;   /* nothing but comment lines or nothing at all */
};

struct sse_parser {                   /* zero-filled is ready; read err and why freely */
    struct text tail, joined;         /* the beginning of an event; its data lines */
    bool lines, lone_cr, begun, told; /* lines, set first: each line is an event and its data */
    int at;
    enum err err; /* after SSE_BAD: BAD_RESPONSE (an event over 1 MiB) or NO_MEMORY */
    const char *why;
};
void sse_parser_fini(struct sse_parser *s);
/* Takes bytes off the front of *in; call until SSE_MORE. The raw slices of all events, one after
 * the other, are the input. Copies only an event that came in pieces. */
MUST_USE enum sse_step sse_parse(struct sse_parser *s, struct slice *in,
                                 struct sse_event *ret_event);
/* The stream is over. SSE_EVENT: one last whole event; SSE_MORE: nothing was left; SSE_CUT: part of
 * an event was left, and *ret_event is what it would be if it ended there. */
MUST_USE enum sse_step sse_end(struct sse_parser *s, struct sse_event *ret_event);
/* name may be empty. Line ends in data make several data lines; those in a name drop the name. */
void sse_write_event(struct text *out, struct slice name, struct slice data);
