/* cli: from main's arguments to the exit code. See cli.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/inner.h"
#include "cli/shims.h"
#include "os/os.h"

int cli_exit_of(enum err e)
{
    static const struct {
        enum err e;
        enum cli_exit code;
    } rows[] = {
        {OK, CLI_OK},
        {ERR_BAD_REQUEST, CLI_USAGE}, /* of the command line: see cli_parse */
        {ERR_NOT_RUNNING, CLI_NOT_RUNNING},
        {ERR_NOT_FOUND, CLI_NOT_FOUND},
        {ERR_NO_MODEL, CLI_NOT_FOUND},
        {ERR_BUSY, CLI_BUSY},
        {ERR_PERMISSION, CLI_PERMISSION},
        {ERR_FORBIDDEN, CLI_PERMISSION},
        {ERR_UNAUTHORIZED, CLI_PERMISSION},
        {ERR_CONFIG, CLI_CONFIG},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].e == e)
            return (int)rows[i].code;
    }
    return CLI_FAILED;
}

static bool may_colour(int fd)
{
    const char *no = getenv("NO_COLOR"), *terminal = getenv("TERM");
    return isatty(fd) && !(no && *no) && !(terminal && !strcmp(terminal, "dumb"));
}

/* These two must work wherever they are called. */
static bool needs_paths(const struct cli *c)
{
    return !c->options.help && c->command != COMMAND_help && c->command != COMMAND_version;
}

static int run_words(struct cli *c, int argc, char **argv)
{
    struct why why = {0};
    enum err e = cli_parse(argc, argv, &c->options, &c->command, &why);
    if (e) {
        char next[96];
        snprintf(next, sizeof next, "See `hearth help%s%s`.", why.param[0] ? " " : "", why.param);
        return cli_fail(c, e, &why, next);
    }
    if (needs_paths(c)) {
        e = config_paths_find(&c->arena, c->environment, &c->paths, &why);
        if (e)
            return cli_fail(c, e, &why, "");
    }
    if (c->command == COMMAND_COUNT)
        return first_run(c);
    if (c->options.help) {
        help_command(&c->out, c->command, c->out_colours);
        return CLI_OK;
    }
    return cli_command(c->command)->run(c);
}

/* By one of the names of older tools, or by our own. */
static int run(struct cli *c, int argc, char **argv)
{
    struct shim_line line;
    struct why why = {0};
    char *words[SHIM_WORDS + 2] = {"hearth"};
    int code;
    if (!shim_take(c, argc, argv, &line, &code))
        return code;
    if (!line.shim)
        return run_words(c, argc, argv);
    if (line.role) {
        enum err e = config_paths_find(&c->arena, c->environment, &c->paths, &why);
        return e ? cli_fail(c, e, &why, "") : shim_serve(c, line.role);
    }
    for (size_t i = 0; i < line.n; i++)
        words[i + 1] = (char *)(uintptr_t)line.words[i];
    return run_words(c, (int)line.n + 1, words);
}

int cli_main(int argc, char **argv, const struct cli_daemon *daemon)
{
    os_open_standard();
    signal(SIGPIPE, SIG_IGN); /* who reads us may leave: that shows as an error of write */
    struct cli c = {
        .daemon = daemon,
        .environment = (const char *const *)environ,
        .out_terminal = isatty(STDOUT_FILENO),
        .err_terminal = isatty(STDERR_FILENO),
        .out_colours = may_colour(STDOUT_FILENO),
        .err_colours = may_colour(STDERR_FILENO),
    };
    int code = run(&c, argc, argv);
    cli_flush(&c);
    if (c.broken && code == CLI_OK)
        code = CLI_FAILED;
    text_fini(&c.out);
    text_fini(&c.err);
    arena_fini(&c.arena);
    return code;
}
