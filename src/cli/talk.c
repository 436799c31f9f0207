/* talk: a conversation, and one question of it: the body that is sent, and the events of the
 * answer. What is shown of them is decided in talk_show.c. */
#include "cli/talk.h"

#include <signal.h>

#include "base/mem.h"
#include "os/os.h"

#define SEND_MS 15000u
#define MOST_ANSWER (16u << 20)

/* ---- conversations -------------------------------------------------------------------------- */

void talk_drop(struct talk *t)
{
    text_fini(&t->messages[--t->n].words);
}

void talk_fini(struct talk *t)
{
    while (t->n)
        talk_drop(t);
    mem_free(t->messages);
    t->messages = NULL;
    t->room = 0;
}

bool talk_add(struct talk *t, enum speaker speaker, struct slice words)
{
    if (t->n == t->room) {
        size_t room = t->room ? 2 * t->room : 16;
        struct message *grown = mem_grow(t->messages, room * sizeof *grown);
        if (!grown)
            return false;
        t->messages = grown;
        t->room = room;
    }
    struct message *m = &t->messages[t->n];
    *m = (struct message){.speaker = speaker};
    text_add(&m->words, words);
    t->n += !m->words.failed;
    return !m->words.failed;
}

bool talk_set_system(struct talk *t, struct slice words)
{
    bool there = t->n && t->messages[0].speaker == SYSTEM;
    if (!there && !words.len)
        return true;
    if (!there) {
        if (!talk_add(t, SYSTEM, words))
            return false;
        struct message m = t->messages[t->n - 1];
        memmove(&t->messages[1], &t->messages[0], (t->n - 1) * sizeof m);
        t->messages[0] = m;
        return true;
    }
    struct text *is = &t->messages[0].words;
    if (words.len) {
        text_clear(is);
        text_add(is, words);
        return !is->failed;
    }
    text_fini(is);
    t->n--;
    memmove(&t->messages[0], &t->messages[1], t->n * sizeof t->messages[0]);
    return true;
}

struct slice talk_system(const struct talk *t)
{
    bool there = t->n && t->messages[0].speaker == SYSTEM;
    return there ? text_slice(&t->messages[0].words) : SLICE("");
}

void talk_put_messages(const struct talk *t, struct json_writer *w)
{
    static const char *const roles[] = {
        [SYSTEM] = "system", [USER] = "user", [ASSISTANT] = "assistant"};
    json_key(w, "messages");
    json_open_array(w);
    for (size_t i = 0; i < t->n; i++) {
        json_open_object(w);
        json_put_pair(w, "role", slice_of(roles[t->messages[i].speaker]));
        json_put_pair(w, "content", text_slice(&t->messages[i].words));
        json_close_object(w);
    }
    json_close_array(w);
}

void reply_fini(struct reply *r)
{
    text_fini(&r->answer);
    text_fini(&r->thoughts);
    text_fini(&r->model);
    text_fini(&r->finish);
    text_fini(&r->id);
}

/* ---- one question --------------------------------------------------------------------------- */

struct asking {
    struct talk *talk;
    struct reply *reply;
    struct stream stream;
    struct show show;
    struct text error; /* an event that says what failed, as it came */
    bool done;
};

static void write_body(const struct talk *t, struct text *out)
{
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    if (t->model[0])
        json_put_pair(&w, "model", slice_of(t->model));
    json_key(&w, "stream");
    json_put_bool(&w, true);
    json_key(&w, "stream_options");
    json_open_object(&w);
    json_key(&w, "include_usage");
    json_put_bool(&w, true);
    json_close_object(&w);
    if (t->most_tokens) {
        json_key(&w, "max_tokens");
        json_put_u64(&w, t->most_tokens);
    }
    talk_put_messages(t, &w);
    json_close_object(&w);
}

static void set(struct text *t, struct slice words)
{
    if (!words.len)
        return;
    text_clear(t);
    text_add(t, words);
}

static void take_words(struct asking *a, const struct json_value *delta)
{
    struct slice thoughts = json_text(json_get(delta, "reasoning_content"));
    struct slice words = json_text(json_get(delta, "content"));
    if ((thoughts.len || words.len) && !a->reply->first_ms)
        a->reply->first_ms = max_u64(os_mono_ms() - a->stream.began_ms, 1);
    text_add(&a->reply->thoughts, thoughts);
    text_add(&a->reply->answer, words);
    if (a->talk->quiet)
        return;
    show_thoughts(&a->show, thoughts);
    show_answer(&a->show, words);
}

static bool take_event(struct stream *s, struct slice data)
{
    struct asking *a = owner_of(s, struct asking, stream);
    struct reply *r = a->reply;
    struct json_doc doc;
    if (slice_is(data, SLICE("[DONE]"))) {
        a->done = true;
        return true; /* the end of the message comes behind it */
    }
    if (json_read(data, &json_usual_limits, NULL, &doc, NULL))
        return true; /* nothing of hearth's */
    if (json_get(doc.root, "error")) {
        text_add(&a->error, data);
        json_done(&doc);
        return false;
    }
    const struct json_value *choice = json_at(json_get(doc.root, "choices"), 0);
    const struct json_value *usage = json_get(doc.root, "usage");
    set(&r->model, json_text(json_get(doc.root, "model")));
    set(&r->finish, json_text(json_get(choice, "finish_reason")));
    (void)json_int(json_get(usage, "prompt_tokens"), &r->prompt_tokens);
    (void)json_int(json_get(usage, "completion_tokens"), &r->completion_tokens);
    take_words(a, json_get(choice, "delta"));
    json_done(&doc);
    return !a->talk->c->broken && !r->answer.failed && !r->thoughts.failed;
}

static void waits(struct stream *s, uint64_t waited_ms)
{
    struct asking *a = owner_of(s, struct asking, stream);
    show_waiting(&a->show, waited_ms);
}

/* The model is known to be missing; without any, there is one thing to do. */
static int no_models(struct cli *c)
{
    struct why why = {0};
    why_set(&why, ERR_NO_MODEL, "there is no model yet");
    return cli_fail(c, ERR_NO_MODEL, &why, "Bring one of yours: `hearth run FILE.gguf`.");
}

static int judge(struct asking *a, const struct answer *refused, enum err e, struct why *why)
{
    struct cli *c = a->talk->c;
    if (e == ERR_NOT_RUNNING)
        return cli_not_running(c);
    if (e)
        return cli_fail(c, e, why, "Its log may say more: `hearth logs`.");
    if (a->reply->interrupted || c->broken)
        return CLI_OK;
    if (a->error.len) {
        const struct answer told = {.status = 502, .body = a->error};
        return cli_refused(c, &told);
    }
    if (refused->status == 404 && !a->talk->model[0])
        return no_models(c);
    if (refused->status != 200)
        return cli_refused(c, refused);
    if (a->done && !a->talk->quiet && slice_is(text_slice(&a->reply->finish), SLICE("length")))
        text_add(&c->err, SLICE("(The answer is cut off at its limit of tokens.)\n"));
    if (a->done)
        return CLI_OK;
    why_set(why, ERR_EOF_MID_STREAM, "the answer broke off");
    return cli_fail(c, ERR_EOF_MID_STREAM, why, "What there is of it is not complete.");
}

/* SIGINT is blocked meanwhile, which is how stream.c hears of it. */
static int stream(struct asking *a, const struct question *q)
{
    struct answer refused = {0};
    struct why why = {0};
    sigset_t only, before;
    sigemptyset(&only);
    sigaddset(&only, SIGINT);
    sigprocmask(SIG_BLOCK, &only, &before);
    enum err e = cli_stream(a->talk->c, q, &a->stream, &refused, &why);
    a->reply->interrupted = !e && a->stream.interrupted;
    interrupt_take();
    sigprocmask(SIG_SETMASK, &before, NULL);
    a->reply->id = a->stream.id;
    a->reply->total_ms = os_mono_ms() - a->stream.began_ms;
    show_end(&a->show);
    int code = judge(a, &refused, e, &why);
    answer_fini(&refused);
    return code;
}

int talk_ask(struct talk *t, struct reply *ret_reply)
{
    struct text body = {0};
    struct reply reply = {.prompt_tokens = -1, .completion_tokens = -1};
    struct asking a = {
        .talk = t,
        .reply = &reply,
        .stream = {.event = take_event, .waits = t->quiet ? NULL : waits},
        .show = {.c = t->c, .model = t->model},
    };
    int code;
    reply.answer.limit = reply.thoughts.limit = MOST_ANSWER;
    write_body(t, &body);
    const struct question q = {.method = METHOD_POST,
                               .target = "/v1/chat/completions",
                               .body = text_slice(&body),
                               .timeout_ms = SEND_MS};
    if (body.failed)
        code = cli_fail(t->c, ERR_NO_MEMORY, NULL, NULL);
    else
        code = stream(&a, &q);
    text_fini(&body);
    text_fini(&a.error);
    *ret_reply = reply;
    return code;
}

void talk_end_interrupted(struct cli *c)
{
    cli_flush(c);
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
}
