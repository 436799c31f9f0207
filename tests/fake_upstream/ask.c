/* Reading a request of any dialect: which model, streamed or not, with what tools and results of
 * tools, and the script in it. Wherever a dialect puts text of a user, a script may stand. */
#include "fake_common/frame.h"
#include "say.h"

/* --- the script in it ------------------------------------------------------------------------- */

static bool find_in_text(struct slice said, struct slice *ret_words)
{
    for (size_t at = 0; at + 5 <= said.len; at++) {
        if (memcmp(said.ptr + at, "fake:", 5) == 0) {
            *ret_words = slice_from(said, at + 5);
            return true;
        }
    }
    return false;
}

/* A text, or a row of texts or of parts that have one: the last with a script counts. */
static bool find_in(const struct json_value *content, struct slice *ret_words)
{
    if (json_is_text(content))
        return find_in_text(json_text(content), ret_words);
    for (size_t i = json_count(content); json_is_array(content) && i-- > 0;) {
        const struct json_value *part = json_at(content, i);
        struct slice said =
            json_is_text(part) ? json_text(part) : json_text(json_get(part, "text"));
        if (find_in_text(said, ret_words))
            return true;
    }
    return false;
}

static bool is_by(const struct json_value *message, const char *role)
{
    return slice_is(json_text(json_get(message, "role")), slice_of(role));
}

/* What a tool or a model said is no script, even where it repeats one. */
static struct slice find_words(const struct json_value *root)
{
    const struct json_value *messages = json_get(root, "messages");
    struct slice words = {0};
    for (size_t i = json_count(messages); i-- > 0;) {
        const struct json_value *m = json_at(messages, i);
        if (!is_by(m, "tool") && !is_by(m, "assistant") && find_in(json_get(m, "content"), &words))
            return words;
    }
    static const char *const others[] = {"prompt", "input", "input_prefix"};
    for (size_t i = 0; i < COUNT(others) && !find_in(json_get(root, others[i]), &words); i++) {
    }
    return words;
}

/* --- tools ------------------------------------------------------------------------------------ */

static bool may_call(const struct json_value *root)
{
    const struct json_value *choice = json_get(root, "tool_choice");
    struct slice how =
        json_is_text(choice) ? json_text(choice) : json_text(json_get(choice, "type"));
    return !slice_is(how, SLICE("none"));
}

static bool has_tool(const struct json_value *root, struct slice name)
{
    const struct json_value *tools = json_get(root, "tools");
    for (size_t i = 0; i < json_count(tools); i++) {
        const struct json_value *tool = json_at(tools, i), *inner = json_get(tool, "function");
        if (slice_is(json_text(json_get(inner ? inner : tool, "name")), name))
            return true;
    }
    return false;
}

static void add_result(struct play *p, const struct json_value *content, struct text *all)
{
    if (p->asked.calls_done++)
        text_add(all, SLICE(" | "));
    text_add(all, json_text(content));
    for (size_t i = 0; json_is_array(content) && i < json_count(content); i++)
        text_add(all, json_text(json_get(json_at(content, i), "text")));
}

/* Messages of a tool (OpenAI, Ollama), or parts of the user's messages (Anthropic). */
static void read_results(struct play *p, const struct json_value *root)
{
    const struct json_value *messages = json_get(root, "messages");
    struct text all = {0};
    for (size_t i = 0; i < json_count(messages); i++) {
        const struct json_value *m = json_at(messages, i), *content = json_get(m, "content");
        if (is_by(m, "tool")) {
            add_result(p, content, &all);
            continue;
        }
        for (size_t k = 0; json_is_array(content) && k < json_count(content); k++) {
            const struct json_value *part = json_at(content, k);
            if (slice_is(json_text(json_get(part, "type")), SLICE("tool_result")))
                add_result(p, json_get(part, "content"), &all);
        }
    }
    p->asked.results = arena_dup(&p->arena, text_slice(&all));
    text_fini(&all);
}

/* A loop calls its tool until so many results are there, and then says what they were. */
static void settle_loop(struct play *p, const struct json_value *root)
{
    struct shape *s = &p->script.shape;
    if (!s->loop.len)
        return;
    int64_t each = s->tools > 0 ? s->tools : 1;
    s->tools = 0;
    if (json_count(json_get(root, "tools")) && !has_tool(root, s->loop)) {
        snprintf(p->script.wrong, sizeof(p->script.wrong), "no tool %.*s", SLICE_ARG(s->loop));
    } else if (json_count(json_get(root, "tools")) && may_call(root) &&
               p->asked.calls_done < s->rounds * each) {
        s->tools = each;
        s->events = 0;
    } else if (p->asked.calls_done) {
        s->text = arena_format(&p->arena, "the tool said: %.*s", SLICE_ARG(p->asked.results));
        s->events = 1;
    }
}

/* --- what is embedded ------------------------------------------------------------------------- */

static void add_input(struct asked *a, const struct json_value *v)
{
    struct text json = {0};
    if (v)
        json_copy(v, &json);
    if (a->inputs < MOST_INPUTS)
        a->input_hashes[a->inputs++] = frame_hash(text_slice(&json));
    text_fini(&json);
}

/* A text, a row of texts, a row of tokens, or a row of rows of tokens. */
static void read_inputs(struct asked *a, const struct json_value *root)
{
    const struct json_value *input = json_get(root, "input");
    a->inputs = 0;
    if (!input)
        input = json_get(root, "prompt");
    if (!json_is_array(input) || json_is_number(json_at(input, 0))) {
        add_input(a, input);
        return;
    }
    for (size_t i = 0; i < json_count(input); i++)
        add_input(a, json_at(input, i));
}

/* --- all of it -------------------------------------------------------------------------------- */

static void read_asked(struct play *p, const struct json_value *root)
{
    struct asked *a = &p->asked;
    struct slice model = json_text(json_get(root, "model"));
    if (model.len)
        a->model = arena_dup(&p->arena, model);
    bool choices = a->voice == &say_chat || a->voice == &say_completion;
    if (!choices || !json_int(json_get(root, "n"), &a->n) || a->n < 1 || a->n > 128)
        a->n = 1;
    if (!json_int(json_get(root, "dimensions"), &a->dimensions) || a->dimensions < 1 ||
        a->dimensions > MOST_DIMENSIONS)
        a->dimensions = 8;
    a->include_usage = json_is_true(json_get(json_get(root, "stream_options"), "include_usage"));
    a->base64 = slice_is(json_text(json_get(root, "encoding_format")), SLICE("base64"));
    struct slice stop = json_text(json_at(json_get(root, "stop_sequences"), 0));
    if (stop.len)
        a->stop = arena_dup(&p->arena, stop);
    read_results(p, root);
    read_inputs(a, root);
}

void ask_read(struct play *p, struct server *s, struct slice body)
{
    struct json_doc doc;
    script_init(&p->script);
    if (s->usual.len)
        script_read(&p->script, text_slice(&s->usual), s->name, &p->arena);
    p->asked.model = SLICE("fake-model");
    p->asked.n = 1;
    p->asked.dimensions = 8;
    p->asked.inputs = 1;
    p->asked.stream = events_streams(p->asked.voice, NULL);
    if (json_read(body, &json_usual_limits, NULL, &doc, NULL) != OK)
        return;
    read_asked(p, doc.root);
    p->asked.stream = events_streams(p->asked.voice, doc.root);
    struct slice words = find_words(doc.root);
    if (words.len)
        script_read(&p->script, arena_dup(&p->arena, words), s->name, &p->arena);
    settle_loop(p, doc.root);
    json_done(&doc);
}
