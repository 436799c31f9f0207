/* talk_take: what is asked: the words of the command line, the files that they name by @path, and
 * what is piped in. All of it is text, and bounded. */
#include "cli/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/os.h"

#define MOST_FILES 16u
#define FILE_MOST (1u << 20)
#define INPUT_MOST (1u << 20)
#define SILENCE_MS 1000

/* ---- text ----------------------------------------------------------------------------------- */

bool take_is_text(struct slice s)
{
    for (size_t i = 0, n; i < s.len; i += n) {
        n = slice_utf8(slice_from(s, i));
        if (!n || !s.ptr[i])
            return false;
    }
    return true;
}

size_t take_whole(struct slice s)
{
    size_t from = s.len > 3 ? s.len - 3 : 0;
    for (size_t i = s.len; i-- > from;) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c & 0xc0) == 0x80)
            continue;
        return c >= 0xc0 && !slice_utf8(slice_from(s, i)) ? i : s.len;
    }
    return s.len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The path behind an @ at the beginning of `s`, as it is written: to the next blank, or in double
 * quotes. */
static struct slice path_at(struct slice s)
{
    if (s.len && s.ptr[0] == '"') {
        size_t end = slice_find(slice_from(s, 1), '"');
        if (end + 1 < s.len)
            return slice_to(s, end + 2);
    }
    size_t n = 0;
    while (n < s.len && !is_blank(s.ptr[n]))
        n++;
    return slice_to(s, n);
}

bool take_paths(struct slice in, struct text *words, struct slice *paths, size_t most,
                size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        bool at = in.ptr[i] == '@' && (i == 0 || is_blank(in.ptr[i - 1]));
        struct slice path = at ? path_at(slice_from(in, i + 1)) : (struct slice){0};
        if (!path.len) {
            text_byte(words, in.ptr[i]);
            continue;
        }
        i += path.len;
        if (path.ptr[0] == '@') { /* it is written twice: no path */
            text_add(words, path);
            continue;
        }
        if (path.ptr[0] == '"' && path.len > 2 && slice_ends(path, SLICE("\"")))
            path = (struct slice){path.ptr + 1, path.len - 2};
        if (n == most)
            return false;
        paths[n++] = path;
        text_add(words, path);
    }
    *ret_n = n;
    return true;
}

/* ---- files ---------------------------------------------------------------------------------- */

/* "what is in @notes.txt?" means notes.txt, unless there is a file with the mark in its name. */
static size_t without_mark(struct slice path)
{
    while (path.len > 1 && strchr(".,;:!?)", path.ptr[path.len - 1]))
        path.len--;
    return path.len;
}

/* *path: as the file is really called, afterwards. */
static enum err read_named(struct cli *c, struct slice *path, struct text *into, struct why *why)
{
    const char *name = arena_cstr(&c->arena, *path);
    const char *bare = arena_cstr(&c->arena, slice_to(*path, without_mark(*path)));
    if (!name || !bare)
        return why_set(why, ERR_NO_MEMORY, "no memory for a file's name");
    enum err e = os_read_file(AT_FDCWD, name, FILE_MOST, into, why);
    if (e == ERR_NOT_FOUND && access(bare, F_OK) == 0) {
        *path = slice_of(name = bare);
        e = os_read_file(AT_FDCWD, name, FILE_MOST, into, why);
    }
    if (!e && !take_is_text(text_slice(into)))
        e = why_set(why, ERR_BAD_VALUE, "%.200s is not text in UTF-8", name);
    return e;
}

static void add_part(struct text *out, const char *kind, struct slice name, struct slice content)
{
    text_add(out, out->len ? SLICE("\n\n") : SLICE(""));
    text_format(out, "<%s%s%.*s%s>\n", kind, name.len ? " name=\"" : "", SLICE_ARG(name),
                name.len ? "\"" : "");
    text_add(out, content);
    if (!content.len || content.ptr[content.len - 1] != '\n')
        text_byte(out, '\n');
    text_format(out, "</%s>", kind);
}

static bool add_file(struct cli *c, struct slice path, struct text *out, int *ret_code)
{
    struct text content = {0};
    struct why why = {0};
    enum err e = read_named(c, &path, &content, &why);
    if (e)
        *ret_code = cli_fail(c, e, &why,
                             e == ERR_BODY_TOO_LARGE
                                 ? "A file by @ may have 1 MiB; give a part of it."
                                 : "A word that begins with @ names a file; @@ means the sign.");
    else
        add_part(out, "file", path, text_slice(&content));
    text_fini(&content);
    return !e;
}

/* ---- what is piped in ----------------------------------------------------------------------- */

bool take_has_input(void)
{
    struct stat is;
    return fstat(STDIN_FILENO, &is) == 0 &&
           (S_ISFIFO(is.st_mode) || S_ISREG(is.st_mode) || S_ISSOCK(is.st_mode));
}

/* Who is given a pipe that nobody writes to would not know what is waited for. */
static void wait_for_input(struct cli *c, bool *told)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    if (*told || poll(&in, 1, SILENCE_MS) != 0)
        return;
    text_add(&c->err, SLICE("Reading the input, up to its end; with </dev/null there is none.\n"));
    cli_flush(c);
    *told = true;
}

/* One byte more than is taken, to know whether there was more. */
static enum err read_input(struct cli *c, struct text *into, struct why *why)
{
    bool told = false;
    while (into->len <= INPUT_MOST) {
        size_t want = min_size(65536, INPUT_MOST + 1 - into->len);
        char *room = text_room(into, want);
        if (!room)
            return why_set(why, ERR_NO_MEMORY, "no memory for the input");
        wait_for_input(c, &told);
        ssize_t n = read(STDIN_FILENO, room, want);
        if (n < 0 && errno != EINTR)
            return why_sys(why, ERR_SYSTEM, errno, "the input cannot be read");
        if (n == 0)
            return OK;
        into->len += n > 0 ? (size_t)n : 0;
    }
    return OK;
}

static bool take_input(struct cli *c, struct text *into, int *ret_code)
{
    struct why why = {0};
    enum err e = read_input(c, into, &why);
    if (!e && into->len > INPUT_MOST) {
        into->len = INPUT_MOST;
        into->len = take_whole(text_slice(into));
        text_add(&c->err, SLICE("Only the first MiB of the input is taken.\n"));
    }
    if (!e && !take_is_text(text_slice(into)))
        e = why_set(&why, ERR_BAD_VALUE, "the input is not text in UTF-8");
    if (e)
        *ret_code = cli_fail(c, e, &why, "");
    return !e;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* An argument that is the name of a file with blanks in it was quoted for the shell. */
static bool is_quoted_file(const char *word)
{
    struct stat is;
    return word[0] == '@' && strpbrk(word, " \t") && !strchr(word, '"') && stat(word + 1, &is) == 0;
}

static void join_words(const struct words *arguments, size_t from, struct text *out)
{
    for (size_t i = from; i < arguments->n; i++) {
        const char *word = arguments->items[i];
        text_add(out, i > from ? SLICE(" ") : SLICE(""));
        if (is_quoted_file(word))
            text_format(out, "@\"%s\"", word + 1);
        else
            text_add(out, slice_of(word));
    }
}

static bool add_files(struct cli *c, struct slice said, struct text *out, int *ret_code)
{
    struct slice paths[MOST_FILES];
    struct why why = {0};
    size_t n = 0;
    if (!take_paths(said, out, paths, MOST_FILES, &n)) {
        why_set(&why, ERR_BAD_REQUEST, "more than %u files are named by @", MOST_FILES);
        *ret_code = cli_fail(c, ERR_BAD_REQUEST, &why, "Put them into one.");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!add_file(c, paths[i], out, ret_code))
            return false;
    }
    return true;
}

bool take_question(struct cli *c, size_t from, struct text *ret_question, int *ret_code)
{
    struct text said = {0}, question = {0}, input = {0};
    struct why why = {0};
    join_words(&c->options.arguments, from, &said);
    bool good = add_files(c, text_slice(&said), &question, ret_code) &&
                (!take_has_input() || take_input(c, &input, ret_code));
    if (good && input.len && question.len)
        add_part(&question, "input", SLICE(""), text_slice(&input));
    else if (good)
        text_add(&question, text_slice(&input));
    if (good && (said.failed || question.failed)) {
        why_set(&why, ERR_NO_MEMORY, "no memory for the question");
        *ret_code = cli_fail(c, ERR_NO_MEMORY, &why, "");
        good = false;
    }
    if (good && !take_is_text(text_slice(&question))) {
        why_set(&why, ERR_BAD_REQUEST, "the question is not text in UTF-8");
        *ret_code = cli_fail(c, ERR_BAD_REQUEST, &why, "");
        good = false;
    }
    text_fini(&said);
    text_fini(&input);
    if (good)
        *ret_question = question;
    else
        text_fini(&question);
    return good;
}
