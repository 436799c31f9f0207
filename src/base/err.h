/* err: every way in which something can fail, in one table: what the caller is told, whether
 * another try makes sense, and whether the target is to blame. Retry, failover, breaker, audit,
 * documentation and tests read this table and nothing else. */
#pragma once

#include "base/text.h"

enum again { NEVER, SAME_TARGET, OTHER_TARGET };
enum blame { NOT_TARGET, TARGET }; /* does it count for the target's breaker? */

enum err {
    OK = 0,
#define X(name, ...) ERR_##name,
#include "base/err.def"
#undef X
    ERR_COUNT
};

struct err_row {
    const char *name; /* as in the table, also in logs and documents */
    int http;
    const char *type, *code;
    enum again again;
    enum blame blame;
    const char *words;
};

const struct err_row *err_row(enum err e);

/* For a person: written only on failure, and only where somebody will read it. */
struct why {
    enum err code;
    int sys;        /* errno, 0 when none */
    char param[64]; /* the field that is wrong, "" when none */
    char text[320];
};

/* Fills *why (NULL is allowed) and returns e, so that `return why_set(...)` reads well. */
enum err why_set(struct why *why, enum err e, const char *format, ...) PRINTF(3, 4);
enum err why_param(struct why *why, enum err e, const char *param, const char *format, ...)
    PRINTF(4, 5);
enum err why_sys(struct why *why, enum err e, int sys, const char *format, ...) PRINTF(4, 5);
