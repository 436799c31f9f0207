/* engines_change: `hearth engines install|add|build|use|rm`. */
#include <errno.h>
#include <sys/stat.h>

#include "cli/inner.h"
#include "machine/machine.h"
#include "os/os.h"

/* ---- a new one ---- */

static int tell_made(struct engines *e, const struct pack_made *made, uint64_t began_ms)
{
    struct cli *c = e->c;
    const struct pack *p = made->pack;
    engines_end(e);
    if (!made->was_there)
        engines_changed(e);
    if (c->options.json) {
        struct json_writer w = json_writer(&c->out);
        json_open_object(&w);
        json_key(&w, "was_there");
        json_put_bool(&w, made->was_there);
        json_key(&w, "fetched_bytes");
        json_put_u64(&w, made->fetched);
        json_key(&w, "packages");
        json_put_u64(&w, made->files);
        json_key(&w, "took_ms");
        json_put_u64(&w, os_mono_ms() - began_ms);
        json_key(&w, "engine");
        engines_put_pack(&w, p);
        json_close_object(&w);
        text_byte(&c->out, '\n');
    } else if (made->was_there) {
        text_add(&c->out, SLICE("This build is there already: "));
        text_visible(&c->out, slice_of(p->id));
        text_add(&c->out, p->used ? SLICE(", in use.\n") : SLICE(".\n"));
        if (!p->used)
            text_format(&c->out, "Use it: hearth engines use %s\n", p->id);
    } else {
        cli_paint_visible(&c->out, c->out_colours, COLOUR_BOLD, slice_of(p->id));
        text_add(&c->out, *p->trouble ? SLICE(" is there, ") : SLICE(" is in use, "));
        cli_bytes(&c->out, p->bytes);
        text_add(&c->out, SLICE(" on disk, "));
        cli_duration(&c->out, os_mono_ms() - began_ms);
        text_add(&c->out, SLICE(" in all.\n"));
    }
    if (!*p->trouble || made->was_there)
        return CLI_OK;
    struct why why = {0};
    why_set(&why, ERR_ENGINE_CRASH, "it cannot be used: %.240s", p->trouble);
    return cli_fail(c, ERR_ENGINE_CRASH, &why, "`hearth engines doctor` tries it again.");
}

/* What fits the GPU that can be used here, NULL when there is none: NVIDIA's driver is the
 * machine's own, the others' comes with the pack. */
static const char *fitting_flavour(struct cli *c, const char *engine)
{
    struct machine m;
    if (strcmp(engine, "llama.cpp") != 0 || machine_read("", &c->arena, &m, NULL))
        return NULL;
    for (size_t i = 0; i < m.n_devices; i++) {
        const struct device *d = &m.devices[i];
        if (d->trouble[0] || !d->vulkan)
            continue;
        text_add(&c->err, SLICE("a GPU is there: "));
        text_visible(&c->err, slice_of(d->name));
        text_add(&c->err, SLICE("; --flavour cpu is for the processor alone\n"));
        return d->kind == DEVICE_NVIDIA ? "vulkan" : "vulkan-mesa";
    }
    return NULL;
}

int engines_install_run(struct cli *c)
{
    const struct options *o = &c->options;
    struct engines e;
    struct pack_made made;
    struct why why = {0};
    uint64_t began = os_mono_ms();
    engines_begin(&e, c);
    if (!o->arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "install which engine?");
        return engines_fail(&e, ERR_BAD_REQUEST, &why, "There are: llama.cpp, whisper.cpp.");
    }
    struct pack_wish wish = {o->arguments.items[0], o->engine.flavour, o->engine.suite};
    if (!wish.flavour)
        wish.flavour = fitting_flavour(c, wish.engine);
    enum err err = pack_install(&e.work, &wish, &made, &why);
    const char *next = NULL;
    if (err == ERR_NOT_IMPLEMENTED)
        next = "Build or unpack it yourself and `hearth engines add FOLDER`, or put llama-server "
               "on PATH.";
    else if (err == ERR_SYSTEM)
        next = "Is there a network, and does the mirror in /etc/apt answer?";
    else if (err == ERR_NOT_FOUND)
        next = "`hearth engines add FOLDER` takes one that you built or unpacked yourself.";
    return err ? engines_fail(&e, err, &why, next) : tell_made(&e, &made, began);
}

int engines_add_run(struct cli *c)
{
    const struct options *o = &c->options;
    struct engines e;
    struct pack_made made;
    struct why why = {0};
    struct stat is;
    uint64_t began = os_mono_ms();
    engines_begin(&e, c);
    if (!o->arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "add which folder or archive?");
        return engines_fail(&e, ERR_BAD_REQUEST, &why, "See `hearth help engines add`.");
    }
    const char *path = o->arguments.items[0];
    if (stat(path, &is) != 0) {
        int sys = errno;
        why_sys(&why, os_err_of(sys), sys, "cannot find %.200s", path);
        return engines_fail(&e, os_err_of(sys), &why, "");
    }
    bool folder = S_ISDIR(is.st_mode);
    if (folder && o->engine.sha256) {
        why_set(&why, ERR_BAD_REQUEST, "--sha256 is of an archive, and %.200s is a folder", path);
        return engines_fail(&e, ERR_BAD_REQUEST, &why, NULL);
    }
    enum err err = folder ? pack_add_folder(&e.work, path, &made, &why)
                          : pack_add_archive(&e.work, path, o->engine.sha256, &made, &why);
    return err ? engines_fail(&e, err, &why, err == ERR_NOT_FOUND ? "" : NULL)
               : tell_made(&e, &made, began);
}

static const char *chosen_flavour(const struct engine_options *o, unsigned *ret_n)
{
    const struct {
        bool chosen;
        const char *name;
    } rows[] = {{o->vulkan, "vulkan"}, {o->cuda, "cuda"}, {o->hip, "hip"}, {o->metal, "metal"}};
    const char *name = NULL;
    *ret_n = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].chosen) {
            name = rows[i].name;
            ++*ret_n;
        }
    }
    return name;
}

int engines_build_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct engines e;
    struct pack_made made;
    struct why why = {0};
    unsigned n;
    uint64_t began = os_mono_ms();
    const char *flavour = chosen_flavour(&c->options.engine, &n);
    engines_begin(&e, c);
    if (words->n < 2 || n > 1) {
        why_set(&why, ERR_BAD_REQUEST,
                n > 1 ? "one of --vulkan, --cuda, --hip and --metal at a time"
                      : "building takes an engine and the folder of its source");
        return engines_fail(&e, ERR_BAD_REQUEST, &why, "See `hearth help engines build`.");
    }
    enum err err = pack_build(&e.work, words->items[0], words->items[1], flavour, &made, &why);
    return err ? engines_fail(&e, err, &why, err == ERR_NOT_FOUND ? "" : NULL)
               : tell_made(&e, &made, began);
}

/* ---- those that are there ---- */

static int tell_used(struct engines *e, const char *id)
{
    struct cli *c = e->c;
    engines_changed(e);
    if (c->options.json) {
        struct json_writer w = json_writer(&c->out);
        json_open_object(&w);
        json_put_pair(&w, "used", slice_of(id));
        json_close_object(&w);
        text_byte(&c->out, '\n');
        return CLI_OK;
    }
    cli_paint_visible(&c->out, c->out_colours, COLOUR_BOLD, slice_of(id));
    text_add(&c->out, SLICE(" is in use now, for what is started from here on.\n"));
    return CLI_OK;
}

int engines_use_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct engines e;
    struct why why = {0};
    const char *id = words->n ? words->items[0] : NULL;
    enum err err;
    engines_begin(&e, c);
    if (!id && !c->options.engine.previous) {
        why_set(&why, ERR_BAD_REQUEST, "use which one? name it, or say --previous");
        return engines_fail(&e, ERR_BAD_REQUEST, &why, "`hearth engines list` shows them.");
    }
    if (c->options.engine.previous)
        err = pack_use_previous(&e.work, id, &id, &why);
    else
        err = pack_use(&e.work, id, &why);
    return err ? engines_fail(&e, err, &why, NULL) : tell_used(&e, id);
}

int engines_rm_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct engines e;
    struct why why = {0};
    uint64_t bytes = 0;
    engines_begin(&e, c);
    if (!words->n) {
        why_set(&why, ERR_BAD_REQUEST, "remove which one?");
        return engines_fail(&e, ERR_BAD_REQUEST, &why, "`hearth engines list` shows them.");
    }
    const char *id = words->items[0];
    enum err err = pack_remove(&e.work, id, c->options.engine.force, &bytes, &why);
    if (err)
        return engines_fail(&e, err, &why,
                            err == ERR_BAD_VALUE ? "Use another one first, or say --force." : NULL);
    engines_changed(&e);
    if (c->options.json) {
        struct json_writer w = json_writer(&c->out);
        json_open_object(&w);
        json_put_pair(&w, "removed", slice_of(id));
        json_key(&w, "bytes");
        json_put_u64(&w, bytes);
        json_close_object(&w);
        text_byte(&c->out, '\n');
        return CLI_OK;
    }
    text_visible(&c->out, slice_of(id));
    text_add(&c->out, SLICE(" is removed; "));
    cli_bytes(&c->out, bytes);
    text_add(&c->out, SLICE(" are free.\n"));
    return CLI_OK;
}
