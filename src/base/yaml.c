/* yaml: libyaml's events made into a tree. A stack of our own instead of recursion; libyaml's tree
 * functions are not used because they resolve aliases. */
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/mem.h"

#define FEW_KEYS 16u /* up to here comparing all pairs is cheaper than sorting */

struct level { /* a list or map that is still open */
    struct yaml_node *node;
    struct yaml_node *last; /* its newest item or member */
    struct yaml_node *key;  /* waits for its value */
};

struct builder {
    struct arena *arena;
    const char *file_name;
    struct why *why;
    yaml_parser_t parser;
    struct yaml_node *root;
    unsigned values, depth;
    struct level levels[MOST_YAML_DEPTH];
};

static enum err fault(const struct builder *b, enum err e, size_t line, const char *words)
{
    if (!b->why)
        return e;
    char param[24] = "";
    if (line)
        snprintf(param, sizeof param, "%zu", line);
    if (b->file_name && line)
        return why_param(b->why, e, param, "%s:%zu: %s", b->file_name, line, words);
    if (b->file_name)
        return why_param(b->why, e, param, "%s: %s", b->file_name, words);
    return why_param(b->why, e, param, "%s", words);
}

static enum err refuse(const struct builder *b, const yaml_event_t *event, const char *words)
{
    return fault(b, ERR_CONFIG, event->start_mark.line + 1, words);
}

static enum err no_memory(const struct builder *b)
{
    return fault(b, ERR_NO_MEMORY, 0, "no memory to read it");
}

/* ---- what libyaml finds wrong --------------------------------------------------------------- */

static size_t line_of(struct slice text, size_t offset)
{
    size_t line = 1;
    for (size_t i = 0; i < min_size(offset, text.len); i++)
        line += text.ptr[i] == '\n';
    return line;
}

static bool at_tab(struct slice text, size_t line)
{
    for (; line > 1; line--) {
        size_t end = slice_find(text, '\n');
        if (end == text.len)
            return false;
        text = slice_from(text, end + 1);
    }
    size_t i = 0;
    while (i < text.len && text.ptr[i] == ' ')
        i++;
    return i < text.len && text.ptr[i] == '\t';
}

static enum err library_fault(const struct builder *b, struct slice text)
{
    const yaml_parser_t *p = &b->parser;
    char words[200];
    if (p->error == YAML_MEMORY_ERROR)
        return no_memory(b);
    const char *problem = p->problem ? p->problem : "not valid YAML";
    if (p->error == YAML_READER_ERROR) {
        snprintf(words, sizeof words, "not UTF-8 text: %s", problem);
        return fault(b, ERR_CONFIG, line_of(text, p->problem_offset), words);
    }
    size_t line = p->problem_mark.line + 1;
    if (at_tab(text, line))
        return fault(b, ERR_CONFIG, line, "not valid YAML: a tab indents here; use blanks");
    size_t began = p->context_mark.line + 1;
    if (p->context && began != line)
        snprintf(words, sizeof words, "not valid YAML: %s that begins in line %zu, %s", p->context,
                 began, problem);
    else
        snprintf(words, sizeof words, "not valid YAML: %s%s%s", p->context ? p->context : "",
                 p->context ? ", " : "", problem);
    return fault(b, ERR_CONFIG, line, words);
}

/* ---- keys that stand twice ------------------------------------------------------------------ */

static bool is_before(const struct yaml_node *a, const struct yaml_node *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

static int by_key(const void *a, const void *b)
{
    const struct yaml_node *const *p = a, *const *q = b;
    int order = slice_order((*p)->text, (*q)->text);
    return order ? order : is_before(*p, *q) ? -1 : 1;
}

static const struct yaml_node *find_twin(const struct yaml_node **keys, size_t n)
{
    const struct yaml_node *found = NULL;
    qsort(keys, n, sizeof *keys, by_key);
    for (size_t i = 1; i < n; i++) {
        if (slice_is(keys[i - 1]->text, keys[i]->text) && (!found || is_before(keys[i], found)))
            found = keys[i];
    }
    return found;
}

static enum err check_keys(const struct builder *b, const struct yaml_node *map)
{
    const struct yaml_node *few[FEW_KEYS];
    const struct yaml_node **keys = few;
    if (map->count > FEW_KEYS)
        keys = mem_alloc(map->count * sizeof *keys);
    if (!keys)
        return no_memory(b);
    size_t n = 0;
    for (const struct yaml_node *m = map->first; m; m = m->next)
        keys[n++] = m->key;
    const struct yaml_node *twin = find_twin(keys, n);
    if (keys != few)
        mem_free(keys);
    if (!twin)
        return OK;
    struct text words = {0};
    text_add(&words, SLICE("the key \""));
    text_visible(&words, slice_to(twin->text, min_size(twin->text.len, 64)));
    text_add(&words, SLICE("\" stands twice in one map"));
    enum err e = fault(b, ERR_CONFIG, twin->line, text_cstr(&words));
    text_fini(&words);
    return e;
}

/* ---- the tree ------------------------------------------------------------------------------- */

static enum err make_node(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
                          struct yaml_node **ret_node)
{
    if (++b->values > MOST_YAML_VALUES)
        return refuse(b, event, "more than 100,000 values");
    struct yaml_node *n = arena_new(b->arena, struct yaml_node);
    if (!n)
        return no_memory(b);
    n->kind = kind;
    n->line = (unsigned)event->start_mark.line + 1;
    n->column = (unsigned)event->start_mark.column + 1;
    *ret_node = n;
    return OK;
}

/* Puts a value where it belongs: the root, the next item, or the member whose key waits. */
static void place(struct builder *b, struct yaml_node *n)
{
    if (!b->depth) {
        b->root = n;
        return;
    }
    struct level *l = &b->levels[b->depth - 1];
    n->key = l->key;
    l->key = NULL;
    if (l->last)
        l->last->next = n;
    else
        l->node->first = n;
    l->last = n;
    l->node->count++;
}

static bool waits_for_key(const struct builder *b)
{
    const struct level *l = b->depth ? &b->levels[b->depth - 1] : NULL;
    return l && l->node->kind == IS_MAP && !l->key;
}

static enum err take_scalar(struct builder *b, const yaml_event_t *event)
{
    struct slice s = {(const char *)event->data.scalar.value, event->data.scalar.length};
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (event->data.scalar.anchor)
        return refuse(b, event, "anchors (&name) are not taken; write the value out");
    if (event->data.scalar.tag)
        return refuse(b, event, "tags (!name) are not taken");
    if (slice_find(s, '\0') < s.len)
        return refuse(b, event, "a text may not hold U+0000");
    if (plain && waits_for_key(b) && slice_is(s, SLICE("<<")))
        return refuse(b, event, "merge keys (<<) are not taken; write the values out");
    struct yaml_node *n = NULL;
    enum err e = make_node(b, event, IS_SCALAR, &n);
    if (e)
        return e;
    n->plain = plain;
    n->text = arena_dup(b->arena, s);
    if (!n->text.ptr)
        return no_memory(b);
    if (waits_for_key(b))
        b->levels[b->depth - 1].key = n;
    else
        place(b, n);
    return OK;
}

static enum err open_level(struct builder *b, const yaml_event_t *event)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    if (list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor)
        return refuse(b, event, "anchors (&name) are not taken; write the value out");
    if (list ? event->data.sequence_start.tag : event->data.mapping_start.tag)
        return refuse(b, event, "tags (!name) are not taken");
    if (waits_for_key(b))
        return refuse(b, event, "a key must be a word, not a list or map");
    if (b->depth == MOST_YAML_DEPTH)
        return refuse(b, event, "nested deeper than 32 levels");
    struct yaml_node *n = NULL;
    enum err e = make_node(b, event, list ? IS_LIST : IS_MAP, &n);
    if (e)
        return e;
    place(b, n);
    b->levels[b->depth++] = (struct level){.node = n};
    return OK;
}

static enum err close_level(struct builder *b)
{
    assert(b->depth > 0 && !b->levels[b->depth - 1].key);
    b->depth--;
    const struct yaml_node *n = b->levels[b->depth].node;
    return n->kind == IS_MAP ? check_keys(b, n) : OK;
}

static enum err take(struct builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return take_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return open_level(b, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_level(b);
    case YAML_ALIAS_EVENT:
        return refuse(b, event, "aliases (*name) are not taken; write the value out");
    case YAML_DOCUMENT_START_EVENT:
        if (b->root)
            return refuse(b, event, "a second document; one file holds one");
        if (event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end)
            return refuse(b, event, "tags (%TAG) are not taken");
        return OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return OK;
}

static enum err build(struct builder *b, struct slice text)
{
    enum err e = OK;
    for (bool more = true; more && !e;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event))
            return library_fault(b, text);
        e = take(b, &event);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return e;
}

enum err yaml_read(struct arena *a, struct slice text, const char *file_name,
                   const struct yaml_node **ret_root, struct why *why)
{
    struct builder b = {.arena = a, .file_name = file_name, .why = why};
    if (text.len > MOST_YAML_BYTES)
        return fault(&b, ERR_CONFIG, 0, "larger than 1 MiB");
    if (!yaml_parser_initialize(&b.parser))
        return no_memory(&b);
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.len ? text.ptr : ""),
                                 text.len);
    enum err e = build(&b, text);
    yaml_parser_delete(&b.parser);
    if (!e && !b.root) { /* nothing but blanks and comments */
        b.root = arena_new(a, struct yaml_node);
        if (!b.root)
            return no_memory(&b);
        *b.root = (struct yaml_node){.plain = true, .line = 1, .column = 1, .text = SLICE("")};
    }
    if (!e)
        *ret_root = b.root;
    return e;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, struct slice key)
{
    if (!map || map->kind != IS_MAP)
        return NULL;
    for (const struct yaml_node *m = map->first; m; m = m->next) {
        if (slice_is(m->key->text, key))
            return m;
    }
    return NULL;
}

bool yaml_is_null(const struct yaml_node *n)
{
    return n->kind == IS_SCALAR && n->plain &&
           (n->text.len == 0 || slice_is(n->text, SLICE("~")) || slice_is(n->text, SLICE("null")));
}
