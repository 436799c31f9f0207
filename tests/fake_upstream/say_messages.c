/* What the fake upstream says as Anthropic: events with names, blocks that begin and end. Its steps
 * are those of a chat answer: with a block's first step comes its beginning, with its last its end,
 * and the first step of all is message_start and a ping. */
#include "say.h"

/* --- one event -------------------------------------------------------------------------------- */

static struct json_writer open_event(struct text *json, const char *type)
{
    struct json_writer w = json_writer(json);
    json_open_object(&w);
    json_put_pair(&w, "type", slice_of(type));
    return w;
}

static void close_event(const struct play *p, struct json_writer *w, const char *type,
                        struct text *out)
{
    json_close_object(w);
    say_event(p, type, text_slice(w->out), out);
    text_fini(w->out);
}

static void bare_event(const struct play *p, const char *type, int index, struct text *out)
{
    struct text json = {0};
    struct json_writer w = open_event(&json, type);
    if (index >= 0)
        say_int(&w, "index", index);
    close_event(p, &w, type, out);
}

/* --- blocks ----------------------------------------------------------------------------------- */

enum block { BLOCK_THINKING, BLOCK_TEXT, BLOCK_REFUSAL, BLOCK_TOOL };

static int index_of(const struct play *p, enum block block, int call)
{
    const struct shape *s = &p->script.shape;
    int index = call;
    index += block > BLOCK_THINKING && s->reasoning > 0;
    index += block > BLOCK_TEXT && s->events > 0;
    index += block > BLOCK_REFUSAL && s->refusal > 0;
    return index;
}

/* What a block is, in a stream before it has any content. */
static void put_block(struct json_writer *w, const struct play *p, enum block block, int call)
{
    json_open_object(w);
    switch (block) {
    case BLOCK_THINKING:
        json_put_pair(w, "type", SLICE("thinking"));
        json_put_pair(w, "thinking", SLICE(""));
        json_put_pair(w, "signature", SLICE(""));
        break;
    case BLOCK_TEXT:
    case BLOCK_REFUSAL:
        json_put_pair(w, "type", SLICE("text"));
        json_put_pair(w, "text", SLICE(""));
        break;
    case BLOCK_TOOL:
        json_put_pair(w, "type", SLICE("tool_use"));
        say_tool_id(w, p, "toolu", call);
        say_tool_name(w, p, call);
        json_key(w, "input");
        json_open_object(w);
        json_close_object(w);
        break;
    }
    json_close_object(w);
}

static void start_block(const struct play *p, enum block block, int call, struct text *out)
{
    struct text json = {0};
    struct json_writer w = open_event(&json, "content_block_start");
    say_int(&w, "index", index_of(p, block, call));
    json_key(&w, "content_block");
    put_block(&w, p, block, call);
    close_event(p, &w, "content_block_start", out);
}

static struct json_writer open_delta(struct text *json, int index, const char *type)
{
    struct json_writer w = open_event(json, "content_block_delta");
    say_int(&w, "index", index);
    json_key(&w, "delta");
    json_open_object(&w);
    json_put_pair(&w, "type", slice_of(type));
    return w;
}

static void close_delta(const struct play *p, struct json_writer *w, struct text *out)
{
    json_close_object(w);
    close_event(p, w, "content_block_delta", out);
}

/* --- the sections of an answer ---------------------------------------------------------------- */

static void put_usage(struct json_writer *w, const struct play *p, int64_t output)
{
    const struct shape *s = &p->script.shape;
    json_key(w, "usage");
    json_open_object(w);
    say_int(w, "input_tokens", s->prompt_tokens - s->cached);
    say_int(w, "cache_creation_input_tokens", 0);
    say_int(w, "cache_read_input_tokens", s->cached);
    say_int(w, "output_tokens", output);
    json_close_object(w);
}

static void open_message(struct json_writer *w, const struct play *p)
{
    char id[64];
    snprintf(id, sizeof(id), "msg_fake_%llu", (unsigned long long)p->number);
    json_put_pair(w, "id", slice_of(id));
    json_put_pair(w, "type", SLICE("message"));
    json_put_pair(w, "role", SLICE("assistant"));
    say_model_pair(w, p);
    json_key(w, "content");
    json_open_array(w);
}

static void write_start(const struct play *p, int i, struct text *out)
{
    struct text json = {0};
    struct json_writer w = open_event(&json, "message_start");
    (void)i;
    json_key(&w, "message");
    json_open_object(&w);
    open_message(&w, p);
    json_close_array(&w);
    say_null(&w, "stop_reason");
    say_null(&w, "stop_sequence");
    put_usage(&w, p, 1);
    json_close_object(&w);
    close_event(p, &w, "message_start", out);
    bare_event(p, "ping", -1, out);
}

static struct slice signature(void)
{
    return SLICE("ZmFrZSBzaWduYXR1cmU=");
}

static void write_thinking(const struct play *p, int i, struct text *out)
{
    struct text json = {0};
    int index = index_of(p, BLOCK_THINKING, 0);
    if (i == 0)
        start_block(p, BLOCK_THINKING, 0, out);
    struct json_writer w = open_delta(&json, index, "thinking_delta");
    json_key(&w, "thinking");
    say_thought(&w, i);
    close_delta(p, &w, out);
    if (i + 1 < p->script.shape.reasoning)
        return;
    w = open_delta(&json, index, "signature_delta");
    json_put_pair(&w, "signature", signature());
    close_delta(p, &w, out);
    bare_event(p, "content_block_stop", index, out);
}

static void write_text(const struct play *p, int i, struct text *out)
{
    struct text json = {0};
    int index = index_of(p, BLOCK_TEXT, 0);
    if (i == 0)
        start_block(p, BLOCK_TEXT, 0, out);
    struct json_writer w = open_delta(&json, index, "text_delta");
    json_key(&w, "text");
    say_words(&w, p, i);
    close_delta(p, &w, out);
    if (i + 1 == p->script.shape.events)
        bare_event(p, "content_block_stop", index, out);
}

static void write_refusal(const struct play *p, int i, struct text *out)
{
    struct text json = {0};
    int index = index_of(p, BLOCK_REFUSAL, 0);
    (void)i;
    start_block(p, BLOCK_REFUSAL, 0, out);
    struct json_writer w = open_delta(&json, index, "text_delta");
    json_put_pair(&w, "text", say_refusal());
    close_delta(p, &w, out);
    bare_event(p, "content_block_stop", index, out);
}

static void write_tool(const struct play *p, int i, struct text *out)
{
    struct text json = {0};
    int call = i / TOOL_PARTS, part = i % TOOL_PARTS, index = index_of(p, BLOCK_TOOL, call);
    if (part == 0)
        start_block(p, BLOCK_TOOL, call, out);
    struct json_writer w = open_delta(&json, index, "input_json_delta");
    json_put_pair(&w, "partial_json", say_tool_args(p, part));
    close_delta(p, &w, out);
    if (part + 1 == TOOL_PARTS)
        bare_event(p, "content_block_stop", index, out);
}

/* The script's word for why it ended is OpenAI's. */
static struct slice stop_reason(const struct play *p)
{
    static const struct {
        const char *word, *reason;
    } rows[] = {{"stop", "end_turn"},
                {"length", "max_tokens"},
                {"tool_calls", "tool_use"},
                {"content_filter", "refusal"}};
    const struct shape *s = &p->script.shape;
    if (slice_is(s->finish, SLICE("stop")) && (s->tools || s->refusal))
        return s->tools ? SLICE("tool_use") : SLICE("refusal");
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(s->finish, slice_of(rows[i].word)))
            return slice_of(rows[i].reason);
    }
    return s->finish;
}

static void put_stop(struct json_writer *w, const struct play *p)
{
    struct slice reason = stop_reason(p);
    if (slice_is(reason, SLICE("-")))
        say_null(w, "stop_reason");
    else
        json_put_pair(w, "stop_reason", reason);
    if (slice_is(reason, SLICE("stop_sequence")))
        json_put_pair(w, "stop_sequence", p->asked.stop);
    else
        say_null(w, "stop_sequence");
}

static void write_delta(const struct play *p, int i, struct text *out)
{
    struct text json = {0};
    struct json_writer w = open_event(&json, "message_delta");
    (void)i;
    json_key(&w, "delta");
    json_open_object(&w);
    put_stop(&w, p);
    json_close_object(&w);
    if (p->script.shape.usage != USAGE_NEVER) {
        json_key(&w, "usage");
        json_open_object(&w);
        say_int(&w, "output_tokens", say_tokens(p));
        json_close_object(&w);
    }
    close_event(p, &w, "message_delta", out);
}

static void write_stop(const struct play *p, int i, struct text *out)
{
    (void)i;
    bare_event(p, "message_stop", -1, out);
}

/* --- the answer as one object ----------------------------------------------------------------- */

static void put_blocks(struct json_writer *w, const struct play *p)
{
    const struct shape *s = &p->script.shape;
    if (s->reasoning) {
        json_open_object(w);
        json_put_pair(w, "type", SLICE("thinking"));
        json_key(w, "thinking");
        say_all_thoughts(w, p);
        json_put_pair(w, "signature", signature());
        json_close_object(w);
    }
    if (s->events) {
        json_open_object(w);
        json_put_pair(w, "type", SLICE("text"));
        json_key(w, "text");
        say_all_words(w, p);
        json_close_object(w);
    }
    if (s->refusal) {
        json_open_object(w);
        json_put_pair(w, "type", SLICE("text"));
        json_put_pair(w, "text", say_refusal());
        json_close_object(w);
    }
    for (int call = 0; call < s->tools; call++) {
        json_open_object(w);
        json_put_pair(w, "type", SLICE("tool_use"));
        say_tool_id(w, p, "toolu", call);
        say_tool_name(w, p, call);
        json_key(w, "input");
        json_put_raw(w, say_tool_args(p, -1));
        json_close_object(w);
    }
}

static void put_object(const struct play *p, struct json_writer *w)
{
    json_open_object(w);
    open_message(w, p);
    put_blocks(w, p);
    json_close_array(w);
    put_stop(w, p);
    put_usage(w, p, say_tokens(p));
    json_close_object(w);
}

static struct slice error_type(const struct script *s)
{
    static const struct {
        int status;
        const char *type;
    } rows[] = {
        {400, "invalid_request_error"}, {401, "authentication_error"}, {402, "billing_error"},
        {403, "permission_error"},      {404, "not_found_error"},      {413, "request_too_large"},
        {429, "rate_limit_error"},      {504, "timeout_error"},        {529, "overloaded_error"}};
    if (s->shape.code.len)
        return s->shape.code;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (s->wire.status == rows[i].status)
            return slice_of(rows[i].type);
    }
    return s->wire.status < 500 && s->wire.status >= 400 ? SLICE("invalid_request_error")
                                                         : SLICE("api_error");
}

static void put_error(const struct play *p, struct json_writer *w)
{
    char words[64], id[64];
    snprintf(id, sizeof(id), "req_fake_%llu", (unsigned long long)p->number);
    json_open_object(w);
    json_put_pair(w, "type", SLICE("error"));
    json_key(w, "error");
    json_open_object(w);
    json_put_pair(w, "type", error_type(&p->script));
    json_put_pair(w, "message", say_message(p, words, sizeof(words)));
    json_close_object(w);
    json_put_pair(w, "request_id", slice_of(id));
    json_close_object(w);
}

static const struct section messages[] = {
    {count_one, NULL, write_start},      {count_reasoning, NULL, write_thinking},
    {count_content, NULL, write_text},   {count_refusals, NULL, write_refusal},
    {count_tools, NULL, write_tool},     {count_junk, NULL, write_junk},
    {count_finishes, NULL, write_delta}, {count_done, NULL, write_stop},
};

const struct voice say_messages = {.path = "/messages",
                                   .streams = STREAMS_IF_TRUE,
                                   .request_id = true,
                                   .sections = messages,
                                   .count = COUNT(messages),
                                   .object = put_object,
                                   .error = put_error,
                                   .error_event = "error"};

static void put_count(const struct play *p, struct json_writer *w)
{
    json_open_object(w);
    say_int(w, "input_tokens", p->script.shape.prompt_tokens);
    json_close_object(w);
}

const struct voice say_count = {
    .path = "/messages/count_tokens", .request_id = true, .object = put_count, .error = put_error};
