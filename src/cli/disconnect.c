/* disconnect: `hearth disconnect`: an app's file is as it was before, or at least without our part,
 * and its key is revoked. */
#include <unistd.h>

#include "cli/connecting.h"

enum outcome { NOTHING, RESTORED, CUT, REMOVED };

static enum outcome outcome_of(const struct connect_plan *p)
{
    if (!p->path)
        return NOTHING;
    return !p->whole ? CUT : p->after.ptr ? RESTORED : REMOVED;
}

/* Around the file's path. */
static const struct {
    const char *before, *after;
} words[2][4] = {
    {[NOTHING] = {"", ""},
     [RESTORED] = {"", " is as it was.\n"},
     [CUT] = {"", " was changed since; hearth's part is taken out of it, the rest was left.\n"},
     [REMOVED] = {"", " is removed; it was not there before.\n"}},
    {[NOTHING] = {"Nothing is left to take out.\n", ""},
     [RESTORED] = {"Would put ", " back as it was.\n"},
     [CUT] = {"", " was changed since; would take hearth's part out of it, and leave the rest.\n"},
     [REMOVED] = {"Would remove ", ", which was not there before.\n"}},
};

static void print_one(struct cli *c, const struct connect_app *app, enum outcome o,
                      const struct connect_plan *p)
{
    text_add(&c->out, slice_of(words[c->options.dry_run][o].before));
    text_visible(&c->out, slice_of(p->path));
    text_add(&c->out, slice_of(words[c->options.dry_run][o].after));
    if (c->options.dry_run)
        return;
    if (app->how == CONNECT_SHOWS)
        text_format(&c->out, "What you entered in %s stays there until you take it out.\n",
                    app->title);
    text_format(&c->out, "%s is not connected.\n", app->title);
}

static void put_one(struct cli *c, const struct connect_app *app, enum outcome o,
                    const struct connect_plan *p)
{
    static const char *const names[] = {
        [NOTHING] = "nothing", [RESTORED] = "restored", [CUT] = "cut", [REMOVED] = "removed"};
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_put_pair(&w, "app", slice_of(app->name));
    json_put_pair(&w, "file", slice_of(p->path));
    json_put_pair(&w, "outcome", slice_of(names[o]));
    json_key(&w, "dry_run");
    json_put_bool(&w, c->options.dry_run);
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

/* First the key: without a daemon it cannot be revoked, and then all stays as it is. */
static bool end_keys(struct cli *c, const struct connect_record *r, int *ret_code)
{
    bool good =
        connecting_revoke(c, r->key_id, ret_code) && connecting_revoke(c, r->new_key_id, ret_code);
    if (!good && c->options.connect.force)
        text_add(&c->err, SLICE("Its key may hold still: `hearth keys list`.\n"));
    return good || c->options.connect.force;
}

static int take_out(struct cli *c, const struct connect_app *app, const struct connect_user *u,
                    const struct connect_record *r, struct connect_plan *p)
{
    struct why why = {0};
    int code = CLI_OK;
    enum err e = connect_unplan(u, app, r, p, &why);
    if (e == ERR_CONFIG && c->options.connect.force)
        p->path = NULL; /* it stays as it is, and is forgotten */
    else if (e) {
        code =
            cli_fail(c, e, &why, "Nothing was changed. --force forgets it, and leaves the file.");
        if (p->steps.len) {
            text_byte(&c->err, '\n');
            connecting_lines(&c->err, text_slice(&p->steps));
        }
        return code;
    }
    enum outcome o = outcome_of(p);
    if (!c->options.dry_run) {
        if (!end_keys(c, r, &code))
            return code;
        e = connect_unwrite(p, &why);
        if (!e)
            e = connect_forget(u, app, &why);
        if (e)
            return cli_fail(c, e, &why, NULL);
    }
    if (c->options.json)
        put_one(c, app, o, p);
    else
        print_one(c, app, o, p);
    return CLI_OK;
}

static int disconnect_one(struct cli *c, const struct connect_app *app)
{
    const struct connect_user u = connecting_user(c);
    struct connect_record r = {0};
    struct connect_plan p = {0};
    struct why why = {0};
    int code = CLI_OK;
    enum err e = connect_record_read(&u, app, &r, &why);
    if (e == ERR_NOT_FOUND) {
        why_set(&why, e, "%s is not connected", app->title);
        return cli_fail(c, e, &why, "`hearth connect` shows which are.");
    }
    if (e && e != ERR_BAD_VALUE)
        return cli_fail(c, e, &why, NULL);
    if (e && !c->options.connect.force)
        return cli_fail(c, e, &why, "--force forgets it, and leaves the app's file as it is.");
    code = take_out(c, app, &u, &r, &p);
    connect_plan_fini(&p);
    connect_record_fini(&r);
    return code;
}

int disconnect_run(struct cli *c)
{
    const struct words *said = &c->options.arguments;
    const struct connect_user u = connecting_user(c);
    const struct connect_app *app = said->n ? connect_app_find(said->items[0]) : NULL;
    struct why why = {0};
    int lock = -1;
    if (!said->n) {
        why_set(&why, ERR_BAD_REQUEST, "which app?");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth connect` shows which are connected.");
    }
    if (!app)
        return connecting_no_app(c, said->items[0]);
    if (c->options.dry_run)
        return disconnect_one(c, app);
    enum err e = connect_lock(&u, &lock, &why);
    if (e)
        return cli_fail(c, e, &why, e == ERR_BUSY ? "Try again in a moment." : NULL);
    int code = disconnect_one(c, app);
    close(lock);
    return code;
}
