/* reference: what the tables say, for a terminal and as Markdown. Nothing here is written twice:
 * commands come from commands.def, errors from the table of errors, settings from config,
 * endpoints from whoever has them. */
#include "cli/inner.h"

#define HELP_COLUMN 26u
#define COMMAND_COLUMN 31u

/* "-d, --detach", "    --set PATH=VALUE" */
static void option_usage(struct text *out, const struct option_row *o)
{
    if (o->letter)
        text_format(out, "-%c, ", o->letter);
    else
        text_add(out, SLICE("    "));
    text_format(out, "--%s%s%s", o->name, o->value[0] ? " " : "", o->value);
}

static bool is_of(const struct option_row *o, enum command id)
{
    return o->command == id || o->command == COMMAND_COUNT;
}

static const char *exit_help(struct slice code)
{
    uint64_t number = UINT64_MAX;
    bool good = slice_u64(code, &number);
    const struct exit_row *row;
    for (size_t i = 0; (row = cli_exit_row(i)); i++) {
        if (good && (uint64_t)row->code == number)
            return row->help;
    }
    assert(!good);
    return "";
}

/* ---- for a terminal ---- */

void help_all(struct text *out, bool colours)
{
    cli_paint(out, colours, COLOUR_BOLD, "hearth");
    text_add(out, SLICE(" runs AI models of this machine and of others behind one address.\n\n"
                        "usage: hearth [COMMAND] [OPTIONS]\n\n"));
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        const struct command_row *row = cli_command(id);
        size_t from = out->len;
        text_add(out, SLICE("  "));
        cli_paint(out, colours, COLOUR_BOLD, row->name);
        if (row->arguments[0])
            text_format(out, " %s", row->arguments);
        text_byte(out, ' ');
        cli_pad(out, from, COMMAND_COLUMN);
        text_format(out, "%s\n", row->help);
    }
    text_add(out, SLICE("\nShort forms:\n"));
    const struct alias_row *a;
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        size_t from = out->len;
        text_add(out, SLICE("  "));
        cli_paint(out, colours, COLOUR_BOLD, a->name);
        text_format(out, " %s ", cli_command(a->command)->arguments);
        cli_pad(out, from, COMMAND_COLUMN);
        text_format(out, "hearth %s\n", cli_command(a->command)->name);
    }
    text_add(out, SLICE("\nWithout a command: the state, and what to do next.\n"
                        "`hearth COMMAND --help` explains one. HEARTH_HOME=DIR keeps everything "
                        "under DIR.\n"));
}

void help_command(struct text *out, enum command id, bool colours)
{
    const struct command_row *row = cli_command(id);
    text_format(out, "%s\n\nusage: hearth %s [OPTIONS]%s%s\n", row->help, row->name,
                row->arguments[0] ? " " : "", row->arguments);
    const struct alias_row *a;
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        if (a->command == id)
            text_format(out, "       hearth %s [OPTIONS]%s%s\n", a->name,
                        row->arguments[0] ? " " : "", row->arguments);
    }
    text_byte(out, '\n');
    if (row->more[0])
        text_format(out, "%s\n\n", row->more);
    const struct option_row *o;
    for (size_t i = 0; (o = cli_option(i)); i++) {
        if (!is_of(o, id))
            continue;
        size_t from = out->len;
        text_add(out, SLICE("  "));
        option_usage(out, o);
        text_byte(out, ' ');
        cli_pad(out, from, HELP_COLUMN);
        text_format(out, "%s\n", o->help);
    }
    text_add(out, SLICE("\nexample: "));
    cli_paint(out, colours, COLOUR_BOLD, row->example);
    text_add(out, SLICE("\n\nexit codes:\n"));
    struct slice rest = slice_of(row->exits), code;
    while (slice_split(&rest, ' ', &code))
        text_format(out, "  %-3.*s %s\n", SLICE_ARG(code), exit_help(code));
}

/* ---- as Markdown ---- */

/* A cell of a table: a bar would end it. */
static void cell(struct text *out, const char *words)
{
    for (; *words; words++) {
        if (*words == '|')
            text_byte(out, '\\');
        text_byte(out, *words == '\n' ? ' ' : *words);
    }
}

static void write_command(struct text *out, enum command id)
{
    const struct command_row *row = cli_command(id);
    text_format(out, "\n## hearth %s\n\n", row->name);
    const struct alias_row *a;
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        if (a->command == id)
            text_format(out, "Also `hearth %s`. ", a->name);
    }
    text_add(out, slice_of(row->help));
    if (row->more[0])
        text_format(out, "\n%s", row->more);
    text_format(out, "\n\n```sh\n%s\n```\n\n| option | what it does |\n| --- | --- |\n",
                row->example);
    const struct option_row *o;
    for (size_t i = 0; (o = cli_option(i)); i++) {
        if (!is_of(o, id))
            continue;
        text_add(out, SLICE("| `"));
        if (o->letter)
            text_format(out, "-%c`, `", o->letter);
        text_format(out, "--%s%s", o->name, o->value[0] ? " " : "");
        cell(out, o->value);
        text_add(out, SLICE("` | "));
        cell(out, o->help);
        text_add(out, SLICE(" |\n"));
    }
    text_add(out, SLICE("\nExit codes: "));
    struct slice rest = slice_of(row->exits), code;
    for (bool first = true; slice_split(&rest, ' ', &code); first = false)
        text_format(out, "%s%.*s", first ? "" : ", ", SLICE_ARG(code));
    text_add(out, SLICE(".\n"));
}

static void write_cli(struct text *out)
{
    text_add(out, SLICE("# The command line\n\nWritten by `hearth help --markdown cli`.\n"
                        "`hearth` alone shows the state and what to do next.\n"));
    for (enum command id = 0; id < COMMAND_COUNT; id++)
        write_command(out, id);
    text_add(out, SLICE("\n## Exit codes\n\n| code | meaning |\n| --- | --- |\n"));
    const struct exit_row *row;
    for (size_t i = 0; (row = cli_exit_row(i)); i++)
        text_format(out, "| %d | %s |\n", row->code, row->help);
    text_add(out, SLICE("\n## Environment\n\n| variable | meaning |\n| --- | --- |\n"
                        "| `HEARTH_HOME` | one folder for everything that is hearth's |\n"
                        "| `NO_COLOR` | no colours, also on a terminal |\n"));
}

static const char *again_words(const struct err_row *row)
{
    switch (row->again) {
    case NEVER:
        return "no";
    case SAME_TARGET:
        return "same provider";
    case OTHER_TARGET:
        return "another provider";
    }
    return "";
}

static void write_errors(struct text *out)
{
    text_add(out, SLICE("# Errors\n\nWritten by `hearth help --markdown errors`. `type` and `code` "
                        "are what the error object of an answer\nholds; the name is what the log "
                        "says.\n\n| name | status | type | code | tried again | counts against "
                        "the provider |\n| --- | --- | --- | --- | --- | --- |\n"));
    for (enum err e = OK + 1; e < ERR_COUNT; e++) {
        const struct err_row *row = err_row(e);
        text_format(out, "| %s | %d | `%s` | `%s` | %s | %s |\n", row->name, row->http, row->type,
                    row->code, again_words(row), row->blame == TARGET ? "yes" : "no");
    }
}

static void write_troubleshooting(struct text *out)
{
    text_add(out, SLICE("# When something fails\n\nWritten by `hearth help --markdown "
                        "troubleshooting`. `hearth doctor` checks the machine and "
                        "the\ninstallation, and names the command that mends what it finds. For a "
                        "request that failed, look\nfor the `code` of the error object.\n\n"
                        "| code | status | what to do |\n| --- | --- | --- |\n"));
    for (enum err e = OK + 1; e < ERR_COUNT; e++) {
        const struct err_row *row = err_row(e);
        text_format(out, "| `%s` | %d | ", row->code, row->http);
        cell(out, row->words);
        text_add(out, SLICE(" |\n"));
    }
}

bool reference_write(const char *which, const struct cli_daemon *daemon, struct text *out)
{
    static const struct {
        const char *name;
        void (*write)(struct text *out);
    } documents[] = {
        {"cli", write_cli},
        {"options", config_write_reference},
        {"errors", write_errors},
        {"troubleshooting", write_troubleshooting},
    };
    for (size_t i = 0; i < COUNT(documents); i++) {
        if (!strcmp(documents[i].name, which)) {
            documents[i].write(out);
            return true;
        }
    }
    void (*write)(struct text * out) = NULL;
    if (daemon && !strcmp(which, "endpoints"))
        write = daemon->write_endpoints;
    else if (daemon && !strcmp(which, "metrics"))
        write = daemon->write_metrics;
    if (write)
        write(out);
    return write != NULL;
}
