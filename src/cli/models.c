/* models: `hearth models list|show`: what there is, and how it is set. */
#include "cli/inner.h"

/* ---- list ----------------------------------------------------------------------------------- */

static struct config_origin origin_of(struct cli *c, struct config *config, const char *name)
{
    struct config_origin o = {"", 0, false};
    const char *path = arena_format(&c->arena, "models.%s.file", name).ptr;
    if (path && !config_find_origin(config, path, &o))
        o = (struct config_origin){"", 0, false};
    return o;
}

#define ALIASES_SHOWN 2u

static const char *kept(struct cli *c, struct text *t)
{
    const char *s = t->failed ? NULL : arena_cstr(&c->arena, t->len ? text_slice(t) : SLICE(""));
    c->out.failed |= !s;
    text_fini(t);
    return s ? s : "";
}

static const char *aliases_of(struct cli *c, const struct config_list *list)
{
    struct text t = {0};
    size_t shown = list->n > ALIASES_SHOWN + 1 ? ALIASES_SHOWN : list->n;
    for (size_t i = 0; i < shown; i++) {
        text_add(&t, i ? SLICE(", ") : SLICE(""));
        text_add(&t, list->items[i]);
    }
    if (shown < list->n)
        text_format(&t, " and %zu more", list->n - shown);
    return kept(c, &t);
}

static const char *size_of(struct cli *c, struct config *config, const struct config_model *m)
{
    struct text t = {0};
    uint64_t bytes;
    if (stores_bytes(config_library(config), m, &bytes))
        stores_size(&t, bytes);
    else
        text_add(&t, SLICE("missing"));
    return kept(c, &t);
}

enum { COLUMNS = 5 };

static void fill_model(struct cli *c, struct config *config, const struct config_model *m,
                       const char **row)
{
    struct config_origin o = origin_of(c, config, m->name);
    const char *where = arena_format(&c->arena, o.line ? "%s:%u" : "%s", o.name, o.line).ptr;
    row[0] = m->name;
    row[1] = size_of(c, config, m);
    row[2] = aliases_of(c, &m->aliases);
    row[3] = where ? cli_short(c, where) : "";
    row[4] = m->file;
}

static size_t count_of_providers(struct config *config)
{
    size_t n = 0;
    for (size_t i = 0; i < config->providers_n; i++)
        n += config->providers[i].models.n;
    return n;
}

static void print_models(struct cli *c, struct config *config)
{
    static const char *const titles[COLUMNS] = {"name", "size", "aliases", "set in", "file"};
    size_t rows = 1, most = config->models_n + count_of_providers(config) + 1;
    const char **cells = arena_array(&c->arena, const char *, most *COLUMNS);
    if (!cells) {
        c->out.failed = true;
        return;
    }
    memcpy(cells, titles, sizeof titles);
    for (size_t i = 0; i < config->models_n; i++)
        fill_model(c, config, &config->models[i], &cells[rows++ * COLUMNS]);
    for (size_t i = 0; i < config->providers_n; i++) {
        const struct config_provider *p = &config->providers[i];
        const char *words =
            arena_format(&c->arena, p->on ? "provider %s" : "provider %s, off", p->name).ptr;
        for (size_t k = 0; k < p->models.n; k++) {
            const char *row[COLUMNS] = {p->models.items[k].ptr, "", "", words ? words : "", ""};
            memcpy(&cells[rows++ * COLUMNS], row, sizeof row);
        }
    }
    if (rows == 1)
        text_add(&c->out, SLICE("There are no models. Add one with `hearth models add FILE`,\n"
                                "or name a provider in hearth.yaml.\n"));
    else
        cli_table(&c->out, cells, COLUMNS, rows);
    struct text found = {0};
    (void)stores_print(config_library(config), &found);
    if (found.len) {
        text_byte(&c->out, '\n');
        text_add(&c->out, text_slice(&found));
    }
    c->out.failed |= found.failed;
    text_fini(&found);
}

static void put_model(struct cli *c, struct json_writer *w, struct config *config,
                      const struct config_model *m)
{
    struct config_origin o = origin_of(c, config, m->name);
    uint64_t bytes;
    bool there = stores_bytes(config_library(config), m, &bytes);
    json_open_object(w);
    json_put_pair(w, "name", slice_of(m->name));
    json_put_pair(w, "file", slice_of(m->file));
    json_key(w, "there");
    json_put_bool(w, there);
    json_key(w, "bytes");
    json_put_u64(w, bytes);
    json_key(w, "aliases");
    json_open_array(w);
    for (size_t i = 0; i < m->aliases.n; i++)
        json_put_text(w, m->aliases.items[i]);
    json_close_array(w);
    json_put_pair(w, "set_in", slice_of(o.name));
    json_key(w, "line");
    json_put_u64(w, o.line);
    stores_put_doubles(config_library(config), m->file, w);
    json_close_object(w);
}

static void put_models(struct cli *c, struct config *config)
{
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_key(&w, "models");
    json_open_array(&w);
    for (size_t i = 0; i < config->models_n; i++)
        put_model(c, &w, config, &config->models[i]);
    json_close_array(&w);
    json_key(&w, "providers");
    json_open_array(&w);
    for (size_t i = 0; i < config->providers_n; i++) {
        const struct config_provider *p = &config->providers[i];
        for (size_t k = 0; k < p->models.n; k++) {
            json_open_object(&w);
            json_put_pair(&w, "name", p->models.items[k]);
            json_put_pair(&w, "provider", slice_of(p->name));
            json_key(&w, "on");
            json_put_bool(&w, p->on);
            json_close_object(&w);
        }
    }
    json_close_array(&w);
    stores_put(config_library(config), &w);
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

int models_list_run(struct cli *c)
{
    struct config *config = NULL;
    int code = CLI_OK;
    if (!change_load(c, &config, &code))
        return code;
    library_compare(config_library(config));
    if (c->options.json)
        put_models(c, config);
    else
        print_models(c, config);
    config_free(config);
    return code;
}

int models_run(struct cli *c)
{
    return models_list_run(c);
}

/* ---- show ----------------------------------------------------------------------------------- */

/* An alias shows its model. */
static const char *entry_of(struct cli *c, struct config *config, const char *name)
{
    for (size_t i = 0; i < config->aliases_n; i++) {
        if (slice_is(config->aliases[i].alias, slice_of(name))) {
            const char *model = arena_cstr(&c->arena, config->aliases[i].model);
            return model ? model : name;
        }
    }
    return name;
}

static bool is_providers(struct config *config, const char *name)
{
    for (size_t i = 0; i < config->providers_n; i++) {
        for (size_t k = 0; k < config->providers[i].models.n; k++) {
            if (slice_is(config->providers[i].models.items[k], slice_of(name)))
                return true;
        }
    }
    return false;
}

static int show(struct cli *c, struct config *config, const char *name)
{
    struct why why = {0};
    struct text line = {0};
    bool found = c->options.json ? config_show_entry_json(config, "models", name, &line)
                                 : config_show_entry(config, "models", name, true, &c->out);
    if (found && c->options.json)
        cli_json(&c->out, text_slice(&line));
    c->out.failed |= line.failed;
    text_fini(&line);
    for (size_t i = 0; found && !c->options.json && i < config->models_n; i++) {
        const struct config_model *m = &config->models[i];
        if (strcmp(m->name, name) == 0)
            text_format(&c->out, "# the file: %s\n", size_of(c, config, m));
    }
    if (found)
        return CLI_OK;
    bool provider = is_providers(config, name);
    why_set(&why, ERR_NOT_FOUND,
            provider ? "nothing is set of %.100s; it is a provider's" : "no model is named %.100s",
            name);
    return cli_fail(c, ERR_NOT_FOUND, &why, "`hearth models` shows what there is.");
}

int models_show_run(struct cli *c)
{
    struct config *config = NULL;
    struct why why = {0};
    int code = CLI_OK;
    if (!c->options.arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "which model?");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth models` shows them.");
    }
    if (!change_load(c, &config, &code))
        return code;
    code = show(c, config, entry_of(c, config, c->options.arguments.items[0]));
    config_free(config);
    return code;
}
