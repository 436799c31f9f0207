/* restart: `hearth restart`: down, and up again in the background. The configuration is read before
 * anything is stopped: one with a mistake in it must not cost who works with hearth his daemon. */
#include "cli/inner.h"

int restart_run(struct cli *c)
{
    struct config *config;
    int code;
    if (!change_load(c, &config, &code))
        return code;
    config_free(config);
    code = down_first(c);
    if (code != CLI_OK && code != CLI_NOT_RUNNING)
        return code;
    c->options.detach = true;
    return up_run(c);
}
