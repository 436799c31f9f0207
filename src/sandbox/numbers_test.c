/* numbers_test: the numbers of calls.def for aarch64, which are the generic ones of the system's
 * headers, wherever this runs. filter_test.c has those of this processor. A call that the headers
 * do not know yet cannot be judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm-generic/unistd.h>

#include "base/base.h"
#include "sandbox/number_testing.h"

static void numbers_are_the_headers(void **state)
{
    static const struct number_row rows[] = {
#define CALL(name, x86_64, aarch64, ...) {#name, aarch64, AS_TEXT(__NR_##name)},
#define ALONE CALL
#define DEVICE CALL
#include "sandbox/calls.def"
#undef CALL
#undef ALONE
#undef DEVICE
    };
    (void)state;
    assert_true(numbers_check(rows, COUNT(rows)) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(numbers_are_the_headers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
