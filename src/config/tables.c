/* tables: options.def and providers.def as arrays. */
#include "config/inner.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define MINUTES(n) ((uint64_t)(n)*60000u)
#define HOURS(n) ((uint64_t)(n)*3600000u)
#define LIVE true
#define RESTART false

const struct row config_options[OPTION_COUNT] = {
#define OPTION(path, type, member, standard, least, most, choices, live, help)                     \
    {path, type, offsetof(struct config, member), standard, least, most, choices, live, help},
#include "config/options.def"
#undef OPTION
};

#define X(name, written, ...) " " written
static const char kind_names[] = CONFIG_KINDS(X);
#undef X

#define KIND_NAMES kind_names + 1
#define FIELD(name, path, type, member, standard, least, most, choices, help)                      \
    [FIELD_##name] = {path, type, offsetof(struct entry, member), standard, least, most, choices,  \
                      LIVE, help},
const struct row config_fields[FIELD_COUNT] = {
#include "config/providers.def"
};
#undef FIELD

const struct kind_row config_kinds[CONFIG_KIND_COUNT] = {
#define X(name, written, built, entries) [CONFIG_##name] = {written, built, entries},
    CONFIG_KINDS(X)
#undef X
};

static_assert(sizeof(enum config_kind) == sizeof(unsigned), "a CHOICE is written as unsigned");
static_assert(sizeof(enum log_level) == sizeof(unsigned), "a CHOICE is written as unsigned");

bool config_is_list(const struct row *row)
{
    return row->type >= NAMES;
}
