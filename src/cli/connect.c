/* connect: `hearth connect`: an app is told where hearth is, once a request as it sends them was
 * answered. Alone it lists the apps. */
#include <unistd.h>

#include "cli/connecting.h"

#define MODEL_MS 600000u /* a large model's first answer waits until it is loaded */

/* ---- the list ------------------------------------------------------------------------------- */

static const char *const hows[] = {
    [CONNECT_WRITES] = "written", [CONNECT_SHOWS] = "shown", [CONNECT_NOT_BUILT] = "not built"};

static const char *state_of(struct cli *c, const struct connect_app *app, bool connected)
{
    static const char *const words[] = {
        [CONNECT_WRITES] = "its settings are written",
        [CONNECT_SHOWS] = "what to enter is shown",
    };
    if (app->how != CONNECT_NOT_BUILT)
        return connected ? "connected" : words[app->how];
    const char *state = arena_format(&c->arena, "not yet: needs %s", app->missing).ptr;
    return state ? state : "";
}

static const char *seen_of(struct cli *c, const struct connect_app *app,
                           const struct connect_user *u)
{
    struct text place = {0};
    const char *seen =
        connect_seen(app, u, &place) ? arena_cstr(&c->arena, text_slice(&place)) : "";
    text_fini(&place);
    return seen ? seen : "";
}

static bool is_connected(const struct connect_app *app, const struct connect_user *u,
                         struct connect_record *ret)
{
    return !connect_record_read(u, app, ret, NULL);
}

static void print_list(struct cli *c, const struct connect_user *u)
{
    enum { COLUMNS = 3, MOST = 32 };
    const char *cells[COLUMNS * MOST] = {"app", "here", "state"};
    const struct connect_app *app;
    size_t n = 1;
    for (size_t i = 0; n < MOST && (app = connect_app_at(i)); i++, n++) {
        struct connect_record r = {0};
        cells[n * COLUMNS] = app->name;
        cells[n * COLUMNS + 1] = *seen_of(c, app, u) ? "yes" : "not seen";
        cells[n * COLUMNS + 2] = state_of(c, app, is_connected(app, u, &r));
        connect_record_fini(&r);
    }
    cli_table(&c->out, cells, COLUMNS, n);
    text_add(&c->out,
             SLICE("\nNext: hearth connect APP, or with --print to see what it would do\n"));
}

static void put_list(struct cli *c, const struct connect_user *u)
{
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    const struct connect_app *app;
    json_open_object(&w);
    json_key(&w, "apps");
    json_open_array(&w);
    for (size_t i = 0; (app = connect_app_at(i)); i++) {
        struct connect_record r = {0};
        bool connected = is_connected(app, u, &r);
        json_open_object(&w);
        json_put_pair(&w, "app", slice_of(app->name));
        json_put_pair(&w, "how", slice_of(hows[app->how]));
        json_put_pair(&w, "seen_at", slice_of(seen_of(c, app, u)));
        json_key(&w, "connected");
        json_put_bool(&w, connected);
        json_put_pair(&w, "file", slice_of(r.path));
        json_put_pair(&w, "model", slice_of(r.model));
        json_put_pair(&w, "missing", slice_of(app->missing));
        json_close_object(&w);
        connect_record_fini(&r);
    }
    json_close_array(&w);
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

/* ---- telling -------------------------------------------------------------------------------- */

static void add_row(struct cli *c, const char *title, const char *words)
{
    size_t from = c->out.len;
    text_format(&c->out, "  %s", title);
    cli_pad(&c->out, from, 11);
    text_visible(&c->out, slice_of(words));
    text_byte(&c->out, '\n');
}

/* A file that is new is shown whole, else what is put into it. */
static void print_dry(struct job *j)
{
    struct cli *c = j->cli;
    const struct connect_plan *p = &j->plan;
    if (p->path) {
        text_add(&c->out, p->base.ptr ? SLICE("Would put this into ") : SLICE("Would write "));
        text_visible(&c->out, slice_of(p->path));
        text_add(&c->out, SLICE(":\n\n"));
        if (!p->base.ptr)
            connecting_lines(&c->out, p->after);
        for (size_t i = 0; p->base.ptr && i < p->n; i++)
            connecting_lines(&c->out, p->parts[i]);
        text_byte(&c->out, '\n');
    }
    connecting_lines(&c->out, text_slice(&p->steps));
    if (j->terms.key)
        text_format(&c->out, "\nA key named after %s would be made; hk_... stands for it.\n",
                    j->app->title);
}

static void print_answer(struct job *j)
{
    struct cli *c = j->cli;
    const struct connect_answer *a = &j->answer;
    struct text words = {0};
    if (!j->asked) {
        add_row(c, "answer", "not asked: hearth does not run");
    } else if (a->first_us) {
        text_format(&words, j->app->mcp ? "%s answered after " : "%s spoke after ",
                    a->model[0] ? a->model : j->terms.model);
        requests_us(&words, a->first_us);
        add_row(c, "answer", text_cstr(&words));
    }
    text_fini(&words);
}

static void print_done(struct job *j)
{
    struct cli *c = j->cli;
    const struct connect_plan *p = &j->plan;
    if (j->app->how == CONNECT_WRITES && p->path)
        text_format(&c->out, "%s is connected.\n", j->app->title);
    else
        text_format(&c->out, "For %s:\n", j->app->title);
    if (p->path) {
        const char *kept = p->base.ptr ? " (how it was is kept)" : "";
        const char *file = arena_format(&c->arena, "%s%s", p->path, kept).ptr;
        add_row(c, "file", file ? file : p->path);
    }
    if (j->app->mcp)
        add_row(c, "starts", arena_format(&c->arena, "%s mcp", j->terms.program).ptr);
    else
        add_row(c, "address", j->terms.base_url);
    add_row(c, "model", j->terms.model);
    if (j->key_id)
        add_row(c, "key", j->key_id);
    print_answer(j);
    if (p->steps.len) {
        text_byte(&c->out, '\n');
        connecting_lines(&c->out, text_slice(&p->steps));
    }
    text_format(&c->out, "\nTo undo it: hearth disconnect %s\n", j->app->name);
}

static void put_answer(struct json_writer *w, const struct job *j)
{
    json_key(w, "answer");
    if (!j->asked) {
        json_put_null(w);
        return;
    }
    json_open_object(w);
    json_key(w, "status");
    json_put_int(w, j->answer.status);
    json_put_pair(w, "model", slice_of(j->answer.model));
    json_key(w, "first_us");
    json_put_u64(w, j->answer.first_us);
    json_key(w, "whole_us");
    json_put_u64(w, j->answer.whole_us);
    json_close_object(w);
}

static void put_text(struct json_writer *w, const char *key, struct slice s)
{
    json_key(w, key);
    if (s.ptr)
        json_put_text(w, s);
    else
        json_put_null(w);
}

static void put_job(struct job *j)
{
    struct cli *c = j->cli;
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    bool dry = c->options.dry_run;
    json_open_object(&w);
    json_put_pair(&w, "app", slice_of(j->app->name));
    json_put_pair(&w, "how", slice_of(hows[j->app->how]));
    json_put_pair(&w, "base_url", slice_of(j->terms.base_url));
    json_put_pair(&w, "model", slice_of(j->terms.model));
    put_text(&w, "key_id", slice_of(j->key_id));
    put_text(&w, "file", slice_of(j->plan.path));
    /* what else stands in that file is nobody's business, unless it is asked for */
    put_text(&w, "text", dry && j->plan.path ? j->plan.after : (struct slice){0});
    json_put_pair(&w, "steps", text_slice(&j->plan.steps));
    put_answer(&w, j);
    json_key(&w, "dry_run");
    json_put_bool(&w, dry);
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static bool make_plan(struct job *j, int *ret_code)
{
    struct why why = {0};
    connect_plan_fini(&j->plan);
    enum err e = connect_plan(&j->terms, &j->plan, &why);
    if (!e)
        return true;
    *ret_code = cli_fail(j->cli, e, &why, e == ERR_CONFIG ? "Nothing was changed." : NULL);
    if (j->plan.steps.len) {
        text_byte(&j->cli->err, '\n');
        connecting_lines(&j->cli->err, text_slice(&j->plan.steps));
    }
    return false;
}

static void on_wait(void *data, uint64_t waited_ms)
{
    struct cli *c = data;
    if (!c->err_terminal || waited_ms < 1000)
        return;
    text_format(&c->err, "\rwaiting for the model, %llu s ... ",
                (unsigned long long)(waited_ms / 1000));
    cli_flush(c);
}

static enum err ask(struct job *j, struct why *why)
{
    const struct connect_question q = {.app = j->app,
                                       .url = j->ask_url,
                                       .model = j->terms.model,
                                       .key = j->terms.key,
                                       .program = j->terms.program,
                                       .user = &j->user,
                                       .timeout_ms = MODEL_MS,
                                       .waits = on_wait,
                                       .data = j->cli};
    enum err e = connect_ask(&q, &j->answer, why);
    j->asked = true;
    if (j->cli->err_terminal)
        text_add(&j->cli->err, SLICE("\r\033[K"));
    return e;
}

/* A user whom the daemon does not trust needs a key on this machine too. */
static bool try_it(struct job *j, int *ret_code)
{
    struct cli *c = j->cli;
    struct why why = {0};
    enum err e = ask(j, &why);
    if (e == ERR_UNAUTHORIZED && !j->terms.key) {
        if (!connecting_make_key(j, ret_code) || !make_plan(j, ret_code))
            return false;
        e = ask(j, &why);
    }
    if (!e)
        return true;
    struct slice words = arena_format(&c->arena, "asked as %s asks: %s", j->app->title, why.text);
    why_set(&why, e, "%.*s", SLICE_ARG(words));
    *ret_code = cli_fail(c, e, &why,
                         c->options.connect.force
                             ? "It goes on all the same, since --force says so."
                             : "Nothing was changed. Mend that, see `hearth doctor`, or go on "
                               "with --force.");
    if (*ret_code == CLI_USAGE)
        *ret_code = CLI_FAILED;
    return c->options.connect.force;
}

static int write_it(struct job *j)
{
    struct why why = {0};
    int code = CLI_OK;
    enum err e = connect_write(&j->terms, &j->plan, j->key_id, &why);
    if (e)
        return connecting_take_back(j, cli_fail(j->cli, e, &why, NULL));
    if (!connecting_revoke(j->cli, j->record.key_id, &code))
        text_add(&j->cli->err, SLICE("The key of before may hold still: `hearth keys list`.\n"));
    else if (j->record.key_id && connect_note_key(&j->user, j->app, NULL, &why))
        code = cli_fail(j->cli, ERR_SYSTEM, &why, "");
    if (j->cli->options.json)
        put_job(j);
    else
        print_done(j);
    return code;
}

/* A key of a connection that was broken off. */
static bool end_leftover(struct job *j, int *ret_code)
{
    struct why why = {0};
    if (!j->record.new_key_id)
        return true;
    if (!connecting_revoke(j->cli, j->record.new_key_id, ret_code))
        return false;
    enum err e = connect_note_key(&j->user, j->app, NULL, &why);
    if (e)
        *ret_code = cli_fail(j->cli, e, &why, NULL);
    return !e;
}

static int connect_locked(struct job *j)
{
    struct why why = {0};
    int code = CLI_OK;
    enum err e = connect_record_read(&j->user, j->app, &j->record, &why);
    if (e && e != ERR_NOT_FOUND)
        return cli_fail(j->cli, e, &why, "`hearth disconnect --force` forgets it.");
    if (j->record.path && j->app->how == CONNECT_WRITES && j->terms.from != CONNECT_HERE) {
        const char *next =
            arena_format(&j->cli->arena, "First: hearth disconnect %s", j->app->name).ptr;
        why_set(&why, ERR_SYSTEM, "%s is connected on this machine", j->app->title);
        return cli_fail(j->cli, ERR_SYSTEM, &why, next);
    }
    if (!end_leftover(j, &code))
        return code;
    if (!make_plan(j, &code)) /* before a model is loaded for nothing */
        return code;
    if (j->terms.from != CONNECT_HERE && (!connecting_make_key(j, &code) || !make_plan(j, &code)))
        return connecting_take_back(j, code);
    if (j->running && !try_it(j, &code))
        return connecting_take_back(j, code);
    if (j->answer.first_us)
        connecting_context(j);
    if (j->terms.context && !make_plan(j, &code))
        return connecting_take_back(j, code);
    return write_it(j);
}

static int connect_one(struct job *j)
{
    struct why why = {0};
    int code = CLI_OK, lock = -1;
    if (j->cli->options.dry_run) {
        j->terms.key = j->terms.from == CONNECT_HERE ? NULL : "hk_...";
        if (!make_plan(j, &code))
            return code;
        if (j->cli->options.json)
            put_job(j);
        else
            print_dry(j);
        return CLI_OK;
    }
    enum err e = connect_lock(&j->user, &lock, &why);
    if (e)
        return cli_fail(j->cli, e, &why, e == ERR_BUSY ? "Try again in a moment." : NULL);
    code = connect_locked(j);
    close(lock);
    return code;
}

static int not_built(struct cli *c, const struct connect_app *app)
{
    struct why why = {0};
    why_set(&why, ERR_NOT_IMPLEMENTED,
            "%s cannot be connected yet: it asks %s, which hearth does not answer", app->title,
            app->missing);
    return cli_fail(c, ERR_NOT_IMPLEMENTED, &why,
                    app->meanwhile ? app->meanwhile : "Nothing was changed.");
}

static int usage(struct cli *c, const char *words)
{
    struct why why = {0};
    why_set(&why, ERR_BAD_REQUEST, "%s", words);
    return cli_fail(c, ERR_BAD_REQUEST, &why, "See `hearth help connect`.");
}

/* It is started by the app, so it is where the app is. */
static bool take_program(struct job *j, int *ret_code)
{
    struct why why = {0};
    if (!j->app->mcp)
        return true;
    if (j->terms.from != CONNECT_HERE) {
        *ret_code = usage(j->cli, "this app starts hearth itself, on the machine where it runs");
        return false;
    }
    enum err e = cli_program(j->cli, &j->terms.program, &why);
    if (e)
        *ret_code = cli_fail(j->cli, e, &why, NULL);
    j->terms.named = j->cli->options.model != NULL;
    return !e;
}

int connect_run(struct cli *c)
{
    const struct connect_options *o = &c->options.connect;
    struct config *config = NULL;
    struct job j = {.cli = c, .user = connecting_user(c)};
    int code = CLI_OK;
    if (!c->options.arguments.n) {
        if (c->options.json)
            put_list(c, &j.user);
        else
            print_list(c, &j.user);
        return CLI_OK;
    }
    j.app = connect_app_find(c->options.arguments.items[0]);
    if (!j.app)
        return connecting_no_app(c, c->options.arguments.items[0]);
    if (o->docker && o->remote)
        return usage(c, "--docker and --remote are two places; name one");
    if (j.app->how == CONNECT_NOT_BUILT)
        return not_built(c, j.app);
    j.terms = (struct connect_terms){.app = j.app, .user = &j.user};
    j.terms.from = o->docker ? CONNECT_DOCKER : o->remote ? CONNECT_REMOTE : CONNECT_HERE;
    if (!take_program(&j, &code) || !change_load(c, &config, &code))
        return code;
    if (connecting_address(&j, config, &code) && connecting_model(&j, config, &code))
        code = connect_one(&j);
    config_free(config);
    connect_plan_fini(&j.plan);
    connect_record_fini(&j.record);
    return code;
}
