/* man: the manual page, hearth(1), from the same tables as every other help. Written with macros
 * that every man knows; words of the tables are plain text and are escaped. */
#include "cli/inner.h"

/* What roff would take for something else; `words` in back quotes are bold. */
static void words_add(struct text *out, const char *words)
{
    bool bold = false, begins = true;
    for (; *words; words++) {
        char c = *words;
        if (begins && (c == '.' || c == '\''))
            text_add(out, SLICE("\\&"));
        begins = c == '\n';
        if (c == '`') {
            bold = !bold;
            text_add(out, bold ? SLICE("\\fB") : SLICE("\\fR"));
        } else if (c == '\\') {
            text_add(out, SLICE("\\e"));
        } else if (c == '-') {
            text_add(out, SLICE("\\-"));
        } else if (c == '~') {
            text_add(out, SLICE("\\(ti"));
        } else if (c == '^') {
            text_add(out, SLICE("\\(ha"));
        } else if (c == '\'') {
            text_add(out, SLICE("\\(aq"));
        } else {
            text_byte(out, c);
        }
    }
    text_add(out, bold ? SLICE("\\fR") : SLICE(""));
}

static void line(struct text *out, const char *macro, const char *words)
{
    text_format(out, ".%s ", macro);
    words_add(out, words);
    text_byte(out, '\n');
}

static void paragraph(struct text *out, const char *words)
{
    words_add(out, words);
    text_byte(out, '\n');
}

static void example(struct text *out, const char *words)
{
    text_add(out, SLICE(".PP\n.RS 4\n.EX\n"));
    paragraph(out, words);
    text_add(out, SLICE(".EE\n.RE\n"));
}

static void write_option(struct text *out, const struct option_row *o)
{
    text_add(out, SLICE(".TP\n"));
    if (o->letter)
        text_format(out, "\\fB\\-%c\\fR, ", o->letter);
    text_add(out, SLICE("\\fB\\-\\-"));
    words_add(out, o->name);
    text_add(out, SLICE("\\fR"));
    if (o->value[0]) {
        text_add(out, SLICE(" \\fI"));
        words_add(out, o->value);
        text_add(out, SLICE("\\fR"));
    }
    text_byte(out, '\n');
    paragraph(out, o->help);
}

static void write_command(struct text *out, enum command id)
{
    const struct command_row *row = cli_command(id);
    const struct alias_row *a;
    const struct option_row *o;
    text_add(out, SLICE(".SS hearth "));
    words_add(out, row->name);
    if (row->arguments[0]) {
        text_add(out, SLICE(" \\fI"));
        words_add(out, row->arguments);
        text_add(out, SLICE("\\fR"));
    }
    text_byte(out, '\n');
    paragraph(out, row->help);
    if (row->more[0])
        paragraph(out, row->more);
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        if (a->command == id)
            text_format(out, "Also \\fBhearth %s\\fR.\n", a->name);
    }
    for (size_t i = 0; (o = cli_option(i)); i++) {
        if (o->command == id)
            write_option(out, o);
    }
    example(out, row->example);
}

static void write_exits(struct text *out)
{
    const struct exit_row *row;
    text_add(out, SLICE(".SH EXIT STATUS\n"));
    for (size_t i = 0; (row = cli_exit_row(i)); i++) {
        text_format(out, ".TP\n.B %d\n", row->code);
        paragraph(out, row->help);
    }
}

static void write_pairs(struct text *out, const char *title, const char *const (*rows)[2], size_t n)
{
    line(out, "SH", title);
    for (size_t i = 0; i < n; i++) {
        text_add(out, SLICE(".TP\n"));
        line(out, "B", rows[i][0]);
        paragraph(out, rows[i][1]);
    }
}

void man_write(struct text *out)
{
    static const char *const variables[][2] = {
        {"HEARTH_HOME", "one folder for everything that is hearth's"},
        {"NO_COLOR", "no colours, also on a terminal"},
    };
    static const char *const files[][2] = {
        {"~/.config/hearth/hearth.yaml", "what you configure"},
        {"~/.config/hearth/conf.d/", "what commands configure, a file a thing"},
        {"~/.local/share/hearth/", "keys, the record of requests, engines, the log"},
    };
    text_add(out,
             SLICE(".\\\" Written by hearth help --man.\n"
                   ".TH HEARTH 1 \"\" \"hearth " HEARTH_VERSION "\" \"User Commands\"\n.nh\n.ad l\n"
                   ".SH NAME\nhearth \\- the local AI stack in one daemon\n"
                   ".SH SYNOPSIS\n.B hearth\n[\\fICOMMAND\\fR] [\\fIOPTIONS\\fR]\n"
                   ".SH DESCRIPTION\n"));
    paragraph(out, "hearth runs AI models of this machine and of others behind one address.\n"
                   "Without a command it shows the state, and what to do next.\n"
                   "Every command takes `--help`, which also says with which codes it ends.\n"
                   "`--` ends the options.");
    text_add(out, SLICE(".SH COMMANDS\n"));
    for (enum command id = 0; id < COMMAND_COUNT; id++)
        write_command(out, id);
    write_exits(out);
    write_pairs(out, "ENVIRONMENT", variables, COUNT(variables));
    write_pairs(out, "FILES", files, COUNT(files));
}
