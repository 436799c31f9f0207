/* connecting: what an app has to be told, as the daemon says it: where it is asked, by which name
 * of a model, with which key. */
#include "cli/connecting.h"

#define ASK_MS 10000u
#define MOST_NAMES 99u

static const char *keep(struct cli *c, struct slice s)
{
    const char *kept = arena_cstr(&c->arena, s);
    return kept ? kept : "";
}

/* Asks, and reads the answer's JSON; else the exit code. */
static bool ask(struct cli *c, const struct question *q, struct answer *a, struct json_doc *ret_doc,
                int *ret_code)
{
    struct why why = {0};
    enum err e = cli_ask(c, q, a, &why);
    if (e == ERR_NOT_RUNNING)
        *ret_code = cli_not_running(c);
    else if (e)
        *ret_code = cli_fail(c, e, &why, NULL);
    else if (a->status >= 300)
        *ret_code = cli_refused(c, a);
    else if (json_read(text_slice(&a->body), &json_usual_limits, NULL, ret_doc, &why))
        *ret_code = cli_fail(c, ERR_INTERNAL, &why, NULL);
    else
        return true;
    return false;
}

struct connect_user connecting_user(const struct cli *c)
{
    return (struct connect_user){c->paths.home, c->paths.data, c->environment};
}

void connecting_lines(struct text *out, struct slice lines)
{
    for (struct slice line; lines.len && slice_split(&lines, '\n', &line);) {
        text_visible(out, slice_ends(line, SLICE("\r")) ? slice_to(line, line.len - 1) : line);
        text_byte(out, '\n');
    }
}

int connecting_no_app(struct cli *c, const char *name)
{
    struct text there = {0};
    struct why why = {0};
    const struct connect_app *app;
    for (size_t i = 0; (app = connect_app_at(i)); i++)
        text_format(&there, "%s%s", i ? ", " : "There are ", app->name);
    text_add(&there, SLICE("; any other needs the address and a model's name: `hearth status`."));
    why_set(&why, ERR_NOT_FOUND, "hearth knows no app %.64s", name);
    int code = cli_fail(c, ERR_NOT_FOUND, &why, text_cstr(&there));
    text_fini(&there);
    return code;
}

/* ---- where hearth is ------------------------------------------------------------------------ */

static bool is_loopback(struct slice url)
{
    return slice_begins(url, SLICE("http://127.")) || slice_begins(url, SLICE("http://[::1]"));
}

/* The first that other machines reach; with TLS, or without. */
static struct slice find_outer(const struct json_value *listen, const char *scheme)
{
    for (struct json_iter i = json_begin(listen); json_next(&i);) {
        struct slice url = json_text(i.value);
        if (slice_begins(url, slice_of(scheme)) && !is_loopback(url))
            return url;
    }
    return (struct slice){0};
}

static struct slice find_inner(const struct json_value *listen)
{
    for (struct json_iter i = json_begin(listen); json_next(&i);) {
        if (is_loopback(json_text(i.value)))
            return json_text(i.value);
    }
    return find_outer(listen, "http://");
}

static int no_address(struct cli *c, bool remote)
{
    struct why why = {0};
    why_set(&why, ERR_SYSTEM, "hearth listens %s",
            remote ? "on this machine only" : "at no address that programs here can ask");
    return cli_fail(c, ERR_SYSTEM, &why,
                    remote ? "Open one as `hearth listen 192.168.1.5:8420`, with this machine's "
                             "own address, and restart hearth; docs/network.md says more."
                           : "Add one: `hearth listen 127.0.0.1:8420`, and restart hearth.");
}

static bool take_address(struct job *j, const struct json_value *status, int *ret_code)
{
    struct cli *c = j->cli;
    const struct json_value *listen = json_get(status, "listen"), *tls = json_get(status, "tls");
    struct slice inner = find_inner(listen), outer = find_outer(listen, "http://"), base = inner;
    if (j->terms.from == CONNECT_REMOTE)
        base = find_outer(listen, "https://").len ? find_outer(listen, "https://") : outer;
    else if (j->terms.from == CONNECT_DOCKER && outer.len)
        base = outer; /* else the container has to share this machine's network */
    if (!base.len || !inner.len) {
        *ret_code = no_address(c, j->terms.from == CONNECT_REMOTE && inner.len);
        return false;
    }
    if (slice_begins(base, SLICE("https:")) && json_is_true(json_get(tls, "self_signed")))
        j->terms.certificate = keep(c, json_text(json_get(tls, "certificate")));
    j->ask_url = keep(c, inner);
    j->terms.base_url = arena_format(&c->arena, "%.*s/v1", SLICE_ARG(base)).ptr;
    return j->terms.base_url != NULL;
}

/* Of a daemon that does not run: where it will listen. */
static bool guess_address(struct job *j, const struct config *config, int *ret_code)
{
    for (size_t i = 0; i < config->listen.n && j->terms.from == CONNECT_HERE; i++) {
        const struct config_address *a = &config->listen_addresses[i];
        bool here = a->place == CONFIG_LOCALHOST || (a->place == CONFIG_IP && a->local);
        if (!here || !a->port)
            continue;
        j->terms.base_url =
            arena_format(&j->cli->arena, "http://127.0.0.1:%u/v1", (unsigned)a->port).ptr;
        return j->terms.base_url != NULL;
    }
    *ret_code = j->terms.from == CONNECT_HERE ? no_address(j->cli, false) : cli_not_running(j->cli);
    return false;
}

bool connecting_address(struct job *j, const struct config *config, int *ret_code)
{
    struct cli *c = j->cli;
    struct answer a = {0};
    struct json_doc doc;
    const struct question q = {
        .method = METHOD_GET, .target = "/hearth/v1/status", .timeout_ms = ASK_MS};
    bool may_guess = c->options.dry_run || c->options.connect.force;
    enum err e = cli_ask(c, &q, &a, NULL);
    answer_fini(&a);
    j->running = e != ERR_NOT_RUNNING;
    if (j->app->mcp) { /* it asks over the daemon's own socket, wherever that listens */
        j->terms.base_url = "";
        if (!j->running && !may_guess)
            *ret_code = cli_not_running(c);
        return j->running || may_guess;
    }
    if (!j->running && may_guess)
        return guess_address(j, config, ret_code);
    bool good = ask(c, &q, &a, &doc, ret_code);
    if (good) {
        good = take_address(j, doc.root, ret_code);
        json_done(&doc);
    }
    answer_fini(&a);
    return good;
}

/* ---- which model ---------------------------------------------------------------------------- */

static bool is_bound(const struct config *config, const char *role)
{
    for (size_t i = 0; i < config->roles_n; i++) {
        if (strcmp(config->roles[i].name, role) == 0)
            return config->roles[i].models.n > 0;
    }
    return false;
}

static const char *first_of_config(const struct config *config)
{
    if (config->models_n)
        return config->models[0].name;
    for (size_t i = 0; i < config->providers_n; i++) {
        if (config->providers[i].models.n)
            return config->providers[i].models.items[0].ptr;
    }
    return NULL;
}

static bool first_listed(struct job *j, int *ret_code)
{
    const struct question q = {.method = METHOD_GET, .target = "/v1/models", .timeout_ms = ASK_MS};
    struct answer a = {0};
    struct json_doc doc;
    bool good = ask(j->cli, &q, &a, &doc, ret_code);
    if (good) {
        struct slice id = json_text(json_get(json_at(json_get(doc.root, "data"), 0), "id"));
        j->terms.model = id.len ? keep(j->cli, id) : NULL;
        json_done(&doc);
    }
    answer_fini(&a);
    return good;
}

bool connecting_model(struct job *j, const struct config *config, int *ret_code)
{
    struct why why = {0};
    const char *other = strcmp(j->app->role, "code") == 0 ? "chat" : "code";
    j->terms.model = j->cli->options.model;
    if (!j->terms.model)
        j->terms.model = is_bound(config, j->app->role) ? j->app->role
                         : is_bound(config, other)      ? other
                                                        : NULL;
    if (!j->terms.model && !j->running)
        j->terms.model = first_of_config(config);
    if (!j->terms.model && j->running && !first_listed(j, ret_code))
        return false;
    if (j->terms.model && j->terms.model[0]) {
        j->terms.model = keep(j->cli, slice_of(j->terms.model)); /* it outlives the configuration */
        return true;
    }
    why_set(&why, ERR_NO_MODEL, "there is no model that an app could ask");
    *ret_code = cli_fail(j->cli, ERR_NO_MODEL, &why, "Bring one: `hearth models add FILE.gguf`.");
    return false;
}

/* Not worth a failure: it is only better to know. */
void connecting_context(struct job *j)
{
    const struct question q = {
        .method = METHOD_GET, .target = "/hearth/v1/engines", .timeout_ms = ASK_MS};
    struct answer a = {0};
    struct json_doc doc;
    struct slice model = slice_of(j->answer.model);
    if (!cli_ask(j->cli, &q, &a, NULL) && a.status == 200 &&
        !json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, NULL)) {
        for (struct json_iter i = json_begin(json_get(doc.root, "engines")); json_next(&i);) {
            int64_t n = 0;
            if (slice_is(json_text(json_get(i.value, "model")), model) &&
                json_int(json_get(i.value, "context"), &n) && n > 0)
                j->terms.context = (uint64_t)n;
        }
        json_done(&doc);
    }
    answer_fini(&a);
}

/* ---- keys ----------------------------------------------------------------------------------- */

static bool is_taken(const struct json_value *keys, struct slice name)
{
    for (struct json_iter i = json_begin(keys); json_next(&i);) {
        if (slice_is(json_text(json_get(i.value, "name")), name))
            return true;
    }
    return false;
}

/* After the app, with a number when there is such a key. */
static bool find_name(struct job *j, const char **ret_name, int *ret_code)
{
    const struct question q = {
        .method = METHOD_GET, .target = "/hearth/v1/keys", .timeout_ms = ASK_MS};
    struct answer a = {0};
    struct json_doc doc;
    bool good = ask(j->cli, &q, &a, &doc, ret_code);
    if (good) {
        const char *name = j->app->name;
        for (unsigned n = 2; n <= MOST_NAMES && is_taken(doc.root, slice_of(name)); n++)
            name = keep(j->cli, arena_format(&j->cli->arena, "%s-%u", j->app->name, n));
        *ret_name = name;
        json_done(&doc);
    }
    answer_fini(&a);
    return good;
}

bool connecting_make_key(struct job *j, int *ret_code)
{
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    struct text body = {0};
    const char *name = NULL;
    if (!find_name(j, &name, ret_code))
        return false;
    struct json_writer w = json_writer(&body);
    json_open_object(&w);
    json_put_pair(&w, "name", slice_of(name));
    json_close_object(&w);
    const struct question q = {METHOD_POST, "/hearth/v1/keys", text_slice(&body), ASK_MS};
    bool good = ask(j->cli, &q, &a, &doc, ret_code);
    if (good) {
        j->terms.key = keep(j->cli, json_text(json_get(doc.root, "key")));
        j->key_id = keep(j->cli, json_text(json_get(doc.root, "id")));
        json_done(&doc);
        enum err e = connect_note_key(&j->user, j->app, j->key_id, &why);
        if (e)
            *ret_code = cli_fail(j->cli, e, &why, NULL);
        good = !e;
    }
    answer_fini(&a);
    text_fini(&body);
    return good;
}

bool connecting_revoke(struct cli *c, const char *id, int *ret_code)
{
    struct text target = {0};
    struct answer a = {0};
    struct why why = {0};
    if (!id)
        return true;
    text_format(&target, "/hearth/v1/keys/%s", id);
    const struct question q = {
        .method = METHOD_DELETE, .target = text_cstr(&target), .timeout_ms = ASK_MS};
    enum err e = cli_ask(c, &q, &a, &why);
    bool good = !e && (a.status < 300 || a.status == 404);
    if (e == ERR_NOT_RUNNING)
        *ret_code = cli_not_running(c);
    else if (e)
        *ret_code = cli_fail(c, e, &why, NULL);
    else if (!good)
        *ret_code = cli_refused(c, &a);
    answer_fini(&a);
    text_fini(&target);
    return good;
}

int connecting_take_back(struct job *j, int code)
{
    int ignored = CLI_OK;
    struct why why = {0};
    if (j->key_id && connecting_revoke(j->cli, j->key_id, &ignored) &&
        connect_note_key(&j->user, j->app, NULL, &why))
        ignored = cli_fail(j->cli, ERR_SYSTEM, &why, "");
    j->key_id = NULL;
    return code;
}
