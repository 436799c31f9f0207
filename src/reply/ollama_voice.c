/* ollama_voice: what Ollama's clients read. A stream is a line of JSON for each piece, and a last
 * one that is done and has the numbers; calls of tools are told whole, their arguments as an
 * object. Of durations the model's own are told where the target told them; else they are 0. */
#include <time.h>

#include "reply/voice.h"

#define MOST_KEPT (16u * 1024 * 1024) /* bytes of tool calls, until they are whole */
#define MOST_CALLS 128u

struct words { /* of one line; what is empty is not told, but for the text */
    struct slice text, thinking;
    bool raw;           /* both as between a JSON string's quotes */
    struct slice tools; /* a list, as JSON */
    const struct json_value *logprobs;
};

struct figures { /* of the last line */
    struct slice finish;
    struct usage usage;
    struct timings timings;
};

/* ---- a line ---------------------------------------------------------------------------------- */

static void put_time(struct json_writer *w, const char *key, uint64_t s)
{
    char words[40] = "";
    struct tm at;
    time_t seconds = (time_t)s;
    if (gmtime_r(&seconds, &at))
        strftime(words, sizeof words, "%Y-%m-%dT%H:%M:%SZ", &at);
    json_put_pair(w, key, slice_of(words));
}

static struct json_writer open_line(struct slice model, uint64_t created_s, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "model", model);
    put_time(&w, "created_at", created_s);
    return w;
}

static void put_string(struct json_writer *w, const char *key, struct slice s, bool raw)
{
    struct text quoted = {0};
    json_key(w, key);
    if (!raw) {
        json_put_text(w, s);
        return;
    }
    text_byte(&quoted, '"');
    text_add(&quoted, s);
    text_byte(&quoted, '"');
    json_put_raw(w, text_slice(&quoted));
    w->out->failed |= quoted.failed;
    text_fini(&quoted);
}

static void put_words(const struct hearer *l, const struct words *s, struct json_writer *w)
{
    bool chat = l->kind == CALL_CHAT;
    const struct json_value *logprobs = json_get(s->logprobs, "content");
    if (chat) {
        json_key(w, "message");
        json_open_object(w);
        json_put_pair(w, "role", SLICE("assistant"));
    }
    put_string(w, chat ? "content" : "response", s->text, s->raw);
    if (s->thinking.len)
        put_string(w, "thinking", s->thinking, s->raw);
    if (s->tools.len) {
        json_key(w, "tool_calls");
        json_put_raw(w, s->tools);
    }
    if (chat)
        json_close_object(w);
    if (json_is_array(logprobs)) {
        json_key(w, "logprobs");
        json_put_value(w, logprobs);
    }
}

static uint64_t ns_of(double ms)
{
    return ms > 0 && ms < 1e12 ? (uint64_t)(ms * 1e6) : 0;
}

static void put_ns(struct json_writer *w, const char *key, uint64_t ns)
{
    json_key(w, key);
    json_put_u64(w, ns);
}

static void put_count(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_put_int(w, n > 0 ? n : 0);
}

/* Its own reasons are stop, length, load and unload; whoever calls a tool has stopped too. */
static struct slice reason_of(struct slice finish)
{
    static const struct slice same[] = {{"length", 6}, {"load", 4}, {"unload", 6}};
    for (size_t i = 0; i < COUNT(same); i++) {
        if (slice_is(finish, same[i]))
            return finish;
    }
    return SLICE("stop");
}

static void put_end(const struct figures *f, struct json_writer *w)
{
    struct slice reason = reason_of(f->finish);
    json_key(w, "done");
    json_put_bool(w, true);
    json_put_pair(w, "done_reason", reason);
    if (slice_ends(reason, SLICE("load")))
        return; /* nothing was asked */
    put_ns(w, "total_duration", ns_of(f->timings.prompt_ms) + ns_of(f->timings.answer_ms));
    put_ns(w, "load_duration", 0);
    put_count(w, "prompt_eval_count", f->usage.prompt);
    put_ns(w, "prompt_eval_duration", ns_of(f->timings.prompt_ms));
    put_count(w, "eval_count", f->usage.completion);
    put_ns(w, "eval_duration", ns_of(f->timings.answer_ms));
}

static void tell_line(const struct teller *t, const struct words *s, struct text *out)
{
    struct json_writer w = open_line(text_slice(&t->model), t->created_s, out);
    put_words(&t->hearer, s, &w);
    json_key(&w, "done");
    json_put_bool(&w, false);
    json_close_object(&w);
    text_byte(out, '\n');
}

/* ---- tools ----------------------------------------------------------------------------------- */

/* An object as it is; anything else that a model made up, as text in one. */
static void put_arguments(struct slice spelled, struct json_writer *w)
{
    struct json_doc doc = {0};
    bool valid = !json_read(spelled, &json_usual_limits, NULL, &doc, NULL);
    json_key(w, "arguments");
    if (valid && json_is_object(doc.root)) {
        json_put_value(w, doc.root);
    } else if (!slice_trim(spelled).len) {
        json_put_raw(w, SLICE("{}"));
    } else {
        json_open_object(w);
        json_put_pair(w, "arguments", spelled);
        json_close_object(w);
    }
    if (valid)
        json_done(&doc);
}

static bool is_part_of(const struct json_value *part, int64_t call, int64_t place)
{
    int64_t index = place;
    if (!json_int(json_get(part, "index"), &index))
        index = place;
    return index == call;
}

/* One call, out of all the parts of a list that are its own; nothing where there is none. */
static void put_call(const struct json_value *parts, int64_t call, struct json_writer *w)
{
    struct text id = {0}, name = {0}, arguments = {0};
    int64_t place = 0;
    bool found = false;
    for (struct json_iter i = json_begin(parts); json_next(&i); place++) {
        const struct json_value *function = json_get(i.value, "function");
        if (!is_part_of(i.value, call, place))
            continue;
        found = true;
        if (!id.len)
            text_add(&id, json_text(json_get(i.value, "id")));
        if (!name.len)
            text_add(&name, json_text(json_get(function, "name")));
        text_add(&arguments, json_text(json_get(function, "arguments")));
    }
    if (found) {
        json_open_object(w);
        if (id.len)
            json_put_pair(w, "id", text_slice(&id));
        json_key(w, "function");
        json_open_object(w);
        json_key(w, "index");
        json_put_int(w, call);
        json_put_pair(w, "name", text_slice(&name));
        put_arguments(text_slice(&arguments), w);
        json_close_object(w);
        json_close_object(w);
    }
    w->out->failed |= id.failed || name.failed || arguments.failed;
    text_fini(&id);
    text_fini(&name);
    text_fini(&arguments);
}

static void write_calls(const struct json_value *parts, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_array(&w);
    for (int64_t call = 0; call < (int64_t)MOST_CALLS; call++)
        put_call(parts, call, &w); /* numbers may be left out */
    json_close_array(&w);
}

/* Which call a part is of. Where it has no number, a new id begins a new one. */
static int64_t number_of(struct teller *t, const struct json_value *part)
{
    int64_t index;
    if (!json_int(json_get(part, "index"), &index) || index < 0 || index >= (int64_t)MOST_CALLS)
        index = json_is_text(json_get(part, "id")) || !t->tools ? t->tools : t->tools - 1;
    if (index >= (int64_t)t->tools)
        t->tools = (unsigned)index + 1;
    return index;
}

/* Parts of calls are kept until all are there. */
static void keep_parts(struct teller *t, const struct json_value *parts)
{
    t->kept.limit = MOST_KEPT;
    for (struct json_iter i = json_begin(parts); json_next(&i);) {
        struct json_writer w = json_writer(&t->kept);
        text_byte(&t->kept, t->kept.len ? ',' : '[');
        json_open_object(&w);
        json_key(&w, "index");
        json_put_int(&w, number_of(t, i.value));
        for (struct json_iter k = json_begin(i.value); json_next(&k);) {
            if (slice_is(k.key, SLICE("index")))
                continue;
            json_key_slice(&w, k.key);
            json_put_value(&w, k.value);
        }
        json_close_object(&w);
    }
}

static void tell_calls(struct teller *t, struct text *out)
{
    struct json_doc doc;
    struct text calls = {0};
    if (!t->kept.len && !t->kept.failed)
        return;
    text_byte(&t->kept, ']');
    if (t->kept.failed || json_read(text_slice(&t->kept), &json_usual_limits, NULL, &doc, NULL)) {
        out->failed = true;
        return;
    }
    write_calls(doc.root, &calls);
    json_done(&doc);
    tell_line(t, &(struct words){.tools = text_slice(&calls)}, out);
    out->failed |= calls.failed;
    text_fini(&calls);
    text_fini(&t->kept);
}

/* ---- a stream -------------------------------------------------------------------------------- */

static void begin(struct teller *t, struct text *out)
{
    (void)t;
    (void)out;
}

static void piece(struct teller *t, enum event_kind kind, struct slice piece, struct text *out)
{
    struct words s = {.raw = true};
    if (kind == EVENT_TEXT)
        s.text = piece;
    else
        s.thinking = piece;
    tell_line(t, &s, out);
}

static void said(struct teller *t, const struct said *s, struct text *out)
{
    struct words words = {.text = s->text.len ? s->text : s->refusal,
                          .thinking = s->reasoning,
                          .logprobs = s->logprobs};
    if (s->index)
        return;
    if (words.text.len || words.thinking.len)
        tell_line(t, &words, out);
    if (json_count(s->tools))
        keep_parts(t, s->tools);
    if (s->finish.len)
        tell_calls(t, out);
}

static void end(struct teller *t, struct text *out)
{
    struct figures f = {text_slice(&t->finish), t->usage, t->timings};
    tell_calls(t, out);
    struct json_writer w = open_line(text_slice(&t->model), t->created_s, out);
    put_words(&t->hearer, &(struct words){.text = SLICE("")}, &w);
    put_end(&f, &w);
    json_close_object(&w);
    text_byte(out, '\n');
}

/* ---- an object ------------------------------------------------------------------------------- */

static void write_text(const struct hearer *l, const struct json_value *object, struct text *out)
{
    struct said s = said_read(json_at(json_get(object, "choices"), 0));
    struct figures f = {s.finish, usage_read(json_get(object, "usage")),
                        timings_read(json_get(object, "timings"))};
    struct text calls = {0};
    int64_t created = 0;
    if (!json_int(json_get(object, "created"), &created) || created < 0)
        created = 0;
    if (json_count(s.tools))
        write_calls(s.tools, &calls);
    struct words words = {s.text.len ? s.text : s.refusal, s.reasoning, false, text_slice(&calls),
                          s.logprobs};
    struct json_writer w = open_line(json_text(json_get(object, "model")), (uint64_t)created, out);
    put_words(l, &words, &w);
    put_end(&f, &w);
    json_close_object(&w);
    out->failed |= calls.failed;
    text_fini(&calls);
}

/* The one of this index; they usually stand in order. */
static const struct json_value *vector_at(const struct json_value *data, size_t i)
{
    int64_t index = (int64_t)i;
    const struct json_value *at = json_at(data, i);
    if (!json_int(json_get(at, "index"), &index) || index == (int64_t)i)
        return json_get(at, "embedding");
    for (struct json_iter k = json_begin(data); json_next(&k);) {
        if (json_int(json_get(k.value, "index"), &index) && index == (int64_t)i)
            return json_get(k.value, "embedding");
    }
    return json_get(at, "embedding");
}

/* Its root by Newton's way: this room links no library of mathematics. */
static double root_of(double square)
{
    double x = square > 1 ? square : 1;
    for (unsigned i = 0; i < 100; i++) {
        double next = (x + square / x) / 2;
        if (next >= x)
            break;
        x = next;
    }
    return x;
}

/* Of length 1, as Ollama's are. */
static void put_unit(const struct json_value *vector, struct json_writer *w)
{
    double square = 0;
    for (struct json_iter i = json_begin(vector); json_next(&i);)
        square += json_number(i.value) * json_number(i.value);
    bool unit = square > 1 - 1e-5 && square < 1 + 1e-5;
    if (unit || !(square > 0)) {
        json_put_value(w, vector);
        return;
    }
    double length = root_of(square);
    json_open_array(w);
    for (struct json_iter i = json_begin(vector); json_next(&i);)
        json_put_float(w, (float)(json_number(i.value) / length));
    json_close_array(w);
}

static void write_vectors(const struct json_value *object, struct text *out)
{
    const struct json_value *data = json_get(object, "data");
    struct usage usage = usage_read(json_get(object, "usage"));
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "model", json_text(json_get(object, "model")));
    json_key(&w, "embeddings");
    json_open_array(&w);
    for (size_t i = 0; i < json_count(data); i++)
        put_unit(vector_at(data, i), &w);
    json_close_array(&w);
    put_ns(&w, "total_duration", 0);
    put_ns(&w, "load_duration", 0);
    put_count(&w, "prompt_eval_count", usage.prompt);
    json_close_object(&w);
}

/* The older form: one vector, as long as the model made it. */
static void write_vector(const struct json_value *object, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_key(&w, "embedding");
    if (json_count(json_get(object, "data"))) {
        json_put_value(&w, vector_at(json_get(object, "data"), 0));
    } else { /* nothing was asked */
        json_open_array(&w);
        json_close_array(&w);
    }
    json_close_object(&w);
}

static void write_object(const struct hearer *l, const struct json_value *object, struct text *out)
{
    if (l->kind == CALL_EMBED)
        write_vectors(object, out);
    else if (l->kind == CALL_VECTOR)
        write_vector(object, out);
    else
        write_text(l, object, out);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static void write_error(const struct why *why, struct text *out)
{
    struct json_writer w = json_writer(out);
    struct text words = {0};
    voice_error_words(why, &words);
    json_open_object(&w);
    json_put_pair(&w, "error", text_slice(&words));
    json_close_object(&w);
    text_fini(&words);
}

static void write_error_event(const struct why *why, struct text *out)
{
    write_error(why, out);
    text_byte(out, '\n');
}

const struct voice ollama_voice = {
    .lines = true,
    .begin = begin,
    .piece = piece,
    .said = said,
    .end = end,
    .write_object = write_object,
    .write_error = write_error,
    .write_error_event = write_error_event,
};
