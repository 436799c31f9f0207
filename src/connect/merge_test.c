/* merge: what is put into files of every shape, what is refused, and that all of it comes out again
 * byte for byte. */
#include "connect/testing.h"

#include "base/json.h"

#define CONTINUE ".continue/config.yaml"
#define OPENCODE ".config/opencode/opencode.json"
#define AIDER ".aider.conf.yml"
#define HEAD "name: Local config\nversion: 1.0.0\nschema: v1\n"
#define BEGINS "# >>> hearth: `hearth disconnect continue` takes this out\n"
#define ENDS "# <<< hearth\n"
/* the entry, with so many blanks before it */
#define ENTRY(blanks)                                                                              \
    blanks BEGINS blanks "- name: \"code (hearth)\"\n" blanks "  provider: \"openai\"\n" blanks    \
                         "  model: \"code\"\n" blanks                                              \
                         "  apiBase: \"http://127.0.0.1:8420/v1\"\n" blanks                        \
                         "  apiKey: \"none\"\n" blanks ENDS
#define FLOW                                                                                       \
    "{name: \"code (hearth)\", provider: \"openai\", model: \"code\", "                            \
    "apiBase: \"http://127.0.0.1:8420/v1\", apiKey: \"none\"}"
#define SETTINGS                                                                                   \
    "# >>> hearth: `hearth disconnect aider` takes this out\n"                                     \
    "model: \"openai/code\"\n"                                                                     \
    "openai-api-base: \"http://127.0.0.1:8420/v1\"\n"                                              \
    "openai-api-key: \"none\"\n" ENDS

static void takes_and_gives_back(const char *app, const char *file, const char *before,
                                 const char *after)
{
    struct ground *g = ground_make();
    struct why why = {0};
    if (before)
        ground_put(g, file, before);
    if (ground_connect(g, app, &why))
        fail_msg("%s: %s\n%s", app, why.text, before ? before : "(none)");
    ground_check(g, file, after);
    assert_int_equal(ground_connect(g, app, &why), OK); /* again: as it is */
    ground_check(g, file, after);
    assert_int_equal(ground_disconnect(g, app, &why), OK);
    if (before)
        ground_check(g, file, before);
    else
        assert_false(ground_has(g, file));
    assert_int_equal(ground_disconnect(g, app, &why), ERR_NOT_FOUND);
    ground_fini(g);
}

static void refuses(const char *app, const char *file, const char *before, const char *words)
{
    struct ground *g = ground_make();
    const struct connect_terms t = ground_terms(g, app);
    struct connect_plan p = {0};
    struct why why = {0};
    ground_put(g, file, before);
    enum err e = connect_plan(&t, &p, &why);
    if (e != ERR_CONFIG || !strstr(why.text, words))
        fail_msg("%d, %s\n%s", (int)e, why.text, before);
    const char *ours = t.app->mcp        ? "/opt/hearth"
                       : t.app->messages ? "http://127.0.0.1:8420\""
                                         : "http://127.0.0.1:8420/v1";
    assert_non_null(strstr(text_cstr(&p.steps), ours)); /* by hand */
    assert_null(p.after.ptr);
    connect_plan_fini(&p);
    ground_check(g, file, before);
    ground_fini(g);
}

struct row {
    const char *before, *after;
};

static void yaml_of_every_shape(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, HEAD "models:\n" ENTRY("  ")},
        {"", HEAD "models:\n" ENTRY("  ")},
        {"# mine\n", "# mine\n" HEAD "models:\n" ENTRY("  ")},
        {"# mine", "# mine\n" HEAD "models:\n" ENTRY("  ")},
        {"name: x # y\nmodels:\n  # the big one\n  - name: a\n    model: b\n\nrules: []\n",
         "name: x # y\nmodels:\n" ENTRY("  ") "  # the big one\n  - name: a\n    model: b\n\n"
                                              "rules: []\n"},
        {"models: # all\n- name: a\n", "models: # all\n" ENTRY("") "- name: a\n"},
        {"models:\n      - {name: a}", "models:\n" ENTRY("      ") "      - {name: a}"},
        {"models: []\n", "models: [" FLOW "]\n"},
        {"models: [{name: a}]\nx: 1", "models: [" FLOW ", {name: a}]\nx: 1"},
        {"models: [\n  {name: a},\n]\n", "models: [" FLOW ", \n  {name: a},\n]\n"},
        {"models:\nrules: []\n", "models:\n" ENTRY("  ") "rules: []\n"},
        {"models:", "models:\n" ENTRY("  ")},
        {"name: x\nprompt: |\n  a\n  b\n", "name: x\nprompt: |\n  a\n  b\nmodels:\n" ENTRY("  ")},
        {"name: \xc3\xbc\nmodels: [{name: \"\xe2\x82\xac\"}]\n",
         "name: \xc3\xbc\nmodels: [" FLOW ", {name: \"\xe2\x82\xac\"}]\n"},
        {"---\nname: x\n", "---\nname: x\nmodels:\n" ENTRY("  ")},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        takes_and_gives_back("continue", CONTINUE, rows[i].before, rows[i].after);
}

static void yaml_with_other_line_ends(void **state)
{
    (void)state;
    struct text after = {0};
    struct slice part = SLICE(ENTRY("  ")), line;
    text_add(&after, SLICE("name: x\r\nmodels:\r\n"));
    while (part.len && slice_split(&part, '\n', &line))
        text_format(&after, "%.*s\r\n", SLICE_ARG(line));
    text_add(&after, SLICE("  - name: a\r\n"));
    takes_and_gives_back("continue", CONTINUE, "name: x\r\nmodels:\r\n  - name: a\r\n",
                         text_cstr(&after));
    text_fini(&after);
}

static void yaml_that_is_left_alone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"models: [\n", "not valid YAML"},
        {"models:\n\t- a\n", "a tab"},
        {"base: &b {x: 1}\nmodels:\n  - <<: *b\n", "anchors"},
        {"models:\n  - name: code (hearth)\n", "config.yaml:2: there is a model of this name"},
        {"models: ~\n", "config.yaml:1: `models` is no list"},
        {"models: {a: 1}\n", "`models` is no list"},
        {"{name: x}\n", "in a way that hearth does not change"},
        {"- a\n", "in a way that hearth does not change"},
        {"  name: x\n", "in a way that hearth does not change"},
        {"name: x\n...\n", "in a way that hearth does not change"},
        {"name: x\nprompt: |\n  a", "in a way that hearth does not change"},
        {"name: x\n--- \nname: y\n", "a second document"},
        {"name: \xff\n", "not UTF-8"},
        {"a: 1\na: 2\n", "stands twice"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refuses("continue", CONTINUE, rows[i].before, rows[i].after);
}

static void settings_at_the_end(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, SETTINGS},
        {"", SETTINGS},
        {"# mine\ndark-mode: true", "# mine\ndark-mode: true\n" SETTINGS},
        {"#model: x\nread: [a, b]\n", "#model: x\nread: [a, b]\n" SETTINGS},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        takes_and_gives_back("aider", AIDER, rows[i].before, rows[i].after);
    refuses("aider", AIDER, "x: 1\nmodel: gpt\n", ".aider.conf.yml:2: model is set already");
    refuses("aider", AIDER, "openai-api-key: k\n", "openai-api-key is set already");
    refuses("aider", AIDER, "{a: 1}\n", "in a way that hearth does not change");
}

/* ---- JSON ---- */

#define PROVIDER(in)                                                                               \
    in "\"hearth\": {\n" in "  \"npm\": \"@ai-sdk/openai-compatible\",\n" in                       \
       "  \"name\": \"hearth\",\n" in "  \"options\": {\n" in                                      \
       "    \"baseURL\": \"http://127.0.0.1:8420/v1\",\n" in "    \"apiKey\": \"none\"\n" in       \
       "  },\n" in "  \"models\": {\n" in "    \"code\": {\n" in "      \"name\": \"code\"\n" in   \
       "    }\n" in "  }\n" in "}"
#define MODEL "\n  \"model\": \"hearth/code\""
#define PROVIDERS "\n  \"provider\": {\n" PROVIDER("    ") "\n  }"

static void json_of_every_shape(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL,
         "{" MODEL "," PROVIDERS ",\n  \"$schema\": \"https://opencode.ai/config.json\"\n}\n"},
        {" \n",
         "{" MODEL "," PROVIDERS ",\n  \"$schema\": \"https://opencode.ai/config.json\"\n}\n"},
        {"{}", "{" MODEL "," PROVIDERS "\n}"},
        {"// mine\n{ // x\n  \"theme\": \"a\", /* { */\n}\n",
         "// mine\n{" MODEL "," PROVIDERS ", // x\n  \"theme\": \"a\", /* { */\n}\n"},
        {"{\n  \"model\": \"a/b\",\n  \"provider\": {\n    \"x\": {},\n  },\n}",
         "{\n  \"model\": \"a/b\",\n  \"provider\": {\n" PROVIDER(
             "    ") ",\n    \"x\": {},\n  },\n}"},
        {"{\n  \"provider\": {} // none\n}\n",
         "{" MODEL ",\n  \"provider\": {\n" PROVIDER("    ") "\n  } // none\n}\n"},
        {"{\"model\":\"a/b\",\"x\":\"// }\\\"{\"}",
         "{" PROVIDERS ",\"model\":\"a/b\",\"x\":\"// }\\\"{\"}"},
        {"\xef\xbb\xbf{\"model\": \"a\"}", "\xef\xbb\xbf{" PROVIDERS ",\"model\": \"a\"}"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        takes_and_gives_back("opencode", OPENCODE, rows[i].before, rows[i].after);
}

static void json_in_the_files_own_style(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    ground_put(g, OPENCODE "c",
               "{\r\n\t\"model\": \"a\"\r\n}\r\n"); /* .jsonc, since that is there */
    assert_int_equal(ground_connect(g, "opencode", &why), OK);
    assert_false(ground_has(g, OPENCODE));
    ground_check(g, OPENCODE "c",
                 "{\r\n\t\"provider\": {\r\n\t\t\"hearth\": {\r\n"
                 "\t\t\t\"npm\": \"@ai-sdk/openai-compatible\",\r\n\t\t\t\"name\": \"hearth\",\r\n"
                 "\t\t\t\"options\": {\r\n\t\t\t\t\"baseURL\": \"http://127.0.0.1:8420/v1\",\r\n"
                 "\t\t\t\t\"apiKey\": \"none\"\r\n\t\t\t},\r\n\t\t\t\"models\": {\r\n"
                 "\t\t\t\t\"code\": {\r\n\t\t\t\t\t\"name\": \"code\"\r\n\t\t\t\t}\r\n\t\t\t}\r\n"
                 "\t\t}\r\n\t},\r\n\t\"model\": \"a\"\r\n}\r\n");
    assert_int_equal(ground_disconnect(g, "opencode", &why), OK);
    ground_check(g, OPENCODE "c", "{\r\n\t\"model\": \"a\"\r\n}\r\n");
    ground_fini(g);
}

static void json_that_is_left_alone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{", "opencode.json: "},
        {"[]", "holds no object"},
        {"\"{\"", "holds no object"},
        {"{} /* x", "a comment in it has no end"},
        {"{\"a\": 1, \"a\": 2}", "opencode.json: "},
        {"{\"a\": [1,,]}", "opencode.json: "},
        {"{\"provider\": []}", "`provider` is no object"},
        {"{\"provider\": null}", "`provider` is no object"},
        {"{\n\"provider\": {\"hearth\": {}}}", "opencode.json:2: there is a provider hearth"},
        {"{\"prov\\u0069der\": {\"a\": 1}}", "`provider` is no object"},
        {"{\"a\": \"\xff\"}", "opencode.json: "},
        {"// nothing but words\n", "opencode.json: "},
        {"{\"a\\u0000b\": 1}", "in a way that hearth does not change"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refuses("opencode", OPENCODE, rows[i].before, rows[i].after);
}

#define CODE ".claude/settings.json"
#define OURS(in)                                                                                   \
    in "\"ANTHROPIC_BASE_URL\": \"http://127.0.0.1:8420\",\n" in                                   \
       "\"ANTHROPIC_AUTH_TOKEN\": \"none\",\n" in "\"ANTHROPIC_MODEL\": \"code\",\n" in            \
       "\"ANTHROPIC_DEFAULT_OPUS_MODEL\": \"code\",\n" in                                          \
       "\"ANTHROPIC_DEFAULT_SONNET_MODEL\": \"code\",\n" in                                        \
       "\"ANTHROPIC_DEFAULT_HAIKU_MODEL\": \"code\""
#define ENV "\n  \"env\": {\n" OURS("    ") "\n  }"

static void variables_in_every_shape(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, "{" ENV "\n}\n"},
        {"{}", "{" ENV "\n}"},
        {"{\n  \"theme\": \"a\"\n}\n", "{" ENV ",\n  \"theme\": \"a\"\n}\n"},
        {"{\n  \"env\": {\n    \"A\": \"}\"\n  }\n}\n",
         "{\n  \"env\": {\n" OURS("    ") ",\n    \"A\": \"}\"\n  }\n}\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        takes_and_gives_back("claude-code", CODE, rows[i].before, rows[i].after);
}

static void variables_that_are_left_alone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{", "settings.json: "},
        {"[]", "holds no object"},
        {"{\"env\": []}", "`env` is no object"},
        {"{\n\"env\": {\"ANTHROPIC_MODEL\": 1}}",
         "settings.json:2: ANTHROPIC_MODEL is set already"},
        {"{\"env\": {\"a\\u0000b\": 1}}", "in a way that hearth does not change"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refuses("claude-code", CODE, rows[i].before, rows[i].after);
}

#define CLAUDE ".config/Claude/claude_desktop_config.json"
#define SERVER(in)                                                                                 \
    in "\"hearth\": {\n" in "  \"command\": \"/opt/hearth \\\"x\\\"\",\n" in                       \
       "  \"args\": [\"mcp\"]\n" in "}"
#define SERVERS "\n  \"mcpServers\": {\n" SERVER("    ") "\n  }"

static void servers_of_every_shape(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {NULL, "{" SERVERS "\n}\n"},
        {"\n", "{" SERVERS "\n}\n"},
        {"{}", "{" SERVERS "\n}"},
        {"{\n  \"theme\": \"a\"\n}\n", "{" SERVERS ",\n  \"theme\": \"a\"\n}\n"},
        {"{\n  \"mcpServers\": {}\n}\n", "{\n  \"mcpServers\": {\n" SERVER("    ") "\n  }\n}\n"},
        {"{\n  \"mcpServers\": {\n    \"x\": {\"command\": \"y\", \"args\": [\"}\"]}\n  }\n}\n",
         "{\n  \"mcpServers\": {\n" SERVER(
             "    ") ",\n    \"x\": {\"command\": \"y\", \"args\": [\"}\"]}\n  }\n}\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        takes_and_gives_back("claude-desktop", CLAUDE, rows[i].before, rows[i].after);
}

static void servers_that_are_left_alone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"{", "config.json: "},
        {"[]", "holds no object"},
        {"{\"mcpServers\": []}", "`mcpServers` is no object"},
        {"{\n\n\"mcpServers\": {\"hearth\": 1}}", "config.json:3: there is a server hearth"},
        {"{\"mcpServers\": {\"a\\u0000b\": 1}}", "in a way that hearth does not change"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        refuses("claude-desktop", CLAUDE, rows[i].before, rows[i].after);
}

/* What is started must find the daemon that was meant, and on macOS the file is elsewhere. */
static void servers_with_a_place_of_their_own(void **state)
{
    (void)state;
    static const char *const environment[] = {"PATH=/nowhere", "HEARTH_HOME=not/absolute",
                                              "XDG_DATA_HOME=also/not",
                                              "XDG_RUNTIME_DIR=/run/user/7", NULL};
    struct ground *g = ground_make();
    struct connect_terms t = ground_terms(g, "claude-desktop");
    struct connect_plan p = {0};
    struct why why = {0};
    char home[300];
    g->user.environment = environment;
    t.named = true;
    ground_put(g, "Library/Application Support/x", "");
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    assert_non_null(
        strstr(p.path, "/Library/Application Support/Claude/claude_desktop_config.json"));
    snprintf(home, sizeof home, "\"HEARTH_HOME\": \"%s\",\n", g->dir);
    assert_non_null(strstr(p.after.ptr, home));
    assert_non_null(strstr(p.after.ptr, "\"XDG_RUNTIME_DIR\": \"/run/user/7\"\n"));
    assert_null(strstr(p.after.ptr, "XDG_DATA_HOME"));
    assert_non_null(strstr(p.after.ptr, "\"args\": [\"mcp\", \"--model\", \"code\"],\n"));
    connect_plan_fini(&p);
    ground_fini(g);
}

static void names_are_quoted(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct connect_terms t = ground_terms(g, "continue");
    struct connect_plan p = {0};
    struct why why = {0};
    t.model = "a\": b # \xe2\x80\xa8\n- x";
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    connect_plan_fini(&p);
    t.app = connect_app_find("aider");
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    connect_plan_fini(&p);
    t.app = connect_app_find("opencode");
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    connect_plan_fini(&p);
    ground_fini(g);
}

static void the_context_is_told(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct connect_terms t = ground_terms(g, "continue");
    struct connect_plan p = {0};
    struct why why = {0};
    t.context = 16384;
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    assert_non_null(strstr(p.after.ptr, "    defaultCompletionOptions: {contextLength: 16384}\n"));
    connect_plan_fini(&p);
    ground_put(g, CONTINUE, "models: []\n");
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    assert_non_null(strstr(p.after.ptr, ", defaultCompletionOptions: {contextLength: 16384}}]\n"));
    connect_plan_fini(&p);
    t.app = connect_app_find("opencode");
    assert_int_equal(connect_plan(&t, &p, &why), OK);
    assert_non_null(strstr(p.after.ptr, "\"context\": 16384,\n"));
    assert_non_null(strstr(p.after.ptr, "\"output\": 4096\n"));
    connect_plan_fini(&p);
    ground_fini(g);
}

/* ---- files that were changed since ---- */

static void what_was_added_since_stays(void **state)
{
    (void)state;
    static const struct {
        const char *app, *file, *before, *head, *tail;
    } rows[] = {
        {"continue", CONTINUE, "models:\n  - name: a\n", "# new\n", "  - name: b\nrules: []\n"},
        {"continue", CONTINUE, "models: [{name: a}]\n", "# new\n", "rules: []\n"},
        {"aider", AIDER, "read: a\n", "# new\n", "vim: true\n"},
        {"opencode", OPENCODE, "{\"theme\": \"a\"}", "// new\n", "\n// more\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ground *g = ground_make();
        struct why why = {0};
        struct text now = {0};
        char path[400];
        ground_path(g, rows[i].file, path);
        ground_put(g, rows[i].file, rows[i].before);
        assert_int_equal(ground_connect(g, rows[i].app, &why), OK);
        text_add(&now, slice_of(rows[i].head));
        assert_int_equal(os_read_file(AT_FDCWD, path, MOST_FILE, &now, NULL), OK);
        text_add(&now, slice_of(rows[i].tail));
        ground_put(g, rows[i].file, text_cstr(&now));
        assert_int_equal(ground_connect(g, rows[i].app, &why), OK); /* once more, and once only */
        assert_int_equal(ground_disconnect(g, rows[i].app, &why), OK);
        text_clear(&now);
        text_format(&now, "%s%s%s", rows[i].head, rows[i].before, rows[i].tail);
        ground_check(g, rows[i].file, text_cstr(&now));
        text_fini(&now);
        ground_fini(g);
    }
}

static void a_part_that_was_changed_is_told(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    struct connect_record r = {0};
    struct connect_plan p = {0};
    const struct connect_app *app = connect_app_find("continue");
    const char *mine = "models:\n  - name: mine\n";
    ground_put(g, CONTINUE, "models: []\n");
    assert_int_equal(ground_connect(g, "continue", &why), OK);
    ground_put(g, CONTINUE, mine);
    assert_int_equal(connect_record_read(&g->user, app, &r, &why), OK);
    assert_int_equal(connect_unplan(&g->user, app, &r, &p, &why), ERR_CONFIG);
    assert_non_null(strstr(text_cstr(&p.steps), "apiBase"));
    connect_plan_fini(&p);
    connect_record_fini(&r);
    ground_check(g, CONTINUE, mine);
    /* nobody can say which of two is ours */
    ground_put(g, CONTINUE, "models: [" FLOW "]\nother: [" FLOW "]\n");
    assert_int_equal(ground_disconnect(g, "continue", &why), ERR_CONFIG);
    /* and what would be no YAML any more is left too */
    ground_put(g, CONTINUE, "models: [" FLOW ", : ]\n");
    assert_int_equal(ground_disconnect(g, "continue", &why), ERR_CONFIG);
    ground_fini(g);
}

static void an_older_file_is_not_pushed_aside(void **state)
{
    (void)state;
    struct ground *g = ground_make();
    struct why why = {0};
    ground_put(g, ".continue/config.json", "{}");
    assert_int_equal(ground_connect(g, "continue", &why), ERR_CONFIG);
    assert_non_null(strstr(why.text, "older config.json"));
    assert_false(ground_has(g, CONTINUE));
    ground_put(g, CONTINUE, "models: []\n"); /* then it is read no longer anyway */
    assert_int_equal(ground_connect(g, "continue", &why), OK);
    ground_fini(g);
}

/* Every end of a text of ours, and texts of brackets and quotes, are read without harm. */
static void masks_survive_anything(void **state)
{
    (void)state;
    static const char letters[] = "\"\\/*,{}[] \n:a";
    uint32_t seed = 1;
    for (unsigned round = 0; round < 20000; round++) {
        char bytes[24];
        struct text plain = {0};
        struct json_doc doc;
        size_t n = seed % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = letters[(seed >> 16) % (sizeof letters - 1)];
        }
        seed = seed * 1664525 + 1013904223;
        bool good = jsonc_mask((struct slice){bytes, n}, &plain);
        if (good) {
            assert_int_equal(plain.len, n);
            for (size_t i = 0; i < n; i++)
                assert_true(plain.ptr[i] == bytes[i] || plain.ptr[i] == ' ');
        }
        if (!json_read((struct slice){bytes, n}, &json_usual_limits, NULL, &doc, NULL)) {
            assert_true(good); /* what is JSON already stays as it is */
            assert_true(slice_is(text_slice(&plain), (struct slice){bytes, n}));
            json_done(&doc);
        }
        text_fini(&plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(yaml_of_every_shape),
        cmocka_unit_test(yaml_with_other_line_ends),
        cmocka_unit_test(yaml_that_is_left_alone),
        cmocka_unit_test(settings_at_the_end),
        cmocka_unit_test(json_of_every_shape),
        cmocka_unit_test(json_in_the_files_own_style),
        cmocka_unit_test(json_that_is_left_alone),
        cmocka_unit_test(variables_in_every_shape),
        cmocka_unit_test(variables_that_are_left_alone),
        cmocka_unit_test(servers_of_every_shape),
        cmocka_unit_test(servers_that_are_left_alone),
        cmocka_unit_test(servers_with_a_place_of_their_own),
        cmocka_unit_test(names_are_quoted),
        cmocka_unit_test(the_context_is_told),
        cmocka_unit_test(what_was_added_since_stays),
        cmocka_unit_test(a_part_that_was_changed_is_told),
        cmocka_unit_test(an_older_file_is_not_pushed_aside),
        cmocka_unit_test(masks_survive_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
