/* help: `hearth help`, for people at a terminal and as the sources of the reference documents. */
#include "cli/inner.h"

static bool is_alias(enum command id, struct slice name)
{
    const struct alias_row *a;
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        if (a->command == id && slice_is(name, slice_of(a->name)))
            return true;
    }
    return false;
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
    if (!found)
        why_set(&why, ERR_BAD_REQUEST, "there is no command %.60s", text_cstr(&name));
    text_fini(&name);
    return found ? CLI_OK : cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth help` lists them.");
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
