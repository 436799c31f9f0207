/* openai_alike_test: a decoder that has learned from a chunk says of each next one what a decoder
 * says that never saw another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reply/reply.h"
#include "wire/wire.h"

#define HEAD                                                                                       \
    "data: {\"id\":\"i\",\"created\":1,\"model\":\"upstream\",\"choices\":[{\"index\":0,\"delta\":{"
#define TAIL "},\"finish_reason\":null}]}\n\n"
#define TEXT(inside) HEAD "\"content\":\"" inside "\"" TAIL

struct one {
    const char *raw;
    bool learned; /* told by what was learned from those before it */
};

static struct slice data_of(struct slice raw)
{
    struct slice data = slice_from(raw, 6);
    data.len -= 2;
    return data;
}

static void expect_same(const struct event *a, const struct event *b, const char *raw)
{
    bool same = a->kind == b->kind && slice_is(a->raw, b->raw) && slice_is(a->json, b->json) &&
                a->usage.prompt == b->usage.prompt && a->usage.completion == b->usage.completion;
    if (!same)
        fail_msg("%s\n is told as kind %d %.*s\nnot as kind %d %.*s", raw, (int)a->kind,
                 SLICE_ARG(a->raw), (int)b->kind, SLICE_ARG(b->raw));
}

/* The object that comes of the events, by what was learned and without. */
static void finish_both(struct assembler *learned, struct assembler *fresh)
{
    struct text a = {0}, b = {0};
    assert_int_equal(assembler_finish(learned, &a), OK);
    assert_int_equal(assembler_finish(fresh, &b), OK);
    assert_string_equal(text_cstr(&a), text_cstr(&b));
    text_fini(&a);
    text_fini(&b);
    assembler_free(learned);
    assembler_free(fresh);
}

static void play(const struct one *list, size_t n)
{
    struct arena arena = {0};
    struct decoder learner = {
        .wire = {.dialect = DIALECT_OPENAI, .kind = CALL_CHAT, .own = true, .ready = true},
        .model = SLICE("M"),
        .arena = &arena};
    struct assembler *learned = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
    struct assembler *fresh = assembler_new(&(struct hearer){DIALECT_OPENAI, CALL_CHAT, true});
    for (size_t i = 0; i < n; i++) {
        struct slice raw = slice_of(list[i].raw);
        struct decoder alone = {
            .wire = {.dialect = DIALECT_OPENAI, .kind = CALL_CHAT, .own = true, .ready = true},
            .model = SLICE("M"),
            .arena = &arena};
        struct event by_learner, by_fresh;
        struct why why;
        alone.id = learner.id;
        alone.created = learner.created;
        enum err e = decoder_event(&learner, raw, data_of(raw), &by_learner, &why);
        assert_int_equal(decoder_event(&alone, raw, data_of(raw), &by_fresh, &why), e);
        if (!e) {
            expect_same(&by_learner, &by_fresh, list[i].raw);
            if ((by_learner.piece.len > 0) != list[i].learned)
                fail_msg("%s\n was %slearned", list[i].raw, list[i].learned ? "not " : "");
            by_fresh.parsed = NULL;
            assert_int_equal(assembler_add(learned, &by_learner), OK);
            assert_int_equal(assembler_add(fresh, &by_fresh), OK);
        }
        decoder_fini(&alone);
    }
    finish_both(learned, fresh);
    decoder_fini(&learner);
    arena_fini(&arena);
}

static void text_after_text(void **state)
{
    static const struct one list[] = {
        {HEAD "\"role\":\"assistant\"" TAIL, false},
        {TEXT("Hello"), false},
        {TEXT(" "), true},
        {TEXT("a \\\"quote\\\" and \\\\ and \\n\\t\\/\\b\\f\\r"), true},
        {TEXT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\xa5"), true},
        {TEXT("the content itself"), true},
        {TEXT("\\u00e9"), false}, /* parsed, and nothing is learned from it */
        {TEXT("w"), false},
        {TEXT("x"), true},
        {TEXT(""), false},
        {HEAD TAIL, false},
        {TEXT("y"), false},
        {TEXT("z"), true},
    };
    (void)state;
    play(list, COUNT(list));
}

/* The two halves are right, and what is between them is no inside of a string. */
static void what_only_looks_alike(void **state)
{
    static const struct one list[] = {
        {TEXT("Hello"), false},
        {TEXT("again"), true},
        {TEXT("a\",\"refusal\":\"b"), false},
        {TEXT("Hello"), false},
        {TEXT("again"), true},
        {TEXT("a\"},\"finish_reason\":\"stop\"},{\"index\":1,\"delta\":{\"content\":\"b"), false},
        {TEXT("Hello"), false},
        {TEXT("again"), true},
        {TEXT("a\n"), false},   /* no JSON */
        {TEXT("\\"), false},    /* takes the quote away */
        {TEXT("\\x"), false},   /* no escape */
        {TEXT("\xff"), false},  /* no UTF-8 */
        {TEXT("\xc3"), false},  /* the beginning of a letter */
        {TEXT("a\x01"), false}, /* a control byte */
        {TEXT("Hello"), true},
        {TEXT("again"), true},
        {TEXT("there"), true},
    };
    (void)state;
    play(list, COUNT(list));
}

static void more_than_text_is_not_learned(void **state)
{
    static const struct one list[] = {
        {HEAD "\"role\":\"assistant\",\"content\":\"a\"" TAIL, false},
        {HEAD "\"role\":\"assistant\",\"content\":\"b\"" TAIL, false},
        {"data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"a\"}}]}\n\n", false},
        {"data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n", false},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[1]}}]}\n\n",
         false},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"b\"},\"logprobs\":{\"content\":[1]}}]}\n\n",
         false},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":{}}]}\n\n",
         false},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"b\"}},{\"index\":1,\"delta\":{}}]}\n\n",
         false},
    };
    (void)state;
    play(list, COUNT(list));
}

static void reasoning_and_other_shapes(void **state)
{
    static const struct one list[] = {
        {HEAD "\"reasoning_content\":\"hm\"" TAIL, false},
        {HEAD "\"reasoning_content\":\"so\\n\"" TAIL, true},
        {TEXT("a"), false},
        {TEXT("b"), true},
        /* the members behind the text; a name that the text has too */
        {"data: {\"choices\":[{\"delta\":{\"content\":\"c\"}}],\"model\":\"x\",\"id\":\"j\"}\n\n",
         false},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"cd\"}}],\"model\":\"x\",\"id\":\"j\"}\n\n",
         true},
        {"data: {\"choices\":[{\"delta\":{\"content\":\"d\"}}],\"model\":\"y\",\"id\":\"j\"}\n\n",
         false},
        {"data: {\"choices\":[{\"delta\":{\"\\u0063ontent\":\"A\"}}],"
         "\"x\":{\"content\":\"z\"}}\n\n",
         false}, /* the text's name is spelled with an escape, another one is not */
        {"data: {\"choices\":[{\"delta\":{\"\\u0063ontent\":\"A\"}}],"
         "\"x\":{\"content\":\"y\"}}\n\n",
         false},
        {"data: {\"x\":\"content\",\"choices\":[{\"delta\":{\"content\":\"e\"}}]}\n\n", false},
        {"data: {\"x\":\"content\",\"choices\":[{\"delta\":{\"content\":\"f\"}}]}\n\n", false},
    };
    (void)state;
    play(list, COUNT(list));
}

/* A target whose chunks differ elsewhere each time is not learned from for ever. */
static void it_gives_up(void **state)
{
    struct arena arena = {0};
    struct decoder d = {
        .wire = {.dialect = DIALECT_OPENAI, .kind = CALL_CHAT, .own = true, .ready = true},
        .model = SLICE("M"),
        .arena = &arena};
    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        struct text raw = {0};
        struct event event;
        struct why why;
        text_add(&raw, SLICE("data: {\"n\":"));
        text_u64(&raw, i < 6 ? i : 6);
        text_add(&raw, SLICE(",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"));
        struct slice whole = text_slice(&raw);
        assert_int_equal(decoder_event(&d, whole, data_of(whole), &event, &why), OK);
        assert_int_equal(event.piece.len, 0);
        text_fini(&raw);
    }
    decoder_fini(&d);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_after_text),
        cmocka_unit_test(what_only_looks_alike),
        cmocka_unit_test(more_than_text_is_not_learned),
        cmocka_unit_test(reasoning_and_other_shapes),
        cmocka_unit_test(it_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
