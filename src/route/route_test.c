/* route: tables of cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "route/route.h"

static struct backend one, two, three;
static const struct route_target targets[] = {
    {SLICE("llama3.2"), &one, 2, ROUTE_MAY, ROUTE_TEXT},
    {SLICE("qwen2.5:14b"), &two, 1, ROUTE_MAY, ROUTE_TEXT},
    {SLICE("llama3.2"), &three, 1, ROUTE_MAY, ROUTE_TEXT},
    {SLICE("llama3.2"), &two, 2, ROUTE_MAY, ROUTE_TEXT},
};
static const struct route_table table = {.targets = targets, .n = COUNT(targets)};

#define NONE ((struct slice){0}) /* no limit */

static enum err plan(const struct route_table *t, struct slice name, struct slice scope,
                     struct route_plan *p)
{
    return route_plan(t, &(struct route_wish){name, scope, ROUTE_TEXT}, p);
}

static void by_priority_then_order(void **state)
{
    (void)state;
    struct route_plan p;
    assert_int_equal(plan(&table, SLICE("llama3.2"), NONE, &p), OK);
    assert_int_equal(p.n, 3);
    assert_ptr_equal(p.list[0].target->backend, &three);
    assert_ptr_equal(p.list[1].target->backend, &one);
    assert_ptr_equal(p.list[2].target->backend, &two);
}

static void no_name_means_the_first(void **state)
{
    (void)state;
    struct route_plan p;
    const char *const none[] = {"", "undefined", "default"};
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_int_equal(plan(&table, slice_of(none[i]), NONE, &p), OK);
        assert_true(slice_is(p.list[0].target->model, SLICE("qwen2.5:14b")));
    }
    assert_int_equal(plan(&(struct route_table){0}, SLICE(""), NONE, &p), ERR_NO_MODEL);
}

static void some_are_not_asked_without_a_name(void **state)
{
    (void)state;
    struct route_target some[] = {
        {SLICE("embeds"), &one, 0, ROUTE_MAY, ROUTE_EMBED},
        {SLICE("guide"), &two, 0, ROUTE_LAST, ROUTE_TEXT},
        {SLICE("far"), &three, 9, ROUTE_MAY, ROUTE_TEXT},
    };
    struct route_table t = {.targets = some, .n = 3};
    struct route_plan p;
    assert_int_equal(plan(&t, SLICE(""), NONE, &p), OK);
    assert_ptr_equal(p.list[0].target->backend, &three);
    t.n = 2;
    assert_int_equal(plan(&t, SLICE(""), NONE, &p), OK);
    assert_ptr_equal(p.list[0].target->backend, &two);
    t.n = 1;
    assert_int_equal(plan(&t, SLICE(""), NONE, &p), ERR_NO_MODEL);
    assert_int_equal(plan(&t, SLICE("embeds"), NONE, &p), OK);
    assert_int_equal(route_plan(&t, &(struct route_wish){.does = ROUTE_EMBED}, &p), OK);
    assert_ptr_equal(p.list[0].target->backend, &one);
    assert_int_equal(route_plan(&t, &(struct route_wish){.does = ROUTE_RERANK}, &p), ERR_NO_MODEL);
    const struct slice bound = SLICE("guide");
    const struct route_role embed = {SLICE("embed"), &bound, 1};
    t.n = 2;
    t.roles = &embed;
    t.n_roles = 1;
    assert_int_equal(route_plan(&t, &(struct route_wish){.does = ROUTE_EMBED}, &p), OK);
    assert_ptr_equal(p.list[0].target->backend, &two);
}

static void the_nearest_are_named(void **state)
{
    (void)state;
    struct route_plan p;
    assert_int_equal(plan(&table, SLICE("llama3"), NONE, &p), ERR_NO_MODEL);
    assert_int_equal(p.n_nearest, 2); /* each name once */
    assert_true(slice_is(p.nearest[0], SLICE("llama3.2")));
}

static void a_scope_holds_names_and_beginnings(void **state)
{
    (void)state;
    static const struct {
        const char *scope, *name;
        bool may;
    } cases[] = {
        {"", "anything", true},
        {"a", "a", true},
        {"a", "ab", false},
        {"a b", "b", true},
        {"a b", "a b", false},
        {"a*", "a", true},
        {"a*", "abc", true},
        {"a*", "b", false},
        {"*", "anything", true},
        {"b a*", "ab", true},
        {"a*b", "a*b", true},
        {"a*b", "axb", false},
        {"llama3.2", "LLAMA3.2", false},
        {"a", "", false},
        {"a*", "", false},
        {"*", "", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(route_may(slice_of(cases[i].scope), slice_of(cases[i].name)),
                         cases[i].may);
}

/* What may not be asked is not there: nobody learns from an answer what else there is. */
static void only_what_is_in_scope_is_there(void **state)
{
    (void)state;
    struct route_plan p;
    struct slice scope = SLICE("llama*");
    assert_int_equal(plan(&table, SLICE("llama3.2"), scope, &p), OK);
    assert_int_equal(p.n, 3);
    assert_int_equal(plan(&table, SLICE("qwen2.5:14b"), scope, &p), ERR_OUT_OF_SCOPE);
    assert_int_equal(p.n, 0);
    assert_int_equal(plan(&table, SLICE("no such"), scope, &p), ERR_OUT_OF_SCOPE);
    assert_int_equal(plan(&table, SLICE(""), scope, &p), OK);
    assert_true(slice_is(p.list[0].target->model, SLICE("llama3.2")));
    assert_int_equal(plan(&table, SLICE(""), SLICE("other"), &p), ERR_OUT_OF_SCOPE);
    assert_int_equal(plan(&table, SLICE("qwen2.5:13b"), SLICE("qwen2.5:13b llama3.2"), &p),
                     ERR_NO_MODEL);
    for (unsigned i = 0; i < p.n_nearest; i++)
        assert_true(slice_is(p.nearest[i], SLICE("llama3.2")));
}

static void more_than_fit(void **state)
{
    (void)state;
    struct route_target many[20];
    struct route_plan p;
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct route_target){SLICE("m"), &one, 20 - i, ROUTE_MAY, ROUTE_TEXT};
    assert_int_equal(
        plan(&(struct route_table){.targets = many, .n = COUNT(many)}, SLICE("m"), NONE, &p), OK);
    assert_int_equal(p.n, MOST_CANDIDATES);
    for (unsigned i = 0; i < p.n; i++)
        assert_int_equal(p.list[i].target->priority, i + 1);
}

/* ---- names that are no model's -------------------------------------------------------------- */

static const struct route_target places[] = {
    {SLICE("a"), &one, 2, ROUTE_MAY, ROUTE_TEXT},
    {SLICE("b"), &one, 1, ROUTE_MAY, ROUTE_TEXT},
    {SLICE("b"), &two, 2, ROUTE_MAY, ROUTE_TEXT},
    {SLICE("c:latest"), &two, 1, ROUTE_MAY, ROUTE_TEXT},
    {SLICE("org/d:q4"), &three, 1, ROUTE_MAY, ROUTE_TEXT},
};
static const struct route_alias aliases[] = {{SLICE("bee"), SLICE("b")},
                                             {SLICE("nothing"), SLICE("gone")},
                                             {SLICE("a"), SLICE("b")}}; /* the model comes first */
static const struct slice code[] = {SLICE("gone"), SLICE("bee:latest"), SLICE("model/a"),
                                    SLICE("b"), SLICE("c")};
static const struct slice lost[] = {SLICE("gone"), SLICE("nothing")};
static const struct route_role roles[] = {
    {SLICE("code"), code, COUNT(code)},
    {SLICE("chat"), NULL, 0},
    {SLICE("lost"), lost, COUNT(lost)},
    {SLICE("c"), code, 1}, /* the model comes first */
};
static const struct route_table names = {
    .targets = places,
    .n = COUNT(places),
    .aliases = aliases,
    .n_aliases = COUNT(aliases),
    .roles = roles,
    .n_roles = COUNT(roles),
};

#define ALL_OF_CODE                                                                                \
    "b@1: role code, second choice|b@2: role code, second choice|a@1: role code, third choice|"    \
    "c:latest@2: role code, choice 5|"

/* Each name under each right: the error, or the places with what is said of each. */
static void names_and_rights(void **state)
{
    (void)state;
    static const struct {
        const char *name, *scope, *told;
    } cases[] = {
        {"b", "", "b@1: has the model|b@2: has the model|"},
        {"b:latest", "", "b@1: has the model|b@2: has the model|"},
        {"model/b", "", "b@1: has the model|b@2: has the model|"},
        {"c", "", "c:latest@2: has the model|"},
        {"org/d:q4", "", "org/d:q4@3: has the model|"},
        {"a", "", "a@1: has the model|"},
        {"bee", "", "b@1: has the model, called bee|b@2: has the model, called bee|"},
        {"model/bee:latest", "",
         "b@1: has the model, called bee:latest|b@2: has the model, called bee:latest|"},
        {"code", "", ALL_OF_CODE},
        {"role/code:latest", "a b",
         "b@1: role code, second choice|b@2: role code, second choice|a@1: role code, third "
         "choice|"},
        {"role/c", "", "NO_TARGET"},
        {"model/code", "", "NO_MODEL"},
        {"role/b", "", "NO_MODEL"},
        {"nothing", "", "NO_MODEL"},
        {"chat", "", "ROLE_UNBOUND"},
        {"lost", "", "NO_TARGET"},
        /* rights: to what is asked, or to what answers */
        {"bee", "bee", "b@1: has the model, called bee|b@2: has the model, called bee|"},
        {"bee", "b", "b@1: has the model, called bee|b@2: has the model, called bee|"},
        {"b", "bee", "OUT_OF_SCOPE"},
        {"b:latest", "b", "b@1: has the model|b@2: has the model|"},
        {"c", "c:latest", "c:latest@2: has the model|"},
        {"code", "code", ALL_OF_CODE},
        {"code", "a", "a@1: role code, third choice|"},
        {"code", "cod* x", ALL_OF_CODE},
        {"code", "x", "OUT_OF_SCOPE"},
        {"chat", "x", "OUT_OF_SCOPE"},
        {"chat", "chat", "ROLE_UNBOUND"},
        {"lost", "gone", "NO_TARGET"},
        {"role/x", "y", "OUT_OF_SCOPE"},
        {"role/x", "x", "NO_MODEL"},
        {"zzz", "b", "OUT_OF_SCOPE"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route_plan p;
        struct text told = {0};
        enum err e = plan(&names, slice_of(cases[i].name), slice_of(cases[i].scope), &p);
        if (e)
            text_format(&told, "%s", err_row(e)->name);
        for (unsigned k = 0; !e && k < p.n; k++) {
            const struct backend *b = p.list[k].target->backend;
            text_format(&told, "%s@%d: %s|", p.list[k].target->model.ptr,
                        b == &one   ? 1
                        : b == &two ? 2
                                    : 3,
                        p.list[k].reason);
        }
        if (strcmp(text_cstr(&told), cases[i].told) != 0)
            fail_msg("%s, %s: %s", cases[i].name, cases[i].scope, text_cstr(&told));
        text_fini(&told);
    }
}

static void whether_it_was_named(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool by_name;
    } cases[] = {{"b", true},     {"bee", true},        {"b:latest", true}, {"", false},
                 {"code", false}, {"role/code", false}, {"default", false}, {"model/b", true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route_plan p;
        assert_int_equal(plan(&names, slice_of(cases[i].name), NONE, &p), OK);
        assert_int_equal(p.by_name, cases[i].by_name);
    }
}

/* Names that programs have built in: only where nobody else is meant. */
static void known_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *scope;
        enum err e;
        const char *role, *model;
    } cases[] = {
        {"codex-mini-latest", "", OK, "code", "b"},
        {"codex-mini-latest", "code", OK, "code", "b"},
        {"codex-mini-latest", "codex-*", OK, "code", "b"},
        {"codex-mini-latest", "a", OK, "code", "a"},
        {"codex-mini-latest", "x", ERR_OUT_OF_SCOPE, "", ""},
        {"claude-sonnet-4-5", "", ERR_ROLE_UNBOUND, "chat", ""},
        {"gpt-4o-mini:latest", "", ERR_ROLE_UNBOUND, "chat", ""},
        {"whisper-1", "", ERR_ROLE_UNBOUND, "transcribe", ""},
        {"whisper-10", "", ERR_NO_MODEL, "", ""},
        {"text-embedding-3-small", "", OK, "", "a"}, /* somebody gave it to a model */
    };
    const struct route_alias more[] = {{SLICE("bee"), SLICE("b")},
                                       {SLICE("text-embedding-3-small"), SLICE("a")}};
    struct route_table t = names;
    t.aliases = more;
    t.n_aliases = COUNT(more);
    t.known_names = true;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route_plan p;
        enum err e = plan(&t, slice_of(cases[i].name), slice_of(cases[i].scope), &p);
        assert_int_equal(e, cases[i].e);
        assert_true(slice_is(p.role, slice_of(cases[i].role)));
        if (!e)
            assert_true(slice_is(p.list[0].target->model, slice_of(cases[i].model)));
    }
    t.known_names = false;
    struct route_plan p;
    assert_int_equal(plan(&t, SLICE("whisper-1"), NONE, &p), ERR_NO_MODEL);
}

static void what_a_role_holds(void **state)
{
    (void)state;
    assert_true(route_holds(&names, SLICE("code"), SLICE("b")));
    assert_true(route_holds(&names, SLICE("code"), SLICE("c:latest")));
    assert_false(route_holds(&names, SLICE("code"), SLICE("org/d:q4")));
    assert_false(route_holds(&names, SLICE("chat"), SLICE("b")));
    assert_false(route_holds(&names, SLICE("x"), SLICE("b")));
}

static void aliases_and_roles_are_near_too(void **state)
{
    (void)state;
    struct route_plan p;
    assert_int_equal(plan(&names, SLICE("bea"), NONE, &p), ERR_NO_MODEL);
    assert_true(slice_is(p.nearest[0], SLICE("bee")));
    assert_int_equal(plan(&names, SLICE("coda"), NONE, &p), ERR_NO_MODEL);
    assert_true(slice_is(p.nearest[0], SLICE("code")));
    for (unsigned i = 0; i < p.n_nearest; i++) /* nothing is bound to it */
        assert_false(slice_is(p.nearest[i], SLICE("chat")));
}

static void distances(void **state)
{
    (void)state;
    assert_int_equal(route_distance(SLICE("kitten"), SLICE("sitting"), 9), 3);
    assert_int_equal(route_distance(SLICE(""), SLICE("abc"), 9), 3);
    assert_int_equal(route_distance(SLICE("abc"), SLICE("abc"), 9), 0);
    assert_int_equal(route_distance(SLICE("abcdef"), SLICE("uvwxyz"), 3), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_priority_then_order),
        cmocka_unit_test(no_name_means_the_first),
        cmocka_unit_test(some_are_not_asked_without_a_name),
        cmocka_unit_test(the_nearest_are_named),
        cmocka_unit_test(a_scope_holds_names_and_beginnings),
        cmocka_unit_test(only_what_is_in_scope_is_there),
        cmocka_unit_test(more_than_fit),
        cmocka_unit_test(names_and_rights),
        cmocka_unit_test(whether_it_was_named),
        cmocka_unit_test(known_names),
        cmocka_unit_test(what_a_role_holds),
        cmocka_unit_test(aliases_and_roles_are_near_too),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
