/* chat_words: what begins with / in a chat, by one table. A word with another / in it is a path,
 * and no command. */
#include "cli/talk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "os/os.h"

#define SHOWN 60u

static int usage(struct chat *chat, const char *words, const char *next)
{
    struct why why = {0};
    why_set(&why, ERR_BAD_REQUEST, "%s", words);
    return cli_fail(chat->talk.c, ERR_BAD_REQUEST, &why, next);
}

/* The beginning of some words, on one line. */
static void add_start(struct text *out, struct slice words)
{
    struct slice line = slice_to(words, slice_find(words, '\n'));
    size_t n = min_size(line.len, SHOWN);
    text_visible(out, slice_to(line, take_whole(slice_to(line, n))));
    if (n < words.len)
        text_add(out, SLICE(" ..."));
    text_byte(out, '\n');
}

/* ---- the model and the system's words ------------------------------------------------------- */

static int do_model(struct chat *chat, struct slice name)
{
    struct cli *c = chat->talk.c;
    struct words names;
    size_t n;
    int code = CLI_OK;
    if (name.len) {
        const char *kept = arena_cstr(&c->arena, name);
        if (!kept)
            return cli_fail(c, ERR_NO_MEMORY, NULL, NULL);
        if (talk_knows(c, kept, &code)) {
            chat->talk.model = kept;
            text_format(&c->out, "Now ");
            text_visible(&c->out, name);
            text_add(&c->out, SLICE(" answers; the conversation stays.\n"));
        }
        return code;
    }
    if (!talk_models(c, &names, &n, &code))
        return code;
    text_add(&c->out, SLICE("Asked is "));
    text_visible(&c->out, slice_of(chat->talk.model[0] ? chat->talk.model : "whatever is there"));
    text_add(&c->out, SLICE(". There are:\n"));
    for (size_t i = 0; i < names.n; i++) {
        text_add(&c->out, SLICE("  "));
        text_visible(&c->out, slice_of(names.items[i]));
        text_byte(&c->out, '\n');
    }
    return CLI_OK;
}

static int do_system(struct chat *chat, struct slice words)
{
    struct cli *c = chat->talk.c;
    bool none = slice_is(words, SLICE("-"));
    if (!words.len) {
        struct slice is = talk_system(&chat->talk);
        if (is.len)
            add_start(&c->out, is);
        else
            text_add(&c->out, SLICE("There is none. `/system TEXT` sets it.\n"));
        return CLI_OK;
    }
    if (!talk_set_system(&chat->talk, none ? SLICE("") : words))
        return cli_fail(c, ERR_NO_MEMORY, NULL, NULL);
    text_add(&c->out, none ? SLICE("It is taken away.\n") : SLICE("It holds from now on.\n"));
    return CLI_OK;
}

/* ---- once more, and never ------------------------------------------------------------------- */

static bool is_last(const struct talk *t, enum speaker speaker)
{
    return t->n && t->messages[t->n - 1].speaker == speaker;
}

/* An answer that cannot be had again, or not as a whole, is not lost. */
static int do_retry(struct chat *chat, struct slice nothing)
{
    struct talk *t = &chat->talk;
    struct text question = {0}, old = {0};
    bool had = !chat->unanswered.len && is_last(t, ASSISTANT) && t->n > 1 &&
               t->messages[t->n - 2].speaker == USER;
    (void)nothing;
    if (had) {
        text_add(&old, text_slice(&t->messages[t->n - 1].words));
        talk_drop(t);
        text_add(&question, text_slice(&t->messages[t->n - 1].words));
        talk_drop(t);
    }
    text_add(&question, text_slice(&chat->unanswered));
    if (!question.len)
        return usage(chat, "nothing was asked yet", "");
    int code = chat_say(chat, text_slice(&question), text_slice(&old));
    if (had && chat->unanswered.len && talk_add(t, USER, text_slice(&question)) &&
        talk_add(t, ASSISTANT, text_slice(&old)))
        text_clear(&chat->unanswered);
    text_fini(&question);
    text_fini(&old);
    return code;
}

static int do_undo(struct chat *chat, struct slice nothing)
{
    struct talk *t = &chat->talk;
    struct text *out = &t->c->out;
    (void)nothing;
    if (chat->unanswered.len) {
        text_add(out, SLICE("Forgotten: "));
        add_start(out, text_slice(&chat->unanswered));
        text_clear(&chat->unanswered);
        return CLI_OK;
    }
    if (!is_last(t, ASSISTANT) && !is_last(t, USER))
        return usage(chat, "there is nothing to take back", "");
    if (is_last(t, ASSISTANT))
        talk_drop(t);
    if (is_last(t, USER)) {
        text_add(out, SLICE("Forgotten, with its answer: "));
        add_start(out, text_slice(&t->messages[t->n - 1].words));
        talk_drop(t);
    }
    return CLI_OK;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* ~/x is in the home of whoever types: no shell is between. */
static const char *path_of(struct cli *c, struct slice name)
{
    if (slice_begins(name, SLICE("~/")) && c->paths.home)
        return arena_format(&c->arena, "%s%.*s", c->paths.home, SLICE_ARG(slice_from(name, 1))).ptr;
    return arena_cstr(&c->arena, name);
}

static bool agrees(struct chat *chat, const char *path)
{
    struct text words = {0}, line = {0};
    text_visible(&words, slice_of(path));
    text_add(&words, SLICE(" is there already. Write over it? [y/N] "));
    bool yes = !words.failed && lines_next(chat->lines, text_cstr(&words), &line) == LINE_READ &&
               (slice_is_nocase(text_slice(&line), SLICE("y")) ||
                slice_is_nocase(text_slice(&line), SLICE("yes")));
    text_fini(&words);
    text_fini(&line);
    return yes;
}

/* A file that this chat neither wrote nor read is somebody else's. */
static bool may_write(struct chat *chat, const char *path, bool force, int *ret_code)
{
    struct stat is;
    struct why why = {0};
    bool foreign = lstat(path, &is) == 0 && strcmp(path, text_cstr(&chat->file)) != 0;
    if (!foreign || force)
        return true;
    if (lines_edits(chat->lines)) {
        if (agrees(chat, path))
            return true;
        text_add(&chat->talk.c->out, SLICE("Nothing was written.\n"));
        *ret_code = CLI_OK;
        return false;
    }
    why_set(&why, ERR_BAD_VALUE, "%.200s is there already", path);
    *ret_code = cli_fail(chat->talk.c, ERR_BAD_VALUE, &why, "`/save --force FILE` writes over it.");
    return false;
}

static void now_in(struct chat *chat, const char *path)
{
    text_clear(&chat->file);
    text_add(&chat->file, slice_of(path));
}

static void tell_count(struct chat *chat, const char *done, const char *path)
{
    struct text *out = &chat->talk.c->out;
    size_t n = chat->talk.n + (chat->unanswered.len > 0);
    text_format(out, "%zu message%s %s ", n, n == 1 ? "" : "s", done);
    text_visible(out, slice_of(path));
    text_byte(out, '\n');
}

/* With the question that got no answer: whoever loads it can ask it again. */
static void write_talk(struct chat *chat, struct text *json)
{
    bool asks = chat->unanswered.len > 0;
    if (asks && !talk_add(&chat->talk, USER, text_slice(&chat->unanswered))) {
        json->failed = true;
        return;
    }
    talk_write(&chat->talk, json);
    if (asks)
        talk_drop(&chat->talk);
}

static int do_save(struct chat *chat, struct slice name)
{
    struct cli *c = chat->talk.c;
    struct text json = {0};
    struct why why = {0};
    int code = CLI_OK;
    struct slice rest = name, word;
    bool force = slice_split(&rest, ' ', &word) && slice_is(word, SLICE("--force"));
    if (force)
        name = slice_trim(rest);
    const char *path = path_of(c, name.len ? name : text_slice(&chat->file));
    if (!path || !path[0])
        return usage(chat, "into which file?", "As in `/save talk.json`.");
    if (!may_write(chat, path, force, &code))
        return code;
    write_talk(chat, &json);
    enum err e = json.failed ? why_set(&why, ERR_NO_MEMORY, "no memory for the conversation")
                             : os_write_file_whole(AT_FDCWD, path, text_slice(&json), 0600, &why);
    text_fini(&json);
    if (e)
        return cli_fail(c, e, &why, e == ERR_NOT_FOUND ? "Is the folder there?" : NULL);
    now_in(chat, path);
    tell_count(chat, "written to", path);
    return CLI_OK;
}

static int do_load(struct chat *chat, struct slice name)
{
    struct cli *c = chat->talk.c;
    struct text json = {0};
    struct why why = {0};
    const char *path = path_of(c, name);
    if (!path || !path[0])
        return usage(chat, "which file?", "As in `/load talk.json`.");
    enum err e = os_read_file(AT_FDCWD, path, TALK_FILE_MOST, &json, &why);
    if (!e) {
        e = talk_read(&chat->talk, text_slice(&json), &why);
        if (e) {
            struct why told = why;
            why_set(&why, e, "%.100s is no conversation: %.200s", path, told.text);
        }
    }
    text_fini(&json);
    if (e)
        return cli_fail(c, e, &why, "");
    text_clear(&chat->unanswered);
    if (is_last(&chat->talk, USER)) { /* it ends in a question: /retry asks it */
        struct message *last = &chat->talk.messages[chat->talk.n - 1];
        text_add(&chat->unanswered, text_slice(&last->words));
        talk_drop(&chat->talk);
    }
    now_in(chat, path);
    tell_count(chat, "read from", path);
    return CLI_OK;
}

/* ---- the table ------------------------------------------------------------------------------ */

static int do_help(struct chat *chat, struct slice nothing);

static int do_bye(struct chat *chat, struct slice nothing)
{
    (void)nothing;
    chat->over = true;
    return CLI_OK;
}

static const struct word_row {
    const char *name, *arguments;
    int (*run)(struct chat *chat, struct slice rest);
    const char *help;
} rows[] = {
    {"/model", "NAME", do_model, "ask another one; alone: show what there is"},
    {"/system", "TEXT", do_system, "what it should heed throughout; - takes it away"},
    {"/save", "FILE", do_save, "keep the conversation, as JSON"},
    {"/load", "FILE", do_load, "go on with one that was saved"},
    {"/retry", "", do_retry, "ask the last question again"},
    {"/undo", "", do_undo, "forget the last question and its answer"},
    {"/help", "", do_help, "this list"},
    {"/bye", "", do_bye, "end the chat, as Ctrl-D does"},
};

static int do_help(struct chat *chat, struct slice nothing)
{
    struct text *out = &chat->talk.c->out;
    (void)nothing;
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t from = out->len;
        text_format(out, "  %s %s", rows[i].name, rows[i].arguments);
        cli_pad(out, from, 18);
        text_format(out, "%s\n", rows[i].help);
    }
    text_add(
        out,
        SLICE("\nCtrl-C stops an answer. A backslash at the end of a line, or \"\"\" before and\n"
              "after, make a message of several lines.\n"));
    return CLI_OK;
}

static int unknown(struct chat *chat, struct slice name)
{
    const char *best = rows[0].name;
    struct why why = {0};
    for (size_t i = 1; i < COUNT(rows); i++) {
        if (cli_distance(name, slice_of(rows[i].name)) < cli_distance(name, slice_of(best)))
            best = rows[i].name;
    }
    bool near = cli_distance(name, slice_of(best)) <= 2;
    name = slice_to(name, min_size(name.len, SHOWN));
    why_set(&why, ERR_BAD_REQUEST, "there is no %.*s%s%s%s", SLICE_ARG(name),
            near ? "; did you mean " : "", near ? best : "", near ? "?" : "");
    return cli_fail(chat->talk.c, ERR_BAD_REQUEST, &why,
                    "/help shows the commands; a blank before it makes a message of it.");
}

bool chat_word(struct chat *chat, struct slice line, int *ret_code)
{
    struct slice rest = line, name;
    if (!slice_begins(line, SLICE("/")) || !slice_split(&rest, ' ', &name))
        return false;
    if (slice_find(slice_from(name, 1), '/') + 1 < name.len || slice_find(name, '\n') < name.len)
        return false;
    rest = slice_trim(rest);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is(name, slice_of(rows[i].name))) {
            *ret_code = rows[i].run(chat, rest);
            return true;
        }
    }
    *ret_code = unknown(chat, name);
    return true;
}
