/* keys: `hearth keys create|list|rm`: keys for programs that are not trusted by their user. */
#include "cli/inner.h"

#include "os/os.h"

#define ASK_MS 10000u
#define WIDEST_COLUMN 44u

/* ---- create --------------------------------------------------------------------------------- */

static void put_words(struct json_writer *w, const char *key, const struct words *words)
{
    if (!words->n)
        return;
    json_key(w, key);
    json_open_array(w);
    for (size_t i = 0; i < words->n; i++)
        json_put_text(w, slice_of(words->items[i]));
    json_close_array(w);
}

static enum err write_wish(const struct cli *c, struct text *out, struct why *why)
{
    const struct options *o = &c->options;
    struct json_writer w = json_writer(out);
    uint64_t lasts_ms = 0;
    if (!o->arguments.n)
        return why_set(why, ERR_BAD_REQUEST,
                       "the key needs a name: who or what it is for, as in `hearth keys create "
                       "laptop`");
    if (o->expires && (!cli_take_duration(slice_of(o->expires), &lasts_ms) || lasts_ms < 1000))
        return why_set(why, ERR_BAD_REQUEST,
                       "--expires takes a time such as 12h, 30d or 52w, not \"%.40s\"", o->expires);
    json_open_object(&w);
    json_put_pair(&w, "name", slice_of(o->arguments.items[0]));
    put_words(&w, "models", &o->models);
    put_words(&w, "surfaces", &o->surfaces);
    if (o->admin) {
        json_key(&w, "admin");
        json_put_bool(&w, true);
    }
    if (lasts_ms) {
        json_key(&w, "expires_in_s");
        json_put_u64(&w, lasts_ms / 1000);
    }
    json_close_object(&w);
    return out->failed ? why_set(why, ERR_NO_MEMORY, "no memory for the question") : OK;
}

static void print_made(struct cli *c, const struct json_value *key)
{
    struct slice secret = json_text(json_get(key, "key"));
    text_add(&c->out, SLICE("The key "));
    cli_paint_visible(&c->out, c->out_colours, COLOUR_BOLD, json_text(json_get(key, "name")));
    text_add(&c->out, SLICE(" is made. It is shown this once:\n\n  "));
    text_visible(&c->out, secret);
    text_add(&c->out, SLICE("\n\nNext: export OPENAI_API_KEY="));
    text_visible(&c->out, secret);
    text_byte(&c->out, '\n');
}

int keys_create_run(struct cli *c)
{
    struct text body = {0};
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    int code = CLI_OK;
    enum err e = write_wish(c, &body, &why);
    if (e) {
        code = cli_fail(c, e, &why, e == ERR_BAD_REQUEST ? "See `hearth help keys create`." : NULL);
    } else {
        const struct question q = {METHOD_POST, "/hearth/v1/keys", text_slice(&body), ASK_MS};
        if (cli_ask_json(c, &q, &a, &doc, &code)) {
            if (c->options.json)
                cli_json(&c->out, text_slice(&a.body));
            else
                print_made(c, doc.root);
            json_done(&doc);
        }
    }
    answer_fini(&a);
    text_fini(&body);
    return code;
}

/* ---- list ----------------------------------------------------------------------------------- */

enum column { ID, NAME, MODELS, SURFACES, EXPIRES, COLUMNS };
static const char *const titles[COLUMNS] = {"id", "name", "models", "may ask", "expires"};

static void print_list(const struct json_value *list, const char *none, struct text *out)
{
    bool first = true;
    for (struct json_iter i = json_begin(list); json_next(&i); first = false) {
        text_add(out, first ? SLICE("") : SLICE(", "));
        text_visible(out, json_text(i.value));
    }
    if (first)
        text_add(out, slice_of(none));
}

static void print_expiry(const struct json_value *key, struct text *out)
{
    int64_t at_ms = 0, now_ms = (int64_t)os_wall_ms();
    if (!json_int(json_get(key, "expires_ms"), &at_ms)) {
        text_add(out, SLICE("never"));
    } else if (at_ms <= now_ms) {
        text_add(out, SLICE("is over"));
    } else {
        text_add(out, SLICE("in "));
        cli_duration(out, (uint64_t)(at_ms - now_ms));
    }
}

static void print_column(const struct json_value *key, enum column column, struct text *out)
{
    switch (column) {
    case ID:
        text_visible(out, json_text(json_get(key, "id")));
        break;
    case NAME:
        text_visible(out, json_text(json_get(key, "name")));
        break;
    case MODELS:
        print_list(json_get(key, "models"), "all", out);
        break;
    case SURFACES:
        print_list(json_get(key, "surfaces"), "nothing", out);
        break;
    case EXPIRES:
        print_expiry(key, out);
        break;
    case COLUMNS:
        break;
    }
}

static void print_row(const struct json_value *key, const size_t widths[COLUMNS], struct text *out)
{
    for (enum column column = 0; column < COLUMNS; column++) {
        size_t from = out->len;
        if (key)
            print_column(key, column, out);
        else
            text_add(out, slice_of(titles[column]));
        if (column + 1 < COLUMNS)
            cli_pad(out, from, widths[column] + 2);
    }
    text_byte(out, '\n');
}

static void print_keys(const struct json_value *keys, struct text *out)
{
    size_t widths[COLUMNS];
    struct text word = {0};
    if (!json_count(keys)) {
        text_add(out, SLICE("There are no keys. Make one with `hearth keys create NAME`.\n"));
        return;
    }
    for (enum column column = 0; column < COLUMNS; column++) {
        widths[column] = strlen(titles[column]);
        for (struct json_iter i = json_begin(keys); json_next(&i);) {
            text_clear(&word);
            print_column(i.value, column, &word);
            widths[column] = max_size(widths[column], cli_width(text_slice(&word)));
        }
        widths[column] = min_size(widths[column], WIDEST_COLUMN);
    }
    text_fini(&word);
    print_row(NULL, widths, out);
    for (struct json_iter i = json_begin(keys); json_next(&i);)
        print_row(i.value, widths, out);
}

static const struct question list = {
    .method = METHOD_GET, .target = "/hearth/v1/keys", .timeout_ms = ASK_MS};

int keys_list_run(struct cli *c)
{
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    if (cli_ask_json(c, &list, &a, &doc, &code)) {
        if (c->options.json)
            cli_json(&c->out, text_slice(&a.body));
        else
            print_keys(doc.root, &c->out);
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}

/* ---- rm ------------------------------------------------------------------------------------- */

/* By its id or its name; two keys, when the word is one's id and the other's name. */
static size_t find(const struct json_value *keys, struct slice word, struct slice *ret_id)
{
    size_t n = 0;
    for (struct json_iter i = json_begin(keys); json_next(&i);) {
        struct slice id = json_text(json_get(i.value, "id"));
        if (!slice_is(id, word) && !slice_is(json_text(json_get(i.value, "name")), word))
            continue;
        *ret_id = id;
        n++;
    }
    return n;
}

static int remove_key(struct cli *c, struct slice id)
{
    struct text target = {0};
    struct answer a = {0};
    struct json_doc doc;
    int code = CLI_OK;
    text_format(&target, "/hearth/v1/keys/%.*s", SLICE_ARG(id));
    const struct question q = {
        .method = METHOD_DELETE, .target = text_cstr(&target), .timeout_ms = ASK_MS};
    if (cli_ask_json(c, &q, &a, &doc, &code)) {
        if (c->options.json) {
            cli_json(&c->out, text_slice(&a.body));
        } else {
            text_add(&c->out, SLICE("The key "));
            text_visible(&c->out, json_text(json_get(doc.root, "name")));
            text_add(&c->out, SLICE(" holds no longer; what it was being answered has ended.\n"));
        }
        json_done(&doc);
    }
    answer_fini(&a);
    text_fini(&target);
    return code;
}

int keys_rm_run(struct cli *c)
{
    struct answer a = {0};
    struct json_doc doc;
    struct why why = {0};
    struct slice id;
    int code = CLI_OK;
    if (!c->options.arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "which key? name it, or its id");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth keys list` shows them.");
    }
    struct slice word = slice_of(c->options.arguments.items[0]);
    if (cli_ask_json(c, &list, &a, &doc, &code)) {
        size_t n = find(doc.root, word, &id);
        if (n == 1) {
            code = remove_key(c, id);
        } else {
            enum err e = n ? ERR_BAD_REQUEST : ERR_NOT_FOUND;
            why_set(&why, e,
                    n ? "%.*s is one key's id and another's name; use the other's id"
                      : "there is no key %.*s",
                    SLICE_ARG(slice_to(word, min_size(word.len, 64))));
            code = cli_fail(c, e, &why, "`hearth keys list` shows them.");
        }
        json_done(&doc);
    }
    answer_fini(&a);
    return code;
}
