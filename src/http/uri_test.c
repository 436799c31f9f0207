/* Hosts and paths: well-formed or not, and what they name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/http.h"

static void test_host(void **state)
{
    static const struct {
        struct slice in;
        const char *host; /* NULL: malformed */
        uint16_t port;
    } cases[] = {
        {SLICE("localhost"), "localhost", 0},
        {SLICE("LOCALHOST:8080"), "LOCALHOST", 8080},
        {SLICE("127.0.0.1:1"), "127.0.0.1", 1},
        {SLICE("localhost."), "localhost.", 0},
        {SLICE("my_box-1.lan:65535"), "my_box-1.lan", 65535},
        {SLICE("localhost:00080"), "localhost", 80},
        {SLICE("[::1]"), "::1", 0},
        {SLICE("[::1]:80"), "::1", 80},
        {SLICE("[::ffff:127.0.0.1]:80"), "::ffff:127.0.0.1", 80},
        {SLICE("127.0.0.1.nip.io"), "127.0.0.1.nip.io", 0},
        {SLICE(""), NULL, 0},
        {SLICE(" "), NULL, 0},
        {SLICE("."), NULL, 0},
        {SLICE(".a"), NULL, 0},
        {SLICE("a..b"), NULL, 0},
        {SLICE("a b"), NULL, 0},
        {SLICE("a\tb"), NULL, 0},
        {SLICE("a\0b"), NULL, 0},
        {SLICE("a,b"), NULL, 0},
        {SLICE("a@b"), NULL, 0},
        {SLICE("a:b@c"), NULL, 0},
        {SLICE("a/"), NULL, 0},
        {SLICE("a?b"), NULL, 0},
        {SLICE("a#b"), NULL, 0},
        {SLICE("a\\b"), NULL, 0},
        {SLICE("a%41"), NULL, 0},
        {SLICE("a;b"), NULL, 0},
        {SLICE("*"), NULL, 0},
        {SLICE("\"a\""), NULL, 0},
        {SLICE("h\xc3\xb6st"), NULL, 0},
        {SLICE("a:"), NULL, 0},
        {SLICE(":80"), NULL, 0},
        {SLICE("a:0"), NULL, 0},
        {SLICE("a:65536"), NULL, 0},
        {SLICE("a:99999"), NULL, 0},
        {SLICE("a:000080"), NULL, 0},
        {SLICE("a:+80"), NULL, 0},
        {SLICE("a:-80"), NULL, 0},
        {SLICE("a: 80"), NULL, 0},
        {SLICE("a:80x"), NULL, 0},
        {SLICE("a:80:80"), NULL, 0},
        {SLICE("::1"), NULL, 0},
        {SLICE("[::1"), NULL, 0},
        {SLICE("::1]"), NULL, 0},
        {SLICE("[]"), NULL, 0},
        {SLICE("[::1]x"), NULL, 0},
        {SLICE("[::1]:"), NULL, 0},
        {SLICE("[::1%eth0]"), NULL, 0},
        {SLICE("[::g]"), NULL, 0},
        {SLICE("[1.2.3.4]"), NULL, 0},
        {SLICE("[::1\0]"), NULL, 0},
        {SLICE("[0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:1]"), NULL, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice host = SLICE("untouched");
        uint16_t port = 7;
        bool good = http_host_split(cases[i].in, &host, &port);
        if (good != (cases[i].host != NULL))
            fail_msg("%.*s", SLICE_ARG(cases[i].in));
        assert_true(slice_is(host, good ? slice_of(cases[i].host) : SLICE("untouched")));
        assert_int_equal(port, good ? cases[i].port : 7);
    }
    char longest[300];
    struct slice host;
    uint16_t port;
    memset(longest, 'a', sizeof longest);
    assert_true(http_host_split((struct slice){longest, 255}, &host, &port));
    assert_false(http_host_split((struct slice){longest, 256}, &host, &port));
}

static void test_path(void **state)
{
    static const struct {
        struct slice in;
        const char *plain; /* NULL: refused */
    } cases[] = {
        {SLICE("/"), "/"},
        {SLICE("/health"), "/health"},
        {SLICE("/health/"), "/health/"},
        {SLICE("/%68ealth"), "/health"},
        {SLICE("/a%20b+c"), "/a b+c"},
        {SLICE("/a:b@c,d=e&f$g!h~i*j(k)'l"), "/a:b@c,d=e&f$g!h~i*j(k)'l"},
        {SLICE("/caf%C3%A9"), "/caf\xc3\xa9"},
        {SLICE("/%e2%82%ac/%f0%9f%94%a5"), "/\xe2\x82\xac/\xf0\x9f\x94\xa5"},
        {SLICE("/%252e%252e/x"), "/%2e%2e/x"}, /* decoded once */
        {SLICE("/%252f"), "/%2f"},
        {SLICE("/..."), "/..."},
        {SLICE("/.a/b."), "/.a/b."},
        {SLICE("/%ed%9f%bf"), "/\xed\x9f\xbf"},
        {SLICE("/%ee%80%80"), "/\xee\x80\x80"},
        {SLICE("/%f4%8f%bf%bf"), "/\xf4\x8f\xbf\xbf"},
        {SLICE(""), NULL},
        {SLICE("*"), NULL},
        {SLICE("health"), NULL},
        {SLICE("//"), NULL},
        {SLICE("//health"), NULL},
        {SLICE("/a//b"), NULL},
        {SLICE("/a//"), NULL},
        {SLICE("/."), NULL},
        {SLICE("/.."), NULL},
        {SLICE("/./a"), NULL},
        {SLICE("/../a"), NULL},
        {SLICE("/a/.."), NULL},
        {SLICE("/a/../b"), NULL},
        {SLICE("/%2e"), NULL},
        {SLICE("/%2E%2e/a"), NULL},
        {SLICE("/.%2e/a"), NULL},
        {SLICE("/a%2fb"), NULL},
        {SLICE("/a%2Fb"), NULL},
        {SLICE("/a\\b"), NULL},
        {SLICE("/a%5cb"), NULL},
        {SLICE("/a;b"), NULL},
        {SLICE("/a%3bb"), NULL},
        {SLICE("/a%00"), NULL},
        {SLICE("/a\0"), NULL},
        {SLICE("/a%0a"), NULL},
        {SLICE("/a%1f"), NULL},
        {SLICE("/a%7f"), NULL},
        {SLICE("/%"), NULL},
        {SLICE("/%4"), NULL},
        {SLICE("/%4/1"), NULL},
        {SLICE("/%zz"), NULL},
        {SLICE("/%4g"), NULL},
        {SLICE("/%+4"), NULL},
        {SLICE("/%80"), NULL},
        {SLICE("/%ff"), NULL},
        {SLICE("/%c3"), NULL},
        {SLICE("/%c3/%a9"), NULL},
        {SLICE("/%c3("), NULL},
        {SLICE("/%c0%af"), NULL},
        {SLICE("/%c1%bf"), NULL},
        {SLICE("/%c0%ae%c0%ae/a"), NULL},
        {SLICE("/%e0%80%af"), NULL},
        {SLICE("/%e0%9f%bf"), NULL},
        {SLICE("/%f0%80%80%af"), NULL},
        {SLICE("/%f0%8f%bf%bf"), NULL},
        {SLICE("/%ed%a0%80"), NULL},
        {SLICE("/%ed%bf%bf"), NULL},
        {SLICE("/%f4%90%80%80"), NULL},
        {SLICE("/%f5%80%80%80"), NULL},
        {SLICE("/%e2%82"), NULL},
        {SLICE("/\xff"), NULL},
    };
    (void)state;
    struct text plain = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        bool good = http_path_ok(cases[i].in, &plain);
        if (good != (cases[i].plain != NULL))
            fail_msg("%.*s", SLICE_ARG(cases[i].in));
        if (good)
            assert_string_equal(text_cstr(&plain), cases[i].plain);
    }
    text_fini(&plain);
}

static void test_query(void **state)
{
    static const struct {
        const char *value, *plain; /* NULL: it is none */
    } rows[] = {
        {"", ""},
        {"a+b", "a b"},
        {"a%2Bb", "a+b"},
        {"%41%2f%26%3D", "A/&="},
        {"%c3%a4", "\xc3\xa4"},
        {"\xc3\xa4", "\xc3\xa4"},
        {"qwen%3A7b%20it", "qwen:7b it"},
        {"%25%34%31", "%41"},
        {"%", NULL},
        {"%4", NULL},
        {"%4g", NULL},
        {"a%00b", NULL},
        {"%c3", NULL},
        {"\xff", NULL},
    };
    struct text plain = {0}, again = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        text_clear(&plain);
        bool good = http_query_decode(slice_of(rows[i].value), &plain);
        assert_int_equal(good, rows[i].plain != NULL);
        if (!good)
            continue;
        assert_string_equal(text_cstr(&plain), rows[i].plain);
        text_clear(&again);
        http_query_encode(text_slice(&plain), &again);
        text_clear(&plain);
        assert_true(http_query_decode(text_slice(&again), &plain));
        assert_string_equal(text_cstr(&plain), rows[i].plain);
        assert_int_equal(strcspn(text_cstr(&again), " +&=/"), again.len);
    }
    text_fini(&plain);
    text_fini(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_query),
    };
    return cmocka_run_group_tests_name("http/uri", tests, NULL, NULL);
}
