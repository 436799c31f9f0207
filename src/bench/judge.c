/* judge: whether an answer is right. Of the mock's, each byte of text is known, so it must be all
 * there, in order, once, and be the answer to this very question. Of anybody else's, it must be a
 * whole JSON object with a choice, or a stream of such that ends with [DONE]. */
#include "base/json.h"
#include "bench/inside.h"
#include "http/http.h"

void judge_fini(struct judge *j)
{
    text_fini(&j->known);
    text_fini(&j->expected);
    text_fini(&j->said);
    text_fini(&j->scratch);
}

static bool wrong(struct why *why, const char *words)
{
    why_set(why, ERR_BAD_RESPONSE, "%s", words);
    return false;
}

static bool is_known(const struct judge *j, struct slice body, const char nonce[NONCE_LEN])
{
    size_t after = j->known_nonce + NONCE_LEN;
    return body.len && body.len == j->known.len &&
           memcmp(body.ptr, j->known.ptr, j->known_nonce) == 0 &&
           memcmp(body.ptr + j->known_nonce, nonce, NONCE_LEN) == 0 &&
           memcmp(body.ptr + after, j->known.ptr + after, body.len - after) == 0;
}

/* The nonce must stand in it once: else other places would not be compared with it. */
static void remember(struct judge *j, struct slice body, const char nonce[NONCE_LEN])
{
    const char *at = memmem(body.ptr, body.len, nonce, NONCE_LEN);
    text_clear(&j->known);
    if (!at)
        return;
    size_t after = (size_t)(at - body.ptr) + NONCE_LEN;
    if (memmem(body.ptr + after, body.len - after, nonce, NONCE_LEN))
        return;
    text_add(&j->known, body);
    j->known_nonce = after - NONCE_LEN;
    if (j->known.failed)
        text_clear(&j->known);
}

/* The text of one object or event, added to what was said. */
static bool read_one(struct judge *j, struct slice json, const char *holder, struct why *why)
{
    struct json_doc doc;
    if (json_read(json, &json_usual_limits, &j->scratch, &doc, NULL))
        return wrong(why, "an answer with status 200 is no valid JSON");
    const struct json_value *choices = json_get(doc.root, "choices");
    bool is_right = json_is_array(choices);
    const struct json_value *message = json_get(json_at(choices, 0), holder);
    text_add(&j->said, json_text(json_get(message, "content")));
    json_done(&doc);
    return is_right || wrong(why, "an answer with status 200 holds no choices");
}

/* *io_done: was [DONE] said, and is this after it? */
static bool read_event(struct judge *j, const struct sse_event *event, bool *io_done,
                       struct why *why)
{
    if (!event->has_data)
        return true;
    if (*io_done)
        return wrong(why, "a stream goes on after its [DONE]");
    if (slice_is(event->data, SLICE("[DONE]"))) {
        *io_done = true;
        return true;
    }
    return read_one(j, event->data, "delta", why);
}

static bool read_stream(struct judge *j, struct slice body, struct why *why)
{
    struct sse_parser parser = {0};
    struct sse_event event;
    bool done = false, is_right = true;
    enum sse_step step = SSE_MORE;
    while (is_right && (step = sse_parse(&parser, &body, &event)) == SSE_EVENT)
        is_right = read_event(j, &event, &done, why);
    if (is_right && (step == SSE_BAD || sse_end(&parser, &event) != SSE_MORE))
        is_right = wrong(why, "a stream is no sequence of whole events");
    if (is_right && !done)
        is_right = wrong(why, "a stream ended without [DONE]");
    sse_parser_fini(&parser);
    return is_right;
}

static bool is_expected(struct judge *j, const char nonce[NONCE_LEN], struct why *why)
{
    struct text *expected = &j->expected;
    text_clear(expected);
    script_text(expected, nonce, j->chunks);
    if (slice_is(text_slice(&j->said), text_slice(expected)))
        return true;
    if (j->said.len > NONCE_LEN && nonce_is(slice_to(text_slice(&j->said), NONCE_LEN)) &&
        memcmp(j->said.ptr, nonce, NONCE_LEN) != 0)
        return wrong(why, "an answer is the one to another question");
    return wrong(why, "an answer's text is not what the mock said");
}

bool judge_is_mock(struct judge *j, const char nonce[NONCE_LEN])
{
    return is_expected(j, nonce, NULL);
}

bool judge_body(struct judge *j, struct slice body, const char nonce[NONCE_LEN], struct why *why)
{
    if (is_known(j, body, nonce))
        return true;
    text_clear(&j->said);
    if (!(j->stream ? read_stream(j, body, why) : read_one(j, body, "message", why)))
        return false;
    if (!j->exact)
        return true;
    if (!is_expected(j, nonce, why))
        return false;
    remember(j, body, nonce);
    return true;
}

void judge_refusal(int status, struct slice body, struct why *why)
{
    enum err e = status == 401 || status == 403 ? ERR_AUTH_401_403
                 : status == 404                ? ERR_NO_MODEL
                                                : ERR_BAD_RESPONSE;
    struct json_doc doc;
    if (json_read(body, &json_usual_limits, NULL, &doc, NULL)) {
        why_set(why, e, "it answered with status %d", status);
        return;
    }
    struct slice words = json_text(json_get(json_get(doc.root, "error"), "message"));
    why_set(why, e, "it answered with status %d%s%.*s", status, words.len ? ": " : "",
            SLICE_ARG(words));
    json_done(&doc);
}
