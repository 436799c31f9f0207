/* spawn: what belongs to one start of a child: its folder and socket, its key, its command line,
 * the backend that asks it. All of it is new each time, so nothing of an earlier child can be taken
 * for this one. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "engine/inside.h"
#include "os/os.h"

static void hex(const unsigned char *bytes, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- its folder ----------------------------------------------------------------------------- */

/* What a child left in it is untrusted. As much as is usual is removed on the loop, what is more
 * by a job, and what is more than that at the next start. */
#define USUALLY_LEFT 16u
#define MOST_LEFT 1000000u

struct removal {
    struct job job;
    enum err err;
    char path[];
};

static void remove_on_thread(struct job *j)
{
    struct removal *r = owner_of(j, struct removal, job);
    r->err = os_remove_folder(r->path, MOST_LEFT);
}

static void removed(struct job *j)
{
    struct removal *r = owner_of(j, struct removal, job);
    if (r->err)
        log_warn("engine", "%s, an engine's folder, could not be removed: %s", r->path,
                 err_row(r->err)->code);
    mem_free(r);
}

void spawn_remove_folder(const struct engines *all, const char *path)
{
    if (os_remove_folder(path, USUALLY_LEFT) != ERR_TOO_MANY)
        return;
    struct removal *r = mem_alloc(sizeof *r + strlen(path) + 1);
    if (!r)
        return;
    r->job.work = remove_on_thread;
    r->job.done = removed;
    memcpy(r->path, path, strlen(path) + 1);
    if (job_start(&r->job, all->loop, all->hold))
        mem_free(r);
}

static enum err make_folder(struct engine *e, struct spawn *s, struct why *why)
{
    unsigned char random[4];
    char name[9];
    os_random(random, sizeof random);
    hex(random, sizeof random, name);
    s->folder = arena_format(&s->arena, "%s/%s", e->all->folder, name).ptr;
    s->socket = arena_format(&s->arena, "%s/" LAUNCH_SOCKET, s->folder ? s->folder : "").ptr;
    if (!s->folder || !s->socket)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    if (mkdir(s->folder, 0700) == 0)
        return OK;
    int sys = errno;
    s->folder = NULL;
    return why_sys(why, os_err_of(sys), sys, "the folder for an engine's socket in %s",
                   e->all->folder);
}

enum err spawn_choose(const struct engine *e, const struct pack **ret_pack, struct why *why)
{
    const struct engine_facts *f = e->all->facts;
    const char *wanted = e->model->engine[0] ? e->model->engine : "llama.cpp";
    const struct pack *p = pack_pick(f->packs, f->n_packs, wanted);
    if (!p)
        return why_set(why, ERR_ENGINE_MISSING, "no engine \"%s\" is installed", wanted);
    if (p->trouble[0])
        return why_set(why, ERR_ENGINE_MISSING, "the engine %s cannot be used: %s", p->id,
                       p->trouble);
    *ret_pack = p;
    return OK;
}

static enum err make_launch(struct engine *e, struct spawn *s, struct why *why)
{
    const struct engine_facts *f = e->all->facts;
    unsigned char random[16];
    const struct pack *pack;
    enum err err = spawn_choose(e, &pack, why);
    if (err)
        return err;
    os_random(random, sizeof random);
    hex(random, sizeof random, s->key);
    const struct launch_terms terms = {.model = e->model,
                                       .pack = pack,
                                       .machine = f->machine,
                                       .sandbox = &f->sandbox,
                                       .bridge = f->bridge,
                                       .folder = s->folder,
                                       .key = s->key};
    s->pack_id = arena_cstr(&s->arena, slice_of(pack->id));
    s->exits = pack->features[PACK_EXIT_COMMAND] || !pack->probed;
    s->pings = pack->features[PACK_PING_INTERVAL] || !pack->probed;
    if (!s->pack_id)
        return why_set(why, ERR_NO_MEMORY, "no memory");
    return launch_make(&terms, &s->arena, &s->launch, why);
}

static enum err start_child(struct engine *e, struct spawn *s, struct why *why)
{
    int filter = -1;
    enum err err = sandbox_seccomp(s->launch.devices, &filter, why);
    if (err)
        return err;
    const struct child_terms terms = {
        .argv = s->launch.argv, .env = s->launch.env, .folder = s->folder, .seccomp = filter};
    s->child.ops = &spawn_child_ops;
    err = child_start(&s->child, e->all->loop, &s->hold, &terms, why);
    if (filter >= 0)
        close(filter);
    return err;
}

static void gone(struct hold *h)
{
    struct spawn *s = owner_of(h, struct spawn, hold);
    struct hold *outer = &s->engine->hold;
    arena_fini(&s->arena);
    mem_free(s);
    hold_drop(outer);
}

enum err spawn_make(struct engine *e, struct why *why)
{
    struct spawn *s = mem_new(struct spawn);
    if (!s)
        return why_set(why, ERR_NO_MEMORY, "no memory for an engine");
    s->engine = e;
    s->hold = (struct hold){.count = 1, .gone = gone};
    hold_add(&e->hold);
    s->began_ms = s->heard_ms = engine_now(e);
    e->spawn = s;
    enum err err = make_folder(e, s, why);
    if (!err)
        err = make_launch(e, s, why);
    if (!err)
        err = start_child(e, s, why);
    return err;
}

/* ---- what the child calls back --------------------------------------------------------------- */

static struct engine *owner(struct child *c)
{
    return owner_of(c, struct spawn, child)->engine;
}

/* In a sandbox its socket is where only it can write, and is known by its number. */
static enum err find_socket(struct spawn *s, pid_t program)
{
    return s->launch.boxed ? sandbox_seen(program, LAUNCH_SOCKET, &s->arena, &s->socket) : OK;
}

static void held(struct child *c, pid_t program)
{
    struct engine *e = owner(c);
    struct why why;
    enum err err = find_socket(e->spawn, program);
    if (err)
        why_set(&why, err, "no memory");
    else
        err = sandbox_limit(program, &e->spawn->launch.limits, &why);
    if (!err) {
        child_go(c);
    } else if (why.sys == ESRCH || why.sys == ENOENT) {
        child_kill(c); /* it has ended already: its last words say why */
    } else {
        log_warn("engine", "%.*s: its limits could not be set: %s", SLICE_ARG(e->backend.name),
                 why.text);
        engine_kill(e, ERR_ENGINE_CRASH, why.text); /* it never runs without them */
    }
}

static void line(struct child *c, enum child_output from, struct slice words)
{
    engine_hear(owner(c), from, words);
}

static void ended(struct child *c, const struct child_end *end)
{
    engine_died(owner(c), end);
}

const struct child_ops spawn_child_ops = {.held = held, .line = line, .ended = ended};

/* ---- asking it ------------------------------------------------------------------------------- */

enum err spawn_connect(struct engine *e, struct why *why)
{
    struct spawn *s = e->spawn;
    const struct engine_settings *set = &e->all->settings;
    struct provider_terms t = {
        .name = e->backend.name,
        .dialect = e->backend.dialect,
        .addresses = {{.kind = ADDRESS_UNIX, .path = s->socket, .own = true}},
        .n_addresses = 1,
        .host = SLICE("localhost"),
        .path = SLICE("/v1"),
        .api_key = slice_of(s->key),
        .via = e->all->via,
        .connect_ms = set->connect_ms,
        .first_byte_ms = set->first_byte_ms,
        .idle_ms = set->idle_ms,
        .pool_idle_ms = 4000, /* llama-server closes after 5 s, and after 100 requests */
        .pool_requests = 95,
        .queue_length = set->queue_length,
    };
    s->http = provider_new(e->all->loop, &s->hold, &t);
    return s->http ? OK : why_set(why, ERR_NO_MEMORY, "no memory to ask an engine");
}

void spawn_free(struct engine *e)
{
    struct spawn *s = e->spawn;
    if (!s)
        return;
    e->spawn = NULL;
    if (s->http)
        backend_retire(s->http);
    if (s->folder)
        spawn_remove_folder(e->all, s->folder);
    if (s->child.ops)
        child_close(&s->child);
    hold_drop(&s->hold);
}
