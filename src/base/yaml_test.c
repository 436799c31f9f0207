/* YAML: what is taken, as a tree, and what is refused, with its words. */
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* The tree in one line: "text" quoted, text plain, [items], {key: value}, each with line:column. */
static void tell(const struct yaml_node *n, bool places, struct text *out)
{
    if (n->kind == IS_SCALAR) {
        text_add(out, n->plain ? SLICE("") : SLICE("\""));
        text_visible(out, n->text);
        text_add(out, n->plain ? SLICE("") : SLICE("\""));
        assert_int_equal(n->text.ptr[n->text.len], '\0');
    } else {
        size_t count = 0;
        text_byte(out, n->kind == IS_LIST ? '[' : '{');
        for (const struct yaml_node *m = n->first; m; m = m->next, count++) {
            if (m != n->first)
                text_byte(out, ' ');
            assert_true((m->key != NULL) == (n->kind == IS_MAP));
            if (m->key)
                tell(m->key, places, out);
            if (m->key)
                text_byte(out, ':');
            tell(m, places, out);
        }
        assert_int_equal(count, n->count);
        text_byte(out, n->kind == IS_LIST ? ']' : '}');
    }
    if (places)
        text_format(out, "@%u:%u", n->line, n->column);
}

static const struct {
    const char *text, *tree;
} good[] = {
    {"", ""},
    {"\n\n# only a comment\n", ""},
    {"a", "a"},
    {"'a'", "\"a\""},
    {"\"a\\tb\\u00e9\"", "\"a\\x09b\xc3\xa9\""},
    {"a: b", "{a:b}"},
    {"a: b\n", "{a:b}"},
    {"a: b\r\nc: d\r\n", "{a:b c:d}"},
    {"a:", "{a:}"},
    {"a: ~\nb: null", "{a:~ b:null}"},
    {"a: 'x'\n'b': \"y\"", "{a:\"x\" \"b\":\"y\"}"},
    {"a: it's", "{a:it's}"},
    {"a: 'it''s'", "{a:\"it's\"}"},
    {"a: b # comment", "{a:b}"},
    {"a: b#c", "{a:b#c}"},
    {"a: http://x:1/y", "{a:http://x:1/y}"},
    {"a: ${X}", "{a:${X}}"},
    {"a: ${X:-y}", "{a:${X:-y}}"},
    {"a:\n  b:\n    c: d\n  e: f", "{a:{b:{c:d} e:f}}"},
    {"- a\n- b", "[a b]"},
    {"- - a\n  - b\n- c", "[[a b] c]"},
    {"- a: b\n  c: d", "[{a:b c:d}]"},
    {"a:\n- b\n- c", "{a:[b c]}"},
    {"a: [b, 'c', [d]]", "{a:[b \"c\" [d]]}"},
    {"a: {b: c, d: {e: f}}", "{a:{b:c d:{e:f}}}"},
    {"a: []\nb: {}", "{a:[] b:{}}"},
    {"a: |\n  x\n  y\n", "{a:\"x\\x0ay\\x0a\"}"},
    {"a: >-\n  x\n  y\n", "{a:\"x y\"}"},
    {"a: b\n  c", "{a:b c}"},
    {"---\na: b\n...\n", "{a:b}"},
    {"%YAML 1.1\n---\na: b", "{a:b}"},
    {"%YAML 1.2\n---\na: b", "{a:b}"},
    {"\xef\xbb\xbf"
     "a: b",
     "{a:b}"},
    {"? a\n: b", "{a:b}"},
    {"1: 2\ntrue: no", "{1:2 true:no}"},
    {"'<<': b", "{\"<<\":b}"},
    {"a: <<", "{a:<<}"},
    {"a: '*b'", "{a:\"*b\"}"},
    {"a: b*c&d!e", "{a:b*c&d!e}"},
    {"{\"a\": 1, \"b\": [true, null]}", "{\"a\":1 \"b\":[true null]}"},
};

static const struct {
    const char *text, *words;
} bad[] = {
    {"a: &x b", "f.yaml:1: anchors (&name) are not taken; write the value out"},
    {"a: &x [b]", "f.yaml:1: anchors (&name) are not taken; write the value out"},
    {"\na: &x {b: c}", "f.yaml:2: anchors (&name) are not taken; write the value out"},
    {"&x a: b", "f.yaml:1: anchors (&name) are not taken; write the value out"},
    {"a: *x", "f.yaml:1: aliases (*name) are not taken; write the value out"},
    {"a: !x b", "f.yaml:1: tags (!name) are not taken"},
    {"a: ! b", "f.yaml:1: tags (!name) are not taken"},
    {"a: !!int 1", "f.yaml:1: tags (!name) are not taken"},
    {"a: !!set {b}", "f.yaml:1: tags (!name) are not taken"},
    {"a: !x [b]", "f.yaml:1: tags (!name) are not taken"},
    {"%TAG ! tag:x,1:\n---\na: b", "f.yaml:1: tags (%TAG) are not taken"},
    {"<<: a", "f.yaml:1: merge keys (<<) are not taken; write the values out"},
    {"a: b\n---\nc: d", "f.yaml:2: a second document; one file holds one"},
    {"a\n--- \nb", "f.yaml:2: a second document; one file holds one"},
    {"[a]: b", "f.yaml:1: a key must be a word, not a list or map"},
    {"? {a: b}\n: c", "f.yaml:1: a key must be a word, not a list or map"},
    {"a: 1\nb: 2\na: 3", "f.yaml:3: the key \"a\" stands twice in one map"},
    {"a: 1\n'a': 3", "f.yaml:2: the key \"a\" stands twice in one map"},
    {"x:\n  \"a\\eb\": 1\n  \"a\\eb\": 3", "f.yaml:3: the key \"a\\x1bb\" stands twice in one map"},
    {"{a: 1, a: 2}", "f.yaml:1: the key \"a\" stands twice in one map"},
    {"a: \"\\0\"", "f.yaml:1: a text may not hold U+0000"},
    {"a: b: c", "f.yaml:1: not valid YAML: mapping values are not allowed in this context"},
    {"a:\n\tb: c", "f.yaml:2: not valid YAML: a tab indents here; use blanks"},
    {"a: b\n\tc: d", "f.yaml:2: not valid YAML: a tab indents here; use blanks"},
    {"a: [b",
     "f.yaml:2: not valid YAML: while parsing a flow sequence that begins in line 1, did not "
     "find expected ',' or ']'"},
    {"a: 'b", "f.yaml:1: not valid YAML: while scanning a quoted scalar, found unexpected end of "
              "stream"},
    {"a: b\n c: d", "f.yaml:2: not valid YAML: mapping values are not allowed in this context"},
    {"a: \"\\q\"", "f.yaml:1: not valid YAML: while parsing a quoted scalar, found unknown escape "
                   "character"},
    {"a: @b", "f.yaml:1: not valid YAML: while scanning for the next token, found character that "
              "cannot start any token"},
    {"%YAML 2.0\n---\na", "f.yaml:1: not valid YAML: found incompatible YAML document"},
    {"a: b\nc: \xff", "f.yaml:2: not UTF-8 text: invalid leading UTF-8 octet"},
    {"a: \xc0\xaf", "f.yaml:1: not UTF-8 text: invalid length of a UTF-8 sequence"},
    {"a: \x01", "f.yaml:1: not UTF-8 text: control characters are not allowed"},
    {"\xff\xfe"
     "a",
     "f.yaml:1: not UTF-8 text: invalid leading UTF-8 octet"}, /* UTF-16 */
};

static void check_good(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct arena a = {0};
        struct text tree = {0};
        struct why why = {0};
        const struct yaml_node *root = NULL;
        enum err e = yaml_read(&a, slice_of(good[i].text), "f.yaml", &root, &why);
        if (!e)
            tell(root, false, &tree);
        if (e || strcmp(text_cstr(&tree), good[i].tree) != 0) {
            print_message("%s\ngives %s %s\n", good[i].text, text_cstr(&tree), why.text);
            wrong++;
        }
        text_fini(&tree);
        arena_fini(&a);
    }
    assert_int_equal(wrong, 0);
}

static void check_bad(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena a = {0};
        struct why why = {0}, bare = {0};
        const struct yaml_node *root = NULL;
        enum err e = yaml_read(&a, slice_of(bad[i].text), "f.yaml", &root, &why);
        assert_null(root);
        if (e != ERR_CONFIG || strcmp(why.text, bad[i].words) != 0) {
            print_message("%s\ngives %d %s\n", bad[i].text, (int)e, why.text);
            wrong++;
        }
        assert_int_equal(yaml_read(&a, slice_of(bad[i].text), NULL, &root, &bare), ERR_CONFIG);
        assert_string_equal(strchr(why.text, ' ') + 1, bare.text);
        assert_true(slice_begins(slice_of(why.text + strlen("f.yaml:")), slice_of(bare.param)));
        assert_int_equal(yaml_read(&a, slice_of(bad[i].text), NULL, &root, NULL), ERR_CONFIG);
        arena_fini(&a);
    }
    assert_int_equal(wrong, 0);
}

static void check_places(void **state)
{
    (void)state;
    struct arena a = {0};
    struct text tree = {0};
    const struct yaml_node *root = NULL;
    struct slice text = SLICE("# x\na: b\n\xc3\xa4: 'c'\nd:\n  - e\n  - {f: g}\n");
    assert_int_equal(yaml_read(&a, text, NULL, &root, NULL), OK);
    tell(root, true, &tree);
    assert_string_equal(text_cstr(&tree),
                        "{a@2:1:b@2:4 \xc3\xa4@3:1:\"c\"@3:4 d@4:1:[e@5:5 {f@6:6:g@6:9}@6:5]@5:3}"
                        "@2:1");
    text_fini(&tree);
    arena_fini(&a);
}

static void check_getters(void **state)
{
    (void)state;
    struct arena a = {0};
    const struct yaml_node *root = NULL;
    struct slice text = SLICE("a: 1\nb: ~\nc: '~'\nd:\ne: null\nf: ''\ng: [x]\n");
    assert_int_equal(yaml_read(&a, text, NULL, &root, NULL), OK);
    assert_true(slice_is(yaml_get(root, SLICE("a"))->text, SLICE("1")));
    assert_null(yaml_get(root, SLICE("z")));
    assert_null(yaml_get(NULL, SLICE("a")));
    assert_null(yaml_get(yaml_get(root, SLICE("a")), SLICE("a")));
    static const struct {
        const char *key;
        bool null;
    } nulls[] = {{"a", false}, {"b", true},  {"c", false}, {"d", true},
                 {"e", true},  {"f", false}, {"g", false}};
    for (size_t i = 0; i < COUNT(nulls); i++)
        assert_int_equal(yaml_is_null(yaml_get(root, slice_of(nulls[i].key))), nulls[i].null);
    arena_fini(&a);
}

/* ---- limits --------------------------------------------------------------------------------- */

static void check_limit(struct text *text, enum err expected, const char *words)
{
    struct arena a = {0};
    struct why why = {0};
    const struct yaml_node *root;
    assert_false(text->failed);
    enum err e = yaml_read(&a, text_slice(text), "f", &root, &why);
    if (e != expected || strcmp(why.text, words) != 0)
        fail_msg("%d %s", (int)e, why.text);
    arena_fini(&a);
    text_clear(text);
}

static void repeat(struct text *text, const char *s, size_t n)
{
    while (n-- > 0)
        text_add(text, slice_of(s));
}

static void check_limits(void **state)
{
    (void)state;
    struct text t = {0};
    repeat(&t, "[", MOST_YAML_DEPTH);
    repeat(&t, "]", MOST_YAML_DEPTH);
    check_limit(&t, OK, "");
    repeat(&t, "[", MOST_YAML_DEPTH + 1);
    repeat(&t, "]", MOST_YAML_DEPTH + 1);
    check_limit(&t, ERR_CONFIG, "f:1: nested deeper than 32 levels");
    repeat(&t, "[", 500000);
    check_limit(&t, ERR_CONFIG, "f:1: nested deeper than 32 levels");
    repeat(&t, "{a: ", 200000);
    check_limit(&t, ERR_CONFIG, "f:1: nested deeper than 32 levels");
    repeat(&t, "- ", 500000);
    check_limit(&t, ERR_CONFIG, "f:1: nested deeper than 32 levels");

    repeat(&t, "- a\n", MOST_YAML_VALUES - 1);
    check_limit(&t, OK, "");
    repeat(&t, "- a\n", MOST_YAML_VALUES);
    check_limit(&t, ERR_CONFIG, "f:100000: more than 100,000 values");

    text_add(&t, SLICE("a: "));
    while (t.len < MOST_YAML_BYTES)
        text_byte(&t, 'x');
    check_limit(&t, OK, "");
    while (t.len < MOST_YAML_BYTES + 1)
        text_byte(&t, '#');
    check_limit(&t, ERR_CONFIG, "f: larger than 1 MiB");

    /* many keys are checked too, and the first that stands twice in the text is the one named */
    for (size_t i = 0; i < 40000; i++)
        text_format(&t, "k%zu: 1\n", i);
    check_limit(&t, OK, "");
    for (size_t i = 0; i < 1000; i++)
        text_format(&t, "k%zu: 1\n", i);
    text_add(&t, SLICE("k999: 1\nk0: 1\n"));
    check_limit(&t, ERR_CONFIG, "f:1001: the key \"k999\" stands twice in one map");

    /* nine levels of aliases, and a million anchors: the first of them ends it */
    text_add(&t, SLICE("a: &a [x,x,x,x,x,x,x,x,x]\n"));
    for (char c = 'b'; c <= 'i'; c++)
        text_format(&t, "%c: &%c [*%c,*%c,*%c]\n", c, c, c - 1, c - 1, c - 1);
    check_limit(&t, ERR_CONFIG, "f:1: anchors (&name) are not taken; write the value out");
    repeat(&t, "- &a\n", 200000);
    check_limit(&t, ERR_CONFIG, "f:1: anchors (&name) are not taken; write the value out");
    text_fini(&t);
}

/* Bytes in the middle of a buffer, and none at all. */
static void check_slices(void **state)
{
    (void)state;
    struct arena a = {0};
    const struct yaml_node *root = NULL;
    struct slice text = SLICE("a: bcdef");
    assert_int_equal(yaml_read(&a, slice_to(text, 5), NULL, &root, NULL), OK);
    assert_true(slice_is(root->first->text, SLICE("bc")));
    assert_int_equal(yaml_read(&a, (struct slice){0}, NULL, &root, NULL), OK);
    assert_true(yaml_is_null(root));
    assert_int_equal(yaml_read(&a, (struct slice){"a: \0b", 5}, NULL, &root, NULL), ERR_CONFIG);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_good),   cmocka_unit_test(check_bad),
        cmocka_unit_test(check_places), cmocka_unit_test(check_getters),
        cmocka_unit_test(check_limits), cmocka_unit_test(check_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
