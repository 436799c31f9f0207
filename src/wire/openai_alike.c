/* openai_alike: a stream of text is hundreds of chunks that differ in nothing but a few letters.
 * What stands before and after the text of one is kept, as it came and as it left; a chunk with the
 * same two halves around the inside of a JSON string is then the same object with another text:
 * neither parsed nor edited again. Anything else goes the long way, and may be learned from. */
#include "wire/codec.h"

#define MOST_MISSES 4u /* of a target whose chunks differ elsewhere each time */
#define MOST_HALVES 4096u

/* ---- where the text stands ------------------------------------------------------------------- */

struct found {
    struct slice name, value; /* of the text, the value unescaped */
    struct slice inside;      /* of its quotes */
    const char *brace;        /* before its name */
};

/* If one choice with one text is all that the chunk tells. */
static bool only_text(const struct json_value *chunk, struct found *ret)
{
    enum { INDEX, DELTA, FINISH, LOGPROBS, N };
    static const struct slice names[N] = {
        {"index", 5}, {"delta", 5}, {"finish_reason", 13}, {"logprobs", 8}};
    static const struct slice texts[] = {{"content", 7}, {"reasoning_content", 17}};
    const struct json_value *choices = json_get(chunk, "choices"), *choice = json_at(choices, 0);
    const struct json_value *v[N];
    int64_t index = 0;
    size_t known = 0;
    json_pick(choice, names, N, v);
    for (unsigned i = 0; i < N; i++)
        known += v[i] != NULL;
    bool alone = json_count(choices) == 1 && json_count(choice) == known &&
                 json_count(v[DELTA]) == 1 && (!v[INDEX] || json_int(v[INDEX], &index)) &&
                 index == 0 && (!v[FINISH] || json_is_null(v[FINISH])) &&
                 (!v[LOGPROBS] || json_is_null(v[LOGPROBS]));
    for (unsigned i = 0; alone && i < COUNT(texts); i++) {
        const struct json_value *text;
        json_pick(v[DELTA], &texts[i], 1, &text);
        *ret = (struct found){.name = texts[i], .value = json_text(text)};
        if (ret->value.len)
            return true;
    }
    return false;
}

/* Does the inside of a string spell this value? */
static bool spells(struct slice inside, struct slice value)
{
    struct text plain = {0};
    if (slice_is(inside, value) && slice_find(inside, '\\') == inside.len)
        return true;
    if (!json_is_plain(inside))
        return false;
    json_add_plain(inside, &plain);
    bool same = !plain.failed && slice_is(text_slice(&plain), value);
    text_fini(&plain);
    return same;
}

/* The inside of the string that follows this name, which must be there just once. A brace and a
 * quote before it make it a member's name: inside a string a quote has a backslash before it. */
static bool find_text(struct slice json, struct found *text)
{
    struct slice name = text->name;
    const char *at = memmem(json.ptr, json.len, name.ptr, name.len);
    const char *end = json.ptr + json.len;
    if (!at || memmem(at + 1, (size_t)(end - at) - 1, name.ptr, name.len))
        return false;
    struct slice key;
    struct json_span span;
    size_t brace = (size_t)(at - json.ptr);
    if (brace < 2 || json.ptr[brace - 1] != '"' || json.ptr[brace - 2] != '{')
        return false;
    brace -= 2;
    text->brace = json.ptr + brace;
    if (!json_next_span(json, &brace, &key, &span) || !slice_is(key, name) ||
        span.end - span.value < 3 || json.ptr[span.value] != '"')
        return false;
    text->inside = (struct slice){json.ptr + span.value + 1, span.end - span.value - 2};
    return spells(text->inside, text->value); /* a name with escapes may stand elsewhere */
}

/* Where it is in the event as it leaves. Its edits usually stand before the text: then both are the
 * same bytes from the brace on, which can be so in one place only, since the name is there once. */
static bool find_edited(struct slice json, struct slice data, struct found *text)
{
    size_t rest = data.len - (size_t)(text->brace - data.ptr);
    if (rest > json.len || memcmp(json.ptr + json.len - rest, text->brace, rest) != 0)
        return find_text(json, text);
    text->inside.ptr = json.ptr + json.len - rest + (text->inside.ptr - text->brace);
    return true;
}

/* ---- learning -------------------------------------------------------------------------------- */

static bool is_inside(struct slice part_of, struct slice whole)
{
    return part_of.ptr >= whole.ptr && part_of.ptr + part_of.len <= whole.ptr + whole.len;
}

void openai_learn(struct decoder *d, struct slice raw, struct slice data, const struct event *event)
{
    struct alike *a = &d->alike;
    struct slice in, out;
    bool text = event->kind == EVENT_TEXT || event->kind == EVENT_REASONING;
    a->head = 0;
    if (!text || a->misses >= MOST_MISSES || !is_inside(data, raw))
        return; /* data of several lines is not inside */
    a->misses++;
    struct found found;
    if (!only_text(event->parsed, &found) || !find_text(data, &found))
        return;
    in = found.inside;
    if (!find_edited(event->json, data, &found))
        return;
    out = found.inside;
    a->before = (size_t)(data.ptr - raw.ptr);
    a->after = raw.len - a->before - data.len;
    a->tail = raw.len - (size_t)(in.ptr + in.len - raw.ptr);
    a->out_head = a->before + (size_t)(out.ptr - event->json.ptr);
    a->out_tail = event->raw.len - a->out_head - out.len;
    if (raw.len - in.len + event->raw.len - out.len > MOST_HALVES)
        return;
    text_clear(&a->bytes);
    if (!text_room(&a->bytes, raw.len + event->raw.len))
        return;
    text_add(&a->bytes, slice_to(raw, (size_t)(in.ptr - raw.ptr)));
    text_add(&a->bytes, slice_from(raw, raw.len - a->tail));
    text_add(&a->bytes, slice_to(event->raw, a->out_head));
    text_add(&a->bytes, slice_from(event->raw, event->raw.len - a->out_tail));
    a->kind = event->kind;
    a->usage = event->usage;
    if (!a->bytes.failed)
        a->head = (size_t)(in.ptr - raw.ptr);
}

/* ---- taking ---------------------------------------------------------------------------------- */

bool openai_alike(struct decoder *d, struct slice raw, struct slice data, struct event *event)
{
    struct alike *a = &d->alike;
    struct slice kept = text_slice(&a->bytes);
    if (!a->head || raw.len <= a->head + a->tail || data.ptr != raw.ptr + a->before ||
        data.len != raw.len - a->before - a->after)
        return false;
    struct slice piece = {raw.ptr + a->head, raw.len - a->head - a->tail};
    if (memcmp(raw.ptr, kept.ptr, a->head) != 0 ||
        memcmp(piece.ptr + piece.len, kept.ptr + a->head, a->tail) != 0 || !json_is_plain(piece))
        return false;
    struct slice out_head = {kept.ptr + a->head + a->tail, a->out_head};
    struct slice out_tail = {out_head.ptr + out_head.len, a->out_tail};
    text_clear(&d->edited);
    text_add(&d->edited, out_head);
    text_add(&d->edited, piece);
    text_add(&d->edited, out_tail);
    if (d->edited.failed)
        return false;
    struct slice whole = text_slice(&d->edited);
    *event = (struct event){
        .kind = a->kind,
        .ready = d->wire.ready,
        .raw = whole,
        .json = {whole.ptr + a->before, whole.len - a->before - a->after},
        .usage = a->usage,
        .piece = piece,
    };
    a->misses = 0;
    return true;
}
