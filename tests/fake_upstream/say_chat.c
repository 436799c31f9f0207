/* What the fake upstream says as OpenAI: the chunks of a chat answer, those of a completion, and
 * both as one object. */
#include "say.h"

/* --- chunks ----------------------------------------------------------------------------------- */

static void open_envelope(struct json_writer *w, const struct play *p, const char *object)
{
    char id[64];
    bool chat = p->asked.voice == &say_chat;
    snprintf(id, sizeof(id), "%s-fake-%llu", chat ? "chatcmpl" : "cmpl",
             (unsigned long long)p->number);
    json_open_object(w);
    json_put_pair(w, "id", slice_of(id));
    json_put_pair(w, "object", slice_of(object));
    say_int(w, "created", 1700000000);
    say_model_pair(w, p);
    json_put_pair(w, "system_fingerprint", SLICE("fp_fake"));
    json_key(w, "choices");
    json_open_array(w);
}

static void put_usage(struct json_writer *w, const struct play *p)
{
    const struct shape *s = &p->script.shape;
    json_key(w, "usage");
    json_open_object(w);
    say_int(w, "prompt_tokens", s->prompt_tokens);
    say_int(w, "completion_tokens", say_tokens(p));
    say_int(w, "total_tokens", s->prompt_tokens + say_tokens(p));
    if (s->cached > 0) {
        json_key(w, "prompt_tokens_details");
        json_open_object(w);
        say_int(w, "cached_tokens", s->cached);
        json_close_object(w);
    }
    json_close_object(w);
}

/* Choices are told in turn: event i of a section belongs to choice i modulo their number. */
static void open_choice(struct json_writer *w, const struct play *p, int i)
{
    open_envelope(w, p, "chat.completion.chunk");
    json_open_object(w);
    say_int(w, "index", i % p->asked.n);
    json_key(w, "delta");
    json_open_object(w);
}

static void put_logprobs(struct json_writer *w, struct slice token)
{
    json_key(w, "logprobs");
    json_open_object(w);
    json_key(w, "content");
    json_open_array(w);
    json_open_object(w);
    json_put_pair(w, "token", token);
    json_key(w, "logprob");
    json_put_number(w, -0.25);
    say_null(w, "bytes");
    json_key(w, "top_logprobs");
    json_open_array(w);
    json_close_array(w);
    json_close_object(w);
    json_close_array(w);
    say_null(w, "refusal");
    json_close_object(w);
}

static void close_choice(struct json_writer *w, const struct play *p, struct slice finish)
{
    json_key(w, "finish_reason");
    if (finish.len)
        json_put_text(w, finish);
    else
        json_put_null(w);
    json_close_object(w);
    json_close_array(w);
    if (finish.len && p->script.shape.usage == USAGE_IN_FINISH)
        put_usage(w, p);
    else if (p->script.shape.usage_null)
        say_null(w, "usage");
    json_close_object(w);
}

static void end_delta(struct json_writer *w, const struct play *p)
{
    json_close_object(w);
    if (!p->script.shape.logprobs)
        say_null(w, "logprobs");
    else
        put_logprobs(w, SLICE("w"));
    close_choice(w, p, (struct slice){0});
}

/* --- the sections of an answer ---------------------------------------------------------------- */

static void write_role(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    json_put_pair(w, "role", SLICE("assistant"));
    json_key(w, "content");
    if (p->script.shape.tools)
        json_put_null(w);
    else
        json_put_text(w, SLICE(""));
    end_delta(w, p);
}

static void write_reasoning(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    json_key(w, "reasoning_content");
    say_thought(w, i);
    end_delta(w, p);
}

static void write_content(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    json_key(w, "content");
    say_words(w, p, i);
    end_delta(w, p);
}

static void write_refusal(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    json_put_pair(w, "refusal", say_refusal());
    end_delta(w, p);
}

/* Each call comes in three chunks: its name, and its arguments in two parts. */
static void write_tool(const struct play *p, int i, struct json_writer *w)
{
    int call = i / (int)p->asked.n / TOOL_PARTS, part = i / (int)p->asked.n % TOOL_PARTS;
    open_choice(w, p, i);
    json_key(w, "tool_calls");
    json_open_array(w);
    json_open_object(w);
    say_int(w, "index", call);
    if (part == 0) {
        say_tool_id(w, p, "call", call);
        json_put_pair(w, "type", SLICE("function"));
    }
    json_key(w, "function");
    json_open_object(w);
    if (part == 0)
        say_tool_name(w, p, call);
    json_put_pair(w, "arguments", say_tool_args(p, part));
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
    end_delta(w, p);
}

static struct slice finish_of(const struct play *p)
{
    struct slice finish = p->script.shape.finish;
    return p->script.shape.tools && slice_is(finish, SLICE("stop")) ? SLICE("tool_calls") : finish;
}

static void write_finish(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    json_close_object(w);
    say_null(w, "logprobs");
    close_choice(w, p, finish_of(p));
}

static int64_t count_usage(const struct play *p)
{
    int usage = p->script.shape.usage;
    return usage == USAGE_ALWAYS || (usage == USAGE_AUTO && p->asked.include_usage);
}

static void write_usage(const struct play *p, int i, struct json_writer *w)
{
    (void)i;
    open_envelope(w, p, p->asked.voice == &say_chat ? "chat.completion.chunk" : "text_completion");
    json_close_array(w);
    put_usage(w, p);
    json_close_object(w);
}

static void write_done(const struct play *p, int i, struct text *out)
{
    (void)i;
    text_format(out, "data: [DONE]%s%s", say_eol(p), say_eol(p));
}

/* --- the answer as one object ----------------------------------------------------------------- */

static void put_calls(struct json_writer *w, const struct play *p)
{
    json_key(w, "tool_calls");
    json_open_array(w);
    for (int call = 0; call < p->script.shape.tools; call++) {
        json_open_object(w);
        say_tool_id(w, p, "call", call);
        json_put_pair(w, "type", SLICE("function"));
        json_key(w, "function");
        json_open_object(w);
        say_tool_name(w, p, call);
        json_put_pair(w, "arguments", say_tool_args(p, -1));
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static void put_message(struct json_writer *w, const struct play *p)
{
    const struct shape *s = &p->script.shape;
    json_key(w, "message");
    json_open_object(w);
    json_put_pair(w, "role", SLICE("assistant"));
    json_key(w, "content");
    if (!s->events && (s->tools || s->refusal))
        json_put_null(w);
    else
        say_all_words(w, p);
    if (s->reasoning) {
        json_key(w, "reasoning_content");
        say_all_thoughts(w, p);
    }
    if (s->refusal)
        json_put_pair(w, "refusal", say_refusal());
    else
        say_null(w, "refusal");
    if (s->tools)
        put_calls(w, p);
    json_close_object(w);
}

static void put_object(const struct play *p, struct json_writer *w)
{
    open_envelope(w, p, "chat.completion");
    for (int c = 0; c < p->asked.n; c++) {
        json_open_object(w);
        say_int(w, "index", c);
        put_message(w, p);
        if (p->script.shape.logprobs)
            put_logprobs(w, SLICE("w"));
        else
            say_null(w, "logprobs");
        json_put_pair(w, "finish_reason", finish_of(p));
        json_close_object(w);
    }
    json_close_array(w);
    if (p->script.shape.usage != USAGE_NEVER)
        put_usage(w, p);
    json_close_object(w);
}

static void put_error(const struct play *p, struct json_writer *w)
{
    const struct script *s = &p->script;
    char words[64], code[32];
    snprintf(code, sizeof(code), "fake_%d", (int)s->wire.status);
    json_open_object(w);
    json_key(w, "error");
    json_open_object(w);
    json_put_pair(w, "message", say_message(p, words, sizeof(words)));
    json_put_pair(w, "type", SLICE("fake_error"));
    say_null(w, "param");
    json_put_pair(w, "code", s->shape.code.len ? s->shape.code : slice_of(code));
    json_close_object(w);
    json_close_object(w);
}

static const struct section chat[] = {
    {count_choices, write_role, NULL},    {count_reasoning, write_reasoning, NULL},
    {count_content, write_content, NULL}, {count_refusals, write_refusal, NULL},
    {count_tools, write_tool, NULL},      {count_junk, NULL, write_junk},
    {count_finishes, write_finish, NULL}, {count_usage, write_usage, NULL},
    {count_done, NULL, write_done},
};

const struct voice say_chat = {.path = "/chat/completions",
                               .streams = STREAMS_IF_TRUE,
                               .sections = chat,
                               .count = COUNT(chat),
                               .object = put_object,
                               .error = put_error};

/* --- completions: text alone ------------------------------------------------------------------ */

static void open_text(struct json_writer *w, const struct play *p, int i)
{
    open_envelope(w, p, "text_completion");
    json_open_object(w);
    say_int(w, "index", i % p->asked.n);
    say_null(w, "logprobs");
    json_key(w, "text");
}

static void write_text(const struct play *p, int i, struct json_writer *w)
{
    open_text(w, p, i);
    say_words(w, p, i);
    close_choice(w, p, (struct slice){0});
}

static void write_text_finish(const struct play *p, int i, struct json_writer *w)
{
    open_text(w, p, i);
    json_put_text(w, SLICE(""));
    close_choice(w, p, p->script.shape.finish);
}

static void put_completion(const struct play *p, struct json_writer *w)
{
    open_envelope(w, p, "text_completion");
    for (int c = 0; c < p->asked.n; c++) {
        json_open_object(w);
        say_int(w, "index", c);
        json_key(w, "text");
        say_all_words(w, p);
        say_null(w, "logprobs");
        json_put_pair(w, "finish_reason", p->script.shape.finish);
        json_close_object(w);
    }
    json_close_array(w);
    if (p->script.shape.usage != USAGE_NEVER)
        put_usage(w, p);
    json_close_object(w);
}

static const struct section completion[] = {
    {count_choices, NULL, write_nothing}, {count_content, write_text, NULL},
    {count_junk, NULL, write_junk},       {count_finishes, write_text_finish, NULL},
    {count_usage, write_usage, NULL},     {count_done, NULL, write_done},
};

const struct voice say_completion = {.path = "/completions",
                                     .streams = STREAMS_IF_TRUE,
                                     .sections = completion,
                                     .count = COUNT(completion),
                                     .object = put_completion,
                                     .error = put_error};

/* --- infill, as llama-server answers it: what stands between two texts ------------------------ */

static void put_infill(const struct play *p, struct json_writer *w)
{
    json_open_object(w);
    json_key(w, "content");
    say_all_words(w, p);
    say_model_pair(w, p);
    json_key(w, "stop");
    json_put_bool(w, true);
    say_int(w, "tokens_predicted", say_tokens(p));
    say_int(w, "tokens_evaluated", p->script.shape.prompt_tokens);
    json_key(w, "truncated");
    json_put_bool(w, false);
    json_close_object(w);
}

const struct voice say_infill = {.path = "/infill", .object = put_infill, .error = put_error};
