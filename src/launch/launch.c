/* launch: see launch.h. The order of a command line: the program, what hearth always says, the
 * model's settings by the table, the user's own words. */
#include "launch/launch.h"

#include <stdio.h>
#include <sys/stat.h>

#include "launch/inside.h"

#define USUAL_CTX                                                                                  \
    16384u /* unless the model's settings say otherwise; the engine lowers it to
                               what the model was made for */
#define PROMPT_CACHE_MB                                                                            \
    2048u /* conversations that were pushed out of a slot; never more than a
                                 sixteenth of the machine */
#define CHECKPOINTS "8"
#define TCP_PORT 8080u           /* of the sandbox's own loopback */
#define MOST_FILE (1024u * 1024) /* bytes of a file that it writes: it has no use for any */
#define MOST_PROCESSES 512u      /* with its threads, of which it makes some for each processor */
#define PROCESSES_EACH 4u
#define LEAST_RESERVE (1ull << 30) /* bytes of memory that no engine gets */
#define OOM_FIRST 500 /* when memory is short an engine goes, and not the daemon or the desktop */

enum how { NUMBER, TEXT, FILE_NAME, FILES, SWITCH };
static const struct flag {
    const char *flag;
    enum how how;
    size_t at;
    const char *none;
} flags[] = {
#define FILE FILE_NAME
#define FLAG(flag, how, member, none) {flag, how, offsetof(struct config_model, member), none},
#include "launch/flags.def"
#undef FLAG
#undef FILE
};

static void say(struct making *m, const char *word)
{
    list_add(&m->argv, m->arena, word);
}

static void say_pair(struct making *m, const char *flag, const char *value)
{
    say(m, flag);
    say(m, value);
}

static void say_number(struct making *m, const char *flag, uint64_t n)
{
    say_pair(m, flag, arena_format(m->arena, "%llu", (unsigned long long)n).ptr);
}

/* ---- from the settings ---------------------------------------------------------------------- */

static void say_flag(struct making *m, const struct flag *f)
{
    const char *at = (const char *)m->terms->model + f->at;
    const char *text = "";
    if (f->how == TEXT || f->how == FILE_NAME)
        text = *(const char *const *)(const void *)at;
    switch (f->how) {
    case NUMBER:
        if (*(const uint64_t *)(const void *)at)
            say_number(m, f->flag, *(const uint64_t *)(const void *)at);
        break;
    case TEXT:
        if (text[0] && strcmp(text, f->none) != 0)
            say_pair(m, f->flag, text);
        break;
    case FILE_NAME:
        if (text[0])
            say_pair(m, f->flag, launch_file(m, f->flag + 2, text));
        break;
    case FILES: {
        const struct config_list *files = (const struct config_list *)(const void *)at;
        for (size_t i = 0; i < files->n; i++)
            say_pair(m, f->flag, launch_file(m, f->flag + 2, files->items[i].ptr));
        break;
    }
    case SWITCH:
        if (*(const bool *)at)
            say(m, f->flag);
        break;
    }
}

/* Which flavours of engines can use which devices. */
static const struct flavour_row {
    const char *flavour;
    size_t can; /* the member of struct device that says so */
} flavours[] = {
    {"vulkan", offsetof(struct device, vulkan)}, {"vulkan-mesa", offsetof(struct device, vulkan)},
    {"cuda", offsetof(struct device, cuda)},     {"hip", offsetof(struct device, hip)},
    {"metal", offsetof(struct device, metal)},
};

bool launch_uses(const struct launch_terms *t, const struct device *d)
{
    for (size_t i = 0; i < COUNT(flavours); i++) {
        if (strcmp(t->pack->flavour, flavours[i].flavour) == 0)
            return !d->trouble[0] && *(const bool *)((const char *)d + flavours[i].can);
    }
    return false;
}

static const struct device *device_of(const struct launch_terms *t)
{
    for (size_t i = 0; t->machine && i < t->machine->n_devices; i++) {
        if (launch_uses(t, &t->machine->devices[i]))
            return &t->machine->devices[i];
    }
    return NULL;
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Without a word of the user's: all of it on the device where that has room for it and for what it
 * computes, else the engine finds out how much fits, and may lower nothing but that. */
static void say_layers(struct making *m)
{
    const struct config_model *model = m->terms->model;
    const struct device *d = device_of(m->terms);
    bool set = model->gpu_layers[0] && strcmp(model->gpu_layers, "auto") != 0;
    bool fits = d && d->memory_free / 10 * 7 > size_of(model->file);
    if (set || fits || !d) {
        say_pair(m, "--fit", "off");
        if (set || fits)
            say_pair(m, "--n-gpu-layers", set ? model->gpu_layers : "all");
        return;
    }
    say_pair(m, "--fit", "on");
    say_number(m, "--fit-ctx", model->ctx ? model->ctx : USUAL_CTX);
}

static void say_settings(struct making *m)
{
    const struct config_model *model = m->terms->model;
    uint64_t slots = max_u64(model->parallel, 1), ctx = model->ctx ? model->ctx : USUAL_CTX;
    uint64_t cache = PROMPT_CACHE_MB;
    if (m->terms->machine)
        cache = min_u64(cache, m->terms->machine->memory_total / 16 / (1024 * 1024));
    say_number(m, "--ctx-size", ctx * slots);
    say_number(m, "--parallel", slots);
    say(m, "--no-kv-unified");
    say_number(m, "--cache-ram", cache);
    say_pair(m, "--ctx-checkpoints", CHECKPOINTS);
    say_layers(m);
    for (size_t i = 0; i < COUNT(flags); i++)
        say_flag(m, &flags[i]);
    for (size_t i = 0; i < model->extra.n; i++)
        say(m, model->extra.items[i].ptr);
}

/* ---- what hearth always says ---------------------------------------------------------------- */

/* One that takes no path is asked through hearth-bridge; its port is inside of the sandbox alone,
 * so without one it would be open to everybody on this machine. */
static bool speaks_tcp(const struct making *m)
{
    return m->terms->pack->probed && !m->terms->pack->features[PACK_UNIX_SOCKET];
}

/* Outside of a sandbox its folder is where it starts: a path of any length would not do. */
static const char *socket_inside(const struct making *m)
{
    return launch_sandboxed(m) ? SANDBOX_PRIVATE "/" LAUNCH_SOCKET : LAUNCH_SOCKET;
}

static void say_usual(struct making *m)
{
    if (speaks_tcp(m)) {
        say_pair(m, "--host", "127.0.0.1");
        say_number(m, "--port", TCP_PORT);
    } else {
        say_pair(m, "--host", socket_inside(m));
    }
    say_pair(m, "--model", launch_file(m, "main", m->terms->model->file));
    say_pair(m, "--alias", m->terms->model->name);
    say(m, "--offline");
    say(m, "--no-ui");
    say(m, "--slots");
    say(m, "--metrics");
    say(m, "--log-jsonl");
    say_pair(m, "--log-verbosity", "3");
}

void launch_set(struct making *m, const char *name, const char *value)
{
    list_add(&m->env, m->arena, arena_format(m->arena, "%s=%s", name, value).ptr);
}

/* Nothing is inherited: an engine reads its flags from variables too, and keys stand in them. */
static void set_environment(struct making *m)
{
    const struct launch_terms *t = m->terms;
    const char *private = launch_sandboxed(m) ? SANDBOX_PRIVATE : t->folder;
    launch_set(m, "HOME", private);
    launch_set(m, "TMPDIR", private);
    launch_set(m, "PATH", "/usr/bin:/bin");
    launch_set(m, "LC_ALL", "C.UTF-8");
    launch_set(m, "LLAMA_API_KEY", t->key);
    if (t->pack->features[PACK_CHILD_PROTOCOL] || !t->pack->probed)
        launch_set(m, "LLAMA_SERVER_ROUTER_PORT", "1");
    if (t->pack->backend[0] && t->pack->root && !launch_sandboxed(m))
        launch_set(m, "GGML_BACKEND_PATH",
                   arena_format(m->arena, "%s%s", t->pack->root, t->pack->backend).ptr);
    for (size_t i = 0; i < t->model->env.n; i++)
        list_add(&m->env, m->arena, t->model->env.items[i].ptr);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static enum err make_command(struct making *m, struct launch *launch)
{
    const struct launch_terms *t = m->terms;
    struct sandbox_plan plan = {
        .root = t->pack->root,
        .mounts = m->mounts,
        .n_mounts = m->n_mounts,
        .folder = launch_sandboxed(m) ? SANDBOX_PRIVATE : t->folder,
        .argv = m->argv.items,
        .bridge = t->bridge,
        .tcp_socket = speaks_tcp(m) ? socket_inside(m) : NULL,
        .tcp_port = speaks_tcp(m) ? TCP_PORT : 0,
        .devices = launch->devices,
    };
    if (speaks_tcp(m) && !launch_sandboxed(m))
        return why_set(m->why, ERR_CONFIG,
                       "%s listens on a port only, which without a sandbox all users of this "
                       "machine could ask; install bubblewrap",
                       t->pack->id);
    return sandbox_command(&plan, t->sandbox, m->arena, &launch->argv, m->why);
}

/* All that this machine has but for a reserve, so that an engine that takes too much fails by
 * itself and not with everything else. Models are mapped files, which are not counted. */
static uint64_t most_data(const struct machine *m)
{
    uint64_t all = m ? m->memory_total : 0, reserve = max_u64(LEAST_RESERVE, all / 8);
    return max_u64(all / 2, all > reserve ? all - reserve : 0);
}

static struct sandbox_limits limits_of(const struct machine *m)
{
    return (struct sandbox_limits){.oom_score_adj = OOM_FIRST,
                                   .file_bytes = MOST_FILE,
                                   .data_bytes = most_data(m),
                                   .processes =
                                       MOST_PROCESSES + (m ? m->threads * PROCESSES_EACH : 0)};
}

enum err launch_make(const struct launch_terms *t, struct arena *a, struct launch *ret_launch,
                     struct why *why)
{
    struct making m = {.terms = t, .arena = a, .why = why};
    struct launch launch = {.boxed = launch_sandboxed(&m),
                            .limits = limits_of(t->machine),
                            .slots = (unsigned)max_u64(t->model->parallel, 1)};
    launch_mount(&m, MOUNT_EMPTY, NULL, "/model");
    launch_program(&m);
    say_usual(&m);
    say_settings(&m);
    set_environment(&m);
    launch.devices = device_of(t) != NULL;
    if (launch.devices)
        launch_devices(&m);
    if (!m.err && (m.argv.failed || m.env.failed))
        m.err = ERR_NO_MEMORY;
    if (!m.err)
        m.err = make_command(&m, &launch);
    if (m.err == ERR_NO_MEMORY) /* whoever noticed did not say so */
        return why_set(why, ERR_NO_MEMORY, "no memory for a command line");
    if (m.err)
        return m.err;
    launch.engine_argv = m.argv.items;
    launch.env = m.env.items;
    *ret_launch = launch;
    return OK;
}

static bool same_words(const char *const *a, const char *const *b)
{
    for (; *a && *b; a++, b++) {
        if (strcmp(*a, *b) != 0)
            return false;
    }
    return !*a && !*b;
}

bool launch_same(const struct launch *a, const struct launch *b)
{
    return same_words(a->argv, b->argv) && same_words(a->engine_argv, b->engine_argv) &&
           same_words(a->env, b->env);
}
