/* role: roles and the ports that ask them. */
#include "config/inner.h"

static const char *const built_in[] = {"code", "chat", "raw", "embed"};

static bool is_built_in(const char *name)
{
    for (size_t i = 0; i < COUNT(built_in); i++) {
        if (strcmp(built_in[i], name) == 0)
            return true;
    }
    return false;
}

/* Those that are always there first; nobody need have said a word of them. */
static void give_roles(struct loader *l)
{
    struct config *c = &l->whole->config;
    const struct entries *entries = &l->whole->entries[ROLES];
    struct config_role *all =
        arena_array(l->arena, struct config_role, COUNT(built_in) + entries->n);
    if (!all) {
        l->failed = true;
        return;
    }
    for (size_t i = 0; i < COUNT(built_in); i++) {
        const struct entry *e = config_find_entry(l->whole, ROLES, slice_of(built_in[i]));
        all[c->roles_n++] =
            e ? *(const struct config_role *)e->values : (struct config_role){.name = built_in[i]};
    }
    for (size_t i = 0; i < entries->n; i++) {
        if (!is_built_in(entries->list[i]->name))
            all[c->roles_n++] = *(const struct config_role *)entries->list[i]->values;
    }
    c->roles = all;
}

/* ---- ports ---------------------------------------------------------------------------------- */

static void check_role(struct loader *l, const struct entry *e)
{
    if (is_built_in(e->name) || config_find_entry(l->whole, ROLES, slice_of(e->name)))
        return;
    config_say_format(
        l, CONFIG_ERROR, e->source,
        &(struct config_problem){.line = e->line, .key = config_entry_key(l, e, NULL)},
        "there is no role %s; name its models under roles, or use code, chat, raw "
        "or embed",
        e->name);
}

#define MOST_LISTENERS 32u /* those of `listen` with those of roles; most are two sockets each */

/* What else listens there already; NULL: nothing. */
static const char *who_listens(struct loader *l, const struct config_port *all, const char *role,
                               const struct config_address *at)
{
    const struct config *c = &l->whole->config;
    struct config_address other;
    for (size_t i = 0; i < c->listen.n; i++) {
        if (config_listen_address(l->arena, c->listen.items[i], &other) &&
            config_same_listener(&other, at))
            return "listen";
    }
    for (size_t i = 0; i < c->ports_n; i++) {
        if (config_same_listener(&all[i].address, at) && strcmp(all[i].role, role) != 0)
            return all[i].role;
    }
    return NULL;
}

static void add_port(struct loader *l, const struct entry *e, struct slice item,
                     struct config_port *all)
{
    struct config *c = &l->whole->config;
    struct config_port port = {.role = e->name};
    const struct config_problem place = {.line = e->set[0]->line,
                                         .key = config_entry_key(l, e, NULL)};
    if (!config_listen_address(l->arena, item, &port.address)) {
        l->failed = true; /* it was looked at before */
        return;
    }
    const char *who = who_listens(l, all, e->name, &port.address);
    if (who)
        config_say_format(l, CONFIG_ERROR, e->set[0]->source, &place,
                          "%.*s is taken by %s%s already; use another port", SLICE_ARG(item),
                          strcmp(who, "listen") ? "ports." : "", who);
    else if (c->listen.n + c->ports_n == MOST_LISTENERS)
        config_say_format(l, CONFIG_ERROR, e->set[0]->source, &place,
                          "more than %u addresses, with those of listen", MOST_LISTENERS);
    else
        all[c->ports_n++] = port;
}

static void give_ports(struct loader *l, size_t n)
{
    const struct entries *entries = &l->whole->entries[PORTS];
    struct config_port *all = arena_array(l->arena, struct config_port, max_size(n, 1));
    l->failed |= !all;
    for (size_t i = 0; i < entries->n; i++) {
        const struct port *p = entries->list[i]->values;
        for (size_t k = 0; k < p->listen.n && !l->failed; k++)
            add_port(l, entries->list[i], p->listen.items[k], all);
    }
    l->whole->config.ports = all;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void take_all(struct loader *l, struct entries *entries)
{
    config_sort_entries(entries);
    for (size_t i = 0; i < entries->n && !l->failed; i++) {
        config_take_fields(l, entries->list[i]);
        config_check_unset(l, entries->list[i]);
    }
}

void config_resolve_roles(struct loader *l)
{
    struct entries *roles = &l->whole->entries[ROLES], *ports = &l->whole->entries[PORTS];
    size_t listeners = 0;
    take_all(l, roles);
    take_all(l, ports);
    for (size_t i = 0; i < roles->n; i++)
        ((struct config_role *)roles->list[i]->values)->name = roles->list[i]->name;
    for (size_t i = 0; i < ports->n && !l->failed; i++) {
        check_role(l, ports->list[i]);
        listeners += ((const struct port *)ports->list[i]->values)->listen.n;
    }
    if (!l->failed)
        give_roles(l);
    if (!l->failed)
        give_ports(l, listeners);
}
