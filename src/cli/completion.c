/* completion: `hearth completion bash|zsh|fish`, and what the three ask at each tab: `hearth
 * completion words -- WORD... CUR`, which is no command for people. It prints what may stand in
 * the place of CUR, a word a line, a tab and what it means. All of it comes from the table of
 * commands; names of models and roles come from the configuration. Nothing: the shell offers
 * files. */
#include <stdio.h>

#include "cli/inner.h"

extern const unsigned char completion_bash[], completion_zsh[], completion_fish[];
extern const size_t completion_bash_size, completion_zsh_size, completion_fish_size;

struct completing {
    struct cli *c;
    const char *const *words; /* behind `hearth` */
    size_t n;
    struct slice before, cur; /* of the last word: what stays, what is completed */
    struct text *out;
};

static void offer(struct completing *k, struct slice word, const char *help)
{
    if (!slice_begins(word, k->cur))
        return;
    text_visible(k->out, k->before);
    text_visible(k->out, word);
    text_format(k->out, "\t%s\n", help);
}

/* ---- what a place holds: by its names here, not by those of a daemon of somebody else's ------ */

static void offer_models(struct completing *k)
{
    struct config *c = cli_config(k->c);
    for (size_t i = 0; c && i < c->models_n; i++)
        offer(k, slice_of(c->models[i].name), "a model of this machine");
    for (size_t i = 0; c && i < c->providers_n; i++) {
        for (size_t n = 0; n < c->providers[i].models.n; n++)
            offer(k, c->providers[i].models.items[n], c->providers[i].name);
    }
    for (size_t i = 0; c && i < c->aliases_n; i++)
        offer(k, c->aliases[i].alias, "another name of a model");
    config_free(c);
}

static void offer_roles(struct completing *k)
{
    struct config *c = cli_config(k->c);
    for (size_t i = 0; c && i < c->roles_n; i++)
        offer(k, slice_of(c->roles[i].name), c->roles[i].models.n ? "a role" : "bound to nothing");
    config_free(c);
}

static void offer_commands(struct completing *k)
{
    const struct alias_row *a;
    struct slice last = {0};
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        struct slice rest = slice_of(cli_command(id)->name), first;
        (void)slice_split(&rest, ' ', &first);
        if (!slice_is(first, last)) /* those of a group stand together */
            offer(k, first, rest.len ? "a group of commands" : cli_command(id)->help);
        last = first;
    }
    for (size_t i = 0; (a = cli_alias(i)); i++)
        offer(k, slice_of(a->name), cli_command(a->command)->help);
}

static void offer_engines(struct completing *k)
{
    const struct pack_engine *e;
    for (size_t i = 0; (e = pack_engine(i)); i++)
        offer(k, slice_of(e->name), e->program);
}

/* kind: as the table calls it: MODEL, [VERB], sh|fish|csh. */
static void offer_kind(struct completing *k, struct slice kind)
{
    static const struct {
        const char *kind;
        void (*offer)(struct completing *k);
    } kinds[] = {
        {"MODEL", offer_models},
        {"ROLE", offer_roles},
        {"VERB", offer_commands},
        {"ENGINE", offer_engines},
    };
    struct slice word;
    if (slice_begins(kind, SLICE("[")))
        kind = slice_to(slice_from(kind, 1), kind.len - 2);
    if (slice_ends(kind, SLICE("...")))
        kind = slice_to(kind, kind.len - 3);
    bool names =
        kind.len && kind.ptr[0] >= 'a' && kind.ptr[0] <= 'z' && slice_find(kind, '|') < kind.len;
    while (kind.len && slice_split(&kind, '|', &word)) {
        if (names)
            offer(k, word, "");
        for (size_t i = 0; i < COUNT(kinds) && !names; i++) {
            if (slice_is(word, slice_of(kinds[i].kind)))
                kinds[i].offer(k);
        }
    }
}

/* ---- where it stands ------------------------------------------------------------------------- */

static bool is_of(const struct option_row *o, enum command id)
{
    return o->command == id || o->command == COMMAND_COUNT;
}

/* How many of the words before the last one name this command; 0: they do not. */
static size_t named(const struct completing *k, const char *name)
{
    struct slice rest = slice_of(name), word;
    size_t n = 0;
    while (slice_split(&rest, ' ', &word)) {
        if (n + 1 >= k->n || !slice_is(word, slice_of(k->words[n])))
            return 0;
        n++;
    }
    return n;
}

static enum command find_command(const struct completing *k, size_t *ret_n)
{
    const struct alias_row *a;
    enum command found = COMMAND_COUNT;
    size_t n, best = 0;
    for (enum command id = 0; id < COMMAND_COUNT; id++) {
        if ((n = named(k, cli_command(id)->name)) > best) {
            best = n;
            found = id;
        }
    }
    for (size_t i = 0; !best && (a = cli_alias(i)); i++) {
        if ((best = named(k, a->name)))
            found = a->command;
    }
    *ret_n = best;
    return found;
}

/* The second words behind a first one; false: there are none. */
static bool offer_seconds(struct completing *k)
{
    bool any = false;
    for (enum command id = 0; id < COMMAND_COUNT && k->n == 2; id++) {
        struct slice rest = slice_of(cli_command(id)->name), first;
        (void)slice_split(&rest, ' ', &first);
        if (!rest.len || !slice_is(first, slice_of(k->words[0])))
            continue;
        any = true;
        offer(k, rest, cli_command(id)->help);
    }
    return any;
}

/* The option that takes its value from the next word; NULL: this one is none such. */
static const struct option_row *wants_value(enum command id, const char *word)
{
    const struct option_row *o;
    size_t last = strlen(word) - 1;
    for (size_t i = 0; word[0] == '-' && word[1] && (o = cli_option(i)); i++) {
        bool named =
            word[1] == '-' ? !strcmp(word + 2, o->name) : o->letter && word[last] == o->letter;
        if (named && is_of(o, id) && o->kind != OPTION_FLAG)
            return o;
    }
    return NULL;
}

static void offer_options(struct completing *k, enum command id)
{
    const struct option_row *o;
    for (size_t i = 0; (o = cli_option(i)); i++) {
        char word[64];
        snprintf(word, sizeof word, "--%s", o->name);
        if (is_of(o, id))
            offer(k, slice_of(word), o->help);
    }
}

/* --option=VALUE in one word */
static bool offer_joined(struct completing *k, enum command id)
{
    size_t equals = slice_find(k->cur, '=');
    struct slice name = slice_to(k->cur, equals);
    const struct option_row *o;
    if (equals == k->cur.len || !slice_begins(name, SLICE("--")))
        return false;
    k->before = slice_to(k->cur, equals + 1);
    k->cur = slice_from(k->cur, equals + 1);
    for (size_t i = 0; (o = cli_option(i)); i++) {
        if (is_of(o, id) && slice_is(slice_from(name, 2), slice_of(o->name)))
            offer_kind(k, slice_of(o->value));
    }
    return true;
}

/* How many arguments stand before the last word; *ret_option: whose value the last word is. */
static size_t count_arguments(const struct completing *k, enum command id, size_t from,
                              const struct option_row **ret_option, bool *ret_only)
{
    size_t n = 0;
    for (size_t i = from; i + 1 < k->n; i++) {
        if (*ret_option) {
            *ret_option = NULL; /* its value */
        } else if (!*ret_only && !strcmp(k->words[i], "--")) {
            *ret_only = true;
        } else if (!*ret_only && k->words[i][0] == '-') {
            *ret_option = wants_value(id, k->words[i]);
        } else {
            n++;
        }
    }
    return n;
}

static void offer_argument(struct completing *k, enum command id, size_t n)
{
    struct slice rest = slice_of(cli_command(id)->arguments), kind = {0};
    bool more = n < cli_command(id)->most_arguments;
    for (size_t i = 0; more && i <= n; i++) {
        if (!slice_split(&rest, ' ', &kind)) {
            more = slice_ends(kind, SLICE("..."));
            break;
        }
    }
    if (more)
        offer_kind(k, kind);
}

static void complete(struct completing *k)
{
    const struct option_row *option = NULL;
    size_t from;
    bool only = false;
    if (!k->n)
        return;
    k->cur = slice_of(k->words[k->n - 1]);
    enum command id = find_command(k, &from);
    if (k->n == 1) {
        offer_commands(k);
        return;
    }
    bool dash = slice_begins(k->cur, SLICE("-"));
    bool group = !dash && offer_seconds(k);
    if (id == COMMAND_COUNT || group)
        return;
    size_t n = count_arguments(k, id, from, &option, &only);
    if (option)
        offer_kind(k, slice_of(option->value));
    else if (!only && dash && !offer_joined(k, id))
        offer_options(k, id);
    else if (only || !dash)
        offer_argument(k, id, n);
    /* where no word can stand, what can */
    if (!option && !only && !dash && n >= cli_command(id)->most_arguments)
        offer_options(k, id);
}

void completion_write(struct cli *c, const char *const *words, size_t n, struct text *out)
{
    complete(&(struct completing){.c = c, .words = words, .n = n, .out = out});
}

int completion_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    const struct {
        const char *shell;
        struct slice script;
    } scripts[] = {
        {"bash", {(const char *)completion_bash, completion_bash_size}},
        {"zsh", {(const char *)completion_zsh, completion_zsh_size}},
        {"fish", {(const char *)completion_fish, completion_fish_size}},
    };
    if (words->n && !strcmp(words->items[0], "words")) {
        completion_write(c, words->items + 1, words->n - 1, &c->out);
        return CLI_OK;
    }
    for (size_t i = 0; words->n == 1 && i < COUNT(scripts); i++) {
        if (!strcmp(words->items[0], scripts[i].shell)) {
            text_add(&c->out, scripts[i].script);
            return CLI_OK;
        }
    }
    struct why why;
    why_set(&why, ERR_BAD_REQUEST, "for which shell? bash, zsh or fish");
    return cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth help completion` says how it is used.");
}
