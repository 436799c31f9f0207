/* service_test: what the files say, how ours are known from others', and what the manager says.
 * That systemd takes the unit, and what it then does: tests/scenarios/test_service.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service/inside.h"

static const char *const environment[] = {"PATH=/a:/b c",
                                          "HOME=/home/x",
                                          "XDG_DATA_HOME=/data/\"q\"",
                                          "XDG_CONFIG_HOME=no",
                                          "OLLAMA_MODELS=/m/100%",
                                          "HF_HOME=here",
                                          "LLAMA_CACHE=",
                                          NULL};
static const struct service_terms terms = {.environment = environment,
                                           .home = "/home/x",
                                           .config = "/home/x/.config/hearth",
                                           .data = "/data/50% of \"it\"/hearth",
                                           .library = "/home/x/ai_local"};
static const struct service_terms own = {.environment = environment,
                                         .home = "/home/x",
                                         .own_home = "/srv/h",
                                         .config = "/srv/h/config",
                                         .data = "/srv/h/data",
                                         .library = "/srv/h/ai_local"};

static struct service service_of(const struct service_manager *m, const struct service_terms *t)
{
    return (struct service){.terms = t, .manager = m, .name = m->name, .kind = m->kind};
}

static const char *text_of(const struct service_manager *m, const struct service_terms *t,
                           bool walls, struct text *text)
{
    const struct service s = service_of(m, t);
    const struct service_plan plan = {
        .program = "/opt/my $x%/hearth", .stop_ms = 45001, .walls = walls};
    struct why why = {0};
    text_clear(text);
    assert_int_equal(service_text(&s, &plan, text, &why), OK);
    return text_cstr(text);
}

#define SAYS(text, words) assert_non_null(strstr((text), (words)))
#define SAYS_NOT(text, words) assert_null(strstr((text), (words)))

static void a_unit_says_what_it_must(void **state)
{
    struct text text = {0};
    (void)state;
    const char *unit = text_of(&systemd_manager, &terms, true, &text);
    SAYS(unit, "\nExecStart=\"/opt/my $$x%%/hearth\" up\n");
    SAYS(unit, "\nExecReload=\"/opt/my $$x%%/hearth\" reload\n");
    SAYS(unit, "\nType=notify\nNotifyAccess=main\n");
    SAYS(unit, "\nEnvironment=\"HEARTH_SERVICE=hearth.service\"\n");
    SAYS(unit, "\nEnvironment=\"PATH=/a:/b c\"\n");
    SAYS(unit, "\nEnvironment=\"XDG_DATA_HOME=/data/\\\"q\\\"\"\n");
    SAYS_NOT(unit, "XDG_CONFIG_HOME"); /* a relative one counts for nobody */
    SAYS_NOT(unit, "HEARTH_HOME");
    SAYS(unit, "\nStandardOutput=append:/data/50%% of \"it\"/hearth/hearth.log\n");
    SAYS(unit, "\nReadWritePaths=\"-/home/x/.config/hearth\" \"-/data/50%% of \\\"it\\\"/hearth\" "
               "\"-/home/x/ai_local\"\n");
    SAYS(unit, "\nTimeoutStopSec=46\n");
    SAYS(unit, "\nRuntimeDirectory=hearth\n");
    SAYS(unit, "\nRuntimeDirectoryPreserve=yes\n");
    SAYS(unit, "\nEnvironment=\"OLLAMA_MODELS=/m/100%%\"\n");
    SAYS_NOT(unit, "HF_HOME");
    SAYS_NOT(unit, "LLAMA_CACHE");
    SAYS(unit, "\nPrivateUsers=yes\n");
    SAYS(unit, "\nRestart=on-failure\n");
    SAYS(unit, "\nData=/data/50% of \"it\"/hearth\nWalls=yes\nLinger=no\n");

    unit = text_of(&systemd_manager, &terms, false, &text);
    SAYS(unit, "\nNoNewPrivileges=yes\n");
    SAYS_NOT(unit, "\nPrivate");
    SAYS_NOT(unit, "\nProtect");
    SAYS_NOT(unit, "Paths=");
    SAYS(unit, "\nWalls=no\n");

    unit = text_of(&systemd_manager, &own, true, &text);
    SAYS(unit, "\nEnvironment=\"HEARTH_HOME=/srv/h\"\n");
    SAYS(unit, "\nReadWritePaths=\"-/srv/h\" \"-/srv/h/ai_local\"\n");
    SAYS(unit, "\nEnvironment=\"OLLAMA_MODELS=/m/100%%\"\n");
    SAYS_NOT(unit, "RuntimeDirectory");
    SAYS_NOT(unit, "XDG_DATA_HOME");
    text_fini(&text);
}

/* Else it would show nothing about the unit. */
static void the_probe_has_the_walls_of_the_unit(void **state)
{
    static const char *const argv[] = {"/usr/bin/bwrap", "--x", "a $b", NULL};
    struct text unit = {0}, probe = {0};
    struct slice rest, line;
    (void)state;
    text_of(&systemd_manager, &terms, true, &unit);
    systemd_manager.write_probe(argv, &probe);
    SAYS(text_cstr(&probe), "\nExecStart=\"/usr/bin/bwrap\" \"--x\" \"a $$b\"\n");
    SAYS(text_cstr(&probe), "\nPrivateUsers=yes\n");
    rest = text_slice(&probe);
    while (slice_split(&rest, '\n', &line)) {
        char whole[200];
        snprintf(whole, sizeof whole, "\n%.*s\n", SLICE_ARG(line));
        if (!slice_begins(line, SLICE("ExecStart=")) && !slice_begins(line, SLICE("Type=")))
            SAYS(text_cstr(&unit), whole);
    }
    text_fini(&unit);
    text_fini(&probe);
}

static void an_agent_is_xml(void **state)
{
    struct service_terms odd = terms;
    struct text text = {0};
    struct why why = {0};
    (void)state;
    odd.data = "/data/a<b>&c";
    const char *agent = text_of(&launchd_manager, &odd, false, &text);
    SAYS(agent, "<string>/opt/my $x%/hearth</string>");
    SAYS(agent, "<string>/data/a&lt;b&gt;&amp;c/hearth.log</string>");
    SAYS(agent, "<key>OLLAMA_MODELS</key><string>/m/100%</string>");
    SAYS_NOT(agent, "HF_HOME");
    odd.data = "/data/a--b";
    const struct service s = service_of(&launchd_manager, &odd);
    const struct service_plan plan = {.program = "/x"};
    assert_int_equal(service_text(&s, &plan, &text, &why), ERR_BAD_VALUE);
    text_fini(&text);
}

/* A line's end in a path would be a line of the unit. */
static void control_characters_are_refused(void **state)
{
    struct service_terms odd = terms;
    struct text text = {0};
    struct why why = {0};
    const struct service_plan plan = {.program = "/x"};
    (void)state;
    odd.data = "/data\nExecStartPre=/bin/evil";
    struct service s = service_of(&systemd_manager, &odd);
    assert_int_equal(service_text(&s, &plan, &text, &why), ERR_BAD_VALUE);
    const struct service_plan evil = {.program = "/x\n"};
    s = service_of(&systemd_manager, &terms);
    assert_int_equal(service_text(&s, &evil, &text, &why), ERR_BAD_VALUE);
    static const char *const places[] = {"XDG_CACHE_HOME=/c\nExecStartPre=/bin/evil", NULL};
    static const struct service_manager *const managers[] = {&systemd_manager, &launchd_manager};
    for (size_t i = 0; i < COUNT(managers); i++) {
        odd = terms;
        odd.environment = places;
        s = service_of(managers[i], &odd);
        assert_int_equal(service_text(&s, &plan, &text, &why), ERR_BAD_VALUE);
    }
    assert_int_equal(text.len, 0);
    text_fini(&text);
}

static void ours_are_known_by_their_sum(void **state)
{
    static const struct service_manager *const managers[] = {&systemd_manager, &launchd_manager};
    struct text text = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(managers); i++) {
        const struct service_manager *m = managers[i];
        text_of(m, &terms, false, &text);
        assert_int_equal(mark_read(m, text_slice(&text)), SERVICE_OURS);
        text.ptr[text.len / 2] ^= 1;
        assert_int_equal(mark_read(m, text_slice(&text)), SERVICE_CHANGED);
        text.ptr[text.len / 2] ^= 1;
        text_byte(&text, '\n');
        assert_int_equal(mark_read(m, text_slice(&text)), SERVICE_CHANGED);
        assert_int_equal(mark_read(m, slice_to(text_slice(&text), 100)), SERVICE_CHANGED);
        assert_int_equal(mark_read(m, SLICE("")), SERVICE_FOREIGN);
        assert_int_equal(mark_read(m, SLICE("[Unit]\nDescription=mine\n")), SERVICE_FOREIGN);
    }
    text_fini(&text);
}

static void what_the_manager_says_is_read(void **state)
{
    struct service_state s = {0};
    (void)state;
    state_read(&systemd_manager,
               SLICE("ActiveState=active\nUnitFileState=enabled\nMainPID=42\nExecMainStatus=78\n"),
               &s);
    assert_string_equal(s.active, "active");
    assert_true(s.enabled && s.runs);
    assert_int_equal(s.pid, 42);
    assert_int_equal(s.code, 78);
    s = (struct service_state){0};
    state_read(&systemd_manager, SLICE("ActiveState=inactive\nUnitFileState=\nMainPID=0\n"), &s);
    assert_false(s.enabled || s.runs);
    s = (struct service_state){0};
    state_read(&launchd_manager, SLICE("gui/501/x = {\n\tstate = running\n\n\tpid = 7\n}\n"), &s);
    assert_string_equal(s.active, "running");
    assert_int_equal(s.pid, 7);
    state_read(&systemd_manager, SLICE("MainPID=99999999999999999999\nActiveState"), &s);
    assert_int_equal(s.pid, 0);
}

/* ---- telling ---- */

static int listen_at(const char *name, size_t len)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    memcpy(at.sun_path, name, len);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    return fd;
}

static void expect_told(int fd, const char *words)
{
    char got[64] = "";
    ssize_t n = recv(fd, got, sizeof got - 1, 0);
    assert_int_equal(n, (ssize_t)strlen(words));
    assert_string_equal(got, words);
    close(fd);
}

static void it_tells_where_it_is_to(void **state)
{
    char folder[] = "/tmp/tell-XXXXXX", path[64], hidden[64];
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/s", folder);
    int fd = listen_at(path, strlen(path) + 1);
    setenv("NOTIFY_SOCKET", path, 1);
    service_tell("READY=1");
    expect_told(fd, "READY=1");
    unlink(path);
    service_tell("READY=1"); /* nobody is there any more */
    int n = snprintf(hidden, sizeof hidden, "@%s", folder);
    hidden[0] = '\0';
    fd = listen_at(hidden, (size_t)n);
    hidden[0] = '@';
    setenv("NOTIFY_SOCKET", hidden, 1);
    service_tell("STOPPING=1");
    expect_told(fd, "STOPPING=1");
    static const char *const none[] = {"", "relative", "vsock:2:1"};
    for (size_t i = 0; i < COUNT(none); i++) {
        setenv("NOTIFY_SOCKET", none[i], 1);
        service_tell("READY=1");
    }
    unsetenv("NOTIFY_SOCKET");
    service_tell("READY=1");
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_says_what_it_must),
        cmocka_unit_test(the_probe_has_the_walls_of_the_unit),
        cmocka_unit_test(an_agent_is_xml),
        cmocka_unit_test(control_characters_are_refused),
        cmocka_unit_test(ours_are_known_by_their_sum),
        cmocka_unit_test(what_the_manager_says_is_read),
        cmocka_unit_test(it_tells_where_it_is_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
