/* change: a command that changes the configuration: what is to be changed, the trial, the file, and
 * the daemon that reads it again. See confd.h for the file. */
#include "cli/inner.h"

#include <stdio.h>

struct config *cli_config(struct cli *c)
{
    const struct config_sources sources = {&c->paths, c->environment, NULL, NULL};
    struct config_report report = {0};
    struct config *config = NULL;
    if (config_load(&sources, &config, &report))
        config = NULL;
    config_report_fini(&report);
    return config;
}

bool change_load(struct cli *c, struct config **ret_config, int *ret_code)
{
    const struct config_sources sources = {&c->paths, c->environment, NULL, NULL};
    struct config_report report = {0};
    struct why why = {0};
    enum err e = config_load(&sources, ret_config, &report);
    if (e == ERR_CONFIG) {
        config_report_print(&report, &c->err);
        why_set(&why, e, "the configuration is not valid: %zu error%s", report.errors,
                report.errors == 1 ? "" : "s");
        *ret_code = cli_fail(c, e, &why, "Correct what is named above.");
    } else if (e) {
        *ret_code = cli_fail(c, e, NULL, NULL);
    }
    config_report_fini(&report);
    return !e;
}

/* A configuration with a mistake may be mended by a command, so it is no obstacle here. */
static void load_quietly(struct change *ch)
{
    if (config_load(&ch->sources, &ch->config, &ch->report))
        ch->config = NULL;
}

bool change_open(struct cli *c, const char *section, const char *name, struct change *ret,
                 int *ret_code)
{
    struct why why = {0};
    *ret = (struct change){.cli = c, .sources = {&c->paths, c->environment, NULL, NULL}};
    struct slice by = arena_format(&c->arena, "hearth %s", cli_command(c->command)->name);
    const struct confd_terms terms = {&ret->sources, section, name, by.ptr ? by.ptr : "hearth",
                                      c->options.dry_run};
    load_quietly(ret);
    enum err e = confd_open(&terms, &ret->file, &why);
    if (!e)
        return true;
    change_close(ret);
    *ret_code = cli_fail(c, e, &why, e == ERR_BUSY ? "Try again in a moment." : "");
    return false;
}

void change_close(struct change *ch)
{
    confd_close(ch->file);
    config_free(ch->config);
    config_report_fini(&ch->report);
    ch->file = NULL;
    ch->config = NULL;
}

bool change_is_elsewhere(struct change *ch, const char *path, int *ret_code)
{
    struct config_origin o;
    struct why why = {0};
    if (!ch->config || !config_find_origin(ch->config, path, &o) || !o.file ||
        strcmp(o.name, confd_path(ch->file)) == 0)
        return false;
    why_set(&why, ERR_SYSTEM, "%.120s is set in %.160s:%u", path, o.name, o.line);
    *ret_code = cli_fail(ch->cli, ERR_SYSTEM, &why, "No command writes there; change it by hand.");
    return true;
}

/* ---- the end of it -------------------------------------------------------------------------- */

static bool is_known(const struct config_report *r, const struct config_problem *p)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct config_problem *k = &r->problems[i];
        if (!strcmp(k->file, p->file) && !strcmp(k->key, p->key) && !strcmp(k->text, p->text))
            return true;
    }
    return false;
}

/* Warnings that were there before are no news. */
static void warn(struct change *ch, const struct config_report *after)
{
    for (size_t i = 0; i < after->n; i++) {
        const struct config_report one = {.problems = &after->problems[i], .n = 1};
        if (!is_known(&ch->report, &after->problems[i]))
            config_report_print(&one, &ch->cli->err);
    }
}

static int refuse(struct change *ch, enum err e, const struct config_report *report)
{
    struct why why = {0};
    config_report_print(report, &ch->cli->err);
    if (e != ERR_CONFIG)
        return cli_fail(ch->cli, e, NULL, NULL);
    why_set(&why, e, "that would not be valid; nothing was changed");
    return cli_fail(ch->cli, e, &why, "");
}

static void print_text(struct change *ch, bool differs)
{
    struct text *out = &ch->cli->out;
    struct slice text = confd_text(ch->file), line;
    text_add(out, !differs   ? SLICE("Nothing would change in ")
                  : text.len ? SLICE("Would write ")
                             : SLICE("Would take away "));
    text_visible(out, slice_of(confd_path(ch->file)));
    text_add(out, text.len && differs ? SLICE(":\n\n") : SLICE("\n"));
    while (differs && slice_split(&text, '\n', &line)) {
        text_visible(out, line);
        text_add(out, text.len ? SLICE("\n") : SLICE(""));
    }
    text_add(out, differs && out->len && out->ptr[out->len - 1] != '\n' ? SLICE("\n") : SLICE(""));
}

/* reload: the daemon's own words; NULL: none runs, or it was not asked. */
static void print_json(struct change *ch, bool differs, const struct answer *reload)
{
    struct text *out = &ch->cli->out, line = {0};
    struct json_writer w = json_writer(&line);
    struct slice text = confd_text(ch->file);
    json_open_object(&w);
    json_put_pair(&w, "file", slice_of(confd_path(ch->file)));
    json_key(&w, "text");
    if (text.len)
        json_put_text(&w, text);
    else
        json_put_null(&w);
    json_key(&w, "changed");
    json_put_bool(&w, differs);
    json_key(&w, "dry_run");
    json_put_bool(&w, ch->cli->options.dry_run);
    json_key(&w, "reload");
    if (reload && reload->body.len)
        json_put_raw(&w, text_slice(&reload->body));
    else
        json_put_null(&w);
    json_close_object(&w);
    out->failed |= line.failed;
    cli_json(out, text_slice(&line));
    text_fini(&line);
}

/* The file is written; the daemon reads it, if one runs. */
static int reload(struct change *ch)
{
    struct cli *c = ch->cli;
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    int code = CLI_OK;
    enum err e = reload_ask(c, &a, &why);
    bool runs = e != ERR_NOT_RUNNING;
    if (runs && e)
        code = cli_fail(c, e, &why, "The file is written; its log may say more: `hearth logs`.");
    else if (runs && json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, &why))
        code = cli_fail(c, ERR_INTERNAL, &why, NULL);
    if (code == CLI_OK && c->options.json)
        print_json(ch, true, runs ? &a : NULL);
    else if (code == CLI_OK && !runs)
        text_add(&c->out, SLICE("hearth is not running; it holds from its start.\n"));
    if (runs && code == CLI_OK) {
        if (a.status != 200)
            code = cli_refused(c, &a);
        else if (!c->options.json)
            reload_print(doc.root, c->out_colours, &c->out);
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}

static int put(struct change *ch, const char *done)
{
    struct cli *c = ch->cli;
    struct why why = {0};
    enum err e = confd_put(ch->file, &why);
    if (e)
        return cli_fail(c, e, &why, NULL);
    if (!c->options.json) {
        text_visible(&c->out, slice_of(done));
        text_byte(&c->out, '\n');
    }
    return reload(ch);
}

int change_finish(struct change *ch, const char *done)
{
    struct cli *c = ch->cli;
    struct config *config = NULL;
    struct config_report report;
    bool differs = confd_differs(ch->file);
    int code = CLI_OK;
    enum err e = confd_try(ch->file, &config, &report);
    if (e) {
        code = refuse(ch, e, &report);
    } else {
        warn(ch, &report);
        if (!c->options.dry_run && differs)
            code = put(ch, done);
        else if (c->options.json)
            print_json(ch, differs, NULL);
        else if (c->options.dry_run)
            print_text(ch, differs);
        else
            text_add(&c->out, SLICE("It is so already; nothing was changed.\n"));
    }
    config_report_fini(&report);
    config_free(config);
    return code;
}
