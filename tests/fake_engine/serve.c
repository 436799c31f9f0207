/* The paths: who may ask, what is refused while the model loads, and every answer that needs no
 * slot. Bodies of answers are those of llama-server 0.7.0, less what nobody reads. */
#include <fcntl.h>
#include <unistd.h>

#include "fake.h"

struct ask {
    struct slice method, path, query, body;
    int64_t number; /* in the path, of a slot */
};

/* --- what it is, and how it does -------------------------------------------------------------- */

static void say_health(struct engine *e, struct conn *c, const struct ask *a)
{
    (void)a;
    int status = (int)e->script.answer.health;
    if (status == 200)
        conn_say(c, 200, "application/json; charset=utf-8", SLICE("{\"status\":\"ok\"}"));
    else
        conn_error(c, status, "server_error", "the script says so");
}

static void say_props(struct engine *e, struct conn *c, const struct ask *a)
{
    (void)a;
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    json_key(&w, "default_generation_settings");
    json_open_object(&w);
    event_number(&w, "n_ctx", slot_context(e));
    json_close_object(&w);
    event_number(&w, "total_slots", e->flags.parallel);
    json_put_pair(&w, "model_alias", e->flags.alias);
    json_put_pair(&w, "model_ftype", SLICE("all F32"));
    json_put_pair(&w, "model_path", e->flags.model);
    json_key(&w, "endpoint_slots");
    json_put_bool(&w, !e->flags.no_slots);
    json_key(&w, "endpoint_metrics");
    json_put_bool(&w, e->flags.metrics);
    json_put_pair(&w, "chat_template", SLICE("fake"));
    json_put_pair(&w, "build_info", SLICE("b1-fake"));
    json_key(&w, "is_sleeping");
    json_put_bool(&w, false);
    json_close_object(&w);
    conn_json(c, 200, &json);
}

static void say_models(struct engine *e, struct conn *c, const struct ask *a)
{
    (void)a;
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    json_put_pair(&w, "object", SLICE("list"));
    json_key(&w, "data");
    json_open_array(&w);
    say_model(e, &w);
    json_close_array(&w);
    json_close_object(&w);
    conn_json(c, 200, &json);
}

static void put_slot(const struct engine *e, int i, struct json_writer *w)
{
    const struct slot *s = &e->slots[i];
    const struct task *t = s->task;
    json_open_object(w);
    event_number(w, "id", i);
    event_number(w, "n_ctx", slot_context(e));
    json_key(w, "speculative");
    json_put_bool(w, false);
    json_key(w, "is_processing");
    json_put_bool(w, t != NULL);
    if (s->last_task >= 0) {
        event_number(w, "id_task", s->last_task);
        event_number(w, "n_prompt_tokens", t ? t->prompt + t->done : s->prompt + s->done);
        event_number(w, "n_prompt_tokens_processed", t ? t->prompt : 0);
        event_number(w, "n_prompt_tokens_cache", 0);
        json_key(w, "next_token");
        json_open_array(w);
        json_open_object(w);
        json_key(w, "has_next_token");
        json_put_bool(w, t != NULL);
        event_number(w, "n_remain", t ? t->tokens - t->done : -1);
        event_number(w, "n_decoded", t ? t->done : 0);
        json_close_object(w);
        json_close_array(w);
    }
    json_close_object(w);
}

static void say_slots(struct engine *e, struct conn *c, const struct ask *a)
{
    bool full = tasks_running(e) >= (unsigned)e->flags.parallel;
    if (e->flags.no_slots) {
        conn_error(c, 501, "not_supported_error",
                   "This server does not support slots endpoint. Start it with `--slots`");
        return;
    }
    if (full && slice_is(a->query, SLICE("fail_on_no_slot=1"))) {
        conn_error(c, 503, "unavailable_error", "no slot available");
        return;
    }
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_array(&w);
    for (int i = 0; i < e->flags.parallel; i++)
        put_slot(e, i, &w);
    json_close_array(&w);
    conn_json(c, 200, &json);
}

static void say_metrics(struct engine *e, struct conn *c, const struct ask *a)
{
    (void)a;
    const struct {
        const char *name, *kind;
        uint64_t value;
    } rows[] = {
        {"prompt_tokens_total", "counter", e->totals.prompt},
        {"tokens_predicted_total", "counter", e->totals.predicted},
        {"n_decode_total", "counter", e->totals.predicted},
        {"requests_processing", "gauge", tasks_running(e)},
        {"requests_deferred", "gauge", tasks_deferred(e)},
    };
    if (!e->flags.metrics) {
        conn_error(c, 501, "not_supported_error",
                   "This server does not support metrics endpoint. Start it with `--metrics`");
        return;
    }
    struct text lines = {0};
    for (size_t i = 0; i < COUNT(rows); i++)
        text_format(&lines, "# TYPE llamacpp:%s %s\nllamacpp:%s %llu\n", rows[i].name, rows[i].kind,
                    rows[i].name, (unsigned long long)rows[i].value);
    conn_say(c, 200, "text/plain; version=0.0.4", text_slice(&lines));
    text_fini(&lines);
}

/* --- other work ------------------------------------------------------------------------------- */

static void start_chat(struct engine *e, struct conn *c, const struct ask *a)
{
    struct slice ping = body_member(a->body, SLICE("sse_ping_interval"));
    if (!body_is_object(a->body))
        conn_error(c, 400, "invalid_request_error",
                   "[json.exception.parse_error.101] parse error: syntax error");
    else if (slice_ends(a->path, SLICE("/chat/completions")) &&
             !body_member(a->body, SLICE("messages")).len)
        conn_error(c, 400, "invalid_request_error", "'messages' is required");
    else if (ping.len && strchr("\"[{tf", ping.ptr[0]))
        conn_error(c, 400, "invalid_request_error",
                   "Field 'sse_ping_interval': type must be number");
    else
        task_start(e, c, a->body);
}

static void say_tokens(struct engine *e, struct conn *c, const struct ask *a)
{
    (void)e;
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    json_key(&w, "tokens");
    json_open_array(&w);
    for (size_t i = 0; i < body_member(a->body, SLICE("content")).len / 4; i++)
        json_put_int(&w, (int64_t)i);
    json_close_array(&w);
    json_close_object(&w);
    conn_json(c, 200, &json);
}

static void say_embeddings(struct engine *e, struct conn *c, const struct ask *a)
{
    (void)a;
    struct text json = {0};
    if (!e->flags.embedding) {
        conn_error(c, 501, "not_supported_error",
                   "This server does not support embeddings. Start it with `--embeddings`");
        return;
    }
    text_add(&json, SLICE("{\"model\":\"fake\",\"object\":\"list\",\"usage\":{\"prompt_tokens\":3,"
                          "\"total_tokens\":3},\"data\":[{\"embedding\":[0.5,-0.5,0.25,0.75],"
                          "\"index\":0,\"object\":\"embedding\"}]}"));
    conn_json(c, 200, &json);
}

static void say_ranks(struct engine *e, struct conn *c, const struct ask *a)
{
    (void)a;
    struct text json = {0};
    if (!e->flags.reranking) {
        conn_error(c, 501, "not_supported_error",
                   "This server does not support reranking. Start it with `--reranking`");
        return;
    }
    text_add(&json, SLICE("{\"model\":\"fake\",\"object\":\"list\",\"usage\":{\"prompt_tokens\":3,"
                          "\"total_tokens\":3},\"results\":[{\"index\":0,"
                          "\"relevance_score\":0.5}]}"));
    conn_json(c, 200, &json);
}

/* The slot's content as a file: its number of tokens, told again by whoever restores it. */
static bool move_slot(struct engine *e, const struct ask *a, struct slice name, bool saves,
                      int64_t *ret_bytes)
{
    struct slot *s = &e->slots[a->number];
    struct text path = {0};
    text_format(&path, "%.*s%.*s", SLICE_ARG(e->flags.slot_save_path), SLICE_ARG(name));
    int64_t kept[2] = {s->prompt, s->done};
    int fd = open(text_cstr(&path), saves ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY, 0644);
    ssize_t n = fd < 0 ? -1 : saves ? write(fd, kept, sizeof(kept)) : read(fd, kept, sizeof(kept));
    if (fd >= 0)
        close(fd);
    text_fini(&path);
    if (n != sizeof(kept))
        return false;
    s->prompt = kept[0];
    s->done = kept[1];
    *ret_bytes = n;
    return true;
}

static void move_slot_as(struct engine *e, struct conn *c, const struct ask *a, bool saves)
{
    struct slice name = body_member(a->body, SLICE("filename"));
    bool quoted = name.len > 2 && name.ptr[0] == '"';
    name = quoted ? slice_from(slice_to(name, name.len - 1), 1) : (struct slice){0};
    int64_t bytes;
    if (!name.len || slice_find(name, '/') < name.len || slice_begins(name, SLICE(".."))) {
        conn_error(c, 400, "invalid_request_error", "Invalid filename");
        return;
    }
    if (!move_slot(e, a, name, saves, &bytes)) {
        conn_error(c, 400, "invalid_request_error", "Unable to restore slot");
        return;
    }
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_open_object(&w);
    event_number(&w, "id_slot", a->number);
    json_put_pair(&w, "filename", name);
    event_number(&w, saves ? "n_saved" : "n_restored",
                 e->slots[a->number].prompt + e->slots[a->number].done);
    event_number(&w, saves ? "n_written" : "n_read", bytes);
    json_close_object(&w);
    conn_json(c, 200, &json);
}

static void use_slot(struct engine *e, struct conn *c, const struct ask *a)
{
    struct slice action = a->query;
    struct slot *s = a->number < e->flags.parallel ? &e->slots[a->number] : NULL;
    if (!e->flags.slot_save_path.len)
        conn_error(c, 501, "not_supported_error",
                   "This server does not support slots action. Start it with `--slot-save-path`");
    else if (!s)
        conn_error(c, 400, "invalid_request_error", "Invalid slot ID");
    else if (slice_is(action, SLICE("action=save")) || slice_is(action, SLICE("action=restore")))
        move_slot_as(e, c, a, slice_ends(action, SLICE("save")));
    else if (slice_is(action, SLICE("action=erase"))) {
        struct text json = {0};
        text_format(&json, "{\"id_slot\":%lld,\"n_erased\":%lld}", (long long)a->number,
                    (long long)(s->prompt + s->done));
        s->prompt = s->done = 0;
        conn_json(c, 200, &json);
    } else
        conn_error(c, 400, "invalid_request_error", "Invalid action");
}

/* --- paths ------------------------------------------------------------------------------------ */

static const struct route {
    const char *method, *path; /* a path that ends in a slash has a number after it */
    void (*answer)(struct engine *e, struct conn *c, const struct ask *a);
    bool open; /* answered without a key */
} routes[] = {
    {"GET", "/health", say_health, true},
    {"GET", "/v1/health", say_health, true},
    {"GET", "/props", say_props, false},
    {"GET", "/models", say_models, false},
    {"GET", "/v1/models", say_models, false},
    {"GET", "/slots", say_slots, false},
    {"GET", "/metrics", say_metrics, false},
    {"POST", "/v1/chat/completions", start_chat, false},
    {"POST", "/chat/completions", start_chat, false},
    {"POST", "/v1/completions", start_chat, false},
    {"POST", "/completion", start_chat, false},
    {"POST", "/tokenize", say_tokens, false},
    {"POST", "/v1/embeddings", say_embeddings, false},
    {"POST", "/v1/rerank", say_ranks, false},
    {"POST", "/slots/", use_slot, false},
};

static const struct route *find_route(struct ask *a)
{
    for (size_t i = 0; i < COUNT(routes); i++) {
        struct slice path = slice_of(routes[i].path);
        uint64_t n;
        if (!slice_is(a->method, slice_of(routes[i].method)))
            continue;
        if (slice_is(a->path, path) && !slice_ends(path, SLICE("/")))
            return &routes[i];
        if (slice_ends(path, SLICE("/")) && slice_begins(a->path, path) &&
            slice_u64(slice_from(a->path, path.len), &n) && n < SLOTS_MOST) {
            a->number = (int64_t)n;
            return &routes[i];
        }
    }
    return NULL;
}

static bool has_key(const struct engine *e, struct slice head)
{
    struct slice bearer = frame_header(head, SLICE("authorization"));
    struct slice other = frame_header(head, SLICE("x-api-key"));
    if (!e->flags.key.len || e->script.answer.any_key || e->script.answer.impostor.len)
        return true;
    if (slice_begins(bearer, SLICE("Bearer ")))
        bearer = slice_from(bearer, 7);
    return slice_is(bearer, e->flags.key) || slice_is(other, e->flags.key);
}

static void put_headers(struct json_writer *w, struct slice head)
{
    struct slice line;
    slice_split(&head, '\n', &line);
    json_key(w, "headers");
    json_open_object(w);
    while (slice_split(&head, '\n', &line)) {
        size_t colon = slice_find(line, ':');
        if (colon == line.len)
            continue;
        struct slice name = slice_to(line, colon), value = slice_trim(slice_from(line, colon + 1));
        bool secret = slice_is_nocase(name, SLICE("authorization")) ||
                      slice_is_nocase(name, SLICE("x-api-key"));
        json_key_slice(w, name);
        json_put_text(w, secret                           ? SLICE("***")
                         : slice_ends(value, SLICE("\r")) ? slice_to(value, value.len - 1)
                                                          : value);
    }
    json_close_object(w);
}

static void tell_request(const struct engine *e, const struct frame *f, const struct ask *a)
{
    struct text line = {0};
    struct json_writer w = event_begin(e, "request", &line);
    char hash[17];
    snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)frame_hash(a->body));
    json_put_pair(&w, "method", a->method);
    json_put_pair(&w, "path", a->path);
    json_key(&w, "key_right");
    json_put_bool(&w, has_key(e, f->head));
    put_headers(&w, f->head);
    json_put_pair(&w, "body_hash", slice_of(hash));
    event_number(&w, "body_bytes", (int64_t)a->body.len);
    body_keys(a->body, &w);
    if (e->script.answer.bodies)
        json_put_pair(&w, "body", a->body);
    event_end(e, &w);
}

/* Answers nothing, for good, or bytes that are no HTTP. */
static bool misbehaves(const struct engine *e, struct conn *c, const struct route *r)
{
    const struct script *s = &e->script;
    bool lies = s->loading.lie_ready && e->phase == READY;
    c->stuck = lies || (r && r->open && s->answer.health_hang && e->phase == READY);
    if (s->answer.garbage && e->phase == READY) {
        text_add(&c->out, SLICE("\x00\x16\x03\x01garbage\xff\r\n\r\nHTTP\r\n"));
        c->closes = true;
        return true;
    }
    return c->stuck;
}

void serve(struct engine *e, struct conn *c, const struct frame *f, struct slice body)
{
    struct ask a = {.body = body};
    struct slice rest = f->head;
    slice_split(&rest, ' ', &a.method);
    slice_split(&rest, ' ', &a.path);
    size_t mark = slice_find(a.path, '?');
    a.query = slice_from(a.path, min_size(mark + 1, a.path.len));
    a.path = slice_to(a.path, mark);
    const struct route *r = find_route(&a);
    e->asked_us = now_us();
    tell_request(e, f, &a);
    if (misbehaves(e, c, r))
        return;
    if (!(r && r->open) && !has_key(e, f->head))
        conn_error(c, 401, "authentication_error", "Invalid API Key");
    else if (e->phase == LOADING)
        conn_error(c, 503, "unavailable_error", "Loading model");
    else if (!r)
        conn_error(c, 404, "not_found_error", "File Not Found");
    else
        r->answer(e, c, &a);
}
