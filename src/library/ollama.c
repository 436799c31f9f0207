/* ollama: its store. manifests/HOST/NAMESPACE/MODEL/TAG are JSON that names layers by their digest,
 * and a layer's bytes are blobs/sha256-DIGEST. A model is the layer of that media type, GGUF; those
 * that run elsewhere have none, and those in single tensors are not for our engines. */
#include "base/json.h"
#include "library/inside.h"

#define MANIFEST_MOST (1u << 20)
#define LEVELS 4u /* host, namespace, model, tag */
#define LAYER "application/vnd.ollama.image."

struct store {
    struct library_place *place;
    const char *level[LEVELS]; /* of the manifest that is looked at */
};

/* The file of a digest, "sha256:" and 64 digits, in *ret_hex without its word. */
static const char *blob(struct looking *l, const struct store *s, struct slice digest,
                        const char **ret_hex)
{
    if (!slice_begins(digest, SLICE("sha256:")) || digest.len != 7 + 64)
        return NULL;
    struct slice hex = slice_from(digest, 7);
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return NULL;
    }
    *ret_hex = arena_cstr(l->scratch, hex);
    const char *path =
        arena_format(l->scratch, "%s/blobs/sha256-%.*s", s->place->path, SLICE_ARG(hex)).ptr;
    l->failed |= !*ret_hex || !path;
    return path;
}

static bool take_layers(struct looking *l, const struct store *s, const struct json_value *layers,
                        struct find *f)
{
    const char *hex = NULL;
    for (struct json_iter i = json_begin(layers); json_next(&i);) {
        struct slice type = json_text(json_get(i.value, "mediaType"));
        struct slice digest = json_text(json_get(i.value, "digest"));
        if (slice_is(type, SLICE(LAYER "model")) && !f->file) {
            f->file = blob(l, s, digest, &hex);
            f->digest = hex;
        } else if (slice_is(type, SLICE(LAYER "projector")) && !f->mmproj) {
            f->mmproj = blob(l, s, digest, &hex);
        } else if (slice_is(type, SLICE(LAYER "adapter")) && !f->lora) {
            f->lora = blob(l, s, digest, &hex);
        }
    }
    return f->file != NULL && !l->failed;
}

/* qwen2.5:14b, me/mine:tag, hf.co/them/theirs:Q4_K_M. The tag `latest` need not be said. */
static struct slice name_of(struct looking *l, const struct store *s)
{
    bool usual = strcmp(s->level[0], "registry.ollama.ai") == 0;
    bool theirs = usual && strcmp(s->level[1], "library") == 0;
    bool latest = strcmp(s->level[3], "latest") == 0;
    struct slice name = arena_format(l->scratch, "%s%s%s%s%s%s%s", usual ? "" : s->level[0],
                                     usual ? "" : "/", theirs ? "" : s->level[1], theirs ? "" : "/",
                                     s->level[2], latest ? "" : ":", latest ? "" : s->level[3]);
    l->failed |= !name.ptr;
    return name;
}

static void take_manifest(struct looking *l, const struct store *s, const char *path)
{
    struct slice text = library_read(l, path, MANIFEST_MOST);
    struct find f = {.store = LIBRARY_OLLAMA};
    struct json_doc doc;
    if (!text.len || json_read(text, &json_usual_limits, NULL, &doc, NULL))
        return;
    if (take_layers(l, s, json_get(doc.root, "layers"), &f)) {
        struct library_model *m = library_add(l, s->place, &f);
        if (m && !library_name(l, m, name_of(l, s)))
            library_drop(l, s->place);
    }
    json_done(&doc);
}

static void walk(struct looking *l, struct store *s, const char *path, unsigned level)
{
    struct listing all = library_list(l, path);
    for (size_t i = 0; i < all.n && !l->failed; i++) {
        const char *inner = library_join(l, path, all.names[i]);
        s->level[level] = all.names[i];
        if (inner && level + 1 < LEVELS)
            walk(l, s, inner, level + 1);
        else if (inner)
            take_manifest(l, s, inner);
    }
}

static void look_at(struct looking *l, const char *path)
{
    struct store s = {.place = library_enter(l, LIBRARY_OLLAMA, path)};
    if (s.place)
        walk(l, &s, library_join(l, s.place->path, "manifests"), 0);
}

void library_ollama(struct looking *l)
{
    const char *said = library_variable(l, "OLLAMA_MODELS");
    if (said && said[0] == '/')
        look_at(l, said);
    look_at(l, library_join(l, l->where->home, ".ollama/models"));
    if (!l->where->apart)
        look_at(l,
                "/usr/share/ollama/.ollama/models"); /* as its installer makes it, for a service */
}
