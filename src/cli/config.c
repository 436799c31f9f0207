/* config: `hearth config check` and `hearth config show`. Both read the files as the daemon would
 * and need none. */
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
