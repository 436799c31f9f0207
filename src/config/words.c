/* words: what the words in a model's settings must look like, and which may not stand there: flags
 * and variables by which an engine would get around what hearth does with it. */
#include "config/inner.h"

enum bar { SETTING, OURS, PROMPTS, NETWORK, TOOLS, ENDS };

struct flag {
    const char *name;
    enum bar bar;
    const char *setting;
};

static const struct flag flags[] = {
#define FLAG(name, bar, setting) {name, bar, setting},
#define VARIABLE(name)
#include "config/flags.def"
#undef FLAG
#undef VARIABLE
};

static const char *const variables[] = {
#define FLAG(...)
#define VARIABLE(name) name,
#include "config/flags.def"
#undef FLAG
#undef VARIABLE
};

/* ---- names ---------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name(struct slice s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_plain(s.ptr[i]) && (!s.ptr[i] || !strchr(more, s.ptr[i])))
            return false;
    }
    return s.len >= 1 && s.len <= 128 && !slice_begins(s, SLICE("model/")) &&
           !slice_begins(s, SLICE("role/"));
}

bool config_is_model_name(struct slice s)
{
    return is_name(s, "-_.:/@+") && is_plain(s.ptr[0]);
}

bool config_is_model_key(struct slice s)
{
    return is_name(s, "-_.:/@+*") && (is_plain(s.ptr[0]) || s.ptr[0] == '*');
}

bool config_is_variable(struct slice s)
{
    size_t equals = slice_find(s, '=');
    for (size_t i = 0; i < equals; i++) {
        bool letter = is_plain(s.ptr[i]) || s.ptr[i] == '_';
        if (!letter || (i == 0 && s.ptr[0] >= '0' && s.ptr[0] <= '9'))
            return false;
    }
    return equals && equals < s.len;
}

/* ---- what is barred ------------------------------------------------------------------------- */

/* Engines take `_` for `-` in a flag. */
static bool is_meant(const char *barred, struct slice s)
{
    size_t len = strlen(barred);
    bool open = barred[len - 1] == '*';
    len -= open;
    if (open ? s.len < len : s.len != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = s.ptr[i] == '_' && barred[0] == '-' ? '-' : s.ptr[i];
        if (c != barred[i])
            return false;
    }
    return true;
}

static const struct flag *find_flag(struct slice s)
{
    for (size_t i = 0; i < COUNT(flags); i++) {
        if (is_meant(flags[i].name, s))
            return &flags[i];
    }
    return NULL;
}

static const char *const why[] = {
    [SETTING] = "that is the setting ",
    [OURS] = "hearth sets that itself",
    [PROMPTS] = "it would log what people ask",
    [NETWORK] = "engines have no network",
    [TOOLS] = "it would let the engine out of its place",
    [ENDS] = "the engine would end at once",
};

static void say_flag(const struct flag *f, struct slice s, struct text *words)
{
    text_add(words, SLICE("found \""));
    text_visible(words, s);
    text_format(words, "\"; %s%s", why[f->bar], f->setting);
}

/* A word that begins with - is a flag; its value, if it has one, is a word of its own. */
static bool is_barred_flag(struct slice s, struct text *words)
{
    size_t end = min_size(slice_find(s, '='), slice_find(s, ' '));
    struct slice name = slice_to(s, end);
    if (!slice_begins(s, SLICE("-")))
        return false;
    const struct flag *f = find_flag(name);
    if (f) {
        say_flag(f, name, words);
    } else if (slice_begins(slice_from(s, end), SLICE(" "))) {
        text_add(words, SLICE("found a blank after \""));
        text_visible(words, name);
        text_add(words, SLICE("\"; allowed: one word an item, so the value is the next item"));
    }
    return words->len > 0;
}

static bool is_barred_variable(struct slice s, struct text *words)
{
    struct slice name = slice_to(s, slice_find(s, '='));
    for (size_t i = 0; i < COUNT(variables); i++) {
        if (!is_meant(variables[i], name))
            continue;
        text_add(words, SLICE("found the variable "));
        text_visible(words, name);
        text_add(words, SLICE("; that is hearth's to set, or nobody's"));
        return true;
    }
    return false;
}

bool config_is_barred(enum type type, struct slice s, struct text *words)
{
    if (type == FLAGS)
        return is_barred_flag(s, words);
    return type == ENV && is_barred_variable(s, words);
}

void config_write_barred(struct text *out)
{
    text_add(out, SLICE("| Word | Why not |\n| --- | --- |\n"));
    for (size_t i = 0; i < COUNT(flags); i++) {
        const char *mark = flags[i].bar == SETTING ? "`" : "";
        text_format(out, "| `%s` | %s%s%s%s |\n", flags[i].name, why[flags[i].bar], mark,
                    flags[i].setting, mark);
    }
    for (size_t i = 0; i < COUNT(variables); i++)
        text_format(out, "| `%s=` | that is hearth's to set, or nobody's |\n", variables[i]);
}
