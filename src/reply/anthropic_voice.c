/* anthropic_voice: what Anthropic's clients get: a message of blocks, whole or as the events of its
 * stream. One block is open at a time; the calls of tools come one after the other. What the prompt
 * cost is known at the end only, so message_start says 0 and message_delta the truth. Thoughts
 * carry an empty signature: nobody here could make one. */
#include "reply/voice.h"

enum { OPEN_NONE, OPEN_TEXT, OPEN_THINKING, OPEN_TOOL }; /* t->open */

/* ---- one event ------------------------------------------------------------------------------- */

static struct json_writer open_event(struct text *out, const char *type)
{
    struct json_writer w = json_writer(out);
    text_add(out, SLICE("event: "));
    text_add(out, slice_of(type));
    text_add(out, SLICE("\ndata: "));
    json_open_object(&w);
    json_put_pair(&w, "type", slice_of(type));
    return w;
}

static void close_event(struct json_writer *w)
{
    json_close_object(w);
    text_add(w->out, SLICE("\n\n"));
}

static void put_index(struct json_writer *w, const struct teller *t)
{
    json_key(w, "index");
    json_put_u64(w, t->block);
}

static struct json_writer open_delta(const struct teller *t, const char *type, struct text *out)
{
    struct json_writer w = open_event(out, "content_block_delta");
    put_index(&w, t);
    json_key(&w, "delta");
    json_open_object(&w);
    json_put_pair(&w, "type", slice_of(type));
    return w;
}

static void close_delta(struct json_writer *w)
{
    json_close_object(w);
    close_event(w);
}

/* ---- what a message is made of --------------------------------------------------------------- */

static void put_id(struct json_writer *w, struct slice id)
{
    struct text name = {0};
    if (!slice_begins(id, SLICE("msg_")))
        text_add(&name, SLICE("msg_"));
    text_add(&name,
             slice_begins(id, SLICE("chatcmpl-")) ? slice_from(id, strlen("chatcmpl-")) : id);
    json_put_pair(w, "id", text_slice(&name));
    w->out->failed |= name.failed;
    text_fini(&name);
}

static void put_count(struct json_writer *w, const char *name, int64_t n)
{
    json_key(w, name);
    json_put_int(w, n > 0 ? n : 0);
}

/* What came from a cache is no part of input_tokens. */
static void put_usage(struct json_writer *w, const struct usage *u)
{
    json_key(w, "usage");
    json_open_object(w);
    put_count(w, "input_tokens", u->prompt - u->cached);
    put_count(w, "cache_creation_input_tokens", 0);
    put_count(w, "cache_read_input_tokens", u->cached);
    put_count(w, "output_tokens", u->completion);
    if (u->reasoning > 0) {
        json_key(w, "output_tokens_details");
        json_open_object(w);
        put_count(w, "thinking_tokens", u->reasoning);
        json_close_object(w);
    }
    json_close_object(w);
}

/* Up to its list of blocks, which is open then. */
static void open_message(struct json_writer *w, struct slice id, struct slice model)
{
    json_open_object(w);
    put_id(w, id);
    json_put_pair(w, "type", SLICE("message"));
    json_put_pair(w, "role", SLICE("assistant"));
    json_put_pair(w, "model", model);
    json_key(w, "content");
    json_open_array(w);
}

/* Which of the strings it stopped at nobody tells us. */
static void put_stop(struct json_writer *w, struct slice finish, bool calls)
{
    static const char *const rows[][2] = {{"length", "max_tokens"},
                                          {"tool_calls", "tool_use"},
                                          {"function_call", "tool_use"},
                                          {"content_filter", "refusal"}};
    struct slice reason = calls ? SLICE("tool_use") : SLICE("end_turn");
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(finish, slice_of(rows[i][0])))
            reason = slice_of(rows[i][1]);
    }
    json_put_pair(w, "stop_reason", reason);
    json_key(w, "stop_sequence");
    json_put_null(w);
}

static void put_type(struct json_writer *w, const char *type)
{
    json_open_object(w);
    json_put_pair(w, "type", slice_of(type));
}

static void put_tool_id(struct json_writer *w, struct slice id, unsigned n)
{
    struct text name = {0};
    text_add(&name, id);
    if (!name.len)
        text_format(&name, "toolu_%u", n);
    json_put_pair(w, "id", text_slice(&name));
    w->out->failed |= name.failed;
    text_fini(&name);
}

/* ---- a stream -------------------------------------------------------------------------------- */

static void begin(struct teller *t, struct text *out)
{
    struct json_writer w = open_event(out, "message_start");
    const struct usage none = {0, 0, 0, 0};
    json_key(&w, "message");
    open_message(&w, text_slice(&t->id), text_slice(&t->model));
    json_close_array(&w);
    json_key(&w, "stop_reason");
    json_put_null(&w);
    json_key(&w, "stop_sequence");
    json_put_null(&w);
    put_usage(&w, &none);
    json_close_object(&w);
    close_event(&w);
}

static void close_block(struct teller *t, struct text *out)
{
    if (t->open == OPEN_NONE)
        return;
    if (t->open == OPEN_THINKING) {
        struct json_writer w = open_delta(t, "signature_delta", out);
        json_put_pair(&w, "signature", SLICE(""));
        close_delta(&w);
    }
    struct json_writer w = open_event(out, "content_block_stop");
    put_index(&w, t);
    close_event(&w);
    t->open = OPEN_NONE;
    t->block++;
}

static struct json_writer open_block(struct teller *t, int what, const char *type, struct text *out)
{
    close_block(t, out);
    struct json_writer w = open_event(out, "content_block_start");
    t->open = what;
    put_index(&w, t);
    json_key(&w, "content_block");
    put_type(&w, type);
    return w;
}

static void close_opened(struct json_writer *w)
{
    json_close_object(w);
    close_event(w);
}

static void need(struct teller *t, int what, struct text *out)
{
    if (t->open == what)
        return;
    struct json_writer w = open_block(t, what, what == OPEN_TEXT ? "text" : "thinking", out);
    json_put_pair(&w, what == OPEN_TEXT ? "text" : "thinking", SLICE(""));
    if (what == OPEN_THINKING)
        json_put_pair(&w, "signature", SLICE(""));
    close_opened(&w);
}

static void tell(struct teller *t, int what, struct slice text, struct text *out)
{
    if (!text.len)
        return;
    need(t, what, out);
    struct json_writer w = open_delta(t, what == OPEN_TEXT ? "text_delta" : "thinking_delta", out);
    json_put_pair(&w, what == OPEN_TEXT ? "text" : "thinking", text);
    close_delta(&w);
}

static void piece(struct teller *t, enum event_kind kind, struct slice piece, struct text *out)
{
    int what = kind == EVENT_TEXT ? OPEN_TEXT : OPEN_THINKING;
    need(t, what, out);
    struct json_writer w = open_delta(t, what == OPEN_TEXT ? "text_delta" : "thinking_delta", out);
    text_clear(&t->kept);
    text_byte(&t->kept, '"');
    text_add(&t->kept, piece);
    text_byte(&t->kept, '"');
    json_key(&w, what == OPEN_TEXT ? "text" : "thinking");
    json_put_raw(&w, text_slice(&t->kept));
    close_delta(&w);
    out->failed |= t->kept.failed;
}

/* Is this a piece of the call that is open? An index tells, or else an id that is new. */
static bool goes_on(const struct teller *t, const struct json_value *call, struct text *out)
{
    int64_t index;
    if (!json_int(json_get(call, "index"), &index))
        return t->open == OPEN_TOOL && !json_text(json_get(call, "id")).len;
    if (index + 1 > (int64_t)t->tools)
        return false;
    if (index + 1 < (int64_t)t->tools || t->open != OPEN_TOOL)
        out->failed = true; /* its block has ended, and cannot go on */
    return true;
}

static void tell_call(struct teller *t, const struct json_value *call, struct text *out)
{
    const struct json_value *function = json_get(call, "function");
    struct slice arguments = json_text(json_get(function, "arguments"));
    if (!goes_on(t, call, out)) {
        struct json_writer w = open_block(t, OPEN_TOOL, "tool_use", out);
        put_tool_id(&w, json_text(json_get(call, "id")), t->tools++);
        json_put_pair(&w, "name", json_text(json_get(function, "name")));
        json_key(&w, "input");
        json_open_object(&w);
        json_close_object(&w);
        close_opened(&w);
    }
    if (!arguments.len)
        return;
    struct json_writer w = open_delta(t, "input_json_delta", out);
    json_put_pair(&w, "partial_json", arguments);
    close_delta(&w);
}

static void said(struct teller *t, const struct said *s, struct text *out)
{
    if (s->index)
        return; /* there is one answer in this dialect */
    tell(t, OPEN_THINKING, s->reasoning, out);
    tell(t, OPEN_TEXT, s->text, out);
    tell(t, OPEN_TEXT, s->refusal, out);
    for (struct json_iter i = json_begin(s->tools); json_next(&i);)
        tell_call(t, i.value, out);
}

static void end(struct teller *t, struct text *out)
{
    close_block(t, out);
    struct json_writer w = open_event(out, "message_delta");
    json_key(&w, "delta");
    json_open_object(&w);
    put_stop(&w, text_slice(&t->finish), t->tools > 0);
    json_close_object(&w);
    put_usage(&w, &t->usage);
    close_event(&w);
    w = open_event(out, "message_stop");
    close_event(&w);
}

/* ---- one object ------------------------------------------------------------------------------ */

static void put_text_block(struct json_writer *w, const char *type, struct slice text)
{
    if (!text.len)
        return;
    put_type(w, type);
    json_put_pair(w, type, text);
    if (strcmp(type, "thinking") == 0)
        json_put_pair(w, "signature", SLICE(""));
    json_close_object(w);
}

/* Arguments that are no JSON object have no other place in it. */
static void put_input(struct json_writer *w, struct slice arguments)
{
    struct json_doc doc;
    bool read = arguments.len && !json_read(arguments, &json_usual_limits, NULL, &doc, NULL);
    json_key(w, "input");
    if (read && json_is_object(doc.root)) {
        json_put_value(w, doc.root);
    } else {
        json_open_object(w);
        if (slice_trim(arguments).len)
            json_put_pair(w, "arguments", arguments);
        json_close_object(w);
    }
    if (read)
        json_done(&doc);
}

static void put_blocks(struct json_writer *w, const struct said *s)
{
    unsigned n = 0;
    put_text_block(w, "thinking", s->reasoning);
    put_text_block(w, "text", s->text);
    put_text_block(w, "text", s->refusal);
    for (struct json_iter i = json_begin(s->tools); json_next(&i);) {
        const struct json_value *function = json_get(i.value, "function");
        put_type(w, "tool_use");
        put_tool_id(w, json_text(json_get(i.value, "id")), n++);
        json_put_pair(w, "name", json_text(json_get(function, "name")));
        put_input(w, json_text(json_get(function, "arguments")));
        json_close_object(w);
    }
}

static void write_object(const struct hearer *l, const struct json_value *object, struct text *out)
{
    struct json_writer w = json_writer(out);
    struct said s = said_read(json_at(json_get(object, "choices"), 0));
    struct usage usage = usage_read(json_get(object, "usage"));
    (void)l;
    open_message(&w, json_text(json_get(object, "id")), json_text(json_get(object, "model")));
    put_blocks(&w, &s);
    json_close_array(&w);
    put_stop(&w, s.finish, json_count(s.tools) > 0);
    put_usage(&w, &usage);
    json_close_object(&w);
}

/* ---- errors, models -------------------------------------------------------------------------- */

static struct slice error_type(int status)
{
    static const struct {
        int status;
        const char *type;
    } rows[] = {{401, "authentication_error"}, {402, "billing_error"},
                {403, "permission_error"},     {404, "not_found_error"},
                {413, "request_too_large"},    {429, "rate_limit_error"},
                {503, "overloaded_error"},     {504, "timeout_error"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (status == rows[i].status)
            return slice_of(rows[i].type);
    }
    return status >= 500 ? SLICE("api_error") : SLICE("invalid_request_error");
}

static void write_error(const struct why *why, struct text *out)
{
    const struct err_row *row = err_row(why->code);
    struct json_writer w = json_writer(out);
    struct text message = {0};
    if (why->code == ERR_CTX_TOO_LONG) /* agents shorten a conversation when they read this */
        text_add(&message, SLICE("prompt is too long: "));
    if (why->param[0])
        text_format(&message, "%s: ", why->param);
    text_add(&message, slice_of(why->text));
    text_format(&message, "%s%s", why->text[0] ? ". " : "", row->words);
    json_open_object(&w);
    json_put_pair(&w, "type", SLICE("error"));
    json_key(&w, "error");
    json_open_object(&w);
    json_put_pair(&w, "type", error_type(row->http));
    json_put_pair(&w, "message", text_slice(&message));
    json_close_object(&w);
    json_close_object(&w);
    out->failed |= message.failed;
    text_fini(&message);
}

static void write_error_event(const struct why *why, struct text *out)
{
    text_add(out, SLICE("event: error\ndata: "));
    write_error(why, out);
    text_add(out, SLICE("\n\n"));
}

static void put_end(struct json_writer *w, const char *key, const struct model_entry *m)
{
    json_key(w, key);
    if (m)
        json_put_text(w, m->name);
    else
        json_put_null(w);
}

static void put_model(const struct model_entry *m, struct json_writer *w)
{
    put_type(w, "model");
    json_put_pair(w, "id", m->name);
    json_put_pair(w, "display_name", m->name);
    json_put_pair(w, "lifecycle", SLICE("active"));
    json_put_pair(w, "created_at", SLICE("1970-01-01T00:00:00Z")); /* nobody told us when */
    json_close_object(w);
}

static void write_models(const struct model_entry *models, size_t n, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "data");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++)
        put_model(&models[i], &w);
    json_close_array(&w);
    json_key(&w, "has_more");
    json_put_bool(&w, false);
    put_end(&w, "first_id", n ? &models[0] : NULL);
    put_end(&w, "last_id", n ? &models[n - 1] : NULL);
    json_close_object(&w);
}

const struct voice anthropic_voice = {
    .begin = begin,
    .piece = piece,
    .said = said,
    .end = end,
    .write_object = write_object,
    .write_error = write_error,
    .write_error_event = write_error_event,
    .put_model = put_model,
    .write_models = write_models,
};
