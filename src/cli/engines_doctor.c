/* engines_doctor: `hearth engines doctor`: each engine is tried again, and what it cannot is told
 * with what hearth does without. */
#include "cli/inner.h"

static void print_features(const struct pack *p, bool colours, struct text *out)
{
    for (enum pack_feature f = 0; f < PACK_FEATURES; f++) {
        size_t from = out->len;
        text_add(out, SLICE("  "));
        if (p->features[f])
            cli_paint(out, colours, COLOUR_GREEN, "yes");
        else
            cli_paint(out, colours, COLOUR_YELLOW, "no");
        cli_pad(out, from, 7);
        text_add(out, slice_of(pack_feature_words(f)));
        if (!p->features[f])
            text_format(out, ": %s", pack_feature_without(f));
        text_byte(out, '\n');
    }
}

static void print_pack(const struct pack *p, bool colours, struct text *out)
{
    const struct pack_engine *engine = pack_engine_named(p->engine);
    cli_paint_visible(out, colours, COLOUR_BOLD, slice_of(p->id));
    if (*p->version) {
        text_add(out, SLICE(", version "));
        text_visible(out, slice_of(p->version));
    }
    text_add(out, p->used ? SLICE(", in use\n") : SLICE("\n"));
    if (*p->trouble) {
        text_add(out, SLICE("  "));
        cli_paint_visible(out, colours, COLOUR_RED, slice_of(p->trouble));
        text_byte(out, '\n');
    } else if (!p->probed) {
        text_add(out, SLICE("  could not be tried\n"));
    } else if (engine && engine->speaks_llama) {
        print_features(p, colours, out);
        if (*p->backend) {
            text_add(out, SLICE("  computes with "));
            text_visible(out, slice_of(p->backend));
            text_byte(out, '\n');
        }
    } else {
        text_add(out, SLICE("  can be started\n"));
    }
}

struct tried {
    const struct pack *packs[64];
    size_t n, bad;
};

static int try_one(struct engines *e, const char *id, struct tried *t)
{
    struct why why = {0};
    const struct pack *p;
    enum err err = pack_probe(&e->work, id, &p, &why);
    if (err)
        return engines_fail(e, err, &why, NULL);
    engines_end(e);
    t->bad += *p->trouble || !p->probed;
    if (t->n < COUNT(t->packs))
        t->packs[t->n++] = p;
    if (!e->c->options.json) {
        print_pack(p, e->c->out_colours, &e->c->out);
        cli_flush(e->c);
    }
    return CLI_OK;
}

static int try_all(struct engines *e, struct tried *t)
{
    const struct pack *packs;
    size_t n;
    int code = CLI_OK;
    if (!engines_read(e, &packs, &n, &code))
        return code;
    if (!n && !e->c->options.json)
        text_add(&e->c->out, SLICE("There are no engines. Get one with `hearth engines install "
                                   "llama.cpp`.\n"));
    for (size_t i = 0; i < n && code == CLI_OK; i++)
        code = try_one(e, packs[i].id, t);
    return code;
}

int engines_doctor_run(struct cli *c)
{
    struct engines e;
    struct tried t = {.n = 0};
    engines_begin(&e, c);
    int code =
        c->options.arguments.n ? try_one(&e, c->options.arguments.items[0], &t) : try_all(&e, &t);
    if (c->options.json && code == CLI_OK) {
        struct json_writer w = json_writer(&c->out);
        json_open_object(&w);
        json_key(&w, "engines");
        json_open_array(&w);
        for (size_t i = 0; i < t.n; i++)
            engines_put_pack(&w, t.packs[i]);
        json_close_array(&w);
        json_close_object(&w);
        text_byte(&c->out, '\n');
    }
    return code == CLI_OK && t.bad ? CLI_FAILED : code;
}
