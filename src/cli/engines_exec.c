/* engines_exec: `hearth engines exec MODEL`, an engine in the foreground, started as the daemon
 * would start it but for the commands on its input. For people who look for a fault in it. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
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
    x->pack = *found;
    x->pack.probed = true;
    x->pack.features[PACK_CHILD_PROTOCOL] = false; /* its input is a person's terminal */
    x->terms.pack = &x->pack;
    return OK;
}

static enum err make_folder(struct cli *c, struct exec *x, struct why *why)
{
    unsigned char random[16];
    struct slice folder;
    int fd;
    os_random(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(x->key + 2 * i, 3, "%02x", random[i]);
    folder = arena_format(&c->arena, "%s/engines/exec-%d", c->paths.run, (int)getpid());
    if (!folder.ptr)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    enum err e = os_make_private_folder(folder.ptr, &fd, why);
    if (!e)
        close(fd);
    x->terms.folder = folder.ptr;
    x->terms.key = x->key;
    return e;
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
    bool boxed = x->sandbox.kind != SANDBOX_NONE;
    text_format(&c->err,
                "\nask it%s:\n  curl --unix-socket %s/" LAUNCH_SOCKET
                " -H 'Authorization: Bearer %s' http://localhost/health\n",
                boxed ? ", N being the \"child-pid\" below" : "",
                boxed ? "/proc/N/root" SANDBOX_PRIVATE : x->terms.folder, x->key);
    cli_flush(c);
}

/* It is not held: the gate is open before it looks. */
static enum err open_gate(bool devices, struct why *why)
{
    int gate[2], status, filter = -1;
    enum err e = sandbox_seccomp(devices, &filter, why);
    if (e)
        return e;
    if (pipe(gate) != 0 || write(gate[1], "\n", 1) != 1)
        return why_sys(why, ERR_SYSTEM, errno, "a pipe");
    status = dup(STDERR_FILENO);
    bool good = dup2(status, SANDBOX_STATUS_FD + 10) >= 0 && dup2(gate[0], 20) >= 0 &&
                (filter < 0 || dup2(filter, 21) >= 0);
    good = good && dup2(SANDBOX_STATUS_FD + 10, SANDBOX_STATUS_FD) >= 0 &&
           dup2(20, SANDBOX_BLOCK_FD) >= 0 && (filter < 0 || dup2(21, SANDBOX_SECCOMP_FD) >= 0);
    return good ? OK : why_sys(why, ERR_SYSTEM, errno, "descriptors for an engine");
}

int engines_exec_run(struct cli *c)
{
    struct config_report report = {0};
    struct exec x = {0};
    struct why why = {0};
    const struct config_sources sources = {.paths = &c->paths, .environment = c->environment};
    enum err e = config_load(&sources, &x.config, &report);
    config_report_print(&report, &c->err);
    config_report_fini(&report);
    if (!e)
        e = prepare(c, &x, &why);
    if (!e) {
        tell(c, &x);
        e = open_gate(x.launch.devices, &why);
    }
    if (!e) {
        execve(x.launch.argv[0], (char **)(uintptr_t)x.launch.argv,
               (char **)(uintptr_t)x.launch.env);
        e = why_sys(&why, ERR_SYSTEM, errno, "%s", x.launch.argv[0]);
    }
    if (x.terms.folder)
        rmdir(x.terms.folder);
    config_free(x.config);
    return cli_fail(c, e, &why, NULL);
}
