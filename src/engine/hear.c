/* hear: what a child says. llama-server tells its states on stdout, as a line of JSON behind a
 * fixed word, and writes its log to stderr, a JSON object a line or plain text. Nothing of it is
 * trusted: what is not understood is a line of the log. */
#include <stdio.h>

#include "base/log.h"
#include "engine/inside.h"

static const struct slice state_word = SLICE("cmd_child_to_router:state:");

static void take_progress(struct engine *e, const struct json_value *payload)
{
    double value = json_number(json_get(payload, "value"));
    const struct json_value *stages = json_get(payload, "stages");
    struct slice current = json_text(json_get(payload, "current"));
    double n = (double)json_count(stages), done = 0;
    for (struct json_iter i = json_begin(stages); json_next(&i);) {
        if (slice_is(json_text(i.value), current))
            break;
        done++;
    }
    double progress = n > 0 ? (done + value) / n : value;
    if (!(progress > e->spawn->progress) || progress > 1)
        return; /* the same again is no progress */
    e->spawn->progress = e->backend.loaded = progress;
    e->backend.progress_ms = engine_now(e);
    timer_set(&e->timer, e->all->settings.load_stall_ms);
}

static void take_ready(struct engine *e, const struct json_value *payload)
{
    int64_t n = 0;
    if (json_int(json_get(json_get(payload, "meta"), "n_ctx"), &n) && n > 0)
        e->spawn->context = (uint64_t)n;
    if (e->sm.state == STARTING) /* else it was asked, and said so before this line came */
        engine_ready(e);
}

static bool take_state(struct engine *e, struct slice line)
{
    struct json_doc doc;
    if (!slice_begins(line, state_word) ||
        json_read(slice_from(line, state_word.len), &json_usual_limits, NULL, &doc, NULL))
        return false;
    struct slice state = json_text(json_get(doc.root, "state"));
    const struct json_value *payload = json_get(doc.root, "payload");
    e->spawn->spoke = true;
    if (e->sm.state == STARTING)
        e->spawn->heard_ms = engine_now(e);
    if (e->sm.state == STARTING && slice_is(state, SLICE("loading")))
        take_progress(e, payload);
    else if (slice_is(state, SLICE("ready")))
        take_ready(e, payload);
    json_done(&doc);
    return true;
}

static void take_log(struct engine *e, struct slice line)
{
    struct json_doc doc;
    bool json = line.ptr[0] == '{' && !json_read(line, &json_usual_limits, NULL, &doc, NULL);
    struct slice words = line, rest;
    if (json) {
        bool error = slice_is(json_text(json_get(doc.root, "level")), SLICE("error"));
        rest = json_text(json_get(doc.root, "msg"));
        while (slice_split(&rest, '\n', &words)) {
            if (words.len)
                tail_add(&e->tail, words, error);
        }
        json_done(&doc);
    } else {
        tail_add(&e->tail, line, false);
    }
}

void engine_hear(struct engine *e, enum child_output from, struct slice line)
{
    bool counts = !e->spawn->killed.code; /* else it may only say what it died of */
    if (from == CHILD_OUT && counts && take_state(e, line))
        return;
    take_log(e, line);
}
