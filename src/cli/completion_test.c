/* completion_test: what may stand where, as the shells ask it. Names of models and roles are in the
 * scenarios: they come from files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cli/inner.h"

#define MOST 16

/* The words that may stand at the end of a line, each with a blank behind it. What is behind the
 * last blank is the word that was begun. */
static const char *complete(const char *line, struct text *words)
{
    static const char *const nowhere[] = {"HEARTH_HOME=/nonexistent", NULL};
    struct cli c = {.environment = nowhere};
    struct slice rest = slice_of(line), word, found;
    const char *argv[MOST];
    size_t n = 0;
    struct why why;
    assert_int_equal(config_paths_find(&c.arena, c.environment, &c.paths, &why), OK);
    while (n < MOST && slice_split(&rest, ' ', &word))
        argv[n++] = arena_cstr(&c.arena, word); /* behind the last blank: an empty one */
    struct text out = {0};
    completion_write(&c, argv, n, &out);
    text_clear(words);
    rest = text_slice(&out);
    while (slice_split(&rest, '\n', &found) && found.len) {
        size_t tab = slice_find(found, '\t');
        assert_true(tab < found.len);
        text_add(words, slice_to(found, tab));
        text_byte(words, ' ');
    }
    text_fini(&out);
    arena_fini(&c.arena);
    return text_cstr(words);
}

static void a_line_goes_on_as_it_may(void **state)
{
    (void)state;
    const struct {
        const char *line, *words;
    } cases[] = {
        {"sta", "status "},
        {"mod", "models "},
        {"unl", "unload "},
        {"models l", "list load "},
        {"models list --", "--json --help "},
        {"ls --j", "--json "},
        {"status --w", "--watch "},
        {"status -w --j", "--json "},
        {"env --shell ", "sh fish csh "},
        {"env --shell f", "fish "},
        {"env --shell=f", "--shell=fish "},
        {"env -s ", "sh fish csh "},
        {"env -s fish --mo", "--model "},
        {"completion ", "bash zsh fish "},
        {"completion bash ", ""},
        {"help stat", "status "},
        {"engines install l", "llama.cpp "},
        {"engines ins", "install "},
        {"roles set c", "code chat "},
        {"down ", "--now --json --help "},
        {"logs -n ", ""},
        {"logs -n 5 --f", "--follow "},
        {"frobnicate ", ""},
        {"frobnicate --", ""},
        {"models add ", ""}, /* files: the shell knows them */
        {"keys create x --expires ", ""},
        {"completion -- z", "zsh "},
        {"", NULL},
    };
    struct text words = {0};
    for (size_t i = 0; i < COUNT(cases); i++) {
        complete(cases[i].line, &words);
        if (cases[i].words && strcmp(text_cstr(&words), cases[i].words))
            fail_msg("%s: %s, not %s", cases[i].line, text_cstr(&words), cases[i].words);
    }
    text_fini(&words);
}

/* Every command can be typed by completing it, word by word. */
static void every_command_is_reached(void **state)
{
    (void)state;
    struct text words = {0};
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        struct slice rest = slice_of(cli_command(id)->name), word;
        char line[80] = "", wanted[80];
        while (slice_split(&rest, ' ', &word)) {
            complete(line, &words);
            snprintf(wanted, sizeof wanted, "%.*s ", SLICE_ARG(word));
            assert_non_null(strstr(text_cstr(&words), wanted));
            size_t len = strlen(line);
            snprintf(line + len, sizeof line - len, "%s", wanted);
        }
    }
    text_fini(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_goes_on_as_it_may),
        cmocka_unit_test(every_command_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
