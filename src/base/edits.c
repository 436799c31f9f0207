/* edits: kept in order, written in one pass. */
#include "base/edits.h"

enum err edits_add(struct edits *e, struct slice source, struct edit edit)
{
    size_t end, i = e->n;
    if (e->n == MOST_EDITS || !add_size(edit.at, edit.len, &end) || end > source.len)
        return ERR_BAD_REQUEST;
    while (i > 0 && e->list[i - 1].at + (edit.len == 0) > edit.at)
        i--; /* what is only put in stands before what is replaced at the same place */
    if (i > 0 && e->list[i - 1].at + e->list[i - 1].len > edit.at)
        return ERR_BAD_REQUEST;
    if (i < e->n && end > e->list[i].at)
        return ERR_BAD_REQUEST;
    memmove(&e->list[i + 1], &e->list[i], (e->n - i) * sizeof edit);
    e->list[i] = edit;
    e->n++;
    return OK;
}

size_t edits_len(const struct edits *e, struct slice source)
{
    size_t len = source.len;
    for (unsigned i = 0; i < e->n; i++)
        len = len - e->list[i].len + e->list[i].text.len;
    return len;
}

void edits_write(const struct edits *e, struct slice source, struct text *out)
{
    size_t at = 0;
    for (unsigned i = 0; i < e->n; i++) {
        const struct edit *edit = &e->list[i];
        text_add(out, (struct slice){source.ptr + at, edit->at - at});
        text_add(out, edit->text);
        at = edit->at + edit->len;
    }
    text_add(out, slice_from(source, at));
}
