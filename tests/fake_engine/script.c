/* The words by which a test says what the engine does: KEY=VALUE, or KEY alone for KEY=1, up to
 * the end of the line or of the string they stand in. In a value %XX is a byte. tests/README.md
 * lists the keys; the table below is the truth. */
#include "fake.h"

enum word_kind { NUMBER, WORDS, CHOICE };

#define LOADS(member) offsetof(struct script, loading.member)
#define SAYS(member) offsetof(struct script, answer.member)
#define ENDS(member) offsetof(struct script, ending.member)

static const struct word {
    const char *key;
    enum word_kind kind;
    size_t at;
    const char *choices;
} words[] = {
    {"load_ms", NUMBER, LOADS(load_ms), NULL},
    {"steps", NUMBER, LOADS(steps), NULL},
    {"never_ready", NUMBER, LOADS(never_ready), NULL},
    {"lie_ready", NUMBER, LOADS(lie_ready), NULL},
    {"silent_load", NUMBER, LOADS(silent_load), NULL},
    {"silent_ready", NUMBER, LOADS(silent_ready), NULL},
    {"no_protocol", NUMBER, LOADS(no_protocol), NULL},
    {"tcp_only", NUMBER, LOADS(tcp_only), NULL},
    {"balloon", NUMBER, LOADS(balloon), NULL},
    {"fork", NUMBER, LOADS(forks), NULL},
    {"log_flood", NUMBER, LOADS(log_flood), NULL},
    {"stdout_flood", NUMBER, LOADS(stdout_flood), NULL},
    {"long_line", NUMBER, LOADS(long_line), NULL},
    {"tokens", NUMBER, SAYS(tokens), NULL},
    {"token_ms", NUMBER, SAYS(token_ms), NULL},
    {"size", NUMBER, SAYS(size), NULL},
    {"nonce", WORDS, SAYS(nonce), NULL},
    {"finish", WORDS, SAYS(finish), NULL},
    {"prompt_tokens", NUMBER, SAYS(prompt_tokens), NULL},
    {"prompt_ms", NUMBER, SAYS(prompt_ms), NULL},
    {"status", NUMBER, SAYS(status), NULL},
    {"hang", NUMBER, SAYS(hang), NULL},
    {"orphan_slots", NUMBER, SAYS(orphan_slots), NULL},
    {"health", NUMBER, SAYS(health), NULL},
    {"health_hang", NUMBER, SAYS(health_hang), NULL},
    {"any_key", NUMBER, SAYS(any_key), NULL},
    {"impostor", WORDS, SAYS(impostor), NULL},
    {"garbage", NUMBER, SAYS(garbage), NULL},
    {"bodies", NUMBER, SAYS(bodies), NULL},
    {"exit", NUMBER, ENDS(exit), NULL},
    {"exit_log", WORDS, ENDS(exit_log), NULL},
    {"die", CHOICE, ENDS(die), "never start load ready"},
    {"die_how", CHOICE, ENDS(die_how), "exit abort segv ill kill stop"},
    {"die_after", NUMBER, ENDS(die_after), NULL},
    {"stop_self", NUMBER, ENDS(stop_self), NULL},
    {"hang_stop", NUMBER, ENDS(hang_stop), NULL},
    {"slow_stop_ms", NUMBER, ENDS(slow_stop_ms), NULL},
    {"no_exit", NUMBER, ENDS(no_exit), NULL},
    {"no_eof", NUMBER, ENDS(no_eof), NULL},
};

void script_init(struct script *s)
{
    *s = (struct script){.loading = {.load_ms = 10, .steps = 1}};
    s->answer = (struct answer){
        .tokens = -1, .prompt_tokens = -1, .health = 200, .status = 200, .token_ms = 1};
    s->ending = (struct ending){.exit = -1, .die_after = -1, .stop_self = -1};
}

static bool apply(struct script *s, const struct word *w, struct slice value)
{
    char *at = (char *)s + w->at;
    switch (w->kind) {
    case NUMBER:
        return word_number(value, (int64_t *)(void *)at);
    case WORDS:
        value.len = word_decode(value, (char *)(uintptr_t)value.ptr); /* shorter, in its place */
        *(struct slice *)(void *)at = value;
        return true;
    case CHOICE:
        return word_choice(value, w->choices, (int *)(void *)at);
    }
    return false;
}

static bool read_word(struct script *s, struct slice word)
{
    size_t equals = slice_find(word, '=');
    struct slice key = slice_to(word, equals);
    struct slice value = equals < word.len ? slice_from(word, equals + 1) : SLICE("1");
    for (size_t i = 0; i < COUNT(words); i++) {
        if (slice_is(key, slice_of(words[i].key)) && (words[i].kind != WORDS || equals < word.len))
            return apply(s, &words[i], value);
    }
    return false;
}

/* An exit code alone means at the start, a last log line alone while it loads. */
static void settle(struct ending *e)
{
    if (e->die == DIE_NEVER && e->exit_log.len)
        e->die = DIE_LOAD;
    else if (e->die == DIE_NEVER && e->exit >= 0 && e->die_after < 0)
        e->die = DIE_START;
}

void script_read(struct script *s, struct text *text)
{
    struct slice line = text_slice(text), word;
    while (slice_split(&line, ' ', &word)) {
        if (word.len && !read_word(s, word) && !s->wrong[0])
            snprintf(s->wrong, sizeof(s->wrong), "%.*s", SLICE_ARG(word));
    }
    settle(&s->ending);
}

static bool ends_words(char c)
{
    return (unsigned char)c < ' ' || c == '"' || c == '\\' || (unsigned char)c >= 0x7f;
}

bool words_find(struct slice in, struct text *ret_words)
{
    static const struct slice mark = SLICE("fake:");
    for (size_t at = in.len; at-- > 0;) {
        struct slice rest = slice_from(in, at);
        if (!slice_begins(rest, mark))
            continue;
        rest = slice_from(rest, mark.len);
        size_t n = 0;
        while (n < rest.len && !ends_words(rest.ptr[n]))
            n++;
        text_clear(ret_words);
        text_add(ret_words, slice_to(rest, n));
        return true;
    }
    return false;
}
