/* talk_test: the pure parts of ask and chat: what may go to a terminal however it is cut into
 * pieces, lines that become one message, files named in words, conversations on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/talk.h"

static void filter_in_pieces(struct slice in, size_t step, struct text *out)
{
    struct filter f = {0};
    text_clear(out);
    for (size_t at = 0; at < in.len; at += step)
        filter_add(&f, slice_to(slice_from(in, at), min_size(step, in.len - at)), out);
    filter_end(&f, out);
}

static void nothing_orders_the_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"plain\twords\n\n  and code\n", "plain\twords\n\n  and code\n"},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8d\x8e",
         "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8d\x8e"},
        {"a\r\nb\r\n", "a\nb\n"},
        {"safe\rEVIL", "safe\\x0dEVIL"},
        {"x\r\r\ny\r", "x\\x0d\ny\\x0d"},
        {"\033]0;title\a\033[2J", "\\x1b]0;title\\x07\\x1b[2J"},
        {"\033]52;c;ZXZpbA==\033\\", "\\x1b]52;c;ZXZpbA==\\x1b\\"},
        {"\xc2\x9b"
         "2J \x7f \b",
         "\\xc2\\x9b2J \\x7f \\x08"},
        {"\xe2\x80\xaetxt.exe", "\\xe2\\x80\\xaetxt.exe"},
        {"bad \xff\xc3 \xe2\x82", "bad \xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd"},
        {"\x9b"
         "31m",
         "\xef\xbf\xbd"
         "31m"},
        {"\xed\xa0\x80.", "\xef\xbf\xbd."},
    };
    struct text out = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice in = slice_of(cases[i].in);
        for (size_t step = 1; step <= in.len + 1; step++) {
            filter_in_pieces(in, step, &out);
            assert_string_equal(text_cstr(&out), cases[i].out);
        }
    }
    text_fini(&out);
}

static void lines_become_a_message(void **state)
{
    (void)state;
    static const struct {
        const char *lines[5];
        const char *message; /* NULL: it is not whole yet */
    } cases[] = {
        {{"hello"}, "hello"},
        {{""}, ""},
        {{"one\\", "two\\", "three"}, "one\ntwo\nthree"},
        {{"one\\"}, NULL},
        {{"\"\"\"", "a", "  b", "\"\"\""}, "a\n  b"},
        {{"\"\"\"a", "b\"\"\""}, "a\nb"},
        {{"\"\"\"a\"\"\""}, "a"},
        {{"\"\"\"", "", "a\\", "\"\"\""}, "\na\\"},
        {{"\"\"\"", "a"}, NULL},
        {{"\"\"\"", "\"\"\""}, ""},
        {{"a \"\"\" b"}, "a \"\"\" b"},
        {{"a\\", "\"\"\""}, "a\n\"\"\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gather g = {0};
        bool whole = false;
        for (size_t k = 0; k < 5 && cases[i].lines[k]; k++) {
            assert_false(whole);
            whole = gather_add(&g, slice_of(cases[i].lines[k]));
        }
        assert_int_equal(whole, cases[i].message != NULL);
        if (whole)
            assert_string_equal(text_cstr(&g.words), cases[i].message);
        gather_clear(&g);
    }
}

static void words_name_files(void **state)
{
    (void)state;
    static const struct {
        const char *in, *words, *paths[3];
    } cases[] = {
        {"no file", "no file", {0}},
        {"sum up @a.txt", "sum up a.txt", {"a.txt"}},
        {"@a.txt @/b/c d", "a.txt /b/c d", {"a.txt", "/b/c"}},
        {"@\"my notes.txt\" please", "my notes.txt please", {"my notes.txt"}},
        {"@\"open", "\"open", {"\"open"}},
        {"me@example.org @@home @ x", "me@example.org @home @ x", {0}},
        {"line\n@x\n", "line\nx\n", {"x"}},
        {"@", "@", {0}},
        {"@@", "@", {0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text words = {0};
        struct slice paths[3];
        size_t n = 9;
        assert_true(take_paths(slice_of(cases[i].in), &words, paths, COUNT(paths), &n));
        assert_string_equal(text_cstr(&words), cases[i].words);
        for (size_t k = 0; k < n; k++)
            assert_true(slice_is(paths[k], slice_of(cases[i].paths[k])));
        assert_true(n == COUNT(paths) || !cases[i].paths[n]);
        text_fini(&words);
    }
    struct text words = {0};
    struct slice one[1];
    size_t n;
    assert_false(take_paths(SLICE("@a @b"), &words, one, 1, &n));
    text_fini(&words);
}

static void text_is_told_from_bytes(void **state)
{
    (void)state;
    assert_true(take_is_text(SLICE("")));
    assert_true(take_is_text(SLICE("a\tb\r\n\033[1m \xe2\x82\xac")));
    assert_false(take_is_text(SLICE("a\0b")));
    assert_false(take_is_text(SLICE("caf\xe9")));
    assert_int_equal(take_whole(SLICE("ab\xe2\x82\xac")), 5);
    assert_int_equal(take_whole(SLICE("ab\xe2\x82")), 2);
    assert_int_equal(take_whole(SLICE("ab\xf0\x9f\x8d")), 2);
    assert_int_equal(take_whole(SLICE("ab\xc3")), 2);
    assert_int_equal(take_whole(SLICE("ab")), 2);
    assert_int_equal(take_whole(SLICE("")), 0);
}

static void the_system_speaks_first(void **state)
{
    (void)state;
    struct talk t = {.model = "m"};
    assert_true(talk_set_system(&t, SLICE("")));
    assert_int_equal(t.n, 0);
    assert_true(talk_add(&t, USER, SLICE("q")));
    assert_true(talk_set_system(&t, SLICE("be short")));
    assert_true(talk_set_system(&t, SLICE("be long")));
    assert_int_equal(t.n, 2);
    assert_true(slice_is(talk_system(&t), SLICE("be long")));
    assert_int_equal(t.messages[1].speaker, USER);
    assert_true(talk_set_system(&t, SLICE("")));
    assert_int_equal(t.n, 1);
    assert_int_equal(talk_system(&t).len, 0);
    talk_fini(&t);
}

static void what_is_saved_is_read_back(void **state)
{
    (void)state;
    struct talk t = {.model = "qwen"}, back = {.model = "other"};
    struct text json = {0};
    struct why why = {0};
    assert_true(talk_add(&t, SYSTEM, SLICE("s")) &&
                talk_add(&t, USER, SLICE("a \"quoted\"\n\033")));
    assert_true(talk_add(&t, ASSISTANT, SLICE("\xe2\x82\xac")) &&
                talk_add(&back, USER, SLICE("x")));
    talk_write(&t, &json);
    assert_string_equal(text_cstr(&json),
                        "{\"model\":\"qwen\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
                        "{\"role\":\"user\",\"content\":\"a \\\"quoted\\\"\\n\\u001b\"},"
                        "{\"role\":\"assistant\",\"content\":\"\xe2\x82\xac\"}]}\n");
    assert_int_equal(talk_read(&back, text_slice(&json), &why), OK);
    assert_int_equal(back.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(back.messages[i].speaker, t.messages[i].speaker);
        assert_true(
            slice_is(text_slice(&back.messages[i].words), text_slice(&t.messages[i].words)));
    }
    text_fini(&json);
    talk_fini(&t);
    talk_fini(&back);
}

static void strange_conversations_are_refused_whole(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"", ""},
        {"{", ""},
        {"{}", "no messages"},
        {"{\"messages\":{}}", "no messages"},
        {"[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"tool\",\"content\":\"b\"}]",
         "message 2"},
        {"[{\"role\":\"user\"}]", "message 1 is more than text"},
        {"[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]", "more than text"},
        {"[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\",\"content\":\"b\"}]",
         "not the first"},
        {"[7]", "message 1"},
    };
    struct talk t = {.model = "m"};
    assert_true(talk_add(&t, USER, SLICE("mine")));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct why why = {0};
        assert_int_not_equal(talk_read(&t, slice_of(cases[i].json), &why), OK);
        assert_non_null(strstr(why.text, cases[i].says));
        assert_int_equal(t.n, 1);
        assert_true(slice_is(text_slice(&t.messages[0].words), SLICE("mine")));
    }
    struct why why = {0};
    const char *parts =
        "[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"text\":\"b\"}]}]";
    assert_int_equal(talk_read(&t, slice_of(parts), &why), OK);
    assert_true(slice_is(text_slice(&t.messages[0].words), SLICE("ab")));
    assert_int_equal(talk_read(&t, SLICE("[]"), &why), OK);
    assert_int_equal(t.n, 0);
    talk_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_orders_the_terminal),
        cmocka_unit_test(lines_become_a_message),
        cmocka_unit_test(words_name_files),
        cmocka_unit_test(text_is_told_from_bytes),
        cmocka_unit_test(the_system_speaks_first),
        cmocka_unit_test(what_is_saved_is_read_back),
        cmocka_unit_test(strange_conversations_are_refused_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
