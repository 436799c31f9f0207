/* child_test: what becomes of a process in each of its states, and of what it says. The children
 * are this very program, started with the name of what it is to be (see `beings`). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "child/child.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

/* ---- what children are ---------------------------------------------------------------------- */

static bool put(int fd, const char *words)
{
    return os_write_all(fd, slice_of(words));
}

static int be_tidy(void)
{
    put(STDERR_FILENO, "one\n\ntwo\r\n");
    put(STDOUT_FILENO, "three\nfour, without an end");
    return 7;
}

static int be_long(void)
{
    for (int i = 0; i < 5000; i++)
        put(STDOUT_FILENO, "0123456789");
    put(STDOUT_FILENO, "\nshort\n");
    return 0;
}

static int be_killed(void)
{
    raise(SIGKILL);
    return 0;
}

/* As hearth-bridge and bubblewrap do: tells a pid, waits for a byte. */
static int be_held(void)
{
    char line[64], byte;
    struct pollfd block = {.fd = SANDBOX_BLOCK_FD, .events = POLLIN};
    put(SANDBOX_STATUS_FD, "no JSON\n{\"child-pid\":\"7\"}\n{\"child-pid\":-7}\n{}\n");
    snprintf(line, sizeof line, "{\"child-pid\":%d}\n", (int)getpid());
    put(SANDBOX_STATUS_FD, line);
    put(SANDBOX_STATUS_FD, line);
    if (poll(&block, 1, -1) != 1 || read(SANDBOX_BLOCK_FD, &byte, 1) != 1)
        return 9;
    put(STDOUT_FILENO, "runs\n");
    poll(NULL, 0, -1);
    return 0;
}

static int be_flood(void)
{
    char lines[60000];
    for (size_t i = 0; i < sizeof lines; i++)
        lines[i] = i % 26 == 24 ? 'x' : '\n';
    while (os_write_all(STDOUT_FILENO, (struct slice){lines, sizeof lines}))
        ;
    return 0;
}

static int be_parent(void)
{
    if (fork() == 0) {
        poll(NULL, 0, 1500); /* and has our outputs */
        _exit(0);
    }
    put(STDOUT_FILENO, "has a child\n");
    return 3;
}

static int be_echo(void)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) == 1 &&
           os_write_all(STDOUT_FILENO, (struct slice){&byte, 1}))
        ;
    return 0;
}

static int be_deaf(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    put(STDOUT_FILENO, "deaf\n");
    poll(NULL, 0, -1);
    return 0;
}

static int be_waiting(void)
{
    put(STDOUT_FILENO, "waits\n");
    poll(NULL, 0, -1);
    return 0;
}

static const struct being {
    const char *name;
    int (*be)(void);
} beings[] = {{"tidy", be_tidy},     {"long", be_long},   {"killed", be_killed},
              {"held", be_held},     {"flood", be_flood}, {"echo", be_echo},
              {"parent", be_parent}, {"deaf", be_deaf},   {"waiting", be_waiting}};

/* ---- watching one --------------------------------------------------------------------------- */

enum moment { NEVER_MIND, AT_START, AT_HELD, AT_LINE, AT_END };
enum deed { NOTHING, GO, KILL, CLOSE };

struct watch_over {
    struct loop loop;
    struct hold hold;
    struct child child;
    struct timer timer;
    enum moment moment; /* at which */
    enum deed deed;     /* this is done */
    struct text said[CHILD_OUTPUTS];
    unsigned lines, held, ended, rings, gone;
    size_t longest;
    struct child_end end;
    pid_t program;
    uint64_t late_ms, due_ms;
};

static void act(struct watch_over *w, enum moment now)
{
    if (now == AT_HELD && w->moment != AT_HELD)
        child_go(&w->child);
    if (now != w->moment)
        return;
    w->moment = NEVER_MIND; /* once */
    switch (w->deed) {
    case GO:
        child_go(&w->child);
        break;
    case KILL:
        child_kill(&w->child);
        break;
    case CLOSE:
        child_close(&w->child);
        timer_close(&w->timer);
        break;
    case NOTHING:
        break;
    }
}

static void on_held(struct child *c, pid_t program)
{
    struct watch_over *w = owner_of(c, struct watch_over, child);
    w->held++;
    w->program = program;
    act(w, AT_HELD);
}

static void on_line(struct child *c, enum child_output from, struct slice line)
{
    struct watch_over *w = owner_of(c, struct watch_over, child);
    w->lines++;
    w->longest = max_size(w->longest, line.len);
    text_add(&w->said[from], slice_to(line, min_size(line.len, 40)));
    text_add(&w->said[from], SLICE("|"));
    act(w, AT_LINE);
}

static void on_end(struct child *c, const struct child_end *end)
{
    struct watch_over *w = owner_of(c, struct watch_over, child);
    w->ended++;
    w->end = *end;
    act(w, AT_END);
    timer_close(&w->timer);
}

static void on_gone(struct hold *h)
{
    owner_of(h, struct watch_over, hold)->gone++;
}

static void on_ring(struct timer *t)
{
    struct watch_over *w = owner_of(t, struct watch_over, timer);
    uint64_t now = os_mono_ms();
    w->late_ms = max_u64(w->late_ms, now > w->due_ms ? now - w->due_ms : 0);
    if (++w->rings == 40)
        child_kill(&w->child); /* nothing here lives longer than two seconds */
    w->due_ms = now + 50;
    timer_set(&w->timer, 50);
}

static const struct child_ops ops = {.held = on_held, .line = on_line, .ended = on_end};

static enum err start(struct watch_over *w, const char *program, const char *being)
{
    const char *const argv[] = {program, "be", being, NULL}, *const env[] = {"A=b", NULL};
    const struct child_terms terms = {.argv = argv, .env = env, .folder = "/", .seccomp = -1};
    struct why why = {0};
    assert_int_equal(loop_open(&w->loop, &why), OK);
    w->hold = (struct hold){.count = 1, .gone = on_gone};
    w->child.ops = &ops;
    timer_open(&w->timer, &w->loop, &w->hold, on_ring);
    w->due_ms = os_mono_ms() + 50;
    timer_set(&w->timer, 50);
    enum err e = child_start(&w->child, &w->loop, &w->hold, &terms, &why);
    assert_true(!e == !why.text[0]);
    return e;
}

static unsigned open_files(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

/* Until nothing is left of it. */
static void run(struct watch_over *w)
{
    loop_run(&w->loop);
    assert_int_equal(w->gone, 0);
    hold_drop(&w->hold);
    assert_int_equal(w->gone, 1); /* all handles were closed */
    loop_close(&w->loop);
    assert_true(w->ended <= 1);
    assert_true(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* no zombie, nobody left */
}

static void over(struct watch_over *w)
{
    for (unsigned i = 0; i < CHILD_OUTPUTS; i++)
        text_fini(&w->said[i]);
    mem_free(w);
}

static struct watch_over *watch(const char *being, enum moment moment, enum deed deed)
{
    struct watch_over *w = mem_new(struct watch_over);
    assert_non_null(w);
    w->moment = moment;
    w->deed = deed;
    assert_int_equal(start(w, "/proc/self/exe", being), OK);
    act(w, AT_START);
    run(w);
    return w;
}

static void said(struct watch_over *w, enum child_output from, const char *words)
{
    assert_string_equal(text_cstr(&w->said[from]), words);
}

/* ---- the tests ------------------------------------------------------------------------------ */

static void lines_come_without_their_ends(void **state)
{
    (void)state;
    struct watch_over *w = watch("tidy", NEVER_MIND, NOTHING);
    said(w, CHILD_ERR, "one|two|");
    said(w, CHILD_OUT, "three|four, without an end|");
    assert_int_equal(w->ended, 1);
    assert_int_equal(w->end.code, 7);
    assert_int_equal(w->end.signal, 0);
    assert_int_equal(w->held, 0);
    over(w);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    struct watch_over *w = watch("long", NEVER_MIND, NOTHING);
    assert_int_equal(w->longest, 16384);
    said(w, CHILD_OUT, "0123456789012345678901234567890123456789|short|");
    over(w);
}

static void a_signal_is_told(void **state)
{
    (void)state;
    struct watch_over *w = watch("killed", NEVER_MIND, NOTHING);
    assert_int_equal(w->end.signal, SIGKILL);
    over(w);
}

static void it_is_held_until_it_may_go(void **state)
{
    (void)state;
    struct watch_over *w = watch("held", AT_LINE, KILL);
    assert_int_equal(w->held, 1);
    assert_int_equal(w->program, w->child.pid);
    said(w, CHILD_OUT, "runs|");
    said(w, CHILD_STATUS, "");
    assert_int_equal(w->ended, 1);
    assert_int_not_equal(w->end.signal, 0);
    over(w);
}

static void it_is_killed_in_every_state(void **state)
{
    (void)state;
    for (enum moment at = AT_START; at <= AT_END; at++) {
        struct watch_over *w = watch(at == AT_END ? "tidy" : "held", at, KILL);
        assert_int_equal(w->ended, 1);
        if (at == AT_HELD)
            said(w, CHILD_OUT, ""); /* it never ran */
        over(w);
    }
}

static void it_is_closed_in_every_state(void **state)
{
    (void)state;
    unsigned before = open_files();
    for (enum moment at = AT_START; at <= AT_END; at++) {
        struct watch_over *w = watch(at == AT_END ? "tidy" : "held", at, CLOSE);
        assert_int_equal(w->ended, at == AT_END);
        assert_true(w->lines <= 4);
        over(w);
        w = watch("flood", at == AT_END ? AT_START : at == AT_HELD ? AT_LINE : at, CLOSE);
        assert_int_equal(w->ended, 0);
        assert_true(w->lines <= 1); /* nothing is heard of one that is closed */
        over(w);
    }
    assert_int_equal(open_files(), before);
}

static void a_flood_leaves_the_others_their_turns(void **state)
{
    (void)state;
    struct watch_over *w = watch("flood", NEVER_MIND, NOTHING);
    assert_int_equal(w->ended, 1);
    assert_int_equal(w->rings, 40);
    assert_true(w->lines > 100);
    assert_true(w->lines < 300000); /* each counts, and not only its bytes */
    assert_true(w->late_ms < 500);
    over(w);
}

static void somebody_else_has_its_outputs(void **state)
{
    (void)state;
    struct watch_over *w = watch("parent", NEVER_MIND, NOTHING);
    said(w, CHILD_OUT, "has a child|");
    assert_int_equal(w->end.code, 3);
    assert_true(w->rings < 20); /* it did not wait for that one */
    over(w);
}

static void what_is_said_to_it_arrives(void **state)
{
    (void)state;
    struct watch_over *w = mem_new(struct watch_over);
    w->moment = AT_LINE;
    w->deed = KILL;
    assert_int_equal(start(w, "/proc/self/exe", "echo"), OK);
    child_say(&w->child, SLICE("so "));
    child_say(&w->child, SLICE("be it\n"));
    run(w);
    said(w, CHILD_OUT, "so be it|");
    child_say(&w->child, SLICE("too late\n"));
    child_go(&w->child);
    child_kill(&w->child);
    child_close(&w->child);
    over(w);
}

/* It does not heed what it is asked: asking again, later, ends it. */
static void one_that_is_deaf(void **state)
{
    (void)state;
    struct watch_over *w = watch("deaf", AT_LINE, KILL);
    assert_int_equal(w->ended, 1);
    assert_int_equal(w->end.signal, SIGKILL);
    assert_true(w->rings >= 40);
    over(w);
}

static void what_is_not_there_is_not_started(void **state)
{
    (void)state;
    unsigned before = open_files();
    for (int i = 0; i < 2; i++) {
        struct watch_over *w = mem_new(struct watch_over);
        assert_int_equal(start(w, i ? "/proc" : "/no/such/program", "tidy"), ERR_SYSTEM);
        child_close(&w->child);
        timer_close(&w->timer);
        run(w);
        assert_int_equal(w->ended, 0);
        over(w);
    }
    assert_int_equal(open_files(), before);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_without_their_ends),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(a_signal_is_told),
        cmocka_unit_test(it_is_held_until_it_may_go),
        cmocka_unit_test(it_is_killed_in_every_state),
        cmocka_unit_test(it_is_closed_in_every_state),
        cmocka_unit_test(a_flood_leaves_the_others_their_turns),
        cmocka_unit_test(somebody_else_has_its_outputs),
        cmocka_unit_test(what_is_said_to_it_arrives),
        cmocka_unit_test(one_that_is_deaf),
        cmocka_unit_test(what_is_not_there_is_not_started),
    };
    for (size_t i = 0; argc == 3 && i < COUNT(beings); i++) {
        if (strcmp(argv[2], beings[i].name) == 0)
            _exit(beings[i].be());
    }
    log_open(STDERR_FILENO, LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
