/* Responses: what a client of a broken or hostile server takes and refuses, whatever the cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/http.h"
#include "http/testing.h"

#define LINE "HTTP/1.1 200 OK\r\n"
#define LENGTH(n) LINE "Content-Length: " n "\r\n\r\n"
#define CHUNKED LINE "Transfer-Encoding: chunked\r\n\r\n"
#define HINT "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"

struct c {
    const char *name;
    struct slice raw;
    enum err err;
    const char *told; /* how the transcript begins; NULL: no matter */
    bool no_body;
};

static unsigned wrong; /* all cases are tried before the test fails */

static struct told tell(const struct c *c, size_t first, bool bytewise)
{
    struct told t = {0};
    http_parser_init(&t.parser, HTTP_RESPONSE, NULL);
    if (c->no_body)
        http_parser_no_body(&t.parser);
    if (bytewise) {
        for (size_t i = 0; i < c->raw.len; i++)
            told_feed(&t, (struct slice){c->raw.ptr + i, 1});
    } else {
        told_feed(&t, slice_to(c->raw, first));
        told_feed(&t, slice_from(c->raw, first));
    }
    told_eof(&t);
    return t;
}

static void same(const struct c *c, struct told *whole, struct told cut, size_t at)
{
    if (!slice_is(text_slice(&whole->text), text_slice(&cut.text)) ||
        whole->parser.err != cut.parser.err) {
        print_message("%s cut at %zu:\n%swhole:\n%s", c->name, at, text_cstr(&cut.text),
                      text_cstr(&whole->text));
        wrong++;
    }
    told_fini(&cut);
}

static void try_case(const struct c *c)
{
    struct told whole = tell(c, c->raw.len, false);
    if (whole.parser.err != c->err ||
        (c->told && !slice_begins(text_slice(&whole.text), slice_of(c->told)))) {
        print_message("%s: %s, wanted %s\n%s", c->name, err_row(whole.parser.err)->name,
                      err_row(c->err)->name, text_cstr(&whole.text));
        wrong++;
    }
    size_t step = c->raw.len > CUTS_EACH ? c->raw.len / 61 : 1;
    for (size_t at = 0; at < c->raw.len; at += step)
        same(c, &whole, tell(c, at, false), at);
    same(c, &whole, tell(c, 0, true), 0);
    told_fini(&whole);
}

#define FINE(name, literal, told) {name, SLICE(literal), OK, told, false},
#define NO_BODY(name, literal, told) {name, SLICE(literal), OK, told, true},
#define BAD(name, literal) {name, SLICE(literal), ERR_BAD_RESPONSE, NULL, false},
#define EARLY(name, literal) {name, SLICE(literal), ERR_EOF_BEFORE_HEADERS, NULL, false},
#define LATE(name, literal) {name, SLICE(literal), ERR_EOF_MID_STREAM, NULL, false},

/* clang-format off */
static const struct c cases[] = {
    FINE("nothing", "", "")
    FINE("length", LENGTH("2") "hi", "200\n  content-length: 2\nbody=hi\nEND\n")
    FINE("length 0", LENGTH("0"), "200\n  content-length: 0\nEND\n")
    FINE("chunked", CHUNKED "2\r\nhi\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n",
         "200\n  transfer-encoding: chunked\nbody=hi!\nEND\n")
    FINE("until the end", LINE "\r\nhi", "200 last until-eof\nbody=hi\nEND\n")
    FINE("until the end, empty", LINE "\r\n", "200 last until-eof\nEND\n")
    FINE("close", LINE "Connection: close\r\nContent-Length: 0\r\n\r\n", "200 last\n")
    FINE("1.0", "HTTP/1.0 200 OK\r\n\r\nhi", "200 last until-eof\nbody=hi\nEND\n")
    FINE("no words", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", "200\n")
    FINE("no words, no blank", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "200\n")
    FINE("odd words", "HTTP/1.1 200 \xc3\xa4 {}\r\nContent-Length: 0\r\n\r\n", "200\n")
    FINE("underscore in a name", LINE "X_A: v\r\nContent-Length: 0\r\n\r\n", "200\n  x_a: v\n")
    FINE("204", "HTTP/1.1 204 No Content\r\n\r\n", "204\nEND\n")
    FINE("304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
         "304\n  content-length: 5\nEND\n")
    NO_BODY("HEAD", LENGTH("5"), "200\n  content-length: 5\nEND\n")
    NO_BODY("HEAD, chunked", CHUNKED, "200\n  transfer-encoding: chunked\nEND\n")
    NO_BODY("HEAD, then another", LENGTH("5") LENGTH("1") "x",
            "200\n  content-length: 5\nEND\n200\n  content-length: 1\nbody=x\nEND\n")
    NO_BODY("HEAD after an interim one", HINT LENGTH("5"), "200\n  content-length: 5\nEND\n")
    FINE("529", "HTTP/1.1 529 Site Overloaded\r\nContent-Length: 0\r\n\r\n", "529\n")
    FINE("599", "HTTP/1.1 599 X\r\nContent-Length: 0\r\n\r\n", "599\n")
    FINE("100 first", "HTTP/1.1 100 Continue\r\n\r\n" LENGTH("0"), "200\n")
    FINE("16 interim ones", HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT
         HINT HINT LENGTH("0"), "200\n  content-length: 0\nEND\n")
    BAD("17 interim ones", HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT HINT
        HINT HINT HINT LENGTH("0"))
    BAD("101", "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    BAD("garbage", "hello world\r\n\r\n")
    BAD("NUL", "\0\0\0\0")
    BAD("HTTP/0.9", "<html>hello</html>\r\n")
    BAD("TLS", "\x15\x03\x01\x00\x02\x02\x28")
    BAD("SSH", "SSH-2.0-OpenSSH_9.2\r\n")
    BAD("ICY", "ICY 200 OK\r\n\r\n")
    BAD("2.0", "HTTP/2.0 200 OK\r\n\r\n")
    BAD("0.9", "HTTP/0.9 200 OK\r\n\r\n")
    BAD("lower case", "http/1.1 200 OK\r\n\r\n")
    BAD("CR LF first", "\r\n" LENGTH("0"))
    BAD("status 99", "HTTP/1.1 99 X\r\n\r\n")
    BAD("status 099", "HTTP/1.1 099 X\r\n\r\n")
    BAD("status 600", "HTTP/1.1 600 X\r\n\r\n")
    BAD("status 2000", "HTTP/1.1 2000 X\r\n\r\n")
    BAD("status letters", "HTTP/1.1 2x0 X\r\n\r\n")
    BAD("no status", "HTTP/1.1\r\n\r\n")
    BAD("no status but a blank", "HTTP/1.1 \r\n\r\n")
    BAD("two blanks", "HTTP/1.1  200 OK\r\n\r\n")
    BAD("tab in the line", "HTTP/1.1 200\tOK\r\n\r\n")
    BAD("length and chunked", LINE "Content-Length: 2\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    BAD("two lengths", LINE "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi")
    BAD("length list", LINE "Content-Length: 2, 2\r\n\r\nhi")
    BAD("length minus", LINE "Content-Length: -2\r\n\r\nhi")
    BAD("gzip coding", LINE "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
    BAD("identity coding", LINE "Transfer-Encoding: identity\r\n\r\nhi")
    BAD("coding in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    BAD("length and chunked on 304",
        "HTTP/1.1 304 X\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n")
    BAD("bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n")
    BAD("folded", LINE "X: v\r\n w\r\n\r\n")
    BAD("NUL in a value", LINE "X: \0\r\n\r\n")
    BAD("blank before colon", LINE "Content-Length : 2\r\n\r\nhi")
    BAD("chunk 0x", CHUNKED "0x2\r\nhi\r\n0\r\n\r\n")
    BAD("chunk LF", CHUNKED "2\nhi\r\n0\r\n\r\n")
    BAD("more than the length", LENGTH("2") "hi there\r\n\r\n")
    EARLY("cut in the first line", "HTTP/1.1 20")
    EARLY("cut in a field", LINE "Content-Len")
    EARLY("cut after an interim one", HINT)
    LATE("cut in a length", LENGTH("5") "hi")
    LATE("cut before a length", LENGTH("5"))
    LATE("cut in a chunk", CHUNKED "5\r\nhi")
    LATE("cut in a size", CHUNKED "5")
    LATE("cut before the last chunk", CHUNKED "2\r\nhi\r\n")
    LATE("cut before the end", CHUNKED "2\r\nhi\r\n0\r\n")
    LATE("cut in the end", CHUNKED "2\r\nhi\r\n0\r\n\r")
};
/* clang-format on */

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        try_case(&cases[i]);
    assert_int_equal(wrong, 0);
}

/* However much a server sends before its body, 64 KiB of it are kept at most. */
static void test_bounded(void **state)
{
    static const char *const begins[] = {"",
                                         "H",
                                         "HTTP/1.1 200 ",
                                         LINE,
                                         LINE "X: ",
                                         CHUNKED "0\r\n",
                                         CHUNKED "0\r\nX: ",
                                         HINT LINE "X: "};
    static const char *const floods[] = {"v", "X: v\r\n", HINT, "\r\n", "0", ";"};
    (void)state;
    for (size_t i = 0; i < COUNT(begins) * COUNT(floods); i++) {
        struct http_parser p;
        enum http_step step = HTTP_MORE;
        struct slice in = slice_of(begins[i % COUNT(begins)]), body;
        http_parser_init(&p, HTTP_RESPONSE, NULL);
        size_t given = 0;
        do {
            step = http_parse(&p, &in, &body);
            if (step == HTTP_MORE) {
                in = slice_of(floods[i / COUNT(begins)]);
                given += in.len;
            }
        } while (step != HTTP_BAD && step != HTTP_BODY && step != HTTP_END && given < 1000000);
        assert_true(given < 65536);
        http_parser_fini(&p);
    }
}

static void test_body_is_not_copied(void **state)
{
    static const char raw[] = CHUNKED "4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n";
    (void)state;
    struct http_parser p;
    struct slice in = slice_of(raw), body;
    http_parser_init(&p, HTTP_RESPONSE, NULL);
    assert_int_equal(http_parse(&p, &in, &body), HTTP_HEAD);
    assert_int_equal(http_head(&p)->status, 200);
    assert_true(http_head(&p)->chunked && http_head(&p)->has_body);
    assert_int_equal(http_parse(&p, &in, &body), HTTP_BODY);
    assert_ptr_equal(body.ptr, strstr(raw, "abcd"));
    assert_int_equal(body.len, 4);
    assert_int_equal(http_parse(&p, &in, &body), HTTP_BODY);
    assert_ptr_equal(body.ptr, strstr(raw, "efg"));
    assert_int_equal(http_parse(&p, &in, &body), HTTP_END);
    assert_int_equal(in.len, 0);
    http_parser_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_body_is_not_copied),
    };
    return cmocka_run_group_tests_name("http/response", tests, NULL, NULL);
}
