/* env_test: what shells are given to read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/inner.h"

static void each_shell_reads_its_own(void **state)
{
    (void)state;
    const struct {
        const char *shell, *value, *line;
    } cases[] = {
        {"sh", "http://127.0.0.1:8420/v1", "export A=http://127.0.0.1:8420/v1\n"},
        {"bash", "http://[::1]:8420/v1", "export A='http://[::1]:8420/v1'\n"},
        {"zsh", "a b", "export A='a b'\n"},
        {"sh", "", "export A=''\n"},
        {"sh", "it's $HOME `x` \\ !", "export A='it'\\''s $HOME `x` \\ !'\n"},
        {"fish", "hearth", "set -gx A hearth;\n"},
        {"fish", "it's \\", "set -gx A 'it\\'s \\\\';\n"},
        {"csh", "hearth", "setenv A hearth;\n"},
        {"tcsh", "a!'b", "setenv A 'a\\!'\\''b';\n"},
        {"sh", "~root", "export A='~root'\n"},
        {"sh", "caf\xc3\xa9", "export A='caf\xc3\xa9'\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct text out = {0};
        const struct env_shell *shell = env_shell(slice_of(cases[i].shell));
        assert_non_null(shell);
        assert_true(env_line(shell, "A", slice_of(cases[i].value), &out));
        assert_string_equal(text_cstr(&out), cases[i].line);
        text_fini(&out);
    }
}

static void what_would_be_a_second_line_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"a\nrm -rf x", "\033[2J", "\x7f", "a\tb"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct text out = {0};
        assert_false(env_line(env_shell(SLICE("sh")), "A", slice_of(bad[i]), &out));
        assert_int_equal(out.len, 0);
    }
    assert_null(env_shell(SLICE("pwsh")));
    assert_null(env_shell(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_shell_reads_its_own),
        cmocka_unit_test(what_would_be_a_second_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
