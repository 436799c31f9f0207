/* The language in which a test says what the upstream does: after `fake:` in the last message of
 * the request, words KEY=VALUE up to the end of the line. In a value %XX is a byte. A key that
 * begins with `NAME.` counts only at the server started with `--name NAME`, so that one request
 * can meet two upstreams that differ. tests/README.md lists the keys; the table below is the
 * truth. */
#include "fake.h"
#include "fake_common/word.h"

enum word_kind { NUMBER, WORDS, CHOICE, POINT, HEADER, FLOOD };

#define SHAPE(member) offsetof(struct script, shape.member)
#define WIRE(member) offsetof(struct script, wire.member)
#define PACE(member) offsetof(struct script, pace.member)

static const char *const framings = "chunked length close";
static const char *const bodies = "sse json html error empty";
static const char *const usages = "auto always never finish";
static const char *const dresses = "plain tight comments lines fields space";
static const char *const eols = "lf crlf cr";
static const char *const floods = "none header headers info line chunk_ext";

static const struct word {
    const char *key;
    enum word_kind kind;
    size_t at;
    const char *const *choices;
} words[] = {
    {"events", NUMBER, SHAPE(events), NULL},
    {"size", NUMBER, SHAPE(size), NULL},
    {"reasoning", NUMBER, SHAPE(reasoning), NULL},
    {"tools", NUMBER, SHAPE(tools), NULL},
    {"logprobs", NUMBER, SHAPE(logprobs), NULL},
    {"refusal", NUMBER, SHAPE(refusal), NULL},
    {"done", NUMBER, SHAPE(done), NULL},
    {"decoy", NUMBER, SHAPE(decoy), NULL},
    {"usage_null", NUMBER, SHAPE(usage_null), NULL},
    {"join", NUMBER, SHAPE(join), NULL},
    {"prompt_tokens", NUMBER, SHAPE(prompt_tokens), NULL},
    {"cached", NUMBER, SHAPE(cached), NULL},
    {"rounds", NUMBER, SHAPE(rounds), NULL},
    {"error_at", NUMBER, SHAPE(error_at), NULL},
    {"usage", CHOICE, SHAPE(usage), &usages},
    {"dress", CHOICE, SHAPE(dress), &dresses},
    {"eol", CHOICE, SHAPE(eol), &eols},
    {"text", WORDS, SHAPE(text), NULL},
    {"escaped", WORDS, SHAPE(escaped), NULL},
    {"nonce", WORDS, SHAPE(nonce), NULL},
    {"finish", WORDS, SHAPE(finish), NULL},
    {"model", WORDS, SHAPE(model), NULL},
    {"message", WORDS, SHAPE(message), NULL},
    {"code", WORDS, SHAPE(code), NULL},
    {"junk", WORDS, SHAPE(junk), NULL},
    {"loop", WORDS, SHAPE(loop), NULL},
    {"args", WORDS, SHAPE(args), NULL},
    {"status", NUMBER, WIRE(status), NULL},
    {"length", NUMBER, WIRE(length), NULL},
    {"chunk", NUMBER, WIRE(chunk), NULL},
    {"chunk_ext", NUMBER, WIRE(chunk_ext), NULL},
    {"trailers", NUMBER, WIRE(trailers), NULL},
    {"flood", FLOOD, WIRE(flood), &floods},
    {"keep", NUMBER, WIRE(keep), NULL},
    {"close_after", NUMBER, WIRE(close_after), NULL},
    {"early", NUMBER, WIRE(early), NULL},
    {"framing", CHOICE, WIRE(framing), &framings},
    {"body", CHOICE, WIRE(body), &bodies},
    {"type", WORDS, WIRE(type), NULL},
    {"raw", WORDS, WIRE(raw), NULL},
    {"extra", WORDS, WIRE(extra), NULL},
    {"header", HEADER, WIRE(headers), NULL},
    {"delay_ms", NUMBER, PACE(delay_ms), NULL},
    {"first_ms", NUMBER, PACE(first_ms), NULL},
    {"gap_ms", NUMBER, PACE(gap_ms), NULL},
    {"slice", NUMBER, PACE(slice), NULL},
    {"slice_ms", NUMBER, PACE(slice_ms), NULL},
    {"fault_ms", NUMBER, PACE(fault_ms), NULL},
    {"extra_ms", NUMBER, PACE(extra_ms), NULL},
    {"reset", POINT, offsetof(struct script, faults[FAULT_RESET]), NULL},
    {"close", POINT, offsetof(struct script, faults[FAULT_CLOSE]), NULL},
    {"half", POINT, offsetof(struct script, faults[FAULT_HALF]), NULL},
    {"stall", POINT, offsetof(struct script, faults[FAULT_STALL]), NULL},
    {"times", NUMBER, offsetof(struct script, times), NULL},
};

static const struct {
    const char *name;
    int step;
} points[] = {
    {"accept", STEP_ACCEPT}, {"request", STEP_HEAD}, {"head", 0},
    {"end", STEP_END},       {"after", STEP_AFTER},
};

void script_init(struct script *s)
{
    *s = (struct script){.shape = {.events = 3, .done = 1, .join = 1, .finish = SLICE("stop")}};
    s->shape.prompt_tokens = 7;
    s->shape.rounds = 1;
    s->wire = (struct wire){
        .status = 200, .length = -1, .body = BODY_BY_STATUS, .keep = 1, .flood = FLOOD_NONE};
    s->pace.fault_ms = 30;
}

static struct slice decode(struct slice s, struct arena *a)
{
    char *to = arena_alloc(a, s.len + 1);
    must(to, "memory");
    return (struct slice){to, word_decode(s, to)};
}

/* accept, request, head, N, N.5 (in the middle of event N), end, after */
static bool read_point(struct slice value, struct point *ret_point)
{
    struct point p = {.set = true, .middle = slice_ends(value, SLICE(".5"))};
    int64_t n;
    if (p.middle)
        value = slice_to(value, value.len - 2);
    for (size_t i = 0; i < COUNT(points); i++) {
        if (slice_is(value, slice_of(points[i].name))) {
            p.step = points[i].step;
            *ret_point = p;
            return true;
        }
    }
    if (!word_number(value, &n) || n < 0 || n > 1 << 24)
        return false;
    p.step = (int)n;
    *ret_point = p;
    return true;
}

/* KIND:BYTES */
static bool read_flood(struct slice value, const char *kinds, struct wire *w)
{
    size_t colon = slice_find(value, ':');
    return colon < value.len && word_choice(slice_to(value, colon), kinds, &w->flood) &&
           word_number(slice_from(value, colon + 1), &w->flood_bytes);
}

static bool apply(struct script *s, const struct word *w, struct slice value, struct arena *a)
{
    char *at = (char *)s + w->at;
    switch (w->kind) {
    case NUMBER:
        return word_number(value, (int64_t *)(void *)at);
    case WORDS:
        *(struct slice *)(void *)at = decode(value, a);
        return true;
    case CHOICE:
        return word_choice(value, *w->choices, (int *)(void *)at);
    case POINT:
        return read_point(value, (struct point *)(void *)at);
    case FLOOD:
        return read_flood(value, *w->choices, &s->wire);
    case HEADER:
        text_add(&s->wire.headers, decode(value, a));
        text_add(&s->wire.headers, SLICE("\r\n"));
        return true;
    }
    return false;
}

static bool read_word(struct script *s, struct slice word, struct slice server_name,
                      struct arena *a)
{
    size_t equals = slice_find(word, '='), dot = slice_find(word, '.');
    if (equals == word.len)
        return false;
    if (dot < equals) {
        if (!slice_is(slice_to(word, dot), server_name))
            return true; /* for another server */
        word = slice_from(word, dot + 1);
        equals -= dot + 1;
    }
    struct slice key = slice_to(word, equals), value = slice_from(word, equals + 1);
    for (size_t i = 0; i < COUNT(words); i++) {
        if (slice_is(key, slice_of(words[i].key)))
            return apply(s, &words[i], value, a);
    }
    return false;
}

void script_read(struct script *s, struct slice text, struct slice server_name, struct arena *a)
{
    struct slice line = slice_to(text, slice_find(text, '\n')), word;
    while (slice_split(&line, ' ', &word)) {
        if (word.len && !read_word(s, word, server_name, a) && !s->wrong[0])
            snprintf(s->wrong, sizeof(s->wrong), "%.*s", SLICE_ARG(word));
    }
}
