/* help: `hearth help`, for people at a terminal and as the sources of the reference documents.
 * Words that are neither a command nor a document find one of the answers. */
#include "answers/answers.h"
#include "cli/inner.h"

#define MOST_ANSWERS 3u
#define NAME_COLUMN 32u

static bool is_alias(enum command id, struct slice name)
{
    const struct alias_row *a;
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        if (a->command == id && slice_is(name, slice_of(a->name)))
            return true;
    }
    return false;
}

/* The page that fits these words best, and the names of the next ones. */
static bool help_answer(struct cli *c, struct slice words)
{
    struct answers_page found[MOST_ANSWERS];
    size_t n = answers_find(words, found, COUNT(found));
    if (!n)
        return false;
    cli_paint_visible(&c->out, c->out_colours, COLOUR_BOLD, found[0].title);
    text_format(&c->out, "\n\n%.*s\n", SLICE_ARG(found[0].text));
    for (size_t i = 1; i < n; i++) {
        text_add(&c->out, i == 1 ? SLICE("\nsee also:\n") : SLICE(""));
        size_t from = c->out.len;
        text_format(&c->out, "  hearth help %.*s ", SLICE_ARG(found[i].name));
        cli_pad(&c->out, from, NAME_COLUMN);
        text_format(&c->out, "%.*s\n", SLICE_ARG(found[i].title));
    }
    return true;
}

static int help_of(struct cli *c, const struct words *words)
{
    struct text name = {0};
    for (size_t i = 0; i < words->n; i++)
        text_format(&name, "%s%s", i ? " " : "", words->items[i]);
    size_t found = 0;
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        struct slice is = slice_of(cli_command(id)->name);
        /* `hearth help config` explains all that begin so */
        bool group =
            slice_begins(is, text_slice(&name)) && is.len > name.len && is.ptr[name.len] == ' ';
        if (!group && !slice_is(is, text_slice(&name)) && !is_alias(id, text_slice(&name)))
            continue;
        if (found++)
            text_byte(&c->out, '\n');
        help_command(&c->out, id, c->out_colours);
    }
    struct why why = {0};
    /* the documents too: `hearth help options` */
    found += !found && reference_write(text_cstr(&name), c->daemon, &c->out);
    found += !found && help_answer(c, text_slice(&name));
    if (!found)
        why_set(&why, ERR_BAD_REQUEST, "there is no command %.60s, and no answer about it",
                text_cstr(&name));
    text_fini(&name);
    return found ? CLI_OK : cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth help` lists the commands.");
}

int help_run(struct cli *c)
{
    const char *which = c->options.markdown;
    if (c->options.hands.man) {
        man_write(&c->out);
        return CLI_OK;
    }
    if (which) {
        if (reference_write(which, c->daemon, &c->out))
            return CLI_OK;
        struct why why = {0};
        why_set(&why, ERR_BAD_REQUEST, "there is no reference document %.60s", which);
        return cli_fail(c, ERR_BAD_REQUEST, &why,
                        "There are: cli, options, errors, endpoints, metrics, troubleshooting.");
    }
    if (c->options.arguments.n)
        return help_of(c, &c->options.arguments);
    help_all(&c->out, c->out_colours);
    return CLI_OK;
}
