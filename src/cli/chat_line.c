/* chat_line: where the lines of a chat come from: a terminal, edited, or stdin as it is; and how
 * several lines become one message. */
#include "cli/talk.h"

#include <errno.h>
#include <unistd.h>

#include "base/mem.h"

#define LINE_MOST (1u << 20)

struct lines {
    struct cli *c;
    struct edit *edit; /* NULL: stdin as it is */
    struct text read;  /* of it, and not yet given on */
    size_t at;
    bool over;
};

struct lines *lines_open(struct cli *c)
{
    struct lines *l = mem_new(struct lines);
    if (!l)
        return NULL;
    l->c = c;
    l->read.limit = 2 * LINE_MOST;
    if (c->out_terminal && isatty(STDIN_FILENO))
        l->edit = edit_open(c);
    return l;
}

void lines_close(struct lines *l)
{
    if (!l)
        return;
    if (l->edit)
        edit_close(l->edit);
    text_fini(&l->read);
    mem_free(l);
}

bool lines_edits(const struct lines *l)
{
    return l->edit != NULL;
}

/* False at the end of stdin, and where a line is too long to be one. */
static bool read_more(struct lines *l)
{
    text_drop(&l->read, l->at);
    l->at = 0;
    char *room = l->read.len < LINE_MOST ? text_room(&l->read, 4096) : NULL;
    ssize_t n = -1;
    while (room && (n = read(STDIN_FILENO, room, 4096)) < 0 && errno == EINTR)
        ;
    l->over = n <= 0;
    l->read.len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static enum line next_plain(struct lines *l, struct text *ret_line)
{
    for (;;) {
        struct slice rest = slice_from(text_slice(&l->read), l->at);
        size_t end = slice_find(rest, '\n');
        if (end == rest.len && !l->over && read_more(l))
            continue;
        rest = slice_from(text_slice(&l->read), l->at);
        end = slice_find(rest, '\n');
        if (!rest.len)
            return LINE_END;
        l->at += min_size(end + 1, rest.len);
        struct slice line = slice_to(rest, end);
        line.len -= slice_ends(line, SLICE("\r"));
        text_add(ret_line, line);
        return LINE_READ;
    }
}

enum line lines_next(struct lines *l, const char *prompt, struct text *ret_line)
{
    text_clear(ret_line);
    return l->edit ? edit_next(l->edit, prompt, ret_line) : next_plain(l, ret_line);
}

/* ---- several that are one ------------------------------------------------------------------- */

#define QUOTES SLICE("\"\"\"")

void gather_clear(struct gather *g)
{
    text_fini(&g->words);
    *g = (struct gather){0};
}

static bool add_quoted(struct gather *g, struct slice line)
{
    struct slice bare = slice_trim(line);
    bool ends = slice_ends(bare, QUOTES);
    if (ends)
        line = slice_to(bare, bare.len - QUOTES.len);
    text_add(&g->words, line);
    if (!ends)
        text_byte(&g->words, '\n');
    else if (g->words.len && g->words.ptr[g->words.len - 1] == '\n')
        g->words.len--; /* the quotes stood alone */
    g->quoted = !ends;
    return ends;
}

bool gather_add(struct gather *g, struct slice line)
{
    struct slice bare = slice_trim(line);
    if (g->quoted)
        return add_quoted(g, line);
    if (!g->more && slice_begins(bare, QUOTES)) {
        g->quoted = true;
        line = slice_from(bare, QUOTES.len);
        return slice_trim(line).len ? add_quoted(g, line) : false;
    }
    g->more = slice_ends(line, SLICE("\\"));
    text_add(&g->words, slice_to(line, line.len - g->more));
    if (g->more)
        text_byte(&g->words, '\n');
    return !g->more;
}
