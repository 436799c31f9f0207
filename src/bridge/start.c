/* start: becomes bubblewrap. bubblewrap itself asks to be ended with its parent, but late, and it
 * lets a held program run when the other end of the block is closed. Were whoever started us to
 * end in between, the program would run with nobody to end it. So we ask first, and then look
 * whether somebody still has the other end. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bridge/bridge.h"

int bridge_start(const struct bridge_words *words)
{
    sigset_t signals;
    struct pollfd block = {.fd = BLOCK_FD};
    /* It outlives the exec. Who starts us is not known by its pid: the pipe says if it is there. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return bridge_complain("cannot ask to end with whoever started this");
    if (poll(&block, 1, 0) != 0) {
        fprintf(stderr, "hearth-bridge: nobody waits for this any more\n");
        return BRIDGE_FAILED;
    }
    bridge_close_from(SECCOMP_FD + 1);
    if (sigprocmask(SIG_BLOCK, NULL, &signals) != 0)
        return bridge_complain("cannot read the blocked signals");
    bridge_become(words->program, &signals);
}
