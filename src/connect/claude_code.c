/* claude-code: ~/.claude/settings.json: in its `env`, hearth's address, what it sends as a token,
 * and the model for each of the sizes that it asks for by Anthropic's names. Where one of these is
 * set already the file is left alone. Nothing marks our part: the file knows no comments. */
#include "base/json.h"
#include "connect/inside.h"

/* What it is told; NULL: the model. */
static const char *const variables[] = {
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
};

/* It adds /v1 itself. */
static struct slice address_of(const struct connect_terms *t)
{
    struct slice url = slice_of(t->base_url);
    return slice_ends(url, SLICE("/v1")) ? slice_to(url, url.len - strlen("/v1")) : url;
}

static void write_variables(const struct connect_terms *t, struct json_writer *j)
{
    const struct slice values[COUNT(variables)] = {address_of(t), slice_of(plan_key(t))};
    for (size_t i = 0; i < COUNT(variables); i++)
        json_put_pair(j, variables[i], values[i].ptr ? values[i] : slice_of(t->model));
}

/* The whole of `env`, or ours alone for one that is there. */
static void put_part(struct json_work *w, bool all, const struct json_style *style,
                     struct text *out)
{
    struct text json = {0};
    struct json_writer j = json_writer(&json);
    json_open_object(&j);
    if (all) {
        json_key(&j, "env");
        json_open_object(&j);
    }
    write_variables(w->terms, &j);
    if (all)
        json_close_object(&j);
    json_close_object(&j);
    json_lay_out(style, text_slice(&json), all ? 1 : 2, out);
    out->failed |= json.failed;
    text_fini(&json);
}

static bool is_right(struct json_work *w)
{
    struct text plain = {0};
    struct json_doc doc;
    bool good = jsonc_mask(w->plan->after, &plain) &&
                !json_read(text_slice(&plain), &json_usual_limits, NULL, &doc, NULL);
    if (good) {
        const struct json_value *was = json_get(w->doc.root, "env"),
                                *is = json_get(doc.root, "env");
        good = json_holds_all(w->doc.root, doc.root, "env") && json_holds_all(was, is, NULL) &&
               slice_is(json_text(json_get(is, variables[0])), address_of(w->terms));
        json_done(&doc);
    }
    text_fini(&plain);
    return good;
}

static struct slice by_hand(struct json_work *w)
{
    struct text t = {0};
    put_part(w, true, &json_usual_style, &t);
    text_byte(&t, '\n');
    struct slice kept = arena_dup(&w->plan->arena, text_slice(&t));
    text_fini(&t);
    return kept;
}

static enum err put_it(struct json_work *w, struct why *why)
{
    struct slice plain = text_slice(&w->plain);
    const struct json_value *env = json_get(w->doc.root, "env");
    size_t root = slice_find(plain, '{');
    struct put put = {.at = root + 1};
    struct json_span span = {0};
    struct text part = {0};
    if (env &&
        (!json_is_object(env) || !json_find_span(slice_from(plain, root), SLICE("env"), &span)))
        return why_set(why, ERR_CONFIG, "%.160s: `env` is no object", w->plan->path);
    for (size_t i = 0; i < COUNT(variables); i++) {
        if (json_get(env, variables[i]))
            return why_set(why, ERR_CONFIG, "%.160s:%u: %s is set already", w->plan->path,
                           text_line(plain, root + span.key), variables[i]);
    }
    put_part(w, !env, &w->style, &part);
    if (env)
        put.at = root + span.value + 1;
    json_end_part(&w->style, &part, json_count(env ? env : w->doc.root) > 0, env ? 1 : 0);
    put.part = text_slice(&part);
    enum err e = merge_put(w->plan, w->text, &put, 1, why);
    text_fini(&part);
    return e;
}

static enum err merge(struct json_work *w, struct why *why)
{
    static const struct json_app app = {put_it, is_right, by_hand};
    struct connect_plan *p = w->plan;
    enum err e = json_merge(w, &app, why);
    if (!e && json_get(w->doc.root, "model"))
        text_format(&p->steps, "%s names a model; ANTHROPIC_MODEL goes before it.\n",
                    p->path ? p->path : "It");
    return e;
}

static const char *choose_path(const struct connect_terms *t, struct arena *a)
{
    const char *set = connect_variable(t->user, "CLAUDE_CONFIG_DIR");
    if (t->from != CONNECT_HERE)
        return "~/.claude/settings.json";
    return set && set[0] == '/' ? arena_format(a, "%s/settings.json", set).ptr
                                : arena_format(a, "%s/.claude/settings.json", t->user->home).ptr;
}

enum err claude_code_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why)
{
    struct json_work w = {.terms = t, .plan = p, .style = json_usual_style};
    struct why reason = {0};
    const char *path = choose_path(t, &p->arena);
    enum err e =
        path ? plan_open(t, path, p, why) : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (e)
        return e;
    w.text = p->base.ptr && !merge_is_blank(p->base) ? p->base : SLICE("{}\n");
    w.style.eol = merge_eol(w.text);
    e = merge(&w, &reason);
    json_work_fini(&w);
    return e ? why_set(why, e, "%s", reason.text) : OK;
}
