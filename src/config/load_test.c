/* Loading: whole folders in, the report's exact words or the values out. */
#include "config/testing.h"

#define PROVIDER "providers:\n  a:\n    base_url: http://127.0.0.1:8080/v1\n"

static const struct c cases[] = {
    /* good ones */
    {.name = "nothing at all", .report = ""},
    {.name = "an empty file", .hearth = "", .report = ""},
    {.name = "only a comment", .hearth = "# nothing yet\n", .report = ""},
    {.name = "explicit nothing", .hearth = "---\n~\n", .report = ""},
    {.name = "dotted and nested",
     .hearth = "log.level: debug\nlimits:\n  body: 1MiB\n",
     .report = ""},
    {.name = "groups without settings", .hearth = "limits:\nlog: ~\nproviders:\n", .report = ""},
    {.name = "a null setting is unset", .hearth = "limits:\n  body:\n", .report = ""},
    {.name = "a list of one", .hearth = "listen: 127.0.0.1:1\norigins: http://a:1\n", .report = ""},
    {.name = "a provider", .hearth = PROVIDER, .report = ""},
    {.name = "fields of one provider in two files",
     .hearth = PROVIDER,
     .ten = "providers:\n  a:\n    model: x\n",
     .report = ""},
    {.name = "BOM and CRLF", .hearth = "\xef\xbb\xbflog:\r\n  level: warn\r\n", .report = ""},
    /* keys */
    {.name = "unknown, something near",
     .hearth = "limits:\n  bodi: 1\n",
     .report = "hearth.yaml:2: error: limits.bodi: is no setting; is limits.body meant?\n"},
    {.name = "unknown, in the wrong group",
     .hearth = "\nkeep_alive: 5s\n",
     .report = "hearth.yaml:2: error: keep_alive: is no setting; is limits.keep_alive meant?\n"},
    {.name = "unknown group is told once",
     .hearth = "limit:\n  body: 1\n  headers: 2\n",
     .report = "hearth.yaml:1: error: limit: is no setting; is limits meant?\n"},
    {.name = "unknown, nothing near",
     .hearth = "frobnication: 1\n",
     .report = "hearth.yaml:1: error: frobnication: is no setting; `hearth help options` lists all "
               "of them\n"},
    {.name = "the word providers",
     .hearth = "provider:\n  a: 1\n",
     .report = "hearth.yaml:1: error: provider: is no setting; is providers meant?\n"},
    {.name = "a key that fools a terminal",
     .hearth = "\"\\e[2J\": 1\n",
     .report = "hearth.yaml:1: error: \\x1b[2J: is no setting; `hearth help options` lists all of "
               "them\n"},
    {.name = "an empty key",
     .hearth = "\"\": 1\n",
     .report = "hearth.yaml:1: error: \"\": is no setting; `hearth help options` lists all of "
               "them\n"},
    {.name = "unknown field",
     .hearth = "providers:\n  a:\n    baseurl: http://127.0.0.1:1\n    socket: /s\n",
     .report = "hearth.yaml:3: error: providers.a.baseurl: is no field of a provider; is base_url "
               "meant?\n"},
    {.name = "a bad provider's name",
     .hearth = "providers:\n  \"a b\": {socket: /s}\n",
     .report = "hearth.yaml:2: error: providers.a b: is no name for a provider; allowed: at most "
               "64 letters, digits, - _ and .\n"},
    /* shapes */
    {.name = "a list as the whole",
     .hearth = "- a\n",
     .report = "hearth.yaml:1: error: found a list; allowed: settings, as `name: value`\n"},
    {.name = "a word as the whole",
     .hearth = "hello\n",
     .report = "hearth.yaml:1: error: found a text; allowed: settings, as `name: value`\n"},
    {.name = "a value for a group",
     .hearth = "limits: 5\n",
     .report = "hearth.yaml:1: error: limits: found one value; allowed: settings below it, as "
               "`limits:` and indented lines\n"},
    {.name = "a list for a group",
     .hearth = "providers:\n- a\n",
     .report = "hearth.yaml:2: error: providers: found a list; allowed: settings below it, as "
               "`providers:` and indented lines\n"},
    {.name = "a map for a value",
     .hearth = "limits:\n  body:\n    x: 1\n",
     .report = "hearth.yaml:3: error: limits.body: found a map; allowed: one value\n"},
    {.name = "a map for a list",
     .hearth = "listen: {a: b}\n",
     .report = "hearth.yaml:1: error: listen: found a map; allowed: one value or a list\n"},
    {.name = "a list for a value",
     .hearth = "queue:\n  length: [1]\n",
     .report =
         "hearth.yaml:2: error: queue.length: found a list; allowed: a whole number from 0 to "
         "1000000\n"},
    {.name = "a map in a list",
     .hearth = "origins:\n- http://a\n- {b: c}\n",
     .report = "hearth.yaml:3: error: origins: found a map; allowed: at most 256 origins such as "
               "http://localhost:3000\n"},
    {.name = "one value for a provider",
     .hearth = "providers:\n  a: http://127.0.0.1:1\n",
     .report = "hearth.yaml:2: error: providers.a: found one value; allowed: a provider's fields, "
               "such as base_url\n"},
    {.name = "a map for a field",
     .hearth = "providers:\n  a:\n    models: {b: c}\n    socket: /s\n",
     .report = "hearth.yaml:3: error: providers.a.models: found a map; allowed: one value or a "
               "list\n"},
    /* values */
    {.name = "a time",
     .hearth = "limits:\n  headers: soon\n",
     .report = "hearth.yaml:2: error: limits.headers: found \"soon\"; allowed: a time from 10ms to "
               "5m, such as 250ms, 10s, 5m or 1h; a bare number means seconds\n"},
    {.name = "a time out of bounds",
     .hearth = "limits:\n  headers: 1h\n",
     .report = "hearth.yaml:2: error: limits.headers: found \"1h\"; allowed: a time from 10ms to "
               "5m, such as 250ms, 10s, 5m or 1h; a bare number means seconds\n"},
    {.name = "a size",
     .hearth = "limits:\n  body: 32MB\n",
     .report = "hearth.yaml:2: error: limits.body: found \"32MB\"; allowed: a size from 1KiB to "
               "1GiB, such as 512, 64KiB, 32MiB or 1GiB\n"},
    {.name = "a choice",
     .hearth = "log:\n  level: loud\n",
     .report = "hearth.yaml:2: error: log.level: found \"loud\"; allowed: debug, info, warn, "
               "error\n"},
    {.name = "a truth",
     .hearth = "failover:\n  enabled: maybe\n",
     .report = "hearth.yaml:2: error: failover.enabled: found \"maybe\"; allowed: true or false\n"},
    {.name = "a path",
     .hearth = "library: models\n",
     .report = "hearth.yaml:1: error: library: found \"models\"; allowed: a path of at most 4000 "
               "bytes that begins with / or ~/\n"},
    {.name = "an address to listen at",
     .hearth = "listen: [8420]\n",
     .report = "hearth.yaml:1: error: listen: found \"8420\"; allowed: at most 32 addresses with a "
               "port, such as 127.0.0.1:8420, [::1]:8420 or localhost:8420\n"},
    {.name = "a secret is not told",
     .hearth = "providers:\n  a:\n    socket: /s\n    api_key: \"sk-very secret\"\n",
     .report = "hearth.yaml:4: error: providers.a.api_key: found a text with other characters, or "
               "a too long one; allowed: at most 4096 visible ASCII characters without blanks\n"},
    {.name = "one rule over two",
     .hearth = "limits:\n  body: 64MiB\n  bodies_total: 32MiB\n",
     .report = "hearth.yaml:3: error: limits.bodies_total: 32MiB is less than one body may have: "
               "limits.body is 64MiB\n"},
    {.name = "all problems, in the order of the lines",
     .hearth = "queue:\n  wait: x\nlog:\n  level: y\nnope: 1\n",
     .report =
         "hearth.yaml:2: error: queue.wait: found \"x\"; allowed: a time from 0s to 24h, such "
         "as 250ms, 10s, 5m or 1h; a bare number means seconds\n"
         "hearth.yaml:4: error: log.level: found \"y\"; allowed: debug, info, warn, error\n"
         "hearth.yaml:5: error: nope: is no setting; `hearth help options` lists all of "
         "them\n"},
    /* YAML */
    {.name = "broken YAML",
     .hearth = "a: b: c\n",
     .report = "hearth.yaml:1: error: not valid YAML: mapping values are not allowed in this "
               "context\n"},
    {.name = "a key twice",
     .hearth = "log:\n  level: info\n  level: info\n",
     .report = "hearth.yaml:3: error: the key \"level\" stands twice in one map\n"},
    {.name = "one bad file does not hide another's problems",
     .hearth = "a: *b\n",
     .ten = "c: 1\n",
     .report = "hearth.yaml:1: error: aliases (*name) are not taken; write the value out\n"
               "conf.d/10.yaml:1: error: c: is no setting; `hearth help options` lists all of "
               "them\n"},
    /* sources */
    {.name = "set in two files",
     .hearth = "log:\n  level: info\n",
     .ten = "\nlog.level: warn\n",
     .report = "conf.d/10.yaml:2: error: log.level: is set in hearth.yaml:2 too; keep one of the "
               "two\n"},
    {.name = "set in two of conf.d, in byte order",
     .ten = "queue.length: 1\n",
     .nine = "queue.length: 2\n",
     .report = "conf.d/9.yaml:1: error: queue.length: is set in conf.d/10.yaml:1 too; keep one of "
               "the two\n"},
    {.name = "set twice in one file, written differently",
     .hearth = "log:\n  level: info\nlog.level: warn\n",
     .report = "hearth.yaml:3: error: log.level: is set in hearth.yaml:2 too; keep one of the "
               "two\n"},
    {.name = "a provider's field in two files",
     .hearth = PROVIDER,
     .ten = "providers:\n  a:\n    base_url: http://127.0.0.1:1\n",
     .report = "conf.d/10.yaml:3: error: providers.a.base_url: is set in hearth.yaml:3 too; keep "
               "one of the two\n"},
    {.name = "what is hidden is checked too",
     .hearth = "log:\n  level: loud\n",
     .environment = {"HEARTH_LOG_LEVEL=info"},
     .report = "hearth.yaml:2: error: log.level: found \"loud\"; allowed: debug, info, warn, "
               "error\n"},
    {.name = "the environment",
     .environment = {"HEARTH_LOG_LEVEL=loud", "HEARTH_QUEUE_LENGTH=-1"},
     .report = "environment HEARTH_LOG_LEVEL: error: log.level: found \"loud\"; allowed: debug, "
               "info, warn, error\n"
               "environment HEARTH_QUEUE_LENGTH: error: queue.length: found \"-1\"; allowed: a "
               "whole number from 0 to 1000000\n"},
    {.name = "a slip in the environment is told, a stranger is not",
     .environment = {"HEARTH_LOGLEVEL=info", "HEARTH_SOMETHING_ELSE=1", "HEARTH_HOME=/x"},
     .report = "environment: warning: HEARTH_LOGLEVEL is no setting; is HEARTH_LOG_LEVEL meant?\n"},
    {.name = "an empty variable is none", .environment = {"HEARTH_LOG_LEVEL="}, .report = ""},
    {.name = ".env",
     .dotenv = "A=1\nHEARTH_LOG_LEVEL=loud\n",
     .report = ".env:2: error: log.level: found \"loud\"; allowed: debug, info, warn, error\n"},
    {.name = ".env, its lines",
     .dotenv = "A=1\nb c\nQ='x\nR=\"y\" z\nA=2\n=3\n",
     .report = ".env:2: error: not of the form NAME=value\n"
               ".env:3: error: a quote that is not closed in its line\n"
               ".env:4: error: more after the closing quote\n"
               ".env:5: warning: A stands in line 1 too; this one holds\n"
               ".env:6: error: not of the form NAME=value\n"},
    {.name = "the command line",
     .set = {"log.level", "=x", "log.levle=info", "log.level=loud"},
     .report = "command line: error: log.levle: is no setting; is log.level meant?\n"
               "command line: error: found \"=x\"; allowed: path=value, such as log.level=debug\n"
               "command line: error: found \"log.level\"; allowed: path=value, such as "
               "log.level=debug\n"
               "command line: error: log.level: found \"loud\"; allowed: debug, info, warn, "
               "error\n"},
    /* variables */
    {.name = "a variable that is not set",
     .hearth = "library: ${MODELS}\n",
     .report = "hearth.yaml:1: error: library: the variable MODELS is not set; set it in the "
               "environment or in .env, or write ${MODELS:-otherwise}\n"},
    {.name = "an empty one",
     .hearth = "library: ${MODELS}\n",
     .environment = {"MODELS="},
     .report = "hearth.yaml:1: error: library: the variable MODELS is empty; set it in the "
               "environment or in .env, or write ${MODELS:-otherwise}\n"},
    {.name = "no end of a variable",
     .hearth = "library: ${MODELS\n",
     .report = "hearth.yaml:1: error: library: found ${ without a name and a } after it; allowed: "
               "${NAME}, ${NAME:-otherwise}, and $$ for a $\n"},
    {.name = "in a provider it switches that off",
     .hearth =
         PROVIDER "    api_key: ${KEY}\n  b:\n    socket: /s\n    models: [x, \"${NAMES}\"]\n",
     .report = "hearth.yaml:4: warning: providers.a.api_key: the variable KEY is not set, so this "
               "provider is switched off\n"
               "hearth.yaml:7: warning: providers.b.models: the variable NAMES is not set, so this "
               "provider is switched off\n"},
    {.name = "not when somebody switched it off",
     .hearth = PROVIDER "    api_key: ${KEY}\n    enabled: false\n",
     .report = ""},
    /* providers */
    {.name = "without an address",
     .hearth = "providers:\n  a:\n    model: x\n  b:\n",
     .report = "hearth.yaml:2: error: providers.a: has no address; give it a base_url such as "
               "http://127.0.0.1:8080/v1\n"
               "hearth.yaml:4: error: providers.b: has no address; give it a base_url such as "
               "http://127.0.0.1:8080/v1\n"},
    {.name = "with two addresses",
     .hearth = PROVIDER "    socket: /s\n",
     .report = "hearth.yaml:4: error: providers.a.socket: base_url is set too; allowed: one of "
               "base_url, host and socket\n"},
    {.name = "two addresses of different weight",
     .hearth = PROVIDER,
     .seed = "providers:\n  a:\n    host: http://127.0.0.1:9\n",
     .report = ""},
    {.name = "a kind that is not built",
     .hearth = "providers:\n  a:\n    kind: vllm\n    socket: /s\n",
     .report = "hearth.yaml:3: warning: providers.a.kind: the kind vllm waits for a later version "
               "of hearth; this provider is switched off\n"},
    {.name = "a kind that is none",
     .hearth = "providers:\n  a:\n    kind: ollama2\n    socket: /s\n",
     .report = "hearth.yaml:3: error: providers.a.kind: found \"ollama2\"; allowed: "
               "openai_compatible, ollama, lmstudio, localai, mlx, candle, vllm, llama_server, "
               "hearth, openai, anthropic\n"},
    {.name = "https",
     .hearth = "providers:\n  a:\n    base_url: https://api.example.com/v1\n",
     .report = "hearth.yaml:3: warning: providers.a.base_url: found "
               "\"https://api.example.com/v1\"; https waits for a later version of hearth; this "
               "provider is switched off\n"},
    {.name = "a name",
     .hearth = "providers:\n  a:\n    base_url: http://box.lan:8080\n",
     .report = "hearth.yaml:3: warning: providers.a.base_url: found \"http://box.lan:8080\"; names "
               "wait for a later version of hearth; write the IP address; this provider is "
               "switched off\n"},
    {.name = "some kinds are where they always are",
     .hearth = "providers:\n  ollama:\n    models: [a]\n  b:\n    kind: ollama\n",
     .report = ""},
    {.name = "an address that is none",
     .hearth = "providers:\n  a:\n    base_url: http://127.0.0.1:99999\n",
     .report = "hearth.yaml:3: error: providers.a.base_url: found \"http://127.0.0.1:99999\"; a "
               "port is a number from 1 to 65535; allowed: http://ADDRESS:PORT[/path] or "
               "unix:/path\n"},
    {.name = "a password in an address is not told",
     .hearth = "providers:\n  a:\n    kind: openai\n    base_url: https://me:pw@127.0.0.1/v1\n",
     .report =
         "hearth.yaml:3: warning: providers.a.kind: the kind openai waits for a later version "
         "of hearth; this provider is switched off\n"
         "hearth.yaml:4: error: providers.a.base_url: a user or password may not stand in "
         "it; a key goes into api_key\n"},
};

static void check_cases(void **state)
{
    (void)state;
    home_check_all(cases, COUNT(cases));
}

/* ---- values --------------------------------------------------------------------------------- */

static struct config *good(struct home *h, const char *const *environment, const char *const *set)
{
    struct config *c = NULL;
    struct config_report report;
    enum err e = home_load(h, environment, set, &c, &report);
    if (e)
        print_message("%s", home_report(h, &report));
    assert_int_equal(e, OK);
    config_report_fini(&report);
    return c;
}

static void check_defaults(void **state)
{
    (void)state;
    struct home h = home_make();
    struct config *c = good(&h, NULL, NULL);
    assert_int_equal(c->listen.n, 1);
    assert_string_equal(c->listen.items[0].ptr, "127.0.0.1:8420");
    assert_string_equal(c->listen_addresses[0].host, "127.0.0.1");
    assert_int_equal(c->listen_addresses[0].port, 8420);
    assert_true(c->listen_addresses[0].local);
    assert_int_equal(c->origins.n, 0);
    assert_int_equal(c->log_level, LOG_INFO);
    assert_int_equal(c->limits.connections, 10000);
    assert_int_equal(c->limits.headers_ms, 10000);
    assert_int_equal(c->limits.body_rate_bytes, 512);
    assert_int_equal(c->limits.body_rate_ms, 10000);
    assert_int_equal(c->limits.keep_alive_ms, 75000);
    assert_int_equal(c->limits.requests_per_connection, 10000);
    assert_int_equal(c->limits.body_bytes, 32 << 20);
    assert_int_equal(c->limits.bodies_total_bytes, 256 << 20);
    assert_int_equal(c->limits.write_stall_ms, 60000);
    assert_int_equal(c->limits.stream_buffer_bytes, 256 << 10);
    assert_int_equal(c->request.total_ms, 3600000);
    assert_int_equal(c->request.attempts, 3);
    assert_int_equal(c->request.drain_ms, 30000);
    assert_int_equal(c->upstream.connect_ms, 1000);
    assert_int_equal(c->upstream.first_byte_ms, 60000);
    assert_int_equal(c->upstream.idle_ms, 60000);
    assert_int_equal(c->upstream.pool_idle_ms, 4000);
    assert_int_equal(c->upstream.pool_requests, 95);
    assert_int_equal(c->queue.length, 512);
    assert_int_equal(c->queue.wait_ms, 60000);
    assert_true(c->failover.enabled && c->failover.retry_on_error);
    assert_int_equal(c->failover.max_retries, 2);
    assert_int_equal(c->failover.breaker_failures, 5);
    assert_int_equal(c->failover.breaker_recovery_ms, 300000);
    assert_string_equal(c->library, h.paths.library);
    assert_int_equal(c->providers_n, 0);
    config_free(c);
    home_fini(&h);
}

static void check_order_of_sources(void **state)
{
    (void)state;
    static const char *const set[] = {"queue.length=1", "queue.length=2", NULL};
    static const char *const environment[] = {"HEARTH_QUEUE_LENGTH=3", "HEARTH_QUEUE_WAIT=4", "X=9",
                                              NULL};
    struct home h = home_make();
    home_put(
        &h, ".env",
        SLICE("HEARTH_QUEUE_WAIT=5\nexport HEARTH_REQUEST_ATTEMPTS=6 # comment\nX=8\nY='7'\n"));
    home_put(&h, "hearth.yaml", SLICE("request:\n  attempts: 7\n  total: ${X}m\n  drain: ${Y}\n"));
    home_put(&h, "conf.d/10.yaml", SLICE("limits.headers: 3\n"));
    home_put(&h, "conf.d/.hidden.yaml", SLICE("nonsense"));
    home_put(&h, "conf.d/notes.txt", SLICE("nonsense"));
    home_put(&h, "llm_providers.yaml",
             SLICE("limits.headers: 4\nfailover:\n  max_retries: 9\nlibrary: ~/${Z:-m$}/$$\n"));
    struct config *c = good(&h, environment, set);
    assert_int_equal(c->queue.length, 2); /* the last --set */
    assert_int_equal(c->queue.wait_ms, 4000);
    assert_int_equal(c->request.attempts, 6);
    assert_int_equal(c->request.total_ms, 9 * 60000); /* the environment before .env */
    assert_int_equal(c->request.drain_ms, 7000);
    assert_int_equal(c->limits.headers_ms, 3000);
    assert_int_equal(c->failover.max_retries, 9);
    assert_string_equal(c->library, "/home/me/m$/$");
    config_free(c);
    home_fini(&h);
}

/* The file of the seed, byte for byte, with the variables of its .env and without. */
static void check_seed(void **state)
{
    (void)state;
    struct home h = home_make();
    struct config *c = NULL;
    struct config_report report;
    home_put(&h, "llm_providers.yaml", fixture(&h.arena, "llm_providers.yaml"));
    assert_int_equal(home_load(&h, NULL, NULL, &c, &report), OK);
    assert_int_equal(report.errors, 0);
    assert_int_equal(report.warnings, 6); /* two kinds, four variables */
    config_report_fini(&report);
    config_free(c);

    home_put(&h, ".env", fixture(&h.arena, "llm_providers.env"));
    static const char *const set[] = {"providers.localai.kind=openai_compatible", NULL};
    assert_int_equal(home_load(&h, NULL, set, &c, &report), OK);
    assert_string_equal(home_report(&h, &report),
                        "llm_providers.yaml:16: warning: providers.claude.base_url: found "
                        "\"https://api.anthropic.com\"; https waits for a later version of hearth; "
                        "this provider is switched off\n"
                        "llm_providers.yaml:23: warning: providers.openai: the kind openai waits "
                        "for a later version of hearth; this provider is switched off\n");
    config_report_fini(&report);
    assert_int_equal(c->providers_n, 4);
    static const char *const names[] = {"ollama", "localai", "claude", "openai"};
    static const enum config_kind kinds[] = {CONFIG_OLLAMA, CONFIG_OPENAI_COMPATIBLE,
                                             CONFIG_ANTHROPIC, CONFIG_OPENAI};
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(c->providers[i].name, names[i]);
        assert_int_equal(c->providers[i].kind, kinds[i]);
        assert_int_equal(c->providers[i].on, i < 2);
        assert_int_equal(c->providers[i].models.n, 1);
        assert_int_equal(c->providers[i].priority, i + 1);
    }
    const struct config_provider *p = &c->providers[1];
    assert_int_equal(p->address.place, CONFIG_LOCALHOST);
    assert_int_equal(p->address.port, 8080);
    assert_true(p->address.local);
    assert_string_equal(p->path, "/v1");
    assert_string_equal(p->models.items[0].ptr, "llama3");
    assert_int_equal(p->timeout_ms, 60000);
    assert_null(p->api_key);
    assert_string_equal(p->off, "");
    assert_string_equal(c->providers[2].api_key, "sk-ant-xxxxx");
    assert_int_equal(c->providers[0].address.port, 11434);
    assert_int_equal(c->failover.breaker_recovery_ms, 300000);
    config_free(c);
    home_fini(&h);
}

static void check_providers(void **state)
{
    (void)state;
    struct home h = home_make();
    home_put(&h, "hearth.yaml",
             SLICE("providers:\n"
                   "  late: {socket: ~/run/s.sock, priority: 200}\n"
                   "  second: {base_url: 'http://[::1]:81/a/b/', model: m, models: [n, m, o]}\n"
                   "  third: {base_url: 'unix:/s', timeout: 90, parallel: 2, api_key: ''}\n"
                   "  first: {host: 127.0.0.1, priority: 0, api_key: 0123456789abcdef}\n"
                   "  off: {enabled: no}\n"));
    struct config *c = good(&h, NULL, NULL);
    static const char *const names[] = {"first", "second", "third", "off", "late"};
    assert_int_equal(c->providers_n, COUNT(names));
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_string_equal(c->providers[i].name, names[i]);
        assert_int_equal(c->providers[i].on, i != 3);
        assert_string_equal(c->providers[i].off, i == 3 ? "enabled is false" : "");
    }
    const struct config_provider *p = c->providers;
    assert_string_equal(p[0].address.host, "127.0.0.1");
    assert_int_equal(p[0].address.port, 80);
    assert_string_equal(p[0].path, "");
    assert_string_equal(p[0].api_key, "0123456789abcdef");
    assert_string_equal(p[1].address.host, "::1");
    assert_string_equal(p[1].path, "/a/b");
    assert_int_equal(p[1].models.n, 3);
    assert_string_equal(p[1].models.items[0].ptr, "m");
    assert_string_equal(p[1].models.items[2].ptr, "o");
    assert_int_equal(p[1].parallel, 1024);
    assert_int_equal(p[1].timeout_ms, 0);
    assert_int_equal(p[2].address.place, CONFIG_UNIX);
    assert_string_equal(p[2].address.host, "/s");
    assert_null(p[2].api_key);
    assert_int_equal(p[2].timeout_ms, 90000);
    assert_int_equal(p[2].parallel, 2);
    assert_string_equal(p[4].address.host, "/home/me/run/s.sock");
    config_free(c);
    home_fini(&h);
}

/* ---- files that cannot be read -------------------------------------------------------------- */

static void check_file(struct home *h, const char *words)
{
    struct config *c = NULL;
    struct config_report report;
    assert_int_equal(home_load(h, NULL, NULL, &c, &report), ERR_CONFIG);
    assert_string_equal(home_report(h, &report), words);
    config_report_fini(&report);
}

static void check_files(void **state)
{
    (void)state;
    struct home h = home_make();
    const char *path = arena_format(&h.arena, "%s/hearth.yaml", h.paths.config).ptr;
    assert_int_equal(mkdir(path, 0700), 0);
    check_file(&h, "hearth.yaml: error: is no regular file\n");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody waits for a writer */
    check_file(&h, "hearth.yaml: error: is no regular file\n");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("hearth.yaml", path), 0);
    check_file(&h, "hearth.yaml: error: cannot be opened: Too many levels of symbolic links\n");
    assert_int_equal(unlink(path), 0);
    home_put(&h, "hearth.yaml", SLICE(""));
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    check_file(&h, "hearth.yaml: error: is larger than 1 MiB\n");
    if (geteuid() != 0) { /* root may read anything */
        assert_int_equal(chmod(path, 0), 0);
        check_file(&h, "hearth.yaml: error: cannot be opened: Permission denied\n");
    }
    assert_int_equal(unlink(path), 0);
    struct config *c = NULL;
    struct config_report report;
    home_put(&h, "hearth.yaml", SLICE("log.level: warn\n"));
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(home_load(&h, NULL, NULL, &c, &report), OK);
    assert_string_equal(home_report(&h, &report), "hearth.yaml: warning: anybody may write to it; "
                                                  "`chmod o-w` ends that\n");
    config_report_fini(&report);
    config_free(c);
    home_fini(&h);
}

/* At most fifty problems are told; all are counted. */
static void check_most(void **state)
{
    (void)state;
    struct home h = home_make();
    struct text text = {0};
    for (size_t i = 0; i < 1000; i++)
        text_format(&text, "wrong%zu: 1\n", i);
    home_put(&h, "hearth.yaml", text_slice(&text));
    struct config *c = NULL;
    struct config_report report;
    assert_int_equal(home_load(&h, NULL, NULL, &c, &report), ERR_CONFIG);
    assert_int_equal(report.n, CONFIG_MOST_PROBLEMS);
    assert_int_equal(report.errors, 1000);
    assert_non_null(strstr(home_report(&h, &report), "\nand 950 more errors\n"));
    config_report_fini(&report);
    text_clear(&text);
    text_add(&text, SLICE("providers:\n"));
    for (size_t i = 0; i <= config_sections[PROVIDERS].most; i++)
        text_format(&text, "  p%zu: {socket: /s}\n", i);
    home_put(&h, "hearth.yaml", text_slice(&text));
    check_file(&h, "hearth.yaml:258: error: providers.p256: more than 256 providers\n");
    text_fini(&text);
    home_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_cases),     cmocka_unit_test(check_defaults),
        cmocka_unit_test(check_seed),      cmocka_unit_test(check_order_of_sources),
        cmocka_unit_test(check_providers), cmocka_unit_test(check_files),
        cmocka_unit_test(check_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
