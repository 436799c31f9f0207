/* first: `hearth` alone, and the end of `make up`: what was found on this machine, where hearth is,
 * and what to do next. Each suggestion is a command that works here and now. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/inner.h"
#include "machine/machine.h"
#include "os/os.h"

#define LOOK_MS 2000u
#define LABEL 11u /* columns of what a row is about, as the rows of `make up` */
#define LEFT 39u  /* before what a suggestion is for */

/* ---- is hearth on PATH? --------------------------------------------------------------------- */

static bool is_us(const char *path, const char *us)
{
    char real[PATH_MAX];
    return realpath(path, real) && strcmp(real, us) == 0;
}

/* The folder in which PATH finds `hearth` first; NULL: nowhere. */
static const char *on_path(struct cli *c)
{
    struct slice rest = slice_of(getenv("PATH")), folder;
    while (rest.ptr && slice_split(&rest, ':', &folder)) {
        const char *file = arena_format(&c->arena, "%.*s/hearth", SLICE_ARG(folder)).ptr;
        if (file && access(file, X_OK) == 0)
            return arena_cstr(&c->arena, folder);
    }
    return NULL;
}

static void tell_path(struct cli *c, struct text *out)
{
    char us[PATH_MAX];
    const char *local = arena_format(&c->arena, "%s/.local/bin", c->paths.home).ptr;
    const char *linked = arena_format(&c->arena, "%s/.local/bin/hearth", c->paths.home).ptr;
    const char *folder = on_path(c);
    const char *found = folder ? arena_format(&c->arena, "%s/hearth", folder).ptr : NULL;
    if (!os_fact("program", us, sizeof us) || !local || !linked)
        return;
    if (found && is_us(found, us)) {
        text_add(out, SLICE("hearth is on your PATH ("));
        text_visible(out, slice_of(strcmp(folder, local) ? folder : "~/.local/bin"));
        text_byte(out, ')');
    } else if (found) {
        text_add(out, SLICE("the hearth on your PATH is another one: "));
        text_visible(out, slice_of(found));
    } else if (is_us(linked, us)) {
        text_add(out, SLICE("not on your PATH; add to your shell's profile:\n"
                            "           export PATH=\"$HOME/.local/bin:$PATH\""));
    }
}

/* ---- what to do next ------------------------------------------------------------------------ */

static void suggest(struct text *out, const char *command, const char *words)
{
    size_t from = out->len;
    text_add(out, SLICE("  "));
    text_visible(out, slice_of(command));
    if (out->len - from + 2 > LEFT)
        text_add(out, SLICE("  "));
    else
        cli_pad(out, from, LEFT);
    text_add(out, slice_of(words));
    text_byte(out, '\n');
}

static void suggest_model(struct cli *c, struct config *config)
{
    struct arena a = {0};
    struct machine m = {0};
    struct text words = {0};
    uint64_t bytes = 0;
    bool read = !machine_read("", &a, &m, NULL);
    const struct config_model *best =
        config && read ? stores_best(config, m.memory_total, &bytes) : NULL;
    const char *run = best ? arena_format(&c->arena, "hearth run %s", best->name).ptr : NULL;
    if (run) {
        text_add(&words, SLICE("the best of yours that fits ("));
        stores_size(&words, bytes);
        text_add(&words, SLICE(" of "));
        stores_size(&words, m.memory_total);
        text_byte(&words, ')');
        suggest(&c->out, run, text_cstr(&words));
    } else {
        suggest(&c->out, "hearth run FILE.gguf", "any GGUF file; it stays where it is");
    }
    text_fini(&words);
    arena_fini(&a);
}

static void print_next(struct cli *c, struct config *config)
{
    text_byte(&c->out, '\n');
    suggest_model(c, config);
    suggest(&c->out, "hearth connect continue", "or opencode, open-webui, sillytavern, aider");
    suggest(&c->out, "hearth service install", "so that it is here after a restart");
    suggest(&c->out, "hearth help", "all commands; with words: what they are about");
}

/* ---- the screen ----------------------------------------------------------------------------- */

static void print_found(struct cli *c, struct config *config)
{
    struct library *found = config_library(config);
    size_t models = 0;
    for (size_t i = 0; i < config->models_n; i++)
        models += !config->models[i].guide;
    library_compare(found);
    if (!stores_print(found, &c->out) && !models)
        text_format(&c->out, "%-*sno models yet\n", (int)LABEL, "found");
}

/* What keeps it from answering, if anything does. */
static void print_trouble(struct cli *c, const struct json_value *status)
{
    const struct json_value *warnings = json_get(status, "warnings");
    size_t n = json_count(warnings);
    if (!n)
        return;
    size_t from = c->out.len;
    cli_paint(&c->out, c->out_colours, COLOUR_YELLOW, "trouble");
    cli_pad(&c->out, from, LABEL);
    text_visible(&c->out, json_text(json_at(warnings, 0)));
    text_byte(&c->out, '\n');
    if (n > 1)
        text_format(&c->out, "%-*sand %zu more: hearth status\n", (int)LABEL, "", n - 1);
}

static void print_running(struct cli *c, const struct json_value *status)
{
    size_t from = c->out.len;
    int64_t pid;
    struct text path = {0};
    cli_paint(&c->out, c->out_colours, COLOUR_GREEN, "ready");
    cli_pad(&c->out, from, LABEL);
    from = c->out.len;
    if (!cli_who(status, &c->out, &pid))
        text_add(&c->out, SLICE("its status is not understood"));
    tell_path(c, &path);
    if (path.len) {
        cli_pad(&c->out, from, LEFT - LABEL);
        text_add(&c->out, SLICE("  "));
        text_add(&c->out, text_slice(&path));
    }
    text_fini(&path);
    text_byte(&c->out, '\n');
    print_trouble(c, status);
}

/* Not running is an answer here, no failure. */
int first_run(struct cli *c)
{
    struct answer a = {0};
    struct why why = {0};
    struct json_doc doc = {0};
    struct config *config = NULL;
    struct config_report report = {0};
    const struct config_sources sources = {&c->paths, c->environment, NULL, NULL};
    enum err e = cli_ask_status(c, LOOK_MS, &a, &why);
    bool runs = e != ERR_NOT_RUNNING;
    if (runs && !e && a.status != 200) {
        int code = cli_refused(c, &a);
        answer_fini(&a);
        return code;
    }
    if (runs && !e)
        e = json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, &why);
    if (runs && e) {
        answer_fini(&a);
        return cli_fail(c, e, &why, NULL);
    }
    if (config_load(&sources, &config, &report))
        text_format(&c->out, "%-*sis not valid: hearth config check\n", (int)LABEL, "settings");
    else
        print_found(c, config);
    if (runs)
        print_running(c, doc.root);
    else
        text_format(&c->out, "%-*shearth up --detach starts it\n", (int)LABEL, "stopped");
    print_next(c, config);
    config_report_fini(&report);
    config_free(config);
    json_done(&doc);
    answer_fini(&a);
    return CLI_OK;
}
