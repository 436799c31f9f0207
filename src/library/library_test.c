/* The library: real layouts of each store, what names come of them, which are the same, and what
 * hostile or broken stores do to it. */
#include "library/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "library/inside.h"
#include "os/os.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LAYER(type, hex)                                                                           \
    "{\"mediaType\":\"application/vnd.ollama.image." type "\",\"digest\":\"sha256:" hex "\"}"
#define MANIFEST(layers) "{\"schemaVersion\":2,\"layers\":[" layers "]}"
#define REGISTRY ".ollama/models/manifests/registry.ollama.ai/"

struct home {
    char dir[200];
    struct arena arena;
    struct library library;
};

static const char *path_in(struct home *h, const char *name)
{
    const char *path = arena_format(&h->arena, "%s/%s", h->dir, name).ptr;
    assert_non_null(path);
    return path;
}

static void make_folders(const char *path)
{
    char part[4096];
    snprintf(part, sizeof part, "%s", path);
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        assert_true(mkdir(part, 0700) == 0 || errno == EEXIST);
        *p = '/';
    }
}

static void put(struct home *h, const char *name, const char *words)
{
    const char *path = path_in(h, name);
    make_folders(path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fputs(words, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static int make(void **state)
{
    struct home *h = calloc(1, sizeof *h);
    const char *tmp = getenv("TMPDIR");
    assert_non_null(h);
    snprintf(h->dir, sizeof h->dir, "%s/hearth-library-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(h->dir));
    *state = h;
    return 0;
}

static int end(void **state)
{
    struct home *h = *state;
    assert_int_equal(os_remove_folder(h->dir, 10000), OK);
    arena_fini(&h->arena);
    free(h);
    return 0;
}

static void look(struct home *h, const char *const *environment)
{
    struct library_where where = {.home = h->dir, .environment = environment, .apart = true};
    where.folder = path_in(h, "ai_local");
    for (enum library_store s = 0; s < LIBRARY_STORES; s++)
        where.stores[s] = true;
    assert_int_equal(library_look(&h->arena, &where, &h->library), OK);
}

static const struct library_model *find(const struct home *h, const char *name)
{
    for (size_t i = 0; i < h->library.n; i++) {
        if (strcmp(h->library.models[i].name, name) == 0)
            return &h->library.models[i];
    }
    return NULL;
}

static bool has_alias(const struct library_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_aliases; i++) {
        if (slice_is(m->aliases[i], slice_of(name)))
            return true;
    }
    return false;
}

/* ---- stores --------------------------------------------------------------------------------- */

static void check_ollama(void **state)
{
    struct home *h = *state;
    put(h, ".ollama/models/blobs/sha256-" HEX_A, "GGUF one");
    put(h, ".ollama/models/blobs/sha256-" HEX_B, "GGUF two, longer");
    put(h, REGISTRY "library/qwen2.5/14b", MANIFEST(LAYER("model", HEX_A)));
    put(h, REGISTRY "library/llava/latest",
        MANIFEST(LAYER("model", HEX_A) "," LAYER("projector", HEX_B)));
    put(h, REGISTRY "me/mine/v1", MANIFEST(LAYER("model", HEX_B) "," LAYER("adapter", HEX_A)));
    put(h, ".ollama/models/manifests/hf.co/them/Theirs-GGUF/Q4_K_M",
        MANIFEST(LAYER("model", HEX_B)));
    put(h, REGISTRY "library/cloud/latest", MANIFEST(LAYER("template", HEX_A)));
    look(h, NULL);
    assert_int_equal(h->library.n, 4);
    const struct library_model *qwen = find(h, "qwen2.5:14b"), *llava = find(h, "llava");
    const struct library_model *mine = find(h, "me/mine:v1");
    const struct library_model *theirs = find(h, "hf.co/them/Theirs-GGUF:Q4_K_M");
    assert_true(qwen && llava && mine && theirs);
    assert_string_equal(qwen->digest, HEX_A);
    assert_string_equal(qwen->file, path_in(h, ".ollama/models/blobs/sha256-" HEX_A));
    assert_int_equal(qwen->bytes, 8);
    assert_string_equal(llava->mmproj, path_in(h, ".ollama/models/blobs/sha256-" HEX_B));
    assert_string_equal(mine->lora, qwen->file);
    /* with a projector or an adapter it is another model */
    for (size_t i = 0; i < h->library.n; i++)
        assert_int_equal(h->library.models[i].same_as, i);
    assert_int_equal(h->library.n_places, 1);
    assert_int_equal(h->library.places[0].models, 4);
}

static void check_lmstudio(void **state)
{
    struct home *h = *state;
    put(h,
        ".lmstudio/models/lmstudio-community/Qwen2.5-7B-Instruct-GGUF/"
        "Qwen2.5-7B-Instruct-Q4_K_M.gguf",
        "GGUF");
    put(h, ".lmstudio/models/pub/Two-GGUF/two-q4_0.gguf", "GGUF 4");
    put(h, ".lmstudio/models/pub/Two-GGUF/two-q8_0.gguf", "GGUF 88");
    put(h, ".lmstudio/models/pub/Two-GGUF/mmproj-two-f16.gguf", "GGUF m");
    put(h, ".lmstudio/models/pub/mlx/model.safetensors", "no");
    put(h, ".lmstudio/models/too-high.gguf", "GGUF");
    look(h, NULL);
    assert_int_equal(h->library.n, 3);
    const struct library_model *qwen = find(h, "qwen2.5-7b-instruct");
    assert_non_null(qwen);
    assert_true(has_alias(qwen, "Qwen2.5-7B-Instruct-Q4_K_M"));
    assert_true(has_alias(qwen, "lmstudio-community/Qwen2.5-7B-Instruct-GGUF"));
    assert_string_equal(qwen->mmproj, "");
    const struct library_model *four = find(h, "two@q4_0"), *eight = find(h, "two@q8_0");
    assert_true(four && eight);
    assert_string_equal(eight->mmproj, path_in(h, ".lmstudio/models/pub/Two-GGUF/"
                                                  "mmproj-two-f16.gguf"));
}

static void check_lmstudio_elsewhere(void **state)
{
    struct home *h = *state;
    put(h, "pointed/settings.json",
        arena_format(&h->arena, "{\"downloadsFolder\":\"%s/big\"}", h->dir).ptr);
    put(h, ".lmstudio-home-pointer", arena_format(&h->arena, "%s/pointed\n", h->dir).ptr);
    put(h, "big/p/m/a.gguf", "GGUF");
    look(h, NULL);
    assert_int_equal(h->library.n, 1);
    assert_non_null(find(h, "m"));
}

static void check_huggingface(void **state)
{
    struct home *h = *state;
    const char *snapshot = ".cache/huggingface/hub/models--org--Name-GGUF/snapshots/abc/";
    put(h, ".cache/huggingface/hub/models--org--Name-GGUF/refs/main", "abc");
    put(h, ".cache/huggingface/hub/models--org--Name-GGUF/blobs/" HEX_A, "GGUF q4");
    put(h, arena_format(&h->arena, "%sName-Q8_0.gguf", snapshot).ptr, "GGUF q8 here");
    put(h, arena_format(&h->arena, "%sUD/Name-UD-Q4_K_XL-00001-of-00002.gguf", snapshot).ptr,
        "GGUF 1");
    put(h, arena_format(&h->arena, "%sUD/Name-UD-Q4_K_XL-00002-of-00002.gguf", snapshot).ptr,
        "GGUF 2");
    put(h, arena_format(&h->arena, "%sBF16/Name-BF16-00001-of-00002.gguf", snapshot).ptr, "cut");
    put(h, ".cache/huggingface/hub/models--org--Name-GGUF/snapshots/old/Name-Q2_K.gguf", "GGUF");
    assert_int_equal(
        symlink("../../blobs/" HEX_A,
                path_in(h, arena_format(&h->arena, "%sName-Q4_K_M.gguf", snapshot).ptr)),
        0);
    look(h, NULL);
    assert_int_equal(h->library.n, 3);
    const struct library_model *four = find(h, "org/Name-GGUF:Q4_K_M");
    const struct library_model *eight = find(h, "org/Name-GGUF:Q8_0");
    const struct library_model *parts = find(h, "org/Name-GGUF:UD-Q4_K_XL");
    assert_true(four && eight && parts);
    assert_string_equal(four->digest, HEX_A);
    assert_true(has_alias(four, "org/Name-GGUF"));
    assert_false(has_alias(eight, "org/Name-GGUF"));
    assert_string_equal(eight->digest, "");
    assert_int_equal(parts->bytes, 12);
}

static void check_own_and_elsewhere(void **state)
{
    struct home *h = *state;
    const char *const environment[] = {arena_format(&h->arena, "HF_HOME=%s/hf", h->dir).ptr,
                                       arena_format(&h->arena, "OLLAMA_MODELS=%s/om", h->dir).ptr,
                                       "HF_HUB_CACHE=", NULL};
    put(h, "ai_local/llm/coding/My Model (v2).gguf", "GGUF");
    put(h, "hf/hub/models--a--b/snapshots/only/b.gguf", "GGUF b");
    put(h, "om/manifests/registry.ollama.ai/library/x/latest", MANIFEST(LAYER("model", HEX_B)));
    put(h, "om/blobs/sha256-" HEX_B, "GGUF x");
    look(h, environment);
    assert_int_equal(h->library.n, 3);
    assert_non_null(find(h, "My-Model--v2-"));
    assert_non_null(find(h, "a/b:b"));
    assert_non_null(find(h, "x"));
}

/* ---- the same ------------------------------------------------------------------------------- */

static void check_doubles(void **state)
{
    struct home *h = *state;
    put(h, ".ollama/models/blobs/sha256-" HEX_A, "GGUF the same");
    put(h, REGISTRY "library/one/latest", MANIFEST(LAYER("model", HEX_A)));
    put(h, ".cache/huggingface/hub/models--o--n/blobs/" HEX_A, "GGUF the same");
    put(h, ".cache/huggingface/hub/models--o--n/snapshots/c/other", "");
    assert_int_equal(
        symlink("../../blobs/" HEX_A,
                path_in(h, ".cache/huggingface/hub/models--o--n/snapshots/c/n-Q4_0.gguf")),
        0);
    put(h, ".lmstudio/models/p/m/looks.gguf", "GGUF the same");
    put(h, ".lmstudio/models/p/m/other.gguf", "GGUF the samE");
    put(h, "ai_local/linked/x", "");
    assert_int_equal(link(path_in(h, ".lmstudio/models/p/m/other.gguf"),
                          path_in(h, "ai_local/linked/other.gguf")),
                     0);
    look(h, NULL);
    assert_int_equal(h->library.n, 5);
    const struct library_model *one = find(h, "one"), *hf = find(h, "o/n:Q4_0");
    const struct library_model *linked = find(h, "other");
    assert_true(one && hf && linked);
    assert_ptr_equal(&h->library.models[hf->same_as], one);
    assert_int_equal(linked->store, LIBRARY_OWN);
    assert_int_equal(library_twice(&h->library), 13); /* what the stores state */
    library_compare(&h->library);
    assert_int_equal(library_twice(&h->library), 26); /* a link is no double */
}

static void check_names(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"Llama-3.2-3B-Instruct-Q4_K_M", "Q4_K_M"},
        {"model.q8_0", "q8_0"},
        {"a-UD-IQ2_XXS", "UD-IQ2_XXS"},
        {"a-BF16", "BF16"},
        {"gpt-oss-20b-MXFP4", "MXFP4"},
        {"Qwen2.5-7B", ""},
        {"Q4_0", ""},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct slice q = library_quant(slice_of(rows[i][0]));
        assert_true(slice_is(q, slice_of(rows[i][1])));
    }
    assert_true(slice_is(library_stem(SLICE("a-00002-of-00003.gguf")), SLICE("a")));
    assert_true(slice_is(library_stem(SLICE("a-00004-of-00003.gguf")), SLICE("a-00004-of-00003")));
    assert_true(library_is_gguf("A.GGUF"));
    assert_false(library_is_gguf("a-00002-of-00003.gguf"));
    assert_false(library_is_gguf("mmproj-a.gguf"));
    assert_false(library_is_gguf(".gguf"));
    assert_false(library_is_gguf("a.gguf.part"));
}

/* ---- what is broken or hostile -------------------------------------------------------------- */

static void check_hostile(void **state)
{
    struct home *h = *state;
    static const char *const manifests[] = {
        "",
        "[]",
        "{",
        "null",
        "{\"layers\":7}",
        "{\"layers\":[7,null,{}]}",
        MANIFEST(LAYER("model", "short")),
        MANIFEST(LAYER("model", "../../../../etc/passwd")),
        MANIFEST(
            LAYER("model", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        MANIFEST(LAYER("model", HEX_B)), /* its file is not there */
    };
    for (size_t i = 0; i < COUNT(manifests); i++)
        put(h, arena_format(&h->arena, REGISTRY "library/m/t%zu", i).ptr, manifests[i]);
    put(h, REGISTRY "library/\001\033[31m/latest", MANIFEST(LAYER("model", HEX_A)));
    put(h, ".ollama/models/blobs/sha256-" HEX_A, "GGUF");
    put(h, ".cache/huggingface/hub/models--o--n/refs/main", "../../../../..");
    put(h, ".cache/huggingface/hub/models--/x", "");
    put(h, ".lmstudio-home-pointer", "relative/path");
    put(h, ".lmstudio/settings.json", "{\"downloadsFolder\":[]}");
    assert_int_equal(mkfifo(path_in(h, ".lmstudio/fifo.gguf"), 0600), 0);
    put(h, "ai_local/deep/x", "");
    assert_int_equal(symlink("..", path_in(h, "ai_local/deep/round")), 0);
    assert_int_equal(mkfifo(path_in(h, "ai_local/deep/fifo.gguf"), 0600), 0);
    assert_int_equal(symlink("/nowhere/at/all", path_in(h, "ai_local/deep/gone.gguf")), 0);
    assert_int_equal(symlink("/dev/zero", path_in(h, "ai_local/deep/zero.gguf")), 0);
    look(h, NULL);
    assert_int_equal(h->library.n, 1); /* the one with an odd name, made harmless */
    assert_string_equal(h->library.models[0].name, "31m");
}

static void check_limits(void **state)
{
    struct home *h = *state;
    for (unsigned i = 0; i < LIBRARY_MOST + 10; i++)
        put(h, arena_format(&h->arena, "ai_local/m%u.gguf", i).ptr, "GGUF");
    look(h, NULL);
    assert_int_equal(h->library.n, LIBRARY_MOST);
    assert_true(h->library.more);
}

static void check_closed(void **state)
{
    struct home *h = *state;
    put(h, "ai_local/a.gguf", "GGUF");
    assert_int_equal(chmod(path_in(h, "ai_local"), 0), 0);
    look(h, NULL);
    assert_int_equal(chmod(path_in(h, "ai_local"), 0700), 0);
    if (geteuid() == 0)
        skip(); /* nothing is closed to root */
    assert_int_equal(h->library.n, 0);
    assert_int_equal(h->library.n_places, 1);
    assert_int_equal(h->library.places[0].err, ERR_PERMISSION);
}

static void check_switched_off(void **state)
{
    struct home *h = *state;
    struct library_where where = {.home = h->dir, .folder = path_in(h, "ai_local"), .apart = true};
    put(h, "ai_local/a.gguf", "GGUF");
    assert_int_equal(library_look(&h->arena, &where, &h->library), OK);
    assert_int_equal(h->library.n + h->library.n_places, 0);
    assert_int_equal(library_store_of(SLICE("ollama")), LIBRARY_OLLAMA);
    assert_int_equal(library_store_of(SLICE("olla")), LIBRARY_STORES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_ollama, make, end),
        cmocka_unit_test_setup_teardown(check_lmstudio, make, end),
        cmocka_unit_test_setup_teardown(check_lmstudio_elsewhere, make, end),
        cmocka_unit_test_setup_teardown(check_huggingface, make, end),
        cmocka_unit_test_setup_teardown(check_own_and_elsewhere, make, end),
        cmocka_unit_test_setup_teardown(check_doubles, make, end),
        cmocka_unit_test(check_names),
        cmocka_unit_test_setup_teardown(check_hostile, make, end),
        cmocka_unit_test_setup_teardown(check_limits, make, end),
        cmocka_unit_test_setup_teardown(check_closed, make, end),
        cmocka_unit_test_setup_teardown(check_switched_off, make, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
