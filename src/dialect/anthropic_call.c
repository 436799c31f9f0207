/* anthropic_call: a call as Anthropic's clients write it, and the same in the common form. What
 * only Anthropic's own service can do (tools that it runs itself, files that it keeps) has no
 * common form: such a call goes to who speaks this dialect, and to nobody else. Fields that change
 * nothing for an answer are left out and named. */
#include <inttypes.h>

#include "dialect/codec.h"

#define MOST_NAMES 1024u /* bytes of what is left out, about; and of each */
#define MOST_NAME 64u
#define MOST_USER 1024u /* bytes of who asks, in the common form */
/* A block of the system prompt that begins so is Claude Code's word to Anthropic's accounts. It
 * differs from request to request, so an engine that read it would find nothing in its cache. */
#define ACCOUNT SLICE("x-anthropic-billing-header:")

struct turn {          /* of the user, until somebody else speaks: one message of several */
    struct text parts; /* a list that is open */
    struct json_writer w;
    size_t n;
    struct slice only; /* the first, where it is a text of the caller's */
};
struct reading {
    struct call *call;
    const struct json_value *root;
    struct json_writer w; /* the common form */
    struct turn turn;
    struct text dropped; /* names, commas between */
    const char *lacks;   /* the first thing that the common form has no word for */
    struct why *why;
};

static void drop(struct reading *r, struct slice name)
{
    struct slice rest = text_slice(&r->dropped), one;
    if (r->dropped.len > MOST_NAMES)
        return;
    name = slice_to(name, min_size(name.len, MOST_NAME));
    while (slice_split(&rest, ',', &one)) {
        if (slice_is(one, name))
            return;
    }
    if (r->dropped.len)
        text_byte(&r->dropped, ',');
    text_visible(&r->dropped, name);
}

static void lack(struct reading *r, const char *what)
{
    if (!r->lacks)
        r->lacks = what;
}

static struct slice type_of(const struct json_value *block)
{
    return json_text(json_get(block, "type"));
}

static bool is_type(const struct json_value *block, const char *type)
{
    return slice_is(type_of(block), slice_of(type));
}

static enum err bad(struct reading *r, const char *param, const char *words)
{
    return why_param(r->why, ERR_BAD_VALUE, param, "%s", words);
}

/* ---- what a block says in words -------------------------------------------------------------- */

static void paragraph(struct text *out, struct slice text)
{
    if (out->len && text.len)
        text_add(out, SLICE("\n\n"));
    text_add(out, text);
}

/* The text blocks of a content, which may be a string. Other blocks are left to the caller. */
static void gather_text(const struct json_value *content, struct text *out)
{
    paragraph(out, json_text(content));
    for (struct json_iter i = json_begin(json_is_array(content) ? content : NULL); json_next(&i);) {
        if (is_type(i.value, "text"))
            paragraph(out, json_text(json_get(i.value, "text")));
    }
}

/* A document, or what a search found, as text with its title above it; false: it is no text. */
static bool gather_document(const struct json_value *block, struct text *out)
{
    const struct json_value *source = json_get(block, "source"), *content;
    size_t before = out->len;
    paragraph(out, json_text(json_get(block, "title")));
    paragraph(out, json_text(json_get(block, "context")));
    if (is_type(block, "search_result")) {
        paragraph(out, json_text(source));
        content = json_get(block, "content");
    } else if (is_type(source, "text")) {
        content = json_get(source, "data");
    } else if (is_type(source, "content")) {
        content = json_get(source, "content");
    } else {
        out->len = before;
        return false;
    }
    gather_text(content, out);
    return true;
}

/* ---- parts ----------------------------------------------------------------------------------- */

static struct json_writer *open_part(struct reading *r, struct slice type)
{
    struct turn *t = &r->turn;
    if (!t->n++) {
        text_clear(&t->parts);
        t->w = json_writer(&t->parts);
        json_open_array(&t->w);
    }
    json_open_object(&t->w);
    json_put_pair(&t->w, "type", type);
    return &t->w;
}

static void put_text_part(struct reading *r, struct slice text)
{
    struct json_writer *w = open_part(r, SLICE("text"));
    json_put_pair(w, "text", text);
    json_close_object(w);
}

/* A text that lives as long as the document. */
static void put_said(struct reading *r, struct slice text)
{
    put_text_part(r, text);
    if (r->turn.n == 1)
        r->turn.only = text.ptr ? text : SLICE("");
}

/* The common form is judged all the same, and a message must say something. */
static void lack_part(struct reading *r, const char *what)
{
    lack(r, what);
    put_text_part(r, SLICE(""));
}

static enum err put_image(struct reading *r, const struct json_value *block)
{
    const struct json_value *source = json_get(block, "source");
    struct text url = {0};
    enum err e = OK;
    if (is_type(source, "base64")) {
        text_add(&url, SLICE("data:"));
        text_add(&url, json_text(json_get(source, "media_type")));
        text_add(&url, SLICE(";base64,"));
        text_add(&url, json_text(json_get(source, "data")));
    } else if (is_type(source, "url")) {
        text_add(&url, json_text(json_get(source, "url")));
    } else if (is_type(source, "file")) {
        lack_part(r, "it has no word for files that a service keeps");
    } else {
        e = bad(r, "messages", "an image needs a source of type base64, url or file");
    }
    if (!e && url.len) {
        struct json_writer *w = open_part(r, SLICE("image_url"));
        json_key(w, "image_url");
        json_open_object(w);
        json_put_pair(w, "url", text_slice(&url));
        json_close_object(w);
        json_close_object(w);
    }
    r->w.out->failed |= url.failed;
    text_fini(&url);
    return e;
}

static void put_document(struct reading *r, const struct json_value *block)
{
    struct text words = {0};
    if (gather_document(block, &words))
        put_text_part(r, text_slice(&words));
    else
        lack_part(r, "it has no word for documents that are no text");
    r->w.out->failed |= words.failed;
    text_fini(&words);
}

static enum err put_part(struct reading *r, const struct json_value *block)
{
    if (is_type(block, "text")) {
        put_said(r, json_text(json_get(block, "text")));
    } else if (is_type(block, "image")) {
        return put_image(r, block);
    } else if (is_type(block, "document") || is_type(block, "search_result")) {
        put_document(r, block);
    } else if (!type_of(block).len) {
        return bad(r, "messages", "a content block must be an object with a type");
    } else {
        lack_part(r, "it has no word for a kind of content block in it");
    }
    return OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

static void open_message(struct reading *r, struct slice role)
{
    json_open_object(&r->w);
    json_put_pair(&r->w, "role", role);
}

static void put_plain(struct reading *r, struct slice role, struct slice text)
{
    open_message(r, role);
    json_put_pair(&r->w, "content", text);
    json_close_object(&r->w);
}

/* What the user said since somebody else did. Not everybody takes a list. */
static void end_turn(struct reading *r)
{
    struct turn *t = &r->turn;
    if (t->n == 1 && t->only.ptr) {
        put_plain(r, SLICE("user"), t->only);
    } else if (t->n) {
        json_close_array(&t->w);
        open_message(r, SLICE("user"));
        json_key(&r->w, "content");
        json_put_raw(&r->w, text_slice(&t->parts));
        json_close_object(&r->w);
    }
    r->w.out->failed |= t->parts.failed;
    t->n = 0;
    t->only = (struct slice){0};
}

/* A tool's result is text; pictures in it follow in the message of the user behind it. */
static void put_result(struct reading *r, const struct json_value *block)
{
    struct text words = {0}, told = {0};
    const struct json_value *content = json_get(block, "content");
    bool picture = false;
    paragraph(&words, json_text(content));
    for (struct json_iter i = json_begin(json_is_array(content) ? content : NULL); json_next(&i);) {
        if (is_type(i.value, "text"))
            paragraph(&words, json_text(json_get(i.value, "text")));
        else if (is_type(i.value, "image"))
            picture = true;
        else if (!gather_document(i.value, &words))
            lack(r, "it has no word for a kind of block in a tool's result");
    }
    if (picture && !words.len)
        text_add(&words, SLICE("(see the picture below)"));
    if (json_is_true(json_get(block, "is_error")))
        text_add(&told, SLICE("Error: "));
    text_add(&told, text_slice(&words));
    open_message(r, SLICE("tool"));
    json_put_pair(&r->w, "tool_call_id", json_text(json_get(block, "tool_use_id")));
    json_put_pair(&r->w, "content", text_slice(&told));
    json_close_object(&r->w);
    r->w.out->failed |= words.failed || told.failed;
    text_fini(&told);
    text_fini(&words);
}

static enum err put_pictures_of(struct reading *r, const struct json_value *result)
{
    const struct json_value *content = json_get(result, "content");
    enum err e = OK;
    for (struct json_iter i = json_begin(json_is_array(content) ? content : NULL);
         !e && json_next(&i);) {
        if (is_type(i.value, "image"))
            e = put_image(r, i.value);
    }
    return e;
}

/* Results first, whatever stands around them: they answer the calls before this message. */
static enum err put_user(struct reading *r, const struct json_value *blocks)
{
    enum err e = OK;
    for (struct json_iter i = json_begin(blocks); json_next(&i);) {
        if (is_type(i.value, "tool_result"))
            put_result(r, i.value);
    }
    for (struct json_iter i = json_begin(blocks); !e && json_next(&i);)
        e = is_type(i.value, "tool_result") ? put_pictures_of(r, i.value) : put_part(r, i.value);
    return e;
}

/* What the program tells the model later than at the beginning. Many templates take a system
 * message at the beginning only, so it goes with the user's words, marked as Claude Code does. */
static void put_reminder(struct reading *r, const struct json_value *content)
{
    struct text words = {0};
    text_add(&words, SLICE("<system-reminder>\n"));
    if (json_is_text(content))
        text_add(&words, json_text(content));
    for (struct json_iter i = json_begin(json_is_array(content) ? content : NULL); json_next(&i);)
        text_add(&words, json_text(json_get(i.value, "text")));
    text_add(&words, SLICE("\n</system-reminder>"));
    put_text_part(r, text_slice(&words));
    r->w.out->failed |= words.failed;
    text_fini(&words);
}

static void put_call(struct reading *r, const struct json_value *block)
{
    struct text arguments = {0};
    if (json_is_object(json_get(block, "input")))
        json_copy(json_get(block, "input"), &arguments);
    else
        text_add(&arguments, SLICE("{}"));
    json_open_object(&r->w);
    json_put_pair(&r->w, "id", json_text(json_get(block, "id")));
    json_put_pair(&r->w, "type", SLICE("function"));
    json_key(&r->w, "function");
    json_open_object(&r->w);
    json_put_pair(&r->w, "name", json_text(json_get(block, "name")));
    json_put_pair(&r->w, "arguments", text_slice(&arguments));
    json_close_object(&r->w);
    json_close_object(&r->w);
    r->w.out->failed |= arguments.failed;
    text_fini(&arguments);
}

static void put_calls(struct reading *r, const struct json_value *blocks)
{
    json_key(&r->w, "tool_calls");
    json_open_array(&r->w);
    for (struct json_iter i = json_begin(blocks); json_next(&i);) {
        if (is_type(i.value, "tool_use"))
            put_call(r, i.value);
    }
    json_close_array(&r->w);
}

static enum err put_assistant(struct reading *r, const struct json_value *blocks)
{
    struct text said = {0}, thought = {0};
    size_t calls = 0, texts = 0;
    for (struct json_iter i = json_begin(blocks); json_next(&i);) {
        if (is_type(i.value, "text")) {
            text_add(&said, json_text(json_get(i.value, "text")));
            texts++;
        } else if (is_type(i.value, "thinking")) {
            paragraph(&thought, json_text(json_get(i.value, "thinking")));
        } else if (is_type(i.value, "tool_use")) {
            calls++;
        } else if (type_of(i.value).len) {
            drop(r, type_of(i.value)); /* what the service itself did in an earlier turn */
        } else {
            text_fini(&said);
            text_fini(&thought);
            return bad(r, "messages", "a content block must be an object with a type");
        }
    }
    open_message(r, SLICE("assistant"));
    if (thought.len)
        json_put_pair(&r->w, "reasoning_content", text_slice(&thought));
    json_key(&r->w, "content");
    if (texts || !calls)
        json_put_text(&r->w, text_slice(&said));
    else
        json_put_null(&r->w);
    if (calls)
        put_calls(r, blocks);
    json_close_object(&r->w);
    r->w.out->failed |= said.failed || thought.failed;
    text_fini(&said);
    text_fini(&thought);
    return OK;
}

static enum err put_message(struct reading *r, const struct json_value *message)
{
    struct slice role = json_text(json_get(message, "role"));
    const struct json_value *content = json_get(message, "content");
    bool user = slice_is(role, SLICE("user")), rules = slice_is(role, SLICE("system"));
    if (!user && !rules && !slice_is(role, SLICE("assistant")))
        return bad(r, "messages", "each message needs the role user or assistant");
    if (!json_is_text(content) && !json_is_array(content))
        return bad(r, "messages", "content must be a string or a list of blocks");
    if (user && json_is_array(content))
        return put_user(r, content);
    if (user) {
        put_said(r, json_text(content));
    } else if (rules) {
        put_reminder(r, content);
    } else {
        end_turn(r);
        if (json_is_array(content))
            return put_assistant(r, content);
        put_plain(r, role, json_text(content));
    }
    return OK;
}

static enum err put_system_text(struct reading *r, const struct json_value *content)
{
    struct text words = {0};
    if (content && !json_is_null(content) && !json_is_text(content) && !json_is_array(content))
        return bad(r, "system", "system must be a string or a list of text blocks");
    paragraph(&words, json_text(content));
    for (struct json_iter i = json_begin(json_is_array(content) ? content : NULL); json_next(&i);) {
        struct slice text = json_text(json_get(i.value, "text"));
        if (!slice_begins(text, ACCOUNT))
            paragraph(&words, text);
    }
    if (words.len)
        put_plain(r, SLICE("system"), text_slice(&words));
    r->w.out->failed |= words.failed;
    text_fini(&words);
    return OK;
}

static enum err put_messages(struct reading *r, const struct json_value *root)
{
    const struct json_value *messages = json_get(root, "messages");
    enum err e = OK;
    if (!messages || json_is_null(messages))
        return why_param(r->why, ERR_MISSING_FIELD, "messages", "messages is missing");
    if (!json_is_array(messages) || !json_count(messages))
        return bad(r, "messages", "messages must be a list that is not empty");
    json_key(&r->w, "messages");
    json_open_array(&r->w);
    e = put_system_text(r, json_get(root, "system"));
    for (struct json_iter i = json_begin(messages); !e && json_next(&i);)
        e = put_message(r, i.value);
    end_turn(r);
    json_close_array(&r->w);
    return e;
}

/* ---- tools ----------------------------------------------------------------------------------- */

static void put_tool(struct reading *r, const struct json_value *tool)
{
    static const char *const kept[][2] = {{"name", "name"},
                                          {"description", "description"},
                                          {"input_schema", "parameters"},
                                          {"strict", "strict"}};
    json_open_object(&r->w);
    json_put_pair(&r->w, "type", SLICE("function"));
    json_key(&r->w, "function");
    json_open_object(&r->w);
    for (size_t i = 0; i < COUNT(kept); i++) {
        const struct json_value *v = json_get(tool, kept[i][0]);
        if (v && !json_is_null(v)) {
            json_key(&r->w, kept[i][1]);
            json_put_value(&r->w, v);
        }
    }
    json_close_object(&r->w);
    json_close_object(&r->w);
}

static bool is_named(const struct json_value *tool, const struct json_value *choice)
{
    return slice_is(json_text(json_get(tool, "name")), json_text(json_get(choice, "name")));
}

/* Where one of them has to be called the others are left out: to call any of one is what everybody
 * understands. */
static enum err put_tools(struct reading *r, const struct json_value *tools)
{
    const struct json_value *choice = json_get(r->root, "tool_choice");
    bool only = is_type(choice, "tool");
    if (!json_is_array(tools))
        return bad(r, "tools", "tools must be a list");
    json_key(&r->w, "tools");
    json_open_array(&r->w);
    for (struct json_iter i = json_begin(tools); json_next(&i);) {
        struct slice type = type_of(i.value);
        if (type.len && !slice_is(type, SLICE("custom"))) {
            lack(r, "it has no word for tools that Anthropic defines, and runs none of them");
            continue;
        }
        if (!json_text(json_get(i.value, "name")).len ||
            !json_is_object(json_get(i.value, "input_schema")))
            return bad(r, "tools", "a tool needs a name and an input_schema that is an object");
        if (!only || is_named(i.value, choice))
            put_tool(r, i.value);
    }
    json_close_array(&r->w);
    return OK;
}

static bool is_there(const struct reading *r, const struct json_value *choice)
{
    const struct json_value *tools = json_get(r->root, "tools");
    for (struct json_iter i = json_begin(json_is_array(tools) ? tools : NULL); json_next(&i);) {
        if (is_named(i.value, choice))
            return true;
    }
    return false;
}

static enum err put_choice(struct reading *r, const struct json_value *choice)
{
    static const char *const words[][2] = {
        {"auto", "auto"}, {"any", "required"}, {"tool", "required"}, {"none", "none"}};
    const char *word = NULL;
    for (size_t i = 0; i < COUNT(words); i++)
        word = is_type(choice, words[i][0]) ? words[i][1] : word;
    if (!word)
        return bad(r, "tool_choice", "tool_choice must have the type auto, any, tool or none");
    if (is_type(choice, "tool") && !is_there(r, choice))
        return bad(r, "tool_choice", "tool_choice names none of the tools");
    json_put_pair(&r->w, "tool_choice", slice_of(word));
    if (json_is_true(json_get(choice, "disable_parallel_tool_use"))) {
        json_key(&r->w, "parallel_tool_calls");
        json_put_bool(&r->w, false);
    }
    return OK;
}

/* ---- how it is answered ---------------------------------------------------------------------- */

static enum err put_thinking(struct reading *r, const struct json_value *thinking)
{
    const struct json_value *budget = json_get(thinking, "budget_tokens");
    bool enabled = is_type(thinking, "enabled");
    if (!enabled && !is_type(thinking, "disabled") && !is_type(thinking, "adaptive"))
        return bad(r, "thinking", "thinking must have the type enabled, disabled or adaptive");
    if (enabled && !json_is_number(budget))
        return bad(r, "thinking", "thinking of type enabled needs budget_tokens");
    json_key(&r->w, "chat_template_kwargs");
    json_open_object(&r->w);
    json_key(&r->w, "enable_thinking");
    json_put_bool(&r->w, !is_type(thinking, "disabled"));
    json_close_object(&r->w);
    if (enabled) {
        json_key(&r->w, "thinking_budget_tokens");
        json_put_value(&r->w, budget);
    }
    return OK;
}

static enum err put_format(struct reading *r, const struct json_value *format)
{
    const struct json_value *schema = json_get(format, "schema");
    if (!is_type(format, "json_schema") || !json_is_object(schema))
        return bad(r, "output_config", "format must be of type json_schema, with a schema");
    json_key(&r->w, "response_format");
    json_open_object(&r->w);
    json_put_pair(&r->w, "type", SLICE("json_schema"));
    json_key(&r->w, "json_schema");
    json_open_object(&r->w);
    json_put_pair(&r->w, "name", SLICE("output"));
    json_key(&r->w, "strict");
    json_put_bool(&r->w, true);
    json_key(&r->w, "schema");
    json_put_value(&r->w, schema);
    json_close_object(&r->w);
    json_close_object(&r->w);
    return OK;
}

static enum err put_output(struct reading *r, const struct json_value *output)
{
    enum err e = OK;
    for (struct json_iter i = json_begin(output); !e && json_next(&i);) {
        if (json_is_null(i.value))
            continue;
        if (slice_is(i.key, SLICE("format"))) {
            e = put_format(r, i.value);
        } else if (slice_is(i.key, SLICE("effort"))) {
            struct slice effort = json_text(i.value);
            json_put_pair(&r->w, "reasoning_effort",
                          slice_is(effort, SLICE("max")) ? SLICE("xhigh") : effort);
        } else {
            drop(r, i.key);
        }
    }
    return e;
}

static enum err put_metadata(struct reading *r, const struct json_value *metadata)
{
    struct slice user = json_text(json_get(metadata, "user_id"));
    if (user.len && user.len <= MOST_USER)
        json_put_pair(&r->w, "user", user);
    else if (user.len)
        drop(r, SLICE("metadata"));
    return OK;
}

static enum err put_servers(struct reading *r, const struct json_value *servers)
{
    if (json_count(servers))
        lack(r, "it has no word for MCP servers that a service asks by itself");
    return OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

struct field {
    const char *name, *as; /* in the common form; NULL: put says how */
    enum err (*put)(struct reading *r, const struct json_value *v);
};

static const struct field fields[] = {
    {"model", "model", NULL},
    {"messages", NULL, NULL}, /* first of all: with system in front */
    {"system", NULL, NULL},
    {"stream", "stream", NULL},
    {"max_tokens", "max_tokens", NULL},
    {"temperature", "temperature", NULL},
    {"top_p", "top_p", NULL},
    {"top_k", "top_k", NULL},
    {"stop_sequences", "stop", NULL},
    {"tools", NULL, put_tools},
    {"tool_choice", NULL, put_choice},
    {"thinking", NULL, put_thinking},
    {"output_config", NULL, put_output},
    {"output_format", NULL, put_format},
    {"metadata", NULL, put_metadata},
    {"mcp_servers", NULL, put_servers},
};

static const struct field *field_of(struct slice name)
{
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (slice_is(name, slice_of(fields[i].name)))
            return &fields[i];
    }
    return NULL;
}

static enum err put_all(struct reading *r, const struct json_value *root)
{
    json_open_object(&r->w);
    enum err e = put_messages(r, root);
    for (struct json_iter i = json_begin(root); !e && json_next(&i);) {
        const struct field *f = field_of(i.key);
        if (json_is_null(i.value))
            continue;
        if (!f) {
            drop(r, i.key);
        } else if (f->put) {
            e = f->put(r, i.value);
        } else if (f->as) {
            json_key(&r->w, f->as);
            json_put_value(&r->w, i.value);
        }
    }
    json_close_object(&r->w);
    return e;
}

static enum err judge_needed(struct reading *r, const struct json_value *root)
{
    const struct json_value *most = json_get(root, "max_tokens");
    if (!json_is_object(root))
        return why_set(r->why, ERR_BAD_VALUE, "an object is expected");
    if (r->call->kind == CALL_CHAT && (!most || json_is_null(most)))
        return why_param(r->why, ERR_MISSING_FIELD, "max_tokens", "max_tokens is missing");
    return OK;
}

static enum err keep(struct arena *arena, struct call *call, struct reading *r)
{
    if (r->dropped.len)
        call->dropped = arena_dup(arena, text_slice(&r->dropped));
    if (r->dropped.failed || (r->dropped.len && !call->dropped.ptr))
        return why_set(r->why, ERR_NO_MEMORY, "no memory to translate the call");
    if (r->lacks || call->kind != CALL_CHAT)
        call->common = NULL; /* it was judged by it all the same */
    call->lacks = r->lacks;
    return OK;
}

static enum err decode_call(struct arena *arena, struct call *call, struct why *why)
{
    struct json_doc doc;
    struct text common = {0};
    struct reading r = {.call = call, .w = json_writer(&common), .why = why};
    enum err e = json_read(call->body, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    r.root = doc.root;
    e = judge_needed(&r, doc.root);
    if (!e && !text_room(&common, call->body.len + CODEC_MORE))
        e = why_set(why, ERR_NO_MEMORY, "no memory to translate the call");
    if (!e)
        e = codec_note_own(arena, call, why);
    if (!e)
        e = put_all(&r, doc.root);
    if (!e)
        call->stream = call->kind == CALL_CHAT && json_is_true(json_get(doc.root, "stream"));
    json_done(&doc);
    if (!e)
        e = codec_common(arena, call, CALL_CHAT, &common, why);
    if (!e)
        e = keep(arena, call, &r);
    text_fini(&common);
    text_fini(&r.turn.parts);
    text_fini(&r.dropped);
    return e;
}

const struct codec anthropic_codec = {.name = "anthropic", .decode_call = decode_call};
