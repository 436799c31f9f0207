/* config: `hearth config`, `hearth config check` and `hearth config show`. All read the files as
 * the daemon would and need none. */
#include <dirent.h>
#include <unistd.h>

#include "cli/inner.h"

static enum err load(struct cli *c, struct config **ret_config, struct config_report *report)
{
    const char *set[MOST_WORDS + 1] = {0};
    memcpy(set, c->options.set.items, c->options.set.n * sizeof set[0]);
    const struct config_sources sources = {&c->paths, c->environment, set, NULL};
    return config_load(&sources, ret_config, report);
}

static int fail(struct cli *c, enum err e, const struct config_report *report)
{
    struct why why = {0};
    if (e != ERR_CONFIG)
        return cli_fail(c, e, NULL, NULL);
    why_set(&why, e, "the configuration is not valid: %zu error%s", report->errors,
            report->errors == 1 ? "" : "s");
    return cli_fail(c, e, &why, "Correct what is named above.");
}

int config_check_run(struct cli *c)
{
    struct config *config = NULL;
    struct config_report report = {0};
    enum err e = load(c, &config, &report);
    int code = e ? cli_exit_of(e) : CLI_OK;
    if (c->options.json && (!e || e == ERR_CONFIG)) {
        config_report_json(&report, &c->out);
        text_byte(&c->out, '\n');
    } else {
        config_report_print(&report, &c->err);
        if (e)
            code = fail(c, e, &report);
        else
            text_format(&c->out, "The configuration is valid%s.\n",
                        report.warnings ? "; see the warnings" : "");
    }
    config_report_fini(&report);
    config_free(config);
    return code;
}

int config_show_run(struct cli *c)
{
    struct config *config = NULL;
    struct config_report report = {0};
    enum err e = load(c, &config, &report);
    int code = CLI_OK;
    config_report_print(&report, &c->err);
    if (e) {
        code = fail(c, e, &report);
    } else if (c->options.json) {
        config_show_json(config, &c->out);
        text_byte(&c->out, '\n');
    } else {
        config_show(config, c->options.origin, &c->out);
    }
    config_report_fini(&report);
    config_free(config);
    return code;
}

/* ---- config alone: where it is, whether it holds, what is set -------------------------------- */

static size_t count_files(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t n = 0;
    for (struct dirent *d; dir && (d = readdir(dir));)
        n += d->d_name[0] != '.' && slice_ends(slice_of(d->d_name), SLICE(".yaml"));
    if (dir)
        closedir(dir);
    return n;
}

static const struct file {
    const char *name;
    bool usual; /* told also where it is not there */
} files[] = {
    {"hearth.yaml", true}, {"conf.d", true}, {".env", false}, {"llm_providers.yaml", false}};

static void print_files(struct cli *c)
{
    const char *label = "files";
    for (size_t i = 0; i < COUNT(files); i++) {
        const char *path = arena_format(&c->arena, "%s/%s", c->paths.config, files[i].name).ptr;
        bool there = path && access(path, F_OK) == 0;
        size_t n = there ? count_files(path) : 0;
        if (!path || (!there && !files[i].usual))
            continue;
        text_format(&c->out, "%-9s ", label);
        text_visible(&c->out, slice_of(path));
        if (!there)
            text_add(&c->out, SLICE("  (not there)"));
        else if (!strcmp(files[i].name, "conf.d"))
            text_format(&c->out, "  (%zu file%s)", n, n == 1 ? "" : "s");
        text_byte(&c->out, '\n');
        label = "";
    }
}

static void print_place(struct cli *c, const char *label, const char *path)
{
    text_format(&c->out, "%-9s ", label);
    text_visible(&c->out, slice_of(path));
    text_byte(&c->out, '\n');
}

static void print_overview(struct cli *c, const struct config *config)
{
    struct text set = {0};
    print_files(c);
    print_place(c, "data", c->paths.data);
    print_place(c, "sockets", c->paths.run);
    print_place(c, "models", config ? config->library : c->paths.library);
    text_add(&c->out, SLICE("valid     "));
    cli_paint(&c->out, c->out_colours, config ? COLOUR_GREEN : COLOUR_RED, config ? "yes" : "no");
    text_byte(&c->out, '\n');
    if (config)
        config_show_set(config, &set);
    if (set.len)
        text_add(&c->out, SLICE("\n"));
    else if (config)
        text_add(&c->out, SLICE("\nNothing is set: all holds as installed. `hearth help options` "
                                "shows what can be.\n"));
    text_add(&c->out, text_slice(&set));
    text_fini(&set);
}

/* Of the whole JSON only what somebody said. */
static void put_set(const struct config *config, struct json_writer *w)
{
    struct text all = {0}, one = {0};
    struct json_doc doc;
    config_show_json(config, &all);
    json_key(w, "set");
    json_open_array(w);
    if (!json_read(text_slice(&all), &json_usual_limits, NULL, &doc, NULL)) {
        for (struct json_iter i = json_begin(json_get(doc.root, "settings")); json_next(&i);) {
            if (slice_is(json_text(json_get(i.value, "from")), SLICE("default")))
                continue;
            text_clear(&one);
            json_copy(i.value, &one);
            json_put_raw(w, text_slice(&one));
        }
        json_done(&doc);
    }
    json_close_array(w);
    w->out->failed |= all.failed || one.failed;
    text_fini(&all);
    text_fini(&one);
}

static void put_overview(struct cli *c, const struct config *config,
                         const struct config_report *report)
{
    struct text all = {0}, problems = {0};
    struct json_writer w = json_writer(&all);
    json_open_object(&w);
    json_key(&w, "valid");
    json_put_bool(&w, config != NULL);
    json_put_pair(&w, "config", slice_of(c->paths.config));
    json_put_pair(&w, "data", slice_of(c->paths.data));
    json_put_pair(&w, "run", slice_of(c->paths.run));
    json_put_pair(&w, "library", slice_of(config ? config->library : c->paths.library));
    config_report_json(report, &problems);
    json_key(&w, "report");
    json_put_raw(&w, text_slice(&problems));
    if (config)
        put_set(config, &w);
    json_close_object(&w);
    c->out.failed |= all.failed || problems.failed;
    cli_json(&c->out, text_slice(&all));
    text_fini(&all);
    text_fini(&problems);
}

int config_run(struct cli *c)
{
    struct config *config = NULL;
    struct config_report report = {0};
    enum err e = load(c, &config, &report);
    int code = CLI_OK;
    if (e)
        config = NULL;
    if (!c->options.json)
        config_report_print(&report, &c->err);
    if (e && e != ERR_CONFIG) {
        code = fail(c, e, &report);
    } else if (c->options.json) {
        put_overview(c, config, &report);
        code = e ? cli_exit_of(e) : CLI_OK;
    } else {
        print_overview(c, config);
        if (e)
            code = fail(c, e, &report);
    }
    config_report_fini(&report);
    config_free(config);
    return code;
}
