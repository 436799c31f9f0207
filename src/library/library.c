/* library: all stores one after the other, and which of their models are the same. */
#include "library/library.h"

#include "library/inside.h"

#define MOST_ENTRIES 50000u /* of the folders of one store */
#define OWN_DEPTH 5u

static const struct {
    const char *word, *title;
} stores[LIBRARY_STORES] = {
#define X(id, word, title) {word, title},
    LIBRARY_STORES_OF(X)
#undef X
};

const char *library_word(enum library_store s)
{
    return stores[s].word;
}

const char *library_title(enum library_store s)
{
    return stores[s].title;
}

enum library_store library_store_of(struct slice word)
{
    enum library_store s = 0;
    while (s < LIBRARY_STORES && !slice_is(word, slice_of(stores[s].word)))
        s++;
    return s;
}

/* ---- the library itself --------------------------------------------------------------------- */

/* Folders of the library in which no language models lie. */
static bool is_for_others(const char *name)
{
    static const char *const names[] = {"diffusion", "video",   "audio",  "vision",
                                        "workflows", "content", "_config"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static void name_own(struct looking *l, struct library_place *place, struct library_model *m,
                     const char *name)
{
    if (!library_name(l, m, library_stem(slice_of(name)))) {
        library_drop(l, place);
        return;
    }
    m->ranks |= strstr(m->file, "/rerank/") != NULL;
    m->embeds |= !m->ranks && strstr(m->file, "/embedding/");
}

static void walk(struct looking *l, struct library_place *place, const char *path, unsigned depth)
{
    struct listing all = library_list(l, path);
    for (size_t i = 0; i < all.n && !l->failed; i++) {
        const char *inner = library_join(l, path, all.names[i]);
        struct find f = {.store = LIBRARY_OWN, .file = inner};
        if (!inner)
            return;
        if (!library_is_gguf(all.names[i])) {
            bool others = !depth && is_for_others(all.names[i]);
            if (!others && depth < OWN_DEPTH && library_is_folder(inner))
                walk(l, place, inner, depth + 1);
            continue;
        }
        struct library_model *m = library_add(l, place, &f);
        if (m)
            name_own(l, place, m, all.names[i]);
    }
}

void library_own(struct looking *l)
{
    struct library_place *place = library_enter(l, LIBRARY_OWN, l->where->folder);
    if (place)
        walk(l, place, place->path, 0);
}

/* ---- what comes with hearth ------------------------------------------------------------------ */

/* Beside the program, where `make install` puts it, or in the source that it was built of. */
void library_guide(struct looking *l)
{
    static const char *const below[] = {"", "/share/hearth", "/models/guide"}; /* each a level up */
    struct slice folder = slice_of(l->where->program);
    for (size_t i = 0; i < COUNT(below) && !l->failed; i++) {
        while (folder.len && folder.ptr[folder.len - 1] != '/')
            folder.len--;
        if (!folder.len--)
            return;
        struct find f = {.store = LIBRARY_GUIDE};
        f.file = arena_format(l->scratch, "%.*s%s/" LIBRARY_GUIDE_NAME ".gguf", SLICE_ARG(folder),
                              below[i])
                     .ptr;
        struct library_place none = {0}; /* it is nobody's to count */
        struct library_model *m = f.file ? library_add(l, &none, &f) : NULL;
        l->failed |= !f.file;
        if (!m)
            continue;
        (void)library_name(l, m, SLICE(LIBRARY_GUIDE_NAME));
        return;
    }
}

/* ---- the same ------------------------------------------------------------------------------- */

bool library_is_one_file(const struct library_model *a, const struct library_model *b)
{
    return a->device == b->device && a->inode == b->inode;
}

static bool is_same(const struct library_model *a, const struct library_model *b)
{
    if (a->store == LIBRARY_GUIDE || b->store == LIBRARY_GUIDE)
        return false; /* it has one name */
    bool stated = a->digest[0] && strcmp(a->digest, b->digest) == 0;
    /* another projector or adapter makes another model of it */
    return (stated || library_is_one_file(a, b)) && strcmp(a->lora, b->lora) == 0 &&
           !a->mmproj[0] == !b->mmproj[0];
}

static void find_same(struct looking *l)
{
    for (size_t i = 1; i < l->n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (l->models[k].same_as != k || !is_same(&l->models[i], &l->models[k]))
                continue;
            l->models[i].same_as = k;
            break;
        }
    }
}

enum err library_look(struct arena *a, const struct library_where *where,
                      struct library *ret_library)
{
    static library_fn *const looks[LIBRARY_STORES] = {
        [LIBRARY_OWN] = library_own,           [LIBRARY_OLLAMA] = library_ollama,
        [LIBRARY_LMSTUDIO] = library_lmstudio, [LIBRARY_HUGGINGFACE] = library_huggingface,
        [LIBRARY_GUIDE] = library_guide,
    };
    struct arena scratch = {0};
    struct looking l = {.where = where, .arena = a, .scratch = &scratch, .left = MOST_ENTRIES};
    for (enum library_store s = 0; s < LIBRARY_STORES && !l.failed; s++) {
        l.left = MOST_ENTRIES; /* a full folder takes nothing away from other stores */
        if (where->stores[s])
            looks[s](&l);
    }
    arena_fini(&scratch);
    if (l.failed)
        return ERR_NO_MEMORY;
    find_same(&l);
    *ret_library = (struct library){l.models, l.n, l.places, l.n_places, l.more};
    return OK;
}
