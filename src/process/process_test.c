/* process_test: programs of the system, started, listened to and ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "os/os.h"
#include "process/process.h"

static const char *const path_only[] = {"PATH=/usr/bin:/bin", "WORD=here", NULL};

static struct process run(const char *const *argv, bool one_output)
{
    struct process p;
    struct why why = {0};
    const struct process_run r = {
        .plan = {.argv = argv, .environment = path_only, .one_output = one_output},
        .deadline_ms = 10000};
    assert_int_equal(process_run(&r, &p, &why), OK);
    assert_true(p.ended);
    return p;
}

static void it_gets_words_and_environment(void **state)
{
    (void)state;
    struct process p = run((const char *const[]){"printf", "%s|", "a b", "$HOME", "", NULL}, false);
    assert_string_equal(text_cstr(&p.out.text), "a b|$HOME||");
    assert_int_equal(p.code, 0);
    process_fini(&p);
    p = run((const char *const[]){"env", NULL}, false);
    assert_string_equal(text_cstr(&p.out.text), "PATH=/usr/bin:/bin\nWORD=here\n");
    process_fini(&p);
    assert_string_equal(process_variable(path_only, "WORD"), "here");
    assert_null(process_variable(path_only, "WOR"));
}

static void what_fails_is_told(void **state)
{
    (void)state;
    struct why why = {0};
    struct process p;
    const struct process_run none = {
        .plan = {.argv = (const char *const[]){"no-such-program-here", NULL}, path_only},
        .deadline_ms = 1000};
    assert_int_equal(process_run(&none, &p, &why), ERR_NOT_FOUND);
    p = run((const char *const[]){"ls", "/no/such/folder", NULL}, false);
    assert_int_equal(p.code, 2);
    assert_int_equal(process_check(&p, "ls", &why), ERR_SYSTEM);
    assert_non_null(strstr(why.text, "/no/such/folder"));
    process_fini(&p);
    p = run((const char *const[]){"ls", "/no/such/folder", NULL}, true);
    assert_int_equal(p.err.text.len, 0);
    assert_true(p.out.text.len > 0);
    process_fini(&p);
}

static void only_the_end_of_much_is_kept(void **state)
{
    (void)state;
    struct process p;
    const struct process_run r = {.plan = {.argv = (const char *const[]){"seq", "200000", NULL},
                                           .environment = path_only,
                                           .most = 100},
                                  .deadline_ms = 10000};
    assert_int_equal(process_run(&r, &p, NULL), OK);
    assert_int_equal(p.out.text.len, 100);
    assert_true(slice_is(process_last_line(text_slice(&p.out.text), NULL), SLICE("200000")));
    process_fini(&p);
}

static void count(void *owner)
{
    ++*(int *)owner;
}

static void who_takes_too_long_is_ended(void **state)
{
    (void)state;
    struct process p;
    int ticks = 0;
    uint64_t began = os_mono_ms();
    const struct process_run r = {
        .plan = {.argv = (const char *const[]){"sleep", "60", NULL}, .environment = path_only},
        .deadline_ms = 350,
        .waits = count,
        .owner = &ticks};
    assert_int_equal(process_run(&r, &p, NULL), ERR_DEADLINE);
    assert_true(os_mono_ms() - began < 3000);
    assert_in_range(ticks, 1, 5);
}

static void talking_both_ways(void **state)
{
    (void)state;
    struct process p;
    const struct process_plan plan = {
        .argv = (const char *const[]){"cat", NULL}, .environment = path_only, .talks = true};
    assert_int_equal(process_start(&plan, &p, NULL), OK);
    assert_true(process_tell(&p, SLICE("hello\n")));
    while (p.out.text.len < 6)
        assert_false(process_step(&p, 5000));
    assert_string_equal(text_cstr(&p.out.text), "hello\n");
    assert_false(process_wait(&p, 50));
    process_close_in(&p);
    assert_true(process_wait(&p, 5000));
    assert_int_equal(p.code, 0);
    assert_false(process_tell(&p, SLICE("more")));
    process_fini(&p);
}

static void it_finds_the_descriptors_it_was_given(void **state)
{
    (void)state;
    struct process p;
    int three[2], four[2];
    assert_int_equal(pipe2(three, O_CLOEXEC), 0);
    assert_int_equal(pipe2(four, O_CLOEXEC), 0);
    assert_true(os_write_all(three[1], SLICE("three")));
    assert_true(os_write_all(four[1], SLICE("four")));
    close(three[1]);
    close(four[1]);
    /* each stands where the other one goes, as far as the numbers allow */
    const struct process_fd fds[] = {{three[0], 4}, {four[0], 3}};
    const struct process_plan plan = {
        .argv = (const char *const[]){"cat", "/dev/fd/3", "/dev/fd/4", NULL},
        .environment = path_only,
        .fds = fds,
        .n_fds = 2};
    assert_int_equal(process_start(&plan, &p, NULL), OK);
    assert_true(process_wait(&p, 5000));
    assert_string_equal(text_cstr(&p.out.text), "fourthree");
    process_fini(&p);
    close(three[0]);
    close(four[0]);
}

static void fini_ends_what_runs(void **state)
{
    (void)state;
    struct process p;
    const struct process_plan plan = {.argv = (const char *const[]){"sleep", "60", NULL},
                                      .environment = path_only};
    assert_int_equal(process_start(&plan, &p, NULL), OK);
    pid_t pid = p.pid;
    process_fini(&p);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void lines(void **state)
{
    (void)state;
    struct slice said = SLICE("E: one\n  W: two \n\nlast\n \n");
    assert_true(slice_is(process_last_line(said, NULL), SLICE("last")));
    assert_true(slice_is(process_last_line(said, "E:"), SLICE("E: one")));
    assert_true(slice_is(process_last_line(said, "W:"), SLICE("W: two")));
    assert_int_equal(process_last_line(said, "X:").len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gets_words_and_environment),
        cmocka_unit_test(what_fails_is_told),
        cmocka_unit_test(only_the_end_of_much_is_kept),
        cmocka_unit_test(who_takes_too_long_is_ended),
        cmocka_unit_test(talking_both_ways),
        cmocka_unit_test(it_finds_the_descriptors_it_was_given),
        cmocka_unit_test(fini_ends_what_runs),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
