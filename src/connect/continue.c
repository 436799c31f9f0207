/* continue: ~/.continue/config.yaml. The model is put in as the first of `models:`, which is the
 * one that Continue takes when nobody chose. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/yaml.h"
#include "connect/inside.h"

#define INDENT 2u /* blanks before a dash, where the file has none to follow */

struct work {
    const struct connect_terms *terms;
    struct connect_plan *plan;
    struct slice text, eol;
    struct text part;
};

static const char skeleton[] = "name: Local config\nversion: 1.0.0\nschema: v1\n";

static void line(struct work *w, size_t indent, const char *key, const char *value)
{
    for (size_t i = 0; i < indent; i++)
        text_byte(&w->part, ' ');
    text_format(&w->part, "%s: ", key);
    put_quoted(&w->part, value);
    text_add(&w->part, w->eol);
}

static const char *name_of(struct work *w)
{
    const char *name = arena_format(&w->plan->arena, "%s (hearth)", w->terms->model).ptr;
    return name ? name : "";
}

/* Else it takes a length of its own for every model that it does not know. */
static void put_context(struct work *w)
{
    text_format(&w->part, "defaultCompletionOptions: {contextLength: %llu}",
                (unsigned long long)w->terms->context);
}

static void put_block(struct work *w, size_t indent)
{
    const char *app = w->terms->app->name;
    yaml_mark(&w->part, indent, app, true, w->eol);
    for (size_t i = 0; i < indent; i++)
        text_byte(&w->part, ' ');
    text_add(&w->part, SLICE("- "));
    line(w, 0, "name", name_of(w));
    line(w, indent + 2, "provider", "openai");
    line(w, indent + 2, "model", w->terms->model);
    line(w, indent + 2, "apiBase", w->terms->base_url);
    line(w, indent + 2, "apiKey", plan_key(w->terms));
    if (w->terms->context) {
        for (size_t i = 0; i < indent + 2; i++)
            text_byte(&w->part, ' ');
        put_context(w);
        text_add(&w->part, w->eol);
    }
    yaml_mark(&w->part, indent, app, false, w->eol);
}

/* In a list between brackets, where no comment can stand. */
static void put_flow(struct work *w, bool more)
{
    const char *const pairs[] = {"name",   name_of(w),        "provider", "openai",
                                 "model",  w->terms->model,   "apiBase",  w->terms->base_url,
                                 "apiKey", plan_key(w->terms)};
    text_byte(&w->part, '{');
    for (size_t i = 0; i < COUNT(pairs); i += 2) {
        text_format(&w->part, "%s%s: ", i ? ", " : "", pairs[i]);
        put_quoted(&w->part, pairs[i + 1]);
    }
    if (w->terms->context) {
        text_add(&w->part, SLICE(", "));
        put_context(w);
    }
    text_add(&w->part, more ? SLICE("}, ") : SLICE("}"));
}

/* A part that begins a line. */
static void begin_line(struct work *w, size_t at)
{
    if (at && w->text.ptr[at - 1] != '\n')
        text_add(&w->part, w->eol);
}

/* Writes the part, and says where it goes; past the text's end: nowhere that is safe. */
static size_t choose(struct work *w, const struct yaml_node *root)
{
    const struct yaml_node *models = yaml_get(root, SLICE("models"));
    size_t end = w->text.len, nowhere = end + 1;
    if (!models) {
        begin_line(w, end);
        if (root->kind == IS_SCALAR)
            text_add(&w->part, slice_of(skeleton));
        text_format(&w->part, "models:%.*s", SLICE_ARG(w->eol));
        put_block(w, INDENT);
        return end;
    }
    size_t at = yaml_at(w->text, models), next = yaml_line_at(w->text, models->key->line + 1);
    if (models->kind == IS_LIST && at < end && w->text.ptr[at] == '[') {
        put_flow(w, models->count > 0);
        return at + 1;
    }
    if (models->kind == IS_LIST) { /* it begins with its first dash */
        if (at >= end || w->text.ptr[at] != '-')
            return nowhere;
        put_block(w, models->column - 1);
        return next;
    }
    if (models->kind != IS_SCALAR || !models->plain || models->text.len)
        return nowhere;
    begin_line(w, next);
    put_block(w, INDENT);
    return next;
}

static bool is_right(struct work *w, const struct yaml_node *before)
{
    const struct yaml_node *after;
    bool has = yaml_get(before, SLICE("models")) != NULL;
    size_t more = before->kind == IS_SCALAR ? 4 : !has;
    if (yaml_read(&w->plan->arena, w->plan->after, NULL, &after, NULL) ||
        !yaml_grew(before, after, more, "models"))
        return false;
    const struct yaml_node *models = yaml_get(after, SLICE("models"));
    const struct yaml_node *ours = models ? models->first : NULL;
    const struct yaml_node *base = ours ? yaml_get(ours, SLICE("apiBase")) : NULL;
    return base && slice_is(base->text, slice_of(w->terms->base_url));
}

static enum err merge(struct work *w, struct why *why)
{
    struct connect_plan *p = w->plan;
    const struct yaml_node *root;
    struct text by_hand = {0};
    text_format(&by_hand,
                "models:\n  - name: %s\n    provider: openai\n    model: %s\n"
                "    apiBase: %s\n    apiKey: %s\n",
                name_of(w), w->terms->model, w->terms->base_url, plan_key(w->terms));
    struct slice hand = arena_dup(&p->arena, text_slice(&by_hand));
    text_fini(&by_hand);
    if (yaml_read(&p->arena, w->text, p->path, &root, why))
        return merge_refuse(p, hand, why, "%s", why->text);
    const struct yaml_node *models = yaml_get(root, SLICE("models"));
    for (const struct yaml_node *m = models ? models->first : NULL; m; m = m->next) {
        const struct yaml_node *name = yaml_get(m, SLICE("name"));
        if (name && slice_is(name->text, slice_of(name_of(w))))
            return merge_refuse(p, hand, why, "%.160s:%u: there is a model of this name already",
                                p->path, name->line);
    }
    struct put put = {.at = choose(w, root)};
    put.part = text_slice(&w->part);
    if (put.at > w->text.len)
        return merge_refuse(p, hand, why, "%.160s:%u: `models` is no list", p->path, models->line);
    enum err e = merge_put(p, w->text, &put, 1, why);
    if (!e && !is_right(w, root))
        e = merge_refuse(p, hand, why, "%.160s is written in a way that hearth does not change",
                         p->path);
    return e;
}

/* With a config.yaml, Continue would read the older file no longer. */
static bool has_older(struct connect_plan *p, const char *folder)
{
    static const char *const names[] = {"config.json", "config.ts"};
    struct stat is;
    for (size_t i = 0; i < COUNT(names); i++) {
        const char *path = arena_format(&p->arena, "%s/%s", folder, names[i]).ptr;
        if (path && stat(path, &is) == 0)
            return true;
    }
    return false;
}

enum err continue_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why)
{
    struct work w = {.terms = t, .plan = p, .eol = SLICE("\n")};
    struct why reason = {0};
    const char *set = connect_variable(t->user, "CONTINUE_GLOBAL_DIR");
    const char *folder =
        set && set[0] == '/' ? set : arena_format(&p->arena, "%s/.continue", t->user->home).ptr;
    const char *path = arena_format(&p->arena, "%s/config.yaml", folder ? folder : "").ptr;
    enum err e =
        folder && path
            ? plan_open(t, t->from == CONNECT_HERE ? path : "~/.continue/config.yaml", p, why)
            : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (e)
        return e;
    bool is_new = !p->base.ptr;
    w.text = is_new ? slice_of(skeleton) : p->base;
    w.eol = merge_eol(w.text);
    e = merge(&w, &reason);
    if (!e && is_new && p->path && has_older(p, folder))
        e = merge_refuse(p, text_slice(&w.part), &reason,
                         "%.160s has an older config.json or config.ts, which Continue would read "
                         "no longer beside a config.yaml",
                         folder);
    text_fini(&w.part);
    return e ? why_set(why, e, "%s", reason.text) : OK;
}
