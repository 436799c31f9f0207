/* mcp_test: lines of clients of both eras and what comes of them; answers of the daemon. */
#include "mcp/mcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define META                                                                                       \
    "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\","                       \
    "\"io.modelcontextprotocol/clientCapabilities\":{}}"
#define REQUEST(id, method, params)                                                                \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"" method "\",\"params\":{" params "}}"

static enum mcp_step take(struct mcp *m, const char *line, struct mcp_call *call, struct text *out)
{
    text_clear(out);
    return mcp_take(m, slice_of(line), call, out);
}

/* A line of JSON, and nothing else. */
static struct json_doc read_line(const struct text *out)
{
    struct json_doc doc = {0};
    struct slice line = text_slice(out);
    assert_true(line.len > 1);
    assert_int_equal(slice_find(line, '\n'), line.len - 1);
    assert_int_equal(json_read(line, &json_usual_limits, NULL, &doc, NULL), OK);
    assert_true(slice_is(json_text(json_get(doc.root, "jsonrpc")), SLICE("2.0")));
    return doc;
}

static void is(const struct json_value *v, const char *words)
{
    struct text said = {0};
    text_add(&said, json_text(v));
    assert_string_equal(text_cstr(&said), words);
    text_fini(&said);
}

static const struct json_value *path(const struct json_value *v, const char *keys)
{
    struct slice rest = slice_of(keys), key;
    char name[80];
    while (slice_split(&rest, '>', &key)) {
        snprintf(name, sizeof name, "%.*s", SLICE_ARG(key));
        v = json_get(v, name);
        if (!rest.len)
            break;
    }
    return v;
}

/* ---- what is wrong -------------------------------------------------------------------------- */

static void what_is_wrong_is_answered(void **state)
{
    static const struct {
        const char *line;
        int64_t code;
        const char *id; /* NULL: the answer has none */
    } cases[] = {
        {"{", -32700, NULL},
        {"\xff\xfe", -32700, NULL},
        {"{\"a\":1}}", -32700, NULL},
        {"[]", -32600, NULL},
        {"[" REQUEST("1", "ping", "") "]", -32600, NULL},
        {"1", -32600, NULL},
        {"null", -32600, NULL},
        {"\"ping\"", -32600, NULL},
        {"{}", -32600, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}", -32600, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", -32600, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}", -32600, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}", -32600, NULL},
        {"{\"jsonrpc\":\"2.0\",\"id\":99999999999999999999,\"method\":\"ping\"}", -32600, NULL},
        {"{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"ping\"}", -32600, "7"},
        {"{\"id\":7,\"method\":\"ping\"}", -32600, "7"},
        {"{\"jsonrpc\":\"2.0\",\"id\":7}", -32600, "7"},
        {"{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":3}", -32600, "\"a\""},
        {"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\",\"params\":[]}", -32602, "7"},
        {REQUEST("7", "tools/list", "\"_meta\":1"), -32602, "7"},
        {REQUEST("7", "tools/list", ""), -32602, "7"}, /* neither era */
        {REQUEST("7", "server/discover", ""), -32602, "7"},
        {REQUEST("7", "initialize", ""), -32602, "7"},
        {REQUEST("7", "initialize", "\"protocolVersion\":7"), -32602, "7"},
        {REQUEST("\"\\u0000\"", "nothing", META), -32601, "\"\\u0000\""},
        {REQUEST("7", "initialize ", META), -32601, "7"},
        {REQUEST("7", "ping", META), -32601, "7"}, /* taken away */
        {REQUEST("7", "resources/list", META), -32601, "7"},
        {REQUEST("7", "tools/list", META ",\"cursor\":\"x\""), -32602, "7"},
        {REQUEST("7", "tools/call", META), -32602, "7"},
        {REQUEST("7", "tools/call", META ",\"name\":\"bash\""), -32602, "7"},
        {REQUEST("7", "tools/call", META ",\"name\":\"local_llm_embed\",\"arguments\":[]"), -32602,
         "7"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp m = {0};
        struct mcp_call call = {0};
        struct text out = {0}, id = {0};
        int64_t code = 0;
        assert_int_equal(take(&m, cases[i].line, &call, &out), MCP_ANSWER);
        struct json_doc doc = read_line(&out);
        assert_true(json_int(path(doc.root, "error>code"), &code));
        assert_int_equal(code, cases[i].code);
        assert_true(json_text(path(doc.root, "error>message")).len > 0);
        assert_null(json_get(doc.root, "result"));
        if (json_get(doc.root, "id"))
            json_copy(json_get(doc.root, "id"), &id);
        assert_string_equal(text_cstr(&id), cases[i].id ? cases[i].id : "");
        json_done(&doc);
        text_fini(&id);
        text_fini(&out);
    }
}

static void to_some_nothing_is_said(void **state)
{
    static const char *const cases[] = {
        "",
        " \r",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"tools/list\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}",
        "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
        "\"params\":{\"requestId\":{}}}",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{}}",
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":1,\"message\":\"x\"}}",
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp m = {0};
        struct mcp_call call = {0};
        struct text out = {0};
        assert_int_equal(take(&m, cases[i], &call, &out), MCP_NOTHING);
        assert_int_equal(out.len, 0);
        text_fini(&out);
    }
}

static void a_line_that_is_too_long(void **state)
{
    (void)state;
    struct mcp m = {0};
    struct mcp_call call = {0};
    struct text line = {0}, out = {0};
    text_add(&line, SLICE("\""));
    while (line.len <= MCP_LINE_MOST)
        text_add(&line, SLICE("0123456789abcdef"));
    assert_int_equal(mcp_take(&m, text_slice(&line), &call, &out), MCP_ANSWER);
    struct json_doc doc = read_line(&out);
    is(path(doc.root, "error>message"), "a line may have 8 MiB");
    json_done(&doc);
    text_fini(&line);
    text_fini(&out);
}

/* ---- the two eras --------------------------------------------------------------------------- */

static void the_legacy_era(void **state)
{
    static const struct {
        const char *asked, *answered;
        bool plain;
    } cases[] = {
        {"2025-11-25", "2025-11-25", false}, {"2025-06-18", "2025-06-18", false},
        {"2025-03-26", "2025-03-26", true},  {"2024-11-05", "2024-11-05", true},
        {"2026-07-28", "2025-11-25", false}, {"", "2025-11-25", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp m = {0};
        struct mcp_call call = {0};
        struct text out = {0};
        char line[200];
        snprintf(line, sizeof line, REQUEST("0", "initialize", "\"protocolVersion\":\"%s\""),
                 cases[i].asked);
        assert_int_equal(take(&m, line, &call, &out), MCP_ANSWER);
        struct json_doc doc = read_line(&out);
        is(path(doc.root, "result>protocolVersion"), cases[i].answered);
        is(path(doc.root, "result>serverInfo>name"), "hearth");
        assert_true(json_is_object(path(doc.root, "result>capabilities>tools")));
        assert_null(path(doc.root, "result>resultType"));
        json_done(&doc);
        assert_int_equal(take(&m, REQUEST("\"x\"", "tools/list", ""), &call, &out), MCP_ANSWER);
        doc = read_line(&out);
        assert_int_equal(json_count(path(doc.root, "result>tools")), 2);
        assert_null(path(doc.root, "result>ttlMs"));
        json_done(&doc);
        assert_int_equal(take(&m, REQUEST("1", "ping", ""), &call, &out), MCP_ANSWER);
        assert_string_equal(text_cstr(&out), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
        assert_int_equal(take(&m, REQUEST("2", "server/discover", ""), &call, &out), MCP_ANSWER);
        assert_non_null(strstr(text_cstr(&out), "-32601"));
        assert_int_equal(m.plain, cases[i].plain);
        text_fini(&out);
    }
}

static void the_modern_era(void **state)
{
    (void)state;
    struct mcp m = {0};
    struct mcp_call call = {0};
    struct text out = {0}, again = {0};
    int64_t n = -1;
    assert_int_equal(take(&m, REQUEST("\"d\"", "server/discover", META), &call, &out), MCP_ANSWER);
    struct json_doc doc = read_line(&out);
    is(path(doc.root, "result>resultType"), "complete");
    is(json_at(path(doc.root, "result>supportedVersions"), 0), "2026-07-28");
    is(path(doc.root, "result>_meta>io.modelcontextprotocol/serverInfo>name"), "hearth");
    is(path(doc.root, "result>cacheScope"), "public");
    assert_true(json_int(path(doc.root, "result>ttlMs"), &n) && n >= 0);
    json_done(&doc);
    assert_int_equal(take(&m, REQUEST("1", "tools/list", META), &call, &out), MCP_ANSWER);
    assert_int_equal(take(&m, REQUEST("1", "tools/list", META), &call, &again), MCP_ANSWER);
    assert_string_equal(text_cstr(&out), text_cstr(&again));
    doc = read_line(&out);
    assert_true(json_int(path(doc.root, "result>ttlMs"), &n) && n >= 0);
    is(json_get(json_at(path(doc.root, "result>tools"), 0), "name"), "local_llm_complete");
    is(json_get(json_at(path(doc.root, "result>tools"), 1), "name"), "local_llm_embed");
    json_done(&doc);
    text_fini(&out);
    text_fini(&again);
}

static void a_version_that_is_not_known(void **state)
{
    (void)state;
    static const char *const versions[] = {"2025-11-25", "1900-01-01", ""};
    for (size_t i = 0; i < COUNT(versions); i++) {
        struct mcp m = {.begun = true};
        struct mcp_call call = {0};
        struct text out = {0};
        char line[300];
        int64_t code = 0;
        snprintf(line, sizeof line,
                 REQUEST("5", "tools/list",
                         "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"%s\"}"),
                 versions[i]);
        assert_int_equal(take(&m, line, &call, &out), MCP_ANSWER);
        struct json_doc doc = read_line(&out);
        assert_true(json_int(path(doc.root, "error>code"), &code));
        assert_int_equal(code, -32022);
        is(path(doc.root, "error>data>requested"), versions[i]);
        is(json_at(path(doc.root, "error>data>supported"), 0), "2026-07-28");
        json_done(&doc);
        text_fini(&out);
    }
}

static void capabilities_are_needed(void **state)
{
    (void)state;
    struct mcp m = {.begun = true};
    struct mcp_call call = {0};
    struct text out = {0};
    assert_int_equal(
        take(&m,
             REQUEST("5", "tools/list",
                     "\"_meta\":{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\"}"),
             &call, &out),
        MCP_ANSWER);
    assert_non_null(strstr(text_cstr(&out), "-32602"));
    assert_non_null(strstr(text_cstr(&out), "clientCapabilities"));
    text_fini(&out);
}

/* ---- calls ---------------------------------------------------------------------------------- */

#define COMPLETE(arguments)                                                                        \
    REQUEST("9", "tools/call", "\"name\":\"local_llm_complete\",\"arguments\":{" arguments "}")
#define EMBED(arguments)                                                                           \
    REQUEST("9", "tools/call", "\"name\":\"local_llm:embed\",\"arguments\":{" arguments "}")
#define ASKED "\"stream\":true,\"stream_options\":{\"include_usage\":true},"
#define USER "{\"role\":\"user\",\"content\":\"hi\"}"

static void what_the_daemon_is_asked(void **state)
{
    static const struct {
        const char *line, *body;
        size_t inputs;
    } cases[] = {
        {COMPLETE("\"prompt\":\"hi\""), "{\"model\":\"usual\"," ASKED "\"messages\":[" USER "]}",
         1},
        {COMPLETE("\"prompt\":\"hi\",\"model\":\"m\",\"system\":\"s\",\"max_tokens\":5,"
                  "\"temperature\":0,\"stop\":\"x\""),
         "{\"model\":\"m\"," ASKED "\"max_tokens\":5,\"temperature\":0,\"stop\":\"x\","
         "\"messages\":[{\"role\":\"system\",\"content\":\"s\"}," USER "]}",
         1},
        {COMPLETE("\"messages\":[" USER ",{\"role\":\"assistant\",\"content\":\"\",\"x\":1}],"
                  "\"stop\":[\"a\",\"b\"],\"prompt\":null"),
         "{\"model\":\"usual\"," ASKED "\"stop\":[\"a\",\"b\"],\"messages\":[" USER
         ",{\"role\":\"assistant\",\"content\":\"\"}]}",
         1},
        {EMBED("\"input\":\"a\""), "{\"input\":\"a\"}", 1},
        {EMBED("\"input\":[\"a\",\"b\"],\"model\":\"e\""),
         "{\"model\":\"e\",\"input\":[\"a\",\"b\"]}", 2},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp m = {.begun = true, .model = "usual"};
        struct mcp_call call = {0};
        struct text out = {0};
        assert_int_equal(take(&m, cases[i].line, &call, &out), MCP_CALL);
        assert_int_equal(out.len, 0);
        assert_string_equal(text_cstr(&call.body), cases[i].body);
        assert_string_equal(text_cstr(&call.id), "9");
        assert_int_equal(call.inputs, cases[i].inputs);
        assert_int_equal(call.token.len, 0);
        mcp_call_fini(&call);
        text_fini(&out);
    }
}

static void wrong_arguments_are_told_to_the_model(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {COMPLETE(""), "give either prompt or messages"},
        {COMPLETE("\"prompt\":\"a\",\"messages\":[" USER "]"), "not both"},
        {COMPLETE("\"prompt\":1"), "prompt"},
        {COMPLETE("\"prompt\":\"\""), "prompt"},
        {COMPLETE("\"messages\":[]"), "messages must be a list"},
        {COMPLETE("\"messages\":{}"), "messages must be a list"},
        {COMPLETE("\"messages\":[{\"role\":\"tool\",\"content\":\"\"}]"),
         "messages must be a list"},
        {COMPLETE("\"messages\":[{\"role\":\"user\",\"content\":[]}]"), "messages must be a list"},
        {COMPLETE("\"prompt\":\"a\",\"max_tokens\":0"), "max_tokens"},
        {COMPLETE("\"prompt\":\"a\",\"max_tokens\":\"5\""), "max_tokens"},
        {COMPLETE("\"prompt\":\"a\",\"temperature\":2.5"), "temperature"},
        {COMPLETE("\"prompt\":\"a\",\"stop\":[]"), "stop must be"},
        {COMPLETE("\"prompt\":\"a\",\"stop\":[1]"), "stop must be"},
        {COMPLETE("\"prompt\":\"a\",\"n\":2"), "there is no argument n; there are prompt, "},
        {EMBED(""), "input is missing"},
        {EMBED("\"input\":[\"\"]"), "input must be"},
        {EMBED("\"input\":7"), "input must be"},
        {EMBED("\"prompt\":\"a\""), "there is no argument prompt; there are input, model"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp m = {.begun = true};
        struct mcp_call call = {0};
        struct text out = {0}, said = {0};
        assert_int_equal(take(&m, cases[i].line, &call, &out), MCP_ANSWER);
        struct json_doc doc = read_line(&out);
        assert_true(json_is_true(path(doc.root, "result>isError")));
        text_add(&said, json_text(json_get(json_at(path(doc.root, "result>content"), 0), "text")));
        if (!strstr(text_cstr(&said), cases[i].says))
            fail_msg("%s is not in %s", cases[i].says, text_cstr(&said));
        json_done(&doc);
        text_fini(&said);
        text_fini(&out);
    }
}

static void what_is_to_be_cancelled(void **state)
{
    (void)state;
    struct mcp m = {0};
    struct mcp_call call = {0};
    struct text out = {0};
    assert_int_equal(take(&m,
                          "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                          "\"params\":{\"requestId\":\"9\",\"reason\":\"x\"}}",
                          &call, &out),
                     MCP_CANCEL);
    assert_string_equal(text_cstr(&call.id), "\"9\""); /* a text is another id than a number */
    assert_int_equal(out.len, 0);
    mcp_call_fini(&call);
    text_fini(&out);
}

static void progress(void **state)
{
    static const struct {
        const char *token, *line;
    } cases[] = {
        {"\"t\"", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
                  "\"progressToken\":\"t\",\"progress\":1.5,\"message\":\"w\"}}\n"},
        {"7", "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
              "\"progressToken\":7,\"progress\":1.5,\"message\":\"w\"}}\n"},
        {"null", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp m = {.begun = true};
        struct mcp_call call = {0};
        struct text out = {0};
        char line[300];
        snprintf(line, sizeof line,
                 REQUEST("1", "tools/call",
                         "\"name\":\"local_llm:complete\",\"arguments\":{\"prompt\":\"a\"},"
                         "\"_meta\":{\"progressToken\":%s}"),
                 cases[i].token);
        assert_int_equal(take(&m, line, &call, &out), MCP_CALL);
        mcp_write_progress(&call, 1.5, SLICE("w"), &out);
        assert_string_equal(text_cstr(&out), cases[i].line);
        mcp_call_fini(&call);
        text_fini(&out);
    }
}

/* ---- what the daemon says ------------------------------------------------------------------- */

static void a_completion(void **state)
{
    static const char *const events[] = {
        "{\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}",
        "{\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"one\\n\"}}]}",
        "{\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"two\"}}]}",
        "{\"model\":\"m\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
        "{\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}",
        "[DONE]",
    };
    (void)state;
    struct mcp_call call = {.modern = true};
    struct mcp_reply r = {0};
    struct text out = {0};
    int64_t n = 0;
    text_add(&call.id, SLICE("4"));
    for (size_t i = 0; i < COUNT(events); i++)
        assert_true(mcp_reply_event(&r, slice_of(events[i])));
    mcp_write_result(&call, &r, &out);
    struct json_doc doc = read_line(&out);
    is(json_get(json_at(path(doc.root, "result>content"), 0), "text"), "one\ntwo");
    is(path(doc.root, "result>structuredContent>text"), "one\ntwo");
    is(path(doc.root, "result>structuredContent>model"), "m");
    is(path(doc.root, "result>structuredContent>finish_reason"), "stop");
    assert_true(json_int(path(doc.root, "result>structuredContent>usage>total_tokens"), &n));
    assert_int_equal(n, 5);
    is(path(doc.root, "result>resultType"), "complete");
    assert_true(json_is_false(path(doc.root, "result>isError")));
    json_done(&doc);
    mcp_reply_fini(&r);
    mcp_call_fini(&call);
    text_fini(&out);
}

static void what_fails_on_the_way(void **state)
{
    static const struct {
        const char *event, *says;
        bool more;
    } cases[] = {
        {"{\"error\":{\"message\":\"out of memory\"}}", "out of memory", false},
        {"{\"error\":\"plain\"}", "plain", false},
        {"{\"error\":{}}", "status", false},
        {"{", "no JSON", false},
        {"{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}", "broke off", true},
        {"[]", "broke off", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp_call call = {0};
        struct mcp_reply r = {0};
        struct text out = {0};
        text_add(&call.id, SLICE("4"));
        assert_int_equal(mcp_reply_event(&r, slice_of(cases[i].event)), cases[i].more);
        mcp_write_result(&call, &r, &out);
        assert_non_null(strstr(text_cstr(&out), cases[i].says));
        assert_non_null(strstr(text_cstr(&out), "\"isError\":true"));
        mcp_reply_fini(&r);
        mcp_call_fini(&call);
        text_fini(&out);
    }
}

static void vectors(void **state)
{
    static const struct {
        int status;
        const char *body, *says;
    } cases[] = {
        {200,
         "{\"data\":[{\"index\":0,\"embedding\":[1,2.5]},{\"index\":1,\"embedding\":[-3e-5,4]}],"
         "\"model\":\"e\",\"usage\":{\"prompt_tokens\":6,\"total_tokens\":6}}",
         "\"model\":\"e\",\"dimensions\":2,\"embeddings\":[[1,2.5],[-0.00003,4]],"
         "\"usage\":{\"prompt_tokens\":6,\"total_tokens\":6}"},
        {200,
         "{\"data\":[{\"index\":1,\"embedding\":[3]},{\"index\":0,\"embedding\":[1]}],"
         "\"model\":\"e\"}",
         "\"embeddings\":[[1],[3]]"},
        {200, "{\"data\":[{\"index\":0,\"embedding\":[1]}]}", "not asked for"},
        {200, "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}",
         "not asked for"},
        {200, "{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":[1,2]}]}",
         "not asked for"},
        {200, "{\"data\":[{\"index\":0,\"embedding\":[]},{\"index\":1,\"embedding\":[]}]}",
         "not asked for"},
        {200, "{\"data\":[{\"index\":0,\"embedding\":\"AAAA\"},{\"index\":1,\"embedding\":[1]}]}",
         "not asked for"},
        {200, "[1", "not asked for"},
        {404, "{\"error\":{\"message\":\"x\",\"code\":\"not_found\"}}", "has no /v1/embeddings"},
        {404, "{\"error\":{\"message\":\"no model e\",\"code\":\"model_not_found\"}}",
         "no model e"},
        {401, "{\"error\":{\"message\":\"a key is needed\"}}", "trusted_uids"},
        {503, "busy", "status 503"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct mcp_call call = {.tool = MCP_EMBED, .inputs = 2};
        struct mcp_reply r = {0};
        struct text out = {0};
        text_add(&call.id, SLICE("4"));
        mcp_reply_body(&r, &call, cases[i].status, slice_of(cases[i].body));
        mcp_write_result(&call, &r, &out);
        struct json_doc doc = read_line(&out);
        if (!strstr(text_cstr(&out), cases[i].says))
            fail_msg("%s is not in %s", cases[i].says, text_cstr(&out));
        assert_int_equal(json_is_true(path(doc.root, "result>isError")), i > 1);
        json_done(&doc);
        mcp_reply_fini(&r);
        mcp_call_fini(&call);
        text_fini(&out);
    }
}

/* Who knows no structured content gets the numbers as text. */
static void vectors_for_the_old(void **state)
{
    (void)state;
    for (int plain = 0; plain < 2; plain++) {
        struct mcp_call call = {.tool = MCP_EMBED, .inputs = 1, .plain = plain};
        struct mcp_reply r = {0};
        struct text out = {0};
        text_add(&call.id, SLICE("4"));
        mcp_reply_body(&r, &call, 200,
                       SLICE("{\"data\":[{\"index\":0,\"embedding\":[1,2]}],\"model\":\"e\"}"));
        mcp_write_result(&call, &r, &out);
        struct json_doc doc = read_line(&out);
        struct slice words =
            json_text(json_get(json_at(path(doc.root, "result>content"), 0), "text"));
        assert_int_equal(slice_begins(words, SLICE("{\"model\":\"e\"")), plain);
        assert_int_equal(slice_begins(words, SLICE("1 vector of 2 numbers, by e")), !plain);
        json_done(&doc);
        mcp_reply_fini(&r);
        mcp_call_fini(&call);
        text_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_answered),
        cmocka_unit_test(to_some_nothing_is_said),
        cmocka_unit_test(a_line_that_is_too_long),
        cmocka_unit_test(the_legacy_era),
        cmocka_unit_test(the_modern_era),
        cmocka_unit_test(a_version_that_is_not_known),
        cmocka_unit_test(capabilities_are_needed),
        cmocka_unit_test(what_the_daemon_is_asked),
        cmocka_unit_test(wrong_arguments_are_told_to_the_model),
        cmocka_unit_test(what_is_to_be_cancelled),
        cmocka_unit_test(progress),
        cmocka_unit_test(a_completion),
        cmocka_unit_test(what_fails_on_the_way),
        cmocka_unit_test(vectors),
        cmocka_unit_test(vectors_for_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
