/* verbs_test: whole commands in a home of their own, with a daemon that is a child of the test:
 * it holds the lock, answers on admin.sock what it was told to, and notes what it was asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"

struct home {
    char path[PATH_MAX], variable[PATH_MAX + 16];
    const char *environment[3];
    pid_t daemon;
};

/* ---- a daemon ---- */

struct script {
    const char *status; /* the answer to GET .../status as bytes; NULL: never any */
    const char *post;   /* to both POSTs */
    unsigned stop_ms;   /* from the shutdown to the end of the process */
    bool no_socket;
};

static void serve(const struct script *s, int listener, int note)
{
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            struct pollfd p = {.fd = listener, .events = POLLIN};
            poll(&p, 1, 1000);
            continue;
        }
        char asked[4096] = "";
        size_t len = 0;
        while (!strstr(asked, "\r\n\r\n")) {
            ssize_t n = read(fd, asked + len, sizeof asked - 1 - len);
            if (n <= 0)
                break;
            len += (size_t)n;
            asked[len] = '\0';
        }
        bool post = !strncmp(asked, "POST", 4);
        const char *answer = post ? s->post : s->status;
        bool noted = write(note, asked, len) == (ssize_t)len;
        if (!answer || !noted)
            pause();
        dprintf(fd, "%s", answer);
        close(fd);
        if (!strncmp(asked, "POST /hearth/v1/shutdown", 24)) {
            close(listener);
            os_sleep_ms(s->stop_ms);
            _exit(0);
        }
    }
}

/* Returns when it listens. */
static void start_daemon(struct home *h, const struct script *script)
{
    char data_path[PATH_MAX + 8], run_path[PATH_MAX + 8];
    int ready[2];
    char byte;
    snprintf(data_path, sizeof data_path, "%s/data", h->path);
    snprintf(run_path, sizeof run_path, "%s/run", h->path);
    assert_int_equal(pipe(ready), 0);
    h->daemon = fork();
    if (h->daemon == 0) {
        int data, run, lock, listener = -1;
        bool good = !os_make_private_folder(data_path, &data, NULL) &&
                    !os_make_private_folder(run_path, &run, NULL) &&
                    !os_lock_file(data, CLI_LOCK, &lock, NULL) &&
                    (script->no_socket || !os_unix_listen(run, CLI_SOCKET, &listener, NULL));
        int note = openat(data, "asked", O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (!good || note < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        close(ready[0]);
        close(ready[1]);
        if (script->no_socket) {
            os_sleep_ms(script->stop_ms);
            _exit(0);
        }
        serve(script, listener, note);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static const char good_status[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
    "{\"version\":\"0.1.0\",\"pid\":4711,\"listen\":[\"127.0.0.1:8420\"],\"uptime_ms\":1000,"
    "\"memory\":{},\"providers\":[],\"warnings\":[]}";
static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
static const struct script plain = {.status = good_status, .post = accepted};

/* ---- the home ---- */

static int remove_one(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is, (void)kind, (void)at;
    return remove(path);
}

static int setup(void **state)
{
    struct home *h = test_calloc(1, sizeof *h);
    const char *temporary = getenv("TMPDIR");
    signal(SIGPIPE, SIG_IGN);
    snprintf(h->path, sizeof h->path, "%s/cli-test-XXXXXX", temporary ? temporary : "/tmp");
    if (!mkdtemp(h->path))
        return -1;
    snprintf(h->variable, sizeof h->variable, "HEARTH_HOME=%s", h->path);
    h->environment[0] = h->variable;
    h->environment[1] = "HOME=/nonexistent";
    *state = h;
    return 0;
}

static void end_daemon(struct home *h)
{
    if (h->daemon > 0) {
        kill(h->daemon, SIGKILL);
        waitpid(h->daemon, NULL, 0);
    }
    h->daemon = 0;
}

static int teardown(void **state)
{
    struct home *h = *state;
    end_daemon(h);
    nftw(h->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    test_free(h);
    return 0;
}

static void write_home(const struct home *h, const char *name, const char *bytes)
{
    char path[2 * PATH_MAX];
    int fd;
    snprintf(path, sizeof path, "%s/%s", h->path, name);
    *strrchr(path, '/') = '\0';
    assert_int_equal(os_make_private_folder(path, &fd, NULL), OK);
    close(fd);
    path[strlen(path)] = '/';
    assert_int_equal(os_write_file_whole(AT_FDCWD, path, slice_of(bytes), 0600, NULL), OK);
}

static void read_home(const struct home *h, const char *name, struct text *into)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", h->path, name);
    text_clear(into);
    assert_int_equal(os_read_file(AT_FDCWD, path, 1 << 20, into, NULL), OK);
}

/* ---- running a command ---- */

static void cli_init(struct cli *c, const struct home *h, const char *a, const char *b,
                     const char *d)
{
    char *argv[] = {(char *)"hearth", (char *)a, (char *)b, (char *)d, NULL};
    int argc = a ? b ? d ? 4 : 3 : 2 : 1;
    struct why why = {0};
    *c = (struct cli){.environment = h->environment};
    assert_int_equal(cli_parse(argc, argv, &c->options, &c->command, &why), OK);
    assert_int_equal(config_paths_find(&c->arena, c->environment, &c->paths, &why), OK);
}

static void cli_fini(struct cli *c)
{
    text_fini(&c->out);
    text_fini(&c->err);
    arena_fini(&c->arena);
}

static int run(struct cli *c)
{
    return cli_command(c->command)->run(c);
}

static void assert_says(struct text *t, const char *words)
{
    if (!strstr(text_cstr(t), words))
        fail_msg("%s is not in: %s", words, text_cstr(t));
}

/* ---- nothing runs ---- */

static void without_a_daemon(void **state)
{
    struct home *h = *state;
    const char *const verbs[] = {"status", "down", "reload"};
    for (size_t i = 0; i < COUNT(verbs); i++) {
        struct cli c;
        cli_init(&c, h, verbs[i], NULL, NULL);
        assert_int_equal(run(&c), CLI_NOT_RUNNING);
        assert_says(&c.err, "hearth up");
        assert_int_equal(c.out.len, 0);
        cli_fini(&c);
    }
    struct cli c;
    cli_init(&c, h, "logs", NULL, NULL);
    assert_int_equal(run(&c), CLI_NOT_FOUND);
    cli_fini(&c);
    /* a daemon that is no more: its socket and its lock file are there */
    start_daemon(h, &plain);
    end_daemon(h);
    cli_init(&c, h, "down", NULL, NULL);
    assert_int_equal(run(&c), CLI_NOT_RUNNING);
    cli_fini(&c);
}

/* ---- asking ---- */

static void answers_are_read(void **state)
{
    struct home *h = *state;
    start_daemon(h, &plain);
    struct cli c;
    cli_init(&c, h, "status", NULL, NULL);
    assert_int_equal(run(&c), CLI_OK);
    assert_says(&c.out, "hearth 0.1.0 is up (pid 4711, 1 s)");
    cli_fini(&c);
    cli_init(&c, h, "status", "--json", NULL);
    assert_int_equal(run(&c), CLI_OK);
    text_drop(&c.out, 1);
    c.out.len--; /* its line end */
    assert_string_equal(text_cstr(&c.out), strchr(good_status, '{') + 1);
    cli_fini(&c);
    struct text asked = {0};
    read_home(h, "data/asked", &asked);
    assert_says(&asked, "GET /hearth/v1/status HTTP/1.1\r\n");
    assert_says(&asked, "Host: localhost\r\n");
    text_fini(&asked);
}

static void bad_answers_are_told(void **state)
{
    struct home *h = *state;
    const struct {
        const char *bytes;
        int code;
        const char *says;
    } cases[] = {
        {"", CLI_FAILED, "closed the connection"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", CLI_FAILED, "closed the connection"},
        {"rubbish\r\n\r\n", CLI_FAILED, "no HTTP"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{", CLI_FAILED, ""},
        {"HTTP/1.1 403 Forbidden\r\nContent-Length: 53\r\n\r\n"
         "{\"error\":{\"message\":\"go \\u001b!\",\"code\":\"forbidden\"}}   ",
         CLI_PERMISSION, "go \\x1b!"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct script script = {.status = cases[i].bytes, .post = ""};
        start_daemon(h, &script);
        struct cli c;
        cli_init(&c, h, "status", NULL, NULL);
        assert_int_equal(run(&c), cases[i].code);
        assert_says(&c.err, cases[i].says);
        assert_int_equal(c.out.len, 0);
        cli_fini(&c);
        end_daemon(h);
    }
}

static void a_silent_daemon_is_not_waited_for(void **state)
{
    struct home *h = *state;
    const struct script silent = {0};
    start_daemon(h, &silent);
    struct cli c;
    struct answer a = {0};
    struct why why = {0};
    cli_init(&c, h, "status", NULL, NULL);
    uint64_t began = os_mono_ms();
    assert_int_equal(cli_ask_status(&c, 150, &a, &why), ERR_HDR_TIMEOUT);
    assert_true(os_mono_ms() - began >= 150 && os_mono_ms() - began < 3000);
    cli_fini(&c);
}

static void another_users_daemon_is_not_believed(void **state)
{
    struct home *h = *state;
    if (geteuid() != 0)
        skip();
    start_daemon(h, &plain);
    pid_t child = fork();
    if (child == 0) {
        struct cli c;
        struct answer a = {0};
        char path[2 * PATH_MAX];
        const char *const parts[] = {"", "/run", "/run/admin.sock"};
        cli_init(&c, h, "status", NULL, NULL);
        for (size_t i = 0; i < COUNT(parts); i++) {
            snprintf(path, sizeof path, "%s%s", h->path, parts[i]);
            if (chmod(path, 0777) != 0)
                _exit(1);
        }
        if (setuid(65534) != 0)
            _exit(2);
        enum err e = cli_ask_status(&c, 1000, &a, NULL);
        _exit(e == ERR_PERMISSION ? 0 : 3);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- down ---- */

static void down_waits_for_the_lock(void **state)
{
    struct home *h = *state;
    struct script slow = plain;
    slow.stop_ms = 400;
    start_daemon(h, &slow);
    struct cli c;
    cli_init(&c, h, "down", NULL, NULL);
    uint64_t began = os_mono_ms();
    assert_int_equal(run(&c), CLI_OK);
    assert_true(os_mono_ms() - began >= 400);
    assert_string_equal(text_cstr(&c.out), "hearth is down.\n");
    cli_fini(&c);
    struct text asked = {0};
    read_home(h, "data/asked", &asked);
    assert_says(&asked, "POST /hearth/v1/shutdown HTTP/1.1\r\n");
    text_fini(&asked);
}

static void down_waits_for_one_that_ends_already(void **state)
{
    struct home *h = *state;
    const struct script ending = {.no_socket = true, .stop_ms = 300};
    start_daemon(h, &ending);
    struct cli c;
    cli_init(&c, h, "down", "--json", NULL);
    assert_int_equal(run(&c), CLI_OK);
    char is[64];
    struct text want = {0};
    struct json_writer w = json_writer(&want);
    json_open_object(&w);
    json_key(&w, "stopped");
    json_put_bool(&w, true);
    json_key(&w, "pid");
    json_put_int(&w, h->daemon);
    json_close_object(&w);
    snprintf(is, sizeof is, "%s\n", text_cstr(&want));
    assert_string_equal(text_cstr(&c.out), is);
    text_fini(&want);
    cli_fini(&c);
}

static void down_now_says_so(void **state)
{
    struct home *h = *state;
    const struct script refuses = {.status = good_status,
                                   .post = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"};
    start_daemon(h, &refuses);
    struct cli c;
    cli_init(&c, h, "down", "--now", NULL);
    assert_int_equal(run(&c), CLI_FAILED);
    assert_says(&c.err, "status 403");
    cli_fini(&c);
    struct text asked = {0};
    read_home(h, "data/asked", &asked);
    assert_says(&asked, "POST /hearth/v1/shutdown?now=1 HTTP/1.1\r\n");
    text_fini(&asked);
}

/* ---- logs ---- */

static void logs_shows_the_end(void **state)
{
    struct home *h = *state;
    const struct {
        const char *file, *lines, *is;
    } cases[] = {
        {"one\ntwo\nthree\n", "2", "two\nthree\n"},
        {"one\ntwo\nthree\n", "3", "one\ntwo\nthree\n"},
        {"one\ntwo\nthree\n", "4", "one\ntwo\nthree\n"},
        {"one\ntwo\nthree\n", "0", ""},
        {"one\ntwo", "1", "two\n"},
        {"one\n\n\n", "2", "\n\n"},
        {"\n", "1", "\n"},
        {"", "5", ""},
        {"a\033[31mb\t\xc2\x9b\n", "1", "a\\x1b[31mb\\x09\\xc2\\x9b\n"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cli c;
        struct text out = {0};
        write_home(h, "data/" CLI_LOG, cases[i].file);
        cli_init(&c, h, "logs", "-n", cases[i].lines);
        int dirfd = open(c.paths.data, O_RDONLY | O_DIRECTORY);
        logs_print_since(dirfd, 0, c.options.lines, &out);
        assert_string_equal(text_cstr(&out), cases[i].is);
        text_fini(&out);
        close(dirfd);
        cli_fini(&c);
    }
}

static void logs_of_any_size(void **state)
{
    struct home *h = *state;
    struct text file = {0}, out = {0};
    for (int i = 0; i < 20000; i++)
        text_format(&file, "line %d of a log that is longer than a block\n", i);
    off_t half = (off_t)file.len / 2;
    write_home(h, "data/" CLI_LOG, text_cstr(&file));
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/data", h->path);
    int dirfd = open(path, O_RDONLY | O_DIRECTORY);
    logs_print_since(dirfd, 0, 19000, &out);
    assert_memory_equal(out.ptr, "line 1000 of", 12);
    assert_int_equal(out.ptr[out.len - 1], '\n');
    text_clear(&out);
    logs_print_since(dirfd, half, 1000000, &out);
    assert_int_equal(out.len, file.len - (size_t)half);
    text_clear(&out);
    logs_print_since(dirfd, (off_t)file.len + 100, 10, &out); /* it was cut meanwhile */
    assert_int_equal(out.len, 0);
    /* one line without an end */
    text_clear(&file);
    for (int i = 0; i < 300000; i++)
        text_byte(&file, 'x');
    write_home(h, "data/" CLI_LOG, text_cstr(&file));
    logs_print_since(dirfd, 0, 1, &out);
    assert_int_equal(out.len, 300001);
    close(dirfd);
    text_fini(&file);
    text_fini(&out);
}

/* ---- up ---- */

static int daemon_is_ready(const struct cli_up *up)
{
    if (up->detached && up->ready_fd > 2) {
        for (const char *const *set = up->sources->set; *set; set++)
            dprintf(up->ready_fd, "set %s\n", *set);
        dprintf(up->ready_fd, "ready http://127.0.0.1:1\n");
    }
    _exit(0);
}

static int daemon_says_why(const struct cli_up *up)
{
    dprintf(up->ready_fd, "hearth: port 8420 is taken\n\033x\n");
    _exit(77);
}

static int daemon_logs_why(const struct cli_up *up)
{
    (void)up;
    fprintf(stderr, "something in the log\n");
    _exit(CLI_CONFIG);
}

static int daemon_dies(const struct cli_up *up)
{
    (void)up;
    kill(getpid(), SIGKILL);
    return 0;
}

static int daemon_is_quick(const struct cli_up *up)
{
    (void)up;
    _exit(CLI_BUSY); /* another has the lock */
}

static int run_up(struct home *h, int (*daemon)(const struct cli_up *), const char *option,
                  struct cli *c)
{
    const struct cli_daemon d = {.run = daemon};
    cli_init(c, h, "up", "--detach", option);
    c->daemon = &d;
    int code = run(c);
    c->daemon = NULL;
    return code;
}

static void up_detached_waits_for_ready(void **state)
{
    struct home *h = *state;
    struct cli c;
    write_home(h, "data/" CLI_LOG, "an older line\n");
    assert_int_equal(run_up(h, daemon_is_ready, NULL, &c), CLI_OK);
    assert_says(&c.out, "hearth is up at http://127.0.0.1:1 (pid ");
    assert_says(&c.out, "/data/hearth.log\n");
    cli_fini(&c);
    assert_int_equal(run_up(h, daemon_is_ready, "--json", &c), CLI_OK);
    struct json_doc doc;
    assert_int_equal(json_read(text_slice(&c.out), &json_usual_limits, NULL, &doc, NULL), OK);
    assert_true(slice_is(json_text(json_get(doc.root, "address")), SLICE("http://127.0.0.1:1")));
    json_done(&doc);
    cli_fini(&c);
}

/* What cli_flush wrote before the child began goes to the test's own output, so that only what
 * came afterwards is in c.err. */
static void up_detached_tells_why_not(void **state)
{
    struct home *h = *state;
    struct cli c;
    write_home(h, "data/" CLI_LOG, "an older line\n");
    assert_int_equal(run_up(h, daemon_says_why, NULL, &c), 77);
    assert_says(&c.err, "hearth: port 8420 is taken\n\\x1bx\n");
    cli_fini(&c);
    assert_int_equal(run_up(h, daemon_logs_why, NULL, &c), CLI_CONFIG);
    assert_says(&c.err, "something in the log\n");
    assert_null(strstr(text_cstr(&c.err), "older"));
    cli_fini(&c);
    assert_int_equal(run_up(h, daemon_dies, NULL, &c), CLI_FAILED);
    assert_says(&c.err, "signal 9");
    cli_fini(&c);
    uint64_t began = os_mono_ms(); /* nobody holds the lock: there is nobody to wait for */
    assert_int_equal(run_up(h, daemon_is_quick, NULL, &c), CLI_BUSY);
    assert_true(os_mono_ms() - began < 2000);
    cli_fini(&c);
}

static void up_is_content_when_another_was_quicker(void **state)
{
    struct home *h = *state;
    struct cli c;
    start_daemon(h, &plain);
    assert_int_equal(run_up(h, daemon_is_quick, NULL, &c), CLI_OK);
    assert_says(&c.out, "hearth is up at http://127.0.0.1:8420 (pid 4711)\n");
    cli_fini(&c);
}

static int never(const struct cli_up *up)
{
    (void)up;
    abort();
}

static void up_leaves_a_running_one_alone(void **state)
{
    struct home *h = *state;
    const struct cli_daemon d = {.run = never};
    struct cli c;
    const struct script silent = {0};
    const struct script *const scripts[] = {&plain, &silent};
    for (size_t i = 0; i < COUNT(scripts); i++) {
        start_daemon(h, scripts[i]);
        cli_init(&c, h, "up", NULL, NULL);
        c.daemon = &d;
        uint64_t began = os_mono_ms();
        assert_int_equal(run(&c), CLI_BUSY);
        assert_true(os_mono_ms() - began < 1000); /* far less, but the machine may be busy */
        assert_says(&c.err, i ? "already runs" : "already up at http://127.0.0.1:8420 (pid 4711)");
        cli_fini(&c);
        end_daemon(h);
    }
}

static void up_checks_the_configuration_first(void **state)
{
    struct home *h = *state;
    const struct cli_daemon d = {.run = never};
    const char *const options[] = {"--set=log.level=loud", "--listen=nonsense"};
    for (size_t i = 0; i < COUNT(options); i++) {
        struct cli c;
        cli_init(&c, h, "up", options[i], NULL);
        c.daemon = &d;
        assert_int_equal(run(&c), CLI_CONFIG);
        assert_says(&c.err, i ? "listen" : "log.level");
        assert_says(&c.err, "nothing was started");
        cli_fini(&c);
    }
    struct cli c;
    write_home(h, "config/hearth.yaml", "log:\n  level: loud\n");
    cli_init(&c, h, "config", "check", NULL);
    assert_int_equal(run(&c), CLI_CONFIG);
    assert_says(&c.err, "hearth.yaml:2: error: log.level: ");
    cli_fini(&c);
    cli_init(&c, h, "config", "check", "--json");
    assert_int_equal(run(&c), CLI_CONFIG);
    assert_says(&c.out, "log.level");
    assert_int_equal(c.err.len, 0);
    cli_fini(&c);
    cli_init(&c, h, "config", "show", NULL);
    assert_int_equal(run(&c), CLI_CONFIG);
    cli_fini(&c);
    write_home(h, "config/hearth.yaml", "log:\n  level: debug\n");
    cli_init(&c, h, "config", "check", NULL);
    assert_int_equal(run(&c), CLI_OK);
    cli_fini(&c);
    cli_init(&c, h, "config", "show", "--origin");
    assert_int_equal(run(&c), CLI_OK);
    assert_says(&c.out, "log.level: debug");
    assert_says(&c.out, "hearth.yaml");
    cli_fini(&c);
}

#define TRY(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRY(without_a_daemon),
        TRY(answers_are_read),
        TRY(bad_answers_are_told),
        TRY(a_silent_daemon_is_not_waited_for),
        TRY(another_users_daemon_is_not_believed),
        TRY(down_waits_for_the_lock),
        TRY(down_waits_for_one_that_ends_already),
        TRY(down_now_says_so),
        TRY(logs_shows_the_end),
        TRY(logs_of_any_size),
        TRY(up_detached_waits_for_ready),
        TRY(up_detached_tells_why_not),
        TRY(up_is_content_when_another_was_quicker),
        TRY(up_leaves_a_running_one_alone),
        TRY(up_checks_the_configuration_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
