/* options_test: command lines, the tables behind them, and the help written from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cli/inner.h"

#define MOST_ARGS 80

/* "up -d --set a=b" as a shell would split it; what is given as '' stays one empty word. */
static enum err parse(const char *line, struct options *o, enum command *command, struct why *why)
{
    static char words[4096];
    char *argv[MOST_ARGS + 1] = {0};
    int argc = 0;
    snprintf(words, sizeof words, "hearth %s", line);
    for (char *at = words; at && argc < MOST_ARGS;) {
        argv[argc++] = at;
        at = strchr(at, ' ');
        if (at)
            *at++ = '\0';
    }
    if (argc > 1 && !argv[argc - 1][0])
        argc--;
    *why = (struct why){0};
    return cli_parse(argc, argv, o, command, why);
}

static void good_lines_are_understood(void **state)
{
    (void)state;
    struct options o;
    enum command command;
    struct why why;

    assert_int_equal(parse("", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_COUNT);

    assert_int_equal(parse("up --detach --listen 127.0.0.1:1 -l127.0.0.1:2 --listen=x -s a=b=c", &o,
                           &command, &why),
                     OK);
    assert_int_equal(command, COMMAND_up);
    assert_true(o.detach && !o.json && !o.help);
    assert_int_equal(o.listen.n, 3);
    assert_string_equal(o.listen.items[0], "127.0.0.1:1");
    assert_string_equal(o.listen.items[1], "127.0.0.1:2");
    assert_string_equal(o.listen.items[2], "x");
    assert_string_equal(o.set.items[0], "a=b=c");

    assert_int_equal(parse("logs -fn 7", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_logs);
    assert_true(o.follow && o.lines == 7);
    assert_int_equal(parse("logs", &o, &command, &why), OK);
    assert_int_equal(o.lines, 100);
    assert_int_equal(parse("logs --lines=0", &o, &command, &why), OK);
    assert_int_equal(o.lines, 0);

    assert_int_equal(parse("config show --origin", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_config_show);
    assert_true(o.origin);

    assert_int_equal(parse("help config check", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_help);
    assert_int_equal(o.arguments.n, 2);
    assert_int_equal(parse("engines --help", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_help);
    assert_string_equal(o.arguments.items[0], "engines");
    assert_int_equal(parse("help --markdown cli", &o, &command, &why), OK);
    assert_string_equal(o.markdown, "cli");
    assert_int_equal(parse("help -- --markdown", &o, &command, &why), OK);
    assert_string_equal(o.arguments.items[0], "--markdown");
    assert_int_equal(parse("down --help", &o, &command, &why), OK);
    assert_true(o.help);
    assert_int_equal(parse("--help", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_help);
    assert_int_equal(parse("--version", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_version);
    assert_int_equal(parse("--version --json", &o, &command, &why), OK);
    assert_true(o.json);
}

static void short_forms_are_the_long_ones(void **state)
{
    (void)state;
    struct options o;
    enum command command;
    struct why why;
    const struct alias_row *a, *b;
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        assert_int_equal(parse(a->name, &o, &command, &why), OK);
        assert_int_equal(command, a->command);
        for (enum command id = 0; id < COMMAND_COUNT; id++)
            assert_string_not_equal(a->name, cli_command(id)->name);
        for (size_t j = i + 1; (b = cli_alias(j)); j++)
            assert_string_not_equal(a->name, b->name);
    }
    assert_int_equal(parse("stop qwen --now", &o, &command, &why), OK);
    assert_int_equal(command, COMMAND_models_unload);
    assert_true(o.now);
    assert_string_equal(o.arguments.items[0], "qwen");
    assert_int_equal(parse("ls --watch", &o, &command, &why), ERR_BAD_REQUEST);
    assert_string_equal(why.param, "models list"); /* whose help is shown */
}

static void bad_lines_name_the_nearest(void **state)
{
    (void)state;
    const struct {
        const char *line, *says, *of;
    } cases[] = {
        {"upp", "did you mean `hearth up`?", ""},
        {"staus", "did you mean `hearth status`?", ""},
        {"config chek", "did you mean `hearth config check`?", ""},
        {"engines", "there is `hearth engines log`", ""},
        {"engines --json", "there is `hearth engines log`", ""},
        {"unlod", "did you mean `hearth unload`?", ""},
        {"lsx", "did you mean `hearth ls`?", ""},
        {"keys", "`hearth keys create`, `hearth keys list`, `hearth keys rm`", ""},
        {"bench --json", "`hearth bench gateway`, `hearth bench upstream`", ""},
        {"frobnicate", "there is no command frobnicate", ""},
        {"\x1b[31mup", "\\x1b[31mup", ""},
        {"--detach", "did you mean --help or --version?", ""},
        {"up --detahc", "did you mean --detach?", "up"},
        {"up --frobnicate", "there is no option --frobnicate", "up"},
        {"up --now", "there is no option --now", "up"}, /* another command's */
        {"up -x", "there is no option -x", "up"},
        {"up extra", "does not take extra", "up"},
        {"up --listen", "--listen needs a value: ADDRESS", "up"},
        {"up -l", "--listen needs a value", "up"},
        {"up --detach=yes", "--detach takes no value", "up"},
        {"logs -n x", "whole number", "logs"},
        {"logs -n -1", "whole number", "logs"},
        {"logs -n 99999999999999999999", "whole number", "logs"},
        {"models show a b", "does not take b", "models show"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct options o = {.lines = 5};
        enum command command = COMMAND_COUNT;
        struct why why;
        assert_int_equal(parse(cases[i].line, &o, &command, &why), ERR_BAD_REQUEST);
        if (!strstr(why.text, cases[i].says))
            fail_msg("%s: %s", cases[i].line, why.text);
        assert_string_equal(why.param, cases[i].of);
        assert_int_equal(command, COMMAND_COUNT); /* untouched */
        assert_int_equal(o.lines, 5);
    }
    struct options o;
    enum command command;
    struct why why;
    assert_int_equal(parse("up --frobnicate", &o, &command, &why), ERR_BAD_REQUEST);
    assert_null(strstr(why.text, "did you mean"));
}

static void repeated_options_have_a_limit(void **state)
{
    (void)state;
    struct options o;
    enum command command;
    struct why why;
    char line[1024] = "up";
    for (unsigned i = 0; i <= MOST_WORDS; i++) {
        enum err e = parse(line, &o, &command, &why);
        assert_int_equal(e, OK);
        assert_int_equal(o.set.n, i);
        size_t len = strlen(line);
        snprintf(line + len, sizeof line - len, " -sa=b");
    }
    assert_int_equal(parse(line, &o, &command, &why), ERR_BAD_REQUEST);
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(cli_distance(SLICE(""), SLICE("")), 0);
    assert_int_equal(cli_distance(SLICE("kitten"), SLICE("sitting")), 3);
    assert_int_equal(cli_distance(SLICE("up"), SLICE("")), 2);
    assert_int_equal(cli_distance(SLICE("down"), SLICE("donw")), 2);
    struct text huge = {0};
    for (int i = 0; i < 5000; i++)
        text_byte(&huge, 'x');
    assert_true(cli_distance(text_slice(&huge), SLICE("x")) >= 40);
    text_fini(&huge);
}

static void tables_are_whole(void **state)
{
    (void)state;
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        const struct command_row *row = cli_command(id);
        assert_non_null(row->run);
        assert_true(strlen(row->help) > 10 && strlen(row->help) < 80);
        assert_memory_equal(row->example, "hearth ", 7);
        struct slice rest = slice_of(row->exits), code;
        while (slice_split(&rest, ' ', &code)) {
            uint64_t number;
            bool known = false;
            const struct exit_row *e;
            assert_true(slice_u64(code, &number));
            for (size_t i = 0; (e = cli_exit_row(i)); i++)
                known = known || (uint64_t)e->code == number;
            assert_true(known);
        }
        /* no letter and no name twice in one command */
        const struct option_row *a, *b;
        for (size_t i = 0; (a = cli_option(i)); i++) {
            for (size_t j = i + 1; (b = cli_option(j)); j++) {
                bool both = (a->command == id || a->command == COMMAND_COUNT) &&
                            (b->command == id || b->command == COMMAND_COUNT);
                if (both) {
                    assert_string_not_equal(a->name, b->name);
                    assert_true(!a->letter || a->letter != b->letter);
                }
            }
        }
    }
}

static void every_example_is_a_good_line(void **state)
{
    (void)state;
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        struct options o;
        enum command command;
        struct why why;
        if (parse(cli_command(id)->example + 7, &o, &command, &why))
            fail_msg("%s: %s", cli_command(id)->example, why.text);
        assert_int_equal(command, id);
    }
}

static void help_names_everything(void **state)
{
    (void)state;
    struct text all = {0};
    help_all(&all, false);
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        struct text one = {0};
        assert_non_null(strstr(text_cstr(&all), cli_command(id)->name));
        help_command(&one, id, false);
        assert_non_null(strstr(text_cstr(&one), cli_command(id)->example));
        assert_non_null(strstr(text_cstr(&one), "exit codes"));
        const struct option_row *o;
        for (size_t i = 0; (o = cli_option(i)); i++) {
            if (o->command == id)
                assert_non_null(strstr(text_cstr(&one), o->name));
        }
        assert_null(strchr(text_cstr(&one), '\033'));
        struct slice rest = text_slice(&one), line;
        while (slice_split(&rest, '\n', &line))
            assert_true(line.len <= 100);
        text_fini(&one);
    }
    struct slice rest = text_slice(&all), line;
    while (slice_split(&rest, '\n', &line))
        assert_true(line.len <= 100);
    text_clear(&all);
    help_all(&all, true);
    assert_non_null(strchr(text_cstr(&all), '\033'));
    text_fini(&all);
}

/* Only macros that every man knows, nothing that roff would read otherwise, all of the table. */
static void the_manual_page_is_good_roff(void **state)
{
    (void)state;
    const char *const macros[] = {".TH ", ".SH ", ".SS ", ".TP", ".PP",   ".RS ", ".RE",
                                  ".EX",  ".EE",  ".B ",  ".nh", ".ad l", ".\\\""};
    struct text page = {0};
    man_write(&page);
    struct slice rest = text_slice(&page), line;
    while (slice_split(&rest, '\n', &line)) {
        bool known = !slice_begins(line, SLICE(".")) && !slice_begins(line, SLICE("'"));
        for (size_t i = 0; i < COUNT(macros); i++)
            known = known || slice_begins(line, slice_of(macros[i]));
        if (!known || slice_ends(line, SLICE(" ")))
            fail_msg("%.*s", SLICE_ARG(line));
    }
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        char heading[80];
        snprintf(heading, sizeof heading, ".SS hearth %s", cli_command(id)->name);
        assert_non_null(strstr(text_cstr(&page), heading));
    }
    assert_non_null(strstr(text_cstr(&page), "\\fB\\-w\\fR, \\fB\\-\\-watch\\fR\n"));
    assert_null(strchr(text_cstr(&page), '`'));
    text_fini(&page);
}

static void write_endpoints(struct text *out)
{
    text_add(out, SLICE("# Endpoints\n"));
}

static void references_are_written_from_the_tables(void **state)
{
    (void)state;
    const struct cli_daemon daemon = {.write_endpoints = write_endpoints}, none = {0};
    const char *const names[] = {"cli", "options", "errors", "endpoints", "troubleshooting"};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct text out = {0};
        assert_true(reference_write(names[i], &daemon, &out));
        assert_memory_equal(text_cstr(&out), "# ", 2);
        assert_int_equal(out.ptr[out.len - 1], '\n');
        /* every row of a table has as many cells as its head */
        size_t bars = 0;
        struct slice rest = text_slice(&out), line;
        while (slice_split(&rest, '\n', &line)) {
            size_t n = 0;
            for (size_t j = 0; j < line.len; j++)
                n += line.ptr[j] == '|' && !(j && line.ptr[j - 1] == '\\');
            if (!slice_begins(line, SLICE("|")))
                bars = 0;
            else if (bars)
                assert_int_equal(n, bars);
            else
                bars = n;
        }
        text_fini(&out);
    }
    struct text out = {0};
    assert_false(reference_write("endpoints", &none, &out));
    assert_false(reference_write("endpoints", NULL, &out));
    assert_false(reference_write("nonsense", &daemon, &out));
    assert_int_equal(out.len, 0);
    assert_true(reference_write("errors", NULL, &out));
    for (enum err e = OK + 1; e < ERR_COUNT; e++)
        assert_non_null(strstr(text_cstr(&out), err_row(e)->name));
    text_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_understood),
        cmocka_unit_test(short_forms_are_the_long_ones),
        cmocka_unit_test(bad_lines_name_the_nearest),
        cmocka_unit_test(repeated_options_have_a_limit),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(tables_are_whole),
        cmocka_unit_test(every_example_is_a_good_line),
        cmocka_unit_test(help_names_everything),
        cmocka_unit_test(the_manual_page_is_good_roff),
        cmocka_unit_test(references_are_written_from_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
