/* version: `hearth --version`. */
#include "cli/inner.h"

int version_run(struct cli *c)
{
    if (!c->options.json) {
        text_add(&c->out, SLICE("hearth " HEARTH_VERSION "\n"));
        return CLI_OK;
    }
    struct json_writer w = json_writer(&c->out);
    json_open_object(&w);
    json_put_pair(&w, "version", SLICE(HEARTH_VERSION));
    json_close_object(&w);
    text_byte(&c->out, '\n');
    return CLI_OK;
}
