/* answers: the pages one after the other, each with its front lines, and a search that weighs how
 * rare a word is, where it stands, and how much of the question it makes up. */
#include "answers/answers.h"

#include <math.h>

/* Made of docs/answers when hearth is built, see src/meson.build. */
extern const unsigned char answers_pages[];
extern const size_t answers_pages_size;

#define WORDS_MOST 24u   /* of a question; what follows is not looked at */
#define LEAST_SCORE 30.0 /* less is no answer */

/* What a word is worth by where it stands, at most 9. */
enum { IN_TEXT = 2, IN_TITLE = 6, IN_NAME = 9, IN_WORDS = 9 };
/* And by how much it is alike. */
enum { NOT_ALIKE = 0, ALMOST = 2, SAME_BEGIN = 3, SAME = 4 };

/* Words that questions are made of and that say nothing of what is asked. */
/* clang-format off */
static const struct slice idle_words[] = {
#define W(word) {word, sizeof(word) - 1}
    W("about"), W("again"), W("all"), W("am"), W("an"), W("and"), W("any"), W("are"), W("as"),
    W("at"), W("be"), W("been"), W("but"), W("by"), W("can"), W("could"), W("did"), W("do"),
    W("does"), W("dont"), W("for"), W("from"), W("get"), W("got"), W("had"), W("has"), W("have"),
    W("hearth"), W("hello"), W("help"), W("hey"), W("hi"), W("how"), W("if"), W("in"), W("into"),
    W("is"), W("it"), W("its"), W("just"), W("know"), W("like"), W("me"), W("my"), W("need"),
    W("now"), W("of"), W("ok"), W("on"), W("one"), W("or"), W("our"), W("please"), W("possible"),
    W("quick"), W("should"), W("so"), W("sorry"), W("tell"), W("than"), W("thank"), W("thanks"),
    W("that"), W("the"), W("their"), W("them"), W("then"), W("there"), W("these"), W("they"),
    W("thing"), W("this"), W("to"), W("type"), W("want"), W("was"), W("way"), W("we"), W("what"),
    W("when"), W("where"), W("which"), W("who"), W("why"), W("will"), W("with"), W("would"),
    W("you"), W("your"), W("command"), W("question"),
#undef W
};
/* clang-format on */

/* ---- pages ---- */

struct slice answers_all(void)
{
    return (struct slice){(const char *)answers_pages, answers_pages_size};
}

static void take(struct slice line, struct slice key, struct slice *ret)
{
    if (slice_begins(line, key))
        *ret = slice_from(line, key.len);
}

bool answers_next(struct slice *rest, struct answers_page *ret)
{
    struct answers_page page = {0};
    struct slice line;
    if (!slice_split(rest, '\n', &line)) /* the line above the front lines */
        return false;
    while (slice_split(rest, '\n', &line) && !slice_is(line, SLICE("---"))) {
        take(line, SLICE("answer: "), &page.name);
        take(line, SLICE("words: "), &page.words);
    }
    if (slice_split(rest, '\n', &line))
        take(line, SLICE("# "), &page.title);
    const char *from = NULL, *to = NULL;
    for (struct slice after = *rest; slice_split(&after, '\n', &line); *rest = after) {
        if (slice_is(line, SLICE("---")))
            break;
        if (line.len) {
            from = from ? from : line.ptr;
            to = line.ptr + line.len;
        }
    }
    if (!page.name.len || !from)
        return false;
    page.text = (struct slice){from, (size_t)(to - from)};
    *ret = page;
    return true;
}

/* ---- words ---- */

static bool is_of_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* The next word of two letters or more. */
static bool next_word(struct slice *rest, struct slice *ret)
{
    do {
        while (rest->len && !is_of_word(rest->ptr[0]))
            *rest = slice_from(*rest, 1);
        size_t n = 0;
        while (n < rest->len && is_of_word(rest->ptr[n]))
            n++;
        *ret = slice_to(*rest, n);
        *rest = slice_from(*rest, n);
    } while (ret->len == 1);
    return ret->len;
}

static bool is_idle(struct slice word)
{
    for (size_t i = 0; i < COUNT(idle_words); i++) {
        if (slice_is_nocase(word, idle_words[i]))
            return true;
    }
    return false;
}

static bool same_letter(char a, char b)
{
    return slice_is_nocase((struct slice){&a, 1}, (struct slice){&b, 1});
}

/* Is one the other with a letter more, less, wrong, or two that changed places? */
static bool is_slip(struct slice a, struct slice b)
{
    size_t least = min_size(a.len, b.len), head = 0, tail = 0;
    while (head < least && same_letter(a.ptr[head], b.ptr[head]))
        head++;
    while (tail < least - head && same_letter(a.ptr[a.len - 1 - tail], b.ptr[b.len - 1 - tail]))
        tail++;
    size_t left_a = a.len - head - tail, left_b = b.len - head - tail;
    if (left_a <= 1 && left_b <= 1)
        return true;
    return left_a == 2 && left_b == 2 && same_letter(a.ptr[head], b.ptr[head + 1]) &&
           same_letter(a.ptr[head + 1], b.ptr[head]);
}

static unsigned alike(struct slice a, struct slice b)
{
    size_t least = min_size(a.len, b.len), more = max_size(a.len, b.len) - least;
    if (slice_is_nocase(a, b))
        return SAME;
    if (least >= 4 && more <= 3 && slice_is_nocase(slice_to(a, least), slice_to(b, least)))
        return SAME_BEGIN; /* start and starting, model and models */
    return least >= 5 && more <= 1 && is_slip(a, b) ? ALMOST : NOT_ALIKE;
}

/* ---- finding ---- */

static unsigned worth_in(struct slice word, struct slice text, unsigned place)
{
    unsigned best = 0;
    struct slice other;
    while (next_word(&text, &other)) {
        unsigned worth = alike(word, other) * place;
        best = worth > best ? worth : best;
    }
    return best;
}

static unsigned worth_of(struct slice word, const struct answers_page *page)
{
    unsigned worths[] = {worth_in(word, page->words, IN_WORDS), worth_in(word, page->name, IN_NAME),
                         worth_in(word, page->title, IN_TITLE),
                         worth_in(word, page->text, IN_TEXT)};
    unsigned best = 0;
    for (size_t i = 0; i < COUNT(worths); i++)
        best = worths[i] > best ? worths[i] : best;
    return best;
}

/* The question's words, each once, without those that say nothing. */
static size_t words_of(struct slice question, struct slice words[WORDS_MOST])
{
    size_t n = 0;
    struct slice word;
    while (n < WORDS_MOST && next_word(&question, &word)) {
        bool known = is_idle(word);
        for (size_t i = 0; i < n && !known; i++)
            known = slice_is_nocase(word, words[i]);
        if (!known)
            words[n++] = word;
    }
    return n;
}

struct found {
    struct answers_page page;
    double score, covered; /* covered: how much of the question's weight is found in it */
};

/* The next best of those that were not taken yet; taken ones have a score of 0. */
static struct found *best_of(struct found *all, size_t n)
{
    struct found *best = NULL;
    for (size_t i = 0; i < n; i++) {
        if (all[i].score >= LEAST_SCORE && (!best || all[i].score > best->score))
            best = &all[i];
    }
    return best;
}

size_t answers_find(struct slice question, struct answers_page *ret, size_t most)
{
    struct found all[ANSWERS_MOST];
    size_t pages = 0;
    struct slice rest = answers_all();
    for (; pages < ANSWERS_MOST && answers_next(&rest, &all[pages].page); pages++) {
        all[pages].score = all[pages].covered = 0;
        if (most && slice_is_nocase(all[pages].page.name, question)) {
            ret[0] = all[pages].page;
            return 1;
        }
    }
    struct slice words[WORDS_MOST];
    size_t n = words_of(question, words);
    double whole = 0;
    for (size_t w = 0; w < n; w++) {
        unsigned worths[ANSWERS_MOST];
        size_t having = 0;
        for (size_t i = 0; i < pages; i++) {
            worths[i] = worth_of(words[w], &all[i].page);
            having += worths[i] > 0;
        }
        double rarity = log((double)pages / (double)max_size(having, 1));
        whole += rarity;
        for (size_t i = 0; i < pages; i++) {
            all[i].score += worths[i] * rarity;
            all[i].covered += worths[i] ? rarity : 0;
        }
    }
    for (size_t i = 0; i < pages; i++)
        all[i].score *= whole > 0 ? all[i].covered / whole : 0;
    size_t count = 0;
    for (struct found *best; count < most && (best = best_of(all, pages)); best->score = 0)
        ret[count++] = best->page;
    return count;
}
