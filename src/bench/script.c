/* script: what the generator asks and what the mock answers, as bytes. Both are made once and sent
 * many times: only the nonce in them changes. */
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "bench/inside.h"
#include "http/http.h"

#define PROMPT_LINE 72u
#define PARTS_BESIDE_CHUNKS 4u /* role, finish reason, usage, [DONE] */
#define CREATED 1700000000

void nonce_make(char nonce[NONCE_LEN], uint64_t n)
{
    for (size_t i = NONCE_LEN; i-- > 0; n /= 10)
        nonce[i] = (char)('0' + n % 10);
}

bool nonce_is(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    }
    return s.len == NONCE_LEN;
}

void script_piece(struct text *out, const char nonce[NONCE_LEN], unsigned i)
{
    if (i == 0) {
        text_add(out, (struct slice){nonce, NONCE_LEN});
    } else {
        text_add(out, SLICE(" w"));
        text_u64(out, i);
    }
}

void script_text(struct text *out, const char nonce[NONCE_LEN], unsigned chunks)
{
    for (unsigned i = 0; i < chunks; i++)
        script_piece(out, nonce, i);
}

/* ---- the question ---- */

/* Lines of words, as prompts are: now and then there is something to escape. */
static void write_prompt(struct text *out, size_t bytes)
{
    static const struct slice words = SLICE("the quick brown fox jumps over the lazy dog, and ");
    size_t written = 0, column = 0;
    while (written < bytes) {
        if (column == PROMPT_LINE && bytes - written >= 2) {
            text_byte(out, '\n'); /* two bytes in JSON */
            written += 2;
            column = 0;
        } else {
            text_byte(out, words.ptr[written % words.len]);
            written++;
            column++;
        }
    }
}

static void write_call(const struct bench_load *load, size_t padding, struct text *out)
{
    struct text prompt = {0};
    text_add(&prompt, SLICE(NONCE_NONE " "));
    write_prompt(&prompt, padding);
    out->failed |= prompt.failed;
    struct json_writer w = json_writer(out);
    json_open_object(&w);
    json_put_pair(&w, "model", slice_of(load->model));
    json_key(&w, "messages");
    json_open_array(&w);
    json_open_object(&w);
    json_put_pair(&w, "role", SLICE("user"));
    json_put_pair(&w, "content", text_slice(&prompt));
    json_close_object(&w);
    json_close_array(&w);
    json_key(&w, "max_tokens");
    json_put_u64(&w, load->chunks);
    if (load->stream) {
        json_key(&w, "stream");
        json_put_bool(&w, true);
    }
    json_close_object(&w);
    text_fini(&prompt);
}

static void write_head(const struct bench_load *load, size_t body, struct text *out)
{
    struct text target = {0}, bearer = {0};
    char length[24];
    snprintf(length, sizeof length, "%zu", body);
    text_format(&target, "%s/chat/completions", load->place->path);
    text_format(&bearer, "Bearer %s", load->key ? load->key : "");
    const struct http_field fields[] = {
        {SLICE("Host"), slice_of(load->place->host)},
        {SLICE("User-Agent"), SLICE("hearth-bench/" HEARTH_VERSION)},
        {SLICE("Accept"), load->stream ? SLICE("text/event-stream") : SLICE("application/json")},
        {SLICE("Content-Type"), SLICE("application/json")},
        {SLICE("Content-Length"), slice_of(length)},
        {SLICE("Authorization"), text_slice(&bearer)},
    };
    out->failed |= target.failed || bearer.failed ||
                   !http_write_request(out, METHOD_POST, text_slice(&target), fields,
                                       COUNT(fields) - (load->key ? 0 : 1));
    text_fini(&target);
    text_fini(&bearer);
}

void question_make(const struct bench_load *load, struct question *q)
{
    struct text body = {0};
    *q = (struct question){0};
    write_call(load, 0, &body);
    size_t least = body.len;
    text_clear(&body);
    write_call(load, load->body > least ? load->body - least : 0, &body);
    write_head(load, body.len, &q->before);
    q->before.failed |= body.failed;
    const char *nonce = body.failed ? NULL : memmem(body.ptr, body.len, NONCE_NONE, NONCE_LEN);
    if (nonce) {
        size_t at = (size_t)(nonce - body.ptr);
        text_add(&q->before, slice_to(text_slice(&body), at));
        text_add(&q->after, slice_from(text_slice(&body), at + NONCE_LEN));
    }
    text_fini(&body);
}

void question_fini(struct question *q)
{
    text_fini(&q->before);
    text_fini(&q->after);
}

/* ---- the answer ---- */

static void open_answer(struct json_writer *w, const char *object)
{
    json_open_object(w);
    json_put_pair(w, "id", SLICE("chatcmpl-bench"));
    json_put_pair(w, "object", slice_of(object));
    json_key(w, "created");
    json_put_int(w, CREATED);
    json_put_pair(w, "model", SLICE(BENCH_MODEL));
    json_key(w, "choices");
    json_open_array(w);
}

static void write_usage(struct json_writer *w, unsigned chunks)
{
    json_key(w, "usage");
    json_open_object(w);
    json_key(w, "prompt_tokens");
    json_put_u64(w, 1);
    json_key(w, "completion_tokens");
    json_put_u64(w, chunks);
    json_key(w, "total_tokens");
    json_put_u64(w, chunks + 1);
    json_close_object(w);
}

/* What of a choice is the same in all of them. */
static void open_choice(struct json_writer *w, const char *holder)
{
    json_open_object(w);
    json_key(w, "index");
    json_put_int(w, 0);
    json_key(w, holder);
    json_open_object(w);
}

static void close_choice(struct json_writer *w, const char *finish)
{
    json_close_object(w);
    json_key(w, "finish_reason");
    if (finish)
        json_put_text(w, slice_of(finish));
    else
        json_put_null(w);
    json_close_object(w);
}

static void write_object(const struct script_key *key, struct text *out)
{
    struct text said = {0};
    script_text(&said, NONCE_NONE, key->chunks);
    out->failed |= said.failed;
    struct json_writer w = json_writer(out);
    open_answer(&w, "chat.completion");
    open_choice(&w, "message");
    json_put_pair(&w, "role", SLICE("assistant"));
    json_put_pair(&w, "content", text_slice(&said));
    close_choice(&w, "stop");
    json_close_array(&w);
    write_usage(&w, key->chunks);
    json_close_object(&w);
    text_fini(&said);
}

/* Event i of a stream: the role, the pieces, the finish reason, the usage. */
static void write_event(const struct script_key *key, unsigned i, struct text *out)
{
    struct text said = {0};
    struct json_writer w = json_writer(out);
    open_answer(&w, "chat.completion.chunk");
    if (i <= key->chunks + 1) {
        open_choice(&w, "delta");
        if (i == 0)
            json_put_pair(&w, "role", SLICE("assistant"));
        if (i > 0 && i <= key->chunks) {
            script_piece(&said, NONCE_NONE, i - 1);
            json_put_pair(&w, "content", text_slice(&said));
        }
        close_choice(&w, i == key->chunks + 1 ? "stop" : NULL);
    }
    json_close_array(&w);
    if (i == key->chunks + 2)
        write_usage(&w, key->chunks);
    json_close_object(&w);
    out->failed |= said.failed;
    text_fini(&said);
}

static void add_part(struct script_answer *a, struct slice data)
{
    struct text event = {0};
    char room[HTTP_CHUNK_OPEN];
    sse_write_event(&event, (struct slice){0}, data);
    text_add(&a->bytes, http_chunk_open(room, event.len));
    text_add(&a->bytes, text_slice(&event));
    text_add(&a->bytes, HTTP_CHUNK_CLOSE);
    a->bytes.failed |= event.failed;
    text_fini(&event);
    a->ends[a->parts++] = a->bytes.len;
}

static void write_stream(struct script_answer *a)
{
    struct text event = {0};
    unsigned events = a->key.chunks + 2 + a->key.usage;
    for (unsigned i = 0; i < events; i++) {
        text_clear(&event);
        write_event(&a->key, i, &event);
        a->bytes.failed |= event.failed;
        add_part(a, text_slice(&event));
    }
    text_fini(&event);
    add_part(a, SLICE("[DONE]"));
    text_add(&a->bytes, HTTP_CHUNK_LAST);
    a->ends[a->parts - 1] = a->bytes.len;
}

static void write_answer(struct script_answer *a)
{
    struct text body = {0};
    char length[24];
    if (!a->key.stream)
        write_object(&a->key, &body);
    snprintf(length, sizeof length, "%zu", body.len);
    struct http_field fields[] = {{SLICE("Content-Type"), SLICE("application/json")},
                                  {SLICE("Content-Length"), slice_of(length)}};
    if (a->key.stream) {
        fields[0].value = SLICE("text/event-stream");
        fields[1] = (struct http_field){SLICE("Transfer-Encoding"), SLICE("chunked")};
    }
    a->bytes.failed |= body.failed || !http_write_response(&a->bytes, 200, fields, COUNT(fields));
    a->body_at = a->bytes.len;
    text_add(&a->bytes, text_slice(&body));
    text_fini(&body);
    if (a->key.stream)
        write_stream(a);
}

enum err script_answer_make(const struct script_key *key, struct script_answer *ret_answer)
{
    struct script_answer a = {.key = *key};
    a.ends = mem_alloc((key->chunks + PARTS_BESIDE_CHUNKS) * sizeof *a.ends);
    if (a.ends)
        write_answer(&a);
    if (!a.ends || a.bytes.failed) {
        script_answer_fini(&a);
        return ERR_NO_MEMORY;
    }
    const char *nonce = memmem(a.bytes.ptr, a.bytes.len, NONCE_NONE, NONCE_LEN);
    assert(nonce);
    a.nonce_at = (size_t)(nonce - a.bytes.ptr);
    *ret_answer = a;
    return OK;
}

void script_answer_fini(struct script_answer *a)
{
    text_fini(&a->bytes);
    mem_free(a->ends);
    *a = (struct script_answer){0};
}
