/* Configurations out of any bytes: what stands before a line "%%%" is .env, what follows it is
 * hearth.yaml, and after another such line llm_providers.yaml. What is told of a configuration and
 * of its problems is always JSON, and a configuration does not differ from itself read again. */
#include "base/json.h"
#include "config/inner.h"
#include "fuzz.h"

struct input {
    struct config_sources sources; /* first: the loader hands it back */
    struct slice bytes;
};

static struct slice next_part(struct slice *rest)
{
    static const char line[] = "\n%%%\n";
    for (size_t i = 0; i + sizeof line - 1 <= rest->len; i++) {
        if (memcmp(rest->ptr + i, line, sizeof line - 1) == 0) {
            struct slice part = slice_to(*rest, i + 1);
            *rest = slice_from(*rest, i + sizeof line - 1);
            return part;
        }
    }
    struct slice part = *rest;
    *rest = (struct slice){0};
    return part;
}

static void gather(struct loader *l)
{
    const struct input *in = owner_of((uintptr_t)l->sources, const struct input, sources);
    struct slice rest = in->bytes;
    const struct source *env = config_source(l, DOTENV, ".env");
    const struct source *yaml = config_source(l, FILES, "hearth.yaml");
    const struct source *seed = config_source(l, SEED_FILE, "llm_providers.yaml");
    MUST(env && yaml && seed);
    config_read_dotenv(l, env, next_part(&rest));
    config_gather_yaml(l, yaml, next_part(&rest));
    config_gather_yaml(l, seed, next_part(&rest));
    for (size_t i = 0; i < l->variables.n; i++) {
        const struct variable *v = &l->variables.dotenv[i];
        config_gather_word(l, env, v->name, v->value, v->line);
    }
}

static void must_be_json(struct text *t)
{
    struct json_doc doc;
    MUST(json_read(text_slice(t), &json_usual_limits, NULL, &doc, NULL) == OK);
    json_done(&doc);
    text_clear(t);
}

static void check(const struct config *c, const struct config *again, struct text *t)
{
    struct arena a = {0};
    struct config_change *changes;
    size_t n = 1;
    MUST(config_diff(c, again, &a, &changes, &n) == OK && n == 0);
    arena_fini(&a);
    config_show(c, true, t);
    MUST(!t->failed);
    text_clear(t);
    config_show_json(c, t);
    must_be_json(t);
    for (size_t i = 0; i < c->providers_n; i++)
        MUST(c->providers[i].on == !c->providers[i].off[0]);
    for (size_t i = 0; i < c->models_n; i++)
        MUST(c->models[i].file[0] && c->models[i].sampling.seed && c->models[i].parallel);
    MUST(c->roles_n >= 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const environment[] = {"A=1", "URL=http://127.0.0.1:1/v1", "EMPTY=", NULL};
    static const struct config_paths paths = {"/home/me",          "/c", "/d", "/r",
                                              "/home/me/ai_local", true};
    const struct input in = {{&paths, environment, NULL, NULL}, {(const char *)data, size}};
    struct config_report report, second;
    struct config *c = NULL, *again = NULL;
    struct text t = {0};
    enum err e = config_load_from(&in.sources, &c, &report, gather, NULL);
    MUST(e == (report.errors ? ERR_CONFIG : OK));
    MUST(config_load_from(&in.sources, &again, &second, gather, NULL) == e);
    MUST(report.n == second.n && report.n <= 2 * CONFIG_MOST_PROBLEMS);
    config_report_print(&report, &t);
    text_clear(&t);
    config_report_json(&report, &t);
    must_be_json(&t);
    if (e == OK)
        check(c, again, &t);
    config_report_fini(&report);
    config_report_fini(&second);
    if (e == OK) {
        config_free(c);
        config_free(again);
    }
    text_fini(&t);
    return 0;
}
