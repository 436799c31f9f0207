/* gather: from the sources to settings. Each source is read in the order of its weight, so a
 * setting goes to the end of its row's chain. What a value means is not looked at here; that its
 * key is one of the tables is. */
#include "config/inner.h"

struct source *config_source(struct loader *l, enum rank rank, const char *name)
{
    struct source *s = arena_new(l->arena, struct source);
    if (!s) {
        l->failed = true;
        return NULL;
    }
    *s = (struct source){rank, l->sources_n++, name ? arena_cstr(l->arena, slice_of(name)) : NULL};
    l->failed |= !s->name;
    return s->name ? s : NULL;
}

const char *config_visible(struct loader *l, struct slice path)
{
    struct text t = {0};
    text_visible(&t, path.len ? slice_to(path, min_size(path.len, 120)) : SLICE("\"\""));
    text_add(&t, path.len > 120 ? SLICE("…") : SLICE(""));
    const char *s = arena_cstr(l->arena, text_slice(&t));
    l->failed |= !s || t.failed;
    text_fini(&t);
    return s ? s : "";
}

/* ---- settings ------------------------------------------------------------------------------- */

void config_add(struct loader *l, const struct at *at, struct setting **chain,
                const struct yaml_node *node)
{
    const struct source *source = at->source;
    for (; *chain; chain = &(*chain)->hides) {
        if ((*chain)->source->rank != source->rank || source->rank < FILES)
            continue;
        config_say_format(
            l, CONFIG_ERROR, source,
            &(struct config_problem){.line = node->line, .key = config_visible(l, at->path)},
            "is set in %s:%u too; keep one of the two", (*chain)->source->name, (*chain)->line);
        return;
    }
    struct setting *s = arena_new(l->arena, struct setting);
    if (!s) {
        l->failed = true;
        return;
    }
    *s = (struct setting){source, node->line, node, NULL};
    *chain = s;
}

static bool is_group(struct slice path)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        struct slice option = slice_of(config_options[i].path);
        if (option.len > path.len && option.ptr[path.len] == '.' && slice_begins(option, path))
            return true;
    }
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        if (slice_is(path, slice_of(config_sections[i].name)))
            return true;
    }
    return false;
}

static const struct row *option_of(struct slice path)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (slice_is(slice_of(config_options[i].path), path))
            return &config_options[i];
    }
    return NULL;
}

static void say_unknown(struct loader *l, const struct at *at, const struct yaml_node *key)
{
    struct config_problem place = {.line = key->line};
    struct slice near;
    if (l->report->errors >= CONFIG_MOST_PROBLEMS) { /* it is only counted */
        config_say_format(l, CONFIG_ERROR, at->source, &place, "%s", "");
        return;
    }
    place.key = config_visible(l, at->path);
    near = config_nearest(at->path, config_options, OPTION_COUNT);
    for (size_t i = 0; i < SECTION_COUNT && !near.len; i++) {
        struct slice section = slice_of(config_sections[i].name);
        if (config_distance(at->path, section, 3) <= section.len / 3)
            near = section;
    }
    if (near.len)
        config_say_format(l, CONFIG_ERROR, at->source, &place, "is no setting; is %.*s meant?",
                          SLICE_ARG(near));
    else
        config_say_format(l, CONFIG_ERROR, at->source, &place,
                          "is no setting; `hearth help options` lists all of them");
}

/* ---- one value, or a group of them ---------------------------------------------------------- */

static void take(struct loader *l, const struct at *at, const struct yaml_node *node);

/* Depth is bounded by the YAML reader's. */
static void take_group(struct loader *l, const struct at *at, const struct yaml_node *node)
{
    if (yaml_is_null(node))
        return;
    if (node->kind != IS_MAP) {
        config_say_format(
            l, CONFIG_ERROR, at->source,
            &(struct config_problem){.line = node->line, .key = config_visible(l, at->path)},
            "found %s; allowed: settings below it, as `%.*s:` and indented lines",
            node->kind == IS_LIST ? "a list" : "one value", SLICE_ARG(at->path));
        return;
    }
    for (const struct yaml_node *m = node->first; m && !l->failed; m = m->next) {
        struct at inner = {at->source, arena_format(l->arena, "%.*s.%.*s", SLICE_ARG(at->path),
                                                    SLICE_ARG(m->key->text))};
        if (inner.path.ptr)
            take(l, &inner, m);
        else
            l->failed = true;
    }
}

static void take(struct loader *l, const struct at *at, const struct yaml_node *node)
{
    const struct row *row = option_of(at->path);
    const struct section *section = config_section_of(at->path);
    if (row) {
        if (node->kind == IS_MAP)
            config_say_format(l, CONFIG_ERROR, at->source,
                              &(struct config_problem){.line = node->line, .key = row->path},
                              "found a map; allowed: one value%s",
                              config_is_list(row) ? " or a list" : "");
        else if (!yaml_is_null(node))
            config_add(l, at, &l->whole->set[row - config_options], node);
    } else if (section) {
        config_take_entry(l, section, at, node);
    } else if (is_group(at->path)) {
        take_group(l, at, node);
    } else {
        say_unknown(l, at, node->key ? node->key : node);
    }
}

void config_gather_yaml(struct loader *l, const struct source *source, struct slice text)
{
    const struct yaml_node *root = NULL;
    struct why why;
    enum err e = yaml_read(l->arena, text, NULL, &root, &why);
    if (e) {
        uint64_t line = 0;
        if (!slice_u64(slice_of(why.param), &line))
            line = 0;
        l->failed |= e == ERR_NO_MEMORY;
        config_say_format(l, CONFIG_ERROR, source, &(struct config_problem){.line = (unsigned)line},
                          "%s", why.text);
        return;
    }
    if (root->kind != IS_MAP && !yaml_is_null(root)) {
        config_say_format(l, CONFIG_ERROR, source, &(struct config_problem){.line = root->line},
                          "found %s; allowed: settings, as `name: value`",
                          root->kind == IS_LIST ? "a list" : "a text");
        return;
    }
    for (const struct yaml_node *m = root->first; m && !l->failed; m = m->next)
        take(l, &(struct at){source, m->key->text}, m);
}

void config_gather_word(struct loader *l, const struct source *source, struct slice path,
                        struct slice value, unsigned line)
{
    struct yaml_node *node = arena_new(l->arena, struct yaml_node);
    struct slice kept = arena_dup(l->arena, value);
    path = arena_dup(l->arena, path);
    if (!node || !kept.ptr || !path.ptr) {
        l->failed = true;
        return;
    }
    *node = (struct yaml_node){.kind = IS_SCALAR, .line = line, .text = kept};
    take(l, &(struct at){source, path}, node);
}
