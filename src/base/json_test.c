/* JSON: what is let in and what is refused, by classes of our own making; limits; places in the
 * text; field tables; and that the writer cannot write anything else. */
#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"

static enum err try(struct slice text)
{
    struct json_doc doc;
    struct why why = {0};
    enum err e = json_read(text, &json_usual_limits, NULL, &doc, &why);
    if (!e)
        json_done(&doc);
    else
        assert_true(why.code == e && why.text[0]);
    return e;
}

/* ---- accepted and refused ------------------------------------------------------------------- */

#define S(literal)                                                                                 \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

/* clang-format off */
static const struct slice good[] = {
    /* values alone */
    S("null"), S("true"), S("false"), S("0"), S("\"\""), S("[]"), S("{}"), S(" null "),
    S("\t\r\n null \n"), S("\"a\""), S("[null]"), S("{\"\":null}"),
    /* numbers */
    S("-0"), S("-1"), S("10"), S("123456789012345678901234567890"), S("0.0"), S("-0.0"), S("0.1"),
    S("1.5e3"), S("1e1"), S("1E1"), S("1e+1"), S("1e-1"), S("0e0"), S("0e+1"), S("1e308"),
    S("1e-400"), S("1.7976931348623157e308"), S("9223372036854775807"), S("9223372036854775808"),
    S("18446744073709551615"), S("18446744073709551616"), S("-9223372036854775808"),
    S("-9223372036854775809"), S("[1,-1,1.0]"), S("0.00000000000000000000000000000000000000001"),
    /* strings */
    S("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), S("\"\\u0000\""), S("\"\\u0041\\u00e9\\u20ac\""),
    S("\"\\ud83d\\ude00\""), S("\"\\uD83D\\uDE00\""), S("\"\\udbff\\udfff\""), S("\"\x7f\""),
    S("\"\xc2\x80\""), S("\"\xdf\xbf\""), S("\"\xe0\xa0\x80\""), S("\"\xef\xbf\xbf\""),
    S("\"\xed\x9f\xbf\""), S("\"\xee\x80\x80\""), S("\"\xf0\x90\x80\x80\""),
    S("\"\xf4\x8f\xbf\xbf\""), S("\"\xe2\x80\xa8\xe2\x80\xa9\""), S("\"// no comment\""),
    S("\"\\u0022\""), S("\"\\\\u0022\""), S("\"[{\\\"\""), S("\"]}\""), S("\" \""),
    /* structures */
    S("[[]]"), S("[[],[]]"), S("[1,[2,[3]]]"), S("[ 1 , 2 ]"), S("{\"a\":1,\"b\":2}"),
    S("{ \"a\" : { \"b\" : [ ] } }"), S("[{},{}]"), S("{\"a\":{\"a\":{\"a\":1}}}"),
    S("{\"a\":1,\"A\":2}"), S("[\"a\",\"a\"]"), S("{\"\\u0061\":1,\"b\":2}"), S("\n[\n]\n"),
    S("{\"a\":\"\",\"b\":null,\"c\":false,\"d\":0,\"e\":[],\"f\":{}}"),
};
/* clang-format on */

/* clang-format off */
static const struct slice bad[] = {
    /* nothing, or nothing whole */
    S(""), S(" "), S("\n"), S("["), S("{"), S("\""), S("]"), S("}"), S("[1"), S("[1,"),
    S("{\"a\""), S("{\"a\":"), S("{\"a\":1"), S("{\"a\":1,"), S("nul"), S("tru"), S("fals"),
    S("\"a"), S("\"\\"), S("\"\\u"), S("\"\\u0"), S("-"), S("1e"), S("1."), S("[null"), S("[\"a"),
    /* too much */
    S("null null"), S("1 2"), S("[]]"), S("{}}"), S("[],"), S("\"a\"b"), S("1,"), S("{} x"),
    S("[]\0"), S("null\x01"),
    /* other spellings of values */
    S("Null"), S("NULL"), S("True"), S("TRUE"), S("nil"), S("None"), S("undefined"), S("NaN"),
    S("-NaN"), S("Infinity"), S("-Infinity"), S("inf"), S("nan"), S("yes"), S("a"), S("'a'"),
    S("`a`"),
    /* other spellings of numbers */
    S("01"), S("-01"), S("00"), S("+1"), S("--1"), S(".5"), S("-.5"), S("5."), S("5.e1"),
    S("0x10"), S("0b1"), S("0o7"), S("1e"), S("1e+"), S("1e-"), S("1ee1"), S("1e1.5"), S("1_000"),
    S("1,000"), S("1 000"), S("1f"), S("- 1"), S("0.1.2"), S("1e999"), S("-1e999"), S("[-]"),
    S("[1e]"), S("\xef\xbc\x91"), /* a full-width digit */
    /* strings */
    S("\"\n\""), S("\"\t\""), S("\"\r\""), S("\"\0\""), S("\"\x1f\""), S("\"\\x41\""),
    S("\"\\a\""), S("\"\\0\""), S("\"\\'\""), S("\"\\U0041\""), S("\"\\u004\""), S("\"\\u00g0\""),
    S("\"\\u 041\""), S("\"\\\n\""), S("\"a\" \"b\""), S("\"\\ud800\""), S("\"\\udc00\""),
    S("\"\\ud800\\ud800\""), S("\"\\ud800\\u0041\""), S("\"\\udc00\\ud800\""), S("\"\\ud800x\""),
    S("\"\\ud800\\n\""), S("\"\\ud83d\\ude0\""),
    /* bytes that are no UTF-8 */
    S("\"\x80\""), S("\"\xbf\""), S("\"\xff\""), S("\"\xfe\""), S("\"\xc0\x80\""),
    S("\"\xc1\xbf\""), S("\"\xc3\""), S("\"\xc3\x28\""), S("\"\xe0\x80\x80\""),
    S("\"\xe0\x9f\xbf\""), S("\"\xe2\x82\""), S("\"\xe2\x28\xa1\""), S("\"\xed\xa0\x80\""),
    S("\"\xed\xbf\xbf\""), S("\"\xf0\x80\x80\x80\""), S("\"\xf0\x8f\xbf\xbf\""),
    S("\"\xf4\x90\x80\x80\""), S("\"\xf5\x80\x80\x80\""), S("\"\xf0\x9f\x98\""),
    S("\"\xf8\x88\x80\x80\x80\""), S("{\"\xff\":1}"), S("[\xff]"),
    /* marks of order, other encodings */
    S("\xef\xbb\xbf{}"), S("\xef\xbb\xbf"), S("\xff\xfe{\0}\0"), S("\xfe\xff\0{\0}"), S("\0{\0}"),
    /* commas, colons, brackets */
    S("[,]"), S("[1,]"), S("[,1]"), S("[1,,2]"), S("[1 2]"), S("[1;2]"), S("[1:2]"), S("{,}"),
    S("{\"a\"}"), S("{\"a\",1}"), S("{\"a\":1,}"), S("{,\"a\":1}"), S("{\"a\":1,,\"b\":2}"),
    S("{\"a\":1 \"b\":2}"), S("{\"a\"::1}"), S("{:1}"), S("{\"a\":}"), S("{\"a\":1;}"),
    S("{[]:1}"), S("{1:1}"), S("{null:1}"), S("{a:1}"), S("{'a':1}"), S("[}"), S("{]"), S("[1}"),
    S("{\"a\":1]"), S("[[1]"), S("[{]}"), S("(1)"), S("<1>"),
    /* what some readers add */
    S("// c\n1"), S("/* c */1"), S("1//"), S("[1/**/]"), S("# c\n1"), S("1#"), S("[...]"), S("@"),
    S("\xc2\xa0null"), S("\xe2\x80\xa8null"), S("\x0cnull"), S("\x0bnull"), S("data: {}"),
    S("{}\n{}"), S("\\u006eull"),
};
/* clang-format on */

static void check_grammar(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < COUNT(good); i++) {
        if (try(good[i]) != OK)
            wrong++, print_message("refused: %.*s\n", SLICE_ARG(good[i]));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (try(bad[i]) != ERR_BAD_JSON)
            wrong++, print_message("let in: %.*s\n", SLICE_ARG(bad[i]));
    }
    static_assert(COUNT(good) + COUNT(bad) >= 240, "cases were lost");
    assert_int_equal(wrong, 0);
}

/* Every text that is good is bad without its last byte, unless it is a number or ends in a blank;
 * with another value after it; and within quotes that hold a control character. */
static void check_made_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct text t = {0};
        struct slice s = good[i];
        char last = s.ptr[s.len - 1];
        if (last != ' ' && last != '\n' && !(last >= '0' && last <= '9'))
            assert_int_equal(try(slice_to(s, s.len - 1)), ERR_BAD_JSON);
        text_format(&t, "[%.*s,%.*s]", SLICE_ARG(s), SLICE_ARG(s));
        assert_int_equal(try(text_slice(&t)), OK);
        text_clear(&t);
        text_format(&t, "%.*s []", SLICE_ARG(s));
        assert_int_equal(try(text_slice(&t)), ERR_BAD_JSON);
        text_clear(&t);
        text_format(&t, "{\"k\":%.*s}", SLICE_ARG(s));
        assert_int_equal(try(text_slice(&t)), OK);
        text_fini(&t);
    }
    for (unsigned c = 0; c < 256; c++) { /* a byte alone between quotes */
        char quoted[3] = {'"', (char)c, '"'};
        bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        assert_int_equal(try((struct slice){quoted, 3}), plain ? OK : ERR_BAD_JSON);
        char escaped[4] = {'"', '\\', (char)c, '"'};
        bool known = c && strchr("\"\\/bfnrt", (int)c);
        assert_int_equal(try((struct slice){escaped, 4}), known ? OK : ERR_BAD_JSON);
        char alone[1] = {(char)c};
        bool digit = c >= '0' && c <= '9';
        assert_int_equal(try((struct slice){alone, 1}), digit ? OK : ERR_BAD_JSON);
    }
}

/* ---- limits --------------------------------------------------------------------------------- */

static void repeat(struct text *t, const char *s, size_t n)
{
    while (n-- > 0)
        text_add(t, slice_of(s));
}

static enum err try_and_clear(struct text *t)
{
    enum err e = try(text_slice(t));
    text_clear(t);
    return e;
}

static void check_limits(void **state)
{
    (void)state;
    struct text t = {0};
    repeat(&t, "[", 64), repeat(&t, "]", 64);
    assert_int_equal(try_and_clear(&t), OK);
    repeat(&t, "[", 65), repeat(&t, "]", 65);
    assert_int_equal(try_and_clear(&t), ERR_JSON_TOO_DEEP);
    repeat(&t, "{\"a\":", 64), text_byte(&t, '1'), repeat(&t, "}", 64);
    assert_int_equal(try_and_clear(&t), OK);
    repeat(&t, "{\"a\":", 65), text_byte(&t, '1'), repeat(&t, "}", 65);
    assert_int_equal(try_and_clear(&t), ERR_JSON_TOO_DEEP);
    repeat(&t, "[", 100000);
    assert_int_equal(try_and_clear(&t), ERR_JSON_TOO_DEEP);
    repeat(&t, "{\"a\":", 100000);
    assert_int_equal(try_and_clear(&t), ERR_JSON_TOO_DEEP);
    text_byte(&t, '['), repeat(&t, "[],", 1000), text_add(&t, SLICE("[]]"));
    assert_int_equal(try_and_clear(&t), OK); /* many, not deep */
    text_byte(&t, '"'), repeat(&t, "[{", 1000), text_byte(&t, '"');
    assert_int_equal(try_and_clear(&t), OK); /* brackets in a string */
    text_byte(&t, '"'), repeat(&t, "\\\"[", 1000), text_byte(&t, '"');
    assert_int_equal(try_and_clear(&t), OK); /* behind quotes that end nothing */
    text_byte(&t, '['), repeat(&t, "1,", 999990), text_add(&t, SLICE("1]"));
    assert_int_equal(try_and_clear(&t), OK);
    text_byte(&t, '['), repeat(&t, "1,", 1000000), text_add(&t, SLICE("1]"));
    assert_int_equal(try_and_clear(&t), ERR_TOO_MANY);
    const struct json_limits tight = {.depth = 1, .values = 3};
    struct json_doc doc;
    assert_int_equal(json_read(SLICE("[1]"), &tight, NULL, &doc, NULL), OK);
    json_done(&doc);
    assert_int_equal(json_read(SLICE("[[]]"), &tight, NULL, &doc, NULL), ERR_JSON_TOO_DEEP);
    assert_int_equal(json_read(SLICE("[1,2,3,4]"), &tight, NULL, &doc, NULL), ERR_TOO_MANY);
    text_fini(&t);
}

static void check_twice(const char *json, const char *name)
{
    struct json_doc doc;
    struct why why;
    assert_int_equal(json_read(slice_of(json), &json_usual_limits, NULL, &doc, &why),
                     ERR_DUPLICATE_KEY);
    assert_string_equal(why.param, name);
}

static void check_duplicates(void **state)
{
    (void)state;
    struct text t = {0};
    check_twice("{\"a\":1,\"a\":1}", "a");
    check_twice("{\"a\":1,\"b\":2,\"a\":3}", "a");
    check_twice("{\"a\":1,\"\\u0061\":2}", "a"); /* the same key, written differently */
    check_twice("{\"\":1,\"\":2}", "");
    check_twice("[[{\"x\":{\"b\":1,\"b\":2}}]]", "b");
    check_twice("{\"a\":{\"m\":1},\"b\":{\"m\":1,\"m\":2}}", "m");
    check_twice("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}", "\\x1b[2J");
    check_twice("{\"a\\u0000b\":1,\"a\\u0000b\":2}", "a\\x00b");
    assert_int_equal(try(SLICE("{\"a\\u0000b\":1,\"a\\u0000c\":2}")), OK);
    for (size_t n = 20; n < 60; n += 13) { /* few keys are compared, many are sorted */
        text_byte(&t, '{');
        for (size_t i = 0; i < n; i++)
            text_format(&t, "\"k%zu\":%zu,", i, i);
        size_t len = t.len;
        text_add(&t, SLICE("\"z\":1}"));
        assert_int_equal(try(text_slice(&t)), OK);
        t.len = len;
        text_add(&t, SLICE("\"k3\":1}"));
        check_twice(text_cstr(&t), "k3");
        text_clear(&t);
    }
    /* a long key of control characters is cut so that its escapes fit */
    static const struct {
        const char *piece;
        size_t most;
    } pieces[] = {{"\\u001b", 63}, {"\\u00e9", 48}, {"k", 48}};
    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct json_doc doc;
        struct why why;
        text_add(&t, SLICE("{\""));
        repeat(&t, pieces[i].piece, 100);
        text_add(&t, SLICE("\":1,\""));
        repeat(&t, pieces[i].piece, 100);
        text_add(&t, SLICE("\":2}"));
        assert_int_equal(json_read(text_slice(&t), &json_usual_limits, NULL, &doc, &why),
                         ERR_DUPLICATE_KEY);
        assert_in_range(strlen(why.param), pieces[i].most - 4, pieces[i].most);
        text_clear(&t);
    }
    text_fini(&t);
}

/* ---- values --------------------------------------------------------------------------------- */

static void check_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool whole;
        int64_t n;
    } all[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-0.0", true, 0},
        {"1", true, 1},
        {"1.0", true, 1},
        {"1e3", true, 1000},
        {"-1.5e1", true, -15},
        {"0.5", false, 0},
        {"1e-1", false, 0},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"18446744073709551615", false, 0},
        {"18446744073709551616", false, 0},
        {"-9223372036854775809", false, 0},
        {"9007199254740992.0", false, 0}, /* as real: no longer exact, so not taken for whole */
        {"1e18", false, 0},
        {"1e308", false, 0},
        {"-1e308", false, 0},
        {"1e-400", true, 0},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct json_doc doc;
        int64_t n = 77;
        assert_int_equal(json_read(slice_of(all[i].text), &json_usual_limits, NULL, &doc, NULL),
                         OK);
        assert_true(json_is_number(doc.root));
        if (json_int(doc.root, &n) != all[i].whole || n != (all[i].whole ? all[i].n : 77))
            fail_msg("%s gives %lld", all[i].text, (long long)n);
        json_done(&doc);
    }
}

static void check_getters(void **state)
{
    (void)state;
    struct json_doc doc;
    struct text scratch = {0};
    int64_t n = 5;
    struct slice text =
        SLICE("{\"t\":\"a\\u0000\\u20ac\",\"n\":null,\"l\":[1,true,{\"x\":2}],\"d\":-2.5}");
    assert_int_equal(json_read(text, &json_usual_limits, &scratch, &doc, NULL), OK);
    const struct json_value *list = json_get(doc.root, "l");
    assert_true(json_is_object(doc.root) && !json_is_array(doc.root));
    assert_true(slice_is(json_text(json_get(doc.root, "t")), SLICE("a\0\xe2\x82\xac")));
    assert_true(json_is_null(json_get(doc.root, "n")));
    assert_true(json_is_array(list) && json_count(list) == 3);
    assert_true(json_is_true(json_at(list, 1)) && !json_is_true(json_at(list, 0)));
    assert_true(json_int(json_get(json_at(list, 2), "x"), &n) && n == 2);
    assert_true(json_number(json_get(doc.root, "d")) == -2.5);
    assert_int_equal(json_count(doc.root), 4);
    assert_null(json_get(doc.root, "z"));
    assert_null(json_at(list, 3));
    assert_null(json_get(list, "x"));
    assert_null(json_at(doc.root, 0));
    assert_false(json_int(json_get(doc.root, "t"), &n) || json_int(NULL, &n));
    assert_false(json_is_object(NULL) || json_is_array(NULL) || json_is_text(NULL));
    assert_false(json_is_null(NULL) || json_is_true(NULL) || json_is_number(NULL));
    assert_int_equal(json_text(NULL).len + json_text(list).len + json_count(NULL), 0);
    assert_true(json_number(NULL) == 0 && json_number(list) == 0);
    struct text keys = {0};
    for (struct json_iter i = json_begin(doc.root); json_next(&i);)
        text_format(&keys, "%.*s%zu ", SLICE_ARG(i.key), json_count(i.value));
    for (struct json_iter i = json_begin(list); json_next(&i);)
        text_format(&keys, "[%zu]", i.key.len + json_count(i.value));
    for (struct json_iter i = json_begin(NULL); json_next(&i);)
        fail();
    assert_string_equal(text_cstr(&keys), "t0 n0 l3 d0 [0][0][1]");
    text_clear(&keys);
    json_copy(doc.root, &keys);
    assert_string_equal(text_cstr(&keys),
                        "{\"t\":\"a\\u0000\xe2\x82\xac\",\"n\":null,\"l\":[1,true,{\"x\":2}],"
                        "\"d\":-2.5}");
    text_fini(&keys);
    json_done(&doc);
    json_done(&doc); /* again is fine */
    text_fini(&scratch);
}

/* ---- places --------------------------------------------------------------------------------- */

/* Strings of each length, with an escape at each place: as a key, as a value and further in. The
 * block ends with the text, so that a look past it is seen. */
static void check_strings_in_spans(void **state)
{
    static const char *const escapes[] = {"", "\\\"", "\\\\", "\\u0022"};
    (void)state;
    for (size_t n = 0; n < 90; n++) {
        for (size_t at = 0; at <= n; at++) {
            struct text string = {0}, whole = {0};
            struct slice key;
            struct json_span span;
            size_t from = 0;
            text_byte(&string, '"');
            for (size_t i = 0; i <= n; i++) {
                text_add(&string, i == at ? slice_of(escapes[(n + at) % COUNT(escapes)])
                                          : (struct slice){0});
                if (i < n)
                    text_byte(&string, "a{}[],:\xa2\xdc!#"[i % 11]);
            }
            text_byte(&string, '"');
            text_format(&whole, "{%.*s:[%.*s],\"b\":%.*s}", SLICE_ARG(text_slice(&string)),
                        SLICE_ARG(text_slice(&string)), SLICE_ARG(text_slice(&string)));
            char *exact = mem_grow(NULL, whole.len);
            assert_non_null(exact);
            memcpy(exact, whole.ptr, whole.len);
            struct slice text = {exact, whole.len};
            assert_true(json_next_span(text, &from, &key, &span));
            assert_int_equal(key.len + 2, string.len);
            assert_int_equal(span.end - span.value, string.len + 2);
            assert_true(json_next_span(text, &from, &key, &span));
            assert_true(slice_is(key, SLICE("b")));
            assert_int_equal(span.end - span.value, string.len);
            assert_false(json_next_span(text, &from, &key, &span));
            mem_free(exact);
            text_fini(&string);
            text_fini(&whole);
        }
    }
}

static void check_spans(void **state)
{
    (void)state;
    static const char text[] =
        " {\"a\" : [1, {\"b\":2}] ,\"m\\\"\":3,\n\"s\":\"x,}\\\"\" , \"n\":-1e5,"
        "\"o\":{\"a\":true}} ";
    static const struct {
        const char *key, *value; /* NULL: not found */
    } all[] = {
        {"a", "[1, {\"b\":2}]"},
        {"s", "\"x,}\\\"\""},
        {"n", "-1e5"},
        {"o", "{\"a\":true}"},
        {"b", NULL},
        {"m\"", NULL},
        {"", NULL},
    };
    struct slice whole = {text, sizeof text - 1};
    assert_int_equal(try(whole), OK);
    for (size_t i = 0; i < COUNT(all); i++) {
        struct json_span span;
        bool found = json_find_span(whole, slice_of(all[i].key), &span);
        assert_int_equal(found, all[i].value != NULL);
        if (!found)
            continue;
        struct slice value = {text + span.value, span.end - span.value};
        assert_true(slice_is(value, slice_of(all[i].value)));
        assert_int_equal(text[span.key], '"');
        assert_int_equal(text[span.key + 1], all[i].key[0]);
    }
    static const char *const none[] = {"[]", "{}", "1", "\"a\"", "null", " { } ", "[{\"a\":1}]"};
    struct json_span span;
    for (size_t i = 0; i < COUNT(none); i++)
        assert_false(json_find_span(slice_of(none[i]), SLICE("a"), &span));
    /* all members in turn, and those of an inner object */
    struct text keys = {0};
    struct slice key;
    for (size_t at = 0; json_next_span(whole, &at, &key, &span);)
        text_format(&keys, "%.*s ", SLICE_ARG(key));
    assert_true(json_find_span(whole, SLICE("o"), &span));
    for (size_t at = span.value; json_next_span(whole, &at, &key, &span);)
        text_format(&keys, "(%.*s=%.*s)", SLICE_ARG(key), (int)(span.end - span.value),
                    text + span.value);
    assert_string_equal(text_cstr(&keys), "a m\\\" s n o (a=true)");
    text_fini(&keys);
}

/* ---- field tables --------------------------------------------------------------------------- */

struct place {
    struct slice text;
    bool flag;
    int64_t n;
    double x;
    const struct json_value *list, *object, *any;
};

static const struct json_field fields[] = {
    {"text", JSON_TEXT, false, true, 1, 5, offsetof(struct place, text)},
    {"flag", JSON_BOOL, false, false, 0, 0, offsetof(struct place, flag)},
    {"n", JSON_INT, true, false, -1, 10, offsetof(struct place, n)},
    {"x", JSON_NUMBER, false, false, 0, 2, offsetof(struct place, x)},
    {"list", JSON_ARRAY, false, false, 1, 2, offsetof(struct place, list)},
    {"object", JSON_OBJECT, false, false, 0, 0, offsetof(struct place, object)},
    {"any", JSON_ANY, false, false, 0, 0, offsetof(struct place, any)},
};

static void check_fields(void **state)
{
    (void)state;
    static const struct {
        const char *json, *param, *words; /* words NULL: taken */
    } all[] = {
        {"{\"n\":1}", "", NULL},
        {"{\"n\":-1,\"text\":\"abcde\",\"flag\":false,\"x\":2,\"list\":[1],\"object\":{},"
         "\"any\":1}",
         "", NULL},
        {"{\"n\":10.0,\"text\":null,\"x\":null,\"other\":5}", "", NULL},
        {"[]", "", "an object is expected"},
        {"{}", "n", "n is missing"},
        {"{\"n\":null}", "n", "n is missing"},
        {"{\"n\":\"1\"}", "n", "n must be a whole number"},
        {"{\"n\":1.5}", "n", "n must be a whole number"},
        {"{\"n\":true}", "n", "n must be a whole number"},
        {"{\"n\":9223372036854775808}", "n", "n must be a whole number"},
        {"{\"n\":11}", "n", "n must have a value from -1 to 10"},
        {"{\"n\":-2}", "n", "n must have a value from -1 to 10"},
        {"{\"n\":1,\"text\":1}", "text", "text must be a string"},
        {"{\"n\":1,\"text\":\"\"}", "text", "text must have a length from 1 to 5"},
        {"{\"n\":1,\"text\":\"abcdef\"}", "text", "text must have a length from 1 to 5"},
        {"{\"n\":1,\"text\":\"a\\u0000\"}", "text", "text must be free of U+0000"},
        {"{\"n\":1,\"flag\":1}", "flag", "flag must be true or false"},
        {"{\"n\":1,\"x\":\"1\"}", "x", "x must be a number"},
        {"{\"n\":1,\"x\":2.1}", "x", "x must have a value from 0 to 2"},
        {"{\"n\":1,\"x\":-0.1}", "x", "x must have a value from 0 to 2"},
        {"{\"n\":1,\"x\":1e308}", "x", "x must have a value from 0 to 2"},
        {"{\"n\":1,\"list\":{}}", "list", "list must be a list"},
        {"{\"n\":1,\"list\":[]}", "list", "list must have a number of items from 1 to 2"},
        {"{\"n\":1,\"list\":[1,2,3]}", "list", "list must have a number of items from 1 to 2"},
        {"{\"n\":1,\"object\":[]}", "object", "object must be an object"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct json_doc doc;
        struct place p = {.text = SLICE("kept"), .x = 0.5};
        struct why why = {0};
        assert_int_equal(json_read(slice_of(all[i].json), &json_usual_limits, NULL, &doc, NULL),
                         OK);
        enum err e = json_fields(doc.root, fields, COUNT(fields), &p, &why);
        assert_int_equal(e == OK, all[i].words == NULL);
        assert_string_equal(why.param, all[i].param);
        assert_string_equal(why.text, all[i].words ? all[i].words : "");
        if (i == 0)
            assert_true(slice_is(p.text, SLICE("kept")) && p.x == 0.5 && p.n == 1 && !p.list);
        if (i == 1)
            assert_true(slice_is(p.text, SLICE("abcde")) && p.x == 2 && p.list && p.object &&
                        p.any && p.n == -1);
        json_done(&doc);
    }
}

/* ---- writing -------------------------------------------------------------------------------- */

static void check_writer(void **state)
{
    (void)state;
    struct text t = {0};
    struct json_writer w = json_writer(&t);
    json_open_object(&w);
    json_put_pair(&w, "a", SLICE("x"));
    json_key(&w, "b");
    json_open_array(&w);
    json_put_int(&w, INT64_MIN);
    json_put_u64(&w, UINT64_MAX);
    json_put_bool(&w, true);
    json_put_bool(&w, false);
    json_put_null(&w);
    json_open_array(&w);
    json_close_array(&w);
    json_open_object(&w);
    json_close_object(&w);
    json_put_raw(&w, SLICE("[1]"));
    json_close_array(&w);
    json_key_slice(&w, SLICE("k\"\n"));
    json_put_number(&w, 0.5);
    json_close_object(&w);
    assert_string_equal(text_cstr(&t),
                        "{\"a\":\"x\",\"b\":[-9223372036854775808,18446744073709551615,true,false,"
                        "null,[],{},[1]],\"k\\\"\\n\":0.5}");
    text_clear(&t);
    w = json_writer(&t);
    for (int i = 0; i < 63; i++)
        json_open_array(&w);
    for (int i = 0; i < 63; i++)
        json_close_array(&w);
    assert_int_equal(t.len, 126);
    text_fini(&t);
}

static void check_written_numbers(void **state)
{
    (void)state;
    static const struct {
        double n;
        const char *text;
    } all[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {0.7, "0.7"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {1e300, "1e+300"},
        {123456789, "123456789"},
        {1e-7, "1e-07"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
        {NAN, "null"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct text t = {0};
        struct json_writer w = json_writer(&t);
        json_put_number(&w, all[i].n);
        assert_string_equal(text_cstr(&t), all[i].text);
        assert_int_equal(try(text_slice(&t)), OK);
        text_fini(&t);
    }
}

/* Whatever bytes it is given, what the writer writes is read again; UTF-8 as itself. */
static void check_written_text(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *written;
    } all[] = {
        {S(""), "\"\""},
        {S("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
        {S("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {S("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\\u007f\""},
        {S("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {S("\xff"
           "a"),
         "\"\xef\xbf\xbd"
         "a\""},
        {S("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {S("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {S("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {S("\n\ndata: [DONE]"), "\"\\n\\ndata: [DONE]\""},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct text t = {0};
        struct json_writer w = json_writer(&t);
        json_put_text(&w, all[i].text);
        assert_string_equal(text_cstr(&t), all[i].written);
        text_fini(&t);
    }
    uint32_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        char bytes[24];
        struct text t = {0};
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525u + 1013904223u;
            bytes[i] = (char)(seed >> 24);
        }
        struct json_writer w = json_writer(&t);
        json_put_text(&w, (struct slice){bytes, seed % sizeof bytes});
        assert_int_equal(try(text_slice(&t)), OK);
        text_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_grammar),         cmocka_unit_test(check_made_cases),
        cmocka_unit_test(check_limits),          cmocka_unit_test(check_duplicates),
        cmocka_unit_test(check_numbers),         cmocka_unit_test(check_getters),
        cmocka_unit_test(check_spans),           cmocka_unit_test(check_strings_in_spans),
        cmocka_unit_test(check_fields),          cmocka_unit_test(check_writer),
        cmocka_unit_test(check_written_numbers), cmocka_unit_test(check_written_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
