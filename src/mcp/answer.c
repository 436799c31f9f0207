/* answer: the lines that go to a client. */
#include "mcp/inside.h"

#include <stdarg.h>
#include <stdio.h>

void line_server(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_open_object(w);
    json_put_pair(w, "name", SLICE("hearth"));
    json_put_pair(w, "version", SLICE(HEARTH_VERSION));
    json_close_object(w);
}

static void open_line(struct json_writer *w, struct slice id)
{
    json_open_object(w);
    json_put_pair(w, "jsonrpc", SLICE("2.0"));
    if (id.len) { /* one that could not be read is left out: null is none */
        json_key(w, "id");
        json_put_raw(w, id);
    }
}

void line_open(struct json_writer *w, struct slice id, bool modern)
{
    open_line(w, id);
    json_key(w, "result");
    json_open_object(w);
    if (!modern)
        return;
    json_put_pair(w, "resultType", SLICE("complete"));
    json_key(w, "_meta");
    json_open_object(w);
    line_server(w, "io.modelcontextprotocol/serverInfo");
    json_close_object(w);
}

void line_close(struct json_writer *w)
{
    json_close_object(w);
    json_close_object(w);
    text_byte(w->out, '\n');
}

struct json_writer line_open_error(struct text *out, struct slice id, int code, const char *words)
{
    struct json_writer w = json_writer(out);
    open_line(&w, id);
    json_key(&w, "error");
    json_open_object(&w);
    json_key(&w, "code");
    json_put_int(&w, code);
    json_put_pair(&w, "message", slice_of(words));
    return w;
}

void line_error(struct text *out, struct slice id, int code, const char *format, ...)
{
    char words[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    struct json_writer w = line_open_error(out, id, code, words);
    line_close(&w);
}

void mcp_too_long(struct text *out)
{
    line_error(out, (struct slice){0}, NOT_A_REQUEST, "a line may have %u MiB",
               MCP_LINE_MOST >> 20);
}

void mcp_same_id(struct text *out)
{
    line_error(out, (struct slice){0}, NOT_A_REQUEST,
               "a request with this id is still being worked on");
}

/* ---- of calls ------------------------------------------------------------------------------- */

static void put_content(struct json_writer *w, struct slice words)
{
    json_key(w, "content");
    json_open_array(w);
    json_open_object(w);
    json_put_pair(w, "type", SLICE("text"));
    json_put_pair(w, "text", words);
    json_close_object(w);
    json_close_array(w);
}

static void put_count(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_put_int(w, n);
}

static void put_usage(struct json_writer *w, const struct mcp_call *call, const struct mcp_reply *r)
{
    json_key(w, "usage");
    json_open_object(w);
    put_count(w, "prompt_tokens", r->prompt_tokens);
    if (call->tool == MCP_COMPLETE)
        put_count(w, "completion_tokens", r->completion_tokens);
    put_count(w, "total_tokens", r->prompt_tokens + r->completion_tokens);
    json_close_object(w);
}

static void put_completion(struct json_writer *w, const struct mcp_call *call,
                           const struct mcp_reply *r)
{
    json_open_object(w);
    json_put_pair(w, "text", text_slice(&r->text));
    json_put_pair(w, "model", text_slice(&r->model));
    json_put_pair(w, "finish_reason", text_slice(&r->finish));
    put_usage(w, call, r);
    json_close_object(w);
}

static void put_vectors(struct json_writer *w, const struct mcp_call *call,
                        const struct mcp_reply *r)
{
    json_open_object(w);
    json_put_pair(w, "model", text_slice(&r->model));
    put_count(w, "dimensions", (int64_t)r->dimensions);
    json_key(w, "embeddings");
    json_put_raw(w, text_slice(&r->vectors));
    put_usage(w, call, r);
    json_close_object(w);
}

/* Numbers are no words for a model to read: who knows of structured content finds them there, and
 * only who cannot gets them as text. */
static void put_vectors_words(struct json_writer *w, const struct mcp_call *call,
                              const struct mcp_reply *r)
{
    struct text words = {0};
    if (call->plain) {
        struct json_writer inner = json_writer(&words);
        put_vectors(&inner, call, r);
    } else {
        text_format(&words, "%zu vector%s of %zu numbers, by ", call->inputs,
                    call->inputs == 1 ? "" : "s", r->dimensions);
        text_add(&words, text_slice(&r->model));
        text_add(&words, SLICE("; they are in the structured content."));
    }
    put_content(w, text_slice(&words));
    w->out->failed |= words.failed;
    text_fini(&words);
}

void mcp_write_result(const struct mcp_call *call, const struct mcp_reply *r, struct text *out)
{
    if (r->error.len) {
        mcp_write_failure(call, text_slice(&r->error), out);
        return;
    }
    if (!r->done || r->text.failed || r->vectors.failed) {
        mcp_write_failure(call,
                          SLICE("The answer broke off; what there was of it is not whole. "
                                "Try again; `hearth logs` may say why."),
                          out);
        return;
    }
    struct json_writer w = json_writer(out);
    line_open(&w, text_slice(&call->id), call->modern);
    if (call->tool == MCP_COMPLETE)
        put_content(&w, text_slice(&r->text));
    else
        put_vectors_words(&w, call, r);
    json_key(&w, "structuredContent");
    if (call->tool == MCP_COMPLETE)
        put_completion(&w, call, r);
    else
        put_vectors(&w, call, r);
    json_key(&w, "isError");
    json_put_bool(&w, false);
    line_close(&w);
}

void mcp_write_failure(const struct mcp_call *call, struct slice words, struct text *out)
{
    struct json_writer w = json_writer(out);
    line_open(&w, text_slice(&call->id), call->modern);
    put_content(&w, words);
    json_key(&w, "isError");
    json_put_bool(&w, true);
    line_close(&w);
}

void mcp_write_progress(const struct mcp_call *call, double progress, struct slice words,
                        struct text *out)
{
    struct json_writer w = json_writer(out);
    if (!call->token.len)
        return;
    json_open_object(&w);
    json_put_pair(&w, "jsonrpc", SLICE("2.0"));
    json_put_pair(&w, "method", SLICE("notifications/progress"));
    json_key(&w, "params");
    json_open_object(&w);
    json_key(&w, "progressToken");
    json_put_raw(&w, text_slice(&call->token));
    json_key(&w, "progress");
    json_put_number(&w, progress);
    json_put_pair(&w, "message", words);
    line_close(&w);
}
