/* Calls on their way to a target. Whatever is accepted goes on as valid JSON with the target's
 * name, as a stream that tells its usage, without what is stripped; and every other member of the
 * outermost object is the caller's own bytes, in the caller's order. */
#include "dialect/dialect.h"

#include "fuzz.h"

static const char *const stripped[] = {
    "hearth", "api_base", "base_url", "api_key", "n_discard", "id_slot", "sse_ping_interval",
};
static const char *const ours[] = {"model", "stream", "stream_options"};
static const struct slice names[] = {SLICE("target"), SLICE(""), SLICE("a\"\\\n\xc3\xa9/b:c"),
                                     SLICE("llama3.2:latest")};

static bool is_one_of(struct slice key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (slice_is(key, slice_of(list[i])))
            return true;
    }
    return false;
}

/* The next member that must stay as it is. */
static bool next_kept(struct slice body, size_t *at, struct slice *ret_member)
{
    struct slice key;
    struct json_span span;
    while (json_next_span(body, at, &key, &span)) {
        *ret_member = (struct slice){body.ptr + span.key, span.end - span.key};
        if (!is_one_of(key, ours, COUNT(ours)) && !is_one_of(key, stripped, COUNT(stripped)))
            return true;
    }
    return false;
}

static void check_fields(struct slice out, struct slice name)
{
    struct json_doc doc;
    MUST(json_read(out, &json_usual_limits, NULL, &doc, NULL) == OK);
    const struct json_value *options = json_get(doc.root, "stream_options");
    MUST(json_is_text(json_get(doc.root, "model")));
    MUST(slice_is(json_text(json_get(doc.root, "model")), name));
    MUST(json_is_true(json_get(doc.root, "stream")));
    MUST(json_is_true(json_get(options, "include_usage")));
    for (size_t i = 0; i < COUNT(stripped); i++)
        MUST(!json_get(doc.root, stripped[i]));
    json_done(&doc);
}

static void check_members(struct slice body, struct slice out)
{
    struct slice before, after;
    size_t at = 0, out_at = 0;
    while (next_kept(body, &at, &before)) {
        MUST(next_kept(out, &out_at, &after));
        MUST(slice_is(before, after));
    }
    MUST(!next_kept(out, &out_at, &after));
    /* and around the object */
    size_t open = slice_find(body, '{');
    MUST(slice_is(slice_to(body, open), slice_to(out, slice_find(out, '{'))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size}, name = names[fuzz_cut(body) % COUNT(names)];
    struct arena arena = {0};
    struct call call;
    struct why why;
    enum err e = dialect_decode_call(DIALECT_OPENAI, CALL_CHAT, body, &arena, &call, &why);
    if (e) {
        MUST(why.code == e && why.text[0] && err_row(e)->http == 400);
    } else {
        struct text out = {0};
        MUST(dialect_encode_call(&call, name, &out) == OK);
        check_fields(text_slice(&out), name);
        check_members(body, text_slice(&out));
        text_fini(&out);
    }
    arena_fini(&arena);
    return 0;
}
