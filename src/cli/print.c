/* print: words for a terminal: colours, columns, sizes, times, and the one way to say that
 * something failed. Colours only where a terminal reads and NO_COLOR is not set. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/inner.h"
#include "os/os.h"

#define TERMINAL_WIDTH 80u

void cli_flush(struct cli *c)
{
    if (c->out.failed || c->err.failed)
        c->broken = true; /* no memory for what was to be said */
    if (!os_write_all(STDOUT_FILENO, text_slice(&c->out)))
        c->broken = true;
    if (!os_write_all(STDERR_FILENO, text_slice(&c->err)))
        c->broken = true;
    text_clear(&c->out);
    text_clear(&c->err);
}

static const char *colour_code(enum colour colour)
{
    switch (colour) {
    case COLOUR_NONE:
        return "";
    case COLOUR_BOLD:
        return "\033[1m";
    case COLOUR_DIM:
        return "\033[2m";
    case COLOUR_RED:
        return "\033[31m";
    case COLOUR_GREEN:
        return "\033[32m";
    case COLOUR_YELLOW:
        return "\033[33m";
    }
    return "";
}

void cli_paint_visible(struct text *t, bool colours, enum colour colour, struct slice words)
{
    bool paints = colours && colour != COLOUR_NONE && words.len;
    if (paints)
        text_add(t, slice_of(colour_code(colour)));
    text_visible(t, words);
    if (paints)
        text_add(t, SLICE("\033[0m"));
}

void cli_paint(struct text *t, bool colours, enum colour colour, const char *words)
{
    cli_paint_visible(t, colours, colour, slice_of(words));
}

int cli_fail(struct cli *c, enum err e, const struct why *why, const char *next)
{
    const char *words = why && why->text[0] ? why->text : "it failed";
    cli_paint(&c->err, c->err_colours, COLOUR_RED, "hearth:");
    text_byte(&c->err, ' ');
    text_visible(&c->err, slice_of(words));
    text_byte(&c->err, '\n');
    /* "A call to the system failed" after the call's own error would tell nobody anything. */
    if (!next && e != ERR_SYSTEM && e != ERR_BAD_REQUEST)
        next = err_row(e)->words;
    if (next && *next)
        text_format(&c->err, "%s\n", next);
    return cli_exit_of(e);
}

int cli_not_running(struct cli *c)
{
    text_add(&c->err, SLICE("hearth is not running. Start it with `hearth up --detach`.\n"));
    return CLI_NOT_RUNNING;
}

size_t cli_width(struct slice s)
{
    size_t width = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\033') { /* a colour of ours */
            i += slice_find(slice_from(s, i), 'm');
            continue;
        }
        width += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return width;
}

void cli_fit(struct text *out, struct slice words, size_t width)
{
    struct text shown = {0};
    text_visible(&shown, words.len ? words : SLICE("-"));
    struct slice rest = text_slice(&shown);
    size_t room = cli_width(rest) > width ? width - 1 : width;
    for (size_t n; room && rest.len; room--) {
        n = max_size(slice_utf8(rest), 1);
        text_add(out, slice_to(rest, n));
        rest = slice_from(rest, n);
    }
    if (rest.len)
        text_add(out, SLICE("\xe2\x80\xa6"));
    text_fini(&shown);
}

void cli_pad(struct text *t, size_t from, size_t width)
{
    if (t->failed)
        return;
    for (size_t is = cli_width(slice_from(text_slice(t), from)); is < width; is++)
        text_byte(t, ' ');
}

void cli_end_row(struct text *t)
{
    while (t->len && t->ptr[t->len - 1] == ' ')
        t->len--;
    text_byte(t, '\n');
}

void cli_wrap(struct text *out, size_t at, const char *words)
{
    size_t column = at;
    struct slice rest = slice_of(words);
    for (struct slice word; slice_split(&rest, ' ', &word);) {
        size_t width = cli_width(word);
        if (column > at && column + 1 + width >= TERMINAL_WIDTH) {
            size_t from = out->len + 1;
            text_byte(out, '\n');
            cli_pad(out, from, at);
            column = at;
        } else if (column > at) {
            text_byte(out, ' ');
            column++;
        }
        text_add(out, word);
        column += width;
    }
    text_byte(out, '\n');
}

void cli_bytes(struct text *t, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes > UINT64_MAX / 10; unit++)
        bytes /= 1024;
    uint64_t tenths = bytes * 10;
    while (tenths >= 10240 && unit + 1 < COUNT(units)) {
        tenths /= 1024;
        unit++;
    }
    if (unit == 0 || tenths >= 1000)
        text_format(t, "%llu %s", (unsigned long long)(tenths / 10), units[unit]);
    else
        text_format(t, "%llu.%llu %s", (unsigned long long)(tenths / 10),
                    (unsigned long long)(tenths % 10), units[unit]);
}

void cli_duration(struct text *t, uint64_t ms)
{
    static const struct {
        const char *large, *small;
        uint64_t large_ms, small_ms;
    } rows[] = {
        {"d", "h", 86400000, 3600000},
        {"h", "min", 3600000, 60000},
        {"min", "s", 60000, 1000},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (ms < rows[i].large_ms)
            continue;
        text_format(t, "%llu %s", (unsigned long long)(ms / rows[i].large_ms), rows[i].large);
        uint64_t rest = ms % rows[i].large_ms / rows[i].small_ms;
        if (rest)
            text_format(t, " %llu %s", (unsigned long long)rest, rows[i].small);
        return;
    }
    text_format(t, "%llu %s", (unsigned long long)(ms < 1000 ? ms : ms / 1000),
                ms < 1000 ? "ms" : "s");
}

bool cli_take_duration(struct slice s, uint64_t *ret_ms)
{
    static const struct {
        char unit;
        uint64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}, {'w', 604800000}};
    uint64_t n, ms;
    if (!s.len || !slice_u64(slice_to(s, s.len - 1), &n))
        return false;
    for (size_t i = 0; i < COUNT(units); i++) {
        if (s.ptr[s.len - 1] == units[i].unit && !__builtin_mul_overflow(n, units[i].ms, &ms)) {
            *ret_ms = ms;
            return true;
        }
    }
    return false;
}

/* In valid JSON a DEL or a C1 control stands in a string, where an escape means the same. */
void cli_json(struct text *t, struct slice json)
{
    for (size_t i = 0; i < json.len; i++) {
        unsigned char c = (unsigned char)json.ptr[i];
        unsigned char next = i + 1 < json.len ? (unsigned char)json.ptr[i + 1] : 0;
        if (c == 0x7f) {
            text_add(t, SLICE("\\u007f"));
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            text_format(t, "\\u%04x", (unsigned)next);
            i++;
        } else {
            text_byte(t, (char)c);
        }
    }
    if (!json.len || json.ptr[json.len - 1] != '\n')
        text_byte(t, '\n');
}

void cli_address(struct text *t, struct slice listen)
{
    bool bare = listen.len && listen.ptr[0] != '/' && !slice_begins(listen, SLICE("unix:")) &&
                !slice_begins(listen, SLICE("http"));
    if (bare)
        text_add(t, SLICE("http://"));
    text_visible(t, listen);
}
