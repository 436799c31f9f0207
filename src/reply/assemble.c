/* assemble: one chat.completion object out of a stream's chunks, for a caller who did not ask for a
 * stream; then in his dialect. An answer that came as one object is kept as that. What hearth does
 * not know (timings, fingerprints) is carried over: the last one told wins. */
#include "base/mem.h"
#include "reply/voice.h"

#define MOST_CHOICES 8u
#define USUAL_FRAME 400u /* bytes of an answer around its text */
#define KEEP_ROOM 65536u /* between chunks */
#define MOST_CALLS 128u
#define MOST_EXTRAS 16u
#define MOST_BYTES (64u * 1024 * 1024) /* of one answer held in memory */

static const struct json_limits whole_limits = {.depth = 64, .values = 8000000};

struct tool_call {
    struct text id, type, name, arguments;
};

struct choice {
    bool has_content, has_tools, has_function;
    struct text role, content, refusal, reasoning, finish, logprobs;
    struct tool_call *calls;
    unsigned n_calls;
    struct tool_call function; /* from before there were tools: name and arguments */
};

struct extra { /* a top-level field and its value as JSON */
    struct text name, value;
};

struct assembler {
    struct hearer hearer;
    struct text whole;                    /* the answer, when it came as one object */
    bool ready;                           /* it is as the hearer reads it */
    struct choice *choices[MOST_CHOICES]; /* NULL: not seen */
    struct extra *extras;                 /* NULL, or room for all */
    unsigned n_extras;
    struct text id, created, model, usage;
    struct text scratch;
    size_t bytes;
};

static void text_fini_all(struct text *const *texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        text_fini(texts[i]);
}

struct assembler *assembler_new(const struct hearer *l)
{
    struct assembler *a = mem_new(struct assembler);
    if (a)
        a->hearer = *l;
    return a;
}

static void call_fini(struct tool_call *t)
{
    text_fini_all((struct text *[]){&t->id, &t->type, &t->name, &t->arguments}, 4);
}

static void choice_free(struct choice *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < c->n_calls; i++)
        call_fini(&c->calls[i]);
    mem_free(c->calls);
    call_fini(&c->function);
    text_fini_all((struct text *[]){&c->role, &c->content, &c->refusal, &c->reasoning, &c->finish,
                                    &c->logprobs},
                  6);
    mem_free(c);
}

void assembler_free(struct assembler *a)
{
    if (!a)
        return;
    for (unsigned i = 0; i < MOST_CHOICES; i++)
        choice_free(a->choices[i]);
    for (unsigned i = 0; i < a->n_extras; i++)
        text_fini_all((struct text *[]){&a->extras[i].name, &a->extras[i].value}, 2);
    mem_free(a->extras);
    text_fini_all(
        (struct text *[]){&a->id, &a->created, &a->model, &a->usage, &a->scratch, &a->whole}, 6);
    mem_free(a);
}

/* ---- adding --------------------------------------------------------------------------------- */

static void append(struct text *to, const struct json_value *v)
{
    text_add(to, json_text(v));
}

static void replace(struct text *to, const struct json_value *v)
{
    text_clear(to);
    json_copy(v, to);
}

static void once(struct text *to, const struct json_value *v)
{
    if (!to->len)
        append(to, v);
}

static enum err add_tool_call(struct choice *c, const struct json_value *v)
{
    int64_t index = c->n_calls ? (int64_t)c->n_calls - 1 : 0;
    const struct json_value *function = json_get(v, "function");
    if (!json_int(json_get(v, "index"), &index) && json_is_text(json_get(v, "id")))
        index = c->n_calls; /* no index, but a new id: a new call */
    if (index < 0 || index >= (int64_t)MOST_CALLS)
        return ERR_BAD_RESPONSE;
    if (index >= (int64_t)c->n_calls) {
        unsigned n = (unsigned)index + 1;
        struct tool_call *calls = mem_grow(c->calls, n * sizeof *calls);
        if (!calls)
            return ERR_NO_MEMORY;
        memset(calls + c->n_calls, 0, (n - c->n_calls) * sizeof *calls);
        c->calls = calls;
        c->n_calls = n;
    }
    struct tool_call *t = &c->calls[index];
    once(&t->id, json_get(v, "id"));
    once(&t->type, json_get(v, "type"));
    once(&t->name, json_get(function, "name"));
    append(&t->arguments, json_get(function, "arguments"));
    c->has_tools = true;
    return OK;
}

static void add_function_call(struct choice *c, const struct json_value *v)
{
    if (!json_is_object(v))
        return;
    once(&c->function.name, json_get(v, "name"));
    append(&c->function.arguments, json_get(v, "arguments"));
    c->has_function = true;
}

/* The tokens of all chunks one after another: the inside of each chunk's list. */
static void add_logprobs(struct choice *c, const struct json_value *logprobs)
{
    for (struct json_iter i = json_begin(json_get(logprobs, "content")); json_next(&i);) {
        if (c->logprobs.len)
            text_byte(&c->logprobs, ',');
        json_copy(i.value, &c->logprobs);
    }
}

static enum err add_delta(struct choice *c, const struct json_value *delta)
{
    const struct json_value *v[DELTA_FIELDS];
    enum err e = OK;
    delta_pick(delta, v);
    bool named = json_is_text(v[DELTA_REASONING_CONTENT]);
    c->has_content |= json_is_text(v[DELTA_CONTENT]);
    once(&c->role, v[DELTA_ROLE]);
    append(&c->content, v[DELTA_CONTENT]);
    append(&c->refusal, v[DELTA_REFUSAL]);
    append(&c->reasoning, v[named ? DELTA_REASONING_CONTENT : DELTA_REASONING]);
    add_function_call(c, v[DELTA_FUNCTION]);
    for (struct json_iter i = json_begin(v[DELTA_TOOLS]); !e && json_next(&i);)
        e = add_tool_call(c, i.value);
    return e;
}

static enum err add_choice(struct assembler *a, const struct json_value *v)
{
    enum { INDEX, DELTA, FINISH, LOGPROBS, N };
    static const struct slice names[N] = {
        [INDEX] = {"index", 5},
        [DELTA] = {"delta", 5},
        [FINISH] = {"finish_reason", 13},
        [LOGPROBS] = {"logprobs", 8},
    };
    const struct json_value *of[N];
    int64_t index = 0;
    json_pick(v, names, N, of);
    if (of[INDEX] && !json_int(of[INDEX], &index))
        return ERR_BAD_RESPONSE;
    if (index < 0 || index >= (int64_t)MOST_CHOICES)
        return ERR_BAD_RESPONSE;
    if (!a->choices[index])
        a->choices[index] = mem_new(struct choice);
    struct choice *c = a->choices[index];
    if (!c)
        return ERR_NO_MEMORY;
    if (json_is_text(of[FINISH])) {
        text_clear(&c->finish);
        append(&c->finish, of[FINISH]);
    }
    add_logprobs(c, of[LOGPROBS]);
    append(&c->content, json_get(v, "text")); /* of a text, which has no delta */
    return add_delta(c, of[DELTA]);
}

static enum err add_extra(struct assembler *a, struct slice key, const struct json_value *v)
{
    unsigned i = 0;
    if (!a->extras)
        a->extras = mem_alloc(MOST_EXTRAS * sizeof *a->extras);
    if (!a->extras)
        return ERR_NO_MEMORY;
    while (i < a->n_extras && !slice_is(text_slice(&a->extras[i].name), key))
        i++;
    if (i == MOST_EXTRAS || json_is_null(v))
        return OK;
    if (i == a->n_extras) {
        a->n_extras++;
        text_add(&a->extras[i].name, key);
    }
    replace(&a->extras[i].value, v);
    return OK;
}

/* The first that is told of each. They are read from the event's own bytes, where they are the
 * caller's; in what was parsed they may be the target's. */
static void add_names(struct assembler *a, struct slice json)
{
    const struct {
        struct text *text;
        struct slice name;
    } names[] = {
        {&a->id, SLICE("id")}, {&a->created, SLICE("created")}, {&a->model, SLICE("model")}};
    struct slice key;
    struct json_span span;
    /* usually they stand before what is long: the walk ends with the last of them */
    for (size_t at = 0; !(a->id.len && a->created.len && a->model.len) &&
                        json_next_span(json, &at, &key, &span);) {
        for (size_t i = 0; i < COUNT(names); i++) {
            if (slice_is(key, names[i].name) && !names[i].text->len)
                text_add(names[i].text,
                         (struct slice){json.ptr + span.value, span.end - span.value});
        }
    }
}

static enum err add_chunk(struct assembler *a, const struct json_value *chunk)
{
    enum err e = OK;
    for (struct json_iter i = json_begin(chunk); !e && json_next(&i);) {
        if (slice_is(i.key, SLICE("choices"))) {
            for (struct json_iter c = json_begin(i.value); !e && json_next(&c);)
                e = add_choice(a, c.value);
        } else if (slice_is(i.key, SLICE("usage"))) {
            if (json_is_object(i.value))
                replace(&a->usage, i.value);
        } else if (!slice_is(i.key, SLICE("id")) && !slice_is(i.key, SLICE("object")) &&
                   !slice_is(i.key, SLICE("created")) && !slice_is(i.key, SLICE("model"))) {
            e = add_extra(a, i.key, i.value);
        }
    }
    return e;
}

/* A chunk that told nothing new but its text. */
static bool add_piece(struct assembler *a, const struct event *event)
{
    struct choice *c = a->choices[0];
    if (!event->piece.len || !c)
        return false;
    struct text *to = event->kind == EVENT_TEXT ? &c->content : &c->reasoning;
    if (!to->len) /* no: one like it is added in full first */
        return false;
    json_add_plain(event->piece, to);
    return true;
}

enum err assembler_add(struct assembler *a, const struct event *event)
{
    struct json_doc doc;
    if (!event->json.len)
        return OK;
    a->bytes += event->json.len;
    if (a->bytes > MOST_BYTES)
        return ERR_BAD_RESPONSE;
    if (event->kind == EVENT_WHOLE) {
        text_add(&a->whole, event->json);
        a->ready = event->ready;
        return a->whole.failed ? ERR_NO_MEMORY : OK;
    }
    if (add_piece(a, event))
        return OK;
    add_names(a, event->json);
    if (event->parsed)
        return add_chunk(a, event->parsed);
    enum err e = json_read(event->json, &json_usual_limits, &a->scratch, &doc, NULL);
    if (e)
        return e == ERR_NO_MEMORY ? e : ERR_BAD_RESPONSE;
    e = add_chunk(a, doc.root);
    json_done(&doc);
    if (a->scratch.room > KEEP_ROOM)
        text_fini(&a->scratch);
    return e;
}

/* ---- writing -------------------------------------------------------------------------------- */

static void put_raw_or(struct json_writer *w, const char *key, const struct text *raw,
                       struct slice otherwise)
{
    json_key(w, key);
    json_put_raw(w, raw->len ? text_slice(raw) : otherwise);
}

static void put_text_or_null(struct json_writer *w, const char *key, const struct text *t, bool is)
{
    json_key(w, key);
    if (is)
        json_put_text(w, text_slice(t));
    else
        json_put_null(w);
}

static void write_function(struct json_writer *w, const char *key, const struct tool_call *t)
{
    json_key(w, key);
    json_open_object(w);
    json_put_pair(w, "name", text_slice(&t->name));
    json_put_pair(w, "arguments", text_slice(&t->arguments));
    json_close_object(w);
}

static void write_tool_calls(struct json_writer *w, const struct choice *c)
{
    json_key(w, "tool_calls");
    json_open_array(w);
    for (unsigned i = 0; i < c->n_calls; i++) {
        const struct tool_call *t = &c->calls[i];
        if (!t->id.len && !t->name.len && !t->arguments.len)
            continue; /* a number that was left out */
        json_open_object(w);
        json_put_pair(w, "id", text_slice(&t->id));
        json_put_pair(w, "type", t->type.len ? text_slice(&t->type) : SLICE("function"));
        write_function(w, "function", t);
        json_close_object(w);
    }
    json_close_array(w);
}

static void write_choice(struct json_writer *w, const struct choice *c, unsigned index)
{
    json_open_object(w);
    json_key(w, "index");
    json_put_u64(w, index);
    json_key(w, "message");
    json_open_object(w);
    json_put_pair(w, "role", c->role.len ? text_slice(&c->role) : SLICE("assistant"));
    put_text_or_null(w, "content", &c->content,
                     c->has_content || !(c->has_tools || c->has_function));
    put_text_or_null(w, "refusal", &c->refusal, c->refusal.len > 0);
    if (c->reasoning.len)
        json_put_pair(w, "reasoning_content", text_slice(&c->reasoning));
    if (c->has_tools)
        write_tool_calls(w, c);
    if (c->has_function)
        write_function(w, "function_call", &c->function);
    json_close_object(w);
    json_key(w, "logprobs");
    if (c->logprobs.len) {
        json_open_object(w);
        json_key(w, "content");
        json_open_array(w);
        json_put_raw(w, text_slice(&c->logprobs));
        json_close_array(w);
        json_key(w, "refusal");
        json_put_null(w);
        json_close_object(w);
    } else {
        json_put_null(w);
    }
    json_put_pair(w, "finish_reason", c->finish.len ? text_slice(&c->finish) : SLICE("stop"));
    json_close_object(w);
}

static bool call_failed(const struct tool_call *t)
{
    return t->id.failed || t->type.failed || t->name.failed || t->arguments.failed;
}

static bool choice_failed(const struct choice *c)
{
    bool failed = c->role.failed || c->content.failed || c->refusal.failed || c->reasoning.failed ||
                  c->finish.failed || c->logprobs.failed || call_failed(&c->function);
    for (unsigned i = 0; i < c->n_calls; i++)
        failed |= call_failed(&c->calls[i]);
    return failed;
}

static bool any_failed(const struct assembler *a)
{
    bool failed = a->id.failed || a->created.failed || a->model.failed || a->usage.failed;
    for (unsigned i = 0; i < MOST_CHOICES; i++)
        failed |= a->choices[i] && choice_failed(a->choices[i]);
    for (unsigned i = 0; i < a->n_extras; i++)
        failed |= a->extras[i].name.failed || a->extras[i].value.failed;
    return failed;
}

/* Enough for most answers: then their memory is asked for once. */
static size_t usual_size(const struct assembler *a)
{
    const struct choice *c = a->choices[0];
    return USUAL_FRAME + a->usage.len + (c ? c->content.len + c->reasoning.len : 0);
}

static enum err write_common(struct assembler *a, struct text *out)
{
    struct json_writer w = json_writer(out);
    if (any_failed(a) || !text_room(out, usual_size(a)))
        return ERR_NO_MEMORY;
    json_open_object(&w);
    put_raw_or(&w, "id", &a->id, SLICE("\"chatcmpl-0\""));
    json_put_pair(&w, "object", SLICE("chat.completion"));
    put_raw_or(&w, "created", &a->created, SLICE("0"));
    put_raw_or(&w, "model", &a->model, SLICE("\"\""));
    json_key(&w, "choices");
    json_open_array(&w);
    for (unsigned i = 0; i < MOST_CHOICES; i++) {
        if (a->choices[i])
            write_choice(&w, a->choices[i], i);
    }
    json_close_array(&w);
    if (a->usage.len)
        put_raw_or(&w, "usage", &a->usage, SLICE("null"));
    for (unsigned i = 0; i < a->n_extras; i++) {
        json_key_slice(&w, text_slice(&a->extras[i].name));
        json_put_raw(&w, text_slice(&a->extras[i].value));
    }
    json_close_object(&w);
    return out->failed ? ERR_NO_MEMORY : OK;
}

static enum err translate(struct assembler *a, struct slice object, struct text *out)
{
    struct json_doc doc;
    enum err e = json_read(object, &whole_limits, NULL, &doc, NULL);
    if (e)
        return e == ERR_NO_MEMORY ? e : ERR_BAD_RESPONSE;
    voice_of(&a->hearer)->write_object(&a->hearer, doc.root, out);
    json_done(&doc);
    return out->failed ? ERR_NO_MEMORY : OK;
}

enum err assembler_finish(struct assembler *a, struct text *out)
{
    struct text common = {0};
    bool whole = a->whole.len > 0;
    bool as_it_is = !voice_of(&a->hearer)->write_object; /* that is how he reads it */
    if (whole && (a->ready || as_it_is)) {
        text_add(out, text_slice(&a->whole));
        return out->failed ? ERR_NO_MEMORY : OK;
    }
    if (as_it_is)
        return write_common(a, out);
    enum err e = whole ? OK : write_common(a, &common);
    if (!e)
        e = translate(a, text_slice(whole ? &a->whole : &common), out);
    text_fini(&common);
    return e;
}
