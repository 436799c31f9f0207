/* backup: `hearth backup FILE` and `hearth restore FILE`. See backup.h for what is in one. Signals
 * that would end us end the work first, so that nothing is left of it. */
#include "backup/backup.h"

#include <signal.h>
#include <stdio.h>

#include "cli/inner.h"
#include "os/os.h"

#define PROGRESS_MS 1000u
#define REDRAW_MS 200u

struct work {
    struct cli *c;
    const char *doing;
    uint64_t began_ms, shown_ms;
    bool shown;
    sigset_t ends, before;
};

static bool go_on(void *owner, uint64_t bytes)
{
    struct work *w = owner;
    struct text *err = &w->c->err;
    sigset_t now;
    uint64_t at = os_mono_ms();
    if (sigpending(&now) == 0 &&
        (sigismember(&now, SIGINT) == 1 || sigismember(&now, SIGTERM) == 1 ||
         sigismember(&now, SIGHUP) == 1))
        return false;
    if (!w->c->err_terminal || at - w->began_ms < PROGRESS_MS || at - w->shown_ms < REDRAW_MS)
        return true;
    text_format(err, "\r\033[K%s ", w->doing);
    if (bytes)
        cli_bytes(err, bytes);
    text_add(err, SLICE(" ... "));
    cli_duration(err, at - w->began_ms);
    cli_flush(w->c);
    w->shown_ms = at;
    w->shown = true;
    return true;
}

static struct backup_terms begin(struct work *w, struct cli *c, const char *doing)
{
    const char *temporary = cli_variable(c, "TMPDIR");
    *w = (struct work){.c = c, .doing = doing, .began_ms = os_mono_ms()};
    sigemptyset(&w->ends);
    sigaddset(&w->ends, SIGINT);
    sigaddset(&w->ends, SIGTERM);
    sigaddset(&w->ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &w->ends, &w->before);
    os_private_umask();
    return (struct backup_terms){.arena = &c->arena,
                                 .config = c->paths.config,
                                 .data = c->paths.data,
                                 .version = HEARTH_VERSION,
                                 .lock = CLI_LOCK,
                                 .temporary = temporary && temporary[0] == '/' ? temporary : "/tmp",
                                 .secrets = c->options.care.secrets,
                                 .go_on = go_on,
                                 .owner = w};
}

/* A signal that came ends us here. */
static void end(struct work *w)
{
    if (w->shown) {
        text_add(&w->c->err, SLICE("\r\033[K"));
        cli_flush(w->c);
    }
    sigprocmask(SIG_SETMASK, &w->before, NULL);
}

static const char *one_file(struct cli *c)
{
    return c->options.arguments.n ? c->options.arguments.items[0] : NULL;
}

static int no_file(struct cli *c, const char *next)
{
    struct why why = {0};
    why_set(&why, ERR_BAD_REQUEST, "which file?");
    return cli_fail(c, ERR_BAD_REQUEST, &why, next);
}

static void put_list(struct cli *c, const char *file, const struct backup_list *list)
{
    struct json_writer w = json_writer(&c->out);
    json_open_object(&w);
    json_put_pair(&w, "file", slice_of(file));
    json_key(&w, "bytes");
    json_put_u64(&w, list->bytes);
    json_put_pair(&w, "made", slice_of(list->made));
    json_put_pair(&w, "version", slice_of(list->version));
    json_key(&w, "secrets");
    json_put_bool(&w, list->secrets);
    json_key(&w, "dry_run");
    json_put_bool(&w, c->options.dry_run);
    json_key(&w, "files");
    json_open_array(&w);
    for (size_t i = 0; i < list->n; i++) {
        const struct backup_file *f = &list->files[i];
        json_open_object(&w);
        json_put_pair(&w, "name", slice_of(f->name));
        json_key(&w, "bytes");
        json_put_u64(&w, f->bytes);
        json_put_pair(&w, "kept", slice_of(f->kept));
        json_key(&w, "taken_away");
        json_put_bool(&w, f->gone);
        json_close_object(&w);
    }
    json_close_array(&w);
    json_close_object(&w);
    text_byte(&c->out, '\n');
}

static void tell_list(struct cli *c, const struct backup_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct backup_file *f = &list->files[i];
        size_t from = c->out.len + 2;
        text_add(&c->out, SLICE("  "));
        text_visible(&c->out, slice_of(f->name));
        cli_pad(&c->out, from, 28);
        text_byte(&c->out, ' ');
        if (f->gone)
            text_add(&c->out,
                     c->options.dry_run ? SLICE("would be taken away") : SLICE("taken away"));
        else
            cli_bytes(&c->out, f->bytes);
        if (f->kept[0]) {
            text_add(&c->out, SLICE("; what was there is "));
            text_visible(&c->out, slice_of(f->kept));
        }
        text_byte(&c->out, '\n');
    }
}

int backup_run(struct cli *c)
{
    struct work w;
    struct backup_list list;
    struct why why = {0};
    const char *file = one_file(c);
    if (!file)
        return no_file(c, "As in `hearth backup hearth-backup.tar`.");
    const struct backup_terms terms = begin(&w, c, "copying");
    enum err e = backup_make(&terms, file, &list, &why);
    end(&w);
    if (e)
        return cli_fail(c, e, &why, e == ERR_DISK ? NULL : "");
    if (c->options.json) {
        put_list(c, file, &list);
        return CLI_OK;
    }
    text_visible(&c->out, slice_of(file));
    text_add(&c->out, SLICE(" is made, "));
    cli_bytes(&c->out, list.bytes);
    text_add(&c->out, SLICE(":\n"));
    tell_list(c, &list);
    text_add(&c->out, list.secrets
                          ? SLICE("Whoever has it has the keys in .env, and can act as this "
                                  "hearth. Keep it as you keep those.\n")
                          : SLICE("Whoever has it can act as this hearth: keep it to yourself. The "
                                  "keys in .env and the\nown certificate are not in it; "
                                  "--secrets takes them too.\n"));
    text_add(&c->out, SLICE("Put it back: hearth restore "));
    text_visible(&c->out, slice_of(file));
    text_byte(&c->out, '\n');
    return CLI_OK;
}

static const char *restore_next(enum err e)
{
    if (e == ERR_BUSY)
        return "`hearth down` first, if hearth runs. Nothing was changed.";
    if (e == ERR_NOT_FOUND)
        return "";
    return e == ERR_DISK ? NULL : "Nothing was changed.";
}

int restore_run(struct cli *c)
{
    struct work w;
    struct backup_list list;
    struct why why = {0};
    const char *file = one_file(c);
    if (!file)
        return no_file(c, "As in `hearth restore hearth-backup.tar`.");
    const struct backup_terms terms = begin(&w, c, "checking");
    enum err e = backup_restore(&terms, file, c->options.dry_run, &list, &why);
    end(&w);
    if (e)
        return cli_fail(c, e, &why, restore_next(e));
    if (c->options.json) {
        put_list(c, file, &list);
        return CLI_OK;
    }
    text_visible(&c->out, slice_of(file));
    text_add(&c->out, SLICE(", made "));
    text_visible(&c->out, slice_of(list.made));
    text_add(&c->out, SLICE(" by hearth "));
    text_visible(&c->out, slice_of(list.version));
    text_add(&c->out, c->options.dry_run ? SLICE(", is whole. It would put back:\n")
                                         : SLICE(", is put back:\n"));
    tell_list(c, &list);
    if (!c->options.dry_run)
        text_add(&c->out,
                 SLICE("Start hearth: hearth up --detach. Then: hearth requests verify\n"));
    return CLI_OK;
}
