/* main: hearth-bridge. See bridge.h. */
#include <stdio.h>

#include "bridge/bridge.h"

static const struct mode {
    const char *name;
    int (*run)(const struct bridge_words *words);
} modes[] = {
    {"start", bridge_start},
    {"hold", bridge_hold},
    {"tcp", bridge_tcp},
};

int main(int argc, char **argv)
{
    struct bridge_words words;
    for (size_t i = 0; argc > 1 && i < COUNT(modes); i++) {
        if (strcmp(argv[1], modes[i].name) == 0)
            return bridge_read_words(argv + 2, &words) ? modes[i].run(&words) : BRIDGE_USAGE;
    }
    fprintf(stderr, "hearth-bridge: a part of hearth, which starts it; not for people\n");
    return BRIDGE_USAGE;
}
