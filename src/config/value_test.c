/* Values, variables, addresses and names, each as a table of cases. */
#include "config/testing.h"

struct bench { /* what a value needs around it, without files */
    struct whole whole;
    struct config_report report;
    struct config_paths paths;
    struct config_sources sources;
    struct loader loader;
};

static void open_bench(struct bench *b, const char *const *environment)
{
    *b = (struct bench){.paths = {.home = "/home/me", .library = "/lib"}};
    b->sources = (struct config_sources){&b->paths, environment, NULL, NULL};
    b->loader = (struct loader){.sources = &b->sources,
                                .whole = &b->whole,
                                .arena = &b->whole.arena,
                                .report = &b->report,
                                .variables = {.environment = environment}};
}

static void close_bench(struct bench *b)
{
    assert_false(b->loader.failed);
    config_report_fini(&b->report);
    arena_fini(&b->whole.arena);
}

/* ---- values --------------------------------------------------------------------------------- */

static const struct {
    const char *path, *text;
    const char *shown; /* NULL: refused */
} values[] = {
    {"failover.enabled", "true", "true"},
    {"failover.enabled", "Yes", "true"},
    {"failover.enabled", "ON", "true"},
    {"failover.enabled", "1", "true"},
    {"failover.enabled", "false", "false"},
    {"failover.enabled", "no", "false"},
    {"failover.enabled", "off", "false"},
    {"failover.enabled", "0", "false"},
    {"failover.enabled", "2", NULL},
    {"failover.enabled", "", NULL},
    {"failover.enabled", "true ", NULL},
    {"queue.length", "0", "0"},
    {"queue.length", "1000000", "1000000"},
    {"queue.length", "007", "7"},
    {"queue.length", "1000001", NULL},
    {"queue.length", "-1", NULL},
    {"queue.length", "+1", NULL},
    {"queue.length", "1.0", NULL},
    {"queue.length", "1e3", NULL},
    {"queue.length", "0x10", NULL},
    {"queue.length", "18446744073709551616", NULL},
    {"queue.length", "", NULL},
    {"queue.wait", "0", "0s"},
    {"queue.wait", "60", "1m"},
    {"queue.wait", "90", "90s"},
    {"queue.wait", "250ms", "250ms"},
    {"queue.wait", "1500ms", "1500ms"},
    {"queue.wait", "2000ms", "2s"},
    {"queue.wait", "1.5", "1500ms"},
    {"queue.wait", "0.25s", "250ms"},
    {"queue.wait", "1.5h", "90m"},
    {"queue.wait", "24h", "24h"},
    {"queue.wait", "1d", "24h"},
    {"queue.wait", "25h", NULL},
    {"queue.wait", "1.5ms", NULL},
    {"queue.wait", "1.2345s", NULL},
    {"queue.wait", "1.s", NULL},
    {"queue.wait", ".5s", NULL},
    {"queue.wait", "10 s", NULL},
    {"queue.wait", "10S", NULL},
    {"queue.wait", "-1s", NULL},
    {"queue.wait", "s", NULL},
    {"queue.wait", "1h30m", NULL},
    {"queue.wait", "18446744073709551615h", NULL},
    {"limits.headers", "9ms", NULL},
    {"limits.headers", "10ms", "10ms"},
    {"limits.body", "1024", "1KiB"},
    {"limits.body", "1025B", "1025"},
    {"limits.body", "64KiB", "64KiB"},
    {"limits.body", "1.5KiB", "1536"},
    {"limits.body", "1GiB", "1GiB"},
    {"limits.body", "0.5GiB", "512MiB"},
    {"limits.body", "1023", NULL},
    {"limits.body", "2GiB", NULL},
    {"limits.body", "64kib", NULL},
    {"limits.body", "64K", NULL},
    {"limits.body", "1024.5", NULL},
    {"limits.body", "16777216TiB", NULL},
    {"log.level", "debug", "debug"},
    {"log.level", "error", "error"},
    {"log.level", "Debug", NULL},
    {"log.level", "debug info", NULL},
    {"log.level", "", NULL},
    {"library", "/models", "/models"},
    {"library", "~", "/home/me"},
    {"library", "~/x/y", "/home/me/x/y"},
    {"library", "~me/x", NULL},
    {"library", "x", NULL},
    {"library", "./x", NULL},
    {"library", "/a\nb", NULL},
    {"library", "", NULL},
    {"listen", "127.0.0.1:8420", "[127.0.0.1:8420]"},
    {"listen", "127.0.0.1:0, [::1]:65535,localhost:1", "[127.0.0.1:0, [::1]:65535, localhost:1]"},
    {"listen", "192.168.1.5:80", "[192.168.1.5:80]"},
    {"listen", "", "[]"},
    {"listen", ",", "[]"},
    {"listen", "127.0.0.1", NULL},
    {"listen", "127.0.0.1:", NULL},
    {"listen", ":8420", NULL},
    {"listen", "127.0.0.1:65536", NULL},
    {"listen", "127.0.0.1:08420", "[127.0.0.1:08420]"},
    {"listen", "127.0.0.1:000080", NULL},
    {"listen", "127.1:80", NULL},
    {"listen", "::1:80", NULL},
    {"listen", "[127.0.0.1]:80", NULL},
    {"listen", "[::1", NULL},
    {"listen", "[::1]", NULL},
    {"listen", "[::1]80", NULL},
    {"listen", "[fe80::1%eth0]:80", NULL},
    {"listen", "example.com:80", NULL},
    {"listen", "http://127.0.0.1:80", NULL},
    {"origins", "http://localhost:3000", "[http://localhost:3000]"},
    {"origins", "https://a.example,app://obsidian.md", "[https://a.example, app://obsidian.md]"},
    {"origins", "http://localhost:3000/", NULL},
    {"trusted_uids", "self", "[self]"},
    {"trusted_uids", "self,0,root", "[self, 0, root]"},
    {"trusted_uids", "4294967295", NULL},
    {"trusted_uids", "-1", NULL},
    {"trusted_uids", "nobody at all", NULL},
    {"audit.size", "1MiB", "1MiB"},
    {"audit.size", "1KiB", NULL},
    {"origins", "localhost:3000", NULL},
    {"origins", "http://", NULL},
    {"origins", "://x", NULL},
    {"origins", "http://*", NULL},
    {"origins", "*", NULL},
    {"origins", "null", NULL},
    {"origins", "http://a@b", NULL},
    {"origins", "http://a b", NULL},
    {"origins", "http://\xc3\xa4", NULL},
};

static const struct row *row_of(const char *path)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strcmp(config_options[i].path, path) == 0)
            return &config_options[i];
    }
    fail_msg("no row %s", path);
    return NULL;
}

static enum taken take(struct bench *b, const struct row *row, const char *text, enum rank rank,
                       void *base, const char **ret_variable)
{
    static const struct source words = {COMMAND_LINE, 0, "test"}, file = {FILES, 0, "test"};
    struct yaml_node node = {.kind = IS_SCALAR, .line = 1, .text = slice_of(text)};
    struct setting s = {rank == FILES ? &file : &words, 1, &node, NULL};
    return config_take(&b->loader, row, row->path, &s, base, ret_variable);
}

static void check_values(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct bench b;
        struct config c;
        struct text shown = {0};
        const char *variable;
        open_bench(&b, NULL);
        const struct row *row = row_of(values[i].path);
        assert_true(config_take_standard(&b.whole.arena, row, "/home/me", &c));
        bool good = take(&b, row, values[i].text, COMMAND_LINE, &c, &variable) == TAKEN;
        config_print(row, &c, false, &shown);
        if (good != (values[i].shown != NULL) ||
            (good && strcmp(text_cstr(&shown), values[i].shown) != 0)) {
            print_message("%s: \"%s\" gives %s\n", values[i].path, values[i].text,
                          good ? text_cstr(&shown) : "nothing");
            wrong++;
        }
        assert_int_equal(b.report.errors, !good);
        text_fini(&shown);
        close_bench(&b);
    }
    assert_int_equal(wrong, 0);
}

/* Whatever is shown of a default is read again as the same. */
static void check_tables(void **state)
{
    (void)state;
    const size_t n = OPTION_COUNT + FIELD_COUNT;
    for (size_t i = 0; i < n + MODEL_FIELD_COUNT; i++) {
        const struct row *row = i < OPTION_COUNT ? &config_options[i]
                                : i < n          ? &config_fields[i - OPTION_COUNT]
                                                 : &config_model_fields[i - n];
        struct bench b;
        struct text first = {0}, again = {0}, words = {0};
        struct whole w = {0};
        struct provider p = {0};
        struct config_model m = {0};
        void *base = i < OPTION_COUNT ? (void *)&w.config : i < n ? (void *)&p : (void *)&m;
        const char *variable;
        open_bench(&b, NULL);
        assert_true(row->help[0] && row->help[strlen(row->help) - 1] == '.');
        assert_true((int64_t)row->least <= (int64_t)row->most);
        assert_true(config_take_standard(&b.whole.arena, row, "/home/me", base));
        config_allowed(row, &words);
        assert_true(words.len > 0);
        config_print(row, base, false, &first);
        if (row->standard[0] && !config_is_list(row)) {
            assert_int_equal(take(&b, row, text_cstr(&first), COMMAND_LINE, base, &variable),
                             TAKEN);
            config_print(row, base, false, &again);
            assert_string_equal(text_cstr(&first), text_cstr(&again));
        }
        for (size_t j = 0; j < i && i < OPTION_COUNT; j++) {
            struct text x = {0}, y = {0}; /* no two settings share a variable */
            config_env_name(row, &x);
            config_env_name(&config_options[j], &y);
            assert_string_not_equal(text_cstr(&x), text_cstr(&y));
            text_fini(&x);
            text_fini(&y);
        }
        text_fini(&first);
        text_fini(&again);
        text_fini(&words);
        close_bench(&b);
    }
    for (size_t i = 0; i < CONFIG_KIND_COUNT; i++)
        assert_string_equal(config_kind_name((enum config_kind)i), config_kinds[i].name);
}

/* ---- secrets -------------------------------------------------------------------------------- */

static void check_mask(void **state)
{
    (void)state;
    static const struct {
        const char *secret, *shown;
    } all[] = {{"x", "••••"},
               {"123456789012", "••••"},
               {"1234567890123", "••••0123"},
               {"sk-proj-abcdefghijkl", "••••ijkl"}};
    for (size_t i = 0; i < COUNT(all); i++) {
        struct text t = {0};
        config_print_mask(slice_of(all[i].secret), &t);
        assert_string_equal(text_cstr(&t), all[i].shown);
        text_fini(&t);
    }
}

/* ---- variables ------------------------------------------------------------------------------ */

static void check_expand(void **state)
{
    (void)state;
    static const char *const environment[] = {"A=1", "EMPTY=", "LONG_name2=x y", "AB=no", NULL};
    static const struct {
        const char *text, *gives;
        enum expanded how;
    } all[] = {
        {"", "", EXPANDED},
        {"plain", "plain", EXPANDED},
        {"${A}", "1", EXPANDED},
        {"x${A}y${A}", "x1y1", EXPANDED},
        {"${LONG_name2}", "x y", EXPANDED},
        {"${EMPTY}", "", EXPANDED},
        {"${EMPTY:-e}", "e", EXPANDED},
        {"${NO:-e f}", "e f", EXPANDED},
        {"${NO:-}", "", EXPANDED},
        {"${A:-e}", "1", EXPANDED},
        {"$${A}", "${A}", EXPANDED},
        {"$$", "$", EXPANDED},
        {"$A", "$A", EXPANDED},
        {"a$", "a$", EXPANDED},
        {"$", "$", EXPANDED},
        {"}{", "}{", EXPANDED},
        {"${NO:-${A}}", "${A}", EXPANDED}, /* not nested: up to the first } */
        {"${NO}", "NO", EXPANDED_UNSET},
        {"x${A}${NO}", "NO", EXPANDED_UNSET},
        {"${", NULL, EXPANDED_NOT},
        {"${}", NULL, EXPANDED_NOT},
        {"${A", NULL, EXPANDED_NOT},
        {"${1A}", NULL, EXPANDED_NOT},
        {"${A B}", NULL, EXPANDED_NOT},
        {"${A-x}", NULL, EXPANDED_NOT},
        {"${:-x}", NULL, EXPANDED_NOT},
    };
    const struct variables v = {.environment = environment};
    for (size_t i = 0; i < COUNT(all); i++) {
        struct text out = {0};
        struct slice name = {0};
        assert_int_equal(config_expand(&v, slice_of(all[i].text), &out, &name), all[i].how);
        if (all[i].how == EXPANDED && strcmp(all[i].text, "${NO:-${A}}") == 0)
            assert_string_equal(text_cstr(&out), "${A}");
        else if (all[i].how == EXPANDED)
            assert_string_equal(text_cstr(&out), all[i].gives);
        else if (all[i].how == EXPANDED_UNSET)
            assert_true(slice_is(name, slice_of(all[i].gives)));
        text_fini(&out);
    }
}

static void check_dotenv(void **state)
{
    (void)state;
    static const struct {
        const char *line, *value; /* of the variable V */
    } all[] = {
        {"V=a", "a"},
        {"  V = a b  ", "a b"},
        {"export V=a", "a"},
        {"export\tV=a", "a"},
        {"V=", ""},
        {"V=a # comment", "a"},
        {"V=a#b", "a#b"},
        {"V=# comment", ""},
        {"V=a=b", "a=b"},
        {"V='a # $b \\n'", "a # $b \\n"},
        {"V=\"a\\n\\t\\\"\\\\\\$\\x\" # c", "a\n\t\"\\$\\x"},
        {"V=\"\"", ""},
        {"V=it's", "it's"},
        {"V=a\r", "a"},
        {"\xef\xbb\xbfV=a", "a"},
        {"V=a\nV=b", "b"},
        {"V=${A}", "${A}"},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct bench b;
        struct slice value;
        static const struct source source = {DOTENV, 0, ".env"};
        open_bench(&b, NULL);
        config_read_dotenv(&b.loader, &source, slice_of(all[i].line));
        assert_int_equal(b.report.errors, 0);
        assert_true(config_variable(&b.loader.variables, SLICE("V"), &value));
        if (!slice_is(value, slice_of(all[i].value)))
            fail_msg("%s gives %.*s", all[i].line, SLICE_ARG(value));
        close_bench(&b);
    }
}

/* ---- addresses ------------------------------------------------------------------------------ */

static const struct {
    const char *text;
    enum where how;
    const char *shown; /* place host port path local */
} addresses[] = {
    {"http://127.0.0.1:8080/v1", WHERE_GOOD, "0 127.0.0.1 8080 /v1 local"},
    {"HTTP://127.0.0.1:8080/v1/", WHERE_GOOD, "0 127.0.0.1 8080 /v1 local"},
    {"http://127.255.0.9", WHERE_GOOD, "0 127.255.0.9 80  local"},
    {"http://0.0.0.0:1", WHERE_GOOD, "0 0.0.0.0 1  local"},
    {"http://10.0.0.1:1/", WHERE_GOOD, "0 10.0.0.1 1  away"},
    {"http://[::1]:65535", WHERE_GOOD, "0 ::1 65535  local"},
    {"http://[::]:1", WHERE_GOOD, "0 :: 1  local"},
    {"http://[::2]:1", WHERE_GOOD, "0 ::2 1  away"},
    {"http://[::ffff:127.0.0.1]:1", WHERE_GOOD, "0 ::ffff:127.0.0.1 1  local"},
    {"http://[::ffff:1.2.3.4]:1", WHERE_GOOD, "0 ::ffff:1.2.3.4 1  away"},
    {"http://[fd00::1]", WHERE_GOOD, "0 fd00::1 80  away"},
    {"http://localhost:11434", WHERE_GOOD, "1 localhost 11434  local"},
    {"http://LocalHost", WHERE_GOOD, "1 localhost 80  local"},
    {"localhost:11434", WHERE_GOOD, "1 localhost 11434  local"},
    {"127.0.0.1", WHERE_GOOD, "0 127.0.0.1 80  local"},
    {"[::1]:80/a/b", WHERE_GOOD, "0 ::1 80 /a/b local"},
    {"unix:/run/s.sock", WHERE_GOOD, "2 /run/s.sock 0  local"},
    {"unix:///run/s.sock", WHERE_GOOD, "2 /run/s.sock 0  local"},
    {"https://127.0.0.1:8080", WHERE_LATER, "https waits for a later version of hearth"},
    {"grpc://127.0.0.1:8080", WHERE_LATER,
     "only http:// and unix: are spoken; others wait for a later version of hearth"},
    {"http://example.com", WHERE_LATER,
     "names wait for a later version of hearth; write the IP address"},
    {"http://host.docker.internal:11434", WHERE_LATER,
     "names wait for a later version of hearth; write the IP address"},
    {"http://127.1:80", WHERE_LATER,
     "names wait for a later version of hearth; write the IP address"},
    {"http://2130706433", WHERE_LATER,
     "names wait for a later version of hearth; write the IP address"},
    {"", WHERE_BAD, NULL},
    {"http://", WHERE_BAD, NULL},
    {"http:///v1", WHERE_BAD, NULL},
    {"://x", WHERE_BAD, NULL},
    {"http://:80", WHERE_BAD, NULL},
    {"http://127.0.0.1:", WHERE_BAD, NULL},
    {"http://127.0.0.1:0", WHERE_BAD, NULL},
    {"http://127.0.0.1:65536", WHERE_BAD, NULL},
    {"http://127.0.0.1:-1", WHERE_BAD, NULL},
    {"http://127.0.0.1:80a", WHERE_BAD, NULL},
    {"http://::1:80", WHERE_BAD, NULL},
    {"http://[::1:80", WHERE_BAD, NULL},
    {"http://[::1]x", WHERE_BAD, NULL},
    {"http://[127.0.0.1]:80", WHERE_BAD, NULL},
    {"http://[fe80::1%eth0]:80", WHERE_BAD, NULL},
    {"http://a b", WHERE_BAD, NULL},
    {"http://127.0.0.1/a b", WHERE_BAD, NULL},
    {"http://127.0.0.1/a?b", WHERE_BAD, NULL},
    {"http://127.0.0.1?b", WHERE_BAD, NULL},
    {"http://127.0.0.1/#b", WHERE_BAD, NULL},
    {"http://127.0.0.1/../b", WHERE_BAD, NULL},
    {"http://127.0.0.1/a/./b", WHERE_BAD, NULL},
    {"http://127.0.0.1/a//b", WHERE_BAD, NULL},
    {"http://127.0.0.1/%2e", WHERE_BAD, NULL},
    {"http://127.0.0.1/a\r\nX: y", WHERE_BAD, NULL},
    {"http://me:pw@127.0.0.1", WHERE_BAD, NULL},
    {"unix:", WHERE_BAD, NULL},
    {"unix:s.sock", WHERE_BAD, NULL},
    {"unix://host/s", WHERE_BAD, NULL},
};

static void check_addresses(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct arena a = {0};
        struct config_address address = {0};
        struct text shown = {0};
        const char *path = NULL, *words = NULL;
        enum where how = config_address(&a, slice_of(addresses[i].text), &address, &path, &words);
        if (how == WHERE_GOOD)
            text_format(&shown, "%d %s %u %s %s", (int)address.place, address.host, address.port,
                        path, address.local ? "local" : "away");
        else
            text_add(&shown, slice_of(words));
        if (how != addresses[i].how || !shown.len ||
            (addresses[i].shown && strcmp(text_cstr(&shown), addresses[i].shown) != 0)) {
            print_message("%s gives %d %s\n", addresses[i].text, (int)how, text_cstr(&shown));
            wrong++;
        }
        text_fini(&shown);
        arena_fini(&a);
    }
    assert_int_equal(wrong, 0);
    struct text longest = {0};
    struct arena a = {0};
    struct config_address address;
    const char *path, *words;
    text_add(&longest, SLICE("unix:/"));
    while (longest.len < 5 + 107)
        text_byte(&longest, 'x');
    assert_int_equal(config_address(&a, text_slice(&longest), &address, &path, &words), WHERE_GOOD);
    text_byte(&longest, 'x');
    assert_int_equal(config_address(&a, text_slice(&longest), &address, &path, &words), WHERE_BAD);
    text_fini(&longest);
    arena_fini(&a);
}

/* ---- names ---------------------------------------------------------------------------------- */

static void check_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *path, *meant;
    } all[] = {
        {"limits.body", "limits.body"},
        {"limits.bdoy", "limits.body"},
        {"limits.keepalive", "limits.keep_alive"},
        {"limts", "limits"},
        {"level", "log.level"},
        {"failover.failure_threshold", "failover.circuit_breaker.failure_threshold"},
        {"origin", "origins"},
        {"xyzzy", ""},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        struct slice near = config_nearest(slice_of(all[i].path), config_options, OPTION_COUNT);
        if (!slice_is(near, slice_of(all[i].meant)))
            fail_msg("%s gives %.*s", all[i].path, SLICE_ARG(near));
    }
    assert_int_equal(config_distance(SLICE("abcd"), SLICE("abdc"), 9), 1);
    assert_int_equal(config_distance(SLICE("abcd"), SLICE(""), 9), 4);
    assert_int_equal(config_distance(SLICE("abcd"), SLICE("wxyz"), 2), 3);
    char big[100];
    memset(big, 'a', sizeof big);
    assert_int_equal(config_distance((struct slice){big, sizeof big}, SLICE("a"), 2), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_values),  cmocka_unit_test(check_tables),
        cmocka_unit_test(check_mask),    cmocka_unit_test(check_expand),
        cmocka_unit_test(check_dotenv),  cmocka_unit_test(check_addresses),
        cmocka_unit_test(check_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
