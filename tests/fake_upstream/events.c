/* What the fake upstream says: the chunks of a chat answer as OpenAI writes them, and the clothes
 * in which an SSE event can come. The same script always gives the same bytes. */
#include "fake.h"

static void put_slice(struct json_writer *w, const char *key, struct slice text)
{
    json_put_pair(w, key, text);
}

/* --- chunks ----------------------------------------------------------------------------------- */

static void open_envelope(struct json_writer *w, const struct play *p, const char *object)
{
    char id[64];
    snprintf(id, sizeof(id), "chatcmpl-fake-%llu", (unsigned long long)p->number);
    struct slice model = p->script.shape.model;
    if (!model.len)
        model = p->asked.model;
    json_open_object(w);
    put_slice(w, "id", slice_of(id));
    put_slice(w, "object", slice_of(object));
    json_key(w, "created");
    json_put_int(w, 1700000000);
    if (p->script.shape.decoy) {
        json_key(w, "meta");
        json_open_object(w);
        put_slice(w, "model", SLICE("decoy"));
        json_close_object(w);
    }
    if (!slice_is(model, SLICE("-")))
        put_slice(w, "model", model);
    put_slice(w, "system_fingerprint", SLICE("fp_fake"));
    json_key(w, "choices");
    json_open_array(w);
}

static void put_usage(struct json_writer *w, const struct play *p)
{
    const struct shape *s = &p->script.shape;
    json_key(w, "usage");
    json_open_object(w);
    json_key(w, "prompt_tokens");
    json_put_int(w, 7);
    json_key(w, "completion_tokens");
    json_put_int(w, s->events + s->reasoning);
    json_key(w, "total_tokens");
    json_put_int(w, 7 + s->events + s->reasoning);
    json_close_object(w);
}

/* Choices are told in turn: event i of a section belongs to choice i modulo their number. */
static void open_choice(struct json_writer *w, const struct play *p, int i)
{
    open_envelope(w, p, "chat.completion.chunk");
    json_open_object(w);
    json_key(w, "index");
    json_put_int(w, i % p->asked.n);
    json_key(w, "delta");
    json_open_object(w);
}

static void put_logprobs(struct json_writer *w, struct slice token)
{
    json_key(w, "logprobs");
    json_open_object(w);
    json_key(w, "content");
    json_open_array(w);
    json_open_object(w);
    put_slice(w, "token", token);
    json_key(w, "logprob");
    json_put_number(w, -0.25);
    json_key(w, "bytes");
    json_put_null(w);
    json_key(w, "top_logprobs");
    json_open_array(w);
    json_close_array(w);
    json_close_object(w);
    json_close_array(w);
    json_key(w, "refusal");
    json_put_null(w);
    json_close_object(w);
}

static void close_choice(struct json_writer *w, const struct play *p, struct slice finish)
{
    json_key(w, "finish_reason");
    if (finish.len)
        json_put_text(w, finish);
    else
        json_put_null(w);
    json_close_object(w);
    json_close_array(w);
    if (finish.len && p->script.shape.usage == USAGE_IN_FINISH)
        put_usage(w, p);
    else if (p->script.shape.usage_null)
        json_key(w, "usage"), json_put_null(w);
    json_close_object(w);
}

static void end_delta(struct json_writer *w, const struct play *p)
{
    json_close_object(w);
    if (!p->script.shape.logprobs)
        json_key(w, "logprobs"), json_put_null(w);
    else
        put_logprobs(w, SLICE("w"));
    close_choice(w, p, (struct slice){0});
}

/* The text of content event i. */
static void add_text(const struct play *p, int i, struct text *out)
{
    const struct shape *s = &p->script.shape;
    size_t began = out->len;
    if (s->text.len)
        text_add(out, s->text);
    else if (s->nonce.len)
        text_format(out, "%.*s.%d ", SLICE_ARG(s->nonce), i);
    else
        text_format(out, "w%d ", i);
    while (out->len - began < (size_t)s->size)
        text_byte(out, (char)('a' + (out->len - began) % 26));
}

/* --- the sections of an answer, in order ------------------------------------------------------ */

static int64_t count_roles(const struct play *p)
{
    return p->asked.n;
}

static void write_role(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    put_slice(w, "role", SLICE("assistant"));
    json_key(w, "content");
    if (p->script.shape.tools)
        json_put_null(w);
    else
        json_put_text(w, SLICE(""));
    end_delta(w, p);
}

static int64_t count_reasoning(const struct play *p)
{
    return p->script.shape.reasoning * p->asked.n;
}

static void write_reasoning(const struct play *p, int i, struct json_writer *w)
{
    char thought[32];
    snprintf(thought, sizeof(thought), "thought%d ", i);
    open_choice(w, p, i);
    put_slice(w, "reasoning_content", slice_of(thought));
    end_delta(w, p);
}

static int64_t count_content(const struct play *p)
{
    return p->script.shape.events * p->asked.n;
}

static void write_content(const struct play *p, int i, struct json_writer *w)
{
    struct text t = {0};
    open_choice(w, p, i);
    json_key(w, "content");
    if (p->script.shape.escaped.len) {
        text_byte(&t, '"');
        text_add(&t, p->script.shape.escaped);
        text_byte(&t, '"');
        json_put_raw(w, text_slice(&t));
    } else {
        add_text(p, i, &t);
        json_put_text(w, text_slice(&t));
    }
    text_fini(&t);
    end_delta(w, p);
}

static int64_t count_refusals(const struct play *p)
{
    return p->script.shape.refusal ? p->asked.n : 0;
}

static void write_refusal(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    put_slice(w, "refusal", SLICE("I would rather not."));
    end_delta(w, p);
}

/* Each call comes in three chunks: its name, and its arguments in two parts. */
static int64_t count_tools(const struct play *p)
{
    return p->script.shape.tools * 3 * p->asked.n;
}

static void write_tool(const struct play *p, int i, struct json_writer *w)
{
    int call = i / (int)p->asked.n / 3, part = i / (int)p->asked.n % 3;
    char id[32], name[32];
    snprintf(id, sizeof(id), "call_%d", call);
    snprintf(name, sizeof(name), "tool_%d", call);
    open_choice(w, p, i);
    json_key(w, "tool_calls");
    json_open_array(w);
    json_open_object(w);
    json_key(w, "index");
    json_put_int(w, call);
    if (part == 0) {
        put_slice(w, "id", slice_of(id));
        put_slice(w, "type", SLICE("function"));
    }
    json_key(w, "function");
    json_open_object(w);
    if (part == 0)
        put_slice(w, "name", slice_of(name));
    put_slice(w, "arguments",
              part == 0   ? SLICE("")
              : part == 1 ? SLICE("{\"city\": \"Z\\u00fcr")
                          : SLICE("ich\", \"n\": 1}"));
    json_close_object(w);
    json_close_object(w);
    json_close_array(w);
    end_delta(w, p);
}

static struct slice finish_of(const struct play *p)
{
    struct slice finish = p->script.shape.finish;
    return p->script.shape.tools && slice_is(finish, SLICE("stop")) ? SLICE("tool_calls") : finish;
}

static int64_t count_finishes(const struct play *p)
{
    return slice_is(p->script.shape.finish, SLICE("-")) ? 0 : p->asked.n;
}

static void write_finish(const struct play *p, int i, struct json_writer *w)
{
    open_choice(w, p, i);
    json_close_object(w);
    json_key(w, "logprobs");
    json_put_null(w);
    close_choice(w, p, finish_of(p));
}

static int64_t count_usage(const struct play *p)
{
    int usage = p->script.shape.usage;
    return usage == USAGE_ALWAYS || (usage == USAGE_AUTO && p->asked.include_usage);
}

static void write_usage(const struct play *p, int i, struct json_writer *w)
{
    (void)i;
    open_envelope(w, p, "chat.completion.chunk");
    json_close_array(w);
    put_usage(w, p);
    json_close_object(w);
}

static int64_t count_junk(const struct play *p)
{
    return p->script.shape.junk.len > 0;
}

static int64_t count_done(const struct play *p)
{
    return p->script.shape.done > 0;
}

/* write NULL: not a chunk but bytes of its own, see events_write. */
static const struct section {
    int64_t (*count)(const struct play *p);
    void (*write)(const struct play *p, int i, struct json_writer *w);
} sections[] = {
    {count_roles, write_role},
    {count_reasoning, write_reasoning},
    {count_content, write_content},
    {count_refusals, write_refusal},
    {count_tools, write_tool},
    {count_junk, NULL},
    {count_finishes, write_finish},
    {count_usage, write_usage},
    {count_done, NULL},
};

int events_count(const struct play *p)
{
    int64_t n = 0;
    for (size_t i = 0; i < COUNT(sections); i++)
        n += sections[i].count(p);
    return (int)n;
}

/* --- clothes ---------------------------------------------------------------------------------- */

static void data_line(struct text *out, struct slice json, const char *eol)
{
    text_add(out, SLICE("data: "));
    text_add(out, json);
    text_add(out, slice_of(eol));
}

static void dress_plain(struct text *out, struct slice json, const char *eol)
{
    data_line(out, json, eol);
}

static void dress_tight(struct text *out, struct slice json, const char *eol)
{
    text_format(out, "data:%.*s%s", SLICE_ARG(json), eol);
}

static void dress_comments(struct text *out, struct slice json, const char *eol)
{
    text_format(out, ": a comment alone%s%s:%s", eol, eol, eol);
    data_line(out, json, eol);
    text_format(out, ":data: no data%s", eol);
}

/* After the first comma of the outermost object a line may break. */
static void dress_lines(struct text *out, struct slice json, const char *eol)
{
    size_t comma = slice_find(json, ',');
    if (comma == json.len) {
        data_line(out, json, eol);
        return;
    }
    data_line(out, slice_to(json, comma + 1), eol);
    data_line(out, slice_from(json, comma + 1), eol);
}

static void dress_fields(struct text *out, struct slice json, const char *eol)
{
    text_format(out, "event: message%sid: 7%sretry: 1000%sunknown: x%sbare%s", eol, eol, eol, eol,
                eol);
    data_line(out, json, eol);
}

static void dress_space(struct text *out, struct slice json, const char *eol)
{
    bool quoted = false, escaped = false;
    text_add(out, SLICE("data:  "));
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        bool mark = !quoted && strchr("{}[]:,", c);
        if (mark)
            text_add(out, SLICE(" \t"));
        text_byte(out, c);
        if (mark)
            text_add(out, SLICE("  "));
        if (c == '"' && !escaped)
            quoted = !quoted;
        escaped = c == '\\' && !escaped;
    }
    text_add(out, slice_of(eol));
}

static void (*const dresses[])(struct text *out, struct slice json, const char *eol) = {
    [DRESS_PLAIN] = dress_plain, [DRESS_TIGHT] = dress_tight,   [DRESS_COMMENTS] = dress_comments,
    [DRESS_LINES] = dress_lines, [DRESS_FIELDS] = dress_fields, [DRESS_SPACE] = dress_space,
};
static const char *const eols[] = {[EOL_LF] = "\n", [EOL_CRLF] = "\r\n", [EOL_CR] = "\r"};

void events_write(const struct play *p, int i, struct text *out)
{
    const char *eol = eols[p->script.shape.eol];
    const struct section *s = sections;
    while (i >= s->count(p)) {
        i -= (int)s->count(p);
        s++;
    }
    if (s->write) {
        struct text json = {0};
        struct json_writer w = json_writer(&json);
        s->write(p, i, &w);
        dresses[p->script.shape.dress](out, text_slice(&json), eol);
        text_fini(&json);
        text_add(out, slice_of(eol));
    } else if (s->count == count_junk) {
        text_add(out, p->script.shape.junk);
    } else {
        data_line(out, SLICE("[DONE]"), eol);
        text_add(out, slice_of(eol));
    }
}

/* --- answers that are no streams -------------------------------------------------------------- */

void events_object(const struct play *p, struct text *out)
{
    struct json_writer w = json_writer(out);
    open_envelope(&w, p, "chat.completion");
    for (int c = 0; c < p->asked.n; c++) {
        struct text words = {0};
        for (int i = 0; i < p->script.shape.events; i++)
            add_text(p, i, &words);
        json_open_object(&w);
        json_key(&w, "index");
        json_put_int(&w, c);
        json_key(&w, "message");
        json_open_object(&w);
        put_slice(&w, "role", SLICE("assistant"));
        put_slice(&w, "content", text_slice(&words));
        json_key(&w, "refusal");
        json_put_null(&w);
        json_close_object(&w);
        json_key(&w, "logprobs");
        json_put_null(&w);
        put_slice(&w, "finish_reason", finish_of(p));
        json_close_object(&w);
        text_fini(&words);
    }
    json_close_array(&w);
    put_usage(&w, p);
    json_close_object(&w);
}

void events_error(const struct play *p, struct text *out)
{
    const struct script *s = &p->script;
    struct json_writer w = json_writer(out);
    char words[64], code[32];
    snprintf(words, sizeof(words), "the fake upstream says %d", (int)s->wire.status);
    snprintf(code, sizeof(code), "fake_%d", (int)s->wire.status);
    json_open_object(&w);
    json_key(&w, "error");
    json_open_object(&w);
    put_slice(&w, "message", s->shape.message.len ? s->shape.message : slice_of(words));
    put_slice(&w, "type", SLICE("fake_error"));
    json_key(&w, "param");
    json_put_null(&w);
    put_slice(&w, "code", s->shape.code.len ? s->shape.code : slice_of(code));
    json_close_object(&w);
    json_close_object(&w);
}
