/* ask_mcp: one conversation as an app that starts MCP servers has it: `hearth mcp` is started with
 * the environment that such an app gives, says what it is and what tools it has, and one completion
 * is asked for. */
#include <stdio.h>

#include "base/json.h"
#include "connect/inside.h"
#include "os/os.h"
#include "process/process.h"

#define STEP_MS 200u
#define GRACE_MS 2000u
#define MOST_SAID (4u << 20)
#define FEW_TOKENS 16

/* What these apps hand on of their own environment; our entry adds the places. */
static const char *const handed_on[] = {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER"};

struct talk {
    const struct connect_question *q;
    struct connect_answer *answer;
    struct process server;
    uint64_t began_ms;
    size_t read; /* of what it said */
    struct why *why;
};

static void open_message(struct json_writer *w, int64_t id, const char *method)
{
    json_open_object(w);
    json_put_pair(w, "jsonrpc", SLICE("2.0"));
    if (id) {
        json_key(w, "id");
        json_put_int(w, id);
    }
    json_put_pair(w, "method", slice_of(method));
    json_key(w, "params");
    json_open_object(w);
}

static void close_message(struct json_writer *w)
{
    json_close_object(w);
    json_close_object(w);
    text_byte(w->out, '\n');
}

static void write_start(struct text *out)
{
    struct json_writer w = json_writer(out);
    open_message(&w, 1, "initialize");
    json_put_pair(&w, "protocolVersion", SLICE("2025-06-18"));
    json_key(&w, "capabilities");
    json_open_object(&w);
    json_close_object(&w);
    json_key(&w, "clientInfo");
    json_open_object(&w);
    json_put_pair(&w, "name", SLICE("hearth-connect"));
    json_put_pair(&w, "version", SLICE(HEARTH_VERSION));
    json_close_object(&w);
    close_message(&w);
    w = json_writer(out);
    open_message(&w, 0, "notifications/initialized");
    close_message(&w);
    w = json_writer(out);
    open_message(&w, 2, "tools/list");
    close_message(&w);
}

static void write_call(const char *model, struct text *out)
{
    struct json_writer w = json_writer(out);
    open_message(&w, 3, "tools/call");
    json_put_pair(&w, "name", SLICE("local_llm_complete"));
    json_key(&w, "arguments");
    json_open_object(&w);
    json_put_pair(&w, "prompt", SLICE("Say hello."));
    json_put_pair(&w, "model", slice_of(model));
    json_key(&w, "max_tokens");
    json_put_int(&w, FEW_TOKENS);
    json_close_object(&w);
    close_message(&w);
}

/* The next whole line that it said; false when there is none within the time. */
static bool next_line(struct talk *t, struct slice *ret_line)
{
    for (;;) {
        struct slice rest = slice_from(text_slice(&t->server.out.text), t->read);
        size_t end = slice_find(rest, '\n');
        uint64_t now = os_mono_ms();
        if (end < rest.len) {
            *ret_line = slice_to(rest, end);
            t->read += end + 1;
            return true;
        }
        if (t->server.ended || now - t->began_ms >= t->q->timeout_ms)
            return false;
        process_step(&t->server, STEP_MS);
        if (t->q->waits)
            t->q->waits(t->q->data, now - t->began_ms);
    }
}

static enum err silent(struct talk *t)
{
    struct slice said = process_last_line(text_slice(&t->server.err.text), NULL);
    if (!t->server.ended)
        return why_set(t->why, ERR_TTFT_TIMEOUT, "`%.100s mcp` gave no whole answer in time",
                       t->q->program);
    return why_set(t->why, ERR_SYSTEM, "`%.100s mcp` ended with %d: %.*s", t->q->program,
                   t->server.code, SLICE_ARG(slice_to(said, min_size(said.len, 150))));
}

static enum err judge_tools(struct talk *t, const struct json_value *result)
{
    const struct json_value *first = json_at(json_get(result, "tools"), 0);
    return slice_is(json_text(json_get(first, "name")), SLICE("local_llm_complete"))
               ? OK
               : why_set(t->why, ERR_BAD_RESPONSE, "it does not offer the tool that it should");
}

static enum err judge_call(struct talk *t, const struct json_value *result)
{
    const struct json_value *first = json_at(json_get(result, "content"), 0);
    struct slice words = json_text(json_get(first, "text"));
    struct slice model = json_text(json_get(json_get(result, "structuredContent"), "model"));
    t->answer->whole_us = t->answer->first_us = (os_mono_ms() - t->began_ms) * 1000;
    if (json_is_false(json_get(result, "isError"))) {
        t->answer->status = 200;
        snprintf(t->answer->model, sizeof t->answer->model, "%.*s", SLICE_ARG(model));
        return OK;
    }
    return why_set(t->why, ERR_BAD_RESPONSE, "%.*s", SLICE_ARG(words));
}

/* The answer to request `id`. */
static enum err take(struct talk *t, int64_t id,
                     enum err (*judge)(struct talk *t, const struct json_value *result))
{
    struct slice line;
    struct json_doc doc;
    int64_t said = 0;
    if (!next_line(t, &line))
        return silent(t);
    if (json_read(line, &json_usual_limits, NULL, &doc, NULL))
        return why_set(t->why, ERR_BAD_RESPONSE, "it said a line that is no JSON");
    const struct json_value *result = json_get(doc.root, "result");
    enum err e = OK;
    if (!json_int(json_get(doc.root, "id"), &said) || said != id || !json_is_object(result))
        e = why_set(t->why, ERR_BAD_RESPONSE, "it answered with something else");
    else if (judge)
        e = judge(t, result);
    json_done(&doc);
    return e;
}

static enum err talk(struct talk *t)
{
    struct text lines = {0};
    write_start(&lines);
    write_call(t->q->model, &lines);
    enum err e = lines.failed ? why_set(t->why, ERR_NO_MEMORY, "no memory for the question") : OK;
    if (!e && !process_tell(&t->server, text_slice(&lines)))
        e = silent(t);
    text_fini(&lines);
    if (!e)
        e = take(t, 1, NULL);
    if (!e)
        e = take(t, 2, judge_tools);
    return e ? e : take(t, 3, judge_call);
}

enum err ask_mcp(const struct connect_question *q, struct connect_answer *ret, struct why *why)
{
    struct arena a = {0};
    struct talk t = {.q = q, .answer = ret, .began_ms = os_mono_ms(), .why = why};
    const char *environment[COUNT(handed_on) + DESKTOP_PLACES + 1] = {NULL};
    struct desktop_place places[DESKTOP_PLACES];
    const char *const argv[] = {q->program, "mcp", NULL};
    size_t n = 0, more = desktop_places(q->user, places);
    for (size_t i = 0; i < COUNT(handed_on); i++) {
        const char *value = connect_variable(q->user, handed_on[i]);
        if (value)
            environment[n++] = arena_format(&a, "%s=%s", handed_on[i], value).ptr;
    }
    for (size_t i = 0; i < more; i++)
        environment[n++] =
            arena_format(&a, "%s=%.*s", places[i].name, SLICE_ARG(places[i].value)).ptr;
    const struct process_plan plan = {
        .argv = argv, .environment = environment, .talks = true, .most = MOST_SAID};
    enum err e = process_start(&plan, &t.server, why);
    if (!e) {
        e = talk(&t);
        process_close_in(&t.server);
        process_stop(&t.server, GRACE_MS);
        process_fini(&t.server);
    }
    arena_fini(&a);
    return e;
}
