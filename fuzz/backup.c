/* What is read of an archive that says it is a backup, by its first byte: a head, a manifest.
 * Every name that is taken is one of our own table's, below the folder that it belongs to; what was
 * taken of a head is what putting it again says. */
#include "backup/inside.h"

#include "fuzz.h"

static void take_head(struct slice bytes)
{
    unsigned char block[TAR_BLOCK] = {0}, again[TAR_BLOCK];
    struct tar_entry entry, same;
    if (bytes.len)
        memcpy(block, bytes.ptr, min_size(bytes.len, sizeof block));
    /* No mutation finds a right sum: it is computed, as anybody can who makes one. */
    unsigned sum = 0;
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < sizeof block; i++)
        sum += block[i];
    snprintf((char *)block + 148, 8, "%06o", sum);
    if (!tar_take(block, &entry))
        return;
    MUST(strlen(entry.name) > 0 && strlen(entry.name) < TAR_NAME);
    MUST(entry.mode <= 0777);
    MUST(!tar_is_end(block));
    if (!kind_of(slice_of(entry.name)) || !tar_put(&entry, again))
        return;
    MUST(tar_take(again, &same));
    MUST(!strcmp(entry.name, same.name) && entry.size == same.size && entry.mode == same.mode);
}

static void judge_member(const struct member *f)
{
    struct slice name = slice_of(f->name), folder = slice_of(place_folder(f->kind->place));
    MUST(f->kind == kind_of(name));
    MUST(slice_begins(name, folder) && f->last == f->name + folder.len + 1);
    MUST(*f->last && *f->last != '/' && !strchr(f->last, '/') && strcmp(f->last, "..") != 0);
    MUST(f->kind->database || f->size <= MOST_SMALL);
}

static void read_manifest(struct slice bytes, struct arena *a)
{
    struct manifest m, again;
    struct text text = {0};
    struct why why = {0};
    enum err e = members_read(a, bytes, &m, &why);
    MUST(!e || e == why.code);
    if (e)
        return;
    MUST(m.n && m.n <= MOST_MEMBERS);
    for (size_t i = 0; i < m.n; i++)
        judge_member(&m.members[i]);
    MUST(!members_write(&m, &text));
    MUST(!members_read(a, text_slice(&text), &again, &why));
    MUST(m.n == again.n && m.secrets == again.secrets && !strcmp(m.version, again.version));
    text_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena a = {0};
    if (!n)
        return 0;
    struct slice rest = {(const char *)bytes + 1, n - 1};
    if (bytes[0] == 't')
        take_head(rest);
    else if (bytes[0] == 'm')
        read_manifest(rest, &a);
    arena_fini(&a);
    return 0;
}
