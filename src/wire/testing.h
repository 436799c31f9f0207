/* testing: for tests of what is said to a target that speaks the common form. */
#pragma once

#include "wire/wire.h"

#define WIRE_CHAT                                                                                  \
    {                                                                                              \
        .dialect = DIALECT_OPENAI, .kind = CALL_CHAT, .own = true, .ready = true                   \
    }

static inline enum err encode_call(const struct call *c, const struct target *t, struct text *out)
{
    struct decoder d = {0};
    struct why why;
    enum err e = decoder_begin(&d, c, DIALECT_OPENAI, t, out, &why);
    decoder_fini(&d);
    return e;
}
