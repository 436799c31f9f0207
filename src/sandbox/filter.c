/* filter: the list of refused calls (calls.def) as a program for the kernel. Pure: the numbers are
 * Linux's for both processors that we know, whichever this is compiled on.
 *
 * A program in classic BPF runs before each call of the engine's. It reads the call's number, the
 * processor's kind and the arguments (not what they point to), and ends with a verdict. Jumps lead
 * forward by at most 255 steps, so every call is a compare that skips its own few steps. Calls that
 * are let through whatever their arguments are cost nothing: the kernel finds out once and
 * remembers. */
#include <errno.h>

#include "sandbox/inside.h"

/* The steps, as linux/bpf_common.h has them. */
enum {
    LOAD = 0x20,       /* a 32-bit word at k */
    SKIP = 0x05,       /* k steps */
    IF_IS = 0x15,      /* equals k: yes steps, else no */
    IF_HAS_ANY = 0x45, /* has one of the bits in k */
    KEEP = 0x54,       /* only the bits in k */
    END = 0x06,        /* with the verdict k */
};
/* What is read: struct seccomp_data of linux/seccomp.h. Arguments are 64 bits, the low word first;
 * the kernel itself takes only that word of those that we look at. */
enum { AT_NUMBER = 0, AT_PROCESSOR = 4, AT_ARGUMENTS = 16, ARGUMENT_BYTES = 8 };
#define VERDICT_ALLOW 0x7fff0000u
#define VERDICT_KILL 0x80000000u  /* the process */
#define VERDICT_ERRNO 0x00050000u /* and the errno below it */
#define PROCESSOR_X86_64 0xc000003eu
#define PROCESSOR_AARCH64 0xc00000b7u
/* x86_64 has calls for 32-bit programs by the same door, with numbers of their own: all off. */
#define X32_BIT 0x40000000u

#define NONE (-1)
#define CLONE_NEW_ANY 0x7e020000u /* CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET */
#define PERSONALITY_ASK 0xffffffffu
#define TYPE_INTO_TERMINAL 0x5412u /* TIOCSTI */
#define TERMINAL_SELECTION 0x541cu /* TIOCLINUX */
#define FAMILY_UNIX 1u
#define FAMILY_4 2u
#define FAMILY_6 10u
#define MAP_LIKE_STACK 0x100u /* MAP_GROWSDOWN: counted as a stack, and so not at all */
#define MAP_SHARED_MEMORY                                                                          \
    0x21u /* MAP_SHARED (the other way of sharing has its bit) without a file */

enum verdict_kind {
    ALWAYS,
    IF_ANY_BIT,
    IF_ALL_BITS /* of one of the values */,
    IF_ONE_OF,
    IF_NONE_OF
};
enum whose { OF_ALL, WITHOUT_DEVICE, WITH_DEVICE };
#define MOST_VALUES 3

struct rule {
    enum verdict_kind refuse;
    int sys; /* what the caller reads in errno */
    unsigned argument, n;
    uint32_t values[MOST_VALUES];
};
struct call {
    const char *name;
    int x86_64, aarch64;
    enum whose whose;
    struct rule rule;
};

#define VALUES(...)                                                                                \
    .n = sizeof((uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), .values = {__VA_ARGS__}
#define REFUSE(e)                                                                                  \
    {                                                                                              \
        .refuse = ALWAYS, .sys = e                                                                 \
    }
#define REFUSE_BITS(e, i, ...)                                                                     \
    {                                                                                              \
        .refuse = IF_ANY_BIT, .sys = e, .argument = i, VALUES(__VA_ARGS__)                         \
    }
#define REFUSE_ALL(e, i, ...)                                                                      \
    {                                                                                              \
        .refuse = IF_ALL_BITS, .sys = e, .argument = i, VALUES(__VA_ARGS__)                        \
    }
#define REFUSE_ONLY(e, i, ...)                                                                     \
    {                                                                                              \
        .refuse = IF_ONE_OF, .sys = e, .argument = i, VALUES(__VA_ARGS__)                          \
    }
#define ALLOW_ONLY(e, i, ...)                                                                      \
    {                                                                                              \
        .refuse = IF_NONE_OF, .sys = e, .argument = i, VALUES(__VA_ARGS__)                         \
    }

static const struct call calls[] = {
#define CALL(name, x86_64, aarch64, ...) {#name, x86_64, aarch64, OF_ALL, __VA_ARGS__},
#define ALONE(name, x86_64, aarch64, ...) {#name, x86_64, aarch64, WITHOUT_DEVICE, __VA_ARGS__},
#define DEVICE(name, x86_64, aarch64, ...) {#name, x86_64, aarch64, WITH_DEVICE, __VA_ARGS__},
#include "sandbox/calls.def"
#undef CALL
#undef ALONE
#undef DEVICE
};

struct program {
    struct filter_step *steps;
    size_t n;
};

static void add(struct program *p, uint16_t code, uint32_t k, size_t yes, size_t no)
{
    assert(p->n < FILTER_MOST && yes <= UINT8_MAX && no <= UINT8_MAX);
    p->steps[p->n++] =
        (struct filter_step){.code = code, .yes = (uint8_t)yes, .no = (uint8_t)no, .k = k};
}

/* The bits that do not count are taken off, so the word is read anew for each value. */
static void add_all_bits(struct program *p, int number, const struct rule *r)
{
    add(p, IF_IS, (uint32_t)number, 0, r->n * 3 + 2);
    for (unsigned i = 0; i < r->n; i++) {
        add(p, LOAD, AT_ARGUMENTS + ARGUMENT_BYTES * r->argument, 0, 0);
        add(p, KEEP, r->values[i], 0, 0);
        add(p, IF_IS, r->values[i], (r->n - i - 1) * 3 + 1, 0);
    }
    add(p, END, VERDICT_ALLOW, 0, 0);
    add(p, END, VERDICT_ERRNO | (uint32_t)r->sys, 0, 0);
}

/* After it: the call is decided. The number is read already. */
static void add_call(struct program *p, int number, const struct rule *r)
{
    uint32_t refuse = VERDICT_ERRNO | (uint32_t)r->sys;
    if (r->refuse == ALWAYS) {
        add(p, IF_IS, (uint32_t)number, 0, 1);
        add(p, END, refuse, 0, 0);
        return;
    }
    if (r->refuse == IF_ALL_BITS) {
        add_all_bits(p, number, r);
        return;
    }
    uint16_t look = r->refuse == IF_ANY_BIT ? IF_HAS_ANY : IF_IS;
    bool found_is_bad = r->refuse != IF_NONE_OF;
    add(p, IF_IS, (uint32_t)number, 0, r->n + 3);
    add(p, LOAD, AT_ARGUMENTS + ARGUMENT_BYTES * r->argument, 0, 0);
    for (unsigned i = 0; i < r->n; i++) /* to the last step when found, else on */
        add(p, look, r->values[i], r->n - i, 0);
    add(p, END, found_is_bad ? VERDICT_ALLOW : refuse, 0, 0);
    add(p, END, found_is_bad ? refuse : VERDICT_ALLOW, 0, 0);
}

static void add_calls(struct program *p, bool x86_64, bool devices)
{
    for (size_t i = 0; i < COUNT(calls); i++) {
        int number = x86_64 ? calls[i].x86_64 : calls[i].aarch64;
        bool counts = calls[i].whose != (devices ? WITHOUT_DEVICE : WITH_DEVICE);
        if (number != NONE && counts)
            add_call(p, number, &calls[i].rule);
    }
    add(p, END, VERDICT_ALLOW, 0, 0);
}

size_t filter_make(bool devices, struct filter_step into[static FILTER_MOST])
{
    struct program p = {.steps = into};
    add(&p, LOAD, AT_PROCESSOR, 0, 0);
    add(&p, IF_IS, PROCESSOR_X86_64, 3, 0);
    add(&p, IF_IS, PROCESSOR_AARCH64, 1, 0);
    add(&p, END, VERDICT_KILL, 0, 0); /* a program for another kind: numbers mean other things */
    size_t to_aarch64 = p.n;
    add(&p, SKIP, 0, 0, 0);
    add(&p, LOAD, AT_NUMBER, 0, 0);
    add(&p, IF_HAS_ANY, X32_BIT, 0, 1);
    add(&p, END, VERDICT_ERRNO | ENOSYS, 0, 0);
    add_calls(&p, true, devices);
    p.steps[to_aarch64].k = (uint32_t)(p.n - to_aarch64 - 1);
    add(&p, LOAD, AT_NUMBER, 0, 0);
    add_calls(&p, false, devices);
    return p.n;
}
