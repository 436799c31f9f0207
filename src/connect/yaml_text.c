/* yaml_text: see inside.h. Nothing is written by a YAML writer, since that would lose comments: a
 * part is put in by the byte, and then the whole is read again and compared with what it was. */
#include "base/yaml.h"

#include "connect/inside.h"

size_t yaml_line_at(struct slice text, unsigned line)
{
    size_t at = 0;
    for (unsigned i = 1; i < line && at < text.len; i++)
        at += min_size(slice_find(slice_from(text, at), '\n') + 1, text.len - at);
    return at;
}

size_t yaml_at(struct slice text, const struct yaml_node *n)
{
    size_t at = yaml_line_at(text, n->line);
    for (unsigned i = 1; i < n->column && at < text.len; i++)
        at += max_size(slice_utf8(slice_from(text, at)), 1);
    return min_size(at, text.len);
}

static bool is_same(const struct yaml_node *a, const struct yaml_node *b)
{
    if (a->kind != b->kind || a->count != b->count || a->plain != b->plain ||
        !slice_is(a->text, b->text))
        return false;
    const struct yaml_node *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next) {
        if ((x->key && !slice_is(x->key->text, y->key->text)) || !is_same(x, y))
            return false;
    }
    return !x && !y;
}

/* One item more, at its beginning; an empty value was a list too. */
static bool is_longer(const struct yaml_node *before, const struct yaml_node *after)
{
    if (after->kind != IS_LIST || after->count != before->count + 1)
        return false;
    const struct yaml_node *x = before->first, *y = after->first->next;
    for (; x && y; x = x->next, y = y->next) {
        if (!is_same(x, y))
            return false;
    }
    return before->kind == IS_LIST || yaml_is_null(before);
}

bool yaml_grew(const struct yaml_node *before, const struct yaml_node *after, size_t more,
               const char *grown)
{
    bool from_nothing = before->kind == IS_SCALAR && yaml_is_null(before);
    if (after->kind != IS_MAP || (before->kind != IS_MAP && !from_nothing) ||
        after->count != before->count + more)
        return false;
    const struct yaml_node *x = before->first, *y = after->first;
    for (; x; x = x->next, y = y->next) {
        bool it = grown && slice_is(x->key->text, slice_of(grown));
        if (!slice_is(x->key->text, y->key->text) || !(it ? is_longer(x, y) : is_same(x, y)))
            return false;
    }
    return true;
}

void yaml_mark(struct text *out, size_t indent, const char *app, bool begins, struct slice eol)
{
    for (size_t i = 0; i < indent; i++)
        text_byte(out, ' ');
    if (begins)
        text_format(out, "# >>> hearth: `hearth disconnect %s` takes this out%.*s", app,
                    SLICE_ARG(eol));
    else
        text_format(out, "# <<< hearth%.*s", SLICE_ARG(eol));
}

bool yaml_reads(struct slice text)
{
    struct arena a = {0};
    const struct yaml_node *root;
    bool good = !yaml_read(&a, text, NULL, &root, NULL);
    arena_fini(&a);
    return good;
}
