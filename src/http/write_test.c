/* Writing: the exact bytes, and that nothing in a value can become a field or a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/http.h"
#include "http/plain.h"

static void test_response(void **state)
{
    static const struct http_field fields[] = {{{"Content-Type", 12}, {"text/plain", 10}},
                                               {{"X-A", 3}, {"a\tb \xff", 5}}};
    (void)state;
    struct text out = {0};
    assert_true(http_write_response(&out, 404, fields, COUNT(fields)));
    assert_string_equal(text_cstr(&out), "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
                                         "X-A: a\tb \xff\r\n\r\n");
    text_clear(&out);
    assert_true(http_write_response(&out, 200, NULL, 0));
    assert_string_equal(text_cstr(&out), "HTTP/1.1 200 OK\r\n\r\n");
    text_fini(&out);
}

static void test_request(void **state)
{
    static const struct http_field fields[] = {{{"Host", 4}, {"localhost", 9}}};
    (void)state;
    struct text out = {0};
    assert_true(http_write_request(&out, METHOD_POST, SLICE("/v1/~x?y!"), fields, COUNT(fields)));
    assert_string_equal(text_cstr(&out), "POST /v1/~x?y! HTTP/1.1\r\nHost: localhost\r\n\r\n");
    text_fini(&out);
}

/* Each byte at each place of texts that do and do not fill words, beside what a loop says. */
static void test_plain(void **state)
{
    static const unsigned char least[] = {' ', '!', 1, 0x7e};
    (void)state;
    for (size_t i = 0; i < 256 * 19 * COUNT(least); i++) {
        unsigned char byte = (unsigned char)(i % 256), from = least[i / 256 / 19];
        for (size_t at = 0, len = i / 256 % 19; at < len; at++) {
            char text[19];
            memset(text, '~', sizeof text);
            text[at] = (char)byte;
            size_t n = plain_length((struct slice){text, len}, from);
            assert_int_equal(n, byte >= from && byte <= '~' ? len : at);
        }
    }
    assert_int_equal(plain_length(SLICE("\xff\xff\xff\xff\xff\xff\xff\xff"), ' '), 0);
    assert_int_equal(plain_length(SLICE("aaaaaa\xff\x7f"
                                        "aaaaaaaa"),
                                  ' '),
                     6);
    assert_int_equal(plain_length((struct slice){0}, ' '), 0);
}

/* What is written is read back as one message with the fields that were meant. */
static void test_hostile(void **state)
{
    static const struct {
        struct slice target, name, value;
        unsigned fields;
    } cases[] = {
        {SLICE("/"), SLICE("X"), SLICE("a\r\nEvil: 1"), 2},
        {SLICE("/"), SLICE("X"), SLICE("a\nEvil: 1"), 2},
        {SLICE("/"), SLICE("X"), SLICE("a\rb"), 2},
        {SLICE("/"), SLICE("X"), SLICE("a\0b"), 2},
        {SLICE("/"), SLICE("X"), SLICE("\x1b[31m"), 2},
        {SLICE("/"), SLICE("X"), SLICE("\x7f"), 2},
        {SLICE("/"), SLICE("X"), SLICE("\r\n\r\nGET / HTTP/1.1\r\n"), 2},
        {SLICE("/"), SLICE("X: a\r\nEvil"), SLICE("1"), 1},
        {SLICE("/"), SLICE("X Y"), SLICE("1"), 1},
        {SLICE("/"), SLICE("X:"), SLICE("1"), 1},
        {SLICE("/"), SLICE(""), SLICE("1"), 1},
        {SLICE("/"), SLICE("X\xc3\xa9"), SLICE("1"), 1},
        {SLICE("/ HTTP/1.1\r\nEvil: 1\r\n"), SLICE("X"), SLICE("1"), 2},
        {SLICE("/a b"), SLICE("X"), SLICE("1"), 2},
        {SLICE("/a\tb"), SLICE("X"), SLICE("1"), 2},
        {SLICE("/\0"), SLICE("X"), SLICE("1"), 2},
        {SLICE("/\xff"), SLICE("X"), SLICE("1"), 2},
        {SLICE("/#x"), SLICE("X"), SLICE("1"), 2},
        {SLICE(""), SLICE("X"), SLICE("1"), 2},
    };
    (void)state;
    struct text out = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_field fields[] = {{SLICE("Host"), SLICE("localhost")},
                                      {cases[i].name, cases[i].value}};
        struct http_parser p;
        struct slice in, body;
        text_clear(&out);
        assert_false(http_write_request(&out, METHOD_GET, cases[i].target, fields, 2));
        in = text_slice(&out);
        http_parser_init(&p, HTTP_REQUEST, NULL);
        assert_int_equal(http_parse(&p, &in, &body), HTTP_HEAD);
        assert_int_equal(http_head(&p)->count, cases[i].fields);
        assert_true(slice_is(http_head(&p)->path, SLICE("/")));
        assert_null(http_field(http_head(&p), "evil").ptr);
        assert_int_equal(http_parse(&p, &in, &body), HTTP_END);
        assert_int_equal(in.len, 0);
        http_parser_fini(&p);
    }
    text_fini(&out);
}

static void test_chunks(void **state)
{
    (void)state;
    struct text out = {0};
    char room[HTTP_CHUNK_OPEN];
    text_add(&out, http_chunk_open(room, 26));
    text_add(&out, SLICE("abcdefghijklmnopqrstuvwxyz"));
    text_add(&out, HTTP_CHUNK_CLOSE);
    text_add(&out, HTTP_CHUNK_LAST);
    assert_string_equal(text_cstr(&out), "1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n");
    assert_true(slice_is(http_chunk_open(room, 1), SLICE("1\r\n")));
    assert_true(slice_is(http_chunk_open(room, SIZE_MAX), SLICE("ffffffffffffffff\r\n")));
    text_fini(&out);
}

/* Every status that a failure may have has words of its own. */
static void test_words(void **state)
{
    (void)state;
    for (int e = 1; e < ERR_COUNT; e++) {
        const char *words = http_status_words(err_row((enum err)e)->http);
        assert_string_not_equal(words, "Unknown");
    }
    assert_string_equal(http_status_words(200), "OK");
    assert_string_equal(http_status_words(299), "OK");
    assert_string_equal(http_status_words(451), "Bad Request");
    assert_string_equal(http_status_words(99), "Unknown");
    assert_string_equal(http_status_words(600), "Unknown");
    assert_string_equal(http_status_words(-1), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_response),
        cmocka_unit_test(test_request), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_chunks),  cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests_name("http/write", tests, NULL, NULL);
}
