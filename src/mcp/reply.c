/* reply: what the daemon says to a call, as events or as one object. It is believed to be ours, and
 * all of it is checked all the same: it may be older or newer than this program. */
#include "mcp/inside.h"

/* 2,048 vectors of 2,048 numbers. */
static const struct json_limits vector_limits = {.depth = 16, .values = 4500000};

void mcp_reply_fini(struct mcp_reply *r)
{
    text_fini(&r->text);
    text_fini(&r->model);
    text_fini(&r->finish);
    text_fini(&r->vectors);
    text_fini(&r->error);
}

static void set(struct text *t, struct slice words)
{
    if (!words.len)
        return;
    text_clear(t);
    text_add(t, words);
}

static void take_usage(struct mcp_reply *r, const struct json_value *root)
{
    const struct json_value *usage = json_get(root, "usage");
    int64_t prompt = 0, completion = 0;
    if (!json_is_object(usage))
        return;
    (void)json_int(json_get(usage, "prompt_tokens"), &prompt);
    (void)json_int(json_get(usage, "completion_tokens"), &completion);
    r->prompt_tokens = prompt > 0 && prompt < INT32_MAX ? prompt : 0;
    r->completion_tokens = completion > 0 && completion < INT32_MAX ? completion : 0;
}

/* Its own words say what mends it. */
static void take_error(struct mcp_reply *r, const struct json_value *root, int status)
{
    const struct json_value *error = json_get(root, "error");
    text_clear(&r->error);
    text_add(&r->error, json_text(json_is_text(error) ? error : json_get(error, "message")));
    if (!r->error.len)
        text_format(&r->error, "hearth answered with status %d, and said no more.", status);
}

bool mcp_reply_event(struct mcp_reply *r, struct slice data)
{
    struct json_doc doc;
    if (slice_is(data, SLICE("[DONE]"))) {
        r->done = true;
        return true; /* the end of the message comes behind it */
    }
    if (json_read(data, &json_usual_limits, NULL, &doc, NULL)) {
        text_add(&r->error, SLICE("hearth said something that is no JSON."));
        return false;
    }
    if (json_get(doc.root, "error")) {
        take_error(r, doc.root, 200);
        json_done(&doc);
        return false;
    }
    const struct json_value *choice = json_at(json_get(doc.root, "choices"), 0);
    struct slice words = json_text(json_get(json_get(choice, "delta"), "content"));
    r->text.limit = MCP_TEXT_MOST;
    text_add(&r->text, words);
    r->pieces += words.len > 0;
    set(&r->model, json_text(json_get(doc.root, "model")));
    set(&r->finish, json_text(json_get(choice, "finish_reason")));
    take_usage(r, doc.root);
    json_done(&doc);
    if (r->text.failed)
        text_add(&r->error, SLICE("The answer is too long to be handed on."));
    return !r->text.failed;
}

/* ---- an answer that is no stream ------------------------------------------------------------ */

static bool is_vector(const struct json_value *v, size_t dimensions)
{
    if (!json_is_array(v) || !json_count(v) || (dimensions && json_count(v) != dimensions))
        return false;
    for (struct json_iter i = json_begin(v); json_next(&i);) {
        if (!json_is_number(i.value))
            return false;
    }
    return true;
}

/* The one of this index: usually at that place. */
static const struct json_value *find(const struct json_value *data, size_t index)
{
    for (size_t i = 0, n = json_count(data); i < n; i++) {
        const struct json_value *item = json_at(data, (index + i) % n);
        int64_t at = -1;
        if (!json_get(item, "index")
                ? i == 0
                : json_int(json_get(item, "index"), &at) && at >= 0 && (size_t)at == index)
            return item;
    }
    return NULL;
}

static bool take_vectors(struct mcp_reply *r, const struct json_value *root, size_t n)
{
    const struct json_value *data = json_get(root, "data");
    struct json_writer w = json_writer(&r->vectors);
    if (!json_is_array(data) || json_count(data) != n)
        return false;
    json_open_array(&w);
    for (size_t i = 0; i < n; i++) {
        struct text vector = {0};
        const struct json_value *v = json_get(find(data, i), "embedding");
        bool good = is_vector(v, r->dimensions);
        if (good) {
            r->dimensions = json_count(v);
            json_copy(v, &vector);
            json_put_raw(&w, text_slice(&vector));
            r->vectors.failed |= vector.failed;
        }
        text_fini(&vector);
        if (!good)
            return false;
    }
    json_close_array(&w);
    return true;
}

void mcp_reply_body(struct mcp_reply *r, const struct mcp_call *call, int status, struct slice body)
{
    struct json_doc doc = {0};
    bool read = !json_read(body, &vector_limits, NULL, &doc, NULL);
    const struct json_value *root = read ? doc.root : NULL;
    struct slice code = json_text(json_get(json_get(root, "error"), "code"));
    if (status == 401) /* over its own socket that is about who we are, not about a key */
        text_add(&r->error, SLICE("This hearth does not trust the user who asks. Add it to its "
                                  "`trusted_uids`, or start this program as its own user."));
    else if (status == 404 && slice_is(code, SLICE("not_found")))
        text_format(&r->error,
                    "The hearth that runs has no %s. If it is older than this program, restart "
                    "it: `hearth restart`.",
                    mcp_target(call->tool));
    else if (status != 200)
        take_error(r, root, status);
    else if (call->tool != MCP_EMBED || !take_vectors(r, root, call->inputs))
        text_add(&r->error, SLICE("hearth answered with something that was not asked for."));
    else
        r->done = true;
    set(&r->model, json_text(json_get(root, "model")));
    take_usage(r, root);
    if (read)
        json_done(&doc);
}
