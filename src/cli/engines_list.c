/* engines_list: `hearth engines list`. */
#include "cli/inner.h"

#define WIDEST_COLUMN 48u

enum column { ID, FLAVOUR, SOURCE, SIZE, STATE, COLUMNS };
static const char *const titles[COLUMNS] = {"id", "flavour", "source", "size", ""};

static bool speaks_llama(const struct pack *p)
{
    const struct pack_engine *engine = pack_engine_named(p->engine);
    return engine && engine->speaks_llama;
}

static void print_state(const struct pack *p, struct text *out)
{
    size_t from = out->len, missing = 0;
    if (p->used)
        text_add(out, SLICE("in use"));
    if (p->previous)
        text_add(out, SLICE("previous"));
    for (enum pack_feature f = 0; f < PACK_FEATURES; f++) {
        if (!p->probed || p->features[f] || !speaks_llama(p) || *p->trouble)
            continue;
        text_add(out, missing++         ? SLICE(", ")
                      : out->len > from ? SLICE("; without ")
                                        : SLICE("without "));
        text_add(out, slice_of(pack_feature_name(f)));
    }
    if (!p->probed && !*p->trouble)
        text_add(out, out->len > from ? SLICE("; not tried") : SLICE("not tried"));
    if (*p->trouble) {
        text_add(out, out->len > from ? SLICE("; ") : SLICE(""));
        text_visible(out, slice_of(p->trouble));
    }
}

static void print_column(const struct pack *p, enum column column, struct text *out)
{
    switch (column) {
    case ID:
        text_visible(out, slice_of(p->id));
        break;
    case FLAVOUR:
        text_visible(out, slice_of(*p->flavour ? p->flavour : "-"));
        break;
    case SOURCE:
        text_visible(out, slice_of(*p->source ? p->source : "-"));
        break;
    case SIZE:
        if (p->bytes)
            cli_bytes(out, p->bytes);
        else
            text_byte(out, '-');
        break;
    case STATE:
        print_state(p, out);
        break;
    case COLUMNS:
        break;
    }
}

static void print_row(const struct pack *p, const size_t widths[COLUMNS], struct text *out)
{
    for (enum column column = 0; column < COLUMNS; column++) {
        size_t from = out->len;
        if (p)
            print_column(p, column, out);
        else
            text_add(out, slice_of(titles[column]));
        if (column + 1 < COLUMNS)
            cli_pad(out, from, widths[column] + 2);
    }
    cli_end_row(out);
}

static void print_packs(const struct pack *packs, size_t n, struct text *out)
{
    size_t widths[COLUMNS];
    struct text word = {0};
    if (!n) {
        text_add(out, SLICE("There are no engines. Get one with `hearth engines install "
                            "llama.cpp`,\nor add your own with `hearth engines add FOLDER`.\n"));
        return;
    }
    for (enum column column = 0; column < COLUMNS; column++) {
        widths[column] = strlen(titles[column]);
        for (size_t i = 0; i < n; i++) {
            text_clear(&word);
            print_column(&packs[i], column, &word);
            widths[column] = max_size(widths[column], cli_width(text_slice(&word)));
        }
        widths[column] = min_size(widths[column], WIDEST_COLUMN);
    }
    text_fini(&word);
    print_row(NULL, widths, out);
    for (size_t i = 0; i < n; i++)
        print_row(&packs[i], widths, out);
}

int engines_list_run(struct cli *c)
{
    struct engines e;
    const struct pack *packs;
    size_t n;
    int code = CLI_OK;
    engines_begin(&e, c);
    if (!engines_read(&e, &packs, &n, &code))
        return code;
    if (!c->options.json) {
        print_packs(packs, n, &c->out);
        return CLI_OK;
    }
    struct json_writer w = json_writer(&c->out);
    json_open_object(&w);
    json_key(&w, "engines");
    json_open_array(&w);
    for (size_t i = 0; i < n; i++)
        engines_put_pack(&w, &packs[i]);
    json_close_array(&w);
    json_close_object(&w);
    text_byte(&c->out, '\n');
    return CLI_OK;
}
