/* opencode: ~/.config/opencode/opencode.json, or opencode.jsonc. A provider `hearth`, and the model
 * to begin with unless the file names one. Both of its major versions read this form. Nothing marks
 * our part, since in a file called .json a comment may be taken ill by others. */
#include <sys/stat.h>

#include "base/json.h"
#include "connect/inside.h"

static void write_provider(struct json_work *w, struct json_writer *j)
{
    const struct connect_terms *t = w->terms;
    json_key(j, "hearth");
    json_open_object(j);
    json_put_pair(j, "npm", SLICE("@ai-sdk/openai-compatible"));
    json_put_pair(j, "name", SLICE("hearth"));
    json_key(j, "options");
    json_open_object(j);
    json_put_pair(j, "baseURL", slice_of(t->base_url));
    json_put_pair(j, "apiKey", slice_of(plan_key(t)));
    json_close_object(j);
    json_key(j, "models");
    json_open_object(j);
    json_key(j, t->model);
    json_open_object(j);
    json_put_pair(j, "name", slice_of(t->model));
    if (t->context) { /* it shortens a conversation before that is full, less room for an answer */
        json_key(j, "limit");
        json_open_object(j);
        json_key(j, "context");
        json_put_u64(j, t->context);
        json_key(j, "output");
        json_put_u64(j, t->context / 4);
        json_close_object(j);
    }
    json_close_object(j);
    json_close_object(j);
    json_close_object(j);
}

/* Members for the whole file: a model unless one is named, and the providers if there are none. */
static void put_members(struct json_work *w, bool model, bool providers, struct text *out)
{
    struct text json = {0};
    struct json_writer j = json_writer(&json);
    json_open_object(&j);
    if (model) {
        const char *name = arena_format(&w->plan->arena, "hearth/%s", w->terms->model).ptr;
        json_put_pair(&j, "model", slice_of(name));
    }
    if (providers) {
        json_key(&j, "provider");
        json_open_object(&j);
        write_provider(w, &j);
        json_close_object(&j);
    }
    json_close_object(&j);
    if (model || providers)
        json_lay_out(&w->style, text_slice(&json), 1, out);
    out->failed |= json.failed;
    text_fini(&json);
}

static void put_provider(struct json_work *w, unsigned depth, struct text *out)
{
    struct text json = {0};
    struct json_writer j = json_writer(&json);
    json_open_object(&j);
    write_provider(w, &j);
    json_close_object(&j);
    json_lay_out(&w->style, text_slice(&json), depth, out);
    out->failed |= json.failed;
    text_fini(&json);
}

/* A file that is new. */
static struct slice make_skeleton(struct json_work *w)
{
    struct text json = {0}, out = {0};
    struct json_writer j = json_writer(&json);
    json_open_object(&j);
    json_put_pair(&j, "$schema", SLICE("https://opencode.ai/config.json"));
    json_close_object(&j);
    text_byte(&out, '{');
    json_lay_out(&w->style, text_slice(&json), 1, &out);
    text_add(&out, SLICE("\n}\n"));
    struct slice kept = arena_dup(&w->plan->arena, text_slice(&out));
    text_fini(&json);
    text_fini(&out);
    return kept;
}

/* ---- what comes of it is what was there, and ours ---- */

static bool is_right(struct json_work *w)
{
    struct text plain = {0};
    struct json_doc doc;
    bool good = jsonc_mask(w->plan->after, &plain) &&
                !json_read(text_slice(&plain), &json_usual_limits, NULL, &doc, NULL);
    if (good) {
        const struct json_value *was = json_get(w->doc.root, "provider");
        const struct json_value *is = json_get(doc.root, "provider");
        const struct json_value *options = json_get(json_get(is, "hearth"), "options");
        good = json_holds_all(w->doc.root, doc.root, "provider") && json_holds_all(was, is, NULL) &&
               slice_is(json_text(json_get(options, "baseURL")), slice_of(w->terms->base_url));
        json_done(&doc);
    }
    text_fini(&plain);
    return good;
}

/* ---- merging ---- */

static struct slice by_hand(struct json_work *w)
{
    struct text t = {0};
    struct json_work plain = {.terms = w->terms, .plan = w->plan, .style = json_usual_style};
    put_members(&plain, false, true, &t);
    text_byte(&t, '\n');
    struct slice kept = arena_dup(&w->plan->arena, text_slice(&t));
    text_fini(&t);
    return kept;
}

static enum err put_parts(struct json_work *w, struct why *why)
{
    struct slice plain = text_slice(&w->plain);
    struct put puts[CONNECT_PARTS];
    struct json_span span = {0};
    const struct json_value *providers = json_get(w->doc.root, "provider");
    size_t root = slice_find(plain, '{'), inner = root, n = 0;
    struct slice members = slice_from(plain, root);
    if (providers &&
        (!json_find_span(members, SLICE("provider"), &span) || !json_is_object(providers)))
        return why_set(why, ERR_CONFIG, "%.160s: `provider` is no object", w->plan->path);
    if (json_get(providers, "hearth"))
        return why_set(why, ERR_CONFIG, "%.160s:%u: there is a provider hearth already",
                       w->plan->path, text_line(plain, root + span.key));
    struct text *first = &w->parts[0];
    put_members(w, !json_get(w->doc.root, "model"), !providers, first);
    if (first->len) {
        json_end_part(&w->style, first, json_count(w->doc.root) > 0, 0);
        puts[n++] = (struct put){root + 1, text_slice(first)};
    }
    if (providers) {
        inner = root + span.value;
        put_provider(w, 2, &w->parts[1]);
        json_end_part(&w->style, &w->parts[1], json_count(providers) > 0, 1);
        puts[n++] = (struct put){inner + 1, text_slice(&w->parts[1])};
    }
    return merge_put(w->plan, w->text, puts, n, why);
}

static enum err merge(struct json_work *w, struct why *why)
{
    static const struct json_app app = {put_parts, is_right, by_hand};
    struct connect_plan *p = w->plan;
    enum err e = json_merge(w, &app, why);
    if (!e && json_get(w->doc.root, "model"))
        text_format(&p->steps,
                    "%s names a model already; choose hearth's with /models, or begin "
                    "with: opencode -m hearth/%s\n",
                    p->path, w->terms->model);
    if (!e && json_get(w->doc.root, "enabled_providers"))
        text_format(&p->steps, "%s has enabled_providers; add hearth to it.\n", p->path);
    return e;
}

/* The one that is there; opencode reads both. */
static const char *choose_path(const struct connect_terms *t, struct arena *a)
{
    struct stat is;
    const char *set = connect_variable(t->user, "XDG_CONFIG_HOME");
    if (t->from != CONNECT_HERE)
        return "~/.config/opencode/opencode.json";
    const char *folder = set && set[0] == '/'
                             ? arena_format(a, "%s/opencode", set).ptr
                             : arena_format(a, "%s/.config/opencode", t->user->home).ptr;
    const char *plain = arena_format(a, "%s/opencode.json", folder ? folder : "").ptr;
    const char *commented = arena_format(a, "%s/opencode.jsonc", folder ? folder : "").ptr;
    if (!folder || !plain || !commented)
        return NULL;
    return lstat(plain, &is) != 0 && lstat(commented, &is) == 0 ? commented : plain;
}

enum err opencode_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why)
{
    struct json_work w = {.terms = t, .plan = p};
    struct why reason = {0};
    const char *path = choose_path(t, &p->arena);
    enum err e =
        path ? plan_open(t, path, p, why) : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (e)
        return e;
    bool has_text = p->base.ptr && !merge_is_blank(p->base);
    w.style = json_usual_style;
    w.text = has_text ? p->base : make_skeleton(&w);
    w.style.eol = merge_eol(w.text);
    e = merge(&w, &reason);
    json_work_fini(&w);
    return e ? why_set(why, e, "%s", reason.text) : OK;
}
