/* reload: `hearth reload`, and what it changed. */
#include <stdio.h>

#include "cli/inner.h"

#define ASK_MS 30000u

static size_t print_list(const struct json_value *list, const char *before, struct text *out)
{
    for (struct json_iter i = json_begin(list); json_next(&i);) {
        text_format(out, "  %s ", before);
        text_visible(out, json_text(i.value));
        text_byte(out, '\n');
    }
    return json_count(list);
}

static size_t print_section(const struct json_value *section, const char *one, struct text *out)
{
    static const char *const words[] = {"added", "removed", "changed"};
    size_t n = 0;
    for (size_t i = 0; i < COUNT(words); i++) {
        char before[40];
        snprintf(before, sizeof before, "%s %s", words[i], one);
        n += print_list(json_get(section, words[i]), before, out);
    }
    return n;
}

void reload_print(const struct json_value *answer, bool colours, struct text *out)
{
    const struct json_value *waiting = json_get(answer, "restart_needed");
    struct text changes = {0};
    size_t n = print_list(json_get(answer, "changed"), "changed", &changes);
    n += print_section(json_get(answer, "providers"), "provider", &changes);
    n += print_section(json_get(answer, "models"), "model", &changes);
    if (n)
        text_add(out, SLICE("The configuration was read again:\n"));
    else if (json_count(waiting))
        text_add(out, SLICE("The configuration was read again.\n"));
    else
        text_add(out, SLICE("The configuration was read again; nothing differs.\n"));
    text_add(out, text_slice(&changes));
    text_fini(&changes);
    if (json_count(waiting)) {
        cli_paint(out, colours, COLOUR_YELLOW, "Only a restart applies:");
        text_byte(out, '\n');
        print_list(waiting, "waits", out);
        text_add(out, SLICE("Restart with `hearth restart`.\n"));
    }
}

enum err reload_ask(struct cli *c, struct answer *ret_answer, struct why *why)
{
    const struct question q = {METHOD_POST, "/hearth/v1/reload", SLICE(""), ASK_MS};
    return cli_ask(c, &q, ret_answer, why);
}

int reload_run(struct cli *c)
{
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    enum err e = reload_ask(c, &a, &why);
    if (e == ERR_NOT_RUNNING)
        return cli_not_running(c);
    if (e)
        return cli_fail(c, e, &why, "Its log may say more: `hearth logs`.");
    int code = CLI_OK;
    bool good = a.status == 200;
    if (json_read(text_slice(&a.body), &json_usual_limits, NULL, &doc, &why)) {
        code = good ? cli_fail(c, ERR_INTERNAL, &why, NULL) : cli_refused(c, &a);
    } else {
        if (c->options.json)
            cli_json(&c->out, text_slice(&a.body));
        else if (good)
            reload_print(doc.root, c->out_colours, &c->out);
        if (!good)
            code = cli_refused(c, &a);
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}
