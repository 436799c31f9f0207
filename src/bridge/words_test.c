/* words_test: the command line of hearth-bridge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/bridge.h"

#define MOST 8

static const struct {
    const char *argv[MOST];
    bool good;
    const char *folder, *socket, *program;
    unsigned port;
} cases[] = {
    {{"--", "/bin/x"}, true, NULL, NULL, "/bin/x", 0},
    {{"--folder", "/tmp", "--", "/bin/x", "--", "y"}, true, "/tmp", NULL, "/bin/x", 0},
    {{"--socket", "/run/s", "--port", "65535", "--", "x"}, true, NULL, "/run/s", "x", 65535},
    {{"--port", "1", "--socket", "--", "--", "x"}, true, NULL, "--", "x", 1},
    {{"--", NULL}, false, NULL, NULL, NULL, 0},
    {{NULL}, false, NULL, NULL, NULL, 0},
    {{"/bin/x"}, false, NULL, NULL, NULL, 0},
    {{"--folder"}, false, NULL, NULL, NULL, 0},
    {{"--folder", "/tmp", "/bin/x"}, false, NULL, NULL, NULL, 0},
    {{"--port", "0", "--", "x"}, false, NULL, NULL, NULL, 0},
    {{"--port", "65536", "--", "x"}, false, NULL, NULL, NULL, 0},
    {{"--port", "100000", "--", "x"}, false, NULL, NULL, NULL, 0},
    {{"--port", "8x", "--", "x"}, false, NULL, NULL, NULL, 0},
    {{"--port", "", "--", "x"}, false, NULL, NULL, NULL, 0},
    {{"--port", "-1", "--", "x"}, false, NULL, NULL, NULL, 0},
    {{"--shell", "x", "--", "x"}, false, NULL, NULL, NULL, 0},
};

static void assert_same(const char *got, const char *wanted)
{
    if (wanted)
        assert_string_equal(got, wanted);
    else
        assert_null(got);
}

static void words_are_understood_or_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bridge_words w = {.folder = "untouched"};
        char *argv[MOST + 1] = {0};
        memcpy(argv, cases[i].argv, sizeof cases[i].argv);
        assert_int_equal(bridge_read_words(argv, &w), cases[i].good);
        if (!cases[i].good) {
            assert_string_equal(w.folder, "untouched");
            continue;
        }
        assert_same(w.folder, cases[i].folder);
        assert_same(w.socket, cases[i].socket);
        assert_string_equal(w.program[0], cases[i].program);
        assert_int_equal(w.port, cases[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words_are_understood_or_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
