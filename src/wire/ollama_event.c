/* ollama_event: what a target says that speaks Ollama's words. A line may tell several things, a
 * thought, text, calls of tools and the end; in the common form each is an event of its own, so the
 * same line is read again until all of it was told. */
#include "wire/ollama.h"

#define MOST_CALLS 128u

/* ---- a line ---------------------------------------------------------------------------------- */

struct line {
    const struct json_value *root, *message; /* message: of a chat */
    const struct json_value *tools;
    struct slice text, thought;
    bool done;
};

static enum err read_line(struct decoder *d, struct slice data, struct json_doc *doc,
                          struct line *ret, struct why *why)
{
    enum err e = json_read(data, &json_usual_limits, &d->scratch, doc, why);
    if (e)
        return e == ERR_NO_MEMORY ? e : why_set(why, ERR_BAD_RESPONSE, "a line is not valid JSON");
    const struct json_value *error = json_get(doc->root, "error");
    if (error && !json_is_null(error))
        return codec_refusal(500, error, why);
    if (!json_is_object(doc->root))
        return why_set(why, ERR_BAD_RESPONSE, "a line is not an object");
    struct line l = {.root = doc->root, .message = json_get(doc->root, "message")};
    const struct json_value *from = l.message ? l.message : l.root;
    l.text = json_text(json_get(from, l.message ? "content" : "response"));
    l.thought = json_text(json_get(from, "thinking"));
    l.tools = json_get(from, "tool_calls");
    l.done = json_is_true(json_get(l.root, "done"));
    if (json_count(l.tools) > MOST_CALLS) /* each is an event of its own */
        return why_set(why, ERR_BAD_RESPONSE, "a line has more than %u tool calls", MOST_CALLS);
    *ret = l;
    return OK;
}

struct usage ollama_usage(const struct json_value *root)
{
    struct usage u = NO_USAGE;
    int64_t n;
    if (tokens_told(json_get(root, "prompt_eval_count"), &n))
        u.prompt = n;
    if (tokens_told(json_get(root, "eval_count"), &n))
        u.completion = n;
    return u;
}

/* ---- the caller's own words ------------------------------------------------------------------ */

static enum err decode_own(struct decoder *d, struct slice raw, struct slice data,
                           struct event *event, struct why *why)
{
    struct json_doc doc;
    struct line l = {0};
    enum err e = read_line(d, data, &doc, &l, why);
    if (e)
        return e;
    event->raw = raw;
    event->json = data;
    event->parsed = doc.root;
    event->kind = l.done                ? EVENT_END
                  : l.text.len          ? EVENT_TEXT
                  : json_count(l.tools) ? EVENT_TOOL
                  : l.thought.len       ? EVENT_REASONING
                                        : EVENT_HEAD;
    if (l.done)
        event->usage = ollama_usage(l.root);
    struct slice before = event->raw;
    e = codec_edit_model(d, event);
    if (!e && event->raw.ptr != before.ptr) { /* what was edited is the object: the line's end */
        text_byte(&d->edited, '\n');
        event->raw = text_slice(&d->edited);
        event->json = slice_to(event->raw, event->raw.len - 1);
        e = d->edited.failed ? ERR_NO_MEMORY : OK;
    }
    if (event->kind == EVENT_HEAD && d->head_sent)
        event->raw = (struct slice){0};
    return e;
}

/* ---- into the common form -------------------------------------------------------------------- */

/* What a line may tell, in the order in which it is told; calls of tools stand between. */
enum { TELL_HEAD, TELL_THOUGHT, TELL_TEXT, TELL_TOOLS };
enum { TELL_FINISH, TELL_USAGE, TELL_END, TELLS_LAST }; /* behind the calls */

static bool has(const struct decoder *d, const struct line *l, unsigned step)
{
    unsigned calls = (unsigned)json_count(l->tools);
    switch (step) {
    case TELL_HEAD:
        return !d->progress.block;
    case TELL_THOUGHT:
        return l->thought.len > 0;
    case TELL_TEXT:
        return l->text.len > 0;
    default:
        break;
    }
    if (step < TELL_TOOLS + calls)
        return true;
    struct usage u = ollama_usage(l->root);
    return l->done &&
           (step != TELL_TOOLS + calls + TELL_USAGE || u.prompt >= 0 || u.completion >= 0);
}

static enum err tell_tool(struct decoder *d, const struct json_value *call, struct event *event)
{
    const struct json_value *function = json_get(call, "function"),
                            *arguments = json_get(function, "arguments");
    struct text spelled = {0}, made = {0};
    struct slice id = json_text(json_get(call, "id"));
    text_format(&made, "call_%llu_%u", (unsigned long long)d->now_s, d->progress.tools);
    if (json_is_text(arguments))
        text_add(&spelled, json_text(arguments));
    else if (arguments && !json_is_null(arguments))
        json_copy(arguments, &spelled);
    else
        text_add(&spelled, SLICE("{}"));
    struct common_tool tool = {d->progress.tools++, id.len ? id : text_slice(&made),
                               json_text(json_get(function, "name")), text_slice(&spelled)};
    enum err e = made.failed || spelled.failed ? ERR_NO_MEMORY : common_tool(d, &tool, event);
    text_fini(&spelled);
    text_fini(&made);
    return e;
}

static enum err tell_end(struct decoder *d, const struct line *l, unsigned step,
                         struct event *event)
{
    struct slice reason = json_text(json_get(l->root, "done_reason"));
    struct usage usage = ollama_usage(l->root);
    if (step == TELL_END) {
        common_end(event);
        return OK;
    }
    if (step == TELL_USAGE)
        return common_usage(d, &usage, event);
    if (slice_is(reason, SLICE("length")))
        return common_finish(d, reason, event);
    return common_finish(d, d->progress.tools ? SLICE("tool_calls") : SLICE("stop"), event);
}

static enum err tell(struct decoder *d, const struct line *l, unsigned step, struct event *event)
{
    unsigned calls = (unsigned)json_count(l->tools);
    switch (step) {
    case TELL_HEAD:
        d->progress.block = 1; /* the answer began */
        return common_head(d, event);
    case TELL_THOUGHT:
        return common_text(d, EVENT_REASONING, l->thought, event);
    case TELL_TEXT:
        return common_text(d, EVENT_TEXT, l->text, event);
    default:
        break;
    }
    if (step < TELL_TOOLS + calls)
        return tell_tool(d, json_at(l->tools, step - TELL_TOOLS), event);
    return tell_end(d, l, step - TELL_TOOLS - calls, event);
}

static enum err decode(struct decoder *d, struct slice data, struct event *event, struct why *why)
{
    struct json_doc doc;
    struct line l = {0};
    enum err e = read_line(d, data, &doc, &l, why);
    if (e)
        return e;
    unsigned last = TELL_TOOLS + (unsigned)json_count(l.tools) + (l.done ? TELLS_LAST : 0);
    unsigned step = d->progress.step;
    while (step < last && !has(d, &l, step))
        step++;
    if (step < last) {
        e = tell(d, &l, step, event);
        step++;
    } else { /* nothing that anybody would read */
        *event = (struct event){.kind = EVENT_BYTES, .ready = true, .usage = NO_USAGE};
    }
    while (step < last && !has(d, &l, step))
        step++;
    d->progress.more = !e && step < last;
    d->progress.step = d->progress.more ? step : 0;
    return e;
}

/* ---- the codec ------------------------------------------------------------------------------- */

static const char *path(enum call_kind kind)
{
    static const char *const paths[CALL_COUNT] = {
        [CALL_CHAT] = "/api/chat",
        [CALL_COMPLETE] = "/api/generate",
        [CALL_EMBED] = "/api/embed",
        [CALL_VECTOR] = "/api/embeddings",
    };
    return paths[kind];
}

const struct codec ollama_wire = {
    .manner = {.rooted = true, .lines = true, .key = {"authorization", 13}, .word = {"Bearer ", 7}},
    .path = path,
    .encode_own = openai_encode_call,
    .encode = ollama_encode,
    .decode_own = decode_own,
    .decode = decode,
    .translate = ollama_translate,
    .read_refusal = openai_read_refusal,
};
