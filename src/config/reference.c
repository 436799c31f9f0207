/* reference: the tables as Markdown, for docs/reference/options.md. */
#include "config/inner.h"

static const char head[] =
    "# Settings\n"
    "\n"
    "Written by `hearth help --markdown options`; change the tables in `src/config/`, not this "
    "page.\n"
    "\n"
    "Settings are looked for in this order, and the first place that has one holds:\n"
    "\n"
    "1. the command line: `--set limits.body=64MiB`\n"
    "2. the environment: `HEARTH_LIMITS_BODY=64MiB`\n"
    "3. the file `.env` beside `hearth.yaml`: the same names\n"
    "4. `hearth.yaml` and the files `conf.d/*.yaml`, which may not set the same thing twice\n"
    "5. `llm_providers.yaml`, which other programs may share\n"
    "\n"
    "The files are in `~/.config/hearth` (`$XDG_CONFIG_HOME/hearth`), or in `config` below the "
    "folder that `HEARTH_HOME` names. A dotted path is written in YAML as maps in one another, or "
    "as it is. `hearth config show --origin` tells where each value is from and what it hid.\n"
    "\n"
    "- A time is a number with `ms`, `s`, `m`, `h` or `d`; a bare number means seconds.\n"
    "- A size is a number with `KiB`, `MiB`, `GiB` or `TiB`; a bare number means bytes.\n"
    "- A list in the environment or on the command line has commas between its items.\n"
    "- A provider's field has no variable of its own; write `${NAME}` there.\n"
    "- `${NAME}` in a YAML file stands for a variable of the environment or of `.env`, "
    "`${NAME:-otherwise}` for one that may be missing, `$$` for a `$`.\n"
    "- Of YAML the plain part is read: no anchors, aliases, tags, merge keys or second document.\n"
    "\n";

static const char *type_name(enum type type)
{
    static const char *const names[] = {
        [BOOL] = "true or false",
        [INT] = "number",
        [TIME] = "time",
        [KEEP] = "time",
        [BYTES] = "size",
        [TEXT] = "text",
        [PROSE] = "text",
        [CHOICE] = "one of",
        [WORD] = "one of",
        [NUMBER] = "number",
        [LAYERS] = "`auto`, `all` or a number",
        [PATH] = "path",
        [SECRET] = "secret",
        [NAME] = "text",
        [NAMES] = "list of texts",
        [ALIASES] = "list of names",
        [PATHS] = "list of paths",
        [ENV] = "list of variables",
        [FLAGS] = "list of words",
        [LISTEN] = "list of addresses",
        [PLAIN] = "list of addresses and interfaces",
        [HOSTS] = "list of hosts",
        [ORIGINS] = "list of origins",
        [USERS] = "list of users",
    };
    return names[type];
}

static void write_choices(const struct row *row, struct text *out)
{
    struct slice word;
    const char *between = " `";
    for (struct slice rest = slice_of(row->choices); slice_split(&rest, ' ', &word);) {
        text_add(out, slice_of(between));
        text_add(out, word);
        text_byte(out, '`');
        between = ", `";
    }
}

static void write_bounds(const struct row *row, struct text *out)
{
    text_add(out, SLICE(", "));
    if (row->type == INT || row->type == NUMBER) {
        long long unit = row->type == NUMBER ? 1000 : 1;
        text_format(out, "%lld to %lld", (long long)row->least / unit, (long long)row->most / unit);
        return;
    }
    void (*print)(uint64_t n, struct text * to) = row->type == BYTES ? config_size : config_time;
    print(row->least, out);
    text_add(out, SLICE(" to "));
    print(row->most, out);
}

static void write_row(const struct row *row, bool when, struct text *out)
{
    text_format(out, "| `%s` | %s", row->path, type_name(row->type));
    if (row->type == CHOICE || row->type == WORD)
        write_choices(row, out);
    if (row->most && (row->type == NUMBER || (row->type >= INT && row->type <= BYTES)))
        write_bounds(row, out);
    if (row->type == KEEP)
        text_add(out, SLICE(", or `forever`"));
    if (row->standard[0])
        text_format(out, " | `%s` |", row->standard);
    else
        text_add(out, SLICE(" | |"));
    if (when)
        text_format(out, " %s |", row->live ? "reload" : "restart");
    text_format(out, " %s |\n", row->help);
}

static void write_kinds(struct text *out)
{
    text_add(out, SLICE("\n## Kinds of providers\n\n"
                        "An entry whose kind this version does not speak yet is read, switched off "
                        "and named in a warning.\n\n"
                        "| Kind | Spoken by this version | Meant by entries named | Where it is, "
                        "unless the entry says |\n"
                        "| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < CONFIG_KIND_COUNT; i++) {
        const struct kind_row *kind = &config_kinds[i];
        text_format(out, "| `%s` | %s | %s | %s |\n", kind->name, kind->built ? "yes" : "later",
                    kind->entries[0] ? kind->entries : "any other name", kind->usual);
    }
}

static void write_barred(struct text *out)
{
    text_add(out, SLICE("\nWhat `extra` may not hold, and what `env` may not:\n\n"));
    config_write_barred(out);
}

void config_write_reference(struct text *out)
{
    text_add(out, slice_of(head));
    text_add(out, SLICE("## All settings\n\n"
                        "A change applies at the next `hearth reload` or at the next restart.\n\n"
                        "| Setting | Type | Default | Applies at | What it is |\n"
                        "| --- | --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < OPTION_COUNT; i++)
        write_row(&config_options[i], true, out);
    text_add(out, SLICE("\n## Providers\n\n"
                        "Each is an entry below `providers:` with these fields, so the whole path "
                        "is `providers.NAME.FIELD`. A field that needs a variable nobody set "
                        "switches this one provider off. Changes apply at a reload.\n\n"
                        "| Field | Type | Default | What it is |\n"
                        "| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < FIELD_COUNT; i++)
        write_row(&config_fields[i], false, out);
    write_kinds(out);
    text_add(out,
             SLICE("\n## Models\n\n"
                   "Each is an entry below `models:`. Its name may hold letters, digits and "
                   "`- _ . : / @ +`. A name with `*` in it is a pattern: it sets, for all "
                   "models whose names it matches, what they do not set themselves; of several "
                   "patterns the first in the files holds. Changes apply at a reload. "
                   "[More about them](../models.md).\n\n"
                   "| Field | Type | Default | What it is |\n"
                   "| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < MODEL_FIELD_COUNT; i++)
        write_row(&config_model_fields[i], false, out);
    write_barred(out);
    text_add(out,
             SLICE("\n## Roles and their ports\n\n"
                   "`roles.NAME` is a list of models, the best first: names, aliases or "
                   "`model/NAME`. `code`, `chat`, `raw` and `embed` are always there, bound to "
                   "nothing until set. Changes apply at a reload.\n\n"
                   "`ports.ROLE` is an address or a list of them, as in `listen`: every "
                   "request there asks that role, whatever `model` it names. Changes apply at "
                   "a restart.\n"));
}
