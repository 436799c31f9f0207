/* ollama_options: how a model is to sample, as Ollama's clients say it, each in the common form's
 * word. A value of the wrong type is an error in Ollama's own words, which clients show; what the
 * common form has no word for is named among the dropped. */
#include "dialect/ollama_call.h"

enum option_kind { OPTION_INT, OPTION_LIMIT, OPTION_NUMBER, OPTION_BOOL, OPTION_STOP };

struct option_row {
    const char *name;
    enum option_kind kind;
    const char *as; /* NULL: no word for it */
};

static const struct option_row rows[] = {
#define X(name, kind, as) {#name, OPTION_##kind, #as},
#define D(name, kind) {#name, OPTION_##kind, NULL},
#include "dialect/ollama_options.def"
#undef X
#undef D
};

static const char *const type_names[] = {
    [OPTION_INT] = "integer",  [OPTION_LIMIT] = "integer", [OPTION_NUMBER] = "float32",
    [OPTION_BOOL] = "boolean", [OPTION_STOP] = "array",
};

static const struct option_row *row_of(struct slice name)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(name, slice_of(rows[i].name)))
            return &rows[i];
    }
    return NULL;
}

static bool fits(enum option_kind kind, const struct json_value *v)
{
    switch (kind) {
    case OPTION_INT:
    case OPTION_LIMIT:
    case OPTION_NUMBER:
        return json_is_number(v);
    case OPTION_BOOL:
        return json_is_true(v) || json_is_false(v);
    case OPTION_STOP:
        break;
    }
    for (struct json_iter i = json_begin(v); json_is_array(v) && json_next(&i);) {
        if (!json_is_text(i.value))
            return false;
    }
    return json_is_array(v) || json_is_text(v);
}

/* 40.0 is 40, and what lies behind the point is cut off, as Ollama does. */
static int64_t whole_of(const struct json_value *v)
{
    int64_t n;
    double d = json_number(v);
    if (json_int(v, &n))
        return n;
    return d >= 9e15    ? INT64_C(9000000000000000)
           : d <= -9e15 ? -INT64_C(9000000000000000)
                        : (int64_t)d;
}

static void put(const struct option_row *row, const struct json_value *v, struct json_writer *w)
{
    if (row->kind == OPTION_LIMIT && whole_of(v) <= 0)
        return; /* no limit, which is said by saying nothing */
    if (row->kind == OPTION_STOP && json_is_array(v) && !json_count(v))
        return;
    json_key(w, row->as);
    if (row->kind == OPTION_INT || row->kind == OPTION_LIMIT)
        json_put_int(w, whole_of(v));
    else
        json_put_value(w, v);
}

enum err ollama_put_options(const struct ollama_reading *r)
{
    const struct json_value *options = json_get(r->root, "options");
    if (!options || json_is_null(options))
        return OK;
    if (!json_is_object(options))
        return why_param(r->why, ERR_BAD_VALUE, "options", "options must be an object");
    for (struct json_iter i = json_begin(options); json_next(&i);) {
        const struct option_row *row = row_of(i.key);
        if (json_is_null(i.value))
            continue;
        if (row && !fits(row->kind, i.value))
            return why_param(r->why, ERR_BAD_VALUE, row->name, "option \"%s\" must be of type %s",
                             row->name, type_names[row->kind]);
        if (row && row->as)
            put(row, i.value, r->w);
        else
            ollama_drop(r->dropped, i.key);
    }
    return OK;
}
