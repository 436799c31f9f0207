/* testing: a tree of files as a machine would have them, in a folder of its own. For this room's
 * tests only. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine/inside.h"

struct fake {
    char root[64];
    struct arena arena;
    struct machine machine;
};

static inline int fake_remove(const char *path, const struct stat *is, int kind, struct FTW *at)
{
    (void)is, (void)kind, (void)at;
    return remove(path);
}

static inline int fake_setup(void **state)
{
    struct fake *f = test_calloc(1, sizeof *f);
    snprintf(f->root, sizeof f->root, "/tmp/machine-test-XXXXXX");
    *state = f;
    return mkdtemp(f->root) && chmod(f->root, 0755) == 0 ? 0 : -1;
}

static inline int fake_teardown(void **state)
{
    struct fake *f = *state;
    nftw(f->root, fake_remove, 16, FTW_DEPTH | FTW_PHYS);
    arena_fini(&f->arena);
    test_free(f);
    return 0;
}

/* The path under the root, with the folders above it made. */
static inline const char *fake_at(struct fake *f, const char *path)
{
    struct slice full = arena_format(&f->arena, "%s%s", f->root, path);
    char *at = arena_cstr(&f->arena, full);
    assert_non_null(at);
    for (size_t i = strlen(f->root) + 1; i < full.len; i++) {
        if (at[i] != '/')
            continue;
        at[i] = '\0';
        mkdir(at, 0755);
        at[i] = '/';
    }
    return at;
}

static inline void fake_bytes(struct fake *f, const char *path, struct slice bytes)
{
    const char *at = fake_at(f, path);
    int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.ptr, bytes.len), bytes.len);
    close(fd);
}

static inline void fake_put(struct fake *f, const char *path, const char *text)
{
    fake_bytes(f, path, slice_of(text));
}

static inline void fake_link(struct fake *f, const char *path, const char *to)
{
    assert_int_equal(symlink(to, fake_at(f, path)), 0);
}

static inline void fake_node(struct fake *f, const char *path)
{
    fake_put(f, path, "");
    assert_int_equal(chmod(fake_at(f, path), 0666), 0);
}

struct fake_pci {
    const char *id, *class, *vendor, *device;
    const char *driver; /* NULL: none */
    const char *render; /* NULL: none */
};
static inline void fake_device(struct fake *f, const struct fake_pci *p)
{
    char path[256];
    const struct {
        const char *name, *text;
    } files[] = {{"class", p->class}, {"vendor", p->vendor}, {"device", p->device}};
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(path, sizeof path, PCI "%s/%s", p->id, files[i].name);
        fake_put(f, path, files[i].text);
    }
    if (p->driver) {
        char to[128];
        snprintf(path, sizeof path, PCI "%s/driver", p->id);
        snprintf(to, sizeof to, "../../../bus/pci/drivers/%s", p->driver);
        fake_link(f, path, to);
    }
    if (p->render) {
        snprintf(path, sizeof path, PCI "%s/drm/card0/dev", p->id);
        fake_put(f, path, "226:0\n");
        snprintf(path, sizeof path, PCI "%s/drm/%s/dev", p->id, p->render);
        fake_put(f, path, "226:128\n");
    }
}

static inline void fake_nvidia(struct fake *f, bool uvm)
{
    fake_device(f, &(struct fake_pci){"0000:01:00.0", "0x030000\n", "0x10de\n", "0x2684\n",
                                      "nvidia", "renderD129"});
    fake_device(f, &(struct fake_pci){"0000:01:00.1", "0x040300\n", "0x10de\n", "0x22ba\n",
                                      "snd_hda_intel", NULL});
    fake_put(f, "/proc/driver/nvidia/version",
             "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC "
             "2024\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n");
    fake_put(f, "/proc/driver/nvidia/gpus/0000:01:00.0/information",
             "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ:   \t\t 136\nDevice Minor: \t 0\n");
    fake_node(f, "/dev/nvidia0");
    fake_node(f, "/dev/nvidiactl");
    if (uvm)
        fake_node(f, "/dev/nvidia-uvm");
}

static inline const struct device *fake_read(struct fake *f, size_t n_devices)
{
    struct why why = {0};
    if (machine_read(f->root, &f->arena, &f->machine, &why))
        fail_msg("%s", why.text);
    assert_int_equal(f->machine.n_devices, n_devices);
    return f->machine.devices;
}
