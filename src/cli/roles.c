/* roles: `hearth roles list|set|clear`: what answers when a role is asked. */
#include "cli/inner.h"

/* Names with commas between them; none: `none`. In the arena of the command. */
static const char *join(struct cli *c, const struct config_list *list, const char *none)
{
    struct text t = {0};
    for (size_t i = 0; i < list->n; i++) {
        text_add(&t, i ? SLICE(", ") : SLICE(""));
        text_add(&t, list->items[i]);
    }
    const char *s = arena_cstr(&c->arena, list->n ? text_slice(&t) : slice_of(none));
    text_fini(&t);
    return s ? s : "";
}

static const char *where(struct cli *c, const struct config *config, const char *path)
{
    struct config_origin o;
    if (!config_find_origin(config, path, &o))
        return "";
    const char *s = arena_format(&c->arena, o.line ? "%s:%u" : "%s", o.name, o.line).ptr;
    return s ? s : "";
}

static const char *ports_of(struct cli *c, const struct config *config, const char *role)
{
    struct text t = {0};
    for (size_t i = 0; i < config->ports_n; i++) {
        const struct config_port *p = &config->ports[i];
        bool v6 = strchr(p->address.host, ':') != NULL;
        if (strcmp(p->role, role) == 0)
            text_format(&t, v6 ? "%s[%s]:%u" : "%s%s:%u", t.len ? ", " : "", p->address.host,
                        p->address.port);
    }
    const char *s = arena_cstr(&c->arena, t.len ? text_slice(&t) : SLICE(""));
    text_fini(&t);
    return s ? s : "";
}

static const char *path_of(struct cli *c, const char *role)
{
    const char *path = arena_format(&c->arena, "roles.%s", role).ptr;
    return path ? path : "";
}

static void print_roles(struct cli *c, const struct config *config)
{
    enum { COLUMNS = 4 };
    size_t rows = config->roles_n + 1;
    const char **cells = arena_array(&c->arena, const char *, COLUMNS *rows);
    if (!cells) {
        c->out.failed = true;
        return;
    }
    static const char *const titles[COLUMNS] = {"role", "models", "listens at", "set in"};
    memcpy(cells, titles, sizeof titles);
    for (size_t i = 0; i < config->roles_n; i++) {
        const struct config_role *r = &config->roles[i];
        const char **row = &cells[(i + 1) * COLUMNS];
        row[0] = r->name;
        row[1] = join(c, &r->models, "(nothing)");
        row[2] = ports_of(c, config, r->name);
        row[3] = cli_short(c, where(c, config, path_of(c, r->name)));
    }
    cli_table(&c->out, cells, COLUMNS, rows);
    text_add(&c->out, SLICE("Bind one with `hearth roles set ROLE MODEL`.\n"));
}

static void put_roles(struct cli *c, const struct config *config)
{
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_key(&w, "roles");
    json_open_array(&w);
    for (size_t i = 0; i < config->roles_n; i++) {
        const struct config_role *r = &config->roles[i];
        json_open_object(&w);
        json_put_pair(&w, "name", slice_of(r->name));
        json_key(&w, "models");
        json_open_array(&w);
        for (size_t k = 0; k < r->models.n; k++)
            json_put_text(&w, r->models.items[k]);
        json_close_array(&w);
        json_put_pair(&w, "listen", slice_of(ports_of(c, config, r->name)));
        json_put_pair(&w, "set_in", slice_of(where(c, config, path_of(c, r->name))));
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

int roles_list_run(struct cli *c)
{
    struct config *config = NULL;
    int code = CLI_OK;
    if (!change_load(c, &config, &code))
        return code;
    if (c->options.json)
        put_roles(c, config);
    else
        print_roles(c, config);
    config_free(config);
    return code;
}

int roles_run(struct cli *c)
{
    return roles_list_run(c);
}

/* ---- set, clear ----------------------------------------------------------------------------- */

int roles_set_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct slice models[MOST_WORDS];
    struct change ch;
    struct why why = {0};
    struct config_list list = {models, words->n ? words->n - 1 : 0};
    int code = CLI_OK;
    if (words->n < 2) {
        why_set(&why, ERR_BAD_REQUEST, "%s",
                words->n ? "which models? name them, the best first" : "which role, which models?");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "As in `hearth roles set code qwen2.5-coder`.");
    }
    for (size_t i = 1; i < words->n; i++)
        models[i - 1] = slice_of(words->items[i]);
    const char *role = words->items[0];
    if (!change_open(c, "roles", role, &ch, &code))
        return code;
    if (!change_is_elsewhere(&ch, path_of(c, role), &code)) {
        enum err e = confd_set(ch.file, "", list.items, list.n, true);
        struct slice done =
            arena_format(&c->arena, "The role %s is bound to %s.", role, join(c, &list, ""));
        code = e ? cli_fail(c, e, NULL, NULL) : change_finish(&ch, done.ptr ? done.ptr : "");
    }
    change_close(&ch);
    return code;
}

int roles_clear_run(struct cli *c)
{
    struct change ch;
    struct why why = {0};
    int code = CLI_OK;
    if (!c->options.arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "which role?");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth roles` shows them.");
    }
    const char *role = c->options.arguments.items[0];
    if (!change_open(c, "roles", role, &ch, &code))
        return code;
    if (!confd_is_there(ch.file)) {
        if (!change_is_elsewhere(&ch, path_of(c, role), &code)) {
            why_set(&why, ERR_NOT_FOUND, "the role %.64s is bound to nothing", role);
            code = cli_fail(c, ERR_NOT_FOUND, &why, "`hearth roles` shows what is bound.");
        }
    } else {
        confd_unset_all(ch.file);
        struct slice done = arena_format(&c->arena, "The role %s is bound to nothing now.", role);
        code = change_finish(&ch, done.ptr ? done.ptr : "");
    }
    change_close(&ch);
    return code;
}
