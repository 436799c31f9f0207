/* pack_test: packs on disk: read, however broken; used, gone back from, removed; leftovers and the
 * lock; archives of strangers. */
#include "pack/testing.h"

#define GOOD                                                                                       \
    "{\"format\":1,\"engine\":\"llama.cpp\",\"version\":\"1\",\"place\":\"root\","                 \
    "\"program\":\"usr/bin/llama-server\",\"bytes\":7,\"probed\":true,"                            \
    "\"features\":[\"cancel\",\"of_a_newer_hearth\"]}"

static void put_pack(struct place *p, const char *id, const char *manifest)
{
    char name[256];
    snprintf(name, sizeof name, "engines/%s/pack.json", id);
    put_file(p, name, manifest, 0600);
    snprintf(name, sizeof name, "engines/%s/root/usr/bin/llama-server", id);
    put_file(p, name, "program", 0755);
    chmod(p->engines, 0700);
}

static void a_good_one_is_read(void **state)
{
    struct place *p = *state;
    char path[256];
    put_pack(p, "one", GOOD);
    const struct pack *one = read_one(p, "one");
    assert_non_null(one);
    assert_string_equal(one->trouble, "");
    assert_string_equal(one->engine, "llama.cpp");
    assert_string_equal(one->program, "/usr/bin/llama-server");
    snprintf(path, sizeof path, "%s/one/root", p->engines);
    assert_string_equal(one->root, path);
    assert_null(one->folder);
    assert_int_equal(one->bytes, 7);
    assert_true(one->probed && one->features[PACK_CANCEL] && !one->features[PACK_SLOT_SAVE]);
    assert_ptr_equal(pack_pick(one, 1, "llama.cpp"), one); /* the only one */
    assert_null(read_one(p, "whisper.cpp"));
}

static void no_folder_is_no_pack(void **state)
{
    struct place *p = *state;
    assert_null(read_one(p, "llama.cpp"));
}

#define WITH(key, value)                                                                           \
    "{\"format\":1,\"engine\":\"llama.cpp\",\"place\":\"root\",\"program\":\"usr/bin/llama-"       \
    "server\",\"" key "\":" value "}"
#define PROGRAM(place, path)                                                                       \
    "{\"format\":1,\"engine\":\"llama.cpp\",\"place\":\"" place "\",\"program\":\"" path "\"}"

static void broken_ones_are_listed_with_their_trouble(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *manifest, *words;
    } rows[] = {
        {"", "pack.json"},
        {"{", "pack.json"},
        {"[]", "pack.json"},
        {"{}", "pack.json"},
        {"null", "pack.json"},
        {"{\"format\":2,\"engine\":\"llama.cpp\",\"place\":\"root\",\"program\":\"x\"}", "another"},
        {"{\"format\":1,\"engine\":\"other\",\"place\":\"root\",\"program\":\"x\"}", "no engine"},
        {"{\"format\":1,\"engine\":7,\"place\":\"root\",\"program\":\"x\"}", "pack.json"},
        {"{\"format\":1,\"format\":1}", "pack.json"},
        {PROGRAM("root", "/bin/sh"), "no path inside"},
        {PROGRAM("root", "../../../../bin/sh"), "no path inside"},
        {PROGRAM("root", "usr/../../x"), "no path inside"},
        {PROGRAM("root", "usr//x"), "no path inside"},
        {PROGRAM("root", "usr/bin/"), "no path inside"},
        {PROGRAM("root", "."), "no path inside"},
        {PROGRAM("root", "a\\u0000b"), "pack.json"},
        {PROGRAM("root", "usr/bin/absent"), "is not there"},
        {PROGRAM("elsewhere", "usr/bin/llama-server"), "place"},
        {PROGRAM("outside", "bin/sh"), "no absolute path"},
        {WITH("backend", "\"lib/x.so\""), "backend"},
        {WITH("backend", "\"/lib/../../x.so\""), "backend"},
        {WITH("features", "[1]"), "features"},
        {WITH("features", "\"cancel\""), "pack.json"},
        {WITH("bytes", "-1"), "pack.json"},
        {WITH("bytes", "1e300"), "pack.json"},
        {WITH("probed", "[[[[[[1]]]]]]"), "pack.json"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        put_pack(p, "bad", rows[i].manifest);
        put_pack(p, "good", GOOD);
        const struct pack *bad = read_one(p, "bad");
        assert_non_null(bad);
        if (!strstr(bad->trouble, rows[i].words))
            fail_msg("row %zu: %s", i, bad->trouble);
        assert_string_equal(read_one(p, "good")->trouble, "");
    }
}

static void a_huge_manifest_is_not_read(void **state)
{
    struct place *p = *state;
    struct text huge = {0};
    text_add(&huge, SLICE("{\"format\":1,\"version\":\""));
    while (huge.len < 100000)
        text_add(&huge, SLICE("0123456789"));
    text_add(&huge, SLICE("\"}"));
    put_pack(p, "bad", text_cstr(&huge));
    text_fini(&huge);
    assert_non_null(strstr(read_one(p, "bad")->trouble, "larger"));
}

static void what_could_fool_a_terminal_is_shown(void **state)
{
    struct place *p = *state;
    put_pack(p, "bad", WITH("version", "\"\\u001b[31mred\""));
    assert_null(strchr(read_one(p, "bad")->version, '\033'));
}

static void odd_entries_are_passed_over(void **state)
{
    struct place *p = *state;
    put_pack(p, "one", GOOD);
    put_file(p, "engines/file", "x", 0600);
    put_file(p, "engines/.new-0/pack.json", GOOD, 0600);
    put_file(p, "engines/a b/pack.json", GOOD, 0600);
    char from[256], to[256];
    snprintf(to, sizeof to, "%s/one", p->engines);
    snprintf(from, sizeof from, "%s/link", p->engines);
    assert_int_equal(symlink(to, from), 0);
    const struct pack *packs;
    size_t n;
    assert_int_equal(packs_read(p->engines, NULL, &p->arena, &packs, &n, NULL), OK);
    assert_int_equal(n, 1);
}

static void one_on_path_is_found(void **state)
{
    struct place *p = *state;
    char path[256];
    const struct pack *packs;
    size_t n;
    put_file(p, "bin/llama-server", "x", 0755);
    put_file(p, "none/whisper-server", "x", 0644); /* may not be run */
    snprintf(path, sizeof path, "relative::%s/none:%s/bin", p->path, p->path);
    assert_int_equal(packs_read(p->engines, path, &p->arena, &packs, &n, NULL), OK);
    assert_int_equal(n, 1);
    assert_string_equal(packs[0].id, "llama.cpp-path");
    assert_string_equal(packs[0].source, "PATH");
    assert_null(packs[0].root);
    snprintf(path, sizeof path, "%s/bin", p->path);
    assert_string_equal(packs[0].folder, path);
}

/* ---- changes ---- */

static const char *in_use(struct place *p)
{
    const struct pack *used = read_one(p, "llama.cpp");
    return used && used->used ? used->id : "";
}

static void using_and_going_back(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    const char *id;
    put_pack(p, "one", GOOD);
    put_pack(p, "two", GOOD);
    assert_null(read_one(p, "llama.cpp")); /* two, and none is in use */
    assert_int_equal(pack_use_previous(&p->work, NULL, &id, &why), ERR_NOT_FOUND);
    assert_int_equal(pack_use(&p->work, "one", &why), OK);
    assert_string_equal(in_use(p), "one");
    assert_int_equal(pack_use(&p->work, "two", &why), OK);
    assert_int_equal(pack_use(&p->work, "two", &why), OK); /* again changes nothing */
    assert_string_equal(in_use(p), "two");
    assert_true(read_one(p, "one")->previous);
    assert_int_equal(pack_use_previous(&p->work, NULL, &id, &why), OK);
    assert_string_equal(id, "one");
    assert_string_equal(in_use(p), "one");
    assert_int_equal(pack_use_previous(&p->work, "llama.cpp", &id, &why), OK);
    assert_string_equal(in_use(p), "two");
    assert_int_equal(pack_use(&p->work, "three", &why), ERR_NOT_FOUND);
    put_pack(p, "bad", "{}");
    assert_int_equal(pack_use(&p->work, "bad", &why), ERR_BAD_VALUE);
    assert_string_equal(in_use(p), "two");
}

static void a_broken_use_json_uses_nothing(void **state)
{
    struct place *p = *state;
    static const char *const rows[] = {
        "", "{", "[]", "{\"llama.cpp\":7}", "{\"llama.cpp\":{\"used\":\"../../etc\"}}", "[{}]"};
    put_pack(p, "one", GOOD);
    put_pack(p, "two", GOOD);
    for (size_t i = 0; i < COUNT(rows); i++) {
        put_file(p, "engines/use.json", rows[i], 0600);
        assert_string_equal(in_use(p), "");
    }
    assert_int_equal(pack_use(&p->work, "one", NULL), OK);
    assert_string_equal(in_use(p), "one");
}

static void removing(void **state)
{
    struct place *p = *state;
    struct why why = {0};
    uint64_t bytes = 0;
    put_pack(p, "one", GOOD);
    put_pack(p, "two", GOOD);
    assert_int_equal(pack_use(&p->work, "one", &why), OK);
    assert_int_equal(pack_use(&p->work, "two", &why), OK);
    assert_int_equal(pack_remove(&p->work, "two", false, &bytes, &why), ERR_BAD_VALUE);
    assert_int_equal(pack_remove(&p->work, "llama.cpp", true, &bytes, &why), ERR_BAD_VALUE);
    assert_int_equal(pack_remove(&p->work, "three", true, &bytes, &why), ERR_NOT_FOUND);
    assert_true(is_there(p, "engines/two"));
    assert_int_equal(pack_remove(&p->work, "two", true, &bytes, &why), OK);
    assert_false(is_there(p, "engines/two"));
    assert_int_equal(bytes, strlen(GOOD) + strlen("program"));
    assert_string_equal(in_use(p), "one"); /* back to the one before */
    put_pack(p, "bad", "{");
    assert_int_equal(pack_remove(&p->work, "bad", false, &bytes, &why), OK);
    assert_int_equal(pack_remove(&p->work, "one", true, &bytes, &why), OK);
    assert_string_equal(in_use(p), "");
    assert_int_equal(entries_in(p, ".gone"), 0);
}

static void removing_follows_no_link(void **state)
{
    struct place *p = *state;
    uint64_t bytes;
    char from[256], to[256];
    put_pack(p, "one", GOOD);
    put_file(p, "mine/file", "x", 0600);
    snprintf(to, sizeof to, "%s/mine", p->path);
    snprintf(from, sizeof from, "%s/one/root/link", p->engines);
    assert_int_equal(symlink(to, from), 0);
    put_file(p, "engines/one/shut/file", "x", 0600);
    snprintf(from, sizeof from, "%s/one/shut", p->engines);
    assert_int_equal(chmod(from, 0), 0);
    assert_int_equal(pack_remove(&p->work, "one", false, &bytes, NULL), OK);
    assert_true(is_there(p, "mine/file"));
    assert_false(is_there(p, "engines/one"));
}

static void leftovers_go_at_the_next_change(void **state)
{
    struct place *p = *state;
    put_pack(p, "one", GOOD);
    put_file(p, "engines/.new-1234/root/usr/bin/llama-server", "half", 0755);
    put_file(p, "engines/.gone-1234/pack.json", GOOD, 0600);
    assert_null(read_one(p, ".new-1234"));
    assert_int_equal(pack_use(&p->work, "one", NULL), OK);
    assert_int_equal(entries_in(p, ".new") + entries_in(p, ".gone"), 0);
    assert_non_null(strstr(text_cstr(&p->said), "broken off"));
}

static void two_changes_at_a_time(void **state)
{
    struct place *p = *state;
    struct change c;
    struct why why = {0};
    assert_int_equal(change_begin(&p->work, &c, &why), OK);
    put_pack(p, "one", GOOD);
    assert_int_equal(pack_use(&p->work, "one", &why), ERR_BUSY);
    change_end(&c);
    assert_int_equal(pack_use(&p->work, "one", &why), OK);
}

static void names(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *version, *flavour, *kind, *id;
    } rows[] = {
        {"0.7.0 (b11669)", "cpu", "debian", "llama.cpp-0.7.0-b11669-debian"},
        {"0.7.0 (b11669)", "vulkan", "debian", "llama.cpp-0.7.0-b11669-debian-vulkan"},
        {"b5234", "", "folder", "llama.cpp-b5234-folder"},
        {"", "cpu", "build", "llama.cpp-build"},
        {"../../x y", "cpu", "build", "llama.cpp-..-..-x-y-build"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct pack pack = {
            .engine = "llama.cpp", .version = rows[i].version, .flavour = rows[i].flavour};
        const char *id = id_make(&p->arena, &pack, rows[i].kind);
        assert_string_equal(id, rows[i].id);
        assert_true(id_is_good(slice_of(id)));
    }
    assert_false(id_is_good(SLICE("")) || id_is_good(SLICE("..")) || id_is_good(SLICE("a/b")));
}

static void versions(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *said, *version;
    } rows[] = {
        {"version: 0.7.0 (build 11669, commit Debian)\nbuilt with x", "0.7.0 (b11669)"},
        {"ggml: x\nversion: 5234 (abc123)\n", "b5234"},
        {"version: 1.2.3\n", "1.2.3"},
        {"error: unknown argument: --version\n", NULL},
        {"", NULL},
        {"version: ", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *version = version_read(slice_of(rows[i].said), &p->arena);
        if (rows[i].version)
            assert_string_equal(version, rows[i].version);
        else
            assert_null(version);
    }
}

static void the_words_that_start_it(void **state)
{
    struct place *p = *state;
    const char *words[PACK_WORDS + 1];
    char at[512];
    put_pack(p, "one", GOOD);
    const struct pack *one = read_one(p, "one");
    assert_int_equal(pack_words(one, true, &p->arena, words, NULL), OK);
    assert_string_equal(words[0], "/usr/bin/llama-server");
    assert_null(words[1]);
    /* where nothing can be mounted: its own loader, which needs to be there */
    assert_int_equal(pack_words(one, false, &p->arena, words, NULL), ERR_NOT_FOUND);
    put_file(p, "engines/one/root/usr/lib64/ld-linux-x86-64.so.2", "x", 0755);
    put_file(p, "engines/one/root/usr/lib/x86_64-linux-gnu/libc.so", "x", 0644);
    put_file(p, "engines/one/root/usr/lib/x86_64-linux-gnu/llama/libx.so", "x", 0644);
    put_file(p, "engines/one/root/usr/lib/x86_64-linux-gnu/other/x.so", "x", 0644);
    assert_int_equal(pack_words(one, false, &p->arena, words, NULL), OK);
    snprintf(at, sizeof at, "%s/usr/lib64/ld-linux-x86-64.so.2", one->root);
    assert_string_equal(words[0], at);
    assert_string_equal(words[1], "--library-path");
    snprintf(at, sizeof at, "%s/usr/lib/x86_64-linux-gnu:%s/usr/lib/x86_64-linux-gnu/llama",
             one->root, one->root);
    assert_string_equal(words[2], at);
    snprintf(at, sizeof at, "%s/usr/bin/llama-server", one->root);
    assert_string_equal(words[3], at);
    assert_null(words[4]);
}

static void the_best_backend_for_this_processor(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *flags, *file;
    } rows[] = {
        {"flags : fpu sse4_2 avx2 fma f16c bmi2 x\n", "libggml-cpu-haswell.so"},
        {"flags : fpu sse4_2 avx2 fma bmi2\n", "libggml-cpu-sse42.so"},
        {"flags : fpu avx22\n", "libggml-cpu-x64.so"},
        {"Features : neon\n", "libggml-cpu-x64.so"},
    };
    put_pack(p, "one", GOOD);
    const struct pack *one = read_one(p, "one");
    assert_string_equal(backend_choose(one, p->path, &p->arena), "");
    put_file(p, "engines/one/root/usr/lib/x86_64-linux-gnu/ggml/backends0/libggml-cpu-x64.so", "",
             0644);
    put_file(p, "engines/one/root/usr/lib/x86_64-linux-gnu/ggml/backends0/libggml-cpu-sse42.so", "",
             0644);
    put_file(p, "engines/one/root/usr/lib/x86_64-linux-gnu/ggml/backends0/libggml-cpu-haswell.so",
             "", 0644);
    for (size_t i = 0; i < COUNT(rows); i++) {
        put_file(p, "proc/cpuinfo", rows[i].flags, 0644);
        const char *backend = backend_choose(one, p->path, &p->arena);
        assert_true(slice_begins(slice_of(backend), SLICE("/usr/lib/x86_64-linux-gnu/")));
        assert_string_equal(strrchr(backend, '/') + 1, rows[i].file);
    }
}

static void the_model_for_the_probe(void **state)
{
    (void)state;
    struct text model = {0};
    tiny_gguf(&model);
    assert_false(model.failed);
    assert_in_range(model.len, 100000, 500000);
    assert_true(slice_begins(text_slice(&model), SLICE("GGUF\3\0\0\0")));
    text_fini(&model);
}

/* ---- archives ---- */

static void archives_are_judged(void **state)
{
    (void)state;
    static const struct {
        const char *words, *listing; /* words: NULL: it is fine */
    } rows[] = {
        {NULL, "drwxr-xr-x 0/0 0 2024-05-01 08:30 build/bin/\n"
               "-rwxr-xr-x 0/0 12 2024-05-01 08:30 build/bin/llama-server\n"
               "lrwxrwxrwx 0/0 0 2024-05-01 08:30 build/bin/liba.so -> liba.so.1\n"
               "lrwxrwxrwx 0/0 0 2024-05-01 08:30 build/x -> ../build/bin\n"
               "hrw-r--r-- 0/0 0 2024-05-01 08:30 build/h link to build/bin/llama-server\n"},
        {NULL, "drwxr-xr-x 0/0 0 2024-05-01 08:30 ./\n"
               "-rw-r--r-- 0/0 1 2024-05-01 08:30 ./a b -> c\n"},
        {NULL, "lrwxrwxrwx 0/0 0 2024-05-01 08:30 ./lib -> usr/lib\n"},
        {"nothing", ""},
        {"outside", "-rw-r--r-- 0/0 1 2024-05-01 08:30 /etc/passwd\n"},
        {"outside", "-rw-r--r-- 0/0 1 2024-05-01 08:30 a/../../b\n"},
        {"outside", "-rw-r--r-- 0/0 1 2024-05-01 08:30 ../b\n"},
        {"outside", "-rw-r--r-- 0/0 1 2024-05-01 08:30 a//b\n"},
        {"outside", "drwxr-xr-x 0/0 0 2024-05-01 08:30 ..\n"},
        {"outside", "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a -> /etc\n"},
        {"outside", "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a -> ..\n"},
        {"outside", "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a/b -> ../../x\n"},
        {"outside", "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a/b/x -> up/../..\n"},
        {"cannot be read", "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a -> b -> /etc\n"},
        {"cannot be read", "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a\n"},
        {"outside", "hrw-r--r-- 0/0 0 2024-05-01 08:30 a link to /etc/passwd\n"},
        {"outside", "hrw-r--r-- 0/0 0 2024-05-01 08:30 a link to ../x\n"},
        {"behind a link", "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a/s -> b\n"
                          "-rw-r--r-- 0/0 1 2024-05-01 08:30 ./a/s/c/x\n"},
        {"behind a link", "-rw-r--r-- 0/0 1 2024-05-01 08:30 a/s/c/x\n"
                          "lrwxrwxrwx 0/0 0 2024-05-01 08:30 a/s -> b\n"},
        {"device", "crw-r--r-- 0/0 1,3 2024-05-01 08:30 null\n"},
        {"device", "brw-r--r-- 0/0 8,0 2024-05-01 08:30 sda\n"},
        {"device", "prw-r--r-- 0/0 0 2024-05-01 08:30 pipe\n"},
        {"setuid", "-rwsr-xr-x 0/0 1 2024-05-01 08:30 su\n"},
        {"setuid", "-rwxr-Sr-x 0/0 1 2024-05-01 08:30 sg\n"},
        {"GiB", "-rw-r--r-- 0/0 5000000000 2024-05-01 08:30 big\n"},
        {"GiB", "-rw-r--r-- 0/0 18446744073709551615 2024-05-01 08:30 big\n"
                "-rw-r--r-- 0/0 18446744073709551615 2024-05-01 08:30 big2\n"},
        {"cannot be read", "-rw-r--r-- 0/0 x 2024-05-01 08:30 odd\n"},
        {"cannot be read", "gibberish\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct why why = {0};
        enum err e = archive_judge(slice_of(rows[i].listing), &why);
        if (!rows[i].words ? e != OK : (e == OK || !strstr(why.text, rows[i].words)))
            fail_msg("row %zu: %d %s", i, (int)e, why.text);
    }
}

static void archives_hold_not_too_many(void **state)
{
    (void)state;
    struct text listing = {0};
    struct why why = {0};
    for (unsigned i = 0; i <= 100000; i++)
        text_format(&listing, "-rw-r--r-- 0/0 1 2024-05-01 08:30 f%u\n", i);
    assert_int_equal(archive_judge(text_slice(&listing), &why), ERR_BAD_VALUE);
    assert_non_null(strstr(why.text, "100000"));
    text_fini(&listing);
}

static void an_archive_needs_its_hash(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    char path[128];
    put_file(p, "a.tar", "no tar", 0600);
    snprintf(path, sizeof path, "%s/a.tar", p->path);
    static const char *const wrong[] = {NULL, "", "12", "zz"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(pack_add_archive(&p->work, path, wrong[i], &made, &why), ERR_BAD_REQUEST);
    assert_int_equal(pack_add_archive(&p->work, path,
                                      "0000000000000000000000000000000000000000000000000000000000"
                                      "000000",
                                      &made, &why),
                     ERR_BAD_VALUE);
    assert_non_null(strstr(why.text, "SHA-256"));
    assert_int_equal(entries_in(p, ".new"), 0);
}

static void folders_that_are_too_wide(void **state)
{
    struct place *p = *state;
    struct pack_made made;
    struct why why = {0};
    assert_int_equal(pack_add_folder(&p->work, "/", &made, &why), ERR_BAD_VALUE);
    assert_int_equal(pack_add_folder(&p->work, "/usr", &made, &why), ERR_BAD_VALUE);
    assert_int_equal(pack_add_folder(&p->work, p->path, &made, &why), ERR_BAD_VALUE);
    assert_int_equal(pack_add_folder(&p->work, "/no/such", &made, &why), ERR_NOT_FOUND);
    put_file(p, "mine/other", "x", 0600);
    char path[128];
    snprintf(path, sizeof path, "%s/mine", p->path);
    assert_int_equal(pack_add_folder(&p->work, path, &made, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "llama-server"));
}

int main(void)
{
#define IN_PLACE(f) cmocka_unit_test_setup_teardown(f, place_open, place_close)
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_good_one_is_read),
        IN_PLACE(no_folder_is_no_pack),
        IN_PLACE(broken_ones_are_listed_with_their_trouble),
        IN_PLACE(a_huge_manifest_is_not_read),
        IN_PLACE(what_could_fool_a_terminal_is_shown),
        IN_PLACE(odd_entries_are_passed_over),
        IN_PLACE(one_on_path_is_found),
        IN_PLACE(using_and_going_back),
        IN_PLACE(a_broken_use_json_uses_nothing),
        IN_PLACE(removing),
        IN_PLACE(removing_follows_no_link),
        IN_PLACE(leftovers_go_at_the_next_change),
        IN_PLACE(two_changes_at_a_time),
        IN_PLACE(names),
        IN_PLACE(versions),
        IN_PLACE(the_words_that_start_it),
        IN_PLACE(the_best_backend_for_this_processor),
        cmocka_unit_test(the_model_for_the_probe),
        cmocka_unit_test(archives_are_judged),
        cmocka_unit_test(archives_hold_not_too_many),
        IN_PLACE(an_archive_needs_its_hash),
        IN_PLACE(folders_that_are_too_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
