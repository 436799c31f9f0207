/* start: bubblewrap, watched over. bubblewrap holds the program and tells its pid itself. */
#include "bridge/bridge.h"

static _Noreturn void be_bubblewrap(const struct bridge_words *words, const sigset_t *signals)
{
    bridge_become(words->program, signals);
}

int bridge_start(const struct bridge_words *words)
{
    return bridge_guard(words, be_bubblewrap, NULL);
}
