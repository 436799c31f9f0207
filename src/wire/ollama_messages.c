/* ollama_messages: what is said in a chat, from the common form into Ollama's: pictures stand
 * beside the text, the arguments of a tool's call are an object, and a tool's answer names it. */
#include "wire/ollama.h"

/* ---- content --------------------------------------------------------------------------------- */

/* The base64 of a data: address; empty when it is none. */
static struct slice picture_of(const struct json_value *part)
{
    struct slice url = json_text(json_get(json_get(part, "image_url"), "url")),
                 base = SLICE(";base64,");
    if (!url.len)
        url = json_text(json_get(part, "image_url")); /* some leave the object out */
    size_t comma = slice_find(url, ',');
    if (!slice_begins(url, SLICE("data:")) || comma == url.len ||
        !slice_ends(slice_to(url, comma + 1), base))
        return (struct slice){0};
    return slice_from(url, comma + 1);
}

static enum err add_parts(const struct json_value *parts, struct text *text, size_t *images,
                          struct why *why)
{
    for (struct json_iter i = json_begin(parts); json_next(&i);) {
        const struct json_value *words = json_get(i.value, "text");
        if (!words)
            words = json_get(i.value, "refusal");
        if (json_is_text(words)) {
            text_add(text, text->len ? SLICE("\n") : SLICE(""));
            text_add(text, json_text(words));
        } else if (!json_get(i.value, "image_url")) {
            return why_param(why, ERR_CANNOT, "messages",
                             "Ollama takes text and images, and no other parts");
        } else if (!picture_of(i.value).len) {
            return why_param(why, ERR_CANNOT, "messages",
                             "Ollama fetches no images: send it as a data: address");
        } else {
            ++*images;
        }
    }
    return OK;
}

static enum err put_content(const struct json_value *content, struct json_writer *w,
                            struct why *why)
{
    struct text text = {0};
    size_t images = 0;
    enum err e = OK;
    if (json_is_array(content))
        e = add_parts(content, &text, &images, why);
    else
        text_add(&text, json_text(content));
    if (!e)
        json_put_pair(w, "content", text_slice(&text));
    w->out->failed |= text.failed;
    text_fini(&text);
    if (e || !images)
        return e;
    json_key(w, "images");
    json_open_array(w);
    for (struct json_iter i = json_begin(content); json_next(&i);) {
        if (json_get(i.value, "image_url"))
            json_put_text(w, picture_of(i.value));
    }
    json_close_array(w);
    return OK;
}

/* ---- tools ----------------------------------------------------------------------------------- */

static enum err put_arguments(struct slice spelled, struct json_writer *w, struct why *why)
{
    struct json_doc doc;
    json_key(w, "arguments");
    if (!slice_trim(spelled).len) {
        json_put_raw(w, SLICE("{}"));
        return OK;
    }
    enum err e = json_read(spelled, &json_usual_limits, NULL, &doc, NULL);
    if (e == ERR_NO_MEMORY)
        return why_set(why, e, "no memory");
    if (e)
        return why_param(why, ERR_CANNOT, "messages",
                         "the arguments of a tool call are no JSON, which Ollama does not take");
    bool object = json_is_object(doc.root);
    if (object)
        json_put_value(w, doc.root);
    json_done(&doc);
    return object ? OK
                  : why_param(why, ERR_CANNOT, "messages",
                              "the arguments of a tool call are no object, which Ollama needs");
}

static enum err put_calls(const struct json_value *calls, struct json_writer *w, struct why *why)
{
    enum err e;
    if (!json_is_array(calls) || !json_count(calls))
        return OK;
    json_key(w, "tool_calls");
    json_open_array(w);
    for (struct json_iter i = json_begin(calls); json_next(&i);) {
        const struct json_value *function = json_get(i.value, "function");
        struct slice id = json_text(json_get(i.value, "id"));
        json_open_object(w);
        if (id.len)
            json_put_pair(w, "id", id);
        json_key(w, "function");
        json_open_object(w);
        json_put_pair(w, "name", json_text(json_get(function, "name")));
        e = put_arguments(json_text(json_get(function, "arguments")), w, why);
        if (e)
            return e;
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
    return OK;
}

/* The tool that a call of this id names, among the calls that were made last. */
static struct slice name_of_call(const struct json_value *calls, struct slice id)
{
    for (struct json_iter c = json_begin(calls); json_next(&c);) {
        if (slice_is(json_text(json_get(c.value, "id")), id))
            return json_text(json_get(json_get(c.value, "function"), "name"));
    }
    return (struct slice){0};
}

static void put_tool_name(const struct json_value *calls, const struct json_value *message,
                          struct json_writer *w)
{
    struct slice id = json_text(json_get(message, "tool_call_id"));
    struct slice name = id.len ? name_of_call(calls, id) : (struct slice){0};
    if (!name.len)
        name = json_text(json_get(message, "name"));
    if (name.len)
        json_put_pair(w, "tool_name", name);
    if (id.len)
        json_put_pair(w, "tool_call_id", id);
}

/* ---- messages -------------------------------------------------------------------------------- */

enum err ollama_write_messages(const struct json_value *messages, struct json_writer *w,
                               struct why *why)
{
    enum err e;
    const struct json_value *calls = NULL; /* that were made last */
    json_key(w, "messages");
    json_open_array(w);
    for (struct json_iter i = json_begin(messages); json_next(&i);) {
        struct slice role = json_text(json_get(i.value, "role"));
        struct slice thought = json_text(json_get(i.value, "reasoning_content"));
        if (json_is_object(json_get(i.value, "function_call")) || slice_is(role, SLICE("function")))
            return why_param(why, ERR_CANNOT, "messages",
                             "Ollama knows tool_calls, and not the function_call before them");
        json_open_object(w);
        json_put_pair(w, "role", slice_is(role, SLICE("developer")) ? SLICE("system") : role);
        if (slice_is(role, SLICE("tool")))
            put_tool_name(calls, i.value, w);
        e = put_content(json_get(i.value, "content"), w, why);
        if (!e && thought.len)
            json_put_pair(w, "thinking", thought);
        if (!e)
            e = put_calls(json_get(i.value, "tool_calls"), w, why);
        if (json_count(json_get(i.value, "tool_calls")))
            calls = json_get(i.value, "tool_calls");
        if (e)
            return e; /* what is half written goes with it */
        json_close_object(w);
    }
    json_close_array(w);
    return OK;
}
