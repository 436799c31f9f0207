/* reply: what a caller gets, in its own dialect: a stream, one object out of a stream's events, an
 * error, the list of models. A voice for each dialect; whoever answers uses only this. Pure. */
#pragma once

#include "dialect/dialect.h"

/* ---- one object out of a stream's events ---- */
struct assembler;
struct assembler *assembler_new(enum dialect d); /* NULL: no memory */
enum err assembler_add(struct assembler *a, const struct event *e) MUST_USE;
enum err assembler_finish(struct assembler *a, struct text *out) MUST_USE;
void assembler_free(struct assembler *a);

void reply_write_error(enum dialect d, const struct why *why, struct text *out);
void reply_write_error_event(enum dialect d, const struct why *why, struct text *out);

struct model_entry {
    struct slice name, owner;
};
void reply_write_models(enum dialect d, const struct model_entry *models, size_t n,
                        struct text *out);
