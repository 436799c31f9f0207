/* engines: the tables of engines.def, and how a pack is called. */
#include "pack/inside.h"

#define LIST(...)                                                                                  \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static const struct pack_engine engines[] = {
#define ENGINE(name, program, speaks_llama) {name, program, speaks_llama},
#define DEBIAN(...)
#define BUILD(...)
#define SUITE(...)
#include "pack/engines.def"
#undef ENGINE
#undef DEBIAN
#undef BUILD
#undef SUITE
};

static const struct debian_row debian[] = {
#define ENGINE(...)
#define DEBIAN(engine, flavour, packages, without) {engine, flavour, packages, without},
#define BUILD(...)
#define SUITE(...)
#include "pack/engines.def"
#undef ENGINE
#undef DEBIAN
#undef BUILD
#undef SUITE
};

static const struct build_row builds[] = {
#define ENGINE(...)
#define DEBIAN(...)
#define BUILD(engine, flavour, option, compiler) {engine, flavour, option, compiler},
#define SUITE(...)
#include "pack/engines.def"
#undef ENGINE
#undef DEBIAN
#undef BUILD
#undef SUITE
};

static const char *const suites[] = {
#define ENGINE(...)
#define DEBIAN(...)
#define BUILD(...)
#define SUITE(name) name,
#include "pack/engines.def"
#undef ENGINE
#undef DEBIAN
#undef BUILD
#undef SUITE
};

const struct pack_engine *pack_engine(size_t i)
{
    return i < COUNT(engines) ? &engines[i] : NULL;
}

const struct pack_engine *pack_engine_named(const char *name)
{
    for (size_t i = 0; i < COUNT(engines); i++) {
        if (!strcmp(engines[i].name, name))
            return &engines[i];
    }
    return NULL;
}

const struct pack_engine *engine_of_program(const char *file_name)
{
    for (size_t i = 0; i < COUNT(engines); i++) {
        if (!strcmp(engines[i].program, file_name))
            return &engines[i];
    }
    return NULL;
}

const struct debian_row *debian_row(const char *engine, const char *flavour)
{
    for (size_t i = 0; i < COUNT(debian); i++) {
        if (!strcmp(debian[i].engine, engine) && (!flavour || !strcmp(debian[i].flavour, flavour)))
            return &debian[i];
    }
    return NULL;
}

const struct build_row *build_row(const char *engine, const char *flavour)
{
    for (size_t i = 0; i < COUNT(builds); i++) {
        if (!strcmp(builds[i].engine, engine) && (!flavour || !strcmp(builds[i].flavour, flavour)))
            return &builds[i];
    }
    return NULL;
}

const char *suite_row(size_t i)
{
    return i < COUNT(suites) ? suites[i] : NULL;
}

static bool may_stand_in_id(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == '+';
}

/* No dot at the front: those are ours, and "..". */
bool id_is_good(struct slice id)
{
    if (!id.len || id.len > ID_MOST || id.ptr[0] == '.' || id.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < id.len; i++) {
        if (!may_stand_in_id(id.ptr[i]))
            return false;
    }
    return true;
}

static void add_part(struct text *id, const char *part)
{
    if (!*part)
        return;
    if (id->len)
        text_byte(id, '-');
    for (; *part; part++) {
        char c = may_stand_in_id(*part) ? *part : '-';
        bool after_dash = id->len && id->ptr[id->len - 1] == '-';
        if ((c == '-' && after_dash) || (*part == ')'))
            continue;
        text_byte(id, c);
    }
}

const char *id_make(struct arena *a, const struct pack *p, const char *kind)
{
    struct text id = {.limit = ID_MOST - 8}; /* room for a number behind it */
    add_part(&id, p->engine);
    add_part(&id, p->version);
    add_part(&id, kind);
    if (strcmp(p->flavour, "cpu") != 0)
        add_part(&id, p->flavour);
    const char *made = arena_cstr(a, text_slice(&id));
    text_fini(&id);
    return made;
}
