/* Requests for tokens on their way: they wait for a slot, read their prompt, say token after token
 * and give the slot back. A client that leaves cancels its stream at once; one that waits for a
 * whole object is missed only when nobody else has asked for a second, as with llama-server. */
#include <stdlib.h>

#include "base/mem.h"
#include "fake.h"

enum { BURST = 32, LEFT_US = 1000000 };

static void tell(const struct engine *e, const struct task *t, const char *what)
{
    struct text line = {0};
    struct json_writer w = event_begin(e, what, &line);
    event_number(&w, "task", t->id);
    event_number(&w, "slot", t->slot);
    event_number(&w, "asked_slot", t->asked_slot);
    event_number(&w, "tokens", t->done);
    json_key(&w, "stream");
    json_put_bool(&w, t->stream);
    if (t->script.answer.nonce.len)
        json_put_pair(&w, "nonce", t->script.answer.nonce);
    event_end(e, &w);
}

/* --- arrival ---------------------------------------------------------------------------------- */

static void read_words(const struct engine *e, struct task *t, struct slice body)
{
    t->script = e->script;
    struct slice from = body_member(body, SLICE("messages"));
    if (!from.len)
        from = body_member(body, SLICE("prompt"));
    if (!words_find(from, &t->words))
        return;
    t->script.loading.balloon = 0;
    script_read(&t->script, &t->words);
    end_balloon(e, t->script.loading.balloon);
}

static void plan(const struct engine *e, struct task *t, struct slice body)
{
    const struct answer *a = &t->script.answer;
    int64_t most = body_number(body, SLICE("max_tokens"), -1);
    if (most < 0)
        most = body_number(body, SLICE("max_completion_tokens"), -1);
    if (most < 0)
        most = body_number(body, SLICE("n_predict"), -1);
    t->prompt = a->prompt_tokens >= 0 ? a->prompt_tokens : (int64_t)body.len / 4 + 1;
    t->tokens = a->tokens >= 0 ? a->tokens : most >= 0 ? most : 16;
    t->finish = SLICE("stop");
    if (most >= 0 && t->tokens >= most) {
        t->tokens = most;
        t->finish = SLICE("length");
    }
    int64_t room = slot_context(e) - t->prompt;
    if (t->tokens > room) {
        t->tokens = room;
        t->finish = SLICE("length");
    }
    if (a->finish.len)
        t->finish = a->finish;
}

static void refuse_long(const struct engine *e, struct conn *c, int64_t prompt)
{
    struct text json = {0};
    char words[128];
    snprintf(words, sizeof(words),
             "request (%lld tokens) exceeds the available context size (%lld tokens), try "
             "increasing it",
             (long long)prompt, (long long)slot_context(e));
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    json_key(&w, "error");
    json_open_object(&w);
    event_number(&w, "code", 400);
    json_put_pair(&w, "message", slice_of(words));
    json_put_pair(&w, "type", SLICE("exceed_context_size_error"));
    event_number(&w, "n_prompt_tokens", prompt);
    event_number(&w, "n_ctx", slot_context(e));
    json_close_object(&w);
    json_close_object(&w);
    conn_json(c, 400, &json);
}

static void free_task(struct task *t)
{
    if (t->conn)
        t->conn->task = NULL;
    text_fini(&t->words);
    mem_free(t);
}

void task_start(struct engine *e, struct conn *c, struct slice body)
{
    struct task *t = mem_new(struct task);
    must(t, "memory");
    *t = (struct task){.slot = -1, .id = (int64_t)e->totals.tasks++, .began_us = now_us()};
    read_words(e, t, body);
    t->stream = body_true(body, SLICE("stream"));
    t->usage = body_true(body_member(body, SLICE("stream_options")), SLICE("include_usage"));
    t->asked_slot = body_number(body, SLICE("id_slot"), -1);
    t->ping_ms = 1000 * body_number(body, SLICE("sse_ping_interval"), e->flags.ping_s);
    plan(e, t, body);
    if (t->asked_slot >= e->flags.parallel)
        t->asked_slot = -1;
    bool wrong = t->script.wrong[0] != 0, too_long = t->tokens < 0;
    int status = (int)t->script.answer.status;
    if (wrong)
        conn_error(c, 400, "fake_script", t->script.wrong);
    else if (status != 200)
        conn_error(c, status, "server_error", "the script says so");
    else if (too_long)
        refuse_long(e, c, t->prompt);
    c->stuck = t->script.answer.hang;
    tell(e, t, "task");
    if (wrong || status != 200 || too_long || c->stuck) {
        free_task(t);
        return;
    }
    c->task = t;
    t->conn = c;
    struct task **end = &e->tasks;
    while (*end)
        end = &(*end)->next;
    *end = t;
}

/* --- slots ------------------------------------------------------------------------------------ */

unsigned tasks_running(const struct engine *e)
{
    unsigned n = 0;
    for (int i = 0; i < e->flags.parallel; i++)
        n += e->slots[i].task != NULL;
    return n;
}

unsigned tasks_deferred(const struct engine *e)
{
    unsigned n = 0;
    for (const struct task *t = e->tasks; t; t = t->next)
        n += t->slot < 0;
    return n;
}

static int free_slot(const struct engine *e, const struct task *t)
{
    for (int i = 0; i < e->flags.parallel; i++) {
        if (!e->slots[i].task && (t->asked_slot < 0 || t->asked_slot == i))
            return i;
    }
    return -1;
}

static void take_slot(struct engine *e, struct task *t, uint64_t now)
{
    t->slot = free_slot(e, t);
    if (t->slot < 0)
        return;
    e->slots[t->slot] = (struct slot){.task = t, .last_task = t->id, .prompt = t->prompt};
    t->began_us = now;
    t->prompt_us = now + (uint64_t)t->script.answer.prompt_ms * 1000;
    t->due_us = t->prompt_us + (uint64_t)t->script.answer.token_ms * 1000;
    tell(e, t, "slot");
    say_log(e, "info", "slot launch_slot_: id %2d | task %lld | processing task", t->slot,
            (long long)t->id);
}

/* Takes it out of the list and frees it. */
static void drop(struct engine *e, struct task *t, const char *what)
{
    struct task **at = &e->tasks;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    tell(e, t, what);
    if (t->slot >= 0) {
        e->slots[t->slot].task = NULL;
        e->slots[t->slot].done = t->done;
        say_log(e, "info",
                "slot      release: id %2d | task %lld | stop processing: n_tokens = %lld", t->slot,
                (long long)t->id, (long long)(t->prompt + t->done));
        if (!tasks_running(e))
            say_log(e, "info", "srv  update_slots: all slots are idle");
    }
    free_task(t);
}

void task_left(struct engine *e, struct task *t)
{
    t->conn->task = NULL;
    t->conn = NULL;
    t->gone_us = now_us();
    tell(e, t, "left");
}

/* When the slot of a task without a client is free; UINT64_MAX: when it has said all. */
static uint64_t cancel_us(const struct engine *e, const struct task *t)
{
    uint64_t at = t->gone_us;
    if (!t->stream)
        at = max_u64(at, e->asked_us) + LEFT_US;
    return at + (uint64_t)t->script.answer.orphan_slots * 1000;
}

/* --- progress --------------------------------------------------------------------------------- */

static void strike(struct engine *e, struct task *t)
{
    const struct ending *s = &t->script.ending;
    struct ending stop = {.die_how = HOW_STOP};
    if (t->conn && t->conn->out.len)
        conn_pump(e, t->conn); /* what was said is on its way before the end */
    if (s->die_after >= 0 && t->done >= s->die_after) {
        if (s->exit_log.len)
            say_log(e, "error", "%.*s", SLICE_ARG(s->exit_log));
        end_by(e, s);
    }
    if (s->stop_self >= 0 && t->done == s->stop_self)
        end_by(e, &stop);
}

static void step(struct engine *e, struct task *t, uint64_t now)
{
    for (int n = 0; n < BURST && t->due_us <= now; n++) {
        if (t->script.ending.die_after >= 0 || t->script.ending.stop_self >= 0)
            strike(e, t);
        if (t->done >= t->tokens) {
            e->totals.prompt += (uint64_t)t->prompt;
            e->totals.predicted += (uint64_t)t->done;
            chat_finish(e, t);
            struct conn *c = t->conn;
            drop(e, t, "done");
            if (c)
                conn_pump(e, c);
            return;
        }
        chat_token(e, t);
        t->due_us += (uint64_t)t->script.answer.token_ms * 1000;
    }
    if (t->conn && t->stream && t->head_sent && t->ping_ms > 0 && t->ping_us <= now)
        chat_ping(t);
    if (t->conn)
        conn_pump(e, t->conn);
}

void tasks_run(struct engine *e, uint64_t now)
{
    for (struct task *t = e->tasks, *next; t; t = next) {
        next = t->next;
        if (!t->conn && cancel_us(e, t) <= now) {
            say_log(e, "warn", "srv          stop: cancel task, id_task = %lld", (long long)t->id);
            drop(e, t, "cancel");
        } else if (t->slot < 0) {
            take_slot(e, t, now);
        } else {
            step(e, t, now);
        }
    }
}

uint64_t tasks_due(const struct engine *e)
{
    uint64_t due = UINT64_MAX;
    for (const struct task *t = e->tasks; t; t = t->next) {
        if (!t->conn)
            due = min_u64(due, cancel_us(e, t));
        if (t->slot >= 0)
            due = min_u64(due, t->due_us);
        else if (free_slot(e, t) >= 0)
            due = 0;
        if (t->conn && t->head_sent && t->ping_ms > 0)
            due = min_u64(due, t->ping_us);
    }
    return due;
}
