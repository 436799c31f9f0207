/* words: the command line of hearth-bridge. Only hearth writes it, so it is told shortly what is
 * wrong with it. */
#include <stdio.h>

#include "bridge/bridge.h"

static bool read_port(const char *text, unsigned *ret_port)
{
    unsigned port = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (len > 5 || text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    *ret_port = port;
    return port > 0 && port <= 65535;
}

static bool read_one(struct bridge_words *w, const char *name, const char *value)
{
    if (!value)
        return false;
    if (strcmp(name, "--folder") == 0)
        w->folder = value;
    else if (strcmp(name, "--socket") == 0)
        w->socket = value;
    else if (strcmp(name, "--port") == 0)
        return read_port(value, &w->port);
    else
        return false;
    return true;
}

bool bridge_read_words(char **argv, struct bridge_words *ret_words)
{
    struct bridge_words w = {0};
    while (*argv && strcmp(*argv, "--") != 0) {
        if (!read_one(&w, argv[0], argv[1])) {
            fprintf(stderr, "hearth-bridge: not understood: %.100s\n", *argv);
            return false;
        }
        argv += 2;
    }
    if (!*argv || !argv[1]) {
        fprintf(stderr, "hearth-bridge: which program?\n");
        return false;
    }
    w.program = argv + 1;
    *ret_words = w;
    return true;
}
