/* launch_test: which setting becomes which word of a command line, and what never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "launch/launch.h"

/* The build wraps the two functions that ask for memory. */
static unsigned fails_after; /* so many more work, then one fails; 0: all work */
void *__real_mem_alloc(size_t bytes);
void *__real_mem_grow(void *block, size_t bytes);
void *__wrap_mem_alloc(size_t bytes);
void *__wrap_mem_grow(void *block, size_t bytes);

static bool fails(void)
{
    return fails_after && --fails_after == 0;
}

void *__wrap_mem_alloc(size_t bytes)
{
    return fails() ? NULL : __real_mem_alloc(bytes);
}

void *__wrap_mem_grow(void *block, size_t bytes)
{
    return fails() ? NULL : __real_mem_grow(block, bytes);
}

static struct ground { /* of one test */
    struct arena arena;
    char folder[64];
    struct config_model model;
    struct pack pack;
    struct machine machine;
    struct sandbox_verdict sandbox;
    struct launch_terms terms;
} g;

static const char *make_file(const char *name)
{
    struct slice path = arena_format(&g.arena, "%s/%s", g.folder, name);
    FILE *f = fopen(path.ptr, "w");
    assert_non_null(f);
    fclose(f);
    return path.ptr;
}

static int begin(void **state)
{
    (void)state;
    g = (struct ground){0};
    snprintf(g.folder, sizeof g.folder, "/tmp/launch-XXXXXX");
    assert_non_null(mkdtemp(g.folder));
    g.model = (struct config_model){.name = "tiny",
                                    .file = make_file("tiny.gguf"),
                                    .parallel = 2,
                                    .gpu_layers = "",
                                    .split = "",
                                    .cache_type = "",
                                    .flash = "",
                                    .draft = "",
                                    .mmproj = "",
                                    .template = "",
                                    .reasoning = "",
                                    .pooling = "",
                                    .system_text = "",
                                    .engine = ""};
    g.pack = (struct pack){.id = "fake-1",
                           .engine = "llama.cpp",
                           .version = "1",
                           .flavour = "cpu",
                           .root = "/pack",
                           .program = "/usr/bin/llama-server",
                           .backend = "",
                           .trouble = "",
                           .probed = true,
                           .features = {[PACK_CHILD_PROTOCOL] = true, [PACK_UNIX_SOCKET] = true}};
    g.machine.memory_total = 64ull << 30;
    g.sandbox = (struct sandbox_verdict){.kind = SANDBOX_BUBBLEWRAP, .program = "/usr/bin/bwrap"};
    g.terms = (struct launch_terms){&g.model, &g.pack, &g.machine, &g.sandbox, "/bin/hearth-bridge",
                                    "/run/x", "secret"};
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (const char *const *name =
             (const char *const[]){"tiny.gguf", "m.gguf", "d.gguf", "a.gguf", "b.gguf", "t.jinja",
                                   "big-00001-of-00002.gguf", "big-00002-of-00002.gguf", NULL};
         *name; name++) {
        struct slice path = arena_format(&g.arena, "%s/%s", g.folder, *name);
        unlink(path.ptr);
    }
    rmdir(g.folder);
    arena_fini(&g.arena);
    return 0;
}

static const char *words(const char *const *argv)
{
    struct text t = {0};
    for (; *argv; argv++)
        text_format(&t, " %s", *argv);
    text_byte(&t, ' ');
    char *s = arena_cstr(&g.arena, text_slice(&t));
    text_fini(&t);
    return s ? s : "";
}

static void has(const char *all, const char *some)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, " %s ", some);
    if (!strstr(all, wanted))
        fail_msg("no \"%s\" in %s", some, all);
}

static void has_not(const char *all, const char *some)
{
    assert_null(strstr(all, some));
}

static const char *command(void)
{
    struct launch launch;
    struct why why = {0};
    if (launch_make(&g.terms, &g.arena, &launch, &why))
        fail_msg("%s", why.text);
    return words(launch.engine_argv);
}

/* What must stand in every command line, because what happens without it is not what we want. */
static void test_always(void **state)
{
    (void)state;
    const char *c = command();
    has(c, "/usr/bin/llama-server --host /tmp/engine.sock");
    has(c, "--model /model/main/tiny.gguf");
    has(c, "--alias tiny");
    has(c, "--ctx-size 32768 --parallel 2 --no-kv-unified");
    has(c, "--cache-ram 2048 --ctx-checkpoints 8 --fit off");
    has(c, "--offline");
    has(c, "--no-ui");
    has(c, "--log-jsonl");
    has_not(c, "secret");
    has_not(c, "--n-gpu-layers");
}

static void test_settings(void **state)
{
    struct slice lora[2];
    (void)state;
    g.model.ctx = 8192;
    g.model.parallel = 4;
    g.model.cpu_experts = 12;
    g.model.batch = 1024;
    g.model.threads = 3;
    g.model.split = "row";
    g.model.cache_type = "q8_0";
    g.model.flash = "on";
    g.model.reasoning = "off";
    g.model.pooling = "mean";
    g.model.embedding = g.model.rerank = true;
    g.model.mmproj = make_file("m.gguf");
    g.model.draft = make_file("d.gguf");
    g.model.template = make_file("t.jinja");
    lora[0] = slice_of(make_file("a.gguf"));
    lora[1] = slice_of(make_file("b.gguf"));
    g.model.lora = (struct config_list){lora, 2};
    g.model.extra = (struct config_list){(struct slice[]){SLICE("--no-warmup")}, 1};
    const char *c = command();
    has(c, "--ctx-size 32768 --parallel 4");
    has(c, "--n-cpu-moe 12");
    has(c, "--batch-size 1024");
    has(c, "--threads 3");
    has(c, "--split-mode row");
    has(c, "--cache-type-k q8_0");
    has(c, "--cache-type-v q8_0");
    has(c, "--flash-attn on");
    has(c, "--reasoning off");
    has(c, "--pooling mean");
    has(c, "--embedding");
    has(c, "--reranking");
    has(c, "--mmproj /model/mmproj/m.gguf");
    has(c, "--spec-draft-model /model/spec-draft-model/d.gguf");
    has(c, "--chat-template-file /model/chat-template-file/t.jinja");
    has(c, "--lora /model/lora/a.gguf --lora /model/lora/b.gguf");
    has(c, "--no-warmup");
}

/* Nothing is inherited, and the key is nowhere else. */
static void test_environment(void **state)
{
    struct launch launch;
    struct why why;
    (void)state;
    setenv("LLAMA_ARG_CTX_SIZE", "1", 1);
    setenv("HF_TOKEN", "hf", 1);
    g.model.env = (struct config_list){(struct slice[]){SLICE("GGML_VK_VISIBLE_DEVICES=1")}, 1};
    assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), OK);
    assert_string_equal(words(launch.env),
                        " HOME=/tmp TMPDIR=/tmp PATH=/usr/bin:/bin LC_ALL=C.UTF-8 "
                        "LLAMA_API_KEY=secret LLAMA_SERVER_ROUTER_PORT=1 "
                        "GGML_VK_VISIBLE_DEVICES=1 ");
    has_not(words(launch.argv), "secret");
    unsetenv("LLAMA_ARG_CTX_SIZE");
    unsetenv("HF_TOKEN");
}

static void test_split_files(void **state)
{
    struct launch launch;
    struct why why;
    (void)state;
    g.model.file = make_file("big-00001-of-00002.gguf");
    assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "big-00002-of-00002.gguf"));
    make_file("big-00002-of-00002.gguf");
    assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), OK);
    has(words(launch.engine_argv), "--model /model/main/big-00001-of-00002.gguf");
    has(words(launch.argv), "/model/main/big-00002-of-00002.gguf");
}

static void test_devices(void **state)
{
    struct device d = {.vulkan = true,
                       .kind = DEVICE_AMD,
                       .id = "0",
                       .name = "x",
                       .driver = "amdgpu",
                       .trouble = "",
                       .mend = "",
                       .memory_free = 8ull << 30};
    (void)state;
    g.machine.devices = &d;
    g.machine.n_devices = 1;
    has_not(command(), "--n-gpu-layers"); /* the pack knows no device */
    g.pack.flavour = "vulkan";
    has(command(), "--fit off --n-gpu-layers all");
    g.model.gpu_layers = "7";
    has(command(), "--fit off --n-gpu-layers 7");
    g.model.gpu_layers = "auto";
    d.memory_free = 0;
    has(command(), "--fit on --fit-ctx 16384");
    d.trouble = "no driver";
    has(command(), "--fit off");
}

/* Without a sandbox everything is where it is. */
static void test_no_sandbox(void **state)
{
    struct launch launch;
    struct why why;
    (void)state;
    g.sandbox.kind = SANDBOX_NONE;
    assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "without a sandbox")); /* this pack has no loader */
    g.pack.root = NULL;
    g.pack.program = "/opt/llama-server";
    assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), OK);
    const char *c = words(launch.engine_argv);
    has(c, "/opt/llama-server --host engine.sock");
    has(c, g.model.file);
    has(words(launch.env), "HOME=/run/x");
}

/* An engine that takes no socket has a port that nobody outside of its sandbox can ask. */
static void test_tcp(void **state)
{
    struct launch launch;
    struct why why;
    (void)state;
    g.pack.features[PACK_UNIX_SOCKET] = false;
    assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), OK);
    has(words(launch.engine_argv), "--host 127.0.0.1 --port 8080");
    has(words(launch.argv), "tcp --socket /tmp/engine.sock --port 8080");
    g.sandbox.kind = SANDBOX_NONE;
    g.pack.root = NULL;
    assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "bubblewrap"));
}

static const char *random_word(unsigned *seed)
{
    static const char *const some[] = {"",     "auto", "on",  "off", "q8_0", "row",
                                       "mean", "none", "all", "7",   "999",  "/etc/x"};
    *seed = *seed * 1103515245u + 12345u;
    return some[(*seed >> 16) % COUNT(some)];
}

static bool is_flag_of_ours(const char *word)
{
    static const char *const ours[] = {
        "--host",     "--port",     "--model",         "--alias",     "--offline",
        "--no-ui",    "--slots",    "--metrics",       "--log-jsonl", "--log-verbosity",
        "--ctx-size", "--parallel", "--no-kv-unified", "--cache-ram", "--ctx-checkpoints",
        "--fit",      "--fit-ctx",  "--n-gpu-layers",
#define FLAG(flag, ...) flag,
#include "launch/flags.def"
#undef FLAG
    };
    for (size_t i = 0; i < COUNT(ours); i++) {
        if (strcmp(word, ours[i]) == 0)
            return true;
    }
    return false;
}

/* Whatever the settings: no flag but those of the table and our own, so none that writes files,
 * opens doors or changes what others get. */
static void test_no_other_flags(void **state)
{
    unsigned seed = 1;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        struct launch launch;
        struct why why;
        g.model.gpu_layers = random_word(&seed);
        g.model.split = random_word(&seed);
        g.model.cache_type = random_word(&seed);
        g.model.flash = random_word(&seed);
        g.model.reasoning = random_word(&seed);
        g.model.pooling = random_word(&seed);
        g.model.ctx = seed % 100000;
        g.model.batch = seed % 3;
        g.model.embedding = seed & 4;
        assert_int_equal(launch_make(&g.terms, &g.arena, &launch, &why), OK);
        for (const char *const *word = launch.engine_argv; *word; word++)
            assert_true((*word)[0] != '-' || is_flag_of_ours(*word));
        arena_fini(&g.arena);
        g.model.file = make_file("tiny.gguf");
    }
}

/* Whichever allocation fails: it is said, in words, and nothing is half made. */
static void test_no_memory(void **state)
{
    struct arena arena = {0};
    struct launch launch;
    enum err e = ERR_NO_MEMORY;
    unsigned n = 0;
    (void)state;
    g.model.draft = g.model.file;
    while (e) {
        struct why why = {0};
        fails_after = ++n;
        e = launch_make(&g.terms, &arena, &launch, &why);
        assert_true(fails_after == 0 || !e);
        fails_after = 0;
        assert_true(!e || (e == ERR_NO_MEMORY && why.code == e && why.text[0]));
        arena_fini(&arena);
    }
    assert_true(n > 10);
}

static void test_same(void **state)
{
    struct launch a, b;
    struct why why;
    (void)state;
    assert_int_equal(launch_make(&g.terms, &g.arena, &a, &why), OK);
    assert_int_equal(launch_make(&g.terms, &g.arena, &b, &why), OK);
    assert_true(launch_same(&a, &b));
    g.model.ctx = 1024;
    assert_int_equal(launch_make(&g.terms, &g.arena, &b, &why), OK);
    assert_false(launch_same(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_always, begin, end),
        cmocka_unit_test_setup_teardown(test_settings, begin, end),
        cmocka_unit_test_setup_teardown(test_environment, begin, end),
        cmocka_unit_test_setup_teardown(test_split_files, begin, end),
        cmocka_unit_test_setup_teardown(test_devices, begin, end),
        cmocka_unit_test_setup_teardown(test_no_sandbox, begin, end),
        cmocka_unit_test_setup_teardown(test_tcp, begin, end),
        cmocka_unit_test_setup_teardown(test_no_other_flags, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_same, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
