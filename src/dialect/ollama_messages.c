/* ollama_messages: what is said in a chat, from Ollama's form into the common one. Pictures become
 * parts of the content; a call of a tool has its arguments as an object there and as text here, and
 * an id here, which is made where none is told; an answer of a tool then names that id. */
#include "dialect/ollama_call.h"

#define MOST_CALLS 128u /* of tools in one message */

struct asked {             /* a call of a tool that waits for its answer */
    struct slice id, name; /* id: "" when it was made */
    unsigned number;
    bool answered;
};
struct talk { /* while the messages are walked in order */
    const struct ollama_reading *r;
    struct asked asked[MOST_CALLS]; /* by the last message that did */
    unsigned n_asked, calls;
};

/* ---- pictures -------------------------------------------------------------------------------- */

/* By the first bytes, as base64 spells them. */
static const struct {
    const char *begin, *type;
} pictures[] = {
    {"iVBORw0KGgo", "image/png"}, {"/9j/", "image/jpeg"}, {"R0lGOD", "image/gif"},
    {"UklGR", "image/webp"},      {"Qk", "image/bmp"},
};

static bool is_base64(struct slice s)
{
    size_t n = s.len;
    while (n && s.ptr[n - 1] == '=' && s.len - n < 2)
        n--;
    for (size_t i = 0; i < n; i++) {
        char c = s.ptr[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '+' || c == '/'))
            return false;
    }
    return n > 0;
}

static enum err put_picture(const struct ollama_reading *r, struct slice image)
{
    struct text url = {0};
    for (size_t i = 0; i < COUNT(pictures) && !url.len; i++) {
        if (slice_begins(image, slice_of(pictures[i].begin))) {
            text_add(&url, SLICE("data:"));
            text_add(&url, slice_of(pictures[i].type));
            text_add(&url, SLICE(";base64,"));
        }
    }
    if (!url.len || !is_base64(image)) {
        text_fini(&url);
        return why_param(r->why, ERR_BAD_VALUE, "images",
                         "an image must be a PNG, JPEG, GIF, WebP or BMP in base64");
    }
    text_add(&url, image);
    json_open_object(r->w);
    json_put_pair(r->w, "type", SLICE("image_url"));
    json_key(r->w, "image_url");
    json_open_object(r->w);
    json_put_pair(r->w, "url", text_slice(&url));
    json_close_object(r->w);
    json_close_object(r->w);
    r->w->out->failed |= url.failed;
    text_fini(&url);
    return OK;
}

/* Plain text, or with pictures a list of parts. */
static enum err put_content(const struct ollama_reading *r, struct slice text,
                            const struct json_value *images)
{
    json_key(r->w, "content");
    if (images && !json_is_null(images) && !json_is_array(images))
        return why_param(r->why, ERR_BAD_VALUE, "images", "images must be a list");
    if (!json_count(images)) {
        json_put_text(r->w, text);
        return OK;
    }
    json_open_array(r->w);
    if (text.len) {
        json_open_object(r->w);
        json_put_pair(r->w, "type", SLICE("text"));
        json_put_pair(r->w, "text", text);
        json_close_object(r->w);
    }
    for (struct json_iter i = json_begin(images); json_next(&i);) {
        enum err e = put_picture(r, json_text(i.value));
        if (e)
            return e;
    }
    json_close_array(r->w);
    return OK;
}

/* ---- tools ----------------------------------------------------------------------------------- */

static void put_id(struct json_writer *w, const char *key, const struct asked *a)
{
    struct text id = {0};
    if (a->id.len)
        text_add(&id, a->id);
    else
        text_format(&id, "call_%u", a->number);
    json_put_pair(w, key, text_slice(&id));
    w->out->failed |= id.failed;
    text_fini(&id);
}

static enum err put_call(struct talk *t, const struct json_value *v)
{
    const struct ollama_reading *r = t->r;
    const struct json_value *function = json_get(v, "function"),
                            *arguments = json_get(function, "arguments");
    struct slice name = json_text(json_get(function, "name"));
    struct text spelled = {0};
    if (!name.len)
        return why_param(r->why, ERR_BAD_VALUE, "messages", "a tool call must name its function");
    if (t->n_asked == MOST_CALLS)
        return why_param(r->why, ERR_TOO_MANY, "messages", "more than %u tool calls", MOST_CALLS);
    struct asked *a = &t->asked[t->n_asked++];
    *a = (struct asked){json_text(json_get(v, "id")), name, t->calls++, false};
    if (json_is_text(arguments))
        text_add(&spelled, json_text(arguments));
    else if (json_is_object(arguments))
        json_copy(arguments, &spelled);
    else
        text_add(&spelled, SLICE("{}"));
    json_open_object(r->w);
    put_id(r->w, "id", a);
    json_put_pair(r->w, "type", SLICE("function"));
    json_key(r->w, "function");
    json_open_object(r->w);
    json_put_pair(r->w, "name", name);
    json_put_pair(r->w, "arguments", text_slice(&spelled));
    json_close_object(r->w);
    json_close_object(r->w);
    r->w->out->failed |= spelled.failed;
    text_fini(&spelled);
    return OK;
}

static enum err put_calls(struct talk *t, const struct json_value *calls)
{
    enum err e = OK;
    if (!json_is_array(calls) || !json_count(calls))
        return OK;
    t->n_asked = 0;
    json_key(t->r->w, "tool_calls");
    json_open_array(t->r->w);
    for (struct json_iter i = json_begin(calls); !e && json_next(&i);)
        e = put_call(t, i.value);
    if (!e)
        json_close_array(t->r->w);
    return e;
}

/* The first call without an answer, of this tool if one is named. */
static struct asked *answers_to(struct talk *t, struct slice name)
{
    for (unsigned i = 0; i < t->n_asked; i++) {
        struct asked *a = &t->asked[i];
        if (!a->answered && (!name.len || slice_is(name, a->name)))
            return a;
    }
    return NULL;
}

static void put_answer_id(struct talk *t, const struct json_value *message)
{
    struct slice id = json_text(json_get(message, "tool_call_id")),
                 name = json_text(json_get(message, "tool_name"));
    struct asked *a = answers_to(t, name);
    struct asked unasked = {.number = t->calls};
    if (!a)
        a = answers_to(t, SLICE("")); /* another name, but nothing else waits for an answer */
    if (id.len) {
        json_put_pair(t->r->w, "tool_call_id", id);
    } else {
        put_id(t->r->w, "tool_call_id", a ? a : &unasked);
    }
    if (a)
        a->answered = true;
    if (name.len)
        json_put_pair(t->r->w, "name", name);
}

/* ---- messages -------------------------------------------------------------------------------- */

static enum err put_message(struct talk *t, const struct json_value *v)
{
    enum { ROLE, CONTENT, IMAGES, CALLS, THINKING, N };
    static const struct slice names[N] = {
        [ROLE] = {"role", 4},         [CONTENT] = {"content", 7},   [IMAGES] = {"images", 6},
        [CALLS] = {"tool_calls", 10}, [THINKING] = {"thinking", 8},
    };
    const struct json_value *of[N] = {0};
    struct json_writer *w = t->r->w;
    if (json_is_object(v))
        json_pick(v, names, N, of);
    if (!json_text(of[ROLE]).len)
        return why_param(t->r->why, ERR_BAD_VALUE, "messages", "each message needs a role");
    if (of[CONTENT] && !json_is_null(of[CONTENT]) && !json_is_text(of[CONTENT]))
        return why_param(t->r->why, ERR_BAD_VALUE, "messages", "content must be a string");
    json_open_object(w);
    json_put_pair(w, "role", json_text(of[ROLE]));
    if (slice_is(json_text(of[ROLE]), SLICE("tool")))
        put_answer_id(t, v);
    enum err e = put_content(t->r, json_text(of[CONTENT]), of[IMAGES]);
    if (!e && json_text(of[THINKING]).len)
        json_put_pair(w, "reasoning_content", json_text(of[THINKING]));
    if (!e)
        e = put_calls(t, of[CALLS]);
    if (!e)
        json_close_object(w);
    return e;
}

enum err ollama_put_messages(const struct ollama_reading *r)
{
    const struct json_value *messages = json_get(r->root, "messages");
    struct talk t = {.r = r};
    enum err e = OK;
    if (!json_is_array(messages))
        return why_param(r->why, ERR_BAD_VALUE, "messages", "messages must be a list");
    json_key(r->w, "messages");
    json_open_array(r->w);
    for (struct json_iter i = json_begin(messages); !e && json_next(&i);)
        e = put_message(&t, i.value);
    if (!e)
        json_close_array(r->w);
    return e;
}

enum err ollama_put_prompt(const struct ollama_reading *r)
{
    struct slice rules = json_text(json_get(r->root, "system"));
    json_key(r->w, "messages");
    json_open_array(r->w);
    if (rules.len) {
        json_open_object(r->w);
        json_put_pair(r->w, "role", SLICE("system"));
        json_put_pair(r->w, "content", rules);
        json_close_object(r->w);
    }
    json_open_object(r->w);
    json_put_pair(r->w, "role", SLICE("user"));
    enum err e =
        put_content(r, json_text(json_get(r->root, "prompt")), json_get(r->root, "images"));
    if (e)
        return e;
    json_close_object(r->w);
    json_close_array(r->w);
    return OK;
}
