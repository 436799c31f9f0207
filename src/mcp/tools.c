/* tools: what is offered: the tables from which the schemas are written, and by which the arguments
 * of a call are judged; and what the daemon is asked for them. What only the daemon can know, as
 * whether there is such a model, is left to it: its own words come back. */
#include "mcp/inside.h"

#define MOST_MESSAGES 4096
#define MOST_INPUTS 2048
#define MOST_STOPS 16
#define SCHEMA SLICE("https://json-schema.org/draft/2020-12/schema")

enum kind { TEXT, COUNTED, NUMBER, MESSAGES, TEXTS, USAGE, VECTORS };

/* ---- the tables ----------------------------------------------------------------------------- */

static const struct tool {
    const char *name, *alias, *title, *words, *target;
} tools[MCP_TOOLS] = {
    [MCP_COMPLETE] =
        {"local_llm_complete", "local_llm:complete", "Ask a local language model",
         "Has a language model answer, on this machine or where hearth leads: one prompt, or a "
         "conversation. What it is told goes nowhere else. Give `prompt` or `messages`.",
         "/v1/chat/completions"},
    [MCP_EMBED] = {"local_llm_embed", "local_llm:embed", "Embed texts with a local model",
                   "Makes vectors of texts, for search and comparison, with a model of this "
                   "machine. They are in the structured content, in the order of the texts.",
                   "/v1/embeddings"},
};

/* In the order in which they are listed. Bounds of a text are bytes, of a list items. */
static const struct argument {
    enum mcp_tool tool;
    const char *name;
    enum kind kind;
    bool required;
    double least, most; /* both 0: none */
    size_t at;
    const char *words;
} arguments[] = {
#define AT(member) offsetof(struct arguments, member)
    {MCP_COMPLETE, "prompt", TEXT, false, 1, MCP_LINE_MOST, AT(prompt),
     "What is asked, as one message of the user. Not together with `messages`."},
    {MCP_COMPLETE, "messages", MESSAGES, false, 1, MOST_MESSAGES, AT(messages),
     "A conversation, the oldest message first. Not together with `prompt`."},
    {MCP_COMPLETE, "system", TEXT, false, 0, MCP_LINE_MOST, AT(heed),
     "What the model is to heed throughout."},
    {MCP_COMPLETE, "model", TEXT, false, 1, 512, AT(model),
     "A model, alias or role of hearth; the usual one unless given."},
    {MCP_COMPLETE, "max_tokens", COUNTED, false, 1, 1 << 30, AT(max_tokens),
     "The longest answer, in tokens."},
    {MCP_COMPLETE, "temperature", NUMBER, false, 0, 2, AT(temperature),
     "0 for the likeliest words, more for others."},
    {MCP_COMPLETE, "stop", TEXTS, false, 1, MOST_STOPS, AT(stop),
     "A text, or some, at which the answer ends."},
    {MCP_EMBED, "input", TEXTS, true, 1, MOST_INPUTS, AT(input),
     "A text, or a list of texts: each becomes a vector."},
    {MCP_EMBED, "model", TEXT, false, 1, 512, AT(model),
     "An embedding model, alias or role of hearth; the usual one unless given."},
#undef AT
};

static const struct output {
    enum mcp_tool tool;
    const char *name;
    enum kind kind;
    const char *words;
} outputs[] = {
    {MCP_COMPLETE, "text", TEXT, "The answer."},
    {MCP_COMPLETE, "model", TEXT, "The model that answered."},
    {MCP_COMPLETE, "finish_reason", TEXT, "Why it ended: stop, length, and others."},
    {MCP_COMPLETE, "usage", USAGE, "Tokens of the question and of the answer."},
    {MCP_EMBED, "model", TEXT, "The model that made them."},
    {MCP_EMBED, "dimensions", COUNTED, "The numbers of one vector."},
    {MCP_EMBED, "embeddings", VECTORS, "A vector for each text, in their order."},
    {MCP_EMBED, "usage", USAGE, "Tokens of the texts."},
};

const char *mcp_target(enum mcp_tool tool)
{
    return tools[tool].target;
}

bool tool_find(struct slice name, enum mcp_tool *ret_tool)
{
    for (enum mcp_tool i = 0; i < MCP_TOOLS; i++) {
        if (slice_is(name, slice_of(tools[i].name)) || slice_is(name, slice_of(tools[i].alias))) {
            *ret_tool = i;
            return true;
        }
    }
    return false;
}

/* ---- schemas -------------------------------------------------------------------------------- */

static void put_type(struct json_writer *w, const char *type)
{
    json_put_pair(w, "type", slice_of(type));
}

static void put_bound(struct json_writer *w, const char *key, double n)
{
    json_key(w, key);
    json_put_number(w, n);
}

static void open_member(struct json_writer *w, const char *key, const char *type)
{
    json_key(w, key);
    json_open_object(w);
    put_type(w, type);
}

static void put_required(struct json_writer *w, const char *a, const char *b)
{
    json_key(w, "required");
    json_open_array(w);
    json_put_text(w, slice_of(a));
    json_put_text(w, slice_of(b));
    json_close_array(w);
}

static void put_messages(struct json_writer *w)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    put_type(w, "array");
    put_bound(w, "minItems", 1);
    open_member(w, "items", "object");
    json_key(w, "properties");
    json_open_object(w);
    open_member(w, "role", "string");
    json_key(w, "enum");
    json_open_array(w);
    for (size_t i = 0; i < COUNT(roles); i++)
        json_put_text(w, slice_of(roles[i]));
    json_close_array(w);
    json_close_object(w);
    open_member(w, "content", "string");
    json_close_object(w);
    json_close_object(w);
    put_required(w, "role", "content");
    json_close_object(w);
}

/* A text, or a list of them. */
static void put_texts(struct json_writer *w, double most)
{
    json_key(w, "anyOf");
    json_open_array(w);
    json_open_object(w);
    put_type(w, "string");
    put_bound(w, "minLength", 1);
    json_close_object(w);
    json_open_object(w);
    put_type(w, "array");
    put_bound(w, "minItems", 1);
    put_bound(w, "maxItems", most);
    open_member(w, "items", "string");
    put_bound(w, "minLength", 1);
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
}

static void put_usage(struct json_writer *w)
{
    put_type(w, "object");
    json_key(w, "properties");
    json_open_object(w);
    open_member(w, "prompt_tokens", "integer");
    json_close_object(w);
    open_member(w, "completion_tokens", "integer");
    json_close_object(w);
    open_member(w, "total_tokens", "integer");
    json_close_object(w);
    json_close_object(w);
    put_required(w, "prompt_tokens", "total_tokens");
}

static void put_vectors(struct json_writer *w)
{
    put_type(w, "array");
    open_member(w, "items", "array");
    open_member(w, "items", "number");
    json_close_object(w);
    json_close_object(w);
}

static void put_argument(struct json_writer *w, const struct argument *a)
{
    json_key(w, a->name);
    json_open_object(w);
    if (a->kind == MESSAGES)
        put_messages(w);
    else if (a->kind == TEXTS)
        put_texts(w, a->most);
    else
        put_type(w, a->kind == TEXT ? "string" : a->kind == COUNTED ? "integer" : "number");
    if (a->kind == TEXT && a->least > 0)
        put_bound(w, "minLength", a->least);
    if (a->kind == COUNTED || a->kind == NUMBER)
        put_bound(w, "minimum", a->least);
    if (a->kind == NUMBER)
        put_bound(w, "maximum", a->most);
    json_put_pair(w, "description", slice_of(a->words));
    json_close_object(w);
}

static void put_output(struct json_writer *w, const struct output *o)
{
    json_key(w, o->name);
    json_open_object(w);
    if (o->kind == USAGE)
        put_usage(w);
    else if (o->kind == VECTORS)
        put_vectors(w);
    else
        put_type(w, o->kind == TEXT ? "string" : "integer");
    json_put_pair(w, "description", slice_of(o->words));
    json_close_object(w);
}

static void open_schema(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_open_object(w);
    json_put_pair(w, "$schema", SCHEMA);
    put_type(w, "object");
    json_key(w, "properties");
    json_open_object(w);
}

static void put_input_schema(struct json_writer *w, enum mcp_tool tool)
{
    open_schema(w, "inputSchema");
    for (size_t i = 0; i < COUNT(arguments); i++) {
        if (arguments[i].tool == tool)
            put_argument(w, &arguments[i]);
    }
    json_close_object(w);
    json_key(w, "required");
    json_open_array(w);
    for (size_t i = 0; i < COUNT(arguments); i++) {
        if (arguments[i].tool == tool && arguments[i].required)
            json_put_text(w, slice_of(arguments[i].name));
    }
    json_close_array(w);
    json_key(w, "additionalProperties");
    json_put_bool(w, false);
    json_close_object(w);
}

static void put_output_schema(struct json_writer *w, enum mcp_tool tool)
{
    open_schema(w, "outputSchema");
    for (size_t i = 0; i < COUNT(outputs); i++) {
        if (outputs[i].tool == tool)
            put_output(w, &outputs[i]);
    }
    json_close_object(w);
    json_key(w, "required");
    json_open_array(w);
    for (size_t i = 0; i < COUNT(outputs); i++) {
        if (outputs[i].tool == tool)
            json_put_text(w, slice_of(outputs[i].name));
    }
    json_close_array(w);
    json_close_object(w);
}

static void put_hint(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_put_bool(w, value);
}

void tools_write(struct json_writer *w)
{
    json_open_array(w);
    for (enum mcp_tool i = 0; i < MCP_TOOLS; i++) {
        json_open_object(w);
        json_put_pair(w, "name", slice_of(tools[i].name));
        json_put_pair(w, "title", slice_of(tools[i].title));
        json_put_pair(w, "description", slice_of(tools[i].words));
        put_input_schema(w, i);
        put_output_schema(w, i);
        json_key(w, "annotations");
        json_open_object(w);
        put_hint(w, "readOnlyHint", true); /* it changes nothing anywhere */
        put_hint(w, "openWorldHint", false);
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}

/* ---- judging -------------------------------------------------------------------------------- */

static enum err judge_texts(const struct argument *a, const struct json_value *v, struct why *why)
{
    bool good = json_is_text(v)
                    ? json_text(v).len > 0
                    : json_is_array(v) && json_count(v) > 0 && (double)json_count(v) <= a->most;
    for (struct json_iter i = json_begin(json_is_array(v) ? v : NULL); good && json_next(&i);)
        good = json_is_text(i.value) && json_text(i.value).len > 0;
    return good ? OK
                : why_param(why, ERR_BAD_VALUE, a->name,
                            "%s must be a text, or a list of 1 to %.0f texts, none of them empty",
                            a->name, a->most);
}

static enum err judge_messages(const struct argument *a, const struct json_value *v,
                               struct why *why)
{
    static const struct slice roles[] = {{"system", 6}, {"user", 4}, {"assistant", 9}};
    bool good = json_is_array(v) && json_count(v) > 0 && (double)json_count(v) <= a->most;
    for (struct json_iter i = json_begin(json_is_array(v) ? v : NULL); good && json_next(&i);) {
        struct slice role = json_text(json_get(i.value, "role"));
        good = json_is_text(json_get(i.value, "content"));
        bool known = false;
        for (size_t k = 0; k < COUNT(roles); k++)
            known |= slice_is(role, roles[k]);
        good = good && known;
    }
    return good ? OK
                : why_param(why, ERR_BAD_VALUE, a->name,
                            "%s must be a list of objects, each with a `role` (system, user or "
                            "assistant) and a text as its `content`",
                            a->name);
}

static enum err take_one(const struct argument *a, const struct json_value *v,
                         struct arguments *into, struct why *why)
{
    static const enum json_kind kinds[] = {[TEXT] = JSON_TEXT,
                                           [COUNTED] = JSON_INT,
                                           [NUMBER] = JSON_NUMBER,
                                           [MESSAGES] = JSON_ANY,
                                           [TEXTS] = JSON_ANY};
    bool list = a->kind == MESSAGES || a->kind == TEXTS;
    const struct json_field field = {.name = a->name,
                                     .kind = kinds[a->kind],
                                     .least = list ? 0 : a->least,
                                     .most = list ? 0 : a->most,
                                     .at = a->at};
    enum err e = a->kind == TEXTS      ? judge_texts(a, v, why)
                 : a->kind == MESSAGES ? judge_messages(a, v, why)
                                       : OK;
    return e ? e : json_take(&field, v, into, why);
}

static enum err unknown(enum mcp_tool tool, struct slice name, struct why *why)
{
    struct text there = {0}, said = {0};
    for (size_t i = 0; i < COUNT(arguments); i++) {
        if (arguments[i].tool == tool)
            text_format(&there, "%s%s", there.len ? ", " : "", arguments[i].name);
    }
    text_visible(&said, slice_to(name, min_size(name.len, 60)));
    enum err e = why_set(why, ERR_BAD_VALUE, "there is no argument %s; there are %s",
                         text_cstr(&said), text_cstr(&there));
    text_fini(&there);
    text_fini(&said);
    return e;
}

static enum err take_all(const struct json_value *given, enum mcp_tool tool, struct arguments *into,
                         struct why *why)
{
    for (struct json_iter i = json_begin(given); json_next(&i);) {
        const struct argument *found = NULL;
        for (size_t k = 0; k < COUNT(arguments); k++) {
            if (arguments[k].tool == tool && slice_is(i.key, slice_of(arguments[k].name)))
                found = &arguments[k];
        }
        enum err e = !found                  ? unknown(tool, i.key, why)
                     : json_is_null(i.value) ? OK
                                             : take_one(found, i.value, into, why);
        if (e)
            return e;
    }
    if (tool == MCP_COMPLETE && !into->prompt.ptr == !into->messages)
        return why_set(why, ERR_MISSING_FIELD, "give either prompt or messages%s",
                       into->messages ? ", not both" : "");
    if (tool == MCP_EMBED && !into->input)
        return why_param(why, ERR_MISSING_FIELD, "input", "input is missing");
    return OK;
}

/* ---- what the daemon is asked --------------------------------------------------------------- */

static void put_value(struct json_writer *w, const char *key, const struct json_value *v)
{
    struct text json = {0};
    if (!v)
        return;
    json_copy(v, &json);
    json_key(w, key);
    json_put_raw(w, text_slice(&json));
    w->out->failed |= json.failed;
    text_fini(&json);
}

static void put_message(struct json_writer *w, struct slice role, struct slice words)
{
    json_open_object(w);
    json_put_pair(w, "role", role);
    json_put_pair(w, "content", words);
    json_close_object(w);
}

/* Only what was checked: whatever else a message has is not handed on. */
static void put_talk(struct json_writer *w, const struct arguments *a)
{
    json_key(w, "messages");
    json_open_array(w);
    if (a->heed.len)
        put_message(w, SLICE("system"), a->heed);
    if (a->prompt.ptr)
        put_message(w, SLICE("user"), a->prompt);
    for (struct json_iter i = json_begin(a->messages); json_next(&i);)
        put_message(w, json_text(json_get(i.value, "role")),
                    json_text(json_get(i.value, "content")));
    json_close_array(w);
}

static void put_completion(struct json_writer *w, const struct arguments *a)
{
    json_key(w, "stream");
    json_put_bool(w, true);
    json_key(w, "stream_options");
    json_open_object(w);
    json_key(w, "include_usage");
    json_put_bool(w, true);
    json_close_object(w);
    if (a->max_tokens) {
        json_key(w, "max_tokens");
        json_put_int(w, a->max_tokens);
    }
    if (a->temperature >= 0) {
        json_key(w, "temperature");
        json_put_number(w, a->temperature);
    }
    put_value(w, "stop", a->stop);
    put_talk(w, a);
}

enum err tool_take(const struct json_value *given, const char *usual, struct mcp_call *call,
                   struct why *why)
{
    struct arguments a = {.temperature = -1};
    enum err e = take_all(given, call->tool, &a, why);
    if (e)
        return e;
    if (!a.model.len && call->tool == MCP_COMPLETE)
        a.model = slice_of(usual);
    struct json_writer w = json_writer(&call->body);
    json_open_object(&w);
    if (a.model.len)
        json_put_pair(&w, "model", a.model);
    if (call->tool == MCP_COMPLETE)
        put_completion(&w, &a);
    else
        put_value(&w, "input", a.input);
    json_close_object(&w);
    call->inputs = json_is_array(a.input) ? json_count(a.input) : 1;
    text_add(&call->model, a.model);
    return call->body.failed || call->model.failed
               ? why_set(why, ERR_NO_MEMORY, "no memory for the question")
               : OK;
}
