/* common: chunks of a chat, or of a text, as OpenAI's stream has them, for targets that speak
 * otherwise. Whoever reads them need not know. */
#include "wire/codec.h"

#define DATA SLICE("data: ")
#define END SLICE("\n\n")

static bool is_chat(const struct decoder *d)
{
    return d->wire.kind == CALL_CHAT;
}

/* A chunk up to the list of its choices. */
static struct json_writer open_chunk(struct decoder *d)
{
    struct json_writer w = json_writer(&d->edited);
    text_clear(&d->edited);
    text_add(&d->edited, DATA);
    json_open_object(&w);
    json_key(&w, "id");
    if (d->id.len)
        json_put_raw(&w, d->id);
    else
        json_put_text(&w, is_chat(d) ? SLICE("chatcmpl-0") : SLICE("cmpl-0"));
    json_put_pair(&w, "object",
                  is_chat(d) ? SLICE("chat.completion.chunk") : SLICE("text_completion"));
    json_key(&w, "created");
    if (d->created.len)
        json_put_raw(&w, d->created);
    else
        json_put_u64(&w, d->now_s);
    json_put_pair(&w, "model", d->model);
    json_key(&w, "choices");
    json_open_array(&w);
    return w;
}

static enum err close_chunk(struct decoder *d, struct json_writer *w, enum event_kind kind,
                            struct event *event)
{
    struct slice whole;
    json_close_object(w);
    text_add(&d->edited, END);
    if (d->edited.failed)
        return ERR_NO_MEMORY;
    whole = text_slice(&d->edited);
    *event = (struct event){
        .kind = kind,
        .ready = d->wire.ready,
        .raw = whole,
        .json = {whole.ptr + DATA.len, whole.len - DATA.len - END.len},
        .usage = NO_USAGE,
    };
    return OK;
}

/* The only choice, up to what it says. */
static struct json_writer open_choice(struct decoder *d)
{
    struct json_writer w = open_chunk(d);
    json_open_object(&w);
    json_key(&w, "index");
    json_put_u64(&w, 0);
    if (is_chat(d)) {
        json_key(&w, "delta");
        json_open_object(&w);
    }
    return w;
}

static enum err close_choice(struct decoder *d, struct json_writer *w, struct slice reason,
                             enum event_kind kind, struct event *event)
{
    if (is_chat(d))
        json_close_object(w);
    json_key(w, "logprobs");
    json_put_null(w);
    json_key(w, "finish_reason");
    if (reason.len)
        json_put_text(w, reason);
    else
        json_put_null(w);
    json_close_object(w);
    json_close_array(w);
    return close_chunk(d, w, kind, event);
}

static const struct slice not_over;

enum err common_head(struct decoder *d, struct event *event)
{
    struct json_writer w = open_choice(d);
    if (is_chat(d)) {
        json_put_pair(&w, "role", SLICE("assistant"));
        json_key(&w, "content");
        json_put_null(&w);
    } else {
        json_put_pair(&w, "text", SLICE(""));
    }
    enum err e = close_choice(d, &w, not_over, EVENT_HEAD, event);
    if (!e && d->head_sent)
        event->raw = (struct slice){0};
    return e;
}

enum err common_text(struct decoder *d, enum event_kind kind, struct slice text,
                     struct event *event)
{
    struct json_writer w = open_choice(d);
    json_key(&w, !is_chat(d) ? "text" : kind == EVENT_TEXT ? "content" : "reasoning_content");
    size_t from = d->edited.len + 1; /* inside the quotes */
    json_put_text(&w, text);
    size_t to = d->edited.len - 1;
    enum err e = close_choice(d, &w, not_over, text.len ? kind : EVENT_BYTES, event);
    if (!e)
        event->piece = (struct slice){d->edited.ptr + from, to - from};
    return e;
}

enum err common_tool(struct decoder *d, const struct common_tool *tool, struct event *event)
{
    struct json_writer w = open_choice(d);
    json_key(&w, "tool_calls");
    json_open_array(&w);
    json_open_object(&w);
    json_key(&w, "index");
    json_put_u64(&w, tool->index);
    if (tool->id.ptr) {
        json_put_pair(&w, "id", tool->id);
        json_put_pair(&w, "type", SLICE("function"));
    }
    json_key(&w, "function");
    json_open_object(&w);
    if (tool->name.ptr)
        json_put_pair(&w, "name", tool->name);
    json_put_pair(&w, "arguments", tool->arguments);
    json_close_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    return close_choice(d, &w, not_over, EVENT_TOOL, event);
}

enum err common_finish(struct decoder *d, struct slice reason, struct event *event)
{
    struct json_writer w = open_choice(d);
    if (!is_chat(d))
        json_put_pair(&w, "text", SLICE(""));
    return close_choice(d, &w, reason.len ? reason : SLICE("stop"), EVENT_BYTES, event);
}

void common_put_usage(struct json_writer *w, const struct usage *u)
{
    int64_t prompt = u->prompt > 0 ? u->prompt : 0,
            completion = u->completion > 0 ? u->completion : 0;
    json_open_object(w);
    json_key(w, "prompt_tokens");
    json_put_int(w, prompt);
    json_key(w, "completion_tokens");
    json_put_int(w, completion);
    json_key(w, "total_tokens");
    json_put_int(w, prompt + completion);
    json_key(w, "prompt_tokens_details");
    json_open_object(w);
    json_key(w, "cached_tokens");
    json_put_int(w, u->cached);
    json_close_object(w);
    json_key(w, "completion_tokens_details");
    json_open_object(w);
    json_key(w, "reasoning_tokens");
    json_put_int(w, u->reasoning);
    json_close_object(w);
    json_close_object(w);
}

enum err common_usage(struct decoder *d, const struct usage *usage, struct event *event)
{
    struct json_writer w = open_chunk(d);
    json_close_array(&w);
    json_key(&w, "usage");
    common_put_usage(&w, usage);
    enum err e = close_chunk(d, &w, EVENT_USAGE, event);
    event->usage = *usage;
    return e;
}

void common_end(struct event *event)
{
    *event = (struct event){.kind = EVENT_END, .raw = SLICE("data: [DONE]\n\n"), .usage = NO_USAGE};
}
