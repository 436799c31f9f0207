/* What room pack reads of others, chosen by the first byte: a pack.json, the listing of an
 * archive, the machine's sources for apt in both forms, what a program says of its version. No
 * path of a pack that was accepted leads out of where it lies, no name of an archive that was
 * accepted begins at the root or goes up, and every field of a pack is there. */
#include "pack/inside.h"

#include "fuzz.h"

static bool goes_up(struct slice path)
{
    struct slice part;
    while (slice_split(&path, '/', &part)) {
        if (slice_is(part, SLICE("..")))
            return true;
    }
    return false;
}

static void read_manifest(struct slice bytes, struct arena *a)
{
    struct manifest m;
    MUST(manifest_take("/e", "id", bytes, a, &m) == OK);
    const struct pack *p = &m.pack;
    const char *const words[] = {p->id,      p->engine,  p->version, p->source, p->flavour,
                                 p->program, p->backend, p->trouble, p->origin};
    for (size_t i = 0; i < COUNT(words); i++) {
        MUST(words[i]);
        MUST(!memchr(words[i], '\033', strlen(words[i])));
    }
    if (*p->trouble || !*p->program)
        return;
    MUST(p->program[0] == '/' && !goes_up(slice_of(p->program)));
    MUST(!goes_up(slice_of(p->backend)));
    const char *inside = m.kind == PLACE_ROOT ? p->root : p->folder;
    MUST(inside && !goes_up(slice_of(inside)));
    if (m.kind != PLACE_OUTSIDE)
        MUST(!strncmp(inside, "/e/id/", 6));
    if (m.kind != PLACE_ROOT)
        MUST(!strncmp(p->program, p->folder, strlen(p->folder)));
}

static void judge_listing(struct slice listing)
{
    struct slice line;
    if (archive_judge(listing, NULL))
        return;
    while (slice_split(&listing, '\n', &line)) {
        MUST(!line.len || memchr("-dlh", line.ptr[0], 4));
        struct slice column;
        for (unsigned i = 0; i < 5 && line.len; i++) {
            while (line.len && line.ptr[0] == ' ')
                line = slice_from(line, 1);
            slice_split(&line, ' ', &column);
        }
        MUST(!line.len || line.ptr[0] != '/');
    }
}

static void rewrite(struct slice text, bool lines)
{
    struct text out = {0};
    sources_rewrite(text, lines, "bookworm", "testing", &out);
    MUST(!out.failed);
    MUST(!out.len || slice_begins(text_slice(&out), SLICE("Types: deb\nSuites: testing\n")));
    text_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct arena a = {0};
    if (!n)
        return 0;
    struct slice rest = {(const char *)bytes + 1, n - 1};
    switch (bytes[0]) {
    case 'p':
        read_manifest(rest, &a);
        break;
    case 'a':
        judge_listing(rest);
        break;
    case 's':
    case 'l':
        rewrite(rest, bytes[0] == 'l');
        break;
    case 'v':
        if (version_read(rest, &a))
            MUST(strlen(version_read(rest, &a)) < 400);
        break;
    default:
        break;
    }
    arena_fini(&a);
    return 0;
}
