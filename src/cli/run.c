/* run: `hearth run`: a model by its name or its file, talked to or asked once. What is needed for
 * that is done and told: a daemon in the background, a file that becomes a model. */
#include "cli/talk.h"

#include <sys/stat.h>

/* Names of models have slashes and may even end in .gguf; one that begins so is a path. */
static bool is_path(struct slice word, bool there)
{
    struct slice end = SLICE(".gguf");
    if (slice_begins(word, SLICE("/")) || slice_begins(word, SLICE("./")) ||
        slice_begins(word, SLICE("../")))
        return true;
    return word.len > end.len && slice_is_nocase(slice_from(word, word.len - end.len), end) &&
           (there || slice_find(word, '/') < word.len);
}

static bool is_same_file(const char *a, const struct stat *b)
{
    struct stat is;
    return stat(a, &is) == 0 && is.st_dev == b->st_dev && is.st_ino == b->st_ino;
}

/* The model that this file is already; NULL: none. False, and the exit code: the configuration is
 * not valid. */
static bool find_by_file(struct cli *c, const struct stat *file, const char **ret_name,
                         int *ret_code)
{
    struct config *config = NULL;
    if (!change_load(c, &config, ret_code))
        return false;
    *ret_name = NULL;
    for (size_t i = 0; i < config->models_n && !*ret_name; i++) {
        if (is_same_file(config->models[i].file, file))
            *ret_name = arena_cstr(&c->arena, slice_of(config->models[i].name));
    }
    config_free(config);
    return true;
}

/* The first line of what is said of it is enough, where it does not stand in an answer. */
static int add_file(struct cli *c, const char *path, const char **ret_name)
{
    bool json = c->options.json;
    c->options.json = false;
    int code = models_add(c, path, NULL, ret_name);
    c->options.json = json;
    struct slice rest = text_slice(&c->out), line;
    if (code == CLI_OK && slice_split(&rest, '\n', &line)) {
        text_add(&c->err, line);
        text_byte(&c->err, '\n');
    }
    text_clear(&c->out);
    cli_flush(c);
    return code;
}

/* *ret_file: it is none of a model yet; NULL: *ret_name is one, or should be. */
static bool find_model(struct cli *c, const char *word, const char **ret_name,
                       const char **ret_file, int *ret_code)
{
    struct stat is;
    struct why why = {0};
    bool there = stat(word, &is) == 0 && S_ISREG(is.st_mode);
    const char *known = NULL;
    *ret_name = word;
    *ret_file = NULL;
    if (!is_path(slice_of(word), there))
        return true;
    enum err e = models_check_file(word, &why);
    if (e) {
        *ret_code = cli_fail(c, e, &why, "");
        return false;
    }
    if (!find_by_file(c, &is, &known, ret_code))
        return false;
    if (known)
        *ret_name = known;
    else
        *ret_file = word;
    return true;
}

int run_run(struct cli *c)
{
    const struct words *words = &c->options.arguments;
    struct why why = {0};
    const char *model, *file;
    int code = CLI_OK;
    if (!words->n) {
        why_set(&why, ERR_BAD_REQUEST, "which model?");
        return cli_fail(c, ERR_BAD_REQUEST, &why,
                        "`hearth models` shows them; a GGUF file will do: `hearth run FILE.gguf`.");
    }
    if (!find_model(c, words->items[0], &model, &file, &code) || !up_for(c, &code))
        return code;
    if (file)
        code = add_file(c, file, &model);
    if (code)
        return code;
    if (!talk_knows(c, model, &code))
        return code;
    return words->n > 1 || take_has_input() ? ask_once(c, model, 1) : chat_with(c, model);
}
