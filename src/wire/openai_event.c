/* openai_event: chunks of a chat stream as OpenAI's kin send them. Each is parsed once, to see
 * what it is; what leaves are its own bytes but for `model` and, after another attempt took over,
 * `id` and `created`. */
#include "wire/codec.h"

#define MOST_CHUNK_VALUES 200000u
#define KEEP_ROOM 65536u /* between chunks */

static const struct json_limits chunk_limits = {.depth = 64, .values = MOST_CHUNK_VALUES};

/* ---- what is in a chunk --------------------------------------------------------------------- */

static bool has_text(const struct json_value *v)
{
    return json_text(v).len > 0;
}

static enum event_kind kind_of_delta(const struct json_value *delta)
{
    const struct json_value *v[DELTA_FIELDS];
    delta_pick(delta, v);
    if (has_text(v[DELTA_CONTENT]) || has_text(v[DELTA_REFUSAL]))
        return EVENT_TEXT;
    if (json_count(v[DELTA_TOOLS]) || json_is_object(v[DELTA_FUNCTION]))
        return EVENT_TOOL;
    if (has_text(v[DELTA_REASONING_CONTENT]) || has_text(v[DELTA_REASONING]))
        return EVENT_REASONING;
    return v[DELTA_ROLE] ? EVENT_HEAD : EVENT_BYTES;
}

static enum event_kind kind_of(const struct json_value *choices, const struct json_value *usage)
{
    enum event_kind kind = EVENT_BYTES;
    if (json_is_array(choices) && !json_count(choices) && json_is_object(usage))
        return EVENT_USAGE;
    for (struct json_iter i = json_begin(choices); json_next(&i);) {
        enum event_kind one = has_text(json_get(i.value, "text"))
                                  ? EVENT_TEXT
                                  : kind_of_delta(json_get(i.value, "delta"));
        const struct json_value *finish = json_get(i.value, "finish_reason");
        if (one == EVENT_HEAD && json_is_text(finish))
            one = EVENT_BYTES; /* an empty answer: its end is no head */
        bool nothing_yet = kind == EVENT_BYTES || kind == EVENT_HEAD;
        if (one != EVENT_BYTES && (nothing_yet || (one != EVENT_HEAD && one < kind)))
            kind = one;
    }
    return kind;
}

static struct usage usage_of(const struct json_value *v)
{
    struct usage u = NO_USAGE;
    if (!json_is_object(v))
        return u;
    if (!tokens_told(json_get(v, "prompt_tokens"), &u.prompt))
        u.prompt = -1;
    if (!tokens_told(json_get(v, "completion_tokens"), &u.completion))
        u.completion = -1;
    if (!tokens_told(json_get(json_get(v, "prompt_tokens_details"), "cached_tokens"), &u.cached))
        u.cached = 0;
    if (!tokens_told(json_get(json_get(v, "completion_tokens_details"), "reasoning_tokens"),
                     &u.reasoning))
        u.reasoning = 0;
    return u;
}

/* ---- errors --------------------------------------------------------------------------------- */

/* As much as fits, cut between characters. */
static size_t whole_characters(struct slice s, size_t most)
{
    size_t n = min_size(s.len, most);
    while (n && n < s.len && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void copy_visible(struct slice s, char *to, size_t room)
{
    struct text visible = {0};
    text_visible(&visible, slice_to(s, whole_characters(s, room - 1)));
    size_t n = whole_characters(text_slice(&visible), room - 1);
    memcpy(to, text_cstr(&visible), visible.failed ? 0 : n);
    to[visible.failed ? 0 : n] = '\0';
    text_fini(&visible);
}

struct refusal_row {
    int status;       /* 0: any */
    const char *code; /* of the error object; NULL: any */
    enum err means;
    const char *words; /* in its message; NULL: any */
};

/* The first row that fits. */
static const struct refusal_row refusals[] = {
    {0, "context_length_exceeded", ERR_CTX_TOO_LONG, NULL},
    {0, "exceed_context_size_error", ERR_CTX_TOO_LONG, NULL},
    {500, "server_error", ERR_CTX_TOO_LONG, "is too large to process"}, /* llama-server's vectors */
    {0, "content_policy_violation", ERR_CONTENT_POLICY, NULL},
    {0, "content_filter", ERR_CONTENT_POLICY, NULL},
    {0, "insufficient_quota", ERR_QUOTA_402, NULL},
    {401, NULL, ERR_AUTH_401_403, NULL},
    {402, NULL, ERR_QUOTA_402, NULL},
    {403, NULL, ERR_AUTH_401_403, NULL},
    {404, NULL, ERR_BAD_RESPONSE, NULL},
    {408, NULL, ERR_HTTP_408, NULL},
    {409, NULL, ERR_HTTP_409_LOADING, NULL},
    {429, NULL, ERR_HTTP_429, NULL},
    {529, NULL, ERR_OVERLOADED_529, NULL},
};

static bool has_words(struct slice message, const char *words)
{
    return !words || (message.len && memmem(message.ptr, message.len, words, strlen(words)));
}

static enum err meaning_of(int status, struct slice code, struct slice message)
{
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct refusal_row *r = &refusals[i];
        if ((!r->status || r->status == status) &&
            (!r->code || slice_is(code, slice_of(r->code))) && has_words(message, r->words))
            return r->means;
    }
    return status >= 500 ? ERR_HTTP_5XX : status >= 400 ? ERR_TARGET_REFUSED : ERR_BAD_RESPONSE;
}

enum err codec_refusal(int status, const struct json_value *error, struct why *why)
{
    struct slice code = json_text(json_get(error, "code"));
    struct slice message =
        json_text(error).len ? json_text(error) : json_text(json_get(error, "message"));
    int64_t number = status; /* some put the status into `code` */
    if (json_int(json_get(error, "code"), &number) && number >= 400 && number < 600)
        status = (int)number;
    if (!code.len)
        code = json_text(json_get(error, "type"));
    char words[200];
    copy_visible(message, words, sizeof words);
    enum err e = meaning_of(status, code, message);
    if (words[0])
        return why_set(why, e, "it answered %d: %s", status, words);
    return why_set(why, e, "it answered %d", status);
}

enum err openai_read_refusal(int status, struct slice body, struct why *why)
{
    struct json_doc doc;
    if (json_read(body, &chunk_limits, NULL, &doc, NULL))
        return codec_refusal(status, NULL, why);
    const struct json_value *error = json_get(doc.root, "error");
    enum err e = codec_refusal(status, error ? error : doc.root, why);
    json_done(&doc);
    return e;
}

/* ---- edits ---------------------------------------------------------------------------------- */

/* Where a place of the data stands in the raw event. Data of several lines was joined by line
 * feeds: each of its lines stands behind a field name (and a blank) of its own, and the first of a
 * stream may stand behind a byte order mark. */
static bool place_in_raw(struct slice raw, struct slice data, size_t place, size_t *ret_place)
{
    size_t seen = 0; /* bytes of data before the line that is looked at */
    if (data.ptr >= raw.ptr && data.ptr < raw.ptr + raw.len) {
        *ret_place = (size_t)(data.ptr - raw.ptr) + place;
        return true;
    }
    for (size_t at = slice_begins(raw, SLICE("\xef\xbb\xbf")) ? 3 : 0; at < raw.len;) {
        struct slice line = slice_from(raw, at);
        line.len = min_size(slice_find(line, '\n'), slice_find(line, '\r'));
        bool bare = slice_is(line, SLICE("data")); /* an empty line of data */
        if (bare || slice_begins(line, SLICE("data:"))) {
            size_t skip = bare ? 4 : line.len > 5 && line.ptr[5] == ' ' ? 6 : 5;
            if (place - seen < line.len - skip) {
                *ret_place = at + skip + place - seen;
                return true;
            }
            seen += line.len - skip + 1; /* and the line feed that joins it to the next */
        }
        at += line.len + 1;
    }
    return false;
}

/* The members that are kept the same over a whole answer. */
enum { PLACE_MODEL, PLACE_ID, PLACE_CREATED, PLACES };
static const struct slice place_names[PLACES] = {{"model", 5}, {"id", 2}, {"created", 7}};
static_assert(PLACES == COUNT(((struct front *)0)->places), "a front has a place for each");

struct changes { /* of one chunk: to the event as it came, and to its data */
    struct slice raw, data;
    struct slice old[PLACES]; /* in data; empty: it has none */
    struct edits in_raw, in_data;
};

static void set_places(struct changes *c, const struct json_span *places)
{
    for (unsigned i = 0; i < PLACES; i++)
        c->old[i] = (struct slice){c->data.ptr + places[i].value, places[i].end - places[i].value};
}

/* They usually stand before what is long, so the walk ends there; and they usually are what they
 * were in the chunk before, up to the byte behind the last of them: then there is no walk. */
static void find_places(struct changes *c, struct front *f)
{
    struct slice key, front = text_slice(&f->bytes);
    struct json_span span;
    unsigned found = 0;
    size_t at = 0;
    if (front.len && slice_begins(c->data, front)) {
        set_places(c, f->places);
        return;
    }
    while (found < PLACES && json_next_span(c->data, &at, &key, &span)) {
        for (unsigned i = 0; i < PLACES; i++) {
            if (slice_is(key, place_names[i])) {
                f->places[i] = span;
                c->old[i] = (struct slice){c->data.ptr + span.value, span.end - span.value};
                found++;
            }
        }
    }
    text_clear(&f->bytes);
    if (found == PLACES)
        text_add(&f->bytes, slice_to(c->data, at + 1));
    if (f->bytes.failed)
        text_clear(&f->bytes);
}

/* A value may go over several lines: in raw, what stands between them goes with it. */
static bool value_in_raw(const struct changes *c, struct slice old, struct edit *edit)
{
    size_t at = (size_t)(old.ptr - c->data.ptr), last;
    if (!place_in_raw(c->raw, c->data, at, &edit->at) ||
        !place_in_raw(c->raw, c->data, at + old.len - 1, &last))
        return false;
    edit->len = last + 1 - edit->at;
    struct slice found = {c->raw.ptr + edit->at, edit->len};
    return slice_begins(found, slice_to(old, slice_find(old, '\n')));
}

static enum err change(struct changes *c, unsigned place, struct slice value)
{
    struct slice old = c->old[place];
    struct edit in_raw = {.text = value};
    if (!old.len || !value.len || slice_is(old, value))
        return OK;
    if (!value_in_raw(c, old, &in_raw))
        return ERR_BAD_RESPONSE;
    size_t at = (size_t)(old.ptr - c->data.ptr);
    enum err e = edits_add(&c->in_data, c->data, (struct edit){at, old.len, value});
    return e ? e : edits_add(&c->in_raw, c->raw, in_raw);
}

/* Empty for what goes over several lines: in an event of one line it would end that line. */
static struct slice one_line(struct slice value)
{
    return slice_find(value, '\n') < value.len ? (struct slice){0} : value;
}

/* The first attempt's id and created stay for the whole answer, whoever goes on with it. */
static enum err remember(struct decoder *d, const struct changes *c)
{
    struct slice id = one_line(c->old[PLACE_ID]), created = one_line(c->old[PLACE_CREATED]);
    if (!d->id.len && id.len) {
        d->id = arena_dup(d->arena, id);
        d->created = arena_dup(d->arena, created);
        if (!d->id.ptr || !d->created.ptr)
            return ERR_NO_MEMORY;
    }
    return OK;
}

static enum err write_model(struct decoder *d)
{
    struct text model = {0};
    struct json_writer w = json_writer(&model);
    if (d->model_json.len)
        return OK;
    json_put_text(&w, d->model);
    if (!model.failed)
        d->model_json = arena_dup(d->arena, text_slice(&model));
    text_fini(&model);
    return d->model_json.ptr ? OK : ERR_NO_MEMORY;
}

static enum err edit_chunk(struct decoder *d, struct slice raw, struct slice data,
                           struct event *event)
{
    struct changes c = {.raw = raw, .data = data};
    event->raw = raw;
    event->json = data;
    find_places(&c, &d->front);
    enum err e = write_model(d);
    if (!e)
        e = remember(d, &c);
    if (!e)
        e = change(&c, PLACE_MODEL, d->model_json);
    if (!e)
        e = change(&c, PLACE_ID, d->id);
    if (!e)
        e = change(&c, PLACE_CREATED, d->created);
    if (!e && c.in_raw.n) {
        size_t len = edits_len(&c.in_raw, raw);
        text_clear(&d->edited);
        if (!text_room(&d->edited, len + edits_len(&c.in_data, data)))
            return ERR_NO_MEMORY;
        edits_write(&c.in_raw, raw, &d->edited);
        edits_write(&c.in_data, data, &d->edited);
        event->raw = (struct slice){d->edited.ptr, len};
        event->json = (struct slice){d->edited.ptr + len, d->edited.len - len};
        e = d->edited.failed ? ERR_NO_MEMORY : OK;
    }
    return e;
}

enum err codec_edit_model(struct decoder *d, struct event *event)
{
    struct slice json = event->json;
    struct json_span span;
    if (!json_find_span(json, SLICE("model"), &span))
        return OK;
    enum err e = write_model(d);
    if (e || slice_is((struct slice){json.ptr + span.value, span.end - span.value}, d->model_json))
        return e;
    struct edits edits = {.list = {{span.value, span.end - span.value, d->model_json}}, .n = 1};
    text_clear(&d->edited);
    if (!text_room(&d->edited, edits_len(&edits, json)))
        return ERR_NO_MEMORY;
    edits_write(&edits, json, &d->edited);
    event->raw = event->json = text_slice(&d->edited);
    return OK;
}

/* ---- one event ------------------------------------------------------------------------------ */

static enum err decode_chunk(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why)
{
    struct json_doc doc; /* lies in scratch until the next chunk: event->parsed points there */
    enum err e = json_read(data, &chunk_limits, &d->scratch, &doc, why);
    if (e && e != ERR_NO_MEMORY)
        return why_set(why, ERR_BAD_RESPONSE, "a chunk is not valid JSON");
    if (e)
        return e;
    enum { ERROR, CHOICES, USAGE, N };
    static const struct slice names[N] = {{"error", 5}, {"choices", 7}, {"usage", 5}};
    const struct json_value *chunk = doc.root, *v[N];
    json_pick(chunk, names, N, v);
    if (v[ERROR] && !json_is_null(v[ERROR])) {
        e = codec_refusal(500, v[ERROR], why);
    } else if (!json_is_object(chunk)) {
        e = why_set(why, ERR_BAD_RESPONSE, "a chunk is not an object");
    } else {
        event->kind = kind_of(v[CHOICES], v[USAGE]);
        event->usage = usage_of(v[USAGE]);
        event->parsed = chunk;
        e = edit_chunk(d, raw, data, event);
        if (e)
            why_set(why, e, "a chunk could not be edited");
        if (event->kind == EVENT_HEAD && d->head_sent)
            event->raw = (struct slice){0};
    }
    return e;
}

enum err openai_decode_event(struct decoder *d, struct slice raw, struct slice data,
                             struct event *event, struct why *why)
{
    if (d->scratch.room > KEEP_ROOM)
        text_fini(&d->scratch);
    if (!data.len) { /* a comment: keeps the line warm */
        event->ready = true;
        return OK;
    }
    if (slice_is(slice_trim(data), SLICE("[DONE]"))) {
        event->kind = EVENT_END;
        return OK;
    }
    if (openai_alike(d, raw, data, event))
        return OK;
    enum err e = decode_chunk(d, raw, data, event, why);
    if (!e)
        openai_learn(d, raw, data, event);
    return e;
}
