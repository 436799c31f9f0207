/* daemon: wiring only. Opens the rooms in order, hands them to each other, and closes them in
 * reverse. It decides nothing about a request. */
#pragma once

#include "cli/cli.h"

/* Runs until it is told to stop; returns the exit code. */
int daemon_run(const struct cli_up *up);

void metrics_write_reference(struct text *out); /* all metrics as Markdown */
