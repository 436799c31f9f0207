/* parse: the steps of a message. Heads and trailers are gathered as whole lines, each byte checked
 * as it comes (so that it makes no difference how the bytes were cut), and read when their blank
 * line is there; bodies are counted and handed on where they lie. */
#include "base/mem.h"
#include "http/plain.h"
#include "http/state.h"

#define MOST_BLANK_LINES 2 /* before a request: some clients end a body with a CR LF too many */
#define MOST_INTERIM 16
#define FIRST_LINE_EXTRA 64 /* what may stand in a first line beside the target */
#define MOST_TRAILERS 4096
#define MOST_EXTENSIONS 4096
#define MOST_SIZE_DIGITS 16
#define KEPT_ROOM 8192 /* a buffer that one odd message made larger is not kept */

/* The request line that makes trailers a head for head_check_trailers. */
#define TRAILERS_BEGIN "GET / HTTP/1.1\r\n"

const struct http_limits http_request_limits = {8192, 32768, HTTP_MOST_FIELDS};
/* 4 KiB and 56 KiB of head and 4 KiB of trailers: never more than 64 KiB are held. */
const struct http_limits http_response_limits = {4096, 56 * 1024, HTTP_MOST_FIELDS};

void http_parser_init(struct http_parser *p, enum http_kind kind, const struct http_limits *limits)
{
    const struct http_limits *usual =
        kind == HTTP_REQUEST ? &http_request_limits : &http_response_limits;
    *p = (struct http_parser){.kind = kind, .limits = limits ? *limits : *usual};
    assert(p->limits.fields <= HTTP_MOST_FIELDS);
}

void http_parser_fini(struct http_parser *p)
{
    if (p->state) {
        text_fini(&p->state->block);
        text_fini(&p->state->trailers);
        mem_free(p->state);
    }
    struct http_limits limits = p->limits;
    http_parser_init(p, p->kind, &limits);
}

void http_parser_no_body(struct http_parser *p)
{
    p->no_body = true;
}

const struct http_head *http_head(const struct http_parser *p)
{
    assert(p->state && p->state->phase >= PHASE_BODY_LENGTH);
    return &p->state->head;
}

bool http_is_head(const struct http_parser *p)
{
    return p->state && p->state->head.method == METHOD_HEAD;
}

bool http_refuse(struct http_parser *p, enum err e, const char *why)
{
    if (p->err)
        return false; /* the first reason stays */
    p->err = p->kind == HTTP_RESPONSE && e != ERR_NO_MEMORY ? ERR_BAD_RESPONSE : e;
    p->why = why;
    return false;
}

static void begin_message(struct http_state *s)
{
    struct text block = s->block, trailers = s->trailers;
    if (block.room > KEPT_ROOM)
        text_fini(&block);
    text_clear(&block);
    text_fini(&trailers); /* rare */
    /* The fields need no clearing: head.count says how many there are. */
    memset(s, 0, offsetof(struct http_state, fields));
    s->block = block;
    s->trailers = trailers;
}

static bool may_stand(unsigned char c, bool first_line)
{
    return (c >= 0x20 && c != 0x7f) || (c == '\t' && !first_line);
}

/* Takes the rest of the line, and says in *ret_whole whether its CR LF was there. */
static bool take_line(struct http_parser *p, struct slice *in, struct text *into, bool *ret_whole)
{
    struct http_state *s = p->state;
    bool first_line = s->phase == PHASE_FIRST_LINE;
    size_t before = into->len - s->line, most, n = 0;
    enum err over;
    *ret_whole = false;
    if (first_line) {
        most = p->limits.target + FIRST_LINE_EXTRA;
        over = ERR_URI_TOO_LONG;
    } else {
        size_t used = s->line - s->fields_at;
        most = (s->phase == PHASE_TRAILERS ? MOST_TRAILERS : p->limits.block) - used;
        over = ERR_HEADERS_TOO_LARGE;
    }
    while (n < in->len && !*ret_whole) {
        unsigned char c = (unsigned char)in->ptr[n];
        if (before + n >= most)
            return http_refuse(
                p, over, first_line ? "the first line is too long" : "the fields are too large");
        if (s->after_cr) {
            if (c != '\n')
                return http_refuse(p, ERR_BAD_HTTP, "a CR without LF");
            *ret_whole = true;
        } else if (c == '\n') {
            return http_refuse(p, ERR_BAD_HTTP, "an LF without CR");
        } else if (c != '\r' && !may_stand(c, first_line)) {
            return http_refuse(p, ERR_BAD_HTTP, "a control byte in the head");
        } else if ((c == ' ' || c == '\t') && before + n == 0) {
            return http_refuse(p, ERR_BAD_HTTP, "a line begins with a blank");
        }
        s->after_cr = c == '\r';
        n++;
        if (c > ' ' && before + n < most)
            n += plain_length(
                slice_to(slice_from(*in, n), min_size(in->len - n, most - before - n)), ' ');
    }
    text_add(into, slice_to(*in, n));
    *in = slice_from(*in, n);
    if (into->failed)
        return http_refuse(p, ERR_NO_MEMORY, "out of memory");
    return true;
}

/* The blank line after a head: what comes next? Interim responses leave nothing behind. */
static bool end_head(struct http_parser *p)
{
    struct http_state *s = p->state;
    if (!head_finish(p))
        return false;
    const struct http_head *h = &s->head;
    if (p->kind == HTTP_RESPONSE && h->status < 200) {
        unsigned interim = s->interim + 1;
        if (h->status == 101)
            return http_refuse(p, ERR_BAD_RESPONSE, "it switches to another protocol");
        if (interim > MOST_INTERIM)
            return http_refuse(p, ERR_BAD_RESPONSE, "too many interim responses");
        begin_message(s);
        s->interim = interim;
        return true;
    }
    p->no_body = false;
    s->left = h->has_body ? h->content_length : 0;
    if (h->until_eof)
        s->phase = PHASE_BODY_EOF;
    else
        s->phase = h->chunked && h->has_body ? PHASE_CHUNK_SIZE : PHASE_BODY_LENGTH;
    return true;
}

static bool end_trailers(struct http_parser *p)
{
    p->state->phase = PHASE_ENDED;
    return p->state->lines == 0 || head_check_trailers(p);
}

/* A whole line stands at the end of the text. */
static bool end_line(struct http_parser *p, struct text *lines)
{
    struct http_state *s = p->state;
    struct slice line = slice_from(text_slice(lines), s->line);
    line.len -= 2;
    s->line = lines->len;
    if (s->phase == PHASE_FIRST_LINE) {
        if (!line.len && p->kind == HTTP_REQUEST && s->blank_lines++ < MOST_BLANK_LINES) {
            text_clear(lines);
            s->line = 0;
            return true;
        }
        s->phase = PHASE_FIELDS;
        s->fields_at = s->line;
        return head_first_line(p, line);
    }
    if (!line.len)
        return s->phase == PHASE_FIELDS ? end_head(p) : end_trailers(p);
    if (++s->lines > p->limits.fields)
        return http_refuse(p, ERR_HEADERS_TOO_LARGE, "too many fields");
    return true;
}

static void begin_trailers(struct http_state *s)
{
    s->phase = PHASE_TRAILERS;
    text_add(&s->trailers, SLICE(TRAILERS_BEGIN));
    s->line = s->fields_at = s->trailers.len;
    s->lines = 0;
}

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* One byte of what stands round the chunks' data. */
static bool take_chunk_byte(struct http_parser *p, char c)
{
    struct http_state *s = p->state;
    if (s->phase == PHASE_CHUNK_SIZE && hex_digit(c) < 16) {
        s->left = s->left << 4 | hex_digit(c);
        if (++s->digits > MOST_SIZE_DIGITS)
            return http_refuse(p, ERR_BAD_HTTP, "the size of a chunk is too long");
    } else if (s->phase == PHASE_CHUNK_SIZE && s->digits && (c == ';' || c == '\r')) {
        s->phase = c == ';' ? PHASE_CHUNK_EXTENSION : PHASE_CHUNK_LF;
        s->extensions += c == ';';
    } else if (s->phase == PHASE_CHUNK_EXTENSION && c == '\r') {
        s->phase = PHASE_CHUNK_LF;
    } else if (s->phase == PHASE_CHUNK_EXTENSION && may_stand((unsigned char)c, false)) {
        if (++s->extensions > MOST_EXTENSIONS)
            return http_refuse(p, ERR_BAD_HTTP, "the chunk extensions are too long");
    } else if (s->phase == PHASE_CHUNK_LF && c == '\n') {
        s->digits = 0;
        if (s->left)
            s->phase = PHASE_CHUNK_DATA;
        else
            begin_trailers(s);
    } else if (s->phase == PHASE_CHUNK_DATA_CR && c == '\r') {
        s->phase = PHASE_CHUNK_DATA_LF;
    } else if (s->phase == PHASE_CHUNK_DATA_LF && c == '\n') {
        s->phase = PHASE_CHUNK_SIZE;
    } else {
        return http_refuse(p, ERR_BAD_HTTP, "a chunk is malformed");
    }
    return true;
}

/* Takes lines or what stands round chunks until something is to be told: false at the end of the
 * input and when it is refused. */
static bool take_structure(struct http_parser *p, struct slice *in)
{
    struct http_state *s = p->state;
    enum phase was = s->phase;
    if (was >= PHASE_CHUNK_SIZE && was != PHASE_TRAILERS) {
        while (in->len && s->phase != PHASE_CHUNK_DATA && s->phase != PHASE_TRAILERS) {
            char c = in->ptr[0];
            *in = slice_from(*in, 1);
            if (!take_chunk_byte(p, c))
                return false;
        }
        return s->phase == PHASE_CHUNK_DATA || s->phase == PHASE_TRAILERS;
    }
    struct text *lines = was == PHASE_TRAILERS ? &s->trailers : &s->block;
    bool whole;
    return take_line(p, in, lines, &whole) && whole && end_line(p, lines);
}

static enum http_step take_body(struct http_state *s, struct slice *in, struct slice *ret_body)
{
    size_t n = s->phase == PHASE_BODY_EOF ? in->len : (size_t)min_u64(s->left, in->len);
    if (n == 0)
        return HTTP_MORE;
    *ret_body = slice_to(*in, n);
    *in = slice_from(*in, n);
    if (s->phase != PHASE_BODY_EOF)
        s->left -= n;
    if (s->phase == PHASE_CHUNK_DATA && !s->left)
        s->phase = PHASE_CHUNK_DATA_CR;
    return HTTP_BODY;
}

static bool make_state(struct http_parser *p)
{
    p->state = mem_new(struct http_state);
    return p->state || http_refuse(p, ERR_NO_MEMORY, "out of memory");
}

enum http_step http_parse(struct http_parser *p, struct slice *in, struct slice *ret_body)
{
    if (p->err)
        return HTTP_BAD;
    if (!in->len && http_is_between(p))
        return HTTP_MORE;
    if (!p->state && !make_state(p))
        return HTTP_BAD;
    struct http_state *s = p->state;
    if (s->phase == PHASE_ENDED)
        begin_message(s);
    for (;;) {
        switch (s->phase) {
        case PHASE_BODY_LENGTH:
            if (!s->left) {
                s->phase = PHASE_ENDED;
                return HTTP_END;
            }
            return take_body(s, in, ret_body);
        case PHASE_BODY_EOF:
        case PHASE_CHUNK_DATA:
            return take_body(s, in, ret_body);
        case PHASE_FIRST_LINE:
        case PHASE_FIELDS:
        case PHASE_CHUNK_SIZE:
        case PHASE_CHUNK_EXTENSION:
        case PHASE_CHUNK_LF:
        case PHASE_CHUNK_DATA_CR:
        case PHASE_CHUNK_DATA_LF:
        case PHASE_TRAILERS:
        case PHASE_ENDED:
            break;
        }
        bool was_head = s->phase <= PHASE_FIELDS;
        if (!take_structure(p, in))
            return p->err ? HTTP_BAD : HTTP_MORE;
        if (was_head && s->phase > PHASE_FIELDS)
            return HTTP_HEAD;
        if (s->phase == PHASE_ENDED)
            return HTTP_END;
    }
}

bool http_is_between(const struct http_parser *p)
{
    const struct http_state *s = p->state;
    return !s || s->phase == PHASE_ENDED ||
           (s->phase == PHASE_FIRST_LINE && s->block.len == 0 && s->interim == 0);
}

enum http_step http_parse_eof(struct http_parser *p)
{
    if (p->err)
        return HTTP_BAD;
    if (http_is_between(p))
        return HTTP_MORE;
    struct http_state *s = p->state;
    bool complete = s->phase == PHASE_BODY_EOF || (s->phase == PHASE_BODY_LENGTH && !s->left);
    if (complete) {
        s->phase = PHASE_ENDED;
        return HTTP_END;
    }
    if (p->kind == HTTP_REQUEST)
        p->err = ERR_CLIENT_GONE;
    else
        p->err = s->phase <= PHASE_FIELDS ? ERR_EOF_BEFORE_HEADERS : ERR_EOF_MID_STREAM;
    p->why = s->phase <= PHASE_FIELDS ? "the connection ended within a head"
                                      : "the connection ended within a body";
    return HTTP_CUT;
}
