/* outcome: what became of an attempt. See evil.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "evil.h"

static struct outcome make(enum outcome_kind kind, int sys, long n, const char *note)
{
    struct outcome o = {.kind = kind, .sys = sys, .n = n};
    snprintf(o.note, sizeof o.note, "%s", note);
    return o;
}

struct outcome refused(void)
{
    return make(REFUSED, errno, 0, "");
}

struct outcome nothing_there(void)
{
    return make(REFUSED, 0, 0, "nothing there");
}

struct outcome bounded(long n)
{
    return make(BOUNDED, errno, n, "");
}

struct outcome allowed(const char *note)
{
    return make(ALLOWED, 0, 0, note);
}

struct outcome succeeded(const char *note)
{
    return make(SUCCEEDED, 0, 0, note);
}

struct outcome judge(long result, const char *note)
{
    return result == -1 ? refused() : succeeded(note);
}

struct outcome try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refused();
    close(fd);
    return succeeded(path);
}
