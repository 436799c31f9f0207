/* openai_judge: what a row of the table of fields cannot say of a chat call: messages, stop
 * strings, biases, and how much an engine may be asked to make a grammar of. */
#include <inttypes.h>

#include "dialect/openai_chat.h"

#define MOST_TEXT (8u * 1024 * 1024) /* bytes of one content part */
#define MOST_CALLS 128u              /* of tools, in one message */
#define MOST_IMAGES 16u
#define MOST_STOPS 16u
#define MOST_STOP 256u
#define MOST_BIASES 1024u
#define MOST_BIAS 1e9     /* beyond it a sum of them may be no number any more */
#define MOST_SAMPLERS 32u /* each one that is named twice costs an engine its memory twice */
#define MOST_BREAKERS 64u
#define MOST_REPEATS 2000u       /* of one piece of a grammar; an engine writes each of them out */
#define MOST_REPEATS_ALL 100000u /* of all pieces of a grammar */
#define MOST_UNROLLED 1000000u   /* of all in a schema, counting what an engine writes out */
#define MOST_ITEMS 100000u       /* items or letters that a schema may ask for in one place */
#define MOST_VALUES 2000u        /* of all enums; an engine's time for them grows with the square */
#define MOST_WAYS 500u           /* of all anyOf and oneOf, and members of one object: so does it */
#define MOST_INPUTS 2048u        /* texts of one call for vectors */

/* ---- messages ------------------------------------------------------------------------------ */

static enum err judge_picture(struct chat_fields *f, const struct json_value *v, struct why *why)
{
    struct slice url = json_text(json_is_object(v) ? json_get(v, "url") : v);
    bool remote = false;
    enum err e = picture_judge(url, "messages", &remote, why);
    f->remote_pictures |= remote;
    return e;
}

static enum err judge_parts(struct chat_fields *f, const struct json_value *parts, size_t *images,
                            struct why *why)
{
    enum err e = OK;
    for (struct json_iter i = json_begin(parts); !e && json_next(&i);) {
        if (!json_is_object(i.value))
            return why_param(why, ERR_BAD_VALUE, "messages", "a content part must be an object");
        const struct json_value *picture = json_get(i.value, "image_url");
        struct slice text = json_text(json_get(i.value, "text"));
        if (text.len > MOST_TEXT)
            return why_param(why, ERR_BAD_VALUE, "messages", "a content part is over 8 MiB");
        f->text += text.len;
        if (!picture)
            continue;
        if (++*images > MOST_IMAGES)
            return why_param(why, ERR_TOO_MANY, "messages", "more than %u images", MOST_IMAGES);
        e = judge_picture(f, picture, why);
    }
    return e;
}

static enum err judge_content(struct chat_fields *f, const struct json_value *content,
                              size_t *images, struct why *why)
{
    if (!content || json_is_null(content))
        return OK;
    if (json_is_array(content))
        return judge_parts(f, content, images, why);
    if (!json_is_text(content))
        return why_param(why, ERR_BAD_VALUE, "messages",
                         "content must be a string or a list of parts");
    f->text += json_text(content).len;
    if (json_text(content).len > MOST_TEXT)
        return why_param(why, ERR_BAD_VALUE, "messages", "a message is larger than 8 MiB");
    return OK;
}

static enum err judge_messages(struct chat_fields *f, struct why *why)
{
    static const struct slice names[] = {SLICE("role"), SLICE("content"), SLICE("tool_calls")};
    size_t images = 0;
    enum err e = OK;
    for (struct json_iter i = json_begin(f->messages); !e && json_next(&i);) {
        const struct json_value *found[COUNT(names)] = {0};
        if (json_is_object(i.value))
            json_pick(i.value, names, COUNT(names), found);
        struct slice role = json_text(found[0]);
        if (!json_is_text(found[0]))
            return why_param(why, ERR_BAD_VALUE, "messages", "each message needs a role");
        if (json_count(found[2]) > MOST_CALLS)
            return why_param(why, ERR_TOO_MANY, "messages", "more than %u tool calls in a message",
                             MOST_CALLS);
        f->has_system |= slice_is(role, SLICE("system")) || slice_is(role, SLICE("developer"));
        e = judge_content(f, found[1], &images, why);
    }
    return e;
}

/* ---- prompts -------------------------------------------------------------------------------- */

/* llama-server's form of a text with pictures or sound in it. */
static enum err judge_media(struct chat_fields *f, const struct json_value *v, const char *param,
                            struct why *why)
{
    enum err e = OK;
    size_t n = 0;
    f->text += json_text(json_get(v, "prompt_string")).len;
    for (struct json_iter i = json_begin(json_get(v, "multimodal_data")); !e && json_next(&i);) {
        if (++n > MOST_IMAGES)
            return why_param(why, ERR_TOO_MANY, param, "more than %u images", MOST_IMAGES);
        e = picture_judge_bare(json_text(i.value), param, why);
    }
    return e;
}

static enum err judge_prompt(struct chat_fields *f, const struct json_value *prompt,
                             const char *param, struct why *why)
{
    enum err e = OK;
    if (json_is_object(prompt))
        return judge_media(f, prompt, param, why);
    f->text += json_text(prompt).len;
    f->tokens = json_is_number(json_at(prompt, 0)) ? json_count(prompt) : 0;
    for (struct json_iter i = json_begin(prompt);
         json_is_array(prompt) && !f->tokens && !e && json_next(&i);) {
        if (json_is_object(i.value))
            e = judge_media(f, i.value, param, why);
    }
    if (json_is_array(prompt) && json_count(prompt) > 1)
        f->text = 0; /* several, each of which may be short enough */
    return e;
}

/* A text, tokens, or a list of such. */
static enum err judge_input(const struct json_value *input, struct why *why)
{
    bool tokens = json_is_number(json_at(input, 0));
    if (!json_is_text(input) && !json_is_array(input))
        return why_param(why, ERR_BAD_VALUE, "input",
                         "input must be a string, a list of strings, or tokens");
    if (!json_text(input).len && !json_count(input))
        return why_param(why, ERR_BAD_VALUE, "input", "input is empty");
    if (!tokens && json_count(input) > MOST_INPUTS)
        return why_param(why, ERR_TOO_MANY, "input", "more than %u inputs", MOST_INPUTS);
    for (struct json_iter i = json_begin(input); !tokens && json_next(&i);) {
        if (!json_is_text(i.value) && !json_is_array(i.value) && !json_is_object(i.value))
            return why_param(why, ERR_BAD_VALUE, "input",
                             "each input must be a string, or a list of tokens");
        if (!json_text(i.value).len && !json_count(i.value))
            return why_param(why, ERR_BAD_VALUE, "input", "an input is empty");
    }
    return OK;
}

/* ---- lists --------------------------------------------------------------------------------- */

static enum err judge_stop(const struct json_value *stop, struct why *why)
{
    if (!stop)
        return OK;
    if (!json_is_text(stop) && !json_is_array(stop))
        return why_param(why, ERR_BAD_VALUE, "stop", "stop must be a string or a list of strings");
    if (json_count(stop) > MOST_STOPS)
        return why_param(why, ERR_TOO_MANY, "stop", "more than %u stop strings", MOST_STOPS);
    if (json_text(stop).len > MOST_STOP)
        return why_param(why, ERR_BAD_VALUE, "stop", "longer than %u bytes", MOST_STOP);
    for (struct json_iter i = json_begin(stop); json_next(&i);) {
        if (!json_is_text(i.value) || json_text(i.value).len > MOST_STOP)
            return why_param(why, ERR_BAD_VALUE, "stop",
                             "each must be a string of %u bytes or less", MOST_STOP);
    }
    return OK;
}

/* Some write a list into a string; what is in it is for those to read who take it so. */
static enum err judge_names(const struct json_value *list, const char *name, unsigned most,
                            struct why *why)
{
    if (!list || json_is_text(list))
        return OK;
    if (!json_is_array(list))
        return why_param(why, ERR_BAD_VALUE, name, "%s must be a list of strings", name);
    if (json_count(list) > most)
        return why_param(why, ERR_TOO_MANY, name, "more than %u %s", most, name);
    for (struct json_iter i = json_begin(list); json_next(&i);) {
        if (!json_is_text(i.value))
            return why_param(why, ERR_BAD_VALUE, name, "%s must be a list of strings", name);
    }
    return OK;
}

static bool is_bias(const struct json_value *v)
{
    double n = json_number(v);
    return json_is_false(v) || (json_is_number(v) && n >= -MOST_BIAS && n <= MOST_BIAS);
}

/* OpenAI's form is an object; llama-server also takes a list of pairs, others one of objects. */
static enum err judge_bias(const struct json_value *bias, struct why *why)
{
    bool pairs = json_is_array(bias);
    if (!bias)
        return OK;
    if (!pairs && !json_is_object(bias))
        return why_param(why, ERR_BAD_VALUE, "logit_bias",
                         "logit_bias must be an object or a list of pairs");
    if (json_count(bias) > MOST_BIASES)
        return why_param(why, ERR_TOO_MANY, "logit_bias", "more than %u tokens", MOST_BIASES);
    for (struct json_iter i = json_begin(bias); json_next(&i);) {
        bool pair = pairs && json_is_array(i.value) && json_count(i.value) == 2;
        if (pairs && json_is_object(i.value))
            continue;
        if ((pairs && !pair) || !is_bias(pair ? json_at(i.value, 1) : i.value))
            return why_param(why, ERR_BAD_VALUE, "logit_bias",
                             "a bias must be a number from -1e9 to 1e9, or false");
    }
    return OK;
}

/* ---- what becomes a grammar ---------------------------------------------------------------- */

struct repeats { /* of what is written in braces: {9}, {0,9}, {3,} */
    uint64_t most, all;
};

static uint64_t take_number(struct slice s, size_t *at)
{
    uint64_t n = 0;
    for (; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; ++*at)
        n = n < 1000000000 ? n * 10 + (uint64_t)(s.ptr[*at] - '0') : n;
    return n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* at: after the brace. */
static void count_repeats(struct slice s, size_t *at, struct repeats *r)
{
    uint64_t most = 0;
    for (; *at < s.len && s.ptr[*at] != '}'; ++*at) {
        if (is_blank(s.ptr[*at]) || s.ptr[*at] == ',')
            continue;
        size_t from = *at;
        most = max_u64(most, take_number(s, at));
        if (*at == from)
            break; /* no number: no repeats */
        --*at;
    }
    r->most = max_u64(r->most, most);
    r->all += most;
}

/* Quoted text, sets and comments hold braces that mean themselves; a pattern has no quotes and no
 * comments. */
static struct repeats repeats_of(struct slice s, bool pattern)
{
    struct repeats r = {0};
    char inside = '\0'; /* the character that ends it */
    for (size_t at = 0; at < s.len; at++) {
        char c = s.ptr[at];
        if (c == '\\' && inside != '\n') {
            at++;
        } else if (inside) {
            inside = c == inside ? '\0' : inside;
        } else if (c == '[') {
            inside = ']';
        } else if (c == '"' && !pattern) {
            inside = '"';
        } else if (c == '#' && !pattern) {
            inside = '\n';
        } else if (c == '{') {
            at++;
            count_repeats(s, &at, &r);
        }
    }
    return r;
}

static enum err judge_grammar(struct slice grammar, struct why *why)
{
    struct repeats r = repeats_of(grammar, false);
    if (r.most > MOST_REPEATS)
        return why_param(why, ERR_BAD_VALUE, "grammar", "something is repeated more than %u times",
                         MOST_REPEATS);
    if (r.all > MOST_REPEATS_ALL)
        return why_param(why, ERR_BAD_VALUE, "grammar", "more than %u repeats in all",
                         MOST_REPEATS_ALL);
    return OK;
}

struct schema {
    const char *param;
    uint64_t unrolled, values, ways;
};

static bool is_one_of(struct slice key)
{
    return slice_is(key, SLICE("anyOf")) || slice_is(key, SLICE("oneOf")) ||
           slice_is(key, SLICE("type"));
}

/* What there is to choose from. */
static enum err judge_ways(struct schema *s, struct slice key, const struct json_value *v,
                           struct why *why)
{
    if (slice_is(key, SLICE("enum")) && json_is_array(v))
        s->values += json_count(v);
    if (is_one_of(key) && json_is_array(v))
        s->ways += json_count(v);
    if (s->values > MOST_VALUES)
        return why_param(why, ERR_BAD_VALUE, s->param, "more than %u values in enums", MOST_VALUES);
    if (s->ways > MOST_WAYS)
        return why_param(why, ERR_BAD_VALUE, s->param, "more than %u alternatives", MOST_WAYS);
    if (slice_is(key, SLICE("properties")) && json_count(v) > MOST_WAYS)
        return why_param(why, ERR_BAD_VALUE, s->param, "more than %u properties in one object",
                         MOST_WAYS);
    return OK;
}

static bool is_a_count(struct slice key)
{
    return slice_is(key, SLICE("maxItems")) || slice_is(key, SLICE("minItems")) ||
           slice_is(key, SLICE("maxLength")) || slice_is(key, SLICE("minLength"));
}

static uint64_t whole_of(double n)
{
    return n < 1 ? 0 : n > 1e9 ? 1000000000 : (uint64_t)n;
}

/* Nested no deeper than json_read allows. */
static enum err judge_schema(struct schema *s, const struct json_value *v, struct why *why)
{
    enum err e = OK;
    for (struct json_iter i = json_begin(v); !e && json_next(&i);) {
        uint64_t most = 0, limit = MOST_ITEMS;
        e = judge_ways(s, i.key, i.value, why);
        if (e)
            return e;
        if (json_is_number(i.value) && is_a_count(i.key)) {
            most = whole_of(json_number(i.value));
        } else if (json_is_text(i.value) && slice_is(i.key, SLICE("pattern"))) {
            most = repeats_of(json_text(i.value), true).most;
            limit = MOST_REPEATS;
        } else {
            e = judge_schema(s, i.value, why);
        }
        s->unrolled += min_u64(most, MOST_REPEATS);
        if (most > limit)
            e = why_param(why, ERR_BAD_VALUE, s->param, "%.*s is over %" PRIu64, SLICE_ARG(i.key),
                          limit);
        else if (s->unrolled > MOST_UNROLLED)
            e = why_param(why, ERR_BAD_VALUE, s->param, "lengths and counts are too much together");
    }
    return e;
}

/* Sizes are measured as the caller wrote them: a tool is passed on as it is. */
static enum err judge_tools(const struct chat_fields *f, struct why *why)
{
    for (struct json_iter i = json_begin(f->tools); json_next(&i);) {
        if (!json_is_object(i.value))
            return why_param(why, ERR_BAD_VALUE, "tools", "each tool must be an object");
        if (f->tools_len <= MOST_SCHEMA)
            continue;
        struct text one = {.limit = MOST_SCHEMA};
        json_copy(i.value, &one);
        bool large = one.failed;
        text_fini(&one);
        if (large)
            return why_param(why, ERR_BAD_VALUE, "tools", "a tool is larger than 256 KiB");
    }
    return OK;
}

enum err chat_judge(struct chat_fields *f, struct why *why)
{
    struct schema schema = {.param = "json_schema"}, format = {.param = "response_format"};
    enum err e = judge_messages(f, why);
    if (!e && f->prompt)
        e = judge_prompt(f, f->prompt, "prompt", why);
    if (!e && f->input && f->kind == CALL_EMBED)
        e = judge_input(f->input, why);
    if (!e)
        e = judge_stop(f->stop, why);
    if (!e)
        e = judge_bias(f->logit_bias, why);
    if (!e)
        e = judge_names(f->samplers, "samplers", MOST_SAMPLERS, why);
    if (!e)
        e = judge_names(f->breakers, "dry_sequence_breakers", MOST_BREAKERS, why);
    if (!e)
        e = judge_tools(f, why);
    if (!e)
        e = judge_grammar(f->grammar, why);
    if (!e)
        e = judge_schema(&schema, f->json_schema, why);
    if (!e)
        e = judge_schema(&format, f->response_format, why);
    return e;
}
