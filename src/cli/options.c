/* options: from the words of a command line to a command and struct options. Knows only the
 * tables. `--name value`, `--name=value`, `-n value`, `-nvalue`, and flags in one word, `-fj`. */
#include <stdio.h>

#include "cli/inner.h"

struct parser {
    char **argv;
    int argc, at;
    enum command command;
    struct options *options;
    struct why *why;
};

/* The Levenshtein distance, in one row. Words longer than the row are far from all. */
size_t cli_distance(struct slice a, struct slice b)
{
    enum { MOST = 40 };
    size_t row[MOST + 1];
    if (a.len > MOST || b.len > MOST)
        return MOST;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t changed = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            row[j] = min_size(changed, min_size(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b.len];
}

/* As near as a slip of the fingers: a third of the word, but never all of it. */
static bool is_near(struct slice given, size_t distance)
{
    return distance <= max_size(1, given.len / 3) && distance < given.len;
}

static enum err unknown(struct why *why, const char *what, struct slice given, const char *nearest)
{
    struct text shown = {0};
    text_visible(&shown, slice_to(given, min_size(given.len, 60)));
    enum err e;
    if (nearest)
        e = why_set(why, ERR_BAD_REQUEST, "there is no %s %s; did you mean %s?", what,
                    text_cstr(&shown), nearest);
    else
        e = why_set(why, ERR_BAD_REQUEST, "there is no %s %s", what, text_cstr(&shown));
    text_fini(&shown);
    return e;
}

static bool is_of(const struct option_row *o, enum command command)
{
    return o->command == command || o->command == COMMAND_COUNT;
}

static enum err unknown_option(const struct parser *p, struct slice name)
{
    const struct option_row *best = NULL;
    size_t best_distance = SIZE_MAX;
    const struct option_row *o;
    for (size_t i = 0; (o = cli_option(i)); i++) {
        size_t distance = cli_distance(name, slice_of(o->name));
        if (is_of(o, p->command) && distance < best_distance) {
            best = o;
            best_distance = distance;
        }
    }
    char given[80], nearest[40];
    snprintf(given, sizeof given, "--%.*s", SLICE_ARG(slice_to(name, min_size(name.len, 60))));
    if (!best || !is_near(name, best_distance))
        return unknown(p->why, "option", slice_of(given), NULL);
    snprintf(nearest, sizeof nearest, "--%s", best->name);
    return unknown(p->why, "option", slice_of(given), nearest);
}

static enum err store(const struct parser *p, const struct option_row *o, const char *value)
{
    char *at = (char *)p->options + o->at;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)(void *)at = true;
        return OK;
    case OPTION_NUMBER:
        if (!slice_u64(slice_of(value), (uint64_t *)(void *)at))
            return why_set(p->why, ERR_BAD_REQUEST, "--%s takes a whole number", o->name);
        return OK;
    case OPTION_TEXT:
        *(const char **)(void *)at = value;
        return OK;
    case OPTION_LIST: {
        struct words *words = (struct words *)(void *)at;
        if (words->n == MOST_WORDS)
            return why_set(p->why, ERR_BAD_REQUEST, "--%s may stand at most %u times", o->name,
                           MOST_WORDS);
        words->items[words->n++] = value;
        return OK;
    }
    }
    return ERR_INTERNAL;
}

/* The value that follows in the next word of the line. */
static enum err next_value(struct parser *p, const struct option_row *o, const char **ret_value)
{
    if (p->at + 1 >= p->argc)
        return why_set(p->why, ERR_BAD_REQUEST, "--%s needs a value: %s", o->name, o->value);
    *ret_value = p->argv[++p->at];
    return OK;
}

static enum err take_long(struct parser *p, const char *word)
{
    struct slice name = slice_of(word);
    size_t equals = slice_find(name, '=');
    const char *value = equals < name.len ? word + equals + 1 : NULL;
    name = slice_to(name, equals);
    const struct option_row *o;
    for (size_t i = 0; (o = cli_option(i)); i++) {
        if (!is_of(o, p->command) || !slice_is(name, slice_of(o->name)))
            continue;
        if (o->kind == OPTION_FLAG && value)
            return why_set(p->why, ERR_BAD_REQUEST, "--%s takes no value", o->name);
        if (o->kind != OPTION_FLAG && !value) {
            enum err e = next_value(p, o, &value);
            if (e)
                return e;
        }
        return store(p, o, value);
    }
    return unknown_option(p, name);
}

static const struct option_row *find_letter(enum command command, char letter)
{
    const struct option_row *o;
    for (size_t i = 0; (o = cli_option(i)); i++) {
        if (is_of(o, command) && o->letter == letter)
            return o;
    }
    return NULL;
}

static enum err take_letters(struct parser *p, const char *letters)
{
    for (; *letters; letters++) {
        const struct option_row *o = find_letter(p->command, *letters);
        if (!o) {
            const char given[] = {'-', *letters, '\0'};
            return unknown(p->why, "option", slice_of(given), NULL);
        }
        const char *value = NULL;
        if (o->kind != OPTION_FLAG) {
            value = letters + 1;
            enum err e = *value ? OK : next_value(p, o, &value);
            if (e)
                return e;
        }
        enum err e = store(p, o, value);
        if (e || o->kind != OPTION_FLAG)
            return e;
    }
    return OK;
}

static enum err take_argument(const struct parser *p, const char *word)
{
    const struct command_row *row = cli_command(p->command);
    struct words *arguments = &p->options->arguments;
    if (arguments->n < row->most_arguments) {
        arguments->items[arguments->n++] = word;
        return OK;
    }
    if (row->most_arguments == MOST_WORDS)
        return why_set(p->why, ERR_BAD_REQUEST,
                       "`hearth %s` takes %u words; quotes make one of several", row->name,
                       MOST_WORDS);
    struct text shown = {0};
    text_visible(&shown, slice_of(word));
    enum err e = why_set(p->why, ERR_BAD_REQUEST, "`hearth %s` does not take %.60s", row->name,
                         text_cstr(&shown));
    text_fini(&shown);
    return e;
}

/* How many words of the line are this command's name; 0: it is another. */
static int named(const struct parser *p, const char *name)
{
    struct slice rest = slice_of(name), word;
    int n = 0;
    while (slice_split(&rest, ' ', &word)) {
        if (p->at + n >= p->argc || !slice_is(word, slice_of(p->argv[p->at + n])))
            return 0;
        n++;
    }
    return n;
}

/* Does the command have two words, of which this is the first? */
static bool is_of_group(enum command id, struct slice word)
{
    struct slice rest = slice_of(cli_command(id)->name), first;
    return slice_split(&rest, ' ', &first) && rest.len && slice_is(first, word);
}

static bool is_group(struct slice word)
{
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        if (is_of_group(id, word))
            return true;
    }
    return false;
}

static enum err group_alone(struct why *why, struct slice word)
{
    struct text there = {0};
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        if (is_of_group(id, word))
            text_format(&there, "%s`hearth %s`", there.len ? ", " : "", cli_command(id)->name);
    }
    enum err e = why_set(why, ERR_BAD_REQUEST, "`hearth %.*s` alone is no command; there is %s",
                         SLICE_ARG(word), text_cstr(&there));
    text_fini(&there);
    return e;
}

/* All that may stand where a command does; NULL past the last. */
static const char *name_at(size_t i)
{
    const struct alias_row *a = i < COMMAND_COUNT ? NULL : cli_alias(i - COMMAND_COUNT);
    return i < COMMAND_COUNT ? cli_command((enum command)i)->name : a ? a->name : NULL;
}

static enum err unknown_command(const struct parser *p)
{
    struct text given = {0};
    struct slice first = slice_of(p->argv[p->at]);
    bool of_group = is_group(first);
    bool alone = p->at + 1 >= p->argc || p->argv[p->at + 1][0] == '-';
    if (of_group && alone)
        return group_alone(p->why, first);
    text_add(&given, first);
    if (of_group) {
        text_byte(&given, ' ');
        text_add(&given, slice_of(p->argv[p->at + 1]));
    }
    const char *best = NULL, *name;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; (name = name_at(i)); i++) {
        size_t distance = cli_distance(text_slice(&given), slice_of(name));
        if (distance < best_distance) {
            best = name;
            best_distance = distance;
        }
    }
    char nearest[40];
    snprintf(nearest, sizeof nearest, "`hearth %s`", best);
    bool near = is_near(text_slice(&given), best_distance);
    enum err e = unknown(p->why, "command", text_slice(&given), near ? nearest : NULL);
    text_fini(&given);
    return e;
}

/* The words that stand where a command should and are none: the options of hearth itself. */
static enum err take_first(struct parser *p)
{
    const char *word = p->argv[p->at];
    bool help = !strcmp(word, "--help") || !strcmp(word, "-h");
    bool version = !strcmp(word, "--version") || !strcmp(word, "-V");
    if (help || version) {
        p->command = help ? COMMAND_help : COMMAND_version;
        p->at++;
        return OK;
    }
    if (word[0] == '-')
        return unknown(p->why, "option", slice_of(word), "--help or --version");
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        int n = named(p, cli_command(id)->name);
        bool more = p->at + 1 < p->argc && p->argv[p->at + 1][0] != '-';
        if (n == 1 && more && is_group(slice_of(word)) && !cli_command(id)->most_arguments)
            break; /* a word follows, and it is none of the group's */
        if (n) {
            p->command = id;
            p->at += n;
            return OK;
        }
    }
    const struct alias_row *a;
    for (size_t i = 0; (a = cli_alias(i)); i++) {
        if (strcmp(a->name, word) == 0) {
            p->command = a->command;
            p->at++;
            return OK;
        }
    }
    /* `hearth config --help`, as `hearth help config` */
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : "";
    if (is_group(slice_of(word)) && (!strcmp(next, "--help") || !strcmp(next, "-h"))) {
        p->command = COMMAND_help;
        p->options->arguments.items[p->options->arguments.n++] = word;
        p->at += 2;
        return OK;
    }
    return unknown_command(p);
}

enum err cli_parse(int argc, char **argv, struct options *ret, enum command *ret_command,
                   struct why *why)
{
    struct options options = {
        .lines = 100,
        .most = ROWS_USUAL,
        .bench = {.connections = 1,
                  .chunks = BENCH_CHUNKS,
                  .model = BENCH_MODEL,
                  .seconds = "3",
                  .body = "1K"},
    };
    struct parser p = {argv, argc, 1, COMMAND_COUNT, &options, why};
    enum err e = argc > 1 ? take_first(&p) : OK;
    for (bool only_arguments = false; !e && p.at < argc; p.at++) {
        const char *word = argv[p.at];
        if (only_arguments || word[0] != '-' || !word[1])
            e = take_argument(&p, word);
        else if (!strcmp(word, "--"))
            only_arguments = true;
        else if (word[1] == '-')
            e = take_long(&p, word + 2);
        else
            e = take_letters(&p, word + 1);
    }
    if (e) {
        if (why && p.command < COMMAND_COUNT)
            snprintf(why->param, sizeof why->param, "%s", cli_command(p.command)->name);
        return e;
    }
    *ret = options;
    *ret_command = p.command;
    return OK;
}
