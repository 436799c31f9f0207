/* reply: what a caller gets, in its own dialect: a stream, one object out of a stream's events, an
 * error, the list of models. A voice for each dialect; whoever answers uses only this. Pure. */
#pragma once

#include "dialect/dialect.h"

struct hearer { /* who is told */
    enum dialect dialect;
    enum call_kind kind; /* that he asked */
    bool wants_usage;    /* where his dialect has to be asked for it */
};

/* ---- a stream ---- */
struct teller;
struct teller *teller_new(const struct hearer *l); /* NULL: no memory */
/* Adds what this event is for the hearer to *out; that may be nothing. */
enum err teller_tell(struct teller *t, const struct event *e, struct text *out) MUST_USE;
void teller_free(struct teller *t);

/* ---- one object out of all events ---- */
struct assembler;
struct assembler *assembler_new(const struct hearer *l); /* NULL: no memory */
enum err assembler_add(struct assembler *a, const struct event *e) MUST_USE;
enum err assembler_finish(struct assembler *a, struct text *out) MUST_USE;
void assembler_free(struct assembler *a);

void reply_write_error(enum dialect d, const struct why *why, struct text *out);
void reply_write_error_event(enum dialect d, const struct why *why, struct text *out);

struct model_entry { /* what is known without waking it; 0: not known */
    struct slice name, owner;
    struct slice digest;        /* 64 hexadecimal digits: of its file, or made of what is known */
    uint64_t context;           /* tokens of a conversation */
    uint64_t bytes, changed_ms; /* of its file */
    bool local;                 /* an engine of this machine serves it */
    bool embeds, ranks, sees, thinks;
};
void reply_write_models(enum dialect d, const struct model_entry *models, size_t n,
                        struct text *out);
void reply_write_model(enum dialect d, const struct model_entry *model, struct text *out);
