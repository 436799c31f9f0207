/* answers_test: every page is whole, and questions find theirs. */
#include "answers/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void every_page_is_whole(void **state)
{
    (void)state;
    struct slice rest = answers_all();
    struct answers_page page, found;
    size_t n = 0;
    for (; answers_next(&rest, &page); n++) {
        assert_true(page.name.len && page.title.len && page.words.len && page.text.len);
        assert_int_equal(slice_find(page.name, ' '), page.name.len);
        assert_true(slice_ends(page.title, SLICE("?")));
        assert_int_equal(answers_find(page.name, &found, 1), 1);
        assert_true(slice_is(found.name, page.name));
    }
    assert_int_equal(rest.len, 0);
    assert_in_range(n, 50, ANSWERS_MOST - 1);
}

static void questions_find_their_page(void **state)
{
    static const struct {
        const char *question, *page;
    } cases[] = {
        {"how do I start it in the background?", "start"},
        {"STARTING THE DAEMON", "start"},
        {"open webui", "connect-open-webui"},
        {"insufficient_memory", "out-of-memory"},
        {"my graphics card is not used", "gpu"},
        {"prometheus", "metrics"},
        {"tempreature", "temperature"}, /* two letters changed places */
        {"sillytavernn", "connect-sillytavern"},
        {"make a backup", "backup"},
        {"error 401 unauthorized", "unauthorized"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct answers_page found = {0};
        assert_int_equal(answers_find(slice_of(cases[i].question), &found, 1), 1);
        struct text name = {0};
        text_add(&name, found.name);
        assert_string_equal(text_cstr(&name), cases[i].page);
        text_fini(&name);
    }
}

static void what_has_nothing_to_do_with_it_finds_nothing(void **state)
{
    static const char *const cases[] = {
        "", "?", "how do i", "photosynthesis of ferns", "\xff\xfe\x80", "bake bread with rye flour",
    };
    (void)state;
    struct answers_page found[3];
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(answers_find(slice_of(cases[i]), found, COUNT(found)), 0);
    assert_int_equal(answers_find((struct slice){0}, found, COUNT(found)), 0);
    assert_int_equal(answers_find(SLICE("prometheus"), found, 0), 0);
}

static void several_come_in_order_and_once(void **state)
{
    (void)state;
    struct answers_page found[ANSWERS_MOST];
    size_t n = answers_find(SLICE("make an api key"), found, COUNT(found));
    assert_in_range(n, 2, 40);
    assert_true(slice_is(found[0].name, SLICE("keys")));
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            assert_false(slice_is(found[i].name, found[k].name));
    }
    assert_int_equal(answers_find(SLICE("make an api key"), found, 2), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_whole),
        cmocka_unit_test(questions_find_their_page),
        cmocka_unit_test(what_has_nothing_to_do_with_it_finds_nothing),
        cmocka_unit_test(several_come_in_order_and_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
