/* service: `hearth service install|rm|status`, and who it is that starts and stops the daemon of
 * this home. See service.h for what a service is. */
#include "service/service.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

#define OTHER_HOME "HEARTH_HOME says which home is meant; a user has one service."
#define NO_WALLS "It has no walls but those of its engines: %s.\n"
#define STOP_MORE_MS 15000u /* on top of what requests may take: engines, files, the last bytes */

/* ---- which --------------------------------------------------------------------------------- */

const char *cli_variable(const struct cli *c, const char *name)
{
    size_t n = strlen(name);
    for (const char *const *e = c->environment; e && *e; e++) {
        if (!strncmp(*e, name, n) && (*e)[n] == '=' && (*e)[n + 1])
            return *e + n + 1;
    }
    return NULL;
}

enum err owner_look(struct cli *c, struct owner *ret, struct why *why)
{
    struct slice data = slice_of(c->paths.data);
    ret->terms = (struct service_terms){.environment = c->environment,
                                        .home = c->paths.home,
                                        .config = c->paths.config,
                                        .data = c->paths.data,
                                        .library = c->paths.library,
                                        .any = c->options.dry_run};
    if (cli_variable(c, "HEARTH_HOME")) { /* its folders lie side by side */
        size_t slash = data.len;
        while (slash && data.ptr[slash - 1] != '/')
            slash--;
        ret->terms.own_home = slash > 1 ? arena_cstr(&c->arena, slice_to(data, slash - 1)) : "/";
        if (!ret->terms.own_home)
            return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    }
    return service_find(&c->arena, &ret->terms, &ret->service, why);
}

bool owner_find(struct cli *c, struct owner *ret)
{
    if (service_own() || owner_look(c, ret, NULL))
        return false;
    enum service_file is = ret->service.is;
    return ret->service.here && (is == SERVICE_OURS || is == SERVICE_CHANGED);
}

/* ---- install ------------------------------------------------------------------------------- */

struct install {
    struct owner owner;
    struct service_plan plan;
    struct service_state before;
    const char *no_walls; /* why it has none; "" */
    bool changed, lingers;
};

/* The kernel names it however we were called; elsewhere it is the one on PATH. */
enum err cli_program(struct cli *c, const char **ret_path, struct why *why)
{
    char own[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own);
    const char *found = n > 0 ? arena_cstr(&c->arena, (struct slice){own, (size_t)n}) : NULL;
    struct slice rest = slice_of(cli_variable(c, "PATH")), folder;
    while (!found && rest.ptr && slice_split(&rest, ':', &folder)) {
        const char *path = arena_format(&c->arena, "%.*s/hearth", SLICE_ARG(folder)).ptr;
        if (path && path[0] == '/' && access(path, X_OK) == 0)
            found = path;
    }
    if (!found || access(found, X_OK) != 0)
        return why_set(why, ERR_NOT_FOUND,
                       "this program's own file is not there any more: install hearth again");
    *ret_path = found;
    return OK;
}

/* In a user namespace the daemon sees nobody but itself. */
static bool trusts_others(const struct config *config)
{
    for (size_t i = 0; i < config->trusted_uids.n; i++) {
        if (config->trusted[i] != geteuid())
            return true;
    }
    return false;
}

/* What it will write to must be there before it starts: it cannot make what it may not see. */
static enum err make_folders(struct cli *c, struct why *why)
{
    int data = -1, config = -1, log = -1;
    enum err e = os_make_private_folder(c->paths.config, &config, why);
    if (!e)
        e = os_make_private_folder(c->paths.data, &data, why);
    if (!e)
        e = os_open_append(data, CLI_LOG, &log, why);
    const int all[] = {config, data, log};
    for (size_t i = 0; i < COUNT(all); i++) {
        if (all[i] >= 0)
            close(all[i]);
    }
    return e;
}

/* They must not cost the engines their own: where bubblewrap works, it has to work behind them. */
static bool may_wall(struct cli *c, const struct service *s)
{
    static const char *const nothing[] = {"/bin/true", NULL};
    struct sandbox_verdict v;
    sandbox_probe(c->environment, "", &v);
    const char *const sandbox[] = {v.program, "--unshare-all", "--ro-bind", "/",         "/",
                                   "--proc",  "/proc",         "--dev",     "/dev",      "--tmpfs",
                                   "/tmp",    "--cap-drop",    "ALL",       "/bin/true", NULL};
    return service_may_wall(s, v.kind == SANDBOX_BUBBLEWRAP ? sandbox : nothing);
}

/* Behind walls these folders are its own, and empty. */
static bool lies_in_tmp(const char *path)
{
    static const char *const folders[] = {"/tmp/", "/var/tmp/"};
    for (size_t i = 0; i < COUNT(folders); i++) {
        if (slice_begins(slice_of(path), slice_of(folders[i])))
            return true;
    }
    return false;
}

/* Why it will have none; "" when it has. What is only shown has what this user could have: whether
 * its engines' sandboxes work behind that is tried by an installation. */
static const char *no_walls(struct cli *c, const struct install *in, const struct config *config)
{
    const struct service *s = &in->owner.service;
    if (trusts_others(config))
        return "trusted_uids names other users, whom it could not tell apart behind walls";
    if (lies_in_tmp(in->plan.program) || lies_in_tmp(s->terms->data) ||
        lies_in_tmp(s->terms->config) || lies_in_tmp(s->terms->library))
        return "a folder of its own lies in /tmp, which it would not see behind walls";
    if (s->terms->any && !service_has_namespaces(s))
        return "this system lets a user have none: they need a user namespace";
    if (s->terms->any || may_wall(c, s))
        return "";
    return "this system lets a user have none, or its engines would lose theirs";
}

static enum err plan_it(struct cli *c, struct install *in, const struct config *config,
                        struct why *why)
{
    enum err e = cli_program(c, &in->plan.program, why);
    if (e)
        return e;
    if (config->library) /* config goes before the service */
        in->owner.terms.library = arena_cstr(&c->arena, slice_of(config->library));
    if (!in->owner.terms.library)
        return why_set(why, ERR_NO_MEMORY, "no memory for paths");
    in->plan.stop_ms = config->request.drain_ms + STOP_MORE_MS;
    in->no_walls = no_walls(c, in, config);
    in->plan.walls = !*in->no_walls;
    in->plan.linger = in->owner.service.linger || (c->options.care.linger && !in->before.lingers);
    return OK;
}

static enum err put_it(struct cli *c, struct install *in, const struct config *config,
                       struct why *why)
{
    struct service *s = &in->owner.service;
    enum err e = service_may_touch(s, why);
    if (!e)
        e = service_ask(s, &in->before, why);
    if (!e)
        e = make_folders(c, why);
    if (!e)
        e = plan_it(c, in, config, why);
    bool linger = !e && in->plan.linger && !in->before.lingers;
    if (linger)
        e = service_linger(s, true, why);
    if (!e)
        e = service_put(s, &in->plan, &in->changed, why);
    if (e && linger)
        (void)!service_linger(s, false, NULL);
    in->lingers = in->before.lingers || in->plan.linger;
    return e;
}

static void put_json(const struct install *in, bool runs, struct text *out)
{
    const struct service *s = &in->owner.service;
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "service", slice_of(s->name));
    json_put_pair(&w, "file", slice_of(s->file));
    json_key(&w, "changed");
    json_put_bool(&w, in->changed);
    json_key(&w, "walls");
    json_put_bool(&w, in->plan.walls);
    json_put_pair(&w, "no_walls", slice_of(in->no_walls));
    json_key(&w, "lingers");
    json_put_bool(&w, in->lingers);
    json_key(&w, "runs");
    json_put_bool(&w, runs);
    json_close_object(&w);
    text_byte(out, '\n');
}

static void tell_linger(const struct service *s, bool lingers, struct text *out)
{
    const char *line = service_linger_line(s);
    if (!line)
        text_add(out, SLICE("It starts when you log in.\n"));
    else if (lingers)
        text_add(out, SLICE("It starts with the machine.\n"));
    else
        text_format(out,
                    "It starts when you log in. To have it from the machine's start on:\n"
                    "  %s\n",
                    line);
}

static void tell_installed(struct cli *c, const struct install *in)
{
    const struct service *s = &in->owner.service;
    text_format(&c->out, "%s is %s: ", s->name, in->changed ? "installed" : "there already");
    text_visible(&c->out, slice_of(s->file));
    text_byte(&c->out, '\n');
    tell_linger(s, in->lingers, &c->out);
    if (in->changed && in->before.runs)
        text_add(&c->out, SLICE("It still runs as the old file says: `hearth restart` changes "
                                "that.\n"));
    if (*in->no_walls)
        text_format(&c->out, NO_WALLS, in->no_walls);
}

/* One that was started by hand goes on: who works with it says when it may stop. */
static bool runs_by_hand(const struct cli *c, const struct install *in)
{
    int data;
    pid_t pid = 0;
    if (os_open_private_folder(c->paths.data, &data, NULL))
        return false;
    bool runs = os_lock_holder(data, CLI_LOCK, &pid) == OK;
    close(data);
    return runs && !(in->before.runs && in->before.pid == pid);
}

/* The file's text alone. */
static int show_file(struct cli *c, struct install *in, const struct config *config)
{
    struct why why = {0};
    struct text text = {0};
    enum err e = plan_it(c, in, config, &why);
    if (!e)
        e = service_text(&in->owner.service, &in->plan, &text, &why);
    if (!e && c->options.json) {
        struct json_writer w = json_writer(&c->out);
        json_open_object(&w);
        json_put_pair(&w, "file", slice_of(in->owner.service.file));
        json_put_pair(&w, "text", text_slice(&text));
        json_put_pair(&w, "no_walls", slice_of(in->no_walls));
        json_close_object(&w);
        text_byte(&c->out, '\n');
    } else if (!e) {
        text_add(&c->out, text_slice(&text));
        if (*in->no_walls)
            text_format(&c->err, NO_WALLS, in->no_walls);
    }
    text_fini(&text);
    return e ? cli_fail(c, e, &why, "") : CLI_OK;
}

/* Who asked for JSON gets that of the installation, not of the start. */
static int start_it(struct cli *c, const struct install *in)
{
    struct text said = c->out;
    bool json = c->options.json;
    c->out = (struct text){0};
    c->options.json = false;
    int code = owner_start(c, &in->owner);
    c->options.json = json;
    if (!json)
        text_add(&said, text_slice(&c->out));
    text_fini(&c->out);
    c->out = said;
    return code;
}

static int install_failed(struct cli *c, const struct install *in, enum err e,
                          const struct why *why)
{
    enum service_file is = in->owner.service.is;
    bool ours = is == SERVICE_ABSENT || is == SERVICE_OURS;
    const char *next = "";
    if (e == ERR_NOT_RUNNING)
        next = "Log in as this user (su and sudo are no login), or turn lingering on: loginctl "
               "enable-linger";
    else if (e == ERR_BUSY)
        next = OTHER_HOME;
    else if (e == ERR_PERMISSION && !ours)
        next = "Move it away, and do this again.";
    else if (e == ERR_PERMISSION && c->options.care.linger)
        next = "Nothing was installed. Try without --linger; root may turn it on for you.";
    return cli_fail(c, e, why, next);
}

int service_install_run(struct cli *c)
{
    struct install in = {.no_walls = ""};
    struct config *config;
    struct why why = {0};
    int code = CLI_OK;
    if (!change_load(c, &config, &code))
        return code;
    enum err e = owner_look(c, &in.owner, &why);
    if (!e && c->options.dry_run) {
        code = show_file(c, &in, config);
        config_free(config);
        return code;
    }
    if (!e)
        e = put_it(c, &in, config, &why);
    config_free(config);
    if (e)
        return install_failed(c, &in, e, &why);
    bool by_hand = runs_by_hand(c, &in);
    if (!c->options.json)
        tell_installed(c, &in);
    if (!by_hand)
        code = start_it(c, &in);
    else if (!c->options.json)
        text_add(&c->out, SLICE("A daemon that was started by hand runs still: `hearth restart` "
                                "hands it over.\n"));
    if (c->options.json && code == CLI_OK)
        put_json(&in, !by_hand, &c->out);
    return code;
}

/* ---- rm and status ------------------------------------------------------------------------- */

int service_rm_run(struct cli *c)
{
    struct owner o;
    struct why why = {0};
    enum err e = owner_look(c, &o, &why);
    bool lingered = !e && o.service.linger;
    if (!e)
        e = service_remove(&o.service, &why);
    if (e && lingered && o.service.is == SERVICE_ABSENT)
        return cli_fail(c, e, &why, "All else is gone. Root may turn it off for you.");
    if (e)
        return cli_fail(c, e, &why,
                        e == ERR_PERMISSION ? "It was left as it is; take it away yourself."
                        : e == ERR_BUSY     ? OTHER_HOME
                                            : "");
    if (c->options.json) {
        struct json_writer w = json_writer(&c->out);
        json_open_object(&w);
        json_put_pair(&w, "removed", slice_of(o.service.file));
        json_key(&w, "lingering_ended");
        json_put_bool(&w, lingered);
        json_close_object(&w);
        text_byte(&c->out, '\n');
        return CLI_OK;
    }
    text_format(&c->out, "%s is gone, and what it ran is down%s.\n", o.service.name,
                lingered ? "; lingering is off again" : "");
    text_add(&c->out, SLICE("Start hearth by hand: hearth up --detach\n"));
    return CLI_OK;
}

static const char *file_words(const struct service *s)
{
    switch (s->is) {
    case SERVICE_ABSENT:
        return "not installed";
    case SERVICE_OURS:
        return s->here ? "installed" : "installed, for another HEARTH_HOME";
    case SERVICE_CHANGED:
        return "installed, and changed by somebody since";
    case SERVICE_FOREIGN:
        break;
    }
    return "somebody else's file";
}

static void put_status(const struct service *s, const struct service_state *state, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "service", slice_of(s->name));
    json_put_pair(&w, "manager", slice_of(s->kind));
    json_put_pair(&w, "file", slice_of(s->file));
    json_put_pair(&w, "is", slice_of(file_words(s)));
    json_put_pair(&w, "state", slice_of(state->active));
    json_key(&w, "pid");
    json_put_int(&w, state->pid);
    json_key(&w, "enabled");
    json_put_bool(&w, state->enabled);
    json_key(&w, "lingers");
    json_put_bool(&w, state->lingers);
    json_key(&w, "walls");
    json_put_bool(&w, s->walls);
    json_close_object(&w);
    text_byte(out, '\n');
}

static void tell_status(const struct service *s, const struct service_state *state,
                        struct text *out)
{
    text_format(out, "%s: %s\n", s->name, file_words(s));
    if (s->is == SERVICE_ABSENT) {
        text_add(out, SLICE("Install it: hearth service install\n"));
        return;
    }
    text_add(out, SLICE("  file       "));
    text_visible(out, slice_of(s->file));
    text_add(out, SLICE("\n  state      "));
    text_visible(out, slice_of(state->active));
    if (state->pid)
        text_format(out, " (pid %lld)", (long long)state->pid);
    text_format(out, "\n  starts     %s\n",
                !state->enabled  ? "not by itself"
                : state->lingers ? "with the machine"
                                 : "when you log in");
    text_format(out, "  walls      %s\n", s->walls ? "yes" : "none but those of its engines");
    if (state->enabled && !state->lingers && service_linger_line(s))
        text_format(out, "To have it from the machine's start on: %s\n", service_linger_line(s));
}

int service_status_run(struct cli *c)
{
    struct owner o;
    struct service_state state = {0};
    struct why why = {0};
    enum err e = owner_look(c, &o, &why);
    if (!e && o.service.is != SERVICE_ABSENT)
        e = service_ask(&o.service, &state, &why);
    if (e)
        return cli_fail(c, e, &why, "");
    if (c->options.json)
        put_status(&o.service, &state, &c->out);
    else
        tell_status(&o.service, &state, &c->out);
    return o.service.is == SERVICE_ABSENT ? CLI_NOT_FOUND : CLI_OK;
}
