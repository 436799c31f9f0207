/* inside: what the files of room machine share. All is read under a root, with a limit, and taken
 * for hostile: what is kept is short and visible. What is not there is no failure. */
#pragma once

#include "machine/machine.h"

struct tree {
    const char *root;
    struct arena *arena; /* for what is kept */
    struct text pci;     /* the list of all PCI devices' names, read when first asked for */
    bool pci_read;
    bool failed; /* there was no memory for something */
};
void tree_fini(struct tree *t);

/* look.c. Paths are as the system has them, without the root. */
const char *look_path(struct tree *t, const char *format, ...) PRINTF(2, 3); /* "": no memory */
/* At most so many bytes of the file, instead of what was in *into; false: there is nothing. */
bool look_file(struct tree *t, const char *path, size_t most, struct text *into);
const char *look_line(struct tree *t, const char *path); /* the first, trimmed; "" */
bool look_u64(struct tree *t, const char *path, uint64_t *ret_n);
bool look_hex(struct tree *t, const char *path, uint64_t *ret_n); /* "0x10de" */
bool look_is(struct tree *t, const char *path);
bool look_may(struct tree *t, const char *path);         /* read and write, as this user */
const char *look_link(struct tree *t, const char *path); /* where it leads, as written; "" */
const char *look_word(struct tree *t, struct slice s);   /* visible, short, one blank at a time */
struct names {
    const char **items; /* sorted */
    size_t n;
};
/* What is in a folder; at most MOST_NAMES. */
#define MOST_NAMES 4096u
struct names look_folder(struct tree *t, const char *path);
bool hex_of(struct slice s, uint64_t *ret_n);
/* The value behind "name :" of the first line that has it. */
bool field_of(struct slice text, struct slice name, struct slice *ret_value);
/* "1024 kB", in bytes. */
bool kb_of(struct slice value, uint64_t *ret_bytes);

/* cpu.c, memory.c, groups.c */
void cpu_read(struct tree *t, struct machine *m);
void memory_read(struct tree *t, struct machine *m);
/* Control groups that this process is in: what they leave of memory and processors. */
void groups_bound(struct tree *t, struct machine *m);

/* devices.c: those with which something can be computed. */
void devices_read(struct tree *t, struct machine *m);
/* vendors.c: what is special about each kind; d->id and d->driver (its bare name) are set. */
struct found {
    struct device *device;
    uint64_t vendor, product;
    unsigned n_nvidia; /* how many of them came before */
    const char *nodes[8];
    size_t n_nodes;
};
void nvidia_read(struct tree *t, struct found *f);
void amd_read(struct tree *t, struct found *f);
void intel_read(struct tree *t, struct found *f);
#define PCI "/sys/bus/pci/devices/"

/* mend.c: sentences with the command to type. */
void mend_install(struct tree *t, struct device *d); /* its driver */
void mend_node(struct tree *t, struct device *d, const char *node);
const char *mend_package(struct tree *t, const char *package);
bool tree_is_ubuntu(struct tree *t);

/* pci_names.c */
const char *pci_name(struct tree *t, const struct found *f, const char *label);

/* elf.c: what a shared library is, and what it needs. */
struct elf_facts {
    unsigned machine; /* as ELF numbers them; 0: it is none */
    struct names needs;
};
void elf_read(struct tree *t, const char *path, struct elf_facts *ret);
