/* words: texts that many rows share, by number: a model's name, a provider's. All of a file's
 * words are held in memory; how many there may be is the ledger's business. */
#include "base/mem.h"
#include "store/inside.h"

uint32_t words_hash(struct slice text)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.ptr[i]) * 16777619u;
    return h ^ h >> 15;
}

void words_clear(struct words *w)
{
    text_fini(&w->texts);
    mem_free(w->all);
    mem_free(w->slots);
    *w = (struct words){0};
}

/* The slot that has this text or, with none, the free one where it belongs. */
static uint32_t *slot_of(const struct words *w, struct slice text)
{
    size_t i = words_hash(text) & (w->n_slots - 1);
    for (; w->slots[i]; i = (i + 1) & (w->n_slots - 1)) {
        const struct word *one = &w->all[w->slots[i] - 1];
        if (slice_is((struct slice){w->texts.ptr + one->at, one->len}, text))
            break;
    }
    return &w->slots[i];
}

int64_t words_find(const struct words *w, struct slice text)
{
    uint32_t place = w->n_slots ? *slot_of(w, text) : 0;
    return place ? w->all[place - 1].id : 0;
}

static bool grow(struct words *w)
{
    size_t room = w->room ? 2 * w->room : 128;
    struct word *all = mem_grow(w->all, room * sizeof *all);
    if (!all)
        return false;
    w->all = all;
    uint32_t *slots = mem_alloc(2 * room * sizeof *slots);
    if (!slots)
        return false;
    mem_free(w->slots);
    w->slots = slots;
    w->n_slots = 2 * room;
    w->room = room;
    for (size_t i = 0; i < w->n; i++) {
        const struct word *one = &w->all[i];
        *slot_of(w, (struct slice){w->texts.ptr + one->at, one->len}) = (uint32_t)i + 1;
    }
    return true;
}

bool words_add(struct words *w, int64_t id, struct slice text)
{
    if (w->n == w->room && !grow(w))
        return false;
    size_t at = w->texts.len;
    text_add(&w->texts, text);
    if (w->texts.failed)
        return false;
    w->all[w->n] = (struct word){.id = id, .at = at, .len = text.len};
    uint32_t *slot = slot_of(w, text);
    if (!*slot) /* the first of the same text stays */
        *slot = (uint32_t)w->n + 1;
    w->n++;
    return true;
}
