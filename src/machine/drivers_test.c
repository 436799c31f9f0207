/* drivers_test: which files an engine is given to use a device, from trees of files and libraries
 * that are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "machine/testing.h"

#define LIB "/usr/lib/x86_64-linux-gnu/"
#define ICD "/usr/share/vulkan/icd.d/"

/* ---- libraries ---- */

static unsigned our_machine(void)
{
    struct arena a = {0};
    struct tree t = {.root = "", .arena = &a};
    struct elf_facts l;
    elf_read(&t, "/proc/self/exe", &l);
    arena_fini(&a);
    return l.machine;
}

static void number(unsigned char *at, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (unsigned char)(n >> (8 * i));
}

/* The least that is a shared library: a head, one part that is loaded, one that says what it
 * needs (names with blanks between them), and the names. */
static void put_library(struct fake *f, const char *path, unsigned machine, const char *needs)
{
    unsigned char b[2048] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    const size_t parts = 64, dynamic = 256, strings = 1024, base = 0x10000;
    size_t entries = 0, at = 1;
    number(b + 18, machine, 2);
    number(b + 32, parts, 8);
    number(b + 54, 56, 2);
    number(b + 56, 2, 2);
    number(b + parts, 1, 4);
    number(b + parts + 16, base, 8);
    number(b + parts + 32, sizeof b, 8);
    number(b + parts + 56, 2, 4);
    number(b + parts + 56 + 8, dynamic, 8);
    struct slice rest = slice_of(needs);
    for (struct slice name; slice_split(&rest, ' ', &name); entries++) {
        memcpy(b + strings + at, name.ptr, name.len);
        number(b + dynamic + entries * 16, 1, 8);
        number(b + dynamic + entries * 16 + 8, at, 8);
        at += name.len + 1;
    }
    number(b + dynamic + entries * 16, 5, 8);
    number(b + dynamic + entries * 16 + 8, base + strings, 8);
    number(b + parts + 56 + 32, (entries + 2) * 16, 8);
    fake_bytes(f, path, (struct slice){(const char *)b, sizeof b});
}

static void libraries_say_what_they_need(void **state)
{
    struct fake *f = *state;
    struct tree t = {.root = f->root, .arena = &f->arena};
    struct elf_facts l;
    put_library(f, LIB "a.so", 62, "libz.so.1 ../evil.so libc.so.6");
    elf_read(&t, LIB "a.so", &l);
    assert_int_equal(l.machine, 62);
    assert_int_equal(l.needs.n, 3);
    assert_string_equal(l.needs.items[0], "libz.so.1");
    assert_string_equal(l.needs.items[1], ""); /* no name of a file */
    assert_string_equal(l.needs.items[2], "libc.so.6");
    elf_read(&t, LIB "none.so", &l);
    assert_int_equal(l.machine, 0);
}

static void libraries_of_any_bytes(void **state)
{
    struct fake *f = *state;
    struct tree t = {.root = f->root, .arena = &f->arena};
    unsigned seed = 5;
    struct text good = {0};
    put_library(f, LIB "a.so", 62, "libz.so.1 libx.so.2");
    assert_true(look_file(&t, LIB "a.so", 4096, &good));
    for (int round = 0; round < 2000; round++) {
        struct elf_facts l;
        char b[2048];
        memcpy(b, good.ptr, sizeof b);
        for (int k = 0; k < 1 + round % 6; k++) {
            seed = seed * 1103515245 + 12345;
            b[6 + (seed >> 12) % 320] = (char)(seed >> 24);
        }
        size_t len = round % 3 ? sizeof b : (seed >> 8) % sizeof b;
        fake_bytes(f, LIB "a.so", (struct slice){b, len});
        elf_read(&t, LIB "a.so", &l);
        for (size_t i = 0; i < l.needs.n; i++)
            assert_null(strchr(l.needs.items[i], '/'));
    }
    text_fini(&good);
    assert_false(t.failed);
}

/* ---- drivers ---- */

static void assert_drivers(struct fake *f, const char *const *wanted, size_t n)
{
    const char *const *paths;
    size_t is;
    struct why why = {0};
    fake_read(f, f->machine.n_devices);
    assert_int_equal(machine_drivers(f->root, &f->machine, &f->arena, &paths, &is, &why), OK);
    struct text list = {0};
    for (size_t i = 0; i < is; i++)
        text_format(&list, "%s\n", paths[i]);
    struct text want = {0};
    for (size_t i = 0; i < n; i++)
        text_format(&want, "%s\n", wanted[i]);
    assert_string_equal(text_cstr(&list), text_cstr(&want));
    text_fini(&list);
    text_fini(&want);
}

static void nothing_without_devices(void **state)
{
    struct fake *f = *state;
    fake_put(f, ICD "radeon_icd.json", "{\"ICD\":{\"library_path\":\"libvulkan_radeon.so\"}}");
    put_library(f, LIB "libvulkan_radeon.so", our_machine(), "");
    assert_drivers(f, NULL, 0);
    /* nor for one that cannot be used */
    fake_nvidia(f, false);
    put_library(f, LIB "libcuda.so.1", our_machine(), "");
    f->machine.n_devices = 1;
    assert_drivers(f, NULL, 0);
}

static void nvidia(void **state)
{
    struct fake *f = *state;
    unsigned us = our_machine();
    fake_nvidia(f, true);
    put_library(f, LIB "libcuda.so.550.54.14", us, "libc.so.6 libm.so.6");
    fake_link(f, LIB "libcuda.so.1", "libcuda.so.550.54.14");
    put_library(f, LIB "libnvidia-ptxjitcompiler.so.1", us, "");
    put_library(f, LIB "libGLX_nvidia.so.0", us, "libX11.so.6");
    put_library(f, LIB "libX11.so.6", us, "libxcb.so.1 libGLX_nvidia.so.0");
    put_library(f, LIB "libxcb.so.1", us, "libnot-there.so");
    put_library(f, LIB "libc.so.6", us, "");
    put_library(f, LIB "libvulkan_lvp.so", us, "");
    put_library(f, "/usr/lib/libcuda.so.1", us + 1, ""); /* of another kind of machine */
    fake_put(f, ICD "lvp_icd.json", "{\"ICD\":{\"library_path\":\"libvulkan_lvp.so\"}}");
    fake_put(f, "/etc/vulkan/icd.d/nvidia_icd.json",
             "{\"ICD\":{\"library_path\":\"libGLX_nvidia.so.0\"}}");
    fake_put(f, "/usr/share/drirc.d/00-mesa.conf", "");
    fake_put(f, "/sys/dev/char/none", "");
    static const char *const wanted[] = {"/etc/vulkan/icd.d/nvidia_icd.json",
                                         "/sys/bus/pci/devices",
                                         PCI "0000:01:00.0",
                                         "/sys/dev/char",
                                         LIB "libGLX_nvidia.so.0",
                                         LIB "libX11.so.6",
                                         LIB "libcuda.so.1",
                                         LIB "libcuda.so.550.54.14",
                                         LIB "libnvidia-ptxjitcompiler.so.1",
                                         LIB "libxcb.so.1"};
    f->machine.n_devices = 1;
    assert_drivers(f, wanted, COUNT(wanted));
}

static void mesa(void **state)
{
    struct fake *f = *state;
    unsigned us = our_machine();
    fake_put(f, "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/class", "0x030000\n");
    fake_put(f, "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/vendor", "0x1002\n");
    fake_put(f, "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/drm/renderD128/dev", "226:128");
    fake_link(f, "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0/driver",
              "../../../../bus/pci/drivers/amdgpu");
    fake_link(f, PCI "0000:03:00.0", "../../../devices/pci0000:00/0000:00:01.0/0000:03:00.0");
    fake_node(f, "/dev/dri/renderD128");
    put_library(f, LIB "libvulkan_radeon.so", us, "libdrm_amdgpu.so.1 libstdc++.so.6");
    put_library(f, LIB "libdrm_amdgpu.so.1", us, "");
    put_library(f, "/opt/x/libvulkan_intel.so", us, "");
    fake_put(f, ICD "radeon_icd.x86_64.json",
             "{\"ICD\":{\"library_path\":\"" LIB "libvulkan_radeon.so\"}}");
    fake_put(f, ICD "radeon_icd.broken.json", "{\"ICD\":{\"library_path\":\"libno.so\"}}");
    fake_put(f, ICD "radeon_icd.rubbish.json", "{{{");
    fake_put(f, ICD "radeon_icd.number.json", "{\"ICD\":{\"library_path\":7}}");
    fake_put(f, ICD "intel_icd.json", "{\"ICD\":{\"library_path\":\"/opt/x/libvulkan_intel.so\"}}");
    fake_put(f, "/usr/share/drirc.d/00-mesa.conf", "");
    fake_put(f, "/usr/share/libdrm/amdgpu.ids", "");
    static const char *const wanted[] = {
        "/sys/bus/pci/devices",       "/sys/devices/pci0000:00/0000:00:01.0/0000:03:00.0",
        LIB "libdrm_amdgpu.so.1",     LIB "libvulkan_radeon.so",
        "/usr/share/drirc.d",         "/usr/share/libdrm/amdgpu.ids",
        ICD "radeon_icd.x86_64.json",
    };
    f->machine.n_devices = 1;
    assert_drivers(f, wanted, COUNT(wanted));
}

#define TRY(f) cmocka_unit_test_setup_teardown(f, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRY(libraries_say_what_they_need),
        TRY(libraries_of_any_bytes),
        TRY(nothing_without_devices),
        TRY(nvidia),
        TRY(mesa),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
