/* The bytes of a chat answer, as llama-server writes them: chunks of a stream, or one object. */
#include "fake.h"

enum { CREATED = 1700000000 };

static struct slice model_of(const struct engine *e, const struct task *t)
{
    if (t->script.answer.impostor.len)
        return t->script.answer.impostor;
    return e->flags.alias.len ? e->flags.alias : e->flags.model;
}

static void close_envelope(const struct engine *e, const struct task *t, const char *object,
                           struct json_writer *w)
{
    char id[64];
    snprintf(id, sizeof(id), "chatcmpl-fake-%lld", (long long)t->id);
    event_number(w, "created", CREATED);
    json_put_pair(w, "id", slice_of(id));
    json_put_pair(w, "model", model_of(e, t));
    json_put_pair(w, "system_fingerprint", SLICE("b1-fake"));
    json_put_pair(w, "object", slice_of(object));
}

/* A chunk goes out as one event in one piece of the chunked body. */
static void send_event(struct task *t, struct slice json)
{
    struct text *out = &t->conn->out;
    text_format(out, "%zx\r\ndata: ", json.len + 8);
    text_add(out, json);
    text_add(out, SLICE("\n\n\r\n"));
    t->ping_us = now_us() + (uint64_t)t->ping_ms * 1000;
}

static void put_timings(const struct task *t, struct json_writer *w)
{
    double prompt_ms = (double)(t->prompt_us - t->began_us) / 1000;
    double ms = (double)(now_us() - t->prompt_us) / 1000;
    json_key(w, "timings");
    json_open_object(w);
    event_number(w, "cache_n", 0);
    event_number(w, "prompt_n", t->prompt);
    json_key(w, "prompt_ms");
    json_put_number(w, prompt_ms);
    json_key(w, "prompt_per_second");
    json_put_number(w, prompt_ms > 0 ? (double)t->prompt / prompt_ms * 1000 : 0);
    event_number(w, "predicted_n", t->done);
    json_key(w, "predicted_ms");
    json_put_number(w, ms);
    json_key(w, "predicted_per_second");
    json_put_number(w, ms > 0 ? (double)t->done / ms * 1000 : 0);
    json_close_object(w);
}

static void put_usage(const struct task *t, struct json_writer *w)
{
    json_key(w, "usage");
    json_open_object(w);
    event_number(w, "completion_tokens", t->done);
    event_number(w, "prompt_tokens", t->prompt);
    event_number(w, "total_tokens", t->prompt + t->done);
    json_key(w, "prompt_tokens_details");
    json_open_object(w);
    event_number(w, "cached_tokens", 0);
    json_close_object(w);
    json_close_object(w);
}

static void add_token(const struct task *t, int64_t i, struct text *out)
{
    const struct answer *a = &t->script.answer;
    size_t began = out->len;
    if (a->nonce.len)
        text_format(out, "%.*s.%lld ", SLICE_ARG(a->nonce), (long long)i);
    else
        text_format(out, "w%lld ", (long long)i);
    while (out->len - began < (size_t)a->size)
        text_byte(out, (char)('a' + (out->len - began) % 26));
}

/* --- chunks ----------------------------------------------------------------------------------- */

static struct json_writer open_choice(struct text *json, struct slice finish)
{
    struct json_writer w = json_writer(json);
    json_open_object(&w);
    json_key(&w, "choices");
    json_open_array(&w);
    json_open_object(&w);
    json_key(&w, "finish_reason");
    if (finish.len)
        json_put_text(&w, finish);
    else
        json_put_null(&w);
    event_number(&w, "index", 0);
    json_key(&w, "delta");
    json_open_object(&w);
    return w;
}

static void close_choice(struct json_writer *w)
{
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
}

static void send_chunk(const struct engine *e, struct task *t, struct json_writer *w)
{
    close_envelope(e, t, "chat.completion.chunk", w);
    json_close_object(w);
    send_event(t, text_slice(w->out));
    text_fini(w->out);
}

static void send_role(const struct engine *e, struct task *t)
{
    struct text json = {0};
    struct json_writer w = open_choice(&json, (struct slice){0});
    json_put_pair(&w, "role", SLICE("assistant"));
    json_key(&w, "content");
    json_put_null(&w);
    close_choice(&w);
    send_chunk(e, t, &w);
}

void chat_head(struct task *t)
{
    struct conn *c = t->conn;
    text_add(&c->out,
             SLICE("HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: \r\n"
                   "X-Accel-Buffering: no\r\nContent-Type: text/event-stream\r\n"
                   "Transfer-Encoding: chunked\r\n"));
    text_add(&c->out, c->closes ? SLICE("Connection: close\r\n\r\n")
                                : SLICE("Keep-Alive: timeout=5, max=100\r\n\r\n"));
    t->head_sent = true;
}

void chat_ping(struct task *t)
{
    text_add(&t->conn->out, SLICE("3\r\n:\n\n\r\n"));
    t->ping_us = now_us() + (uint64_t)t->ping_ms * 1000;
}

void chat_token(const struct engine *e, struct task *t)
{
    if (t->stream && t->conn) {
        if (!t->head_sent) {
            chat_head(t);
            send_role(e, t);
        }
        struct text json = {0}, said = {0};
        add_token(t, t->done, &said);
        struct json_writer w = open_choice(&json, (struct slice){0});
        json_put_pair(&w, "content", text_slice(&said));
        close_choice(&w);
        send_chunk(e, t, &w);
        text_fini(&said);
    }
    t->done++;
}

/* --- ends ------------------------------------------------------------------------------------- */

static void finish_stream(const struct engine *e, struct task *t)
{
    struct text json = {0};
    if (!t->head_sent) {
        chat_head(t);
        send_role(e, t);
    }
    struct json_writer w = open_choice(&json, t->finish);
    close_choice(&w);
    if (!t->usage)
        put_timings(t, &w);
    send_chunk(e, t, &w);
    if (t->usage) {
        json = (struct text){0};
        w = json_writer(&json);
        json_open_object(&w);
        json_key(&w, "choices");
        json_open_array(&w);
        json_close_array(&w);
        put_usage(t, &w);
        put_timings(t, &w);
        send_chunk(e, t, &w);
    }
    send_event(t, SLICE("[DONE]"));
    text_add(&t->conn->out, SLICE("0\r\n\r\n"));
}

static void finish_object(const struct engine *e, struct task *t)
{
    struct text json = {0}, said = {0};
    struct json_writer w = json_writer(&json);
    for (int64_t i = 0; i < t->done; i++)
        add_token(t, i, &said);
    json_open_object(&w);
    json_key(&w, "choices");
    json_open_array(&w);
    json_open_object(&w);
    json_put_pair(&w, "finish_reason", t->finish);
    event_number(&w, "index", 0);
    json_key(&w, "message");
    json_open_object(&w);
    json_put_pair(&w, "role", SLICE("assistant"));
    json_put_pair(&w, "content", text_slice(&said));
    json_close_object(&w);
    json_close_object(&w);
    json_close_array(&w);
    close_envelope(e, t, "chat.completion", &w);
    put_usage(t, &w);
    put_timings(t, &w);
    json_close_object(&w);
    conn_json(t->conn, 200, &json);
    text_fini(&said);
}

void chat_finish(const struct engine *e, struct task *t)
{
    if (!t->conn)
        return;
    if (t->stream)
        finish_stream(e, t);
    else
        finish_object(e, t);
}
