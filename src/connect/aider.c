/* aider: ~/.aider.conf.yml. Three settings at its end; where one of them is set already the file is
 * left alone, since aider takes only one. */
#include "base/yaml.h"

#include "connect/inside.h"

struct setting {
    const char *key, *value;
};
#define SETTINGS 3u

static void put_settings(const struct setting *settings, struct slice eol, struct text *out)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        text_format(out, "%s: ", settings[i].key);
        put_quoted(out, settings[i].value);
        text_add(out, eol);
    }
}

static enum err merge(const struct setting *settings, struct slice text, struct text *part,
                      struct connect_plan *p, struct why *why)
{
    const struct yaml_node *before, *after;
    struct slice eol = merge_eol(text);
    put_settings(settings, SLICE("\n"), part);
    struct slice by_hand = arena_dup(&p->arena, text_slice(part));
    if (yaml_read(&p->arena, text, p->path, &before, why))
        return merge_refuse(p, by_hand, why, "%s", why->text);
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct yaml_node *set = yaml_get(before, slice_of(settings[i].key));
        if (set)
            return merge_refuse(p, by_hand, why, "%.160s:%u: %s is set already", p->path,
                                set->key->line, settings[i].key);
    }
    text_clear(part);
    if (text.len && text.ptr[text.len - 1] != '\n')
        text_add(part, eol);
    yaml_mark(part, 0, "aider", true, eol);
    put_settings(settings, eol, part);
    yaml_mark(part, 0, "aider", false, eol);
    const struct put put = {text.len, text_slice(part)};
    enum err e = merge_put(p, text, &put, 1, why);
    if (!e && (yaml_read(&p->arena, p->after, NULL, &after, NULL) ||
               !yaml_grew(before, after, SETTINGS, NULL)))
        e = merge_refuse(p, by_hand, why, "%.160s is written in a way that hearth does not change",
                         p->path);
    return e;
}

enum err aider_fill(const struct connect_terms *t, struct connect_plan *p, struct why *why)
{
    struct text part = {0};
    struct why reason = {0};
    const char *path = t->from == CONNECT_HERE
                           ? arena_format(&p->arena, "%s/.aider.conf.yml", t->user->home).ptr
                           : "~/.aider.conf.yml";
    const char *model = arena_format(&p->arena, "openai/%s", t->model).ptr;
    const struct setting settings[SETTINGS] = {
        {"model", model},
        {"openai-api-base", t->base_url},
        {"openai-api-key", plan_key(t)},
    };
    enum err e = path && model ? plan_open(t, path, p, why)
                               : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (!e) {
        e = merge(settings, p->base.ptr ? p->base : SLICE(""), &part, p, &reason);
        if (e)
            why_set(why, e, "%s", reason.text);
    }
    text_fini(&part);
    return e;
}
