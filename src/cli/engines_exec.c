/* engines_exec: `hearth engines exec MODEL`, an engine in the foreground, started as the daemon
 * would start it but for the commands on its input. For people who look for a fault in it.
 *
 * Its folder goes with it. The folder of one that was killed goes with the next; the daemon, which
 * removes what it finds in its own, does not look there. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/inner.h"
#include "launch/launch.h"
#include "os/os.h"

struct exec { /* all that is needed to start one */
    struct config *config;
    struct launch_terms terms;
    struct pack pack;
    struct machine machine;
    struct sandbox_verdict sandbox;
    struct launch launch;
    char key[33];
    struct foreground foreground;
    struct cli *cli;
};

static enum err find_model(struct cli *c, struct exec *x, struct why *why)
{
    const char *name = c->options.arguments.items[0];
    if (!name)
        return why_set(why, ERR_BAD_REQUEST, "which model's engine?");
    for (size_t i = 0; i < x->config->models_n; i++) {
        if (strcmp(x->config->models[i].name, name) == 0)
            x->terms.model = &x->config->models[i];
    }
    if (x->terms.model)
        return OK;
    return why_set(why, ERR_NOT_FOUND, "no model with a file is named \"%s\"", name);
}

static const char *path_of(const struct cli *c)
{
    for (const char *const *v = c->environment; v && *v; v++) {
        if (strncmp(*v, "PATH=", 5) == 0)
            return *v + 5;
    }
    return NULL;
}

static enum err find_pack(struct cli *c, struct exec *x, struct why *why)
{
    const char *wanted = x->terms.model->engine[0] ? x->terms.model->engine : "llama.cpp";
    struct slice folder = arena_format(&c->arena, "%s/engines", c->paths.data);
    const struct pack *packs, *found;
    size_t n;
    enum err e =
        folder.ptr ? packs_read(folder.ptr, path_of(c), &c->arena, &packs, &n, why) : ERR_NO_MEMORY;
    if (e)
        return e;
    found = pack_pick(packs, n, wanted);
    if (!found)
        return why_set(why, ERR_ENGINE_MISSING, "no engine \"%s\" is installed", wanted);
    if (found->trouble[0])
        return why_set(why, ERR_ENGINE_MISSING, "the engine %s cannot be used: %s", found->id,
                       found->trouble);
    x->pack = *found;
    for (unsigned i = 0; i < PACK_FEATURES && !found->probed; i++)
        x->pack.features[i] = true; /* as for the daemon: all, until it is known */
    x->pack.probed = true;
    x->pack.features[PACK_CHILD_PROTOCOL] = false; /* nobody says anything to it */
    x->terms.pack = &x->pack;
    return OK;
}

/* ---- its folder ----------------------------------------------------------------------------- */

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    for (const struct dirent *d; dir && (d = readdir(dir));)
        (void)unlinkat(dirfd(dir), d->d_name, 0); /* there are no folders in it but . and .. */
    if (dir)
        closedir(dir);
    (void)rmdir(path);
}

/* Those of commands that were killed. */
static void sweep(struct cli *c, const char *all)
{
    DIR *dir = opendir(all);
    for (const struct dirent *d; dir && (d = readdir(dir));) {
        uint64_t pid;
        struct slice path = arena_format(&c->arena, "%s/%s", all, d->d_name);
        if (path.ptr && slice_u64(slice_of(d->d_name), &pid) && pid > 0 && pid <= INT_MAX &&
            kill((pid_t)pid, 0) != 0 && errno == ESRCH)
            remove_folder(path.ptr);
    }
    if (dir)
        closedir(dir);
}

static enum err make_folder(struct cli *c, struct exec *x, struct why *why)
{
    unsigned char random[16];
    struct slice all = arena_format(&c->arena, "%s/exec", c->paths.run), folder;
    int fd;
    os_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(x->key + 2 * i, 3, "%02x", random[i]);
    folder = arena_format(&c->arena, "%s/%d", all.ptr ? all.ptr : "", (int)getpid());
    if (!all.ptr || !folder.ptr)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    sweep(c, all.ptr);
    enum err e = os_make_private_folder(folder.ptr, &fd, why);
    if (e)
        return e;
    close(fd);
    x->terms.folder = folder.ptr;
    x->terms.key = x->key;
    return OK;
}

static enum err prepare(struct cli *c, struct exec *x, struct why *why)
{
    sandbox_probe(c->environment, "", &x->sandbox);
    x->terms.sandbox = &x->sandbox;
    enum err e = find_model(c, x, why);
    if (!e)
        e = find_pack(c, x, why);
    if (!e)
        e = machine_read("", &c->arena, &x->machine, why);
    if (!e)
        e = sandbox_bridge(&c->arena, &x->terms.bridge, why);
    if (!e)
        e = make_folder(c, x, why);
    x->terms.machine = &x->machine;
    return e ? e : launch_make(&x->terms, &c->arena, &x->launch, why);
}

static void tell(struct cli *c, const struct exec *x)
{
    text_add(&c->err, SLICE("started with:"));
    for (const char *const *word = x->launch.argv; *word; word++) {
        text_byte(&c->err, ' ');
        text_visible(&c->err, slice_of(*word));
    }
    text_byte(&c->err, '\n');
    cli_flush(c);
}

/* In a sandbox its socket is known by its pid. */
static void tell_address(struct foreground *f, int program)
{
    struct exec *x = owner_of(f, struct exec, foreground);
    struct cli *c = x->cli;
    const char *socket = NULL;
    if (!x->launch.boxed)
        socket = arena_format(&c->arena, "%s/" LAUNCH_SOCKET, x->terms.folder).ptr;
    else if (sandbox_seen(program, LAUNCH_SOCKET, &c->arena, &socket))
        return; /* no memory */
    text_format(&c->err,
                "ask it:\n  curl --unix-socket %s -H 'Authorization: Bearer %s' "
                "http://localhost/health\n",
                socket ? socket : "", x->key);
    cli_flush(c);
}

/* ---- the command ---------------------------------------------------------------------------- */

int engines_exec_run(struct cli *c)
{
    struct config_report report = {0};
    struct exec x = {.cli = c};
    struct why why = {0};
    const struct config_sources sources = {.paths = &c->paths, .environment = c->environment};
    enum err e = config_load(&sources, &x.config, &report);
    config_report_print(&report, &c->err);
    config_report_fini(&report);
    if (!e)
        e = prepare(c, &x, &why);
    if (!e) {
        tell(c, &x);
        x.foreground = (struct foreground){.launch = &x.launch, .told = tell_address};
        e = foreground_run(&x.foreground, &why);
    }
    if (x.terms.folder)
        remove_folder(x.terms.folder);
    config_free(x.config);
    foreground_end(&x.foreground);
    return e ? cli_fail(c, e, &why, e == ERR_ENGINE_CRASH ? "What it said stands above." : NULL)
             : CLI_OK;
}
