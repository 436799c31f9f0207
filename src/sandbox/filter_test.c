/* filter_test: the filter of calls, run by a small interpreter of our own for both processors, its
 * numbers against the system's headers, and its effect on a process that has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/inside.h"
#include "sandbox/number_testing.h"

/* As the kernel runs it, for the few kinds of steps that we use; anything else fails the test. */
static uint32_t run(const struct filter_step *steps, size_t n, const struct seccomp_data *data)
{
    uint32_t word = 0;
    for (size_t at = 0; at < n; at++) {
        const struct filter_step *s = &steps[at];
        switch (s->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(s->k % 4 == 0 && s->k + 4 <= sizeof *data);
            memcpy(&word, (const char *)data + s->k, 4);
            break;
        case BPF_JMP | BPF_JA:
            at += s->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += word == s->k ? s->yes : s->no;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += word & s->k ? s->yes : s->no;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            word &= s->k;
            break;
        case BPF_RET | BPF_K:
            return s->k;
        default:
            fail_msg("step %zu: unknown code %#x", at, s->code);
        }
    }
    fail_msg("it ran over its end");
    return 0;
}

static uint32_t judge(bool devices, uint32_t processor, int number, const uint64_t args[4])
{
    struct filter_step steps[FILTER_MOST];
    const struct seccomp_data data = {
        .nr = number, .arch = processor, .args = {args[0], args[1], args[2], args[3]}};
    return run(steps, filter_make(devices, steps), &data);
}

#define REFUSED(e) (SECCOMP_RET_ERRNO | (uint32_t)(e))
#define ALLOWED SECCOMP_RET_ALLOW
#define X86 AUDIT_ARCH_X86_64
#define ARM AUDIT_ARCH_AARCH64

static const struct {
    uint32_t processor;
    int number;
    uint64_t first, second;
    uint32_t verdict;
} cases[] = {
    {X86, 0, 0, 0, ALLOWED},  /* read */
    {X86, 59, 0, 0, ALLOWED}, /* execve */
    {X86, 101, 0, 0, REFUSED(EPERM)},
    {X86, 117, 0, 0, ALLOWED}, /* setresuid here, ptrace there */
    {ARM, 117, 0, 0, REFUSED(EPERM)},
    {ARM, 101, 0, 0, ALLOWED}, /* nanosleep there */
    {X86, 435, 0, 0, REFUSED(ENOSYS)},
    {ARM, 435, 0, 0, REFUSED(ENOSYS)},
    {X86, 425, 0, 0, REFUSED(ENOSYS)},
    {X86, 165, 0, 0, REFUSED(EPERM)},
    {ARM, 40, 0, 0, REFUSED(EPERM)},
    /* clone: a thread, a process, and namespaces one by one */
    {X86, 56, 0x3d0f00, 0, ALLOWED},
    {ARM, 220, 0x11, 0, ALLOWED},
    {X86, 56, CLONE_NEWUSER | 0x11, 0, REFUSED(EPERM)},
    {X86, 56, CLONE_NEWNS, 0, REFUSED(EPERM)},
    {X86, 56, CLONE_NEWCGROUP, 0, REFUSED(EPERM)},
    {X86, 56, CLONE_NEWUTS, 0, REFUSED(EPERM)},
    {X86, 56, CLONE_NEWIPC, 0, REFUSED(EPERM)},
    {X86, 56, CLONE_NEWPID, 0, REFUSED(EPERM)},
    {ARM, 220, CLONE_NEWNET, 0, REFUSED(EPERM)},
    {X86, 56, CLONE_NEWUSER | 1ull << 32, 0, REFUSED(EPERM)},
    /* families of sockets; the kernel takes the low word of the argument */
    {X86, 41, AF_UNIX, 0, ALLOWED},
    {X86, 41, AF_INET, 0, ALLOWED},
    {ARM, 198, AF_INET6, 0, ALLOWED},
    {X86, 41, AF_NETLINK, 0, REFUSED(EAFNOSUPPORT)},
    {ARM, 198, AF_PACKET, 0, REFUSED(EAFNOSUPPORT)},
    {X86, 41, AF_VSOCK, 0, REFUSED(EAFNOSUPPORT)},
    {X86, 41, AF_NETLINK | 1ull << 32, 0, REFUSED(EAFNOSUPPORT)},
    {X86, 53, AF_UNIX, 0, ALLOWED},
    {X86, 53, AF_INET, 0, REFUSED(EAFNOSUPPORT)},
    /* writing into a terminal, also with a high word that the kernel does not see */
    {X86, 16, 0, TIOCSTI, REFUSED(EPERM)},
    {X86, 16, 0, TIOCSTI | 1ull << 32, REFUSED(EPERM)},
    {ARM, 29, 0, TIOCLINUX, REFUSED(EPERM)},
    {X86, 16, TIOCSTI, FIONREAD, ALLOWED},
    {X86, 135, 0xffffffff, 0, ALLOWED},
    {X86, 135, ADDR_NO_RANDOMIZE, 0, REFUSED(EPERM)},
    /* the doors of other kinds of programs */
    {X86, (int)0x40000000, 0, 0, REFUSED(ENOSYS)},
    {X86, (int)0x40000065, 0, 0, REFUSED(ENOSYS)},
    {AUDIT_ARCH_I386, 26, 0, 0, SECCOMP_RET_KILL_PROCESS},
    {AUDIT_ARCH_ARM, 26, 0, 0, SECCOMP_RET_KILL_PROCESS},
};

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint64_t args[4] = {cases[i].first, cases[i].second};
        for (unsigned devices = 0; devices < 2; devices++) {
            uint32_t verdict = judge(devices, cases[i].processor, cases[i].number, args);
            if (verdict != cases[i].verdict)
                fail_msg("case %zu: %#x instead of %#x", i, verdict, cases[i].verdict);
        }
    }
}

/* What shares memory, without a device and with one. */
static const struct {
    uint32_t processor;
    int number;
    uint64_t flags; /* the fourth argument */
    uint32_t alone, device;
} memory[] = {
    {X86, 9, MAP_PRIVATE | MAP_ANONYMOUS, ALLOWED, ALLOWED},
    {X86, 9, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, ALLOWED, ALLOWED},
    {X86, 9, MAP_SHARED, ALLOWED, ALLOWED}, /* a file's */
    {X86, 9, MAP_SHARED_VALIDATE | MAP_SYNC, ALLOWED, ALLOWED},
    {X86, 9, MAP_SHARED | MAP_ANONYMOUS, REFUSED(EPERM), ALLOWED},
    {X86, 9, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | 1ull << 32, REFUSED(EPERM), ALLOWED},
    {X86, 9, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, REFUSED(EPERM), ALLOWED},
    {ARM, 222, MAP_SHARED | MAP_ANONYMOUS, REFUSED(EPERM), ALLOWED},
    {ARM, 222, MAP_PRIVATE | MAP_ANONYMOUS, ALLOWED, ALLOWED},
    {X86, 9, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, REFUSED(EPERM), REFUSED(EPERM)},
    {ARM, 222, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, REFUSED(EPERM), REFUSED(EPERM)},
    {X86, 319, 0, REFUSED(ENOSYS), ALLOWED},
    {ARM, 279, 0, REFUSED(ENOSYS), ALLOWED},
    {X86, 29, 0, REFUSED(ENOSYS), ALLOWED},
    {ARM, 194, 0, REFUSED(ENOSYS), ALLOWED},
    {X86, 447, 0, REFUSED(ENOSYS), REFUSED(ENOSYS)},
};

static void shared_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(memory); i++) {
        const uint64_t args[4] = {0, 4096, 3, memory[i].flags};
        uint32_t alone = judge(false, memory[i].processor, memory[i].number, args);
        uint32_t device = judge(true, memory[i].processor, memory[i].number, args);
        if (alone != memory[i].alone || device != memory[i].device)
            fail_msg("case %zu: %#x and %#x", i, alone, device);
    }
}

/* Every call of the table is refused with the worst argument, on the processor that has it. */
static void every_row_is_in_it(void **state)
{
    static const struct {
        const char *name;
        int x86_64, aarch64;
        bool devices;
    } rows[] = {
#define CALL(name, x86_64, aarch64, ...) {#name, x86_64, aarch64, false},
#define ALONE(name, x86_64, aarch64, ...) {#name, x86_64, aarch64, false},
#define DEVICE(name, x86_64, aarch64, ...) {#name, x86_64, aarch64, true},
#include "sandbox/calls.def"
#undef CALL
#undef ALONE
#undef DEVICE
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t first = strcmp(rows[i].name, "clone") == 0 ? CLONE_NEWUSER : 99;
        const uint64_t args[4] = {first, TIOCSTI, 0, MAP_GROWSDOWN};
        const struct {
            uint32_t processor;
            int number;
        } both[] = {{X86, rows[i].x86_64}, {ARM, rows[i].aarch64}};
        for (size_t j = 0; j < COUNT(both); j++) {
            if (both[j].number == NONE)
                continue;
            uint32_t verdict = judge(rows[i].devices, both[j].processor, both[j].number, args);
            if ((verdict & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO)
                fail_msg("%s is let through: %#x", rows[i].name, verdict);
        }
    }
}

static void numbers_are_this_processors(void **state)
{
    static const struct number_row x86_64[] = {
#define CALL(name, x86_64, aarch64, ...) {#name, x86_64, AS_TEXT(__NR_##name)},
#define ALONE CALL
#define DEVICE CALL
#include "sandbox/calls.def"
#undef CALL
#undef ALONE
#undef DEVICE
    };
    static const struct number_row aarch64[] = {
#define CALL(name, x86_64, aarch64, ...) {#name, aarch64, AS_TEXT(__NR_##name)},
#define ALONE CALL
#define DEVICE CALL
#include "sandbox/calls.def"
#undef CALL
#undef ALONE
#undef DEVICE
    };
    (void)state;
    bool is_x86 = SYS_getpid == 39;
    assert_true(numbers_check(is_x86 ? x86_64 : aarch64, COUNT(x86_64)) > 50);
}

/* ---- in the kernel -------------------------------------------------------------------------- */

static void put_on(void)
{
    int fd;
    struct filter_step steps[FILTER_MOST];
    struct sock_fprog program = {.filter = (struct sock_filter *)(void *)steps};
    assert_int_equal(sandbox_seccomp(false, &fd, NULL), OK);
    ssize_t n = read(fd, steps, sizeof steps);
    assert_true(n > 0 && n % 8 == 0);
    close(fd);
    program.len = (unsigned short)((size_t)n / sizeof *steps);
    assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0), 0);
}

static bool is_refused(long result)
{
    return result == -1 && errno == EPERM;
}

/* The number of the first thing that went otherwise than it should; 0 when all is well. */
static int try_calls(void)
{
    if (!is_refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL)))
        return 1;
    if (!is_refused(mount("none", "/", "tmpfs", MS_REMOUNT | MS_RDONLY, NULL)))
        return 2;
    if (!is_refused(unshare(CLONE_NEWUSER)))
        return 3;
    if (!is_refused(personality(ADDR_NO_RANDOMIZE)))
        return 4;
    if (!is_refused(ioctl(0, TIOCSTI, "x")))
        return 5;
    if (!is_refused((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0)))
        return 6;
    if (syscall(SYS_clone3, NULL, 0) != -1 || errno != ENOSYS)
        return 20;
    if (socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || errno != EAFNOSUPPORT)
        return 21;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || close(fd) != 0 || getppid() <= 0 || personality(0xffffffff) < 0)
        return 22;
    return 0;
}

static void a_process_that_has_it(void **state)
{
    (void)state;
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        put_on();
        _exit(try_calls());
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts),
        cmocka_unit_test(shared_memory),
        cmocka_unit_test(every_row_is_in_it),
        cmocka_unit_test(numbers_are_this_processors),
        cmocka_unit_test(a_process_that_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
