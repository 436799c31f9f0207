/* claude-desktop: Claude Desktop's claude_desktop_config.json: hearth as one of its mcpServers. It
 * starts `hearth mcp` itself, with little of the environment, so what says where hearth's folders
 * are goes with it. Nothing marks our part: the file knows no comments. */
#include <sys/stat.h>

#include "base/json.h"
#include "connect/inside.h"

#define FILE_NAME "claude_desktop_config.json"
#define SERVERS "mcpServers"

/* What config_paths_find looks at, besides HOME, which it has. A HEARTH_HOME that is relative would
 * be another one there. */
size_t desktop_places(const struct connect_user *u, struct desktop_place places[DESKTOP_PLACES])
{
    static const char *const names[DESKTOP_PLACES] = {"HEARTH_HOME", "XDG_CONFIG_HOME",
                                                      "XDG_DATA_HOME", "XDG_RUNTIME_DIR"};
    size_t n = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct slice value = slice_of(connect_variable(u, names[i]));
        if (value.len && i == 0 && value.ptr[0] != '/')
            value = slice_to(slice_of(u->data), strlen(u->data) - strlen("/data"));
        if (value.len && value.ptr[0] == '/')
            places[n++] = (struct desktop_place){names[i], value};
    }
    return n;
}

static void put_environment(const struct connect_user *u, struct json_writer *j)
{
    struct desktop_place places[DESKTOP_PLACES];
    size_t n = desktop_places(u, places);
    if (!n)
        return;
    json_key(j, "env");
    json_open_object(j);
    for (size_t i = 0; i < n; i++)
        json_put_pair(j, places[i].name, places[i].value);
    json_close_object(j);
}

static void write_server(const struct connect_terms *t, struct json_writer *j)
{
    json_key(j, "hearth");
    json_open_object(j);
    json_put_pair(j, "command", slice_of(t->program));
    json_key(j, "args");
    json_open_array(j);
    json_put_text(j, SLICE("mcp"));
    if (t->named) {
        json_put_text(j, SLICE("--model"));
        json_put_text(j, slice_of(t->model));
    }
    json_close_array(j);
    put_environment(t->user, j);
    json_close_object(j);
}

/* All servers, or ours alone for those that there are. */
static void put_part(struct json_work *w, bool all, const struct json_style *style,
                     struct text *out)
{
    struct text json = {0};
    struct json_writer j = json_writer(&json);
    json_open_object(&j);
    if (all) {
        json_key(&j, SERVERS);
        json_open_object(&j);
    }
    write_server(w->terms, &j);
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
        const struct json_value *was = json_get(w->doc.root, SERVERS);
        const struct json_value *is = json_get(doc.root, SERVERS);
        const struct json_value *command = json_get(json_get(is, "hearth"), "command");
        good = json_holds_all(w->doc.root, doc.root, SERVERS) && json_holds_all(was, is, NULL) &&
               slice_is(json_text(command), slice_of(w->terms->program));
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
    const struct json_value *servers = json_get(w->doc.root, SERVERS);
    size_t root = slice_find(plain, '{');
    struct put put = {.at = root + 1};
    struct json_span span = {0};
    struct text part = {0};
    if (servers && (!json_is_object(servers) ||
                    !json_find_span(slice_from(plain, root), SLICE(SERVERS), &span)))
        return why_set(why, ERR_CONFIG, "%.160s: `" SERVERS "` is no object", w->plan->path);
    if (json_get(servers, "hearth"))
        return why_set(why, ERR_CONFIG, "%.160s:%u: there is a server hearth already",
                       w->plan->path, text_line(plain, root + span.key));
    put_part(w, !servers, &w->style, &part);
    if (servers)
        put.at = root + span.value + 1;
    json_end_part(&w->style, &part, json_count(servers ? servers : w->doc.root) > 0,
                  servers ? 1 : 0);
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
    if (!e)
        text_format(&p->steps, "Quit %s and start it again: it reads this at its start.\n",
                    w->terms->app->title);
    return e;
}

/* Where macOS has such things, if that is there. */
static const char *choose_path(const struct connect_terms *t, struct arena *a)
{
    struct stat is;
    const char *library = arena_format(a, "%s/Library/Application Support", t->user->home).ptr;
    const char *set = connect_variable(t->user, "XDG_CONFIG_HOME");
    if (!library)
        return NULL;
    if (stat(library, &is) == 0)
        return arena_format(a, "%s/Claude/" FILE_NAME, library).ptr;
    return set && set[0] == '/'
               ? arena_format(a, "%s/Claude/" FILE_NAME, set).ptr
               : arena_format(a, "%s/.config/Claude/" FILE_NAME, t->user->home).ptr;
}

enum err claude_desktop_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why)
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
