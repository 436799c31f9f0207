/* figures_test: what is read of an engine's metrics, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/inside.h"

static void test_reading(void **state)
{
    static const char page[] =
        "# HELP llamacpp:prompt_tokens_total Number of tokens\n"
        "llamacpp:prompt_tokens_total 1234\n"
        "llamacpp:predicted_tokens_seconds 41.5\n"
        "llamacpp:tokens_predicted_total -1\n"
        "llamacpp:n_decode_total nan\n"
        "llamacpp:requests_processing 1e999\n"
        "llamacpp:requests_deferred 3 4\n"
        "llamacpp:prompt_seconds_total\n"
        "llamacpp:unheard_of 5\n"
        "tokens_predicted_seconds_total 7\n"
        "llamacpp:tokens_predicted_seconds_total 99999999999999999999999999999"
        "9999999999999999999999\n";
    struct engine_figures f = {0};
    (void)state;
    figures_read(slice_of(page), &f);
    for (unsigned i = 0; i < ENGINE_FIGURES; i++)
        assert_int_equal(f.known[i], i == ENGINE_PROMPT_TOKENS || i == ENGINE_TOKEN_RATE);
    assert_true(f.values[ENGINE_PROMPT_TOKENS] == 1234);
    assert_true(f.values[ENGINE_TOKEN_RATE] == 41.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
