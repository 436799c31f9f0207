/* sse: event streams (text/event-stream). Two passes over each event: the first finds where it
 * ends, and goes on where the last piece left off; the second, over the whole event, finds its
 * fields.
 *
 * A line ends in LF, CR LF or a CR alone, so a CR at the end of the bytes is ambiguous. A blank
 * line's CR waits for the next byte, except after a line that ended in a CR alone: such a stream
 * has no LF, and the event is told at once (an LF that comes after all is a blank line of its own).
 */
#include "http/http.h"

#define MOST_EVENT (1u << 20)
#define KEPT_ROOM (64u << 10)
#define WINDOW 256u /* how far one look for a line's end goes: a stream without LF stays linear */

enum at { AT_LINE_START, AT_IN_LINE, AT_CR, AT_BLANK_CR };

/* Of the first CR or LF; s.len when there is none. */
static size_t line_length(struct slice s)
{
    for (size_t at = 0; at < s.len; at += WINDOW) {
        size_t n = min_size(s.len - at, WINDOW);
        const char *lf = memchr(s.ptr + at, '\n', n);
        if (lf)
            n = (size_t)(lf - s.ptr) - at;
        const char *cr = n ? memchr(s.ptr + at, '\r', n) : NULL;
        if (cr || lf)
            return (size_t)((cr ? cr : lf) - s.ptr);
    }
    return s.len;
}

/* Goes on to the end of an event: true, with *ret_n bytes of `in` belonging to it (perhaps none:
 * its last CR came before). False at the end of `in`. */
static bool find_end(struct sse_parser *s, struct slice in, size_t *ret_n)
{
    size_t i = 0;
    if (s->lines) {
        size_t lf = slice_find(in, '\n');
        *ret_n = min_size(lf + 1, in.len);
        return lf < in.len;
    }
    while (i < in.len) {
        char c = in.ptr[i];
        bool whole = false;
        switch ((enum at)s->at) {
        case AT_LINE_START:
            if (c == '\n' || (c == '\r' && s->lone_cr))
                whole = true;
            else
                s->at = c == '\r' ? AT_BLANK_CR : AT_IN_LINE;
            i += whole || c == '\r';
            break;
        case AT_IN_LINE:
            i += line_length(slice_from(in, i));
            if (i == in.len)
                break;
            s->lone_cr = false;
            s->at = in.ptr[i++] == '\r' ? AT_CR : AT_LINE_START;
            break;
        case AT_CR:
            s->lone_cr = c != '\n';
            s->at = AT_LINE_START;
            i += c == '\n';
            break;
        case AT_BLANK_CR:
            whole = true;
            i += c == '\n';
            break;
        }
        if (whole) {
            s->at = AT_LINE_START;
            s->lone_cr = false;
            *ret_n = i;
            return true;
        }
    }
    return false;
}

static enum sse_step refuse(struct sse_parser *s, enum err e, const char *why)
{
    s->err = e;
    s->why = why;
    return SSE_BAD;
}

static void add_data(struct sse_parser *s, struct sse_event *event, struct slice value)
{
    if (!event->has_data) {
        event->data = value;
        event->has_data = true;
        return;
    }
    if (!s->joined.len) /* the second line; nothing was ever joined for less than "\n" */
        text_add(&s->joined, event->data);
    text_byte(&s->joined, '\n');
    text_add(&s->joined, value);
    event->data = text_slice(&s->joined);
}

static void read_line(struct sse_parser *s, struct sse_event *event, struct slice line)
{
    if (!line.len || line.ptr[0] == ':')
        return;
    event->is_comment = false;
    size_t colon = slice_find(line, ':');
    struct slice name = slice_to(line, colon), value = {line.ptr + line.len, 0};
    if (colon < line.len)
        value = slice_from(line, colon + 1);
    if (slice_begins(value, SLICE(" ")))
        value = slice_from(value, 1);
    if (slice_is(name, SLICE("data")))
        add_data(s, event, value);
    else if (slice_is(name, SLICE("event")))
        event->name = value;
}

static enum sse_step read_event(struct sse_parser *s, struct slice raw, struct sse_event *ret_event)
{
    struct sse_event event = {.raw = raw, .is_comment = true};
    struct slice rest = raw;
    if (s->joined.room > KEPT_ROOM)
        text_fini(&s->joined);
    text_clear(&s->joined);
    if (!s->begun && slice_begins(rest, SLICE("\xef\xbb\xbf")))
        rest = slice_from(rest, 3);
    s->begun = true;
    if (s->lines) {
        event.data = slice_to(rest, line_length(rest));
        event.has_data = event.data.len > 0;
        event.is_comment = !event.has_data;
        rest.len = 0;
    }
    while (rest.len) {
        size_t n = line_length(rest);
        read_line(s, &event, slice_to(rest, n));
        rest = slice_from(rest, min_size(n + 1, rest.len)); /* CR LF: a blank line more, no harm */
    }
    if (s->joined.failed)
        return refuse(s, ERR_NO_MEMORY, "out of memory");
    *ret_event = event;
    return SSE_EVENT;
}

static void forget_told(struct sse_parser *s)
{
    if (!s->told)
        return;
    s->told = false;
    if (s->tail.room > KEPT_ROOM)
        text_fini(&s->tail);
    text_clear(&s->tail);
}

enum sse_step sse_parse(struct sse_parser *s, struct slice *in, struct sse_event *ret_event)
{
    size_t n = in->len;
    if (s->err)
        return SSE_BAD;
    forget_told(s);
    bool whole = find_end(s, *in, &n);
    if (n > MOST_EVENT - s->tail.len)
        return refuse(s, ERR_BAD_RESPONSE, "an event is larger than 1 MiB");
    struct slice raw = slice_to(*in, n);
    *in = slice_from(*in, n);
    if (!whole || s->tail.len) {
        text_add(&s->tail, raw);
        if (s->tail.failed)
            return refuse(s, ERR_NO_MEMORY, "out of memory");
        raw = text_slice(&s->tail);
        s->told = whole;
    }
    return whole ? read_event(s, raw, ret_event) : SSE_MORE;
}

enum sse_step sse_end(struct sse_parser *s, struct sse_event *ret_event)
{
    if (s->err)
        return SSE_BAD;
    forget_told(s);
    if (!s->tail.len)
        return SSE_MORE;
    bool line = s->lines && slice_ends(text_slice(&s->tail), SLICE("}")); /* all but its end */
    enum sse_step step = s->at == AT_BLANK_CR || line ? SSE_EVENT : SSE_CUT;
    s->at = AT_LINE_START;
    s->told = true;
    return read_event(s, text_slice(&s->tail), ret_event) == SSE_BAD ? SSE_BAD : step;
}

void sse_parser_fini(struct sse_parser *s)
{
    text_fini(&s->tail);
    text_fini(&s->joined);
    *s = (struct sse_parser){0};
}

void sse_write_event(struct text *out, struct slice name, struct slice data)
{
    if (name.len && line_length(name) == name.len) {
        text_add(out, SLICE("event: "));
        text_add(out, name);
        text_byte(out, '\n');
    }
    for (bool more = true; more;) {
        size_t n = line_length(data);
        text_add(out, SLICE("data: "));
        text_add(out, slice_to(data, n));
        text_byte(out, '\n');
        more = n < data.len;
        if (more) {
            bool crlf = data.ptr[n] == '\r' && n + 1 < data.len && data.ptr[n + 1] == '\n';
            data = slice_from(data, n + 1 + crlf);
        }
    }
    text_byte(out, '\n');
}
