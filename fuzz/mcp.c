/* Lines of an MCP client, and what a daemon may say: whatever comes, each answer is one line of
 * JSON without a null as its id, a call has a body that is JSON, and the same line says the same
 * again. */
#include "mcp/mcp.h"

#include "fuzz.h"

/* One or more lines, each a JSON object that says its version. */
static void check_lines(struct slice out)
{
    for (struct slice line; out.len;) {
        struct json_doc doc;
        MUST(slice_split(&out, '\n', &line));
        MUST(json_read(line, &json_usual_limits, NULL, &doc, NULL) == OK);
        MUST(slice_is(json_text(json_get(doc.root, "jsonrpc")), SLICE("2.0")));
        MUST(!json_is_null(json_get(doc.root, "id")) || !json_get(doc.root, "id"));
        json_done(&doc);
    }
}

static void check_json(const struct text *t)
{
    struct json_doc doc;
    MUST(json_read(text_slice(t), &json_usual_limits, NULL, &doc, NULL) == OK);
    json_done(&doc);
}

/* The daemon's answers are made of the input too. */
static void check_replies(struct mcp_call *call, struct slice in)
{
    for (unsigned kind = 0; kind < 3; kind++) {
        struct mcp_reply r = {0};
        struct text out = {0};
        if (kind == 0)
            (void)mcp_reply_event(&r, in);
        else
            mcp_reply_body(&r, call, kind == 1 ? 200 : 404, in);
        mcp_write_result(call, &r, &out);
        mcp_write_progress(call, 1, in, &out);
        check_lines(text_slice(&out));
        mcp_reply_fini(&r);
        text_fini(&out);
    }
}

static void take_all(struct slice in, bool begun, struct text *out)
{
    struct mcp m = {.begun = begun};
    for (struct slice line; in.len && slice_split(&in, '\n', &line);) {
        struct mcp_call call = {0};
        size_t before = out->len;
        enum mcp_step step = mcp_take(&m, line, &call, out);
        MUST((out->len > before) == (step == MCP_ANSWER));
        check_lines(slice_from(text_slice(out), before));
        if (step == MCP_CALL) {
            check_json(&call.body);
            check_replies(&call, line);
        }
        if (step == MCP_CALL || step == MCP_CANCEL)
            check_json(&call.id);
        mcp_call_fini(&call);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = {(const char *)data, size};
    for (unsigned begun = 0; begun < 2; begun++) {
        struct text once = {0}, twice = {0};
        take_all(in, begun, &once);
        take_all(in, begun, &twice);
        MUST(slice_is(text_slice(&once), text_slice(&twice)));
        text_fini(&once);
        text_fini(&twice);
    }
    for (enum mcp_tool tool = 0; tool < MCP_TOOLS; tool++) {
        struct mcp_call call = {.tool = tool, .inputs = 2, .modern = tool == MCP_EMBED};
        text_add(&call.id, SLICE("1"));
        text_add(&call.token, SLICE("1"));
        check_replies(&call, in);
        mcp_call_fini(&call);
    }
    return 0;
}
