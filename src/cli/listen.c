/* listen: `hearth listen`: where hearth is asked, and where a role is. */
#include "cli/inner.h"

#include <stdio.h>

struct place { /* `listen` itself, or a role's */
    const char *section, *name;
    struct slice addresses[MOST_WORDS]; /* as they are set now, and then as they are to be */
    size_t n;
};

static int usage(struct cli *c, const char *words)
{
    struct why why = {0};
    why_set(&why, ERR_BAD_REQUEST, "%s", words);
    return cli_fail(c, ERR_BAD_REQUEST, &why,
                    "As in `hearth listen 192.168.1.5:8420` or `hearth listen role:code 8081`.");
}

/* A port alone is one of this machine's own. */
static struct slice address_of(struct cli *c, const char *word)
{
    uint64_t port;
    if (slice_u64(slice_of(word), &port))
        return arena_format(&c->arena, "127.0.0.1:%s", word);
    return slice_of(word);
}

static struct slice address_words(struct cli *c, const struct config_address *a)
{
    return arena_format(&c->arena, strchr(a->host, ':') ? "[%s]:%u" : "%s:%u", a->host, a->port);
}

/* What holds now; a broken configuration has nothing. */
static void fill(struct cli *c, const struct config *config, struct place *p)
{
    if (!config)
        return;
    for (size_t i = 0; !p->section[0] && i < config->listen.n && p->n < MOST_WORDS; i++)
        p->addresses[p->n++] = config->listen.items[i];
    for (size_t i = 0; p->section[0] && i < config->ports_n && p->n < MOST_WORDS; i++) {
        if (strcmp(config->ports[i].role, p->name) == 0)
            p->addresses[p->n++] = address_words(c, &config->ports[i].address);
    }
}

static struct place place_of(const char *word)
{
    struct slice prefix = SLICE("role:");
    return slice_begins(slice_of(word), prefix) ? (struct place){"ports", word + prefix.len, .n = 0}
                                                : (struct place){"", "listen", .n = 0};
}

static const char *path_of(struct cli *c, const struct place *p)
{
    const char *path =
        arena_format(&c->arena, "%s%s%s", p->section, p->section[0] ? "." : "", p->name).ptr;
    return path ? path : "";
}

static size_t find(const struct place *p, struct slice address)
{
    size_t i = 0;
    while (i < p->n && !slice_is(p->addresses[i], address))
        i++;
    return i;
}

static int write_place(struct change *ch, const struct place *p, const char *done)
{
    enum err e = OK;
    if (p->n)
        e = confd_set(ch->file, "", p->addresses, p->n, true);
    else
        confd_unset_all(ch->file);
    return e ? cli_fail(ch->cli, e, NULL, NULL) : change_finish(ch, done);
}

/* ---- list ----------------------------------------------------------------------------------- */

struct row {
    const char *address, *asks, *set_in;
};

static const char *set_in(struct cli *c, const struct config *config, const char *path)
{
    struct config_origin o;
    if (!config_find_origin(config, path, &o))
        return "default";
    const char *s = arena_format(&c->arena, o.line ? "%s:%u" : "%s", o.name, o.line).ptr;
    return s ? s : "";
}

static struct row row_of(struct cli *c, const struct config *config, size_t i)
{
    if (i < config->listen.n)
        return (struct row){config->listen.items[i].ptr, "any model", set_in(c, config, "listen")};
    const struct config_port *p = &config->ports[i - config->listen.n];
    const char *address = address_words(c, &p->address).ptr;
    const char *asks = arena_format(&c->arena, "role %s", p->role).ptr;
    const char *path = arena_format(&c->arena, "ports.%s", p->role).ptr;
    return (struct row){address ? address : "", asks ? asks : "",
                        set_in(c, config, path ? path : "")};
}

static void put_rows(struct cli *c, const struct config *config)
{
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_key(&w, "listen");
    json_open_array(&w);
    for (size_t i = 0; i < config->listen.n + config->ports_n; i++) {
        struct row r = row_of(c, config, i);
        json_open_object(&w);
        json_put_pair(&w, "address", slice_of(r.address));
        json_key(&w, "role");
        if (i < config->listen.n)
            json_put_null(&w);
        else
            json_put_text(&w, slice_of(config->ports[i - config->listen.n].role));
        json_put_pair(&w, "set_in", slice_of(r.set_in));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

static void print_rows(struct cli *c, const struct config *config)
{
    size_t n = config->listen.n + config->ports_n;
    const char **cells = arena_array(&c->arena, const char *, 3 * (n + 1));
    if (!cells) {
        c->out.failed = true;
        return;
    }
    cells[0] = "address";
    cells[1] = "asks";
    cells[2] = "set in";
    for (size_t i = 0; i < n; i++) {
        struct row r = row_of(c, config, i);
        memcpy(&cells[3 * (i + 1)], (const char *[]){r.address, r.asks, cli_short(c, r.set_in)},
               3 * sizeof cells[0]);
    }
    cli_table(&c->out, cells, 3, n + 1);
}

int listen_list_run(struct cli *c)
{
    struct config *config = NULL;
    int code = CLI_OK;
    if (!change_load(c, &config, &code))
        return code;
    if (c->options.json)
        put_rows(c, config);
    else
        print_rows(c, config);
    config_free(config);
    return code;
}

/* ---- more, less ----------------------------------------------------------------------------- */

static int add(struct cli *c, struct change *ch, struct place *p, size_t from)
{
    const struct words *words = &c->options.arguments;
    struct text done = {0};
    fill(c, ch->config, p);
    text_add(&done, SLICE("hearth is to listen at "));
    for (size_t i = from; i < words->n; i++) {
        struct slice address = address_of(c, words->items[i]);
        text_add(&done, i > from ? SLICE(", ") : SLICE(""));
        text_add(&done, address);
        if (find(p, address) == p->n && p->n < MOST_WORDS)
            p->addresses[p->n++] = address;
    }
    if (p->section[0])
        text_format(&done, " for the role %s", p->name);
    text_byte(&done, '.');
    int code = write_place(ch, p, text_cstr(&done));
    text_fini(&done);
    return code;
}

int listen_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct change ch;
    int code = CLI_OK;
    if (!words->n)
        return listen_list_run(c);
    struct place p = place_of(words->items[0]);
    size_t from = p.section[0] ? 1 : 0;
    if (words->n == from)
        return usage(c, "at which address or port?");
    if (!change_open(c, p.section, p.name, &ch, &code))
        return code;
    if (!change_is_elsewhere(&ch, path_of(c, &p), &code))
        code = add(c, &ch, &p, from);
    change_close(&ch);
    return code;
}

/* All of a role's, or those that are named. */
static bool take_away(struct cli *c, struct place *p, size_t from, struct why *why)
{
    const struct words *words = &c->options.arguments;
    if (words->n == from) {
        p->n = 0;
        return true;
    }
    for (size_t i = from; i < words->n; i++) {
        size_t at = find(p, address_of(c, words->items[i]));
        if (at == p->n) {
            why_set(why, ERR_NOT_FOUND, "%.100s is none of its addresses", words->items[i]);
            return false;
        }
        memmove(&p->addresses[at], &p->addresses[at + 1], (--p->n - at) * sizeof p->addresses[0]);
    }
    return true;
}

static int take_from(struct cli *c, struct change *ch, struct place *p, size_t from)
{
    struct why why = {0};
    fill(c, ch->config, p);
    bool had = p->n > 0;
    if (!take_away(c, p, from, &why) || !had) {
        if (!had)
            why_set(&why, ERR_NOT_FOUND, "nothing listens for the role %.64s", p->name);
        return cli_fail(c, ERR_NOT_FOUND, &why, "`hearth listen list` shows them.");
    }
    if (!p->n && !p->section[0])
        return usage(c, "then hearth would listen nowhere; name another address first");
    return write_place(ch, p, "hearth is to listen there no longer.");
}

int listen_rm_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct change ch;
    int code = CLI_OK;
    if (!words->n)
        return usage(c, "which address, or which role's?");
    struct place p = place_of(words->items[0]);
    if (!change_open(c, p.section, p.name, &ch, &code))
        return code;
    if (!change_is_elsewhere(&ch, path_of(c, &p), &code))
        code = take_from(c, &ch, &p, p.section[0] ? 1 : 0);
    change_close(&ch);
    return code;
}
