/* huggingface: the cache of its libraries, which llama.cpp uses too. models--ORG--NAME/ has
 * refs/main with a commit, and snapshots/COMMIT/... with links into blobs/, whose names are the
 * SHA-256 of large files. */
#include <unistd.h>

#include "library/inside.h"

#define DEPTH 3u /* folders in a snapshot: some keep a quantisation in one of its own */
#define COMMIT_MOST 64u

struct repository {
    struct library_place *place;
    struct slice name; /* ORG/NAME */
    const char *mmproj;
    size_t best; /* the place among the models of the one that the bare name means, +1 */
    unsigned rank;
};

/* Without a quantisation llama.cpp takes Q4_K_M, else Q8_0, else the first. */
static unsigned rank_of(struct slice quant)
{
    return slice_is_nocase(quant, SLICE("Q4_K_M")) ? 3
           : slice_is_nocase(quant, SLICE("Q8_0")) ? 2
                                                   : 1;
}

/* What a link into blobs/ says of the bytes; NULL: nothing. */
static const char *digest_of(struct looking *l, const char *path)
{
    char to[4096];
    ssize_t n = readlink(path, to, sizeof to);
    if (n < 64 || (size_t)n >= sizeof to || (n > 64 && to[n - 65] != '/'))
        return NULL;
    struct slice hex = {to + n - 64, 64};
    for (size_t i = 0; i < hex.len; i++) {
        if (!strchr("0123456789abcdef", hex.ptr[i]))
            return NULL;
    }
    const char *kept = arena_cstr(l->scratch, hex);
    l->failed |= !kept;
    return kept;
}

static void take_file(struct looking *l, struct repository *r, const char *path, const char *name)
{
    struct slice stem = library_stem(slice_of(name)), quant = library_quant(stem);
    struct find f = {.store = LIBRARY_HUGGINGFACE, .file = path, .mmproj = r->mmproj};
    f.digest = digest_of(l, path);
    struct library_model *m = library_add(l, r->place, &f);
    if (!m)
        return;
    struct slice tag = quant.len ? quant : stem;
    struct slice full = arena_format(l->scratch, "%.*s:%.*s", SLICE_ARG(r->name), SLICE_ARG(tag));
    l->failed |= !full.ptr;
    if (!full.ptr || (!library_name(l, m, full) && !library_name(l, m, stem))) {
        library_drop(l, r->place);
        return;
    }
    (void)library_name(l, m, stem);
    if (rank_of(quant) > r->rank) {
        r->rank = rank_of(quant);
        r->best = l->n;
    }
}

/* First those by which a model sees, then the models. */
static void walk(struct looking *l, struct repository *r, const char *path, unsigned depth)
{
    struct listing all = library_list(l, path);
    for (size_t i = 0; i < all.n && !l->failed; i++) {
        if (library_is_mmproj(all.names[i]) && !r->mmproj)
            r->mmproj = library_join(l, path, all.names[i]);
    }
    for (size_t i = 0; i < all.n && !l->failed; i++) {
        const char *inner = library_join(l, path, all.names[i]);
        if (inner && library_is_gguf(all.names[i]))
            take_file(l, r, inner, all.names[i]);
        else if (depth < DEPTH && library_is_folder(inner))
            walk(l, r, inner, depth + 1);
    }
}

/* The snapshot that its main branch names, else the only one there is. */
static const char *snapshot_of(struct looking *l, const char *path)
{
    struct slice commit = library_read(l, library_join(l, path, "refs/main"), COMMIT_MOST);
    const char *snapshots = library_join(l, path, "snapshots");
    if (!snapshots)
        return NULL;
    if (commit.len && slice_find(commit, '/') == commit.len && commit.ptr[0] != '.') {
        const char *named = library_join(l, snapshots, commit.ptr);
        if (library_is_folder(named))
            return named;
    }
    struct listing all = library_list(l, snapshots);
    return all.n == 1 ? library_join(l, snapshots, all.names[0]) : NULL;
}

/* models--ORG--NAME; a name may hold two dashes itself. */
static bool name_of(struct looking *l, struct slice folder, struct slice *ret_name)
{
    if (!slice_begins(folder, SLICE("models--")))
        return false;
    struct slice rest = slice_from(folder, 8);
    for (size_t i = 1; i + 2 < rest.len; i++) {
        if (rest.ptr[i] != '-' || rest.ptr[i + 1] != '-')
            continue;
        *ret_name = arena_format(l->scratch, "%.*s/%.*s", (int)i, rest.ptr,
                                 SLICE_ARG(slice_from(rest, i + 2)));
        l->failed |= !ret_name->ptr;
        return ret_name->ptr != NULL;
    }
    *ret_name = rest; /* the oldest ones have no organisation */
    return rest.len > 0;
}

static void look_at(struct looking *l, const char *path)
{
    struct library_place *place = library_enter(l, LIBRARY_HUGGINGFACE, path);
    struct listing all = library_list(l, place ? place->path : NULL);
    for (size_t i = 0; i < all.n && !l->failed; i++) {
        struct repository r = {.place = place};
        const char *inner = library_join(l, place->path, all.names[i]);
        const char *snapshot =
            inner && name_of(l, slice_of(all.names[i]), &r.name) ? snapshot_of(l, inner) : NULL;
        if (snapshot)
            walk(l, &r, snapshot, 0);
        if (r.best && !l->failed)
            (void)library_name(l, &l->models[r.best - 1], r.name);
    }
}

void library_huggingface(struct looking *l)
{
    static const struct {
        const char *variable, *below;
    } said[] = {{"LLAMA_CACHE", NULL},
                {"HF_HUB_CACHE", NULL},
                {"HUGGINGFACE_HUB_CACHE", NULL},
                {"HF_HOME", "hub"},
                {"XDG_CACHE_HOME", "huggingface/hub"}};
    for (size_t i = 0; i < COUNT(said); i++) {
        const char *folder = library_variable(l, said[i].variable);
        if (!folder || folder[0] != '/')
            continue;
        look_at(l, said[i].below ? library_join(l, folder, said[i].below) : folder);
    }
    look_at(l, library_join(l, l->where->home, ".cache/huggingface/hub"));
}
