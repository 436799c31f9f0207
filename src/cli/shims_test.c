/* shims_test: from the words of older tools to ours. The links: tests/scenarios/test_shims.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "cli/shims.h"

/* The line as words with blanks between, after the shim's own name. They lie in `room`. */
static enum err take(const char *line, struct shim_line *ret, struct arena *room)
{
    struct slice rest = slice_of(line), word;
    char *argv[16] = {0};
    struct why why = {0};
    int argc = 0;
    while (argc < 15 && slice_split(&rest, ' ', &word))
        argv[argc++] = arena_cstr(room, word);
    return shim_read(argc, argv, ret, &why);
}

static void words_become_ours(void **state)
{
    static const struct {
        const char *line, *ours; /* "": refused; NULL: another program's line */
    } rows[] = {
        {"hearth status", NULL},
        {"/usr/bin/hearth llm", NULL},
        {"llmx", NULL},
        {"llm --mode health", "status"},
        {"/home/x/.local/bin/llm --mode=health --json", "status --json"},
        {"llm-client --mode models", "models"},
        {"llm what is it", "ask what is it"},
        {"llm --prompt hello --model m", "ask hello --model m"},
        {"llm --prompt=hello", "ask hello"},
        {"llm", "chat"},
        {"llm --mode chat", "chat"},
        {"llm --mode nothing", ""},
        {"llm --mode", "ask --mode"},
        {"llm-manager start", "up --detach"},
        {"llm-manager logs -f", "logs -f"},
        {"llm-manager download x", "pull x"},
        {"llm-manager", ""},
        {"llm-manager explode", ""},
        {"llm-serve", ""},
        {"llm-serve code chat", ""},
        {"llm-serve --port", ""},
    };
    struct arena room = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct shim_line l;
        struct text got = {0};
        enum err e = take(rows[i].line, &l, &room);
        if (rows[i].ours && !rows[i].ours[0]) {
            assert_int_equal(e, ERR_BAD_REQUEST);
            continue;
        }
        assert_int_equal(e, OK);
        assert_int_equal(l.shim != NULL, rows[i].ours != NULL);
        for (size_t k = 0; l.shim && k < l.n; k++)
            text_format(&got, "%s%s", k ? " " : "", l.words[k]);
        if (rows[i].ours)
            assert_string_equal(text_cstr(&got), rows[i].ours);
        text_fini(&got);
    }
    arena_fini(&room);
}

static void a_role_is_served(void **state)
{
    struct shim_line l;
    struct arena room = {0};
    (void)state;
    assert_int_equal(take("llm-serve code", &l, &room), OK);
    assert_string_equal(l.role, "code");
    assert_int_equal(l.n, 0);
    assert_int_equal(take("llm-manager --help", &l, &room), OK);
    assert_true(l.help);
    arena_fini(&room);
}

static void too_many_words_are_refused(void **state)
{
    char *argv[SHIM_WORDS + 3];
    struct shim_line l;
    struct why why = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(argv); i++)
        argv[i] = i ? "x" : "llm";
    assert_int_equal(shim_read((int)COUNT(argv), argv, &l, &why), ERR_BAD_REQUEST);
    assert_int_equal(shim_read(SHIM_WORDS, argv, &l, &why), OK);
    assert_int_equal(l.n, SHIM_WORDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_ours),
        cmocka_unit_test(a_role_is_served),
        cmocka_unit_test(too_many_words_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
