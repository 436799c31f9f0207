/* ask: `hearth ask`: one question, and its answer as it comes. */
#include "cli/talk.h"

static void put_count(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    if (n < 0)
        json_put_null(w);
    else
        json_put_int(w, n);
}

static void put_reply(struct cli *c, const struct reply *r)
{
    struct text line = {0};
    struct json_writer w = json_writer(&line);
    json_open_object(&w);
    json_put_pair(&w, "answer", text_slice(&r->answer));
    json_put_pair(&w, "thoughts", text_slice(&r->thoughts));
    json_put_pair(&w, "model", text_slice(&r->model));
    json_put_pair(&w, "finish", text_slice(&r->finish));
    put_count(&w, "prompt_tokens", r->prompt_tokens);
    put_count(&w, "completion_tokens", r->completion_tokens);
    put_count(&w, "first_ms", r->first_ms ? (int64_t)r->first_ms : -1);
    put_count(&w, "total_ms", (int64_t)r->total_ms);
    json_put_pair(&w, "id", text_slice(&r->id));
    json_close_object(&w);
    c->out.failed |= line.failed;
    cli_json(&c->out, text_slice(&line));
    text_fini(&line);
}

static int ask(struct cli *c, const char *model, struct slice question)
{
    struct talk t = {.c = c, .model = model, .quiet = c->options.json};
    struct reply r = {0};
    const char *system = c->options.talk.system;
    int code;
    if (!talk_set_system(&t, slice_of(system ? system : "")) || !talk_add(&t, USER, question)) {
        code = cli_fail(c, ERR_NO_MEMORY, NULL, NULL);
    } else {
        code = talk_ask(&t, &r);
        if (r.interrupted)
            talk_end_interrupted(c);
        if (code == CLI_OK && c->options.json)
            put_reply(c, &r);
        reply_fini(&r);
    }
    talk_fini(&t);
    return code;
}

int ask_once(struct cli *c, const char *model, size_t from)
{
    struct text question = {0};
    struct why why = {0};
    int code = CLI_OK;
    if (!take_question(c, from, &question, &code))
        return code;
    if (question.len) {
        code = ask(c, model, text_slice(&question));
    } else {
        why_set(&why, ERR_BAD_REQUEST, "what is the question?");
        code = cli_fail(c, ERR_BAD_REQUEST, &why,
                        "As in `hearth ask \"why is the sky blue?\"`; `hearth chat` talks on.");
    }
    text_fini(&question);
    return code;
}

int ask_run(struct cli *c)
{
    const char *model = NULL;
    int code = CLI_OK;
    if (!talk_choose(c, &model, &code) || (c->options.model && !talk_look(c, model, &code)))
        return code;
    return ask_once(c, model, 0);
}
