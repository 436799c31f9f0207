/* models_change: `hearth models set|unset|add|rm`: one file of conf.d for each model. */
#include "cli/inner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_ITEMS 64u

static int usage(struct cli *c, const char *words)
{
    struct why why = {0};
    why_set(&why, ERR_BAD_REQUEST, "%s", words);
    return cli_fail(c, ERR_BAD_REQUEST, &why,
                    "As in `hearth models set qwen2.5 ctx=8192`; `hearth help options` lists all.");
}

static const char *path_of(struct cli *c, const char *name, const char *field)
{
    const char *path =
        arena_format(&c->arena, "models.%s%s%s", name, field[0] ? "." : "", field).ptr;
    return path ? path : "";
}

/* May a command write this field of this model? Else the exit code. */
static bool may_write(struct change *ch, const char *name, const char *field, int *ret_code)
{
    struct cli *c = ch->cli;
    struct why why = {0};
    if (config_form_of("models", slice_of(field)) == CONFIG_BY_HAND) {
        why_set(&why, ERR_BAD_REQUEST, "%s is written by hand only", field);
        *ret_code = cli_fail(c, ERR_BAD_REQUEST, &why,
                             "Write it in hearth.yaml, below models and the model's name.");
        return false;
    }
    return !change_is_elsewhere(ch, path_of(c, name, field), ret_code);
}

/* ---- set, unset ----------------------------------------------------------------------------- */

static enum err set_field(struct change *ch, const char *field, struct slice value)
{
    struct slice items[MOST_ITEMS], item;
    size_t n = 0;
    if (config_form_of("models", slice_of(field)) != CONFIG_VALUES)
        return confd_set(ch->file, field, &value, 1, false);
    while (n < MOST_ITEMS && slice_split(&value, ',', &item)) {
        item = slice_trim(item);
        if (item.len)
            items[n++] = item;
    }
    return value.len && n == MOST_ITEMS ? ERR_TOO_MANY : confd_set(ch->file, field, items, n, true);
}

static bool set_word(struct change *ch, const char *name, const char *word, int *ret_code)
{
    struct slice s = slice_of(word);
    size_t equals = slice_find(s, '=');
    if (!equals || equals == s.len) {
        *ret_code = usage(ch->cli, "a setting is written as KEY=VALUE");
        return false;
    }
    const char *field = arena_cstr(&ch->cli->arena, slice_to(s, equals));
    if (!field || !may_write(ch, name, field, ret_code))
        return false;
    enum err e = set_field(ch, field, slice_from(s, equals + 1));
    if (e)
        *ret_code = cli_fail(ch->cli, e, NULL, NULL);
    return !e;
}

int models_set_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct change ch;
    int code = CLI_OK;
    if (words->n < 2)
        return usage(c, words->n ? "what is to be set?" : "which model, and what of it?");
    const char *name = words->items[0];
    if (!change_open(c, "models", name, &ch, &code))
        return code;
    bool good = true;
    for (size_t i = 1; i < words->n && good; i++)
        good = set_word(&ch, name, words->items[i], &code);
    struct slice done = arena_format(&c->arena, "The settings of %s are written.", name);
    if (good)
        code = change_finish(&ch, done.ptr ? done.ptr : "");
    change_close(&ch);
    return code;
}

int models_unset_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct change ch;
    struct why why = {0};
    int code = CLI_OK;
    if (words->n < 2)
        return usage(c, words->n ? "what is to be unset?" : "which model, and what of it?");
    const char *name = words->items[0];
    if (!change_open(c, "models", name, &ch, &code))
        return code;
    bool good = true;
    for (size_t i = 1; i < words->n && good; i++) {
        good = may_write(&ch, name, words->items[i], &code);
        if (good && !confd_unset(ch.file, words->items[i])) {
            why_set(&why, ERR_NOT_FOUND, "%.64s of %.128s is not set", words->items[i], name);
            code = cli_fail(c, ERR_NOT_FOUND, &why, "`hearth models show` tells what is.");
            good = false;
        }
    }
    struct slice done = arena_format(&c->arena, "The settings of %s are written.", name);
    if (good)
        code = change_finish(&ch, done.ptr ? done.ptr : "");
    change_close(&ch);
    return code;
}

/* ---- add ------------------------------------------------------------------------------------ */

enum err models_check_file(const char *path, struct why *why)
{
    char magic[4] = "";
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return why_sys(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_PERMISSION, errno,
                       "%.200s cannot be opened", path);
    bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                read(fd, magic, sizeof magic) == sizeof magic && memcmp(magic, "GGUF", 4) == 0;
    close(fd);
    return good ? OK : why_set(why, ERR_BAD_VALUE, "%.200s is no GGUF file", path);
}

static const char *absolute(struct cli *c, const char *path)
{
    char here[4096];
    if (path[0] == '/')
        return path;
    return getcwd(here, sizeof here)
               ? arena_format(&c->arena, "%s/%s", here[1] ? here : "", path).ptr
               : NULL;
}

/* "-00001-of-00003" at the end: the first of several files that are one model. */
static struct slice without_part(struct slice s)
{
    static const char shape[] = "-#####-of-#####";
    size_t n = sizeof shape - 1;
    if (s.len <= n)
        return s;
    for (size_t i = 0; i < n; i++) {
        char c = s.ptr[s.len - n + i];
        if (shape[i] == '#' ? c < '0' || c > '9' : c != shape[i])
            return s;
    }
    return slice_to(s, s.len - n);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* The file's name, as far as a model may be called so. */
static const char *name_of(struct cli *c, const char *path)
{
    struct slice s = slice_of(path);
    struct text t = {0};
    while (slice_find(s, '/') < s.len)
        s = slice_from(s, slice_find(s, '/') + 1);
    if (s.len > 5 && slice_is_nocase(slice_from(s, s.len - 5), SLICE(".gguf")))
        s.len -= 5;
    s = without_part(s);
    for (size_t i = 0; i < s.len && t.len < 128; i++) {
        bool good = is_plain(s.ptr[i]) || (s.ptr[i] && strchr("-_.+@", s.ptr[i]));
        if (t.len || is_plain(s.ptr[i]))
            text_byte(&t, good ? s.ptr[i] : '-');
    }
    const char *name = t.len ? arena_cstr(&c->arena, text_slice(&t)) : NULL;
    text_fini(&t);
    return name;
}

static int add(struct change *ch, const char *name, const char *path)
{
    struct cli *c = ch->cli;
    struct config_origin o;
    struct why why = {0};
    const char *key = path_of(c, name, "file");
    int code = CLI_OK;
    if (confd_has(ch->file, "file") || (ch->config && config_find_origin(ch->config, key, &o))) {
        why_set(&why, ERR_BAD_VALUE, "there is a model %.128s already", name);
        return cli_fail(c, ERR_BAD_VALUE, &why,
                        "Give this one another name, `hearth models add FILE --name NAME`, or "
                        "`hearth models rm` that one.");
    }
    struct slice value = slice_of(path);
    struct slice done = arena_format(&c->arena, "The model %s is %s.", name, path);
    enum err e = confd_set(ch->file, "file", &value, 1, false);
    code = e ? cli_fail(c, e, NULL, NULL) : change_finish(ch, done.ptr ? done.ptr : "");
    return code;
}

int models_add(struct cli *c, const char *file, const char *name, const char **ret_name)
{
    struct change ch;
    struct why why = {0};
    int code = CLI_OK;
    const char *path = absolute(c, file);
    enum err e =
        path ? models_check_file(path, &why) : why_set(&why, ERR_SYSTEM, "where is this folder?");
    if (e)
        return cli_fail(c, e, &why, "");
    if (!name)
        name = name_of(c, path);
    if (!name) {
        why_set(&why, ERR_BAD_REQUEST, "the file's name is no name for a model");
        return cli_fail(c, ERR_BAD_REQUEST, &why,
                        "Give it one: `hearth models add FILE --name NAME`.");
    }
    if (!change_open(c, "models", name, &ch, &code))
        return code;
    code = add(&ch, name, path);
    change_close(&ch);
    if (code == CLI_OK)
        *ret_name = name;
    return code;
}

int models_add_run(struct cli *c)
{
    struct why why = {0};
    const char *name;
    if (!c->options.arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "which file?");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "As in `hearth models add ~/models/x.gguf`.");
    }
    return models_add(c, c->options.arguments.items[0], c->options.name, &name);
}

/* ---- rm ------------------------------------------------------------------------------------- */

static int take_away(struct change *ch, const char *name)
{
    struct cli *c = ch->cli;
    struct why why = {0};
    int code = CLI_OK;
    if (!confd_is_there(ch->file)) {
        if (change_is_elsewhere(ch, path_of(c, name, ""), &code))
            return code;
        why_set(&why, ERR_NOT_FOUND, "no model is named %.128s", name);
        return cli_fail(c, ERR_NOT_FOUND, &why, "`hearth models` shows what there is.");
    }
    if (confd_has(ch->file, "env") || confd_has(ch->file, "extra")) {
        why_set(&why, ERR_BAD_VALUE, "%.200s holds env or extra, which somebody wrote by hand",
                confd_path(ch->file));
        return cli_fail(c, ERR_BAD_VALUE, &why,
                        "Take the file away by hand, then `hearth reload`.");
    }
    confd_unset_all(ch->file);
    struct slice done =
        arena_format(&c->arena, "The model %s is no longer known; its file stays.", name);
    return change_finish(ch, done.ptr ? done.ptr : "");
}

int models_rm_run(struct cli *c)
{
    struct change ch;
    struct why why = {0};
    int code = CLI_OK;
    if (!c->options.arguments.n) {
        why_set(&why, ERR_BAD_REQUEST, "which model?");
        return cli_fail(c, ERR_BAD_REQUEST, &why, "`hearth models` shows them.");
    }
    const char *name = c->options.arguments.items[0];
    if (!change_open(c, "models", name, &ch, &code))
        return code;
    code = take_away(&ch, name);
    change_close(&ch);
    return code;
}
