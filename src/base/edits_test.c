/* Edits: which may be added, in what order they end up, and that the text they make is the one that
 * a naive model makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/edits.h"

#define SOURCE SLICE("abcdefghij")

struct step {
    size_t at, len;
    const char *text;
    bool refused;
};

static struct edit edit_of(const struct step *s)
{
    return (struct edit){s->at, s->len, slice_of(s->text)};
}

static void test_cases(void **state)
{
    static const struct {
        struct step steps[6];
        const char *result;
    } cases[] = {
        {{{0, 0, NULL, false}}, "abcdefghij"},
        {{{0, 0, "X", false}}, "Xabcdefghij"},
        {{{10, 0, "X", false}}, "abcdefghijX"},
        {{{11, 0, "X", true}}, "abcdefghij"},
        {{{10, 1, "X", true}}, "abcdefghij"},
        {{{5, SIZE_MAX, "X", true}}, "abcdefghij"},
        {{{SIZE_MAX, 0, "X", true}}, "abcdefghij"},
        {{{0, 10, "", false}}, ""},
        {{{0, 10, "X", false}, {0, 0, "<", false}, {10, 0, ">", false}, {5, 0, "!", true}}, "<X>"},
        /* in any order of coming */
        {{{8, 1, "3", false}, {0, 1, "1", false}, {4, 1, "2", false}}, "1bcd2fgh3j"},
        {{{0, 1, "1", false}, {4, 1, "2", false}, {8, 1, "3", false}}, "1bcd2fgh3j"},
        /* side by side is no overlap */
        {{{2, 2, "1", false}, {4, 2, "2", false}, {0, 2, "0", false}}, "012ghij"},
        /* overlaps: the same, inside, around, at each end */
        {{{2, 3, "X", false}, {2, 3, "Y", true}}, "abXfghij"},
        {{{2, 3, "X", false}, {3, 1, "Y", true}, {1, 5, "Y", true}}, "abXfghij"},
        {{{2, 3, "X", false}, {1, 2, "Y", true}, {4, 2, "Y", true}}, "abXfghij"},
        {{{2, 3, "X", false}, {3, 0, "Y", true}, {4, 0, "Y", true}}, "abXfghij"},
        {{{3, 0, "X", false}, {2, 3, "Y", true}}, "abcXdefghij"},
        /* what is put in stands before what is replaced, whichever came first */
        {{{2, 3, "X", false}, {2, 0, "Y", false}}, "abYXfghij"},
        {{{2, 0, "Y", false}, {2, 3, "X", false}}, "abYXfghij"},
        {{{2, 3, "X", false}, {5, 0, "Y", false}, {5, 1, "Z", false}}, "abXYZghij"},
        /* the last one that is put in at a place stands first */
        {{{4, 0, "1", false}, {4, 0, "2", false}, {4, 0, "3", false}}, "abcd321efghij"},
        {{{4, 0, "1", false}, {4, 1, "X", false}, {4, 0, "2", false}}, "abcd21Xfghij"},
        /* an empty edit changes nothing and is one all the same */
        {{{4, 0, "", false}, {3, 2, "X", true}}, "abcdefghij"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct edits e = {0};
        struct text out = {0};
        for (size_t k = 0; k < COUNT(cases[i].steps) && cases[i].steps[k].text; k++) {
            const struct step *s = &cases[i].steps[k];
            unsigned before = e.n;
            assert_int_equal(edits_add(&e, SOURCE, edit_of(s)), s->refused ? ERR_BAD_REQUEST : OK);
            assert_int_equal(e.n, before + !s->refused);
        }
        edits_write(&e, SOURCE, &out);
        assert_string_equal(text_cstr(&out), cases[i].result);
        assert_int_equal(edits_len(&e, SOURCE), out.len);
        text_fini(&out);
    }
}

static void test_too_many(void **state)
{
    (void)state;
    struct edits e = {0};
    struct slice source = SLICE("0123456789abcdefghijklmnopqrstuvwxyz");
    for (unsigned i = 0; i < MOST_EDITS; i++)
        assert_int_equal(edits_add(&e, source, (struct edit){2 * i, 1, SLICE("")}), OK);
    assert_int_equal(edits_add(&e, source, (struct edit){35, 1, SLICE("")}), ERR_BAD_REQUEST);
    assert_int_equal(e.n, MOST_EDITS);
    assert_int_equal(edits_len(&e, source), source.len - MOST_EDITS);
}

/* ---- random histories ----------------------------------------------------------------------- */

struct model { /* edits in the order they came */
    struct edit list[MOST_EDITS];
    size_t n;
};

static bool conflict(const struct edit *a, const struct edit *b)
{
    size_t a_end = a->at + a->len, b_end = b->at + b->len;
    if (!a->len && !b->len)
        return false;
    if (!a->len)
        return b->at < a->at && a->at < b_end;
    if (!b->len)
        return a->at < b->at && b->at < a_end;
    return a->at < b_end && b->at < a_end;
}

static bool model_add(struct model *m, struct slice source, struct edit edit)
{
    if (m->n == MOST_EDITS || edit.at + edit.len > source.len)
        return false;
    for (size_t i = 0; i < m->n; i++) {
        if (conflict(&m->list[i], &edit))
            return false;
    }
    m->list[m->n++] = edit;
    return true;
}

static void model_write(const struct model *m, struct slice source, struct text *out)
{
    for (size_t at = 0; at <= source.len;) {
        size_t skip = 0;
        for (size_t i = m->n; i-- > 0;) {
            if (m->list[i].at == at && !m->list[i].len)
                text_add(out, m->list[i].text);
        }
        for (size_t i = 0; i < m->n; i++) {
            if (m->list[i].at != at || !m->list[i].len)
                continue;
            text_add(out, m->list[i].text);
            skip = m->list[i].len;
        }
        if (!skip && at < source.len)
            text_byte(out, source.ptr[at]);
        at += skip ? skip : 1;
    }
}

static unsigned below(uint64_t *seed, unsigned n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % n;
}

static void test_random(void **state)
{
    static const char *const words[] = {"", "1", "22", "333", "a longer one"};
    struct slice source = SLICE("The quick brown fox jumps over it.");
    uint64_t seed = 8420;
    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct edits e = {0};
        struct model m = {0};
        struct text out = {0}, expected = {0};
        unsigned steps = below(&seed, 40);
        unsigned longest = 1 + below(&seed, 6);
        for (unsigned i = 0; i < steps; i++) {
            struct edit edit = {below(&seed, (unsigned)source.len + 2), below(&seed, longest),
                                slice_of(words[below(&seed, COUNT(words))])};
            bool added = model_add(&m, source, edit);
            assert_int_equal(edits_add(&e, source, edit), added ? OK : ERR_BAD_REQUEST);
        }
        edits_write(&e, source, &out);
        model_write(&m, source, &expected);
        assert_string_equal(text_cstr(&out), text_cstr(&expected));
        assert_int_equal(edits_len(&e, source), out.len);
        text_fini(&out);
        text_fini(&expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
