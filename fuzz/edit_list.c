/* Calls on their way to a target. Whatever is accepted goes on as valid JSON with the target's
 * name, as a stream that tells its usage, without what is stripped; and every other member of the
 * outermost object is the caller's own bytes, in the caller's order. An engine of ours also gets
 * its slot, a sign of life and the model's settings, where the caller said nothing. */
#include "wire/testing.h"

#include "fuzz.h"

static const char *const stripped[] = {
    "hearth",      "api_base",    "base_url",          "api_key",      "n_discard",
    "chat_format", "chat_parser", "generation_prompt", "grammar_type",
};
static const char *const ours[] = {"model", "stream", "stream_options", "id_slot",
                                   "sse_ping_interval"};
static const char *const limits[] = {"max_tokens", "max_completion_tokens", "n_predict"};
static const struct slice names[] = {SLICE("target"), SLICE(""), SLICE("a\"\\\n\xc3\xa9/b:c"),
                                     SLICE("llama3.2:latest")};
static const struct slice settings[] = {
    {0},
    SLICE("{}"),
    SLICE("{\"temperature\":0.7}"),
    SLICE("{ \"n_predict\" : 7 , \"top_k\":40,\"seed\" :1, \"tfs\":{\"x\":[1,\"}\"]} }"),
    SLICE("{\"max_tokens\":5,\"model\":1,\"id_slot\":2,\"slots\":3,\"stop\":[\"a\"]}"),
};
static const struct slice systems[] = {{0}, SLICE("be kind"), SLICE("a\"\\\n\xc3\xa9\xff")};

static bool is_one_of(struct slice key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_is(key, slice_of(list[i])))
            return true;
    }
    return false;
}

static bool is_no_limit(struct slice key, struct slice value)
{
    struct json_doc doc;
    int64_t n = 0;
    if (!is_one_of(key, limits, COUNT(limits)))
        return false;
    MUST(json_read(value, &json_usual_limits, NULL, &doc, NULL) == OK);
    bool none = json_is_number(doc.root) && json_int(doc.root, &n) && n == -1;
    json_done(&doc);
    return none;
}

static bool is_kept(struct slice key, struct slice value)
{
    return !is_one_of(key, ours, COUNT(ours)) && !is_one_of(key, stripped, COUNT(stripped)) &&
           !slice_begins(key, SLICE("slot")) && !is_no_limit(key, value);
}

static struct slice from_to(struct slice s, size_t from, size_t to)
{
    return (struct slice){s.ptr + from, to - from};
}

/* The next member that must stay as it is. */
static bool next_kept(struct slice body, size_t *at, struct slice *ret_key, struct json_span *ret)
{
    while (json_next_span(body, at, ret_key, ret)) {
        if (is_kept(*ret_key, from_to(body, ret->value, ret->end)))
            return true;
    }
    return false;
}

/* Is this member of the result one of the settings that the caller did not write himself? */
static bool is_set(struct slice body, struct slice sampling, struct slice key, struct slice member)
{
    struct json_span span, own;
    bool kept = json_find_span(body, key, &own) && is_kept(key, from_to(body, own.value, own.end));
    return !kept && json_find_span(sampling, key, &span) &&
           slice_is(member, from_to(sampling, span.value, span.end));
}

static bool is_limit_written(struct slice body)
{
    struct json_span span;
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct slice key = slice_of(limits[i]);
        if (json_find_span(body, key, &span) && is_kept(key, from_to(body, span.value, span.end)))
            return true;
    }
    return false;
}

static bool has_system(const struct json_value *messages)
{
    for (struct json_iter i = json_begin(messages); json_next(&i);) {
        struct slice role = json_text(json_get(i.value, "role"));
        if (slice_is(role, SLICE("system")) || slice_is(role, SLICE("developer")))
            return true;
    }
    return false;
}

static void check_number(const struct json_value *root, const char *name, bool there,
                         int64_t wanted)
{
    const struct json_value *v = json_get(root, name);
    int64_t n = 0;
    MUST(there ? v && json_int(v, &n) && n == wanted : !v);
}

static void check_fields(struct slice out, const struct target *t)
{
    struct json_doc doc;
    MUST(json_read(out, &json_usual_limits, NULL, &doc, NULL) == OK);
    const struct json_value *options = json_get(doc.root, "stream_options");
    MUST(json_is_text(json_get(doc.root, "model")));
    MUST(slice_is(json_text(json_get(doc.root, "model")), t->model));
    MUST(json_is_true(json_get(doc.root, "stream")));
    MUST(json_is_true(json_get(options, "include_usage")));
    check_number(doc.root, "id_slot", t->engine && t->slot >= 0, t->slot);
    check_number(doc.root, "sse_ping_interval", t->engine && t->ping_s, t->ping_s);
    for (size_t i = 0; i < COUNT(stripped); i++)
        MUST(!json_get(doc.root, stripped[i]));
    if (t->engine && t->system.len)
        MUST(has_system(json_get(doc.root, "messages")));
    json_done(&doc);
}

/* The caller's messages, but for one that is put in front. */
static void check_messages(struct slice before, struct slice after, bool added)
{
    MUST(before.len && after.len && before.ptr[0] == '[' && after.ptr[0] == '[');
    MUST(after.len > before.len || !added);
    MUST(added || slice_is(before, after));
    MUST(slice_ends(after, slice_from(before, 1)));
}

static void check_members(struct slice body, struct slice out, const struct target *t, bool added)
{
    struct slice key, out_key, sampling = t->engine ? t->sampling : (struct slice){0};
    struct json_span span, out_span;
    size_t at = 0, out_at = 0, set = 0;
    bool more = next_kept(body, &at, &key, &span);
    while (next_kept(out, &out_at, &out_key, &out_span)) {
        struct slice value = from_to(out, out_span.value, out_span.end);
        if (is_set(body, sampling, out_key, value)) {
            MUST(!is_one_of(out_key, limits, COUNT(limits)) || !is_limit_written(body));
            set++;
            continue;
        }
        MUST(more && slice_is(key, out_key));
        if (slice_is(key, SLICE("messages")))
            check_messages(from_to(body, span.value, span.end), value, added);
        else
            MUST(slice_is(from_to(body, span.key, span.end),
                          from_to(out, out_span.key, out_span.end)));
        more = next_kept(body, &at, &key, &span);
    }
    MUST(!more && (set == 0 || t->engine));
    /* and around the object */
    size_t open = slice_find(body, '{');
    MUST(slice_is(slice_to(body, open), slice_to(out, slice_find(out, '{'))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};
    size_t cut = fuzz_cut(body);
    struct target t = {.model = names[cut % COUNT(names)],
                       .engine = cut % 3,
                       .slot = (int)(cut % 4) - 1,
                       .ping_s = cut % 2,
                       .sampling = settings[cut % COUNT(settings)],
                       .system = systems[cut / 2 % COUNT(systems)]};
    struct arena arena = {0};
    struct call call;
    struct why why;
    enum err e = dialect_decode_call(DIALECT_OPENAI, CALL_CHAT, body, &arena, &call, &why);
    if (e) {
        MUST(why.code == e && why.text[0] && err_row(e)->http == 400);
    } else {
        struct text out = {0};
        MUST(encode_call(&call, &t, &out) == OK);
        check_fields(text_slice(&out), &t);
        check_members(body, text_slice(&out), &t, t.engine && t.system.len && !call.has_system);
        text_fini(&out);
    }
    arena_fini(&arena);
    return 0;
}
