/* anthropic_event: what a target that speaks Anthropic's Messages streams. For a caller of its own
 * dialect the events stay as they are, but for the model's name in the first; for others each
 * becomes one of the common form, or none, and its last becomes two. A block that is open is one of
 * enum block below (d->progress.block); a block ends before the next begins. */
#include "wire/codec.h"

static const struct json_limits event_limits = {.depth = 64, .values = 200000};

enum block {              /* the one that is open */
             BLOCK_OTHER, /* none, or one without a word in the common form */
             BLOCK_SAYING,
             BLOCK_CALL, /* nothing of its arguments was told yet */
             BLOCK_ARGUMENTS
};
enum { STEP_TALKS, STEP_FINISHED, STEP_COUNTED }; /* d->progress.step */

/* ---- what is in an event --------------------------------------------------------------------- */

static struct slice text_in(const struct json_value *v, const char *name)
{
    return json_text(json_get(v, name));
}

static bool is_type(const struct json_value *v, const char *type)
{
    return slice_is(text_in(v, "type"), slice_of(type));
}

/* What was read from its cache, and what was written into it, are no part of input_tokens. */
static void add_usage(struct usage *u, const struct json_value *usage)
{
    int64_t input, cached = 0, made = 0, output, thought;
    if (tokens_told(json_get(usage, "input_tokens"), &input)) {
        if (!tokens_told(json_get(usage, "cache_read_input_tokens"), &cached))
            cached = 0;
        if (!tokens_told(json_get(usage, "cache_creation_input_tokens"), &made))
            made = 0;
        u->prompt = input + cached + made;
        u->cached = cached;
    }
    if (tokens_told(json_get(usage, "output_tokens"), &output))
        u->completion = output;
    if (tokens_told(json_get(json_get(usage, "output_tokens_details"), "thinking_tokens"),
                    &thought))
        u->reasoning = thought;
}

int64_t anthropic_prompt(const struct json_value *usage)
{
    struct usage u = NO_USAGE;
    add_usage(&u, usage);
    return u.prompt;
}

static int status_of(struct slice type)
{
    static const struct {
        const char *type;
        int status;
    } rows[] = {
        {"invalid_request_error", 400}, {"authentication_error", 401}, {"billing_error", 402},
        {"permission_error", 403},      {"not_found_error", 404},      {"request_too_large", 413},
        {"rate_limit_error", 429},      {"timeout_error", 504},        {"overloaded_error", 529}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(type, slice_of(rows[i].type)))
            return rows[i].status;
    }
    return 500;
}

/* The same type and status for all that is wrong with a request: only the words tell. */
static enum err refusal(int status, const struct json_value *error, struct why *why)
{
    enum err e = codec_refusal(status, error, why);
    if (e == ERR_TARGET_REFUSED &&
        slice_begins(text_in(error, "message"), SLICE("prompt is too long")))
        e = why->code = ERR_CTX_TOO_LONG;
    return e;
}

enum err anthropic_read_refusal(int status, struct slice body, struct why *why)
{
    struct json_doc doc;
    if (json_read(body, &event_limits, NULL, &doc, NULL))
        return codec_refusal(status, NULL, why);
    const struct json_value *error = json_get(doc.root, "error");
    enum err e = refusal(status, error ? error : doc.root, why);
    json_done(&doc);
    return e;
}

static enum err read_event(struct decoder *d, struct slice data, struct json_doc *doc,
                           struct why *why)
{
    enum err e = json_read(data, &event_limits, &d->scratch, doc, why);
    if (e == ERR_NO_MEMORY)
        return e;
    if (e || !json_is_object(doc->root))
        return why_set(why, ERR_BAD_RESPONSE, "an event is no JSON object");
    const struct json_value *error = json_get(doc->root, "error");
    if (is_type(doc->root, "error") || json_is_object(error))
        return refusal(status_of(text_in(error, "type")), error, why);
    return OK;
}

/* ---- into the common form -------------------------------------------------------------------- */

static enum err nothing(struct event *event)
{
    event->raw = event->json = (struct slice){0};
    return OK;
}

static enum err on_start(struct decoder *d, const struct json_value *root, struct event *event)
{
    const struct json_value *message = json_get(root, "message");
    struct slice id = text_in(message, "id");
    add_usage(&d->progress.usage, json_get(message, "usage"));
    if (id.len && !d->id.len) { /* the first attempt's holds for the whole answer */
        struct text json = {0};
        struct json_writer w = json_writer(&json);
        json_put_text(&w, id);
        d->id = json.failed ? (struct slice){0} : arena_dup(d->arena, text_slice(&json));
        text_fini(&json);
        if (!d->id.ptr)
            return ERR_NO_MEMORY;
    }
    return common_head(d, event);
}

static enum err tell_call(struct decoder *d, struct slice arguments, struct event *event)
{
    d->progress.block = BLOCK_ARGUMENTS;
    struct common_tool tool = {.index = d->progress.tools - 1, .arguments = arguments};
    return common_tool(d, &tool, event);
}

/* Some put all of the input here; it is an empty object where it comes in pieces. */
static enum err on_call(struct decoder *d, const struct json_value *block, struct event *event)
{
    const struct json_value *input = json_get(block, "input");
    struct text arguments = {0};
    if (json_count(input))
        json_copy(input, &arguments);
    struct common_tool tool = {d->progress.tools++, text_in(block, "id"), text_in(block, "name"),
                               text_slice(&arguments)};
    d->progress.block = arguments.len ? BLOCK_ARGUMENTS : BLOCK_CALL;
    enum err e = arguments.failed ? ERR_NO_MEMORY : common_tool(d, &tool, event);
    text_fini(&arguments);
    return e;
}

static enum err on_text(struct decoder *d, enum event_kind kind, struct slice text,
                        struct event *event)
{
    d->progress.block = BLOCK_SAYING;
    return text.len ? common_text(d, kind, text, event) : nothing(event);
}

static enum err on_block(struct decoder *d, const struct json_value *root, struct event *event)
{
    const struct json_value *block = json_get(root, "content_block");
    d->progress.block = BLOCK_OTHER;
    if (is_type(block, "tool_use"))
        return on_call(d, block, event);
    if (is_type(block, "text"))
        return on_text(d, EVENT_TEXT, text_in(block, "text"), event);
    if (is_type(block, "thinking"))
        return on_text(d, EVENT_REASONING, text_in(block, "thinking"), event);
    return nothing(event);
}

static enum err on_delta(struct decoder *d, const struct json_value *root, struct event *event)
{
    const struct json_value *delta = json_get(root, "delta");
    struct slice json = text_in(delta, "partial_json");
    bool call = d->progress.block == BLOCK_CALL || d->progress.block == BLOCK_ARGUMENTS;
    if (is_type(delta, "text_delta"))
        return on_text(d, EVENT_TEXT, text_in(delta, "text"), event);
    if (is_type(delta, "thinking_delta"))
        return on_text(d, EVENT_REASONING, text_in(delta, "thinking"), event);
    if (is_type(delta, "input_json_delta") && call && json.len)
        return tell_call(d, json, event);
    return nothing(event);
}

static enum err on_block_end(struct decoder *d, const struct json_value *root, struct event *event)
{
    bool bare = d->progress.block == BLOCK_CALL; /* a tool without arguments */
    (void)root;
    enum err e = bare ? tell_call(d, SLICE("{}"), event) : nothing(event);
    d->progress.block = BLOCK_OTHER;
    return e;
}

static struct slice finish_of(struct slice reason)
{
    static const char *const rows[][2] = {{"max_tokens", "length"},
                                          {"model_context_window_exceeded", "length"},
                                          {"tool_use", "tool_calls"},
                                          {"refusal", "content_filter"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(reason, slice_of(rows[i][0])))
            return slice_of(rows[i][1]);
    }
    return SLICE("stop");
}

static enum err on_finish(struct decoder *d, const struct json_value *root, struct event *event)
{
    struct slice reason = text_in(json_get(root, "delta"), "stop_reason");
    add_usage(&d->progress.usage, json_get(root, "usage"));
    if (!reason.len || d->progress.step != STEP_TALKS)
        return nothing(event);
    d->progress.step = STEP_FINISHED;
    return common_finish(d, finish_of(reason), event);
}

/* Two of ours: what it cost, and the end. */
static enum err on_end(struct decoder *d, const struct json_value *root, struct event *event)
{
    const struct usage *usage = &d->progress.usage;
    bool counted = usage->prompt >= 0 || usage->completion >= 0;
    (void)root;
    d->progress.more = counted && d->progress.step != STEP_COUNTED;
    if (d->progress.more) {
        d->progress.step = STEP_COUNTED;
        return common_usage(d, usage, event);
    }
    common_end(event);
    event->ready = d->wire.ready;
    return OK;
}

struct kind {
    const char *type;
    enum err (*tell)(struct decoder *d, const struct json_value *root, struct event *event);
};

static const struct kind kinds[] = {
    {"message_start", on_start},       {"content_block_start", on_block},
    {"content_block_delta", on_delta}, {"content_block_stop", on_block_end},
    {"message_delta", on_finish},      {"message_stop", on_end},
};

/* What has no row here, like a ping, says nothing to anybody. */
enum err anthropic_decode(struct decoder *d, struct slice data, struct event *event,
                          struct why *why)
{
    struct json_doc doc;
    d->progress.more = false;
    enum err e = read_event(d, data, &doc, why);
    if (e)
        return e;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!is_type(doc.root, kinds[i].type))
            continue;
        e = kinds[i].tell(d, doc.root, event);
        return e ? why_set(why, e, "an event could not be translated") : OK;
    }
    return nothing(event);
}

/* ---- for a caller of the same dialect -------------------------------------------------------- */

/* What nobody takes over for once it was told: a block counts from its beginning on. */
static enum event_kind kind_of(const struct json_value *root)
{
    const struct json_value *of = json_get(root, "content_block");
    const struct json_value *v = of ? of : json_get(root, "delta");
    if (is_type(root, "message_start"))
        return EVENT_HEAD;
    if (is_type(root, "message_stop"))
        return EVENT_END;
    if (!is_type(root, "content_block_start") && !is_type(root, "content_block_delta"))
        return EVENT_BYTES;
    if (is_type(v, "thinking") || is_type(v, "thinking_delta"))
        return EVENT_REASONING;
    if (is_type(v, "text") || is_type(v, "text_delta"))
        return EVENT_TEXT;
    return is_type(v, "signature_delta") || is_type(v, "citations_delta") ? EVENT_BYTES
                                                                          : EVENT_TOOL;
}

/* The name stands inside the message, which is written anew around it. */
static enum err edit_start(struct decoder *d, const struct json_value *root, struct event *event)
{
    struct json_writer w = json_writer(&d->edited);
    text_clear(&d->edited);
    text_add(&d->edited, SLICE("event: message_start\ndata: "));
    size_t from = d->edited.len;
    json_open_object(&w);
    for (struct json_iter i = json_begin(root); json_next(&i);) {
        json_key_slice(&w, i.key);
        if (!slice_is(i.key, SLICE("message")) || !json_is_object(i.value)) {
            json_put_value(&w, i.value);
            continue;
        }
        json_open_object(&w);
        for (struct json_iter m = json_begin(i.value); json_next(&m);) {
            json_key_slice(&w, m.key);
            if (slice_is(m.key, SLICE("model")))
                json_put_text(&w, d->model);
            else
                json_put_value(&w, m.value);
        }
        json_close_object(&w);
    }
    json_close_object(&w);
    size_t to = d->edited.len;
    text_add(&d->edited, SLICE("\n\n"));
    if (d->edited.failed)
        return ERR_NO_MEMORY;
    event->raw = text_slice(&d->edited);
    event->json = (struct slice){d->edited.ptr + from, to - from};
    return OK;
}

enum err anthropic_decode_own(struct decoder *d, struct slice raw, struct slice data,
                              struct event *event, struct why *why)
{
    struct json_doc doc;
    enum err e = read_event(d, data, &doc, why);
    if (e)
        return e;
    event->raw = raw;
    event->json = data;
    event->kind = kind_of(doc.root);
    if (event->kind == EVENT_HEAD) {
        add_usage(&event->usage, json_get(json_get(doc.root, "message"), "usage"));
        e = edit_start(d, doc.root, event);
        if (d->head_sent)
            event->raw = (struct slice){0};
    } else if (is_type(doc.root, "message_delta")) {
        add_usage(&event->usage, json_get(doc.root, "usage"));
    }
    return e ? why_set(why, e, "an event could not be edited") : OK;
}
