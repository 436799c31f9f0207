/* confd: the part of the configuration that programs write: conf.d, one file a thing (a model, a
 * role, a role's port, one setting). A change is made in memory, tried as the whole configuration
 * that it would lead to, and only then put in the place of its file, whole and 0600. hearth.yaml is
 * a person's and is never written. While a change is open nobody else changes conf.d. Files are
 * read back as they are written here; one that a person gave another shape is left to him.
 * Everything here blocks: commands and jobs use it, the loop never does. */
#pragma once

#include "config/config.h"

struct confd;

struct confd_terms {
    const struct config_sources *sources; /* without a draft; must live as long as the change */
    const char *section; /* models, roles, ports; "" for a setting outside of all sections */
    const char *name;    /* of the entry, or the setting's path */
    const char *by;      /* the command that does it, for the first line */
    bool dry;            /* nothing will be written: makes no folder and takes no lock */
};
/* ERR_BUSY: another command is at it. ERR_CONFIG: the file has another shape. */
enum err confd_open(const struct confd_terms *t, struct confd **ret_change,
                    struct why *why) MUST_USE;
void confd_close(struct confd *f); /* NULL is fine; what was not put is forgotten */

const char *confd_path(const struct confd *f); /* of the file, whether it is there or not */
bool confd_is_there(const struct confd *f);
bool confd_has(const struct confd *f, const char *field);

/* field: "" where the thing is one value. What is in the values is taken as it is: no variables. */
enum err confd_set(struct confd *f, const char *field, const struct slice *values, size_t n,
                   bool list) MUST_USE;
bool confd_unset(struct confd *f, const char *field); /* false: it is not in the file */
void confd_unset_all(struct confd *f);

/* Would it differ from what is on the disk, the first line aside? */
bool confd_differs(const struct confd *f);
/* The file as it would be; empty: it would be taken away. */
struct slice confd_text(const struct confd *f);
/* The configuration as it would be; as config_load. */
enum err confd_try(struct confd *f, struct config **ret_config,
                   struct config_report *report) MUST_USE;
enum err confd_put(struct confd *f, struct why *why) MUST_USE;
