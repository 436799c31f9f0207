/* commands: the table of commands.def as arrays. */
#include "cli/inner.h"

static const struct command_row commands[COMMAND_COUNT] = {
#define COMMAND(id, name, arguments, most, exits, help, more, example)                             \
    [COMMAND_##id] = {name, arguments, most, exits, id##_run, help, more, example},
#define OPTION(...)
#define ALIAS(...)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
#undef ALIAS
};

static const struct option_row options[] = {
#define COMMAND(...)
#define OPTION(id, name, letter, value, kind, member, help)                                        \
    {COMMAND_##id, name, letter, value, OPTION_##kind, offsetof(struct options, member), help},
#define ALIAS(...)
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
#undef ALIAS
    /* every command has this one */
    {COMMAND_COUNT, "help", 'h', "", OPTION_FLAG, offsetof(struct options, help), "this text"},
};

static const struct alias_row aliases[] = {
#define COMMAND(...)
#define OPTION(...)
#define ALIAS(id, name) {COMMAND_##id, name},
#include "cli/commands.def"
#undef COMMAND
#undef OPTION
#undef ALIAS
};

static const struct exit_row exits[] = {
    {CLI_OK, "it worked"},
    {CLI_FAILED, "it failed; the message says why"},
    {CLI_USAGE, "the command line is wrong"},
    {CLI_NOT_RUNNING, "no daemon runs"},
    {CLI_NOT_FOUND, "there is no such thing"},
    {CLI_BUSY, "another daemon or another command is at it in this home, or it is in use"},
    {CLI_PERMISSION, "the system does not permit it"},
    {CLI_CONFIG, "the configuration is not valid"},
};

const struct command_row *cli_command(enum command id)
{
    assert(id < COMMAND_COUNT);
    return &commands[id];
}

const struct alias_row *cli_alias(size_t i)
{
    return i < COUNT(aliases) ? &aliases[i] : NULL;
}

const struct option_row *cli_option(size_t i)
{
    return i < COUNT(options) ? &options[i] : NULL;
}

const struct exit_row *cli_exit_row(size_t i)
{
    return i < COUNT(exits) ? &exits[i] : NULL;
}
