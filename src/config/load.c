/* load: gather, take each row's value, check what rows have to do with one another, report. */
#include "base/mem.h"
#include "config/inner.h"

/* Values that lost are checked too: a mistake in a file is one even while something hides it. */
static void check_hidden(struct loader *l, const struct row *row, const struct setting *s)
{
    const char *variable;
    for (s = s->hides; s; s = s->hides) {
        struct config unused;
        config_take(l, row, row->path, s, &unused, &variable);
    }
}

void config_resolve_options(struct loader *l)
{
    struct config *c = &l->whole->config;
    for (size_t i = 0; i < OPTION_COUNT && !l->failed; i++) {
        const struct row *row = &config_options[i];
        const struct setting *s = l->whole->set[i];
        const char *variable = NULL;
        if (!config_take_standard(l->arena, row, l->sources->paths->home, c))
            l->failed = true;
        if (!s)
            continue;
        if (config_take(l, row, row->path, s, c, &variable) == TAKEN_UNSET && variable)
            config_say_unset(l, CONFIG_ERROR, s, row->path, variable);
        check_hidden(l, row, s);
    }
}

static const struct setting *set_of(const struct loader *l, const char *path)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(config_options[i].path, path) == 0)
            return l->whole->set[i];
    }
    return NULL;
}

static void check_bodies(struct loader *l)
{
    const struct config_limits *limits = &l->whole->config.limits;
    const struct setting *body = set_of(l, "limits.body");
    const struct setting *total = set_of(l, "limits.bodies_total");
    const struct setting *blame = total ? total : body;
    struct text words = {0};
    if (limits->bodies_total_bytes >= limits->body_bytes || l->report->errors)
        return;
    config_size(limits->bodies_total_bytes, &words);
    text_add(&words, SLICE(" is less than one body may have: limits.body is "));
    config_size(limits->body_bytes, &words);
    config_say_words(
        l, CONFIG_ERROR, blame ? blame->source : NULL,
        &(struct config_problem){.line = blame ? blame->line : 0, .key = "limits.bodies_total"},
        &words);
}

static void check_tls(struct loader *l)
{
    const struct config *c = &l->whole->config;
    const char *has = c->tls_certificate ? "tls.certificate" : "tls.key";
    const char *lacks = c->tls_certificate ? "tls.key" : "tls.certificate";
    const struct setting *blame = set_of(l, has);
    struct text words = {0};
    if (l->report->errors || !c->tls_certificate == !c->tls_key)
        return;
    text_format(&words, "stands alone; allowed: both files, so name %s too, or none", lacks);
    config_say_words(l, CONFIG_ERROR, blame ? blame->source : NULL,
                     &(struct config_problem){.line = blame ? blame->line : 0, .key = has}, &words);
}

static void parse_listen(struct loader *l)
{
    struct config *c = &l->whole->config;
    struct config_address *all = arena_array(l->arena, struct config_address, c->listen.n);
    l->failed |= !all;
    for (size_t i = 0; all && i < c->listen.n; i++)
        l->failed |= !config_listen_address(l->arena, c->listen.items[i], &all[i]);
    c->listen_addresses = all;
}

static void parse_trusted(struct loader *l)
{
    struct config *c = &l->whole->config;
    uint32_t *all = arena_array(l->arena, uint32_t, c->trusted_uids.n);
    l->failed |= !all && c->trusted_uids.n;
    for (size_t i = 0; all && i < c->trusted_uids.n; i++) {
        if (!config_user(c->trusted_uids.items[i], &all[i]))
            all[i] = UINT32_MAX; /* gone within the moment: nobody */
    }
    c->trusted = all;
}

/* The model folder's place depends on where everything is, so it is no constant of the table. */
static void place_library(struct loader *l)
{
    if (!set_of(l, "library"))
        l->whole->config.library = arena_cstr(l->arena, slice_of(l->sources->paths->library));
    l->failed |= !l->whole->config.library;
}

enum err config_load_from(const struct config_sources *sources, struct config **ret_config,
                          struct config_report *report, void (*gather)(struct loader *l),
                          void (*found)(struct loader *l))
{
    struct loader l = {.sources = sources, .whole = mem_new(struct whole), .report = report};
    *report = (struct config_report){0};
    if (!l.whole)
        return ERR_NO_MEMORY;
    l.arena = &l.whole->arena;
    l.variables.environment = sources->environment;
    gather(&l);
    if (!l.failed)
        config_resolve_options(&l);
    if (!l.failed)
        config_resolve_providers(&l);
    if (!l.failed)
        place_library(&l);
    if (!l.failed && found)
        found(&l);
    if (!l.failed)
        config_resolve_models(&l);
    if (!l.failed)
        config_resolve_roles(&l);
    if (!l.failed)
        config_check_names(&l);
    if (!l.failed)
        check_bodies(&l);
    if (!l.failed)
        check_tls(&l);
    if (!l.failed && !report->errors) {
        parse_listen(&l);
        parse_trusted(&l);
    }
    l.failed |= !config_report_finish(&l);
    if (l.failed || report->errors) {
        config_free(&l.whole->config);
        return l.failed ? ERR_NO_MEMORY : ERR_CONFIG;
    }
    *ret_config = &l.whole->config;
    return OK;
}

enum err config_load(const struct config_sources *sources, struct config **ret_config,
                     struct config_report *report)
{
    return config_load_from(sources, ret_config, report, config_gather, config_gather_found);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    struct whole *w = owner_of(c, struct whole, config);
    arena_fini(&w->arena);
    mem_free(w);
}
