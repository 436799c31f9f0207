/* What the dialects have in common: the walk over the steps of an answer, the clothes in which an
 * event can come, and the words, thoughts and calls that are said. The same script always gives
 * the same bytes. */
#include "say.h"

static const struct voice *const voices[] = {
    &say_chat,       &say_completion,   &say_messages,
    &say_count,      &say_ollama_chat,  &say_ollama_generate,
    &say_embeddings, &say_ollama_embed, &say_ollama_embeddings,
    &say_infill,
};

const struct voice *voice_find(struct slice path)
{
    for (size_t i = 0; i < COUNT(voices); i++) {
        if (slice_ends(path, slice_of(voices[i]->path)))
            return voices[i];
    }
    return NULL;
}

bool events_streams(const struct voice *v, const struct json_value *request)
{
    const struct json_value *stream = json_get(request, "stream");
    if (v->streams == STREAMS_UNLESS_FALSE)
        return !json_is_false(stream);
    return v->streams == STREAMS_IF_TRUE && json_is_true(stream);
}

const char *events_type(const struct play *p)
{
    return p->asked.voice->lines ? "application/x-ndjson" : "text/event-stream; charset=utf-8";
}

/* --- clothes ---------------------------------------------------------------------------------- */

static void data_line(struct text *out, struct slice json, const char *eol)
{
    text_add(out, SLICE("data: "));
    text_add(out, json);
    text_add(out, slice_of(eol));
}

static void dress_plain(struct text *out, struct slice json, const char *eol)
{
    data_line(out, json, eol);
}

static void dress_tight(struct text *out, struct slice json, const char *eol)
{
    text_format(out, "data:%.*s%s", SLICE_ARG(json), eol);
}

static void dress_comments(struct text *out, struct slice json, const char *eol)
{
    text_format(out, ": a comment alone%s%s:%s", eol, eol, eol);
    data_line(out, json, eol);
    text_format(out, ":data: no data%s", eol);
}

/* After the first comma of the outermost object a line may break. */
static void dress_lines(struct text *out, struct slice json, const char *eol)
{
    size_t comma = slice_find(json, ',');
    if (comma == json.len) {
        data_line(out, json, eol);
        return;
    }
    data_line(out, slice_to(json, comma + 1), eol);
    data_line(out, slice_from(json, comma + 1), eol);
}

static void dress_fields(struct text *out, struct slice json, const char *eol)
{
    text_format(out, "event: message%sid: 7%sretry: 1000%sunknown: x%sbare%s", eol, eol, eol, eol,
                eol);
    data_line(out, json, eol);
}

static void add_spaced(struct text *out, struct slice json)
{
    bool quoted = false, escaped = false;
    for (size_t i = 0; i < json.len; i++) {
        char c = json.ptr[i];
        bool mark = !quoted && strchr("{}[]:,", c);
        if (mark)
            text_add(out, SLICE(" \t"));
        text_byte(out, c);
        if (mark)
            text_add(out, SLICE("  "));
        if (c == '"' && !escaped)
            quoted = !quoted;
        escaped = c == '\\' && !escaped;
    }
}

static void dress_space(struct text *out, struct slice json, const char *eol)
{
    text_add(out, SLICE("data:  "));
    add_spaced(out, json);
    text_add(out, slice_of(eol));
}

static void (*const dresses[])(struct text *out, struct slice json, const char *eol) = {
    [DRESS_PLAIN] = dress_plain, [DRESS_TIGHT] = dress_tight,   [DRESS_COMMENTS] = dress_comments,
    [DRESS_LINES] = dress_lines, [DRESS_FIELDS] = dress_fields, [DRESS_SPACE] = dress_space,
};

const char *say_eol(const struct play *p)
{
    static const char *const eols[] = {[EOL_LF] = "\n", [EOL_CRLF] = "\r\n", [EOL_CR] = "\r"};
    return eols[p->script.shape.eol];
}

/* A line of JSON knows one dress, with blanks: they may stand between any two marks. */
static void say_line(const struct play *p, struct slice json, struct text *out)
{
    if (p->script.shape.dress == DRESS_SPACE)
        add_spaced(out, json);
    else
        text_add(out, json);
    text_add(out, slice_of(say_eol(p)));
}

void say_event(const struct play *p, const char *name, struct slice json, struct text *out)
{
    const char *eol = say_eol(p);
    if (p->asked.voice->lines) {
        say_line(p, json, out);
        return;
    }
    /* A dress may have a blank line or an `event:` of its own: the name that counts comes after. */
    bool late = p->script.shape.dress == DRESS_COMMENTS || p->script.shape.dress == DRESS_FIELDS;
    if (name && !late)
        text_format(out, "event: %s%s", name, eol);
    dresses[p->script.shape.dress](out, json, eol);
    if (name && late)
        text_format(out, "event: %s%s", name, eol);
    text_add(out, slice_of(eol));
}

/* --- steps ------------------------------------------------------------------------------------ */

int events_count(const struct play *p)
{
    const struct voice *v = p->asked.voice;
    int64_t n = 0, error_at = p->script.shape.error_at;
    for (size_t i = 0; i < v->count; i++)
        n += v->sections[i].count(p);
    return (int)(error_at > 0 && error_at < n ? error_at + 1 : n);
}

static void write_error(const struct play *p, struct text *out)
{
    struct text json = {0};
    events_error(p, &json);
    say_event(p, p->asked.voice->error_event, text_slice(&json), out);
    text_fini(&json);
}

void events_write(const struct play *p, int i, struct text *out)
{
    if (i && i == p->script.shape.error_at) {
        write_error(p, out);
        return;
    }
    const struct section *s = p->asked.voice->sections;
    while (i >= s->count(p)) {
        i -= (int)s->count(p);
        s++;
    }
    if (s->bytes) {
        s->bytes(p, i, out);
        return;
    }
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    s->json(p, i, &w);
    say_event(p, NULL, text_slice(&json), out);
    text_fini(&json);
}

void events_object(const struct play *p, struct text *out)
{
    struct json_writer w = json_writer(out);
    p->asked.voice->object(p, &w);
}

void events_error(const struct play *p, struct text *out)
{
    struct json_writer w = json_writer(out);
    p->asked.voice->error(p, &w);
}

/* --- what is said ----------------------------------------------------------------------------- */

void say_int(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, key);
    json_put_int(w, n);
}

void say_null(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_put_null(w);
}

struct slice say_model(const struct play *p)
{
    return p->script.shape.model.len ? p->script.shape.model : p->asked.model;
}

void say_model_pair(struct json_writer *w, const struct play *p)
{
    if (p->script.shape.decoy) {
        json_key(w, "meta");
        json_open_object(w);
        json_put_pair(w, "model", SLICE("decoy"));
        json_close_object(w);
    }
    if (!slice_is(say_model(p), SLICE("-")))
        json_put_pair(w, "model", say_model(p));
}

static void add_text(const struct play *p, int i, struct text *out)
{
    const struct shape *s = &p->script.shape;
    size_t began = out->len;
    if (s->text.len)
        text_add(out, s->text);
    else if (s->nonce.len)
        text_format(out, "%.*s.%d ", SLICE_ARG(s->nonce), i);
    else
        text_format(out, "w%d ", i);
    while (out->len - began < (size_t)s->size)
        text_byte(out, (char)('a' + (out->len - began) % 26));
}

static void say_some_words(struct json_writer *w, const struct play *p, int i, int end)
{
    struct text t = {0};
    struct slice escaped = p->script.shape.escaped;
    if (escaped.len)
        text_byte(&t, '"');
    for (; i < end; i++) {
        if (escaped.len)
            text_add(&t, escaped);
        else
            add_text(p, i, &t);
    }
    if (escaped.len) {
        text_byte(&t, '"');
        json_put_raw(w, text_slice(&t));
    } else {
        json_put_text(w, text_slice(&t));
    }
    text_fini(&t);
}

void say_words(struct json_writer *w, const struct play *p, int i)
{
    say_some_words(w, p, i, i + 1);
}

void say_all_words(struct json_writer *w, const struct play *p)
{
    say_some_words(w, p, 0, (int)p->script.shape.events);
}

void say_thought(struct json_writer *w, int i)
{
    char thought[32];
    snprintf(thought, sizeof(thought), "thought%d ", i);
    json_put_text(w, slice_of(thought));
}

void say_all_thoughts(struct json_writer *w, const struct play *p)
{
    struct text t = {0};
    for (int i = 0; i < p->script.shape.reasoning; i++)
        text_format(&t, "thought%d ", i);
    json_put_text(w, text_slice(&t));
    text_fini(&t);
}

struct slice say_refusal(void)
{
    return SLICE("I would rather not.");
}

int64_t say_tokens(const struct play *p)
{
    return p->script.shape.events + p->script.shape.reasoning;
}

struct slice say_message(const struct play *p, char *room, size_t n)
{
    if (p->script.shape.message.len)
        return p->script.shape.message;
    snprintf(room, n, "the fake upstream says %d", (int)p->script.wire.status);
    return slice_of(room);
}

void say_tool_name(struct json_writer *w, const struct play *p, int call)
{
    char name[TOOL_NAME];
    snprintf(name, sizeof(name), "tool_%d", call);
    json_put_pair(w, "name", p->script.shape.loop.len ? p->script.shape.loop : slice_of(name));
}

/* In a loop the ids of later rounds are others. */
void say_tool_id(struct json_writer *w, const struct play *p, const char *prefix, int call)
{
    char id[TOOL_NAME];
    if (p->script.shape.loop.len)
        snprintf(id, sizeof(id), "%s_%d_%d", prefix, (int)p->asked.calls_done, call);
    else
        snprintf(id, sizeof(id), "%s_%d", prefix, call);
    json_put_pair(w, "id", slice_of(id));
}

struct slice say_tool_args(const struct play *p, int part)
{
    struct slice usual = SLICE("{\"city\": \"Z\\u00fcrich\", \"n\": 1}");
    bool loop = p->script.shape.loop.len;
    struct slice all = p->script.shape.args;
    if (!all.len)
        all = loop ? SLICE("{}") : usual;
    size_t cut = loop || p->script.shape.args.len ? all.len / 2 : 18;
    while (cut && ((unsigned char)all.ptr[cut] & 0xc0) == 0x80)
        cut--;
    return part < 0    ? all
           : part == 0 ? slice_to(all, 0)
           : part == 1 ? slice_to(all, cut)
                       : slice_from(all, cut);
}

/* --- how many steps --------------------------------------------------------------------------- */

int64_t count_one(const struct play *p)
{
    (void)p;
    return 1;
}

int64_t count_choices(const struct play *p)
{
    return p->asked.n;
}

int64_t count_reasoning(const struct play *p)
{
    return p->script.shape.reasoning * p->asked.n;
}

int64_t count_content(const struct play *p)
{
    return p->script.shape.events * p->asked.n;
}

int64_t count_refusals(const struct play *p)
{
    return p->script.shape.refusal ? p->asked.n : 0;
}

int64_t count_tools(const struct play *p)
{
    return p->script.shape.tools * TOOL_PARTS * p->asked.n;
}

int64_t count_junk(const struct play *p)
{
    return p->script.shape.junk.len > 0;
}

int64_t count_finishes(const struct play *p)
{
    return slice_is(p->script.shape.finish, SLICE("-")) ? 0 : p->asked.n;
}

int64_t count_done(const struct play *p)
{
    return p->script.shape.done > 0;
}

void write_nothing(const struct play *p, int i, struct text *out)
{
    (void)p, (void)i, (void)out;
}

void write_junk(const struct play *p, int i, struct text *out)
{
    (void)i;
    text_add(out, p->script.shape.junk);
}
