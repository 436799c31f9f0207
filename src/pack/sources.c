/* sources: from what the machine gets its own packages from to what we ask: the same mirrors
 * with the same keys, and another suite. Both forms that apt reads are understood: stanzas
 * (.sources) and lines (.list). */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/os.h"
#include "pack/inside.h"

#define FILE_BYTES (1u << 20)
#define MOST_FILES 200u

/* ---- what system this is ---- */

/* KEY=value or KEY="value" */
static void take_value(struct slice line, const char *key, char *into, size_t room)
{
    struct slice k = slice_of(key);
    if (!slice_begins(line, k) || line.len <= k.len || line.ptr[k.len] != '=')
        return;
    struct slice value = slice_trim(slice_from(line, k.len + 1));
    if (value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\''))
        value = (struct slice){value.ptr + 1, value.len - 2};
    snprintf(into, room, "%.*s", SLICE_ARG(value));
}

void os_release_read(const char *top, struct os_release *ret)
{
    static const char *const files[] = {"/etc/os-release", "/usr/lib/os-release"};
    *ret = (struct os_release){0};
    for (size_t i = 0; i < COUNT(files) && !ret->id[0]; i++) {
        char path[PATH_MAX];
        struct text all = {0};
        snprintf(path, sizeof path, "%s%s", top, files[i]);
        if (!os_read_file(AT_FDCWD, path, FILE_BYTES, &all, NULL)) {
            struct slice rest = text_slice(&all), line;
            while (slice_split(&rest, '\n', &line)) {
                take_value(line, "ID", ret->id, sizeof ret->id);
                take_value(line, "VERSION_CODENAME", ret->codename, sizeof ret->codename);
            }
        }
        text_fini(&all);
    }
}

/* ---- words ---- */

/* The next word of what blanks divide. */
static bool next_word(struct slice *rest, struct slice *ret)
{
    struct slice word;
    do {
        if (!slice_split(rest, ' ', &word))
            return false;
        word = slice_trim(word);
    } while (!word.len);
    *ret = word;
    return true;
}

static bool has_word(struct slice words, const char *wanted)
{
    struct slice word;
    while (next_word(&words, &word)) {
        if (slice_is(word, slice_of(wanted)))
            return true;
    }
    return false;
}

static bool has_suite(struct slice words, const char *codename)
{
    static const char *const rolling[] = {"stable", "testing", "unstable", "sid", "oldstable"};
    if (*codename && has_word(words, codename))
        return true;
    for (size_t i = 0; i < COUNT(rolling); i++) {
        if (has_word(words, rolling[i]))
            return true;
    }
    return false;
}

static bool stands_in(const struct text *t, struct slice part)
{
    return memmem(t->ptr ? t->ptr : "", t->len, part.ptr, part.len) != NULL;
}

/* kept: the fields that are taken over as they are, a line each. */
static void put_stanza(struct slice kept, const char *suite, struct text *out)
{
    struct text stanza = {0};
    text_format(&stanza, "Types: deb\nSuites: %s\nComponents: main\n", suite);
    text_add(&stanza, kept);
    text_add(&stanza, SLICE("Targets: Packages\n\n"));
    if (!stanza.failed && !stands_in(out, text_slice(&stanza)))
        text_add(out, text_slice(&stanza));
    out->failed |= stanza.failed;
    text_fini(&stanza);
}

/* ---- stanzas ---- */

struct stanza {
    bool binary, suite, main, off, disc, has_uris;
    struct text kept;
};

static void end_stanza(struct stanza *s, const char *suite, struct text *out)
{
    if (s->binary && s->suite && s->main && s->has_uris && !s->off && !s->disc)
        put_stanza(text_slice(&s->kept), suite, out);
    out->failed |= s->kept.failed;
    text_fini(&s->kept);
    *s = (struct stanza){0};
}

enum field { OTHER, TYPES, SUITES, COMPONENTS, ENABLED, LEFT_OUT, URIS };

static enum field field_named(struct slice name)
{
    static const struct {
        const char *name;
        enum field field;
    } rows[] = {
        {"types", TYPES},        {"suites", SUITES},    {"components", COMPONENTS},
        {"enabled", ENABLED},    {"targets", LEFT_OUT}, {"architectures", LEFT_OUT},
        {"languages", LEFT_OUT}, {"uris", URIS},        {"x-repolib-name", LEFT_OUT},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (slice_is_nocase(name, slice_of(rows[i].name)))
            return rows[i].field;
    }
    return OTHER;
}

static void take_field(struct stanza *s, enum field field, struct slice value, struct slice line,
                       const char *codename)
{
    switch (field) {
    case TYPES:
        s->binary |= has_word(value, "deb");
        return;
    case SUITES:
        s->suite |= has_suite(value, codename);
        return;
    case COMPONENTS:
        s->main |= has_word(value, "main");
        return;
    case ENABLED:
        s->off = slice_is_nocase(value, SLICE("no")) || slice_is_nocase(value, SLICE("false"));
        return;
    case LEFT_OUT:
        return;
    case URIS:
        s->has_uris = true;
        s->disc |= memmem(line.ptr, line.len, "cdrom:", 6) != NULL;
        break;
    case OTHER:
        break;
    }
    text_add(&s->kept, line);
    text_byte(&s->kept, '\n');
}

static void rewrite_stanzas(struct slice text, const char *codename, const char *suite,
                            struct text *out)
{
    struct stanza s = {0};
    struct slice line;
    enum field field = LEFT_OUT;
    while (slice_split(&text, '\n', &line)) {
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len && line.ptr[0] == '#')
            continue;
        if (!slice_trim(line).len) {
            end_stanza(&s, suite, out);
            field = LEFT_OUT;
            continue;
        }
        if (line.ptr[0] == ' ' || line.ptr[0] == '\t') { /* goes on with the field before */
            take_field(&s, field, slice_trim(line), line, codename);
            continue;
        }
        size_t colon = slice_find(line, ':');
        field = field_named(slice_to(line, colon));
        struct slice value = slice_from(line, min_size(colon + 1, line.len));
        take_field(&s, field, slice_trim(value), line, codename);
    }
    end_stanza(&s, suite, out);
}

/* ---- lines ---- */

/* [signed-by=/a,/b trusted=yes arch=amd64] */
static void take_options(struct slice options, struct text *kept)
{
    static const struct {
        const char *key, *field;
    } rows[] = {{"signed-by=", "Signed-By: "}, {"trusted=", "Trusted: "}};
    struct slice option;
    while (next_word(&options, &option)) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            struct slice key = slice_of(rows[i].key);
            if (!slice_begins(option, key))
                continue;
            text_add(kept, slice_of(rows[i].field));
            for (size_t c = key.len; c < option.len; c++)
                text_byte(kept, option.ptr[c] == ',' ? ' ' : option.ptr[c]);
            text_byte(kept, '\n');
        }
    }
}

static void rewrite_line(struct slice line, const char *codename, const char *suite,
                         struct text *out)
{
    struct slice word, uri, of_suite, options = {0};
    struct text kept = {0};
    line = slice_to(line, slice_find(line, '#'));
    if (!next_word(&line, &word) || !slice_is(word, SLICE("deb")))
        return;
    line = slice_trim(line);
    if (line.len && line.ptr[0] == '[') {
        size_t end = slice_find(line, ']');
        options = (struct slice){line.ptr + 1, end - 1};
        line = slice_from(line, min_size(end + 1, line.len));
    }
    if (!next_word(&line, &uri) || slice_begins(uri, SLICE("cdrom:")) ||
        !next_word(&line, &of_suite) || !has_suite(of_suite, codename) || !has_word(line, "main"))
        return;
    text_format(&kept, "URIs: %.*s\n", SLICE_ARG(uri));
    take_options(options, &kept);
    if (!kept.failed)
        put_stanza(text_slice(&kept), suite, out);
    out->failed |= kept.failed;
    text_fini(&kept);
}

void sources_rewrite(struct slice text, bool lines, const char *codename, const char *suite,
                     struct text *out)
{
    struct slice line;
    if (!lines) {
        rewrite_stanzas(text, codename, suite, out);
        return;
    }
    while (slice_split(&text, '\n', &line)) {
        /* tabs divide, too */
        struct text plain = {0};
        for (size_t i = 0; i < line.len; i++)
            text_byte(&plain, line.ptr[i] == '\t' || line.ptr[i] == '\r' ? ' ' : line.ptr[i]);
        rewrite_line(text_slice(&plain), codename, suite, out);
        out->failed |= plain.failed;
        text_fini(&plain);
    }
}

/* ---- the machine's ---- */

static void take_file(const char *path, bool lines, const char *const suites[2], struct text *out)
{
    struct text all = {0};
    if (!os_read_file(AT_FDCWD, path, FILE_BYTES, &all,
                      NULL)) /* what we may not read is not ours */
        sources_rewrite(text_slice(&all), lines, suites[0], suites[1], out);
    text_fini(&all);
}

static int is_source(const struct dirent *entry)
{
    struct slice name = slice_of(entry->d_name);
    return slice_ends(name, SLICE(".sources")) || slice_ends(name, SLICE(".list"));
}

enum err sources_gather(const char *top, const char *codename, const char *suite, struct text *out,
                        struct why *why)
{
    const char *const suites[2] = {codename, suite};
    struct dirent **entries = NULL;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/etc/apt/sources.list", top);
    take_file(path, true, suites, out);
    snprintf(path, sizeof path, "%s/etc/apt/sources.list.d", top);
    int n = scandir(path, &entries, is_source, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/etc/apt/sources.list.d/%s", top, entries[i]->d_name);
        if ((unsigned)i < MOST_FILES)
            take_file(path, slice_ends(slice_of(path), SLICE(".list")), suites, out);
        mem_free(entries[i]);
    }
    mem_free(entries);
    if (out->failed)
        return why_set(why, ERR_NO_MEMORY, "no memory for apt's sources");
    return out->len ? OK
                    : why_set(why, ERR_NOT_FOUND,
                              "nothing in %s/etc/apt serves Debian's main part, so where its "
                              "packages are is not known",
                              top);
}
