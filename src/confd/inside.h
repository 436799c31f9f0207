/* inside: what the files of room confd share: one file of conf.d as a list of fields. */
#pragma once

#include "base/yaml.h"
#include "confd/confd.h"

#define MOST_FIELDS 128u

struct field {
    const char *path; /* "" where the thing is one value */
    bool list;
    const struct slice *values; /* as they stand in a file: ${} means something in them */
    size_t n;
};

struct fields {
    struct field list[MOST_FIELDS];
    size_t n;
};

/* write.c: `SECTION:`, the name below it, the fields below that; nothing when there is no field. */
void confd_write(const char *section, const char *name, const struct fields *fields,
                 struct text *out);
/* read.c: what confd_write wrote. ERR_CONFIG: it is something else. */
enum err confd_read(struct arena *a, const struct confd_terms *t, struct slice text,
                    struct fields *ret_fields, struct why *why) MUST_USE;
/* "model-org%2Fname.yaml": what is no plain letter, digit or one of - _ . is %XX. */
void confd_file_name(const struct confd_terms *t, struct text *out);
