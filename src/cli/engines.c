/* engines: what the commands about engines share: where they are, steps and bars, a pack as
 * JSON. The daemon is not asked: packs are folders. */
#include <stdio.h>

#include "cli/inner.h"
#include "os/os.h"
#include "sandbox/sandbox.h"

#define BAR_AFTER_MS 1000u
#define BAR_WIDTH 24u
#define TELL_MS 10000u

static void clear_bar(struct engines *e)
{
    if (e->shown)
        text_add(&e->c->err, SLICE("\r\033[K"));
    e->shown = false;
}

static void say(struct pack_work *w, const char *words)
{
    struct engines *e = w->owner;
    clear_bar(e);
    /* with --json only the result goes to what may be read by a program */
    struct text *to = e->c->options.json ? &e->c->err : &e->c->out;
    if (!e->c->options.json || e->c->err_terminal) {
        text_visible(to, slice_of(words));
        text_byte(to, '\n');
    }
    cli_flush(e->c);
}

static void put_bar(struct text *t, uint64_t done, uint64_t most)
{
    uint64_t full = most ? min_u64(done, most) * BAR_WIDTH / most : 0;
    text_byte(t, '[');
    for (uint64_t i = 0; i < BAR_WIDTH; i++)
        text_byte(t, i < full ? '#' : ' ');
    text_add(t, SLICE("] "));
}

static void progress(struct pack_work *w, const char *what, uint64_t done, uint64_t most)
{
    struct engines *e = w->owner;
    struct text *t = &e->c->err;
    if (!e->c->err_terminal)
        return;
    if (!e->doing || strcmp(e->doing, what) != 0) {
        e->doing = what;
        e->since_ms = os_mono_ms();
    }
    if (os_mono_ms() - e->since_ms < BAR_AFTER_MS)
        return;
    text_add(t, SLICE("\r\033[K"));
    if (most)
        put_bar(t, done, most);
    text_format(t, "%s ", what);
    if (most > 10000) /* bytes, not packages */
        cli_bytes(t, done);
    else
        cli_duration(t, os_mono_ms() - e->since_ms);
    e->shown = true;
    cli_flush(e->c);
}

/* Nothing can be tried without it, which is told then. */
static const char *bridge(struct cli *c)
{
    const char *path;
    return sandbox_bridge(&c->arena, &path, NULL) ? NULL : path;
}

void engines_begin(struct engines *e, struct cli *c)
{
    *e = (struct engines){.c = c};
    e->work = (struct pack_work){
        .engines = arena_format(&c->arena, "%s/engines", c->paths.data).ptr,
        .environment = c->environment,
        .top = "",
        .bridge = bridge(c),
        .arena = &c->arena,
        .say = say,
        .progress = progress,
        .owner = e,
    };
    if (sandbox_bridge(&c->arena, &e->work.bridge, NULL))
        e->work.bridge = NULL; /* only what cannot do without it then fails */
}

void engines_end(struct engines *e)
{
    clear_bar(e);
}

void engines_changed(struct engines *e)
{
    const struct question q = {
        .method = METHOD_GET, .target = "/hearth/v1/devices", .timeout_ms = TELL_MS};
    struct answer a = {0};
    struct why why = {0};
    enum err err = cli_ask(e->c, &q, &a, &why);
    if (err && err != ERR_NOT_RUNNING)
        text_add(&e->c->err, SLICE("The daemon does not know it yet: `hearth reload` tells it.\n"));
    answer_fini(&a);
}

int engines_fail(struct engines *e, enum err code, const struct why *why, const char *next)
{
    engines_end(e);
    if (code == ERR_BUSY)
        next = "Wait until it is done, then try again.";
    else if (code == ERR_NOT_FOUND && !next)
        next = "`hearth engines list` shows those there are.";
    else if (code == ERR_BAD_REQUEST && !next)
        next = "See `hearth help engines`.";
    else if ((code == ERR_BAD_VALUE || code == ERR_DEADLINE || code == ERR_BODY_TOO_LARGE) && !next)
        next = ""; /* the table's words are about requests */
    return cli_fail(e->c, code, why, next);
}

bool engines_read(struct engines *e, const struct pack **ret_packs, size_t *ret_n, int *ret_code)
{
    struct why why = {0};
    const char *path = NULL;
    for (size_t i = 0; e->c->environment && e->c->environment[i]; i++) {
        if (!strncmp(e->c->environment[i], "PATH=", 5))
            path = e->c->environment[i] + 5;
    }
    enum err err = packs_read(e->work.engines, path, &e->c->arena, ret_packs, ret_n, &why);
    if (err)
        *ret_code = engines_fail(e, err, &why, NULL);
    return !err;
}

static void put_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_put_bool(w, value);
}

void engines_put_pack(struct json_writer *w, const struct pack *p)
{
    json_open_object(w);
    json_put_pair(w, "id", slice_of(p->id));
    json_put_pair(w, "engine", slice_of(p->engine));
    json_put_pair(w, "version", slice_of(p->version));
    json_put_pair(w, "flavour", slice_of(p->flavour));
    json_put_pair(w, "source", slice_of(p->source));
    json_put_pair(w, "root", slice_of(p->root ? p->root : ""));
    json_put_pair(w, "program", slice_of(p->program));
    json_put_pair(w, "backend", slice_of(p->backend));
    json_key(w, "bytes");
    json_put_u64(w, p->bytes);
    put_bool(w, "used", p->used);
    put_bool(w, "previous", p->previous);
    put_bool(w, "probed", p->probed);
    json_key(w, "features");
    json_open_object(w);
    for (enum pack_feature f = 0; f < PACK_FEATURES; f++)
        put_bool(w, pack_feature_name(f), p->features[f]);
    json_close_object(w);
    json_put_pair(w, "trouble", slice_of(p->trouble));
    json_close_object(w);
}
