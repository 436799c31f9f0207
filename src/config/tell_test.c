/* What the room tells: the values with their origins, the difference between two configurations,
 * where things are, the reference. */
#include "config/testing.h"

static struct config *load(struct home *h, const char *hearth, const char *const *environment)
{
    struct config *c = NULL;
    struct config_report report;
    home_put(h, "hearth.yaml", slice_of(hearth));
    const struct config_sources sources = {&h->paths, environment, NULL, NULL};
    enum err e = config_load(&sources, &c, &report);
    if (e)
        print_message("%s", home_report(h, &report));
    assert_int_equal(e, OK);
    config_report_fini(&report);
    return c;
}

/* The line of `text` that begins with `begin`, without the folder's name. */
static const char *line_of(struct home *h, struct text *text, const char *begin)
{
    const char *at = strstr(text_cstr(text), begin);
    if (!at)
        return "";
    struct slice line = {at, strcspn(at, "\n")};
    const char *prefix = arena_format(&h->arena, "%s/config/", h->dir).ptr, *found;
    struct text out = {0};
    const char *s = arena_cstr(&h->arena, line);
    while ((found = strstr(s, prefix))) {
        text_add(&out, (struct slice){s, (size_t)(found - s)});
        s = found + strlen(prefix);
    }
    text_add(&out, slice_of(s));
    s = arena_cstr(&h->arena, text_slice(&out));
    text_fini(&out);
    return s;
}

static const char hearth[] = "log:\n"
                             "  level: warn\n"
                             "providers:\n"
                             "  a:\n"
                             "    base_url: http://127.0.0.1:1\n"
                             "    api_key: sk-1234567890abcdef\n"
                             "    models: [x, y]\n"
                             "  b:\n"
                             "    kind: vllm\n"
                             "    host: ${WHERE}\n"
                             "    api_key: ${KEY}\n"
                             "  claude: {enabled: false}\n";

static void check_show(void **state)
{
    (void)state;
    static const char *const environment[] = {"HEARTH_LOG_LEVEL=debug", NULL};
    struct home h = home_make();
    struct text t = {0};
    home_put(&h, ".env", SLICE("HEARTH_LOG_LEVEL=error\n"));
    home_put(&h, "llm_providers.yaml",
             SLICE("providers:\n  a:\n    api_key: sk-other-key-99999\n"));
    struct config *c = load(&h, hearth, environment);
    config_show(c, false, &t);
    assert_string_equal(line_of(&h, &t, "listen"), "listen: [127.0.0.1:8420]");
    assert_string_equal(line_of(&h, &t, "log.level"), "log.level: debug");
    assert_string_equal(line_of(&h, &t, "limits.body:"), "limits.body: 32MiB");
    assert_string_equal(line_of(&h, &t, "providers.a.base"),
                        "providers.a.base_url: http://127.0.0.1:1");
    assert_string_equal(line_of(&h, &t, "providers.a.api"), "providers.a.api_key: ••••cdef");
    assert_string_equal(line_of(&h, &t, "providers.a.models"), "providers.a.models: [x, y]");
    assert_string_equal(line_of(&h, &t, "providers.b.host"), "providers.b.host: ${WHERE}");
    assert_string_equal(line_of(&h, &t, "providers.b.api"), "providers.b.api_key: ${KEY}");
    assert_string_equal(line_of(&h, &t, "# b is"), "# b is switched off: the kind vllm waits for a "
                                                   "later version of hearth");
    assert_string_equal(line_of(&h, &t, "# claude is"),
                        "# claude is switched off: enabled is false");
    assert_null(strstr(text_cstr(&t), "1234567890"));
    assert_null(strstr(text_cstr(&t), "timeout: 0s"));
    text_clear(&t);
    config_show(c, true, &t);
    assert_string_equal(line_of(&h, &t, "listen"), "listen: [127.0.0.1:8420]  # default");
    assert_string_equal(line_of(&h, &t, "log.level"),
                        "log.level: debug  # environment HEARTH_LOG_LEVEL; hides .env:1: error, "
                        "hearth.yaml:2: warn");
    assert_string_equal(line_of(&h, &t, "providers.a.api"),
                        "providers.a.api_key: ••••cdef  # hearth.yaml:6; hides "
                        "llm_providers.yaml:3: ••••9999");
    assert_string_equal(line_of(&h, &t, "providers.claude.kind"),
                        "providers.claude.kind: anthropic  # by its name");
    assert_null(strstr(text_cstr(&t), "other-key"));
    text_fini(&t);
    config_free(c);
    home_fini(&h);
}

static void check_show_json(void **state)
{
    (void)state;
    static const char *const environment[] = {"HEARTH_LOG_LEVEL=debug", NULL};
    struct home h = home_make();
    struct text t = {0};
    struct json_doc doc;
    struct config *c = load(&h, hearth, environment);
    config_show_json(c, &t);
    assert_int_equal(json_read(text_slice(&t), &json_usual_limits, NULL, &doc, NULL), OK);
    const struct json_value *settings = json_get(doc.root, "settings");
    assert_int_equal(json_count(settings), OPTION_COUNT);
    const struct json_value *level = json_at(settings, 3);
    assert_true(slice_is(json_text(json_get(level, "path")), SLICE("log.level")));
    assert_true(slice_is(json_text(json_get(level, "value")), SLICE("debug")));
    assert_true(
        slice_is(json_text(json_get(level, "from")), SLICE("environment HEARTH_LOG_LEVEL")));
    assert_true(json_is_null(json_get(level, "line")));
    assert_int_equal(json_count(json_get(level, "hides")), 1);
    const struct json_value *providers = json_get(doc.root, "providers");
    assert_int_equal(json_count(providers), 3);
    assert_true(json_is_true(json_get(json_at(providers, 0), "on")));
    assert_null(strstr(text_cstr(&t), "1234567890"));
    json_done(&doc);
    text_fini(&t);
    config_free(c);
    home_fini(&h);
}

static void check_report_json(void **state)
{
    (void)state;
    struct home h = home_make();
    struct text t = {0};
    struct json_doc doc;
    struct config *c = NULL;
    struct config_report report;
    home_put(&h, "hearth.yaml", SLICE("log.level: \"a\\\"b\"\n"));
    const struct config_sources sources = {&h.paths, NULL, NULL, NULL};
    assert_int_equal(config_load(&sources, &c, &report), ERR_CONFIG);
    config_report_json(&report, &t);
    assert_int_equal(json_read(text_slice(&t), &json_usual_limits, NULL, &doc, NULL), OK);
    const struct json_value *p = json_at(json_get(doc.root, "problems"), 0);
    int64_t line = 0;
    assert_true(json_int(json_get(p, "line"), &line) && line == 1);
    assert_true(slice_is(json_text(json_get(p, "severity")), SLICE("error")));
    assert_true(slice_is(json_text(json_get(p, "key")), SLICE("log.level")));
    assert_true(slice_is(json_text(json_get(p, "text")),
                         SLICE("found \"a\"b\"; allowed: debug, info, warn, error")));
    json_done(&doc);
    text_fini(&t);
    config_report_fini(&report);
    home_fini(&h);
}

/* ---- the difference ------------------------------------------------------------------------- */

static void check_diff(void **state)
{
    (void)state;
    static const char *const changes[] = {"setting", "added", "removed", "changed"};
    static const struct {
        const char *before, *after, *told;
    } all[] = {
        {"", "", ""},
        {"", "log.level: info\n", ""}, /* the default, said */
        {"", "log.level: warn\n", "setting log.level live info -> warn\n"},
        {"limits.body: 1MiB\n", "limits.body: 1024KiB\n", ""},
        {"listen: 127.0.0.1:1\n", "library: /x\n",
         "setting listen restart [127.0.0.1:1] -> [127.0.0.1:8420]\n"
         "setting library restart LIBRARY -> /x\n"},
        {"", "providers:\n  a: {socket: /s}\n", "added a live  -> \n"},
        {"providers:\n  a: {socket: /s}\n", "", "removed a live  -> \n"},
        {"providers:\n  a: {socket: /s}\n", "providers:\n  a: {base_url: 'unix:/s'}\n",
         "changed a live  -> \n"},
        {"providers:\n  a: {socket: /s, api_key: 1234567890123450000}\n",
         "providers:\n  a: {socket: /s, api_key: 1234567890123460000}\n", "changed a live  -> \n"},
        {"providers:\n  a: {socket: /s, api_key: '${A}'}\n",
         "providers:\n  a: {socket: /s, api_key: '${B}'}\n", "changed a live  -> \n"},
        {"providers:\n  a: {socket: /s}\n  b: {socket: /t}\n",
         "providers:\n  b: {socket: /t}\n  a: {socket: /s}\n",
         "setting providers live a, b -> b, a\n"},
        {"providers:\n  a: {socket: /s}\n  b: {socket: /t}\n",
         "providers:\n  c: {socket: /u}\n  b: {socket: /t}\n",
         "added c live  -> \nremoved a live  -> \n"},
    };
    struct home h = home_make();
    for (size_t i = 0; i < COUNT(all); i++) {
        struct config *before = load(&h, all[i].before, NULL),
                      *after = load(&h, all[i].after, NULL);
        struct arena a = {0};
        struct config_change *list;
        struct text told = {0};
        size_t n;
        assert_int_equal(config_diff(before, after, &a, &list, &n), OK);
        for (size_t j = 0; j < n; j++) {
            const struct config_change *c = &list[j];
            bool library = strcmp(c->before, h.paths.library) == 0;
            text_format(&told, "%s %s %s %s -> %s\n", changes[c->kind], c->what,
                        c->live ? "live" : "restart", library ? "LIBRARY" : c->before, c->after);
        }
        assert_string_equal(text_cstr(&told), all[i].told);
        text_fini(&told);
        arena_fini(&a);
        config_free(before);
        config_free(after);
    }
    config_free(NULL);
    home_fini(&h);
}

/* ---- paths ---------------------------------------------------------------------------------- */

static void check_paths(void **state)
{
    (void)state;
    static const struct {
        const char *environment[6];
        const char *paths; /* home config data run library */
    } all[] = {
        {{"HOME=/h"},
         "/h /h/.config/hearth /h/.local/share/hearth /h/.cache/hearth/run /h/ai_local"},
        {{"HOME=/h/"},
         "/h /h/.config/hearth /h/.local/share/hearth /h/.cache/hearth/run /h/ai_local"},
        {{"HOME=/h", "XDG_CONFIG_HOME=/c", "XDG_DATA_HOME=/d/", "XDG_RUNTIME_DIR=/r"},
         "/h /c/hearth /d/hearth /r/hearth /h/ai_local"},
        {{"HOME=/h", "XDG_CONFIG_HOME=c", "XDG_DATA_HOME=", "XDG_RUNTIME_DIR=./r"},
         "/h /h/.config/hearth /h/.local/share/hearth /h/.cache/hearth/run /h/ai_local"},
        {{"HOME=/h", "HEARTH_HOME=/x", "XDG_CONFIG_HOME=/c"},
         "/h /x/config /x/data /x/run /x/ai_local"},
        {{"HOME=/h", "HEARTH_HOME=/x//"}, "/h /x/config /x/data /x/run /x/ai_local"},
        {{"HOME=/h", "HEARTH_HOME="},
         "/h /h/.config/hearth /h/.local/share/hearth /h/.cache/hearth/run /h/ai_local"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct arena a = {0};
        struct config_paths p;
        assert_int_equal(config_paths_find(&a, all[i].environment, &p, NULL), OK);
        struct slice said =
            arena_format(&a, "%s %s %s %s %s", p.home, p.config, p.data, p.run, p.library);
        assert_string_equal(said.ptr, all[i].paths);
        arena_fini(&a);
    }
    static const char *const relative[] = {"HOME=/h", "HEARTH_HOME=x/y", NULL};
    static const char *const nothing[] = {NULL};
    struct arena a = {0};
    struct config_paths p;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(config_paths_find(&a, relative, &p, NULL), OK);
    assert_string_equal(p.config, arena_format(&a, "%s/x/y/config", here).ptr);
    assert_int_equal(config_paths_find(&a, nothing, &p, NULL), OK); /* the system knows our home */
    assert_true(p.home[0] == '/');
    arena_fini(&a);
}

/* ---- the reference -------------------------------------------------------------------------- */

static void check_reference(void **state)
{
    (void)state;
    struct text t = {0};
    config_write_reference(&t);
    const char *s = text_cstr(&t);
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char row[100];
        snprintf(row, sizeof row, "| `%s` | ", config_options[i].path);
        assert_non_null(strstr(s, row));
        assert_non_null(strstr(s, config_options[i].help));
        assert_null(strchr(config_options[i].help, '|'));
    }
    for (size_t i = 0; i < FIELD_COUNT; i++)
        assert_non_null(strstr(s, config_fields[i].help));
    assert_non_null(strstr(s, "| `limits.body` | size, 1KiB to 1GiB | `32MiB` | reload | The "
                              "largest JSON body that is taken. |\n"));
    assert_non_null(strstr(s, "| `log.level` | one of `debug`, `info`, `warn`, `error` | `info` | "
                              "reload | The least severe lines that are logged. |\n"));
    assert_non_null(
        strstr(s, "| `anthropic` | yes | anthropic claude | https://api.anthropic.com |\n"));
    assert_true(text_slice(&t).ptr[t.len - 1] == '\n');
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_show),        cmocka_unit_test(check_show_json),
        cmocka_unit_test(check_report_json), cmocka_unit_test(check_diff),
        cmocka_unit_test(check_paths),       cmocka_unit_test(check_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
