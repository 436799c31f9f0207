/* anthropic_encode: a call in the common form, for a target that speaks Anthropic's Messages; and
 * the table row of that wire. What would change the answer's meaning and has no word there is
 * refused, so that another target may be tried; what would not is left out and named. */
#include "wire/codec.h"

#define USUAL_MOST 8192  /* tokens of an answer, where the caller says nothing */
#define MOST_NAMES 1024u /* bytes of what is left out, about; and of each */
#define MOST_NAME 64u
#define LEAST_THOUGHT 1024 /* tokens: a smaller budget is refused there */

struct writing {
    const struct common_call *c;
    struct json_writer w;
    struct text *dropped;
    struct why *why;
    const char *open; /* role of the message that is open; NULL: none is */
    unsigned calls;   /* tool calls without an id, so far */
};

static enum err cannot(struct writing *o, const char *param, const char *words)
{
    return why_param(o->why, ERR_CANNOT, param, "%s", words);
}

static void drop_name(struct writing *o, struct slice name)
{
    if (o->dropped->len > MOST_NAMES)
        return;
    if (o->dropped->len)
        text_byte(o->dropped, ',');
    text_visible(o->dropped, slice_to(name, min_size(name.len, MOST_NAME)));
}

static void drop(struct writing *o, const char *name)
{
    drop_name(o, slice_of(name));
}

static const struct json_value *asked(const struct writing *o, const char *name)
{
    const struct json_value *v = json_get(o->c->root, name);
    return json_is_null(v) ? NULL : v;
}

static bool is_text(const struct json_value *v, const char *text)
{
    return json_is_text(v) && slice_is(json_text(v), slice_of(text));
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void open_block(struct writing *o, const char *type)
{
    json_open_object(&o->w);
    json_put_pair(&o->w, "type", slice_of(type));
}

/* An empty one would be refused. */
static void put_text(struct writing *o, struct slice text)
{
    if (!text.len)
        return;
    open_block(o, "text");
    json_put_pair(&o->w, "text", text);
    json_close_object(&o->w);
}

/* data:TYPE;base64,DATA; false: it is another kind of address. */
static bool split_data(struct slice url, struct slice *ret_type, struct slice *ret_data)
{
    struct slice rest;
    if (!slice_begins(url, SLICE("data:")))
        return false;
    rest = slice_from(url, strlen("data:"));
    size_t comma = slice_find(rest, ',');
    struct slice head = slice_to(rest, comma);
    if (comma == rest.len || !slice_ends(head, SLICE(";base64")))
        return false;
    *ret_type = slice_to(head, slice_find(head, ';'));
    *ret_data = slice_from(rest, comma + 1);
    return true;
}

static enum err put_source(struct writing *o, const char *block, struct slice url)
{
    struct slice type, data;
    bool inside = split_data(url, &type, &data);
    if (!inside && !slice_begins(url, SLICE("http://")) && !slice_begins(url, SLICE("https://")))
        return cannot(o, "messages", "it takes base64 data and http addresses only");
    open_block(o, block);
    json_key(&o->w, "source");
    json_open_object(&o->w);
    json_put_pair(&o->w, "type", inside ? SLICE("base64") : SLICE("url"));
    if (inside) {
        json_put_pair(&o->w, "media_type", type);
        json_put_pair(&o->w, "data", data);
    } else {
        json_put_pair(&o->w, "url", url);
    }
    json_close_object(&o->w);
    json_close_object(&o->w);
    return OK;
}

static enum err put_part(struct writing *o, const struct json_value *part)
{
    const struct json_value *type = json_get(part, "type"), *image = json_get(part, "image_url");
    if (is_text(type, "text"))
        put_text(o, json_text(json_get(part, "text")));
    else if (is_text(type, "refusal"))
        put_text(o, json_text(json_get(part, "refusal")));
    else if (image) /* some write the address alone */
        return put_source(o, "image",
                          json_text(json_is_text(image) ? image : json_get(image, "url")));
    else if (is_text(type, "file"))
        return put_source(o, "document", json_text(json_get(json_get(part, "file"), "file_data")));
    else
        return cannot(o, "messages", "it takes text, pictures and documents only");
    return OK;
}

static enum err put_content(struct writing *o, const struct json_value *content)
{
    enum err e = OK;
    put_text(o, json_text(content));
    for (struct json_iter i = json_begin(json_is_array(content) ? content : NULL);
         !e && json_next(&i);)
        e = put_part(o, i.value);
    return e;
}

/* Ids are letters, digits, _ and - there. */
static void put_id(struct writing *o, const char *key, struct slice id)
{
    struct text name = {0};
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        text_byte(&name, plain || c == '-' || c == '_' ? c : '_');
    }
    if (!name.len)
        text_format(&name, "call_%u", o->calls++);
    json_put_pair(&o->w, key, text_slice(&name));
    o->w.out->failed |= name.failed;
    text_fini(&name);
}

static enum err put_call(struct writing *o, const struct json_value *call)
{
    const struct json_value *function = json_get(call, "function");
    struct slice arguments = slice_trim(json_text(json_get(function, "arguments")));
    struct json_doc doc;
    if (!json_is_object(function))
        return cannot(o, "messages", "it knows calls of functions only");
    if (!arguments.len)
        arguments = SLICE("{}");
    if (json_read(arguments, &json_usual_limits, NULL, &doc, NULL))
        return cannot(o, "messages", "a tool call's arguments are no JSON");
    bool object = json_is_object(doc.root);
    if (object) {
        open_block(o, "tool_use");
        put_id(o, "id", json_text(json_get(call, "id")));
        json_put_pair(&o->w, "name", json_text(json_get(function, "name")));
        json_key(&o->w, "input");
        json_put_value(&o->w, doc.root);
        json_close_object(&o->w);
    }
    json_done(&doc);
    return object ? OK : cannot(o, "messages", "a tool call's arguments are no object");
}

static enum err put_result(struct writing *o, const struct json_value *message)
{
    const struct json_value *content = json_get(message, "content");
    enum err e = OK;
    open_block(o, "tool_result");
    put_id(o, "tool_use_id", json_text(json_get(message, "tool_call_id")));
    json_key(&o->w, "content");
    if (json_is_array(content)) {
        json_open_array(&o->w);
        e = put_content(o, content);
        json_close_array(&o->w);
    } else {
        json_put_text(&o->w, json_text(content));
    }
    json_close_object(&o->w);
    return e;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void close_message(struct writing *o)
{
    if (!o->open)
        return;
    json_close_array(&o->w);
    json_close_object(&o->w);
    o->open = NULL;
}

/* Turns alternate there: what one role says in several messages is one of theirs. */
static void open_message(struct writing *o, const char *role)
{
    if (o->open && strcmp(o->open, role) == 0)
        return;
    close_message(o);
    json_open_object(&o->w);
    json_put_pair(&o->w, "role", slice_of(role));
    json_key(&o->w, "content");
    json_open_array(&o->w);
    o->open = role;
}

static bool says(const struct json_value *content)
{
    if (!json_is_array(content))
        return json_text(content).len > 0;
    for (struct json_iter i = json_begin(content); json_next(&i);) {
        const struct json_value *text = json_get(i.value, "text");
        if (!text || json_text(text).len)
            return true;
    }
    return false;
}

static enum err put_assistant(struct writing *o, const struct json_value *message)
{
    const struct json_value *calls = json_get(message, "tool_calls"),
                            *content = json_get(message, "content"),
                            *refusal = json_get(message, "refusal");
    enum err e = OK;
    if (json_is_object(json_get(message, "function_call")))
        return cannot(o, "messages", "it knows tool_calls, and not function_call");
    if (json_text(json_get(message, "reasoning_content")).len)
        drop(o, "reasoning_content"); /* it takes thoughts only with a signature of its own */
    if (!says(content) && !json_text(refusal).len && !json_count(calls))
        return OK;
    open_message(o, "assistant");
    e = put_content(o, content);
    put_text(o, json_text(refusal));
    for (struct json_iter i = json_begin(json_is_array(calls) ? calls : NULL); !e && json_next(&i);)
        e = put_call(o, i.value);
    return e;
}

static bool is_system(const struct json_value *message)
{
    const struct json_value *role = json_get(message, "role");
    return is_text(role, "system") || is_text(role, "developer");
}

static enum err put_message(struct writing *o, const struct json_value *message)
{
    const struct json_value *role = json_get(message, "role"),
                            *content = json_get(message, "content");
    if (is_text(role, "assistant"))
        return put_assistant(o, message);
    if (is_text(role, "tool")) {
        open_message(o, "user");
        return put_result(o, message);
    }
    if (!is_text(role, "user"))
        return cannot(o, "messages", "it knows the roles system, user, assistant and tool only");
    if (!says(content))
        return OK;
    open_message(o, "user");
    return put_content(o, content);
}

static bool only_system(const struct json_value *messages)
{
    for (struct json_iter i = json_begin(messages); json_next(&i);) {
        if (!is_system(i.value))
            return false;
    }
    return true;
}

/* Wherever they stand, they come first there. */
static enum err put_systems(struct writing *o, const struct json_value *messages)
{
    bool any = false;
    enum err e = OK;
    for (struct json_iter i = json_begin(messages); json_next(&i);)
        any |= is_system(i.value) && says(json_get(i.value, "content"));
    if (!any)
        return OK;
    json_key(&o->w, "system");
    json_open_array(&o->w);
    for (struct json_iter i = json_begin(messages); !e && json_next(&i);) {
        if (is_system(i.value))
            e = put_content(o, json_get(i.value, "content"));
    }
    json_close_array(&o->w);
    return e;
}

static enum err put_prompt(struct writing *o, const struct json_value *prompt)
{
    const struct json_value *only = json_count(prompt) == 1 ? json_at(prompt, 0) : NULL;
    struct slice text = json_text(json_is_array(prompt) ? only : prompt);
    if (!text.len)
        return cannot(o, "prompt", "it takes one text that is not empty");
    json_key(&o->w, "messages");
    json_open_array(&o->w);
    open_message(o, "user");
    put_text(o, text);
    close_message(o);
    json_close_array(&o->w);
    return OK;
}

static enum err put_messages(struct writing *o)
{
    const struct json_value *messages = asked(o, "messages");
    if (!messages)
        return put_prompt(o, asked(o, "prompt"));
    bool system = only_system(messages); /* somebody has to say something */
    enum err e = system ? OK : put_systems(o, messages);
    if (!e) {
        json_key(&o->w, "messages");
        json_open_array(&o->w);
    }
    for (struct json_iter i = json_begin(messages); !e && json_next(&i);) {
        if (system && says(json_get(i.value, "content"))) {
            open_message(o, "user");
            e = put_content(o, json_get(i.value, "content"));
        } else if (!is_system(i.value)) {
            e = put_message(o, i.value);
        }
    }
    close_message(o);
    if (!e)
        json_close_array(&o->w);
    return e;
}

/* ---- tools ----------------------------------------------------------------------------------- */

static enum err put_tool(struct writing *o, const struct json_value *tool)
{
    const struct json_value *function = json_get(tool, "function"), *type = json_get(tool, "type");
    const struct json_value *description = json_get(function, "description"),
                            *parameters = json_get(function, "parameters"),
                            *strict = json_get(function, "strict");
    if (!json_is_object(function) || (type && !is_text(type, "function")))
        return cannot(o, "tools", "it knows tools that are functions only");
    json_open_object(&o->w);
    json_put_pair(&o->w, "name", json_text(json_get(function, "name")));
    if (json_is_text(description))
        json_put_pair(&o->w, "description", json_text(description));
    json_key(&o->w, "input_schema");
    if (json_is_object(parameters)) {
        json_put_value(&o->w, parameters);
    } else {
        open_block(o, "object");
        json_close_object(&o->w);
    }
    if (json_is_true(strict)) {
        json_key(&o->w, "strict");
        json_put_bool(&o->w, true);
    }
    json_close_object(&o->w);
    return OK;
}

static enum err put_choice(struct writing *o)
{
    static const char *const words[][2] = {
        {"auto", "auto"}, {"required", "any"}, {"any", "any"}, {"none", "none"}};
    const struct json_value *choice = asked(o, "tool_choice");
    bool single = json_is_false(asked(o, "parallel_tool_calls"));
    const struct json_value *name = json_get(json_get(choice, "function"), "name");
    const char *type = choice ? NULL : "auto";
    if (!choice && !single)
        return OK;
    for (size_t i = 0; i < COUNT(words); i++)
        type = is_text(choice, words[i][0]) ? words[i][1] : type;
    if (!type && json_is_text(name))
        type = "tool";
    if (!type)
        return cannot(o, "tool_choice", "it knows auto, required, none and a function's name only");
    json_key(&o->w, "tool_choice");
    open_block(o, type);
    if (json_is_text(name))
        json_put_pair(&o->w, "name", json_text(name));
    if (single && strcmp(type, "none") != 0) {
        json_key(&o->w, "disable_parallel_tool_use");
        json_put_bool(&o->w, true);
    }
    json_close_object(&o->w);
    return OK;
}

static enum err put_tools(struct writing *o)
{
    const struct json_value *tools = asked(o, "tools");
    enum err e = OK;
    if (!json_count(tools))
        return OK;
    json_key(&o->w, "tools");
    json_open_array(&o->w);
    for (struct json_iter i = json_begin(tools); !e && json_next(&i);)
        e = put_tool(o, i.value);
    json_close_array(&o->w);
    return e ? e : put_choice(o);
}

/* ---- how it is answered ---------------------------------------------------------------------- */

static int64_t most_of(const struct writing *o)
{
    static const char *const names[] = {"max_completion_tokens", "max_tokens", "n_predict"};
    int64_t n;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (json_int(asked(o, names[i]), &n) && n > 0)
            return n;
    }
    return -1;
}

static void put_type(struct writing *o, const char *key, const char *type)
{
    json_key(&o->w, key);
    open_block(o, type);
    json_close_object(&o->w);
}

/* Thoughts and the answer share what max_tokens gives. */
static void put_lengths(struct writing *o)
{
    const struct json_value *kwargs = asked(o, "chat_template_kwargs");
    const struct json_value *enabled = json_get(kwargs, "enable_thinking");
    int64_t most = most_of(o), budget = -1;
    if (!json_int(asked(o, "thinking_budget_tokens"), &budget) &&
        !json_int(asked(o, "reasoning_budget_tokens"), &budget))
        budget = -1;
    bool off =
        json_is_false(enabled) || budget == 0 || is_text(asked(o, "reasoning_effort"), "none");
    if (most < 0)
        most = USUAL_MOST + (budget > 0 && !off ? budget : 0);
    json_key(&o->w, "max_tokens");
    json_put_int(&o->w, most);
    if (off) {
        put_type(o, "thinking", "disabled");
    } else if (budget > 0 && most > LEAST_THOUGHT) {
        budget = budget >= most ? most - 1 : budget < LEAST_THOUGHT ? LEAST_THOUGHT : budget;
        json_key(&o->w, "thinking");
        open_block(o, "enabled");
        json_key(&o->w, "budget_tokens");
        json_put_int(&o->w, budget);
        json_close_object(&o->w);
    } else if (budget > 0) {
        drop(o, "thinking_budget_tokens");
    } else if (json_is_true(enabled)) {
        put_type(o, "thinking", "adaptive");
    }
    if (json_count(kwargs) > (enabled ? 1 : 0))
        drop(o, "chat_template_kwargs");
}

static const char *effort_of(struct writing *o)
{
    static const char *const words[][2] = {{"minimal", "low"},   {"low", "low"},
                                           {"medium", "medium"}, {"high", "high"},
                                           {"xhigh", "xhigh"},   {"max", "max"}};
    const struct json_value *effort = asked(o, "reasoning_effort");
    for (size_t i = 0; i < COUNT(words); i++) {
        if (is_text(effort, words[i][0]))
            return words[i][1];
    }
    if (effort && !is_text(effort, "none"))
        drop(o, "reasoning_effort");
    return NULL;
}

/* The schema that an answer must fit; NULL in *ret: any may come. */
static enum err find_schema(struct writing *o, const struct json_value **ret)
{
    const struct json_value *format = asked(o, "response_format"), *type = json_get(format, "type"),
                            *schema = asked(o, "json_schema");
    if (is_text(type, "json_schema"))
        schema = json_get(json_get(format, "json_schema"), "schema");
    else if (is_text(type, "json_object"))
        schema = json_get(format, "schema");
    else if (format && !is_text(type, "text"))
        return cannot(o, "response_format", "it has no such form of answer");
    bool asks = (format && !is_text(type, "text")) || asked(o, "json_schema");
    if (asks && !json_is_object(schema))
        return cannot(o, "response_format", "it writes JSON by a schema only");
    *ret = asks ? schema : NULL;
    return OK;
}

static enum err put_output(struct writing *o)
{
    const struct json_value *schema = NULL;
    enum err e = find_schema(o, &schema);
    const char *effort = e ? NULL : effort_of(o);
    if (e || (!schema && !effort))
        return e;
    json_key(&o->w, "output_config");
    json_open_object(&o->w);
    if (effort)
        json_put_pair(&o->w, "effort", slice_of(effort));
    if (schema) {
        json_key(&o->w, "format");
        open_block(o, "json_schema");
        json_key(&o->w, "schema");
        json_put_value(&o->w, schema);
        json_close_object(&o->w);
    }
    json_close_object(&o->w);
    return OK;
}

static void put_sampling(struct writing *o)
{
    const struct json_value *temperature = asked(o, "temperature"), *top_p = asked(o, "top_p"),
                            *top_k = asked(o, "top_k");
    int64_t n;
    if (temperature) { /* it ends at 1 there */
        bool hot = json_number(temperature) > 1;
        json_key(&o->w, "temperature");
        if (hot)
            json_put_int(&o->w, 1);
        else
            json_put_value(&o->w, temperature);
        if (hot)
            drop(o, "temperature");
    }
    if (top_p) {
        json_key(&o->w, "top_p");
        json_put_value(&o->w, top_p);
    }
    if (json_int(top_k, &n) && n > 0) { /* others mean by 0 and -1: not at all */
        json_key(&o->w, "top_k");
        json_put_int(&o->w, n);
    }
}

/* Strings of nothing but blanks are refused there. */
static bool stops(const struct json_value *v)
{
    struct slice s = json_text(v);
    for (size_t i = 0; i < s.len; i++) {
        if (!strchr(" \t\r\n", s.ptr[i]))
            return true;
    }
    return false;
}

static void put_stops(struct writing *o)
{
    const struct json_value *stop = asked(o, "stop");
    bool list = json_is_array(stop), blank = false;
    if (!stop)
        return;
    json_key(&o->w, "stop_sequences");
    json_open_array(&o->w);
    if (!list && stops(stop))
        json_put_text(&o->w, json_text(stop));
    blank = !list && !stops(stop);
    for (struct json_iter i = json_begin(list ? stop : NULL); json_next(&i);) {
        if (stops(i.value))
            json_put_text(&o->w, json_text(i.value));
        blank |= !stops(i.value);
    }
    json_close_array(&o->w);
    if (blank)
        drop(o, "stop");
}

static void put_user(struct writing *o)
{
    struct slice user = json_text(asked(o, "user"));
    if (!user.len)
        return;
    json_key(&o->w, "metadata");
    json_open_object(&o->w);
    json_put_pair(&o->w, "user_id", user);
    json_close_object(&o->w);
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* What the functions above take; the rest is left out and named. */
static const char *const taken[] = {
    "model",
    "messages",
    "prompt",
    "max_tokens",
    "max_completion_tokens",
    "n_predict",
    "stop",
    "temperature",
    "top_p",
    "top_k",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "json_schema",
    "reasoning_effort",
    "thinking_budget_tokens",
    "reasoning_budget_tokens",
    "chat_template_kwargs",
    "user",
    "stream",
    "stream_options",
};

enum usual { USUAL_NEVER, USUAL_ONE, USUAL_FALSE, USUAL_EMPTY, USUAL_TEXT };

/* What it cannot do, and what of it asks for nothing. */
static const struct {
    const char *name;
    enum usual usual;
} beyond[] = {
    {"grammar", USUAL_EMPTY},
    {"logprobs", USUAL_FALSE},
    {"top_logprobs", USUAL_EMPTY},
    {"n_probs", USUAL_EMPTY},
    {"n", USUAL_ONE},
    {"n_cmpl", USUAL_ONE},
    {"best_of", USUAL_ONE},
    {"audio", USUAL_NEVER},
    {"functions", USUAL_EMPTY},
    {"function_call", USUAL_NEVER},
    {"suffix", USUAL_EMPTY},
    {"echo", USUAL_FALSE},
    {"modalities", USUAL_TEXT},
    {"web_search_options", USUAL_NEVER},
};

static bool asks_nothing(const struct json_value *v, enum usual usual)
{
    int64_t n = -1;
    bool zero = json_int(v, &n) && n == 0;
    switch (usual) {
    case USUAL_ONE:
        return n == 1;
    case USUAL_FALSE:
        return json_is_false(v) || zero;
    case USUAL_EMPTY:
        return zero || (json_is_text(v) && !json_text(v).len) ||
               (json_is_array(v) && !json_count(v));
    case USUAL_TEXT:
        return json_count(v) == 1 && is_text(json_at(v, 0), "text");
    case USUAL_NEVER:
        break;
    }
    return false;
}

static bool is_taken(struct slice name)
{
    for (size_t i = 0; i < COUNT(taken); i++) {
        if (slice_is(name, slice_of(taken[i])))
            return true;
    }
    return false;
}

static enum err judge(struct writing *o)
{
    for (size_t i = 0; i < COUNT(beyond); i++) {
        const struct json_value *v = asked(o, beyond[i].name);
        if (v && !asks_nothing(v, beyond[i].usual))
            return cannot(o, beyond[i].name, "it has no such thing");
    }
    for (struct json_iter i = json_begin(o->c->root); json_next(&i);) {
        bool known = is_taken(i.key) || json_is_null(i.value);
        for (size_t k = 0; k < COUNT(beyond); k++)
            known |= slice_is(i.key, slice_of(beyond[k].name));
        if (!known)
            drop_name(o, i.key);
    }
    return OK;
}

static enum err encode(const struct common_call *c, struct text *out, struct text *dropped,
                       struct why *why)
{
    struct writing o = {.c = c, .w = json_writer(out), .dropped = dropped, .why = why};
    enum err e = judge(&o);
    json_open_object(&o.w);
    json_put_pair(&o.w, "model", c->target->model);
    if (!e)
        put_lengths(&o);
    if (!e)
        e = put_messages(&o);
    if (!e)
        e = put_tools(&o);
    if (!e)
        e = put_output(&o);
    if (!e) {
        put_sampling(&o);
        put_stops(&o);
        put_user(&o);
        json_key(&o.w, "stream");
        json_put_bool(&o.w, true);
        json_close_object(&o.w);
    }
    return e ? e : dropped->failed ? ERR_NO_MEMORY : OK;
}

static const char *path(enum call_kind kind)
{
    static const char *const paths[CALL_COUNT] = {
        [CALL_CHAT] = "/v1/messages",
        [CALL_TOKENS] = "/v1/messages/count_tokens",
    };
    return paths[kind];
}

const struct codec anthropic_wire = {
    .manner = {.rooted = true,
               .key = {"x-api-key", 9},
               .more = {{"anthropic-version", 17}, {"2023-06-01", 10}}},
    .path = path,
    .encode_own = openai_encode_call,
    .encode = encode,
    .decode_own = anthropic_decode_own,
    .decode = anthropic_decode,
    .read_refusal = anthropic_read_refusal,
};
