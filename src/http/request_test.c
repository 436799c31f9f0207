/* Requests: what is taken, what is refused and as what, and that it makes no difference how the
 * bytes are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/http.h"
#include "http/testing.h"

#define HOST "Host: localhost\r\n"
#define GET "GET /health HTTP/1.1\r\n" HOST
#define CHUNKED GET "Transfer-Encoding: chunked\r\n\r\n"
#define GOOD OK
#define MORE_TO_COME ERR_CLIENT_GONE

struct c {
    const char *name;
    struct slice raw;
    enum err err;  /* how it ends */
    unsigned ends; /* whole messages before that */
};

static struct told tell(struct slice raw, size_t first, bool bytewise)
{
    struct told t = {0};
    http_parser_init(&t.parser, HTTP_REQUEST, NULL);
    if (bytewise) {
        for (size_t i = 0; i < raw.len; i++)
            told_feed(&t, (struct slice){raw.ptr + i, 1});
    } else {
        told_feed(&t, slice_to(raw, first));
        told_feed(&t, slice_from(raw, first));
    }
    told_eof(&t);
    return t;
}

static unsigned count_ends(struct slice text)
{
    unsigned n = 0;
    struct slice line;
    while (slice_split(&text, '\n', &line))
        n += slice_is(line, SLICE("END"));
    return n;
}

/* All cases are tried before the test fails. */
static unsigned wrong;

static void same(const char *name, struct told *whole, struct told cut, size_t at)
{
    if (!slice_is(text_slice(&whole->text), text_slice(&cut.text)) ||
        whole->parser.err != cut.parser.err) {
        print_message("%s cut at %zu:\n%swhole:\n%s", name, at, text_cstr(&cut.text),
                      text_cstr(&whole->text));
        wrong++;
    }
    told_fini(&cut);
}

static void try_raw(const char *name, struct slice raw, enum err err, unsigned ends)
{
    struct told whole = tell(raw, raw.len, false);
    if (whole.parser.err != err || count_ends(text_slice(&whole.text)) != ends) {
        print_message("%s: %s after %u, wanted %s after %u\n%s", name,
                      err_row(whole.parser.err)->name, count_ends(text_slice(&whole.text)),
                      err_row(err)->name, ends, text_cstr(&whole.text));
        wrong++;
    }
    bool told_head = text_slice(&whole.text).len && whole.text.ptr[0] != 'B';
    if (err && err != ERR_CLIENT_GONE && !ends && told_head != slice_begins(raw, SLICE(CHUNKED))) {
        print_message("%s: a refused head was told, or a good one was not\n", name);
        wrong++;
    }
    size_t step = raw.len > CUTS_EACH ? raw.len / 61 : 1;
    for (size_t at = 0; at < raw.len; at += step)
        same(name, &whole, tell(raw, at, false), at);
    same(name, &whole, tell(raw, 0, true), 0);
    told_fini(&whole);
}

static void try_all(const struct c *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        try_raw(cases[i].name, cases[i].raw, cases[i].err, cases[i].ends);
}

#define BAD(name, literal) {name, SLICE(literal), ERR_BAD_HTTP, 0},
#define AS(err, name, literal) {name, SLICE(literal), ERR_##err, 0},
#define FINE(ends, name, literal) {name, SLICE(literal), GOOD, ends},
#define CUT(name, literal) {name, SLICE(literal), MORE_TO_COME, 0},

/* clang-format off */
static const struct c cases_plain[] = {
    FINE(0, "nothing", "")
    FINE(1, "plain", GET "\r\n")
    FINE(1, "1.0", "GET /health HTTP/1.0\r\n" HOST "\r\n")
    FINE(1, "query", "GET /health?a=b&c=%20 HTTP/1.1\r\n" HOST "\r\n")
    FINE(1, "two CR LF first", "\r\n\r\n" GET "\r\n")
    FINE(0, "two CR LF alone", "\r\n\r\n")
    BAD("three CR LF first", "\r\n\r\n\r\n" GET "\r\n")
    FINE(2, "CR LF between", GET "\r\n\r\n" GET "\r\n")
    BAD("LF first", "\n" GET "\r\n")
    BAD("CR first", "\r" GET "\r\n")
    BAD("blank first", " " GET "\r\n")
    FINE(1, "empty value", GET "X-A:\r\n\r\n")
    FINE(1, "blanks round a value", GET "X-A: \t v \t\r\n\r\n")
    FINE(1, "8-bit in a value", GET "X-A: \xc3\xa9\xff\r\n\r\n")
    FINE(1, "all token bytes in a name", GET "X!#$%&'*+-.^`|~09: v\r\n\r\n")
    FINE(1, "star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n")
    FINE(3, "pipeline", GET "\r\n" GET "\r\n" GET "\r\n")
    {"pipeline with a bad one", SLICE(GET "\r\n" GET HOST "\r\n" GET "\r\n"), ERR_BAD_HTTP, 1},
    CUT("cut in the first line", "GET /hea")
    CUT("cut in a field", GET "X-A")
    CUT("cut before the blank line", GET)
    CUT("cut in the blank line", GET "\r")
    {"cut in a body", SLICE(GET "Content-Length: 5\r\n\r\n0123"), MORE_TO_COME, 0},
    {"cut before a body", SLICE(GET "Content-Length: 5\r\n\r\n"), MORE_TO_COME, 0},
    {"cut in a chunk", SLICE(CHUNKED "5\r\n01"), MORE_TO_COME, 0},
    {"cut before the last chunk", SLICE(CHUNKED "2\r\n01\r\n"), MORE_TO_COME, 0},
    {"cut before the end of trailers", SLICE(CHUNKED "0\r\n"), MORE_TO_COME, 0},
};

static const struct c cases_length[] = {
    FINE(1, "0", GET "Content-Length: 0\r\n\r\n")
    FINE(1, "5", GET "Content-Length: 5\r\n\r\n01234")
    FINE(2, "5 and another", GET "Content-Length: 5\r\n\r\n01234" GET "\r\n")
    FINE(1, "leading zeros are decimal", GET "Content-Length: 010\r\n\r\n0123456789")
    FINE(1, "blanks round it", GET "Content-Length: \t 5  \r\n\r\n01234")
    BAD("tab after it, which some read otherwise", GET "Content-Length: 5\t\r\n\r\n01234")
    FINE(1, "underscore is another field", GET "Content_Length: 5\r\n\r\n")
    CUT("the largest", GET "Content-Length: 9223372036854775807\r\n\r\n")
    BAD("2^63", GET "Content-Length: 9223372036854775808\r\n\r\n")
    BAD("2^64", GET "Content-Length: 18446744073709551616\r\n\r\n")
    BAD("with chunked", GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    BAD("after chunked", GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n")
    BAD("0 with chunked", GET "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    BAD("with gzip", GET "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\n01234")
    BAD("twice the same", GET "Content-Length: 5\r\nContent-Length: 5\r\n\r\n01234")
    BAD("twice", GET "Content-Length: 5\r\nContent-Length: 6\r\n\r\n01234")
    BAD("twice 0", GET "Content-Length: 0\r\nContent-Length: 0\r\n\r\n")
    BAD("list", GET "Content-Length: 5,5\r\n\r\n01234")
    BAD("list with blank", GET "Content-Length: 5, 5\r\n\r\n01234")
    BAD("plus", GET "Content-Length: +5\r\n\r\n01234")
    BAD("minus", GET "Content-Length: -1\r\n\r\n")
    BAD("minus 0", GET "Content-Length: -0\r\n\r\n")
    BAD("hexadecimal", GET "Content-Length: 0x5\r\n\r\n01234")
    BAD("underscore", GET "Content-Length: 5_0\r\n\r\n01234")
    BAD("empty", GET "Content-Length:\r\n\r\n")
    BAD("blank", GET "Content-Length: \r\n\r\n")
    BAD("exponent", GET "Content-Length: 1e1\r\n\r\n0123456789")
    BAD("two words", GET "Content-Length: 5 5\r\n\r\n01234")
    BAD("quoted", GET "Content-Length: \"5\"\r\n\r\n01234")
    BAD("no-break blank", GET "Content-Length: \xa0" "5\r\n\r\n01234")
    BAD("form feed", GET "Content-Length: \f5\r\n\r\n01234")
    BAD("folded", GET "Content-Length:\r\n 5\r\n\r\n01234")
    BAD("blank before colon", GET "Content-Length : 5\r\n\r\n01234")
    FINE(1, "GET with a body in 1.1", GET "Content-Length: 1\r\n\r\nx")
    FINE(1, "HEAD with a body in 1.1", "HEAD / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx")
    FINE(1, "DELETE with a body in 1.1", "DELETE / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx")
    BAD("GET with a body in 1.0", "GET / HTTP/1.0\r\n" HOST "Content-Length: 1\r\n\r\nx")
    BAD("HEAD with a body in 1.0", "HEAD / HTTP/1.0\r\n" HOST "Content-Length: 1\r\n\r\nx")
    BAD("DELETE with a body in 1.0", "DELETE / HTTP/1.0\r\n" HOST "Content-Length: 1\r\n\r\nx")
    FINE(1, "GET with length 0 in 1.0", "GET / HTTP/1.0\r\n" HOST "Content-Length: 0\r\n\r\n")
    FINE(1, "POST with a body in 1.0", "POST / HTTP/1.0\r\n" HOST "Content-Length: 1\r\n\r\nx")
};

#define CODING(value) GET "Transfer-Encoding: " value "\r\n\r\n0\r\n\r\n"
static const struct c cases_coding[] = {
    FINE(1, "chunked", CODING("chunked"))
    FINE(1, "upper case", CODING("CHUNKed"))
    FINE(1, "blanks", CODING(" \t chunked  "))
    BAD("tab after it, which some read otherwise", CODING("chunked\t"))
    FINE(1, "underscore is another field", GET "Transfer_Encoding: chunked\r\n\r\n")
    BAD("twice in a list", CODING("chunked,chunked"))
    BAD("not last", CODING("chunked, gzip"))
    BAD("comma first", CODING(",chunked"))
    BAD("comma last", CODING("chunked,"))
    BAD("parameter", CODING("chunked;q=1"))
    BAD("vertical tab", CODING("\vchunked"))
    BAD("no-break blank", CODING("\xa0" "chunked"))
    BAD("quoted", CODING("\"chunked\""))
    BAD("two words", CODING("chunked x"))
    BAD("empty", CODING(""))
    BAD("NUL", CODING("chunked\0"))
    BAD("two fields", GET "Transfer-Encoding: chunked\r\n"
                      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    BAD("1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    BAD("1.0 and unknown", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n")
    BAD("folded", GET "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n")
    BAD("blank before colon", GET "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")
    AS(NOT_IMPLEMENTED, "gzip", CODING("gzip"))
    AS(NOT_IMPLEMENTED, "gzip, chunked", CODING("gzip, chunked"))
    AS(NOT_IMPLEMENTED, "xchunked", CODING("xchunked"))
    AS(NOT_IMPLEMENTED, "chunke", CODING("chunke"))
    AS(NOT_IMPLEMENTED, "identity", CODING("identity"))
};

static const struct c cases_chunk[] = {
    FINE(1, "none", CHUNKED "0\r\n\r\n")
    FINE(1, "one", CHUNKED "5\r\n01234\r\n0\r\n\r\n")
    FINE(1, "three", CHUNKED "1\r\na\r\nA\r\n0123456789\r\n001\r\nb\r\n0\r\n\r\n")
    FINE(2, "and another", CHUNKED "1\r\na\r\n0\r\n\r\n" GET "\r\n")
    FINE(1, "data like a chunk", CHUNKED "5\r\n0\r\n\r\n\r\n0\r\n\r\n")
    FINE(1, "16 digits", CHUNKED "0000000000000001\r\na\r\n0000000000000000\r\n\r\n")
    FINE(1, "extension", CHUNKED "1;a=b;c=\"d;e\"\r\na\r\n0;x\r\n\r\n")
    FINE(1, "trailers", CHUNKED "1\r\na\r\n0\r\nX-A: v\r\nX-B:\r\n\r\n")
    BAD("0x", CHUNKED "0x5\r\n01234\r\n0\r\n\r\n")
    BAD("plus", CHUNKED "+5\r\n01234\r\n0\r\n\r\n")
    BAD("minus", CHUNKED "-5\r\n01234\r\n0\r\n\r\n")
    BAD("empty", CHUNKED "\r\n01234\r\n0\r\n\r\n")
    BAD("only an extension", CHUNKED ";a\r\n01234\r\n0\r\n\r\n")
    BAD("blank first", CHUNKED " 5\r\n01234\r\n0\r\n\r\n")
    BAD("blank last", CHUNKED "5 \r\n01234\r\n0\r\n\r\n")
    BAD("tab last", CHUNKED "5\t\r\n01234\r\n0\r\n\r\n")
    BAD("blank before an extension", CHUNKED "5 ;a\r\n01234\r\n0\r\n\r\n")
    BAD("17 digits", CHUNKED "00000000000000005\r\n01234\r\n0\r\n\r\n")
    BAD("2^64", CHUNKED "10000000000000000\r\n01234\r\n0\r\n\r\n")
    BAD("not hexadecimal", CHUNKED "5g\r\n01234\r\n0\r\n\r\n")
    BAD("NUL", CHUNKED "5\0\r\n01234\r\n0\r\n\r\n")
    BAD("LF", CHUNKED "5\n01234\r\n0\r\n\r\n")
    BAD("CR X", CHUNKED "5\rX01234\r\n0\r\n\r\n")
    BAD("CR CR LF", CHUNKED "5\r\r\n01234\r\n0\r\n\r\n")
    BAD("LF in an extension", CHUNKED "5;a\n01234\r\n0\r\n\r\n")
    BAD("CR in an extension", CHUNKED "5;a\rb\r\n01234\r\n0\r\n\r\n")
    BAD("NUL in an extension", CHUNKED "5;a\0\r\n01234\r\n0\r\n\r\n")
    BAD("quoted line end in an extension", CHUNKED "5;a=\"\n\"\r\n01234\r\n0\r\n\r\n")
    BAD("no CR LF after data", CHUNKED "5\r\n012340\r\n\r\n")
    BAD("LF after data", CHUNKED "5\r\n01234\n0\r\n\r\n")
    BAD("CR after data", CHUNKED "5\r\n01234\r0\r\n\r\n")
    BAD("data too long", CHUNKED "4\r\n01234\r\n0\r\n\r\n")
    BAD("LF after the last size", CHUNKED "0\n\r\n")
    BAD("LF at the end", CHUNKED "0\r\n\n")
    BAD("CR X at the end", CHUNKED "0\r\n\rX")
    BAD("trailer Content-Length", CHUNKED "0\r\nContent-Length: 5\r\n\r\n")
    BAD("trailer Transfer-Encoding", CHUNKED "0\r\ntransfer-encodinG: chunked\r\n\r\n")
    BAD("trailer Host", CHUNKED "0\r\nHost: localhost\r\n\r\n")
    BAD("trailer folded", CHUNKED "0\r\nX-A: v\r\n w\r\n\r\n")
    BAD("trailer with a blank first", CHUNKED "0\r\n X-A: v\r\n\r\n")
    BAD("trailer with a bare LF", CHUNKED "0\r\nX-A: v\nX-B: w\r\n\r\n")
    BAD("trailer without colon", CHUNKED "0\r\nX-A\r\n\r\n")
    BAD("trailer with a blank before the colon", CHUNKED "0\r\nX-A : v\r\n\r\n")
    BAD("trailer with NUL", CHUNKED "0\r\nX-A: \0\r\n\r\n")
};

static const struct c cases_field[] = {
    BAD("folded", GET "X-A: v\r\n w\r\n\r\n")
    BAD("folded with a tab", GET "X-A: v\r\n\tw\r\n\r\n")
    BAD("folded and empty", GET "X-A: v\r\n \r\n\r\n")
    BAD("blank before the first", "GET / HTTP/1.1\r\n X-A: v\r\n" HOST "\r\n")
    BAD("blank before colon", GET "X-A : v\r\n\r\n")
    BAD("tab before colon", GET "X-A\t: v\r\n\r\n")
    BAD("blank in a name", GET "X A: v\r\n\r\n")
    BAD("empty name", GET ": v\r\n\r\n")
    BAD("no colon", GET "X-A\r\n\r\n")
    BAD("8-bit in a name", GET "X-\xc3\xa9: v\r\n\r\n")
    BAD("bare LF everywhere", "GET / HTTP/1.1\nHost: localhost\n\n")
    BAD("bare LF once", GET "X-A: v\nX-B: w\r\n\r\n")
    BAD("bare LF at the end", GET "\n")
    BAD("bare CR", GET "X-A: v\rX-B: w\r\n\r\n")
    BAD("bare CR at the end", GET "\rX")
    BAD("CR CR LF", GET "X-A: v\r\r\n\r\n")
    BAD("NUL in a value", GET "X-A: \0\r\n\r\n")
    BAD("NUL in a name", GET "X\0A: v\r\n\r\n")
    BAD("DEL in a value", GET "X-A: \x7f\r\n\r\n")
};

#define LINE(line) line "\r\n" HOST "\r\n"
static const struct c cases_line[] = {
    AS(HTTP_VERSION, "0.9", LINE("GET / HTTP/0.9"))
    AS(HTTP_VERSION, "1.2", LINE("GET / HTTP/1.2"))
    AS(HTTP_VERSION, "2.0", LINE("GET / HTTP/2.0"))
    AS(HTTP_VERSION, "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    BAD("01.1", LINE("GET / HTTP/01.1"))
    BAD("1.10", LINE("GET / HTTP/1.10"))
    BAD("1", LINE("GET / HTTP/1"))
    BAD("1,1", LINE("GET / HTTP/1,1"))
    BAD("letters", LINE("GET / HTTP/a.b"))
    BAD("lower case", LINE("GET / http/1.1"))
    BAD("HTTPS", LINE("GET / HTTPS/1.1"))
    BAD("RTSP", LINE("DESCRIBE rtsp://x/ RTSP/1.0"))
    BAD("ICE", LINE("SOURCE / ICE/1.0"))
    BAD("without version", LINE("GET /"))
    BAD("without version but a blank", LINE("GET / "))
    BAD("blank in version", LINE("GET / HTTP/ 1.1"))
    BAD("tab after method", LINE("GET\t/ HTTP/1.1"))
    BAD("tab before version", LINE("GET /\tHTTP/1.1"))
    BAD("two blanks", LINE("GET  / HTTP/1.1"))
    BAD("two blanks later", LINE("GET /  HTTP/1.1"))
    BAD("blank at the end", LINE("GET / HTTP/1.1 "))
    BAD("LF in it", LINE("GET /\n HTTP/1.1"))
    BAD("bare LF", "GET / HTTP/1.1\n" HOST "\r\n")
    BAD("NUL in the target", LINE("GET /\0 HTTP/1.1"))
    BAD("8-bit in the target", LINE("GET /\xc3\xa9 HTTP/1.1"))
    BAD("fragment", LINE("GET /#x HTTP/1.1"))
    BAD("relative", LINE("GET health HTTP/1.1"))
    BAD("star with GET", LINE("GET * HTTP/1.1"))
    BAD("authority with GET", LINE("GET localhost:80 HTTP/1.1"))
    BAD("no method", LINE(" / HTTP/1.1"))
    BAD("odd method", LINE("G@T / HTTP/1.1"))
    BAD("TLS", "\x16\x03\x01\x00\xc8")
    AS(METHOD_NOT_ALLOWED, "CONNECT", LINE("CONNECT localhost:80 HTTP/1.1"))
    AS(METHOD_NOT_ALLOWED, "TRACE", LINE("TRACE / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "unknown", LINE("FOO / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "all kinds of bytes", LINE("AZaz09!#$%&'*+-.^_`|~ / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "lower case method", LINE("get / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "too long a method", LINE("GETT / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "PROPFIND", LINE("PROPFIND / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "SOURCE", LINE("SOURCE / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "DESCRIBE", LINE("DESCRIBE / HTTP/1.1"))
    AS(NOT_IMPLEMENTED, "PRI", LINE("PRI / HTTP/1.1"))
    FINE(1, "absolute", LINE("GET http://localhost/health HTTP/1.1"))
    FINE(1, "absolute, case, port 80, no path", LINE("GET HTTP://LOCALHOST:80?q HTTP/1.1"))
    BAD("absolute, other host", LINE("GET http://example.com/ HTTP/1.1"))
    BAD("absolute, other port", LINE("GET http://localhost:81/ HTTP/1.1"))
    BAD("absolute, https", LINE("GET https://localhost:80/ HTTP/1.1"))
    BAD("absolute, user", LINE("GET http://a@localhost/ HTTP/1.1"))
    BAD("absolute, no host", LINE("GET http:///x HTTP/1.1"))
    BAD("absolute, one slash", LINE("GET http:/localhost/x HTTP/1.1"))
    BAD("absolute, ftp", LINE("GET ftp://localhost/ HTTP/1.1"))
    BAD("no Host", "GET / HTTP/1.1\r\n\r\n")
    BAD("no Host in 1.0", "GET / HTTP/1.0\r\n\r\n")
    BAD("two Hosts", GET HOST "\r\n")
    BAD("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n")
    BAD("Host with comma", "GET / HTTP/1.1\r\nHost: localhost, localhost\r\n\r\n")
    BAD("Host with user", "GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n")
    BAD("Host with a bad port", "GET / HTTP/1.1\r\nHost: localhost:99999\r\n\r\n")
    AS(EXPECTATION, "unknown Expect", GET "Expect: unicorn\r\n\r\n")
    AS(EXPECTATION, "two words in Expect", GET "Expect: 100-continue, x\r\n\r\n")
    AS(EXPECTATION, "two Expects", GET "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n")
    FINE(1, "Upgrade is not taken", GET "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                    "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
    FINE(2, "nor before another", GET "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                                  GET "\r\n")
};
/* clang-format on */

static void test_tables(void **state)
{
    (void)state;
    try_all(cases_plain, COUNT(cases_plain));
    try_all(cases_length, COUNT(cases_length));
    try_all(cases_coding, COUNT(cases_coding));
    try_all(cases_chunk, COUNT(cases_chunk));
    try_all(cases_field, COUNT(cases_field));
    try_all(cases_line, COUNT(cases_line));
    assert_int_equal(wrong, 0);
}

/* Every byte at every kind of place: what may stand there is taken, all else refused. */
static void test_bytes(void **state)
{
    static const struct {
        const char *before, *after, *may;
        bool high; /* 0x80 and above may stand there */
    } places[] = {
        {"GET /", " HTTP/1.1\r\n" HOST "\r\n",
         "!\"$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
         "abcdefghijklmnopqrstuvwxyz"
         "{|}~",
         false},
        {GET "X", "Y: v\r\n\r\n",
         "!#$%&'*+-.0123456789:ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~", false},
        {GET "X: ", "v\r\n\r\n",
         "\t !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
         "abcdefghijklmnopqrstuvwxyz{|}~",
         true},
        {"GET / HTTP/1.1\r\nHost: a", "\r\n\r\n",
         "\t -.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz", false},
        {CHUNKED "1;", "\r\nx\r\n0\r\n\r\n",
         "\t !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
         "abcdefghijklmnopqrstuvwxyz{|}~",
         true},
        {CHUNKED, "1\r\n", "0123456789ABCDEFabcdef", false},
        {CHUNKED "1\r\nx", "\n0\r\n\r\n", "\r", false},
        {CHUNKED "1\r\nx\r", "0\r\n\r\n", "\n", false},
    };
    (void)state;
    struct text raw = {0};
    for (size_t i = 0; i < COUNT(places); i++) {
        for (int byte = 0; byte < 256; byte++) {
            bool may = byte >= 0x80 ? places[i].high : byte && strchr(places[i].may, byte);
            text_clear(&raw);
            text_add(&raw, slice_of(places[i].before));
            text_byte(&raw, (char)byte);
            text_add(&raw, slice_of(places[i].after));
            struct told t = tell(text_slice(&raw), 0, true);
            bool taken = t.parser.err == OK || t.parser.err == ERR_CLIENT_GONE;
            if (taken != may) {
                print_message("byte %02x at place %zu: %s\n", (unsigned)byte, i,
                              text_cstr(&t.text));
                wrong++;
            }
            told_fini(&t);
        }
    }
    text_fini(&raw);
    assert_int_equal(wrong, 0);
}

static struct slice repeat(struct text *t, const char *before, const char *each, size_t n,
                           const char *after)
{
    text_clear(t);
    text_add(t, slice_of(before));
    for (size_t i = 0; i < n; i++)
        text_add(t, slice_of(each));
    text_add(t, slice_of(after));
    return text_slice(t);
}

static void test_limits(void **state)
{
    static const struct {
        const char *name, *before, *each;
        size_t n;
        const char *after;
        enum err err;
        unsigned ends;
    } cases[] = {
        {"100 fields", GET, "X: v\r\n", 99, "\r\n", OK, 1},
        {"101 fields", GET, "X: v\r\n", 100, "\r\n", ERR_HEADERS_TOO_LARGE, 0},
        {"101 fields that are dropped", GET, "X_: v\r\n", 100, "\r\n", ERR_HEADERS_TOO_LARGE, 0},
        {"a field of 32 KiB", GET "X: ", "v", 32768, "\r\n\r\n", ERR_HEADERS_TOO_LARGE, 0},
        {"a field of 32 KiB less", GET "X: ", "v", 32768 - 26, "\r\n\r\n", OK, 1},
        {"a block of 32 KiB", GET "X: ", "v", 32768 - 17 - 3 - 2 - 2, "\r\n\r\n", OK, 1},
        {"and a byte", GET "X: ", "v", 32768 - 17 - 3 - 2 - 1, "\r\n\r\n", ERR_HEADERS_TOO_LARGE,
         0},
        {"a name without end", GET, "X", 40000, "", ERR_HEADERS_TOO_LARGE, 0},
        {"a target of 8 KiB", "GET /", "a", 8191, " HTTP/1.1\r\n" HOST "\r\n", OK, 1},
        {"and a byte", "GET /", "a", 8192, " HTTP/1.1\r\n" HOST "\r\n", ERR_URI_TOO_LONG, 0},
        {"a target without end", "GET /", "a", 20000, "", ERR_URI_TOO_LONG, 0},
        {"CR LF without end", "", "\r\n", 1000, GET "\r\n", ERR_BAD_HTTP, 0},
        {"an extension of 4 KiB", CHUNKED "1;", "a", 4095, "\r\nx\r\n0\r\n\r\n", OK, 1},
        {"and a byte", CHUNKED "1;", "a", 4096, "\r\nx\r\n0\r\n\r\n", ERR_BAD_HTTP, 0},
        {"many extensions", CHUNKED, "1;abcdefg\r\nx\r\n", 513, "0\r\n\r\n", ERR_BAD_HTTP, 0},
        {"as many as may be", CHUNKED, "1;abcdefg\r\nx\r\n", 512, "0\r\n\r\n", OK, 1},
        {"trailers", CHUNKED "0\r\n", "X: v\r\n", 100, "\r\n", OK, 1},
        {"101 trailers", CHUNKED "0\r\n", "X: v\r\n", 101, "\r\n", ERR_HEADERS_TOO_LARGE, 0},
        {"a large trailer", CHUNKED "0\r\nX: ", "v", 5000, "\r\n\r\n", ERR_HEADERS_TOO_LARGE, 0},
        {"a size without end", CHUNKED, "0", 100, "1\r\nx\r\n", ERR_BAD_HTTP, 0},
        {"100 requests", "", GET "\r\n", 100, "", OK, 100},
        {"100 chunks", CHUNKED, "3\r\nabc\r\n", 100, "0\r\n\r\n", OK, 1},
    };
    (void)state;
    struct text raw = {0};
    for (size_t i = 0; i < COUNT(cases); i++)
        try_raw(cases[i].name,
                repeat(&raw, cases[i].before, cases[i].each, cases[i].n, cases[i].after),
                cases[i].err, cases[i].ends);
    text_fini(&raw);
    assert_int_equal(wrong, 0);
}

static void test_head(void **state)
{
    static const char raw[] =
        "POST /v1/x?a=b HTTP/1.1\r\nhOSt:  LocalHost:80 \r\nX-AZ: 1\r\nx-az: 2\r\n"
        "X_A: 3\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc";
    (void)state;
    struct http_parser p;
    struct slice in = slice_of(raw), body;
    http_parser_init(&p, HTTP_REQUEST, NULL);
    assert_true(http_is_between(&p));
    assert_int_equal(http_parse(&p, &in, &body), HTTP_HEAD);
    const struct http_head *h = http_head(&p);
    assert_int_equal(h->method, METHOD_POST);
    assert_int_equal(h->minor, 1);
    assert_int_equal(h->count, 5); /* X_A is not there */
    assert_true(slice_is(h->target, SLICE("/v1/x?a=b")));
    assert_true(slice_is(h->path, SLICE("/v1/x")));
    assert_true(slice_is(h->query, SLICE("a=b")));
    assert_true(slice_is(h->host, SLICE("LocalHost:80")));
    assert_true(slice_is(http_field(h, "x-az"), SLICE("1")));
    assert_true(slice_is(h->fields[2].name, SLICE("x-az")));
    assert_int_equal(http_field_count(h, "x-az"), 2);
    assert_int_equal(http_field_count(h, "x_a"), 0);
    assert_null(http_field(h, "x-b").ptr);
    assert_true(h->has_length && h->content_length == 3 && h->has_body && !h->chunked);
    assert_true(h->keep_alive && h->expect_continue);
    assert_false(http_is_between(&p));
    assert_int_equal(http_parse(&p, &in, &body), HTTP_BODY);
    assert_ptr_equal(body.ptr, raw + sizeof raw - 4); /* where it lies, not a copy */
    assert_int_equal(http_parse(&p, &in, &body), HTTP_END);
    assert_true(http_is_between(&p));
    assert_ptr_equal(http_head(&p), h);
    assert_int_equal(http_parse(&p, &in, &body), HTTP_MORE);
    assert_int_equal(http_parse_eof(&p), HTTP_MORE);
    in = SLICE("\r\nG");
    assert_int_equal(http_parse(&p, &in, &body), HTTP_MORE);
    assert_int_equal(http_parse_eof(&p), HTTP_CUT);
    assert_int_equal(p.err, ERR_CLIENT_GONE);
    assert_int_equal(http_parse(&p, &in, &body), HTTP_BAD);
    http_parser_fini(&p);
    in = SLICE(GET "\r\n");
    assert_int_equal(http_parse(&p, &in, &body), HTTP_HEAD); /* good again */
    http_parser_fini(&p);
}

static void test_keep_alive(void **state)
{
    static const struct {
        struct slice raw;
        bool keep_alive;
    } cases[] = {
        {SLICE(GET "\r\n"), true},
        {SLICE(GET "Connection: close\r\n\r\n"), false},
        {SLICE(GET "Connection: x, CLOSE ,y\r\n\r\n"), false},
        {SLICE(GET "Connection: x\r\nConnection: close\r\n\r\n"), false},
        {SLICE(GET "Connection: closed\r\n\r\n"), true},
        {SLICE("GET / HTTP/1.0\r\n" HOST "\r\n"), false},
        {SLICE("GET / HTTP/1.0\r\n" HOST "Connection: Keep-Alive\r\n\r\n"), true},
        {SLICE("GET / HTTP/1.0\r\n" HOST "Connection: keep-alive, close\r\n\r\n"), false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_parser p;
        struct slice in = cases[i].raw, body;
        http_parser_init(&p, HTTP_REQUEST, NULL);
        assert_int_equal(http_parse(&p, &in, &body), HTTP_HEAD);
        assert_int_equal(http_head(&p)->keep_alive, cases[i].keep_alive);
        http_parser_fini(&p);
    }
}

static void test_expect(void **state)
{
    static const struct {
        struct slice raw;
        bool expects;
    } cases[] = {
        {SLICE(GET "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"), true},
        {SLICE(GET "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"), true},
        {SLICE(GET "Expect: 100-continue\r\n\r\n"), false},
        {SLICE(GET "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"), false},
        {SLICE("POST / HTTP/1.0\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
         false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_parser p;
        struct slice in = cases[i].raw, body;
        http_parser_init(&p, HTTP_REQUEST, NULL);
        assert_int_equal(http_parse(&p, &in, &body), HTTP_HEAD);
        assert_int_equal(http_head(&p)->expect_continue, cases[i].expects);
        http_parser_fini(&p);
    }
    assert_int_equal(http_method_name(METHOD_NONE).len, 0);
    assert_true(slice_is(http_method_name(METHOD_PATCH), SLICE("PATCH")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),     cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_head),
        cmocka_unit_test(test_keep_alive), cmocka_unit_test(test_expect),
    };
    return cmocka_run_group_tests_name("http/request", tests, NULL, NULL);
}
