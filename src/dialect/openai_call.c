/* openai_call: a chat call as OpenAI's clients write it. The table below says which fields are
 * known and within what bounds; unknown ones pass, those on the strip table never do. */
#include <stdio.h>

#include "dialect/codec.h"

#define MOST_TEXT (8u * 1024 * 1024) /* bytes of one content part */
#define MOST_IMAGES 16u
#define MOST_SCHEMA (256u * 1024)
#define MOST_STOPS 16u
#define MOST_STOP 256u
#define MOST_BIASES 1024u

struct chat_fields {
    struct slice model, user;
    bool stream, logprobs;
    int64_t max_tokens, max_completion_tokens, n, seed, top_logprobs;
    double temperature, top_p, frequency_penalty, presence_penalty;
    const struct json_value *messages, *tools, *stop, *stream_options, *logit_bias,
        *response_format;
};

#define AT(field) offsetof(struct chat_fields, field)
static const struct json_field chat_fields[] = {
    {.name = "model", .kind = JSON_TEXT, .no_nul = true, .least = 0, .most = 512, .at = AT(model)},
    {.name = "messages",
     .kind = JSON_ARRAY,
     .required = true,
     .least = 1,
     .most = 4096,
     .at = AT(messages)},
    {.name = "stream", .kind = JSON_BOOL, .at = AT(stream)},
    {.name = "stream_options", .kind = JSON_OBJECT, .at = AT(stream_options)},
    {.name = "max_tokens",
     .kind = JSON_INT,
     .least = 1,
     .most = 2147483647.0,
     .at = AT(max_tokens)},
    {.name = "max_completion_tokens",
     .kind = JSON_INT,
     .least = 1,
     .most = 2147483647.0,
     .at = AT(max_completion_tokens)},
    {.name = "n", .kind = JSON_INT, .least = 1, .most = 8, .at = AT(n)},
    {.name = "temperature", .kind = JSON_NUMBER, .least = 0, .most = 100, .at = AT(temperature)},
    {.name = "top_p", .kind = JSON_NUMBER, .least = 0, .most = 1, .at = AT(top_p)},
    {.name = "frequency_penalty",
     .kind = JSON_NUMBER,
     .least = -2,
     .most = 2,
     .at = AT(frequency_penalty)},
    {.name = "presence_penalty",
     .kind = JSON_NUMBER,
     .least = -2,
     .most = 2,
     .at = AT(presence_penalty)},
    {.name = "seed", .kind = JSON_INT, .at = AT(seed)},
    {.name = "logprobs", .kind = JSON_BOOL, .at = AT(logprobs)},
    {.name = "top_logprobs", .kind = JSON_INT, .least = 0, .most = 20, .at = AT(top_logprobs)},
    {.name = "tools", .kind = JSON_ARRAY, .least = 0, .most = 256, .at = AT(tools)},
    {.name = "stop", .kind = JSON_ANY, .at = AT(stop)},
    {.name = "logit_bias", .kind = JSON_OBJECT, .at = AT(logit_bias)},
    {.name = "response_format", .kind = JSON_OBJECT, .at = AT(response_format)},
    {.name = "user", .kind = JSON_TEXT, .least = 0, .most = 1024, .at = AT(user)},
};
#undef AT

/* Never sent on: what would steer us or reach into an engine past its own checks. */
static const char *const stripped[] = {
    "hearth", "api_base", "base_url", "api_key", "n_discard", "id_slot", "sse_ping_interval",
};

/* ---- checks -------------------------------------------------------------------------------- */

static enum err check_parts(const struct json_value *parts, size_t *images, struct why *why)
{
    for (struct json_iter i = json_begin(parts); json_next(&i);) {
        if (!json_is_object(i.value))
            return why_param(why, ERR_BAD_VALUE, "messages", "a content part must be an object");
        if (json_text(json_get(i.value, "text")).len > MOST_TEXT)
            return why_param(why, ERR_BAD_VALUE, "messages", "a content part is over 8 MiB");
        if (json_get(i.value, "image_url") && ++*images > MOST_IMAGES)
            return why_param(why, ERR_TOO_MANY, "messages", "more than %u images", MOST_IMAGES);
    }
    return OK;
}

static enum err check_messages(const struct json_value *messages, struct why *why)
{
    size_t images = 0;
    for (struct json_iter i = json_begin(messages); json_next(&i);) {
        const struct json_value *content = json_get(i.value, "content");
        if (!json_is_object(i.value) || !json_is_text(json_get(i.value, "role")))
            return why_param(why, ERR_BAD_VALUE, "messages", "each message needs a role");
        if (!content || json_is_null(content))
            continue;
        if (json_is_array(content)) {
            enum err e = check_parts(content, &images, why);
            if (e)
                return e;
        } else if (!json_is_text(content)) {
            return why_param(why, ERR_BAD_VALUE, "messages",
                             "content must be a string or a list of parts");
        } else if (json_text(content).len > MOST_TEXT) {
            return why_param(why, ERR_BAD_VALUE, "messages", "a message is larger than 8 MiB");
        }
    }
    return OK;
}

static enum err check_stop(const struct json_value *stop, struct why *why)
{
    if (!stop)
        return OK;
    if (!json_is_text(stop) && !json_is_array(stop))
        return why_param(why, ERR_BAD_VALUE, "stop", "stop must be a string or a list of strings");
    if (json_count(stop) > MOST_STOPS)
        return why_param(why, ERR_TOO_MANY, "stop", "more than %u stop strings", MOST_STOPS);
    if (json_text(stop).len > MOST_STOP)
        return why_param(why, ERR_BAD_VALUE, "stop", "longer than %u bytes", MOST_STOP);
    for (struct json_iter i = json_begin(stop); json_next(&i);) {
        if (!json_is_text(i.value) || json_text(i.value).len > MOST_STOP)
            return why_param(why, ERR_BAD_VALUE, "stop",
                             "each must be a string of %u bytes or less", MOST_STOP);
    }
    return OK;
}

/* Sizes are measured as the caller wrote them: a schema is passed on as it is. */
static enum err check_schemas(struct slice body, const struct chat_fields *f, struct why *why)
{
    const struct json_value *tools = f->tools;
    struct json_span span;
    if (f->response_format && json_find_span(body, SLICE("response_format"), &span) &&
        span.end - span.value > MOST_SCHEMA)
        return why_param(why, ERR_BAD_VALUE, "response_format", "larger than 256 KiB");
    for (struct json_iter i = json_begin(tools); json_next(&i);) {
        if (!json_is_object(i.value))
            return why_param(why, ERR_BAD_VALUE, "tools", "each tool must be an object");
    }
    if (!tools || !json_find_span(body, SLICE("tools"), &span))
        return OK;
    if (span.end - span.value <= MOST_SCHEMA)
        return OK;
    for (struct json_iter i = json_begin(tools); json_next(&i);) {
        struct text one = {.limit = MOST_SCHEMA};
        json_copy(i.value, &one);
        bool large = one.failed;
        text_fini(&one);
        if (large)
            return why_param(why, ERR_BAD_VALUE, "tools", "a tool is larger than 256 KiB");
    }
    return OK;
}

static enum err check_chat(struct slice body, const struct chat_fields *f, struct why *why)
{
    enum err e = check_messages(f->messages, why);
    if (!e)
        e = check_stop(f->stop, why);
    if (!e && json_count(f->logit_bias) > MOST_BIASES)
        e = why_param(why, ERR_TOO_MANY, "logit_bias", "more than %u tokens", MOST_BIASES);
    if (!e)
        e = check_schemas(body, f, why);
    return e;
}

/* ---- edits --------------------------------------------------------------------------------- */

static bool is_stripped(struct slice key)
{
    for (size_t i = 0; i < COUNT(stripped); i++) {
        if (slice_is(key, slice_of(stripped[i])))
            return true;
    }
    return false;
}

struct members { /* of the outermost object, while they are walked in order */
    struct arena *arena;
    size_t brace;    /* the byte after the opening brace */
    size_t kept_end; /* end of the last member that stays; 0: none yet */
    size_t cut_from; /* start of a run of stripped members at the front; 0: none */
    bool has_stream, has_stream_options;
};

/* A stripped member goes together with the comma before it, or, where nothing before it stays,
 * with all up to the next member. */
static enum err strip(struct members *m, struct slice body, const struct json_span *span,
                      struct edits *edits)
{
    if (!m->kept_end) {
        m->cut_from = m->cut_from ? m->cut_from : span->key;
        return OK;
    }
    size_t from = m->kept_end;
    for (unsigned i = 0; i < edits->n; i++) /* the run that this one continues */
        from = max_size(from, edits->list[i].at + edits->list[i].len);
    return edits_add(edits, body, (struct edit){from, span->end - from, {0}});
}

static enum err keep(struct members *m, struct slice body, const struct json_span *span,
                     struct edits *edits)
{
    enum err e = OK;
    if (m->cut_from)
        e = edits_add(edits, body, (struct edit){m->cut_from, span->key - m->cut_from, {0}});
    m->cut_from = 0;
    m->kept_end = span->end;
    return e;
}

static void put_stream_options(struct json_writer *w)
{
    json_open_object(w);
    json_key(w, "include_usage");
    json_put_bool(w, true);
    json_close_object(w);
}

static enum err add_kept(struct call *call, struct arena *arena, struct edit edit)
{
    edit.text = arena_dup(arena, edit.text);
    return edit.text.ptr ? edits_add(&call->edits, call->body, edit) : ERR_NO_MEMORY;
}

/* Where include_usage stands in the caller's options: its value, or the place before their first
 * member, or all of them when they are empty or hold names with escapes. */
static struct json_span usage_place(struct slice body, const struct json_span *options)
{
    struct slice key;
    struct json_span span, first = *options;
    for (size_t at = options->value; json_next_span(body, &at, &key, &span);) {
        if (slice_find(key, '\\') < key.len)
            return *options; /* it might spell include_usage: better without */
        if (slice_is(key, SLICE("include_usage")))
            return span;
        if (first.value == options->value)
            first = (struct json_span){span.key, span.key, span.key};
    }
    return first;
}

/* What else the options hold stays as it is. */
static enum err ask_for_usage(struct call *call, struct arena *arena,
                              const struct json_span *options)
{
    struct json_span place = usage_place(call->body, options);
    struct edit edit = {place.value, place.end - place.value, SLICE("true")};
    struct text members = {0};
    struct json_writer w = json_writer(&members);
    put_stream_options(&w);
    enum err e = members.failed ? ERR_NO_MEMORY : OK;
    if (e) {
        text_fini(&members);
        return e;
    }
    if (place.value == options->value) {
        edit.text = text_slice(&members);
    } else if (place.value == place.end) { /* one more member, before the first */
        members.ptr[members.len - 1] = ',';
        edit.text = slice_from(text_slice(&members), 1);
    }
    e = add_kept(call, arena, edit);
    text_fini(&members);
    return e;
}

static enum err edit_member(struct members *m, struct call *call, struct slice key,
                            const struct json_span *span)
{
    if (is_stripped(key))
        return strip(m, call->body, span, &call->edits);
    enum err e = keep(m, call->body, span, &call->edits);
    bool stream = slice_is(key, SLICE("stream")), options = slice_is(key, SLICE("stream_options"));
    m->has_stream |= stream;
    m->has_stream_options |= options;
    if (slice_is(key, SLICE("model")))
        call->model_span = *span;
    if (!e && stream)
        e = add_kept(call, m->arena,
                     (struct edit){span->value, span->end - span->value, SLICE("true")});
    if (!e && options)
        e = ask_for_usage(call, m->arena, span);
    return e;
}

/* What is missing is put in front of the first member, all in one edit. The model's name is kept
 * apart, since each target has its own. */
static enum err insert_missing(struct members *m, struct call *call)
{
    struct text object = {0};
    struct json_writer w = json_writer(&object);
    enum err e = OK;
    if (call->model_span.end == 0)
        call->model_span = (struct json_span){m->brace, m->brace, m->brace};
    json_open_object(&w);
    if (!m->has_stream) {
        json_key(&w, "stream");
        json_put_bool(&w, true);
    }
    if (!m->has_stream_options) {
        json_key(&w, "stream_options");
        put_stream_options(&w);
    }
    json_close_object(&w);
    if (object.failed) {
        e = ERR_NO_MEMORY;
    } else if (object.len > 2) { /* its members and a comma, without the braces */
        object.ptr[object.len - 1] = ',';
        e = add_kept(call, m->arena,
                     (struct edit){m->brace, 0, slice_from(text_slice(&object), 1)});
    }
    text_fini(&object);
    return e;
}

static enum err make_edits(struct call *call, struct arena *arena, struct why *why)
{
    struct members m = {.arena = arena, .brace = slice_find(call->body, '{') + 1};
    struct slice key;
    struct json_span span;
    enum err e = OK;
    for (size_t at = 0; !e && json_next_span(call->body, &at, &key, &span);) {
        if (slice_find(key, '\\') < key.len)
            return why_set(why, ERR_BAD_REQUEST, "write the names of fields without escapes");
        e = edit_member(&m, call, key, &span);
    }
    if (!e)
        e = insert_missing(&m, call);
    return e ? why_set(why, e, "fields could not be changed for the provider") : OK;
}

enum err openai_decode_call(struct slice body, struct arena *arena, struct call *call,
                            struct why *why)
{
    struct json_doc doc;
    struct chat_fields f = {0};
    enum err e = json_read(body, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    e = json_fields(doc.root, chat_fields, COUNT(chat_fields), &f, why);
    if (!e)
        e = check_chat(body, &f, why);
    if (!e) {
        call->model = arena_dup(arena, f.model);
        call->stream = f.stream;
        call->wants_usage = json_is_true(json_get(f.stream_options, "include_usage"));
        call->messages = json_count(f.messages);
        call->tools = json_count(f.tools);
        e = call->model.ptr ? make_edits(call, arena, why)
                            : why_set(why, ERR_NO_MEMORY, "no memory");
    }
    json_done(&doc);
    return e;
}
