/* recipe_test: the command lines, whole, for each kind of plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/inside.h"

#define WALLS                                                                                      \
    "--unshare-all --unshare-user --disable-userns --cap-drop ALL --as-pid-1 --die-with-parent "   \
    "--new-session --json-status-fd 3 --block-fd 4 --seccomp 5 "
#define WALLS_OLD                                                                                  \
    "--unshare-all --unshare-user --cap-drop ALL --as-pid-1 --die-with-parent "                    \
    "--new-session --json-status-fd 3 --block-fd 4 --seccomp 5 "
#define ZERO "--ro-bind /dev/null /dev/zero "
#define MADE_WITH_DEVICES                                                                          \
    "--proc /proc --dev /dev --size 67108864 --tmpfs /dev/shm --size 268435456 --tmpfs /tmp "
#define MADE                                                                                       \
    "--proc /proc --dev /dev " ZERO                                                                \
    "--size 67108864 --tmpfs /dev/shm --size 268435456 --tmpfs /tmp "
#define MADE_OLD "--proc /proc --dev /dev " ZERO "--tmpfs /dev/shm --tmpfs /tmp "
#define START "/opt/b start -- /usr/bin/bwrap "

static const char *const program[] = {"/usr/bin/llama-server", "--port", "0", NULL};
static const struct sandbox_mount mounts[] = {
    {MOUNT_EMPTY, NULL, "/model"},
    {MOUNT_READ, "/home/u/ai_local/a model.gguf", "/model/m.gguf"},
    {MOUNT_DEVICE, "/dev/dri/renderD128", "/dev/dri/renderD128"},
};

static const struct {
    const char *name;
    enum sandbox_kind kind;
    unsigned without;
    struct sandbox_plan plan;
    const char *line; /* words joined by blanks; NULL: refused */
} cases[] = {
    {"a pack with all kinds of mounts",
     SANDBOX_BUBBLEWRAP,
     0,
     {.root = "/d/pack/root",
      .mounts = mounts,
      .n_mounts = COUNT(mounts),
      .argv = program,
      .bridge = "/opt/b",
      .devices = true},
     START WALLS
     "--ro-bind /d/pack/root / " MADE_WITH_DEVICES
     "--tmpfs /model --ro-bind /home/u/ai_local/a model.gguf /model/m.gguf "
     "--dev-bind /dev/dri/renderD128 /dev/dri/renderD128 --remount-ro /model --remount-ro /dev "
     "--remount-ro /proc --chdir / -- /usr/bin/llama-server --port 0"},
    {"an engine of TCP",
     SANDBOX_BUBBLEWRAP,
     0,
     {.root = "/r",
      .argv = program,
      .bridge = "/opt/b",
      .tcp_socket = "/tmp/s.sock",
      .tcp_port = 8000,
      .folder = "/tmp"},
     START WALLS "--ro-bind /r / " MADE
                 "--ro-bind /opt/b /dev/hearth-bridge --remount-ro /dev --remount-ro /proc "
                 "--chdir /tmp -- /dev/hearth-bridge tcp --socket /tmp/s.sock --port 8000 -- "
                 "/usr/bin/llama-server --port 0"},
    {"the system as root",
     SANDBOX_BUBBLEWRAP,
     0,
     {.argv = program},
     "/usr/bin/bwrap " WALLS "--ro-bind /usr /usr --symlink usr/bin /bin --ro-bind /lib /lib "
     "--ro-bind-try /etc/ld.so.cache /etc/ld.so.cache "
     "--ro-bind-try /etc/alternatives /etc/alternatives " MADE
     "--remount-ro /dev --remount-ro /proc --remount-ro / --chdir / "
     "-- /usr/bin/llama-server --port 0"},
    {"an old bubblewrap",
     SANDBOX_BUBBLEWRAP,
     1u << OPTIONAL_DISABLE_USERNS | 1u << OPTIONAL_SIZE,
     {.root = "/r", .argv = program, .bridge = "/opt/b"},
     START WALLS_OLD "--ro-bind /r / " MADE_OLD "--remount-ro /dev --remount-ro /proc "
                     "--chdir / -- /usr/bin/llama-server --port 0"},
    {"no bubblewrap: no mounts",
     SANDBOX_NONE,
     0,
     {.root = "/r",
      .mounts = mounts,
      .n_mounts = COUNT(mounts),
      .argv = program,
      .bridge = "/opt/b"},
     "/opt/b hold --folder / -- /usr/bin/llama-server --port 0"},
    {"no bubblewrap, TCP",
     SANDBOX_NONE,
     0,
     {.argv = program,
      .bridge = "/opt/b",
      .tcp_socket = "/run/s",
      .tcp_port = 65535,
      .folder = "/w"},
     "/opt/b hold --folder /w -- /opt/b tcp --socket /run/s --port 65535 -- "
     "/usr/bin/llama-server --port 0"},
    {"no program", SANDBOX_BUBBLEWRAP, 0, {.root = "/r", .bridge = "/opt/b"}, NULL},
    {"no port",
     SANDBOX_BUBBLEWRAP,
     0,
     {.argv = program, .bridge = "/opt/b", .tcp_socket = "/run/s"},
     NULL},
    {"a port too large",
     SANDBOX_BUBBLEWRAP,
     0,
     {.argv = program, .bridge = "/opt/b", .tcp_socket = "/run/s", .tcp_port = 65536},
     NULL},
    {"TCP without a bridge",
     SANDBOX_BUBBLEWRAP,
     0,
     {.argv = program, .tcp_socket = "/run/s", .tcp_port = 80},
     NULL},
    {"neither bubblewrap nor bridge", SANDBOX_NONE, 0, {.argv = program}, NULL},
};

static void join(const char *const *argv, struct text *into)
{
    for (size_t i = 0; argv[i]; i++)
        text_format(into, "%s%s", i ? " " : "", argv[i]);
}

/* A system whose /bin is a link and whose /lib is a folder; it has no others. */
static void make_system(char path[static 64])
{
    char below[96];
    snprintf(path, 64, "/tmp/hearth-recipe-XXXXXX");
    assert_non_null(mkdtemp(path));
    snprintf(below, sizeof below, "%s/bin", path);
    assert_int_equal(symlink("usr/bin", below), 0);
    snprintf(below, sizeof below, "%s/lib", path);
    assert_int_equal(mkdir(below, 0700), 0);
}

static void remove_system(const char *path)
{
    char below[96];
    snprintf(below, sizeof below, "%s/bin", path);
    unlink(below);
    snprintf(below, sizeof below, "%s/lib", path);
    rmdir(below);
    assert_int_equal(rmdir(path), 0);
}

static void command_lines(void **state)
{
    char system_root[64];
    (void)state;
    make_system(system_root);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena a = {0};
        struct why why = {0};
        struct text line = {0};
        const char *const *argv = NULL;
        struct sandbox_verdict v = {.kind = cases[i].kind, .without = cases[i].without};
        snprintf(v.program, sizeof v.program, "/usr/bin/bwrap");
        enum err e = recipe_make(&cases[i].plan, &v, system_root, &a, &argv, &why);
        if (!cases[i].line) {
            assert_int_equal(e, ERR_BAD_VALUE);
            assert_true(why.text[0] != '\0');
            assert_null(argv);
        } else {
            assert_int_equal(e, OK);
            join(argv, &line);
            if (strcmp(text_cstr(&line), cases[i].line) != 0)
                fail_msg("%s:\n  %s\nshould be\n  %s", cases[i].name, text_cstr(&line),
                         cases[i].line);
        }
        text_fini(&line);
        arena_fini(&a);
    }
    remove_system(system_root);
}

static void more_words_than_there_is_room_for(void **state)
{
    static const char *argv[2000];
    const char *const *made = NULL;
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i + 1 < COUNT(argv); i++)
        argv[i] = "x";
    const struct sandbox_plan plan = {.root = "/r", .argv = argv, .bridge = "/opt/b"};
    const struct sandbox_verdict v = {.kind = SANDBOX_BUBBLEWRAP, .program = "/usr/bin/bwrap"};
    assert_int_equal(sandbox_command(&plan, &v, &a, &made, NULL), ERR_NO_MEMORY);
    assert_null(made);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines),
        cmocka_unit_test(more_words_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
