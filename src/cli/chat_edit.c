/* chat_edit: lines typed at a terminal, edited by libedit, with those typed before, which are kept
 * in the data folder. The only file that names libedit. A paste of several lines is one line with
 * line ends in it: the terminal says where it begins and ends.
 * Ctrl-C: SIGINT has a handler that does nothing, so that it only breaks off the reading. */
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/talk.h"
#include "os/os.h"

#define KEPT_NAME "chat.history"
#define KEPT_LINES 1000
#define KEPT_BYTES (256u << 10) /* when it is begun; a chat adds to it */
#define KEPT_MOST (16u << 20)
#define PASTE_MOST (256u << 10) /* characters */
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"
#define CLEAR_BELOW "\033[J"
#define PASTE_BEGINS "\033[200~"
#define PASTE_ENDS L"\033[201~"

struct edit {
    struct cli *c;
    EditLine *el;
    History *history;
    const char *prompt;
    int kept;  /* the file of what was typed; -1: none */
    bool dumb; /* the terminal would show orders as text */
    struct text last;
    struct sigaction before;
};

static char *tell_prompt(EditLine *el)
{
    struct edit *e = NULL;
    el_get(el, EL_CLIENTDATA, &e);
    return (char *)(uintptr_t)e->prompt;
}

static void do_nothing(int number)
{
    (void)number;
}

/* ---- pasting -------------------------------------------------------------------------------- */

struct pasted {
    wchar_t *words; /* NUL-ended */
    size_t n, room;
    size_t marked, before; /* how much of the end's mark there is, and how many words before it */
    bool cut;              /* there was more than is kept */
};

static bool paste_add(struct pasted *p, wchar_t c)
{
    if (p->n == PASTE_MOST)
        return false;
    if (p->n + 1 >= p->room) {
        size_t room = p->room ? 2 * p->room : 256;
        wchar_t *grown = mem_grow(p->words, room * sizeof *grown);
        if (!grown)
            return false;
        p->words = grown;
        p->room = room;
    }
    p->words[p->n++] = c == L'\r' ? L'\n' : c;
    p->words[p->n] = L'\0';
    return true;
}

/* True: that was the end. Until then all of it is taken, whether it is kept or not: as typing each
 * line of it would be a message. */
static bool paste_take(struct pasted *p, wchar_t c)
{
    static const wchar_t mark[] = PASTE_ENDS; /* its first character is there only once */
    p->marked = c == mark[p->marked] ? p->marked + 1 : c == mark[0];
    if (p->marked == 1)
        p->before = p->n;
    if (!paste_add(p, c) && !p->marked)
        p->cut = true;
    if (mark[p->marked])
        return false;
    p->n = p->before;
    return true;
}

/* Line ends at the end are nobody's wish; other controls are none of a message. */
static void paste_tidy(struct pasted *p)
{
    size_t n = 0;
    if (!p->words)
        return;
    for (size_t i = 0; i < p->n; i++) {
        wchar_t c = p->words[i];
        if (c == L'\n' || c == L'\t' || (c >= 0x20 && c != 0x7f))
            p->words[n++] = c == L'\t' ? L' ' : c;
    }
    while (n && p->words[n - 1] == L'\n')
        n--;
    p->words[n] = L'\0';
    p->n = n;
}

static unsigned char paste(EditLine *el, wint_t key)
{
    struct pasted p = {0};
    struct edit *e = NULL;
    wchar_t c;
    bool over = false;
    (void)key;
    while (!over && el_wgetc(el, &c) == 1)
        over = paste_take(&p, c);
    paste_tidy(&p);
    if (p.cut) { /* below the line, which is then shown again */
        el_get(el, EL_CLIENTDATA, &e);
        text_format(&e->c->err,
                    "\r\nThat is too long: only its first %zu characters are taken.\r\n", p.n);
        cli_flush(e->c);
    }
    if (p.n && el_winsertstr(el, p.words) != 0)
        p.n = 0;
    mem_free(p.words);
    return p.cut ? CC_REDISPLAY : CC_REFRESH;
}

/* ---- what was typed before ------------------------------------------------------------------ */

static void remember(struct edit *e, const char *line)
{
    HistEvent ev;
    (void)history(e->history, &ev, H_ENTER, line);
}

static struct slice newest(struct slice all)
{
    size_t lines = 0, at = all.len;
    while (at && lines <= KEPT_LINES && all.len - at < KEPT_BYTES)
        lines += all.ptr[--at] == '\n';
    if (!at)
        return all;
    at += slice_find(slice_from(all, at), '\n') + 1; /* not in the middle of a line */
    return slice_from(all, min_size(at, all.len));
}

static void load_kept(struct edit *e, struct slice kept)
{
    for (struct slice line; slice_split(&kept, '\n', &line);) {
        const char *typed = line.len ? arena_cstr(&e->c->arena, line) : NULL;
        if (typed && take_is_text(line))
            remember(e, typed);
    }
}

static enum err open_kept(struct edit *e, struct why *why)
{
    struct text all = {0};
    int folder;
    enum err err = os_make_private_folder(e->c->paths.data, &folder, why);
    if (err)
        return err;
    err = os_read_file(folder, KEPT_NAME, KEPT_MOST, &all, why);
    struct slice kept = newest(text_slice(&all));
    if (!err && kept.len < all.len)
        err = os_write_file_whole(folder, KEPT_NAME, kept, 0600, why);
    if (!err)
        load_kept(e, kept);
    if (!err || err == ERR_NOT_FOUND)
        err = os_open_append(folder, KEPT_NAME, &e->kept, why);
    text_fini(&all);
    close(folder);
    return err;
}

static void keep(struct edit *e, struct slice line)
{
    struct text row = {0};
    bool blank = !slice_trim(line).len || slice_is(line, text_slice(&e->last));
    if (blank)
        return;
    text_clear(&e->last);
    text_add(&e->last, line);
    remember(e, text_cstr(&e->last));
    text_add(&row, line);
    text_byte(&row, '\n');
    /* one of several lines is not kept beyond this chat */
    bool kept = e->kept >= 0 && slice_find(line, '\n') == line.len && !row.failed;
    if (kept && !os_write_all(e->kept, text_slice(&row))) {
        close(e->kept);
        e->kept = -1;
    }
    text_fini(&row);
}

/* ---- all of it ------------------------------------------------------------------------------ */

static bool set_up(struct edit *e)
{
    HistEvent ev;
    /* Where no locale is set only ASCII could be typed. */
    if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1)
        setlocale(LC_CTYPE, "C.UTF-8");
    e->el = el_init("hearth", stdin, stdout, stderr);
    e->history = e->el ? history_init() : NULL;
    if (!e->history)
        return false;
    (void)history(e->history, &ev, H_SETSIZE, KEPT_LINES);
    (void)history(e->history, &ev, H_SETUNIQUE, 1);
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_PROMPT, tell_prompt);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_SIGNAL, 1);
    el_set(e->el, EL_HIST, history, e->history);
    el_wset(e->el, EL_ADDFN, L"hearth-paste", L"Takes what is pasted as one line", paste);
    el_set(e->el, EL_BIND, PASTE_BEGINS, "hearth-paste", NULL);
    el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    (void)el_source(e->el, NULL);
    return true;
}

struct edit *edit_open(struct cli *c)
{
    struct edit *e = mem_new(struct edit);
    struct sigaction nothing = {.sa_handler = do_nothing};
    struct why why = {0};
    if (!e)
        return NULL;
    const char *terminal = getenv("TERM");
    *e = (struct edit){.c = c, .prompt = "", .kept = -1};
    e->dumb = !terminal || !terminal[0] || !strcmp(terminal, "dumb");
    sigaction(SIGINT, &nothing, &e->before);
    if (!set_up(e)) {
        edit_close(e);
        return NULL;
    }
    if (open_kept(e, &why)) { /* the chat works all the same */
        text_add(&c->err, SLICE("What is typed is not kept for the next chat: "));
        text_visible(&c->err, slice_of(why.text));
        text_byte(&c->err, '\n');
    }
    return e;
}

void edit_close(struct edit *e)
{
    if (e->history)
        history_end(e->history);
    if (e->el)
        el_end(e->el);
    if (e->kept >= 0)
        close(e->kept);
    sigaction(SIGINT, &e->before, NULL);
    text_fini(&e->last);
    mem_free(e);
}

static void tell_terminal(struct edit *e, struct slice orders)
{
    text_add(&e->c->out, e->dumb ? SLICE("") : orders);
    cli_flush(e->c);
}

enum line edit_next(struct edit *e, const char *prompt, struct text *ret_line)
{
    int n = 0;
    e->prompt = prompt;
    tell_terminal(e, SLICE(PASTE_ON));
    el_set(e->el, EL_PREP_TERM, 1); /* before the prompt: whoever sees it may type */
    errno = 0;
    const char *line = el_gets(e->el, &n);
    bool interrupted = !line && n < 0 && errno == EINTR;
    tell_terminal(e, SLICE(PASTE_OFF));
    if (!line) {
        text_byte(&e->c->out, '\n');
        tell_terminal(e, SLICE(CLEAR_BELOW)); /* the rest of a line that fills several */
        return interrupted ? LINE_INTERRUPTED : LINE_END;
    }
    struct slice typed = slice_of(line);
    typed.len -= slice_ends(typed, SLICE("\n"));
    text_add(ret_line, typed);
    keep(e, typed);
    return LINE_READ;
}
