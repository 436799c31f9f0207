/* jsonc: JSON with comments and commas before a closing bracket, made plain JSON of the same length
 * for a reader that knows no better. */
#include "base/json.h"
#include "connect/inside.h"

struct mask {
    struct slice in;
    char *out;
    size_t at;
    size_t comma; /* the last thing that was no blank, if it was one; in.len: it was not */
};

static char here(const struct mask *m, size_t more)
{
    return m->at + more < m->in.len ? m->in.ptr[m->at + more] : '\0';
}

static void skip_string(struct mask *m)
{
    for (m->at++; m->at < m->in.len && m->in.ptr[m->at] != '"'; m->at++)
        m->at += m->in.ptr[m->at] == '\\';
    m->at = min_size(m->at + 1, m->in.len);
}

static void blank(struct mask *m)
{
    if (m->in.ptr[m->at] != '\n' && m->in.ptr[m->at] != '\r')
        m->out[m->at] = ' ';
    m->at++;
}

/* False: it has no end. */
static bool skip_comment(struct mask *m)
{
    bool line = here(m, 1) == '/';
    blank(m);
    blank(m);
    while (m->at < m->in.len) {
        if (line && (here(m, 0) == '\n' || here(m, 0) == '\r'))
            return true;
        if (!line && here(m, 0) == '*' && here(m, 1) == '/') {
            blank(m);
            blank(m);
            return true;
        }
        blank(m);
    }
    return line;
}

static bool step(struct mask *m)
{
    char c = here(m, 0);
    if (c == '/' && (here(m, 1) == '/' || here(m, 1) == '*'))
        return skip_comment(m);
    if ((c == '}' || c == ']') && m->comma < m->in.len)
        m->out[m->comma] = ' ';
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
        m->comma = c == ',' ? m->at : m->in.len;
    if (c == '"')
        skip_string(m);
    else
        m->at++;
    return true;
}

bool jsonc_mask(struct slice text, struct text *out)
{
    const struct slice bom = SLICE("\xef\xbb\xbf");
    text_add(out, text);
    if (out->failed || !text.len)
        return false;
    struct mask m = {.in = text, .out = out->ptr, .comma = text.len};
    if (slice_begins(text, bom)) {
        memset(out->ptr, ' ', bom.len);
        m.at = bom.len;
    }
    while (m.at < text.len) {
        if (!step(&m))
            return false;
    }
    return true;
}

bool jsonc_reads(struct slice text)
{
    struct text plain = {0};
    struct json_doc doc;
    bool good = jsonc_mask(text, &plain) &&
                !json_read(text_slice(&plain), &json_usual_limits, NULL, &doc, NULL);
    if (good)
        json_done(&doc);
    text_fini(&plain);
    return good;
}
