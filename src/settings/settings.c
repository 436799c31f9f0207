/* settings: the names of its choices. */
#include "settings/settings.h"

const char *config_kind_name(enum config_kind kind)
{
    static const char *const names[] = {
#define X(name, written, ...) [CONFIG_##name] = written,
        CONFIG_KINDS(X)
#undef X
    };
    assert(kind < CONFIG_KIND_COUNT);
    return names[kind];
}
