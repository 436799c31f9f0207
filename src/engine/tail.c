/* tail: the end of an engine's log, kept for people, and the one place that makes sense of it. */
#include <signal.h>
#include <stdio.h>

#include "engine/inside.h"

#define FROM_SIGNAL 128 /* what bubblewrap and shells make of a program that a signal ended */

static const struct failure {
    const char *holds;
    enum err err;
    enum policy policy;
    const char *words;
} failures[] = {
#define FAILURE(holds, err, policy, words) {holds, ERR_##err, policy, words},
#include "engine/failures.def"
#undef FAILURE
};

static const struct fatal {
    int signal;
    enum policy policy;
    const char *words;
} signals[] = {
    {SIGILL, GIVE_UP,
     "it uses instructions that this processor does not have; another build may not"},
    {SIGSEGV, AGAIN, "it crashed (segmentation fault)"},
    {SIGABRT, AGAIN, "it found a fault in itself and gave up"},
    {SIGBUS, AGAIN, "it crashed (bus error): was the model's file cut off while it ran?"},
    {SIGKILL, AGAIN, "something killed it; if memory was short, see the system's log"},
};

void tail_fini(struct tail *t)
{
    text_fini(&t->lines);
}

void tail_clear(struct tail *t)
{
    text_clear(&t->lines);
    t->trouble[0] = '\0';
    t->failure = 0;
}

static bool holds(struct slice line, const char *what)
{
    return line.len && memmem(line.ptr, line.len, what, strlen(what));
}

/* Half of it goes when it is full, up to a line's end. */
static void make_room(struct tail *t, size_t n)
{
    if (t->lines.len + n <= TAIL_ROOM)
        return;
    size_t cut = min_size(t->lines.len, max_size(n, TAIL_ROOM / 2));
    struct slice rest = slice_from(text_slice(&t->lines), cut);
    size_t end = slice_find(rest, '\n');
    text_drop(&t->lines, cut + min_size(end + 1, rest.len));
}

static void note_trouble(struct tail *t, struct slice line)
{
    struct text visible = {0};
    text_visible(&visible, slice_to(line, min_size(line.len, sizeof t->trouble - 1)));
    snprintf(t->trouble, sizeof t->trouble, "%s", text_cstr(&visible));
    text_fini(&visible);
}

void tail_add(struct tail *t, struct slice line, bool error)
{
    line = slice_to(line, min_size(line.len, TAIL_ROOM / 8));
    make_room(t, line.len * 4 + 1);
    text_visible(&t->lines, line);
    text_byte(&t->lines, '\n');
    unsigned row = t->failure ? t->failure - 1 : COUNT(failures), i = 0;
    while (i < row && !holds(line, failures[i].holds))
        i++;
    bool tells = i < row && failures[i].policy != AGAIN; /* the others only say that it failed */
    if (tells || (!t->trouble[0] && (error || i < row)))
        note_trouble(t, line);
    if (i < row)
        t->failure = i + 1;
}

static struct slice last_line(const struct tail *t)
{
    struct slice all = text_slice(&t->lines);
    size_t at = all.len ? all.len - 1 : 0;
    while (at && all.ptr[at - 1] != '\n')
        at--;
    return slice_trim(slice_from(all, at));
}

enum policy tail_judge(const struct tail *t, const struct child_end *end, struct why *ret_why)
{
    int signal = end->signal ? end->signal : end->code > FROM_SIGNAL ? end->code - FROM_SIGNAL : 0;
    struct slice last = last_line(t);
    last.len = last.len && last.ptr[last.len - 1] == '\n' ? last.len - 1 : last.len;
    if (t->failure) {
        const struct failure *f = &failures[t->failure - 1];
        why_set(ret_why, f->err, "%s. It said: %s", f->words, t->trouble);
        return f->policy;
    }
    for (size_t i = 0; i < COUNT(signals); i++) {
        if (signals[i].signal != signal)
            continue;
        why_set(ret_why, ERR_ENGINE_CRASH, "%s. Its last words: %.*s", signals[i].words,
                SLICE_ARG(last));
        return signals[i].policy;
    }
    why_set(ret_why, ERR_ENGINE_CRASH, "it ended with code %d. Its last words: %.*s", end->code,
            SLICE_ARG(last));
    return AGAIN;
}
