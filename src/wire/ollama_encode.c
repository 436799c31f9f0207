/* ollama_encode: a call in the common form for a target that speaks Ollama's words: a chat, a text
 * that goes on from a raw prompt, or vectors. What it cannot do is said and tried elsewhere; it is
 * never left out in silence. */
#include "wire/ollama.h"

enum deed { DEED_OPTION, DEED_LIMIT, DEED_STOPS, DEED_TAKEN, DEED_ONE, DEED_NEVER };

struct field_row {
    const char *name;
    enum deed deed;
    const char *as;
};

static const struct field_row rows[] = {
#define FIELD(name, deed, as) {#name, DEED_##deed, #as},
#include "wire/ollama_fields.def"
#undef FIELD
};

static const struct field_row *row_of(struct slice name)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(name, slice_of(rows[i].name)))
            return &rows[i];
    }
    return NULL;
}

/* ---- what it can do -------------------------------------------------------------------------- */

static bool says_nothing(const struct json_value *v)
{
    bool empty = (json_is_text(v) && !json_text(v).len) ||
                 ((json_is_array(v) || json_is_object(v)) && !json_count(v));
    return json_is_null(v) || json_is_false(v) || empty ||
           (json_is_number(v) && json_number(v) == 0);
}

static enum err judge(const struct common_call *c, struct text *dropped, struct why *why)
{
    for (struct json_iter i = json_begin(c->root); json_next(&i);) {
        const struct field_row *row = row_of(i.key);
        if (!row && !json_is_null(i.value)) {
            text_add(dropped, dropped->len ? SLICE(",") : SLICE(""));
            text_visible(dropped, slice_to(i.key, min_size(i.key.len, 64)));
        } else if (row && row->deed == DEED_NEVER && !says_nothing(i.value)) {
            return why_param(why, ERR_CANNOT, row->name, "Ollama cannot be asked for %s",
                             row->name);
        } else if (row && row->deed == DEED_ONE && json_is_number(i.value) &&
                   json_number(i.value) > 1) {
            return why_param(why, ERR_CANNOT, row->name, "Ollama gives one answer to a call");
        }
    }
    return OK;
}

/* ---- options --------------------------------------------------------------------------------- */

static bool has_option(const struct json_value *v, const struct field_row *row)
{
    return row && row->deed <= DEED_STOPS && !json_is_null(v) &&
           !(row->deed == DEED_LIMIT && json_number(v) < 0) &&
           !(row->deed == DEED_STOPS && says_nothing(v));
}

static void put_option(const struct json_value *v, const struct field_row *row,
                       struct json_writer *w)
{
    json_key(w, row->as);
    if (row->deed == DEED_STOPS && json_is_text(v)) {
        json_open_array(w);
        json_put_value(w, v);
        json_close_array(w);
    } else {
        json_put_value(w, v);
    }
}

/* The first of several words for the same. */
static bool said_before(const struct json_value *root, const struct field_row *row)
{
    for (size_t i = 0; &rows[i] != row; i++) {
        const struct json_value *v = json_get(root, rows[i].name);
        if (v && has_option(v, &rows[i]) && strcmp(rows[i].as, row->as) == 0)
            return true;
    }
    return false;
}

static void put_options(const struct common_call *c, struct json_writer *w)
{
    bool open = false;
    for (struct json_iter i = json_begin(c->root); json_next(&i);) {
        const struct field_row *row = row_of(i.key);
        if (!has_option(i.value, row) || said_before(c->root, row))
            continue;
        if (!open) {
            json_key(w, "options");
            json_open_object(w);
            open = true;
        }
        put_option(i.value, row, w);
    }
    if (open)
        json_close_object(w);
}

/* ---- how it is to answer --------------------------------------------------------------------- */

static enum err put_format(const struct common_call *c, struct json_writer *w, struct why *why)
{
    const struct json_value *format = json_get(c->root, "response_format"),
                            *schema = json_get(c->root, "json_schema");
    struct slice type = json_text(json_get(format, "type"));
    if (slice_is(type, SLICE("json_schema"))) {
        const struct json_value *inside = json_get(format, "json_schema");
        schema = json_get(json_is_object(inside) ? inside : format, "schema");
    } else if (slice_is(type, SLICE("json_object"))) {
        schema = json_get(format, "schema"); /* llama-server's word */
        if (!json_is_object(schema)) {
            json_put_pair(w, "format", SLICE("json"));
            return OK;
        }
    } else if (type.len && !slice_is(type, SLICE("text"))) {
        return why_param(why, ERR_CANNOT, "response_format", "Ollama has no such format");
    }
    if (json_is_object(schema)) {
        json_key(w, "format");
        json_put_value(w, schema);
    }
    return OK;
}

static enum err put_tools(const struct common_call *c, struct json_writer *w, struct why *why)
{
    const struct json_value *tools = json_get(c->root, "tools"),
                            *choice = json_get(c->root, "tool_choice");
    struct slice word = json_text(choice);
    if (json_is_object(choice) || slice_is(word, SLICE("required")))
        return why_param(why, ERR_CANNOT, "tool_choice",
                         "Ollama cannot be made to use a tool; leave the choice to it");
    if (!json_count(tools) || slice_is(word, SLICE("none")))
        return OK;
    json_key(w, "tools");
    json_put_value(w, tools);
    return OK;
}

static void put_think(const struct common_call *c, struct json_writer *w)
{
    struct slice effort = json_text(json_get(c->root, "reasoning_effort"));
    const struct json_value *thinks =
        json_get(json_get(c->root, "chat_template_kwargs"), "enable_thinking");
    if (effort.len) {
        json_key(w, "think");
        if (slice_is(effort, SLICE("none")))
            json_put_bool(w, false);
        else if (slice_is(effort, SLICE("minimal")))
            json_put_text(w, SLICE("low"));
        else if (slice_is(effort, SLICE("xhigh")))
            json_put_text(w, SLICE("high"));
        else
            json_put_text(w, effort);
    } else if (json_is_true(thinks) || json_is_false(thinks)) {
        json_key(w, "think");
        json_put_bool(w, json_is_true(thinks));
    }
}

/* ---- the kinds ------------------------------------------------------------------------------- */

static enum err put_chat(const struct common_call *c, struct json_writer *w, struct why *why)
{
    enum err e = ollama_write_messages(json_get(c->root, "messages"), w, why);
    if (!e)
        e = put_tools(c, w, why);
    if (!e)
        e = put_format(c, w, why);
    if (e)
        return e;
    put_think(c, w);
    put_options(c, w);
    json_key(w, "stream");
    json_put_bool(w, true);
    return OK;
}

static enum err put_text(const struct common_call *c, struct json_writer *w, struct why *why)
{
    const struct json_value *prompt = json_get(c->root, "prompt");
    if (json_is_array(prompt) && json_count(prompt) == 1)
        prompt = json_at(prompt, 0);
    if (!json_is_text(prompt))
        return why_param(why, ERR_CANNOT, "prompt", "Ollama takes one prompt, as text");
    json_put_pair(w, "prompt", json_text(prompt));
    json_key(w, "raw");
    json_put_bool(w, true);
    enum err e = put_format(c, w, why);
    if (e)
        return e;
    put_options(c, w);
    json_key(w, "stream");
    json_put_bool(w, c->stream);
    return OK;
}

static enum err put_input(const struct common_call *c, struct json_writer *w, struct why *why)
{
    const struct json_value *input = json_get(c->root, "input"),
                            *dimensions = json_get(c->root, "dimensions");
    for (struct json_iter i = json_begin(input); json_is_array(input) && json_next(&i);) {
        if (!json_is_text(i.value))
            return why_param(why, ERR_CANNOT, "input", "Ollama takes text, and no tokens");
    }
    json_key(w, "input");
    json_put_value(w, input);
    if (json_is_number(dimensions)) {
        json_key(w, "dimensions");
        json_put_value(w, dimensions);
    }
    return OK;
}

enum err ollama_encode(const struct common_call *c, struct text *out, struct text *dropped,
                       struct why *why)
{
    struct json_writer w = json_writer(out);
    enum err e = judge(c, dropped, why);
    json_open_object(&w);
    json_put_pair(&w, "model", c->target->model);
    if (!e && c->wire->kind == CALL_CHAT)
        e = put_chat(c, &w, why);
    else if (!e && c->wire->kind == CALL_COMPLETE)
        e = put_text(c, &w, why);
    else if (!e)
        e = put_input(c, &w, why);
    if (!e)
        json_close_object(&w);
    return e;
}
