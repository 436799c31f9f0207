/* What is sampled by: the bounds of each field, that unknown ones pass, and what of grammars and
 * schemas is too much. The order of the table of fields, which a search relies on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialect/openai_chat.h"

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static unsigned wrong; /* all cases are tried before a test fails */

static void expect(const struct text *body, enum err err, const char *param)
{
    struct arena arena = {0};
    struct call call;
    struct why why = {0};
    enum err e =
        dialect_decode_call(DIALECT_OPENAI, CALL_CHAT, text_slice(body), &arena, &call, &why);
    if (e != err || (e && (why.code != e || strcmp(why.param, param) != 0 || !why.text[0]))) {
        print_message("%.*s: %s (param \"%s\": %s), not %s (\"%s\")\n",
                      SLICE_ARG(slice_to(text_slice(body), min_size(body->len, 120))),
                      err_row(e)->name, why.param, why.text, err_row(err)->name, param);
        wrong++;
    }
    arena_fini(&arena);
}

static void judge_value(const char *field, const char *value, enum err err)
{
    struct text body = {0};
    text_format(&body, "{\"%s\":%s," MESSAGES "}", field, value);
    expect(&body, err, err && err != ERR_BAD_JSON ? field : "");
    text_fini(&body);
}

static void test_table(void **state)
{
    (void)state;
    const struct chat_row *last = NULL, *row;
    for (size_t i = 0; (row = chat_row_at(i)); i++, last = row) {
        struct slice name = slice_of(row->field.name);
        assert_int_equal(name.len, row->len);
        assert_ptr_equal(chat_row(name), row);
        assert_true(row->field.least <= row->field.most);
        if (last) {
            bool later = row->len > last->len || strcmp(row->field.name, last->field.name) > 0;
            assert_true(row->len >= last->len && later);
        }
    }
    assert_null(chat_row(SLICE("")));
    assert_null(chat_row(SLICE("temperaturE")));
    assert_null(chat_row(SLICE("a")));
    assert_null(chat_row(SLICE("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz")));
}

/* Both ends of the bounds, and one step past them. */
static void test_numbers(void **state)
{
    static const struct {
        const char *field, *good[5], *bad[6];
    } cases[] = {
        {"temperature", {"0", "100", "0.7"}, {"-0.1", "100.1", "\"1\"", "true", "[]", "{}"}},
        {"dynatemp_range", {"-100", "100", "0"}, {"-100.1", "101", "\"0\""}},
        {"dynatemp_exponent", {"-100", "100", "1"}, {"-1e3", "1e3", "\"1\""}},
        {"top_k", {"-1", "0", "40", "40.0", "2147483647"}, {"-2", "2147483648", "1.5", "\"40\""}},
        {"top_p", {"0", "1", "0.95"}, {"-0.01", "1.01", "\"1\""}},
        {"min_p", {"0", "1", "0.05"}, {"-0.01", "1.01", "true"}},
        {"top_n_sigma", {"-1", "0", "1000", "-1000"}, {"-1001", "1001", "\"1\""}},
        {"typical_p", {"0", "1"}, {"-0.1", "1.1", "\"1\""}},
        {"xtc_probability", {"0", "1"}, {"-0.1", "1.1", "\"1\""}},
        {"xtc_threshold", {"0", "1"}, {"-0.1", "1.1", "[0]"}},
        {"repeat_last_n", {"-1", "0", "64", "262144"}, {"-2", "262145", "2147483647", "0.5"}},
        {"repeat_penalty", {"0", "1.1", "100"}, {"-0.1", "101", "1e308", "\"1\""}},
        {"presence_penalty", {"-2", "2"}, {"-2.1", "2.1", "\"1\""}},
        {"frequency_penalty", {"-2", "2"}, {"-2.1", "2.1", "\"1\""}},
        {"dry_multiplier", {"0", "1000", "0.8"}, {"-0.1", "1001", "\"1\""}},
        {"dry_base", {"0", "1.75", "1000"}, {"-1", "1001", "\"1\""}},
        {"dry_allowed_length", {"0", "2", "2147483647"}, {"-1", "2147483648", "2.5", "\"2\""}},
        {"dry_penalty_last_n", {"-1", "0", "262144"}, {"-2", "262145", "1e9", "\"0\""}},
        {"mirostat", {"0", "1", "2"}, {"-1", "3", "1.5", "\"1\"", "true"}},
        {"mirostat_tau", {"0", "5", "100"}, {"-1", "101", "\"5\""}},
        {"mirostat_eta", {"0", "0.1", "100"}, {"-1", "101", "\"0\""}},
        {"adaptive_target", {"-100", "-1", "1", "100"}, {"-101", "101", "\"1\""}},
        {"adaptive_decay", {"0", "0.99", "1"}, {"-0.1", "1.1", "\"1\""}},
        {"seed", {"-1", "0", "4294967295"}, {"1.5", "\"1\"", "1e300"}},
        {"n_predict", {"-1", "0", "2147483647"}, {"-2", "2147483648", "0.5", "\"1\""}},
        {"n_keep", {"-1", "0", "2147483647"}, {"-2", "2147483648", "\"1\""}},
        {"n_probs", {"0", "1000"}, {"-1", "1001", "0.5", "true"}},
        {"n_cmpl", {"1", "8"}, {"0", "9", "1000000000"}},
        {"n_indent", {"0", "2147483647"}, {"-1", "2147483648"}},
        {"n_cache_reuse", {"0", "2147483647"}, {"-1", "2147483648"}},
        {"min_keep", {"0", "2147483647"}, {"-1", "2147483648", "\"1\""}},
        {"t_max_predict_ms", {"-1", "0", "9007199254740991"}, {"-2", "9007199254740994", "0.5"}},
        {"reasoning_budget_tokens", {"-1", "0", "2147483647"}, {"-2", "2147483648", "\"1\""}},
        {"thinking_budget_tokens", {"-1", "0", "2147483647"}, {"-2", "2147483648"}},
        {"max_tokens", {"-1", "1", "2147483647"}, {"-2", "0", "2147483648"}},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        judge_value(cases[i].field, "null", OK);
        judge_value(cases[i].field, "1e999", ERR_BAD_JSON);
        for (size_t k = 0; k < COUNT(cases[i].good) && cases[i].good[k]; k++)
            judge_value(cases[i].field, cases[i].good[k], OK);
        for (size_t k = 0; k < COUNT(cases[i].bad) && cases[i].bad[k]; k++)
            judge_value(cases[i].field, cases[i].bad[k], ERR_BAD_VALUE);
    }
    assert_int_equal(wrong, 0);
}

/* What is in no table goes on as it is, whatever it holds. */
static void test_unknown(void **state)
{
    static const char *const fields[] = {"tfs",         "top_a", "smoothing_factor",
                                         "rep_pen",     "lora",  "cache_prompt",
                                         "Temperature", "temp",  "response_fields"};
    static const char *const values[] = {"-1e300", "\"x\"", "[{}]", "true", "null", "{}"};
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(fields) * COUNT(values); i++)
        judge_value(fields[i / COUNT(values)], values[i % COUNT(values)], OK);
    assert_int_equal(wrong, 0);
}

static void test_lists(void **state)
{
    static const struct {
        const char *field, *value;
        enum err err;
    } cases[] = {
        {"samplers", "[]", OK},
        {"samplers", "[\"top_k\",\"nobody knows\"]", OK},
        {"samplers", "\"edkypmxt\"", OK},
        {"samplers", "null", OK},
        {"samplers", "{}", ERR_BAD_VALUE},
        {"samplers", "1", ERR_BAD_VALUE},
        {"samplers", "[1]", ERR_BAD_VALUE},
        {"samplers", "[null]", ERR_BAD_VALUE},
        {"dry_sequence_breakers", "[\"\\n\",\":\",\"\\\"\",\"*\"]", OK},
        {"dry_sequence_breakers", "\"[]\"", OK},
        {"dry_sequence_breakers", "[[]]", ERR_BAD_VALUE},
        {"dry_sequence_breakers", "true", ERR_BAD_VALUE},
        {"grammar", "\"\"", OK},
        {"grammar", "null", OK},
        {"grammar", "{}", ERR_BAD_VALUE},
        {"json_schema", "true", OK},
        {"json_schema", "{\"type\":\"object\"}", OK},
        {"json_schema", "null", OK},
    };
    static const struct {
        const char *field;
        size_t most;
    } longest[] = {{"samplers", 32}, {"dry_sequence_breakers", 64}};
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++)
        judge_value(cases[i].field, cases[i].value, cases[i].err);
    for (size_t i = 0; i < COUNT(longest); i++) {
        for (size_t n = longest[i].most; n <= longest[i].most + 1; n++) {
            struct text list = {0};
            for (size_t k = 0; k < n; k++)
                text_format(&list, "%c\"dry\"", k ? ',' : '[');
            text_byte(&list, ']');
            judge_value(longest[i].field, text_cstr(&list),
                        n > longest[i].most ? ERR_TOO_MANY : OK);
            text_fini(&list);
        }
    }
    assert_int_equal(wrong, 0);
}

/* ---- what becomes a grammar ---------------------------------------------------------------- */

static void judge_text(const char *field, struct slice s, enum err err)
{
    struct text json = {0};
    struct json_writer w = json_writer(&json);
    json_put_text(&w, s);
    judge_value(field, text_cstr(&json), err);
    text_fini(&json);
}

static void test_grammars(void **state)
{
    static const struct {
        const char *grammar;
        enum err err;
    } cases[] = {
        {"root ::= \"a\"{2000}", OK},
        {"root ::= \"a\"{2001}", ERR_BAD_VALUE},
        {"root ::= \"a\"{0,2000}", OK},
        {"root ::= \"a\"{0,10000}", ERR_BAD_VALUE},
        {"root ::= \"a\"{2001,}", ERR_BAD_VALUE},
        {"root ::= \"a\"{ 1 ,\n 2001 }", ERR_BAD_VALUE},
        {"root ::= \"a\"{0,99999999999999999999999999}", ERR_BAD_VALUE},
        {"root ::= \"a\"{18446744073709551617}", ERR_BAD_VALUE},
        {"root ::= ((\"a\"{0,2000}){0,2000}){0,2000}", OK},
        {"root ::= ((\"a\"{0,2000}){0,2001}){0,2000}", ERR_BAD_VALUE},
        {"root ::= [{9999}] \"b\"{3}", OK},
        {"root ::= [\\]{9999}] \"b\"{3}", OK},
        {"root ::= [a]{9999}", ERR_BAD_VALUE},
        {"root ::= \"{9999}\"", OK},
        {"root ::= \"\\\"{9999}\"", OK},
        {"root ::= \"\\\\\"{9999}", ERR_BAD_VALUE},
        {"# {9999} \" [\nroot ::= \"a\"", OK},
        {"# it ends here \\\nroot ::= \"a\"{9999}", ERR_BAD_VALUE},
        {"root ::= \"a\"{", OK},
        {"root ::= \"a\"{x}", OK},
        {"root ::= \"a\"{9999", ERR_BAD_VALUE},
        {"\\", OK},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++)
        judge_text("grammar", slice_of(cases[i].grammar), cases[i].err);
    for (size_t n = 50; n <= 51; n++) { /* together */
        struct text grammar = {0};
        for (size_t i = 0; i < n; i++)
            text_add(&grammar, SLICE("\"a\"{2000} "));
        judge_text("grammar", text_slice(&grammar), n > 50 ? ERR_BAD_VALUE : OK);
        text_fini(&grammar);
    }
    for (size_t n = 256 * 1024; n <= 256 * 1024 + 1; n++) {
        struct text grammar = {0};
        for (size_t i = 0; i < n; i++)
            text_byte(&grammar, 'a');
        judge_text("grammar", text_slice(&grammar), n > 256 * 1024 ? ERR_BAD_VALUE : OK);
        text_fini(&grammar);
    }
    assert_int_equal(wrong, 0);
}

static void test_schemas(void **state)
{
    static const struct {
        const char *schema;
        enum err err;
    } cases[] = {
        {"{\"type\":\"string\",\"maxLength\":100000,\"minLength\":100000}", OK},
        {"{\"type\":\"string\",\"maxLength\":100001}", ERR_BAD_VALUE},
        {"{\"type\":\"string\",\"maxLength\":1e300}", ERR_BAD_VALUE},
        {"{\"type\":\"string\",\"minLength\":100001}", ERR_BAD_VALUE},
        {"{\"type\":\"array\",\"maxItems\":100001}", ERR_BAD_VALUE},
        {"{\"type\":\"array\",\"minItems\":100001}", ERR_BAD_VALUE},
        {"{\"minItems\":-5,\"maxItems\":0.5}", OK},
        {"{\"a\":[{\"b\":{\"c\":[1,{\"maxItems\":100001}]}}]}", ERR_BAD_VALUE},
        {"{\"properties\":{\"maxItems\":{\"maximum\":100001}}}", OK}, /* a name of somebody's own */
        {"{\"maxitems\":100001,\"maxItems_\":100001}", OK},
        {"{\"pattern\":\"^[a-z]{1,2000}$\"}", OK},
        {"{\"pattern\":\"^[a-z]{1,2001}$\"}", ERR_BAD_VALUE},
        {"{\"pattern\":\"^\\\\{9999}$\"}", OK},
        {"{\"pattern\":\"\\\"a{9999}\\\"\"}", ERR_BAD_VALUE},
        {"{\"pattern\":{\"maxLength\":100001}}", ERR_BAD_VALUE},
    };
    (void)state;
    wrong = 0;
    for (size_t i = 0; i < COUNT(cases); i++) {
        judge_value("json_schema", cases[i].schema, cases[i].err);
        judge_value("response_format", cases[i].schema, cases[i].err);
    }
    for (size_t n = 500; n <= 501; n++) { /* together */
        struct text schema = {0};
        for (size_t i = 0; i < n; i++)
            text_format(&schema, "%c\"%zu\":{\"maxLength\":50000}", i ? ',' : '{', i);
        text_byte(&schema, '}');
        judge_value("json_schema", text_cstr(&schema), n > 500 ? ERR_BAD_VALUE : OK);
        text_fini(&schema);
    }
    for (size_t n = 256 * 1024; n <= 256 * 1024 + 1; n++) { /* bytes as the caller wrote them */
        struct text schema = {0};
        text_add(&schema, SLICE("{\"a\" :\""));
        while (schema.len < n - 2)
            text_byte(&schema, 'x');
        text_add(&schema, SLICE("\"}"));
        judge_value("json_schema", text_cstr(&schema), n > 256 * 1024 ? ERR_BAD_VALUE : OK);
        text_fini(&schema);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_unknown),  cmocka_unit_test(test_lists),
        cmocka_unit_test(test_grammars), cmocka_unit_test(test_schemas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
