/* machine_test: machines of many kinds, as trees of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "base/json.h"
#include "machine/testing.h"

#define GIB (1024ull * 1024 * 1024)
#define STRANGER 65534

static void assert_has(const char *words, const char *part)
{
    if (!strstr(words, part))
        fail_msg("\"%s\" is not in \"%s\"", part, words);
}

static void assert_nodes(const struct device *d, const char *list)
{
    struct text all = {0};
    for (size_t i = 0; i < d->n_nodes; i++)
        text_format(&all, "%s%s", i ? " " : "", d->nodes[i]);
    assert_string_equal(text_cstr(&all), list);
    text_fini(&all);
}

static void assert_usable(const struct device *d, bool vulkan, bool cuda, bool hip)
{
    assert_string_equal(d->trouble, "");
    assert_string_equal(d->mend, "");
    assert_int_equal(d->vulkan, vulkan);
    assert_int_equal(d->cuda, cuda);
    assert_int_equal(d->hip, hip);
}

static void assert_trouble(const struct device *d, const char *trouble, const char *mend)
{
    assert_has(d->trouble, trouble);
    assert_has(d->mend, mend);
    assert_false(d->vulkan || d->cuda || d->hip);
}

/* ---- processors and memory ---- */

static void instructions_are_named(void **state)
{
    struct fake *f = *state;
    static const struct {
        const char *info, *name, *instructions;
    } cases[] = {
        {"model name\t: AMD Ryzen 9 7950X 16-Core Processor\nflags\t\t: fpu sse2 sse4_2 avx avx2 "
         "fma f16c bmi2 avx512f avx512cd avx512bw avx512dq avx512vl\n",
         "AMD Ryzen 9 7950X 16-Core Processor", "AVX-512"},
        {"model name\t: Intel(R) Core(TM) i7-8700   CPU @ 3.20GHz\nflags\t: sse2 avx avx2 fma f16c "
         "bmi2\n",
         "Intel Core i7-8700 CPU @ 3.20GHz", "AVX2"},
        {"model name\t: X\nflags\t: sse2 avx avx2\n", "X", "AVX"}, /* engines want FMA with it */
        {"model name\t: X\nflags\t: sse2 sse4_2\n", "X", "SSE4.2"},
        {"model name\t: X\nflags\t: sse2 notavx\n", "X", "SSE2"},
        {"processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n", "Raspberry Pi 5", "NEON with I8MM"},
        {"processor\t: 0\nFeatures\t: fp asimd\n", "Raspberry Pi 5", "NEON"},
        {"rubbish", "Raspberry Pi 5", "unknown"},
        {"model name\t: \033[31mred\nflags\t:\n", "\\x1b[31mred", "unknown"},
    };
    fake_bytes(f, "/proc/device-tree/model", (struct slice){"Raspberry Pi 5\0", 15});
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake_put(f, "/proc/cpuinfo", cases[i].info);
        fake_read(f, 0);
        assert_string_equal(f->machine.cpu, cases[i].name);
        assert_string_equal(f->machine.instructions, cases[i].instructions);
    }
}

static void put_processors(struct fake *f, const char *allowed)
{
    fake_put(f, "/sys/devices/system/cpu/online", "0-7\n");
    for (int i = 0; i < 8; i++) {
        char path[96], text[32];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list",
                 i);
        snprintf(text, sizeof text, "%d,%d\n", i % 4, i % 4 + 4);
        fake_put(f, path, text);
    }
    if (allowed)
        fake_put(f, "/proc/self/status", allowed);
}

static void processors_are_those_that_are_ours(void **state)
{
    struct fake *f = *state;
    static const struct {
        const char *allowed;
        unsigned cores, threads;
    } cases[] = {
        {NULL, 4, 8},
        {"Cpus_allowed_list:\t0-7\n", 4, 8},
        {"Cpus_allowed_list:\t0-1,4-5\n", 2, 4},
        {"Cpus_allowed_list:\t4-7\n", 4, 4},
        {"Cpus_allowed_list:\t0-1023\n", 4, 8}, /* more than there are */
        {"Cpus_allowed_list:\t7-1,x\n", 4, 8},
        {"Cpus_allowed_list:\t0-18446744073709551615\n", 4, 8},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        put_processors(f, cases[i].allowed);
        fake_read(f, 0);
        assert_int_equal(f->machine.cores, cases[i].cores);
        assert_int_equal(f->machine.threads, cases[i].threads);
    }
}

static void an_empty_machine(void **state)
{
    struct fake *f = *state;
    fake_read(f, 0);
    assert_int_equal(f->machine.cores, 1);
    assert_int_equal(f->machine.threads, 1);
    assert_int_equal(f->machine.memory_total, 0);
    assert_true(*f->machine.cpu);
}

static void put_memory(struct fake *f)
{
    fake_put(
        f, "/proc/meminfo",
        "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"
        "Cached:          2097152 kB\n");
}

static void memory_is_what_can_be_had(void **state)
{
    struct fake *f = *state;
    put_memory(f);
    fake_read(f, 0);
    assert_int_equal(f->machine.memory_total, 16 * GIB);
    assert_int_equal(f->machine.memory_free, 8 * GIB);
    fake_put(f, "/proc/meminfo",
             "MemTotal: 16777216 kB\nMemFree: 1048576 kB\nCached: 2097152 kB\n");
    fake_read(f, 0);
    assert_int_equal(f->machine.memory_free, 3 * GIB);
    fake_put(f, "/proc/meminfo", "MemTotal: 99999999999999999999 kB\nMemAvailable: -1 kB\n");
    fake_read(f, 0);
    assert_int_equal(f->machine.memory_total, 0);
    assert_int_equal(f->machine.memory_free, 0);
}

static void groups_of_version_2(void **state)
{
    struct fake *f = *state;
    put_memory(f);
    put_processors(f, NULL);
    fake_put(f, "/proc/self/cgroup", "0::/user.slice/app.service\n");
    fake_put(f, "/sys/fs/cgroup/user.slice/memory.max", "4294967296\n");
    fake_put(f, "/sys/fs/cgroup/user.slice/memory.current", "3221225472\n");
    fake_put(f, "/sys/fs/cgroup/user.slice/memory.stat", "anon 1\ninactive_file 1073741824\n");
    fake_put(f, "/sys/fs/cgroup/user.slice/app.service/memory.max", "max\n");
    fake_put(f, "/sys/fs/cgroup/user.slice/app.service/cpu.max", "250000 100000\n");
    fake_read(f, 0);
    assert_int_equal(f->machine.memory_total, 4 * GIB);
    assert_int_equal(f->machine.memory_free, 2 * GIB); /* 4 - (3 - 1) */
    assert_int_equal(f->machine.threads, 3);
    assert_int_equal(f->machine.cores, 3);
    /* a container: the named folder is outside, the top is its own */
    fake_put(f, "/proc/self/cgroup", "0::/../../system.slice\n");
    fake_put(f, "/sys/fs/cgroup/memory.max", "1073741824\n");
    fake_put(f, "/sys/fs/cgroup/memory.current", "2147483648\n");
    fake_put(f, "/sys/fs/cgroup/cpu.max", "max 100000\n");
    fake_read(f, 0);
    assert_int_equal(f->machine.memory_total, GIB);
    assert_int_equal(f->machine.memory_free, 0);
    assert_int_equal(f->machine.threads, 8);
}

static void groups_of_version_1(void **state)
{
    struct fake *f = *state;
    put_memory(f);
    put_processors(f, NULL);
    fake_put(f, "/proc/self/cgroup",
             "9:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/ignored\n");
    fake_put(f, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
    fake_put(f, "/sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n");
    fake_put(f, "/sys/fs/cgroup/memory/memory.stat", "total_inactive_file 536870912\n");
    fake_put(f, "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "100000\n");
    fake_put(f, "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us", "100000\n");
    fake_read(f, 0);
    assert_int_equal(f->machine.memory_total, 2 * GIB);
    assert_int_equal(f->machine.memory_free, 3 * GIB / 2);
    assert_int_equal(f->machine.threads, 1);
    assert_int_equal(f->machine.cores, 1);
    fake_put(f, "/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us", "-1\n");
    fake_put(f, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    fake_read(f, 0);
    assert_int_equal(f->machine.memory_total, 16 * GIB);
    assert_int_equal(f->machine.threads, 8);
}

/* ---- devices ---- */

static void nvidia_desktop(void **state)
{
    struct fake *f = *state;
    fake_nvidia(f, true);
    fake_node(f, "/dev/nvidia-modeset");
    fake_node(f, "/dev/dri/renderD129");
    const struct device *d = fake_read(f, 1);
    assert_int_equal(d->kind, DEVICE_NVIDIA);
    assert_string_equal(d->id, "0000:01:00.0");
    assert_string_equal(d->name, "NVIDIA GeForce RTX 4090");
    assert_string_equal(d->driver, "nvidia 550.54.14");
    assert_int_equal(d->memory_total, 0);
    assert_false(d->unified);
    assert_usable(d, true, true, false);
    assert_nodes(d, "/dev/nvidiactl /dev/nvidia0 /dev/nvidia-uvm /dev/nvidia-modeset "
                    "/dev/dri/renderD129");
}

static void nvidia_without_uvm(void **state)
{
    struct fake *f = *state;
    fake_nvidia(f, false);
    const struct device *d = fake_read(f, 1);
    assert_trouble(d, "/dev/nvidia-uvm is not there", "nvidia-modprobe -u");
    assert_string_equal(d->driver, "nvidia 550.54.14");
}

static void nvidia_open_module_and_a_second_one(void **state)
{
    struct fake *f = *state;
    fake_nvidia(f, true);
    fake_put(f, "/proc/driver/nvidia/version",
             "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\n");
    fake_device(f, &(struct fake_pci){"0000:02:00.0", "0x030200\n", "0x10de\n", "0x2330\n",
                                      "nvidia", NULL});
    const struct device *d = fake_read(f, 2);
    assert_string_equal(d[0].driver, "nvidia 570.86.15");
    assert_usable(&d[0], true, true, false);
    assert_trouble(&d[1], "/dev/nvidia1 is not there", "nvidia-modprobe");
    assert_string_equal(d[1].name, "NVIDIA GPU 10de:2330");
}

static void nvidia_with_nouveau(void **state)
{
    struct fake *f = *state;
    fake_put(f, "/usr/bin/apt-get", "");
    fake_put(
        f, "/usr/share/misc/pci.ids",
        "# a list\n1002  Advanced Micro Devices\n\t2684  wrong\n10de  NVIDIA Corporation\n"
        "\t2683  before\n\t2684  AD102 [GeForce RTX 4090]\n\t\t1028 0001  sub\n\t2685  after\n");
    fake_device(f, &(struct fake_pci){"0000:01:00.0", "0x030000\n", "0x10de\n", "0x2684\n",
                                      "nouveau", "renderD128"});
    fake_node(f, "/dev/dri/renderD128");
    const struct device *d = fake_read(f, 1);
    assert_usable(d, true, false, false);
    assert_string_equal(d->driver, "nouveau");
    assert_string_equal(d->name, "NVIDIA GeForce RTX 4090");
    assert_has(d->note, "only Vulkan");
    assert_has(d->note, "sudo apt-get install nvidia-driver");
    fake_put(f, "/etc/os-release", "NAME=\"Ubuntu\"\nID=ubuntu\n");
    assert_has(fake_read(f, 1)->note, "ubuntu-drivers install");
}

static void devices_without_a_driver(void **state)
{
    struct fake *f = *state;
    static const struct fake_pci all[] = {
        {"0000:01:00.0", "0x030000\n", "0x10de\n", "0x2684\n", NULL, NULL},
        {"0000:02:00.0", "0x038000\n", "0x1002\n", "0x73bf\n", NULL, NULL},
        {"0000:03:00.0", "0x030000\n", "0x8086\n", "0x56a0\n", NULL, NULL},
        {"0000:04:00.0", "0x030000\n", "0x1002\n", "0x6798\n", "radeon", "renderD128"},
        {"0000:05:00.0", "0x030000\n", "0x10de\n", "0x2684\n", "vfio-pci", NULL},
        {"0000:06:00.0", "0x030000\n", "0x1002\n", "0x73bf\n", "amdgpu", NULL},
    };
    fake_put(f, "/usr/bin/apt-get", "");
    for (size_t i = 0; i < COUNT(all); i++)
        fake_device(f, &all[i]);
    const struct device *d = fake_read(f, COUNT(all));
    assert_trouble(&d[0], "no driver", "sudo apt-get install nvidia-driver");
    assert_trouble(&d[1], "no driver", "sudo apt-get install firmware-amd-graphics");
    assert_trouble(&d[2], "no driver", "sudo apt-get install firmware-misc-nonfree");
    assert_trouble(&d[3], "radeon", "amdgpu.si_support=1");
    assert_trouble(&d[4], "virtual machine", "vfio-pci");
    assert_trouble(&d[5], "firmware is missing", "firmware-amd-graphics");
    for (size_t i = 0; i < COUNT(all); i++)
        assert_int_equal(d[i].n_nodes, 0);
}

static void amd_discrete(void **state)
{
    struct fake *f = *state;
    fake_device(f, &(struct fake_pci){"0000:03:00.0", "0x030000\n", "0x1002\n", "0x73bf\n",
                                      "amdgpu", "renderD128"});
    fake_put(f, PCI "0000:03:00.0/revision", "0xc0\n");
    fake_put(f, PCI "0000:03:00.0/mem_info_vram_total", "17163091968\n");
    fake_put(f, PCI "0000:03:00.0/mem_info_vram_used", "1073741824\n");
    fake_put(
        f, "/usr/share/libdrm/amdgpu.ids",
        "# List\n1.0.0\n73BF,\tC1,\tAMD Radeon RX 6800 XT\n73BF,\tC0,\tAMD Radeon RX 6900 XT\n");
    fake_put(f, "/sys/class/kfd/kfd/topology/nodes/0/properties",
             "cpu_cores_count 16\nsimd_count 0\n");
    fake_put(f, "/sys/class/kfd/kfd/topology/nodes/1/properties",
             "cpu_cores_count 0\nsimd_count 160\ndrm_render_minor 128\n");
    fake_node(f, "/dev/dri/renderD128");
    const struct device *d = fake_read(f, 1);
    assert_string_equal(d->name, "AMD Radeon RX 6900 XT");
    assert_string_equal(d->driver, "amdgpu");
    assert_int_equal(d->memory_total, 17163091968);
    assert_int_equal(d->memory_free, 17163091968 - GIB);
    assert_false(d->unified);
    assert_usable(d, true, false, false);
    assert_has(d->note, "/dev/kfd");
    fake_node(f, "/dev/kfd");
    d = fake_read(f, 1);
    assert_usable(d, true, false, true);
    assert_nodes(d, "/dev/dri/renderD128 /dev/kfd");
    assert_string_equal(d->note, "");
}

static void amd_in_the_processor(void **state)
{
    struct fake *f = *state;
    fake_device(f, &(struct fake_pci){"0000:c5:00.0", "0x030000\n", "0x1002\n", "0x15bf\n",
                                      "amdgpu", "renderD128"});
    fake_device(
        f, &(struct fake_pci){"0000:c5:00.2", "0x108000\n", "0x1022\n", "0x15c7\n", "ccp", NULL});
    fake_put(f, PCI "0000:c5:00.0/mem_info_vram_total", "536870912\n");
    fake_put(f, PCI "0000:c5:00.0/mem_info_vram_used", "999999999999\n");
    fake_node(f, "/dev/dri/renderD128");
    const struct device *d = fake_read(f, 1);
    assert_true(d->unified);
    assert_int_equal(d->memory_total, GIB / 2);
    assert_int_equal(d->memory_free, 0);
    assert_string_equal(d->name, "AMD GPU 1002:15bf");
    assert_usable(d, true, false, false);
}

static void intel_both(void **state)
{
    struct fake *f = *state;
    fake_put(f, "/usr/share/hwdata/pci.ids",
             "8086  Intel Corporation\n\t4680  AlderLake-S GT1 [UHD Graphics 770]\n"
             "\t56a0  DG2 [Arc A770]\n");
    fake_device(f, &(struct fake_pci){"0000:00:02.0", "0x030000\n", "0x8086\n", "0x4680\n", "i915",
                                      "renderD128"});
    fake_device(f, &(struct fake_pci){"0000:03:00.0", "0x030000\n", "0x8086\n", "0x56a0\n", "xe",
                                      "renderD129"});
    fake_device(f, &(struct fake_pci){"0000:00:0b.0", "0x120000\n", "0x8086\n", "0x7d1d\n",
                                      "intel_vpu", NULL}); /* for other work */
    fake_node(f, "/dev/dri/renderD128");
    fake_node(f, "/dev/dri/renderD129");
    const struct device *d = fake_read(f, 2);
    assert_string_equal(d[0].name, "Intel UHD Graphics 770");
    assert_true(d[0].unified);
    assert_usable(&d[0], true, false, false);
    assert_string_equal(d[1].name, "Intel Arc A770");
    assert_false(d[1].unified);
    assert_nodes(&d[1], "/dev/dri/renderD129");
}

static void hybrid_laptop(void **state)
{
    struct fake *f = *state;
    fake_nvidia(f, true);
    fake_device(f, &(struct fake_pci){"0000:00:02.0", "0x030000\n", "0x8086\n", "0x46a6\n", "i915",
                                      "renderD128"});
    const struct device *d = fake_read(f, 2);
    assert_int_equal(d[0].kind, DEVICE_INTEL);
    assert_trouble(&d[0], "/dev/dri/renderD128 is not there", "--device /dev/dri");
    assert_int_equal(d[1].kind, DEVICE_NVIDIA);
    assert_usable(&d[1], true, true, false);
}

static void displays_are_no_devices(void **state)
{
    struct fake *f = *state;
    static const char *const vendors[] = {"0x1af4\n", "0x1234\n", "0x1b36\n", "0x15ad\n",
                                          "0x1a03\n", "rubbish",  ""};
    for (size_t i = 0; i < COUNT(vendors); i++) {
        char id[16];
        snprintf(id, sizeof id, "0000:00:%02zx.0", i);
        fake_device(f, &(struct fake_pci){id, "0x030000\n", vendors[i], "0x1111\n", "bochs-drm",
                                          "renderD128"});
    }
    fake_device(
        f, &(struct fake_pci){"0000:09:00.0", "0x020000\n", "0x8086\n", "0x1111\n", "e1000", NULL});
    fake_device(f,
                &(struct fake_pci){"no address", "0x030000\n", "0x10de\n", "0x1111\n", NULL, NULL});
    fake_read(f, 0);
}

/* In a child: rights count for nothing with root. */
static void a_node_that_is_not_ours(void **state)
{
    struct fake *f = *state;
    fake_device(f, &(struct fake_pci){"0000:00:02.0", "0x030000\n", "0x8086\n", "0x4680\n", "i915",
                                      "renderD128"});
    fake_node(f, "/dev/dri/renderD128");
    if (geteuid() != 0)
        skip();
    const char *node = fake_at(f, "/dev/dri/renderD128");
    assert_int_equal(chown(node, 0, 105), 0);
    assert_int_equal(chmod(node, 0660), 0);
    static const struct {
        const char *group, *mend;
    } cases[] = {
        {"root:x:0:\nrender:x:105:\n", "sudo usermod -aG render ann"},
        {"root:x:0:\nrender:x:105:bob,ann\n", "log out and in again"},
        {"root:x:0:\n", "sudo setfacl -m u:ann:rw /dev/dri/renderD128"},
    };
    fake_put(f, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:65534:65534::/:/bin/sh\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        fake_put(f, "/etc/group", cases[i].group);
        pid_t child = fork();
        if (child == 0) {
            if (setgid(STRANGER) != 0 || setuid(STRANGER) != 0)
                _exit(1);
            struct machine m;
            bool good = !machine_read(f->root, &f->arena, &m, NULL) && m.n_devices == 1 &&
                        strstr(m.devices->trouble, "may not open /dev/dri/renderD128") &&
                        strstr(m.devices->mend, cases[i].mend) && m.devices->n_nodes == 0;
            _exit(good ? 0 : 2);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void files_of_any_bytes(void **state)
{
    struct fake *f = *state;
    static const char *const files[] = {"/proc/cpuinfo",
                                        "/proc/meminfo",
                                        "/proc/self/status",
                                        "/proc/self/cgroup",
                                        "/sys/devices/system/cpu/online",
                                        "/proc/driver/nvidia/version",
                                        "/proc/driver/nvidia/gpus/0000:01:00.0/information",
                                        "/usr/share/misc/pci.ids",
                                        "/usr/share/libdrm/amdgpu.ids",
                                        PCI "0000:03:00.0/mem_info_vram_total"};
    fake_nvidia(f, true);
    fake_device(f, &(struct fake_pci){"0000:03:00.0", "0x030000\n", "0x1002\n", "0x73bf\n",
                                      "amdgpu", "renderD128"});
    unsigned seed = 7;
    for (int round = 0; round < 40; round++) {
        for (size_t i = 0; i < COUNT(files); i++) {
            static const char letters[] = "0123456789:,- \n\t/kBMemTotal[]avx\0\xff\x1b";
            char bytes[3000];
            for (size_t k = 0; k < sizeof bytes; k++) {
                seed = seed * 1103515245 + 12345;
                bytes[k] = letters[(seed >> 16) % sizeof letters];
            }
            fake_bytes(f, files[i], (struct slice){bytes, (size_t)round * 70});
        }
        const struct device *d = fake_read(f, 2);
        assert_true(*d[0].name && *d[1].name);
        struct text json = {0};
        struct json_writer w = json_writer(&json);
        struct json_doc doc;
        machine_json(&f->machine, &w);
        assert_int_equal(json_read(text_slice(&json), &json_usual_limits, NULL, &doc, NULL), OK);
        json_done(&doc);
        text_fini(&json);
    }
}

static void it_is_told_as_json(void **state)
{
    struct fake *f = *state;
    fake_nvidia(f, false);
    fake_read(f, 1);
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    struct json_doc doc;
    machine_json(&f->machine, &w);
    assert_int_equal(json_read(text_slice(&json), &json_usual_limits, NULL, &doc, NULL), OK);
    const struct json_value *d = json_at(json_get(doc.root, "devices"), 0);
    assert_true(slice_is(json_text(json_get(d, "kind")), SLICE("nvidia")));
    assert_true(json_is_null(json_get(d, "memory_total")));
    assert_false(json_is_true(json_get(d, "usable")));
    assert_int_equal(json_count(json_get(d, "flavours")), 0);
    json_done(&doc);
    text_fini(&json);
}

static void this_machine_can_be_read(void **state)
{
    struct fake *f = *state;
    assert_int_equal(machine_read("", &f->arena, &f->machine, NULL), OK);
    assert_true(f->machine.threads >= 1 && f->machine.cores >= 1);
    assert_true(f->machine.memory_total >= f->machine.memory_free);
    assert_true(f->machine.memory_total > 0);
    uint64_t total, free;
    machine_memory("", &total, &free);
    assert_int_equal(total, f->machine.memory_total);
    assert_true(free <= total);
}

#define TRY(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRY(instructions_are_named),
        TRY(processors_are_those_that_are_ours),
        TRY(an_empty_machine),
        TRY(memory_is_what_can_be_had),
        TRY(groups_of_version_2),
        TRY(groups_of_version_1),
        TRY(nvidia_desktop),
        TRY(nvidia_without_uvm),
        TRY(nvidia_open_module_and_a_second_one),
        TRY(nvidia_with_nouveau),
        TRY(devices_without_a_driver),
        TRY(amd_discrete),
        TRY(amd_in_the_processor),
        TRY(intel_both),
        TRY(hybrid_laptop),
        TRY(displays_are_no_devices),
        TRY(a_node_that_is_not_ours),
        TRY(files_of_any_bytes),
        TRY(it_is_told_as_json),
        TRY(this_machine_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
