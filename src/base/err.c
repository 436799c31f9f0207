/* err: the table of err.h as an array, and the one way to fill a struct why. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const struct err_row rows[ERR_COUNT] = {
    [OK] = {"OK", 200, "", "", NEVER, NOT_TARGET, ""},
#define X(name, http, type, code, again, blame, words)                                             \
    [ERR_##name] = {#name, http, type, code, again, blame, words},
#include "base/err.def"
#undef X
};

const struct err_row *err_row(enum err e)
{
    assert(e < ERR_COUNT);
    return &rows[e];
}

static void fill(struct why *why, const char *param, const char *format, va_list args) PRINTF(3, 0);
static void fill(struct why *why, const char *param, const char *format, va_list args)
{
    snprintf(why->param, sizeof why->param, "%s", param);
    vsnprintf(why->text, sizeof why->text, format, args);
}

enum err why_set(struct why *why, enum err e, const char *format, ...)
{
    if (why) {
        *why = (struct why){.code = e};
        va_list args;
        va_start(args, format);
        fill(why, "", format, args);
        va_end(args);
    }
    return e;
}

enum err why_param(struct why *why, enum err e, const char *param, const char *format, ...)
{
    if (why) {
        *why = (struct why){.code = e};
        va_list args;
        va_start(args, format);
        fill(why, param, format, args);
        va_end(args);
    }
    return e;
}

enum err why_sys(struct why *why, enum err e, int sys, const char *format, ...)
{
    if (why) {
        *why = (struct why){.code = e, .sys = sys};
        va_list args;
        va_start(args, format);
        fill(why, "", format, args);
        va_end(args);
        size_t at = strlen(why->text);
        snprintf(why->text + at, sizeof why->text - at, ": %s", strerror(sys));
    }
    return e;
}
