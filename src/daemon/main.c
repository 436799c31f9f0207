/* main: hands the daemon to the command line. */
#include "api/api.h"
#include "daemon/daemon.h"

int main(int argc, char **argv)
{
    const struct cli_daemon daemon = {.run = daemon_run,
                                      .write_endpoints = api_write_reference,
                                      .write_metrics = metrics_write_reference};
    return cli_main(argc, argv, &daemon);
}
