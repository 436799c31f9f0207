/* hold: starts a program where there is no bubblewrap, held as bubblewrap would hold it, with what
 * a process can set on itself: no capabilities and no new privileges, no core dumps, the filter of
 * calls, no descriptors but its standard ones. It sees the files and the network of its user.
 * guard.c ends it. */
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "bridge/bridge.h"

#define MOST_STEPS 4096u /* what the kernel takes */

static bool load_filter(void)
{
    struct sock_filter steps[MOST_STEPS];
    size_t got = 0;
    ssize_t n;
    while ((n = read(SECCOMP_FD, (char *)steps + got, sizeof steps - got)) > 0)
        got += (size_t)n;
    close(SECCOMP_FD);
    if (n < 0 || got == 0 || got % sizeof *steps != 0) {
        errno = n < 0 ? errno : EINVAL;
        return false;
    }
    struct sock_fprog program = {.len = (unsigned short)(got / sizeof *steps), .filter = steps};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0)
        return true;
    if (errno != EINVAL && errno != ENOSYS)
        return false;
    fprintf(stderr, "hearth-bridge: this kernel has no filter of calls; going on without\n");
    return true;
}

/* For root, who is not to be root in more than his files: none now, none after the exec. Nobody
 * else has any, and may not lower what he has not. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++) {
        if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) != 0 && errno != EPERM)
            return false;
    }
    return syscall(SYS_capset, &head, none) == 0;
}

/* One byte lets it run; the end of the pipe means that nobody will ever send one. */
static bool wait_for_leave(void)
{
    char byte;
    ssize_t n;
    struct pollfd block = {.fd = BLOCK_FD, .events = POLLIN};
    do { /* the other end may have made it non-blocking */
        n = poll(&block, 1, -1) > 0 ? read(BLOCK_FD, &byte, 1) : -1;
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    close(BLOCK_FD);
    return n == 1;
}

static _Noreturn void be_program(const struct bridge_words *words, const sigset_t *signals)
{
    const struct rlimit none = {0};
    close(STATUS_FD);
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        _exit(bridge_complain("cannot limit what it may do"));
    if (!wait_for_leave())
        _exit(BRIDGE_FAILED);
    if (words->folder && chdir(words->folder) != 0)
        _exit(bridge_complain(words->folder));
    if (!drop_capabilities() || !load_filter())
        _exit(bridge_complain("cannot set what it may not do"));
    bridge_become(words->program, signals);
}

static bool tell_status(pid_t program)
{
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_key(&w, "child-pid");
    json_put_int(&w, program);
    json_close_object(&w);
    text_byte(&line, '\n');
    bool told = !line.failed && write(STATUS_FD, line.ptr, line.len) == (ssize_t)line.len;
    text_fini(&line);
    return told;
}

int bridge_hold(const struct bridge_words *words)
{
    return bridge_guard(words, be_program, tell_status);
}
