/* lmstudio: LM Studio's folder of models, PUBLISHER/MODEL/FILE.gguf, two levels and no other. */
#include "base/json.h"
#include "library/inside.h"

#define SETTINGS_MOST (1u << 20)

/* As LM Studio calls it: MODEL in small letters and without -GGUF, @QUANT if there are several. */
static struct slice key_of(struct looking *l, const char *model, struct slice quant, bool several)
{
    struct slice name = slice_of(model);
    if (name.len > 5 && slice_is_nocase(slice_from(name, name.len - 5), SLICE("-gguf")))
        name.len -= 5;
    bool with = several && quant.len;
    struct slice key = arena_format(l->scratch, "%.*s%s%.*s", SLICE_ARG(name), with ? "@" : "",
                                    with ? (int)quant.len : 0, with ? quant.ptr : "");
    l->failed |= !key.ptr;
    for (char *c = (char *)(uintptr_t)key.ptr; c && *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return key;
}

/* of: PUBLISHER/MODEL. */
static void take_model(struct looking *l, struct library_place *place, struct slice of,
                       const char *model)
{
    const char *folder = arena_format(l->scratch, "%s/%.*s", place->path, SLICE_ARG(of)).ptr;
    struct listing all = library_list(l, folder);
    const char *mmproj = NULL;
    size_t several = 0;
    l->failed |= !folder;
    for (size_t i = 0; i < all.n && !l->failed; i++) {
        several += library_is_gguf(all.names[i]);
        if (!mmproj && library_is_mmproj(all.names[i]))
            mmproj = library_join(l, folder, all.names[i]);
    }
    for (size_t i = 0; i < all.n && !l->failed; i++) {
        struct slice stem = library_stem(slice_of(all.names[i]));
        struct find f = {.store = LIBRARY_LMSTUDIO, .mmproj = mmproj};
        f.file = library_is_gguf(all.names[i]) ? library_join(l, folder, all.names[i]) : NULL;
        struct library_model *m = f.file ? library_add(l, place, &f) : NULL;
        if (!m)
            continue;
        if (!library_name(l, m, key_of(l, model, library_quant(stem), several > 1)) &&
            !library_name(l, m, stem)) {
            library_drop(l, place);
            continue;
        }
        struct slice path = arena_format(l->scratch, "%.*s/%s", SLICE_ARG(of), all.names[i]);
        l->failed |= !path.ptr;
        (void)library_name(l, m, stem);
        if (several == 1)
            (void)library_name(l, m, of);
        (void)library_name(l, m, path);
    }
}

static void look_at(struct looking *l, const char *path)
{
    struct library_place *place = library_enter(l, LIBRARY_LMSTUDIO, path);
    struct listing publishers = library_list(l, place ? place->path : NULL);
    for (size_t i = 0; i < publishers.n && !l->failed; i++) {
        const char *publisher = library_join(l, place->path, publishers.names[i]);
        struct listing models = library_list(l, publisher);
        for (size_t k = 0; k < models.n && !l->failed; k++) {
            struct slice of =
                arena_format(l->scratch, "%s/%s", publishers.names[i], models.names[k]);
            l->failed |= !of.ptr;
            if (of.ptr)
                take_model(l, place, of, models.names[k]);
        }
    }
}

/* The folder that its settings name; NULL: they name none. */
static const char *chosen(struct looking *l, const char *home)
{
    const char *path = home ? library_join(l, home, "settings.json") : NULL;
    struct slice text = library_read(l, path, SETTINGS_MOST);
    struct json_doc doc;
    const char *folder = NULL;
    if (!text.len || json_read(text, &json_usual_limits, NULL, &doc, NULL))
        return NULL;
    struct slice said = json_text(json_get(doc.root, "downloadsFolder"));
    if (slice_begins(said, SLICE("/"))) {
        folder = arena_cstr(l->scratch, said);
        l->failed |= !folder;
    }
    json_done(&doc);
    return folder;
}

void library_lmstudio(struct looking *l)
{
    const char *usual = library_join(l, l->where->home, ".lmstudio");
    const char *pointer = library_join(l, l->where->home, ".lmstudio-home-pointer");
    struct slice said = library_read(l, pointer, 4096);
    const char *home = slice_begins(said, SLICE("/")) ? said.ptr : usual;
    look_at(l, chosen(l, home));
    look_at(l, home ? library_join(l, home, "models") : NULL);
    look_at(l, library_join(l, l->where->home, ".cache/lm-studio/models")); /* until 2025 */
}
