/* tables: the .def files as arrays, and the sections that are made of them. */
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
    [FIELD_##                                                                                      \
        name] = {path, type, offsetof(struct provider, member), standard, least, most, choices,    \
                 LIVE, help},
const struct row config_fields[FIELD_COUNT] = {
#include "config/providers.def"
};
#undef FIELD

#define NUM(n) ((uint64_t)(INT64_C(1000) * (n)))
#define FIELD(name, path, type, member, standard, least, most, choices, help)                      \
    [MODEL_##name] = {path,     type,  offsetof(struct config_model, member),                      \
                      standard, least, most,                                                       \
                      choices,  LIVE,  help},
const struct row config_model_fields[MODEL_FIELD_COUNT] = {
#include "config/models.def"
};
#undef FIELD

static const struct row role_field = {
    "", NAMES, offsetof(struct config_role, models),
    "", 0,     8,
    "", LIVE,  "Models that answer to the role, the best first: names, aliases or model/NAME."};
static const struct row port_field = {
    "",
    LISTEN,
    offsetof(struct port, listen),
    "",
    0,
    32,
    "",
    RESTART,
    "Where to listen for the role alone; every request there asks it, whatever it names."};

static bool is_plain_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '_' && c != '-' && c != '.')))
            return false;
    }
    return s.len >= 1 && s.len <= 64;
}

#define PLAIN_NAMES "at most 64 letters, digits, - _ and ."
const struct section config_sections[SECTION_COUNT] = {
    [PROVIDERS] = {"providers", "provider", "base_url", config_fields, FIELD_COUNT,
                   sizeof(struct provider), 256, false, is_plain_name, PLAIN_NAMES},
    [MODELS] = {"models", "model", "file", config_model_fields, MODEL_FIELD_COUNT,
                sizeof(struct config_model), 1000, false, config_is_model_key,
                "at most 128 letters, digits, - _ . : / @ and +, but no model/ or role/ at its "
                "beginning; with * a pattern"},
    [ROLES] = {"roles", "role", "", &role_field, 1, sizeof(struct config_role), 64, true,
               is_plain_name, PLAIN_NAMES},
    [PORTS] = {"ports", "role", "", &port_field, 1, sizeof(struct port), 64, true, is_plain_name,
               PLAIN_NAMES},
};

const struct kind_row config_kinds[CONFIG_KIND_COUNT] = {
#define X(name, written, built, entries, usual) [CONFIG_##name] = {written, built, entries, usual},
    CONFIG_KINDS(X)
#undef X
};

static_assert(sizeof(enum config_kind) == sizeof(unsigned), "a CHOICE is written as unsigned");
static_assert(sizeof(enum log_level) == sizeof(unsigned), "a CHOICE is written as unsigned");

bool config_is_list(const struct row *row)
{
    return row->type >= NAMES;
}
