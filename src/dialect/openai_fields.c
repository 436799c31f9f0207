/* openai_fields: the table of a chat call's fields, and the row of a name in it. */
#include "dialect/openai_chat.h"

enum field_number {
#define X(name, kind, least, most, role, as) FIELD_##name,
#define K(name, kind, least, most, role, member) FIELD_##name,
#define D(name) FIELD_##name,
#include "dialect/openai_fields.def"
#undef X
#undef K
#undef D
    FIELD_COUNT
};

#define ROW(name, kind, least, most, role, as, at, kept)                                           \
    {{#name, JSON_##kind, false, CHAT_##role == CHAT_MODEL, least, most, at},                      \
     sizeof #name - 1,                                                                             \
     CHAT_##role,                                                                                  \
     FIELD_##as,                                                                                   \
     kept},
static const struct chat_row rows[] = {
#define X(name, kind, least, most, role, as) ROW(name, kind, least, most, role, as, 0, false)
#define K(name, kind, least, most, role, member)                                                   \
    ROW(name, kind, least, most, role, name, offsetof(struct chat_fields, member), true)
#define D(name) ROW(name, ANY, 0, 0, DROP, name, 0, false)
#include "dialect/openai_fields.def"
#undef X
#undef K
#undef D
};
_Static_assert(COUNT(rows) <= 64 * COUNT(((struct call *)0)->named), "a bit for each row");

const struct chat_row *chat_row_at(size_t i)
{
    return i < COUNT(rows) ? &rows[i] : NULL;
}

/* By length first: most steps of the search compare one number. */
const struct chat_row *chat_row(struct slice name)
{
    size_t low = 0, high = COUNT(rows);
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct chat_row *row = &rows[middle];
        int order = name.len < row->len ? -1 : name.len > row->len;
        if (!order)
            order = memcmp(name.ptr, row->field.name, name.len);
        if (!order)
            return row;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* All that begins with "slot" would choose a place inside an engine, which is for us to do. */
bool chat_drops(struct slice name, const struct chat_row *row)
{
    return row ? row->role == CHAT_DROP : slice_begins(name, SLICE("slot"));
}
