/* talk_choose: which model is asked when none was named, and whether a name means anything. The
 * daemon says what models there are; what is a role and an alias is read from the configuration,
 * as `hearth roles` does. */
#include "cli/talk.h"

#define ASK_MS 10000u
#define LISTED 10u

/* ---- what there is -------------------------------------------------------------------------- */

static bool fetch(struct cli *c, const char *target, struct answer *a, struct json_doc *doc,
                  int *ret_code)
{
    const struct question q = {.method = METHOD_GET, .target = target, .timeout_ms = ASK_MS};
    return requests_ask(c, &q, a, doc, ret_code);
}

bool talk_models(struct cli *c, struct words *ret_names, size_t *ret_n, int *ret_code)
{
    struct answer a = {0};
    struct json_doc doc;
    bool good = fetch(c, "/v1/models", &a, &doc, ret_code);
    if (good) {
        const struct json_value *data = json_get(doc.root, "data");
        ret_names->n = 0;
        *ret_n = json_count(data);
        for (struct json_iter i = json_begin(data); json_next(&i) && ret_names->n < MOST_WORDS;) {
            const char *name = arena_cstr(&c->arena, json_text(json_get(i.value, "id")));
            if (name)
                ret_names->items[ret_names->n++] = name;
        }
        json_done(&doc);
    }
    answer_fini(&a);
    return good;
}

static bool is_plain(struct slice name, const char *of)
{
    struct slice tag = SLICE(":latest"), other = slice_of(of);
    if (slice_ends(name, tag))
        name.len -= tag.len;
    if (slice_ends(other, tag))
        other.len -= tag.len;
    return slice_is(name, other);
}

/* ---- none was named ------------------------------------------------------------------------- */

static bool chat_is_bound(struct cli *c)
{
    struct config *config = cli_config(c);
    bool bound = false;
    for (size_t i = 0; config && i < config->roles_n; i++)
        bound |= strcmp(config->roles[i].name, "chat") == 0 && config->roles[i].models.n;
    config_free(config);
    return bound;
}

static const char *named(const struct words *names, struct slice name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (name.len && is_plain(name, names->items[i]))
            return names->items[i];
    }
    return NULL;
}

/* The model of the last answer in the ledger that is still there; NULL: none. */
static const char *last_used(struct cli *c, const struct words *names)
{
    struct answer a = {0};
    struct json_doc doc;
    const struct question q = {.method = METHOD_GET,
                               .target = "/hearth/v1/requests?most=100&outcome=OK",
                               .timeout_ms = ASK_MS};
    const char *found = NULL;
    bool read = !cli_ask(c, &q, &a, NULL) && a.status == 200 &&
                !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL);
    if (read) {
        struct json_iter i = json_begin(json_get(doc.root, "requests"));
        while (!found && json_next(&i))
            found = named(names, json_text(json_get(i.value, "served")));
        json_done(&doc);
    }
    answer_fini(&a);
    return found;
}

static int which(struct cli *c, const struct words *names, size_t n)
{
    struct why why = {0};
    struct text list = {0};
    why_set(&why, ERR_BAD_REQUEST, "which model? there are %zu", n);
    for (size_t i = 0; i < min_size(names->n, LISTED); i++) {
        text_add(&list, i ? SLICE(", ") : SLICE("There are "));
        text_visible(&list, slice_of(names->items[i]));
    }
    if (n > LISTED)
        text_format(&list, " and %zu more", n - LISTED);
    text_add(&list, SLICE(".\nName one with --model, or let the role `chat` mean one: "
                          "`hearth roles set chat NAME`."));
    int code = cli_fail(c, ERR_BAD_REQUEST, &why, text_cstr(&list));
    text_fini(&list);
    return code;
}

static size_t drop_guide(struct words *names)
{
    size_t kept = 0, all = names->n;
    for (size_t i = 0; i < all; i++) {
        if (strcmp(names->items[i], LIBRARY_GUIDE_NAME) != 0)
            names->items[kept++] = names->items[i];
    }
    names->n = kept;
    return all - kept;
}

bool talk_choose(struct cli *c, const char **ret_model, int *ret_code)
{
    const char *role = c->options.talk.role;
    struct words names;
    struct why why = {0};
    size_t n;
    if (role && c->options.model) {
        why_set(&why, ERR_BAD_REQUEST, "--model and --role are two names for one thing");
        *ret_code = cli_fail(c, ERR_BAD_REQUEST, &why, "Give one of them.");
        return false;
    }
    if (role || (!c->options.model && chat_is_bound(c))) {
        *ret_model = arena_format(&c->arena, "role/%s", role ? role : "chat").ptr;
        return *ret_model != NULL;
    }
    if (c->options.model) {
        *ret_model = c->options.model;
        return true;
    }
    if (!talk_models(c, &names, &n, ret_code))
        return false;
    n -= drop_guide(&names); /* it answers where there is nothing else, and by its name */
    const char *model = n == 0 ? "" : n == 1 && names.n ? names.items[0] : last_used(c, &names);
    if (model)
        *ret_model = model;
    else
        *ret_code = which(c, &names, n);
    return model != NULL;
}

/* ---- one was -------------------------------------------------------------------------------- */

/* The model that the configuration means by a name, "" for a role's; NULL: nothing. */
static const char *configured(struct cli *c, struct slice name)
{
    struct config *config = cli_config(c);
    const char *kept = arena_cstr(&c->arena, name), *found = NULL;
    for (size_t i = 0; config && i < config->roles_n; i++)
        found = is_plain(name, config->roles[i].name) ? "" : found;
    for (size_t i = 0; config && kept && i < config->aliases_n; i++) {
        if (is_plain(config->aliases[i].alias, kept))
            found = arena_cstr(&c->arena, config->aliases[i].model);
    }
    for (size_t i = 0; config && i < config->models_n; i++) {
        if (is_plain(name, config->models[i].name))
            found = arena_cstr(&c->arena, slice_of(config->models[i].name));
    }
    config_free(config);
    return found;
}

/* Another program fetched it since the daemon looked. What comes of that shows when it is asked. */
static void look_again(struct cli *c)
{
    struct answer a = {0};
    (void)!reload_ask(c, &a, NULL);
    answer_fini(&a);
}

static struct slice without_force(struct slice name)
{
    static const struct slice words[] = {{"model/", 6}, {"role/", 5}};
    for (size_t i = 0; i < COUNT(words); i++) {
        if (slice_begins(name, words[i]))
            return slice_from(name, words[i].len);
    }
    return name;
}

/* The shortest question there is: for the daemon's words about a name that it does not know. */
static int probe(struct cli *c, const char *name)
{
    struct talk t = {.c = c, .model = name, .most_tokens = 1, .quiet = true};
    struct reply r = {0};
    int code = CLI_FAILED;
    if (talk_add(&t, USER, SLICE("."))) {
        code = talk_ask(&t, &r);
        reply_fini(&r);
    }
    talk_fini(&t);
    return code;
}

/* *ret_known: the name means something. False: there is no daemon to ask. */
static bool look(struct cli *c, const char *name, bool *ret_known, int *ret_code)
{
    struct words names;
    size_t n;
    struct slice bare = without_force(slice_of(name));
    if (!talk_models(c, &names, &n, ret_code))
        return false;
    *ret_known = n > names.n || named(&names, bare);
    if (*ret_known)
        return true;
    const char *means = configured(c, bare);
    if (means && means[0] && !named(&names, slice_of(means)))
        look_again(c);
    *ret_known = means != NULL;
    return true;
}

bool talk_look(struct cli *c, const char *name, int *ret_code)
{
    bool known;
    return look(c, name, &known, ret_code);
}

bool talk_knows(struct cli *c, const char *name, int *ret_code)
{
    bool known = false;
    if (!look(c, name, &known, ret_code))
        return false;
    if (known)
        return true;
    *ret_code = probe(c, name);
    return *ret_code == CLI_OK;
}
