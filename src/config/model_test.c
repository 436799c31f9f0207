/* Models, roles and ports: what is refused in which words, what patterns give, what is told. */
#include "config/testing.h"

#define A "models:\n  a:\n    file: /m/a.gguf\n"
#define P "providers:\n  p:\n    socket: /s\n    models: [x, y]\n"

static const struct c cases[] = {
    {.name = "a file is enough", .hearth = A, .report = ""},
    {.name = "all of it",
     .hearth = "models:\n"
               "  org/Name-1.5_x:Q4_K_M@v+1:\n"
               "    file: ~/a.gguf\n"
               "    aliases: [a, b:latest]\n"
               "    ctx: 8192\n"
               "    parallel: 4\n"
               "    gpu_layers: all\n"
               "    cpu_experts: 3\n"
               "    split: row\n"
               "    cache_type: q8_0\n"
               "    flash: on\n"
               "    batch: 512\n"
               "    threads: 8\n"
               "    draft: /m/d.gguf\n"
               "    mmproj: /m/p.gguf\n"
               "    lora: [/m/l.gguf, ~/k.gguf]\n"
               "    template: /m/t.jinja\n"
               "    reasoning: off\n"
               "    pooling: last\n"
               "    embedding: true\n"
               "    rerank: false\n"
               "    sampling: {temperature: 0.7, seed: -1, top_k: 40}\n"
               "    sampling.top_p: 0.95\n"
               "    system: |\n"
               "      Be brief.\n"
               "      \tBe kind.\n"
               "    keep_alive: forever\n"
               "    pin: true\n"
               "    engine: llama.cpp\n"
               "    env: [OMP_NUM_THREADS=4]\n"
               "    extra: [--no-warmup, --numa, isolate]\n",
     .report = ""},
    /* names */
    {.name = "a name that is none",
     .hearth = "models:\n  -a: {file: /a}\n  a b: {file: /a}\n  role/x: {file: /a}\n",
     .report = "hearth.yaml:2: error: models.-a: is no name for a model; allowed: at most 128 "
               "letters, digits, - _ . : / @ and +, but no model/ or role/ at its beginning; with "
               "* a pattern\n"
               "hearth.yaml:3: error: models.a b: is no name for a model; allowed: at most 128 "
               "letters, digits, - _ . : / @ and +, but no model/ or role/ at its beginning; with "
               "* a pattern\n"
               "hearth.yaml:4: error: models.role/x: is no name for a model; allowed: at most 128 "
               "letters, digits, - _ . : / @ and +, but no model/ or role/ at its beginning; with "
               "* a pattern\n"},
    {.name = "a pattern has no file",
     .hearth = "models:\n  q*:\n    file: /a\n    aliases: x\n",
     .report = "hearth.yaml:3: error: models.q*.file: belongs to one model, and a name with * in "
               "it means many\n"
               "hearth.yaml:4: error: models.q*.aliases: belongs to one model, and a name with * "
               "in it means many\n"},
    {.name = "an alias that is none",
     .hearth = A "    aliases: [\"x y\"]\n",
     .report = "hearth.yaml:4: error: models.a.aliases: found \"x y\"; allowed: at most 64 names "
               "of letters, digits, - _ . : / @ and +\n"},
    {.name = "settings without a file",
     .hearth = P "models:\n  x:\n    aliases: z\n    ctx: 5\n",
     .report = "hearth.yaml:6: warning: models.x: has no file, so of its settings only the "
               "aliases count\n"},
    {.name = "an alias that leads nowhere",
     .hearth = "models:\n  x:\n    aliases: z\n",
     .report = "hearth.yaml:2: warning: models.x: has no file and no provider names it, so its "
               "aliases lead nowhere\n"},
    /* fields */
    {.name = "a field that is none",
     .hearth = A "    context: 5\n    sampling: {temprature: 1}\n    sampling.x: 1\n",
     .report = "hearth.yaml:4: error: models.a.context: is no field of a model; `hearth help "
               "options` lists all of them\n"
               "hearth.yaml:5: error: models.a.sampling.temprature: is no field of a model; is "
               "sampling.temperature meant?\n"
               "hearth.yaml:6: error: models.a.sampling.x: is no field of a model; `hearth help "
               "options` lists all of them\n"},
    {.name = "one value for a group",
     .hearth = A "    sampling: 0.7\n",
     .report = "hearth.yaml:4: error: models.a.sampling: found one value; allowed: settings below "
               "it, as `sampling:` and indented lines\n"},
    {.name = "nothing for a group", .hearth = A "    sampling:\n", .report = ""},
    {.name = "one value for a model",
     .hearth = "models:\n  a: /m/a.gguf\n",
     .report = "hearth.yaml:2: error: models.a: found one value; allowed: a model's fields, such "
               "as file\n"},
    {.name = "numbers out of bounds",
     .hearth = A "    sampling: {temperature: 10.1, top_p: .5, top_k: 1.5, presence_penalty: "
                 "-2.01, seed: -2}\n    parallel: 65\n    gpu_layers: some\n",
     .report = "hearth.yaml:4: error: models.a.sampling.temperature: found \"10.1\"; allowed: a "
               "number from 0 to 10, such as 0.8\n"
               "hearth.yaml:4: error: models.a.sampling.top_p: found \".5\"; allowed: a number "
               "from 0 to 1, such as 0.8\n"
               "hearth.yaml:4: error: models.a.sampling.top_k: found \"1.5\"; allowed: a whole "
               "number from 0 to 1000000\n"
               "hearth.yaml:4: error: models.a.sampling.presence_penalty: found \"-2.01\"; "
               "allowed: a number from -2 to 2, such as 0.8\n"
               "hearth.yaml:4: error: models.a.sampling.seed: found \"-2\"; allowed: a whole "
               "number from -1 to 4294967295\n"
               "hearth.yaml:5: error: models.a.parallel: found \"65\"; allowed: a whole number "
               "from 1 to 64\n"
               "hearth.yaml:6: error: models.a.gpu_layers: found \"some\"; allowed: auto, all, or "
               "a whole number from 0 to 10000\n"},
    {.name = "a time to keep",
     .hearth = A "    keep_alive: always\n",
     .report = "hearth.yaml:4: error: models.a.keep_alive: found \"always\"; allowed: a time from "
               "0s to 8760h, such as 30s, 10m or 2h, or forever; a bare number means seconds\n"},
    {.name = "a relative path in a list",
     .hearth = A "    lora: [l.gguf]\n",
     .report = "hearth.yaml:4: error: models.a.lora: found \"l.gguf\"; allowed: at most 16 paths "
               "that begin with / or ~/\n"},
    {.name = "a variable that is not set",
     .hearth = "models:\n  a:\n    file: ${WHERE}\n",
     .report = "hearth.yaml:3: error: models.a.file: the variable WHERE is not set; set it in the "
               "environment or in .env, or write ${WHERE:-otherwise}\n"},
    {.name = "a mistake in a pattern is told once",
     .hearth = "models:\n  '*': {ctx: x}\n  a: {file: /a}\n  b: {file: /b}\n",
     .report = "hearth.yaml:2: error: models.*.ctx: found \"x\"; allowed: a whole number from 0 "
               "to 16777216\n"},
    /* what no command may set */
    {.name = "not from the command line",
     .hearth = A,
     .set = {"models.a.env=A=1", "models.a.extra=--no-warmup", "models.a.ctx=1024"},
     .report = "command line: error: models.a.extra: is taken from a file only: hearth.yaml or "
               "one in conf.d, written by hand\n"
               "command line: error: models.a.env: is taken from a file only: hearth.yaml or one "
               "in conf.d, written by hand\n"},
    {.name = "not from a file that others write",
     .hearth = A,
     .seed = "models:\n  a:\n    extra: [--no-warmup]\n",
     .report = "llm_providers.yaml:3: error: models.a.extra: is taken from a file only: "
               "hearth.yaml or one in conf.d, written by hand\n"},
    {.name = "flags that are hearth's",
     .hearth = A "    extra: [--ctx-size, 5]\n",
     .ten = "models.b: {file: /b, extra: [--host=0.0.0.0]}\n",
     .nine = "models.c: {file: /c, extra: [--numa isolate]}\n",
     .report = "hearth.yaml:4: error: models.a.extra: found \"--ctx-size\"; that is the setting "
               "ctx\n"
               "conf.d/10.yaml:1: error: models.b.extra: found \"--host\"; hearth sets that "
               "itself\n"
               "conf.d/9.yaml:1: error: models.c.extra: found a blank after \"--numa\"; allowed: "
               "one word an item, so the value is the next item\n"},
    {.name = "variables that are hearth's",
     .hearth = A "    env: [LD_PRELOAD=/x]\n",
     .ten = "models.b: {file: /b, env: [no variable]}\n",
     .report = "hearth.yaml:4: error: models.a.env: found the variable LD_PRELOAD; that is "
               "hearth's to set, or nobody's\n"
               "conf.d/10.yaml:1: error: models.b.env: found something else; allowed: at most 64 "
               "variables, each as NAME=VALUE\n"},
    /* names that mean two things */
    {.name = "a file and a provider, one model",
     .hearth = P "models.x: {file: /x}\n",
     .report = ""},
    {.name = "an alias of its own name",
     .hearth = A "    aliases: [a, 'a:latest']\n",
     .report = ""},
    {.name = "one name with and without :latest",
     .hearth = A "  a:latest:\n    file: /b\n",
     .report = "hearth.yaml:5: error: models.a:latest.file: the name a is a model too, of "
               "models.a in hearth.yaml:3; give one of them another name\n"},
    {.name = "an alias that is a model",
     .hearth = A "  b: {file: /b, aliases: a}\n",
     .report = "hearth.yaml:4: error: models.b.aliases: the name a is a model too, of models.a in "
               "hearth.yaml:3; give one of them another name\n"},
    {.name = "an alias that is a provider's model",
     .hearth = P "models.b: {file: /b, aliases: 'x:latest'}\n",
     .report = "hearth.yaml:5: error: models.b.aliases: the name x is a provider's model too, of "
               "providers.p in hearth.yaml:4; give one of them another name\n"},
    {.name = "not while the provider is off",
     .hearth = P "    enabled: false\nmodels.b: {file: /b, aliases: x}\n",
     .report = ""},
    {.name = "an alias twice",
     .hearth = A "    aliases: z\n  b: {file: /b, aliases: z}\n",
     .report = "hearth.yaml:5: error: models.b.aliases: the name z is an alias too, of models.a "
               "in hearth.yaml:4; give one of them another name\n"},
    {.name = "a role that is a model or an alias",
     .hearth = A "    aliases: z\nroles: {a: [a], z: [a], y: a}\n",
     .ten = P,
     .report = "hearth.yaml:5: error: roles.a: the name a is a model too, of models.a in "
               "hearth.yaml:3; give one of them another name\n"
               "hearth.yaml:5: error: roles.y: the name y is a provider's model too, of "
               "providers.p in conf.d/10.yaml:4; give one of them another name\n"
               "hearth.yaml:5: error: roles.z: the name z is an alias too, of models.a in "
               "hearth.yaml:4; give one of them another name\n"},
    {.name = "a model named like a role that nobody set",
     .hearth = "models:\n  code: {file: /c}\n",
     .report = ""},
    /* roles */
    {.name = "roles",
     .hearth = A "    aliases: z\n" P "roles:\n  code: [a, model/x, 'z:latest']\n  chat: y\n"
                 "  mine: []\n  raw:\n",
     .report = ""},
    {.name = "a role of nothing that there is",
     .hearth = "roles:\n  code: [a, b]\n",
     .report = "hearth.yaml:2: warning: roles.code: a is no model's name: neither a file's nor a "
               "provider's\n"
               "hearth.yaml:2: warning: roles.code: b is no model's name: neither a file's nor a "
               "provider's\n"},
    {.name = "a role of roles",
     .hearth = A "roles:\n  code: [role/chat, chat]\n  chat: a\n",
     .report = "hearth.yaml:5: error: roles.code: role/chat is a role; a role holds models\n"
               "hearth.yaml:5: error: roles.code: chat is a role; a role holds models\n"},
    {.name = "a map for a role",
     .hearth = "roles:\n  code:\n    models: [a]\n",
     .report = "hearth.yaml:3: error: roles.code: found a map; allowed: one value or a list\n"},
    {.name = "a role's name",
     .hearth = "roles:\n  a/b: [c]\n",
     .report = "hearth.yaml:2: error: roles.a/b: is no name for a role; allowed: at most 64 "
               "letters, digits, - _ and .\n"},
    {.name = "a role in two files",
     .hearth = A "roles.code: a\n",
     .ten = "roles:\n  code: [a]\n",
     .report = "conf.d/10.yaml:2: error: roles.code: is set in hearth.yaml:4 too; keep one of the "
               "two\n"},
    /* ports */
    {.name = "ports",
     .hearth = "ports:\n  code: 127.0.0.1:8081\n  raw: ['127.0.0.1:0', 'localhost:0']\n",
     .report = ""},
    {.name = "a port of no role",
     .hearth = "ports:\n  mine: 127.0.0.1:8081\n",
     .report = "hearth.yaml:2: error: ports.mine: there is no role mine; name its models under "
               "roles, or use code, chat, raw or embed\n"},
    {.name = "no address",
     .hearth = "ports:\n  code: 8081\n",
     .report = "hearth.yaml:2: error: ports.code: found \"8081\"; allowed: at most 32 addresses "
               "with a port, such as 127.0.0.1:8420, [::1]:8420 or localhost:8420\n"},
    {.name = "an address twice",
     .hearth = "ports:\n  code: 'localhost:8420'\n  chat: 127.0.0.1:8081\n  raw: '[::1]:8081'\n"
               "  embed: 0.0.0.0:8081\n",
     .report = "hearth.yaml:2: error: ports.code: localhost:8420 is taken by listen already; use "
               "another port\n"
               "hearth.yaml:4: error: ports.raw: [::1]:8081 is taken by ports.chat already; use "
               "another port\n"
               "hearth.yaml:5: error: ports.embed: 0.0.0.0:8081 is taken by ports.chat already; "
               "use another port\n"},
    {.name = "sections",
     .hearth = "model:\n  a: {file: /a}\nrole: 1\n",
     .report = "hearth.yaml:1: error: model: is no setting; is models meant?\n"
               "hearth.yaml:3: error: role: is no setting; is roles meant?\n"},
};

static void check_cases(void **state)
{
    (void)state;
    home_check_all(cases, COUNT(cases));
}

/* ---- what comes of it ----------------------------------------------------------------------- */

static struct config *load_one(struct home *h, const char *hearth, const char *const *set,
                               const struct config_draft *draft)
{
    struct config *c = NULL;
    struct config_report report;
    home_put(h, "hearth.yaml", slice_of(hearth));
    const struct config_sources sources = {&h->paths, NULL, set, draft};
    enum err e = config_load(&sources, &c, &report);
    if (e)
        print_message("%s", home_report(h, &report));
    assert_int_equal(e, OK);
    config_report_fini(&report);
    return c;
}

/* The entry's own, then the patterns in the order of the files, then what always holds. */
static void check_patterns(void **state)
{
    (void)state;
    static const char hearth[] = "models:\n"
                                 "  '*-7b*': {ctx: 1000, threads: 7, sampling.seed: 1}\n"
                                 "  qwen-7b-q4:\n"
                                 "    file: ~/q.gguf\n"
                                 "    threads: 3\n"
                                 "    aliases: [q, r]\n"
                                 "  'qwen*':\n"
                                 "    ctx: 2000\n"
                                 "    flash: off\n"
                                 "    env: [A=b]\n"
                                 "    sampling: {seed: 2, top_p: 0.5}\n"
                                 "  other: {file: /o}\n";
    struct home h = home_make();
    struct config *c = load_one(&h, hearth, NULL, NULL);
    const struct config_model *m = &c->models[0];
    assert_int_equal(c->models_n, 2);
    assert_string_equal(m->name, "qwen-7b-q4");
    assert_string_equal(m->file, "/home/me/q.gguf");
    assert_int_equal(m->threads, 3);
    assert_int_equal(m->ctx, 1000);
    assert_string_equal(m->flash, "off");
    assert_string_equal(m->sampling.seed, "1");
    assert_string_equal(m->sampling.top_p, "0.5");
    assert_string_equal(m->sampling.min_p, "");
    assert_string_equal(m->gpu_layers, "");
    assert_int_equal(m->parallel, 1);
    assert_int_equal(m->keep_alive_ms, 1800000);
    assert_int_equal(m->env.n, 1);
    m = &c->models[1];
    assert_string_equal(m->name, "other");
    assert_int_equal(m->ctx, 0);
    assert_string_equal(m->flash, "");
    assert_int_equal(c->aliases_n, 2);
    assert_true(slice_is(c->aliases[1].alias, SLICE("r")));
    assert_true(slice_is(c->aliases[1].model, SLICE("qwen-7b-q4")));
    config_free(c);
    home_fini(&h);
}

static void check_roles_and_ports(void **state)
{
    (void)state;
    static const char hearth[] = "models.a: {file: /a}\n"
                                 "roles:\n"
                                 "  mine: a\n"
                                 "  chat: [a]\n"
                                 "ports:\n"
                                 "  mine: ['localhost:1', '10.0.0.1:2']\n"
                                 "  code: '[::1]:3'\n";
    struct home h = home_make();
    const char *const set[] = {"models.a.sampling.top_p=0.25", "models.a.keep_alive=-1",
                               "roles.raw=a, model/a", NULL};
    struct config *c = load_one(&h, hearth, set, NULL);
    static const struct {
        const char *name;
        size_t n;
    } roles[] = {{"code", 0}, {"chat", 1}, {"raw", 2}, {"embed", 0}, {"mine", 1}};
    assert_int_equal(c->roles_n, COUNT(roles));
    for (size_t i = 0; i < COUNT(roles); i++) {
        assert_string_equal(c->roles[i].name, roles[i].name);
        assert_int_equal(c->roles[i].models.n, roles[i].n);
    }
    assert_true(slice_is(c->roles[2].models.items[1], SLICE("model/a")));
    assert_int_equal(c->ports_n, 3);
    assert_string_equal(c->ports[1].role, "mine");
    assert_int_equal(c->ports[1].address.port, 2);
    assert_string_equal(c->ports[2].role, "code");
    assert_string_equal(c->models[0].sampling.top_p, "0.25");
    assert_true(c->models[0].keep_alive_ms == CONFIG_FOREVER);
    config_free(c);
    c = load_one(&h, "", NULL, NULL);
    assert_int_equal(c->roles_n, 4);
    assert_int_equal(c->models_n + c->ports_n + c->aliases_n, 0);
    config_free(c);
    home_fini(&h);
}

static void check_barred(void **state)
{
    (void)state;
    static const struct {
        enum type type;
        const char *word;
        bool barred;
    } words[] = {
        {FLAGS, "--port", true},
        {FLAGS, "--port=1", true},
        {FLAGS, "--api-key", true},
        {FLAGS, "--api_key", true},
        {FLAGS, "--api_key_file", true},
        {FLAGS, "--ssl-key-file", true},
        {FLAGS, "-hff", true},
        {FLAGS, "--hf-token", true},
        {FLAGS, "--mcp-servers-json", true},
        {FLAGS, "-v", true},
        {FLAGS, "-ngl", true},
        {FLAGS, "-ngld", false},
        {FLAGS, "--ctx-size", true},
        {FLAGS, "--ctx-size-x", false},
        {FLAGS, "--ctx-checkpoints", false},
        {FLAGS, "--no-warmup", false},
        {FLAGS, "port", false},
        {FLAGS, "-1", false},
        {FLAGS, "isolate", false},
        {ENV, "LD_PRELOAD=x", true},
        {ENV, "LLAMA_ARG_PORT=1", true},
        {ENV, "HF_TOKEN=x", true},
        {ENV, "PATH=/x", true},
        {ENV, "PATHS=/x", false},
        {ENV, "HOMES=/x", false},
        {ENV, "OMP_NUM_THREADS=1", false},
        {NAMES, "--port", false},
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        struct text said = {0};
        bool barred = config_is_barred(words[i].type, slice_of(words[i].word), &said);
        if (barred != words[i].barred || barred != (said.len > 0))
            fail_msg("%s: %s", words[i].word, text_cstr(&said));
        text_fini(&said);
    }
}

/* ---- telling -------------------------------------------------------------------------------- */

static const char told[] = "models:\n"
                           "  '*': {ctx: 4096}\n"
                           "  a:\n"
                           "    file: /m/a.gguf\n"
                           "    env: [TOKEN=abcdefghijklmnop]\n"
                           "  a.b: {file: /m/b.gguf, parallel: 2}\n"
                           "roles: {code: [a, a.b]}\n"
                           "ports: {code: '127.0.0.1:8081'}\n";

/* What was printed, without the folder's name. */
static const char *without(struct home *h, struct text *t)
{
    const char *prefix = arena_format(&h->arena, "%s/config/", h->dir).ptr, *found;
    const char *at = text_cstr(t);
    struct text out = {0};
    while ((found = strstr(at, prefix))) {
        text_add(&out, (struct slice){at, (size_t)(found - at)});
        at = found + strlen(prefix);
    }
    text_add(&out, slice_of(at));
    const char *kept = arena_cstr(&h->arena, text_slice(&out));
    text_fini(&out);
    return kept;
}

static void check_show(void **state)
{
    (void)state;
    struct home h = home_make();
    struct text t = {0};
    struct json_doc doc;
    struct config *c = load_one(&h, told, NULL, NULL);
    assert_true(config_show_entry(c, "models", "a", true, &t));
    assert_string_equal(without(&h, &t), "models.a.file: /m/a.gguf  # hearth.yaml:4\n"
                                         "models.a.ctx: 4096  # hearth.yaml:2\n"
                                         "models.a.parallel: 1  # default\n"
                                         "models.a.cpu_experts: 0  # default\n"
                                         "models.a.batch: 0  # default\n"
                                         "models.a.threads: 0  # default\n"
                                         "models.a.embedding: false  # default\n"
                                         "models.a.rerank: false  # default\n"
                                         "models.a.keep_alive: 30m  # default\n"
                                         "models.a.pin: false  # default\n"
                                         "models.a.env: [TOKEN=••••mnop]  # hearth.yaml:5\n");
    text_clear(&t);
    assert_true(config_show_entry(c, "models", "*", false, &t));
    assert_string_equal(text_cstr(&t), "models.*.ctx: 4096\n");
    text_clear(&t);
    assert_false(config_show_entry(c, "models", "b", false, &t));
    config_show(c, false, &t);
    assert_non_null(strstr(text_cstr(&t), "\nroles.code: [a, a.b]\n"));
    assert_non_null(strstr(text_cstr(&t), "\nports.code: [127.0.0.1:8081]\n"));
    text_clear(&t);
    config_show_json(c, &t);
    assert_null(strstr(text_cstr(&t), "abcdefgh"));
    assert_int_equal(json_read(text_slice(&t), &json_usual_limits, NULL, &doc, NULL), OK);
    assert_int_equal(json_count(json_get(doc.root, "models")), 3);
    assert_int_equal(json_count(json_get(doc.root, "settings")), OPTION_COUNT + 2);
    json_done(&doc);
    text_fini(&t);
    config_free(c);
    home_fini(&h);
}

static void check_origin(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned line; /* 0: nowhere */
    } all[] = {{"models.a", 3},      {"models.a.file", 4}, {"models.a.ctx", 0},
               {"models.*.ctx", 2},  {"models.a.b", 6},    {"models.a.b.parallel", 6},
               {"models.a.pin", 0},  {"models.c", 0},      {"roles.code", 7},
               {"roles.chat", 0},    {"ports.code", 8},    {"listen", 0},
               {"models.a.b.no", 0}, {"roles", 0},         {"", 0}};
    struct home h = home_make();
    struct config *c = load_one(&h, told, NULL, NULL);
    for (size_t i = 0; i < COUNT(all); i++) {
        struct config_origin o = {0};
        bool found = config_find_origin(c, all[i].path, &o);
        if (found != (all[i].line > 0) || o.line != all[i].line || o.file != found)
            fail_msg("%s: %u", all[i].path, o.line);
    }
    config_free(c);
    assert_int_equal(config_form_of("models", SLICE("ctx")), CONFIG_VALUE);
    assert_int_equal(config_form_of("models", SLICE("sampling.seed")), CONFIG_VALUE);
    assert_int_equal(config_form_of("models", SLICE("lora")), CONFIG_VALUES);
    assert_int_equal(config_form_of("models", SLICE("env")), CONFIG_BY_HAND);
    assert_int_equal(config_form_of("models", SLICE("sampling")), CONFIG_NO_FIELD);
    assert_int_equal(config_form_of("roles", SLICE("")), CONFIG_VALUES);
    home_fini(&h);
}

/* A draft is read where its file would be, and instead of it. */
static void check_draft(void **state)
{
    (void)state;
    struct home h = home_make();
    static const char *const names[] = {"0.yaml", "10.yaml", "5.yaml", "9.yaml", "z.yaml"};
    home_put(&h, "conf.d/10.yaml", SLICE("models.a: {file: /a}\n"));
    home_put(&h, "conf.d/9.yaml", SLICE("models.b: {file: /b}\n"));
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct config_draft draft = {names[i], SLICE("models.c: {file: /c}\n")};
        struct config *c = load_one(&h, "", NULL, &draft);
        struct text order = {0};
        for (size_t k = 0; k < c->models_n; k++)
            text_format(&order, "%s", c->models[k].name);
        static const char *const expected[] = {"cab", "cb", "acb", "ac", "abc"};
        assert_string_equal(text_cstr(&order), expected[i]);
        text_fini(&order);
        config_free(c);
    }
    const struct config_draft without_it = {"10.yaml", {0}};
    struct config *c = load_one(&h, "", NULL, &without_it);
    assert_int_equal(c->models_n, 1);
    config_free(c);
    home_fini(&h);
}

static void check_diff(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *told;
    } all[] = {
        {told, told, ""},
        {"", "models.a: {file: /a}\n", "added models a\n"},
        {"models.a: {file: /a}\n", "models.a: {file: /a, parallel: 1}\n", ""},
        {"models.a: {file: /a}\n", "models.a: {file: /a}\nmodels.*: {ctx: 5}\n",
         "changed models a\nadded models *\n"},
        {"models.a: {file: /a}\nmodels.b: {file: /b}\n",
         "models.b: {file: /b}\nmodels.a: {file: /a}\n", ""},
        {"models.a: {file: /a}\nroles.code: a\n", "models.a: {file: /a}\nroles.chat: a\n",
         "roles.chat live [] -> [a]\nroles.code live [a] -> []\n"},
        {"roles.code: []\n", "", ""},
        {"ports.code: 127.0.0.1:1\n", "ports.code: 127.0.0.1:2\n",
         "ports.code restart [127.0.0.1:1] -> [127.0.0.1:2]\n"},
    };
    static const char *const kinds[] = {"", "added", "removed", "changed"};
    struct home h = home_make();
    for (size_t i = 0; i < COUNT(all); i++) {
        struct config *before = load_one(&h, all[i].before, NULL, NULL),
                      *after = load_one(&h, all[i].after, NULL, NULL);
        struct arena a = {0};
        struct config_change *list;
        struct text said = {0};
        size_t n;
        assert_int_equal(config_diff(before, after, &a, &list, &n), OK);
        for (size_t j = 0; j < n; j++) {
            const struct config_change *c = &list[j];
            if (c->kind == CONFIG_SETTING)
                text_format(&said, "%s %s %s -> %s\n", c->what, c->live ? "live" : "restart",
                            c->before, c->after);
            else
                text_format(&said, "%s %s %s\n", kinds[c->kind], c->section, c->what);
        }
        assert_string_equal(text_cstr(&said), all[i].told);
        text_fini(&said);
        arena_fini(&a);
        config_free(before);
        config_free(after);
    }
    home_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_cases),
        cmocka_unit_test(check_patterns),
        cmocka_unit_test(check_roles_and_ports),
        cmocka_unit_test(check_barred),
        cmocka_unit_test(check_show),
        cmocka_unit_test(check_origin),
        cmocka_unit_test(check_draft),
        cmocka_unit_test(check_diff),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
