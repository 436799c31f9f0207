/* json_part: parts of ours for JSON files of somebody else's: laid out as its user would, and
 * judged afterwards. */
#include "base/json.h"
#include "connect/inside.h"

const struct json_style json_usual_style = {.eol = {"\n", 1}, .unit = {"  ", 2}};

static void begin(const struct json_style *s, struct text *out, unsigned depth)
{
    text_add(out, s->eol);
    for (unsigned i = 0; i < depth; i++)
        text_add(out, s->unit);
}

/* The members of an object of ours as a person would write them, each on a line of its own. */
void json_lay_out(const struct json_style *s, struct slice json, unsigned depth, struct text *out)
{
    bool quoted = false, list = false;
    begin(s, out, depth);
    for (size_t i = 1; i + 1 < json.len; i++) {
        char c = json.ptr[i];
        depth -= !quoted && c == '}';
        if (!quoted && c == '}')
            begin(s, out, depth);
        text_byte(out, c);
        if (quoted && c == '\\')
            text_byte(out, json.ptr[++i]);
        else if (c == '"')
            quoted = !quoted;
        depth += !quoted && c == '{';
        list = quoted ? list : c == '[' || (list && c != ']');
        if (!quoted && (c == '{' || c == ',') && !list)
            begin(s, out, depth);
        else if (!quoted && (c == ':' || c == ','))
            text_byte(out, ' ');
    }
}

/* After a bracket that opens: what follows it, or the bracket that closes. */
void json_end_part(const struct json_style *s, struct text *out, bool more, unsigned depth)
{
    if (more)
        text_byte(out, ',');
    else
        begin(s, out, depth);
}

/* As the first member stands, if it has a line of its own. */
struct slice json_unit(struct slice plain, size_t root)
{
    struct slice key;
    struct json_span span;
    size_t at = root, from;
    if (!json_next_span(plain, &at, &key, &span))
        return SLICE("  ");
    for (from = span.key; from && (plain.ptr[from - 1] == ' ' || plain.ptr[from - 1] == '\t');)
        from--;
    bool own = from && from < span.key && plain.ptr[from - 1] == '\n';
    return own ? (struct slice){plain.ptr + from, span.key - from} : SLICE("  ");
}

static bool is_same(const struct json_value *a, const struct json_value *b)
{
    struct text x = {0}, y = {0};
    if (!b)
        return false;
    json_copy(a, &x);
    json_copy(b, &y);
    bool same = !x.failed && !y.failed && slice_is(text_slice(&x), text_slice(&y));
    text_fini(&x);
    text_fini(&y);
    return same;
}

bool json_holds_all(const struct json_value *before, const struct json_value *after,
                    const char *but)
{
    for (struct json_iter i = json_begin(before); json_next(&i);) {
        struct text key = {0};
        text_add(&key, i.key);
        const struct json_value *now = json_get(after, text_cstr(&key));
        bool good = (but && slice_is(i.key, slice_of(but))) || is_same(i.value, now);
        text_fini(&key);
        if (!good)
            return false;
    }
    return true;
}

/* The line of a byte, for words. */
unsigned text_line(struct slice text, size_t at)
{
    unsigned n = 1;
    for (size_t i = 0; i < at; i++)
        n += text.ptr[i] == '\n';
    return n;
}

enum err json_merge(struct json_work *w, const struct json_app *app, struct why *why)
{
    struct connect_plan *p = w->plan;
    if (!jsonc_mask(w->text, &w->plain))
        return merge_refuse(p, app->by_hand(w), why, "%.160s: a comment in it has no end", p->path);
    if (json_read(text_slice(&w->plain), &json_usual_limits, NULL, &w->doc, why))
        return merge_refuse(p, app->by_hand(w), why, "%.120s: %.160s", p->path, why->text);
    w->read = true;
    if (!json_is_object(w->doc.root))
        return merge_refuse(p, app->by_hand(w), why, "%.160s holds no object", p->path);
    w->style.unit = json_unit(text_slice(&w->plain), slice_find(text_slice(&w->plain), '{'));
    enum err e = app->put(w, why);
    if (e == ERR_CONFIG)
        return merge_refuse(p, app->by_hand(w), why, "%s", why->text);
    if (!e && !app->is_right(w))
        e = merge_refuse(p, app->by_hand(w), why,
                         "%.160s is written in a way that hearth does not change", p->path);
    return e;
}

void json_work_fini(struct json_work *w)
{
    if (w->read)
        json_done(&w->doc);
    text_fini(&w->plain);
    for (size_t i = 0; i < CONNECT_PARTS; i++)
        text_fini(&w->parts[i]);
}
