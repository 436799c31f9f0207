/* openai: the row of this dialect. */
#include "dialect/codec.h"

static const char *path(enum call_kind kind)
{
    return kind == CALL_CHAT ? "/chat/completions" : NULL;
}

const struct codec openai_codec = {
    .name = "openai",
    .path = path,
    .decode_call = openai_decode_call,
    .encode_call = openai_encode_call,
    .decode_event = openai_decode_event,
    .read_refusal = openai_read_refusal,
};
