/* watch: `hearth status --watch`. It looks once a second, and at once when the daemon says on its
 * bus that something changed. On a terminal the picture stays in its place, on the screen that
 * programs have for themselves; who ends it with Ctrl-C or q, or stops it with Ctrl-Z, finds the
 * terminal as it was. Elsewhere it is a block of text a second, with --json a line. When the
 * daemon is gone it says so and waits: that is what it is for.
 *
 * Signals stay blocked while the screen is ours and are looked for between two waits: so no
 * handler is needed, and none of them can end us in the middle. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli/inner.h"
#include "machine/machine.h"
#include "os/os.h"

#define ASK_MS 1000u
#define EVERY_MS 1000u
#define TICK_MS 100u       /* for keys, signals and the size */
#define RATE_MOST_MS 3000u /* a rate is of so long at most, */
#define RATE_LEAST_MS 900u /* and at least */
#define ROWS "16"

struct page { /* an answer, read; zero-filled is valid */
    struct answer answer;
    struct json_doc doc;
    uint64_t at_ms;
    bool there;
};

struct watch {
    struct cli *c;
    struct page status, before, rows;
    struct why why;
    uint64_t lost_ms; /* since when nobody answers; 0: somebody does */
    uint64_t bus;     /* the last change that was seen */
    int64_t pid;      /* of the daemon */
    struct winsize size;
    sigset_t signals;
    struct termios terminal;
    bool screen;      /* it is a terminal that we draw on */
    bool keys, shown; /* stdin was made to tell keys at once; the screen is ours */
    bool told, over;  /* told: that nobody answers, where that is said once */
};

/* ---- looking --------------------------------------------------------------------------------- */

static void drop(struct page *p)
{
    if (p->there)
        json_done(&p->doc);
    answer_fini(&p->answer);
    *p = (struct page){0};
}

static enum err fetch(struct watch *w, const char *target, struct page *ret, struct why *why)
{
    const struct question q = {METHOD_GET, target, SLICE(""), ASK_MS};
    struct page p = {.at_ms = os_mono_ms()};
    enum err e = cli_ask(w->c, &q, &p.answer, why);
    if (!e && p.answer.status != 200)
        e = why_set(why, p.answer.status == 401 ? ERR_UNAUTHORIZED : ERR_BAD_RESPONSE,
                    "the daemon answers with status %d", p.answer.status);
    if (!e)
        e = json_read(text_slice(&p.answer.body), &json_usual_limits, NULL, &p.doc, why);
    if (e) {
        answer_fini(&p.answer);
        return e;
    }
    p.there = true;
    *ret = p;
    return OK;
}

static void take_status(struct watch *w, struct page *now)
{
    int64_t pid = 0;
    bool known = json_int(json_get(now->doc.root, "pid"), &pid);
    if (!known || pid != w->pid)
        w->bus = 0; /* another daemon counts from the start */
    w->pid = pid;
    w->lost_ms = 0;
    bool old = now->at_ms - w->status.at_ms >= RATE_LEAST_MS ||
               now->at_ms - w->before.at_ms >= RATE_MOST_MS;
    drop(old ? &w->before : &w->status);
    if (old)
        w->before = w->status;
    w->status = *now;
}

static enum err look(struct watch *w)
{
    struct page status, rows;
    enum err e = fetch(w, "/hearth/v1/status", &status, &w->why);
    if (e) {
        drop(&w->status);
        drop(&w->before);
        drop(&w->rows);
        w->lost_ms = w->lost_ms ? w->lost_ms : os_mono_ms();
        return e;
    }
    take_status(w, &status);
    if (!fetch(w, "/hearth/v1/requests?most=" ROWS, &rows, NULL)) {
        drop(&w->rows);
        w->rows = rows;
    }
    return OK;
}

/* Did anything change since it was asked last? */
static bool has_news(struct watch *w)
{
    struct text target = {0};
    struct page bus;
    text_format(&target, "/hearth/v1/bus?from=%llu", (unsigned long long)(w->bus + 1));
    bool first = w->bus == 0, news = false;
    if (!w->lost_ms && !fetch(w, text_cstr(&target), &bus, NULL)) {
        size_t n = json_count(bus.doc.root);
        news = n && !first;
        if (n)
            w->bus = requests_number(json_at(bus.doc.root, n - 1), "number");
        drop(&bus);
    }
    text_fini(&target);
    return news;
}

/* ---- showing --------------------------------------------------------------------------------- */

static bool is_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return !strstr(value, "UTF-8") && !strstr(value, "utf8") && !strstr(value, "utf-8");
    }
    return true;
}

static void draw(struct watch *w, size_t columns, size_t lines, struct text *out)
{
    char clock[16] = "";
    struct tm local;
    time_t now = (time_t)(os_wall_ms() / 1000);
    bool gone = w->why.code == ERR_NOT_RUNNING;
    if (localtime_r(&now, &local))
        (void)strftime(clock, sizeof clock, "%H:%M:%S", &local);
    struct watch_view v = {
        .status = w->status.there ? w->status.doc.root : NULL,
        .before = w->before.there ? w->before.doc.root : NULL,
        .rows = w->rows.there ? json_get(w->rows.doc.root, "requests") : NULL,
        .apart_ms = w->status.at_ms - w->before.at_ms,
        .away_ms = w->lost_ms ? os_mono_ms() - w->lost_ms : 0,
        .why = gone ? "is not running" : "does not answer",
        .clock = clock,
        .columns = columns,
        .lines = lines,
        .colours = w->c->out_colours,
        .ascii = is_ascii(),
    };
    machine_memory("", &v.memory_total, &v.memory_free);
    watch_draw(&v, out);
}

static void put_json(struct watch *w)
{
    struct text line = {0};
    struct json_writer j = json_writer(&line);
    uint64_t total, left;
    machine_memory("", &total, &left);
    json_open_object(&j);
    json_key(&j, "at_ms");
    json_put_u64(&j, os_wall_ms());
    json_key(&j, "running");
    json_put_bool(&j, w->status.there);
    json_key(&j, "memory_total");
    json_put_u64(&j, total);
    json_key(&j, "memory_free");
    json_put_u64(&j, left);
    struct text part = {0};
    if (w->status.there) {
        json_copy(w->status.doc.root, &part);
        json_key(&j, "status");
        json_put_raw(&j, text_slice(&part));
    }
    if (w->rows.there) {
        text_clear(&part);
        json_copy(json_get(w->rows.doc.root, "requests"), &part);
        json_key(&j, "requests");
        json_put_raw(&j, text_slice(&part));
    }
    json_close_object(&j);
    w->c->out.failed |= line.failed || part.failed;
    cli_json(&w->c->out, text_slice(&line));
    text_fini(&part);
    text_fini(&line);
}

/* Over the picture before, line by line, so that nothing flickers. */
static void put_screen(struct watch *w)
{
    struct text picture = {0};
    struct text *out = &w->c->out;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w->size) != 0 || !w->size.ws_col || !w->size.ws_row)
        w->size = (struct winsize){.ws_col = 80, .ws_row = 24};
    draw(w, w->size.ws_col, w->size.ws_row, &picture);
    text_add(out, SLICE("\033[?2026h\033[H"));
    struct slice rest = text_slice(&picture), line;
    rest.len -= rest.len > 0; /* behind the last line end there is no line */
    for (bool first = true; slice_split(&rest, '\n', &line); first = false) {
        text_add(out, first ? SLICE("\033[K") : SLICE("\r\n\033[K")); /* behind, it may eat */
        text_add(out, line);                                          /* the last column */
    }
    text_add(out, SLICE("\033[J\033[?2026l"));
    out->failed |= picture.failed;
    text_fini(&picture);
}

static void show(struct watch *w)
{
    if (w->c->options.json) {
        put_json(w);
    } else if (w->screen) {
        put_screen(w);
    } else if (!w->lost_ms || !w->told) {
        draw(w, 80, 0, &w->c->out);
        text_byte(&w->c->out, '\n');
    }
    w->told = w->lost_ms != 0;
    cli_flush(w->c);
}

/* ---- the terminal ---------------------------------------------------------------------------- */

static bool has_screen(const struct cli *c)
{
    const char *terminal = getenv("TERM");
    return c->out_terminal && !c->options.json && terminal && strcmp(terminal, "dumb") != 0;
}

static void enter(struct watch *w)
{
    static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < COUNT(ours); i++)
        sigaddset(&set, ours[i]);
    sigprocmask(SIG_BLOCK, &set, &w->signals);
    w->keys = tcgetattr(STDIN_FILENO, &w->terminal) == 0;
    if (w->keys) {
        struct termios quiet = w->terminal;
        quiet.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    text_add(&w->c->out, SLICE("\033[?1049h\033[?25l\033[?7l\033[2J"));
    w->shown = true;
}

/* What is waiting arrives when this returns: it may stop us here, or end us. */
static void leave(struct watch *w)
{
    if (!w->shown)
        return;
    text_add(&w->c->out, SLICE("\033[?7h\033[?25h\033[?1049l"));
    cli_flush(w->c);
    if (w->keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &w->terminal);
    w->shown = false;
    sigprocmask(SIG_SETMASK, &w->signals, NULL);
}

static void take_key(struct watch *w)
{
    struct pollfd p = {.fd = w->keys ? STDIN_FILENO : -1, .events = POLLIN};
    char key;
    if (poll(&p, 1, (int)TICK_MS) <= 0)
        return;
    ssize_t n = read(STDIN_FILENO, &key, 1);
    if (n == 1)
        w->over = key == 'q' || key == 'Q' || key == 4; /* Ctrl-D */
    else
        w->keys = false; /* nobody is there who could press one */
}

/* Ctrl-C is how it is usually ended: no failure. */
static void take_signals(struct watch *w)
{
    sigset_t waiting, interrupt;
    int number;
    sigpending(&waiting);
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    if (sigismember(&waiting, SIGINT) && sigwait(&interrupt, &number) == 0)
        w->over = true;
    bool stops = sigismember(&waiting, SIGTSTP);
    bool ends = sigismember(&waiting, SIGTERM) || sigismember(&waiting, SIGHUP) ||
                sigismember(&waiting, SIGQUIT);
    if (!stops && !ends)
        return;
    leave(w); /* and goes on here when it is continued */
    enter(w);
    show(w);
}

static bool is_resized(const struct watch *w)
{
    struct winsize now;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &now) == 0 &&
           (now.ws_col != w->size.ws_col || now.ws_row != w->size.ws_row);
}

/* Until it is time for another look. */
static void wait_on_screen(struct watch *w)
{
    uint64_t until_ms = os_mono_ms() + EVERY_MS;
    for (unsigned tick = 1; !w->over && !w->c->broken && os_mono_ms() < until_ms; tick++) {
        take_key(w);
        take_signals(w);
        if (is_resized(w))
            show(w);
        if (tick % 2 == 0 && has_news(w))
            return;
    }
}

int watch_run(struct cli *c)
{
    struct watch w = {.c = c, .screen = has_screen(c)};
    enum err e = look(&w);
    if (e == ERR_PERMISSION || e == ERR_UNAUTHORIZED)
        return cli_fail(c, e, &w.why, NULL);
    if (w.screen)
        enter(&w);
    while (!w.over && !c->broken) {
        show(&w);
        if (w.screen)
            wait_on_screen(&w);
        else
            os_sleep_ms(EVERY_MS);
        if (!w.over && !c->broken)
            (void)look(&w); /* what it says of a failure is shown */
    }
    if (w.screen)
        leave(&w);
    drop(&w.status);
    drop(&w.before);
    drop(&w.rows);
    return CLI_OK;
}
