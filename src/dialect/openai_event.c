/* openai_event: chunks of a chat stream as OpenAI's kin send them. Each is parsed once, to see
 * what it is; what leaves are its own bytes but for `model` and, after another attempt took over,
 * `id` and `created`. */
#include "dialect/codec.h"

#define MOST_CHUNK_VALUES 200000u

static const struct json_limits chunk_limits = {.depth = 64, .values = MOST_CHUNK_VALUES};

/* ---- what is in a chunk --------------------------------------------------------------------- */

static bool has_text(const struct json_value *v)
{
    return json_text(v).len > 0;
}

static enum event_kind kind_of_delta(const struct json_value *delta)
{
    if (has_text(json_get(delta, "content")) || has_text(json_get(delta, "refusal")))
        return EVENT_TEXT;
    if (json_count(json_get(delta, "tool_calls")))
        return EVENT_TOOL;
    if (json_is_object(json_get(delta, "function_call")))
        return EVENT_TOOL;
    if (has_text(json_get(delta, "reasoning_content")) || has_text(json_get(delta, "reasoning")))
        return EVENT_REASONING;
    return json_get(delta, "role") ? EVENT_HEAD : EVENT_BYTES;
}

static enum event_kind kind_of(const struct json_value *chunk)
{
    const struct json_value *choices = json_get(chunk, "choices");
    enum event_kind kind = EVENT_BYTES;
    if (json_is_array(choices) && !json_count(choices) && json_is_object(json_get(chunk, "usage")))
        return EVENT_USAGE;
    for (struct json_iter i = json_begin(choices); json_next(&i);) {
        enum event_kind one = kind_of_delta(json_get(i.value, "delta"));
        const struct json_value *finish = json_get(i.value, "finish_reason");
        if (one == EVENT_HEAD && json_is_text(finish))
            one = EVENT_BYTES; /* an empty answer: its end is no head */
        if (one != EVENT_BYTES && (kind == EVENT_BYTES || one < kind || kind == EVENT_HEAD))
            kind = one;
    }
    return kind;
}

static struct usage usage_of(const struct json_value *chunk)
{
    struct usage u = {-1, -1};
    const struct json_value *v = json_get(chunk, "usage");
    if (!json_int(json_get(v, "prompt_tokens"), &u.prompt))
        u.prompt = -1;
    if (!json_int(json_get(v, "completion_tokens"), &u.completion))
        u.completion = -1;
    return u;
}

/* ---- errors --------------------------------------------------------------------------------- */

static void copy_visible(struct slice s, char *to, size_t room)
{
    struct text visible = {0};
    text_visible(&visible, slice_to(s, min_size(s.len, room - 1)));
    size_t n = min_size(visible.len, room - 1);
    memcpy(to, text_cstr(&visible), visible.failed ? 0 : n);
    to[visible.failed ? 0 : n] = '\0';
    text_fini(&visible);
}

struct refusal_row {
    int status;       /* 0: any */
    const char *code; /* of the error object; NULL: any */
    enum err means;
};

/* The first row that fits. */
static const struct refusal_row refusals[] = {
    {0, "context_length_exceeded", ERR_CTX_TOO_LONG},
    {0, "exceed_context_size_error", ERR_CTX_TOO_LONG},
    {0, "content_policy_violation", ERR_CONTENT_POLICY},
    {0, "content_filter", ERR_CONTENT_POLICY},
    {0, "insufficient_quota", ERR_QUOTA_402},
    {401, NULL, ERR_AUTH_401_403},
    {402, NULL, ERR_QUOTA_402},
    {403, NULL, ERR_AUTH_401_403},
    {404, NULL, ERR_BAD_RESPONSE},
    {408, NULL, ERR_HTTP_408},
    {409, NULL, ERR_HTTP_409_LOADING},
    {429, NULL, ERR_HTTP_429},
    {529, NULL, ERR_OVERLOADED_529},
};

static enum err meaning_of(int status, struct slice code)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct refusal_row *r = &refusals[i];
        if ((!r->status || r->status == status) && (!r->code || slice_is(code, slice_of(r->code))))
            return r->means;
    }
    return status >= 500 ? ERR_HTTP_5XX : status >= 400 ? ERR_TARGET_REFUSED : ERR_BAD_RESPONSE;
}

static enum err refusal_of(int status, const struct json_value *error, struct why *why)
{
    struct slice code = json_text(json_get(error, "code"));
    struct slice message =
        json_text(error).len ? json_text(error) : json_text(json_get(error, "message"));
    int64_t number = status; /* some put the status into `code` */
    if (json_int(json_get(error, "code"), &number) && number >= 400 && number < 600)
        status = (int)number;
    if (!code.len)
        code = json_text(json_get(error, "type"));
    char words[200];
    copy_visible(message, words, sizeof words);
    enum err e = meaning_of(status, code);
    if (words[0])
        return why_set(why, e, "it answered %d: %s", status, words);
    return why_set(why, e, "it answered %d", status);
}

enum err openai_read_refusal(int status, struct slice body, struct why *why)
{
    struct json_doc doc;
    if (json_read(body, &chunk_limits, NULL, &doc, NULL))
        return refusal_of(status, NULL, why);
    const struct json_value *error = json_get(doc.root, "error");
    enum err e = refusal_of(status, error ? error : doc.root, why);
    json_done(&doc);
    return e;
}

/* ---- edits ---------------------------------------------------------------------------------- */

static struct slice span_text(struct slice json, const char *key)
{
    struct json_span span;
    if (!json_find_span(json, slice_of(key), &span))
        return (struct slice){0};
    return (struct slice){json.ptr + span.value, span.end - span.value};
}

static enum err edit_field(struct edits *edits, struct slice raw, struct slice json,
                           const char *key, struct slice value)
{
    struct slice old = span_text(json, key);
    if (!old.len || !value.len || slice_is(old, value))
        return OK;
    return edits_add(edits, raw, (struct edit){(size_t)(old.ptr - raw.ptr), old.len, value});
}

/* The first attempt's id and created stay for the whole answer, whoever goes on with it. */
static enum err remember(struct decoder *d, struct slice json)
{
    struct slice id = span_text(json, "id"), created = span_text(json, "created");
    if (!d->id.len && id.len) {
        d->id = arena_dup(d->arena, id);
        d->created = arena_dup(d->arena, created);
        if (!d->id.ptr || !d->created.ptr)
            return ERR_NO_MEMORY;
    }
    return OK;
}

static enum err edit_chunk(struct decoder *d, struct slice raw, struct slice json,
                           struct event *event)
{
    struct edits edits = {0};
    struct text model = {0};
    struct json_writer w = json_writer(&model);
    json_put_text(&w, d->model);
    enum err e = model.failed ? ERR_NO_MEMORY : remember(d, json);
    if (!e)
        e = edit_field(&edits, raw, json, "model", text_slice(&model));
    if (!e)
        e = edit_field(&edits, raw, json, "id", d->id);
    if (!e)
        e = edit_field(&edits, raw, json, "created", d->created);
    if (!e && edits.n) {
        size_t at = (size_t)(json.ptr - raw.ptr), after = raw.len - at - json.len;
        text_clear(&d->edited);
        edits_write(&edits, raw, &d->edited);
        event->raw = text_slice(&d->edited);
        event->json = (struct slice){d->edited.ptr + at, d->edited.len - at - after};
        e = d->edited.failed ? ERR_NO_MEMORY : OK;
    }
    text_fini(&model);
    return e;
}

/* ---- one event ------------------------------------------------------------------------------ */

/* The data as a slice of raw, when it stands there in one line; else the data itself. */
static struct slice in_raw(struct slice raw, struct slice data)
{
    bool inside = data.ptr >= raw.ptr && data.ptr + data.len <= raw.ptr + raw.len;
    return inside ? data : (struct slice){0};
}

static enum err decode_chunk(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(data, &chunk_limits, &d->scratch, &doc, why);
    if (e)
        return e == ERR_NO_MEMORY ? e : why_set(why, ERR_BAD_RESPONSE, "a chunk is not valid JSON");
    const struct json_value *error = json_get(doc.root, "error");
    if (error && !json_is_null(error)) {
        e = refusal_of(500, error, why);
    } else if (!json_is_object(doc.root)) {
        e = why_set(why, ERR_BAD_RESPONSE, "a chunk is not an object");
    } else {
        event->kind = kind_of(doc.root);
        event->usage = usage_of(doc.root);
        struct slice json = in_raw(raw, data);
        event->raw = raw;
        event->json = json.len ? json : data;
        if (json.len)
            e = edit_chunk(d, raw, json, event);
        if (event->kind == EVENT_HEAD && d->head_sent)
            event->raw = (struct slice){0};
    }
    json_done(&doc);
    return e ? why_set(why, e, "%s", why && why->code == e ? why->text : "no memory") : OK;
}

enum err openai_decode_event(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why)
{
    *event = (struct event){.kind = EVENT_BYTES, .raw = raw, .usage = {-1, -1}};
    if (!data.len)
        return OK; /* a comment: keeps the line warm */
    if (slice_is(slice_trim(data), SLICE("[DONE]"))) {
        event->kind = EVENT_END;
        return OK;
    }
    return decode_chunk(d, raw, data, event, why);
}
