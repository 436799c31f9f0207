/* openai_call: a call as clients of OpenAI and of llama-server write it, read once: each member of
 * the outermost object is looked up in the table of fields, judged, and where it must change before
 * any target gets it, an edit is noted. What only some targets need is the wire's. */
#include "dialect/openai_chat.h"

#define MOST_TOKEN 1024u /* bytes; no vocabulary has words so long */
#define LATER_EDITS 5u   /* that the wire may add: the model, more members, a message, a choice */

struct members { /* of the outermost object, while they are walked in order */
    struct call *call;
    struct arena *arena;
    struct chat_fields *fields;
    size_t kept_end; /* end of the last member that stays; 0: none yet */
    size_t cut_from; /* start of a run of stripped members at the front; 0: none */
    bool streams;    /* an answer in events is asked for, whoever gets it then */
    bool has_stream, has_stream_options;
    struct json_span choice, tools; /* key == end: not there */
};

/* ---- edits --------------------------------------------------------------------------------- */

/* A stripped member goes together with the comma before it, or, where nothing before it stays,
 * with all up to the next member. */
static enum err strip(struct members *m, const struct json_span *span)
{
    struct edits *edits = &m->call->edits;
    struct edit *last = edits->n ? &edits->list[edits->n - 1] : NULL;
    size_t gone = last ? last->at + last->len : 0; /* up to there */
    if (!m->kept_end) {
        m->cut_from = m->cut_from ? m->cut_from : span->key;
        return OK;
    }
    if (gone > m->kept_end) { /* the run that this one continues */
        last->len = span->end - last->at;
        return OK;
    }
    return edits_add(edits, m->call->body,
                     (struct edit){m->kept_end, span->end - m->kept_end, {0}});
}

static enum err keep(struct members *m, const struct json_span *span)
{
    enum err e = OK;
    if (m->cut_from)
        e = edits_add(&m->call->edits, m->call->body,
                      (struct edit){m->cut_from, span->key - m->cut_from, {0}});
    m->cut_from = 0;
    m->kept_end = span->end;
    return e;
}

static enum err change(struct members *m, size_t at, size_t end, struct slice text)
{
    return edits_add(&m->call->edits, m->call->body, (struct edit){at, end - at, text});
}

static enum err add_kept(struct members *m, size_t at, size_t end, struct slice text)
{
    text = arena_dup(m->arena, text);
    return text.ptr ? change(m, at, end, text) : ERR_NO_MEMORY;
}

static void put_stream_options(struct json_writer *w)
{
    json_open_object(w);
    json_key(w, "include_usage");
    json_put_bool(w, true);
    json_close_object(w);
}

/* Where include_usage stands in the caller's options: its value, or the place before their first
 * member, or all of them when they are empty or hold names with escapes. */
static struct json_span usage_place(struct slice body, const struct json_span *options)
{
    struct slice key;
    struct json_span span, first = *options;
    for (size_t at = options->value; json_next_span(body, &at, &key, &span);) {
        if (slice_find(key, '\\') < key.len)
            return *options; /* it might spell include_usage: better without */
        if (slice_is(key, SLICE("include_usage")))
            return span;
        if (first.value == options->value)
            first = (struct json_span){span.key, span.key, span.key};
    }
    return first;
}

static bool is_true(struct slice body, const struct json_span *span)
{
    return slice_is((struct slice){body.ptr + span->value, span->end - span->value}, SLICE("true"));
}

/* What else the options hold stays as it is. */
static enum err ask_for_usage(struct members *m, const struct json_span *options)
{
    struct json_span place = usage_place(m->call->body, options);
    bool whole = place.value == options->value, missing = place.value == place.end;
    if (!whole && !missing)
        return is_true(m->call->body, &place) ? OK
                                              : change(m, place.value, place.end, SLICE("true"));
    struct text members = {0};
    struct json_writer w = json_writer(&members);
    put_stream_options(&w);
    enum err e = members.failed ? ERR_NO_MEMORY : OK;
    if (!e && missing) /* one more member, before the first */
        members.ptr[members.len - 1] = ',';
    if (!e)
        e = add_kept(m, place.value, place.end, slice_from(text_slice(&members), missing));
    text_fini(&members);
    return e;
}

/* What is missing is put in front of the first member, all in one edit. */
static enum err insert_missing(struct members *m)
{
    struct text object = {0};
    struct json_writer w = json_writer(&object);
    enum err e = OK;
    if (!m->streams || (m->has_stream && m->has_stream_options))
        return OK;
    json_open_object(&w);
    if (!m->has_stream) {
        json_key(&w, "stream");
        json_put_bool(&w, true);
    }
    if (!m->has_stream_options) {
        json_key(&w, "stream_options");
        put_stream_options(&w);
    }
    json_close_object(&w);
    if (object.failed) {
        e = ERR_NO_MEMORY;
    } else { /* its members and a comma, without the braces */
        object.ptr[object.len - 1] = ',';
        e = add_kept(m, m->call->front, m->call->front, slice_from(text_slice(&object), 1));
    }
    text_fini(&object);
    return e;
}

/* ---- members ------------------------------------------------------------------------------- */

static bool is_no_limit(const struct json_value *v)
{
    int64_t n = 0;
    return json_is_number(v) && json_int(v, &n) && n == -1;
}

static enum err judge(struct members *m, const struct chat_row *row, const struct json_value *v,
                      size_t len, struct why *why)
{
    if (row->role == CHAT_TRUTH && m->call->kind != CALL_CHAT)
        return OK;
    if (row->role == CHAT_SCHEMA && len > MOST_SCHEMA)
        return why_param(why, ERR_BAD_VALUE, row->field.name, "larger than 256 KiB");
    return json_take(&row->field, v, row->kept ? m->fields : NULL, why);
}

/* A known member that stays: what it is for, and what of it must change. */
static enum err note(struct members *m, const struct chat_row *row, const struct json_span *span)
{
    struct call *call = m->call;
    call->named[row->bit / 64] |= (uint64_t)1 << row->bit % 64;
    switch (row->role) {
    case CHAT_MODEL:
        call->model_span = *span;
        return OK;
    case CHAT_STREAM:
        m->has_stream = true;
        return !m->streams || is_true(call->body, span)
                   ? OK
                   : change(m, span->value, span->end, SLICE("true"));
    case CHAT_OPTIONS:
        m->has_stream_options = true;
        return m->streams ? ask_for_usage(m, span) : OK;
    case CHAT_MESSAGES:
        call->first_message = span->value + 1;
        return OK;
    case CHAT_TOOLS:
        m->fields->tools_len = span->end - span->value;
        m->tools = *span;
        return OK;
    case CHAT_PASS:
    case CHAT_TRUTH:
    case CHAT_LIMIT:
    case CHAT_SCHEMA:
    case CHAT_DROP:
        break;
    }
    return OK;
}

static enum err read_member(struct members *m, struct slice key, const struct json_value *v,
                            const struct json_span *span, struct why *why)
{
    const struct chat_row *row = chat_row(key);
    if (chat_drops(key, row) || (row && row->role == CHAT_LIMIT && is_no_limit(v)))
        return strip(m, span);
    enum err e = row && !json_is_null(v) ? judge(m, row, v, span->end - span->value, why) : OK;
    if (!e)
        e = keep(m, span);
    if (slice_is(key, SLICE("tool_choice")))
        m->choice = *span;
    return e || !row ? e : note(m, row, span);
}

/* The document and its text in step: both have the members in the caller's order. */
static enum err read_members(struct members *m, const struct json_value *root, struct why *why)
{
    struct call *call = m->call;
    struct json_iter i = json_begin(root);
    struct slice key;
    struct json_span span;
    enum err e = OK;
    call->front = slice_find(call->body, '{') + 1;
    call->model_span = (struct json_span){call->front, call->front, call->front};
    for (size_t at = 0; !e && json_next_span(call->body, &at, &key, &span) && json_next(&i);) {
        if (slice_find(key, '\\') < key.len)
            return why_set(why, ERR_BAD_REQUEST, "write the names of fields without escapes");
        e = read_member(m, key, i.value, &span, why);
    }
    return e;
}

static struct slice function_of(const struct json_value *tool)
{
    return json_text(json_get(json_get(tool, "function"), "name"));
}

static const struct json_value *named_tool(const struct json_value *root)
{
    const struct json_value *tools = json_get(root, "tools");
    struct slice name = function_of(json_get(root, "tool_choice"));
    for (struct json_iter i = json_begin(json_is_array(tools) ? tools : NULL); json_next(&i);) {
        if (name.len && slice_is(function_of(i.value), name))
            return i.value;
    }
    return NULL;
}

/* llama-server knows the words for a choice only, and takes a tool by name for "auto". To have to
 * call any of one tool is the same, and that it understands. */
static enum err note_choice(struct members *m, const struct json_value *root)
{
    const struct json_value *tool = named_tool(root);
    struct text list = {0};
    struct json_writer w = json_writer(&list);
    if (!tool || m->call->kind != CALL_CHAT)
        return OK;
    json_open_array(&w);
    json_put_value(&w, tool);
    json_close_array(&w);
    struct slice kept = list.failed ? (struct slice){0} : arena_dup(m->arena, text_slice(&list));
    text_fini(&list);
    if (!kept.ptr)
        return ERR_NO_MEMORY;
    const struct json_span *tools = &m->tools, *choice = &m->choice;
    m->call->choice[0] = (struct edit){tools->value, tools->end - tools->value, kept};
    m->call->choice[1] =
        (struct edit){choice->value, choice->end - choice->value, SLICE("\"required\"")};
    return OK;
}

static enum err finish(struct members *m, struct why *why)
{
    struct call *call = m->call;
    const struct chat_fields *f = m->fields;
    call->model = arena_dup(m->arena, f->model);
    call->stream = f->stream;
    call->wants_usage = json_is_true(json_get(f->stream_options, "include_usage"));
    call->has_system = f->has_system;
    call->messages = json_count(f->messages);
    call->tools = json_count(f->tools);
    call->n = f->n;
    call->fetches = f->remote_pictures;
    call->least_tokens = max_u64(f->tokens, f->text / MOST_TOKEN);
    enum err e = call->model.ptr ? insert_missing(m) : ERR_NO_MEMORY;
    if (!e && call->edits.n > MOST_EDITS - LATER_EDITS)
        e = ERR_BAD_REQUEST;
    return e ? why_set(why, e, "fields could not be changed for the provider") : OK;
}

/* ---- what each kind must have --------------------------------------------------------------- */

static const char *const needed[CALL_COUNT][2] = {
    [CALL_CHAT] = {"messages"},     [CALL_COMPLETE] = {"prompt"},
    [CALL_EMBED] = {"input"},       [CALL_RERANK] = {"query", "documents"},
    [CALL_TOKENIZE] = {"content"},  [CALL_DETOKENIZE] = {"tokens"},
    [CALL_TEMPLATE] = {"messages"},
};

static enum err judge_needed(const struct call *call, const struct json_value *root,
                             struct why *why)
{
    bool fills_in = call->kind == CALL_INFILL && call->dialect == DIALECT_OPENAI;
    for (size_t i = 0; i < COUNT(needed[0]); i++) {
        const char *name = fills_in ? needed[CALL_COMPLETE][i] : needed[call->kind][i];
        const struct json_value *v = name ? json_get(root, name) : NULL;
        if (name && (!v || json_is_null(v)))
            return why_param(why, ERR_MISSING_FIELD, name, "%s is missing", name);
    }
    return OK;
}

/* Several answers become several calls, of which each has one prompt. */
static enum err judge_several(const struct call *call, const struct chat_fields *f, struct why *why)
{
    bool list = json_is_array(f->prompt) && !json_is_number(json_at(f->prompt, 0));
    if (f->n > 1 && call->dialect == DIALECT_LLAMA)
        return why_param(why, ERR_BAD_VALUE, "n_cmpl",
                         "one answer is given here; ask "
                         "/v1/completions for several");
    if (f->n > 1 && list && json_count(f->prompt) > 1)
        return why_param(why, ERR_BAD_VALUE, "n",
                         "several answers to several prompts are too "
                         "much at once; ask for each prompt by itself");
    return OK;
}

/* A chat is always asked for in events: who wants one object gets it put together. The other kinds
 * are asked for as the caller asked; and llama-server tells the usage of its own streams anyway. */
static bool is_streamed(const struct call *call, const struct json_value *root)
{
    bool asked = json_is_true(json_get(root, "stream"));
    return call->dialect == DIALECT_OPENAI &&
           (call->kind == CALL_CHAT || (call->kind == CALL_COMPLETE && asked));
}

enum err openai_decode_call(struct arena *arena, struct call *call, struct why *why)
{
    struct json_doc doc;
    struct chat_fields f = {.kind = call->kind};
    struct members m = {.call = call, .arena = arena, .fields = &f};
    enum err e = json_read(call->body, &json_usual_limits, NULL, &doc, why);
    if (e)
        return e;
    m.streams = is_streamed(call, doc.root);
    call->base64 = slice_is(json_text(json_get(doc.root, "encoding_format")), SLICE("base64"));
    if (!json_is_object(doc.root))
        e = why_set(why, ERR_BAD_VALUE, "an object is expected");
    if (!e)
        e = read_members(&m, doc.root, why);
    if (!e)
        e = judge_needed(call, doc.root, why);
    if (!e)
        e = chat_judge(&f, why);
    if (!e && note_choice(&m, doc.root))
        e = why_set(why, ERR_NO_MEMORY, "no memory for the tool that is named");
    if (!e)
        e = judge_several(call, &f, why);
    if (!e)
        e = finish(&m, why);
    json_done(&doc);
    return e;
}

/* ---- a call of another dialect, for those who speak it --------------------------------------- */

enum err codec_note_own(struct arena *arena, struct call *call, struct why *why)
{
    struct members m = {.call = call, .arena = arena};
    struct slice key;
    struct json_span span;
    enum err e = OK;
    call->front = slice_find(call->body, '{') + 1;
    call->model_span = (struct json_span){call->front, call->front, call->front};
    for (size_t at = 0; !e && json_next_span(call->body, &at, &key, &span);) {
        const struct chat_row *row = chat_row(key);
        if (slice_find(key, '\\') < key.len)
            return why_set(why, ERR_BAD_REQUEST, "write the names of fields without escapes");
        e = chat_drops(key, row) ? strip(&m, &span) : keep(&m, &span);
        if (slice_is(key, SLICE("model")))
            call->model_span = span;
    }
    return e ? why_set(why, e, "fields could not be changed for the provider") : OK;
}

/* ---- a model's own settings ------------------------------------------------------------------ */

bool call_names(const struct call *c, struct slice field)
{
    const struct chat_row *row = chat_row(field);
    struct json_span span;
    if (row)
        return c->named[row->bit / 64] >> row->bit % 64 & 1;
    return json_find_span(c->body, field, &span); /* rare: one that the table does not know */
}

bool call_may_be_set(struct slice field)
{
    const struct chat_row *row = chat_row(field);
    bool passes = !row || row->role == CHAT_PASS || row->role == CHAT_LIMIT;
    return passes && !chat_drops(field, row) && slice_find(field, '\\') == field.len;
}

const struct codec openai_codec = {.name = "openai", .decode_call = openai_decode_call};
