/* dialect: the table of codecs, and the names of things. */
#include "dialect/codec.h"

#define MOST_TOKENS ((int64_t)1 << 40) /* a few of them can be added */

static const struct codec *const codecs[DIALECT_COUNT] = {
    [DIALECT_NONE] = &openai_codec, /* whoever has no dialect is answered in the common one */
    [DIALECT_OPENAI] = &openai_codec, [DIALECT_ANTHROPIC] = &anthropic_codec,
    [DIALECT_OLLAMA] = &ollama_codec, [DIALECT_LLAMA] = &llama_codec,
};

const char *dialect_kind_name(enum call_kind kind)
{
    static const char *const names[CALL_COUNT] = {
        [CALL_NONE] = "none",
        [CALL_CHAT] = "chat",
        [CALL_COMPLETE] = "complete",
        [CALL_EMBED] = "embed",
        [CALL_RERANK] = "rerank",
        [CALL_TRANSCRIBE] = "transcribe",
        [CALL_SPEAK] = "speak",
        [CALL_PICTURE] = "picture",
        [CALL_INFILL] = "infill",
        [CALL_TOKENS] = "tokens",
        [CALL_VECTOR] = "vector",
        [CALL_TOKENIZE] = "tokenize",
        [CALL_DETOKENIZE] = "detokenize",
        [CALL_TEMPLATE] = "template",
        [CALL_PROPS] = "props",
        [CALL_SLOTS] = "slots",
        [CALL_ADAPTERS] = "adapters",
    };
    return names[kind];
}

const char *dialect_name(enum dialect d)
{
    return codecs[d]->name;
}

enum err dialect_decode_call(enum dialect d, enum call_kind kind, struct slice body,
                             struct arena *arena, struct call *ret_call, struct why *why)
{
    struct call call = {.kind = kind, .dialect = d, .body = body};
    enum err e = codecs[d]->decode_call(arena, &call, why);
    if (!e)
        *ret_call = call;
    return e;
}

enum err codec_common(struct arena *arena, struct call *call, enum call_kind kind,
                      struct text *json, struct why *why)
{
    struct call *common = arena_array(arena, struct call, 1);
    struct slice body = json->failed ? (struct slice){0} : arena_dup(arena, text_slice(json));
    text_fini(json);
    if (!common || !body.ptr)
        return why_set(why, ERR_NO_MEMORY, "no memory to translate the call");
    *common = (struct call){
        .kind = kind, .dialect = DIALECT_OPENAI, .body = body, .unscaled = call->unscaled};
    enum err e = openai_decode_call(arena, common, why);
    if (e)
        return e;
    call->common = common;
    call->model = common->model;
    call->has_system = common->has_system;
    call->messages = common->messages;
    call->tools = common->tools;
    call->fetches = common->fetches;
    call->least_tokens = common->least_tokens;
    return OK;
}

bool tokens_told(const struct json_value *v, int64_t *ret_n)
{
    return json_int(v, ret_n) && *ret_n >= 0 && *ret_n <= MOST_TOKENS;
}

void delta_pick(const struct json_value *delta, const struct json_value *ret[DELTA_FIELDS])
{
    static const struct slice names[DELTA_FIELDS] = {
        [DELTA_ROLE] = {"role", 4},
        [DELTA_CONTENT] = {"content", 7},
        [DELTA_REFUSAL] = {"refusal", 7},
        [DELTA_TOOLS] = {"tool_calls", 10},
        [DELTA_FUNCTION] = {"function_call", 13},
        [DELTA_REASONING_CONTENT] = {"reasoning_content", 17},
        [DELTA_REASONING] = {"reasoning", 9},
    };
    json_pick(delta, names, DELTA_FIELDS, ret);
}
