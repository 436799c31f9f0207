/* What the fake upstream says as Ollama: a line of JSON for each piece, and a last one that is
 * done. Its steps are those of a chat answer: the step of the role has no line, and of the three of
 * a tool's call the last alone has one, since a call comes whole. */
#include "say.h"

static bool is_chat(const struct play *p)
{
    return p->asked.voice == &say_ollama_chat;
}

static void open_line(struct json_writer *w, const struct play *p)
{
    json_open_object(w);
    say_model_pair(w, p);
    json_put_pair(w, "created_at", SLICE("2023-11-14T22:13:20.123456789Z"));
    if (is_chat(p)) {
        json_key(w, "message");
        json_open_object(w);
        json_put_pair(w, "role", SLICE("assistant"));
    }
    json_key(w, is_chat(p) ? "content" : "response");
}

/* Ends the message, if there is one; the line goes on. */
static void end_message(struct json_writer *w, const struct play *p)
{
    if (is_chat(p))
        json_close_object(w);
}

static void close_line(struct json_writer *w, const struct play *p)
{
    end_message(w, p);
    json_key(w, "done");
    json_put_bool(w, false);
    json_close_object(w);
}

static void write_thinking(const struct play *p, int i, struct json_writer *w)
{
    open_line(w, p);
    json_put_text(w, SLICE(""));
    json_key(w, "thinking");
    say_thought(w, i);
    close_line(w, p);
}

static void write_content(const struct play *p, int i, struct json_writer *w)
{
    open_line(w, p);
    say_words(w, p, i);
    close_line(w, p);
}

static void write_refusal(const struct play *p, int i, struct json_writer *w)
{
    (void)i;
    open_line(w, p);
    json_put_text(w, say_refusal());
    close_line(w, p);
}

static void put_calls(struct json_writer *w, const struct play *p, int first, int end)
{
    json_key(w, "tool_calls");
    json_open_array(w);
    for (int call = first; call < end; call++) {
        json_open_object(w);
        say_tool_id(w, p, "call", call);
        json_key(w, "function");
        json_open_object(w);
        say_int(w, "index", call);
        say_tool_name(w, p, call);
        json_key(w, "arguments");
        json_put_raw(w, say_tool_args(p, -1));
        json_close_object(w);
        json_close_object(w);
    }
    json_close_array(w);
}

static void write_tool(const struct play *p, int i, struct text *out)
{
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    if (i % TOOL_PARTS + 1 < TOOL_PARTS)
        return;
    open_line(&w, p);
    json_put_text(&w, SLICE(""));
    put_calls(&w, p, i / TOOL_PARTS, i / TOOL_PARTS + 1);
    close_line(&w, p);
    say_event(p, NULL, text_slice(&json), out);
    text_fini(&json);
}

/* How it ended, what it took, and the end of the line. */
static void put_end(struct json_writer *w, const struct play *p)
{
    const struct shape *s = &p->script.shape;
    json_key(w, "done");
    json_put_bool(w, true);
    if (slice_is(s->finish, SLICE("tool_calls")))
        json_put_pair(w, "done_reason", SLICE("stop"));
    else if (!slice_is(s->finish, SLICE("-")))
        json_put_pair(w, "done_reason", s->finish);
    if (!is_chat(p)) {
        json_key(w, "context");
        json_open_array(w);
        json_put_int(w, 1);
        json_close_array(w);
    }
    if (s->usage != USAGE_NEVER) {
        say_int(w, "total_duration", 6000000);
        say_int(w, "load_duration", 1000000);
        say_int(w, "prompt_eval_count", s->prompt_tokens);
        say_int(w, "prompt_eval_duration", 2000000);
        say_int(w, "eval_count", say_tokens(p));
        say_int(w, "eval_duration", 3000000);
    }
    json_close_object(w);
}

static void write_end(const struct play *p, int i, struct json_writer *w)
{
    (void)i;
    open_line(w, p);
    json_put_text(w, SLICE(""));
    end_message(w, p);
    put_end(w, p);
}

static void put_object(const struct play *p, struct json_writer *w)
{
    const struct shape *s = &p->script.shape;
    open_line(w, p);
    if (s->refusal && !s->events)
        json_put_text(w, say_refusal());
    else
        say_all_words(w, p);
    if (s->reasoning) {
        json_key(w, "thinking");
        say_all_thoughts(w, p);
    }
    if (s->tools)
        put_calls(w, p, 0, (int)s->tools);
    end_message(w, p);
    put_end(w, p);
}

static void put_error(const struct play *p, struct json_writer *w)
{
    char words[64];
    json_open_object(w);
    json_put_pair(w, "error", say_message(p, words, sizeof(words)));
    json_close_object(w);
}

static const struct section sections[] = {
    {count_one, NULL, write_nothing},     {count_reasoning, write_thinking, NULL},
    {count_content, write_content, NULL}, {count_refusals, write_refusal, NULL},
    {count_tools, NULL, write_tool},      {count_junk, NULL, write_junk},
    {count_done, write_end, NULL},
};

const struct voice say_ollama_chat = {.path = "/api/chat",
                                      .streams = STREAMS_UNLESS_FALSE,
                                      .lines = true,
                                      .sections = sections,
                                      .count = COUNT(sections),
                                      .object = put_object,
                                      .error = put_error};
const struct voice say_ollama_generate = {.path = "/api/generate",
                                          .streams = STREAMS_UNLESS_FALSE,
                                          .lines = true,
                                          .sections = sections,
                                          .count = COUNT(sections),
                                          .object = put_object,
                                          .error = put_error};
