/* machine: what this machine has to compute with: processors, memory, devices. Reads the system's
 * own files and decides nothing. root stands before all of them: "" is the real machine, anything
 * else a test's fake tree. Files block: not on the loop. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum device_kind { DEVICE_NVIDIA, DEVICE_AMD, DEVICE_INTEL, DEVICE_APPLE, DEVICE_KINDS };

struct device {
    enum device_kind kind;
    const char *id;                     /* its PCI address, "0000:01:00.0" */
    const char *name;                   /* for people; never empty */
    const char *driver;                 /* "nvidia 550.54", "amdgpu"; "" when none is loaded */
    uint64_t memory_total, memory_free; /* bytes of its own; 0: not known */
    bool unified;                       /* it computes in the machine's own memory */
    const char *trouble, *mend;         /* why it cannot be used, what to do; both "" when it can */
    const char *note;                   /* "", or: what it could do besides, and how */
    bool vulkan, cuda, hip, metal;      /* the flavours of engines that can use it */
    const char *const *nodes;           /* device files that an engine needs to use it */
    size_t n_nodes;
};

struct machine {
    const char *cpu;          /* "AMD Ryzen 9 7950X" */
    const char *instructions; /* the best of what engines have code for: "AVX-512" */
    unsigned cores, threads;
    uint64_t memory_total, memory_free; /* free: what can be had without swapping */
    const struct device *devices;
    size_t n_devices;
};
enum err machine_read(const char *root, struct arena *a, struct machine *ret_machine,
                      struct why *why) MUST_USE;

/* Its memory alone, as it is now; zeros where it cannot be told. */
void machine_memory(const char *root, uint64_t *ret_total, uint64_t *ret_free);

/* Files of drivers (libraries and those they need, their configuration) and folders that an engine
 * in a sandbox needs besides the nodes to use these devices; each is mounted where it is, and left
 * out where the pack has its own. Never the C and C++ libraries: those are the pack's. */
enum err machine_drivers(const char *root, const struct machine *m, struct arena *a,
                         const char *const **ret_paths, size_t *ret_n, struct why *why) MUST_USE;

const char *device_kind_name(enum device_kind kind); /* "nvidia" */

/* The machine as an object of JSON, the same wherever it is told. */
struct json_writer;
void machine_json(const struct machine *m, struct json_writer *w);
void machine_device_json(const struct device *d, struct json_writer *w);
