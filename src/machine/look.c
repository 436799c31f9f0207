/* look: reading the system's files under a root, with limits. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "machine/inside.h"
#include "os/os.h"

#define MOST_LINE 4096u
#define MOST_WORD 120u /* bytes of a name that is kept */

void tree_fini(struct tree *t)
{
    text_fini(&t->pci);
}

static const char *keep(struct tree *t, struct slice s)
{
    const char *kept = arena_cstr(t->arena, s);
    t->failed |= !kept;
    return kept ? kept : "";
}

const char *look_path(struct tree *t, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    return len > 0 && (size_t)len < sizeof path ? keep(t, slice_of(path)) : "";
}

static bool rooted(const struct tree *t, const char *path, char into[PATH_MAX])
{
    int len = snprintf(into, PATH_MAX, "%s%s", t->root, path);
    return *path && len > 0 && len < PATH_MAX;
}

bool look_file(struct tree *t, const char *path, size_t most, struct text *into)
{
    char full[PATH_MAX];
    text_clear(into);
    if (!rooted(t, path, full))
        return false;
    enum err e = os_read_file(AT_FDCWD, full, most, into, NULL);
    if (e == ERR_BODY_TOO_LARGE) /* the beginning will do */
        into->len = min_size(into->len, most);
    t->failed |= into->failed;
    return (!e || e == ERR_BODY_TOO_LARGE) && into->len;
}

const char *look_word(struct tree *t, struct slice s)
{
    struct text plain = {0}, word = {0};
    for (size_t i = 0; i < s.len && plain.len < MOST_WORD; i++) {
        bool blank = s.ptr[i] == ' ' || s.ptr[i] == '\t';
        if (!blank)
            text_byte(&plain, s.ptr[i]);
        else if (plain.len && plain.ptr[plain.len - 1] != ' ')
            text_byte(&plain, ' ');
    }
    text_visible(&word, slice_trim(text_slice(&plain)));
    t->failed |= plain.failed | word.failed;
    const char *kept = keep(t, text_slice(&word));
    text_fini(&plain);
    text_fini(&word);
    return kept;
}

const char *look_line(struct tree *t, const char *path)
{
    struct text bytes = {0};
    const char *line = "";
    if (look_file(t, path, MOST_LINE, &bytes)) {
        struct slice s = text_slice(&bytes);
        line = look_word(t, slice_to(s, slice_find(s, '\n')));
    }
    text_fini(&bytes);
    return line;
}

bool look_u64(struct tree *t, const char *path, uint64_t *ret_n)
{
    return slice_u64(slice_of(look_line(t, path)), ret_n);
}

bool hex_of(struct slice s, uint64_t *ret_n)
{
    uint64_t n = 0;
    if (slice_begins(s, SLICE("0x")))
        s = slice_from(s, 2);
    if (!s.len || s.len > 15)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        int c = tolower((unsigned char)s.ptr[i]);
        if (!isxdigit(c))
            return false;
        n = n * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret_n = n;
    return true;
}

bool look_hex(struct tree *t, const char *path, uint64_t *ret_n)
{
    return hex_of(slice_of(look_line(t, path)), ret_n);
}

bool look_is(struct tree *t, const char *path)
{
    char full[PATH_MAX];
    return rooted(t, path, full) && faccessat(AT_FDCWD, full, F_OK, AT_EACCESS) == 0;
}

bool look_may(struct tree *t, const char *path)
{
    char full[PATH_MAX];
    return rooted(t, path, full) && faccessat(AT_FDCWD, full, R_OK | W_OK, AT_EACCESS) == 0;
}

const char *look_link(struct tree *t, const char *path)
{
    char full[PATH_MAX], to[PATH_MAX];
    ssize_t len = rooted(t, path, full) ? readlink(full, to, sizeof to) : -1;
    return len > 0 && (size_t)len < sizeof to ? keep(t, (struct slice){to, (size_t)len}) : "";
}

static int order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct names look_folder(struct tree *t, const char *path)
{
    char full[PATH_MAX];
    struct names found = {0};
    DIR *folder = rooted(t, path, full) ? opendir(full) : NULL;
    if (!folder)
        return found;
    const char **items = NULL;
    size_t n = 0, room = 0;
    for (const struct dirent *entry; n < MOST_NAMES && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.')
            continue;
        if (n == room) { /* the arena keeps the smaller ones: at most as much again */
            const char **more = arena_array(t->arena, const char *, max_size(2 * room, 32));
            t->failed |= !more;
            if (!more)
                break;
            if (n)
                memcpy(more, items, n * sizeof *items);
            items = more;
            room = max_size(2 * room, 32);
        }
        items[n++] = keep(t, slice_of(entry->d_name));
    }
    closedir(folder);
    if (n)
        qsort(items, n, sizeof *items, order);
    return (struct names){items, n};
}

bool field_of(struct slice text, struct slice name, struct slice *ret_value)
{
    for (struct slice line; slice_split(&text, '\n', &line);) {
        size_t colon = slice_find(line, ':');
        if (colon == line.len || !slice_is(slice_trim(slice_to(line, colon)), name))
            continue;
        *ret_value = slice_trim(slice_from(line, colon + 1));
        return true;
    }
    return false;
}

bool kb_of(struct slice value, uint64_t *ret_bytes)
{
    uint64_t kb;
    if (!slice_ends(value, SLICE(" kB")) ||
        !slice_u64(slice_trim(slice_to(value, value.len - 3)), &kb))
        return false;
    return !__builtin_mul_overflow(kb, 1024, ret_bytes);
}
