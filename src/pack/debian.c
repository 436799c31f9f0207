/* debian: an engine from the distribution's own packages: fetched by apt under a state folder of
 * our own, signatures checked with the machine's keyring, and unpacked into the pack's root.
 * Nothing of the machine's own apt or dpkg is touched and root is not needed.
 *
 * apt reads the machine's settings (a proxy, say), then ours. It is told that some packages are
 * there which an engine's server never needs (see engines.def), and that nothing but Debian's
 * own archive may give any, whatever else the machine has sources for. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypt/crypt.h"
#include "os/os.h"
#include "pack/inside.h"

#define UPDATE_MS (10u * 60000u)
#define FETCH_MS (60u * 60000u)
#define SHORT_MS 60000u
#define UNPACK_MS (5u * 60000u)
#define APT_WORDS 40u
#define DEBS_MOST 1000u
#define VARIABLES_MOST 500u

struct debian {
    struct change c;
    struct pack_work *w;
    struct arena *a;
    const struct debian_row *row;
    const char *apt;          /* our folder for apt */
    const char **environment; /* the user's with ours in it */
    char architecture[32];
    const char *suite, *version; /* of the package that was found */
    const char *origin;
    uint64_t debs, bytes;        /* to be fetched */
    uint64_t lists;              /* bytes of lists that were */
    const char *watched, *doing; /* whose size shows how far apt is */
};

/* ---- running apt ---- */

static void show_progress(void *owner)
{
    struct debian *d = owner;
    struct tree tree = {0};
    if (d->w->progress && !tree_walk(AT_FDCWD, d->watched, TREE_COUNT, &tree, NULL))
        d->w->progress(d->w, d->doing, tree.bytes, d->bytes);
}

static enum err run(struct debian *d, const char *const *argv, uint64_t deadline_ms,
                    struct process *ret, struct why *why)
{
    const struct process_run r = {
        .plan = {.argv = argv, .environment = d->environment, .most = 1u << 20},
        .deadline_ms = deadline_ms,
        .waits = d->watched ? show_progress : NULL,
        .owner = d};
    return process_run(&r, ret, why);
}

/* "E: ..." is apt's word for what went wrong; the last one sums up. */
static enum err apt_failed(const struct process *p, const char *what, struct why *why)
{
    struct slice line = process_last_line(text_slice(&p->err.text), "E:");
    if (!line.len)
        line = process_last_line(text_slice(&p->err.text), "W: Failed");
    if (!line.len)
        line = process_last_line(text_slice(&p->out.text), "Err:");
    if (!line.len)
        line = process_last_line(text_slice(&p->err.text), NULL);
    return why_set(why, ERR_SYSTEM, "%s: apt says: %.*s", what,
                   SLICE_ARG(slice_to(line, min_size(line.len, 200))));
}

/* apt-get with words of ours and the packages of the row behind them. */
static enum err apt_get(struct debian *d, const char *const *words, bool packages,
                        uint64_t deadline_ms, struct process *ret, struct why *why)
{
    const char *argv[APT_WORDS] = {"apt-get", "-q", "-y"};
    size_t n = 3;
    for (; *words; words++)
        argv[n++] = *words;
    for (size_t i = 0; packages && d->row->packages[i]; i++)
        argv[n++] = d->row->packages[i];
    assert(n < APT_WORDS);
    return run(d, argv, deadline_ms, ret, why);
}

/* ---- our folder for apt ---- */

static enum err write_in(struct debian *d, const char *name, const struct text *text,
                         struct why *why)
{
    const char *path = path_join(d->a, d->apt, name);
    if (!path || text->failed)
        return why_set(why, ERR_NO_MEMORY, "no memory for apt's settings");
    return os_write_file_whole(AT_FDCWD, path, text_slice(text), 0644, why);
}

/* The machine's main file is read by ours, since ours stands in its place: last of all. */
static void put_settings(struct debian *d, struct text *entry, struct text *settings)
{
    const char *theirs = path_join(d->a, d->w->top, "etc/apt/apt.conf");
    if (theirs && access(theirs, R_OK) == 0)
        text_format(entry, "#include \"%s\";\n", theirs);
    text_format(entry, "Dir::Etc::Main \"%s/settings\";\n", d->apt);
    text_format(entry, "Dir::Etc::Parts \"%s/etc/apt/apt.conf.d\";\n", d->w->top);
    text_add(settings, SLICE("#clear APT::Update;\n#clear DPkg;\n#clear APT::Architectures;\n"));
    text_format(settings,
                "Dir::Etc::SourceList \"/dev/null\";\n"
                "Dir::Etc::SourceParts \"%s/sources.list.d\";\n",
                d->apt);
    text_format(settings,
                "Dir::Etc::Preferences \"%s/preferences\";\n"
                "Dir::Etc::PreferencesParts \"/dev/null\";\n",
                d->apt);
    text_format(settings, "Dir::State \"%s\";\nDir::State::Lists \"%s/lists\";\n", d->apt, d->apt);
    text_format(settings, "Dir::State::status \"%s/status\";\nDir::Cache \"%s/cache\";\n", d->apt,
                d->apt);
    text_format(settings,
                "APT::Sandbox::User \"\";\nAPT::Architecture \"%s\";\n"
                "APT::Architectures { \"%s\"; };\n",
                d->architecture, d->architecture);
    text_add(settings, SLICE("APT::Install-Recommends \"false\";\nAcquire::Languages \"none\";\n"
                             "Acquire::GzipIndexes \"true\";\nAcquire::Retries \"2\";\n"
                             "Acquire::http::Timeout \"30\";\nAcquire::https::Timeout \"30\";\n"));
}

static void put_present(const struct debian *d, struct text *status)
{
    for (size_t i = 0; d->row->without[i]; i++)
        text_format(status,
                    "Package: %s\nStatus: install ok installed\nArchitecture: %s\n"
                    "Multi-Arch: foreign\nVersion: 9999\nMaintainer: hearth\n"
                    "Description: not needed here\n\n",
                    d->row->without[i], d->architecture);
}

static enum err write_settings(struct debian *d, struct why *why)
{
    struct text entry = {0}, settings = {0}, status = {0}, pins = {0};
    put_settings(d, &entry, &settings);
    put_present(d, &status);
    text_add(&pins, SLICE("Package: *\nPin: release o=Debian\nPin-Priority: 500\n\n"
                          "Package: *\nPin: release o=*\nPin-Priority: -1\n"));
    enum err e = write_in(d, "apt.conf", &entry, why);
    if (!e)
        e = write_in(d, "settings", &settings, why);
    if (!e)
        e = write_in(d, "status", &status, why);
    if (!e)
        e = write_in(d, "preferences", &pins, why);
    text_fini(&entry);
    text_fini(&settings);
    text_fini(&status);
    text_fini(&pins);
    return e;
}

static enum err make_environment(struct debian *d, struct why *why)
{
    const char *const *theirs = d->w->environment;
    const char **ours = arena_array(d->a, const char *, VARIABLES_MOST + 3);
    const char *config = arena_format(d->a, "APT_CONFIG=%s/apt.conf", d->apt).ptr;
    size_t n = 0;
    if (!ours || !config)
        return why_set(why, ERR_NO_MEMORY, "no memory for apt's environment");
    for (; theirs && *theirs && n < VARIABLES_MOST; theirs++) {
        struct slice v = slice_of(*theirs);
        if (!slice_begins(v, SLICE("APT_CONFIG=")) && !slice_begins(v, SLICE("LC_ALL=")) &&
            !slice_begins(v, SLICE("LANGUAGE=")))
            ours[n++] = *theirs;
    }
    ours[n++] = config;
    ours[n++] = "LC_ALL=C";
    d->environment = ours;
    return OK;
}

static enum err ask_architecture(struct debian *d, struct why *why)
{
    const char *const argv[] = {"dpkg", "--print-architecture", NULL};
    struct process p;
    enum err e = run(d, argv, SHORT_MS, &p, why);
    if (e)
        return e;
    struct slice said = process_last_line(text_slice(&p.out.text), NULL);
    e = process_check(&p, "dpkg --print-architecture", why);
    if (!e && (!id_is_good(said) || said.len >= sizeof d->architecture))
        e = why_set(why, ERR_SYSTEM, "dpkg does not tell this machine's architecture");
    if (!e)
        snprintf(d->architecture, sizeof d->architecture, "%.*s", SLICE_ARG(said));
    process_fini(&p);
    return e;
}

static enum err prepare(struct debian *d, struct why *why)
{
    static const char *const folders[] = {"apt/lists/partial", "apt/cache/archives/partial",
                                          "apt/sources.list.d", NAME_ROOT};
    enum err e = OK;
    d->apt = path_join(d->a, d->c.path, "apt");
    if (!d->apt)
        return why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (strpbrk(d->apt, "\"\\\n;"))
        return why_set(why, ERR_BAD_VALUE, "apt cannot take the path %.200s", d->apt);
    for (size_t i = 0; !e && i < COUNT(folders); i++)
        e = tree_make(d->c.folder, folders[i], why);
    if (!e)
        e = make_environment(d, why);
    if (!e)
        e = ask_architecture(d, why);
    return e ? e : write_settings(d, why);
}

/* ---- the lists of a suite ---- */

/* The day in a list's head, "Sat, 17 Oct 2026 08:29:31 UTC". */
static const char *date_of_list(struct debian *d)
{
    const char *folder = path_join(d->a, d->apt, "lists");
    DIR *dir = folder ? opendir(folder) : NULL;
    const char *date = NULL;
    struct dirent *entry;
    while (dir && !date && (entry = readdir(dir))) {
        struct text head = {0};
        if (slice_ends(slice_of(entry->d_name), SLICE("Release")) &&
            !os_read_file(dirfd(dir), entry->d_name, 4u << 20, &head, NULL)) {
            struct slice line = process_last_line(text_slice(&head), "Date:");
            if (line.len)
                date = arena_cstr(d->a, slice_trim(slice_from(line, 5)));
        }
        text_fini(&head);
    }
    if (dir)
        closedir(dir);
    return date ? date : "an unknown date";
}

static bool has_said(const struct process *p, struct slice words)
{
    const struct text *said[] = {&p->err.text, &p->out.text};
    for (size_t i = 0; i < COUNT(said); i++) {
        if (said[i]->len && memmem(said[i]->ptr, said[i]->len, words.ptr, words.len))
            return true;
    }
    return false;
}

/* "Fetched 10.3 MB in 7s (...)" */
static struct slice fetched(const struct process *p)
{
    struct slice line = process_last_line(text_slice(&p->out.text), "Fetched ");
    const char *end = line.len ? memmem(line.ptr, line.len, " in ", 4) : NULL;
    return end ? (struct slice){line.ptr + 8, (size_t)(end - line.ptr) - 8} : SLICE("0 B");
}

/* "10.3 MB", as apt writes it. */
static uint64_t bytes_of(struct slice words)
{
    static const char units[] = "kMG";
    uint64_t tenths = 0, unit = 1;
    bool part = false;
    size_t i = 0;
    for (; i < words.len && i < 12 && words.ptr[i] != ' '; i++) {
        part |= words.ptr[i] == '.';
        if (words.ptr[i] >= '0' && words.ptr[i] <= '9')
            tenths = tenths * 10 + (uint64_t)(words.ptr[i] - '0');
    }
    const char *named = i + 1 < words.len ? strchr(units, words.ptr[i + 1]) : NULL;
    for (const char *u = units; named && u <= named; u++)
        unit *= 1000;
    return (part ? tenths : tenths * 10) * unit / 10;
}

static enum err update(struct debian *d, const char *suite, struct why *why)
{
    static const char *const usual[] = {"update", NULL};
    static const char *const late[] = {"-o", "Acquire::Check-Valid-Until=false", "update", NULL};
    struct process p;
    uint64_t began = os_mono_ms();
    d->doing = "fetching the list of packages";
    d->watched = path_join(d->a, d->apt, "lists");
    d->bytes = 0;
    enum err e = apt_get(d, usual, false, UPDATE_MS, &p, why);
    bool over = !e && has_said(&p, SLICE("is expired"));
    if (over) {
        process_fini(&p);
        e = apt_get(d, late, false, UPDATE_MS, &p, why);
    }
    d->watched = NULL;
    if (e)
        return e;
    d->lists += bytes_of(fetched(&p));
    if (over)
        say(d->w, "the mirror's list of %s is over its date; used all the same", date_of_list(d));
    say(d->w, "fetched the list of Debian %s, %.*s, %s", suite, SLICE_ARG(fetched(&p)),
        words_seconds(d->a, began));
    /* A mirror of somebody else's may have no such suite, which apt calls a failure of all: what
     * counts is whether the package can be had. But keep the words. Without a network apt calls it
     * a success. */
    if (p.code || has_said(&p, SLICE("Some index files failed to download")))
        e = apt_failed(&p, "the list of packages cannot be fetched", why);
    process_fini(&p);
    return e;
}

/* ---- what is to be fetched ---- */

/* 'URI' llama.cpp-tools_1%3a0.7.0+dfsg-2_amd64.deb 1642656 SHA256:... */
static void take_uri(struct debian *d, struct slice line, struct text *names)
{
    struct slice uri, name, size;
    uint64_t bytes = 0;
    if (!line.len || line.ptr[0] != '\'' || !slice_split(&line, ' ', &uri) ||
        !slice_split(&line, ' ', &name) || !slice_split(&line, ' ', &size) ||
        !slice_u64(size, &bytes))
        return;
    d->debs++;
    d->bytes += bytes;
    text_add(names, name);
    text_byte(names, '\n');
    struct slice rest = name, package, version;
    if (slice_split(&rest, '_', &package) && slice_split(&rest, '_', &version) &&
        slice_is(package, slice_of(d->row->packages[0])))
        d->version = arena_cstr(d->a, version);
}

/* What this pack is made of, so that the same is known again. */
static const char *digest(struct debian *d, const struct text *names)
{
    unsigned char hash[HASH_BYTES];
    struct text hex = {0};
    if (!crypt_start() || names->failed || crypt_sha256(text_slice(names), hash))
        return "";
    crypt_hex((struct slice){(const char *)hash, 16}, &hex);
    const char *words = arena_cstr(d->a, text_slice(&hex));
    text_fini(&hex);
    return words ? words : "";
}

/* ERR_NOT_FOUND when the suite does not have it. */
static enum err plan(struct debian *d, struct why *why)
{
    static const char *const words[] = {"--print-uris", "install", NULL};
    struct process p;
    enum err e = apt_get(d, words, true, SHORT_MS, &p, why);
    if (e)
        return e;
    d->debs = d->bytes = 0;
    d->version = NULL;
    if (p.code) {
        bool none =
            memmem(p.err.text.ptr ? p.err.text.ptr : "", p.err.text.len, "Unable to locate", 16) ||
            memmem(p.err.text.ptr ? p.err.text.ptr : "", p.err.text.len,
                   "no installation candidate", 25);
        e = apt_failed(&p, "the packages cannot be chosen", why);
        e = none ? ERR_NOT_FOUND : e;
    } else {
        struct text names = {0};
        struct slice rest = text_slice(&p.out.text), line;
        while (slice_split(&rest, '\n', &line))
            take_uri(d, line, &names);
        d->origin = digest(d, &names);
        text_fini(&names);
        if (!d->version || d->debs > DEBS_MOST)
            e = why_set(why, ERR_SYSTEM, "apt does not say where %s is", d->row->packages[0]);
    }
    process_fini(&p);
    return e;
}

static enum err write_sources(struct debian *d, const char *codename, const char *suite,
                              struct why *why)
{
    struct text sources = {0};
    enum err e = sources_gather(d->w->top, codename, suite, &sources, why);
    if (!e)
        e = write_in(d, "sources.list.d/hearth.sources", &sources, why);
    text_fini(&sources);
    return e;
}

/* The first suite of the table that has it, or the one that is wished for. */
static enum err find_suite(struct debian *d, const char *wished, const char *codename,
                           struct why *why)
{
    struct why list = {0}, last = {0};
    bool none = false;
    const char *row;
    for (size_t i = 0; (row = suite_row(i)) && (!wished || i == 0); i++) {
        const char *suite = wished ? wished : *row ? row : codename;
        enum err e = *suite ? write_sources(d, codename, suite, why) : ERR_NOT_FOUND;
        if (e && *suite)
            return e;
        if (e)
            continue; /* a machine whose suite has no name */
        enum err listed = update(d, suite, &list);
        e = plan(d, &last);
        if (!e) {
            d->suite = suite;
            return OK;
        }
        none |= e == ERR_NOT_FOUND && !listed;
        if (e != ERR_NOT_FOUND) {
            *why = last;
            return e;
        }
        if (!listed)
            say(d->w, "Debian %s has no %s", suite, d->row->packages[0]);
    }
    if (none || !list.code)
        return why_set(why, ERR_NOT_FOUND, "%s package %s",
                       wished ? "this suite has no" : "no suite of Debian has a",
                       d->row->packages[0]);
    *why = list;
    return ERR_SYSTEM;
}

/* ---- fetching and unpacking ---- */

static enum err fetch(struct debian *d, struct why *why)
{
    static const char *const words[] = {"--download-only", "install", NULL};
    struct process p;
    uint64_t began = os_mono_ms();
    d->doing = "fetching packages";
    d->watched = path_join(d->a, d->apt, "cache/archives");
    enum err e = apt_get(d, words, true, FETCH_MS, &p, why);
    d->watched = NULL;
    if (e)
        return e;
    if (p.code)
        e = apt_failed(&p, "the packages cannot be fetched", why);
    else
        say(d->w, "fetched %llu packages, %s, %s", (unsigned long long)d->debs,
            words_bytes(d->a, d->bytes), words_seconds(d->a, began));
    process_fini(&p);
    return e;
}

static enum err unpack_one(struct debian *d, const char *folder, const char *name, struct why *why)
{
    const char *deb = path_join(d->a, folder, name), *root = path_join(d->a, d->c.path, NAME_ROOT);
    const char *const argv[] = {"dpkg-deb", "-x", deb, root, NULL};
    struct process p;
    enum err e = deb && root ? run(d, argv, UNPACK_MS, &p, why)
                             : why_set(why, ERR_NO_MEMORY, "no memory for a path");
    if (e)
        return e;
    e = process_check(&p, "unpacking a package", why);
    process_fini(&p);
    return e;
}

static enum err unpack(struct debian *d, struct why *why)
{
    const char *folder = path_join(d->a, d->apt, "cache/archives");
    DIR *dir = folder ? opendir(folder) : NULL;
    uint64_t began = os_mono_ms(), n = 0;
    struct dirent *entry;
    enum err e = OK;
    if (!dir)
        return why_sys(why, ERR_SYSTEM, errno, "cannot read what apt fetched");
    while (!e && (entry = readdir(dir))) {
        if (!slice_ends(slice_of(entry->d_name), SLICE(".deb")))
            continue;
        e = unpack_one(d, folder, entry->d_name, why);
        if (d->w->progress)
            d->w->progress(d->w, "unpacking", ++n, d->debs);
    }
    closedir(dir);
    if (!e)
        say(d->w, "unpacked them in %s", words_seconds(d->a, began));
    return e;
}

/* ---- what makes a root of it ---- */

/* No engine reads these. */
static const char *const needless[] = {
    "usr/share/doc",     "usr/share/man",     "usr/share/info",
    "usr/share/locale",  "usr/share/lintian", "usr/share/bash-completion",
    "usr/share/pixmaps", "usr/share/gdb",
};

static const char *const merged[] = {"bin", "sbin", "lib", "lib64"};

static enum err finish_root(struct debian *d, struct why *why)
{
    int root = openat(d->c.folder, NAME_ROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum err e = root < 0 ? why_sys(why, os_err_of(errno), errno, "cannot open the root") : OK;
    for (size_t i = 0; !e && i < COUNT(needless); i++) {
        struct stat is;
        if (fstatat(root, needless[i], &is, AT_SYMLINK_NOFOLLOW) == 0)
            e = tree_walk(root, needless[i], TREE_REMOVE, NULL, why);
    }
    for (size_t i = 0; !e && mount_points[i]; i++)
        e = tree_make(root, mount_points[i], why);
    for (size_t i = 0; !e && i < COUNT(merged); i++) {
        char to[32];
        struct stat is;
        snprintf(to, sizeof to, "usr/%s", merged[i]);
        if (fstatat(root, to, &is, 0) == 0 && symlinkat(to, root, merged[i]) != 0 &&
            errno != EEXIST)
            e = why_sys(why, os_err_of(errno), errno, "cannot link %s", merged[i]);
    }
    if (root >= 0)
        close(root);
    return e ? e : tree_walk(d->c.folder, "apt", TREE_REMOVE, NULL, why);
}

/* 1%3a0.7.0+dfsg-2 is 0.7.0: without epoch, revision and what Debian did to it. */
static const char *upstream_version(struct arena *a, const char *debian)
{
    struct slice v = slice_of(debian);
    const char *colon = strstr(debian, "%3a");
    if (colon)
        v = slice_from(v, (size_t)(colon - debian) + 3);
    for (size_t i = v.len; i > 0; i--) {
        if (v.ptr[i - 1] == '-') {
            v.len = i - 1;
            break;
        }
    }
    v = slice_to(v, slice_find(v, '+'));
    v = slice_to(v, slice_find(v, '~'));
    const char *version = arena_cstr(a, v);
    return version ? version : "";
}

static enum err make(struct debian *d, struct pack_made *ret, struct why *why)
{
    const struct pack_engine *engine = pack_engine_named(d->row->engine);
    const char *program = arena_format(d->a, "usr/bin/%s", engine->program).ptr;
    const char *source = arena_format(d->a, "debian %s", d->suite).ptr;
    if (!program || !source)
        return why_set(why, ERR_NO_MEMORY, "no memory for the pack");
    struct manifest m = {.kind = PLACE_ROOT,
                         .pack = {.id = d->c.name,
                                  .engine = d->row->engine,
                                  .version = upstream_version(d->a, d->version),
                                  .source = source,
                                  .flavour = d->row->flavour,
                                  .backend = "",
                                  .trouble = "",
                                  .origin = d->origin}};
    enum err e = fetch(d, why);
    if (!e)
        e = unpack(d, why);
    if (!e)
        e = finish_root(d, why);
    if (!e)
        e = manifest_place(d->w->engines, program, d->a, &m, why);
    if (!e)
        e = change_commit(&d->c, &m, "debian", ret, why);
    ret->fetched = d->bytes;
    ret->files = d->debs;
    return e;
}

static enum err check_wish(struct debian *d, const struct pack_wish *wish, struct why *why)
{
    if (!pack_engine_named(wish->engine))
        return why_set(why, ERR_BAD_REQUEST, "there is no engine %.60s to install", wish->engine);
    d->row = debian_row(wish->engine, wish->flavour);
    if (!d->row)
        return why_set(why, ERR_BAD_REQUEST, "Debian has no %.60s of the flavour %.60s",
                       wish->engine, wish->flavour);
    if (wish->suite && !id_is_good(slice_of(wish->suite)))
        return why_set(why, ERR_BAD_REQUEST, "%.60s is no suite's name", wish->suite);
    return OK;
}

enum err pack_install(struct pack_work *w, const struct pack_wish *wish, struct pack_made *ret,
                      struct why *why)
{
    struct debian d = {.w = w, .a = w->arena};
    struct os_release os;
    struct pack_made made = {0};
    enum err e = check_wish(&d, wish, why);
    if (e)
        return e;
    os_release_read(w->top, &os);
    if (strcmp(os.id, "debian") != 0)
        return why_set(why, ERR_NOT_IMPLEMENTED,
                       "packs are made of Debian's packages, and this system is %.30s",
                       os.id[0] ? os.id : "another one");
    e = change_begin(w, &d.c, why);
    if (e)
        return e;
    e = change_make_folder(&d.c, why);
    if (!e)
        e = prepare(&d, why);
    if (!e)
        e = find_suite(&d, wish->suite, os.codename, why);
    if (!e)
        made.pack = change_twin(&d.c, d.row->engine, d.row->flavour, d.origin);
    made.was_there = made.pack != NULL;
    if (!e && !made.was_there)
        e = make(&d, &made, why);
    made.fetched += d.lists;
    change_end(&d.c);
    if (!e)
        *ret = made;
    return e;
}
