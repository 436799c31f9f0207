/* inside: what the files of room launch share with each other. */
#pragma once

#include "launch/launch.h"

struct list { /* NULL-ended at the end */
    const char **items;
    size_t n, room;
    bool failed;
};
void list_add(struct list *l, struct arena *a, const char *item); /* NULL: no memory */

struct making { /* what launch_make puts together */
    const struct launch_terms *terms;
    struct arena *arena;
    struct list argv, env;
    struct sandbox_mount *mounts;
    size_t n_mounts, room;
    struct why *why;
    enum err err;
};

/* mounts.c: where the engine finds a file of the outside; NULL and m->err set when it is not there.
 * In a sandbox it is mounted at /model/ROLE/NAME, with the other parts of a split model. */
const char *launch_file(struct making *m, const char *role, const char *path);
void launch_mount(struct making *m, enum mount_kind kind, const char *from, const char *to);
void launch_program(struct making *m); /* the pack's, as it is started, without its flags */
void launch_devices(struct making *m); /* what an engine needs to use those of this machine */
bool launch_sandboxed(const struct making *m);

/* launch.c */
bool launch_uses(const struct launch_terms *t, const struct device *d); /* is it of use to it? */
void launch_set(struct making *m, const char *name, const char *value); /* a variable */
