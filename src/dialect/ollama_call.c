/* ollama_call: a call as Ollama's clients write it, into the common form. Where it can only mean
 * something that cannot be done it is refused; what changes nothing of the answer's meaning is
 * named among the dropped. An empty prompt is no call but a wish: the model into memory, or out. */
#include "dialect/ollama_call.h"

void ollama_drop(struct text *dropped, struct slice name)
{
    text_add(dropped, dropped->len ? SLICE(",") : SLICE(""));
    text_visible(dropped, slice_to(name, min_size(name.len, 64)));
}

static bool is_there(const struct json_value *v)
{
    return v && !json_is_null(v);
}

/* ---- the fields besides options -------------------------------------------------------------- */

static struct slice model_of(const struct json_value *root)
{
    struct slice model = json_text(json_get(root, "model"));
    return model.len ? model : json_text(json_get(root, "name")); /* its older word */
}

static void put_schema(struct json_writer *w, const struct json_value *schema)
{
    json_key(w, "json_schema");
    json_open_object(w);
    json_put_pair(w, "name", SLICE("format"));
    json_key(w, "schema");
    json_put_value(w, schema);
    json_close_object(w);
}

static void put_any_object(struct json_writer *w)
{
    json_open_object(w);
    json_put_pair(w, "type", SLICE("object"));
    json_close_object(w);
}

/* A text without a template is bound by a schema alone. */
static enum err put_format(const struct ollama_reading *r, bool raw)
{
    const struct json_value *format = json_get(r->root, "format");
    bool schema = json_is_object(format), any = slice_is(json_text(format), SLICE("json"));
    if (!is_there(format) || (json_is_text(format) && !json_text(format).len))
        return OK;
    if (!schema && !any)
        return why_param(r->why, ERR_BAD_VALUE, "format",
                         "format must be \"json\" or a JSON schema");
    if (raw) {
        json_key(r->w, "json_schema");
        if (schema)
            json_put_value(r->w, format);
        else
            put_any_object(r->w);
        return OK;
    }
    json_key(r->w, "response_format");
    json_open_object(r->w);
    json_put_pair(r->w, "type", schema ? SLICE("json_schema") : SLICE("json_object"));
    if (schema)
        put_schema(r->w, format);
    json_close_object(r->w);
    return OK;
}

static void put_thinks(struct json_writer *w, bool thinks)
{
    json_key(w, "chat_template_kwargs");
    json_open_object(w);
    json_key(w, "enable_thinking");
    json_put_bool(w, thinks);
    json_close_object(w);
}

static enum err put_think(const struct ollama_reading *r)
{
    static const struct {
        const char *word, *effort;
    } levels[] = {{"low", "low"}, {"medium", "medium"}, {"high", "high"}, {"max", "high"}};
    const struct json_value *think = json_get(r->root, "think");
    struct slice word = json_text(think);
    if (!is_there(think) || (json_is_text(think) && !word.len))
        return OK;
    if (json_is_true(think) || json_is_false(think)) {
        put_thinks(r->w, json_is_true(think));
        return OK;
    }
    for (size_t i = 0; i < COUNT(levels); i++) {
        if (!slice_is(word, slice_of(levels[i].word)))
            continue;
        json_put_pair(r->w, "reasoning_effort", slice_of(levels[i].effort));
        put_thinks(r->w, true);
        return OK;
    }
    return why_param(r->why, ERR_BAD_VALUE, "think",
                     "think must be true, false, \"low\", \"medium\", \"high\" or \"max\"");
}

static enum err put_logprobs(const struct ollama_reading *r)
{
    const struct json_value *wanted = json_get(r->root, "logprobs"),
                            *top = json_get(r->root, "top_logprobs");
    if (!json_is_true(wanted))
        return OK;
    if (r->call->kind != CALL_CHAT && json_is_true(json_get(r->root, "raw")))
        return why_param(r->why, ERR_BAD_VALUE, "logprobs", "not together with raw");
    json_key(r->w, "logprobs");
    json_put_bool(r->w, true);
    if (is_there(top) && json_number(top) > 0) {
        json_key(r->w, "top_logprobs");
        json_put_value(r->w, top);
    }
    return OK;
}

/* Known words that mean nothing for what is answered, and those that nobody knows. */
static void note_dropped(const struct ollama_reading *r)
{
    static const char *const taken[] = {
        "model",    "name",   "messages", "prompt",   "input",        "system",
        "images",   "stream", "tools",    "format",   "options",      "think",
        "logprobs", "raw",    "suffix",   "template", "top_logprobs", "dimensions",
    };
    for (struct json_iter i = json_begin(r->root); json_next(&i);) {
        bool known = !is_there(i.value);
        for (size_t n = 0; !known && n < COUNT(taken); n++)
            known = slice_is(i.key, slice_of(taken[n]));
        if (!known)
            ollama_drop(r->dropped, i.key);
    }
}

/* ---- a wish instead of a call ---------------------------------------------------------------- */

struct unit {
    const char *name;
    double s;
};

/* "5m", "1h30m", "-1s", "0", "300ms": as Go writes durations. False: it is none. */
static bool read_duration(struct slice s, double *ret_s)
{
    static const struct unit units[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3},
                                        {"h", 3600},  {"m", 60},    {"s", 1}};
    double sum = 0, sign = slice_begins(s, SLICE("-")) ? -1 : 1;
    s = slice_from(s, slice_begins(s, SLICE("-")) || slice_begins(s, SLICE("+")) ? 1 : 0);
    if (!s.len)
        return false;
    while (s.len) {
        double n = 0, part = 1;
        size_t at = 0, digits = 0;
        bool point = false;
        for (; at < s.len && ((s.ptr[at] >= '0' && s.ptr[at] <= '9') || s.ptr[at] == '.'); at++) {
            if (s.ptr[at] == '.' && point)
                return false;
            point |= s.ptr[at] == '.';
            if (s.ptr[at] == '.')
                continue;
            n = point ? n + (part /= 10) * (s.ptr[at] - '0') : n * 10 + (s.ptr[at] - '0');
            digits++;
        }
        s = slice_from(s, at);
        size_t u = 0;
        while (u < COUNT(units) && !slice_begins(s, slice_of(units[u].name)))
            u++;
        if (!digits || (u == COUNT(units) && (s.len || n != 0 || sum != 0)))
            return false;
        sum += u < COUNT(units) ? n * units[u].s : 0;
        s = slice_from(s, u < COUNT(units) ? strlen(units[u].name) : 0);
    }
    *ret_s = sign * sum;
    return true;
}

/* A number is seconds; below 0: for ever. */
static enum err read_keep_alive(const struct json_value *v, bool *ret_now, struct why *why)
{
    double s = -1;
    *ret_now = false;
    if (!is_there(v))
        return OK;
    if (json_is_number(v))
        s = json_number(v);
    else if (!read_duration(json_text(v), &s))
        return why_param(why, ERR_BAD_VALUE, "keep_alive",
                         "keep_alive must be seconds or a duration such as \"5m\"");
    *ret_now = s == 0;
    return OK;
}

static bool says_nothing(const struct json_value *v)
{
    return !is_there(v) || (json_is_text(v) && !json_text(v).len) ||
           (json_is_array(v) && !json_count(v));
}

static bool is_wish(const struct call *c, const struct json_value *root)
{
    if (c->kind == CALL_EMBED)
        return says_nothing(json_get(root, "input"));
    if (c->kind == CALL_CHAT)
        return !json_is_text(json_get(root, "messages")) &&
               says_nothing(json_get(root, "messages"));
    const struct json_value *prompt = json_get(root, "prompt");
    return !json_is_array(prompt) && says_nothing(prompt) && !json_count(json_get(root, "images"));
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static enum err put_sampling(const struct ollama_reading *r, bool raw)
{
    enum err e = ollama_put_options(r);
    if (!e)
        e = put_format(r, raw);
    if (!e && !raw)
        e = put_think(r);
    return e ? e : put_logprobs(r);
}

static enum err put_tools(const struct ollama_reading *r)
{
    const struct json_value *tools = json_get(r->root, "tools");
    if (!is_there(tools))
        return OK;
    if (!json_is_array(tools))
        return why_param(r->why, ERR_BAD_VALUE, "tools", "tools must be a list");
    if (json_count(tools)) {
        json_key(r->w, "tools");
        json_put_value(r->w, tools);
    }
    return OK;
}

static enum err put_chat(const struct ollama_reading *r)
{
    enum err e = ollama_put_messages(r);
    if (!e)
        e = put_tools(r);
    return e ? e : put_sampling(r, false);
}

/* What would change the prompt in a way that only Ollama's own templates know. */
static enum err judge_generate(const struct ollama_reading *r, bool raw)
{
    if (!raw && json_text(json_get(r->root, "template")).len)
        return why_param(r->why, ERR_BAD_VALUE, "template",
                         "a model's template cannot be changed by a call; send the whole prompt "
                         "with raw");
    if (raw && (json_text(json_get(r->root, "template")).len ||
                json_text(json_get(r->root, "system")).len))
        return why_param(r->why, ERR_BAD_VALUE, "raw",
                         "raw mode does not support template, system, or context");
    if (raw && json_count(json_get(r->root, "images")))
        return why_param(r->why, ERR_BAD_VALUE, "images", "a raw prompt has no place for images");
    if (!json_is_text(json_get(r->root, "prompt")) && is_there(json_get(r->root, "prompt")))
        return why_param(r->why, ERR_BAD_VALUE, "prompt", "prompt must be a string");
    return OK;
}

static enum err put_generate(const struct ollama_reading *r, enum call_kind *kind)
{
    struct slice suffix = json_text(json_get(r->root, "suffix"));
    bool raw = json_is_true(json_get(r->root, "raw")) || suffix.len;
    enum err e = judge_generate(r, raw);
    *kind = suffix.len ? CALL_INFILL : raw ? CALL_COMPLETE : CALL_CHAT;
    if (!e && raw)
        json_put_pair(r->w, "prompt", json_text(json_get(r->root, "prompt")));
    if (!e && suffix.len) /* what belongs between them */
        json_put_pair(r->w, "suffix", suffix);
    if (!e && !raw)
        e = ollama_put_prompt(r);
    return e ? e : put_sampling(r, raw);
}

/* `input` is a text or a list of texts; in the older form `prompt` is one text. */
static enum err put_embed(const struct ollama_reading *r)
{
    const char *name = r->call->kind == CALL_VECTOR ? "prompt" : "input";
    const struct json_value *input = json_get(r->root, name),
                            *dimensions = json_get(r->root, "dimensions");
    bool list = r->call->kind == CALL_EMBED && json_is_array(input);
    for (struct json_iter i = json_begin(input); list && json_next(&i);)
        list = json_is_text(i.value);
    if (!list && !json_is_text(input))
        return why_param(r->why, ERR_BAD_VALUE, name, "%s must be text", name);
    json_key(r->w, "input");
    json_put_value(r->w, input);
    if (json_is_number(dimensions) && json_number(dimensions) > 0) {
        json_key(r->w, "dimensions");
        json_put_value(r->w, dimensions);
    }
    if (is_there(json_get(r->root, "options")))
        ollama_drop(r->dropped, SLICE("options"));
    return OK;
}

static enum err put_call(const struct ollama_reading *r, enum call_kind *kind)
{
    struct call *c = r->call;
    enum err e;
    json_open_object(r->w);
    json_put_pair(r->w, "model", model_of(r->root));
    if (c->kind == CALL_CHAT || c->kind == CALL_COMPLETE) {
        json_key(r->w, "stream");
        json_put_bool(r->w, c->stream);
    }
    if (c->kind == CALL_CHAT)
        e = put_chat(r);
    else if (c->kind == CALL_COMPLETE)
        e = put_generate(r, kind);
    else
        e = put_embed(r);
    if (e)
        return e; /* what is half written goes with it */
    json_close_object(r->w);
    note_dropped(r);
    return OK;
}

static enum err judge(struct call *c, const struct json_value *root, struct why *why)
{
    const struct json_value *stream = json_get(root, "stream"), *model = json_get(root, "model");
    bool now, makes_text = c->kind == CALL_CHAT || c->kind == CALL_COMPLETE;
    if (!json_is_object(root))
        return why_set(why, ERR_BAD_VALUE, "an object is expected");
    if (is_there(stream) && !json_is_true(stream) && !json_is_false(stream))
        return why_param(why, ERR_BAD_VALUE, "stream", "stream must be true or false");
    if (is_there(model) && !json_is_text(model))
        return why_param(why, ERR_BAD_VALUE, "model", "model must be a string");
    if (model_of(root).len > 512)
        return why_param(why, ERR_BAD_VALUE, "model", "model is longer than 512 bytes");
    c->stream = makes_text && !json_is_false(stream);
    c->unscaled = c->kind == CALL_VECTOR; /* the older form's are not made of length 1 */
    enum err e = read_keep_alive(json_get(root, "keep_alive"), &now, why);
    if (!e && is_wish(c, root))
        c->wish = now ? WISH_UNLOAD : WISH_LOAD;
    return e;
}

static enum err translate(struct arena *arena, struct call *call, const struct json_value *root,
                          struct why *why)
{
    struct text json = {0}, dropped = {.limit = 4096};
    struct json_writer w = json_writer(&json);
    struct ollama_reading r = {call, root, &w, &dropped, why};
    /* an older kind of the same is that in the common form */
    enum call_kind kind = call->kind == CALL_VECTOR ? CALL_EMBED : call->kind;
    enum err e = text_room(&json, call->body.len + CODEC_MORE)
                     ? put_call(&r, &kind)
                     : why_set(why, ERR_NO_MEMORY, "no memory to translate the call");
    if (!e)
        call->dropped = arena_dup(arena, text_slice(&dropped));
    if (!e && !call->dropped.ptr)
        e = why_set(why, ERR_NO_MEMORY, "no memory to translate the call");
    if (!e)
        e = codec_common(arena, call, kind, &json, why);
    text_fini(&json);
    text_fini(&dropped);
    return e;
}

static enum err decode_call(struct arena *arena, struct call *call, struct why *why)
{
    struct json_doc doc;
    enum err e = json_read(call->body, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    e = judge(call, doc.root, why);
    if (!e)
        e = codec_note_own(arena, call, why);
    if (!e && call->wish) {
        call->model = arena_dup(arena, model_of(doc.root));
        e = call->model.ptr ? OK : why_set(why, ERR_NO_MEMORY, "no memory");
    } else if (!e) {
        e = translate(arena, call, doc.root, why);
    }
    json_done(&doc);
    return e;
}

const struct codec ollama_codec = {.name = "ollama", .decode_call = decode_call};
