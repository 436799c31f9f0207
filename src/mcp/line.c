/* line: one line of a client, and what is to be done about it. The era of a request is its own: it
 * has the protocol's version in its _meta, or the client has said `initialize` before. */
#include "mcp/inside.h"

#define MODERN "2026-07-28"
#define MOST_ID 512u
#define DAY_MS (24 * 3600000)

#define META_VERSION "io.modelcontextprotocol/protocolVersion"
#define META_CAPABILITIES "io.modelcontextprotocol/clientCapabilities"

static const struct legacy {
    const char *version;
    bool plain; /* tells nothing but text */
} legacy[] = {
    /* the newest first */
    {"2025-11-25", false},
    {"2025-06-18", false},
    {"2025-03-26", true},
    {"2024-11-05", true},
};

static const struct json_limits line_limits = {.depth = 64, .values = 1000000};

struct asked { /* a request */
    struct mcp *mcp;
    const struct json_value *params, *meta; /* NULL: there are none */
    struct slice method;
    struct mcp_call *call; /* its id is there */
    bool modern;
    struct text *out;
};

void mcp_call_fini(struct mcp_call *call)
{
    text_fini(&call->id);
    text_fini(&call->token);
    text_fini(&call->body);
    text_fini(&call->model);
    *call = (struct mcp_call){0};
}

static enum mcp_step refuse(const struct asked *a, int code, const char *words)
{
    line_error(a->out, text_slice(&a->call->id), code, "%s", words);
    return MCP_ANSWER;
}

/* ---- methods -------------------------------------------------------------------------------- */

static void put_instructions(struct json_writer *w)
{
    json_put_pair(w, "instructions",
                  SLICE("hearth runs language models on this machine. local_llm_complete has one "
                        "answer, local_llm_embed makes vectors of texts. The first call may take "
                        "long: a model is loaded then."));
}

static void put_capabilities(struct json_writer *w)
{
    json_key(w, "capabilities");
    json_open_object(w);
    json_key(w, "tools");
    json_open_object(w);
    json_close_object(w);
    json_close_object(w);
}

/* What is listed changes with the program only. */
static void put_cache(struct json_writer *w)
{
    json_key(w, "ttlMs");
    json_put_int(w, DAY_MS);
    json_put_pair(w, "cacheScope", SLICE("public"));
}

static enum mcp_step initialize(struct asked *a)
{
    const struct json_value *wanted = json_get(a->params, "protocolVersion");
    const struct legacy *chosen = &legacy[0];
    if (!json_is_text(wanted))
        return refuse(a, BAD_PARAMS, "initialize needs a protocolVersion");
    for (size_t i = 0; i < COUNT(legacy); i++) {
        if (slice_is(json_text(wanted), slice_of(legacy[i].version)))
            chosen = &legacy[i];
    }
    a->mcp->begun = true;
    a->mcp->plain = chosen->plain;
    struct json_writer w = json_writer(a->out);
    line_open(&w, text_slice(&a->call->id), false);
    json_put_pair(&w, "protocolVersion", slice_of(chosen->version));
    put_capabilities(&w);
    line_server(&w, "serverInfo");
    put_instructions(&w);
    line_close(&w);
    return MCP_ANSWER;
}

static void put_versions(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_open_array(w);
    json_put_text(w, SLICE(MODERN)); /* the others are not said in a request's _meta */
    json_close_array(w);
}

static enum mcp_step discover(struct asked *a)
{
    struct json_writer w = json_writer(a->out);
    line_open(&w, text_slice(&a->call->id), true);
    put_versions(&w, "supportedVersions");
    put_capabilities(&w);
    put_instructions(&w);
    put_cache(&w);
    line_close(&w);
    return MCP_ANSWER;
}

static enum mcp_step ping(struct asked *a)
{
    struct json_writer w = json_writer(a->out);
    line_open(&w, text_slice(&a->call->id), false);
    line_close(&w);
    return MCP_ANSWER;
}

static enum mcp_step list(struct asked *a)
{
    const struct json_value *cursor = json_get(a->params, "cursor");
    if (cursor && !json_is_null(cursor))
        return refuse(a, BAD_PARAMS, "there is no such cursor: all tools are in one list");
    struct json_writer w = json_writer(a->out);
    line_open(&w, text_slice(&a->call->id), a->modern);
    json_key(&w, "tools");
    tools_write(&w);
    if (a->modern)
        put_cache(&w);
    line_close(&w);
    return MCP_ANSWER;
}

/* Arguments that are wrong are told to the model, which can do better. */
static enum mcp_step call(struct asked *a)
{
    struct mcp_call *c = a->call;
    struct why why = {0};
    const struct json_value *name = json_get(a->params, "name");
    const struct json_value *given = json_get(a->params, "arguments");
    if (!json_is_text(name))
        return refuse(a, BAD_PARAMS, "tools/call needs the name of a tool");
    if (!tool_find(json_text(name), &c->tool)) {
        struct text said = {0};
        text_visible(&said, slice_to(json_text(name), min_size(json_text(name).len, 100)));
        line_error(a->out, text_slice(&c->id), BAD_PARAMS, "Unknown tool: %s", text_cstr(&said));
        text_fini(&said);
        return MCP_ANSWER;
    }
    if (given && !json_is_object(given) && !json_is_null(given))
        return refuse(a, BAD_PARAMS, "arguments must be an object");
    c->modern = a->modern;
    c->plain = !a->modern && a->mcp->plain;
    if (!tool_take(given, a->mcp->model, c, &why))
        return MCP_CALL;
    mcp_write_failure(c, slice_of(why.text), a->out);
    return MCP_ANSWER;
}

enum { LEGACY = 1, THIS = 2, EARLY = 4 }; /* THIS: the modern era; EARLY: before any `initialize` */
static const struct method {
    const char *name;
    unsigned eras;
    enum mcp_step (*run)(struct asked *a);
} methods[] = {
    {"initialize", LEGACY | EARLY, initialize}, {"ping", LEGACY | EARLY, ping},
    {"server/discover", THIS, discover},        {"tools/call", LEGACY | THIS, call},
    {"tools/list", LEGACY | THIS, list},
};

/* ---- requests ------------------------------------------------------------------------------- */

/* A text or a whole number, as JSON. */
static bool take_id(const struct json_value *v, struct text *out)
{
    int64_t n;
    if (!(json_is_text(v) && json_text(v).len <= MOST_ID) && !json_int(v, &n))
        return false;
    json_copy(v, out);
    return true;
}

static enum mcp_step no_version(const struct asked *a, const struct json_value *version)
{
    struct text said = {0};
    struct slice wanted = json_text(version);
    text_add(&said, slice_to(wanted, min_size(wanted.len, MOST_ID)));
    struct json_writer w = line_open_error(a->out, text_slice(&a->call->id), NO_VERSION,
                                           "Unsupported protocol version");
    json_key(&w, "data");
    json_open_object(&w);
    put_versions(&w, "supported");
    json_put_pair(&w, "requested", text_slice(&said));
    json_close_object(&w);
    line_close(&w);
    text_fini(&said);
    return MCP_ANSWER;
}

/* False: it was refused. */
static bool judge_meta(struct asked *a, enum mcp_step *ret_step)
{
    const struct json_value *version = json_get(a->meta, META_VERSION);
    const struct json_value *token = json_get(a->meta, "progressToken");
    bool early = slice_is(a->method, SLICE("initialize")) || slice_is(a->method, SLICE("ping"));
    a->modern = version && !slice_is(a->method, SLICE("initialize"));
    if (a->modern && !json_is_text(version))
        *ret_step = refuse(a, BAD_PARAMS, META_VERSION " must be a text");
    else if (a->modern && !slice_is(json_text(version), SLICE(MODERN)))
        *ret_step = no_version(a, version);
    else if (a->modern && !json_is_object(json_get(a->meta, META_CAPABILITIES)))
        *ret_step = refuse(a, BAD_PARAMS, "_meta needs " META_CAPABILITIES ", an object");
    else if (!a->modern && !a->mcp->begun && !early)
        *ret_step = refuse(a, BAD_PARAMS,
                           "_meta needs " META_VERSION "; versions before " MODERN
                           " begin with initialize");
    else if (token && !json_is_null(token) && !take_id(token, &a->call->token))
        *ret_step = refuse(a, BAD_PARAMS, "progressToken must be a text or a whole number");
    else
        return true;
    return false;
}

static enum mcp_step take_request(struct asked *a, const struct json_value *params)
{
    enum mcp_step step;
    if (params && !json_is_object(params) && !json_is_null(params))
        return refuse(a, BAD_PARAMS, "params must be an object");
    a->params = json_is_object(params) ? params : NULL;
    a->meta = json_get(a->params, "_meta");
    if (a->meta && !json_is_object(a->meta))
        return refuse(a, BAD_PARAMS, "_meta must be an object");
    if (!judge_meta(a, &step))
        return step;
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (slice_is(a->method, slice_of(methods[i].name)) &&
            methods[i].eras & (a->modern ? THIS : LEGACY))
            return methods[i].run(a);
    }
    struct text said = {0};
    text_visible(&said, slice_to(a->method, min_size(a->method.len, 100)));
    line_error(a->out, text_slice(&a->call->id), NO_METHOD, "Method not found: %s",
               text_cstr(&said));
    text_fini(&said);
    return MCP_ANSWER;
}

/* To one that is wrong or not known nothing may be said. */
static enum mcp_step take_notification(struct slice method, const struct json_value *params,
                                       struct mcp_call *call)
{
    if (slice_is(method, SLICE("notifications/cancelled")) &&
        take_id(json_get(params, "requestId"), &call->id))
        return MCP_CANCEL;
    return MCP_NOTHING;
}

/* ---- messages ------------------------------------------------------------------------------- */

static enum mcp_step take_message(struct mcp *m, const struct json_value *root,
                                  struct mcp_call *call, struct text *out)
{
    const struct json_value *id = json_get(root, "id"), *method = json_get(root, "method");
    const struct json_value *params = json_get(root, "params");
    struct asked a = {.mcp = m, .method = json_text(method), .call = call, .out = out};
    if (json_is_array(root))
        return refuse(&a, NOT_A_REQUEST, "batches are not taken: one message a line");
    if (!json_is_object(root))
        return refuse(&a, NOT_A_REQUEST, "a message is an object");
    if (!method && (json_get(root, "result") || json_get(root, "error")))
        return MCP_NOTHING; /* an answer, to what was never asked */
    if (id && !take_id(id, &call->id))
        return refuse(&a, NOT_A_REQUEST,
                      "id must be a text of at most 512 bytes or a whole "
                      "number of 64 bits");
    if (!slice_is(json_text(json_get(root, "jsonrpc")), SLICE("2.0")))
        return refuse(&a, NOT_A_REQUEST, "jsonrpc must be 2.0");
    if (!json_is_text(method))
        return refuse(&a, NOT_A_REQUEST, "method must be a text");
    return id ? take_request(&a, params) : take_notification(a.method, params, call);
}

static bool is_blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r' && line.ptr[i] != '\n')
            return false;
    }
    return true;
}

enum mcp_step mcp_take(struct mcp *m, struct slice line, struct mcp_call *ret_call,
                       struct text *out)
{
    struct mcp_call call = {0};
    struct json_doc doc;
    struct why why = {0};
    if (is_blank(line))
        return MCP_NOTHING;
    if (line.len > MCP_LINE_MOST) {
        mcp_too_long(out);
        return MCP_ANSWER;
    }
    enum err e = json_read(line, &line_limits, NULL, &doc, &why);
    if (e) {
        line_error(out, (struct slice){0}, e == ERR_BAD_JSON ? NOT_JSON : NOT_A_REQUEST, "%s",
                   why.text);
        return MCP_ANSWER;
    }
    enum mcp_step step = take_message(m, doc.root, &call, out);
    json_done(&doc);
    if (step == MCP_CALL || step == MCP_CANCEL)
        *ret_call = call;
    else
        mcp_call_fini(&call);
    return step;
}
