/* What the engine says of itself: its log on stderr, the child protocol on stdout, and the model
 * as it stands in both the protocol and the list of models. */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake.h"

/* Blocks when nobody reads, as the real one does. */
static void write_all(int fd, struct slice s)
{
    while (s.len) {
        ssize_t n = write(fd, s.ptr, s.len);
        if (n < 0)
            return;
        s = slice_from(s, (size_t)n);
    }
}

static bool is_silent(const struct engine *e)
{
    return e->phase == LOADING && e->script.loading.silent_load;
}

void say_log(const struct engine *e, const char *level, const char *format, ...)
{
    char words[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    if (is_silent(e))
        return;
    struct text line = {0}, msg = {0};
    text_format(&msg, "%s\n", words);
    if (e->flags.log_jsonl) {
        struct json_writer w = json_writer(&line);
        json_open_object(&w);
        json_put_pair(&w, "type", SLICE("log"));
        json_key(&w, "time");
        json_put_u64(&w, now_us() - e->began_us);
        json_put_pair(&w, "level", slice_of(level));
        json_put_pair(&w, "msg", text_slice(&msg));
        json_close_object(&w);
        text_byte(&line, '\n');
        write_all(STDERR_FILENO, text_slice(&line));
    } else {
        write_all(STDERR_FILENO, text_slice(&msg));
    }
    text_fini(&line);
    text_fini(&msg);
}

/* --- the child protocol ----------------------------------------------------------------------- */

static struct json_writer begin_state(struct text *line, const char *state)
{
    text_add(line, SLICE("cmd_child_to_router:state:"));
    struct json_writer w = json_writer(line);
    json_open_object(&w);
    json_put_pair(&w, "state", slice_of(state));
    json_key(&w, "payload");
    return w;
}

static void end_state(const struct engine *e, struct json_writer *w)
{
    json_close_object(w);
    text_byte(w->out, '\n');
    if (e->flags.child && !e->script.loading.no_protocol && !is_silent(e))
        write_all(STDOUT_FILENO, text_slice(w->out));
    text_fini(w->out);
}

void say_progress(const struct engine *e, double value)
{
    struct text line = {0};
    struct json_writer w = begin_state(&line, "loading");
    json_open_object(&w);
    json_key(&w, "stages");
    json_open_array(&w);
    json_put_text(&w, SLICE("text_model"));
    json_close_array(&w);
    json_put_pair(&w, "current", SLICE("text_model"));
    json_key(&w, "value");
    json_put_number(&w, value);
    json_close_object(&w);
    end_state(e, &w);
}

static void put_texts(struct json_writer *w, const char *key, struct slice one)
{
    json_key(w, key);
    json_open_array(w);
    if (one.len)
        json_put_text(w, one);
    json_close_array(w);
}

void say_model(const struct engine *e, struct json_writer *w)
{
    struct slice name = e->script.answer.impostor.len ? e->script.answer.impostor : e->flags.alias;
    if (!name.len)
        name = e->flags.model;
    json_open_object(w);
    json_put_pair(w, "id", name);
    put_texts(w, "aliases", name);
    put_texts(w, "tags", (struct slice){0});
    json_put_pair(w, "object", SLICE("model"));
    json_key(w, "architecture");
    json_open_object(w);
    put_texts(w, "input_modalities", SLICE("text"));
    put_texts(w, "output_modalities", SLICE("text"));
    json_close_object(w);
    event_number(w, "created", 1700000000);
    json_put_pair(w, "owned_by", SLICE("llamacpp"));
    json_key(w, "meta");
    json_open_object(w);
    event_number(w, "vocab_type", 1);
    event_number(w, "n_vocab", 312);
    event_number(w, "n_ctx", slot_context(e));
    event_number(w, "n_ctx_train", 131072);
    event_number(w, "n_embd", 64);
    event_number(w, "n_params", 113984);
    event_number(w, "size", (int64_t)e->rss_bytes);
    json_put_pair(w, "ftype", SLICE("all F32"));
    json_close_object(w);
    json_close_object(w);
}

void say_ready(const struct engine *e)
{
    struct text line = {0};
    if (e->script.loading.silent_ready)
        return;
    struct json_writer w = begin_state(&line, "ready");
    say_model(e, &w);
    end_state(e, &w);
}

/* --- floods ----------------------------------------------------------------------------------- */

void say_floods(const struct engine *e)
{
    const struct loading *l = &e->script.loading;
    struct text line = {0};
    for (int64_t i = 0; i < l->log_flood; i++)
        say_log(e, "info", "flood: line %lld of a log that does not end, padded so that it counts",
                (long long)i);
    for (int64_t i = 0; i < l->stdout_flood; i++) {
        text_clear(&line);
        text_format(&line, "cmd_child_to_nobody:%lld \x1b[31m{\"state\":\"ready\"\n", (long long)i);
        write_all(STDOUT_FILENO, text_slice(&line));
    }
    if (l->long_line > 0) {
        text_clear(&line);
        text_add(&line, SLICE("cmd_child_to_router:state:{\"state\":\""));
        for (int64_t i = 0; i < l->long_line; i++)
            text_byte(&line, 'x');
        text_byte(&line, '\n');
        write_all(STDOUT_FILENO, text_slice(&line));
    }
    text_fini(&line);
}
